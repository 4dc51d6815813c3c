#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Show the module at work in a guest; install and build what that needs.
set -euo pipefail
. "$(dirname "$0")/host.sh"

case ${1-} in
-h | --help) say "Usage: make demo"; exit 0 ;;
?*) misused "unknown argument $1" ;;
esac
need_root
need_guest_tools
kernel=$(default_kernel)
"$tree/selftests/chroot.sh" "$kernel" >/dev/null
say "Building for kernel $kernel ..."
"$tree/selftests/build.sh" "$kernel"
say "Booting a guest ..."
"$tree/selftests/guest.sh" --kernel "$kernel" --out "$tree/build/$kernel/demo" --timeout 150 -- \
	selftests/demo-guest.sh
