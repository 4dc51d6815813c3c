# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by tests after lib.sh: what the device says, and what other witnesses say.
# shellcheck disable=SC2154 # $stats is of lib.sh

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

# of_calls FILE: events without those that are about no call.
of_calls() {
	awk '$4 != "call=exit"' "$1"
}

# stands_for FILE [KEY=VALUE]: how many calls the events are about that have KEY=VALUE.
# Behind the last quote of a line nothing is the user's.
stands_for() {
	of_calls "$1" | sed 's/.*" addr=/addr=/' | awk -v want="${2-}" '
		want == "" || index($0 " ", " " want " ") {
			n += match($0, / repeat=[0-9]+/) ? substr($0, RSTART + 8, RLENGTH - 8) : 1
		}
		END { print n + 0 }'
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

# judge EVENTS: of what $scratch/want says must be seen, a line for each case, "ok NAME", "skip NAME REASON" or "bad NAME",
# and details with a # before them; at the end what belongs to no case. The order
# of two threads is not looked at.
judge() {
	awk '
		function number_of(key, line) {
			match(line, " " key "=[0-9]+ ")
			return substr(line, RSTART + length(key) + 2, RLENGTH - length(key) - 3)
		}
		function sort_in(lines, line,   tid) {
			tid = number_of("tid", line)
			if (!index(tids[name], " " tid " "))
				tids[name] = tids[name] " " tid " "
			lines[name, tid] = lines[name, tid] line "\n"
		}
		function joined(lines,   tid, n, i, text) {
			n = split(tids[name], tid, " ")
			for (i = 1; i <= n; i++)
				text = text lines[name, tid[i]]
			return text
		}
		function show(what, text, other,   line, n, i) {
			n = split(text, line, "\n")
			for (i = 1; i < n; i++)
				if (index("\n" other, "\n" line[i] "\n") == 0)
					print "# " what ": " line[i]
		}
		FNR == NR && $1 == "case" { order[++n] = name = $2; next }
		FNR == NR && $1 == "see" {
			sub(/^see /, "")
			sort_in(want, $0)
			owner[number_of("pid", $0)] = name
			next
		}
		FNR == NR && $1 == "when" { next }
		FNR == NR && $1 == "skip" { sub(/^skip /, ""); skipped[name] = $0; next }
		FNR == NR && $1 == "fail" { failed[name] = failed[name] "# " $0 "\n"; next }
		FNR == NR { print "# " name ": " $0; next }
		number_of("pid", $0) in owner { name = owner[number_of("pid", $0)]; sort_in(got, $0); next }
		{ alien = alien "# " $0 "\n" }
		END {
			for (i = 1; i <= n; i++) {
				name = order[i]
				expected = joined(want)
				seen = joined(got)
				if (failed[name] != "" || expected != seen) {
					print "bad " name
					printf "%s", failed[name]
					show("expected", expected, seen)
					show("seen", seen, expected)
				} else if (name in skipped)
					print "skip " name " " skipped[name]
				else if (expected == "")
					print "bad " name "\n# shows nothing"
				else
					print "ok " name
			}
			print alien == "" ? "ok alien" : "bad alien\n" alien
		}' "$scratch/want" "$1"
}

# within_calls EVENTS: each began and ended while its maker waited for it. The clock
# of the events may be a little off that of programs while it is being adjusted.
within_calls() {
	sed -E 's/^seq=[0-9]+ ts=([0-9]+)\.([0-9]{9}) .* tid=([0-9]+) uid=.* dur_ns=([0-9]+) locked_kb=.*/\1\2 \3 \4/' "$1" >"$scratch/times"
	awk -v slack=100000 '
		FNR == NR && $1 == "when" { from[$2, ++n[$2]] = $3; to[$2, n[$2]] = $4 }
		FNR == NR { next }
		{ i = ++m[$2] }
		$1 < from[$2, i] - slack || $1 + $3 > to[$2, i] + slack {
			printf "tid %d, event %d: %.0f to %.0f, called from %.0f to %.0f\n",
				$2, i, $1, $1 + $3, from[$2, i], to[$2, i]
			if (++failed == 5)
				exit
		}
		END { exit failed > 0 }' "$scratch/want" "$scratch/times"
}

# pronounce VERDICTS: what judge said, as results.
pronounce() {
	local verdict name rest

	while read -r verdict name rest; do
		[[ $name != alien ]] || name="no event but those of the cases"
		case $verdict in
		ok) ok "$name" ;;
		bad) not_ok "$name" ;;
		skip) skip "$name" "$rest" ;;
		*) echo "$verdict $name $rest" ;;
		esac
	done <"$1"
}
