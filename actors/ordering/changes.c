/*  Changes: one lane for each kind, with a window of one. While its call is out questions gather; then up to 256 of them are the next call.
    No timer, and one transaction for all that came meanwhile.

    A change

    state   | its message | no call out         | the call's result                                   | its time
    --------+-------------+---------------------+-----------------------------------------------------+------------------
    FREE    | WAITING     | -                   | -                                                   | -
    WAITING | -           | the oldest: ASKED;  | -                                                   | -
            |             | store closed: FREE, |                                                     |
            |             | unavailable         |                                                     |
    ASKED   | -           | -                   | PARKED: a payment that waits for its order's row,   | -
            |             |                     | which is not there, and time is left                |
            |             |                     | WAITING, to be asked alone: the whole was refused   |
            |             |                     | FREE, answered: anything else                       |
    PARKED  | -           | -                   | -                                                   | WAITING

    All three calls know what they did before: so a call of unknown fate needs no memory here, its askers come again. */

#include "changes.h"

#include "scheduler.h"

#define CHANGE_NONE UINT64_MAX /* end of a queue */
/*  Between two looks for the row of an order that is to be paid. */
#define PARK_US (50u * MS)

static const struct {
    message_type_t message;
    call_name_t call;
    metric_name_t metric;
} s_lanes[LANE_COUNT] = {
    [LANE_CANCEL] = { MSG_ORDER_CANCEL, CALL_ORDER_CANCEL, METRIC_CANCELS },
    [LANE_PAY] = { MSG_PAYMENT_CREATE, CALL_PAYMENT_CREATE, METRIC_PAYMENTS_ASKED },
    [LANE_EVENT] = { MSG_PAYMENT_EVENT, CALL_PAYMENT_EVENT_TAKE, METRIC_PAYMENT_EVENTS },
};

static size_t
s_lane_of (uint64_t type)
{
    size_t i = 0;
    while (i < LANE_COUNT && s_lanes[i].message != type)
        i++;
    return i;
}

bool
changes_is_change (uint64_t type)
{
    return s_lane_of (type) < LANE_COUNT;
}

/* -------------------------------------------------------------------------- queues of changes */

static void
s_push (lane_t *lane, queue_t *queue, uint64_t index)
{
    lane->changes[index].next = CHANGE_NONE;
    if (queue->count++)
        lane->changes[queue->last].next = index;
    else
        queue->first = index;
    queue->last = index;
}

static void
s_push_front (lane_t *lane, queue_t *queue, uint64_t index)
{
    lane->changes[index].next = queue->count ? queue->first : CHANGE_NONE;
    if (!queue->count++)
        queue->last = index;
    queue->first = index;
}

static uint64_t
s_pop (lane_t *lane, queue_t *queue)
{
    CHECK (queue->count > 0);
    uint64_t index = queue->first;
    queue->first = lane->changes[index].next;
    queue->count--;
    return index;
}

void
changes_init (changes_t *self, const params_t *params)
{
    self->patience_us = params->query_deadline_ms * MS * 9 / 10;
    for (size_t i = 0; i < LANE_COUNT; i++)
        for (uint64_t k = 0; k < ORDERING_CHANGES_MAX; k++)
            s_push (&self->lanes[i], &self->lanes[i].free, k);
}

/* -------------------------------------------------------------------------- questions and answers */

void
changes_handle_message (ordering_t *self, const event_t *event, effects_t *effects)
{
    size_t name = s_lane_of (event->header->type);
    lane_t *lane = &self->changes.lanes[name];
    error_code_t refusal = ordering_refusal (self, event);
    if (refusal == ERROR_NONE && lane->free.count == 0)
        refusal = ERROR_BUSY;
    if (refusal != ERROR_NONE) {
        effects_reply_outcome (effects, event->header, refusal, NULL, 0);
        return;
    }
    uint64_t index = s_pop (lane, &lane->free);
    change_t *change = &lane->changes[index];
    change->state = CHANGE_WAITING;
    change->header = *event->header;
    change->deadline_us = self->now_us + self->changes.patience_us;
    memset (&change->body, 0, sizeof change->body); /* the digest reads all of it */
    memcpy (&change->body, event->entries,
            schema_message (event->header->type)->record->size_bytes);
    s_push (lane, &lane->waiting, index);
}

