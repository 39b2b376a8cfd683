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

    A delivery (backlog.h has the table; this file makes the moves)

    state    | credit      | due_us reached | ACK none      | ACK dependency  | ACK poison          | consumer down
             |             |                | (any sender)  | (its holder)    | (its holder)        |
    ---------+-------------+----------------+---------------+-----------------+---------------------+--------------
    READY    | OUT         | -              | acknowledged  | -               | -                   | -
    BACKOFF  | -           | READY          | acknowledged  | -               | -                   | -
    OUT      | -           | lost: BACKOFF  | acknowledged  | BACKOFF, never  | many: split; alone: | lost: BACKOFF
             |             | or split       | (its holder)  | counted         | BACKOFF or PARKED   | or split
    PARKED   | -           | -              | acknowledged  | -               | -                   | -

    The lease: passive --held=1--> active (all positions 0, nothing in the backlog) --held=0--> passive (all forgotten).
    An answer that says nothing (PostgreSQL is away) changes nothing: two active routers only repeat.               */

#include "router.h"

#include "backlog.h"
#include "check.h"
#include "hash.h"
#include "map.h"

#include <inttypes.h>
#include <string.h>

/*  Open streams (SALES_MAX) and closed ones of earlier epochs that are not drained yet. */
#define STREAMS_MAX (2 * SALES_MAX)
/*  Ordering processes, and room for those whose CREDIT comes before their PEER_UP. */
#define CONSUMERS_MAX (2 * PEERS_MAX)
/*  journal_delete calls that are out at once. */
#define DELETES_MAX 64u
/*  A batch that was lost this often goes on entry by entry: one of them may be what ends its consumer. */
#define BATCH_LOSSES_MAX 2u
/*  A single entry that was refused more often than this is parked (architecture: "poison > 5"). */
#define POISONINGS_MAX 5u
/*  A single entry that was out at so many deaths of its consumer is parked too. High, for processes die of other things. */
#define LONE_LOSSES_MAX 20u
/*  Doublings of the backoff: 64-fold. */
#define BACKOFF_DOUBLINGS_MAX 6u
/*  A read answers at most so many rows, however many streams it asks for. */
#define READ_ROWS_MAX CALL_ROWS_MAX
/*  After a sale was seen ended its gate may take reservations a little longer: the end reaches the gate and us on two ways. */
#define ENDED_QUIET_US 60000000u
/*  Before a store call that failed is made again. */
#define RETRY_US 100000u

typedef struct stream_t {
    uint64_t sale_id; /* 0 = the slot is free */
    uint64_t epoch;
    uint64_t entry_ms, entry_seq; /* read up to here */
    uint64_t ended_us;            /* when the sale was seen ended; 0 = it is not */
    uint64_t retry_us;            /* no deletion before */
    chain_t acknowledged;         /* to be deleted */
    chain_t deleting;             /* in the call that is out or is to be repeated */
    uint32_t entry_count;         /* in the backlog, wherever there */
    bool is_open;
    bool is_delete_out;
    bool is_dirty; /* stands in the queue of streams with something to delete */
    uint8_t padding;
} stream_t;

typedef struct consumer_t {
    address_t address; /* number 0 = the slot is free */
    uint64_t credit;
    uint64_t outstanding;
    bool is_up;
    bool is_ready;
    uint8_t padding[6];
} consumer_t;

struct router_t {
    address_t address;
    uint64_t window, deadline_us, backoff_us, lease_us;

    bool is_active, is_stopping;
    uint64_t term; /* rises with every change of is_active: answers to earlier calls are ignored */
    bool is_lease_out;
    uint64_t lease_token, lease_due_us;

    bool is_read_out, is_fresh_turn;
    uint64_t read_term, read_sent_us, read_retry_us;
    size_t read_turn; /* slot whose position comes first in the next read */

    stream_t streams[STREAMS_MAX];
    size_t open_count;
    map_t *open; /* sale_id → index of its open stream */
    uint32_t dirty[STREAMS_MAX];
    size_t dirty_first, dirty_count;
    uint64_t dirty_retry_us; /* soonest retry_us among them */
    size_t deletes_out;
    size_t kept_count; /* entries in chains of streams */

    consumer_t consumers[CONSUMERS_MAX];
    size_t turn;
    backlog_t *backlog;
    uint64_t handled;
    size_t credits_told, unacknowledged_told;
};

