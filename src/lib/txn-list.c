/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "error.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct listing {
	struct commit_store *store;
	struct lc_history *history;
	int (*found)(void *context, const struct commit_txn_info *info);
	void *context;
};

static int list_open(void *context, const char *name)
{
	const struct listing *listing = context;
	struct commit_txn_info info = {.state = COMMIT_TXN_OPEN};
	struct lc_txn_info stage;
	uint64_t number = lc_txn_number(name);
	int dir, rc;

	if (!number || lc_history_find(listing->history, number))
		return 0;
	dir = lc_sys_open(listing->store->stage, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	rc = dir < 0 ? dir : lc_txn_read_info(dir, &stage);
	lc_sys_drop(&dir);
	if (rc)
		return 0;
	lc_txn_id(number, info.id);
	info.time = stage.begun;
	info.user = (uid_t)stage.user;
	return listing->found(listing->context, &info);
}

static int list_logged(const struct listing *listing)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < listing->history->count && !rc; i++) {
		struct lc_logged *logged = &listing->history->items[i];

		if (!logged->committed)
			continue;
		logged->info.state = logged->complete ? COMMIT_TXN_COMMITTED : COMMIT_TXN_PENDING;
		rc = listing->found(listing->context, &logged->info);
	}
	return rc;
}

int commit_store_list(struct commit_store *store,
                      int (*found)(void *context, const struct commit_txn_info *info),
                      void *context, struct commit_error *err)
{
	struct lc_history history = {NULL, 0, 0};
	struct listing listing = {store, &history, found, context};
	int rc = lc_store_enter(store, err);

	if (rc)
		return rc;
	rc = lc_history_read(store, &history, err);
	if (!rc)
		rc = list_logged(&listing);
	if (!rc)
		rc = lc_store_each_stage(store, list_open, &listing);
	lc_store_leave(store);
	lc_history_release(&history);
	return rc;
}

struct survey {
	struct commit_store *store;
	struct lc_history history;
	struct lc_decisions decisions;
	void (*found)(void *context, const struct lc_txn_verdict *verdict);
	void *context;
};

/* The stage says since when, and whose it is; one that takes back another has none. */
static void complete_verdict(const struct survey *survey, uint64_t number,
                             struct lc_txn_verdict *verdict)
{
	struct stat st;

	lc_txn_id(number, verdict->id);
	if (lc_sys_lstat_times(survey->store->stage, verdict->id, &st) == 0) {
		verdict->changed = st.st_ctime;
		verdict->owner = st.st_uid;
	} else {
		verdict->owner = geteuid();
	}
}

static void survey_decision(const struct survey *survey, const struct lc_decision *decision)
{
	struct lc_txn_verdict verdict = {.path = "", .fate = decision->fate, .rc = decision->rc};
	size_t i;

	verdict.changed = decision->logged->info.time;
	complete_verdict(survey, decision->logged->number, &verdict);
	if (decision->bad && decision->fate != LC_TXN_FINISH)
		verdict.path = decision->bad->path;
	for (i = 0; decision->foreign && i < decision->logged->list.count; i++)
		verdict.paths += decision->foreign[i] != 0;
	survey->found(survey->context, &verdict);
}

static int survey_stage(void *context, const char *name)
{
	const struct survey *survey = context;
	struct lc_txn_verdict verdict = {.path = ""};
	uint64_t number = lc_txn_number(name);
	const struct lc_logged *logged = lc_history_find(&survey->history, number);

	if (!number)
		return 0;
	/* Told already, or taken back by one that was. */
	if (logged && logged->committed && !logged->complete)
		return 0;
	verdict.fate = LC_TXN_SWEEP;
	if (!logged || !logged->committed)
		verdict.fate =
		        lc_txn_stage_is_dead(survey->store, name) ? LC_TXN_SWEEP : LC_TXN_LIVE;
	complete_verdict(survey, number, &verdict);
	survey->found(survey->context, &verdict);
	return 0;
}

int lc_txn_survey(struct commit_store *store,
                  void (*found)(void *context, const struct lc_txn_verdict *verdict), void *context,
                  struct commit_error *err)
{
	struct survey survey = {.store = store, .found = found, .context = context};
	size_t i;
	int rc = lc_history_read(store, &survey.history, err);

	if (!rc) {
		rc = lc_txn_decide(store, &survey.history, &survey.decisions);
		for (i = 0; i < survey.decisions.count && !rc; i++)
			survey_decision(&survey, &survey.decisions.items[i]);
		if (!rc)
			rc = lc_store_each_stage(store, survey_stage, &survey);
		if (rc)
			rc = lc_store_fail(store, rc, "examine", NULL, err);
	}
	lc_txn_decisions_release(&survey.decisions);
	lc_history_release(&survey.history);
	return rc;
}
