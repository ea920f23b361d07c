# SPDX-License-Identifier: ISC
dist_man_MANS += \
	man/commit-heap.5 \
	man/commit-journal.5 \
	man/commit-log.5 \
	man/commit-range.5 \
	man/commit-rvm.5 \
	man/commit-store.5 \
	man/commit-recover.8 \
	man/commit-range.1 \
	man/commit-editor.1 \
	man/commit-save.1 \
	man/commit-triple.1 \
	man/commit-triple.5 \
	man/commit-txn.1 \
	man/commit-vista.5 \
	man/commit_heap_open.3 \
	man/commit_range_open.3 \
	man/commit_recover_scan.3 \
	man/commit_rvm_initialize.3 \
	man/commit_save_open.3 \
	man/commit_triple_open.3 \
	man/commit_txn_begin.3 \
	man/libcommit.3 \
	man/libcommit-recipes.7 \
	man/libcommit.7
