# SPDX-License-Identifier: ISC
public_headers = \
	src/include/commit.h \
	src/include/commit_error.h \
	src/include/commit_heap.h \
	src/include/commit_range.h \
	src/include/commit_recover.h \
	src/include/commit_rvm.h \
	src/include/commit_save.h \
	src/include/commit_triple.h \
	src/include/commit_txn.h

include_HEADERS += $(public_headers)
