/*  Both stores with one connection per user and role, and the steps that most tests begin with. */

#include "stage.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STATEMENT_BYTES 2048
#define GATE_ONLY_SALES 1000000u

/* -------------------------------------------------------------------------- connections */

void
stage_reconnect_redis (stage_t *self)
{
    redisContext **all[] = { &self->redis, &self->seckill, &self->inventory, &self->broker };
    const char *users[] = { NULL, "seckill", "inventory", "broker" };
    for (size_t i = 0; i < 4; i++) {
        if (*all[i])
            redisFree (*all[i]);
        *all[i] = servers_redis (self->servers, users[i]);
        assert_non_null (*all[i]);
    }
    assert_true (gate_run_id (self->redis, self->run_id));
}

int
stage_set_up (void **state)
{
    stage_t *self = calloc (1, sizeof *self);
    self->servers = servers_new ();
    if (!self->servers) {
        free (self);
        return -1;
    }
    *state = self;
    stage_reconnect_redis (self);
    self->sql = servers_sql (self->servers, NULL, "minishop");
    self->ordering_sql = servers_sql (self->servers, "minishop_ordering", "minishop");
    self->inventory_sql = servers_sql (self->servers, "minishop_inventory", "minishop");
    self->account_sql = servers_sql (self->servers, "minishop_account", "minishop");
    self->broker_sql = servers_sql (self->servers, "minishop_broker", "minishop");
    return self->sql && self->ordering_sql && self->inventory_sql && self->account_sql &&
                   self->broker_sql
               ? 0
               : -1;
}

int
stage_tear_down (void **state)
{
    stage_t *self = *state;
    redisContext *all[] = { self->redis, self->seckill, self->inventory, self->broker };
    for (size_t i = 0; i < 4; i++)
        if (all[i])
            redisFree (all[i]);
    PQfinish (self->sql);
    PQfinish (self->ordering_sql);
    PQfinish (self->inventory_sql);
    PQfinish (self->account_sql);
    PQfinish (self->broker_sql);
    servers_destroy (&self->servers);
    free (self);
    return 0;
}

uint64_t
stage_new_sale_id (void)
{
    static uint64_t sale_id = GATE_ONLY_SALES;
    return ++sale_id;
}

/* -------------------------------------------------------------------------- the gate alone */

gate_config_t
stage_config (uint64_t sale_id, uint64_t epoch, uint64_t available)
{
    return (gate_config_t){ .sale_id = sale_id,
                            .epoch = epoch,
                            .token = STAGE_TOKEN,
                            .version = 1,
                            .want = SALE_OPEN,
                            .starts_us = 1,
                            .ends_us = STAGE_FAR_US,
                            .per_user_limit = STAGE_LIMIT,
                            .price_cents = STAGE_PRICE_CENTS,
                            .pay_within_us = STAGE_PAY_WITHIN_S * 1000000u,
                            .queue_bound = 100000,
                            .available = available };
}

uint64_t
stage_gate_code (stage_t *self, call_name_t call, const void *arguments, size_t count)
{
    outcome_t outcome;
    if (gate_call (self->inventory, self->run_id, call, arguments, count, &outcome, 1) != 1)
        fail_msg ("%s", store_error ());
    return outcome.code;
}

void
stage_open_gate (stage_t *self, uint64_t sale_id, uint64_t epoch, uint64_t available)
{
    gate_key_t key = { .sale_id = sale_id, .token = STAGE_TOKEN };
    gate_state_t before;
    gate_config_t config = stage_config (sale_id, epoch, available);
    assert_int_equal (
        gate_call (self->inventory, self->run_id, CALL_GATE_CLOSE, &key, 1, &before, 1), 1);
    assert_int_equal (before.code, ERROR_NONE);
    assert_int_equal (stage_gate_code (self, CALL_GATE_OPEN, &config, 1), ERROR_NONE);
}

gate_state_t
stage_stat (stage_t *self, uint64_t sale_id)
{
    gate_key_t key = { .sale_id = sale_id };
    gate_state_t state;
    if (gate_call (self->inventory, self->run_id, CALL_GATE_STAT, &key, 1, &state, 1) != 1)
        fail_msg ("%s", store_error ());
    return state;
}

