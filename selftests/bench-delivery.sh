#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The delivery part of `make bench`, in a guest under --icount: instructions that a reader
# spends, kernel and user space, on each recorded call. The time of a reader's processes is
# taken with few records and with many; the difference, by the records more, is what one costs,
# whatever the reader needs to start. Each run is held to the number of records it must give.
set -euo pipefail
. "$SRC/selftests/bench-lib.sh"

few=100 rounds=2
table="delivery of a record"
tracing=/sys/kernel/tracing
work=$(mktemp -d)
enter=syscalls:sys_enter_mlock2 exit=syscalls:sys_exit_mlock2

# NAME|rounds|records, many|function that makes so many calls and has them read|what it is. The
# first is what the others are compared with. Records are more where one costs so little that
# what else is done would drown it.
ways=(
	"ftrace trace_pipe|2|20100|trace_pipe|read(2) of trace_pipe; sys_enter_mlock2 and sys_exit_mlock2"
	"device, text|2|20100|device deliver lines /dev/mlock2mon|read(2) of /dev/mlock2mon, the same program"
	"device, binary|2|20100|device deliver records|libmlock2mon by read(2)"
	"device, mapped|2|20100|device deliver mapped|libmlock2mon in the mapped ring"
	"mlock2mon events --json|1|20100|device_json|to a file"
	"mlock2mon events --raw|1|20100|device_raw|to a file"
	'mlock2mon report --json|1|20100|report --json "call":"mlock2"|from a file of mlock2mon record to a file'
	"mlock2mon report --csv|1|20100|report --csv ,mlock2,|likewise"
	"trace-cmd report|1|20100|trace_cmd_decode|from a file of trace-cmd record to a file; both events"
	"trace-cmd record|1|200100|trace_cmd|trace_pipe_raw to a file, not decoded; both events"
	"trace-cmd record, report|1|20100|trace_cmd_report|and decoded to a file of text"
	"perf record|1|20100|perf_record|to a file, not decoded; both events"
	"perf record, script|1|20100|perf_script|and decoded to a file of text"
	"perf trace|1|20100|perf_trace|to a file of text"
	"bpftrace|1|20100|bpf_trace|both events; printf of all that a line of the device has and it can know"
	"LTTng|1|20100|lttng_record|its daemons, to files, not decoded; both events, and other system calls"
	"LTTng, babeltrace2|1|20100|lttng_text|and decoded to a file of text"
)

row() {
	printf '%s\t%s\t%s\t%s\n' "$table" "$@" >>"$OUT/rows"
}

# equal GOT EXPECTED WHAT
equal() {
	[[ $1 == "$2" ]] || { echo "$3: $1, not $2"; return 1; }
}

# lines_of FILE PATTERN: how many lines match.
lines_of() {
	grep -c -- "$2" "$1" || true
}

# Ways have $calls calls made and read. They leave what was spent in $work/spent, or print what
# went wrong and fail.

# with_module COMMAND...: the calls are recorded, then the command runs.
with_module() {
	local status=0

	insmod "$MODULE"
	deliver call "$calls"
	spent "$work/spent" "$@" >"$work/out" || status=$?
	rmmod mlock2mon
	return $status
}

# device COMMAND...: lines have one more, of the exit.
device() {
	local got

	with_module "$@" || return
	got=$(<"$work/out")
	[[ $2 != lines ]] || got=$((got - 1))
	equal "$got" "$calls" records
}

device_json() {
	with_module mlock2mon events --no-follow --json &&
		equal "$(lines_of "$work/out" '"call":"mlock2"')" "$calls" records
}

device_raw() {
	with_module mlock2mon events --no-follow --raw &&
		equal "$(lines_of "$work/out" ' call=mlock2 ')" "$calls" records
}

