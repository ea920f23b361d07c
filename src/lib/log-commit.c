/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "log-internal.h"

#include "bytes.h"
#include "fault.h"

#include <errno.h>
#include <string.h>

enum { AT_COUNT = 0, AT_DIGEST = 8 };

static void restart(struct lc_commit_check *check, uint64_t transaction)
{
	lc_digest_restart(check->stream);
	check->transaction = transaction;
	check->count = 0;
}

int lc_commit_check_init(struct lc_commit_check *check)
{
	check->stream = lc_digest_new();
	check->transaction = 0;
	check->count = 0;
	return check->stream ? 0 : -ENOMEM;
}

void lc_commit_check_release(struct lc_commit_check *check)
{
	lc_digest_free(check->stream);
	check->stream = NULL;
}

void lc_commit_check_add(struct lc_commit_check *check, uint64_t transaction,
                         const unsigned char *bytes, size_t length)
{
	if (transaction != check->transaction)
		restart(check, transaction);
	lc_digest_update(check->stream, bytes, length);
	check->count++;
}

void lc_commit_check_fill(struct lc_commit_check *check, uint64_t transaction,
                          unsigned char payload[LC_COMMIT_PAYLOAD])
{
	struct lc_digest digest;

	if (transaction != check->transaction)
		restart(check, transaction);
	digest = lc_digest_value(check->stream);
	memset(payload, 0, LC_COMMIT_PAYLOAD);
	lc_put_le32(payload + AT_COUNT, check->count);
	memcpy(payload + AT_DIGEST, digest.bytes, sizeof digest.bytes);
	restart(check, 0);
}

/*
 * The count tells which records are meant: the same transaction may have others
 * before them, from a batch of its own or from one that was torn. None of them
 * is a commit record, so each record is taken in once at most.
 */
int lc_commit_check_fits(struct lc_commit_check *check, const struct lc_record *list, size_t at)
{
	const struct lc_record *commit = &list[at];
	unsigned char wanted[LC_COMMIT_PAYLOAD];
	uint32_t count;
	size_t i;

	if (commit->length != sizeof wanted)
		return 0;
	count = lc_get_le32(commit->payload + AT_COUNT);
	if (count > at)
		return 0;
	restart(check, commit->transaction);
	for (i = at - count; i < at; i++) {
		if (list[i].type == LC_LOG_COMMIT || list[i].transaction != commit->transaction)
			return 0;
		lc_commit_check_add(check, list[i].transaction, list[i].payload - LC_RECORD_HEAD,
		                    LC_RECORD_HEAD + (size_t)list[i].length);
	}
	lc_commit_check_fill(check, commit->transaction, wanted);
	return memcmp(commit->payload, wanted, sizeof wanted) == 0 || lc_fault_blind("commit");
}
