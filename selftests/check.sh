#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build for every kernel, check the sources, run all tests in guests, count.
set -euo pipefail
. "$(dirname "$0")/host.sh"

usage() {
	cat <<-END
	Usage: make check     [TESTS=PATTERN] [KERNELS="NAME ..."] [FLOOD_SECONDS=N]
	       make check-all [LEVEL=smoke] [MINUTES=N] [TESTS=...] [KERNELS=...] [...]
	Checks the sources (lint; make lint does that alone), fuzzes what user space compiles
	as well (fuzz), checks the model of the ring (model), what the module adds to calls
	(cost), the pictures of the command (page) and signatures (signing), builds and runs
	the unit tests and the tests in guests for each kernel of selftests/kernels. TESTS
	selects by a shell pattern that is matched against the names, with anything around it
	(lint, fuzz, model, cost, page, signing, packages, services, unit-*,
	selftests/tests/*); KERNELS by name. What installs, upgrades and purges packages for
	Debian (packages) takes some minutes and a mirror, and the services of others that
	cannot lock their memory (services) a Java machine, so they are part of make check-all,
	or of TESTS=packages and TESTS=services.
	FUZZ_SECONDS is how long each program fuzzes (5), FUZZ_SEED where it starts (1).
	FLOOD_SECONDS is how long 42-flood floods each ring (20, at most 60), CHAOS_SECONDS how
	long each half of 81-chaos takes (10; 30 on kernels that are built here, 300 with make
	check-all), CHAOS_SEED where it starts (1), SOAK_SECONDS how long 83-soak takes (20;
	1800 on the default kernel with make check-all). Logs: build/KERNEL/log. The last line
	is the sum.

	make check-all takes all kernels, two at a time, and ends with a table of them, which
	it leaves in build/check-all.md too. LEVEL=smoke: without the unit tests, and of those
	in guests only the ones that say "level: smoke", except on kernels that
	selftests/kernels marks full. MINUTES: what has not begun by then is not run, a test in
	a guest that has not ended 15 minutes later is not waited for, and the table says so.
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

# quick KERNEL: is the quick level meant, and this kernel one that goes by it?
quick() {
	[[ $level == smoke && $(kernel_when "$1") != full ]]
}

# time_left [SECONDS]: is so much left of the time that MINUTES gives, or anything? With a
# negative number, is it over for no longer than that?
time_left() {
	[[ ! $deadline ]] || ((EPOCHSECONDS + ${1:-0} < deadline))
}

# enough_time KERNEL: for it to begin; one that is built here may have to be built first.
enough_time() {
	local seconds=0

	[[ ! $(built_line "$1") ]] || seconds=1500
	time_left "$seconds"
}

# not_run KERNEL NAME...: told, and not counted.
not_run() {
	local kernel=$1
	shift

	printf '%-9s NOT RUN, the time is up: %s\n' "$kernel" "$*"
	printf '%s\tnot run\t%s\n' "$kernel" "$*" >>"$remarks"
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
	echo "$1 $2 $passed $failed $skipped" >>"$results"
	((failed == 0)) || verdict=FAILED
	printf '%-9s %-24s %6.1f s  %-6s %s%s%s%s\n' "$1" "$2" "$3" "$verdict" \
		"$passed passed" "$( ((failed == 0)) || echo ", $failed failed")" \
		"$( ((skipped == 0)) || echo ", $skipped skipped")" "${shown:+$'\n'$shown}"
	remark "$1" "$2" "$failed" "$4"
}

# remark KERNEL NAME FAILED TAP: what the table is to say of a test besides numbers.
remark() {
	(($3 == 0)) || printf '%s\tfailed\t%s\n' "$1" "$2"
	sed -n 's/^ok [0-9]* - \(.*\) # SKIP \(.*\)/\1: \2/p; s/^1\.\.0 # SKIP \(.*\)/all of it: \1/p' "$4" |
		awk -v kernel="$1" -v name="$2" '{ printf "%s\tskipped\t%s: %s\n", kernel, name, $0 }'
} >>"$remarks"

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

	! quick "$1" && ! is_arm64 "$1" || return 0
	for file in "$tree"/selftests/unit-*.c; do
		name=$(basename "$file" .c)
		if [[ ! -e $file ]] || ! wanted "$name"; then
			continue
		fi
		run_here "$1" "$name" "$tree/selftests/enter.sh" "$1" \
			env CMOCKA_MESSAGE_OUTPUT=TAP "build/$1/bin/$name" || true
	done
}

# lint: what can be said of the sources. What takes long and needs no guest yields to guests.
lint() {
	wanted lint || return 0
	run_here "$1" lint as_lint "$1" || true
	run_here "$1" lint-analysis nice "$tree/selftests/enter.sh" --root analysis "$1" \
		selftests/analysis.sh || true
}

# fuzz: what user space compiles as well.
fuzz() {
	wanted fuzz || return 0
	run_here "$1" fuzz nice env FUZZ_SEED="${FUZZ_SEED:-1}" \
		"$tree/selftests/fuzz.sh" "${FUZZ_SECONDS:-5}" || true
}

# model: the protocol of the ring, which is the same for every kernel.
model() {
	wanted model || return 0
	run_here "$1" model "$tree/selftests/enter.sh" "$1" selftests/model.sh || true
}

# page: the pictures of mlock2mon report, in a browser.
page() {
	wanted page || return 0
	run_here "$1" page "$tree/selftests/enter.sh" --root browser "$1" \
		selftests/page.sh || true
}

# signing: the module where signatures are wanted, in guests with firmware.
signing() {
	wanted signing || return 0
	run_here "$1" signing "$tree/selftests/signing.sh" "$1" || true
}

# packages: for Debian. They take long, and a kernel from the mirror.
packages() {
	wanted packages && [[ $all || ${TESTS-} ]] || return 0
	run_here "$1" packages nice "$tree/selftests/enter.sh" --root packages --copy "$1" \
		selftests/packages.sh || return 0
	run_here "$1" packages-guest guest_output "$tree/build/$1/packages-guest" --kernel "$1" \
		--root packages -- selftests/packages-guest.sh || true
}

# services: that cannot lock their memory, and what explain says of them.
services() {
	wanted services && [[ $all || ${TESTS-} ]] || return 0
	run_here "$1" services-build as_tap "what is a service compiles" \
		"$tree/selftests/enter.sh" --root packages "$1" selftests/services.sh || return 0
	run_here "$1" services guest_output "$tree/build/$1/services-guest" --kernel "$1" \
		--root packages --mem 2048 -- selftests/services-guest.sh || true
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

# is_smoke FILE: does this test say that it is one for every change?
is_smoke() {
	grep -q '^[#/ *]*level: smoke' "$1"
}

# tests KERNEL: those to run in its guests, unit tests too if they do not run here. At the
# quick level, for which time may not be enough, those of that level first.
tests() {
	local file later=() files=("$tree"/selftests/tests/*)

	! is_arm64 "$1" || files+=("$tree"/selftests/unit-*.c)
	for file in "${files[@]}"; do
		[[ -f $file && $file == *.@(sh|c) ]] || continue
		wanted "${file#"$tree/"}" || continue
		if [[ $level == smoke ]] && ! is_smoke "$file"; then
			quick "$1" || later+=("${file#"$tree/"}")
		else
			echo "${file#"$tree/"}"
		fi
	done
	((${#later[@]} == 0)) || printf '%s\n' "${later[@]}"
}

# report_finished KERNEL OUT NAME
report_finished() {
	local status seconds left

	read -r status seconds left <"$2/$3.end"
	report "$1" "$3" "$seconds" "$2/$3.tap" "$status" "$left"
}

# settings KERNEL: what its tests are told; they inherit nothing. A kernel that is built here
# is one that looks at what it does, and is slow.
settings() {
	local chaos=10 soak=20 factor=1

	if [[ $(built_line "$1") ]]; then
		factor=4 chaos=30 soak=60
		[[ ! $deep ]] || chaos=300
	elif [[ $deep && $1 == "$(default_kernel)" ]]; then
		soak=1800
	fi
	echo "FLOOD_SECONDS=${FLOOD_SECONDS:-20} LIMIT_FACTOR=$factor"
	echo "CHAOS_SECONDS=${CHAOS_SECONDS:-$chaos} CHAOS_SEED=${CHAOS_SEED:-1}"
	echo "SOAK_SECONDS=${SOAK_SECONDS:-$soak}"
}

# too_late TAP: to wait for a test that has begun; one that has failed already is waited for.
too_late() {
	! time_left -900 && ! grep -qs '^not ok' "$1"
}

# boot KERNEL OUT: a guest for the tests in $pending, or with $again for the first of them, its
# processors taking turns; takes those out that are done. False if nothing of it could be run.
boot() {
	local kernel=$1 out=$2 guest name status=0 names=("${pending[@]}") options=()

	rm -rf "$out"
	mkdir -p "$out"
	settings "$kernel" >"$out/settings"
	# Of memory for the largest max_tasks and ring_records.
	[[ $kernel != "$(default_kernel)" ]] || options+=(--mem 2560)
	[[ ! $again ]] || { names=("${pending[0]}"); options+=(--one-thread); }
	"$tree/selftests/guest.sh" --kernel "$kernel" --out "$out" --timeout 300 "${options[@]}" -- \
		selftests/guest-tests.sh "${names[@]}" >"$out/guest.log" 2>&1 </dev/null &
	guest=$!
	while ((${#pending[@]})); do
		name=${pending[0]##*/}
		while [[ ! -e $out/$name.end ]] && kill -0 "$guest" 2>/dev/null; do
			time_left || touch "$out/stop"
			! too_late "$out/$name.tap" || { kill "$guest"; return 1; }
			sleep 0.2
		done
		[[ -e $out/$name.end ]] || break
		report_finished "$kernel" "$out" "$name"
		pending=("${pending[@]:1}")
		again=
	done
	wait "$guest" || status=$?
	if ((${#pending[@]})) && [[ ! $again ]] && emulator_failed "$out"; then
		printf '%-9s %-24s the emulator failed; again, with processors that take turns\n' \
			"$kernel" "$name"
		again=1
		return 0
	elif ((${#pending[@]})) && [[ -e $out/$name.tap ]]; then
		again=
		report "$kernel" "$name" 0 "$out/$name.tap" 0 "$(<"$out/guest.log")"
		pending=("${pending[@]:1}")
	elif ((status)) && ! grep -qs 'kernel log' "$out"/*.end; then
		report "$kernel" "guest" 0 /dev/null 0 "$(<"$out/guest.log")"
	fi
	[[ -n $(compgen -G "$out/*.tap") ]]
}

guests() {
	local kernel=$1 pending number=0 again=''

	mapfile -t pending < <(tests "$kernel")
	while ((${#pending[@]})) && time_left; do
		boot "$kernel" "$tree/build/$kernel/log/boot-$((++number))" || break
	done
	time_left || ((${#pending[@]} == 0)) || not_run "$kernel" "${pending[@]##*/}"
}

# check_kernel KERNEL: all that is wanted of it; told how long that took.
check_kernel() {
	local kernel=$1 start=$EPOCHREALTIME

	trap end_jobs EXIT
	trap 'exit 1' INT TERM
	mkdir -p "$tree/build/$kernel/log"
	enough_time "$kernel" || { not_run "$kernel" everything; return 0; }
	# Before the build, which would not tell what takes so long.
	if "$tree/selftests/enter.sh" "$kernel" true; then
		check_built "$kernel"
	else
		report "$kernel" chroot 0 /dev/null 0 "it cannot be made"
	fi
	echo "$kernel $(seconds_since "$start")" >>"$times"
}

check_built() {
	local kernel=$1

	run_here "$kernel" build as_tap "builds without a warning" \
		"$tree/selftests/build.sh" "$kernel" || return 0
	[[ $kernel != "$(default_kernel)" ]] || check_once "$kernel" &
	units "$kernel"
	guests "$kernel"
	wait
}

# check_once KERNEL: what is checked with one kernel only.
check_once() {
	cost "$1"
	lint "$1"
	fuzz "$1"
	model "$1"
	page "$1"
	signing "$1"
	packages "$1"
	services "$1"
}

# end_jobs: what was started ends with the one that started it.
end_jobs() {
	# shellcheck disable=SC2046 # one process each
	kill $(jobs -p) 2>/dev/null || true
}

# check_kernels KERNEL...: two at a time, for each takes a processor.
check_kernels() {
	local kernel running=0

	for kernel; do
		((running < 2)) || wait -n || true
		((running == 2)) || ((++running))
		check_kernel "$kernel" &
	done
	wait
}

# table KERNEL...: what became of each.
table() {
	local kernel release

	echo "| kernel | release | passed | failed | skipped | time |"
	echo "|---|---|---:|---:|---:|---:|"
	for kernel; do
		release=
		[[ ! -s $tree/build/$kernel/release ]] || release=$(<"$tree/build/$kernel/release")
		awk -v kernel="$kernel" -v release="$release" '
			$1 != kernel { next }
			FILENAME == ARGV[1] { passed += $3; failed += $4; skipped += $5; run = 1; next }
			{ seconds = $2 }
			END {
				if (!run)
					printf "| %s | | not run | | | |\n", kernel
				else
					printf "| %s | %s | %d | %d | %d | %d:%02d |\n", kernel, release,
						passed, failed, skipped, seconds / 60, seconds % 60
			}' "$results" "$times"
	done
}

# tell_all KERNEL...: the table, and below it in its file what did not simply pass.
tell_all() {
	local kernel

	table "$@" | tee "$tree/build/check-all.md"
	for kernel; do
		awk -F '\t' -v kernel="$kernel" '
			$1 != kernel { next }
			!told { printf "\n%s\n\n", kernel; told = 1 }
			{ printf " * %s: %s\n", $2, $3 }' "$remarks"
	done >>"$tree/build/check-all.md"
}

# finish: the sum as the last line, and as the exit status.
finish() {
	awk '{ passed += $3; failed += $4; skipped += $5 }
		END {
			if (skipped)
				printf "%d skipped\n", skipped
			printf "%d passed, %d failed\n", passed, failed
			exit failed > 0 || passed == 0
		}' "$results"
}

# anything_wanted: a pattern that selects nothing must not look like success.
anything_wanted() {
	local file name

	for name in lint fuzz model cost page signing packages services; do
		! wanted $name || return 0
	done
	for file in "$tree"/selftests/unit-*.c "$tree"/selftests/tests/*; do
		file=${file#"$tree/"}
		! wanted "${file%.c}" || return 0
	done
	return 1
}

# limit_all: LEVEL and MINUTES are for make check-all only.
limit_all() {
	level=${LEVEL:-full}
	[[ $level == @(full|smoke) ]] || misused "LEVEL=$level: neither full nor smoke"
	[[ ${MINUTES:-1} =~ ^[0-9]+$ ]] || misused "MINUTES=$MINUTES: not a number"
	[[ $level != full ]] || deep=1
	[[ ! ${MINUTES-} ]] || deadline=$((EPOCHSECONDS + 10#$MINUTES * 60))
}

main() {
	local kernel kernels all=''

	case ${1-} in
	-h | --help) usage; exit 0 ;;
	--all) all=1 ;;
	?*) misused "unknown argument $1" ;;
	esac
	kernels=$(kernel_names)
	# Those that take longest first.
	[[ ! $all ]] || kernels=$(kernel_names full; kernel_names; kernel_names 'quick|all')
	read -ra kernels <<<"${KERNELS:-${kernels//$'\n'/ }}"
	for kernel in "${kernels[@]}"; do
		need_kernel "$kernel"
	done
	[[ ${FLOOD_SECONDS:-20} =~ ^[1-9][0-9]*$ ]] || misused "FLOOD_SECONDS=$FLOOD_SECONDS: not a number"
	[[ ${SOAK_SECONDS:-1} =~ ^[1-9][0-9]*$ ]] || misused "SOAK_SECONDS=$SOAK_SECONDS: not a number"
	[[ ${CHAOS_SECONDS:-1} =~ ^[1-9][0-9]*$ ]] || misused "CHAOS_SECONDS=$CHAOS_SECONDS: not a number"
	[[ ${CHAOS_SEED:-1} =~ ^[0-9]+$ ]] || misused "CHAOS_SEED=$CHAOS_SEED: not a number"
	[[ ! $all ]] || limit_all
	anything_wanted || misused "no test matches TESTS=$TESTS"
	need_root
	need_guest_tools
	results=$(mktemp) times=$(mktemp) remarks=$(mktemp)
	trap 'rm -f "$results" "$times" "$remarks"; end_jobs' EXIT
	trap 'exit 1' INT TERM
	check_kernels "${kernels[@]}"
	[[ ! $all ]] || tell_all "${kernels[@]}"
	finish
}

level=full deadline='' deep=''
shopt -s extglob
main "$@"
