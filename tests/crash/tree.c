/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include "crash.h"

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
#include <xxhash.h>

enum { CHUNK = 1 << 16, OURS_LENGTH = 50 };

static void broken(struct tree *tree, const char *path)
{
	if (tree->broken)
		return;
	tree->broken = errno;
	snprintf(tree->broken_name, sizeof tree->broken_name, "%s", path);
}

static uint64_t digest_file(struct tree *tree, int dir, const char *name, const char *path)
{
	static unsigned char buffer[CHUNK];
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint64_t digest = 1;
	ssize_t got;

	if (fd < 0) {
		broken(tree, path);
		return 0;
	}
	while ((got = read(fd, buffer, sizeof buffer)) > 0)
		digest = XXH3_64bits_withSeed(buffer, (size_t)got, digest);
	if (got < 0)
		broken(tree, path);
	close(fd);
	return digest;
}

uint64_t file_digest(const char *path)
{
	struct tree tree = {.broken = 0};
	uint64_t digest = digest_file(&tree, AT_FDCWD, path, path);

	if (tree.broken)
		errx(1, "%s: %s", path, strerror(tree.broken));
	return digest;
}

static uint64_t digest_link(struct tree *tree, int dir, const char *name, const char *path)
{
	char target[PATH_SIZE];
	ssize_t length = readlinkat(dir, name, target, sizeof target);

	if (length < 0) {
		broken(tree, path);
		return 0;
	}
	return XXH3_64bits(target, (size_t)length);
}

/* The user's attributes; their order is the file system's, so they are added up. */
static uint64_t digest_attributes(int dir, const char *name)
{
	char list[1024], value[4096], path[64 + 256];
	uint64_t digest = 0;
	ssize_t length, i;

	snprintf(path, sizeof path, "/proc/self/fd/%d/%s", dir, name);
	length = llistxattr(path, list, sizeof list);
	for (i = 0; i < length; i += (ssize_t)strlen(list + i) + 1) {
		ssize_t got;

		if (strncmp(list + i, "user.", 5) != 0)
			continue;
		got = lgetxattr(path, list + i, value, sizeof value);
		digest += XXH3_64bits_withSeed(value, got > 0 ? (size_t)got : 0,
		                               XXH3_64bits(list + i, strlen(list + i)));
	}
	return digest;
}

static void add(struct tree *tree, int dir, const char *name, const char *path,
                const struct stat *st)
{
	struct node *node;

	if (tree->count % 64 == 0) {
		tree->list = realloc(tree->list, (tree->count + 64) * sizeof *tree->list);
		if (!tree->list)
			err(1, "tree");
	}
	node = &tree->list[tree->count++];
	*node = (struct node){.mode = st->st_mode, .uid = st->st_uid, .gid = st->st_gid};
	node->path = strdup(path);
	if (!node->path)
		err(1, "tree");
	if (S_ISREG(st->st_mode))
		node->digest = digest_file(tree, dir, name, path);
	else if (S_ISLNK(st->st_mode))
		node->digest = digest_link(tree, dir, name, path);
	/* Sizes and links of directories mean something else on each file system. */
	if (!S_ISDIR(st->st_mode)) {
		node->size = (uint64_t)st->st_size;
		node->links = (uint32_t)st->st_nlink;
	}
	if (!S_ISLNK(st->st_mode))
		node->digest += digest_attributes(dir, name);
}

static void note_residue(struct tree *tree, const char *path)
{
	if (tree->residue++ == 0)
		snprintf(tree->residue_name, sizeof tree->residue_name, "%s", path);
}

static void visit(struct tree *tree, int fd, const char *path, int store);

static void enter(struct tree *tree, int dir, const char *name, const char *path, int store)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		broken(tree, path);
	else
		visit(tree, fd, path, store);
}

/* .NAME.triple, beside a copy of a set */
static int is_sidecar(const char *name)
{
	size_t length = strlen(name);

	return name[0] == '.' && length > 8 && strcmp(name + length - 7, ".triple") == 0;
}

/* What is in a store is the library's own; open stages are not, after recovery. */
static void meet(struct tree *tree, int dir, const char *name, const char *path, int store)
{
	const char *stage = strstr(path, ".commit/stage/");
	struct stat st;

	/* e2fsck's, where a disk of its own is mounted in the tree */
	if (strcmp(name, "lost+found") == 0)
		return;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		broken(tree, path);
		return;
	}
	if (store) {
		tree->stores += XXH3_64bits_withSeed(path, strlen(path), (uint64_t)st.st_size + 1);
		if (stage && !strchr(stage + 14, '/'))
			note_residue(tree, path);
	} else if (is_sidecar(name)) {
		/* Numbers and times in it are those of the run. */
		tree->stores += XXH3_64bits_withSeed(path, strlen(path), (uint64_t)st.st_size + 1);
	} else if (strncmp(name, ".commit-", 8) == 0 && strlen(name) > OURS_LENGTH) {
		note_residue(tree, path);
	} else if (strcmp(name, ".commit") != 0) {
		add(tree, dir, name, path, &st);
	}
	if (S_ISDIR(st.st_mode))
		enter(tree, dir, name, path, store || strcmp(name, ".commit") == 0);
}

