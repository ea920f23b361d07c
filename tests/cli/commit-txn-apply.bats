#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# commit-txn apply: archives of several programs and formats, directories, what
# is kept, and --mirror.

# shellcheck disable=SC2016 # validators expand their own $1
# shellcheck disable=SC2034 # the helper reads PIDS

load txn-helper

setup() {
	scratch
	need_archive
	export COMMIT_ROOT=$ROOT/w/root
	make_source
}
teardown() { sweep; }

# A bit of everything.
make_source() {
	mkdir -p src/etc/sub src/empty "src/$(printf 'caf\303\251')"
	echo hello >src/etc/a
	chmod 640 src/etc/a
	ln src/etc/a src/etc/a.link
	ln -s ../nowhere src/etc/sym
	head -c 600000 /dev/urandom >src/big
	: >src/none
	echo '#!/bin/sh' >src/etc/run
	chmod 755 src/etc/run
	echo q >src/etc/sub/q
	chmod 500 src/etc/sub
	echo odd >"src/ a\"'"
	if [ "$(id -u)" -eq 0 ]; then
		chown 3:4 src/etc/a
		chown -h 5:6 src/etc/sym
		chmod 4755 src/etc/run
	fi
}

# pack NAME CMD...: its output, run in src, is the archive NAME
pack() {
	local name=$1
	shift
	(cd src && "$@") >"$name"
	[ -s "$name" ]
}

# applied ARCHIVE [OPTION...]: root is like src then
applied() {
	gives 0 commit-txn apply -v "$@"
	says committed
	same src root
}

# what src, as an archive whose author's clock ran, is not: nothing at all
anew() {
	chmod -R u+rwx root
	rm -rf root
	mkdir root
}

@test "tar, of GNU tar in its formats, by name and from standard input" {
	for format in gnu pax ustar; do
		anew
		pack a.tar tar --format=$format -cf - .
		applied a.tar
		anew
		gives 0 commit-txn apply - <a.tar
		same src root
		anew
		# shellcheck disable=SC2002 # a pipe is what is tested
		cat a.tar | gives 0 commit-txn apply -
		same src root
	done
	idle
}

@test "filters: gzip, xz, bzip2, zstd" {
	pack a.tar tar -cf - .
	for filter in gzip xz bzip2 zstd; do
		command -v $filter >/dev/null || continue
		anew
		$filter -c a.tar >"a.$filter"
		applied "a.$filter"
		anew
		# shellcheck disable=SC2002
		cat "a.$filter" | gives 0 commit-txn apply -
		same src root
	done
}

@test "cpio: newc has the content with the last name of a file" {
	need cpio
	for format in newc odc; do
		anew
		pack a.cpio sh -c "find . -depth | cpio -o -H $format --quiet"
		applied a.cpio
		[ root/etc/a -ef root/etc/a.link ]
	done
}

@test "tar and pax of bsdtar" {
	need bsdtar
	for format in pax gnutar ustar cpio newc; do
		anew
		pack a.tar bsdtar --format $format -cf - .
		applied a.tar
	done
}

@test "zip" {
	need zip
	# a zip knows no hard links
	rm src/etc/a.link
	(cd src && zip -qry ../a.zip .)
	applied a.zip
	anew
	# shellcheck disable=SC2002
	cat a.zip | gives 0 commit-txn apply -
	same src root
}

@test "7zip, xar, ISO 9660: what these formats know" {
	need bsdtar
	rm src/etc/a.link
	for format in 7zip xar iso9660; do
		anew
		(cd src && bsdtar --format $format -cf ../a . 2>/dev/null)
		gives 0 commit-txn apply a
		diff -r --no-dereference -x .commit src root
		[ $format != 7zip ] || anew
		# shellcheck disable=SC2002
		[ $format != 7zip ] || cat a | gives 0 commit-txn apply -
		diff -r --no-dereference -x .commit src root
	done
}

@test "access control lists and attributes" {
	need setfacl setfattr
	setfacl -m u:7:rw,g:8:r src/etc/a
	setfacl -d -m u:9:rx src/empty
	setfattr -n user.note -v text src/etc/a
	setfattr -n user.dir -v text src/etc
	pack a.tar tar --acls --xattrs -cf - .
	applied a.tar
	[ "$(getfattr --only-values -n user.note root/etc/a)" = text ]
	[ "$(getfattr --only-values -n user.dir root/etc)" = text ]
	getfacl -n root/etc/a | grep -qx 'user:7:rw-'
	# one that the archive does not have is gone with the old file
	setfacl -m u:11:rwx root/none
	applied a.tar
	if command -v bsdtar >/dev/null; then
		anew
		pack a.tar bsdtar --acls --xattrs -cf - .
		applied a.tar
	fi
}

@test "sparse files stay sparse" {
	truncate -s 50M src/sparse
	printf end | dd of=src/sparse bs=1 seek=30000000 conv=notrunc status=none
	pack a.tar tar --sparse -cf - .
	applied a.tar
	[ "$(du -k root/sparse | cut -f1)" -lt 2000 ]
	anew
	gives 0 commit-txn apply --from=src
	same src root
	[ "$(du -k root/sparse | cut -f1)" -lt 2000 ]
}

