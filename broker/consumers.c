/*  Deliveries and their consumers. Invariant R3 of router.c is kept here, the limit in delivery_limit.c.

    A delivery of orders (backlog.h has the table; this file and delivery_limit.c make the moves)

    state    | credit | due_us reached | counted         | ACK none      | ACK dependency  | ACK poison          | consumer down
             |        |                |                 | (any sender)  | (its holder)    | (its holder)        |
    ---------+--------+----------------+-----------------+---------------+-----------------+---------------------+--------------
    READY    | OUT    | -              | -               | acknowledged  | -               | -                   | -
    COUNTING | -      | asked again    | BACKOFF; over   | acknowledged  | -               | -                   | -
             |        |                | the limit: dead |               |                 |                     |
    BACKOFF  | -      | READY          | -               | acknowledged  | -               | -                   | -
    OUT      | -      | lost: BACKOFF, | -               | acknowledged  | BACKOFF, never  | many: split; alone: | many: BACKOFF
             |        | many the 2nd   |                 | (its holder)  | counted         | COUNTING            | or split;
             |        | time: split    |                 |               |                 |                     | alone: COUNTING

    A dead entry (REJECT) and a delayed message (DUE) go the same way without COUNTING: READY, OUT, and to BACKOFF after anything but
    ACK none.                                                                                                                     */

#include "consumers.h"

#include "check.h"
#include "hash.h"

#include <inttypes.h>
#include <string.h>

/*  A batch that was lost this often goes on entry by entry: one of them may be what ends its consumer. */
#define BATCH_LOSSES_MAX 2u

void
consumers_init (consumers_t *self, const params_t *params, backlog_t *backlog)
{
    self->backlog = backlog;
    self->window = params->delivery_window;
    self->deadline_us = params->delivery_deadline_ms * 1000;
    delivery_limit_init (&self->limit, params, backlog);
}

void
consumers_begin_term (consumers_t *self)
{
    for (size_t i = 0; i < CONSUMERS_MAX; i++)
        self->consumers[i].outstanding = 0;
}

static void
s_refuse (effects_t *effects)
{
    effects_add (effects, METRIC_FRAMES_REFUSED, 0, 1);
}

/* -------------------------------------------------------------------------- consumers */

static bool
s_is_consumer (const consumer_t *consumer, uint64_t number, uint64_t incarnation)
{
    return consumer->address.number == number && consumer->address.incarnation == incarnation;
}

static consumer_t *
s_consumer (consumers_t *self, uint64_t number, uint64_t incarnation)
{
    for (size_t i = 0; i < CONSUMERS_MAX; i++)
        if (number && s_is_consumer (&self->consumers[i], number, incarnation))
            return &self->consumers[i];
    return NULL;
}

/*  Finds it or makes it. When all slots are taken, one of those that were never up goes: it was a stray CREDIT. */
static consumer_t *
s_meet_consumer (consumers_t *self, uint64_t number, uint64_t incarnation)
{
    consumer_t *free_slot = NULL;
    for (size_t i = 0; i < CONSUMERS_MAX; i++) {
        consumer_t *consumer = &self->consumers[i];
        if (number && s_is_consumer (consumer, number, incarnation))
            return consumer;
        bool is_stray = !consumer->is_up && !consumer->outstanding;
        if (!consumer->address.number || (!free_slot && is_stray))
            free_slot = consumer;
    }
    if (free_slot) {
        memset (free_slot, 0, sizeof *free_slot);
        free_slot->address = (address_t){ KIND_ORDERING, number, incarnation };
    }
    return free_slot;
}

static size_t
s_free_credit (const consumers_t *self, const consumer_t *consumer)
{
    uint64_t credit = consumer->credit < self->window ? consumer->credit : self->window;
    bool is_usable = consumer->address.number && consumer->is_up && consumer->is_ready;
    return is_usable && credit > consumer->outstanding ? (size_t)(credit - consumer->outstanding)
                                                       : 0;
}

