/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "rvm-vista.h"

#include "bytes.h"
#include "copy.h"
#include "name.h"
#include "record.h"
#include "sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* commit-vista(5): names, and types of the one record in a file */
#define MARK "vista"
#define VOLATILE "volatile"
#define SEGMENT "segment-"
#define UNDO "undo-"
#define NEW ".new"
#define NAME_SIZE 32
#define VERSION 1
enum { TYPE_MARK = 1, TYPE_VOLATILE = 2, TYPE_SEGMENT = 3 };

static void numbered(const char *prefix, uint32_t number, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "%s%08" PRIx32, prefix, number);
}

/* The number in a name that numbered has made; 0: it has not. */
static int number_of(const char *name, const char *prefix, uint32_t *number)
{
	char again[NAME_SIZE];

	if (strncmp(name, prefix, strlen(prefix)) != 0)
		return 0;
	*number = (uint32_t)strtoul(name + strlen(prefix), NULL, 16);
	numbered(prefix, *number, again);
	return strcmp(name, again) == 0;
}

static int flush_dir(int dirfd)
{
	int rc = lc_sys_fsync(dirfd);

	return rc == -EINVAL || rc == -EOPNOTSUPP ? 0 : rc;
}

/* A new file under a name that counts for nothing yet; what a crash has left there goes. */
static int create_new(int dirfd, const char *name, char half[NAME_SIZE])
{
	int fd;

	snprintf(half, NAME_SIZE, "%s" NEW, name);
	fd = lc_sys_create(dirfd, half, O_RDWR, 0600);
	if (fd != -EEXIST)
		return fd;
	fd = lc_sys_unlink(dirfd, half);
	return fd ? fd : lc_sys_create(dirfd, half, O_RDWR, 0600);
}

/* One record in a file: there as a whole, durably, or not at all. */
static int write_file(int dirfd, const char *name, uint32_t type, const void *payload,
                      uint32_t length)
{
	unsigned char bytes[LC_RECORD_HEAD + LC_RVM_SEGMENT_MAX + LC_RECORD_ALIGN];
	const struct lc_record record = {.type = type, .length = length};
	char half[NAME_SIZE];
	off_t at = 0;
	int fd = create_new(dirfd, name, half), rc;

	if (fd < 0)
		return fd;
	memcpy(bytes + LC_RECORD_HEAD, payload, length);
	rc = lc_copy_bytes(fd, &at, bytes, lc_record_seal(bytes, &record));
	if (!rc)
		rc = lc_sys_fsync(fd);
	lc_sys_drop(&fd);
	if (!rc)
		rc = lc_sys_rename(dirfd, half, dirfd, name);
	return rc ? rc : flush_dir(dirfd);
}

