/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "txn-apply.h"

#include "cli.h"
#include "nls.h"
#include "signals.h"
#include "txn-finish.h"

#ifdef HAVE_LIBARCHIVE

#include "human.h"
#include "progress.h"
#include "txn-apply-internal.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

int txn_apply_refuse(struct apply *apply, const char *entry, const char *why)
{
	return cli_fail(&apply->session->err, COMMIT_EREFUSED, 0, "apply", entry,
	                "%s; nothing was changed", nls(why));
}

void txn_apply_progress(const struct apply *apply, uint64_t more)
{
	char bytes[HUMAN_SIZE];

	if (progress_is_due())
		progress_show("%" PRIu64 " entries, %s", apply->entries,
		              human_bytes(apply->bytes + more, bytes));
}

static int out_of_memory(struct apply *apply, const char *path)
{
	return cli_fail(&apply->session->err, COMMIT_EFAILED, ENOMEM, "apply", path,
	                "out of memory");
}

/* As tar does it: a pattern may match from any component on, and all below. */
bool txn_apply_excluded(const struct apply *apply, const char *path)
{
	const struct txn_options *options = apply->session->options;

	for (int i = 0; i < options->exclude_count; i++)
		for (const char *at = path; at != NULL;) {
			const char *slash = strchr(at, '/');

			if (fnmatch(options->excludes[i], at, FNM_LEADING_DIR) == 0)
				return true;
			at = slash != NULL ? slash + 1 : NULL;
		}
	return false;
}

/* One component of a name; NULL if it is harmless. */
static const char *judge_component(const char *name, size_t length)
{
	if (length == 2 && memcmp(name, "..", 2) == 0)
		return "a name with .. in it";
	if (length == 7 && memcmp(name, ".commit", 7) == 0)
		return "a name that is a store's, .commit";
	if (length > 14 && memcmp(name, ".commit-stage-", 14) == 0)
		return "a name that is a stage's, .commit-stage-";
	if (length > NAME_MAX)
		return "a name that is too long";
	return NULL;
}

static void strip(char *path, int components)
{
	char *at = path;

	for (; components > 0 && *at != '\0'; components--) {
		char *slash = strchr(at, '/');

		at = slash != NULL ? slash + 1 : at + strlen(at);
	}
	memmove(path, at, strlen(at) + 1);
}

int txn_apply_path(struct apply *apply, const char *entry, const char *name, char *path,
                   size_t size, bool *excluded)
{
	size_t used = 0;

	if (name[0] == '/')
		return txn_apply_refuse(apply, entry, "an absolute name");
	if (strlen(name) >= size)
		return txn_apply_refuse(apply, entry, "a name that is too long");
	path[0] = '\0';
	while (*name != '\0') {
		size_t length = strcspn(name, "/");
		const char *why = judge_component(name, length);

		if (why != NULL)
			return txn_apply_refuse(apply, entry, why);
		if (length > 0 && !(length == 1 && name[0] == '.')) {
			if (used > 0)
				path[used++] = '/';
			memcpy(path + used, name, length);
			used += length;
			path[used] = '\0';
		}
		name += length + (name[length] == '/');
	}
	*excluded = used > 0 && txn_apply_excluded(apply, path);
	strip(path, apply->session->options->strip);
	return COMMIT_OK;
}

int txn_apply_look(struct apply *apply, const char *path, enum commit_kind *kind, char *real,
                   size_t size)
{
	return commit_txn_look(apply->session->txn, path, kind, real, size, &apply->session->err);
}

