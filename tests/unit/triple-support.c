/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "triple-support.h"

#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const triple_paths[3] = {"a/f", "b/f", "c/f"};
const char *const triple_sides[3] = {"a/.f.triple", "b/.f.triple", "c/.f.triple"};
static const char *const directories[3] = {"a", "b", "c"};
static const char *const gone[3] = {"a.gone", "b.gone", "c.gone"};

const char *const hurt_names[HURT_KINDS] = {
        "nothing",     "away",        "content rotten",  "sidecar rotten",
        "both rotten", "content cut", "content missing", "sidecar missing",
        "an old copy", "old content", "an old sidecar",  "another slot's copy",
};

struct commit_triple_options triple_opt;
struct commit_triple_result triple_result;
struct commit_error triple_err;
unsigned triple_warned;
char triple_warning[COMMIT_ERROR_TEXT_MAX];

static char *got;
static size_t got_length;
static struct triple_state remembered;

static void warn(void *context, const struct commit_error *warning)
{
	(void)context;
	triple_warned++;
	memcpy(triple_warning, warning->text, sizeof triple_warning);
}

static void come_back(void)
{
	unsigned i;

	for (i = 0; i < 3; i++)
		if (access(gone[i], F_OK) == 0) {
			rmdir(directories[i]);
			assert_int_equal(rename(gone[i], directories[i]), 0);
		}
}

void triple_begin(void)
{
	unsigned i;

	come_back();
	for (i = 0; i < 3; i++) {
		assert_true(mkdir(directories[i], 0755) == 0 || errno == EEXIST);
		unlink(triple_paths[i]);
		unlink(triple_sides[i]);
	}
	commit_triple_options_init(&triple_opt);
	triple_opt.block_size = TRIPLE_BLOCK;
	triple_opt.wait_ms = 0;
	triple_opt.warn = warn;
	triple_warned = 0;
	triple_warning[0] = '\0';
}

int triple_write_bytes(const void *bytes, size_t length)
{
	mark(&triple_err);
	memset(&triple_result, 0, sizeof triple_result);
	return commit_triple_bytes(triple_paths, bytes, length, &triple_opt, &triple_result,
	                           &triple_err);
}

int triple_write(const char *text)
{
	return triple_write_bytes(text, strlen(text));
}

static int collect(void *context, const void *bytes, size_t length, struct commit_error *err)
{
	(void)context, (void)err;
	got = realloc(got, got_length + length + 1);
	assert_non_null(got);
	memcpy(got + got_length, bytes, length);
	got_length += length;
	got[got_length] = '\0';
	return 0;
}

int triple_get(void)
{
	free(got);
	got = NULL;
	got_length = 0;
	mark(&triple_err);
	memset(&triple_result, 0, sizeof triple_result);
	return commit_triple_read(triple_paths, &triple_opt, collect, NULL, &triple_result,
	                          &triple_err);
}

const char *triple_text(void)
{
	return got ? got : "";
}

void triple_expect_bytes(const void *bytes, size_t length)
{
	assert_int_equal(got_length, length);
	if (length)
		assert_memory_equal(got, bytes, length);
}

void triple_expect(const char *text)
{
	triple_expect_bytes(text, strlen(text));
}

void triple_read(const char *text)
{
	int rc = triple_get();

	if (rc)
		fail_msg("read: %d: %s: %s: %s", rc, triple_err.path, triple_err.operation,
		         triple_err.text);
	triple_expect(text);
}

static int look(enum commit_triple_depth depth)
{
	mark(&triple_err);
	memset(&triple_result, 0, sizeof triple_result);
	return commit_triple_check(triple_paths, &triple_opt, depth, &triple_result, &triple_err);
}

int triple_check(void)
{
	return look(COMMIT_TRIPLE_CHECK);
}

int triple_repair(void)
{
	return look(COMMIT_TRIPLE_REPAIR);
}

/* --- faults --- */

static void give_times(const char *path, const struct stat *st)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

