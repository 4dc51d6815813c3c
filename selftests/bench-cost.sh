#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A part of `make bench`, inside the guest: what watching mlock2() adds to a call, for this
# module and for other watchers. The contenders take turns, round by round, for what runs in
# the background of a guest changes with time. Leaves in $OUT
#	rows, notes	as all parts do; the tables `cost` and `unrelated calls`
#	samples		CONTENDER CALL TICKS, a line a batch
#	turns		ROUND CONTENDER MADE SEEN TICKS: calls, and how long the processor was busy
#			with the turn in all
#	said.CONTENDER	what it said when it could not be measured
#
# A contender NAME is two functions. begin_NAME starts the watcher and sets `under`, a
# command to run the calls under, where it needs one. end_NAME ends it and sets `seen`, how
# many calls it saw: whoever saw fewer than were made is not compared.
set -euo pipefail
. "$SRC/selftests/bench-lib.sh"

rounds=7
batches=8
calls_of_batch=100
batches_unrelated=20

# NAME|row|how. The first is what others are compared with, the second what they are
# measured by. auditd is the last: once it ran, tasks are born with an audit context.
contenders=(
	"bare|no watcher|"
	"floor|floor module|an empty kprobe and an empty kretprobe with 64 bytes, in a module"
	"module|mlock2mon|the module with its defaults, nobody reads"
	"poll1|mlock2mon, 1 waits in poll|with watermark, so that it sleeps"
	"poll8|mlock2mon, 8 wait in poll|likewise"
	"read1|mlock2mon, 1 reads|cat of the device"
	"read8|mlock2mon, 8 read|likewise"
	"related|mlock2mon related=1|nobody reads"
	"events|ftrace syscall events|sys_enter_mlock2 and sys_exit_mlock2, into the ring of ftrace"
	"kprobes|ftrace kprobe events|kprobe with three arguments, kretprobe with the result"
	"trace_cmd|trace-cmd record|the syscall events, into a file"
	"perf_record|perf record|the syscall events, all processors, into a file"
	"perf_trace|perf trace|-e mlock2, all processors, into a file"
	"bpftrace|bpftrace|kprobe and kretprobe; count, sum, histogram by process in maps"
	"lttng|LTTng|all system calls, into files: mlock2 cannot be chosen, its table has none"
	"systemtap|SystemTap|kprobe and return probe; the three aggregates of bpftrace"
	"strace|strace -c|on the calling process and its children, -e trace=mlock2"
	"auditd|auditd|a rule for mlock2, into its log; what it does while a batch runs is counted, too"
)
unrelated=(bare module related)

work=$(mktemp -d)
under=() seen=0
declare -A missing

# ---- what contenders share --------------------------------------------------------------

# wait_for COMMAND...: tries, not seconds, for the clock leaps when the guest is idle.
wait_for() {
	local i

	for ((i = 0; i < 500; i++)); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.01
	done
	echo "waited in vain: $*"
	return 1
}

# count PATTERN FILE: the lines that match; 0 if the file is not there.
count() {
	grep -cE -e "$1" "$2" 2>/dev/null || true
}

# lines_of PATTERN COMMAND...: how many lines of what it prints match.
lines_of() {
	local pattern=$1
	shift

	"$@" >"$work/lines" && count "$pattern" "$work/lines"
}

made() {
	echo $((turn_batches * calls_of_batch + 1)) # one call locks the page
}

ended() {
	! kill -0 "$1" 2>/dev/null
}

# stop SIGNAL PID...: processes of ours.
stop() {
	local signal=$1
	shift

	kill "-$signal" "$@"
	wait "$@" || true
}

# ---- the contenders ---------------------------------------------------------------------

begin_bare() {
	:
}

end_bare() {
	seen=$(made)
}

# Its handlers count nothing: that the probes are there and switched on must do.
begin_floor() {
	local kprobes=/sys/kernel/debug/kprobes

	insmod "$BUILD/floor.ko" || return
	[[ $(count '__x64_sys_mlock2.*\[FTRACE\]' "$kprobes/list") == 2 &&
		$(count 'sys_mlock2.*DISABLED' "$kprobes/list") == 0 && $(<$kprobes/enabled) == 1 ]] ||
		{ cat "$kprobes/list"; return 1; }
}

