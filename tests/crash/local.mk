# SPDX-License-Identifier: ISC
# The power-loss rig. It needs root, loop devices and FUSE, and some minutes:
#
#     make crash CRASH_SECONDS=480        20,000 crash images, or what fits into that time
#     make crash-mutants                  is it able to see anything?
#     make crash-full                     takes hours
#     tests/crash/replay CASE             one image again (in the build tree)

crash_programs = tests/crash/crash tests/crash/recoverer
if HAVE_FUSE3
crash_programs += tests/crash/recorder
endif
EXTRA_PROGRAMS += tests/crash/crash tests/crash/recoverer tests/crash/recorder
CLEANFILES += $(crash_programs)

tests_crash_crash_SOURCES = \
	tests/crash/board.c \
	tests/crash/canvas.c \
	tests/crash/choice.c \
	tests/crash/command-mutants.c \
	tests/crash/command-run.c \
	tests/crash/command-trouble.c \
	tests/crash/crash.h \
	tests/crash/device.c \
	tests/crash/explore.c \
	tests/crash/fs.c \
	tests/crash/judge.c \
	tests/crash/main.c \
	tests/crash/main.h \
	tests/crash/record.c \
	tests/crash/recording.c \
	tests/crash/recording.h \
	tests/crash/recover.c \
	tests/crash/recoverer.h \
	tests/crash/recovery.c \
	tests/crash/report.c \
	tests/crash/resume.c \
	tests/crash/run.c \
	tests/crash/save.c \
	tests/crash/table.c \
	tests/crash/tree.c \
	tests/crash/triple.c \
	tests/crash/txn.c \
	tests/crash/workload.h \
	tests/crash/world.c
tests_crash_crash_LDADD =

tests_crash_recorder_SOURCES = tests/crash/recorder.c tests/crash/recording.h
tests_crash_recorder_LDADD = $(FUSE3_LIBS)

# Linked when it starts, not in each of its children.
tests_crash_recoverer_SOURCES = tests/crash/recoverer.c tests/crash/recoverer.h \
	tests/crash/recoverer-tool.c tests/crash/run.c
tests_crash_recoverer_CPPFLAGS = $(tools_cppflags)
tests_crash_recoverer_LDADD = $(tests_fault_ldadd)
tests_crash_recoverer_LDFLAGS = -Wl,-z,now

EXTRA_DIST += \
	tests/crash/README.md \
	tests/crash/REPORT.md \
	tests/crash/crash.sh \
	tests/crash/heat.gp \
	tests/crash/mutants.list \
	tests/crash/replay

CRASH_SECONDS = 480
CRASH_SEED = 1
CRASH_REPORT = crash-report
crash_tools = src/tools/commit-save src/tools/commit-txn src/tools/commit-recover \
	src/tools/commit-triple tests/fault/commit-triple \
	tests/fault/commit-save tests/fault/commit-txn tests/fault/commit-recover
crash_run = $(AM_TESTS_ENVIRONMENT) CRASH_REPORT='$(CRASH_REPORT)'; export CRASH_REPORT; \
	$(SHELL) $(srcdir)/tests/crash/crash.sh

crash-programs: $(crash_programs) $(crash_tools)

crash: crash-programs
	$(crash_run) mutants --list=$(srcdir)/tests/crash/mutants.list --images=600 --seconds=60
	$(crash_run) trouble --images=200 --seed=$(CRASH_SEED)
	$(crash_run) run --images=20000 --seconds=$(CRASH_SECONDS) --seed=$(CRASH_SEED) $(CRASHFLAGS)

crash-mutants: crash-programs
	$(crash_run) mutants --images=600 --seconds=600 $(CRASHFLAGS)

crash-full: crash-programs
	$(crash_run) mutants --list=$(srcdir)/tests/crash/mutants.list --images=600
	$(MKDIR_P) $(CRASH_REPORT)
	$(crash_run) run --images=360000 --seconds=0 --kill-every=2 --seed=$(CRASH_SEED) \
		--resume=$(CRASH_REPORT)/done $(CRASHFLAGS)
	$(crash_run) trouble --images=5000 --seconds=0 --seed=$(CRASH_SEED)

.PHONY: crash crash-full crash-mutants crash-programs
