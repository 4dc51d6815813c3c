#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Compare who uses whom in the tree with the table in HACKING. What .c files use of each
# other is what the linker sees in the objects of DIR, so calls from inline functions count
# for the file that includes them; of headers it is who includes them.
set -euo pipefail
cd "${SRC:?}"
objects=$1

# For everybody.
common='internal.h|mlock2mon.h|compat.h'

# told: "FILE FILE" of each entry of the table, which may go on in lines further in.
told() {
	awk '
		/^Who may call whom$/ { inside = 1; next }
		inside && /^-+$/ { inside++ }
		inside == 3 { exit }
		!inside || !/^    / { next }
		/^    [a-z]/ { user = $1 }
		{ for (i = 1 + ($1 == user); i <= NF; i++) print user, $i }' HACKING
}

# symbols: "def FILE SYMBOL" and "use FILE SYMBOL" of all objects. core.o is mlock2mon.c.
symbols() {
	local object name

	for object in "$objects"/*.o; do
		name=${object##*/}
		name=${name%.o}
		[[ $name != *.mod && $name != mlock2mon ]] || continue
		[[ $name != core ]] || name=mlock2mon
		nm "$object" | awk -v file="$name.c" '
			$NF !~ /^mlmon_/ { next }
			$(NF - 1) == "U" { print "use", file, $NF; next }
			$(NF - 1) ~ /[A-Z]/ { print "def", file, $NF }'
	done
}

calls() {
	symbols | sort | awk '
		$1 == "def" { home[$3] = $2; next }
		$3 in home { print $2, home[$3] }'
}

includes() {
	grep -HE '^#include "' -- *.[ch] tools/*.[ch] |
		sed -E 's,^([^:]*):#include "([^"]*)".*,\1 \2,' |
		awk -v common="^($common)$" '
			$2 ~ common { next }
			# What the tools include of each other is their own affair.
			$1 ~ /^tools\// && system("test -e " $2) { next }
			{ print }'
}

compgen -G "$objects/*.o" >/dev/null || { echo "no objects in $objects"; exit 1; }
differences=$(comm -3 <(told | sort -u) <({ calls; includes; } | sort -u))
[[ -n $differences ]] || exit 0
awk -F '\t' '
	$1 != "" { print $1 ": in the table of HACKING, but not so" }
	$1 == "" { print $2 ": not in the table of HACKING" }' <<<"$differences" |
	sed 's/ / uses /'
exit 1
