/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"
#include "txn-keep.h"

#include "beneath.h"
#include "dir.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The steps of a commit, read backwards. What a step has not done yet needs
 * nothing; what it has done is undone by a step that the same code carries out:
 * what was taken is put, what was put is taken, what was exchanged is exchanged
 * again. What others have changed since stays theirs.
 */
struct way {
	const struct commit_store *store;
	const char *id;
	const struct lc_change_list *list;
	struct lc_change_list *back;
	struct lc_beneath_cache cache;
};

static int identify_on_disk(struct way *way, const char *path, struct lc_identity *now)
{
	struct stat st;
	int rc = lc_beneath_stat(&way->cache, path, &st);

	memset(now, 0, sizeof *now);
	if (rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP)
		return 0;
	if (!rc)
		lc_identity_of(&st, now);
	return rc;
}

int lc_txn_carry(char path[PATH_MAX], const char *from, const char *to)
{
	size_t length = strlen(from), rest;

	if (strncmp(path, from, length) != 0 || (path[length] != '\0' && path[length] != '/'))
		return 0;
	rest = strlen(path + length);
	if (strlen(to) + rest >= PATH_MAX)
		return -ENAMETOOLONG;
	memmove(path + strlen(to), path + length, rest + 1);
	memcpy(path, to, strlen(to));
	return 1;
}

/*
 * Where on disk now stands what will stand at path once the steps so far have
 * been carried out: read backwards, each of them is a rename. 1, or 0: nowhere.
 */
static int locate(const struct way *way, const char *path, char real[PATH_MAX])
{
	size_t i;
	int rc;

	strcpy(real, path);
	for (i = way->back->count; i > 0; i--) {
		const struct lc_change *c = &way->back->items[i - 1];
		int take = c->type == LC_CHANGE_TAKE;
		const char *from = take ? c->path : c->place;
		const char *to = take ? c->place : c->path;

		if (c->type != LC_CHANGE_TAKE && c->type != LC_CHANGE_PUT)
			continue;
		rc = lc_txn_carry(real, to, from);
		if (rc < 0)
			return rc;
		if (rc)
			continue;
		rc = lc_txn_carry(real, from, to);
		if (rc < 0)
			return rc;
		/* Gone from there, if nothing came in exchange. */
		if (rc && (take || c->before.mode == 0))
			return 0;
	}
	return 1;
}

/* What will stand at path then; nothing is an identity too. */
static int identify(struct way *way, const char *path, struct lc_identity *now)
{
	char real[PATH_MAX];
	int rc = locate(way, path, real);

	memset(now, 0, sizeof *now);
	return rc > 0 ? identify_on_disk(way, real, now) : rc;
}

static int is_object(const struct lc_identity *now, const struct lc_identity *wanted)
{
	return wanted->mode != 0 && now->inode == wanted->inode &&
	       (now->mode & S_IFMT) == (wanted->mode & S_IFMT);
}

static int add(struct way *way, enum lc_change_type type, const char *path, const char *place,
               const struct lc_identity *before, const struct lc_identity *after)
{
	struct lc_change c = {
	        .type = type, .mode = UINT32_MAX, .uid = UINT32_MAX, .gid = UINT32_MAX};

	c.path = strdup(path);
	c.place = strdup(place);
	if (before)
		c.before = *before;
	if (after)
		c.after = *after;
	if (!c.path || !c.place) {
		lc_change_release(&c);
		return -ENOMEM;
	}
	return lc_change_list_add(way->back, &c);
}

static int add_copy(struct way *way, const struct lc_change *from)
{
	struct lc_change c = *from;

	c.path = strdup(from->path);
	c.place = strdup(from->place);
	c.attribute = from->attribute ? strdup(from->attribute) : NULL;
	c.value = malloc((size_t)from->value_length + 1);
	if (!c.path || !c.place || !c.value || (from->attribute && !c.attribute)) {
		lc_change_release(&c);
		return -ENOMEM;
	}
	if (from->value_length > 0)
		memcpy(c.value, from->value, from->value_length);
	return lc_change_list_add(way->back, &c);
}

