# SPDX-License-Identifier: ISC
# Measuring is no part of `make check': a machine that is busy is not broken.
#
#     make bench BENCHFLAGS='--fs=ext4,xfs,btrfs --quick'

save_programs = tests/bench/save-floor tests/bench/save-bare tests/bench/spawn-time tests/bench/extents
txn_programs = tests/bench/txn-put tests/bench/txn-put-fault tests/bench/txn-rounds tests/bench/txn-tree
rvm_programs = tests/bench/rvm-rounds
bench_programs = $(save_programs) $(txn_programs) $(rvm_programs)
EXTRA_PROGRAMS = $(bench_programs)
CLEANFILES += $(bench_programs)
EXTRA_DIST += \
	tests/bench/README.md \
	tests/bench/RESULTS-txn.md \
	tests/bench/common.sh \
	tests/bench/rvm \
	tests/bench/rvm.awk \
	tests/bench/rvm.gp \
	tests/bench/save \
	tests/bench/statistics.awk \
	tests/bench/summary.awk \
	tests/bench/slow-flush.c \
	tests/bench/triple \
	tests/bench/txn \
	tests/bench/txn-summary.awk

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

tests_bench_txn_put_SOURCES = tests/bench/bench-calls.c tests/bench/bench.h tests/bench/txn-put.c
tests_bench_txn_put_LDADD = src/lib/libcommit.la
tests_bench_txn_put_LDFLAGS = -static

# The same with the fault seam, to be killed at the commit
tests_bench_txn_put_fault_SOURCES = $(tests_bench_txn_put_SOURCES)
tests_bench_txn_put_fault_LDADD = src/lib/libcommit-fault.la
tests_bench_txn_put_fault_LDFLAGS = -static

tests_bench_txn_rounds_SOURCES = \
	tests/bench/bench-calls.c \
	tests/bench/bench-spawn.c \
	tests/bench/bench.h \
	tests/bench/txn-rounds.c
tests_bench_txn_rounds_LDADD =

tests_bench_txn_tree_SOURCES = tests/bench/bench-calls.c tests/bench/bench.h tests/bench/txn-tree.c
tests_bench_txn_tree_LDADD =

tests_bench_rvm_rounds_SOURCES = \
	tests/bench/rvm-bench.h \
	tests/bench/rvm-others.c \
	tests/bench/rvm-rounds.c \
	tests/bench/rvm-ways.c
tests_bench_rvm_rounds_LDADD = src/lib/libcommit.la $(SQLITE3_LIBS) $(LMDB_LIBS) $(PMEMOBJ_LIBS)
tests_bench_rvm_rounds_LDFLAGS = -static

bench: all $(save_programs)
	$(SHELL) $(srcdir)/tests/bench/save --builddir=. $(BENCHFLAGS)

bench-txn: all $(txn_programs)
	$(SHELL) $(srcdir)/tests/bench/txn --builddir=. $(BENCHFLAGS)
bench-rvm: all $(rvm_programs)
	$(SHELL) $(srcdir)/tests/bench/rvm --builddir=. $(BENCHFLAGS)
.PHONY: bench bench-txn bench-rvm
