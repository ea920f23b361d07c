#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# commit-recover: orphans of real crashes, what is left alone, options, reports.
# shellcheck disable=SC2034 # the helper reads RUN and PIDS

load options-helper

setup()
{
	scratch
	command -v jq > /dev/null || skip 'no jq'
}
teardown() { sweep; }

# What changes the directory, or ends a step: a kill elsewhere leaves the same.
STEPS='linkfd mkdir chmod chown rename noreplace exchange fsync pwrite truncate unlink rmdir close'

# walk OPTION...: kills a save at each of these calls in turn. After each: the file
# is old or new; what is left is found and dealt with; a second run finds
# nothing. Kinds that were left go to $ROOT/kinds.
walk()
{
	local call kills=0 n
	mkdir -p w
	for call in $STEPS; do
		n=1
		while killed_at $n:kill:"$call" "$@"; do
			n=$((n + 1))
			kills=$((kills + 1))
		done
	done
	[ "$kills" -gt 8 ]
}

# killed_at FAULT OPTION...: 1 if nothing fired
killed_at()
{
	local status=0 found fault=$1
	shift
	printf 'old\n' > w/f
	printf 'new\n' | crash "$fault" "$FAULTY/commit-save" "$@" w/f || status=$?
	[ "$status" -eq 137 ] || return 1
	found=$(remains w | wc -l)
	if [ "$found" -gt 0 ]; then
		remains w | sed 's/.*\.//' >> "$ROOT/kinds"
		{
			gives 0 commit-recover -n --json w &&
				json ".found == $found and .would and .repaired == 0" &&
				[ "$(remains w | wc -l)" -eq "$found" ] &&
				gives 10 commit-recover w && gives 0 commit-recover w && [ ! -s "$OUT" ] &&
				[ -z "$(remains w)" ]
		} || wrong "$fault"
	fi
	case $(< w/f) in
	old | new | "${APPENDED:-new}") ;;
	*) wrong "$fault" ;;
	esac
}

# The loop above ends by a status that is not 0: this ends the test.
wrong()
{
	echo "killed at $1, then wrong:"
	tree
	touch "$ROOT/wrong"
}

@test "orphans of a save killed at each of its calls" {
	need_json
	walk --validate=true -b
	APPENDED=$'old\nnew' walk -a
	walk --in-place
	[ ! -e "$ROOT/wrong" ]
	sort -u "$ROOT/kinds" > kinds
	holds kinds 'displaced\ninplace\nstaged\nstagedir\n'
}

@test "the same where files have a name from the start" {
	tmpfile=1:EOPNOTSUPP:forever:tmpfile
	mkdir w
	for call in create flock mkdir rename fsync rmdir; do
		n=1
		while killed_at "$tmpfile,$n:kill:$call" --validate=true; do
			n=$((n + 1))
		done
		[ "$n" -gt 1 ]
	done
	[ ! -e "$ROOT/wrong" ]
	[ "$(sort -u "$ROOT/kinds")" = $'staged\nstagedir' ]
}

@test "a finding's line: decision, kind, path, age, size, owner, reason" {
	orphan staged .
	gives 0 commit-recover -n .
	silent
	[ "$(wc -l < "$OUT")" -eq 1 ]
	prints "remove staged $LEFT: age " '4 bytes' "owner $(id -un)" 'process that is gone'
	gives 10 commit-recover .
	prints "remove staged $LEFT"
	orphan stagedir .
	gives 0 commit-recover -n .
	prints "remove stage-dir $LEFT"
	orphan displaced .
	gives 0 commit-recover -n .
	prints "remove staged $LEFT"
	orphan inplace .
	gives 0 commit-recover -n .
	prints "roll-forward in-place $LEFT" ', for ./f: '
	gives 10 commit-recover -v .
	prints 'roll-forward'
	says '1 findings, 1 repaired, 0 not, 0 to be decided'
	holds f 'new\n'
}

