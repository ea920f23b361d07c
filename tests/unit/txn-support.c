/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-support.h"

#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct commit_store *store;
struct commit_txn *txn;
struct commit_error txn_err;

struct commit_store_options txn_quick_options(void)
{
	struct commit_store_options opt;

	commit_store_options_init(&opt);
	opt.wait_ms = 0;
	return opt;
}

int txn_begin(void **state)
{
	struct commit_store_options opt = txn_quick_options();
	int rc = support_begin(state);

	if (rc || mkdir("t", 0755) != 0 || mkdir("t/d", 0755) != 0)
		return -1;
	put("t/a", "a");
	put("t/b", "b");
	txn = NULL;
	return commit_store_open(&store, "t", COMMIT_STORE_CREATE, &opt, &txn_err);
}

int txn_end(void **state)
{
	commit_txn_close(txn);
	commit_store_close(store);
	return support_end(state);
}

void begins(unsigned flags)
{
	struct commit_txn_options opt;

	commit_txn_options_init(&opt);
	opt.flags = flags;
	assert_int_equal(commit_txn_begin(&txn, store, &opt, &txn_err), 0);
}

void puts_text(const char *path, const char *text)
{
	assert_int_equal(commit_txn_put_bytes(txn, path, text, strlen(text), &txn_err), 0);
}

int stages(void)
{
	DIR *dir = opendir("t/.commit/stage");
	struct dirent *entry;
	int count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

void close_txn(void)
{
	commit_txn_close(txn);
	txn = NULL;
}
