#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What a save keeps of the file that it replaces, what it gives up with a warning
# and what it is told to set. Each test was seen failing: tests/mutants.

# shellcheck disable=SC2154 # status, output and helper's variables

load helper
setup() { start_here; }

# ids NAME: mode, owner and group
ids() {
	stat -c %a:%u:%g "$1"
}

@test "metadata: the mode is kept, with all its twelve bits" {
	local mode
	for mode in 600 640 644 664 666 755 777 1755 2755 4755 6755 7777 711 200; do
		cp -f "$old" f
		chmod "$mode" f
		commit-save f <"$new"
		[ "$(mode_of f)" = "$mode" ]
		chmod 600 f
		is_new
	done
}

@test "metadata: owner and group are kept, with set-id" {
	need_root
	chown "$other:12345" f
	chmod 6754 f
	commit-save f <"$new"
	is_new
	[ "$(ids f)" = "6754:$other:12345" ]
	commit-save -a f <"$new"
	[ "$(ids f)" = "6754:$other:12345" ]
}

@test "metadata: a group that we are in is kept" {
	need_other
	chown "$other:12345" f
	chmod 2660 f
	chown "$other" .
	env PATH="$notes/bin:$PATH" LD_LIBRARY_PATH="$notes/lib:${LD_LIBRARY_PATH-}" \
		setpriv --reuid="$other" --regid="$other" --groups=12345 -- commit-save --strict f <"$new"
	is_new
	[ "$(ids f)" = "2660:$other:12345" ]
}

@test "metadata: an ACL is kept, entry for entry" {
	need_acl
	setfacl -m "u:$other:rwx,u:12345:r,g:12346:rw,m::rwx" f
	getfacl -n f >"$notes/before"
	commit-save f <"$new"
	is_new
	getfacl -n f | cmp - "$notes/before"
	commit-save -a f <"$new"
	getfacl -n f | cmp - "$notes/before"
}

@test "metadata: an ACL replaces the one that the directory gives" {
	need_acl
	setfacl -m "u:12345:r" f
	setfacl -d -m "u:$other:rwx" .
	getfacl -n f >"$notes/before"
	commit-save f <"$new"
	getfacl -n f | cmp - "$notes/before"
}

@test "metadata: user attributes are kept, odd ones too" {
	need_xattr
	setfattr -n user.empty f
	setfattr -n user.text -v 'some text' f
	setfattr -n user.binary -v 0x00ff0a00 f
	setfattr -n user.large -v "$(printf '%01000d' 0)" f
	getfattr -d -m - -e hex f >"$notes/before"
	[ "$(grep -c '^user' "$notes/before")" -eq 4 ]
	commit-save f <"$new"
	is_new
	getfattr -d -m - -e hex f | cmp - "$notes/before"
}

@test "metadata: capabilities are kept" {
	need_root
	need_tool setcap
	chmod 755 f
	setcap cap_net_raw+ep f 2>/dev/null || skip "no right to set capabilities"
	commit-save f <"$new"
	is_new
	[ "$(getcap f)" = 'f cap_net_raw=ep' ]
	# nor are they lost by the change of owner
	chown "$other" f
	setcap cap_net_raw+ep f
	commit-save f <"$old"
	[ "$(getcap f)" = 'f cap_net_raw=ep' ]
	[ "$(stat -c %u f)" = "$other" ]
	commit-save --in-place f <"$new"
	is_new
	[ "$(getcap f)" = 'f cap_net_raw=ep' ]
}

@test "metadata: trusted attributes are kept where we may" {
	need_root
	need_tool setfattr
	setfattr -n trusted.note -v kept f 2>/dev/null || skip "no right to set trusted attributes"
	commit-save f <"$new"
	[ "$(getfattr --only-values -n trusted.note f)" = kept ]
}

@test "metadata: the file is as old as its content" {
	touch -d '2020-01-01 00:00:00' f
	commit-save f <"$new"
	[ "$(stat -c %Y f)" -gt "$(date -d 2021-01-01 +%s)" ]
}

@test "metadata: --if-changed leaves the same content and all else alone" {
	touch -d '2020-01-01 00:00:00' f
	stat -c '%i %Y %Z' f >"$notes/before"
	run commit-save -u --unchanged=9 f <"$old"
	exits 9
	stat -c '%i %Y %Z' f | cmp - "$notes/before"
	run commit-save -u --unchanged=9 f <"$new"
	exits 0
	is_new
	# a mode that was asked for is a change
	run commit-save -u --unchanged=9 -m 0600 f <"$new"
	exits 0
	[ "$(mode_of f)" = 600 ]
}

