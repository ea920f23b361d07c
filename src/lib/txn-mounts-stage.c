/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "copy.h"
#include "record.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A list of mounts is a stranger's too. */
#define LIST_MAX ((size_t)1 << 20)

static int write_home(const struct commit_txn *txn, int stage)
{
	char text[LC_STAGE_HOME_SIZE];
	off_t at = 0;
	int rc = lc_stage_home(stage, txn->store->home, text);
	int fd = rc ? rc : lc_sys_create(stage, "home", O_WRONLY, 0600);

	if (fd == -EEXIST)
		return 0;
	if (fd < 0)
		return fd;
	rc = lc_copy_bytes(fd, &at, text, strlen(text));
	lc_sys_drop(&fd);
	return rc;
}

/* The same mount is no proof that a rename works; one that has worked is. */
static int probe(const struct commit_txn *txn, int stage, int top)
{
	char beside[LC_STAGE_NAME_SIZE];
	int fd = lc_sys_create(stage, "probe", O_WRONLY, 0600);
	int rc = fd == -EEXIST ? 0 : fd;

	lc_sys_drop(&fd);
	if (rc < 0)
		return rc;
	snprintf(beside, sizeof beside, LC_STAGE_PREFIX "%s" LC_PROBE_SUFFIX, txn->id);
	rc = lc_sys_rename(stage, "probe", top, beside);
	return rc ? rc : lc_sys_unlink(top, beside);
}

