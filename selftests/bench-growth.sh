#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The growth part of `make bench`, in a guest under --icount, with --mem 4600 for the tasks: does
# a call cost more when there is more of something? Instructions that the module adds.
set -euo pipefail

levels=(1 1000 10000 100000)
batches=30 repeats=3		# of what is counted
work=$(mktemp -d)
tasks_table="instructions added to mlock2(), by tasks that are tracked"
readers_table="instructions added to mlock2(), by readers that wait"
ring_table="instructions added to mlock2(), by the state of the ring"
idle_table="instructions added to munmap() in a process that locks nothing"

# row TABLE ROW COLUMN VALUE
row() {
	printf '%s\t%s\t%s\t%s\n' "$@" >>"$OUT/rows"
}

say() {
	echo "$*" >>"$OUT/notes"
}

less() {
	awk "BEGIN { printf \"%.1f\", $1 - $2 }"
}

# least CALL: of the batches of bench, what one call takes.
least() {
	bench -b "$batches" "$1" | awk '!least || $2 < least { least = $2 } END { print least }'
}

# added TABLE ROW CALL BARE: a sample.
added() {
	row "$1" "$2" "added" "$(less "$(least "$3")" "$4")"
}

# stat_of KEY
stat_of() {
	awk -v key="$1" '$1 == key { print $2 }' /proc/mlock2mon/stats
}

# equal GOT EXPECTED WHAT: or the part ends.
equal() {
	[[ $1 == "$2" ]] || { echo "$3: $1, not $2" >&2; exit 1; }
}

# measure_bare: sets $bare, the least of some runs; the first runs after boot are dearer.
measure_bare() {
	local i

	for ((i = 0; i <= repeats; i++)); do
		least mlock2
	done >"$work/bare"
	bare=$(sort -n "$work/bare" | sed -n 1p)
}

# What munmap() has to do varies: more batches, in turn.
measure_idle() {
	local batches=100 i low

	for ((i = 0; i < repeats; i++)); do
		low=$(least munmap)
		insmod "$MODULE"
		added "$idle_table" "the module" munmap "$low"
		rmmod mlock2mon
		insmod "$MODULE" related=1
		added "$idle_table" "with related=1" munmap "$low"
		rmmod mlock2mon
	done
}

# At the defaults the ring has 32768 records.
measure_ring() {
	local i

	for ((i = 0; i < repeats; i++)); do
		insmod "$MODULE"
		added "$ring_table" "empty" mlock2 "$bare"
		deliver call 40000
		added "$ring_table" "full" mlock2 "$bare"
		(($(stat_of ring.overwritten) > 7000))
		rmmod mlock2mon
	done
}

# measure_readers N: each takes all lines, whenever the caller sleeps.
measure_readers() {
	local wanted=$1 readers=() i

	insmod "$MODULE"
	for ((i = 0; i < wanted; i++)); do
		cat /dev/mlock2mon >/dev/null &
		readers+=($!)
	done
	sleep 1
	equal "$(stat_of readers.open)" "$wanted" "open readers"
	for ((i = 0; i < repeats; i++)); do
		added "$readers_table" "$wanted" mlock2 "$bare"
	done
	((!wanted)) || kill "${readers[@]}"
	wait
	rmmod mlock2mon
}

# The processes of the kernel's default are too few, and its ids.
allow_tasks() {
	echo 4194304 >/proc/sys/kernel/pid_max
	echo 300000 >/proc/sys/kernel/threads-max
}

# measure_tasks: the crowd stays, for it would take as long to leave as it took to come.
measure_tasks() {
	local level i said tracked

	allow_tasks
	mkfifo "$work/to" "$work/from"
	insmod "$MODULE" max_tasks=131072
	crowd <"$work/to" >"$work/from" &
	exec {to}>"$work/to" {from}<"$work/from"
	for level in "${levels[@]}"; do
		echo "$level" >&"$to"
		if ! read -r said <&"$from"; then
			row "$tasks_table" "$level" added "error: so many tasks do not fit"
			break
		fi
		equal "$said" "$level" tasks
		tracked=$(stat_of tasks.tracked)
		((tracked >= level)) || equal "$tracked" "$level" "tracked tasks"
		for ((i = 0; i < repeats; i++)); do
			added "$tasks_table" "$level" mlock2 "$bare"
		done
		equal "$(stat_of tasks.untracked)" 0 "untracked tasks"
	done
	rmmod mlock2mon
	say "The bare call, with these tasks around it: $(least mlock2)"
}

instructions() {
	local bare readers

	measure_bare
	say "Instructions, under QEMU -icount, that the module adds to a call: the least of $batches batches of bench, less that of bare calls. A sample each of $repeats runs."
	say "The bare mlock2() of a page that is locked already: $bare"
	measure_idle
	measure_ring
	for readers in 0 1 8 64; do
		measure_readers "$readers"
	done
	measure_tasks
}

instructions
rm -rf "$work"
