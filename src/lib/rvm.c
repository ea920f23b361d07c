/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "rvm-vista.h"

#include "error.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A segment of the log is written with zeros before it is used; larger ones are not. */
#define LOG_SEGMENT ((uint32_t)1024 * 1024)
#define DEFAULT_LOG ((uint64_t)64 * 1024 * 1024)
#define DEFAULT_PERCENT 50
#define DEFAULT_QUEUE_MS 1000
#define DEFAULT_QUEUE ((uint64_t)1024 * 1024)

void commit_rvm_options_init(struct commit_rvm_options *opt)
{
	memset(opt, 0, sizeof *opt);
	opt->size = sizeof *opt;
	opt->log_size = DEFAULT_LOG;
	opt->truncate_percent = DEFAULT_PERCENT;
	opt->queue_ms = DEFAULT_QUEUE_MS;
	opt->queue_bytes = DEFAULT_QUEUE;
}

/* A queue is a part of the log, so that there is room for it when others wait. */
static int check_options(const struct commit_rvm_options *opt, const char *path,
                         struct commit_error *err)
{
	const unsigned percent_max = 90;

	if (opt->size != sizeof *opt)
		return lc_error_set(err, COMMIT_EUSAGE, EINVAL, "set options", path,
		                    "options were not set up by commit_rvm_options_init");
	if (opt->mode != COMMIT_RVM_LRVM && opt->mode != COMMIT_RVM_VISTA)
		return lc_error_set(err, COMMIT_EUSAGE, EINVAL, "set options", path,
		                    "there is no such mode");
	if (opt->log_size < LC_RVM_LOG_MIN || opt->log_size > INT64_MAX ||
	    opt->truncate_percent < 1 || opt->truncate_percent > percent_max || opt->queue_ms < 0 ||
	    opt->queue_bytes > opt->log_size / 4)
		return lc_error_set(err, COMMIT_EUSAGE, EINVAL, "set options", path,
		                    "a log of at least 1 MiB, truncated at 1 to 90 percent, and "
		                    "a queue of at most a quarter of it");
	return 0;
}

static void log_options(struct lc_log_options *options)
{
	lc_log_options_init(options);
	options->segment_size = LOG_SEGMENT;
	options->direct = 1;
}

static int open_dir(const char *path, int *fd)
{
	struct stat st;
	int rc;

	*fd = lc_sys_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
	if (*fd < 0)
		return *fd;
	rc = lc_sys_fstat(*fd, &st);
	if (!rc && (st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH)))
		rc = -EPERM;
	return rc;
}

/* One of the other mode is a log, too. */
static int make_in(int dirfd, enum commit_rvm_mode mode)
{
	struct lc_log_options options;
	int rc;

	log_options(&options);
	if (mode == COMMIT_RVM_LRVM) {
		rc = lc_vista_is(dirfd);
		return rc == -ENOENT ? lc_log_create(dirfd, &options) : rc ? rc : -EEXIST;
	}
	rc = lc_sys_access(dirfd, "super", F_OK);
	return rc == -ENOENT ? lc_vista_create(dirfd) : rc ? rc : -EEXIST;
}

static int make_log(const char *path, enum commit_rvm_mode mode)
{
	struct lc_place place;
	struct commit_error err;
	int fd = -1;
	int rc;

	if (lc_dir_resolve(path, COMMIT_SYMLINK_FOLLOW, &place, &err))
		return -err.errnum;
	rc = lc_sys_mkdir(place.fd, place.name, 0700);
	if (rc == -EEXIST)
		rc = 0;
	if (!rc)
		rc = open_dir(path, &fd);
	if (!rc)
		rc = make_in(fd, mode);
	if (!rc)
		rc = lc_dir_flush(&place, fd);
	lc_sys_drop(&fd);
	lc_dir_release(&place);
	return rc == -EINVAL || rc == -EOPNOTSUPP ? 0 : rc;
}

