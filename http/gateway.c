/*  The edge's core. Invariants:

    1. Every message of a worker is answered exactly once (purchases.c, questions.c, tally_rounds.c), a new one of a slot at the latest ends the
       one before: the worker had given up.
    2. A snapshot is acknowledged only after it was passed on to be published: whoever gets the SNAPSHOT_ACK may rely on this
       edge serving it.
    3. It is ready only when it has a whole snapshot of the sales and the whole deny-list: their last message says so.
    4. The version of a sale never goes back, whatever order snapshots of old and new leaders come in.
    5. After STOP nothing new is accepted: workers are answered `draining`.
    6. One step answers at most STEP_ANSWERS_MAX deadlines: the rest follows in the next, at once.

    state      | PURCHASE, question of a worker | snapshots          | ready
    starting   | as serving                     | published, ACK     | no: a snapshot, the clock, a limiter or a seckill is missing
    serving    | accepted                       | published, ACK     | yes
    draining   | draining                       | published, ACK     | –
    VERDICT and answers are taken in every state. Any other message is invalid: it is dropped. */

#include "gateway.h"

#include "check.h"
#include "hash.h"
#include "purchases.h"
#include "questions.h"
#include "sale_versions.h"
#include "tally_rounds.h"

#include <string.h>

#define STEP_ANSWERS_MAX 1024u

typedef struct gateway_t {
    address_t address;
    peers_t peers[KIND_COUNT];
    pendings_t pendings;
    purchases_t purchases;
    questions_t questions;
    gate_clock_t clock;
    sale_versions_t sale_versions;
    sale_tallies_t tallies;
    tally_rounds_t rounds;
    readiness_t readiness;
    readiness_t told; /* as the workers know it */
    bool was_told;
    bool has_queued; /* batches may leave at the next TIMER, which is wanted at once */
    uint64_t now_us; /* of the last step */
} gateway_t;

static void *
s_new (const params_t *params, address_t address)
{
    gateway_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->address = address;
    /* qids of different incarnations differ, and never look like a snapshot's version */
    pendings_init (&self->pendings, (uint32_t)params->edge_threads,
                   (address.incarnation & 0x3fffffffu) << 16 | (uint64_t)1 << 46);
    sale_versions_init (&self->sale_versions, hash_pair (address.incarnation, address.number));
    purchases_init (&self->purchases, params);
    self->purchases.pendings = &self->pendings;
    self->purchases.limiters = &self->peers[KIND_LIMITER];
    self->purchases.clock = &self->clock;
    self->purchases.sale_versions = &self->sale_versions;
    sale_tallies_init (&self->tallies, hash_pair (address.number, address.incarnation));
    self->purchases.tallies = &self->tallies;
    questions_init (&self->questions, params);
    self->questions.pendings = &self->pendings;
    self->questions.peers = self->peers;
    self->rounds.pendings = &self->pendings;
    self->rounds.edges = &self->peers[KIND_EDGE];
    self->rounds.tallies = &self->tallies;
    self->rounds.purchases = &self->purchases;
    return self;
}

static void
s_destroy (void **self_p)
{
    gateway_t *self = *self_p;
    if (self) {
        sale_versions_close (&self->sale_versions);
        sale_tallies_close (&self->tallies);
        pendings_close (&self->pendings);
        free (self);
        *self_p = NULL;
    }
}

/* -------------------------------------------------------------------------- workers */

static void
s_refuse_draining (const header_t *header, effects_t *effects)
{
    if (header->type != MSG_PURCHASE) {
        effects_reply_outcome (effects, header, ERROR_DRAINING, NULL, 0);
        return;
    }
    effects_reply (effects, header, MSG_VERDICT);
    verdict_t *verdict = effects_entry (effects, &record_verdict);
    verdict->code = ERROR_DRAINING;
}

static void
s_end_former (gateway_t *self, pending_t *former, uint64_t now_us, effects_t *effects)
{
    if (former->state == PENDING_ASKED)
        questions_drop (&self->questions, former, now_us, effects);
    else if (former->state == PENDING_TALLYING)
        tally_rounds_drop (&self->rounds, former);
    else if (former->state != PENDING_FREE)
        purchases_drop (&self->purchases, former, now_us, effects);
}

