/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "reader-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int reader_fail(struct commit_error *err, int code, int errnum, const char *path,
                const char *format, ...)
{
	va_list arguments;

	err->code = code;
	err->errnum = errnum;
	err->operation = "read";
	snprintf(err->path, sizeof(err->path), "%s", path);
	va_start(arguments, format);
	vsnprintf(err->text, sizeof(err->text), format, arguments);
	va_end(arguments);
	return code;
}

int reader_fail_archive(const struct reader *reader, struct commit_error *err)
{
	const char *why = reader->la->archive_error_string(reader->archive);
	const char *path = reader->current != NULL ? reader->current : reader->name;
	int errnum = reader->la->archive_errno(reader->archive);

	/* what our own callback met is not told on */
	if (reader->errnum == ECANCELED)
		return reader_fail(err, COMMIT_ECANCELED, EINTR, path, "stopped by a signal");
	if (reader->errnum != 0)
		return reader_fail(err, COMMIT_EFAILED, reader->errnum, reader->name, "%s",
		                   strerror(reader->errnum));
	/* what is wrong with the format has no number of the system's */
	if (errnum > 0 && errnum != EINVAL && errnum != EILSEQ && errnum < 4096)
		return reader_fail(err, COMMIT_EFAILED, errnum, path, "%s",
		                   why != NULL ? why : strerror(errnum));
	return reader_fail(err, COMMIT_EREFUSED, 0, path, "%s; nothing was changed",
	                   why != NULL ? why : "the archive is damaged");
}

/* Waits for data or for a signal, for a pipe may stay silent for ever. */
static la_ssize_t read_block(struct archive *archive, void *context, const void **block)
{
	struct reader *reader = context;
	struct pollfd fds[] = {{reader->fd, POLLIN, 0}, {reader->cancel_fd, POLLIN, 0}};
	ssize_t got = reader->ahead;

	(void)archive;
	*block = reader->block;
	reader->ahead = 0;
	if (got > 0)
		return got;
	got = -1;
	do {
		errno = 0;
		if (poll(fds, 2, -1) >= 0 && fds[1].revents != 0)
			errno = ECANCELED;
		else if (errno == 0)
			got = read(reader->fd, reader->block, sizeof(reader->block));
	} while (got < 0 && (errno == EINTR || errno == EAGAIN));
	reader->errnum = got < 0 ? errno : 0;
	return got;
}

/* Not mtree, which names files, and not "raw", to which everything is an archive. */
static void support_formats(const struct reader *reader)
{
	const struct archive_calls *la = reader->la;
	struct archive *archive = reader->archive;

	la->archive_read_support_filter_all(archive);
	la->archive_read_support_format_7zip(archive);
	la->archive_read_support_format_ar(archive);
	la->archive_read_support_format_cab(archive);
	la->archive_read_support_format_cpio(archive);
	la->archive_read_support_format_iso9660(archive);
	la->archive_read_support_format_lha(archive);
	la->archive_read_support_format_rar(archive);
	la->archive_read_support_format_rar5(archive);
	la->archive_read_support_format_tar(archive);
	la->archive_read_support_format_warc(archive);
	la->archive_read_support_format_xar(archive);
	la->archive_read_support_format_zip(archive);
}

/* NULL with *err; what could be made is closed by reader_close. */
static struct reader *make(const char *name, struct commit_error *err)
{
	const char *why = "";
	const struct archive_calls *la = archive_calls_load(&why);
	struct reader *reader;

	if (la == NULL) {
		reader_fail(err, COMMIT_EFAILED, 0, name, "libarchive cannot be loaded: %s", why);
		return NULL;
	}
	reader = calloc(1, sizeof(*reader));
	if (reader != NULL) {
		reader->la = la;
		reader->fd = -1;
		reader->cancel_fd = -1;
		reader->name = strdup(name);
		reader->entry = la->archive_entry_new();
	}
	if (reader == NULL || reader->name == NULL || reader->entry == NULL) {
		reader_fail(err, COMMIT_EFAILED, ENOMEM, name, "out of memory");
		reader_close(reader);
		return NULL;
	}
	/* some formats have their names in Unicode, and they become UTF-8 */
	setlocale(LC_CTYPE, "C.UTF-8");
	return reader;
}

/* A file without a name, for as long as it is needed. */
static int open_spool(void)
{
	const char *place = getenv("TMPDIR");
	char path[4096];
	int fd;

	if (place == NULL || place[0] == '\0')
		place = "/var/tmp";
	fd = open(place, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "%s/commit-txn-XXXXXX", place);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static bool write_block(int fd, const char *bytes, ssize_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, bytes, (size_t)length);

		if (written < 0 && errno != EINTR)
			return false;
		if (written > 0) {
			bytes += written;
			length -= written;
		}
	}
	return true;
}

