/* SPDX-License-Identifier: ISC */
/*
 * make-log DIRECTORY: makes a log there, with two segments of which the second
 * counts, and says on standard output what is in it. For the tests of
 * commit-log(5), which read the bytes without the library.
 */
#include "config.h"

#include "log-internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int commit(struct lc_log *log, uint64_t transaction)
{
	struct lc_log_entry batch[] = {{.type = LC_LOG_BEGIN, .transaction = transaction},
	                               {.type = LC_LOG_OPERATION,
	                                .length = 5,
	                                .transaction = transaction,
	                                .payload = "12345"},
	                               {.type = LC_LOG_OPERATION + 1,
	                                .length = 8,
	                                .transaction = transaction,
	                                .payload = "12345678"},
	                               {.type = LC_LOG_COMMIT, .transaction = transaction}};
	uint64_t end;
	int rc = lc_log_append(log, batch, sizeof batch / sizeof batch[0], &end);

	return rc ? rc : lc_log_force(log, end);
}

static int make(int dirfd, struct lc_log **log)
{
	struct lc_log_options options;
	int rc;

	lc_log_options_init(&options);
	options.segment_size = 4 * LC_LOG_BLOCK;
	/* the records of a segment follow each other */
	options.block = LC_RECORD_ALIGN;
	rc = lc_log_create(dirfd, &options);
	if (!rc)
		rc = lc_log_open(dirfd, &options, log, NULL);
	if (!rc)
		rc = commit(*log, 1);
	if (!rc)
		rc = commit(*log, 2);
	if (!rc)
		rc = lc_log_reserve(*log, (uint64_t)3 * LC_LOG_BLOCK);
	if (!rc)
		rc = commit(*log, 3);
	if (!rc)
		rc = commit(*log, 4);
	if (!rc)
		rc = lc_log_trim(*log, (*log)->current.first);
	if (!rc) {
		lc_log_close(*log);
		rc = lc_log_open(dirfd, &options, log, NULL);
	}
	return rc;
}

static int show(void *context, const struct lc_record *record)
{
	(void)context;
	printf("record %" PRIu64 " %" PRIu32 " %" PRIu64 "\n", record->position, record->type,
	       record->transaction);
	return 0;
}

int main(int argc, char **argv)
{
	struct lc_log *log = NULL;
	int dirfd = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;
	int rc = dirfd < 0 ? -1 : make(dirfd, &log);

	if (rc) {
		fprintf(stderr, "make-log: %s\n", rc == -1 ? "usage" : strerror(-rc));
		return 1;
	}
	printf("generation %" PRIu64 "\n", log->super.generation);
	printf("tail %" PRIu64 "\n", log->super.tail);
	printf("segment %" PRIu64 "\n", log->current.number);
	printf("first %" PRIu64 "\n", log->current.first);
	printf("previous %" PRIu64 "\n", log->current.previous);
	printf("epoch %" PRIu64 "\n", log->current.epoch);
	printf("salt %" PRIu64 "\n", log->current.salt);
	rc = lc_log_scan(log, LC_LOG_FORWARD, show, NULL);
	lc_log_close(log);
	close(dirfd);
	return rc != 0;
}