router_t *
router_new (const params_t *params, address_t address)
{
    router_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->address = address;
    self->window = params->delivery_window;
    self->deadline_us = params->delivery_deadline_ms * 1000;
    self->backoff_us = params->redelivery_backoff_ms * 1000;
    self->lease_us = params->lease_ms * 1000;
    self->lease_due_us = UINT64_MAX;
    self->dirty_retry_us = UINT64_MAX;
    self->open = map_new (SALES_MAX, sizeof (uint64_t), 3);
    self->backlog = backlog_new ();
    return self;
}

void
router_destroy (router_t **self_p)
{
    if (*self_p) {
        map_destroy (&(*self_p)->open);
        backlog_destroy (&(*self_p)->backlog);
        free (*self_p);
        *self_p = NULL;
    }
}

void
router_handle_start (router_t *self, const event_t *event)
{
    self->lease_due_us = event->now_us;
}

void
router_handle_stop (router_t *self)
{
    self->is_stopping = true;
}

static void
s_refuse (effects_t *effects)
{
    effects_add (effects, METRIC_FRAMES_REFUSED, 0, 1);
}

/* -------------------------------------------------------------------------- streams */

static void
s_free_if_done (stream_t *stream)
{
    if (!stream->is_open && stream->entry_count == 0 && !stream->is_delete_out && !stream->is_dirty)
        memset (stream, 0, sizeof *stream);
}

static void
s_close_stream (router_t *self, stream_t *stream)
{
    map_remove (self->open, stream->sale_id);
    self->open_count--;
    stream->is_open = false;
    s_free_if_done (stream);
}

/*  A read that was sent at `read_us` found nothing: sales that had ended long before have nothing more to come. A new
    inventory leader tells of them again; then they are read for another while. */
static void
s_close_ended (router_t *self, uint64_t read_us)
{
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        stream_t *stream = &self->streams[i];
        if (stream->is_open && stream->ended_us && stream->entry_count == 0 &&
            stream->ended_us + ENDED_QUIET_US < read_us)
            s_close_stream (self, stream);
    }
}

static stream_t *
s_free_slot (router_t *self)
{
    for (size_t i = 0; i < STREAMS_MAX; i++)
        if (self->streams[i].sale_id == 0)
            return &self->streams[i];
    return NULL;
}

static stream_t *
s_open_stream (router_t *self, const sale_t *sale, effects_t *effects)
{
    stream_t *stream = self->open_count < SALES_MAX ? s_free_slot (self) : NULL;
    if (!stream) {
        effects_log (effects, LOG_LEVEL_ERROR, "streams_full",
                     "sale %" PRIu64 " is not delivered: there are %zu open streams", sale->sale_id,
                     self->open_count);
        return NULL;
    }
    memset (stream, 0, sizeof *stream);
    stream->sale_id = sale->sale_id;
    stream->epoch = sale->epoch;
    stream->is_open = true;
    uint64_t *place = map_insert (self->open, sale->sale_id);
    CHECK (place);
    *place = (uint64_t)(stream - self->streams);
    self->open_count++;
    effects_log (effects, LOG_LEVEL_INFO, "stream_opened", "sale %" PRIu64 " epoch %" PRIu64,
                 sale->sale_id, sale->epoch);
    return stream;
}

static stream_t *
s_open_stream_of (router_t *self, uint64_t sale_id)
{
    const uint64_t *index = map_find (self->open, sale_id);
    return index ? &self->streams[*index] : NULL;
}

/*  Epochs only rise: an earlier one comes from a leader that is none any more. */
static void
s_learn_sale (router_t *self, const sale_t *sale, uint64_t now_us, effects_t *effects)
{
    bool has_journal = sale->sale_id && sale->epoch && sale->state > SALE_DRAFT;
    if (!has_journal)
        return;
    stream_t *stream = s_open_stream_of (self, sale->sale_id);
    if (stream && stream->epoch < sale->epoch) {
        s_close_stream (self, stream);
        stream = NULL;
    }
    if (!stream)
        stream = s_open_stream (self, sale, effects);
    if (stream && stream->epoch == sale->epoch && sale->state == SALE_ENDED && !stream->ended_us)
        stream->ended_us = now_us;
}

