/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "walk.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define OLD_SIZE 700
#define SHORT_SIZE 300
#define KIB 1024
#define OTHER_USER 1000
#define OTHER_GROUP 1001

/* The binary form of an ACL: u::rw u:1234:r g::r m::r o::- */
static const unsigned char acl[] = {2,   0,   0,    0, /* version */
                                    1,   0,   6,    0,   255,  255, 255, 255, 2,   0,
                                    4,   0,   0xd2, 4,   0,    0,   4,   0,   4,   0,
                                    255, 255, 255,  255, 0x10, 0,   4,   0,   255, 255,
                                    255, 255, 0x20, 0,   0,    0,   255, 255, 255, 255};

/* CAP_NET_BIND_SERVICE, permitted and effective */
static const unsigned char caps[] = {1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

/* --- contents ------------------------------------------------------------ */

static struct bytes contents[C_COUNT];

/* Bytes that repeat neither in a sector nor between contents. */
static void fill(unsigned char *to, size_t size, uint64_t seed)
{
	size_t i;

	for (i = 0; i < size; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		to[i] = (unsigned char)(seed >> 56);
	}
}

static unsigned char *make(enum content content, size_t size)
{
	unsigned char *data = calloc(size + 1, 1);

	if (!data)
		err(1, "memory");
	fill(data, size, content);
	contents[content] = (struct bytes){data, size};
	return data;
}

static void make_contents(void)
{
	unsigned char *data;

	make(C_EMPTY, 0);
	make(C_OLD, OLD_SIZE);
	make(C_NEW, 900);
	make(C_EQUAL, OLD_SIZE);
	make(C_SHORT, SHORT_SIZE);
	make(C_BIG_OLD, 150000);
	make(C_BIG_NEW, 150000);
	make(C_LONGER, 200000);
	make(C_AGAIN, 1500);
	data = make(C_APPENDED, OLD_SIZE + SHORT_SIZE);
	memcpy(data, contents[C_OLD].data, OLD_SIZE);
	memcpy(data + OLD_SIZE, contents[C_SHORT].data, SHORT_SIZE);
	data = make(C_SPARSE, (size_t)256 * KIB);
	memset(data + (size_t)8 * KIB, 0, (size_t)120 * KIB);
	memset(data + (size_t)136 * KIB, 0, (size_t)120 * KIB);
}

struct bytes content_bytes(enum content content)
{
	if (!contents[C_EMPTY].data)
		make_contents();
	return contents[content];
}

/* --- making -------------------------------------------------------------- */

void write_file(const char *path, enum content content)
{
	struct bytes bytes = content_bytes(content);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	size_t at, step = (size_t)4 * KIB;

	if (fd < 0 || ftruncate(fd, (off_t)bytes.size) != 0)
		err(1, "%s", path);
	for (at = 0; at < bytes.size; at += step) {
		size_t count = bytes.size - at < step ? bytes.size - at : step;

		/* Zeros stay a hole. */
		if (bytes.data[at] == 0 && !memcmp(bytes.data + at, bytes.data + at + 1, count - 1))
			continue;
		if (pwrite(fd, bytes.data + at, count, (off_t)at) != (ssize_t)count)
			err(1, "%s", path);
	}
	close(fd);
}

void empty_directory(const char *path, int level)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char inside[512];

	if (!dir && errno == ENOENT)
		return;
	if (!dir)
		err(1, "%s", path);
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
		if (unlink(inside) == 0)
			continue;
		if (level < 8)
			empty_directory(inside, level + 1);
		if (rmdir(inside) != 0)
			err(1, "%s", inside);
	}
	closedir(dir);
}

void set_xattr(const char *path, const char *name, const void *value, size_t size)
{
	if (setxattr(path, name, value, size, 0) != 0)
		err(1, "%s: %s", path, name);
}

static void make_old(const struct scenario *s)
{
	write_file("d/f", s->old);
	if ((s->setup & S_OWNER) && chown("d/f", OTHER_USER, OTHER_GROUP) != 0)
		err(1, "chown");
	if (s->setup & S_XATTR) {
		set_xattr("d/f", "user.one", "first", 5);
		set_xattr("d/f", "user.two", "second", 6);
	}
	if (chmod("d/f", s->setup & S_SETID ? 06755 : 0664) != 0)
		err(1, "chmod");
	if (s->setup & S_ACL)
		set_xattr("d/f", "system.posix_acl_access", acl, sizeof acl);
	if (s->setup & S_CAPS)
		set_xattr("d/f", "security.capability", caps, sizeof caps);
	if ((s->setup & S_HARDLINK) && link("d/f", "d/g") != 0)
		err(1, "link");
}

void world_make(const struct scenario *s)
{
	struct stat st;

	if (mkdir("d", 0755) != 0 && errno != EEXIST)
		err(1, "mkdir");
	if (mkdir("reg", 0700) != 0 && errno != EEXIST)
		err(1, "mkdir");
	empty_directory("d", 0);
	empty_directory("reg", 0);
	removexattr("d", "system.posix_acl_default");
	if (s->old != C_NONE)
		make_old(s);
	if (s->setup & S_BACKUP)
		write_file("d/f~", C_SHORT);
	if (s->setup & S_DIR_ACL)
		set_xattr("d", "system.posix_acl_default", acl, sizeof acl);
	unlink("link");
	if ((s->setup & S_SYMLINK) && symlink("d/f", "link") != 0)
		err(1, "symlink");
	write_file("src", s->input);
	if (stat("again", &st) != 0)
		write_file("again", C_AGAIN);
}

