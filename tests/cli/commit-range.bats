#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# commit-range: ranges of a file or a block device, edited in place.
# shellcheck disable=SC2034 # the helper reads RUN and PIDS
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and so it should be

load options-helper

setup() { scratch; }
teardown() {
	[ -z "$LOOP" ] || losetup -d "$LOOP"
	sweep
}

ranged() { "$FAULTY/commit-range" "$@"; }
log_of() { find . -maxdepth 1 -name '.commit-*.range'; }

@test "write: bytes from standard input at an offset, the inode stays" {
	printf 0123456789 > f
	old=$(stat -c '%i %a %u %g' f)
	printf ab | gives 0 commit-range write --at=3 f
	holds f '012ab56789'
	silent
	printf cd | gives 0 commit-range --undo write f --at 0xA
	holds f '012ab56789cd'
	[ "$(stat -c '%i %a %u %g' f)" = "$old" ]
	printf x | gives 0 commit-range write --at=1K -v f
	says 'wrote 1 ranges, 1 bytes'
	[ "$(stat -c %s f)" -eq 1025 ]
}

@test "apply: many ranges, all or nothing" {
	printf 0123456789 > f
	printf SRC > src
	printf 'write 0 "a\\0b"\n# none\n\nhex 4 5a5A\nfrom 7 src\nzero 20 2\n' | gives 0 commit-range apply f
	holds f 'a\0b3ZZ6SRC\0\0\0\0\0\0\0\0\0\0\0\0'
	before=$(state f)
	printf 'write 0 x\nhex 1 5\n' | gives 2 commit-range apply f
	says 'line 2'
	printf 'write 0 x\nfrom 1 none\n' | gives 1 commit-range apply f
	says none ENOENT
	printf 'write 0 x\nwrite 1 y' | gives 4 commit-range apply f
	says 'breaks off'
	printf '\n# only this\n' | gives 4 commit-range apply f
	gives 4 commit-range apply f < /dev/null
	gives 0 commit-range apply --allow-empty f < /dev/null
	printf 'write 12x x\n' | gives 2 commit-range apply f
	printf 'shout 12 x\n' | gives 2 commit-range apply f
	: > nothing
	printf 'from 12 nothing\n' | gives 4 commit-range apply f
	[ "$(state f)" = "$before" ]
}

@test "usage, and what is not for it" {
	printf x > f
	for words in '' write 'write f' 'apply --at=1 f' 'write --at=-1 f' 'write --at=1 f g' \
		'write --at=9223372036854775808 f' 'log -n f' 'log --undo f' 'shout f' 'write --at=1 -'; do
		# shellcheck disable=SC2086 # words
		gives 2 commit-range $words < /dev/null
	done
	gives 4 commit-range write --at=0 f < /dev/null
	says allow-empty
	echo y | gives 1 commit-range write --at=0 none
	says none ENOENT
	echo y | gives 1 commit-range write --at=0 .
	echo y | gives 1 commit-range write --at=9223372036854775807 f
	says EFBIG
	chmod 4755 f
	echo y | gives 4 commit-range write --at=0 f
	says commit-save
	holds f x
	gives 0 commit-range --help
	gives 0 commit-range --version
}

@test "a dry run changes nothing and says what it would do" {
	printf 0123 > f
	before=$(state f)
	printf ab | gives 0 commit-range write -n --at=3 f
	prints 'would write 1 ranges, 2 bytes'
	[ "$(state f)" = "$before" ]
	clean
}

@test "somebody else holds the lock: 5" {
	printf 0123 > f
	hold f
	printf ab | gives 5 commit-range write --wait=0 --at=3 f
	release
	holds f 0123
	printf ab | gives 0 commit-range write --wait=0 --at=3 f
}

