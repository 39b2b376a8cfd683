/*  The sales as this edge serves them: the newest snapshot of each, in memory, for all HTTP threads. Written by the I/O thread only. */

#ifndef MS_CATALOGUE_H
#define MS_CATALOGUE_H

#include "schema.h"

typedef struct catalogue_t catalogue_t;

/*  A published sale as shoppers see it (api.md); drafts are operators' alone. */
typedef enum sale_phase_t {
    PHASE_NONE,
    PHASE_DRAFT,
    PHASE_SCHEDULED,
    PHASE_LIVE,
    PHASE_PAUSED,
    PHASE_SOLD_OUT,
    PHASE_ENDED
} sale_phase_t;

const char *sale_phase_name (sale_phase_t phase);
/*  PHASE_NONE if there is no such word among the published ones. */
sale_phase_t sale_phase_by_name (const char *name);
/*  Phase at a gate time. */
sale_phase_t sale_phase (const sale_t *sale, uint64_t gate_ms);

/*  What a purchase needs of its sale. */
typedef struct sale_terms_t {
    uint64_t version;
    uint64_t starts_at_ms, ends_at_ms;
    bool is_recovering;
    char currency[4];
} sale_terms_t;

/*  The moving part of a sale, as it was seen last. */
typedef struct sale_units_t {
    uint64_t stock_left;
    uint64_t journal_count; /* reservations on their way to PostgreSQL */
} sale_units_t;

typedef struct sale_filter_t {
    sale_phase_t phase; /* PHASE_NONE = any */
    const char *words;  /* within title or product_id, ASCII letters alike; "" = any */
    uint64_t after;     /* sale_ids below; 0 = from the newest */
    size_t limit;
    uint64_t gate_ms;
} sale_filter_t;

typedef void (*sale_visit_fn) (void *context, const sale_t *sale);

catalogue_t *catalogue_new (void);
void catalogue_destroy (catalogue_t **self_p);
/*  Takes snapshots. One that is older than what is there (version, epoch) changes nothing. */
void catalogue_put (catalogue_t *self, const sale_t *sales, size_t count);
void catalogue_put_stock (catalogue_t *self, const stock_t *stocks, size_t count);
/*  Copies one sale; false if it is not there. */
bool catalogue_get (catalogue_t *self, uint64_t sale_id, sale_t *sale);
bool catalogue_units (catalogue_t *self, uint64_t sale_id, sale_units_t *units);
bool catalogue_terms (catalogue_t *self, uint64_t sale_id, sale_terms_t *terms);
/*  True a day after its end: from then on the gate, of which a key has its answer for so long, may be gone. False while the gate's time is not
    known (0). */
bool sale_is_archived (const sale_terms_t *terms, uint64_t gate_ms);
/*  Shows up to filter->limit sales, newest first, while nothing changes. Returns sale_id of the last if there are more, else 0. */
uint64_t catalogue_visit (catalogue_t *self, const sale_filter_t *filter, sale_visit_fn visit,
                          void *context);
/*  True if a sale that is not over is closed for recovery. */
bool catalogue_is_recovering (catalogue_t *self, uint64_t gate_ms);

#endif
