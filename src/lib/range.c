/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "range.h"

#include "copy.h"
#include "error.h"
#include "lock.h"
#include "sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_WAIT_MS 60000

struct commit_range {
	struct commit_range_options opt;
	struct lc_range_target target;
	struct lc_range_home home;
	/* NULL in a dry run */
	struct lc_log *log;
	/* the transaction, 0: none has begun */
	uint64_t transaction;
	/* its begin record is in the log */
	int logged;
	/* it failed and can only be aborted; or nothing but close is left */
	int failed;
	int dead;
	struct commit_range_result result;
	/* the begin record, and the last range, which is logged with what follows it */
	unsigned char *begin;
	size_t begin_length;
	unsigned char *op;
	size_t op_length;
	/* all ranges, for the room that they need in the file */
	struct lc_range_extent *extents;
	size_t count;
	size_t room;
	struct stat before;
};

void commit_range_options_init(struct commit_range_options *opt)
{
	memset(opt, 0, sizeof *opt);
	opt->size = sizeof *opt;
	opt->wait_ms = DEFAULT_WAIT_MS;
	opt->cancel_fd = -1;
}

static int fail(const struct commit_range *edit, int code, int rc, const char *operation,
                const char *why, struct commit_error *err)
{
	return lc_error_set(err, code, -rc, operation, edit->target.place.path, why);
}

static int fail_home(const struct commit_range *edit, int rc, struct commit_error *err)
{
	if (rc == -EWOULDBLOCK)
		return fail(edit, COMMIT_EBUSY, rc, "lock", "somebody else holds its log", err);
	if (rc == -ECANCELED)
		return fail(edit, COMMIT_ECANCELED, rc, "lock", NULL, err);
	if (rc == -EPERM)
		return fail(edit, COMMIT_EREFUSED, rc, "open log",
		            "it is another user's, or others may write it", err);
	return fail(edit, COMMIT_EFAILED, rc, "open log", NULL, err);
}

static int conflict(const struct commit_range *edit, const char *reason, struct commit_error *err)
{
	char *path = lc_range_home_path(&edit->home);
	int rc = lc_error_format(err, COMMIT_ECONFLICT, ESTALE, "recover", edit->target.place.path,
	                         "%s; commit-range log shows it; remove %s to keep what the file "
	                         "holds now",
	                         reason, path ? path : "its log");

	free(path);
	return rc;
}

/* What an interrupted edit has left comes first. */
static int settle(struct commit_range *edit, struct lc_range_found *found, struct commit_error *err)
{
	int rc = lc_range_examine(edit->home.place, edit->target.fd, found);

	if (rc == -ESTALE)
		return conflict(edit, found->reason, err);
	if (rc == 0 && found->edit.state != LC_RANGE_DONE)
		rc = edit->opt.dry_run ? 0 : lc_range_settle(found);
	/* The edit may have given the file another size. */
	if (rc == 0)
		rc = lc_range_target_identify(&edit->target);
	/* The edit that waits is another one; it is not undone by this error. */
	return rc ? fail(edit, COMMIT_EFAILED, rc, "finish an earlier edit", NULL, err) : 0;
}

static int open_log(struct commit_range *edit, struct commit_error *err)
{
	enum lc_range_access access = edit->opt.dry_run ? LC_RANGE_READ : LC_RANGE_MAKE;
	struct lc_range_found found;
	int rc = lc_range_home_open(&edit->home, &edit->target, edit->opt.journal_dir,
	                            !edit->opt.dry_run);

	if (rc == -ENOENT && edit->opt.dry_run)
		return 0;
	if (rc)
		return fail_home(edit, rc, err);
	rc = lc_range_log_open(edit->home.place, edit->home.fd, access, &edit->log, NULL);
	if (lc_range_log_trouble(rc))
		return conflict(edit, lc_range_log_trouble(rc), err);
	if (rc == -ENOENT && edit->opt.dry_run)
		return 0;
	if (rc)
		return fail_home(edit, rc, err);
	lc_range_found_init(&found, edit->log);
	rc = settle(edit, &found, err);
	lc_range_found_release(&found);
	return rc;
}

static int check_options(const char *path, const struct commit_range_options *opt,
                         struct commit_error *err)
{
	if (opt->size != sizeof *opt)
		return lc_error_set(err, COMMIT_EUSAGE, EINVAL, "open", path,
		                    "options were not set up by commit_range_options_init");
	if (opt->protocol != COMMIT_WRITE_AHEAD && opt->protocol != COMMIT_WRITE_BEHIND)
		return lc_error_set(err, COMMIT_EUSAGE, EINVAL, "open", path, "no such protocol");
	return 0;
}

