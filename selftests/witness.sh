# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by tests after lib.sh: what the device says, and what other witnesses say.

scratch=$(mktemp -d)
calls=(mlock2 mlock munlock mlockall munlockall)

# drain FILE: every event so far, without waiting for more.
drain() {
	dd if=/dev/mlock2mon of="$1" iflag=nonblock bs=1M status=none 2>"$scratch/drain"
	grep -q 'Resource temporarily unavailable' "$scratch/drain" ||
		bail "cannot read /dev/mlock2mon: $(<"$scratch/drain")"
}

# unbroken FILE: events from the first on, each with its time, none lost.
unbroken() {
	awk '
		$1 != "seq=" NR || $2 !~ /^ts=[0-9]+\.[0-9]+$/ || $3 !~ /^cpu=[0-9]+$/ {
			print "line " NR ": " $0
			exit failed = 1
		}
		END { exit failed }' "$1"
}

# project FILE: events without what their makers cannot know.
project() {
	sed -E 's/^seq=[0-9]+ ts=[0-9]+\.[0-9]{9} cpu=[0-9]+ //; s/ dur_ns=[0-9]+( locked_kb=)/\1/' "$1"
}

# by_thread: the order within a thread is kept, that among threads is not.
by_thread() {
	sort -s -n -k 1,1
}

# testify HOW OUT FILE...: what a witness said, a line a call, thread by thread.
testify() {
	local how=$1 out=$2
	shift 2

	witness "$how" "$@" >"$scratch/testify" || bail "witness $how did not understand"
	by_thread <"$scratch/testify" >"$out"
}

# same FILE FILE: not one difference, and something to differ in.
same() {
	[[ -s $1 ]] && diff -U 1 --label witness --label module "$1" "$2" >"$scratch/diff" && return
	head -n 40 "$scratch/diff"
	return 1
}

# noticed PROMISE LINES FILE SCRIPT: of a comparison that could not fail nothing would
# follow. The script must really change as many lines as it says.
noticed() {
	awk "$4" "$3" >"$scratch/doctored"
	if ! same "$3" "$scratch/doctored" >"$scratch/notice" &&
		(($(diff "$3" "$scratch/doctored" | grep -c '^[<>]') == $2)); then
		ok "$1"
	else
		not_ok "$1"
		note "$(<"$scratch/notice")"
	fi
}

# comparison_works FILE: 3 promises.
# shellcheck disable=SC2016 # the scripts are for awk
comparison_works() {
	noticed "a changed argument is noticed" 2 "$1" 'NR == 99 { $4 = "0x7b" } 1'
	noticed "a missing call is noticed" 1 "$1" 'NR != 77'
	noticed "two calls of a thread in the wrong order are noticed" 2 "$1" '
		!done && $1 == tid && $0 != line { print; print line; tid = ""; done = 1; next }
		tid != "" { print line; tid = "" }
		done { print; next }
		{ tid = $1; line = $0 }
		END { if (tid != "") print line }'
}

# tally KEY FILE...: the sum of KEY=NUMBER.
tally() {
	local key=$1
	shift

	cat "$@" | tr ' ' '\n' | awk -F = -v key="$key" '$1 == key { sum += $2 } END { print sum + 0 }'
}

# all_kinds FILE...: the programs did what they are for.
all_kinds() {
	local key

	for key in "${calls[@]}" success EPERM EINVAL ENOMEM; do
		(($(tally "$key" "$@") > 20)) || { echo "hardly any $key"; return 1; }
	done
}

# all_returned NUMBER: so many calls, and each has come back.
all_returned() {
	local call sum=0

	for call in "${calls[@]}"; do
		sum=$((sum + $(stat_of "$call.entries")))
		(($(stat_of "$call.entries") == $(stat_of "$call.returns"))) ||
			{ grep "^$call\." "$stats"; return 1; }
		(($(stat_of "$call.in_flight") == 0 && $(stat_of "$call.missed") == 0)) ||
			{ grep "^$call\." "$stats"; return 1; }
	done
	((sum == $1)) || { echo "$sum entries, $1 calls"; return 1; }
}

# one_after_another FILE: no thread is in two calls at once.
one_after_another() {
	sed -E 's/^seq=[0-9]+ ts=([0-9]+)\.([0-9]{9}) .* tid=([0-9]+) uid=.* dur_ns=([0-9]+) locked_kb=.*/\1\2 \3 \4/' "$1" |
		awk '
			$1 < end[$2] { print "tid " $2 " enters at " $1 ", leaves at " end[$2]; exit failed = 1 }
			{ end[$2] = $1 + $3 }
			END { exit failed }'
}
