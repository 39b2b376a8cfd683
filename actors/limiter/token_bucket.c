/*  Token bucket with shares. Invariants:
    1. level ≤ capacity: a pause, however long, never saves up more than one burst.
    2. A share's capacity is at least one token: a burst smaller than the number of limiters still
    lets some through (at most N instead of the burst).
    3. The level is a part of the whole bucket, not of the share: when N changes, each share keeps
    its part filled as it was. */

#include "token_bucket.h"

#include "check.h"

#define MILLIONTHS UINT64_C (1000000)

static uint64_t
s_least (uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t
s_cost (token_rate_t rate)
{
    return rate.shares * MILLIONTHS;
}

static uint64_t
s_capacity (token_rate_t rate)
{
    uint64_t burst = s_least (rate.burst, TOKEN_RATE_MAX);
    return burst < rate.shares ? s_cost (rate) : burst * MILLIONTHS;
}

/*  Tokens per second are millionths per microsecond: one multiplication refills exactly. */
static uint64_t
s_level (const token_bucket_t *self, token_rate_t rate, uint64_t now_us)
{
    uint64_t capacity = s_capacity (rate);
    uint64_t per_us = s_least (rate.rate_per_s, TOKEN_RATE_MAX);
    if (self->level >= capacity)
        return capacity;
    uint64_t elapsed_us = now_us > self->at_us ? now_us - self->at_us : 0;
    uint64_t missing = capacity - self->level;
    /* compared by division, because elapsed × rate may not fit in 64 bits */
    if (elapsed_us > missing / per_us)
        return capacity;
    return self->level + elapsed_us * per_us;
}

void
token_bucket_fill (token_bucket_t *self, token_rate_t rate, uint64_t now_us)
{
    self->level = s_capacity (rate);
    self->at_us = now_us;
}

uint64_t
token_bucket_wait_us (const token_bucket_t *self, token_rate_t rate, uint64_t now_us)
{
    CHECK (rate.shares > 0);
    if (rate.rate_per_s == 0)
        return 0;
    uint64_t level = s_level (self, rate, now_us);
    uint64_t per_us = s_least (rate.rate_per_s, TOKEN_RATE_MAX);
    return level >= s_cost (rate) ? 0 : (s_cost (rate) - level + per_us - 1) / per_us;
}

void
token_bucket_take (token_bucket_t *self, token_rate_t rate, uint64_t now_us)
{
    CHECK (token_bucket_wait_us (self, rate, now_us) == 0);
    if (rate.rate_per_s == 0)
        return;
    self->level = s_level (self, rate, now_us) - s_cost (rate);
    self->at_us = now_us;
}

bool
token_bucket_is_full (const token_bucket_t *self, token_rate_t rate, uint64_t now_us)
{
    return rate.rate_per_s == 0 || s_level (self, rate, now_us) == s_capacity (rate);
}
