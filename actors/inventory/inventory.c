/*  The inventory actor: one leader looks after all sales; others of its kind stand by.

    1. Whatever changes a gate or PostgreSQL is done under the lease (leadership.c); whatever tells what is known is not.
    2. After every event all parts advance once, in one order: so timers do nothing but wake, and a trace replays by its events alone.
    3. Calls in flight are found by tags that are never used twice; an answer that nobody awaits is ignored.

    part            owns                                       its rules and states
    leadership.c    the lease                                  roles
    sales.c         table of live sales, limits                passes over PostgreSQL
    gates.c         what gates say; STOCK, clock, GATE_UPDATE  what a look shows → what is done
    recovery.c      rebuilding one gate                        OPEN … OPENING
    relay.c         release_box → gates                        rounds
    operations.c    stock changes, requeues                    ASKING, GATE, STORING
    cleanup.c       gates of archived sales                    rounds
    questions.c     the table of operators' questions
    asks.c          the first step of each question
    admin.c         what follows                               stages of a question
    audit.c         where every unit is                        at rest or not
    snapshot.c      SALES and LIMITS, acknowledgements         streams */

#include "inventory.h"

#include "admin.h"
#include "asks.h"
#include "cleanup.h"
#include "gates.h"
#include "hash.h"
#include "leadership.h"
#include "operations.h"
#include "recovery.h"
#include "relay.h"
#include "sales.h"
#include "snapshot.h"

uint64_t
inventory_call (inventory_t *self, effects_t *effects, call_name_t call, purpose_t purpose,
                uint64_t slot)
{
    uint64_t tag = tag_next (&self->turn, slot, (uint64_t)purpose);
    effects_call (effects, call, tag);
    return tag;
}

static void *
s_new (const params_t *params, address_t address)
{
    inventory_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->params = *params;
    self->address = address;
    return self;
}

static void
s_destroy (void **self_p)
{
    free (*self_p);
    *self_p = NULL;
}

/* -------------------------------------------------------------------------- step */

static void
s_message (inventory_t *self, const event_t *event, effects_t *effects)
{
    if (event->header->type == MSG_SNAPSHOT_ACK)
        snapshot_ack (self, event);
    else if (event->header->type == MSG_LOG_ADD)
        admin_log_add (self, event, effects);
    else if (asks_is_question (event->header->type))
        admin_message (self, event, effects);
    else
        effects_add (effects, METRIC_FRAMES_REFUSED, 0, 1);
}

/*  Every answer that can say so has its `code`; the first entry speaks for the call. */
static bool
s_is_fenced (const event_t *event)
{
    const record_t *record = schema_call (event->call)->results;
    if (event->status != RESULT_OK || event->count == 0)
        return false;
    for (size_t i = 0; i < record->field_count; i++)
        if (strcmp (record->fields[i].name, "code") == 0)
            return field_number (&record->fields[i], event->entries) == ERROR_FENCED;
    return false;
}

static void
s_result (inventory_t *self, const event_t *event, effects_t *effects)
{
    static void (*const handlers[]) (inventory_t *, const event_t *, effects_t *) = {
        [PURPOSE_LEASE] = leadership_result,    [PURPOSE_RELOAD] = sales_result,
        [PURPOSE_LIMITS] = sales_limits_result, [PURPOSE_POLL] = gates_poll_result,
        [PURPOSE_CLOCK] = gates_clock_result,   [PURPOSE_UPDATE] = gates_update_result,
        [PURPOSE_RECOVERY] = recovery_result,   [PURPOSE_RELAY] = relay_result,
        [PURPOSE_QUESTION] = admin_result,      [PURPOSE_OPERATION] = operations_result,
        [PURPOSE_CLEANUP] = cleanup_result,     [PURPOSE_PENDING] = operations_pending_result,
        [PURPOSE_LOG] = admin_log_result,
    };
    uint64_t purpose = tag_purpose (event->tag);
    if (s_is_fenced (event))
        effects_add (effects, METRIC_FENCED, 0, 1);
    if (purpose > PURPOSE_NONE && purpose <= PURPOSE_LOG)
        handlers[purpose](self, event, effects);
}

static void
s_advance (inventory_t *self, effects_t *effects)
{
    leadership_advance (self, effects);
    sales_advance (self, effects);
    gates_advance (self, effects);
    recovery_advance (self, effects);
    relay_advance (self, effects);
    operations_advance (self, effects);
    cleanup_advance (self, effects);
    admin_advance (self, effects);
    snapshot_advance (self, effects);
}

