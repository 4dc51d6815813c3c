#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every outcome of the family, really provoked. The program that provokes it says
# what must be seen, and whole lines are compared.
# level: smoke
. "${SRC:?}/selftests/lib.sh"
. "$SRC/selftests/witness.sh"

# Programs and the ways they enter the kernel: 64-bit, int 0x80, 32-bit.
provoke_all() {
	provoke && { ! on_amd64 || provoke --int80; } && provoke.m32
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
ways=3
on_amd64 || ways=2
plan $((ways * ${#names[@]} + 5))

if grep -qE '^CONFIG_(PREEMPT_RT|DEBUG_RWSEMS|DETECT_HUNG_TASK_BLOCKER)=y' "$BUILD/config"; then
	export READERS_UNMARKED=1
fi

# Every call has an event of its own.
load collapse=0
provoke_all >"$scratch/want" || bail "provoke cannot be run"
drain "$scratch/all"
of_calls "$scratch/all" >"$scratch/events"
project "$scratch/events" >"$scratch/seen"
judge "$scratch/seen" >"$scratch/verdicts"

pronounce "$scratch/verdicts"

check "events are numbered from 1 on, none is lost" unbroken "$scratch/all"
check "each event lies in time within its call" within_calls "$scratch/events"
is "$(grep -E "^($(IFS='|'; echo "${calls[*]}"))\." "$stats" | sort)" "$(counters)" \
	"stats count them by result and by reason"
if on_amd64; then
	check "calls by int 0x80 are among them" grep -q '^case int80/' "$scratch/want"
else
	skip "calls by int 0x80 are among them" "there is no such instruction"
fi
unload
