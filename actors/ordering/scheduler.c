/*  The lease "scheduler" and what its holder looks for.

    1. The lease is counted from the moment of asking, never of the answer: ours ends before PostgreSQL's.
    2. Scans carry the token. PostgreSQL compares it with the lease: what a holder that was paused still had on its way does nothing.
    3. Two holders would only do the same twice: an order expires by compare-and-set, and a provider takes a charge or refund once.
    4. What a provider is told may be lost. payment_due names it again, from 2 s to a minute later, refunds until they are done.

    lease | granted          | refused | over by our clock | a scan was fenced
    ------+------------------+---------+-------------------+------------------
    NONE  | HELD, scans due  | -       | -                 | -
    HELD  | HELD             | NONE    | NONE              | NONE, asked at once

    A scan: due, lease held, store open (and, for charges, a ready provider) → out → due again: at once if it was full, for orders no later
    than the next one that ends, otherwise after its period. */

#include "scheduler.h"

#define LEASE_NAME "scheduler"
/*  After an asking that failed: PostgreSQL may be back at any moment. */
#define LEASE_RETRY_US (100u * MS)
/*  A lease of one millisecond: whoever asks next has it. */
#define LEASE_GIVEN_BACK_MS 1u
/*  Orders of one scan: a transaction of some ten milliseconds. */
#define EXPIRY_ORDERS_MAX 512u
/*  Between two looks for charges and refunds. */
#define CHARGES_US (500u * MS)

void
scheduler_init (scheduler_t *self, const params_t *params)
{
    self->lease_us = params->lease_ms * MS;
    self->scan_us = params->order_scan_ms * MS;
}

void
scheduler_handle_start (ordering_t *self)
{
    self->scheduler.lease_due_us = self->now_us;
}

bool
scheduler_is_leader (const ordering_t *self)
{
    return self->now_us < self->scheduler.until_us && !self->is_stopping;
}

/* -------------------------------------------------------------------------- the lease */

static void
s_tell_leader (ordering_t *self, effects_t *effects)
{
    scheduler_t *scheduler = &self->scheduler;
    bool is_leader = scheduler_is_leader (self);
    if (is_leader == scheduler->is_leader_told)
        return;
    scheduler->is_leader_told = is_leader;
    effects_gauge (effects, METRIC_LEADER, 0, is_leader);
    effects_log (effects, LOG_LEVEL_INFO, is_leader ? "lease_held" : "lease_lost", "token %" PRIu64,
                 scheduler->token);
}

static void
s_call_lease (ordering_t *self, uint64_t ttl_ms, effects_t *effects)
{
    scheduler_t *scheduler = &self->scheduler;
    scheduler->is_lease_out = true;
    scheduler->asked_us = self->now_us;
    scheduler->lease_due_us = self->now_us + scheduler->lease_us / 3;
    effects_call (effects, CALL_LEASE_TAKE, TAG_LEASE);
    lease_t *lease = effects_entry (effects, &record_lease);
    snprintf (lease->name, sizeof lease->name, LEASE_NAME);
    snprintf (lease->holder, sizeof lease->holder, "ordering/%" PRIu64, self->address.number);
    lease->incarnation = self->address.incarnation;
    lease->token = scheduler->token;
    lease->ttl_ms = ttl_ms;
}

static void
s_handle_lease (ordering_t *self, const event_t *event, effects_t *effects)
{
    scheduler_t *scheduler = &self->scheduler;
    scheduler->is_lease_out = false;
    if (self->is_stopping)
        return;
    if (event->status != RESULT_OK || event->count != 1) {
        /* no answer is no loss: the lease runs on to its end */
        scheduler->lease_due_us = earlier (scheduler->lease_due_us, self->now_us + LEASE_RETRY_US);
        return;
    }
    const lease_t *row = event->entries;
    bool was_leader = scheduler_is_leader (self);
    scheduler->until_us = row->held ? scheduler->asked_us + scheduler->lease_us : 0;
    if (row->held)
        scheduler->token = row->token;
    if (row->held && !was_leader)
        scheduler->expiry_due_us = scheduler->charges_due_us = self->now_us;
    s_tell_leader (self, effects);
}

