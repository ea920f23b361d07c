# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # source_dir, run_dir and jobs are set by run.sh
# The page of commit-recover --html in a browser, which is a big package.
stage_page() {
	[ -n "${LC_NO_INSTALL:-}" ] || packages_need page
	plain_build page || return
	check page "$run_dir/check" TESTS=tests/page/page.bats
}
