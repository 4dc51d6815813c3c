#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build the tree for a kernel, in the chroot of that kernel.
set -euo pipefail
. "$(dirname "$0")/host.sh"

usage() {
	cat <<-END
	Usage: selftests/build.sh KERNEL
	Builds into build/KERNEL: mlock2mon.ko, bin/ (the tool and the programs of
	selftests/) and the initramfs that guests start from. Every warning is an error.
	END
}

case ${1-} in
-h | --help) usage; exit 0 ;;
-*) misused "unknown option $1" ;;
esac
[[ $# -eq 1 ]] || misused "one kernel name is needed"
need_kernel "$1"
mkdir -p "$tree/build/$1"
exec 6>"$tree/build/$1/.lock"
flock 6
"$tree/selftests/enter.sh" "$1" selftests/compile.sh
