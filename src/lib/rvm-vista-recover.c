/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "rvm-vista.h"

#include "copy.h"
#include "name.h"
#include "sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct rollback {
	struct commit_rvm *rvm;
	struct lc_rvm_files files;
	/* look whether it can be done, touch nothing */
	int look_only;
};

/* From the first to the last: every record is whole, they fill the log, and their files are there.
 */
static int look(struct rollback *r, struct lc_undo *undo)
{
	struct lc_undo_record record;
	uint64_t at = 0;
	int rc = 0;

	while (!rc && at < undo->end) {
		rc = lc_undo_get(undo, at, &record);
		if (!rc && record.previous != undo->last)
			rc = -EBADMSG;
		if (!rc)
			rc = lc_vista_read_segment(&r->files, r->rvm->dirfd, record.segment);
		undo->last = at;
		at += lc_undo_size(record.length);
	}
	return rc;
}

/* From the last to the first. */
static int put_back(struct rollback *r, const struct lc_undo *undo)
{
	struct lc_undo_record record;
	struct lc_rvm_file *file;
	uint64_t at = undo->last, left = undo->end;
	off_t offset;
	int rc = 0;

	while (!rc && left > 0) {
		rc = lc_undo_get(undo, at, &record);
		file = rc ? NULL : lc_rvm_files_find(&r->files, record.segment);
		if (!file)
			return rc ? rc : -EBADMSG;
		offset = (off_t)record.offset;
		file->touched = 1;
		rc = lc_copy_bytes(file->fd, &offset, record.old, record.length);
		left = at;
		at = record.previous;
	}
	return rc;
}

static int visit(void *context, uint32_t number)
{
	struct rollback *r = context;
	struct lc_undo undo;
	size_t size;
	int rc = lc_vista_open_undo(r->rvm->dirfd, number, &undo, &size);

	if (rc)
		return rc;
	rc = look(r, &undo);
	if (!rc && !r->look_only)
		rc = put_back(r, &undo);
	lc_sys_unmap(undo.bytes, size);
	return rc;
}

/* All logs are looked at before the first segment is touched. */
static int roll_back(struct commit_rvm *rvm, const char **why, char path[PATH_MAX])
{
	struct rollback r = {.rvm = rvm, .files = {.rvm = rvm}, .look_only = 1};
	int rc = lc_vista_each(rvm->dirfd, visit, &r);

	r.look_only = 0;
	if (!rc)
		rc = lc_vista_each(rvm->dirfd, visit, &r);
	if (!rc)
		rc = lc_rvm_files_flush(&r.files);
	*why = r.files.why;
	if (r.files.path)
		strcpy(path, r.files.path);
	lc_rvm_files_release(&r.files);
	return rc;
}

/* The page cache that held what was not on the device is gone with its boot. */
static int has_survived(const struct commit_rvm *rvm)
{
	uint32_t boot;
	int rc = lc_vista_was_volatile(rvm->dirfd, &boot);

	if (rc <= 0 || rvm->opt.accept_restart)
		return rc < 0 ? rc : 0;
	return boot != 0 && boot == lc_name_boot() ? 0 : -ENOTRECOVERABLE;
}

int lc_vista_start(struct commit_rvm *rvm, const char **why, char path[PATH_MAX])
{
	static _Atomic uint64_t serials;
	int rc = lc_vista_is(rvm->dirfd);

	*why = NULL;
	if (!rc)
		rc = has_survived(rvm);
	if (!rc)
		rc = roll_back(rvm, why, path);
	if (!rc)
		rc = lc_vista_sweep(rvm->dirfd);
	if (rc)
		return rc;
	rvm->vista = calloc(1, sizeof *rvm->vista);
	if (!rvm->vista)
		return -ENOMEM;
	rvm->vista->serial = ++serials;
	return 0;
}
