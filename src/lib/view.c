/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "view-internal.h"

#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As in the kernel (MAXSYMLINKS). */
#define LINKS_MAX 40

struct lc_view *lc_view_new(int root, const char *stage)
{
	struct lc_view *view = calloc(1, sizeof *view);

	if (!view)
		return NULL;
	view->root = root;
	view->stage = strdup(stage);
	lc_beneath_init(&view->cache, root);
	if (!view->stage) {
		free(view);
		return NULL;
	}
	return view;
}

void lc_view_set_places(struct lc_view *view,
                        int (*place)(void *context, const char *path, const char **stage),
                        void *context)
{
	view->place = place;
	view->place_context = context;
}

void lc_view_free(struct lc_view *view)
{
	if (!view)
		return;
	lc_view_free_entries(view);
	lc_view_free_lefts(view);
	lc_beneath_release(&view->cache);
	free(view->stage);
	free(view);
}

/*
 * Where the path leads on disk, by the nearest entry at or above it; skip_last
 * leaves out an entry for the path itself. State absent: nowhere.
 */
static void locate(struct lc_view *view, const char *path, int skip_last, struct lc_node *node)
{
	char prefix[PATH_MAX];
	const char *slash = path;
	const struct lc_entry *entry;
	size_t length;

	memset(node, 0, sizeof *node);
	node->state = LC_NODE_ORIGINAL;
	while (slash) {
		slash = strchr(slash, '/');
		length = slash ? (size_t)(slash - path) : strlen(path);
		memcpy(prefix, path, length);
		prefix[length] = '\0';
		entry = slash || !skip_last ? lc_view_find(view, prefix) : NULL;
		if (entry) {
			node->state = entry->state;
			node->identity = entry->identity;
			snprintf(node->real, sizeof node->real, "%s",
			         entry->real ? entry->real : "");
		} else if (node->state == LC_NODE_ORIGINAL) {
			const char *base = strrchr(prefix, '/');
			size_t at = strlen(node->real);

			base = base ? base + 1 : prefix;
			snprintf(node->real + at, sizeof node->real - at, "%s%s", at ? "/" : "",
			         base);
			memset(&node->identity, 0, sizeof node->identity);
		} else {
			/* Nothing was put there, below what is staged or absent. */
			memset(node, 0, sizeof *node);
			node->state = LC_NODE_ABSENT;
		}
		slash = slash ? slash + 1 : NULL;
	}
}

/* Completes a node that is on disk by what it finds there. */
static int identify(struct lc_view *view, struct lc_node *node)
{
	struct stat st;
	int rc;

	if (node->state != LC_NODE_ORIGINAL)
		return 0;
	rc = lc_beneath_stat(&view->cache, node->real, &st);
	if (rc == -ENOENT || rc == -ENOTDIR) {
		node->state = LC_NODE_ABSENT;
		return 0;
	}
	if (!rc)
		lc_identity_of(&st, &node->identity);
	return rc;
}

int lc_view_look(struct lc_view *view, const char *path, struct lc_node *node)
{
	int rc;

	if (!lc_beneath_valid(path))
		return -EINVAL;
	if (strcmp(view->looked_at, path) == 0) {
		*node = view->found;
		return 0;
	}
	locate(view, path, 0, node);
	rc = identify(view, node);
	if (!rc) {
		strcpy(view->looked_at, path);
		view->found = *node;
	}
	return rc;
}

/* The entry of a path; a new one remembers what stands there on disk. */
static int touch(struct lc_view *view, const char *path, struct lc_entry **entry)
{
	struct lc_node under;
	int rc = 0;

	*entry = lc_view_find(view, path);
	if (*entry)
		return 0;
	locate(view, path, 1, &under);
	if (under.state != LC_NODE_ORIGINAL)
		under.real[0] = '\0';
	if (strcmp(view->looked_at, path) == 0)
		under.identity = view->found.identity;
	else
		rc = identify(view, &under);
	if (rc)
		return rc;
	*entry = lc_view_insert(view, strdup(path));
	if (!*entry)
		return -ENOMEM;
	(*entry)->seen = under.identity;
	if (under.real[0]) {
		(*entry)->under = strdup(under.real);
		if (!(*entry)->under)
			return -ENOMEM;
	}
	return 0;
}

/* The view is about to change at path: what it remembers may be wrong then. */
static void forget(struct lc_view *view, const char *path)
{
	view->looked_at[0] = '\0';
	if (strcmp(view->directory, path) == 0 || lc_view_is_below(view->directory, path))
		view->directory[0] = '\0';
}

