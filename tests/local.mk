# SPDX-License-Identifier: ISC
# `make check` runs four kinds of tests, and each speaks TAP:
#
#   tests/lint/*.sh      the house rules as programs
#   tests/unit/test-*    cmocka, one program per module, linked with the fault seam
#   tests/*/*.bats       bats against the tools
#
# A new file is entered in one of the lists below and nowhere else.

quick_lints = \
	tests/lint/files.sh \
	tests/lint/floors.sh \
	tests/lint/headers.sh \
	tests/lint/manual.sh \
	tests/lint/size.sh \
	tests/lint/spdx.sh \
	tests/lint/symbols.sh \
	tests/lint/sys-only.sh

slow_lints = \
	tests/lint/lints.bats \
	tests/lint/shell.sh

lint_tests = $(slow_lints) $(quick_lints)

# Each is tests/unit/test-MODULE.c, compiled and linked alike. Here and below, what
# takes longest comes first, so that the processors are busy until the end.
#
# Those that go through each call, byte or fault, one after the other. Where LC_EVERY=N
# is set they take each Nth, and so do some of the others.
unit_walks = \
	tests/unit/test-log-walk \
	tests/unit/test-triple-walk \
	tests/unit/test-txn-content \
	tests/unit/test-txn-hostile \
	tests/unit/test-triple-states \
	tests/unit/test-log-damage \
	tests/unit/test-range-walk \
	tests/unit/test-rvm-walk \
	tests/unit/test-rvm-vista-death \
	tests/unit/test-rvm-pitfalls

unit_quick = \
	tests/unit/test-log-power \
	tests/unit/test-save-walk \
	tests/unit/test-rvm \
	tests/unit/test-range \
	tests/unit/test-log-device \
	tests/unit/test-backup \
	tests/unit/test-beneath \
	tests/unit/test-bytes \
	tests/unit/test-change \
	tests/unit/test-copy \
	tests/unit/test-copy-part \
	tests/unit/test-digest \
	tests/unit/test-dir \
	tests/unit/test-error \
	tests/unit/test-fault \
	tests/unit/test-heap \
	tests/unit/test-heap-check \
	tests/unit/test-inplace \
	tests/unit/test-inplace-registry \
	tests/unit/test-journal \
	tests/unit/test-lock \
	tests/unit/test-log \
	tests/unit/test-log-direct \
	tests/unit/test-log-record \
	tests/unit/test-log-stranger \
	tests/unit/test-log-super \
	tests/unit/test-log-threads \
	tests/unit/test-meta \
	tests/unit/test-name \
	tests/unit/test-publish \
	tests/unit/test-recover \
	tests/unit/test-recover-edit \
	tests/unit/test-rvm-audit \
	tests/unit/test-rvm-queue \
	tests/unit/test-rvm-replay \
	tests/unit/test-rvm-threads \
	tests/unit/test-rvm-vista \
	tests/unit/test-rvm-vista-threads \
	tests/unit/test-save \
	tests/unit/test-save-brief \
	tests/unit/test-save-conditional \
	tests/unit/test-save-content \
	tests/unit/test-save-in-place \
	tests/unit/test-save-policy \
	tests/unit/test-stage \
	tests/unit/test-stage-name \
	tests/unit/test-store \
	tests/unit/test-sys \
	tests/unit/test-target \
	tests/unit/test-token \
	tests/unit/test-triple \
	tests/unit/test-triple-device \
	tests/unit/test-triple-format \
	tests/unit/test-triple-lecture \
	tests/unit/test-triple-person \
	tests/unit/test-triple-vote \
	tests/unit/test-txn \
	tests/unit/test-txn-chain \
	tests/unit/test-txn-index \
	tests/unit/test-txn-mounts \
	tests/unit/test-txn-ops \
	tests/unit/test-txn-patch \
	tests/unit/test-txn-store \
	tests/unit/test-view \
	tests/unit/test-view-plan

unit_tests = $(unit_walks) $(unit_quick)

