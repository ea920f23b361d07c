#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Editors that save through commit-save, driven in batch and in a terminal.
# shellcheck disable=SC2016 # what stands in '' is for other shells

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export HOME=$PWD TMPDIR=$PWD
	EDITORS="$LC_SRCDIR/contrib/editors"
	printf 'one\ntwo\n' >f
}

teardown() {
	tmux -L "commit-$$-$BATS_TEST_NUMBER" kill-server 2>/dev/null || :
}

# in_vim PROGRAM FILE COMMAND...: exit status 0 unless :cquit
in_vim() {
	local program=$1 file=$2
	shift 2
	command -v "$program" >/dev/null || skip "$program is not installed"
	{
		echo "source $EDITORS/vim/plugin/commit.vim"
		printf '%s\n' "$@"
	} >script.vim
	case $program in
	nvim) timeout 60 nvim --clean -n --headless -c 'silent edit '"$file" -S script.vim -c 'qall!' </dev/null ;;
	*) timeout 60 vim -N -u NONE -i NONE -n -es -c 'silent edit '"$file" -S script.vim -c 'qall!' </dev/null ;;
	esac
}

# in_emacs FILE FORM...
in_emacs() {
	local file=$1
	shift
	command -v emacs >/dev/null || skip 'emacs is not installed'
	timeout 60 emacs -Q --batch -l "$EDITORS/commit-save-mode.el" --eval '(global-commit-save-mode)' \
		--eval "(find-file \"$file\")" --eval "(progn $*)"
}

# in_kak FILE COMMAND...: each command sees what those before it left, and the
# last is to say what it saw in seen
in_kak() {
	local file=$1
	shift
	command -v kak >/dev/null || skip 'kakoune is not installed'
	printf '%s\n' "source $EDITORS/kakoune/commit.kak" commit-write-enable "$@" 'quit!' >script.kak
	timeout 60 kak -n -ui dummy -e "source $PWD/script.kak" "$file" </dev/null
}

# Held open, so that no other file gets its number
hold() { exec 9<"$1"; }
inode() { stat -c %i "$1"; }

# Each program: a save is a commit, by a new inode; what the file is stays
saves_in_vim() {
	local before
	chmod 640 f
	before=$(inode f)
	hold f
	in_vim "$1" f 'call setline(1, "ONE")' 'write' 'if &modified | cquit | endif' \
		'call setline(2, "TWO")' 'write' 'if &modified | cquit | endif'
	[ "$(cat f)" = $'ONE\nTWO' ]
	[ "$(inode f)" != "$before" ]
	[ "$(stat -c %a f)" = 640 ]
	[ -z "$(find . -name '.commit-*')" ]
}

# Encodings, line ends, byte order mark, a final newline that is not there
keeps_in_vim() {
	printf '\357\273\277eins\r\nzwei\303\244\r\n' >bom
	in_vim "$1" bom 'call setline(1, "EINS")' 'write'
	cmp bom <(printf '\357\273\277EINS\r\nzwei\303\244\r\n')
	printf 'a\344\nb' >latin
	in_vim "$1" latin 'edit ++enc=latin1' 'set nofixendofline' 'call setline(2, "B")' 'write'
	cmp latin <(printf 'a\344\nB')
	in_vim "$1" new 'call setline(1, "made")' 'write'
	[ "$(cat new)" = made ]
	in_vim "$1" f 'write other' 'if &modified | cquit | endif'
	cmp f other
}

# The file is as it was, the buffer is modified, and the reason is said
fails_in_vim() {
	mkdir bin
	printf '#!/bin/sh\ncat >/dev/null\necho "commit-save: f: write: ENOSPC" >&2\nexit 1\n' >bin/commit-save
	chmod +x bin/commit-save
	PATH=$PWD/bin:$PATH in_vim "$1" f 'call setline(1, "lost?")' 'redir => said' 'try' 'write' \
		'cquit' 'catch' 'endtry' 'redir END' \
		'call writefile(split(said, "\n"), "said")' 'if !&modified | cquit | endif'
	cat said
	grep -q ENOSPC said
	[ "$(cat f)" = $'one\ntwo' ]
}

