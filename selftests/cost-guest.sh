#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The inside of cost.sh: with and without the module by turns, for what runs in the
# background of a guest changes with time. Leaves $OUT/samples, lines of
# bare|defaults|related CALL TICKS, and $OUT/release.
set -euo pipefail

for ((round = 0; round < 5; round++)); do
	bench -b 20 mlock2 | sed 's/^/bare /'
	insmod "$MODULE"
	bench -b 20 mlock2 | sed 's/^/defaults /'
	rmmod mlock2mon
	insmod "$MODULE" related=1
	bench -b 20 mlock2 | sed 's/^/related /'
	rmmod mlock2mon
done >"$OUT/samples"
uname -r >"$OUT/release"
