#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# commit-txn script: operations from standard input, one transaction.

# shellcheck disable=SC2016 # validators expand their own $1
# shellcheck disable=SC2034 # the helper reads PIDS
# shellcheck disable=SC2094 # the command named script does not write the file named script

load txn-helper

setup() {
	scratch
	export COMMIT_ROOT=$ROOT/w/root
	mkdir root/d
	echo a >root/a
	echo b >root/b
}
teardown() { sweep; }

@test "each operation" {
	echo src >src
	gives 0 commit-txn script -v <<-'END'
		# a comment
		put a src
		write n "one\ntwo\n"
		   mkdir e	# blanks do not count
		mv b e/b

		link a hard
		symlink ../x e/sym
		rmdir d
		chmod u=rw,g=,o= a
	END
	says 'committed'
	holds root/a 'src\n'
	holds root/n 'one\ntwo\n'
	holds root/e/b 'b\n'
	[ root/hard -ef root/a ]
	[ "$(readlink root/e/sym)" = ../x ]
	[ ! -e root/d ]
	[ "$(mode root/a)" = 600 ]
	idle
	gives 0 commit-txn script <<<'rm e/sym'
	[ ! -L root/e/sym ]
}

@test "owners and attributes" {
	need_root
	need getfattr
	gives 0 commit-txn script <<-'END'
		chown 3:4 a
		setxattr "user.k=two words" a
		setxattr user.x=0x0041 a
	END
	[ "$(stat -c %u:%g root/a)" = 3:4 ]
	[ "$(getfattr --only-values -n user.k root/a)" = 'two words' ]
	[ "$(getfattr -e hex -n user.x root/a | grep '=')" = user.x=0x0041 ]
}

@test "quoted words have the escapes of C" {
	gives 0 commit-txn script <<-'END'
		write "a b" ""
		write "q\"\\" "\a\b\t\n\v\f\r\x41\101\60"
		write "\303\251" x
		write plain\not x
		write "zero" "a\0b"
	END
	[ -f 'root/a b' ]
	holds "root/q\"\\" '\a\b\t\n\v\f\rAA0'
	[ -f "root/$(printf '\303\251')" ]
	[ -f 'root/plain\not' ]
	[ "$(od -An -c root/zero | tr -d ' ')" = 'a\0b' ]
}

@test "what makes no sense is 2, with its line, and changes nothing" {
	local line text
	before=$(tree root)
	while IFS='|' read -r line text; do
		printf 'write first x\n%b\nwrite last x\n' "$line" >script
		gives 2 commit-txn script <script || { echo "case: $line"; return 1; }
		says 'line 2' "$text" || { echo "case: $line"; return 1; }
		[ "$(tree root)" = "$before" ] || { echo "case: $line"; return 1; }
	done <<-'END'
		frob x|no such operation
		begin x|no such operation
		rm|another number of words
		rm a b|another number of words
		mv a|another number of words
		mv a b c d|too many words
		rm "a|a quotation mark is missing
		rm "a"b|a blank is missing
		rm a"b"|a quotation mark inside
		rm "\\q"|an escape that is none of
		rm "\\x4"|an escape that is none of
		rm "\\777"|an escape that is none of
		rm ""|a value makes no sense
		rm "\\0"|a value makes no sense
		rm a\0b|a zero byte
		chmod g+w a|a value makes no sense
		chown nosuchuser a|a value makes no sense
	END
	idle
}

@test "an operation that fails is 1, with its line, and changes nothing" {
	before=$(tree root)
	gives 1 commit-txn script <<-'END'
		write a x
		rm missing
	END
	says 'line 2' missing ENOENT
	[ "$(tree root)" = "$before" ]
	gives 1 commit-txn script <<<'put a missing'
	says 'line 1' missing ENOENT
	idle
}

@test "a script that breaks off or is empty is refused" {
	before=$(tree root)
	printf 'write a x\nrm b' >script
	gives 4 commit-txn script <script
	says 'breaks off in its last line'
	for empty in '' '\n\n' '# nothing\n'; do
		printf %b "$empty" >script
		gives 4 commit-txn script <script
		says 'no operation in it'
	done
	printf 'rm\0a' >script
	gives 4 commit-txn script -0 <script
	says 'breaks off in its last word'
	printf 'mv\0a\0' >script
	gives 4 commit-txn script -0 <script
	says 'breaks off in an operation'
	gives 1 commit-txn script <&-
	[ "$(tree root)" = "$before" ]
}