# report FORM PATTERN: what was recorded before.
report() {
	insmod "$MODULE"
	deliver call "$calls"
	mlock2mon record --no-follow --force "$work/m2m" 2>"$work/err" || return
	rmmod mlock2mon
	spent "$work/spent" mlock2mon report "$1" "$work/m2m" >"$work/out" || return
	equal "$(lines_of "$work/out" "$2")" "$calls" records
}

set_events() {
	echo "$1" >$tracing/events/syscalls/sys_enter_mlock2/enable
	echo "$1" >$tracing/events/syscalls/sys_exit_mlock2/enable
}

trace_pipe() {
	echo 16384 >$tracing/buffer_size_kb
	: >$tracing/trace
	set_events 1
	deliver call "$calls"
	set_events 0
	spent "$work/spent" deliver lines $tracing/trace_pipe >"$work/out" || return
	echo 1 >$tracing/buffer_size_kb
	equal "$(<"$work/out")" $((2 * calls)) lines
}

# Live readers run a command, which tells that they are ready and ends when the calls are made
# and, if it takes time to see it, all lines are there. The calls are made at real-time priority,
# so that there, too, all are recorded before the one processor turns to the reader.
make_hold() {
	cat >"$work/hold" <<-END
		echo >"$work/ready"
		read -r _ <"$work/go"
	END
	mkfifo "$work/go" "$work/ready"
}

# is_ready READER: false if it died. No time is set: while a guest waits for the host, its clock
# leaps.
is_ready() {
	until read -r -t 1 -u "$ready" _; do
		kill -0 "$1" 2>/dev/null || return
	done
}

