#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Failures that repeat: a program that fails in a loop costs a few records, nobody
# else's, and not one call is uncounted.
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"
# shellcheck source=selftests/witness.sh
. "$SRC/selftests/witness.sh"

many=100000

# shape COMM: its records, as call:flags-or-result:how many calls; threads of it one
# after the other.
shape() {
	records | grep -F " comm=\"$1\" " | awk '
		{
			call = substr($4, 6)
			line = $0
			sub(/.*" addr=/, " addr=", line)
			match(line, / flags=[^ ]*/)
			flags = substr(line, RSTART + 7, RLENGTH - 7)
			n = match(line, / repeat=[0-9]+/) ? substr(line, RSTART + 8, RLENGTH - 8) : 1
			if (match(line, / calls=[0-9]+/))
				n = substr(line, RSTART + 7, RLENGTH - 7)
			printf "%s%s%s:%s", (NR > 1 ? " " : ""), call, (flags == "0" ? "" : "/" flags), n
		}
		END { print "" }'
}

# series SHAPE PROMISE WORD...: what act does has records of that shape.
series() {
	local want=$1 promise=$2
	shift 2

	act_named "$@"
	is "$(shape "$actor")" "$want" "$promise"
}

# in_time FROM TO FILE: each record covers a time of its own within these, no longer
# than a second and a bit, and calls that can have happened in it.
in_time() {
	sed -E 's/^seq=[0-9]+ ts=([0-9]+)\.([0-9]{9}) .*" addr=(.*)/\1\2 \3/' "$3" |
		awk -v from="$1" -v to="$2" '
		function bad(text) {
			print text ": " $0
			exit failed = 1
		}
		{
			first = $1 - 0
			match($0, / dur_ns=[0-9]+/)
			dur = substr($0, RSTART + 8, RLENGTH - 8) - 0
			last = first
			if (match($0, / last=[0-9]+\.[0-9]+/)) {
				last = substr($0, RSTART + 6, RLENGTH - 6)
				sub(/\./, "", last)
				last -= 0
			}
			if (NR > 1 && !match($0, / repeat=[0-9]+/))
				bad("not the first, and for one call")
			if (first < from || last > to || last < first)
				bad("time")
			if (NR > 1 && first <= before)
				bad("began before the one before ended")
			if (last > first && dur > last - first + 1000000000)
				bad("took longer than it lasted")
			if (NR > 1 && last - since > 3000000000)
				bad("reported late")
			before = last
			since = last
		}
		END { exit failed }'
}

few() {
	local records

	records=$(wc -l <"$1")
	echo "$records records in $2 ns"
	((records >= 2 && records <= 3 + $2 / 900000000))
}

value_of() {
	sed "s/.*\" addr=.* $1=\([0-9-]*\).*/\1/"
}

# series_of_threads COMM CALLS: of each thread of it so many calls, in a few records.
series_of_threads() {
	records | grep -F " comm=\"$1\" " | awk -v calls="$2" '
		$4 == "call=exit" { next }
		NR == 1 { first = substr($2, 4) }
		{ last = substr($2, 4); n[$6] += match($0, / repeat=[0-9]+/) ? substr($0, RSTART + 8, RLENGTH - 8) : 1; lines++ }
		END {
			for (tid in n) { print tid, n[tid]; threads++; if (n[tid] != calls) bad = 1 }
			print threads " threads, " lines " records"
			exit bad || threads != 4 || lines > 4 * (3 + last - first)
		}'
}

sum_of_deltas() {
	records | grep -F " comm=\"$1\" " | sed 's/.*" addr=.* delta_kb=\(-\?[0-9]*\).*/\1/' |
		awk '{ sum += $1 } END { print sum + 0 }'
}

plan 32

load
churn burst 50
{ read -r _ from; read -r _ to; } < <(act name fast now bad $many 0x10 now)
drain "$scratch/all"
grep ' comm="fast" ' "$scratch/all" | of_calls - >"$scratch/fast"
exits=$(grep 'call=exit .* comm="fast" ' "$scratch/all")
note "$(cat "$scratch/fast" <(echo "$exits"))"
check "$many failures of a task later, records of earlier tasks are all there" \
	unbroken "$scratch/all"
is "$(grep -c 'call=mlock2 .* comm="churn" ' "$scratch/all")" 50 "those of 50 tasks"
is "$(stands_for "$scratch/fast")" $many "the records are about $many calls"
check "they are few" few "$scratch/fast" $((to - from))
check "each tells when its first and its last call was" in_time "$from" "$to" "$scratch/fast"
is "$(stat_of mlock2.errno.EINVAL) $(stat_of mlock2.why.flags) $(stat_of mlock2.returns)" \
	"$many $many $((many + 50))" "stats counts them all"
is "$(value_of calls <<<"$exits") $(value_of failures <<<"$exits")" "$many $many" \
	"and so does the record of the exit"
is "$(value_of dur_ns <<<"$exits")" "$(value_of dur_ns <"$scratch/fast" | awk '{ s += $1 } END { printf "%d\n", s }')" \
	"durations add up to that of all calls"

start_helper act name row bad 1000 0x10 say called read bad 1 0x20
is "$(awk '$4 == "row" { print $9, $10, $16, $17 }' /proc/mlock2mon/tasks | cut -d / -f 1-3)" \
	"1000 1000 EINVAL 1000/1000/4096000" "tasks counts them, too, while the series goes on"
is "$(shape row)" "mlock2/0x10:1" "the first failure has its record at once"
end_helper
is "$(shape row)" "mlock2/0x10:1 mlock2/0x10:999 mlock2/0x20:1 exit:1001" \
	"what repeated it has one when another call ends the series"

series "mlock2/0x10:1 mlock2/0x10:4 mlock2/0x20:1 mlock2/0x20:2 exit:8" \
	"other flags are another series" bad 5 0x10 bad 3 0x20
series "munlock:1 munlock:2 munlock:1 munlock:1 exit:5" "another address is" \
	hole 3 0x1000 hole 2 0x3000
series "mlock2:1 mlock2:2 mlock2:1 exit:4" "another length is" user limit 4 map 8 over 3 0 2 over 1 0 3
series "mlock2:1 mlock2:2 mlock2:1 mlock2:1 exit:5" "another errno is" \
	user limit 4 map 8 over 3 0 2 limit 0 over 2 0 2
series "mlock2:1 mlock2:2 mlock2:1 mlock2:1 exit:5" "the same errno for another reason is" \
	user limit 8 map 8 over 3 0 4 limit 4 over 2 0 4
series "mlock2/0x10:1 mlock2/0x10:2 mlockall/0x8:1 mlock2/0x10:1 mlock2/0x10:2 exit:7" \
	"another call that fails ends it" bad 3 0x10 allbad 8 bad 3 0x10
series "mlock2/0x10:1 mlock2/0x10:2 mlock2:1 mlock2/0x10:1 mlock2/0x10:1 exit:6" \
	"a success ends it" map 1 bad 3 0x10 lock 0 1 bad 2 0x10
series "munlockall:1 munlockall:1 exit:2" "successes are no series" none none
series "mlock2/0x10:1 exit:1" "a failure that is alone has no second record" bad 1 0x10
series "mlock2/0x10:1 mlock2/0x10:2 exit:3" "the exit ends it, and comes last" bad 3 0x10
act name dies fork bad 3 0x10 kill end
is "$(shape dies)" "mlock2/0x10:1 mlock2/0x10:2 exit:3" "so does a death"
act name execs bad 3 0x10 exec bad 3 0x10
is "$(shape execs) $(shape act)" \
	"mlock2/0x10:1 mlock2/0x10:2 mlock2/0x10:1 mlock2/0x10:2 exit:6" "exec ends it"
series "mlock2/0x10:1 mlock2/0x10:3 mlock2/0x10:2 exit:6" \
	"a second after the last report there is another one" bad 3 0x10 pause 1200 bad 3 0x10
act name threads threads 4 bad 20000 0x10 end
check "threads that fail at once do not end each other's series" series_of_threads threads 20000
act name holes map 4 over 4 0 8
is "$(shape holes)" "mlock2:1 mlock2:3 exit:4" "a failure that locked something, and its like"
is "$(sum_of_deltas holes)" 0 "what the first changed is not told twice"
unload

load collapse=0
act name single bad 500 0x10
is "$(shape single | tr ' ' '\n' | sort | uniq -c | tr -s ' ')" \
	" 1 exit:500"$'\n'" 500 mlock2/0x10:1" "collapse=0: one record a call"
unload

check "collapse=2 is refused by name" refused collapse=2 EINVAL collapse
check "collapse=many is refused by name" refused collapse=many EINVAL collapse
check "related=2 is refused by name" refused related=2 EINVAL related
check "related=-1 is refused by name" refused related=-1 EINVAL related
