/*  Orders in PostgreSQL: deliveries become rows, changes move them, time ends them, questions are answered.

    Invariants
    O1  A delivery is acknowledged with ERROR_NONE only after PostgreSQL answered its call with a final outcome for every
        entry of it: a row exists, the entry is of another epoch, or a rejected row was written; a sale was looked at.
    O2  Every delivery that was accepted is answered by exactly one ACK, unless its broker is gone.
    O3  At most `window` deliveries are with PostgreSQL; at most 2 × window wait behind them; at most ORDERING_QUESTIONS_MAX
        questions are open, and ORDERING_CHANGES_MAX changes of each kind, of which one call is out.
    O4  While the store is closed, or the process is stopping, the credit that brokers hold from us is 0.
    O5  Every question and every change is answered exactly once.
    O6  Scans are made only while the lease is ours by our own clock, and carry its token.

    The store

    state  | write or probe unknown, unavailable       | probe answered
    -------+-------------------------------------------+------------------------------
    closed | -                                         | open, CREDIT window to brokers
    open   | closed, what waits is given back,         | -
           | probe every PROBE_US                      |

    deliveries.c   DELIVER, REJECT, DUE           state table of a place
    changes.c      cancels, payments, events      state table of a change
    reads.c        questions that only read
    scheduler.c    lease, expiry, charges         state table of the lease
    this file      the store, and who handles what                                                      */

#include "ordering.h"

#include "changes.h"
#include "deliveries.h"
#include "reads.h"
#include "scheduler.h"

/*  Between two questions whether PostgreSQL is back. */
#define PROBE_US (250u * MS)

static void *
s_new (const params_t *params, address_t address)
{
    ordering_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->address = address;
    deliveries_init (&self->deliveries, params);
    changes_init (&self->changes, params);
    scheduler_init (&self->scheduler, params);
    return self;
}

static void
s_destroy (void **self_p)
{
    free (*self_p);
    *self_p = NULL;
}

void
ordering_refuse_frame (effects_t *effects)
{
    effects_add (effects, METRIC_FRAMES_REFUSED, 0, 1);
}

error_code_t
ordering_refusal (const ordering_t *self, const event_t *event)
{
    if (event->count != 1)
        return ERROR_INVALID_FIELD;
    if (self->is_stopping)
        return ERROR_DRAINING;
    return self->is_store_open ? ERROR_NONE : ERROR_DEPENDENCY_UNAVAILABLE;
}

/* -------------------------------------------------------------------------- the store */

void
ordering_close_store (ordering_t *self, effects_t *effects)
{
    if (!self->is_store_open)
        return;
    self->is_store_open = false;
    self->probe_due_us = self->now_us + PROBE_US;
    deliveries_give_back (self, effects);
    effects_log (effects, LOG_LEVEL_WARNING, "store_closed", "PostgreSQL does not answer");
}

/*  A question that costs one look into an index and finds nothing: there is no user 0. */
static void
s_probe (ordering_t *self, effects_t *effects)
{
    self->is_probe_out = true;
    self->probe_due_us = self->now_us + PROBE_US;
    effects_call (effects, CALL_ORDER_LIST, TAG_PROBE);
    query_t *query = effects_entry (effects, &record_query);
    query->limit = 1;
}

static void
s_handle_probe (ordering_t *self, const event_t *event, effects_t *effects)
{
    self->is_probe_out = false;
    if (event->status != RESULT_OK || self->is_store_open)
        return;
    self->is_store_open = true;
    deliveries_send_credits (self, effects);
    effects_log (effects, LOG_LEVEL_INFO, "store_open", "PostgreSQL answers");
}

/* -------------------------------------------------------------------------- events */

static void
s_handle_message (ordering_t *self, const event_t *event, effects_t *effects)
{
    uint64_t type = event->header->type;
    if (type == MSG_DELIVER || type == MSG_REJECT || type == MSG_DUE)
        deliveries_handle_message (self, event, effects);
    else if (reads_is_read (type))
        reads_handle_message (self, event, effects);
    else if (changes_is_change (type))
        changes_handle_message (self, event, effects);
    else if (type != MSG_CHARGE_ACK || event->header->from_kind != KIND_PROVIDER)
        ordering_refuse_frame (
            effects); /* an ack says nothing that PostgreSQL does not learn by webhook */
}