# awake PID...: what all threads of them and of those that they started have spent so far.
awake() {
	local pid

	for pid in $(family "$@" | sort -u); do
		cat "/proc/$pid"/task/*/schedstat
	done | awk '{ sum += $1 } END { printf "%d\n", sum }'
}

# live LINES COMMAND...: LINES of text to wait for, 0 if there is no text.
live() {
	local lines=$1 reader status=0 i
	shift

	: >"$work/out"
	spent "$work/spent" "$@" >"$work/out" 2>"$work/err" </dev/null &
	reader=$!
	# Opened for both, so that opening does not wait.
	exec {ready}<>"$work/ready" {go}<>"$work/go"
	if is_ready "$reader"; then
		sleep 0.5
		chrt -f 50 deliver call "$calls"
		for ((i = 0; i < 500 && $(lines_of "$work/out" mlock2) < lines; i++)); do
			sleep 0.1
		done
		sleep 0.5
	fi
	echo >&"$go"
	wait "$reader" || status=$?
	exec {ready}>&- {go}>&-
	((!status)) || { tail -n 3 "$work/err"; return $status; }
}

# Its recorders leave records in the kernel until a buffer is half full or all ends: what is spent
# is taken to the end.
trace_cmd() {
	live 0 trace-cmd record -q -b 65536 -e $enter -e $exit -o "$work/dat" \
		bash "$work/hold" || return
	trace-cmd report -i "$work/dat" >"$work/text" 2>"$work/err"
	equal "$(lines_of "$work/text" 'sys_e[a-z]*_mlock2')" $((2 * calls)) lines
}

# add_spent COMMAND...: what it spends is added.
add_spent() {
	local before

	before=$(<"$work/spent")
	spent "$work/spent" "$@"
	echo $((before + $(<"$work/spent"))) >"$work/spent"
}

trace_cmd_report() {
	trace_cmd &&
		add_spent trace-cmd report -i "$work/dat" >"$work/text" 2>"$work/err"
}

trace_cmd_decode() {
	trace_cmd &&
		spent "$work/spent" trace-cmd report -i "$work/dat" >"$work/text" 2>"$work/err"
}

perf_record() {
	live 0 perf record -q -a -m 16M -e $enter -e $exit -o "$work/dat" bash "$work/hold" || return
	perf script -i "$work/dat" >"$work/text" 2>"$work/err"
	equal "$(lines_of "$work/text" 'sys_e[a-z]*_mlock2')" $((2 * calls)) lines
}

perf_script() {
	perf_record &&
		add_spent perf script -i "$work/dat" >"$work/text" 2>"$work/err"
}

perf_trace() {
	live "$calls" perf trace -a -m 16M -e mlock2 -o "$work/out" bash "$work/hold" &&
		equal "$(lines_of "$work/out" 'mlock2(')" "$calls" lines
}

bpf_trace() {
	local program

	program='
		tracepoint:syscalls:sys_enter_mlock2 {
			@start[tid] = nsecs; @addr[tid] = args->start; @len[tid] = args->len;
			@flags[tid] = args->flags; }
		tracepoint:syscalls:sys_exit_mlock2 /@start[tid]/ {
			printf("ts=%lu cpu=%d call=mlock2 pid=%d tid=%d uid=%d comm=%s addr=0x%lx len=%lu flags=%d ret=%d dur_ns=%lu cgroup=%lu\n",
				@start[tid], cpu, pid, tid, uid, comm, @addr[tid], @len[tid],
				@flags[tid], args->ret, nsecs - @start[tid], cgroup);
			delete(@start[tid]); delete(@addr[tid]); delete(@len[tid]);
			delete(@flags[tid]); }'

	BPFTRACE_PERF_RB_PAGES=4096 live "$calls" bpftrace -q -B line -e "$program" \
		-c "/bin/bash $work/hold" || return
	equal "$(lines_of "$work/out" call=mlock2)" "$calls" lines
}

# lttng_record: what its daemons spend to bring the events to a file.
lttng_record() {
	local before daemons

	start_lttng "$work/lttng" || return
	read -ra daemons < <(pidof lttng-sessiond)
	before=$(awake "${daemons[@]}")
	deliver call "$calls"
	stop_lttng || return
	echo $(($(awake "${daemons[@]}") - before)) >"$work/spent"
	babeltrace2 "$work/lttng" >"$work/text"
	equal "$(grep -cE "$lttng_exit" "$work/text")" "$calls" records
}

lttng_text() {
	lttng_record && add_spent babeltrace2 "$work/lttng" >"$work/text"
}

# cost COMMAND...: of one record. The first run of all is for files to come into memory.
cost() {
	local calls low

	calls=$few
	((round > 1)) || "$@" || return
	"$@" || return
	low=$(<"$work/spent")
	calls=$many
	"$@" || return
	awk "BEGIN { printf \"%.1f\\n\", ($(<"$work/spent") - $low) / ($many - $few) }" >"$work/cost"
	# It may take them after what is measured, all at once: then it is not told by this.
	! grep -qE '^(-|0\.0$)' "$work/cost" || { echo "spent no more on $many records than on $few"; return 1; }
}

# measure NAME COMMAND...
measure() {
	local name=$1 said each
	shift

	if ! said=$(cost "$@" 2>&1); then
		said=${said:-failed}
		row "$name" "instructions a record" "error: ${said//[$'\n\t']/ }"
		return
	fi
	each=$(<"$work/cost")
	base=${base:-$each}
	row "$name" "instructions a record" "$each"
	row "$name" "records in 10^9 instructions" "$(awk "BEGIN { printf \"%.0f\", 1e9 / $each }")"
	row "$name" "times as fast as trace_pipe" "$(awk "BEGIN { printf \"%.3f\", $base / $each }")"
}

cat >>"$OUT/notes" <<-END
	Instructions that a reader spends on each record of an mlock2() call, kernel and user space, under QEMU -icount: processor time of its processes with many records less that with $few, by the difference in records. The records wait when the reader begins: each takes as much at once as it likes. Each run gave every record.
END
make_hold
for ((round = 1; round <= rounds; round++)); do
	base=
	for way in "${ways[@]}"; do
		IFS='|' read -r name times many command text <<<"$way"
		((round > 1)) || echo "$name: $text" >>"$OUT/notes"
		# shellcheck disable=SC2086 # a command with its arguments
		((round > times)) || measure "$name" $command
	done
done
rm -rf "$work"
