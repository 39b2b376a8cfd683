/*  Sales as operators make and move them: every call is inventory's. */

#include "handlers.h"
#include "sale_view.h"

#include <string.h>

#define PRICE_MAX 1000000000u
#define STOCK_MAX 10000000u
#define TIME_MAX_MS 9007199254739u /* the year 2255: in µs a number that Lua still holds exactly */

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

/*  The fields of a draft; `presence` is of those that a draft needs: an edit needs none. */
static void
s_read_texts (fields_t *fields, presence_t presence, sale_t *sale)
{
    fields_text (fields, "title", presence, 1, sizeof sale->title - 1, sale->title);
    fields_text (fields, "product_id", FIELD_OPTIONAL, 0, sizeof sale->product_id - 1,
                 sale->product_id);
    fields_text (fields, "description", FIELD_OPTIONAL, 0, sizeof sale->description - 1,
                 sale->description);
    fields_text (fields, "image_url", FIELD_OPTIONAL, 0, sizeof sale->image_url - 1,
                 sale->image_url);
    fields_text (fields, "currency", presence, 3, 3, sale->currency);
    if (!s_is_own_path (sale->image_url))
        fields_refuse (fields, "\"image_url\" is a path of this site, such as /images/a.png");
    if (fields_has (fields, "currency") &&
        strspn (sale->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
        fields_refuse (fields, "\"currency\" is three capital letters (ISO 4217)");
}

static void
s_read_numbers (fields_t *fields, presence_t presence, sale_t *sale)
{
    sale->price_cents = fields_number (fields, "price_cents", presence, 0, PRICE_MAX, 0);
    sale->list_price_cents =
        fields_number (fields, "list_price_cents", FIELD_OPTIONAL, 0, PRICE_MAX, 0);
    sale->stock_total = fields_number (fields, "stock_total", presence, 0, STOCK_MAX, 0);
    sale->starts_at_ms = fields_number (fields, "starts_at_ms", presence, 0, TIME_MAX_MS, 0);
    sale->ends_at_ms = fields_number (fields, "ends_at_ms", presence, 0, TIME_MAX_MS, 0);
    sale->per_user_limit = fields_number (fields, "per_user_limit", FIELD_OPTIONAL, 1, 100, 1);
    sale->pay_within_s = fields_number (fields, "pay_within_s", FIELD_OPTIONAL, 1, 86400, 900);
    /* an edit of one of them is compared with the other by inventory, which has it */
    if (fields_has (fields, "starts_at_ms") && fields_has (fields, "ends_at_ms") &&
        sale->ends_at_ms <= sale->starts_at_ms)
        fields_refuse (fields, "\"ends_at_ms\" is after \"starts_at_ms\"");
}

/*  SALE_HAS_… of the fields that are given. */
static uint64_t
s_mask (const fields_t *fields)
{
    static const struct {
        const char *name;
        sale_field_t bit;
    } names[] = { { "title", SALE_HAS_TITLE },
                  { "description", SALE_HAS_DESCRIPTION },
                  { "image_url", SALE_HAS_IMAGE_URL },
                  { "price_cents", SALE_HAS_PRICE_CENTS },
                  { "ends_at_ms", SALE_HAS_ENDS_AT_MS },
                  { "product_id", SALE_HAS_PRODUCT_ID },
                  { "list_price_cents", SALE_HAS_LIST_PRICE_CENTS },
                  { "currency", SALE_HAS_CURRENCY },
                  { "stock_total", SALE_HAS_STOCK_TOTAL },
                  { "starts_at_ms", SALE_HAS_STARTS_AT_MS },
                  { "per_user_limit", SALE_HAS_PER_USER_LIMIT },
                  { "pay_within_s", SALE_HAS_PAY_WITHIN_S } };
    uint64_t mask = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (fields_has (fields, names[i].name))
            mask |= names[i].bit;
    return mask;
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
    s_read_texts (&self->fields, FIELD_REQUIRED, &sale);
    s_read_numbers (&self->fields, FIELD_REQUIRED, &sale);
    s_name_operator (self, sale.actor);
    if (exchange_is_valid (self))
        s_ask_sale (self, MSG_SALE_CREATE, &sale, 201);
}

/*  Whether the state allows it is inventory's to say. Safe to repeat: a value that is there already changes nothing. */
void
handle_operator_sale_edit (exchange_t *self)
{
    sale_t sale = { .sale_id = self->subject.sale_id, .mask = s_mask (&self->fields) };
    s_read_texts (&self->fields, FIELD_OPTIONAL, &sale);
    s_read_numbers (&self->fields, FIELD_OPTIONAL, &sale);
    if (!(sale.mask & SALE_HAS_PER_USER_LIMIT))
        sale.per_user_limit = 0;
    if (!(sale.mask & SALE_HAS_PAY_WITHIN_S))
        sale.pay_within_s = 0;
    s_name_operator (self, sale.actor);
    /* an unknown name is the better reason */
    if (fields_end (&self->fields) && sale.mask == 0)
        fields_refuse (&self->fields, "Give at least one field to change");
    if (exchange_is_valid (self))
        s_ask_sale (self, MSG_SALE_EDIT, &sale, 200);
}

/*  Safe to repeat under its key: the same name is the same change. Without a key every request is a change of its own. */
void
handle_operator_sale_stock (exchange_t *self)
{
    stock_change_t change = { .sale_id = self->subject.sale_id };
    const char *key = exchange_read_key (self);
    change.delta =
        fields_integer (&self->fields, "delta", FIELD_REQUIRED, -(int64_t)STOCK_MAX, STOCK_MAX, 0);
    fields_text (&self->fields, "reason", FIELD_REQUIRED, 1, sizeof change.reason - 1,
                 change.reason);
    if (change.delta == 0)
        fields_refuse (&self->fields, "\"delta\" is not 0: units to add, or to take if negative");
    s_name_operator (self, change.actor);
    if (!exchange_is_valid (self))
        return;
    if (key)
        identity_stock_op (edge_id_key (self->edge), change.sale_id, key, change.op_id);
    else
        randombytes_buf (change.op_id, sizeof change.op_id);
    s_ask_sale (self, MSG_SALE_STOCK, &change, 200);
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
    query_t query = { .operator= 1, .after = exchange_cursor (self), .limit = PAGE_ROWS + 1 };
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
    for (size_t i = 0; i < count && i < PAGE_ROWS; i++) {
        text_comma (text);
        text_puts (text, "{");
        sale_view_put_operator (text, &sales[i], gate_ms);
        text_puts (text, "}");
    }
    text_puts (text, "]");
    exchange_put_cursor (self, count > PAGE_ROWS ? sales[PAGE_ROWS - 1].sale_id : 0);
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
