#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Programs that lock memory for a purpose, call for call as strace sees them, and those that
# stay, kilobyte for kilobyte as the kernel counts them.
# timeout: 900
. "${SRC:?}/selftests/lib.sh"
. "$SRC/selftests/witness.sh"

export GNUPGHOME=$scratch/gnupg HOME=$scratch
mkdir -m 700 "$GNUPGHOME"
printf 'lock_all\nport 0\ncmdport 0\npidfile %s\n' "$scratch/chronyd.pid" >"$scratch/chrony.conf"
truncate -s 20M "$scratch/volume"
printf '/bin/true\n+/bin/ls\n' >"$scratch/memlockd.cfg"

# all_calls: how many of the family there were.
all_calls() {
	awk '/^m(un)?lock(2|all)?\.entries / { n += $2 } END { print n + 0 }' "$stats"
}

# agree COMMAND...: it and its children, as strace and as the module see them, and all that were
# before. What the command itself comes to is its own affair, but it must make $least calls.
agree() {
	local before

	before=$(all_calls)
	strace -ff -o "$scratch/seen" -X raw -e "trace=$(IFS=,; echo "${calls[*]}")" \
		timeout -s INT 120 "$@" >"$scratch/said" 2>&1 </dev/null
	drain "$scratch/events"
	of_calls "$scratch/events" >"$scratch/events.calls"
	(($(all_calls) >= before + ${least:-1})) ||
		{ echo "$(($(all_calls) - before)) calls"; tail -n 5 "$scratch/said"; return 1; }
	testify strace "$scratch/witness" "$scratch"/seen.*
	testify events "$scratch/module" "$scratch/events"
	same "$scratch/witness" "$scratch/module"
}

stress=(stress-ng --quiet --temp-path "$scratch" --timeout 60)

# stressed STRESSOR OPERATIONS [OPTION ...]: it makes a call when it starts, the stressor more.
stressed() {
	least=10 agree "${stress[@]}" "--$1" 1 "--$1-ops" "$2" "${@:3}"
}

# many_agree: by processes with a limit, for they take all that there is, and are killed while
# they do. strace does not see how that ends, nor whether the call was begun at all.
many_agree() {
	local few=() before seen ended made

	! stress-ng --help 2>&1 | grep -q -e --mlockmany-procs || few=(--mlockmany-procs 2)
	before=$(all_calls)
	strace -ff -o "$scratch/many" -e "trace=$(IFS=,; echo "${calls[*]}")" \
		prlimit --memlock=4194304 setpriv --reuid=user --regid=user --clear-groups \
		stress-ng --quiet --temp-path /tmp --timeout 5 --pathological --mlockmany 1 "${few[@]}" \
		>"$scratch/said" 2>&1 </dev/null
	seen=$(cat "$scratch"/many.* | grep -c '^m[a-z0-9]*(')
	ended=$(cat "$scratch"/many.* | grep -c '^m[a-z0-9]*(.*) *= [-0-9]')
	made=$(($(all_calls) - before))
	((ended >= 5 && ended <= made && made <= seen)) && return
	echo "strace saw $seen calls, of which $ended ended, the module $made"
	return 1
}

# maps_agree COMMAND...: mappings that are to be locked, as strace and as the module see them.
maps_agree() {
	strace -ff -o "$scratch/maps" -X raw -e trace=mmap timeout -s INT 120 "$@" \
		>"$scratch/said" 2>&1 </dev/null
	# MAP_LOCKED is 0x2000.
	cat "$scratch"/maps.* | awk -F '[(,)]' '$5 ~ /^ 0x[0-9a-f]*[2367abef][0-9a-f][0-9a-f][0-9a-f]$/ {
		print $3 + 0, $NF ~ /= 0x/ ? "ok" : "failed" }' | sort >"$scratch/witness"
	drain "$scratch/events"
	grep ' call=mmap .* flags=[^ ]*LOCKED' "$scratch/events" | sed 's/.* len=\([0-9]*\) .* ret=\(-\{0,1\}\).*/\1 \2/
		s/ -$/ failed/; s/ $/ ok/' | sort >"$scratch/module"
	same "$scratch/witness" "$scratch/module"
}

# kernels_own NAME: a test that comes with the kernel, two promises: it passes, and is agreed on.
kernels_own() {
	if ! command -v "$1" >/dev/null; then
		skip "$1 of the kernel" "not built: the kernel's sources are not installed"
		skip "... and it passes" "likewise"
		return
	fi
	check "$1 of the kernel" agree "$1"
	check "... and it passes" grep -q '^# Totals: pass:[1-9][0-9]* fail:0 ' "$scratch/said"
}

# row PID KEY: of the process in tasks.
row() {
	awk -v pid="$1" -v key="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == key) at = i; next }
		$1 == pid { print $at }' /proc/mlock2mon/tasks | sort -rn | head -n 1
}

# vmlck PID
vmlck() {
	awk '$1 == "VmLck:" { print $2 }' "/proc/$1/status"
}

# locks PID: it has locked something, and is done with it.
locks() {
	local before

	before=$(vmlck "$1") && ((before > 0)) && sleep 0.5 && [[ $(vmlck "$1") == "$before" ]]
}

# holds COMMAND...: a program that goes on; what it has locked is what tasks says.
holds() {
	local pid kb said status=0

	"$@" >"$scratch/said" 2>&1 </dev/null &
	pid=$!
	wait_until 60 locks "$pid" || { echo "it locks nothing"; cat "$scratch/said"; kill -9 "$pid"; return 1; }
	kb=$(vmlck "$pid") said=$(row "$pid" locked_kb)
	[[ $kb == "$said" ]] || { echo "VmLck $kb, locked_kb $said"; status=1; }
	kill "$pid"
	wait "$pid"
	return $status
}

plan 17
load collapse=0 ring_records=262144
check "gpg" agree gpg --batch --list-keys
check "gpg, which may lock less than it wants" agree prlimit --memlock=16384 setpriv \
	--reuid=user --regid=user --clear-groups env HOME=/tmp GNUPGHOME=/tmp gpg --batch --list-keys
check "cryptsetup" agree cryptsetup luksFormat --batch-mode --pbkdf pbkdf2 \
	--pbkdf-force-iterations 1000 --key-file "$scratch/memlockd.cfg" "$scratch/volume"
check "cyclictest -m" agree cyclictest -q -m -l 50 -i 10000
check "stress-ng: mlock" stressed mlock 40
check "stress-ng: mremap, locked" stressed mremap 4 --mremap-mlock
kernels_own mlock2-tests
kernels_own mlock-random-test
check "chronyd with lock_all" holds chronyd -x -d -f "$scratch/chrony.conf"
check "memlockd" holds memlockd -d -u user -c "$scratch/memlockd.cfg"
check "cyclictest -m, which stays" holds cyclictest -q -m -l 100000 -i 100000
check "stress-ng: mlockmany" many_agree
check "stats know of no call that was missed" test "$(awk '/\.missed / { n += $2 } END { print n + 0 }' "$stats")" -eq 0
unload

load related=1 collapse=0 ring_records=262144
check "stress-ng: mmap, locked" maps_agree "${stress[@]}" --mmap 1 --mmap-ops 40 --mmap-bytes 128K
check "stress-ng: vm, locked" maps_agree "${stress[@]}" --vm 1 --vm-ops 2 --vm-bytes 1M --vm-locked
unload
