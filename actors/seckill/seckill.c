/*  Seckill core. Invariants:
    1. Every entry of a PURCHASE becomes exactly one argument of exactly one gate_reserve, or is answered `busy`.
    2. A verdict is what the script said about this entry, or that the script certainly did not run. Nothing is said about an entry
       whose script may have run without our seeing its answer: the edge asks again, and the gate knows the rid.
    3. Entries in flight are at most SECKILL_BATCHES_MAX × BATCH_ENTRIES_MAX, all in memory taken at the start.
    4. The shell answers each CALL once; a slot is free again when all calls of its batch are answered.

    state of a slot | PURCHASE                               | RESULT of gate_reserve
    ----------------+----------------------------------------+------------------------------------------------------------
    free            | taken: one call per sale, then waiting | impossible
    waiting         | another slot; none is free: busy       | OK: verdicts; UNAVAILABLE, REFUSED: dependency_unavailable;
                    |                                        | UNKNOWN: nothing. Free after the last call

    Any message but PURCHASE from a limiter and HOLDING_GET is invalid: counted, not answered. */

#include "seckill.h"

#include "check.h"
#include "hash.h"

#include <inttypes.h>
#include <string.h>

/*  What a verdict needs of its purchase. Entries of one sale stand together, in the order of the
    call's arguments. */
typedef struct waiting_t {
    uint64_t qid;
    uint64_t attempt;
} waiting_t;

typedef struct batch_t {
    header_t question;   /* origin, batch id, trace */
    uint64_t calls_left; /* 0 = the slot is free */
    uint64_t entry_count;
    waiting_t entries[BATCH_ENTRIES_MAX];
    uint16_t lengths[BATCH_ENTRIES_MAX]; /* of the call whose entries begin here; 0 = none, or
                                            answered */
} batch_t;

typedef struct lookup_t {
    header_t question; /* type 0 = the slot is free */
} lookup_t;

typedef struct seckill_t {
    batch_t batches[SECKILL_BATCHES_MAX];
    lookup_t lookups[SECKILL_LOOKUPS_MAX];
    uint64_t entries_waiting;
    uint64_t lookups_waiting;
    uint64_t next_lookup; /* where the search for a free slot begins */
    uint64_t handled;
    bool is_stopping;
} seckill_t;

static void *
s_new (const params_t *params, address_t address)
{
    (void)params;
    (void)address;
    seckill_t *self = calloc (1, sizeof *self);
    CHECK (self);
    return self;
}

static void
s_destroy (void **self_p)
{
    free (*self_p);
    *self_p = NULL;
}

/* -------------------------------------------------------------------------- verdicts */

/*  Opens the VERDICT message to the edge that waits for the batch. */
static void
s_open_verdicts (const header_t *question, effects_t *effects)
{
    address_t edge = { KIND_EDGE, question->origin_number, question->origin_incarnation };
    header_t *header = effects_send (effects, edge, MSG_VERDICT);
    header->batch_id = question->batch_id;
    header->cause_id = question->message_id;
    memcpy (header->trace_id, question->trace_id, sizeof header->trace_id);
    memcpy (header->span_id, question->span_id, sizeof header->span_id);
}

/*  A verdict that the gate has no part in. */
static void
s_add_plain_verdict (uint64_t qid, uint64_t attempt, error_code_t code, uint64_t retry_after_ms,
                     effects_t *effects)
{
    verdict_t *verdict = effects_entry (effects, &record_verdict);
    verdict->qid = qid;
    verdict->attempt = attempt;
    verdict->code = code;
    verdict->retry_after_ms = retry_after_ms;
}

static void
s_add_gate_verdict (const waiting_t *entry, const gate_verdict_t *row, effects_t *effects)
{
    verdict_t *verdict = effects_entry (effects, &record_verdict);
    verdict->qid = entry->qid;
    verdict->attempt = entry->attempt;
    verdict->code = row->code;
    verdict->gate_us = row->gate_us;
    verdict->quantity = row->quantity;
    verdict->price_cents = row->price_cents;
    verdict->sequence = row->sequence;
    verdict->pay_before_us = row->pay_before_us;
    verdict->stock_left = row->stock_left;
    memcpy (verdict->other_rid, row->other_rid, sizeof verdict->other_rid);
}

