#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Attempts that never reach the kernel's functions: why=blocked, where wrappers are watched.
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"

work=$(mktemp -d)
wrappers=$("$SRC/tools/mlock2mon-libc") || bail "the wrappers are not found"

# facts: of each call by the program, without what nobody can know.
facts() {
	records | sed -nE 's/.* (call=[a-z0-9]+) .* comm="blocked" (addr=.*) dur_ns=[0-9]+ (locked_kb=[0-9]+ delta_kb=[-0-9]+) .* cgroup=[0-9]+(.*)/\1 \2 \3\4/p' |
		sed "s/ addr=$1 / addr=PAGE /; s/ peak_kb=.*//"
}

calls_seen() {
	(($(stat_of "$1.returns") > 100))
}

fails() {
	! "$@"
}

plan 25

load "$wrappers"
log_mark
page=$(blocked errno)
is "$(facts "$page")" "call=mlock addr=PAGE len=4096 flags=0 ret=0 errno=0 locked_kb=4 delta_kb=4
call=mlock addr=PAGE len=12288 flags=0 ret=-1 errno=? locked_kb=4 delta_kb=0 why=blocked
call=mlock2 addr=PAGE len=20480 flags=ONFAULT ret=-1 errno=? locked_kb=4 delta_kb=0 why=blocked
call=munlock addr=PAGE len=4096 flags=0 ret=0 errno=0 locked_kb=0 delta_kb=-4
call=exit addr=0x0 len=8192 flags=0 ret=0 errno=0 locked_kb=0 delta_kb=0 calls=2 failures=0" \
	"what seccomp refuses is recorded as blocked, all else as ever"
is "$(stat_of mlock.why.blocked) $(stat_of mlock2.why.blocked)" "1 1" "stats counts it"
for call in mlock munlock; do
	check "$call: entries = returns + in_flight + missed" complete $call
done
is "$(stat_of mlock2.entries)" 0 "what was blocked is no entry"

page=$(blocked kill 2>"$work/err")
is "$(facts "$page" | tail -n 3)" "call=mlock addr=PAGE len=4096 flags=0 ret=0 errno=0 locked_kb=4 delta_kb=4
call=mlock addr=PAGE len=12288 flags=0 ret=-1 errno=? locked_kb=4 delta_kb=0 why=blocked
call=exit addr=0x0 len=4096 flags=0 ret=0 errno=0 locked_kb=0 delta_kb=-4 calls=1 failures=0" \
	"what seccomp kills a process for is recorded, too"
check "stats tells that wrappers are watched" grep -q "^probe.libc active" "$stats"
check "the kernel log is clean" log_clean
unload
check "nothing is left" nothing_left

# A call that is missed was not blocked.
load "$wrappers" maxactive=1
start_helper act name inside hold
[[ $helper_said = inside ]] || bail "act hold: $helper_said"
blocked none >/dev/null
is "$(stat_of mlock2.missed) $(records | grep -c ' why=blocked\( \|$\)')" "1 0" \
	"a call that found no instance of the probe is missed, not blocked"
kill -KILL "$helper_pid"
end_helper
unload

load "$wrappers"
switch_probes 0
[[ $(stat_of probes.live) -eq 0 ]] || bail "probes cannot be switched off"
blocked none >/dev/null || bail "blocked: $?"
switch_probes 1
is "$(records | grep -c ' why=blocked\( \|$\)')" 0 "while probes are switched off nothing is taken for blocked"
unload

# Of three that jump out of the wrapper, the last is seen to be blocked, when it exits.
load "$wrappers"
blocked jump >/dev/null
is "$(stat_of mlock.why.blocked) $(stat_of libc.unknown)" "1 2" \
	"attempts that were not followed to their end are counted"
check "doctor tells of them" grep -q "2 calls of the C library may have been blocked unseen" \
	<(mlock2mon doctor)
unload
load "$wrappers" max_tasks=16
start_helper churn live 20
[[ $helper_said = "live 20" ]] || bail "churn: $helper_said"
before=$(stat_of libc.unknown)
blocked errno >/dev/null
is "$(($(stat_of libc.unknown) - before))" 4 "so are those of a task without an account"
end_helper
unload

# Wrappers are watched one after the other.
blocked never >/dev/null &
for ((i = 0; i < 3; i++)); do
	load "$wrappers"
	wait_until calls_seen mlock || echo idle
	stat_of mlock.why.blocked
	unload
done >"$work/loads"
kill $!
wait $! 2>/dev/null
is "$(paste -sd ' ' "$work/loads")" "0 0 0" "who calls while the module is loaded was not blocked"

# A library that others take away.
mkdir "$work/lib"
mount -t tmpfs tmpfs "$work/lib"
cp "$(sed 's/^libc=//; s/:.*//' <<<"$wrappers")" "$work/lib/libc"
load "libc=$work/lib/libc:${wrappers##*:}"
check "the file system of the library cannot be unmounted" fails umount "$work/lib"
rm "$work/lib/libc"
unload
check "after that it can" umount "$work/lib"
check "the kernel log is clean" log_clean

load
page=$(blocked errno)
is "$(facts "$page" | grep -c blocked)" 0 "without libc= such attempts are not seen"
unload

check "libc= without a place is refused by name" refused libc=/etc/passwd EINVAL "libc=/etc/passwd"
check "a file that is not there is refused by name" refused libc=/nowhere:mlock=1 ENOENT "/nowhere"
check "an unknown function is refused by name" refused "${wrappers%%:*}:open=0x10" EINVAL "'open'"
check "a bad offset is refused" refused "${wrappers%%:*}:mlock=here" EINVAL "'mlock'"
check "an offset past the end is refused" refused "${wrappers%%:*}:mlock=0x7fffffffff" EINVAL "mlock"
check "a second bad one takes back the first" refused "$wrappers,mlock=zero" EINVAL "'mlock'"
