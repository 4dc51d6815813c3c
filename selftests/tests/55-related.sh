#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# With related=1: what mmap, munmap, mremap, brk, shared memory, a growing stack and
# exec do to locked memory, as whole lines; and that calls which do nothing to it are
# counted only.
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"
# shellcheck source=selftests/witness.sh
. "$SRC/selftests/witness.sh"

kinds=(mmap munmap mremap brk shmat shmdt shmctl)

# counts: entries of all kinds, and what of them is unaccounted for.
entries() {
	local kind

	for kind in "${kinds[@]}"; do
		stat_of "$kind.entries"
	done | paste -sd ' '
}

add_up() {
	local kind

	for kind in "${kinds[@]}"; do
		complete "$kind" || return
	done
}

# inside WHAT: rows of /proc/mlock2mon/inflight, as pid call addr len flags.
inside() {
	awk -v pid="${helper_said#inside }" 'BEGIN { split(pid, part, " ") }
		$1 == part[1] { print $5, $6, $7, $8 }' /proc/mlock2mon/inflight
}

seen_inside() {
	[[ $(inside) == "$1" ]]
}

# are_functions: what stats says is probed, but for the family, which has names of its own.
are_functions() {
	awk 'NR == FNR { known[$3]; next }
		/^probe\.(__|expand)/ && $2 == "active" {
			if (!(substr($1, 7) in known)) {
				print $1
				bad = 1
			}
			n++
		}
		END { print n + 0, "functions"; exit bad || !n }' /proc/kallsyms "$stats"
}

# strangers: records of calls by tasks without an account.
strangers() {
	records | awk '/ untracked=1( |$)/ && $4 !~ /^call=(exit|exec|other)$/' | wc -l
}

# provoke_all: by all the ways into the kernel that there are.
provoke_all() {
	related && { ! on_amd64 || related --int80; } && related.m32
}

mapfile -t names < <(related --list)
ways=3
on_amd64 || ways=2
# nobody_pays: of many that lock nothing none gives back what others had locked.
nobody_pays() {
	local i

	for ((i = 0; i < 300; i++)); do
		act map 1 || return 1
	done
	! records | grep ' call=other .* delta_kb=-'
}

# given_back_once: of each pair, which begins with mlock2, the last exit says that nothing is
# locked any more, and the deltas add up to that.
given_back_once() {
	records | awk '
		function judge() {
			if (pairs && (last !~ / locked_kb=0 / || sum != 0)) {
				print sum " KiB left; " last
				bad = 1
			}
			sum = 0
		}
		$4 == "call=mlock2" { judge(); pairs++ }
		{
			match($0, / delta_kb=-?[0-9]+/)
			sum += substr($0, RSTART + 10, RLENGTH - 10)
		}
		$4 == "call=exit" { last = $0 }
		END { judge(); print pairs " pairs"; exit bad || pairs != 6 }'
}

plan $((ways * ${#names[@]} + 20))

load related=1 collapse=0
provoke_all >"$scratch/want" || bail "related cannot be run"
drain "$scratch/all"
of_calls "$scratch/all" >"$scratch/events"
project "$scratch/events" >"$scratch/seen"
judge "$scratch/seen" >"$scratch/verdicts"
pronounce "$scratch/verdicts"
check "events are numbered from 1 on, none is lost" unbroken "$scratch/all"
check "entries = returns + in_flight + missed, of each call" add_up
sed '0,/ why=limit/s/short_kb=8/short_kb=12/' "$scratch/seen" >"$scratch/doctored"
judge "$scratch/doctored" >"$scratch/verdicts"
is "$(grep -c '^bad ' "$scratch/verdicts")" \
	"$(($(judge "$scratch/seen" | grep -c '^bad ') + 1))" "a changed number is noticed"

check "what is probed is known to the kernel by that name" are_functions

# Nothing locked, nothing recorded.
written=$(stat_of ring.written)
before=$(entries)
{ related --silent && related.m32 --silent; } || bail "related --silent: $?"
is "$(($(stat_of ring.written) - written))" 0 "thousands of calls that lock nothing have no record"
is "$(entries)" "$before" "and are not counted"
check "so that entries = returns + in_flight + missed" add_up
is "$(sed 1d /proc/mlock2mon/tasks)" "" "their tasks have no account"

start_helper related --held
check "mremap of locked memory that waits for a page is in inflight" \
	wait_until seen_inside "mremap ${helper_said##* } 32768 0"
is "$(stat_of mremap.in_flight)" 1 "and counted there"
kill -KILL "$helper_pid"
end_helper
check "and not when it was killed" wait_until seen_inside ""
start_helper related --much
check "mmap that locks is in inflight" wait_until 30 \
	seen_inside "mmap 0x40000000 134217728 PRIVATE|FIXED|ANONYMOUS|LOCKED"
kill -KILL "$helper_pid"
end_helper
unload

# More tasks than accounts.
load related=1 max_tasks=16
start_helper churn live 20
[[ $helper_said = "live 20" ]] || bail "churn: $helper_said"
related map_locked >"$scratch/said" || bail "related: $(<"$scratch/said")"
check "a task without an account gives memory back" grep -qE ' call=munmap .* untracked=1( |$)' <(records)
is "$(stat_of tasks.untracked)" "$(strangers)" "each call without an account is counted as that"
end_helper
unload

# What is not seen to leave is no debt of a process that gets its address later.
load related=1
start_helper act map 64 lock 0 64 say locked read
switch_probes 0
kill -KILL "$helper_pid"
end_helper
switch_probes 1
check "an exit while probes are off" nobody_pays
unload
load related=1
start_helper act map 64 lock 0 64 say locked read exec say executed read
switch_probes 0
ask_helper
switch_probes 1
[[ $helper_said = executed ]] || bail "act exec: $helper_said"
check "an exec while probes are off" nobody_pays
end_helper
unload
load related=1
for ((i = 0; i < 6; i++)); do
	taskset -c 0 act map 30000 orphan 30000
done 2>/dev/null
check "of two processes with one memory the last to leave gives it back" given_back_once
unload

# Without it.
load
written=$(stat_of ring.written)
{ related map_locked >"$scratch/said" && related --silent; } || bail "related: $(<"$scratch/said")"
is "$(($(stat_of ring.written) - written))" 0 "related=0: none of it has a record"
is "$(grep -cE '^(mmap|munmap|mremap|brk|shmat|shmdt|shmctl)\.entries [1-9]' "$stats")" 0 \
	"related=0: none of it is counted"
unload
