/* SPDX-License-Identifier: ISC */
/*
 * Stores that a stranger has written: a whole one is made from the input, then
 * looked at, recovered, recovered again, and its open transaction resumed.
 *
 *     u8   flags, enum below
 *     items: u8 kind
 *       'F' u8 length, text          format          'I' the same   info
 *       'C' u8 transaction, u8 type, change          record of the log
 *       'B' u8 transaction, u8 type, u8 length, bytes   the same, raw
 *       'O' u8 type, change          record of ops   'M' the same   of mounts
 *       'S' u8 type, change          step of a commit that history keeps
 *       'H' u8 transaction, 72 bytes record of history's index
 *       'K' u8 length, text          config          'P' the same   .commit as a file
 *       'D' u16 offset, u8 value     a byte of the log's segment is changed
 */
#include "config.h"

#include "fuzz.h"
#include "tree.h"

#include "bytes.h"
#include "log-internal.h"
#include "txn-internal.h"

#include <commit_recover.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { LOOK = 1, SCAN = 2, RESUME = 4, COMMIT = 8, HISTORY = 16 };
enum { RECORDS_MAX = 48, PAYLOAD_MAX = 4096, SEGMENT = 4 * LC_LOG_BLOCK };

struct records {
	struct lc_log_entry entries[RECORDS_MAX];
	unsigned char *payloads[RECORDS_MAX];
	size_t count;
};

/* What the files of records in a stage hold. */
struct list {
	unsigned char bytes[16 * 1024];
	size_t length;
};

struct making {
	struct records log;
	struct list ops;
	struct list mounts;
	struct list steps;
	uint64_t step_count;
	struct list index;
	uint16_t damage_at;
	uint8_t damage;
	/* in the place of the whole store */
	char *link;
};

static const char default_info[] = "keep 1\nbegun 4000000000\nttl 86400\nowner 0 0\nuser 0\n";

static uint64_t number_of(uint8_t which)
{
	return FUZZ_NUMBER + which % 4;
}

static void add_record(struct records *log, uint8_t type, uint64_t number, unsigned char *payload,
                       uint32_t length)
{
	if (log->count == RECORDS_MAX || length > PAYLOAD_MAX) {
		free(payload);
		return;
	}
	log->entries[log->count] = (struct lc_log_entry){type, length, number, payload};
	log->payloads[log->count++] = payload;
}

static void add_change(struct fuzz_input *in, struct records *log)
{
	uint64_t number = number_of(fuzz_u8(in));
	uint8_t type = fuzz_u8(in);
	unsigned char *payload;
	struct lc_change change;
	uint32_t length;

	fuzz_tree_change(in, type, &change);
	FUZZ_CHECK(lc_change_encode(&change, &payload, &length) == 0);
	add_record(log, type, number, payload, length);
	lc_change_release(&change);
}

static void add_raw(struct fuzz_input *in, struct records *log)
{
	uint64_t number = number_of(fuzz_u8(in));
	uint8_t type = fuzz_u8(in);
	size_t got;
	const uint8_t *bytes = fuzz_bytes(in, fuzz_u8(in), &got);

	add_record(log, type, number, fuzz_copy(bytes, got), (uint32_t)got);
}

static void put_in_list(struct list *list, uint8_t type, uint64_t number, const void *payload,
                        uint32_t length)
{
	struct lc_record record = {
	        .type = type, .position = list->length, .transaction = number, .length = length};
	unsigned char *to = list->bytes + list->length;

	if (lc_record_size(length) > sizeof list->bytes - list->length)
		return;
	if (length > 0)
		memcpy(to + LC_RECORD_HEAD, payload, length);
	list->length += lc_record_seal(to, &record);
}

static void add_to_list(struct fuzz_input *in, struct list *list, uint64_t number)
{
	uint8_t type = fuzz_u8(in);
	unsigned char *payload;
	struct lc_change change;
	uint32_t length;

	fuzz_tree_change(in, (enum lc_change_type)type, &change);
	FUZZ_CHECK(lc_change_encode(&change, &payload, &length) == 0);
	put_in_list(list, type, number, payload, length);
	free(payload);
	lc_change_release(&change);
}

/* Between a begin record and one that says how many there are. */
static void add_step(struct fuzz_input *in, struct making *making)
{
	static const unsigned char begin[LC_BEGIN_SIZE] = {1};

	if (making->steps.length == 0)
		put_in_list(&making->steps, LC_LOG_BEGIN, FUZZ_NUMBER + 1, begin, sizeof begin);
	add_to_list(in, &making->steps, FUZZ_NUMBER + 1);
	making->step_count++;
}