size_t
consumers_credits (const consumers_t *self)
{
    size_t credits = 0;
    for (size_t i = 0; i < CONSUMERS_MAX; i++)
        credits += s_free_credit (self, &self->consumers[i]);
    return credits;
}

bool
consumers_are_open (const consumers_t *self)
{
    for (size_t i = 0; i < CONSUMERS_MAX; i++)
        if (self->consumers[i].is_ready && self->consumers[i].credit)
            return true;
    return false;
}

/*  The consumer with the fewest deliveries outstanding, in turn among equals; `avoided` only if there is no other.
    NULL if none has credit. */
static consumer_t *
s_choose_consumer (consumers_t *self, uint64_t avoided)
{
    consumer_t *best = NULL;
    uint64_t best_cost = UINT64_MAX;
    for (size_t i = 0; i < CONSUMERS_MAX; i++) {
        consumer_t *consumer = &self->consumers[(self->turn + i) % CONSUMERS_MAX];
        bool is_avoided = consumer->address.incarnation == avoided;
        uint64_t cost = consumer->outstanding + (is_avoided ? CONSUMERS_MAX : 0);
        if (s_free_credit (self, consumer) > 0 && cost < best_cost) {
            best = consumer;
            best_cost = cost;
        }
    }
    if (best)
        self->turn = (size_t)(best - self->consumers) + 1;
    return best;
}

/* -------------------------------------------------------------------------- ends of a delivery */

/*  The holder no longer owes an answer. */
static void
s_take_back (consumers_t *self, const delivery_t *delivery)
{
    consumer_t *consumer =
        s_consumer (self, delivery->consumer.number, delivery->consumer.incarnation);
    if (consumer) {
        CHECK (consumer->outstanding > 0);
        consumer->outstanding--;
    }
}

static void
s_pause (consumers_t *self, delivery_t *delivery, uint64_t now_us)
{
    uint64_t pause_us = delivery_limit_backoff_us (&self->limit, delivery->attempt);
    backlog_move (self->backlog, delivery, DELIVERY_BACKOFF, now_us + pause_us);
}

/*  Neither the holder's death nor its silence says which entry is to blame, or whether any is. */
static void
s_lose (consumers_t *self, delivery_t *delivery, bool has_died, uint64_t now_us, effects_t *effects)
{
    s_take_back (self, delivery);
    bool is_of_orders = delivery->kind == DELIVERY_OF_ORDERS;
    bool is_batch = delivery->entries.count > 1;
    if (is_batch && ++delivery->losses >= BATCH_LOSSES_MAX)
        backlog_split (self->backlog, delivery,
                       now_us + delivery_limit_backoff_us (&self->limit, delivery->attempt));
    else if (is_of_orders && !is_batch && has_died)
        delivery_limit_fail (&self->limit, delivery, true, effects);
    else
        s_pause (self, delivery, now_us);
}

/*  A dead letter or a delayed message that ordering cannot take is sent until it can. */
static void
s_tell_refusal (consumers_t *self, delivery_t *delivery, effects_t *effects)
{
    char entry[160];
    if (delivery->is_refusal_told)
        return;
    delivery->is_refusal_told = true;
    if (delivery->kind == DELIVERY_OF_DEAD)
        effects_log (effects, LOG_LEVEL_ERROR, "dead_letter_refused",
                     "%s: ordering cannot store it; it stays in the journal and is sent again",
                     delivery_limit_name (&self->limit, delivery, entry, sizeof entry));
    else
        effects_log (effects, LOG_LEVEL_ERROR, "due_refused",
                     "the delayed message of %" PRIu64 " is sent again", delivery->message_us);
}

