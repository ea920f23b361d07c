/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "copy.h"
#include "error.h"
#include "lock.h"
#include "record.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_TTL ((int64_t)24 * 60 * 60)
/* A stage is a stranger's too: no list of operations is longer. */
#define OPS_MAX ((off_t)1 << 30)
#define POISONED_MODE 0400

void commit_txn_options_init(struct commit_txn_options *opt)
{
	memset(opt, 0, sizeof *opt);
	opt->size = sizeof *opt;
	opt->ttl = DEFAULT_TTL;
}

int lc_txn_fail(struct commit_txn *txn, int rc, const char *operation, const char *path,
                const char *text, struct commit_error *err)
{
	(void)txn;
	return lc_error_set(err, rc == -ECANCELED ? COMMIT_ECANCELED : COMMIT_EFAILED, -rc,
	                    operation, path, text);
}

void lc_txn_id(uint64_t number, char id[COMMIT_TXN_ID_SIZE])
{
	snprintf(id, COMMIT_TXN_ID_SIZE, "%08" PRIx32 "-%08" PRIx32, (uint32_t)(number >> 32),
	         (uint32_t)number);
}

uint64_t lc_txn_number(const char *id)
{
	char again[COMMIT_TXN_ID_SIZE];
	char *end;
	uint64_t number = (uint64_t)strtoul(id, &end, 16) << 32;

	if (*end != '-')
		return 0;
	number |= strtoul(end + 1, NULL, 16) & UINT32_MAX;
	lc_txn_id(number, again);
	return strcmp(id, again) == 0 ? number : 0;
}

/* The 22nd field of /proc/PID/stat; the name before may hold anything. */
static uint64_t process_start(int64_t pid)
{
	char path[64], text[1024];
	const char *field;
	ssize_t length;
	int fd, i;

	snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
	fd = lc_sys_open(AT_FDCWD, path, O_RDONLY);
	if (fd < 0)
		return 0;
	length = lc_copy_read(fd, text, sizeof text - 1, 0);
	lc_sys_drop(&fd);
	text[length > 0 ? length : 0] = '\0';
	field = strrchr(text, ')');
	for (i = 0; field && i < 20; i++)
		field = strchr(field + 1, ' ');
	return field ? strtoull(field + 1, NULL, 10) : 0;
}

static int write_info(struct commit_txn *txn)
{
	const struct lc_txn_info *info = &txn->info;
	char text[LC_TXN_INFO_SIZE];
	off_t at = 0;
	int fd = lc_sys_create(txn->dir, "info", O_WRONLY, 0600);
	int rc;

	if (fd < 0)
		return fd;
	snprintf(text, sizeof text,
	         "keep %d\nbegun %" PRId64 "\nttl %" PRId64 "\nowner %" PRId64 " %" PRIu64
	         "\nuser %" PRIu64 "\n",
	         info->keep, info->begun, info->ttl, info->owner, info->owner_started, info->user);
	rc = lc_copy_bytes(fd, &at, text, strlen(text));
	if (!rc && info->keep)
		rc = lc_sys_fsync(fd);
	lc_sys_drop(&fd);
	return rc;
}

/* The word and a number after it, behind which *text then stands. */
static int read_number(const char **text, const char *word, int64_t *number)
{
	char *end;

	if (strncmp(*text, word, strlen(word)) != 0)
		return 0;
	*number = strtoll(*text + strlen(word), &end, 10);
	if (end == *text + strlen(word))
		return 0;
	*text = end;
	return 1;
}

int lc_txn_read_info(int dir, struct lc_txn_info *info)
{
	char text[LC_TXN_INFO_SIZE];
	const char *next = text;
	int64_t keep, started, user;
	ssize_t length;
	int fd = lc_sys_open(dir, "info", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);

	memset(info, 0, sizeof *info);
	if (fd < 0)
		return fd;
	length = lc_copy_read(fd, text, sizeof text - 1, 0);
	lc_sys_drop(&fd);
	if (length < 0)
		return (int)length;
	text[length] = '\0';
	if (!read_number(&next, "keep ", &keep) || !read_number(&next, "\nbegun ", &info->begun) ||
	    !read_number(&next, "\nttl ", &info->ttl) ||
	    !read_number(&next, "\nowner ", &info->owner) || !read_number(&next, " ", &started) ||
	    !read_number(&next, "\nuser ", &user))
		return -EBADMSG;
	info->keep = keep != 0;
	info->owner_started = (uint64_t)started;
	info->user = (uint64_t)user;
	return 0;
}

/*
 * One that is not kept dies with its process, whose lock tells. A kept one dies
 * with its owner, if it has one, and of age.
 */
int lc_txn_is_dead(int dir, int ops, const struct lc_txn_info *info)
{
	(void)dir;
	if (lc_sys_lock(ops) == -EWOULDBLOCK)
		return 0;
	if (!info->keep)
		return 1;
	if (info->owner && process_start(info->owner) != info->owner_started)
		return 1;
	return (int64_t)time(NULL) - info->begun > info->ttl;
}

