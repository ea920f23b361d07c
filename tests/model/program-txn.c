/* SPDX-License-Identifier: ISC */
/* program-txn.c - transactions of random operations */
#include "config.h"

#include "program.h"

#include <string.h>

static const char *const paths[] = {"a",     "b", "h", "l",   "d",   "d/c", "d/e",
                                    "d/e/x", "n", "m", "m/o", "m/p", "d/q", "keep"};

struct act {
	struct commit_txn *txn;
	struct step *step;
	uint64_t *random;
	int quiet;
	struct commit_error *error;
};

static const char *roll_path(struct act *act)
{
	return paths[roll(act->random, sizeof paths / sizeof *paths)];
}

static char *text_of(struct act *act)
{
	return act->step->text[act->step->ops++];
}

static int put(struct act *act)
{
	static unsigned char bytes[CONTENT_MAX];
	const char *path = roll_path(act);
	size_t length = roll_content(act->random, bytes);

	snprintf(text_of(act), TEXT_MAX, "put %s %zu of '%c'", path, length, bytes[0]);
	return act->quiet ? 0 : commit_txn_put_bytes(act->txn, path, bytes, length, act->error);
}

static int two_paths(struct act *act, const char *word,
                     int (*operate)(struct commit_txn *, const char *, const char *,
                                    struct commit_error *))
{
	const char *from = roll_path(act), *to = roll_path(act);

	snprintf(text_of(act), TEXT_MAX, "%s %s %s", word, from, to);
	return act->quiet ? 0 : operate(act->txn, from, to, act->error);
}

static int one_path(struct act *act, const char *word,
                    int (*operate)(struct commit_txn *, const char *, struct commit_error *))
{
	const char *path = roll_path(act);

	snprintf(text_of(act), TEXT_MAX, "%s %s", word, path);
	return act->quiet ? 0 : operate(act->txn, path, act->error);
}

static int modes(struct act *act, const char *word,
                 int (*operate)(struct commit_txn *, const char *, mode_t, struct commit_error *))
{
	static const mode_t choices[] = {0700, 0755, 0750, 0711};
	const char *path = roll_path(act);
	const mode_t mode = choices[roll(act->random, 4)];

	snprintf(text_of(act), TEXT_MAX, "%s %s %o", word, path, (unsigned)mode);
	return act->quiet ? 0 : operate(act->txn, path, mode, act->error);
}

static int change_metadata(struct act *act)
{
	const char *path = roll_path(act);
	const unsigned id = 1000 + roll(act->random, 3);

	if (roll(act->random, 2)) {
		snprintf(text_of(act), TEXT_MAX, "chown %s %u", path, id);
		return act->quiet ? 0 : commit_txn_chown(act->txn, path, id, (gid_t)-1, act->error);
	}
	snprintf(text_of(act), TEXT_MAX, "setxattr %s %u", path, id);
	return act->quiet ? 0
	                  : commit_txn_setxattr(act->txn, path, "user.model", &id, sizeof id,
	                                        act->error);
}

static int one_operation(struct act *act)
{
	switch (roll(act->random, 16)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		return put(act);
	case 5:
	case 6:
		return one_path(act, "rm", commit_txn_rm);
	case 7:
	case 8:
	case 9:
		return two_paths(act, "mv", commit_txn_mv);
	case 10:
		return modes(act, "mkdir", commit_txn_mkdir);
	case 11:
		return one_path(act, "rmdir", commit_txn_rmdir);
	case 12:
		return two_paths(act, "symlink", commit_txn_symlink);
	case 13:
		return two_paths(act, "link", commit_txn_link);
	case 14:
		return modes(act, "chmod", commit_txn_chmod);
	default:
		return change_metadata(act);
	}
}

/* One that is refused would poison the rest, so it is made again without it. */
static unsigned operate(struct program *program, struct act *act, unsigned count, unsigned refused,
                        unsigned first)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		act->quiet = ((refused | program->without_ops >> first) >> i & 1) != 0;
		if (one_operation(act) != 0)
			return i;
	}
	return count;
}

/* The commit record is durable: from here on no power cut takes it back. */
static void committed(void *context)
{
	effect_now(EFFECT_DONE, *(const unsigned *)context);
}

static int begin(struct act *act, struct commit_store *store, unsigned *number, int logged)
{
	struct commit_txn_options opt;

	commit_txn_options_init(&opt);
	opt.committed = committed;
	opt.context = number;
	if (logged)
		opt.flags |= COMMIT_TXN_LOG_CONTENTS;
	return commit_txn_begin(&act->txn, store, &opt, act->error);
}

static int newest(void *context, const struct commit_txn_info *info)
{
	memcpy(context, info->id, sizeof info->id);
	return 0;
}

static int undo(struct act *act, struct commit_store *store)
{
	char id[COMMIT_TXN_ID_SIZE] = "";
	int rc = commit_store_history(store, newest, id, act->error);

	snprintf(text_of(act), TEXT_MAX, "undo %s", id);
	if (!rc && id[0])
		rc = commit_txn_undo(act->txn, id, act->error);
	return rc;
}

/* Operations until none of them is refused; then the transaction that has them. */
static int build(struct program *program, struct act *act, struct commit_store *store,
                 unsigned *number, unsigned count, int logged)
{
	const uint64_t start = *act->random;
	unsigned refused = program->without_steps >> *number & 1 ? ~0u : 0, ended;
	int rc;

	for (;;) {
		act->step->ops = 0;
		*act->random = start;
		rc = begin(act, store, number, logged);
		if (rc)
			return rc;
		ended = operate(program, act, count, refused, *number * OPS_MAX);
		if (ended == count)
			break;
		commit_txn_close(act->txn);
		refused |= 1u << ended;
	}
	for (ended = 0; ended < count; ended++)
		if (refused >> ended & 1)
			strcat(act->step->text[ended], " (not done)");
	return 0;
}

int run_transaction(struct program *program, struct step *step, uint64_t *random,
                    struct commit_store *store, unsigned number, struct commit_error *error)
{
	struct act act = {.step = step, .random = random, .error = error};
	const int logged = roll(random, 3) == 0, backwards = number && roll(random, 4) == 0;
	const unsigned count = 1 + roll(random, program->steps == 1 ? OPS_MAX : OPS_MAX / 2);
	int rc;

	if (backwards) {
		rc = begin(&act, store, &number, 0);
		if (rc)
			return rc;
		rc = undo(&act, store);
	} else {
		rc = build(program, &act, store, &number, count, logged);
		if (rc)
			return rc;
	}
	if (!rc)
		rc = commit_txn_commit(act.txn, NULL, error);
	commit_txn_close(act.txn);
	return rc;
}
