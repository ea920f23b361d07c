/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "pieces.h"
#include "seeds.h"

#include "bytes.h"
#include "journal.h"
#include "log-internal.h"
#include "triple.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { SEGMENTS = 4, AT_RECORD = 16, AT_PAYLOAD = AT_RECORD + LC_RECORD_HEAD };
enum { SEAL_HEADS = 1 << 3, LOOK_FIRST = 1 << 4 };

static void commit(struct lc_log *log, uint64_t transaction, uint32_t length)
{
	static const char payload[2048] = "payload";
	struct lc_log_entry batch[] = {{.type = LC_LOG_BEGIN, .transaction = transaction},
	                               {LC_LOG_OPERATION, length, transaction, payload},
	                               {.type = LC_LOG_COMMIT, .transaction = transaction},
	                               {.type = LC_LOG_COMPLETE, .transaction = transaction}};
	uint64_t end;

	FUZZ_CHECK(lc_log_append(log, batch, 4, &end) == 0 && lc_log_force(log, end) == 0);
}

static size_t read_file(const char *name, unsigned char *image, size_t size)
{
	int fd = openat(fuzz_scratch_fd(), name, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, image, size);

	if (fd >= 0)
		close(fd);
	FUZZ_CHECK(length >= 0);
	return (size_t)length;
}

static void print_pieces(FILE *out, const unsigned char *image, size_t size)
{
	char *bytes = NULL;
	size_t length = 0;
	FILE *pieces = open_memstream(&bytes, &length);
	unsigned pieces_count;

	FUZZ_CHECK(pieces != NULL);
	pieces_count = fuzz_pieces_print(pieces, image, size);
	fclose(pieces);
	FUZZ_CHECK(pieces_count < 256);
	fputc((int)pieces_count, out);
	fwrite(bytes, 1, length, out);
	free(bytes);
}

/* What stands in log/ now, for the whole log with these flags, and each segment alone. */
static void print_log(unsigned flags)
{
	unsigned char image[4 * LC_LOG_BLOCK];
	char name[LC_LOG_NAME_SIZE], path[64];
	FILE *whole = seed_open("log"), *alone;
	unsigned number;
	size_t size;

	fputc((int)flags, whole);
	size = read_file("log/super", image, sizeof image);
	fputc(0, whole);
	fputc(1, whole);
	print_pieces(whole, image, size);
	for (number = 1; number <= SEGMENTS; number++) {
		lc_segment_name(number, name);
		snprintf(path, sizeof path, "log/%s", name);
		size = read_file(path, image, sizeof image);
		if (size == 0)
			continue;
		fputc((int)number, whole);
		fputc((int)(size / LC_LOG_BLOCK - 1), whole);
		print_pieces(whole, image, size);
		alone = seed_open("segment");
		fputc((int)(flags & FUZZ_SEAL_ALL), alone);
		fputc((int)(lc_get_le64(image + AT_PAYLOAD + 8) / LC_LOG_BLOCK - 1), alone);
		fputc((int)lc_get_le64(image + AT_RECORD + 24), alone);
		fputc((int)lc_get_le64(image + AT_RECORD + 32), alone);
		fuzz_pieces_print(alone, image, size);
		fclose(alone);
	}
	fclose(whole);
}

static void print_records(void)
{
	unsigned char bytes[5 + LC_RECORD_HEAD + 64] = {1};
	struct lc_record record = {.type = 16, .transaction = 7, .position = 4096, .salt = 9};
	uint32_t length;

	for (length = 0; length < 64; length += 21) {
		record.length = length;
		memset(bytes + 5 + LC_RECORD_HEAD, 'x', length);
		seed_bytes("record", bytes, 5 + lc_record_seal(bytes + 5, &record));
		bytes[0] ^= 1;
	}
}