# what cannot be kept

@test "metadata: a lost owner is a warning, and the bits that it guarded go" {
	need_other
	chmod 0777 .
	chmod 6777 f
	run as_other commit-save f <"$new"
	exits 0 warning 'cannot keep owner' 'cannot keep group' EPERM
	is_new
	[ "$(ids f)" = "777:$other:$other" ]
	no_residue
}

@test "metadata: a lost group is a warning, and its bits go" {
	need_other
	chown "$other" . f
	chmod 2674 f
	run as_other commit-save f <"$new"
	exits 0 warning 'cannot keep group'
	[[ $output != *owner* ]]
	is_new
	[ "$(ids f)" = "644:$other:$other" ]
}

@test "metadata: with --strict what is lost is an error, and the file stays" {
	need_other
	chmod 0777 .
	chmod 6777 f
	run as_other commit-save --strict f <"$new"
	exits 1 'cannot keep' EPERM
	untouched
	[ "$(ids f)" = 6777:0:0 ]
	chown "$other:0" f
	run as_other commit-save --strict f <"$new"
	exits 1 'cannot keep group'
	untouched
	# with nothing to lose it is no error
	chown "$other:$other" f
	run as_other commit-save --strict f <"$new"
	exits 0
	[ -z "$output" ]
	is_new
}

@test "metadata: --quiet keeps silent, --json has the warnings" {
	need_other
	chmod 0777 .
	chmod 0666 f
	run as_other commit-save --quiet f <"$new"
	exits 0
	[ -z "$output" ]
	chown 0:0 f
	as_other commit-save --json --quiet f <"$new" >"$notes/json" || skip "built without JSON"
	grep -F '"warnings":[{' "$notes/json" | grep EPERM
}

@test "metadata: capabilities that cannot be kept are a warning" {
	need_other
	need_tool setcap
	chmod 0777 .
	chown "$other:$other" f
	chmod 755 f
	setcap cap_net_raw+ep f 2>/dev/null || skip "no right to set capabilities"
	run as_other commit-save --strict f <"$new"
	exits 1 security.capability
	untouched
	run as_other commit-save f <"$new"
	exits 0 warning security.capability
	is_new
	[ -z "$(getcap f)" ]
}

@test "metadata: attributes that cannot be kept are a warning" {
	need_xattr
	local errnum
	setfattr -n user.note -v kept f
	for errnum in EPERM ENOSPC EOPNOTSUPP ERANGE; do
		fault "1:$errnum:forever:setxattr" --strict f <"$new"
		exits 1 user.note "$errnum"
		untouched
	done
	fault 1:ENOSPC:forever:setxattr f <"$new"
	exits 0 warning user.note ENOSPC
	is_new
}

@test "metadata: an ACL that cannot be kept is a warning, and opens nothing" {
	need_acl
	# the mask makes the mode 0674, but the group may only read
	chmod 0644 f
	setfacl -m "u:12345:rwx" f
	[ "$(mode_of f)" = 674 ]
	fault 1:EOPNOTSUPP:forever:acl --strict f <"$new"
	exits 1 ACL EOPNOTSUPP
	untouched
	fault 1:EOPNOTSUPP:forever:acl f <"$new"
	exits 0 warning ACL
	is_new
	[ "$(mode_of f)" = 644 ]
}

# what shall not be kept

@test "metadata: --no-preserve=mode starts from the mode of a new file" {
	chmod 4711 f
	umask 027
	commit-save --no-preserve=mode f <"$new"
	is_new
	[ "$(mode_of f)" = 640 ]
	chmod 4711 f
	commit-save --no-preserve=mode -m o+r f <"$new"
	[ "$(mode_of f)" = 644 ]
}

@test "metadata: --no-preserve=mode does not touch the mode of the backup" {
	chmod 0751 f
	commit-save --no-preserve=mode -b f <"$new"
	[ "$(mode_of f)" = 644 ]
	[ "$(mode_of f~)" = 751 ]
	is_old f~
}

@test "metadata: --no-preserve=ownership makes it ours, without set-id" {
	need_root
	chown "$other:12345" f
	chmod 6755 f
	commit-save --no-preserve=ownership f <"$new"
	is_new
	[ "$(ids f)" = "755:0:$(id -g)" ]
}

