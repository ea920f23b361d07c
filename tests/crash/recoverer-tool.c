/* SPDX-License-Identifier: ISC */
/* recoverer-tool.c - main() of commit-recover, as a function that recoverer.c calls */
int recover_main(int argc, char **argv);

#define main recover_main
#include "tools/commit-recover.c" /* NOLINT(bugprone-suspicious-include): that is the point */