static void
s_poison (consumers_t *self, delivery_t *delivery, uint64_t now_us, effects_t *effects)
{
    s_take_back (self, delivery);
    if (delivery->kind != DELIVERY_OF_ORDERS) {
        s_tell_refusal (self, delivery, effects);
        s_pause (self, delivery, now_us);
    } else if (delivery->entries.count > 1) {
        effects_log (effects, LOG_LEVEL_WARNING, "delivery_split",
                     "batch %" PRIu64 " of %u entries was refused: they go one by one",
                     delivery->id, delivery->entries.count);
        backlog_split (self->backlog, delivery, now_us);
    } else {
        delivery_limit_fail (&self->limit, delivery, false, effects);
    }
}

static ending_t
s_end (consumers_t *self, delivery_t *delivery, const ack_t *ack, effects_t *effects)
{
    ending_t ending = { .is_due = delivery->kind == DELIVERY_OF_DUE,
                        .stream = delivery->stream,
                        .again_us = ack->again_us };
    if (delivery->state == DELIVERY_OUT)
        s_take_back (self, delivery);
    if (ending.is_due)
        effects_add (effects, METRIC_DELAYS_DUE, 0, 1);
    if (delivery->kind == DELIVERY_OF_DEAD)
        effects_add (effects, METRIC_DEAD_LETTERS, 0, 1);
    if (delivery->entries.count)
        effects_add (effects, METRIC_ACKNOWLEDGED, 0, (int64_t)delivery->entries.count);
    ending.entries = backlog_finish (self->backlog, delivery);
    return ending;
}

/* -------------------------------------------------------------------------- ACK, CREDIT */

static bool
s_is_from_ordering (const event_t *event)
{
    const header_t *header = event->header;
    return event->count == 1 && header->from_kind == KIND_ORDERING && header->from_number &&
           header->from_incarnation;
}

ending_t
consumers_handle_ack (consumers_t *self, const event_t *event, effects_t *effects)
{
    ending_t nothing = { 0 };
    if (!s_is_from_ordering (event)) {
        s_refuse (effects);
        return nothing;
    }
    const ack_t *ack = event->entries;
    const header_t *header = event->header;
    consumer_t *consumer = s_consumer (self, header->from_number, header->from_incarnation);
    if (consumer)
        consumer->credit = ack->credit;
    delivery_t *delivery = backlog_find (self->backlog, header->batch_id);
    if (!delivery)
        return nothing;
    bool is_out = delivery->state == DELIVERY_OUT;
    bool is_holder = delivery->consumer.number == header->from_number &&
                     delivery->consumer.incarnation == header->from_incarnation;
    if (is_out && !is_holder)
        return nothing; /* the holder's own answer will come, and frees its credit */
    if (ack->code == ERROR_NONE)
        return s_end (self, delivery, ack, effects);
    if (is_out && ack->code == ERROR_POISON) {
        s_poison (self, delivery, event->now_us, effects);
    } else if (is_out) {
        s_take_back (self, delivery);
        /* no doubling: while the store is away it is the credit that holds deliveries back */
        backlog_move (self->backlog, delivery, DELIVERY_BACKOFF,
                      event->now_us + self->limit.backoff_us);
    }
    return nothing;
}

void
consumers_handle_credit (consumers_t *self, const event_t *event, effects_t *effects)
{
    if (!s_is_from_ordering (event)) {
        s_refuse (effects);
        return;
    }
    const ack_t *ack = event->entries;
    consumer_t *consumer =
        s_meet_consumer (self, event->header->from_number, event->header->from_incarnation);
    if (consumer)
        consumer->credit = ack->credit;
}

/* -------------------------------------------------------------------------- PEER_UP, PEER_DOWN */

static void
s_lose_consumer (consumers_t *self, consumer_t *consumer, uint64_t now_us, effects_t *effects)
{
    delivery_t *delivery = backlog_first (self->backlog, DELIVERY_OUT);
    while (delivery) {
        delivery_t *next = backlog_next (self->backlog, delivery);
        if (delivery->consumer.number == consumer->address.number &&
            delivery->consumer.incarnation == consumer->address.incarnation)
            s_lose (self, delivery, true, now_us, effects);
        delivery = next;
    }
    memset (consumer, 0, sizeof *consumer);
}

