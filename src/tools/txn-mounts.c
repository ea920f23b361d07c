/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "txn-mounts.h"

#include "cli.h"
#include "txn-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int refuse(const char *operation, const char *path, struct commit_error *err)
{
	return cli_fail(err, COMMIT_EFAILED, errno, operation, path, "%s", strerror(errno));
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t length = (ssize_t)strlen(text);
	int rc;

	if (fd < 0)
		return -1;
	rc = write(fd, text, (size_t)length) == length ? 0 : -1;
	close(fd);
	return rc;
}

/* The user stays who he is, and may mount. */
static int enter_user_namespace(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return -1;
	/* without it a kernel does not let us map the group */
	if (write_text("/proc/self/setgroups", "deny") != 0 && errno != ENOENT)
		return -1;
	snprintf(map, sizeof(map), "%ju %ju 1", (uintmax_t)uid, (uintmax_t)uid);
	if (write_text("/proc/self/uid_map", map) != 0)
		return -1;
	snprintf(map, sizeof(map), "%ju %ju 1", (uintmax_t)gid, (uintmax_t)gid);
	return write_text("/proc/self/gid_map", map);
}

int txn_mounts_enter(struct commit_error *err)
{
	int rc = -1;

	if (geteuid() == 0)
		rc = unshare(CLONE_NEWNS);
	if (rc != 0)
		rc = enter_user_namespace();
	if (rc != 0)
		return refuse("make a mount namespace", NULL, err);
	if (mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return refuse("make mounts private", "/", err);
	return COMMIT_OK;
}

int txn_mounts_memory(const char *path, struct commit_error *err)
{
	if (mount("commit-view", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") != 0)
		return refuse("mount a tmpfs", path, err);
	return COMMIT_OK;
}

/* Flags of a mount that a user namespace may not take away. */
static unsigned long flags_of(const char *path)
{
	struct statvfs st;
	unsigned long flags = 0;

	if (statvfs(path, &st) != 0)
		return 0;
	flags |= (st.f_flag & ST_NOSUID) != 0 ? MS_NOSUID : 0;
	flags |= (st.f_flag & ST_NODEV) != 0 ? MS_NODEV : 0;
	flags |= (st.f_flag & ST_NOEXEC) != 0 ? MS_NOEXEC : 0;
	flags |= (st.f_flag & ST_NOATIME) != 0 ? MS_NOATIME : 0;
	flags |= (st.f_flag & ST_NODIRATIME) != 0 ? MS_NODIRATIME : 0;
	flags |= (st.f_flag & ST_RELATIME) != 0 ? MS_RELATIME : 0;
	return flags;
}

int txn_mounts_bind(const char *from, const char *to, bool read_only, struct commit_error *err)
{
	unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY;

	if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) != 0)
		return refuse("bind", to, err);
	if (!read_only || mount("", to, NULL, flags | flags_of(to), NULL) == 0)
		return COMMIT_OK;
	(void)refuse("make read-only", to, err);
	umount2(to, MNT_DETACH);
	return COMMIT_EFAILED;
}

/* One overlay; names are given by descriptors, for ',' and ':' have a meaning. */
static int mount_overlay(const char *view, const char *top, const char *root)
{
	int upper = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int lower = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *user = geteuid() == 0 ? "" : "userxattr,";
	char options[128];
	int rc = -1;

	snprintf(options, sizeof(options), "%slowerdir=/proc/self/fd/%d:/proc/self/fd/%d", user,
	         upper, lower);
	if (upper >= 0 && lower >= 0)
		rc = mount("commit-view", view, "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV,
		           options);
	if (upper >= 0)
		close(upper);
	if (lower >= 0)
		close(lower);
	return rc;
}

/* In place: the kernel writes blanks and the like as \040. */
static void unescape(char *text)
{
	char *out = text;

	for (; *text != '\0'; text++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] != '\0' &&
		    text[3] != '\0') {
			*out++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
			                (text[3] - '0'));
			text += 3;
		} else {
			*out++ = *text;
		}
	}
	*out = '\0';
}

/* The fifth word of a line of mountinfo, if it is below root: the rest of it. */
static char *mount_below(char *line, const char *root)
{
	size_t length = strlen(root);
	char *rest = NULL;
	char *point = NULL;

	for (int i = 0; i < 5; i++, line = NULL)
		point = strtok_r(line, " \n", &rest);
	if (point == NULL)
		return NULL;
	unescape(point);
	if (strcmp(root, "/") == 0)
		return point[1] != '\0' ? point + 1 : NULL;
	if (strncmp(point, root, length) != 0 || point[length] != '/')
		return NULL;
	return point + length + 1;
}

/*
 * What is mounted on root/name, seen at view/name; with changes in it, another
 * overlay. What a transaction has removed is not there to be mounted on.
 */
static void mount_part(const char *view, const char *top, const char *root, const char *name)
{
	char at[PATH_MAX];
	char above[PATH_MAX];
	char below[PATH_MAX];
	struct commit_error err = COMMIT_ERROR_INIT;

	snprintf(at, sizeof(at), "%s/%s", view, name);
	snprintf(above, sizeof(above), "%s/%s", top, name);
	snprintf(below, sizeof(below), "%s/%s", root, name);
	if (txn_tree_is_directory(AT_FDCWD, above) && mount_overlay(at, above, below) == 0)
		return;
	(void)txn_mounts_bind(below, at, true, &err);
}

/* Names below root that are mount points, each with its zero byte; to be freed. */
static char *list_parts(const char *root, size_t *used)
{
	FILE *list = fopen("/proc/self/mountinfo", "re");
	char line[PATH_MAX * 2];
	char *names = NULL;

	while (list != NULL && fgets(line, sizeof(line), list) != NULL) {
		const char *name = mount_below(line, root);
		size_t length = name != NULL ? strlen(name) + 1 : 0;
		char *more;

		if (length == 0 || strncmp(name, ".commit/", 8) == 0)
			continue;
		more = realloc(names, *used + length);
		if (more == NULL)
			break;
		names = more;
		memcpy(names + *used, name, length);
		*used += length;
	}
	if (list != NULL)
		fclose(list);
	return names;
}

/* They are listed first: the mounts we make would turn up among them. */
static void mount_parts(const char *view, const char *top, const char *root)
{
	size_t used = 0;
	char *names = list_parts(root, &used);

	for (size_t at = 0; at < used; at += strlen(names + at) + 1)
		mount_part(view, top, root, names + at);
	free(names);
}

int txn_mounts_overlay(const char *view, const char *top, const char *root,
                       struct commit_error *err)
{
	if (mount_overlay(view, top, root) != 0)
		return refuse("mount an overlay", view, err);
	mount_parts(view, top, root);
	return COMMIT_OK;
}

int txn_mounts_try(const char *directory, struct commit_error *err)
{
	int rc = txn_mounts_enter(err);

	if (rc == COMMIT_OK)
		rc = txn_mounts_memory(directory, err);
	if (rc == COMMIT_OK && (chdir(directory) != 0 || mkdir("top", 0700) != 0 ||
	                        mkdir("root", 0700) != 0 || mkdir("view", 0700) != 0))
		rc = refuse("mkdir", directory, err);
	if (rc == COMMIT_OK && mount_overlay("view", "top", "root") != 0)
		rc = refuse("mount an overlay", directory, err);
	return rc;
}
