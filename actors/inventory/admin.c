/*  Operators' questions.

    1. At most QUESTIONS_MAX at once, beyond it busy. Each is answered exactly once, and has a deadline.
    2. A change of a sale is answered when its gate has the version and every ready edge the snapshot; one that was so already is
       answered at once by the same conditions.
    3. No answer of PostgreSQL = dependency_unavailable: whether it happened is found by asking again, and by loading the table anew.

    stage    waits for                  then                                               at the deadline
    STORE    the question's one call    answered; SALE_CHANGE: GATE, or LOOK without a row; dependency_unavailable
                                        LIMITS_SET: ACKS
    LOOK     SALE_LOAD                  invalid_state, or unknown_sale without a row       dependency_unavailable
    GATE     version at the open gate   ACKS                                               recovering
    ACKS     ready receivers            answered                                           answered: the late ones are left behind
    BEFORE   GATE_STAT                  BOOKS                                              dependency_unavailable
    BOOKS    SALE_BOOKS                 AFTER, or answered without a gate                  dependency_unavailable
    AFTER    GATE_STAT                  answered, or BOOKS again if the gate moved         dependency_unavailable */

#include "admin.h"

#include "audit.h"
#include "gates.h"
#include "leadership.h"
#include "sales.h"
#include "snapshot.h"

#define AUDIT_US (5000u * MS) /* between two audits that nobody asked for, one sale each */
#define AUDIT_REST                                                                                 \
    50u /* times as long as the last one took: a sale of a million orders is summed for a second */
#define OWN_AUDIT_QUESTIONS 8u /* none while that many questions wait: operators go first */

/* -------------------------------------------------------------------------- open and close */

static question_t *
s_open (inventory_t *self)
{
    admin_t *admin = &self->admin;
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        question_t *question = &admin->questions[i];
        if (question->stage != STAGE_FREE)
            continue;
        memset (question, 0, sizeof *question);
        question->stage = STAGE_STORE;
        question->opened_us = self->now_us;
        /* a little before the edge gives up, so that it can say why */
        question->deadline_us = self->now_us + self->params.query_deadline_ms * MS * 9 / 10;
        admin->question_count++;
        return question;
    }
    return NULL;
}

