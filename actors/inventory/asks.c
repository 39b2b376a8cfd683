/*  What each question asks first, one row of the table below per message. */

#include "asks.h"

#include "audit.h"
#include "operations.h"
#include "questions.h"
#include "sales.h"

#define UNITS_MAX 10000000 /* of one sale (openapi.yaml) */

static uint64_t
s_page_limit (uint64_t asked, uint64_t most)
{
    return asked > 0 && asked < most ? asked : most;
}

/* -------------------------------------------------------------------------- sales */

static void
s_ask_get (inventory_t *self, question_t *question, const void *entry, effects_t *effects)
{
    questions_call (self, question, CALL_SALE_LOAD, effects);
    query_t *query = effects_entry (effects, &record_query);
    query->sale_id = ((const query_t *)entry)->sale_id;
    query->limit = 1;
}

static void
s_ask_list (inventory_t *self, question_t *question, const void *entry, effects_t *effects)
{
    const query_t *asked = entry;
    questions_call (self, question, CALL_SALE_LOAD, effects);
    query_t *query = effects_entry (effects, &record_query);
    query->after = asked->after;
    query->limit = s_page_limit (asked->limit, SALES_PER_MESSAGE_MAX);
}

static void
s_ask_create (inventory_t *self, question_t *question, const void *entry, effects_t *effects)
{
    questions_call (self, question, CALL_SALE_CREATE, effects);
    sale_t *sale = effects_entry (effects, &record_sale);
    *sale = *(const sale_t *)entry;
}

static void
s_ask_edit (inventory_t *self, question_t *question, const void *entry, effects_t *effects)
{
    question->sale_id = ((const sale_t *)entry)->sale_id;
    question->mask = ((const sale_t *)entry)->mask;
    questions_call (self, question, CALL_SALE_EDIT, effects);
    sale_t *sale = effects_entry (effects, &record_sale);
    *sale = *(const sale_t *)entry;
}

static void
s_ask_change (inventory_t *self, question_t *question, const void *entry, effects_t *effects)
{
    const sale_change_t *asked = entry;
    if (asked->from_draft && sales_is_full (self) && !sales_find (self, asked->sale_id)) {
        questions_refuse (self, question, ERROR_BUSY,
                          "Too many sales are live: end one and wait until it is archived",
                          effects);
        return;
    }
    question->sale_id = asked->sale_id;
    questions_call (self, question, CALL_SALE_CHANGE, effects);
    sale_change_t *change = effects_entry (effects, &record_sale_change);
    *change = *asked;
}

static void
s_ask_audit (inventory_t *self, question_t *question, const void *entry, effects_t *effects)
{
    asks_audit (self, question, ((const query_t *)entry)->sale_id, effects);
}

void
asks_audit (inventory_t *self, question_t *question, uint64_t sale_id, effects_t *effects)
{
    question->sale_id = sale_id;
    if (!audit_has_room (self))
        questions_refuse (self, question, ERROR_BUSY, "Other audits are under way", effects);
    else if (!audit_begin (self, question, effects))
        questions_refuse (self, question, ERROR_RECOVERING, "The gate of the sale is not open",
                          effects);
}

/* -------------------------------------------------------------------------- operations */

/*  Waits until the operation of this slot is decided. */
static void
s_await (inventory_t *self, question_t *question, uint64_t slot, effects_t *effects)
{
    if (slot == OPERATIONS_MAX) {
        questions_refuse (self, question, ERROR_BUSY, "Too many changes are under way", effects);
        return;
    }
    question->stage = STAGE_OPERATION;
    question->operation = slot;
}

static void
s_ask_stock (inventory_t *self, question_t *question, const void *entry, effects_t *effects)
{
    static const uint8_t nothing[16];
    const stock_change_t *asked = entry;
    bool is_sound = asked->delta != 0 && asked->delta >= -UNITS_MAX && asked->delta <= UNITS_MAX &&
                    memcmp (asked->op_id, nothing, sizeof nothing) != 0;
    if (!is_sound) {
        questions_refuse (self, question, ERROR_INVALID_FIELD, NULL, effects);
        return;
    }
    question->sale_id = asked->sale_id;
    s_await (self, question, operations_change_stock (self, asked, effects), effects);
}

