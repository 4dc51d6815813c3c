#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mlock2mon metrics: what Prometheus reads is what the module counts, and not more of it
# the more there is on the machine.
# timeout: 400
. "${SRC:?}/selftests/lib.sh"
. "$SRC/selftests/promises.sh"

work=$(mktemp -d)
chmod 755 "$work"

# metrics ARGUMENT...: $status, $work/out and $work/err are what came of it.
metrics() {
	status=0
	mlock2mon metrics "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}

# strict FILE: it is the text format.
strict() {
	mawk -f "$SRC/selftests/metrics.awk" "$1"
}

# value SERIES: what it is.
value() {
	SERIES=mlock2mon_$1 awk '{
		at = match($0, / [0-9]+$/)
		if (substr($0, 1, at - 1) == ENVIRON["SERIES"]) print substr($0, at + 1)
	}' "$work/out"
}

# sum NAME: of all its series.
sum() {
	awk -v name="mlock2mon_$1{" 'index($0, name) == 1 { n += $NF } END { print n + 0 }' "$work/out"
}

series() {
	grep -vc '^#' "$work/out"
}

# bounded: the series but for those of errors and reasons, which come when they happen.
bounded() {
	grep -v '^#' "$work/out" | grep -vc '^mlock2mon_\(errors\|reasons\)_total'
}

# of_stats PATTERN: the sum of the counters whose keys match.
of_stats() {
	awk -v pattern="$1" '$1 ~ pattern { n += $2 } END { print n + 0 }' "$stats"
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

# open_of FILE: those lines of the text format that are others in OpenMetrics, made so.
open_of() {
	sed '/^# TYPE .* counter$/ s/_total / /; /^# HELP mlock2mon_[a-z_]*_total / s/_total / /
		/_duration_seconds_count/ d; $ a # EOF' "$1"
}

plan 30
metrics
check "not loaded: a failure" said 1 insmod
is "$(value up)" 0 "... up is 0"
check "... the rest is right" strict "$work/out"

load related=1
provoke lock_unlock onfault bad_flags limit_exceeded hole_middle >/dev/null 2>"$work/err" ||
	bail "provoke: $(<"$work/err")"
metrics
check "loaded: it succeeds" said 0 ""
check "it is the text format of Prometheus" strict "$work/out"
is "$(value up) $(value probes_live) $(sum info)" "1 1 1" "up, with probes that fire"
is "$(grep -c '_info{version="'"$(stat_of version)"'"} 1$' "$work/out")" 1 "the version is the module's"
is "$(value 'calls_total{call="mlock2"}')" "$(stat_of mlock2.entries)" "calls of mlock2 are what stats has"
is "$(sum calls_total)" "$(of_stats '\.entries$')" "so are all calls"
is "$(sum failures_total)" "$(of_stats '\.failures$')" "... failures"
is "$(sum errors_total)" "$(of_stats '\.errno\.')" "... by error"
is "$(value 'errors_total{call="mlock2",errno="EINVAL"}')" "$(stat_of mlock2.errno.EINVAL)" "... each"
is "$(sum reasons_total)" "$(of_stats '\.why\.')" "... and by reason"
is "$(sum call_duration_seconds_count)" "$(awk 'NR > 1 { for (i = 2; i <= NF; i++) n += $i } END { print n }' \
	/proc/mlock2mon/latency)" "durations are all that latency has"
is "$(sum probe_active)" "$(grep -c '^probe\..* active$' "$stats")" "probes are those of stats"
is "$(value ring_written_total)" "$(stat_of ring.written)" "records, too"
few=$(bounded)
plain=$(open_of "$work/out")
metrics --openmetrics
is "$(<"$work/out")" "$plain" "OpenMetrics differs in nothing but what it names otherwise"

# Processes are no labels; names are, if asked for, and can be anything.
churn burst 200 >/dev/null
start_helper act map 64 hexname 225c7b0a7d lock 0 8 fork hexname 287265737429 lock 0 4 say here read end
metrics
is "$(bounded)" "$few" "200 processes more give no series more"
is "$(value processes) $(value locked_bytes)" "2 49152" "processes and what they have locked are added up"
for most in 1 5; do
	metrics --commands $most
	check "--commands $most: the text format, whatever their names are" strict "$work/out"
	is "$(value 'command_locked_bytes{command="\"\\{\\x0a}"}') $(value 'command_locked_bytes{command="(rest)"}')" \
		"32768 16384" "... and the name of the rest is the rest's"
done
chmod 755 "$helper_dir"
status=0
as_user mlock2mon metrics >"$work/out" 2>"$work/err" || status=$?
check "a user gets what is not secret" said 0 ""
is "$(value up) $(value processes)" "1 " "... which processes are"
end_helper

# A file, for the textfile collector.
mkdir "$work/textfile"
metrics -o "$work/textfile/mlock2mon.prom"
check "-o writes a file" strict "$work/textfile/mlock2mon.prom"
is "$(cd "$work/textfile" && stat -c '%n %a' -- *) $(wc -c <"$work/out")" "mlock2mon.prom 644 0" \
	"... that others can read, and leaves nothing beside it"
metrics -o "$work/none/mlock2mon.prom"
check "where there is no directory it fails" said 1 "cannot write .*: No such file"
status=0
mlock2mon metrics >/dev/full 2>"$work/err" || status=$?
check "so it does if it cannot be written" said 1 "No space left"
unload
metrics -o "$work/textfile/mlock2mon.prom"
cp "$work/textfile/mlock2mon.prom" "$work/out"
is "$status $(value up) $(series)" "1 0 1" "unloaded: up is 0 in the file, and nothing else is there"
rm -rf "$work"
