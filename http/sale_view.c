#include "sale_view.h"

void
sale_view_put (text_t *text, const sale_t *sale, uint64_t gate_ms)
{
    text_field_id (text, "sale_id", sale->sale_id);
    text_field (text, "product_id", sale->product_id);
    text_field (text, "title", sale->title);
    text_field (text, "description", sale->description);
    text_field (text, "image_url", sale->image_url);
    text_field_number (text, "price_cents", sale->price_cents);
    if (sale->list_price_cents)
        text_field_number (text, "list_price_cents", sale->list_price_cents);
    else
        text_field_null (text, "list_price_cents");
    text_field (text, "currency", sale->currency);
    text_field_number (text, "stock_total", sale->stock_total);
    text_field_number (text, "stock_left", sale->stock_left);
    text_field_number (text, "starts_at_ms", sale->starts_at_ms);
    text_field_number (text, "ends_at_ms", sale->ends_at_ms);
    text_field (text, "state", sale_phase_name (sale_phase (sale, gate_ms)));
    text_field_number (text, "per_user_limit", sale->per_user_limit);
    text_field_number (text, "pay_within_s", sale->pay_within_s);
}

void
sale_view_put_operator (text_t *text, const sale_t *sale, uint64_t gate_ms)
{
    sale_view_put (text, sale, gate_ms);
    text_field_number (text, "version", sale->version);
    text_field_number (text, "epoch", sale->epoch);
    text_field_bool (text, "recovering", sale->recovering);
    text_field_number (text, "sold", sale->sold);
}
