/*  Recovery of one sale.

    1. A leader installs only an epoch that it bumped itself, under the token it holds now: after a bump without an answer it bumps again.
    2. The epoch is bumped only when the journal of the old one is empty, or gone: no entry of a surviving journal is
       of a past epoch when ordering sees it. A journal of an epoch before PostgreSQL's (an old file was put back) is not waited
       for: none of its entries can become an order any more.
    3. Every step may be made again: GATE_CLOSE, GATE_LOAD and GATE_OPEN by their own rules, EPOCH_BUMP because it names the
       epoch that it ends, so that a late copy of it does nothing, EPOCH_PAGE because it reads one fixed snapshot.
    4. No sequence is given twice: with the gate there it goes on from the higher of gate and PostgreSQL; without it, queue_bound above
       PostgreSQL's highest, for that many may have been given out and lost.
    5. Without the lease no step is begun. A parked recovery starts from the beginning.
    6. At most RECOVERIES_MAX are under way. One that drains for long does not count: a journal that does not become empty
       (PostgreSQL, ordering or the broker is away; an entry is poison) keeps its own sale closed, and no other.

    state     call in flight        answer                                   next
    OPEN      –                     recovery_want                            WANTED
    WANTED    –                     a place is free and the lease is held    CLOSED
    CLOSED    GATE_CLOSE            journal empty, or gone                   BUMPING
                                    journal not empty                        DRAINING
    DRAINING  GATE_STAT, again      journal empty                            BUMPING; WANTED if all places are taken
                                    no longer closed, or another run         CLOSED
    BUMPING   EPOCH_BUMP            done                                     LOADING
                                    another epoch is the present one         BUMPING that one
    LOADING   EPOCH_PAGE, and up    a page                                   GATE_LOAD of it, next page
              to LOADS_MAX GATE_LOAD  no rows, and all loads done            OPENING
                                    a load without an answer                 LOADING from the last loaded place
                                    a load refused by code                   CLOSED
    OPENING   GATE_OPEN             done                                     OPEN
                                    refused by code                          CLOSED
    any       a call without an answer, or refused by its store              the same call again, after a growing pause
    any       fenced, or a higher token at the gate                          OPEN (fenced for this term)
    any       an answer, lease not held                                      WANTED
    any other answer is of a call that nobody awaits, and is ignored. */

#include "recovery.h"

#include "gates.h"
#include "leadership.h"
#include "sales.h"

#define DRAIN_POLL_US (20u * MS) /* between two looks at a journal that empties */
#define DRAIN_PATIENCE_US                                                                          \
    (5000u * MS) /* far more than a full journal takes while everybody is well */
#define DRAIN_SLOW_POLL_US (200u * MS) /* between two looks after that */
#define BACKOFF_MIN_US (20u * MS)      /* after the first failure: Redis is often back at once */
#define BACKOFF_DOUBLINGS_MAX 6u       /* of BACKOFF_MIN_US, before a start from the beginning */
#define BACKOFF_MAX_US (500u * MS)     /* a second after Redis is back, the sale is to be open */

const char *
recovery_state_name (recovery_state_t state)
{
    static const char *const names[] = { "open",    "wanted",  "closed", "draining",
                                         "bumping", "loading", "opening" };
    return names[state];
}

const char *
recovery_cause_name (recovery_cause_t cause)
{
    static const char *const names[] = { "first", "missing", "run", "closed", "epoch" };
    return names[cause];
}

/* -------------------------------------------------------------------------- moves */

static void
s_enter (inventory_t *self, live_sale_t *live, recovery_state_t state, effects_t *effects)
{
    recovery_t *recovery = &live->recovery;
    effects_log (effects, LOG_LEVEL_INFO, "recovery",
                 "sale=%" PRIu64 " state=%s was=%s cause=%s phase_us=%" PRIu64, live->sale.sale_id,
                 recovery_state_name (state), recovery_state_name (recovery->state),
                 recovery_cause_name (recovery->cause), self->now_us - recovery->phase_us);
    recovery->state = state;
    recovery->phase_us = self->now_us;
    recovery->backoff_us = BACKOFF_MIN_US;
    recovery->tag = 0;
    recovery->retry_us = 0;
    recovery->load_count = 0;
    recovery->is_slow = false;
}

