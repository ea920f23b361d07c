/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "bytes.h"
#include "copy.h"
#include "error.h"
#include "lock.h"
#include "name.h"
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

static int write_info(struct commit_txn *txn)
{
	const struct lc_txn_info *info = &txn->info;
	char text[LC_TXN_INFO_SIZE];
	off_t at = 0;
	struct stat st;
	/* 0666: what the umask leaves of it tells what new files get. */
	int fd = lc_sys_create(txn->dir, "info", O_WRONLY, 0666);
	int rc;

	if (fd < 0)
		return fd;
	rc = lc_sys_fstat(fd, &st);
	if (rc) {
		lc_sys_drop(&fd);
		return rc;
	}
	txn->new_mode = st.st_mode & 0777;
	snprintf(text, sizeof text,
	         "keep %d\nbegun %" PRId64 "\nttl %" PRId64 "\nowner %" PRId64 " %" PRIu64
	         "\nuser %" PRIu64 "\nboot %" PRIu32 "\n",
	         info->keep, info->begun, info->ttl, info->owner, info->owner_started, info->user,
	         lc_name_boot());
	rc = lc_copy_bytes(fd, &at, text, strlen(text));
	if (!rc)
		rc = lc_store_share(txn->store, fd, LC_STORE_GROUP_FILE);
	if (!rc && info->keep)
		rc = lc_sys_fsync(fd);
	lc_sys_drop(&fd);
	return rc;
}

void lc_txn_poison(struct commit_txn *txn)
{
	txn->state = LC_TXN_POISONED;
	/* Needs no space: the disk may be full just now. Of another member's it is the end. */
	if (lc_sys_fchmod(txn->ops, POISONED_MODE) == -EPERM)
		lc_sys_unlink(txn->dir, "info");
}

int lc_txn_append(const struct commit_txn *txn, int fd, off_t *end, const struct lc_change *change)
{
	struct lc_record record = {.type = change->type, .position = (uint64_t)*end};
	unsigned char *payload, *bytes;
	off_t at = *end;
	size_t size;
	int rc = lc_change_encode(change, &payload, &record.length);

	if (rc)
		return rc;
	bytes = malloc(lc_record_size(record.length));
	rc = bytes ? 0 : -ENOMEM;
	if (!rc) {
		memcpy(bytes + LC_RECORD_HEAD, payload, record.length);
		record.transaction = txn->number;
		size = lc_record_seal(bytes, &record);
		rc = lc_copy_bytes(fd, &at, bytes, size);
	}
	if (!rc)
		*end = at;
	free(bytes);
	free(payload);
	return rc;
}

