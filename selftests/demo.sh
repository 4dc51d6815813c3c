#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Show the module at work in a guest; install and build what that needs.
set -euo pipefail
. "$(dirname "$0")/host.sh"

case ${1-} in
-h | --help) say "Usage: make demo"; exit 0 ;;
?*) misused "unknown argument $1" ;;
esac
build_default
say "Booting a guest ..."
"$tree/selftests/guest.sh" --kernel "$kernel" --out "$tree/build/$kernel/demo" --timeout 150 -- \
	selftests/demo-guest.sh
