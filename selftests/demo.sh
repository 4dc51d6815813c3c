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
out=$tree/build/$kernel/demo
options=(--kernel "$kernel" --out "$out" --timeout 150 -- selftests/demo-guest.sh)
"$tree/selftests/guest.sh" "${options[@]}" || {
	emulator_failed "$out"
	say "The emulator failed; again, with processors that take turns"
	"$tree/selftests/guest.sh" --one-thread "${options[@]}"
}
