#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Where the instructions of a call go: trace a guest that makes it for ever.
set -euo pipefail
. "$(dirname "$0")/host.sh"

# An instruction is some eighty bytes of it, a call some thousands of instructions.
trace_bytes=40000000

usage() {
	cat <<-END
	Usage: selftests/steps.sh KERNEL DIR [COMMAND ...]
	Boots a guest, runs COMMAND in it, and then mlock2() of a locked page for ever. QEMU
	writes down each instruction of some dozens of calls. Leaves in DIR: trace, kallsyms,
	and steps, a line a function: its instructions in one call, its name.
	END
}

# size_of FILE: in bytes; 0 if there is none.
size_of() {
	stat --format %s "$1" 2>/dev/null || echo 0
}

# record DIR: told on stdin by the guest when it is ready. How long that takes depends on what
# else the host does, so what is waited for is the trace.
record() {
	local line

	while read -r line; do
		[[ $line == ready ]] || { say "$line"; continue; }
		printf '%s\n' "logfile $1/trace" "singlestep on" "log exec,nochain" >"$1/monitor.in"
		while (($(size_of "$1/trace") < trace_bytes)) && [[ ! -e $1/.verdict ]]; do
			sleep 0.1
		done
		printf '%s\n' "log none" "singlestep off" >"$1/monitor.in"
		sleep 0.5
		touch "$1/done"
	done
}

main() {
	local kernel dir

	case ${1-} in
	-h | --help) usage; exit 0 ;;
	esac
	(($# >= 2)) || misused "a kernel and a directory are needed"
	kernel=$1
	rm -rf "$2"
	mkdir -p "$2"
	dir=$(cd "$2" && pwd)
	shift 2
	"$tree/selftests/guest.sh" --kernel "$kernel" --out "$dir" --icount --monitor --timeout 900 \
		--append "nokaslr norandmaps" -- selftests/steps-guest.sh "$@" > >(record "$dir")
	[[ -s $dir/trace ]] || die "QEMU has written no trace"
	awk -v subject=__x64_sys_mlock2 -f "$tree/selftests/steps.awk" <(sort "$dir/kallsyms") "$dir/trace" |
		sort -k 1,1nr -k 2 >"$dir/steps"
}

main "$@"
