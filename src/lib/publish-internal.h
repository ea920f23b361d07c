/* SPDX-License-Identifier: ISC */
/*
 * publish-internal.h - the two ends of each rename
 *
 *     publish.c         carrying out
 *     publish-judge.c   looking at all of it before
 *     publish-flush.c   making it durable
 *     publish-meta.c    steps on metadata
 *     publish-patch.c   steps in place
 */
#ifndef LC_PUBLISH_INTERNAL_H
#define LC_PUBLISH_INTERNAL_H

#include "mount.h"
#include "publish.h"

/* Places and paths each have their neighbours. */
struct lc_ends {
	struct lc_beneath_cache paths;
	struct lc_beneath_cache places;
	struct lc_mounts mounts;
};

/* Release it also after a failure. */
int lc_ends_init(struct lc_ends *ends, int root, const struct lc_change_list *list,
                 const struct lc_change **bad);
void lc_ends_release(struct lc_ends *ends);

/* What stands at path now; nothing is an identity too. */
int lc_ends_identify(struct lc_ends *ends, struct lc_beneath_cache *cache, const char *path,
                     struct lc_identity *now);
/* Both ends of a step as they are now. */
int lc_ends_look(struct lc_ends *ends, const struct lc_change *c, struct lc_identity *now,
                 struct lc_identity *waiting);

enum lc_verdict { LC_STEP_DONE, LC_STEP_TO_DO, LC_STEP_FOREIGN };

/* The place is in a stage, not another path of the tree. */
int lc_judge_in_stage(const char *place);
/* The object, whoever has written to it meanwhile. */
int lc_judge_is_object(const struct lc_identity *now, const struct lc_identity *wanted);
enum lc_verdict lc_judge_take(const struct lc_change *c, const struct lc_identity *now,
                              const struct lc_identity *waiting);
enum lc_verdict lc_judge_put(const struct lc_change *c, const struct lc_identity *now,
                             const struct lc_identity *waiting);

/* publish-meta.c: carries out a step on metadata */
int lc_publish_meta(struct lc_ends *ends, const struct lc_change *c);

/* publish-patch.c: carries out a step in place */
int lc_publish_patch(struct lc_ends *ends, const struct lc_change *c);
/* 0; -ESTALE: somebody else has edited it; -ENOENT: the file does not stand at real. */
int lc_judge_patch(struct lc_ends *ends, const struct lc_change *c, const char *real);

#endif
