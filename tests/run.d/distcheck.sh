# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # source_dir, run_dir and jobs are set by run.sh
# The long tests (faults, walks, file systems) have run on the same sources; here
# the question is whether a release is complete.
stage_distcheck() {
	plain_build distcheck || return
	# an earlier one that was broken off leaves a read-only tree
	chmod -R u+w "$run_dir"/check/libcommit-* 2>/dev/null
	# shellcheck disable=SC2016 # for make
	if (cd "$run_dir/check" && logged distcheck 'make distcheck' distcheck.out \
		env LC_EVERY=11 make -j"$jobs" distcheck TESTS='$(quick_tests)'); then
		pass distcheck 'make distcheck'
	fi
	(cd "$run_dir/check" && ls -l libcommit-*.tar.xz 2>/dev/null)
}
