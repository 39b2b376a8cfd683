/*  What this edge has counted of the purchases in each sale, for operators: how they were answered, and how long that took. Part of the
    edge's core: pure; counting is one look-up and a few increments.

    At most SALE_TALLIES_MAX sales, as many as can be on sale: beyond it the sale whose last answer is oldest makes room. */

#ifndef MS_SALE_TALLIES_H
#define MS_SALE_TALLIES_H

#include "answer_times.h"
#include "effects.h"
#include "map.h"

#define SALE_TALLIES_MAX SALES_MAX

typedef struct sale_tally_t {
    uint64_t sale_id;
    uint64_t answered_us; /* last */
    uint64_t answered[ERROR_NUMBERS];
    answer_times_t times;
} sale_tally_t;

typedef struct sale_tallies_t {
    map_t *places; /* sale_id → uint64_t, index */
    sale_tally_t *tallies;
    uint64_t count;
} sale_tallies_t;

void sale_tallies_init (sale_tallies_t *self, uint64_t seed);
void sale_tallies_close (sale_tallies_t *self);
/*  One purchase was answered. */
void sale_tallies_add (sale_tallies_t *self, uint64_t sale_id, uint64_t code, uint64_t took_us,
                       uint64_t now_us, effects_t *effects);
/*  The tally of a sale, with times of the last seconds only; NULL if there is none. */
const sale_tally_t *sale_tallies_find (sale_tallies_t *self, uint64_t sale_id, uint64_t now_us);
uint64_t sale_tallies_digest (const sale_tallies_t *self);

#endif
