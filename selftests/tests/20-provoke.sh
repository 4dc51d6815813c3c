#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every outcome of the family, really provoked. The program that provokes it says
# what must be seen, and whole lines are compared.
. "${SRC:?}/selftests/lib.sh"
. "$SRC/selftests/witness.sh"

# Programs and the ways they enter the kernel: 64-bit, int 0x80, 32-bit.
provoke_all() {
	provoke && provoke --int80 && provoke.m32
}

# judge EVENTS: a line for each case, "ok NAME", "skip NAME REASON" or "bad NAME",
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

# counters: of the family in stats, as the events would have them.
counters() {
	awk -v calls="${calls[*]}" '
		function add(what) { count[call "." what]++ }
		BEGIN {
			n = split(calls, name, " ")
			for (i = 1; i <= n; i++) {
				split("entries returns in_flight missed failures", part, " ")
				for (k = 1; k <= 5; k++)
					count[name[i] "." part[k]] = 0
			}
		}
		{
			call = substr($1, 6)
			sub(/.*" addr=/, "")
			add("entries")
			add("returns")
			if (match($0, / errno=E[A-Z]+/)) {
				add("failures")
				add("errno." substr($0, RSTART + 7, RLENGTH - 7))
			}
			if (match($0, / why=[a-z_]+/))
				add("why." substr($0, RSTART + 5, RLENGTH - 5))
		}
		END { for (k in count) print k, count[k] }' "$scratch/seen" | sort
}

mapfile -t names < <(provoke --list)
plan $((3 * ${#names[@]} + 4))

load
provoke_all >"$scratch/want" || bail "provoke cannot be run"
drain "$scratch/events"
project "$scratch/events" >"$scratch/seen"
judge "$scratch/seen" >"$scratch/verdicts"

while read -r verdict name rest; do
	[[ $name != alien ]] || name="no event but those of the cases"
	case $verdict in
	ok) ok "$name" ;;
	bad) not_ok "$name" ;;
	skip) skip "$name" "$rest" ;;
	*) echo "$verdict $name $rest" ;;
	esac
done <"$scratch/verdicts"

check "events are numbered from 1 on, none is lost" unbroken "$scratch/events"
check "each event lies in time within its call" within_calls "$scratch/events"
is "$(grep -E "^($(IFS='|'; echo "${calls[*]}"))\." "$stats" | sort)" "$(counters)" \
	"stats count them by result and by reason"
unload
