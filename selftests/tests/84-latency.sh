#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# On a kernel for real time: how late a timer of one processor is served while the other is
# in a storm of mlock, without the module and with it.
# timeout: 600
. "${SRC:?}/selftests/lib.sh"

pairs=9

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
	sort -n | sed -n "$(((pairs + 1) / 2))p"
}

if ! uname -v | grep -q PREEMPT_RT; then
	echo "1..0 # SKIP this kernel is not one for real time"
	exit 0
fi
plan 2
stress-ng --quiet --temp-path /tmp --mlock 2 --taskset 0 &
storm=$!
without=() with=() calls=()
for ((i = 0; i < pairs; i++)); do
	without+=("$(late)") || bail "cyclictest"
	load
	with+=("$(late)") || bail "cyclictest"
	calls+=("$(($(stat_of mlock.entries) + $(stat_of munlock.entries)))")
	unload
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
before=$(printf '%s\n' "${without[@]}" | median)
after=$(printf '%s\n' "${with[@]}" | median)
note "medians: $before and $after us"
check "the module makes it not more than 10 % later" test $((10 * after)) -le $((11 * before))
