#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run a command in the chroot of a kernel, with the tree at /src and, if the kernel is one
# that is built here, what was built at /mnt. Only build/KERNEL and /tmp can be written, or
# all of a copy, and nothing stays mounted.
set -euo pipefail
. "$(dirname "$0")/host.sh"

usage() {
	cat <<-END
	Usage: selftests/enter.sh [--root NAME] [--copy] KERNEL COMMAND [ARGUMENT ...]
	Runs COMMAND in the chroot for KERNEL, or in the chroot NAME, in /src, which is this
	tree, read-only. /src/build/KERNEL can be written; with --copy all else too, in memory,
	and it is gone afterwards. Environment: SRC, BUILD, KERNEL,
	KDIR (what modules are built against), VMLINUZ, KVER (of a Debian kernel), and what the
	file env of a kernel that is built here says; BUSYBOX, if its guests have another root.
	END
}

# mount_kernel ROOT BUILT GUEST: what selftests/kernel.sh made. It says what more is in $facts.
mount_kernel() {
	local kver

	if [[ $2 ]]; then
		mount --bind "$2" "$1/mnt"
		mount -o remount,bind,ro "$1/mnt"
		facts=(KDIR=/mnt/build VMLINUZ=/mnt/vmlinuz)
		[[ ! -e $2/env ]] || mapfile -t -O 2 facts <"$2/env"
		mount_guest "$1" "$3"
	elif [[ -d $1/lib/modules ]]; then
		kver=$(cd "$1/lib/modules" && echo *)
		facts=(KVER="$kver" KDIR="/lib/modules/$kver/build" VMLINUZ="/boot/vmlinuz-$kver")
	fi
}

# mount_guest ROOT GUEST: the root of guests at /media, if it is another one.
mount_guest() {
	[[ $2 ]] || return 0
	mount --bind "$2" "$1/media"
	mount -o remount,bind,ro "$1/media"
	facts+=(BUSYBOX=/media/bin/busybox)
}

# mount_copy ROOT: at ROOT/tmp/root, which nobody else sees.
mount_copy() {
	mount -t tmpfs -o size=8g tmpfs "$1/tmp"
	mkdir "$1"/tmp/{upper,work,root}
	mount -t overlay -o "lowerdir=$1,upperdir=$1/tmp/upper,workdir=$1/tmp/work" overlay "$1/tmp/root"
}

# In the private mount and pid namespace; the kernel undoes it all.
mount_and_run() {
	local root=$1 built=$2 guest=$3 copy=$4 name=$5 build=build/$5 facts=()
	shift 5

	if [[ $copy ]]; then
		mount_copy "$root"
		root=$root/tmp/root
	else
		mount --bind "$root" "$root"
	fi
	mount --bind "$tree" "$root/src"
	mount -o remount,bind,ro "$root/src"
	mount --bind "$tree/$build" "$root/src/$build"
	mount -t proc proc "$root/proc"
	mount -t tmpfs tmpfs "$root/tmp"
	mount_kernel "$root" "$built" "$guest"
	[[ $copy ]] || mount -o remount,bind,ro "$root"
	# shellcheck disable=SC2016 # expanded in the chroot
	exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C \
		SRC=/src BUILD="/src/$build" KERNEL="$name" "${facts[@]}" \
		bash -c 'cd /src && exec "$@"' bash "$@"
}

main() {
	local root built='' guest='' name='' copy=''

	while (($#)); do
		case $1 in
		-h | --help) usage; exit 0 ;;
		--root) (($# > 1)) || misused "--root needs a value"; name=$2; shift ;;
		--copy) copy=1 ;;
		-*) misused "unknown option $1" ;;
		*) break ;;
		esac
		shift
	done
	if [[ ${1-} == inside && -n ${MLOCK2MON_INSIDE-} ]]; then
		shift
		mount_and_run "$@"
	fi
	[[ $# -ge 2 ]] || misused "a kernel name and a command are needed"
	need_kernel "$1"
	need_root
	root=$("$tree/selftests/chroot.sh" "${name:-$(kernel_chroot "$1")}")
	[[ ! $(built_line "$1") ]] || built=$("$tree/selftests/kernel.sh" "$1")
	[[ $(guest_chroot "$1") == "$(kernel_chroot "$1")" ]] ||
		guest=$("$tree/selftests/chroot.sh" "$(guest_chroot "$1")")
	mkdir -p "$tree/build/$1"
	# Whoever holds this lock keeps chroot.sh from removing an old chroot,
	# and kernel.sh an old kernel.
	exec 7<"$root"
	flock -s 7
	if [[ $built ]]; then
		exec 8<"$built"
		flock -s 8
	fi
	if [[ $guest ]]; then
		exec 9<"$guest"
		flock -s 9
	fi
	MLOCK2MON_INSIDE=1 exec unshare --mount --pid --fork --kill-child --propagation private \
		"$0" inside "$root" "$built" "$guest" "$copy" "$@"
}

main "$@"
