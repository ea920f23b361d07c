/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "beneath.h"
#include "error.h"
#include "sys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A move that no rename can do: a copy is staged where it shall be, and what
 * it was made from is removed. Publishing takes the source to the stage, where
 * it stays until the copy is durable at its place.
 */

/* A file with more than one name that was copied already. */
struct twin {
	uint64_t inode;
	char *real;
};

/* The large things are here and not on the stack: trees may be deep. */
struct move {
	struct commit_txn *txn;
	size_t at;
	struct twin *twins;
	size_t twin_count;
	/* what is moved just now */
	char from[PATH_MAX];
	char to[PATH_MAX];
	struct lc_node node;
	struct lc_node copy;
	struct lc_node twin;
	/* of a child that failed */
	int rc;
	struct commit_error *err;
};

/* What is still asked about a source when its copy is in the view. */
struct source {
	struct lc_identity identity;
	/* that it shall have */
	uint32_t mode;
	/* some of what was wanted of it can be done when it is published only */
	int deferred;
};

static int fail(struct move *move, int rc, const char *path, const char *text)
{
	return lc_txn_fail(move->txn, rc, "mv", path, text, move->err);
}

/* As in txn-ops.c: what was done, and what was on disk there before. */
static int note(struct move *move, enum lc_change_type type, char *path, char *place,
                const struct lc_identity *after)
{
	struct lc_change op = {
	        .type = type, .mode = UINT32_MAX, .uid = UINT32_MAX, .gid = UINT32_MAX};
	int rc;

	op.path = path;
	op.place = place;
	if (after)
		op.after = *after;
	rc = lc_view_seen(move->txn->view, path, &op.before);
	if (!rc)
		rc = lc_txn_record(move->txn, &op);
	return rc ? fail(move, rc, path, NULL) : 0;
}

static int add_twin(struct move *move, uint64_t inode, const char *real)
{
	struct twin *bigger = realloc(move->twins, (move->twin_count + 1) * sizeof *bigger);

	if (!bigger)
		return -ENOMEM;
	move->twins = bigger;
	bigger[move->twin_count] = (struct twin){inode, strdup(real)};
	if (!bigger[move->twin_count].real)
		return -ENOMEM;
	move->twin_count++;
	return 0;
}

static const struct twin *find_twin(const struct move *move, uint64_t inode)
{
	size_t i;

	for (i = 0; i < move->twin_count; i++)
		if (move->twins[i].inode == inode)
			return &move->twins[i];
	return NULL;
}

static int count_links(struct move *move, nlink_t *links)
{
	struct lc_beneath_cache cache;
	struct stat st;
	int rc;

	lc_beneath_init(&cache, move->txn->store->root);
	rc = lc_beneath_stat(&cache, move->node.real, &st);
	lc_beneath_release(&cache);
	*links = rc ? 0 : st.st_nlink;
	return rc;
}

/* Names of one file stay names of one file. */
static int stage(struct move *move)
{
	const struct twin *twin = find_twin(move, move->node.identity.inode);
	struct lc_node *copy = &move->copy;
	nlink_t links;
	int rc;

	copy->state = LC_NODE_STAGED;
	if (twin) {
		strcpy(move->twin.real, twin->real);
		rc = lc_txn_stage_link(move->txn, move->at, &move->twin, copy->real,
		                       &copy->identity);
		return rc ? fail(move, rc, move->from, NULL) : 0;
	}
	rc = lc_txn_stage_copy(move->txn, move->at, &move->node, copy->real, &copy->identity,
	                       move->err);
	if (rc || !S_ISREG(move->node.identity.mode))
		return rc;
	rc = count_links(move, &links);
	if (!rc && links > 1)
		rc = add_twin(move, move->node.identity.inode, copy->real);
	return rc ? fail(move, rc, move->from, NULL) : 0;
}