static void
s_ask_dead_change (inventory_t *self, question_t *question, const void *entry, effects_t *effects)
{
    const dead_change_t *asked = entry;
    if (asked->requeue) {
        s_await (self, question, operations_requeue (self, asked, effects), effects);
        return;
    }
    questions_call (self, question, CALL_DEAD_DISCARD, effects);
    dead_change_t *change = effects_entry (effects, &record_dead_change);
    *change = *asked;
}

/* -------------------------------------------------------------------------- lists and limits */

static void
s_ask_page (inventory_t *self, question_t *question, call_name_t call, const query_t *asked,
            effects_t *effects)
{
    questions_call (self, question, call, effects);
    query_t *query = effects_entry (effects, &record_query);
    query->after = asked->after;
    query->limit = s_page_limit (asked->limit, BATCH_ENTRIES_MAX);
}

static void
s_ask_log (inventory_t *self, question_t *question, const void *entry, effects_t *effects)
{
    s_ask_page (self, question, CALL_LOG_LIST, entry, effects);
}

static void
s_ask_dead_list (inventory_t *self, question_t *question, const void *entry, effects_t *effects)
{
    s_ask_page (self, question, CALL_DEAD_LIST, entry, effects);
}

static void
s_ask_limits_set (inventory_t *self, question_t *question, const void *entry, effects_t *effects)
{
    questions_call (self, question, CALL_LIMITS_SAVE, effects);
    limits_t *limits = effects_entry (effects, &record_limits);
    *limits = *(const limits_t *)entry;
}

static void
s_ask_limits_get (inventory_t *self, question_t *question, const void *entry, effects_t *effects)
{
    (void)entry;
    asks_answer_limits (self, question, effects);
}

void
asks_answer_limits (inventory_t *self, question_t *question, effects_t *effects)
{
    if (!self->snapshot.limits_version) {
        questions_refuse (self, question, ERROR_DEPENDENCY_UNAVAILABLE,
                          "The limits are not loaded yet", effects);
        return;
    }
    effects_reply (effects, &question->header, MSG_LIMITS);
    limits_t *limits = effects_entry (effects, &record_limits);
    *limits = self->snapshot.limits;
    questions_close (self, question);
}

/* -------------------------------------------------------------------------- the table */

typedef void ask_t (inventory_t *self, question_t *question, const void *entry, effects_t *effects);

static ask_t *
s_ask_of (uint64_t type)
{
    static const struct {
        message_type_t type;
        ask_t *ask;
    } rows[] = {
        { MSG_SALE_CREATE, s_ask_create },      { MSG_SALE_GET, s_ask_get },
        { MSG_SALE_LIST, s_ask_list },          { MSG_SALE_EDIT, s_ask_edit },
        { MSG_SALE_CHANGE, s_ask_change },      { MSG_SALE_STOCK, s_ask_stock },
        { MSG_SALE_AUDIT, s_ask_audit },        { MSG_DEAD_LIST, s_ask_dead_list },
        { MSG_DEAD_CHANGE, s_ask_dead_change }, { MSG_LIMITS_GET, s_ask_limits_get },
        { MSG_LIMITS_SET, s_ask_limits_set },   { MSG_LOG_LIST, s_ask_log },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].type == type)
            return rows[i].ask;
    return NULL;
}

bool
asks_is_question (uint64_t type)
{
    return s_ask_of (type) != NULL;
}

void
asks_begin (inventory_t *self, question_t *question, const void *entry, effects_t *effects)
{
    ask_t *ask = s_ask_of (question->header.type);
    CHECK (ask);
    ask (self, question, entry, effects);
}
