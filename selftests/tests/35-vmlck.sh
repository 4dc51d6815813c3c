#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# /proc/mlock2mon/tasks, whenever nothing moves: a row for each task that lives
# and has called, with its own account of its calls and with VmLck of its process.
. "${SRC:?}/selftests/lib.sh"
. "$SRC/selftests/witness.sh"

rounds=7
columns="pid tid uid comm cgroup locked_kb peak_kb onfault calls failures bytes total_ns max_ns first last errno mlock2 mlock munlock mlockall munlockall related"

# rows: those of tasks, without times and peak.
rows() {
	awk '
		function totals(text,   part) {
			if (split(text, part, "/") != 8)
				return text
			return part[1] "/" part[2] "/" part[3] "/" part[8]
		}
		NR > 1 {
			printf "%s %s %s %s %s %s %s %s %s %s %s", $1, $2, $3, $4, $5, $6, $8, $9, $10, $11, $16
			for (i = 17; i <= NF; i++)
				printf " %s", totals($i)
			print ""
		}' /proc/mlock2mon/tasks | sort -n -k 2,2
}

# low_peaks: rows whose peak is below what is locked.
low_peaks() {
	awk 'NR > 1 && $7 < $6 { print "tid", $2, "locked_kb", $6, "peak_kb", $7 }' /proc/mlock2mon/tasks
}

# next_stop: what the program says must be there, until it stops or ends.
next_stop() {
	local line

	expected=
	while IFS= read -r line <&"$from"; do
		[[ $line != quiet ]] || return 0
		[[ $line != end ]] || return 1
		expected+=$line$'\n'
	done
	bail "quiet died"
}

# stops PROMISE... -- ARGUMENT...: at each stop of quiet one promise.
stops() {
	local promises=() from to promise

	while [[ $1 != -- ]]; do
		promises+=("$1")
		shift
	done
	shift
	coproc quiet "$@"
	exec {from}<&"${COPROC[0]}" {to}>&"${COPROC[1]}"
	for promise in "${promises[@]}"; do
		next_stop || bail "quiet $* stopped too seldom"
		is "$(rows)" "$(sort -n -k 2,2 <<<"${expected%$'\n'}")" "$promise"
		low_peaks >>"$scratch/low"
		echo >&"$to"
	done
	! next_stop || bail "quiet $* stopped too often"
	exec {from}<&- {to}>&-
	wait
}

# random_stops SEED: one promise a round.
random_stops() {
	local promises=() round

	note "seed $1"
	for ((round = 1; round < rounds; round++)); do
		promises+=("rows agree with the tasks and with VmLck, stop $round")
	done
	stops "${promises[@]}" "tasks that have exited have no row" -- random "$1"
}

plan $((2 * rounds + 10))

load
is "$(head -n 1 /proc/mlock2mon/tasks)" "$columns" "the columns have names"
random_stops 1
random_stops "$RANDOM"
stops "a process has its row" "another process of the same number has a new account" \
	"and it goes, too" -- reuse
stops "a thread has a row beside its leader's" \
	"the leader's goes when the thread executes a program, its own stays" \
	"and goes on counting" "and goes with the program" -- exec
is "$(<"$scratch/low")" "" "no peak is below what is locked"
is "$(stat_of tasks.tracked)" 0 "no account is left"
unload
