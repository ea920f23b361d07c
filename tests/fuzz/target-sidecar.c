/* SPDX-License-Identifier: ISC */
/*
 * In-place journals beside a file, as commit-recover finds them: the file stays
 * or becomes wholly the new one, and nothing else changes.
 *
 *     u8 flags, enum below    u8 what the file holds    u16 length of old    u16 of new
 *     u8 bytes of old         u8 of new                 u8 mode/8    u8 capabilities
 *     u8 length, target's name    pieces over the head
 */
#include "config.h"

#include "fuzz.h"
#include "pieces.h"

#include "inplace.h"
#include "sys.h"

#include <commit_recover.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { SEAL = 1, PROVEN = 2, DRY_RUN = 4, ABSOLUTE = 8, PATCH = 16, FOREIGN_NAME = 32 };
enum { IMAGE_MAX = 3 * LC_SECTOR + 7, AT_RECORD = 16 };

struct making {
	struct lc_journal journal;
	unsigned char head[LC_JOURNAL_HEAD];
	unsigned char old_image[IMAGE_MAX];
	unsigned char new_image[IMAGE_MAX];
	char name[LC_NAME_SIZE];
};

static ino_t inode_of(const char *name)
{
	struct stat st;

	FUZZ_CHECK(fstatat(fuzz_scratch_fd(), name, &st, 0) == 0);
	return st.st_ino;
}

static void fill(struct fuzz_input *in, struct making *m)
{
	struct lc_journal *j = &m->journal;

	j->old_size = fuzz_u16(in) % (IMAGE_MAX + 1);
	j->new_size = fuzz_u16(in) % (IMAGE_MAX + 1);
	memset(m->old_image, fuzz_u8(in), sizeof m->old_image);
	memset(m->new_image, fuzz_u8(in), sizeof m->new_image);
	j->mode = fuzz_u8(in) * 8u;
	j->caps_length = fuzz_u8(in);
	j->uid = geteuid();
	j->gid = getegid();
	j->new_offset = LC_JOURNAL_HEAD;
	j->old_offset = lc_journal_align(LC_JOURNAL_HEAD + j->new_size);
}

/* Old, new, new up to somewhere and old from there, and what nobody wrote. */
static void write_target(const struct making *m, uint8_t what)
{
	const struct lc_journal *j = &m->journal;
	unsigned char bytes[IMAGE_MAX + 1];
	size_t most = j->old_size > j->new_size ? j->old_size : j->new_size;
	size_t length = what & 1 ? j->new_size : j->old_size, at;

	if ((what & 3) == 2)
		length = most;
	for (at = 0; at < length; at++)
		bytes[at] = (what & 3) == 1 || ((what & 3) == 2 && at < (size_t)(what & ~3u) * 8)
		                    ? m->new_image[at]
		            : at < j->old_size ? m->old_image[at]
		                               : 0;
	if ((what & 3) == 3)
		bytes[length++] = '!';
	fuzz_write("tree/t", bytes, length);
}

static struct lc_digest digest_of(const void *bytes, size_t length)
{
	struct lc_digest_stream *stream = lc_digest_new();
	struct lc_digest digest;

	FUZZ_CHECK(stream != NULL);
	lc_digest_update(stream, bytes, length);
	digest = lc_digest_value(stream);
	lc_digest_free(stream);
	return digest;
}

static void set_identity(struct fuzz_input *in, struct making *m, unsigned flags)
{
	struct lc_journal *j = &m->journal;
	char *target = fuzz_text(in, fuzz_u8(in));

	FUZZ_CHECK(lc_sys_fs_id(fuzz_scratch_fd(), &j->fs) == 0);
	j->inode = inode_of("tree/t");
	j->old_digest = digest_of(m->old_image, j->old_size);
	j->new_digest = digest_of(m->new_image, j->new_size);
	if (flags & ABSOLUTE)
		snprintf(j->target, sizeof j->target, "%s", fuzz_path("tree/t"));
	else
		snprintf(j->target, sizeof j->target, "%s", *target ? target : "t");
	j->flags = flags & ABSOLUTE ? 0 : LC_JOURNAL_BESIDE;
	FUZZ_CHECK(lc_name_make_in_place(inode_of("tree") + (flags & FOREIGN_NAME ? 1 : 0),
	                                 flags & PROVEN ? j->target : "t", m->name) == 0);
	free(target);
}

