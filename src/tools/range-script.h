/* SPDX-License-Identifier: ISC */
/*
 * range-script.h - ranges from standard input
 *
 * A line of a script is one of
 *
 *     write OFFSET BYTES        BYTES may be in C quotation marks
 *     hex OFFSET DIGITS
 *     from OFFSET SRC           the content of a file
 *     zero OFFSET LENGTH
 *
 * or empty, or begins with #. The last line must end like the others: else it
 * may have been cut off.
 */
#ifndef RANGE_SCRIPT_H
#define RANGE_SCRIPT_H

#include "range-options.h"

/* Adds the ranges of a script to the edit. A code; COMMIT_EREFUSED: there are none. */
int range_script_apply(struct commit_range *edit, const struct range_options *options,
                       struct commit_error *err);

/* Adds all of standard input as one range. COMMIT_EREFUSED: it is empty. */
int range_script_write(struct commit_range *edit, const struct range_options *options,
                       struct commit_error *err);

#endif
