/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-patch.h"

#include <errno.h>
#include <string.h>

const char *lc_txn_explain(int rc)
{
	switch (-rc) {
	case EINVAL:
		return "not a path below the root (no empty, . or .. component)";
	case EXDEV:
		return "a symbolic link on the way leads out of the tree";
	case EPERM:
		return ".commit, and .commit-stage- with what is behind it, are out of reach";
	default:
		return NULL;
	}
}

/* The store, and wherever else a component is the name of a stage. */
static int is_ours(const char *path)
{
	size_t length = strlen(LC_STORE_NAME);
	const char *stage;

	if (strncmp(path, LC_STORE_NAME, length) == 0 &&
	    (path[length] == '\0' || path[length] == '/'))
		return 1;
	for (stage = strstr(path, LC_STAGE_PREFIX); stage;
	     stage = strstr(stage + 1, LC_STAGE_PREFIX))
		if (stage == path || stage[-1] == '/')
			return 1;
	return 0;
}

int lc_txn_canonical(struct commit_txn *txn, const char *path, char canonical[PATH_MAX])
{
	int rc = lc_view_canonical(txn->view, path, canonical);

	return !rc && is_ours(canonical) ? -EPERM : rc;
}

int lc_txn_is_waiting(const struct lc_node *node)
{
	return node->state == LC_NODE_STAGED && node->identity.inode == 0;
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
	int rc = lc_txn_canonical(txn, path, canonical);

	if (!rc)
		rc = lc_view_look(txn->view, canonical, &node);
	if (!rc && real && lc_txn_is_waiting(&node)) {
		rc = lc_txn_stage_contents(txn, err);
		if (rc)
			return rc;
	}
	if (!rc && real) {
		rc = lc_txn_show(txn, canonical, &node, err);
		if (rc)
			return rc;
	}
	/* Nothing below what is not there. */
	if (rc && rc != -ENOENT && rc != -ENOTDIR)
		return lc_txn_fail(txn, rc, "look at", path, lc_txn_explain(rc), err);
	*kind = kind_of(&node);
	if (real)
		lc_store_where(txn->store, node.real, real, size);
	return 0;
}

struct listing {
	const struct commit_store *store;
	int (*found)(void *context, const char *path, enum commit_kind before,
	             const char *real_before, enum commit_kind after, const char *real_after);
	void *context;
};

static int tell_change(void *context, const char *path, const struct lc_node *before,
                       const struct lc_node *after)
{
	const struct listing *listing = context;
	char old[PATH_MAX], new[PATH_MAX];

	lc_store_where(listing->store, before->real, old, sizeof old);
	lc_store_where(listing->store, after->real, new, sizeof new);
	return listing->found(listing->context, path, kind_of(before), old, kind_of(after), new);
}

int commit_txn_changes(struct commit_txn *txn,
                       int (*found)(void *context, const char *path, enum commit_kind before,
                                    const char *real_before, enum commit_kind after,
                                    const char *real_after),
                       void *context, struct commit_error *err)
{
	struct listing listing = {txn->store, found, context};
	int rc = lc_txn_stage_contents(txn, err);

	return rc ? rc : lc_view_each(txn->view, tell_change, &listing);
}
