/* SPDX-License-Identifier: ISC */
/*
 * The log makes such content durable together with the commit record. It is
 * staged afterwards, and flushed before the first rename, as every content is.
 * That it is staged now, and as which inodes, is a second commit record of the
 * same transaction: before it nothing was renamed, and recovery stages anew.
 */
#include "config.h"

#include "txn-internal.h"

#include "beneath.h"
#include "copy.h"
#include "error.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTENT_MAX ((size_t)16 * 1024)
#define CONTENTS_MAX ((uint64_t)16 * 1024 * 1024)
/* File systems give room in blocks of this or less, mostly. */
#define BLOCK ((uint64_t)4096)
#define ROOM "room"

static const char *base_of(const char *path)
{
	return strrchr(path, '/') + 1;
}

/* What an attribute would take along is not in the record. */
static int is_plain(struct commit_txn *txn, const char *path)
{
	int fd = lc_beneath_open(txn->store->root, path, O_RDONLY | O_NONBLOCK);
	ssize_t attributes = fd < 0 ? fd : lc_sys_listxattr(fd, NULL, 0);

	lc_sys_drop(&fd);
	return attributes == 0 || attributes == -EOPNOTSUPP;
}

int lc_txn_may_log(struct commit_txn *txn, size_t at, const struct lc_node *node, size_t length)
{
	/* Staged later, in the store's own stage, and flushed by one syncfs there. */
	if (at != txn->home || !txn->mounts.items[at].traits.syncs)
		return 0;
	if (!txn->log_contents || length > CONTENT_MAX || !lc_txn_logs_all(txn) ||
	    txn->content_bytes + length > CONTENTS_MAX)
		return 0;
	if (node->state == LC_NODE_ABSENT)
		return 1;
	return node->state == LC_NODE_ORIGINAL && S_ISREG(node->identity.mode) &&
	       is_plain(txn, node->real);
}

/*
 * What a file that replaces another is staged with: the mode that it gets in the
 * end spares a chmod, where it lets in nobody else before the group is set. It
 * has no ACL (is_plain).
 */
static mode_t first_mode(mode_t old)
{
	return (old & S_IRWXG) >> 3 == (old & S_IRWXO) ? old & 0777 : 0600;
}

int lc_txn_log_content(struct commit_txn *txn, const struct lc_node *node, const void *buffer,
                       size_t length, char real[PATH_MAX], struct lc_identity *identity)
{
	struct lc_change c = {.type = LC_CHANGE_CONTENT, .uid = UINT32_MAX, .gid = UINT32_MAX};
	char name[32];
	int rc;

	rc = lc_txn_next_object(txn, txn->home, name, real);
	if (rc < 0)
		return rc;
	c.mode = node->state == LC_NODE_ORIGINAL ? first_mode(node->identity.mode) : txn->new_mode;
	c.path = strdup(real);
	c.place = strdup(node->state == LC_NODE_ORIGINAL ? node->real : "");
	c.value = malloc(length + 1);
	c.value_length = (uint32_t)length;
	if (!c.path || !c.place || !c.value) {
		lc_change_release(&c);
		return -ENOMEM;
	}
	if (length > 0)
		memcpy(c.value, buffer, length);
	rc = lc_change_list_add(&txn->contents, &c);
	if (rc)
		return rc;
	txn->content_bytes += length;
	txn->bytes += length;
	memset(identity, 0, sizeof *identity);
	identity->mode = S_IFREG | (uint32_t)txn->new_mode;
	identity->size = length;
	return 0;
}

int lc_txn_logs_all(const struct commit_txn *txn)
{
	return txn->contents.count == txn->serial;
}

/* Both the blocks and the inodes; other programs may be faster only after the release. */
int lc_txn_reserve(struct commit_txn *txn)
{
	uint64_t room = 0;
	size_t i;
	int fd, rc;

	for (i = 0; i < txn->contents.count; i++)
		room += (txn->contents.items[i].value_length + BLOCK - 1) / BLOCK * BLOCK;
	fd = lc_sys_create(txn->dir, ROOM, O_WRONLY, 0600);
	if (fd < 0)
		return fd;
	rc = room > 0 ? lc_sys_reserve(fd, 0, (off_t)room) : 0;
	lc_sys_drop(&fd);
	return rc == -EOPNOTSUPP || rc == -ENOSYS ? 0 : rc;
}

