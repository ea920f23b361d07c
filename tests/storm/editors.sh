#!/bin/bash
# SPDX-License-Identifier: ISC
# editors.sh [SAVES] - editors save a file again and again and are killed at random
# moments, with all that they have started. The file is whole after each kill:
# every line tells the same version. Ends when each editor has saved SAVES times
# (1000). TAP; make storm-editors runs it.
set -u

saves=${1:-1000}
editors=$LC_SRCDIR/contrib/editors
work=$(mktemp -d "${TMPDIR:-/tmp}/editors.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

cat >save.vim <<END
source $editors/vim/plugin/commit.vim
let number = str2nr(getline(1)[8:])
while 1
  let number += 1
  call setline(1, repeat(['version ' . number], 2000))
  silent write
endwhile
END
cat >save.el <<END
(load "$editors/commit-save-mode.el" nil t)
(find-file "f")
(commit-save-mode 1)
(let ((version (string-to-number (buffer-substring 9 (line-end-position)))))
  (while t
    (setq version (1+ version))
    (erase-buffer)
    (dotimes (_ 2000) (insert (format "version %d\n" version)))
    (let ((inhibit-message t)) (save-buffer))))
END

start() { # EDITOR
	case $1 in
	vim) exec setsid vim -N -u NONE -i NONE -n -es -c 'edit f' -S save.vim ;;
	nvim) exec setsid nvim --clean -n --headless -c 'edit f' -S save.vim ;;
	emacs) exec setsid emacs -Q --batch -l save.el ;;
	esac
}

# Sets version; 1: the file is not whole
look() {
	[ "$(wc -l <f)" -eq 2000 ] && [ "$(sort -u f | wc -l)" -eq 1 ] || return 1
	version=$(head -n 1 f | cut -d ' ' -f 2)
}

storm() { # EDITOR
	kills=0 version=0
	yes 'version 0' | head -n 2000 >f
	while [ "$version" -lt "$saves" ]; do
		start "$1" </dev/null >/dev/null 2>&1 &
		pid=$!
		sleep "$((RANDOM % 2)).$((RANDOM % 10))$((RANDOM % 10))"
		kill -9 -- "-$pid" 2>/dev/null && kills=$((kills + 1))
		wait "$pid" 2>/dev/null
		look || return 1
		[ "$kills" -lt 5000 ] || return 1
	done
	commit-recover --repaired-ok -q . >/dev/null
	[ -z "$(find . -name '.commit-*')" ]
}

echo 1..3
number=0
for editor in vim nvim emacs; do
	number=$((number + 1))
	if ! command -v "$editor" >/dev/null; then
		echo "ok $number - $editor # SKIP $editor is not installed"
	elif storm "$editor"; then
		echo "ok $number - $editor: $version saves, $kills kills, the file always whole"
	else
		echo "not ok $number - $editor after $version saves and $kills kills: $(sort f | uniq -c | head -n 5)"
	fi
done
