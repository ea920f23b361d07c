#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Options of commit-save about content, conditions, backups, metadata, links,
# flushing and dry runs.
# shellcheck disable=SC2034 # the helper reads RUN and PIDS
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and so it should be
# shellcheck disable=SC2016 # validators expand their own $1
# shellcheck disable=SC2094 # a file that is its own source is the point

load options-helper

setup() { scratch; }
teardown() { sweep; }

@test "empty content is refused for an old and for a new FILE; --allow-empty means it" {
	echo old > f
	before=$(state f)
	gives 4 commit-save f < /dev/null
	says f empty --allow-empty
	gives 4 commit-save f -- true
	gives 4 commit-save --from=/dev/null f
	[ "$(state f)" = "$before" ]
	gives 4 commit-save g < /dev/null
	[ ! -e g ]
	gives 0 commit-save --allow-empty g -- true
	[ -f g ] && [ ! -s g ]
	gives 0 commit-save --allow-empty f < /dev/null
	[ -f f ] && [ ! -s f ]
	clean
}

@test "-a: absent, existing, empty file, nothing to add" {
	echo one | gives 0 commit-save -a f
	holds f 'one\n'
	printf two | gives 0 commit-save --append f
	printf 'three\n' | gives 0 commit-save -a f
	holds f 'one\ntwothree\n'
	gives 0 commit-save -a f -- echo four
	echo five > src
	gives 0 commit-save -a --from=src f
	holds f 'one\ntwothree\nfour\nfive\n'
	before=$(state f)
	gives 0 commit-save -a f < /dev/null
	gives 9 commit-save -a --unchanged=9 f < /dev/null
	gives 0 commit-save -a --allow-empty f -- true
	[ "$(state f)" = "$before" ]
	gives 0 commit-save -a g < /dev/null
	[ ! -e g ]
	: > h
	echo one | gives 0 commit-save -a h
	holds h 'one\n'
	clean
}

@test "-a of nothing is still refused where a condition does not hold" {
	echo old > f
	token=$(commit-save --token f)
	gives 0 commit-save -a -e "$token" f < /dev/null
	gives 4 commit-save -a -e absent f < /dev/null
	says f token
	gives 4 commit-save -a --must-exist g < /dev/null
	gives 4 commit-save -a -x f < /dev/null
	echo newer > f
	gives 4 commit-save -a -e "$token" f < /dev/null
	holds f 'newer\n'
}

@test "-a keeps mode, owner and other names' content, and a failing producer adds nothing" {
	echo old > f
	chmod 640 f
	gives 4 commit-save -a f -- sh -c 'echo half; exit 1'
	holds f 'old\n'
	echo new | gives 0 commit-save -a f
	[ "$(mode f)" = 640 ]
	gives 0 commit-save -a f < f
	holds f 'old\nnew\nold\nnew\n'
	ln -s f link
	echo last | gives 0 commit-save -a link
	[ -L link ]
	holds f 'old\nnew\nold\nnew\nlast\n'
}

@test "-a of many megabytes to many" {
	head -c 20000000 /dev/zero | tr '\0' a > f
	head -c 7000001 /dev/zero | tr '\0' b > g
	cat f g > want
	gives 0 commit-save -a --sync=none f < g
	cmp f want
	gives 0 commit-save -a --sync=none g -- cat f
	[ "$(stat -c %s g)" -eq 34000002 ]
	clean
}

@test "-u: same content leaves inode, times and everything else alone" {
	printf 'same\n' > f
	touch -d 2001-02-03 f
	before=$(state f)
	echo same | gives 0 commit-save -u f
	gives 0 commit-save --if-changed f -- echo same
	echo same | gives 0 commit-save -u -b f
	[ ! -e f~ ]
	echo same | gives 0 commit-save -u --in-place f
	echo same | gives 0 commit-save -u -m 644 f
	echo same | gives 0 commit-save -u -m u=rw,g=r f
	echo same | gives 42 commit-save -u --unchanged=42 f
	[ "$(state f)" = "$before" ]
	clean
}

