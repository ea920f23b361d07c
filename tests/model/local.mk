# SPDX-License-Identifier: ISC
# Random programs over a model of a disk, power cut at every call
#
#     make model [MODEL_STATES=10000000] [MODEL_SEED=1]
#     make model-mutants                  is it able to see anything?

check_PROGRAMS += tests/model/model
tests_model_model_SOURCES = \
	tests/model/draw.c \
	tests/model/draw.h \
	tests/model/judge.c \
	tests/model/judge.h \
	tests/model/machine.c \
	tests/model/main.c \
	tests/model/model.h \
	tests/model/mutant.c \
	tests/model/node.c \
	tests/model/program.c \
	tests/model/program.h \
	tests/model/program-txn.c \
	tests/model/sys-file.c \
	tests/model/sys-names.c \
	tests/model/sys-rest.c \
	tests/model/trace.c \
	tests/model/view.c \
	tests/model/wrap.c
tests_model_model_CPPFLAGS = $(AM_CPPFLAGS) -DLC_FAULT
tests_model_model_LDADD = src/lib/libcommit-fault.la
# What the library asks of libc and not of sys
tests_model_model_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=fdopendir,--wrap=readdir,--wrap=closedir,--wrap=realpath,--wrap=time \
	-Wl,--wrap=geteuid,--wrap=getegid,--wrap=getgroups,--wrap=lc_log_create,--wrap=lc_log_open

EXTRA_DIST += tests/model/README.md

MODEL_STATES = 10000000
MODEL_SEED = 1

model: tests/model/model
	tests/model/model --progress --states=$(MODEL_STATES) --seed=$(MODEL_SEED)

model-mutants: tests/model/model
	tests/model/model --mutants --states=300000 --seconds=60 --seed=$(MODEL_SEED)

.PHONY: model model-mutants