/* What the transaction has wanted of the original so far is done to the copy. */
static int repeat_metas(struct move *move, struct source *source)
{
	const struct lc_change_list *metas = lc_view_metas(move->txn->view, move->from);
	size_t i;
	int rc = 0;

	source->mode = move->node.identity.mode;
	source->deferred = 0;
	for (i = 0; metas && i < metas->count && !rc; i++) {
		struct lc_change meta = metas->items[i];

		if (meta.mode != UINT32_MAX)
			source->mode = meta.mode;
		/* That of a directory is for the end. */
		if (S_ISDIR(move->node.identity.mode))
			meta.mode = UINT32_MAX;
		rc = lc_txn_stage_meta(move->txn, &move->copy, &meta, &move->copy.identity);
		/* A copy that has two names. */
		if (rc == -EMLINK) {
			source->deferred = 1;
			rc = 0;
		}
	}
	return rc ? fail(move, rc, move->from, NULL) : 0;
}

/* To be done to the copy when it is published; takes over what meta holds. */
static int add_meta(struct move *move, struct lc_change *meta)
{
	int rc = meta->path && meta->place && meta->value ? 0 : -ENOMEM;

	if (!rc)
		rc = lc_txn_record(move->txn, meta);
	if (rc)
		lc_change_release(meta);
	else
		rc = lc_view_meta(move->txn->view, move->to, meta);
	return rc ? fail(move, rc, move->to, NULL) : 0;
}

/* The mode and the time that a directory has when everything is in it. */
static int finish_directory(struct move *move, const struct source *source)
{
	struct lc_change meta = {.type = LC_OPERATION_META, .uid = UINT32_MAX, .gid = UINT32_MAX};

	meta.mode = source->mode & 07777;
	meta.before = source->identity;
	meta.path = strdup(move->to);
	meta.place = strdup("");
	meta.value = malloc(1);
	return add_meta(move, &meta);
}

static int defer_metas(struct move *move)
{
	const struct lc_change_list *metas = lc_view_metas(move->txn->view, move->from);
	size_t i;
	int rc = 0;

	for (i = 0; metas && i < metas->count && !rc; i++) {
		struct lc_change meta = metas->items[i];

		meta.path = strdup(move->to);
		meta.place = strdup("");
		meta.attribute = meta.attribute ? strdup(meta.attribute) : NULL;
		meta.value = malloc((size_t)meta.value_length + 1);
		if (meta.value)
			memcpy(meta.value, metas->items[i].value, meta.value_length);
		rc = metas->items[i].attribute && !meta.attribute ? -ENOMEM : 0;
		if (rc)
			lc_change_release(&meta);
		rc = rc ? fail(move, rc, move->to, NULL) : add_meta(move, &meta);
	}
	return rc;
}

/* What the view has seen on disk below that path is what was copied. */
static int check_seen(struct move *move, const struct source *source)
{
	const char *under = lc_view_under(move->txn->view, move->from);
	struct lc_identity seen;
	int rc = lc_view_seen(move->txn->view, move->from, &seen);

	/* A directory's content was looked at file by file. */
	if (rc || S_ISDIR(source->identity.mode) || move->node.state != LC_NODE_ORIGINAL ||
	    !under || strcmp(under, move->node.real) != 0)
		return rc;
	return lc_identity_same(&seen, &source->identity) ? 0 : -ESTALE;
}

/* The copy is in the view; what it was made from leaves it. */
static int remove_source(struct move *move, const struct source *source)
{
	char nowhere[] = "";
	int rc = lc_view_remove(move->txn->view, move->from);

	if (!rc)
		rc = check_seen(move, source);
	return rc ? fail(move, rc, move->from, NULL)
	          : note(move, LC_OPERATION_REMOVE, move->from, nowhere, NULL);
}

static int check_kind(struct move *move)
{
	mode_t mode = move->node.identity.mode;
	struct lc_beneath_cache cache;
	struct lc_sys_mount mount;
	const char *base;
	int dir, rc;

	if (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode))
		return fail(move, -EOPNOTSUPP, move->from,
		            "a device, socket or fifo cannot be moved to another file system");
	lc_beneath_init(&cache, move->txn->store->root);
	dir = lc_beneath_parent(&cache, move->node.real, &base);
	rc = dir < 0 ? dir : lc_sys_mount(dir, base, &mount);
	lc_beneath_release(&cache);
	if (!rc && mount.is_top)
		return fail(move, -EBUSY, move->from, "is a mount point");
	return rc ? fail(move, rc, move->from, NULL) : 0;
}

