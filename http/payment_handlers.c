/*  Payments: what shoppers begin, and what providers say became of it. */

#include "handlers.h"
#include "order_lookup.h"
#include "trace.h"

#include <string.h>

#define AMOUNT_MAX 1000000000000000u

/* -------------------------------------------------------------------------- shoppers */

/*  An order that is reserved has no row yet: the gate says so, and ordering then waits for the row. One that left the gate between the
    two questions is in the books by then: ordering is asked once more before a 404. Safe to repeat: order and key name the payment. */
static outcome_t
s_ask_payment (exchange_t *self, payment_order_t *wish, answer_t *answer)
{
    holding_t holding;
    outcome_t outcome = order_lookup_ask (self, MSG_PAYMENT_CREATE, wish, MSG_PAYMENTS, answer);
    if (outcome.code != ERROR_NOT_FOUND)
        return outcome;
    error_code_t at_gate = order_lookup_at_gate (self, wish->rid, false, &holding);
    if (at_gate != ERROR_NONE && at_gate != ERROR_NOT_FOUND)
        return (outcome_t){ .code = at_gate };
    wish->waits = at_gate == ERROR_NONE;
    outcome = order_lookup_ask (self, MSG_PAYMENT_CREATE, wish, MSG_PAYMENTS, answer);
    if (outcome.code == ERROR_NOT_FOUND && wish->waits)
        outcome = (outcome_t){ .code = ERROR_BUSY };
    return outcome;
}

static void
s_answer_payment (exchange_t *self, const payment_t *payment)
{
    char payment_id[2 * PAYMENT_ID_BYTES + 1];
    hex_text (payment->payment_id, PAYMENT_ID_BYTES, payment_id);
    response_begin (&self->response, 201);
    text_field (&self->response.text, "payment_id", payment_id);
    text_field (&self->response.text, "status", payment_status_name (payment->status));
}

static bool
s_is_one_of (const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp (text, words[i]) == 0)
            return true;
    return false;
}

static void
s_read_payment (fields_t *fields, payment_order_t *wish)
{
    static const char *const outcomes[] = { "succeed", "decline", "hang" };
    fields_text (fields, "method", FIELD_REQUIRED, 1, sizeof wish->method - 1, wish->method);
    if (strcmp (wish->method, "test") != 0)
        fields_refuse (fields, "\"method\" is \"test\"");
    if (!fields_has (fields, "outcome"))
        memcpy (wish->outcome, outcomes[0], strlen (outcomes[0]) + 1);
    else
        fields_text (fields, "outcome", FIELD_OPTIONAL, 1, sizeof wish->outcome - 1, wish->outcome);
    if (!s_is_one_of (wish->outcome, outcomes, sizeof outcomes / sizeof *outcomes))
        fields_refuse (fields, "\"outcome\" is \"succeed\", \"decline\" or \"hang\"");
}

void
handle_payment_create (exchange_t *self)
{
    payment_order_t wish = { .user_id = self->token.user_id };
    answer_t answer;
    s_read_payment (&self->fields, &wish);
    if (!exchange_is_valid (self))
        return;
    memcpy (wish.rid, self->subject.rid, sizeof wish.rid);
    wish.sale_id = identity_sale_of (wish.rid);
    memcpy (wish.key, self->key, strlen (self->key) + 1);
    identity_payment (edge_id_key (self->edge), wish.rid, wish.key, wish.payment_id);
    outcome_t outcome = s_ask_payment (self, &wish, &answer);
    if (!outcome.code && answer.count != 1)
        outcome.code = ERROR_INTERNAL_ERROR;
    if (outcome.code)
        order_lookup_refuse (self, &outcome,
                             "The order does not wait for a payment: see its status.");
    else
        s_answer_payment (self, answer.entries);
}

/* -------------------------------------------------------------------------- providers */

static payment_status_t
s_status_of (const char *outcome)
{
    static const struct {
        const char *outcome;
        payment_status_t status;
    } outcomes[] = { { "captured", PAYMENT_CAPTURED }, { "succeeded", PAYMENT_CAPTURED },
                     { "succeed", PAYMENT_CAPTURED },  { "declined", PAYMENT_DECLINED },
                     { "decline", PAYMENT_DECLINED },  { "refunded", PAYMENT_REFUNDED } };
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
        if (strcmp (outcome, outcomes[i].outcome) == 0)
            return outcomes[i].status;
    return PAYMENT_NONE;
}

static bool
s_is_printable (const char *text)
{
    for (; *text; text++)
        if (*text < 0x20 || *text > 0x7e)
            return false;
    return true;
}

static void
s_read_names (fields_t *fields, payment_event_t *event)
{
    char payment_id[2 * PAYMENT_ID_BYTES + 1], order_id[ORDER_ID_TEXT_COUNT + 1];
    fields_text (fields, "event_id", FIELD_REQUIRED, 1, sizeof event->event_id - 1,
                 event->event_id);
    if (!s_is_printable (event->event_id))
        fields_refuse (fields, "\"event_id\" is 1 to 64 characters of ASCII");
    fields_text (fields, "payment_id", FIELD_REQUIRED, 1, sizeof payment_id - 1, payment_id);
    if (!hex_read (payment_id, event->payment_id, sizeof event->payment_id))
        fields_refuse (fields, "\"payment_id\" is 32 hex digits in lower case");
    fields_text (fields, "order_id", FIELD_REQUIRED, 1, sizeof order_id - 1, order_id);
    if (!identity_read (order_id, event->rid))
        fields_refuse (fields, "\"order_id\" is the id of an order");
}

/*  The one thing about the fields that only the books can say. */
static const char *
s_event_detail (const outcome_t *outcome)
{
    if (!*outcome->detail && outcome->code == ERROR_INVALID_FIELD)
        return "\"order_id\" or \"amount_cents\" is not the payment's";
    return outcome->detail;
}

/*  What is answered 200 is kept; everything else the provider sends again, with the same event_id. */
void
handle_payment_event (exchange_t *self)
{
    payment_event_t event = { .outcome = PAYMENT_NONE };
    fields_t *fields = &self->fields;
    char outcome[17];
    s_read_names (fields, &event);
    fields_text (fields, "outcome", FIELD_REQUIRED, 1, sizeof outcome - 1, outcome);
    event.outcome = s_status_of (outcome);
    if (event.outcome == PAYMENT_NONE)
        fields_refuse (fields, "\"outcome\" is \"captured\", \"declined\" or \"refunded\"");
    event.amount_cents = fields_number (fields, "amount_cents", FIELD_REQUIRED, 0, AMOUNT_MAX, 0);
    if (!exchange_is_valid (self))
        return;
    answer_t answer;
    outcome_t taken = order_lookup_ask (self, MSG_PAYMENT_EVENT, &event, MSG_OUTCOME, &answer);
    if (taken.code) {
        exchange_refuse_later (self, (error_code_t)taken.code, s_event_detail (&taken),
                               taken.retry_after_ms);
        return;
    }
    response_begin (&self->response, 200);
    text_field (&self->response.text, "event_id", event.event_id);
    text_field (&self->response.text, "status", "taken");
}
