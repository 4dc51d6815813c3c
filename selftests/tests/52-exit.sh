#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A task that leaves tells its totals, however it leaves, and the last of a process
# gives back what was locked.
# timeout: 600
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"
# shellcheck source=selftests/witness.sh
. "$SRC/selftests/witness.sh"

# exits COMM: its exit records from the arguments on, without time and cgroup.
exits() {
	records | grep -F " comm=\"$1\" " | awk '$4 == "call=exit"' |
		sed -E 's/.*" addr=/addr=/; s/ dur_ns=[0-9]+//; s/ cgroup=[0-9]+//; s/ ns_pid=.*//'
}

# line LEN LOCKED DELTA CALLS FAILURES PEAK HELD [LIMIT CAP]: an exit record as it must be.
line() {
	echo "addr=0x0 len=$1 flags=0 ret=0 errno=0 locked_kb=$2 delta_kb=$3 limit_kb=${8:-$limit}" \
		"cap=${9:-1} calls=$4 failures=$5 peak_kb=$6 held_kb=$7"
}

do_act() {
	local said

	said=$(act "$@" 2>&1) || bail "act $*: $said"
}

# durations_add_up: of each task with an exit record, its records against that.
durations_add_up() {
	records | awk '
		{
			line = $0
			sub(/.*" addr=/, " addr=", line)
			match(line, / dur_ns=[0-9]+/)
			dur = substr(line, RSTART + 8, RLENGTH - 8)
		}
		$4 == "call=exit" {
			tasks++
			if (dur != sum[$6]) {
				print $6 ": " sum[$6] " ns in records, " dur " at the exit"
				bad = 1
			}
			delete sum[$6]
			next
		}
		{ sum[$6] += dur }
		END { print tasks " tasks"; exit bad || !tasks }'
}

# last_of_their_tasks: nothing of a task comes after its exit.
last_of_their_tasks() {
	records | awk '
		$6 in gone { print "after its exit: " $0; exit bad = 1 }
		$4 == "call=exit" { gone[$6] }
		END { exit bad }'
}

# given_back COMM KB: of each process of that name, all threads together, once.
given_back() {
	records | grep -F " comm=\"$1\" " | awk -v kb="$2" '
		$4 != "call=exit" { next }
		{
			line = $0
			sub(/.*" addr=/, " addr=", line)
			match(line, / delta_kb=-?[0-9]+/)
			sum[$5] += substr(line, RSTART + 10, RLENGTH - 10)
			exits[$5]++
			match(line, / locked_kb=[0-9]+/)
			left[$5] = substr(line, RSTART + 11, RLENGTH - 11)
		}
		END {
			for (pid in sum) {
				pids++
				if (sum[pid] == -kb && left[pid] == 0)
					continue
				print pid ": " exits[pid] " exits gave back " (-sum[pid]) \
					" KiB, the last of them leaves " left[pid]
				bad = 1
			}
			print pids + 0, "processes"
			exit bad || !pids
		}'
}

no_account_left() {
	[[ $(stat_of tasks.tracked) -eq 0 ]]
}

# alike PARAMETER...: what holds with related=0 and related=1.
alike() {
	load "$@"
	do_act name plain map 8 lock 0 4 unlock 0 1 bad 3 0x10 onfault 4 2
	is "$(exits plain)" "$(line 40960 0 -20 6 3 20 20)" "$*: totals of a task"
	do_act name nothing map 8 lock 0 4 unlock 0 4 none
	is "$(exits nothing)" "$(line 32768 0 0 3 0 16 0)" "$*: a task that holds nothing any more"
	do_act name threads map 8 lock 0 1 thread lock 1 2 end thread bad 4 0x10 end
	is "$(exits threads)" "$(line 8192 12 0 1 0 12 12; line 16384 12 0 4 4 12 12
		line 4096 0 -12 1 0 12 12)" \
		"$*: threads have their own, the last one gives the memory back"
	do_act name killed fork map 8 lock 2 5 over 2 0 9 kill end
	is "$(exits killed)" "$(line 94208 0 -32 3 2 32 32)" "$*: a process that is killed"
	do_act name small fork user limit 64 map 8 lock 0 4 kill end
	is "$(exits small)" "$(line 16384 0 -16 1 0 16 16 64 0)" "$*: an ordinary user's"
	do_act name before map 4 lock 0 2 exec map 2 bad 2 0x10
	is "$(exits act)" "$(line 16384 0 0 3 2 8 0)" "$*: a task that executes a program keeps its account"
	do_act name forks map 4 lock 0 1 fork lock 1 2 end
	is "$(exits forks)" "$(line 8192 0 -8 1 0 8 8; line 4096 0 -4 1 0 4 4)" \
		"$*: a child has its own, and begins with nothing"
	do_act name silent thread end fork end
	is "$(exits silent)" "" "$*: tasks that made no call have none"
	do_act name vforks map 4 lock 1 1 vfork
	is "$(exits vforks | cut -d ' ' -f 6,7,9,10,12-)" \
		"locked_kb=8 delta_kb=0 cap=1 calls=1 peak_kb=8 held_kb=8"$'\n'"locked_kb=0 delta_kb=-8 cap=1 calls=1 peak_kb=8 held_kb=8" \
		"$*: a task with its parent's memory gives nothing back"
	for ((i = 0; i < 15; i++)); do
		act name together map 40 lock 0 4 threads 30 bad 1 0x10 read end <&"$idle" &
		wait_until all_called $((31 * i + 31)) || bail "not all have called"
		kill -KILL $!
		wait $! 2>/dev/null
	done
	wait_until no_account_left
	check "$*: of threads that are killed together one gives the memory back" \
		given_back together 16
	do_act name leave repeat 300 map 4 lock 0 2 leave 2 end
	wait_until no_account_left
	check "$*: of threads that leave at the same time one gives the memory back" \
		given_back leave 8
	check "$*: durations of the records add up to those of the exits" durations_add_up
	check "$*: nothing of a task comes after its exit" last_of_their_tasks
	unload
}

# all_called COUNT: calls of `together`.
all_called() {
	(($(call_records | grep -cF ' comm="together" ') >= $1))
}

# closed: each process has one exit record at the most, and the deltas of it add up to 0.
closed() {
	records | awk '
		{
			line = $0
			sub(/.*" addr=/, " addr=", line)
			match(line, / delta_kb=-?[0-9]+/)
			sum[$5] += substr(line, RSTART + 10, RLENGTH - 10)
		}
		$4 == "call=exit" && ++exits[$5] > 1 { print $5 ": a second exit"; bad = 1 }
		END {
			for (pid in exits)
				if (sum[pid]) {
					print pid ": " sum[pid] " KiB"
					bad = 1
				}
			print length(exits), "exits"
			exit bad || !length(exits)
		}'
}

limit=$(ulimit -l)
mkfifo "$scratch/idle"
exec {idle}<>"$scratch/idle"	# nothing ever comes out of it
plan 40

alike related=0 collapse=0
alike related=1

# Who comes late sees only that.
load ring_records=64 collapse=0
do_act name late map 4 lock 0 1 bad 2000 0x10
is "$(exits late)" "$(line $((2001 * 4096)) 0 -4 2001 2000 4 4)" \
	"of calls that were overwritten the exit tells the sum"
check "and no more than the ring has room for are left" test "$(records | grep -c '^seq=')" -le 64
unload

# Sixteen accounts.
load max_tasks=16
start_helper churn live 40
[[ $helper_said = "live 40" ]] || bail "churn: $helper_said"
end_helper
is "$(records | grep -c ' call=exit ')" 16 "who had no account has no record of its exit"
unload

# Of a processor that leaves the callbacks of RCU to others, as those for real time do.
load max_tasks=16
for ((i = 0; i < 64; i++)); do
	taskset 2 act name brief map 1 lock 0 1 || bail "act: $?"
	sleep 0.02
done
is "$(stat_of tasks.untracked)" 0 "the account of a task that has left is soon there for others"
unload

# Inside a call.
load
start_helper act name inside hold
[[ $helper_said = inside ]] || bail "act hold: $helper_said"
kill -KILL "$helper_pid"
end_helper
wait_until no_account_left
is "$(exits inside)" "$(line 4096 0 -4 1 1 4 4)" "a task that is killed inside a call"
is "$(records | grep -F 'comm="inside"' | awk '{ print $4 }' | paste -sd ' ')" \
	"call=mlock2 call=exit" "the call has its record before"
is "$(stat_of mlock2.entries) $(stat_of mlock2.returns) $(stat_of mlock2.in_flight)" "1 1 0" \
	"and is no longer counted as in flight"
unload

# On its way out the kernel touches the memory that a task leaves.
load related=1 max_tasks=16
do_act name brink repeat 20 brink end
do_act name brink repeat 20 brink exec name brink end
check "a stack that grows while its process leaves it: all is closed" closed
is "$(stat_of ledger.refused)" 0 "and nothing of it stays"
do_act name lender map 4 lock 0 4 borrow
is "$(exits lender)" "$(line 16384 0 -16 1 0 16 16)" \
	"a task without a call that borrows memory has no exit record"
is "$(records | grep -c ' call=other ')" 0 "nothing is found that nobody told"
unload

# A reader of nothing but exits.
load
do_act name one map 2 lock 0 1
do_act name two bad 2 0x10
is "$(binrec -c exit | awk '{ print $4 }' | sort | uniq -c | tr -s ' ')" " 2 call=exit" \
	"a reader that asks for exits gets nothing else"
is "$(binrec -c exit | sed 's/.* calls=/calls=/')" "calls=1 failures=0"$'\n'"calls=2 failures=2" \
	"in binary as well"
unload
load
check "a process without any call leaves no trace" test "$(/bin/true; stat_of ring.written)" -eq 0
unload
