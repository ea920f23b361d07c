/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "recover-internal.h"

#include "error.h"
#include "inplace.h"
#include "store.h"
#include "sys.h"
#include "triple.h"
#include "txn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A look at cancel_fd costs more than an entry does. */
#define ENTRIES_PER_LOOK 256

void commit_recover_options_init(struct commit_recover_options *opt)
{
	memset(opt, 0, sizeof *opt);
	opt->size = sizeof *opt;
	opt->cancel_fd = -1;
}

static void scan_directory(struct lc_scan *scan, struct lc_place *dir);

static void descend(struct lc_scan *scan, const struct lc_place *parent, const char *name)
{
	struct lc_place dir = {.fd = -1};
	struct stat st;
	int rc;

	rc = dir.fd = lc_sys_open(parent->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP)
		return;
	dir.path = lc_recover_join(parent->path, name);
	if (rc >= 0)
		rc = dir.path ? lc_sys_fstat(dir.fd, &st) : -ENOMEM;
	if (rc < 0)
		lc_recover_warn(scan, rc, "read directory", dir.path ? dir.path : parent->path);
	dir.readable = 1;
	dir.inode = rc == 0 ? st.st_ino : 0;
	if (rc == 0 && (!(scan->opt->flags & COMMIT_RECOVER_ONE_FS) || st.st_dev == scan->device))
		scan_directory(scan, &dir);
	lc_dir_release(&dir);
}

