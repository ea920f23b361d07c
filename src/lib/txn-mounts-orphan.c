/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "copy.h"
#include "dir.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int identity_of(int fd, uint64_t *fs, uint64_t *inode)
{
	struct stat st;
	int rc = lc_sys_fs_id(fd, fs);

	if (!rc)
		rc = lc_sys_fstat(fd, &st);
	if (!rc)
		*inode = st.st_ino;
	return rc;
}

int lc_stage_home(int stage, int store, char text[LC_STAGE_HOME_SIZE])
{
	uint64_t fs, inode;
	int rc = identity_of(stage, &fs, &inode);

	if (rc)
		return rc;
	snprintf(text, LC_STAGE_HOME_SIZE,
	         "libcommit stage\nfs %016" PRIx64 "\ninode %" PRIu64 "\nstore ", fs, inode);
	if (store < 0)
		return 0;
	rc = identity_of(store, &fs, &inode);
	if (!rc)
		snprintf(text + strlen(text), LC_STAGE_HOME_SIZE - strlen(text),
		         "%016" PRIx64 " %" PRIu64 "\n", fs, inode);
	return rc;
}

int lc_stage_name(const char *name)
{
	char id[COMMIT_TXN_ID_SIZE];
	size_t prefix = strlen(LC_STAGE_PREFIX), length = strlen(name);

	if (strncmp(name, LC_STAGE_PREFIX, prefix) != 0)
		return 0;
	length -= prefix;
	if (length > strlen(LC_PROBE_SUFFIX) &&
	    strcmp(name + strlen(name) - strlen(LC_PROBE_SUFFIX), LC_PROBE_SUFFIX) == 0)
		length -= strlen(LC_PROBE_SUFFIX);
	if (length >= sizeof id)
		return 0;
	memcpy(id, name + prefix, length);
	id[length] = '\0';
	return lc_txn_number(id) != 0;
}

int lc_stage_remove(int dirfd, const char *name)
{
	int rc = lc_store_remove_flat(dirfd, name);

	return rc == -ENOTDIR ? lc_sys_unlink(dirfd, name) : rc;
}

/* Goes up from a directory; 1 once a store above has the transaction, or is the one of text. */
static int search_above(int dirfd, int stage, const char *text, const char *id, int *owner)
{
	char wanted[LC_STAGE_HOME_SIZE], path[sizeof LC_STORE_STAGE + COMMIT_TXN_ID_SIZE];
	int dir = lc_sys_open(dirfd, ".", O_PATH | O_DIRECTORY), above, store;
	struct stat here, st;
	int found = 0;

	snprintf(path, sizeof path, LC_STORE_STAGE "/%s", id);
	*owner = 0;
	while (dir >= 0 && !found) {
		found = lc_sys_lstat(dir, path, &st) == 0;
		store = lc_sys_open(dir, LC_STORE_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		if (store >= 0 && stage >= 0 && lc_stage_home(stage, store, wanted) == 0)
			*owner |= strcmp(text, wanted) == 0;
		lc_sys_drop(&store);
		above = lc_sys_open(dir, "..", O_PATH | O_DIRECTORY);
		if (above >= 0 && lc_sys_fstat(dir, &here) == 0 && lc_sys_fstat(above, &st) == 0 &&
		    here.st_ino == st.st_ino && here.st_dev == st.st_dev)
			lc_sys_drop(&above);
		lc_sys_drop(&dir);
		dir = above;
	}
	lc_sys_drop(&dir);
	return found;
}

/* Something that is not there for its own sake. */
static int is_content(void *context, const char *name)
{
	static const char *const ours[] = {"home", "probe", LC_PROVE_NAME, LC_ROOM_NAME};
	size_t i;

	(void)context;
	for (i = 0; i < sizeof ours / sizeof ours[0]; i++)
		if (strcmp(name, ours[i]) == 0)
			return 0;
	return 1;
}

/* What cannot be read may hold some. */
static int holds_content(int stage)
{
	return lc_dir_each(lc_sys_open(stage, ".", O_RDONLY | O_DIRECTORY), is_content, NULL) != 0;
}

static enum lc_stage_fate judge_directory(int dirfd, int stage, const char *id)
{
	char text[LC_STAGE_HOME_SIZE] = "", wanted[LC_STAGE_HOME_SIZE];
	int fd = lc_sys_open(stage, "home", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	ssize_t length = fd < 0 ? 0 : lc_copy_read(fd, text, sizeof text - 1, 0);
	int owner;

	lc_sys_drop(&fd);
	text[length > 0 ? length : 0] = '\0';
	if (search_above(dirfd, stage, text, id, &owner))
		return LC_STAGE_PART;
	if (owner || !holds_content(stage))
		return LC_STAGE_DEAD;
	if (lc_stage_home(stage, -1, wanted) != 0 || strncmp(text, wanted, strlen(wanted)) != 0)
		return LC_STAGE_COPY;
	return LC_STAGE_LOST;
}

enum lc_stage_fate lc_stage_judge(int dirfd, const char *name)
{
	enum lc_stage_fate fate = LC_STAGE_COPY;
	char id[COMMIT_TXN_ID_SIZE];
	int stage, owner;
	struct stat st;

	snprintf(id, sizeof id, "%.17s", name + strlen(LC_STAGE_PREFIX));
	if (lc_sys_lstat(dirfd, name, &st) != 0)
		return LC_STAGE_PART;
	if (st.st_uid != geteuid() || (S_ISDIR(st.st_mode) && (st.st_mode & 077)))
		return LC_STAGE_FOREIGN;
	if (S_ISREG(st.st_mode) && st.st_size == 0)
		return search_above(dirfd, -1, "", id, &owner) ? LC_STAGE_PART : LC_STAGE_DEAD;
	stage = lc_sys_open(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (stage >= 0)
		fate = judge_directory(dirfd, stage, id);
	lc_sys_drop(&stage);
	return fate;
}