# Against the tools as they are installed
cli_tests = \
	tests/cli/commit-save-options.bats \
	tests/cli/commit-save-producer.bats \
	tests/cli/commit-save-races.bats \
	tests/cli/commit-triple.bats \
	tests/cli/commit-txn-apply.bats \
	tests/cli/commit-txn-hostile.bats \
	tests/cli/commit-txn-run.bats \
	tests/cli/commit-txn-script.bats \
	tests/cli/commit-txn-steps.bats \
	tests/cli/commit-txn-usage.bats \
	tests/cli/commit-txn-validate.bats \
	tests/cli/man-examples.bats \
	tests/cli/progress.bats \
	tests/cli/recipes.bats \
	tests/install/completions.bats \
	tests/install/editors.bats \
	tests/install/hooks.bats \
	tests/install/install.bats \
	tests/install/recovery.bats \
	tests/install/static.bats \
	tests/install/translations.bats

# Against the tools with the fault seam, in tests/fault
fault_tests = \
	tests/cli/commit-txn-undo.bats \
	tests/cli/commit-txn-history.bats \
	tests/cli/store-recover.bats \
	tests/cli/commit-range.bats \
	tests/cli/commit-recover-html.bats \
	tests/cli/commit-recover-inplace.bats \
	tests/cli/commit-save-inplace.bats \
	tests/cli/commit-save-usage.bats \
	tests/cli/commit-txn-init.bats \
	tests/cli/commit-txn-patch.bats \
	tests/cli/save-concurrency.bats \
	tests/cli/store-check.bats \
	tests/cli/store-flush.bats \
	tests/cli/store-hostile.bats \
	tests/cli/store-modes.bats \
	tests/cli/store-readers.bats \
	tests/cli/triple-pitfalls-54-65.bats

# The same, and ACLs and JSON are a part of it
acl_tests = \
	tests/cli/txn-pitfalls-31-53.bats \
	tests/cli/save-pitfalls-16-30.bats \
	tests/cli/commit-recover.bats \
	tests/cli/save-metadata.bats \
	tests/cli/save-pitfalls-01-15.bats

# In a browser, where there is one
page_tests = tests/page/page.bats

# Every call failing in turn, which takes its time
walk_tests = \
	tests/fault/txn-walk.sh \
	tests/fault/walk.sh \
	tests/storm/memory.sh \
	tests/storm/storm.sh \
	tests/model/model.sh

# On file systems of their own, on loop devices
fs_tests = \
	tests/fs/flushes.bats \
	tests/fs/matrix.bats \
	tests/fs/mounts.bats \
	tests/fs/power.bats \
	tests/fs/space.bats \
	tests/fs/triple.bats \
	tests/fs/txn-mounts.bats \
	tests/fs/txn-room.bats

# What make distcheck is content with; what is worth testing again when it is built
# by another compiler or with sanitizers; and everything
quick_tests = $(quick_lints) $(quick_programs)
product_tests = $(acl_tests) $(fault_tests) $(unit_programs) $(cli_tests)
# musl-gcc has no libacl and no jansson
musl_tests = $(unit_programs) $(cli_tests)
bats_tests = $(walk_tests) $(fs_tests) $(page_tests) $(acl_tests) $(cli_tests) $(fault_tests)

if HAVE_CMOCKA
unit_programs = $(unit_tests)
quick_programs = $(unit_quick)
else
unit_programs = tests/unit/no-cmocka.sh
quick_programs = tests/unit/no-cmocka.sh
endif

TESTS += $(walk_tests) $(acl_tests) $(fs_tests) $(slow_lints) $(fault_tests) $(unit_programs) $(cli_tests) $(page_tests) $(quick_lints)

if HAVE_CMOCKA
check_PROGRAMS += $(unit_tests)
check_LTLIBRARIES += tests/unit/libsupport.la
endif
tests_unit_libsupport_la_SOURCES = \
	tests/unit/killed.c tests/unit/killed.h \
	tests/unit/txn-support.c tests/unit/txn-support.h \
	tests/unit/view-support.c tests/unit/view-support.h \
	tests/unit/log-support.c tests/unit/log-support.h \
	tests/unit/rvm-support.c tests/unit/rvm-support.h \
	tests/unit/triple-support.c tests/unit/triple-support.h \
	tests/unit/support.c tests/unit/support.h
