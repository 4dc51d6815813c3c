#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The library: its lines are the device's, both ways give the same, the program of
# README works, and what goes wrong is told.
# timeout: 300
. "${SRC:?}/selftests/lib.sh"

work=$(mktemp -d)
device=/dev/mlock2mon
family=(lock_unlock onfault odd_range bad_flags wrap no_permission limit_exceeded limit_none
	limit_all hole_middle)
others=(map_locked map_over_limit map_bad_file unmap_several remap_size remap_fixed shm_lock
	shm_bad_id stack_grows exec)

# events ARGUMENT...: run it; $status, $work/out and $work/err are what came of it.
events() {
	status=0
	timeout 60 mlock2mon events "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}

# said STATUS PATTERN FILE: it ended so, and such a line is in out or err.
said() {
	[[ $status -eq $1 ]] && grep -q -- "$2" "$work/$3" && return
	echo "status $status, out: $(head -n 3 "$work/out") err: $(<"$work/err")"
	return 1
}

# device_lines: the lines of the device that there are now.
device_lines() {
	dd if=$device bs=65536 iflag=nonblock status=none 2>/dev/null
}

# same_lines FILE ARGUMENT...: events --raw gives these lines, and says nothing.
same_lines() {
	local want=$1
	shift

	events --no-follow --raw "$@"
	[[ $status -eq 0 && ! -s $work/err ]] || { echo "status $status: $(<"$work/err")"; return 1; }
	[[ -s $want ]] || { echo "nothing is wanted"; return 1; }
	cmp "$work/out" "$want"
}

# both_ways PROMISE FILE ARGUMENT...: the same by read() and in the mapped ring.
both_ways() {
	local promise=$1
	shift

	check "$promise, by read()" same_lines "$@"
	check "$promise, mapped" same_lines "$@" --map
}

# kinds: how many different calls and reasons there are among the lines.
kinds() {
	grep -o ' \(call\|why\)=[a-z0-9_]*' "$work/lines" | sort -u | wc -l
}

# covered FILE: records and losses follow each other without a hole, from 1 to its end.
covered() {
	awk -v next_seq=1 '
		/^seq=/ { split($1, w, "="); first = last = w[2] }
		/^lost=/ { split($2, w, /=|\.\./); first = w[2]; last = w[3]; lost += last - first + 1 }
		first != next_seq { print "after " next_seq - 1 " came: " $0; exit bad = 1 }
		{ next_seq = last + 1 }
		END { if (!bad) print next_seq - 1, lost + 0; exit bad }' "$1"
}

# flooded WAY...: follow a flood in a small ring; nothing is lost silently.
flooded() {
	local follower written result

	mlock2mon events --raw --since 1 "$@" >"$work/flood" 2>"$work/err" &
	follower=$!
	# It sleeps through a part for certain, and races with another.
	churn burst 100 >/dev/null
	kill -STOP "$follower"
	churn burst 200 >/dev/null
	kill -CONT "$follower"
	churn burst 2000 >/dev/null
	written=$(stat_of ring.written)
	wait_until 20 reached "$written"
	kill -INT "$follower"
	wait "$follower" || { echo "the follower failed: $(<"$work/err")"; return 1; }
	result=$(covered "$work/flood") || { echo "$result"; return 1; }
	[[ ${result% *} -eq $written && ${result#* } -gt 0 ]] && return
	echo "written $written, covered and lost: $result"
	return 1
}

# reached NUMBER: the follower has come to that record.
reached() {
	tail -n 1 "$work/flood" | grep -q "^seq=$1 \|\.\.$1\$"
}

# readme_program: the program of README.
readme_program() {
	sed -n '/^    #include/,/^    }$/{ s/^    //; p }' "$SRC/README"
}

# readme_compile: the line of README that compiles it.
readme_compile() {
	sed -n 's/^    \(cc -o failed .*\)/\1/p' "$SRC/README"
}

compile() {
	readme_program >"$work/failed.c"
	make -s -C "$SRC" TOOL="$BUILD/bin/mlock2mon" PREFIX="$work/usr" install >"$work/log" 2>&1 ||
		{ cat "$work/log"; return 1; }
	cd "$work" &&
		PKG_CONFIG_PATH=$work/usr/lib/pkgconfig bash -ec "$(readme_compile)"
}

# expected_failures: process, call, bytes and KiB over the limit of each failure in lines;
# numbers that awk does not know exactly are "much".
expected_failures() {
	awk '/ ret=-/ {
		split("", v)
		for (i = 1; i <= NF; i++)
			if (split($i, w, "=") == 2)
				v[w[1]] = w[2]
		kb = v["short_kb"] + 0
		print v["pid"], v["call"], v["len"], (kb > 1e12 ? "much" : kb)
	}' "$work/lines"
}

# printed_failures: the same of what the program printed.
printed_failures() {
	sed -E 's/^pid ([0-9]+) cannot ([a-z0-9]+) ([0-9]+) bytes: [^,]+(, ([0-9]+) over.*)?$/\1 \2 \3 \5/' \
		"$work/out" | awk '{ print $1, $2, $3, ($4 > 1e15 ? "much" : int($4 / 1024)) }'
}

plan 26

for way in "" --map; do
	# shellcheck disable=SC2086 # a word or none
	events --no-follow $way
	check "without the module it says so${way:+, mapped}" said 1 "No such file" err
done

load related=1
provoke "${family[@]}" >/dev/null 2>"$work/err" || bail "provoke: $(<"$work/err")"
related "${others[@]}" >/dev/null 2>"$work/err" || bail "related: $(<"$work/err")"
device_lines >"$work/lines"
(($(kinds) > 12)) || bail "the workload made $(kinds) kinds of records"
both_ways "the lines of records of $(kinds) kinds are the device's" "$work/lines"
grep ' call=\(mlock\|exit\) ' "$work/lines" >"$work/want"
both_ways "--call" "$work/want" --call mlock,exit
grep ' ret=-' "$work/lines" >"$work/want"
both_ways "--failed" "$work/want" --failed
awk '/ uid=1000 / { len = $0; sub(/.* len=/, "", len); if (len + 0 >= 8192) print }' \
	"$work/lines" >"$work/want"
both_ways "--uid and --min-bytes" "$work/want" --uid 1000 --min-bytes 8K
awk '{ dur = $0; sub(/.* dur_ns=/, "", dur); if (dur + 0 >= 1000000) print }' \
	"$work/lines" >"$work/want"
both_ways "--min-time" "$work/want" --min-time 1ms
pid=$(sed -n 's/.* call=mlock2 pid=\([0-9]*\) .*/\1/p' "$work/lines" | head -n 1)
grep " pid=$pid " "$work/lines" >"$work/want"
both_ways "--pid" "$work/want" --pid "$pid"
tail -n 5 "$work/lines" >"$work/want"
last=$(sed -n '$s/^seq=\([0-9]*\) .*/\1/p' "$work/lines")
both_ways "--since" "$work/want" --since $((last - 4))

events -n --near 1048576 --raw --map
cp "$work/out" "$work/want"
events -n --near 1048576 --raw
check "--near: the same both ways" test "$(cmp "$work/out" "$work/want" 2>&1)$(grep -vc \
	' why=near_limit headroom_kb=' "$work/out") $status" = "0 0" -a -s "$work/want"

check "the program of README compiles with pkg-config" compile
status=0
"$work/failed" >"$work/out" 2>"$work/err" || status=$?
is "$status $(<"$work/err")" "0 " "... and runs"
[[ $(expected_failures) ]] || bail "no failure is expected"
is "$(printed_failures)" "$(expected_failures)" "... and prints each failure that the device tells"
for way in "" --map; do
	# shellcheck disable=SC2086 # a word or none
	as_user mlock2mon events --no-follow $way >"$work/out" 2>"$work/err"
	status=$?
	check "a user without privilege is refused${way:+, mapped}" said 1 "Permission denied" err
	# shellcheck disable=SC2086 # a word or none
	setpriv --bounding-set=-all mlock2mon events --no-follow $way >"$work/out" 2>"$work/err"
	status=$?
	check "so is root without capabilities${way:+, mapped}" said 1 "not permitted" err
done
unload

for way in "" --map; do
	load ring_records=64
	# shellcheck disable=SC2086 # a word or none
	check "in a flood each record is given or told as lost${way:+, mapped}" flooded $way
	unload
done
rm -rf "$work"