int lc_txn_record(struct commit_txn *txn, const struct lc_change *operation)
{
	off_t end = txn->ops_end;
	int rc;

	/* Nobody can resume it. */
	if (!txn->info.keep)
		return 0;
	rc = lc_txn_append(txn, txn->ops, &end, operation);
	if (!rc && !txn->batch)
		rc = lc_sys_fdatasync(txn->ops);
	if (!rc)
		txn->ops_end = end;
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
	if (!txn->view || lc_txn_mounts_init(txn) != 0) {
		lc_txn_mounts_release(txn);
		lc_view_free(txn->view);
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
	rc = lc_store_share(txn->store, txn->dir, LC_STORE_GROUP_PLACE);
	if (rc)
		return rc;
	txn->ops = lc_sys_create(txn->dir, "ops", O_RDWR, 0600);
	if (txn->ops < 0)
		return txn->ops;
	rc = lc_store_share(txn->store, txn->ops, LC_STORE_GROUP_FILE);
	if (rc)
		return rc;
	/* Somebody may be looking whether it lives. */
	rc = lc_lock_acquire(txn->ops, lc_lock_deadline(txn->store->opt.wait_ms),
	                     txn->store->opt.cancel_fd);
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
	txn->log_contents = !txn->info.keep && (opt->flags & COMMIT_TXN_LOG_CONTENTS) != 0;
	txn->committed = opt->committed;
	txn->context = opt->context;
	txn->info.begun = (int64_t)time(NULL);
	txn->info.ttl = opt->ttl;
	txn->info.owner = opt->owner;
	txn->info.owner_started = opt->owner ? lc_txn_process_start(opt->owner) : 0;
	txn->info.user = geteuid();
	/* A stage that is half made looks like one whose maker has died. */
	rc = lc_store_lock_shared(store, err);
	if (rc) {
		txn->state = LC_TXN_ENDED;
		commit_txn_close(txn);
		return rc;
	}
	rc = make_stage(txn);
	lc_sys_unlock(store->lock);
	if (rc) {
		lc_store_fail(store, rc, "begin", NULL, err);
		lc_txn_remove_stage(store, txn->id);
		txn->state = LC_TXN_ENDED;
		commit_txn_close(txn);
		return COMMIT_EFAILED;
	}
	*out = txn;
	return 0;
}

/* The file was looked at when it was patched: what it was then counts. */
static int repeat_patch(struct commit_txn *txn, struct lc_change *op, int knew)
{
	struct lc_identity seen = op->before;
	char *path = strdup(op->path);
	struct lc_patch patch;
	size_t at;
	int rc = path ? lc_change_get_patch(op, &patch) : -ENOMEM;

	if (!rc) {
		txn->bytes += patch.new_length;
		txn->serial++;
		/* Its mount has to be known when the commit is checked. */
		(void)lc_txn_mount_for(txn, path, &at);
		rc = lc_view_meta(txn->view, path, op);
		memset(op, 0, sizeof *op);
	}
	if (!rc && !knew)
		rc = lc_view_set_seen(txn->view, path, &seen);
	free(path);
	return rc;
}

/* Makes an operation of an earlier process again, with what that one has seen. */
static int repeat(struct commit_txn *txn, struct lc_change *op)
{
	struct lc_identity seen;
	int knew = lc_view_seen(txn->view, op->path, &seen) == 0;
	int knew_other =
	        op->type == LC_OPERATION_MOVE && lc_view_seen(txn->view, op->place, &seen) == 0;
	struct lc_change meta;
	size_t at;
	int rc;

	if (op->type == LC_OPERATION_PATCH)
		return repeat_patch(txn, op, knew);
	if (op->type != LC_OPERATION_META && op->value_length == sizeof(uint64_t))
		txn->bytes = lc_get_le64(op->value);
	switch (op->type) {
	case LC_OPERATION_PUT:
		rc = lc_view_put(txn->view, op->path, op->place, &op->after);
		txn->serial++;
		break;
	case LC_OPERATION_REMOVE:
		rc = lc_view_remove(txn->view, op->path);
		lc_txn_mounts_forget(txn);
		break;
	case LC_OPERATION_MOVE:
		rc = lc_view_move(txn->view, op->path, op->place);
		lc_txn_mounts_forget(txn);
		break;
	default:
		meta = *op;
		memset(op, 0, sizeof *op);
		/* Its mount has to be known when the commit is checked. */
		(void)lc_txn_mount_for(txn, meta.path, &at);
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

/* An operation that was not written down to its end may have left its object. */
static int skip_objects(struct commit_txn *txn)
{
	char name[32];
	struct stat st;
	int rc;

	do {
		snprintf(name, sizeof name, "in-%u", txn->serial);
		rc = lc_sys_lstat(txn->dir, name, &st);
		txn->serial += rc == 0;
	} while (rc == 0);
	return rc == -ENOENT ? 0 : rc;
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
	return rc ? rc : skip_objects(txn);
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
		rc = lc_txn_stages_load(txn);
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
	rc = lc_txn_remove_stage(txn->store, txn->id);
	if (rc == -ENODEV)
		return lc_txn_fail(txn, rc, "abort", txn->missing ? txn->missing : txn->id,
		                   "a file system that it has content on is not mounted; mount it "
		                   "and abort again",
		                   err);
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
		lc_txn_remove_stage(txn->store, txn->id);
	lc_txn_mounts_release(txn);
	lc_view_free(txn->view);
	lc_change_list_release(&txn->contents);
	lc_sys_drop(&txn->ops);
	lc_sys_drop(&txn->dir);
	free(txn);
}
