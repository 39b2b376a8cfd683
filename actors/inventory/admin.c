/*  Operators' questions.

    1. At most QUESTIONS_MAX at once, beyond it busy. Each is answered exactly once, and has a deadline.
    2. A change of a sale is answered when its gate has the version and every ready edge the snapshot; one that was so already is
       answered at once by the same conditions.
    3. No answer of PostgreSQL = dependency_unavailable: whether it happened is found by asking again, and by loading the table anew.

    stage      waits for                 then                                              at the deadline
    STORE      the question's one call   answered; LIMITS_SET: ACKS; SALE_CHANGE,          dependency_unavailable
                                         SALE_EDIT, SALE_STOCK: a draft answered, GATE,
                                         or LOOK without a row
    LOOK       SALE_LOAD                 invalid_state, or unknown_sale without a row      dependency_unavailable
    OPERATION  its end (operations.c)    DEAD_CHANGE: answered; SALE_STOCK: STORE with     recovering: it is carried on all the same;
                                         SALE_LOAD, or answered by its refusal             dependency_unavailable while PostgreSQL is away
    GATE       version at the open gate  ACKS                                              recovering
    ACKS       ready receivers           answered                                          answered: the late ones are left behind
    BEFORE     GATE_STAT                 BOOKS, or recovering without a whole gate         dependency_unavailable
    BOOKS      SALE_BOOKS                AFTER, or answered without a gate                 dependency_unavailable
    AFTER      GATE_STAT                 answered, or BOOKS again if the gate moved;       dependency_unavailable
                                         recovering without a whole gate */

#include "admin.h"

#include "asks.h"
#include "audit.h"
#include "gates.h"
#include "leadership.h"
#include "operations.h"
#include "questions.h"
#include "sales.h"
#include "snapshot.h"

/*  Why a question cannot be taken now, ERROR_NONE if it can. */
static error_code_t
s_refusal (const inventory_t *self, const event_t *event)
{
    if (self->is_stopping)
        return ERROR_DRAINING;
    if (self->leadership.role == ROLE_FOLLOWER)
        return ERROR_NOT_LEADER;
    if (!leadership_is_held (self))
        return ERROR_DEPENDENCY_UNAVAILABLE;
    return event->count == 1 ? ERROR_NONE : ERROR_INVALID_FIELD;
}

void
admin_message (inventory_t *self, const event_t *event, effects_t *effects)
{
    error_code_t refusal = s_refusal (self, event);
    question_t *question = refusal == ERROR_NONE ? questions_open (self) : NULL;
    if (!question) {
        effects_reply_outcome (effects, event->header, refusal ? refusal : ERROR_BUSY, NULL, 0);
        return;
    }
    question->header = *event->header;
    asks_begin (self, question, event->entries, effects);
}

/* -------------------------------------------------------------------------- answers of the stores */

static void
s_reply_sales (inventory_t *self, question_t *question, const event_t *event, effects_t *effects)
{
    const sale_t *rows = event->entries;
    if (question->header.type == MSG_SALE_GET && event->count == 0) {
        questions_refuse (self, question, ERROR_UNKNOWN_SALE, NULL, effects);
        return;
    }
    effects_reply (effects, &question->header, MSG_SALE_REPLY);
    for (size_t i = 0; i < event->count && i < SALES_PER_MESSAGE_MAX; i++)
        sales_describe_row (self, &rows[i], effects_entry (effects, &record_sale));
    questions_close (self, question);
}

static void
s_reply_log (inventory_t *self, question_t *question, const event_t *event, effects_t *effects)
{
    const log_entry_t *rows = event->entries;
    effects_reply (effects, &question->header, MSG_LOG);
    for (size_t i = 0; i < event->count && i < BATCH_ENTRIES_MAX; i++) {
        log_entry_t *entry = effects_entry (effects, &record_log_entry);
        *entry = rows[i];
    }
    questions_close (self, question);
}

