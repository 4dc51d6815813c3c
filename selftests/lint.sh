#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What can be said of the sources without running them. Runs in the chroot, like
# build.sh's compile.sh, after it, and prints TAP. Arguments: the gates that are wanted,
# all without any.
. "${SRC:?}/selftests/lib.sh"

cd "$SRC" || bail "no $SRC"
shopt -s nullglob extglob
module=(*.c *.h)
programs=(tools/*.[ch] selftests/!(userkernel|fuzz-libc).[ch] selftests/tests/*.[ch])

# scripts: everything that begins with #! and a shell, or says that it is for one.
scripts() {
	local file

	grep -rIlE --exclude-dir=.git --exclude-dir=build \
		'^#!.*(bash|/sh| sh)$|^# shellcheck shell=' . |
		while read -r file; do
			! head -n 3 "$file" | grep -qE '^#!|^# shellcheck shell=' || echo "$file"
		done
}

shellcheck_silent() {
	# SC2119: load takes parameters or none.
	scripts | sort -u | xargs shellcheck -x -P SCRIPTDIR:. --exclude SC2119
}

# The sources are copied: C=2 compiles, and build.sh compiles at the same time.
# The kernel's own headers do not pass sparse: only what it says of ours counts.
sparse_silent() {
	local copy=$BUILD/sparse log said

	mkdir -p "$copy"
	cp Kbuild "${module[@]}" "$copy" || return 1
	log=$(make -C "$KDIR" M="$copy" C=2 modules 2>&1) || { echo "$log"; return 1; }
	grep -q CHECK <<<"$log" || { echo "sparse was not run"; return 1; }
	said=$(grep -E "^(${copy//./\\.}/)?[a-z0-9_]+\.[ch]:[0-9]+:[0-9]+: (warning|error)" <<<"$log")
	[[ -z $said ]] || { echo "$said"; return 1; }
}

kernel_doc_silent() {
	local said

	said=$("$(realpath "$KDIR")/scripts/kernel-doc" -none -Werror "${module[@]}" 2>&1) ||
		{ echo "$said"; return 1; }
	[[ -z $said ]] || { echo "$said"; return 1; }
}

# run_checkpatch IGNORED FILE...: false if it has something to say.
run_checkpatch() {
	local ignored=$1
	shift

	# It looks for camel case in the kernel it thinks it is in, and keeps notes.
	cd "$BUILD/checkpatch" || return 1
	perl checkpatch.pl --strict --no-tree --terse --no-summary --show-types \
		--max-line-length=100 --ignore "$ignored" -f "${@/#/$SRC/}" 2>stderr |
		without_nokprobe | sed "s|^$SRC/||" | grep . && return 1
	! grep -v 'git: not found\|No such file or directory\|value .root' stderr
}

# without_nokprobe: NOKPROBE_SYMBOL stands right below its function, as EXPORT_SYMBOL
# does, which is the only one that checkpatch knows.
without_nokprobe() {
	local line file number

	while IFS= read -r line; do
		IFS=: read -r file number _ <<<"$line"
		[[ $line == *:LINE_SPACING:* && $(sed -n "${number}p" "$file") == NOKPROBE_SYMBOL* ]] ||
			echo "$line"
	done
}

# --ignore is for what cannot be obeyed. In compat.h, which is there to compare
# versions: LINUX_VERSION_CODE, and CONSTANT_COMPARISON, which takes that for the
# constant. In trace.h, which is laid out like all that define events: OPEN_ENDED_LINE
# and PARENTHESIS_ALIGNMENT.
checkpatch_module() {
	run_checkpatch NONE !(compat|trace).[ch] &&
		run_checkpatch LINUX_VERSION_CODE,CONSTANT_COMPARISON compat.h &&
		run_checkpatch OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT trace.h
}

# In programs, which are not in the kernel:
# ARRAY_SIZE, BIT_MACRO, PREFER_DEFINED_ATTRIBUTE_MACRO, PREFER_KERNEL_TYPES,
# SSCANF_TO_KSTRTO and STRCPY advise what only the kernel has; CAMELCASE: PRIu64 is not ours;
# ARCH_DEFINES and ENOSYS: programs do have to ask; VOLATILE: signal handlers need it;
# EMBEDDED_FUNCTION_NAME: words of a message to people, not of a debug print;
# SPLIT_STRING: a text of many lines for people, not one line to be found by grep.
checkpatch_programs() {
	local types=ARRAY_SIZE,BIT_MACRO,PREFER_DEFINED_ATTRIBUTE_MACRO,PREFER_KERNEL_TYPES

	types+=,SSCANF_TO_KSTRTO,STRCPY,CAMELCASE,ARCH_DEFINES,ENOSYS,VOLATILE,EMBEDDED_FUNCTION_NAME
	types+=,SPLIT_STRING
	run_checkpatch "$types" "${programs[@]}" || return 1
	# Those that stand for the kernel have its macros, types and barriers.
	types+=,MACRO_ARG_UNUSED,MACRO_ARG_REUSE,FUNCTION_ARGUMENTS,NEW_TYPEDEFS,MEMORY_BARRIER
	types+=,DATA_RACE,WAITQUEUE_ACTIVE
	run_checkpatch "$types" selftests/{userkernel.h,fuzz-libc.c}
}

version_in_compat() {
	! grep -nE 'LINUX_VERSION_CODE|KERNEL_VERSION' -- !(compat).[ch]
}

# By the arguments of labels.awk, a partner may be in another file.
barriers_paired() {
	local said

	said=$(awk -f selftests/labels.awk -- *.c *.h tools/*.c) || return 1
	[[ -z $said ]] || { echo "$said"; return 1; }
}

# By the symbols of the objects that build.sh left.
arrows_kept() {
	selftests/arrows.sh "$BUILD/module"
}

options_agree() {
	selftests/options.sh "$BUILD/bin/mlock2mon"
}

# labels FILE: of barriers, in code and comments.
labels() {
	grep -oE '\b[a-z]+:[A-Z]\b' "$1" | sort -u
}

# The model is one of this ring.c only as long as both have the same places in mind.
model_labels() {
	local missing

	[[ -n $(labels ring.c) ]] || return 1
	missing=$(diff <(labels ring.c) <(labels selftests/ring.pml)) || { echo "$missing"; return 1; }
}

# spdx: in the first line, or in the second after #!. debian/copyright speaks for those that
# have no comments.
spdx_present() {
	local file bad=0

	while read -r file; do
		head -n 2 "$file" | grep -q 'SPDX-License-Identifier: ' || { echo "$file"; bad=1; }
	done < <(find . \( -name .git -o -name build \) -prune -o -type f -print |
		grep -vE '^\./(COPYING|README|HACKING|CHANGES|.*\.(ko|a|o|mod|cmd|md))$|^\./tools/mlock2mon$' |
		grep -vE '^\./debian/(changelog|copyright|clean|source/format)$' |
		grep -vE '^\./debian/.*\.(docs|install|lintian-overrides)$')
	return $bad
}

# What was opened before a failed load is taken back would outlive the module.
device_last() {
	[[ $(awk '/^static int __init/, /^}/' mlock2mon.c | grep -o 'mlmon_[a-z]*_init' |
		tail -n 1) == mlmon_chardev_init ]]
}

# What is new in this version is told at the top.
version_is_new() {
	local version

	version=$(sed -n 's/^#define MLOCK2MON_VERSION.*"\(.*\)"/\1/p' mlock2mon.h)
	[[ $version && $(head -n 1 CHANGES) == "$version" &&
		$(head -n 1 debian/changelog) == "mlock2mon ($version) "* ]] ||
		{ echo "mlock2mon.h: $version"; head -n 1 CHANGES debian/changelog; return 1; }
}

# planted: GATE FILE COMMAND-OF-SED, one a line; what is planted is something the gate is there
# for. Those that compile are not among them.
planted="
shellcheck_silent	selftests/host.sh	s/^say() {/&\n\tcd \$1/
kernel_doc_silent	probe.c			s/^ \* @maxactive:/ * @active:/
checkpatch_module	task.c			\$ a struct s* p;
checkpatch_programs	tools/top.c		\$ a struct s* p;
version_in_compat	task.c			\$ a #if LINUX_VERSION_CODE
barriers_paired		ring.c			\$ a static void f(void) { smp_wmb(); }
model_labels		selftests/ring.pml	s/read:C/read:Z/g
arrows_kept		task.c			\$ a #include \"map.h\"
options_agree		tools/mlock2mon.8	/^\.It Fl m , Fl -openmetrics/ d
spdx_present		judge.c			1 d
device_last		mlock2mon.c		s/mlmon_chardev_init/mlmon_last_init/
version_is_new		CHANGES			1 s/[0-9]/&9/
"

# silent_in COPY GATE: has the gate nothing to say of that copy of the tree?
silent_in() {
	(cd "$1" && SRC=$1 && export SRC && "$2") >/dev/null 2>&1
}

# planted_seen: each gate, in a copy that is as it should be, and then in one that is not.
planted_seen() {
	local gate file change copy bad=0

	copy=$(mktemp -d)
	tar -c --exclude=./build --exclude=./.git . | tar -x -C "$copy"
	while read -r gate file change; do
		silent_in "$copy" "$gate" || { echo "$gate says something of a plain copy"; bad=1; }
		sed -i "$change" "$copy/$file"
		if cmp -s "$file" "$copy/$file"; then
			echo "nothing is planted in $file"
			bad=1
		elif silent_in "$copy" "$gate"; then
			echo "$gate does not see what is planted in $file"
			bad=1
		fi
		cp "$file" "$copy/$file"
	done < <(grep . <<<"$planted")
	rm -rf "$copy"
	return $bad
}

check_each "
sparse_silent		sparse has nothing to say
shellcheck_silent	shellcheck has nothing to say
kernel_doc_silent	kernel-doc has nothing to say
checkpatch_module	checkpatch has nothing to say of the module
checkpatch_programs	checkpatch has nothing to say of the programs
version_in_compat	no kernel version outside compat.h
barriers_paired		every barrier has a label, and a partner that names it
model_labels		the model of the ring has the labels of ring.c
arrows_kept		who uses whom is as HACKING has it
options_agree		help, manual, completion and parser have the same options
spdx_present		every file names its licence
device_last		the device appears when nothing can fail any more
version_is_new		CHANGES and debian/changelog begin with the version of mlock2mon.h
planted_seen		what is planted in a copy is seen by each of them
" "$@"
