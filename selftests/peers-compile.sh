#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The inside of peers.sh: runs in the chroot with other watchers, fills $BUILD/peers.
set -euo pipefail

peers=$BUILD/peers

# try NAME COMMAND...: what it says is in NAME.log; NAME.error if it fails.
try() {
	local name=$1
	shift

	"$@" >"$peers/$name.log" 2>&1 </dev/null && return
	{
		grep -m 1 -E '(error|Error|ERROR):' "$peers/$name.log" || tail -n 1 "$peers/$name.log"
	} | sed "s|$BUILD/peers/||g; s/^/does not compile for $KVER: /" >"$peers/$name.error"
}

# Without the modules of LTTng for kernel tracepoints: system calls need none of them, they take
# most of the time, and one that does not compile would be the end of all.
# The directory takes the place of /lib/modules/KVER in the guest. lttng-sessiond wants every index
# of depmod, and that none is empty: so there is something built in.
# shellcheck disable=SC2016 # make expands it
lttng() {
	local source=$peers/lttng-source target=$peers/lib/modules/$KVER

	cp -r "$peers"/lttng-modules-dkms/usr/src/lttng-modules-* "$source" &&
		echo 'obj-m := $(filter-out lttng-probe-%,$(obj-m))' >>"$source/src/probes/Kbuild" &&
		make -C "$source" -j"$(nproc)" KERNELDIR="/lib/modules/$KVER/build" modules &&
		mkdir -p "$target/extra" &&
		find "$source" -name '*.ko' -exec cp -t "$target/extra" {} + &&
		ln -s "$(readlink -f "/lib/modules/$KVER/build")" "$target/build" &&
		echo kernel/none.ko >"$target/modules.builtin" &&
		printf 'none.alias=none\0' >"$target/modules.builtin.modinfo" &&
		depmod -b "$peers" "$KVER"
}

# stap wants a list of the kernel's functions, which only a running kernel has; it is enough
# that the probed one is on it, for a kprobe finds its place by name.
systemtap() {
	mount -t tmpfs tmpfs /boot &&
		echo "ffffffff81000000 T __x64_sys_mlock2" >"/boot/System.map-$KVER" &&
		cd /tmp && stap -v -p4 -r "$KVER" -m mlock2_stap "$SRC/selftests/mlock2.stp" &&
		cp mlock2_stap.ko "$peers/"
}

try lttng lttng
try systemtap systemtap
rm -rf "$peers"/lttng-{source,modules-dkms}
