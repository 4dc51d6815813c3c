#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mlock2mon doctor: what is wrong is told, with what mends it, and nothing else is.
# timeout: 400
. "${SRC:?}/selftests/lib.sh"

work=$(mktemp -d)
chmod 755 "$work"
root=$work/root

# doctor ARGUMENT...: $status, $work/out and $work/err are what came of it.
doctor() {
	status=0
	mlock2mon doctor "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}

# tells PROMISE STATUS PATTERN...: it ended so, and each of these is a line.
tells() {
	local promise=$1 wanted=$2 pattern missing=
	shift 2

	for pattern; do
		grep -q -- "$pattern" "$work/out" || missing+="not there: $pattern"$'\n'
	done
	if [[ -z $missing && $status -eq $wanted && ! -s $work/err ]]; then
		ok "$promise"
	else
		not_ok "$promise"
		note "$missing status $status: $(<"$work/out") $(<"$work/err")"
	fi
}

# advice SUBJECT: what stands below its problem.
advice() {
	awk -v subject="$1" 'on && /^ / { sub(/^ */, ""); print; exit }
		{ on = $1 == "problem" && $2 == subject }' "$work/out"
}

# heals SUBJECT: the command in its advice, done to the letter, leaves no problem.
heals() {
	local command

	command=$(advice "$1" | sed -n 's/^[^:]*: //p')
	[[ $command ]] || { echo "no advice in: $(<"$work/out")"; return 1; }
	bash -ec "$command" || return
	mlock2mon doctor >"$work/out" || { cat "$work/out"; return 1; }
}

# healthy: a root to look at in which all is well, but for what is changed then.
healthy_root() {
	local file

	rm -rf "$root"
	for file in /proc/mlock2mon/stats /proc/sys/kernel/osrelease /proc/sys/kernel/ftrace_enabled; do
		install -D -m 644 /dev/null "$root$file"
		cat "$file" >"$root$file"
	done
}

# put FILE TEXT: into the root.
put() {
	install -D -m 644 /dev/null "$root$1"
	echo "$2" >"$root$1"
}

plan 26
doctor
remedy="modprobe mlock2mon"
[[ -d /lib/modules/$(uname -r) ]] || remedy="Install the modules of the running kernel"
tells "not loaded: a problem, and what to do" 1 "^problem  module  *it is not loaded" "$remedy" \
	"^Something is wrong"
load
doctor
tells "loaded: all is well" 0 "^ok  *module  *it is loaded, load " "^ok  *version" \
	"^ok  *probes  *\([0-9]*\) of \1 are active" "^ok  *probes  *they fire" "^ok  *losses  *nothing" \
	"^ok  *device  *it can be read" "related=0" "^ok  *kernel  *$(uname -r)" "^Healthy\."
is "$(grep -cv '^ok \|^Healthy\|^$' "$work/out")" 0 "... and nothing else is said"
doctor --json
is "$(jsonlines <"$work/out" 2>&1)" 1 "--json is one object"
tells "... which says that all is well" 0 '"healthy":true}$' '"subject":"module","verdict":"ok"'
as_user mlock2mon doctor >"$work/out" 2>"$work/err"
status=$?
tells "a user is told what needs root, which is no problem" 0 "^warning  *device  *you may not open" "Be root"

# Probes that are switched off.
sysctl -q -w kernel.ftrace_enabled=0 2>/dev/null
refused=$?	# since Linux 7.3
doctor
if on_amd64 && ((!refused)); then
	tells "no ftrace: a problem" 1 "^problem  *probes  *they do not fire" "^problem  *ftrace .* is 0"
	check "... which what is advised heals" heals ftrace
else
	tells "no ftrace: all is well, for probes do not rest on it" 0 "^ok  *probes  *they fire" "^Healthy\."
	skip "... which what is advised heals" "there is nothing to heal"
	sysctl -q -w kernel.ftrace_enabled=1
fi
mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug
echo 0 >/sys/kernel/debug/kprobes/enabled
doctor
tells "no kprobes: a problem" 1 "^problem  *probes  *they do not fire" "^problem  *kprobes .* is 0"
check "... which what is advised heals" heals kprobes
unload

# Losses.
load max_tasks=16
act map 64 threads 40 lock 0 1 pause 300 end >/dev/null
doctor
tells "calls without an account: a warning, and the parameter" 0 \
	"^warning  *losses  *[0-9]* calls were made by tasks without an account" "larger max_tasks" "^Healthy\."
unload

# Another machine, from files.
load
healthy_root
put /proc/sys/kernel/osrelease 9.9.9-other
doctor --root "$root"
tells "the files of another machine are looked at" 0 "^ok  *module" "^ok  *kernel  *9\.9\.9-other"
sed -i 's/^version .*/version 9.9.9/' "$root/proc/mlock2mon/stats"
doctor --root "$root"
tells "another version: a warning" 0 "^warning  *version  .* the module is 9\.9\.9" "of one version"
healthy_root
sed -i '0,/^probe\.\([^ ]*\) active/s//probe.\1 inactive ENOENT/' "$root/proc/mlock2mon/stats"
doctor --root "$root"
tells "a probe that is not there: which, and why" 0 "^warning  *probe  *[^ ]* is not watched: inactive ENOENT" \
	"has no such function"
healthy_root
sed -i 's/^mlock2.missed .*/mlock2.missed 7/; s/^readers.lost .*/readers.lost 9/' "$root/proc/mlock2mon/stats"
doctor --root "$root"
tells "what was missed and lost: how much" 0 "^warning  *losses  *7 calls were missed" "larger maxactive" \
	"9 records were overwritten"
healthy_root
put /proc/mlock2mon/stats $'version \e]0;x\a'
doctor --root "$root"
tells "what it reads does not reach a terminal" 1 'x1b\]0;x.x07'
is "$(grep -c $'[\e\a]' "$work/out")" 0 "... as it is"
put /proc/mlock2mon/stats "no counters"$'\n'
doctor --root "$root"
tells "what is not understood: a problem" 1 "^problem  *module .* is not understood"
healthy_root
put /sys/kernel/security/lockdown "none integrity [confidentiality]"
put /sys/module/module/parameters/sig_enforce Y
doctor --root "$root"
tells "lockdown: what does not work" 0 "^warning  *lockdown  *confidentiality"
tells "signatures: that the module has one" 0 "^ok  *signing .* signed modules only"
rm "$root/proc/mlock2mon/stats"
doctor --root "$root"
tells "not loaded and signatures wanted: that it must be signed" 1 "^warning  *signing" "README, Secure Boot"
healthy_root
put /boot/config-9 "CONFIG_MODULES=y"
put /proc/sys/kernel/osrelease 9
doctor --root "$root"
tells "a kernel without what is needed: a problem for each" 1 "^problem  *kernel  *built without CONFIG_KPROBES:" \
	"^warning  *kernel  *built without CONFIG_UPROBES: libc="
rm -rf "$root"
mkdir "$root"
doctor --root "$root"
tells "no modules for the kernel: a problem" 1 "there are no modules for kernel"

# Ends.
status=0
mlock2mon doctor >/dev/full 2>"$work/err" || status=$?
is "$status" 1 "what cannot be written is a failure"
doctor --nothing
is "$status" 2 "an unknown option is misuse"
doctor one
is "$status" 2 "an argument, too"
unload
rm -rf "$work"
