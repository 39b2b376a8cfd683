/*  Orders in PostgreSQL: deliveries become rows, questions become answers.

    Invariants
    O1  A delivery is acknowledged with ERROR_NONE only after PostgreSQL answered order_write with a final outcome for every
        entry of it: a row exists, the entry is of another epoch, or a rejected row was written.
    O2  Every delivery that was accepted is answered by exactly one ACK, unless its broker is gone.
    O3  At most `window` writes are out; at most 2 × window deliveries wait behind them; at most ORDERING_QUESTIONS_MAX
        questions are open.
    O4  While the store is closed, or the process is stopping, the credit that brokers hold from us is 0.
    O5  Every question is answered exactly once.

    The store

    state  | write or probe unknown, unavailable       | probe answered
    -------+-------------------------------------------+------------------------------
    closed | -                                         | open, CREDIT window to brokers
    open   | closed, waiting deliveries given back,    | -
           | probe every PROBE_US                      |

    A place for a delivery

    state   | DELIVER         | a write ends        | its result                    | store closes | broker down
    --------+-----------------+---------------------+-------------------------------+--------------+------------
    FREE    | WRITING or      | -                   | -                             | -            | -
            | WAITING         |                     |                               |              |
    WAITING | (same) ignored  | oldest: WRITING     | -                             | FREE, ACK    | FREE
    WRITING | (same) ignored  | -                   | FREE, ACK                     | -            | -        */

#include "ordering.h"

#include "check.h"
#include "hash.h"
#include "peers.h"

#include <inttypes.h>
#include <string.h>

/*  A lost CREDIT would keep a broker from delivering: it is repeated. */
#define CREDIT_REPEAT_US 1000000u
/*  Between two questions whether PostgreSQL is back. */
#define PROBE_US 250000u
#define WINDOW_MAX 16u /* largest delivery_window (params.def) */
#define PLACES_MAX (3 * WINDOW_MAX)

/*  Tags of calls: what a result belongs to. */
#define TAG_PROBE 1u
#define TAG_WRITE 0x10000u    /* + index of the place */
#define TAG_QUESTION 0x20000u /* + index of the question */

typedef enum place_state_t { PLACE_FREE, PLACE_WAITING, PLACE_WRITING } place_state_t;

typedef struct place_t {
    place_state_t state;
    uint64_t arrival; /* order in which the waiting are written */
    header_t header;  /* of the delivery, for the answer */
    order_event_t entries[BATCH_ENTRIES_MAX];
    size_t count;
    bool is_repeated; /* the write was made a second time */
} place_t;

typedef struct question_t {
    bool is_open;
    header_t header;
} question_t;

typedef struct ordering_t {
    size_t window;
    peers_t brokers;
    place_t places[PLACES_MAX];
    size_t place_count; /* in use: 3 × window */
    size_t writing_count, waiting_count;
    uint64_t arrivals;
    question_t questions[ORDERING_QUESTIONS_MAX];
    size_t open_questions, question_turn;
    bool is_store_open, is_probe_out, is_stopping;
    bool is_credit_owed; /* a delivery found no place: its broker must hear when there is one */
    uint64_t probe_due_us, credit_due_us;
    uint64_t handled;
} ordering_t;

static void *
s_new (const params_t *params, address_t address)
{
    (void)address;
    ordering_t *self = calloc (1, sizeof *self);
    CHECK (self);
    CHECK (params->delivery_window > 0 && params->delivery_window <= WINDOW_MAX);
    self->window = params->delivery_window;
    self->place_count = 3 * self->window;
    return self;
}

static void
s_destroy (void **self_p)
{
    free (*self_p);
    *self_p = NULL;
}

static void
s_refuse (effects_t *effects)
{
    effects_add (effects, METRIC_FRAMES_REFUSED, 0, 1);
}

/* -------------------------------------------------------------------------- credit and answers */

static uint64_t
s_credit (const ordering_t *self)
{
    return self->is_store_open && !self->is_stopping ? self->window : 0;
}

static void
s_send_credit (const ordering_t *self, address_t broker, effects_t *effects)
{
    effects_send (effects, broker, MSG_CREDIT);
    ack_t *credit = effects_entry (effects, &record_ack);
    credit->credit = s_credit (self);
}

static void
s_send_credits (ordering_t *self, uint64_t now_us, effects_t *effects)
{
    for (size_t i = 0; i < self->brokers.count; i++)
        s_send_credit (self, self->brokers.peers[i].address, effects);
    self->credit_due_us = now_us + CREDIT_REPEAT_US;
    self->is_credit_owed = false;
}

