# SPDX-License-Identifier: ISC
EXTRA_DIST += \
	contrib/musl-build.sh \
	contrib/packages.sh \
	contrib/quickstart.sh
