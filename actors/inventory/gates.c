/*  Looks at the gates.

    1. Looking needs no lease: stock and clock go to the edges while PostgreSQL is away. Changing a gate does.
    2. At most POLLS_MAX looks are in flight, at most one per sale.
    3. The clock is told at least every gate_poll_idle_ms while Redis answers, also when there is nothing on sale.
    4. A sale of a higher version than its open gate is written there by GATE_UPDATE, one at a time, until the gate has it; only then
       the receivers are told.
    5. A gate that has not seen the token of this term is told it in the same way: so what a former leader still sends is refused there.

    what a look shows (leader, no recovery under way)      then
    not present                                            recovery, cause missing
    another run of Redis                                   recovery, cause run
    closed for recovery                                    recovery, cause closed
    another epoch than PostgreSQL's                        recovery, cause epoch
    a higher token than ours                               fenced: left alone in this term
    a lower version than PostgreSQL's, or token than ours  GATE_UPDATE
    a higher version than ours                             the table is loaded anew */

#include "gates.h"

#include "leadership.h"
#include "recovery.h"
#include "sales.h"
#include "snapshot.h"

#define MOVING_US (2000u * MS) /* a sale counts as busy that long after it moved */
#define FLUSH_US (25u * MS)    /* between two STOCK messages: answers within it share one */
#define OVER_FACTOR                                                                                \
    10u /* an ended sale with nothing left to move is looked at that many times less often */
#define UPDATE_RETRY_US (50u * MS) /* after a GATE_UPDATE that failed */

/* -------------------------------------------------------------------------- taking answers */

static uint64_t
s_period_us (const inventory_t *self, const live_sale_t *live)
{
    bool is_busy = live->moved_us && self->now_us - live->moved_us < MOVING_US;
    uint64_t idle_us = self->params.gate_poll_idle_ms * MS;
    if (is_busy || live->recovery.state != RECOVERY_OPEN)
        return self->params.gate_poll_ms * MS;
    bool is_quiet = sales_is_over (self, live) && live->gate.journal_count == 0;
    return is_quiet ? idle_us * OVER_FACTOR : idle_us;
}

static void
s_take_clock (inventory_t *self, uint64_t gate_us)
{
    gates_t *gates = &self->gates;
    gates->gate_us = gate_us;
    gates->gate_local_us = self->now_us;
    if (!gates->edge_is_new)
        gates->clock_due_us = self->now_us + self->params.gate_poll_idle_ms * MS;
    if (!gates->was_away)
        return;
    gates->was_away = false;
    for (size_t i = 0; i < self->sale_count; i++)
        self->sales[i].poll_due_us = self->now_us;
}

void
gates_take (inventory_t *self, live_sale_t *live, const gate_state_t *state)
{
    if (!live->is_known || state->changes != live->gate.changes || state->epoch != live->gate.epoch)
        live->moved_us = self->now_us;
    if (live->is_known && state->epoch == live->gate.epoch && state->changes < live->gate.changes)
        live->went_back = true;
    live->gate = *state;
    live->is_known = true;
    live->stock_is_dirty = true;
    leadership_meet (self, state->token);
    if (state->present && !live->went_back)
        live->journal_units = state->journal_units;
    s_take_clock (self, state->gate_us);
}

void
gates_opened (inventory_t *self, live_sale_t *live, const epoch_row_t *head)
{
    gate_state_t *gate = &live->gate;
    *gate = (gate_state_t){ .present = 1,
                            .same_run = 1,
                            .epoch = head->epoch,
                            .version = live->update_version,
                            .token = self->leadership.token,
                            .held_units = head->sold,
                            .gate_us = sales_gate_now_us (self) };
    gate->available = head->stock_total > head->sold ? head->stock_total - head->sold : 0;
    live->is_known = true;
    live->journal_units = 0;
    live->went_back = false;
    live->moved_us = self->now_us;
    live->stock_is_dirty = true;
    live->poll_due_us = self->now_us;
}

void
gates_forget (inventory_t *self, live_sale_t *live)
{
    if (live->poll_tag)
        self->gates.in_flight--;
    live->poll_tag = 0;
}

void
gates_fill_config (const inventory_t *self, const live_sale_t *live, gate_config_t *config)
{
    const sale_t *sale = &live->sale;
    config->sale_id = sale->sale_id;
    config->epoch = live->epoch;
    config->token = self->leadership.token;
    config->version = sale->version;
    config->want = sale->state;
    config->starts_us = sale->starts_at_ms * 1000;
    config->ends_us = sale->ends_at_ms * 1000;
    config->per_user_limit = sale->per_user_limit;
    config->price_cents = sale->price_cents;
    config->pay_within_us = sale->pay_within_s * 1000000;
    config->queue_bound = self->params.queue_bound;
}

bool
gates_has_version (const live_sale_t *live, uint64_t version)
{
    return live->recovery.state == RECOVERY_OPEN && live->is_known && live->gate.present &&
           !live->gate.recovering && live->gate.epoch == live->epoch &&
           live->gate.version >= version;
}