/* The directory that path lies in will be there: 1 or 0. */
static int has_home(struct way *way, const char *path)
{
	struct lc_identity now;
	char parent[PATH_MAX];
	char *slash;
	int rc;

	strcpy(parent, path);
	slash = strrchr(parent, '/');
	if (!slash)
		return 1;
	*slash = '\0';
	rc = identify(way, parent, &now);
	return rc ? rc : S_ISDIR(now.mode);
}

/*
 * An old version goes back to its path, or beside it if others have put
 * something there, and further up if they have taken the directory away.
 */
static int put_back(struct way *way, const char *path, const char *place,
                    const struct lc_identity *object)
{
	char home[PATH_MAX], name[PATH_MAX];
	const char *base = strrchr(path, '/');
	struct lc_identity now;
	char *slash;
	int n, rc = has_home(way, path);

	strcpy(home, path);
	if (rc == 1) {
		rc = identify(way, path, &now);
		if (rc || now.mode == 0)
			return rc ? rc : add(way, LC_CHANGE_PUT, path, place, NULL, object);
	}
	while (rc == 0 && (rc = has_home(way, home)) == 0) {
		slash = strrchr(home, '/');
		*slash = '\0';
		slash = strrchr(home, '/');
		strcpy(slash ? slash + 1 : home, base + 1);
	}
	for (n = 1; rc >= 0 && n < 100; n++) {
		rc = lc_txn_beside(home, "before", way->id, n, name);
		if (!rc)
			rc = identify(way, name, &now);
		if (!rc && now.mode == 0)
			return add(way, LC_CHANGE_PUT, name, place, NULL, object);
	}
	return rc < 0 ? rc : -EEXIST;
}

/* Something is put back into the directory, or beside what was in it. */
static int gets_something(const struct way *way, const char *path)
{
	size_t i, length = strlen(path);

	for (i = 0; i < way->back->count; i++)
		if (way->back->items[i].type == LC_CHANGE_PUT &&
		    strncmp(way->back->items[i].path, path, length) == 0 &&
		    way->back->items[i].path[length] == '/')
			return 1;
	return 0;
}

struct inspected {
	struct way *way;
	const char *path;
};

/* 1 if what has that name in the directory stands there after the way back too. */
static int stays(void *context, const char *name)
{
	const struct inspected *in = context;
	char child[PATH_MAX + NAME_MAX + 2];
	struct lc_identity now;
	int rc;

	if (snprintf(child, sizeof child, "%s/%s", in->path, name) >= PATH_MAX)
		return -ENAMETOOLONG;
	rc = identify(in->way, child, &now);
	return rc ? rc : now.mode != 0;
}

/* Somebody has put something of his own into the directory, which then stays. */
static int holds_others(struct way *way, const char *path)
{
	struct inspected in = {way, path};
	char real[PATH_MAX];
	int rc = locate(way, path, real);

	if (rc <= 0 || gets_something(way, path))
		return rc < 0 ? rc : 1;
	return lc_dir_each(lc_beneath_open(way->store->root, real, O_RDONLY | O_DIRECTORY), stays,
	                   &in);
}

int lc_txn_in_stage(const char *place)
{
	const char *stage = strstr(place, LC_STAGE_PREFIX);

	/* On another mount it is a directory of this name in the mount's topmost one. */
	return strncmp(place, LC_STORE_NAME "/", strlen(LC_STORE_NAME) + 1) == 0 ||
	       (stage && (stage == place || stage[-1] == '/'));
}

/* A move without a stop: the object goes back if its old path is free. */
static int undo_move(struct way *way, const struct lc_change *c, const struct lc_identity *now)
{
	struct lc_identity old;
	int rc = has_home(way, c->place);

	if (rc == 1)
		rc = identify(way, c->place, &old);
	else
		return rc < 0 ? rc : 0;
	/* Where it stands everybody can see it. */
	if (rc || old.mode != 0)
		return rc;
	return add(way, LC_CHANGE_PUT, c->place, c->path, NULL, now);
}

