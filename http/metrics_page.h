/*  The metrics of all processes of the instance, as they last told them, as one Prometheus page. Thread-safe. */

#ifndef MS_METRICS_PAGE_H
#define MS_METRICS_PAGE_H

#include "schema.h"
#include "text.h"

typedef struct metrics_page_t metrics_page_t;

/*  `stale_us`: a process that told nothing for so long is left out, a gauge that was not told again is 0. */
metrics_page_t *metrics_page_new (uint64_t stale_us);
void metrics_page_destroy (metrics_page_t **self_p);
void metrics_page_put (metrics_page_t *self, uint64_t kind, uint64_t number, uint64_t incarnation,
                       const sample_t *samples, size_t count, uint64_t now_us);
/*  Text format 0.0.4. Labels: process = kind, instance = KIND/N, and the metric's own. Histograms of µs are in seconds. */
void metrics_page_write (metrics_page_t *self, uint64_t now_us, text_t *text);

#endif
