/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "beneath.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cuts off the last component; "" is the root. */
static void go_up(char *path)
{
	char *slash = strrchr(path, '/');

	*(slash ? slash : path) = '\0';
}

static int look(const struct commit_txn *txn, const char *dir, struct lc_sys_mount *id)
{
	int fd = lc_beneath_open(txn->store->root, dir, O_PATH | O_DIRECTORY);
	int rc = fd < 0 ? fd : lc_sys_mount(fd, "", id);

	lc_sys_drop(&fd);
	return rc;
}

/* The topmost directory below the root that is on the same mount as dir. */
static int find_top(const struct commit_txn *txn, const struct lc_sys_mount *id, char *dir)
{
	struct lc_sys_mount other;
	char above[PATH_MAX];
	int rc;

	while (*dir) {
		strcpy(above, dir);
		go_up(above);
		rc = look(txn, above, &other);
		if (rc || !lc_mount_same(id, &other))
			return rc;
		strcpy(dir, above);
	}
	return 0;
}

static int add_mount(struct commit_txn *txn, const char *dir, const struct lc_sys_mount *id)
{
	struct lc_txn_stage *stages;
	char top[PATH_MAX];
	int rc;

	strcpy(top, dir);
	rc = find_top(txn, id, top);
	if (!rc)
		rc = lc_mounts_add(&txn->mounts, top);
	if (rc)
		return rc;
	stages = realloc(txn->stages, txn->mounts.count * sizeof *stages);
	if (!stages)
		return -ENOMEM;
	stages[txn->mounts.count - 1] = (struct lc_txn_stage){-1, NULL};
	txn->stages = stages;
	return 0;
}

static int find_mount(struct commit_txn *txn, const char *dir, size_t *at)
{
	struct lc_sys_mount id;
	size_t i;
	int rc = look(txn, dir, &id);

	for (i = 0; i < txn->mounts.count && !rc; i++)
		if (lc_mount_same(&txn->mounts.items[i].id, &id)) {
			*at = i;
			return 0;
		}
	if (!rc)
		rc = add_mount(txn, dir, &id);
	if (!rc)
		*at = txn->mounts.count - 1;
	return rc;
}

static int is_in(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	return strncmp(path, directory, length) == 0 &&
	       (path[length] == '/' || path[length] == '\0');
}

size_t lc_txn_stage_of(const struct commit_txn *txn, const char *real)
{
	size_t i;

	for (i = 0; i < txn->mounts.count; i++)
		if (txn->stages[i].path && is_in(real, txn->stages[i].path))
			return i;
	return txn->mounts.count;
}

static int mount_of_directory(struct commit_txn *txn, const char *dir, size_t *at)
{
	size_t i = lc_txn_stage_of(txn, dir);
	int rc;

	if (i < txn->mounts.count) {
		*at = i;
		return 0;
	}
	if (txn->on_disk.known && strcmp(txn->on_disk.dir, dir) == 0) {
		*at = txn->on_disk.at;
		return 0;
	}
	rc = find_mount(txn, dir, at);
	txn->on_disk.known = !rc;
	txn->on_disk.at = *at;
	strcpy(txn->on_disk.dir, dir);
	return rc;
}

int lc_txn_mount_of(struct commit_txn *txn, const char *real, size_t *at)
{
	char dir[PATH_MAX];

	strcpy(dir, real);
	go_up(dir);
	return mount_of_directory(txn, dir, at);
}

int lc_txn_mount_for(struct commit_txn *txn, const char *path, size_t *at)
{
	struct lc_node node = {.state = LC_NODE_ORIGINAL};
	char dir[PATH_MAX];
	int rc;

	strcpy(dir, path);
	go_up(dir);
	if (txn->in_view.known && strcmp(txn->in_view.dir, dir) == 0) {
		*at = txn->in_view.at;
		return 0;
	}
	rc = *dir ? lc_view_look(txn->view, dir, &node) : 0;
	if (!rc && node.state == LC_NODE_ABSENT)
		rc = -ENOENT;
	if (!rc)
		rc = mount_of_directory(txn, node.real, at);
	txn->in_view.known = !rc;
	txn->in_view.at = *at;
	strcpy(txn->in_view.dir, dir);
	return rc;
}

void lc_txn_mounts_forget(struct commit_txn *txn)
{
	txn->in_view.known = 0;
	lc_txn_birth_forget(txn);
}

int lc_txn_stage_on(struct commit_txn *txn, size_t at)
{
	int rc;

	if (at == txn->home)
		return txn->dir;
	if (txn->stages[at].dir < 0) {
		rc = lc_txn_stage_make(txn, at);
		if (rc)
			return rc;
	}
	return txn->stages[at].dir;
}

/* For the plan: what is taken stays on its mount. */
static int place_for(void *context, const char *path, const char **stage)
{
	struct commit_txn *txn = context;
	size_t at;
	int rc = lc_txn_mount_of(txn, path, &at);

	if (!rc)
		rc = lc_txn_stage_on(txn, at);
	if (rc >= 0)
		*stage = txn->stages[at].path;
	return rc < 0 ? rc : 0;
}

int lc_txn_mounts_init(struct commit_txn *txn)
{
	int rc = lc_mounts_init(&txn->mounts, txn->store->root);

	if (rc)
		return rc;
	txn->stages = malloc(sizeof *txn->stages);
	if (!txn->stages)
		return -ENOMEM;
	txn->stages[0] = (struct lc_txn_stage){-1, NULL};
	rc = find_mount(txn, LC_STORE_STAGE, &txn->home);
	if (rc)
		return rc;
	txn->stages[txn->home].path = strdup(txn->place);
	lc_view_set_places(txn->view, place_for, txn);
	return txn->stages[txn->home].path ? 0 : -ENOMEM;
}

void lc_txn_mounts_release(struct commit_txn *txn)
{
	size_t i;

	for (i = 0; txn->stages && i < txn->mounts.count; i++) {
		lc_sys_drop(&txn->stages[i].dir);
		free(txn->stages[i].path);
	}
	free(txn->stages);
	lc_txn_birth_forget(txn);
	lc_mounts_release(&txn->mounts);
	free(txn->missing);
}
