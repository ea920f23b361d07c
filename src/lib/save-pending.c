/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "save-internal.h"

#include "error.h"
#include "lock.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int wait_for_journal(struct commit_save *save, int fd, struct commit_error *err)
{
	int rc = lc_lock_acquire(fd, lc_lock_deadline(save->opt.wait_ms), save->opt.cancel_fd);

	if (rc == -EWOULDBLOCK)
		return lc_error_set(err, COMMIT_EBUSY, EWOULDBLOCK, "lock", save->target.place.path,
		                    "somebody else is editing it in place (--wait)");
	return rc && !lc_lock_unsupported(rc) ? lc_save_fail(save, rc, "lock", NULL, err) : 0;
}

/*
 * A journal says what to write, and who shall own it with which set-id bits:
 * only one's own is obeyed, or a user could have root make a set-id file.
 */
static int check_journal(struct commit_save *save, const struct lc_inplace_case *found,
                         struct commit_error *err)
{
	struct stat st;
	int rc = lc_sys_fstat(found->fd, &st);

	if (rc)
		return lc_save_fail(save, rc, "look at journal", NULL, err);
	if (S_ISREG(st.st_mode) && st.st_uid == geteuid())
		return 0;
	return lc_error_format(err, COMMIT_ECONFLICT, EPERM, "finish in-place edit",
	                       save->target.place.path,
	                       "an edit by user %lu is not finished (commit-recover as that user, "
	                       "or --as-owner; journal %s)",
	                       (unsigned long)st.st_uid, found->name);
}

static int finish_case(struct commit_save *save, struct lc_inplace_case *found,
                       struct commit_error *err)
{
	int rc = lc_inplace_examine(found);

	if (rc == -ESTALE)
		return lc_error_format(err, COMMIT_ECONFLICT, 0, "finish in-place edit",
		                       save->target.place.path, "%s (journal %s is kept)",
		                       found->reason, found->name);
	if (rc == 0)
		rc = lc_inplace_replay(found);
	if (rc)
		return lc_error_set(err, COMMIT_EPENDING, -rc, "finish in-place edit",
		                    save->target.place.path, NULL);
	return 0;
}

/*
 * The lock on a journal is its editor's life. Having waited for it, the
 * journal may be gone: then there is nothing to finish.
 */
int lc_save_finish_pending(struct commit_save *save, struct commit_error *err)
{
	const struct lc_place *place = &save->target.place;
	struct lc_inplace_case found = {.home = place, .target = -1};
	char name[LC_NAME_SIZE];
	struct stat st, now;
	int rc;

	rc = lc_name_make_in_place(place->inode, place->name, name);
	if (rc || lc_sys_lstat(place->fd, name, &st) != 0)
		return 0;
	found.name = name;
	found.fd = lc_sys_open(place->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	if (found.fd == -ENOENT)
		return 0;
	if (found.fd < 0)
		return lc_save_fail(save, found.fd, "open journal", NULL, err);
	rc = wait_for_journal(save, found.fd, err);
	if (!rc && lc_sys_lstat(place->fd, name, &now) == 0 && now.st_ino == st.st_ino) {
		rc = check_journal(save, &found, err);
		if (!rc)
			rc = finish_case(save, &found, err);
		lc_inplace_case_release(&found);
	}
	lc_sys_drop(&found.fd);
	return rc;
}
