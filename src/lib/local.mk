# SPDX-License-Identifier: ISC
lib_LTLIBRARIES += src/lib/libcommit.la
pkgconfig_DATA += src/lib/libcommit.pc

# The modules of src/lib/FLOORS; a module may be more than one file
libcommit_sources = \
	src/lib/backup.c src/lib/backup.h \
	src/lib/beneath.c src/lib/beneath.h \
	src/lib/bytes.h \
	src/lib/change.c src/lib/change.h src/lib/change-patch.c \
	src/lib/copy.c src/lib/copy.h \
	src/lib/digest.c src/lib/digest.h \
	src/lib/dir.c src/lib/dir.h \
	src/lib/error.c src/lib/error.h \
	src/lib/fault.h \
	src/lib/heap.c src/lib/heap-check.c src/lib/heap-internal.h \
	src/lib/inplace.c src/lib/inplace-space.c src/lib/inplace.h \
	src/lib/journal.c src/lib/journal.h \
	src/lib/lock.c src/lib/lock.h \
	src/lib/log.c src/lib/log.h src/lib/log-check.c src/lib/log-commit.c src/lib/log-file.c src/lib/log-force.c \
	src/lib/log-internal.h src/lib/log-open.c src/lib/log-read.c src/lib/log-scan.c \
	src/lib/log-segment.c src/lib/log-super.c \
	src/lib/meta.c src/lib/meta.h \
	src/lib/mount.c src/lib/mount.h \
	src/lib/name.c src/lib/name.h \
	src/lib/publish.c src/lib/publish-flush.c src/lib/publish-internal.h \
	src/lib/publish-judge.c src/lib/publish-meta.c src/lib/publish-patch.c \
	src/lib/publish.h \
	src/lib/range.c src/lib/range.h src/lib/range-case.c src/lib/range-home.c \
	src/lib/range-internal.h src/lib/range-pass.c src/lib/range-record.c \
	src/lib/range-recover.c src/lib/range-show.c src/lib/range-target.c \
	src/lib/pmem.c src/lib/pmem.h \
	src/lib/record.c src/lib/record.h \
	src/lib/recover.c src/lib/recover-decide.c src/lib/recover-internal.h \
	src/lib/recover-check.c src/lib/recover-orphan.c src/lib/recover-range.c \
	src/lib/recover-resolve.c src/lib/recover-store.c src/lib/recover-triple.c \
	src/lib/rvm.c src/lib/rvm-apply.c src/lib/rvm-audit.c src/lib/rvm-internal.h src/lib/rvm-log.c src/lib/rvm-map.c \
	src/lib/rvm-redo.c src/lib/rvm-replay.c src/lib/rvm-truncate.c src/lib/rvm-undo.c src/lib/rvm-vista.c src/lib/rvm-vista.h \
	src/lib/rvm-vista-files.c src/lib/rvm-vista-recover.c src/lib/rvm-xact.c \
	src/lib/save.c src/lib/save-internal.h src/lib/save-pending.c \
	src/lib/save-prepare.c src/lib/save-publish.c src/lib/save-validate.c \
	src/lib/stage.c src/lib/stage.h \
	src/lib/sys.c src/lib/sys-instance.c src/lib/sys-durable.c src/lib/sys-memory.c src/lib/sys-mount.c \
	src/lib/sys-side.c src/lib/sys-stat.c \
	src/lib/sys-wait.c src/lib/sys-written.c src/lib/sys.h \
	src/lib/store.c src/lib/store.h src/lib/store-format.c src/lib/store-make.c \
	src/lib/store-nest.c src/lib/store-open.c \
	src/lib/target.c src/lib/target.h \
	src/lib/token.c src/lib/token.h \
	src/lib/triple.h src/lib/triple-find.c src/lib/triple-format.c src/lib/triple-internal.h \
	src/lib/triple-look.c src/lib/triple-open.c src/lib/triple-raw.c src/lib/triple-read.c \
	src/lib/triple-scan.c src/lib/triple-set.c src/lib/triple-settle.c src/lib/triple-stage.c \
	src/lib/triple-tell.c src/lib/triple-vote.c src/lib/triple-write.c \
	src/lib/uncached.c src/lib/uncached.h \
	src/lib/txn.c src/lib/txn-back.c src/lib/txn-back-patch.c src/lib/txn-batch.c src/lib/txn-beside.c src/lib/txn-birth.c \
	src/lib/txn-call.h src/lib/txn-check.c src/lib/txn-check-kept.c src/lib/txn-commit.c src/lib/txn-content.c src/lib/txn-copy.c \
	src/lib/txn-create.c src/lib/txn-decide.c src/lib/txn-history.c \
	src/lib/txn-index.c src/lib/txn-internal.h src/lib/txn-keep.c src/lib/txn-keep.h src/lib/txn-keep-flush.c \
	src/lib/txn-life.c src/lib/txn-list.c src/lib/txn-log.c src/lib/txn-look.c src/lib/txn-meta.c src/lib/txn-modes.c \
	src/lib/txn-mounts.c src/lib/txn-mounts-check.c src/lib/txn-mounts-orphan.c \
	src/lib/txn-mounts-stage.c src/lib/txn-move.c src/lib/txn-note.c src/lib/txn-ops.c \
	src/lib/txn-patch.c src/lib/txn-patch-aside.c src/lib/txn-patch-hold.c src/lib/txn-patch-show.c \
	src/lib/txn-patch.h \
	src/lib/txn.h src/lib/txn-prove.c src/lib/txn-prune.c src/lib/txn-recover.c src/lib/txn-relink.c \
	src/lib/txn-resolve.c src/lib/txn-room.c src/lib/txn-share.c src/lib/txn-stage.c \
	src/lib/txn-steps.c src/lib/txn-undo.c src/lib/txn-undo-check.c \
	src/lib/txn-undo-copy.c src/lib/txn-was.c \
	src/lib/view.c src/lib/view.h src/lib/view-internal.h src/lib/view-left.c src/lib/view-list.c \
	src/lib/view-patch.c src/lib/view-plan.c src/lib/view-table.c

libcommit_libs = $(XXHASH_LIBS) $(LIBACL_LIBS) $(LIBATTR_LIBS) $(THREAD_LIBS)

src_lib_libcommit_la_SOURCES = $(libcommit_sources)
src_lib_libcommit_la_LIBADD = $(libcommit_libs)
src_lib_libcommit_la_LDFLAGS = $(AM_LDFLAGS) -version-info $(LC_VERSION_INFO) -no-undefined
if HAVE_SYMBOL_MAP
src_lib_libcommit_la_LDFLAGS += -Wl,--version-script=$(top_srcdir)/src/lib/libcommit.map
EXTRA_src_lib_libcommit_la_DEPENDENCIES = src/lib/libcommit.map
endif

EXTRA_DIST += \
	src/lib/FLOORS \
	src/lib/libcommit.map

# The same modules with the fault seam, for tests only: linked statically, so
# that unit tests reach what is hidden in the real library.
check_LTLIBRARIES += src/lib/libcommit-fault.la
src_lib_libcommit_fault_la_SOURCES = $(libcommit_sources) src/lib/fault.c src/lib/fault-crash.c
src_lib_libcommit_fault_la_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
src_lib_libcommit_fault_la_LIBADD = $(libcommit_libs)