void lc_txn_poison(struct commit_txn *txn)
{
	txn->state = LC_TXN_POISONED;
	/* Needs no space: the disk may be full just now. */
	lc_sys_fchmod(txn->ops, POISONED_MODE);
}

int lc_txn_record(struct commit_txn *txn, const struct lc_change *operation)
{
	struct lc_record record = {.type = operation->type, .position = (uint64_t)txn->ops_end};
	unsigned char *payload, *bytes;
	off_t at = txn->ops_end;
	size_t size;
	int rc = lc_change_encode(operation, &payload, &record.length);

	if (rc)
		return rc;
	bytes = malloc(lc_record_size(record.length));
	rc = bytes ? 0 : -ENOMEM;
	if (!rc) {
		memcpy(bytes + LC_RECORD_HEAD, payload, record.length);
		record.transaction = txn->number;
		size = lc_record_seal(bytes, &record);
		rc = lc_copy_bytes(txn->ops, &at, bytes, size);
	}
	if (!rc && txn->info.keep)
		rc = lc_sys_fdatasync(txn->ops);
	if (!rc)
		txn->ops_end = at;
	free(bytes);
	free(payload);
	return rc;
}

static struct commit_txn *new_txn(struct commit_store *store, uint64_t number)
{
	struct commit_txn *txn = calloc(1, sizeof *txn);

	if (!txn)
		return NULL;
	txn->store = store;
	txn->number = number;
	txn->dir = txn->ops = -1;
	txn->flushes_before = lc_sys_flushes();
	lc_txn_id(number, txn->id);
	snprintf(txn->place, sizeof txn->place, LC_STORE_STAGE "/%s", txn->id);
	txn->view = lc_view_new(store->root, txn->place);
	if (!txn->view) {
		free(txn);
		return NULL;
	}
	return txn;
}

/* The clock orders them for people; the random part keeps them apart. */
static int new_number(uint64_t *number)
{
	uint32_t random;
	int rc = lc_sys_random(&random, sizeof random);

	*number = (uint64_t)(uint32_t)time(NULL) << 32 | random;
	return rc;
}