static uint64_t
s_later (uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void
s_close (inventory_t *self, question_t *question)
{
    if (question->is_own)
        self->admin.audit_due_us =
            self->now_us + s_later (AUDIT_US, AUDIT_REST * (self->now_us - question->opened_us));
    memset (question, 0, sizeof *question);
    self->admin.question_count--;
    self->handled++;
}

static void
s_refuse (inventory_t *self, question_t *question, error_code_t code, const char *detail,
          effects_t *effects)
{
    if (!question->is_own)
        effects_reply_outcome (effects, &question->header, code, detail, 0);
    s_close (self, question);
}

static uint64_t
s_slot (const inventory_t *self, const question_t *question)
{
    return (uint64_t)(question - self->admin.questions);
}

static void
s_call (inventory_t *self, question_t *question, call_name_t call, effects_t *effects)
{
    question->tag = inventory_call (self, effects, call, PURPOSE_QUESTION, s_slot (self, question));
}

/* -------------------------------------------------------------------------- the calls of each question */

static uint64_t
s_page_limit (uint64_t asked, uint64_t most)
{
    return asked > 0 && asked < most ? asked : most;
}

static void
s_ask_sales (inventory_t *self, question_t *question, const query_t *asked, effects_t *effects)
{
    s_call (self, question, CALL_SALE_LOAD, effects);
    query_t *query = effects_entry (effects, &record_query);
    bool is_list = question->header.type == MSG_SALE_LIST;
    query->sale_id = is_list ? 0 : asked->sale_id;
    query->after = is_list ? asked->after : 0;
    query->limit = is_list ? s_page_limit (asked->limit, SALES_PER_MESSAGE_MAX) : 1;
}

static void
s_ask_log (inventory_t *self, question_t *question, const query_t *asked, effects_t *effects)
{
    s_call (self, question, CALL_LOG_LIST, effects);
    query_t *query = effects_entry (effects, &record_query);
    query->after = asked->after;
    query->limit = s_page_limit (asked->limit, BATCH_ENTRIES_MAX);
}

static void
s_ask_create (inventory_t *self, question_t *question, const sale_t *asked, effects_t *effects)
{
    s_call (self, question, CALL_SALE_CREATE, effects);
    sale_t *sale = effects_entry (effects, &record_sale);
    *sale = *asked;
}

static void
s_ask_change (inventory_t *self, question_t *question, const sale_change_t *asked,
              effects_t *effects)
{
    if (asked->from_draft && sales_is_full (self) && !sales_find (self, asked->sale_id)) {
        s_refuse (self, question, ERROR_BUSY,
                  "Too many sales are live: end one and wait until it is archived", effects);
        return;
    }
    question->sale_id = asked->sale_id;
    s_call (self, question, CALL_SALE_CHANGE, effects);
    sale_change_t *change = effects_entry (effects, &record_sale_change);
    *change = *asked;
}

static void
s_ask_limits (inventory_t *self, question_t *question, const limits_t *asked, effects_t *effects)
{
    s_call (self, question, CALL_LIMITS_SAVE, effects);
    limits_t *limits = effects_entry (effects, &record_limits);
    *limits = *asked;
}

static void
s_answer_limits (inventory_t *self, question_t *question, effects_t *effects)
{
    if (!self->snapshot.limits_version) {
        s_refuse (self, question, ERROR_DEPENDENCY_UNAVAILABLE, "The limits are not loaded yet",
                  effects);
        return;
    }
    effects_reply (effects, &question->header, MSG_LIMITS);
    limits_t *limits = effects_entry (effects, &record_limits);
    *limits = self->snapshot.limits;
    s_close (self, question);
}

static void
s_ask_audit (inventory_t *self, question_t *question, uint64_t sale_id, effects_t *effects)
{
    question->sale_id = sale_id;
    if (!audit_begin (self, question, effects))
        s_refuse (self, question, ERROR_RECOVERING, "The gate of the sale is not open", effects);
}

static void
s_ask (inventory_t *self, question_t *question, const void *entry, effects_t *effects)
{
    switch (question->header.type) {
    case MSG_SALE_CREATE:
        s_ask_create (self, question, entry, effects);
        break;
    case MSG_SALE_GET:
    case MSG_SALE_LIST:
        s_ask_sales (self, question, entry, effects);
        break;
    case MSG_SALE_CHANGE:
        s_ask_change (self, question, entry, effects);
        break;
    case MSG_LIMITS_GET:
        s_answer_limits (self, question, effects);
        break;
    case MSG_LIMITS_SET:
        s_ask_limits (self, question, entry, effects);
        break;
    case MSG_LOG_LIST:
        s_ask_log (self, question, entry, effects);
        break;
    case MSG_SALE_AUDIT:
        s_ask_audit (self, question, ((const query_t *)entry)->sale_id, effects);
        break;
    default:
        CHECK (false);
    }
}

bool
admin_is_question (uint64_t type)
{
    switch (type) {
    case MSG_SALE_CREATE:
    case MSG_SALE_GET:
    case MSG_SALE_LIST:
    case MSG_SALE_CHANGE:
    case MSG_LIMITS_GET:
    case MSG_LIMITS_SET:
    case MSG_LOG_LIST:
    case MSG_SALE_AUDIT:
        return true;
    default:
        return false;
    }
}

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
    question_t *question = refusal == ERROR_NONE ? s_open (self) : NULL;
    if (!question) {
        effects_reply_outcome (effects, event->header, refusal ? refusal : ERROR_BUSY, NULL, 0);
        return;
    }
    question->header = *event->header;
    s_ask (self, question, event->entries, effects);
}

/* -------------------------------------------------------------------------- answers of the stores */

static void
s_reply_sales (inventory_t *self, question_t *question, const event_t *event, effects_t *effects)
{
    const sale_t *rows = event->entries;
    if (question->header.type == MSG_SALE_GET && event->count == 0) {
        s_refuse (self, question, ERROR_UNKNOWN_SALE, NULL, effects);
        return;
    }
    effects_reply (effects, &question->header, MSG_SALE_REPLY);
    for (size_t i = 0; i < event->count && i < SALES_PER_MESSAGE_MAX; i++)
        sales_describe_row (self, &rows[i], effects_entry (effects, &record_sale));
    s_close (self, question);
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
    s_close (self, question);
}

static void
s_changed (inventory_t *self, question_t *question, const event_t *event, effects_t *effects)
{
    if (event->count == 0) {
        question->stage = STAGE_LOOK;
        s_call (self, question, CALL_SALE_LOAD, effects);
        query_t *query = effects_entry (effects, &record_query);
        query->sale_id = question->sale_id;
        query->limit = 1;
        return;
    }
    live_sale_t *live = sales_merge (self, event->entries, effects);
    if (!live) {
        s_refuse (self, question, ERROR_BUSY, "Too many sales are live", effects);
        return;
    }
    question->version = live->sale.version;
    question->stage = STAGE_GATE;
}

