/*  Clean-up, in rounds: list the archived sales whose gate may be there, remove one gate after the other, tell PostgreSQL.

    1. A gate is removed only when its sale is archived by PostgreSQL's clock (24 h after its end) and has left the table: nobody looks at
       it, and no recovery builds it again.
    2. A gate with a journal that is not empty stays: its entries are not orders yet. It comes again in the next round.
    3. Each step may be made again: what is gone is gone, and PostgreSQL is told the epoch of the gate that went.

    state     call in flight    answer                      next
    IDLE      –                 due, lease held             LISTING
    LISTING   ARCHIVE_LIST      rows                        DROPPING the first
                                no rows, none               IDLE, after CLEANUP_US
    DROPPING  GATE_DROP         done                        MARKING
                                refused, none               DROPPING the next; after the last LISTING, or IDLE if the list was not full
                                fenced                      IDLE
    MARKING   ARCHIVE_DONE      any                         DROPPING the next, likewise */

#include "cleanup.h"

#include "leadership.h"
#include "sales.h"

#define CLEANUP_US (60000u * MS) /* between two rounds: a day late or a minute more is the same */

void
cleanup_begin_term (inventory_t *self)
{
    self->cleanup = (cleanup_t){ .due_us = self->now_us };
}

static void
s_rest (inventory_t *self)
{
    cleanup_t *cleanup = &self->cleanup;
    cleanup->row_count = cleanup->next_row = 0;
    cleanup->after = 0;
    cleanup->due_us = self->now_us + CLEANUP_US;
}

static void
s_list (inventory_t *self, effects_t *effects)
{
    cleanup_t *cleanup = &self->cleanup;
    cleanup->tag = inventory_call (self, effects, CALL_ARCHIVE_LIST, PURPOSE_CLEANUP, 0);
    query_t *query = effects_entry (effects, &record_query);
    query->after = cleanup->after;
    query->limit = DROPS_MAX;
}

static void
s_call_row (inventory_t *self, call_name_t call, effects_t *effects)
{
    cleanup_t *cleanup = &self->cleanup;
    cleanup->tag = inventory_call (self, effects, call, PURPOSE_CLEANUP, 0);
    gate_key_t *key = effects_entry (effects, &record_gate_key);
    *key = cleanup->rows[cleanup->next_row];
    key->token = self->leadership.token;
}

/*  Goes on with row `next_row`; rule 1. */
static void
s_drop (inventory_t *self, effects_t *effects)
{
    cleanup_t *cleanup = &self->cleanup;
    while (cleanup->next_row < cleanup->row_count &&
           sales_find (self, cleanup->rows[cleanup->next_row].sale_id))
        cleanup->next_row++;
    bool is_led = leadership_is_held (self);
    if (is_led && cleanup->next_row < cleanup->row_count)
        s_call_row (self, CALL_GATE_DROP, effects);
    else if (is_led && cleanup->row_count == DROPS_MAX)
        s_list (self, effects);
    else
        s_rest (self);
}

static void
s_listed (inventory_t *self, const event_t *event, effects_t *effects)
{
    cleanup_t *cleanup = &self->cleanup;
    if (event->status != RESULT_OK || event->count == 0) {
        s_rest (self);
        return;
    }
    cleanup->row_count = event->count < DROPS_MAX ? event->count : DROPS_MAX;
    cleanup->next_row = 0;
    memcpy (cleanup->rows, event->entries, cleanup->row_count * sizeof cleanup->rows[0]);
    cleanup->after = cleanup->rows[cleanup->row_count - 1].sale_id;
    s_drop (self, effects);
}

static void
s_dropped (inventory_t *self, const event_t *event, effects_t *effects)
{
    cleanup_t *cleanup = &self->cleanup;
    const outcome_t *outcome = event->entries;
    const gate_key_t *row = &cleanup->rows[cleanup->next_row];
    bool is_answered = event->status == RESULT_OK && event->count == 1;
    if (is_answered && outcome->code == ERROR_NONE && leadership_is_held (self)) {
        effects_log (effects, LOG_LEVEL_INFO, "gate_dropped", "sale=%" PRIu64 " epoch=%" PRIu64,
                     row->sale_id, row->epoch);
        effects_add (effects, METRIC_GATES_DROPPED, 0, 1);
        s_call_row (self, CALL_ARCHIVE_DONE, effects);
        return;
    }
    const error_row_t *error = is_answered ? schema_error (outcome->code) : NULL;
    effects_log (effects, LOG_LEVEL_WARNING, "gate_kept", "sale=%" PRIu64 " status=%d code=%s",
                 row->sale_id, (int)event->status, error ? error->code : "none");
    if (is_answered && outcome->code == ERROR_FENCED) {
        leadership_doubt (self);
        s_rest (self);
        return;
    }
    cleanup->next_row++;
    s_drop (self, effects);
}

void
cleanup_result (inventory_t *self, const event_t *event, effects_t *effects)
{
    cleanup_t *cleanup = &self->cleanup;
    const outcome_t *outcome = event->entries;
    if (event->tag != cleanup->tag)
        return;
    cleanup->tag = 0;
    if (event->call == CALL_ARCHIVE_LIST) {
        s_listed (self, event, effects);
    } else if (event->call == CALL_GATE_DROP) {
        s_dropped (self, event, effects);
    } else {
        if (event->status == RESULT_OK && event->count == 1 && outcome->code == ERROR_FENCED)
            leadership_doubt (self);
        cleanup->next_row++;
        s_drop (self, effects);
    }
}

/*  A table that is not complete does not say which sales have left it. */
static bool
s_may_begin (const inventory_t *self)
{
    return leadership_is_held (self) && self->reload.is_loaded && !self->reload.is_full &&
           !self->cleanup.tag;
}

void
cleanup_advance (inventory_t *self, effects_t *effects)
{
    if (s_may_begin (self) && self->now_us >= self->cleanup.due_us)
        s_list (self, effects);
}

uint64_t
cleanup_wake_us (const inventory_t *self)
{
    return s_may_begin (self) ? self->cleanup.due_us : UINT64_MAX;
}
