#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The mlock2mon command: what it shows is what the module says, and how it ends.
# timeout: 400
. "${SRC:?}/selftests/lib.sh"

work=$(mktemp -d)
device=/dev/mlock2mon
cases=(lock_unlock odd_range onfault bad_flags limit_exceeded no_permission limit_none
	hole_middle)

# tool ARGUMENT...: run it; $status, $work/out and $work/err are what came of it.
tool() {
	status=0
	mlock2mon "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}

# said STATUS PATTERN FILE: it ended so, and such a line is in out or err.
said() {
	[[ $status -eq $1 ]] && grep -q -- "$2" "$work/$3" && return
	echo "status $status, out: $(head -n 3 "$work/out") err: $(<"$work/err")"
	return 1
}

# quiet STATUS: it ended so, and said nothing on stderr.
quiet() {
	[[ $status -eq $1 && ! -s $work/err ]] && return
	echo "status $status, err: $(<"$work/err")"
	return 1
}

# device_lines: the lines of the device that there are now.
device_lines() {
	dd if=$device bs=65536 iflag=nonblock status=none 2>/dev/null
}

# as_lines: what --json says, as the device says it; for names without escapes.
as_lines() {
	sed -e 's/^{//; s/}$//; s/^"\([a-z_]*\)":/\1=/; s/,"\([a-z_]*\)":/ \1=/g' \
		-e 's/=true\>/=1/g; s/=false\>/=0/g; s/=null\>/=unlimited/g' \
		-e 's/="\([^"]*\)"/=\1/g; s/ comm=\([^ ]*\)/ comm="\1"/' \
		-e 's/ first=\([0-9]*\) last=/ seq=\1../'
}

# promised: what the workload says must be seen. shown: what --json shows of it.
promised() {
	sed -n 's/^see //p' "$work/provoke"
}

shown() {
	local names

	names=$(printf '%s\\|' "${cases[@]}")
	as_lines <"$work/out" | grep " comm=\"\(${names%\\|}\)\" " | grep -v ' call=exit ' |
		sed 's/^seq=[0-9]* ts=[0-9.]* cpu=[0-9]* //; s/ dur_ns=[0-9]*//'
}

# jsonlines_at_least NUMBER: so many objects, and nothing else.
jsonlines_at_least() {
	local lines

	lines=$(jsonlines <"$work/out") && ((lines >= $1))
}

# flat: the object of stat --json, its processes left out, as lines "key value".
flat() {
	awk '{
		sub(/,"processes":.*/, "}")
		while (length($0)) {
			if (match($0, /^"[^"]*":/)) {
				key[depth] = substr($0, 2, RLENGTH - 3)
			} else if (match($0, /^"[^"]*"/) || match($0, /^[^",{}]+/)) {
				path = key[1]
				for (i = 2; i <= depth; i++)
					path = path "." key[i]
				value = substr($0, 1, RLENGTH)
				gsub(/"/, "", value)
				print path, value
			} else {
				match($0, /^./)
				depth += (substr($0, 1, 1) == "{") - (substr($0, 1, 1) == "}")
			}
			$0 = substr($0, RLENGTH + 1)
		}
	}' "$work/out"
}

# call_rows: calls, failures, in flight and missed of every call, from stats.
call_rows() {
	awk 'split($1, k, ".") == 2 { v[$1] = $2 }
		$1 ~ /\.entries$/ { call[++n] = k[1] }
		END {
			for (i = 1; i <= n; i++)
				print call[i], v[call[i] ".entries"], v[call[i] ".failures"],
					v[call[i] ".in_flight"], v[call[i] ".missed"]
		}' "$stats"
}

# follow ARGUMENT...: have it run behind us.
follow() {
	mlock2mon "$@" >"$work/out" 2>"$work/err" </dev/null &
	follower=$!
}

# has_lines NUMBER
has_lines() {
	[[ $(wc -l <"$work/out") -ge $1 ]]
}

# end_with SIGNAL: sets $status.
end_with() {
	kill -"$1" "$follower"
	status=0
	wait "$follower" || status=$?
}