static void
s_handle_worker (gateway_t *self, const event_t *event, effects_t *effects)
{
    const header_t *header = event->header;
    bool is_purchase = header->type == MSG_PURCHASE;
    bool is_tally = header->type == MSG_TALLY_GET;
    if (event->count != 1 || header->from_number == 0 ||
        header->from_number > self->pendings.slot_max ||
        (!is_purchase && !is_tally && !questions_is_question (header->type)))
        return;
    if (self->readiness.draining) {
        s_refuse_draining (header, effects);
        return;
    }
    s_end_former (self, pendings_at (&self->pendings, (uint32_t)header->from_number), event->now_us,
                  effects);
    pending_t *pending = pendings_take (&self->pendings, header->from_number);
    pending->ticket = header->batch_id;
    if (is_purchase) {
        purchases_accept (&self->purchases, pending, event->entries, event->now_us, effects);
        self->has_queued = true;
    } else if (is_tally)
        tally_rounds_accept (&self->rounds, pending, event, effects);
    else
        questions_accept (&self->questions, pending, event, effects);
}

/* -------------------------------------------------------------------------- what is published */

static void
s_publish (const event_t *event, effects_t *effects)
{
    const record_t *record = schema_message (event->header->type)->record;
    address_t workers = { KIND_CLIENT, 0, 0 };
    header_t *header = effects_send (effects, workers, (message_type_t)event->header->type);
    header->batch_id = event->header->batch_id;
    header->origin_number = event->header->from_number;
    header->origin_incarnation = event->header->from_incarnation;
    header->attempt = event->header->from_kind;
    for (size_t i = 0; i < event->count; i++)
        memcpy (effects_entry (effects, record),
                (const uint8_t *)event->entries + i * record->size_bytes, record->size_bytes);
}

static void
s_publish_snapshot (const event_t *event, effects_t *effects)
{
    s_publish (event, effects);
    effects_reply (effects, event->header, MSG_SNAPSHOT_ACK);
    snapshot_ack_t *ack = effects_entry (effects, &record_snapshot_ack);
    ack->version = event->header->batch_id;
}

static void
s_tell_readiness (gateway_t *self, effects_t *effects)
{
    self->readiness.clock = self->clock.is_set;
    self->readiness.gate_offset_us = self->clock.offset_us;
    self->readiness.limiter = peers_ready_count (&self->peers[KIND_LIMITER]) > 0;
    self->readiness.seckill = peers_ready_count (&self->peers[KIND_SECKILL]) > 0;
    if (self->was_told && memcmp (&self->told, &self->readiness, sizeof self->told) == 0)
        return;
    address_t workers = { KIND_CLIENT, 0, 0 };
    effects_send (effects, workers, MSG_READINESS);
    *(readiness_t *)effects_entry (effects, &record_readiness) = self->readiness;
    self->told = self->readiness;
    self->was_told = true;
}

static void
s_handle_sales (gateway_t *self, const event_t *event, effects_t *effects)
{
    const sale_t *sales = event->entries;
    for (size_t i = 0; i < event->count; i++)
        if (!sale_versions_note (&self->sale_versions, &sales[i]))
            effects_log (effects, LOG_LEVEL_ERROR, "sales_full", "%u sales are live already",
                         SALES_MAX);
    if (event->header->following_count == 0)
        self->readiness.sales = 1;
    s_publish_snapshot (event, effects);
}

static void
s_handle_stock (gateway_t *self, const event_t *event, effects_t *effects)
{
    const stock_t *stocks = event->entries;
    uint64_t gate_us = 0;
    for (size_t i = 0; i < event->count; i++)
        if (stocks[i].gate_us > gate_us)
            gate_us = stocks[i].gate_us;
    if (gate_us)
        gate_clock_sample (&self->clock, gate_us, event->now_us);
    s_publish (event, effects);
}

