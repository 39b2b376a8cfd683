/*  Statistics of one sale for its operators: what the edges have counted, what waits, and what PostgreSQL has. */

#include "handlers.h"

#include <string.h>

/*  What the edges say together. */
typedef struct sums_t {
    uint64_t answered[ERROR_NUMBERS];
    uint64_t waiting, p50_us, p99_us;
} sums_t;

static void
s_sum (const tally_t *tally, sums_t *sums)
{
    switch (tally->what) {
    case TALLY_ANSWERED:
        if (tally->label < ERROR_NUMBERS)
            sums->answered[tally->label] = tally->value;
        break;
    case TALLY_WAITING:
        sums->waiting = tally->value;
        break;
    case TALLY_P50_US:
        sums->p50_us = tally->value;
        break;
    case TALLY_P99_US:
        sums->p99_us = tally->value;
        break;
    default:
        break;
    }
}

/*  Stock and journal: from the snapshot, or, for a sale that no edge shows (a draft, one long over), of inventory. */
static bool
s_find_units (exchange_t *self, const query_t *query, sale_units_t *units)
{
    size_t count;
    *units = (sale_units_t){ 0 };
    if (catalogue_units (edge_catalogue (self->edge), query->sale_id, units))
        return true;
    const sale_t *sale = exchange_ask (self, MSG_SALE_GET, query, MSG_SALE_REPLY, &count);
    if (sale && count != 1)
        exchange_refuse (self, ERROR_UNKNOWN_SALE, NULL);
    if (!sale || count != 1)
        return false;
    units->stock_left = sale->stock_left;
    return true;
}

static void
s_put_answered (text_t *text, const sums_t *sums)
{
    uint64_t attempts = 0;
    for (uint32_t code = 0; code < ERROR_NUMBERS; code++)
        attempts += sums->answered[code];
    text_field_number (text, "attempts", attempts);
    text_field_number (text, "accepted", sums->answered[ERROR_NONE]);
    text_name (text, "refused");
    text_puts (text, "{");
    for (uint32_t code = ERROR_NONE + 1; code < ERROR_NUMBERS; code++)
        if (sums->answered[code] && schema_error (code))
            text_field_number (text, schema_error (code)->code, sums->answered[code]);
    text_puts (text, "}");
}

static void
s_put_orders (text_t *text, const order_counts_t *orders)
{
    text_name (text, "orders");
    text_puts (text, "{");
    text_field_number (text, order_status_name (ORDER_PENDING_PAYMENT), orders->pending_payment);
    text_field_number (text, order_status_name (ORDER_PAID), orders->paid);
    text_field_number (text, order_status_name (ORDER_CANCELLED), orders->cancelled);
    text_field_number (text, order_status_name (ORDER_EXPIRED), orders->expired);
    text_field_number (text, order_status_name (ORDER_REJECTED), orders->rejected);
    text_field_number (text, order_status_name (ORDER_REFUNDED), orders->refunded);
    text_puts (text, "}");
}

static uint64_t
s_ms (uint64_t us)
{
    return (us + 999) / 1000;
}

/*  PostgreSQL is asked before the edges: while it is away nobody else is bothered. */
void
handle_operator_sale_stats (exchange_t *self)
{
    query_t query = { .sale_id = self->subject.sale_id, .operator= 1 };
    text_t *text = &self->response.text;
    sums_t sums = { 0 };
    sale_units_t units;
    size_t count;
    memcpy (query.actor, self->token.username, sizeof self->token.username);
    if (!exchange_is_valid (self) || !s_find_units (self, &query, &units))
        return;
    const order_counts_t *answer =
        exchange_ask_one (self, MSG_ORDER_COUNTS_GET, &query, MSG_ORDER_COUNTS);
    if (!answer)
        return;
    order_counts_t orders = *answer;
    const tally_t *tallies = exchange_ask (self, MSG_TALLY_GET, &query, MSG_TALLY, &count);
    if (!tallies)
        return;
    for (size_t i = 0; i < count; i++)
        s_sum (&tallies[i], &sums);
    response_begin (&self->response, 200);
    s_put_answered (text, &sums);
    text_field_number (text, "stock_left", units.stock_left);
    s_put_orders (text, &orders);
    text_field_number (text, "p50_ms", s_ms (sums.p50_us));
    text_field_number (text, "p99_ms", s_ms (sums.p99_us));
    text_field_number (text, "queue_depth", sums.waiting + units.journal_count);
}
