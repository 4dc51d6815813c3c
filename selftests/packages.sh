#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Packages for Debian: make them of the sources, install them, use them, upgrade them and the
# kernel, take them away again. Runs in a copy of the chroot `packages`, prints TAP, and
# leaves in $BUILD/packages what packages-guest.sh takes into a guest. The later kernel comes
# from the mirror of which the chroot was made.
. "${SRC:?}/selftests/lib.sh"
shopt -s extglob

work=$(mktemp -d)
left=$BUILD/packages
export DEBIAN_FRONTEND=noninteractive INITRD=No

# version_of TREE: as its header says.
version_of() {
	bash -c '. "$1/dkms.conf" && echo "$PACKAGE_VERSION"' bash "$1"
}

# fetch: the tree as it is now, without what was built in it.
fetch() {
	mkdir "$work/tree"
	tar -C "$SRC" --exclude=./build --exclude=./.git -c . | tar -C "$work/tree" -x &&
		make -s -C "$work/tree" clean
}

# sources NAME: a copy of it, $work/NAME/mlock2mon.
sources() {
	mkdir "$work/$1"
	cp -a "$work/tree" "$work/$1/mlock2mon" && chown -R user:user "$work/$1"
}

# build NAME OPTIONS [VARIABLE=VALUE ...]: packages, in $work/NAME, as a user.
build() {
	local place=$work/$1 options=$2
	shift 2

	cd "$place/mlock2mon" || return
	# shellcheck disable=SC2086 # words
	as_user env HOME="$work" "$@" dpkg-buildpackage $options -us -uc >"$place/log" 2>&1 ||
		{ tail -n 40 "$place/log"; return 1; }
}

# build_elsewhere: in another directory, by other habits.
build_elsewhere() {
	umask 027
	build b -b TZ=Pacific/Kiritimati LC_ALL=C.UTF-8 DEB_BUILD_OPTIONS=parallel=2
}