/* What the entry stands for from now on. real NULL: nothing. */
static int assign(struct lc_view *view, struct lc_entry *entry, enum lc_node_state state,
                  const char *real, const struct lc_identity *identity)
{
	char *copy = real ? strdup(real) : NULL;
	int rc = 0;

	if (real && !copy)
		return -ENOMEM;
	/* The same object, looked at again, keeps what is still to be done to it. */
	if (!real || !entry->real || strcmp(real, entry->real) != 0 || entry->state != state)
		rc = lc_view_leave(view, entry);
	if (rc) {
		free(copy);
		return rc;
	}
	forget(view, entry->path);
	free(entry->real);
	entry->real = copy;
	entry->state = state;
	entry->identity = *identity;
	return 0;
}

int lc_view_put(struct lc_view *view, const char *path, const char *real,
                const struct lc_identity *identity)
{
	struct lc_entry *entry;
	int rc = touch(view, path, &entry);

	return rc ? rc : assign(view, entry, LC_NODE_STAGED, real, identity);
}

int lc_view_remove(struct lc_view *view, const char *path)
{
	static const struct lc_identity nothing;
	struct lc_entry *entry;
	int rc = touch(view, path, &entry);

	return rc ? rc : assign(view, entry, LC_NODE_ABSENT, NULL, &nothing);
}

int lc_view_move(struct lc_view *view, const char *from, const char *to)
{
	static const struct lc_identity nothing;
	struct lc_entry *source, *target;
	struct lc_change_list metas;
	struct lc_node node;
	int rc = lc_view_look(view, from, &node);

	if (!rc)
		rc = touch(view, from, &source);
	if (!rc)
		rc = touch(view, to, &target);
	if (rc)
		return rc;
	metas = source->metas;
	memset(&source->metas, 0, sizeof source->metas);
	rc = assign(view, target, node.state, node.real, &node.identity);
	target->metas = metas;
	if (!rc)
		rc = assign(view, source, LC_NODE_ABSENT, NULL, &nothing);
	if (!rc && S_ISDIR(node.identity.mode))
		rc = lc_view_rekey(view, from, to);
	return rc;
}

int lc_view_meta(struct lc_view *view, const char *path, struct lc_change *change)
{
	struct lc_entry *entry;
	struct lc_node node;
	int fresh = lc_view_find(view, path) == NULL;
	int rc = lc_view_look(view, path, &node);

	if (!rc)
		rc = touch(view, path, &entry);
	if (!rc && fresh)
		rc = assign(view, entry, node.state, node.real, &node.identity);
	if (rc) {
		lc_change_release(change);
		return rc;
	}
	change->turn = view->next_turn++;
	return lc_change_list_add(&entry->metas, change);
}

int lc_view_restage(struct lc_view *view, int dir)
{
	struct lc_entry *entry;
	struct stat st;
	size_t i;
	int rc;

	view->looked_at[0] = '\0';
	for (i = 0; i < view->count; i++) {
		entry = view->items[i];
		if (entry->state != LC_NODE_STAGED || entry->identity.inode != 0)
			continue;
		rc = lc_sys_lstat_times(dir, strrchr(entry->real, '/') + 1, &st);
		if (rc)
			return rc;
		lc_identity_of(&st, &entry->identity);
	}
	return 0;
}

const struct lc_change_list *lc_view_metas(const struct lc_view *view, const char *path)
{
	const struct lc_entry *entry = lc_view_find(view, path);

	return entry ? &entry->metas : NULL;
}

int lc_view_seen(struct lc_view *view, const char *path, struct lc_identity *seen)
{
	const struct lc_entry *entry = lc_view_find(view, path);

	if (!entry)
		return -ENOENT;
	*seen = entry->seen;
	return 0;
}

const char *lc_view_under(const struct lc_view *view, const char *path)
{
	const struct lc_entry *entry = lc_view_find(view, path);

	return entry ? entry->under : NULL;
}

int lc_view_set_seen(struct lc_view *view, const char *path, const struct lc_identity *seen)
{
	struct lc_entry *entry = lc_view_find(view, path);

	if (!entry)
		return -ENOENT;
	entry->seen = *seen;
	return 0;
}

static int read_link(struct lc_view *view, const struct lc_node *node, char target[PATH_MAX])
{
	const char *base;
	int dir = lc_beneath_parent(&view->cache, node->real, &base);
	ssize_t length;

	if (dir < 0)
		return dir;
	length = lc_sys_readlink(dir, base, target, PATH_MAX);
	if (length < 0)
		return (int)length;
	if (length == 0 || length >= PATH_MAX)
		return -ENAMETOOLONG;
	target[length] = '\0';
	return target[0] == '/' ? -EXDEV : 0;
}

