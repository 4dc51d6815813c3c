#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Print the path of a chroot: of the one that builds for a kernel and supplies it, or of
# another. It is made when it is missing, and again when anything it depends on changed.
set -euo pipefail
. "$(dirname "$0")/host.sh"

# busybox makes the initramfs, perl runs kernel-doc, the rest is for tests.
packages=(
	bpftrace busybox-static chrony cryptsetup-bin gcc gcc-multilib gpg gpg-agent kmod libc6-dev
	libcap2-bin libcmocka-dev libncurses-dev libseccomp-dev linux-perf make mandoc memlockd mount
	openssh-client openssl perl pkgconf procps rt-tests shellcheck sparse spin strace stress-ng
	tmux trace-cmd xz-utils
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
	Usage: selftests/chroot.sh NAME
	Prints the path of the cached chroot NAME, a kernel of selftests/kernels or a name in
	selftests/chroots, making it first when needed. The cache is $cache
	(MLOCK2MON_CACHE).
	END
}

# is_foreign LIST: do no programs of these architectures run here?
is_foreign() {
	[[ $1 && ,$1, != *,"$(dpkg --print-architecture)",* ]]
}

# for_architectures LIST: adds to $options, for packages that are not only this machine's; a
# chroot whose programs do not run here is unpacked only. gcc-multilib is for amd64, and not
# beside compilers for others.
for_architectures() {
	[[ $1 ]] || return 0
	options+=(--architectures="$1")
	include=${include/ gcc-multilib/}
	! is_foreign "$1" || options+=(--variant=extract --include='?essential'
		--setup-hook=/usr/share/mmdebstrap/hooks/merged-usr/setup00.sh)
}

# settle DIR: what the scripts of its packages would have done, had they been run.
settle() {
	mkdir -p "$1"/{media,mnt,opt,srv} &&
		cp "$1/usr/share/base-passwd/passwd.master" "$1/etc/passwd" &&
		cp "$1/usr/share/base-passwd/group.master" "$1/etc/group" &&
		ln -s mawk "$1/usr/bin/awk" &&
		ln -s gcc "$1/usr/bin/cc" &&
		useradd --prefix "$1" --system --home-dir /var/lib/chrony _chrony
}

# make_chroot DIR SUITES [arch:LIST] PACKAGE...
make_chroot() {
	local dir=$1 suites=$2 architectures='' include lines options=(--variant=apt) path
	shift 2

	[[ $1 != arch:* ]] || { architectures=${1#arch:}; shift; }
	include="${packages[*]} $*"
	for_architectures "$architectures"
	for path in "${without[@]}"; do
		options+=(--dpkgopt="path-exclude=$path")
	done
	mapfile -t lines < <(source_lines "$suites")
	# shellcheck disable=SC2016 # expanded by the hook
	# INITRD=No: guests have their own initramfs, and this one takes long to make.
	# Scripts of Java want a place for manuals, even if there are none.
	# Release files of a frozen mirror are out of date, but signed.
	INITRD=No DEBIAN_FRONTEND=noninteractive \
		unshare --mount --pid --fork --kill-child --propagation private \
		mmdebstrap --mode=root --include="$include" "${options[@]}" \
		--dpkgopt=force-unsafe-io \
		--essential-hook='mkdir -p "$1/usr/share/man/man1"' \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='Acquire::Languages "none"' \
		--aptopt='APT::Install-Recommends "false"' \
		"${suites%%,*}" "$dir" "${lines[@]}" || return
	! is_foreign "$architectures" || settle "$dir" || return
	mkdir "$dir/src" "$dir/out" &&
		useradd --prefix "$dir" --create-home --shell /bin/bash user
}

# remove_others NAME DIR: chroots of NAME that are not DIR and that nobody uses.
remove_others() {
	local name=$1 keep=$2 dir

	# Twelve, for one name may begin with another.
	for dir in "$cache/chroot-$name"-????????????; do
		[[ $dir == "$keep" || ! -d $dir ]] || flock -n "$dir" rm -rf --one-file-system "$dir" || true
	done
}

main() {
	local name line suites include key dir log

	[[ $# -eq 1 ]] || misused "one name is needed"
	case $1 in
	-h | --help) usage; exit 0 ;;
	-*) misused "unknown option $1" ;;
	esac
	name=$1
	line=$(chroot_line "$name")
	[[ $line ]] || die "no chroot '$name' in selftests/kernels or selftests/chroots"
	key=$(cat - "$tree/selftests/chroot.sh" <<<"$line" | sha256sum | cut -c 1-12)
	dir=$cache/chroot-$name-$key
	if [[ ! -d $dir ]]; then
		need_root
		need_packages mmdebstrap:mmdebstrap
		mkdir -p "$cache"
		exec 8>"$cache/chroot-$name.lock"
		flock 8
	fi
	if [[ ! -d $dir ]]; then
		say "Making the chroot $name in $cache, about a minute ..."
		log=$cache/chroot-$name.log
		read -r _ suites include <<<"$line"
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
