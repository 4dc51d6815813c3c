#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In a pid namespace: numbers as the initial namespace sees them, and as the task does.
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"
# shellcheck source=selftests/witness.sh
. "$SRC/selftests/witness.sh"

# numbers COMM: of its records, as they are in the lines.
numbers() {
	records | grep -F " comm=\"$1\" " |
		sed -E 's/^.* call=([a-z0-9]*) pid=([0-9]+) tid=([0-9]+) .*" addr=[^"]*( held_kb=[0-9]+|cgroup=[0-9]+)/\1 \2 \3/'
}

# outer_pid SHELL_PID LEVELS: the process so many levels below, in our namespace.
outer_pid() {
	local pid=$1 level

	for ((level = 0; level < $2; level++)); do
		pid=$(pgrep -P "$pid" | head -n 1) || return
	done
	echo "$pid"
}

# inside LEVELS COMMAND...: a command in that many pid namespaces below each other
# runs until its input ends: what it said is in $scratch/said, its number here in $outer.
inside() {
	local levels=$1 wrap=() i
	shift

	for ((i = 0; i < levels; i++)); do
		wrap+=(unshare --pid --fork)
	done
	"${wrap[@]}" "$@" <"$scratch/fifo" >"$scratch/said" &
	exec {end}>"$scratch/fifo"
	wait_until grep -q ready "$scratch/said" || bail "$*: is not ready"
	outer=$(outer_pid $! "$levels")
	namespace=$(stat -Lc %i "/proc/$outer/ns/pid")
	threads=$(find "/proc/$outer/task" -mindepth 1 -maxdepth 1 -printf "%f\n" | sort -n | paste -sd ' ')
	exec {end}>&-
	wait
}

# seen_by_itself: pairs of numbers that the program said, without the word.
seen_by_itself() {
	sed -n 's/^ids //p' "$scratch/said" | paste -sd ' '
}

words=(map 4 ids lock 0 1 thread ids lock 1 1 say ready read end fork ids lock 2 1 end)

# in_namespace LEVELS: 4 promises.
in_namespace() {
	local name="deep$1" thread child

	inside "$1" act name "$name" "${words[@]}"
	thread=${threads##* }
	child=$(numbers "$name" | awk -v outer="$outer" '$2 != outer { print $2; exit }')
	note "outside: $outer $thread $child; inside: $(seen_by_itself)"
	is "$(seen_by_itself)" "1 1 1 2 3 3" "$1 deep: the program is number 1 there"
	is "$(numbers "$name")" "$(
		echo "mlock2 $outer $outer ns_pid=1 ns_tid=1"
		echo "mlock2 $outer $thread ns_pid=1 ns_tid=2"
		echo "exit $outer $thread ns_pid=1 ns_tid=2"
		echo "mlock2 $child $child ns_pid=3 ns_tid=3"
		echo "exit $child $child ns_pid=3 ns_tid=3"
		echo "exit $outer $outer ns_pid=1 ns_tid=1")" \
		"$1 deep: records have our numbers, and those inside"
	is "$(binrec | grep " pid=$outer " | sed -E 's/.* (ns_pid=.*) ns_ppid=([0-9]+) (pid_ns=[0-9]+).*/\1 \2 \3/' | sort -u)" \
		"ns_pid=1 ns_tid=1 0 pid_ns=$namespace"$'\n'"ns_pid=1 ns_tid=2 0 pid_ns=$namespace" \
		"$1 deep: the namespace has its number, and the parent none in it"
	is "$(binrec | grep " pid=$child " | sed -E 's/.* ns_ppid=([0-9]+) (pid_ns=[0-9]+).*/\1 \2/' | sort -u)" \
		"1 pid_ns=$namespace" "$1 deep: the parent of a child has a number there"
}

plan 11

mkfifo "$scratch/fifo"
load
in_namespace 1
in_namespace 2
act name here map 4 ids lock 0 1 thread ids lock 1 1 end >"$scratch/said"
is "$(records | grep -F ' comm="here" ' | grep -c ' ns_')" 0 "in the initial namespace nothing is told twice"
is "$(numbers here | awk '$1 == "mlock2" { print $2, $3 }' | paste -sd ' ')" "$(seen_by_itself)" \
	"the numbers there are those that the program sees"
is "$(binrec | grep ' call=mlock2 ' | grep " pid=$(sed -n 's/^ids \([0-9]*\) .*/\1/p;q' "$scratch/said") " |
	awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^pid_ns=/) print $i }' | sort -u)" \
	"pid_ns=$(stat -Lc %i /proc/self/ns/pid)" "in binary they have the number of that namespace"
unload
