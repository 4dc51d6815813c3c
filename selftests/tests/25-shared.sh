#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What is certain of a call and what is not while others change the same mm; who
# is inside a call now; and that a machine with its probes off is told so.
# shellcheck source=selftests/lib.sh
. "${SRC:?}/selftests/lib.sh"

# events: all there are, without waiting.
events() {
	mlock2mon events --no-follow --raw
}

inside() {
	[[ $(awk '$4 == "as-somebody" || $4 == "as-root" { print $3, $4, $5 }' \
		/proc/mlock2mon/inflight) ]]
}

first_call_has_cgroup() {
	awk 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
		$column["comm"] == "as-somebody" { print $column["uid"], $column["cgroup"] != 0 }' \
		/proc/mlock2mon/tasks
}

live() {
	stat_of probes.live
}

plan 12

load ring_records=524288
# On a busy machine two seconds are not always enough for one to come between.
said=$(shared limit 2) || said=$(shared limit 20) || bail "shared limit: $said"
note "$said"
log=$(events)
failures=$(awk '/ ret=-12 / { n += match($0, / repeat=[0-9]+/) ? substr($0, RSTART + 8, RLENGTH - 8) : 1 }
	END { print n + 0 }' <<<"$log")
is "failed $failures" "$said" "every failure is in a record"
is "$(grep ' ret=-12 ' <<<"$log" | grep -v ' likely=1' | head -n 3)" "" \
	"no reason is certain while another thread changes the same mm"
grep -q ' why=already' <<<"$log" || bail "nothing was locked already"
is "$(grep ' why=already' <<<"$log" | grep -v ' likely=1' | head -n 3)" "" \
	"nor is it certain that nothing changed"

unload
load ring_records=524288
shared pair 5 || bail "shared pair: $?"
events | grep ' call=\(mlock2\|munlock\) .*comm="shared"' | grep -v ' racy=1' >/tmp/alone
check "calls are alone at times while two threads call all the time" test -s /tmp/alone
is "$(awk '/ call=mlock2 / && !/ delta_kb=4 / || / call=munlock / && !/ delta_kb=-4 /' /tmp/alone | head -n 3)" \
	"" "what a call did that was alone is what it says"

mkfifo /tmp/inside
shared changed >/tmp/inside &
read -r said </tmp/inside
[[ $said = inside ]] || bail "shared changed: $said"
wait_until inside
is "$(awk 'NR > 1 { print $3, $4, $5 }' /proc/mlock2mon/inflight)" "1000 as-somebody mlock2" \
	"a call inside is shown under the user and name it was made by"
is "$(first_call_has_cgroup)" "1000 1" "and so is its task"
kill -KILL $!
wait 2>/dev/null

is "$(live)" 1 "probes.live says that the probes fire"
switch_probes 0
is "$(live)" 0 "probes.live says when they are switched off"
is "$(mlock2mon stat | grep -c '^SWITCHED OFF')" 1 "the command says so too"
switch_probes 1
is "$(live)" 1 "and when they are on again"
is "$(mlock2mon stat | grep -c '^SWITCHED OFF')" 0 "the command has nothing to say then"
unload
