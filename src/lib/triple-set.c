/* SPDX-License-Identifier: ISC */
/* triple-set.c - the three places of a set */
#include "config.h"

#include "triple-internal.h"

#include "error.h"
#include "lock.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALL_FLAGS                                                                                  \
	(COMMIT_TRIPLE_RAW | COMMIT_TRIPLE_STRICT | COMMIT_TRIPLE_FORCE |                          \
	 COMMIT_TRIPLE_ALLOW_EMPTY | COMMIT_TRIPLE_NO_REREAD | COMMIT_TRIPLE_FOUND |               \
	 COMMIT_TRIPLE_DRY_RUN)

void commit_triple_options_init(struct commit_triple_options *opt)
{
	memset(opt, 0, sizeof *opt);
	opt->size = sizeof *opt;
	opt->block_size = LC_TRIPLE_BLOCK_DEFAULT;
	opt->create_mode = 0666;
	opt->wait_ms = 60000;
	opt->cancel_fd = -1;
}

static const char *senseless(const struct commit_triple_options *opt)
{
	if (opt->size != sizeof *opt)
		return "options were not set up by commit_triple_options_init";
	if (opt->flags & ~ALL_FLAGS)
		return "unknown flags";
	if (opt->min_copies > LC_TRIPLE_MAX)
		return "there are three copies";
	if (opt->block_size < LC_TRIPLE_BLOCK_MIN || opt->block_size > LC_TRIPLE_BLOCK_MAX ||
	    (opt->block_size & (opt->block_size - 1)))
		return "a block is a power of two from 4096 to 1073741824 bytes";
	return opt->wait_ms < 0 ? "a time to wait is not negative" : NULL;
}

/* Where the copy is, for those who will find a sidecar of the set; "" if it cannot be known. */
static void find_absolute(const struct lc_copy *copy, char absolute[LC_TRIPLE_PATH_MAX + 1])
{
	char link[64];
	ssize_t length;
	size_t room = LC_TRIPLE_PATH_MAX - strlen(copy->place.name) - 1;

	snprintf(link, sizeof link, "/proc/self/fd/%d", copy->place.fd);
	length = lc_sys_readlink(AT_FDCWD, link, absolute, room);
	if (length <= 0 || (size_t)length >= room || absolute[0] != '/')
		length = 0;
	else
		sprintf(absolute + length, "%s%s", length > 1 ? "/" : "", copy->place.name);
	if (!length)
		absolute[0] = '\0';
}

/* Of one that does not answer there is nothing but what was given. */
static void note_given(const struct lc_copy *copy, char absolute[LC_TRIPLE_PATH_MAX + 1])
{
	size_t length = strlen(copy->given), here = 0;

	if (copy->given[0] != '/') {
		if (!getcwd(absolute, LC_TRIPLE_PATH_MAX))
			absolute[0] = '\0';
		here = strlen(absolute);
		if (here > 1 && here < LC_TRIPLE_PATH_MAX)
			absolute[here++] = '/';
	}
	if (here + length > LC_TRIPLE_PATH_MAX || (here == 0 && copy->given[0] != '/'))
		absolute[0] = '\0';
	else
		strcpy(absolute + here, copy->given);
}

/* A device that is not there is no error yet: the others may be enough. */
static int resolve(struct lc_triple *t, struct lc_copy *copy, struct commit_error *err)
{
	struct commit_error why = COMMIT_ERROR_INIT;
	struct stat st;
	int rc;

	rc = lc_dir_resolve(copy->given, COMMIT_SYMLINK_FOLLOW, &copy->place, &why);
	if (rc && (rc != COMMIT_EFAILED || why.errnum == EISDIR || why.errnum == ENAMETOOLONG)) {
		if (err)
			*err = why;
		return rc;
	}
	copy->away = rc ? (why.errnum ? why.errnum : EIO) : 0;
	if (copy->away) {
		note_given(copy, t->absolute[copy - t->copies]);
		return 0;
	}
	lc_triple_side_name(copy->place.name, copy->side_name);
	find_absolute(copy, t->absolute[copy - t->copies]);
	rc = lc_sys_fstat(copy->place.fd, &st);
	if (!rc)
		rc = lc_sys_fs_uuid(copy->place.fd, &copy->fs);
	copy->device = rc ? 0 : st.st_dev;
	copy->away = -rc;
	return 0;
}

