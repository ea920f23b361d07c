/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "save-internal.h"

#include "copy.h"
#include "error.h"
#include "lock.h"
#include "sys.h"
#include "token.h"

#include <commit.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_WAIT_MS 60000
#define KEEP_ALL (COMMIT_KEEP_MODE | COMMIT_KEEP_OWNER | COMMIT_KEEP_ACL | COMMIT_KEEP_XATTR)
#define BRIEF_LENGTH ((size_t)64 * 1024)

const char *commit_version(void)
{
	return PACKAGE_VERSION;
}

void commit_save_options_init(struct commit_save_options *opt)
{
	memset(opt, 0, sizeof *opt);
	opt->size = sizeof *opt;
	opt->suffix = "~";
	opt->mode_and = 07777;
	opt->owner = (uid_t)-1;
	opt->group = (gid_t)-1;
	opt->create_mode = 0666;
	opt->wait_ms = DEFAULT_WAIT_MS;
	opt->cancel_fd = -1;
}

int lc_save_fail(struct commit_save *save, int rc, const char *operation, const char *text,
                 struct commit_error *err)
{
	int code = rc == -ECANCELED ? COMMIT_ECANCELED : COMMIT_EFAILED;

	return lc_error_set(err, code, -rc, operation, save->target.place.path, text);
}

int lc_save_lost(struct commit_save *save, int errnum, const char *what, struct commit_error *err)
{
	return lc_meta_lost(&save->plan, errnum, what, save->target.place.path, err);
}

int lc_save_conditional(const struct commit_save *save)
{
	const unsigned flags = COMMIT_SAVE_APPEND | COMMIT_SAVE_CREATE | COMMIT_SAVE_MUST_EXIST;

	return save->opt.expect || (save->opt.flags & flags);
}

const struct lc_place *lc_save_home(const struct commit_save *save)
{
	return save->registry.fd >= 0 ? &save->registry : &save->target.place;
}

off_t lc_save_start(const struct commit_save *save)
{
	return save->in_place ? LC_JOURNAL_HEAD : 0;
}

static const char *bad_option(const struct commit_save_options *opt)
{
	const unsigned both = COMMIT_SAVE_CREATE | COMMIT_SAVE_MUST_EXIST;

	if (opt->size != sizeof *opt)
		return "options were not set up by commit_save_options_init";
	if ((opt->flags & both) == both)
		return "a file cannot be required to exist and not to exist";
	if (opt->expect && !lc_token_valid(opt->expect))
		return "the expected token is no token of this library";
	if (opt->backup != COMMIT_BACKUP_NONE && (!*opt->suffix || strchr(opt->suffix, '/')))
		return "a backup suffix is neither empty nor a path";
	if ((opt->mode_and | opt->mode_or) & ~(mode_t)07777)
		return "a mode has at most twelve bits";
	if ((opt->flags & COMMIT_SAVE_IN_PLACE) && opt->symlink == COMMIT_SYMLINK_REPLACE)
		return "a symbolic link cannot be replaced in place";
	return NULL;
}

/* Replaces *text by a copy; 0 or -ENOMEM. */
static int own(const char **text)
{
	char *copy = NULL;

	if (*text) {
		copy = strdup(*text);
		if (!copy)
			return -ENOMEM;
	}
	*text = copy;
	return 0;
}

static struct commit_save *new_save(const struct commit_save_options *opt)
{
	struct commit_save *save = calloc(1, sizeof *save);

	if (!save)
		return NULL;
	save->opt = *opt;
	save->target.fd = save->target.place.fd = -1;
	save->registry.fd = save->probe = save->edit_fd = -1;
	lc_stage_init(&save->stage);
	lc_stage_init(&save->input);
	lc_stage_init(&save->view);
	lc_backup_init(&save->backup);
	save->plan.keep = KEEP_ALL & ~opt->no_preserve;
	save->plan.mode_and = opt->mode_and;
	save->plan.mode_or = opt->mode_or;
	save->plan.owner = opt->owner;
	save->plan.group = opt->group;
	save->plan.strict = (opt->flags & COMMIT_SAVE_STRICT) != 0;
	save->plan.warn = opt->warn;
	save->plan.context = opt->context;
	save->flushes_before = lc_sys_flushes();
	/* From here on only our own copies are freed by close. */
	save->opt.suffix = save->opt.expect = save->opt.journal_dir = NULL;
	return save;
}

