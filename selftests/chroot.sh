#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Print the path of the chroot that builds for a kernel and supplies it. It is
# made when it is missing, and again when anything it depends on changed.
set -euo pipefail
. "$(dirname "$0")/host.sh"

# busybox makes the initramfs, perl runs kernel-doc, the rest is for tests.
packages=(
	bpftrace busybox-static gcc gcc-multilib gpg gpg-agent kmod libc6-dev libcap2-bin
	libcmocka-dev libseccomp-dev linux-perf make mandoc mount perl pkgconf procps shellcheck
	sparse spin strace stress-ng trace-cmd xz-utils
)

# Nothing that a guest has no hardware for: half of the unpacking time.
without=(
	/usr/share/doc/\* /usr/share/man/\* /usr/share/locale/\* /usr/share/info/\*
	/usr/lib/udev/hwdb.d/\*
	/usr/lib/\*/dri/\*
	/lib/modules/\*/kernel/sound/\*
	/lib/modules/\*/kernel/drivers/{gpu,iio,infiniband,media,scsi,staging,usb}/\*
	/lib/modules/\*/kernel/drivers/net/{can,ethernet,usb,wireless}/\*
)

usage() {
	cat <<-END
	Usage: selftests/chroot.sh KERNEL
	Prints the path of the cached chroot for KERNEL, a name in selftests/kernels,
	making it first when needed. The cache is $cache (MLOCK2MON_CACHE).
	END
}

# make_chroot DIR SUITES PACKAGE...
make_chroot() {
	local dir=$1 suites=$2 include lines options=() path
	shift 2

	include="${packages[*]} $*"
	for path in "${without[@]}"; do
		options+=(--dpkgopt="path-exclude=$path")
	done
	mapfile -t lines < <(source_lines "$suites")
	# shellcheck disable=SC2016 # expanded by the hooks
	# INITRD=No: guests have their own initramfs, and this one takes long to make.
	# Release files of a frozen mirror are out of date, but signed.
	INITRD=No DEBIAN_FRONTEND=noninteractive \
		unshare --mount --pid --fork --kill-child --propagation private \
		mmdebstrap --mode=root --variant=apt --include="$include" "${options[@]}" \
		--dpkgopt=force-unsafe-io \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='Acquire::Languages "none"' \
		--aptopt='APT::Install-Recommends "false"' \
		--customize-hook='chroot "$1" useradd --create-home --shell /bin/bash user' \
		--customize-hook='mkdir "$1/src" "$1/out"' \
		"${suites%%,*}" "$dir" "${lines[@]}"
}

# remove_others NAME DIR: chroots of NAME that are not DIR and that nobody uses.
remove_others() {
	local name=$1 keep=$2 dir

	for dir in "$cache/chroot-$name"-*; do
		[[ $dir == "$keep" || ! -d $dir ]] || flock -n "$dir" rm -rf --one-file-system "$dir" || true
	done
}

main() {
	local name suites key dir log

	[[ $# -eq 1 ]] || misused "one kernel name is needed"
	case $1 in
	-h | --help) usage; exit 0 ;;
	-*) misused "unknown option $1" ;;
	esac
	name=$1
	need_kernel "$name"
	key=$(kernel_line "$name" | cat - "$tree/selftests/chroot.sh" | sha256sum | cut -c 1-12)
	dir=$cache/chroot-$name-$key
	if [[ ! -d $dir ]]; then
		need_root
		need_packages mmdebstrap:mmdebstrap
		mkdir -p "$cache"
		exec 8>"$cache/chroot-$name.lock"
		flock 8
	fi
	if [[ ! -d $dir ]]; then
		say "Making the chroot for kernel $name in $cache, about a minute ..."
		log=$cache/chroot-$name.log
		read -r _ suites include <<<"$(kernel_line "$name")"
		remove_others "$name" "$dir"
		rm -rf --one-file-system "$dir.new"
		# shellcheck disable=SC2086 # the packages are words
		make_chroot "$dir.new" "$suites" $include >"$log" 2>&1 </dev/null || {
			tail -n 20 "$log" >&2
			die "cannot make $dir; all of the log is in $log"
		}
		mv "$dir.new" "$dir"
	fi
	echo "$dir"
}

main "$@"
