/*  Limiter core. Invariants:
    1. Every entry of a PURCHASE leaves in the same step, by exactly one way: in the VERDICT to its
    edge or in the PURCHASE to one seckill. The limiter holds nothing.
    2. Levels are asked in the order user, sale, global, concurrency; the first that says no names
    the refusal. They are charged only when all have said yes: a refusal costs nothing on any level.
    3. A first attempt is charged once, also when it cannot be forwarded (it will be sent again). An
    attempt above 1 is neither charged nor refused by a level: the first one was.
    4. An entry is forwarded only under LIMITS in force, to a ready seckill; otherwise it is
    answered `draining`, which an edge takes as "send it again soon".

    state     | entered by            | PURCHASE           | ready
    waiting   | start, no LIMITS yet  | draining           | no
    waiting   | no seckill is ready   | levels, draining   | no
    serving   | LIMITS and a seckill  | levels, forwarded  | yes
    stopping  | STOP                  | as before the STOP | no
    LIMITS is taken in every state. Any other message is invalid: counted, not answered. */

#include "limiter.h"

#include "admission.h"
#include "check.h"
#include "hash.h"
#include "peers.h"
#include "sale_buckets.h"
#include "token_bucket.h"
#include "user_windows.h"

#include <inttypes.h>
#include <string.h>

typedef struct decision_t {
    error_code_t code; /* ERROR_NONE = goes on */
    limit_level_t limit;
    uint64_t retry_after_ms;
} decision_t;

typedef struct limiter_t {
    address_t address;
    limits_t limits; /* version 0 = none yet */
    bool has_limits;
    peers_t seckills;
    peers_t limiters; /* the others */
    uint64_t turn;    /* among the seckills */
    user_windows_t *users;
    sale_buckets_t *sales;
    token_bucket_t global;
    admission_t admission;
    uint64_t bound_told; /* in the gauge */
    uint64_t handled;
    bool is_stopping;
    decision_t decisions[BATCH_ENTRIES_MAX]; /* of the present step */
} limiter_t;

static void
s_destroy (void **self_p)
{
    limiter_t *self = *self_p;
    if (self) {
        user_windows_destroy (&self->users);
        sale_buckets_destroy (&self->sales);
        free (self);
        *self_p = NULL;
    }
}

static void *
s_new (const params_t *params, address_t address)
{
    limiter_t *self = calloc (1, sizeof *self);
    CHECK (self);
    uint64_t seed = hash_pair (address.incarnation, address.number);
    self->address = address;
    self->users = user_windows_new (params->users_max, seed);
    self->sales = sale_buckets_new (seed);
    admission_init (&self->admission, params);
    return self;
}

/* -------------------------------------------------------------------------- levels */

static uint64_t
s_shares (const limiter_t *self)
{
    return peers_ready_count (&self->limiters) + 1;
}

static token_rate_t
s_sale_rate (const limiter_t *self)
{
    return (token_rate_t){ self->limits.sale_rate_per_s, self->limits.sale_burst, s_shares (self) };
}

static token_rate_t
s_global_rate (const limiter_t *self)
{
    return (token_rate_t){ self->limits.global_rate_per_s, self->limits.global_burst,
                           s_shares (self) };
}

static decision_t
s_rate_limited (limit_level_t limit, uint64_t wait_us)
{
    return (decision_t){ ERROR_RATE_LIMITED, limit, (wait_us + 999) / 1000 };
}

/*  Asks all levels and, if all say yes, charges them. `forgotten` counts the users' windows given
    up for it. */
static decision_t
s_decide (limiter_t *self, const purchase_t *purchase, uint64_t room, uint64_t now_us,
          int64_t *forgotten)
{
    token_rate_t sale_rate = s_sale_rate (self), global_rate = s_global_rate (self);
    uint64_t wait_us;
    if ((wait_us = user_windows_wait_us (self->users, purchase->user_id, now_us)))
        return s_rate_limited (LIMIT_USER, wait_us);
    if ((wait_us = sale_buckets_wait_us (self->sales, purchase->sale_id, sale_rate, now_us)))
        return s_rate_limited (LIMIT_SALE, wait_us);
    if ((wait_us = token_bucket_wait_us (&self->global, global_rate, now_us)))
        return s_rate_limited (LIMIT_GLOBAL, wait_us);
    if (room == 0)
        return (decision_t){ ERROR_BUSY, LIMIT_NONE, self->admission.target_us / 1000 };
    *forgotten += user_windows_charge (self->users, purchase->user_id, now_us);
    sale_buckets_take (self->sales, purchase->sale_id, sale_rate, now_us);
    token_bucket_take (&self->global, global_rate, now_us);
    return (decision_t){ ERROR_NONE, LIMIT_NONE, 0 };
}

