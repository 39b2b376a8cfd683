#include "catalogue.h"

#include "check.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>

#define DAY_MS 86400000u

typedef struct shown_t {
    sale_t sale;
    uint64_t journal_count; /* as STOCK told it last */
} shown_t;

struct catalogue_t {
    pthread_rwlock_t lock;
    shown_t *sales; /* ascending by sale_id; room for SALES_MAX */
    size_t count;
};

static const char *const s_phases[] = {
    [PHASE_NONE] = "none",   [PHASE_DRAFT] = "draft",   [PHASE_SCHEDULED] = "scheduled",
    [PHASE_LIVE] = "live",   [PHASE_PAUSED] = "paused", [PHASE_SOLD_OUT] = "sold_out",
    [PHASE_ENDED] = "ended",
};

const char *
sale_phase_name (sale_phase_t phase)
{
    return s_phases[phase];
}

sale_phase_t
sale_phase_by_name (const char *name)
{
    for (sale_phase_t phase = PHASE_SCHEDULED; phase <= PHASE_ENDED; phase++)
        if (strcmp (s_phases[phase], name) == 0)
            return phase;
    return PHASE_NONE;
}

sale_phase_t
sale_phase (const sale_t *sale, uint64_t gate_ms)
{
    if (sale->state == SALE_DRAFT)
        return PHASE_DRAFT;
    if (sale->state == SALE_ENDED || gate_ms >= sale->ends_at_ms)
        return PHASE_ENDED;
    if (sale->state == SALE_PAUSED)
        return PHASE_PAUSED;
    if (gate_ms < sale->starts_at_ms)
        return PHASE_SCHEDULED;
    return sale->stock_left == 0 ? PHASE_SOLD_OUT : PHASE_LIVE;
}

bool
sale_is_archived (const sale_terms_t *terms, uint64_t gate_ms)
{
    return gate_ms > terms->ends_at_ms && gate_ms - terms->ends_at_ms > DAY_MS;
}

catalogue_t *
catalogue_new (void)
{
    catalogue_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->sales = calloc (SALES_MAX, sizeof *self->sales);
    CHECK (self->sales && pthread_rwlock_init (&self->lock, NULL) == 0);
    return self;
}

void
catalogue_destroy (catalogue_t **self_p)
{
    if (*self_p) {
        pthread_rwlock_destroy (&(*self_p)->lock);
        free ((*self_p)->sales);
        free (*self_p);
        *self_p = NULL;
    }
}

/* -------------------------------------------------------------------------- writing */

