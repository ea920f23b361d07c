/* SPDX-License-Identifier: ISC */
/* triple-stage.c - new copies on their way: staged, flushed, read back, published */
#include "config.h"

#include "triple-internal.h"

#include "bytes.h"
#include "copy.h"
#include "meta.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_ALL (COMMIT_KEEP_MODE | COMMIT_KEEP_OWNER | COMMIT_KEEP_ACL | COMMIT_KEEP_XATTR)
/* Who may read the content may read what proves it. */
#define SIDE_MODE_MASK 0666

void lc_fresh_init(struct lc_fresh *fresh, struct lc_copy *copy)
{
	memset(fresh, 0, sizeof *fresh);
	fresh->copy = copy;
	lc_stage_init(&fresh->content);
	lc_stage_init(&fresh->side);
}

void lc_fresh_release(struct lc_fresh *fresh)
{
	lc_stage_release(&fresh->content);
	lc_stage_release(&fresh->side);
	free(fresh->bytes);
	fresh->bytes = NULL;
}

int lc_fresh_fail(struct lc_fresh *fresh, const char *what, int rc)
{
	if (rc && !fresh->failed) {
		fresh->failed = -rc;
		fresh->failed_at = what;
	}
	return rc;
}

/* Mode and ACL that the kernel gives a new file there. */
static int new_metadata(struct lc_triple *t, struct lc_fresh *fresh,
                        const struct lc_meta_plan *plan, struct commit_error *err)
{
	int probe = lc_stage_probe(&fresh->copy->place, t->opt.create_mode & 0777);
	struct stat st;
	int rc = probe < 0 ? probe : lc_sys_fstat(probe, &st);

	if (!rc)
		rc = lc_meta_apply(probe, &st, 1, fresh->content.fd, plan, fresh->copy->given, err);
	else
		err->errnum = -rc;
	lc_sys_drop(&probe);
	return rc;
}

static int old_metadata(struct lc_fresh *fresh, const struct lc_meta_plan *plan,
                        struct commit_error *err)
{
	struct lc_copy *copy = fresh->copy;
	int fd = lc_sys_open(copy->place.fd, copy->place.name,
	                     O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	int rc;

	if (fd < 0) {
		err->errnum = -fd;
		return fd;
	}
	rc = lc_meta_apply(fd, &copy->st, 0, fresh->content.fd, plan, copy->given, err);
	lc_sys_drop(&fd);
	return rc;
}

int lc_fresh_metadata(struct lc_triple *t, struct lc_fresh *fresh)
{
	struct lc_meta_plan plan = {KEEP_ALL,  07777, 0,           (uid_t)-1,
	                            (gid_t)-1, 0,     t->opt.warn, t->opt.context};
	struct commit_error err = COMMIT_ERROR_INIT;
	int rc = fresh->copy->exists ? old_metadata(fresh, &plan, &err)
	                             : new_metadata(t, fresh, &plan, &err);

	return rc ? lc_fresh_fail(fresh, "give metadata to", err.errnum ? -err.errnum : -EIO) : 0;
}

void lc_fresh_identify(const struct lc_triple *t, struct lc_fresh *fresh, unsigned index,
                       const unsigned char set[LC_TRIPLE_SET_SIZE])
{
	struct lc_triple_sidecar *sidecar = &fresh->sidecar;
	const struct lc_copy *copy = fresh->copy;
	struct lc_digest_stream *stream = lc_digest_new();
	unsigned i;

	sidecar->copy = index;
	memmove(sidecar->set, set, LC_TRIPLE_SET_SIZE);
	sidecar->fs = copy->fs;
	sidecar->before = lc_triple_mtime(&copy->st);
	if (stream) {
		lc_digest_update(stream, copy->place.name, strlen(copy->place.name));
		sidecar->path = lc_digest_value(stream);
		lc_digest_free(stream);
	} else {
		lc_fresh_fail(fresh, "stage the sidecar of", -ENOMEM);
	}
	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		sidecar->paths[i] = t->absolute[i];
		sidecar->path_lengths[i] = (uint32_t)strlen(t->absolute[i]);
	}
}

/* The group that may read the content, or nobody. */
static int side_metadata(struct lc_fresh *fresh)
{
	struct stat st = fresh->copy->st, own;
	int rc = lc_sys_fstat(fresh->side.fd, &own);

	if (!rc && fresh->content.fd >= 0)
		rc = lc_sys_fstat(fresh->content.fd, &st);
	if (rc)
		return rc;
	st.st_mode &= SIDE_MODE_MASK;
	if (own.st_gid != st.st_gid && lc_sys_fchown(fresh->side.fd, (uid_t)-1, st.st_gid) != 0)
		st.st_mode &= ~(mode_t)S_IRWXG;
	if ((own.st_mode & 07777) == st.st_mode)
		return 0;
	/* File systems without modes say so; nothing is lost. */
	rc = lc_sys_fchmod(fresh->side.fd, st.st_mode);
	return rc == -EPERM || rc == -EOPNOTSUPP ? 0 : rc;
}

