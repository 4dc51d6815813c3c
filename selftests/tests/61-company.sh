#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In company: others' probes on the same functions come and go, and so does a processor,
# while calls are made and records read; not one call is uncounted.
# timeout: 600
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"

rounds=3
work=$(mktemp -d)

# As in 60-load-unload: in an emulator what changes code shares a processor with what runs it.
if grep -q "QEMU TCG" /proc/cpuinfo; then
	pinned=(taskset -c 0)
else
	pinned=()
fi
if on_amd64; then
	abi=__x64_sys
else
	abi=__arm64_sys
fi

# watched PROBES: by bpftrace, for a moment; it must see something, or it was no company.
watched() {
	"${pinned[@]}" bpftrace -B none -e "$1 { @seen = count(); @some = 1; }
		interval:ms:500 { if (@some) { exit(); } }
		interval:s:100 { exit(); }" >"$work/seen" 2>&1
	grep -q '^@seen: [1-9]' "$work/seen" || { cat "$work/seen"; return 1; }
}

# in_company PROBES: it comes and goes.
in_company() {
	local i

	for ((i = 0; i < rounds; i++)); do
		watched "$1" || return 1
	done
}

# cpu1 0|1: it leaves or comes back; there may be no such switch.
cpu1() {
	echo "$1" >/sys/devices/system/cpu/cpu1/online
}

processor_comes_and_goes() {
	local i

	for ((i = 0; i < 2 * rounds; i++)); do
		cpu1 0 && sleep 0.3 && cpu1 1 && sleep 0.3 || return 1
	done
}

# all_counted CALL: of what was entered, all has returned and nothing was missed.
all_counted() {
	local calls

	calls=$(stat_of "$1.entries")
	echo "$calls of $1, $(stat_of "$1.returns") returned, $(stat_of "$1.missed") missed"
	((calls > 0)) && [[ $(stat_of "$1.returns") -eq $calls && $(stat_of "$1.missed") -eq 0 ]]
}

plan 9

load related=1
log_mark
"${pinned[@]}" nice -n 19 churn load &
load_pid=$!
wait_until 10 kill -0 -- "-$load_pid" || bail "churn does not start"
"${pinned[@]}" cat /dev/mlock2mon >/dev/null &
reader=$!
check "kprobes of others" in_company "kprobe:${abi}_mlock2, kprobe:${abi}_munlock"
check "kretprobes of others" in_company "kretprobe:${abi}_mlock2, kretprobe:${abi}_munlock"
check "a kprobe of others where tasks leave" in_company "kprobe:taskstats_exit"
if [[ -e /sys/kernel/btf/vmlinux ]] && on_amd64; then
	check "a trampoline of others" in_company "kretfunc:${abi}_mlock2"
else
	skip "a trampoline of others" "no BTF"
fi
if [[ -e /sys/devices/system/cpu/cpu1/online ]]; then
	check "a processor leaves and comes back" processor_comes_and_goes
	cpu1 1
else
	skip "a processor leaves and comes back" "it cannot"
fi
kill "$load_pid" "$reader"
wait 2>/dev/null
check "all calls of mlock2 are counted" all_counted mlock2
check "... and of munlock" all_counted munlock
check "the kernel log has no complaint" log_clean
unload
check "nothing is left" nothing_left