void
recovery_want (inventory_t *self, live_sale_t *live, recovery_cause_t cause, effects_t *effects)
{
    if (live->recovery.state != RECOVERY_OPEN || !leadership_is_held (self) ||
        live->fenced_token == self->leadership.token)
        return;
    live->recovery =
        (recovery_t){ .cause = cause, .began_us = self->now_us, .phase_us = self->now_us };
    s_enter (self, live, RECOVERY_WANTED, effects);
    live->stock_is_dirty = true;
    if (live->epoch > 0)
        sales_stamp (self, live);
}

void
recovery_fence (inventory_t *self, live_sale_t *live, effects_t *effects)
{
    effects_log (effects, LOG_LEVEL_WARNING, "fenced",
                 "sale=%" PRIu64 " token=%" PRIu64 " gate_token=%" PRIu64, live->sale.sale_id,
                 self->leadership.token, live->gate.token);
    live->fenced_token = self->leadership.token;
    live->recovery = (recovery_t){ 0 };
    live->update_tag = 0;
    leadership_doubt (self);
}

/*  The call of the present state is made again, after a pause. */
static void
s_again (inventory_t *self, live_sale_t *live, const event_t *event, effects_t *effects)
{
    recovery_t *recovery = &live->recovery;
    effects_log (effects, LOG_LEVEL_WARNING, "recovery_again",
                 "sale=%" PRIu64 " state=%s call=%s status=%d wait_us=%" PRIu64 " %s",
                 live->sale.sale_id, recovery_state_name (recovery->state),
                 schema_call (event->call)->name, (int)event->status, recovery->backoff_us,
                 event->detail ? event->detail : "");
    recovery->tag = 0;
    recovery->load_count = 0;
    recovery->retry_us = self->now_us + recovery->backoff_us;
    recovery->backoff_us = earlier (recovery->backoff_us * 2, BACKOFF_MAX_US);
}

/*  The gate is not as this recovery left it: from the beginning, after a pause. */
static void
s_from_start (inventory_t *self, live_sale_t *live, uint64_t code, effects_t *effects)
{
    const error_row_t *row = schema_error (code);
    effects_log (effects, LOG_LEVEL_WARNING, "recovery_from_start",
                 "sale=%" PRIu64 " state=%s code=%s", live->sale.sale_id,
                 recovery_state_name (live->recovery.state), row ? row->code : "none");
    if (code == ERROR_STALE_VERSION)
        sales_doubt (self);
    s_enter (self, live, RECOVERY_CLOSED, effects);
    uint64_t doublings = earlier (live->recovery.start_count++, BACKOFF_DOUBLINGS_MAX);
    live->recovery.retry_us = self->now_us + (BACKOFF_MIN_US << doublings);
}

/* -------------------------------------------------------------------------- calls */

static void
s_call_key (inventory_t *self, live_sale_t *live, call_name_t call, effects_t *effects)
{
    live->recovery.tag =
        inventory_call (self, effects, call, PURPOSE_RECOVERY, sales_slot (self, live));
    gate_key_t *key = effects_entry (effects, &record_gate_key);
    key->sale_id = live->sale.sale_id;
    key->epoch = live->epoch;
    key->token = self->leadership.token;
}

static void
s_call_bump (inventory_t *self, live_sale_t *live, effects_t *effects)
{
    recovery_t *recovery = &live->recovery;
    recovery->tag =
        inventory_call (self, effects, CALL_EPOCH_BUMP, PURPOSE_RECOVERY, sales_slot (self, live));
    epoch_row_t *row = effects_entry (effects, &record_epoch_row);
    row->sale_id = live->sale.sale_id;
    row->token = self->leadership.token;
    row->epoch = live->epoch;
    row->lost_units = recovery->lost_units;
}

