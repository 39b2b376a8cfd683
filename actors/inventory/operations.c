/*  Operations: stock changes and requeues.

    1. PostgreSQL knows how far an operation is. Whatever goes wrong, the next step is to ask it again (STOCK_BEGIN, DEAD_BEGIN), which changes
       nothing that is so already; so a crash anywhere, and a leader that takes over, go on in the same way.
    2. The gate's step has an effect once: by op_id within its epoch, or by the mark of the attempt. PostgreSQL takes the answer over only
       in the epoch of the gate that gave it, and only once.
    3. One that PostgreSQL has begun is never given up. It leaves this table only when it is decided, or when its gate is closed and nobody
       waits for its answer: then the list of what is begun brings it back. So a closed gate fills no places.
    4. One that is not begun is told to its asker as it fails. If it was begun all the same (an answer was lost), rule 3 holds.
    5. At most OPERATIONS_MAX; beyond it a question is refused as busy, and what is listed waits for the next list.
    6. Nothing is done without the lease. A step that is fenced asks for the lease at once.

    state    call in flight               answer                               next
    ASKING   – (retry_us)                 time, lease held                     the call
             STOCK_BEGIN, DEAD_BEGIN      begun                                GATE; ASKING after a pause if the gate is not open
                                          a release of the rid is on its way   ASKING after a pause
                                          decided, refused, unknown            answered, FREE
                                          none                                 ASKING after a pause; not begun: answered, FREE
    GATE     GATE_STOCK, GATE_READMIT     done, or refused                     STORING
                                          recovering, stale epoch, late, none  ASKING after a pause
                                          fenced                               answered not_leader, FREE
    STORING  STOCK_DONE, ORDER_READMIT    decided                              answered, FREE
                                          stale epoch, none                    ASKING after a pause
                                          fenced                               answered not_leader, FREE
    any other answer is of a call that nobody awaits, and is ignored. */

#include "operations.h"

#include "admin.h"
#include "gates.h"
#include "leadership.h"
#include "recovery.h"
#include "relay.h"
#include "sales.h"

#define SCAN_US (10000u * MS)    /* between two lists of what is begun */
#define SCAN_SOON_US (100u * MS) /* when there is something that could not be taken */
#define PAUSE_MIN_US (20u * MS)  /* after the first step that led nowhere */
#define PAUSE_MAX_US (500u * MS)

/* -------------------------------------------------------------------------- places */

static uint64_t
s_slot (const inventory_t *self, const operation_t *operation)
{
    return (uint64_t)(operation - self->operations.slots);
}

static uint64_t
s_sale_id (const operation_t *operation)
{
    return operation->is_requeue ? operation->readmission.sale_id : operation->change.sale_id;
}

/*  One of the same name that asks for something else has a place of its own: PostgreSQL knows which was first. */
static operation_t *
s_find_stock (inventory_t *self, const stock_change_t *change)
{
    for (size_t i = 0; i < OPERATIONS_MAX; i++) {
        operation_t *operation = &self->operations.slots[i];
        if (operation->state != OPERATION_FREE && !operation->is_requeue &&
            operation->change.sale_id == change->sale_id &&
            operation->change.delta == change->delta &&
            memcmp (operation->change.op_id, change->op_id, sizeof change->op_id) == 0)
            return operation;
    }
    return NULL;
}

static operation_t *
s_find_letter (inventory_t *self, uint64_t place)
{
    for (size_t i = 0; i < OPERATIONS_MAX; i++) {
        operation_t *operation = &self->operations.slots[i];
        if (operation->state != OPERATION_FREE && operation->is_requeue &&
            operation->wish.place == place)
            return operation;
    }
    return NULL;
}

static operation_t *
s_open (inventory_t *self)
{
    for (size_t i = 0; i < OPERATIONS_MAX; i++) {
        operation_t *operation = &self->operations.slots[i];
        if (operation->state != OPERATION_FREE)
            continue;
        memset (operation, 0, sizeof *operation);
        operation->state = OPERATION_ASKING;
        operation->retry_us = self->now_us;
        operation->backoff_us = PAUSE_MIN_US;
        return operation;
    }
    return NULL;
}

