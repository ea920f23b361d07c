#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2094 # gives writes out and err, which are other files
#
# A transaction of commit-txn by steps: operations, status, diff, commit, abort.

# shellcheck disable=SC2030,SC2031 # T is local to a test, and is meant to be
# shellcheck disable=SC2034 # the helper reads PIDS

load txn-helper

setup() {
	scratch
	export COMMIT_ROOT=$ROOT/w/root
	mkdir root/d
	printf 'one\ntwo\n' >root/a
	echo b >root/b
	ln -s a root/l
}
teardown() { sweep; }

@test "each operation, begun, made and committed by processes of their own" {
	begins
	printf 'one\n2\n' | gives 0 commit-txn put "$T" a
	echo from >src
	chmod 640 src
	gives 0 commit-txn put "$T" new --from=src
	gives 0 commit-txn put "$T" made -- echo hello
	gives 0 commit-txn mkdir "$T" e
	gives 0 commit-txn mv "$T" b e/b
	gives 0 commit-txn link "$T" a hard
	gives 0 commit-txn symlink "$T" ../x e/sym
	gives 0 commit-txn rmdir "$T" d
	gives 0 commit-txn rm "$T" l
	gives 0 commit-txn chmod "$T" 600 made
	before=$(tree root)
	gives 0 commit-txn status "$T"
	prints 'M a\nD b\nD d\nA e/\nA e/b\nA e/sym\nA hard\nD l\nA made\nA new\n'
	[ "$(tree root)" = "$before" ]
	gives 0 commit-txn commit "$T" -v
	says 'committed' 'files' 'flushes'
	holds root/a 'one\n2\n'
	holds root/new 'from\n'
	[ "$(mode root/new)" = 640 ]
	holds root/made 'hello\n'
	[ "$(mode root/made)" = 600 ]
	holds root/e/b 'b\n'
	[ root/hard -ef root/a ]
	[ "$(readlink root/e/sym)" = ../x ]
	[ ! -e root/d ]
	[ ! -L root/l ]
	[ ! -e root/b ]
	idle
}

@test "@ is COMMIT_TXN" {
	COMMIT_TXN=$(commit-txn begin)
	export COMMIT_TXN
	echo x | gives 0 commit-txn put @ f
	gives 0 commit-txn commit @
	holds root/f 'x\n'
}

@test "chown and setxattr" {
	need_root
	need getfattr
	begins
	gives 0 commit-txn chown "$T" 3:4 a
	gives 0 commit-txn chown "$T" 5 b
	gives 0 commit-txn setxattr "$T" user.plain=text a
	gives 0 commit-txn setxattr "$T" user.hex=0x00ff41 a
	gives 0 commit-txn setxattr "$T" user.empty= a
	gives 2 commit-txn setxattr "$T" user.bad=0x0g a
	says hexadecimal
	gives 2 commit-txn setxattr "$T" noequals a
	says NAME=VALUE
	gives 0 commit-txn commit "$T"
	[ "$(stat -c %u:%g root/a)" = 3:4 ]
	[ "$(stat -c %u:%g root/b)" = 5:0 ]
	[ "$(getfattr --only-values -n user.plain root/a)" = text ]
	[ "$(getfattr -e hex -n user.hex root/a | grep '=')" = user.hex=0x00ff41 ]
	getfattr -n user.empty root/a
}