/* d_type saves a stat per file where the file system fills it in. */
static int is_directory(const struct lc_place *dir, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return lc_sys_lstat(dir->fd, entry->d_name, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Who asks about transactions is not told of anything else. */
static int stores_only(const struct lc_scan *scan)
{
	return scan->opt->resolve || (scan->opt->flags & COMMIT_RECOVER_LIST);
}

static void scan_entry(struct lc_scan *scan, const struct lc_place *dir, const struct dirent *entry)
{
	struct lc_name parsed;

	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
		return;
	scan->totals.scanned++;
	lc_name_parse(entry->d_name, &parsed);
	if (strcmp(entry->d_name, LC_STORE_NAME) == 0)
		lc_recover_store(scan, dir->path);
	else if (lc_stage_name(entry->d_name) && !stores_only(scan))
		lc_recover_orphan(scan, dir, entry->d_name);
	else if (parsed.kind != LC_NAME_NONE && !stores_only(scan))
		lc_recover_handle(scan, dir, entry->d_name, &parsed);
	else if (lc_triple_is_side_name(entry->d_name) && !stores_only(scan))
		lc_recover_triple(scan, dir, entry->d_name);
	else if ((scan->opt->flags & COMMIT_RECOVER_TREE) && is_directory(dir, entry))
		descend(scan, dir, entry->d_name);
}

static int is_cancelled(struct lc_scan *scan, const struct lc_place *dir)
{
	if (!scan->cancelled && scan->opt->cancel_fd >= 0 &&
	    scan->totals.scanned % ENTRIES_PER_LOOK == 0 &&
	    lc_sys_wait(-1, scan->opt->cancel_fd, 0) == -ECANCELED) {
		lc_recover_complain(scan, COMMIT_ECANCELED, ECANCELED, "scan", dir->path, NULL);
		scan->cancelled = 1;
	}
	return scan->cancelled;
}

static void scan_directory(struct lc_scan *scan, struct lc_place *dir)
{
	int copy = lc_sys_open(dir->fd, ".", O_RDONLY | O_DIRECTORY);
	DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *entry;

	if (!stream) {
		lc_recover_warn(scan, copy < 0 ? copy : -ENOMEM, "read directory", dir->path);
		lc_sys_drop(&copy);
		return;
	}
	lc_sys_forget(copy);
	for (;;) {
		errno = 0;
		entry = readdir(stream);
		if (!entry)
			break;
		if (is_cancelled(scan, dir))
			break;
		if (scan->opt->progress && scan->totals.scanned % ENTRIES_PER_LOOK == 0)
			scan->opt->progress(scan->opt->context, scan->totals.scanned);
		scan_entry(scan, dir, entry);
	}
	if (!scan->cancelled && errno)
		lc_recover_warn(scan, -errno, "read directory", dir->path);
	closedir(stream);
}

/* What a finding of ours is called, or what edits of the file are called. */
static int handle_file(struct lc_scan *scan, const struct lc_place *dir)
{
	char name[LC_NAME_SIZE];
	struct lc_name parsed;
	int rc;

	/* The path of a finding stands for itself. */
	lc_name_parse(dir->name, &parsed);
	if (parsed.kind != LC_NAME_NONE) {
		lc_recover_handle(scan, dir, dir->name, &parsed);
		return 0;
	}
	rc = lc_name_make_in_place(dir->inode, dir->name, name);
	if (rc)
		return rc;
	lc_name_parse(name, &parsed);
	lc_recover_handle(scan, dir, name, &parsed);
	rc = lc_name_make_range(dir->inode, dir->name, name);
	if (rc)
		return rc;
	lc_name_parse(name, &parsed);
	lc_recover_handle(scan, dir, name, &parsed);
	return 0;
}

/* A file: what an interrupted edit of it has left beside it. */
static void scan_file(struct lc_scan *scan, const char *path)
{
	struct lc_place dir;
	struct commit_error err;
	struct stat st;
	uint64_t before = scan->totals.found;
	int rc = lc_dir_resolve(path, COMMIT_SYMLINK_FOLLOW, &dir, &err);
	char *slash;

	if (rc) {
		lc_recover_complain(scan, COMMIT_EFAILED, err.errnum, err.operation, path,
		                    err.text);
		return;
	}
	/* From here on the place stands for the directory, not for the file. */
	slash = strrchr(dir.path, '/');
	strcpy(slash ? slash + (slash == dir.path) : dir.path, slash ? "" : ".");
	rc = handle_file(scan, &dir);
	if (rc)
		lc_recover_warn(scan, rc, "look at", path);
	if (scan->totals.found == before && lc_sys_lstat(dir.fd, dir.name, &st) == -ENOENT)
		lc_recover_complain(scan, COMMIT_EFAILED, ENOENT, "look at", path, NULL);
	lc_dir_release(&dir);
}

/* The journals of edits at or below path that could not live beside their file. */
static void scan_registry(struct lc_scan *scan, const char *path)
{
	unsigned flags = scan->opt->flags;
	struct commit_recover_options flat = *scan->opt;
	const struct commit_recover_options *opt = scan->opt;
	struct lc_place registry;
	char *absolute;

	int rc = lc_inplace_registry(scan->opt->journal_dir, 0, &registry);

	/* One that nobody has named need not be there, or be ours to read. */
	if (rc && rc != -ENOENT && (rc != -EACCES || scan->opt->journal_dir))
		lc_recover_warn(scan, rc, "read the journal directory for", path);
	if (rc)
		return;
	absolute = realpath(path, NULL);
	flat.flags = flags & ~COMMIT_RECOVER_TREE;
	scan->only = absolute;
	scan->opt = &flat;
	if (absolute)
		scan_directory(scan, &registry);
	scan->opt = opt;
	scan->only = NULL;
	free(absolute);
	lc_dir_release(&registry);
}

static void scan_path(struct lc_scan *scan, const char *path)
{
	struct lc_place dir = {.fd = -1};
	struct stat st;
	int rc;

	rc = dir.fd = lc_sys_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
	if (rc == -ENOTDIR || rc == -ENOENT) {
		scan_file(scan, path);
		return;
	}
	if (rc >= 0)
		rc = lc_sys_fstat(dir.fd, &st);
	dir.path = strdup(path);
	if (rc < 0 || !dir.path) {
		lc_recover_complain(scan, COMMIT_EFAILED, rc < 0 ? -rc : ENOMEM, "open", path,
		                    NULL);
	} else {
		dir.readable = 1;
		dir.inode = st.st_ino;
		scan->device = st.st_dev;
		scan_directory(scan, &dir);
	}
	lc_dir_release(&dir);
}

static void add_totals(struct commit_recover_totals *to, const struct commit_recover_totals *from)
{
	to->scanned += from->scanned;
	to->found += from->found;
	to->repaired += from->repaired;
	to->failed += from->failed;
	to->conflicts += from->conflicts;
	to->leaks += from->leaks;
	to->disasters += from->disasters;
}

int commit_recover_scan(const char *path, const struct commit_recover_options *opt,
                        struct commit_recover_totals *totals, struct commit_error *err)
{
	struct commit_recover_options defaults;
	struct lc_scan scan = {.err = err, .code = COMMIT_OK};

	if (!opt) {
		commit_recover_options_init(&defaults);
		opt = &defaults;
	}
	if (opt->size != sizeof *opt)
		return lc_error_set(err, COMMIT_EUSAGE, EINVAL, "scan", path,
		                    "options were not set up by commit_recover_options_init");
	if (opt->resolve && !lc_txn_number(opt->resolve))
		return lc_error_set(err, COMMIT_EUSAGE, EINVAL, "resolve", opt->resolve,
		                    "not a transaction id");
	scan.opt = opt;
	scan_path(&scan, path);
	if (!scan.cancelled && !stores_only(&scan))
		scan_registry(&scan, path);
	if (totals)
		add_totals(totals, &scan.totals);
	free(scan.triples);
	return scan.code;
}