/*  Two incarnations of one number are never alive together. */
static void
s_lose_predecessors (consumers_t *self, const process_t *peer, uint64_t now_us, effects_t *effects)
{
    for (size_t i = 0; i < CONSUMERS_MAX; i++) {
        consumer_t *consumer = &self->consumers[i];
        if (consumer->is_up && consumer->address.number == peer->number &&
            consumer->address.incarnation != peer->incarnation)
            s_lose_consumer (self, consumer, now_us, effects);
    }
}

void
consumers_handle_peer_up (consumers_t *self, const process_t *peer, uint64_t now_us,
                          effects_t *effects)
{
    if (peer->kind != KIND_ORDERING)
        return;
    s_lose_predecessors (self, peer, now_us, effects);
    consumer_t *consumer = s_meet_consumer (self, peer->number, peer->incarnation);
    if (consumer) {
        consumer->is_up = true;
        consumer->is_ready = peer->state == STATE_READY;
    }
}

void
consumers_handle_peer_down (consumers_t *self, const process_t *peer, uint64_t now_us,
                            effects_t *effects)
{
    consumer_t *consumer =
        peer->kind == KIND_ORDERING ? s_consumer (self, peer->number, peer->incarnation) : NULL;
    if (consumer)
        s_lose_consumer (self, consumer, now_us, effects);
}

/* -------------------------------------------------------------------------- delivering */

static void
s_add_orders (const consumers_t *self, const delivery_t *delivery, effects_t *effects)
{
    uint32_t entry = delivery->entries.first;
    for (size_t i = 0; i < delivery->entries.count; i++) {
        order_event_t *event = effects_entry (effects, &record_order_event);
        *event = *backlog_event (self->backlog, entry);
        entry = backlog_after (self->backlog, entry);
    }
}

static void
s_add_dead (const consumers_t *self, const delivery_t *delivery, effects_t *effects)
{
    const order_event_t *event = backlog_event (self->backlog, delivery->entries.first);
    dead_letter_t *dead = effects_entry (effects, &record_dead_letter);
    dead->sale_id = event->sale_id;
    dead->epoch = event->epoch;
    dead->entry_ms = event->entry_ms;
    dead->entry_seq = event->entry_seq;
    memcpy (dead->rid, event->rid, sizeof dead->rid);
    dead->user_id = event->user_id;
    dead->quantity = event->quantity;
    dead->price_cents = event->price_cents;
    dead->sequence = event->sequence;
    dead->reserved_us = event->reserved_us;
    dead->pay_before_us = event->pay_before_us;
    dead->body_hash = event->body_hash;
    memcpy (dead->trace_id, event->trace_id, sizeof dead->trace_id);
    snprintf (dead->reason, sizeof dead->reason, "%s",
              delivery_limit_reason ((death_t)delivery->death));
    dead->attempts = delivery->refusals + delivery->deaths;
}

static void
s_deliver (consumers_t *self, delivery_t *delivery, consumer_t *consumer, uint64_t now_us,
           effects_t *effects)
{
    static const message_type_t types[] = { [DELIVERY_OF_ORDERS] = MSG_DELIVER,
                                            [DELIVERY_OF_DEAD] = MSG_REJECT,
                                            [DELIVERY_OF_DUE] = MSG_DUE };
    delivery->attempt++;
    delivery->consumer = consumer->address;
    consumer->outstanding++;
    backlog_move (self->backlog, delivery, DELIVERY_OUT, now_us + self->deadline_us);
    header_t *header = effects_send (effects, consumer->address, types[delivery->kind]);
    header->batch_id = delivery->id;
    header->attempt = delivery->attempt;
    if (delivery->kind == DELIVERY_OF_ORDERS) {
        s_add_orders (self, delivery, effects);
    } else if (delivery->kind == DELIVERY_OF_DEAD) {
        s_add_dead (self, delivery, effects);
    } else {
        due_t *due = effects_entry (effects, &record_due);
        due->sale_id = delivery->sale_id;
        due->due_us = delivery->message_us;
    }
}

