# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # source_dir, run_dir and jobs are set by run.sh
stage_musl() {
	# where libc is musl the check stage has built with it already
	if [ "$(packages_manager)" = apk ]; then
		skip musl 'build with musl-gcc' 'this system is musl: the other stages are the musl build'
		return
	fi
	if ! command -v musl-gcc >/dev/null; then
		skip musl 'build with musl-gcc' 'musl-gcc is not installed'
		return
	fi
	rm -rf "$run_dir/musl"
	mkdir -p "$run_dir/musl"
	logged musl 'contrib/musl-build.sh' "$run_dir/musl/build.out" \
		sh "$source_dir/contrib/musl-build.sh" "$run_dir/musl" --enable-werror --enable-static-tools || return
	sed -n '/^libcommit /,/^$/p' "$run_dir/musl/build.out"
	if readelf -l "$run_dir/musl/src/tools/commit-save" | grep -q interpreter; then
		fail musl 'the tools are static' 'commit-save asks for a dynamic loader'
	else
		pass musl 'the tools are static'
	fi
	# shellcheck disable=SC2016 # for make
	check musl "$run_dir/musl" TESTS='$(musl_tests)'
	# they have the seam, and are not static
	if readelf -l "$run_dir/musl/tests/fault/commit-save" | grep -q 'interpreter.*musl'; then
		pass musl 'their doubles are linked with musl'
	else
		fail musl 'their doubles are linked with musl' 'commit-save asks for another interpreter'
	fi
	skip musl 'commit-recover, save-metadata, save-pitfalls' \
		'they need ACLs and JSON, and there is no libacl and no jansson for musl-gcc'
}
