#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mlock2mon explain: it tells the reason, and what it advises, done to the letter, helps.
# timeout: 500
. "${SRC:?}/selftests/lib.sh"

work=$(mktemp -d)
chmod 755 "$work"

# explain ARGUMENT...: what it says is in $work/out, flattened in $said.
explain() {
	status=0
	timeout 60 mlock2mon explain "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
	said=$(tr -s ' \n' ' ' <"$work/out")
}

# under KIB ARGUMENT...: the same of a command that is started under such a limit.
under() {
	local bytes=$(($1 * 1024))
	shift

	status=0
	prlimit "--memlock=$bytes:$bytes" timeout 60 mlock2mon explain -- "$@" \
		>"$work/out" 2>"$work/err" </dev/null || status=$?
	said=$(tr -s ' \n' ' ' <"$work/out")
}

# tells PROMISE TEXT...: what was said has each of these.
tells() {
	local promise=$1 text missing=
	shift

	for text; do
		[[ $said == *"$text"* ]] || missing+="not there: $text"$'\n'
	done
	if [[ -z $missing && $status -eq 0 ]]; then
		ok "$promise"
	else
		not_ok "$promise"
		note "$missing status $status: $(<"$work/out") $(<"$work/err")"
	fi
}

# advice PATTERN: the commands under the heading that matches.
advice() {
	awk -v heading="$1" '/^    [^ ]/ { on = $0 ~ heading } on && sub(/^        /, "")' "$work/out"
}

# apply PATTERN: as a root shell, to the letter.
apply() {
	local commands

	commands=$(advice "$1")
	[[ $commands ]] || { echo "no advice for $1 in: $(<"$work/out")"; return 1; }
	bash -ec "$commands" >"$work/applied" 2>&1 </dev/null || {
		echo "$commands: status $?: $(<"$work/applied")"
		return 1
	}
}

failures() {
	awk '$1 ~ /^[a-z0-9]+\.failures$/ { n += $2 } END { print n + 0 }' "$stats"
}

# heals PROMISE PATTERN COMMAND...: applied, the command succeeds and no call fails.
heals() {
	local promise=$1 pattern=$2 before problem=
	shift 2

	problem=$(apply "$pattern") || { not_ok "$promise"; note "$problem"; return; }
	before=$(failures)
	"$@" >"$work/again" 2>&1 </dev/null || problem="status $?: $(<"$work/again")"
	[[ $(failures) -eq $before ]] || problem+=" $(($(failures) - before)) calls failed"
	if [[ -z $problem ]]; then
		ok "$promise"
	else
		not_ok "$promise"
		note "$problem after: $(advice "$pattern")"
	fi
}

# reruns PROMISE PATTERN: what is advised is the command again: it succeeds, no call fails.
reruns() {
	local promise=$1 before problem=

	before=$(failures)
	problem=$(apply "$2") || { not_ok "$promise"; note "$problem"; return; }
	[[ $(failures) -eq $before ]] && { ok "$promise"; return; }
	not_ok "$promise"
	note "$(($(failures) - before)) calls failed after: $(advice "$2")"
}

fails() {
	! "$@"
}

as_nobody=(setpriv --reuid=user --regid=user --clear-groups)
# shortly SECONDS COMMAND...: a daemon, which must last so long.
shortly() {
	# shellcheck disable=SC2016 # expanded by that shell
	daemon=(bash -c 'timeout -s INT "$0" "$@"; (($? == 124))' "$@")
}
uncapable=(setpriv "--bounding-set=-ipc_lock,-sys_resource")

# settle_logins: in a root that was only unpacked they are not set up yet.
settle_logins() {
	[[ -e /etc/shadow ]] || pwconv || bail "no shadow passwords"
	[[ -e /etc/pam.d/common-auth ]] ||
		DEBIAN_FRONTEND=noninteractive pam-auth-update --package --force >"$work/pam" 2>&1 ||
		bail "$(<"$work/pam")"
}

plan 39
load related=1

explain
tells "nothing failed yet: says so" "No call has failed"

