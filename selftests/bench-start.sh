#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The start part of `make bench`, in a guest under --icount: from the start of a command to the
# first line that shows a call which a process makes every millisecond.
set -euo pipefail

# run_in_memory: this script again, in a copy in memory of all that a contender may need. While a
# guest waits for a file of its host, its clock leaps.
run_in_memory() {
	local root=/mnt dir

	mount -t tmpfs -o size=80% tmpfs $root
	tar -C / --one-file-system --exclude=./usr/share/{doc,man,locale} --exclude=./mnt -cf - . |
		tar -C $root -xf -
	for dir in dev proc run src sys tmp; do
		mount --rbind /$dir $root/$dir
	done
	mount --bind "$OUT" $root/out
	cp -r "$BIN" "$MODULE" $root/root
	exec env IN_MEMORY=1 MODULE="/root/${MODULE##*/}" PATH="/root/${BIN##*/}:$PATH" \
		chroot $root "$SRC/selftests/bench-start.sh"
}

[[ ${IN_MEMORY-} ]] || run_in_memory
rounds=3
patience=30	# for stap, which compiles a module: minutes of the host's time
tracing=/sys/kernel/tracing
event=syscalls:sys_enter_mlock2
program="tracepoint:$event { printf(\"call of %d\\n\", pid); }"

# NAME|command, run by a shell|what its line has|to clean up after it. The first is what the
# others are compared with.
contenders=(
	"insmod, cat|insmod $MODULE && exec cat /dev/mlock2mon|call=mlock2 pid=%d|rmmod mlock2mon"
	"insmod, mlock2mon events --map|insmod $MODULE && exec mlock2mon events --map --raw|call=mlock2 pid=%d|rmmod mlock2mon"
	"insmod related=1, cat|insmod $MODULE related=1 && exec cat /dev/mlock2mon|call=mlock2 pid=%d|rmmod mlock2mon"
	"ftrace: enable, trace_pipe|echo 1 >$tracing/events/syscalls/sys_enter_mlock2/enable; exec cat $tracing/trace_pipe|first-%d |end_ftrace"
	"bpftrace|exec bpftrace -B line -e '$program'|call of %d|true"
	"perf trace|exec perf trace -a -e mlock2|/%d mlock2(|true"
	"trace-cmd stream|exec stdbuf -oL trace-cmd stream -e $event|-%d |trace-cmd reset"
	"SystemTap|timeout $patience stap -e 'probe syscall.mlock2 { printf(\"call of %%d\\n\", pid()) }' || echo nothing in $patience s of guest time|call of %d|true"
)

row() {
	printf '%s\t%s\t%s\t%s\n' "from the command to its first event" "$@" >>"$OUT/rows"
}

end_ftrace() {
	echo 0 >$tracing/events/syscalls/sys_enter_mlock2/enable
	: >$tracing/trace
}

declare -A gave_up

# failed NAME SAID: the last line that is not empty says most. It is not tried again.
failed() {
	local said

	gave_up[$1]=1
	said=$(grep . <<<"$2" | tail -n 1 | tr '\t' ' ')
	row "$1" "10^6 instructions" "error: ${said:-no call was shown}"
}

# measure ROUND NAME COMMAND TEXT CLEANUP: round 0 fills caches.
measure() {
	local round=$1 name=$2 command=$3 text=$4 cleanup=$5 said ticks status=0

	said=$(first "$text" "$command" 2>&1) || status=$?
	$cleanup >/dev/null 2>&1 || true
	if ((status)); then
		failed "$name" "$said"
		return
	fi
	ticks=${said%% *}
	if ((!round)); then
		echo "$name: ${command//$MODULE/mlock2mon.ko}; shown: ${said#* }" >>"$OUT/notes"
		return
	fi
	base=${base:-$ticks}
	row "$name" "10^6 instructions" "$(awk "BEGIN { printf \"%.3f\", $ticks / 1e6 }")"
	row "$name" "times as long as insmod, cat" "$(awk "BEGIN { printf \"%.2f\", $ticks / $base }")"
}

cat >>"$OUT/notes" <<-END
	From the start of a command to the first line of its output that shows a call of a process which calls mlock2() every millisecond, under QEMU -icount: ticks of the time stamp counter, that is instructions, and what is waited for as if a processor made 10^9 instructions a second meanwhile. All files are in memory, and what SystemTap compiles is in its cache.
END
for ((round = 0; round <= rounds; round++)); do
	base=
	for contender in "${contenders[@]}"; do
		IFS='|' read -r name command text cleanup <<<"$contender"
		[[ ${gave_up[$name]-} ]] || measure "$round" "$name" "$command" "$text" "$cleanup"
	done
done