void
router_handle_sales (router_t *self, const event_t *event, effects_t *effects)
{
    if (event->header->from_kind != KIND_INVENTORY) {
        s_refuse (effects);
        return;
    }
    const sale_t *sales = event->entries;
    for (size_t i = 0; i < event->count; i++)
        s_learn_sale (self, &sales[i], event->now_us, effects);
    effects_reply (effects, event->header, MSG_SNAPSHOT_ACK);
    snapshot_ack_t *ack = effects_entry (effects, &record_snapshot_ack);
    ack->version = event->header->batch_id;
}

/* -------------------------------------------------------------------------- consumers */

static bool
s_is_consumer (const consumer_t *consumer, uint64_t number, uint64_t incarnation)
{
    return consumer->address.number == number && consumer->address.incarnation == incarnation;
}

static consumer_t *
s_consumer (router_t *self, uint64_t number, uint64_t incarnation)
{
    for (size_t i = 0; i < CONSUMERS_MAX; i++)
        if (number && s_is_consumer (&self->consumers[i], number, incarnation))
            return &self->consumers[i];
    return NULL;
}

/*  Finds it or makes it. When all slots are taken, one of those that were never up goes: it was a stray CREDIT. */
static consumer_t *
s_meet_consumer (router_t *self, uint64_t number, uint64_t incarnation)
{
    consumer_t *free_slot = NULL;
    for (size_t i = 0; i < CONSUMERS_MAX; i++) {
        consumer_t *consumer = &self->consumers[i];
        if (number && s_is_consumer (consumer, number, incarnation))
            return consumer;
        if (!consumer->address.number)
            free_slot = consumer;
        else if (!free_slot && !consumer->is_up && !consumer->outstanding)
            free_slot = consumer;
    }
    if (free_slot) {
        memset (free_slot, 0, sizeof *free_slot);
        free_slot->address = (address_t){ KIND_ORDERING, number, incarnation };
    }
    return free_slot;
}

static size_t
s_free_credit (const router_t *self, const consumer_t *consumer)
{
    uint64_t credit = consumer->credit < self->window ? consumer->credit : self->window;
    bool is_usable = consumer->address.number && consumer->is_up && consumer->is_ready;
    return is_usable && credit > consumer->outstanding ? (size_t)(credit - consumer->outstanding)
                                                       : 0;
}

static size_t
s_credits (const router_t *self)
{
    size_t credits = 0;
    for (size_t i = 0; i < CONSUMERS_MAX; i++)
        credits += s_free_credit (self, &self->consumers[i]);
    return credits;
}

/*  The consumer with the fewest deliveries outstanding, in turn among equals; `avoided` only if there is no other.
    NULL if none has credit. */
static consumer_t *
s_choose_consumer (router_t *self, uint64_t avoided)
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
s_name_entry (const router_t *self, const delivery_t *delivery, char *text, size_t text_bytes)
{
    const order_event_t *event = backlog_event (self->backlog, delivery->entries.first);
    snprintf (text, text_bytes,
              "sale %" PRIu64 " epoch %" PRIu64 " entry %" PRIu64 "-%" PRIu64 " user %" PRIu64,
              event->sale_id, event->epoch, event->entry_ms, event->entry_seq, event->user_id);
    return text;
}

static uint64_t
s_backoff_us (const router_t *self, uint32_t attempt)
{
    uint32_t doublings = attempt ? attempt - 1 : 0;
    return self->backoff_us << (doublings < BACKOFF_DOUBLINGS_MAX ? doublings
                                                                  : BACKOFF_DOUBLINGS_MAX);
}

/*  The holder no longer owes an answer. */
static void
s_take_back (router_t *self, const delivery_t *delivery)
{
    consumer_t *consumer =
        s_consumer (self, delivery->consumer.number, delivery->consumer.incarnation);
    if (consumer) {
        CHECK (consumer->outstanding > 0);
        consumer->outstanding--;
    }
}

static void
s_park (router_t *self, delivery_t *delivery, const char *why, effects_t *effects)
{
    char entry[160];
    effects_log (effects, LOG_LEVEL_ERROR, "entry_parked",
                 "%s: %s; it stays in the journal and is tried again by the next active broker",
                 s_name_entry (self, delivery, entry, sizeof entry), why);
    backlog_move (self->backlog, delivery, DELIVERY_PARKED, UINT64_MAX);
}

/*  Neither the holder's death nor its silence says which entry is to blame, or whether any is. */
static void
s_lose (router_t *self, delivery_t *delivery, bool has_died, uint64_t now_us, effects_t *effects)
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
s_poison (router_t *self, delivery_t *delivery, uint64_t now_us, effects_t *effects)
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

