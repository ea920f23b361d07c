/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "rvm-support.h"

#include "support.h"

#include <string.h>

static struct commit_error err;

struct commit_rvm *begin_rvm(const struct commit_rvm_options *opt)
{
	struct commit_rvm *rvm = NULL;
	int rc = commit_rvm_create_log("log", opt, &err);

	assert_true(rc == 0 || rc == COMMIT_EREFUSED);
	rc = commit_rvm_initialize("log", opt, &rvm, &err);
	if (rc)
		fail_msg("initialize: %d %s %s", rc, err.operation, err.text);
	return rvm;
}

char *map_data(struct commit_rvm *rvm, const char *name, size_t size)
{
	void *memory = NULL;
	int rc = commit_rvm_map(rvm, name, 0, size, NULL, COMMIT_RVM_CREATE, &memory, &err);

	if (rc)
		fail_msg("map: %d %s %s", rc, err.operation, err.text);
	return memory;
}

struct commit_rvm_xact *begin_xact(struct commit_rvm *rvm)
{
	struct commit_rvm_xact *made = NULL;

	assert_int_equal(commit_rvm_begin_xact(rvm, COMMIT_RVM_RESTORE, &made, &err), 0);
	return made;
}

void set_text(struct commit_rvm_xact *x, char *at, const char *text)
{
	assert_int_equal(commit_rvm_set_range(x, at, strlen(text), &err), 0);
	memcpy(at, text, strlen(text));
}

void finish_rvm(struct commit_rvm *rvm)
{
	assert_int_equal(commit_rvm_terminate(rvm, &err), 0);
}