static void
s_free (lane_t *lane, uint64_t index)
{
    lane->changes[index].state = CHANGE_FREE;
    s_push (lane, &lane->free, index);
}

static void
s_answer (ordering_t *self, size_t name, uint64_t index, error_code_t code, effects_t *effects)
{
    lane_t *lane = &self->changes.lanes[name];
    effects_reply_outcome (effects, &lane->changes[index].header, code, NULL, 0);
    s_free (lane, index);
    self->handled++;
}

static void
s_answer_payment (ordering_t *self, uint64_t index, const payment_t *row, effects_t *effects)
{
    lane_t *lane = &self->changes.lanes[LANE_PAY];
    effects_reply (effects, &lane->changes[index].header, MSG_PAYMENTS);
    payment_t *payment = effects_entry (effects, &record_payment);
    *payment = *row;
    s_free (lane, index);
    self->handled++;
}

/* -------------------------------------------------------------------------- results */

static void
s_tell_parked (const lane_t *lane, uint64_t before, effects_t *effects)
{
    if (lane->parked.count != before)
        effects_gauge (effects, METRIC_PAYMENTS_WAITING, 0, (int64_t)lane->parked.count);
}

/*  The row of the order is to come: the gate holds it, and its journal entry is on its way. */
static bool
s_park (ordering_t *self, uint64_t index)
{
    lane_t *lane = &self->changes.lanes[LANE_PAY];
    change_t *change = &lane->changes[index];
    if (self->is_stopping || self->now_us + PARK_US >= change->deadline_us)
        return false;
    change->state = CHANGE_PARKED;
    change->retry_us = self->now_us + PARK_US;
    s_push (lane, &lane->parked, index);
    return true;
}

/*  Code of one row, or INTERNAL_ERROR if it is not of the change that was asked for. */
static uint64_t
s_code_of_row (size_t name, const change_t *change, const event_t *event, size_t row)
{
    const order_outcome_t *outcomes = event->entries;
    const payment_t *payments = event->entries;
    const payment_move_t *moves = event->entries;
    bool is_of_it = true;
    uint64_t code = 0;
    switch ((lane_name_t)name) {
    case LANE_CANCEL:
        is_of_it = !memcmp (outcomes[row].rid, change->body.cancel.rid, RID_BYTES);
        code = outcomes[row].code;
        break;
    case LANE_PAY:
        is_of_it = !memcmp (payments[row].rid, change->body.pay.rid, RID_BYTES);
        code = payments[row].code;
        break;
    case LANE_EVENT:
        code = moves[row].code;
        break;
    case LANE_COUNT:
        break;
    }
    return is_of_it && schema_error (code) ? code : ERROR_INTERNAL_ERROR;
}

static void
s_count_move (const payment_move_t *move, effects_t *effects)
{
    if (move->status > PAYMENT_PENDING && move->status <= PAYMENT_REFUNDED)
        effects_add (effects, METRIC_PAYMENTS, move->status, 1);
}

/*  One counter for each code, however many rows. */
static void
s_count_codes (const uint32_t *counts, metric_name_t metric, effects_t *effects)
{
    for (size_t code = 0; code < ERROR_NUMBERS; code++)
        if (counts[code])
            effects_add (effects, metric, code, counts[code]);
}

static void
s_take_rows (ordering_t *self, size_t name, const event_t *event, effects_t *effects)
{
    lane_t *lane = &self->changes.lanes[name];
    uint32_t counts[ERROR_NUMBERS] = { 0 };
    uint64_t parked = lane->parked.count;
    for (size_t i = 0; i < lane->asked_count; i++) {
        uint64_t index = lane->asked[i];
        uint64_t code = s_code_of_row (name, &lane->changes[index], event, i);
        if (name == LANE_PAY && code == ERROR_NOT_FOUND && lane->changes[index].body.pay.waits) {
            if (s_park (self, index))
                continue;
            code = self->is_stopping ? ERROR_DRAINING : ERROR_BUSY;
        }
        counts[code]++;
        if (name == LANE_EVENT)
            s_count_move ((const payment_move_t *)event->entries + i, effects);
        if (name == LANE_PAY && code == ERROR_NONE)
            s_answer_payment (self, index, (const payment_t *)event->entries + i, effects);
        else
            s_answer (self, name, index, (error_code_t)code, effects);
    }
    s_count_codes (counts, s_lanes[name].metric, effects);
    s_tell_parked (lane, parked, effects);
    if (name == LANE_PAY)
        scheduler_charge (self, event->entries, event->count, effects);
}