@test "--json: each finding, then the totals; the keys" {
	orphan inplace .
	mkdir d
	orphan staged d
	gives 10 commit-recover --json -r .
	silent
	[ "$(wc -l < "$OUT")" -eq 3 ]
	json '.summary == true and .tool == "commit-recover" and .would == false and .found == 2 and
		.remove == 1 and .["roll-forward"] == 1 and .repaired == 2 and .failed == 0 and
		.conflicts == 0 and .live == 0 and .young == 0 and .unproven == 0 and .foreign == 0 and
		.conflict == 0 and .exit == 10 and .scanned >= 5'
	jq -es 'map(select(.summary | not)) | length == 2 and
		all(.[]; keys == ["age","code","decision","done","errno","kind","owner","path","reason",
		"size","target","tool","uid","version"] and .done and .code == 0 and .errno == null and
		.age < 60 and .age >= 0)' "$OUT"
	jq -es "any(.[]; .kind == \"in-place\" and .decision == \"roll-forward\" and .target == \"./f\" and
		.uid == $(id -u) and .owner == \"$(id -un)\")" "$OUT"
	jq -es "any(.[]; .kind == \"staged\" and .decision == \"remove\" and .target == null and
		.path == \"./$LEFT\" and .size == 4)" "$OUT"
	gives 0 commit-recover --json -r .
	[ "$(wc -l < "$OUT")" -eq 1 ]
	json '.found == 0 and .exit == 0'
}

@test "--json: a path that is not UTF-8" {
	mkdir $'d\xff'
	orphan inplace $'d\xff'
	gives 10 commit-recover --json $'d\xff'
	jq -es '.[0] | .path.bytes != null and .target.bytes != null' "$OUT"
	[ "$(jq -r 'select(.target) | .target.bytes' "$OUT" | base64 -d)" = $'d\xff/f' ]
}

@test "10, 0 with --repaired-ok, 0 the second time" {
	orphan staged .
	gives 10 commit-recover .
	gives 0 commit-recover .
	orphan staged .
	gives 0 commit-recover --repaired-ok .
	prints remove
	gives 0 commit-recover --repaired-ok .
	[ ! -s "$OUT" ]
	clean
}

@test "-n: for each kind, nothing changes and nothing is locked for good" {
	local kind
	for kind in staged stagedir displaced inplace; do
		rm -rf d
		mkdir d
		orphan $kind d
		before=$(tree)
		gives 0 commit-recover -n d
		[ "$(wc -l < "$OUT")" -eq 1 ]
		gives 0 commit-recover --dry-run --json -r .
		json '.would and .found == 1 and .repaired == 0 and .exit == 0'
		[ "$(tree)" = "$before" ]
	done
}

@test "displaced: the old version that a finished save exchanged out goes, an edit stays" {
	orphan exchanged .
	holds f 'new\n'
	holds "$LEFT" 'old\n'
	gives 10 commit-recover .
	prints 'finished save has replaced'
	holds f 'new\n'
	clean
	# had somebody written it in between, it is theirs
	orphan exchanged .
	echo theirs > "$LEFT"
	gives 11 commit-recover --json .
	json '.conflicts == 1 and .exit == 11'
	holds "$LEFT" 'theirs\n'
	gives 11 commit-recover .
	prints conflict
	holds "$LEFT" 'theirs\n'
}

@test "live: a save that waits for its command, with a named staged file" {
	echo old > f
	mkfifo fifo
	COMMIT_FAULT=1:EOPNOTSUPP:forever:tmpfile "$FAULTY/commit-save" f -- cat fifo 3>&- &
	saver=$!
	PIDS=$saver
	left() { [ -n "$(remains .)" ]; }
	until_true left
	until_true pgrep -P "$saver"
	gives 0 commit-recover .
	[ ! -s "$OUT" ]
	gives 0 commit-recover -v .
	prints live 'holds the lock'
	gives 0 commit-recover --json .
	json '.live == 1 and .found == 1 and .repaired == 0 and .exit == 0'
	gives 0 commit-recover --older-than=0 -r .
	left
	echo new > fifo
	wait "$saver"
	holds f 'new\n'
	clean
}