static int start(struct commit_range *edit, const char *path, struct commit_error *err)
{
	int rc;

	edit->target.deadline = lc_lock_deadline(edit->opt.wait_ms);
	edit->target.cancel_fd = edit->opt.cancel_fd;
	rc = lc_range_target_open(&edit->target, path, err);
	if (rc)
		return rc;
	if (edit->target.is_device && !edit->opt.journal_dir && !getenv("COMMIT_JOURNAL_DIR"))
		return fail(edit, COMMIT_EUSAGE, -EINVAL, "open",
		            "a block device needs a journal directory", err);
	edit->op = malloc(LC_RANGE_OP_MAX);
	edit->begin = malloc(LC_RANGE_BEGIN_MAX);
	if (!edit->op || !edit->begin)
		return fail(edit, COMMIT_EFAILED, -ENOMEM, "open", NULL, err);
	return open_log(edit, err);
}

int commit_range_open(const char *path, const struct commit_range_options *opt,
                      struct commit_range **edit, struct commit_error *err)
{
	struct commit_range_options defaults;
	struct commit_range *made;
	int rc;

	commit_range_options_init(&defaults);
	if (!opt)
		opt = &defaults;
	rc = check_options(path, opt, err);
	if (rc)
		return rc;
	made = calloc(1, sizeof *made);
	if (!made)
		return lc_error_set(err, COMMIT_EFAILED, ENOMEM, "open", path, NULL);
	made->opt = *opt;
	made->home.fd = made->home.registry.fd = made->target.fd = -1;
	rc = start(made, path, err);
	if (rc)
		commit_range_close(made);
	else
		*edit = made;
	return rc;
}

static int is_ahead(const struct commit_range *edit)
{
	return edit->opt.protocol == COMMIT_WRITE_AHEAD;
}

/* The first range of a transaction begins it. */
static void begin(struct commit_range *edit)
{
	struct lc_range_begin *b = calloc(1, sizeof *b);

	if (!b)
		return;
	b->flags = (edit->home.beside ? LC_RANGE_BESIDE : 0) |
	           (edit->target.is_device ? LC_RANGE_DEVICE : 0) |
	           (is_ahead(edit) ? 0 : LC_RANGE_BEHIND);
	b->id = edit->target.id;
	b->inode = edit->target.inode;
	b->old_size = edit->target.size;
	b->time = (uint64_t)time(NULL);
	strcpy(b->target, edit->home.target);
	edit->begin_length = lc_range_encode_begin(b, edit->begin);
	edit->transaction = edit->log ? lc_log_end(edit->log) : 1;
	memset(&edit->result, 0, sizeof edit->result);
	edit->result.old_size = edit->result.new_size = edit->target.size;
	free(b);
}

/* What is not in the log yet; with the commit record, if that is wanted. */
static size_t fill_batch(const struct commit_range *edit, int commit, struct lc_log_entry batch[3])
{
	size_t count = 0;

	if (!edit->logged)
		batch[count++] = (struct lc_log_entry){LC_LOG_BEGIN, (uint32_t)edit->begin_length,
		                                       edit->transaction, edit->begin};
	if (edit->op_length > 0)
		batch[count++] = (struct lc_log_entry){LC_RANGE_OP, (uint32_t)edit->op_length,
		                                       edit->transaction, edit->op};
	if (commit)
		batch[count++] = (struct lc_log_entry){LC_LOG_COMMIT, 0, edit->transaction, NULL};
	return count;
}

static int append(struct commit_range *edit, int commit, uint64_t *end)
{
	struct lc_log_entry batch[3];
	int rc = lc_log_append(edit->log, batch, fill_batch(edit, commit, batch), end);

	if (rc == 0) {
		edit->logged = 1;
		edit->op_length = 0;
	}
	return rc;
}

static int remember(struct commit_range *edit, uint64_t offset, size_t length)
{
	size_t room = edit->room ? 2 * edit->room : 64;
	struct lc_range_extent *more;

	if (edit->count == edit->room) {
		more = realloc(edit->extents, room * sizeof *more);
		if (!more)
			return -ENOMEM;
		edit->extents = more;
		edit->room = room;
	}
	edit->extents[edit->count].offset = offset;
	edit->extents[edit->count++].length = length;
	return 0;
}

