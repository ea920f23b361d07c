#!/bin/sh
# SPDX-License-Identifier: ISC
# run.sh [STAGE]... - install what the tests need and run all of them
#
#     check      glibc build, warnings are errors: make check
#     asan       the same with AddressSanitizer and UndefinedBehaviorSanitizer
#     musl       a musl build and the tests that it can run
#     analysis   cppcheck, clang-tidy, shellcheck, mandoc -Tlint
#     valgrind   unit tests and the tools' main paths under memcheck
#     fuzz       the fuzz targets' corpora and twenty seconds of new inputs
#     distcheck  a release is made, unpacked, built, tested and removed again
#     crash      power cuts on recorded disks: 20,000 images, mutants, I/O errors
#     package    Debian packages: built, checked, installed and used in a new root
#     page       the page of commit-recover --html in a browser
#     rpm        RPM packages: built, checked, installed, used and removed below a directory
#     apk        APKBUILD: checked, its functions run, every file in one of its packages
#     coverage   lines of src/lib that ran; below 90 % is a failure
#
# Without arguments all of them but fuzz, package, page, rpm and apk. The last line is always
# "N passed, N failed, N skipped"; the exit status is 1 if anything failed.
# Everything is built below build/run (LC_RUN_DIR), the sources stay clean.
#
# LC_NO_INSTALL=1: do not install packages, skip what is missing.
# LC_EVERY=N: tests that go through every call, byte or fault take each Nth, best
# a prime. Set by the stages after check, which look for something else than the
# state left behind; check takes all.
set -u

source_dir=$(cd "${0%/*}/.." && pwd) || exit 1
run_dir=${LC_RUN_DIR:-$source_dir/build/run}
all_stages='check asan musl analysis valgrind distcheck crash coverage'
# Only when they are named: what fuzz finds is new each time, package needs a network,
# page a browser, rpm and apk the tools of other distributions.
more_stages='fuzz package page rpm apk'

for stage in "$@"; do
	case " $all_stages $more_stages " in
	*" $stage "*) ;;
	*)
		echo "run.sh: unknown stage '$stage'; there are: $all_stages $more_stages" >&2
		exit 2
		;;
	esac
done
mkdir -p "$run_dir" && cd "$run_dir" || exit 1

# shellcheck source=contrib/packages.sh
packages_log=$run_dir/packages.log && . "$source_dir/contrib/packages.sh"
# shellcheck source=tests/run.d/lib.sh
. "$source_dir/tests/run.d/lib.sh"
for stage in $all_stages $more_stages; do
	# shellcheck source=/dev/null
	. "$source_dir/tests/run.d/$stage.sh"
done

say 'packages'
if [ -z "${LC_NO_INSTALL:-}" ]; then
	packages_need build test
fi

if [ -e "$source_dir/config.status" ]; then
	fail prepare 'sources' "configured inside the source tree: run 'make distclean' there first"
	summary
	exit 1
fi
say 'autoreconf'
if ! (cd "$source_dir" && autoreconf -fi) >"$run_dir/autoreconf.log" 2>&1; then
	fail prepare 'autoreconf' "see $run_dir/autoreconf.log"
	tail -n 20 "$run_dir/autoreconf.log"
	summary
	exit 1
fi

[ $# -gt 0 ] || eval "set -- $all_stages"
for stage in "$@"; do
	begin=$(date +%s)
	say "$stage"
	"stage_$stage"
	stage_counts "$stage" $(($(date +%s) - begin))
done
summary
