#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Completions in the shells they are for.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	COMPLETIONS="$LC_SRCDIR/contrib/completions"
	mkdir alpha.d
	touch alpha.txt
}

# in_bash WORD...: what bash offers for the last word, a line each
in_bash() {
	# shellcheck disable=SC2016
	bash --norc -c 'source "$0" && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) &&
		_commit "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" &&
		printf "%s\n" "${COMPREPLY[@]}"' "$COMPLETIONS/commit.bash" "$@" | sort -u
}

# offers LINE... -- WORD...
offers() {
	local wanted=()
	while [ "$1" != -- ]; do
		wanted+=("$1")
		shift
	done
	shift
	run in_bash "$@"
	echo "$*: $output"
	[ "$output" = "$(printf '%s\n' "${wanted[@]}")" ]
}

@test "bash: options, values, commands, files, and a command behind --" {
	offers --symlink= --sync= -- commit-save --sy
	offers follow refuse replace -- commit-save --symlink =
	offers refuse replace -- commit-save --symlink = re
	offers abort apply -- commit-txn a
	offers write -- commit-triple w
	offers apply -- commit-range a
	offers alpha.d alpha.txt -- commit-save al
	offers alpha.d -- commit-txn -C al
	offers commit-triple -- commit-save f -- commit-tri
	offers root -- commit-save -o roo
}

@test "bash: transactions that are open, and those that can be taken back" {
	mkdir root
	id=$(commit-txn begin -C root --owner=$$)
	cd root
	offers "$id" @ -- commit-txn put '' || offers @ "$id" -- commit-txn put ''
	echo new | commit-txn put "$id" f
	commit-txn commit "$id"
	run in_bash commit-txn undo ''
	[ "$output" = "$id" ]
}

@test "bash: every option that a tool has is offered, and every command" {
	for tool in commit-save commit-txn commit-triple commit-range commit-recover; do
		in_bash $tool -- | sed 's/=$//' >offered
		"$tool" --help | grep -oE -- '--[a-z][a-z-]+' | sort -u | grep -vxF -f offered >missing || :
		echo "$tool: $(cat missing)"
		[ ! -s missing ]
	done
	for command in $(in_bash commit-txn ''); do
		run commit-txn "$command" --help
		echo "$command: $output"
		[ "$status" -eq 0 ]
	done
	# shellcheck disable=SC2016 # awk's
	commit-txn --help | awk '/^A transaction by steps/, /^$/ {
		if (/^  [a-z]/) {
			n = split($1, word, "|")
			for (i = 1; i <= n; i++)
				print word[i]
		}
	}' | sort -u >told
	[ "$(wc -l <told)" -gt 15 ]
	in_bash commit-txn '' >offered
	run grep -vxF -f offered told
	echo "not offered: $output"
	[ -z "$output" ]
}

@test "fish: options, values, commands, files" {
	command -v fish >/dev/null || skip 'fish is not installed'
	export HOME=$PWD
	in_fish() {
		# shellcheck disable=SC2016 # fish's
		fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$COMPLETIONS/commit.fish" "$1" |
			cut -f 1 | grep . | sort -u | tr '\n' ' '
	}
	[ "$(in_fish 'commit-save --sy')" = '--symlink= --sync= ' ]
	[ "$(in_fish 'commit-save --symlink=re')" = '--symlink=refuse --symlink=replace ' ]
	[ "$(in_fish 'commit-txn un')" = 'undo ' ]
	[ "$(in_fish 'commit-triple w')" = 'write ' ]
	[ "$(in_fish 'commit-save alpha.t')" = 'alpha.txt ' ]
	for tool in commit-save commit-txn commit-triple commit-range commit-recover; do
		in_fish "$tool --" | tr ' ' '\n' | sed 's/=$//' >offered
		"$tool" --help | grep -oE -- '--[a-z][a-z-]+' | sort -u | grep -vxF -f offered >missing || :
		echo "$tool: $(cat missing)"
		[ ! -s missing ]
	done
}

@test "zsh: options, values, commands, files, and a command behind --" {
	command -v zsh >/dev/null || skip 'zsh is not installed'
	in_zsh() { timeout 60 zsh -f "$LC_SRCDIR/tests/install/complete.zsh" "$COMPLETIONS" "$@" </dev/null; }
	in_zsh 'commit-save --sy' '--symlink*--sync'
	in_zsh 'commit-save --sync=f' '--sync=full'
	in_zsh 'commit-recover --older' 'older-than'
	in_zsh 'commit-txn un' 'undo'
	in_zsh 'commit-save alpha.t' 'alpha.txt'
	in_zsh 'commit-save alpha.txt -- commit-tri' 'commit-triple'
	run in_zsh 'commit-save --nosuch' 'nosuchoption'
	[ "$status" -eq 1 ]
}