static int own_strings(struct commit_save *save, const struct commit_save_options *opt)
{
	const char *suffix = opt->suffix;
	const char *expect = opt->expect;
	const char *journal_dir = opt->journal_dir;
	int rc = own(&suffix);

	if (rc)
		return rc;
	save->opt.suffix = suffix;
	rc = own(&expect);
	if (rc)
		return rc;
	save->opt.expect = expect;
	rc = own(&journal_dir);
	if (!rc)
		save->opt.journal_dir = journal_dir;
	return rc;
}

/* The journal of an in-place edit lives elsewhere if it cannot live beside the file. */
static int stage_in_place(struct commit_save *save)
{
	int rc = lc_stage_open(&save->stage, &save->target.place);

	if (rc == -EACCES || rc == -EPERM || rc == -EROFS) {
		rc = lc_inplace_registry(save->opt.journal_dir, 1, &save->registry);
		if (!rc)
			rc = lc_stage_open(&save->stage, &save->registry);
	}
	save->stage.end = LC_JOURNAL_HEAD;
	return rc;
}

/* The way out, for the errors that have one. */
static const char *stage_advice(const struct commit_save *save, int rc)
{
	const struct lc_target *t = &save->target;

	if (rc != -EACCES && rc != -EPERM && rc != -EROFS)
		return NULL;
	if (save->in_place)
		return "no directory where the journal can be written (--journal-dir)";
	if (rc == -EROFS &&
	    (!t->exists || lc_sys_access(t->place.fd, t->place.name, W_OK) == -EROFS))
		return LC_SAVE_READ_ONLY;
	if (rc == -EROFS)
		return "the directory is on a read-only file system (--in-place edits the file "
		       "itself)";
	return "no right to make files in the directory (--in-place edits the file itself)";
}

/*
 * The old file's mode, where all of its rights are in it and it lets in all or
 * nobody, whatever the staged file's group: the chmod of pre-commit is then
 * nothing to do. Else only us.
 */
static mode_t brief_mode(const struct commit_save *save)
{
	const struct lc_meta_plan *plan = &save->plan;
	const struct lc_target *t = &save->target;
	mode_t mode = t->st.st_mode & 07777, others = mode & S_IRWXO;

	if (!t->exists || t->is_link || mode > 0777 || (mode & S_IRWXG) >> 3 != others)
		return LC_STAGE_MODE;
	if (plan->keep != KEEP_ALL || plan->mode_and != 07777 || plan->mode_or)
		return LC_STAGE_MODE;
	return others && lc_meta_has_acl(t->fd) ? LC_STAGE_MODE : mode;
}

static int open_stage(struct commit_save *save, struct commit_error *err)
{
	int rc;

	if (save->in_place)
		rc = stage_in_place(save);
	else if (save->brief)
		rc = lc_stage_open_named(&save->stage, &save->target.place, brief_mode(save));
	else
		rc = lc_stage_open(&save->stage, &save->target.place);
	if (!rc && (save->opt.flags & COMMIT_SAVE_APPEND))
		rc = lc_stage_open(&save->input, lc_save_home(save));
	return rc ? lc_save_fail(save, rc, "stage", stage_advice(save, rc), err) : 0;
}

static int open_target(struct commit_save *save, const char *path, struct commit_error *err)
{
	int rc = lc_target_open(&save->target, path, save->opt.symlink, err);

	return rc ? rc : lc_save_finish_pending(save, err);
}

static int lock_early(struct commit_save *save, struct commit_error *err)
{
	int64_t deadline = lc_lock_deadline(save->opt.wait_ms);
	int unsupported;

	/* Where locks are unknown, finish says so. */
	return lc_target_lock(&save->target, deadline, save->opt.cancel_fd, &unsupported, err);
}

/*
 * What is all there and soon written is hardly ever killed before it would be
 * linked anyway. Without options nothing else happens in between.
 */
static int is_plain(const struct commit_save_options *opt)
{
	return (opt->flags & ~COMMIT_SAVE_BRIEF) == 0 && !opt->expect && !opt->validate;
}

