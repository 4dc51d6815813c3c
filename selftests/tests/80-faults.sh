#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Each allocation fails once, where the kernel can let it.
# timeout: 1500
. "${SRC:?}/selftests/lib.sh"
. "$SRC/selftests/promises.sh"

debug=/sys/kernel/debug

if [[ ! -e /proc/self/fail-nth ]]; then
	echo "1..0 # SKIP this kernel cannot let allocations fail"
	exit 0
fi
# All of them, those that may wait included; the kernel need not say which.
echo N >$debug/failslab/ignore-gfp-wait
echo N >$debug/fail_page_alloc/ignore-gfp-wait
echo N >$debug/fail_page_alloc/ignore-gfp-highmem
echo 0 >$debug/fail_page_alloc/min-order
echo 0 >$debug/failslab/verbose
echo 0 >$debug/fail_page_alloc/verbose

# tracing takes it for a bug if it has no memory for the fields of an event: not there.
not_below() {
	local start end limit

	read -r start end < <(awk -v name="$1" '
		NR == FNR { if ($3 == name) start = $1 ""; next }
		start != "" && $1 "" > start && (end == "" || $1 "" < end) { end = $1 "" }
		END { print start, end }' /proc/kallsyms /proc/kallsyms)
	[[ ${end-} ]] || bail "$1 is not known"
	for limit in failslab fail_page_alloc; do
		echo "0x$start" >"$debug/$limit/reject-start"
		echo "0x$end" >"$debug/$limit/reject-end"
	done
}
not_below event_define_fields

# Each load takes seconds, most of them to change code, which others would have to wait for.
other=/sys/devices/system/cpu/cpu1/online
echo 0 >$other
trap 'echo 1 >$other' EXIT

plan 17
relay 4 faults load "$MODULE" max_tasks=64 ring_records=64 maxactive=2 related=1
load
relay 12 faults use
unload
check "the module loads and works after all that" eval 'load && act map 1 lock 0 1 && unload'
