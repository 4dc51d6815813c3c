#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Does a call cost more than it did? Counts, in a guest, the instructions that the module
# adds, and compares them with those that were written down. Prints TAP.
set -euo pipefail
. "$(dirname "$0")/host.sh"

baseline=$tree/selftests/cost-baseline
allowed=3 # percent

usage() {
	cat <<-END
	Usage: selftests/cost.sh [--update] KERNEL
	Counts the instructions that the module adds to calls, on KERNEL, which must have been
	built. Fails if they are more than $allowed % above those in selftests/cost-baseline.
	--update writes them there instead.
	END
}

# added OUT: lines of CALL,PARAMETERS INSTRUCTIONS: the median of all batches with the
# module less that of those without.
added() {
	sort -k 2,2 -k 1,1 -k 3,3n "$1/samples" | awk '
		function close_group() {
			if (n)
				median[who, call] = (value[int((n + 1) / 2)] + value[int(n / 2) + 1]) / 2
			n = 0
		}
		$1 != who || $2 != call { close_group(); who = $1; call = $2 }
		{ value[++n] = $3 }
		END {
			close_group()
			for (key in median) {
				split(key, part, SUBSEP)
				if (part[1] != "bare")
					printf "%s,%s %.0f\n", part[2], part[1],
						median[key] - median["bare", part[2]]
			}
		}' | sort
}

# compare RELEASE < ADDED: TAP.
compare() {
	awk -v release="$1" -v allowed="$allowed" '
		FILENAME != "-" && $1 == release { was[$2] = $3 }
		FILENAME != "-" { next }
		{
			promise = "ok " ++n " - " $1 " costs no more than it did"
			if (!($1 in was)) {
				line[n] = promise " # SKIP nothing is written down for " release ": +" $2
				next
			}
			change = ($2 - was[$1]) * 100 / was[$1]
			line[n] = sprintf("%s%s\n# %-18s was +%d, is +%d, %+.1f %%",
				change > allowed ? "not " : "", promise, $1, was[$1], $2, change)
		}
		END {
			print "1.." n
			for (i = 1; i <= n; i++)
				print line[i]
		}' "$baseline" -
}

update() {
	{
		grep -v "^$1 " "$baseline" || true
		sed "s/^/$1 /"
	} >"$baseline.new"
	mv "$baseline.new" "$baseline"
}

main() {
	local action=compare out release

	case ${1-} in
	-h | --help) usage; exit 0 ;;
	--update) action=update; shift ;;
	-*) misused "unknown option $1" ;;
	esac
	[[ $# -eq 1 ]] || misused "one kernel name is needed"
	need_kernel "$1"
	out=$tree/build/$1/cost
	rm -rf "$out"
	mkdir -p "$out"
	"$tree/selftests/guest.sh" --kernel "$1" --out "$out" --icount --timeout 240 \
		--append "nokaslr norandmaps" -- selftests/cost-guest.sh >&2
	release=$(<"$out/release")
	added "$out" >"$out/added"
	[[ -s $out/added ]] || die "nothing was measured"
	"$action" "$release" <"$out/added"
}

main "$@"
