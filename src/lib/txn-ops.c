/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-call.h"

#include "beneath.h"
#include "bytes.h"
#include "error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A failed operation poisons the transaction; one that makes no sense does not come so far. */
int lc_call_failed(struct lc_call *call, int rc, const char *text)
{
	lc_txn_poison(call->txn);
	return lc_txn_fail(call->txn, rc, call->operation, call->path, text, call->err);
}

static int stage_waiting(struct lc_call *call)
{
	int rc = lc_txn_stage_contents(call->txn, call->err);

	if (rc) {
		lc_txn_poison(call->txn);
		return rc;
	}
	rc = lc_view_look(call->txn->view, call->path, &call->node);
	return rc ? lc_call_failed(call, rc, NULL) : 0;
}

/* Begins an operation: the path made canonical, and what stands there. */
int lc_call_begin(struct lc_call *call, struct commit_txn *txn, const char *operation,
                  const char *path, struct commit_error *err)
{
	int rc;

	memset(call, 0, sizeof *call);
	call->txn = txn;
	call->operation = operation;
	call->err = err;
	snprintf(call->path, sizeof call->path, "%s", path);
	if (txn->state == LC_TXN_ENDED)
		return lc_error_set(err, COMMIT_EUSAGE, EINVAL, operation, path,
		                    "the transaction has ended");
	if (txn->state == LC_TXN_POISONED)
		return lc_error_set(err, COMMIT_EFAILED, ECANCELED, operation, path,
		                    "an earlier operation of this transaction failed; abort it");
	rc = lc_txn_canonical(txn, path, call->path);
	if (!rc)
		rc = lc_view_look(txn->view, call->path, &call->node);
	if (rc)
		return lc_call_failed(call, rc, lc_txn_explain(rc));
	return lc_txn_is_waiting(&call->node) ? stage_waiting(call) : 0;
}

int lc_call_is_directory(const struct lc_node *node)
{
	return S_ISDIR(node->identity.mode);
}

int lc_call_spares_patches(struct lc_call *call)
{
	if (!lc_view_has_patch(call->txn->view, call->path))
		return 0;
	lc_txn_poison(call->txn);
	return lc_error_set(call->err, COMMIT_EREFUSED, EBUSY, call->operation, call->path,
	                    "this transaction patches it; it cannot be replaced or removed too");
}

int lc_call_is_absent(const struct lc_node *node)
{
	return node->state == LC_NODE_ABSENT;
}

/* Writes down what was done, and what was on disk at the paths before. */
static int record(struct lc_call *call, enum lc_change_type type, char *place,
                  const struct lc_identity *after)
{
	struct lc_change op = {
	        .type = type, .mode = UINT32_MAX, .uid = UINT32_MAX, .gid = UINT32_MAX};
	unsigned char bytes[sizeof(uint64_t)];
	int rc;

	/* Who resumes shall know how much there is. */
	lc_put_le64(bytes, call->txn->bytes);
	op.value = bytes;
	op.value_length = sizeof bytes;
	op.path = call->path;
	op.place = place;
	if (after)
		op.after = *after;
	rc = lc_view_seen(call->txn->view, call->path, &op.before);
	if (!rc)
		rc = lc_txn_record(call->txn, &op);
	return rc ? lc_call_failed(call, rc, NULL) : 0;
}

/* Content that was staged and will not be committed after all does not count. */
static void uncount(struct lc_call *call)
{
	struct lc_beneath_cache cache;
	struct stat st;

	if (call->node.state != LC_NODE_STAGED || !S_ISREG(call->node.identity.mode))
		return;
	lc_beneath_init(&cache, call->txn->store->root);
	if (lc_beneath_stat(&cache, call->node.real, &st) == 0 && st.st_nlink == 1 &&
	    (uint64_t)st.st_size <= call->txn->bytes)
		call->txn->bytes -= (uint64_t)st.st_size;
	lc_beneath_release(&cache);
}