@test "metadata that publishing could not set are refused before the commit" {
	mkdir root/dir
	for words in 'userx.name=v a' 'user=v a' 'system.nonsense=v a' \
		'system.posix_acl_default=v a' 'usr.x=v dir'; do
		echo "setxattr $words" >ops
		gives 1 commit-txn script -C root <ops
		idle
	done
	need_root
	need_user
	chmod 755 root
	mkdir theirs own
	touch theirs/f own/f
	chown 65534 theirs own own/f
	for words in 'theirs:chmod 600 f' 'theirs:setxattr user.x=v f' 'own:chown 0 f' \
		'theirs:chown 65534 f'; do
		echo "${words#*:}" >ops
		gives 1 as_user commit-txn script -C "${words%%:*}" <ops
		[ -z "$(ls "${words%%:*}/.commit/stage")" ]
	done
	[ "$(stat -c %a:%u theirs/f)" = 644:0 ]
	printf '%s\n' 'chmod 600 f' 'setxattr user.x=v f' 'chown :65534 f' >ops
	gives 0 as_user commit-txn script -C own <ops
	[ "$(stat -c %a:%g own/f)" = 600:65534 ]
}

@test "metadata of a name that links an old file change with the commit, not before" {
	chmod 644 root/a root/b
	begins
	gives 0 commit-txn link "$T" a name
	gives 0 commit-txn chmod "$T" 600 name
	[ "$(mode root/a)" = 644 ]
	gives 0 commit-txn abort "$T"
	[ "$(mode root/a)" = 644 ]
	printf 'link a name\nchmod 600 name\nput n %s\nlink n m\nchmod 611 m\n' root/b |
		gives 0 commit-txn script
	[ "$(mode root/a)" = 600 ]
	[ root/a -ef root/name ]
	[ "$(mode root/n)" = 611 ]
}

@test "put keeps what the transaction has done to the metadata before, and so do links" {
	chmod 644 root/a root/b
	printf 'chmod 640 a\nput a root/b\nchmod 600 b\nlink b c\nrm b\n' | gives 0 commit-txn script
	[ "$(mode root/a)" = 640 ]
	[ "$(mode root/c)" = 600 ]
	# and if that was another process
	begins
	gives 0 commit-txn chmod "$T" 604 a
	gives 0 commit-txn put "$T" a --from=root/c
	gives 0 commit-txn chmod "$T" 606 c
	gives 0 commit-txn link "$T" c e
	gives 0 commit-txn rm "$T" c
	gives 0 commit-txn commit "$T"
	[ "$(mode root/a)" = 604 ]
	[ "$(mode root/e)" = 606 ]
}

@test "an abort that is killed half way leaves nothing that could be committed" {
	need_faults
	local n
	for call in unlink:1 unlink:2 unlink:3 unlink:4 rmdir:1; do
		begins
		# of many names the one that counts is hardly the first by itself
		for n in 1 2 3 4 5 6 7 8; do
			gives 0 commit-txn put "$T" "n$n" -- echo x
		done
		gives 0 commit-txn put "$T" a -- echo x
		gives 0 commit-txn put "$T" b -- echo x
		gives 137 env COMMIT_FAULT="${call#*:}:kill:once:${call%:*}" \
			"$LC_FAULT_BIN/commit-txn" abort "$T"
		[ "$call" = unlink:1 ] || gives 1 commit-txn commit "$T"
		holds root/b 'b\n'
		gives 0 commit-txn abort "$T"
		idle
	done
}

@test "chmod takes whole modes only" {
	begins
	gives 2 commit-txn chmod "$T" g+w a
	says 'say the whole mode'
	gives 2 commit-txn chmod "$T" 99 a
	gives 0 commit-txn chmod "$T" u=rw,g=r,o= a
	gives 0 commit-txn chmod "$T" 2711 d
	gives 0 commit-txn commit "$T"
	[ "$(mode root/a)" = 640 ]
	[ "$(mode root/d)" = 2711 ]
}

@test "put: content of a command counts only if it exits with 0" {
	begins
	gives 4 commit-txn put "$T" a -- sh -c 'echo half; exit 3'
	says 'status 3' 'nothing was put'
	gives 4 commit-txn put "$T" a -- sh -c 'echo half; kill -9 $$'
	says SIGKILL
	gives 4 commit-txn put "$T" a -- ./no-such-command
	says 'status 127'
	gives 0 commit-txn status "$T"
	prints ''
	# and the transaction goes on
	gives 0 commit-txn put "$T" a -- echo whole
	gives 0 commit-txn commit "$T"
	holds root/a 'whole\n'
}

