/* SPDX-License-Identifier: ISC */
/* save.c - workloads of commit-save */
#include "workload.h"

/* `text CHARACTER COUNT` and `tree` come from workload.h's prelude. */
const struct workload save_workloads[] = {
        {
                .name = "save",
                .about = "replace and make files, flushed",
                .promise = PROMISE_ALL,
                .before = "text a 5000 >a; chmod 640 a; mkdir d; text k 700 >keep; text d 90 >d/f",
                .steps = {"text b 9000 | commit-save a", "text n 4500 | commit-save n",
                          "text e 300 | commit-save d/f", "text c 20000 | commit-save a",
                          "text f 6000 | commit-save d/f"},
        },
        {
                .name = "save-data",
                .about = "--sync=data: old or new, perhaps not the last",
                .promise = PROMISE_OLD_OR_NEW,
                .before = "text a 5000 >a; text k 700 >keep",
                .steps = {"text b 9000 | commit-save --sync=data a",
                          "text n 4500 | commit-save --sync=data n",
                          "text c 12000 | commit-save --sync=data a", "text e 100 | commit-save n"},
        },
        {
                .name = "save-none",
                .about = "--sync=none: what is not saved stays as it is",
                .promise = PROMISE_NOTHING,
                .before = "text a 5000 >a; text k 700 >keep; mkdir d; text d 90 >d/f",
                .steps = {"text b 9000 | commit-save --sync=none a",
                          "text n 4500 | commit-save --sync=none n; sync keep",
                          "text e 300 | commit-save d/f"},
        },
        {
                .name = "save-in-place",
                .about = "--in-place: grown, shrunk, the same size",
                .promise = PROMISE_ALL,
                .before = "text a 9000 >a; chmod 600 a; ln a hard; text k 700 >keep",
                .steps = {"text b 14000 | commit-save --in-place a",
                          "text c 14000 | commit-save --in-place a",
                          "text d 3000 | commit-save --in-place a"},
        },
        {
                .name = "save-backup",
                .about = "--backup: simple and numbered",
                .promise = PROMISE_EACH,
                .before = "text a 5000 >a; chmod 640 a",
                .steps = {"text b 9000 | commit-save --backup a",
                          "text c 4000 | commit-save --backup a",
                          "text d 6000 | commit-save --backup=numbered a"},
        },
        {
                .name = "save-create",
                .about = "--create, and --append, and another mode",
                .promise = PROMISE_ALL,
                .before = "mkdir d; text k 700 >keep",
                .steps = {"text a 5000 | commit-save --create d/a",
                          "text b 3000 | commit-save --append d/a",
                          "text c 5000 | commit-save --mode=600 d/a",
                          "text d 200 | commit-save --append d/a"},
        },
        {
                .name = "save-expect",
                .about = "--expect: exchanged, looked at",
                .promise = PROMISE_ALL,
                .before = "text a 5000 >a; text k 700 >keep",
                .steps = {"text b 9000 | commit-save --expect=\"$(commit-save --token a)\" a",
                          "text n 100 | commit-save --expect=absent n",
                          "text c 700 | commit-save --expect=\"$(commit-save --token a)\" a"},
        },
        {.name = NULL},
};