static int fail(const char *path, int rc, const char *operation, struct commit_error *err)
{
	switch (rc) {
	case -EEXIST:
		return lc_error_set(err, COMMIT_EREFUSED, EEXIST, operation, path,
		                    "there is a log already");
	case -EWOULDBLOCK:
	case -EBUSY:
		return lc_error_set(err, COMMIT_EBUSY, EBUSY, operation, path,
		                    "another process uses it, or one of its segments");
	case -EPERM:
		return lc_error_set(err, COMMIT_EREFUSED, EPERM, operation, path,
		                    "it is another user's, or others may write it");
	case -EBADMSG:
		return lc_error_set(err, COMMIT_ECONFLICT, EBADMSG, operation, path,
		                    "the log is damaged; nothing was touched");
	case -ENOTRECOVERABLE:
		return lc_error_set(err, COMMIT_ECONFLICT, ENOTRECOVERABLE, operation, path,
		                    "the system was restarted while regions were mapped, and "
		                    "they are not on persistent memory: see accept_restart");
	case -EMEDIUMTYPE:
		return lc_error_set(err, COMMIT_EREFUSED, EINVAL, operation, path,
		                    "it is a log of the other mode, LRVM or Vista");
	case -EPROTONOSUPPORT:
		return lc_error_set(err, COMMIT_ECONFLICT, EPROTONOSUPPORT, operation, path,
		                    "the log is of a version that is not known here");
	default:
		return lc_error_set(err, COMMIT_EFAILED, -rc, operation, path, NULL);
	}
}

int commit_rvm_create_log(const char *log, const struct commit_rvm_options *opt,
                          struct commit_error *err)
{
	struct commit_rvm_options defaults;
	int rc;

	commit_rvm_options_init(&defaults);
	rc = check_options(opt ? opt : &defaults, log, err);
	if (rc)
		return rc;
	rc = make_log(log, opt ? opt->mode : defaults.mode);
	return rc ? fail(log, rc, "create log", err) : 0;
}

static int init_locks(struct commit_rvm *rvm)
{
	pthread_condattr_t attributes;
	int rc = pthread_condattr_init(&attributes);

	if (rc)
		return -rc;
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	rc = pthread_cond_init(&rvm->work, &attributes);
	pthread_condattr_destroy(&attributes);
	if (rc)
		return -rc;
	pthread_cond_init(&rvm->room, NULL);
	pthread_mutex_init(&rvm->mutex, NULL);
	pthread_mutex_init(&rvm->truncating, NULL);
	return 0;
}

static void free_rvm(struct commit_rvm *rvm)
{
	lc_rvm_thread_stop(rvm);
	lc_audit_free(rvm);
	lc_vista_free(rvm);
	lc_rvm_unmap_all(rvm);
	lc_log_close(rvm->log);
	lc_sys_drop(&rvm->dirfd);
	pthread_cond_destroy(&rvm->room);
	pthread_cond_destroy(&rvm->work);
	pthread_mutex_destroy(&rvm->mutex);
	pthread_mutex_destroy(&rvm->truncating);
	free(rvm->path);
	free(rvm);
}

/* -EMEDIUMTYPE: it is a log of the other mode. */
static int open_log(struct commit_rvm *rvm, struct lc_rvm_replay *replay)
{
	struct lc_log_options options;
	int rc;

	log_options(&options);
	options.visit = lc_rvm_replay_collect;
	options.context = replay;
	rc = lc_vista_is(rvm->dirfd);
	if (rvm->opt.mode == COMMIT_RVM_VISTA)
		return rc == -ENOENT && lc_sys_access(rvm->dirfd, "super", F_OK) == 0 ? -EMEDIUMTYPE
		                                                                      : rc;
	if (rc == -ENOENT)
		return lc_log_open(rvm->dirfd, &options, &rvm->log, NULL);
	return rc == 0 || rc == -EBADMSG || rc == -EPROTONOSUPPORT ? -EMEDIUMTYPE : rc;
}

static int start(struct commit_rvm *rvm, struct lc_rvm_replay *replay, struct commit_error *err)
{
	const int vista = rvm->opt.mode == COMMIT_RVM_VISTA;
	const char *why = NULL;
	char path[PATH_MAX] = "";
	int rc = open_dir(rvm->path, &rvm->dirfd);

	if (!rc)
		rc = lc_sys_lock(rvm->dirfd);
	if (!rc)
		rc = open_log(rvm, replay);
	if (rc)
		return fail(rvm->path, rc, "open log", err);
	rc = vista ? lc_vista_start(rvm, &why, path) : lc_rvm_recover(rvm, replay, &why, path);
	if (rc == -ESTALE)
		return lc_error_set(err, COMMIT_ECONFLICT, ESTALE, "recover", path, why);
	if (!rc && !vista)
		rc = lc_rvm_thread_start(rvm);
	return rc ? fail(rvm->path, rc, "recover", err) : 0;
}

int commit_rvm_initialize(const char *log, const struct commit_rvm_options *opt,
                          struct commit_rvm **rvm, struct commit_error *err)
{
	struct commit_rvm_options defaults;
	struct lc_rvm_replay replay;
	struct commit_rvm *made;
	int rc;

