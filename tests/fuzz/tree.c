/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "tree.h"

#include "bytes.h"
#include "sys.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const fuzz_tree_paths[FUZZ_PATHS] = {
        "a",
        "b",
        "d",
        "d/x",
        "d/e",
        "link",
        FUZZ_STAGE "/in-0",
        FUZZ_STAGE "/in-1",
        FUZZ_STAGE "/in-2",
        FUZZ_STAGE "/in-3",
        FUZZ_STAGE "/out-0",
        FUZZ_STAGE "/out-1",
        "n",
        "d/n",
        "link/secret",
        "../outside/secret",
        ".commit/log/super",
        FUZZ_STAGE "/ops",
        ".commit/stage/" FUZZ_ID_2 "/in-0",
        ".commit/stage/" FUZZ_ID_2 "/out-0",
        ".commit/stage/" FUZZ_ID_2 "/out-1",
        ".commit/stage/" FUZZ_ID_2 "/out-2",
};

void fuzz_tree_make(void)
{
	fuzz_clear("tree", 0);
	fuzz_clear("outside", 0);
	fuzz_mkdir("outside");
	fuzz_write("outside/secret", "secret", 6);
	fuzz_mkdir("tree");
	fuzz_write("tree/a", "old a", 5);
	fuzz_write("tree/b", "old b", 5);
	fuzz_mkdir("tree/d");
	fuzz_write("tree/d/x", "old x", 5);
	fuzz_mkdir("tree/d/e");
	fuzz_symlink("../outside", "tree/link");
	fuzz_mkdir("tree/.commit");
	fuzz_mkdir("tree/.commit/stage");
	fuzz_mkdir("tree/" FUZZ_STAGE);
	fuzz_write("tree/" FUZZ_STAGE "/in-0", "new 0", 5);
	fuzz_mkdir("tree/" FUZZ_STAGE "/in-1");
	fuzz_symlink("../../../../outside/secret", "tree/" FUZZ_STAGE "/in-2");
	fuzz_write("tree/" FUZZ_STAGE "/in-3", "", 0);
	fuzz_mkdir("tree/.commit/log");
	fuzz_write("tree/.commit/lock", "", 0);
}

void fuzz_tree_format(void)
{
	char text[128];
	struct stat st;
	uint64_t fs;
	int length;

	FUZZ_CHECK(fstatat(fuzz_scratch_fd(), "tree/.commit", &st, 0) == 0);
	FUZZ_CHECK(lc_sys_fs_id(fuzz_scratch_fd(), &fs) == 0);
	length = snprintf(text, sizeof text,
	                  "libcommit store\nversion 1\nfs %016" PRIx64 "\ninode %" PRIu64 "\n", fs,
	                  (uint64_t)st.st_ino);
	fuzz_write("tree/.commit/format", text, (size_t)length);
}

char *fuzz_tree_path(struct fuzz_input *in)
{
	uint8_t which = fuzz_u8(in);

	if (which < FUZZ_PATHS)
		return fuzz_copy(fuzz_tree_paths[which], strlen(fuzz_tree_paths[which]) + 1);
	return fuzz_text(in, fuzz_u8(in));
}

static void version_of(unsigned object, struct lc_identity *identity)
{
	char path[256];
	struct stat st;

	memset(identity, 0, sizeof *identity);
	snprintf(path, sizeof path, "tree/%s", fuzz_tree_paths[object]);
	if (fstatat(fuzz_scratch_fd(), path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		lc_identity_of(&st, identity);
}

void fuzz_tree_version(struct fuzz_input *in, struct lc_identity *identity)
{
	uint8_t which = fuzz_u8(in);

	memset(identity, 0, sizeof *identity);
	if (which == FUZZ_NO_VERSION)
		return;
	version_of(which % FUZZ_OBJECTS, identity);
	if (which < FUZZ_OBJECTS)
		return;
	switch (fuzz_u8(in) % 5) {
	case 0:
		identity->inode = fuzz_u64(in);
		break;
	case 1:
		identity->mode = fuzz_u32(in);
		break;
	case 2:
		identity->size = fuzz_u64(in);
		break;
	case 3:
		identity->seconds = (int64_t)fuzz_u64(in);
		break;
	default:
		identity->nanoseconds = fuzz_u32(in);
		break;
	}
}

static uint32_t id_or_none(uint8_t byte)
{
	return byte == 255 ? UINT32_MAX : byte;
}

/* A mount's value is its file system. */
static void own_file_system(struct lc_change *change)
{
	uint64_t fs;

	FUZZ_CHECK(lc_sys_fs_id(fuzz_scratch_fd(), &fs) == 0);
	free(change->value);
	change->value = malloc(8);
	FUZZ_CHECK(change->value != NULL);
	lc_put_le64(change->value, fs);
	change->value_length = 8;
}

void fuzz_tree_change(struct fuzz_input *in, enum lc_change_type type, struct lc_change *change)
{
	const uint8_t *bytes;
	uint16_t mode;
	size_t got;

	memset(change, 0, sizeof *change);
	change->type = type;
	change->path = fuzz_tree_path(in);
	change->place = fuzz_tree_path(in);
	fuzz_tree_version(in, &change->before);
	fuzz_tree_version(in, &change->after);
	mode = fuzz_u16(in);
	change->mode = mode == 0xffff ? UINT32_MAX : mode;
	change->uid = id_or_none(fuzz_u8(in));
	change->gid = id_or_none(fuzz_u8(in));
	change->attribute = fuzz_text(in, fuzz_u8(in));
	if (!*change->attribute) {
		free(change->attribute);
		change->attribute = NULL;
	}
	bytes = fuzz_bytes(in, fuzz_u8(in), &got);
	change->value = fuzz_copy(bytes, got);
	change->value_length = (uint32_t)got;
	if (type == LC_CHANGE_MOUNT && got == 0)
		own_file_system(change);
}
