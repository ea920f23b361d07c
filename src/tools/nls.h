/* SPDX-License-Identifier: ISC */
/*
 * nls.h - messages in the user's language
 *
 *     snprintf(text, size, nls("%s is empty"), name);
 *
 * The functions of cli.h that say something do this with their formats, and with
 * the texts of the library that have no variable part; nobody else needs to. In
 * the C locale, and where configure found no gettext, texts are what they are in
 * the source. What is printed on standard output is for programs and is never
 * translated.
 */
#ifndef NLS_H
#define NLS_H

/* The locale is looked at when the first message is said: a start costs nothing. */
const char *nls(const char *text) __attribute__((format_arg(1)));

#endif