void
scheduler_stop (ordering_t *self, effects_t *effects)
{
    bool was_leader = self->now_us < self->scheduler.until_us;
    self->scheduler.until_us = 0;
    s_tell_leader (self, effects);
    if (was_leader)
        s_call_lease (self, LEASE_GIVEN_BACK_MS, effects);
}

/* -------------------------------------------------------------------------- orders whose time is over */

static void
s_scan_orders (ordering_t *self, effects_t *effects)
{
    self->scheduler.is_expiry_out = true;
    effects_add (effects, METRIC_SCANS, CALL_ORDER_EXPIRE, 1);
    effects_call (effects, CALL_ORDER_EXPIRE, TAG_EXPIRY);
    scan_t *scan = effects_entry (effects, &record_scan);
    scan->token = self->scheduler.token;
    scan->limit = EXPIRY_ORDERS_MAX;
}

static void
s_handle_expiry (ordering_t *self, const event_t *event, effects_t *effects)
{
    scheduler_t *scheduler = &self->scheduler;
    const expiry_t *expiry = event->entries;
    scheduler->is_expiry_out = false;
    scheduler->expiry_due_us = self->now_us + scheduler->scan_us;
    if (event->status != RESULT_OK || event->count != 1)
        return;
    if (expiry->code == ERROR_FENCED) {
        effects_add (effects, METRIC_FENCED, 0, 1);
        scheduler->until_us = 0;
        scheduler->lease_due_us = self->now_us;
        s_tell_leader (self, effects);
        return;
    }
    if (expiry->expired_count)
        effects_add (effects, METRIC_ORDERS_EXPIRED, 0, (int64_t)expiry->expired_count);
    self->handled += expiry->expired_count;
    uint64_t left_us = expiry->next_us > expiry->now_us ? expiry->next_us - expiry->now_us : 0;
    if (expiry->next_us && left_us < scheduler->scan_us)
        scheduler->expiry_due_us = self->now_us + left_us;
}

/* -------------------------------------------------------------------------- what providers are told */

/*  Opens a CHARGE to a ready provider; false if there is none. */
static bool
s_open_charge (ordering_t *self, effects_t *effects)
{
    scheduler_t *scheduler = &self->scheduler;
    const peer_t *provider = peers_in_turn (&scheduler->providers, &scheduler->provider_turn, 0);
    if (!provider)
        return false;
    effects_send (effects, provider->address, MSG_CHARGE)->batch_id = ++scheduler->charge_batch;
    return true;
}

void
scheduler_charge (ordering_t *self, const payment_t *payments, size_t count, effects_t *effects)
{
    size_t charged = 0;
    for (size_t i = 0; i < count; i++) {
        if (payments[i].code != ERROR_NONE || payments[i].status != PAYMENT_PENDING)
            continue;
        if (charged == 0 && !s_open_charge (self, effects))
            return;
        charge_t *charge = effects_entry (effects, &record_charge);
        memcpy (charge->payment_id, payments[i].payment_id, sizeof charge->payment_id);
        memcpy (charge->rid, payments[i].rid, sizeof charge->rid);
        charge->amount_cents = payments[i].amount_cents;
        memcpy (charge->outcome, payments[i].outcome, sizeof charge->outcome);
        charged++;
    }
    if (charged)
        effects_add (effects, METRIC_CHARGES_TOLD, 0, (int64_t)charged);
}

static void
s_scan_charges (ordering_t *self, effects_t *effects)
{
    self->scheduler.is_charges_out = true;
    effects_add (effects, METRIC_SCANS, CALL_PAYMENT_DUE, 1);
    effects_call (effects, CALL_PAYMENT_DUE, TAG_CHARGES);
    scan_t *scan = effects_entry (effects, &record_scan);
    scan->token = self->scheduler.token;
    scan->limit = BATCH_ENTRIES_MAX;
}

