#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The tracepoints: trace-cmd, perf and bpftrace, which watch at the same time, agree with
# the device about every field of every call.
# timeout: 600
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"
# shellcheck source=selftests/witness.sh
. "$SRC/selftests/witness.sh"

fields="seq call pid uid addr len flags ret dur_ns locked delta limit attr why detail"
enter_fields="call addr len flags limit"

# values FIELDS: of lines of key=value, the values of these, decimal; names of calls and
# reasons as numbers.
values() {
	awk -v fields="$1" '
		function decimal(text,   n, i) {
			if (text !~ /^0x/)
				return text
			# Too large for the arithmetic of awk: by digits of 10^6.
			return hex(substr(text, 3))
		}
		function hex(digits,   low, mid, high, i, d) {
			low = mid = high = 0
			for (i = 1; i <= length(digits); i++) {
				d = index("0123456789abcdef", substr(digits, i, 1)) - 1
				low = low * 16 + d
				mid = mid * 16 + int(low / 10000000)
				low %= 10000000
				high = high * 16 + int(mid / 10000000)
				mid %= 10000000
			}
			if (high)
				return sprintf("%d%07d%07d", high, mid, low)
			return mid ? sprintf("%d%07d", mid, low) : low
		}
		BEGIN {
			n = split(fields, want, " ")
			split("mlock2 mlock munlock mlockall munlockall mmap munmap mremap brk shmat shmdt shmctl stack exec other exit", names, " ")
			for (i in names)
				call[names[i]] = i - 1
			split("none flags range perm limit hole maps populate nomem killed already empty unlockable near_limit blocked other", reasons, " ")
			for (i in reasons)
				why[reasons[i]] = i - 1
		}
		{
			delete got
			for (i = 1; i <= NF; i++) {
				eq = index($i, "=")
				got[substr($i, 1, eq - 1)] = substr($i, eq + 1)
			}
			if (got["call"] in call)
				got["call"] = call[got["call"]]
			if (got["why"] in why)
				got["why"] = why[got["why"]]
			for (i = 1; i <= n; i++)
				printf "%s%s", decimal(got[want[i]]), (i < n ? " " : "\n")
		}'
}

# by_device: what binary records say, without those that are about no call.
by_device() {
	binrec | of_calls - | sed 's/ locked_kb=\([0-9]*\) delta_kb=\(-\{0,1\}[0-9]*\)/ lk=\1 dk=\2/' |
		awk '{
			for (i = 1; i <= NF; i++) {
				if ($i ~ /^lk=/) $i = sprintf("locked=%d", substr($i, 4) * 1024)
				if ($i ~ /^dk=/) $i = sprintf("delta=%d", substr($i, 4) * 1024)
			}
			print
		}' | values "$1" | sort
}

# by_text FILE EVENT FIELDS: of what trace-cmd and perf print.
by_text() {
	sed -n "s/.*[ :]$2: *//p" "$1" | values "$3" | sort
}

# all_there FILE: the tracer saw every call.
all_there() {
	local lines

	lines=$(wc -l <"$1")
	echo "$lines lines, $calls_made calls"
	((lines == calls_made && lines > 0))
}

# judge_tracer WHO: 2 promises, or none if it does not run here.
judge_tracer() {
	if [[ -n ${failed[$1]-} ]]; then
		skip "$1: mlock_exit tells every call as the device does" "${failed[$1]}"
		skip "$1: mlock_enter tells every call" "${failed[$1]}"
		return
	fi
	check "$1: mlock_exit tells every call as the device does" same "$scratch/device" "$scratch/$1.exit"
	check "$1: mlock_enter tells every call" same "$scratch/device.enter" "$scratch/$1.enter"
}

# bpftrace takes few arguments at once, so an exit is told by three lines: another CPU may
# tell something between them, and the number of the record says which belong together.
start_bpftrace() {
	# shellcheck disable=SC2016
	BPFTRACE_PERF_RB_PAGES=1024 bpftrace -q -B line -o "$scratch/bpf.out" -e '
		BEGIN { printf("ready\n"); }
		tracepoint:mlock2mon:mlock_exit {
			printf("exit seq=%llu call=%d pid=%d uid=%d addr=%llu len=%llu flags=%u\n",
			       args->seq, args->call, args->pid, args->uid, args->addr, args->len,
			       args->flags);
			printf("exit seq=%llu ret=%lld dur_ns=%llu locked=%llu delta=%lld limit=%llu\n",
			       args->seq, args->ret, args->dur_ns, args->locked, args->delta,
			       args->limit);
			printf("exit seq=%llu attr=%d why=%d detail=%llu\n", args->seq, args->attr,
			       args->why, args->detail);
		}
		tracepoint:mlock2mon:mlock_enter {
			printf("enter call=%d addr=%llu len=%llu flags=%u limit=%llu\n", args->call,
			       args->addr, args->len, args->flags, args->limit);
		}' >"$scratch/bpf.err" 2>&1 &
	bpf=$!
	wait_until 90 grep -q ready "$scratch/bpf.out" ||
		failed[bpftrace]=$(tail -n 1 "$scratch/bpf.err" | tr -c '[:print:]' ' ')
}

