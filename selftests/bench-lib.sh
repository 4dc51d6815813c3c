# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by the parts of the benchmark that run other watchers: what those need.
# shellcheck disable=SC2034 # used there

peers=$BUILD/peers

# need_command NAME [PEER]: or the reason why there is none, or why it cannot watch.
need_command() {
	[[ ! ${2-} || ! -s $peers/$2.error ]] || { cat "$peers/$2.error"; return 1; }
	[[ $(type -P "$1") ]] || { echo "$1 is not installed"; return 1; }
}

# family PID...: they and those that they started.
family() {
	local pid child

	for pid; do
		echo "$pid"
		for child in $(pgrep -P "$pid"); do
			family "$child"
		done
	done
}

# start_lttng DIR: a session that writes all system calls there, for mlock2 cannot be chosen: the
# table of LTTng has none.
start_lttng() {
	need_command lttng lttng || return
	if ! pidof lttng-sessiond >/dev/null; then
		mount --bind "$peers/lib/modules/$(uname -r)" "/lib/modules/$(uname -r)" &&
			modprobe -a lttng-tracer lttng-ring-buffer-metadata-{,mmap-}client \
				lttng-ring-buffer-client-{,mmap-}{discard,overwrite} &&
			lttng-sessiond --daemonize || return
	fi
	rm -rf "$1"
	lttng create bench --output "$1" &&
		lttng enable-channel --kernel --subbuf-size 4M --num-subbuf 4 calls &&
		lttng enable-event --kernel --syscall --all --channel calls && lttng start
}

# Of the event that LTTng writes when mlock2 returns.
lttng_exit='syscall_exit_(mlock2:|unknown: .*{ id = 325,)'

stop_lttng() {
	lttng stop && lttng destroy
}

# The kernel gives records to auditd; without it they would go to its log.
audit_heard() {
	auditctl -s | grep -qE '^pid [1-9]'
}

start_auditd() {
	need_command auditd || return
	rm -f /var/log/audit/audit.log
	mkdir -p /var/log/audit
	auditd && auditctl -D && auditctl -b 20000 &&
		auditctl -a always,exit -F arch=b64 -S mlock2
}

# Once there has been auditing, only a rule keeps new tasks from the slow way of system calls.
stop_auditd() {
	auditctl -D && auditctl -a never,task && auditctl -e 0 && kill "$(pidof auditd)"
}

# versions: what was measured, in one line.
versions() {
	echo "Linux $(uname -r)"
	{
		bpftrace --version
		perf --version
		trace-cmd --version | grep version
		strace --version | grep version
		lttng --version
		stap --version | grep version
		auditctl -v
	} 2>&1 | sed 's/^ *//'
}
