#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A success that leaves little below the limit says so: to everybody with near_kb=,
# to one reader with a filter.
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"

# reasons COMM: of its calls locked_kb, and from why= on without what is of all.
reasons() {
	call_records | grep -F " comm=\"$1\" " |
		sed -E 's/.*" addr=.* locked_kb=([0-9]+) .* cgroup=[0-9]+/\1/'
}

# shows PROMISE EXPECTED WORD...: what act does has these reasons.
shows() {
	local promise=$1 want=$2
	shift 2

	act_named "$@"
	is "$(reasons "$actor")" "$want" "$promise"
}

# filtered WORD...: from binary, of calls that binrec gets: locked_kb, detail and why.
filtered() {
	binrec "$@" | sed -E 's/.* locked_kb=([0-9]+) .* detail=([0-9]+) attr=[0-9]+ why=([0-9]+) .*/\1 \2 \3/'
}

plan 26

load near_kb=8
shows "less than near_kb left: near_limit, with what is left" \
	$'52\n56\n60 why=near_limit headroom_kb=4\n64 why=near_limit headroom_kb=0' \
	user limit 64 map 32 lock 0 13 lock 13 1 lock 14 1 lock 15 1
shows "on fault as well" $'60 why=near_limit headroom_kb=4 onfault=1' \
	user limit 64 map 32 onfault 0 15
shows "what was locked already says that" $'60 why=near_limit headroom_kb=4\n60 why=already likely=1' \
	user limit 64 map 32 lock 0 15 lock 0 15
shows "unlocking says nothing" $'64 why=near_limit headroom_kb=0\n60' \
	user limit 64 map 32 lock 0 16 unlock 0 1
shows "a failure has its own reason" $'60 why=near_limit headroom_kb=4\n60 why=limit short_kb=4' \
	user limit 64 map 32 lock 0 15 over 1 16 2
shows "not with CAP_IPC_LOCK" $'60\n68' limit 64 map 32 lock 0 15 lock 15 2
shows "root without it is told" $'60 why=near_limit headroom_kb=4' nocap limit 64 map 32 lock 0 15
shows "not without a limit" 60 limit none user map 32 lock 0 15
shows "a limit that was lowered: nothing is left" \
	$'60\n60 why=limit short_kb=32\n4 why=near_limit headroom_kb=4' \
	limit 128 user map 32 lock 0 15 limit 32 over 1 15 1 exec \
	name "actor$((actor_number + 1))" limit 8 map 4 lock 0 1
is "$(stat_of mlock2.why.near_limit) $(stat_of mlock2.failures)" \
	"$(call_records | grep -c ' why=near_limit ') 2" "stats counts them, and not as failures"
is "$(</sys/module/mlock2mon/parameters/near_kb)" 8 "the parameter can be read"
unload

load
shows "near_kb=0, the default: nobody is told" $'60\n64' \
	user limit 64 map 32 lock 0 15 lock 15 1
is "$(filtered -n 4096)" "64 0 13" "a reader that asks is: less than 4 KiB left"
is "$(filtered -n 4097)" $'60 4096 13\n64 0 13' "less than 4097 bytes: 4 KiB is less"
is "$(filtered -n 1)" "64 0 13" "less than one byte"
is "$(reasons "$actor")" $'60\n64' "other readers see what they saw"
is "$(filtered -n 8192 -t 1)" "" "no call of another process passes that filter as well"
act name capable limit 64 map 32 lock 0 16
act name unlimited limit none user map 32 lock 0 16
is "$(filtered -n 8192)" $'60 4096 13\n64 0 13' "nor calls of who has the capability or no limit"
is "$(binrec -n 0)" "refused EINVAL" "a filter for less than 0 bytes is refused"
is "$(binrec -n 4096 -f 0)" "refused EINVAL" "and one with bytes that do not count"
is "$(binrec -f 0x100)" "refused EINVAL" "and one with unknown fields"
is "$(binrec -f 0x80)" "refused EINVAL" "and one without bytes"
unload

check "near_kb=-1 is refused by name" refused near_kb=-1 EINVAL near_kb
check "near_kb=some is refused by name" refused near_kb=some EINVAL near_kb
check "near_kb=1073741825 is refused by name" refused near_kb=1073741825 EINVAL near_kb
check "near_kb=4294967304, 8 in 32 bits, is refused by name" refused near_kb=4294967304 ERANGE near_kb
