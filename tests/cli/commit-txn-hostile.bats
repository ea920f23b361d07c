#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# commit-txn apply: archives that somebody made to do harm, or that were damaged
# on the way. Each is refused whole, with the entry named (pitfall 46).

load txn-helper

setup() {
	scratch
	need_archive
	need python3
	# not what may stand before it on PATH, which takes longer than all the rest
	PYTHON=python3
	[ ! -x /usr/bin/python3 ] || PYTHON=/usr/bin/python3
	export COMMIT_ROOT=$ROOT/w/root
	echo old >root/old
	mkdir root/dir
	mkdir outside
	echo secret >outside/f
	commit-txn init
	before=$(both)
}
teardown() { sweep; }

# What nobody may touch.
both() {
	tree root
	tree outside
}

# make ENTRY...: a.tar has them: NAME, NAME/, NAME>TARGET (symbolic link),
# NAME=TARGET (hard link), NAME|c (device), NAME|f (fifo); after a good one
make() {
	$PYTHON - "$@" <<-'END'
		import io, sys, tarfile
		with tarfile.open('a.tar', 'w', format=tarfile.PAX_FORMAT) as tar:
		    for name in ['first'] + sys.argv[1:]:
		        data = b''
		        kind = tarfile.REGTYPE
		        link = ''
		        if '>' in name:
		            name, link = name.split('>')
		            kind = tarfile.SYMTYPE
		        elif '=' in name:
		            name, link = name.split('=')
		            kind = tarfile.LNKTYPE
		        elif name.endswith('|c'):
		            name, kind = name[:-2], tarfile.CHRTYPE
		        elif name.endswith('|f'):
		            name, kind = name[:-2], tarfile.FIFOTYPE
		        elif name.endswith('/'):
		            kind = tarfile.DIRTYPE
		        else:
		            data = b'new\n'
		        info = tarfile.TarInfo(name)
		        info.type, info.linkname, info.size = kind, link, len(data)
		        info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
		        tar.addfile(info, io.BytesIO(data))
	END
}

# untouched: what was there before, and nothing else
untouched() {
	idle
	diff <(echo "$before") <(both)
}

# refused NAME TEXT [ARCHIVE]
refused() {
	gives 4 commit-txn apply "${3:-a.tar}" --mirror
	says "$1" "$2"
	# shellcheck disable=SC2002
	cat "${3:-a.tar}" | gives 4 commit-txn apply -
	says "$1" "$2"
}

@test "what python makes is applied if it is harmless" {
	make d/ d/f 'd/l>../first' 'd/h=first'
	gives 0 commit-txn apply a.tar
	holds root/d/f 'new\n'
	holds root/first 'new\n'
	[ root/d/h -ef root/first ]
	holds root/old 'old\n'
}

@test "absolute names" {
	make "$ROOT/w/outside/f"
	refused "$ROOT/w/outside/f" 'an absolute name'
	untouched
}

@test "names with .. in them" {
	for name in ../outside/f dir/../../outside/f dir/.. .. ./../x dir/../dir/x; do
		make "$name"
		refused "$name" 'a name with .. in it'
	done
	untouched
}

@test "a symbolic link, then a file through it" {
	make 'l>../outside' l/f
	refused l/f 'below another entry that is no directory'
	make "l>$ROOT/w/outside" l/sub/f
	refused l/sub/f 'below another entry that is no directory'
	# a directory that becomes a link
	make d/ d/f 'd>../outside'
	refused d 'twice'
	make d/f 'd>../outside'
	refused d 'need a directory there'
	make 'd>../outside' d/
	refused d/ twice
	untouched
}

@test "a symbolic link that was there before and leads out" {
	ln -s ../outside root/l
	before=$(both)
	make l/f
	gives 1 commit-txn apply a.tar
	says l/f
	untouched
}

@test "a file, then a file below it" {
	make f f/x
	refused f/x 'below another entry'
	untouched
}

@test "hard links to what the archive does not have" {
	make 'h=../outside/f'
	refused h '..'
	make "h=$ROOT/w/outside/f"
	refused h 'an absolute name'
	make 'h=old'
	refused h 'a hard link to a file that is no entry before it'
	make 'd/' 'h=d'
	refused h 'a hard link'
	make 'h=later' later
	refused h 'a hard link'
	make 'h=.commit/format'
	refused h .commit
	untouched
}

@test "devices, fifos" {
	make 'dev|c'
	refused dev 'a device'
	make 'fifo|f'
	refused fifo 'a device, a fifo'
	untouched
}

@test "a name twice" {
	for second in f ./f .//f; do
		make f "$second"
		refused "$second" 'twice'
	done
	make d/ x d/
	refused d/ 'twice'
	make 'first=first'
	refused first 'twice'
	untouched
}

@test "the store" {
	for name in .commit/log/x .commit .commit/ ./.commit/lock sub/.commit/x '.commit>x'; do
		make "$name"
		refused .commit "a store's"
	done
	# what only looks like it is no matter
	make .commitx x.commit .commit.d/x
	gives 0 commit-txn apply a.tar
	rm -r root/first root/.commitx root/x.commit root/.commit.d
	untouched
}

