#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Two hundred times loaded and unloaded under load; more tasks than accounts.
# timeout: 400
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"

work=$(mktemp -d)

# An emulator may go on with its translation of code that another processor has
# changed, and the kernel then dies with or without this module. There the calls, and
# what changes the code, share a processor.
if grep -q "QEMU TCG" /proc/cpuinfo; then
	pinned=(taskset -c 0)
else
	pinned=()
fi

start_load() {
	"${pinned[@]}" nice -n 19 churn load &
	churn_pid=$!
	wait_until 10 kill -0 -- "-$churn_pid" || bail "churn does not start"
}

cycle() {
	"${pinned[@]}" modload cycle "$1" "$MODULE" ring_records=4096
}

# cycles_under_load COUNT: and calls are seen meanwhile.
cycles_under_load() {
	local again seen

	read -r again seen < <(cycle "$1") || return 1
	echo "$again unloads tried again, $seen calls seen"
	((seen > 0))
}

stop_load() {
	kill "$churn_pid" || bail "the load has died"
	wait "$churn_pid" 2>/dev/null
}

# memory: all that the kernel says of it, when caches are dropped and RCU had its time.
memory() {
	sync
	sleep 2
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
	awk '{ print $1, $2 }' /proc/meminfo
	echo "areas: $(wc -l </proc/vmallocinfo)"
	echo "Unused: $(unused)"
}

kb() {
	awk -v key="$2:" '{ for (i = 1; i < NF; i++) if ($i == key) print $(i + 1) }' "$work/$1"
}

# grown_less KEY KB: between the two looks at the memory.
grown_less() {
	local before after

	before=$(kb before "$1")
	after=$(kb after "$1")
	[[ $1 = Unused ]] && before=$((-before)) after=$((-after))
	echo "$1: grown by $((after - before)), allowed are $2"
	((after - before < $2))
}

# live_tasks COUNT: tasks with a call each, that stay until end_helper.
live_tasks() {
	start_helper churn live "$1"
	[[ $helper_said = "live $1" ]] || bail "churn: $helper_said"
}

tracked_is() {
	[[ $(stat_of tasks.tracked) -eq $1 ]]
}

# never_above MAX: as long as the short-lived tasks run.
never_above() {
	local most=0 now looks=0

	while kill -0 "$burst_pid" 2>/dev/null; do
		now=$(stat_of tasks.tracked)
		((now <= most)) || most=$now
		looks=$((looks + 1))
	done
	echo "$looks looks, at most $most tracked"
	((looks > 3 && most <= $1))
}

rows_are() {
	local rows

	rows=$(sed 1d /proc/mlock2mon/tasks | wc -l)
	echo "$rows rows"
	((rows == $1))
}

records_untracked() {
	records | grep -c ' untracked=1\( \|$\)'
}

plan 22

log_mark
start_load
cycle 20 >/dev/null || bail "cannot load and unload 20 times"
stop_load
memory >"$work/before"

start_load
check "200 times loaded and unloaded under load" cycles_under_load 180
stop_load
memory >"$work/after"
note "$(paste "$work/before" "$work/after" | awk '$2 != $4 { print $1, $2, $4 - $2 }')"
check "nothing is left" nothing_left
check "memory: the machine has as much as before" grown_less Unused 4096
check "memory: slab did not grow" grown_less Slab 2048
check "memory: vmalloc did not grow" grown_less VmallocUsed 256
check "memory: per-CPU memory did not grow" grown_less Percpu 256
check "memory: no more vmalloc areas than before" grown_less areas 8
check "the kernel log is clean" log_clean

# Sixteen accounts.
load max_tasks=16 ring_records=131072
log_mark
live_tasks 40
is "$(stat_of tasks.tracked) $(stat_of tasks.untracked)" "16 24" \
	"40 live tasks for 16 accounts: 16 tracked, 24 calls untracked"
check "tasks has 16 rows" rows_are 16
is "$(stat_of mlock2.returns) $(stat_of ring.written)" "40 40" \
	"calls without an account are counted and emitted"
is "$(records_untracked)" 24 "their records say so"
churn burst 300 &
burst_pid=$!
check "300 short-lived tasks: never more tracked than max_tasks" never_above 16
wait "$burst_pid"
is "$(stat_of tasks.untracked)" 324 "each of them is counted as untracked"
is "$(stat_of ring.written) $(stat_of mlock2.returns)" "340 340" "each of them is emitted"
end_helper
check "accounts come back when their tasks are gone" wait_until 10 tracked_is 0
check "tasks has no row" rows_are 0
live_tasks 5
is "$(stat_of tasks.tracked) $(stat_of tasks.untracked)" "5 324" "and are given to others"
churn tasks 5 >"$work/made" &
burst_pid=$!
check "thousands of tasks: never more tracked than max_tasks" never_above 16
wait "$burst_pid"
echo "# $(<"$work/made") tasks"
is "$(call_records | wc -l)" $((345 + $(<"$work/made"))) "thousands of tasks: each is emitted"
check "after that only live tasks are tracked" wait_until 10 tracked_is 5
end_helper
check "the kernel log is silent" log_silent
unload