static void print_triples(void)
{
	unsigned char table[8 * LC_TRIPLE_DIGEST] = {0};
	unsigned char bytes[1 + LC_TRIPLE_HEAD + sizeof table + 64] = {0};
	struct lc_triple_sidecar sidecar = {.now = {.version = 1, .table = table},
	                                    .paths = {"", "", ""}};
	uint32_t blocks;

	for (blocks = 0; blocks <= 8; blocks += 4) {
		sidecar.now.length = (uint64_t)blocks * LC_TRIPLE_BLOCK_MIN;
		lc_triple_cut(sidecar.now.length, LC_TRIPLE_BLOCK_MIN, &sidecar.now.block,
		              &sidecar.now.blocks);
		sidecar.now.root = lc_triple_root(sidecar.set, &sidecar.now);
		bytes[0] = blocks > 0 ? 3 : 2;
		lc_triple_encode(&sidecar, bytes + 1);
		seed_bytes("triple", bytes, 1 + lc_triple_size(&sidecar));
	}
	memset(bytes, 7, sizeof bytes);
	bytes[0] = 0;
	seed_bytes("triple", bytes, sizeof bytes);
}

void seeds_log(void)
{
	struct lc_log_options options;
	struct lc_log *log;
	uint64_t i;
	int dirfd;

	fuzz_mkdir("log");
	dirfd = openat(fuzz_scratch_fd(), "log", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	lc_log_options_init(&options);
	options.segment_size = 2 * LC_LOG_BLOCK;
	options.block = LC_RECORD_ALIGN;
	FUZZ_CHECK(dirfd >= 0 && lc_log_create(dirfd, &options) == 0);
	print_log(LOOK_FIRST);
	FUZZ_CHECK(lc_log_open(dirfd, &options, &log, NULL) == 0);
	for (i = 1; i < 6; i++) {
		commit(log, i, (uint32_t)(i * i * 50));
		print_log(i % 2 ? FUZZ_SEAL_ALL | SEAL_HEADS | LOOK_FIRST : 0);
	}
	FUZZ_CHECK(lc_log_trim(log, lc_log_end(log)) == 0);
	print_log(FUZZ_SEAL_SUMS | SEAL_HEADS | LOOK_FIRST);
	print_log(LOOK_FIRST);
	lc_log_close(log);
	close(dirfd);
	print_records();
	print_triples();
}

void seeds_journal(void)
{
	struct lc_journal j = {.fs = 1, .inode = 2, .created = 3, .mode = 0644};
	unsigned char bytes[9 + LC_JOURNAL_HEAD] = {1};
	static const char *const targets[] = {"file", "/etc/hosts", "..", "a/b"};
	static const unsigned char sidecars[][16] = {
	        {1 | 2 | 4, 0, 0x10, 0, 0x20, 0, 'o', 'n', 0644 / 8, 0, 0},
	        {2, 1, 0x10, 2, 0x20, 0, 'o', 'n', 0600 / 8, 0, 0},
	        {1 | 8, 2 | 16, 0x10, 5, 0x20, 3, 'o', 'n', 0, 0, 0},
	        {1 | 2 | 16, 0, 8, 0, 8, 0, 'o', 'n', 077, 4, 4, 'l', 'i', 'n', 'k'},
	        {1 | 2 | 16, 1, 8, 0, 8, 0, 'o', 'n', 077, 0, 0, 9, 0, 2, 1, 1}};
	size_t i;

	for (i = 0; i < sizeof targets / sizeof targets[0]; i++) {
		j.new_offset = LC_JOURNAL_HEAD;
		j.new_size = i * 1000;
		j.old_offset = lc_journal_align(LC_JOURNAL_HEAD + j.new_size);
		j.old_size = 100;
		j.flags = targets[i][0] != '/';
		strcpy(j.target, targets[i]);
		lc_journal_encode(&j, bytes + 9);
		lc_put_le64(bytes + 1, j.old_offset + j.old_size);
		bytes[0] = (unsigned char)(i % 2 ? 1 : 3);
		seed_bytes("journal", bytes, 9 + 16 + LC_RECORD_HEAD + 176 + strlen(j.target));
	}
	for (i = 0; i < sizeof sidecars / sizeof sidecars[0]; i++)
		seed_bytes("sidecar", sidecars[i], sizeof sidecars[i]);
}