static bool leads_to_directory(const struct apply *apply, const char *real)
{
	struct stat st;

	return fstatat(apply->session->root, real, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

/* *kept: a symbolic link to a directory stands there and goes on doing so. */
static int make_directory(struct apply *apply, const char *path, bool *kept)
{
	struct txn_session *session = apply->session;
	enum commit_kind kind;
	char real[PATH_MAX];
	int rc = txn_apply_look(apply, path, &kind, real, sizeof(real));

	*kept = false;
	if (rc != COMMIT_OK || kind == COMMIT_KIND_DIRECTORY)
		return rc;
	if (kind == COMMIT_KIND_SYMLINK && !session->options->mirror &&
	    leads_to_directory(apply, real)) {
		*kept = true;
		return COMMIT_OK;
	}
	if (kind != COMMIT_KIND_ABSENT)
		rc = commit_txn_rm(session->txn, path, &session->err);
	if (rc == COMMIT_OK)
		rc = commit_txn_mkdir(session->txn, path, 0777, &session->err);
	return rc;
}

/* The directories above path: there, made, or refused. */
static int make_parents(struct apply *apply, const char *entry, const char *path)
{
	for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		char *parent = strndup(path, (size_t)(slash - path));
		struct txn_name *known =
		        parent != NULL ? txn_names_find(&apply->names, parent) : NULL;
		int rc = COMMIT_OK;
		bool kept;

		if (parent == NULL)
			return out_of_memory(apply, path);
		if (known != NULL && known->kind != TXN_NAME_DIRECTORY)
			rc = txn_apply_refuse(apply, entry,
			                      "a name below another entry that is no directory");
		else if (known == NULL)
			rc = make_directory(apply, parent, &kept);
		if (rc == COMMIT_OK && known == NULL) {
			known = txn_names_add(&apply->names, parent, TXN_NAME_DIRECTORY);
			if (known != NULL)
				known->implied = true;
			else
				rc = out_of_memory(apply, path);
		}
		free(parent);
		if (rc != COMMIT_OK)
			return rc;
	}
	return COMMIT_OK;
}

/* Enters the name, which may come once. */
static int claim(struct apply *apply, const char *entry, const char *path, enum txn_name_kind kind,
                 struct txn_name **claimed)
{
	struct txn_name *name = txn_names_find(&apply->names, path);
	int rc;

	if (name != NULL && name->implied && kind == TXN_NAME_DIRECTORY) {
		name->implied = false;
		*claimed = name;
		return COMMIT_OK;
	}
	if (name != NULL)
		return txn_apply_refuse(apply, entry,
		                        name->implied
		                                ? "a file, but other entries need a directory there"
		                                : "an entry that is there twice");
	rc = make_parents(apply, entry, path);
	if (rc == COMMIT_OK) {
		*claimed = txn_names_add(&apply->names, path, kind);
		if (*claimed == NULL)
			rc = out_of_memory(apply, path);
	}
	return rc;
}

/*
 * Room for something that is no directory. A file stays if keep_file, for new
 * content replaces the old in one step.
 */
static int make_way(struct apply *apply, const char *path, bool keep_file, enum commit_kind *kind,
                    char *real, size_t size)
{
	struct txn_session *session = apply->session;
	int rc = txn_apply_look(apply, path, kind, real, size);

	if (rc != COMMIT_OK || *kind == COMMIT_KIND_ABSENT ||
	    (*kind == COMMIT_KIND_FILE && keep_file))
		return rc;
	if (*kind != COMMIT_KIND_DIRECTORY)
		return commit_txn_rm(session->txn, path, &session->err);
	if (!session->options->mirror)
		return commit_txn_rmdir(session->txn, path, &session->err);
	rc = txn_apply_clear(apply, path);
	if (rc == 1)
		rc = txn_apply_refuse(apply, path,
		                      "in its place is a directory with something that is spared");
	return rc;
}

static bool has_list(const struct apply *apply, const char *real)
{
	char path[PATH_MAX + 64];

	if (real[0] == '/')
		snprintf(path, sizeof(path), "%s", real);
	else
		snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", apply->session->root, real);
	return lgetxattr(path, "system.posix_acl_access", NULL, 0) > 0;
}

static int take_file(struct apply *apply, const char *path, struct txn_name *name,
                     const struct reader_entry *entry)
{
	enum commit_kind kind;
	char real[PATH_MAX];
	int rc = make_way(apply, path, true, &kind, real, sizeof(real));

	if (rc == COMMIT_OK)
		rc = txn_apply_content(apply, path, entry);
	if (rc == COMMIT_OK)
		rc = txn_apply_metadata(apply, path, name, entry,
		                        kind == COMMIT_KIND_FILE && has_list(apply, real));
	name->filled = entry->size != 0;
	return rc;
}

static int take_directory(struct apply *apply, const char *path, struct txn_name *name,
                          const struct reader_entry *entry)
{
	enum commit_kind kind = COMMIT_KIND_ABSENT;
	char real[PATH_MAX];
	bool kept = false;
	int rc = make_directory(apply, path, &kept);

	if (rc == COMMIT_OK && !kept)
		rc = txn_apply_look(apply, path, &kind, real, sizeof(real));
	if (rc == COMMIT_OK && !kept)
		rc = txn_apply_metadata(apply, path, name, entry, has_list(apply, real));
	return rc;
}

static int take_symlink(struct apply *apply, const char *path, struct txn_name *name,
                        const struct reader_entry *entry)
{
	struct txn_session *session = apply->session;
	enum commit_kind kind;
	char real[PATH_MAX];
	int rc = make_way(apply, path, false, &kind, real, sizeof(real));

	if (rc == COMMIT_OK)
		rc = commit_txn_symlink(session->txn, entry->target, path, &session->err);
	if (rc == COMMIT_OK)
		rc = txn_apply_metadata(apply, path, name, entry, false);
	return rc;
}

/* Content that comes with a later name of a file: all names get it. */
static int fill_links(struct apply *apply, struct txn_name *name, const struct reader_entry *entry)
{
	struct txn_session *session = apply->session;
	int rc = take_file(apply, name->path, name, entry);

	for (struct txn_name *at = name->first; rc == COMMIT_OK && at != NULL; at = at->next_link) {
		if (at == name)
			continue;
		rc = commit_txn_rm(session->txn, at->path, &session->err);
		if (rc == COMMIT_OK)
			rc = commit_txn_link(session->txn, name->path, at->path, &session->err);
	}
	name->first->filled = true;
	return rc;
}

static int take_link(struct apply *apply, const char *path, const struct reader_entry *entry)
{
	struct txn_session *session = apply->session;
	struct txn_name *target;
	struct txn_name *name = NULL;
	enum commit_kind kind;
	char real[PATH_MAX];
	char to[PATH_MAX];
	bool excluded;
	int rc = txn_apply_path(apply, entry->path, entry->target, to, sizeof(to), &excluded);

	if (rc != COMMIT_OK)
		return rc;
	target = txn_names_find(&apply->names, to);
	if (target == NULL || target->kind == TXN_NAME_DIRECTORY)
		return txn_apply_refuse(apply, entry->path,
		                        "a hard link to a file that is no entry before it");
	rc = claim(apply, entry->path, path, target->kind, &name);
	if (rc == COMMIT_OK)
		rc = make_way(apply, path, false, &kind, real, sizeof(real));
	if (rc != COMMIT_OK || name == NULL)
		return rc;
	name->first = target->first;
	name->next_link = name->first->next_link;
	name->first->next_link = name;
	if (entry->size > 0 && entry->source == NULL && !name->first->filled)
		return fill_links(apply, name, entry);
	return commit_txn_link(session->txn, target->path, path, &session->err);
}

static enum txn_name_kind kind_of(const struct reader_entry *entry)
{
	switch (entry->kind) {
	case READER_DIRECTORY:
		return TXN_NAME_DIRECTORY;
	case READER_SYMLINK:
		return TXN_NAME_SYMLINK;
	default:
		return TXN_NAME_FILE;
	}
}

static int take(struct apply *apply, const struct reader_entry *entry)
{
	struct txn_name *name = NULL;
	char path[PATH_MAX] = "";
	bool excluded = false;
	int rc = txn_apply_path(apply, entry->path, entry->path, path, sizeof(path), &excluded);

	if (rc == COMMIT_OK && entry->kind == READER_OTHER)
		rc = txn_apply_refuse(apply, entry->path, "a device, a fifo or a socket");
	/* the root itself stays as it is */
	if (rc != COMMIT_OK || excluded || path[0] == '\0')
		return rc;
	if (entry->kind == READER_HARDLINK)
		return take_link(apply, path, entry);
	rc = claim(apply, entry->path, path, kind_of(entry), &name);
	if (rc != COMMIT_OK || name == NULL)
		return rc;
	if (name->kind == TXN_NAME_DIRECTORY)
		return take_directory(apply, path, name, entry);
	if (name->kind == TXN_NAME_SYMLINK)
		return take_symlink(apply, path, name, entry);
	return take_file(apply, path, name, entry);
}

/* Whoever may give files away can restore their owners. */
static bool may_chown(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};

	return syscall(SYS_capget, &header, data) == 0 &&
	       (data[0].effective & 1u << CAP_CHOWN) != 0;
}