static bool
s_is_awaited (const inventory_t *self, uint64_t slot)
{
    for (size_t i = 0; i < QUESTIONS_MAX; i++)
        if (self->admin.questions[i].stage == STAGE_OPERATION &&
            self->admin.questions[i].operation == slot)
            return true;
    return false;
}

/* -------------------------------------------------------------------------- the gate of an operation */

/*  True if a step at the gate of this sale makes sense now. */
static bool
s_is_open (inventory_t *self, uint64_t sale_id)
{
    const live_sale_t *live = sales_find (self, sale_id);
    return live && gates_has_version (live, 0) && live->fenced_token != self->leadership.token;
}

/*  An archived sale needs no gate: PostgreSQL decides alone when it is asked. */
static bool
s_can_go_on (inventory_t *self, uint64_t sale_id)
{
    return sales_has_left (self, sale_id) || s_is_open (self, sale_id);
}

/* -------------------------------------------------------------------------- moves */

static void
s_scan_soon (inventory_t *self)
{
    operations_t *operations = &self->operations;
    operations->scan_due_us = earlier (operations->scan_due_us, self->now_us + SCAN_SOON_US);
}

/*  Decided, or nothing more can be said: whoever waits is told. */
static void
s_end (inventory_t *self, operation_t *operation, uint64_t code, effects_t *effects)
{
    live_sale_t *live = sales_find (self, s_sale_id (operation));
    uint64_t slot = s_slot (self, operation);
    bool is_new_version = !operation->is_requeue && code == ERROR_NONE;
    effects_log (effects, LOG_LEVEL_INFO, "operation",
                 "%s sale=%" PRIu64 " letter=%" PRIu64 " code=%s resumed=%d",
                 operation->is_requeue ? "requeue" : "stock", s_sale_id (operation),
                 operation->wish.place, schema_error (code) ? schema_error (code)->code : "none",
                 operation->is_resumed);
    effects_add (effects, METRIC_OPERATIONS, code, 1);
    if (operation->is_resumed)
        effects_add (effects, METRIC_OPERATIONS_RESUMED, 0, 1);
    if (live)
        live->poll_due_us = self->now_us;
    if (is_new_version && !s_is_awaited (self, slot))
        sales_doubt (self);
    memset (operation, 0, sizeof *operation);
    admin_operation_ended (self, slot, (error_code_t)code, effects);
}

/*  Rules 1, 3. */
static void
s_again (inventory_t *self, operation_t *operation)
{
    operation->state = OPERATION_ASKING;
    operation->tag = 0;
    operation->retry_us = self->now_us + operation->backoff_us;
    operation->backoff_us = earlier (operation->backoff_us * 2, PAUSE_MAX_US);
    if (!operation->is_begun || s_can_go_on (self, s_sale_id (operation)) ||
        s_is_awaited (self, s_slot (self, operation)))
        return;
    memset (operation, 0, sizeof *operation);
    s_scan_soon (self);
}

/*  Rule 6. */
static void
s_fenced (inventory_t *self, operation_t *operation, effects_t *effects)
{
    live_sale_t *live = sales_find (self, s_sale_id (operation));
    if (live && operation->state == OPERATION_GATE)
        recovery_fence (self, live, effects);
    leadership_doubt (self);
    s_end (self, operation, ERROR_NOT_LEADER, effects);
}

static void
s_unanswered (inventory_t *self, operation_t *operation, const event_t *event, effects_t *effects)
{
    bool is_refused = event->status == RESULT_REFUSED;
    effects_log (effects, is_refused ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "operation_again",
                 "sale=%" PRIu64 " call=%s status=%d %s", s_sale_id (operation),
                 schema_call (event->call)->name, (int)event->status,
                 event->detail ? event->detail : "");
    if (operation->is_begun) {
        s_again (self, operation);
        return;
    }
    if (event->status == RESULT_UNKNOWN)
        s_scan_soon (self);
    s_end (self, operation, is_refused ? ERROR_INTERNAL_ERROR : ERROR_DEPENDENCY_UNAVAILABLE,
           effects);
}

