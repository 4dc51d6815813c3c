#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# On a kernel for real time: how late a timer of one processor is served while the other is
# in a storm of mlock, without the module and with it.
# timeout: 600
. "${SRC:?}/selftests/lib.sh"

pairs=10

# late: microseconds, below which 99 % of the times are.
late() {
	cyclictest --quiet --mlockall --threads=1 --affinity=1 --priority=95 --interval=1000 \
		--loops=3000 --histogram=50000 2>/dev/null |
		awk '/^[0-9]+ [0-9]+$/ { n[$1 + 0] = $2; all += $2; if ($1 + 0 > top) top = $1 + 0 }
			END {
				for (i = 0; i <= top && sum < 0.99 * all; i++)
					sum += n[i]
				print i
				exit all < 2900
			}'
}

median() {
	sort -n | awk '{ n[NR] = $1 } END { print int((n[int((NR + 1) / 2)] + n[int(NR / 2) + 1]) / 2) }'
}

if ! uname -v | grep -q PREEMPT_RT; then
	echo "1..0 # SKIP this kernel is not one for real time"
	exit 0
fi
plan 2
stress-ng --quiet --temp-path /tmp --mlock 2 --taskset 0 &
storm=$!
# measure_without, measure_with: add to $without, $with.
measure_without() {
	without+=("$(late)") || bail "cyclictest"
}

measure_with() {
	load
	with+=("$(late)") || bail "cyclictest"
	calls+=("$(($(stat_of mlock.entries) + $(stat_of munlock.entries)))")
	unload
}

# The host has other work, now more and now less: what is near in time is compared, and each
# comes first as often as the other.
without=() with=() calls=()
for ((i = 0; i < pairs; i += 2)); do
	measure_without
	measure_with
	measure_with
	measure_without
done
blows() {
	local n

	kill "$storm" || return
	for n in "${calls[@]}"; do
		((n > 1000)) || { echo "calls in each run: ${calls[*]}"; return 1; }
	done
}
check "the storm blows all the time" blows
wait "$storm"
note "without the module: ${without[*]} us; with it: ${with[*]} us"
ratio=$(for i in "${!with[@]}"; do echo "$((1000 * with[i] / without[i]))"; done | median)
note "the median of the ratios is $ratio per mille"
check "the module makes it not more than 10 % later" test "$ratio" -le 1100
