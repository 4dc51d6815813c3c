#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Where the instructions of a call go: trace a guest that makes it for ever.
set -euo pipefail
. "$(dirname "$0")/host.sh"

usage() {
	cat <<-END
	Usage: selftests/steps.sh KERNEL DIR [COMMAND ...]
	Boots a guest, runs COMMAND in it, and then mlock2() of a locked page for ever. QEMU
	writes down each instruction for a second. Leaves in DIR: trace, kallsyms, and
	steps, a line a function: its instructions in one call, its name.
	END
}

# record DIR: told on stdin by the guest when it is ready.
record() {
	local line

	while read -r line; do
		[[ $line == ready ]] || { say "$line"; continue; }
		# Let it get going.
		sleep 2
		printf '%s\n' "logfile $1/trace" "singlestep on" "log exec,nochain" >"$1/monitor.in"
		sleep 0.6
		printf '%s\n' "log none" >"$1/monitor.in"
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
	"$tree/selftests/guest.sh" --kernel "$kernel" --out "$dir" --icount --monitor --timeout 120 \
		--append "nokaslr norandmaps" -- selftests/steps-guest.sh "$@" > >(record "$dir")
	[[ -s $dir/trace ]] || die "QEMU has written no trace"
	awk -v subject=__x64_sys_mlock2 -f "$tree/selftests/steps.awk" <(sort "$dir/kallsyms") "$dir/trace" |
		sort -k 1,1nr -k 2 >"$dir/steps"
}

main "$@"
