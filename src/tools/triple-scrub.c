/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "triple-scrub.h"

#include "cli.h"
#include "recover-report.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SET_TEXT 33

/* Sets that were looked at: by id, or by the digest of their names. */
struct seen {
	char (*ids)[SET_TEXT];
	size_t count;
	size_t room;
};

struct scrub {
	const struct triple_options *options;
	struct triple_tally *tally;
	struct seen seen;
};

static void warn(void *context, const struct commit_error *warning)
{
	(void)context;
	cli_warning(warning);
}

int scrub_set(const struct triple_options *options, struct triple_tally *tally,
              const char *const paths[COMMIT_TRIPLE_COPIES], unsigned flags)
{
	static const enum commit_triple_depth depths[] = {
	        [TRIPLE_CHECK] = COMMIT_TRIPLE_CHECK,
	        [TRIPLE_REPAIR] = COMMIT_TRIPLE_REPAIR,
	        [TRIPLE_STATUS] = COMMIT_TRIPLE_STATUS,
	};
	struct commit_triple_options triple = options->triple;
	struct commit_triple_result result = {.raw_choice = -1};
	struct commit_error err = COMMIT_ERROR_INIT;
	int rc;

	triple.flags |= flags;
	triple.cancel_fd = signals_cancel_fd();
	triple.warn = warn;
	triple.progress = triple_progress;
	for (int i = 0; i < COMMIT_TRIPLE_COPIES; i++)
		result.copies[i].state = COMMIT_COPY_UNKNOWN;
	rc = commit_triple_check(paths, &triple, depths[options->command], &result, &err);
	if (rc < 0)
		cli_error(&err);
	if (rc == COMMIT_ECANCELED) {
		tally->code = rc;
		return rc;
	}
	triple_report_set(options, tally, paths, &result, rc, &err);
	return 0;
}

/* --- what was looked at already --- */

static bool is_seen(const struct seen *seen, const char *id)
{
	for (size_t i = 0; i < seen->count; i++)
		if (strcmp(seen->ids[i], id) == 0)
			return true;
	return false;
}

static int note_seen(struct seen *seen, const char *id)
{
	if (seen->count == seen->room) {
		size_t room = seen->room > 0 ? 2 * seen->room : 64;
		void *more = realloc(seen->ids, room * sizeof(*seen->ids));

		if (more == NULL)
			return cli_say(NULL, "out of memory"), COMMIT_EFAILED;
		seen->ids = more;
		seen->room = room;
	}
	snprintf(seen->ids[seen->count++], SET_TEXT, "%s", id);
	return COMMIT_OK;
}

/* Lines that are no ids are nobody's sets, and stay without effect. */
static int load_resume(struct scrub *scrub)
{
	const char *path = scrub->options->resume;
	FILE *stream = path != NULL ? fopen(path, "re") : NULL;
	char line[256];
	int rc = COMMIT_OK;

	if (path == NULL || (stream == NULL && errno == ENOENT))
		return COMMIT_OK;
	if (stream == NULL) {
		cli_say(path, "open: %s (%s)", strerror(errno), commit_errno_name(errno));
		return COMMIT_EFAILED;
	}
	while (rc == COMMIT_OK && fgets(line, sizeof(line), stream) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strlen(line) == SET_TEXT - 1)
			rc = note_seen(&scrub->seen, line);
	}
	fclose(stream);
	return rc;
}

/* The set is done: a run that is stopped goes on behind it. */
static int note_done(struct scrub *scrub, const char *id)
{
	struct commit_save_options save;
	struct commit_error err = COMMIT_ERROR_INIT;
	char line[SET_TEXT + 1];
	int rc = note_seen(&scrub->seen, id);

	if (rc != COMMIT_OK || scrub->options->resume == NULL)
		return rc;
	commit_save_options_init(&save);
	save.flags = COMMIT_SAVE_APPEND;
	save.sync = COMMIT_SYNC_NONE;
	snprintf(line, sizeof(line), "%s\n", id);
	rc = commit_save_bytes(scrub->options->resume, line, strlen(line), &save, NULL, &err);
	if (rc < 0)
		cli_error(&err);
	return rc;
}

static int look_once(struct scrub *scrub, const char *id,
                     const char *const paths[COMMIT_TRIPLE_COPIES], unsigned flags)
{
	int rc;

	if (is_seen(&scrub->seen, id))
		return 0;
	rc = scrub_set(scrub->options, scrub->tally, paths, flags);
	if (rc == 0)
		rc = note_done(scrub, id);
	if (rc != 0)
		scrub->tally->code = recover_graver(scrub->tally->code, rc);
	return rc;
}

/* --- below directories --- */