static void
s_handle_result (ordering_t *self, const event_t *event, effects_t *effects)
{
    if (event->tag == TAG_PROBE)
        s_handle_probe (self, event, effects);
    else if (event->tag < TAG_PLACE)
        scheduler_handle_result (self, event, effects);
    else if (event->tag < TAG_READ)
        deliveries_handle_result (self, event, effects);
    else if (event->tag < TAG_LANE)
        reads_handle_result (self, event, effects);
    else
        changes_handle_result (self, event, effects);
}

static void
s_handle_peer_up (ordering_t *self, const process_t *peer, effects_t *effects)
{
    if (peer->kind == KIND_BROKER)
        deliveries_handle_broker_up (self, peer, effects);
    if (peer->kind == KIND_PROVIDER)
        scheduler_handle_provider_up (self, peer);
}

static void
s_handle_peer_down (ordering_t *self, const process_t *peer)
{
    if (peer->kind == KIND_BROKER)
        deliveries_handle_broker_down (self, peer);
    if (peer->kind == KIND_PROVIDER)
        scheduler_handle_provider_down (self, peer);
}

static void
s_handle_timer (ordering_t *self, effects_t *effects)
{
    if (!self->is_store_open && !self->is_probe_out && self->now_us >= self->probe_due_us)
        s_probe (self, effects);
    deliveries_handle_time (self, effects);
    scheduler_handle_time (self, effects);
}

static void
s_handle_stop (ordering_t *self, effects_t *effects)
{
    self->is_stopping = true;
    deliveries_send_credits (self, effects);
    scheduler_stop (self, effects);
}

static void
s_step (void *self_, const event_t *event, effects_t *effects)
{
    ordering_t *self = self_;
    self->now_us = event->now_us;
    switch (event->type) {
    case EVENT_START:
        deliveries_send_credits (self, effects);
        scheduler_handle_start (self);
        s_probe (self, effects);
        break;
    case EVENT_MESSAGE:
        s_handle_message (self, event, effects);
        break;
    case EVENT_RESULT:
        s_handle_result (self, event, effects);
        break;
    case EVENT_PEER_UP:
        s_handle_peer_up (self, event->peer, effects);
        break;
    case EVENT_PEER_DOWN:
        s_handle_peer_down (self, event->peer);
        break;
    case EVENT_TIMER:
        s_handle_timer (self, effects);
        break;
    case EVENT_STOP:
        s_handle_stop (self, effects);
        break;
    }
    changes_advance (self, effects);
}

/* -------------------------------------------------------------------------- for the shell and tests */

static uint64_t
s_wake_us (const void *self_)
{
    const ordering_t *self = self_;
    bool is_probe_due = !self->is_store_open && !self->is_probe_out;
    uint64_t wake_us = is_probe_due ? self->probe_due_us : UINT64_MAX;
    wake_us = earlier (wake_us, self->deliveries.credit_due_us);
    wake_us = earlier (wake_us, changes_wake_us (self));
    return earlier (wake_us, scheduler_wake_us (self));
}

static void
s_status (const void *self_, actor_status_t *status)
{
    const ordering_t *self = self_;
    const deliveries_t *deliveries = &self->deliveries;
    status->is_ready = self->is_store_open;
    status->is_leader = scheduler_is_leader (self);
    status->in_flight = deliveries->writing_count + deliveries->waiting_count +
                        self->reads.open_count + changes_in_flight (&self->changes);
    status->queue_depth = deliveries->waiting_count;
    status->handled = self->handled;
}

static uint64_t
s_digest (const void *self_)
{
    const ordering_t *self = self_;
    uint64_t flags = (uint64_t)self->is_store_open | (uint64_t)self->is_probe_out << 1 |
                     (uint64_t)self->is_stopping << 2;
    uint64_t digest = deliveries_digest (&self->deliveries, hash_pair (flags, self->probe_due_us));
    digest = reads_digest (&self->reads, digest);
    digest = changes_digest (&self->changes, digest);
    return scheduler_digest (&self->scheduler, digest);
}

static void
s_check (const void *self_)
{
    const ordering_t *self = self_;
    deliveries_check (self);
    reads_check (&self->reads);
    changes_check (&self->changes);
    /* O6: the gauge follows the lease at the latest when it ends by our clock */
    CHECK (!self->scheduler.is_leader_told || self->scheduler.until_us > 0);
}

const actor_class_t ordering_class = { .kind = KIND_ORDERING,
                                       .new_ = s_new,
                                       .destroy = s_destroy,
                                       .step = s_step,
                                       .wake_us = s_wake_us,
                                       .status = s_status,
                                       .digest = s_digest,
                                       .check = s_check };