static void
s_handle_charges (ordering_t *self, const event_t *event, effects_t *effects)
{
    scheduler_t *scheduler = &self->scheduler;
    const charge_t *rows = event->entries;
    size_t count = event->count < BATCH_ENTRIES_MAX ? event->count : BATCH_ENTRIES_MAX;
    scheduler->is_charges_out = false;
    scheduler->charges_due_us = self->now_us + CHARGES_US;
    if (event->status != RESULT_OK || count == 0)
        return;
    if (count == BATCH_ENTRIES_MAX)
        scheduler->charges_due_us = self->now_us;
    if (!s_open_charge (self, effects))
        return;
    for (size_t i = 0; i < count; i++) {
        charge_t *charge = effects_entry (effects, &record_charge);
        *charge = rows[i];
    }
    effects_add (effects, METRIC_CHARGES_TOLD, 0, (int64_t)count);
}

void
scheduler_handle_provider_up (ordering_t *self, const process_t *provider)
{
    size_t ready = peers_ready_count (&self->scheduler.providers);
    peers_up (&self->scheduler.providers, provider);
    if (peers_ready_count (&self->scheduler.providers) > ready)
        self->scheduler.charges_due_us = self->now_us;
}

void
scheduler_handle_provider_down (ordering_t *self, const process_t *provider)
{
    peers_down (&self->scheduler.providers, provider);
}

/* -------------------------------------------------------------------------- events */

void
scheduler_handle_result (ordering_t *self, const event_t *event, effects_t *effects)
{
    switch (event->tag) {
    case TAG_LEASE:
        s_handle_lease (self, event, effects);
        break;
    case TAG_EXPIRY:
        s_handle_expiry (self, event, effects);
        break;
    case TAG_CHARGES:
        s_handle_charges (self, event, effects);
        break;
    default:
        CHECK (!"a result of a call that the scheduler never makes");
    }
}

/*  When each of its calls is due, UINT64_MAX while it cannot be made. */
static uint64_t
s_lease_due_us (const ordering_t *self)
{
    bool is_able = self->is_store_open && !self->is_stopping && !self->scheduler.is_lease_out;
    return is_able ? self->scheduler.lease_due_us : UINT64_MAX;
}

static uint64_t
s_expiry_due_us (const ordering_t *self)
{
    bool is_able =
        self->is_store_open && self->scheduler.is_leader_told && !self->scheduler.is_expiry_out;
    return is_able ? self->scheduler.expiry_due_us : UINT64_MAX;
}

static uint64_t
s_charges_due_us (const ordering_t *self)
{
    bool is_able = self->is_store_open && self->scheduler.is_leader_told &&
                   !self->scheduler.is_charges_out &&
                   peers_ready_count (&self->scheduler.providers) > 0;
    return is_able ? self->scheduler.charges_due_us : UINT64_MAX;
}

void
scheduler_handle_time (ordering_t *self, effects_t *effects)
{
    s_tell_leader (self, effects);
    if (self->now_us >= s_lease_due_us (self))
        s_call_lease (self, self->scheduler.lease_us / MS, effects);
    if (self->now_us >= s_expiry_due_us (self))
        s_scan_orders (self, effects);
    if (self->now_us >= s_charges_due_us (self))
        s_scan_charges (self, effects);
}

uint64_t
scheduler_wake_us (const ordering_t *self)
{
    uint64_t wake_us = self->scheduler.is_leader_told ? self->scheduler.until_us : UINT64_MAX;
    wake_us = earlier (wake_us, s_lease_due_us (self));
    wake_us = earlier (wake_us, s_expiry_due_us (self));
    return earlier (wake_us, s_charges_due_us (self));
}

uint64_t
scheduler_digest (const scheduler_t *self, uint64_t digest)
{
    uint64_t numbers[] = { self->provider_turn, self->charge_batch,  self->token,
                           self->until_us,      self->asked_us,      self->lease_due_us,
                           self->expiry_due_us, self->charges_due_us };
    uint64_t flags = (uint64_t)self->is_leader_told | (uint64_t)self->is_lease_out << 1 |
                     (uint64_t)self->is_expiry_out << 2 | (uint64_t)self->is_charges_out << 3;
    digest = hash_bytes (hash_pair (digest, flags), numbers, sizeof numbers);
    for (size_t i = 0; i < self->providers.count; i++)
        digest = hash_pair (digest, self->providers.peers[i].address.incarnation * 2 +
                                        self->providers.peers[i].is_ready);
    return digest;
}
