/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "log-internal.h"

#include "bytes.h"

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
	/* A batch is contiguous: another transaction's record begins another batch. */
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

int lc_commit_check_fits(struct lc_commit_check *check, const struct lc_record *record)
{
	unsigned char wanted[LC_COMMIT_PAYLOAD];

	lc_commit_check_fill(check, record->transaction, wanted);
	return record->length == sizeof wanted &&
	       memcmp(record->payload, wanted, sizeof wanted) == 0;
}
