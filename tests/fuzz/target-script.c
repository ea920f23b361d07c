/* SPDX-License-Identifier: ISC */
/*
 * Whole scripts of commit-txn, from standard input to the commit: all of it or
 * nothing happens, and nothing outside the tree.
 *
 *     u8   bit 0: words end with zero bytes (-0)
 *     the script
 */
#include "config.h"

#include "fuzz.h"

#include "cli.h"
#include "txn-script.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ZERO = 1, SCRIPT_MAX = 4096 };

static int input = -1;

/* Sources of put are the caller's files: they are taken from a directory of ours. */
static void init(void)
{
	fuzz_mkdir("work");
	fuzz_write("work/src", "source", 6);
	FUZZ_CHECK(chdir(fuzz_path("work")) == 0);
	input = memfd_create("script", MFD_CLOEXEC);
	FUZZ_CHECK(input >= 0 && dup2(input, STDIN_FILENO) == STDIN_FILENO);
	cli.tool = "commit-txn";
	cli.quiet = true;
}

static void make_tree(void)
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
	fuzz_symlink("d", "tree/to-d");
}

/* A device among the sources could be anything, one that never ends too. */
static int is_harmless(const uint8_t *data, size_t size)
{
	return size <= SCRIPT_MAX && !memmem(data, size, "dev", 3) &&
	       !memmem(data, size, "proc", 4) && !memmem(data, size, "sys/", 4);
}

/* What has been said is in the store: it opens, and nothing is left to be done. */
static void check_store(uint64_t tree)
{
	struct commit_error err = COMMIT_ERROR_INIT;
	struct commit_store *store;

	FUZZ_CHECK(commit_store_open(&store, fuzz_path("tree"), 0, NULL, &err) == 0);
	commit_store_close(store);
	FUZZ_CHECK(fuzz_snapshot("tree", ".commit") == tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct txn_session session = TXN_SESSION_INIT;
	struct txn_options options = {.wait_ms = 0};
	uint64_t before, outside;
	unsigned flags;
	int rc;

	if (size == 0 || !is_harmless(data, size))
		return 0;
	if (input < 0)
		init();
	flags = *data++;
	size--;
	make_tree();
	FUZZ_CHECK(ftruncate(input, 0) == 0 && pwrite(input, data, size, 0) == (ssize_t)size);
	FUZZ_CHECK(lseek(STDIN_FILENO, 0, SEEK_SET) == 0);
	options.root = fuzz_path("tree");
	options.zero = flags & ZERO;
	session.options = &options;
	outside = fuzz_snapshot("outside", NULL);
	before = fuzz_snapshot("tree", ".commit");
	rc = txn_script(&session);
	txn_session_close(&session);
	FUZZ_CHECK(rc == COMMIT_OK || rc < 0);
	if (rc != COMMIT_OK)
		FUZZ_CHECK(!session.committed && fuzz_snapshot("tree", ".commit") == before);
	if (faccessat(fuzz_scratch_fd(), "tree/.commit/format", F_OK, 0) == 0)
		check_store(fuzz_snapshot("tree", ".commit"));
	FUZZ_CHECK(fuzz_snapshot("outside", NULL) == outside);
	return 0;
}
