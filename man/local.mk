# SPDX-License-Identifier: ISC
dist_man_MANS += \
	man/commit-recover.8 \
	man/commit-save.1 \
	man/libcommit.3 \
	man/libcommit.7
