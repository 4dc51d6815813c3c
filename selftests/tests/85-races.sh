#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Where the kernel tells data races: that it would tell those of the module, in every test.
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"

kcsan=/sys/kernel/debug/kcsan

if [[ ! -e $kcsan ]]; then
	echo "1..0 # SKIP this kernel does not tell data races"
	exit 0
fi

counter() {
	sed -n "s/^$1: //p" "$kcsan"
}

is_watched() {
	nm "$MODULE" | grep -q ' __tsan_read8$' && nm "$MODULE" | grep -q ' __tsan_write8$'
}

# report TITLE FRAME CALLER: as the kernel writes one.
report() {
	cat <<-END
	[    1.0] BUG: KCSAN: data-race in $1
	[    1.0]
	[    1.0] write to 0xffffffff820b0f08 of 8 bytes by interrupt on cpu 0:
	[    1.0]  tick_sched+0x1a9/0x490
	[    1.0]  another+0x1a9/0x490
	[    1.0]  below_our_frames+0x1a9/0x490 [mlock2mon]
	[    1.0]
	[    1.0] read to 0xffffffff820b0f08 of 8 bytes by task 1 on cpu 1:
	[    1.0]  $2
	[    1.0]  $3
	[    1.0]
	[    1.0] Reported by Kernel Concurrency Sanitizer on:
	END
}

seen() {
	! report "$@" | "$SRC/selftests/log-check.sh" >/dev/null
}

plan 6
is "$(counter enabled)" 1 "the kernel looks for races"
check "the module was compiled to be looked at" is_watched
before=$(counter setup_watchpoints)
load
for ((i = 0; i < 20; i++)); do
	act map 1 lock 0 1
done
unload
((after = $(counter setup_watchpoints)))
check "addresses were watched meanwhile" test "$after" -gt "$before"
check "a race in the module would be seen" \
	seen "tick_sched / ours" "ours+0x1/0x2 [mlock2mon]" "caller+0x1/0x2"
check "one in what the module calls would be seen" \
	seen "tick_sched / callee" "callee+0x1/0x2" "ours+0x1/0x2 [mlock2mon]"
check "one of the kernel with itself is not ours" \
	eval '! seen "tick_sched / other" "other+0x1/0x2" "caller+0x1/0x2"'