tests_unit_libsupport_la_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
tests_unit_test_fault_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
tests_unit_test_log_device_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
tests_unit_test_log_direct_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
tests_unit_test_log_stranger_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
tests_unit_test_log_power_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
tests_unit_test_log_threads_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
tests_unit_test_log_walk_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
tests_unit_test_range_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
tests_unit_test_range_walk_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
tests_unit_test_rvm_walk_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
tests_unit_test_rvm_pitfalls_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
tests_unit_test_rvm_queue_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
tests_unit_test_rvm_vista_death_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
tests_unit_test_triple_device_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
tests_unit_test_txn_content_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
LDADD = tests/unit/libsupport.la src/lib/libcommit-fault.la $(CMOCKA_LIBS)

# A real log for the manual's tests
check_PROGRAMS += tests/cli/make-log
tests_cli_make_log_SOURCES = tests/cli/make-log.c
tests_cli_make_log_LDADD = src/lib/libcommit-fault.la

# The tools again, linked with the fault seam
if WITH_TOOLS
check_PROGRAMS += tests/fault/commit-range tests/fault/commit-save
check_PROGRAMS += tests/fault/commit-recover tests/fault/commit-txn
check_PROGRAMS += tests/fault/commit-triple
check_PROGRAMS += tests/fault/walk tests/fault/txn-walk tests/fault/txn-logged
endif

tests_fault_walk_SOURCES = \
	tests/fault/faults.c \
	tests/fault/faults.h \
	tests/fault/pool.c \
	tests/fault/pool.h \
	tests/fault/judge.c \
	tests/fault/order.c \
	tests/fault/recovery.c \
	tests/fault/scenarios.c \
	tests/fault/steps.c \
	tests/fault/tool.c \
	tests/fault/walk.c \
	tests/fault/walk.h \
	tests/fault/world.c
tests_fault_walk_LDADD =

# The same over transactions
tests_fault_txn_walk_SOURCES = \
	tests/fault/faults.c \
	tests/fault/faults.h \
	tests/fault/pool.c \
	tests/fault/pool.h \
	tests/fault/txn-judge.c \
	tests/fault/txn-order.c \
	tests/fault/txn-scenarios.c \
	tests/fault/txn-steps.c \
	tests/fault/txn-tree.c \
	tests/fault/txn-walk.c \
	tests/fault/txn-walk.h \
	tests/fault/walk.h \
	tests/fault/world.c
tests_fault_txn_walk_LDADD =

tests_fault_txn_logged_SOURCES = tests/fault/txn-logged.c
tests_fault_txn_logged_LDADD = src/lib/libcommit-fault.la

# Random transactions, killed at random
if WITH_TOOLS
check_PROGRAMS += tests/storm/storm
endif
tests_storm_storm_SOURCES = \
	tests/storm/storm.c \
	tests/storm/storm.h \
	tests/storm/storm-chain.c \
	tests/storm/storm-crowd.c \
	tests/storm/storm-model.c \
	tests/storm/storm-run.c
tests_storm_storm_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
tests_storm_storm_LDADD = src/lib/libcommit-fault.la

# Memory and ranges, which need no tools
check_PROGRAMS += tests/storm/storm-memory
tests_storm_storm_memory_SOURCES = tests/storm/storm-memory.c
tests_storm_storm_memory_LDADD = src/lib/libcommit-fault.la

# Twelve minutes of it, half of that on the disk
storm: $(check_PROGRAMS)
	$(AM_TESTS_ENVIRONMENT) tests/storm/storm --seconds=300 $(LC_STORM)
	$(AM_TESTS_ENVIRONMENT) tests/storm/storm --seconds=300 --dir=. $(LC_STORM)
	$(AM_TESTS_ENVIRONMENT) tests/storm/storm-memory --seconds=60 $(LC_STORM_MEMORY)
	$(AM_TESTS_ENVIRONMENT) tests/storm/storm-memory --seconds=60 --dir=. $(LC_STORM_MEMORY)

# Editors that save a thousand times each, killed at random
storm-editors: all
	$(AM_TESTS_ENVIRONMENT) $(srcdir)/tests/storm/editors.sh

# Everything, also what make check leaves out
fault-full: $(check_PROGRAMS)
	$(AM_TESTS_ENVIRONMENT) tests/fault/walk --full $(LC_WALK)
	$(AM_TESTS_ENVIRONMENT) tests/fault/txn-walk --full $(LC_WALK)

tests_fault_ldadd = src/tools/libtools.la src/lib/libcommit-fault.la $(JANSSON_LIBS) $(INTL_LIBS)

