/* SPDX-License-Identifier: ISC */
/*
 * Archives through the reader: headers, names, a bounded part of the contents.
 * libarchive itself is not instrumented; ours is what is done with what it says.
 */
#include "config.h"

#include "fuzz.h"

#include "archive/reader.h"
#include "cli.h"
#include "txn-apply-internal.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

enum { ENTRIES_MAX = 64, CONTENT_MAX = 64 * 1024, TAR_BLOCK = 512, TAR_SUM = 148 };

/* tar(5): the sum of a header's bytes, its own field taken for blanks */
static void seal_tar(uint8_t *block)
{
	unsigned sum = 8 * ' ';
	char text[9];
	size_t i;

	for (i = 0; i < TAR_BLOCK; i++)
		if (i < TAR_SUM || i >= TAR_SUM + 8)
			sum += block[i];
	snprintf(text, sizeof text, "%06o", sum);
	memcpy(block + TAR_SUM, text, 7);
	block[TAR_SUM + 7] = ' ';
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	size_t at;

	size = LLVMFuzzerMutate(data, size, most);
	if (seed % 8 == 0)
		return size;
	for (at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK)
		if (memcmp(data + at + 257, "ustar", 5) == 0)
			seal_tar(data + at);
	return size;
}

static int see_attribute(void *context, const char *name, const void *value, size_t length)
{
	uint64_t *sum = context;
	const unsigned char *bytes = value;
	size_t i;

	*sum += strlen(name);
	for (i = 0; i < length; i++)
		*sum += bytes[i];
	return 0;
}

/* What the tool would do to that path stays below the root. */
static void check_path(struct apply *apply, const char *entry, const char *name)
{
	char path[PATH_MAX];
	bool excluded = false;

	if (txn_apply_path(apply, entry, name, path, sizeof(path), &excluded) != COMMIT_OK)
		return;
	FUZZ_CHECK(path[0] != '/' && strlen(path) < sizeof(path));
	for (const char *at = path; *at != '\0';) {
		size_t length = strcspn(at, "/");

		FUZZ_CHECK(length > 0);
		FUZZ_CHECK(!(length == 1 && at[0] == '.') && strncmp(at, "..", length) != 0);
		FUZZ_CHECK(length != 7 || strncmp(at, ".commit", 7) != 0);
		at += length + (at[length] == '/');
	}
}

static void see_entry(struct apply *apply, const struct reader_entry *entry)
{
	char block[4096];
	uint64_t sum = 0;
	size_t total = 0;
	ssize_t got;

	FUZZ_CHECK(entry->path != NULL && entry->source == NULL);
	FUZZ_CHECK((entry->mode & ~07777u) == 0);
	check_path(apply, entry->path, entry->path);
	if (entry->target != NULL && entry->kind == READER_HARDLINK)
		check_path(apply, entry->path, entry->target);
	reader_attributes(apply->reader, see_attribute, &sum);
	do {
		got = reader_read(apply->reader, block, sizeof(block), &apply->session->err);
		FUZZ_CHECK(got <= (ssize_t)sizeof(block));
		total += got > 0 ? (size_t)got : 0;
	} while (got > 0 && total < CONTENT_MAX);
}

static int open_input(const uint8_t *data, size_t size)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("archive", MFD_CLOEXEC);
	FUZZ_CHECK(fd >= 0 && ftruncate(fd, 0) == 0);
	FUZZ_CHECK(pwrite(fd, data, size, 0) == (ssize_t)size);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct txn_options options = {.strip = (int)(size % 3)};
	struct txn_session session = TXN_SESSION_INIT;
	struct apply apply = {.session = &session};
	struct reader_entry entry;
	char name[64];
	int entries = 0;

	session.options = &options;
	cli.quiet = true;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", open_input(data, size));
	if (reader_open_archive(&apply.reader, name, -1, &session.err) != COMMIT_OK)
		return 0;
	while (entries++ < ENTRIES_MAX && reader_next(apply.reader, &entry, &session.err) == 1)
		see_entry(&apply, &entry);
	reader_close(apply.reader);
	return 0;
}
