/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "fuzz.h"

#include "digest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[64];
static int scratch_fd = -1;

static void remove_scratch(void)
{
	fuzz_clear(".", 1);
	rmdir(scratch);
}

const char *fuzz_scratch(void)
{
	const char *place = getenv("LC_FUZZ_DIR");

	if (*scratch)
		return scratch;
	snprintf(scratch, sizeof scratch, "%s/lc-fuzz-XXXXXX", place ? place : "/dev/shm");
	FUZZ_CHECK(mkdtemp(scratch) != NULL);
	scratch_fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FUZZ_CHECK(scratch_fd >= 0);
	umask(022);
	atexit(remove_scratch);
	return scratch;
}

int fuzz_scratch_fd(void)
{
	fuzz_scratch();
	return scratch_fd;
}

const char *fuzz_path(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_MAX, "%s/%s", fuzz_scratch(), name);
	return path;
}

void fuzz_mkdir(const char *name)
{
	FUZZ_CHECK(mkdirat(fuzz_scratch_fd(), name, 0700) == 0);
}

void fuzz_write(const char *name, const void *bytes, size_t length)
{
	int fd = openat(fuzz_scratch_fd(), name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(length == 0 || write(fd, bytes, length) == (ssize_t)length);
	close(fd);
}

void fuzz_symlink(const char *target, const char *name)
{
	FUZZ_CHECK(symlinkat(target, fuzz_scratch_fd(), name) == 0);
}

/* fd is closed. */
static void clear_below(int fd)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	int below;

	FUZZ_CHECK(dir != NULL);
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, entry->d_name, 0) == 0)
			continue;
		below = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		FUZZ_CHECK(below >= 0);
		clear_below(below);
		FUZZ_CHECK(unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0);
	}
	closedir(dir);
}

void fuzz_clear(const char *name, int keep)
{
	int fd = openat(fuzz_scratch_fd(), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	clear_below(fd);
	if (!keep)
		FUZZ_CHECK(unlinkat(fuzz_scratch_fd(), name, AT_REMOVEDIR) == 0);
}

/* The sum over entries does not depend on the order in which they are listed. */
static uint64_t digest_below(int dirfd, const char *name, const char *skip);

static uint64_t digest_content(int dirfd, const char *name, const struct stat *st)
{
	char bytes[4096];
	ssize_t length = 0, got;
	uint64_t sum = 0;
	int fd;

	if (S_ISLNK(st->st_mode)) {
		length = readlinkat(dirfd, name, bytes, sizeof bytes);
		return lc_digest64(bytes, length > 0 ? (size_t)length : 0);
	}
	if (!S_ISREG(st->st_mode))
		return 0;
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	FUZZ_CHECK(fd >= 0);
	while ((got = read(fd, bytes, sizeof bytes)) > 0)
		sum = sum * 31 + lc_digest64(bytes, (size_t)got);
	close(fd);
	return sum;
}

static uint64_t digest_entry(int dirfd, const char *name, const char *skip)
{
	struct stat st;
	uint64_t words[6];

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	words[0] = lc_digest64(name, strlen(name));
	words[1] = st.st_mode;
	words[2] = st.st_uid;
	words[3] = st.st_gid;
	words[4] = st.st_ino;
	words[5] = S_ISDIR(st.st_mode) ? digest_below(dirfd, name, skip)
	                               : digest_content(dirfd, name, &st);
	return lc_digest64(words, sizeof words);
}

static uint64_t digest_below(int dirfd, const char *name, const char *skip)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	uint64_t sum = 0;

	FUZZ_CHECK(dir != NULL);
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    (!skip || strcmp(entry->d_name, skip) != 0))
			sum += digest_entry(fd, entry->d_name, skip);
	closedir(dir);
	return sum;
}

uint64_t fuzz_snapshot(const char *name, const char *skip)
{
	return digest_below(fuzz_scratch_fd(), name, skip);
}
