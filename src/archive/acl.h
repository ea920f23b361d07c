/* SPDX-License-Identifier: ISC */
/* acl.h - an entry's access control lists in the form in which the kernel takes them */
#ifndef ARCHIVE_ACL_H
#define ARCHIVE_ACL_H

#include "calls.h"

#include <stddef.h>
#include <sys/types.h>

/*
 * The value of the attribute system.posix_acl_access or _default, for type
 * ARCHIVE_ENTRY_ACL_TYPE_ACCESS or _DEFAULT. To be freed; NULL if there is no such
 * list beyond the mode (or no memory). *mask gets the mask's bits, if not NULL.
 */
void *archive_acl_value(const struct archive_calls *la, struct archive_entry *entry, int type,
                        size_t *length, mode_t *mask);

#endif
