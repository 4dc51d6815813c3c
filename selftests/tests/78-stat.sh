#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mlock2mon stat by groups, sorted, and again and again.
# timeout: 400
. "${SRC:?}/selftests/lib.sh"
. "$SRC/selftests/promises.sh"

work=$(mktemp -d)
group=/sys/fs/cgroup/thing

# tool ARGUMENT...: $status, $work/out and $work/err are what came of it.
tool() {
	status=0
	mlock2mon stat "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}

# rows: "first locked calls failed name" of each row.
rows() {
	awk 'NR > 1 { print $1, $2, $4, $5, $7 }' "$work/out"
}

# by GROUPING ARGUMENT...: its rows.
by() {
	tool --by "$@"
	rows
}

# pages_shown NUMBER: so many, or more, are there.
pages_shown() {
	[[ $(wc -l <"$work/out") -ge $1 ]]
}

# each_is_an_object: each line of the output.
each_is_an_object() {
	local lines

	lines=$(jsonlines <"$work/out" 2>&1) || { echo "$lines"; return 1; }
	[[ $lines -eq $(wc -l <"$work/out") ]]
}

plan 24
load
mkdir "$group" || bail "no cgroup"
start_helper bash -c "echo \$\$ >$group/cgroup.procs; exec act map 64 lock 0 8 unlock 0 1 lock 0 1 \
	fork name \$'a\e[31m' limit 16 user lock 0 4 over 3 4 1 say here read end"
one=$helper_pid
two=$(pgrep -P "$one")

is "$(by process)" "$one 32K 3 0 act"$'\n'"$two 16K 4 3 a\\x1b[31m" "by process: most locked memory first"
is "$(by process --sort failures)" "$two 16K 4 3 a\\x1b[31m"$'\n'"$one 32K 3 0 act" "... or most failures"
is "$(by process --sort calls | head -n 1)" "$two 16K 4 3 a\\x1b[31m" "... or most calls"
is "$(by process --sort pid | cut -d ' ' -f 1)" "$(printf '%s\n' "$one" "$two" | sort -n)" "... or by their numbers"
is "$(by process --sort command | cut -d ' ' -f 5)" "a\\x1b[31m"$'\n'act "... or names"
is "$(by user)" "1 32K 3 0 root"$'\n'"1 16K 4 3 user" "by user: names of users"
is "$(by cgroup)" "2 48K 7 3 /thing" "by cgroup: its path, and what its processes have in sum"
is "$(by command | tail -n 1)" "1 16K 4 3 a\\x1b[31m" "by command: a name does not reach a terminal as it is"
is "$(by task | cut -d ' ' -f 1 | sort)" "$(awk 'NR > 1 { print $2 }' /proc/mlock2mon/tasks | sort)" \
	"by task: a row for each of the module's"
tool --json --by user
check "--json is one object" each_is_an_object
check "... with a row for each user" grep -q \
	'"by":"user","rows":\[{"uid":0,"user":"root","processes":1,.*},{"uid":1000,"user":"user","processes":1,' "$work/out"
tool --json
check "without --by it has processes, as before" grep -q "\"processes\":\[{\"pid\":$one,\"uid\":0,\"comm\":\"act\"" "$work/out"

# Misused.
for wrong in --by=nothing --sort=nothing --watch=0 --watch=no; do
	tool $wrong
	is "$status" 2 "$wrong is misuse"
done

# Watched.
mlock2mon stat --json --watch=1 >"$work/out" 2>"$work/err" </dev/null &
watcher=$!
wait_until pages_shown 3 || bail "no page: $(<"$work/err")"
kill -INT "$watcher"
status=0
wait "$watcher" || status=$?
is "$status" 0 "--watch ends with SIGINT, and that is no failure"
check "... each page was an object" each_is_an_object
TERM=xterm script -qec "timeout -s INT 4 mlock2mon stat --by process --watch=1" /dev/null \
	</dev/null >"$work/out"
is "$(grep -c $'\e\[H\e\[J' "$work/out")" "$(grep -c 'PID *LOCKED' "$work/out")" \
	"on a terminal each page takes the place of the one before"
check "... and there are some" test "$(grep -c 'PID *LOCKED' "$work/out")" -ge 2
mlock2mon stat --watch=1 2>"$work/err" | head -n 1 >"$work/out"
is "${PIPESTATUS[0]} $(wc -l <"$work/out")" "1 1" "it ends when nobody reads"
end_helper
wait_until rmdir "$group"
tool --by cgroup
is "$status $(rows)" "0 " "who has left has no row"
mlock2mon stat --watch=1 >"$work/out" 2>"$work/err" </dev/null &
watcher=$!
wait_until test -s "$work/out" || bail "no page"
unload
status=0
wait "$watcher" || status=$?
is "$status" 1 "it ends when the module is unloaded"
check "... and says so" grep -q insmod "$work/err"
rm -rf "$work"
