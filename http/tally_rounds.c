/*  Rounds. Invariants:

    1. Every accepted question is answered exactly once, at the latest after PATIENCE_US: an edge that has not answered by then is left
       out, and counted.
    2. An edge is added once: its answer is taken only while it is awaited, from the incarnation that was asked.
    3. Asking changes nothing, so it may be asked as often as one likes. A message that is lost is an edge left out.
    4. At most TALLY_ROUNDS_MAX rounds; beyond it busy.

    state    | accept                 | TALLY of an awaited edge | other TALLY | an awaited edge gone | deadline
    FREE     | TALLYING, all asked;   | –                        | dropped     | –                    | –
             | alone: FREE, answered  |                          |             |                      |
    TALLYING | –                      | added; the last: FREE    | dropped     | not awaited any more;| FREE, answered
             |                        |                          |             | the last: FREE       |                */

#include "tally_rounds.h"

#include "check.h"

#include <string.h>

/*  An edge answers within a turn of its loop. One that stands still is seen by its silence only after heartbeat_miss_ms: until then every
    question waits this long for it. */
#define PATIENCE_US 250000u

/*  A whole tally is one message. */
_Static_assert(ERROR_NUMBERS + ANSWER_TIMES_BUCKETS + 1 <= BATCH_ENTRIES_MAX, "tally too long");

/* -------------------------------------------------------------------------- this edge's own */

static void
s_put (effects_t *effects, tally_what_t what, uint64_t label, uint64_t value)
{
    if (value == 0)
        return;
    tally_t *tally = effects_entry (effects, &record_tally);
    *tally = (tally_t){ .what = what, .label = label, .value = value };
}

static void
s_reply (tally_rounds_t *self, const event_t *event, effects_t *effects)
{
    uint64_t sale_id = ((const query_t *)event->entries)->sale_id;
    const sale_tally_t *tally = sale_tallies_find (self->tallies, sale_id, event->now_us);
    effects_reply (effects, event->header, MSG_TALLY);
    for (uint32_t code = 0; tally && code < ERROR_NUMBERS; code++)
        s_put (effects, TALLY_ANSWERED, code, tally->answered[code]);
    for (uint32_t i = 0; tally && i < ANSWER_TIMES_BUCKETS; i++)
        s_put (effects, TALLY_TOOK, i, answer_times_count (&tally->times, i));
    s_put (effects, TALLY_WAITING, 0, purchases_waiting (self->purchases, sale_id));
}

static void
s_add_own (tally_rounds_t *self, tally_round_t *round, uint64_t sale_id, uint64_t now_us)
{
    const sale_tally_t *tally = sale_tallies_find (self->tallies, sale_id, now_us);
    for (uint32_t code = 0; tally && code < ERROR_NUMBERS; code++)
        round->answered[code] += tally->answered[code];
    for (uint32_t i = 0; tally && i < ANSWER_TIMES_BUCKETS; i++)
        round->took[i] += answer_times_count (&tally->times, i);
    round->waiting += purchases_waiting (self->purchases, sale_id);
}

/* -------------------------------------------------------------------------- rounds */

static tally_round_t *
s_round (tally_rounds_t *self, uint64_t qid)
{
    for (size_t i = 0; i < TALLY_ROUNDS_MAX; i++)
        if (self->rounds[i].qid == qid)
            return &self->rounds[i];
    return NULL;
}

static void
s_end (tally_rounds_t *self, tally_round_t *round, pending_t *pending)
{
    round->qid = 0;
    pendings_release (self->pendings, pending);
    self->answered++;
}

static void
s_answer (tally_rounds_t *self, tally_round_t *round, effects_t *effects)
{
    pending_t *pending = pendings_match (self->pendings, round->qid);
    CHECK (pending);
    address_t worker = { KIND_CLIENT, pending->slot, 0 };
    effects_send (effects, worker, MSG_TALLY)->batch_id = pending->ticket;
    for (uint32_t code = 0; code < ERROR_NUMBERS; code++)
        s_put (effects, TALLY_ANSWERED, code, round->answered[code]);
    s_put (effects, TALLY_WAITING, 0, round->waiting);
    s_put (effects, TALLY_P50_US, 0, answer_times_percentile_us (round->took, 50));
    s_put (effects, TALLY_P99_US, 0, answer_times_percentile_us (round->took, 99));
    s_end (self, round, pending);
}