void flip(const char *path, off_t at)
{
	struct stat st;
	char byte;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	assert_int_equal(fstat(fd, &st), 0);
	if (pread(fd, &byte, 1, at) == 1) {
		byte = (char)(byte ^ 0x20);
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	assert_int_equal(fsync(fd), 0);
	close(fd);
	give_times(path, &st);
}

static void cut(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return;
	assert_int_equal(truncate(path, st.st_size / 2), 0);
	give_times(path, &st);
}

static void put_file(const struct triple_state *state, unsigned from, const char *path)
{
	unlink(path);
	if (!state->files[from].bytes)
		return;
	put_bytes(path, state->files[from].bytes, state->files[from].length);
	assert_int_equal(chmod(path, state->files[from].st.st_mode & 07777), 0);
	give_times(path, &state->files[from].st);
}

static void go_away(unsigned copy)
{
	assert_int_equal(rename(directories[copy], gone[copy]), 0);
}

static void misplace(unsigned copy)
{
	struct triple_state now;
	unsigned next = (copy + 1) % 3;

	triple_capture(&now);
	put_file(&now, 2 * next, triple_paths[copy]);
	put_file(&now, 2 * next + 1, triple_sides[copy]);
	triple_free(&now);
}

void triple_strike(unsigned copy, enum hurt how)
{
	if (how == HURT_CONTENT || how == HURT_BOTH)
		flip(triple_paths[copy], 0);
	if (how == HURT_SIDECAR || how == HURT_BOTH)
		flip(triple_sides[copy], 200);
	if (how == HURT_CUT)
		cut(triple_paths[copy]);
	if (how == HURT_NO_CONTENT)
		unlink(triple_paths[copy]);
	if (how == HURT_NO_SIDECAR)
		unlink(triple_sides[copy]);
	if (how == HURT_BACK || how == HURT_CONTENT_BACK)
		put_file(&remembered, 2 * copy, triple_paths[copy]);
	if (how == HURT_BACK || how == HURT_SIDECAR_BACK)
		put_file(&remembered, 2 * copy + 1, triple_sides[copy]);
	if (how == HURT_MISPLACED)
		misplace(copy);
	if (how == HURT_AWAY)
		go_away(copy);
}

/* --- states --- */

static const char *name_of(unsigned i)
{
	return i % 2 ? triple_sides[i / 2] : triple_paths[i / 2];
}

void triple_capture(struct triple_state *state)
{
	unsigned i;

	memset(state, 0, sizeof *state);
	for (i = 0; i < 6; i++) {
		int fd = open(name_of(i), O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			continue;
		assert_int_equal(fstat(fd, &state->files[i].st), 0);
		state->files[i].length = (size_t)state->files[i].st.st_size;
		state->files[i].bytes = malloc(state->files[i].length + 1);
		assert_non_null(state->files[i].bytes);
		assert_int_equal(read(fd, state->files[i].bytes, state->files[i].length),
		                 (ssize_t)state->files[i].length);
		close(fd);
	}
}

void triple_restore(const struct triple_state *state)
{
	unsigned i;

	come_back();
	for (i = 0; i < 6; i++)
		put_file(state, i, name_of(i));
}

int triple_same(const struct triple_state *a, const struct triple_state *b)
{
	unsigned i;

	for (i = 0; i < 6; i++) {
		if (!a->files[i].bytes != !b->files[i].bytes ||
		    a->files[i].length != b->files[i].length)
			return 0;
		if (a->files[i].bytes &&
		    memcmp(a->files[i].bytes, b->files[i].bytes, a->files[i].length) != 0)
			return 0;
	}
	return 1;
}

void triple_free(struct triple_state *state)
{
	unsigned i;

	for (i = 0; i < 6; i++) {
		free(state->files[i].bytes);
		state->files[i].bytes = NULL;
	}
}

void triple_remember(void)
{
	triple_free(&remembered);
	triple_capture(&remembered);
}

unsigned triple_sweep(void)
{
	unsigned i, count = 0;
	char path[600];
	struct dirent *entry;

	for (i = 0; i < 3; i++) {
		DIR *dir = opendir(directories[i]);

		while (dir && (entry = readdir(dir)))
			if (strncmp(entry->d_name, ".commit-", 8) == 0) {
				snprintf(path, sizeof path, "%s/%s", directories[i], entry->d_name);
				count += unlink(path) == 0;
			}
		if (dir)
			closedir(dir);
	}
	return count;
}
