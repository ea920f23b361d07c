/* SPDX-License-Identifier: ISC */
/*
 * Ranges of files that are edited in place. Both contents, the new one and what it
 * replaces, are staged as one object; the file is written when the commit is
 * published. The stage outlives every mount namespace, so nothing lies beside the
 * file.
 */
#include "config.h"

#include "txn-patch.h"

#include "beneath.h"
#include "copy.h"
#include "error.h"
#include "sys.h"
#include "txn-call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define OPENING (O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

int lc_txn_patch_open(const struct commit_store *store, const char *real,
                      const struct lc_identity *wanted, struct stat *st)
{
	char caps[1];
	int fd = lc_beneath_open(store->root, real, OPENING);
	int rc = fd < 0 ? fd : lc_sys_fstat_times(fd, st);

	if (!rc && (st->st_ino != wanted->inode || !S_ISREG(st->st_mode)))
		rc = -ESTALE;
	if (!rc && (st->st_mode & (S_ISUID | S_ISGID) ||
	            lc_sys_getxattr(fd, "security.capability", caps, 0) > 0))
		rc = -EPERM;
	if (rc)
		lc_sys_drop(&fd);
	return rc ? rc : fd;
}

const char *lc_txn_patch_why(int rc)
{
	switch (-rc) {
	case EACCES:
		return "no right to write it";
	case EPERM:
		return "it cannot be written, or has set-id bits or capabilities, which a write "
		       "takes away; put it whole";
	default:
		return NULL;
	}
}

static int refuse(const struct lc_call *call, int errnum, const char *text)
{
	lc_txn_poison(call->txn);
	return lc_error_set(call->err, COMMIT_EREFUSED, errnum, call->operation, call->path, text);
}

/* What is asked for of which open file, and what it comes to. */
struct making {
	struct lc_call *call;
	int file;
	struct stat st;
	const struct lc_patch_source *source;
	struct lc_patch patch;
	/* the staged object */
	int object;
	char real[PATH_MAX];
};

static int check_kind(struct lc_call *call)
{
	if (lc_call_is_absent(&call->node))
		return lc_call_failed(call, -ENOENT, NULL);
	if (lc_call_is_directory(&call->node))
		return lc_call_failed(call, -EISDIR, NULL);
	if (!S_ISREG(call->node.identity.mode))
		return lc_call_failed(call, -EINVAL, "not a regular file");
	if (call->node.state == LC_NODE_STAGED)
		return refuse(call, EINVAL,
		              "it is put or linked by this transaction; put the whole content, or "
		              "patch the file by the name that it had");
	return 0;
}

static int open_file(struct making *m)
{
	struct lc_call *call = m->call;

	m->file = lc_txn_patch_open(call->txn->store, call->node.real, &call->node.identity,
	                            &m->st);
	if (m->file == -EPERM)
		return refuse(call, EPERM, lc_txn_patch_why(m->file));
	return m->file < 0 ? lc_call_failed(call, m->file, lc_txn_patch_why(m->file)) : 0;
}

static int make_object(struct making *m)
{
	struct commit_txn *txn = m->call->txn;
	char name[32];
	size_t at;
	int dir, rc = lc_txn_mount_for(txn, m->call->path, &at);

	if (rc)
		return rc;
	dir = lc_txn_next_object(txn, at, name, m->real);
	rc = m->object = dir < 0 ? dir : lc_sys_create(dir, name, O_RDWR, 0600);
	return rc < 0 ? rc : lc_store_share(txn->store, m->object, LC_STORE_GROUP_FILE);
}

static int fill_new(struct making *m, off_t *end)
{
	const struct lc_patch_source *s = m->source;
	int cancel_fd = m->call->txn->store->opt.cancel_fd;

	if (s->buffer)
		return lc_copy_bytes(m->object, end, s->buffer, s->length);
	if (!s->is_part)
		return lc_copy_all(s->fd, m->object, end, cancel_fd);
	return s->length == 0 ? 0
	                      : lc_copy_part(s->fd, (off_t)s->at, (off_t)s->length, m->object, end,
	                                     cancel_fd);
}

/* What the file holds where it will be written, as far as it goes. */
static int fill_old(struct making *m, off_t *end)
{
	struct lc_patch *patch = &m->patch;
	uint64_t size = (uint64_t)m->st.st_size;
	uint64_t there = size > patch->offset ? size - patch->offset : 0;
	uint64_t span = m->source->span > patch->new_length ? m->source->span : patch->new_length;

	patch->old_at = (uint64_t)*end;
	patch->old_length = there < span ? there : span;
	if (patch->old_length == 0)
		return 0;
	return lc_copy_part(m->file, (off_t)patch->offset, (off_t)patch->old_length, m->object, end,
	                    m->call->txn->store->opt.cancel_fd);
}