static int open_save(struct commit_save **out, const char *path, int brief,
                     const struct commit_save_options *opt, struct commit_error *err)
{
	struct commit_save_options defaults;
	struct commit_save *save;
	const char *bad;
	int rc;

	if (!opt) {
		commit_save_options_init(&defaults);
		opt = &defaults;
	}
	bad = bad_option(opt);
	if (bad) {
		lc_error_set(err, COMMIT_EUSAGE, EINVAL, "open", path, bad);
		return COMMIT_EUSAGE;
	}
	save = new_save(opt);
	if (!save || own_strings(save, opt)) {
		commit_save_close(save);
		lc_error_set(err, COMMIT_EFAILED, ENOMEM, "open", path, NULL);
		return COMMIT_EFAILED;
	}
	save->brief = (brief || (save->opt.flags & COMMIT_SAVE_BRIEF)) && is_plain(&save->opt);
	rc = open_target(save, path, err);
	if (!rc && (save->opt.flags & COMMIT_SAVE_LOCK_EARLY))
		rc = lock_early(save, err);
	if (!rc)
		rc = lc_save_check(save, err);
	if (!rc)
		rc = open_stage(save, err);
	if (rc) {
		commit_save_close(save);
		return rc;
	}
	*out = save;
	return 0;
}

int commit_save_open(struct commit_save **out, const char *path,
                     const struct commit_save_options *opt, struct commit_error *err)
{
	return open_save(out, path, 0, opt, err);
}

/* Content goes here; an append keeps its input apart until the old content is locked. */
static struct lc_stage *sink(struct commit_save *save)
{
	return save->opt.flags & COMMIT_SAVE_APPEND ? &save->input : &save->stage;
}

/* An object that has failed once keeps saying why. */
static int check_state(struct commit_save *save, enum save_state wanted, const char *operation,
                       struct commit_error *err)
{
	if (save->state == wanted)
		return 0;
	if (save->state == SAVE_FAILED) {
		if (err)
			*err = save->failure;
		return save->failure.code;
	}
	return lc_error_set(err, COMMIT_EUSAGE, EINVAL, operation, save->target.place.path,
	                    "called out of order");
}

/* Records the failure that *err tells of, which local filled in if err is NULL. */
static int fail(struct commit_save *save, int code, const struct commit_error *why,
                struct commit_error *err)
{
	save->state = SAVE_FAILED;
	save->failure = *why;
	if (err)
		*err = *why;
	return code;
}

int commit_save_write(struct commit_save *save, const void *buffer, size_t length,
                      struct commit_error *err)
{
	struct commit_error why = COMMIT_ERROR_INIT;
	int rc = check_state(save, SAVE_OPEN, "write", err);

	if (rc)
		return rc;
	rc = lc_copy_bytes(sink(save)->fd, &sink(save)->end, buffer, length);
	if (!rc)
		return 0;
	return fail(save, lc_save_fail(save, rc, "write", NULL, &why), &why, err);
}

int commit_save_splice(struct commit_save *save, int fd, uint64_t *copied, struct commit_error *err)
{
	struct commit_error why = COMMIT_ERROR_INIT;
	const struct lc_copy_watch watch = {save->opt.progress, save->opt.context};
	off_t before = sink(save)->end;
	int rc = check_state(save, SAVE_OPEN, "copy", err);

	if (rc)
		return rc;
	rc = lc_copy_watched(fd, sink(save)->fd, &sink(save)->end, save->opt.cancel_fd, &watch);
	if (rc)
		return fail(save, lc_save_fail(save, rc, "copy", NULL, &why), &why, err);
	if (copied)
		*copied = (uint64_t)(sink(save)->end - before);
	return 0;
}

int commit_save_finish(struct commit_save *save, struct commit_error *err)
{
	struct commit_error why = COMMIT_ERROR_INIT;
	int rc = check_state(save, SAVE_OPEN, "finish", err);

	if (rc)
		return rc;
	rc = lc_save_prepare(save, &why);
	if (rc)
		return fail(save, rc, &why, err);
	save->state = SAVE_PREPARED;
	return 0;
}

