#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Fuzz what is compiled in user space, with libFuzzer under ASan and UBSan.
set -euo pipefail
. "$(dirname "$0")/host.sh"

usage() {
	cat <<-END
	Usage: selftests/fuzz.sh [SECONDS]
	Builds the programs selftests/fuzz-*.c that say "build: fuzz" with clang, in the chroot
	of analysis, and runs each for so long (5), in turn. Each begins with the lines of its
	.seeds, if any. FUZZ_SEED is what it makes random inputs from; if it is not set, one is
	taken at random. Prints TAP, and the seed. An input that breaks a program stays in
	build/KERNEL/fuzz, and so does the program, which tries it again when run with its name.
	END
}

# The sources that a program is linked with, beside its own.
declare -A linked=(
	[fuzz-libc]=format.c
	[fuzz-parse]="tools/choose.c tools/counters.c tools/event.c tools/record.c tools/text.c
		tools/libmlock2mon.c format.c"
)

# kernel_headers: empty ones, for what of the kernel's user space has none; see userkernel.h.
kernel_headers() {
	local header

	mkdir -p "$fuzz/include/linux"
	while read -r header; do
		: >"$fuzz/include/$header"
	done < <(sed -n 's/^#include <\(linux\/[a-z_]*\.h\)>.*/\1/p' ./*.[ch] | sort -u)
}

# seeds NAME: the corpus to begin with, a file for each line; \n and the like are as in printf.
seeds() {
	local line number=0

	rm -rf "$fuzz/$1.corpus"
	mkdir -p "$fuzz/$1.corpus"
	[[ -e selftests/$1.seeds ]] || return 0
	while IFS= read -r line; do
		[[ $line != \#* ]] || continue
		number=$((number + 1))
		printf %b "$line" >"$fuzz/$1.corpus/$number"
	done <"selftests/$1.seeds"
}

# The module's sources compare signed with unsigned, and leave parameters unused, as the
# kernel's do.
build_one() {
	# shellcheck disable=SC2086 # sources are words
	clang -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Wall -Wextra \
		-Werror -Wno-sign-compare -Wno-unused-parameter -I. -idirafter "$fuzz/include" \
		"selftests/$1.c" ${linked[$1]-} -o "$fuzz/$1"
}

# run_one NAME SECONDS: what programs say of wrong arguments goes nowhere.
run_one() {
	seeds "$1"
	"$fuzz/$1" -seed="$FUZZ_SEED" -max_total_time="$2" -max_len=1024 -timeout=25 -close_fd_mask=2 \
		-artifact_prefix="$fuzz/$1-" "$fuzz/$1.corpus" && grep -q '^Done [1-9]' "$fuzz/$1.log"
}

# explain NAME: why it failed; what broke it once more, with what it says itself.
explain() {
	local broken

	broken=$(sed -n 's/.*Test unit written to //p' "$fuzz/$1.log" | tail -n 1)
	if [[ $broken ]]; then
		echo "$broken"
		"$fuzz/$1" "$broken" 2>&1 | head -n 40
	else
		tail -n 40 "$fuzz/$1.log"
	fi
}

# inside SECONDS NAME...: in the chroot.
inside() {
	local seconds=$1 name number=0
	shift

	echo "1..$#"
	fuzz=$BUILD/fuzz
	kernel_headers
	for name; do
		if { build_one "$name" && run_one "$name" "$seconds"; } >"$fuzz/$name.log" 2>&1; then
			echo "ok $((++number)) - $name: no input breaks it"
		else
			echo "not ok $((++number)) - $name: no input breaks it"
			explain "$name" | sed 's/^/# /'
		fi
		echo "# $name: seed $FUZZ_SEED: $(grep -E '^Done ' "$fuzz/$name.log")," \
			"$(grep -oE 'cov: [0-9]+' "$fuzz/$name.log" | tail -n 1)"
	done
}

main() {
	local names kernel

	case ${1-} in
	-h | --help) usage; exit 0 ;;
	inside) shift; inside "$@"; exit ;;
	esac
	[[ ${1:-5} =~ ^[1-9][0-9]*$ ]] || misused "SECONDS is a number"
	kernel=$(default_kernel)
	mapfile -t names < <(cd "$tree/selftests" && grep -l '^/\* build: fuzz \*/' ./*.c |
		sed 's,^\./,,; s/\.c$//')
	exec "$tree/selftests/enter.sh" --root analysis "$kernel" \
		env FUZZ_SEED="${FUZZ_SEED:-$((RANDOM + 1))}" selftests/fuzz.sh inside "${1:-5}" "${names[@]}"
}

main "$@"