static int found(void *context, const struct commit_triple_found *sidecar)
{
	struct scrub *scrub = context;
	char id[SET_TEXT];

	if (!sidecar->readable) {
		cli_say(sidecar->path,
		        "warning: not a whole sidecar; if the other copies are found, "
		        "repair them by name");
		scrub->tally->code = recover_graver(scrub->tally->code, COMMIT_EFAILED);
		return 0;
	}
	if (sidecar->owner != geteuid() && scrub->options->command == TRIPLE_REPAIR) {
		cli_say(sidecar->path,
		        "the sidecar of another user is not obeyed; name the copies");
		scrub->tally->code = recover_graver(scrub->tally->code, COMMIT_EREFUSED);
		return 0;
	}
	for (int i = 0; i < 16; i++)
		snprintf(id + 2 * (size_t)i, 3, "%02x", sidecar->set[i]);
	return look_once(scrub, id, sidecar->copies, COMMIT_TRIPLE_FOUND);
}

static int scrub_directories(struct scrub *scrub)
{
	const struct triple_options *options = scrub->options;
	struct commit_triple_options find = options->triple;
	struct commit_error err = COMMIT_ERROR_INIT;
	int rc = 0;

	find.cancel_fd = signals_cancel_fd();
	find.warn = warn;
	for (int i = 0; i < options->operand_count && rc != COMMIT_ECANCELED; i++) {
		err.code = 0;
		rc = commit_triple_find(options->operands[i], &find, found, scrub, &err);
		if (rc < 0 && err.code < 0)
			cli_error(&err);
		scrub->tally->code = recover_graver(scrub->tally->code, rc);
	}
	return rc;
}

/* --- from a list --- */

/* The names stand for the set: it has no other id before it was looked at. */
static void identify(char *const names[COMMIT_TRIPLE_COPIES], char id[SET_TEXT])
{
	uint64_t sums[2] = {0xcbf29ce484222325u, 0x84222325cbf29ce4u};

	for (int i = 0; i < COMMIT_TRIPLE_COPIES; i++)
		for (const char *at = names[i];; at++) {
			sums[0] = (sums[0] ^ (unsigned char)*at) * 0x100000001b3u;
			sums[1] = (sums[1] ^ (unsigned char)*at) * 0x10000000233u;
			if (*at == '\0')
				break;
		}
	snprintf(id, SET_TEXT, "%016llx%016llx", (unsigned long long)sums[0],
	         (unsigned long long)sums[1]);
}

/* 1: a name; 0: the end. An empty line is none. */
static int read_name(FILE *stream, char separator, char **name)
{
	size_t room = 0;
	ssize_t length;

	free(*name);
	*name = NULL;
	do {
		length = getdelim(name, &room, separator, stream);
		if (length > 0 && (*name)[length - 1] == separator)
			(*name)[--length] = '\0';
	} while (length == 0);
	return length > 0;
}

static int scrub_stream(struct scrub *scrub, FILE *stream)
{
	char *names[COMMIT_TRIPLE_COPIES] = {NULL};
	char id[SET_TEXT];
	int rc = 0, have = 0;

	while (rc == 0) {
		for (have = 0; have < COMMIT_TRIPLE_COPIES; have++)
			if (!read_name(stream, scrub->options->separator, &names[have]))
				break;
		if (have < COMMIT_TRIPLE_COPIES)
			break;
		identify(names, id);
		rc = look_once(scrub, id, (const char *const *)names, 0);
	}
	if (rc == 0 && have > 0) {
		cli_say(names[0], "the list ends within a set: it has %d names, not three", have);
		rc = COMMIT_EFAILED;
	}
	for (int i = 0; i < COMMIT_TRIPLE_COPIES; i++)
		free(names[i]);
	return rc;
}

static int scrub_list(struct scrub *scrub)
{
	const char *path = scrub->options->list;
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *stream = is_stdin ? stdin : fopen(path, "re");
	int rc;

	if (stream == NULL) {
		cli_say(path, "open: %s (%s)", strerror(errno), commit_errno_name(errno));
		return COMMIT_EFAILED;
	}
	rc = scrub_stream(scrub, stream);
	if (ferror(stream)) {
		cli_say(path, "read: %s", strerror(errno));
		rc = COMMIT_EFAILED;
	}
	if (!is_stdin)
		fclose(stream);
	return rc;
}

void scrub_all(const struct triple_options *options, struct triple_tally *tally)
{
	struct scrub scrub = {options, tally, {NULL, 0, 0}};
	int rc = load_resume(&scrub);

	if (rc == COMMIT_OK)
		rc = options->list != NULL ? scrub_list(&scrub) : scrub_directories(&scrub);
	tally->code = recover_graver(tally->code, rc);
	if (rc == COMMIT_OK && options->resume != NULL && unlink(options->resume) != 0 &&
	    errno != ENOENT)
		cli_say(options->resume, "warning: remove: %s", strerror(errno));
	free(scrub.seen.ids);
}