static void fill_result(const struct commit_save *save, struct commit_save_result *result)
{
	memset(result, 0, sizeof *result);
	result->outcome = save->outcome;
	result->bytes = save->bytes;
	result->flushes = lc_sys_flushes() - save->flushes_before;
	if (save->outcome != COMMIT_UNCHANGED)
		strcpy(result->backup, save->backup.name);
}

int commit_save_commit(struct commit_save *save, struct commit_save_result *result,
                       struct commit_error *err)
{
	struct commit_error why = COMMIT_ERROR_INIT;
	int rc = check_state(save, SAVE_PREPARED, "commit", err);

	if (rc)
		return rc;
	if (save->outcome != COMMIT_UNCHANGED)
		rc = lc_save_publish(save, &why);
	if (rc && rc != COMMIT_EPENDING)
		return fail(save, rc, &why, err);
	save->state = SAVE_DONE;
	if (result)
		fill_result(save, result);
	if (rc && err)
		*err = why;
	return rc;
}

enum commit_outcome commit_save_outcome(const struct commit_save *save)
{
	return save->outcome;
}

const char *commit_save_target(const struct commit_save *save)
{
	return save->target.place.path;
}

void commit_save_close(struct commit_save *save)
{
	int saved = errno;

	if (!save)
		return;
	lc_inplace_unreserve(&save->edit, save->stage.fd, save->edit_fd);
	lc_backup_release(&save->backup);
	lc_stage_release(&save->view);
	lc_stage_release(&save->input);
	lc_stage_release(&save->stage);
	lc_sys_drop(&save->probe);
	lc_sys_drop(&save->edit_fd);
	lc_dir_release(&save->registry);
	lc_target_release(&save->target);
	free((char *)save->opt.suffix);
	free((char *)save->opt.expect);
	free((char *)save->opt.journal_dir);
	free(save);
	errno = saved;
}

static int finish_and_commit(struct commit_save *save, struct commit_save_result *result,
                             struct commit_error *err)
{
	int rc = commit_save_finish(save, err);

	if (!rc)
		rc = commit_save_commit(save, result, err);
	return rc;
}

int commit_save_bytes(const char *path, const void *buffer, size_t length,
                      const struct commit_save_options *opt, struct commit_save_result *result,
                      struct commit_error *err)
{
	struct commit_save *save = NULL;
	int rc = open_save(&save, path, length <= BRIEF_LENGTH, opt, err);

	if (rc)
		return rc;
	rc = commit_save_write(save, buffer, length, err);
	if (!rc)
		rc = finish_and_commit(save, result, err);
	commit_save_close(save);
	return rc;
}

int commit_save_fd(const char *path, int fd, const struct commit_save_options *opt,
                   struct commit_save_result *result, struct commit_error *err)
{
	struct commit_save *save = NULL;
	int rc = commit_save_open(&save, path, opt, err);

	if (rc)
		return rc;
	rc = commit_save_splice(save, fd, NULL, err);
	if (!rc)
		rc = finish_and_commit(save, result, err);
	commit_save_close(save);
	return rc;
}

static int read_token(struct lc_target *target, char token[COMMIT_TOKEN_SIZE],
                      struct commit_error *err)
{
	char made[COMMIT_TOKEN_SIZE] = LC_TOKEN_ABSENT;
	char name[LC_NAME_SIZE];
	struct stat st;
	int rc = lc_name_make_in_place(target->place.inode, target->place.name, name);

	if (!rc && lc_sys_lstat(target->place.fd, name, &st) == 0)
		return lc_error_set(err, COMMIT_EPENDING, 0, "token", target->place.path,
		                    "an in-place edit is not finished (commit-recover)");
	if (!rc && target->exists)
		rc = lc_target_times(target);
	if (!rc && target->exists)
		rc = lc_token_make(target->fd, &target->st, -1, made);
	if (rc)
		return lc_error_set(err, COMMIT_EFAILED, -rc, "token", target->place.path, NULL);
	strcpy(token, made);
	return 0;
}

int commit_save_token(const char *path, enum commit_symlink symlink, char token[COMMIT_TOKEN_SIZE],
                      struct commit_error *err)
{
	struct lc_target target;
	int rc = lc_target_open(&target, path, symlink, err);

	if (rc)
		return rc;
	rc = read_token(&target, token, err);
	lc_target_release(&target);
	return rc;
}
