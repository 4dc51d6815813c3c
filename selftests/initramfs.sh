#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make $BUILD/initramfs and $BUILD/vmlinuz: busybox, /init, and the modules that
# a guest needs to reach its root. Runs in the chroot.
set -euo pipefail

modules=(virtio_pci overlay virtio_rng virtio_console)

# How directories come into a guest: kernels for clouds have virtiofs only.
choose_share() {
	rm -f "$BUILD/virtiofs"
	if [[ ! ${KVER-} ]] || modinfo -k "$KVER" 9p >/dev/null 2>&1; then
		modules+=(9pnet_virtio 9p)
	else
		modules+=(virtiofs)
		: >"$BUILD/virtiofs"
	fi
}

# module_files: what the modules need, in loading order, without what is built in. A kernel
# that is built here has it all built in.
module_files() {
	[[ ${KVER-} ]] || return 0
	modprobe --set-version "$KVER" --show-depends --all "${modules[@]}" |
		awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

# add_module FILE DIR: uncompressed, for busybox insmod has no xz.
add_module() {
	local name

	name=$(basename "$1")
	case $name in
	*.xz) xz -dc "$1" >"$2/modules/${name%.xz}" ;;
	*.zst) zstd -dqc "$1" >"$2/modules/${name%.zst}" ;;
	*) cp "$1" "$2/modules/" ;;
	esac
	name=${name%.xz}
	echo "${name%.zst}" >>"$2/modules/order"
}

main() {
	local dir file

	choose_share
	dir=$(mktemp -d)
	mkdir -p "$dir"/{bin,dev,modules,proc,ro,root,rw}
	cp "${BUSYBOX:-/bin/busybox}" "$dir/bin/busybox"
	cp "$SRC/selftests/guest-init" "$dir/init"
	: >"$dir/modules/order"
	while read -r file; do
		add_module "$file" "$dir"
	done < <(module_files)
	(cd "$dir" && find . | busybox cpio -o -H newc 2>/dev/null) >"$BUILD/initramfs.new"
	mv "$BUILD/initramfs.new" "$BUILD/initramfs"
	cp -u "$VMLINUZ" "$BUILD/vmlinuz"
}

main