static void
s_call_page (inventory_t *self, live_sale_t *live, effects_t *effects)
{
    recovery_t *recovery = &live->recovery;
    recovery->tag =
        inventory_call (self, effects, CALL_EPOCH_PAGE, PURPOSE_RECOVERY, sales_slot (self, live));
    gate_entry_t *entry = effects_entry (effects, &record_gate_entry);
    entry->sale_id = live->sale.sale_id;
    entry->epoch = recovery->head.epoch;
    entry->token = self->leadership.token;
    entry->place = recovery->asked_place;
}

/*  No 64-bit sum of limits of the contract overflows: sequences are below 2^63 by far. */
static uint64_t
s_first_sequence (const inventory_t *self, const recovery_t *recovery)
{
    const epoch_row_t *head = &recovery->head;
    if (recovery->gate_is_lost)
        return recovery->cause == CAUSE_FIRST ? head->sequence
                                              : head->sequence + self->params.queue_bound;
    return head->sequence > recovery->gate_sequence ? head->sequence : recovery->gate_sequence;
}

static void
s_call_open (inventory_t *self, live_sale_t *live, effects_t *effects)
{
    recovery_t *recovery = &live->recovery;
    const epoch_row_t *head = &recovery->head;
    recovery->tag =
        inventory_call (self, effects, CALL_GATE_OPEN, PURPOSE_RECOVERY, sales_slot (self, live));
    gate_config_t *config = effects_entry (effects, &record_gate_config);
    gates_fill_config (self, live, config);
    live->update_version = config->version;
    config->epoch = head->epoch;
    config->available = head->stock_total > head->sold ? head->stock_total - head->sold : 0;
    config->held_units = head->sold;
    config->sequence = s_first_sequence (self, recovery);
}

static void
s_call (inventory_t *self, live_sale_t *live, effects_t *effects)
{
    live->recovery.retry_us = 0;
    switch (live->recovery.state) {
    case RECOVERY_CLOSED:
        s_call_key (self, live, CALL_GATE_CLOSE, effects);
        break;
    case RECOVERY_DRAINING:
        s_call_key (self, live, CALL_GATE_STAT, effects);
        break;
    case RECOVERY_BUMPING:
        s_call_bump (self, live, effects);
        break;
    case RECOVERY_LOADING:
        live->recovery.asked_place = live->recovery.loaded_place;
        live->recovery.pages_are_done = false;
        s_call_page (self, live, effects);
        break;
    case RECOVERY_OPENING:
        s_call_open (self, live, effects);
        break;
    case RECOVERY_OPEN:
    case RECOVERY_WANTED:
        CHECK (false);
    }
}

static void
s_enter_and_call (inventory_t *self, live_sale_t *live, recovery_state_t state, effects_t *effects)
{
    s_enter (self, live, state, effects);
    s_call (self, live, effects);
}

/* -------------------------------------------------------------------------- answers, state by state */

/*  The broker is shown the epoch whose journal it has to read. */
static void
s_take_state (inventory_t *self, live_sale_t *live, const gate_state_t *state)
{
    sale_t before, now;
    sales_describe (live, &before);
    gates_take (self, live, state);
    live->gate.recovering = 1;
    sales_describe (live, &now);
    if (now.epoch != before.epoch && live->stamp > 0)
        sales_stamp (self, live);
}

static bool
s_is_fenced (inventory_t *self, live_sale_t *live, const gate_state_t *state, effects_t *effects)
{
    if (state->code != ERROR_FENCED && state->token <= self->leadership.token)
        return false;
    live->gate.token = state->token;
    leadership_meet (self, state->token);
    recovery_fence (self, live, effects);
    return true;
}

/*  The gate lost something: keys are missing, or it went back to an older state, or by whole epochs (an epoch is bumped only
    after its gate was closed). Of the units in the journal when it was last whole, those that are not in it now are the most that
    can be lost: ordering may have taken some of them since. */
