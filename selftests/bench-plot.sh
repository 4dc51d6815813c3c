#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make plots of the rows that the parts of the benchmark left, with gnuplot.
set -euo pipefail
. "$(dirname "$0")/host.sh"

usage() {
	cat <<-END
	Usage: selftests/bench-plot.sh DIR
	Makes KERNEL-WHAT.svg in DIR, which is build/bench, of DIR/KERNEL-PART/medians.
	END
}

# values MEDIANS TABLE COLUMN: "ROW" VALUE, in the order of the rows. TABLE and COLUMN are
# patterns.
values() {
	awk -F '\t' -v table="$2" -v column="$3" '
		$1 ~ table && $3 ~ column && $4 !~ /^error/ { printf "\"%s\" %s\n", $2, $4 }' "$1"
}

# style: what all plots have. The names of contenders are underneath, read from left to right.
style() {
	cat <<-END
		set terminal svg size 960,540 font "sans-serif,13" background "white"
		set output "$1"
		set title "$2"
		set grid ytics linecolor rgb "#d0d0d0"
		set border 3
		set tics nomirror
		unset key
	END
}

# bars OUT TITLE DATA: sorted, longest at the top; logarithmic, for they differ by magnitudes.
bars() {
	local rows low

	[[ -s $3 ]] || return 0
	# The value is the last word: names may have several.
	awk '{ print $NF "\t" $0 }' "$3" | sort -g | cut -f 2- >"$3.sorted"
	awk '$NF > 0' "$3.sorted" >"$3.plotted"
	[[ -s $3.plotted ]] || return 0
	rows=$(wc -l <"$3.plotted")
	low=$(awk 'NR == 1 { print 10 ^ int(log($NF / 2) / log(10) - ($NF < 2)) }' "$3.plotted")
	{
		style "$1" "$2"
		cat <<-END
			set terminal svg size 960,$((120 + 32 * rows)) font "sans-serif,13" background "white"
			set logscale x
			set xrange [$low:*<1e12]
			set offsets 0, 0, 0.6, 0.6
			set format x "%.0s%c"
			unset grid
			set grid xtics linecolor rgb "#d0d0d0"
			set style fill solid 0.8 noborder
			plot "$3.plotted" using ($low):0:($low):2:(\$0 - 0.35):(\$0 + 0.35):ytic(1) \\
				with boxxyerror linecolor rgb "#30608f", \\
				"" using 2:0:(\$2 < 100 ? sprintf(" %.3g", \$2) : sprintf(" %.0f", \$2)) \\
				with labels left
		END
	} | gnuplot
}

# line OUT TITLE XLABEL DATA
line() {
	[[ -s $4 ]] || return 0
	{
		style "$1" "$2"
		cat <<-END
			set xlabel "$3"
			set yrange [0:*]
			set offsets 0.3, 0.3, graph 0.15, 0
			plot "$4" using 0:2:xtic(1) with linespoints pointtype 7 linewidth 2 \\
				linecolor rgb "#30608f", \\
				"" using 0:2:(sprintf("%.4g", \$2)) with labels offset 0,1
		END
	} | gnuplot
}

# growth PART MEDIANS: one plot each for what there may be more of.
growth() {
	local of table column text data

	while IFS='|' read -r of table column text; do
		data=$dir/$kernel-$1/$of
		values "$2" "$table" "$column" | sed 's/ processors"/"/' >"$data"
		line "$dir/$kernel-growth-$of.svg" "$text, Linux $kernel" "$of" "$data"
	done <<-END
		tasks|tracked|^added$|Instructions added to mlock2() by tracked tasks
		readers|readers|^added$|Instructions added to mlock2() by waiting readers
		processors|all processors at once|module : empty|Time of mlock2(), times that with empty probes
	END
}

main() {
	local dir kernel medians data

	case ${1-} in
	-h | --help) usage; exit 0 ;;
	-*) misused "unknown option $1" ;;
	esac
	[[ $# -eq 1 ]] || misused "one directory is needed"
	dir=$1
	rm -f "$dir"/*.svg
	for medians in "$dir"/*-*/medians; do
		kernel=$(basename "$(dirname "$medians")")
		data=${medians%/medians}/bars
		case $kernel in
		*-cost)
			kernel=${kernel%-cost}
			values "$medians" '^cost$' '^added .median.$' >"$data"
			bars "$dir/$kernel-cost.svg" "Instructions added to mlock2(), Linux $kernel" "$data" ;;
		*-delivery)
			kernel=${kernel%-delivery}
			values "$medians" . '^instructions a record$' >"$data"
			bars "$dir/$kernel-delivery.svg" \
				"Instructions that a reader spends on a record, Linux $kernel" "$data" ;;
		*-start)
			kernel=${kernel%-start}
			values "$medians" . '^10.6 instructions$' >"$data"
			bars "$dir/$kernel-start.svg" \
				"Millions of instructions to the first event, Linux $kernel" "$data" ;;
		*-growth | *-contention)
			data=${kernel##*-} kernel=${kernel%-*}
			growth "$data" "$medians" ;;
		esac
	done
}

main "$@"
