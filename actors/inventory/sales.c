/*  The table of live sales.

    1. A row is replaced only by one of a higher version; its epoch only rises.
    2. A slot is given up only after a complete pass over SALE_LIVE, begun after the sale came in, did not show it, and after
       everybody was told for another pass that the sale is over: edges and brokers give up theirs then.
    3. A sale whose gate was never installed has stamp 0: nobody is told of it before it can sell. */

#include "sales.h"

#include "cleanup.h"
#include "gates.h"
#include "leadership.h"
#include "operations.h"
#include "snapshot.h"

#define RELOAD_US (10000u * MS)    /* between two passes: catches changes whose answer was lost */
#define RELOAD_SOON_US (200u * MS) /* after a doubt */
#define DAY_MS 86400000u
#define RELOAD_RETRY_US (100u * MS) /* after a page without an answer */

void
sales_begin_term (inventory_t *self)
{
    reload_t *reload = &self->reload;
    uint64_t pass = reload->pass + 1;
    *reload = (reload_t){ .pass = pass, .is_running = true, .due_us = self->now_us };
    for (size_t i = 0; i < self->sale_count; i++) {
        live_sale_t *live = &self->sales[i];
        live->is_known = false;
        live->poll_due_us = self->now_us;
        live->fenced_token = 0;
        live->update_tag = 0;
        live->recovery = (recovery_t){ 0 };
    }
    self->relay.row_count = 0;
    self->relay.in_flight = 0;
    self->relay.is_sweeping = false;
    self->relay.list_tag = self->relay.done_tag = 0;
    self->relay.due_us = self->now_us;
    operations_begin_term (self);
    cleanup_begin_term (self);
    snapshot_begin_term (self);
}

void
sales_end_term (inventory_t *self)
{
    memset (self->sales, 0, self->sale_count * sizeof self->sales[0]);
    self->sale_count = 0;
    self->reload = (reload_t){ .pass = self->reload.pass };
    self->gates.in_flight = 0;
    operations_end_term (self);
    self->cleanup = (cleanup_t){ 0 };
    snapshot_end_term (self);
}

live_sale_t *
sales_find (inventory_t *self, uint64_t sale_id)
{
    for (size_t i = 0; i < self->sale_count; i++)
        if (self->sales[i].is_used && self->sales[i].sale.sale_id == sale_id)
            return &self->sales[i];
    return NULL;
}

bool
sales_has_left (inventory_t *self, uint64_t sale_id)
{
    return self->reload.is_loaded && !self->reload.is_full && !sales_find (self, sale_id);
}

uint64_t
sales_slot (const inventory_t *self, const live_sale_t *live)
{
    return (uint64_t)(live - self->sales);
}

static live_sale_t *
s_free_slot (inventory_t *self)
{
    for (size_t i = 0; i < self->sale_count; i++)
        if (!self->sales[i].is_used)
            return &self->sales[i];
    return self->sale_count < SALES_MAX ? &self->sales[self->sale_count++] : NULL;
}

bool
sales_is_full (const inventory_t *self)
{
    for (size_t i = 0; i < self->sale_count; i++)
        if (!self->sales[i].is_used)
            return false;
    return self->sale_count == SALES_MAX;
}

static live_sale_t *
s_add (inventory_t *self, const sale_t *row, effects_t *effects)
{
    live_sale_t *live = s_free_slot (self);
    if (!live) {
        self->reload.is_full = self->reload.pass_is_full = true;
        effects_log (effects, LOG_LEVEL_ERROR, "sales_full",
                     "sale=%" PRIu64 " is not served: %u are live", row->sale_id, SALES_MAX);
        return NULL;
    }
    memset (live, 0, sizeof *live);
    live->is_used = true;
    live->sale = *row;
    live->epoch = row->epoch;
    live->poll_due_us = self->now_us;
    if (live->epoch > 0 || !sales_needs_gate (live))
        sales_stamp (self, live);
    return live;
}

live_sale_t *
sales_merge (inventory_t *self, const sale_t *row, effects_t *effects)
{
    if (row->state == SALE_DRAFT || row->sale_id == 0)
        return NULL;
    live_sale_t *live = sales_find (self, row->sale_id);
    if (!live)
        live = s_add (self, row, effects);
    if (!live)
        return NULL;
    live->pass = self->reload.pass;
    live->is_archived = false;
    if (row->epoch > live->epoch)
        live->epoch = row->epoch;
    if (row->version > live->sale.version) {
        live->sale = *row;
        /* with a gate the receivers learn of it after the gate has it */
        if (!sales_needs_gate (live))
            sales_stamp (self, live);
    }
    live->sale.sold = row->sold;
    return live;
}

void
sales_stamp (inventory_t *self, live_sale_t *live)
{
    live->stamp = ++self->snapshot.version;
    live->told_version = live->sale.version;
    self->snapshot.sales_version = live->stamp;
}

static uint64_t
s_left_by_books (const sale_t *row)
{
    return row->stock_total > row->sold ? row->stock_total - row->sold : 0;
}

void
sales_describe (const live_sale_t *live, sale_t *sale)
{
    bool is_whole = live->is_known && live->gate.present;
    *sale = live->sale;
    bool has_journal = is_whole || (live->is_known && live->gate.journal_count > 0);
    sale->epoch = has_journal ? live->gate.epoch : live->epoch;
    sale->stock_left = is_whole ? live->gate.available : s_left_by_books (&live->sale);
    sale->recovering = live->recovery.state != RECOVERY_OPEN ||
                       (is_whole && live->gate.recovering) ||
                       (live->is_known && !live->gate.present && sales_needs_gate (live));
}