/*  Fills `decisions`. Returns how many entries go on. */
static size_t
s_decide_all (limiter_t *self, const event_t *event, effects_t *effects)
{
    const purchase_t *purchases = event->entries;
    uint64_t room = admission_room (&self->admission);
    int64_t forgotten = 0;
    size_t passed = 0;
    for (size_t i = 0; i < event->count; i++) {
        decision_t *decision = &self->decisions[i];
        *decision = (decision_t){ ERROR_NONE, LIMIT_NONE, 0 };
        if (!self->has_limits)
            decision->code = ERROR_DRAINING;
        else if (purchases[i].attempt <= 1)
            *decision = s_decide (self, &purchases[i], room, event->now_us, &forgotten);
        if (decision->code == ERROR_NONE) {
            passed++;
            room -= room > 0;
        }
    }
    if (forgotten)
        effects_add (effects, METRIC_USERS_FORGOTTEN, 0, forgotten);
    return passed;
}

/* -------------------------------------------------------------------------- PURCHASE */

/*  The seckill for this batch, in turn. A resend avoids the one that may have been the reason for
    it. */
static const peer_t *
s_choose_seckill (limiter_t *self, const event_t *event, const flight_t *flight)
{
    const purchase_t *purchases = event->entries;
    bool has_resend = false;
    for (size_t i = 0; i < event->count && !has_resend; i++)
        has_resend = purchases[i].attempt > 1;
    return peers_in_turn (&self->seckills, &self->turn, has_resend ? flight->seckill_number : 0);
}

static void
s_answer_refused (const limiter_t *self, const event_t *event, effects_t *effects)
{
    const purchase_t *purchases = event->entries;
    int64_t by_code[ERROR_NUMBERS] = { 0 };
    effects_reply (effects, event->header, MSG_VERDICT);
    for (size_t i = 0; i < event->count; i++) {
        const decision_t *decision = &self->decisions[i];
        if (decision->code == ERROR_NONE)
            continue;
        verdict_t *verdict = effects_entry (effects, &record_verdict);
        verdict->qid = purchases[i].qid;
        verdict->attempt = purchases[i].attempt;
        verdict->code = decision->code;
        verdict->limit = decision->limit;
        verdict->retry_after_ms = decision->retry_after_ms;
        by_code[decision->code]++;
    }
    for (uint64_t code = 0; code < ERROR_NUMBERS; code++)
        if (by_code[code])
            effects_add (effects, METRIC_LIMITED, code, by_code[code]);
}

static void
s_forward (const limiter_t *self, const event_t *event, const peer_t *seckill, effects_t *effects)
{
    const purchase_t *purchases = event->entries;
    const header_t *from = event->header;
    header_t *header = effects_send (effects, seckill->address, MSG_PURCHASE);
    header->cause_id = from->message_id;
    memcpy (header->trace_id, from->trace_id, sizeof header->trace_id);
    memcpy (header->span_id, from->span_id, sizeof header->span_id);
    header->before_us = from->before_us;
    header->attempt = from->attempt;
    header->batch_id = from->batch_id;
    header->origin_number = from->from_number;
    header->origin_incarnation = from->from_incarnation;
    for (size_t i = 0; i < event->count; i++)
        if (self->decisions[i].code == ERROR_NONE)
            *(purchase_t *)effects_entry (effects, &record_purchase) = purchases[i];
    effects_add (effects, METRIC_FORWARDED, 0, (int64_t)effects_entry_count (effects));
}

static void
s_tell_bound (limiter_t *self, effects_t *effects)
{
    if (self->bound_told == self->admission.bound)
        return;
    self->bound_told = self->admission.bound;
    effects_gauge (effects, METRIC_IN_FLIGHT_LIMIT, 0, (int64_t)self->bound_told);
}

static void
s_handle_purchase (limiter_t *self, const event_t *event, effects_t *effects)
{
    const header_t *header = event->header;
    flight_t *flight = admission_arrive (&self->admission, header->from_number,
                                         header->from_incarnation, header->trip_us, event->now_us);
    size_t passed = s_decide_all (self, event, effects);
    const peer_t *seckill = passed ? s_choose_seckill (self, event, flight) : NULL;
    for (size_t i = 0; i < event->count && !seckill; i++)
        if (self->decisions[i].code == ERROR_NONE)
            self->decisions[i].code = ERROR_DRAINING;
    if (!seckill)
        passed = 0;
    if (passed < event->count)
        s_answer_refused (self, event, effects);
    if (passed > 0) {
        s_forward (self, event, seckill, effects);
        admission_depart (&self->admission, flight, passed, seckill->address.number, event->now_us);
    }
    self->handled += event->count;
    s_tell_bound (self, effects);
}

/* -------------------------------------------------------------------------- other events */

/*  A lower version is of a former leader: the higher one stays. It is acknowledged all the same,
    for what it says or something newer is in force, and its sender must not wait. */