	commit_rvm_options_init(&defaults);
	rc = check_options(opt ? opt : &defaults, log, err);
	if (rc)
		return rc;
	made = calloc(1, sizeof *made);
	if (!made || init_locks(made)) {
		free(made);
		return fail(log, -ENOMEM, "initialize", err);
	}
	made->opt = opt ? *opt : defaults;
	made->dirfd = -1;
	made->queue_end = &made->queue;
	made->path = strdup(log);
	lc_rvm_replay_init(&replay, made);
	rc = made->path ? start(made, &replay, err) : fail(log, -ENOMEM, "initialize", err);
	lc_rvm_replay_release(&replay);
	if (rc)
		free_rvm(made);
	else
		*rvm = made;
	return rc;
}

/* What cannot be written any more is lost with the memory. */
static void drop_queue(struct commit_rvm *rvm)
{
	struct lc_rvm_batch *batch;

	while ((batch = rvm->queue)) {
		rvm->queue = batch->next;
		lc_rvm_batch_free(batch);
	}
}

static int end_log(struct commit_rvm *rvm)
{
	int rc = lc_rvm_truncate(rvm);

	lc_rvm_thread_stop(rvm);
	/* What says that it was truncated, too. */
	return rc ? rc : lc_log_force(rvm->log, lc_log_end(rvm->log));
}

/* Nothing is left that says that memory must have survived. */
static int end_vista(struct commit_rvm *rvm)
{
	int rc = lc_vista_sync(rvm);

	return rc ? rc : lc_vista_sweep(rvm->dirfd);
}

int commit_rvm_terminate(struct commit_rvm *rvm, struct commit_error *err)
{
	struct commit_rvm_statistics now;
	int rc;

	commit_rvm_statistics(rvm, &now);
	if (now.open_xacts > 0)
		return lc_rvm_fail(rvm, COMMIT_EREFUSED, -EBUSY, "terminate", NULL,
		                   "transactions are open", err);
	rc = rvm->vista ? end_vista(rvm) : end_log(rvm);
	if (rc)
		lc_rvm_fail(rvm, COMMIT_EUNDECIDED, rc, "terminate", NULL,
		            "the next initialize tells what is durable", err);
	drop_queue(rvm);
	free_rvm(rvm);
	return rc ? COMMIT_EUNDECIDED : 0;
}

int commit_rvm_flush(struct commit_rvm *rvm, struct commit_error *err)
{
	int rc = rvm->vista ? lc_vista_sync(rvm) : lc_rvm_force_queue(rvm);

	return rc ? lc_rvm_fail(rvm, COMMIT_EUNDECIDED, rc, "flush", NULL, NULL, err) : 0;
}

int commit_rvm_truncate(struct commit_rvm *rvm, struct commit_error *err)
{
	int rc = rvm->vista ? lc_vista_sync(rvm) : lc_rvm_truncate(rvm);

	return rc ? lc_rvm_fail(rvm, COMMIT_EFAILED, rc, "truncate", NULL, NULL, err) : 0;
}

void commit_rvm_query_options(struct commit_rvm *rvm, struct commit_rvm_options *opt)
{
	pthread_mutex_lock(&rvm->mutex);
	*opt = rvm->opt;
	pthread_mutex_unlock(&rvm->mutex);
}

int commit_rvm_set_options(struct commit_rvm *rvm, const struct commit_rvm_options *opt,
                           struct commit_error *err)
{
	int rc = check_options(opt, rvm->path, err);

	if (rc)
		return rc;
	if (opt->mode != rvm->opt.mode)
		return lc_rvm_fail(rvm, COMMIT_EUSAGE, -EINVAL, "set options", NULL,
		                   "a log is of one mode for ever", err);
	pthread_mutex_lock(&rvm->mutex);
	rvm->opt = *opt;
	/* Who waits may have room now, and the queue may be too old. */
	pthread_cond_broadcast(&rvm->room);
	pthread_cond_signal(&rvm->work);
	pthread_mutex_unlock(&rvm->mutex);
	return 0;
}

void commit_rvm_statistics(struct commit_rvm *rvm, struct commit_rvm_statistics *statistics)
{
	pthread_mutex_lock(&rvm->mutex);
	*statistics = rvm->statistics;
	if (rvm->vista)
		lc_vista_statistics(rvm, statistics);
	else
		statistics->log_used = lc_log_end(rvm->log) - rvm->truncated;
	pthread_mutex_unlock(&rvm->mutex);
}
