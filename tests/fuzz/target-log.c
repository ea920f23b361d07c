/* SPDX-License-Identifier: ISC */
/*
 * Whole logs in a directory: superblocks and segments. The input is
 *
 *     u8   what gets its checksum, enum below
 *     then for each file: u8 number (0: superblocks, else that segment), u8 blocks,
 *     u8 count of pieces, pieces
 */
#include "config.h"

#include "fuzz.h"
#include "pieces.h"

#include "bytes.h"
#include "log-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 6, BLOCKS = 4, AT_RECORD = 16, AT_PAYLOAD = AT_RECORD + LC_RECORD_HEAD };
/* beside those of fuzz_seal_segment */
enum { SEAL_HEADS = 1 << 3, LOOK_FIRST = 1 << 4 };

struct counted {
	uint64_t records;
	uint64_t last;
	int backward;
};

static void seal_super(unsigned char *image)
{
	fuzz_seal(image + AT_RECORD, LC_LOG_BLOCK - AT_RECORD);
	fuzz_seal(image + LC_LOG_BLOCK + AT_RECORD, LC_LOG_BLOCK - AT_RECORD);
}

static void seal_segment(unsigned char *image, size_t size, unsigned flags)
{
	if (flags & SEAL_HEADS)
		fuzz_seal(image + AT_RECORD, LC_LOG_BLOCK - AT_RECORD);
	fuzz_seal_segment(image, size, lc_get_le64(image + AT_PAYLOAD + 8),
	                  lc_get_le64(image + AT_RECORD + 24), lc_get_le64(image + AT_RECORD + 32),
	                  flags & FUZZ_SEAL_ALL);
}

static void make_file(struct fuzz_input *in, unsigned flags)
{
	unsigned number = fuzz_u8(in) % FILES;
	size_t size = (fuzz_u8(in) % BLOCKS + 1) * LC_LOG_BLOCK;
	unsigned count = fuzz_u8(in);
	unsigned char *image;
	char name[LC_LOG_NAME_SIZE], path[64] = "log/super";

	if (number == 0)
		size = 2 * LC_LOG_BLOCK;
	image = calloc(1, size);
	FUZZ_CHECK(image != NULL);
	fuzz_pieces_counted(in, count, image, size);
	if (number > 0) {
		lc_segment_name(number, name);
		snprintf(path, sizeof path, "log/%s", name);
		seal_segment(image, size, flags);
	} else if (flags & SEAL_HEADS) {
		seal_super(image);
	}
	fuzz_write(path, image, size);
	free(image);
}

static int count_one(void *context, const struct lc_record *record)
{
	struct counted *counted = context;

	if (counted->records++ > 0)
		FUZZ_CHECK(counted->backward ? record->position < counted->last
		                             : record->position > counted->last);
	counted->last = record->position;
	return 0;
}

static uint64_t count(struct lc_log *log)
{
	struct counted forward = {0, 0, 0}, backward = {0, 0, 1};

	FUZZ_CHECK(lc_log_scan(log, LC_LOG_FORWARD, count_one, &forward) == 0);
	FUZZ_CHECK(lc_log_scan(log, LC_LOG_BACKWARD, count_one, &backward) == 0);
	FUZZ_CHECK(forward.records == backward.records);
	return forward.records;
}

/* What was kept is kept when it is opened again; what is appended is found. */
static void go_on(int dirfd, const struct lc_log_options *options, struct lc_log *log)
{
	struct lc_log_entry batch[] = {
	        {.type = LC_LOG_BEGIN, .transaction = 7},
	        {.type = LC_LOG_OPERATION, .transaction = 7, .length = 5, .payload = "12345"},
	        {.type = LC_LOG_COMMIT, .transaction = 7}};
	uint64_t kept = count(log), end;
	int rc = lc_log_append(log, batch, 3, &end);

	FUZZ_CHECK(rc == 0 || rc == -EFBIG);
	if (rc == 0) {
		FUZZ_CHECK(lc_log_force(log, end) == 0 && lc_log_durable(log) >= end);
		kept += 3;
	}
	lc_log_close(log);
	FUZZ_CHECK(lc_log_open(dirfd, options, &log, NULL) == 0);
	FUZZ_CHECK(count(log) == kept);
	if (lc_log_trim(log, lc_log_end(log)) == 0)
		FUZZ_CHECK(lc_log_tail(log) == lc_log_end(log));
	lc_log_close(log);
	FUZZ_CHECK(lc_log_open(dirfd, options, &log, NULL) == 0);
	count(log);
	lc_log_close(log);
}

static int look(int dirfd, const struct lc_log_options *options)
{
	struct lc_log_options looking = *options;
	uint64_t before = fuzz_snapshot("log", NULL);
	struct lc_log *log = NULL;
	int rc;

	looking.look_only = 1;
	rc = lc_log_open(dirfd, &looking, &log, NULL);
	if (rc == 0)
		count(log);
	if (rc == 0)
		lc_log_close(log);
	FUZZ_CHECK(fuzz_snapshot("log", NULL) == before);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lc_log_options options;
	struct lc_log *log = NULL;
	struct fuzz_input in;
	int dirfd, rc, looked = 1;
	unsigned flags;

	fuzz_input_init(&in, data, size);
	flags = fuzz_u8(&in);
	fuzz_clear("log", 0);
	fuzz_mkdir("log");
	while (in.left > 3)
		make_file(&in, flags);
	dirfd = openat(fuzz_scratch_fd(), "log", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FUZZ_CHECK(dirfd >= 0);
	lc_log_options_init(&options);
	options.segment_size = 2 * LC_LOG_BLOCK;
	options.block = LC_RECORD_ALIGN;
	if (flags & LOOK_FIRST)
		looked = look(dirfd, &options);
	rc = lc_log_open(dirfd, &options, &log, NULL);
	/* to look shows what opening finds */
	FUZZ_CHECK(looked == 1 || looked == rc || (looked == 0 && rc == -EFBIG));
	if (rc == 0)
		go_on(dirfd, &options, log);
	close(dirfd);
	return 0;
}
