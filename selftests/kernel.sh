#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Print the directory of a kernel that is built here. It is built when it is missing, and
# again when anything it depends on changed.
set -euo pipefail
. "$(dirname "$0")/host.sh"

usage() {
	cat <<-END
	Usage: selftests/kernel.sh NAME
	Prints the path of the cached kernel NAME, one that selftests/kernels says is built
	here, building it first when needed. In the directory, as selftests/kernel-compile.sh
	leaves it: vmlinuz; build/, which modules are built against; env, if it is there, with
	a line NAME=VALUE for the environment of those builds. The cache is $cache
	(MLOCK2MON_CACHE).
	END
}

# key NAME ROOT: of all that the kernel depends on.
key() {
	local config configs

	read -ra configs < <(built_line "$1" | cut -s -d ' ' -f 2-)
	{
		built_line "$1"
		echo "${2##*/}"
		cat "$tree/selftests/kernel-compile.sh"
		for config in "${configs[@]}"; do
			cat "$tree/selftests/configs/$config"
		done
	} | sha256sum | cut -c 1-12
}

# In the private mount and pid namespace: only the new kernel's directory can be written.
compile() {
	local root=$1 dir=$2
	shift 2

	mount --bind "$root" "$root"
	mount --bind "$tree" "$root/src"
	mount -o remount,bind,ro "$root/src"
	mount --bind "$dir" "$root/mnt"
	mount -t proc proc "$root/proc"
	mount -t tmpfs tmpfs "$root/tmp"
	mount -o remount,bind,ro "$root"
	exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C \
		SRC=/src /src/selftests/kernel-compile.sh "$@"
}

# remove_others NAME DIR: kernels of NAME that are not DIR; nobody runs them, for a guest
# boots a copy.
remove_others() {
	local dir

	for dir in "$cache/kernel-$1"-????????????; do
		[[ $dir == "$2" || ! -d $dir ]] || flock -n "$dir" rm -rf --one-file-system "$dir" || true
	done
}

# build NAME ROOT DIR: DIR appears when it is complete.
build() {
	local log=$cache/kernel-$1.log configs

	say "Building the kernel $1 in $cache, some minutes ..."
	read -ra configs < <(built_line "$1" | cut -s -d ' ' -f 2-)
	remove_others "$1" "$3"
	rm -rf --one-file-system "$3.new"
	mkdir -p "$3.new"
	MLOCK2MON_INSIDE=1 unshare --mount --pid --fork --kill-child --propagation private \
		"$0" inside "$2" "$3.new" "${configs[@]}" >"$log" 2>&1 </dev/null || {
		tail -n 20 "$log" >&2
		die "cannot build $3; all of the log is in $log"
	}
	mv "$3.new" "$3"
}

main() {
	local root dir

	case ${1-} in
	-h | --help) usage; exit 0 ;;
	-*) misused "unknown option $1" ;;
	esac
	if [[ ${1-} == inside && -n ${MLOCK2MON_INSIDE-} ]]; then
		shift
		compile "$@"
	fi
	[[ $# -eq 1 ]] || misused "one name is needed"
	[[ $(built_line "$1") ]] || die "no kernel '$1' that is built here in selftests/kernels"
	root=$("$tree/selftests/chroot.sh" "$(kernel_chroot "$1")")
	dir=$cache/kernel-$1-$(key "$1" "$root")
	if [[ ! -d $dir ]]; then
		need_root
		exec 8>"$cache/kernel-$1.lock" 7<"$root"
		flock 8
		flock -s 7
		[[ -d $dir ]] || build "$1" "$root" "$dir"
	fi
	echo "$dir"
}

main "$@"