# in_time: the next call is shown within a second of its end.
in_time() {
	local before end
	before=$(wc -l <"$work/out")
	churn burst 1 >/dev/null
	end=$((${EPOCHREALTIME/./} + 1000000))
	until has_lines $((before + 1)); do
		((${EPOCHREALTIME/./} < end)) || return 1
		sleep 0.01
	done
}

plan 74

tool events
check "not loaded: events fails and says how to load" said 1 insmod err
tool stat
check "not loaded: stat fails and says how to load" said 1 insmod err

load
tool events --no-follow --json
check "nothing happened yet: no event" quiet 0
is "$(<"$work/out")" "" "... and no output"
provoke "${cases[@]}" >"$work/provoke" 2>"$work/err" || bail "provoke: $(<"$work/err")"
[[ -n $(promised) ]] || bail "provoke promises nothing"
mix -n 40 >/dev/null 2>"$work/err" || bail "mix: $(<"$work/err")"
device_lines >"$work/lines"

tool events --no-follow --json
check "events --json succeeds, and nothing was lost" quiet 0
cp "$work/out" "$work/json"
is "$(shown)" "$(promised)" "--json shows each call of the workload as the workload says it was"
is "$(jsonlines <"$work/json" 2>&1)" "$(wc -l <"$work/lines")" \
	"--json gives one strictly valid object for each record"
is "$(as_lines <"$work/json")" "$(<"$work/lines")" "--json leaves out and changes nothing"
tool events --no-follow --raw
check "events --raw succeeds" quiet 0
check "--raw gives the lines of the device, to the byte" cmp "$work/out" "$work/lines"
tool events -n
check "events succeeds" quiet 0
is "$(sed 1d "$work/out" | awk '{ print $1 }')" \
	"$(sed 's/^seq=\([0-9]*\) .*/\1/' "$work/lines")" "text has a line for each record"
check "text tells the reason of a failure with its numbers" grep -q \
	'ENOMEM .* over RLIMIT_MEMLOCK by [0-9]* KiB (locked [0-9]* KiB, limit [0-9]* KiB, no CAP' \
	"$work/out"
is "$(grep -c '	' "$work/out")" 0 "text is aligned with blanks"

last=$(wc -l <"$work/lines")
tool events -n --raw --since $((last - 4))
is "$(<"$work/out")" "$(tail -n 5 "$work/lines")" "--since SEQ begins with that record"
tool events -n --raw --since 0
check "--since 0 begins with the oldest" cmp "$work/out" "$work/lines"
tool events -n --raw --since $((last + 1))
is "$status $(cat "$work/out" "$work/err")" "0 " "--since the next record shows nothing yet"
tool events -n --since $((last + 2))
check "--since a record far ahead fails and tells the next" said 1 "will be $((last + 1))" err
tool events -n --from-end --json
is "$status $(cat "$work/out" "$work/err")" "0 " "--from-end leaves the history out"

# stat
tool stat --json
is "$(jsonlines <"$work/out" 2>&1)" 1 "stat --json is one strictly valid object"
is "$(flat | sort)" "$(sort "$stats")" "stat --json has each counter of stats and no other"
tool stat
check "stat succeeds" quiet 0
is "$(awk '/^$/ { n++ } n == 1 && NF && $1 != "CALL" { print $1, $2, $3, $4, $5 }' \
	"$work/out")" "$(call_rows)" "stat shows the calls as stats counts them"
check "stat says that nothing was missed" grep -q '^Nothing was missed' "$work/out"
coproc hold { exec hold -t 2 2>&1; }
hold_pid=$!
line=
read -r -t 30 line <&"${hold[0]}"
[[ $line = "held 2" ]] || bail "hold: $line"
locked=$(awk '/^VmLck/ { print $2 }' "/proc/$hold_pid/status")
tool stat --json
check "stat --json adds up the threads of a process, but not its memory" grep -q \
	"{\"pid\":$hold_pid,[^}]*\"tasks\":2,\"locked_kb\":$locked,[^}]*}" "$work/out"
tool stat --all
check "stat shows the process and what it has locked" grep -qE \
	"^ *$hold_pid hold +${locked}K " "$work/out"
