/*  Who attempts what, in which order: made once from a seed, so that a run can be repeated.

    Every shopper attempts once under key 0, in the order of the tokens. Of them `retry_per_mille` send the
    same key again: an eighth of these eight times at once, the others once, some time later.
    `new_key_per_mille` come back later with another key. */

#ifndef MS_PLAN_H
#define MS_PLAN_H

#include <stddef.h>
#include <stdint.h>

#define PLAN_TOGETHER 8u /* attempts with one key at the same moment */

typedef struct attempt_t {
    uint32_t user; /* index of the token */
    uint32_t key;  /* number of the key among the user's */
} attempt_t;

typedef struct plan_t plan_t;

plan_t *plan_new (uint32_t users, unsigned retry_per_mille, unsigned new_key_per_mille,
                  uint64_t seed);
void plan_destroy (plan_t **self_p);
size_t plan_count (const plan_t *self);
attempt_t plan_attempt (const plan_t *self, size_t index);

#endif