@test "metadata: --no-preserve=acl drops the ACL and opens nothing" {
	need_acl
	chmod 0604 f
	setfacl -m "u:12345:rwx" f
	[ "$(mode_of f)" = 674 ]
	commit-save --no-preserve=acl f <"$new"
	is_new
	refute sh -c 'getfacl -cn f | grep 12345'
	# the group had nothing; what was the mask is not its own
	[ "$(mode_of f)" = 644 ]
}

@test "metadata: --no-preserve=acl of a file without one keeps the group's bits" {
	chmod 0660 f
	commit-save --no-preserve=acl f <"$new"
	[ "$(mode_of f)" = 660 ]
}

@test "metadata: --no-preserve=xattr drops attributes" {
	need_xattr
	setfattr -n user.note -v dropped f
	commit-save --no-preserve=xattr f <"$new"
	is_new
	[ -z "$(getfattr -d -m user f)" ]
}

@test "metadata: --no-preserve takes a list, and all" {
	need_xattr
	setfattr -n user.note -v dropped f
	chmod 0711 f
	commit-save --no-preserve=xattr,mode f <"$new"
	[ "$(mode_of f)" = 644 ]
	[ -z "$(getfattr -d -m user f)" ]
	setfattr -n user.note -v dropped f
	chmod 0711 f
	commit-save --no-preserve=all f <"$new"
	[ "$(mode_of f)" = 644 ]
	[ -z "$(getfattr -d -m user f)" ]
	run commit-save --no-preserve=xattr,nonsense f <"$new"
	exits 2
}

# what is asked for

@test "metadata: -m sets an octal mode, for new files too, whatever the umask" {
	local mode
	umask 077
	for mode in 0600 640 0755 4755 1777 0; do
		rm -f made
		cp -f "$old" f
		commit-save -m "$mode" f <"$new"
		commit-save -m "$mode" made <"$new"
		[ "$((0$(mode_of f)))" -eq "$((0$mode))" ]
		[ "$((0$(mode_of made)))" -eq "$((0$mode))" ]
	done
}

@test "metadata: -m changes a mode symbolically, as chmod does" {
	local mode start
	umask 022
	for mode in u+x g-w,o= a+r u=rw,go=r o+x +x u+s g+s,u-s =r,u+w a=,u=rwx; do
		for start in 640 4751 600 2775; do
			cp -f "$old" f
			cp -f "$old" g
			chmod "$start" f g
			chmod "$mode" g
			commit-save -m "$mode" f <"$new"
			[ "$(mode_of f)" = "$(mode_of g)" ] ||
				{ echo "$start $mode: $(mode_of f), chmod: $(mode_of g)"; return 1; }
			chmod u+w f g
		done
	done
	for mode in '' 888 u+q 10000 u; do
		run commit-save -m "$mode" f <"$new"
		exits 2
	done
}

@test "metadata: -m starts from the umask for a new file" {
	umask 027
	commit-save -m u+x made <"$new"
	[ "$(mode_of made)" = 740 ]
}

@test "metadata: -o sets owner and group" {
	need_root
	commit-save -o "$other" f <"$new"
	[ "$(ids f)" = "644:$other:0" ]
	commit-save -o ":12345" f <"$new"
	[ "$(ids f)" = "644:$other:12345" ]
	commit-save -o "root:0" f <"$new"
	[ "$(ids f)" = 644:0:0 ]
	commit-save -o "12346:12347" made <"$new"
	[ "$(ids made)" = 644:12346:12347 ]
	run commit-save -o no-such-user-here f <"$old"
	exits 2 no-such-user-here
	is_new
}

@test "metadata: -o drops set-id bits, as chown does, unless -m asks for them" {
	need_root
	chmod 6755 f
	commit-save -o "$other" f <"$new"
	[ "$(ids f)" = "755:$other:0" ]
	commit-save -o 0 -m 4755 f <"$new"
	[ "$(ids f)" = 4755:0:0 ]
}

@test "metadata: an owner that was asked for and cannot be had is an error" {
	need_other
	chown -R "$other:$other" .
	run as_other commit-save -o 12345 f <"$new"
	exits 1 owner EPERM
	untouched
	run as_other commit-save -o :12345 f <"$new"
	exits 1 group EPERM
	untouched
}
