#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# With related=1 the deltas of a process add up to VmLck whenever it is quiet, and to
# nothing when it is gone, whatever it did to its memory.
# timeout: 600
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/witness.sh
. "$SRC/selftests/witness.sh"

operations=10000

# reckon SAID EVENTS: the sum of each process at each marker, and at its end. Of a
# process with one thread each record must agree with itself.
reckon() {
	awk '
		function complain(text) {
			if (++bad <= 10)
				print text
		}
		function value(key) {
			if (!match(line, " " key "=-?[0-9]+"))
				complain("no " key ": " $0)
			return substr(line, RSTART + length(key) + 2, RLENGTH - length(key) - 2) + 0
		}
		FNR == NR && $1 == "marker" { want[$2 " " $3] = $4; markers++; next }
		FNR == NR { solo[$2] = 1; next }
		$1 !~ /^seq=/ { complain("loss: " $0); next }
		{
			pid = substr($5, 5)
			line = $0
			sub(/.*" addr=/, " addr=", line)
			sum[pid] += value("delta_kb")
			records++
		}
		$4 == "call=munlock" && line ~ /^ addr=0x1000 / {
			at = pid " " value("len") / 4096
			if (!(at in want))
				next
			compared++
			if (sum[pid] != want[at])
				complain("pid " pid ": " sum[pid] " KiB by the records, VmLck " want[at] ": " $1)
			next
		}
		pid in solo && sum[pid] != value("locked_kb") {
			complain("pid " pid ": " sum[pid] " KiB so far: " $0)
		}
		END {
			for (pid in sum) {
				if (sum[pid] != 0)
					complain("pid " pid ": " sum[pid] " KiB left at the end")
				pids++
			}
			if (compared != markers || !markers)
				complain(compared + 0 " of " markers + 0 " markers found")
			print records, "records,", markers, "markers,", pids, "processes,", bad + 0, "departures"
			exit bad > 0
		}' "$1" "$2"
}

# doctored SCRIPT: the records with something changed in the middle; it must be found.
doctored() {
	awk "$1" "$scratch/events" >"$scratch/doctored"
	! cmp -s "$scratch/events" "$scratch/doctored" || { echo "nothing was changed"; return 1; }
	! reckon "$scratch/said" "$scratch/doctored"
}

# run PROGRAM SEED: 3 promises.
run() {
	local what="$1, seed $2" said

	load related=1 ring_records=262144
	: >"$scratch/said"
	said=$("$1" -s "$2" -n $operations "$scratch/said" 2>&1) || bail "$what: $said"
	note "$said"
	wait_until nobody_left || bail "$what: some process does not end"
	drain "$scratch/events"
	binrec >"$scratch/binary" || bail "binrec: $?"
	check "$what: no record is lost" unbroken "$scratch/events"
	check "$what: deltas add up to VmLck at every marker, and to nothing in the end" \
		reckon "$scratch/said" "$scratch/events"
	check "$what: so they do in binary" reckon "$scratch/said" "$scratch/binary"
	note "$(reckon "$scratch/said" "$scratch/events" | tail -n 1)"
	note "$(awk '{ print $4 }' "$scratch/events" | sort | uniq -c | sort -rn | paste -sd ' ')"
	unload
}

nobody_left() {
	[[ $(stat_of tasks.tracked) -eq 0 ]]
}

# Some of everything is there.
all_kinds_seen() {
	local kind

	for kind in mlock2 mlock munlock mlockall munlockall mmap munmap mremap brk shmat shmdt \
		shmctl stack exec other exit; do
		grep -q " call=$kind " "$scratch/events" || { echo "no $kind"; return 1; }
	done
}

plan 15

chmod 755 "$scratch"
echo 4 >/proc/sys/vm/nr_hugepages
run ledger.m32 2
run ledger "$RANDOM"
run ledger.m32 "$RANDOM"
run ledger 1
check "records of all kinds are among them" all_kinds_seen
# shellcheck disable=SC2016 # the scripts are for awk
check "one changed delta is noticed" doctored '
	NR > 1000 && !done && match($0, / delta_kb=[1-9][0-9]*/) {
		$0 = substr($0, 1, RSTART + RLENGTH - 1) "4" substr($0, RSTART + RLENGTH)
		done = 1
	}
	1'
# shellcheck disable=SC2016
check "one missing record is noticed" doctored '
	NR > 1000 && !done && / delta_kb=-?[1-9]/ { done = 1; next } 1'
echo 0 >/proc/sys/vm/nr_hugepages
