/*  The release relay, in rounds: list, release sale by sale, delete what is final.

    1. A row is deleted only after a final answer of the gate, or when its sale is archived: it is not in a table that is complete.
    2. Nothing is released at a gate that is not open in PostgreSQL's epoch: a rebuild installs such a rid as PostgreSQL has it, held,
       and the row releases it afterwards.
    3. GATE_RELEASE is a compare-and-set (held → released): a row that is carried twice gives back its units once.
    4. Rows that have to wait hold up no others: when they fill a list, the open sales are listed one by one, and then all again.
    5. Gate and PostgreSQL compare the token: what a former leader still sends is refused as fenced, and the lease is asked for at once.

    state      event                                        next
    IDLE       due, lease held                              LISTING
    LISTING    rows                                         RELEASING (one GATE_RELEASE per sale), or DELETING
               no rows, no answer                           IDLE
    RELEASING  last answer                                  DELETING the final ones, IDLE if there are none
    DELETING   any answer (a row that stays comes again)    IDLE, due at once if the list was full and something went

    a list is of   next list
    all sales      full, with rows that wait: of the first open sale, at once; otherwise of all
    one sale       of the next open sale, at once; after the last one of all, after RELAY_US
    any, unanswered  of all, after RELAY_US */

#include "relay.h"

#include "gates.h"
#include "leadership.h"
#include "recovery.h"
#include "sales.h"

#define RELAY_US                                                                                   \
    (400u * MS) /* between two lists: a cancelled unit can be bought again within 2 s */

static bool
s_is_idle (const relay_t *relay)
{
    return !relay->list_tag && !relay->done_tag && relay->in_flight == 0;
}

static void
s_rest (inventory_t *self, bool is_more)
{
    relay_t *relay = &self->relay;
    relay->row_count = 0;
    relay->due_us = is_more || relay->is_sweeping ? self->now_us : self->now_us + RELAY_US;
}

static void
s_rest_after_failure (inventory_t *self)
{
    self->relay.is_sweeping = false;
    s_rest (self, false);
}

static void
s_delete_final (inventory_t *self, effects_t *effects)
{
    relay_t *relay = &self->relay;
    uint64_t released_count = 0;
    for (size_t i = 0; i < relay->row_count; i++)
        released_count += relay->is_final[i];
    if (released_count == 0) {
        s_rest (self, false);
        return;
    }
    relay->done_tag = inventory_call (self, effects, CALL_RELEASE_DONE, PURPOSE_RELAY, 0);
    for (size_t i = 0; i < relay->row_count; i++) {
        if (!relay->is_final[i])
            continue;
        release_t *release = effects_entry (effects, &record_release);
        *release = relay->rows[i];
        release->token = self->leadership.token;
    }
    effects_add (effects, METRIC_RELEASED, 0, (int64_t)released_count);
}

/* -------------------------------------------------------------------------- releasing */

static bool
s_is_open (const inventory_t *self, const live_sale_t *live)
{
    return gates_has_version (live, 0) && live->fenced_token != self->leadership.token;
}

/*  All rows of the sale of row `first`, in the order of the box. */
static void
s_release_sale (inventory_t *self, size_t first, const live_sale_t *live, effects_t *effects)
{
    relay_t *relay = &self->relay;
    uint64_t tag =
        inventory_call (self, effects, CALL_GATE_RELEASE, PURPOSE_RELAY, sales_slot (self, live));
    relay->in_flight++;
    for (size_t i = first; i < relay->row_count; i++) {
        if (relay->rows[i].sale_id != live->sale.sale_id)
            continue;
        relay->row_tags[i] = tag;
        release_t *release = effects_entry (effects, &record_release);
        *release = relay->rows[i];
        release->epoch = live->gate.epoch;
        release->code = 0;
        release->token = self->leadership.token;
    }
}

static bool
s_is_first_of_sale (const relay_t *relay, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (relay->rows[i].sale_id == relay->rows[at].sale_id)
            return false;
    return true;
}

static void
s_release_all (inventory_t *self, effects_t *effects)
{
    relay_t *relay = &self->relay;
    size_t waiting_count = 0;
    for (size_t i = 0; i < relay->row_count; i++) {
        live_sale_t *live = sales_find (self, relay->rows[i].sale_id);
        bool can_go = live && s_is_open (self, live);
        if (sales_has_left (self, relay->rows[i].sale_id))
            relay->is_final[i] = true;
        else if (can_go && s_is_first_of_sale (relay, i))
            s_release_sale (self, i, live, effects);
        waiting_count += !can_go && !relay->is_final[i];
    }
    if (relay->was_full && waiting_count > 0 && !relay->is_sweeping) {
        relay->is_sweeping = true;
        relay->sweep_slot = 0;
    }
    if (relay->in_flight == 0)
        s_delete_final (self, effects);
}

