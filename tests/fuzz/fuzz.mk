# SPDX-License-Identifier: ISC
# The fuzz targets, built by clang beside a build tree that was configured with
# any compiler. Started by `make fuzz`, which sets:
#
#   srcdir   top of the sources       builddir   top of the build tree
#   out      where all of this goes   archive    no: built without libarchive
#   LIBS     (environment) what library and tools link with
CLANG ?= clang
SANITIZE = address,undefined
FUZZ_CFLAGS = -g -O1 -std=gnu11 -Wall -Wextra -fno-omit-frame-pointer \
	-fsanitize=$(SANITIZE) -fno-sanitize-recover=all
FUZZ_CPPFLAGS = -DHAVE_CONFIG_H -I$(builddir) -I$(srcdir)/src/include -I$(srcdir)/src/lib \
	-I$(srcdir)/src/tools -I$(srcdir)/src -I$(srcdir)/tests/fuzz

targets := $(sort $(patsubst $(srcdir)/tests/fuzz/target-%.c,%,$(wildcard $(srcdir)/tests/fuzz/target-*.c)))
ifeq ($(wildcard $(srcdir)/src/archive/*.c)$(filter-out no,$(archive)),)
targets := $(filter-out archive,$(targets))
endif
TARGETS ?= $(targets)

# The tools but for their mains, and the library but for the fault seam
product := $(filter-out $(srcdir)/src/lib/fault.c $(srcdir)/src/lib/fault-%.c $(srcdir)/src/tools/commit-%.c, \
	$(wildcard $(srcdir)/src/lib/*.c $(srcdir)/src/tools/*.c $(srcdir)/src/archive/*.c))
support := $(addprefix $(srcdir)/tests/fuzz/,pieces.c scratch.c seal.c support.c tree.c)

object = $(patsubst $(srcdir)/%.c,$(out)/%.o,$(1))
target_objects := $(patsubst %,$(out)/tests/fuzz/target-%.o,$(targets))
seeds_objects := $(patsubst $(srcdir)/%.c,$(out)/%.o,$(wildcard $(srcdir)/tests/fuzz/seeds*.c))

all: $(addprefix $(out)/fuzz-,$(TARGETS)) $(out)/seeds

$(out)/%.o: $(srcdir)/%.c
	@mkdir -p $(@D)
	@echo '  FUZZ     $*.o'
	@$(CLANG) $(FUZZ_CPPFLAGS) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -c -o $@ $<

$(out)/libproduct.a: $(call object,$(product))
	@rm -f $@ && ar cr $@ $^

$(out)/libsupport.a: $(call object,$(support))
	@rm -f $@ && ar cr $@ $^

# Twice: the product calls nothing of ours, but targets may bring a file of its own along
$(out)/fuzz-%: $(out)/tests/fuzz/target-%.o $(out)/libsupport.a $(out)/libproduct.a
	@echo '  LINK     fuzz-$*'
	@$(CLANG) -g -fsanitize=$(SANITIZE),fuzzer -o $@ $^ $(LIBS)

$(out)/seeds: $(seeds_objects) $(out)/libsupport.a $(out)/libproduct.a
	@echo '  LINK     seeds'
	@$(CLANG) -g -fsanitize=$(SANITIZE) -fsanitize-coverage=inline-8bit-counters,pc-table,trace-cmp -o $@ $^ $(LIBS)

.PHONY: all
.SECONDARY:
-include $(shell find $(out) -name '*.d' 2>/dev/null)