static void
s_mark_dirty (router_t *self, stream_t *stream)
{
    if (stream->is_dirty)
        return;
    stream->is_dirty = true;
    self->dirty[(self->dirty_first + self->dirty_count) % STREAMS_MAX] =
        (uint32_t)(stream - self->streams);
    self->dirty_count++;
}

static void
s_acknowledge (router_t *self, delivery_t *delivery, effects_t *effects)
{
    effects_add (effects, METRIC_ACKNOWLEDGED, 0, (int64_t)delivery->entries.count);
    self->handled += delivery->entries.count;
    chain_t entries = backlog_finish (self->backlog, delivery);
    while (entries.count) {
        stream_t *stream = &self->streams[backlog_stream (self->backlog, entries.first)];
        backlog_shift (self->backlog, &entries, &stream->acknowledged);
        self->kept_count++;
        s_mark_dirty (self, stream);
    }
}

/* -------------------------------------------------------------------------- ACK, CREDIT */

static bool
s_is_from_ordering (const event_t *event)
{
    const header_t *header = event->header;
    return event->count == 1 && header->from_kind == KIND_ORDERING && header->from_number &&
           header->from_incarnation;
}

void
router_handle_ack (router_t *self, const event_t *event, effects_t *effects)
{
    if (!s_is_from_ordering (event)) {
        s_refuse (effects);
        return;
    }
    const ack_t *ack = event->entries;
    const header_t *header = event->header;
    consumer_t *consumer = s_consumer (self, header->from_number, header->from_incarnation);
    if (consumer)
        consumer->credit = ack->credit;
    delivery_t *delivery = backlog_find (self->backlog, header->batch_id);
    if (!delivery)
        return;
    bool is_out = delivery->state == DELIVERY_OUT;
    bool is_holder = delivery->consumer.number == header->from_number &&
                     delivery->consumer.incarnation == header->from_incarnation;
    if (is_out && !is_holder)
        return; /* the holder's own answer will come, and frees its credit */
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
        s_acknowledge (self, delivery, effects);
    }
}

void
router_handle_credit (router_t *self, const event_t *event, effects_t *effects)
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
s_lose_consumer (router_t *self, consumer_t *consumer, uint64_t now_us, effects_t *effects)
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
s_lose_predecessors (router_t *self, const process_t *peer, uint64_t now_us, effects_t *effects)
{
    for (size_t i = 0; i < CONSUMERS_MAX; i++) {
        consumer_t *consumer = &self->consumers[i];
        if (consumer->is_up && consumer->address.number == peer->number &&
            consumer->address.incarnation != peer->incarnation)
            s_lose_consumer (self, consumer, now_us, effects);
    }
}

void
router_handle_peer_up (router_t *self, const process_t *peer, uint64_t now_us, effects_t *effects)
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
router_handle_peer_down (router_t *self, const process_t *peer, uint64_t now_us, effects_t *effects)
{
    consumer_t *consumer =
        peer->kind == KIND_ORDERING ? s_consumer (self, peer->number, peer->incarnation) : NULL;
    if (consumer)
        s_lose_consumer (self, consumer, now_us, effects);
}

/* -------------------------------------------------------------------------- the lease */

static void
s_forget_all (router_t *self)
{
    backlog_clear (self->backlog);
    self->kept_count = self->deletes_out = 0;
    self->dirty_first = self->dirty_count = 0;
    self->dirty_retry_us = UINT64_MAX;
    for (size_t i = 0; i < CONSUMERS_MAX; i++)
        self->consumers[i].outstanding = 0;
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        stream_t *stream = &self->streams[i];
        stream_t fresh = { .sale_id = stream->sale_id,
                           .epoch = stream->epoch,
                           .ended_us = stream->ended_us,
                           .is_open = stream->is_open };
        memset (stream, 0, sizeof *stream);
        if (fresh.is_open)
            *stream = fresh;
    }
}

static void
s_handle_lease (router_t *self, const event_t *event, effects_t *effects)
{
    self->is_lease_out = false;
    if (event->status != RESULT_OK && self->lease_due_us > event->now_us + RETRY_US)
        self->lease_due_us = event->now_us + RETRY_US;
    if (event->status != RESULT_OK || event->count == 0)
        return;
    const lease_t *lease = event->entries;
    self->lease_token = lease->held ? lease->token : 0;
    if (self->is_active == (lease->held != 0))
        return;
    self->is_active = lease->held != 0;
    self->term++;
    s_forget_all (self);
    effects_gauge (effects, METRIC_LEADER, 0, self->is_active);
    effects_log (effects, LOG_LEVEL_INFO, self->is_active ? "lease_held" : "lease_lost",
                 "token %" PRIu64, lease->token);
}

