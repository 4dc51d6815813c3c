#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# /dev/mlock2mon as memory: read-only for good, the same records, for 64 and 32 bits.
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"

promises=27

plan $((2 * promises + 2))

log_mark
for program in mapping mapping.m32; do
	load ring_records=64
	echo "# $program"
	relay $promises $program
	unload
done
check "the kernel log has nothing bad" log_clean
check "nothing is left" nothing_left
