#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The inside of kernel.sh: runs in a chroot that has the kernel's sources, fills /mnt with a
# kernel of the configurations named, files of selftests/configs, and nothing else. What they
# say after "# env: " is for the environment of builds against it.
set -euo pipefail

# unset_lines FILE: those settings of FILE that .config does not have.
unset_lines() {
	local line bad=0

	while read -r line; do
		case $line in
		'' | '#'*) continue ;;
		*=n) ! grep -q "^${line%=n}=" .config || { echo "$line: is set"; bad=1; } ;;
		*) grep -qFx -e "$line" .config || { echo "$line: is not set"; bad=1; } ;;
		esac
	done <"$1"
	return $bad
}

# slim: modules are built against headers, scripts and makefiles.
slim() {
	find . \( -path ./scripts -o -path ./tools \) -prune -o -type f \
		\( -name '*.[coS]' -o -name '*.a' -o -name '.*.cmd' \) \
		! -name asm-offsets.c ! -name bounds.c -exec rm {} +
	rm -rf Documentation drivers/gpu tools/testing tools/perf
}

main() {
	local config

	mkdir /mnt/build
	tar -xJf /usr/src/linux-source-*.tar.xz -C /mnt/build --strip-components=1
	cd /mnt/build
	for config; do
		cat "$SRC/selftests/configs/$config"
	done >/tmp/config
	sed -n 's/^# env: //p' /tmp/config >../env
	# That the processor is another one is for the kernel's own build, too.
	while read -r config; do
		[[ $config != @(ARCH|CROSS_COMPILE)=* ]] || export "${config?}"
	done <../env
	make -s KCONFIG_ALLCONFIG=/tmp/config allnoconfig
	unset_lines /tmp/config
	make -s -j"$(nproc)"
	cp "$(make -s image_name)" ../vmlinuz
	slim
}

main "$@"
