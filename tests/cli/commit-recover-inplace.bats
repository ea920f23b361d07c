#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# commit-recover and journals of in-place saves: rolled forward, or a person
# decides and nothing is touched.

load options-helper

setup() { scratch; }
teardown() { sweep; }

# stuck: 11, both times, and nothing is touched
stuck()
{
	local before
	before=$(tree)
	gives 11 commit-recover "$@"
	prints 'conflict in-place'
	lacks "$OUT" 'not done'
	gives 11 commit-recover --repaired-ok "$@"
	gives 11 commit-recover -n "$@"
	gives 11 commit-recover --json "$@"
	json '.conflict == 1 and .conflicts == 1 and .repaired == 0 and .exit == 11'
	jq -es '.[0] | .decision == "conflict" and .code == 11 and (.done | not)' "$OUT"
	[ "$(tree)" = "$before" ]
}

@test "rolled forward from any mixture of old and new sectors" {
	local n=0 size
	command -v jq > /dev/null || skip 'no jq'
	for size in '5000 9000' '9000 5000' '4096 4096'; do
		# shellcheck disable=SC2086
		set -- $size
		head -c "$1" /dev/urandom > "$ROOT/old"
		head -c "$2" /dev/urandom > "$ROOT/new"
		for n in 1 2 3; do
			cp "$ROOT/old" f
			status=0
			crash $n:kill:truncate "$FAULTY/commit-save" --in-place f < "$ROOT/new" || status=$?
			gives 0 commit-recover --repaired-ok .
			[ "$(remains .)" = '' ]
			cmp -s f "$ROOT/old" || cmp -s f "$ROOT/new"
		done
	done
	# made by hand: some sectors new, some old
	head -c 5120 /dev/zero | tr '\0' a > "$ROOT/old"
	head -c 5120 /dev/zero | tr '\0' b > "$ROOT/new"
	cp "$ROOT/old" f
	crash 2:kill:fsync "$FAULTY/commit-save" --in-place f < "$ROOT/new" || true
	cp "$(find . -name '*.inplace')" "$ROOT/journal"
	journal=$(find . -name '*.inplace')
	for at in 0 3 9; do
		cp "$ROOT/journal" "$journal"
		dd if="$ROOT/old" of=f conv=notrunc status=none
		dd if="$ROOT/new" of=f bs=512 seek=$at skip=$at count=1 conv=notrunc status=none
		gives 10 commit-recover .
		cmp f "$ROOT/new"
	done
	# half a sector is nobody's
	cp "$ROOT/journal" "$journal"
	dd if="$ROOT/old" of=f conv=notrunc status=none
	dd if="$ROOT/new" of=f bs=256 seek=1 count=1 conv=notrunc status=none
	stuck .
}

@test "mode and owner of the edit come with it" {
	orphan inplace . -m 600
	chmod 644 f
	gives 10 commit-recover .
	holds f 'new\n'
	[ "$(mode f)" = 600 ]
	[ "$(id -u)" -eq 0 ] || return 0
	orphan inplace . -o 1:2
	gives 10 commit-recover f
	[ "$(stat -c '%u %g' f)" = '1 2' ]
}

@test "a FILE: what was left for it, and for no other" {
	command -v jq > /dev/null || skip 'no jq'
	orphan inplace .
	mkdir d
	orphan inplace d
	echo g > g
	gives 0 commit-recover g
	[ ! -s "$OUT" ]
	gives 10 commit-recover f
	holds f 'new\n'
	holds d/f 'old\n'
	ln -s d/f link
	gives 10 commit-recover link
	holds d/f 'new\n'
	gives 0 commit-recover f
	gives 1 commit-recover missing
	says missing ENOENT
	gives 1 commit-recover missing/f
	orphan inplace .
	rm f
	stuck f
}

@test "edited by somebody since: 11, both stay" {
	command -v jq > /dev/null || skip 'no jq'
	for edit in 'echo theirs > f' 'echo more >> f' ': > f' 'printf x | dd of=f conv=notrunc status=none' \
		'truncate -s 10M f'; do
		orphan inplace .
		eval "$edit"
		echo "after: $edit"
		stuck .
		rm "$LEFT"
	done
}

@test "touched, or of another mode: still the same content, finished" {
	orphan inplace .
	touch -d 2001-01-01 f
	gives 10 commit-recover .
	holds f 'new\n'
}