static void
s_limits_saved (inventory_t *self, question_t *question, const event_t *event, effects_t *effects)
{
    if (event->count != 1) {
        s_refuse (self, question, ERROR_INTERNAL_ERROR, NULL, effects);
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
        s_changed (self, question, event, effects);
        break;
    case MSG_LIMITS_SET:
        s_limits_saved (self, question, event, effects);
        break;
    case MSG_LOG_LIST:
        s_reply_log (self, question, event, effects);
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
        s_refuse (self, question, ERROR_UNKNOWN_SALE, NULL, effects);
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
    s_close (self, question);
}

static void
s_unanswered (inventory_t *self, question_t *question, const event_t *event, effects_t *effects)
{
    if (event->status == RESULT_UNKNOWN)
        sales_doubt (self);
    if (event->status != RESULT_REFUSED) {
        s_refuse (self, question, ERROR_DEPENDENCY_UNAVAILABLE, NULL, effects);
        return;
    }
    effects_log (effects, LOG_LEVEL_ERROR, "question_refused", "call=%s %s",
                 schema_call (event->call)->name, event->detail ? event->detail : "");
    s_refuse (self, question, ERROR_INTERNAL_ERROR, NULL, effects);
}

void
admin_result (inventory_t *self, const event_t *event, effects_t *effects)
{
    uint64_t slot = tag_slot (event->tag);
    question_t *question = slot < QUESTIONS_MAX ? &self->admin.questions[slot] : NULL;
    if (!question || question->stage == STAGE_FREE || question->tag != event->tag)
        return;
    question->tag = 0;
    if (event->status != RESULT_OK)
        s_unanswered (self, question, event, effects);
    else if (question->stage == STAGE_STORE)
        s_stored (self, question, event, effects);
    else if (question->stage == STAGE_LOOK)
        s_refuse (self, question, event->count ? ERROR_INVALID_STATE : ERROR_UNKNOWN_SALE, NULL,
                  effects);
    else
        s_audited (self, question, event, effects);
}

/* -------------------------------------------------------------------------- waiting */

static void
s_done (inventory_t *self, question_t *question, effects_t *effects)
{
    if (question->header.type == MSG_LIMITS_SET) {
        s_answer_limits (self, question, effects);
        return;
    }
    live_sale_t *live = sales_find (self, question->sale_id);
    if (!live) {
        s_refuse (self, question, ERROR_UNKNOWN_SALE, NULL, effects);
        return;
    }
    effects_reply (effects, &question->header, MSG_SALE_REPLY);
    sales_describe (live, effects_entry (effects, &record_sale));
    s_close (self, question);
}

static void
s_wait_gate (inventory_t *self, question_t *question)
{
    live_sale_t *live = sales_find (self, question->sale_id);
    if (live && sales_needs_gate (live) && !gates_has_version (live, question->version))
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
    } else if (question->stage == STAGE_GATE) {
        s_refuse (self, question, ERROR_RECOVERING,
                  "The change is stored; the gate does not have it yet", effects);
    } else {
        s_refuse (self, question, ERROR_DEPENDENCY_UNAVAILABLE, NULL, effects);
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

/*  Drift is looked for without being asked: one sale after the other, while there is time. */
static void
s_audit_own (inventory_t *self, effects_t *effects)
{
    admin_t *admin = &self->admin;
    admin->audit_due_us = self->now_us + AUDIT_US;
    for (size_t i = 0; i < self->sale_count; i++) {
        const live_sale_t *live = &self->sales[++admin->audit_turn % self->sale_count];
        if (!live->is_used || !sales_needs_gate (live))
            continue;
        question_t *question = s_open (self);
        if (!question)
            return;
        question->is_own = true;
        s_ask_audit (self, question, live->sale.sale_id, effects);
        return;
    }
}

void
admin_advance (inventory_t *self, effects_t *effects)
{
    admin_t *admin = &self->admin;
    for (size_t i = 0; admin->question_count > 0 && i < QUESTIONS_MAX; i++)
        if (admin->questions[i].stage != STAGE_FREE)
            s_advance (self, &admin->questions[i], effects);
    if (leadership_is_held (self) && self->reload.is_loaded &&
        self->now_us >= admin->audit_due_us && admin->question_count < OWN_AUDIT_QUESTIONS)
        s_audit_own (self, effects);
}

void
admin_end_term (inventory_t *self, effects_t *effects)
{
    for (size_t i = 0; i < QUESTIONS_MAX; i++)
        if (self->admin.questions[i].stage != STAGE_FREE)
            s_refuse (self, &self->admin.questions[i], ERROR_NOT_LEADER, NULL, effects);
}

uint64_t
admin_wake_us (const inventory_t *self)
{
    const admin_t *admin = &self->admin;
    bool audits = leadership_is_held (self) && self->reload.is_loaded &&
                  admin->question_count < OWN_AUDIT_QUESTIONS;
    uint64_t wake_us = audits ? admin->audit_due_us : UINT64_MAX;
    for (size_t i = 0; admin->question_count > 0 && i < QUESTIONS_MAX; i++)
        if (admin->questions[i].stage != STAGE_FREE)
            wake_us = earlier (wake_us, admin->questions[i].deadline_us);
    return wake_us;
}
