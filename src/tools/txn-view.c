/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "txn-view.h"

#include "child.h"
#include "cli.h"
#include "signals.h"
#include "txn-layer.h"
#include "txn-mounts.h"
#include "txn-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* Up to this much content is copied into memory, more into the directory. */
static const uint64_t memory_max = 64 << 20;

struct view {
	const struct txn_session *session;
	struct txn_changes changes;
	/* the root's path, and a private directory with top and view in it */
	const char *root;
	char directory[PATH_MAX];
	char top[PATH_MAX + 8];
	char tree[PATH_MAX + 8];
	/* the working directory, where the validator runs */
	char *here;
};

static int make_directory(struct view *view, struct commit_error *err)
{
	const char *place = getenv("TMPDIR");

	if (place == NULL || place[0] != '/')
		place = "/tmp";
	snprintf(view->directory, sizeof(view->directory), "%s/commit-view-XXXXXX", place);
	if (mkdtemp(view->directory) == NULL)
		return cli_fail(err, COMMIT_EFAILED, errno, "make a directory", place, "%s",
		                strerror(errno));
	snprintf(view->top, sizeof(view->top), "%s/top", view->directory);
	snprintf(view->tree, sizeof(view->tree), "%s/view", view->directory);
	return COMMIT_OK;
}

static int build_layer(const struct view *view, const char *top, bool copy,
                       struct commit_error *err)
{
	struct txn_layer layer = {.root = view->session->root, .top = -1, .copy = copy};
	int rc;

	layer.top = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (layer.top < 0)
		return cli_fail(err, COMMIT_EFAILED, errno, "open", top, "%s", strerror(errno));
	rc = txn_layer_build(&layer, &view->changes, err);
	close(layer.top);
	/* the top of an overlay is its root */
	if (rc == COMMIT_OK &&
	    txn_tree_copy_directory_mode(view->session->root, ".", AT_FDCWD, top) != 0)
		rc = cli_fail(err, COMMIT_EFAILED, errno, "copy the mode", view->root, "%s",
		              strerror(errno));
	return rc;
}

static int mount_view(const struct view *view, struct commit_error *err)
{
	int rc = COMMIT_OK;

	if (txn_layer_size(view->session->root, &view->changes) <= memory_max)
		rc = txn_mounts_memory(view->directory, err);
	if (rc == COMMIT_OK && (mkdir(view->top, 0700) != 0 || mkdir(view->tree, 0700) != 0))
		rc = cli_fail(err, COMMIT_EFAILED, errno, "mkdir", view->directory, "%s",
		              strerror(errno));
	if (rc == COMMIT_OK)
		rc = build_layer(view, view->top, false, err);
	if (rc == COMMIT_OK)
		rc = txn_mounts_overlay(view->tree, view->top, view->root, err);
	return rc;
}

/* Without overlays: all of the root, copied, with the changes made to it. */
static int copy_view(const struct view *view, struct commit_error *err)
{
	struct commit_error ignored = COMMIT_ERROR_INIT;
	int rc;

	if (txn_tree_remove(AT_FDCWD, view->top) != 0 ||
	    txn_tree_remove(AT_FDCWD, view->tree) != 0 ||
	    txn_tree_copy(AT_FDCWD, view->root, AT_FDCWD, view->tree) != 0)
		return cli_fail(err, COMMIT_EFAILED, errno, "copy for the validator", view->root,
		                "%s", strerror(errno));
	rc = build_layer(view, view->tree, true, err);
	/* where there are namespaces it is read-only at least; it is a copy anyway */
	if (rc == COMMIT_OK)
		(void)txn_mounts_bind(view->tree, view->tree, true, &ignored);
	return rc;
}

static int show(const struct view *view, struct commit_error *err)
{
	bool at_root = view->session->options->validate_at_root != NULL;
	int rc = txn_mounts_enter(err);

	if (rc == COMMIT_OK)
		rc = mount_view(view, err);
	if (rc != COMMIT_OK && !at_root) {
		(void)umount2(view->directory, MNT_DETACH);
		rc = copy_view(view, err);
	} else if (rc == COMMIT_OK && at_root) {
		rc = txn_mounts_bind(view->tree, view->root, false, err);
	}
	return rc;
}

static void tell(int out, const struct commit_error *err)
{
	if (write(out, err, sizeof(*err)) != (ssize_t)sizeof(*err))
		_exit(2);
}

