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
#define NEW_NAME "super.new"
#define MAGIC "commitLG"
#define VERSION 1
#define SLOTS 2
#define SLOT_SIZE ((size_t)LC_LOG_BLOCK)

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

/* index is where it was found: a copy in the other's place is no superblock. */
static int decode(const unsigned char slot[LC_LOG_BLOCK], unsigned index, struct lc_super *super)
{
	struct lc_record record;
	uint32_t version = lc_get_le32(slot + AT_VERSION);

	if (memcmp(slot, MAGIC, strlen(MAGIC)) != 0 || version == 0)
		return -EBADMSG;
	if (version != VERSION)
		return -EPROTONOSUPPORT;
	if (lc_record_open(slot + AT_RECORD, LC_LOG_BLOCK - AT_RECORD, &record) != 0 ||
	    record.type != RECORD_TYPE || record.length != PAYLOAD)
		return -EBADMSG;
	memset(super, 0, sizeof *super);
	super->generation = lc_get_le64(record.payload + AT_GENERATION);
	super->segment = lc_get_le64(record.payload + AT_SEGMENT);
	super->tail = lc_get_le64(record.payload + AT_TAIL);
	if (super->generation % SLOTS != index || super->generation >= INT64_MAX ||
	    super->segment == 0 || super->segment >= INT64_MAX || super->tail < LC_LOG_START)
		return -EBADMSG;
	return 0;
}

static int write_slot(int fd, const struct lc_super *super)
{
	unsigned char slot[LC_LOG_BLOCK];
	off_t at = (off_t)(super->generation % SLOTS * SLOT_SIZE);

	encode(super, slot);
	return lc_copy_bytes(fd, &at, slot, sizeof slot);
}

int lc_super_exists(int dirfd)
{
	struct stat st;
	int rc = lc_sys_lstat(dirfd, NAME, &st);

	return rc == -ENOENT ? 0 : rc ? rc : 1;
}

int lc_super_create(int dirfd, const struct lc_super *super, int flush)
{
	struct lc_super twin = *super;
	int rc = lc_sys_unlink(dirfd, NEW_NAME);
	int fd;

	if (rc && rc != -ENOENT)
		return rc;
	fd = lc_sys_create(dirfd, NEW_NAME, O_RDWR, 0600);
	if (fd < 0)
		return fd;
	rc = lc_log_share(dirfd, fd);
	if (!rc)
		rc = write_slot(fd, super);
	twin.generation++;
	if (!rc)
		rc = write_slot(fd, &twin);
	if (!rc && flush)
		rc = lc_sys_fsync(fd);
	lc_sys_drop(&fd);
	if (!rc)
		rc = lc_sys_rename(dirfd, NEW_NAME, dirfd, NAME);
	if (rc)
		lc_sys_unlink(dirfd, NEW_NAME);
	return rc || !flush ? rc : lc_log_flush_dir(dirfd);
}

/* The newer one counts, but the older one may be all that is left one day. */
static int choose(const int rcs[SLOTS], const struct lc_super found[SLOTS], struct lc_super *super)
{
	int newer = found[1].generation > found[0].generation;

	/* A version that is not known here outweighs a twin that is. */
	if (rcs[0] == -EPROTONOSUPPORT || rcs[1] == -EPROTONOSUPPORT)
		return -EPROTONOSUPPORT;
	if (rcs[0] && rcs[1])
		return -EBADMSG;
	if (rcs[0] || rcs[1])
		newer = rcs[0] != 0;
	*super = found[newer];
	super->alone = rcs[0] || rcs[1];
	super->unproven = 1;
	super->floor = super->segment;
	if (!super->alone && found[!newer].segment < super->floor)
		super->floor = found[!newer].segment;
	return 0;
}

int lc_super_read(int dirfd, struct lc_super *super)
{
	struct lc_super found[SLOTS] = {{0}, {0}};
	struct lc_log_image image;
	int rcs[SLOTS];
	unsigned slot;
	int rc = lc_log_load(dirfd, NAME, SLOTS * SLOT_SIZE, &image);

	if (rc)
		return rc;
	for (slot = 0; slot < SLOTS; slot++)
		rcs[slot] = decode(image.bytes + slot * SLOT_SIZE, slot, &found[slot]);
	lc_log_unload(&image);
	return choose(rcs, found, super);
}

int lc_super_write(int dirfd, struct lc_super *super)
{
	struct lc_super next = *super;
	struct stat st;
	int fd = lc_log_open_file(dirfd, NAME, O_RDWR, &st);
	int rc = 0;

	if (fd < 0)
		return fd;
	next.generation++;
	/* The twin is about to be overwritten: what was read must not be lost after that. */
	if (super->unproven)
		rc = lc_sys_fdatasync(fd);
	if (!rc)
		rc = write_slot(fd, &next);
	if (!rc)
		rc = lc_sys_fdatasync(fd);
	lc_sys_drop(&fd);
	if (rc)
		return rc;
	next.unproven = next.alone = 0;
	*super = next;
	return 0;
}
