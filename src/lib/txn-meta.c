/* SPDX-License-Identifier: ISC */
/* Operations that change metadata. */
#include "config.h"

#include "txn-call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Metadata that is wanted; name NULL: no attribute. */
struct wish {
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	const char *name;
	const void *value;
	size_t length;
};

static int make_meta(const struct lc_call *call, const struct wish *wish, struct lc_change *meta)
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

/* To be done to the file, by whichever name it has then. */
int lc_call_share_changes(const struct lc_call *source, struct lc_call *call)
{
	const struct lc_change_list *metas = lc_view_metas(call->txn->view, source->path);
	size_t i;
	int rc = 0;

	for (i = 0; metas && i < metas->count && !rc; i++) {
		const struct lc_change *m = &metas->items[i];
		const struct wish wish = {m->mode,      m->uid,   m->gid,
		                          m->attribute, m->value, m->value_length};
		struct lc_change copy;

		/* The old name stays, and the file is edited once. */
		if (lc_change_is_patch(m))
			continue;
		rc = make_meta(call, &wish, &copy);
		if (rc)
			return lc_call_failed(call, rc, NULL);
		rc = lc_txn_record(call->txn, &copy);
		if (!rc)
			rc = lc_view_meta(call->txn->view, call->path, &copy);
		else
			lc_change_release(&copy);
	}
	return rc ? lc_call_failed(call, rc, NULL) : 0;
}

/* A mode with which a new directory could not be filled any more when it is published. */
static int locks_out(const struct lc_call *call, const struct wish *wish)
{
	return lc_call_is_directory(&call->node) && wish->mode != UINT32_MAX &&
	       (wish->mode & S_IRWXU) != S_IRWXU;
}

/* What waits for publishing would overrule what is done before it. */
static int has_waiting(const struct lc_call *call)
{
	const struct lc_change_list *metas = lc_view_metas(call->txn->view, call->path);

	return metas && metas->count > 0;
}

/*
 * What only the stage holds is changed there; the rest at publishing. A link in
 * the stage is a name of a file that others see.
 */
static int change_meta(struct lc_call *call, const struct wish *wish)
{
	struct lc_identity identity;
	struct lc_change meta;
	size_t at;
	int rc = lc_txn_mount_for(call->txn, call->path, &at);

	lc_txn_birth_forget(call->txn);
	if (!rc)
		rc = make_meta(call, wish, &meta);
	if (rc)
		return lc_call_failed(call, rc, NULL);
	if (call->node.state == LC_NODE_STAGED && !has_waiting(call) && !locks_out(call, wish)) {
		rc = lc_txn_stage_meta(call->txn, &call->node, &meta, &identity);
		if (rc != -EMLINK) {
			lc_change_release(&meta);
			return rc ? lc_call_failed(call, rc, NULL)
			          : lc_call_put(call, call->node.real, &identity);
		}
	}
	rc = lc_txn_prove_meta(call->txn, at, &call->node, &meta);
	if (!rc)
		rc = lc_txn_record(call->txn, &meta);
	if (rc) {
		lc_change_release(&meta);
		return lc_call_failed(call, rc, NULL);
	}
	rc = lc_view_meta(call->txn->view, call->path, &meta);
	return rc ? lc_call_failed(call, rc, NULL) : 0;
}

static int begin_meta(struct lc_call *call, struct commit_txn *txn, const char *operation,
                      const char *path, struct wish *wish, struct commit_error *err)
{
	int rc = lc_call_begin(call, txn, operation, path, err);

	memset(wish, 0, sizeof *wish);
	wish->mode = wish->uid = wish->gid = UINT32_MAX;
	if (!rc && lc_call_is_absent(&call->node))
		rc = lc_call_failed(call, -ENOENT, NULL);
	return rc;
}

int commit_txn_chmod(struct commit_txn *txn, const char *path, mode_t mode,
                     struct commit_error *err)
{
	struct wish wish;
	struct lc_call call;
	int rc = begin_meta(&call, txn, "chmod", path, &wish, err);

	if (rc)
		return rc;
	if (S_ISLNK(call.node.identity.mode))
		return lc_call_failed(&call, -EOPNOTSUPP, "a symbolic link has no mode of its own");
	wish.mode = mode & 07777;
	return change_meta(&call, &wish);
}

int commit_txn_chown(struct commit_txn *txn, const char *path, uid_t uid, gid_t gid,
                     struct commit_error *err)
{
	struct wish wish;
	struct lc_call call;
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
	struct lc_call call;
	int rc = begin_meta(&call, txn, "setxattr", path, &wish, err);

	if (rc)
		return rc;
	if (S_ISLNK(call.node.identity.mode))
		return lc_call_failed(&call, -EOPNOTSUPP, "a symbolic link has no such attribute");
	if (!*name || strlen(name) > 255 || length > 65536)
		return lc_call_failed(&call, -ERANGE, "an attribute's name or value is too long");
	wish.name = name;
	wish.value = value;
	wish.length = length;
	return change_meta(&call, &wish);
}