/*  Index of the first sale that is not below. */
static size_t
s_position (const catalogue_t *self, uint64_t sale_id)
{
    size_t low = 0, high = self->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (self->sales[middle].sale.sale_id < sale_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static shown_t *
s_find_shown (const catalogue_t *self, uint64_t sale_id)
{
    size_t at = s_position (self, sale_id);
    bool is_there = at < self->count && self->sales[at].sale.sale_id == sale_id;
    return is_there ? &self->sales[at] : NULL;
}

static sale_t *
s_find (const catalogue_t *self, uint64_t sale_id)
{
    shown_t *shown = s_find_shown (self, sale_id);
    return shown ? &shown->sale : NULL;
}

/*  A full table gives up the oldest sale that is over: inventory no longer sends it either. */
static bool
s_make_room (catalogue_t *self)
{
    if (self->count < SALES_MAX)
        return true;
    for (size_t i = 0; i < self->count; i++)
        if (self->sales[i].sale.state == SALE_ENDED) {
            self->count--;
            memmove (&self->sales[i], &self->sales[i + 1], (self->count - i) * sizeof (shown_t));
            return true;
        }
    return false;
}

static void
s_put (catalogue_t *self, const sale_t *sale)
{
    sale_t *known = s_find (self, sale->sale_id);
    if (known) {
        if (sale->version >= known->version && sale->epoch >= known->epoch)
            *known = *sale;
        return;
    }
    if (!s_make_room (self))
        return;
    size_t at = s_position (self, sale->sale_id);
    memmove (&self->sales[at + 1], &self->sales[at], (self->count - at) * sizeof (shown_t));
    self->sales[at] = (shown_t){ .sale = *sale };
    self->count++;
}

void
catalogue_put (catalogue_t *self, const sale_t *sales, size_t count)
{
    pthread_rwlock_wrlock (&self->lock);
    for (size_t i = 0; i < count; i++)
        s_put (self, &sales[i]);
    pthread_rwlock_unlock (&self->lock);
}

void
catalogue_put_stock (catalogue_t *self, const stock_t *stocks, size_t count)
{
    pthread_rwlock_wrlock (&self->lock);
    for (size_t i = 0; i < count; i++) {
        shown_t *shown = s_find_shown (self, stocks[i].sale_id);
        if (!shown || stocks[i].epoch < shown->sale.epoch)
            continue;
        shown->sale.stock_left = stocks[i].stock_left;
        shown->sale.recovering = stocks[i].recovering;
        shown->journal_count = stocks[i].journal_count;
    }
    pthread_rwlock_unlock (&self->lock);
}

/* -------------------------------------------------------------------------- reading */

bool
catalogue_get (catalogue_t *self, uint64_t sale_id, sale_t *sale)
{
    pthread_rwlock_rdlock (&self->lock);
    const sale_t *known = s_find (self, sale_id);
    if (known)
        *sale = *known;
    pthread_rwlock_unlock (&self->lock);
    return known != NULL;
}

bool
catalogue_units (catalogue_t *self, uint64_t sale_id, sale_units_t *units)
{
    pthread_rwlock_rdlock (&self->lock);
    const shown_t *known = s_find_shown (self, sale_id);
    if (known)
        *units = (sale_units_t){ known->sale.stock_left, known->journal_count };
    pthread_rwlock_unlock (&self->lock);
    return known != NULL;
}

bool
catalogue_terms (catalogue_t *self, uint64_t sale_id, sale_terms_t *terms)
{
    pthread_rwlock_rdlock (&self->lock);
    const sale_t *known = s_find (self, sale_id);
    if (known) {
        terms->version = known->version;
        terms->starts_at_ms = known->starts_at_ms;
        terms->ends_at_ms = known->ends_at_ms;
        terms->is_recovering = known->recovering != 0;
        memcpy (terms->currency, known->currency, sizeof terms->currency);
    }
    pthread_rwlock_unlock (&self->lock);
    return known != NULL;
}

static bool
s_contains (const char *text, const char *words)
{
    size_t count = strlen (words);
    for (; *text; text++)
        if (strncasecmp (text, words, count) == 0)
            return true;
    return count == 0;
}

static bool
s_passes (const sale_t *sale, const sale_filter_t *filter)
{
    if (filter->phase != PHASE_NONE && sale_phase (sale, filter->gate_ms) != filter->phase)
        return false;
    return s_contains (sale->title, filter->words) || s_contains (sale->product_id, filter->words);
}

uint64_t
catalogue_visit (catalogue_t *self, const sale_filter_t *filter, sale_visit_fn visit, void *context)
{
    size_t shown = 0;
    uint64_t last = 0, next = 0;
    pthread_rwlock_rdlock (&self->lock);
    size_t i = filter->after ? s_position (self, filter->after) : self->count;
    while (i-- > 0 && next == 0) {
        if (!s_passes (&self->sales[i].sale, filter))
            continue;
        if (shown == filter->limit) {
            next = last;
            break;
        }
        visit (context, &self->sales[i].sale);
        last = self->sales[i].sale.sale_id;
        shown++;
    }
    pthread_rwlock_unlock (&self->lock);
    return next;
}

bool
catalogue_is_recovering (catalogue_t *self, uint64_t gate_ms)
{
    bool is_recovering = false;
    pthread_rwlock_rdlock (&self->lock);
    for (size_t i = 0; i < self->count && !is_recovering; i++)
        is_recovering = self->sales[i].sale.recovering &&
                        sale_phase (&self->sales[i].sale, gate_ms) != PHASE_ENDED;
    pthread_rwlock_unlock (&self->lock);
    return is_recovering;
}
