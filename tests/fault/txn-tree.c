/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "txn-walk.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OWNERS 2000

/* --- making -------------------------------------------------------------- */

/* Each with metadata of its own, so that those of another would be noticed. */
static void make_file(const char *path, unsigned number)
{
	static const mode_t modes[] = {0640, 0664, 0600, 0604};

	write_file(path, number % 2 ? C_OLD : C_EQUAL);
	if (geteuid() == 0 && chown(path, OWNERS + number, OWNERS + number) != 0)
		err(1, "chown");
	if (chmod(path, modes[number % 4]) != 0)
		err(1, "chmod");
	set_xattr(path, "user.one", path, strlen(path));
}

static void make_line(const char *line, unsigned number)
{
	char kind, name[NAME_SIZE], other[NAME_SIZE] = "", path[NAME_SIZE + 8], from[NAME_SIZE + 8];

	if (sscanf(line, "%c %127s %127s", &kind, name, other) < 2)
		errx(1, "cannot understand: %s", line);
	snprintf(path, sizeof path, "root/%s", name);
	snprintf(from, sizeof from, "root/%s", other);
	if (kind == 'f')
		make_file(path, number);
	else if (kind == 'd'   ? mkdir(path, 0755) != 0
	         : kind == 'h' ? link(from, path) != 0
	                       : symlink(other, path) != 0)
		err(1, "%s", path);
}

static void run_program(const char *const *argv)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "%s has failed", argv[0]);
}

/* What there is once, for all cases of a worker. */
static void make_sources(void)
{
	static const char *const pack[] = {"tar", "-cf", "src.tar", "-C", "src", ".", NULL};

	write_file("new", C_NEW);
	write_file("again", C_AGAIN);
	if (mkdir("src", 0755) != 0 || mkdir("src/d", 0751) != 0 || mkdir("src/e", 0755) != 0)
		err(1, "src");
	write_file("src/a", C_SHORT);
	write_file("src/d/y", C_NEW);
	if (chmod("src/d/y", 0600) != 0 || link("src/d/y", "src/e/y") != 0 ||
	    symlink("../a", "src/e/l") != 0)
		err(1, "src");
	run_program(pack);
}

static void make_ops(const char *text)
{
	int fd = open("ops", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || (text && write(fd, text, strlen(text)) != (ssize_t)strlen(text)))
		err(1, "ops");
	close(fd);
}

void tree_make(const struct txn_scenario *s)
{
	char path[4096];
	const char *argv[] = {fault_tool("commit-txn", path), "init", "-C", "root", NULL};
	struct stat st;
	unsigned i;

	if (stat("src.tar", &st) != 0)
		make_sources();
	if (mkdir("root", 0755) != 0 && errno != EEXIST)
		err(1, "root");
	empty_directory("root", 0);
	make_ops(s->script);
	for (i = 0; i < 16 && s->tree[i]; i++)
		make_line(s->tree[i], i + 1);
	set_or_not("COMMIT_FAULT", "");
	set_or_not("COMMIT_FAULT_LOG", "");
	set_or_not("COMMIT_FAULT_TRACE", "");
	if (!(s->flags & T_NO_STORE))
		run_program(argv);
}

/* --- looking ------------------------------------------------------------- */

static uint64_t hash_target(const char *path)
{
	char target[NAME_SIZE];
	ssize_t length = readlink(path, target, sizeof target);

	return length > 0 ? hash_bytes(5, target, (size_t)length) : 0;
}

static void look_at(struct tree *tree, const char *path, const struct stat *st)
{
	struct node *node = &tree->nodes[tree->count++];

	if (tree->count == NODES_MAX)
		errx(1, "too many files");
	memset(node, 0, sizeof *node);
	snprintf(node->path, sizeof node->path, "%s", path + strlen("root/"));
	node->mode = st->st_mode;
	node->uid = st->st_uid;
	node->gid = st->st_gid;
	node->inode = st->st_ino;
	node->size = S_ISREG(st->st_mode) ? st->st_size : 0;
	node->mtime = st->st_mtim;
	if (S_ISREG(st->st_mode))
		node->content = hash_content(path);
	else if (S_ISLNK(st->st_mode))
		node->content = hash_target(path);
	node->xattrs = hash_xattrs(path);
}

static void look_below(struct tree *tree, const char *directory)
{
	char path[NAME_SIZE];
	struct dirent *entry;
	struct stat st;
	DIR *dir = opendir(directory);

	if (!dir)
		err(1, "%s", directory);
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    strcmp(entry->d_name, ".commit") == 0)
			continue;
		if (snprintf(path, sizeof path, "%s/%s", directory, entry->d_name) >=
		            (int)sizeof path ||
		    lstat(path, &st) != 0)
			err(1, "%s/%s", directory, entry->d_name);
		look_at(tree, path, &st);
		if (S_ISDIR(st.st_mode))
			look_below(tree, path);
	}
	closedir(dir);
}

/* Names in a stage are numbers and words; their sum says how far it has come. */
static uint64_t class_of_stage(const char *name)
{
	char path[NAME_SIZE + 32];
	struct dirent *entry;
	struct stat st;
	uint64_t sum = 11;
	DIR *dir;

	snprintf(path, sizeof path, "root/.commit/stage/%s", name);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		sum += hash_bytes(7, entry->d_name, strlen(entry->d_name)) *
		       (S_ISREG(st.st_mode) ? (uint64_t)st.st_size * 4 + st.st_nlink : 1);
	}
	if (dir)
		closedir(dir);
	return sum;
}