/* --- looking ------------------------------------------------------------- */

uint64_t hash_bytes(uint64_t hash, const void *data, size_t size)
{
	const unsigned char *p = data;
	uint64_t word;

	for (; size >= sizeof word; size -= sizeof word, p += sizeof word) {
		memcpy(&word, p, sizeof word);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 29;
	}
	for (; size > 0; size--, p++)
		hash = (hash ^ *p) * 0x100000001b3u;
	return hash ^ hash >> 32;
}

uint64_t hash_content(const char *path)
{
	static unsigned char buffer[256 * KIB];
	int fd = open(path, O_RDONLY | O_NOFOLLOW);
	uint64_t hash = 1;
	ssize_t got;

	if (fd < 0)
		return 0;
	while ((got = read(fd, buffer, sizeof buffer)) > 0)
		hash = hash_bytes(hash, buffer, (size_t)got);
	close(fd);
	return hash;
}

/* A sum, because their order means nothing. */
uint64_t hash_xattrs(const char *path)
{
	char names[1024], value[1024];
	ssize_t length = llistxattr(path, names, sizeof names);
	uint64_t sum = 0;
	const char *name;

	for (name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
		ssize_t size = lgetxattr(path, name, value, sizeof value);

		sum += hash_bytes(hash_bytes(2, name, strlen(name)), value,
		                  size > 0 ? (size_t)size : 0);
	}
	return sum;
}

static void look_at(struct world *world, const char *directory, const char *name)
{
	struct entry *entry = &world->entries[world->count];
	struct stat st;

	if (world->count == ENTRIES_MAX)
		errx(1, "too many files in %s", directory);
	memset(entry, 0, sizeof *entry);
	snprintf(entry->name, sizeof entry->name, "%s/%.100s", directory, name);
	if (lstat(entry->name, &st) != 0)
		return;
	world->count++;
	entry->mode = st.st_mode;
	entry->uid = st.st_uid;
	entry->gid = st.st_gid;
	entry->links = st.st_nlink;
	entry->inode = st.st_ino;
	entry->size = S_ISREG(st.st_mode) ? st.st_size : 0;
	entry->mtime = st.st_mtim;
	entry->content = S_ISREG(st.st_mode) ? hash_content(entry->name) : 0;
	entry->xattrs = hash_xattrs(entry->name);
}

void world_look(struct world *world)
{
	static const char *const directories[] = {"d", "reg"};
	struct dirent *entry;
	size_t i;
	DIR *dir;

	world->count = 0;
	for (i = 0; i < 2; i++) {
		dir = opendir(directories[i]);
		if (!dir)
			err(1, "%s", directories[i]);
		while ((entry = readdir(dir)))
			if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
				look_at(world, directories[i], entry->d_name);
		closedir(dir);
	}
}

const struct entry *world_find(const struct world *world, const char *name)
{
	int i;

	for (i = 0; i < world->count; i++)
		if (strcmp(world->entries[i].name, name) == 0)
			return &world->entries[i];
	return NULL;
}

int is_residue(const struct entry *entry)
{
	return strncmp(strchr(entry->name, '/') + 1, ".commit-", 8) == 0;
}

int residue_count(const struct world *world)
{
	int i, count = 0;

	for (i = 0; i < world->count; i++)
		count += is_residue(&world->entries[i]);
	return count;
}

int entry_alike(const struct entry *a, const struct entry *b)
{
	if (!a || !b)
		return a == b;
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && a->links == b->links &&
	       a->size == b->size && a->content == b->content && a->xattrs == b->xattrs;
}

int entry_same(const struct entry *a, const struct entry *b)
{
	if (!a || !b)
		return a == b;
	return entry_alike(a, b) && a->inode == b->inode && a->mtime.tv_sec == b->mtime.tv_sec &&
	       a->mtime.tv_nsec == b->mtime.tv_nsec;
}

int world_same(const struct world *a, const struct world *b)
{
	int i;

	for (i = 0; i < a->count; i++)
		if (!entry_same(&a->entries[i], world_find(b, a->entries[i].name)))
			return 0;
	return a->count == b->count;
}

/* Of residue, names are random and journals hold times: what kind and how big is told. */
static uint64_t entry_class(const struct entry *entry)
{
	const char *name = is_residue(entry) ? strrchr(entry->name, '.') : entry->name;
	uint64_t hash = hash_bytes(3, name, strlen(name));
	uint64_t facts[] = {entry->mode,
	                    entry->uid,
	                    entry->gid,
	                    entry->links,
	                    (uint64_t)entry->size,
	                    is_residue(entry) ? 0 : entry->content,
	                    is_residue(entry) ? 0 : entry->xattrs};

	return hash_bytes(hash, facts, sizeof facts);
}

uint64_t world_class(const struct world *world)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < world->count; i++)
		sum += entry_class(&world->entries[i]);
	return sum;
}
