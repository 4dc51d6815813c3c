#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The inside of `make bench`: the contenders take turns, round by round, for what
# runs in the background of a guest changes with time. Leaves in $OUT
#	subjects	kernel RELEASE; rounds N; call NAME DESCRIPTION;
#			contender NAME DESCRIPTION; missing NAME ERROR
#	samples		ROUND CONTENDER CALL TICKS, a line a batch
# bench.awk makes the tables of these.
set -euo pipefail

rounds=9

# NAME|begin|end|description. Begin and end are commands; begin fails, and says why,
# if the contender is not to be had. The first is what the others are compared with.
contenders=(
	"bare|true|true|no module"
	"defaults|begin_module|rmmod mlock2mon|the module with its defaults"
	"related|begin_module related=1|rmmod mlock2mon|the module with related=1"
)

# begin_module [PARAMETER=VALUE ...]: a kernel loads a module with parameters that it
# does not have, too.
begin_module() {
	local parameter

	for parameter; do
		modinfo -F parm "$MODULE" | grep "^${parameter%%=*}:" >/dev/null ||
			{ echo "the module has no parameter ${parameter%%=*}"; return 1; }
	done
	insmod "$MODULE" "$@"
}

# measure ROUND NAME BEGIN END: adds to samples; or to subjects, once, what was said.
measure() {
	local round=$1 name=$2 begin=$3 end=$4 said

	# shellcheck disable=SC2086 # commands with their arguments
	if said=$($begin 2>&1); then
		bench | sed "s/^/$round $name /" >>"$OUT/samples"
		$end
	elif ! grep -q "^missing $name " "$OUT/subjects"; then
		echo "missing $name ${said//$'\n'/ }" >>"$OUT/subjects"
	fi
}

# each COMMAND...: with name, begin, end and description of each contender.
each() {
	local contender fields

	for contender in "${contenders[@]}"; do
		IFS='|' read -ra fields <<<"$contender"
		"$@" "${fields[@]}"
	done
}

describe() {
	echo "contender $1 $4"
}

: >"$OUT/samples"
{
	echo "kernel $(uname -r)"
	echo "rounds $rounds"
	bench -l | sed 's/^/call /'
	each describe
} >"$OUT/subjects"
for ((round = 1; round <= rounds; round++)); do
	each measure "$round"
done
