#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Two hundred threads held inside mlock2 at once: seen, counted, and survived.
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"

work=$(mktemp -d)

threads=200

# hold_on: the threads are inside the call when this returns.
hold_on() {
	start_helper hold -t $threads
	[[ $helper_said = "held $threads" ]] || bail "hold: $helper_said"
}

# let_go: sets $released to what hold says, $held_ns to how long the calls took at least.
let_go() {
	ask_helper
	held_ns=${helper_said##* }
	released=${helper_said% held_ns *}
	end_helper
}

rows() {
	sed 1d /proc/mlock2mon/inflight
}

# counters: entries returns in_flight missed of mlock2.
counters() {
	echo "$(stat_of mlock2.entries) $(stat_of mlock2.returns)" \
		"$(stat_of mlock2.in_flight) $(stat_of mlock2.missed)"
}

all_listed() {
	rows | awk -v threads=$threads -v pid="$helper_pid" '
		NF != 10 || $1 != pid || $4 != "hold" || $5 != "mlock2" || $7 != 4096 || $8 != "0" {
			print; wrong++
		}
		!seen[$2]++ { tids++ }
		END { print tids + 0, "tasks in", NR, "rows"; exit wrong || NR != threads || tids != threads }'
}

# ages_grow SINCE: two looks with a second between. Start stays, age grows by what passes from
# look to look, and is never more than what has passed since then.
ages_grow() {
	local times=("$1")

	times+=("$(uptime_ns)")
	rows >"$work/before"
	times+=("$(uptime_ns)")
	sleep 1
	times+=("$(uptime_ns)")
	rows >"$work/after"
	times+=("$(uptime_ns)")
	# The clock is told in steps of 10 ms.
	awk -v times="${times[*]}" '
		BEGIN { split(times, t, " "); step = 2e7 }
		NR == FNR { start[$2] = $9; age[$2] = $10; next }
		{
			grown = $10 - age[$2]; n++
			if (start[$2] != $9 || grown < t[4] - t[3] - step || grown > t[5] - t[2] + step ||
			    age[$2] <= 0 || $10 > t[5] - t[1] + step) {
				print $2, "start", start[$2], $9, "age", age[$2], $10; wrong++
			}
		}
		END { print times ": " n + 0 " rows"; exit !n || wrong }' "$work/before" "$work/after"
}

uptime_ns() {
	awk '{ printf "%.0f\n", $1 * 1000000000 }' /proc/uptime
}

# records_of RET: how many records of hold there are with that result and at least $held_ns.
records_of() {
	call_records | awk -v pid="pid=$helper_pid" -v ret="ret=$1" -v least="${held_ns:-0}" '
		$5 == pid && $12 == ret { split($14, dur, "="); n += dur[2] >= least + 0 }
		END { print n + 0 }'
}

sees_a_call() {
	local before

	before=$(stat_of mlock2.returns)
	churn burst 1
	echo "returns: $before, then $(stat_of mlock2.returns)"
	(($(stat_of mlock2.returns) == before + 1))
}

# goes_quiet: the dead are no longer counted.
goes_quiet() {
	[[ $(stat_of mlock2.in_flight) -eq 0 && -z $(rows) ]]
}

plan 33

load
log_mark
since=$(uptime_ns)
hold_on
check "inflight has a row for each of the $threads threads" all_listed
is "$(counters)" "$threads 0 $threads 0" "stats: $threads entries, all in flight, none missed"
check "the age of a call grows while it is held" ages_grow "$since"
check "entries = returns + in_flight + missed, while held" complete mlock2
is "$(records_of 0)" 0 "no record before the call returns"
let_go
is "$released" "released $threads failed 0" "all calls return when they are let go"
is "$(counters)" "$threads $threads 0 0" "stats: all returned, none in flight, none missed"
is "$(rows)" "" "inflight is empty"
is "$(records_of 0)" $threads "each call has a record, no shorter than it was held"
check "entries = returns + in_flight + missed, after" complete mlock2
check "the kernel log is silent" log_silent
unload

# Too few instances: what was not followed is counted.
load maxactive=16
log_mark
hold_on
is "$(counters)" "$threads 0 16 $((threads - 16))" "maxactive=16: 16 in flight, the rest missed"
is "$(rows | wc -l)" 16 "maxactive=16: inflight lists the 16"
check "maxactive=16: entries add up while held" complete mlock2
let_go
is "$released" "released $threads failed 0" "maxactive=16: all calls return"
is "$(counters)" "$threads 16 0 $((threads - 16))" "maxactive=16: 16 returned, the rest missed"
check "maxactive=16: entries add up after" complete mlock2
is "$(records_of 0)" 16 "maxactive=16: 16 records"
check "maxactive=16: a later call is followed again" sees_a_call
check "the kernel log is silent" log_silent
unload

# Unloading under them: refused, or survived.
load
log_mark
hold_on
error=$(timeout 30 modload unload)
echo "# unload with $threads calls in flight: ${error:-no answer}"
check "unloading with calls in flight is refused or done" \
	grep -qxE '0|EBUSY|EAGAIN' <<<"$error"
if [[ $error = 0 ]]; then
	check "unloaded: nothing is left" nothing_left
	load
	let_go
	is "$(counters)" "0 0 0 0" "loaded again meanwhile: calls of before are not counted"
	unload
else
	is "$(counters)" "$threads 0 $threads 0" "refused: all calls are still followed"
	let_go
	unload
	check "refused: unloading works when they are gone" nothing_left
fi
is "$released" "released $threads failed 0" "all calls return after that"
load
check "loaded again, it works" sees_a_call
check "the kernel log is clean" log_clean
unload

# Killed inside the call.
load
log_mark
hold_on
kill -KILL "$helper_pid"
held_ns=0
end_helper
check "killed: nothing is in flight any more" wait_until 10 goes_quiet
is "$(counters)" "$threads $threads 0 0" "killed: all returned, none missed"
is "$(records_of -4)" $threads "killed: each call has its record, EINTR"
is "$(records | grep -c " pid=$helper_pid .* errno=EINTR .* why=killed")" $threads \
	"killed: and says why"
is "$(awk -v pid="$helper_pid" '$1 == pid' /proc/mlock2mon/tasks)" "" "killed: no row is left in tasks"
check "the kernel log is silent" log_silent
unload
check "nothing is left" nothing_left
