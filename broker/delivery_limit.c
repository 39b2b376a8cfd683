/*  The delivery limit of one entry alone.

    What is counted are failures that speak against the entry, not deliveries: an answer "poison", or the death of the consumer that had
    nothing but this entry in the delivery. A deadline that passed, a batch, the answer "dependency" and a broker that ended with the
    delivery out say nothing about it, so none of them counts: a healthy entry is never dead because brokers, stores or machines
    were. (To count before the sending and to take it back afterwards would leave a count behind for every broker that was killed in
    between, and six of them would break a promise that was given to a shopper.)

    Invariants
    D1  A failed delivery of one entry is not sent again before its failure is counted in Redis, together with the journal, or Redis
        has refused to (memory full), or has no such entry any more. So the count outlives every broker.
    D2  An entry becomes dead only when more than REFUSALS_MAX refusals, or more than DEATHS_MAX deaths, were counted, or when it
        cannot be read. A dead one is not delivered any more; its REJECT is sent until it is answered.
    D3  A failure has a name (token, batch_id, attempt): asking again after an unknown answer counts it once.

    (the states are in consumers.c) */

#include "delivery_limit.h"

#include <inttypes.h>
#include <stdio.h>

/*  Refusals of an entry alone after which the next one makes it dead (architecture: "poison > 5"). */
#define REFUSALS_MAX 5u
/*  The same for deaths of its consumer. High, for processes die of other things. */
#define DEATHS_MAX 20u
/*  Doublings of the backoff: 64-fold. */
#define BACKOFF_DOUBLINGS_MAX 6u
/*  Before a counting that was not answered is asked again. */
#define RETRY_US 100000u

void
delivery_limit_init (delivery_limit_t *self, const params_t *params, backlog_t *backlog)
{
    self->backlog = backlog;
    self->backoff_us = params->redelivery_backoff_ms * 1000;
}

uint64_t
delivery_limit_backoff_us (const delivery_limit_t *self, uint32_t attempt)
{
    uint32_t doublings = attempt ? attempt - 1 : 0;
    return self->backoff_us << (doublings < BACKOFF_DOUBLINGS_MAX ? doublings
                                                                  : BACKOFF_DOUBLINGS_MAX);
}

const char *
delivery_limit_name (const delivery_limit_t *self, const delivery_t *delivery, char *text,
                     size_t text_bytes)
{
    const order_event_t *event = backlog_event (self->backlog, delivery->entries.first);
    snprintf (text, text_bytes,
              "sale %" PRIu64 " epoch %" PRIu64 " entry %" PRIu64 "-%" PRIu64 " user %" PRIu64,
              event->sale_id, event->epoch, event->entry_ms, event->entry_seq, event->user_id);
    return text;
}

const char *
delivery_limit_reason (death_t death)
{
    switch (death) {
    case DEATH_POISON:
        return "poison";
    case DEATH_CONSUMERS:
        return "its consumers died";
    case DEATH_UNREADABLE:
        return "unreadable";
    case DEATH_NONE:
        break;
    }
    return "";
}

static void
s_call_count (delivery_limit_t *self, delivery_t *delivery, effects_t *effects)
{
    const order_event_t *event = backlog_event (self->backlog, delivery->entries.first);
    effects_call (effects, CALL_DELIVERY_COUNT, delivery->id);
    delivery_failure_t *failure = effects_entry (effects, &record_delivery_failure);
    failure->sale_id = event->sale_id;
    failure->epoch = event->epoch;
    failure->entry_ms = event->entry_ms;
    failure->entry_seq = event->entry_seq;
    failure->token = self->token;
    failure->batch_id = delivery->id;
    failure->attempt = delivery->attempt;
    failure->died = delivery->has_died;
    backlog_move (self->backlog, delivery, DELIVERY_COUNTING, UINT64_MAX);
}

void
delivery_limit_fail (delivery_limit_t *self, delivery_t *delivery, bool has_died,
                     effects_t *effects)
{
    delivery->has_died = has_died;
    delivery->deaths += has_died;
    delivery->refusals += !has_died;
    s_call_count (self, delivery, effects);
}

static void
s_judge (delivery_limit_t *self, delivery_t *delivery, uint64_t now_us, effects_t *effects)
{
    char entry[160];
    uint32_t failures = delivery->refusals + delivery->deaths;
    if (delivery->attempt < failures)
        delivery->attempt = failures; /* sendings of former brokers */
    uint64_t due_us = now_us + delivery_limit_backoff_us (self, failures);
    if (delivery->refusals > REFUSALS_MAX || delivery->deaths > DEATHS_MAX) {
        bool is_poison = delivery->refusals > REFUSALS_MAX;
        delivery->kind = DELIVERY_OF_DEAD;
        delivery->death = is_poison ? DEATH_POISON : DEATH_CONSUMERS;
        effects_log (effects, LOG_LEVEL_ERROR, "entry_dead",
                     "%s: refused %u times, its consumers died %u times; it becomes a dead letter",
                     delivery_limit_name (self, delivery, entry, sizeof entry), delivery->refusals,
                     delivery->deaths);
        due_us = now_us;
    }
    backlog_move (self->backlog, delivery, DELIVERY_BACKOFF, due_us);
}

void
delivery_limit_handle_counted (delivery_limit_t *self, const event_t *event, effects_t *effects)
{
    delivery_t *delivery = backlog_find (self->backlog, event->tag);
    if (!delivery || delivery->state != DELIVERY_COUNTING)
        return; /* acknowledged meanwhile, or of another term */
    const journal_state_t *counted = event->entries;
    bool is_answered =
        event->status == RESULT_OK && event->count == 1 && counted->code != ERROR_FENCED;
    if (!is_answered && event->status != RESULT_REFUSED) {
        backlog_move (self->backlog, delivery, DELIVERY_COUNTING, event->now_us + RETRY_US);
        return;
    }
    if (!is_answered) {
        effects_log (effects, LOG_LEVEL_WARNING, "failure_not_counted", "%s", event->detail);
    } else if (counted->code == ERROR_NONE) {
        /* what former brokers counted; what Redis refused to count is remembered here */
        if (counted->refusals > delivery->refusals)
            delivery->refusals = (uint32_t)counted->refusals;
        if (counted->deaths > delivery->deaths)
            delivery->deaths = (uint32_t)counted->deaths;
        effects_add (effects, METRIC_FAILURES_COUNTED, 0, 1);
    }
    s_judge (self, delivery, event->now_us, effects);
}

void
delivery_limit_handle_time (delivery_limit_t *self, uint64_t now_us, effects_t *effects)
{
    if (now_us < backlog_soonest_us (self->backlog, DELIVERY_COUNTING))
        return;
    delivery_t *delivery = backlog_first (self->backlog, DELIVERY_COUNTING);
    while (delivery) {
        delivery_t *next = backlog_next (self->backlog, delivery);
        if (delivery->due_us <= now_us)
            s_call_count (self, delivery, effects);
        delivery = next;
    }
    backlog_refresh_soonest (self->backlog, DELIVERY_COUNTING);
}