int lc_vista_read(int dirfd, const char *name, uint32_t type, unsigned char **payload,
                  uint32_t *length)
{
	unsigned char bytes[LC_RECORD_HEAD + LC_RVM_SEGMENT_MAX + LC_RECORD_ALIGN];
	struct lc_record record;
	int fd = lc_sys_open(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	ssize_t size;

	if (fd < 0)
		return fd;
	size = lc_copy_read(fd, bytes, sizeof bytes, 0);
	lc_sys_drop(&fd);
	if (size < 0)
		return (int)size;
	if (lc_record_open(bytes, (size_t)size, &record) != 0 || record.type != type)
		return -EBADMSG;
	*payload = malloc(record.length + 1);
	if (!*payload)
		return -ENOMEM;
	memcpy(*payload, record.payload, record.length);
	*length = record.length;
	return 0;
}

int lc_vista_is(int dirfd)
{
	unsigned char *payload;
	uint32_t length, version;
	int rc = lc_vista_read(dirfd, MARK, TYPE_MARK, &payload, &length);

	if (rc)
		return rc;
	version = length < 4 ? 0 : lc_get_le32(payload);
	free(payload);
	if (version == 0)
		return -EBADMSG;
	return version == VERSION ? 0 : -EPROTONOSUPPORT;
}

int lc_vista_create(int dirfd)
{
	unsigned char payload[4];
	int rc = lc_vista_is(dirfd);

	if (rc != -ENOENT)
		return rc ? rc : -EEXIST;
	lc_put_le32(payload, VERSION);
	return write_file(dirfd, MARK, TYPE_MARK, payload, sizeof payload);
}

int lc_vista_note_volatile(struct commit_rvm *rvm)
{
	unsigned char payload[4];
	int rc;

	if (rvm->vista->is_volatile)
		return 0;
	lc_put_le32(payload, lc_name_boot());
	rc = write_file(rvm->dirfd, VOLATILE, TYPE_VOLATILE, payload, sizeof payload);
	rvm->vista->is_volatile = rc == 0;
	return rc;
}

int lc_vista_was_volatile(int dirfd, uint32_t *boot)
{
	unsigned char *payload;
	uint32_t length;
	int rc = lc_vista_read(dirfd, VOLATILE, TYPE_VOLATILE, &payload, &length);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	*boot = length < 4 ? 0 : lc_get_le32(payload);
	free(payload);
	return 1;
}

int lc_vista_define(struct commit_rvm *rvm, const struct lc_rvm_segment *segment)
{
	unsigned char payload[LC_RVM_SEGMENT_MAX];
	char name[NAME_SIZE];

	numbered(SEGMENT, segment->number, name);
	return write_file(rvm->dirfd, name, TYPE_SEGMENT, payload,
	                  lc_rvm_put_segment(segment, payload));
}

int lc_vista_read_segment(struct lc_rvm_files *files, int dirfd, uint32_t number)
{
	unsigned char *payload;
	uint32_t length;
	char name[NAME_SIZE];
	int rc;

	if (lc_rvm_files_find(files, number))
		return 0;
	numbered(SEGMENT, number, name);
	rc = lc_vista_read(dirfd, name, TYPE_SEGMENT, &payload, &length);
	if (rc)
		return rc == -ENOENT ? -EBADMSG : rc;
	rc = lc_rvm_files_take(files, payload, length);
	free(payload);
	return !rc && !lc_rvm_files_find(files, number) ? -EBADMSG : rc;
}

/* A file that long, whose pages can be written without asking for room. */
static int extend(int fd, uint64_t size)
{
	int rc = lc_sys_reserve(fd, 0, (off_t)size);

	if (!rc || rc == -EOPNOTSUPP || rc == -ENOSYS)
		rc = lc_sys_ftruncate(fd, (off_t)size);
	return rc;
}

static int map_undo(int fd, uint64_t room, struct lc_undo *undo)
{
	void *memory;
	int rc = lc_sys_map_shared(fd, 0, LC_UNDO_HEAD + (size_t)room, NULL, &memory,
	                           &undo->persistent);

	if (rc)
		return rc;
	undo->bytes = memory;
	undo->room = room;
	return 0;
}

static int fill_slot(struct commit_rvm *rvm, struct lc_vista_slot *slot)
{
	char name[NAME_SIZE], half[NAME_SIZE];
	uint64_t salt;
	struct stat st;
	int rc;

	numbered(UNDO, slot->number, name);
	slot->fd = create_new(rvm->dirfd, name, half);
	if (slot->fd < 0)
		return slot->fd;
	rc = extend(slot->fd, LC_UNDO_HEAD + LC_UNDO_ROOM);
	if (!rc)
		rc = lc_sys_fstat(slot->fd, &st);
	if (!rc)
		rc = lc_sys_random(&salt, sizeof salt);
	if (!rc)
		rc = map_undo(slot->fd, LC_UNDO_ROOM, &slot->undo);
	if (rc)
		return rc;
	lc_undo_begin(&slot->undo, salt, st.st_ino);
	rc = slot->undo.persistent ? lc_sys_fsync(slot->fd) : lc_vista_note_volatile(rvm);
	if (!rc)
		rc = lc_sys_rename(rvm->dirfd, half, rvm->dirfd, name);
	if (!rc && slot->undo.persistent)
		rc = flush_dir(rvm->dirfd);
	return rc;
}

static void free_slot(struct lc_vista_slot *slot)
{
	if (slot->undo.bytes)
		lc_sys_unmap(slot->undo.bytes, LC_UNDO_HEAD + (size_t)slot->undo.room);
	lc_sys_drop(&slot->fd);
	free(slot->pinned);
	free(slot);
}

int lc_vista_make_slot(struct commit_rvm *rvm, struct lc_vista_slot **slot)
{
	/* Two threads do not write to one cache line. */
	const size_t line = 64;
	const size_t size = (sizeof **slot + line - 1) / line * line;
	struct lc_vista_slot *made = aligned_alloc(line, size);
	int rc;

	if (!made)
		return -ENOMEM;
	memset(made, 0, size);
	made->fd = -1;
	made->number = rvm->vista->count + 1;
	made->xact.rvm = rvm;
	rc = fill_slot(rvm, made);
	if (rc) {
		free_slot(made);
		return rc;
	}
	made->next = rvm->vista->slots;
	rvm->vista->slots = made;
	rvm->vista->count++;
	*slot = made;
	return 0;
}

int lc_vista_grow(struct commit_rvm *rvm, struct lc_vista_slot *slot, uint64_t bytes)
{
	struct lc_undo bigger = slot->undo;
	uint64_t room = slot->undo.room;
	int rc;

	while (room - slot->undo.end < bytes)
		room *= 2;
	if (room > SIZE_MAX / 2)
		return -EFBIG;
	rc = extend(slot->fd, LC_UNDO_HEAD + room);
	if (!rc && slot->undo.persistent)
		rc = lc_sys_fsync(slot->fd);
	if (!rc)
		rc = map_undo(slot->fd, room, &bigger);
	if (rc)
		return rc;
	lc_sys_unmap(slot->undo.bytes, LC_UNDO_HEAD + (size_t)slot->undo.room);
	slot->undo = bigger;
	if (bigger.persistent)
		return 0;
	pthread_mutex_lock(&rvm->mutex);
	rc = lc_vista_note_volatile(rvm);
	pthread_mutex_unlock(&rvm->mutex);
	return rc;
}

static int each_name(int dirfd, int (*visit)(void *context, const char *name), void *context)
{
	const struct dirent *entry;
	int fd = lc_sys_open(dirfd, ".", O_RDONLY | O_DIRECTORY), rc = 0;
	DIR *dir;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		lc_sys_drop(&fd);
		return -ENOMEM;
	}
	lc_sys_forget(fd);
	do {
		errno = 0;
		entry = readdir(dir);
		rc = entry ? visit(context, entry->d_name) : -errno;
	} while (entry && !rc);
	closedir(dir);
	return rc;
}