gate_purchase_t
stage_purchase (uint64_t sale_id, uint64_t user_id, uint64_t key, uint64_t quantity)
{
    gate_purchase_t purchase = { .sale_id = sale_id,
                                 .user_id = user_id,
                                 .quantity = quantity,
                                 .body_hash = 7000 + quantity,
                                 .version = 1,
                                 .before_us = STAGE_FAR_US };
    for (unsigned i = 0; i < 6; i++)
        purchase.rid[i] = (uint8_t)(sale_id >> (40 - 8 * i));
    memcpy (purchase.rid + 6, &user_id, sizeof user_id);
    purchase.rid[14] = (uint8_t)(key >> 8);
    purchase.rid[15] = (uint8_t)key;
    memset (purchase.trace_id, 0xab, sizeof purchase.trace_id);
    return purchase;
}

gate_verdict_t
stage_reserve_one (stage_t *self, const gate_purchase_t *purchase)
{
    gate_verdict_t verdict;
    if (gate_call (self->seckill, self->run_id, CALL_GATE_RESERVE, purchase, 1, &verdict, 1) != 1)
        fail_msg ("%s", store_error ());
    return verdict;
}

uint64_t
stage_release (stage_t *self, uint64_t sale_id, uint64_t epoch, const uint8_t rid[16])
{
    release_t release = { .sale_id = sale_id, .epoch = epoch };
    release.token = stage_stat (self, sale_id).token;
    memcpy (release.rid, rid, 16);
    release_t result;
    if (gate_call (self->inventory, self->run_id, CALL_GATE_RELEASE, &release, 1, &result, 1) != 1)
        fail_msg ("%s", store_error ());
    assert_memory_equal (result.rid, rid, 16);
    return result.code;
}

long long
stage_redis_integer (stage_t *self, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    redisReply *reply = redisvCommand (self->redis, format, arguments);
    va_end (arguments);
    assert_non_null (reply);
    long long value =
        reply->type == REDIS_REPLY_STRING ? strtoll (reply->str, NULL, 10) : reply->integer;
    if (reply->type == REDIS_REPLY_ERROR)
        fail_msg ("%s", reply->str);
    freeReplyObject (reply);
    return value;
}

void
stage_digest (stage_t *self, char digest[41])
{
    redisReply *reply = redisCommand (self->redis, "DEBUG DIGEST");
    assert_true (reply && reply->type == REDIS_REPLY_STATUS);
    snprintf (digest, 41, "%s", reply->str);
    freeReplyObject (reply);
}

/*  The fields of order_event from the rid on, by position. */
static void
s_read_entry (const redisReply *reply, uint64_t sale_id, uint64_t epoch, order_event_t *event)
{
    const redisReply *pairs = reply->element[1];
    assert_int_equal (pairs->elements, 18);
    *event = (order_event_t){ .sale_id = sale_id, .epoch = epoch };
    assert_int_equal (sscanf (reply->element[0]->str, "%" SCNu64 "-%" SCNu64, &event->entry_ms,
                              &event->entry_seq),
                      2);
    uint64_t *numbers[] = { &event->user_id,  &event->quantity,    &event->price_cents,
                            &event->sequence, &event->reserved_us, &event->pay_before_us,
                            &event->body_hash };
    assert_int_equal (pairs->element[1]->len, 16);
    memcpy (event->rid, pairs->element[1]->str, 16);
    for (size_t i = 0; i < 7; i++)
        *numbers[i] = strtoull (pairs->element[3 + 2 * i]->str, NULL, 10);
    assert_int_equal (pairs->element[17]->len, 16);
    memcpy (event->trace_id, pairs->element[17]->str, 16);
}

size_t
stage_journal (stage_t *self, uint64_t sale_id, uint64_t epoch, order_event_t *events,
               size_t events_max)
{
    redisReply *reply = redisCommand (self->broker, "XREAD COUNT %d STREAMS {s%d}:%d:x 0",
                                      (int)events_max, (int)sale_id, (int)epoch);
    assert_non_null (reply);
    if (reply->type == REDIS_REPLY_ERROR)
        fail_msg ("%s", reply->str);
    size_t count = 0;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1) {
        const redisReply *entries = reply->element[0]->element[1];
        for (; count < entries->elements; count++)
            s_read_entry (entries->element[count], sale_id, epoch, &events[count]);
    }
    freeReplyObject (reply);
    return count;
}

/* -------------------------------------------------------------------------- the rows */

