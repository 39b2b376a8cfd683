#include "trip_time.h"

#include <string.h>

#define TURN_US 1000000u

/*  Bucket 2n holds up to 2^n, bucket 2n + 1 up to 1.5 × 2^n microseconds. */
static uint64_t
s_bound_us (uint32_t bucket)
{
    uint64_t octave = (uint64_t)1 << (bucket / 2);
    return bucket % 2 ? octave + octave / 2 : octave;
}

void
trip_time_add (trip_time_t *self, uint64_t trip_us, uint64_t now_us)
{
    if (now_us >= self->since_us + TURN_US) {
        memcpy (self->counts[1], self->counts[0], sizeof self->counts[0]);
        self->totals[1] = self->totals[0];
        memset (self->counts[0], 0, sizeof self->counts[0]);
        self->totals[0] = 0;
        self->since_us = now_us;
    }
    uint32_t bucket = 0;
    while (bucket < TRIP_BUCKETS - 1 && s_bound_us (bucket) < trip_us)
        bucket++;
    self->counts[0][bucket]++;
    self->totals[0]++;
}

uint64_t
trip_time_p99_us (const trip_time_t *self)
{
    uint32_t total = self->totals[0] + self->totals[1];
    if (total == 0)
        return 0;
    uint32_t above = 0;
    for (uint32_t bucket = TRIP_BUCKETS; bucket-- > 0;) {
        above += self->counts[0][bucket] + self->counts[1][bucket];
        if (above > total / 100)
            return s_bound_us (bucket);
    }
    return s_bound_us (0);
}