static void
s_note_loss (live_sale_t *live, const gate_state_t *state)
{
    recovery_t *recovery = &live->recovery;
    bool is_of_past = state->epoch < live->epoch && !state->recovering;
    if (state->present && !live->went_back && !is_of_past)
        return;
    recovery->gate_is_lost = true;
    if (live->epoch > 0 && live->journal_units > state->journal_units)
        recovery->lost_units = live->journal_units - state->journal_units;
    live->journal_units = state->journal_units;
}

/*  Rule 2. */
static bool
s_is_drained (const live_sale_t *live, const gate_state_t *state, effects_t *effects)
{
    if (state->journal_count > 0 && state->epoch < live->epoch)
        effects_log (effects, LOG_LEVEL_WARNING, "journal_of_past_epoch",
                     "sale=%" PRIu64 " epoch=%" PRIu64 " present=%" PRIu64 " entries=%" PRIu64
                     " go with their gate",
                     live->sale.sale_id, state->epoch, live->epoch, state->journal_count);
    return state->journal_count == 0 || state->epoch < live->epoch;
}

static bool
s_is_under_way (const live_sale_t *live)
{
    return live->is_used && live->recovery.state > RECOVERY_WANTED;
}

/*  Rule 6. */
static uint64_t
s_active_count (const inventory_t *self)
{
    uint64_t count = 0;
    for (size_t i = 0; i < self->sale_count; i++)
        count += s_is_under_way (&self->sales[i]) && !self->sales[i].recovery.is_slow;
    return count;
}

static void
s_drain_on (inventory_t *self, live_sale_t *live, const gate_state_t *state, effects_t *effects)
{
    recovery_t *recovery = &live->recovery;
    bool was_slow = recovery->is_slow;
    recovery->is_slow = self->now_us - recovery->phase_us >= DRAIN_PATIENCE_US;
    recovery->retry_us = self->now_us + (recovery->is_slow ? DRAIN_SLOW_POLL_US : DRAIN_POLL_US);
    if (recovery->is_slow && !was_slow)
        effects_log (effects, LOG_LEVEL_WARNING, "recovery_waits",
                     "sale=%" PRIu64 " stays closed until its journal is empty: entries=%" PRIu64
                     " units=%" PRIu64,
                     live->sale.sale_id, state->journal_count, state->journal_units);
}

static void
s_closed (inventory_t *self, live_sale_t *live, const gate_state_t *state, effects_t *effects)
{
    if (s_is_fenced (self, live, state, effects))
        return;
    s_take_state (self, live, state);
    s_note_loss (live, state);
    live->recovery.gate_sequence = state->sequence;
    bool is_drained = s_is_drained (live, state, effects);
    s_enter_and_call (self, live, is_drained ? RECOVERY_BUMPING : RECOVERY_DRAINING, effects);
}

static void
s_draining (inventory_t *self, live_sale_t *live, const gate_state_t *state, effects_t *effects)
{
    recovery_t *recovery = &live->recovery;
    if (s_is_fenced (self, live, state, effects))
        return;
    if (!state->same_run || !state->recovering) {
        s_from_start (self, live, ERROR_RECOVERING, effects);
        return;
    }
    s_take_state (self, live, state);
    recovery->tag = 0;
    if (!s_is_drained (live, state, effects))
        s_drain_on (self, live, state, effects);
    else if (recovery->is_slow && s_active_count (self) >= RECOVERIES_MAX)
        s_enter (self, live, RECOVERY_WANTED, effects);
    else
        s_enter_and_call (self, live, RECOVERY_BUMPING, effects);
}

