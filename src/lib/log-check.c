/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "log-internal.h"

#include "dir.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* What a name in the log's directory is for; NULL: it is in use. */
static const char *judge(const struct lc_log *log, const char *name)
{
	char again[LC_LOG_NAME_SIZE];
	const char *digits = strchr(name, '-');
	uint64_t number;

	if (strcmp(name, "super") == 0)
		return NULL;
	if (strcmp(name, "super.new") == 0)
		return "superblocks that were never put in their place";
	number = digits ? strtoull(digits + 1, NULL, 16) : 0;
	lc_segment_name(number, again);
	if (!number || strcmp(name, again) != 0)
		return "not a part of a log";
	if (number < log->super.floor)
		return "a segment that no superblock counts any more";
	/* One may have been made ahead of its first record. */
	return number > log->current.number + 1 ? "a segment behind the end of the log" : NULL;
}

struct checking {
	struct lc_log *log;
	int (*stray)(void *context, const char *name, const char *reason);
	void *context;
};

static int check_one(void *context, const char *name)
{
	const struct checking *checking = context;
	const char *reason = judge(checking->log, name);

	return reason ? checking->stray(checking->context, name, reason) : 0;
}

int lc_log_check(struct lc_log *log,
                 int (*stray)(void *context, const char *name, const char *reason), void *context)
{
	struct checking checking = {log, stray, context};
	int rc = lc_dir_each(lc_sys_open(log->dirfd, ".", O_RDONLY | O_DIRECTORY), check_one,
	                     &checking);

	/* The next one that writes mends it from the other. */
	if (!rc && log->super.alone)
		rc = stray(context, "super", "one of the two superblocks is damaged");
	return rc;
}
