/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "reader-internal.h"

#include "acl.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The id of a name that is known here, else the number. */
static uint32_t look_up(struct reader_known *known, const char *name, int64_t number, bool is_group)
{
	const struct passwd *user;
	const struct group *group;

	if (name == NULL || name[0] == '\0' || strlen(name) >= sizeof(known->name))
		return (uint32_t)number;
	if (strcmp(known->name, name) == 0)
		return known->id;
	user = is_group ? NULL : getpwnam(name);
	group = is_group ? getgrnam(name) : NULL;
	if (user == NULL && group == NULL)
		return (uint32_t)number;
	strcpy(known->name, name);
	known->id = user != NULL ? user->pw_uid : group->gr_gid;
	return known->id;
}

static void set_owner(struct reader *reader, struct reader_entry *entry)
{
	const struct archive_calls *la = reader->la;
	struct archive_entry *from = reader->entry;
	bool tree = reader->links != NULL;

	entry->uid = look_up(&reader->user, tree ? NULL : la->archive_entry_uname(from),
	                     la->archive_entry_uid(from), false);
	entry->gid = look_up(&reader->group, tree ? NULL : la->archive_entry_gname(from),
	                     la->archive_entry_gid(from), true);
}

/* libarchive folds the list's own group into the mode, where the mask belongs. */
static void set_mode(struct reader *reader, struct reader_entry *entry)
{
	mode_t mask = 0;
	size_t length;
	void *list;

	entry->mode = reader->la->archive_entry_mode(reader->entry) & 07777;
	list = archive_acl_value(reader->la, reader->entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, &length,
	                         &mask);
	if (list != NULL)
		entry->mode = (entry->mode & ~(mode_t)070) | mask << 3;
	free(list);
}

static enum reader_kind kind_of(const struct reader *reader, const struct reader_entry *entry)
{
	if (entry->target != NULL)
		return READER_HARDLINK;
	switch (reader->la->archive_entry_filetype(reader->entry)) {
	case AE_IFREG:
		return READER_FILE;
	case AE_IFDIR:
		return READER_DIRECTORY;
	case AE_IFLNK:
		return READER_SYMLINK;
	default:
		return READER_OTHER;
	}
}

/* Below the directory that was opened as "name/.". */
static const char *below(const struct reader *reader, const char *path)
{
	size_t length = strlen(reader->name) + 2;

	if (reader->links == NULL || path == NULL)
		return path;
	return strlen(path) <= length ? "." : path + length + 1;
}

static const char *first(const char *text, const char *other)
{
	return text != NULL ? text : other;
}

static int fill_in(struct reader *reader, struct reader_entry *entry, struct commit_error *err)
{
	const struct archive_calls *la = reader->la;
	struct archive_entry *from = reader->entry;
	const char *path =
	        first(la->archive_entry_pathname(from), la->archive_entry_pathname_utf8(from));

	reader->length = 0;
	reader->position = 0;
	*entry = (struct reader_entry){.path = below(reader, path), .size = -1};
	if (path == NULL)
		return reader_fail(
		        err, COMMIT_EREFUSED, EILSEQ, reader->name,
		        "an entry has a name that cannot be had here; nothing was changed");
	free(reader->current);
	reader->current = strdup(entry->path);
	if (reader->current == NULL)
		return reader_fail(err, COMMIT_EFAILED, ENOMEM, reader->name, "out of memory");
	entry->target = below(reader, first(la->archive_entry_hardlink(from),
	                                    la->archive_entry_hardlink_utf8(from)));
	entry->kind = kind_of(reader, entry);
	if (entry->kind == READER_SYMLINK) {
		entry->target = first(la->archive_entry_symlink(from),
		                      la->archive_entry_symlink_utf8(from));
		if (entry->target == NULL || entry->target[0] == '\0')
			return reader_fail(
			        err, COMMIT_EREFUSED, 0, reader->current,
			        "a symbolic link that leads nowhere; nothing was changed");
	}
	if (la->archive_entry_size_is_set(from))
		entry->size = la->archive_entry_size(from);
	entry->sparse = la->archive_entry_sparse_count(from) > 0;
	if (reader->links != NULL)
		entry->source = la->archive_entry_sourcepath(from);
	set_owner(reader, entry);
	set_mode(reader, entry);
	return 1;
}

