#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The inside of `make demo`: real programs lock memory, then what the module saw.
set -eu

proc=/proc/mlock2mon

title() {
	printf '\n=== %s\n\n' "$*"
}

# run COMMAND...: as the user `user`, shown like at a prompt; it may fail.
run() {
	printf '$ %s\n' "$1"
	setpriv --reuid=user --regid=user --init-groups env HOME=/home/user USER=user \
		bash -c "cd; $1" || true
}

# stay COMM COMMAND: the same in the background, for it stays; until it has a row.
stay() {
	run "$2" &
	until awk -v comm="$1" '$4 == comm { seen = 1 } END { exit !seen }' "$proc/tasks"; do
		sleep 0.1
	done
}

programs() {
	title "Programs lock memory"
	run 'gpg --batch --quiet --passphrase "" --quick-generate-key demo@example.org ed25519'
	run 'echo text | gpg --batch --quiet --clearsign >signed && echo signed'
	run 'ulimit -l 16; echo text | gpg --batch --quiet --clearsign >signed2 && echo signed'
	stay gpg 'sleep 60 | gpg --batch --quiet --clearsign >signed3'
	stay onfault 'exec onfault 1024'
	run 'ulimit -l 64; onfault 1024'
	run 'stress-ng --quiet --mlock 1 --mlock-ops 3 --timeout 20'
}

# The rows as they are, but only the columns up to errno.
tasks() {
	awk '{
		line = ""
		for (i = 1; i <= 16; i++)
			line = line sprintf(i == 4 ? "%-15s " : "%*s ", i == 4 ? $i : width(i), $i)
		print line
	}
	function width(i) { return i > 11 ? 14 : i > 5 ? 9 : 6 }' "$proc/tasks"
}

# events COMMAND: those of one program, at most 12 and then the last.
events_of() {
	mlock2mon events --no-follow |
		awk -v comm="$1" 'NR == 1 || $3 == comm' |
		awk 'NR <= 13 { print; next } { last = $0; more++ }
			END { if (more > 1) printf "%8s  (%d more)\n", "...", more - 1; if (more) print last }'
}

results() {
	title "mlock2mon stat"
	mlock2mon stat
	title "$proc/stats, without what is 0"
	awk '$2 != "0"' "$proc/stats" | pr -2 -t -w 100 -l 40
	title "$proc/tasks, its first columns"
	tasks
	for program in gpg gpg-agent onfault stress-ng-mlock; do
		title "mlock2mon events: $program"
		events_of "$program"
	done
	title "The same on /dev/mlock2mon: failures of onfault and gpg"
	mlock2mon events --no-follow --raw | grep -E 'comm="(gpg|onfault)".* errno=E'
}

dmesg --console-off
insmod "$MODULE"
programs
results
title "The kernel log"
dmesg --notime | grep '^mlock2mon: version'