static PGresult *
s_run (PGconn *sql, const char *statement)
{
    PGresult *result = PQexec (sql, statement);
    if (PQresultStatus (result) != PGRES_COMMAND_OK && PQresultStatus (result) != PGRES_TUPLES_OK)
        fail_msg ("%s: %s", statement, PQerrorMessage (sql));
    return result;
}

void
stage_sql (stage_t *self, const char *format, ...)
{
    char statement[STATEMENT_BYTES];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (statement, sizeof statement, format, arguments);
    va_end (arguments);
    PQclear (s_run (self->sql, statement));
}

long long
stage_sql_integer (stage_t *self, const char *format, ...)
{
    char statement[STATEMENT_BYTES];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (statement, sizeof statement, format, arguments);
    va_end (arguments);
    PGresult *result = s_run (self->sql, statement);
    assert_int_equal (PQntuples (result), 1);
    long long value = strtoll (PQgetvalue (result, 0, 0), NULL, 10);
    PQclear (result);
    return value;
}

epoch_row_t
stage_bump (stage_t *self, uint64_t sale_id, uint64_t token)
{
    long long epoch = stage_sql_integer (
        self, "SELECT coalesce (max (epoch), 0) FROM sale WHERE sale_id = %d", (int)sale_id);
    epoch_row_t row = { .sale_id = sale_id, .token = token, .epoch = (uint64_t)epoch };
    epoch_row_t result;
    if (sql_call (self->inventory_sql, CALL_EPOCH_BUMP, &row, 1, &result, 1) != 1)
        fail_msg ("%s", store_error ());
    return result;
}

uint64_t
stage_new_sale (stage_t *self, uint64_t stock_total)
{
    sale_t sale = { .title = "A thing",
                    .product_id = "p",
                    .price_cents = STAGE_PRICE_CENTS,
                    .currency = "EUR",
                    .stock_total = stock_total,
                    .starts_at_ms = 1,
                    .ends_at_ms = STAGE_FAR_US / 1000,
                    .per_user_limit = STAGE_LIMIT,
                    .pay_within_s = STAGE_PAY_WITHIN_S };
    if (sql_call (self->inventory_sql, CALL_SALE_CREATE, &sale, 1, &sale, 1) != 1)
        fail_msg ("%s", store_error ());
    sale_change_t publish = {
        .sale_id = sale.sale_id, .state = SALE_OPEN, .from_draft = 1, .actor = "tester"
    };
    assert_int_equal (sql_call (self->inventory_sql, CALL_SALE_CHANGE, &publish, 1, &sale, 1), 1);
    assert_int_equal (stage_bump (self, sale.sale_id, STAGE_TOKEN).epoch, 1);
    return sale.sale_id;
}

order_event_t
stage_event (uint64_t sale_id, uint64_t epoch, uint64_t user_id, uint64_t key, uint64_t quantity,
             uint64_t sequence)
{
    gate_purchase_t purchase = stage_purchase (sale_id, user_id, key, quantity);
    order_event_t event = { .sale_id = sale_id,
                            .epoch = epoch,
                            .entry_ms = 1700000000000,
                            .entry_seq = sequence,
                            .user_id = user_id,
                            .quantity = quantity,
                            .price_cents = STAGE_PRICE_CENTS,
                            .sequence = sequence,
                            .reserved_us = 1700000000000000,
                            .pay_before_us = 1700000000000000 + STAGE_PAY_WITHIN_S * 1000000u,
                            .body_hash = purchase.body_hash };
    memcpy (event.rid, purchase.rid, 16);
    memcpy (event.trace_id, purchase.trace_id, 16);
    return event;
}

uint64_t
stage_write_one (stage_t *self, const order_event_t *event)
{
    order_outcome_t outcome;
    if (sql_call (self->ordering_sql, CALL_ORDER_WRITE, event, 1, &outcome, 1) != 1)
        fail_msg ("%s", store_error ());
    assert_memory_equal (outcome.rid, event->rid, 16);
    return outcome.code;
}

books_t
stage_books (stage_t *self, uint64_t sale_id)
{
    query_t query = { .sale_id = sale_id };
    books_t books;
    if (sql_call (self->inventory_sql, CALL_SALE_BOOKS, &query, 1, &books, 1) != 1)
        fail_msg ("%s", store_error ());
    return books;
}

