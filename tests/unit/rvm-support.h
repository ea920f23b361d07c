/* SPDX-License-Identifier: ISC */
/*
 * rvm-support.h - recoverable memory in the working directory, with the log "log"
 *
 * All of these fail the test, with the operation and the reason, if the call does.
 */
#ifndef TEST_RVM_SUPPORT_H
#define TEST_RVM_SUPPORT_H

#include <commit_rvm.h>

#include <stddef.h>

/* Makes the log if there is none; opt may be NULL. */
struct commit_rvm *begin_rvm(const struct commit_rvm_options *opt);
/* The first size bytes of the file, which is made if it is missing. */
char *map_data(struct commit_rvm *rvm, const char *name, size_t size);
struct commit_rvm_xact *begin_xact(struct commit_rvm *rvm);
/* Declares a range and writes it. */
void set_text(struct commit_rvm_xact *x, char *at, const char *text);
void finish_rvm(struct commit_rvm *rvm);

#endif
