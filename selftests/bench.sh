#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measure what watching costs, beside other tools that can do something like it.
set -euo pipefail
. "$(dirname "$0")/host.sh"

# What a part wants of its guest. Time is there in plenty, for a host that is busy with others.
declare -A options=(
	[cost]="--icount --timeout 7200"
	[growth]="--icount --mem 4600 --timeout 7200"
	[contention]="--timeout 1800"
	[delivery]="--icount --timeout 7200"
	[memory]="--mem 2048 --timeout 3600"
	[start]="--icount --mem 4096 --timeout 7200"
)
order=(cost steps growth contention delivery memory start)
with_peers=" cost delivery memory start "

declare -A titles=(
	[cost]="Instructions of a call"
	[steps]="Where they are"
	[growth]="How the cost grows"
	[contention]="Processors at once"
	[delivery]="What a reader spends"
	[memory]="Memory"
	[start]="Until the first event"
)

usage() {
	cat <<-END
	Usage: make bench [KERNELS="NAME ..."] [PARTS="NAME ..."]
	Measures the module and other tools in guests, on the kernels for which selftests/chroots
	has a chroot with other tools, peers-NAME ($(bench_kernels | paste -sd ' ')), or those named.
	Parts: ${order[*]}.
	Two parts run at a time; all of them take about half an hour a kernel, the first time
	ten minutes more for chroots and what is compiled in them. Writes tables to build/bench:
	bench.md, bench.json, plots (*.svg), and in KERNEL-PART what they were made of.
	The exit status is 0 if all parts were measured, whatever they say.
	END
}

# bench_kernels: those with other watchers.
bench_kernels() {
	awk 'sub(/^peers-/, "", $1) { print $1 }' "$tree/selftests/chroots"
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
		rm -f "$1/$watcher"/{trace,kallsyms}
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

# in_guest DIR "OPTIONS" COMMAND...: once more if it was the emulator that failed.
in_guest() {
	local dir=$1 wanted=$2 try
	shift 2

	for try in first second; do
		rm -f "$dir"/{rows,notes}
		# shellcheck disable=SC2086 # options are words
		"$tree/selftests/guest.sh" --kernel "$kernel" --out "$dir" $wanted \
			--append "nokaslr norandmaps" -- "$@" >&2 && return
		emulator_failed "$dir" || break
	done
	say "the $try try failed"
	return 1
}

# contention DIR: from guests with several processors.
contention() {
	local cpus

	for cpus in 1 2 4; do
		in_guest "$1/cpus$cpus" "${options[contention]} --cpus $cpus" \
			selftests/bench-contention.sh || return 1
		cat "$1/cpus$cpus/rows" >>"$1/rows"
	done
	cat "$1/cpus1/notes" >>"$1/notes"
}

# measure PART DIR: leaves rows and notes there.
measure() {
	local root=''

	case $1 in
	steps | contention) "$1" "$2"; return ;;
	esac
	[[ $with_peers != *" $1 "* || ! -e $tree/build/$kernel/peers/stamp ]] || root="--root peers-$kernel"
	in_guest "$2" "${options[$1]} $root" "selftests/bench-$1.sh"
}

# tables FORMAT TITLE DIR
tables() {
	awk -v format="$1" -v title="$2" -v kernel="$kernel" \
		-f "$tree/selftests/bench-rows.awk" "$3/rows" "$3/notes"
}

# write_tables TITLE DIR: DIR.md and DIR.json, and of each cell the median.
write_tables() {
	touch "$2/rows" "$2/notes"
	tables medians "" "$2" >"$2/medians"
	tables md "$1" "$2" >"$2.md"
	tables json "$1" "$2" >"$2.json"
}

# bench_part PART KERNEL: leaves a .json if it was measured.
bench_part() {
	local part=$1 kernel=$2 place=$dir/$2-$1

	say "$kernel: $part ..."
	mkdir -p "$place"
	if measure "$part" "$place" >"$place.log" 2>&1; then
		write_tables "${titles[$part]}" "$place"
		say "$kernel: $part done"
	else
		tail -n 5 "$place.log" >&2
		say "$kernel: $part failed; see $place.log"
	fi
}

# turn_of COMMAND...: in the background, two at a time.
turn_of() {
	while (($(jobs -rp | wc -l) >= 2)); do
		wait -n || true
	done
	"$@" &
}

# bench_all: what is timed comes last, and alone.
bench_all() {
	local kernel part

	for kernel in "${kernels[@]}"; do
		for part in "${parts[@]}"; do
			rm -rf "$dir/$kernel-$part" "$dir/$kernel-$part".{md,json,log}
			[[ $part == contention ]] || turn_of bench_part "$part" "$kernel"
		done
	done
	wait
	for kernel in "${kernels[@]}"; do
		[[ " ${parts[*]} " != *" contention "* ]] || bench_part contention "$kernel"
	done
}

# verdict: for each kernel what was aimed at.
verdict() {
	local kernel place=$dir/all-verdict

	rm -rf "$place" "$place".{md,json}
	mkdir -p "$place"
	for kernel in $(kernel_names '.*'); do
		[[ -z $(compgen -G "$dir/$kernel-*/medians") ]] ||
			awk -v kernel="$kernel" -f "$tree/selftests/bench-verdict.awk" \
				"$dir/$kernel"-*/medians >>"$place/rows"
	done
	kernel='' write_tables "What was aimed at" "$place"
}

# join_files NAME...: one report of all that is there.
join_files() {
	local name i=0

	for name; do
		cat "$name.md"
		echo
	done >"$dir/bench.md"
	{
		echo "["
		for name; do
			cat "$name.json"
			((++i == $#)) || echo ","
		done
		echo "]"
	} >"$dir/bench.json"
}

join() {
	local kernel part names=("$dir/all-verdict")

	verdict
	for part in "${order[@]}"; do
		for kernel in $(kernel_names '.*'); do
			[[ ! -s $dir/$kernel-$part.json ]] || names+=("$dir/$kernel-$part")
		done
	done
	((${#names[@]} > 1)) || die "nothing was measured"
	join_files "${names[@]}"
	"$tree/selftests/bench-plot.sh" "$dir"
}

# prepare: all that guests need, for each kernel.
prepare() {
	local kernel

	for kernel in "${kernels[@]}"; do
		say "Building for kernel $kernel ..."
		"$tree/selftests/build.sh" "$kernel"
		[[ -z $(chroot_line "peers-$kernel") ]] || "$tree/selftests/peers.sh" "$kernel"
	done
}

main() {
	local kernel kernels part parts failed='' dir=$tree/build/bench

	case ${1-} in
	-h | --help) usage; exit 0 ;;
	?*) misused "unknown argument $1" ;;
	esac
	read -ra kernels <<<"${KERNELS:-$(bench_kernels | paste -sd ' ')}"
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
	prepare
	trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
	bench_all
	join
	cat "$dir/bench.md"
	say "Written: $dir/bench.md, bench.json, *.svg"
	for kernel in "${kernels[@]}"; do
		for part in "${parts[@]}"; do
			[[ -s $dir/$kernel-$part.json ]] || { say "Failed: $kernel $part"; failed=1; }
		done
	done
	[[ -z $failed ]]
}

main "$@"
