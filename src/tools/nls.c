/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "nls.h"

#ifdef LC_LOCALEDIR

#include <errno.h>
#include <libintl.h>
#include <locale.h>
#include <stdbool.h>

const char *nls(const char *text)
{
	static bool ready;
	int saved = errno;

	if (!ready) {
		ready = true;
		(void)setlocale(LC_CTYPE, "");
		(void)setlocale(LC_MESSAGES, "");
		(void)bindtextdomain(PACKAGE_TARNAME, LC_LOCALEDIR);
	}
	/* an empty one stands for the head of the catalogue */
	if (text[0] != '\0')
		text = dgettext(PACKAGE_TARNAME, text);
	errno = saved;
	return text;
}

#else

const char *nls(const char *text)
{
	return text;
}

#endif