# recipe_complete: README has them install what the packages are built with.
recipe_complete() {
	local recipe needs need words missing=()

	recipe=" $(sed -n '/^    apt install build-essential/,/dpkg-buildpackage/p' "$SRC/README" |
		tr -s ' \n' ' ')"
	IFS=, read -ra needs < <(sed -n 's/^Build-Depends: //p' "$SRC/debian/control")
	for need in "${needs[@]}"; do
		words=${need//-compat (= +([0-9]))/}
		words=${words//dh-sequence-/dh-}
		[[ $recipe == *" "@(${words// })" "* ]] || missing+=("$need")
	done
	[[ ${#needs[@]} -gt 3 && ${#missing[@]} -eq 0 ]] || { echo "not there: ${missing[*]}"; return 1; }
}

lintian_silent() {
	local said

	said=$(as_user env HOME="$work" lintian --display-info --pedantic --fail-on none \
		"$work"/a/*.changes) || return
	[[ -z $said ]] || { echo "$said"; return 1; }
}

# same_packages: of two builds, to the byte.
same_packages() {
	local deb bad=0

	for deb in "$work"/a/*.deb; do
		cmp "$deb" "$work/b/${deb##*/}" || bad=1
	done
	return $bad
}

# paths: all that there is, but for what apt and dpkg keep of their own work, and the key with
# which dkms signs whatever it builds.
paths() {
	find / -xdev \( -path /tmp -o -path /src -o -path /run -o -path /var/cache -o -path /var/log \
		-o -path /var/lib/apt -o -path '/var/lib/dpkg/*-old' -o -path '/var/lib/dkms/mok.*' \
		-o -path '/boot/*.bak' \) -prune -o -print | LC_ALL=C sort
}

apt() {
	apt-get -qq -y -o Dpkg::Use-Pty=0 -o Dir::Cache::archives="$left/archives" \
		--no-install-recommends "$@" </dev/null
}

# kernel NUMBER: the release of the kernel that was installed as the first or second.
kernel() {
	find /lib/modules -mindepth 1 -maxdepth 1 -name '*-amd64' -printf '%f\n' | sort -V | sed -n "$1p"
}

# is_built KERNEL VERSION: dkms has made this one, and it alone, and modprobe would take it.
is_built() {
	local place

	[[ $(dkms status mlock2mon -k "$1") == "mlock2mon/$2, $1, x86_64: installed" ]] &&
		place=$(modinfo -k "$1" -F filename mlock2mon) &&
		[[ $place == "/lib/modules/$1/updates/dkms/mlock2mon.ko"* ]] &&
		[[ $(modinfo -F version "$place") == "$2" && $(modinfo -F vermagic "$place") == "$1 "* ]] &&
		return
	dkms status
	return 1
}

# built_in_silence VERSION: as far as the compiler is concerned.
built_in_silence() {
	local logs=(/var/lib/dkms/mlock2mon/"$1"/*/x86_64/log/make.log)

	[[ -s ${logs[0]} ]] && ! grep -i 'warning' "${logs[@]}" | grep -v 'compiler differs\|Skipping BTF'
}

# manuals: each is there, and says how it is called.
manuals() {
	local page bad=0

	for page in 3/mlock2mon.3 4/mlock2mon.4 5/mlock2mon-file.5 8/mlock2mon.8 8/mlock2mon-libc.8; do
		zcat "/usr/share/man/man$page.gz" >"$work/page" &&
			mandoc -T lint -W error "$work/page" && continue
		echo "$page"
		bad=1
	done
	return $bad
}

units_sound() {
	cd /lib/systemd/system &&
		systemd-analyze verify --man=no mlock2mon* >"$work/said" 2>&1 &&
		! grep mlock2mon "$work/said" && return
	cat "$work/said"
	return 1
}

# enabled: what systemd would start by itself.
enabled() {
	find /etc/systemd -name '*mlock2mon*' -printf '%f\n' | sort | paste -sd ' '
}

library_compiles() {
	sed -n '/^    #include/,/^    }$/{ s/^    //; p }' "$SRC/README" >"$work/failed.c"
	# shellcheck disable=SC2046 # words
	cc -o "$work/failed" "$work/failed.c" $(pkg-config --cflags --libs libmlock2mon)
}

# install_packages VERSION NAME [OPTION ...]: the packages of that version, from $work/NAME.
install_packages() {
	local version=$1 place=$work/$2
	shift 2

	apt install "$@" "$place"/{mlock2mon,mlock2mon-dkms,libmlock2mon-dev}_"$version"_*.deb
}

# make_next: the sources of a version that comes later.
make_next() {
	sources next && cd "$work/next/mlock2mon" &&
		sed -i '/define MLOCK2MON_VERSION/s/"[^"]*"/"99.0"/' mlock2mon.h &&
		sed -i '1s/(.*)/(99.0)/' debian/changelog && [[ $(version_of .) == 99.0 ]]
}

upgrade_kernel() {
	apt update && apt install linux-{image,headers}-amd64/bookworm-backports
}

# takes_module_along KERNEL: a kernel that is removed.
takes_module_along() {
	apt purge linux-image-amd64 linux-headers-amd64 "linux-image-$1" "linux-headers-$1" || return
	! dkms status | grep -F "$1" || return
	apt autoremove --purge
}

# hand TARGET ...: as someone who has no package.
hand() {
	make -s -C "$work/hand/mlock2mon" KDIR="/lib/modules/$old/build" DESTDIR="$work/to" "$@"
}

by_hand() {
	hand install modules_install && modprobe -d "$work/to" -S "$old" -n mlock2mon
}

# by_hand_gone: all that is left are directories, and lists of modules.
by_hand_gone() {
	hand uninstall modules_uninstall && ! find "$work/to" -name '*mlock2mon*' | grep . &&
		! modprobe -q -d "$work/to" -S "$old" -n mlock2mon
}

# dkms_alone: it takes a tree as it is.
dkms_alone() {
	hand clean && dkms add "$work/hand/mlock2mon" &&
		dkms install "mlock2mon/$version" -k "$old" && is_built "$old" "$version"
}

plan 32
# The chroot has no manuals, but packages have.
sed -i '/^path-exclude/d' /etc/dpkg/dpkg.cfg.d/*
version=$(version_of "$SRC")
old=$(kernel 1)
chmod 755 "$work"
rm -rf "$left"
mkdir -p "$left/archives/partial"

fetch || bail "sources"
sources a || bail "sources"
check "packages are built, source and binary" build a ""
check "lintian has nothing to say" lintian_silent
check "README says what they are built with" recipe_complete
sources b || bail "sources"
check "they are built elsewhere, by other habits" build_elsewhere
check "... and are the same to the byte" same_packages

paths >"$work/before"
check "they can be installed" install_packages "$version" a
check "the module is built for the kernel" is_built "$old" "$version"
check "... without a warning" built_in_silence "$version"
check "... and signed with the key of dkms" grep -q DKMS <(modinfo -k "$old" -F signer mlock2mon)
is "$(mlock2mon --version)" "mlock2mon $version" "the command is of this version"
check "... finds no module" grep -q '^problem  module' <(mlock2mon doctor)
check "the parameter for the C library can be made" grep -q '^libc=.*mlock=0x' <(mlock2mon-libc)
check "manuals are there" manuals
check "a program is compiled with the library" library_compiles
check "units are sound" units_sound
is "$(enabled)" "" "nothing starts by itself"

systemctl -q enable mlock2mon.service mlock2mon-metrics.timer
wanted="mlock2mon-metrics.timer mlock2mon.service"
is "$(enabled)" "$wanted" "it does when the administrator wants it"
make_next || bail "next version"
check "a later version is built" build next -b
check "... and installed" install_packages 99.0 next
check "the module is built of it" is_built "$old" 99.0
is "$(echo /usr/src/mlock2mon-*)" /usr/src/mlock2mon-99.0 "the old sources are gone"
is "$(enabled)" "$wanted" "what was wanted still is"
check "the old version can be put back" install_packages "$version" a --allow-downgrades

check "a later kernel is installed" upgrade_kernel
new=$(kernel 2)
check "... and the module is built for it" is_built "$new" "$version"
cp "$work"/a/mlock2mon{,-dkms}_"$version"_*.deb "$left"
install -D -t "$left/modules/$new" "/lib/modules/$new/updates/dkms/"*
check "the kernel is removed, and the module with it" takes_module_along "$new"

counters=/var/lib/prometheus/node-exporter
mkdir -p "$counters"
mlock2mon metrics -o "$counters/mlock2mon.prom" 2>/dev/null
touch "$counters/mlock2mon.prom.aB3xYz"		# of one that was killed
check "all can be purged" apt purge mlock2mon mlock2mon-dkms libmlock2mon-dev
rmdir -p --ignore-fail-on-non-empty "$counters"
is "$(LC_ALL=C comm -13 "$work/before" <(paths))" "" "... and nothing is left"

rm -rf "$left/archives"
sources hand || bail "sources"
check "by hand it is installed, too" by_hand
check "... and taken away" by_hand_gone
check "dkms takes the sources as they are" dkms_alone
check "... and forgets them again" dkms remove "mlock2mon/$version" --all