@test "-0: words end with a zero byte, nothing is escaped" {
	printf 'write\0#\na\0"\\n\0rm\0a\0mv\0b\0c d\0' >script
	gives 0 commit-txn script -0 <script
	holds "root/$(printf '#\na')" '"\\n'
	[ ! -e root/a ]
	holds 'root/c d' 'b\n'
	printf 'rmdir\0d\0frob\0' >script
	gives 2 commit-txn script -0 <script
	says 'word 3' 'no such operation'
}

@test "JSON and lines, mixed" {
	need_json
	echo src >src
	gives 0 commit-txn script --json <<-'END'
		{"op": "write", "path": "caf\u00e9", "text": "x\ny"}
		{"op": "write", "path": {"bytes": "Yf8="}, "text": {"bytes": "AAEC"}}
		{"op": "put", "path": "p", "src": "src"}
		rm b
		{"op": "mv", "old": "a", "new": "z"}
		{"op": "symlink", "target": "t", "new": "s"}
	END
	json '.committed'
	holds "root/$(printf 'caf\303\251')" 'x\ny'
	[ "$(od -An -tx1 "root/$(printf 'a\377')" | tr -d ' ')" = 000102 ]
	holds root/p 'src\n'
	holds root/z 'a\n'
	[ ! -e root/b ]
	[ "$(readlink root/s)" = t ]
}

@test "JSON that is no operation" {
	need_json
	before=$(tree root)
	while read -r line; do
		echo "$line" | gives 2 commit-txn script || { echo "case: $line"; return 1; }
		says 'line 1'
	done <<-'END'
		{}
		{"op": "frob"}
		{"op": "rm"
		{"op": 3}
		{"op": "rm"}
		{"op": "rm", "path": 3}
		{"op": "rm", "path": "b", "extra": 1}
		{"op": "rm", "path": "b", "path": "a"}
		{"op": "rm", "path": {"bytes": "YQ"}}
		{"op": "rm", "path": {"bytes": "Y!=="}}
		{"op": "rm", "path": {"bytes": ""}}
		{"op": "rm", "path": "a\u0000b"}
	END
	[ "$(tree root)" = "$before" ]
}

@test "-n, and a validator that says no" {
	before=$(tree root)
	gives 0 commit-txn script -n <<<'rm b'
	prints 'D b\n'
	gives 4 commit-txn script --validate='test -e "$1/b"' <<<'rm b'
	[ "$(tree root)" = "$before" ]
	idle
}

@test "a script of three thousand lines" {
	awk 'BEGIN { for (i = 1; i <= 3000; i++) print "write d/f" i " " i }' >script
	gives 0 commit-txn script -v <script
	says ': 3000 files'
	[ "$(find root/d -type f | wc -l)" -eq 3000 ]
	holds root/d/f2777 2777
}

@test "a signal while waiting for input" {
	before=$(tree root)
	mkfifo in
	commit-txn script <in 3>&- &
	PIDS=$!
	exec 8>in
	echo 'rm b' >&8
	until_true sh -c 'test -n "$(ls root/.commit/stage)"'
	kill -TERM $!
	status=0
	wait $! || status=$?
	exec 8>&-
	[ "$status" -eq 143 ]
	[ "$(tree root)" = "$before" ]
	idle
}

# what was found out about a directory holds as long as nobody has moved it
@test "a directory that gives way to a link" {
	gives 0 commit-txn script <<-'END'
		write d/a one
		mv d e
		symlink e d
		write d/b two
		rm d
		mkdir d
		write d/c three
	END
	holds root/e/a one
	holds root/e/b two
	holds root/d/c three
	[ ! -e root/e/c ]
}

@test "a path looked at, changed, and looked at again" {
	gives 0 commit-txn script <<-'END'
		write n one
		rm n
		mkdir n
		rmdir n
		mv a n
		write a two
	END
	holds root/n 'a\n'
	holds root/a two
}
