/*  Deliveries: DELIVER becomes order_write, REJECT order_reject, DUE order_expire of one sale; each ends in one ACK.

    A place for a delivery

    state   | DELIVER, REJECT, DUE | a call ends         | its result                    | store closes | broker down
    --------+----------------------+---------------------+-------------------------------+--------------+------------
    FREE    | WRITING or           | -                   | -                             | -            | -
            | WAITING              |                     |                               |              |
    WAITING | (same) ignored       | oldest: WRITING     | -                             | FREE, ACK    | FREE
    WRITING | (same) ignored       | -                   | FREE, ACK                     | -            | -        */

#include "deliveries.h"

/*  A lost CREDIT would keep a broker from delivering: it is repeated. */
#define CREDIT_REPEAT_US (1000u * MS)
/*  Orders that one DUE makes expired at most: more than that come with the next, so that no lock is held for long. */
#define DUE_ORDERS_MAX 512u

void
deliveries_init (deliveries_t *self, const params_t *params)
{
    CHECK (params->delivery_window > 0 && params->delivery_window <= WINDOW_MAX);
    self->window = params->delivery_window;
    self->place_count = 3 * self->window;
}

/* -------------------------------------------------------------------------- credit and answers */

static uint64_t
s_credit (const ordering_t *self)
{
    return self->is_store_open && !self->is_stopping ? self->deliveries.window : 0;
}

static void
s_send_credit (const ordering_t *self, address_t broker, effects_t *effects)
{
    effects_send (effects, broker, MSG_CREDIT);
    ack_t *credit = effects_entry (effects, &record_ack);
    credit->credit = s_credit (self);
}

void
deliveries_send_credits (ordering_t *self, effects_t *effects)
{
    deliveries_t *deliveries = &self->deliveries;
    for (size_t i = 0; i < deliveries->brokers.count; i++)
        s_send_credit (self, deliveries->brokers.peers[i].address, effects);
    deliveries->credit_due_us = self->now_us + CREDIT_REPEAT_US;
    deliveries->is_credit_owed = false;
}

static void
s_send_ack (const header_t *delivery, error_code_t code, uint64_t credit, uint64_t again_us,
            effects_t *effects)
{
    effects_reply (effects, delivery, MSG_ACK)->attempt = delivery->attempt;
    ack_t *ack = effects_entry (effects, &record_ack);
    ack->code = code;
    ack->credit = credit;
    ack->again_us = again_us;
}

static void
s_free_place (deliveries_t *self, place_t *place)
{
    if (place->state == PLACE_WRITING)
        self->writing_count--;
    else
        self->waiting_count--;
    place->state = PLACE_FREE;
}

void
deliveries_give_back (ordering_t *self, effects_t *effects)
{
    deliveries_t *deliveries = &self->deliveries;
    for (size_t i = 0; i < deliveries->place_count; i++) {
        place_t *place = &deliveries->places[i];
        if (place->state == PLACE_WAITING) {
            s_send_ack (&place->header, ERROR_DEPENDENCY_UNAVAILABLE, 0, 0, effects);
            s_free_place (deliveries, place);
        }
    }
    deliveries_send_credits (self, effects);
}

/* -------------------------------------------------------------------------- calls */

static void
s_put_arguments (const place_t *place, effects_t *effects)
{
    switch (place->header.type) {
    case MSG_REJECT: {
        dead_letter_t *letter = effects_entry (effects, &record_dead_letter);
        *letter = place->body.letter;
        break;
    }
    case MSG_DUE: {
        scan_t *scan = effects_entry (effects, &record_scan);
        scan->sale_id = place->body.due.sale_id;
        scan->limit = DUE_ORDERS_MAX;
        break;
    }
    default:
        for (size_t i = 0; i < place->count; i++) {
            order_event_t *event = effects_entry (effects, &record_order_event);
            *event = place->body.events[i];
        }
    }
}

static void
s_write (deliveries_t *self, place_t *place, effects_t *effects)
{
    uint64_t type = place->header.type;
    call_name_t call = type == MSG_REJECT ? CALL_ORDER_REJECT
                       : type == MSG_DUE  ? CALL_ORDER_EXPIRE
                                          : CALL_ORDER_WRITE;
    place->state = PLACE_WRITING;
    self->writing_count++;
    effects_call (effects, call, TAG_PLACE + (uint64_t)(place - self->places));
    s_put_arguments (place, effects);
}

static place_t *
s_oldest_waiting (deliveries_t *self)
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
s_write_waiting (deliveries_t *self, effects_t *effects)
{
    while (self->waiting_count && self->writing_count < self->window) {
        place_t *place = s_oldest_waiting (self);
        self->waiting_count--;
        s_write (self, place, effects);
    }
}

/* -------------------------------------------------------------------------- what comes */