@test "replaced by another inode: 11, though the content is the same" {
	command -v jq > /dev/null || skip 'no jq'
	orphan inplace .
	cp -p f g
	mv g f
	stuck .
	rm -f "$LEFT"
	orphan inplace .
	rm f
	mkdir f
	stuck .
	rmdir f
	echo x > elsewhere
	ln -s elsewhere f
	stuck .
	holds elsewhere 'x\n'
	rm f
	mkfifo f
	stuck .
	rm f
	stuck .
}

@test "a damaged journal: 11 at each part of it" {
	command -v jq > /dev/null || skip 'no jq'
	local at
	# magic, version, record, payload, name, new content, old content
	for at in 0 8 20 40 132 216 8192 12288; do
		orphan inplace .
		printf '\377' | dd of="$LEFT" bs=1 seek=$at conv=notrunc status=none
		echo "byte $at"
		stuck .
		rm "$LEFT"
	done
	for at in 0 100 8191 8192 12290; do
		orphan inplace .
		truncate -s $at "$LEFT"
		echo "size $at"
		stuck .
		rm "$LEFT"
	done
	# an unknown version says so
	orphan inplace .
	printf '\002' | dd of="$LEFT" bs=1 seek=8 conv=notrunc status=none
	gives 11 commit-recover .
	prints version
}

@test "a flush that fails while finishing: 3, the journal stays, the next run finishes" {
	orphan inplace .
	COMMIT_FAULT=1:EIO:fsync gives 3 "$FAULTY/commit-recover" .
	prints 'not done: EIO'
	[ -e "$LEFT" ]
	gives 10 commit-recover .
	holds f 'new\n'
	clean
}

# A journal elsewhere, of a file whose directory its owner may not write.
elsewhere()
{
	need_root
	need_user
	command -v jq > /dev/null || skip 'no jq'
	mkdir -p shut/deep other j
	echo old > shut/deep/f
	give shut/deep/f j
	J=$PWD/j
	unset COMMIT_JOURNAL_DIR
	echo new | RUN=as_user crash 2:kill:fsync "$FAULTY/commit-save" --in-place \
		--journal-dir="$J" shut/deep/f || true
	holds shut/deep/f 'old\n'
	LEFT=$(find j -name '*.inplace')
}

@test "--journal-dir: found by the path of the target, its directory, one above; not by another's" {
	elsewhere
	gives 0 as_user commit-recover -r shut
	gives 0 as_user commit-recover --journal-dir="$J" -r other
	[ ! -s "$OUT" ]
	gives 0 as_user commit-recover --journal-dir="$J" -n --json -r shut
	json '.["roll-forward"] == 1'
	jq -es ".[0].target == \"$PWD/shut/deep/f\"" "$OUT"
	gives 0 as_user commit-recover --journal-dir="$J" -n shut/deep/f
	prints roll-forward
	COMMIT_JOURNAL_DIR=$J gives 0 as_user commit-recover -n shut/deep
	prints roll-forward
	# a name that begins alike is another
	mkdir shut/dee
	gives 0 as_user commit-recover --journal-dir="$J" -n shut/dee
	[ ! -s "$OUT" ]
	gives 10 as_user commit-recover --journal-dir="$J" shut/deep/f
	holds shut/deep/f 'new\n'
	[ -z "$(ls -A j)" ]
	gives 0 as_user commit-recover --journal-dir="$J" shut/deep/f
}

@test "--journal-dir: the default directory, and the journals' own directory as PATH" {
	elsewhere
	mkdir -p "$HOME/.local/state"
	mv j "$HOME/.local/state/commit"
	give -R "$HOME"
	gives 10 as_user commit-recover shut/deep/f
	holds shut/deep/f 'new\n'
	rm -r shut other
	elsewhere
	gives 10 as_user commit-recover j
	holds shut/deep/f 'new\n'
}

@test "--journal-dir: an edit since is a conflict there too; root does not obey a user's journal" {
	elsewhere
	gives 0 commit-recover --journal-dir="$J" shut/deep
	prints foreign
	holds shut/deep/f 'old\n'
	echo theirs > shut/deep/f
	gives 11 as_user commit-recover --journal-dir="$J" shut/deep
	prints conflict
	holds shut/deep/f 'theirs\n'
	[ -e "$LEFT" ]
	# the next edit in place is told, and changes nothing
	echo x | gives 1 as_user commit-save --in-place --journal-dir="$J" shut/deep/f
	says 'not finished' commit-recover
	holds shut/deep/f 'theirs\n'
}
