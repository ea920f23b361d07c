/* SPDX-License-Identifier: ISC */
#include <config.h>

#ifdef HAVE_LIBARCHIVE

#include "cli.h"
#include "txn-apply-internal.h"
#include "txn-put.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Up to this size content is handed over in one piece. */
enum { SMALL = 256 * 1024, CHUNK = 128 * 1024 };

static const char wrong_size[] = "its size is not what the archive says";

static int put_small(struct apply *apply, const char *path, size_t size)
{
	struct txn_session *session = apply->session;
	/* one byte more: content that is longer than it says is noticed */
	char *bytes = malloc(size + 1);
	size_t used = 0;
	ssize_t got = 1;
	int rc = COMMIT_OK;

	if (bytes == NULL)
		return cli_fail(&session->err, COMMIT_EFAILED, ENOMEM, "apply", path,
		                "out of memory");
	while (got > 0 && used <= size) {
		got = reader_read(apply->reader, bytes + used, size + 1 - used, &session->err);
		used += got > 0 ? (size_t)got : 0;
	}
	if (got < 0)
		rc = (int)got;
	else if (used != size)
		rc = txn_apply_refuse(apply, path, wrong_size);
	else
		rc = commit_txn_put_bytes(session->txn, path, bytes, size, &session->err);
	free(bytes);
	return rc;
}

static int put_file(struct apply *apply, const char *path, const char *source)
{
	struct txn_session *session = apply->session;
	int fd = open(source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return cli_fail(&session->err, COMMIT_EFAILED, errno, "open", source, "%s",
		                strerror(errno));
	rc = commit_txn_put_fd(session->txn, path, fd, -1, &session->err);
	close(fd);
	return rc;
}

/* Through a file without a name, where holes can be. */
static int put_sparse(struct apply *apply, const char *path)
{
	struct txn_session *session = apply->session;
	int spool = txn_spool_open(session);
	int rc;

	if (spool < 0)
		return spool;
	rc = reader_extract(apply->reader, spool, &session->err);
	if (rc == COMMIT_OK)
		rc = commit_txn_put_fd(session->txn, path, spool, -1, &session->err);
	close(spool);
	return rc;
}

/* A thread that reads content into a pipe. */
struct feeder {
	struct apply *apply;
	struct reader *reader;
	int out;
	uint64_t bytes;
	int rc;
	struct commit_error err;
};

/* False if nobody reads any more: the other end knows why. */
static bool write_all(int out, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t written = write(out, bytes, length);

		if (written < 0 && errno != EINTR)
			return false;
		if (written > 0) {
			bytes += written;
			length -= (size_t)written;
		}
	}
	return true;
}

/* SIGPIPE is blocked, and ends with this thread. */
static void *feed(void *context)
{
	struct feeder *feeder = context;
	char *chunk = malloc(CHUNK);
	ssize_t got = 0;

	if (chunk == NULL)
		feeder->rc = cli_fail(&feeder->err, COMMIT_EFAILED, ENOMEM, "apply", NULL,
		                      "out of memory");
	while (chunk != NULL && (got = reader_read(feeder->reader, chunk, CHUNK, &feeder->err)) > 0)
		if (!write_all(feeder->out, chunk, (size_t)got))
			break;
		else
			txn_apply_progress(feeder->apply, feeder->bytes += (uint64_t)got);
	if (got < 0)
		feeder->rc = (int)got;
	close(feeder->out);
	free(chunk);
	return NULL;
}

static int put_stream(struct apply *apply, const char *path, int64_t size)
{
	struct txn_session *session = apply->session;
	struct feeder feeder = {.apply = apply, .reader = apply->reader, .err = COMMIT_ERROR_INIT};
	pthread_t thread;
	int ends[2];
	int rc;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return cli_fail(&session->err, COMMIT_EFAILED, errno, "pipe", path, "%s",
		                strerror(errno));
	(void)fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
	feeder.out = ends[1];
	rc = pthread_create(&thread, NULL, feed, &feeder);
	if (rc != 0) {
		close(ends[0]);
		close(ends[1]);
		return cli_fail(&session->err, COMMIT_EFAILED, rc, "start a thread", path, "%s",
		                strerror(rc));
	}
	rc = commit_txn_put_fd(session->txn, path, ends[0], -1, &session->err);
	close(ends[0]);
	pthread_join(thread, NULL);
	/* then what was put is not all of it */
	if (rc == COMMIT_OK && feeder.rc != COMMIT_OK) {
		session->err = feeder.err;
		rc = feeder.rc;
	}
	if (rc == COMMIT_OK && size >= 0 && feeder.bytes != (uint64_t)size)
		rc = txn_apply_refuse(apply, path, wrong_size);
	return rc;
}