@test "names and paths that are too long" {
	make "$(head -c 256 /dev/zero | tr '\0' n)"
	refused nnnn 'too long'
	make "$($PYTHON -c 'print("d/" * 2500 + "x")')"
	refused d/d/d 'too long'
	untouched
}

@test "a tar that is cut off anywhere is refused" {
	mkdir x
	for i in 1 2 3; do head -c 1500 /dev/urandom >x/$i; done
	tar -C x --format=ustar -cf a.full 1 2 3
	rm -r x
	# the end: two blocks of zeros behind three files of 512 + 1536 bytes
	for size in 0 1 511 512 700 2047 2048 2049 2560 4096 6000 6143 6144; do
		head -c $size a.full >cut.tar
		gives 4 commit-txn apply cut.tar || { echo "size $size"; return 1; }
		gives 4 commit-txn apply --mirror cut.tar
		# shellcheck disable=SC2002
		cat cut.tar | gives 4 commit-txn apply - || { echo "size $size"; return 1; }
	done
	head -c 6144 a.full >cut.tar
	gives 4 commit-txn apply cut.tar
	says 3 'breaks off behind this entry'
	head -c 7168 a.full >cut.tar
	gives 0 commit-txn apply -n cut.tar
	untouched
}

@test "compressed archives and other formats that are cut off are refused" {
	mkdir x
	for i in 1 2 3; do head -c 5000 /dev/urandom >x/$i; done
	tar -C x -cf a.tar 1 2 3
	for filter in gzip xz bzip2 zstd; do
		! command -v $filter >/dev/null || $filter -c a.tar >"a.$filter"
	done
	! command -v cpio >/dev/null || (cd x && printf '1\n2\n3\n' | cpio -o -H newc --quiet) >a.cpio
	! command -v zip >/dev/null || (cd x && zip -q ../a.zip 1 2 3)
	! command -v bsdtar >/dev/null || bsdtar --format 7zip -C x -cf a.7z 1 2 3
	rm -r x
	for archive in a.*; do
		size=$(stat -c %s "$archive")
		for part in 10 40 70 95; do
			head -c $((size * part / 100)) "$archive" >cut.tar
			# tar pads with zeros: of 95 % of it nothing is missing
			[ "$archive-$part" != a.tar-95 ] || continue
			gives 4 commit-txn apply cut.tar || { echo "$archive $part"; return 1; }
			# shellcheck disable=SC2002
			cat cut.tar | gives 4 commit-txn apply - || { echo "$archive $part -"; return 1; }
		done
	done
	untouched
}

@test "damage inside is refused: checksums of xz, bzip2 and zip" {
	mkdir x
	head -c 50000 /dev/urandom >x/1
	! command -v bzip2 >/dev/null || tar -C x -cjf a.bz2 1
	! command -v xz >/dev/null || tar -C x -cJf a.xz 1
	! command -v zip >/dev/null || (cd x && zip -q ../a.zip 1)
	rm -r x
	for archive in a.*; do
		printf '\377\0\377\0' | dd of="$archive" bs=1 seek=20000 conv=notrunc status=none
		gives 4 commit-txn apply "$archive" || { echo "$archive"; return 1; }
	done
	untouched
}

@test "an encrypted archive is refused" {
	need zip
	(cd outside && zip -q -P password ../a.zip f)
	gives 4 commit-txn apply a.zip
	says f
	untouched
}

@test "noise is no archive, and neither is an mtree, which names files to read" {
	head -c 100000 /dev/urandom >a.noise
	gives 4 commit-txn apply a.noise
	printf '#mtree\n./f type=file contents=%s\n' "$ROOT/w/outside/f" >a.mtree
	gives 4 commit-txn apply a.mtree
	untouched
}

@test "a size that is more than there is room for fails, and leaves nothing" {
	need_root
	unshare -m true 2>/dev/null || skip 'may not make a mount namespace'
	# 64 megabytes in a few kilobytes, for a file system of eight
	$PYTHON - <<-'END'
		import io, tarfile
		class Zeros(io.RawIOBase):
		    def readable(self): return True
		    def readinto(self, b):
		        b[:] = bytes(len(b))
		        return len(b)
		with tarfile.open('a.tgz', 'w:gz') as tar:
		    info = tarfile.TarInfo('bomb')
		    info.size = 1 << 26
		    tar.addfile(info, io.BufferedReader(Zeros()))
	END
	# shellcheck disable=SC2016
	gives 1 unshare -m sh -c '
		mount -t tmpfs -o size=8m none root || exit 99
		commit-txn apply a.tgz
		status=$?
		[ -z "$(ls root)" ] || exit 98
		[ -z "$(ls root/.commit/stage)" ] || exit 97
		exit $status'
	says bomb ENOSPC
	untouched
}

@test "twenty thousand names cost no more than their number" {
	$PYTHON - <<-'END'
		import tarfile
		with tarfile.open('a.tar', 'w', format=tarfile.USTAR_FORMAT) as tar:
		    for i in range(20000):
		        tar.addfile(tarfile.TarInfo('n%d' % i))
		    tar.addfile(tarfile.TarInfo('../x'))
	END
	gives 4 timeout 60 commit-txn apply a.tar
	says ../x
	untouched
}
