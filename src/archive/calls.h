/* SPDX-License-Identifier: ISC */
/*
 * calls.h - libarchive, loaded when an archive is read
 *
 * It brings a dozen other libraries along. Were it linked, each start of the
 * tool would cost three times as much, also of those that only put a file into a
 * transaction, which scripts do by the thousand.
 *
 *     const struct archive_calls *la = archive_calls_load(&why);
 *     a = la->archive_read_new();
 */
#ifndef ARCHIVE_CALLS_H
#define ARCHIVE_CALLS_H

#include <archive.h>
#include <archive_entry.h>

#define ARCHIVE_CALLS(X)                                                                           \
	X(archive_entry_acl_next)                                                                  \
	X(archive_entry_acl_reset)                                                                 \
	X(archive_entry_acl_types)                                                                 \
	X(archive_entry_filetype)                                                                  \
	X(archive_entry_free)                                                                      \
	X(archive_entry_gid)                                                                       \
	X(archive_entry_gname)                                                                     \
	X(archive_entry_hardlink)                                                                  \
	X(archive_entry_hardlink_utf8)                                                             \
	X(archive_entry_linkify)                                                                   \
	X(archive_entry_linkresolver_free)                                                         \
	X(archive_entry_linkresolver_new)                                                          \
	X(archive_entry_linkresolver_set_strategy)                                                 \
	X(archive_entry_mode)                                                                      \
	X(archive_entry_new)                                                                       \
	X(archive_entry_pathname)                                                                  \
	X(archive_entry_pathname_utf8)                                                             \
	X(archive_entry_size)                                                                      \
	X(archive_entry_size_is_set)                                                               \
	X(archive_entry_sourcepath)                                                                \
	X(archive_entry_sparse_count)                                                              \
	X(archive_entry_symlink)                                                                   \
	X(archive_entry_symlink_utf8)                                                              \
	X(archive_entry_uid)                                                                       \
	X(archive_entry_uname)                                                                     \
	X(archive_entry_xattr_next)                                                                \
	X(archive_entry_xattr_reset)                                                               \
	X(archive_errno)                                                                           \
	X(archive_error_string)                                                                    \
	X(archive_filter_bytes)                                                                    \
	X(archive_format)                                                                          \
	X(archive_read_add_callback_data)                                                          \
	X(archive_read_data_block)                                                                 \
	X(archive_read_data_skip)                                                                  \
	X(archive_read_disk_can_descend)                                                           \
	X(archive_read_disk_descend)                                                               \
	X(archive_read_disk_new)                                                                   \
	X(archive_read_disk_open)                                                                  \
	X(archive_read_disk_set_symlink_physical)                                                  \
	X(archive_read_free)                                                                       \
	X(archive_read_new)                                                                        \
	X(archive_read_next_header2)                                                               \
	X(archive_read_open1)                                                                      \
	X(archive_read_open_fd)                                                                    \
	X(archive_read_set_read_callback)                                                          \
	X(archive_read_support_filter_all)                                                         \
	X(archive_read_support_format_7zip)                                                        \
	X(archive_read_support_format_ar)                                                          \
	X(archive_read_support_format_cab)                                                         \
	X(archive_read_support_format_cpio)                                                        \
	X(archive_read_support_format_iso9660)                                                     \
	X(archive_read_support_format_lha)                                                         \
	X(archive_read_support_format_rar)                                                         \
	X(archive_read_support_format_rar5)                                                        \
	X(archive_read_support_format_tar)                                                         \
	X(archive_read_support_format_warc)                                                        \
	X(archive_read_support_format_xar)                                                         \
	X(archive_read_support_format_zip)

/* Each call under its own name, with its own type. */
struct archive_calls {
#define DECLARE(name) __typeof__(name) *name;
	ARCHIVE_CALLS(DECLARE)
#undef DECLARE
};

/* NULL with *why, a text that stays valid, if there is no libarchive. */
const struct archive_calls *archive_calls_load(const char **why);

#endif