static void
s_send_ack (const header_t *delivery, error_code_t code, uint64_t credit, effects_t *effects)
{
    effects_reply (effects, delivery, MSG_ACK)->attempt = delivery->attempt;
    ack_t *ack = effects_entry (effects, &record_ack);
    ack->code = code;
    ack->credit = credit;
}

static void
s_free_place (ordering_t *self, place_t *place)
{
    if (place->state == PLACE_WRITING)
        self->writing_count--;
    else
        self->waiting_count--;
    place->state = PLACE_FREE;
}

/* -------------------------------------------------------------------------- the store */

static void
s_close_store (ordering_t *self, uint64_t now_us, effects_t *effects)
{
    if (!self->is_store_open)
        return;
    self->is_store_open = false;
    self->probe_due_us = now_us + PROBE_US;
    for (size_t i = 0; i < self->place_count; i++) {
        place_t *place = &self->places[i];
        if (place->state == PLACE_WAITING) {
            s_send_ack (&place->header, ERROR_DEPENDENCY_UNAVAILABLE, 0, effects);
            s_free_place (self, place);
        }
    }
    s_send_credits (self, now_us, effects);
    effects_log (effects, LOG_LEVEL_WARNING, "store_closed", "PostgreSQL does not answer");
}

static void
s_open_store (ordering_t *self, uint64_t now_us, effects_t *effects)
{
    self->is_store_open = true;
    s_send_credits (self, now_us, effects);
    effects_log (effects, LOG_LEVEL_INFO, "store_open", "PostgreSQL answers");
}

/*  A question that costs one look into an index and finds nothing: there is no user 0. */
static void
s_probe (ordering_t *self, uint64_t now_us, effects_t *effects)
{
    self->is_probe_out = true;
    self->probe_due_us = now_us + PROBE_US;
    effects_call (effects, CALL_ORDER_LIST, TAG_PROBE);
    query_t *query = effects_entry (effects, &record_query);
    query->limit = 1;
}

static void
s_handle_probe (ordering_t *self, const event_t *event, effects_t *effects)
{
    self->is_probe_out = false;
    if (event->status == RESULT_OK && !self->is_store_open)
        s_open_store (self, event->now_us, effects);
}

/* -------------------------------------------------------------------------- deliveries */

static void
s_write (ordering_t *self, place_t *place, effects_t *effects)
{
    place->state = PLACE_WRITING;
    self->writing_count++;
    effects_call (effects, CALL_ORDER_WRITE, TAG_WRITE + (uint64_t)(place - self->places));
    for (size_t i = 0; i < place->count; i++) {
        order_event_t *entry = effects_entry (effects, &record_order_event);
        *entry = place->entries[i];
    }
}

static place_t *
s_oldest_waiting (ordering_t *self)
{
    place_t *oldest = NULL;
    for (size_t i = 0; i < self->place_count; i++) {
        place_t *place = &self->places[i];
        if (place->state == PLACE_WAITING && (!oldest || place->arrival < oldest->arrival))
            oldest = place;
    }
    return oldest;
}

static void
s_write_waiting (ordering_t *self, effects_t *effects)
{
    while (self->waiting_count && self->writing_count < self->window) {
        place_t *place = s_oldest_waiting (self);
        self->waiting_count--;
        s_write (self, place, effects);
    }
}

/*  The broker gave the delivery up and sends it again while we still have it: one answer is enough. */
static bool
s_is_here (const ordering_t *self, const header_t *header)
{
    for (size_t i = 0; i < self->place_count; i++) {
        const place_t *place = &self->places[i];
        if (place->state != PLACE_FREE && place->header.batch_id == header->batch_id &&
            place->header.from_incarnation == header->from_incarnation)
            return true;
    }
    return false;
}

static place_t *
s_free_slot (ordering_t *self)
{
    for (size_t i = 0; i < self->place_count; i++)
        if (self->places[i].state == PLACE_FREE)
            return &self->places[i];
    return NULL;
}

/*  What could not be read from the journal comes as zeros. */
static bool
s_is_poison (const order_event_t *entries, size_t count)
{
    static const uint8_t no_rid[RID_BYTES];
    for (size_t i = 0; i < count; i++)
        if (!entries[i].sale_id || !entries[i].user_id || !entries[i].quantity ||
            !memcmp (entries[i].rid, no_rid, RID_BYTES))
            return true;
    return false;
}

