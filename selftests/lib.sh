# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by the shell tests: . "$SRC/selftests/lib.sh"
#
# A test prints TAP: plan N, then one result per promise. It finds the module
# not loaded and leaves it so. What cannot be set up is no broken promise: bail.
# shellcheck disable=SC2034 # used by the tests

set -u

stats=/proc/mlock2mon/stats
tap_number=0
log_place=

# plan N
plan() {
	echo "1..$1"
}

# ok PROMISE, not_ok PROMISE, skip PROMISE REASON
ok() {
	echo "ok $((++tap_number)) - $1"
}

not_ok() {
	echo "not ok $((++tap_number)) - $1"
}

skip() {
	echo "ok $((++tap_number)) - $1 # SKIP $2"
}

# Kernels for debugging add code to every function: sizes and times say nothing there.
is_debug() {
	grep -qE ' (kasan_report|__gcov_init|lock_acquire)$' /proc/kallsyms
}

# on_amd64: where there is int 0x80, and where probes rest on ftrace.
on_amd64() {
	[[ $(uname -m) == x86_64 ]]
}

# switch_probes 0|1: all of the machine, off by what they rest on where that can be had: not
# on arm64, and not since Linux 7.3.
switch_probes() {
	local rest=/proc/sys/kernel/ftrace_enabled switch=/sys/kernel/debug/kprobes/enabled

	if ! on_amd64 || ! { echo "$1" >$rest; } 2>/dev/null || (($1)); then
		echo "$1" >$switch
	fi
}

# bail REASON: the test cannot be carried on.
bail() {
	echo "Bail out! $1"
	exit 1
}

# note TEXT: a diagnostic; every line of it.
note() {
	printf '%s\n' "$1" | sed 's/^/# /'
}

# check PROMISE COMMAND...: ok if the command succeeds; what it says is a diagnostic.
check() {
	local promise=$1 said
	shift

	if said=$("$@" 2>&1); then
		ok "$promise"
	else
		not_ok "$promise"
		note "$* failed: $said"
	fi
}

# check_each TABLE [COMMAND ...]: each line of TABLE, a command and its promise; with
# further arguments those of these commands only.
check_each() {
	local command promise table only
	only=" ${*:2} "

	table=$(while read -r command promise; do
		[[ ! $command || ($# -gt 1 && $only != *" $command "*) ]] || echo "$command $promise"
	done <<<"$1")
	plan "$(grep -c . <<<"$table")"
	while read -r command promise <&3; do
		check "$promise" "$command"
	done 3<<<"$table"
}

# is ACTUAL EXPECTED PROMISE: ok if both texts are the same, to the byte.
is() {
	if [[ $1 == "$2" ]]; then
		ok "$3"
	else
		not_ok "$3"
		note "$(diff -U 2 --label expected --label actual <(echo "$2") <(echo "$1") | head -n 40)"
	fi
}

# load [PARAMETER=VALUE ...]: the module must load.
load() {
	local said

	said=$(insmod "$MODULE" "$@" 2>&1) || bail "insmod mlock2mon.ko $*: $said"
}

# unload: the module must go.
unload() {
	local said

	said=$(rmmod mlock2mon 2>&1) || bail "rmmod: $said"
}

# stat_of KEY: its value in /proc/mlock2mon/stats, 0 if it is not there, since
# counters of errors and reasons are left out while they are zero.
stat_of() {
	awk -v key="$1" '$1 == key { value = $2 } END { print value == "" ? 0 : value }' "$stats"
}

# wait_until SECONDS COMMAND...: until the command succeeds; fails if it never does.
# Its first argument may be left out, and is 10 then.
wait_until() {
	local limit=10 deadline

	[[ ! $1 =~ ^[0-9]+$ ]] || { limit=$1; shift; }
	deadline=$((SECONDS + limit))
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || return 1
		sleep 0.05
	done
}

# log_mark: remember this place in the kernel log; log_since: the messages after
# it, without time stamps.
log_mark() {
	log_place="mark $BASHPID $RANDOM$RANDOM"
	echo "$log_place" >/dev/kmsg
}

log_since() {
	dmesg --notime | sed "1,/^$log_place\$/d"
}

# as_user COMMAND...: run it as the unprivileged user.
as_user() {
	setpriv --reuid=user --regid=user --clear-groups "$@"
}

# with_number PID COMMAND...: start it as that process, behind us. $numbered: its number.
with_number() {
	local wanted=$1 try
	shift

	for ((try = 0; try < 20; try++)); do
		echo $((wanted - 1)) >/proc/sys/kernel/ns_last_pid
		"$@" &
		numbered=$!
		[[ $numbered -ne $wanted ]] || return 0
		kill "$numbered"
		wait "$numbered" || true
	done
	return 1
}