int lc_fresh_stage_side(struct lc_fresh *fresh)
{
	int rc;

	fresh->size = lc_triple_size(&fresh->sidecar);
	fresh->bytes = malloc(fresh->size);
	if (!fresh->bytes)
		return lc_fresh_fail(fresh, "stage the sidecar of", -ENOMEM);
	lc_triple_encode(&fresh->sidecar, fresh->bytes);
	rc = lc_stage_open_named(&fresh->side, &fresh->copy->place, LC_STAGE_MODE);
	if (!rc)
		rc = lc_copy_bytes(fresh->side.fd, &fresh->side.end, fresh->bytes, fresh->size);
	if (!rc)
		rc = side_metadata(fresh);
	if (!rc)
		lc_sys_start_flush(fresh->side.fd);
	return lc_fresh_fail(fresh, "stage the sidecar of", rc);
}

/* Flushes that go side by side, and the copies that they are for. */
struct flushes {
	struct lc_sys_flush jobs[LC_SYS_FLUSH_MAX];
	struct lc_fresh *of[LC_SYS_FLUSH_MAX];
	unsigned count;
};

static void add_flush(struct flushes *flushes, struct lc_fresh *fresh, int fd)
{
	if (fresh->failed || fd < 0)
		return;
	flushes->jobs[flushes->count].fd = fd;
	flushes->of[flushes->count++] = fresh;
}

static void note_flushes(struct lc_triple *t, const struct flushes *flushes, const char *what)
{
	unsigned i;

	t->flushes += flushes->count;
	for (i = 0; i < flushes->count; i++)
		lc_fresh_fail(flushes->of[i], what, flushes->jobs[i].rc);
}

/* Also collects what some file systems tell at close only, and looks at the sizes. */
void lc_fresh_flush(struct lc_triple *t, struct lc_fresh *fresh, unsigned count)
{
	struct flushes flushes = {.count = 0};
	unsigned i;

	for (i = 0; i < count; i++) {
		add_flush(&flushes, &fresh[i], fresh[i].side_only ? -1 : fresh[i].content.fd);
		add_flush(&flushes, &fresh[i], fresh[i].side.fd);
	}
	lc_sys_flush_side(flushes.jobs, flushes.count);
	note_flushes(t, &flushes, "flush");
	for (i = 0; i < count; i++) {
		if (!fresh[i].failed && !fresh[i].side_only)
			lc_fresh_fail(&fresh[i], "flush", lc_stage_flush(&fresh[i].content, 0));
		if (!fresh[i].failed && fresh[i].side.fd >= 0)
			lc_fresh_fail(&fresh[i], "flush", lc_stage_flush(&fresh[i].side, 0));
	}
}

/* --- reading back --- */

struct proof {
	const struct lc_triple_sidecar *sidecar;
	int differs;
};

static int prove_block(void *context, uint64_t index, const struct lc_digest *content)
{
	struct proof *proof = context;
	const struct lc_triple_entry *now = &proof->sidecar->now;

	if (!content || lc_triple_block_digest(proof->sidecar->set, now->written, index, content) !=
	                        lc_get_le64(now->table + index * LC_TRIPLE_DIGEST))
		proof->differs = 1;
	return 0;
}

static int reread_content(struct lc_triple *t, const struct lc_fresh *fresh)
{
	const struct lc_triple_entry *now = &fresh->sidecar.now;
	struct proof proof = {&fresh->sidecar, 0};
	struct lc_uncached reader;
	struct lc_triple_scan scan = {t, &reader, now->length, now->block, prove_block, &proof};
	int rc;

	lc_uncached_init(&reader);
	rc = lc_uncached_open(&reader, fresh->content.holder, fresh->content.name);
	if (!rc)
		rc = lc_triple_scan_blocks(&scan);
	lc_uncached_close(&reader);
	return !rc && proof.differs ? -EIO : rc;
}

static int reread_side(const struct lc_fresh *fresh)
{
	struct lc_uncached reader;
	size_t at = 0, want;
	ssize_t got;
	int rc;

	lc_uncached_init(&reader);
	rc = lc_uncached_open(&reader, fresh->side.holder, fresh->side.name);
	while (!rc && at < fresh->size) {
		want = fresh->size - at < LC_UNCACHED_SIZE ? fresh->size - at : LC_UNCACHED_SIZE;
		got = lc_uncached_read(&reader, at, want);
		if (got < 0)
			rc = (int)got;
		else if ((size_t)got < want || memcmp(reader.bytes, fresh->bytes + at, want) != 0)
			rc = -EIO;
		at += want;
	}
	lc_uncached_close(&reader);
	return rc;
}

