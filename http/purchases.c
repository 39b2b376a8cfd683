/*  Purchases at the edge. Invariants:

    1. Every accepted request is answered exactly once, at the latest at its deadline.
    2. A positive verdict of any attempt answers at once: the reservation is durable and the shopper's.
    3. A refusal answers only if it is of the newest attempt that was sent *and* the gate decided it
       after the `before` of every older attempt: only then can none of those still win. (Model: any
       verdict, newest only, and executed-after only are each violated within 250 states.) Otherwise
       the request is sent again once that time is over. An attempt is executed at most once - nobody
       repeats a batch - so one whose verdict has come is over and bars nothing.
    4. "Not now" (503: the gate was not asked, or the answer promises nothing) answers at once: the shopper may come again with
       the same key, and no attempt's outcome is hidden by it.
    5. The `before` of an attempt is never past the request's deadline, so nothing can be reserved for a shopper who was already
       told "not now" for good.
    6. A lane has at most one batch out. Entries of a batch are OUT on its lane until they are answered or given up.
    7. Resends of attempts that nobody answered are paid for from a budget (retry_budget.h); one that it cannot pay rests a moment.

    state    | accept         | dispatch | verdict that answers | late     | stale, draining | recovering | held refusal | `before` over | limiter gone | deadline
    FREE     | WAITING / FREE | –        | counted unmatched    | –        | –               | –          | –            | –             | –            | –
    WAITING  | –              | OUT      | FREE                 | –        | –               | –          | –            | –             | other lane   | FREE 503
    OUT      | –              | –        | FREE                 | WAITING  | RESTING 20 ms   | RESTING    | RESTING      | WAITING       | WAITING      | FREE 503
    RESTING  | –              | –        | FREE                 | –        | –               | –          | –            | WAITING       | –            | FREE 503

    RESTING for 100 ms after "recovering", after a held refusal until the last older `before` is over, for 50 ms when the budget of
    resends is spent. While a breaker is open (breaker.h) nothing but its probe is accepted: the others are 503 at once. */

#include "purchases.h"

#include "check.h"

#include <string.h>

#define STALE_REST_US 20000u
#define RECOVERING_REST_US 100000u
#define BUDGET_REST_US 50000u
/*  Gate times are whole microseconds of another machine's clock: one millisecond makes "after" certain. */
#define HELD_MARGIN_US 1000u

typedef enum ruling_t {
    RULING_ANSWER,     /* pass it on */
    RULING_IGNORE,     /* of an older attempt: says nothing any more */
    RULING_HOLD,       /* a refusal while an older attempt can still win */
    RULING_AGAIN_NOW,  /* not executed */
    RULING_AGAIN_SOON, /* not executed; what it failed on takes a moment to change */
    RULING_RECOVERING
} ruling_t;

void
purchases_init (purchases_t *self, const params_t *params)
{
    self->deadline_us = params->purchase_deadline_ms * 1000;
    self->before_floor_us = params->before_floor_ms * 1000;
    self->batch_entries = params->batch_entries;
    CHECK (self->batch_entries <= BATCH_ENTRIES_MAX);
    self->gate.guards = DEPENDENCY_REDIS;
    self->stage.guards = KIND_SECKILL;
}

/* -------------------------------------------------------------------------- answering */

static void
s_answer (purchases_t *self, pending_t *pending, const verdict_t *verdict, uint64_t now_us,
          effects_t *effects)
{
    address_t worker = { KIND_CLIENT, pending->slot, 0 };
    header_t *header = effects_send (effects, worker, MSG_VERDICT);
    header->batch_id = pending->ticket;
    verdict_t *copy = effects_entry (effects, &record_verdict);
    *copy = *verdict;
    uint64_t accepted_us = pending->deadline_us - self->deadline_us;
    sale_tallies_add (self->tallies, pending->purchase.sale_id, verdict->code, now_us - accepted_us,
                      now_us, effects);
    purchases_drop (self, pending, now_us, effects);
    self->answered++;
}

static void
s_answer_code (purchases_t *self, pending_t *pending, error_code_t code, uint64_t now_us,
               effects_t *effects)
{
    verdict_t verdict = { .qid = pending->qid, .attempt = pending->purchase.attempt, .code = code };
    s_answer (self, pending, &verdict, now_us, effects);
}

void
purchases_drop (purchases_t *self, pending_t *pending, uint64_t now_us, effects_t *effects)
{
    lanes_leave (&self->lanes, self->pendings, pending, now_us);
    breaker_forget (&self->gate, pending->qid, now_us, effects);
    breaker_forget (&self->stage, pending->qid, now_us, effects);
    pendings_release (self->pendings, pending);
}

