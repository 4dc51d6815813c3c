#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Compare what TOOL, a built mlock2mon, accepts with its help, its manual and its completion
# for bash: each subcommand and each option must be in all four. Prints what is not.
set -uo pipefail
cd "${SRC:?}" || exit 1
tool=$1
bad=0
# shellcheck disable=SC1091
. tools/mlock2mon.bash-completion

wrong() {
	echo "$*"
	bad=1
}

# helped [COMMAND]: the options that a help lists, "-x" and "--long", one a line.
helped() {
	"$tool" "$@" --help | grep -E '^  (    )?-' | sed -E 's/^ +//; s/(  | [A-Z]).*//' |
		tr ',' '\n' | sed -E 's/\[?=.*//; s/^ +//; s/ .*//' | grep . | sort -u
}

# manual COMMAND: the options that its part of the manual describes. The choices are described
# once, after those words, and meant wherever else they are named.
manual() {
	awk -v title="mlock2mon $1" '
		/^\.S[sh] / { inside = substr($0, 5) == title; choosing = 0 }
		/^\.Ar choices/ {
			choosing = 1
			for (option in choices)
				if (inside)
					print option
		}
		/^\.It Fl / {
			for (i = 2; i < NF; i++) {
				if ($i != "Fl")
					continue
				if (choosing)
					choices["-" $(i + 1)]
				if (inside)
					print "-" $(i + 1)
			}
		}' tools/mlock2mon.8 | sed -E 's/(Ns|\[|=).*//' | sort -u
}

# synopsis [COMMAND]: the long and short options of its entry in the synopsis.
synopsis() {
	awk -v want="${1:-}" '
		/^\.Sh / { inside = $2 == "SYNOPSIS"; next }
		!inside { next }
		/^\.Nm/ { command = "" }
		/Cm [a-z]/ && command == "" { command = $0; sub(/.*Cm /, "", command); sub(/ .*/, "", command) }
		command == want {
			for (i = 1; i < NF; i++) {
				if ($i ~ /^\.?Fl$/ || ($i == "|" && $(i + 1) ~ /^-/)) {
					option = $(i + 1)
					if (option == "Fl")
						continue
					sub(/\[.*|=.*/, "", option)
					if (option ~ /^-?[A-Za-z]/)
						print "-" option
				}
			}
		}' tools/mlock2mon.8 | sort -u
}

# completed WORD...: what the completion offers after these words, for one that begins with -.
completed() {
	COMP_WORDS=("$tool" "$@" -)
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	_mlock2mon
	printf '%s\n' "${COMPREPLY[@]}" | sort -u
}

# alone COMMAND OPTION: does it take no value? What comes next is an option then.
alone() {
	local said

	said=$(cd /proc && timeout 10 "$tool" "$1" "$2" --no-such-option </dev/null 2>&1)
	[[ $said == *"unrecognized option '--no-such-option'"* ]]
}

# check_completion COMMAND HELP: after an option comes another, unless it takes a value; none
# comes in a command that is to be run.
check_completion() {
	local option after

	for option in $2; do
		[[ $option == --?* && $option != --help ]] || continue
		after=$(completed "$1" "$option")
		if alone "$1" "$option"; then
			[[ $after == "$2" ]] || wrong "$1 $option: not all options are completed after it"
		else
			[[ -z $after ]] || wrong "$1 $option: options are completed as its value"
		fi
	done
	[[ $1 == explain || $1 == run ]] || return 0
	[[ -z $(completed "$1" -- ls) ]] || wrong "$1 -- ls: options are completed after it"
	[[ $1 == run ]] || return 0
	[[ -z $(completed run -b ls) ]] || wrong "run -b ls: options are completed after it"
	[[ $(completed run -o x) == "$2" ]] || wrong "run -o x: not all options are completed after it"
}

# same WHAT LIST NAME LIST NAME: two lists must not differ.
same() {
	local line

	while IFS=$'\t' read -r line; do
		[[ $line ]] || continue
		wrong "$1: $line"
	done < <(comm -23 <(echo "$2") <(echo "$4") | sed "s/\$/ is in $3, not in $5/"
		comm -13 <(echo "$2") <(echo "$4") | sed "s/\$/ is in $5, not in $3/")
}

# accepted COMMAND OPTION: does the parser know it? It is not to run: an option that takes a
# value misses it, and after another comes one that nobody knows.
accepted() {
	local said letter=${2#-}

	# In a directory where the option cannot become a file.
	said=$(cd /proc && timeout 10 "$tool" "$1" "$2" --no-such-option </dev/null 2>&1)
	[[ $said != *"unrecognized option '$2'"* && $said != *"invalid option -- '$letter'"* ]]
}

# all_options: each that some subcommand could have.
all_options() {
	grep -hoE '"[+:a-zA-Z0-9]+", names' tools/*.c | sed 's/, names//; s/[+:"]//g' |
		fold -w 1 | sort -u | sed 's/^/-/'
	grep -hoE '\{ "[a-z-]+",[[:space:]]*[a-z]+_argument' tools/*.c | sed -E 's/.*"(.*)".*/--\1/' | sort -u
}

check_command() {
	local command=$1 help option

	help=$(helped "$command")
	[[ $help ]] || wrong "$command: no options in its help"
	same "$command" "$help" help "$(manual "$command")" "the manual"
	same "$command" "$help" help "$(completed "$command")" "the completion"
	check_completion "$command" "$help"
	for option in $(all_options); do
		if grep -qFx -e "$option" <<<"$help"; then
			accepted "$command" "$option" || wrong "$command: $option is in help and not accepted"
		else
			! accepted "$command" "$option" || wrong "$command: $option is accepted and not in help"
		fi
	done
	for option in $(synopsis "$command"); do
		grep -qFx -e "$option" <<<"$help" || wrong "$command: $option is in the synopsis, not in help"
	done
}

commands=$("$tool" --help | awk '/^  [a-z]/ { print $1 }' | sort)
[[ $commands ]] || wrong "no subcommands in the help"
same mlock2mon "$commands" help "$(sed -n 's/^\.Ss mlock2mon //p' tools/mlock2mon.8 | sort)" "the manual"
same mlock2mon "$commands" help "$(_mlock2mon_commands "$tool" | sort)" "the completion"
same mlock2mon "$(helped)" help "$(completed)" "the completion"
same mlock2mon "$(helped)" help "$(synopsis)" "the synopsis"
for command in $commands; do
	check_command "$command"
done
exit "$bad"