static void
s_reply_letters (inventory_t *self, question_t *question, const event_t *event, effects_t *effects)
{
    const dead_letter_t *rows = event->entries;
    effects_reply (effects, &question->header, MSG_DEAD_LETTERS);
    for (size_t i = 0; i < event->count && i < BATCH_ENTRIES_MAX; i++) {
        dead_letter_t *letter = effects_entry (effects, &record_dead_letter);
        *letter = rows[i];
    }
    questions_close (self, question);
}

static void
s_reply_outcome (inventory_t *self, question_t *question, const event_t *event, effects_t *effects)
{
    const outcome_t *row = event->entries;
    error_code_t code = event->count == 1 ? (error_code_t)row->code : ERROR_INTERNAL_ERROR;
    questions_refuse (self, question, code, NULL, effects);
}

/*  A row of the sale as it is now: a draft has neither gate nor receivers, an archived sale needs none any more. */
static void
s_changed (inventory_t *self, question_t *question, const event_t *event, effects_t *effects)
{
    if (event->count == 0) {
        question->stage = STAGE_LOOK;
        questions_call (self, question, CALL_SALE_LOAD, effects);
        query_t *query = effects_entry (effects, &record_query);
        query->sale_id = question->sale_id;
        query->limit = 1;
        return;
    }
    const sale_t *row = event->entries;
    bool is_archived =
        row->state == SALE_ENDED && row->epoch > 0 && sales_has_left (self, row->sale_id);
    if (row->state == SALE_DRAFT || is_archived) {
        s_reply_sales (self, question, event, effects);
        return;
    }
    live_sale_t *live = sales_merge (self, row, effects);
    if (!live) {
        questions_refuse (self, question, ERROR_BUSY, "Too many sales are live", effects);
        return;
    }
    question->version = live->sale.version;
    question->stage = STAGE_GATE;
}

static void
s_limits_saved (inventory_t *self, question_t *question, const event_t *event, effects_t *effects)
{
    if (event->count != 1) {
        questions_refuse (self, question, ERROR_INTERNAL_ERROR, NULL, effects);
        return;
    }
    snapshot_set_limits (self, event->entries);
    question->stage = STAGE_ACKS;
    question->stamp = self->snapshot.limits_version;
    question->deadline_us =
        earlier (question->deadline_us, self->now_us + self->params.snapshot_deadline_ms * MS);
}

static void
s_stored (inventory_t *self, question_t *question, const event_t *event, effects_t *effects)
{
    switch (question->header.type) {
    case MSG_SALE_CHANGE:
    case MSG_SALE_EDIT:
    case MSG_SALE_STOCK:
        s_changed (self, question, event, effects);
        break;
    case MSG_LIMITS_SET:
        s_limits_saved (self, question, event, effects);
        break;
    case MSG_LOG_LIST:
        s_reply_log (self, question, event, effects);
        break;
    case MSG_DEAD_LIST:
        s_reply_letters (self, question, event, effects);
        break;
    case MSG_DEAD_CHANGE:
        s_reply_outcome (self, question, event, effects);
        break;
    default:
        s_reply_sales (self, question, event, effects);
    }
}

static void
s_audited (inventory_t *self, question_t *question, const event_t *event, effects_t *effects)
{
    audit_t made;
    if (event->count != 1) {
        questions_refuse (self, question, ERROR_UNKNOWN_SALE, NULL, effects);
        return;
    }
    if (audit_finds_no_gate (question, event)) {
        questions_refuse (self, question, ERROR_RECOVERING, "The gate of the sale is not open",
                          effects);
        return;
    }
    if (!audit_step (self, question, event, &made, effects))
        return;
    audit_note (self, &made, effects);
    if (!question->is_own) {
        effects_reply (effects, &question->header, MSG_AUDIT);
        audit_t *audit = effects_entry (effects, &record_audit);
        *audit = made;
    }
    questions_close (self, question);
}

static void
s_unanswered (inventory_t *self, question_t *question, const event_t *event, effects_t *effects)
{
    if (event->status == RESULT_UNKNOWN)
        sales_doubt (self);
    if (event->status != RESULT_REFUSED) {
        questions_refuse (self, question, ERROR_DEPENDENCY_UNAVAILABLE, NULL, effects);
        return;
    }
    effects_log (effects, LOG_LEVEL_ERROR, "question_refused", "call=%s %s",
                 schema_call (event->call)->name, event->detail ? event->detail : "");
    questions_refuse (self, question, ERROR_INTERNAL_ERROR, NULL, effects);
}

