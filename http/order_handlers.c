/*  Orders as their owners and operators see them, and their ends by either. */

#include "handlers.h"
#include "order_lookup.h"

#include <string.h>

/*  How often a cancel before the row is tried again when the gate was built anew in between: it is hardly built twice in that time. */
#define EPOCH_RETRIES 2u

void
handle_purchase_get (exchange_t *self)
{
    uint8_t rid[RID_BYTES];
    order_t order;
    if (!exchange_is_valid (self))
        return;
    identity_rid (edge_id_key (self->edge), self->token.user_id, self->subject.sale_id,
                  self->subject.key, rid);
    if (!order_lookup (self, rid, false, &order))
        return;
    response_begin (&self->response, 200);
    order_view_put_purchase (&self->response.text, &order);
}

/* -------------------------------------------------------------------------- one, and a page */

/*  The order that is in self->page. */
static void
s_answer_order (exchange_t *self, bool is_operator)
{
    if (!order_lookup_history_of_one (self, is_operator))
        return;
    response_begin (&self->response, 200);
    order_view_put (&self->response.text, &self->page, 0);
}

static void
s_get_order (exchange_t *self, bool is_operator)
{
    if (exchange_is_valid (self) &&
        order_lookup (self, self->subject.rid, is_operator, &self->page.orders[0]))
        s_answer_order (self, is_operator);
}

void
handle_order_get (exchange_t *self)
{
    s_get_order (self, false);
}

void
handle_operator_order_get (exchange_t *self)
{
    s_get_order (self, true);
}

static bool
s_ask_page (exchange_t *self, const query_t *query)
{
    order_page_t *page = &self->page;
    const order_t *orders = exchange_ask (self, MSG_ORDER_LIST, query, MSG_ORDERS, &page->count);
    if (!orders)
        return false;
    page->has_more = page->count > PAGE_ROWS;
    if (page->has_more)
        page->count = PAGE_ROWS;
    memcpy (page->orders, orders, page->count * sizeof *orders);
    return true;
}

/*  Payments and moments of just these orders: `after` names the first of them, for newer ones may have come since. */
static bool
s_ask_page_history (exchange_t *self, query_t *query)
{
    order_page_t *page = &self->page;
    page->payment_count = page->moment_count = 0;
    if (page->count == 0)
        return true;
    query->after = page->orders[0].place + 1;
    query->limit = page->count;
    return order_lookup_history (self, query);
}

void
handle_order_list (exchange_t *self)
{
    query_t query = { .user_id = self->token.user_id,
                      .after = exchange_cursor (self),
                      .limit = PAGE_ROWS + 1 };
    const order_page_t *page = &self->page;
    text_t *text = &self->response.text;
    if (!exchange_is_valid (self) || !s_ask_page (self, &query) ||
        !s_ask_page_history (self, &query))
        return;
    response_begin (&self->response, 200);
    text_name (text, "orders");
    text_puts (text, "[");
    for (size_t i = 0; i < page->count; i++) {
        text_comma (text);
        text_puts (text, "{");
        order_view_put (text, page, i);
        text_puts (text, "}");
    }
    text_puts (text, "]");
    exchange_put_cursor (self, page->has_more ? page->orders[PAGE_ROWS - 1].place : 0);
}

/* -------------------------------------------------------------------------- cancel */

static void
s_add_holding (order_change_t *change, const holding_t *holding)
{
    change->held = 1;
    change->user_id = holding->user_id;
    change->epoch = holding->epoch;
    change->quantity = holding->quantity;
    change->price_cents = holding->price_cents;
    change->sequence = holding->sequence;
    change->reserved_us = holding->reserved_us;
    change->pay_before_us = holding->pay_before_us;
    change->body_hash = holding->body_hash;
}

static outcome_t
s_ask_cancel (exchange_t *self, const order_change_t *change)
{
    answer_t answer;
    return order_lookup_ask (self, MSG_ORDER_CANCEL, change, MSG_OUTCOME, &answer);
}

/*  Cancels, wherever the order is: in the books, or at the gate alone, where ordering writes it as cancelled before its row comes. An
    order that left the gate between the two questions is in the books by then: ordering is asked once more before a 404. Safe to repeat:
    what is cancelled stays so. Returns done, not_found when both said no, or why not. */
static outcome_t
s_cancel (exchange_t *self, const order_change_t *wish)
{
    holding_t holding;
    outcome_t outcome = s_ask_cancel (self, wish);
    for (unsigned i = 0; i <= EPOCH_RETRIES; i++) {
        bool was_rebuilt = i > 0 && outcome.code == ERROR_RECOVERING;
        if (outcome.code != ERROR_NOT_FOUND && !was_rebuilt)
            return outcome;
        error_code_t at_gate = order_lookup_at_gate (self, wish->rid, wish->operator, & holding);
        if (at_gate != ERROR_NONE && at_gate != ERROR_NOT_FOUND)
            return (outcome_t){ .code = at_gate };
        order_change_t change = *wish;
        if (at_gate == ERROR_NONE)
            s_add_holding (&change, &holding);
        outcome = s_ask_cancel (self, &change);
        if (outcome.code == ERROR_NOT_FOUND)
            return (outcome_t){ .code = at_gate ? ERROR_NOT_FOUND : ERROR_BUSY };
    }
    return outcome;
}

static void
s_handle_cancel (exchange_t *self, order_change_t *change)
{
    order_t *order = &self->page.orders[0];
    memcpy (change->rid, self->subject.rid, sizeof change->rid);
    change->sale_id = identity_sale_of (change->rid);
    change->user_id = self->token.user_id;
    if (!exchange_is_valid (self))
        return;
    outcome_t outcome = s_cancel (self, change);
    if (!outcome.code)
        outcome.code = order_lookup_in_books (self, change->rid, change->operator, order);
    if (outcome.code)
        order_lookup_refuse (self, &outcome, "The order is paid, or over: see its status.");
    else
        s_answer_order (self, change->operator);
}

void
handle_order_cancel (exchange_t *self)
{
    order_change_t change = { .actor = "shopper" };
    s_handle_cancel (self, &change);
}

void
handle_operator_order_cancel (exchange_t *self)
{
    order_change_t change = { .operator= 1 };
    fields_text (&self->fields, "reason", FIELD_REQUIRED, 1, sizeof change.reason - 1,
                 change.reason);
    memcpy (change.actor, self->token.username, sizeof change.actor);
    s_handle_cancel (self, &change);
}