static void add_index(struct fuzz_input *in, struct list *list)
{
	unsigned char payload[72] = {0};
	uint64_t number = number_of(fuzz_u8(in));
	size_t got;
	const uint8_t *bytes = fuzz_bytes(in, sizeof payload, &got);

	if (got > 0)
		memcpy(payload, bytes, got);
	put_in_list(list, 1, number, payload, sizeof payload);
}

static void write_text(struct fuzz_input *in, const char *name)
{
	size_t got;
	const uint8_t *bytes = fuzz_bytes(in, fuzz_u8(in), &got);

	fuzz_write(name, bytes, got);
}

static void read_items(struct fuzz_input *in, struct making *making)
{
	while (in->left > 0) {
		switch (fuzz_u8(in)) {
		case 'F':
			write_text(in, "tree/.commit/format");
			break;
		case 'I':
			write_text(in, "tree/" FUZZ_STAGE "/info");
			break;
		case 'C':
			add_change(in, &making->log);
			break;
		case 'B':
			add_raw(in, &making->log);
			break;
		case 'O':
			add_to_list(in, &making->ops, FUZZ_NUMBER);
			break;
		case 'M':
			add_to_list(in, &making->mounts, FUZZ_NUMBER);
			break;
		case 'S':
			add_step(in, making);
			break;
		case 'H':
			add_index(in, &making->index);
			break;
		case 'K':
			write_text(in, "tree/.commit/config");
			break;
		case 'P':
			making->link = fuzz_text(in, fuzz_u8(in));
			in->left = 0;
			break;
		case 'D':
			making->damage_at = fuzz_u16(in);
			making->damage = fuzz_u8(in);
			break;
		default:
			break;
		}
	}
}

/* Batches end where a commit record is. */
static void append_all(struct lc_log *log, const struct records *records)
{
	size_t start = 0, at;
	uint64_t end;

	for (at = 0; at < records->count; at++) {
		if (records->entries[at].type != LC_LOG_COMMIT && at + 1 < records->count)
			continue;
		lc_log_append(log, records->entries + start, at + 1 - start, &end);
		start = at + 1;
	}
}

static void write_log(struct making *making)
{
	struct lc_log_options options;
	struct lc_log *log;
	int fd, dirfd = openat(fuzz_scratch_fd(), "tree/.commit/log", O_RDONLY | O_CLOEXEC);

	lc_log_options_init(&options);
	options.segment_size = SEGMENT;
	options.unflushed = 1;
	FUZZ_CHECK(dirfd >= 0 && lc_log_create(dirfd, &options) == 0);
	if (making->log.count > 0) {
		FUZZ_CHECK(lc_log_open(dirfd, &options, &log, NULL) == 0);
		append_all(log, &making->log);
		lc_log_close(log);
	}
	fd = making->damage ? openat(dirfd, "segment-0000000000000001", O_RDWR | O_CLOEXEC) : -1;
	if (fd >= 0) {
		FUZZ_CHECK(pwrite(fd, &making->damage, 1, making->damage_at % SEGMENT) == 1);
		close(fd);
	}
	close(dirfd);
}

static void write_history(struct making *making)
{
	unsigned char count[8];

	if (making->steps.length == 0 && making->index.length == 0)
		return;
	fuzz_mkdir("tree/.commit/history");
	fuzz_mkdir("tree/" FUZZ_KEPT);
	fuzz_write("tree/" FUZZ_KEPT "/out-0", "old 0", 5);
	fuzz_mkdir("tree/" FUZZ_KEPT "/out-1");
	fuzz_symlink("../../../../outside/secret", "tree/" FUZZ_KEPT "/out-2");
	lc_put_le64(count, making->step_count);
	put_in_list(&making->steps, LC_LOG_COMMIT, FUZZ_NUMBER + 1, count, sizeof count);
	fuzz_write("tree/" FUZZ_KEPT "/steps", making->steps.bytes, making->steps.length);
	fuzz_write("tree/.commit/history/index", making->index.bytes, making->index.length);
}

/* The store lies elsewhere: this is the file that says where. */
static void replace_store(const char *text)
{
	fuzz_clear("tree/.commit", 0);
	fuzz_write("tree/.commit", text, strlen(text));
}

static void make(struct fuzz_input *in)
{
	struct making *making = calloc(1, sizeof *making);
	size_t i;

	FUZZ_CHECK(making != NULL);
	fuzz_tree_make();
	fuzz_tree_format();
	fuzz_write("tree/" FUZZ_STAGE "/info", default_info, strlen(default_info));
	read_items(in, making);
	fuzz_write("tree/" FUZZ_STAGE "/ops", making->ops.bytes, making->ops.length);
	if (making->mounts.length > 0)
		fuzz_write("tree/" FUZZ_STAGE "/mounts", making->mounts.bytes,
		           making->mounts.length);
	write_log(making);
	write_history(making);
	if (making->link)
		replace_store(making->link);
	free(making->link);
	for (i = 0; i < making->log.count; i++)
		free(making->log.payloads[i]);
	free(making);
}