void lc_fresh_reread(struct lc_triple *t, struct lc_fresh *fresh, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		if (!fresh[i].failed && !fresh[i].side_only)
			lc_fresh_fail(&fresh[i], "read back", reread_content(t, &fresh[i]));
		if (!fresh[i].failed && fresh[i].side.fd >= 0)
			lc_fresh_fail(&fresh[i], "read back the sidecar of",
			              reread_side(&fresh[i]));
	}
}

/* --- publishing --- */

static int no_flush_here(int rc)
{
	return rc == -EINVAL || rc == -EOPNOTSUPP;
}

/* A directory that can be searched only is flushed with its whole file system. */
static int flush_directory(struct lc_triple *t, const struct lc_fresh *fresh, int member)
{
	int rc = lc_dir_flush(&fresh->copy->place, member);

	t->flushes++;
	return no_flush_here(rc) ? 0 : rc;
}

void lc_fresh_publish_sides(struct lc_triple *t, struct lc_fresh *fresh, unsigned count)
{
	struct flushes flushes = {.count = 0};
	unsigned i;

	for (i = 0; i < count; i++)
		if (!fresh[i].failed)
			lc_fresh_fail(&fresh[i], "rename the sidecar of",
			              lc_stage_replace(&fresh[i].side, fresh[i].copy->side_name));
	for (i = 0; i < count; i++)
		add_flush(&flushes, &fresh[i],
		          fresh[i].copy->place.readable ? fresh[i].copy->place.fd : -1);
	lc_sys_flush_side(flushes.jobs, flushes.count);
	note_flushes(t, &flushes, "flush the directory of");
	for (i = 0; i < count; i++) {
		if (no_flush_here(-fresh[i].failed) && fresh[i].failed_at &&
		    strcmp(fresh[i].failed_at, "flush the directory of") == 0)
			fresh[i].failed = 0;
		if (!fresh[i].failed && !fresh[i].copy->place.readable)
			lc_fresh_fail(&fresh[i], "flush the directory of",
			              flush_directory(t, &fresh[i], fresh[i].side.fd));
		fresh[i].published = fresh[i].side_only && !fresh[i].failed;
	}
}

int lc_fresh_publish(struct lc_triple *t, struct lc_fresh *fresh)
{
	int rc;

	fresh->touched = 1;
	rc = lc_stage_replace(&fresh->content, fresh->copy->place.name);
	if (rc) {
		/* A rename that failed has changed nothing. */
		fresh->touched = 0;
		return lc_fresh_fail(fresh, "rename", rc);
	}
	rc = flush_directory(t, fresh, fresh->content.fd);
	fresh->published = !rc;
	return lc_fresh_fail(fresh, "flush the directory of", rc);
}

/* --- a table for new content --- */

struct making {
	const unsigned char *set;
	uint64_t written;
	unsigned char *table;
	int unread;
};

static int make_block(void *context, uint64_t index, const struct lc_digest *content)
{
	struct making *making = context;

	if (!content) {
		making->unread = 1;
		return -EIO;
	}
	lc_put_le64(making->table + index * LC_TRIPLE_DIGEST,
	            lc_triple_block_digest(making->set, making->written, index, content));
	return 0;
}

int lc_fresh_table(struct lc_triple *t, int dirfd, const char *name, int cached,
                   const unsigned char set[LC_TRIPLE_SET_SIZE], struct lc_triple_entry *entry,
                   unsigned char **table)
{
	struct making making = {set, entry->written, NULL, 0};
	struct lc_uncached reader;
	struct lc_triple_scan scan = {t, &reader, entry->length, 0, make_block, &making};
	int rc;

	lc_triple_cut(entry->length, t->opt.block_size, &entry->block, &entry->blocks);
	if (entry->blocks > LC_TRIPLE_BLOCKS_MAX)
		return -EFBIG;
	scan.block = entry->block;
	making.table = malloc((size_t)entry->blocks * LC_TRIPLE_DIGEST + 1);
	if (!making.table)
		return -ENOMEM;
	lc_uncached_init(&reader);
	rc = cached ? lc_uncached_open_cached(&reader, dirfd, name)
	            : lc_uncached_open(&reader, dirfd, name);
	if (!rc)
		rc = lc_triple_scan_blocks(&scan);
	lc_uncached_close(&reader);
	if (rc) {
		free(making.table);
		return rc;
	}
	*table = making.table;
	entry->table = making.table;
	entry->root = lc_triple_root(set, entry);
	return 0;
}
