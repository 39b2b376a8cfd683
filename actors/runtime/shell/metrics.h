/*  The values of metrics.def in this process. Atomic: any thread may count. */

#ifndef MS_METRICS_H
#define MS_METRICS_H

#include "schema.h"

void metrics_add (metric_name_t metric, uint64_t label, int64_t delta);
void metrics_set (metric_name_t metric, uint64_t label, int64_t value);
/*  Puts a value (µs, or whatever the histogram counts) in its bucket: bucket b holds values in
 * (2^(b-1), 2^b]. */
void metrics_observe (metric_name_t metric, int64_t value);
int64_t metrics_get (metric_name_t metric, uint64_t label);

/*  Non-zero values from *metric, *label on (start with 0, 0), at most `max`; advances both; 0 at
 * the end. */
size_t metrics_collect (uint64_t *metric, uint64_t *label, sample_t *samples, size_t max);

#endif
