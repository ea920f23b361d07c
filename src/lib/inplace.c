/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "inplace.h"

#include "copy.h"
#include "dir.h"
#include "fault.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CAPABILITY "security.capability"
#define BUFFER_SIZE ((size_t)64 * 1024)
#define SYSTEM_REGISTRY "/var/lib/commit"

/* mkdir -p with private modes; the parents of a state directory may be missing. */
static int make_directories(char *path)
{
	char *slash;
	int rc;

	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		rc = lc_sys_mkdir(AT_FDCWD, path, 0700);
		*slash = '/';
		if (rc && rc != -EEXIST && rc != -EROFS && rc != -EACCES)
			return rc;
	}
	rc = lc_sys_mkdir(AT_FDCWD, path, 0700);
	return rc == -EEXIST ? 0 : rc;
}

static int registry_path(const char *wanted, char path[PATH_MAX])
{
	const char *base;
	int length;

	if (!wanted || !*wanted)
		wanted = getenv("COMMIT_JOURNAL_DIR");
	if (wanted && *wanted)
		length = snprintf(path, PATH_MAX, "%s", wanted);
	else if (geteuid() == 0)
		length = snprintf(path, PATH_MAX, "%s", SYSTEM_REGISTRY);
	else if ((base = getenv("XDG_STATE_HOME")) && base[0] == '/')
		length = snprintf(path, PATH_MAX, "%s/commit", base);
	else if ((base = getenv("HOME")) && base[0] == '/')
		length = snprintf(path, PATH_MAX, "%s/.local/state/commit", base);
	else
		return -ENOENT;
	return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int lc_inplace_registry(const char *wanted, int create, struct lc_place *place)
{
	char path[PATH_MAX];
	struct stat st;
	int rc = registry_path(wanted, path);

	memset(place, 0, sizeof *place);
	place->fd = -1;
	if (!rc && create)
		rc = make_directories(path);
	if (!rc)
		rc = place->fd = lc_dir_open(AT_FDCWD, path, &place->readable);
	if (rc >= 0)
		rc = lc_sys_fstat(place->fd, &st);
	if (rc == 0) {
		place->inode = st.st_ino;
		place->path = strdup(path);
		rc = place->path ? 0 : -ENOMEM;
	}
	if (rc)
		lc_dir_release(place);
	return rc;
}

/* The path by which the kernel knows the pinned directory now, and the name. */
static int absolute_path(const struct lc_place *target, char path[PATH_MAX])
{
	char link[64];
	ssize_t length;

	snprintf(link, sizeof link, "/proc/self/fd/%d", target->fd);
	length = lc_sys_readlink(AT_FDCWD, link, path, PATH_MAX);
	if (length < 0)
		return (int)length;
	if ((size_t)length + 1 + strlen(target->name) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (length > 1)
		path[length++] = '/';
	strcpy(path + length, target->name);
	return 0;
}

int lc_inplace_name(const struct lc_place *target, const struct lc_place *registry,
                    struct lc_edit *edit)
{
	const struct lc_place *home = registry ? registry : target;
	int rc;

	if (registry) {
		edit->journal.flags = 0;
		rc = absolute_path(target, edit->journal.target);
		if (rc)
			return rc;
	} else {
		edit->journal.flags = LC_JOURNAL_BESIDE;
		strcpy(edit->journal.target, target->name);
	}
	return lc_name_make_in_place(home->inode, edit->journal.target, edit->name);
}

/* A write takes a file's capabilities away; they are put back afterwards. */
static int read_caps(int target, struct lc_journal *j)
{
	ssize_t length = lc_sys_getxattr(target, CAPABILITY, j->caps, sizeof j->caps);

	if (length == -ENODATA || length == -EOPNOTSUPP || length == -ENOSYS)
		length = 0;
	if (length < 0)
		return (int)length;
	j->caps_length = (uint32_t)length;
	return 0;
}

static int add_old_image(struct lc_stage *stage, int target, struct lc_journal *j, int cancel_fd)
{
	off_t end = (off_t)j->old_offset;
	int rc = lc_copy_part(target, 0, (off_t)j->old_size, stage->fd, &end, cancel_fd);

	/* A file of no bytes, or one that ends in a hole, still has its place. */
	if (!rc)
		rc = lc_sys_ftruncate(stage->fd, (off_t)(j->old_offset + j->old_size));
	if (!rc)
		stage->end = (off_t)(j->old_offset + j->old_size);
	return rc;
}

static int add_digests(int fd, struct lc_journal *j, int cancel_fd)
{
	int rc = lc_copy_digest(fd, (off_t)j->old_offset, (off_t)j->old_size, &j->old_digest,
	                        cancel_fd);

	return rc ? rc
	          : lc_copy_digest(fd, (off_t)j->new_offset, (off_t)j->new_size, &j->new_digest,
	                           cancel_fd);
}

int lc_inplace_prepare(struct lc_stage *stage, int target, const struct stat *st,
                       struct lc_edit *edit, int cancel_fd)
{
	struct lc_journal *j = &edit->journal;
	unsigned char head[LC_JOURNAL_HEAD];
	off_t at = 0;
	int rc = lc_sys_fs_id(target, &j->fs);

	j->inode = st->st_ino;
	j->created = (uint64_t)time(NULL);
	j->old_size = (uint64_t)st->st_size;
	j->new_offset = LC_JOURNAL_HEAD;
	j->new_size = (uint64_t)stage->end - j->new_offset;
	j->old_offset = lc_journal_align((uint64_t)stage->end);
	if (!rc)
		rc = read_caps(target, j);
	if (!rc)
		rc = add_old_image(stage, target, j, cancel_fd);
	if (!rc)
		rc = add_digests(stage->fd, j, cancel_fd);
	if (rc)
		return rc;
	lc_journal_encode(j, head);
	return lc_copy_bytes(stage->fd, &at, head, sizeof head);
}

int lc_inplace_read(int fd, struct lc_journal *journal)
{
	unsigned char head[LC_JOURNAL_HEAD];
	struct stat st;
	ssize_t length = lc_copy_read(fd, head, sizeof head, 0);
	int rc;

	if (length < 0)
		return (int)length;
	if ((size_t)length < sizeof head)
		return -EBADMSG;
	rc = lc_sys_fstat(fd, &st);
	return rc ? rc : lc_journal_decode(head, (uint64_t)st.st_size, journal);
}

static int digest_fits(int fd, uint64_t offset, uint64_t size, const struct lc_digest *want)
{
	struct lc_digest digest;
	int rc = lc_copy_digest(fd, (off_t)offset, (off_t)size, &digest, -1);

	if (rc == -ENODATA)
		return -EBADMSG;
	if (!rc && memcmp(digest.bytes, want->bytes, sizeof digest.bytes) != 0 &&
	    !lc_fault_blind("journal"))
		rc = -EBADMSG;
	return rc;
}

struct images {
	int fd;
	const struct lc_journal *journal;
	unsigned char *old;
	unsigned char *new;
	unsigned char *now;
};

/* Reads a stretch of an image; beyond its end there are zeros. */
static int read_image(int fd, uint64_t start, uint64_t size, uint64_t at, unsigned char *buffer)
{
	uint64_t left = at < size ? size - at : 0;
	size_t want = left < BUFFER_SIZE ? (size_t)left : BUFFER_SIZE;
	ssize_t length = lc_copy_read(fd, buffer, want, (off_t)(start + at));

	if (length < 0)
		return (int)length;
	if ((size_t)length < want)
		return -EBADMSG;
	memset(buffer + want, 0, BUFFER_SIZE - want);
	return 0;
}

/*
 * Old, or new, or new up to where a write ended and old from there: a write
 * that is cut short by a limit or a full disk does not end with a sector.
 */
int lc_inplace_sector_known(const unsigned char *now, const unsigned char *old,
                            const unsigned char *new, size_t count)
{
	size_t same = 0;

	if (memcmp(now, old, count) == 0 || memcmp(now, new, count) == 0)
		return 1;
	while (now[same] == new[same])
		same++;
	return memcmp(now + same, old + same, count - same) == 0;
}

int lc_inplace_bytes_known(const unsigned char *now, const unsigned char *old,
                           const unsigned char *new, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (now[i] != old[i] && now[i] != new[i])
			return 0;
	return 1;
}

/*
 * The sector in which a file that got smaller ends, or will end: a cut zeroes the
 * rest of the block, and that may be on the disk before the new size is.
 */
static int cut_known(const unsigned char *now, const unsigned char *old, const unsigned char *new,
                     size_t cut, size_t count)
{
	unsigned char rest[LC_SECTOR];

	memcpy(rest, old, cut);
	memset(rest + cut, 0, count - cut);
	return lc_inplace_sector_known(now, rest, new, count);
}

/* Each sector of [0, length) in now, which was read from start on, is known. */
static int sectors_known(const struct images *images, uint64_t start, size_t length)
{
	const uint64_t end = images->journal->new_size;
	size_t at, count;
	int known;

	for (at = 0; at < length; at += LC_SECTOR) {
		count = length - at < LC_SECTOR ? length - at : LC_SECTOR;
		known = lc_inplace_sector_known(images->now + at, images->old + at,
		                                images->new + at, count);
		if (!known && end > start + at && end < start + at + count)
			known = cut_known(images->now + at, images->old + at, images->new + at,
			                  (size_t)(end - start) - at, count);
		if (!known)
			return 0;
	}
	return 1;
}

static int compare(const struct images *images, int target)
{
	const struct lc_journal *j = images->journal;
	ssize_t length;
	uint64_t at;
	int rc;

	for (at = 0;; at += BUFFER_SIZE) {
		length = lc_copy_read(target, images->now, BUFFER_SIZE, (off_t)at);
		if (length <= 0)
			return (int)length;
		rc = read_image(images->fd, j->old_offset, j->old_size, at, images->old);
		if (!rc)
			rc = read_image(images->fd, j->new_offset, j->new_size, at, images->new);
		if (!rc && !sectors_known(images, at, (size_t)length))
			rc = -ESTALE;
		if (rc)
			return rc;
	}
}

/* The target is the file that the journal names, and has a size it may have. */
static int same_target(const struct lc_journal *j, int target)
{
	uint64_t least = j->old_size < j->new_size ? j->old_size : j->new_size;
	uint64_t most = j->old_size < j->new_size ? j->new_size : j->old_size;
	struct stat st;
	uint64_t fs;
	int rc = lc_sys_fstat(target, &st);

	if (!rc)
		rc = lc_sys_fs_id(target, &fs);
	if (rc)
		return rc;
	if (!S_ISREG(st.st_mode) || fs != j->fs || st.st_ino != j->inode ||
	    (uint64_t)st.st_size < least || (uint64_t)st.st_size > most)
		return -ESTALE;
	return 0;
}

int lc_inplace_decide(int fd, const struct lc_journal *j, int target)
{
	unsigned char *buffer;
	struct images images;
	int rc = digest_fits(fd, j->new_offset, j->new_size, &j->new_digest);

	if (!rc)
		rc = digest_fits(fd, j->old_offset, j->old_size, &j->old_digest);
	if (!rc)
		rc = same_target(j, target);
	if (rc)
		return rc;
	buffer = malloc(3 * BUFFER_SIZE);
	if (!buffer)
		return -ENOMEM;
	images.fd = fd;
	images.journal = j;
	images.old = buffer;
	images.new = buffer + BUFFER_SIZE;
	images.now = buffer + 2 * BUFFER_SIZE;
	rc = compare(&images, target);
	free(buffer);
	return rc;
}

/*
 * Owner and mode only where they differ: who may write a file need not own it.
 * A capability goes on last, because everything before takes it away.
 */
static int restore_metadata(const struct lc_journal *j, int target)
{
	struct stat st;
	int rc = lc_sys_fstat(target, &st);

	if (!rc && (st.st_uid != j->uid || st.st_gid != j->gid)) {
		rc = lc_sys_fchown(target, j->uid, j->gid);
		if (!rc)
			rc = lc_sys_fstat(target, &st);
	}
	if (!rc && (st.st_mode & 07777) != j->mode)
		rc = lc_sys_fchmod(target, j->mode);
	if (!rc && j->caps_length > 0)
		rc = lc_sys_setxattr(target, CAPABILITY, j->caps, j->caps_length);
	return rc;
}

/*
 * A file that gets smaller is cut before it is written: else the sector in
 * which it will end had new bytes before old ones for a moment, and were we
 * killed then, it would be taken for somebody else's.
 */
static int write_image(int fd, const struct lc_journal *j, int target, unsigned char *buffer)
{
	uint64_t at;
	off_t to = 0;
	size_t count;
	int rc = 0;

	for (at = 0; !rc && at < j->new_size; at += count) {
		count = j->new_size - at < BUFFER_SIZE ? (size_t)(j->new_size - at) : BUFFER_SIZE;
		rc = read_image(fd, j->new_offset, j->new_size, at, buffer);
		if (!rc && at == 0 && j->new_size < j->old_size)
			rc = lc_sys_ftruncate(target, (off_t)j->new_size);
		if (!rc)
			rc = lc_copy_bytes(target, &to, buffer, count);
	}
	return rc;
}

/*
 * All of it is written, also what seems to be new already: after a failed
 * flush the page cache shows what the disk does not have.
 */
int lc_inplace_apply(int fd, const struct lc_journal *j, int target, int force)
{
	unsigned char *buffer = malloc(BUFFER_SIZE);
	int rc = buffer ? write_image(fd, j, target, buffer) : -ENOMEM;

	free(buffer);
	if (!rc)
		rc = lc_sys_ftruncate(target, (off_t)j->new_size);
	if (!rc)
		rc = restore_metadata(j, target);
	if (!rc && force)
		rc = lc_sys_fsync(target);
	return rc;
}

/* Opens the file that the journal names; links are not followed. */
static int open_target(const struct lc_inplace_case *found)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	struct commit_error err;
	struct lc_place place;
	int fd;

	if (found->journal.flags & LC_JOURNAL_BESIDE)
		return lc_sys_open(found->home->fd, found->journal.target, flags);
	if (lc_dir_resolve(found->journal.target, COMMIT_SYMLINK_REPLACE, &place, &err) != 0)
		return -err.errnum;
	fd = lc_sys_open(place.fd, place.name, flags);
	lc_dir_release(&place);
	return fd;
}

static int conflict(struct lc_inplace_case *found, const char *reason)
{
	found->reason = reason;
	return -ESTALE;
}

int lc_inplace_examine(struct lc_inplace_case *found)
{
	int rc = lc_inplace_read(found->fd, &found->journal);

	found->target = -1;
	found->reason = "";
	if (rc == -EPROTONOSUPPORT)
		return conflict(found, "the journal is of a version that is not known here");
	if (rc == -EBADMSG)
		return conflict(found, "the journal is damaged");
	if (rc)
		return rc;
	rc = found->target = open_target(found);
	if (rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP || rc == -ENXIO || rc == -EISDIR)
		return conflict(found, "the edited file is gone or no regular file any more");
	if (rc < 0)
		return rc;
	rc = lc_sys_lock(found->target);
	if (rc == -EWOULDBLOCK)
		return -EBUSY;
	rc = lc_inplace_decide(found->fd, &found->journal, found->target);
	if (rc == -ESTALE)
		return conflict(found, "the file was replaced or edited by somebody else since");
	if (rc == -EBADMSG)
		return conflict(found, "the contents kept in the journal are damaged");
	return rc;
}

static int flush_home(const struct lc_inplace_case *found)
{
	int rc = lc_dir_flush(found->home, found->target);

	return rc == -EINVAL || rc == -EOPNOTSUPP ? 0 : rc;
}

int lc_inplace_replay(struct lc_inplace_case *found)
{
	/* Whoever named the journal may have been killed before he had flushed the name. */
	int rc = flush_home(found);

	if (!rc)
		rc = lc_inplace_apply(found->fd, &found->journal, found->target, 1);
	if (!rc)
		rc = lc_sys_unlink(found->home->fd, found->name);
	/* Were the journal to come back, it would be replayed over later edits. */
	return rc ? rc : flush_home(found);
}

void lc_inplace_case_release(struct lc_inplace_case *found)
{
	lc_sys_drop(&found->target);
}