void
gates_edge_up (inventory_t *self)
{
    self->gates.edge_is_new = true;
    self->gates.clock_due_us = self->now_us;
}

/* -------------------------------------------------------------------------- judging them */

static bool
s_may_judge (const inventory_t *self, const live_sale_t *live)
{
    return leadership_is_held (self) && live->recovery.state == RECOVERY_OPEN &&
           live->fenced_token != self->leadership.token && sales_needs_gate (live);
}

static void
s_judge (inventory_t *self, live_sale_t *live, effects_t *effects)
{
    const gate_state_t *gate = &live->gate;
    if (!s_may_judge (self, live))
        return;
    if (gate->code == ERROR_FENCED || gate->token > self->leadership.token)
        recovery_fence (self, live, effects);
    else if (!gate->present)
        recovery_want (self, live, live->epoch > 0 ? CAUSE_MISSING : CAUSE_FIRST, effects);
    else if (!gate->same_run)
        recovery_want (self, live, CAUSE_RUN, effects);
    else if (gate->recovering)
        recovery_want (self, live, CAUSE_CLOSED, effects);
    else if (gate->epoch != live->epoch)
        recovery_want (self, live, CAUSE_EPOCH, effects);
    else if (gate->version > live->sale.version)
        sales_doubt (self);
}

static void
s_polls_failed (inventory_t *self)
{
    self->gates.was_away = true;
    self->gates.clock_due_us = self->now_us + self->params.gate_poll_ms * MS;
}

static void s_flush (inventory_t *self, effects_t *effects);

void
gates_poll_result (inventory_t *self, const event_t *event, effects_t *effects)
{
    uint64_t slot = tag_slot (event->tag);
    live_sale_t *live = slot < self->sale_count ? &self->sales[slot] : NULL;
    if (!live || live->poll_tag != event->tag)
        return;
    live->poll_tag = 0;
    self->gates.in_flight--;
    if (event->status != RESULT_OK || event->count != 1) {
        live->poll_due_us = self->now_us + self->params.gate_poll_ms * MS;
        s_polls_failed (self);
        return;
    }
    gates_take (self, live, event->entries);
    live->poll_due_us = self->now_us + s_period_us (self, live);
    s_judge (self, live, effects);
    s_flush (self, effects);
}

void
gates_clock_result (inventory_t *self, const event_t *event, effects_t *effects)
{
    gates_t *gates = &self->gates;
    if (event->tag != gates->clock_tag)
        return;
    gates->clock_tag = 0;
    if (event->status != RESULT_OK || event->count != 1) {
        s_polls_failed (self);
        return;
    }
    const gate_state_t *state = event->entries;
    bool tells_all = gates->edge_is_new;
    gates->edge_is_new = false;
    s_take_clock (self, state->gate_us);
    gates->clock_is_dirty = true;
    for (size_t i = 0; tells_all && i < self->sale_count; i++)
        self->sales[i].stock_is_dirty = self->sales[i].is_used && self->sales[i].is_known;
    s_flush (self, effects);
}

/* -------------------------------------------------------------------------- telling the edges */

static void
s_fill_stock (const live_sale_t *live, stock_t *stock)
{
    sale_t sale;
    sales_describe (live, &sale);
    stock->sale_id = sale.sale_id;
    stock->version = live->gate.version;
    stock->epoch = sale.epoch;
    stock->recovering = sale.recovering;
    stock->stock_left = sale.stock_left;
    stock->gate_us = live->gate.gate_us;
    stock->journal_count = live->gate.journal_count;
}

static void
s_fill_clock (const inventory_t *self, stock_t *stock)
{
    stock->gate_us = sales_gate_now_us (self);
}

/*  Places of the sales to be told, at most one message's worth. */
static size_t
s_dirty_slots (const inventory_t *self, uint64_t slots[BATCH_ENTRIES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < self->sale_count && count < BATCH_ENTRIES_MAX - 1; i++)
        if (self->sales[i].is_used && self->sales[i].stock_is_dirty && self->sales[i].is_known)
            slots[count++] = i;
    return count;
}

static void
s_flush (inventory_t *self, effects_t *effects)
{
    gates_t *gates = &self->gates;
    uint64_t slots[BATCH_ENTRIES_MAX];
    if (gates->flushed_us && self->now_us - gates->flushed_us < FLUSH_US)
        return;
    size_t count = s_dirty_slots (self, slots);
    if (count == 0 && !gates->clock_is_dirty)
        return;
    for (size_t r = 0; r < self->snapshot.receiver_count; r++) {
        if (self->snapshot.receivers[r].address.kind != KIND_EDGE)
            continue;
        effects_send (effects, self->snapshot.receivers[r].address, MSG_STOCK);
        if (gates->clock_is_dirty)
            s_fill_clock (self, effects_entry (effects, &record_stock));
        for (size_t i = 0; i < count; i++)
            s_fill_stock (&self->sales[slots[i]], effects_entry (effects, &record_stock));
    }
    for (size_t i = 0; i < count; i++)
        self->sales[slots[i]].stock_is_dirty = false;
    gates->clock_is_dirty = false;
    gates->flushed_us = self->now_us;
}