static void
s_ask_lease (router_t *self, uint64_t now_us, effects_t *effects)
{
    if (self->is_lease_out || now_us < self->lease_due_us)
        return;
    self->is_lease_out = true;
    self->lease_due_us = now_us + self->lease_us / 3;
    effects_call (effects, CALL_LEASE_TAKE, self->term << 16);
    lease_t *lease = effects_entry (effects, &record_lease);
    snprintf (lease->name, sizeof lease->name, "broker");
    snprintf (lease->holder, sizeof lease->holder, "broker/%" PRIu64, self->address.number);
    lease->incarnation = self->address.incarnation;
    lease->token = self->lease_token;
    lease->ttl_ms = self->lease_us / 1000;
}

/* -------------------------------------------------------------------------- reading */

/*  Credit, and nothing to use it for: the next batch is wanted. While redeliveries use all the credit, one batch is read
    ahead, so that they cannot keep fresh entries out. */
static bool
s_wants_read (const router_t *self)
{
    if (!self->is_active || self->is_stopping || self->is_read_out || !self->open_count)
        return false;
    if (backlog_room (self->backlog) < READ_ROWS_MAX || backlog_fresh (self->backlog))
        return false;
    if (s_credits (self))
        return true;
    if (!backlog_count (self->backlog, DELIVERY_READY))
        return false;
    for (size_t i = 0; i < CONSUMERS_MAX; i++)
        if (self->consumers[i].is_ready && self->consumers[i].credit)
            return true;
    return false;
}

static void
s_read (router_t *self, uint64_t now_us, effects_t *effects)
{
    if (!s_wants_read (self) || now_us < self->read_retry_us)
        return;
    /* each time another stream comes first: the rows that fit may all be of the first ones */
    size_t turn = self->read_turn;
    effects_call (effects, CALL_JOURNAL_READ, self->term << 16);
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        const stream_t *stream = &self->streams[(turn + i) % STREAMS_MAX];
        if (!stream->is_open)
            continue;
        if (effects_entry_count (effects) == 0)
            self->read_turn = (turn + i + 1) % STREAMS_MAX;
        journal_position_t *position = effects_entry (effects, &record_journal_position);
        position->sale_id = stream->sale_id;
        position->epoch = stream->epoch;
        position->entry_ms = stream->entry_ms;
        position->entry_seq = stream->entry_seq;
    }
    self->is_read_out = true;
    self->read_term = self->term;
    self->read_sent_us = now_us;
}

/*  False: this entry and those after it must be read again. */
static bool
s_take_entry (router_t *self, const order_event_t *event)
{
    stream_t *stream = s_open_stream_of (self, event->sale_id);
    if (!stream || stream->epoch != event->epoch)
        return true; /* the epoch moved while the read was out */
    take_t take = backlog_take (self->backlog, event, (uint32_t)(stream - self->streams));
    if (take == TAKE_COLLIDES)
        return false;
    stream->entry_count += take == TAKE_NEW;
    stream->entry_ms = event->entry_ms;
    stream->entry_seq = event->entry_seq;
    return true;
}

/*  After a failure everything is read again from its beginning: what the backlog holds is skipped, and what a restarted
    Redis may have lost is not waited for. */
static void
s_reset_positions (router_t *self)
{
    for (size_t i = 0; i < STREAMS_MAX; i++)
        self->streams[i].entry_ms = self->streams[i].entry_seq = 0;
}

static void
s_handle_read (router_t *self, const event_t *event, effects_t *effects)
{
    self->is_read_out = false;
    if (self->read_term != self->term || !self->is_active)
        return;
    if (event->status != RESULT_OK) {
        if (event->status == RESULT_REFUSED)
            effects_log (effects, LOG_LEVEL_WARNING, "journal_unreadable", "%s", event->detail);
        self->read_retry_us = event->now_us + RETRY_US;
        s_reset_positions (self);
        return;
    }
    const order_event_t *events = event->entries;
    size_t taken = 0;
    while (taken < event->count && backlog_room (self->backlog) &&
           s_take_entry (self, &events[taken]))
        taken++;
    if (taken < event->count)
        self->read_retry_us = event->now_us + RETRY_US;
    if (event->count == 0)
        s_close_ended (self, self->read_sent_us);
}

