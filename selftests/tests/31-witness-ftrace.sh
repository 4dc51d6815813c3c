#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Event for event what the kernel's own system call events say: arguments,
# results, and their order in each thread. They do not see 32-bit callers.
# level: smoke
. "${SRC:?}/selftests/lib.sh"
. "$SRC/selftests/witness.sh"

tracing=/sys/kernel/tracing
instance=$tracing/instances/witness

# events_on 1|0: those of the family.
events_on() {
	local call

	for call in "${calls[@]}"; do
		echo "$1" >"$instance/events/syscalls/sys_enter_$call/enable" || return
		echo "$1" >"$instance/events/syscalls/sys_exit_$call/enable" || return
	done
}

# nothing_dropped: the witness's own buffers held all.
nothing_dropped() {
	! grep -HE '^(overrun|commit overrun|dropped events): [1-9]' "$instance"/per_cpu/cpu*/stats
}

plan 8

[[ -d $tracing/events/syscalls/sys_enter_mlock2 ]] || bail "the kernel has no system call events"
mkdir "$instance" || bail "no trace instance"
echo 4096 >"$instance/buffer_size_kb"
load collapse=0
events_on 1 || bail "no system call events of the family"
mix -x -s 32 -n 250 >"$scratch/said"
events_on 0
cat "$instance/trace" >"$scratch/trace"
dropped=$(nothing_dropped) || bail "the trace buffer overflowed: $dropped"
rmdir "$instance"
drain "$scratch/events"
note "$(<"$scratch/said")"

testify ftrace "$scratch/witness" "$scratch/trace"
testify events "$scratch/module" "$scratch/events"
of_calls "$scratch/events" >"$scratch/events.calls"

check "the program fails in every cheap way" all_kinds "$scratch/said"
check "arguments, results and order are those that ftrace saw" \
	same "$scratch/witness" "$scratch/module"
is "$(wc -l <"$scratch/events.calls")" "$(tally calls "$scratch/said")" \
	"without collapse there are as many events as calls"
check "stats count each call once in and once out" all_returned "$(tally calls "$scratch/said")"
check "no thread is in two calls at once" one_after_another "$scratch/events.calls"
comparison_works "$scratch/witness"
unload
