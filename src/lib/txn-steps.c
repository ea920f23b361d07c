/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-keep.h"

#include "bytes.h"
#include "copy.h"
#include "record.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* commit-store(5): a begin record, the steps, a commit record; as in the log, but for the salt */
#define STEPS_MAX ((off_t)1 << 30)

/* Records that are collected until there are enough of them. */
struct output {
	int fd;
	off_t at;
	uint64_t number;
	uint64_t position;
	unsigned char *bytes;
	size_t used;
	size_t room;
};

static int write_out(struct output *out)
{
	int rc = lc_copy_bytes(out->fd, &out->at, out->bytes, out->used);

	out->used = 0;
	return rc;
}

static int add_record(struct output *out, uint32_t type, const unsigned char *payload,
                      uint32_t length)
{
	struct lc_record record = {.type = type, .length = length, .position = out->position};
	size_t size = lc_record_size(length);
	unsigned char *bigger;
	int rc = 0;

	if (out->used + size > out->room && out->used > 0)
		rc = write_out(out);
	if (!rc && (!out->bytes || size > out->room)) {
		bigger = realloc(out->bytes, size + 65536);
		if (!bigger)
			return -ENOMEM;
		out->bytes = bigger;
		out->room = size + 65536;
	}
	if (rc)
		return rc;
	memcpy(out->bytes + out->used + LC_RECORD_HEAD, payload, length);
	record.transaction = out->number;
	out->used += lc_record_seal(out->bytes + out->used, &record);
	out->position += size;
	return 0;
}

static int add_change(struct output *out, const struct lc_change *change)
{
	unsigned char *payload;
	uint32_t length;
	int rc = lc_change_encode(change, &payload, &length);

	if (!rc)
		rc = add_record(out, change->type, payload, length);
	free(payload);
	return rc;
}

int lc_steps_write(const struct commit_store *store, int dir, const struct commit_txn_info *info,
                   const struct lc_change_list *list)
{
	struct output out = {.number = lc_txn_number(info->id)};
	unsigned char begin[LC_BEGIN_SIZE], count[8];
	size_t i;
	int rc = lc_sys_unlink(dir, LC_KEEP_STEPS);

	if (rc && rc != -ENOENT)
		return rc;
	out.fd = lc_sys_create(dir, LC_KEEP_STEPS, O_WRONLY, 0600);
	if (out.fd < 0)
		return out.fd;
	lc_txn_put_begin(info, begin);
	rc = lc_store_share(store, out.fd, LC_STORE_GROUP_FILE);
	if (!rc)
		rc = add_record(&out, LC_LOG_BEGIN, begin, sizeof begin);
	for (i = 0; i < list->count && !rc; i++)
		rc = add_change(&out, &list->items[i]);
	lc_put_le64(count, list->count);
	if (!rc)
		rc = add_record(&out, LC_LOG_COMMIT, count, sizeof count);
	if (!rc)
		rc = write_out(&out);
	lc_sys_drop(&out.fd);
	free(out.bytes);
	return rc;
}

static int read_step(const struct lc_record *record, struct lc_change_list *list)
{
	struct lc_change change;
	int rc = lc_change_decode(record->type, record->payload, record->length, &change);

	return rc ? rc : lc_change_list_add(list, &change);
}

/* All of it or nothing: what was cut off is of no use. */
static int read_records(const unsigned char *bytes, size_t size, uint64_t number,
                        struct commit_txn_info *info, struct lc_change_list *list)
{
	struct lc_record record;
	size_t at = 0;
	int rc = 0;

	for (; !rc; at += lc_record_size(record.length)) {
		if (lc_record_open(bytes + at, size - at, &record) != 0 || record.position != at ||
		    record.transaction != number || (at == 0) != (record.type == LC_LOG_BEGIN))
			return -EBADMSG;
		if (record.type == LC_LOG_COMMIT)
			return record.length == 8 && lc_get_le64(record.payload) == list->count
			               ? 0
			               : -EBADMSG;
		rc = at == 0 ? lc_txn_get_begin(&record, info) : read_step(&record, list);
	}
	return rc;
}

int lc_steps_read(int dir, uint64_t number, struct commit_txn_info *info,
                  struct lc_change_list *list)
{
	unsigned char *bytes = NULL;
	struct stat st;
	ssize_t length;
	int fd = lc_sys_open(dir, LC_KEEP_STEPS, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	int rc;

	if (fd < 0)
		return fd;
	rc = lc_sys_fstat(fd, &st);
	if (!rc && (!S_ISREG(st.st_mode) || st.st_size > STEPS_MAX))
		rc = -EBADMSG;
	if (!rc) {
		bytes = malloc((size_t)st.st_size + 1);
		length = bytes ? lc_copy_read(fd, bytes, (size_t)st.st_size, 0) : -ENOMEM;
		rc = length < 0 ? (int)length
		                : read_records(bytes, (size_t)length, number, info, list);
	}
	lc_sys_drop(&fd);
	free(bytes);
	if (rc)
		lc_change_list_release(list);
	return rc;
}
