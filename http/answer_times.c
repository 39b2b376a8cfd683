#include "answer_times.h"

#include <string.h>

#define UNIT_SHIFT 6u  /* 64 µs */
#define STEPS_SHIFT 3u /* eight steps for every doubling */
#define STEPS (1u << STEPS_SHIFT)

uint32_t
answer_times_bucket (uint64_t took_us)
{
    uint64_t units = took_us >> UNIT_SHIFT;
    uint32_t doublings = 0;
    while (units >> doublings >= 2 * STEPS)
        doublings++;
    /* without a doubling the unit itself: the first eight are steps of one unit, as are the next */
    uint64_t bucket = (uint64_t)doublings * STEPS + (units >> doublings);
    return bucket < ANSWER_TIMES_BUCKETS ? (uint32_t)bucket : ANSWER_TIMES_BUCKETS - 1;
}

uint64_t
answer_times_top_us (uint32_t bucket)
{
    uint32_t doublings = bucket < 2 * STEPS ? 0 : bucket / STEPS - 1;
    uint64_t first = (uint64_t)(bucket - doublings * STEPS);
    return (((first + 1) << doublings) << UNIT_SHIFT) - 1;
}

void
answer_times_turn (answer_times_t *self, uint64_t now_us)
{
    uint64_t age_us = now_us - self->began_us;
    if (age_us < ANSWER_TIMES_HALF_US)
        return;
    if (age_us >= 2 * ANSWER_TIMES_HALF_US) {
        memset (self->counts, 0, sizeof self->counts);
        self->began_us = now_us;
        return;
    }
    self->half ^= 1u;
    memset (self->counts[self->half], 0, sizeof self->counts[0]);
    self->began_us += ANSWER_TIMES_HALF_US;
}

void
answer_times_add (answer_times_t *self, uint64_t took_us, uint64_t now_us)
{
    answer_times_turn (self, now_us);
    self->counts[self->half][answer_times_bucket (took_us)]++;
}

uint64_t
answer_times_count (const answer_times_t *self, uint32_t bucket)
{
    return (uint64_t)self->counts[0][bucket] + self->counts[1][bucket];
}

uint64_t
answer_times_percentile_us (const uint64_t counts[ANSWER_TIMES_BUCKETS], uint64_t percent)
{
    uint64_t sum = 0, below = 0;
    for (uint32_t i = 0; i < ANSWER_TIMES_BUCKETS; i++)
        sum += counts[i];
    uint64_t wanted = (sum * percent + 99) / 100;
    for (uint32_t i = 0; i < ANSWER_TIMES_BUCKETS; i++) {
        below += counts[i];
        if (sum > 0 && below >= wanted)
            return answer_times_top_us (i);
    }
    return 0;
}