/* -------------------------------------------------------------------------- delivering */

static void
s_deliver (router_t *self, delivery_t *delivery, consumer_t *consumer, uint64_t now_us,
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
static void
s_deliver_all (router_t *self, uint64_t now_us, effects_t *effects)
{
    int64_t sent = 0, again = 0;
    while (self->is_active && !self->is_stopping) {
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
s_expire (router_t *self, uint64_t now_us, effects_t *effects)
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
s_end_backoffs (router_t *self, uint64_t now_us)
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

/* -------------------------------------------------------------------------- deleting */

static void
s_call_delete (router_t *self, stream_t *stream, effects_t *effects)
{
    while (!stream->is_delete_out && stream->acknowledged.count &&
           stream->deleting.count < BATCH_ENTRIES_MAX)
        backlog_shift (self->backlog, &stream->acknowledged, &stream->deleting);
    uint64_t index = (uint64_t)(stream - self->streams);
    effects_call (effects, CALL_JOURNAL_DELETE, self->term << 16 | index);
    uint32_t entry = stream->deleting.first;
    for (size_t i = 0; i < stream->deleting.count; i++) {
        const order_event_t *event = backlog_event (self->backlog, entry);
        journal_position_t *position = effects_entry (effects, &record_journal_position);
        position->sale_id = event->sale_id;
        position->epoch = event->epoch;
        position->entry_ms = event->entry_ms;
        position->entry_seq = event->entry_seq;
        entry = backlog_after (self->backlog, entry);
    }
    stream->is_delete_out = true;
    self->deletes_out++;
}

/*  One call per stream at a time: what is acknowledged meanwhile goes together in the next. */
static void
s_delete_acknowledged (router_t *self, uint64_t now_us, effects_t *effects)
{
    self->dirty_retry_us = UINT64_MAX;
    for (size_t left = self->dirty_count; left && self->deletes_out < DELETES_MAX; left--) {
        stream_t *stream = &self->streams[self->dirty[self->dirty_first]];
        self->dirty_first = (self->dirty_first + 1) % STREAMS_MAX;
        self->dirty_count--;
        stream->is_dirty = false;
        if (stream->is_delete_out)
            continue; /* its answer brings it back */
        if (stream->retry_us <= now_us) {
            s_call_delete (self, stream, effects);
            continue;
        }
        s_mark_dirty (self, stream);
        if (stream->retry_us < self->dirty_retry_us)
            self->dirty_retry_us = stream->retry_us;
    }
}

static void
s_handle_delete (router_t *self, const event_t *event, effects_t *effects)
{
    if (event->tag >> 16 != self->term)
        return;
    uint64_t index = event->tag & 0xffff;
    CHECK (index < STREAMS_MAX && self->streams[index].is_delete_out);
    stream_t *stream = &self->streams[index];
    const outcome_t *outcome = event->entries;
    bool is_done = event->status == RESULT_OK && event->count == 1 &&
                   (outcome->code == ERROR_NONE || outcome->code == ERROR_STALE_EPOCH);
    stream->is_delete_out = false;
    self->deletes_out--;
    if (is_done) {
        self->kept_count -= stream->deleting.count;
        stream->entry_count -= stream->deleting.count;
        backlog_drop (self->backlog, &stream->deleting);
    } else {
        stream->retry_us = event->now_us + RETRY_US;
        if (event->status == RESULT_REFUSED)
            effects_log (effects, LOG_LEVEL_WARNING, "journal_not_deleted", "sale %" PRIu64 ": %s",
                         stream->sale_id, event->detail);
    }
    if (stream->deleting.count || stream->acknowledged.count)
        s_mark_dirty (self, stream);
    else
        s_free_if_done (stream);
}

void
router_handle_result (router_t *self, const event_t *event, effects_t *effects)
{
    switch (event->call) {
    case CALL_LEASE_TAKE:
        s_handle_lease (self, event, effects);
        break;
    case CALL_JOURNAL_READ:
        s_handle_read (self, event, effects);
        break;
    case CALL_JOURNAL_DELETE:
        s_handle_delete (self, event, effects);
        break;
    default:
        CHECK (!"a result of a call that the router never makes");
    }
}

/* -------------------------------------------------------------------------- the end of a step */

static void
s_tell_gauges (router_t *self, effects_t *effects)
{
    size_t credits = s_credits (self);
    size_t unacknowledged = backlog_unacknowledged (self->backlog);
    if (credits != self->credits_told)
        effects_gauge (effects, METRIC_CREDITS, 0, (int64_t)credits);
    if (unacknowledged != self->unacknowledged_told)
        effects_gauge (effects, METRIC_UNACKNOWLEDGED, 0, (int64_t)unacknowledged);
    self->credits_told = credits;
    self->unacknowledged_told = unacknowledged;
}

void
router_end (router_t *self, uint64_t now_us, effects_t *effects)
{
    s_ask_lease (self, now_us, effects);
    s_expire (self, now_us, effects);
    s_end_backoffs (self, now_us);
    s_deliver_all (self, now_us, effects);
    s_delete_acknowledged (self, now_us, effects);
    s_read (self, now_us, effects);
    s_tell_gauges (self, effects);
}

/* -------------------------------------------------------------------------- for the shell and tests */

static uint64_t
s_earlier (uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t
router_wake_us (const router_t *self)
{
    uint64_t wake_us = self->is_lease_out ? UINT64_MAX : self->lease_due_us;
    wake_us = s_earlier (wake_us, backlog_soonest_us (self->backlog, DELIVERY_OUT));
    wake_us = s_earlier (wake_us, backlog_soonest_us (self->backlog, DELIVERY_BACKOFF));
    wake_us = s_earlier (wake_us, self->dirty_retry_us);
    if (s_wants_read (self))
        wake_us = s_earlier (wake_us, self->read_retry_us);
    return wake_us;
}

void
router_status (const router_t *self, actor_status_t *status)
{
    status->is_leader = self->is_active;
    status->in_flight = backlog_count (self->backlog, DELIVERY_OUT) + self->kept_count;
    status->queue_depth = backlog_unacknowledged (self->backlog);
    status->handled = self->handled;
}

uint64_t
router_digest (const router_t *self)
{
    uint64_t flags = (uint64_t)self->is_active | (uint64_t)self->is_stopping << 1 |
                     (uint64_t)self->is_lease_out << 2 | (uint64_t)self->is_read_out << 3 |
                     (uint64_t)self->is_fresh_turn << 4;
    uint64_t numbers[] = { flags,
                           self->term,
                           self->lease_token,
                           self->lease_due_us,
                           self->read_term,
                           self->read_sent_us,
                           self->read_retry_us,
                           self->read_turn,
                           self->dirty_first,
                           self->dirty_count,
                           self->deletes_out,
                           self->turn };
    uint64_t digest = hash_bytes (backlog_digest (self->backlog), numbers, sizeof numbers);
    digest = hash_bytes (digest, self->streams, sizeof self->streams);
    for (size_t i = 0; i < self->dirty_count; i++)
        digest = hash_pair (digest, self->dirty[(self->dirty_first + i) % STREAMS_MAX]);
    return hash_bytes (digest, self->consumers, sizeof self->consumers);
}

static void
s_check_streams (const router_t *self)
{
    size_t open = 0, kept = 0, entries = 0, deletes = 0, dirty = 0;
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        const stream_t *stream = &self->streams[i];
        CHECK (stream->sale_id || (!stream->is_open && !stream->entry_count));
        CHECK (stream->deleting.count <= BATCH_ENTRIES_MAX);
        open += stream->is_open;
        kept += stream->acknowledged.count + stream->deleting.count;
        entries += stream->entry_count;
        deletes += stream->is_delete_out;
        dirty += stream->is_dirty;
    }
    CHECK (open == self->open_count && open == map_count (self->open));
    CHECK (kept == self->kept_count && deletes == self->deletes_out);
    CHECK (dirty == self->dirty_count && deletes <= DELETES_MAX);
    CHECK (entries == backlog_unacknowledged (self->backlog) + kept);
    CHECK (self->is_active || entries == 0);
    backlog_check (self->backlog, kept);
}

void
router_check (const router_t *self)
{
    s_check_streams (self);
    size_t outstanding = 0;
    for (size_t i = 0; i < CONSUMERS_MAX; i++) {
        const consumer_t *consumer = &self->consumers[i];
        CHECK (consumer->outstanding <= self->window);
        outstanding += consumer->outstanding;
    }
    CHECK (outstanding == backlog_count (self->backlog, DELIVERY_OUT));
}