static int take_all(struct apply *apply)
{
	struct txn_session *session = apply->session;
	struct reader_entry entry;
	int rc;

	while ((rc = reader_next(apply->reader, &entry, &session->err)) == 1) {
		rc = take(apply, &entry);
		/* what went wrong may have happened to a file in the stage */
		if (rc != COMMIT_OK && rc != COMMIT_EREFUSED && rc != COMMIT_ECANCELED)
			cli_say(entry.path, "this entry failed:");
		if (rc != COMMIT_OK)
			return rc;
		apply->entries++;
		apply->bytes += entry.size > 0 ? (uint64_t)entry.size : 0;
		txn_apply_progress(apply, 0);
	}
	if (rc == COMMIT_OK && session->options->mirror && apply->names.count == 0)
		rc = cli_fail(
		        &session->err, COMMIT_EREFUSED, 0, "apply", NULL,
		        "no entry is left of it, so --mirror would remove everything; nothing "
		        "was changed");
	if (rc == COMMIT_OK && session->options->mirror)
		rc = txn_apply_sweep(apply);
	if (rc == COMMIT_OK)
		rc = txn_apply_modes(apply);
	return rc;
}

static int open_reader(struct apply *apply)
{
	struct txn_session *session = apply->session;
	const struct txn_options *options = session->options;

	if (options->from != NULL)
		return reader_open_tree(&apply->reader, options->from, &session->err);
	if (strcmp(options->operands[0], "-") == 0 && cli_was_closed(STDIN_FILENO))
		return cli_fail(&session->err, COMMIT_EFAILED, EBADF, "read", "standard input",
		                "it is closed");
	return reader_open_archive(&apply->reader, options->operands[0], signals_cancel_fd(),
	                           &session->err);
}

int txn_apply(struct txn_session *session)
{
	struct apply apply = {.session = session, .privileged = may_chown()};
	int rc = txn_finish_check(session);

	apply.same_owner = apply.privileged && !session->options->no_same_owner;
	if (rc == COMMIT_OK)
		rc = open_reader(&apply);
	if (rc == COMMIT_OK)
		rc = txn_session_begin(session, NULL);
	progress_begin();
	if (rc == COMMIT_OK)
		rc = take_all(&apply);
	progress_wait("waiting for the disk");
	if (rc == COMMIT_OK)
		rc = txn_finish(session);
	progress_end();
	reader_close(apply.reader);
	txn_names_release(&apply.names);
	return rc;
}

#else

int txn_apply(struct txn_session *session)
{
	return cli_fail(&session->err, COMMIT_EFAILED, 0, "apply", NULL,
	                "this build has no apply, for it was configured without libarchive");
}

#endif
