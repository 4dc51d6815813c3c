#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Who may see what: nothing of others' memory without privilege, not even for root of a
# container; and no name that a program takes can pass for something else.
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"
# shellcheck source=selftests/witness.sh
. "$SRC/selftests/witness.sh"

private=(/dev/mlock2mon /proc/mlock2mon/tasks /proc/mlock2mon/inflight)

# Ways to be root, or to seem to be, without what it takes.
nobody_special() { as_user "$@"; }
root_of_userns() { as_user unshare -Ur "$@"; }
root_in_userns() { unshare -Ur "$@"; }
root_of_container() { as_user unshare -Urmpf --mount-proc "$@"; }
root_in_container() { unshare -Urmpf --mount-proc "$@"; }
root_without_caps() { setpriv --bounding-set=-all --inh-caps=-all "$@"; }
root_with_others() { setpriv --bounding-set=-all,+dac_override,+dac_read_search,+sys_ptrace,+ipc_lock,+syslog --inh-caps=-all "$@"; }
only_perfmon() { setpriv --bounding-set=-all,+perfmon --inh-caps=-all "$@"; }
only_sys_admin() { setpriv --bounding-set=-all,+sys_admin --inh-caps=-all "$@"; }

# kept_out WHO: the command itself runs, but opens nothing of what is private.
kept_out() {
	local file said

	"$1" true || { echo "$1 cannot run anything"; return 1; }
	for file in "${private[@]}"; do
		said=$("$1" head -c 1 "$file" 2>&1 >/dev/null)
		[[ $said = *"Permission denied"* || $said = *"Operation not permitted"* ||
			$said = *"No such file"* ]] || { echo "$file: $said"; return 1; }
		[[ -z $("$1" head -c 1 "$file" 2>/dev/null) ]] || { echo "$file: read"; return 1; }
	done
}

let_in() {
	local file

	for file in "${private[@]}"; do
		[[ -n $("$1" dd if="$file" bs=65536 count=1 iflag=nonblock status=none) ]] ||
			{ echo "$file: nothing"; return 1; }
	done
}

# shows_no_address FILE: to a user, who can read it.
shows_no_address() {
	as_user cat "$1" >"$scratch/shown" || return 1
	[[ -s $scratch/shown ]] || return 1
	! grep -v '^load_id\|^libc' "$scratch/shown" |
		grep -nE "0x|(^|[^0-9a-z])[0-9a-f]{12,16}([^0-9a-z]|\$)|1073741824"
}

log_shows_no_address() {
	! log_since | grep -nE '0x[0-9a-f]{8}|(^|[^0-9a-z])ffff[0-9a-f]{8}|40000000'
}

no_tracing() {
	local file

	for file in events/mlock2mon/mlock_exit/id events/mlock2mon/mlock_exit/enable trace; do
		! as_user cat "/sys/kernel/tracing/$file" >/dev/null 2>&1 ||
			{ echo "$file: read"; return 1; }
		! as_user cat "/sys/kernel/debug/tracing/$file" >/dev/null 2>&1 ||
			{ echo "debug $file: read"; return 1; }
	done
}

no_perf() {
	local said

	said=$(perf stat -e 'mlock2mon:mlock_exit' -a true 2>&1) || { echo "nor root: $said"; return 1; }
	! said=$(as_user perf stat -e 'mlock2mon:mlock_exit' -a true 2>&1) || { echo "$said"; return 1; }
}

