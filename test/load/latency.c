#include "latency.h"

static unsigned
s_bucket (uint64_t us)
{
    if (us < LATENCY_STEPS)
        return (unsigned)us;
    unsigned power = 63u - (unsigned)__builtin_clzll (us) - 6u; /* 2^6 = LATENCY_STEPS */
    if (power >= LATENCY_POWERS)
        return LATENCY_BUCKETS - 1;
    return (power + 1) * LATENCY_STEPS + (unsigned)(us >> power) - LATENCY_STEPS;
}

/*  Upper end of a bucket. */
static uint64_t
s_bound_us (unsigned bucket)
{
    if (bucket < LATENCY_STEPS)
        return bucket;
    unsigned power = bucket / LATENCY_STEPS - 1;
    return ((uint64_t)(bucket % LATENCY_STEPS + LATENCY_STEPS + 1) << power) - 1;
}

void
latency_add (latency_t *self, uint64_t us)
{
    self->count++;
    self->buckets[s_bucket (us)]++;
    if (us > self->max_us)
        self->max_us = us;
}

void
latency_merge (latency_t *self, const latency_t *other)
{
    self->count += other->count;
    if (other->max_us > self->max_us)
        self->max_us = other->max_us;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        self->buckets[i] += other->buckets[i];
}

uint64_t
latency_at (const latency_t *self, unsigned per_mille)
{
    uint64_t wanted = (self->count * per_mille + 999) / 1000;
    uint64_t seen = 0;
    for (unsigned i = 0; i < LATENCY_BUCKETS && wanted > 0; i++) {
        seen += self->buckets[i];
        if (seen >= wanted) {
            uint64_t bound_us = s_bound_us (i);
            return bound_us < self->max_us ? bound_us : self->max_us;
        }
    }
    return self->max_us;
}
