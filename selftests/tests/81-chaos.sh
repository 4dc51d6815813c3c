#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Anything, at random, from several processes: with the module loaded, and while it comes and
# goes. CHAOS_SECONDS and CHAOS_SEED of "make check" are how long each takes, and the seed.
# timeout: 1500
. "${SRC:?}/selftests/lib.sh"
. "$SRC/selftests/promises.sh"

# shellcheck source=/dev/null # what check.sh was called with
[[ ! -r $OUT/settings ]] || . "$OUT/settings"
seconds=${CHAOS_SECONDS:-10}
seed=${CHAOS_SEED:-1}

# As in 60-load-unload: there, what changes code shares a processor with what runs it.
if grep -q "QEMU TCG" /proc/cpuinfo; then
	pinned=(taskset -c 0)
else
	pinned=()
fi

nobody_reads() {
	[[ $(stat_of readers.open) -eq 0 ]]
}

plan 10
load ring_records=64 max_tasks=64 maxactive=16 related=1
log_mark
relay 3 chaos -s "$seed" -t "$seconds"
check "the kernel log is clean" log_clean
wait_until nobody_reads
check "what was counted is complete" complete mlock2
unload
log_mark
relay 3 "${pinned[@]}" chaos -s "$seed" -t "$seconds" -l "$MODULE"
check "the kernel log is clean after loads and unloads" log_clean
rmmod mlock2mon 2>/dev/null
check "the module loads and works after all that" eval 'load && act map 1 lock 0 1 && unload'
