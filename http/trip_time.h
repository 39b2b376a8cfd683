/*  A recent 99th percentile of trip times, in constant memory: two histograms of half-octave buckets, the present and the one
    before, which change places every second or so. */

#ifndef MS_TRIP_TIME_H
#define MS_TRIP_TIME_H

#include <stdint.h>

#define TRIP_BUCKETS 64u

typedef struct trip_time_t {
    uint64_t since_us; /* start of the present histogram */
    uint32_t counts[2][TRIP_BUCKETS];
    uint32_t totals[2];
} trip_time_t;

void trip_time_add (trip_time_t *self, uint64_t trip_us, uint64_t now_us);
/*  Upper bound of the bucket that holds the 99th percentile (at most 1.5 times too much); 0 without samples. */
uint64_t trip_time_p99_us (const trip_time_t *self);

#endif