@test "live: a save under its validator" {
	echo old > f
	mkfifo fifo
	echo new | commit-save --validate='cat fifo' f 2> /dev/null 3>&- &
	saver=$!
	PIDS=$saver
	staged() { [ -n "$(find . -path '*.stagedir/f')" ]; }
	until_true staged
	gives 0 commit-recover -v .
	prints live stage-dir
	staged
	echo > fifo
	wait "$saver"
	holds f 'new\n'
	clean
}

@test "live: somebody works on the journal, or holds the edited file" {
	command -v flock > /dev/null || skip 'no flock(1)'
	orphan inplace .
	before=$(tree)
	hold "$LEFT"
	gives 0 commit-recover -v .
	prints live in-place
	release
	hold f
	gives 0 commit-recover -v .
	prints live 'lock on the edited file'
	[ "$(tree)" = "$before" ]
	release
	gives 10 commit-recover .
	holds f 'new\n'
}

@test "--older-than: what is younger stays" {
	local kind age
	for kind in staged stagedir displaced inplace; do
		orphan $kind .
		for age in 90s 10m 12h 7d 2w 3600; do
			gives 0 commit-recover --older-than=$age .
			prints 'young ' 
			[ -n "$(remains .)" ]
		done
		gives 0 commit-recover --json --older-than=1h .
		json '.young == 1 and .repaired == 0 and .exit == 0'
		gives 10 commit-recover --older-than=0 .
		clean
	done
	for age in '' soon -1 1y 1.5h 10mm; do
		gives 2 commit-recover --older-than="$age" .
		says --older-than
	done
}

@test "a finding's own path is dealt with" {
	orphan staged .
	mkdir d
	orphan staged d
	gives 10 commit-recover "$LEFT"
	[ -z "$(remains d)" ]
	[ -n "$(remains .)" ]
	orphan inplace d
	gives 10 commit-recover "$LEFT"
	holds d/f 'new\n'
	gives 1 commit-recover "$LEFT"
	says ENOENT
}

@test "-r or not; several paths; the gravest status" {
	mkdir -p a/b/c z
	orphan staged a
	orphan staged a/b
	orphan inplace a/b/c
	orphan staged z
	gives 10 commit-recover a
	[ -z "$(find a -maxdepth 1 -name '.commit-*')" ]
	[ "$(remains a | wc -l)" -eq 2 ]
	gives 10 commit-recover -r --json a/b z
	json '.repaired == 3'
	clean
	orphan staged a
	orphan inplace z
	echo theirs > z/f
	gives 11 commit-recover a z missing
	says missing ENOENT
	[ -z "$(remains a)" ]
	rm -r z
	orphan staged a
	gives 1 commit-recover a missing
	[ -z "$(remains a)" ]
}

@test "-x: not across mounts" {
	unshare -m true 2> /dev/null || skip 'may not make a mount namespace'
	mkdir -p d/mnt
	# shellcheck disable=SC2016
	run unshare -m sh -c 'mount -t tmpfs none d/mnt || exit 99
		cd d/mnt && echo old > f
		n=0
		until ls -d .commit-*.staged > /dev/null 2>&1; do
			n=$((n + 1))
			[ "$n" -lt 100 ] || exit 98
			echo new | COMMIT_FAULT=$n:kill "$LC_FAULT_BIN/commit-save" f
		done
		cd ../..
		commit-recover -r -x d; echo "x: $?"
		commit-recover -r -x d/mnt/; echo "mnt: $?"
		commit-recover -r d; echo "again: $?"'
	echo "$output"
	[ "$status" -ne 99 ] || skip 'may not mount'
	[ "$status" -eq 0 ]
	[[ "$output" == *'x: 0'*'remove staged'*'mnt: 10'*'again: 0'* ]]
}

