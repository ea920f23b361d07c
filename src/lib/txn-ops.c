/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One operation on its way: what it is about, and what it found. */
struct call {
	struct commit_txn *txn;
	const char *operation;
	char path[PATH_MAX];
	struct lc_node node;
	struct commit_error *err;
};

/* A failed operation poisons the transaction; one that makes no sense does not come so far. */
static int failed(struct call *call, int rc, const char *text)
{
	lc_txn_poison(call->txn);
	return lc_txn_fail(call->txn, rc, call->operation, call->path, text, call->err);
}

static const char *explain(int rc)
{
	switch (-rc) {
	case EINVAL:
		return "not a path below the root (no empty, . or .. component)";
	case EXDEV:
		return "a symbolic link on the way leads out of the tree";
	case EPERM:
		return ".commit is out of reach";
	default:
		return NULL;
	}
}

static int is_ours(const char *path)
{
	size_t length = strlen(LC_STORE_NAME);

	return strncmp(path, LC_STORE_NAME, length) == 0 &&
	       (path[length] == '\0' || path[length] == '/');
}

static int resolve(struct commit_txn *txn, const char *path, char canonical[PATH_MAX])
{
	int rc = lc_view_canonical(txn->view, path, canonical);

	return !rc && is_ours(canonical) ? -EPERM : rc;
}

/* Begins an operation: the path made canonical, and what stands there. */
static int begin(struct call *call, struct commit_txn *txn, const char *operation, const char *path,
                 struct commit_error *err)
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
	rc = resolve(txn, path, call->path);
	if (!rc)
		rc = lc_view_look(txn->view, call->path, &call->node);
	return rc ? failed(call, rc, explain(rc)) : 0;
}

static int is_directory(const struct lc_node *node)
{
	return S_ISDIR(node->identity.mode);
}

static int is_absent(const struct lc_node *node)
{
	return node->state == LC_NODE_ABSENT;
}

/* Writes down what was done, and what was on disk at the paths before. */
static int record(struct call *call, enum lc_change_type type, char *place,
                  const struct lc_identity *after)
{
	struct lc_change op = {
	        .type = type, .mode = UINT32_MAX, .uid = UINT32_MAX, .gid = UINT32_MAX};
	int rc;

	op.path = call->path;
	op.place = place;
	if (after)
		op.after = *after;
	rc = lc_view_seen(call->txn->view, call->path, &op.before);
	if (!rc)
		rc = lc_txn_record(call->txn, &op);
	return rc ? failed(call, rc, NULL) : 0;
}

static int put_object(struct call *call, char *real, const struct lc_identity *identity)
{
	int rc = lc_view_put(call->txn->view, call->path, real, identity);

	return rc ? failed(call, rc, NULL) : record(call, LC_OPERATION_PUT, real, identity);
}

