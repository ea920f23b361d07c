/* SPDX-License-Identifier: ISC */
/*
 * page-text.h - text from outside in a page of HTML
 *
 * File names are bytes of anybody's choice. In a page they are text and nothing
 * else: what means something to HTML is escaped, what is no UTF-8, or could not
 * be seen, or would turn the order of letters around, is shown as \ooo.
 */
#ifndef PAGE_TEXT_H
#define PAGE_TEXT_H

#include <stdio.h>

/* For text and for values of attributes in double quotes. */
void page_text(FILE *page, const char *text);

/* The same as one word of a shell's command line, which yields the very bytes. */
void page_shell(FILE *page, const char *word);

/* The same for word followed by suffix. */
void page_shell_with(FILE *page, const char *word, const char *suffix);

#endif