void
stage_finish_order (PGconn *sql, uint64_t sale_id, const uint8_t rid[16], uint64_t status)
{
    char hex[33], statement[STATEMENT_BYTES];
    for (unsigned i = 0; i < 16; i++)
        snprintf (hex + 2 * i, 3, "%02x", rid[i]);
    snprintf (statement, sizeof statement,
              "BEGIN; SELECT 1 FROM sale WHERE sale_id = %" PRIu64 " FOR UPDATE;"
              "WITH o AS (UPDATE orders SET status = %" PRIu64
              ", final_epoch = (SELECT epoch FROM sale WHERE sale_id = %" PRIu64 "),"
              " actor = 'shopper' WHERE rid = '\\x%s' AND status = 2 RETURNING *),"
              " l AS (INSERT INTO ledger SELECT sale_id, rid, 'RETURN', quantity, 1 FROM o),"
              " s AS (UPDATE sale_sku k SET sold = k.sold - o.quantity FROM o WHERE k.sale_id = "
              "o.sale_id)"
              " INSERT INTO release_box (sale_id, rid, units) SELECT sale_id, rid, quantity FROM "
              "o; COMMIT",
              sale_id, status, sale_id, hex);
    PQclear (s_run (sql, statement));
}

uint64_t
stage_poison (stage_t *self, const gate_purchase_t *purchase)
{
    order_event_t event = { 0 };
    char rid[33];
    uint64_t sale_id = purchase->sale_id;
    uint64_t epoch = stage_stat (self, sale_id).epoch;
    assert_int_equal (stage_reserve_one (self, purchase).code, ERROR_NONE);
    assert_int_equal (stage_journal (self, sale_id, epoch, &event, 1), 1);
    assert_memory_equal (event.rid, purchase->rid, 16);
    for (unsigned i = 0; i < 16; i++)
        snprintf (rid + 2 * i, 3, "%02x", event.rid[i]);
    stage_sql (
        self,
        "BEGIN; SELECT 1 FROM sale WHERE sale_id = %1$" PRIu64 " FOR UPDATE;"
        "INSERT INTO orders (sale_id, rid, user_id, quantity, price_cents, status, sequence, "
        "reserved_us, gate_pay_before_us, pay_before_us, committed_us, changed_us, body_hash, "
        "trace_id, epoch, final_epoch, reason, actor) SELECT %1$" PRIu64 ", '\\x%2$s', %3$" PRIu64
        ", %4$" PRIu64 ", %5$" PRIu64 ", 6, %6$" PRIu64 ", %7$" PRIu64 ", %8$" PRIu64 ", %8$" PRIu64
        ", 1, 1, %9$" PRIu64 ", decode (repeat ('ab', 16), 'hex'), epoch, epoch, "
        "'poison', 'ordering' FROM sale WHERE sale_id = %1$" PRIu64 ";"
        "UPDATE sale_sku SET sequence = greatest (sequence, %6$" PRIu64
        ") WHERE sale_id = %1$" PRIu64
        ";INSERT INTO release_box (sale_id, rid, units) VALUES (%1$" PRIu64
        ", '\\x%2$s', %4$" PRIu64 ");COMMIT",
        sale_id, rid, event.user_id, event.quantity, event.price_cents, event.sequence,
        event.reserved_us, event.pay_before_us, event.body_hash);
    long long place = stage_sql_integer (
        self,
        "INSERT INTO dead_letter (sale_id, epoch, entry_ms, entry_seq, rid, user_id, quantity, "
        "price_cents, sequence, reserved_us, pay_before_us, body_hash, trace_id, reason, attempts, "
        "at_us, changed_us) VALUES (%" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64
        ", '\\x%s', %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64
        ", %" PRIu64 ", decode (repeat ('ab', 16), 'hex'), 'poison', 5, 1, 1) RETURNING place",
        sale_id, epoch, event.entry_ms, event.entry_seq, rid, event.user_id, event.quantity,
        event.price_cents, event.sequence, event.reserved_us, event.pay_before_us, event.body_hash);
    journal_position_t entry = {
        .sale_id = sale_id, .epoch = epoch, .entry_ms = event.entry_ms, .entry_seq = event.entry_seq
    };
    outcome_t outcome;
    assert_int_equal (
        gate_call (self->broker, self->run_id, CALL_JOURNAL_DELETE, &entry, 1, &outcome, 1), 1);
    return (uint64_t)place;
}