end_floor() {
	rmmod floor && seen=$(made)
}

begin_module() {
	insmod "$MODULE" "$@"
}

end_module() {
	seen=$(awk '$1 == "mlock2.returns" { print $2 }' /proc/mlock2mon/stats)
	rmmod mlock2mon
}

# A kernel loads a module with parameters that it does not have, too.
begin_related() {
	begin_module related=1 && [[ $(</sys/module/mlock2mon/parameters/related) == [1Y] ]]
}

end_related() {
	end_module
}

asleep() {
	[[ $(awk '{ print $3 }' "/proc/$1/stat") == S ]]
}

readers_are() {
	[[ $(awk '$1 == "readers.open" { print $2 }' /proc/mlock2mon/stats) == "$1" ]]
}

begin_polls() {
	begin_module || return
	pollers "$1" >"$work/pollers" &
	readers=($!)
	wait_for grep -q ready "$work/pollers" && readers_are "$1"
}

# The children of pollers end with them, a moment later.
end_readers() {
	stop TERM "${readers[@]}" 2>/dev/null
	wait_for readers_are 0 && end_module
}

begin_reads() {
	local i

	begin_module || return
	readers=()
	for ((i = 0; i < $1; i++)); do
		cat /dev/mlock2mon >"$work/read.$i" &
		readers+=($!)
	done
	wait_for readers_are "$1" && wait_for asleep "${readers[-1]}"
}

# What the slowest of the readers has is what was seen.
end_reads() {
	local file least

	for file in "$work"/read.*; do
		wait_for read_all "$file" || true
		[[ ${least-} ]] && (($(count call=mlock2 "$file") > least)) ||
			least=$(count call=mlock2 "$file")
	done
	rm "$work"/read.*
	end_readers && seen=$least
}

read_all() {
	(($(count call=mlock2 "$1") >= $(made)))
}

begin_poll1() {
	begin_polls 1
}

end_poll1() {
	end_readers
}

begin_poll8() {
	begin_polls 8
}

end_poll8() {
	end_readers
}

begin_read1() {
	begin_reads 1
}

end_read1() {
	end_reads
}

begin_read8() {
	begin_reads 8
}

end_read8() {
	end_reads
}

tracing=/sys/kernel/tracing

# switch_events 0|1 GROUP/EVENT...: and forget what was traced before.
switch_events() {
	local to=$1 event
	shift

	for event; do
		echo "$to" >"$tracing/events/$event/enable" || return
	done
	[[ $to == 0 ]] || echo >"$tracing/trace"
}

begin_events() {
	switch_events 1 syscalls/sys_{enter,exit}_mlock2
}

end_events() {
	switch_events 0 syscalls/sys_{enter,exit}_mlock2 || return
	seen=$(count 'sys_mlock2 ->' "$tracing/trace")
	echo >"$tracing/trace"
}

# The system call's arguments are in the registers that the first argument points to.
begin_kprobes() {
	local arguments='start=+0x70(%di):u64 len=+0x68(%di):u64 flags=+0x60(%di):s32'

	# shellcheck disable=SC2016 # $retval is the kernel's
	echo "p:bench/enter __x64_sys_mlock2 $arguments" >"$tracing/kprobe_events" &&
		echo 'r:bench/leave __x64_sys_mlock2 ret=$retval' >>"$tracing/kprobe_events" &&
		switch_events 1 bench/enter bench/leave
}

end_kprobes() {
	switch_events 0 bench/enter bench/leave || return
	seen=$(count ': leave: .*ret=(0x)?0$' "$tracing/trace")
	echo >"$tracing/kprobe_events"
	echo >"$tracing/trace"
}

begin_trace_cmd() {
	under=(trace-cmd record -q -o "$work/trace.dat"
		-e syscalls:sys_enter_mlock2 -e syscalls:sys_exit_mlock2)
}

