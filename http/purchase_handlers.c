/*  The call that everything else is for. */

#include "handlers.h"
#include "order_view.h"

#include <stdio.h>
#include <string.h>

/*  Beyond what any sale can have; what a shopper may have is the sale's per_user_limit, and refused as such. */
#define QUANTITY_MAX 10000000u

static void
s_answer_reserved (exchange_t *self, const purchase_t *purchase, const verdict_t *verdict,
                   const char *currency)
{
    order_t order = { .sale_id = purchase->sale_id,
                      .quantity = verdict->quantity,
                      .price_cents = verdict->price_cents,
                      .status = ORDER_RESERVED,
                      .sequence = verdict->sequence,
                      .pay_before_us = verdict->pay_before_us };
    char order_id[ORDER_ID_TEXT_COUNT + 1];
    memcpy (order.rid, purchase->rid, sizeof order.rid);
    memcpy (order.currency, currency, sizeof order.currency);
    identity_text (purchase->rid, order_id);
    response_begin (&self->response, 201);
    order_view_put_purchase (&self->response.text, &order);
    snprintf (self->response.location, sizeof self->response.location, "/api/v1/orders/%s",
              order_id);
}

static uint64_t
s_retry_after_ms (exchange_t *self, const verdict_t *verdict, const sale_terms_t *terms)
{
    uint64_t gate_ms = edge_gate_ms (self->edge, self->request.now_us);
    if (verdict->code == ERROR_SALE_NOT_STARTED && terms->starts_at_ms > gate_ms)
        return terms->starts_at_ms - gate_ms;
    return verdict->retry_after_ms;
}

static void
s_answer_refused (exchange_t *self, const verdict_t *verdict, const sale_terms_t *terms)
{
    char order_id[ORDER_ID_TEXT_COUNT + 1];
    text_t *text = &self->response.text;
    exchange_refuse_later (self, (error_code_t)verdict->code, NULL,
                           s_retry_after_ms (self, verdict, terms));
    switch (verdict->code) {
    case ERROR_ALREADY_PURCHASED:
        identity_text (verdict->other_rid, order_id);
        text_field (text, "order_id", order_id);
        break;
    case ERROR_SOLD_OUT:
        text_field_number (text, "stock_left", verdict->stock_left);
        break;
    case ERROR_SALE_NOT_STARTED:
        text_field_number (text, "starts_at_ms", terms->starts_at_ms);
        break;
    case ERROR_RATE_LIMITED:
        text_field (text, "limit", limit_level_name (verdict->limit));
        break;
    default:
        break;
    }
}

static void
s_name_purchase (exchange_t *self, uint64_t quantity, uint64_t version, purchase_t *purchase)
{
    *purchase = (purchase_t){ .sale_id = self->subject.sale_id,
                              .user_id = self->token.user_id,
                              .quantity = quantity,
                              .version = version };
    identity_rid (edge_id_key (self->edge), purchase->user_id, purchase->sale_id, self->key,
                  purchase->rid);
    purchase->body_hash = identity_body_hash (purchase->sale_id, quantity);
    memcpy (purchase->trace_id, self->request.trace_id, sizeof purchase->trace_id);
    memcpy (purchase->span_id, self->request.span_id, sizeof purchase->span_id);
}

void
handle_purchase_create (exchange_t *self)
{
    sale_terms_t terms;
    purchase_t purchase;
    answer_t answer;
    uint64_t quantity =
        fields_number (&self->fields, "quantity", FIELD_OPTIONAL, 1, QUANTITY_MAX, 1);
    self->response.is_purchase = true;
    if (!exchange_is_valid (self))
        return;
    if (!edge_has_sales (self->edge)) {
        exchange_refuse (self, ERROR_DEPENDENCY_UNAVAILABLE, "The sales are not known here yet.");
        return;
    }
    if (!catalogue_terms (edge_catalogue (self->edge), self->subject.sale_id, &terms)) {
        exchange_refuse (self, ERROR_UNKNOWN_SALE, NULL);
        return;
    }
    if (sale_is_archived (&terms, edge_gate_ms (self->edge, self->request.now_us))) {
        exchange_refuse (self, ERROR_SALE_ENDED, NULL); /* nobody waits for a gate that is gone */
        return;
    }
    s_name_purchase (self, quantity, terms.version, &purchase);
    const verdict_t *verdict = NULL;
    if (exchange_ask_raw (self, MSG_PURCHASE, &purchase, &answer) && answer.type == MSG_VERDICT &&
        answer.count == 1)
        verdict = answer.entries;
    if (!verdict)
        exchange_refuse (self, ERROR_BUSY, NULL);
    else if (verdict->code == ERROR_NONE)
        s_answer_reserved (self, &purchase, verdict, terms.currency);
    else
        s_answer_refused (self, verdict, &terms);
}
