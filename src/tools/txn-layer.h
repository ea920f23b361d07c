/* SPDX-License-Identifier: ISC */
/*
 * txn-layer.h - the tree of changes that lies over the root in a view
 *
 * A whiteout, a character device 0/0, hides a name of the layer below; making
 * one needs no right. A directory that replaces another has whiteouts for all
 * that the other had, rather than the mark "opaque", for which the file system
 * would need attributes that a user may set.
 */
#ifndef TXN_LAYER_H
#define TXN_LAYER_H

#include "txn-changes.h"

struct txn_layer {
	/* descriptors of the root and of the directory that gets the changes */
	int root;
	int top;
	/* top is a whole copy of the root: names are removed, not hidden */
	bool copy;
};

/* Puts the changes into the layer. */
int txn_layer_build(const struct txn_layer *layer, const struct txn_changes *changes,
                    struct commit_error *err);

/* Bytes that the layer will need for content. */
uint64_t txn_layer_size(int root, const struct txn_changes *changes);

#endif