/*  The broker gave the delivery up and sends it again while we still have it: one answer is enough. */
static bool
s_is_here (const deliveries_t *self, const header_t *header)
{
    for (size_t i = 0; i < self->place_count; i++) {
        const place_t *place = &self->places[i];
        if (place->state != PLACE_FREE && place->header.batch_id == header->batch_id &&
            place->header.type == header->type &&
            place->header.from_incarnation == header->from_incarnation)
            return true;
    }
    return false;
}

static place_t *
s_free_slot (deliveries_t *self)
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

void
deliveries_handle_message (ordering_t *self, const event_t *event, effects_t *effects)
{
    deliveries_t *deliveries = &self->deliveries;
    const header_t *header = event->header;
    bool is_one = header->type != MSG_DELIVER;
    if (header->from_kind != KIND_BROKER || event->count == 0 || (is_one && event->count != 1)) {
        ordering_refuse_frame (effects);
        return;
    }
    if (s_is_here (deliveries, header))
        return;
    if (header->type == MSG_DELIVER && s_is_poison (event->entries, event->count)) {
        s_send_ack (header, ERROR_POISON, s_credit (self), 0, effects);
        return;
    }
    place_t *place = s_credit (self) ? s_free_slot (deliveries) : NULL;
    if (!place) {
        deliveries->is_credit_owed = true;
        s_send_ack (header, ERROR_DEPENDENCY_UNAVAILABLE, 0, 0, effects);
        return;
    }
    place->header = *header;
    place->arrival = ++deliveries->arrivals;
    place->count = event->count;
    place->is_repeated = false;
    memcpy (&place->body, event->entries,
            event->count * schema_message (header->type)->record->size_bytes);
    place->state = PLACE_WAITING;
    deliveries->waiting_count++;
    s_write_waiting (deliveries, effects);
}

/* -------------------------------------------------------------------------- results */

static void
s_log_rejected (const char *what, const uint8_t *rid_bytes, uint64_t sale_id, uint64_t user_id,
                effects_t *effects)
{
    char rid[2 * RID_BYTES + 1] = "";
    for (size_t i = 0; i < RID_BYTES; i++)
        snprintf (rid + 2 * i, 3, "%02x", rid_bytes[i]);
    effects_log (effects, LOG_LEVEL_WARNING, what, "rid %s sale %" PRIu64 " user %" PRIu64, rid,
                 sale_id, user_id);
}

static void
s_count_written (error_code_t code, size_t count, effects_t *effects)
{
    if (count)
        effects_add (effects, METRIC_ORDERS_WRITTEN, code, (int64_t)count);
}

/*  ERROR_NONE if every entry has its final outcome. Anything else the store may not answer: then the delivery is not
    acknowledged, and the broker finds the entry by sending them one by one. */
static error_code_t
s_judge_written (ordering_t *self, const place_t *place, const event_t *event, effects_t *effects)
{
    const order_outcome_t *outcomes = event->entries;
    size_t written = 0, stale = 0, rejected = 0;
    for (size_t i = 0; i < event->count && i < place->count; i++) {
        const order_event_t *entry = &place->body.events[i];
        if (memcmp (outcomes[i].rid, entry->rid, RID_BYTES) != 0)
            break;
        written += outcomes[i].code == ERROR_NONE;
        stale += outcomes[i].code == ERROR_STALE_EPOCH;
        rejected += outcomes[i].code == ERROR_REJECTED;
        if (outcomes[i].code == ERROR_REJECTED)
            s_log_rejected ("order_rejected", entry->rid, entry->sale_id, entry->user_id, effects);
    }
    s_count_written (ERROR_NONE, written, effects);
    s_count_written (ERROR_STALE_EPOCH, stale, effects);
    s_count_written (ERROR_REJECTED, rejected, effects);
    self->handled += written + stale + rejected;
    if (event->count == place->count && written + stale + rejected == place->count)
        return ERROR_NONE;
    effects_log (effects, LOG_LEVEL_ERROR, "outcomes_incomplete",
                 "%zu entries, %zu outcomes, %zu of them final", place->count, event->count,
                 written + stale + rejected);
    return ERROR_POISON;
}

static error_code_t
s_judge_rejected (ordering_t *self, const place_t *place, const event_t *event, effects_t *effects)
{
    const order_outcome_t *outcome = event->entries;
    const dead_letter_t *letter = &place->body.letter;
    if (event->count != 1 || memcmp (outcome->rid, letter->rid, RID_BYTES) != 0 ||
        (outcome->code != ERROR_NONE && outcome->code != ERROR_STALE_EPOCH &&
         outcome->code != ERROR_REJECTED)) {
        effects_log (effects, LOG_LEVEL_ERROR, "outcomes_incomplete", "of a rejection");
        return ERROR_POISON;
    }
    s_log_rejected ("entry_dead", letter->rid, letter->sale_id, letter->user_id, effects);
    s_count_written (outcome->code, 1, effects);
    self->handled++;
    return ERROR_NONE;
}

