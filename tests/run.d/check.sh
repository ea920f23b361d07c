# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # source_dir, run_dir and jobs are set by run.sh
stage_check() {
	plain_build check || return
	check check "$run_dir/check"
}