/*
 * A tar archive ends with blocks of zeros. One that just stops may be a part of
 * a larger one, and libarchive does not mind.
 */
static int end(struct reader *reader, struct commit_error *err)
{
	int format;
	int64_t used;

	/* a directory has no filters to ask about bytes */
	if (reader->links != NULL)
		return 0;
	format = reader->la->archive_format(reader->archive) & ARCHIVE_FORMAT_BASE_MASK;
	used = reader->la->archive_filter_bytes(reader->archive, 0);
	if (format == ARCHIVE_FORMAT_TAR && reader->entries > 0 && used - reader->used < 512)
		return reader_fail(
		        err, COMMIT_EREFUSED, 0, first(reader->current, reader->name),
		        "the archive breaks off behind this entry, without an end; nothing was "
		        "changed");
	if (reader->entries == 0)
		return reader_fail(err, COMMIT_EREFUSED, 0, reader->name,
		                   "there is nothing in it; nothing was changed");
	return 0;
}

/* Goes past what is left of the current entry. */
static int leave(struct reader *reader, struct commit_error *err)
{
	if (reader->entries == 0 || reader->links != NULL)
		return COMMIT_OK;
	if (reader->la->archive_read_data_skip(reader->archive) < ARCHIVE_WARN)
		return reader_fail_archive(reader, err);
	reader->used = reader->la->archive_filter_bytes(reader->archive, 0);
	return COMMIT_OK;
}

static bool is_store(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;

	return strcmp(name, ".commit") == 0 || strncmp(name, ".commit-stage-", 14) == 0;
}

/* After next_header: goes into a directory, and finds second names of a file. */
static bool visit(struct reader *reader)
{
	const struct archive_calls *la = reader->la;
	struct archive_entry *spare = NULL;
	const char *path = la->archive_entry_pathname(reader->entry);

	if (path != NULL && is_store(path))
		return false;
	if (la->archive_read_disk_can_descend(reader->archive))
		la->archive_read_disk_descend(reader->archive);
	la->archive_entry_linkify(reader->links, &reader->entry, &spare);
	return true;
}

int reader_next(struct reader *reader, struct reader_entry *entry, struct commit_error *err)
{
	int rc = leave(reader, err);

	if (rc != COMMIT_OK)
		return rc;
	for (;;) {
		rc = reader->la->archive_read_next_header2(reader->archive, reader->entry);
		if (rc == ARCHIVE_EOF)
			return end(reader, err);
		if (rc == ARCHIVE_RETRY)
			continue;
		if (rc < ARCHIVE_WARN)
			return reader_fail_archive(reader, err);
		reader->entries++;
		if (reader->links == NULL || visit(reader))
			return fill_in(reader, entry, err);
	}
}

/* The next block of content; 1, 0 at the end, or a code. */
static int next_block(struct reader *reader, struct commit_error *err)
{
	const struct archive_calls *la = reader->la;
	const void *bytes = NULL;
	size_t length = 0;
	int64_t offset = 0;
	int rc;

	do
		rc = la->archive_read_data_block(reader->archive, &bytes, &length, &offset);
	while (rc == ARCHIVE_RETRY);
	if (rc == ARCHIVE_EOF)
		return 0;
	/* a mere warning too: this is how a wrong checksum is told */
	if (rc != ARCHIVE_OK)
		return reader_fail_archive(reader, err);
	reader->bytes = bytes;
	reader->length = length;
	reader->offset = offset;
	if (reader->offset < reader->position)
		return reader_fail(err, COMMIT_EREFUSED, 0, reader->current,
		                   "its content overlaps itself; nothing was changed");
	return 1;
}