static int is_known(const char *name)
{
	static const char *const names[] = {".",   "..",    "format",     "format.new", "lock",
	                                    "log", "stage", ".gitignore", "config",     "history"};
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(name, names[i]) == 0)
			return 1;
	return 0;
}

static void look_at_store(struct tree *tree)
{
	DIR *dir = opendir("root/.commit");
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		tree->strangers += !is_known(entry->d_name);
	if (dir)
		closedir(dir);
	dir = opendir("root/.commit/stage");
	while (dir && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		tree->stages++;
		tree->stage_class += class_of_stage(entry->d_name);
	}
	if (dir)
		closedir(dir);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct node *)a)->path, ((const struct node *)b)->path);
}

/* A stage that waits to be removed holds names too: they are judged with it. */
static void count_names(struct tree *tree)
{
	int i, j;

	for (i = 0; i < tree->count; i++)
		for (j = 0; j < tree->count && !S_ISDIR(tree->nodes[i].mode); j++)
			tree->nodes[i].links += tree->nodes[j].inode == tree->nodes[i].inode;
}

void tree_look(struct tree *tree)
{
	memset(tree, 0, sizeof *tree);
	look_below(tree, "root");
	count_names(tree);
	if (tree->count > 1)
		qsort(tree->nodes, (size_t)tree->count, sizeof tree->nodes[0], by_path);
	look_at_store(tree);
}

/* --- comparing ----------------------------------------------------------- */

const struct node *tree_find(const struct tree *tree, const char *path)
{
	int i;

	for (i = 0; i < tree->count; i++)
		if (strcmp(tree->nodes[i].path, path) == 0)
			return &tree->nodes[i];
	return NULL;
}

static int is_alike(const struct node *a, const struct node *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && a->links == b->links &&
	       a->size == b->size && a->content == b->content && a->xattrs == b->xattrs;
}

static int is_same(const struct node *a, const struct node *b)
{
	return is_alike(a, b) && a->inode == b->inode && a->mtime.tv_sec == b->mtime.tv_sec &&
	       a->mtime.tv_nsec == b->mtime.tv_nsec;
}

/* The first name in the tree of the same object, -1 if there is none. */
static int first_name(const struct tree *tree, ino_t inode)
{
	int i;

	for (i = 0; i < tree->count; i++)
		if (tree->nodes[i].inode == inode)
			return i;
	return -1;
}

/* The path of the first pair that is not alike, or that only one tree has. */
static const char *missing_path(const struct tree *a, const struct tree *b, int i)
{
	if (i >= a->count)
		return i >= b->count ? NULL : b->nodes[i].path;
	if (i >= b->count || strcmp(a->nodes[i].path, b->nodes[i].path) != 0)
		return a->nodes[i].path;
	return NULL;
}

static const char *first_difference(const struct tree *a, const struct tree *b,
                                    int (*same)(const struct node *a, const struct node *b))
{
	const char *path;
	int i;

	for (i = 0; i < a->count || i < b->count; i++) {
		path = missing_path(a, b, i);
		if (path)
			return path;
		if (!same(&a->nodes[i], &b->nodes[i]))
			return a->nodes[i].path;
	}
	return NULL;
}

const char *tree_differs(const struct tree *a, const struct tree *b)
{
	return first_difference(a, b, is_same);
}

static int has_same_content(const struct node *a, const struct node *b)
{
	return (a->mode & S_IFMT) == (b->mode & S_IFMT) && a->content == b->content;
}

const char *tree_differs_in_content(const struct tree *a, const struct tree *b)
{
	return first_difference(a, b, has_same_content);
}

/* An object that was moved keeps its times too; one that was patched gets others. */
static int is_kept_alike(const struct tree *now, const struct tree *old, int i)
{
	const struct node *node = &now->nodes[i];
	int from = first_name(old, node->inode);

	return from < 0 || !S_ISREG(node->mode) || node->content != old->nodes[from].content ||
	       (node->mtime.tv_sec == old->nodes[from].mtime.tv_sec &&
	        node->mtime.tv_nsec == old->nodes[from].mtime.tv_nsec);
}

const char *tree_differs_as_new(const struct tree *now, const struct tree *old_now,
                                const struct tree *new, const struct tree *old)
{
	const char *path;
	int i;

	for (i = 0; i < now->count || i < new->count; i++) {
		path = missing_path(now, new, i);
		if (path)
			return path;
		if (!is_alike(&now->nodes[i], &new->nodes[i]) || !is_kept_alike(now, old_now, i) ||
		    first_name(now, now->nodes[i].inode) != first_name(new, new->nodes[i].inode) ||
		    first_name(old_now, now->nodes[i].inode) !=
		            first_name(old, new->nodes[i].inode))
			return now->nodes[i].path;
	}
	return NULL;
}

uint64_t tree_class(const struct tree *tree, const struct tree *old)
{
	uint64_t hash = tree->stage_class * 31 + (uint64_t)tree->stages;
	int i;

	for (i = 0; i < tree->count; i++) {
		const struct node *node = &tree->nodes[i];
		uint64_t facts[] = {node->mode,   node->content,
		                    node->xattrs, node->uid,
		                    node->links,  (uint64_t)first_name(old, node->inode)};

		hash = hash_bytes(hash, node->path, strlen(node->path));
		hash = hash_bytes(hash, facts, sizeof facts);
	}
	return hash;
}
