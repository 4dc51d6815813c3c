#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mlock2mon record and report: what was recorded is what was there, however it ended.
# timeout: 300
. "${SRC:?}/selftests/lib.sh"
. "$SRC/selftests/promises.sh"

work=$(mktemp -d)
hex=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
group=/sys/fs/cgroup/docker-$hex.scope
file=$work/file

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

# same_as ARGUMENT...: report gives the bytes that events gives.
same_as() {
	mlock2mon events -n "$@" >"$work/want" 2>/dev/null
	tool report "$@" "$file"
	[[ $status -eq 0 && -s $work/want ]] || { echo "status $status: $(<"$work/err")"; return 1; }
	cmp "$work/want" "$work/out"
}

# same_but_clock ARGUMENT...: so does it, but for microseconds of the time of day: each
# time that the two clocks are compared it is another one.
same_but_clock() {
	local cut='s/\(:[0-5][0-9]\)\.[0-9]*/\1/g; s/\(tamp\|Time\)":\([0-9]\{10\}\)[0-9]*/\1":\2/g'

	mlock2mon events -n "$@" 2>/dev/null | sed "$cut" >"$work/want"
	tool report "$@" "$file"
	[[ $status -eq 0 && -s $work/want ]] || { echo "status $status: $(<"$work/err")"; return 1; }
	cmp "$work/want" <(sed "$cut" "$work/out")
}

# record ARGUMENT...: behind us. end_with SIGNAL: sets $status.
record() {
	mlock2mon record "$@" 2>"$work/err" </dev/null &
	recorder=$!
}

end_with() {
	kill -"$1" "$recorder"
	status=0
	wait "$recorder" 2>/dev/null || status=$?
}

# covered: records and losses of the report in $work/out follow each other from 1 on.
covered() {
	awk -F '[=. ]' '
		$1 == "lost" { first = $4; last = $6 }
		$1 == "seq" { first = last = $2 }
		first != next_one + 1 { print "after " next_one ": " $0; exit bad = 1 }
		{ next_one = last }
		END { if (!bad) print next_one }' "$work/out"
}

# grown: the file got longer than it was.
grown() {
	[[ $(stat -c %s "$file") -gt $before ]]
}

plan 49

tool record "$file"
check "not loaded: record fails and says how to load" said 1 insmod
check "... and leaves no file" test ! -e "$file"

load
provoke lock_unlock onfault bad_flags limit_exceeded hole_middle >/dev/null 2>"$work/err" ||
	bail "provoke: $(<"$work/err")"
mix -n 200 >/dev/null 2>"$work/err" || bail "mix: $(<"$work/err")"
records=$(($(stat_of ring.written)))
tool record -n "$file"
check "record tells how much it has recorded" said 0 "$file: $records records in .* s, .*[KM]"
is "$(stat -c %a "$file")" 600 "the file is its owner's alone"
for form in --raw --json --csv --color=never "--raw --failed" \
	"--json --call mlock,exit" "--csv --min-bytes 64K" "--raw --since $((records / 2))" \
	"--raw --near 4096"; do
	# shellcheck disable=SC2086 # words
	check "report $form gives the bytes that events gives" same_as $form
done
for form in --wall --tracee --tracee-legacy; do
	check "report $form gives what events gives" same_but_clock "$form"
done
tool record -n "$file"
check "a file that is there is not overwritten" said 1 "is there already"
check "... and as good as before" same_as --raw
chmod 644 "$file"
tool record -n --force --failed "$file"
check "... unless that is asked for" said 0 "records in"
is "$(stat -c %a "$file")" 600 "... and then is nobody else's to read"
tool report --raw "$file"
is "$(wc -l <"$work/out")" "$(mlock2mon events -n --raw --failed | wc -l)" "only what was chosen is recorded"
tool record -n --since 99999999 "$work/none"
check "a number that is not given yet is told" said 1 "there is no record 99999999 yet: the next one will be"
mlock2mon record -n - >"$work/piped" 2>/dev/null
mlock2mon report --raw - <"$work/piped" >"$work/out" 2>"$work/err"
is "$(<"$work/out")" "$(mlock2mon events -n --raw)" "a recording can go through pipes"