/* The range that was added before goes into the log, this one waits for the next. */
static int add_chunk(struct commit_range *edit, uint64_t offset, const unsigned char *bytes,
                     size_t length)
{
	struct lc_range_op op = {.offset = offset, .length = (uint32_t)length};
	uint64_t end;
	ssize_t got;
	int rc = remember(edit, offset, length);

	if (!rc && edit->op_length > 0)
		rc = append(edit, 0, &end);
	if (rc)
		return rc;
	got = lc_copy_read(edit->target.fd, edit->op + LC_RANGE_OP_HEAD, length, (off_t)offset);
	if (got < 0)
		return (int)got;
	op.old_length = (uint32_t)got;
	lc_range_encode_op(&op, edit->op);
	memcpy(edit->op + LC_RANGE_OP_HEAD + got, bytes, length);
	edit->op_length = LC_RANGE_OP_HEAD + (size_t)got + length;
	return 0;
}

static int check_range(const struct commit_range *edit, uint64_t offset, size_t length,
                       struct commit_error *err)
{
	if (edit->dead || edit->failed)
		return fail(edit, COMMIT_EUSAGE, -EINVAL, "write",
		            "an earlier call has failed; close it, or abort", err);
	if (offset > (uint64_t)INT64_MAX || length > (uint64_t)INT64_MAX - offset)
		return fail(edit, COMMIT_EFAILED, -EFBIG, "write", NULL, err);
	if (edit->target.is_device && offset + length > edit->target.size)
		return fail(edit, COMMIT_EREFUSED, -ENOSPC, "write",
		            "the range ends behind the end of the device", err);
	return 0;
}

int commit_range_write(struct commit_range *edit, uint64_t offset, const void *bytes, size_t length,
                       struct commit_error *err)
{
	const unsigned char *at = bytes;
	size_t done, count;
	int rc = check_range(edit, offset, length, err);

	if (rc || length == 0)
		return rc;
	if (!edit->transaction)
		begin(edit);
	rc = edit->transaction ? 0 : -ENOMEM;
	for (done = 0; !rc && edit->log && !edit->opt.dry_run && done < length; done += count) {
		count = length - done < LC_RANGE_CHUNK ? length - done : LC_RANGE_CHUNK;
		rc = add_chunk(edit, offset + done, at + done, count);
	}
	if (rc) {
		edit->failed = 1;
		return fail(edit, COMMIT_EFAILED, rc, "write log", NULL, err);
	}
	edit->result.ranges++;
	edit->result.bytes += length;
	if (offset + length > edit->result.new_size)
		edit->result.new_size = offset + length;
	return 0;
}

/* Ready for the next transaction. */
static void reset(struct commit_range *edit)
{
	edit->transaction = 0;
	edit->logged = edit->failed = 0;
	edit->op_length = edit->count = 0;
}

void commit_range_abort(struct commit_range *edit)
{
	const struct lc_log_entry entry = {LC_LOG_ABORT, 0, edit->transaction, NULL};
	uint64_t end;

	/* A write-behind edit that has begun must be seen to have ended. */
	if (edit->log && edit->logged && !is_ahead(edit) && !edit->dead)
		edit->dead = lc_log_append(edit->log, &entry, 1, &end) != 0;
	reset(edit);
}

/* What fails for lack of space shall fail before the commit. */
static int reserve_target(struct commit_range *edit)
{
	const int stat_block = 512;
	struct stat *st = &edit->before;
	uint64_t end;
	int rc = edit->target.is_device ? 0 : lc_sys_fstat_times(edit->target.fd, st);
	int sparse = !edit->target.is_device && (off_t)st->st_blocks * stat_block < st->st_size;
	size_t i;

	for (i = 0; !rc && !edit->target.is_device && i < edit->count; i++) {
		end = edit->extents[i].offset + edit->extents[i].length;
		if (!sparse && end <= (uint64_t)st->st_size)
			continue;
		rc = lc_sys_reserve(edit->target.fd, (off_t)edit->extents[i].offset,
		                    (off_t)edit->extents[i].length);
		if (rc == -EOPNOTSUPP || rc == -ENOSYS)
			return 0;
	}
	return rc;
}

/* To the size that it has: that frees what lies behind it. */
static void unreserve_target(const struct commit_range *edit)
{
	if (edit->target.is_device || edit->before.st_ino == 0)
		return;
	if (lc_sys_ftruncate(edit->target.fd, edit->before.st_size) == 0)
		lc_sys_set_times(edit->target.fd, &edit->before);
}

