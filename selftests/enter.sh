#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run a command in the chroot of a kernel, with the tree at /src. Only
# build/KERNEL of it and /tmp can be written, and nothing stays mounted.
set -euo pipefail
. "$(dirname "$0")/host.sh"

usage() {
	cat <<-END
	Usage: selftests/enter.sh KERNEL COMMAND [ARGUMENT ...]
	Runs COMMAND in the chroot for KERNEL, in /src, which is this tree, read-only.
	/src/build/KERNEL can be written. Environment: SRC, BUILD, KVER.
	END
}

# In the private mount and pid namespace; the kernel undoes it all.
mount_and_run() {
	local root=$1 name=$2 build=build/$2 kver
	shift 2

	kver=$(cd "$root/lib/modules" && echo *)
	mount --bind "$root" "$root"
	mount --bind "$tree" "$root/src"
	mount -o remount,bind,ro "$root/src"
	mount --bind "$tree/$build" "$root/src/$build"
	mount -t proc proc "$root/proc"
	mount -t tmpfs tmpfs "$root/tmp"
	mount -o remount,bind,ro "$root"
	# shellcheck disable=SC2016 # expanded in the chroot
	exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C \
		SRC=/src BUILD="/src/$build" KVER="$kver" KERNEL="$name" \
		bash -c 'cd /src && exec "$@"' bash "$@"
}

main() {
	local root

	case ${1-} in
	-h | --help) usage; exit 0 ;;
	-*) misused "unknown option $1" ;;
	esac
	if [[ ${1-} == inside && -n ${MLOCK2MON_INSIDE-} ]]; then
		shift
		mount_and_run "$@"
	fi
	[[ $# -ge 2 ]] || misused "a kernel name and a command are needed"
	need_kernel "$1"
	need_root
	root=$("$tree/selftests/chroot.sh" "$1")
	mkdir -p "$tree/build/$1"
	# Whoever holds this lock keeps chroot.sh from removing an old chroot.
	exec 7<"$root"
	flock -s 7
	MLOCK2MON_INSIDE=1 exec unshare --mount --pid --fork --kill-child --propagation private \
		"$0" inside "$root" "$@"
}

main "$@"
