/*  Durable delivery of journal entries to ordering processes.

    The journal is the record: an entry stays in it until its order is committed, so this table may be lost at any moment and
    everything in it is only a copy. Two active routers, a re-read from the start or a late answer can repeat a delivery,
    never lose one.

    Invariants
    R1  An entry is deleted from the journal only after an ACK ERROR_NONE for a delivery that held it.
    R2  An entry that was read is in the backlog until its deletion succeeded (or the lease is lost).
    R3  When a delivery is sent, the deliveries outstanding to its consumer are at most the credit which that consumer
        gave last, and at most delivery_window.
    R4  Journals are read, and deliveries sent, only while the lease is held; at most one read is out.
    R5  At most BACKLOG_ENTRIES_MAX entries are held; a read is sent only if a full answer fits.
    R6  A stream is one (sale, epoch). At most one stream of a sale is open; a closed one is not read, and goes when its
        last entry is gone.
    R7  Every call that changes a gate carries the lease's token; the gate keeps the highest and refuses lower ones. A router that was
        refused is passive at once and holds the lease again only with a token that is not below what it was refused for.

    The lease

    state   | held = 1, token not below what fenced us        | held = 0                  | a gate says: fenced         | says nothing
    --------+-------------------------------------------------+---------------------------+-----------------------------+-------------
    passive | active: all positions 0, nothing in the backlog | -                         | -                           | -
    active  | - (the token may have risen)                    | passive: all is forgotten | passive; asks again at once | -

    An answer that says nothing (PostgreSQL is away) changes nothing: two active routers only repeat, and the gates refuse the older.

    streams.c         the journals: what to read next, what to delete     state table of a stream
    delays.c          delayed messages at the gates                       state table of a sale's
    consumers.c       ordering processes and the deliveries they hold     state table of a delivery
    delivery_limit.c  how often one entry alone may fail
    this file         the lease, and what follows what at the end of a step                                         */

#include "router.h"

#include "backlog.h"
#include "check.h"
#include "consumers.h"
#include "delays.h"
#include "hash.h"
#include "streams.h"

#include <inttypes.h>
#include <string.h>

/*  Before an asking for the lease that failed is made again. */
#define LEASE_RETRY_US 100000u
/*  A lease of one millisecond: whoever asks next has it. */
#define LEASE_GIVEN_BACK_MS 1u
/*  Between two looks at the age of the oldest entry. */
#define AGE_US 1000000u

struct router_t {
    address_t address;
    bool is_active, is_stopping;
    uint64_t term; /* rises with every change of is_active: answers to earlier calls are ignored */
    bool is_lease_out;
    uint64_t lease_us, lease_token, lease_due_us;
    uint64_t
        fenced_token; /* highest that a gate refused us for; a lease with a lower one is none */
    backlog_t *backlog;
    streams_t streams;
    consumers_t consumers;
    uint64_t handled;
    size_t credits_told, unacknowledged_told;
    uint64_t age_told_ms, age_due_us;
};

router_t *
router_new (const params_t *params, address_t address)
{
    router_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->address = address;
    self->lease_us = params->lease_ms * 1000;
    self->lease_due_us = self->age_due_us = UINT64_MAX;
    self->backlog = backlog_new ();
    streams_init (&self->streams, self->backlog);
    consumers_init (&self->consumers, params, self->backlog);
    return self;
}

void
router_destroy (router_t **self_p)
{
    if (*self_p) {
        streams_close (&(*self_p)->streams);
        backlog_destroy (&(*self_p)->backlog);
        free (*self_p);
        *self_p = NULL;
    }
}

/* -------------------------------------------------------------------------- the lease */

static void
s_begin_term (router_t *self, bool is_active, effects_t *effects)
{
    self->is_active = is_active;
    self->term++;
    backlog_clear (self->backlog);
    streams_begin_term (&self->streams, self->term);
    consumers_begin_term (&self->consumers);
    effects_gauge (effects, METRIC_LEADER, 0, self->is_active);
}

static void
s_handle_lease (router_t *self, const event_t *event, effects_t *effects)
{
    self->is_lease_out = false;
    if (event->status != RESULT_OK && self->lease_due_us > event->now_us + LEASE_RETRY_US)
        self->lease_due_us = event->now_us + LEASE_RETRY_US;
    if (event->status != RESULT_OK || event->count == 0)
        return;
    const lease_t *lease = event->entries;
    bool is_held = lease->held && lease->token >= self->fenced_token;
    self->lease_token = is_held ? lease->token : 0;
    self->streams.token = self->consumers.limit.token = self->lease_token;
    if (self->is_active == is_held)
        return;
    s_begin_term (self, is_held, effects);
    effects_log (effects, LOG_LEVEL_INFO, is_held ? "lease_held" : "lease_lost", "token %" PRIu64,
                 lease->token);
}

/*  A gate has seen a higher token: somebody took the lease while we were paused, or PostgreSQL away. What we hold is forgotten, as
    whoever has the lease reads it again. With PostgreSQL away nobody can commit anyway, so it does no harm that nobody delivers
    then. We ask with the token that refused us: should the lease table be older than that (restored from a backup), it follows. */
