#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measure what watching costs, beside other tools that can do something like it.
set -euo pipefail
. "$(dirname "$0")/host.sh"

# What a part wants of its guest.
declare -A options=(
	[cost]="--icount --timeout 900"
	[growth]="--icount --mem 4600 --timeout 900"
	[delivery]="--icount --timeout 900"
	[memory]="--timeout 600"
	[start]="--icount --timeout 600"
)
order=(cost steps growth delivery memory start)

declare -A titles=(
	[cost]="Instructions of a call"
	[steps]="Where they are"
	[growth]="How the cost grows"
	[delivery]="What a reader spends"
	[memory]="Memory"
	[start]="Until the first event"
)

usage() {
	cat <<-END
	Usage: make bench [KERNELS="NAME ..."] [PARTS="NAME ..."]
	Measures the module and other tools in guests, on the kernels of selftests/kernels.
	Parts: ${order[*]}; all of them take about
	twenty minutes a kernel. Prints tables and writes them to build/bench: bench.md,
	bench.json, plots (*.svg), and what they were made of.
	END
}

# What is loaded before the calls are traced.
# shellcheck disable=SC2016 # expanded in the guest
declare -A watchers=(
	[bare]=true
	[floor]='insmod $BUILD/floor.ko'
	[mlock2mon]='insmod $MODULE'
)

# steps DIR: the functions of one mlock2() under three watchers.
steps() {
	local watcher

	for watcher in bare floor mlock2mon; do
		"$tree/selftests/steps.sh" "$kernel" "$1/$watcher" bash -c "${watchers[$watcher]}" ||
			return 1
		awk -v watcher="$watcher" -v OFS='\t' '{
			count = $1
			sub(/^[0-9]+ /, "")
			print watcher, $0, count
		}' "$1/$watcher/steps"
	done >"$1/all"
	awk -F '\t' -v OFS='\t' '
		{ n[$2, $1] = $3; total[$1] += $3 }
		!($2 in seen) { seen[$2]; name[++names] = $2 }
		END {
			name[++names] = "all"
			for (w in total)
				n["all", w] = total[w]
			split("bare floor mlock2mon", watcher, " ")
			for (i = 1; i <= names; i++)
				for (w = 1; w <= 3; w++)
					if (n[name[i], "bare"] + 0 != n[name[i], "mlock2mon"] + 0)
						print "functions of one mlock2()", name[i], watcher[w],
							n[name[i], watcher[w]] + 0
		}' "$1/all" >"$1/rows"
	cat >"$1/notes" <<-END
		Instructions of one mlock2() of a locked page in each function, where they are not the same with the module and without. From a trace of every instruction, not from samples.
	END
}

# in_guest DIR "OPTIONS" COMMAND...
in_guest() {
	local dir=$1 wanted=$2
	shift 2

	# shellcheck disable=SC2086 # options are words
	"$tree/selftests/guest.sh" --kernel "$kernel" --out "$dir" $wanted \
		--append "nokaslr norandmaps" -- "$@" >&2
}

# contention DIR: added to what is there, from guests with several processors.
contention() {
	local cpus

	for cpus in 1 2 4; do
		in_guest "$1/cpus$cpus" "--cpus $cpus --timeout 300" selftests/bench-growth.sh contention ||
			return 1
		cat "$1/cpus$cpus/rows" >>"$1/rows"
	done
	cat "$1/cpus1/notes" >>"$1/notes"
}

# measure PART DIR: leaves rows and notes there.
measure() {
	if [[ $1 == steps ]]; then
		steps "$2"
		return
	fi
	in_guest "$2" "${options[$1]}" "selftests/bench-$1.sh" || return 1
	[[ $1 != growth ]] || contention "$2"
}

# tables FORMAT PART DIR
tables() {
	awk -v format="$1" -v title="${titles[$2]}" -v kernel="$kernel" \
		-f "$tree/selftests/bench-rows.awk" "$3/rows" "$3/notes"
}

bench_part() {
	local part=$1 dir=$2/$kernel-$1

	say "$kernel: $part ..."
	rm -rf "$dir" "$dir.md" "$dir.json"
	mkdir -p "$dir"
	if ! measure "$part" "$dir"; then
		say "$kernel: $part failed"
		failed=1
		return
	fi
	touch "$dir/rows" "$dir/notes"
	tables md "$part" "$dir" >"$dir.md"
	tables json "$part" "$dir" >"$dir.json"
	cat "$dir.md"
	echo
}

# plot DIR: bars of what each contender adds to a call, for each kernel that was measured.
plot() {
	local rows

	for rows in "$1"/*-cost/rows; do
		[[ -s $rows ]] || continue
		kernel=$(basename "$(dirname "$rows")" -cost)
		awk -F '\t' '$1 == "cost" && $3 == "added (median)" && $4 ~ /^[0-9.]+$/ && $4 > 0 {
			printf "\"%s\" %s\n", $2, $4
		}' "$rows" >"$1/$kernel-cost/bars"
		[[ -s $1/$kernel-cost/bars ]] || continue
		gnuplot <<-END
			set terminal svg size 900,600 font "sans-serif,12" background "white"
			set output "$1/$kernel-cost.svg"
			set title "Instructions added to mlock2(), Linux $kernel"
			set logscale y
			set grid y
			set style fill solid 0.7
			set boxwidth 0.7
			set xtics rotate by 40 right
			unset key
			plot "$1/$kernel-cost/bars" using 0:2:xtic(1) with boxes linecolor rgb "#30608f", \\
				"" using 0:2:(sprintf("%d", \$2)) with labels offset 0,0.7
		END
	done
}

# join DIR: one report of all that is there.
join() {
	local kernel part files=() i

	for part in "${order[@]}"; do
		for kernel in $(kernel_names '.*'); do
			[[ ! -s $1/$kernel-$part.json ]] || files+=("$1/$kernel-$part")
		done
	done
	((${#files[@]})) || die "nothing was measured"
	for ((i = 0; i < ${#files[@]}; i++)); do
		cat "${files[i]}.md"
		echo
	done >"$1/bench.md"
	{
		echo "["
		for ((i = 0; i < ${#files[@]}; i++)); do
			cat "${files[i]}.json"
			((i + 1 == ${#files[@]})) || echo ","
		done
		echo "]"
	} >"$1/bench.json"
	plot "$1"
	say "Written: $1/bench.md, bench.json, *.svg"
}

main() {
	local kernel kernels part parts failed='' dir=$tree/build/bench

	case ${1-} in
	-h | --help) usage; exit 0 ;;
	?*) misused "unknown argument $1" ;;
	esac
	read -ra kernels <<<"${KERNELS:-$(kernel_names | paste -sd ' ')}"
	read -ra parts <<<"${PARTS:-${order[*]}}"
	for kernel in "${kernels[@]}"; do
		need_kernel "$kernel"
	done
	for part in "${parts[@]}"; do
		[[ -v titles[$part] ]] || misused "no part '$part', there are: ${order[*]}"
	done
	need_root
	need_guest_tools
	need_packages gnuplot:gnuplot-nox
	mkdir -p "$dir"
	for kernel in "${kernels[@]}"; do
		say "Building for kernel $kernel ..."
		"$tree/selftests/build.sh" "$kernel"
		for part in "${parts[@]}"; do
			bench_part "$part" "$dir"
		done
	done
	join "$dir"
	[[ -z $failed ]]
}

main "$@"