int txn_apply_content(struct apply *apply, const char *path, const struct reader_entry *entry)
{
	if (entry->source != NULL)
		return put_file(apply, path, entry->source);
	if (entry->sparse)
		return put_sparse(apply, path);
	if (entry->size >= 0 && entry->size <= SMALL)
		return put_small(apply, path, (size_t)entry->size);
	return put_stream(apply, path, entry->size);
}

struct attributes {
	struct apply *apply;
	const char *path;
	bool list;
};

/* Names that begin with user. are anybody's; the others take a right. */
static int set_attribute(void *context, const char *name, const void *value, size_t length)
{
	struct attributes *attributes = context;
	struct apply *apply = attributes->apply;
	struct txn_session *session = apply->session;

	if (!apply->same_owner && strncmp(name, "user.", 5) != 0 &&
	    strncmp(name, "system.", 7) != 0) {
		apply->left_out = true;
		return COMMIT_OK;
	}
	attributes->list |= strcmp(name, "system.posix_acl_access") == 0;
	return commit_txn_setxattr(session->txn, attributes->path, name, value, length,
	                           &session->err);
}

/* A list of just what the mode says, for one who has more than that. */
static int drop_list(struct apply *apply, const char *path, mode_t mode)
{
	static const uint16_t tags[] = {1, 4, 32};
	struct {
		uint32_t version;
		struct {
			uint16_t tag;
			uint16_t bits;
			uint32_t id;
		} items[3];
	} list = {.version = htole32(2)};

	for (int i = 0; i < 3; i++) {
		list.items[i].tag = htole16(tags[i]);
		list.items[i].bits = htole16((uint16_t)(mode >> 3 * (2 - i) & 7));
		list.items[i].id = htole32(UINT32_MAX);
	}
	return commit_txn_setxattr(apply->session->txn, path, "system.posix_acl_access", &list,
	                           sizeof(list), &apply->session->err);
}

static int set_owner(struct apply *apply, const char *path, const struct reader_entry *entry)
{
	struct txn_session *session = apply->session;
	uid_t owner = apply->same_owner ? entry->uid : geteuid();
	gid_t group = apply->same_owner ? entry->gid : getegid();

	if (!apply->privileged)
		return COMMIT_OK;
	return commit_txn_chown(session->txn, path, owner, group, &session->err);
}

int txn_apply_metadata(struct apply *apply, const char *path, struct txn_name *name,
                       const struct reader_entry *entry, bool had_list)
{
	struct txn_session *session = apply->session;
	struct attributes attributes = {apply, path, false};
	/* a set-id bit means something with the owner it was made for only */
	mode_t mode = entry->mode & (apply->same_owner ? 07777 : 01777);
	int rc = set_owner(apply, path, entry);

	if (rc != COMMIT_OK || name->kind == TXN_NAME_SYMLINK)
		return rc;
	rc = reader_attributes(apply->reader, set_attribute, &attributes);
	if (rc == COMMIT_OK && had_list && !attributes.list)
		rc = drop_list(apply, path, mode);
	name->mode = mode;
	name->has_mode = name->kind == TXN_NAME_DIRECTORY;
	if (rc == COMMIT_OK && !name->has_mode)
		rc = commit_txn_chmod(session->txn, path, mode, &session->err);
	return rc;
}

static int by_path(const void *a, const void *b)
{
	const struct txn_name *const *left = a, *const *right = b;

	return strcmp((*left)->path, (*right)->path);
}

/* Those with a mode that is left to be set, by path: the table has them in no order. */
static const struct txn_name **sorted_names(const struct apply *apply, size_t *count)
{
	const struct txn_name **names = calloc(apply->names.size + 1, sizeof(struct txn_name *));

	*count = 0;
	for (size_t i = 0; names != NULL && i < apply->names.size; i++)
		if (apply->names.slots[i] != NULL && apply->names.slots[i]->has_mode)
			names[(*count)++] = apply->names.slots[i];
	if (names != NULL)
		qsort(names, *count, sizeof(struct txn_name *), by_path);
	return names;
}

/* A directory that may not be written had to be filled first. */
int txn_apply_modes(struct apply *apply)
{
	struct txn_session *session = apply->session;
	size_t count;
	const struct txn_name **names = sorted_names(apply, &count);
	int rc = COMMIT_OK;

	if (names == NULL)
		return cli_fail(&session->err, COMMIT_EFAILED, ENOMEM, "apply", NULL, NULL);
	for (size_t i = 0; rc == COMMIT_OK && i < count; i++)
		rc = commit_txn_chmod(session->txn, names[i]->path, names[i]->mode, &session->err);
	free(names);
	if (apply->left_out && !cli.quiet)
		cli_say(NULL, "warning: extended attributes that only root may set were left out");
	return rc;
}

#endif