/*  While both are waiting, redeliveries and fresh entries take turns: neither can starve the other. */
void
consumers_deliver (consumers_t *self, uint64_t now_us, effects_t *effects)
{
    int64_t sent = 0, again = 0;
    for (;;) {
        delivery_t *delivery = backlog_first (self->backlog, DELIVERY_READY);
        bool is_fresh = backlog_fresh (self->backlog) && (!delivery || self->is_fresh_turn);
        if (!is_fresh && !delivery)
            break;
        consumer_t *consumer =
            s_choose_consumer (self, is_fresh ? 0 : delivery->consumer.incarnation);
        if (!consumer)
            break;
        if (is_fresh)
            delivery = backlog_form (self->backlog, now_us);
        again += delivery->attempt > 0;
        self->is_fresh_turn = !is_fresh;
        s_deliver (self, delivery, consumer, now_us, effects);
        sent++;
    }
    if (sent)
        effects_add (effects, METRIC_DELIVERIES, 0, sent);
    if (again)
        effects_add (effects, METRIC_REDELIVERIES, 0, again);
}

/*  A consumer that let a deadline pass gets nothing more until it says how much it can take. */
static void
s_expire (consumers_t *self, uint64_t now_us, effects_t *effects)
{
    if (now_us < backlog_soonest_us (self->backlog, DELIVERY_OUT))
        return;
    delivery_t *delivery = backlog_first (self->backlog, DELIVERY_OUT);
    while (delivery) {
        delivery_t *next = backlog_next (self->backlog, delivery);
        if (delivery->due_us <= now_us) {
            consumer_t *consumer =
                s_consumer (self, delivery->consumer.number, delivery->consumer.incarnation);
            CHECK (consumer);
            consumer->credit = 0;
            effects_log (effects, LOG_LEVEL_WARNING, "delivery_expired",
                         "batch %" PRIu64 " of %u entries at ordering/%" PRIu64, delivery->id,
                         delivery->entries.count, delivery->consumer.number);
            s_lose (self, delivery, false, now_us, effects);
        }
        delivery = next;
    }
    backlog_refresh_soonest (self->backlog, DELIVERY_OUT);
}

static void
s_end_backoffs (consumers_t *self, uint64_t now_us)
{
    if (now_us < backlog_soonest_us (self->backlog, DELIVERY_BACKOFF))
        return;
    delivery_t *delivery = backlog_first (self->backlog, DELIVERY_BACKOFF);
    while (delivery) {
        delivery_t *next = backlog_next (self->backlog, delivery);
        if (delivery->due_us <= now_us)
            backlog_move (self->backlog, delivery, DELIVERY_READY, now_us);
        delivery = next;
    }
    backlog_refresh_soonest (self->backlog, DELIVERY_BACKOFF);
}

void
consumers_handle_time (consumers_t *self, uint64_t now_us, effects_t *effects)
{
    s_expire (self, now_us, effects);
    delivery_limit_handle_time (&self->limit, now_us, effects);
    s_end_backoffs (self, now_us);
}

/* -------------------------------------------------------------------------- for the router and tests */

uint64_t
consumers_digest (uint64_t digest, const consumers_t *self)
{
    digest = hash_pair (digest, self->turn << 1 | self->is_fresh_turn);
    return hash_bytes (digest, self->consumers, sizeof self->consumers);
}

void
consumers_check (const consumers_t *self)
{
    size_t outstanding = 0;
    for (size_t i = 0; i < CONSUMERS_MAX; i++) {
        const consumer_t *consumer = &self->consumers[i];
        CHECK (consumer->outstanding <= self->window);
        outstanding += consumer->outstanding;
    }
    CHECK (outstanding == backlog_count (self->backlog, DELIVERY_OUT));
}
