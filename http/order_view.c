#include "order_view.h"

#include "identity.h"

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

/*  From what the actors wrote: the gate's time of the reservation, PostgreSQL's of the row and of its last change. */
static void
s_put_timeline (text_t *text, const order_t *order)
{
    bool was_pending = order->committed_us && order->status != ORDER_REJECTED;
    bool has_changed = order->status != ORDER_RESERVED && order->status != ORDER_PENDING_PAYMENT;
    text_name (text, "timeline");
    text_puts (text, "[");
    if (order->reserved_us)
        s_put_moment (text, order->reserved_us, order_status_name (ORDER_RESERVED), "seckill");
    if (was_pending)
        s_put_moment (text, order->committed_us, order_status_name (ORDER_PENDING_PAYMENT),
                      "ordering");
    if (has_changed)
        s_put_moment (text, order->changed_us, order_status_name (order->status),
                      *order->actor ? order->actor : "ordering");
    text_puts (text, "]");
}

void
order_view_put (text_t *text, const order_t *order)
{
    order_view_put_purchase (text, order);
    if (*order->reason)
        text_field (text, "reason", order->reason);
    text_name (text, "payments");
    text_puts (text, "[]");
    s_put_timeline (text, order);
}
