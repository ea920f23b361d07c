# SPDX-License-Identifier: ISC
# The protocol of three copies as a model for spin. Skips where spin is missing.
#
#     make spin        explores more, for some minutes and 4 GB

TESTS += tests/spin/triple.sh
EXTRA_DIST += \
	tests/spin/triple.pml \
	tests/spin/triple.sh

spin:
	LC_SPIN=full $(SHELL) $(srcdir)/tests/spin/triple.sh

.PHONY: spin