# shellcheck disable=SC1003 # printf reads them
# Names: whole 15 bytes, invalid UTF-8, quotes, a record, a loss, escapes, a new line.
names=(
	'x\nseq=9 ts=1.0' 'a" ret=0 cap=1' '" calls=9 "' 'call=exit pid=1' 'lost=9 seq=1..9'
	'\\" why=perm' '\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\' '\x1b[2J\x1b]0;x\a' '\xc3(\xa0\xed\xa0\x80\xff' '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff'
	'"","why":"perm"' '\r\n\t\v\f\x7f\x01' '{"seq":1}\n{"a":' "'; rm -rf /; '" '%s%n%p%x%d' '' ' ' '\x00'
)

hex_of() {
	printf %b "$1" | od -An -v -tx1 | tr -d ' \n'
}

# take_names: as each of them, fail in series, lock, and leave.
take_names() {
	local name hex

	for name in "${names[@]}"; do
		hex=$(hex_of "$name")
		act hexname "${hex:-00}" map 2 bad 3 0x10 lock 0 1 || return
	done
}

# The grammar of a line, to the byte. No blank and no quote but where it says so.
line_grammar() {
	local number='[0-9]+' word='[A-Za-z0-9_|.]+' comm='([ !#-[^-~]|\]|\\\\|\\"|\\x[0-9a-f]{2})*'

	echo "^seq=$number ts=$number\\.[0-9]{9} cpu=$number call=[a-z0-9]+ pid=$number tid=$number uid=$number" \
		"comm=\"$comm\" addr=0x[0-9a-f]+ len=$number flags=$word ret=(-?$number|0x[0-9a-f]+)" \
		"errno=$word dur_ns=$number locked_kb=$number delta_kb=-?$number limit_kb=$word cap=[01]" \
		"cgroup=$number( [a-z_]+=$word)*\$"
}

every_line_is_a_record() {
	local bad

	bad=$(records | LC_ALL=C grep -avE "$(line_grammar)") && { echo "$bad"; return 1; }
	records | awk '$1 != "seq=" NR { print NR ": " $1; exit bad = 1 } END { exit bad || !NR }'
}

# kinds: how many records of each kind there are by their place in the line.
kinds() {
	records | awk '{ print $4 }' | sort | uniq -c | tr -s ' ' | paste -sd ,
}

json_is_sound() {
	local lines records

	mlock2mon events --no-follow --json >"$scratch/json" || return 1
	lines=$(jsonlines <"$scratch/json") || return 1
	records=$(records | wc -l)
	echo "$lines objects, $records records"
	((lines == records)) || return 1
	! LC_ALL=C grep -anP '[\x00-\x09\x0b-\x1f\x7f]' "$scratch/json"
}

# rows_sound FILE COLUMNS: each row has so many columns, and nothing odd in it.
rows_sound() {
	! LC_ALL=C grep -anP '[^\x20-\x7e]' "$1" || return 1
	awk -v columns="$(head -n 1 "$1" | wc -w)" '
		NF != columns { print NF " columns: " $0; exit bad = 1 }
		END { exit bad || NR < 2 }' "$1"
}

text_for_people_is_harmless() {
	mlock2mon events --no-follow >"$scratch/text" || return 1
	! LC_ALL=C grep -anP '[\x00-\x09\x0b-\x1f\x7f]' "$scratch/text"
}

plan 41

load related=1
log_mark
start_helper act name somebody map 8 onfault 0 1 over 3 0 9 hold
[[ $helper_said = inside ]] || bail "act hold: $helper_said"
for who in nobody_special root_of_userns root_in_userns root_of_container root_in_container \
	root_without_caps root_with_others; do
	check "$who is kept out" kept_out $who
done
check "CAP_PERFMON alone lets in" let_in only_perfmon
check "CAP_SYS_ADMIN alone lets in" let_in only_sys_admin
check "stats shows a user no address" shows_no_address /proc/mlock2mon/stats
check "latency shows a user no address" shows_no_address /proc/mlock2mon/latency
check "tracefs is not for users" no_tracing
# Where users may count what they like on the whole machine, the tracepoint decides.
paranoid=$(</proc/sys/kernel/perf_event_paranoid)
trap 'echo "$paranoid" >/proc/sys/kernel/perf_event_paranoid' EXIT
echo 0 >/proc/sys/kernel/perf_event_paranoid
check "perf gives a user no tracepoint of ours" no_perf
relay 3 handed traced "$(cat /sys/kernel/tracing/events/mlock2mon/mlock_exit/id)"
echo "$paranoid" >/proc/sys/kernel/perf_event_paranoid
relay 7 handed sent
relay 7 handed kept
check "the kernel log shows no address" log_shows_no_address
kill -KILL "$helper_pid"
end_helper
unload

load related=1
take_names || bail "act cannot take the names"
n=${#names[@]}
check "no name breaks out of its line" every_line_is_a_record
is "$(kinds)" " $n call=exit, $((3 * n)) call=mlock2" "no name adds a record or changes its kind"
is "$(records | sed 's/.*" addr=//' | grep -c ' repeat=2 ')" "$n" "repeats are those that were made"
is "$(records | sed 's/.*" addr=//' | grep -c ' calls=4 failures=3 peak_kb=4 held_kb=4$')" "$n" \
	"so are the totals at the exits"
check "JSON is sound, an object a record" json_is_sound
check "text for people has no control byte" text_for_people_is_harmless
is "$(binrec | wc -l)" "$(records | wc -l)" "in binary there are as many"
unload

load
pids=()
mkfifo "$scratch/idle"
exec {idle}<>"$scratch/idle"
for name in "${names[@]}"; do
	hex=$(hex_of "$name")
	act hexname "${hex:-00}" hold <&"$idle" >"$scratch/inside" &
	pids+=($!)
	wait_until grep -q inside "$scratch/inside" || bail "act hold: $(<"$scratch/inside")"
done
cat /proc/mlock2mon/tasks >"$scratch/tasks"
cat /proc/mlock2mon/inflight >"$scratch/inflight"
check "tasks has whole rows" rows_sound "$scratch/tasks"
check "inflight has whole rows" rows_sound "$scratch/inflight"
is "$(wc -l <"$scratch/tasks") $(wc -l <"$scratch/inflight")" "$((n + 1)) $((n + 1))" \
	"one for each task"
{ kill -KILL "${pids[@]}"; wait; } 2>/dev/null
unload