@test "put: sources that are none" {
	begins
	gives 1 commit-txn put "$T" a --from=missing
	says 'missing' ENOENT
	gives 1 commit-txn put "$T" a --from=root/d
	says EISDIR
	mkfifo pipe
	gives 1 commit-txn put "$T" a --from=pipe
	says 'SRC must be a file'
	gives 1 commit-txn put "$T" a <&-
	says 'it is closed'
	gives 0 commit-txn status "$T"
	prints ''
}

@test "put: a large file and an empty one arrive whole" {
	head -c 5000000 /dev/urandom >src
	begins
	gives 0 commit-txn put "$T" big -- cat src
	gives 0 commit-txn put "$T" big2 <src
	gives 0 commit-txn put "$T" empty </dev/null
	gives 0 commit-txn commit "$T"
	cmp src root/big
	cmp src root/big2
	[ -f root/empty ]
	[ ! -s root/empty ]
}

@test "put --expect: only over the state that the token is of" {
	token=$(commit-save --token root/a)
	begins
	echo new | gives 0 commit-txn put "$T" a --expect="$token"
	gives 0 commit-txn commit "$T"
	holds root/a 'new\n'
	begins
	echo newer | gives 4 commit-txn put "$T" a --expect="$token"
	says 'changed since the token'
	gives 0 commit-txn status "$T"
	prints ''
	echo first | gives 0 commit-txn put "$T" fresh -e absent
	gives 4 commit-txn put "$T" a -e absent -- echo x
	gives 0 commit-txn commit "$T"
	holds root/fresh 'first\n'
}

@test "an operation that cannot be is refused, and so is the commit then" {
	begins
	gives 1 commit-txn rm "$T" missing
	says missing ENOENT
	gives 1 commit-txn commit "$T"
	holds root/b 'b\n'
	begins
	gives 1 commit-txn mkdir "$T" ../out
	[ ! -e out ]
	begins
	gives 1 commit-txn put "$T" .commit/x -- echo x
	begins
	gives 1 commit-txn put "$T" d -- echo x
	says EISDIR
}

@test "status -0 and names of all kinds" {
	begins
	name=$(printf -- '-n\n\377 "x')
	gives 0 commit-txn put --from=root/b -- "$T" "$name"
	gives 0 commit-txn status "$T"
	has '\012'
	gives 0 commit-txn status -0 "$T"
	[ "$(tr '\0' '@' <"$OUT")" = "A $name@" ]
	long=$(head -c 255 /dev/zero | tr '\0' x)
	gives 0 commit-txn put "$T" "$long" -- echo long
	gives 0 commit-txn commit "$T"
	holds "root/$long" 'long\n'
	holds "root/$name" 'b\n'
}

@test "diff is what diff -u shows" {
	need diff
	begins
	cp -a root/. want
	printf 'one\n2\n' | gives 0 commit-txn put "$T" a
	printf 'one\n2\n' >want/a
	echo new | gives 0 commit-txn put "$T" n
	echo new >want/n
	gives 0 commit-txn rm "$T" b
	rm want/b
	gives 0 commit-txn diff "$T"
	cp "$OUT" shown
	# as patch takes it
	need patch
	mkdir try
	cp -a root/a root/b try
	(cd try && patch -s -p1 <../shown)
	holds try/a 'one\n2\n'
	holds try/n 'new\n'
	[ ! -e try/b ]
	grep -qx -- '--- a/a' shown
	grep -qx -- '+++ b/a' shown
	grep -qx -- '--- /dev/null' shown
	grep -qx -- '-two' shown
}

