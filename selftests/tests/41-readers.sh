#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Many readers, slow readers, floods: delivered + lost = covered, for each of them.
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"

work=$(mktemp -d)

threads=4
calls=1250
total=$((threads * calls + 1))	# the mark is a call, too
exits=$((threads + 1))		# recorded after the mark

# start_readers: one a line of standard input, with the options of that line. The
# ones started before are forgotten. Returns when all have opened the device.
start_readers() {
	local options

	readers=()
	while read -r options; do
		# shellcheck disable=SC2086 # options are words
		reader $options >"$work/reader.${#readers[@]}" 2>"$work/reader.${#readers[@]}.err" &
		readers+=($!)
	done
	wait_until 10 readers_open "${#readers[@]}" || bail "readers do not open the device"
}

readers_open() {
	[[ $(stat_of readers.open) -eq $1 ]]
}

wait_readers() {
	local i

	for ((i = 0; i < ${#readers[@]}; i++)); do
		wait "${readers[i]}" || echo "# reader $i: exit status $?"
		sed 's/^/# /' "$work/reader.$i.err"
	done
}

# told READER KEY: a count that a reader printed.
told() {
	tr ' ' '\n' <"$work/reader.$1" | sed -n "s/^$2=//p"
}

# counts READER: what must be known in advance.
counts() {
	sed -E 's/ (reads|checksum)=[0-9a-f]+//g' "$work/reader.$1"
}

# adds_up READER LAST: continuous from 1 to LAST, nothing torn, nothing foreign.
adds_up() {
	cat "$work/reader.$1"
	[[ $(told "$1" first) = 1 && $(told "$1" last) = "$2" && $(told "$1" wrong) = 0 &&
	   $(told "$1" foreign) = 0 &&
	   $(($(told "$1" delivered) + $(told "$1" lost))) = "$2" ]]
}

has_loss() {
	cat "$work/reader.$1"
	(($(told "$1" losses) > 0 && $(told "$1" delivered) > 0))
}

plan 29

# Eight readers of all sorts, a ring that keeps everything.
load
log_mark
start_readers <<-END
	-v -t 60
	-v -t 60 -b 512
	-v -t 60 -b 65536
	-v -t 60 -p
	-v -t 60 -p -b 600
	-v -t 60 -g
	-v -t 60 -g -p -b 1024
	-v -t 60 -d 1000 -b 3000
END
is "$(stat_of readers.open)" 8 "stats counts the eight readers"
flood -t $threads -n $calls >"$work/flood" || bail "flood: $(<"$work/flood")"
wait_readers
all="first=1 last=$total delivered=$total lost=0 losses=0 foreign=0 wrong=0"
all+=" t0=$calls t1=$calls t2=$calls t3=$calls"
for i in "${!readers[@]}"; do
	is "$(counts "$i")" "$all" "reader $((i + 1)) of 8 sees every record once, in order, whole"
done
is "$(cat "$work"/reader.? | grep -o 'checksum=.*' | sort -u | wc -l)" 1 \
	"the eight read the same text"
reader -v -t 60 >"$work/reader.0" 2>&1
is "$(counts 0)" "$all" "a reader that comes late sees the same"
is "$(stat_of ring.written) $(stat_of ring.overwritten) $(stat_of readers.lost)" "$((total + exits)) 0 0" \
	"stats: all written, nothing overwritten, nothing lost"
is "$(stat_of readers.open)" 0 "stats: no reader is left open"
for call in mlock2 mlock munlock; do
	check "$call: entries = returns + in_flight + missed" complete $call
done
check "the kernel log is silent" log_silent
unload

# A reader too slow for a ring of 64.
load ring_records=64
log_mark
start_readers <<-END
	-v -t 60 -d 2000 -b 1024
END
flood -t $threads -n $calls >"$work/flood" || bail "flood: $(<"$work/flood")"
wait_readers
check "a slow reader: delivered + lost = covered, without a gap" adds_up 0 "$total"
check "a slow reader: losses are told in their place" has_loss 0
is "$(stat_of readers.lost)" "$(told 0 lost)" "stats: readers.lost is what the reader was told"
is "$(stat_of ring.written) $(stat_of ring.overwritten)" "$((total + exits)) $((total + exits - 64))" \
	"stats: all but the last 64 are overwritten"
unload

# Both processors flood a ring of 64 for seconds.
load ring_records=64
log_mark
start_readers <<-END
	-v -t 60 -p -b 65536
	-v -t 60 -b 700
	-v -t 60 -d 500
END
flood -t 4 -s 6 >"$work/flood" || bail "flood: $(<"$work/flood")"
total=$(($(awk '/^total/ { print $2 }' "$work/flood") + 1))
echo "# $total calls"
wait_readers
check "flood: a fast reader adds up, nothing torn" adds_up 0 "$total"
check "flood: a reader with a small buffer adds up, nothing torn" adds_up 1 "$total"
check "flood: a slow reader adds up, nothing torn" adds_up 2 "$total"
check "flood: the ring of 64 did lose records" has_loss 2
is "$(stat_of ring.written) $(stat_of ring.overwritten)" "$((total + exits)) $((total + exits - 64))" \
	"flood: stats agrees with the workload"
is "$(stat_of readers.lost)" "$(($(told 0 lost) + $(told 1 lost) + $(told 2 lost)))" \
	"flood: readers.lost is the sum of what readers were told"
for call in mlock2 mlock munlock; do
	complete $call >"$work/complete" || break
done
check "flood: entries = returns + in_flight + missed" complete "$call"
check "the kernel log is silent" log_silent
unload