/*  Why nothing was changed, from the sale as it is. Where its state allows the fields of an edit, what is wrong is the one thing that
    edges cannot judge: the given time against the other one. */
static void
s_looked (inventory_t *self, question_t *question, const event_t *event, effects_t *effects)
{
    const sale_t *row = event->entries;
    if (event->count == 0) {
        questions_refuse (self, question, ERROR_UNKNOWN_SALE, NULL, effects);
        return;
    }
    bool is_over = row->state != SALE_DRAFT &&
                   (row->state == SALE_ENDED || sales_gate_now_us (self) / MS >= row->ends_at_ms);
    bool is_allowed = row->state == SALE_DRAFT || (question->mask & ~(uint64_t)SALE_HAS_LIVE) == 0;
    if (question->header.type == MSG_SALE_EDIT && !is_over && is_allowed)
        questions_refuse (self, question, ERROR_INVALID_FIELD,
                          "\"ends_at_ms\" is after \"starts_at_ms\"", effects);
    else
        questions_refuse (self, question, ERROR_INVALID_STATE, NULL, effects);
}

void
admin_result (inventory_t *self, const event_t *event, effects_t *effects)
{
    question_t *question = questions_find (self, event->tag);
    if (event->call == CALL_SALE_BOOKS)
        self->admin.books_out--;
    if (!question)
        return;
    question->tag = 0;
    if (event->status != RESULT_OK)
        s_unanswered (self, question, event, effects);
    else if (question->stage == STAGE_STORE)
        s_stored (self, question, event, effects);
    else if (question->stage == STAGE_LOOK)
        s_looked (self, question, event, effects);
    else
        s_audited (self, question, event, effects);
}

/*  What an operator can do about a refusal; NULL where the code says it. */
static const char *
s_detail (const question_t *question, error_code_t code)
{
    if (code != ERROR_INVALID_STATE)
        return NULL;
    return question->header.type == MSG_DEAD_CHANGE
               ? "The letter was decided already, or it has no rejected order that could be"
               : "Fewer units are left, more than 10000000 there would be, or the sale has ended";
}

void
admin_operation_ended (inventory_t *self, uint64_t slot, error_code_t code, effects_t *effects)
{
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        question_t *question = &self->admin.questions[i];
        if (question->stage != STAGE_OPERATION || question->operation != slot)
            continue;
        if (question->header.type == MSG_DEAD_CHANGE || code != ERROR_NONE) {
            questions_refuse (self, question, code, s_detail (question, code), effects);
            continue;
        }
        question->stage = STAGE_STORE;
        questions_call (self, question, CALL_SALE_LOAD, effects);
        query_t *query = effects_entry (effects, &record_query);
        query->sale_id = question->sale_id;
        query->limit = 1;
    }
}

/* -------------------------------------------------------------------------- the supervisor's lines of the log */

void
admin_log_add (inventory_t *self, const event_t *event, effects_t *effects)
{
    const log_entry_t *rows = event->entries;
    if (event->header->from_kind != KIND_SUPERVISOR || event->count == 0) {
        effects_add (effects, METRIC_FRAMES_REFUSED, 0, 1);
        return;
    }
    if (!leadership_is_held (self)) {
        /* another has it too, or nobody can keep it: it is not lost without a trace */
        for (size_t i = 0; i < event->count && self->leadership.role != ROLE_FOLLOWER; i++)
            effects_log (effects, LOG_LEVEL_WARNING, "log_not_kept", "who=%s action=%s target=%s",
                         rows[i].who, rows[i].action, rows[i].target);
        return;
    }
    inventory_call (self, effects, CALL_LOG_ADD, PURPOSE_LOG, 0);
    for (size_t i = 0; i < event->count; i++) {
        log_entry_t *entry = effects_entry (effects, &record_log_entry);
        *entry = rows[i];
    }
}

