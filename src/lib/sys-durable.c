/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "sys.h"

#include "fault.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

ssize_t lc_sys_pwrite_durable(int fd, const void *buffer, size_t length, off_t offset)
{
#if defined(HAVE_PWRITEV2) && defined(RWF_DSYNC)
	int rc = lc_fault_length("pwrite-durable", fd, &length);
	struct iovec part = {.iov_len = length};
	ssize_t done;

	if (rc)
		return rc;
	/* It is only read, whatever its type says. */
	memcpy(&part.iov_base, &buffer, sizeof buffer);
	done = pwritev2(fd, &part, 1, offset, lc_fault_skips_flush(fd) ? 0 : RWF_DSYNC);
	return done < 0 ? -errno : done;
#else
	(void)fd;
	(void)buffer;
	(void)length;
	(void)offset;
	return -EOPNOTSUPP;
#endif
}
