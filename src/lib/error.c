/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct errno_name {
	int number;
	const char *name;
};

#define NAME(e)                                                                                    \
	{                                                                                          \
		e, #e                                                                              \
	}

static const struct errno_name names[] = {
        NAME(EPERM),        NAME(ENOENT),          NAME(EINTR),      NAME(EIO),       NAME(ENXIO),
        NAME(E2BIG),        NAME(EBADF),           NAME(ECHILD),     NAME(EAGAIN),    NAME(ENOMEM),
        NAME(EACCES),       NAME(EFAULT),          NAME(EBUSY),      NAME(EEXIST),    NAME(EXDEV),
        NAME(ENODEV),       NAME(ENOTDIR),         NAME(EISDIR),     NAME(EINVAL),    NAME(ENFILE),
        NAME(EMFILE),       NAME(ENOTTY),          NAME(ETXTBSY),    NAME(EFBIG),     NAME(ENOSPC),
        NAME(ESPIPE),       NAME(EROFS),           NAME(EMLINK),     NAME(EPIPE),     NAME(ERANGE),
        NAME(ENAMETOOLONG), NAME(ENOLCK),          NAME(ENOSYS),     NAME(ENOTEMPTY), NAME(ELOOP),
        NAME(ENODATA),      NAME(EOVERFLOW),       NAME(EOPNOTSUPP), NAME(ETIMEDOUT), NAME(ESTALE),
        NAME(EDQUOT),       NAME(ECANCELED),       NAME(ENOEXEC),    NAME(ENOMEDIUM), NAME(EILSEQ),
        NAME(EBADMSG),      NAME(EPROTONOSUPPORT),
};

#undef NAME

const char *commit_errno_name(int errnum)
{
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i].number == errnum)
			return names[i].name;
	return "E?";
}

/* Copies what fits; a cut-off path is better than none. */
static void copy_text(char *to, size_t size, const char *from)
{
	size_t length = strlen(from);

	if (length >= size)
		length = size - 1;
	memcpy(to, from, length);
	to[length] = '\0';
}

/*
 * strerror_r has two incompatible forms, and strerror is not safe in threads
 * everywhere. %m is glibc's and musl's, both from the thread's own errno.
 */
static void errno_text(char *to, size_t size, int errnum)
{
	int saved = errno;

	errno = errnum;
	snprintf(to, size, "%m");
	errno = saved;
}

int lc_error_set(struct commit_error *err, int code, int errnum, const char *operation,
                 const char *path, const char *text)
{
	if (!err)
		return code;
	err->code = code;
	err->errnum = errnum;
	err->operation = operation;
	copy_text(err->path, sizeof err->path, path ? path : "");
	if (text)
		copy_text(err->text, sizeof err->text, text);
	else
		errno_text(err->text, sizeof err->text, errnum);
	return code;
}

int lc_error_format(struct commit_error *err, int code, int errnum, const char *operation,
                    const char *path, const char *format, ...)
{
	char text[COMMIT_ERROR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return lc_error_set(err, code, errnum, operation, path, text);
}
