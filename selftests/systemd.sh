# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by tests after lib.sh: systemd, as the first process of a container in the guest,
# which shares all with it but the numbers of processes. $work is a directory for the test.
# shellcheck disable=SC2034 # used by the tests

work=$(mktemp -d -p /root)	# systemd tidies /tmp up when it starts

# start_systemd: it sees by the variable that it is in a container.
start_systemd() {
	unshare --pid --fork --kill-child --mount --mount-proc --propagation unchanged \
		env container=guest /lib/systemd/systemd --unit=basic.target --log-target=kmsg \
		</dev/null >"$work/systemd" 2>&1 &
	systemd=$!
	wait_until 90 control -q is-active basic.target timers.target
}

# inside COMMAND...: as part of that container.
inside() {
	nsenter --target "$(pgrep -P "$systemd")" --pid --mount "$@"
}

# control ARGUMENT...: of systemd, which listens to no others.
control() {
	inside systemctl --no-pager "$@"
}

# active UNIT
active() {
	wait_until 30 control -q is-active "$1" || { control status "$1"; return 1; }
}

# end_systemd: and all in the container with it.
end_systemd() {
	{ kill -KILL "$systemd"; wait "$systemd"; } 2>/dev/null
	rm -rf "$work"
}
