#include "sale_tallies.h"

#include "check.h"
#include "hash.h"

#include <string.h>

void
sale_tallies_init (sale_tallies_t *self, uint64_t seed)
{
    self->places = map_new (SALE_TALLIES_MAX, sizeof (uint64_t), seed);
    self->tallies = calloc (SALE_TALLIES_MAX, sizeof *self->tallies);
    CHECK (self->tallies);
}

void
sale_tallies_close (sale_tallies_t *self)
{
    map_destroy (&self->places);
    free (self->tallies);
    self->tallies = NULL;
}

/*  Index of the tally that a new sale gets: a free one, or the one that was answered longest ago. */
static uint64_t
s_make_room (sale_tallies_t *self, effects_t *effects)
{
    if (self->count < SALE_TALLIES_MAX)
        return self->count++;
    uint64_t oldest = 0;
    for (uint64_t i = 1; i < SALE_TALLIES_MAX; i++)
        if (self->tallies[i].answered_us < self->tallies[oldest].answered_us)
            oldest = i;
    map_remove (self->places, self->tallies[oldest].sale_id);
    effects_add (effects, METRIC_TALLIES_FORGOTTEN, 0, 1);
    return oldest;
}

static sale_tally_t *
s_new (sale_tallies_t *self, uint64_t sale_id, uint64_t now_us, effects_t *effects)
{
    uint64_t index = s_make_room (self, effects);
    uint64_t *place = map_insert (self->places, sale_id);
    CHECK (place);
    *place = index;
    sale_tally_t *tally = &self->tallies[index];
    memset (tally, 0, sizeof *tally);
    tally->sale_id = sale_id;
    tally->times.began_us = now_us;
    return tally;
}

void
sale_tallies_add (sale_tallies_t *self, uint64_t sale_id, uint64_t code, uint64_t took_us,
                  uint64_t now_us, effects_t *effects)
{
    const uint64_t *place = map_find (self->places, sale_id);
    sale_tally_t *tally = place ? &self->tallies[*place] : s_new (self, sale_id, now_us, effects);
    tally->answered_us = now_us;
    tally->answered[code < ERROR_NUMBERS ? code : ERROR_INTERNAL_ERROR]++;
    answer_times_add (&tally->times, took_us, now_us);
}

const sale_tally_t *
sale_tallies_find (sale_tallies_t *self, uint64_t sale_id, uint64_t now_us)
{
    const uint64_t *place = map_find (self->places, sale_id);
    if (!place)
        return NULL;
    answer_times_turn (&self->tallies[*place].times, now_us);
    return &self->tallies[*place];
}

uint64_t
sale_tallies_digest (const sale_tallies_t *self)
{
    return hash_bytes (map_digest (self->places), self->tallies,
                       self->count * sizeof *self->tallies);
}
