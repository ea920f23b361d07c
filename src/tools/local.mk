# SPDX-License-Identifier: ISC
# One main per tool over what they share. Tools see public headers only, so one
# set of objects serves the tools and their doubles with the fault seam in
# tests/fault.
tools_cppflags = -I$(top_srcdir)/src/include -I$(top_srcdir)/src/tools

if WITH_TOOLS
bin_PROGRAMS += src/tools/commit-save
sbin_PROGRAMS += src/tools/commit-recover
noinst_LTLIBRARIES += src/tools/libtools.la
endif

src_tools_libtools_la_CPPFLAGS = $(tools_cppflags)
src_tools_libtools_la_SOURCES = \
	src/tools/args.c src/tools/args.h \
	src/tools/child.c src/tools/child.h \
	src/tools/cli.c src/tools/cli.h \
	src/tools/jsonl.c src/tools/jsonl.h \
	src/tools/parse.c src/tools/parse.h \
	src/tools/recover-options.c src/tools/recover-options.h \
	src/tools/recover-owner.c src/tools/recover-owner.h \
	src/tools/recover-report.c src/tools/recover-report.h \
	src/tools/save-options.c src/tools/save-options.h \
	src/tools/save-source.c src/tools/save-source.h \
	src/tools/save-validate.c src/tools/save-validate.h \
	src/tools/signals.c src/tools/signals.h

# A script starts them by the thousand: the library is linked in, because every
# shared object costs a start some fifty microseconds.
tools_ldflags = $(AM_LDFLAGS) -static
tools_ldadd = src/tools/libtools.la src/lib/libcommit.la $(JANSSON_LIBS)

src_tools_commit_save_SOURCES = src/tools/commit-save.c
src_tools_commit_save_CPPFLAGS = $(tools_cppflags)
src_tools_commit_save_LDFLAGS = $(tools_ldflags)
src_tools_commit_save_LDADD = $(tools_ldadd)

src_tools_commit_recover_SOURCES = src/tools/commit-recover.c
src_tools_commit_recover_CPPFLAGS = $(tools_cppflags)
src_tools_commit_recover_LDFLAGS = $(tools_ldflags)
src_tools_commit_recover_LDADD = $(tools_ldadd)