@test "without PATH: the configuration, else 2" {
	[ -e /etc/commit/recover.conf ] || {
		gives 2 commit-recover -r
		says recover.conf
	}
	gives 2 commit-recover --config="$PWD/missing"
	says missing
	mkdir a b
	orphan staged a
	orphan staged b
	printf '# comment\n\n  %s/a  \n' "$PWD" > conf
	gives 10 commit-recover --config=conf
	[ -z "$(remains a)" ] && [ -n "$(remains b)" ]
	# paths on the command line are instead of it
	gives 10 commit-recover --config=missing b
	printf 'relative\n' > conf
	gives 2 commit-recover --config=conf
	says conf 'line 1' relative absolute
	printf '# nothing\n' > conf
	gives 2 commit-recover --config=conf
	gives 2 commit-recover ''
	gives 1 commit-recover --config=.
}

@test "usage errors are 2" {
	local words
	while read -r words; do
		eval "set -- $words"
		gives 2 commit-recover "$@" || { echo "case: $words"; return 1; }
		[ ! -s "$OUT" ]
		[ "$(wc -l < "$ERR")" -eq 1 ]
	done <<-'END'
		--nonsense .
		-Z .
		--journal-dir= .
		--prom= .
		--config= .
		--older-than .
		--json=yes .
		. ''
	END
	gives 0 commit-recover --help
	prints 'usage: commit-recover'
	gives 0 commit-recover --version
	if [ "$(id -u)" -eq 0 ] && as_user commit-recover --version > /dev/null 2>&1; then
		gives 2 as_user commit-recover --as-owner .
		says root
	fi
}

@test "--help names every option of the manual, and the manual those of --help" {
	gives 0 commit-recover --help
	grep -oE -- '--[a-z][a-z-]+' "$OUT" | sort -u > helped
	grep -E '^\.It Fl' "$LC_SRCDIR/man/commit-recover.8" | grep -oE 'Fl -[a-z-]+|, -[a-z-]+' |
		sed -E 's/^(Fl|,) -/--/' | sort -u > documented
	diff helped documented
}

@test "names that only look like ours are never removed" {
	local i=0 name
	for name in .commit-0123456789abcdef-01234567-0123456789abcdef.staged \
		.commit-0123456789abcdef-00000000-0123456789abcdef.inplace \
		.commit-0123456789ABCDEF-01234567-0123456789abcdef.staged \
		.commit-0123456789abcdef-01234567-0123456789abcdef.stage \
		.commit-0123456789abcdef-01234567-0123456789abcdef.staged~ \
		x.commit-0123456789abcdef-01234567-0123456789abcdef.staged \
		.commit-0123456789abcde-01234567-0123456789abcdef.staged \
		.commit-0123456789abcdef-01234567-0123456789abcdef-0123456789abcdef.staged \
		.commit-0123456789abcdef-01234567-0123456789abcdef.displaced \
		.commit- .commit .commit-.staged; do
		echo "$name" > "$name"
		i=$((i + 1))
	done
	mkdir .commit-0123456789abcdef-01234567-0123456789abcdef.stagedir
	touch .commit-0123456789abcdef-01234567-0123456789abcdef.stagedir/f
	before=$(tree)
	gives 0 commit-recover --json -r .
	json '.unproven == 3 and .found == 3 and .repaired == 0 and .exit == 0'
	[ "$(tree)" = "$before" ]
	gives 0 commit-recover -r .
	prints unproven
}

