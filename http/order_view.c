#include "order_view.h"

#include "identity.h"
#include "trace.h"

#include <string.h>

void
order_view_put_purchase (text_t *text, const order_t *order)
{
    char order_id[ORDER_ID_TEXT_COUNT + 1];
    identity_text (order->rid, order_id);
    text_field (text, "order_id", order_id);
    text_field_id (text, "sale_id", order->sale_id);
    text_field_number (text, "quantity", order->quantity);
    text_field_number (text, "price_cents", order->price_cents);
    text_field_number (text, "total_cents", order->price_cents * order->quantity);
    text_field (text, "currency", order->currency);
    text_field (text, "status", order_status_name (order->status));
    text_field_number (text, "sequence", order->sequence);
    text_field_number (text, "pay_before_ms", order->pay_before_us / 1000);
}

static void
s_put_moment (text_t *text, uint64_t at_us, const char *event, const char *actor)
{
    text_comma (text);
    text_puts (text, "{");
    text_field_number (text, "at_ms", at_us / 1000);
    text_field (text, "event", event);
    text_field (text, "actor", actor);
    text_puts (text, "}");
}

static bool
s_is_of (const moment_t *moment, const order_t *order)
{
    return memcmp (moment->rid, order->rid, sizeof order->rid) == 0;
}

/*  The row's own making is in the order, not among its moments. A moment as old as the row *is* its making: such an order was written as
    cancelled or rejected, and never waited for a payment. */
static bool
s_was_pending (const order_page_t *page, const order_t *order)
{
    if (!order->committed_us || order->status == ORDER_REJECTED)
        return false;
    for (size_t i = 0; i < page->moment_count; i++)
        if (s_is_of (&page->moments[i], order) && page->moments[i].at_us <= order->committed_us)
            return false;
    return true;
}

/*  From what the actors wrote: the gate's time of the reservation, PostgreSQL's of the row and of every move since. */
static void
s_put_timeline (text_t *text, const order_page_t *page, const order_t *order)
{
    const char *status = order_status_name (order->status);
    bool is_told = order->status == ORDER_RESERVED || order->status == ORDER_PENDING_PAYMENT;
    text_name (text, "timeline");
    text_puts (text, "[");
    if (order->reserved_us)
        s_put_moment (text, order->reserved_us, order_status_name (ORDER_RESERVED), "seckill");
    if (s_was_pending (page, order))
        s_put_moment (text, order->committed_us, order_status_name (ORDER_PENDING_PAYMENT),
                      "ordering");
    for (size_t i = 0; i < page->moment_count; i++) {
        const moment_t *moment = &page->moments[i];
        if (!s_is_of (moment, order))
            continue;
        s_put_moment (text, moment->at_us, moment->event, moment->actor);
        is_told |= strcmp (moment->event, status) == 0;
    }
    /* a move older than the moments, or one that has none */
    if (!is_told)
        s_put_moment (text, order->changed_us, status, *order->actor ? order->actor : "ordering");
    text_puts (text, "]");
}

static void
s_put_payments (text_t *text, const order_page_t *page, const order_t *order)
{
    char payment_id[33];
    text_name (text, "payments");
    text_puts (text, "[");
    for (size_t i = 0; i < page->payment_count; i++) {
        const payment_line_t *payment = &page->payments[i];
        if (memcmp (payment->rid, order->rid, sizeof order->rid) != 0)
            continue;
        hex_text (payment->payment_id, sizeof payment->payment_id, payment_id);
        text_comma (text);
        text_puts (text, "{");
        text_field (text, "payment_id", payment_id);
        text_field (text, "status", payment_status_name (payment->status));
        text_puts (text, "}");
    }
    text_puts (text, "]");
}

void
order_view_put (text_t *text, const order_page_t *page, size_t index)
{
    const order_t *order = &page->orders[index];
    order_view_put_purchase (text, order);
    if (*order->reason)
        text_field (text, "reason", order->reason);
    s_put_payments (text, page, order);
    s_put_timeline (text, page, order);
}