@test "--from=DIR" {
	applied --from=src
	[ root/etc/a -ef root/etc/a.link ]
	anew
	# through a symbolic link too
	ln -s src link
	applied --from=link
	anew
	applied --from=link/
	# the store of the source stays where it is
	mkdir src/.commit src/etc/.commit
	touch src/.commit/x
	anew
	gives 0 commit-txn apply --from=src
	[ ! -e root/etc/.commit ]
	rmdir src/etc/.commit
	same src root
}

@test "--from: what is no directory, or is no archive" {
	gives 1 commit-txn apply --from=missing
	says missing ENOENT
	gives 1 commit-txn apply --from=src/big
	says ENOTDIR
	gives 1 commit-txn apply missing
	says missing ENOENT
	gives 1 commit-txn apply src
	says EISDIR --from=DIR
	gives 4 commit-txn apply src/big
	says big
	gives 1 commit-txn apply - <&-
	[ -z "$(find root -mindepth 1 ! -path '*/.commit*')" ]
}

@test "over what is there: replaced, and the rest stays" {
	mkdir -p root/etc/a.link root/other
	echo old >root/etc_is_no_dir
	echo old >root/none
	chmod 600 root/none
	ln -s big root/empty
	echo keep >root/other/f
	pack a.tar tar -cf - .
	gives 0 commit-txn apply a.tar
	[ -f root/none ]
	[ ! -s root/none ]
	[ "$(mode root/none)" = 644 ]
	# an empty directory gave way to a file, a link to a directory
	[ root/etc/a.link -ef root/etc/a ]
	[ -d root/empty ]
	[ ! -L root/empty ]
	holds root/other/f 'keep\n'
}

@test "a directory with something in it gives way to a file with --mirror only" {
	mkdir -p root/none/deep
	echo x >root/none/deep/f
	pack a.tar tar -cf - .
	before=$(tree root)
	gives 1 commit-txn apply a.tar
	says none ENOTEMPTY
	[ "$(tree root)" = "$before" ]
	applied a.tar --mirror
}

@test "a symbolic link to a directory is kept, as by a package manager; --mirror replaces it" {
	mkdir root/real
	ln -s real root/etc
	pack a.tar tar -cf - .
	gives 0 commit-txn apply a.tar
	[ -L root/etc ]
	holds root/real/a 'hello\n'
	applied a.tar --mirror
	[ ! -L root/etc ]
}

@test "--mirror removes the rest, but for what is spared" {
	applied --from=src
	mkdir -p root/more/deep root/lost+found root/spare/x
	echo x >root/more/deep/f
	echo x >root/lost+found/f
	echo x >root/etc/extra
	echo x >root/spare/x/f.keep
	echo x >root/spare/x/f
	ln -s /etc root/outside
	pack a.tar tar -cf - .
	gives 0 commit-txn apply --mirror -n a.tar
	for gone in etc/extra more more/deep more/deep/f outside spare spare/x spare/x/f spare/x/f.keep; do
		grep -qx "D $gone" "$OUT"
	done
	[ -e root/more/deep/f ]
	gives 0 commit-txn apply --mirror a.tar --exclude='*.keep'
	holds root/spare/x/f.keep 'x\n'
	holds root/lost+found/f 'x\n'
	[ ! -e root/spare/x/f ]
	[ ! -e root/more ]
	[ ! -L root/outside ]
	[ -e /etc/passwd ]
	rm -r root/spare root/lost+found
	same src root
	[ -d root/.commit ]
}

@test "--mirror spares mount points" {
	need_root
	mkdir root/mnt root/gone
	unshare -m true 2>/dev/null || skip 'may not make a mount namespace'
	pack a.tar tar -cf - .
	gives 0 unshare -m sh -c '
		mount --bind src/etc root/mnt || exit 99
		commit-txn apply --mirror a.tar || exit
		[ -e root/mnt/a ] && [ ! -e root/gone ]'
	[ -e src/etc/a ]
	rmdir root/mnt
	same src root
}

@test "--mirror with nothing to mirror is refused" {
	applied --from=src
	head -c 10240 /dev/zero >empty.tar
	: >empty
	gives 4 commit-txn apply --mirror empty.tar
	says 'nothing in it'
	gives 4 commit-txn apply --mirror empty
	# shellcheck disable=SC2002
	cat empty | gives 4 commit-txn apply --mirror -
	gives 4 commit-txn apply --mirror --from=src --strip-components=9
	says 'remove everything'
	mkdir void
	gives 4 commit-txn apply --mirror --from=void
	same src root
}

@test "--strip-components and --exclude" {
	pack a.tar tar -cf - etc big
	gives 0 commit-txn apply --strip-components=1 a.tar
	holds root/a 'hello\n'
	[ root/a.link -ef root/a ]
	holds root/sub/q 'q\n'
	[ ! -e root/big ]
	[ "$(readlink root/sym)" = ../nowhere ]
	anew
	gives 0 commit-txn apply --exclude='sub' --exclude='a*' --exclude='etc/sy?' a.tar
	[ -e root/big ]
	[ -e root/etc/run ]
	[ ! -e root/etc/sub ]
	[ ! -e root/etc/a ]
	[ ! -e root/etc/a.link ]
	[ ! -L root/etc/sym ]
}

