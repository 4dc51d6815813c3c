#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Formats, filters, watermarks and ioctls of /dev/mlock2mon, by 64-bit and 32-bit callers.
# timeout: 300
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"

promises=70
cgroup=$(mktemp -d)

plan $((2 * promises + 3))

mount -t cgroup2 none "$cgroup" || bail "no cgroup2"
mkdir -p "$cgroup/filter" || bail "no cgroup"
log_mark
for program in filter filter.m32; do
	load ring_records=64
	echo "# $program"
	relay $promises $program "$cgroup/filter"
	is "$(stat_of readers.open)" 0 "$program: no reader is left"
	unload
done
check "the kernel log has nothing bad" log_clean
rmdir "$cgroup/filter"
umount "$cgroup"
rmdir "$cgroup"
