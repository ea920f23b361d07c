/* SPDX-License-Identifier: ISC */
/*
 * txn-script.h - commit-txn script: operations from standard input
 *
 *     script    = *( line LF )                              without -0
 *     line      = *blank [ operation *blank ] [ comment ]
 *     comment   = "#" *any
 *     operation = name 1*3( 1*blank word )                  as txn-ops.h has them
 *     word      = plain / quoted
 *     plain     = 1*( any but blank, LF, quotation mark )   not beginning with "#"
 *     quoted    = DQUOTE *( any but DQUOTE, backslash, LF / escape ) DQUOTE
 *     escape    = "\" ( "a" / "b" / "t" / "n" / "v" / "f" / "r" / DQUOTE / "\" /
 *                       1*3 octal digits / "x" 2 hexadecimal digits )
 *     blank     = space / tab
 *
 *     script    = *( name NUL 1*3( word NUL ) )             with -0
 *
 * A line whose first byte is "{" is a JSON object instead: "op" is the name, and
 * the words stand under what txn-ops.h calls them, as a string or as an object
 * {"bytes": base64}.
 *
 * The last line must end with LF (the last word with NUL): what ends in between
 * has been cut off, and nothing of it is committed. Neither is an empty script.
 */
#ifndef TXN_SCRIPT_H
#define TXN_SCRIPT_H

#include "txn-session.h"

int txn_script(struct txn_session *session);

#endif
