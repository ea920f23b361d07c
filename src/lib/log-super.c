/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "log-internal.h"

#include "bytes.h"
#include "copy.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define NAME "super"
#define MAGIC "commitLG"
#define VERSION 1
#define SLOTS 2

/* commit-log(5): a slot is magic, version, and one record */
enum { AT_VERSION = 8, AT_RECORD = 16, RECORD_TYPE = 1 };
enum { AT_GENERATION = 0, AT_SEGMENT = 8, AT_TAIL = 16, PAYLOAD = 24 };

static void encode(const struct lc_super *super, unsigned char slot[LC_LOG_BLOCK])
{
	struct lc_record record = {.type = RECORD_TYPE, .length = PAYLOAD};
	unsigned char *p = slot + AT_RECORD + LC_RECORD_HEAD;

	memset(slot, 0, LC_LOG_BLOCK);
	memcpy(slot, MAGIC, strlen(MAGIC));
	lc_put_le32(slot + AT_VERSION, VERSION);
	lc_put_le64(p + AT_GENERATION, super->generation);
	lc_put_le64(p + AT_SEGMENT, super->segment);
	lc_put_le64(p + AT_TAIL, super->tail);
	lc_record_seal(slot + AT_RECORD, &record);
}

static int decode(const unsigned char slot[LC_LOG_BLOCK], struct lc_super *super)
{
	struct lc_record record;

	if (memcmp(slot, MAGIC, strlen(MAGIC)) != 0)
		return -EBADMSG;
	if (lc_get_le32(slot + AT_VERSION) != VERSION)
		return -EPROTONOSUPPORT;
	if (lc_record_open(slot + AT_RECORD, LC_LOG_BLOCK - AT_RECORD, &record) != 0 ||
	    record.type != RECORD_TYPE || record.length != PAYLOAD)
		return -EBADMSG;
	super->generation = lc_get_le64(record.payload + AT_GENERATION);
	super->segment = lc_get_le64(record.payload + AT_SEGMENT);
	super->tail = lc_get_le64(record.payload + AT_TAIL);
	return 0;
}

static int write_slot(int fd, const struct lc_super *super)
{
	unsigned char slot[LC_LOG_BLOCK];
	off_t at = (off_t)(super->generation % SLOTS * LC_LOG_BLOCK);

	encode(super, slot);
	return lc_copy_bytes(fd, &at, slot, sizeof slot);
}

int lc_super_create(int dirfd, const struct lc_super *super)
{
	struct lc_super twin = *super;
	int fd = lc_sys_create(dirfd, NAME, O_RDWR, 0600);
	int rc = fd < 0 ? fd : write_slot(fd, super);

	twin.generation++;
	if (!rc)
		rc = write_slot(fd, &twin);
	if (!rc)
		rc = lc_sys_fsync(fd);
	lc_sys_drop(&fd);
	return rc;
}

int lc_super_read(int dirfd, struct lc_super *super)
{
	unsigned char slots[SLOTS][LC_LOG_BLOCK];
	struct lc_super found;
	int fd = lc_sys_open(dirfd, NAME, O_RDONLY | O_NOFOLLOW);
	int rc = -EBADMSG, slot, got;
	ssize_t length;

	if (fd < 0)
		return fd;
	memset(slots, 0, sizeof slots);
	length = lc_copy_read(fd, slots, sizeof slots, 0);
	lc_sys_drop(&fd);
	if (length < 0)
		return (int)length;
	for (slot = 0; slot < SLOTS; slot++) {
		got = decode(slots[slot], &found);
		/* A version that is not known here outweighs a twin that is. */
		if (got == -EPROTONOSUPPORT)
			return got;
		if (got == 0 && (rc != 0 || found.generation > super->generation)) {
			*super = found;
			rc = 0;
		}
	}
	return rc;
}

int lc_super_write(int dirfd, struct lc_super *super)
{
	struct lc_super next = *super;
	int fd = lc_sys_open(dirfd, NAME, O_RDWR | O_NOFOLLOW);
	int rc;

	if (fd < 0)
		return fd;
	next.generation++;
	rc = write_slot(fd, &next);
	if (!rc)
		rc = lc_sys_fdatasync(fd);
	lc_sys_drop(&fd);
	if (!rc)
		*super = next;
	return rc;
}