int lc_call_put(struct lc_call *call, char *real, const struct lc_identity *identity)
{
	int rc = lc_view_put(call->txn->view, call->path, real, identity);

	return rc ? lc_call_failed(call, rc, NULL) : record(call, LC_OPERATION_PUT, real, identity);
}

/* Where new content for its path has to be staged. */
static int find_stage(struct lc_call *call, size_t *at)
{
	int rc = lc_txn_mount_for(call->txn, call->path, at);

	if (!rc)
		rc = lc_txn_stage_on(call->txn, *at);
	if (rc == -EACCES || rc == -EPERM)
		return lc_call_failed(call, rc,
		                      "no right to stage in the top directory of its file system");
	return rc < 0 ? lc_call_failed(call, rc, NULL) : 0;
}

static int put_logged(struct lc_call *call, const void *buffer, size_t length)
{
	struct lc_identity identity;
	char real[PATH_MAX];
	int rc = lc_txn_log_content(call->txn, &call->node, buffer, length, real, &identity);

	return rc ? lc_call_failed(call, rc, NULL) : lc_call_put(call, real, &identity);
}

static int has_changes(const struct lc_call *call)
{
	const struct lc_change_list *metas = lc_view_metas(call->txn->view, call->path);

	return metas && metas->count > 0;
}

/* What operations before have changed of the old file's metadata is kept too. */
static int keep_changes(const struct lc_call *call, char *real, struct lc_identity *identity)
{
	const struct lc_change_list *metas = lc_view_metas(call->txn->view, call->path);
	struct lc_node node = {.state = LC_NODE_STAGED, .identity = *identity};
	size_t i;
	int rc = 0;

	snprintf(node.real, sizeof node.real, "%s", real);
	for (i = 0; metas && i < metas->count && !rc; i++) {
		rc = lc_txn_stage_meta(call->txn, &node, &metas->items[i], identity);
		node.identity = *identity;
	}
	return rc;
}

/* Its directory gives it more than a mode, which is all that the log holds. */
static int is_born_elsewhere(const struct lc_call *call)
{
	struct commit_txn *txn = call->txn;

	return lc_call_is_absent(&call->node) &&
	       lc_txn_birthplace(txn, call->path, txn->dir) != -ENOENT;
}

static int put(struct commit_txn *txn, const char *path, int fd, int mode_of, const void *buffer,
               size_t length, struct commit_error *err)
{
	struct lc_identity identity;
	char real[PATH_MAX];
	struct lc_call call;
	size_t at;
	int rc = lc_call_begin(&call, txn, "put", path, err);

	if (rc)
		return rc;
	if (lc_call_is_directory(&call.node))
		return lc_call_failed(&call, -EISDIR, NULL);
	if (!lc_call_is_absent(&call.node) && !S_ISREG(call.node.identity.mode) &&
	    !S_ISLNK(call.node.identity.mode))
		return lc_call_failed(&call, -EINVAL, "not a regular file");
	rc = lc_call_spares_patches(&call);
	if (!rc)
		rc = find_stage(&call, &at);
	if (rc)
		return rc;
	if (fd < 0 && !has_changes(&call) && lc_txn_may_log(txn, at, &call.node, length) &&
	    !is_born_elsewhere(&call))
		return put_logged(&call, buffer, length);
	rc = lc_txn_stage_file(txn, at, call.path, &call.node, mode_of, fd, buffer, length, real,
	                       &identity, err);
	if (rc) {
		lc_txn_poison(txn);
		return rc;
	}
	uncount(&call);
	rc = S_ISREG(call.node.identity.mode) ? keep_changes(&call, real, &identity) : 0;
	return rc ? lc_call_failed(&call, rc, NULL) : lc_call_put(&call, real, &identity);
}

