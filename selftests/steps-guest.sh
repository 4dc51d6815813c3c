#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The inside of steps.sh: sets the scene and makes the call until $OUT/done appears.
set -euo pipefail

(($# == 0)) || "$@"
cp /proc/kallsyms "$OUT/kallsyms"
bench -f mlock2 &
sleep 1
echo ready
until [[ -e $OUT/done ]]; do
	sleep 0.5
done
kill $!