static void
s_handle_verdict (gateway_t *self, const event_t *event, effects_t *effects)
{
    const verdict_t *verdicts = event->entries;
    uint64_t gate_us = 0;
    for (size_t i = 0; i < event->count; i++)
        if (verdicts[i].gate_us > gate_us)
            gate_us = verdicts[i].gate_us;
    if (gate_us)
        gate_clock_sample (&self->clock, gate_us, event->now_us);
    purchases_handle_verdicts (&self->purchases, verdicts, event->count, event->now_us, effects);
    self->has_queued = true;
}

static void
s_handle_inventory (gateway_t *self, const event_t *event, effects_t *effects)
{
    switch (event->header->type) {
    case MSG_SALES:
        s_handle_sales (self, event, effects);
        break;
    case MSG_STOCK:
        s_handle_stock (self, event, effects);
        break;
    case MSG_LIMITS:
        if (event->count != 1)
            break;
        self->readiness.limits = 1;
        s_publish_snapshot (event, effects);
        break;
    default:
        break;
    }
}

static void
s_handle_message (gateway_t *self, const event_t *event, effects_t *effects)
{
    const header_t *header = event->header;
    if (header->from_kind == KIND_CLIENT) {
        s_handle_worker (self, event, effects);
        return;
    }
    if (header->type == MSG_SAMPLES) {
        s_publish (event, effects);
        return;
    }
    if (header->type == MSG_VERDICT &&
        (header->from_kind == KIND_LIMITER || header->from_kind == KIND_SECKILL)) {
        s_handle_verdict (self, event, effects);
        return;
    }
    if (questions_handle_answer (&self->questions, event, effects) ||
        tally_rounds_handle_message (&self->rounds, event, effects))
        return;
    if (header->from_kind == KIND_INVENTORY)
        s_handle_inventory (self, event, effects);
    if (header->from_kind == KIND_ACCOUNT && header->type == MSG_DENIALS) {
        if (header->following_count == 0)
            self->readiness.denials = 1;
        s_publish_snapshot (event, effects);
    }
}

/* -------------------------------------------------------------------------- peers, time */

static void
s_handle_peer (gateway_t *self, const event_t *event, effects_t *effects)
{
    if (event->peer->kind >= KIND_COUNT)
        return;
    peers_t *peers = &self->peers[event->peer->kind];
    if (event->type == EVENT_PEER_UP)
        peers_up (peers, event->peer);
    else if (peers_down (peers, event->peer)) {
        questions_handle_peer_down (&self->questions, event->peer, event->now_us, effects);
        tally_rounds_handle_peer_down (&self->rounds, event->peer, effects);
    }
    if (event->peer->kind == KIND_LIMITER) {
        purchases_deal_anew (&self->purchases, event->now_us, effects);
        self->has_queued = true;
    }
}

static bool
s_look_at (gateway_t *self, pending_t *pending, uint64_t now_us, effects_t *effects)
{
    if (pending->state == PENDING_ASKED)
        return questions_handle_time (&self->questions, pending, now_us, effects);
    if (pending->state == PENDING_TALLYING)
        return tally_rounds_handle_time (&self->rounds, pending, now_us, effects);
    return purchases_handle_time (&self->purchases, pending, now_us, effects);
}

/*  Looks at every request that waits, and learns when to look again. */
static void
s_look_at_time (gateway_t *self, uint64_t now_us, effects_t *effects)
{
    uint32_t answers = 0;
    self->pendings.due_us = UINT64_MAX;
    for (uint32_t slot = 1; slot <= self->pendings.slot_max; slot++) {
        pending_t *pending = pendings_at (&self->pendings, slot);
        if (pending->state == PENDING_FREE)
            continue;
        if (answers == STEP_ANSWERS_MAX) {
            pendings_due_by (&self->pendings, now_us);
            return;
        }
        bool is_answered = s_look_at (self, pending, now_us, effects);
        answers += is_answered;
        if (is_answered)
            continue;
        pendings_due_by (&self->pendings, pending->deadline_us);
        if (pending->state == PENDING_OUT || pending->state == PENDING_RESTING)
            pendings_due_by (&self->pendings, pending->until_us);
    }
}