static void
s_handle_limits (limiter_t *self, const event_t *event, effects_t *effects)
{
    const limits_t *limits = event->entries;
    if (!self->has_limits || limits->version >= self->limits.version) {
        bool was_unlimited = self->limits.global_rate_per_s == 0;
        memcpy (&self->limits, limits, sizeof self->limits);
        self->has_limits = true;
        user_windows_limit (self->users, limits->user_count, limits->user_window_ms * 1000);
        if (was_unlimited)
            token_bucket_fill (&self->global, s_global_rate (self), event->now_us);
        effects_log (effects, LOG_LEVEL_INFO, "limits_taken", "version=%" PRIu64, limits->version);
    }
    effects_reply (effects, event->header, MSG_SNAPSHOT_ACK);
    snapshot_ack_t *ack = effects_entry (effects, &record_snapshot_ack);
    ack->version = event->header->batch_id;
}

static void
s_handle_message (limiter_t *self, const event_t *event, effects_t *effects)
{
    const header_t *header = event->header;
    bool is_batch = event->count > 0 && event->count <= BATCH_ENTRIES_MAX;
    if (header->type == MSG_PURCHASE && header->from_kind == KIND_EDGE && is_batch)
        s_handle_purchase (self, event, effects);
    else if (header->type == MSG_LIMITS && header->from_kind == KIND_INVENTORY && event->count == 1)
        s_handle_limits (self, event, effects);
    else
        effects_add (effects, METRIC_FRAMES_REFUSED, 0, 1);
}

static void
s_handle_peer (limiter_t *self, const event_t *event)
{
    const process_t *peer = event->peer;
    bool is_up = event->type == EVENT_PEER_UP;
    peers_t *peers = peer->kind == KIND_SECKILL   ? &self->seckills
                     : peer->kind == KIND_LIMITER ? &self->limiters
                                                  : NULL;
    if (peers && is_up)
        peers_up (peers, peer);
    else if (peers)
        peers_down (peers, peer);
    else if (peer->kind == KIND_EDGE && !is_up)
        admission_forget (&self->admission, peer->number, peer->incarnation);
}

static void
s_step (void *self_, const event_t *event, effects_t *effects)
{
    limiter_t *self = self_;
    switch (event->type) {
    case EVENT_START:
        s_tell_bound (self, effects);
        break;
    case EVENT_MESSAGE:
        s_handle_message (self, event, effects);
        break;
    case EVENT_PEER_UP:
    case EVENT_PEER_DOWN:
        s_handle_peer (self, event);
        break;
    case EVENT_TIMER:
        admission_expire (&self->admission, event->now_us);
        break;
    case EVENT_STOP:
        self->is_stopping = true;
        break;
    case EVENT_RESULT:
        break; /* it makes no calls */
    }
}

/* -------------------------------------------------------------------------- what the shell asks */

static uint64_t
s_wake_us (const void *self_)
{
    return admission_wake_us (&((const limiter_t *)self_)->admission);
}

/*  What was forwarded does not come back here: a stopping limiter has nothing to wait for. */
static void
s_status (const void *self_, actor_status_t *status)
{
    const limiter_t *self = self_;
    memset (status, 0, sizeof *status);
    status->is_ready =
        self->has_limits && peers_ready_count (&self->seckills) > 0 && !self->is_stopping;
    status->in_flight = self->is_stopping ? 0 : self->admission.in_flight;
    status->handled = self->handled;
}

static uint64_t
s_digest_peers (uint64_t digest, const peers_t *peers)
{
    for (size_t i = 0; i < peers->count; i++) {
        const peer_t *peer = &peers->peers[i];
        digest = hash_bytes (digest, &peer->address, sizeof peer->address);
        digest = hash_pair (digest, peer->is_ready);
    }
    return digest;
}

static uint64_t
s_digest (const void *self_)
{
    const limiter_t *self = self_;
    uint64_t digest = hash_bytes (self->has_limits, &self->limits, sizeof self->limits);
    digest = s_digest_peers (digest, &self->seckills);
    digest = s_digest_peers (digest, &self->limiters);
    digest = hash_pair (digest, self->turn);
    digest = hash_pair (digest, user_windows_digest (self->users));
    digest = hash_pair (digest, sale_buckets_digest (self->sales));
    digest = hash_bytes (digest, &self->global, sizeof self->global);
    digest = hash_bytes (digest, &self->admission, sizeof self->admission);
    return hash_pair (digest, self->is_stopping);
}

static void
s_check (const void *self_)
{
    const limiter_t *self = self_;
    admission_check (&self->admission);
    user_windows_check (self->users);
}

const actor_class_t limiter_class = {
    .kind = KIND_LIMITER,
    .new_ = s_new,
    .destroy = s_destroy,
    .step = s_step,
    .wake_us = s_wake_us,
    .status = s_status,
    .digest = s_digest,
    .check = s_check,
};