/* -------------------------------------------------------------------------- calls */

static void
s_call (inventory_t *self, operation_t *operation, operation_state_t state, call_name_t call,
        effects_t *effects)
{
    operation->state = state;
    operation->retry_us = 0;
    operation->tag =
        inventory_call (self, effects, call, PURPOSE_OPERATION, s_slot (self, operation));
}

static void
s_ask (inventory_t *self, operation_t *operation, effects_t *effects)
{
    if (operation->is_requeue) {
        s_call (self, operation, OPERATION_ASKING, CALL_DEAD_BEGIN, effects);
        dead_change_t *wish = effects_entry (effects, &record_dead_change);
        *wish = operation->wish;
        wish->requeue = operation->is_begun ? 2 : 1;
        return;
    }
    s_call (self, operation, OPERATION_ASKING, CALL_STOCK_BEGIN, effects);
    stock_change_t *change = effects_entry (effects, &record_stock_change);
    *change = operation->change;
}

static void
s_call_readmission (inventory_t *self, operation_t *operation, call_name_t call, effects_t *effects)
{
    bool is_gate = call == CALL_GATE_READMIT;
    s_call (self, operation, is_gate ? OPERATION_GATE : OPERATION_STORING, call, effects);
    operation->readmission.token = self->leadership.token;
    readmission_t *row = effects_entry (effects, &record_readmission);
    *row = operation->readmission;
}

static void
s_call_stock (inventory_t *self, operation_t *operation, call_name_t call, effects_t *effects)
{
    bool is_gate = call == CALL_GATE_STOCK;
    s_call (self, operation, is_gate ? OPERATION_GATE : OPERATION_STORING, call, effects);
    operation->stock.token = self->leadership.token;
    stock_op_t *row = effects_entry (effects, &record_stock_op);
    *row = operation->stock;
}

static void
s_go_to_gate (inventory_t *self, operation_t *operation, effects_t *effects)
{
    if (!leadership_is_held (self) || !s_is_open (self, s_sale_id (operation)))
        s_again (self, operation);
    else if (operation->is_requeue)
        s_call_readmission (self, operation, CALL_GATE_READMIT, effects);
    else
        s_call_stock (self, operation, CALL_GATE_STOCK, effects);
}

static void
s_store (inventory_t *self, operation_t *operation, uint64_t code, effects_t *effects)
{
    if (!leadership_is_held (self)) {
        s_again (self, operation);
    } else if (operation->is_requeue) {
        operation->readmission.code = code;
        s_call_readmission (self, operation, CALL_ORDER_READMIT, effects);
    } else {
        operation->stock.code = code;
        s_call_stock (self, operation, CALL_STOCK_DONE, effects);
    }
}

/* -------------------------------------------------------------------------- answers, state by state */

static void
s_stock_answered (inventory_t *self, operation_t *operation, const event_t *event,
                  effects_t *effects)
{
    const stock_op_t *row = event->entries;
    if (event->count != 1) {
        s_end (self, operation, ERROR_UNKNOWN_SALE, effects);
        return;
    }
    operation->stock = *row;
    operation->is_begun = operation->is_begun || row->state == STOCK_BEGUN;
    if (row->code == ERROR_FENCED)
        s_fenced (self, operation, effects);
    else if (row->code == ERROR_STALE_EPOCH)
        s_again (self, operation);
    else if (row->code != ERROR_NONE || row->state != STOCK_BEGUN)
        s_end (self, operation, row->code, effects);
    else
        s_go_to_gate (self, operation, effects);
}