/* -------------------------------------------------------------------------- PURCHASE */

static void
s_answer_busy (seckill_t *self, const event_t *event, effects_t *effects)
{
    const purchase_t *purchases = event->entries;
    s_open_verdicts (event->header, effects);
    for (size_t i = 0; i < event->count; i++)
        s_add_plain_verdict (purchases[i].qid, purchases[i].attempt, ERROR_BUSY, SECKILL_BUSY_MS,
                             effects);
    effects_add (effects, METRIC_LIMITED, ERROR_BUSY, (int64_t)event->count);
    self->handled += event->count;
}

static void
s_add_argument (const purchase_t *purchase, effects_t *effects)
{
    gate_purchase_t *argument = effects_entry (effects, &record_gate_purchase);
    argument->sale_id = purchase->sale_id;
    memcpy (argument->rid, purchase->rid, sizeof argument->rid);
    argument->user_id = purchase->user_id;
    argument->quantity = purchase->quantity;
    argument->body_hash = purchase->body_hash;
    argument->version = purchase->version;
    argument->before_us = purchase->before_us;
    memcpy (argument->trace_id, purchase->trace_id, sizeof argument->trace_id);
}

/*  One call for the sale of entry `first` and all later entries of that sale. The tag says where
    its entries stand: slot × 256 + the position of the first. A batch has few sales, so a pass per
    sale costs less than sorting. */
static void
s_call_sale (seckill_t *self, size_t slot, const event_t *event, size_t first, bool *is_taken,
             effects_t *effects)
{
    const purchase_t *purchases = event->entries;
    batch_t *batch = &self->batches[slot];
    size_t position = batch->entry_count;
    effects_call (effects, CALL_GATE_RESERVE, slot * BATCH_ENTRIES_MAX + position);
    for (size_t i = first; i < event->count; i++) {
        if (is_taken[i] || purchases[i].sale_id != purchases[first].sale_id)
            continue;
        is_taken[i] = true;
        s_add_argument (&purchases[i], effects);
        batch->entries[batch->entry_count++] =
            (waiting_t){ purchases[i].qid, purchases[i].attempt };
    }
    batch->lengths[position] = (uint16_t)(batch->entry_count - position);
    batch->calls_left++;
}

static void
s_handle_purchase (seckill_t *self, const event_t *event, effects_t *effects)
{
    bool is_taken[BATCH_ENTRIES_MAX] = { false };
    size_t slot = 0;
    while (slot < SECKILL_BATCHES_MAX && self->batches[slot].calls_left > 0)
        slot++;
    if (slot == SECKILL_BATCHES_MAX) {
        s_answer_busy (self, event, effects);
        return;
    }
    batch_t *batch = &self->batches[slot];
    batch->question = *event->header;
    batch->entry_count = 0;
    for (size_t i = 0; i < event->count; i++)
        if (!is_taken[i])
            s_call_sale (self, slot, event, i, is_taken, effects);
    self->entries_waiting += batch->entry_count;
}

/* -------------------------------------------------------------------------- RESULT of gate_reserve */

static void
s_answer_unreached (const batch_t *batch, size_t first, size_t count, effects_t *effects)
{
    s_open_verdicts (&batch->question, effects);
    for (size_t i = first; i < first + count; i++)
        s_add_plain_verdict (batch->entries[i].qid, batch->entries[i].attempt,
                             ERROR_DEPENDENCY_UNAVAILABLE, 0, effects);
    effects_add (effects, METRIC_LIMITED, ERROR_DEPENDENCY_UNAVAILABLE, (int64_t)count);
}

static void
s_answer_decided (const batch_t *batch, size_t first, size_t count, const gate_verdict_t *rows,
                  effects_t *effects)
{
    int64_t by_code[ERROR_NUMBERS] = { 0 };
    s_open_verdicts (&batch->question, effects);
    for (size_t i = 0; i < count; i++) {
        s_add_gate_verdict (&batch->entries[first + i], &rows[i], effects);
        by_code[rows[i].code]++;
    }
    for (uint64_t code = 0; code < ERROR_NUMBERS; code++)
        if (by_code[code])
            effects_add (effects, METRIC_DECIDED, code, by_code[code]);
}

