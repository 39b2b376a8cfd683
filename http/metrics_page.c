#include "metrics_page.h"

#include "check.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

typedef struct told_t {
    int64_t value;
    uint64_t at_us; /* 0 = never */
} told_t;

typedef struct source_t {
    uint64_t kind, number, incarnation, at_us;
    told_t values[METRIC_COUNT][METRIC_LABELS_MAX];
} source_t;

struct metrics_page_t {
    pthread_mutex_t lock;
    uint64_t stale_us;
    source_t *sources[PROCESSES_MAX];
    size_t count;
};

metrics_page_t *
metrics_page_new (uint64_t stale_us)
{
    metrics_page_t *self = calloc (1, sizeof *self);
    CHECK (self && pthread_mutex_init (&self->lock, NULL) == 0);
    self->stale_us = stale_us;
    return self;
}

void
metrics_page_destroy (metrics_page_t **self_p)
{
    metrics_page_t *self = *self_p;
    if (self) {
        for (size_t i = 0; i < self->count; i++)
            free (self->sources[i]);
        pthread_mutex_destroy (&self->lock);
        free (self);
        *self_p = NULL;
    }
}

/* -------------------------------------------------------------------------- collecting */

/*  Place for a process that is not known: a new one, else that of one that has gone silent; NULL if all 256 are alive. */
static source_t *
s_place (metrics_page_t *self, uint64_t now_us)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->sources[i]->at_us + self->stale_us < now_us)
            return self->sources[i];
    if (self->count == PROCESSES_MAX)
        return NULL;
    source_t *source = malloc (sizeof *source);
    CHECK (source);
    return self->sources[self->count++] = source;
}

static source_t *
s_source (metrics_page_t *self, uint64_t kind, uint64_t number, uint64_t incarnation,
          uint64_t now_us)
{
    source_t *source = NULL;
    for (size_t i = 0; i < self->count && !source; i++)
        if (self->sources[i]->kind == kind && self->sources[i]->number == number)
            source = self->sources[i];
    if (source && source->incarnation == incarnation)
        return source;
    if (!source)
        source = s_place (self, now_us);
    if (source) {
        memset (source, 0, sizeof *source);
        source->kind = kind;
        source->number = number;
        source->incarnation = incarnation;
    }
    return source;
}

void
metrics_page_put (metrics_page_t *self, uint64_t kind, uint64_t number, uint64_t incarnation,
                  const sample_t *samples, size_t count, uint64_t now_us)
{
    pthread_mutex_lock (&self->lock);
    source_t *source = s_source (self, kind, number, incarnation, now_us);
    if (source)
        source->at_us = now_us;
    for (size_t i = 0; source && i < count; i++)
        if (samples[i].metric < METRIC_COUNT && samples[i].label < METRIC_LABELS_MAX)
            source->values[samples[i].metric][samples[i].label] =
                (told_t){ samples[i].value, now_us };
    pthread_mutex_unlock (&self->lock);
}

/* -------------------------------------------------------------------------- writing */

static bool
s_is_seconds (const metric_t *metric)
{
    size_t count = strlen (metric->name);
    return count > 8 && strcmp (metric->name + count - 8, "_seconds") == 0;
}

static void
s_write_head (text_t *text, const metric_t *metric)
{
    static const char *const types[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"
    };
    text_printf (text, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
                 types[metric->type]);
}

/*  name{process="…",instance="…/N" without the closing brace. */
static void
s_write_name (text_t *text, const metric_t *metric, const char *suffix, const source_t *source)
{
    text_printf (text, "%s%s{process=\"%s\",instance=\"%s/%" PRIu64 "\"", metric->name, suffix,
                 kind_name (source->kind), kind_name (source->kind), source->number);
}

static void
s_write_histogram (text_t *text, const metric_t *metric, const source_t *source)
{
    const told_t *values = source->values[metric->metric];
    double unit = s_is_seconds (metric) ? 1e-6 : 1;
    int64_t sum = 0;
    if (values[METRIC_BUCKET_COUNT].value == 0)
        return;
    for (unsigned bucket = 0; bucket < METRIC_BUCKETS - 1; bucket++) {
        sum += values[bucket].value;
        s_write_name (text, metric, "_bucket", source);
        text_printf (text, ",le=\"%.9g\"} %" PRId64 "\n", (double)((uint64_t)1 << bucket) * unit,
                     sum);
    }
    s_write_name (text, metric, "_bucket", source);
    text_printf (text, ",le=\"+Inf\"} %" PRId64 "\n", values[METRIC_BUCKET_COUNT].value);
    s_write_name (text, metric, "_sum", source);
    text_printf (text, "} %.9g\n", (double)values[METRIC_BUCKET_SUM].value * unit);
    s_write_name (text, metric, "_count", source);
    text_printf (text, "} %" PRId64 "\n", values[METRIC_BUCKET_COUNT].value);
}

static void
s_write_values (const metrics_page_t *self, text_t *text, const metric_t *metric,
                const source_t *source)
{
    static const char *const names[] = {
        [LABEL_NONE] = "",         [LABEL_CODE] = "code",
        [LABEL_KIND] = "kind",     [LABEL_MESSAGE] = "message",
        [LABEL_CALL] = "call",     [LABEL_PAYMENT] = "status",
        [LABEL_BUCKET] = "bucket", [LABEL_DEPENDENCY] = "dependency"
    };
    for (unsigned label = 0; label < METRIC_LABELS_MAX; label++) {
        const told_t *told = &source->values[metric->metric][label];
        if (told->at_us == 0)
            continue;
        /* zeros are not told: a gauge that is no longer told has become 0 */
        bool is_gone = metric->type == METRIC_GAUGE && told->at_us + self->stale_us < source->at_us;
        s_write_name (text, metric, "", source);
        if (metric->label != LABEL_NONE)
            text_printf (text, ",%s=\"%s\"", names[metric->label],
                         metric_label_value (metric, label));
        text_printf (text, "} %" PRId64 "\n", is_gone ? 0 : told->value);
    }
}

void
metrics_page_write (metrics_page_t *self, uint64_t now_us, text_t *text)
{
    pthread_mutex_lock (&self->lock);
    for (uint64_t i = 0; i < METRIC_COUNT; i++) {
        const metric_t *metric = schema_metric (i);
        s_write_head (text, metric);
        for (size_t j = 0; j < self->count; j++) {
            const source_t *source = self->sources[j];
            if (source->at_us + self->stale_us < now_us)
                continue;
            if (metric->type == METRIC_HISTOGRAM)
                s_write_histogram (text, metric, source);
            else
                s_write_values (self, text, metric, source);
        }
    }
    pthread_mutex_unlock (&self->lock);
}