@test "-u: other content, other length, and metadata that was asked for are changes" {
	echo same > f
	old=$(inode f)
	echo sane | gives 0 commit-save -u --unchanged=42 f
	holds f 'sane\n'
	[ "$(inode f)" != "$old" ]
	echo sane more | gives 0 commit-save -u --unchanged=42 f
	old=$(inode f)
	echo sane more | gives 0 commit-save -u --unchanged=42 -m 600 f
	[ "$(mode f)" = 600 ]
	[ "$(inode f)" != "$old" ]
	echo new | gives 0 commit-save -u --unchanged=42 g
	holds g 'new\n'
	if [ "$(id -u)" -eq 0 ]; then
		echo new | gives 0 commit-save -u --unchanged=42 -o 1:1 g
		[ "$(stat -c %u:%g g)" = 1:1 ]
		echo new | gives 42 commit-save -u --unchanged=42 -o 1:1 g
	fi
}

@test "--unchanged is not for content that changed, nor for failures" {
	echo old > f
	echo new | gives 0 commit-save -u --unchanged=42 f
	gives 4 commit-save -u --unchanged=42 f -- false
	gives 4 commit-save -u --unchanged=42 f < /dev/null
}

@test "-b: each CONTROL and its other names" {
	local control
	for control in simple never; do
		rm -rf ./*
		echo old > f
		echo new | gives 0 commit-save --backup=$control f
		[ "$(ls)" = $'f\nf~' ]
	done
	for control in numbered t; do
		rm -rf ./*
		echo old > f
		echo new | gives 0 commit-save --backup=$control f
		[ "$(ls)" = $'f\nf.~1~' ]
		echo newer | gives 0 commit-save --backup=$control f
		holds f.~1~ 'old\n'
		holds f.~2~ 'new\n'
	done
	for control in existing nil; do
		rm -rf ./*
		echo old > f
		echo new | gives 0 commit-save --backup=$control f
		[ "$(ls)" = $'f\nf~' ]
		: > f.~7~
		echo newer | gives 0 commit-save --backup=$control f
		holds f.~8~ 'new\n'
		holds f~ 'old\n'
	done
	for control in none off; do
		rm -rf ./*
		echo old > f
		echo new | gives 0 commit-save --backup=$control f
		[ "$(ls)" = f ]
	done
	clean
}

@test "-b: without CONTROL, for a new file, the last one wins" {
	echo new | gives 0 commit-save -b f
	[ "$(ls)" = f ]
	echo newer | gives 0 commit-save --backup f
	holds f~ 'new\n'
	echo newest | gives 0 commit-save -b --backup=none f
	holds f~ 'new\n'
	echo last | gives 0 commit-save --backup=none -b f
	holds f~ 'newest\n'
}

@test "-S: a suffix of one's own; it asks for a backup by itself, as cp's does" {
	echo old > f
	echo new | gives 0 commit-save -S .bak f
	holds f.bak 'old\n'
	echo newer | gives 0 commit-save -b --suffix=.orig f
	holds f.orig 'new\n'
	# numbered backups have none
	echo last | gives 0 commit-save --backup=numbered -S .x f
	holds f.~1~ 'newer\n'
	[ ! -e f.x ]
	echo last | gives 0 commit-save --backup=none -S .x f
	[ ! -e f.x ]
}

@test "-b: the numbers: highest plus one, and what only looks like one" {
	echo old > f
	touch f.~9~ f.~10~ f.~11x~ f.~012~ 'f.~ 99~' f.~~ g.~50~ f.~-3~
	echo new | gives 0 commit-save --backup=numbered f
	holds f.~11~ 'old\n'
}

@test "-b: a backup has the old content, mode, owner and time; its older one is replaced" {
	echo one > f
	chmod 640 f
	touch -d '2001-02-03 04:05:06.7' f
	[ "$(id -u)" -ne 0 ] || chown 1:1 f
	old=$(stat -c '%a %u %g %y' f)
	echo two | gives 0 commit-save -b -m 600 f
	[ "$(stat -c '%a %u %g %y' f~)" = "$old" ]
	[ "$(mode f)" = 600 ]
	[ "$(inode f)" != "$(inode f~)" ]
	[ "$(stat -c %h f~)" -eq 1 ]
	echo three | gives 0 commit-save -b f
	holds f~ 'two\n'
	holds f 'three\n'
	# the backup of a backup
	echo four | gives 0 commit-save -b f~
	holds f~~ 'two\n'
	holds f~ 'four\n'
	clean
}

@test "-b: where the save fails the older backup is still the backup" {
	echo older > f~
	echo old > f
	before=$(tree)
	gives 4 commit-save -b f -- false
	echo new | gives 4 commit-save -b --validate=false f
	echo new | COMMIT_FAULT=1:EIO:rename gives 1 "$FAULTY/commit-save" -b f
	echo new | COMMIT_FAULT=2:EIO:fsync gives 1 "$FAULTY/commit-save" -b f
	holds f 'old\n'
	holds f~ 'older\n'
	[ "$(find . -type f | wc -l)" -eq 2 ]
	clean
}

@test "-b: a directory of the backup's name is not moved" {
	echo old > f
	mkdir f~
	touch f~/precious
	before=$(tree)
	echo new | gives 1 commit-save -b f
	says f EISDIR --suffix
	[ "$(tree)" = "$before" ]
	echo new | gives 1 commit-save -n -b f
	echo new | gives 1 commit-save --in-place -b f
	[ "$(tree)" = "$before" ]
	clean
}

@test "-b: a link of the backup's name is replaced, not followed" {
	echo precious > elsewhere
	ln -s elsewhere f~
	echo old > f
	echo new | gives 0 commit-save -b f
	[ ! -L f~ ]
	holds f~ 'old\n'
	holds elsewhere 'precious\n'
}

@test "names of 255 bytes are saved; a backup beside them is refused before anything changes" {
	name=$(printf '%255s' '' | tr ' ' n)
	echo old | gives 0 commit-save "$name"
	echo new | gives 0 commit-save -a "$name"
	echo new | gives 0 commit-save --validate='grep -q new "$1"' "$name"
	echo newer | gives 0 commit-save --in-place "$name"
	holds "$name" 'newer\n'
	before=$(state "$name")
	echo x | gives 1 commit-save -b "$name"
	says ENAMETOOLONG 'too long for a backup'
	[ "$(state "$name")" = "$before" ]
	echo x | gives 1 commit-save "${name}n"
	says ENAMETOOLONG
	# 254 and its ~ fit
	name=${name%n}
	echo old > "$name"
	echo new | gives 0 commit-save -b "$name"
	holds "$name~" 'old\n'
	clean
}

@test "-x: refuses what exists, a dangling link's target is created" {
	echo one | gives 0 commit-save -x f
	before=$(state f)
	echo two | gives 4 commit-save -x f
	says f EEXIST
	[ "$(state f)" = "$before" ]
	# refused before the command runs
	gives 4 commit-save --create f -- sh -c 'touch ran; echo x'
	[ ! -e ran ]
	ln -s target link
	echo x | gives 0 commit-save -x link
	[ -L link ]
	holds target 'x\n'
	echo x | gives 4 commit-save -x link
	echo x | gives 4 commit-save -x --symlink=replace link
	[ -L link ]
}

@test "-x: twenty at once, one creates it" {
	local i pids=
	for i in $(seq 20); do
		(
			status=0
			echo "$i" | commit-save -x f 2> /dev/null || status=$?
			echo "$status" > "status.$i"
		) 3>&- &
		pids="$pids $!"
	done
	# shellcheck disable=SC2086
	wait $pids
	[ "$(cat status.* | sort | uniq -c | tr -s ' \n' ' ')" = ' 1 0 19 4 ' ]
	i=$(cat f)
	[ "$(cat "status.$i")" -eq 0 ]
	clean
}

@test "--must-exist" {
	gives 4 commit-save --must-exist f -- sh -c 'touch ran; echo x'
	says f ENOENT
	[ ! -e f ] && [ ! -e ran ]
	echo old > f
	echo new | gives 0 commit-save --must-exist f
	holds f 'new\n'
	# gone while the command runs
	gives 4 commit-save --must-exist f -- sh -c 'rm f; echo x'
	[ ! -e f ]
	clean
}

@test "-f: what nobody may write needs it, and keeps its mode" {
	echo old > f
	chmod 444 f
	echo new | gives 4 commit-save f
	says --force EACCES
	echo new | gives 4 commit-save -a f
	holds f 'old\n'
	echo new | gives 0 commit-save -f f
	holds f 'new\n'
	[ "$(mode f)" = 444 ]
}

@test "-f: what somebody else only may write needs it too" {
	need_root
	need_user
	give .
	echo old > f
	echo new | gives 4 as_user commit-save f
	says --force
	echo new | gives 0 as_user commit-save -f f
	holds f 'new\n'
	says owner
}

@test "-m: octal and symbolic, on old and new files" {
	echo x | gives 0 commit-save -m 0604 f
	[ "$(mode f)" = 604 ]
	echo x | gives 0 commit-save -m g+w,o-r f
	[ "$(mode f)" = 620 ]
	echo x | gives 0 commit-save -m u+s,a=r f
	[ "$(mode f)" = 444 ]
	echo x | gives 0 commit-save -f -m a-r,u=rwx,g=rx f
	[ "$(mode f)" = 750 ]
	echo x | gives 0 commit-save -m +x f
	[ "$(mode f)" = 751 ]
	umask 077
	echo x | gives 0 commit-save -m go= f
	echo x | gives 0 commit-save -m +r f
	[ "$(mode f)" = 700 ]
	echo x | gives 0 commit-save -m u+s f
	[ "$(mode f)" = 4700 ]
	# a mode asked for is had, whatever the umask
	echo x | gives 0 commit-save -m 666 g
	[ "$(mode g)" = 666 ]
	# and kept by the next save
	echo y | gives 0 commit-save g
	[ "$(mode g)" = 666 ]
}

@test "-o: user, group, both; set-id does not survive a new owner" {
	need_root
	echo x > f
	chmod 4755 f
	echo y | gives 0 commit-save f
	[ "$(mode f)" = 4755 ]
	echo y | gives 0 commit-save -o 1 f
	[ "$(stat -c '%u %g %a' f)" = '1 0 755' ]
	echo y | gives 0 commit-save -o :2 f
	[ "$(stat -c '%u %g' f)" = '1 2' ]
	echo y | gives 0 commit-save --owner=root:root f
	[ "$(stat -c '%u %g' f)" = '0 0' ]
	group=$(id -g nobody) || skip 'no user nobody'
	echo y | gives 0 commit-save -o nobody: f
	[ "$(stat -c '%U %g' f)" = "nobody $group" ]
	echo y | gives 0 commit-save -o 3:4 -m 4711 g
	[ "$(stat -c '%u %g %a' g)" = '3 4 4711' ]
}

@test "-o: what was asked for and cannot be had is a failure, not a warning" {
	need_root
	need_user
	give .
	echo old > f
	give f
	before=$(state f)
	echo new | gives 1 as_user commit-save -o root f
	says owner EPERM
	# in place it must not be found out after the commit
	echo new | gives 1 as_user commit-save --in-place -o root f
	says EPERM
	echo new | gives 1 as_user commit-save --in-place -o :root f
	[ "$(state f)" = "$before" ]
	clean
	chown root f
	chmod 666 f
	echo new | gives 1 as_user commit-save --in-place -m 600 f
	says EPERM
	holds f 'old\n'
	clean
}

@test "--strict: what cannot be kept is an error, and the file as it was" {
	need_root
	need_user
	give .
	echo old > f
	before=$(state f)
	echo new | gives 1 as_user commit-save --strict -f f
	says 'cannot keep' EPERM
	[ "$(state f)" = "$before" ]
	clean
	echo new | gives 0 as_user commit-save -f f
	says warning
	[ "$(stat -c %u f)" = 65534 ]
}

@test "--no-preserve: each of its words" {
	need_root
	echo x > f
	chown 1:2 f
	chmod 600 f
	setfattr -n user.a -v 1 f 2> /dev/null || skip 'no extended attributes here'
	cp -a f g
	cp -a f h
	cp -a f i
	echo y | gives 0 commit-save --no-preserve=ownership f
	[ "$(stat -c '%u %g %a' f)" = '0 0 600' ]
	echo y | gives 0 commit-save --no-preserve=xattr g
	[ "$(stat -c '%u %g %a' g)" = '1 2 600' ]
	[ -z "$(getfattr g)" ]
	echo y | gives 0 commit-save f
	[ -n "$(getfattr f)" ]
	echo y | gives 0 commit-save --no-preserve=all h
	[ "$(stat -c '%u %g' h)" = '0 0' ]
	[ -z "$(getfattr h)" ]
	setfacl -m u:3:r i
	echo y | gives 0 commit-save --no-preserve=acl,xattr i
	[ -z "$(getfattr i)" ]
	[ "$(getfacl -cs i | grep -c user:)" -eq 0 ]
}

@test "--no-preserve=mode: as a new file, so far as -m does not say" {
	echo x > f
	chmod 600 f
	echo y | gives 0 commit-save --no-preserve=mode f
	[ "$(mode f)" = 644 ]
	chmod 4755 f
	echo y | gives 0 commit-save --no-preserve=all f
	[ "$(mode f)" = 644 ]
	umask 027
	echo y | gives 0 commit-save --no-preserve=mode -m u+x f
	[ "$(mode f)" = 740 ]
}

@test "--symlink: follow, replace, refuse" {
	echo old > f
	mkdir d
	ln -s ../f d/link
	ln -s d/link chain
	echo new | gives 0 commit-save chain
	[ -L chain ] && [ -L d/link ]
	holds f 'new\n'
	echo newer | gives 0 commit-save --symlink=follow d/link
	holds f 'newer\n'
	echo no | gives 4 commit-save --symlink=refuse chain
	says chain ELOOP --symlink
	echo yes | gives 0 commit-save --symlink=refuse f
	holds f 'yes\n'
	chmod 640 f
	echo mine | gives 0 commit-save --symlink=replace d/link
	[ ! -L d/link ]
	holds d/link 'mine\n'
	[ "$(mode d/link)" = 640 ]
	holds f 'yes\n'
	ln -s loop loop
	echo x | gives 1 commit-save loop
	says ELOOP
	ln -s nowhere dangling
	echo x | gives 0 commit-save --symlink=replace dangling
	[ ! -L dangling ] && [ ! -e nowhere ]
	clean
}

@test "--hardlink: refuse, break, in-place" {
	echo old > f
	ln f g
	before=$(state f)
	echo new | gives 4 commit-save f
	says f '2 hard links' --hardlink=break in-place
	echo new | gives 4 commit-save --hardlink=refuse f
	gives 4 commit-save f -- sh -c 'touch ran; echo x'
	[ ! -e ran ]
	[ "$(state f)" = "$before" ]
	old=$(inode f)
	echo new | gives 0 commit-save --hardlink=in-place --json f
	json '.outcome == "edited"'
	[ "$(inode f) $(inode g)" = "$old $old" ]
	holds g 'new\n'
	echo mine | gives 0 commit-save --hardlink=break f
	holds f 'mine\n'
	holds g 'new\n'
	[ "$(inode g)" = "$old" ]
	# with one name left there is nothing to refuse, and nothing to edit in place
	echo x | gives 0 commit-save --hardlink=in-place --json g
	json '.outcome == "saved"'
	clean
}

@test "--sync: two flushes, one, none; --json counts as strace does" {
	need_json
	strace -o /dev/null true 2> /dev/null || skip 'strace may not trace'
	# who is traced cannot look for leaks
	export ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0"
	# level options flushes
	local level want options
	while read -r want level options; do
		echo old > f
		touch f~
		rm -f new
		# shellcheck disable=SC2086
		echo new | gives 0 strace -f -qq -o trace -e trace=fsync,fdatasync,syncfs,sync,sync_file_range,msync \
			commit-save --json --sync="$level" $options
		echo "$level $options: $(grep -c sync trace) flushes"
		[ "$(grep -c 'sync' trace)" -eq "$want" ]
		json ".flushes == $want"
	done <<-'END'
		2 full f
		1 data f
		0 none f
		2 full new
		2 full -a f
		2 full -u f
		3 full -b f
		0 none -b f
		2 full --validate=true f
		4 full --in-place f
		0 none --in-place f
		2 full -e absent new
	END
	echo same > f
	echo same | gives 0 strace -f -qq -o trace -e trace=fsync,fdatasync,syncfs commit-save -u f
	[ ! -s trace ]
}

@test "-n: changes nothing in any mode, leaves nothing, and says what it would do" {
	need_json
	local words
	echo old > f
	echo old > two
	ln two three
	ln -s f link
	echo backup > f~
	# Names of directories change when something is staged in them.
	before=$(tree)
	while read -r words; do
		# shellcheck disable=SC2086
		head -c 100000 /dev/zero | gives 0 commit-save -n $words
		[ -s "$OUT" ] || { echo "case: $words"; return 1; }
		[ "$(tree)" = "$before" ] || { echo "case: $words"; tree; return 1; }
	done <<-'END'
		f
		new
		-a f
		-u f
		-b f
		--backup=numbered f
		-m 600 f
		-x new
		--must-exist f
		link
		--symlink=replace link
		--hardlink=break two
		--hardlink=in-place two
		--in-place f
		--in-place -a f
		--in-place -b f
		--in-place --validate=true f
		--validate=true f
		--allow-empty f
		--lock f
		--sync=none f
		--json f
		-v f
	END
	clean
	[ ! -e "$ROOT/journals" ]
	echo new | gives 0 commit-save -n f
	prints 'would replace f (4 bytes)'
	echo new | gives 0 commit-save -n -a f
	prints 'would replace f (8 bytes)'
	echo new | gives 0 commit-save -n new
	prints 'would create new (4 bytes)'
	echo new | gives 0 commit-save -n --in-place f
	prints 'would edit f in place (4 bytes)'
	echo old | gives 5 commit-save -n -u --unchanged=5 f
	prints 'unchanged f'
}

@test "-n: the command and the validator run, and their refusal counts" {
	echo old > f
	gives 0 commit-save --dry-run --validate='cp "$1" seen' f -- sh -c 'touch ran; echo new'
	[ -e ran ]
	holds seen 'new\n'
	holds f 'old\n'
	gives 4 commit-save -n f -- false
	echo new | gives 4 commit-save -n --validate=false f
	echo new | gives 4 commit-save -n -x f
	echo new | gives 4 commit-save -n -e absent f
	gives 4 commit-save -n f < /dev/null
	holds f 'old\n'
	clean
}

@test "--from: bits of SRC for a new FILE less umask and set-id, those of the old else" {
	echo x > src
	chmod 6775 src
	umask 027
	gives 0 commit-save --from=src f
	[ "$(mode f)" = 750 ]
	chmod 604 f
	gives 0 commit-save --from=src f
	[ "$(mode f)" = 604 ]
	gives 0 commit-save --from=f f
	holds f 'x\n'
	gives 1 commit-save --from=. f
	says EISDIR
	gives 1 commit-save --from=missing f
	says missing ENOENT
	mkfifo fifo
	echo by fifo > fifo 3>&- &
	PIDS=$!
	gives 0 commit-save --from=fifo g
	holds g 'by fifo\n'
	[ "$(mode g)" = 640 ]
	clean
}
