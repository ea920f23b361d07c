/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "rvm-vista.h"

#include "error.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int lc_rvm_fail(const struct commit_rvm *rvm, int code, int rc, const char *operation,
                const char *path, const char *why, struct commit_error *err)
{
	return lc_error_set(err, code, -rc, operation, path ? path : rvm->path, why);
}

struct lc_rvm_region *lc_rvm_region_at(struct commit_rvm *rvm, const void *start, size_t length)
{
	const unsigned char *at = start;
	struct lc_rvm_region *region;

	for (region = rvm->regions; region; region = region->next)
		if (at >= region->memory && at - region->memory < (ptrdiff_t)region->length &&
		    length <= region->length - (size_t)(at - region->memory))
			return region;
	return NULL;
}

int lc_rvm_same_segment(int fd, uint64_t fs, uint64_t inode)
{
	struct stat st;
	uint64_t id;
	int rc = lc_sys_fstat(fd, &st);

	if (!rc)
		rc = lc_sys_fs_id(fd, &id);
	if (rc)
		return rc;
	return S_ISREG(st.st_mode) && st.st_ino == inode && id == fs ? 0 : -ESTALE;
}

/* Makes it if it is missing, its name durable. */
static int open_file(const struct lc_place *place, unsigned flags, int *fd)
{
	int rc;

	*fd = lc_sys_open(place->fd, place->name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (*fd != -ENOENT || !(flags & COMMIT_RVM_CREATE))
		return *fd < 0 ? *fd : 0;
	*fd = lc_sys_create(place->fd, place->name, O_RDWR, 0600);
	if (*fd < 0)
		return *fd;
	rc = lc_dir_flush(place, *fd);
	return rc == -EINVAL || rc == -EOPNOTSUPP ? 0 : rc;
}

/* The path by which the kernel knows it now: the log's records must find it again. */
static int name_segment(struct lc_rvm_segment *segment)
{
	char link[64];
	ssize_t length;

	snprintf(link, sizeof link, "/proc/self/fd/%d", segment->fd);
	length = lc_sys_readlink(AT_FDCWD, link, segment->path, PATH_MAX - 1);
	if (length < 0)
		return (int)length;
	segment->path[length] = '\0';
	return 0;
}

static int open_segment(struct lc_rvm_segment *segment, const char *path, unsigned flags,
                        struct commit_error *err)
{
	struct lc_place place;
	struct stat st;
	int rc = lc_dir_resolve(path, COMMIT_SYMLINK_FOLLOW, &place, err);

	if (rc)
		return rc;
	rc = open_file(&place, flags, &segment->fd);
	lc_dir_release(&place);
	if (!rc)
		rc = lc_sys_fstat(segment->fd, &st);
	if (!rc && !S_ISREG(st.st_mode))
		return lc_error_set(err, COMMIT_EREFUSED, EINVAL, "map", path,
		                    "a segment is a regular file");
	if (!rc)
		rc = lc_sys_fs_id(segment->fd, &segment->fs);
	if (!rc)
		rc = name_segment(segment);
	if (rc)
		return lc_error_set(err, COMMIT_EFAILED, -rc, "open", path, NULL);
	segment->inode = st.st_ino;
	return 0;
}

/* The same file under whatever name is one segment. */
static struct lc_rvm_segment *known(struct commit_rvm *rvm, const struct lc_rvm_segment *like)
{
	struct lc_rvm_segment *segment;

	for (segment = rvm->segments; segment; segment = segment->next)
		if (segment->fs == like->fs && segment->inode == like->inode)
			return segment;
	return NULL;
}

static void free_segment(struct lc_rvm_segment *segment)
{
	lc_sys_drop(&segment->fd);
	free(segment);
}

/* With the mutex held. */
static int find_segment(struct commit_rvm *rvm, const char *path, unsigned flags,
                        struct lc_rvm_segment **segment, struct commit_error *err)
{
	struct lc_rvm_segment *fresh = calloc(1, sizeof *fresh);
	int rc;

	*segment = NULL;
	if (!fresh) {
		lc_rvm_fail(rvm, COMMIT_EFAILED, -ENOMEM, "map", path, NULL, err);
		return COMMIT_EFAILED;
	}
	fresh->fd = -1;
	rc = open_segment(fresh, path, flags, err);
	*segment = rc ? NULL : known(rvm, fresh);
	if (rc || *segment) {
		free_segment(fresh);
		return rc;
	}
	if (lc_sys_lock(fresh->fd) == -EWOULDBLOCK) {
		free_segment(fresh);
		lc_rvm_fail(rvm, COMMIT_EBUSY, -EWOULDBLOCK, "map", path,
		            "another process uses the segment", err);
		return COMMIT_EBUSY;
	}
	fresh->number = rvm->last_number + 1;
	rc = rvm->vista ? lc_vista_define(rvm, fresh) : 0;
	if (rc) {
		free_segment(fresh);
		return lc_rvm_fail(rvm, COMMIT_EFAILED, rc, "note segment", NULL, NULL, err);
	}
	rvm->last_number++;
	fresh->next = rvm->segments;
	rvm->segments = fresh;
	*segment = fresh;
	return 0;
}

static int overlaps(const struct commit_rvm *rvm, const struct lc_rvm_segment *segment,
                    uint64_t offset, size_t length)
{
	const struct lc_rvm_region *region;

	for (region = rvm->regions; region; region = region->next)
		if (region->segment == segment && offset < region->offset + region->length &&
		    region->offset < offset + length)
			return 1;
	return 0;
}

/*
 * Long enough, and durably so: pages behind the end cannot be used. What is
 * mapped shared must have its blocks, for a full disk would kill the process.
 */
static int make_room(const struct commit_rvm *rvm, const struct lc_rvm_segment *segment,
                     uint64_t end, unsigned flags)
{
	struct stat st;
	int rc = lc_sys_fstat(segment->fd, &st);

	if (rc || ((uint64_t)st.st_size >= end && !rvm->vista))
		return rc;
	if ((uint64_t)st.st_size < end && !(flags & COMMIT_RVM_CREATE))
		return -ENXIO;
	rc = lc_sys_reserve(segment->fd, 0, (off_t)end);
	if (rc == -EOPNOTSUPP || rc == -ENOSYS)
		rc = 0;
	if (!rc && (uint64_t)st.st_size < end)
		rc = lc_sys_ftruncate(segment->fd, (off_t)end);
	return rc ? rc : lc_sys_fsync(segment->fd);
}

static int map_memory(struct commit_rvm *rvm, const struct lc_rvm_region *want,
                      struct lc_rvm_region *region)
{
	void *at = NULL;
	int rc;

	if (!rvm->vista)
		rc = lc_sys_map_private(want->segment->fd, (off_t)want->offset, want->length,
		                        want->memory, &at);
	else
		rc = lc_sys_map_shared(want->segment->fd, (off_t)want->offset, want->length,
		                       want->memory, &at, &region->persistent);
	if (!rc && rvm->vista && !region->persistent) {
		rc = lc_vista_note_volatile(rvm);
		if (rc)
			lc_sys_unmap(at, want->length);
	}
	if (rc)
		return rc;
	region->segment = want->segment;
	region->offset = want->offset;
	region->length = want->length;
	region->memory = at;
	region->pins = 0;
	rc = lc_audit_mapped(rvm, region);
	if (rc)
		lc_sys_unmap(at, want->length);
	return rc;
}

static int map_region(struct commit_rvm *rvm, const struct lc_rvm_region *want, unsigned flags,
                      void **memory)
{
	struct lc_rvm_region *region = rvm->retired;
	int rc;

	/* Made in any case as one that can be used again. */
	if (!region) {
		region = calloc(1, sizeof *region);
		if (!region)
			return -ENOMEM;
		region->closing = 1;
		rvm->retired = region;
	}
	rc = make_room(rvm, want->segment, want->offset + want->length, flags);
	if (!rc)
		rc = map_memory(rvm, want, region);
	if (rc)
		return rc;
	rvm->retired = region->next;
	region->next = rvm->regions;
	rvm->regions = region;
	region->segment->regions++;
	region->closing = 0;
	*memory = region->memory;
	return 0;
}

static int map_locked(struct commit_rvm *rvm, const char *path, const struct lc_rvm_region *want,
                      unsigned flags, void **memory, struct commit_error *err)
{
	struct lc_rvm_region where = *want;
	int rc = find_segment(rvm, path, flags, &where.segment, err);

	if (rc)
		return rc;
	if (overlaps(rvm, where.segment, want->offset, want->length))
		return lc_rvm_fail(rvm, COMMIT_EREFUSED, -EEXIST, "map", path,
		                   "a part of it is mapped already", err);
	rc = map_region(rvm, &where, flags, memory);
	if (rc == -ENXIO)
		return lc_rvm_fail(rvm, COMMIT_EREFUSED, rc, "map", path,
		                   "the segment is too short", err);
	if (rc == -EEXIST)
		return lc_rvm_fail(rvm, COMMIT_EREFUSED, rc, "map", path,
		                   "something is at that address", err);
	return rc ? lc_rvm_fail(rvm, COMMIT_EFAILED, rc, "map", path, NULL, err) : 0;
}

int commit_rvm_map(struct commit_rvm *rvm, const char *segment, uint64_t offset, size_t length,
                   void *wanted, unsigned flags, void **memory, struct commit_error *err)
{
	const struct lc_rvm_region want = {.offset = offset, .length = length, .memory = wanted};
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int rc;

	if (length == 0 || length % page || offset % page || (uintptr_t)wanted % page ||
	    offset > (uint64_t)INT64_MAX - length || flags & ~COMMIT_RVM_CREATE)
		return lc_rvm_fail(rvm, COMMIT_EUSAGE, -EINVAL, "map", segment,
		                   "offset, length and address are multiples of the page size",
		                   err);
	/* What was committed while it was mapped before must be in the file. */
	rc = rvm->vista ? 0 : lc_rvm_truncate(rvm);
	if (rc)
		return lc_rvm_fail(rvm, COMMIT_EFAILED, rc, "truncate", NULL, NULL, err);
	pthread_mutex_lock(&rvm->mutex);
	rc = map_locked(rvm, segment, &want, flags, memory, err);
	pthread_mutex_unlock(&rvm->mutex);
	return rc;
}

static int is_used(struct commit_rvm *rvm, struct lc_rvm_region *region)
{
	return rvm->vista ? lc_vista_uses(rvm, region) : region->pins > 0;
}

static int unmap_region(struct commit_rvm *rvm, struct lc_rvm_region **link)
{
	struct lc_rvm_region *region = *link;
	int rc;

	lc_audit_unmapping(rvm, region);
	rc = lc_sys_unmap(region->memory, region->length);
	if (rc) {
		region->closing = 0;
		return rc;
	}
	*link = region->next;
	region->segment->regions--;
	region->closing = 1;
	region->next = rvm->retired;
	rvm->retired = region;
	return 0;
}

int commit_rvm_unmap(struct commit_rvm *rvm, void *memory, struct commit_error *err)
{
	struct lc_rvm_region **link;
	int rc = -EINVAL;

	pthread_mutex_lock(&rvm->mutex);
	for (link = &rvm->regions; *link; link = &(*link)->next)
		if ((*link)->memory == memory)
			break;
	if (*link)
		rc = is_used(rvm, *link) ? -EBUSY : unmap_region(rvm, link);
	pthread_mutex_unlock(&rvm->mutex);
	if (rc == -EBUSY)
		return lc_rvm_fail(rvm, COMMIT_EREFUSED, rc, "unmap", NULL,
		                   "an open transaction has a range in it", err);
	if (rc == -EINVAL)
		return lc_rvm_fail(rvm, COMMIT_EUSAGE, rc, "unmap", NULL, "no region begins there",
		                   err);
	return rc ? lc_rvm_fail(rvm, COMMIT_EFAILED, rc, "unmap", NULL, NULL, err) : 0;
}

void lc_rvm_unmap_all(struct commit_rvm *rvm)
{
	struct lc_rvm_segment *segment;
	struct lc_rvm_region *region;

	while ((region = rvm->regions)) {
		rvm->regions = region->next;
		lc_sys_unmap(region->memory, region->length);
		free(region);
	}
	while ((region = rvm->retired)) {
		rvm->retired = region->next;
		free(region);
	}
	while ((segment = rvm->segments)) {
		rvm->segments = segment->next;
		free_segment(segment);
	}
}
