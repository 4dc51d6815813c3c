#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Does a kernel that insists on signatures load the module once its key is enrolled, and not
# before? In two guests with UEFI firmware, whose variables outlive the first, the second with
# Secure Boot. Prints TAP.
set -euo pipefail
. "$(dirname "$0")/host.sh"

usage() {
	cat <<-END
	Usage: selftests/signing.sh KERNEL
	Boots KERNEL, which must have been built, with module.sig_enforce=1 and firmware of the
	chroot packages: unsigned modules and those signed with a new key are refused. Enrolls
	the key as shim does, switches Secure Boot on, with a key that the kernel is signed
	with, and boots again: the module loads.
	END
}

# make_keys: in $dir. One for modules, and one that the machine trusts, with which the kernel
# is signed; what the firmware is to keep of both. The firmware.
make_keys() {
	# shellcheck disable=SC2016 # expanded in the chroot
	"$tree/selftests/enter.sh" --root packages "$kernel" bash -euc 'cd "$BUILD/signing"
		for name in MOK machine; do
			openssl req -new -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=my $name/" \
				-keyout $name.priv -out $name.pem
			cert-to-efi-sig-list $name.pem $name.esl
		done
		openssl x509 -in MOK.pem -outform DER -out MOK.der
		for variable in PK KEK db; do
			sign-efi-sig-list -k machine.priv -c machine.pem $variable machine.esl $variable.auth
		done
		sbsign --key machine.priv --cert machine.pem --output vmlinuz ../vmlinuz
		cp /usr/share/OVMF/OVMF_CODE_4M.fd code.fd
		cp /usr/share/OVMF/OVMF_VARS_4M.fd vars.fd'
}

# guest ARGUMENT [PARAMETER ...]: selftests/signing-guest.sh in it.
guest() {
	guest_output "$dir/out" --kernel "$kernel" --firmware "$dir" --timeout 240 --append "${*:2}" -- \
		selftests/signing-guest.sh "$1"
}

main() {
	local log

	case ${1-} in
	-h | --help) usage; exit 0 ;;
	-*) misused "unknown option $1" ;;
	esac
	[[ $# -eq 1 ]] || misused "one kernel name is needed"
	need_kernel "$1"
	kernel=$1
	dir=$tree/build/$kernel/signing
	rm -rf "$dir"
	mkdir -p "$dir"
	log=$(make_keys 2>&1) || die "no keys: $log"
	guest before module.sig_enforce=1
	guest after
}

main "$@"
