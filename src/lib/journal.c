/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "journal.h"

#include "bytes.h"
#include "record.h"

#include <errno.h>
#include <string.h>

/* commit-journal(5): the head of the file */
#define MAGIC "commitIP"
#define VERSION 1
#define AT_VERSION 8
#define AT_RECORD 16

/* commit-journal(5): the payload of its record */
#define RECORD_TYPE 1
enum {
	AT_FS = 0,
	AT_INODE = 8,
	AT_CREATED = 16,
	AT_OLD_SIZE = 24,
	AT_NEW_SIZE = 32,
	AT_OLD_OFFSET = 40,
	AT_NEW_OFFSET = 48,
	AT_OLD_DIGEST = 56,
	AT_NEW_DIGEST = 72,
	AT_FLAGS = 88,
	AT_MODE = 92,
	AT_UID = 96,
	AT_GID = 100,
	AT_CAPS_LENGTH = 104,
	AT_TARGET_LENGTH = 108,
	AT_CAPS = 112,
	AT_TARGET = AT_CAPS + LC_JOURNAL_CAPS_MAX
};

_Static_assert(AT_RECORD + LC_RECORD_HEAD + AT_TARGET + PATH_MAX <= LC_JOURNAL_HEAD,
               "the longest path fits into the head");

uint64_t lc_journal_align(uint64_t size)
{
	return (size + LC_JOURNAL_ALIGN - 1) / LC_JOURNAL_ALIGN * LC_JOURNAL_ALIGN;
}

void lc_journal_encode(const struct lc_journal *j, unsigned char head[LC_JOURNAL_HEAD])
{
	struct lc_record record = {.type = RECORD_TYPE};
	unsigned char *p = head + AT_RECORD + LC_RECORD_HEAD;
	uint32_t length = (uint32_t)strlen(j->target);

	memset(head, 0, LC_JOURNAL_HEAD);
	memcpy(head, MAGIC, strlen(MAGIC));
	lc_put_le32(head + AT_VERSION, VERSION);
	lc_put_le64(p + AT_FS, j->fs);
	lc_put_le64(p + AT_INODE, j->inode);
	lc_put_le64(p + AT_CREATED, j->created);
	lc_put_le64(p + AT_OLD_SIZE, j->old_size);
	lc_put_le64(p + AT_NEW_SIZE, j->new_size);
	lc_put_le64(p + AT_OLD_OFFSET, j->old_offset);
	lc_put_le64(p + AT_NEW_OFFSET, j->new_offset);
	memcpy(p + AT_OLD_DIGEST, j->old_digest.bytes, sizeof j->old_digest.bytes);
	memcpy(p + AT_NEW_DIGEST, j->new_digest.bytes, sizeof j->new_digest.bytes);
	lc_put_le32(p + AT_FLAGS, j->flags);
	lc_put_le32(p + AT_MODE, j->mode);
	lc_put_le32(p + AT_UID, j->uid);
	lc_put_le32(p + AT_GID, j->gid);
	lc_put_le32(p + AT_CAPS_LENGTH, j->caps_length);
	lc_put_le32(p + AT_TARGET_LENGTH, length);
	memcpy(p + AT_CAPS, j->caps, sizeof j->caps);
	memcpy(p + AT_TARGET, j->target, length);
	record.length = AT_TARGET + length;
	lc_record_seal(head + AT_RECORD, &record);
}

static int within(uint64_t offset, uint64_t length, uint64_t size)
{
	return offset >= LC_JOURNAL_HEAD && offset % LC_JOURNAL_ALIGN == 0 && offset <= size &&
	       length <= size - offset;
}

/* The images lie inside the journal and apart from each other. */
static int plausible(const struct lc_journal *j, uint64_t size)
{
	return within(j->old_offset, j->old_size, size) &&
	       within(j->new_offset, j->new_size, size) &&
	       (j->old_offset + j->old_size <= j->new_offset ||
	        j->new_offset + j->new_size <= j->old_offset) &&
	       j->old_size <= INT64_MAX && j->new_size <= INT64_MAX && (j->mode & ~07777u) == 0 &&
	       j->caps_length <= LC_JOURNAL_CAPS_MAX;
}

/* One component beside the journal, or an absolute path; no zero inside. */
static int plausible_target(const struct lc_journal *j, uint32_t length)
{
	if (length == 0 || strlen(j->target) != length)
		return 0;
	if (j->flags & LC_JOURNAL_BESIDE)
		return !strchr(j->target, '/') && strcmp(j->target, ".") != 0 &&
		       strcmp(j->target, "..") != 0;
	return j->target[0] == '/';
}

static void decode_fields(const unsigned char *p, struct lc_journal *j)
{
	j->fs = lc_get_le64(p + AT_FS);
	j->inode = lc_get_le64(p + AT_INODE);
	j->created = lc_get_le64(p + AT_CREATED);
	j->old_size = lc_get_le64(p + AT_OLD_SIZE);
	j->new_size = lc_get_le64(p + AT_NEW_SIZE);
	j->old_offset = lc_get_le64(p + AT_OLD_OFFSET);
	j->new_offset = lc_get_le64(p + AT_NEW_OFFSET);
	memcpy(j->old_digest.bytes, p + AT_OLD_DIGEST, sizeof j->old_digest.bytes);
	memcpy(j->new_digest.bytes, p + AT_NEW_DIGEST, sizeof j->new_digest.bytes);
	j->flags = lc_get_le32(p + AT_FLAGS);
	j->mode = lc_get_le32(p + AT_MODE);
	j->uid = lc_get_le32(p + AT_UID);
	j->gid = lc_get_le32(p + AT_GID);
	j->caps_length = lc_get_le32(p + AT_CAPS_LENGTH);
	memcpy(j->caps, p + AT_CAPS, sizeof j->caps);
}

int lc_journal_decode(const unsigned char head[LC_JOURNAL_HEAD], uint64_t size,
                      struct lc_journal *j)
{
	struct lc_record record;
	uint32_t length;

	memset(j, 0, sizeof *j);
	if (memcmp(head, MAGIC, strlen(MAGIC)) != 0)
		return -EBADMSG;
	if (lc_get_le32(head + AT_VERSION) != VERSION)
		return -EPROTONOSUPPORT;
	if (lc_record_open(head + AT_RECORD, LC_JOURNAL_HEAD - AT_RECORD, &record) != 0 ||
	    record.type != RECORD_TYPE || record.length < AT_TARGET)
		return -EBADMSG;
	length = lc_get_le32(record.payload + AT_TARGET_LENGTH);
	if (length >= PATH_MAX || length != record.length - AT_TARGET)
		return -EBADMSG;
	decode_fields(record.payload, j);
	memcpy(j->target, record.payload + AT_TARGET, length);
	return plausible(j, size) && plausible_target(j, length) ? 0 : -EBADMSG;
}