static void
s_handle_fenced (router_t *self, const event_t *event, effects_t *effects)
{
    const journal_state_t *state = event->entries;
    effects_add (effects, METRIC_BROKER_FENCED, event->call, 1);
    if (state->token > self->fenced_token)
        self->fenced_token = state->token;
    if (!self->is_active || self->lease_token >= self->fenced_token)
        return;
    effects_log (effects, LOG_LEVEL_WARNING, "fenced",
                 "token %" PRIu64 " is refused for %" PRIu64 ": the lease was taken",
                 self->lease_token, state->token);
    self->lease_token = 0;
    self->lease_due_us = event->now_us;
    s_begin_term (self, false, effects);
}

static void
s_call_lease (router_t *self, uint64_t ttl_ms, effects_t *effects)
{
    self->is_lease_out = true;
    effects_call (effects, CALL_LEASE_TAKE, self->term << 16);
    lease_t *lease = effects_entry (effects, &record_lease);
    snprintf (lease->name, sizeof lease->name, "broker");
    snprintf (lease->holder, sizeof lease->holder, "broker/%" PRIu64, self->address.number);
    lease->incarnation = self->address.incarnation;
    lease->token = self->fenced_token > self->lease_token ? self->fenced_token : self->lease_token;
    lease->ttl_ms = ttl_ms;
}

static void
s_ask_lease (router_t *self, uint64_t now_us, effects_t *effects)
{
    if (self->is_stopping || self->is_lease_out || now_us < self->lease_due_us)
        return;
    self->lease_due_us = now_us + self->lease_us / 3;
    s_call_lease (self, self->lease_us / 1000, effects);
}

/* -------------------------------------------------------------------------- events */

void
router_handle_start (router_t *self, const event_t *event)
{
    self->lease_due_us = event->now_us;
}

/*  What is out is waited for; another broker may begin at once, for what both have only comes twice. */
void
router_handle_stop (router_t *self, effects_t *effects)
{
    self->is_stopping = true;
    if (self->is_active)
        s_call_lease (self, LEASE_GIVEN_BACK_MS, effects);
}

void
router_handle_sales (router_t *self, const event_t *event, effects_t *effects)
{
    if (event->header->from_kind != KIND_INVENTORY) {
        effects_add (effects, METRIC_FRAMES_REFUSED, 0, 1);
        return;
    }
    const sale_t *sales = event->entries;
    for (size_t i = 0; i < event->count; i++)
        streams_learn (&self->streams, &sales[i], event->now_us, effects);
    effects_reply (effects, event->header, MSG_SNAPSHOT_ACK);
    snapshot_ack_t *ack = effects_entry (effects, &record_snapshot_ack);
    ack->version = event->header->batch_id;
}

void
router_handle_ack (router_t *self, const event_t *event, effects_t *effects)
{
    ending_t ending = consumers_handle_ack (&self->consumers, event, effects);
    self->handled += ending.entries.count;
    streams_acknowledge (&self->streams, ending.entries);
    if (ending.is_due)
        delays_handle_delivered (&self->streams, ending.stream, ending.again_us, event->now_us);
}

void
router_handle_credit (router_t *self, const event_t *event, effects_t *effects)
{
    consumers_handle_credit (&self->consumers, event, effects);
}

void
router_handle_peer_up (router_t *self, const process_t *peer, uint64_t now_us, effects_t *effects)
{
    consumers_handle_peer_up (&self->consumers, peer, now_us, effects);
}

void
router_handle_peer_down (router_t *self, const process_t *peer, uint64_t now_us, effects_t *effects)
{
    consumers_handle_peer_down (&self->consumers, peer, now_us, effects);
}

static bool
s_is_fenced (const event_t *event)
{
    const journal_state_t *state = event->entries;
    return schema_call (event->call)->results == &record_journal_state &&
           event->status == RESULT_OK && event->count == 1 && state->code == ERROR_FENCED;
}

void
router_handle_result (router_t *self, const event_t *event, effects_t *effects)
{
    if (s_is_fenced (event)) /* the end of the term is the end of all calls that are out */
        s_handle_fenced (self, event, effects);
    switch (event->call) {
    case CALL_LEASE_TAKE:
        s_handle_lease (self, event, effects);
        break;
    case CALL_JOURNAL_READ:
        streams_handle_read (&self->streams, event, self->is_active, effects);
        break;
    case CALL_JOURNAL_DELETE:
        delays_handle_deleted (&self->streams, event, effects);
        streams_handle_deleted (&self->streams, event, effects);
        break;
    case CALL_DELIVERY_COUNT:
        delivery_limit_handle_counted (&self->consumers.limit, event, effects);
        break;
    case CALL_DELAY_DUE:
        delays_handle_due (&self->streams, event, effects);
        break;
    case CALL_DELAY_DONE:
        delays_handle_done (&self->streams, event, effects);
        break;
    default:
        CHECK (!"a result of a call that the router never makes");
    }
}

