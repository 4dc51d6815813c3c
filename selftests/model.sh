#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check the model of the ring with spin, and that each mutant of it is caught. Runs in
# the chroot, like lint.sh, and prints TAP.
. "${SRC:?}/selftests/lib.sh"

dir=$(mktemp -d)
cd "$dir" || bail "no $dir"
cp "$SRC/selftests/ring.pml" .
mutants=(NO_BUSY NO_LAPPED NO_OVERTAKEN EARLY_NEXT LATE_BEGIN EARLY_END BLIND_END EARLY_COPY
	NO_RECHECK EARLY_RECHECK EARLY_LOOK LATE_QUEUE)

# search "SPIN OPTIONS" "COMPILER OPTIONS" "PAN OPTIONS": look through all states; what
# was found is in $log, and how many errors in $errors.
search() {
	# shellcheck disable=SC2086 # options are words
	log=$({ spin -a $1 ring.pml && gcc -O2 $2 -o pan pan.c && ./pan -m100000 $3; } 2>&1)
	errors=$(sed -n 's/.*errors: \([0-9]*\)$/\1/p' <<<"$log")
	echo "# $1: $(grep -E 'states, stored|elapsed time|assertion violated|invalid end|non-progress' \
		<<<"$log" | grep -v '[+-]$' | tr -s '\n\t ' '   ')"
	[[ $errors && $log != *"search depth too small"* && $log != *"out of memory"* ]] ||
		{ note "$log"; return 1; }
}

# holds PROMISE OPTIONS...: there is no error in any state.
holds() {
	local promise=$1
	shift

	if search "$@" && ((errors == 0)); then
		ok "$promise"
	else
		not_ok "$promise"
		note "$log"
	fi
}

# caught MUTANT: the model can fail.
caught() {
	if search "-D$1 -DRECORDS=5" "-DSAFETY -DCOLLAPSE -DT_REVERSE" "" && ((errors)); then
		ok "ring: the model with $1 fails"
	else
		not_ok "ring: the model with $1 fails"
	fi
}

plan $((${#mutants[@]} + 2))
holds "ring: whole, once, in order, delivered + lost = covered, nobody waits for ever" \
	-DRECORDS=5 "-DSAFETY -DCOLLAPSE" ""
holds "ring: no reader goes round without getting on" -DRECORDS=4 -DNP -l
for mutant in "${mutants[@]}"; do
	caught "$mutant"
done
rm -r "$dir"
