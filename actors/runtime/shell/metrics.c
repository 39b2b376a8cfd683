#include "metrics.h"

#include <stdatomic.h>

static _Atomic int64_t s_values[METRIC_COUNT][METRIC_LABELS_MAX];

void
metrics_add (metric_name_t metric, uint64_t label, int64_t delta)
{
    atomic_fetch_add_explicit (&s_values[metric][label % METRIC_LABELS_MAX], delta,
                               memory_order_relaxed);
}

void
metrics_set (metric_name_t metric, uint64_t label, int64_t value)
{
    atomic_store_explicit (&s_values[metric][label % METRIC_LABELS_MAX], value,
                           memory_order_relaxed);
}

void
metrics_observe (metric_name_t metric, int64_t value)
{
    uint64_t positive = value > 0 ? (uint64_t)value : 0;
    uint64_t bucket = 0;
    while (bucket < METRIC_BUCKETS - 1 && positive > (uint64_t)1 << bucket)
        bucket++;
    metrics_add (metric, bucket, 1);
    metrics_add (metric, METRIC_BUCKET_SUM, (int64_t)positive);
    metrics_add (metric, METRIC_BUCKET_COUNT, 1);
}

int64_t
metrics_get (metric_name_t metric, uint64_t label)
{
    return atomic_load_explicit (&s_values[metric][label % METRIC_LABELS_MAX],
                                 memory_order_relaxed);
}

size_t
metrics_collect (uint64_t *metric, uint64_t *label, sample_t *samples, size_t max)
{
    size_t count = 0;
    while (*metric < METRIC_COUNT && count < max) {
        int64_t value = metrics_get ((metric_name_t)*metric, *label);
        if (value)
            samples[count++] = (sample_t){ *metric, *label, value };
        if (++*label == METRIC_LABELS_MAX) {
            *label = 0;
            ++*metric;
        }
    }
    return count;
}