@test "diff: what is not text is said in a line" {
	need diff
	begins
	printf 'a\0b' | gives 0 commit-txn put "$T" a
	gives 0 commit-txn chmod "$T" 600 b
	gives 0 commit-txn mkdir "$T" e
	gives 0 commit-txn rm "$T" l
	gives 0 commit-txn symlink "$T" elsewhere l
	gives 0 commit-txn diff "$T"
	grep -q '^Binary files .*a/a and .*b/a differ' "$OUT"
	has 'b: owner, mode or attributes' 'e: absent -> directory' \
		'l: symbolic link a -> elsewhere'
	holds root/a 'one\ntwo\n'
}

@test "diff without the program diff" {
	begins
	echo x | gives 0 commit-txn put "$T" a
	mkdir bin
	ln -s "$(command -v commit-txn)" bin/
	gives 1 env PATH="$PWD/bin" commit-txn diff "$T"
	says diffutils
}

@test "abort: nothing happens; after the end it is no error" {
	begins
	echo x | gives 0 commit-txn put "$T" a
	before=$(tree root)
	gives 0 commit-txn abort "$T"
	[ "$(tree root)" = "$before" ]
	idle
	gives 0 commit-txn abort "$T"
	gives 1 commit-txn put "$T" a </dev/null
	gives 1 commit-txn commit "$T"
	begins
	echo x | gives 0 commit-txn put "$T" a
	gives 0 commit-txn commit "$T"
	gives 0 commit-txn abort "$T"
	holds root/a 'x\n'
	# but of a root without a store it is
	gives 1 commit-txn abort -C / "$T"
}

@test "commit -n prints what would change, and leaves it open" {
	begins
	echo x | gives 0 commit-txn put "$T" a
	gives 0 commit-txn commit -n "$T"
	prints 'M a\n'
	holds root/a 'one\ntwo\n'
	gives 0 commit-txn commit "$T"
	prints ''
	holds root/a 'x\n'
}

@test "a change by somebody else refuses the commit" {
	begins
	echo mine | gives 0 commit-txn put "$T" a
	echo theirs >root/a
	gives 4 commit-txn commit "$T"
	says a
	holds root/a 'theirs\n'
}

@test "list tells which are open" {
	gives 0 commit-txn init
	gives 0 commit-txn list
	prints ''
	begins
	gives 0 commit-txn list
	grep -Eqx "$T open [0-9T:Z-]+ $(id -u) [0-9]+ [0-9]+" "$OUT"
	gives 0 commit-txn list -0
	[ "$(tr -cd '\0' <"$OUT" | wc -c)" -eq 1 ]
	echo x | gives 0 commit-txn put "$T" a
	gives 0 commit-txn commit "$T"
	gives 0 commit-txn list
	prints ''
	gives 0 commit-txn list -v
	grep -q "^$T committed" "$OUT"
}

@test "begin --owner: the transaction ends with that process" {
	sleep 60 3>&- &
	PIDS=$!
	T=$(commit-txn begin --owner=$!)
	echo x | gives 0 commit-txn put "$T" a
	kill $!
	wait $! || true
	# the next commit looks for what is dead
	U=$(commit-txn begin)
	gives 0 commit-txn put "$U" other -- echo y
	gives 0 commit-txn commit "$U"
	gives 0 commit-recover --repaired-ok root
	gives 1 commit-txn commit "$T"
	holds root/a 'one\ntwo\n'
}

@test "--wait: busy while somebody has the store" {
	begins
	echo x | gives 0 commit-txn put "$T" a
	mkfifo ready go
	commit-txn read -- sh -c 'echo > ready; read -r _ < go' 3>&- &
	PIDS=$!
	read -r -t 20 _ <>ready
	gives 5 commit-txn commit --wait=0 "$T"
	holds root/a 'one\ntwo\n'
	timeout 20 sh -c 'echo >go'
	wait $!
	gives 0 commit-txn commit "$T"
	holds root/a 'x\n'
}

