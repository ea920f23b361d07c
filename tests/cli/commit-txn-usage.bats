#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# The command line of commit-txn: commands and their options, what is refused
# with 2, the root, messages, JSON.

# shellcheck disable=SC2030,SC2031 # T is local to a test, and is meant to be

load txn-helper

setup() { scratch; }
teardown() { sweep; }

@test "help and version" {
	gives 0 commit-txn --help
	has 'usage: commit-txn' 'apply --from=DIR' 'Exit status'
	gives 0 commit-txn --version
	has 'commit-txn (libcommit)'
	gives 0 commit-txn put --help
	gives 1 sh -c 'commit-txn --help > /dev/full'
	says 'standard output: write'
}

@test "every command of the table is in the help, and no other" {
	gives 0 commit-txn --help
	for command in init begin put patch rm mkdir rmdir mv link symlink chmod chown setxattr status \
		diff commit abort run apply script list log undo read; do
		grep -qw "$command" "$OUT"
	done
	for command in splice frobnicate; do
		gives 2 commit-txn "$command"
		says "$command: no such command"
	done
}

@test "usage errors are 2, say why, and touch nothing" {
	local words text
	while IFS='|' read -r words text; do
		eval "set -- $words"
		gives 2 commit-txn "$@" </dev/null || { echo "case: $words"; return 1; }
		says "$text" || { echo "case: $words"; return 1; }
		[ ! -s "$OUT" ]
		[ "$(wc -l <"$ERR")" -eq 1 ]
	done <<-'END'
		|COMMAND is missing
		--|COMMAND is missing
		--frob|no such option
		put -Croot|operands are missing: TXN PATH
		put -Croot T|operands are missing
		put -Croot T a b|b: one operand too many
		put -Croot T ''|an operand is empty
		put -Croot T a --from=x -- cat|there can be one source only
		put -Croot T a --from=|its value is empty
		put -Croot T a --from=x --from=y|given twice
		put -Croot T a --|no command follows
		put -Croot @ a|COMMIT_TXN, which is not set
		put -Croot T a -n|--dry-run: is no option of put
		rm -Croot T a -e x|--expect: is no option of rm
		mv -Croot T a|TXN OLD NEW
		status -Croot|TXN
		begin -Croot x|one operand too many
		begin -Croot --owner=0|no number
		begin -Croot --owner=1x|no number
		begin -Croot --ttl=soon|no age
		begin -Croot --wait=x|no number of seconds
		begin -Croot --mirror|--mirror: is no option of begin
		run -Croot|needs a command
		run -Croot x|one operand too many
		run -Croot --|no command follows
		apply -Croot|either ARCHIVE or --from
		apply -Croot a --from=b|either ARCHIVE or --from
		apply -Croot a b|one operand too many
		apply -Croot a --strip-components=-1|no number
		apply -Croot a --exclude=|empty
		apply -Croot a -0|--null: is no option of apply
		commit -Croot T --validate=a --validate-at-root=b|cannot be together
	END
	[ ! -e root/.commit ]
}

@test "operands of a command after --" {
	begins
	echo x >root/-f
	gives 0 commit-txn rm -C root -- "$T" -f
	gives 0 commit-txn put -C root -- "$T" -g -- echo hi
	gives 0 commit-txn mkdir -C root "$T" -- -d
	gives 0 commit-txn status -C root "$T"
	prints 'A -d/\nD -f\nA -g\n'
	gives 0 commit-txn commit "$T" -C root
	holds root/-g 'hi\n'
}

@test "the root: -C, then COMMIT_ROOT, then upwards" {
	mkdir other root/deep
	gives 0 commit-txn init -C root
	gives 0 commit-txn init -C other
	# upwards
	cd root/deep
	T=$(commit-txn begin)
	echo 1 | gives 0 commit-txn put "$T" a
	gives 0 commit-txn commit "$T"
	holds ../a '1\n'
	# the environment goes first, and -C before it
	export COMMIT_ROOT=$ROOT/w/other
	T=$(commit-txn begin)
	echo 2 | gives 0 commit-txn put "$T" a
	gives 1 commit-txn status -C ../../root "$T"
	gives 0 commit-txn commit "$T"
	holds ../../other/a '2\n'
	T=$(commit-txn begin -C ..)
	echo 3 | gives 0 commit-txn put -C .. "$T" a
	gives 0 commit-txn commit -C .. "$T"
	holds ../a '3\n'
}

@test "no store: begin makes one where the root is named, others do not" {
	gives 1 commit-txn begin
	says 'no .commit here or above' 'commit-txn init'
	[ -z "$(find . -name .commit)" ]
	for command in 'status T' 'put T a' 'commit T' 'abort T' 'list' 'diff T'; do
		# shellcheck disable=SC2086
		gives 1 commit-txn $command -C root </dev/null
	done
	[ ! -e root/.commit ]
	gives 0 commit-txn begin -C root
	[ -d root/.commit ]
	[ "$(mode root/.commit)" = 700 ]
}

@test "init makes a store in the working directory; twice is no error" {
	cd root
	gives 0 commit-txn init
	[ -d .commit ]
	gives 0 commit-txn init
	silent
}

@test "JSON" {
	need_json
	gives 2 commit-txn diff -C root T --json
	says '--json: is no option of diff'
	gives 0 commit-txn begin -C root --json
	json '.id != null and .exit == 0 and .error == null and .committed == false'
	T=$(jq -r .id "$OUT")
	echo x | gives 0 commit-txn put -C root "$T" "$(printf 'a\377')" --json
	gives 0 commit-txn status -C root "$T" --json
	[ "$(jq -sr '.[0].path.bytes' "$OUT")" = Yf8= ]
	jq -es '.[0].change == "A" and .[0].before == "absent" and .[0].after == "file"' "$OUT"
	gives 0 commit-txn list -C root --json
	jq -es '.[0].state == "open" and (.[0].id | length > 8)' "$OUT"
	gives 0 commit-txn commit -C root "$T" --json
	json '.committed and .files == 1 and .flushes > 0 and .exit == 0'
	gives 1 commit-txn commit -C root "$T" --json
	json '.committed == false and .exit == 1 and .error.errno == "ENOENT"'
}

@test "a transaction that nobody heard of is none" {
	gives 1 sh -c 'commit-txn begin -C root > /dev/full'
	gives 0 commit-txn list -C root
	prints ''
}