/* All that is still to come, behind the first block. */
static int spool(struct reader *reader, ssize_t got, struct commit_error *err)
{
	const void *block;
	int fd = open_spool();
	bool good = fd >= 0;

	while (good && got > 0) {
		good = write_block(fd, reader->block, got);
		if (good)
			got = read_block(NULL, reader, &block);
	}
	if (good && got == 0 && lseek(fd, 0, SEEK_SET) == 0) {
		close(reader->fd);
		reader->fd = fd;
		return COMMIT_OK;
	}
	if (fd >= 0)
		close(fd);
	if (got < 0)
		return reader_fail_archive(reader, err);
	return reader_fail(err, COMMIT_EFAILED, errno, reader->name,
	                   "cannot be kept in a temporary file (TMPDIR): %s", strerror(errno));
}

/*
 * Formats whose list of entries stands at the end: read from the front, a zip has
 * neither modes nor symbolic links, and a 7zip cannot be read at all.
 */
static bool has_list_at_end(const char *bytes, ssize_t length)
{
	return length >= 4 && (memcmp(bytes, "PK", 2) == 0 || memcmp(bytes, "7z\xbc\xaf", 4) == 0);
}

/* From a pipe; what was read to look at it comes first. */
static int open_stream(struct reader *reader, struct commit_error *err)
{
	const struct archive_calls *la = reader->la;
	const void *block;
	ssize_t got = 0;
	int rc = COMMIT_OK;

	/* a pipe may give less than the four bytes at first, but hardly does */
	got = read_block(NULL, reader, &block);
	if (got < 0)
		return reader_fail_archive(reader, err);
	if (has_list_at_end(reader->block, got)) {
		rc = spool(reader, got, err);
		if (rc != COMMIT_OK)
			return rc;
		rc = la->archive_read_open_fd(reader->archive, reader->fd, READER_BLOCK);
	} else {
		reader->ahead = got;
		la->archive_read_set_read_callback(reader->archive, read_block);
		la->archive_read_add_callback_data(reader->archive, reader, 0);
		rc = la->archive_read_open1(reader->archive);
	}
	return rc == ARCHIVE_OK ? COMMIT_OK : reader_fail_archive(reader, err);
}

static int open_input(struct reader *reader, const char *name, struct commit_error *err)
{
	struct stat st;
	int rc;

	if (strcmp(name, "-") == 0)
		reader->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		reader->fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (reader->fd < 0 || fstat(reader->fd, &st) != 0)
		return reader_fail(err, COMMIT_EFAILED, errno, name, "%s", strerror(errno));
	if (S_ISDIR(st.st_mode))
		return reader_fail(err, COMMIT_EFAILED, EISDIR, name,
		                   "it is a directory; say --from=DIR to copy one");
	if (!S_ISREG(st.st_mode))
		return open_stream(reader, err);
	/* formats with their list of entries at the end want to seek */
	rc = reader->la->archive_read_open_fd(reader->archive, reader->fd, READER_BLOCK);
	return rc == ARCHIVE_OK ? COMMIT_OK : reader_fail_archive(reader, err);
}

int reader_open_archive(struct reader **opened, const char *name, int cancel_fd,
                        struct commit_error *err)
{
	struct reader *reader = make(strcmp(name, "-") == 0 ? "standard input" : name, err);
	int rc;

	if (reader == NULL)
		return err->code;
	reader->cancel_fd = cancel_fd;
	reader->archive = reader->la->archive_read_new();
	if (reader->archive == NULL) {
		rc = reader_fail(err, COMMIT_EFAILED, ENOMEM, name, "out of memory");
	} else {
		support_formats(reader);
		rc = open_input(reader, name, err);
	}
	if (rc == COMMIT_OK)
		*opened = reader;
	else
		reader_close(reader);
	return rc;
}

/* With "/.", or a symbolic link to a directory would be what is copied. */
static int walk_directory(struct reader *reader, struct commit_error *err)
{
	const struct archive_calls *la = reader->la;
	char *path;
	int rc;

	reader->archive = la->archive_read_disk_new();
	reader->links = la->archive_entry_linkresolver_new();
	if (reader->archive == NULL || reader->links == NULL ||
	    asprintf(&path, "%s/.", reader->name) < 0)
		return reader_fail(err, COMMIT_EFAILED, ENOMEM, reader->name, "out of memory");
	la->archive_read_disk_set_symlink_physical(reader->archive);
	la->archive_entry_linkresolver_set_strategy(reader->links, ARCHIVE_FORMAT_TAR);
	rc = la->archive_read_disk_open(reader->archive, path);
	free(path);
	return rc == ARCHIVE_OK ? COMMIT_OK : reader_fail_archive(reader, err);
}

int reader_open_tree(struct reader **opened, const char *directory, struct commit_error *err)
{
	struct reader *reader = make(directory, err);
	struct stat st;
	int rc;

	if (reader == NULL)
		return err->code;
	if (stat(directory, &st) != 0)
		rc = reader_fail(err, COMMIT_EFAILED, errno, directory, "%s", strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		rc = reader_fail(err, COMMIT_EFAILED, ENOTDIR, directory, "it is no directory");
	else
		rc = walk_directory(reader, err);
	if (rc == COMMIT_OK)
		*opened = reader;
	else
		reader_close(reader);
	return rc;
}
