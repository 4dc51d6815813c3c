#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Short-lived tasks, as many as come, and readers that come and go, for SOAK_SECONDS of
# "make check": the accounts stay within max_tasks, memory as it was, the counters complete.
# timeout: 2400
. "${SRC:?}/selftests/lib.sh"
. "$SRC/selftests/promises.sh"

work=$(mktemp -d)
# shellcheck source=/dev/null # what check.sh was called with
[[ ! -r $OUT/settings ]] || . "$OUT/settings"
seconds=${SOAK_SECONDS:-20}
max_tasks=256
samples=0

# read_again COMMAND...: for a while, and again.
read_again() {
	local rounds=0

	while [[ ! -e $work/over ]]; do
		timeout -s INT 3 "$@" >/dev/null 2>>"$work/readers"
		((++rounds))
	done
	echo "$rounds" >>"$work/rounds"
}

# at_rest: no call is in the kernel, and no task leaves.
at_rest() {
	[[ $(awk '/\.in_flight / { n += $2 } END { print n + 0 }' "$stats") -eq 0 ]]
}

none_tracked() {
	[[ $(stat_of tasks.tracked) -eq 0 ]]
}

# sample: everybody who calls stands still, and the counters must add up.
sample() {
	local tracked

	kill -STOP -- "-$tasks"
	wait_until at_rest || echo "calls stay in the kernel"
	complete mlock2 || cat "$stats"
	tracked=$(stat_of tasks.tracked)
	((tracked <= max_tasks)) || echo "$tracked accounts of $max_tasks"
	unused >>"$work/unused"
	kill -CONT -- "-$tasks"
	((++samples))
} >>"$work/samples"

# memory_flat: the last quarter has as much as the second.
memory_flat() {
	awk '{ kb[NR] = $1 }
		function most(from, to,   i, m) {
			for (i = from; i <= to; i++)
				if (kb[i] > m)
					m = kb[i]
			return m
		}
		END {
			before = most(int(NR / 4) + 1, int(NR / 2))
			after = most(int(NR * 3 / 4) + 1, NR)
			printf "%d KiB unused at first, %d at last\n", before, after
			exit !(NR >= 4 && after > before - 8192)
		}' "$work/unused"
}

# none_bad: all that the samples said is that they were complete.
none_bad() {
	! grep -vE '^mlock2: entries' "$work/samples"
}

# only_losses: those who are too slow are told of them, and it is all they have to tell.
only_losses() {
	! grep -v '^mlock2mon: [0-9]* record.* lost in ' "$work/readers"
}

# came_and_went: each of the three, every few seconds.
came_and_went() {
	awk -v least=$((seconds / 10)) '{ n++; bad += $1 < least } END { exit n != 3 || bad }' \
		"$work/rounds" || { cat "$work/rounds"; return 1; }
}

plan 7
load max_tasks=$max_tasks ring_records=4096
log_mark
setsid churn tasks "$seconds" >"$work/made" &
tasks=$!
read_again mlock2mon events --json &
read_again mlock2mon events --map --raw &
read_again cat /dev/mlock2mon &
step=$((seconds / 30 + 1))
while kill -0 "$tasks" 2>/dev/null; do
	sleep "$step"
	! kill -0 "$tasks" 2>/dev/null || sample
done
touch "$work/over"
wait
note "$(<"$work/made") tasks in $seconds s, $samples samples, readers opened $(awk "{ n += \$1 } END { print n }" "$work/rounds") times"
check "at each sample the counters were complete, the accounts within max_tasks" none_bad
check "memory is as it was" memory_flat
check "there were samples" test "$samples" -ge 4
check "readers came and went" came_and_went
check "readers had nothing to complain of but losses" only_losses
wait_until none_tracked
is "$(stat_of tasks.tracked)" 0 "no account is left"
check "the kernel log is clean" log_clean
unload
