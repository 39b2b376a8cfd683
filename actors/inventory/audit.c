/*  The audit.

    It looks at the gate, at PostgreSQL, and at the gate again. If the gate's `changes` is the same both times, the three are of one
    moment as far as the gate goes; if not, all is read again, up to TRIES_MAX times.

    1. stock_total = gate_left + in_flight + pending_payment + paid, whenever that can be: in_flight is what is missing while units may
       be on their way, 0 at rest.
    2. At rest = the gate did not move, its journal is empty and so is the release box. Only then is a missing unit `leaked`, one too
       many `oversold`, and a held one without an order `lost`.

    at rest   missing = total − (left + pending + paid)    in_flight   leaked     oversold
    yes       > 0                                          0           missing    max (0, active − total)
    yes       < 0                                          0           0          max (−missing, active − total)
    no        ≥ 0                                          missing     0          max (0, active − total)
    no        < 0 (read while it moved)                    0           0          max (0, active − total); not balanced */

#include "audit.h"

#include "gates.h"
#include "sales.h"

#define TRIES_MAX 5u /* readings of a gate that moves, before the last is taken as it is */

static uint64_t
s_above (uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static void
s_take_books (const books_t *books, audit_t *audit)
{
    *audit = (audit_t){ .sale_id = books->sale_id,
                        .stock_total = books->stock_total,
                        .pending_payment = books->pending_payment,
                        .paid = books->paid,
                        .cancelled_returned = books->returned,
                        .duplicated = books->duplicated,
                        .lost_with_disk = books->lost_with_disk };
    audit->oversold = s_above (books->pending_payment + books->paid, books->stock_total);
}

static void
s_judge (audit_t *audit)
{
    uint64_t sum = audit->gate_left + audit->in_flight + audit->pending_payment + audit->paid;
    audit->balanced = sum == audit->stock_total && audit->oversold == 0 && audit->lost == 0 &&
                      audit->duplicated == 0 && audit->leaked == 0;
}

void
audit_compute (const gate_state_t *before, const gate_state_t *after, const books_t *books,
               audit_t *audit)
{
    s_take_books (books, audit);
    audit->gate_left = after->available;
    audit->at_rest = before->changes == after->changes && before->epoch == after->epoch &&
                     after->journal_count == 0 && books->returning == 0;
    uint64_t active = books->pending_payment + books->paid;
    uint64_t missing = s_above (books->stock_total, audit->gate_left + active);
    uint64_t excess = s_above (audit->gate_left + active, books->stock_total);
    if (audit->at_rest) {
        audit->leaked = missing;
        audit->oversold = excess > audit->oversold ? excess : audit->oversold;
        audit->lost = s_above (after->held_units, active + books->returning);
    } else {
        audit->in_flight = missing;
        audit->reserved = s_above (missing, books->returning);
    }
    s_judge (audit);
}

void
audit_compute_without_gate (const books_t *books, audit_t *audit)
{
    s_take_books (books, audit);
    audit->gate_left = s_above (books->stock_total, books->sold);
    audit->at_rest = 1;
    uint64_t sum = audit->gate_left + books->pending_payment + books->paid;
    audit->leaked = s_above (books->stock_total, sum);
    s_judge (audit);
}

/* -------------------------------------------------------------------------- reading */

static void
s_look (inventory_t *self, question_t *question, stage_t stage, effects_t *effects)
{
    uint64_t slot = (uint64_t)(question - self->admin.questions);
    question->stage = stage;
    question->tag = inventory_call (self, effects, CALL_GATE_STAT, PURPOSE_QUESTION, slot);
    gate_key_t *key = effects_entry (effects, &record_gate_key);
    key->sale_id = question->sale_id;
}

static void
s_read_books (inventory_t *self, question_t *question, effects_t *effects)
{
    uint64_t slot = (uint64_t)(question - self->admin.questions);
    question->stage = STAGE_BOOKS;
    question->tag = inventory_call (self, effects, CALL_SALE_BOOKS, PURPOSE_QUESTION, slot);
    query_t *query = effects_entry (effects, &record_query);
    query->sale_id = question->sale_id;
}

bool
audit_begin (inventory_t *self, question_t *question, effects_t *effects)
{
    live_sale_t *live = sales_find (self, question->sale_id);
    question->has_gate = live && sales_needs_gate (live);
    if (question->has_gate && !gates_has_version (live, 0))
        return false;
    if (question->has_gate)
        s_look (self, question, STAGE_BEFORE, effects);
    else
        s_read_books (self, question, effects);
    return true;
}

bool
audit_step (inventory_t *self, question_t *question, const event_t *event, audit_t *audit,
            effects_t *effects)
{
    switch (question->stage) {
    case STAGE_BEFORE:
        question->before = *(const gate_state_t *)event->entries;
        s_read_books (self, question, effects);
        return false;
    case STAGE_BOOKS:
        question->books = *(const books_t *)event->entries;
        if (question->has_gate) {
            s_look (self, question, STAGE_AFTER, effects);
            return false;
        }
        audit_compute_without_gate (&question->books, audit);
        return true;
    default:
        break;
    }
    const gate_state_t *after = event->entries;
    question->tries++;
    if (question->before.changes != after->changes && question->tries < TRIES_MAX) {
        question->before = *after;
        s_read_books (self, question, effects);
        return false;
    }
    audit_compute (&question->before, after, &question->books, audit);
    return true;
}

void
audit_note (inventory_t *self, const audit_t *audit, effects_t *effects)
{
    live_sale_t *live = sales_find (self, audit->sale_id);
    uint64_t sum = 0;
    if (!live || !audit->at_rest)
        return;
    live->drift_units = audit->leaked + audit->oversold + audit->lost + audit->duplicated;
    if (live->drift_units > 0)
        effects_log (effects, LOG_LEVEL_ERROR, "stock_drift",
                     "sale=%" PRIu64 " leaked=%" PRIu64 " oversold=%" PRIu64 " lost=%" PRIu64
                     " duplicated=%" PRIu64,
                     audit->sale_id, audit->leaked, audit->oversold, audit->lost,
                     audit->duplicated);
    for (size_t i = 0; i < self->sale_count; i++)
        sum += self->sales[i].is_used ? self->sales[i].drift_units : 0;
    effects_gauge (effects, METRIC_STOCK_DRIFT, 0, (int64_t)sum);
}