/* In the child: becomes the validator, or tells through out why not. */
static void work(const struct view *view, int out)
{
	const struct txn_options *options = view->session->options;
	bool at_root = options->validate_at_root != NULL;
	const char *command = at_root ? options->validate_at_root : options->validate;
	struct commit_error err = COMMIT_ERROR_INIT;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	/* by name: the directory may have another one mounted over it by now */
	if (show(view, &err) == COMMIT_OK && chdir(view->here) == 0 &&
	    dup2(null, STDIN_FILENO) >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0) {
		sigprocmask(SIG_SETMASK, signals_original_mask(), NULL);
		execlp("sh", "sh", "-c", command, "sh", at_root ? view->root : view->tree,
		       (char *)NULL);
	}
	if (err.code == COMMIT_OK)
		cli_fail(&err, COMMIT_EFAILED, errno, "run sh", NULL, "%s", strerror(errno));
	tell(out, &err);
}

/* Starts work() or try_out(); *told is where its failure comes from. */
static int start(const struct view *view, void (*act)(const struct view *, int),
                 struct child *child, int *told, struct commit_error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return cli_fail(err, COMMIT_EFAILED, errno, "pipe", NULL, "%s", strerror(errno));
	cli_push();
	child->group = true;
	child->pid = fork();
	if (child->pid == 0) {
		setpgid(0, 0);
		act(view, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	*told = ends[0];
	if (child->pid > 0) {
		setpgid(child->pid, child->pid);
		return COMMIT_OK;
	}
	close(ends[0]);
	return cli_fail(err, COMMIT_EFAILED, errno, "fork", NULL, "%s", strerror(errno));
}

/*
 * Waits for it to end. A pipe holds all that is told, so nobody has to read it
 * before; operation points to a text that both of us have.
 */
static int finish(struct child *child, int told, int *status, struct commit_error *err)
{
	struct commit_error failure;
	int rc = child_wait(child, -1, status, err);

	if (rc == COMMIT_OK && read(told, &failure, sizeof(failure)) == (ssize_t)sizeof(failure)) {
		*err = failure;
		rc = failure.code;
	}
	close(told);
	return rc;
}

static int run(const struct view *view, struct commit_error *err)
{
	struct child child = {0, false};
	int status = 0;
	int told = -1;
	int rc = start(view, work, &child, &told, err);

	if (rc == COMMIT_OK)
		rc = finish(&child, told, &status, err);
	if (rc == COMMIT_OK)
		rc = child_judge(status, NULL, "validate", view->root, "the validator",
		                 "nothing was changed", err);
	return rc;
}

int txn_view_validate(struct txn_session *session)
{
	struct view view = {
	        .session = session,
	        .root = commit_store_root(session->store),
	        .here = getcwd(NULL, 0),
	};
	int rc = txn_changes_show(session, &view.changes);

	if (rc == COMMIT_OK && view.here == NULL)
		rc = cli_fail(&session->err, COMMIT_EFAILED, errno, "find the working directory",
		              NULL, "%s", strerror(errno));
	if (rc == COMMIT_OK)
		rc = make_directory(&view, &session->err);
	if (rc == COMMIT_OK) {
		rc = run(&view, &session->err);
		(void)txn_tree_remove(AT_FDCWD, view.directory);
	}
	txn_changes_release(&view.changes);
	free(view.here);
	return rc;
}

static void try_out(const struct view *view, int out)
{
	struct commit_error err = COMMIT_ERROR_INIT;

	if (txn_mounts_try(view->directory, &err) != COMMIT_OK)
		tell(out, &err);
}

int txn_view_check(struct commit_error *err)
{
	struct commit_error told = COMMIT_ERROR_INIT;
	struct view view = {NULL};
	struct child child = {0, false};
	int status = 0;
	int out = -1;
	int rc = make_directory(&view, err);

	if (rc != COMMIT_OK)
		return rc;
	rc = start(&view, try_out, &child, &out, &told);
	if (rc == COMMIT_OK)
		rc = finish(&child, out, &status, &told);
	(void)txn_tree_remove(AT_FDCWD, view.directory);
	if (rc == COMMIT_ECANCELED || (rc == COMMIT_OK && status == 0))
		return rc;
	return cli_fail(err, COMMIT_EFAILED, told.errnum, "--validate-at-root", NULL,
	                "cannot be had here: %s: %s; it needs root or user namespaces, and "
	                "overlayfs; --validate needs neither",
	                told.operation, told.text);
}
