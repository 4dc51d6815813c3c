#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The inside of build.sh: runs in the chroot, fills $BUILD.
set -euo pipefail

# sync_module: the module's sources, as they are in the tree, in a place that
# can be written; files that did not change keep their time stamps.
sync_module() {
	local file

	mkdir -p "$BUILD/module"
	for file in "$BUILD"/module/*.[ch]; do
		[[ -e $file && ! -e $SRC/${file##*/} && $file != *.mod.c ]] && rm "$file"
	done
	for file in "$SRC"/Kbuild "$SRC"/*.[ch]; do
		cmp -s "$file" "$BUILD/module/${file##*/}" || cp "$file" "$BUILD/module/"
	done
}

# quietly COMMAND: say something only about a failure, or a warning, which is one.
quietly() {
	local log

	log=$(mktemp)
	if ! "$@" >"$log" 2>&1 || grep -q 'WARNING:\|warning:' "$log"; then
		cat "$log" >&2
		return 1
	fi
}

build_module() {
	sync_module
	quietly make -C "$KDIR" M="$BUILD/module" -j"$(nproc)" \
		W=1 KCFLAGS=-Werror modules
	# Renamed into place: a running guest keeps the one it has.
	cp "$BUILD/module/mlock2mon.ko" "$BUILD/mlock2mon.ko.new"
	mv "$BUILD/mlock2mon.ko.new" "$BUILD/mlock2mon.ko"
}

# build_floor: for the benchmark, the module that does nothing.
build_floor() {
	mkdir -p "$BUILD/floor"
	cp -u "$SRC"/selftests/floor/{Kbuild,floor.c} "$BUILD/floor/"
	quietly make -C "$KDIR" M="$BUILD/floor" W=1 KCFLAGS=-Werror modules
	cp "$BUILD/floor/floor.ko" "$BUILD/floor.ko.new"
	mv "$BUILD/floor.ko.new" "$BUILD/floor.ko"
}

build_programs() {
	local cc=${CROSS_COMPILE-}gcc

	mkdir -p "$BUILD/bin"
	quietly make -C "$SRC" CC="$cc" AR="${CROSS_COMPILE-}ar" TOOL="$BUILD/bin/mlock2mon" \
		CFLAGS='-O2 -g -Werror' tool
	quietly make -C "$SRC/selftests" CC="$cc" BIN="$BUILD/bin" -j"$(nproc)"
}

# build_kernel_tests: the kernel's own, of these calls, if its sources are installed, and its
# guests are of this machine's kind.
build_kernel_tests() {
	local archive dir=tools/testing/selftests name

	[[ ! ${CROSS_COMPILE-} ]] || return 0
	archive=$(compgen -G '/usr/src/linux-source-*.tar.xz') || return 0
	[[ ! -e $BUILD/kernel/$dir ]] || return 0
	mkdir -p "$BUILD/kernel"
	tar -xJf "$archive" -C "$BUILD/kernel" --strip-components=1 --wildcards \
		"*/$dir/mm/mlock*" "*/$dir/kselftest.h"
	for name in mlock2-tests mlock-random-test; do
		quietly gcc -O2 -w "$BUILD/kernel/$dir/mm/$name.c" -o "$BUILD/bin/$name" -lcap
	done
}

# The release file of older Debian kernels does not say all of it.
echo "${KVER:-$(<"$KDIR/include/config/kernel.release")}" >"$BUILD/release"
cp "$KDIR/.config" "$BUILD/config"
build_module
build_floor
build_programs
build_kernel_tests
"$SRC/selftests/initramfs.sh"