/* Room for what is still to be logged, and for the record that ends it. */
static int reserve_log(const struct commit_range *edit)
{
	const struct lc_log_entry last = {LC_LOG_COMPLETE, 0, edit->transaction, NULL};
	struct lc_log_entry batch[3];
	size_t count = fill_batch(edit, 1, batch);

	return lc_log_reserve(edit->log, lc_log_batch_size(edit->log, batch, count) +
	                                         lc_log_batch_size(edit->log, &last, 1));
}

/* Everything up to the moment that decides. */
static int log_all(struct commit_range *edit, struct commit_error *err)
{
	const char *what = "reserve space";
	uint64_t end = 0;
	int rc = reserve_target(edit), forced = 0;

	if (!rc) {
		what = "write log";
		rc = reserve_log(edit);
	}
	if (!rc)
		rc = append(edit, is_ahead(edit), &end);
	if (!rc) {
		forced = 1;
		rc = lc_log_force(edit->log, end);
	}
	if (!rc)
		return 0;
	edit->failed = 1;
	/* Half of it may be there: of an edit that is committed by what was written, too. */
	edit->dead = forced || lc_log_force(edit->log, 0) == -EIO;
	if (edit->dead && is_ahead(edit))
		return fail(edit, COMMIT_EUNDECIDED, rc, what, NULL, err);
	unreserve_target(edit);
	return fail(edit, COMMIT_EFAILED, rc, what, NULL, err);
}

static int take_back(struct commit_range *edit, const struct lc_range_case *logged, int why,
                     struct commit_error *err)
{
	int rc = lc_range_carry_out(edit->log, logged, edit->target.fd, LC_RANGE_RESTORE);

	if (!rc)
		rc = lc_range_record_end(edit->log, logged, LC_LOG_ABORT);
	edit->failed = 1;
	edit->dead = rc != 0;
	/* It was taken back; the end of it is in the log. */
	edit->logged = 0;
	return fail(edit, rc ? COMMIT_EUNDECIDED : COMMIT_EFAILED, why, "write", NULL, err);
}

/* The file is written from the log, as recovery would write it. */
static int carry_out(struct commit_range *edit, struct lc_range_case *logged,
                     struct commit_error *err)
{
	const int code = is_ahead(edit) ? COMMIT_EPENDING : COMMIT_EUNDECIDED;
	int rc = lc_log_mark(edit->log);

	if (!rc)
		rc = lc_range_case_read(edit->log, logged);
	if (!rc && (logged->state == LC_RANGE_DONE || logged->transaction != edit->transaction))
		rc = -EBADMSG;
	edit->dead = 1;
	if (rc)
		return fail(edit, code, rc, "read log", NULL, err);
	rc = lc_range_carry_out(edit->log, logged, edit->target.fd, LC_RANGE_WRITE);
	if (rc && !is_ahead(edit))
		return take_back(edit, logged, rc, err);
	if (rc)
		return fail(edit, code, rc, "write", NULL, err);
	rc = lc_range_record_end(edit->log, logged, LC_LOG_COMPLETE);
	if (rc)
		return fail(edit, code, rc, "write log", NULL, err);
	edit->dead = 0;
	return 0;
}

static int commit(struct commit_range *edit, struct commit_error *err)
{
	struct lc_range_case logged = {.state = LC_RANGE_DONE};
	int rc = log_all(edit, err);

	if (rc)
		return rc;
	rc = carry_out(edit, &logged, err);
	lc_range_case_release(&logged);
	/* What is not needed any more may stay for a while. */
	if (!rc)
		lc_log_trim(edit->log, lc_log_end(edit->log));
	return rc;
}

int commit_range_commit(struct commit_range *edit, struct commit_range_result *result,
                        struct commit_error *err)
{
	unsigned flushes = lc_sys_flushes();
	int rc;

	if (edit->dead || edit->failed)
		return fail(edit, COMMIT_EUSAGE, -EINVAL, "commit",
		            "an earlier call has failed; close it, or abort", err);
	if (!edit->transaction)
		return fail(edit, COMMIT_EREFUSED, 0, "commit", "no range was given", err);
	rc = edit->opt.dry_run ? 0 : commit(edit, err);
	if (rc)
		return rc;
	edit->result.flushes = lc_sys_flushes() - flushes;
	edit->target.size = edit->opt.dry_run ? edit->target.size : edit->result.new_size;
	if (result)
		*result = edit->result;
	reset(edit);
	return 0;
}

void commit_range_close(struct commit_range *edit)
{
	if (!edit)
		return;
	lc_log_close(edit->log);
	lc_range_home_release(&edit->home);
	lc_range_target_release(&edit->target);
	free(edit->extents);
	free(edit->begin);
	free(edit->op);
	free(edit);
}
