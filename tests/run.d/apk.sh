# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # source_dir, run_dir and jobs are set by run.sh
# contrib/apk/APKBUILD: a shell can read it, shellcheck and, where it is installed,
# Alpine's own linter have nothing to say; its functions build and install, and
# each file is in the package that is meant for it. abuild itself is Alpine's: its
# part, which is to call these functions in order, is tests/install/apk-build.sh.

# Variables are read, and some are set, by abuild.
apk_shellcheck() {
	shellcheck --shell=dash --exclude=SC2034,SC2154 "$1"
}

# The packages have what this file says, and there is one for everything.
apk_files() {
	cat >"$apk_dir/expected" <<-'END'
		libcommit: usr/lib/libcommit.so.0
		libcommit: usr/lib/libcommit.so.0.0.0
		libcommit-static: usr/lib/libcommit.a
		libcommit-dev: usr/lib/libcommit.so
		libcommit-dev: usr/lib/pkgconfig/libcommit.pc
		libcommit-lang: usr/share/locale/de/LC_MESSAGES/libcommit.mo
		libcommit-emacs: usr/share/emacs/site-lisp/commit-save-mode.el
		libcommit-kakoune: usr/share/kak/autoload/commit.kak
		libcommit-tools: usr/share/libcommit/git-hooks/deploy
		libcommit-vim: usr/share/vim/vimfiles/plugin/commit.vim
		libcommit-tools: usr/bin/commit-save
		libcommit-tools: usr/sbin/commit-recover
		libcommit-doc: usr/share/man/man1/commit-save.1
	END
	grep -vxF -f "$apk_dir/files" "$apk_dir/expected" && return 1
	# the library's own package has nothing else
	[ "$(grep -c '^libcommit: ' "$apk_dir/files")" -eq 2 ]
}

stage_apk() {
	apk_dir=$run_dir/apk
	apkbuild=$source_dir/contrib/apk/APKBUILD
	rm -rf "$apk_dir" && mkdir -p "$apk_dir"
	step apk "$apk_dir" 'a shell reads it' sh -n "$apkbuild"
	if command -v shellcheck >/dev/null; then
		step apk "$apk_dir" 'shellcheck says nothing' apk_shellcheck "$apkbuild"
	else
		skip apk 'shellcheck says nothing' 'shellcheck is not installed'
	fi
	if command -v apkbuild-lint >/dev/null; then
		step apk "$apk_dir" 'apkbuild-lint says nothing' apkbuild-lint "$apkbuild"
	else
		skip apk 'apkbuild-lint says nothing' 'atools are not installed; they are packages of Alpine and Arch only'
	fi
	plain_build apk || return
	(cd "$run_dir/check" && logged apk 'make dist' dist.out make dist) || return
	step apk "$apk_dir" 'built' sh "$source_dir/tests/install/apk-build.sh" "$apkbuild" \
		"$run_dir"/check/libcommit-*.tar.xz "$apk_dir" || return
	step apk "$apk_dir" 'each file in its package' apk_files
}
