# SPDX-License-Identifier: ISC
# Measuring is no part of `make check': a machine that is busy is not broken.
#
#     make bench BENCHFLAGS='--fs=ext4,xfs,btrfs --quick'

bench_programs = tests/bench/save-floor tests/bench/save-bare tests/bench/spawn-time tests/bench/extents
EXTRA_PROGRAMS = $(bench_programs)
CLEANFILES += $(bench_programs)
EXTRA_DIST += tests/bench/README.md tests/bench/save tests/bench/summary.awk

tests_bench_save_floor_SOURCES = \
	tests/bench/bench-calls.c \
	tests/bench/bench-spawn.c \
	tests/bench/bench.h \
	tests/bench/save-floor.c
tests_bench_save_floor_LDADD = src/lib/libcommit.la
# Linked statically with libcommit, so that this is the program and not a
# libtool script whose environment every process it starts would inherit.
tests_bench_save_floor_LDFLAGS = -static

tests_bench_save_bare_SOURCES = tests/bench/bench-calls.c tests/bench/bench.h tests/bench/save-bare.c
tests_bench_save_bare_LDADD =

# Small on purpose: its own memory is the floor of the memory it can measure.
tests_bench_spawn_time_SOURCES = \
	tests/bench/bench-calls.c \
	tests/bench/bench-spawn.c \
	tests/bench/bench.h \
	tests/bench/spawn-time.c
tests_bench_spawn_time_LDADD =

tests_bench_extents_SOURCES = tests/bench/extents.c
tests_bench_extents_LDADD =

bench: all $(bench_programs)
	$(SHELL) $(srcdir)/tests/bench/save --builddir=. $(BENCHFLAGS)
.PHONY: bench
