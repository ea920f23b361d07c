/* SPDX-License-Identifier: ISC */
/*
 * Confined paths: whatever is opened is one of the tree's own objects, and the
 * walk for kernels without openat2 gets to the same ones.
 */
#include "config.h"

#include "fuzz.h"

/* for walk; the library's own copy is not linked then */
#include "../../src/lib/beneath.c" /* NOLINT(bugprone-suspicious-include) */

#include <string.h>
#include <unistd.h>

static const char *const inside[] = {"tree/a",     "tree/d",   "tree/d/x", "tree/d/e",
                                     "tree/d/e/y", "tree/out", "tree/up",  "tree/d/back",
                                     "tree/loop",  "tree/...", "tree/ "};
enum { INSIDE = sizeof inside / sizeof inside[0] };

static int tree = -1;
static ino_t inodes[INSIDE + 1];

static void init(void)
{
	struct stat st;
	size_t i;

	fuzz_mkdir("tree");
	fuzz_mkdir("outside");
	fuzz_write("outside/secret", "secret", 6);
	fuzz_mkdir("tree/d");
	fuzz_mkdir("tree/d/e");
	fuzz_write("tree/a", "a", 1);
	fuzz_write("tree/d/x", "x", 1);
	fuzz_write("tree/d/e/y", "y", 1);
	fuzz_write("tree/...", "dots", 4);
	fuzz_write("tree/ ", "blank", 5);
	fuzz_symlink("../outside", "tree/out");
	fuzz_symlink("..", "tree/up");
	fuzz_symlink("../d", "tree/d/back");
	fuzz_symlink("loop", "tree/loop");
	tree = openat(fuzz_scratch_fd(), "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FUZZ_CHECK(tree >= 0 && fstat(tree, &st) == 0);
	inodes[INSIDE] = st.st_ino;
	for (i = 0; i < INSIDE; i++) {
		FUZZ_CHECK(fstatat(fuzz_scratch_fd(), inside[i], &st, AT_SYMLINK_NOFOLLOW) == 0);
		inodes[i] = st.st_ino;
	}
}

static void check_inside(ino_t inode)
{
	size_t i;

	for (i = 0; i <= INSIDE; i++)
		if (inodes[i] == inode)
			return;
	FUZZ_CHECK(!"an object of the tree");
}

/* The rule written down a second time. */
static int is_valid(const char *path)
{
	size_t length = strlen(path), start = 0, at, count;

	if (length == 0 || length >= PATH_MAX)
		return 0;
	for (at = 0; at <= length; at++) {
		if (path[at] != '/' && path[at] != '\0')
			continue;
		count = at - start;
		if (count == 0 || count > NAME_MAX ||
		    (count <= 2 && strspn(path + start, ".") >= count))
			return 0;
		start = at + 1;
	}
	return 1;
}

static void open_both(const char *path, int flags)
{
	int fd = lc_beneath_open(tree, path, flags);
	int walked = *path == '\0'            ? -ENOENT
	             : lc_beneath_valid(path) ? walk(tree, path, flags)
	                                      : -EINVAL;
	struct stat a, b;

	FUZZ_CHECK(fd < 0 || lc_beneath_valid(path) || *path == '\0');
	FUZZ_CHECK((fd < 0) == (walked < 0) || *path == '\0');
	if (fd >= 0) {
		FUZZ_CHECK(fstat(fd, &a) == 0);
		check_inside(a.st_ino);
		if (walked >= 0)
			FUZZ_CHECK(fstat(walked, &b) == 0 && a.st_ino == b.st_ino);
	}
	if (fd >= 0)
		close(fd);
	if (walked >= 0)
		close(walked);
}

static void look_up(struct lc_beneath_cache *cache, const char *path)
{
	const char *base = NULL;
	int dir = lc_beneath_parent(cache, path, &base);
	struct stat st;

	if (dir >= 0) {
		FUZZ_CHECK(base && !strchr(base, '/') && fstat(dir, &st) == 0);
		check_inside(st.st_ino);
	}
	if (lc_beneath_stat(cache, path, &st) == 0)
		check_inside(st.st_ino);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int flags[] = {O_PATH, O_RDONLY | O_NONBLOCK, O_RDONLY | O_DIRECTORY};
	struct lc_beneath_cache cache;
	struct fuzz_input in;
	uint8_t which;
	char *path;

	if (tree < 0)
		init();
	fuzz_input_init(&in, data, size);
	lc_beneath_init(&cache, tree);
	which = fuzz_u8(&in);
	/* more than one, for the cache keeps the last directory */
	do {
		path = fuzz_text(&in, which & 4 ? 12 : in.left);
		FUZZ_CHECK(lc_beneath_valid(path) == is_valid(path));
		open_both(path, flags[which % 3]);
		look_up(&cache, path);
		free(path);
	} while (in.left > 0);
	lc_beneath_release(&cache);
	return 0;
}
