/*  Questions. Invariants:

    1. Every accepted question is answered exactly once, at the latest at its deadline.
    2. Nobody is asked while the breaker of his kind is open (breaker.h): such a question is answered 503 at once.
    3. An answer is taken only from a process of the kind that was asked, and only if it is an OUTCOME or the one message that
       answers this question.

    state | accept            | answer, OUTCOME | other message | asked process gone | deadline
    FREE  | ASKED, or refused | not matched     | not matched   | –                  | –
    ASKED | –                 | FREE            | not matched   | FREE 503           | FREE 503        */

#include "questions.h"

#include "check.h"

#include <string.h>

typedef enum pick_t { PICK_TURN, PICK_LEADER } pick_t;

typedef struct question_t {
    message_type_t type;
    kind_t kind; /* who is asked */
    pick_t pick;
    message_type_t answer; /* or OUTCOME */
} question_t;

static const question_t s_questions[] = {
    { MSG_HOLDING_GET, KIND_SECKILL, PICK_TURN, MSG_HOLDING },
    { MSG_ORDER_GET, KIND_ORDERING, PICK_TURN, MSG_ORDERS },
    { MSG_ORDER_LIST, KIND_ORDERING, PICK_TURN, MSG_ORDERS },
    { MSG_ORDER_COUNTS_GET, KIND_ORDERING, PICK_TURN, MSG_ORDER_COUNTS },
    { MSG_ORDER_CANCEL, KIND_ORDERING, PICK_TURN, MSG_OUTCOME },
    { MSG_PAYMENT_CREATE, KIND_ORDERING, PICK_TURN, MSG_PAYMENTS },
    { MSG_PAYMENT_LIST, KIND_ORDERING, PICK_TURN, MSG_PAYMENTS },
    { MSG_PAYMENT_EVENT, KIND_ORDERING, PICK_TURN, MSG_OUTCOME },
    { MSG_MOMENT_LIST, KIND_ORDERING, PICK_TURN, MSG_MOMENTS },
    { MSG_SALE_CREATE, KIND_INVENTORY, PICK_LEADER, MSG_SALE_REPLY },
    { MSG_SALE_GET, KIND_INVENTORY, PICK_LEADER, MSG_SALE_REPLY },
    { MSG_SALE_LIST, KIND_INVENTORY, PICK_LEADER, MSG_SALE_REPLY },
    { MSG_SALE_CHANGE, KIND_INVENTORY, PICK_LEADER, MSG_SALE_REPLY },
    { MSG_SALE_EDIT, KIND_INVENTORY, PICK_LEADER, MSG_SALE_REPLY },
    { MSG_SALE_STOCK, KIND_INVENTORY, PICK_LEADER, MSG_SALE_REPLY },
    { MSG_SALE_AUDIT, KIND_INVENTORY, PICK_LEADER, MSG_AUDIT },
    { MSG_DEAD_LIST, KIND_INVENTORY, PICK_LEADER, MSG_DEAD_LETTERS },
    { MSG_DEAD_CHANGE, KIND_INVENTORY, PICK_LEADER, MSG_OUTCOME },
    { MSG_LOG_LIST, KIND_INVENTORY, PICK_LEADER, MSG_LOG },
    { MSG_LIMITS_GET, KIND_INVENTORY, PICK_LEADER, MSG_LIMITS },
    { MSG_LIMITS_SET, KIND_INVENTORY, PICK_LEADER, MSG_LIMITS },
    { MSG_ACCOUNT_CREATE, KIND_ACCOUNT, PICK_TURN, MSG_ACCOUNT },
    { MSG_SESSION_CREATE, KIND_ACCOUNT, PICK_TURN, MSG_SESSION },
    { MSG_SESSION_END, KIND_ACCOUNT, PICK_TURN, MSG_OUTCOME },
    { MSG_PASSWORD_CHANGE, KIND_ACCOUNT, PICK_TURN, MSG_OUTCOME },
    { MSG_DIRECTORY_GET, KIND_BROKER, PICK_TURN, MSG_DIRECTORY },
    { MSG_SCALE, KIND_SUPERVISOR, PICK_TURN, MSG_OUTCOME },
};

static const question_t *
s_question (uint64_t type)
{
    for (size_t i = 0; i < sizeof s_questions / sizeof *s_questions; i++)
        if (s_questions[i].type == type)
            return &s_questions[i];
    return NULL;
}

void
questions_init (questions_t *self, const params_t *params)
{
    self->deadline_us = params->query_deadline_ms * 1000;
    for (uint64_t kind = 0; kind < KIND_COUNT; kind++)
        self->breakers[kind].guards = kind;
}

bool
questions_is_question (uint64_t type)
{
    return s_question (type) != NULL;
}

/* -------------------------------------------------------------------------- answering */