# exits_of_bpftrace: its lines about one exit made one.
exits_of_bpftrace() {
	awk '$1 == "exit" { sub(/^exit /, ""); told[$1] = told[$1] " " $0 }
	     END { for (seq in told) print told[seq] }' "$scratch/bpf.out"
}

# The kernel may no longer slow perf down, and lose events, for it takes too much of its time.
# perf starts its command when it watches, which takes a while after its file is there.
start_perf() {
	echo 1000000 >/proc/sys/kernel/perf_event_max_sample_rate
	echo 0 >/proc/sys/kernel/perf_cpu_time_max_percent
	perf record -q -a -m 4M -e 'mlock2mon:*' -o "$scratch/perf.data" \
		sh -c ": >$scratch/perf.ready; exec sleep 1000" >"$scratch/perf.err" 2>&1 &
	perf=$!
	wait_until 90 test -e "$scratch/perf.ready" ||
		failed[perf]=$(tail -n 1 "$scratch/perf.err" | tr -c '[:print:]' ' ')
}

start_trace_cmd() {
	trace-cmd start -B witness -b 8192 -e mlock2mon >"$scratch/cmd.err" 2>&1 ||
		failed[trace-cmd]=$(tail -n 1 "$scratch/cmd.err" | tr -c '[:print:]' ' ')
}

# watch COMMAND...: run it under all of them.
watch() {
	start_trace_cmd
	start_perf
	start_bpftrace
	"$@" >"$scratch/said" || bail "$*: $?"
	sleep 1
	kill -INT "$perf" "$bpf" 2>/dev/null
	wait "$perf" "$bpf"
	trace-cmd stop -B witness && trace-cmd show -B witness >"$scratch/cmd.out"
	perf script -i "$scratch/perf.data" >"$scratch/perf.out" 2>"$scratch/perf.err" ||
		failed[perf]=$(tail -n 1 "$scratch/perf.err" | tr -c '[:print:]' ' ')
	trace-cmd reset -B witness 2>/dev/null
	rmdir /sys/kernel/tracing/instances/witness 2>/dev/null
	note "$(<"$scratch/said")"
}

declare -A failed=()
plan 12

load collapse=0
watch mix -s 57 -n 40
calls_made=$(tally calls "$scratch/said")
by_device "$fields" >"$scratch/device"
by_device "$enter_fields" >"$scratch/device.enter"
by_text "$scratch/cmd.out" mlock_exit "$fields" >"$scratch/trace-cmd.exit"
by_text "$scratch/cmd.out" mlock_enter "$enter_fields" >"$scratch/trace-cmd.enter"
by_text "$scratch/perf.out" mlock_exit "$fields" >"$scratch/perf.exit"
by_text "$scratch/perf.out" mlock_enter "$enter_fields" >"$scratch/perf.enter"
exits_of_bpftrace | values "$fields" | sort >"$scratch/bpftrace.exit"
sed -n 's/^enter //p' "$scratch/bpf.out" | values "$enter_fields" | sort >"$scratch/bpftrace.enter"
check "the device tells every call" all_there "$scratch/device"
judge_tracer trace-cmd
judge_tracer perf
judge_tracer bpftrace
# shellcheck disable=SC2016 # the script is for awk
noticed "a changed field is noticed" 2 "$scratch/device" 'NR == 99 { $9++ } 1'
unload

# With collapse a return without a record of its own has the number 0.
load
started=0
trace-cmd start -B witness -b 8192 -e mlock2mon:mlock_exit >"$scratch/cmd.err" 2>&1 || started=$?
act bad 500 0x10
trace-cmd stop -B witness
trace-cmd show -B witness >"$scratch/cmd.out"
trace-cmd reset -B witness 2>/dev/null
rmdir /sys/kernel/tracing/instances/witness 2>/dev/null
by_text "$scratch/cmd.out" mlock_exit "seq ret" >"$scratch/returns"
if ((started == 0)); then
	is "$(sort "$scratch/returns" | uniq -c | tr -s ' ')" $' 499 0 -22\n 1 1 -22' \
		"collapse: each return is told, with 0 where it has no record of its own"
else
	skip "collapse: each return is told, with 0 where it has no record of its own" \
		"$(tail -n 1 "$scratch/cmd.err")"
fi
unload

# The tracepoints go and come with the module.
check "nothing is left" nothing_left
check "no tracepoint is left" test ! -e /sys/kernel/tracing/events/mlock2mon
load related=1
trace-cmd start -B witness -b 2048 -e mlock2mon:mlock_exit >"$scratch/cmd.err" 2>&1
related map_locked >/dev/null
trace-cmd stop -B witness
trace-cmd show -B witness >"$scratch/cmd.out"
rmdir /sys/kernel/tracing/instances/witness
is "$(by_text "$scratch/cmd.out" mlock_exit "$fields" | grep -v '^0 ')" "$(by_device "$fields")" \
	"related calls are told as well"
unload