static void
s_bumped (inventory_t *self, live_sale_t *live, const event_t *event, effects_t *effects)
{
    recovery_t *recovery = &live->recovery;
    const epoch_row_t *row = event->entries;
    if (event->count == 1 && row->code == ERROR_FENCED) {
        leadership_meet (self, row->token);
        recovery_fence (self, live, effects);
        return;
    }
    if (event->count == 1 && row->code == ERROR_STALE_EPOCH && row->epoch != live->epoch) {
        /* most likely a bump of our own whose answer was lost, and which counted the lost units */
        live->epoch = row->epoch;
        recovery->lost_units = 0;
        s_enter_and_call (self, live, RECOVERY_BUMPING, effects);
        return;
    }
    if (event->count != 1 || row->code != ERROR_NONE || row->epoch == 0) {
        s_again (self, live, event, effects);
        sales_doubt (self);
        return;
    }
    recovery->head = *row;
    recovery->lost_units = 0;
    recovery->loaded_place = 0;
    recovery->loaded_count = 0;
    live->epoch = row->epoch;
    live->sale.sold = row->sold;
    s_enter_and_call (self, live, RECOVERY_LOADING, effects);
}

static void
s_open_if_loaded (inventory_t *self, live_sale_t *live, effects_t *effects)
{
    recovery_t *recovery = &live->recovery;
    if (recovery->pages_are_done && recovery->load_count == 0)
        s_enter_and_call (self, live, RECOVERY_OPENING, effects);
    else if (!recovery->pages_are_done && !recovery->tag && recovery->load_count < LOADS_MAX)
        s_call_page (self, live, effects);
}

static void
s_paged (inventory_t *self, live_sale_t *live, const event_t *event, effects_t *effects)
{
    recovery_t *recovery = &live->recovery;
    const gate_entry_t *rows = event->entries;
    recovery->tag = 0;
    recovery->pages_are_done = event->count == 0;
    if (event->count > 0) {
        uint64_t tag = inventory_call (self, effects, CALL_GATE_LOAD, PURPOSE_RECOVERY,
                                       sales_slot (self, live));
        for (size_t i = 0; i < event->count; i++) {
            gate_entry_t *entry = effects_entry (effects, &record_gate_entry);
            *entry = rows[i];
            entry->sale_id = live->sale.sale_id;
            entry->epoch = recovery->head.epoch;
            entry->token = self->leadership.token;
        }
        recovery->asked_place = rows[event->count - 1].place;
        recovery->loads[recovery->load_count].tag = tag;
        recovery->loads[recovery->load_count++].place = recovery->asked_place;
        recovery->loaded_count += event->count;
    }
    s_open_if_loaded (self, live, effects);
}

static void
s_loaded (inventory_t *self, live_sale_t *live, const event_t *event, effects_t *effects)
{
    recovery_t *recovery = &live->recovery;
    const outcome_t *outcome = event->entries;
    if (event->status != RESULT_OK || event->count != 1) {
        s_again (self, live, event, effects);
        return;
    }
    if (outcome->code == ERROR_FENCED) {
        recovery_fence (self, live, effects);
        return;
    }
    if (outcome->code != ERROR_NONE) {
        s_from_start (self, live, outcome->code, effects);
        return;
    }
    recovery->loaded_place = recovery->loads[0].place;
    recovery->load_count--;
    memmove (&recovery->loads[0], &recovery->loads[1],
             recovery->load_count * sizeof recovery->loads[0]);
    s_open_if_loaded (self, live, effects);
}

static void
s_opened (inventory_t *self, live_sale_t *live, const event_t *event, effects_t *effects)
{
    recovery_t *recovery = &live->recovery;
    const outcome_t *outcome = event->entries;
    if (event->count == 1 && outcome->code == ERROR_FENCED) {
        recovery_fence (self, live, effects);
        return;
    }
    if (event->count != 1 || outcome->code != ERROR_NONE) {
        s_from_start (self, live, event->count == 1 ? outcome->code : ERROR_INTERNAL_ERROR,
                      effects);
        return;
    }
    uint64_t took_us = self->now_us - recovery->began_us;
    effects_add (effects, METRIC_RECOVERIES, 0, 1);
    effects_observe (effects, METRIC_RECOVERY_US, (int64_t)took_us);
    s_enter (self, live, RECOVERY_OPEN, effects);
    effects_log (
        effects, LOG_LEVEL_INFO, "gate_opened",
        "sale=%" PRIu64 " epoch=%" PRIu64 " sold=%" PRIu64 " rids=%" PRIu64 " took_us=%" PRIu64,
        live->sale.sale_id, live->epoch, recovery->head.sold, recovery->loaded_count, took_us);
    gates_opened (self, live, &recovery->head);
    sales_stamp (self, live);
}

