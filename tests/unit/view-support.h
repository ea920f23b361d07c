/* SPDX-License-Identifier: ISC */
/*
 * view-support.h - a small tree and a view of it
 *
 * The tree is the working directory: files a, b and d/x, directories d, d/e and
 * stage. Each test begins with a fresh view.
 */
#ifndef TEST_VIEW_SUPPORT_H
#define TEST_VIEW_SUPPORT_H

#include "view.h"

extern int root;
extern struct lc_view *view;

int view_begin(void **state);
int view_end(void **state);
void stage_one(const char *path, const char *name, const char *text);
enum lc_node_state state_of(const char *path);
void expect_real(const char *path, const char *real);
void expect_canonical(const char *path, const char *wanted);
int canonical_error(const char *path);
void chmod_in_view(const char *path, mode_t mode);
void carry_out(size_t takes, size_t puts, size_t metas);
void expect_stale(const char *path);
#define TREE(test) cmocka_unit_test_setup_teardown(test, view_begin, view_end)

#endif
