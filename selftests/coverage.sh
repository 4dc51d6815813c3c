#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run the tests on a kernel that counts which lines of the module they run, and tell.
set -euo pipefail
. "$(dirname "$0")/host.sh"

kernel=6.12-debug

usage() {
	cat <<-END
	Usage: make coverage [TESTS=PATTERN]
	Runs the tests, or those that match, on the kernel $kernel, and writes a report of the
	lines and functions of the module that they ran to build/$kernel/coverage, in HTML,
	and to standard output. Fails if a test does, if less than 95 % of the lines were run,
	or if a function was not that HACKING does not name.
	END
}

case ${1-} in
-h | --help) usage; exit 0 ;;
?*) misused "unknown argument $1" ;;
esac
status=0
rm -rf "$tree/build/$kernel/log"
KERNELS=$kernel "$tree/selftests/check.sh" || status=$?
"$tree/selftests/enter.sh" "$kernel" selftests/coverage-report.sh || status=$?
exit $status