@test "who owns a file may lock himself out, and in again" {
	need_user
	mkdir own own/d own/locked
	echo old >own/f
	echo old >own/d/f
	chmod 0 own/locked
	chown -R 65534:65534 own
	cat >ops <<-END
		chmod 000 f
		setxattr user.x=v f
		chmod 600 f
		write n text
		chmod 000 n
		chmod 640 n
		mkdir m
		chmod 000 m
		chmod 710 m
		chmod 000 d
		chmod 000 d/f
		chmod 700 locked
	END
	gives 0 as_user commit-txn script -C own <ops
	[ "$(cd own && stat -c %a f n m d locked d/f | xargs)" = '600 640 710 0 700 0' ]
	echo 'chmod 000 f' >ops
	gives 0 as_user commit-txn script -C own <ops
	printf '%s\n' 'chmod 640 f' 'chmod 755 d' >ops
	gives 0 as_user commit-txn script -C own <ops
	[ "$(cd own && stat -c %a f d | xargs)" = '640 755' ]
}

# What the kernel gives in the directory, and what a transaction has made of the same.
same_birth() {
	local kind
	for kind in f d l d/f d/d d/l; do
		[ "$(stat -c '%a %g' "$1/native-$kind")" = "$(stat -c '%a %g' "$1/ours-$kind")" ] ||
			{ stat -c '%A %g %n' "$1/native-$kind" "$1/ours-$kind"; return 1; }
		[ ! -L "$1/native-$kind" ] || continue
		[ "$(getfacl -cnp "$1/native-$kind")" = "$(getfacl -cnp "$1/ours-$kind")" ] ||
			{ getfacl -np "$1/native-$kind" "$1/ours-$kind"; return 1; }
	done
}

@test "what is new gets group and default ACL of its directory, not of the stage" {
	need_root
	need getfacl setfacl
	mkdir root/plain root/group root/acl
	chgrp 4321 root/group
	chmod 2775 root/group
	setfacl -d -m u::rwx,u:1234:rw,g::r,o::- root/acl || skip 'no ACLs here'
	gives 0 commit-txn init
	for umask in 022 077; do
		umask "$umask"
		for dir in plain group acl; do
			(cd "root/$dir" && rm -rf native* ours* && echo x >native-f && mkdir native-d native-d/d && echo x >native-d/f &&
				ln -s x native-l && ln -s x native-d/l)
			printf '%s\n' "write $dir/ours-f x" "mkdir $dir/ours-d" "mkdir $dir/ours-d/d" \
				"write $dir/ours-d/f x" "symlink x $dir/ours-l" "symlink x $dir/ours-d/l" >ops
			gives 0 commit-txn script <ops
			same_birth "root/$dir"
		done
	done
	# and a root that hands down to its store keeps that to itself
	umask 022
	mkdir other
	chgrp 4321 other
	chmod 2755 other
	setfacl -d -m u:1234:rw other
	gives 0 commit-txn init -C other
	mkdir other/plain
	chmod g-s other/plain
	chgrp 0 other/plain
	setfacl -b other/plain
	(cd other/plain && echo x >native-f && mkdir native-d native-d/d && echo x >native-d/f &&
		ln -s x native-l && ln -s x native-d/l)
	printf '%s\n' 'write plain/ours-f x' 'mkdir plain/ours-d' 'mkdir plain/ours-d/d' \
		'write plain/ours-d/f x' 'symlink x plain/ours-l' 'symlink x plain/ours-d/l' >ops
	gives 0 commit-txn script -C other <ops
	same_birth other/plain
}

@test "a group that one is not of comes from the directory too" {
	need_root
	need_user
	mkdir own own/group
	chown 65534:4321 own/group
	chown 65534:65534 own
	chmod 2775 own/group
	echo 'write group/f x' >ops
	gives 0 as_user commit-txn script -C own <ops
	[ "$(stat -c %g own/group/f)" = 4321 ]
}
