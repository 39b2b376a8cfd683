#include "order_lookup.h"

#include <string.h>

outcome_t
order_lookup_ask (exchange_t *self, message_type_t question, const void *entry,
                  message_type_t wanted, answer_t *answer)
{
    if (!exchange_ask_raw (self, question, entry, answer))
        return (outcome_t){ .code = ERROR_BUSY };
    const outcome_t *outcome =
        answer->type == MSG_OUTCOME && answer->count == 1 ? answer->entries : NULL;
    if (outcome && outcome->code)
        return *outcome;
    return (outcome_t){ .code = answer->type == wanted ? ERROR_NONE : ERROR_INTERNAL_ERROR };
}

void
order_lookup_refuse (exchange_t *self, const outcome_t *outcome, const char *invalid_state)
{
    const char *detail = outcome->detail;
    if (!*detail && outcome->code == ERROR_INVALID_STATE)
        detail = invalid_state;
    exchange_refuse_later (self, (error_code_t)outcome->code, detail, outcome->retry_after_ms);
}

/* -------------------------------------------------------------------------- the order */

error_code_t
order_lookup_at_gate (exchange_t *self, const uint8_t rid[RID_BYTES], bool is_operator,
                      holding_t *holding)
{
    query_t query = { .sale_id = identity_sale_of (rid), .user_id = self->token.user_id };
    sale_terms_t terms;
    answer_t answer;
    if (!edge_has_sales (self->edge))
        return ERROR_DEPENDENCY_UNAVAILABLE;
    /* a sale that is not published any more has no gate */
    if (!catalogue_terms (edge_catalogue (self->edge), query.sale_id, &terms))
        return ERROR_NOT_FOUND;
    memcpy (query.rid, rid, sizeof query.rid);
    outcome_t outcome = order_lookup_ask (self, MSG_HOLDING_GET, &query, MSG_HOLDING, &answer);
    if (outcome.code)
        return (error_code_t)outcome.code;
    if (answer.count != 1)
        return ERROR_INTERNAL_ERROR;
    *holding = *(const holding_t *)answer.entries;
    if (holding->code == ERROR_RECOVERING &&
        sale_is_archived (&terms, edge_gate_ms (self->edge, self->request.now_us)))
        return ERROR_NOT_FOUND; /* a gate goes only when all of it is in the books */
    if (holding->code)
        return (error_code_t)holding->code;
    if (!holding->held || (!is_operator && holding->user_id != self->token.user_id))
        return ERROR_NOT_FOUND;
    return ERROR_NONE;
}

/*  The order that will be written for what the gate holds. */
static void
s_order_of (exchange_t *self, const uint8_t rid[RID_BYTES], const holding_t *holding,
            order_t *order)
{
    sale_terms_t terms = { 0 };
    *order = (order_t){ .sale_id = identity_sale_of (rid),
                        .user_id = holding->user_id,
                        .quantity = holding->quantity,
                        .price_cents = holding->price_cents,
                        .status = ORDER_RESERVED,
                        .sequence = holding->sequence,
                        .reserved_us = holding->reserved_us,
                        .pay_before_us = holding->pay_before_us };
    memcpy (order->rid, rid, sizeof order->rid);
    catalogue_terms (edge_catalogue (self->edge), order->sale_id, &terms);
    memcpy (order->currency, terms.currency, sizeof order->currency);
}

error_code_t
order_lookup_in_books (exchange_t *self, const uint8_t rid[RID_BYTES], bool is_operator,
                       order_t *order)
{
    query_t query = { .sale_id = identity_sale_of (rid),
                      .user_id = self->token.user_id,
                      .operator= is_operator,
                      .limit = 1 };
    answer_t answer;
    memcpy (query.rid, rid, sizeof query.rid);
    outcome_t outcome = order_lookup_ask (self, MSG_ORDER_GET, &query, MSG_ORDERS, &answer);
    if (outcome.code)
        return (error_code_t)outcome.code;
    if (answer.count == 0)
        return ERROR_NOT_FOUND;
    *order = *(const order_t *)answer.entries;
    return ERROR_NONE;
}

bool
order_lookup (exchange_t *self, const uint8_t rid[RID_BYTES], bool is_operator, order_t *order)
{
    holding_t holding;
    error_code_t at_gate = order_lookup_at_gate (self, rid, is_operator, &holding);
    error_code_t in_books = order_lookup_in_books (self, rid, is_operator, order);
    if (in_books == ERROR_NONE)
        return true;
    if (in_books == ERROR_NOT_FOUND && at_gate == ERROR_NONE) {
        s_order_of (self, rid, &holding, order);
        return true;
    }
    exchange_refuse (self, in_books == ERROR_NOT_FOUND ? at_gate : in_books, NULL);
    return false;
}

/* -------------------------------------------------------------------------- what happened to it */

/*  Kept in short: the next question takes the answer's place. */
static bool
s_ask_payments (exchange_t *self, const query_t *query)
{
    order_page_t *page = &self->page;
    const payment_t *payments =
        exchange_ask (self, MSG_PAYMENT_LIST, query, MSG_PAYMENTS, &page->payment_count);
    if (!payments)
        return false;
    if (page->payment_count > BATCH_ENTRIES_MAX)
        page->payment_count = BATCH_ENTRIES_MAX;
    for (size_t i = 0; i < page->payment_count; i++) {
        payment_line_t *line = &page->payments[i];
        memcpy (line->rid, payments[i].rid, sizeof line->rid);
        memcpy (line->payment_id, payments[i].payment_id, sizeof line->payment_id);
        line->status = payments[i].status;
    }
    return true;
}

bool
order_lookup_history (exchange_t *self, const query_t *query)
{
    order_page_t *page = &self->page;
    if (!s_ask_payments (self, query))
        return false;
    page->moments = exchange_ask (self, MSG_MOMENT_LIST, query, MSG_MOMENTS, &page->moment_count);
    return page->moments != NULL;
}

bool
order_lookup_history_of_one (exchange_t *self, bool is_operator)
{
    const order_t *order = &self->page.orders[0];
    query_t query = { .sale_id = identity_sale_of (order->rid),
                      .user_id = self->token.user_id,
                      .operator= is_operator,
                      .limit = BATCH_ENTRIES_MAX };
    self->page.count = 1;
    self->page.payment_count = self->page.moment_count = 0;
    /* what is not in the books has no history there */
    if (order->status == ORDER_RESERVED)
        return true;
    memcpy (query.rid, order->rid, sizeof query.rid);
    return order_lookup_history (self, &query);
}