/*  True if the rows can be taken as the answer: as many as the arguments, with codes that exist.
    Anything else comes from a script that is not ours, and tells nothing about what was written. */
static bool
s_is_answer (const event_t *event, size_t count)
{
    const gate_verdict_t *rows = event->entries;
    if (event->count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (rows[i].code >= ERROR_NUMBERS || !schema_error (rows[i].code))
            return false;
    return true;
}

static void
s_withhold (size_t count, const char *why, effects_t *effects)
{
    effects_add (effects, METRIC_VERDICTS_WITHHELD, 0, (int64_t)count);
    effects_log (effects, LOG_LEVEL_WARNING, "verdicts_withheld", "entries=%zu: %s", count, why);
}

static void
s_handle_reserved (seckill_t *self, const event_t *event, effects_t *effects)
{
    size_t slot = event->tag / BATCH_ENTRIES_MAX, first = event->tag % BATCH_ENTRIES_MAX;
    CHECK (slot < SECKILL_BATCHES_MAX);
    batch_t *batch = &self->batches[slot];
    size_t count = batch->lengths[first];
    CHECK (batch->calls_left > 0 && count > 0);
    switch (event->status) {
    case RESULT_OK:
        if (s_is_answer (event, count))
            s_answer_decided (batch, first, count, event->entries, effects);
        else
            s_withhold (count, "the script answered something else than verdicts", effects);
        break;
    case RESULT_REFUSED:
        effects_log (effects, LOG_LEVEL_WARNING, "gate_refused", "entries=%zu: %s", count,
                     event->detail);
        s_answer_unreached (batch, first, count, effects);
        break;
    case RESULT_UNAVAILABLE:
        s_answer_unreached (batch, first, count, effects);
        break;
    case RESULT_UNKNOWN:
        s_withhold (count, "the connection to the gate ended before its answer", effects);
        break;
    }
    batch->lengths[first] = 0;
    batch->calls_left--;
    self->entries_waiting -= count;
    self->handled += count;
}

/* -------------------------------------------------------------------------- HOLDING_GET */

static void
s_handle_holding_get (seckill_t *self, const event_t *event, effects_t *effects)
{
    const query_t *query = event->entries;
    if (self->lookups_waiting == SECKILL_LOOKUPS_MAX) {
        effects_reply_outcome (effects, event->header, ERROR_BUSY, NULL, SECKILL_BUSY_MS);
        return;
    }
    while (self->lookups[self->next_lookup].question.type)
        self->next_lookup = (self->next_lookup + 1) % SECKILL_LOOKUPS_MAX;
    self->lookups[self->next_lookup].question = *event->header;
    self->lookups_waiting++;
    effects_call (effects, CALL_GATE_LOOKUP, self->next_lookup);
    gate_key_t *key = effects_entry (effects, &record_gate_key);
    key->sale_id = query->sale_id;
    memcpy (key->rid, query->rid, sizeof key->rid);
    self->next_lookup = (self->next_lookup + 1) % SECKILL_LOOKUPS_MAX;
}

/*  Reading changes nothing, so an unknown outcome is only an unavailable gate. */
static void
s_handle_looked_up (seckill_t *self, const event_t *event, effects_t *effects)
{
    CHECK (event->tag < SECKILL_LOOKUPS_MAX);
    header_t *question = &self->lookups[event->tag].question;
    CHECK (question->type == MSG_HOLDING_GET);
    if (event->status == RESULT_OK && event->count == 1) {
        effects_reply (effects, question, MSG_HOLDING);
        memcpy (effects_entry (effects, &record_holding), event->entries, sizeof (holding_t));
    } else {
        if (event->status == RESULT_REFUSED)
            effects_log (effects, LOG_LEVEL_WARNING, "gate_refused", "gate_lookup: %s",
                         event->detail);
        effects_reply_outcome (effects, question, ERROR_DEPENDENCY_UNAVAILABLE, NULL, 0);
    }
    memset (question, 0, sizeof *question);
    self->lookups_waiting--;
    self->handled++;
}

/* -------------------------------------------------------------------------- step */

static void
s_handle_message (seckill_t *self, const event_t *event, effects_t *effects)
{
    const header_t *header = event->header;
    bool is_batch = event->count > 0 && event->count <= BATCH_ENTRIES_MAX;
    if (header->type == MSG_PURCHASE && header->from_kind == KIND_LIMITER &&
        header->origin_number > 0 && is_batch)
        s_handle_purchase (self, event, effects);
    else if (header->type == MSG_HOLDING_GET && event->count == 1)
        s_handle_holding_get (self, event, effects);
    else
        effects_add (effects, METRIC_FRAMES_REFUSED, 0, 1);
}

static void
s_handle_result (seckill_t *self, const event_t *event, effects_t *effects)
{
    if (event->call == CALL_GATE_RESERVE)
        s_handle_reserved (self, event, effects);
    else if (event->call == CALL_GATE_LOOKUP)
        s_handle_looked_up (self, event, effects);
}

static void
s_step (void *self_, const event_t *event, effects_t *effects)
{
    seckill_t *self = self_;
    switch (event->type) {
    case EVENT_MESSAGE:
        s_handle_message (self, event, effects);
        break;
    case EVENT_RESULT:
        s_handle_result (self, event, effects);
        break;
    case EVENT_STOP:
        self->is_stopping = true;
        break;
    case EVENT_START:
    case EVENT_PEER_UP:
    case EVENT_PEER_DOWN:
    case EVENT_TIMER:
        break; /* verdicts go to the address in the question, whoever else is there */
    }
}

/* -------------------------------------------------------------------------- what the shell asks */

static uint64_t
s_wake_us (const void *self)
{
    (void)self;
    return UINT64_MAX;
}

static void
s_status (const void *self_, actor_status_t *status)
{
    const seckill_t *self = self_;
    memset (status, 0, sizeof *status);
    status->is_ready = !self->is_stopping;
    status->in_flight = self->entries_waiting + self->lookups_waiting;
    status->handled = self->handled;
}

static uint64_t
s_digest (const void *self_)
{
    const seckill_t *self = self_;
    uint64_t digest = hash_pair (self->next_lookup, self->is_stopping);
    for (size_t i = 0; i < SECKILL_BATCHES_MAX; i++) {
        const batch_t *batch = &self->batches[i];
        if (batch->calls_left == 0)
            continue;
        digest = hash_pair (digest, i << 32 | batch->calls_left);
        digest = hash_bytes (digest, &batch->question, sizeof batch->question);
        digest = hash_bytes (digest, batch->entries, batch->entry_count * sizeof batch->entries[0]);
        digest = hash_bytes (digest, batch->lengths, batch->entry_count * sizeof batch->lengths[0]);
    }
    for (size_t i = 0; i < SECKILL_LOOKUPS_MAX; i++)
        if (self->lookups[i].question.type)
            digest = hash_bytes (digest + i, &self->lookups[i].question, sizeof (header_t));
    return digest;
}

static void
s_check (const void *self_)
{
    const seckill_t *self = self_;
    uint64_t lookups = 0;
    for (size_t i = 0; i < SECKILL_LOOKUPS_MAX; i++)
        lookups += self->lookups[i].question.type != 0;
    CHECK (lookups == self->lookups_waiting);
    uint64_t entries = 0;
    for (size_t i = 0; i < SECKILL_BATCHES_MAX; i++) {
        uint64_t calls = 0;
        for (size_t k = 0; k < BATCH_ENTRIES_MAX; k++) {
            entries += self->batches[i].lengths[k];
            calls += self->batches[i].lengths[k] > 0;
        }
        CHECK (calls == self->batches[i].calls_left);
    }
    CHECK (entries == self->entries_waiting);
}

const actor_class_t seckill_class = {
    .kind = KIND_SECKILL,
    .new_ = s_new,
    .destroy = s_destroy,
    .step = s_step,
    .wake_us = s_wake_us,
    .status = s_status,
    .digest = s_digest,
    .check = s_check,
};
