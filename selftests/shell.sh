#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A root shell in a guest with the module loaded; install and build what that needs.
set -euo pipefail
. "$(dirname "$0")/host.sh"

case ${1-} in
-h | --help) say "Usage: make shell"; exit 0 ;;
?*) misused "unknown argument $1" ;;
esac
[[ -t 0 ]] || die "this needs a terminal; selftests/guest.sh runs a command without one"
build_default
say "Booting a guest; exit ends it, Ctrl-A x kills it ..."
"$tree/selftests/guest.sh" --kernel "$kernel" --out "$tree/build/$kernel/shell" --interactive -- \
	selftests/shell-guest.sh