/*
 * archive_read_data would do, but at the end of content it takes the offset for
 * that of a hole, and xar's is counted from the first entry on: zeros follow.
 */
ssize_t reader_read(struct reader *reader, void *buffer, size_t size, struct commit_error *err)
{
	int rc = 1;

	while (rc == 1 && reader->length == 0)
		rc = next_block(reader, err);
	if (rc != 1)
		return rc;
	if (reader->offset > reader->position) {
		int64_t hole = reader->offset - reader->position;

		size = (uint64_t)hole < size ? (size_t)hole : size;
		memset(buffer, 0, size);
		reader->position += (int64_t)size;
		return (ssize_t)size;
	}
	size = reader->length < size ? reader->length : size;
	memcpy(buffer, reader->bytes, size);
	reader->bytes += size;
	reader->length -= size;
	reader->offset += (int64_t)size;
	reader->position += (int64_t)size;
	return (ssize_t)size;
}

static int write_at(int fd, const char *bytes, size_t length, int64_t offset)
{
	while (length > 0) {
		ssize_t written = pwrite(fd, bytes, length, offset);

		if (written < 0 && errno != EINTR)
			return -1;
		if (written > 0) {
			bytes += written;
			length -= (size_t)written;
			offset += written;
		}
	}
	return 0;
}

int reader_extract(struct reader *reader, int fd, struct commit_error *err)
{
	int64_t size = reader->la->archive_entry_size(reader->entry);
	int rc;

	while ((rc = next_block(reader, err)) == 1) {
		if (write_at(fd, reader->bytes, reader->length, reader->offset) != 0)
			return reader_fail(err, COMMIT_EFAILED, errno, reader->current, "%s",
			                   strerror(errno));
		reader->position = reader->offset + (int64_t)reader->length;
		reader->length = 0;
	}
	if (rc == 0 && reader->position > size)
		return reader_fail(err, COMMIT_EREFUSED, 0, reader->current,
		                   "its size is not what the archive says; nothing was changed");
	/* a hole at the end */
	if (rc == 0 && ftruncate(fd, size) != 0)
		return reader_fail(err, COMMIT_EFAILED, errno, reader->current, "%s",
		                   strerror(errno));
	return rc;
}

int reader_attributes(struct reader *reader,
                      int (*found)(void *context, const char *name, const void *value,
                                   size_t length),
                      void *context)
{
	static const struct {
		int type;
		const char *name;
	} lists[] = {{ARCHIVE_ENTRY_ACL_TYPE_ACCESS, "system.posix_acl_access"},
	             {ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, "system.posix_acl_default"}};
	const char *name;
	const void *value;
	size_t length;
	int rc = 0;

	reader->la->archive_entry_xattr_reset(reader->entry);
	while (rc == 0 && reader->la->archive_entry_xattr_next(reader->entry, &name, &value,
	                                                       &length) == ARCHIVE_OK)
		if (name != NULL && strncmp(name, "system.", 7) != 0)
			rc = found(context, name, value, length);
	for (size_t i = 0; rc == 0 && i < sizeof(lists) / sizeof(lists[0]); i++) {
		void *list =
		        archive_acl_value(reader->la, reader->entry, lists[i].type, &length, NULL);

		if (list != NULL)
			rc = found(context, lists[i].name, list, length);
		free(list);
	}
	return rc;
}

void reader_close(struct reader *reader)
{
	if (reader == NULL)
		return;
	if (reader->archive != NULL)
		reader->la->archive_read_free(reader->archive);
	if (reader->links != NULL)
		reader->la->archive_entry_linkresolver_free(reader->links);
	if (reader->entry != NULL)
		reader->la->archive_entry_free(reader->entry);
	if (reader->fd >= 0)
		close(reader->fd);
	free(reader->name);
	free(reader->current);
	free(reader);
}