struct each {
	int dirfd;
	int (*visit)(void *context, uint32_t number);
	void *context;
};

static int visit_undo(void *context, const char *name)
{
	const struct each *each = context;
	uint32_t number;

	return number_of(name, UNDO, &number) ? each->visit(each->context, number) : 0;
}

int lc_vista_each(int dirfd, int (*visit)(void *context, uint32_t number), void *context)
{
	struct each each = {dirfd, visit, context};

	return each_name(dirfd, visit_undo, &each);
}

int lc_vista_open_undo(int dirfd, uint32_t number, struct lc_undo *undo, size_t *size)
{
	char name[NAME_SIZE];
	struct stat st;
	void *memory;
	int fd, rc;

	numbered(UNDO, number, name);
	fd = lc_sys_open(dirfd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return fd;
	rc = lc_sys_fstat(fd, &st);
	if (!rc && (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < LC_UNDO_HEAD ||
	            (uint64_t)st.st_size > SIZE_MAX / 2))
		rc = -EBADMSG;
	if (!rc)
		rc = lc_sys_map_private(fd, 0, (size_t)st.st_size, NULL, &memory);
	lc_sys_drop(&fd);
	if (rc)
		return rc;
	memset(undo, 0, sizeof *undo);
	undo->bytes = memory;
	undo->room = (uint64_t)st.st_size - LC_UNDO_HEAD;
	*size = (size_t)st.st_size;
	rc = lc_undo_open(undo, st.st_ino);
	if (rc)
		lc_sys_unmap(memory, *size);
	return rc;
}

struct sweep {
	int dirfd;
	unsigned removed;
};

static int remove_name(struct sweep *sweep, const char *name)
{
	sweep->removed++;
	return lc_sys_unlink(sweep->dirfd, name);
}

static int sweep_undo(void *context, const char *name)
{
	uint32_t number;

	return number_of(name, UNDO, &number) ? remove_name(context, name) : 0;
}

static int sweep_others(void *context, const char *name)
{
	const size_t length = strlen(name);
	uint32_t number;

	if (number_of(name, SEGMENT, &number) || strcmp(name, VOLATILE) == 0 ||
	    (length > strlen(NEW) && strcmp(name + length - strlen(NEW), NEW) == 0))
		return remove_name(context, name);
	return 0;
}

int lc_vista_sweep(int dirfd)
{
	struct sweep sweep = {dirfd, 0};
	int rc = each_name(dirfd, sweep_undo, &sweep);

	/* No undo log is found again without what its numbers mean. */
	if (!rc && sweep.removed > 0)
		rc = flush_dir(dirfd);
	sweep.removed = 0;
	if (!rc)
		rc = each_name(dirfd, sweep_others, &sweep);
	return rc || sweep.removed == 0 ? rc : flush_dir(dirfd);
}

int lc_vista_sync(struct commit_rvm *rvm)
{
	const struct lc_rvm_segment *segment;
	int rc = 0;

	pthread_mutex_lock(&rvm->mutex);
	for (segment = rvm->segments; segment && !rc; segment = segment->next)
		rc = lc_sys_fdatasync(segment->fd);
	pthread_mutex_unlock(&rvm->mutex);
	return rc;
}

void lc_vista_free(struct commit_rvm *rvm)
{
	struct lc_vista_slot *slot;

	if (!rvm->vista)
		return;
	while ((slot = rvm->vista->slots)) {
		rvm->vista->slots = slot->next;
		free_slot(slot);
	}
	free(rvm->vista);
}