/* -------------------------------------------------------------------------- queues */

static void
s_rest (purchases_t *self, pending_t *pending, uint64_t rest_us, uint64_t now_us)
{
    lanes_leave (&self->lanes, self->pendings, pending, now_us);
    pending->state = PENDING_RESTING;
    pending->until_us = now_us + rest_us;
    pendings_due_by (self->pendings, pending->until_us);
}

static void
s_queue (purchases_t *self, pending_t *pending, uint64_t now_us)
{
    lanes_leave (&self->lanes, self->pendings, pending, now_us);
    const peer_t *limiter = peers_of_key (self->limiters, pending->purchase.user_id);
    lanes_append (&self->lanes, self->pendings, lanes_of (&self->lanes, limiter), pending);
}

/*  Rule 7. `is_silent`: the newest attempt has no verdict, or came late; others were told to come again, and when. */
static void
s_queue_again (purchases_t *self, pending_t *pending, bool is_silent, uint64_t now_us,
               effects_t *effects)
{
    if (!is_silent || retry_budget_spend (&self->resends, now_us)) {
        s_queue (self, pending, now_us);
        return;
    }
    effects_add (effects, METRIC_RESENDS_WITHHELD, 0, 1);
    s_rest (self, pending, BUDGET_REST_US, now_us);
}

static bool
s_breakers_let_pass (purchases_t *self, uint64_t qid, uint64_t now_us, effects_t *effects)
{
    return breaker_lets_pass (&self->gate, qid, now_us, effects) &&
           breaker_lets_pass (&self->stage, qid, now_us, effects);
}

void
purchases_accept (purchases_t *self, pending_t *pending, const purchase_t *purchase,
                  uint64_t now_us, effects_t *effects)
{
    pending->purchase = *purchase;
    pending->purchase.qid = pending->qid;
    pending->purchase.attempt = 0;
    pending->deadline_us = now_us + self->deadline_us;
    pending->state = PENDING_RESTING; /* in no lane yet */
    pendings_due_by (self->pendings, pending->deadline_us);
    if (!self->clock->is_set || !s_breakers_let_pass (self, pending->qid, now_us, effects))
        s_answer_code (self, pending, ERROR_DEPENDENCY_UNAVAILABLE, now_us, effects);
    else
        s_queue (self, pending, now_us);
}

void
purchases_deal_anew (purchases_t *self, uint64_t now_us, effects_t *effects)
{
    for (uint32_t slot = 1; slot <= self->pendings->slot_max; slot++) {
        pending_t *pending = pendings_at (self->pendings, slot);
        if (pending->state != PENDING_WAITING && pending->state != PENDING_OUT)
            continue;
        const lane_t *lane = &self->lanes.lanes[pending->lane];
        bool is_gone =
            pending->lane == LANE_NOWHERE ||
            !peers_find (self->limiters, lane->limiter.number, lane->limiter.incarnation);
        const peer_t *limiter = peers_of_key (self->limiters, pending->purchase.user_id);
        bool is_elsewhere = lanes_of (&self->lanes, limiter) != pending->lane;
        if (pending->state == PENDING_OUT && is_gone)
            s_queue_again (self, pending, true, now_us, effects);
        else if (pending->state == PENDING_WAITING && (is_gone || is_elsewhere))
            s_queue (self, pending, now_us);
    }
    for (uint32_t i = 0; i < self->lanes.in_use && i < LANE_NOWHERE; i++) {
        const address_t *limiter = &self->lanes.lanes[i].limiter;
        if (limiter->number && !peers_find (self->limiters, limiter->number, limiter->incarnation))
            lanes_close (&self->lanes, i);
    }
}

/* -------------------------------------------------------------------------- sending */

