#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measure what the module costs, in instructions, in a guest for every kernel.
set -euo pipefail
. "$(dirname "$0")/host.sh"

usage() {
	cat <<-END
	Usage: make bench [KERNELS="NAME ..."]
	Counts the instructions of calls without the module and with it, in guests for
	the kernels of selftests/kernels, one after the other, about a minute each.
	Prints a table for each. Tables and numbers: build/bench/KERNEL.md and .json.
	END
}

# report OUT FORMAT: what the guest left in OUT, as md or json.
report() {
	sort -k 4,4n "$1/samples" | awk -v format="$2" -f "$tree/selftests/bench.awk" "$1/subjects" -
}

bench_kernel() {
	local kernel=$1 dir=$tree/build/bench out

	out=$dir/$kernel
	say "Building for kernel $kernel ..."
	"$tree/selftests/build.sh" "$kernel"
	say "Measuring ..."
	rm -rf "$out" "$out.md" "$out.json"
	mkdir -p "$out"
	# Addresses that change from one start to the next change what a call has to do.
	"$tree/selftests/guest.sh" --kernel "$kernel" --out "$out" --icount --timeout 240 \
		--append "nokaslr norandmaps" -- selftests/bench-guest.sh
	report "$out" json >"$out.json"
	report "$out" md | tee "$out.md"
	echo
}

main() {
	local kernel kernels=()

	case ${1-} in
	-h | --help) usage; exit 0 ;;
	?*) misused "unknown argument $1" ;;
	esac
	for kernel in ${KERNELS:-$(kernel_names)}; do
		need_kernel "$kernel"
		kernels+=("$kernel")
	done
	need_root
	need_guest_tools
	for kernel in "${kernels[@]}"; do
		bench_kernel "$kernel"
	done
}

main "$@"