@test "vim: a save is a commit" { saves_in_vim vim; }
@test "vim: encoding, line ends, byte order mark, final newline" { keeps_in_vim vim; }
@test "vim: a save that fails keeps the buffer modified and the file whole" { fails_in_vim vim; }
@test "nvim: a save is a commit" { saves_in_vim nvim; }
@test "nvim: encoding, line ends, byte order mark, final newline" { keeps_in_vim nvim; }
@test "nvim: a save that fails keeps the buffer modified and the file whole" { fails_in_vim nvim; }

@test "emacs: a save is a commit" {
	chmod 640 f
	before=$(inode f)
	hold f
	in_emacs f '(insert "zero\n") (save-buffer) (when (buffer-modified-p) (kill-emacs 9))' \
		'(insert "half\n") (save-buffer)'
	[ "$(cat f)" = $'zero\nhalf\none\ntwo' ]
	[ "$(inode f)" != "$before" ]
	[ "$(stat -c %a f)" = 640 ]
	[ ! -e f~ ]
}

@test "emacs: encoding, line ends, byte order mark, final newline" {
	printf '\357\273\277eins\r\nzwei\303\244\r\n' >bom
	in_emacs bom '(goto-char (point-min)) (delete-char 4) (insert "EINS") (save-buffer)'
	cmp bom <(printf '\357\273\277EINS\r\nzwei\303\244\r\n')
	printf 'a\344\nb' >latin
	in_emacs latin '(kill-buffer) (setq require-final-newline nil)' \
		'(let ((coding-system-for-read (quote latin-1-unix))) (find-file "latin"))' \
		'(goto-char (point-max)) (insert "B") (save-buffer)'
	cmp latin <(printf 'a\344\nbB')
	# the visible part is not all
	in_emacs f '(narrow-to-region 1 4) (insert "x") (save-buffer)'
	[ "$(cat f)" = $'xone\ntwo' ]
}

@test "emacs: a save that fails keeps the buffer modified and the file whole" {
	mkdir bin
	printf '#!/bin/sh\ncat >/dev/null\necho "commit-save: f: write: ENOSPC" >&2\nexit 1\n' >bin/commit-save
	chmod +x bin/commit-save
	PATH=$PWD/bin:$PATH in_emacs f '(insert "lost?") (condition-case e (progn (save-buffer) (kill-emacs 9))
		(error (message "%s" (error-message-string e)))) (unless (buffer-modified-p) (kill-emacs 8))' 2>said
	grep -q ENOSPC said
	[ "$(cat f)" = $'one\ntwo' ]
}