static int open_store(struct commit_store **store, unsigned flags)
{
	struct commit_store_options options;
	struct commit_error err = COMMIT_ERROR_INIT;
	int rc;

	commit_store_options_init(&options);
	options.wait_ms = 0;
	rc = commit_store_open(store, fuzz_path("tree"), flags, &options, &err);
	FUZZ_CHECK(rc == 0 || (rc == err.code && rc < 0));
	return rc;
}

static int see_info(void *context, const struct commit_txn_info *info)
{
	(void)context;
	FUZZ_CHECK(strlen(info->id) < sizeof info->id);
	return 0;
}

static int see_change(void *context, const char *path, enum commit_kind before,
                      const char *real_before, enum commit_kind after, const char *real_after)
{
	(void)context, (void)before, (void)real_before, (void)after, (void)real_after;
	FUZZ_CHECK(path && *path && *path != '/');
	return 0;
}

static void scan(unsigned flags)
{
	struct commit_recover_options options;
	struct commit_recover_totals totals = {0};
	struct commit_error err = COMMIT_ERROR_INIT;

	commit_recover_options_init(&options);
	options.flags = COMMIT_RECOVER_TREE | flags;
	options.journal_dir = fuzz_path("registry");
	commit_recover_scan(fuzz_path("tree"), &options, &totals, &err);
}

/* Whoever looks only changes nothing. */
static void look(void)
{
	uint64_t before = fuzz_snapshot("tree", NULL);
	struct commit_error err = COMMIT_ERROR_INIT;
	struct commit_store *store;

	if (open_store(&store, COMMIT_STORE_LOOK) == 0) {
		commit_store_list(store, see_info, NULL, &err);
		commit_store_history(store, see_info, NULL, &err);
		commit_store_close(store);
	}
	scan(COMMIT_RECOVER_DRY_RUN);
	FUZZ_CHECK(fuzz_snapshot("tree", NULL) == before);
}

static void resume(struct commit_store *store, int commit)
{
	struct commit_error err = COMMIT_ERROR_INIT;
	enum commit_kind kind;
	struct commit_txn *txn;
	char real[PATH_MAX];
	size_t i;

	if (commit_txn_resume(&txn, store, FUZZ_ID, &err) != 0)
		return;
	for (i = 0; i < FUZZ_PATHS; i++)
		commit_txn_look(txn, fuzz_tree_paths[i], &kind, real, sizeof real, &err);
	commit_txn_changes(txn, see_change, NULL, &err);
	commit_txn_put_bytes(txn, "d/put", "put", 3, &err);
	if (commit)
		commit_txn_commit(txn, NULL, &err);
	else
		commit_txn_abort(txn, &err);
	commit_txn_close(txn);
}

/* Taking back what history says was done. */
static void undo(struct commit_store *store)
{
	struct commit_error err = COMMIT_ERROR_INIT;
	struct commit_txn *txn;

	commit_store_history(store, see_info, NULL, &err);
	if (commit_txn_begin(&txn, store, NULL, &err) != 0)
		return;
	if (commit_txn_undo(txn, FUZZ_ID_2, &err) == 0)
		commit_txn_commit(txn, NULL, &err);
	commit_txn_close(txn);
}

/* What recovery has settled it leaves alone when it runs again. */
static void recover(unsigned flags)
{
	struct commit_store *store;
	uint64_t settled;
	int first = open_store(&store, 0), second;

	settled = fuzz_snapshot("tree", ".commit");
	if (first == 0) {
		if (flags & RESUME)
			resume(store, (flags & COMMIT) != 0);
		if (flags & HISTORY)
			undo(store);
		commit_store_close(store);
		if (flags & (RESUME | HISTORY))
			settled = fuzz_snapshot("tree", ".commit");
	}
	second = open_store(&store, 0);
	if (second == 0)
		commit_store_close(store);
	if (first == 0 && !(flags & (RESUME | HISTORY)))
		FUZZ_CHECK(second == 0);
	if ((first == 0 && second == 0) || first == COMMIT_ECONFLICT)
		FUZZ_CHECK(fuzz_snapshot("tree", ".commit") == settled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in;
	uint64_t outside;
	unsigned flags;

	fuzz_input_init(&in, data, size);
	flags = fuzz_u8(&in);
	make(&in);
	outside = fuzz_snapshot("outside", NULL);
	if (flags & LOOK)
		look();
	if (flags & SCAN)
		scan(0);
	else
		recover(flags);
	FUZZ_CHECK(fuzz_snapshot("outside", NULL) == outside);
	return 0;
}
