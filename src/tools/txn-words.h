/* SPDX-License-Identifier: ISC */
/* txn-words.h - one line of a script, cut into words; the grammar is in txn-script.h */
#ifndef TXN_WORDS_H
#define TXN_WORDS_H

#include "txn-ops.h"

/* A name and the words of an operation. */
#define TXN_WORDS_MAX (1 + TXN_OPERATION_WORDS)

/*
 * Cuts line, which has a zero byte at its end, in place. Returns how many words
 * there are, 0 for a line without an operation, or COMMIT_EUSAGE with *why.
 */
int txn_words_cut(char *line, size_t length, struct txn_word words[TXN_WORDS_MAX],
                  const char **why);

/*
 * The same for a JSON object: its name and its words in their order. They point
 * to memory that txn_words_free frees.
 */
int txn_words_json(const char *line, size_t length, struct txn_word words[TXN_WORDS_MAX],
                   const char **why);
void txn_words_free(struct txn_word words[TXN_WORDS_MAX]);

#endif