static void visit(struct tree *tree, int fd, const char *path, int store)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	char below[PATH_SIZE];

	if (!dir)
		err(1, "fdopendir");
	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (snprintf(below, sizeof below, "%s%s%s", path, *path ? "/" : "",
		             entry->d_name) >= (int)sizeof below)
			errx(1, "%s: too long for this rig", path);
		meet(tree, fd, entry->d_name, below, store);
	}
	if (errno)
		broken(tree, path);
	closedir(dir);
}

static int by_path(const void *a, const void *b)
{
	const struct node *left = a, *right = b;

	return strcmp(left->path, right->path);
}

void tree_take(struct tree *tree, const char *root)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	memset(tree, 0, sizeof *tree);
	if (fd < 0) {
		broken(tree, "/");
		return;
	}
	visit(tree, fd, "", 0);
	if (tree->count)
		qsort(tree->list, tree->count, sizeof *tree->list, by_path);
}

void tree_release(struct tree *tree)
{
	size_t i;

	for (i = 0; i < tree->count; i++)
		free(tree->list[i].path);
	free(tree->list);
	memset(tree, 0, sizeof *tree);
}

const struct node *tree_find(const struct tree *tree, const char *path)
{
	struct node key = {.path = (char *)(uintptr_t)path};

	if (!tree->count)
		return NULL;
	return bsearch(&key, tree->list, tree->count, sizeof *tree->list, by_path);
}

int node_same(const struct node *a, const struct node *b)
{
	if (!a || !b)
		return a == b;
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && a->links == b->links &&
	       a->size == b->size && a->digest == b->digest;
}

void node_describe(const struct node *node, char *text, size_t size)
{
	if (!node)
		snprintf(text, size, "absent");
	else
		snprintf(text, size, "mode %o, %u links, %llu bytes, digest %08llx", node->mode,
		         node->links, (unsigned long long)node->size,
		         (unsigned long long)(node->digest & 0xffffffff));
}

static int tell(const char *path, const struct node *now_is, const struct node *wanted, char *why,
                size_t size)
{
	char is[100], should[100];

	node_describe(now_is, is, sizeof is);
	node_describe(wanted, should, sizeof should);
	snprintf(why, size, "%s is %s, not %s", path, is, should);
	return 1;
}

int tree_differ(const struct tree *is, const struct tree *wanted, char *why, size_t size)
{
	size_t i;

	*why = '\0';
	for (i = 0; i < wanted->count; i++) {
		const struct node *node = tree_find(is, wanted->list[i].path);

		if (!node_same(node, &wanted->list[i]))
			return tell(wanted->list[i].path, node, &wanted->list[i], why, size);
	}
	for (i = 0; i < is->count; i++)
		if (!tree_find(wanted, is->list[i].path))
			return tell(is->list[i].path, &is->list[i], NULL, why, size);
	return 0;
}

void tree_write(FILE *file, int number, const struct tree *tree)
{
	size_t i;

	for (i = 0; i < tree->count; i++) {
		const struct node *n = &tree->list[i];

		fprintf(file, "%d %o %u %u %u %llu %llx %s\n", number, n->mode, n->uid, n->gid,
		        n->links, (unsigned long long)n->size, (unsigned long long)n->digest,
		        n->path);
	}
	fprintf(file, "%d end %llx\n", number, (unsigned long long)tree->answer);
}

int tree_read_all(FILE *file, struct tree *list, int max)
{
	char line[PATH_SIZE + 200], path[PATH_SIZE];
	unsigned long long size, digest;
	int number, count = 0;
	struct node n;

	while (fgets(line, sizeof line, file)) {
		memset(&n, 0, sizeof n);
		if (sscanf(line, "%d end %llx", &number, &digest) == 2 && number < max) {
			count = number + 1;
			list[number].answer = digest;
			continue;
		}
		if (sscanf(line, "%d %o %u %u %u %llu %llx %511[^\n]", &number, &n.mode, &n.uid,
		           &n.gid, &n.links, &size, &digest, path) != 8 ||
		    number >= max)
			errx(1, "states: %s", line);
		n.size = size;
		n.digest = digest;
		n.path = strdup(path);
		list[number].list = realloc(list[number].list,
		                            (list[number].count + 1) * sizeof *list[number].list);
		if (!n.path || !list[number].list)
			err(1, "states");
		list[number].list[list[number].count++] = n;
	}
	return count;
}
