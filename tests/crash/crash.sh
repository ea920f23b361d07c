#!/bin/sh
# SPDX-License-Identifier: ISC
# crash.sh COMMAND [OPTION]... - the power-loss rig with the tools of a build
#
# The build is in $LC_BUILDDIR, or here. Exit status 77: it cannot run here, and
# says why. With CRASH_REPORT=DIR, `run` leaves table, JSON and heat map there.
set -u

build=$(cd "${LC_BUILDDIR:-.}" && pwd) || exit 2
source=$(cd "${0%/*}" && pwd) || exit 2
if [ ! -x "$build/tests/crash/crash" ] || [ ! -x "$build/tests/crash/recorder" ]; then
	echo 'skipped: the rig is not built (libfuse3 and its headers are needed; then: make crash)'
	exit 77
fi
for program in mkfs.ext4 e2fsck mkfs.xfs mkfs.btrfs; do
	command -v "$program" >/dev/null || {
		echo "skipped: $program is missing"
		exit 77
	}
done

CRASH_BIN=$build/src/tools
CRASH_FAULT_BIN=$build/tests/fault
CRASH_RECORDER=$build/tests/crash/recorder
CRASH_RECOVERER=$build/tests/crash/recoverer
export CRASH_BIN CRASH_FAULT_BIN CRASH_RECORDER CRASH_RECOVERER

command=${1:-}
[ $# -eq 0 ] || shift
if [ "$command" != run ] || [ -z "${CRASH_REPORT:-}" ]; then
	exec "$build/tests/crash/crash" "$command" "$@"
fi
mkdir -p "$CRASH_REPORT" || exit 1
"$build/tests/crash/crash" run --cases="$CRASH_REPORT/cases" --json="$CRASH_REPORT/report.json" \
	--lines="$CRASH_REPORT/lines" "$@" >"$CRASH_REPORT/table"
status=$?
cat "$CRASH_REPORT/table"
if command -v gnuplot >/dev/null && [ -s "$CRASH_REPORT/lines" ]; then
	gnuplot -e "data='$CRASH_REPORT/lines'; out='$CRASH_REPORT/heat.svg'" "$source/heat.gp"
fi
exit "$status"