@test "killed after the commit: the log says so, the next edit or commit-recover finishes" {
	for how in edit recover file; do
		printf 0123456789 > f
		printf ab | gives 0 commit-range write --at=3 f
		printf cd | COMMIT_FAULT=2:kill:pwrite gives 137 "$FAULTY/commit-range" write --at=0 f
		holds f '012ab56789'
		gives 0 commit-range log f
		prints 'recovery: roll-forward' ' commit transaction'
		gives 0 commit-recover -n .
		prints 'roll-forward range' './f'
		holds f '012ab56789'
		case $how in
		edit) printf e | gives 0 commit-range write --at=9 f; printf 9 | gives 0 commit-range write --at=9 f ;;
		recover) gives 10 commit-recover . ;;
		file) gives 10 commit-recover f ;;
		esac
		holds f 'cd2ab56789'
		gives 0 commit-recover .
		gives 0 commit-recover --check .
		gives 0 commit-range log f
		prints 'recovery: nothing'
		rm -rf .commit-*
	done
}

@test "killed write-behind is taken back" {
	printf 0123456789 > f
	printf ab | gives 0 commit-range write --at=3 f
	printf cdefghijklmnop | COMMIT_FAULT=3:kill:pwrite gives 137 "$FAULTY/commit-range" write --undo --at=0 f
	holds f 'cdefghijklmnop'
	gives 0 commit-range log f
	prints 'recovery: take-back' write-behind
	gives 10 commit-recover .
	prints take-back
	holds f '012ab56789'
}

@test "somebody else wrote there: 11, nothing is touched" {
	printf 0123456789 > f
	printf ab | gives 0 commit-range write --at=3 f
	printf cd | COMMIT_FAULT=2:kill:pwrite gives 137 "$FAULTY/commit-range" write --at=0 f
	printf '?' | dd of=f bs=1 conv=notrunc status=none
	gives 11 commit-recover .
	printf e | gives 11 commit-range write --at=9 f
	says 'edited by somebody else' '.range'
	gives 11 commit-range log f
	holds f '?12ab56789'
	gives 11 commit-recover --check .
	# the way out that the message names
	rm -r "$(log_of)"
	printf e | gives 0 commit-range write --at=9 f
	holds f '?12ab5678e'
}

@test "a damaged log: 11; the log of a file that is gone is removed" {
	printf 0123456789 > f
	printf ab | gives 0 commit-range write --at=3 f
	printf ab | gives 0 commit-range write --at=5 f
	log=$(log_of)
	cp "$log/segment-0000000000000001" kept
	printf '\377' | dd of="$log/segment-0000000000000001" bs=1 seek=4200 conv=notrunc status=none
	gives 11 commit-range log f
	prints damaged
	printf ab | gives 11 commit-range write --at=3 f
	gives 11 commit-recover .
	cp kept "$log/segment-0000000000000001"
	gives 0 commit-recover .
	rm f
	gives 10 commit-recover .
	prints 'remove range' 'gone'
	clean
}

@test "a copied log is not obeyed" {
	printf 0123456789 > f
	printf ab | gives 0 commit-range write --at=3 f
	printf cd | COMMIT_FAULT=2:kill:pwrite gives 137 "$FAULTY/commit-range" write --at=0 f
	mkdir copy
	cp -a f .commit-* copy
	gives 0 commit-recover copy
	prints unproven
	holds copy/f '012ab56789'
}

@test "full disk, failed flush: 1 and nothing changed, 6, 3 and finished later" {
	printf 0123456789 > f
	printf ab | gives 0 commit-range write --at=3 f
	before=$(stat -c '%i %s %b %Y' f)
	printf cd | COMMIT_FAULT=1:ENOSPC:reserve gives 1 "$FAULTY/commit-range" write --at=9 f
	says f ENOSPC
	[ "$(stat -c '%i %s %b %Y' f)" = "$before" ]
	printf cd | COMMIT_FAULT=2:EIO:fdatasync gives 6 "$FAULTY/commit-range" write --at=9 f
	says commit-recover
	gives 10 commit-recover .
	holds f '012ab5678cd'
	printf ef | COMMIT_FAULT=3:EIO:fdatasync gives 3 "$FAULTY/commit-range" write --at=0 f
	gives 10 commit-recover .
	holds f 'ef2ab5678cd'
	printf gh | COMMIT_FAULT=3:EIO:fdatasync gives 1 "$FAULTY/commit-range" write --undo --at=0 f
	holds f 'ef2ab5678cd'
	gives 0 commit-recover .
}

