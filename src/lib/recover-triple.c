/* SPDX-License-Identifier: ISC */
/* recover-triple.c - sets of three copies whose last write or repair was interrupted */
#include "config.h"

#include "recover-internal.h"

#include "sys.h"

#include <commit_triple.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SET_SIZE sizeof(((struct commit_triple_found *)0)->set)

struct sighting {
	struct lc_scan *scan;
	struct commit_finding finding;
	struct commit_error err;
	int worth_telling;
};

/* Each of the three sidecars leads to the set, and once is enough. */
static int is_seen(struct lc_scan *scan, const unsigned char *set)
{
	unsigned char(*more)[16];
	size_t i;

	for (i = 0; i < scan->triple_count; i++)
		if (memcmp(scan->triples[i], set, SET_SIZE) == 0)
			return 1;
	more = realloc(scan->triples, (scan->triple_count + 1) * sizeof *more);
	if (!more)
		return 0;
	scan->triples = more;
	memcpy(scan->triples[scan->triple_count++], set, SET_SIZE);
	return 0;
}

static void finish(struct sighting *s, const struct commit_triple_found *sidecar,
                   const struct commit_triple_options *opt)
{
	int rc;

	s->finding.decision = COMMIT_DECIDE_ROLL_FORWARD;
	s->finding.reason = "a version has won, and not all copies hold it";
	if (s->scan->opt->flags & COMMIT_RECOVER_DRY_RUN)
		return;
	rc = commit_triple_check(sidecar->copies, opt, COMMIT_TRIPLE_REPAIR, NULL, &s->err);
	s->finding.done = rc == 0;
	/* Its path is known from another's sidecar only, and that may be a stranger's. */
	if (rc && s->err.errnum == EPERM) {
		s->finding.decision = COMMIT_DECIDE_CONFLICT;
		s->finding.reason = "beside a copy lies no sidecar of its set; name the three to "
		                    "commit-triple repair";
	} else if (rc) {
		s->finding.code = COMMIT_EPENDING;
		s->finding.errnum = s->err.errnum;
	}
}

static void decide(struct sighting *s, const struct commit_triple_found *sidecar)
{
	struct commit_triple_result result = {0};
	struct commit_triple_options opt;
	int rc;

	commit_triple_options_init(&opt);
	opt.flags = COMMIT_TRIPLE_FOUND;
	opt.wait_ms = 0;
	opt.cancel_fd = s->scan->opt->cancel_fd;
	rc = commit_triple_check(sidecar->copies, &opt, COMMIT_TRIPLE_STATUS, &result, &s->err);
	if (rc == 0 && result.wanting == 0)
		return;
	s->worth_telling = 1;
	s->finding.reason = s->err.text;
	if (rc == 0)
		finish(s, sidecar, &opt);
	else if (rc == COMMIT_EBUSY)
		s->finding.decision = COMMIT_DECIDE_LIVE;
	else if (rc == COMMIT_ECONFLICT)
		s->finding.decision = COMMIT_DECIDE_CONFLICT;
	else
		s->finding.decision = COMMIT_DECIDE_UNPROVEN;
}

static int found(void *context, const struct commit_triple_found *sidecar)
{
	struct sighting *s = context;

	/*
	 * What only looks like a sidecar is somebody's file. And a sidecar tells
	 * what to write where: only one's own is obeyed.
	 */
	if (!sidecar->readable || sidecar->owner != geteuid() || is_seen(s->scan, sidecar->set))
		return 0;
	s->finding.owner = sidecar->owner;
	s->finding.target = sidecar->copies[sidecar->index];
	decide(s, sidecar);
	if (s->finding.decision == COMMIT_DECIDE_CONFLICT)
		s->finding.code = COMMIT_ECONFLICT;
	if (s->worth_telling)
		lc_recover_tell(s->scan, &s->finding);
	return 0;
}

void lc_recover_triple(struct lc_scan *scan, const struct lc_place *dir, const char *name)
{
	struct sighting s = {.scan = scan, .err = COMMIT_ERROR_INIT};
	char *path = lc_recover_join(dir->path, name);
	time_t now = time(NULL);
	struct stat st;

	/* The invariants are about logs and stages; commit-triple check is about copies. */
	if (path && !(scan->opt->flags & COMMIT_RECOVER_CHECK) &&
	    lc_sys_lstat_times(dir->fd, name, &st) == 0) {
		s.finding.kind = COMMIT_FOUND_TRIPLE;
		s.finding.path = path;
		s.finding.size = (uint64_t)st.st_size;
		s.finding.age = now > st.st_ctime ? now - st.st_ctime : 0;
		commit_triple_find(path, NULL, found, &s, NULL);
	}
	free(path);
}
