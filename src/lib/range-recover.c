/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "range.h"

#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static int conflict(struct lc_range_found *found, const char *reason)
{
	found->reason = reason;
	return -ESTALE;
}

static int open_target(const struct lc_place *home, const struct lc_range_begin *begin)
{
	int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	struct commit_error err;
	struct lc_place place;
	int fd;

	if (begin->flags & LC_RANGE_BESIDE)
		return lc_sys_open(home->fd, begin->target, flags);
	if (begin->flags & LC_RANGE_DEVICE)
		flags |= O_EXCL;
	if (lc_dir_resolve(begin->target, COMMIT_SYMLINK_REPLACE, &place, &err) != 0)
		return -err.errnum;
	fd = lc_sys_open(place.fd, place.name, flags);
	lc_dir_release(&place);
	return fd;
}

/* Is it the one that was edited, of a size that the edit can have given it? */
static int same_target(const struct lc_range_case *edit, int fd)
{
	const struct lc_range_begin *begin = &edit->begin;
	struct lc_range_target target = {.fd = fd};
	int rc = lc_range_target_identify(&target);

	if (rc && rc != -ENODEV)
		return rc;
	if (rc || target.is_device != !!(begin->flags & LC_RANGE_DEVICE) ||
	    target.id != begin->id || target.inode != begin->inode ||
	    target.size < begin->old_size || target.size > edit->new_size)
		return -ESTALE;
	return 0;
}

static int gone(int rc)
{
	return rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP || rc == -ENXIO || rc == -EISDIR;
}

/* Nothing is unfinished: of interest is only whether anybody will need the log again. */
static int look_for_file(const struct lc_place *home, const struct lc_range_found *found)
{
	struct stat st;
	int dir = found->edit.begin.flags & LC_RANGE_BESIDE ? home->fd : AT_FDCWD;
	int rc;

	if (!found->edit.known)
		return 0;
	rc = lc_sys_lstat(dir, found->edit.begin.target, &st);
	return rc == -ENOENT ? rc : 0;
}

static int take_target(const struct lc_place *home, int held, struct lc_range_found *found)
{
	int rc = held;

	if (held >= 0) {
		found->held = held;
		return 0;
	}
	rc = found->held = found->target = open_target(home, &found->edit.begin);
	if (gone(rc))
		return conflict(found, "the edited file is gone");
	if (rc < 0)
		return rc;
	return lc_sys_lock(found->target) == -EWOULDBLOCK ? -EBUSY : 0;
}

static int judge(const struct lc_place *home, int held, struct lc_range_found *found)
{
	int rc = take_target(home, held, found);

	if (!rc)
		rc = same_target(&found->edit, found->held);
	if (!rc)
		rc = lc_range_pass(found->log, &found->edit, found->held, LC_RANGE_LOOK);
	if (rc == -ESTALE && !found->reason[0])
		return conflict(found, "the file was replaced or edited by somebody else since");
	return rc;
}

void lc_range_found_init(struct lc_range_found *found, struct lc_log *log)
{
	memset(found, 0, sizeof *found);
	found->log = log;
	found->target = found->held = -1;
	found->reason = "";
}

const char *lc_range_log_trouble(int rc)
{
	if (rc == -EBADMSG)
		return "the log is damaged";
	return rc == -EPROTONOSUPPORT ? "the log is of a version that is not known here" : NULL;
}

int lc_range_examine(const struct lc_place *home, int held, struct lc_range_found *found)
{
	int rc = lc_range_case_read(found->log, &found->edit);

	if (!rc && found->edit.state == LC_RANGE_DONE)
		return held >= 0 ? 0 : look_for_file(home, found);
	if (!rc)
		rc = judge(home, held, found);
	return rc == -EBADMSG ? conflict(found, lc_range_log_trouble(rc)) : rc;
}

int lc_range_settle(struct lc_range_found *found)
{
	int back = found->edit.state == LC_RANGE_BACK;
	int rc = lc_range_carry_out(found->log, &found->edit, found->held,
	                            back ? LC_RANGE_RESTORE : LC_RANGE_WRITE);

	return rc ? rc
	          : lc_range_record_end(found->log, &found->edit,
	                                back ? LC_LOG_ABORT : LC_LOG_COMPLETE);
}

void lc_range_found_release(struct lc_range_found *found)
{
	lc_range_case_release(&found->edit);
	lc_sys_drop(&found->target);
}

static int remove_one(void *context, const char *name)
{
	const int *dirfd = context;

	return lc_sys_unlink(*dirfd, name);
}

int lc_range_remove(const struct lc_place *home, const char *name, int dirfd)
{
	int rc = lc_dir_each(lc_sys_open(dirfd, ".", O_RDONLY | O_DIRECTORY), remove_one, &dirfd);

	return rc ? rc : lc_sys_rmdir(home->fd, name);
}