static void
s_answer (questions_t *self, pending_t *pending, message_type_t type, const void *entries,
          size_t count, effects_t *effects)
{
    address_t worker = { KIND_CLIENT, pending->slot, 0 };
    const record_t *record = schema_message (type)->record;
    header_t *header = effects_send (effects, worker, type);
    header->batch_id = pending->ticket;
    for (size_t i = 0; i < count; i++)
        memcpy (effects_entry (effects, record), (const uint8_t *)entries + i * record->size_bytes,
                record->size_bytes);
    pendings_release (self->pendings, pending);
    self->answered++;
}

void
questions_drop (questions_t *self, pending_t *pending, uint64_t now_us, effects_t *effects)
{
    breaker_forget (&self->breakers[pending->asked.kind], pending->qid, now_us, effects);
    pendings_release (self->pendings, pending);
}

static void
s_answer_away (questions_t *self, pending_t *pending, const char *detail, effects_t *effects)
{
    outcome_t outcome = { .code = ERROR_DEPENDENCY_UNAVAILABLE };
    strncpy (outcome.detail, detail, sizeof outcome.detail - 1);
    s_answer (self, pending, MSG_OUTCOME, &outcome, 1, effects);
}

/* -------------------------------------------------------------------------- events */

void
questions_accept (questions_t *self, pending_t *pending, const event_t *event, effects_t *effects)
{
    const question_t *question = s_question (event->header->type);
    CHECK (question && event->count == 1);
    const peers_t *peers = &self->peers[question->kind];
    const peer_t *peer = question->pick == PICK_LEADER ? peers_leader (peers)
                                                       : peers_in_turn (peers, &self->turn, 0);
    pending->state = PENDING_ASKED;
    pending->answer = question->answer;
    pending->deadline_us = event->now_us + self->deadline_us;
    pendings_due_by (self->pendings, pending->deadline_us);
    if (!peer) {
        s_answer_away (self, pending, "Nobody who could answer is there at the moment.", effects);
        return;
    }
    if (!breaker_lets_pass (&self->breakers[question->kind], pending->qid, event->now_us,
                            effects)) {
        s_answer_away (self, pending, "The part that could answer does not at the moment.",
                       effects);
        return;
    }
    pending->asked = peer->address;
    const record_t *record = schema_message (question->type)->record;
    header_t *header = effects_send (effects, peer->address, question->type);
    header->batch_id = pending->qid;
    memcpy (header->trace_id, event->header->trace_id, sizeof header->trace_id);
    memcpy (header->span_id, event->header->span_id, sizeof header->span_id);
    memcpy (effects_entry (effects, record), event->entries, record->size_bytes);
}

bool
questions_handle_answer (questions_t *self, const event_t *event, effects_t *effects)
{
    const header_t *header = event->header;
    pending_t *pending = pendings_match (self->pendings, header->batch_id);
    if (!pending || pending->state != PENDING_ASKED || header->from_kind != pending->asked.kind)
        return false;
    if (header->type != MSG_OUTCOME && header->type != pending->answer)
        return false;
    const outcome_t *outcome = event->entries;
    bool is_outcome = header->type == MSG_OUTCOME && event->count == 1;
    breaker_t *breaker = &self->breakers[pending->asked.kind];
    if (is_outcome && outcome->code == ERROR_DEPENDENCY_UNAVAILABLE)
        breaker_failed (breaker, event->now_us, effects);
    else
        breaker_succeeded (breaker, effects);
    if (header->type == MSG_OUTCOME && (event->count != 1 || outcome->code == ERROR_NOT_LEADER))
        s_answer_away (self, pending, "The one who could answer is just changing.", effects);
    else
        s_answer (self, pending, header->type, event->entries, event->count, effects);
    return true;
}

void
questions_handle_peer_down (questions_t *self, const process_t *peer, uint64_t now_us,
                            effects_t *effects)
{
    for (uint32_t slot = 1; slot <= self->pendings->slot_max; slot++) {
        pending_t *pending = pendings_at (self->pendings, slot);
        if (pending->state == PENDING_ASKED && pending->asked.kind == peer->kind &&
            pending->asked.number == peer->number &&
            pending->asked.incarnation == peer->incarnation) {
            breaker_forget (&self->breakers[peer->kind], pending->qid, now_us, effects);
            s_answer_away (self, pending,
                           "The process that was asked has gone; the answer is unknown.", effects);
        }
    }
}

bool
questions_handle_time (questions_t *self, pending_t *pending, uint64_t now_us, effects_t *effects)
{
    if (pending->deadline_us > now_us)
        return false;
    breaker_failed (&self->breakers[pending->asked.kind], now_us, effects);
    s_answer_away (self, pending, "No answer came in time.", effects);
    return true;
}
