#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What programs that follow the flow of the code say of the sources: the kernel's scripts for
# coccinelle of the module, gcc -fanalyzer and cppcheck of tool and library. Runs in the chroot
# of analysis, like lint.sh in that of a kernel, and prints TAP. Arguments: the gates that are
# wanted, all without any.
. "${SRC:?}/selftests/lib.sh"

cd "$SRC" || bail "no $SRC"
copy=$BUILD/analysis
scripts=$BUILD/checkpatch/coccinelle

# not_ours SCRIPT: what it says that cannot be obeyed. why.h is compiled in user space too,
# which has no max().
not_ours() {
	case ${1##*/} in
	minmax.cocci) grep -v '^why\.h:.*opportunity for m..()' ;;
	*) cat ;;
	esac
}

# spatch_one SCRIPT: what it reports. It says itself with which options it wants to be run.
# Left out are those that know no report, and those that want a compiler for OCaml: of them
# badzero.cocci is what sparse says as well, and the other is about one driver.
spatch_one() {
	local options

	grep -q '^virtual report' "$1" && ! grep -q '^@.*:ocaml' "$1" || return 0
	options=$(sed -n 's,^// Options: ,,p' "$1" | head -n 1)
	# shellcheck disable=SC2086 # options are words
	timeout 900 spatch --very-quiet -D report --cocci-file "$1" --no-show-diff $options \
		"$copy"/*.[ch] 2>"$copy/${1##*/}.err" |
		sed "s|^$copy/||; s|\$| [${1##*/}]|" |
		grep -E '^[a-z0-9_]+\.[ch]:' | not_ours "$1"
	((PIPESTATUS[0] == 0)) || echo "${1##*/} did not end well: $(tail -n 3 "$copy/${1##*/}.err")"
}

# It takes two minutes of a processor, so what passed is remembered by what it depends on.
coccinelle_silent() {
	local said key passed=$BUILD/coccinelle.passed

	(($(find "$scripts" -name '*.cocci' | wc -l) > 20)) || { echo "no scripts"; return 1; }
	key=$(find "$scripts" -name '*.cocci' -print0 | sort -z | xargs -0 cat ./*.[ch] "$0" | sha256sum)
	[[ ! -e $passed || $(<"$passed") != "$key" ]] || return 0
	rm -rf "$copy"
	mkdir -p "$copy"
	cp ./*.[ch] "$copy"
	export copy
	export -f spatch_one not_ours
	# shellcheck disable=SC2016 # for the inner shell
	said=$(find "$scripts" -name '*.cocci' | sort |
		xargs -P "$(nproc)" -I '{}' bash -c 'spatch_one "$1"' bash '{}')
	[[ -z $said ]] || { echo "$said"; return 1; }
	echo "$key" >"$passed"
}

# excepted FILE: options for what gcc says of it that is not so.
excepted() {
	case $1 in
	# The file that dup2() opens is standard output, which stays open.
	tools/report.c) echo -Wno-analyzer-fd-leak ;;
	esac
}

analyzer_silent() {
	local file bad=0

	mkdir -p "$copy"
	for file in tools/*.c format.c; do
		# shellcheck disable=SC2046 # options are words
		gcc -O2 -Wall -Wextra -Werror -fanalyzer $(excepted "$file") -I. -c "$file" \
			-o "$copy/object" || { echo "$file"; bad=1; }
	done
	return "$bad"
}

# Excepted: a table's index after a loop that leaves less than 100; ARRAY_SIZE(), taken for a
# division gone wrong; a line that the function fills which is called for the next argument.
cppcheck_silent() {
	cppcheck --quiet --enable=warning,performance,portability --error-exitcode=1 \
		--suppress=arrayIndexOutOfBoundsCond:tools/out.h \
		--suppress=sizeofDivisionMemfunc:tools/column.c \
		--suppress=uninitvar:tools/page.c --suppress=uninitvar:tools/show.c \
		--suppress=normalCheckLevelMaxBranches --std=c11 -I. tools/*.c format.c
}

check_each "
coccinelle_silent	the kernel's scripts for coccinelle have nothing to say of the module
analyzer_silent		gcc -fanalyzer has nothing to say of the tool and the library
cppcheck_silent		cppcheck has nothing to say of the tool and the library
" "$@"