/* It was moved here from another path, and will go on to that. */
static int goes_on(const struct lc_change *put)
{
	const char *slash = strrchr(put->place, '/');

	return strncmp(slash ? slash + 1 : put->place, "out-", 4) == 0;
}

static int undo_put(struct way *way, const struct lc_change *c)
{
	struct lc_identity now, waiting;
	int rc;

	/* Not even staged: nothing was renamed yet. */
	if (c->after.inode == 0)
		return 0;
	rc = identify(way, c->path, &now);
	if (!rc)
		rc = identify(way, c->place, &waiting);
	/* Not done yet. */
	if (rc || is_object(&waiting, &c->after))
		return rc;
	if (!lc_txn_in_stage(c->place))
		return is_object(&now, &c->after) ? undo_move(way, c, &now) : 0;
	if (is_object(&waiting, &c->before)) {
		if (lc_identity_same(&now, &c->after))
			return add(way, LC_CHANGE_PUT, c->path, c->place, &now, &waiting);
		return put_back(way, c->path, c->place, &waiting);
	}
	if (!lc_identity_same(&now, &c->after) || now.mode == 0)
		return 0;
	rc = S_ISDIR(now.mode) ? holds_others(way, c->path) : 0;
	if (rc)
		return rc < 0 ? rc : 0;
	return add(way, LC_CHANGE_TAKE, c->path, c->place, &now, goes_on(c) ? &now : NULL);
}

static int undo_take(struct way *way, const struct lc_change *c)
{
	struct lc_identity waiting;
	int rc = identify(way, c->place, &waiting);

	if (rc || !is_object(&waiting, &c->before))
		return rc;
	return put_back(way, c->path, c->place, &waiting);
}

/* What the metadata were that the step has changed; NULL: older lists do not tell. */
static const struct lc_change *find_was(const struct way *way, const struct lc_change *c)
{
	size_t i;

	for (i = 0; i < way->list->count; i++) {
		const struct lc_change *was = &way->list->items[i];

		if (was->type != LC_CHANGE_WAS || strcmp(was->path, c->path) != 0 ||
		    strcmp(was->place, c->place) != 0 || !was->attribute != !c->attribute)
			continue;
		if (c->attribute ? strcmp(was->attribute, c->attribute) == 0
		                 : (c->mode == UINT32_MAX || was->mode != UINT32_MAX) &&
		                           (c->uid == UINT32_MAX || was->uid != UINT32_MAX) &&
		                           (c->gid == UINT32_MAX || was->gid != UINT32_MAX))
			return was;
	}
	return NULL;
}

/* The attribute is as the step has left it. 1, 0, or a negative errno. */
static int has_attribute(struct way *way, const struct lc_change *c, const char *real)
{
	int fd = lc_beneath_open(way->store->root, real, O_RDONLY | O_NONBLOCK);
	unsigned char *value = malloc((size_t)c->value_length + 1);
	ssize_t length = -ENOMEM;

	if (fd < 0)
		length = fd;
	else if (value)
		length = lc_sys_getxattr(fd, c->attribute, value, (size_t)c->value_length + 1);
	lc_sys_drop(&fd);
	if (c->type == LC_CHANGE_UNSET)
		length = length == -ENODATA;
	else if (length >= 0)
		length = length == (ssize_t)c->value_length &&
		         memcmp(value, c->value, c->value_length) == 0;
	free(value);
	/* It is longer, or not there: somebody else's */
	return length == -ERANGE || length == -ENODATA ? 0 : (int)length;
}

/* What the step has set still is so. */
static int is_as_set(struct way *way, const struct lc_change *c, const char *real,
                     const struct stat *st)
{
	if (st->st_ino != c->after.inode ||
	    (c->mode != UINT32_MAX && (st->st_mode & 07777) != c->mode) ||
	    (c->uid != UINT32_MAX && st->st_uid != c->uid) ||
	    (c->gid != UINT32_MAX && st->st_gid != c->gid))
		return 0;
	return c->attribute ? has_attribute(way, c, real) : 1;
}

