/*  Buckets by sale. Invariants:
    1. A sale without a bucket is a sale with a full one: asking makes none, and full ones may be
    forgotten at any time.
    2. At most SALES_MAX buckets. When all are in use and none is full, the one that was taken from
    longest ago is forgotten: that sale gets one burst early, which takes more sales at once than an
    instance can publish. */

#include "sale_buckets.h"

#include "check.h"
#include "map.h"
#include "wire_limits.h"

struct sale_buckets_t {
    map_t *buckets; /* sale_id → token_bucket_t */
};

sale_buckets_t *
sale_buckets_new (uint64_t seed)
{
    sale_buckets_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->buckets = map_new (SALES_MAX, sizeof (token_bucket_t), seed);
    return self;
}

void
sale_buckets_destroy (sale_buckets_t **self_p)
{
    if (*self_p) {
        map_destroy (&(*self_p)->buckets);
        free (*self_p);
        *self_p = NULL;
    }
}

uint64_t
sale_buckets_wait_us (const sale_buckets_t *self, uint64_t sale_id, token_rate_t rate,
                      uint64_t now_us)
{
    const token_bucket_t *bucket = map_find (self->buckets, sale_id);
    return bucket ? token_bucket_wait_us (bucket, rate, now_us) : 0;
}

/*  Makes room: all full buckets go, or the stalest one. */
static void
s_reclaim (sale_buckets_t *self, token_rate_t rate, uint64_t now_us)
{
    size_t cursor = 0;
    uint64_t sale_id, stalest = 0, stalest_us = UINT64_MAX;
    const token_bucket_t *bucket;
    while ((bucket = map_next (self->buckets, &cursor, &sale_id))) {
        if (token_bucket_is_full (bucket, rate, now_us))
            map_remove_at (self->buckets, &cursor);
        else if (bucket->at_us < stalest_us) {
            stalest = sale_id;
            stalest_us = bucket->at_us;
        }
    }
    if (map_count (self->buckets) == SALES_MAX)
        map_remove (self->buckets, stalest);
}

void
sale_buckets_take (sale_buckets_t *self, uint64_t sale_id, token_rate_t rate, uint64_t now_us)
{
    if (rate.rate_per_s == 0)
        return;
    token_bucket_t *bucket = map_find (self->buckets, sale_id);
    if (!bucket) {
        if (map_count (self->buckets) == SALES_MAX)
            s_reclaim (self, rate, now_us);
        bucket = map_insert (self->buckets, sale_id);
        CHECK (bucket);
        token_bucket_fill (bucket, rate, now_us);
    }
    token_bucket_take (bucket, rate, now_us);
}

uint64_t
sale_buckets_digest (const sale_buckets_t *self)
{
    return map_digest (self->buckets);
}