/* A path while it is resolved: what is done, and what is still to be looked at. */
struct resolution {
	char done[PATH_MAX];
	char rest[PATH_MAX];
	int links;
};

/* Takes the first component off rest. */
static void next_component(struct resolution *r, char name[PATH_MAX])
{
	char *slash = strchr(r->rest, '/');
	size_t length = slash ? (size_t)(slash - r->rest) : strlen(r->rest);

	memcpy(name, r->rest, length);
	name[length] = '\0';
	while (r->rest[length] == '/')
		length++;
	memmove(r->rest, r->rest + length, strlen(r->rest + length) + 1);
}

static int go_up(struct resolution *r)
{
	char *slash = strrchr(r->done, '/');

	if (!r->done[0])
		return -EXDEV;
	*(slash ? slash : r->done) = '\0';
	return 0;
}

static int push_link(struct resolution *r, const char *target)
{
	char rest[2 * PATH_MAX];

	if (++r->links > LINKS_MAX)
		return -ELOOP;
	snprintf(rest, sizeof rest, "%s/%s", target, r->rest);
	if (strlen(rest) >= sizeof r->rest)
		return -ENAMETOOLONG;
	strcpy(r->rest, rest);
	return go_up(r);
}

static int append_component(struct resolution *r, const char *name)
{
	size_t at = strlen(r->done);
	int length = snprintf(r->done + at, sizeof r->done - at, "%s%s", at ? "/" : "", name);

	return at + (size_t)length < sizeof r->done ? 0 : -ENAMETOOLONG;
}

static int resolve_component(struct lc_view *view, struct resolution *r)
{
	char name[PATH_MAX], target[PATH_MAX];
	struct lc_node node;
	int rc;

	next_component(r, name);
	if (!name[0] || strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0)
		return go_up(r);
	rc = append_component(r, name);
	/* The last component is what the operation is about. */
	if (rc || !r->rest[0])
		return rc;
	rc = lc_view_look(view, r->done, &node);
	if (rc)
		return rc;
	if (node.state == LC_NODE_ABSENT)
		return -ENOENT;
	if (S_ISLNK(node.identity.mode)) {
		rc = read_link(view, &node, target);
		return rc ? rc : push_link(r, target);
	}
	return S_ISDIR(node.identity.mode) ? 0 : -ENOTDIR;
}

static int is_directly_in(const char *path, const char *directory)
{
	return *directory && lc_view_is_below(path, directory) &&
	       !strchr(path + strlen(directory) + 1, '/');
}

static void remember_directory(struct lc_view *view, const struct resolution *r)
{
	const char *slash = strrchr(r->done, '/');

	if (!slash)
		return;
	memcpy(view->directory, r->done, (size_t)(slash - r->done));
	view->directory[slash - r->done] = '\0';
}

int lc_view_canonical(struct lc_view *view, const char *path, char canonical[PATH_MAX])
{
	struct resolution r = {.links = 0};
	int rc = 0;

	if (!lc_beneath_valid(path))
		return -EINVAL;
	if (is_directly_in(path, view->directory)) {
		strcpy(canonical, path);
		return 0;
	}
	strcpy(r.rest, path);
	while (!rc && r.rest[0])
		rc = resolve_component(view, &r);
	if (!rc && !r.done[0])
		rc = -EINVAL;
	if (rc)
		return rc;
	strcpy(canonical, r.done);
	remember_directory(view, &r);
	return 0;
}

int lc_view_each(struct lc_view *view,
                 int (*found)(void *context, const char *path, const struct lc_node *before,
                              const struct lc_node *after),
                 void *context)
{
	struct lc_node before, after;
	size_t i;
	int rc = 0;

	for (i = 0; i < view->count && !rc; i++) {
		const struct lc_entry *entry = view->items[i];

		if (lc_view_is_unchanged(entry) && entry->metas.count == 0)
			continue;
		if (entry->state == LC_NODE_ABSENT && entry->seen.mode == 0)
			continue;
		memset(&before, 0, sizeof before);
		memset(&after, 0, sizeof after);
		before.state = entry->seen.mode ? LC_NODE_ORIGINAL : LC_NODE_ABSENT;
		before.identity = entry->seen;
		snprintf(before.real, sizeof before.real, "%s", entry->under ? entry->under : "");
		after.state = entry->state;
		after.identity = entry->identity;
		snprintf(after.real, sizeof after.real, "%s", entry->real ? entry->real : "");
		rc = found(context, entry->path, &before, &after);
	}
	return rc;
}