static bool
s_has_dirty (const inventory_t *self)
{
    for (size_t i = 0; i < self->sale_count; i++)
        if (self->sales[i].is_used && self->sales[i].stock_is_dirty && self->sales[i].is_known)
            return true;
    return self->gates.clock_is_dirty;
}

/* -------------------------------------------------------------------------- changing them */

static bool
s_needs_update (const inventory_t *self, const live_sale_t *live)
{
    return live->is_used && !live->update_tag && s_may_judge (self, live) && live->is_known &&
           live->gate.present && live->gate.same_run && !live->gate.recovering &&
           live->gate.epoch == live->epoch &&
           (live->gate.version < live->sale.version || live->gate.token < self->leadership.token);
}

static void
s_update (inventory_t *self, live_sale_t *live, effects_t *effects)
{
    live->update_tag =
        inventory_call (self, effects, CALL_GATE_UPDATE, PURPOSE_UPDATE, sales_slot (self, live));
    gate_config_t *config = effects_entry (effects, &record_gate_config);
    gates_fill_config (self, live, config);
    live->update_version = config->version;
}

void
gates_update_result (inventory_t *self, const event_t *event, effects_t *effects)
{
    uint64_t slot = tag_slot (event->tag);
    live_sale_t *live = slot < self->sale_count ? &self->sales[slot] : NULL;
    if (!live || live->update_tag != event->tag)
        return;
    live->update_tag = 0;
    const outcome_t *outcome = event->entries;
    bool is_answered = event->status == RESULT_OK && event->count == 1;
    if (is_answered && outcome->code == ERROR_NONE) {
        bool is_new = live->gate.version < live->update_version;
        live->gate.version = live->update_version;
        live->gate.token = self->leadership.token;
        if (is_new && live->update_version == live->sale.version)
            sales_stamp (self, live);
        return;
    }
    const error_row_t *row = is_answered ? schema_error (outcome->code) : NULL;
    effects_log (effects, LOG_LEVEL_WARNING, "gate_update_failed",
                 "sale=%" PRIu64 " status=%d code=%s %s", live->sale.sale_id, (int)event->status,
                 row ? row->code : "none", event->detail ? event->detail : "");
    live->update_due_us = self->now_us + UPDATE_RETRY_US;
    live->poll_due_us = self->now_us;
    if (is_answered && outcome->code == ERROR_FENCED)
        recovery_fence (self, live, effects);
}

/* -------------------------------------------------------------------------- time */

static void
s_poll (inventory_t *self, live_sale_t *live, effects_t *effects)
{
    live->poll_tag =
        inventory_call (self, effects, CALL_GATE_STAT, PURPOSE_POLL, sales_slot (self, live));
    gate_key_t *key = effects_entry (effects, &record_gate_key);
    key->sale_id = live->sale.sale_id;
    self->gates.in_flight++;
}

static bool
s_is_polled (const live_sale_t *live)
{
    return live->is_used && !live->poll_tag && sales_needs_gate (live);
}

static void
s_advance_sale (inventory_t *self, live_sale_t *live, effects_t *effects)
{
    if (self->gates.in_flight < POLLS_MAX && s_is_polled (live) &&
        self->now_us >= live->poll_due_us)
        s_poll (self, live, effects);
    if (s_needs_update (self, live) && self->now_us >= live->update_due_us)
        s_update (self, live, effects);
    /* also when the answer was lost, and a look shows that the gate has it */
    if (live->told_version < live->sale.version && gates_has_version (live, live->sale.version))
        sales_stamp (self, live);
}

void
gates_advance (inventory_t *self, effects_t *effects)
{
    gates_t *gates = &self->gates;
    if (self->leadership.role == ROLE_FOLLOWER || self->is_stopping)
        return;
    for (size_t i = 0; i < self->sale_count; i++)
        if (self->sales[i].is_used)
            s_advance_sale (self, &self->sales[i], effects);
    if (!gates->clock_tag && self->now_us >= gates->clock_due_us) {
        gates->clock_tag = inventory_call (self, effects, CALL_GATE_STAT, PURPOSE_CLOCK, 0);
        effects_entry (effects, &record_gate_key);
    }
    if (gates->flushed_us && self->now_us - gates->flushed_us >= FLUSH_US && s_has_dirty (self))
        s_flush (self, effects);
}

uint64_t
gates_wake_us (const inventory_t *self)
{
    const gates_t *gates = &self->gates;
    if (self->leadership.role == ROLE_FOLLOWER || self->is_stopping)
        return UINT64_MAX;
    uint64_t wake_us = gates->clock_tag ? UINT64_MAX : gates->clock_due_us;
    for (size_t i = 0; i < self->sale_count; i++) {
        const live_sale_t *live = &self->sales[i];
        if (gates->in_flight < POLLS_MAX && s_is_polled (live))
            wake_us = earlier (wake_us, live->poll_due_us);
        if (s_needs_update (self, live))
            wake_us = earlier (wake_us, live->update_due_us);
    }
    if (gates->flushed_us && s_has_dirty (self))
        wake_us = earlier (wake_us, gates->flushed_us + FLUSH_US);
    return wake_us;
}