tests_fault_commit_save_SOURCES = src/tools/commit-save.c
tests_fault_commit_save_CPPFLAGS = $(tools_cppflags)
tests_fault_commit_save_LDADD = $(tests_fault_ldadd)

tests_fault_commit_range_SOURCES = src/tools/commit-range.c
tests_fault_commit_range_CPPFLAGS = $(tools_cppflags)
tests_fault_commit_range_LDADD = $(tests_fault_ldadd)

tests_fault_commit_txn_SOURCES = src/tools/commit-txn.c
tests_fault_commit_txn_CPPFLAGS = $(tools_cppflags)
tests_fault_commit_txn_LDADD = $(tests_fault_ldadd) $(ARCHIVE_LIBS)

tests_fault_commit_triple_SOURCES = src/tools/commit-triple.c
tests_fault_commit_triple_CPPFLAGS = $(tools_cppflags)
tests_fault_commit_triple_LDADD = $(tests_fault_ldadd)

tests_fault_commit_recover_SOURCES = src/tools/commit-recover.c
tests_fault_commit_recover_CPPFLAGS = $(tools_cppflags)
tests_fault_commit_recover_LDADD = $(tests_fault_ldadd)

# A power cut for one file system
check_PROGRAMS += tests/fs/shutdown
tests_fs_shutdown_SOURCES = tests/fs/shutdown.c
tests_fs_shutdown_LDADD =

# How tests are run. All of them find the tools on PATH, as a user does;
# LC_TOOLS_FIRST puts a directory before them (valgrind wrappers).
AM_TESTS_ENVIRONMENT = \
	LC_SRCDIR='$(abs_top_srcdir)'; export LC_SRCDIR; \
	LC_BUILDDIR='$(abs_top_builddir)'; export LC_BUILDDIR; \
	LC_FAULT_BIN='$(abs_top_builddir)/tests/fault'; export LC_FAULT_BIN; \
	LC_LIBS='$(libcommit_libs)'; export LC_LIBS; \
	LC_CFLAGS='$(LC_LDFLAGS)'; export LC_CFLAGS; \
	PATH="$${LC_TOOLS_FIRST:+$$LC_TOOLS_FIRST:}$(abs_top_builddir)/src/tools/.libs:$(abs_top_builddir)/src/tools:$$PATH"; export PATH; \
	LD_LIBRARY_PATH="$(abs_top_builddir)/src/lib/.libs$${LD_LIBRARY_PATH:+:$$LD_LIBRARY_PATH}"; export LD_LIBRARY_PATH; \
	CC='$(CC)'; export CC; CXX='$(LC_CXX)'; export CXX; NM='$(NM)'; export NM; \
	CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT;

# Tests of --json are skipped where it was not built.
if HAVE_JANSSON
AM_TESTS_ENVIRONMENT += LC_JSON=yes; export LC_JSON;
else
AM_TESTS_ENVIRONMENT += LC_JSON=; export LC_JSON;
endif

# A sanitizer's finding must not look like an exit status of the tools, nor
# vanish with a test that throws stderr away.
if ENABLE_SANITIZERS
AM_TESTS_ENVIRONMENT += \
	mkdir -p '$(abs_top_builddir)/sanitizer' && chmod 1777 '$(abs_top_builddir)/sanitizer'; \
	ASAN_OPTIONS="exitcode=99:detect_stack_use_after_return=1:log_path=$(abs_top_builddir)/sanitizer/asan$${ASAN_OPTIONS:+:$$ASAN_OPTIONS}"; export ASAN_OPTIONS; \
	UBSAN_OPTIONS="exitcode=99:print_stacktrace=1:log_path=$(abs_top_builddir)/sanitizer/ubsan$${UBSAN_OPTIONS:+:$$UBSAN_OPTIONS}"; export UBSAN_OPTIONS;
endif
# They are slow: the core of the fault walk only, and some cases of the others
if ENABLE_SANITIZERS
AM_TESTS_ENVIRONMENT += \
	LC_WALK=--thin; export LC_WALK; \
	LC_EVERY="$${LC_EVERY:-7}"; export LC_EVERY;
endif
# Tools run as another user cannot write the counts; not worth a message.
if ENABLE_COVERAGE
AM_TESTS_ENVIRONMENT += GCOV_ERROR_FILE=/dev/null; export GCOV_ERROR_FILE;
endif

