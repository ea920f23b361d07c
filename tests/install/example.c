/* SPDX-License-Identifier: ISC */
/* What a user's program does: compiled against the installed library. */
#include <commit.h>

#include <stdio.h>

int main(int argc, char **argv)
{
	struct commit_error err = COMMIT_ERROR_INIT;

	if (argc != 2)
		return 2;
	if (commit_save_bytes(argv[1], "hello\n", 6, NULL, NULL, &err) < 0) {
		fprintf(stderr, "%s: %s: %s\n", err.path, err.operation, err.text);
		return -err.code;
	}
	printf("%s\n", commit_version());
	return 0;
}
