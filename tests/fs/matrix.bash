# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# matrix.bash - what every file system has to pass; see matrix.bats

# on KIND CHECK: in a directory of its own on that kind of file system, which is
# made once per file of tests. Afterwards nothing of ours is left.
on() {
	kind=$1
	if ! mountpoint -q "$FS/$kind"; then
		fs_new "$kind" "$kind"
	fi
	dir=$FS/$kind/$2
	mkdir "$dir"
	cd "$dir" || return 1
	"$2"
	cd "$FS" || return 1
	clean "$dir"
	exits 0 commit-recover -r "$dir"
	rm -rf "$dir"
}

contains() {
	[ "$(cat "$1")" = "$2" ] || { echo "$1 is: $(cat "$1")"; return 1; }
}

check_forms() {
	exits 0 commit-save f <<<created
	contains f created
	exits 0 commit-save f <<<stdin
	contains f stdin
	exits 0 commit-save f -- echo command
	contains f command
	exits 4 commit-save f -- sh -c 'echo half; exit 1'
	contains f command
	echo source >src
	exits 0 commit-save --from=src f
	contains f source
	exits 0 commit-save -a f <<<appended
	contains f "source"$'\n'"appended"
	exits 4 commit-save f </dev/null
	exits 0 commit-save --allow-empty f </dev/null
	[ ! -s f ]
	seq 100000 >src
	exits 0 commit-save f <src
	same f src
	exits 0 sh -c 'cat src | commit-save f'
	same f src
	exits 0 commit-save --sync=data f <<<data
	exits 0 commit-save --sync=none f <<<none
	contains f none
}

check_conditions() {
	exits 0 commit-save -x f <<<old
	exits 4 commit-save -x f <<<new
	contains f old
	exits 4 commit-save --must-exist g <<<new
	[ ! -e g ]
	token=$(commit-save --token f)
	exits 0 commit-save -e "$token" f <<<new
	contains f new
	exits 4 commit-save -e "$token" f <<<late
	contains f new
	exits 0 commit-save -e absent g <<<made
	exits 4 commit-save -e absent g <<<again
	before=$(state f)
	exits 0 commit-save -u f <<<new
	as_it_was f "$before"
	exits 0 commit-save -u f <<<changed
	contains f changed
	# shellcheck disable=SC2016 # "$1" is the validator's
	exits 0 commit-save --validate='grep -q good "$1"' f <<<good
	before=$(state f)
	# shellcheck disable=SC2016
	exits 4 commit-save --validate='grep -q good "$1"' f <<<bad
	as_it_was f "$before"
}

check_backups() {
	echo one >f
	exits 0 commit-save -b f <<<two
	contains f~ one
	exits 0 commit-save -b f <<<three
	contains f~ two
	exits 0 commit-save --backup=numbered f <<<four
	contains f.~1~ three
	exits 0 commit-save -b -S .bak f <<<five
	contains f.bak four
	exits 0 commit-save -b --in-place f <<<six
	contains f~ five
	contains f six
}

check_in_place() {
	fs_text o 150000 >f
	fs_text n 200000 >longer
	dress f
	ln f second
	inode=$(stat -c %i f)
	for content in longer short longer; do
		echo short >short
		exits 0 commit-save --in-place f <$content
		same f $content
		same second $content
		dressed f
		[ "$(stat -c %i f)" = "$inode" ]
	done
}

check_metadata() {
	echo old >f
	dress f
	for options in '' -a -b "-e $(commit-save --token f)" --validate=true --in-place; do
		# the token is of the first state
		[ "${options#-e}" = "$options" ] || options="-e $(commit-save --token f)"
		# shellcheck disable=SC2086 # words
		exits 0 commit-save --strict $options f <<<new
		dressed f
	done
	dressed f~
	exits 0 commit-save -m 600 -o 5:6 f <<<new
	[ "$(stat -c '%a %u %g' f)" = '600 5 6' ]
}

check_names() {
	long=$(printf '%255s' '' | tr ' ' x)
	for options in '' -a --validate=true --in-place -u; do
		exits 0 commit-save ${options:+"$options"} "$long" <<<"long $options"
		[ "$(tail -n 1 "$long")" = "long $options" ]
	done
	exits 0 commit-save -e "$(commit-save --token "$long")" "$long" <<<token
	exits 1 commit-save -b "$long" <<<backup
	says ENAMETOOLONG
	contains "$long" token
	odd=$'-\n \xff'
	exits 0 commit-save -- "./$odd" <<<odd
	contains "./$odd" odd
}

check_links() {
	echo old >f
	ln f g
	exits 4 commit-save f <<<new
	contains g old
	exits 0 commit-save --hardlink=in-place f <<<both
	contains g both
	exits 0 commit-save --hardlink=break f <<<one
	contains f one
	contains g both
	mkdir sub
	ln -s sub/../f link
	exits 0 commit-save link <<<through
	contains f through
	[ -L link ]
	exits 0 commit-save --symlink=replace link <<<replaced
	[ ! -L link ]
	contains f through
}

# blocks FILE: KiB that it takes
blocks() {
	sync -f "$1"
	echo $(($(stat -c '%b * %B' "$1") / 1024))
}

# 64 KiB, a hole, 64 KiB, a hole up to 8 MiB
make_sparse() {
	head -c 65536 /dev/urandom >"$1"
	head -c 65536 /dev/urandom | dd of="$1" bs=64k seek=50 conv=notrunc status=none
	truncate -s 8M "$1"
}