static int put(struct commit_txn *txn, const char *path, int fd, int mode_of, const void *buffer,
               size_t length, struct commit_error *err)
{
	struct lc_identity identity;
	char real[PATH_MAX];
	struct call call;
	int rc = begin(&call, txn, "put", path, err);

	if (rc)
		return rc;
	if (is_directory(&call.node))
		return failed(&call, -EISDIR, NULL);
	if (!is_absent(&call.node) && !S_ISREG(call.node.identity.mode) &&
	    !S_ISLNK(call.node.identity.mode))
		return failed(&call, -EINVAL, "not a regular file");
	rc = lc_txn_stage_file(txn, &call.node, mode_of, fd, buffer, length, real, &identity, err);
	if (rc) {
		lc_txn_poison(txn);
		return rc;
	}
	return put_object(&call, real, &identity);
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

static int take_away(struct call *call)
{
	char nowhere[] = "";
	int rc = lc_view_remove(call->txn->view, call->path);

	return rc ? failed(call, rc, NULL) : record(call, LC_OPERATION_REMOVE, nowhere, NULL);
}

int commit_txn_rm(struct commit_txn *txn, const char *path, struct commit_error *err)
{
	struct call call;
	int rc = begin(&call, txn, "rm", path, err);

	if (rc)
		return rc;
	if (is_absent(&call.node))
		return failed(&call, -ENOENT, NULL);
	if (is_directory(&call.node))
		return failed(&call, -EISDIR, "is a directory (rmdir)");
	return take_away(&call);
}

int commit_txn_rmdir(struct commit_txn *txn, const char *path, struct commit_error *err)
{
	struct call call;
	int rc = begin(&call, txn, "rmdir", path, err);

	if (rc)
		return rc;
	if (is_absent(&call.node))
		return failed(&call, -ENOENT, NULL);
	if (!is_directory(&call.node))
		return failed(&call, -ENOTDIR, NULL);
	rc = lc_view_has_entries(txn->view, call.path);
	if (rc)
		return failed(&call, rc < 0 ? rc : -ENOTEMPTY, NULL);
	return take_away(&call);
}

int commit_txn_mkdir(struct commit_txn *txn, const char *path, mode_t mode,
                     struct commit_error *err)
{
	struct lc_identity identity;
	char real[PATH_MAX];
	struct call call;
	int rc = begin(&call, txn, "mkdir", path, err);

	if (rc)
		return rc;
	if (!is_absent(&call.node))
		return failed(&call, -EEXIST, NULL);
	rc = lc_txn_stage_directory(txn, mode, real, &identity);
	return rc ? failed(&call, rc, NULL) : put_object(&call, real, &identity);
}

int commit_txn_symlink(struct commit_txn *txn, const char *target, const char *path,
                       struct commit_error *err)
{
	struct lc_identity identity;
	char real[PATH_MAX];
	struct call call;
	int rc = begin(&call, txn, "symlink", path, err);

	if (rc)
		return rc;
	if (!is_absent(&call.node))
		return failed(&call, -EEXIST, NULL);
	rc = lc_txn_stage_symlink(txn, target, real, &identity);
	return rc ? failed(&call, rc, NULL) : put_object(&call, real, &identity);
}

int commit_txn_link(struct commit_txn *txn, const char *from, const char *to,
                    struct commit_error *err)
{
	struct lc_identity identity;
	char real[PATH_MAX];
	struct call source, call;
	int rc = begin(&source, txn, "link", from, err);

	if (!rc)
		rc = begin(&call, txn, "link", to, err);
	if (rc)
		return rc;
	if (is_absent(&source.node))
		return failed(&source, -ENOENT, NULL);
	if (is_directory(&source.node))
		return failed(&source, -EPERM, "a directory has one name");
	if (!is_absent(&call.node))
		return failed(&call, -EEXIST, NULL);
	rc = lc_txn_stage_link(txn, &source.node, real, &identity);
	return rc ? failed(&call, rc, NULL) : put_object(&call, real, &identity);
}

/* As rename(2) has it. */
static int check_move(struct commit_txn *txn, const struct call *from, const struct call *to)
{
	size_t length = strlen(from->path);
	int rc;

	if (is_absent(&from->node))
		return -ENOENT;
	if (strncmp(from->path, to->path, length) == 0 && to->path[length] == '/')
		return -EINVAL;
	if (is_absent(&to->node))
		return 0;
	if (is_directory(&from->node) != is_directory(&to->node))
		return is_directory(&to->node) ? -EISDIR : -ENOTDIR;
	if (!is_directory(&to->node))
		return 0;
	rc = lc_view_has_entries(txn->view, to->path);
	return rc > 0 ? -ENOTEMPTY : rc;
}

int commit_txn_mv(struct commit_txn *txn, const char *from, const char *to,
                  struct commit_error *err)
{
	struct lc_identity seen;
	struct call source, call;
	int rc = begin(&source, txn, "mv", from, err);

	if (!rc)
		rc = begin(&call, txn, "mv", to, err);
	if (rc)
		return rc;
	rc = check_move(txn, &source, &call);
	if (rc)
		return failed(&source, rc, rc == -EINVAL ? "cannot be moved into itself" : NULL);
	if (strcmp(source.path, call.path) == 0)
		return 0;
	rc = lc_view_move(txn->view, source.path, call.path);
	if (!rc)
		rc = lc_view_seen(txn->view, call.path, &seen);
	return rc ? failed(&source, rc, NULL)
	          : record(&source, LC_OPERATION_MOVE, call.path, &seen);
}

/* Metadata that is wanted; name NULL: no attribute. */
struct wish {
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	const char *name;
	const void *value;
	size_t length;
};

static int make_meta(const struct call *call, const struct wish *wish, struct lc_change *meta)
{
	memset(meta, 0, sizeof *meta);
	meta->type = LC_OPERATION_META;
	meta->mode = wish->mode;
	meta->uid = wish->uid;
	meta->gid = wish->gid;
	meta->path = strdup(call->path);
	meta->place = strdup("");
	meta->attribute = wish->name ? strdup(wish->name) : NULL;
	meta->value = malloc(wish->length + 1);
	meta->value_length = (uint32_t)wish->length;
	if (!meta->path || !meta->place || !meta->value || (wish->name && !meta->attribute)) {
		lc_change_release(meta);
		return -ENOMEM;
	}
	if (wish->length > 0)
		memcpy(meta->value, wish->value, wish->length);
	return 0;
}

/* What only the stage holds is changed there; the rest at publishing. */
static int change_meta(struct call *call, const struct wish *wish)
{
	struct lc_identity identity;
	struct lc_change meta;
	int rc = make_meta(call, wish, &meta);

	if (rc)
		return failed(call, rc, NULL);
	if (call->node.state == LC_NODE_STAGED) {
		rc = lc_txn_stage_meta(call->txn, &call->node, &meta, &identity);
		lc_change_release(&meta);
		return rc ? failed(call, rc, NULL) : put_object(call, call->node.real, &identity);
	}
	rc = lc_txn_record(call->txn, &meta);
	if (rc) {
		lc_change_release(&meta);
		return failed(call, rc, NULL);
	}
	rc = lc_view_meta(call->txn->view, call->path, &meta);
	return rc ? failed(call, rc, NULL) : 0;
}

static int begin_meta(struct call *call, struct commit_txn *txn, const char *operation,
                      const char *path, struct wish *wish, struct commit_error *err)
{
	int rc = begin(call, txn, operation, path, err);

	memset(wish, 0, sizeof *wish);
	wish->mode = wish->uid = wish->gid = UINT32_MAX;
	if (!rc && is_absent(&call->node))
		rc = failed(call, -ENOENT, NULL);
	return rc;
}

int commit_txn_chmod(struct commit_txn *txn, const char *path, mode_t mode,
                     struct commit_error *err)
{
	struct wish wish;
	struct call call;
	int rc = begin_meta(&call, txn, "chmod", path, &wish, err);

	if (rc)
		return rc;
	if (S_ISLNK(call.node.identity.mode))
		return failed(&call, -EOPNOTSUPP, "a symbolic link has no mode of its own");
	wish.mode = mode & 07777;
	return change_meta(&call, &wish);
}

int commit_txn_chown(struct commit_txn *txn, const char *path, uid_t uid, gid_t gid,
                     struct commit_error *err)
{
	struct wish wish;
	struct call call;
	int rc = begin_meta(&call, txn, "chown", path, &wish, err);

	if (rc)
		return rc;
	wish.uid = uid;
	wish.gid = gid;
	return change_meta(&call, &wish);
}

int commit_txn_setxattr(struct commit_txn *txn, const char *path, const char *name,
                        const void *value, size_t length, struct commit_error *err)
{
	struct wish wish;
	struct call call;
	int rc = begin_meta(&call, txn, "setxattr", path, &wish, err);

	if (rc)
		return rc;
	if (S_ISLNK(call.node.identity.mode))
		return failed(&call, -EOPNOTSUPP, "a symbolic link has no such attribute");
	if (!*name || strlen(name) > 255 || length > 65536)
		return failed(&call, -ERANGE, "an attribute's name or value is too long");
	wish.name = name;
	wish.value = value;
	wish.length = length;
	return change_meta(&call, &wish);
}

static enum commit_kind kind_of(const struct lc_node *node)
{
	if (node->state == LC_NODE_ABSENT)
		return COMMIT_KIND_ABSENT;
	switch (node->identity.mode & S_IFMT) {
	case S_IFREG:
		return COMMIT_KIND_FILE;
	case S_IFDIR:
		return COMMIT_KIND_DIRECTORY;
	case S_IFLNK:
		return COMMIT_KIND_SYMLINK;
	default:
		return COMMIT_KIND_OTHER;
	}
}

int commit_txn_look(struct commit_txn *txn, const char *path, enum commit_kind *kind, char *real,
                    size_t size, struct commit_error *err)
{
	char canonical[PATH_MAX];
	struct lc_node node = {.state = LC_NODE_ABSENT};
	int rc = resolve(txn, path, canonical);

	if (!rc)
		rc = lc_view_look(txn->view, canonical, &node);
	/* Nothing below what is not there. */
	if (rc && rc != -ENOENT && rc != -ENOTDIR)
		return lc_txn_fail(txn, rc, "look at", path, explain(rc), err);
	*kind = kind_of(&node);
	if (real)
		snprintf(real, size, "%s", node.real);
	return 0;
}

struct listing {
	int (*found)(void *context, const char *path, enum commit_kind before,
	             const char *real_before, enum commit_kind after, const char *real_after);
	void *context;
};

static int tell_change(void *context, const char *path, const struct lc_node *before,
                       const struct lc_node *after)
{
	const struct listing *listing = context;

	return listing->found(listing->context, path, kind_of(before), before->real, kind_of(after),
	                      after->real);
}

int commit_txn_changes(struct commit_txn *txn,
                       int (*found)(void *context, const char *path, enum commit_kind before,
                                    const char *real_before, enum commit_kind after,
                                    const char *real_after),
                       void *context, struct commit_error *err)
{
	struct listing listing = {found, context};

	(void)err;
	return lc_view_each(txn->view, tell_change, &listing);
}
