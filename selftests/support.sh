#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Put the table of the last make check-all into README.
set -euo pipefail
. "$(dirname "$0")/host.sh"

usage() {
	cat <<-END
	Usage: make support
	Puts what build/check-all.md has, which make check-all left, into the table below "Where
	it runs" in README: rows of the kernels that were run then are new, others stay as they
	are. Refuses if a kernel failed or was not run.
	END
}

# rows: the table of README, with the kernels in the order of selftests/kernels.
rows() {
	kernel_names '.*' | awk -F ' *[|] *' '
		FILENAME == "-" { name[++nr] = $0; next }
		FILENAME ~ /README$/ {
			inside = inside ? /^    / : /^    kernel /
			split($0, word, " ")
			if (inside)
				row[word[1]] = $0
			next
		}
		!/^\|/ { exit }
		FNR > 2 { row[$2] = sprintf("    %-14s %-26s %6d %7d", $2, $3, $4, $6) }
		END {
			print row["kernel"]
			for (i = 1; i <= nr; i++)
				if (name[i] in row)
					print row[name[i]]
		}' - "$tree/README" "$tree/build/check-all.md"
}

# good: every kernel was run, and nothing failed.
good() {
	awk -F ' *[|] *' '/^\|/ && NR > 2 && ($4 == "not run" || $5 > 0) { bad = 1 } END { exit bad }' \
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