sparse() {
	same "$1" "$2"
	[ "$(blocks "$1")" -le 256 ] || { echo "$1 takes $(blocks "$1") KiB"; return 1; }
}

check_holes() {
	make_sparse src
	[ "$(blocks src)" -le 256 ] || skip "no holes on $kind"
	exits 0 commit-save --from=src f
	sparse f src
	exits 0 commit-save f <src
	sparse f src
	exits 0 commit-save -b --from=src f
	sparse f~ src
	cp src sum
	echo end >>sum
	exits 0 commit-save -a f <<<end
	sparse f sum
	truncate -s 8M hole
	exits 0 commit-save --from=hole f
	sparse f hole
}

# calls_in_order FILE: strace of a save. A name is published when everything
# written is flushed, and then its directory, before anything is edited in place;
# a journal goes after what it stands for was flushed; nothing is pending at the
# end.
calls_in_order() {
	awk -v dir="$dir" '
	function descriptor(text) { sub(/[^0-9].*/, "", text); return text + 0 }
	function wrong(why) { print "line " NR ": " why ": " $0; bad = 1 }
	function all_flushed(fd) {
		for (fd in dirty)
			if (dirty[fd])
				wrong("written at line " dirty[fd] " and not flushed")
	}
	/ = -1 E/ { next }
	{ arguments = $0; sub(/^[^(]*\(/, "", arguments) }
	pending != "" && /^(pwrite64|ftruncate)\(/ && index($0, "<" dir "/f>") {
		wrong("edited before the flush of line " pending)
	}
	/^(pwrite64|write|ftruncate|fchown|fchmod|fsetxattr|fremovexattr|ioctl)\(/ {
		if (descriptor(arguments) > 2 && (!/^ioctl/ || /CLONE/))
			dirty[descriptor(arguments)] = NR
	}
	/^(copy_file_range|sendfile)\(/ {
		if (/^copy/)
			sub(/^[^>]*>, [^,]*, /, "", arguments)
		dirty[descriptor(arguments)] = NR
	}
	/^linkat\(/ { linked[descriptor(arguments)] = 1 }
	# what has no name vanishes
	/^close\(/ && !linked[descriptor(arguments)] { dirty[descriptor(arguments)] = 0 }
	/^(openat|fcntl)\(/ { sub(/.* = /, ""); dirty[descriptor($0)] = linked[descriptor($0)] = 0 }
	/^(fsync|fdatasync)\(/ {
		if (index($0, "<" dir ">"))
			pending = ""
		else
			files++
		dirty[descriptor(arguments)] = 0
	}
	/^(rename|renameat|renameat2)\(/ {
		name = arguments
		sub(/.*, "/, "", name)
		if (name ~ /^\.commit-.*\.(staged|displaced)"/ || arguments ~ /stagedir/)
			next
		all_flushed()
		pending = NR
		published++
	}
	/^unlinkat\(/ && /inplace"/ { all_flushed(); pending = NR }
	END {
		NR++
		$0 = "end"
		all_flushed()
		if (pending != "")
			wrong("directory not flushed after line " pending)
		if (!published || !files)
			wrong("nothing published or nothing flushed")
		exit bad
	}' "$1"
}

check_calls() {
	local calls=openat,fcntl,close,write,pwrite64,copy_file_range,sendfile,ioctl,ftruncate
	calls=$calls,fchown,fchmod,fsetxattr,fremovexattr,fsync,fdatasync,linkat,unlinkat
	calls=$calls,rename,renameat,renameat2
	fs_needs strace
	# leaks cannot be looked for under a tracer
	export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
	fs_text o 100000 >f
	fs_text n 300000 >src
	dress f
	for options in '' --from=src -a -u -b --backup=numbered --validate=true --in-place \
		'-b --in-place' -e '-x new' '-x --from=src new2'; do
		case $options in
		-e) options="-e $(commit-save --token f) f" ;;
		-x*) ;;
		*) options="$options f" ;;
		esac
		# shellcheck disable=SC2086 # words
		exits 0 strace -qq -y -e trace="$calls" -o trace commit-save $options <src
		calls_in_order trace || { echo "commit-save $options" && grep -A99 "\"f\"" trace && false; }
	done
}

# kib_for COMMAND...: sets $kib to what the file system lost by it
kib_for() {
	local before
	before=$(fs_used "$kind")
	"$@"
	kib=$(($(fs_used "$kind") - before))
}

check_clones() {
	head -c 64M /dev/urandom >src
	kib_for exits 0 commit-save --from=src f
	[ "$kib" -lt 1024 ] || { echo "--from took $kib KiB"; return 1; }
	same src f
	filefrag -v f | grep -q shared
	kib_for exits 0 commit-save f <src
	[ "$kib" -lt 1024 ] || { echo "standard input took $kib KiB"; return 1; }
	kib_for exits 0 commit-save -b f <<<small
	[ "$kib" -lt 1024 ] || { echo "a backup took $kib KiB"; return 1; }
	same src f~
	filefrag -v f~ | grep -q shared
	# the old content that an append keeps
	cp --reflink=always src f
	kib_for exits 0 commit-save -a f <<<end
	[ "$kib" -lt 1024 ] || { echo "an append took $kib KiB"; return 1; }
	[ "$(stat -c %s f)" -eq $((64 * 1024 * 1024 + 4)) ]
}
