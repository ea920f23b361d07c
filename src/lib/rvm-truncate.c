/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "rvm-internal.h"

#include "bytes.h"
#include "copy.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { AT_SEGMENT = 0, AT_LENGTH = 4, AT_OFFSET = 8 };

struct applying {
	struct commit_rvm *rvm;
	/* records before it are in the segments */
	uint64_t from;
	/* look whether it can be done, touch nothing */
	int look_only;
	struct lc_rvm_files files;
	/* parts whose commit record has not come yet, copied */
	unsigned char **parts;
	uint32_t *lengths;
	size_t count;
	size_t room;
};

/* The new values in one payload, written where they belong. */
static int apply(struct applying *a, const unsigned char *p, size_t left)
{
	struct lc_rvm_file *file;
	uint32_t length;
	uint64_t offset;
	size_t size;
	off_t at;
	int rc = 0;

	for (; !rc && left > 0; p += size, left -= size) {
		if (left < LC_RVM_RANGE_HEAD)
			return -EBADMSG;
		length = lc_get_le32(p + AT_LENGTH);
		offset = lc_get_le64(p + AT_OFFSET);
		size = LC_RVM_RANGE_HEAD + ((size_t)length + 7) / 8 * 8;
		file = lc_rvm_files_find(&a->files, lc_get_le32(p + AT_SEGMENT));
		if (!file || length == 0 || size > left || offset > (uint64_t)INT64_MAX - length)
			return -EBADMSG;
		at = (off_t)offset;
		if (a->look_only)
			continue;
		file->touched = 1;
		rc = lc_copy_bytes(file->fd, &at, p + LC_RVM_RANGE_HEAD, length);
	}
	return rc;
}

static void drop_parts(struct applying *a)
{
	while (a->count > 0)
		free(a->parts[--a->count]);
}

/* The record's memory is gone after the visit. */
static int keep_part(struct applying *a, const struct lc_record *record)
{
	size_t room = a->room ? 2 * a->room : 8;
	void *parts, *lengths;

	if (a->count == a->room) {
		parts = realloc(a->parts, room * sizeof *a->parts);
		if (parts)
			a->parts = parts;
		lengths = realloc(a->lengths, room * sizeof *a->lengths);
		if (lengths)
			a->lengths = lengths;
		if (!parts || !lengths)
			return -ENOMEM;
		a->room = room;
	}
	a->parts[a->count] = malloc(record->length + 1);
	if (!a->parts[a->count])
		return -ENOMEM;
	memcpy(a->parts[a->count], record->payload, record->length);
	a->lengths[a->count++] = record->length;
	return 0;
}

static int apply_parts(struct applying *a)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < a->count && !rc; i++)
		rc = apply(a, a->parts[i], a->lengths[i]);
	drop_parts(a);
	return rc;
}

static int visit(void *context, const struct lc_record *record)
{
	struct applying *a = context;

	if (record->position < a->from)
		return 0;
	/* Parts without their commit record are of a batch that was torn. */
	if (record->type != LC_RVM_PART && record->type != LC_LOG_COMMIT)
		drop_parts(a);
	switch (record->type) {
	case LC_RVM_SEGMENT:
		return lc_rvm_files_take(&a->files, record->payload, record->length);
	case LC_RVM_XACT:
		return apply(a, record->payload, record->length);
	case LC_RVM_PART:
		return keep_part(a, record);
	case LC_LOG_COMMIT:
		return apply_parts(a);
	case LC_RVM_TRUNCATED:
		return 0;
	default:
		return -EBADMSG;
	}
}

static void release(struct applying *a)
{
	drop_parts(a);
	free(a->parts);
	free(a->lengths);
	lc_rvm_files_release(&a->files);
}

static int note_truncated(struct commit_rvm *rvm, uint64_t position, uint64_t *end)
{
	unsigned char payload[8];
	const struct lc_log_entry entry = {LC_RVM_TRUNCATED, sizeof payload, 0, payload};

	lc_put_le64(payload, position);
	return lc_log_append(rvm->log, &entry, 1, end);
}

/*
 * What is in the log up to now; what comes behind it defines its segments again.
 * *position is where that begins.
 */
static int mark(struct commit_rvm *rvm, uint64_t *position)
{
	struct lc_rvm_segment *segment;
	int rc;

	pthread_mutex_lock(&rvm->mutex);
	rc = lc_log_mark(rvm->log);
	*position = lc_log_end(rvm->log);
	for (segment = rvm->segments; segment; segment = segment->next)
		segment->defined = 0;
	pthread_mutex_unlock(&rvm->mutex);
	return rc;
}

static int scan(struct applying *a, int look_only)
{
	int rc;

	a->look_only = look_only;
	rc = lc_log_scan(a->rvm->log, LC_LOG_FORWARD, visit, a);
	drop_parts(a);
	return rc ? rc : lc_rvm_files_flush(&a->files);
}

static void told(struct commit_rvm *rvm, int rc, uint64_t position)
{
	pthread_mutex_lock(&rvm->mutex);
	if (!rc) {
		rvm->truncated = position;
		rvm->statistics.truncations++;
	}
	rvm->truncate_wanted = 0;
	rvm->truncate_failed = rc;
	pthread_cond_broadcast(&rvm->room);
	pthread_mutex_unlock(&rvm->mutex);
}

