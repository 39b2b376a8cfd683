/*  Counts of durations in buckets of at most 1.6 % width: 64 per power of two, from 1 µs to over an hour. */

#ifndef MS_LATENCY_H
#define MS_LATENCY_H

#include <stdint.h>

#define LATENCY_STEPS 64u  /* buckets per power of two */
#define LATENCY_POWERS 27u /* 2^27 × 64 µs is 2.4 hours */
#define LATENCY_BUCKETS (LATENCY_STEPS * (LATENCY_POWERS + 1))

typedef struct latency_t {
    uint64_t count;
    uint64_t max_us;
    uint64_t buckets[LATENCY_BUCKETS];
} latency_t;

void latency_add (latency_t *self, uint64_t us);
void latency_merge (latency_t *self, const latency_t *other);
/*  Duration that `per_mille` of the counted ones do not exceed, in µs; 0 if nothing was counted. */
uint64_t latency_at (const latency_t *self, unsigned per_mille);

#endif