kill -KILL "$hold_pid"
wait "$hold_pid" 2>/dev/null

# Follow.
for command in "events --json" "events --raw" events; do
	# shellcheck disable=SC2086 # words
	follow $command
	wait_until 10 has_lines "$last" || bail "$command does not show the history"
	check "$command shows a later call within a second" in_time
	end_with INT
	check "$command: SIGINT ends it with status 0" quiet 0
done
follow events --json
wait_until 10 has_lines "$last" || bail "events --json does not show the history"
end_with TERM
check "SIGTERM ends it with status 0" quiet 0
check "what it had read is written out" jsonlines_at_least "$last"

# Ends that are failures.
mlock2mon events 2>"$work/err" | head -n 1 >/dev/null
status=${PIPESTATUS[0]}
check "following ends when nobody reads it: status 1, quiet" quiet 1
exec {gone}> >(exec true)
wait $!
for command in events "events --json" "events --raw -n" "stat --all"; do
	status=0
	# shellcheck disable=SC2086 # words
	mlock2mon $command 2>"$work/err" 1>&"$gone" || status=$?
	check "... so does $command when nobody is there from the start" quiet 1
done
exec {gone}>&-
status=0
mlock2mon events --no-follow >/dev/full 2>"$work/err" || status=$?
check "events fails when it cannot write, and says so" said 1 "No space left" err
status=0
mlock2mon stat >/dev/full 2>"$work/err" || status=$?
check "stat fails when it cannot write, and says so" said 1 "No space left" err

# Who may.
as_user mlock2mon events >"$work/out" 2>"$work/err"
status=$?
check "an unprivileged user is told what is needed to see events" said 1 "CAP_PERFMON" err
setpriv --bounding-set=-all mlock2mon events >"$work/out" 2>"$work/err"
status=$?
check "so is root without capabilities" said 1 "CAP_PERFMON" err
as_user mlock2mon stat --json >"$work/out" 2>"$work/err"
status=$?
check "an unprivileged user sees stat without processes, and why" said 0 "needs root" err
check "... and null for them in --json" grep -q ',"processes":null}$' "$work/out"
unload

# Loss: 500 records in a ring of 64.
load ring_records=64
churn burst 500 >/dev/null
written=$(stat_of ring.written)
lost=$((written - 64))
tool events --no-follow --json --since 1
is "$(head -n 1 "$work/out")" "{\"lost\":$lost,\"first\":1,\"last\":$lost}" \
	"loss is told in its place, as an object"
is "$(wc -l <"$work/out")" 65 "the records that are left follow it"
is "$status $(<"$work/err")" "0 mlock2mon: $lost records were lost in 1 place" \
	"loss is summed up at the end"
tool events --no-follow --since 1
check "loss is told in its place, as text" said 0 "$lost records lost here: seq 1 to $lost" out
unload

# Misuse and help.
for arguments in nonsense --nonsense "events --nonsense" "events --since x" "events more" \
	"events --json --raw" "stat --proc" "events --call mlock,foo" "events --call mlock," \
	"events --pid x" "events --uid -1" "events --cgroup 1x" "events --min-bytes 1X" \
	"events --min-time 5" "events --min-time 99999999999s" "events --near 0" "events --near"; do
	# shellcheck disable=SC2086 # words
	tool $arguments
	check "'$arguments' is misuse" said 2 "Try 'mlock2mon --help'" err
done
cp "$work/lines" "$work/saved"
for arguments in "--failed" "--call mlock" "--map"; do
	# shellcheck disable=SC2086 # words
	tool events -n --device "$work/saved" $arguments
	check "records of a file cannot be chosen by $arguments" said 1 "gives lines" err
done
tool events -n --raw --device "$work/saved"
check "... but shown" cmp "$work/out" "$work/saved"
for arguments in --help "events --help" "stat --help"; do
	# shellcheck disable=SC2086 # words
	tool $arguments
	check "'$arguments' helps" said 0 "^Usage: mlock2mon" out
done
tool --version
is "$(<"$work/out")" "mlock2mon $(modinfo -F version "$MODULE")" "--version is the module's"
rm -rf "$work"
