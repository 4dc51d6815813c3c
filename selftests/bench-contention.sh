#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The contention part of `make bench`, in guests with 1, 2 and 4 processors, without --icount:
# time of calls that all of them make at once.
set -euo pipefail

calls=30000 rounds=9		# some tenths of a second each
work=$(mktemp -d)
table="nanoseconds of mlock2(), all processors at once"

# row ROW COLUMN VALUE
row() {
	printf '%s\t%s\t%s\t%s\n' "$table" "$@" >>"$OUT/rows"
}

# entries: of mlock2(), that the module has counted.
entries() {
	awk '$1 == "mlock2.entries" { print $2 }' /proc/mlock2mon/stats
}

# sample NAME [MODULE]: with that module loaded, or none.
sample() {
	local name=$1

	shift
	((!$#)) || insmod "$@"
	contend "$cpus" $calls >"$work/$name"
	cat "$work/$name" >>"$work/$name.all"
	[[ $name != module || $(entries) == $((cpus * (calls + 1))) ]] ||
		{ echo "calls seen: $(entries)" >&2; exit 1; }
	((!$#)) || rmmod "$(basename "$1" .ko)"
}

# median FILE
median() {
	sort -n "$1" | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

ratio() {
	awk "BEGIN { printf \"%.3f\", $(median "$work/$1.all") / $(median "$work/$2.all") }"
}

report_one() {
	row "$cpus processors" "$1" "$(median "$work/$2.all")"
}

cpus=$(nproc)
for ((round = 0; round < rounds; round++)); do
	sample bare
	sample floor "$BUILD/floor.ko"
	sample module "$MODULE"
done
report_one "no module" bare
report_one "empty probes" floor
report_one "the module" module
row "$cpus processors" "module : none" "$(ratio module bare)"
row "$cpus processors" "module : empty probes" "$(ratio module floor)"
echo "A process on each processor, with a page of its own; time from the start of all to the end of the last, by its calls, $calls; medians of $rounds rounds in turn. Guests without -icount: what else runs on the host shows." >>"$OUT/notes"
rm -rf "$work"