@test "beside the file where that can be, else in the journal directory" {
	[ "$(id -u)" -eq 0 ] || skip 'not root'
	mkdir d
	printf 0123 > d/f
	chmod 666 d/f
	chmod 777 "$ROOT/home"
	unset COMMIT_JOURNAL_DIR
	printf ab | gives 0 as_user commit-range write --at=1 d/f
	holds d/f 0ab3
	[ -z "$(remains d)" ]
	[ -n "$(remains "$ROOT/home/.local/state/commit")" ]
	printf c | gives 0 as_user commit-range write --at=1 d/f
	[ "$(remains "$ROOT/home/.local/state/commit" | wc -l)" -eq 1 ]
	gives 0 as_user commit-range log d/f
	prints "$ROOT/home/.local/state/commit/.commit-"
}

@test "calls do not depend on the size of the file" {
	printf 0123456789 > small
	truncate -s 20G large || skip 'no files of that size here'
	for f in small large; do
		printf x | gives 0 commit-range write --at=0 $f
		head -c 4096 /dev/urandom > bytes
		COMMIT_FAULT_LOG=$ROOT/$f.calls gives 0 ranged write --at=0 $f < bytes
		head -c 4096 $f | cmp - bytes
	done
	# of the sparse one room is reserved
	small=$(sed -n 's/^calls \([0-9]*\).*/\1/p' "$ROOT/small.calls")
	large=$(sed -n 's/^calls \([0-9]*\).*/\1/p' "$ROOT/large.calls")
	[ "$large" -le $((small + 2)) ]
	[ "$(du -k large | cut -f 1)" -lt 1000 ]
}

@test "as JSON" {
	need_json
	printf 0123456789 > f
	printf ab | gives 0 commit-range write --json --at=3 f
	json '.committed and .ranges == 1 and .bytes == 2 and .exit == 0'
	gives 0 commit-range log --json f
	json '.summary and .recovery == "nothing" and .records == 4 and .epoch == 1'
	gives 4 commit-range write --json --at=3 f < /dev/null
	json '.committed == false and .exit == 4'
}

@test "a block device: explicit log, exclusively, not behind its end" {
	[ "$(id -u)" -eq 0 ] || skip 'not root'
	unset COMMIT_JOURNAL_DIR
	truncate -s 1M image
	LOOP=$(losetup -f --show image 2> /dev/null) || skip 'no loop devices'
	printf ab | gives 2 commit-range write --at=512 "$LOOP"
	says 'journal directory'
	printf ab | gives 0 commit-range write --journal-dir="$ROOT/j" --at=512 "$LOOP"
	[ "$(dd if="$LOOP" bs=1 skip=512 count=2 status=none)" = ab ]
	printf ab | gives 4 commit-range write --journal-dir="$ROOT/j" --at=1048575 "$LOOP"
	says 'end of the device'
	printf cd | COMMIT_FAULT=2:kill:pwrite gives 137 "$FAULTY/commit-range" write --journal-dir="$ROOT/j" --at=0 "$LOOP"
	gives 0 commit-range log --journal-dir="$ROOT/j" "$LOOP"
	prints roll-forward
	gives 10 commit-recover "$ROOT/j"
	[ "$(dd if="$LOOP" bs=1 count=2 status=none)" = cd ]
	# another device under that name
	printf ef | COMMIT_FAULT=2:kill:pwrite gives 137 "$FAULTY/commit-range" write --journal-dir="$ROOT/j" --at=0 "$LOOP"
	losetup -d "$LOOP"
	truncate -s 1M other
	losetup "$LOOP" other
	gives 11 commit-recover "$ROOT/j"
	cmp -n 1048576 "$LOOP" /dev/zero
}
