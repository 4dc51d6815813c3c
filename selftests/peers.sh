#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make the modules that other watchers need to run on a kernel.
set -euo pipefail
. "$(dirname "$0")/host.sh"

usage() {
	cat <<-END
	Usage: selftests/peers.sh KERNEL
	Makes, in build/KERNEL/peers, what the watchers of the chroot peers-KERNEL load into a
	kernel: the modules of LTTng (lib/modules) and of selftests/mlock2.stp (mlock2_stap.ko).
	For what cannot be made for this kernel there is NAME.error, which says why.
	END
}

# fetch SUITE PACKAGE: unpacks it in $peers/PACKAGE. Not installed in the chroot, where the
# package would compile itself, and a failure of that would leave no chroot.
fetch() {
	local apt=$peers/apt options

	mkdir -p "$apt/lists/partial" "$apt/archives/partial"
	source_lines "$1" >"$apt/sources.list"
	options=(-qq -o Dir::State="$apt" -o Dir::State::status=/dev/null -o Dir::Cache="$apt"
		-o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o Acquire::Check-Valid-Until=false -o Acquire::Languages=none
		-o APT::Sandbox::User=root)
	apt-get "${options[@]}" update &&
		(cd "$apt" && apt-get "${options[@]}" download "$2") &&
		dpkg-deb -x "$apt/$2"_*.deb "$peers/$2" &&
		rm -rf "$apt"
}

main() {
	local kernel peers suites stamp

	case ${1-} in
	-h | --help) usage; exit 0 ;;
	-*) misused "unknown option $1" ;;
	esac
	[[ $# -eq 1 ]] || misused "one kernel name is needed"
	kernel=$1
	need_kernel "$kernel"
	need_root
	need_guest_tools
	peers=$tree/build/$kernel/peers
	mkdir -p "$tree/build/$kernel"
	exec 6>"$tree/build/$kernel/.peers-lock"
	flock 6
	stamp=$("$tree/selftests/chroot.sh" "peers-$kernel")
	stamp+=" $(cat "$tree"/selftests/{peers*.sh,mlock2.stp} | sha256sum)"
	[[ ! -s $peers/stamp || $(<"$peers/stamp") != "$stamp" ]] || return 0
	rm -rf "$peers"
	mkdir -p "$peers"
	read -r _ suites _ < <(chroot_line "peers-$kernel")
	say "Compiling modules of other watchers for kernel $kernel, some minutes ..."
	fetch "${suites%%,*}" lttng-modules-dkms >"$peers/fetch.log" 2>&1 ||
		die "cannot fetch lttng-modules-dkms: see $peers/fetch.log"
	"$tree/selftests/enter.sh" --root "peers-$kernel" "$kernel" selftests/peers-compile.sh
	echo "$stamp" >"$peers/stamp"
}

main "$@"