# gpg, of a login.
settle_logins
echo 'user - memlock 16' >/etc/security/limits.d/10-low.conf
explain -- su user -c 'gpg --list-keys'
tells "gpg under a login's limit: what was wanted, what there was" \
	"gpg (pid" "mlock of 64K failed with ENOMEM (once)" "is 16 KiB: it would be exceeded by 48 KiB"
tells "the limit of the shell is told to be another" \
	"The limit of this shell (ulimit -l) is" "this one had 16 KiB"
check "gpg warned" grep -q "insecure memory" "$work/err"
heals "limits.conf as advised: gpg locks its memory" "limits.conf" su user -c 'gpg --list-keys'
check "... and does not warn any more" fails grep "insecure memory" "$work/again"

# cyclictest, as root without the capabilities of root.
under 64 "${uncapable[@]}" cyclictest -m -l 1 -q
tells "cyclictest -m: all that is mapped counts" "mlockall failed with ENOMEM" \
	"mlockall(MCL_CURRENT) counts all" "although it ran as root" "its bounding set lacks it" \
	"give it no limit"
reruns "prlimit as advised: it locks its memory" "This command alone"

# memlockd and chronyd, as services without capabilities.
shortly 4 memlockd -d -u user
under 64 "${uncapable[@]}" "${daemon[@]}"
tells "memlockd: its mlockall fails, and it with it" "memlockd (pid" "mlockall failed with ENOMEM"
reruns "prlimit as advised: it locks its memory" "This command alone"
shortly 10 chronyd -x -d lock_all "port 0" "cmdport 0" "pidfile $work/chronyd.pid"
under 64 "${uncapable[@]}" "${daemon[@]}"
tells "chronyd: it does not come to a call, for its limit cannot be raised" "made no call" \
	"RLIMIT_MEMLOCK first, beyond the hard limit, which is 64 KiB"
check "... as it says itself" grep -q "setrlimit() failed" "$work/err"
before=$(stat_of mlockall.entries)
reruns "prlimit as advised: no call fails" "This command alone"
is "$(($(stat_of mlockall.entries) - before))" 1 "... and there is one"

# gpg, by the capability of its file.
under 16 "${as_nobody[@]}" env HOME=/home/user gpg --list-keys
tells "gpg: the capability of its file" "setcap cap_ipc_lock=ep /usr/bin/gpg"
heals "setcap as advised: gpg locks its memory" "whoever starts this program" \
	prlimit --memlock=16384:16384 "${as_nobody[@]}" env HOME=/home/user gpg --list-keys
setcap -r /usr/bin/gpg

# A service that is gone.
cp "$BIN/act" /usr/sbin/thingd
mkdir -p /etc/systemd/system
printf '[Service]\nExecStart=-/usr/sbin/thingd -x\n' >/etc/systemd/system/thingd.service
/usr/sbin/thingd map 64 limit 16 user over 1 0 16
explain
tells "of a service that is gone: its unit, by its program" "thingd (pid" "if it is this one" \
	"/etc/systemd/system/thingd.service.d/memlock.conf" "systemctl restart thingd.service"

# stress-ng.
under 64 "${as_nobody[@]}" stress-ng --quiet --temp-path /tmp --vm 1 --vm-bytes 1M --vm-locked --vm-ops 1 -t 10
tells "stress-ng --vm-locked: mmap(MAP_LOCKED) fails with EAGAIN" "mmap of" "failed with EAGAIN"
reruns "prlimit as advised: it fails no more" "This command alone"

# A capability that is granted and not effective.
cp "$BIN/act" "$work/capact"
setcap cap_ipc_lock=p "$work/capact"
under 64 "${as_nobody[@]}" "$work/capact" map 64 lock 0 32
tells "granted, but not effective: says so" "not effective" "cap_ipc_lock=ep"
heals "setcap as advised makes it effective" "whoever starts this program" \
	prlimit --memlock=65536:65536 "${as_nobody[@]}" "$work/capact" map 64 lock 0 32
