/*  Sales as operators make and move them: every call is inventory's. */

#include "handlers.h"
#include "sale_view.h"

#include <string.h>

#define PRICE_MAX 1000000000u
#define STOCK_MAX 10000000u
#define TIME_MAX_MS 253402300799999u /* the end of the year 9999 */

/*  A path of our own origin: "//host" and "/\host" are others' to a browser. */
static bool
s_is_own_path (const char *url)
{
    if (!*url)
        return true;
    if (url[0] != '/' || url[1] == '/')
        return false;
    for (; *url; url++)
        if ((unsigned char)*url <= ' ' || *url == '\\' || *url == 0x7f)
            return false;
    return true;
}

static void
s_read_texts (fields_t *fields, sale_t *sale)
{
    fields_text (fields, "title", FIELD_REQUIRED, 1, sizeof sale->title - 1, sale->title);
    fields_text (fields, "product_id", FIELD_OPTIONAL, 0, sizeof sale->product_id - 1,
                 sale->product_id);
    fields_text (fields, "description", FIELD_OPTIONAL, 0, sizeof sale->description - 1,
                 sale->description);
    fields_text (fields, "image_url", FIELD_OPTIONAL, 0, sizeof sale->image_url - 1,
                 sale->image_url);
    fields_text (fields, "currency", FIELD_REQUIRED, 3, 3, sale->currency);
    if (!s_is_own_path (sale->image_url))
        fields_refuse (fields, "\"image_url\" is a path of this site, such as /images/a.png");
    if (strspn (sale->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
        fields_refuse (fields, "\"currency\" is three capital letters (ISO 4217)");
}

static void
s_read_numbers (fields_t *fields, sale_t *sale)
{
    sale->price_cents = fields_number (fields, "price_cents", FIELD_REQUIRED, 0, PRICE_MAX, 0);
    sale->list_price_cents =
        fields_number (fields, "list_price_cents", FIELD_OPTIONAL, 0, PRICE_MAX, 0);
    sale->stock_total = fields_number (fields, "stock_total", FIELD_REQUIRED, 0, STOCK_MAX, 0);
    sale->starts_at_ms = fields_number (fields, "starts_at_ms", FIELD_REQUIRED, 0, TIME_MAX_MS, 0);
    sale->ends_at_ms = fields_number (fields, "ends_at_ms", FIELD_REQUIRED, 0, TIME_MAX_MS, 0);
    sale->per_user_limit = fields_number (fields, "per_user_limit", FIELD_OPTIONAL, 1, 100, 1);
    sale->pay_within_s = fields_number (fields, "pay_within_s", FIELD_OPTIONAL, 1, 86400, 900);
    if (sale->ends_at_ms <= sale->starts_at_ms)
        fields_refuse (fields, "\"ends_at_ms\" is after \"starts_at_ms\"");
}

static void
s_answer_sale (exchange_t *self, unsigned status, const sale_t *sale)
{
    uint64_t gate_ms = edge_gate_ms (self->edge, self->request.now_us);
    response_begin (&self->response, status);
    sale_view_put_operator (&self->response.text, sale, gate_ms ? gate_ms : self->request.wall_ms);
    text_field_number (&self->response.text, "now_ms", gate_ms ? gate_ms : self->request.wall_ms);
}

/*  Asks for one sale and answers with it. */
static void
s_ask_sale (exchange_t *self, message_type_t question, const void *entry, unsigned status)
{
    size_t count;
    const sale_t *sale = exchange_ask (self, question, entry, MSG_SALE_REPLY, &count);
    if (sale && count == 1)
        s_answer_sale (self, status, sale);
    else if (sale)
        exchange_refuse (self, ERROR_NOT_FOUND, NULL);
}

static void
s_name_operator (const exchange_t *self, char actor[33])
{
    memcpy (actor, self->token.username, sizeof self->token.username);
}

void
handle_operator_sale_create (exchange_t *self)
{
    sale_t sale = { .state = SALE_DRAFT };
    s_read_texts (&self->fields, &sale);
    s_read_numbers (&self->fields, &sale);
    s_name_operator (self, sale.actor);
    if (exchange_is_valid (self))
        s_ask_sale (self, MSG_SALE_CREATE, &sale, 201);
}

void
handle_operator_sale_get (exchange_t *self)
{
    query_t query = { .sale_id = self->subject.sale_id, .operator= 1 };
    s_name_operator (self, query.actor);
    if (exchange_is_valid (self))
        s_ask_sale (self, MSG_SALE_GET, &query, 200);
}

void
handle_operator_sale_list (exchange_t *self)
{
    query_t query = { .operator= 1, .after = exchange_cursor (self), .limit = PAGE_ROWS };
    text_t *text = &self->response.text;
    size_t count;
    s_name_operator (self, query.actor);
    if (!exchange_is_valid (self))
        return;
    const sale_t *sales = exchange_ask (self, MSG_SALE_LIST, &query, MSG_SALE_REPLY, &count);
    if (!sales)
        return;
    uint64_t gate_ms = edge_gate_ms (self->edge, self->request.now_us);
    gate_ms = gate_ms ? gate_ms : self->request.wall_ms;
    response_begin (&self->response, 200);
    text_name (text, "sales");
    text_puts (text, "[");
    for (size_t i = 0; i < count; i++) {
        text_comma (text);
        text_puts (text, "{");
        sale_view_put_operator (text, &sales[i], gate_ms);
        text_puts (text, "}");
    }
    text_puts (text, "]");
    exchange_put_cursor (self, count == PAGE_ROWS ? sales[count - 1].sale_id : 0);
    text_field_number (text, "now_ms", gate_ms);
}

void
handle_operator_sale_move (exchange_t *self)
{
    static const struct {
        const char *move;
        sale_state_t state;
        uint64_t from_draft;
    } moves[] = { { "publish", SALE_OPEN, 1 },
                  { "resume", SALE_OPEN, 0 },
                  { "pause", SALE_PAUSED, 0 },
                  { "end", SALE_ENDED, 0 } };
    size_t i = 0;
    while (strcmp (moves[i].move, self->subject.last) != 0) /* the routes name no other */
        i++;
    sale_change_t change = { .sale_id = self->subject.sale_id,
                             .state = moves[i].state,
                             .from_draft = moves[i].from_draft };
    s_name_operator (self, change.actor);
    if (exchange_is_valid (self))
        s_ask_sale (self, MSG_SALE_CHANGE, &change, 200);
}

void
handle_operator_sale_audit (exchange_t *self)
{
    query_t query = { .sale_id = self->subject.sale_id, .operator= 1 };
    text_t *text = &self->response.text;
    s_name_operator (self, query.actor);
    if (!exchange_is_valid (self))
        return;
    const audit_t *audit = exchange_ask_one (self, MSG_SALE_AUDIT, &query, MSG_AUDIT);
    if (!audit)
        return;
    response_begin (&self->response, 200);
    text_field_number (text, "stock_total", audit->stock_total);
    text_field_number (text, "gate_left", audit->gate_left);
    text_field_number (text, "in_flight", audit->in_flight);
    text_field_number (text, "reserved", audit->reserved);
    text_field_number (text, "pending_payment", audit->pending_payment);
    text_field_number (text, "paid", audit->paid);
    text_field_number (text, "cancelled_returned", audit->cancelled_returned);
    text_field_number (text, "oversold", audit->oversold);
    text_field_number (text, "lost", audit->lost);
    text_field_number (text, "duplicated", audit->duplicated);
    text_field_number (text, "leaked", audit->leaked);
    text_field_number (text, "lost_with_disk", audit->lost_with_disk);
    text_field_bool (text, "balanced", audit->balanced);
}