static int make_stage(struct commit_txn *txn)
{
	int rc = lc_sys_mkdir(txn->store->stage, txn->id, 0700);

	if (rc)
		return rc;
	txn->dir = lc_sys_open(txn->store->stage, txn->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (txn->dir < 0)
		return txn->dir;
	txn->ops = lc_sys_create(txn->dir, "ops", O_RDWR, 0600);
	if (txn->ops < 0)
		return txn->ops;
	rc = lc_sys_lock(txn->ops);
	if (rc && !lc_lock_unsupported(rc))
		return rc;
	rc = write_info(txn);
	if (!rc && txn->info.keep)
		rc = lc_sys_fsync(txn->dir);
	return !rc && txn->info.keep ? lc_sys_fsync(txn->store->stage) : rc;
}

int commit_txn_begin(struct commit_txn **out, struct commit_store *store,
                     const struct commit_txn_options *opt, struct commit_error *err)
{
	struct commit_txn_options defaults;
	struct commit_txn *txn = NULL;
	uint64_t number;
	int rc;

	commit_txn_options_init(&defaults);
	if (!opt)
		opt = &defaults;
	if (opt->size != sizeof *opt)
		return lc_error_set(err, COMMIT_EUSAGE, EINVAL, "begin", store->path,
		                    "options were not set up by commit_txn_options_init");
	rc = new_number(&number);
	if (!rc)
		txn = new_txn(store, number);
	if (!txn)
		return lc_store_fail(store, rc ? rc : -ENOMEM, "begin", NULL, err);
	txn->info.keep = (opt->flags & COMMIT_TXN_KEEP) != 0;
	txn->info.begun = (int64_t)time(NULL);
	txn->info.ttl = opt->ttl;
	txn->info.owner = opt->owner;
	txn->info.owner_started = opt->owner ? process_start(opt->owner) : 0;
	txn->info.user = geteuid();
	rc = make_stage(txn);
	if (rc) {
		lc_store_fail(store, rc, "begin", NULL, err);
		lc_store_remove_stage(store, txn->id);
		txn->state = LC_TXN_ENDED;
		commit_txn_close(txn);
		return COMMIT_EFAILED;
	}
	*out = txn;
	return 0;
}

/* Makes an operation of an earlier process again, with what that one has seen. */
static int repeat(struct commit_txn *txn, struct lc_change *op)
{
	struct lc_identity seen;
	int knew = lc_view_seen(txn->view, op->path, &seen) == 0;
	int knew_other =
	        op->type == LC_OPERATION_MOVE && lc_view_seen(txn->view, op->place, &seen) == 0;
	struct lc_change meta;
	int rc;

	switch (op->type) {
	case LC_OPERATION_PUT:
		rc = lc_view_put(txn->view, op->path, op->place, &op->after);
		txn->serial++;
		break;
	case LC_OPERATION_REMOVE:
		rc = lc_view_remove(txn->view, op->path);
		break;
	case LC_OPERATION_MOVE:
		rc = lc_view_move(txn->view, op->path, op->place);
		break;
	default:
		meta = *op;
		memset(op, 0, sizeof *op);
		return lc_view_meta(txn->view, meta.path, &meta);
	}
	if (!rc && !knew)
		rc = lc_view_set_seen(txn->view, op->path, &op->before);
	if (!rc && op->type == LC_OPERATION_MOVE && !knew_other)
		rc = lc_view_set_seen(txn->view, op->place, &op->after);
	return rc;
}

/* A torn record at the end was never acknowledged: the next one overwrites it. */
static int repeat_all(struct commit_txn *txn, const unsigned char *bytes, size_t size)
{
	struct lc_record record;
	struct lc_change op;
	size_t at = 0;
	int rc = 0;

	while (!rc && lc_record_open(bytes + at, size - at, &record) == 0 &&
	       record.position == at && record.transaction == txn->number) {
		rc = lc_change_decode(record.type, record.payload, record.length, &op);
		if (!rc)
			rc = repeat(txn, &op);
		lc_change_release(&op);
		at += lc_record_size(record.length);
	}
	txn->ops_end = (off_t)at;
	return rc;
}

static int load_ops(struct commit_txn *txn)
{
	unsigned char *bytes;
	struct stat st;
	ssize_t length;
	int rc = lc_sys_fstat(txn->ops, &st);

	if (rc)
		return rc;
	if ((st.st_mode & 0777) == POISONED_MODE)
		txn->state = LC_TXN_POISONED;
	if (st.st_size > OPS_MAX)
		return -EFBIG;
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return -ENOMEM;
	length = lc_copy_read(txn->ops, bytes, (size_t)st.st_size, 0);
	rc = length < 0 ? (int)length : repeat_all(txn, bytes, (size_t)length);
	free(bytes);
	return rc;
}

static int open_stage(struct commit_txn *txn)
{
	const struct commit_store_options *opt = &txn->store->opt;
	int flags = (txn->store->look_only ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_NONBLOCK;
	int rc;

	txn->dir = lc_sys_open(txn->store->stage, txn->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (txn->dir < 0)
		return txn->dir;
	rc = lc_txn_read_info(txn->dir, &txn->info);
	if (!rc)
		rc = txn->ops = lc_sys_open(txn->dir, "ops", flags);
	/* The poisoned one can still be looked at. */
	if (rc == -EACCES)
		rc = txn->ops = lc_sys_open(txn->dir, "ops", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	if (rc < 0)
		return rc;
	rc = lc_lock_acquire(txn->ops, lc_lock_deadline(opt->wait_ms), opt->cancel_fd);
	return lc_lock_unsupported(rc) ? 0 : rc;
}

int commit_txn_resume(struct commit_txn **out, struct commit_store *store, const char *id,
                      struct commit_error *err)
{
	uint64_t number = lc_txn_number(id);
	struct commit_txn *txn;
	int rc;

	if (!number)
		return lc_error_set(err, COMMIT_EUSAGE, EINVAL, "resume", id,
		                    "not a transaction id");
	txn = new_txn(store, number);
	if (!txn)
		return lc_store_fail(store, -ENOMEM, "resume", NULL, err);
	rc = open_stage(txn);
	if (!rc)
		rc = load_ops(txn);
	if (rc == 0) {
		*out = txn;
		return 0;
	}
	if (rc == -EWOULDBLOCK)
		rc = lc_error_set(err, COMMIT_EBUSY, EWOULDBLOCK, "resume", id,
		                  "another process works on this transaction");
	else
		rc = lc_txn_fail(txn, rc, "resume", id,
		                 rc == -ENOENT ? "there is no such open transaction" : NULL, err);
	txn->info.keep = 1;
	commit_txn_close(txn);
	return rc;
}

const char *commit_txn_id(const struct commit_txn *txn)
{
	return txn->id;
}

int commit_txn_abort(struct commit_txn *txn, struct commit_error *err)
{
	int rc;

	if (txn->state == LC_TXN_ENDED)
		return 0;
	rc = lc_store_remove_stage(txn->store, txn->id);
	if (rc)
		return lc_txn_fail(txn, rc, "abort", txn->id, NULL, err);
	txn->state = LC_TXN_ENDED;
	return 0;
}

void commit_txn_close(struct commit_txn *txn)
{
	if (!txn)
		return;
	if (txn->state != LC_TXN_ENDED && !txn->info.keep)
		lc_store_remove_stage(txn->store, txn->id);
	lc_view_free(txn->view);
	lc_sys_drop(&txn->ops);
	lc_sys_drop(&txn->dir);
	free(txn);
}