/* One epoch: transactions go on behind its end. */
static int truncate_log(struct commit_rvm *rvm)
{
	struct applying a = {.rvm = rvm, .files = {.rvm = rvm}};
	uint64_t position, end;
	int rc;

	pthread_mutex_lock(&rvm->truncating);
	/* Only who truncates changes it. */
	a.from = rvm->truncated;
	rc = mark(rvm, &position);
	if (!rc && position > a.from)
		rc = scan(&a, 0);
	release(&a);
	/* Not before everything is in the segments, durably. */
	if (!rc)
		rc = note_truncated(rvm, position, &end);
	if (!rc)
		rc = lc_log_trim(rvm->log, position);
	told(rvm, rc, position);
	pthread_mutex_unlock(&rvm->truncating);
	return rc;
}

int lc_rvm_truncate(struct commit_rvm *rvm)
{
	int rc = lc_rvm_force_queue(rvm);

	return rc ? rc : truncate_log(rvm);
}

static int find_truncated(void *context, const struct lc_record *record)
{
	uint64_t *from = context;

	if (record->type != LC_RVM_TRUNCATED)
		return 0;
	if (record->length != 8 || lc_get_le64(record->payload) > record->position)
		return -EBADMSG;
	*from = lc_get_le64(record->payload);
	return 0;
}

int lc_rvm_recover(struct commit_rvm *rvm, const char **why, char path[PATH_MAX])
{
	struct applying a = {.rvm = rvm, .files = {.rvm = rvm}};
	uint64_t position = lc_log_end(rvm->log), end;
	int rc = lc_log_scan(rvm->log, LC_LOG_FORWARD, find_truncated, &a.from);

	/* All is looked at before the first segment is touched. */
	if (!rc)
		rc = scan(&a, 1);
	if (!rc)
		rc = scan(&a, 0);
	*why = a.files.why;
	if (a.files.path)
		strcpy(path, a.files.path);
	release(&a);
	if (!rc)
		rc = note_truncated(rvm, position, &end);
	if (!rc)
		rc = lc_log_force(rvm->log, end);
	if (!rc)
		rc = lc_log_trim(rvm->log, position);
	rvm->truncated = position;
	return rc;
}

/* Until then on the clock that is never set. */
static void wait_until(struct commit_rvm *rvm, int64_t ms)
{
	const int64_t per_second = 1000, ns_per_ms = 1000000;
	struct timespec when;

	when.tv_sec = (time_t)(ms / per_second);
	when.tv_nsec = (long)(ms % per_second * ns_per_ms);
	pthread_cond_timedwait(&rvm->work, &rvm->mutex, &when);
}

/* With the mutex held; lets it go. The thread does not wait for itself to make room. */
static void force_due(struct commit_rvm *rvm)
{
	uint64_t end;
	int rc = lc_rvm_append(rvm, NULL, 0, &end);

	if (rc == -EAGAIN)
		rvm->truncate_wanted = 1;
	else
		rvm->queue_since = lc_sys_clock_ms();
	pthread_mutex_unlock(&rvm->mutex);
	if (!rc)
		lc_log_force(rvm->log, end);
	pthread_mutex_lock(&rvm->mutex);
}

static void *run(void *context)
{
	struct commit_rvm *rvm = context;

	pthread_mutex_lock(&rvm->mutex);
	while (!rvm->stop) {
		if (rvm->prepare_wanted) {
			/* Once, whether it works or not: a commit can make its segment itself. */
			rvm->prepare_wanted = 0;
			pthread_mutex_unlock(&rvm->mutex);
			lc_log_prepare(rvm->log);
			pthread_mutex_lock(&rvm->mutex);
		} else if (rvm->truncate_wanted) {
			pthread_mutex_unlock(&rvm->mutex);
			truncate_log(rvm);
			pthread_mutex_lock(&rvm->mutex);
		} else if (!rvm->queue) {
			pthread_cond_wait(&rvm->work, &rvm->mutex);
		} else if (lc_sys_clock_ms() < rvm->queue_since + rvm->opt.queue_ms) {
			wait_until(rvm, rvm->queue_since + rvm->opt.queue_ms);
		} else {
			force_due(rvm);
		}
	}
	pthread_mutex_unlock(&rvm->mutex);
	return NULL;
}

int lc_rvm_thread_start(struct commit_rvm *rvm)
{
	sigset_t all, before;
	int rc;

	/* Signals are the program's business. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&rvm->thread, NULL, run, rvm);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	rvm->has_thread = rc == 0;
	return -rc;
}

void lc_rvm_thread_stop(struct commit_rvm *rvm)
{
	if (!rvm->has_thread)
		return;
	pthread_mutex_lock(&rvm->mutex);
	rvm->stop = 1;
	pthread_cond_signal(&rvm->work);
	pthread_mutex_unlock(&rvm->mutex);
	pthread_join(rvm->thread, NULL);
	rvm->has_thread = 0;
}