end_trace_cmd() {
	seen=$(lines_of sys_exit_mlock2 trace-cmd report -i "$work/trace.dat")
}

begin_perf_record() {
	under=(perf record -q -a --no-buildid -o "$work/perf.data"
		-e "syscalls:sys_enter_mlock2,syscalls:sys_exit_mlock2" --)
}

end_perf_record() {
	seen=$(lines_of sys_exit_mlock2 perf script -F event -i "$work/perf.data")
}

begin_perf_trace() {
	under=(perf trace -a -e mlock2 -o "$work/perf.trace" --)
}

end_perf_trace() {
	seen=$(count 'mlock2\(start: .*= 0$' "$work/perf.trace")
}

begin_bpftrace() {
	cat >"$work/mlock2.bt" <<-END
		kprobe:__x64_sys_mlock2 { @start[tid] = nsecs; }
		kretprobe:__x64_sys_mlock2 /@start[tid]/ {
			\$took = nsecs - @start[tid];
			@calls[pid] = count();
			@total[pid] = sum(\$took);
			@histogram[pid] = hist(\$took);
			delete(@start[tid]);
		}
	END
	under=(with_text bpftrace -o "$work/bpftrace" "$work/mlock2.bt" -c)
}

# with_text COMMAND... SCRIPT: bpftrace takes a command in one word, and no script.
with_text() {
	"${@:1:$#-1}" "/bin/sh ${!#}"
}

end_bpftrace() {
	seen=$(sed -n 's/^@calls.*: //p' "$work/bpftrace" | sort -n | tail -n 1)
}

begin_lttng() {
	start_lttng "$work/lttng"
}

end_lttng() {
	stop_lttng && seen=$(lines_of "$lttng_exit" babeltrace2 "$work/lttng")
}

begin_systemtap() {
	need_command staprun systemtap || return
	rm -f "$work/systemtap"
	staprun -o "$work/systemtap" "$peers/mlock2_stap.ko" &
	staprun=$!
	wait_for grep -q ready "$work/systemtap"
}

end_systemtap() {
	stop INT "$staprun"
	seen=$(sed -n 's/^calls \([0-9]*\).*/\1/p' "$work/systemtap" | sort -n | tail -n 1)
}

begin_strace() {
	under=(strace -f -c -e trace=mlock2 -o "$work/strace")
}

end_strace() {
	seen=$(awk '$NF == "mlock2" { print $4 }' "$work/strace")
}

begin_auditd() {
	start_auditd && wait_for audit_heard
}

end_auditd() {
	local auditd

	auditd=$(pidof auditd)
	stop_auditd || return
	wait_for ended "$auditd" && seen=$(count 'syscall=325 success=yes' /var/log/audit/audit.log)
}

# ---- turns ------------------------------------------------------------------------------

# write_calls: in a file of their own, for some watchers start their command as they like.
write_calls() {
	cat >"$work/calls" <<-END
		#!/bin/sh
		exec $BIN/bench -b $turn_batches mlock2 >$work/ticks
	END
	chmod +x "$work/calls"
}

# watch NAME: a turn; false if it began, ended or saw badly.
watch() {
	under=() seen=0
	rm -f "$work/ticks"
	"begin_$1" || return
	"${under[@]}" "$work/calls" || { "end_$1"; return 1; }
	"end_$1" || return
	((${seen:-0} >= $(made))) || { echo "it saw ${seen:-0} of $(made) calls"; return 1; }
}

# busy: hundredths of a second, of processes and kernel.
busy() {
	awk '$1 == "cpu" { print $2 + $3 + $4 + $7 + $8 }' /proc/stat
}

# turn ROUND NAME: round 0 is the rehearsal; who fails is out.
turn() {
	local round=$1 name=$2 start

	start=$(busy)
	[[ ! ${missing[$name]-} ]] || return 0
	if watch "$name" >"$work/said" 2>&1; then
		echo "$round $name $(made) $seen $(($(busy) - start))" >>"$OUT/turns"
		((round == 0)) || sed "s/^/$name /" "$work/ticks" >>"$OUT/samples"
	else
		cp "$work/said" "$OUT/said.$name"
		missing[$name]=$(grep . "$work/said" | tail -n 1 | tr '\t' ' ' || true)
		missing[$name]=${missing[$name]:-it failed without a word}
	fi
}