static void
s_handle_deliver (ordering_t *self, const event_t *event, effects_t *effects)
{
    const header_t *header = event->header;
    if (header->from_kind != KIND_BROKER || event->count == 0) {
        s_refuse (effects);
        return;
    }
    if (s_is_here (self, header))
        return;
    if (s_is_poison (event->entries, event->count)) {
        s_send_ack (header, ERROR_POISON, s_credit (self), effects);
        return;
    }
    place_t *place = s_credit (self) ? s_free_slot (self) : NULL;
    if (!place) {
        self->is_credit_owed = true;
        s_send_ack (header, ERROR_DEPENDENCY_UNAVAILABLE, 0, effects);
        return;
    }
    place->header = *header;
    place->arrival = ++self->arrivals;
    place->count = event->count;
    place->is_repeated = false;
    memcpy (place->entries, event->entries, event->count * sizeof place->entries[0]);
    place->state = PLACE_WAITING;
    self->waiting_count++;
    s_write_waiting (self, effects);
}

static void
s_log_rejected (const order_event_t *entry, effects_t *effects)
{
    char rid[2 * RID_BYTES + 1] = "";
    for (size_t i = 0; i < RID_BYTES; i++)
        snprintf (rid + 2 * i, 3, "%02x", entry->rid[i]);
    effects_log (effects, LOG_LEVEL_WARNING, "order_rejected",
                 "rid %s sale %" PRIu64 " user %" PRIu64, rid, entry->sale_id, entry->user_id);
}

/*  ERROR_NONE if every entry has its final outcome. Anything else the store may not answer: then the delivery is not
    acknowledged, and the broker finds the entry by sending them one by one. */
static error_code_t
s_judge (ordering_t *self, const place_t *place, const event_t *event, effects_t *effects)
{
    const order_outcome_t *outcomes = event->entries;
    size_t written = 0, stale = 0, rejected = 0;
    for (size_t i = 0; i < event->count && i < place->count; i++) {
        if (memcmp (outcomes[i].rid, place->entries[i].rid, RID_BYTES) != 0)
            break;
        written += outcomes[i].code == ERROR_NONE;
        stale += outcomes[i].code == ERROR_STALE_EPOCH;
        rejected += outcomes[i].code == ERROR_REJECTED;
        if (outcomes[i].code == ERROR_REJECTED)
            s_log_rejected (&place->entries[i], effects);
    }
    if (written)
        effects_add (effects, METRIC_ORDERS_WRITTEN, ERROR_NONE, (int64_t)written);
    if (stale)
        effects_add (effects, METRIC_ORDERS_WRITTEN, ERROR_STALE_EPOCH, (int64_t)stale);
    if (rejected)
        effects_add (effects, METRIC_ORDERS_WRITTEN, ERROR_REJECTED, (int64_t)rejected);
    self->handled += written + stale + rejected;
    if (event->count == place->count && written + stale + rejected == place->count)
        return ERROR_NONE;
    effects_log (effects, LOG_LEVEL_ERROR, "outcomes_incomplete",
                 "%zu entries, %zu outcomes, %zu of them final", place->count, event->count,
                 written + stale + rejected);
    return ERROR_POISON;
}

static void
s_handle_written (ordering_t *self, const event_t *event, effects_t *effects)
{
    size_t index = (size_t)(event->tag - TAG_WRITE);
    CHECK (index < self->place_count && self->places[index].state == PLACE_WRITING);
    place_t *place = &self->places[index];
    if (event->status == RESULT_UNAVAILABLE && !place->is_repeated) {
        /* nothing was written: mostly a deadlock or a lost race inside PostgreSQL, and the same call succeeds */
        place->is_repeated = true;
        self->writing_count--;
        s_write (self, place, effects);
        return;
    }
    error_code_t code = ERROR_DEPENDENCY_UNAVAILABLE;
    if (event->status == RESULT_OK) {
        code = s_judge (self, place, event, effects);
    } else if (event->status == RESULT_REFUSED) {
        code = ERROR_POISON;
        effects_log (effects, LOG_LEVEL_WARNING, "write_refused", "batch %" PRIu64 " of %zu: %s",
                     place->header.batch_id, place->count, event->detail ? event->detail : "");
    } else {
        s_close_store (self, event->now_us, effects);
    }
    s_free_place (self, place);
    s_send_ack (&place->header, code, s_credit (self), effects);
    if (self->is_credit_owed)
        s_send_credits (self, event->now_us, effects);
    s_write_waiting (self, effects);
}

