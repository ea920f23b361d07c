/* SPDX-License-Identifier: ISC */
/* txn.c - workloads of commit-txn */
#include "workload.h"

#define TREE                                                                                       \
	"mkdir d e e/s; text a 5000 >a; text b 9000 >b; text c 300 >d/c; text f 4100 >e/s/f; "     \
	"chmod 600 b; "

/* About 90 KB of log; a segment has 256. */
#define BIG(character)                                                                             \
	"for i in $(seq 25); do echo \"setxattr user.k=$(text " character " 3500) f$i\"; done | "  \
	"commit-txn script -C ."
#define ID "\"$(cat \"$SCRATCH/id\")\" "

const struct workload txn_workloads[] = {
        {
                .name = "txn-put",
                .about = "new files and new contents, the store made on the way",
                .promise = PROMISE_ALL,
                .before = TREE "text x 7000 >x; text y 200 >y",
                .steps = {"printf 'put a x\\nput new y\\nput d/c x\\n' | commit-txn script -C .",
                          "printf 'put d/new x\\nwrite e/w text\\nput b y\\n' | commit-txn script "
                          "-C .",
                          "printf 'write a again\\nwrite d/c again\\n' | commit-txn script -C ."},
        },
        {
                .name = "txn-move",
                .about = "swap two files, move between directories, move a directory",
                .promise = PROMISE_ALL,
                .before = TREE "commit-txn init -C .",
                .steps = {"printf 'mv a t\\nmv b a\\nmv t b\\n' | commit-txn script -C .",
                          "printf 'mv d/c e/s/c\\nmv e/s/f d/f\\n' | commit-txn script -C .",
                          "printf 'mv e/s d/s\\nmv a e/a\\n' | commit-txn script -C ."},
        },
        {
                .name = "txn-remove",
                .about = "rm, rmdir, mkdir, a directory in the place of a file",
                .promise = PROMISE_ALL,
                .before = TREE "commit-txn init -C .",
                .steps = {"printf 'rm a\\nmkdir n\\nwrite n/x text\\n' | commit-txn script -C .",
                          "printf 'rm e/s/f\\nrmdir e/s\\nrm b\\nmkdir b\\nwrite b/y text\\n' | "
                          "commit-txn script -C .",
                          "printf 'rm d/c\\nrmdir d\\nwrite d file\\n' | commit-txn script -C ."},
        },
        {
                .name = "txn-link",
                .about = "hard and symbolic links",
                .promise = PROMISE_ALL,
                .before = TREE "commit-txn init -C .",
                .steps = {"printf 'link a h\\nsymlink ../b d/l\\n' | commit-txn script -C .",
                          "printf 'rm d/l\\nmv h d/h\\nlink b e/b\\n' | commit-txn script -C ."},
        },
        {
                .name = "txn-meta",
                .about = "mode, owner, attribute, with and without new content",
                .promise = PROMISE_ALL,
                .before = TREE "commit-txn init -C .",
                .steps = {"printf 'chmod 444 a\\nchmod 750 d\\nwrite b text\\n' | commit-txn "
                          "script -C .",
                          "printf 'chown 3:4 a\\nsetxattr user.k=v d/c\\nchmod 640 b\\n' | "
                          "commit-txn script -C ."},
        },
        {
                .name = "txn-steps",
                .about = "a transaction of several processes",
                .promise = PROMISE_ALL,
                .before = TREE "commit-txn init -C .",
                .steps = {"commit-txn run -C . -- sh -c 'text x 6000 | commit-txn put @ a; "
                          "text y 200 | commit-txn put @ n; commit-txn rm @ b'",
                          "commit-txn run -C . -- sh -c 'commit-txn mv @ n d/n; "
                          "text z 5000 | commit-txn put @ d/c'"},
        },
        {
                .name = "txn-resume",
                .about = "an open transaction, committed after the power was back",
                .promise = PROMISE_ALL,
                .before = TREE "commit-txn init -C .",
                .steps = {"commit-txn begin -C . >\"$SCRATCH/id\"",
                          "text x 6000 | commit-txn put " ID "a", "commit-txn rm " ID "b",
                          "text y 200 | commit-txn put " ID "d/new"},
                /* A stage of which nobody was told may be there or not. */
                .resume = "for stage in .commit/stage/*; do test -d \"$stage\" || exit \"$1\"; "
                          "commit-txn commit \"${stage##*/}\" || exit; done",
                .model = {":", "text x 6000 >a", "rm b", "text y 200 >d/new"},
        },
        {
                .name = "txn-apply",
                .about = "an archive over a tree, and a mirror",
                .promise = PROMISE_ALL,
                .before = TREE
                "mkdir -p .src/d .src/q; text 1 6000 >.src/a; text 2 40 >.src/d/c; "
                "text 3 9000 >.src/q/r; chmod 600 .src/q/r; ln .src/a .src/q/a; "
                "ln -s a .src/l; tar --sort=name --mtime=@0 -C .src -cf x.tar .; rm -r .src; "
                "commit-txn init -C .",
                .steps = {"commit-txn apply -C . x.tar",
                          "rm -rf \"$SCRATCH/m\"; mkdir \"$SCRATCH/m\"; text m 4200 "
                          ">\"$SCRATCH/m/a\"; "
                          "commit-txn apply -C . --mirror --from=\"$SCRATCH/m\""},
        },
        {
                .name = "txn-init",
                .about = "a store made elsewhere, and its settings",
                .promise = PROMISE_ALL,
                .before = TREE,
                .steps = {"commit-txn init -C . --store=\"$PWD/../store\"",
                          "commit-txn init -C . --keep=2"},
                /* Without the link another store would be made. */
                .resume = "if test -e ../store/config; then cat ../store/config >settings; fi; "
                          "test \"$1\" = 0 || { echo write a two | commit-txn script -C . && "
                          "test -f .commit; }",
                .model =
                        {"printf two >a",
                         "printf 'libcommit store config\\nversion 1\\nkeep count 2\\n' >settings"},
        },
        {
                .name = "txn-history",
                .about = "old versions are kept, one change is taken back",
                .promise = PROMISE_ALL,
                .before = TREE "commit-txn init -C . --keep=2",
                .steps = {"printf 'write a two\\nrm b\\nmv d/c e/c\\n' | commit-txn script -C .",
                          "printf 'write a three\\nchmod 640 e/c\\n' | commit-txn script -C .",
                          "id=$(commit-txn log -C . | awk '{ id = $2 } END { print id }'); "
                          "[ \"$id\" ] || exit 1; commit-txn undo -C . \"$id\"",
                          "printf 'write e/c four\\n' | commit-txn script -C ."},
        },
        {
                .name = "txn-long",
                .about = "a commit of which the log has many sectors",
                .promise = PROMISE_ALL,
                .before = TREE "for i in $(seq 25); do echo $i >f$i; done; commit-txn init -C .",
                .steps = {BIG("x")},
        },
        {
                .name = "txn-roll",
                .about = "more than a segment of the log holds",
                .promise = PROMISE_ALL,
                .before = TREE "for i in $(seq 25); do echo $i >f$i; done; commit-txn init -C .",
                .steps = {BIG("x"), BIG("y"), BIG("z"), BIG("w")},
        },
        {
                .name = "txn-elsewhere",
                .about = "a store in another directory of the same file system",
                .promise = PROMISE_ALL,
                .before = TREE,
                .steps = {"commit-txn init -C . --store=\"$PWD/../store\"; "
                          "printf 'write a two\\nrm b\\n' | commit-txn script -C .",
                          "printf 'write d/c three\\nmv a d/a\\n' | commit-txn script -C ."},
        },
        {.name = NULL},
};