@test "a name of ours on something else: nothing but the name is proof enough" {
	orphan staged .
	rm "$LEFT"
	mkdir "$LEFT"
	gives 0 commit-recover .
	prints unproven
	rmdir "$LEFT"
	echo precious > precious
	ln -s precious "$LEFT"
	gives 0 commit-recover .
	prints unproven
	[ -L "$LEFT" ]
	rm "$LEFT"
	mkfifo "$LEFT"
	gives 0 commit-recover .
	[ -p "$LEFT" ]
	holds precious 'precious\n'
	# in another directory the same name proves nothing
	rm "$LEFT"
	orphan staged .
	mkdir d
	mv "$LEFT" d
	gives 0 commit-recover d
	prints unproven
	[ -n "$(remains d)" ]
}

@test "a copied tree: unproven, left, and so is a copied journal" {
	local kind
	for kind in staged stagedir inplace; do
		rm -rf d e
		mkdir d
		orphan $kind d
		cp -a d e
		gives 0 commit-recover --json -r e
		json '.unproven == 1 and .found == 1 and .repaired == 0'
		[ "$(remains e | wc -l)" -eq 1 ]
		holds e/f 'old\n'
		# the original is still ours
		gives 10 commit-recover -r .
		[ -z "$(remains d)" ]
	done
	rm -rf d e
	mkdir d
	orphan displaced d
	cp -a d e
	# nobody can tell whose version that is
	gives 11 commit-recover -r e
	[ "$(remains e | wc -l)" -eq 1 ]
	# moving keeps the directory
	mv d g
	gives 10 commit-recover g
}

# orphans N DIR
orphans()
{
	local _
	touch "$2/f"
	for _ in $(seq "$1"); do
		echo x | crash 1:kill:fsync "$FAULTY/commit-save" "$2/f" || true
	done
	[ "$(remains "$2" | wc -l)" -eq "$1" ]
}

@test "many findings" {
	mkdir d
	orphans 60 d
	touch d/other{1..2000}
	gives 10 commit-recover --json d
	json '.found == 60 and .repaired == 60 and .remove == 60 and .scanned == 2061'
	[ "$(wc -l < "$OUT")" -eq 61 ]
	clean
	[ "$(find d -type f | wc -l)" -eq 2001 ]
}

@test "two at once do the work once" {
	need_json
	mkdir d
	orphans 30 d
	commit-recover --json d > one 3>&- &
	first=$!
	status=0
	commit-recover --json d > two || status=$?
	[ "$status" -eq 0 ] || [ "$status" -eq 10 ]
	status=0
	wait "$first" || status=$?
	[ "$status" -eq 0 ] || [ "$status" -eq 10 ]
	[ "$(jq -s 'map(select(.summary).repaired) | add' one two)" -eq 30 ]
	[ "$(jq -s 'map(select(.summary).failed) | add' one two)" -eq 0 ]
	clean
}