/* -------------------------------------------------------------------------- entry points */

static bool
s_is_load (const recovery_t *recovery, uint64_t tag)
{
    for (size_t i = 0; i < recovery->load_count; i++)
        if (recovery->loads[i].tag == tag)
            return true;
    return false;
}

static void
s_answer (inventory_t *self, live_sale_t *live, const event_t *event, effects_t *effects)
{
    switch (event->call) {
    case CALL_GATE_CLOSE:
        s_closed (self, live, event->entries, effects);
        break;
    case CALL_GATE_STAT:
        s_draining (self, live, event->entries, effects);
        break;
    case CALL_EPOCH_BUMP:
        s_bumped (self, live, event, effects);
        break;
    case CALL_EPOCH_PAGE:
        s_paged (self, live, event, effects);
        break;
    case CALL_GATE_OPEN:
        s_opened (self, live, event, effects);
        break;
    default:
        CHECK (false);
    }
}

/*  Rule 5. */
static void
s_park (inventory_t *self, live_sale_t *live, effects_t *effects)
{
    s_enter (self, live, RECOVERY_WANTED, effects);
}

void
recovery_result (inventory_t *self, const event_t *event, effects_t *effects)
{
    uint64_t slot = tag_slot (event->tag);
    live_sale_t *live = slot < self->sale_count ? &self->sales[slot] : NULL;
    if (!live || !live->is_used)
        return;
    recovery_t *recovery = &live->recovery;
    bool is_load = s_is_load (recovery, event->tag);
    if (!is_load && (!recovery->tag || event->tag != recovery->tag))
        return;
    bool is_unanswered = event->status != RESULT_OK;
    bool is_gate_state = event->call == CALL_GATE_CLOSE || event->call == CALL_GATE_STAT;
    if (is_gate_state && event->count != 1)
        is_unanswered = true;
    if (!leadership_is_held (self))
        s_park (self, live, effects);
    else if (is_load)
        s_loaded (self, live, event, effects);
    else if (is_unanswered)
        s_again (self, live, event, effects);
    else
        s_answer (self, live, event, effects);
}

/*  Those that sell first, then those that may yet sell, then the ended ones. */
static live_sale_t *
s_next_wanted (inventory_t *self)
{
    live_sale_t *best = NULL;
    int best_rank = 0;
    for (size_t i = 0; i < self->sale_count; i++) {
        live_sale_t *live = &self->sales[i];
        if (!live->is_used || live->recovery.state != RECOVERY_WANTED)
            continue;
        int rank = sales_is_selling (self, live) ? 3 : sales_is_over (self, live) ? 1 : 2;
        if (rank > best_rank) {
            best = live;
            best_rank = rank;
        }
    }
    return best;
}

void
recovery_advance (inventory_t *self, effects_t *effects)
{
    if (!leadership_is_held (self))
        return;
    for (size_t i = 0; i < self->sale_count; i++) {
        live_sale_t *live = &self->sales[i];
        if (s_is_under_way (live) && live->recovery.retry_us &&
            self->now_us >= live->recovery.retry_us)
            s_call (self, live, effects);
    }
    uint64_t active_count = s_active_count (self);
    live_sale_t *next;
    while (active_count < RECOVERIES_MAX && (next = s_next_wanted (self))) {
        s_enter_and_call (self, next, RECOVERY_CLOSED, effects);
        active_count++;
    }
}

uint64_t
recovery_wake_us (const inventory_t *self)
{
    uint64_t wake_us = UINT64_MAX;
    if (!leadership_is_held (self))
        return wake_us;
    for (size_t i = 0; i < self->sale_count; i++)
        if (s_is_under_way (&self->sales[i]) && self->sales[i].recovery.retry_us)
            wake_us = earlier (wake_us, self->sales[i].recovery.retry_us);
    return wake_us;
}
