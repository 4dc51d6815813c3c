# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by the scripts that run on the host: names, messages, packages.
# shellcheck disable=SC2034 # used there

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${MLOCK2MON_CACHE:-/var/cache/mlock2mon}

say() {
	printf '%s\n' "$*" >&2
}

die() {
	say "${0##*/}: $*"
	exit 1
}

misused() {
	say "${0##*/}: $*"
	say "Try '$0 --help'."
	exit 2
}

need_root() {
	[[ $(id -u) -eq 0 ]] || die "this needs root: it makes chroots and mounts file systems in them"
}

# kernel_names [WHEN]: those that `make check` tests, or those of that word in selftests/kernels.
kernel_names() {
	awk -v when="${1:-check|default}" '!/^#/ && $2 ~ "^(" when ")$" { print $1 }' "$tree/selftests/kernels"
}

# kernel_when NAME: its word for when.
kernel_when() {
	awk -v name="$1" '$1 == name { print $2 }' "$tree/selftests/kernels"
}

# built_line NAME: "CHROOT CONFIG ..." of a kernel that is built here, nothing of another.
built_line() {
	awk -v name="$1" '$1 == name && sub(/^built:/, "", $3) { $1 = $2 = ""; $0 = $0; $1 = $1; print }' \
		"$tree/selftests/kernels"
}

# kernel_chroot NAME: the chroot that builds for a kernel.
kernel_chroot() {
	local chroots

	read -r chroots _ <<<"$(built_line "$1")"
	chroots=${chroots:-$1}
	echo "${chroots%%:*}"
}

# guest_chroot NAME: the root of its guests, which is the same one unless the line has two.
guest_chroot() {
	local chroots

	read -r chroots _ <<<"$(built_line "$1")"
	chroots=${chroots:-$1}
	echo "${chroots##*:}"
}

# is_arm64 NAME: is what was built for a kernel for that processor?
is_arm64() {
	grep -qsx CONFIG_ARM64=y "$tree/build/$1/config"
}

# chroot_line NAME: "NAME SUITES PACKAGE ..." of a kernel's chroot or another.
chroot_line() {
	awk -v name="$1" '$1 == name { $2 = ""; $0 = $0; $1 = $1; print }' "$tree/selftests/kernels"
	awk -v name="$1" '$1 == name { $1 = $1; print }' "$tree/selftests/chroots"
}

default_kernel() {
	kernel_names default
}

# need_kernel NAME: refuse a name that selftests/kernels does not have.
need_kernel() {
	# shellcheck disable=SC2143 # all is read: who stops earlier may make the writer fail
	[[ -n $(kernel_names '.*' | grep -Fx -e "$1") ]] ||
		die "no kernel '$1' in selftests/kernels, there are: $(kernel_names '.*' | paste -sd ' ')"
}

apt_install() {
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-unsafe-io \
		"$@" </dev/null
}

# need_packages COMMAND:PACKAGE ...: install the packages of commands that are missing.
# The lists are fetched only if what is there does not do.
need_packages() {
	local pair missing=() log

	for pair; do
		command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
	done
	((${#missing[@]})) || return 0
	need_root
	say "Installing ${missing[*]} ..."
	log=$(mktemp)
	apt_install "${missing[@]}" >"$log" 2>&1 ||
		{ apt-get update -qq </dev/null && apt_install "${missing[@]}"; } >"$log" 2>&1 ||
		{ cat "$log" >&2; rm -f "$log"; die "cannot install ${missing[*]}"; }
	rm -f "$log"
}

need_guest_tools() {
	need_packages qemu-system-x86_64:qemu-system-x86 mmdebstrap:mmdebstrap
}

# jumped_to_nothing CONSOLE: from the entry of a system call, with interrupts off, as none but the
# handler of a kprobe's breakpoint does: it took one of ftrace's for that, which is no longer there.
jumped_to_nothing() {
	awk '
		/RIP: 0010:0x0\r?$/ { nothing = 1 }
		nothing && /EFLAGS: 00000[014589cd]/ { off = 1 }
		off && /<TASK>/ { first = NR + 1 }
		NR == first && / do_syscall_64\+/ { found = 1 }
		END { exit !found }' "$1"
}

# stuck_at_nothing CONSOLE: at the first instruction of a function, which does nothing: each time
# the breakpoint is executed that was there once, and found to be there no more.
stuck_at_nothing() {
	awk '
		/self-detected stall|soft lockup/ { stuck = 1 }
		stuck && /RIP: 0010:[a-z0-9_]+\+0x0\// { rip = NR }
		rip && NR == rip + 1 && /<0f> 1f 44 00 00/ { found = 1 }
		END { exit !found }' "$1"
}

# emulator_failed OUT: did the guest die as those of an emulator do that runs what one processor
# is changing just now on another? That needs no module of ours, see HACKING.
emulator_failed() {
	[[ -e $1/console ]] && ! grep -qwE 'vmx|svm' /proc/cpuinfo || return
	grep -qE 'int3: 0000 \[#1\]' "$1/console" ||
		jumped_to_nothing "$1/console" || stuck_at_nothing "$1/console"
}

# guest_output OUT OPTION...: what guest.sh with that --out writes. If the emulator failed, once
# more, with processors that take turns, and only what is written then.
guest_output() {
	local status=0 written=$1/.written

	mkdir -p "$1"
	"$tree/selftests/guest.sh" --out "$@" >"$written" || status=$?
	if ((status)) && emulator_failed "$1"; then
		say "the emulator failed; again, with processors that take turns"
		status=0
		"$tree/selftests/guest.sh" --one-thread --out "$@" >"$written" || status=$?
	fi
	cat "$written"
	return "$status"
}

# build_default: make all that a guest with the default kernel needs; sets $kernel.
build_default() {
	need_root
	need_guest_tools
	kernel=$(default_kernel)
	"$tree/selftests/chroot.sh" "$kernel" >/dev/null
	say "Building for kernel $kernel ..."
	"$tree/selftests/build.sh" "$kernel"
}

# mirror SUITE: "URI KEYRING" of the mirror that this machine's apt uses for Debian.
mirror() {
	# shellcheck disable=SC2016 # for apt to fill in
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(CODENAME) $(ORIGIN) $(LABEL) $(SIGNED_BY)' \
		'Created-By: Packages' |
		awk -v suite="$1" '
			$2 ~ /security/ || $5 ~ /Security/ { next }
			$2 == suite || $3 == suite { print $1, $6; found = 1; exit }
			$4 == "Debian" && other == "" { other = $1 " " $6 }
			END { if (!found && other != "") print other }'
}

# source_lines SUITES: the sources of the chroot, one a line.
source_lines() {
	local suites=$1 uri keyring suite

	read -r uri keyring < <(mirror "${suites%%,*}") ||
		die "apt knows no Debian mirror: see apt-get indextargets"
	[[ -f $keyring ]] || keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	[[ -f $keyring ]] && keyring=" [signed-by=$keyring]" || keyring=
	for suite in ${suites//,/ }; do
		echo "deb$keyring $uri $suite main"
	done
}