static void
s_readmission_answered (inventory_t *self, operation_t *operation, const event_t *event,
                        effects_t *effects)
{
    const readmission_t *row = event->entries;
    if (event->count != 1) {
        s_end (self, operation, ERROR_NOT_FOUND, effects);
        return;
    }
    operation->readmission = *row;
    operation->is_begun = operation->is_begun || row->state == DEAD_REQUEUEING;
    if (row->code == ERROR_BUSY)
        relay_hurry (self);
    if (row->code == ERROR_FENCED)
        s_fenced (self, operation, effects);
    else if (row->code == ERROR_STALE_EPOCH || row->code == ERROR_BUSY)
        s_again (self, operation);
    else if (row->code != ERROR_NONE || row->state != DEAD_REQUEUEING)
        s_end (self, operation, row->code, effects);
    else
        s_go_to_gate (self, operation, effects);
}

static void
s_gate_answered (inventory_t *self, operation_t *operation, const event_t *event,
                 effects_t *effects)
{
    const outcome_t *outcome = event->entries;
    live_sale_t *live = sales_find (self, s_sale_id (operation));
    if (live)
        live->poll_due_us = self->now_us;
    if (event->count == 1 && outcome->code == ERROR_FENCED)
        s_fenced (self, operation, effects);
    else if (event->count != 1 || outcome->code == ERROR_RECOVERING ||
             outcome->code == ERROR_STALE_EPOCH || outcome->code == ERROR_LATE)
        s_again (self, operation);
    else
        s_store (self, operation, outcome->code, effects);
}

void
operations_result (inventory_t *self, const event_t *event, effects_t *effects)
{
    uint64_t slot = tag_slot (event->tag);
    operation_t *operation = slot < OPERATIONS_MAX ? &self->operations.slots[slot] : NULL;
    if (!operation || operation->tag != event->tag)
        return;
    operation->tag = 0;
    if (event->status != RESULT_OK)
        s_unanswered (self, operation, event, effects);
    else if (operation->state == OPERATION_GATE)
        s_gate_answered (self, operation, event, effects);
    else if (operation->is_requeue)
        s_readmission_answered (self, operation, event, effects);
    else
        s_stock_answered (self, operation, event, effects);
}

/* -------------------------------------------------------------------------- beginning and resuming */

uint64_t
operations_change_stock (inventory_t *self, const stock_change_t *change, effects_t *effects)
{
    operation_t *operation = s_find_stock (self, change);
    if (operation)
        return s_slot (self, operation);
    operation = s_open (self);
    if (!operation)
        return OPERATIONS_MAX;
    operation->change = *change;
    s_ask (self, operation, effects);
    return s_slot (self, operation);
}

uint64_t
operations_requeue (inventory_t *self, const dead_change_t *wish, effects_t *effects)
{
    operation_t *operation = s_find_letter (self, wish->place);
    if (operation)
        return s_slot (self, operation);
    operation = s_open (self);
    if (!operation)
        return OPERATIONS_MAX;
    operation->is_requeue = true;
    operation->wish = *wish;
    s_ask (self, operation, effects);
    return s_slot (self, operation);
}

static void
s_resume_stock (inventory_t *self, const stock_op_t *row)
{
    stock_change_t change = { .sale_id = row->sale_id };
    change.delta = row->taking ? -(int64_t)row->units : (int64_t)row->units;
    memcpy (change.op_id, row->op_id, sizeof change.op_id);
    if (s_find_stock (self, &change))
        return;
    operation_t *operation = s_can_go_on (self, row->sale_id) ? s_open (self) : NULL;
    if (!operation) {
        s_scan_soon (self);
        return;
    }
    operation->is_begun = operation->is_resumed = true;
    operation->change = change;
}

static void
s_resume_letter (inventory_t *self, const readmission_t *row)
{
    if (s_find_letter (self, row->letter))
        return;
    operation_t *operation = s_can_go_on (self, row->sale_id) ? s_open (self) : NULL;
    if (!operation) {
        s_scan_soon (self);
        return;
    }
    operation->is_requeue = operation->is_begun = operation->is_resumed = true;
    operation->wish.place = row->letter;
    operation->readmission = *row;
}

