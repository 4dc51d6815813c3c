#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The inside of signing.sh, before and after the key is enrolled: one plan for both.
. "${SRC:?}/selftests/lib.sh"

keys=$BUILD/signing
work=$(mktemp -d)

variables=/sys/firmware/efi/efivars
global=8be4df61-93ca-11d2-aa0d-00e098032b8c
security=d719b2cb-3d3a-4596-a3bc-dad00e67656f
shim=605dab50-e046-4300-abb6-3dd810dd8b23

# sign FILE: as the README says.
sign() {
	cp "$MODULE" "$1" &&
		"/lib/modules/$(uname -r)/build/scripts/sign-file" sha256 "$keys/MOK.priv" "$keys/MOK.der" "$1"
}

# refused FILE [REASON]: by insmod as the README says; the reason is in the kernel log.
refused() {
	local said

	log_mark
	said=$(insmod "$1" 2>&1) && { echo "it is loaded"; rmmod mlock2mon; return 1; }
	[[ $said == *"Key was rejected by service" ]] || { echo "$said"; return 1; }
	[[ $# -eq 1 ]] || log_since | grep -q "$2" || { log_since; return 1; }
}

# tells PATTERN: the doctor does.
tells() {
	mlock2mon doctor >"$work/out"
	grep -q "$1" "$work/out" || { cat "$work/out"; return 1; }
}

# change_byte FILE: of its code; the signature is at the end.
change_byte() {
	printf x | dd of="$1" bs=1 seek=4096 conv=notrunc status=none
}

# set_variable NAME ATTRIBUTES FILE: at once, as firmware wants it.
set_variable() {
	{ printf '%b' "\x$2\0\0\0"; cat "$keys/$3"; } >"$work/variable" &&
		dd if="$work/variable" of="$variables/$1" bs=64k status=none
}

# enroll: the key, in the variable where shim hands over what mokutil has enrolled. 7: it is
# kept, and the kernel sees it.
enroll() {
	set_variable "MokListRT-$shim" 07 MOK.esl
}

# secure_boot: 27 says that the value is signed. PK is the last, for it locks the others.
secure_boot() {
	set_variable "db-$security" 27 db.auth && set_variable "KEK-$global" 27 KEK.auth &&
		set_variable "PK-$global" 27 PK.auth
}

is_secure() {
	[[ $(od -An -tu1 "$variables/SecureBoot-$global") =~ 1$ ]] &&
		grep -F '[integrity]' /sys/kernel/security/lockdown
}

before() {
	plan 13
	check "the kernel insists on signatures" grep -q Y /sys/module/module/parameters/sig_enforce
	check "a module without one is refused" refused "$MODULE" "unsigned module is rejected"
	check "one with that of a key that nobody has enrolled, too" refused "$work/signed.ko" \
		"module with unavailable key is rejected"
	check "the doctor says what is to be done" tells "Sign mlock2mon.ko with a key"
	check "the key can be enrolled" enroll
	check "... and Secure Boot be switched on" secure_boot
}

after() {
	tap_number=6
	check "Secure Boot is on, and lockdown with it" is_secure
	check "the kernel knows the key then" grep -q "my MOK" /proc/keys
	check "... and insists on signatures, though nobody said so" tells "loads signed modules only"
	check "a module without signature is still refused" refused "$MODULE" "unsigned module is rejected"
	change_byte "$work/changed.ko"
	check "one that was changed after it was signed, too" refused "$work/changed.ko"
	MODULE=$work/signed.ko
	load
	check "the signed one is loaded, and the doctor says so" tells "^ok .* has loaded this one"
	check "all is well" tells '^Healthy'
	unload
}

modprobe efivarfs || bail "efivarfs"
mount -t efivarfs efivarfs "$variables" || bail "efivarfs"
mount -t securityfs securityfs /sys/kernel/security || bail "securityfs"
sign "$work/signed.ko" || bail "sign-file"
cp "$work/signed.ko" "$work/changed.ko"
"$1"
rm -rf "$work"