static void
s_ask (tally_rounds_t *self, tally_round_t *round, const event_t *event, effects_t *effects)
{
    for (size_t i = 0; i < self->edges->count; i++) {
        const address_t *edge = &self->edges->peers[i].address;
        round->awaited[round->awaited_count++] = *edge;
        header_t *header = effects_send (effects, *edge, MSG_TALLY_GET);
        header->batch_id = round->qid;
        memcpy (header->trace_id, event->header->trace_id, sizeof header->trace_id);
        memcpy (header->span_id, event->header->span_id, sizeof header->span_id);
        *(query_t *)effects_entry (effects, &record_query) = *(const query_t *)event->entries;
    }
}

void
tally_rounds_accept (tally_rounds_t *self, pending_t *pending, const event_t *event,
                     effects_t *effects)
{
    tally_round_t *round = s_round (self, 0);
    pending->state = PENDING_TALLYING;
    if (!round) {
        effects_reply_outcome (effects, event->header, ERROR_BUSY, NULL, 0);
        pendings_release (self->pendings, pending);
        self->answered++;
        return;
    }
    memset (round, 0, sizeof *round);
    round->qid = pending->qid;
    pending->deadline_us = event->now_us + PATIENCE_US;
    pendings_due_by (self->pendings, pending->deadline_us);
    s_add_own (self, round, ((const query_t *)event->entries)->sale_id, event->now_us);
    s_ask (self, round, event, effects);
    if (round->awaited_count == 0)
        s_answer (self, round, effects);
}

/*  False if that process is not awaited. */
static bool
s_strike_off (tally_round_t *round, uint64_t number, uint64_t incarnation)
{
    for (uint64_t i = 0; i < round->awaited_count; i++)
        if (round->awaited[i].number == number && round->awaited[i].incarnation == incarnation) {
            round->awaited[i] = round->awaited[--round->awaited_count];
            return true;
        }
    return false;
}

static void
s_add (tally_round_t *round, const tally_t *tally)
{
    if (tally->what == TALLY_ANSWERED && tally->label < ERROR_NUMBERS)
        round->answered[tally->label] += tally->value;
    else if (tally->what == TALLY_TOOK && tally->label < ANSWER_TIMES_BUCKETS)
        round->took[tally->label] += tally->value;
    else if (tally->what == TALLY_WAITING)
        round->waiting += tally->value;
}

static void
s_handle_tally (tally_rounds_t *self, const event_t *event, effects_t *effects)
{
    const header_t *header = event->header;
    tally_round_t *round = header->batch_id ? s_round (self, header->batch_id) : NULL;
    if (!round || !s_strike_off (round, header->from_number, header->from_incarnation))
        return;
    for (size_t i = 0; i < event->count; i++)
        s_add (round, (const tally_t *)event->entries + i);
    if (round->awaited_count == 0)
        s_answer (self, round, effects);
}

bool
tally_rounds_handle_message (tally_rounds_t *self, const event_t *event, effects_t *effects)
{
    const header_t *header = event->header;
    if (header->from_kind != KIND_EDGE)
        return false;
    if (header->type == MSG_TALLY)
        s_handle_tally (self, event, effects);
    else if (header->type == MSG_TALLY_GET && event->count == 1)
        s_reply (self, event, effects);
    else
        return false;
    return true;
}

void
tally_rounds_handle_peer_down (tally_rounds_t *self, const process_t *peer, effects_t *effects)
{
    for (size_t i = 0; peer->kind == KIND_EDGE && i < TALLY_ROUNDS_MAX; i++) {
        tally_round_t *round = &self->rounds[i];
        if (round->qid && s_strike_off (round, peer->number, peer->incarnation) &&
            round->awaited_count == 0)
            s_answer (self, round, effects);
    }
}

bool
tally_rounds_handle_time (tally_rounds_t *self, pending_t *pending, uint64_t now_us,
                          effects_t *effects)
{
    if (pending->deadline_us > now_us)
        return false;
    effects_add (effects, METRIC_TALLIES_SHORT, 0, 1);
    s_answer (self, s_round (self, pending->qid), effects);
    return true;
}

void
tally_rounds_drop (tally_rounds_t *self, pending_t *pending)
{
    s_end (self, s_round (self, pending->qid), pending);
}

void
tally_rounds_check (const tally_rounds_t *self)
{
    for (size_t i = 0; i < TALLY_ROUNDS_MAX; i++) {
        const tally_round_t *round = &self->rounds[i];
        const pending_t *pending = round->qid ? pendings_match (self->pendings, round->qid) : NULL;
        CHECK (!round->qid || (pending && pending->state == PENDING_TALLYING));
        CHECK (!round->qid || round->awaited_count > 0);
    }
}