static int open_stage(int top, const char *name)
{
	int fd = lc_sys_open(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	struct stat st;
	int rc = fd < 0 ? fd : lc_sys_fstat(fd, &st);

	if (!rc && (st.st_uid != geteuid() || (st.st_mode & 077)))
		rc = -EPERM;
	if (rc)
		lc_sys_drop(&fd);
	return rc ? rc : fd;
}

/* The list knows of it before it is there: a process that dies leaves nothing unknown. */
static int write_down(struct commit_txn *txn, size_t at)
{
	struct lc_change record;
	int fd = lc_sys_open(txn->dir, "mounts", O_RDWR | O_NOFOLLOW);
	off_t end;
	int rc;

	if (fd == -ENOENT)
		fd = lc_sys_create(txn->dir, "mounts", O_RDWR, 0600);
	if (fd < 0)
		return fd;
	end = lc_sys_lseek(fd, 0, SEEK_END);
	rc = end < 0 ? (int)end
	             : lc_mount_describe(&txn->mounts.items[at], txn->stages[at].path, &record);
	if (!rc) {
		rc = lc_txn_append(txn, fd, &end, &record);
		lc_change_release(&record);
	}
	if (!rc)
		rc = lc_sys_fsync(fd);
	if (!rc)
		rc = lc_sys_fsync(txn->dir);
	if (!rc)
		rc = lc_sys_fsync(txn->store->stage);
	lc_sys_drop(&fd);
	return rc;
}

static char *stage_path(const struct commit_txn *txn, const char *top)
{
	size_t size = strlen(top) + LC_STAGE_NAME_SIZE + 1;
	char *path = malloc(size);

	if (path)
		snprintf(path, size, "%s%s" LC_STAGE_PREFIX "%s", top, *top ? "/" : "", txn->id);
	return path;
}

int lc_txn_stage_make(struct commit_txn *txn, size_t at)
{
	struct lc_txn_stage *stage = &txn->stages[at];
	int top = txn->mounts.items[at].fd;
	char name[LC_STAGE_NAME_SIZE];
	int rc = 0;

	snprintf(name, sizeof name, LC_STAGE_PREFIX "%s", txn->id);
	if (!stage->path) {
		stage->path = stage_path(txn, txn->mounts.items[at].top);
		rc = stage->path ? write_down(txn, at) : -ENOMEM;
	}
	if (!rc)
		rc = lc_sys_mkdir(top, name, 0700);
	if (rc && rc != -EEXIST)
		return rc;
	rc = stage->dir = open_stage(top, name);
	if (rc >= 0)
		rc = write_home(txn, stage->dir);
	if (!rc)
		rc = probe(txn, stage->dir, top);
	if (rc)
		lc_sys_drop(&stage->dir);
	return rc;
}

/* Calls found for each record of the list; a torn one at its end was never used. */
static int each_stage(int dir, uint64_t number,
                      int (*found)(void *context, const struct lc_change *record), void *context)
{
	int fd = lc_sys_open(dir, "mounts", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	unsigned char *bytes = fd >= 0 ? malloc(LIST_MAX) : NULL;
	struct lc_record record;
	struct lc_change change;
	ssize_t length;
	size_t at = 0;
	int rc = 0;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	length = bytes ? lc_copy_read(fd, bytes, LIST_MAX, 0) : -ENOMEM;
	lc_sys_drop(&fd);
	while (!rc && length >= 0 &&
	       lc_record_open(bytes + at, (size_t)length - at, &record) == 0 &&
	       record.position == at && record.transaction == number) {
		rc = lc_change_decode(record.type, record.payload, record.length, &change);
		if (!rc && change.type == LC_CHANGE_MOUNT)
			rc = found(context, &change);
		lc_change_release(&change);
		at += lc_record_size(record.length);
	}
	free(bytes);
	return length < 0 ? (int)length : rc;
}

static size_t find_top(const struct commit_txn *txn, const char *top)
{
	size_t i = 0;

	while (i < txn->mounts.count && strcmp(txn->mounts.items[i].top, top) != 0)
		i++;
	return i;
}

static int load(void *context, const struct lc_change *record)
{
	struct commit_txn *txn = context;
	size_t at = find_top(txn, record->path);
	struct lc_txn_stage *stages;
	char name[LC_STAGE_NAME_SIZE];
	int rc;

	if (at == txn->mounts.count) {
		rc = lc_mounts_add_described(&txn->mounts, record);
		if (rc == -ENODEV && !txn->missing)
			txn->missing = strdup(record->path);
		if (rc)
			return rc == -ENODEV && txn->missing ? 0 : rc;
		stages = realloc(txn->stages, txn->mounts.count * sizeof *stages);
		if (!stages)
			return -ENOMEM;
		stages[at] = (struct lc_txn_stage){-1, NULL};
		txn->stages = stages;
	}
	if (!txn->stages[at].path)
		txn->stages[at].path = stage_path(txn, record->path);
	if (!txn->stages[at].path)
		return -ENOMEM;
	/* It need not have been made yet. */
	snprintf(name, sizeof name, LC_STAGE_PREFIX "%s", txn->id);
	if (txn->stages[at].dir < 0)
		txn->stages[at].dir = open_stage(txn->mounts.items[at].fd, name);
	return 0;
}

int lc_txn_stages_load(struct commit_txn *txn)
{
	return each_stage(txn->dir, txn->number, load, txn);
}

struct removal {
	struct commit_store *store;
	const char *id;
	/* else only looked for */
	int remove;
	int found;
	int missing;
};

static int remove_at(int top, const char *id)
{
	char name[LC_STAGE_NAME_SIZE];
	int rc;

	snprintf(name, sizeof name, LC_STAGE_PREFIX "%s" LC_PROBE_SUFFIX, id);
	lc_sys_unlink(top, name);
	name[strlen(name) - strlen(LC_PROBE_SUFFIX)] = '\0';
	rc = lc_stage_remove(top, name);
	return rc == -ENOENT ? 0 : rc;
}

/* What is not there is gone; what is not mounted stays until it is. */
static int remove_one(void *context, const struct lc_change *record)
{
	struct removal *removal = context;
	struct lc_mounts mounts;
	int rc = lc_mounts_init(&mounts, removal->store->root);

	removal->found = 1;
	if (!rc)
		rc = lc_mounts_add_described(&mounts, record);
	if (rc == -ENODEV) {
		removal->missing = 1;
		rc = 0;
	} else if (!rc && removal->remove) {
		rc = remove_at(mounts.items[1].fd, removal->id);
	}
	lc_mounts_release(&mounts);
	return rc;
}

/* After its time nobody waits for a file system that does not come back. */
static int is_old(int dir)
{
	struct lc_txn_info info;

	return lc_txn_read_info(dir, &info) != 0 || (int64_t)time(NULL) - info.begun > info.ttl;
}

int lc_txn_remove_stage(struct commit_store *store, const char *name)
{
	struct removal removal = {.store = store, .id = name};
	int dir = lc_sys_open(store->stage, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	int rc;

	if (dir < 0)
		return dir == -ENOTDIR ? lc_store_remove_stage(store, name) : dir;
	rc = each_stage(dir, lc_txn_number(name), remove_one, &removal);
	if (!rc && removal.missing && !is_old(dir))
		rc = -ENODEV;
	/* First, so that nobody goes on with what is half gone if we are stopped. */
	if (!rc && removal.found)
		rc = lc_store_remove_name(dir, "ops");
	removal.remove = 1;
	if (removal.found && (!rc || rc == -ENOENT))
		rc = each_stage(dir, lc_txn_number(name), remove_one, &removal);
	lc_sys_drop(&dir);
	return rc ? rc : lc_store_remove_stage(store, name);
}