/* -------------------------------------------------------------------------- the end of a step */

/*  Credit, and nothing to use it for: the next batch is wanted. While redeliveries use up all the credit, one batch is read
    ahead, so that they cannot keep fresh entries out. */
static bool
s_wants_read (const router_t *self)
{
    if (!self->is_active || self->is_stopping || !streams_can_read (&self->streams))
        return false;
    return consumers_credits (&self->consumers) > 0 ||
           (backlog_count (self->backlog, DELIVERY_READY) > 0 &&
            consumers_are_open (&self->consumers));
}

static void
s_tell_gauges (router_t *self, effects_t *effects)
{
    size_t credits = consumers_credits (&self->consumers);
    size_t unacknowledged = backlog_unacknowledged (self->backlog);
    if (credits != self->credits_told)
        effects_gauge (effects, METRIC_CREDITS, 0, (int64_t)credits);
    if (unacknowledged != self->unacknowledged_told)
        effects_gauge (effects, METRIC_UNACKNOWLEDGED, 0, (int64_t)unacknowledged);
    self->credits_told = credits;
    self->unacknowledged_told = unacknowledged;
}

/*  Only of what was read and put together: what waits in the journals is in the audit of each sale. */
static void
s_tell_age (router_t *self, uint64_t now_us, effects_t *effects)
{
    bool is_empty = backlog_unacknowledged (self->backlog) == 0;
    if (!is_empty && self->age_due_us == UINT64_MAX)
        self->age_due_us = now_us + AGE_US;
    if (!is_empty && now_us < self->age_due_us)
        return;
    uint64_t oldest_us = is_empty ? UINT64_MAX : backlog_oldest_us (self->backlog);
    uint64_t age_ms = oldest_us < now_us ? (now_us - oldest_us) / 1000 : 0;
    self->age_due_us = is_empty ? UINT64_MAX : now_us + AGE_US;
    if (age_ms != self->age_told_ms)
        effects_gauge (effects, METRIC_OLDEST_MS, 0, (int64_t)age_ms);
    self->age_told_ms = age_ms;
}

void
router_end (router_t *self, uint64_t now_us, effects_t *effects)
{
    s_ask_lease (self, now_us, effects);
    consumers_handle_time (&self->consumers, now_us, effects);
    if (self->is_active && !self->is_stopping) {
        consumers_deliver (&self->consumers, now_us, effects);
        delays_call (&self->streams, now_us, effects);
    }
    streams_delete (&self->streams, now_us, effects);
    if (s_wants_read (self))
        streams_read (&self->streams, now_us, effects);
    s_tell_gauges (self, effects);
    s_tell_age (self, now_us, effects);
}

/* -------------------------------------------------------------------------- for the shell and tests */

uint64_t
router_wake_us (const router_t *self)
{
    uint64_t wake_us = self->is_lease_out || self->is_stopping ? UINT64_MAX : self->lease_due_us;
    wake_us = earlier (wake_us, backlog_soonest_us (self->backlog, DELIVERY_OUT));
    wake_us = earlier (wake_us, backlog_soonest_us (self->backlog, DELIVERY_BACKOFF));
    wake_us = earlier (wake_us, backlog_soonest_us (self->backlog, DELIVERY_COUNTING));
    wake_us = earlier (wake_us, self->streams.dirty_retry_us);
    wake_us = earlier (wake_us, self->age_due_us);
    if (self->is_active && !self->is_stopping)
        wake_us = earlier (wake_us, delays_wake_us (&self->streams));
    if (s_wants_read (self))
        wake_us = earlier (wake_us, self->streams.read_retry_us);
    return wake_us;
}

void
router_status (const router_t *self, actor_status_t *status)
{
    status->is_leader = self->is_active;
    status->in_flight = backlog_count (self->backlog, DELIVERY_OUT) + self->streams.kept_count;
    status->queue_depth = backlog_unacknowledged (self->backlog);
    status->handled = self->handled;
}

uint64_t
router_digest (const router_t *self)
{
    uint64_t flags = (uint64_t)self->is_active | (uint64_t)self->is_stopping << 1 |
                     (uint64_t)self->is_lease_out << 2;
    uint64_t numbers[] = {
        flags,           self->term, self->lease_token, self->lease_due_us, self->fenced_token,
        self->age_due_us
    };
    uint64_t digest = hash_bytes (backlog_digest (self->backlog), numbers, sizeof numbers);
    digest = streams_digest (digest, &self->streams);
    return consumers_digest (digest, &self->consumers);
}

void
router_check (const router_t *self)
{
    streams_check (&self->streams);
    consumers_check (&self->consumers);
    CHECK (!self->is_active || self->lease_token >= self->fenced_token);
    backlog_check (self->backlog, self->streams.kept_count);
    CHECK (self->is_active ||
           backlog_unacknowledged (self->backlog) + self->streams.kept_count == 0);
}
