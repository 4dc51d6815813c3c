#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build for every kernel, check the sources, run all tests in guests, count.
set -euo pipefail
. "$(dirname "$0")/host.sh"

usage() {
	cat <<-END
	Usage: make check [TESTS=PATTERN] [KERNELS="NAME ..."] [FLOOD_SECONDS=N]
	Checks the sources (lint), the model of the ring (model) and what the module adds to
	calls (cost), builds and runs the unit tests and the tests in guests for each kernel
	of selftests/kernels. TESTS selects by a shell pattern that is matched against the
	names, with anything around it (lint, model, cost, unit-*, selftests/tests/*);
	KERNELS by name. FLOOD_SECONDS is how
	long 42-flood floods each ring (20, at most 60). Logs: build/KERNEL/log. The last
	line is the sum.
	END
}

# wanted NAME: is it selected?
wanted() {
	# shellcheck disable=SC2254 # a pattern
	case $1 in
	*${TESTS:-}*) return 0 ;;
	esac
	return 1
}

seconds_since() {
	awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'
}

# report KERNEL NAME SECONDS TAP STATUS LEFT: one line, details if it failed.
report() {
	local passed failed skipped shown verdict=ok

	{
		read -r passed failed skipped
		shown=$(cat)
	} < <(awk -f "$tree/selftests/tap.awk" -v status="$5" -v left="$6" "$4")
	echo "$passed $failed $skipped" >>"$results"
	((failed == 0)) || verdict=FAILED
	printf '%-5s %-24s %6.1f s  %-6s %s%s%s%s\n' "$1" "$2" "$3" "$verdict" \
		"$passed passed" "$( ((failed == 0)) || echo ", $failed failed")" \
		"$( ((skipped == 0)) || echo ", $skipped skipped")" "${shown:+$'\n'$shown}"
}

# run_here KERNEL NAME COMMAND...: a command that prints TAP, on this side.
run_here() {
	local kernel=$1 name=$2 start=$EPOCHREALTIME status=0 tap
	shift 2

	tap=$tree/build/$kernel/log/$name.tap
	"$@" >"$tap" 2>&1 </dev/null || status=$?
	report "$kernel" "$name" "$(seconds_since "$start")" "$tap" "$status" ''
	return "$status"
}

# as_tap NAME COMMAND...: a command that prints no TAP, as one result.
as_tap() {
	local name=$1 log
	shift

	echo 1..1
	if log=$("$@" 2>&1); then
		echo "ok 1 - $name"
	else
		echo "not ok 1 - $name"
		tail -n 60 <<<"$log" | sed 's/^/# /'
		return 1
	fi
}

units() {
	local file name

	for file in "$tree"/selftests/unit-*.c; do
		name=$(basename "$file" .c)
		if [[ ! -e $file ]] || ! wanted "$name"; then
			continue
		fi
		run_here "$1" "$name" "$tree/selftests/enter.sh" "$1" \
			env CMOCKA_MESSAGE_OUTPUT=TAP "build/$1/bin/$name" || true
	done
}

lint() {
	wanted lint || return 0
	run_here "$1" lint as_lint "$1" || true
}

# model: the protocol of the ring, which is the same for every kernel.
model() {
	wanted model || return 0
	run_here "$1" model "$tree/selftests/enter.sh" "$1" selftests/model.sh || true
}

# cost: of calls, on one kernel.
cost() {
	wanted cost || return 0
	run_here "$1" cost "$tree/selftests/cost.sh" "$1" || true
}

as_lint() {
	"$tree/selftests/checkpatch.sh" "$tree/build/$1/checkpatch" &&
		"$tree/selftests/enter.sh" "$1" selftests/lint.sh
}

# tests: the names of those to run in guests.
tests() {
	local file

	for file in "$tree"/selftests/tests/*; do
		[[ -f $file && $file == *.@(sh|c) ]] || continue
		! wanted "selftests/tests/${file##*/}" || echo "selftests/tests/${file##*/}"
	done
}

# report_finished KERNEL OUT NAME
report_finished() {
	local status seconds left

	read -r status seconds left <"$2/$3.end"
	report "$1" "$3" "$seconds" "$2/$3.tap" "$status" "$left"
}

# boot KERNEL OUT: a guest for the tests in $pending; takes those out that are done.
# False if nothing of it could be run.
boot() {
	local kernel=$1 out=$2 guest name status=0

	rm -rf "$out"
	mkdir -p "$out"
	# What tests are told; they inherit nothing.
	echo "FLOOD_SECONDS=${FLOOD_SECONDS:-20}" >"$out/settings"
	"$tree/selftests/guest.sh" --kernel "$kernel" --out "$out" --timeout 180 -- \
		selftests/guest-tests.sh "${pending[@]}" >"$out/guest.log" 2>&1 </dev/null &
	guest=$!
	while ((${#pending[@]})); do
		name=${pending[0]##*/}
		while [[ ! -e $out/$name.end ]] && kill -0 "$guest" 2>/dev/null; do
			sleep 0.2
		done
		[[ -e $out/$name.end ]] || break
		report_finished "$kernel" "$out" "$name"
		pending=("${pending[@]:1}")
	done
	wait "$guest" || status=$?
	if ((${#pending[@]})) && [[ -e $out/$name.tap ]]; then
		report "$kernel" "$name" 0 "$out/$name.tap" 0 "$(<"$out/guest.log")"
		pending=("${pending[@]:1}")
	elif ((status)) && ! grep -qs 'kernel log' "$out"/*.end; then
		report "$kernel" "guest" 0 /dev/null 0 "$(<"$out/guest.log")"
	fi
	[[ -n $(compgen -G "$out/*.tap") ]]
}

guests() {
	local kernel=$1 pending number=0

	mapfile -t pending < <(tests)
	while ((${#pending[@]})); do
		boot "$kernel" "$tree/build/$kernel/log/boot-$((++number))" || break
	done
}

check_kernel() {
	local kernel=$1

	trap end_jobs EXIT
	trap 'exit 1' INT TERM
	run_here "$kernel" build as_tap "builds without a warning" \
		"$tree/selftests/build.sh" "$kernel" || return 0
	[[ $kernel != "$(default_kernel)" ]] || { cost "$kernel"; lint "$kernel"; model "$kernel"; } &
	units "$kernel"
	guests "$kernel"
	wait
}

# end_jobs: what was started ends with the one that started it.
end_jobs() {
	# shellcheck disable=SC2046 # one process each
	kill $(jobs -p) 2>/dev/null || true
}

# chroots KERNEL...: those that are missing, at the same time.
chroots() {
	local kernel pids=() pid

	for kernel; do
		"$tree/selftests/chroot.sh" "$kernel" >/dev/null &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || die "a chroot could not be made"
	done
}

# finish: the sum as the last line, and as the exit status.
finish() {
	awk '{ passed += $1; failed += $2; skipped += $3 }
		END {
			if (skipped)
				printf "%d skipped\n", skipped
			printf "%d passed, %d failed\n", passed, failed
			exit failed > 0 || passed == 0
		}' "$results"
}

# anything_wanted: a pattern that selects nothing must not look like success.
anything_wanted() {
	local file

	if wanted lint || wanted model || wanted cost; then
		return 0
	fi
	for file in "$tree"/selftests/unit-*.c "$tree"/selftests/tests/*; do
		file=${file#"$tree/"}
		! wanted "${file%.c}" || return 0
	done
	return 1
}

main() {
	local kernel kernels

	case ${1-} in
	-h | --help) usage; exit 0 ;;
	?*) misused "unknown argument $1" ;;
	esac
	read -ra kernels <<<"${KERNELS:-$(kernel_names | paste -sd ' ')}"
	for kernel in "${kernels[@]}"; do
		need_kernel "$kernel"
	done
	[[ ${FLOOD_SECONDS:-20} =~ ^[1-9][0-9]*$ ]] || misused "FLOOD_SECONDS=$FLOOD_SECONDS: not a number"
	anything_wanted || misused "no test matches TESTS=$TESTS"
	need_root
	need_guest_tools
	results=$(mktemp)
	trap 'rm -f "$results"; end_jobs' EXIT
	trap 'exit 1' INT TERM
	chroots "${kernels[@]}"
	for kernel in "${kernels[@]}"; do
		mkdir -p "$tree/build/$kernel/log"
		check_kernel "$kernel" &
	done
	wait
	finish
}

shopt -s extglob
main "$@"
