#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Services that cannot lock their memory, with systemd, in a guest whose root is the chroot
# `packages`: what mlock2mon explain advises, done to the letter, helps. And what reads its
# metrics is content with them.
. "${SRC:?}/selftests/lib.sh"
. "$SRC/selftests/systemd.sh"

# unit NAME LINE...: a service of these lines.
unit() {
	local name=$1
	shift

	printf '%s\n' '[Service]' "StandardOutput=append:$work/$name.log" \
		"StandardError=append:$work/$name.log" "$@" >"/etc/systemd/system/$name.service"
}

# main_pid NAME: of its process, as the guest numbers them.
main_pid() {
	cat "/sys/fs/cgroup/system.slice/$1.service/cgroup.procs"
}

# begins NAME PATTERN: it is started, and says so in its log.
begins() {
	: >"$work/$1.log"
	control start "$1.service"
	wait_until 120 grep -q "$2" "$work/$1.log" || { control status "$1"; cat "$work/$1.log"; return 1; }
}

# explains NAME TEXT...: what is said of it has each of these.
explains() {
	local said text name=$1
	shift

	mlock2mon explain "$(main_pid "$name")" >"$work/$name.said" || return
	said=$(tr -s ' \n' ' ' <"$work/$name.said")
	for text; do
		[[ $said == *"$text"* ]] || { echo "not there: $text"; cat "$work/$name.said"; return 1; }
	done
}

# obey NAME: the commands for the unit.
obey() {
	local commands

	commands=$(awk '/^    [^ ]/ { on = /^    The service/ } on && sub(/^        /, "")' "$work/$1.said")
	: >"$work/$1.log"
	[[ $commands ]] && inside bash -ec "$commands"
}

# locked NAME: it has something locked now.
locked() {
	grep -q '^VmLck:.*[1-9]' "/proc/$(main_pid "$1")/status"
}

failures() {
	awk '$1 ~ /\.failures$/ { n += $2 } END { print n + 0 }' "$stats"
}

# heals NAME: what was advised makes it lock, and no call fails.
heals() {
	local before

	before=$(failures)
	obey "$1" || return
	wait_until 120 locked "$1" || { control status "$1"; cat "$work/$1.log"; return 1; }
	[[ $(failures) -eq $before ]] || { echo "$(($(failures) - before)) calls failed"; return 1; }
}

# It is content with nothing, too.
please_promtool() {
	mlock2mon metrics --commands 5 >"$work/metrics" && grep -q '^mlock2mon_up 1$' "$work/metrics" &&
		promtool check metrics <"$work/metrics"
}

parse_openmetrics() {
	mlock2mon metrics --commands 5 --openmetrics >"$work/metrics" && python3 -c '
import sys
from prometheus_client.openmetrics.parser import text_fd_to_metric_families
names = [family.name for family in text_fd_to_metric_families(sys.stdin)]
sys.exit("mlock2mon_calls" not in names)' <"$work/metrics"
}

plan 10
start_systemd || bail "systemd: $(dmesg | tail -n 20)"
load related=1

unit heap User=user "ExecStart=/usr/bin/java -Xms64m -Xmx64m -cp /usr/share/java/jna.jar:$BUILD/services Heap"
check "a Java machine cannot lock its heap, and goes on" begins heap "^not locked: 12"
check "explain tells why" explains heap "mlockall failed with ENOMEM" "counts all that the process has mapped" \
	"/etc/systemd/system/heap.service.d/memlock.conf"
check "done as advised, it is locked" heals heap
check "... as it says itself" wait_until 60 grep -qx locked "$work/heap.log"

unit clock "CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_SETGID CAP_SETUID" \
	"ExecStart=/usr/sbin/chronyd -x -d lock_all 'port 0' 'cmdport 0' 'pidfile $work/clock.pid'"
check "chronyd with few capabilities does not even try" begins clock "setrlimit() failed"
check "explain tells why" explains clock "has made no call" "RLIMIT_MEMLOCK first" \
	"/etc/systemd/system/clock.service.d/memlock.conf"
check "done as advised, it is locked" heals clock
check "... and does not complain" test "$(grep -c setrlimit "$work/clock.log")" -eq 0

check "promtool has nothing against the metrics" please_promtool
check "OpenMetrics is what a parser of it reads" parse_openmetrics
control stop heap.service clock.service
unload
end_systemd
