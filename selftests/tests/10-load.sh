#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Loading and unloading: what appears, what is said, what is refused, what is left.
# level: smoke
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"

parameters() {
	(cd /sys/module/mlock2mon/parameters && grep -H . -- * | sort | paste -sd " ")
}

one_line_at_most() {
	local lines

	lines=$(log_since | wc -l)
	((lines <= 1)) || { log_since; return 1; }
}

all_probes() {
	local call abi abis=(arm64)

	! on_amd64 || abis=(x64 ia32)
	for call in mlock2 mlock munlock mlockall munlockall; do
		for abi in "${abis[@]}"; do
			echo "probe.$call.$abi active"
		done
	done
	echo "probe.taskstats_exit active"
	echo "probe.sched_process_exit active"
	echo "probe.sched_process_exec active"
}

probes_shown() {
	diff <(all_probes | sort) <(grep '^probe\.' /proc/mlock2mon/stats | sort)
}

# text_and_data: without the tables that tools and the loader want.
text_and_data() {
	size -A "$MODULE" | awk '$1 ~ /^\.(text|rodata|data|init|exit)/ { sum += $2 } END { print sum }'
}

small() {
	local bytes

	bytes=$(text_and_data)
	echo "$bytes bytes"
	((bytes > 0 && bytes < 65536))
}

# The best of three: the guest has other things to do. The load itself is mostly
# ftrace switching on one entry point after the other, and is only told here.
soon() {
	local best=999999999 load ns i

	for ((i = 0; i < 3; i++)); do
		read -r load ns < <(modload first "$MODULE") || return 1
		modload unload >/dev/null || return 1
		((ns >= best)) || best=$ns
	done
	echo "$best ns, after a load of $load ns"
	((best < 50000000))
}

out_of_range() {
	refused "$1" EINVAL "mlock2mon: $1 is out of range: $2"
}

not_a_number() {
	refused "$1" "$2" "mlock2mon: \`${1#*=}' invalid for parameter \`${1%%=*}'"
}

# loads PARAMETER: it loads, shows the value, sees a call, and unloads.
loads() {
	local error shown seen

	error=$(modload load "$MODULE" "$1")
	[[ $error = 0 ]] || { echo "errno $error"; return 1; }
	shown=$(<"/sys/module/mlock2mon/parameters/${1%%=*}")
	churn burst 1
	seen=$(stat_of mlock2.returns)
	error=$(modload unload)
	echo "shown $shown, calls seen $seen, errno of the unload $error"
	[[ $shown = "${1#*=}" && $seen = 1 && $error = 0 ]] && nothing_left
}

# loads_if_it_fits PARAMETER MIB
loads_if_it_fits() {
	local have

	have=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
	if ((have > $2)); then
		check "$1 loads" loads "$1"
	else
		skip "$1 loads" "needs $2 MiB, the guest has $have"
	fi
}

# take_memory: all but 200 MiB of what is there, as a process that has it locked.
take_memory() {
	local pages

	pages=$(awk '/^MemAvailable/ { print int($2 / 4) - 51200 }' /proc/meminfo)
	((pages > 0)) || bail "no memory to take"
	start_helper act map "$pages" lock 0 "$pages" say taken read
	[[ $helper_said = taken ]] || bail "act: $helper_said"
}

nobody_is_killed() {
	kill -0 "$helper_pid" && ! log_since | grep -E 'oom|Out of memory|allocation failure'
}

plan 46

# The first load ever makes the kernel say that it is now tainted.
load
unload

log_mark
check "insmod loads the module" insmod "$MODULE"
check "at most one log line when loaded" one_line_at_most
is "$(stat -c '%F %a %U' /dev/mlock2mon)" "character special file 400 root" "device node: root, 0400"
is "$(cd /proc/mlock2mon && stat -c '%n %a' -- * | sort | paste -sd ' ')" \
	"inflight 400 latency 444 stats 444 tasks 400" "files in /proc and their modes"
is "$(stat -c '%F' /proc/mlock2mon)" "directory" "/proc/mlock2mon is a directory"
check "all probes are active in stats" probes_shown
is "$(parameters)" \
	"collapse:Y max_tasks:4096 maxactive:512 near_kb:0 related:N ring_records:32768" \
	"parameters and their defaults"
is "$(stat -c %a /sys/module/mlock2mon/parameters/* | sort -u)" 444 \
	"parameters can be read, not written"
is "$(stat_of ring.records) $(stat_of tasks.max)" "32768 4096" "stats shows the defaults"
log_mark
check "rmmod unloads the module" rmmod mlock2mon
check "at most one log line when unloaded" one_line_at_most
check "nothing is left: no node, no files, no probes, no memory" nothing_left

load max_tasks=77 ring_records=128 maxactive=3
is "$(parameters)" \
	"collapse:Y max_tasks:77 maxactive:3 near_kb:0 related:N ring_records:128" \
	"parameters are taken"
is "$(stat_of ring.records) $(stat_of tasks.max)" "128 77" "stats shows what was given"
unload

if is_debug; then
	skip "text and data below 64 KiB" "a kernel for debugging"
	skip "less than 50 ms from the end of loading to the first record read" "a kernel for debugging"
else
	check "text and data below 64 KiB" small
	check "less than 50 ms from the end of loading to the first record read" soon
fi

check "max_tasks=0 is refused" out_of_range max_tasks=0 "16 to 1048576"
check "max_tasks=15 is refused" out_of_range max_tasks=15 "16 to 1048576"
check "max_tasks=1048577 is refused" out_of_range max_tasks=1048577 "16 to 1048576"
check "ring_records=0 is refused" out_of_range ring_records=0 "64 to 4194304"
check "ring_records=32 is refused" out_of_range ring_records=32 "64 to 4194304"
check "ring_records=8388608 is refused" out_of_range ring_records=8388608 "64 to 4194304"
check "ring_records=65 is refused" \
	refused ring_records=65 EINVAL "mlock2mon: ring_records=65 is not a power of two from 64 to 4194304"
check "ring_records=4194303 is refused" \
	refused ring_records=4194303 EINVAL "mlock2mon: ring_records=4194303 is not a power of two from 64 to 4194304"
check "maxactive=0 is refused" out_of_range maxactive=0 "1 to 16384"
check "maxactive=16385 is refused" out_of_range maxactive=16385 "1 to 16384"
check "maxactive=4294967295 is refused" out_of_range maxactive=4294967295 "1 to 16384"
for parameter in max_tasks ring_records maxactive; do
	check "$parameter=-1 is refused" not_a_number $parameter=-1 EINVAL
	check "$parameter=many is refused" not_a_number $parameter=many EINVAL
done
check "max_tasks=4294967312, 16 in 32 bits, is refused" not_a_number max_tasks=4294967312 ERANGE

log_mark
check "max_tasks=16 loads" loads max_tasks=16
check "ring_records=64 loads" loads ring_records=64
check "maxactive=1 loads" loads maxactive=1
check "maxactive=16384 loads" loads maxactive=16384
loads_if_it_fits max_tasks=1048576 1200
loads_if_it_fits ring_records=4194304 1200
check "the kernel log is clean" log_clean
take_memory
log_mark
check "without the memory for it ring_records=4194304 is refused" \
	refused ring_records=4194304 ENOMEM "mlock2mon: ring_records=4194304: there is not so much memory"
check "... and max_tasks=1048576" \
	refused max_tasks=1048576 ENOMEM "mlock2mon: max_tasks=1048576: there is not so much memory"
check "... and no process is killed for it" nobody_is_killed
end_helper
check "the module can be loaded again after all that" loads maxactive=512
check "nothing is left in the end" nothing_left