static void
s_step (void *actor, const event_t *event, effects_t *effects)
{
    inventory_t *self = actor;
    self->now_us = event->now_us;
    switch (event->type) {
    case EVENT_MESSAGE:
        s_message (self, event, effects);
        break;
    case EVENT_RESULT:
        s_result (self, event, effects);
        break;
    case EVENT_PEER_UP:
        snapshot_peer_up (self, event->peer);
        break;
    case EVENT_PEER_DOWN:
        snapshot_peer_down (self, event->peer);
        break;
    case EVENT_STOP:
        leadership_stop (self, effects);
        self->is_stopping = true;
        break;
    case EVENT_START:
    case EVENT_TIMER:
        break;
    }
    s_advance (self, effects);
}

static uint64_t
s_wake_us (const void *actor)
{
    const inventory_t *self = actor;
    uint64_t wake_us = leadership_wake_us (self);
    wake_us = earlier (wake_us, sales_wake_us (self));
    wake_us = earlier (wake_us, gates_wake_us (self));
    wake_us = earlier (wake_us, recovery_wake_us (self));
    wake_us = earlier (wake_us, relay_wake_us (self));
    wake_us = earlier (wake_us, operations_wake_us (self));
    wake_us = earlier (wake_us, cleanup_wake_us (self));
    wake_us = earlier (wake_us, admin_wake_us (self));
    return earlier (wake_us, snapshot_wake_us (self));
}

/* -------------------------------------------------------------------------- about itself */

static void
s_status (const void *actor, actor_status_t *status)
{
    const inventory_t *self = actor;
    bool is_loaded = self->reload.is_loaded && self->snapshot.limits_version;
    *status = (actor_status_t){ 0 };
    status->is_leader = self->leadership.role == ROLE_LEADER && !self->is_stopping;
    status->is_ready =
        self->leadership.role == ROLE_FOLLOWER || (leadership_has_table (self) && is_loaded);
    status->in_flight = self->admin.question_count;
    status->handled = self->handled;
    for (size_t i = 0; i < self->sale_count; i++)
        status->queue_depth += self->sales[i].recovery.state != RECOVERY_OPEN;
}

static uint64_t
s_digest (const void *actor)
{
    const inventory_t *self = actor;
    size_t head_bytes = offsetof (inventory_t, sales) - offsetof (inventory_t, now_us);
    uint64_t digest = hash_bytes (0, &self->now_us, head_bytes);
    return hash_bytes (digest, self->sales, self->sale_count * sizeof self->sales[0]);
}

static void
s_check_sale (const inventory_t *self, const live_sale_t *live)
{
    const recovery_t *recovery = &live->recovery;
    CHECK (live->sale.sale_id > 0 && live->sale.state != SALE_DRAFT);
    CHECK (live->stamp <= self->snapshot.sales_version);
    CHECK (recovery->load_count <= LOADS_MAX);
    CHECK (recovery->load_count == 0 || recovery->state == RECOVERY_LOADING);
    bool is_resting = recovery->state <= RECOVERY_WANTED;
    CHECK (!is_resting || (recovery->tag == 0 && recovery->retry_us == 0));
    /* no state waits for nothing */
    bool is_waiting = recovery->tag || recovery->retry_us || recovery->load_count;
    CHECK (is_resting || is_waiting);
}

static void
s_check (const void *actor)
{
    const inventory_t *self = actor;
    uint64_t polls = 0, questions = 0;
    CHECK (self->sale_count <= SALES_MAX && self->snapshot.receiver_count <= RECEIVERS_MAX);
    for (size_t i = 0; i < self->sale_count; i++) {
        if (!self->sales[i].is_used)
            continue;
        s_check_sale (self, &self->sales[i]);
        polls += self->sales[i].poll_tag != 0;
    }
    CHECK (polls == self->gates.in_flight && polls <= POLLS_MAX);
    for (size_t i = 0; i < QUESTIONS_MAX; i++)
        questions += self->admin.questions[i].stage != STAGE_FREE;
    CHECK (questions == self->admin.question_count);
    operations_check (self);
    for (size_t i = 0; i < self->snapshot.receiver_count; i++) {
        const receiver_t *receiver = &self->snapshot.receivers[i];
        CHECK (receiver->sales.acked <= receiver->sales.sent);
        CHECK (receiver->sales.sent <= self->snapshot.version);
    }
}

const actor_class_t inventory_class = {
    .kind = KIND_INVENTORY,
    .new_ = s_new,
    .destroy = s_destroy,
    .step = s_step,
    .wake_us = s_wake_us,
    .status = s_status,
    .digest = s_digest,
    .check = s_check,
};