# Ends.
rm "$file"
record --from-end "$file"
wait_until test -s "$file"
churn burst 500 >/dev/null
end_with INT
check "SIGINT ends it with status 0 and a summary" said 0 "1000 records in"
tool report --raw "$file"
check "the file is complete" said 0 ""
is "$(grep -c call=exit "$work/out") $(wc -l <"$work/out")" "500 1000" "... up to what was last"
rm "$file"
record "$file"
wait_until test -s "$file"
tool record --force -n "$file"
check "a file that is being recorded into is left alone, also with --force" said 1 "is being recorded into"
end_with HUP
check "SIGHUP ends it with status 0 and a summary" said 0 "records in"
tool report --raw "$file"
check "... and the file is complete" said 0 ""
record --force "$file"
wait_until test -s "$file"
before=$(stat -c %s "$file")
churn burst 300 >/dev/null
wait_until grown
end_with KILL
tool report --raw "$file"
check "killed: report shows what there is and says that there is no end" said 1 "has no end"
is "$(cut -d ' ' -f 1 "$work/out" | head -n 300)" \
	"$(mlock2mon events -n --raw | cut -d ' ' -f 1 | head -n 300)" "... which is not little"
truncate -s -100 "$file"
tool report --raw "$file"
check "cut off: report tells what it passed over" said 1 "is damaged: [0-9]* bytes in 1 place"
tool record --force -n "$file"
printf x | dd of="$file" bs=1 seek=2000 conv=notrunc status=none
tool report --raw "$file"
check "damaged: so it does" said 1 "is damaged: [0-9]* bytes in 1 place"
check "... and tells it as a loss in its place" grep -q '^lost=[0-9]* seq=1\.\.' "$work/out"
# From the end, for what is there already is taken, however long that takes.
record --for 1 --from-end "$work/brief"
status=0
wait "$recorder" || status=$?
check "--for ends it" said 0 "records in [0-9]"
if is_debug; then
	skip "... in time" "a kernel for debugging"
else
	check "... in time" said 0 "records in 1\.[0-9] s"
fi
tool record --force -n "$file"

# Failures to write.
mknod "$work/disk" b 7 0 || bail "mknod"
tool record --force -n "$work/disk"
check "a disk is not overwritten" said 1 "is a disk"
tool record -n /dev/full
check "a file that cannot be written is a failure" said 1 "No space left"
exec {gone}> >(exec true)
wait $!
status=0
mlock2mon record -n - 2>"$work/err" 1>&"$gone" || status=$?
exec {gone}>&-
check "so is standard output that nobody reads, of which nothing is said" said 1 ""
tool report --html -o "$work/none/page" "$file"
check "so is the output of report" said 1 "No such file"
status=0
mlock2mon report --json "$file" >/dev/full 2>"$work/err" || status=$?
check "... also when it is full" said 1 "No space left"
tool report --raw "$SRC/README"
check "what is no recording is refused" said 1 "is not a recording"
tool report --html -o "$work/page" "$file"
check "report -o writes a file" grep -q '</html>' "$work/page"
is "$(echo "$work"/page*)" "$work/page" "... and leaves nothing beside it"

# A process in a container, which is gone when it is shown.
mkdir "$group" || bail "no cgroup"
record --force --from-end "$file"
wait_until test -s "$file"
start_helper bash -c "echo \$\$ >$group/cgroup.procs; exec act map 1 lock 0 1 say here read"
sleep 1.2
end_helper
end_with TERM
wait_until rmdir "$group"
tool report --tracee "$file"
is "$(grep -o '"container":{"id":"[^"]*"' "$work/out" | sort -u)" "\"container\":{\"id\":\"$hex\"" \
	"the container was recorded"

# On a terminal.
check "progress is shown on a terminal" grep -q $'\r.*records, .* lost' \
	<(TERM=xterm script -qec "mlock2mon record --force --for 3 $file >/dev/null" /dev/null </dev/null)
unload

# Losses, in a flood.
load ring_records=64
churn burst 500 >/dev/null
record --force --since 1 "$file"
wait_until test -s "$file"
churn burst 1000 >/dev/null
end_with INT
written=$(stat_of ring.written)
check "losses are summed up" said 0 "records were lost"
tool report --raw --since 1 "$file"
is "$(covered)" "$written" "records and losses are all that was written"
check "report tells the losses, too" said 0 "lost in"
unload
rm -rf "$work"
