#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The inside of coverage.sh: from what the guests left to numbers and HTML. Runs in the chroot.
set -euo pipefail

enough=95	# percent of all lines
sum=$BUILD/coverage.info

# capture DIR: of the guest that left it; $one is its sum.
capture() {
	one=$(mktemp)
	lcov --quiet --capture --directory "$1" --output-file "$one"
}

# all: of all guests together, the files of the module alone.
all() {
	local dir add=()

	for dir in "$BUILD"/log/boot-*/covered; do
		[[ -d $dir ]] || continue
		cp --remove-destination "$BUILD"/module/*.gcno "$dir/"
		capture "$dir"
		add+=(--add-tracefile "$one")
	done
	((${#add[@]})) || { echo "no guest left anything" >&2; exit 1; }
	lcov --quiet "${add[@]}" --output-file "$sum.all"
	lcov --quiet --extract "$sum.all" "$BUILD/module/*" --output-file "$sum"
}

# never_run: functions that no test reached and that HACKING does not name as such.
never_run() {
	sed -n 's/^FNDA:0,//p' "$sum" | sort -u | while read -r name; do
		grep -q "\<$name\>" HACKING || echo "$name"
	done
}

# lines: a table, least covered first; fails if it is not enough in all.
lines() {
	awk -F '[:,]' -v enough="$enough" '
		$1 == "SF" { n = split($2, path, "/"); file = path[n] }
		$1 == "LF" { found += $2; f[file] = $2 }
		$1 == "LH" { hit += $2; h[file] = $2 }
		END {
			for (file in f)
				if (f[file])
					printf "%6.1f %%  %4d of %4d lines  %s\n",
						100 * h[file] / f[file], h[file], f[file], file | "sort -n"
			close("sort -n")
			printf "%6.1f %%  %4d of %4d lines\n", 100 * hit / found, hit, found
			exit 100 * hit / found < enough
		}' "$sum"
}

all
genhtml --quiet --output-directory "$BUILD/coverage" "$sum"
status=0
lines || status=1
missed=$(never_run)
if [[ $missed ]]; then
	echo "no test reached: ${missed//$'\n'/ }"
	status=1
fi
exit $status
