/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "store.h"

#include "copy.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT_NEW "format.new"
#define LINK_NEW "link.new"
#define CONFIG_NEW "config.new"
#define VERSION 1
/* Members read it; who has written it is seen by its owner. */
#define GROUP_TEXT 0640
#define FORMAT_START "libcommit store\nversion "
#define LINK_START "libcommit store elsewhere\nversion "
#define CONFIG_START "libcommit store config\nversion "
#define LINK_SIZE (PATH_MAX + 256)
#define CONFIG_SIZE 256

static const char *const bounds[] = {
        [COMMIT_BOUND_COUNT] = "\nkeep count ",
        [COMMIT_BOUND_SECONDS] = "\nkeep seconds ",
        [COMMIT_BOUND_BYTES] = "\nkeep bytes ",
};

/* All of a small file of text, with a terminating zero. -EBADMSG: it is larger. */
static int read_text(int dirfd, const char *name, char *text, size_t size)
{
	int fd = lc_sys_open(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	ssize_t length;
	int rc;

	if (fd < 0)
		return fd;
	rc = lc_sys_fstat(fd, &st);
	if (!rc && !S_ISREG(st.st_mode))
		rc = -EBADMSG;
	length = rc ? 0 : lc_copy_read(fd, text, size, 0);
	lc_sys_drop(&fd);
	if (rc || length < 0)
		return rc ? rc : (int)length;
	if ((size_t)length == size)
		return -EBADMSG;
	text[length] = '\0';
	return strlen(text) == (size_t)length ? 0 : -EBADMSG;
}

/* A file of that name and text, and none of what an earlier try has left. */
static int write_new(const struct commit_store *store, const char *name, const char *text, int *fd)
{
	off_t at = 0;
	int rc = lc_sys_unlink(store->home, name);

	if (rc && rc != -ENOENT)
		return rc;
	*fd = lc_sys_create(store->home, name, O_WRONLY, 0600);
	if (*fd < 0)
		return *fd;
	return lc_copy_bytes(*fd, &at, text, strlen(text));
}

/* Written, flushed, and then at once under its name. */
static int replace_text(const struct commit_store *store, const char *new_name, const char *name,
                        const char *text)
{
	int fd = -1;
	int rc = write_new(store, new_name, text, &fd);

	if (!rc)
		rc = lc_store_share(store, fd, GROUP_TEXT);
	if (!rc)
		rc = lc_sys_fsync(fd);
	lc_sys_drop(&fd);
	if (!rc)
		rc = lc_sys_rename(store->home, new_name, store->home, name);
	if (!rc)
		rc = lc_sys_fsync(store->home);
	return rc == -EINVAL || rc == -EOPNOTSUPP ? 0 : rc;
}

int lc_store_take_number(const char **text, const char *word, int base, uint64_t *number)
{
	char *end;

	if (strncmp(*text, word, strlen(word)) != 0)
		return 0;
	*number = strtoull(*text + strlen(word), &end, base);
	if (end == *text + strlen(word))
		return 0;
	*text = end;
	return 1;
}

/* -EBADMSG: not such a file; -EPROTONOSUPPORT: one of another version. */
static int take_version(const char **text, const char *start)
{
	uint64_t version;

	if (!lc_store_take_number(text, start, 10, &version))
		return -EBADMSG;
	return version == VERSION ? 0 : -EPROTONOSUPPORT;
}

static void print_format(const struct lc_store_format *format, char text[LC_STORE_FORMAT_SIZE])
{
	size_t at = (size_t)snprintf(text, LC_STORE_FORMAT_SIZE,
	                             FORMAT_START "%d\nfs %016" PRIx64 "\ninode %" PRIu64 "\n",
	                             VERSION, format->fs, format->inode);

	if (format->root)
		at += (size_t)snprintf(text + at, LC_STORE_FORMAT_SIZE - at, "root %" PRIu64 "\n",
		                       format->root);
	if (format->grouped)
		snprintf(text + at, LC_STORE_FORMAT_SIZE - at, "group %" PRIu64 "\n",
		         (uint64_t)format->group);
}

/* What was read has one way to be written. */
static int parse_format(const char *text, struct lc_store_format *format)
{
	struct lc_store_format found = {.grouped = 0};
	char again[LC_STORE_FORMAT_SIZE];
	const char *at = text;
	uint64_t group = 0;
	int rc = take_version(&at, FORMAT_START);

	if (rc)
		return rc;
	if (!lc_store_take_number(&at, "\nfs ", 16, &found.fs) ||
	    !lc_store_take_number(&at, "\ninode ", 10, &found.inode))
		return -EBADMSG;
	lc_store_take_number(&at, "\nroot ", 10, &found.root);
	found.grouped = lc_store_take_number(&at, "\ngroup ", 10, &group);
	found.group = (gid_t)group;
	print_format(&found, again);
	if (strcmp(text, again) != 0)
		return -EBADMSG;
	*format = found;
	return 0;
}

int lc_store_read_format(int home, struct lc_store_format *format)
{
	char text[LC_STORE_FORMAT_SIZE];
	int rc = read_text(home, "format", text, sizeof text);

	return rc ? rc : parse_format(text, format);
}

int lc_store_new_format(const struct commit_store *store, struct lc_store_format *format)
{
	struct stat root, home;
	int rc = lc_sys_fstat(store->home, &home);

	memset(format, 0, sizeof *format);
	if (!rc)
		rc = lc_sys_fstat(store->root, &root);
	if (!rc)
		rc = lc_sys_fs_id(store->home, &format->fs);
	if (rc)
		return rc;
	format->inode = home.st_ino;
	if (store->elsewhere)
		format->root = root.st_ino;
	if (store->layout && store->layout->flags & COMMIT_LAYOUT_GROUP) {
		format->grouped = 1;
		format->group = root.st_gid;
	}
	return 0;
}

/* The directory's own inode is part of it: a store that was moved is the same one, a copy is not.
 */
int lc_store_check_format(const struct commit_store *store, const struct lc_store_format *format)
{
	struct lc_store_format here;
	struct stat root;
	int rc = lc_store_new_format(store, &here);

	if (!rc)
		rc = lc_sys_fstat(store->root, &root);
	if (rc)
		return rc;
	if (format->fs != here.fs || format->inode != here.inode)
		return -EXDEV;
	if (format->root ? format->root != root.st_ino : store->elsewhere != NULL)
		return -EXDEV;
	return 0;
}

int lc_store_write_format(const struct commit_store *store, const struct lc_store_format *format)
{
	char text[LC_STORE_FORMAT_SIZE];

	int fd = -1;
	int rc;

	print_format(format, text);
	rc = write_new(store, FORMAT_NEW, text, &fd);
	if (!rc)
		rc = lc_store_share(store, fd, GROUP_TEXT);
	lc_sys_drop(&fd);
	return rc;
}

int lc_store_place_format(const struct commit_store *store)
{
	return lc_sys_rename(store->home, FORMAT_NEW, store->home, "format");
}

int lc_store_write_link(const struct commit_store *store)
{
	char text[LINK_SIZE];
	struct lc_store_format format;
	int fd = -1;
	int rc = lc_store_new_format(store, &format);

	if (rc)
		return rc;
	snprintf(text, sizeof text,
	         LINK_START "%d\nfs %016" PRIx64 "\ninode %" PRIu64 "\nroot %" PRIu64 "\npath %s\n",
	         VERSION, format.fs, format.inode, format.root, store->elsewhere);
	rc = write_new(store, LINK_NEW, text, &fd);
	/* It tells nothing that a look at the root does not. */
	if (!rc)
		rc = lc_sys_fchmod(fd, 0644);
	if (!rc)
		rc = lc_sys_fsync(fd);
	lc_sys_drop(&fd);
	if (!rc)
		rc = lc_sys_link(store->home, LINK_NEW, store->root, LC_STORE_NAME);
	lc_sys_unlink(store->home, LINK_NEW);
	if (!rc)
		rc = lc_sys_fsync(store->root);
	return rc == -EINVAL || rc == -EOPNOTSUPP ? 0 : rc;
}

/* The pair is proven when the format over there has been looked at too. */
static int check_link(struct commit_store *store, const char *at, char **path)
{
	uint64_t fs, here, inode, wanted;
	size_t length;
	struct stat root;
	int rc = lc_sys_fstat(store->root, &root);

	if (!rc)
		rc = lc_sys_fs_id(store->root, &here);
	if (rc)
		return rc;
	if (!lc_store_take_number(&at, "\nfs ", 16, &fs) ||
	    !lc_store_take_number(&at, "\ninode ", 10, &inode) ||
	    !lc_store_take_number(&at, "\nroot ", 10, &wanted) || strncmp(at, "\npath /", 7) != 0)
		return -EBADMSG;
	if (fs != here || wanted != root.st_ino)
		return -EXDEV;
	at += strlen("\npath ");
	length = strlen(at) - 1;
	if (at[length] != '\n' || length >= PATH_MAX)
		return -EBADMSG;
	*path = strdup(at);
	if (!*path)
		return -ENOMEM;
	(*path)[length] = '\0';
	return 0;
}

int lc_store_follow_link(struct commit_store *store)
{
	char text[LINK_SIZE];
	const char *at = text;
	int rc = read_text(store->root, LC_STORE_NAME, text, sizeof text);

	if (rc == -EBADMSG || (!rc && strncmp(text, LINK_START, strlen(LINK_START)) != 0))
		return -ENOTDIR;
	if (!rc)
		rc = take_version(&at, LINK_START);
	if (!rc)
		rc = check_link(store, at, &store->elsewhere);
	if (rc)
		return rc;
	store->linked = 1;
	store->home = lc_sys_open(AT_FDCWD, store->elsewhere, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (store->home == -ENOENT || store->home == -ENOTDIR || store->home == -ELOOP)
		return -ESTALE;
	return store->home < 0 ? store->home : 0;
}

static int parse_config(const char *text, struct lc_store_config *config)
{
	const char *at = text;
	int rc = take_version(&at, CONFIG_START);
	int bound;

	if (rc)
		return rc;
	for (bound = COMMIT_BOUND_COUNT; bound <= COMMIT_BOUND_BYTES; bound++)
		if (lc_store_take_number(&at, bounds[bound], 10, &config->keep)) {
			config->bound = (enum commit_bound)bound;
			return strcmp(at, "\n") == 0 ? 0 : -EBADMSG;
		}
	return -EBADMSG;
}

int lc_store_read_config(const struct commit_store *store, struct lc_store_config *config)
{
	char text[CONFIG_SIZE];
	int rc = read_text(store->home, "config", text, sizeof text);

	memset(config, 0, sizeof *config);
	if (rc == -ENOENT)
		return 0;
	return rc ? rc : parse_config(text, config);
}

int lc_store_write_config(const struct commit_store *store, const struct lc_store_config *config)
{
	char text[CONFIG_SIZE];

	snprintf(text, sizeof text, CONFIG_START "%d%s%" PRIu64 "\n", VERSION,
	         bounds[config->bound], config->keep);
	return replace_text(store, CONFIG_NEW, "config", text);
}

void lc_store_tidy(const struct commit_store *store)
{
	lc_sys_unlink(store->home, LINK_NEW);
	lc_sys_unlink(store->home, CONFIG_NEW);
}
