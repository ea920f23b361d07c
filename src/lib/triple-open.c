/* SPDX-License-Identifier: ISC */
/* triple-open.c - a write's content, staged beside all three copies */
#include "config.h"

#include "triple-internal.h"

#include "copy.h"
#include "error.h"
#include "sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* So much is handed to the devices at a time, while the rest is still coming. */
#define START_EVERY ((off_t)8 << 20)
#define PIECE ((size_t)256 << 10)

static int copy_paths(struct commit_triple *w, const char *const paths[LC_TRIPLE_MAX])
{
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		w->paths[i] = strdup(paths[i]);
		if (!w->paths[i])
			return -ENOMEM;
	}
	return 0;
}

static int begin(struct commit_triple *w, const char *const paths[LC_TRIPLE_MAX],
                 const struct commit_triple_options *opt, struct commit_error *err)
{
	unsigned i;
	int rc;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		lc_fresh_init(&w->fresh[i], &w->t.copies[i]);
	rc = copy_paths(w, paths);
	if (rc)
		return lc_error_set(err, COMMIT_EFAILED, -rc, "open", paths[0], NULL);
	rc = lc_triple_begin(&w->t, (const char *const *)w->paths, opt, err);
	if (!rc)
		rc = lc_triple_compare_places(&w->t, err);
	for (i = 0; i < LC_TRIPLE_MAX && !rc; i++) {
		struct lc_copy *copy = &w->t.copies[i];

		lc_fresh_fail(&w->fresh[i], "reach", -copy->away);
		if (!copy->away)
			lc_fresh_fail(&w->fresh[i], "stage",
			              lc_stage_open(&w->fresh[i].content, &copy->place));
	}
	return rc ? rc : lc_triple_check_enough(w, err);
}

int commit_triple_open(struct commit_triple **triple, const char *const paths[LC_TRIPLE_MAX],
                       const struct commit_triple_options *opt, struct commit_error *err)
{
	struct commit_triple *w = calloc(1, sizeof *w);
	int rc;

	if (!w) {
		lc_error_set(err, COMMIT_EFAILED, ENOMEM, "open", paths[0], NULL);
		return COMMIT_EFAILED;
	}
	rc = begin(w, paths, opt, err);
	if (rc)
		commit_triple_close(w);
	else
		*triple = w;
	return rc;
}

int commit_triple_write(struct commit_triple *w, const void *buffer, size_t length,
                        struct commit_error *err)
{
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		struct lc_fresh *fresh = &w->fresh[i];

		if (!fresh->failed)
			lc_fresh_fail(fresh, "write",
			              lc_copy_bytes(fresh->content.fd, &fresh->content.end, buffer,
			                            length));
	}
	w->length += length;
	if ((off_t)w->length - w->started >= START_EVERY) {
		w->started = (off_t)w->length;
		for (i = 0; i < LC_TRIPLE_MAX; i++)
			if (!w->fresh[i].failed)
				lc_sys_start_flush(w->fresh[i].content.fd);
	}
	return lc_triple_check_enough(w, err);
}

int commit_triple_splice(struct commit_triple *w, int fd, uint64_t *copied,
                         struct commit_error *err)
{
	char *piece = malloc(PIECE);
	uint64_t before = w->length;
	ssize_t got = 1;
	int rc = piece ? 0 : lc_error_set(err, COMMIT_EFAILED, ENOMEM, "write", w->paths[0], NULL);

	while (!rc && got) {
		if (w->t.opt.cancel_fd >= 0 &&
		    lc_sys_wait(fd, w->t.opt.cancel_fd, -1) == -ECANCELED) {
			rc = lc_error_set(err, COMMIT_ECANCELED, ECANCELED, "read", w->paths[0],
			                  NULL);
			break;
		}
		got = lc_sys_read(fd, piece, PIECE);
		if (got == -EINTR || got == -EAGAIN)
			continue;
		if (got < 0)
			rc = lc_error_set(err, COMMIT_EFAILED, (int)-got, "read the content for",
			                  w->paths[0], NULL);
		else if (got > 0)
			rc = commit_triple_write(w, piece, (size_t)got, err);
	}
	free(piece);
	if (copied && !rc)
		*copied = w->length - before;
	return rc;
}

void commit_triple_close(struct commit_triple *w)
{
	int saved = errno;
	unsigned i;

	if (!w)
		return;
	for (i = 0; i < LC_TRIPLE_MAX; i++)
		lc_fresh_release(&w->fresh[i]);
	lc_triple_close(&w->t);
	for (i = 0; i < LC_TRIPLE_MAX; i++)
		free(w->paths[i]);
	free(w->table);
	free(w->adopted_table);
	free(w);
	errno = saved;
}

int commit_triple_bytes(const char *const paths[LC_TRIPLE_MAX], const void *buffer, size_t length,
                        const struct commit_triple_options *opt,
                        struct commit_triple_result *result, struct commit_error *err)
{
	struct commit_triple *w = NULL;
	int rc = commit_triple_open(&w, paths, opt, err);

	if (!rc)
		rc = commit_triple_write(w, buffer, length, err);
	if (!rc)
		rc = commit_triple_commit(w, result, err);
	commit_triple_close(w);
	return rc;
}
