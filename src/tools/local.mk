# SPDX-License-Identifier: ISC
tools_shared = \
	src/tools/cli.c src/tools/cli.h

commit_save_sources = src/tools/commit-save.c $(tools_shared)
commit_recover_sources = src/tools/commit-recover.c $(tools_shared)

if WITH_TOOLS
bin_PROGRAMS += src/tools/commit-save
sbin_PROGRAMS += src/tools/commit-recover
endif

# Tools see public headers only.
tools_cppflags = -I$(top_srcdir)/src/include -I$(top_srcdir)/src/tools

src_tools_commit_save_SOURCES = $(commit_save_sources)
src_tools_commit_save_CPPFLAGS = $(tools_cppflags)
src_tools_commit_save_LDADD = src/lib/libcommit.la $(JANSSON_LIBS)

src_tools_commit_recover_SOURCES = $(commit_recover_sources)
src_tools_commit_recover_CPPFLAGS = $(tools_cppflags)
src_tools_commit_recover_LDADD = src/lib/libcommit.la $(JANSSON_LIBS)