TEST_EXTENSIONS = .sh .bats
tap_driver = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(tap_driver)
SH_LOG_DRIVER = $(tap_driver)
BATS_LOG_DRIVER = $(tap_driver)
LOG_COMPILER = $(SHELL) $(top_srcdir)/tests/tap/cmocka.sh
SH_LOG_COMPILER = $(SHELL)
BATS_LOG_COMPILER = $(SHELL) $(top_srcdir)/tests/tap/bats.sh

include tests/bench/local.mk
include tests/fuzz/local.mk
include tests/crash/local.mk
include tests/model/local.mk
include tests/spin/local.mk

EXTRA_DIST += \
	$(lint_tests) \
	$(bats_tests) \
	tests/fs/fs.bash \
	tests/fs/matrix.bash \
	tests/fs/txn-mounts.bash \
	tests/cli/helper.bash \
	tests/cli/man-helper.bash \
	tests/cli/options-helper.bash \
	tests/cli/page-helper.bash \
	tests/cli/store-helper.bash \
	tests/cli/triple-helper.bash \
	tests/cli/txn-helper.bash \
	tests/install/apk-build.sh \
	tests/install/complete.zsh \
	tests/storm/editors.sh \
	tests/install/example.c \
	tests/install/enter-root.sh \
	tests/lint/lint.sh \
	tests/man/examples.sh \
	tests/man/extract.sh \
	tests/mutants/RESULTS.md \
	tests/mutants/mutants.sh \
	tests/mutants/mutate.pl \
	tests/mutants/save.list \
	tests/mutants/triple.list \
	tests/mutants/txn.list \
	tests/page/judge.html \
	tests/run.sh \
	tests/run.d/lib.sh \
	tests/run.d/analysis.sh \
	tests/run.d/asan.sh \
	tests/run.d/check.sh \
	tests/run.d/coverage.sh \
	tests/run.d/crash.sh \
	tests/run.d/distcheck.sh \
	tests/run.d/fuzz.sh \
	tests/run.d/musl.sh \
	tests/run.d/package.sh \
	tests/run.d/page.sh \
	tests/run.d/rpm.sh \
	tests/run.d/apk.sh \
	tests/run.d/valgrind.sh \
	tests/tap/bats.sh \
	tests/tap/cmocka.sh \
	tests/unit/no-cmocka.sh

# `make coverage` in a tree configured with --enable-coverage
coverage:
if ENABLE_COVERAGE
	find . -name '*.gcda' -exec rm -f {} +
	$(MAKE) $(AM_MAKEFLAGS) check
	$(MAKE) $(AM_MAKEFLAGS) coverage-report
else
	@echo 'Not a coverage build: configure with --enable-coverage'; exit 1
endif

# Lines of src/lib that ran; the seam itself is not part of what is shipped.
coverage-report:
	@test -n '$(GCOVR)' || { echo 'gcovr is missing'; exit 1; }
	$(GCOVR) -r '$(abs_top_srcdir)' --filter '$(abs_top_srcdir)/src/lib/' \
		--exclude '$(abs_top_srcdir)/src/lib/fault\.[ch]' \
		--fail-under-line 90 --txt coverage.txt --print-summary .; \
	status=$$?; cat coverage.txt; exit $$status

# A musl build of the same tree and the bats tests against it
check-musl:
	$(SHELL) $(top_srcdir)/contrib/musl-build.sh musl
	cd musl && $(MAKE) $(AM_MAKEFLAGS) check

# The page of commit-recover --html in chromium; tests/page has pictures of it then
check-page:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(page_tests)'

# Guards removed one at a time, in a copy of the sources: are the tests able to fail?
# Takes a while; leaves RESULTS.md in the build tree. MUTANTS='txn 37' chooses.
mutants:
	$(SHELL) $(top_srcdir)/tests/mutants/mutants.sh $(MUTANTS)

.PHONY: fault-full storm storm-editors check-musl check-page coverage coverage-report mutants

CLEANFILES += coverage.txt tests/page/*.png tests/page/*.pdf
clean-local:
	-rm -rf sanitizer musl crash-report
	-find . -name '*.gc??' -name '*.gc[dn][ao]' -exec rm -f {} +
