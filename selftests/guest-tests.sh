#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In a guest: run tests one after the other. Each leaves $OUT/NAME.tap and, when
# it is over, $OUT/NAME.end with its exit status, its time, and what was wrong
# with the kernel afterwards. A kernel gone wrong runs no further test.
set -u

default_limit=300
LIMIT_FACTOR=1
leaks=/sys/kernel/debug/kmemleak
covered=/sys/kernel/debug/gcov
export CMOCKA_MESSAGE_OUTPUT=TAP
# shellcheck source=/dev/null # what check.sh says
[[ ! -r $OUT/settings ]] || . "$OUT/settings"

# limit_of FILE: a test that needs longer says so: "timeout: SECONDS" in a comment.
limit_of() {
	local limit

	limit=$(sed -n '1,20s/^[#/ *]*timeout: *\([0-9]\+\).*/\1/p' "$SRC/$1" | sed -n 1p)
	echo $((${limit:-$default_limit} * LIMIT_FACTOR))
}

# aftermath NAME: a line about what the test left behind, or nothing.
aftermath() {
	local bad

	bad=$(sed "1,/mlock2mon test: $1\$/d" "$OUT/$1.dmesg" | "$SRC/selftests/log-check.sh" | sed -n 1p)
	if [[ $bad ]]; then
		echo "kernel log: $bad"
	elif [[ -d /sys/module/mlock2mon ]]; then
		echo "left the module loaded"
	else
		leaked "$1"
	fi
}

# leaked NAME: a line if a kernel that looks for it found memory that nobody points to. It
# takes an object for lost only after 5 seconds.
leaked() {
	[[ -w $leaks ]] || return 0
	echo scan >"$leaks"
	sleep 6
	echo scan >"$leaks"
	cat "$leaks" >"$OUT/$1.leaks"
	echo clear >"$leaks"
	[[ ! -s $OUT/$1.leaks ]] || echo "kernel log: leaked memory, see $1.leaks"
}

# keep_coverage: which lines of the module were run until now, if the kernel counts them; the
# next test may be the last of this kernel.
keep_coverage() {
	[[ -d $covered$BUILD/module ]] || return 0
	mkdir -p "$OUT/covered"
	cp -r "$covered$BUILD/module/." "$OUT/covered/"
}

# run_test FILE: false if the guest should not be used any more.
run_test() {
	local file=$1 name limit status=0 start end left

	name=$(basename "$file")
	limit=$(limit_of "$file")
	# The host waits this long, and a while for the end of it.
	echo "$name $((limit + 30))" >"$OUT/limit.new"
	mv "$OUT/limit.new" "$OUT/limit"
	echo "mlock2mon test: $name" >/dev/kmsg
	start=$EPOCHREALTIME
	timeout --kill-after=10 "$limit" "$(program "$file")" >"$OUT/$name.tap" 2>&1 </dev/null || status=$?
	end=$EPOCHREALTIME
	dmesg >"$OUT/$name.dmesg"
	left=$(aftermath "$name")
	keep_coverage
	awk -v s="$status" -v a="$start" -v b="$end" -v left="$left" \
		'BEGIN { printf "%d %.1f %s\n", s, b - a, left }' >"$OUT/$name.end.new"
	mv "$OUT/$name.end.new" "$OUT/$name.end"
	[[ $left != "kernel log"* ]] && unloaded
}

# unloaded: the next test must find the module not loaded.
unloaded() {
	[[ ! -d /sys/module/mlock2mon ]] || rmmod mlock2mon
}

# program FILE: a C test is run as the program that was built from it.
program() {
	local name

	name=$(basename "$1")
	case $1 in
	*.c) echo "$BIN/${name%.c}" ;;
	*) echo "$SRC/$1" ;;
	esac
}

# The host writes stop when there is no time for more.
for file; do
	[[ ! -e $OUT/stop ]] || exit 0
	run_test "$file" || exit 0
done
