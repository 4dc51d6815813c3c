#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Other forms of what `mlock2mon events` shows: CSV, Tracee's two dialects, colours.
# timeout: 300
. "${SRC:?}/selftests/lib.sh"
. "$SRC/selftests/promises.sh"

work=$(mktemp -d)
hex=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
group=/sys/fs/cgroup/docker-$hex.scope

# tool ARGUMENT...: run it; $status, $work/out and $work/err are what came of it.
tool() {
	status=0
	mlock2mon "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}

# said STATUS PATTERN: it ended so, and such a line is on stderr, or nothing.
said() {
	if [[ $status -eq $1 && -z $2 && ! -s $work/err ]]; then
		return 0
	fi
	[[ $status -eq $1 && $2 ]] && grep -q -- "$2" "$work/err" && return
	echo "status $status, err: $(<"$work/err")"
	return 1
}

names="seq ts call pid comm addr len flags ret errno dur_ns locked_kb limit_kb why short_kb"

# of_csv: those columns of the CSV in $work/out; for values without commas.
of_csv() {
	awk -F, -v names="$names" '
		NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; n = split(names, name, " "); next }
		{
			gsub(/"/, "")
			for (i = 1; i <= n; i++)
				printf "%s,", $column[name[i]]
			print ""
		}' "$work/out"
}

# of_lines: the same keys of the lines of the device.
of_lines() {
	awk -v names="$names" '
		BEGIN { n = split(names, name, " ") }
		{
			gsub(/"/, "")
			delete value
			for (i = 1; i <= NF; i++)
				value[substr($i, 1, index($i, "=") - 1)] = substr($i, index($i, "=") + 1)
			for (i = 1; i <= n; i++)
				printf "%s,", value[name[i]]
			print ""
		}' "$work/lines"
}

# calls: of the lines of the device those that Tracee has events of.
calls() {
	grep -E ' call=(mlock|mlock2|munlock|mlockall|munlockall) ' "$work/lines"
}

# field NAME: the values of a key, anywhere in the objects of $work/out.
field() {
	sed -n 's/.*"'"$1"'":"\{0,1\}\([^",}]*\).*/\1/p' "$work/out"
}

# on_terminal COMMAND: what it says there.
on_terminal() {
	TERM=xterm script -qec "$1" /dev/null </dev/null
}

plan 24

load collapse=0
provoke lock_unlock onfault bad_flags limit_exceeded hole_middle >/dev/null 2>"$work/err" ||
	bail "provoke: $(<"$work/err")"
act name actor map 1 lock 0 1 all 1 none >/dev/null || bail "act"
mlock2mon events -n --raw >"$work/lines"

# CSV
tool events -n --csv
check "events --csv succeeds" said 0 ""
is "$(($(wc -l <"$work/out") - 1))" "$(wc -l <"$work/lines")" "it has a head and a row for each record"
is "$(awk -F, '{ print NF }' "$work/out" | sort -u | wc -l)" 1 "each row has all columns"
is "$(of_csv)" "$(of_lines)" "columns are what the lines have"

# Tracee
tool events -n --tracee
check "events --tracee succeeds" said 0 "records are not shown: Tracee has no such event\|record is not shown"
is "$(jsonlines <"$work/out" 2>&1)" "$(calls | wc -l)" "it has an object for each call, and no other"
is "$(field name | head -n 1)" returnValue "the last datum is the result"
is "$(sed 's/.*"int64":"\([-0-9]*\)"}\]}$/\1/' "$work/out")" "$(calls | sed 's/.* ret=\([-0-9]*\) .*/\1/')" \
	"results are those of the lines"
is "$(field host_tid)" "$(calls | sed 's/.* tid=\([0-9]*\) .*/\1/')" "threads are those of the lines"
is "$(sed 's/^{"timestamp":"\([^"]*\)".*/\1/' "$work/out" | date -f - +%s |
	awk -v now="$(date +%s)" 'now - $1 > 300 || now < $1 { print } END { print NR }')" \
	"$(calls | wc -l)" "times are those of the clock on the wall"
tool events -n --tracee-legacy
check "events --tracee-legacy succeeds" said 0 "not shown"
is "$(jsonlines <"$work/out" 2>&1)" "$(calls | wc -l)" "it has an object for each call"
is "$(field returnValue)" "$(calls | sed 's/.* ret=\([-0-9]*\) .*/\1/')" "results are those of the lines"
case $(uname -m) in
aarch64) numbers=$'mlock2 284\nmlock 228\nmlockall 230\nmunlock 229\nmunlockall 231' ;;
*) numbers=$'mlock2 325\nmlock 149\nmlockall 151\nmunlock 150\nmunlockall 152' ;;
esac
is "$(paste -d ' ' <(field eventName) <(field eventId) | sort -u)" "$(sort <<<"$numbers")" \
	"ids are the numbers of the system calls here"
is "$(field hostName | sort -u) $(field timestamp | cut -c 1-8 | sort -u | wc -l)" "guest 1" \
	"it tells the host, and the time since 1970"
unload

# A process in a container, while it is alive.
load
mkdir "$group" || bail "no cgroup"
start_helper bash -c "echo \$\$ >$group/cgroup.procs; exec act map 1 lock 0 1 say here read"
tool events -n --tracee
is "$(grep -o '"container":{[^}]*}' "$work/out" | sort -u)" \
	"\"container\":{\"id\":\"$hex\",\"name\":\"\",\"started\":true}" "the container is told"
is "$(grep -o '"executable":{[^}]*}' "$work/out" | sort -u)" \
	"\"executable\":{\"path\":\"$(readlink "/proc/$helper_pid/exe")\"}" "... and the executable"
tool events -n --tracee-legacy
is "$(field cgroupId | sort -u)" "$(stat -c %i "$group")" "the cgroup is the one in which it was"
end_helper
wait_until rmdir "$group"
tool events -n --tracee
is "$(grep -c 'container\|executable' "$work/out")" 0 "a process that is gone has neither"

# Colours
as_user bash -c 'ulimit -l 0; onfault 64' >/dev/null 2>&1
tool events -n
is "$(grep -c $'\e' "$work/out")" 0 "no colours in a file"
tool events -n --color always
check "colours if asked for" grep -q $'\e\[31mE' "$work/out"
check "colours on a terminal" grep -q $'\e\[31mE' <(on_terminal "mlock2mon events -n")
is "$(on_terminal "NO_COLOR=1 mlock2mon events -n" | grep -c $'\e')" 0 "NO_COLOR is honoured"
is "$(on_terminal "mlock2mon events -n --color=never" | grep -c $'\e')" 0 "--color=never too"
unload
rm -rf "$work"
