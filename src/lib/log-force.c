/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "log-internal.h"

#include "copy.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* What waits for one direct write at most; a larger batch goes through the page cache. */
#define WAITING_MAX ((size_t)64 * 1024)
/* Forces that take turns before the faster way is known, and after which the other is tried again
 */
#define TURNS_FIRST 16
#define TURNS_AGAIN 256
/* Weight of the last force in the mean, 1 in so many */
#define WEIGHT 8

void lc_log_force_init(struct lc_log *log)
{
	log->direct_fd = -1;
	log->way = log->options.direct ? LC_LOG_DIRECT : LC_LOG_CACHED;
}

void lc_log_force_leave(struct lc_log *log)
{
	lc_sys_drop(&log->direct_fd);
}

void lc_log_force_release(struct lc_log *log)
{
	off_t at = (off_t)log->waiting.offset;

	/* Nobody has forced it. It may as well be there as what others have left in the cache. */
	if (log->waiting.length > 0 && !log->failed)
		lc_copy_bytes(log->current.fd, &at, log->waiting.bytes, log->waiting.length);
	lc_log_force_leave(log);
	free(log->waiting.bytes);
	free(log->leaving.bytes);
}

/* From now on there is but one way. */
static void give_up_direct(struct lc_log *log)
{
	log->options.direct = 0;
	log->way = LC_LOG_CACHED;
}

static int begin_waiting(struct lc_log *log)
{
	char name[LC_LOG_NAME_SIZE];

	if (!log->waiting.bytes)
		log->waiting.bytes = aligned_alloc(LC_LOG_BLOCK, WAITING_MAX);
	if (!log->leaving.bytes)
		log->leaving.bytes = aligned_alloc(LC_LOG_BLOCK, WAITING_MAX);
	if (!log->waiting.bytes || !log->leaving.bytes)
		return -ENOMEM;
	if (log->direct_fd >= 0)
		return 0;
	lc_segment_name(log->current.number, name);
	log->direct_fd = lc_sys_open(log->dirfd, name, O_WRONLY | O_DIRECT | O_NOFOLLOW);
	return log->direct_fd < 0 ? log->direct_fd : 0;
}

/* In the page cache, for the next flush. */
static int write_waiting(struct lc_log *log)
{
	off_t at = (off_t)log->waiting.offset;
	int rc = lc_copy_bytes(log->current.fd, &at, log->waiting.bytes, log->waiting.length);

	log->waiting.length = 0;
	return rc;
}

/* Does a batch that begins there wait for a direct write, with those that do? */
static int may_wait(struct lc_log *log, uint64_t offset, size_t length)
{
	if (log->way != LC_LOG_DIRECT || log->cached || length > WAITING_MAX)
		return 0;
	if (log->waiting.length > 0)
		return offset - log->waiting.offset + length <= WAITING_MAX;
	if (begin_waiting(log) == 0)
		return 1;
	give_up_direct(log);
	return 0;
}

int lc_log_put(struct lc_log *log, uint64_t offset, const unsigned char *bytes, size_t length)
{
	struct lc_log_waiting *waiting = &log->waiting;
	off_t at = (off_t)offset;
	int rc = 0;

	if (may_wait(log, offset, length)) {
		if (waiting->length == 0)
			waiting->offset = offset;
		memcpy(waiting->bytes + (offset - waiting->offset), bytes, length);
		waiting->length = (size_t)(offset - waiting->offset) + length;
		return 0;
	}
	if (waiting->length > 0)
		rc = write_waiting(log);
	log->cached = 1;
	return rc ? rc : lc_copy_bytes(log->current.fd, &at, bytes, length);
}

/* Where it cannot be done at all, it is done the other way: nothing has been written then. */
static int write_direct(struct lc_log *log, struct lc_log_waiting *leaving)
{
	size_t size = (size_t)lc_log_align(leaving->length, LC_LOG_BLOCK);
	off_t at = (off_t)leaving->offset;
	ssize_t done;
	int rc;

	memset(leaving->bytes + leaving->length, 0, size - leaving->length);
	do
		done = lc_sys_pwrite_durable(log->direct_fd, leaving->bytes, size, at);
	while (done == -EINTR);
	if (done == (ssize_t)size)
		return 0;
	if (done < 0 && done != -EINVAL && done != -EOPNOTSUPP)
		return (int)done;
	/* Or half of it: the rest goes the way that copes with that, and the whole again with it.
	 */
	rc = lc_copy_bytes(log->current.fd, &at, leaving->bytes, leaving->length);
	return rc ? rc : lc_sys_fdatasync(log->current.fd);
}

/*
 * The ways take turns at first; then the faster one, and now and then the other.
 * A batch that was too large to have the choice tells nothing of it.
 */
static void choose_way(struct lc_log *log, enum lc_log_way way, int64_t took)
{
	enum lc_log_way other = way == LC_LOG_DIRECT ? LC_LOG_CACHED : LC_LOG_DIRECT;
	int64_t *mean = &log->means[way];

	if (!log->options.direct || way != log->way)
		return;
	*mean += *mean == 0 ? took : (took - *mean) / WEIGHT;
	log->turns++;
	if (log->turns < TURNS_FIRST || log->turns % TURNS_AGAIN == 0)
		log->way = other;
	else
		log->way = log->means[LC_LOG_DIRECT] <= log->means[LC_LOG_CACHED] ? LC_LOG_DIRECT
		                                                                  : LC_LOG_CACHED;
}

/* All that has been appended so far; with the mutex let go meanwhile, or not. */
static int force_now(struct lc_log *log, int let_go)
{
	struct lc_log_waiting leaving = log->waiting;
	uint64_t target = log->next;
	int direct = !log->cached && leaving.length > 0, fd = log->current.fd;
	int64_t begin = lc_sys_clock_ns();
	int rc;

	if (direct) {
		log->waiting = log->leaving;
		log->waiting.length = 0;
		log->leaving = leaving;
	}
	log->cached = 0;
	log->started = target;
	if (let_go)
		pthread_mutex_unlock(&log->mutex);
	rc = direct ? write_direct(log, &leaving) : lc_sys_fdatasync(fd);
	if (let_go)
		pthread_mutex_lock(&log->mutex);
	if (rc)
		log->failed = 1;
	else
		log->durable = target;
	choose_way(log, direct ? LC_LOG_DIRECT : LC_LOG_CACHED, lc_sys_clock_ns() - begin);
	return rc;
}

int lc_log_force_all(struct lc_log *log)
{
	while (log->flushing)
		pthread_cond_wait(&log->flushed, &log->mutex);
	if (log->failed)
		return -EIO;
	return log->durable == log->next ? 0 : force_now(log, 0);
}

static void lead(struct lc_log *log)
{
	log->flushing = 1;
	force_now(log, 1);
	log->flushing = 0;
	pthread_cond_broadcast(&log->flushed);
}

int lc_log_force(struct lc_log *log, uint64_t end)
{
	int rc = 0;

	pthread_mutex_lock(&log->mutex);
	if (end > log->next)
		end = log->next;
	while (log->durable < end && !log->failed) {
		if (log->flushing)
			pthread_cond_wait(&log->flushed, &log->mutex);
		else
			lead(log);
	}
	if (log->durable < end || (end == 0 && log->failed))
		rc = -EIO;
	pthread_mutex_unlock(&log->mutex);
	return rc;
}
