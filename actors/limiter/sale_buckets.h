/*  A token bucket per sale, in a table of fixed size. */

#ifndef MS_SALE_BUCKETS_H
#define MS_SALE_BUCKETS_H

#include "token_bucket.h"

typedef struct sale_buckets_t sale_buckets_t;

sale_buckets_t *sale_buckets_new (uint64_t seed);
void sale_buckets_destroy (sale_buckets_t **self_p);
/*  Time until the sale has a token; 0 = now. Changes nothing. */
uint64_t sale_buckets_wait_us (const sale_buckets_t *self, uint64_t sale_id, token_rate_t rate,
                               uint64_t now_us);
/*  Takes one token of the sale, which must be there. */
void sale_buckets_take (sale_buckets_t *self, uint64_t sale_id, token_rate_t rate, uint64_t now_us);
uint64_t sale_buckets_digest (const sale_buckets_t *self);

#endif
