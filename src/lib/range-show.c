/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "range.h"

#include "error.h"
#include "lock.h"
#include "sys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct showing {
	struct lc_range_target target;
	struct lc_range_home home;
	struct lc_log *log;
	struct lc_log_report report;
	int (*found)(void *context, const struct commit_range_record *record);
	void *context;
	/* what found has returned */
	int answer;
};

static enum commit_range_kind kind_of(uint32_t type)
{
	switch (type) {
	case LC_LOG_BEGIN:
		return COMMIT_RANGE_BEGIN;
	case LC_RANGE_OP:
		return COMMIT_RANGE_WRITE;
	case LC_LOG_COMMIT:
		return COMMIT_RANGE_COMMIT;
	case LC_LOG_COMPLETE:
		return COMMIT_RANGE_COMPLETE;
	case LC_LOG_ABORT:
		return COMMIT_RANGE_ABORT;
	default:
		return COMMIT_RANGE_UNKNOWN;
	}
}

static void describe(const struct lc_record *record, struct commit_range_record *shown)
{
	struct lc_range_begin begin;
	struct lc_range_op op;

	memset(shown, 0, sizeof *shown);
	shown->kind = kind_of(record->type);
	shown->position = record->position;
	shown->durable = record->durable;
	shown->transaction = record->transaction;
	shown->salt = record->salt;
	if (record->type == LC_LOG_BEGIN && lc_range_decode_begin(record, &begin) == 0) {
		shown->time = (int64_t)begin.time;
		shown->protocol =
		        begin.flags & LC_RANGE_BEHIND ? COMMIT_WRITE_BEHIND : COMMIT_WRITE_AHEAD;
	} else if (record->type == LC_RANGE_OP && lc_range_decode_op(record, &op) == 0) {
		shown->offset = op.offset;
		shown->length = op.length;
	}
}

static int show_record(void *context, const struct lc_record *record)
{
	struct showing *showing = context;
	struct commit_range_record shown;

	describe(record, &shown);
	showing->answer = showing->found(showing->context, &shown);
	return showing->answer;
}

static void decide(struct commit_range_log *log, enum commit_range_decision decision,
                   const char *reason)
{
	log->decision = decision;
	log->reason = reason;
}

static int decide_edit(const struct showing *showing, struct commit_range_log *log)
{
	struct lc_range_found found;
	int rc;

	lc_range_found_init(&found, showing->log);
	rc = lc_range_examine(showing->home.place, showing->target.fd, &found);
	if (rc == -ESTALE)
		decide(log, COMMIT_RANGE_CONFLICT, found.reason);
	else if (rc == 0 && found.edit.state == LC_RANGE_FORWARD)
		decide(log, COMMIT_RANGE_FORWARD, "committed and not complete: to be finished");
	else if (rc == 0 && found.edit.state == LC_RANGE_BACK)
		decide(log, COMMIT_RANGE_BACK, "write-behind and not complete: to be taken back");
	lc_range_found_release(&found);
	return rc == -ESTALE ? 0 : rc;
}

static int look(struct showing *showing, struct commit_range_log *log)
{
	int rc = lc_range_log_open(showing->home.place, showing->home.fd, LC_RANGE_READ,
	                           &showing->log, &showing->report);

	log->dropped = showing->report.dropped;
	log->records = showing->report.records;
	log->segments = showing->report.segments;
	if (lc_range_log_trouble(rc)) {
		decide(log, COMMIT_RANGE_DAMAGED, lc_range_log_trouble(rc));
		log->damaged = showing->report.damaged;
		return 0;
	}
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	log->tail = lc_log_tail(showing->log);
	log->end = lc_log_end(showing->log);
	log->epoch = lc_log_epoch(showing->log);
	if (showing->found)
		rc = lc_log_scan(showing->log, LC_LOG_FORWARD, show_record, showing);
	return rc ? rc : decide_edit(showing, log);
}

static int show(struct showing *showing, const char *path, const struct commit_range_options *opt,
                struct commit_range_log *log, struct commit_error *err)
{
	char *text;
	int rc = lc_range_target_open(&showing->target, path, err);

	if (rc)
		return rc;
	rc = lc_range_home_open(&showing->home, &showing->target, opt->journal_dir, 0);
	if (rc == -ENOENT)
		return 0;
	if (rc == -EWOULDBLOCK)
		return lc_error_set(err, COMMIT_EBUSY, EWOULDBLOCK, "lock", path,
		                    "an edit is under way");
	if (rc == -EPERM)
		return lc_error_set(err, COMMIT_EREFUSED, EPERM, "open log", path,
		                    "it is another user's, or others may write it");
	if (rc)
		return lc_error_set(err, COMMIT_EFAILED, -rc, "open log", path, NULL);
	text = lc_range_home_path(&showing->home);
	snprintf(log->path, sizeof log->path, "%s", text ? text : showing->home.name);
	free(text);
	rc = look(showing, log);
	if (showing->answer)
		return showing->answer;
	return rc ? lc_error_set(err, COMMIT_EFAILED, -rc, "read log", path, NULL) : 0;
}

int commit_range_log(const char *path, const struct commit_range_options *opt,
                     int (*found)(void *context, const struct commit_range_record *record),
                     void *context, struct commit_range_log *log, struct commit_error *err)
{
	struct commit_range_options defaults;
	struct commit_range_log seen;
	struct showing showing = {.found = found, .context = context};
	int rc;

	commit_range_options_init(&defaults);
	if (!opt)
		opt = &defaults;
	if (opt->size != sizeof *opt)
		return lc_error_set(err, COMMIT_EUSAGE, EINVAL, "look at log", path,
		                    "options were not set up by commit_range_options_init");
	memset(&seen, 0, sizeof seen);
	decide(&seen, COMMIT_RANGE_NOTHING, "nothing is unfinished");
	showing.target.fd = showing.target.place.fd = -1;
	showing.home.fd = showing.home.registry.fd = -1;
	showing.target.deadline = lc_lock_deadline(opt->wait_ms);
	showing.target.cancel_fd = opt->cancel_fd;
	rc = show(&showing, path, opt, &seen, err);
	lc_log_close(showing.log);
	lc_range_home_release(&showing.home);
	lc_range_target_release(&showing.target);
	if (!rc)
		*log = seen;
	return rc;
}
