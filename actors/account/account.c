/*  The account actor. Any number may run: each answers what it is asked, and pushes the denials that it knows.

    1. After every event all parts advance once, in one order: so timers do nothing but wake, and a trace replays by its events alone.
    2. Calls in flight are found by tags that are never used twice; an answer that nobody awaits is ignored.

    part         owns                                         its rules and states
    flow.c       questions of the edges                       stages of a question
    deny_list.c  denials, and which edge holds how many       passes over PostgreSQL, acknowledgements */

#include "account.h"

#include "deny_list.h"
#include "flow.h"
#include "hash.h"

#define TAG_PURPOSE_BITS 8u
#define TAG_SLOT_BITS 16u
#define TAG_TURN_SHIFT (TAG_PURPOSE_BITS + TAG_SLOT_BITS)

uint64_t
account_call (accounts_t *self, effects_t *effects, call_name_t call, purpose_t purpose,
              uint64_t slot)
{
    CHECK (slot < (1u << TAG_SLOT_BITS));
    uint64_t tag = ++self->turn << TAG_TURN_SHIFT | slot << TAG_PURPOSE_BITS | (uint64_t)purpose;
    effects_call (effects, call, tag);
    return tag;
}

uint64_t
account_slot (uint64_t tag)
{
    return tag >> TAG_PURPOSE_BITS & ((1u << TAG_SLOT_BITS) - 1);
}

static void *
s_new (const params_t *params, address_t address)
{
    accounts_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->params = *params;
    self->questions = calloc (QUESTIONS_MAX, sizeof *self->questions);
    CHECK (self->questions);
    deny_list_open (self, hash_pair (address.incarnation, address.number));
    return self;
}

static void
s_destroy (void **self_p)
{
    accounts_t *self = *self_p;
    if (self) {
        deny_list_close (self);
        explicit_bzero (self->questions, QUESTIONS_MAX * sizeof *self->questions);
        free (self->questions);
        free (self);
        *self_p = NULL;
    }
}

/* -------------------------------------------------------------------------- step */

static void
s_message (accounts_t *self, const event_t *event, effects_t *effects)
{
    if (event->header->from_kind != KIND_EDGE)
        effects_add (effects, METRIC_FRAMES_REFUSED, 0, 1);
    else if (event->header->type == MSG_SNAPSHOT_ACK)
        deny_list_ack (self, event);
    else if (flow_is_question (event->header->type))
        flow_message (self, event, effects);
    else
        effects_add (effects, METRIC_FRAMES_REFUSED, 0, 1);
}

static void
s_result (accounts_t *self, const event_t *event, effects_t *effects)
{
    uint64_t purpose = event->tag & ((1u << TAG_PURPOSE_BITS) - 1);
    if (purpose == PURPOSE_LIST)
        deny_list_result (self, event, effects);
    else if (purpose == PURPOSE_QUESTION)
        flow_result (self, event, effects);
}

static void
s_step (void *actor, const event_t *event, effects_t *effects)
{
    accounts_t *self = actor;
    self->now_us = event->now_us;
    switch (event->type) {
    case EVENT_MESSAGE:
        s_message (self, event, effects);
        break;
    case EVENT_RESULT:
        s_result (self, event, effects);
        break;
    case EVENT_PEER_UP:
        deny_list_peer_up (self, event->peer);
        break;
    case EVENT_PEER_DOWN:
        deny_list_peer_down (self, event->peer);
        break;
    case EVENT_STOP:
        self->is_stopping = true;
        break;
    case EVENT_START:
    case EVENT_TIMER:
        break;
    }
    deny_list_advance (self, effects);
    flow_advance (self, effects);
}

static uint64_t
s_wake_us (const void *actor)
{
    const accounts_t *self = actor;
    return earlier (deny_list_wake_us (self), flow_wake_us (self));
}

/* -------------------------------------------------------------------------- about itself */

static void
s_status (const void *actor, actor_status_t *status)
{
    const accounts_t *self = actor;
    *status = (actor_status_t){ 0 };
    status->is_ready = self->deny_list.is_loaded;
    status->in_flight = self->question_count;
    status->queue_depth = self->hash_count;
    status->handled = self->handled;
}

static uint64_t
s_digest (const void *actor)
{
    const accounts_t *self = actor;
    const deny_list_t *list = &self->deny_list;
    uint64_t digest = hash_bytes (self->turn, list->kept, list->count * sizeof list->kept[0]);
    digest = hash_bytes (digest, list->edges, list->edge_count * sizeof list->edges[0]);
    return hash_bytes (digest, self->questions, QUESTIONS_MAX * sizeof *self->questions);
}

static void
s_check (const void *actor)
{
    const accounts_t *self = actor;
    uint64_t questions = 0;
    for (size_t i = 0; i < QUESTIONS_MAX; i++)
        questions += self->questions[i].stage != STAGE_FREE;
    CHECK (questions == self->question_count);
    CHECK (self->hash_count <= self->params.hash_queue);
    CHECK (self->deny_list.count <= DENIALS_MAX && self->deny_list.edge_count <= PEERS_MAX);
    for (size_t i = 0; i < self->deny_list.edge_count; i++)
        CHECK (self->deny_list.edges[i].acked <= self->deny_list.version);
}

const actor_class_t account_class = {
    .kind = KIND_ACCOUNT,
    .new_ = s_new,
    .destroy = s_destroy,
    .step = s_step,
    .wake_us = s_wake_us,
    .status = s_status,
    .digest = s_digest,
    .check = s_check,
};