# setpriv keeps capabilities until the program after it.
under 64 setpriv --no-new-privs "${as_nobody[@]}" env "$work/capact" map 64 lock 0 32
tells "no_new_privs makes that void: says so" "no_new_privs is set"
under 64 unshare -Ur act map 64 lock 0 32
tells "a capability in a user namespace only" "only in a user namespace of its own"
reruns "prlimit as advised helps there, too" "This command alone"

# One lock takes what the other needs.
under 64 "${as_nobody[@]}" act map 64 lock 0 12 over 3 12 8
tells "the budget was used up by another lock" "failed with ENOMEM (3 times)" \
	"It had 48 KiB locked already: 48 KiB by mlock2 at 0x40000000" "The request alone would fit" \
	"a limit of 128 KiB or more"

# Not the limit.
explain -- provoke hole_middle
tells "a hole, and half of it locked" "Not because of the limit" "is not mapped" "It was done by half"
is "$(grep -c memlock "$work/out")" 0 "... no limit is advised"
maps=$(sysctl -n vm.max_map_count)
sysctl -q -w vm.max_map_count=60
alternate=(act map 200)
for ((page = 0; page < 120; page += 2)); do
	alternate+=(lock "$page" 1)
done
explain -- "${alternate[@]}"
tells "too many mappings" "as many mappings as vm.max_map_count allows, 60"
heals "sysctl as advised: enough mappings" "sysctl" "${alternate[@]}"
sysctl -q -w "vm.max_map_count=$maps"
rm -f /etc/sysctl.d/90-max-map-count.conf

# MCL_FUTURE.
under 256 "${as_nobody[@]}" act all 2 map 256
tells "MCL_FUTURE lets a later mmap fail" "mmap of 1M failed with EAGAIN" \
	"mlockall(MCL_FUTURE) is in force" "there is no memory, although there is" "give it no limit"
reruns "prlimit as advised: it does not" "This command alone"

# What success costs.
explain -- act map 16384 lock 0 16384
tells "locking that waits for its pages" "mlock2 of 64M took" "16384 pages of 4 KiB"

# Processes that live, in a unit and in a container.
# in_cgroup PATH COMMAND...: run it there, until it says a line.
in_cgroup() {
	local group=/sys/fs/cgroup/$1
	shift

	mkdir -p "$group"
	coproc there { echo "$BASHPID" >"$group/cgroup.procs"; exec "$@" 2>&1; }
	there_pid=$!
	read -r -t 60 _ <&"${there[0]}" || bail "$*: says nothing"
}

in_cgroup system.slice/thing.service act map 4096 onfault 0 4096 say on read
explain $there_pid
tells "locked on fault: counts, but is not in memory" "locked on fault" "Of 16384 KiB in locked mappings, 0 KiB"
kill "$there_pid"
wait "$there_pid" 2>/dev/null

in_cgroup system.slice/thing.service act map 64 limit 16 user over 1 0 16 say on read lock 0 16
explain $there_pid
tells "a unit: its drop-in" "/etc/systemd/system/thing.service.d/memlock.conf" "LimitMEMLOCK=64K"
reruns "prlimit --pid as advised: the process can go on" "as it runs now"
echo go >&"${there[1]}"
status=0
wait "$there_pid" || status=$?
is "$status" 0 "... and locks what it could not"

id=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
in_cgroup "system.slice/docker-$id.scope" act map 64 limit 16 user over 1 0 16 say on read
explain $there_pid
tells "a container: docker run" "docker run --ulimit memlock=65536:65536"
kill "$there_pid"
wait "$there_pid" 2>/dev/null

# A number that another process has got.
act map 64 limit 16 user over 1 0 16 &
gone=$!
wait "$gone"
with_number "$gone" sleep 60 || bail "no process gets the number $gone"
explain "$gone"
tells "of the one that is gone: all that was" "act (pid $gone, user user)" "is 16 KiB"
is "$(grep -c "as it runs now\|/bin/sleep" "$work/out")" 0 "... and nothing of the other"
kill "$numbered"
unload
rm -rf "$work"
