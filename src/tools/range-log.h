/* SPDX-License-Identifier: ISC */
/* range-log.h - commit-range log: records, epochs, and what recovery would do */
#ifndef RANGE_LOG_H
#define RANGE_LOG_H

#include "range-options.h"

/* Prints it. 0, or a code: COMMIT_ECONFLICT where a person must decide. */
int range_log(const struct range_options *options, struct commit_error *err);

#endif
