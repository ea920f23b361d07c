/* SPDX-License-Identifier: ISC */
/*
 * token.h - one word that stands for a file's state
 *
 *     1-FILESYSTEM-INODE-SIZE-SECONDS.NANOSECONDS-DIGEST
 *
 * in lower-case hexadecimal, the time being the ctime; "absent" for no file.
 */
#ifndef LC_TOKEN_H
#define LC_TOKEN_H

#include <commit_save.h>

#include <sys/stat.h>

#define LC_TOKEN_ABSENT "absent"

/* The token of an open regular file in state st. 0 or a negative errno. */
int lc_token_make(int fd, const struct stat *st, int cancel_fd, char token[COMMIT_TOKEN_SIZE]);

/*
 * 1 if token is the file's, 0 if not, or a negative errno. The content is
 * read only when everything else agrees.
 */
int lc_token_matches(const char *token, int fd, const struct stat *st, int cancel_fd);

/* The word has the form of a token. */
int lc_token_valid(const char *token);

#endif