static uint64_t
s_min (uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/*  Gives the attempt its number, version and `before`. */
static void
s_prepare (purchases_t *self, pending_t *pending, uint64_t patience_us, uint64_t now_us)
{
    purchase_t *purchase = &pending->purchase;
    uint64_t gate_us = gate_clock_now_us (self->clock, now_us);
    uint64_t left_us = pending->deadline_us > now_us ? pending->deadline_us - now_us : 0;
    uint64_t before_in_us = s_min (patience_us, left_us);
    if (pending->older_before_us < purchase->before_us)
        pending->older_before_us = purchase->before_us;
    purchase->version =
        sale_versions_of (self->sale_versions, purchase->sale_id, purchase->version);
    purchase->before_us = gate_us + before_in_us;
    purchase->attempt++;
    pending->sent_us = now_us;
    pending->until_us = now_us + before_in_us;
    pendings_due_by (self->pendings, pending->until_us);
}

static void
s_send_batch (purchases_t *self, uint32_t index, uint64_t patience_us, uint64_t now_us,
              effects_t *effects)
{
    lane_t *lane = &self->lanes.lanes[index];
    header_t *header = effects_send (effects, lane->limiter, MSG_PURCHASE);
    uint64_t before_us = 0;
    uint64_t resends = 0;
    pending_t *pending;
    while (effects_entry_count (effects) < self->batch_entries &&
           (pending = lanes_dispatch (&self->lanes, self->pendings, index))) {
        s_prepare (self, pending, patience_us, now_us);
        *(purchase_t *)effects_entry (effects, &record_purchase) = pending->purchase;
        if (before_us < pending->purchase.before_us)
            before_us = pending->purchase.before_us;
        resends += pending->purchase.attempt > 1;
    }
    lane->batch_id = ++self->batch_id;
    lane->sent_us = now_us;
    header->batch_id = lane->batch_id;
    header->before_us = before_us;
    header->trip_us = lane->trip_us;
    effects_observe (effects, METRIC_BATCH_ENTRIES, lane->out_count);
    retry_budget_earn (&self->resends, lane->out_count - resends);
    if (resends)
        effects_add (effects, METRIC_RESENDS, 0, (int64_t)resends);
}

void
purchases_send_batches (purchases_t *self, uint64_t now_us, effects_t *effects)
{
    uint64_t patience_us = 4 * trip_time_p99_us (&self->trips);
    if (patience_us < self->before_floor_us)
        patience_us = self->before_floor_us;
    for (uint32_t i = 0; i < self->lanes.in_use && i < LANE_NOWHERE; i++)
        if (self->lanes.lanes[i].queued && self->lanes.lanes[i].out_count == 0)
            s_send_batch (self, i, patience_us, now_us, effects);
}

/* -------------------------------------------------------------------------- verdicts */

static bool
s_is_final (const pending_t *pending, const verdict_t *verdict)
{
    /* an older attempt that the limiter refused never reached the gate, but only the gate's time can prove that of others */
    if (verdict->gate_us == 0)
        return pending->purchase.attempt == 1;
    return verdict->gate_us > pending->older_before_us;
}

static ruling_t
s_rule (const pending_t *pending, const verdict_t *verdict)
{
    const error_row_t *error = schema_error (verdict->code);
    if (verdict->code == ERROR_NONE)
        return RULING_ANSWER;
    if (!error)
        return RULING_IGNORE;
    if (verdict->attempt != pending->purchase.attempt)
        return RULING_IGNORE;
    switch (verdict->code) {
    case ERROR_LATE:
        return RULING_AGAIN_NOW;
    case ERROR_STALE_VERSION:
    case ERROR_DRAINING:
        return RULING_AGAIN_SOON;
    case ERROR_RECOVERING:
        return RULING_RECOVERING;
    default:
        if (error->http_status == 503)
            return RULING_ANSWER;
        return s_is_final (pending, verdict) ? RULING_ANSWER : RULING_HOLD;
    }
}

static void
s_hold (purchases_t *self, pending_t *pending, uint64_t now_us)
{
    uint64_t gate_us = gate_clock_now_us (self->clock, now_us);
    uint64_t rest_us = pending->older_before_us > gate_us ? pending->older_before_us - gate_us : 0;
    s_rest (self, pending, rest_us + HELD_MARGIN_US, now_us);
}

/*  A resend is on its way already when the attempt is not OUT: the verdict came after it was given up. */
static void
s_follow (purchases_t *self, pending_t *pending, const verdict_t *verdict, ruling_t ruling,
          uint64_t now_us, effects_t *effects)
{
    bool is_out = pending->state == PENDING_OUT;
    if (ruling != RULING_IGNORE) {
        pending->saw_recovering = ruling == RULING_RECOVERING;
        pending->purchase.before_us = 0; /* invariant 3: this attempt is over */
    }
    if (ruling == RULING_ANSWER)
        s_answer (self, pending, verdict, now_us, effects);
    else if (is_out && ruling == RULING_AGAIN_NOW)
        s_queue_again (self, pending, true, now_us, effects);
    else if (is_out && ruling == RULING_AGAIN_SOON)
        s_rest (self, pending, STALE_REST_US, now_us);
    else if (is_out && ruling == RULING_RECOVERING)
        s_rest (self, pending, RECOVERING_REST_US, now_us);
    else if (is_out && ruling == RULING_HOLD)
        s_hold (self, pending, now_us);
}

static void
s_note_verdict (purchases_t *self, const verdict_t *verdict, uint64_t now_us, effects_t *effects)
{
    breaker_succeeded (&self->stage, effects);
    if (verdict->code == ERROR_DEPENDENCY_UNAVAILABLE)
        breaker_failed (&self->gate, now_us, effects);
    else if (verdict->gate_us)
        breaker_succeeded (&self->gate, effects);
}

void
purchases_handle_verdicts (purchases_t *self, const verdict_t *verdicts, size_t count,
                           uint64_t now_us, effects_t *effects)
{
    int64_t unmatched = 0, held = 0;
    uint64_t trip_us = 0;
    for (size_t i = 0; i < count; i++) {
        const verdict_t *verdict = &verdicts[i];
        pending_t *pending = pendings_match (self->pendings, verdict->qid);
        if (!pending || pending->state == PENDING_ASKED || pending->state == PENDING_TALLYING) {
            unmatched++;
            continue;
        }
        s_note_verdict (self, verdict, now_us, effects);
        pending->saw_verdict = true;
        if (verdict->gate_us && verdict->attempt == pending->purchase.attempt &&
            pending->state == PENDING_OUT && now_us - pending->sent_us > trip_us)
            trip_us = now_us - pending->sent_us;
        ruling_t ruling = s_rule (pending, verdict);
        held += ruling == RULING_HOLD;
        s_follow (self, pending, verdict, ruling, now_us, effects);
    }
    if (trip_us)
        trip_time_add (&self->trips, trip_us, now_us);
    if (unmatched)
        effects_add (effects, METRIC_VERDICTS_UNMATCHED, 0, unmatched);
    if (held)
        effects_add (effects, METRIC_VERDICTS_HELD, 0, held);
}

/* -------------------------------------------------------------------------- time */

bool
purchases_handle_time (purchases_t *self, pending_t *pending, uint64_t now_us, effects_t *effects)
{
    if (pending->deadline_us <= now_us) {
        if (!pending->saw_verdict && pending->purchase.attempt > 0)
            breaker_failed (&self->stage, now_us, effects);
        s_answer_code (self, pending, pending->saw_recovering ? ERROR_RECOVERING : ERROR_BUSY,
                       now_us, effects);
        return true;
    }
    if ((pending->state == PENDING_OUT || pending->state == PENDING_RESTING) &&
        pending->until_us <= now_us)
        s_queue_again (self, pending, pending->purchase.before_us != 0, now_us, effects);
    return false;
}

uint64_t
purchases_queued (const purchases_t *self)
{
    uint64_t queued = self->lanes.lanes[LANE_NOWHERE].queued;
    for (uint32_t i = 0; i < self->lanes.in_use && i < LANE_NOWHERE; i++)
        queued += self->lanes.lanes[i].queued;
    return queued;
}

uint64_t
purchases_waiting (const purchases_t *self, uint64_t sale_id)
{
    uint64_t count = 0;
    for (uint32_t slot = 1; slot <= self->pendings->slot_max; slot++) {
        const pending_t *pending = pendings_at (self->pendings, slot);
        bool is_purchase = pending->state == PENDING_WAITING || pending->state == PENDING_OUT ||
                           pending->state == PENDING_RESTING;
        count += is_purchase && pending->purchase.sale_id == sale_id;
    }
    return count;
}

void
purchases_check (const purchases_t *self)
{
    uint32_t out[LANES_MAX] = { 0 }, queued[LANES_MAX] = { 0 };
    for (uint32_t slot = 1; slot <= self->pendings->slot_max; slot++) {
        const pending_t *pending = pendings_at (self->pendings, slot);
        if (pending->state != PENDING_OUT && pending->state != PENDING_WAITING)
            continue;
        CHECK (pending->lane < LANES_MAX);
        out[pending->lane] += pending->state == PENDING_OUT;
        queued[pending->lane] += pending->state == PENDING_WAITING;
        if (pending->state == PENDING_OUT)
            CHECK (pending->purchase.attempt > 0 && pending->until_us <= pending->deadline_us);
    }
    for (uint32_t i = 0; i < LANES_MAX; i++) {
        CHECK (out[i] == self->lanes.lanes[i].out_count);
        CHECK (queued[i] == self->lanes.lanes[i].queued);
        CHECK (out[i] <= self->batch_entries);
        CHECK (i < LANE_NOWHERE || out[i] == 0);
    }
}
