# SPDX-License-Identifier: ISC
# Fuzzing needs clang, whatever the rest was built with.
#
#     make fuzz FUZZ_SECONDS=60 [FUZZ_TARGETS='record change'] [LC_FUZZ_SHARE=by-cost]
#
# With FUZZ_SECONDS=0 the corpora are replayed and little else.

FUZZ_SECONDS = 60
FUZZ_TARGETS =
fuzz_libs = $(libcommit_libs) $(JANSSON_LIBS) $(ARCHIVE_LIBS) -lpthread
if HAVE_LIBARCHIVE
fuzz_archive = yes
else
fuzz_archive = no
endif

EXTRA_DIST += \
	tests/fuzz/README.md \
	tests/fuzz/RESULTS.md \
	tests/fuzz/fuzz.h \
	tests/fuzz/fuzz.mk \
	tests/fuzz/kept/script.b64 \
	tests/fuzz/kept/sidecar.b64 \
	tests/fuzz/kept/store.b64 \
	tests/fuzz/pieces.c \
	tests/fuzz/pieces.h \
	tests/fuzz/planted.list \
	tests/fuzz/planted.sh \
	tests/fuzz/run.sh \
	tests/fuzz/scratch.c \
	tests/fuzz/seal.c \
	tests/fuzz/seeds-archive.c \
	tests/fuzz/seeds-log.c \
	tests/fuzz/seeds-store.c \
	tests/fuzz/seeds-text.c \
	tests/fuzz/seeds.c \
	tests/fuzz/seeds.h \
	tests/fuzz/support.c \
	tests/fuzz/target-archive.c \
	tests/fuzz/target-beneath.c \
	tests/fuzz/target-change.c \
	tests/fuzz/target-journal.c \
	tests/fuzz/target-log.c \
	tests/fuzz/target-name.c \
	tests/fuzz/target-record.c \
	tests/fuzz/target-script.c \
	tests/fuzz/target-segment.c \
	tests/fuzz/target-sidecar.c \
	tests/fuzz/target-store.c \
	tests/fuzz/target-token.c \
	tests/fuzz/target-triple.c \
	tests/fuzz/target-values.c \
	tests/fuzz/target-words.c \
	tests/fuzz/tree.c \
	tests/fuzz/tree.h

fuzz_make = $(MAKE) -f $(abs_top_srcdir)/tests/fuzz/fuzz.mk srcdir=$(abs_top_srcdir) \
	builddir=$(abs_top_builddir) archive=$(fuzz_archive)

fuzz-build: config.h
	mkdir -p fuzz
	+LIBS='$(fuzz_libs)' $(fuzz_make) out=$(abs_top_builddir)/fuzz

fuzz: fuzz-build
	$(SHELL) $(top_srcdir)/tests/fuzz/run.sh fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

# Are the targets able to fail? Each bug of planted.list must be found.
fuzz-planted: fuzz-build
	+LIBS='$(fuzz_libs)' FUZZ_MAKE="$(fuzz_make)" $(SHELL) $(top_srcdir)/tests/fuzz/planted.sh fuzz $(FUZZ_TARGETS)
.PHONY: fuzz fuzz-build fuzz-planted
