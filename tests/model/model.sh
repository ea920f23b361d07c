#!/bin/sh
# SPDX-License-Identifier: ISC
# Ten seconds of programs over the model, from a fixed seed
exec "$LC_BUILDDIR/tests/model/model" --tap --seed=1 --seconds=10