static error_code_t
s_judge_expired (ordering_t *self, const event_t *event, uint64_t *again_us, effects_t *effects)
{
    const expiry_t *expiry = event->entries;
    if (event->count != 1 || expiry->code != ERROR_NONE)
        return ERROR_DEPENDENCY_UNAVAILABLE;
    if (expiry->expired_count)
        effects_add (effects, METRIC_ORDERS_EXPIRED, 0, (int64_t)expiry->expired_count);
    self->handled += expiry->expired_count;
    *again_us = expiry->next_us;
    return ERROR_NONE;
}

static error_code_t
s_judge (ordering_t *self, const place_t *place, const event_t *event, uint64_t *again_us,
         effects_t *effects)
{
    if (event->status == RESULT_REFUSED) {
        effects_log (effects, LOG_LEVEL_WARNING, "write_refused", "batch %" PRIu64 " of %zu: %s",
                     place->header.batch_id, place->count, event->detail ? event->detail : "");
        return ERROR_POISON;
    }
    if (event->status != RESULT_OK) {
        ordering_close_store (self, effects);
        return ERROR_DEPENDENCY_UNAVAILABLE;
    }
    switch (place->header.type) {
    case MSG_REJECT:
        return s_judge_rejected (self, place, event, effects);
    case MSG_DUE:
        return s_judge_expired (self, event, again_us, effects);
    default:
        return s_judge_written (self, place, event, effects);
    }
}

void
deliveries_handle_result (ordering_t *self, const event_t *event, effects_t *effects)
{
    deliveries_t *deliveries = &self->deliveries;
    size_t index = (size_t)(event->tag - TAG_PLACE);
    CHECK (index < deliveries->place_count && deliveries->places[index].state == PLACE_WRITING);
    place_t *place = &deliveries->places[index];
    if (event->status == RESULT_UNAVAILABLE && !place->is_repeated) {
        /* nothing was written: mostly a deadlock or a lost race inside PostgreSQL, and the same call succeeds */
        place->is_repeated = true;
        deliveries->writing_count--;
        s_write (deliveries, place, effects);
        return;
    }
    uint64_t again_us = 0;
    error_code_t code = s_judge (self, place, event, &again_us, effects);
    s_free_place (deliveries, place);
    s_send_ack (&place->header, code, s_credit (self), again_us, effects);
    if (deliveries->is_credit_owed)
        deliveries_send_credits (self, effects);
    s_write_waiting (deliveries, effects);
}

/* -------------------------------------------------------------------------- brokers and time */

void
deliveries_handle_broker_up (ordering_t *self, const process_t *broker, effects_t *effects)
{
    peers_up (&self->deliveries.brokers, broker);
    address_t address = { KIND_BROKER, broker->number, broker->incarnation };
    s_send_credit (self, address, effects);
}

/*  Waiting deliveries of a broker that is gone: its successor reads them again from the journal. */
void
deliveries_handle_broker_down (ordering_t *self, const process_t *broker)
{
    deliveries_t *deliveries = &self->deliveries;
    peers_down (&deliveries->brokers, broker);
    for (size_t i = 0; i < deliveries->place_count; i++) {
        place_t *place = &deliveries->places[i];
        if (place->state == PLACE_WAITING && place->header.from_incarnation == broker->incarnation)
            s_free_place (deliveries, place);
    }
}

void
deliveries_handle_time (ordering_t *self, effects_t *effects)
{
    if (self->now_us >= self->deliveries.credit_due_us)
        deliveries_send_credits (self, effects);
}

/* -------------------------------------------------------------------------- for tests */

uint64_t
deliveries_digest (const deliveries_t *self, uint64_t digest)
{
    digest = hash_pair (digest, hash_pair (self->is_credit_owed, self->credit_due_us));
    for (size_t i = 0; i < self->place_count; i++) {
        const place_t *place = &self->places[i];
        if (place->state == PLACE_FREE)
            continue;
        size_t entry_bytes = schema_message (place->header.type)->record->size_bytes;
        digest = hash_bytes (hash_pair (digest, i), &place->header, sizeof place->header);
        digest = hash_bytes (digest, &place->body, place->count * entry_bytes);
        digest =
            hash_pair (digest, hash_pair (place->state * 2 + place->is_repeated, place->arrival));
    }
    for (size_t i = 0; i < self->brokers.count; i++)
        digest = hash_pair (digest, self->brokers.peers[i].address.incarnation);
    return digest;
}

void
deliveries_check (const ordering_t *self)
{
    const deliveries_t *deliveries = &self->deliveries;
    size_t waiting = 0, writing = 0;
    for (size_t i = 0; i < PLACES_MAX; i++) {
        const place_t *place = &deliveries->places[i];
        waiting += place->state == PLACE_WAITING;
        writing += place->state == PLACE_WRITING;
        CHECK (place->state == PLACE_FREE || (i < deliveries->place_count && place->count > 0));
    }
    CHECK (waiting == deliveries->waiting_count && writing == deliveries->writing_count);
    CHECK (writing <= deliveries->window);
    CHECK (self->is_store_open || waiting == 0);
    CHECK (waiting == 0 || writing == deliveries->window);
}