static void
s_answer_all (ordering_t *self, size_t name, error_code_t code, effects_t *effects)
{
    lane_t *lane = &self->changes.lanes[name];
    for (size_t i = 0; i < lane->asked_count; i++)
        s_answer (self, name, lane->asked[i], code, effects);
}

/*  One of them cannot be: each is asked alone, so that it stands for itself. */
static void
s_take_refusal (ordering_t *self, size_t name, const event_t *event, effects_t *effects)
{
    lane_t *lane = &self->changes.lanes[name];
    effects_log (effects, LOG_LEVEL_ERROR, "change_refused", "%s of %" PRIu64 ": %s",
                 schema_call (s_lanes[name].call)->name, lane->asked_count,
                 event->detail ? event->detail : "");
    if (lane->asked_count == 1) {
        s_answer_all (self, name, ERROR_INTERNAL_ERROR, effects);
        return;
    }
    for (size_t i = lane->asked_count; i-- > 0;) {
        lane->changes[lane->asked[i]].state = CHANGE_WAITING;
        s_push_front (lane, &lane->waiting, lane->asked[i]);
    }
    lane->alone_count = lane->asked_count;
}

static void
s_call (lane_t *lane, size_t name, effects_t *effects)
{
    const record_t *record = schema_call (s_lanes[name].call)->arguments;
    effects_call (effects, s_lanes[name].call, TAG_LANE + name);
    for (size_t i = 0; i < lane->asked_count; i++)
        memcpy (effects_entry (effects, record), &lane->changes[lane->asked[i]].body,
                record->size_bytes);
}

void
changes_handle_result (ordering_t *self, const event_t *event, effects_t *effects)
{
    size_t name = (size_t)(event->tag - TAG_LANE);
    CHECK (name < LANE_COUNT && self->changes.lanes[name].asked_count > 0);
    lane_t *lane = &self->changes.lanes[name];
    if (event->status == RESULT_UNAVAILABLE && !lane->is_repeated && self->is_store_open) {
        /* certainly not done: mostly a lock that was not to be had */
        lane->is_repeated = true;
        s_call (lane, name, effects);
        return;
    }
    if (event->status == RESULT_OK && event->count == lane->asked_count) {
        s_take_rows (self, name, event, effects);
    } else if (event->status == RESULT_OK) {
        effects_log (effects, LOG_LEVEL_ERROR, "outcomes_incomplete", "%s: %zu of %" PRIu64,
                     schema_call (s_lanes[name].call)->name, event->count, lane->asked_count);
        s_answer_all (self, name, ERROR_INTERNAL_ERROR, effects);
    } else if (event->status == RESULT_REFUSED) {
        s_take_refusal (self, name, event, effects);
    } else {
        s_answer_all (self, name, ERROR_DEPENDENCY_UNAVAILABLE, effects);
    }
    lane->asked_count = 0;
}

/* -------------------------------------------------------------------------- asking */

static bool
s_is_due (const ordering_t *self, const lane_t *lane)
{
    return lane->parked.count > 0 &&
           (self->is_stopping || self->now_us >= lane->changes[lane->parked.first].retry_us);
}

static void
s_unpark (ordering_t *self, lane_t *lane, effects_t *effects)
{
    uint64_t parked = lane->parked.count;
    while (s_is_due (self, lane)) {
        uint64_t index = s_pop (lane, &lane->parked);
        lane->changes[index].state = CHANGE_WAITING;
        s_push (lane, &lane->waiting, index);
    }
    s_tell_parked (lane, parked, effects);
}

static void
s_ask (lane_t *lane, size_t name, effects_t *effects)
{
    uint64_t most = lane->alone_count > 0 ? 1 : BATCH_ENTRIES_MAX;
    while (lane->waiting.count > 0 && lane->asked_count < most) {
        uint64_t index = s_pop (lane, &lane->waiting);
        lane->changes[index].state = CHANGE_ASKED;
        lane->asked[lane->asked_count++] = index;
    }
    lane->alone_count -= lane->alone_count > 0;
    lane->is_repeated = false;
    s_call (lane, name, effects);
}

