#!/bin/sh
# SPDX-License-Identifier: ISC
# Only the module sys calls the kernel to change, flush, rename, link, unlink or
# lock anything: else the fault walk would walk past a call. Looked for in the
# source, which has the code of every configuration, and in the objects, which
# have no macros.
. "${0%/*}/lint.sh"
lint_begin 'only sys.c changes, flushes, renames, links, unlinks or locks'

calls='write|pwrite|pwrite64|writev|pwritev|pwritev2|copy_file_range|sendfile|sendfile64|splice|tee|vmsplice
fsync|fdatasync|syncfs|sync|sync_file_range|msync
rename|renameat|renameat2|link|linkat|symlink|symlinkat|unlink|unlinkat|remove
mkdir|mkdirat|rmdir|mknod|mknodat|mkfifo|mkfifoat|creat|mkstemp|mkostemp|mkdtemp|tmpfile
ftruncate|ftruncate64|truncate|truncate64|fallocate|fallocate64|posix_fallocate
chmod|fchmod|fchmodat|chown|fchown|lchown|fchownat|utimensat|futimens|utimes
setxattr|lsetxattr|fsetxattr|removexattr|lremovexattr|fremovexattr
acl_set_fd|acl_set_file|acl_delete_def_file|perm_copy_fd|perm_copy_file|attr_copy_fd|attr_copy_file
flock|lockf|fcntl_lock|ioctl|syscall|fopen|fwrite|fputs|fputc|fprintf|fflush|fclose'
pattern=$(printf '%s' "$calls" | tr '\n' '|')

for file in src/lib/*.c; do
	case $file in
	src/lib/sys.c | src/lib/sys-*.c) continue ;;
	# the seam speaks on stderr when it ends the process, and disturbs; tests only
	src/lib/fault.c | src/lib/fault-crash.c) continue ;;
	esac
	strip_c "$file" | grep -nE "(^|[^A-Za-z0-9_.>])($pattern)[[:space:]]*\\(" >"$lint_work/hits"
	while IFS=: read -r line text; do
		lint_find "$file:$line: $(printf '%s' "$text" | sed 's/^[[:space:]]*//')"
	done <"$lint_work/hits"
done

archive=$LC_BUILDDIR/src/lib/.libs/libcommit.a
if [ -f "$archive" ]; then
	$NM -A -u "$archive" 2>/dev/null |
		grep -vE '[:-]sys(-[a-z]+)?\.o:' |
		grep -E "[[:space:]]U ($pattern)(@.*)?\$" >"$lint_work/hits"
	while read -r hit; do
		lint_find "object: ${hit##*/}"
	done <"$lint_work/hits"
else
	lint_note 'no static library: the objects were not looked at'
fi
lint_end