static int copy_one(struct move *move, struct source *source)
{
	struct lc_node *copy = &move->copy;
	int rc = lc_view_look(move->txn->view, move->from, &move->node);

	if (rc)
		return fail(move, rc, move->from, NULL);
	rc = check_kind(move);
	if (rc)
		return rc;
	source->identity = move->node.identity;
	rc = stage(move);
	if (!rc)
		rc = repeat_metas(move, source);
	if (rc)
		return rc;
	rc = lc_view_put(move->txn->view, move->to, copy->real, &copy->identity);
	if (rc)
		return fail(move, rc, move->to, NULL);
	rc = note(move, LC_OPERATION_PUT, move->to, copy->real, &copy->identity);
	return rc || !source->deferred ? rc : defer_metas(move);
}

static int move_child(void *context, const char *name);

static int move_one(struct move *move)
{
	struct source source = {0};
	int rc = copy_one(move, &source);

	if (!rc && S_ISDIR(source.identity.mode)) {
		rc = lc_view_children(move->txn->view, move->from, move_child, move);
		if (rc)
			rc = rc > 0 ? move->rc : fail(move, rc, move->from, NULL);
		if (!rc)
			rc = finish_directory(move, &source);
	}
	return rc ? rc : remove_source(move, &source);
}

static int append_name(char path[PATH_MAX], const char *name)
{
	size_t at = strlen(path);

	return snprintf(path + at, PATH_MAX - at, "/%s", name) < (int)(PATH_MAX - at);
}

/* 1: failed, and has said why */
static int move_child(void *context, const char *name)
{
	struct move *move = context;
	size_t from = strlen(move->from), to = strlen(move->to);

	if (!append_name(move->from, name) || !append_name(move->to, name))
		move->rc = fail(move, -ENAMETOOLONG, move->to, NULL);
	else if (strcmp(name, LC_STORE_NAME) == 0 || lc_stage_name(name))
		move->rc = fail(move, -EPERM, move->from,
		                "is a store's, which cannot be moved to another file system");
	else
		move->rc = move_one(move);
	move->from[from] = '\0';
	move->to[to] = '\0';
	return move->rc != 0;
}

/*
 * Many operations count as one: until all are written down the file says that
 * one has failed, so that nobody can commit a half.
 */
static int begin_batch(struct commit_txn *txn)
{
	int rc;

	if (!txn->info.keep)
		return 0;
	rc = lc_sys_fchmod(txn->ops, 0400);
	if (!rc)
		rc = lc_sys_fsync(txn->ops);
	txn->batch = 1;
	return rc;
}

static int end_batch(struct commit_txn *txn)
{
	int rc;

	if (!txn->info.keep)
		return 0;
	txn->batch = 0;
	rc = lc_sys_fsync(txn->ops);
	if (!rc)
		rc = lc_sys_fchmod(txn->ops, 0600);
	if (!rc)
		rc = lc_sys_fsync(txn->ops);
	return rc;
}

static void free_move(struct move *move)
{
	size_t i;

	for (i = 0; move && i < move->twin_count; i++)
		free(move->twins[i].real);
	if (move)
		free(move->twins);
	free(move);
}

int lc_txn_move_copy(struct commit_txn *txn, const char *from, const char *to,
                     struct commit_error *err)
{
	struct move *move = calloc(1, sizeof *move);
	int rc;

	if (!move)
		return lc_txn_fail(txn, -ENOMEM, "mv", from, NULL, err);
	move->txn = txn;
	move->err = err;
	strcpy(move->from, from);
	strcpy(move->to, to);
	rc = lc_txn_mount_for(txn, to, &move->at);
	if (!rc)
		rc = begin_batch(txn);
	if (rc)
		rc = fail(move, rc, from, NULL);
	/* Below a directory may be what is in memory only. */
	if (!rc)
		rc = lc_txn_stage_contents(txn, err);
	if (!rc)
		rc = move_one(move);
	if (!rc) {
		rc = end_batch(txn);
		if (rc)
			rc = fail(move, rc, from, NULL);
	}
	free_move(move);
	lc_txn_mounts_forget(txn);
	return rc;
}
