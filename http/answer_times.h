/*  How long answers took in the last seconds: a histogram whose buckets grow with the time they stand for, so that each is within an
    eighth of it. Pure; adding is two increments.

    Two halves of ANSWER_TIMES_HALF_US take turns: the older one is emptied and used again. So what is counted is of the last
    one to two halves. */

#ifndef MS_ANSWER_TIMES_H
#define MS_ANSWER_TIMES_H

#include <stdint.h>

#define ANSWER_TIMES_HALF_US 5000000u
/*  Steps of 64 µs up to 1 ms, then eight for every doubling, up to 33 s; what takes longer is in the last one. */
#define ANSWER_TIMES_BUCKETS 136u

typedef struct answer_times_t {
    uint32_t counts[2][ANSWER_TIMES_BUCKETS];
    uint32_t half;     /* the one that is counted in */
    uint64_t began_us; /* it */
} answer_times_t;

void answer_times_add (answer_times_t *self, uint64_t took_us, uint64_t now_us);
/*  Empties what is too old. To be called before answer_times_count. */
void answer_times_turn (answer_times_t *self, uint64_t now_us);
uint64_t answer_times_count (const answer_times_t *self, uint32_t bucket);

uint32_t answer_times_bucket (uint64_t took_us);
/*  The longest time of a bucket. */
uint64_t answer_times_top_us (uint32_t bucket);
/*  The time within which `percent` of 100 answers came, as the top of its bucket; 0 if there were none. */
uint64_t answer_times_percentile_us (const uint64_t counts[ANSWER_TIMES_BUCKETS], uint64_t percent);

#endif
