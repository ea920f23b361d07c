/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "view-support.h"

#include "support.h"

#include "publish.h"
#include "sys.h"
#include "view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int root = -1;
struct lc_view *view;

int view_begin(void **state)
{
	int rc = support_begin(state);

	if (rc)
		return rc;
	root = lc_sys_open(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY);
	if (root < 0 || mkdir("stage", 0700) != 0 || mkdir("d", 0755) != 0 ||
	    mkdir("d/e", 0755) != 0)
		return -1;
	put("a", "a");
	put("b", "b");
	put("d/x", "x");
	view = lc_view_new(root, "stage");
	return view ? 0 : -1;
}

int view_end(void **state)
{
	lc_view_free(view);
	lc_sys_drop(&root);
	return support_end(state);
}

void stage_one(const char *path, const char *name, const char *text)
{
	struct lc_identity identity;
	char real[64];
	struct stat st;

	snprintf(real, sizeof real, "stage/%s", name);
	if (text)
		put(real, text);
	else
		assert_int_equal(mkdir(real, 0755), 0);
	st = stat_of(real);
	lc_identity_of(&st, &identity);
	assert_int_equal(lc_view_put(view, path, real, &identity), 0);
}

enum lc_node_state state_of(const char *path)
{
	struct lc_node node;

	assert_int_equal(lc_view_look(view, path, &node), 0);
	return node.state;
}

void expect_real(const char *path, const char *real)
{
	struct lc_node node;

	assert_int_equal(lc_view_look(view, path, &node), 0);
	assert_string_equal(node.real, real);
}

void expect_canonical(const char *path, const char *wanted)
{
	char canonical[PATH_MAX];

	assert_int_equal(lc_view_canonical(view, path, canonical), 0);
	assert_string_equal(canonical, wanted);
}

int canonical_error(const char *path)
{
	char canonical[PATH_MAX];

	return lc_view_canonical(view, path, canonical);
}

void chmod_in_view(const char *path, mode_t mode)
{
	struct lc_change c = {.type = LC_OPERATION_META, .mode = mode};

	c.uid = c.gid = UINT32_MAX;
	c.path = strdup(path);
	c.place = strdup("");
	assert_int_equal(lc_view_meta(view, path, &c), 0);
}

/* Plans, and carries it out. */
void carry_out(size_t takes, size_t puts, size_t metas)
{
	struct lc_change_list list = {NULL, 0, 0};
	const struct lc_change *wrong;
	size_t i, counts[3] = {0, 0, 0};
	const char *bad;

	assert_int_equal(lc_view_plan(view, &list, &bad), 0);
	for (i = 0; i < list.count; i++)
		counts[list.items[i].type - LC_CHANGE_TAKE]++;
	assert_int_equal(counts[0], takes);
	assert_int_equal(counts[1], puts);
	assert_int_equal(counts[2], metas);
	assert_int_equal(lc_publish_apply(root, &list, &wrong), 0);
	/* and once more: nothing is left to do */
	if (metas == 0)
		assert_int_equal(lc_publish_apply(root, &list, &wrong), 0);
	lc_change_list_release(&list);
}

void expect_stale(const char *path)
{
	struct lc_change_list list = {NULL, 0, 0};
	const char *bad;

	assert_int_equal(lc_view_plan(view, &list, &bad), -ESTALE);
	assert_string_equal(bad, path);
	lc_change_list_release(&list);
}