static int same_name(const struct lc_copy *a, const struct lc_copy *b)
{
	return a->device == b->device && a->place.inode == b->place.inode &&
	       strcmp(a->place.name, b->place.name) == 0;
}

static int same_inode(const struct lc_copy *a, const struct lc_copy *b)
{
	return a->place.found.st_ino && a->place.found.st_ino == b->place.found.st_ino &&
	       a->place.found.st_dev == b->place.found.st_dev;
}

static int check_distinct(struct lc_triple *t, struct commit_error *err)
{
	unsigned i, j;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		for (j = i + 1; j < LC_TRIPLE_MAX; j++) {
			const struct lc_copy *a = &t->copies[i], *b = &t->copies[j];

			if (!a->away && !b->away && (same_name(a, b) || same_inode(a, b)))
				return lc_error_format(err, COMMIT_EUSAGE, EINVAL, "resolve",
				                       b->given, "is the same file as %s",
				                       a->given);
		}
	return 0;
}

int lc_triple_begin(struct lc_triple *t, const char *const paths[LC_TRIPLE_MAX],
                    const struct commit_triple_options *opt, struct commit_error *err)
{
	const char *wrong;
	unsigned i;
	int rc = 0;

	memset(t, 0, sizeof *t);
	t->verdict.winner = -1;
	if (opt)
		t->opt = *opt;
	else
		commit_triple_options_init(&t->opt);
	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		t->copies[i].given = paths[i];
		t->copies[i].place.fd = -1;
	}
	wrong = senseless(&t->opt);
	if (wrong)
		return lc_error_set(err, COMMIT_EUSAGE, EINVAL, "check options", paths[0], wrong);
	t->started = lc_sys_clock_ms();
	for (i = 0; i < LC_TRIPLE_MAX && !rc; i++)
		rc = resolve(t, &t->copies[i], err);
	return rc ? rc : check_distinct(t, err);
}

unsigned lc_triple_reachable(const struct lc_triple *t)
{
	unsigned i, count = 0;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		count += !t->copies[i].away;
	return count;
}

int lc_triple_cancelled(const struct lc_triple *t)
{
	return t->opt.cancel_fd >= 0 && lc_sys_wait(-1, t->opt.cancel_fd, 0) == -ECANCELED;
}

/* --- copies that can die together --- */