/* The stage need not have survived, nor what an earlier try has made in it. */
static int open_stage(const struct commit_store *store, uint64_t number)
{
	char id[COMMIT_TXN_ID_SIZE];
	int fd, made, rc;

	lc_txn_id(number, id);
	rc = lc_sys_mkdir(store->stage, id, 0700);
	made = rc == 0;
	if (rc && rc != -EEXIST)
		return rc;
	fd = lc_sys_open(store->stage, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (fd >= 0 && made)
		rc = lc_store_share(store, fd, LC_STORE_GROUP_PLACE);
	if (fd >= 0 && made && rc)
		lc_sys_drop(&fd);
	return made && rc ? rc : fd;
}

static int fail(const struct commit_store *store, int rc, const char *path,
                struct commit_error *err)
{
	(void)store;
	return lc_error_set(err, COMMIT_EFAILED, -rc, "stage", path, NULL);
}

/* Takes the place of what an earlier try has left. */
static int create_anew(int dir, const char *name, mode_t mode)
{
	int fd = lc_sys_create(dir, name, O_RDWR, mode);
	int rc;

	if (fd != -EEXIST)
		return fd;
	rc = lc_sys_unlink(dir, name);
	return rc ? rc : lc_sys_create(dir, name, O_RDWR, mode);
}

static int stage_one(struct commit_store *store, int dir, const struct lc_change *content,
                     struct commit_error *err)
{
	int fd = create_anew(dir, base_of(content->path), content->mode & 0777);
	off_t end = 0;
	int rc;

	if (fd < 0)
		return fail(store, fd, content->path, err);
	rc = lc_copy_bytes(fd, &end, content->value, content->value_length);
	if (!rc && !content->place[0])
		rc = lc_sys_fchmod(fd, content->mode & 0777);
	if (rc)
		rc = fail(store, rc, content->path, err);
	else if (content->place[0])
		rc = lc_txn_keep_metadata(store, content->place, fd, err);
	lc_sys_drop(&fd);
	return rc;
}

static int stage_all(struct commit_store *store, int dir, const struct lc_change_list *contents,
                     struct commit_error *err)
{
	size_t i;
	int rc = lc_sys_unlink(dir, ROOM);

	rc = rc == -ENOENT || !rc ? 0 : fail(store, rc, ROOM, err);
	for (i = 0; i < contents->count && !rc; i++)
		rc = stage_one(store, dir, &contents->items[i], err);
	return rc;
}

int lc_txn_stage_contents(struct commit_txn *txn, struct commit_error *err)
{
	int rc;

	if (txn->contents.count == 0)
		return 0;
	rc = stage_all(txn->store, txn->dir, &txn->contents, err);
	if (rc)
		return rc;
	rc = lc_view_restage(txn->view, txn->dir);
	if (rc)
		return lc_txn_fail(txn, rc, "stage", txn->id, NULL, err);
	lc_change_list_release(&txn->contents);
	return 0;
}

/* What stands in the stage now, as records. */
static int identify_all(int dir, const struct lc_change_list *contents,
                        struct lc_change_list *staged)
{
	struct stat st;
	size_t i;
	int rc = 0;

	for (i = 0; i < contents->count && !rc; i++) {
		struct lc_change c = {.type = LC_CHANGE_STAGED};

		rc = lc_sys_lstat_times(dir, base_of(contents->items[i].path), &st);
		if (rc)
			break;
		lc_identity_of(&st, &c.after);
		c.path = strdup(contents->items[i].path);
		rc = c.path ? lc_change_list_add(staged, &c) : -ENOMEM;
	}
	return rc;
}

static int log_staged(struct commit_store *store, uint64_t number,
                      const struct lc_change_list *staged)
{
	struct lc_batch batch = {NULL, NULL, 0, 0};
	uint64_t end;
	int rc = lc_batch_add(&batch, number, staged);

	if (!rc)
		rc = lc_batch_close(&batch, number);
	if (!rc)
		rc = lc_log_append(store->log, batch.entries, batch.count, &end);
	if (!rc)
		rc = lc_log_force(store->log, end);
	lc_batch_release(&batch);
	return rc;
}

/* Contents are in-0, in-1, ...: the number is the place in the list. */
static const struct lc_change *staged_at(const struct lc_change_list *staged, const char *place)
{
	const char *dash = strrchr(place, '-');
	size_t index = dash ? strtoul(dash + 1, NULL, 10) : staged->count;
	if (index >= staged->count || strcmp(staged->items[index].path, place) != 0)
		return NULL;
	return &staged->items[index];
}

int lc_txn_fill_staged(struct lc_change_list *steps, const struct lc_change_list *staged)
{
	const struct lc_change *found;
	size_t i;

	for (i = 0; i < steps->count; i++) {
		struct lc_change *step = &steps->items[i];

		if (step->type != LC_CHANGE_PUT || step->after.inode != 0)
			continue;
		found = staged_at(staged, step->place);
		if (!found)
			return -EBADMSG;
		step->after = found->after;
	}
	return 0;
}

static int restage(struct commit_store *store, uint64_t number, int dir,
                   const struct lc_change_list *contents, struct lc_change_list *steps,
                   struct commit_error *err)
{
	struct lc_change_list staged = {NULL, 0, 0};
	int rc = stage_all(store, dir, contents, err);

	if (rc)
		return rc;
	rc = lc_sys_syncfs(dir);
	if (!rc)
		rc = identify_all(dir, contents, &staged);
	if (!rc)
		rc = lc_txn_fill_staged(steps, &staged);
	if (!rc)
		rc = log_staged(store, number, &staged);
	lc_change_list_release(&staged);
	return rc ? lc_store_fail(store, rc, "stage", NULL, err) : 0;
}

int lc_txn_restage(struct commit_store *store, uint64_t number,
                   const struct lc_change_list *contents, struct lc_change_list *steps,
                   struct commit_error *err)
{
	struct commit_error why = COMMIT_ERROR_INIT;
	int dir = open_stage(store, number);
	int rc;

	if (dir < 0)
		rc = lc_store_fail(store, dir, "stage", NULL, &why);
	else
		rc = restage(store, number, dir, contents, steps, &why);
	lc_sys_drop(&dir);
	return rc ? lc_error_format(err, COMMIT_EPENDING, why.errnum, "stage", why.path,
	                            "%s; committed, commit-recover finishes it",
	                            commit_errno_name(why.errnum))
	          : 0;
}
