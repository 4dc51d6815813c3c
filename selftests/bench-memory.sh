#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The memory part of `make bench`, in a guest under --icount: what the module takes, and what
# readers and other watchers take while a process makes calls.
set -euo pipefail
. "$SRC/selftests/bench-lib.sh"

tracing=/sys/kernel/tracing
event=syscalls:sys_enter_mlock2
work=$(mktemp -d)
module_table="KiB of the kernel that the module takes"
reader_table="KiB of watchers at work"

# NAME|command|text that its output has when it has seen a call; none: it shows
# them at its end|to clean up, or to show them
watchers=(
	"cat /dev/mlock2mon|cat /dev/mlock2mon|call=mlock2|true"
	"mlock2mon events|mlock2mon events|mlock2|true"
	"mlock2mon events --map|mlock2mon events --map|mlock2|true"
	"ftrace: trace_pipe|cat $tracing/trace_pipe|mlock2|end_ftrace"
	"bpftrace|bpftrace -B line -e 'tracepoint:$event { printf(\"mlock2 %d\\n\", pid); }'|mlock2 [0-9]|true"
	"perf trace|perf trace -a -e mlock2|mlock2(|true"
	"perf record|perf record -a -e $event -o $work/dat||perf script -i $work/dat"
	"trace-cmd record|trace-cmd record -q -e $event -o $work/dat||trace-cmd report -i $work/dat"
	"SystemTap|staprun $peers/mlock2_stap.ko||sed -n s/^calls/mlock2/p $work/text"
)

row() {
	printf '%s\t%s\t%s\t%s\n' "$@" >>"$OUT/rows"
}

# KiB of the kernel: what is allocated in pages by vmalloc(), in slabs, for each processor.
kernel_memory() {
	sync
	sleep 2
	echo 3 >/proc/sys/vm/drop_caches
	sleep 2
	awk '{ kb[$1] = $2 } END { print kb["VmallocUsed:"], kb["Slab:"], kb["Percpu:"] }' /proc/meminfo
}

# taken BEFORE: what was taken since, by kind.
taken() {
	# shellcheck disable=SC2046,SC2086 # numbers
	printf '%s ' $1 $(kernel_memory) |
		awk '{ print $4 - $1, $5 - $2, $6 - $3 }'
}

# measure_module ROW [PARAMETER=VALUE ...]: sets $sum.
measure_module() {
	local row=$1 before vmalloc slab percpu
	shift

	before=$(kernel_memory)
	insmod "$MODULE" "$@"
	read -r vmalloc slab percpu <<<"$(taken "$before")"
	rmmod mlock2mon
	sum=$((vmalloc + slab + percpu))
	row "$module_table" "$row" "vmalloc" "$vmalloc"
	row "$module_table" "$row" "slab" "$slab"
	row "$module_table" "$row" "per-cpu" "$percpu"
	row "$module_table" "$row" "sum" "$sum"
}

# per ROW SUM FEWER SUM MORE: bytes of one of those that are allocated at load.
per() {
	row "bytes of each, allocated at load" "$1" bytes \
		"$(awk "BEGIN { printf \"%.1f\", ($4 - $2) * 1024 / ($5 - $3) }")"
}

measure_modules() {
	local sum few

	insmod "$MODULE"
	rmmod mlock2mon
	measure_module "defaults"
	measure_module "related=1" related=1
	measure_module "max_tasks=16" max_tasks=16
	few=$sum
	measure_module "max_tasks=131072" max_tasks=131072
	per "tracked task" "$few" 16 "$sum" 131072
	measure_module "ring_records=64" ring_records=64
	few=$sum
	measure_module "ring_records=524288" ring_records=524288
	per "record of the ring" "$few" 64 "$sum" 524288
	measure_module "maxactive=1" maxactive=1
	few=$sum
	measure_module "maxactive=16384" maxactive=16384
	per "call in flight of maxactive" "$few" 1 "$sum" 16384
	measure_module "the least" max_tasks=16 ring_records=64 maxactive=1
}

begin_ftrace() {
	echo 1 >$tracing/events/syscalls/sys_enter_mlock2/enable
}

end_ftrace() {
	echo 0 >$tracing/events/syscalls/sys_enter_mlock2/enable
	: >$tracing/trace
}