@test "a directory that cannot be read: told, 1, and the rest is done" {
	need_root
	need_user
	mkdir -p d/a d/m d/z
	give d d/*
	RUN=as_user
	orphan staged d/a
	orphan staged d/z
	chmod 000 d/m
	chown root d/m
	gives 1 as_user commit-recover -r d
	says d/m EACCES warning
	[ -z "$(remains d/a)$(remains d/z)" ]
	gives 1 as_user commit-recover -q -r d
	says d/m
	lacks "$ERR" warning
	gives 1 as_user commit-recover -r d/m
	gives 0 commit-recover -r d
}

@test "a directory that may not be written: 3, and the next run finishes" {
	need_root
	need_user
	mkdir d
	give d
	RUN=as_user
	orphan staged d
	chown root d
	give "$LEFT"
	gives 3 as_user commit-recover --json d
	jq -es '.[0].decision == "remove" and (.[0].done | not) and .[0].code == 3 and .[0].errno == "EACCES"' "$OUT"
	json '.failed == 1 and .repaired == 0 and .exit == 3'
	gives 3 as_user commit-recover d
	prints 'not done: EACCES'
	give d
	gives 10 as_user commit-recover d
	clean
}

@test "files of others: a user leaves them, root removes what is staged, not journals" {
	need_root
	need_user
	mkdir ours theirs
	chmod 777 ours
	# not readable yet
	echo old > ours/f
	echo new | crash 1:kill:chmod "$FAULTY/commit-save" ours/f || true
	gives 0 as_user commit-recover ours
	prints foreign 'owner root' 'cannot be opened'
	[ -n "$(remains ours)" ]
	give theirs
	RUN=as_user
	orphan staged theirs
	gives 10 commit-recover theirs
	orphan inplace theirs
	before=$(tree)
	gives 0 commit-recover theirs
	prints foreign in-place
	gives 0 commit-recover --json -r theirs
	json '.foreign == 1 and .repaired == 0 and .exit == 0'
	[ "$(tree)" = "$before" ]
}

@test "--as-owner: with the owner's identity" {
	need_root
	need_user
	getent passwd 65534 > /dev/null || skip 'user 65534 has no account'
	mkdir theirs
	give theirs
	RUN=as_user
	orphan inplace theirs
	gives 0 commit-recover --as-owner -n --json theirs
	json '.["roll-forward"] == 1 and .repaired == 0'
	holds theirs/f 'old\n'
	gives 10 commit-recover --as-owner --json -r .
	json '.["roll-forward"] == 1 and .repaired == 1 and .foreign == 0'
	holds theirs/f 'new\n'
	clean
	# with no more rights than the owner has
	orphan inplace theirs
	chown root theirs/f
	gives 3 commit-recover --as-owner theirs
	[ "$(cat theirs/f)" = old ]
	[ -n "$(remains theirs)" ]
}

@test "--prom: valid text, the counts, replaced whole, also with -n" {
	orphan staged .
	echo stale > p.prom
	gives 0 commit-recover -n --prom=p.prom .
	grep -qx 'commit_recover_findings{decision="remove"} 1' p.prom
	gives 10 commit-recover --prom=p.prom .
	grep -qx 'commit_recover_findings{decision="remove"} 1' p.prom
	gives 0 commit-recover --prom=p.prom .
	for decision in live young unproven foreign remove roll-forward conflict; do
		grep -qx "commit_recover_findings{decision=\"$decision\"} 0" p.prom
	done
	now=$(sed -n 's/^commit_recover_last_run_timestamp_seconds //p' p.prom)
	[ "$now" -le "$(date +%s)" ] && [ "$now" -gt "$(($(date +%s) - 60))" ]
	# every line is a comment or a sample, each family has its HELP and TYPE
	[ "$(grep -cvE '^(# (HELP|TYPE) commit_recover_[a-z_]+ .+|commit_recover_[a-z_]+(\{decision="[a-z-]+"\})? [0-9]+)$' p.prom)" -eq 0 ]
	[ "$(grep -c '^# TYPE' p.prom)" -eq 2 ]
	lacks p.prom stale
	gives 1 commit-recover --prom=nowhere/p.prom .
	says nowhere
	clean
}

@test "output that nobody takes: the work is done, and told" {
	[ -c /dev/full ] || skip 'no /dev/full'
	orphan staged .
	status=0
	commit-recover --repaired-ok . > /dev/full 2> "$ERR" || status=$?
	[ "$status" -eq 1 ]
	says ENOSPC
	clean
}

@test "killed at each of its calls, it converges" {
	local kind n
	mkdir d
	for kind in staged stagedir exchanged inplace; do
		n=0
		while n=$((n + ${LC_EVERY:-1})); do
			orphan $kind d
			status=0
			crash $n:kill "$FAULTY/commit-recover" d > /dev/null || status=$?
			gives 0 commit-recover -q --repaired-ok d
			[ -z "$(remains d)" ]
			[ "$kind" != inplace ] || holds d/f 'new\n'
			[ "$status" -eq 137 ] || break
		done
		[ "$status" -eq 10 ]
		[ "$n" -gt 3 ]
	done
}
