/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "storm.h"

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- random numbers ------------------------------------------------------ */

uint64_t dice_next(struct dice *dice)
{
	uint64_t z = dice->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

unsigned dice_roll(struct dice *dice, unsigned count)
{
	return (unsigned)((dice_next(dice) >> 32) * count >> 32);
}

/* --- contents ------------------------------------------------------------ */

size_t content_fill(uint64_t content, unsigned char *bytes, size_t size)
{
	struct dice dice = {content};
	/* mostly small, some of several blocks */
	size_t length = dice_roll(&dice, 4) ? 24 + dice_roll(&dice, 400)
	                                    : 24 + dice_roll(&dice, CONTENT_SIZE_MAX - 24);
	size_t i;

	if (length > size)
		errx(1, "content");
	snprintf((char *)bytes, size, "%020llu\n", (unsigned long long)content);
	for (i = 21; i < length; i++)
		bytes[i] = (unsigned char)dice_next(&dice);
	return length;
}

uint64_t content_of(const char *path)
{
	static unsigned char is[CONTENT_SIZE_MAX + 1], wanted[CONTENT_SIZE_MAX];
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t length = fd >= 0 ? read(fd, is, sizeof is - 1) : -1;
	uint64_t content;

	if (fd >= 0)
		close(fd);
	if (length < 24 || length > CONTENT_SIZE_MAX)
		return CONTENT_TORN;
	is[length] = '\0';
	content = strtoull((char *)is, NULL, 10);
	if (content_fill(content, wanted, sizeof wanted) != (size_t)length ||
	    memcmp(is, wanted, (size_t)length) != 0)
		return CONTENT_TORN;
	return content;
}

/* --- states -------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->path, ((const struct item *)b)->path);
}

static int index_of(const struct state *state, const char *path)
{
	int i;

	for (i = 0; i < state->count; i++)
		if (strcmp(state->items[i].path, path) == 0)
			return i;
	return -1;
}

const struct item *state_find(const struct state *state, const char *path)
{
	int i = index_of(state, path);

	return i < 0 ? NULL : &state->items[i];
}

void state_drop(struct state *state, const char *path)
{
	int i = index_of(state, path);

	if (i < 0)
		return;
	state->count--;
	memmove(&state->items[i], &state->items[i + 1],
	        (size_t)(state->count - i) * sizeof state->items[0]);
}

static struct item *add(struct state *state, const char *path, enum kind kind)
{
	struct item *item;

	if (state->count == ITEMS_MAX)
		errx(1, "too many files");
	item = &state->items[state->count++];
	memset(item, 0, sizeof *item);
	snprintf(item->path, sizeof item->path, "%s", path);
	item->kind = kind;
	item->object = state->next_object++;
	return item;
}

static uint64_t target_of(const char *path)
{
	char target[64];
	ssize_t length = readlink(path, target, sizeof target - 1);

	if (length < 0)
		return CONTENT_TORN;
	target[length] = '\0';
	return strtoull(target, NULL, 10);
}

/* Inodes while looking; the same one for the names of one file. */
struct look {
	struct state *state;
	size_t root_length;
	ino_t inodes[ITEMS_MAX];
};

static void look_at(struct look *look, const char *path)
{
	struct stat st;
	struct item *item;
	int i;

	if (lstat(path, &st) != 0)
		err(1, "%s", path);
	item = add(look->state, path + look->root_length + 1,
	           S_ISDIR(st.st_mode)   ? KIND_DIR
	           : S_ISLNK(st.st_mode) ? KIND_LINK
	                                 : KIND_FILE);
	item->mode = S_ISLNK(st.st_mode) ? 0777 : st.st_mode & 07777;
	if (item->kind == KIND_FILE)
		item->content = content_of(path);
	else if (item->kind == KIND_LINK)
		item->content = target_of(path);
	look->inodes[look->state->count - 1] = st.st_ino;
	for (i = 0; i < look->state->count - 1; i++)
		if (look->inodes[i] == st.st_ino)
			item->object = look->state->items[i].object;
}

static void look_below(struct look *look, const char *directory)
{
	char path[PATH_SIZE + 300];
	struct dirent *entry;
	DIR *dir = opendir(directory);

	if (!dir)
		err(1, "%s", directory);
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    strcmp(entry->d_name, ".commit") == 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
		look_at(look, path);
		if (look->state->items[look->state->count - 1].kind == KIND_DIR)
			look_below(look, path);
	}
	closedir(dir);
}