int commit_txn_put_bytes(struct commit_txn *txn, const char *path, const void *buffer,
                         size_t length, struct commit_error *err)
{
	return put(txn, path, -1, -1, buffer, length, err);
}

int commit_txn_put_fd(struct commit_txn *txn, const char *path, int fd, int mode_of,
                      struct commit_error *err)
{
	return put(txn, path, fd, mode_of, NULL, 0, err);
}

static int take_away(struct lc_call *call)
{
	char nowhere[] = "";
	int rc = lc_call_spares_patches(call);

	if (rc)
		return rc;
	rc = lc_view_remove(call->txn->view, call->path);
	uncount(call);
	lc_txn_mounts_forget(call->txn);
	return rc ? lc_call_failed(call, rc, NULL)
	          : record(call, LC_OPERATION_REMOVE, nowhere, NULL);
}

int commit_txn_rm(struct commit_txn *txn, const char *path, struct commit_error *err)
{
	struct lc_call call;
	int rc = lc_call_begin(&call, txn, "rm", path, err);

	if (rc)
		return rc;
	if (lc_call_is_absent(&call.node))
		return lc_call_failed(&call, -ENOENT, NULL);
	if (lc_call_is_directory(&call.node))
		return lc_call_failed(&call, -EISDIR, "is a directory (rmdir)");
	return take_away(&call);
}

int commit_txn_rmdir(struct commit_txn *txn, const char *path, struct commit_error *err)
{
	struct lc_call call;
	int rc = lc_call_begin(&call, txn, "rmdir", path, err);

	if (rc)
		return rc;
	if (lc_call_is_absent(&call.node))
		return lc_call_failed(&call, -ENOENT, NULL);
	if (!lc_call_is_directory(&call.node))
		return lc_call_failed(&call, -ENOTDIR, NULL);
	rc = lc_view_has_entries(txn->view, call.path);
	if (rc)
		return lc_call_failed(&call, rc < 0 ? rc : -ENOTEMPTY, NULL);
	return take_away(&call);
}

/* Where nothing is yet: the call, and the stage for what will be there. */
static int begin_new(struct lc_call *call, struct commit_txn *txn, const char *operation,
                     const char *path, size_t *at, struct commit_error *err)
{
	int rc = lc_call_begin(call, txn, operation, path, err);

	if (rc)
		return rc;
	return lc_call_is_absent(&call->node) ? find_stage(call, at)
	                                      : lc_call_failed(call, -EEXIST, NULL);
}

int commit_txn_mkdir(struct commit_txn *txn, const char *path, mode_t mode,
                     struct commit_error *err)
{
	struct lc_identity identity;
	char real[PATH_MAX];
	struct lc_call call;
	size_t at = 0;
	int rc = begin_new(&call, txn, "mkdir", path, &at, err);

	if (rc)
		return rc;
	rc = lc_txn_stage_directory(txn, at, call.path, mode, real, &identity);
	return rc ? lc_call_failed(&call, rc, NULL) : lc_call_put(&call, real, &identity);
}

int commit_txn_symlink(struct commit_txn *txn, const char *target, const char *path,
                       struct commit_error *err)
{
	struct lc_identity identity;
	char real[PATH_MAX];
	struct lc_call call;
	size_t at = 0;
	int rc = begin_new(&call, txn, "symlink", path, &at, err);

	if (rc)
		return rc;
	rc = lc_txn_stage_symlink(txn, at, call.path, target, real, &identity);
	return rc ? lc_call_failed(&call, rc, NULL) : lc_call_put(&call, real, &identity);
}

int commit_txn_link(struct commit_txn *txn, const char *from, const char *to,
                    struct commit_error *err)
{
	struct lc_identity identity;
	char real[PATH_MAX];
	struct lc_call source, call;
	size_t at, from_at;
	int rc = lc_call_begin(&source, txn, "link", from, err);

