#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Names that try to forge, reads that try to confuse, files that outlive the module.
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"
# shellcheck source=selftests/promises.sh
. "$SRC/selftests/promises.sh"

work=$(mktemp -d)

# survives FILE: opened, begun, the module gone, then read on.
survives() {
	local error

	load
	churn burst 1
	start_helper procread stale "/proc/mlock2mon/$1"
	[[ $helper_said = open ]] || return 1
	error=$(timeout 20 modload unload)
	ask_helper
	end_helper
	echo "unload: ${error:-no answer}, then read: $helper_said"
	[[ $error = 0 && $helper_said = EIO ]] && nothing_left
}

denied() {
	local said

	said=$(as_user cat "$1" 2>&1 >/dev/null)
	echo "$said"
	[[ $said = *"Permission denied"* ]]
}

cannot_write() {
	local file

	for file in /proc/mlock2mon/*; do
		! echo 1 2>/dev/null >"$file" || { echo "$file took it"; return 1; }
	done
}

# shows_no_address FILE: no hexadecimal number, nothing that looks like a pointer.
shows_no_address() {
	as_user cat "$1" >"$work/shown" || return 1
	[[ -s $work/shown ]] || return 1
	! grep -v ^load_id "$work/shown" | grep -nE '0x|(^|[^0-9a-z])ffff[0-9a-f]{8}'
}

plan 64

load
log_mark
relay 45 names
check "the kernel log is silent" log_silent

start_helper churn live 100
for file in tasks stats latency inflight; do
	check "$file reads the same with any buffer, from any place" procread same "/proc/mlock2mon/$file"
done
end_helper

churn tasks 8 >"$work/made" &
churn_pid=$!
start_helper churn live 30
check "tasks under churn: no row twice, none cut" procread rows /proc/mlock2mon/tasks 6
end_helper
wait "$churn_pid"
echo "# $(<"$work/made") tasks came and went"

check "tasks is not for everybody" denied /proc/mlock2mon/tasks
check "inflight is not for everybody" denied /proc/mlock2mon/inflight
check "stats is for everybody and shows no address" shows_no_address /proc/mlock2mon/stats
check "latency is for everybody and shows no address" shows_no_address /proc/mlock2mon/latency
check "files in /proc cannot be written" \
	cannot_write
check "the kernel log is silent" log_silent
unload
check "nothing is left" nothing_left

log_mark
for file in tasks stats latency inflight; do
	check "$file held open outlives the module: EIO, no crash" survives $file
done
check "the kernel log is clean" log_clean
load
check "loaded again, it works" churn burst 1
unload