void
sales_describe_row (inventory_t *self, const sale_t *row, sale_t *sale)
{
    live_sale_t *live = sales_find (self, row->sale_id);
    if (live && live->sale.version >= row->version) {
        sales_describe (live, sale);
        return;
    }
    *sale = *row;
    sale->stock_left = s_left_by_books (row);
}

bool
sales_needs_gate (const live_sale_t *live)
{
    return live->sale.state != SALE_ENDED || live->epoch > 0;
}

uint64_t
sales_gate_now_us (const inventory_t *self)
{
    const gates_t *gates = &self->gates;
    return gates->gate_us ? gates->gate_us + (self->now_us - gates->gate_local_us) : 0;
}

bool
sales_is_over (const inventory_t *self, const live_sale_t *live)
{
    return live->sale.state == SALE_ENDED || sales_gate_now_us (self) / MS >= live->sale.ends_at_ms;
}

bool
sales_is_selling (const inventory_t *self, const live_sale_t *live)
{
    return live->sale.state == SALE_OPEN && !sales_is_over (self, live) &&
           sales_gate_now_us (self) / MS >= live->sale.starts_at_ms;
}

/* -------------------------------------------------------------------------- loading */

void
sales_doubt (inventory_t *self)
{
    reload_t *reload = &self->reload;
    if (!reload->is_running)
        reload->due_us = earlier (reload->due_us, self->now_us + RELOAD_SOON_US);
    reload->limits_due_us = earlier (reload->limits_due_us, self->now_us + RELOAD_SOON_US);
}

/*  Rule 2. The gate and its journal were kept for a day after the end: nobody waits for anything of the sale any more. */
static void
s_archive (inventory_t *self, live_sale_t *live, effects_t *effects)
{
    if (live->is_archived) {
        gates_forget (self, live);
        memset (live, 0, sizeof *live);
        return;
    }
    effects_log (effects, LOG_LEVEL_INFO, "sale_archived", "sale=%" PRIu64, live->sale.sale_id);
    live->is_archived = true;
    live->sale.state = SALE_ENDED;
    /* edges know by its end that the gate may be gone; an operator may have ended it before */
    uint64_t end_ms = sales_gate_now_us (self) / MS;
    end_ms = end_ms > DAY_MS ? end_ms - DAY_MS : 0;
    if (end_ms && live->sale.ends_at_ms > end_ms)
        live->sale.ends_at_ms = end_ms;
    sales_stamp (self, live);
}

static void
s_end_pass (inventory_t *self, effects_t *effects)
{
    reload_t *reload = &self->reload;
    for (size_t i = 0; i < self->sale_count; i++)
        if (self->sales[i].is_used && self->sales[i].pass < reload->pass)
            s_archive (self, &self->sales[i], effects);
    reload->is_full = reload->pass_is_full;
    reload->is_running = false;
    reload->due_us = self->now_us + RELOAD_US;
    if (!reload->is_loaded)
        effects_log (effects, LOG_LEVEL_INFO, "sales_loaded", "slots=%" PRIu64, self->sale_count);
    reload->is_loaded = true;
}

void
sales_result (inventory_t *self, const event_t *event, effects_t *effects)
{
    reload_t *reload = &self->reload;
    if (event->tag != reload->tag)
        return;
    reload->tag = 0;
    if (event->status != RESULT_OK) {
        reload->due_us = self->now_us + RELOAD_RETRY_US;
        return;
    }
    const sale_t *rows = event->entries;
    for (size_t i = 0; i < event->count; i++) {
        sales_merge (self, &rows[i], effects);
        reload->after = rows[i].sale_id;
    }
    reload->due_us = self->now_us;
    if (event->count == 0)
        s_end_pass (self, effects);
}

void
sales_limits_result (inventory_t *self, const event_t *event, effects_t *effects)
{
    reload_t *reload = &self->reload;
    if (event->tag != reload->limits_tag)
        return;
    reload->limits_tag = 0;
    bool is_row = event->status == RESULT_OK && event->count == 1;
    reload->limits_due_us = self->now_us + (is_row ? RELOAD_US : RELOAD_RETRY_US);
    if (is_row)
        snapshot_set_limits (self, event->entries);
    else if (event->status == RESULT_OK || event->status == RESULT_REFUSED)
        effects_log (effects, LOG_LEVEL_ERROR, "limits_missing", "%s",
                     event->detail ? event->detail : "");
}

static void
s_ask_page (inventory_t *self, effects_t *effects)
{
    reload_t *reload = &self->reload;
    if (!reload->is_running) {
        reload->is_running = true;
        reload->pass++;
        reload->after = 0;
        reload->pass_is_full = false;
    }
    reload->tag = inventory_call (self, effects, CALL_SALE_LIVE, PURPOSE_RELOAD, 0);
    query_t *query = effects_entry (effects, &record_query);
    query->after = reload->after;
    query->limit = BATCH_ENTRIES_MAX;
}

void
sales_advance (inventory_t *self, effects_t *effects)
{
    reload_t *reload = &self->reload;
    if (!leadership_is_held (self))
        return;
    if (!reload->tag && self->now_us >= reload->due_us)
        s_ask_page (self, effects);
    if (!reload->limits_tag && self->now_us >= reload->limits_due_us) {
        reload->limits_tag = inventory_call (self, effects, CALL_LIMITS_LOAD, PURPOSE_LIMITS, 0);
        effects_entry (effects, &record_query);
    }
}

uint64_t
sales_wake_us (const inventory_t *self)
{
    const reload_t *reload = &self->reload;
    if (!leadership_is_held (self))
        return UINT64_MAX;
    return earlier (reload->tag ? UINT64_MAX : reload->due_us,
                    reload->limits_tag ? UINT64_MAX : reload->limits_due_us);
}
