/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "textfile.h"

#include "cli.h"
#include "signals.h"

#include <commit_save.h>

#include <stdlib.h>

int textfile_write(const char *path, void (*print)(FILE *stream, const void *context),
                   const void *context, struct commit_error *err)
{
	struct commit_save_options save;
	char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);
	int rc;

	commit_save_options_init(&save);
	save.cancel_fd = signals_cancel_fd();
	if (stream != NULL)
		print(stream, context);
	if (stream == NULL || fclose(stream) != 0)
		rc = cli_fail(err, COMMIT_EFAILED, 0, "write", path, "out of memory");
	else
		rc = commit_save_bytes(path, text, length, &save, NULL, err);
	free(text);
	return rc;
}