/* -------------------------------------------------------------------------- questions */

static question_t *
s_free_question (ordering_t *self)
{
    if (self->open_questions == ORDERING_QUESTIONS_MAX)
        return NULL;
    while (self->questions[self->question_turn].is_open)
        self->question_turn = (self->question_turn + 1) % ORDERING_QUESTIONS_MAX;
    return &self->questions[self->question_turn];
}

static void
s_handle_question (ordering_t *self, const event_t *event, call_name_t call, effects_t *effects)
{
    const header_t *header = event->header;
    if (event->count != 1) {
        effects_reply_outcome (effects, header, ERROR_INVALID_FIELD, "One question at a time", 0);
        return;
    }
    if (self->is_stopping || !self->is_store_open) {
        error_code_t code = self->is_stopping ? ERROR_DRAINING : ERROR_DEPENDENCY_UNAVAILABLE;
        effects_reply_outcome (effects, header, code, NULL, 0);
        return;
    }
    question_t *question = s_free_question (self);
    if (!question) {
        effects_reply_outcome (effects, header, ERROR_BUSY, NULL, 0);
        return;
    }
    question->is_open = true;
    question->header = *header;
    self->open_questions++;
    effects_call (effects, call, TAG_QUESTION + (uint64_t)(question - self->questions));
    query_t *query = effects_entry (effects, &record_query);
    *query = *(const query_t *)event->entries;
    if (query->limit > BATCH_ENTRIES_MAX)
        query->limit = BATCH_ENTRIES_MAX;
}

static void
s_reply_orders (const header_t *to, const event_t *event, effects_t *effects)
{
    const order_t *orders = event->entries;
    effects_reply (effects, to, MSG_ORDERS);
    for (size_t i = 0; i < event->count && i < BATCH_ENTRIES_MAX; i++) {
        order_t *order = effects_entry (effects, &record_order);
        *order = orders[i];
    }
}

static void
s_handle_answer (ordering_t *self, const event_t *event, effects_t *effects)
{
    size_t index = (size_t)(event->tag - TAG_QUESTION);
    CHECK (index < ORDERING_QUESTIONS_MAX && self->questions[index].is_open);
    question_t *question = &self->questions[index];
    question->is_open = false;
    self->open_questions--;
    if (event->status == RESULT_OK && event->count == 0 && event->call == CALL_ORDER_GET) {
        effects_reply_outcome (effects, &question->header, ERROR_NOT_FOUND, NULL, 0);
    } else if (event->status == RESULT_OK) {
        s_reply_orders (&question->header, event, effects);
    } else if (event->status == RESULT_REFUSED) {
        effects_log (effects, LOG_LEVEL_ERROR, "question_refused", "%s",
                     event->detail ? event->detail : "");
        effects_reply_outcome (effects, &question->header, ERROR_INTERNAL_ERROR, NULL, 0);
    } else {
        effects_reply_outcome (effects, &question->header, ERROR_DEPENDENCY_UNAVAILABLE, NULL, 0);
    }
}

/* -------------------------------------------------------------------------- events */

static void
s_handle_message (ordering_t *self, const event_t *event, effects_t *effects)
{
    switch (event->header->type) {
    case MSG_DELIVER:
        s_handle_deliver (self, event, effects);
        break;
    case MSG_ORDER_GET:
        s_handle_question (self, event, CALL_ORDER_GET, effects);
        break;
    case MSG_ORDER_LIST:
        s_handle_question (self, event, CALL_ORDER_LIST, effects);
        break;
    default:
        s_refuse (effects);
    }
}

static void
s_handle_result (ordering_t *self, const event_t *event, effects_t *effects)
{
    if (event->tag == TAG_PROBE)
        s_handle_probe (self, event, effects);
    else if (event->call == CALL_ORDER_WRITE)
        s_handle_written (self, event, effects);
    else
        s_handle_answer (self, event, effects);
}

/*  Waiting deliveries of a broker that is gone: its successor reads them again from the journal. */
static void
s_forget_broker (ordering_t *self, const process_t *broker)
{
    peers_down (&self->brokers, broker);
    for (size_t i = 0; i < self->place_count; i++) {
        place_t *place = &self->places[i];
        if (place->state == PLACE_WAITING && place->header.from_incarnation == broker->incarnation)
            s_free_place (self, place);
    }
}