/*  A batch of what waits for a store that is closed; the rest in the next step. */
static void
s_give_back (ordering_t *self, size_t name, effects_t *effects)
{
    lane_t *lane = &self->changes.lanes[name];
    lane->alone_count = 0;
    for (size_t i = 0; i < BATCH_ENTRIES_MAX && lane->waiting.count > 0; i++)
        s_answer (self, name, s_pop (lane, &lane->waiting), ERROR_DEPENDENCY_UNAVAILABLE, effects);
}

void
changes_advance (ordering_t *self, effects_t *effects)
{
    for (size_t name = 0; name < LANE_COUNT; name++) {
        lane_t *lane = &self->changes.lanes[name];
        s_unpark (self, lane, effects);
        if (lane->asked_count > 0 || lane->waiting.count == 0)
            continue;
        if (self->is_store_open)
            s_ask (lane, name, effects);
        else
            s_give_back (self, name, effects);
    }
}

uint64_t
changes_wake_us (const ordering_t *self)
{
    uint64_t wake_us = UINT64_MAX;
    for (size_t name = 0; name < LANE_COUNT; name++) {
        const lane_t *lane = &self->changes.lanes[name];
        if (lane->asked_count == 0 && lane->waiting.count > 0)
            return self->now_us;
        if (lane->parked.count > 0)
            wake_us = earlier (wake_us, lane->changes[lane->parked.first].retry_us);
    }
    return wake_us;
}

/* -------------------------------------------------------------------------- for the shell and tests */

uint64_t
changes_in_flight (const changes_t *self)
{
    uint64_t in_flight = 0;
    for (size_t name = 0; name < LANE_COUNT; name++)
        in_flight += ORDERING_CHANGES_MAX - self->lanes[name].free.count;
    return in_flight;
}

static uint64_t
s_digest_queue (const lane_t *lane, const queue_t *queue, uint64_t digest)
{
    digest = hash_pair (digest, queue->count);
    for (uint64_t i = 0, index = queue->first; i < queue->count;
         i++, index = lane->changes[index].next) {
        const change_t *change = &lane->changes[index];
        digest = hash_bytes (hash_pair (digest, index), &change->header, sizeof change->header);
        digest = hash_bytes (digest, &change->body, sizeof change->body);
        digest = hash_pair (digest, hash_pair (change->deadline_us, change->retry_us));
    }
    return digest;
}

uint64_t
changes_digest (const changes_t *self, uint64_t digest)
{
    for (size_t name = 0; name < LANE_COUNT; name++) {
        const lane_t *lane = &self->lanes[name];
        digest = s_digest_queue (lane, &lane->waiting, digest);
        digest = s_digest_queue (lane, &lane->parked, digest);
        digest = hash_bytes (digest, lane->asked, lane->asked_count * sizeof lane->asked[0]);
        for (size_t i = 0; i < lane->asked_count; i++)
            digest = hash_bytes (digest, &lane->changes[lane->asked[i]].header, sizeof (header_t));
        digest = hash_pair (digest, hash_pair (lane->alone_count, lane->is_repeated));
    }
    return digest;
}

void
changes_check (const changes_t *self)
{
    for (size_t name = 0; name < LANE_COUNT; name++) {
        const lane_t *lane = &self->lanes[name];
        uint64_t counts[4] = { 0 };
        for (size_t i = 0; i < ORDERING_CHANGES_MAX; i++)
            counts[lane->changes[i].state]++;
        CHECK (counts[CHANGE_FREE] == lane->free.count);
        CHECK (counts[CHANGE_WAITING] == lane->waiting.count);
        CHECK (counts[CHANGE_PARKED] == lane->parked.count);
        CHECK (counts[CHANGE_ASKED] == lane->asked_count);
        CHECK (lane->asked_count <= BATCH_ENTRIES_MAX && lane->alone_count <= lane->waiting.count);
        CHECK (name == LANE_PAY || lane->parked.count == 0);
    }
}