# kb_of KEY FILE PID...: the sum over these processes and those that they started.
kb_of() {
	local key=$1 file=$2 pid sum=0 kb
	shift 2

	for pid in $(family "$@"); do
		kb=$(awk -v key="$key:" '$1 == key { print $2 }' "/proc/$pid/$file")
		sum=$((sum + ${kb:-0}))
	done
	echo "$sum"
}

# has_seen TEXT: did its output show a call? What has none is asked when it is over.
has_seen() {
	[[ ! $1 ]] || grep -q -- "$1" "$work/text"
}

# wait_for TEXT: until it has seen a call, or died; and then long enough for one that shows none
# to begin. The clock leaps while the guest waits for the host.
wait_for() {
	local i

	for ((i = 0; i < 1000; i++)); do
		kill -0 "$watcher" 2>/dev/null || return
		! has_seen "$1" || break
		sleep 0.1
	done
	sleep 20
	has_seen "$1"
}

measure_watcher() {
	local name=$1 command=$2 text=$3 cleanup=$4 watcher rss pss said=''

	eval "exec $command" >"$work/text" 2>&1 </dev/null &
	watcher=$!
	if wait_for "$text"; then
		rss=$(kb_of VmRSS status "$watcher")
		pss=$(kb_of Pss smaps_rollup "$watcher")
	fi
	kill -INT "$watcher" 2>/dev/null || true
	wait "$watcher" || true
	$cleanup >"$work/after" 2>&1 || true
	[[ $text ]] || grep -q mlock2 "$work/after" || rss=
	if [[ -z ${rss-} ]]; then
		said=$(cat "$work/text" "$work/after" | sed -n '/./h; ${ x; s/\t/ /g; p }')
		row "$reader_table" "$name" "VmRSS" "error: ${said:-no call was seen}"
		return
	fi
	row "$reader_table" "$name" "VmRSS" "$rss"
	row "$reader_table" "$name" "Pss" "$pss"
}

# measure_daemon NAME START END PROCESS...: END prints what was seen.
measure_daemon() {
	local name=$1 start=$2 end=$3 rss pss pids
	shift 3

	if $start >"$work/text" 2>&1; then
		sleep 20
		pids=$(pidof "$@" || true)
		# shellcheck disable=SC2086 # numbers
		rss=$(kb_of VmRSS status $pids)
		# shellcheck disable=SC2086
		pss=$(kb_of Pss smaps_rollup $pids)
		$end >>"$work/text" 2>&1 || true
	fi
	if [[ ! ${rss-} ]] || ! grep -qE 'mlock2|syscall=325|id = 325' "$work/text"; then
		row "$reader_table" "$name" "VmRSS" "error: $(grep . "$work/text" | tail -n 1 | tr '\t' ' ')"
		return
	fi
	row "$reader_table" "$name" "VmRSS" "$rss"
	row "$reader_table" "$name" "Pss" "$pss"
}

begin_lttng() {
	start_lttng "$work/lttng"
}

end_lttng() {
	stop_lttng && babeltrace2 "$work/lttng" | grep -E -m 1 "$lttng_exit"
}

end_auditd() {
	stop_auditd && sleep 2 && grep -m 1 syscall=325 /var/log/audit/audit.log
}

# A command of its own: its process must not have the signals of this script.
call_for_ever() {
	while :; do
		deliver call 10
		sleep 0.2
	done
}

measure_watchers() {
	local watcher caller fields

	call_for_ever &
	caller=$!
	insmod "$MODULE"
	for watcher in "${watchers[@]}"; do
		IFS='|' read -ra fields <<<"$watcher"
		[[ ${fields[0]} != ftrace* ]] || begin_ftrace
		measure_watcher "${fields[0]}" "${fields[1]}" "${fields[2]}" "${fields[3]}"
	done
	measure_daemon "LTTng, its daemons" begin_lttng end_lttng lttng-sessiond
	measure_daemon "auditd" start_auditd end_auditd auditd
	kill "$caller"
	wait
	rmmod mlock2mon
}

cat >>"$OUT/notes" <<-END
	The module: what insmod adds to VmallocUsed, Slab and Percpu of /proc/meminfo, with caches dropped before and after; one processor. KiB. Nothing is allocated later.
	Of each: the same with few and with many, by their difference.
	Watchers: VmRSS and Pss of all their processes, some seconds after the first call they saw, while a process makes calls; buffers that the kernel has for them are not in it. Each showed calls. The first three have the module loaded before.
END
measure_modules
measure_watchers
rm -rf "$work"