/*  All workers that asked in one turn of the loop go out together: the TIMER comes at its end. */
static void
s_handle_timer (gateway_t *self, uint64_t now_us, effects_t *effects)
{
    if (now_us >= self->pendings.due_us)
        s_look_at_time (self, now_us, effects);
    purchases_send_batches (&self->purchases, now_us, effects);
    self->has_queued = false;
}

static void
s_step (void *self_, const event_t *event, effects_t *effects)
{
    gateway_t *self = self_;
    self->now_us = event->now_us;
    switch (event->type) {
    case EVENT_MESSAGE:
        s_handle_message (self, event, effects);
        break;
    case EVENT_PEER_UP:
    case EVENT_PEER_DOWN:
        s_handle_peer (self, event, effects);
        break;
    case EVENT_TIMER:
        s_handle_timer (self, event->now_us, effects);
        break;
    case EVENT_STOP:
        self->readiness.draining = 1;
        break;
    case EVENT_START:
    case EVENT_RESULT:
        break;
    }
    s_tell_readiness (self, effects);
}

/* -------------------------------------------------------------------------- about itself */

static uint64_t
s_wake_us (const void *self_)
{
    const gateway_t *self = self_;
    return self->has_queued ? self->now_us : self->pendings.due_us;
}

static void
s_status (const void *self_, actor_status_t *status)
{
    const gateway_t *self = self_;
    const readiness_t *has = &self->readiness;
    status->is_ready =
        has->sales && has->limits && has->denials && has->clock && has->limiter && has->seckill;
    status->is_leader = false;
    status->in_flight = self->pendings.count;
    status->queue_depth = purchases_queued (&self->purchases);
    status->handled = self->purchases.answered + self->questions.answered + self->rounds.answered;
}

static uint64_t
s_digest (const void *self_)
{
    const gateway_t *self = self_;
    uint64_t digest = hash_bytes (1, &self->readiness, sizeof self->readiness);
    digest = hash_bytes (digest, self->peers, sizeof self->peers);
    digest = hash_bytes (digest, self->pendings.places,
                         (self->pendings.slot_max + 1u) * sizeof (pending_t));
    digest = hash_bytes (digest, &self->purchases.lanes, sizeof self->purchases.lanes);
    digest = hash_bytes (digest, &self->purchases.trips, sizeof self->purchases.trips);
    digest = hash_bytes (digest, &self->purchases.gate, sizeof self->purchases.gate);
    digest = hash_bytes (digest, &self->purchases.stage, sizeof self->purchases.stage);
    digest = hash_bytes (digest, &self->purchases.resends, sizeof self->purchases.resends);
    digest = hash_bytes (digest, self->questions.breakers, sizeof self->questions.breakers);
    digest = hash_bytes (digest, &self->clock, sizeof self->clock);
    digest = hash_pair (digest, self->questions.turn);
    digest = hash_bytes (digest, self->rounds.rounds, sizeof self->rounds.rounds);
    digest = hash_pair (digest, sale_tallies_digest (&self->tallies));
    return digest ^ sale_versions_digest (&self->sale_versions) ^ self->pendings.due_us;
}

static void
s_check (const void *self_)
{
    const gateway_t *self = self_;
    size_t count = 0;
    for (uint32_t slot = 1; slot <= self->pendings.slot_max; slot++) {
        const pending_t *pending = pendings_at (&self->pendings, slot);
        if (pending->state == PENDING_FREE)
            continue;
        count++;
        CHECK (pendings_match (&self->pendings, pending->qid) == pending);
        CHECK (self->pendings.due_us <= pending->deadline_us);
    }
    CHECK (count == self->pendings.count);
    purchases_check (&self->purchases);
    tally_rounds_check (&self->rounds);
}

const actor_class_t gateway_class = {
    .kind = KIND_EDGE,
    .new_ = s_new,
    .destroy = s_destroy,
    .step = s_step,
    .wake_us = s_wake_us,
    .status = s_status,
    .digest = s_digest,
    .check = s_check,
};
