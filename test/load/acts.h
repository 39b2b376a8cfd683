/*  What shoppers do next: the attempts of the plan lead to orders, and an order is paid, cancelled, or both in
    the same moment; who cancelled may buy again. Pure: what a shopper does follows from the seed, the shopper
    and the key, so the same seed is the same crowd.

    after                                         follows
    BUY answered 201                              PAY (one key, or two at once), CANCEL, both, or nothing: by habit
    PAY that will be declined, answered 201       PAY under another key, later
    CANCEL answered 200                           BUY under a new key, once per key of the plan
    any other answer                              nothing

    A first PAY or CANCEL is due at once, when the order may have no row yet, or `later_us` later: half of the
    shoppers each. */

#ifndef MS_ACTS_H
#define MS_ACTS_H

#include "plan.h"

#include <stdbool.h>
#include <stdint.h>

#define ACT_ORDER_BYTES_MAX 40u
#define ACT_KEY_AGAIN                                                                              \
    4u /* added to the number of a key of the plan; those are below it, modulo PLAN_TOGETHER */

typedef enum act_kind_t { ACT_BUY, ACT_PAY, ACT_CANCEL, ACT_KINDS } act_kind_t;
typedef enum act_outcome_t { ACT_SUCCEED, ACT_DECLINE, ACT_HANG } act_outcome_t;

typedef struct act_t {
    act_kind_t kind;
    attempt_t attempt;     /* whose, and the key that the order was bought under */
    unsigned number;       /* ACT_PAY: which payment of the order */
    act_outcome_t outcome; /* ACT_PAY: what the provider is asked to do */
    uint64_t due_us;
    char order_id[ACT_ORDER_BYTES_MAX + 1];
} act_t;

/*  Shares of a thousand. The first three are of orders, the next three of payments, the last of cancels. */
typedef struct habits_t {
    unsigned pay_per_mille;
    unsigned cancel_per_mille;
    unsigned pay_and_cancel_per_mille;
    unsigned decline_per_mille;
    unsigned hang_per_mille;
    unsigned twice_per_mille; /* two payments under two keys */
    unsigned again_per_mille; /* buy again after a cancel */
    uint64_t later_us;
    uint64_t seed;
} habits_t;

typedef struct acts_t acts_t;

acts_t *acts_new (const habits_t *habits);
void acts_destroy (acts_t **self_p);
/*  A client's last answer to `done`: what follows from it is queued. `order_id` is the one in the answer. */
void acts_follow (acts_t *self, const act_t *done, unsigned status, const char *order_id,
                  uint64_t now_us);
/*  Takes the next act that is due. Returns false if there is none. */
bool acts_take (acts_t *self, uint64_t now_us, act_t *act);
/*  Acts that wait, due or not. */
uint64_t acts_count (const acts_t *self);
const char *act_word (act_kind_t kind);
const char *act_outcome_word (act_outcome_t outcome);

#endif