static void sort(struct state *state)
{
	if (state->count > 1)
		qsort(state->items, (size_t)state->count, sizeof state->items[0], by_path);
}

void state_look(const char *root, struct state *state)
{
	struct look look = {.state = state, .root_length = strlen(root)};

	memset(state, 0, sizeof *state);
	look_below(&look, root);
	sort(state);
}

/* Objects are compared by the first of their names. */
static int first_name(const struct state *state, unsigned object)
{
	int i;

	for (i = 0; state->items[i].object != object; i++)
		continue;
	return i;
}

static int is_alike(const struct state *a, int i, const struct state *b, int k)
{
	const struct item *x = &a->items[i], *y = &b->items[k];

	return x->kind == y->kind && x->mode == y->mode && x->content == y->content &&
	       strcmp(a->items[first_name(a, x->object)].path,
	              b->items[first_name(b, y->object)].path) == 0;
}

static size_t describe(const struct state *state, int i, const char *sign, char *text, size_t size)
{
	const struct item *item = &state->items[i];
	int length = snprintf(text, size, " %s%s(%c %o %llu =%s)", sign, item->path, item->kind,
	                      item->mode, (unsigned long long)item->content,
	                      state->items[first_name(state, item->object)].path);

	return length < 0 || (size_t)length >= size ? 0 : (size_t)length;
}

int state_differs(const struct state *a, const struct state *b, char *text, size_t size)
{
	size_t used = 0;
	int i = 0, k = 0, differs = 0;

	if (text)
		text[0] = '\0';
	while (i < a->count || k < b->count) {
		int order = i >= a->count   ? 1
		            : k >= b->count ? -1
		                            : strcmp(a->items[i].path, b->items[k].path);

		if (order == 0 && is_alike(a, i, b, k)) {
			i++, k++;
			continue;
		}
		differs = 1;
		if (!text)
			return 1;
		if (order <= 0)
			used += describe(a, i, "is:", text + used, size - used);
		if (order >= 0)
			used += describe(b, k, "not:", text + used, size - used);
		i += order <= 0;
		k += order >= 0;
	}
	return differs;
}

/* --- operations ---------------------------------------------------------- */

/* One to three components of few names, so that transactions meet. */
static void random_path(struct dice *dice, char path[PATH_SIZE])
{
	static const char *const names[] = {"a", "b", "c", "d", "-e", "f\n"};
	unsigned depth = 1 + (dice_roll(dice, 3) == 0) + (dice_roll(dice, 6) == 0), i;

	path[0] = '\0';
	for (i = 0; i < depth; i++) {
		if (i > 0)
			strcat(path, "/");
		strcat(path, names[dice_roll(dice, 6)]);
	}
}

static int has_parent(const struct state *state, const char *path)
{
	char above[PATH_SIZE];
	char *slash;
	const struct item *item;

	strcpy(above, path);
	slash = strrchr(above, '/');
	if (!slash)
		return 1;
	*slash = '\0';
	item = state_find(state, above);
	return item && item->kind == KIND_DIR;
}

static int is_below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	return strncmp(path, directory, length) == 0 && path[length] == '/';
}

static int is_empty(const struct state *state, const char *path)
{
	int i;

	for (i = 0; i < state->count; i++)
		if (is_below(state->items[i].path, path))
			return 0;
	return 1;
}

static const char *existing_path(struct dice *dice, const struct state *state)
{
	return state->count ? state->items[dice_roll(dice, (unsigned)state->count)].path : "";
}

static int make_put(struct state *state, struct op *op)
{
	const struct item *old = state_find(state, op->path);
	mode_t mode = old && old->kind == KIND_FILE ? old->mode : 0644;
	struct item *item;

	if (!has_parent(state, op->path) || (old && old->kind == KIND_DIR))
		return 0;
	state_drop(state, op->path);
	item = add(state, op->path, KIND_FILE);
	item->content = op->content;
	item->mode = mode;
	return 1;
}

static int make_remove(struct state *state, struct op *op)
{
	const struct item *item = state_find(state, op->path);

	if (!item || (item->kind == KIND_DIR) != (op->type == OP_RMDIR) ||
	    !is_empty(state, op->path))
		return 0;
	state_drop(state, op->path);
	return 1;
}

static int make_new(struct state *state, struct op *op)
{
	struct item *item;

	if (!has_parent(state, op->path) || state_find(state, op->path))
		return 0;
	item = add(state, op->path, op->type == OP_MKDIR ? KIND_DIR : KIND_LINK);
	item->mode = op->type == OP_MKDIR ? op->mode & 0755 : 0777;
	if (op->type == OP_SYMLINK)
		item->content = op->content;
	return 1;
}