/* -------------------------------------------------------------------------- answers */

static void
s_listed (inventory_t *self, const event_t *event, effects_t *effects)
{
    relay_t *relay = &self->relay;
    relay->list_tag = 0;
    if (event->status != RESULT_OK) {
        s_rest_after_failure (self);
        return;
    }
    if (event->count == 0) {
        s_rest (self, false);
        return;
    }
    size_t count = event->count < RELEASES_MAX ? event->count : RELEASES_MAX;
    memcpy (relay->rows, event->entries, count * sizeof relay->rows[0]);
    memset (relay->is_final, 0, sizeof relay->is_final);
    memset (relay->row_tags, 0, sizeof relay->row_tags);
    relay->row_count = count;
    relay->was_full = count == RELEASES_MAX;
    s_release_all (self, effects);
}

/*  Rule 5. */
static void
s_fence (inventory_t *self, uint64_t slot, effects_t *effects)
{
    live_sale_t *live = slot < self->sale_count ? &self->sales[slot] : NULL;
    if (live && live->is_used)
        recovery_fence (self, live, effects);
    leadership_doubt (self);
}

static void
s_released (inventory_t *self, const event_t *event, effects_t *effects)
{
    relay_t *relay = &self->relay;
    const release_t *results = event->entries;
    size_t next = 0;
    bool is_answered = event->status == RESULT_OK, is_fenced = false;
    for (size_t i = 0; i < relay->row_count; i++) {
        if (relay->row_tags[i] != event->tag)
            continue;
        relay->row_tags[i] = 0;
        if (is_answered && next < event->count) {
            relay->is_final[i] = results[next].code == ERROR_NONE;
            is_fenced = is_fenced || results[next].code == ERROR_FENCED;
        }
        next++;
    }
    relay->in_flight--;
    if (is_fenced)
        s_fence (self, tag_slot (event->tag), effects);
    if (relay->in_flight == 0)
        s_delete_final (self, effects);
}

static void
s_deleted (inventory_t *self, const event_t *event)
{
    relay_t *relay = &self->relay;
    const outcome_t *outcome = event->entries;
    bool is_fenced =
        event->status == RESULT_OK && event->count == 1 && outcome->code == ERROR_FENCED;
    relay->done_tag = 0;
    if (is_fenced)
        leadership_doubt (self);
    if (event->status == RESULT_OK && !is_fenced)
        s_rest (self, relay->was_full);
    else
        s_rest_after_failure (self);
}

static bool
s_carries (const relay_t *relay, uint64_t tag)
{
    for (size_t i = 0; i < relay->row_count; i++)
        if (relay->row_tags[i] == tag)
            return true;
    return false;
}

void
relay_hurry (inventory_t *self)
{
    self->relay.due_us = earlier (self->relay.due_us, self->now_us);
}

void
relay_result (inventory_t *self, const event_t *event, effects_t *effects)
{
    relay_t *relay = &self->relay;
    if (event->tag == relay->list_tag) {
        s_listed (self, event, effects);
    } else if (event->tag == relay->done_tag) {
        s_deleted (self, event);
    } else if (s_carries (relay, event->tag)) {
        s_released (self, event, effects);
    }
}

/*  The next open sale of the sweep, 0 at its end. */
static uint64_t
s_next_of_sweep (inventory_t *self)
{
    relay_t *relay = &self->relay;
    while (relay->sweep_slot < self->sale_count) {
        const live_sale_t *live = &self->sales[relay->sweep_slot++];
        if (live->is_used && s_is_open (self, live))
            return live->sale.sale_id;
    }
    return 0;
}

void
relay_advance (inventory_t *self, effects_t *effects)
{
    relay_t *relay = &self->relay;
    if (!leadership_is_held (self) || !self->reload.is_loaded || !s_is_idle (relay) ||
        self->now_us < relay->due_us)
        return;
    uint64_t sale_id = relay->is_sweeping ? s_next_of_sweep (self) : 0;
    if (relay->is_sweeping && sale_id == 0) {
        relay->is_sweeping = false;
        s_rest (self, false);
        return;
    }
    relay->list_tag = inventory_call (self, effects, CALL_RELEASE_LIST, PURPOSE_RELAY, 0);
    query_t *query = effects_entry (effects, &record_query);
    query->sale_id = sale_id;
    query->limit = RELEASES_MAX;
}

uint64_t
relay_wake_us (const inventory_t *self)
{
    if (!leadership_is_held (self) || !self->reload.is_loaded || !s_is_idle (&self->relay))
        return UINT64_MAX;
    return self->relay.due_us;
}