void
operations_pending_result (inventory_t *self, const event_t *event, effects_t *effects)
{
    operations_t *operations = &self->operations;
    bool is_stock = event->tag == operations->stock_tag;
    (void)effects;
    if (!is_stock && event->tag != operations->dead_tag)
        return;
    *(is_stock ? &operations->stock_tag : &operations->dead_tag) = 0;
    if (event->status != RESULT_OK) {
        s_scan_soon (self);
        return;
    }
    for (size_t i = 0; i < event->count; i++) {
        if (is_stock)
            s_resume_stock (self, (const stock_op_t *)event->entries + i);
        else
            s_resume_letter (self, (const readmission_t *)event->entries + i);
    }
}

static void
s_scan (inventory_t *self, effects_t *effects)
{
    operations_t *operations = &self->operations;
    operations->scan_due_us = self->now_us + SCAN_US;
    operations->stock_tag = inventory_call (self, effects, CALL_STOCK_PENDING, PURPOSE_PENDING, 0);
    effects_entry (effects, &record_query);
    operations->dead_tag = inventory_call (self, effects, CALL_DEAD_PENDING, PURPOSE_PENDING, 0);
    effects_entry (effects, &record_query);
}

error_code_t
operations_late_code (const inventory_t *self, uint64_t slot)
{
    const operation_t *operation = &self->operations.slots[slot];
    bool is_at_store = operation->tag && operation->state != OPERATION_GATE;
    return is_at_store ? ERROR_DEPENDENCY_UNAVAILABLE : ERROR_RECOVERING;
}

/* -------------------------------------------------------------------------- terms and time */

void
operations_begin_term (inventory_t *self)
{
    operations_t *operations = &self->operations;
    for (size_t i = 0; i < OPERATIONS_MAX; i++) {
        operation_t *operation = &operations->slots[i];
        if (operation->state == OPERATION_FREE)
            continue;
        operation->state = OPERATION_ASKING;
        operation->tag = 0;
        operation->retry_us = self->now_us;
    }
    operations->stock_tag = operations->dead_tag = 0;
    operations->scan_due_us = self->now_us;
}

void
operations_end_term (inventory_t *self)
{
    memset (&self->operations, 0, sizeof self->operations);
}

static bool
s_may_scan (const inventory_t *self)
{
    return self->reload.is_loaded && !self->operations.stock_tag && !self->operations.dead_tag;
}

void
operations_advance (inventory_t *self, effects_t *effects)
{
    operations_t *operations = &self->operations;
    if (!leadership_is_held (self))
        return;
    for (size_t i = 0; i < OPERATIONS_MAX; i++) {
        operation_t *operation = &operations->slots[i];
        if (operation->state == OPERATION_ASKING && !operation->tag &&
            self->now_us >= operation->retry_us)
            s_ask (self, operation, effects);
    }
    if (s_may_scan (self) && self->now_us >= operations->scan_due_us)
        s_scan (self, effects);
}

uint64_t
operations_wake_us (const inventory_t *self)
{
    const operations_t *operations = &self->operations;
    if (!leadership_is_held (self))
        return UINT64_MAX;
    uint64_t wake_us = s_may_scan (self) ? operations->scan_due_us : UINT64_MAX;
    for (size_t i = 0; i < OPERATIONS_MAX; i++) {
        const operation_t *operation = &operations->slots[i];
        if (operation->state == OPERATION_ASKING && !operation->tag)
            wake_us = earlier (wake_us, operation->retry_us);
    }
    return wake_us;
}

void
operations_check (const inventory_t *self)
{
    for (size_t i = 0; i < OPERATIONS_MAX; i++) {
        const operation_t *operation = &self->operations.slots[i];
        if (operation->state == OPERATION_FREE)
            CHECK (!operation->tag && !operation->is_begun);
        else
            CHECK (operation->tag || operation->state == OPERATION_ASKING);
    }
}