turn_unrelated() {
	local name=$1 calls

	mapfile -t calls < <(bench -l | awk '$1 != "mlock2" { print $1 }')
	"begin_$name"
	bench -b "$batches_unrelated" "${calls[@]}" | sed "s/^/$name /" >>"$OUT/samples"
	"end_$name"
}

# each COMMAND...: with the name of each contender.
each() {
	local contender

	for contender in "${contenders[@]}"; do
		"$@" "${contender%%|*}"
	done
}

# ---- tables -----------------------------------------------------------------------------

# statistics: lines of CONTENDER CALL MINIMUM MEDIAN.
statistics() {
	sort -k 2,2 -k 1,1 -k 3,3n "$OUT/samples" | awk '
		function close_group() {
			if (n)
				print who, call, value[1],
					(value[int((n + 1) / 2)] + value[int(n / 2) + 1]) / 2
			n = 0
		}
		$1 != who || $2 != call { close_group(); who = $1; call = $2 }
		{ value[++n] = $3 }
		END { close_group() }'
}

# row TABLE ROW CALL NAME: of the statistics.
row() {
	awk -v OFS='\t' -v table="$1" -v row="$2" -v call="$3" -v name="$4" '
		$2 == call { least[$1] = $3; middle[$1] = $4 }
		END {
			print table, row, "min", least[name]
			print table, row, "median", middle[name]
			if (name == "bare")
				exit
			added = least[name] - least["bare"]
			print table, row, "added (min)", sprintf("%.1f", added)
			print table, row, "added (median)", sprintf("%.1f", middle[name] - middle["bare"])
			floor = least["floor"] - least["bare"]
			if (call == "mlock2" && floor > 0)
				print table, row, "times the floor", sprintf("%.2f", added / floor)
		}' "$work/statistics"
}

rows() {
	local contender name label call

	statistics >"$work/statistics"
	for contender in "${contenders[@]}"; do
		IFS='|' read -r name label _ <<<"$contender"
		if [[ ${missing[$name]-} ]]; then
			printf 'cost\t%s\tmin\terror: %s\n' "$label" "${missing[$name]}"
		else
			row cost "$label" mlock2 "$name"
		fi
	done
	for call in $(bench -l | awk '$1 != "mlock2" { print $1 }'); do
		for name in "${unrelated[@]}"; do
			[[ ${missing[$name]-} ]] || row "unrelated calls" "$call, $(label_of "$name")" "$call" "$name"
		done
	done
}

label_of() {
	local contender

	for contender in "${contenders[@]}"; do
		[[ ${contender%%|*} != "$1" ]] || cut -d '|' -f 2 <<<"$contender"
	done
}

notes() {
	local contender

	echo "Instructions of one call, kernel and user space, on one processor under QEMU -icount."
	echo "cost: mlock2() of a page that is locked already, $((rounds * batches)) batches of" \
		"$calls_of_batch calls in $rounds rounds. Each contender saw every call, or it is shown" \
		"with its error. A batch is over before most of what a watcher does later, as to read" \
		"and to write files; so that is not counted."
	for contender in "${contenders[@]}"; do
		awk -F '|' '$3 != "" { print $2 ": " $3 }' <<<"$contender"
	done
	echo "Versions: $(versions | paste -sd ';' | sed 's/;/; /g')"
	bench -l | sed -n '/^mlock2 /!s/ /: /p'
}

: >"$OUT/samples"
: >"$OUT/turns"
for ((round = 0; round <= rounds; round++)); do
	turn_batches=$((round ? batches : 1))
	write_calls
	each turn "$round"
	((round == 0)) && continue
	for name in "${unrelated[@]}"; do
		[[ ${missing[$name]-} ]] || turn_unrelated "$name"
	done
done
rows >>"$OUT/rows"
notes >>"$OUT/notes"