void
admin_log_result (inventory_t *self, const event_t *event, effects_t *effects)
{
    (void)self;
    if (event->status != RESULT_OK)
        effects_log (effects, LOG_LEVEL_WARNING, "log_not_kept", "status=%d %s", (int)event->status,
                     event->detail ? event->detail : "");
}

/* -------------------------------------------------------------------------- waiting */

static void
s_done (inventory_t *self, question_t *question, effects_t *effects)
{
    if (question->header.type == MSG_LIMITS_SET) {
        asks_answer_limits (self, question, effects);
        return;
    }
    live_sale_t *live = sales_find (self, question->sale_id);
    if (!live) {
        questions_refuse (self, question, ERROR_UNKNOWN_SALE, NULL, effects);
        return;
    }
    effects_reply (effects, &question->header, MSG_SALE_REPLY);
    sales_describe (live, effects_entry (effects, &record_sale));
    questions_close (self, question);
}

static void
s_wait_gate (inventory_t *self, question_t *question)
{
    live_sale_t *live = sales_find (self, question->sale_id);
    bool is_told = live && gates_has_version (live, question->version) &&
                   live->told_version >= question->version;
    if (live && sales_needs_gate (live) && !is_told)
        return;
    question->stage = STAGE_ACKS;
    question->stamp = live ? live->stamp : 0;
    question->deadline_us =
        earlier (question->deadline_us, self->now_us + self->params.snapshot_deadline_ms * MS);
}

static bool
s_is_acked (const inventory_t *self, const question_t *question)
{
    if (question->header.type == MSG_LIMITS_SET)
        return snapshot_all_have_limits (self, question->stamp);
    return snapshot_edges_have (self, question->stamp);
}

static void
s_expire (inventory_t *self, question_t *question, effects_t *effects)
{
    if (question->stage == STAGE_ACKS) {
        effects_log (effects, LOG_LEVEL_WARNING, "snapshot_late", "version=%" PRIu64,
                     question->stamp);
        s_done (self, question, effects);
    } else if (question->stage == STAGE_OPERATION) {
        questions_refuse (self, question, operations_late_code (self, question->operation),
                          "If it was begun it is carried on: ask again", effects);
    } else if (question->stage == STAGE_GATE) {
        questions_refuse (self, question, ERROR_RECOVERING,
                          "The change is stored; the gate does not have it yet", effects);
    } else {
        questions_refuse (self, question, ERROR_DEPENDENCY_UNAVAILABLE, NULL, effects);
    }
}

static void
s_advance (inventory_t *self, question_t *question, effects_t *effects)
{
    if (question->stage == STAGE_GATE)
        s_wait_gate (self, question);
    if (question->stage == STAGE_ACKS && s_is_acked (self, question))
        s_done (self, question, effects);
    else if (self->now_us >= question->deadline_us)
        s_expire (self, question, effects);
}

void
admin_advance (inventory_t *self, effects_t *effects)
{
    admin_t *admin = &self->admin;
    for (size_t i = 0; admin->question_count > 0 && i < QUESTIONS_MAX; i++)
        if (admin->questions[i].stage != STAGE_FREE)
            s_advance (self, &admin->questions[i], effects);
    if (self->now_us >= audit_wake_us (self))
        audit_begin_own (self, effects);
}

void
admin_end_term (inventory_t *self, effects_t *effects)
{
    for (size_t i = 0; i < QUESTIONS_MAX; i++)
        if (self->admin.questions[i].stage != STAGE_FREE)
            questions_refuse (self, &self->admin.questions[i], ERROR_NOT_LEADER, NULL, effects);
}

uint64_t
admin_wake_us (const inventory_t *self)
{
    const admin_t *admin = &self->admin;
    uint64_t wake_us = audit_wake_us (self);
    for (size_t i = 0; admin->question_count > 0 && i < QUESTIONS_MAX; i++)
        if (admin->questions[i].stage != STAGE_FREE)
            wake_us = earlier (wake_us, admin->questions[i].deadline_us);
    return wake_us;
}
