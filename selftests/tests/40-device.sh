#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# /dev/mlock2mon: read, poll, lseek, refusals and privileges, rule by rule.
# level: smoke
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"

plan 86

load ring_records=64
log_mark
relay 84 device
check "the kernel log stays silent" log_silent
unload
check "nothing is left" nothing_left
