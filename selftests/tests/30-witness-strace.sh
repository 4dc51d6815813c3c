#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Event for event what strace sees: arguments, results, and their order in each
# thread, of 64-bit and 32-bit callers.
# level: smoke
. "${SRC:?}/selftests/lib.sh"
. "$SRC/selftests/witness.sh"

# watched NAME COMMAND...: run it under strace; a file a thread, and said.NAME.
watched() {
	local name=$1
	shift

	strace -ff -o "$scratch/$name" -X raw -e "trace=$(IFS=,; echo "${calls[*]}")" "$@" \
		>"$scratch/said.$name" 2>"$scratch/strace" ||
		bail "strace $*: status $?: $(tail -n 5 "$scratch/strace" "$scratch/said.$name")"
}

plan 9

load
watched x64 mix -s 30
watched m32 mix.m32 -s 31 -n 40
drain "$scratch/events"
note "$(cat "$scratch"/said.*)"

testify strace "$scratch/witness" "$scratch"/x64.* "$scratch"/m32.*
testify events "$scratch/module" "$scratch/events"
of_calls "$scratch/events" >"$scratch/events.calls"

check "the programs fail in every cheap way" all_kinds "$scratch"/said.*
check "arguments, results and order are those that strace saw" \
	same "$scratch/witness" "$scratch/module"
is "$(stands_for "$scratch/events")" "$(tally calls "$scratch"/said.*)" \
	"the events are about as many calls as were made"
is "$(stands_for "$scratch/events" compat=1)" "$(tally compat "$scratch"/said.*)" \
	"as many are marked compat as were 32-bit calls"
check "stats count each call once in and once out" all_returned "$(tally calls "$scratch"/said.*)"
check "no thread is in two calls at once" one_after_another "$scratch/events.calls"
comparison_works "$scratch/witness"
unload