static void write_journal(struct fuzz_input *in, struct making *m, unsigned flags)
{
	char path[LC_NAME_SIZE + 8];
	int fd;

	lc_journal_encode(&m->journal, m->head);
	if (flags & PATCH)
		fuzz_pieces(in, m->head, sizeof m->head);
	if (flags & SEAL)
		fuzz_seal(m->head + AT_RECORD, sizeof m->head - AT_RECORD);
	snprintf(path, sizeof path, "tree/%s", m->name);
	fuzz_write(path, m->head, sizeof m->head);
	fd = openat(fuzz_scratch_fd(), path, O_WRONLY | O_CLOEXEC);
	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(pwrite(fd, m->new_image, m->journal.new_size, (off_t)m->journal.new_offset) >=
	           0);
	FUZZ_CHECK(pwrite(fd, m->old_image, m->journal.old_size, (off_t)m->journal.old_offset) >=
	           0);
	FUZZ_CHECK(ftruncate(fd, (off_t)(m->journal.old_offset + m->journal.old_size)) == 0);
	close(fd);
}

/* Nothing outside the scratch directory is to be opened, not even for a look. */
static int is_harmless(const struct making *m)
{
	struct lc_journal j;

	if (lc_journal_decode(m->head, m->journal.old_offset + m->journal.old_size, &j) != 0)
		return 1;
	return (j.flags & LC_JOURNAL_BESIDE) || strcmp(j.target, fuzz_path("tree/t")) == 0;
}

static int scan(unsigned flags, struct commit_recover_totals *totals)
{
	struct commit_recover_options options;
	struct commit_error err = COMMIT_ERROR_INIT;

	memset(totals, 0, sizeof *totals);
	commit_recover_options_init(&options);
	options.flags = flags;
	options.journal_dir = fuzz_path("registry");
	return commit_recover_scan(fuzz_path("tree"), &options, totals, &err);
}

static void check_target(const struct making *m)
{
	unsigned char bytes[IMAGE_MAX + 1];
	int fd = openat(fuzz_scratch_fd(), "tree/t", O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, bytes, sizeof bytes);
	struct lc_journal j;

	close(fd);
	FUZZ_CHECK(lc_journal_decode(m->head, m->journal.old_offset + m->journal.old_size, &j) ==
	           0);
	FUZZ_CHECK(length == (ssize_t)j.new_size);
	FUZZ_CHECK(j.new_offset != m->journal.new_offset ||
	           memcmp(bytes, m->new_image, (size_t)length) == 0);
}

/* A byte that is neither old nor new is somebody else's. */
static int is_foreign(const struct making *m, unsigned flags, uint8_t what)
{
	return (what & 3) == 3 && !(flags & PATCH) && m->new_image[0] != '!' &&
	       m->old_image[0] != '!';
}

static void recover(const struct making *m, unsigned flags, uint8_t what)
{
	struct commit_recover_totals totals;
	uint64_t before = fuzz_snapshot("tree", NULL);
	int rc;

	if (flags & DRY_RUN) {
		scan(COMMIT_RECOVER_DRY_RUN, &totals);
		FUZZ_CHECK(fuzz_snapshot("tree", NULL) == before);
	}
	rc = scan(0, &totals);
	FUZZ_CHECK(totals.repaired == 0 || !is_foreign(m, flags, what));
	if (totals.repaired > 0)
		check_target(m);
	else if (totals.failed == 0)
		FUZZ_CHECK(fuzz_snapshot("tree", NULL) == before);
	FUZZ_CHECK((rc == 0) == (totals.failed == 0 && totals.conflicts == 0));
	if (rc == 0) {
		before = fuzz_snapshot("tree", NULL);
		FUZZ_CHECK(scan(0, &totals) == 0 && totals.repaired == 0);
		FUZZ_CHECK(fuzz_snapshot("tree", NULL) == before);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct making *m = calloc(1, sizeof *m);
	struct fuzz_input in;
	uint64_t outside;
	unsigned flags;
	uint8_t what;

	FUZZ_CHECK(m != NULL);
	fuzz_clear("tree", 0);
	fuzz_clear("outside", 0);
	fuzz_mkdir("outside");
	fuzz_mkdir("tree");
	fuzz_write("outside/secret", "secret", 6);
	fuzz_symlink("../outside/secret", "tree/link");
	fuzz_write("tree/other", "other", 5);
	outside = fuzz_snapshot("outside", NULL);
	fuzz_input_init(&in, data, size);
	flags = fuzz_u8(&in);
	what = fuzz_u8(&in);
	fill(&in, m);
	write_target(m, what);
	set_identity(&in, m, flags);
	write_journal(&in, m, flags);
	if (is_harmless(m))
		recover(m, flags, what);
	FUZZ_CHECK(fuzz_snapshot("outside", NULL) == outside);
	free(m);
	return 0;
}