static int fill(struct making *m)
{
	struct lc_patch *patch = &m->patch;
	struct commit_txn *txn = m->call->txn;
	off_t end = 0;
	int rc = fill_new(m, &end);

	if (rc)
		return rc;
	patch->new_length = (uint64_t)end;
	if (patch->new_length > (uint64_t)INT64_MAX - patch->offset)
		return -EFBIG;
	rc = fill_old(m, &end);
	patch->total = (uint64_t)end;
	if (!rc)
		rc = lc_copy_digest(m->object, 0, end, &patch->digest, txn->store->opt.cancel_fd);
	/* Another process may commit it; and not every syncfs is believed. */
	if (!rc && lc_txn_needs_flush(txn, lc_txn_stage_of(txn, m->real)))
		rc = lc_sys_fsync(m->object);
	return rc;
}

static uint64_t size_after(const struct making *m)
{
	uint64_t end = m->patch.offset + m->patch.new_length, size = (uint64_t)m->st.st_size;

	if (m->source->is_part)
		return m->source->size;
	return end > size ? end : size;
}

/* The operation, as it is written down and as it waits in the view. */
static int make_change(const struct making *m, struct lc_change *c)
{
	memset(c, 0, sizeof *c);
	c->type = LC_OPERATION_PATCH;
	c->mode = c->uid = c->gid = UINT32_MAX;
	lc_identity_of(&m->st, &c->before);
	c->after = c->before;
	c->after.size = size_after(m);
	c->path = strdup(m->call->path);
	c->place = strdup(m->real);
	if (c->path && c->place && lc_change_set_patch(c, &m->patch) == 0)
		return 0;
	lc_change_release(c);
	return -ENOMEM;
}

static int enter(struct making *m)
{
	struct lc_call *call = m->call;
	struct lc_change c;
	int rc = make_change(m, &c);

	if (!rc) {
		rc = lc_txn_record(call->txn, &c);
		if (rc)
			lc_change_release(&c);
	}
	if (!rc)
		rc = lc_view_meta(call->txn->view, call->path, &c);
	if (rc)
		return lc_call_failed(call, rc, NULL);
	call->txn->bytes += m->patch.new_length;
	return 0;
}

static int make(struct making *m)
{
	struct lc_call *call = m->call;
	int rc = make_object(m);

	if (!rc)
		rc = fill(m);
	if (rc)
		return lc_call_failed(call, rc, NULL);
	if (m->patch.new_length == 0 && !m->source->is_part)
		return refuse(call, 0, "no bytes were given");
	if (lc_view_is_patched(call->txn->view, &call->node.identity, m->patch.offset,
	                       lc_patch_span(&m->patch)))
		return refuse(call, EEXIST, "the range overlaps another one of this transaction");
	return enter(m);
}

int lc_txn_patch(struct commit_txn *txn, const char *path, uint64_t offset,
                 const struct lc_patch_source *source, struct commit_error *err)
{
	struct lc_call call;
	struct making m = {.call = &call, .file = -1, .object = -1, .source = source};
	int rc = lc_call_begin(&call, txn, "patch", path, err);

	if (!rc && offset > INT64_MAX)
		rc = lc_call_failed(&call, -EFBIG, NULL);
	if (!rc)
		rc = check_kind(&call);
	m.patch.offset = offset;
	/* It gets smaller: the cut and what is before it reach the disk in any order. */
	m.patch.flags = source->is_part ? LC_PATCH_BACK : 0;
	if (!rc)
		rc = open_file(&m);
	if (!rc)
		rc = make(&m);
	lc_sys_drop(&m.object);
	lc_sys_drop(&m.file);
	return rc;
}

int commit_txn_patch_bytes(struct commit_txn *txn, const char *path, uint64_t offset,
                           const void *buffer, size_t length, struct commit_error *err)
{
	const struct lc_patch_source source = {.fd = -1, .buffer = buffer, .length = length};

	return lc_txn_patch(txn, path, offset, &source, err);
}

int commit_txn_patch_fd(struct commit_txn *txn, const char *path, uint64_t offset, int fd,
                        struct commit_error *err)
{
	const struct lc_patch_source source = {.fd = fd};

	return lc_txn_patch(txn, path, offset, &source, err);
}