@test "a hard link to what is excluded is refused" {
	mkdir two
	echo x >two/a
	ln two/a two/b
	tar -C two -cf a.tar a b
	gives 4 commit-txn apply --exclude=a a.tar
	says 'b: apply: a hard link'
	[ ! -e root/b ]
}

@test "owners: --no-same-owner, and not as root" {
	need_root
	pack a.tar tar -cf - .
	gives 0 commit-txn apply --no-same-owner a.tar
	[ -z "$(find root ! -user 0)" ]
	[ "$(mode root/etc/run)" = 755 ]
	need_user
	anew
	chown 65534:65534 root
	chmod 700 src/etc/sub
	pack a.tar tar -cf - .
	chmod 644 a.tar
	gives 0 as_user commit-txn apply a.tar
	[ -z "$(find root ! -user 65534)" ]
	[ "$(mode root/etc/run)" = 755 ]
	[ "$(mode root/etc/a)" = 640 ]
	diff -r --no-dereference -x .commit src root
}

@test "an owner by name goes by the name" {
	need_root
	id daemon >/dev/null 2>&1 || skip 'no user daemon'
	rm -r src
	mkdir src
	echo x >src/f
	pack a.tar tar --owner=daemon:4242 --group=nosuchgroup:77 -cf - f
	gives 0 commit-txn apply a.tar
	[ "$(stat -c %U root/f)" = daemon ]
	[ "$(stat -c %g root/f)" = 77 ]
}

@test "attributes that take a right are left out with a word, or kept" {
	need_root
	need setcap getfattr
	need_user
	setcap cap_net_raw+ep src/none || skip 'no capabilities on this file system'
	chmod 700 src/etc/sub
	pack a.tar tar --xattrs --xattrs-include='*' -cf - .
	gives 0 commit-txn apply a.tar
	getfattr -n security.capability root/none
	anew
	chown 65534:65534 root
	gives 0 as_user commit-txn apply a.tar
	says 'left out'
	run ! getfattr -n security.capability root/none
}

@test "new directories without an entry of their own" {
	mkdir -p x/a/b
	echo x >x/a/b/c
	tar -C x -cf a.tar a/b/c
	umask 027
	gives 0 commit-txn apply a.tar
	[ "$(mode root/a/b)" = 750 ]
	[ "$(mode root/a/b/c)" = 644 ]
}

@test "many names of one file, and content that comes late" {
	need cpio
	mkdir x
	echo x >x/1
	for i in 2 3 4 5; do ln x/1 "x/$i"; done
	(cd x && printf '%s\n' 1 2 3 4 5 | cpio -o -H newc --quiet) >a.cpio
	gives 0 commit-txn apply a.cpio
	for i in 1 2 3 4 5; do
		holds root/$i 'x\n'
		[ root/$i -ef root/1 ]
	done
}

@test "-n, --json, and a validator" {
	need_json
	pack a.tar tar -cf - .
	gives 0 commit-txn apply -n a.tar
	grep -qx 'A big' "$OUT"
	[ ! -e root/big ]
	gives 4 commit-txn apply a.tar --validate='! test -e "$1/big"'
	[ ! -e root/big ]
	gives 0 commit-txn apply a.tar --json --validate='test -e "$1/big"'
	json '.committed and .files >= 10 and .bytes >= 600000 and .flushes <= 8'
}

@test "a signal while the archive is still coming" {
	mkfifo in
	pack a.tar tar -cf - .
	before=$(tree root)
	commit-txn apply - <in 3>&- &
	PIDS=$!
	exec 8>in
	head -c 400000 a.tar >&8
	until_true sh -c 'test -n "$(ls root/.commit/stage 2>/dev/null)"'
	kill -TERM $!
	status=0
	wait $! || status=$?
	exec 8>&-
	[ "$status" -eq 143 ]
	[ "$(tree root)" = "$before" ]
	idle
}

@test "memory does not grow with the archive" {
	[ -z "${ASAN_OPTIONS-}" ] || skip 'sanitizers need more address space than this'
	head -c 200000000 /dev/zero >src/zeros
	pack a.tar tar -cf - zeros
	(
		ulimit -v 150000
		gives 0 commit-txn apply a.tar
	)
	cmp src/zeros root/zeros
}

@test "a directory that its owner may not write is filled before it gets its mode" {
	need_archive
	need_user
	mkdir -p src/closed/in
	echo x >src/closed/in/f
	chmod 555 src/closed/in src/closed
	chown -R 65534:65534 src root 2>/dev/null || true
	tar -C src -cf a.tar .
	chmod 644 a.tar
	gives 0 as_user commit-txn apply -C root a.tar
	[ "$(mode root/closed/in)" = 555 ] && [ "$(mode root/closed)" = 555 ]
	holds root/closed/in/f 'x\n'
	idle
}
