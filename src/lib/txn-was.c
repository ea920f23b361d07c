/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-keep.h"

#include "beneath.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/*
 * What steps on metadata will change, as it is now: publishing leaves no trace of
 * it anywhere else. A change of owner takes set-id bits and capabilities away.
 */
#define VALUE_MAX 65536

static int changes_owner(const struct lc_change *change)
{
	return change->uid != UINT32_MAX || change->gid != UINT32_MAX;
}

/* The first byte of the value tells whether there was one. */
static int read_attribute(int fd, const char *name, struct lc_change *was)
{
	ssize_t length;

	was->attribute = strdup(name);
	was->value = malloc(VALUE_MAX + 1);
	if (!was->attribute || !was->value)
		return -ENOMEM;
	length = lc_sys_getxattr(fd, name, was->value + 1, VALUE_MAX);
	if (length < 0 && length != -ENODATA)
		return (int)length;
	was->value[0] = length >= 0;
	was->value_length = length >= 0 ? (uint32_t)length + 1 : 1;
	return 0;
}

static int add(struct lc_change_list *list, const struct lc_change *change,
               const struct lc_change *values)
{
	struct lc_change was = *values;

	was.type = LC_CHANGE_WAS;
	was.path = strdup(change->path);
	was.place = strdup(change->place);
	if (!was.path || !was.place) {
		lc_change_release(&was);
		return -ENOMEM;
	}
	return lc_change_list_add(list, &was);
}

static void note_stat(const struct lc_change *change, const struct stat *st, struct lc_change *was)
{
	memset(was, 0, sizeof *was);
	was->after = change->after;
	was->mode = was->uid = was->gid = UINT32_MAX;
	if (changes_owner(change)) {
		was->uid = st->st_uid;
		was->gid = st->st_gid;
	}
	if (!S_ISLNK(st->st_mode) && (changes_owner(change) || change->mode != UINT32_MAX))
		was->mode = st->st_mode & 07777;
}

static int note_capability(int fd, const struct lc_change *change, struct lc_change_list *list)
{
	struct lc_change was = {
	        .after = change->after, .mode = UINT32_MAX, .uid = UINT32_MAX, .gid = UINT32_MAX};
	int rc = read_attribute(fd, LC_KEEP_CAPABILITY, &was);

	if (!rc && was.value[0])
		return add(list, change, &was);
	lc_change_release(&was);
	return rc == -EOPNOTSUPP || rc == -EBADF ? 0 : rc;
}

/* Where it is before the commit: for what leaves its path that is the path. */
static int open_now(struct commit_txn *txn, const struct lc_change *change)
{
	int flags = S_ISLNK(change->after.mode) ? O_PATH : O_RDONLY | O_NONBLOCK;
	int fd, root = txn->store->root, rc = 0;
	const char *real = change->path;
	struct lc_node node;

	if (!change->place[0]) {
		rc = lc_view_look(txn->view, change->path, &node);
		real = node.real;
	}
	fd = rc ? rc : lc_beneath_open(root, real, flags);
	/* Its owner may not read it: so much can be seen anyway. */
	if (fd == -EACCES && !change->attribute)
		fd = lc_beneath_open(root, real, O_PATH);
	return fd;
}

static int note(struct commit_txn *txn, const struct lc_change *change, struct lc_change_list *list)
{
	struct lc_change was;
	struct stat st;
	int fd = open_now(txn, change);
	int rc = fd < 0 ? fd : lc_sys_fstat(fd, &st);

	if (!rc) {
		note_stat(change, &st, &was);
		if (change->attribute)
			rc = read_attribute(fd, change->attribute, &was);
		if (rc)
			lc_change_release(&was);
		else
			rc = add(list, change, &was);
	}
	if (!rc && S_ISREG(st.st_mode) && changes_owner(change))
		rc = note_capability(fd, change, list);
	lc_sys_drop(&fd);
	return rc;
}

int lc_keep_note(struct commit_txn *txn, struct lc_change_list *list)
{
	size_t i, count = list->count;
	int rc = 0;

	for (i = 0; i < count && !rc; i++) {
		/* The list may move while it grows. */
		struct lc_change change = list->items[i];

		if (lc_change_is_meta(&change))
			rc = note(txn, &change, list);
	}
	return rc;
}