static int make_link(struct state *state, struct op *op)
{
	const struct item *from = state_find(state, op->path);
	struct item copy;

	if (!from || from->kind == KIND_DIR || !has_parent(state, op->to) ||
	    state_find(state, op->to))
		return 0;
	copy = *from;
	*add(state, op->to, copy.kind) = copy;
	snprintf(state->items[state->count - 1].path, PATH_SIZE, "%s", op->to);
	return 1;
}

static int can_move(const struct state *state, const struct op *op)
{
	const struct item *from = state_find(state, op->path), *to = state_find(state, op->to);
	int i;

	if (!from || !has_parent(state, op->to) || is_below(op->to, op->path) ||
	    strcmp(op->path, op->to) == 0)
		return 0;
	if (to && ((to->kind == KIND_DIR) != (from->kind == KIND_DIR) || !is_empty(state, op->to)))
		return 0;
	for (i = 0; i < state->count; i++)
		if (is_below(state->items[i].path, op->path) &&
		    strlen(state->items[i].path) + strlen(op->to) >= PATH_SIZE)
			return 0;
	return 1;
}

static int make_move(struct state *state, struct op *op)
{
	char rest[PATH_SIZE];
	int i;

	if (!can_move(state, op))
		return 0;
	state_drop(state, op->to);
	for (i = 0; i < state->count; i++) {
		char *path = state->items[i].path;

		if (strcmp(path, op->path) != 0 && !is_below(path, op->path))
			continue;
		strcpy(rest, path + strlen(op->path));
		snprintf(path, PATH_SIZE, "%.*s%s", PATH_SIZE / 2, op->to, rest);
	}
	return 1;
}

static int names_of(const struct state *state, unsigned object)
{
	int i, count = 0;

	for (i = 0; i < state->count; i++)
		count += state->items[i].object == object;
	return count;
}

static int make_chmod(struct state *state, struct op *op)
{
	int at = index_of(state, op->path);

	/*
	 * Of a file with two names the change goes with the path: if that name is
	 * put anew by the same transaction, the other does not get it.
	 */
	if (at < 0 || state->items[at].kind == KIND_LINK ||
	    names_of(state, state->items[at].object) > 1)
		return 0;
	state->items[at].mode = op->mode;
	return 1;
}

static int make_op(struct state *state, struct op *op)
{
	switch (op->type) {
	case OP_PUT:
		return make_put(state, op);
	case OP_RM:
	case OP_RMDIR:
		return make_remove(state, op);
	case OP_MKDIR:
	case OP_SYMLINK:
		return make_new(state, op);
	case OP_LINK:
		return make_link(state, op);
	case OP_MV:
		return make_move(state, op);
	default:
		return make_chmod(state, op);
	}
}

static void random_op(struct dice *dice, const struct state *state, struct op *op)
{
	static const mode_t modes[] = {0755, 0700, 0750, 0711};
	static const enum op_type types[] = {OP_PUT,   OP_PUT,   OP_PUT,  OP_RM,      OP_MKDIR,
	                                     OP_MKDIR, OP_RMDIR, OP_MV,   OP_MV,      OP_MV,
	                                     OP_MV,    OP_LINK,  OP_LINK, OP_SYMLINK, OP_CHMOD};

	op->type = types[dice_roll(dice, sizeof types / sizeof types[0])];
	random_path(dice, op->path);
	if (dice_roll(dice, 2))
		snprintf(op->path, sizeof op->path, "%s", existing_path(dice, state));
	random_path(dice, op->to);
	if (dice_roll(dice, 4) == 0)
		snprintf(op->to, sizeof op->to, "%s", existing_path(dice, state));
	op->content = dice_next(dice) >> 16;
	op->mode = modes[dice_roll(dice, 4)];
}

void ops_make(struct dice *dice, struct state *state, struct ops *ops)
{
	int wanted = 1 + (int)dice_roll(dice, OPS_MAX);
	int tries;

	ops->count = 0;
	for (tries = 0; tries < 200 && ops->count < wanted; tries++) {
		struct op *op = &ops->items[ops->count];

		random_op(dice, state, op);
		if (op->path[0] && state->count < ITEMS_MAX - 2 && make_op(state, op)) {
			ops->count++;
			sort(state);
		}
	}
}