/* Copies that share an extent are one copy twice: rot in it is rot in both. */
static int share_extent(const struct lc_copy *a, const struct lc_copy *b)
{
	uint64_t one, two;
	int fds[2] = {lc_sys_open(a->place.fd, a->place.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
	              lc_sys_open(b->place.fd, b->place.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)};
	int shared = fds[0] >= 0 && fds[1] >= 0 && lc_sys_first_extent(fds[0], &one) == 0 &&
	             lc_sys_first_extent(fds[1], &two) == 0 && one == two;

	lc_sys_drop(&fds[0]);
	lc_sys_drop(&fds[1]);
	return shared;
}

static const char *shared_fate(const struct lc_copy *a, const struct lc_copy *b)
{
	int one_fs = a->device == b->device || (a->fs && a->fs == b->fs);

	if (one_fs && share_extent(a, b))
		return "shares blocks with";
	if (one_fs)
		return "is on the same file system as";
	return lc_sys_same_disk(a->device, b->device) ? "is on the same disk as" : NULL;
}

int lc_triple_compare_places(struct lc_triple *t, struct commit_error *err)
{
	struct commit_error say;
	const char *what;
	unsigned i, j;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		for (j = i + 1; j < LC_TRIPLE_MAX; j++) {
			const struct lc_copy *a = &t->copies[i], *b = &t->copies[j];

			what = a->away || b->away ? NULL : shared_fate(a, b);
			if (!what)
				continue;
			if (t->opt.flags & COMMIT_TRIPLE_STRICT)
				return lc_error_format(
				        err, COMMIT_EREFUSED, EXDEV, "compare devices", b->given,
				        "%s %s: they can die together", what, a->given);
			lc_error_format(&say, COMMIT_OK, 0, "compare devices", b->given,
			                "%s %s: they can die together (--strict refuses)", what,
			                a->given);
			if (t->opt.warn)
				t->opt.warn(t->opt.context, &say);
		}
	return 0;
}

/* --- locks --- */

/* All lock in one order, so that no two wait for each other. */
static void order_by_inode(const struct lc_triple *t, unsigned order[LC_TRIPLE_MAX])
{
	unsigned i, j, kept;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		order[i] = i;
	for (i = 1; i < LC_TRIPLE_MAX; i++)
		for (j = i; j > 0; j--) {
			const struct lc_copy *a = &t->copies[order[j - 1]],
			                     *b = &t->copies[order[j]];

			if (a->device < b->device ||
			    (a->device == b->device && a->place.inode <= b->place.inode))
				break;
			kept = order[j];
			order[j] = order[j - 1];
			order[j - 1] = kept;
		}
}

/* Two copies in one directory: the second lock would wait for the first. */
static int is_locked(const struct lc_triple *t, const struct lc_copy *copy)
{
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		if (t->copies[i].locked && t->copies[i].device == copy->device &&
		    t->copies[i].place.inode == copy->place.inode)
			return 1;
	return 0;
}

static int lock_one(struct lc_triple *t, struct lc_copy *copy, int exclusive, int64_t deadline,
                    struct commit_error *err)
{
	int rc = exclusive ? lc_lock_acquire(copy->place.fd, deadline, t->opt.cancel_fd)
	                   : lc_lock_share(copy->place.fd, deadline, t->opt.cancel_fd);

	if (rc == 0) {
		copy->locked = 1;
		return 0;
	}
	if (rc == -ECANCELED)
		return lc_error_set(err, COMMIT_ECANCELED, ECANCELED, "lock", copy->given, NULL);
	if (rc == -EWOULDBLOCK)
		return lc_error_set(err, COMMIT_EBUSY, EWOULDBLOCK, "lock", copy->given,
		                    "somebody else is writing in its directory and did not finish "
		                    "in time (--wait)");
	/* It cannot be locked: a device that is dying is one that does not answer. */
	if (lc_lock_unsupported(rc))
		lc_triple_warn(t, COMMIT_NOTE, -rc, "lock", copy->given,
		               "no locks here: nothing keeps two writers apart");
	else
		copy->away = -rc;
	return 0;
}

int lc_triple_lock(struct lc_triple *t, int exclusive, struct commit_error *err)
{
	int64_t deadline = lc_lock_deadline(t->opt.wait_ms);
	unsigned order[LC_TRIPLE_MAX];
	unsigned i;
	int rc = 0;

	order_by_inode(t, order);
	for (i = 0; i < LC_TRIPLE_MAX && !rc; i++) {
		struct lc_copy *copy = &t->copies[order[i]];

		if (!copy->away && !is_locked(t, copy))
			rc = lock_one(t, copy, exclusive, deadline, err);
	}
	if (rc)
		lc_triple_unlock(t);
	return rc;
}

void lc_triple_unlock(struct lc_triple *t)
{
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		if (t->copies[i].locked)
			lc_sys_unlock(t->copies[i].place.fd);
		t->copies[i].locked = 0;
	}
}

void lc_triple_close(struct lc_triple *t)
{
	unsigned i;

	lc_triple_unlock(t);
	lc_triple_forget(t);
	lc_triple_raw_release(t);
	for (i = 0; i < LC_TRIPLE_MAX; i++)
		lc_dir_release(&t->copies[i].place);
}
