/*  The audit.

    It looks at the gate, at PostgreSQL, and at the gate again. If the gate's `changes` is the same both times, the three are of one
    moment as far as the gate goes; if not, all is read again, up to TRIES_MAX times.

    1. stock_total = gate_left + in_flight + pending_payment + paid, whenever that can be: in_flight is what is missing while units may
       be on their way, 0 at rest.
    2. At rest = the gate did not move, its journal is empty, so is the release box, and no stock change or requeue is begun. Only then is
       a missing unit `leaked`, one too many `oversold`, and a held one without an order `lost`.
    3. Nobody has to ask: while the lease is held one sale after the other is audited. What is found is an error in the log and in two
       metrics, at once: of units sold beyond the total or twice also while the gate moves.

    4. At most AUDITS_MAX at once, one fewer than the process has connections to PostgreSQL; beyond it busy.
    5. A gate that is lost, of another run of Redis or closed at one of the looks ends the audit: recovering. Its keys say nothing of units.

    at rest   missing = total − (left + pending + paid)    in_flight   leaked     oversold
    yes       > 0                                          0           missing    max (0, active − total)
    yes       < 0                                          0           0          max (−missing, active − total)
    no        ≥ 0                                          missing     0          max (0, active − total)
    no        < 0 (read while it moved)                    0           0          max (0, active − total); not balanced */

#include "audit.h"

#include "asks.h"
#include "gates.h"
#include "leadership.h"
#include "questions.h"
#include "sales.h"

#define AUDIT_US (5000u * MS) /* between two audits that nobody asked for, one sale each */
#define AUDIT_REST                                                                                 \
    50u /* times as long as the last one took: a sale of a million orders is summed for a second */
#define OWN_AUDIT_QUESTIONS 8u /* none while that many questions wait: operators go first */
#define AUDITS_MAX                                                                                 \
    2u /* at once: the books of a million orders take seconds, and the lease is not to wait behind them */
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
                     after->journal_count == 0 && books->returning == 0 && books->moving == 0;
    uint64_t active = books->pending_payment + books->paid;
    uint64_t missing = s_above (books->stock_total, audit->gate_left + active);
    uint64_t excess = s_above (audit->gate_left + active, books->stock_total);
    if (audit->at_rest) {
        audit->leaked = missing;
        audit->oversold = excess > audit->oversold ? excess : audit->oversold;
        audit->lost = s_above (after->held_units, active + books->returning);
    } else {
        audit->in_flight = missing;
        audit->reserved = s_above (missing, books->returning + books->moving);
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
    self->admin.books_out++;
    question->tag = inventory_call (self, effects, CALL_SALE_BOOKS, PURPOSE_QUESTION, slot);
    query_t *query = effects_entry (effects, &record_query);
    query->sale_id = question->sale_id;
}

bool
audit_has_room (const inventory_t *self)
{
    uint64_t count = self->admin.books_out;
    for (size_t i = 0; i < QUESTIONS_MAX; i++)
        count += self->admin.questions[i].stage == STAGE_BEFORE ||
                 self->admin.questions[i].stage == STAGE_AFTER;
    return count < AUDITS_MAX;
}

bool
audit_begin (inventory_t *self, question_t *question, effects_t *effects)
{
    live_sale_t *live = sales_find (self, question->sale_id);
    question->has_gate = live && sales_needs_gate (live);
    if (question->has_gate ? !gates_has_version (live, 0)
                           : !live && !sales_has_left (self, question->sale_id))
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

bool
audit_finds_no_gate (const question_t *question, const event_t *event)
{
    const gate_state_t *gate = event->entries;
    bool is_look = question->stage == STAGE_BEFORE || question->stage == STAGE_AFTER;
    return is_look && (!gate->present || !gate->same_run || gate->recovering);
}

/*  A violation that is gone at the next rest was not one of the books: it stays in the counter. */
void
audit_note (inventory_t *self, const audit_t *audit, effects_t *effects)
{
    live_sale_t *live = sales_find (self, audit->sale_id);
    uint64_t drift = audit->leaked + audit->oversold + audit->lost + audit->duplicated;
    uint64_t sum = 0;
    effects_add (effects, METRIC_AUDITS, 0, 1);
    if (drift > 0) {
        effects_add (effects, METRIC_VIOLATIONS, 0, 1);
        effects_log (effects, LOG_LEVEL_ERROR, "stock_drift",
                     "sale=%" PRIu64 " leaked=%" PRIu64 " oversold=%" PRIu64 " lost=%" PRIu64
                     " duplicated=%" PRIu64,
                     audit->sale_id, audit->leaked, audit->oversold, audit->lost,
                     audit->duplicated);
    }
    if (!live || (!audit->at_rest && drift == 0))
        return;
    live->drift_units = drift;
    for (size_t i = 0; i < self->sale_count; i++)
        sum += self->sales[i].is_used ? self->sales[i].drift_units : 0;
    effects_gauge (effects, METRIC_STOCK_DRIFT, 0, (int64_t)sum);
}

/* -------------------------------------------------------------------------- without being asked */

void
audit_rest (inventory_t *self, uint64_t began_us)
{
    uint64_t rest_us = AUDIT_REST * (self->now_us - began_us);
    self->admin.audit_due_us = self->now_us + (rest_us > AUDIT_US ? rest_us : AUDIT_US);
}

void
audit_begin_own (inventory_t *self, effects_t *effects)
{
    admin_t *admin = &self->admin;
    admin->audit_due_us = self->now_us + AUDIT_US;
    for (size_t i = 0; i < self->sale_count; i++) {
        const live_sale_t *live = &self->sales[++admin->audit_turn % self->sale_count];
        if (!live->is_used || !sales_needs_gate (live))
            continue;
        question_t *question = questions_open (self);
        if (!question)
            return;
        question->is_own = true;
        asks_audit (self, question, live->sale.sale_id, effects);
        return;
    }
}

uint64_t
audit_wake_us (const inventory_t *self)
{
    const admin_t *admin = &self->admin;
    bool audits = leadership_is_held (self) && self->reload.is_loaded &&
                  admin->question_count < OWN_AUDIT_QUESTIONS;
    return audits ? admin->audit_due_us : UINT64_MAX;
}
