#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mlock2mon run: the account of a command and its children, and nothing in their way.
. "${SRC:?}/selftests/lib.sh"

work=$(mktemp -d)

# run ARGUMENT...: $status, $work/out and $work/err are what came of it.
run() {
	status=0
	timeout 60 mlock2mon run "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}

# ended STATUS PROMISE
ended() {
	if [[ $status -eq $1 ]]; then
		ok "$2"
	else
		not_ok "$2"
		note "status $status: $(<"$work/out") $(<"$work/err")"
	fi
}

# calls_of CALL: "calls failed" in the table.
calls_of() {
	awk -v call="$1" '$NF == call && NF == 8 { print $5, $6 }' "$work/err"
}

fails() {
	! "$@"
}

plan 23

run true
ended 1 "without the module it fails, and does not run the command"
load

run sh -c 'exit 7'
ended 7 "the status is the command's"
run sh -c 'kill -KILL $$'
ended 137 "... or 128 and the signal"
run "$work/nothing"
ended 127 "a command that is not there: 127"
run "$work"
ended 126 "one that cannot be run: 126"
run
ended 2 "none is misuse"
check "... and says how to ask for help" grep -q "Try 'mlock2mon --help'" "$work/err"

run sh -c 'echo out; echo err >&2; act map 64 lock 0 8'
is "$(<"$work/out")" "out" "nothing mixes into standard output"
is "$(head -n 1 "$work/err")" "err" "the account comes behind what the command says"
is "$(calls_of mlock2)" "1 0" "a child's calls are counted"
run -o "$work/account" sh -c 'echo err >&2; act map 64 lock 0 8'
is "$(<"$work/err")" "err" "-o: nothing mixes into standard error"
check "... and the account is in the file" grep -q "100.00 .* mlock2$" "$work/account"

# Children of children whose parents make no call and are gone at once.
run sh -c 'for i in 1 2 3 4 5 6 7 8; do (sh -c "(act map 8 lock 0 1; :); :"; :); done; act map 8 lock 0 2 unlock 0 1'
is "$(calls_of mlock2) / $(calls_of munlock)" "9 0 / 1 0" "children of children are found, each"
is "$(grep -c ' act  *[0-9]*K ' "$work/err")" 9 "... a row each"

# Nobody else's, of which there are some before and after the command's own.
churn tasks 60 >/dev/null &
other=$!
run sh -c 'others() { set -- $(grep "^mlock2.returns" /proc/mlock2mon/stats); echo "$2"; }
	before=$(others); sleep 1; act map 8 lock 0 1; mine=$(others); sleep 1; after=$(others)
	echo "$((mine > before + 1)) $((after > mine))"'
kill "$other"
wait "$other"
is "$(<"$work/out") $(calls_of mlock2) $(grep -c churn "$work/err")" "1 1 1 0 0" "others' calls are not"

run --brief act map 64 limit 16 user lock 0 1 over 5 1 8
is "$(calls_of mlock2)" "6 5" "failures that share a record are counted each"
check "--brief leaves the explanation out" fails grep "What to change" "$work/err"
run act map 64 limit 16 user lock 0 1 over 5 1 8
check "it is there otherwise" grep -q "What to change: give it a limit of" "$work/err"

# Nor those of a process that has got the number of one of them since.
mkfifo "$work/go"
mlock2mon run -o "$work/account" sh -c 'act map 8 lock 0 1 & echo $!; wait; read x' \
	<>"$work/go" >"$work/out" 2>"$work/err" &
tool=$!
wait_until test -s "$work/out" || bail "the command does not start"
child=$(<"$work/out")
wait_until fails test -e "/proc/$child" || bail "the child does not end"
with_number "$child" act map 8 lock 0 2 unlock 0 1 || bail "no process gets the number $child"
wait "$numbered"
echo >"$work/go"
wait "$tool"
cp "$work/account" "$work/err"
is "$(calls_of mlock2) / $(calls_of munlock)" "1 0 / " "a number that has become another's is not the family's"

# Signals.
(trap '' HUP; mlock2mon run sh -c 'kill -HUP $$; echo alive' >"$work/out" 2>"$work/err" </dev/null)
is "$(<"$work/out")" alive "a signal that is ignored stays so for the command"
mlock2mon run sh -c 'trap "echo term; exit 5" TERM; echo on; while :; do sleep 0.1; done' \
	>"$work/out" 2>"$work/err" </dev/null &
tool=$!
wait_until grep -q on "$work/out" || bail "the command does not start"
kill -TERM "$tool"
status=0
wait "$tool" || status=$?
ended 5 "SIGTERM is passed on, and the command's answer to it back"
is "$(tail -n 1 "$work/out")" term "... it had it"
check "... and the account is written" grep -q "mlock2mon: sh took" "$work/err"
unload
rm -rf "$work"
