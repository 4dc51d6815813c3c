#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A task of real-time priority makes a call and then never leaves its processor: readers are
# woken all the same, and the module can be unloaded.
# level: smoke
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"

# Above what the kernel itself does there in threads for timers and the like, below interrupts.
priority=2
work=$(mktemp -d)

# As rcutree.kthread_prio= has it on machines for real time; else RCU waits for that task.
rcu_priority() {
	local task was

	if [[ $1 = raise ]]; then
		for task in $(pgrep '^rcu'); do
			was=$(chrt -p "$task" | awk '/policy/ { policy = $NF } /priority/ { print policy, $NF }')
			chrt -f -p $((priority + 1)) "$task" 2>/dev/null && echo "$task $was"
		done >"$work/rcu"
		return
	fi
	while read -r task policy was; do
		if [[ $policy = SCHED_FIFO ]]; then
			chrt -f -p "$was" "$task"
		else
			chrt -o -p 0 "$task"
		fi
	done <"$work/rcu"
}

rcu_priority raise
trap 'rcu_priority restore' EXIT
# All but that task: what is armed or queued on its processor would wait for it.
taskset -pc 0 $$ >/dev/null

# spins: it still has its processor.
spins() {
	[[ $(ps -o stat=,psr= -p "$spinner") =~ ^R.*1$ ]]
}

reader_is_there() {
	[[ $(stat_of readers.open) -eq 1 ]]
}

# read_are COUNT: so many records have come to the reader.
read_are() {
	[[ $(grep -c ' call=mlock2 ' "$work/read") -eq $1 ]]
}

more_than() {
	[[ $(grep -c ' call=mlock2 ' "$work/read") -gt $1 ]]
}

# woken_each_time: while there are calls all the time, and so somebody is always just about to
# wake, the task comes and takes a processor.
woken_each_time() {
	local i before others

	for ((i = 0; i < 4; i++)); do
		taskset -c 0-1 churn tasks 300 >/dev/null &
		others=$!
		sleep 0.5
		start_spinning 300
		stop "$others"
		before=$(grep -c ' call=mlock2 ' "$work/read")
		act map 8 lock 0 1
		if ! { wait_until 20 more_than "$before" && spins; }; then
			stop "$spinner"
			echo "not in round $i"
			return 1
		fi
		stop "$spinner"
	done
	true
}

# come_to_the_reader COUNT: before the task leaves its processor.
come_to_the_reader() {
	{ wait_until 20 read_are "$1" && spins; } || { wc -l "$work/read"; return 1; }
}

# unloads: not left to wait, which cannot be killed, and before the task leaves.
unloads() {
	modload unload >"$work/unload" 2>&1 &
	{ wait_until 60 test -s "$work/unload" && [[ $(<"$work/unload") = 0 ]] && spins; } ||
		{ cat "$work/unload" "/proc/$!/stack"; return 1; }
}

# start_spinning SECONDS
start_spinning() {
	taskset -c 1 chrt -f $priority act map 8 lock 0 1 say locked spin "$1" >"$work/spinner" 2>&1 &
	spinner=$!
	wait_until grep -q locked "$work/spinner" || bail "act spin: $(<"$work/spinner")"
}

stop() {
	kill "$1"
	wait "$1"
} 2>/dev/null

plan 6
[[ $(nproc --all) -gt 1 ]] || bail "one processor only"
load
cat /dev/mlock2mon >"$work/read" &
reader=$!
wait_until reader_is_there || bail "cat does not open the device"
sleep 1
start_spinning 300
check "a reader is told of the task's call" come_to_the_reader 1
for ((i = 0; i < 10; i++)); do
	act map 8 lock 0 1
done
check "... and of what others do meanwhile" come_to_the_reader 11
act map 8 threads 50 lock 0 1 end
check "... a flood as well" come_to_the_reader 61
stop "$spinner"
check "... whenever the task comes" woken_each_time
start_spinning 300
stop "$reader"
check "the module can be unloaded meanwhile" unloads
stop "$spinner"
wait
check "nothing is left" nothing_left
