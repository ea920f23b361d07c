/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "recover-spool.h"

#include "cli.h"
#include "recover-report.h"
#include "signals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

/* Records begin where a struct may. */
#define ALIGN(size) (((size) + 15) & ~(size_t)15)

/* A record of this process: half a page would lie. */
static bool lost;

int recover_spool_open(int *spool, struct commit_error *err)
{
	*spool = memfd_create("commit-recover", MFD_CLOEXEC);
	if (*spool < 0)
		return cli_fail(err, COMMIT_EFAILED, errno, "--html", NULL, "%s", strerror(errno));
	return COMMIT_OK;
}

off_t recover_spool_tell(int spool)
{
	return spool >= 0 ? lseek(spool, 0, SEEK_CUR) : 0;
}

void recover_spool_cut(int spool, off_t end)
{
	if (spool >= 0 && ftruncate(spool, end) == 0)
		lseek(spool, end, SEEK_SET);
}

static void add(int spool, struct recover_spool_record *record,
                const char *const strings[RECOVER_SPOOL_STRINGS])
{
	static const char padding[16];
	struct iovec parts[RECOVER_SPOOL_STRINGS + 2] = {{record, sizeof(*record)}};
	size_t size = sizeof(*record);

	for (int i = 0; i < RECOVER_SPOOL_STRINGS; i++) {
		const char *string = strings[i] != NULL ? strings[i] : "";

		record->lengths[i] = strlen(string);
		parts[i + 1] = (struct iovec){(void *)string, record->lengths[i] + 1};
		size += record->lengths[i] + 1;
	}
	record->size = ALIGN(size);
	parts[RECOVER_SPOOL_STRINGS + 1] = (struct iovec){(void *)padding, ALIGN(size) - size};
	if (writev(spool, parts, RECOVER_SPOOL_STRINGS + 2) != (ssize_t)record->size)
		lost = true;
}

void recover_spool_finding(int spool, const struct commit_finding *finding)
{
	const char *strings[] = {finding->path, finding->target, finding->reason};
	struct recover_spool_record record;

	if (spool < 0)
		return;
	memset(&record, 0, sizeof(record));
	record.kind = RECOVER_SPOOL_FINDING;
	record.what.finding = *finding;
	add(spool, &record, strings);
}

void recover_spool_trouble(int spool, const struct commit_error *err)
{
	const char *strings[] = {err->path, err->operation, err->text};
	struct recover_spool_record record;

	if (spool < 0 || err->code == COMMIT_ECANCELED)
		return;
	memset(&record, 0, sizeof(record));
	record.kind = RECOVER_SPOOL_TROUBLE;
	record.what.errnum = err->errnum;
	add(spool, &record, strings);
}

static int add_commit(void *context, const struct commit_txn_info *info)
{
	static const char *const none[RECOVER_SPOOL_STRINGS];
	struct recover_spool_record record;

	memset(&record, 0, sizeof(record));
	record.kind = RECOVER_SPOOL_COMMIT;
	record.what.commit = *info;
	add(*(const int *)context, &record, none);
	return 0;
}

void recover_spool_store(int spool, const char *root)
{
	struct commit_error err = COMMIT_ERROR_INIT;
	const char *strings[RECOVER_SPOOL_STRINGS] = {root};
	struct recover_spool_record record;
	struct commit_store_options options;
	struct commit_store *store = NULL;
	int rc;

	if (spool < 0)
		return;
	commit_store_options_init(&options);
	options.wait_ms = 0;
	options.cancel_fd = signals_cancel_fd();
	memset(&record, 0, sizeof(record));
	record.kind = RECOVER_SPOOL_STORE;
	rc = commit_store_open(&store, root, COMMIT_STORE_LOOK, &options, &err);
	if (rc != COMMIT_OK)
		strings[1] = err.text[0] != '\0' ? err.text : strerror(err.errnum);
	add(spool, &record, strings);
	if (rc == COMMIT_OK)
		rc = commit_store_history(store, add_commit, &spool, &err);
	/* a part of it was read: the rest is told of beside it */
	if (rc != COMMIT_OK && store != NULL)
		recover_spool_trouble(spool, &err);
	commit_store_close(store);
}

/* It ends within the rest, and its strings end where it says. */
static bool is_whole(const struct recover_spool_record *record, size_t rest)
{
	const char *at = (const char *)(record + 1);
	size_t used = sizeof(*record);

	if (rest < used || record->size > rest || record->size != ALIGN(record->size))
		return false;
	for (int i = 0; i < RECOVER_SPOOL_STRINGS; i++) {
		size_t length = record->lengths[i];

		if (used >= record->size || length >= record->size - used ||
		    strnlen(at, length + 1) != length)
			return false;
		at += length + 1;
		used += length + 1;
	}
	if (record->kind == RECOVER_SPOOL_COMMIT)
		return strnlen(record->what.commit.id, COMMIT_TXN_ID_SIZE) < COMMIT_TXN_ID_SIZE &&
		       strnlen(record->what.commit.undoes, COMMIT_TXN_ID_SIZE) < COMMIT_TXN_ID_SIZE;
	return record->kind != RECOVER_SPOOL_FINDING ||
	       ((unsigned)record->what.finding.decision < RECOVER_DECISIONS &&
	        (unsigned)record->what.finding.invariant <= 4);
}

static bool are_whole(const struct recover_spool_records *records)
{
	size_t at = 0;

	while (at < records->size) {
		const struct recover_spool_record *record =
		        (const void *)((const char *)records->first + at);

		if (!is_whole(record, records->size - at))
			return false;
		at += record->size;
	}
	return true;
}

int recover_spool_check(struct commit_error *err)
{
	if (!lost)
		return COMMIT_OK;
	return cli_fail(err, COMMIT_EFAILED, ENOMEM, "--html", NULL,
	                "what was found could not be kept for the page: out of memory");
}

int recover_spool_read(int spool, struct recover_spool_records *records, struct commit_error *err)
{
	off_t size = lseek(spool, 0, SEEK_END);

	*records = (struct recover_spool_records){NULL, 0};
	if (lost)
		return recover_spool_check(err);
	if (size == 0)
		return COMMIT_OK;
	records->first = size > 0 ? malloc((size_t)size) : NULL;
	records->size = (size_t)size;
	if (records->first != NULL && pread(spool, records->first, records->size, 0) == size &&
	    are_whole(records))
		return COMMIT_OK;
	recover_spool_release(records);
	lost = true;
	return recover_spool_check(err);
}

void recover_spool_release(struct recover_spool_records *records)
{
	free(records->first);
	*records = (struct recover_spool_records){NULL, 0};
}

const struct recover_spool_record *recover_spool_next(const struct recover_spool_records *records,
                                                      const struct recover_spool_record *record)
{
	const char *next = (const char *)record + record->size;

	return next < (const char *)records->first + records->size ? (const void *)next : NULL;
}

const char *recover_spool_string(const struct recover_spool_record *record, int index)
{
	const char *at = (const char *)(record + 1);

	for (int i = 0; i < index; i++)
		at += record->lengths[i] + 1;
	return at;
}
