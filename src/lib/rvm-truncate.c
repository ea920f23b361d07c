/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "rvm-internal.h"

#include "bytes.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
	struct lc_rvm_replay replay;
	uint64_t position, end;
	int rc;

	lc_rvm_replay_init(&replay, rvm);
	pthread_mutex_lock(&rvm->truncating);
	/* Only who truncates changes it. */
	rc = mark(rvm, &position);
	if (!rc && position > rvm->truncated)
		rc = lc_rvm_replay_scan(&replay, rvm->truncated);
	lc_rvm_replay_release(&replay);
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

int lc_rvm_recover(struct commit_rvm *rvm, struct lc_rvm_replay *replay, const char **why,
                   char path[PATH_MAX])
{
	uint64_t position = lc_log_end(rvm->log), end;
	int rc = lc_rvm_replay_all(replay);

	*why = replay->files.why;
	if (replay->files.path)
		strcpy(path, replay->files.path);
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