	if (!rc)
		rc = lc_call_begin(&call, txn, "link", to, err);
	if (rc)
		return rc;
	if (lc_call_is_absent(&source.node))
		return lc_call_failed(&source, -ENOENT, NULL);
	if (lc_call_is_directory(&source.node))
		return lc_call_failed(&source, -EPERM, "a directory has one name");
	if (!lc_call_is_absent(&call.node))
		return lc_call_failed(&call, -EEXIST, NULL);
	rc = find_stage(&call, &at);
	if (rc)
		return rc;
	rc = lc_txn_mount_of(txn, source.node.real, &from_at);
	if (!rc && at != from_at)
		return lc_call_failed(&call, -EXDEV,
		                      "a hard link cannot lead to another file system");
	if (!rc)
		rc = lc_txn_stage_link(txn, at, &source.node, real, &identity);
	rc = rc ? lc_call_failed(&call, rc, NULL) : lc_call_put(&call, real, &identity);
	return rc ? rc : lc_call_share_changes(&source, &call);
}

/* As rename(2) has it. */
static int check_move(struct commit_txn *txn, const struct lc_call *from, const struct lc_call *to)
{
	size_t length = strlen(from->path);
	int rc;

	if (lc_call_is_absent(&from->node))
		return -ENOENT;
	if (strncmp(from->path, to->path, length) == 0 && to->path[length] == '/')
		return -EINVAL;
	if (lc_call_is_absent(&to->node))
		return 0;
	if (lc_call_is_directory(&from->node) != lc_call_is_directory(&to->node))
		return lc_call_is_directory(&to->node) ? -EISDIR : -ENOTDIR;
	if (!lc_call_is_directory(&to->node))
		return 0;
	rc = lc_view_has_entries(txn->view, to->path);
	return rc > 0 ? -ENOTEMPTY : rc;
}

/* 1 if no rename can move it; or a negative errno. */
static int needs_copy(const struct lc_call *from, const struct lc_call *to)
{
	struct commit_txn *txn = from->txn;
	size_t from_at, to_at;
	int rc = lc_txn_mount_of(txn, from->node.real, &from_at);

	if (!rc)
		rc = lc_txn_mount_for(txn, to->path, &to_at);
	if (rc)
		return rc;
	return from_at != to_at ||
	       (from->node.state == LC_NODE_ORIGINAL && lc_call_is_directory(&from->node) &&
	        txn->mounts.items[from_at].traits.layers);
}

int commit_txn_mv(struct commit_txn *txn, const char *from, const char *to,
                  struct commit_error *err)
{
	struct lc_identity seen;
	struct lc_call source, call;
	int rc = lc_call_begin(&source, txn, "mv", from, err);

	if (!rc)
		rc = lc_call_begin(&call, txn, "mv", to, err);
	if (rc)
		return rc;
	rc = check_move(txn, &source, &call);
	if (rc)
		return lc_call_failed(&source, rc,
		                      rc == -EINVAL ? "cannot be moved into itself" : NULL);
	if (strcmp(source.path, call.path) == 0)
		return 0;
	rc = lc_call_spares_patches(&call);
	if (rc)
		return rc;
	rc = needs_copy(&source, &call);
	if (rc < 0)
		return lc_call_failed(&source, rc, NULL);
	/* A copy would not be what is patched. */
	if (rc && lc_view_has_patch(txn->view, source.path))
		return lc_call_failed(&source, -EXDEV, "this transaction patches it in place");
	if (rc) {
		rc = lc_txn_move_copy(txn, source.path, call.path, err);
		if (rc)
			lc_txn_poison(txn);
		return rc;
	}
	lc_txn_mounts_forget(txn);
	rc = lc_view_move(txn->view, source.path, call.path);
	if (!rc)
		rc = lc_view_seen(txn->view, call.path, &seen);
	return rc ? lc_call_failed(&source, rc, NULL)
	          : record(&source, LC_OPERATION_MOVE, call.path, &seen);
}