@test "kakoune: a save is a commit" {
	chmod 640 f
	before=$(inode f)
	hold f
	in_kak f 'execute-keys iX<esc>' w 'nop %sh{ echo "$kak_modified" >seen }' \
		'execute-keys iY<esc>' 'commit-write other' 'nop %sh{ echo "$kak_modified" >>seen }'
	[ "$(cat seen)" = $'false\ntrue' ]
	[ "$(cat f)" = $'Xone\ntwo' ]
	[ "$(cat other)" = $'XYone\ntwo' ] || [ "$(cat other)" = $'YXone\ntwo' ]
	[ "$(inode f)" != "$before" ]
	[ "$(stat -c %a f)" = 640 ]
	in_kak "it's new" 'execute-keys imade<esc>' wq
	[ "$(cat "it's new")" = made ]
	[ -z "$(find . -name '.commit-*' -o -name 'kak-commit.*')" ]
}

@test "kakoune: line ends, byte order mark" {
	printf '\357\273\277eins\r\nzwei\303\244\r\n' >bom
	in_kak bom 'execute-keys iX<esc>' w
	cmp bom <(printf '\357\273\277Xeins\r\nzwei\303\244\r\n')
}

@test "kakoune: a save that fails keeps the buffer modified and the file whole" {
	mkdir bin
	printf '#!/bin/sh\ncat >/dev/null\necho "commit-save: f: it'"'"'s full: ENOSPC" >&2\nexit 1\n' >bin/commit-save
	chmod +x bin/commit-save
	PATH=$PWD/bin:$PATH in_kak f 'execute-keys ilost?<esc>' \
		'try %{ wq } catch %{ nop %sh{ echo "$kak_modified $kak_error" >seen } }'
	cat seen
	[[ "$(cat seen)" == "true "*"it's full: ENOSPC"* ]]
	[ "$(cat f)" = $'one\ntwo' ]
	[ -z "$(find . -name 'kak-commit.*')" ]
}

@test "in a terminal: vim on a full disk says so, and saves when there is room" {
	command -v tmux >/dev/null || skip 'tmux is not installed'
	command -v vim >/dev/null || skip 'vim is not installed'
	unshare -m true 2>/dev/null || skip 'may not make a mount namespace'
	mkdir disk
	local session="tmux -L commit-$$-$BATS_TEST_NUMBER"
	$session -f /dev/null new-session -d -x 100 -y 30 "unshare -m sh -c '
		mount -t tmpfs -o size=64k none disk && echo old >disk/f && head -c 1m /dev/zero >disk/filler
		vim -N -u NONE -i NONE -n -c \"source $EDITORS/vim/plugin/commit.vim\" disk/f
		cat disk/f >seen; ls -A disk >>seen; touch ended'"
	on_screen() {
		local n
		for ((n = 0; n < 100; n++)); do
			$session capture-pane -p | grep -q "$1" && return 0
			sleep 0.2
		done
		$session capture-pane -p
		return 1
	}
	on_screen old
	$session send-keys 'onew line' Escape ':w' Enter
	on_screen 'ENOSPC\|no space'
	$session send-keys Enter ':!rm disk/filler' Enter
	sleep 1
	$session send-keys Enter ':w' Enter
	on_screen 'committed'
	$session send-keys ':q' Enter
	for ((n = 0; n < 100; n++)); do
		[ ! -e ended ] || break
		sleep 0.2
	done
	cat seen
	[ "$(cat seen)" = $'old\nnew line\nf' ]
}

@test "commit-editor: edited, unchanged, editor failed, validator, foreign edit, in place" {
	editor=$EDITORS/commit-editor
	export COMMIT_EDITOR="sed -i s/one/ONE/"
	sh "$editor" f
	[ "$(head -n 1 f)" = ONE ]
	before=$(inode f)
	sh "$editor" f
	[ "$(inode f)" = "$before" ]
	COMMIT_EDITOR='sh -c "echo half >$1; exit 3" sh' run -4 --separate-stderr sh -c "$editor f"
	COMMIT_EDITOR=false run -4 sh "$editor" f
	[[ "$output" == *'f: the editor ended with 1; nothing changed' ]]
	[ "$(head -n 1 f)" = ONE ]
	# the validator says no: the edit is kept
	export COMMIT_EDITOR='sed -i s/ONE/bad/'
	run -4 sh "$editor" --validate='! grep -q bad "$1"' f
	echo "$output"
	[ "$(head -n 1 f)" = ONE ]
	kept=$(sed -n 's/.*your edit is kept in //p' <<<"$output")
	[ "$(head -n 1 "$kept")" = bad ]
	# somebody else was faster
	printf '#!/bin/sh\necho theirs >%s/f\necho mine >"$1"\n' "$PWD" >racer
	chmod +x racer
	COMMIT_EDITOR=$PWD/racer run -4 sh "$editor" f
	echo "$output"
	[ "$(cat f)" = theirs ]
	# a program that holds the file open
	mkdir crontab.abc
	echo '# jobs' >crontab.abc/crontab
	before=$(inode crontab.abc/crontab)
	COMMIT_EDITOR='sed -i s/jobs/JOBS/' run -0 sh "$editor" crontab.abc/crontab
	[[ "$output" == *'in place'* ]]
	[ "$(cat crontab.abc/crontab)" = '# JOBS' ]
	[ "$(inode crontab.abc/crontab)" = "$before" ]
	# a new one
	printf '#!/bin/sh\necho made >"$1"\n' >maker
	chmod +x maker
	COMMIT_EDITOR=$PWD/maker sh "$editor" new
	[ "$(cat new)" = made ]
}