/* The attribute that the value before stands for; none: it goes. */
static int add_attribute(struct way *way, const struct lc_change *c, const struct lc_change *was)
{
	struct lc_change back = {.type = was->value[0] ? LC_CHANGE_META : LC_CHANGE_UNSET,
	                         .after = c->after,
	                         .path = c->path,
	                         .place = was->place,
	                         .mode = UINT32_MAX,
	                         .uid = UINT32_MAX,
	                         .gid = UINT32_MAX,
	                         .attribute = was->attribute,
	                         .value = was->value + 1,
	                         .value_length = was->value_length - 1};

	return add_copy(way, &back);
}

/* A change of owner takes a capability along. */
static int add_capability(struct way *way, const struct lc_change *c)
{
	size_t i;

	for (i = 0; i < way->list->count; i++) {
		const struct lc_change *was = &way->list->items[i];

		if (was->type == LC_CHANGE_WAS && was->attribute && was->value[0] &&
		    strcmp(was->attribute, LC_KEEP_CAPABILITY) == 0 &&
		    strcmp(was->path, c->path) == 0 && strcmp(was->place, c->place) == 0)
			return add_attribute(way, c, was);
	}
	return 0;
}

/* What leaves its path stands there, or at its place already. NULL: at neither. */
static int find_object(struct way *way, const struct lc_change *c, const char **real,
                       struct stat *st)
{
	int rc;

	*real = c->path;
	rc = lc_beneath_stat(&way->cache, c->path, st);
	if (c->place[0] &&
	    (rc == -ENOENT || rc == -ENOTDIR || (!rc && st->st_ino != c->after.inode))) {
		*real = c->place;
		rc = lc_beneath_stat(&way->cache, c->place, st);
	}
	if (rc != -ENOENT && rc != -ENOTDIR && rc != -ELOOP)
		return rc;
	*real = NULL;
	return 0;
}

static int undo_meta(struct way *way, const struct lc_change *c)
{
	const struct lc_change *was = find_was(way, c);
	int owner = c->uid != UINT32_MAX || c->gid != UINT32_MAX;
	struct lc_change *back;
	const char *real;
	struct stat st;
	int rc = find_object(way, c, &real, &st);

	if (rc || !real)
		return rc;
	rc = is_as_set(way, c, real, &st);
	if (rc <= 0)
		return rc;
	if (c->attribute)
		return was && was->value_length > 0 ? add_attribute(way, c, was) : 0;
	if (!was && c->mode == UINT32_MAX)
		return 0;
	rc = add(way, LC_CHANGE_META, c->path, c->place, NULL, &c->after);
	if (rc)
		return rc;
	back = &way->back->items[way->back->count - 1];
	back->mode = was ? was->mode : c->after.mode & 07777;
	if (was) {
		back->uid = was->uid;
		back->gid = was->gid;
	}
	return owner ? add_capability(way, c) : 0;
}

int lc_txn_take_back(const struct commit_store *store, const char *id,
                     const struct lc_change_list *list, struct lc_change_list *back)
{
	struct way way = {.store = store, .id = id, .list = list, .back = back};
	size_t i;
	int rc = 0;

	lc_beneath_init(&way.cache, store->root);
	/* The mounts are the same. */
	for (i = 0; i < list->count && !rc; i++)
		if (!lc_change_is_step(&list->items[i]))
			rc = add_copy(&way, &list->items[i]);
	for (i = list->count; i > 0 && !rc; i--) {
		const struct lc_change *c = &list->items[i - 1];

		if (c->type == LC_CHANGE_PUT)
			rc = undo_put(&way, c);
		else if (c->type == LC_CHANGE_TAKE)
			rc = undo_take(&way, c);
		else if (lc_change_is_meta(c))
			rc = undo_meta(&way, c);
	}
	lc_beneath_release(&way.cache);
	return rc;
}
