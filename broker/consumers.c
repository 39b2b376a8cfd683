/*  Deliveries and their consumers. Invariant R3 of router.c is kept here.

    A delivery (backlog.h has the table; this file makes the moves)

    state    | credit      | due_us reached | ACK none      | ACK dependency  | ACK poison          | consumer down
             |             |                | (any sender)  | (its holder)    | (its holder)        |
    ---------+-------------+----------------+---------------+-----------------+---------------------+--------------
    READY    | OUT         | -              | acknowledged  | -               | -                   | -
    BACKOFF  | -           | READY          | acknowledged  | -               | -                   | -
    OUT      | -           | lost: BACKOFF  | acknowledged  | BACKOFF, never  | many: split; alone: | lost: BACKOFF
             |             | or split       | (its holder)  | counted         | BACKOFF or PARKED   | or split
    PARKED   | -           | -              | acknowledged  | -               | -                   | -          */

#include "consumers.h"

#include "check.h"
#include "hash.h"

#include <inttypes.h>
#include <string.h>

/*  A batch that was lost this often goes on entry by entry: one of them may be what ends its consumer. */
#define BATCH_LOSSES_MAX 2u
/*  A single entry that was refused more often than this is parked (architecture: "poison > 5"). */
#define POISONINGS_MAX 5u
/*  A single entry that was out at so many deaths of its consumer is parked too. High, for processes die of other things. */
#define LONE_LOSSES_MAX 20u
/*  Doublings of the backoff: 64-fold. */
#define BACKOFF_DOUBLINGS_MAX 6u

void
consumers_init (consumers_t *self, const params_t *params, backlog_t *backlog)
{
    self->backlog = backlog;
    self->window = params->delivery_window;
    self->deadline_us = params->delivery_deadline_ms * 1000;
    self->backoff_us = params->redelivery_backoff_ms * 1000;
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

static const char *
s_name_entry (const consumers_t *self, const delivery_t *delivery, char *text, size_t text_bytes)
{
    const order_event_t *event = backlog_event (self->backlog, delivery->entries.first);
    snprintf (text, text_bytes,
              "sale %" PRIu64 " epoch %" PRIu64 " entry %" PRIu64 "-%" PRIu64 " user %" PRIu64,
              event->sale_id, event->epoch, event->entry_ms, event->entry_seq, event->user_id);
    return text;
}

static uint64_t
s_backoff_us (const consumers_t *self, uint32_t attempt)
{
    uint32_t doublings = attempt ? attempt - 1 : 0;
    return self->backoff_us << (doublings < BACKOFF_DOUBLINGS_MAX ? doublings
                                                                  : BACKOFF_DOUBLINGS_MAX);
}

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
s_park (consumers_t *self, delivery_t *delivery, const char *why, effects_t *effects)
{
    char entry[160];
    effects_log (effects, LOG_LEVEL_ERROR, "entry_parked",
                 "%s: %s; it stays in the journal and is tried again by the next active broker",
                 s_name_entry (self, delivery, entry, sizeof entry), why);
    backlog_move (self->backlog, delivery, DELIVERY_PARKED, UINT64_MAX);
}

/*  Neither the holder's death nor its silence says which entry is to blame, or whether any is. */
static void
s_lose (consumers_t *self, delivery_t *delivery, bool has_died, uint64_t now_us, effects_t *effects)
{
    s_take_back (self, delivery);
    uint64_t due_us = now_us + s_backoff_us (self, delivery->attempt);
    if (delivery->entries.count > 1) {
        delivery->losses++;
        if (delivery->losses >= BATCH_LOSSES_MAX)
            backlog_split (self->backlog, delivery, due_us);
        else
            backlog_move (self->backlog, delivery, DELIVERY_BACKOFF, due_us);
        return;
    }
    delivery->losses += has_died;
    if (delivery->losses > LONE_LOSSES_MAX)
        s_park (self, delivery, "its consumers died", effects);
    else
        backlog_move (self->backlog, delivery, DELIVERY_BACKOFF, due_us);
}

static void
s_poison (consumers_t *self, delivery_t *delivery, uint64_t now_us, effects_t *effects)
{
    if (delivery->entries.count > 1) {
        effects_log (effects, LOG_LEVEL_WARNING, "delivery_split",
                     "batch %" PRIu64 " of %u entries was refused: they go one by one",
                     delivery->id, delivery->entries.count);
        backlog_split (self->backlog, delivery, now_us);
        return;
    }
    delivery->poisonings++;
    if (delivery->poisonings > POISONINGS_MAX)
        s_park (self, delivery, "refused as poison", effects);
    else
        backlog_move (self->backlog, delivery, DELIVERY_BACKOFF,
                      now_us + s_backoff_us (self, delivery->attempt));
}

/* -------------------------------------------------------------------------- ACK, CREDIT */

static bool
s_is_from_ordering (const event_t *event)
{
    const header_t *header = event->header;
    return event->count == 1 && header->from_kind == KIND_ORDERING && header->from_number &&
           header->from_incarnation;
}

chain_t
consumers_handle_ack (consumers_t *self, const event_t *event, effects_t *effects)
{
    chain_t nothing = { 0 };
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
    if (is_out && ack->code != ERROR_POISON && ack->code != ERROR_NONE) {
        s_take_back (self, delivery);
        /* no doubling: while the store is away it is the credit that holds deliveries back */
        backlog_move (self->backlog, delivery, DELIVERY_BACKOFF, event->now_us + self->backoff_us);
    } else if (is_out && ack->code == ERROR_POISON) {
        s_take_back (self, delivery);
        s_poison (self, delivery, event->now_us, effects);
    } else if (ack->code == ERROR_NONE) {
        if (is_out)
            s_take_back (self, delivery);
        effects_add (effects, METRIC_ACKNOWLEDGED, 0, (int64_t)delivery->entries.count);
        return backlog_finish (self->backlog, delivery);
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
s_deliver (consumers_t *self, delivery_t *delivery, consumer_t *consumer, uint64_t now_us,
           effects_t *effects)
{
    delivery->attempt++;
    delivery->consumer = consumer->address;
    consumer->outstanding++;
    backlog_move (self->backlog, delivery, DELIVERY_OUT, now_us + self->deadline_us);
    header_t *header = effects_send (effects, consumer->address, MSG_DELIVER);
    header->batch_id = delivery->id;
    header->attempt = delivery->attempt;
    uint32_t entry = delivery->entries.first;
    for (size_t i = 0; i < delivery->entries.count; i++) {
        order_event_t *event = effects_entry (effects, &record_order_event);
        *event = *backlog_event (self->backlog, entry);
        entry = backlog_after (self->backlog, entry);
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
            delivery = backlog_form (self->backlog);
        else
            again++;
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
