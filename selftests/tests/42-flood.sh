#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Both processors call as fast as they can; readers of text, of records and of the mapped
# ring follow. FLOOD_SECONDS of "make check" is how long for each size of the ring.
# timeout: 900
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"

work=$(mktemp -d)
seconds=20
# shellcheck source=/dev/null # what check.sh was called with
[[ ! -r $OUT/settings ]] || . "$OUT/settings"
seconds=${FLOOD_SECONDS:-$seconds}
limit=$((seconds + 60))
declare -A readers

# start NAME COMMAND...: a reader.
start() {
	local name=$1
	shift

	"$@" -t $limit >"$work/$name" 2>"$work/$name.err" &
	readers[$name]=$!
}

readers_open() {
	[[ $(stat_of readers.open) -eq $1 ]]
}

# flood_readers: flood for those that were started, until they have seen the mark.
# What was called is in $total.
flood_readers() {
	local name

	wait_until 20 readers_open ${#readers[@]} || bail "readers do not open the device"
	flood -t 2 -s "$seconds" >"$work/flood" || bail "flood: $(<"$work/flood")"
	total=$(($(awk '/^total/ { print $2 }' "$work/flood") + 1))
	echo "# $total calls in $seconds s"
	for name in "${!readers[@]}"; do
		wait "${readers[$name]}" || echo "# $name: exit status $?"
		sed "s/^/# $name: /" "$work/$name" "$work/$name.err"
	done
}

# told READER KEY: a count that a reader printed.
told() {
	tr ' ' '\n' <"$work/$1" | sed -n "s/^$2=//p"
}

# adds_up READER: from the first call to the mark, nothing torn, twice or out of order.
adds_up() {
	cat "$work/$1" "$work/$1.err"
	[[ $(told "$1" first) = 1 && $(told "$1" last) = "$total" && $(told "$1" wrong) = 0 &&
	   $(told "$1" foreign) = 0 && $(told "$1" delivered) -gt 0 &&
	   $(($(told "$1" delivered) + $(told "$1" lost))) = "$total" ]]
}

plan 21

log_mark
for records in 64 4096 65536; do
	load ring_records=$records
	readers=()
	start text reader -v -b 65536
	start binary rawreader
	start mapped rawreader -m
	flood_readers
	for name in text binary mapped; do
		check "$records records: $name: delivered + lost = called; none torn, twice, disordered" \
			adds_up $name
	done
	is "$(stat_of readers.lost)" "$(($(told text lost) + $(told binary lost)))" \
		"$records records: readers.lost is what those who read were told"
	check "$records records: entries = returns + in_flight + missed" complete mlock2
	unload
done

# stood_still: did a processor of this guest not run for longer than the default ring lasts.
stood_still() {
	awk -v us="$away" -v calls="$total" -v seconds="$seconds" \
		'BEGIN { exit !(us / 1e6 * calls / seconds > 32768) }'
}

# follow_alone NAME COMMAND...: one reader, the default ring; how much was lost is in
# $lost, how long a processor was away in $away.
follow_alone() {
	load
	readers=()
	start_helper stall
	start "$@"
	flood_readers
	ask_helper || bail "stall says nothing"
	# shellcheck disable=SC2154 # promises.sh sets it
	away=$helper_said
	end_helper
	unload
	lost=$(told "$1" lost)
	echo "# lost $lost; a processor was away for $away us of half a second"
}

# keeps_up NAME COMMAND...: three tries, for the host of this guest may give its
# processors to others. Where it did so each time, nothing can be said.
keeps_up() {
	local promise="$1 alone: keeps up with two processors, nothing lost" try excused=1

	for try in 1 2 3; do
		follow_alone "$@"
		[[ $lost != 0 ]] || break
		stood_still || excused=0
	done
	check "$1 alone: adds up" adds_up "$1"
	if [[ $lost != 0 && $excused = 1 ]]; then
		skip "$promise" "the machine stood still in each of $try tries"
	else
		is "$lost" 0 "$promise"
	fi
}

keeps_up binary rawreader
keeps_up mapped rawreader -m

check "nothing is left" nothing_left
check "the kernel log has nothing bad" log_clean
