# SPDX-License-Identifier: ISC
# One main per tool over what they share. Tools see public headers only, so one
# set of objects serves the tools and their doubles with the fault seam in
# tests/fault.
tools_cppflags = -I$(top_srcdir)/src/include -I$(top_srcdir)/src/tools -I$(top_srcdir)/src

if WITH_TOOLS
bin_PROGRAMS += src/tools/commit-range src/tools/commit-save src/tools/commit-triple \
	src/tools/commit-txn
sbin_PROGRAMS += src/tools/commit-recover
noinst_LTLIBRARIES += src/tools/libtools.la
endif

src_tools_libtools_la_CPPFLAGS = $(tools_cppflags)
if NLS
src_tools_libtools_la_CPPFLAGS += -DLC_LOCALEDIR='"$(localedir)"'
endif
src_tools_libtools_la_SOURCES = \
	src/tools/args.c src/tools/args.h \
	src/tools/child.c src/tools/child.h \
	src/tools/cli.c src/tools/cli.h \
	src/tools/human.c src/tools/human.h \
	src/tools/input.c src/tools/input.h \
	src/tools/jsonl.c src/tools/jsonl.h \
	src/tools/nls.c src/tools/nls.h \
	src/tools/page-text.c src/tools/page-text.h \
	src/tools/parse.c src/tools/parse.h \
	src/tools/progress.c src/tools/progress.h \
	src/tools/range-log.c src/tools/range-log.h \
	src/tools/range-options.c src/tools/range-options.h \
	src/tools/range-script.c src/tools/range-script.h \
	src/tools/recover-options.c src/tools/recover-options.h \
	src/tools/recover-owner.c src/tools/recover-owner.h \
	src/tools/recover-page.c src/tools/recover-page.h src/tools/recover-page-internal.h \
	src/tools/recover-page-decide.c src/tools/recover-page-findings.c \
	src/tools/recover-page-style.h src/tools/recover-page-timeline.c \
	src/tools/recover-report.c src/tools/recover-report.h \
	src/tools/recover-spool.c src/tools/recover-spool.h \
	src/tools/save-options.c src/tools/save-options.h \
	src/tools/save-source.c src/tools/save-source.h \
	src/tools/save-validate.c src/tools/save-validate.h \
	src/tools/signals.c src/tools/signals.h \
	src/tools/textfile.c src/tools/textfile.h \
	src/tools/triple-options.c src/tools/triple-options.h \
	src/tools/triple-report.c src/tools/triple-report.h \
	src/tools/triple-scrub.c src/tools/triple-scrub.h \
	src/tools/txn-apply.c src/tools/txn-apply.h src/tools/txn-apply-internal.h \
	src/tools/txn-apply-content.c src/tools/txn-apply-mirror.c \
	src/tools/txn-changes.c src/tools/txn-changes.h \
	src/tools/txn-diff.c \
	src/tools/txn-finish.c src/tools/txn-finish.h \
	src/tools/txn-layer.c src/tools/txn-layer.h \
	src/tools/txn-log.c src/tools/txn-log.h \
	src/tools/txn-mounts.c src/tools/txn-mounts.h \
	src/tools/txn-names.c src/tools/txn-names.h \
	src/tools/txn-ops.c src/tools/txn-ops.h \
	src/tools/txn-options.c src/tools/txn-options.h src/tools/txn-usage.h \
	src/tools/txn-put.c src/tools/txn-put.h \
	src/tools/txn-run.c src/tools/txn-run.h \
	src/tools/txn-script.c src/tools/txn-script.h \
	src/tools/txn-session.c src/tools/txn-session.h \
	src/tools/txn-tree.c src/tools/txn-tree.h \
	src/tools/txn-view.c src/tools/txn-view.h \
	src/tools/txn-words.c src/tools/txn-words.h

archive_sources = \
	src/archive/acl.c src/archive/acl.h \
	src/archive/calls.c src/archive/calls.h \
	src/archive/reader.c src/archive/reader.h src/archive/reader-internal.h \
	src/archive/reader-open.c
if HAVE_LIBARCHIVE
src_tools_libtools_la_SOURCES += $(archive_sources)
endif
EXTRA_DIST += $(archive_sources)

# A script starts them by the thousand: the library is linked in, because every
# shared object costs a start some fifty microseconds. With --enable-static-tools
# libc is linked in, too.
tools_ldflags = $(AM_LDFLAGS) $(LC_TOOLS_STATIC)
tools_ldadd = src/tools/libtools.la src/lib/libcommit.la $(JANSSON_LIBS) $(INTL_LIBS)

src_tools_commit_save_SOURCES = src/tools/commit-save.c
src_tools_commit_save_CPPFLAGS = $(tools_cppflags)
src_tools_commit_save_LDFLAGS = $(tools_ldflags)
src_tools_commit_save_LDADD = $(tools_ldadd)

src_tools_commit_range_SOURCES = src/tools/commit-range.c
src_tools_commit_range_CPPFLAGS = $(tools_cppflags)
src_tools_commit_range_LDFLAGS = $(tools_ldflags)
src_tools_commit_range_LDADD = $(tools_ldadd)

src_tools_commit_recover_SOURCES = src/tools/commit-recover.c
src_tools_commit_recover_CPPFLAGS = $(tools_cppflags)
src_tools_commit_recover_LDFLAGS = $(tools_ldflags)
src_tools_commit_recover_LDADD = $(tools_ldadd)

src_tools_commit_txn_SOURCES = src/tools/commit-txn.c
src_tools_commit_txn_CPPFLAGS = $(tools_cppflags)
src_tools_commit_txn_LDFLAGS = $(tools_ldflags)
src_tools_commit_txn_LDADD = $(tools_ldadd) $(ARCHIVE_LIBS)

src_tools_commit_triple_SOURCES = src/tools/commit-triple.c
src_tools_commit_triple_CPPFLAGS = $(tools_cppflags)
src_tools_commit_triple_LDFLAGS = $(tools_ldflags)
src_tools_commit_triple_LDADD = $(tools_ldadd)
