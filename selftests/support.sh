#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Put the table of the last make check-all into README.
set -euo pipefail
. "$(dirname "$0")/host.sh"

usage() {
	cat <<-END
	Usage: make support
	Replaces the table below "Where it runs" in README by that of build/check-all.md, which
	make check-all left. Refuses if a kernel of it failed or was not run.
	END
}

# rows: of the kernels in the table, as README has them.
rows() {
	awk -F ' *[|] *' '
		NR == 1 { printf "    %-14s %-26s %6s %7s\n", "kernel", "release", "tests", "skipped" }
		!/^\|/ { exit }
		NR > 2 { printf "    %-14s %-26s %6d %7d\n", $2, $3, $4, $6 }' "$tree/build/check-all.md"
}

# good: every kernel was run, and nothing failed.
good() {
	awk -F ' *[|] *' '/^\|/ && NR > 2 && ($3 == "not run" || $5 > 0) { bad = 1 } END { exit bad }' \
		"$tree/build/check-all.md"
}

case ${1-} in
-h | --help) usage; exit 0 ;;
?*) misused "unknown argument $1" ;;
esac
[[ -s $tree/build/check-all.md ]] || die "no build/check-all.md: run make check-all"
good || die "not all of build/check-all.md is good"
awk -v rows="$(rows)" '
	/^Where it runs$/ { inside = 1 }
	inside && /^    kernel / { print rows; skip = 1 }
	skip && !/^    / { skip = inside = 0 }
	!skip' "$tree/README" >"$tree/README.new"
cat "$tree/README.new" >"$tree/README"
rm "$tree/README.new"
