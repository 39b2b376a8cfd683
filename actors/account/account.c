/*  The account actor. Any number of them work side by side: PostgreSQL decides who has a username, and each pushes the whole
    deny-list.

    1. After every event both parts advance once, in one order: timers do nothing but wake.
    2. Calls in flight are found by tags that are never used twice; an answer that nobody awaits is ignored.

    part           owns                            its rules and states
    flow.c         questions of the edges          stages of a question
    deny_list.c    denials, their acknowledgement  edges and what they hold */

#include "account.h"

#include "deny_list.h"
#include "flow.h"
#include "hash.h"

uint64_t
account_call (accounts_t *self, effects_t *effects, call_name_t call, purpose_t purpose,
              uint64_t slot)
{
    uint64_t tag = tag_next (&self->turn, slot, (uint64_t)purpose);
    effects_call (effects, call, tag);
    return tag;
}

static void *
s_new (const params_t *params, address_t address)
{
    accounts_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->params = *params;
    self->questions = calloc (QUESTIONS_MAX, sizeof self->questions[0]);
    CHECK (self->questions);
    deny_list_open (self, address.incarnation);
    return self;
}

static void
s_destroy (void **self_p)
{
    accounts_t *self = *self_p;
    if (self) {
        deny_list_close (self);
        explicit_bzero (self->questions, QUESTIONS_MAX * sizeof self->questions[0]);
        free (self->questions);
        free (self);
        *self_p = NULL;
    }
}

/* -------------------------------------------------------------------------- step */

static void
s_message (accounts_t *self, const event_t *event, effects_t *effects)
{
    bool is_of_edge = event->header->from_kind == KIND_EDGE;
    if (is_of_edge && event->header->type == MSG_SNAPSHOT_ACK)
        deny_list_ack (self, event);
    else if (is_of_edge && flow_is_question (event->header->type))
        flow_message (self, event, effects);
    else
        effects_add (effects, METRIC_FRAMES_REFUSED, 0, 1);
}

static void
s_result (accounts_t *self, const event_t *event, effects_t *effects)
{
    uint64_t purpose = tag_purpose (event->tag);
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
    flow_advance (self, effects);
    deny_list_advance (self, effects);
}

static uint64_t
s_wake_us (const void *actor)
{
    return earlier (flow_wake_us (actor), deny_list_wake_us (actor));
}

/* -------------------------------------------------------------------------- about itself */

static void
s_status (const void *actor, actor_status_t *status)
{
    const accounts_t *self = actor;
    *status = (actor_status_t){ .is_ready = self->deny_list.is_loaded,
                                .in_flight = self->question_count,
                                .queue_depth = self->hash_count,
                                .handled = self->handled };
}

static uint64_t
s_digest (const void *actor)
{
    const accounts_t *self = actor;
    const deny_list_t *list = &self->deny_list;
    uint64_t digest = hash_pair (self->turn, self->handled);
    digest = hash_pair (digest, self->hash_count);
    digest = hash_bytes (digest, self->questions, QUESTIONS_MAX * sizeof self->questions[0]);
    digest = hash_bytes (digest, list->kept, list->count * sizeof list->kept[0]);
    digest = hash_bytes (digest, list->edges, sizeof list->edges);
    digest = hash_pair (digest, list->version);
    digest = hash_pair (digest, list->pass);
    return hash_pair (digest, list->due_us);
}

static void
s_check (const void *actor)
{
    const accounts_t *self = actor;
    const deny_list_t *list = &self->deny_list;
    uint64_t count = 0;
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        const question_t *question = &self->questions[i];
        if (question->stage == STAGE_FREE)
            continue;
        count++;
        /* no stage waits for nothing */
        CHECK (question->tag || question->retry_us || question->stage == STAGE_ACKS);
    }
    CHECK (count == self->question_count && list->count == map_count (list->stamps));
    for (uint64_t i = 1; i < list->count; i++)
        CHECK (list->kept[i - 1].stamp < list->kept[i].stamp);
    for (uint64_t i = 0; i < list->edge_count; i++)
        CHECK (list->edges[i].acked <= list->edges[i].sent && list->edges[i].sent <= list->version);
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
