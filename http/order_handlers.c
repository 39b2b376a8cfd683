/*  Orders as their owners see them. An order is at the gate from the 201 on, and in PostgreSQL a little later: so the gate is asked
    first and PostgreSQL then, and "not found" needs a no of both. */

#include "handlers.h"
#include "order_view.h"

#include <string.h>

/*  Code of an answer that was not the wanted one. */
static error_code_t
s_code_of (const answer_t *answer)
{
    const outcome_t *outcome = answer->entries;
    if (answer->type != MSG_OUTCOME || answer->count != 1 || outcome->code == ERROR_NONE)
        return ERROR_INTERNAL_ERROR;
    return (error_code_t)outcome->code;
}

/*  What the gate holds of the rid, as an order. Returns ERROR_NONE if the asker holds it or is an operator, else ERROR_NOT_FOUND, or why
    nobody knows. */
static error_code_t
s_ask_gate (exchange_t *self, const uint8_t rid[RID_BYTES], bool is_operator, order_t *order)
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
    if (!exchange_ask_raw (self, MSG_HOLDING_GET, &query, &answer))
        return ERROR_BUSY;
    if (answer.type != MSG_HOLDING || answer.count != 1)
        return s_code_of (&answer);
    const holding_t *holding = answer.entries;
    if (holding->code)
        return (error_code_t)holding->code;
    if (!holding->held || (!is_operator && holding->user_id != self->token.user_id))
        return ERROR_NOT_FOUND;
    *order = (order_t){ .sale_id = query.sale_id,
                        .user_id = holding->user_id,
                        .quantity = holding->quantity,
                        .price_cents = holding->price_cents,
                        .status = ORDER_RESERVED,
                        .sequence = holding->sequence,
                        .reserved_us = holding->reserved_us,
                        .pay_before_us = holding->pay_before_us };
    memcpy (order->rid, rid, sizeof order->rid);
    memcpy (order->currency, terms.currency, sizeof order->currency);
    return ERROR_NONE;
}

static error_code_t
s_ask_ordering (exchange_t *self, const uint8_t rid[RID_BYTES], bool is_operator, order_t *order)
{
    query_t query = { .sale_id = identity_sale_of (rid),
                      .user_id = self->token.user_id,
                      .operator= is_operator,
                      .limit = 1 };
    answer_t answer;
    memcpy (query.rid, rid, sizeof query.rid);
    if (!exchange_ask_raw (self, MSG_ORDER_GET, &query, &answer))
        return ERROR_BUSY;
    if (answer.type != MSG_ORDERS)
        return s_code_of (&answer);
    if (answer.count == 0)
        return ERROR_NOT_FOUND;
    *order = *(const order_t *)answer.entries;
    return ERROR_NONE;
}

/*  True with the order; false with the refusal written. */
static bool
s_find (exchange_t *self, const uint8_t rid[RID_BYTES], bool is_operator, order_t *order)
{
    order_t held;
    error_code_t at_gate = s_ask_gate (self, rid, is_operator, &held);
    error_code_t in_books = s_ask_ordering (self, rid, is_operator, order);
    if (in_books == ERROR_NONE)
        return true;
    if (in_books == ERROR_NOT_FOUND && at_gate == ERROR_NONE) {
        *order = held;
        return true;
    }
    if (in_books == ERROR_NOT_FOUND)
        exchange_refuse (self, at_gate, NULL);
    else
        exchange_refuse (self, in_books, NULL);
    return false;
}

void
handle_purchase_get (exchange_t *self)
{
    uint8_t rid[RID_BYTES];
    order_t order;
    if (!exchange_is_valid (self))
        return;
    identity_rid (edge_id_key (self->edge), self->token.user_id, self->subject.sale_id,
                  self->subject.key, rid);
    if (!s_find (self, rid, false, &order))
        return;
    response_begin (&self->response, 200);
    order_view_put_purchase (&self->response.text, &order);
}

static void
s_answer_order (exchange_t *self, bool is_operator)
{
    order_t order;
    if (!exchange_is_valid (self) || !s_find (self, self->subject.rid, is_operator, &order))
        return;
    response_begin (&self->response, 200);
    order_view_put (&self->response.text, &order);
}

void
handle_order_get (exchange_t *self)
{
    s_answer_order (self, false);
}

void
handle_operator_order_get (exchange_t *self)
{
    s_answer_order (self, true);
}

void
handle_order_list (exchange_t *self)
{
    query_t query = { .user_id = self->token.user_id,
                      .after = exchange_cursor (self),
                      .limit = PAGE_ROWS };
    text_t *text = &self->response.text;
    size_t count;
    if (!exchange_is_valid (self))
        return;
    const order_t *orders = exchange_ask (self, MSG_ORDER_LIST, &query, MSG_ORDERS, &count);
    if (!orders)
        return;
    response_begin (&self->response, 200);
    text_name (text, "orders");
    text_puts (text, "[");
    for (size_t i = 0; i < count; i++) {
        text_comma (text);
        text_puts (text, "{");
        order_view_put (text, &orders[i]);
        text_puts (text, "}");
    }
    text_puts (text, "]");
    exchange_put_cursor (self, count == PAGE_ROWS ? orders[count - 1].place : 0);
}
