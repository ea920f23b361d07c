/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "txn-ops.h"

#include "cli.h"
#include "parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int run_put(struct commit_txn *txn, const struct txn_word *words, struct commit_error *err)
{
	const char *source = words[1].text;
	int fd = open(source, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	int rc;

	if (fd < 0)
		return cli_fail(err, COMMIT_EFAILED, errno, "open", source, "%s", strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		rc = cli_fail(err, COMMIT_EFAILED, EISDIR, "read", source,
		              "it is a directory; SRC must be a file");
	else
		rc = commit_txn_put_fd(txn, words[0].text, fd, fd, err);
	close(fd);
	return rc;
}

static int run_write(struct commit_txn *txn, const struct txn_word *words, struct commit_error *err)
{
	return commit_txn_put_bytes(txn, words[0].text, words[1].text, words[1].length, err);
}

static int run_patch(struct commit_txn *txn, const struct txn_word *words, struct commit_error *err)
{
	uint64_t offset;

	if (parse_bytes("patch", words[1].text, &offset) != COMMIT_OK)
		return COMMIT_EUSAGE;
	return commit_txn_patch_bytes(txn, words[0].text, offset, words[2].text, words[2].length,
	                              err);
}

static int run_rm(struct commit_txn *txn, const struct txn_word *words, struct commit_error *err)
{
	return commit_txn_rm(txn, words[0].text, err);
}

static int run_mkdir(struct commit_txn *txn, const struct txn_word *words, struct commit_error *err)
{
	/* The kernel takes the umask off, unless the directory above has a default ACL. */
	return commit_txn_mkdir(txn, words[0].text, 0777, err);
}

static int run_rmdir(struct commit_txn *txn, const struct txn_word *words, struct commit_error *err)
{
	return commit_txn_rmdir(txn, words[0].text, err);
}

static int run_mv(struct commit_txn *txn, const struct txn_word *words, struct commit_error *err)
{
	return commit_txn_mv(txn, words[0].text, words[1].text, err);
}

static int run_link(struct commit_txn *txn, const struct txn_word *words, struct commit_error *err)
{
	return commit_txn_link(txn, words[0].text, words[1].text, err);
}

static int run_symlink(struct commit_txn *txn, const struct txn_word *words,
                       struct commit_error *err)
{
	return commit_txn_symlink(txn, words[0].text, words[1].text, err);
}

/*
 * The mode that a change like g+w starts from could be one that this
 * transaction has changed before, and nothing tells which it is.
 */
static int run_chmod(struct commit_txn *txn, const struct txn_word *words, struct commit_error *err)
{
	mode_t keep = 0;
	mode_t mode = 0;

	if (parse_mode("chmod", words[0].text, &keep, &mode) != COMMIT_OK)
		return COMMIT_EUSAGE;
	if (keep != 0)
		return cli_usage("chmod",
		                 "'%s' leaves bits as they are; say the whole mode, such as "
		                 "640 or u=rw,g=r,o=",
		                 words[0].text);
	return commit_txn_chmod(txn, words[1].text, mode, err);
}

static int run_chown(struct commit_txn *txn, const struct txn_word *words, struct commit_error *err)
{
	uid_t owner = (uid_t)-1;
	gid_t group = (gid_t)-1;

	if (parse_owner("chown", words[0].text, &owner, &group) != COMMIT_OK)
		return COMMIT_EUSAGE;
	return commit_txn_chown(txn, words[1].text, owner, group, err);
}

static int digit_of(char digit)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = digit != '\0' ? strchr(digits, digit) : NULL;

	return at != NULL ? (int)((at - digits) % 16) : -1;
}

/* 0x6869 becomes hi; false if these are no pairs of digits. */
static bool decode_hex(const char *text, size_t length, char *bytes)
{
	for (size_t i = 0; i + 1 < length; i += 2) {
		int high = digit_of(text[i]);
		int low = digit_of(text[i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i / 2] = (char)(high << 4 | low);
	}
	return length % 2 == 0;
}

static int set_attribute(struct commit_txn *txn, const char *path, const char *name,
                         const char *value, size_t length, struct commit_error *err)
{
	char *bytes;
	int rc;

	if (length < 2 || value[0] != '0' || (value[1] != 'x' && value[1] != 'X'))
		return commit_txn_setxattr(txn, path, name, value, length, err);
	bytes = malloc(length);
	if (bytes == NULL)
		return cli_fail(err, COMMIT_EFAILED, ENOMEM, "setxattr", path, "out of memory");
	if (decode_hex(value + 2, length - 2, bytes))
		rc = commit_txn_setxattr(txn, path, name, bytes, (length - 2) / 2, err);
	else
		rc = cli_usage("setxattr", "'%s' is no hexadecimal value such as 0x6869", value);
	free(bytes);
	return rc;
}

static int run_setxattr(struct commit_txn *txn, const struct txn_word *words,
                        struct commit_error *err)
{
	const char *equals = strchr(words[0].text, '=');
	char *name;
	int rc;

	if (equals == NULL || equals == words[0].text)
		return cli_usage("setxattr", "'%s' is no NAME=VALUE", words[0].text);
	name = strndup(words[0].text, (size_t)(equals - words[0].text));
	if (name == NULL)
		return cli_fail(err, COMMIT_EFAILED, ENOMEM, "setxattr", words[1].text,
		                "out of memory");
	equals++;
	rc = set_attribute(txn, words[1].text, name, equals,
	                   words[0].length - (size_t)(equals - words[0].text), err);
	free(name);
	return rc;
}

static const struct txn_operation operations[] = {
        {"put", {"path", "src"}, run_put},
        {"write", {"path", "text"}, run_write},
        {"patch", {"path", "offset", "text"}, run_patch},
        {"rm", {"path", NULL}, run_rm},
        {"mkdir", {"path", NULL}, run_mkdir},
        {"rmdir", {"path", NULL}, run_rmdir},
        {"mv", {"old", "new"}, run_mv},
        {"link", {"old", "new"}, run_link},
        {"symlink", {"target", "new"}, run_symlink},
        {"chmod", {"mode", "path"}, run_chmod},
        {"chown", {"owner", "path"}, run_chown},
        {"setxattr", {"value", "path"}, run_setxattr},
};

const struct txn_operation *txn_operation_find(const char *name)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (strcmp(operations[i].name, name) == 0)
			return &operations[i];
	return NULL;
}

int txn_operation_count(const struct txn_operation *operation)
{
	int count = 1;

	while (count < TXN_OPERATION_WORDS && operation->words[count] != NULL)
		count++;
	return count;
}

/* May this word have zero bytes in it? */
static bool is_content(const char *name)
{
	return strcmp(name, "text") == 0 || strcmp(name, "value") == 0;
}

int txn_operation_run(const struct txn_operation *operation, struct commit_txn *txn,
                      const struct txn_word *words, struct commit_error *err)
{
	for (int i = 0; i < txn_operation_count(operation); i++) {
		if (!is_content(operation->words[i]) && strlen(words[i].text) != words[i].length)
			return cli_usage(operation->name, "a zero byte in %s", operation->words[i]);
		if (words[i].length == 0 && strcmp(operation->words[i], "text") != 0)
			return cli_usage(operation->name, "%s is empty", operation->words[i]);
	}
	return operation->run(txn, words, err);
}
