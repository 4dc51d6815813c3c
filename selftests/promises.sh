# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by tests after lib.sh: what several of them hold the module to.
# shellcheck disable=SC2034 # used by the tests

# relay COUNT COMMAND ...: run a program that prints promises without numbers
# (promise.h), as results of this test. What it notes belongs to the next result.
relay() {
	local want=$1 seen=0 status=0 notes='' line said
	shift

	said=$(mktemp)
	"$@" >"$said" 2>"$said.err" || status=$?
	while IFS= read -r line; do
		case $line in
		'ok - '*) ok "${line#ok - }" ;;
		'not ok - '*) not_ok "${line#not ok - }" ;;
		*) notes+="$line"$'\n'; continue ;;
		esac
		printf %s "$notes"
		notes=
		seen=$((seen + 1))
	done <"$said"
	((status == 0 && seen == want)) ||
		bail "$1: $seen promises of $want, exit status $status: $(<"$said.err")"
	rm "$said" "$said.err"
}

# log_silent: the kernel said nothing at all since log_mark. log_clean: nothing bad.
log_silent() {
	local lines

	lines=$(log_since)
	[[ -z $lines ]] || { echo "$lines"; return 1; }
}

log_clean() {
	log_since | "$SRC/selftests/log-check.sh"
}

# complete CALL: entries = returns + in_flight + missed, and there were entries.
complete() {
	awk -v call="$1" '
		{ value[$1] = $2 }
		END {
			e = value[call ".entries"]; r = value[call ".returns"]
			f = value[call ".in_flight"]; m = value[call ".missed"]
			printf "%s: entries %d, returns %d, in flight %d, missed %d\n", call, e, r, f, m
			exit !(e > 0 && e == r + f + m)
		}' /proc/mlock2mon/stats
}

# unused: what is available, and the free pages that processors keep for themselves, which
# the kernel counts as neither free nor used: tens of MiB.
unused() {
	awk '/^MemAvailable:/ { kb += $2 }
		$1 == "count:" { kb += $2 * 4 }
		END { print kb }' /proc/meminfo /proc/zoneinfo
}

# records: the lines of all records kept, as a reader that never waits gets them.
records() {
	dd if=/dev/mlock2mon bs=65536 iflag=nonblock status=none 2>/dev/null
}

# call_records: of these the ones that are about calls.
call_records() {
	records | awk '$4 != "call=exit"'
}

# act_named WORD...: act does these, under a name that no other has, $actor.
act_named() {
	local said

	actor="actor$((++actor_number))"
	said=$(act name "$actor" "$@" 2>&1) || bail "act $*: $said"
}
actor=
actor_number=0

# areas_unnamed: vmalloc areas whose caller has no name; that of a module which is gone
# has none. Some modules are like that from the start.
areas_unnamed() {
	awk '$3 ~ /^0x/ { n++ } END { print n + 0 }' /proc/vmallocinfo
}
areas_before=$(areas_unnamed)

# nothing_left: no trace of the module in the kernel.
nothing_left() {
	local left=()

	[[ ! -e /dev/mlock2mon ]] || left+=("/dev/mlock2mon")
	[[ ! -e /proc/mlock2mon ]] || left+=("/proc/mlock2mon")
	[[ ! -e /sys/module/mlock2mon ]] || left+=("/sys/module/mlock2mon")
	! grep -q '\[mlock2mon\]' /sys/kernel/debug/kprobes/list || left+=("kprobes")
	(($(areas_unnamed) <= areas_before)) || left+=("vmalloc areas")
	! grep -q '^mlock2mon ' /proc/modules || left+=("the module")
	((${#left[@]} == 0)) || { echo "left: ${left[*]}"; return 1; }
}

# refused PARAMETER=VALUE ERRNO WORDS: not loaded, these WORDS are in what the log says
# of it, and nothing is left behind.
refused() {
	local error

	log_mark
	error=$(modload load "$MODULE" "$1")
	[[ $error != 0 ]] || modload unload >/dev/null
	[[ $error = "$2" ]] || { echo "errno $error, not $2"; return 1; }
	log_since | grep -F "mlock2mon: " | grep -qF -e "$3" ||
		{ echo "expected: $3"; log_since; return 1; }
	nothing_left
}

# start_helper COMMAND ...: a program that says a line and then waits for a line or the
# end of its input. What it said is in $helper_said, its process in $helper_pid.
start_helper() {
	helper_dir=$(mktemp -d)
	mkfifo "$helper_dir/in" "$helper_dir/out"
	"$@" <"$helper_dir/in" >"$helper_dir/out" 2>&1 &
	helper_pid=$!
	exec {helper_in}>"$helper_dir/in" {helper_out}<"$helper_dir/out"
	helper_said=
	read -r -t 60 helper_said <&"$helper_out" || bail "$*: says nothing"
}

# ask_helper: gives it a line, and waits for the one it says then.
ask_helper() {
	helper_said=
	echo >&"$helper_in"
	read -r -t 60 helper_said <&"$helper_out"
}

# end_helper: ends its input and waits for it.
end_helper() {
	exec {helper_in}>&- {helper_out}<&-
	wait "$helper_pid" 2>/dev/null
	rm -r "$helper_dir"
}