static void
s_handle_timer (ordering_t *self, uint64_t now_us, effects_t *effects)
{
    if (!self->is_store_open && !self->is_probe_out && now_us >= self->probe_due_us)
        s_probe (self, now_us, effects);
    if (now_us >= self->credit_due_us)
        s_send_credits (self, now_us, effects);
}

static void
s_step (void *self_, const event_t *event, effects_t *effects)
{
    ordering_t *self = self_;
    switch (event->type) {
    case EVENT_START:
        self->credit_due_us = event->now_us + CREDIT_REPEAT_US;
        s_probe (self, event->now_us, effects);
        break;
    case EVENT_MESSAGE:
        s_handle_message (self, event, effects);
        break;
    case EVENT_RESULT:
        s_handle_result (self, event, effects);
        break;
    case EVENT_PEER_UP:
        if (event->peer->kind == KIND_BROKER) {
            peers_up (&self->brokers, event->peer);
            s_send_credit (
                self, (address_t){ KIND_BROKER, event->peer->number, event->peer->incarnation },
                effects);
        }
        break;
    case EVENT_PEER_DOWN:
        if (event->peer->kind == KIND_BROKER)
            s_forget_broker (self, event->peer);
        break;
    case EVENT_TIMER:
        s_handle_timer (self, event->now_us, effects);
        break;
    case EVENT_STOP:
        self->is_stopping = true;
        s_send_credits (self, event->now_us, effects);
        break;
    }
}

/* -------------------------------------------------------------------------- for the shell and tests */

static uint64_t
s_wake_us (const void *self_)
{
    const ordering_t *self = self_;
    bool is_probe_due = !self->is_store_open && !self->is_probe_out;
    return is_probe_due && self->probe_due_us < self->credit_due_us ? self->probe_due_us
                                                                    : self->credit_due_us;
}

static void
s_status (const void *self_, actor_status_t *status)
{
    const ordering_t *self = self_;
    status->is_ready = self->is_store_open;
    status->in_flight = self->writing_count + self->waiting_count + self->open_questions;
    status->queue_depth = self->waiting_count;
    status->handled = self->handled;
}

static uint64_t
s_digest_header (uint64_t digest, const header_t *header)
{
    return hash_bytes (digest, header, sizeof *header);
}

static uint64_t
s_digest (const void *self_)
{
    const ordering_t *self = self_;
    uint64_t flags = (uint64_t)self->is_store_open | (uint64_t)self->is_probe_out << 1 |
                     (uint64_t)self->is_stopping << 2 | (uint64_t)self->is_credit_owed << 3;
    uint64_t digest = hash_pair (flags, hash_pair (self->probe_due_us, self->credit_due_us));
    for (size_t i = 0; i < self->place_count; i++) {
        const place_t *place = &self->places[i];
        if (place->state != PLACE_FREE) {
            digest = s_digest_header (hash_pair (digest, i), &place->header);
            digest = hash_bytes (digest, place->entries, place->count * sizeof (order_event_t));
            digest = hash_pair (digest, hash_pair (place->state, place->arrival));
        }
    }
    for (size_t i = 0; i < ORDERING_QUESTIONS_MAX; i++)
        if (self->questions[i].is_open)
            digest = s_digest_header (hash_pair (digest, i), &self->questions[i].header);
    for (size_t i = 0; i < self->brokers.count; i++)
        digest = hash_pair (digest, self->brokers.peers[i].address.incarnation);
    return digest;
}

static void
s_check (const void *self_)
{
    const ordering_t *self = self_;
    size_t waiting = 0, writing = 0, questions = 0;
    for (size_t i = 0; i < PLACES_MAX; i++) {
        const place_t *place = &self->places[i];
        waiting += place->state == PLACE_WAITING;
        writing += place->state == PLACE_WRITING;
        CHECK (place->state == PLACE_FREE || (i < self->place_count && place->count > 0));
    }
    for (size_t i = 0; i < ORDERING_QUESTIONS_MAX; i++)
        questions += self->questions[i].is_open;
    CHECK (waiting == self->waiting_count && writing == self->writing_count);
    CHECK (writing <= self->window && questions == self->open_questions);
    CHECK (self->is_store_open || waiting == 0);
    CHECK (waiting == 0 || writing == self->window);
}

const actor_class_t ordering_class = { .kind = KIND_ORDERING,
                                       .new_ = s_new,
                                       .destroy = s_destroy,
                                       .step = s_step,
                                       .wake_us = s_wake_us,
                                       .status = s_status,
                                       .digest = s_digest,
                                       .check = s_check };
