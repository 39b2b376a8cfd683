/*  Edits, stock changes, dead letters and clean-up on the real stores, call by call: every branch of 008_sale_operations.sql and every rule
    of gate_stock, gate_readmit, gate_drop and of gate_release towards readmissions. */

#include "stage.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DAY_MS 86400000

static void
s_sql (PGconn *sql, call_name_t call, const void *argument, void *result)
{
    if (sql_call (sql, call, argument, 1, result, 1) != 1)
        fail_msg ("%s: %s", schema_call (call)->name, store_error ());
}

/*  Somebody else holds the lease with this token; 0 = nobody ever. */
static void
s_set_lease (stage_t *stage, uint64_t token)
{
    stage_sql (stage, "DELETE FROM lease");
    if (token)
        stage_sql (stage, "INSERT INTO lease VALUES ('inventory', 'x', 1, %" PRIu64 ", 0)", token);
}

/*  A sale in PostgreSQL with its gate open at the epoch of both. */
static uint64_t
s_new_open_sale (stage_t *stage, uint64_t stock_total)
{
    uint64_t sale_id = stage_new_sale (stage, stock_total);
    stage_open_gate (stage, sale_id, 1, stock_total);
    return sale_id;
}

/*  Rebuilds the gate from PostgreSQL as a leader with this token does. */
static void
s_rebuild (stage_t *stage, uint64_t sale_id, uint64_t token)
{
    static gate_entry_t page[CALL_ROWS_MAX];
    gate_key_t key = { .sale_id = sale_id, .token = token };
    gate_state_t before;
    assert_int_equal (
        gate_call (stage->inventory, stage->run_id, CALL_GATE_CLOSE, &key, 1, &before, 1), 1);
    assert_int_equal (before.journal_count, 0);
    epoch_row_t head = stage_bump (stage, sale_id, token);
    assert_int_equal (head.code, ERROR_NONE);
    gate_entry_t from = { .sale_id = sale_id, .epoch = head.epoch, .token = token };
    int count = sql_call (stage->inventory_sql, CALL_EPOCH_PAGE, &from, 1, page, CALL_ROWS_MAX);
    assert_true (count >= 0);
    if (count > 0)
        assert_int_equal (stage_gate_code (stage, CALL_GATE_LOAD, page, (size_t)count), ERROR_NONE);
    gate_config_t config = stage_config (sale_id, head.epoch, head.stock_total - head.sold);
    config.token = token;
    config.held_units = head.sold;
    config.sequence = head.sequence;
    config.version = before.version + 1;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_NONE);
}

static const char *
s_last_log (stage_t *stage)
{
    static char text[1024];
    log_entry_t entry;
    query_t query = { .limit = 1 };
    s_sql (stage->inventory_sql, CALL_LOG_LIST, &query, &entry);
    snprintf (text, sizeof text, "%s %s %s: %s -> %s", entry.who, entry.action, entry.target,
              entry.before, entry.after);
    return text;
}

static uint64_t
s_log_count (stage_t *stage)
{
    return (uint64_t)stage_sql_integer (stage, "SELECT count (*) FROM admin_log");
}

/* -------------------------------------------------------------------------- edits */

static sale_t
s_draft (stage_t *stage)
{
    sale_t sale = { .title = "Old",
                    .currency = "EUR",
                    .price_cents = 500,
                    .stock_total = 10,
                    .starts_at_ms = 1000,
                    .ends_at_ms = STAGE_FAR_US / 1000,
                    .per_user_limit = 1,
                    .pay_within_s = 900 };
    s_sql (stage->inventory_sql, CALL_SALE_CREATE, &sale, &sale);
    snprintf (sale.actor, sizeof sale.actor, "ann");
    return sale;
}

static int
s_edit (stage_t *stage, sale_t *sale, uint64_t mask, sale_t *result)
{
    sale->mask = mask;
    int count = sql_call (stage->inventory_sql, CALL_SALE_EDIT, sale, 1, result, 1);
    if (count < 0)
        fail_msg ("%s", store_error ());
    return count;
}

static void
test_edit_of_a_draft (void **state)
{
    /* A draft takes every field of the mask and no other; the version rises once for an edit that changes something; the log has the
     * changed fields alone. */
    stage_t *stage = *state;
    sale_t sale = s_draft (stage), result;
    snprintf (sale.title, sizeof sale.title, "New");
    snprintf (sale.description, sizeof sale.description, "Words");
    snprintf (sale.image_url, sizeof sale.image_url, "/i.png");
    snprintf (sale.product_id, sizeof sale.product_id, "p9");
    snprintf (sale.currency, sizeof sale.currency, "USD");
    sale.price_cents = 700;
    sale.list_price_cents = 900;
    sale.stock_total = 77;
    sale.starts_at_ms = 2000;
    sale.ends_at_ms = 5000;
    sale.per_user_limit = 3;
    sale.pay_within_s = 60;
    assert_int_equal (s_edit (stage, &sale, SALE_HAS_TITLE | SALE_HAS_CURRENCY, &result), 1);
    assert_string_equal (result.title, "New");
    assert_string_equal (result.currency, "USD");
    assert_int_equal (result.price_cents, 500);
    assert_int_equal (result.version, 2);
    char wanted[256];
    snprintf (wanted, sizeof wanted,
              "ann sale_edit sale %" PRIu64 ": title=Old, currency=EUR -> title=New, currency=USD",
              sale.sale_id);
    assert_string_equal (s_last_log (stage), wanted);
    assert_int_equal (s_edit (stage, &sale, 4095, &result), 1);
    assert_int_equal (result.version, 3);
    assert_int_equal (result.stock_total, 77);
    sale.version = 3;
    sale.stock_left = 77;
    sale.mask = 0;
    memset (sale.actor, 0, sizeof sale.actor);
    assert_memory_equal (&result, &sale, sizeof sale);
    uint64_t lines = s_log_count (stage);
    assert_int_equal (s_edit (stage, &sale, 4095, &result), 1);
    assert_int_equal (s_edit (stage, &sale, 0, &result), 1);
    assert_int_equal (result.version, 3);
    assert_int_equal (s_log_count (stage), lines);
}

static void
test_edit_of_a_published_sale (void **state)
{
    /* Published: the live fields only. Over, by an operator or by its time: none. Values that the tables refuse change nothing. */
    stage_t *stage = *state;
    uint64_t sale_id = stage_new_sale (stage, 10);
    sale_t sale = { .sale_id = sale_id, .title = "T2", .price_cents = 9, .ends_at_ms = 20000 };
    sale_t result;
    static const uint64_t refused[] = {
        SALE_HAS_PRODUCT_ID,   SALE_HAS_LIST_PRICE_CENTS, SALE_HAS_CURRENCY,
        SALE_HAS_STOCK_TOTAL,  SALE_HAS_STARTS_AT_MS,     SALE_HAS_PER_USER_LIMIT,
        SALE_HAS_PAY_WITHIN_S,
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal (s_edit (stage, &sale, SALE_HAS_TITLE | refused[i], &result), 0);
    assert_int_equal (s_edit (stage, &sale, SALE_HAS_TITLE | SALE_HAS_PRICE_CENTS, &result), 1);
    assert_int_equal (result.version, 3);
    assert_int_equal (result.price_cents, 9);
    uint64_t lines = s_log_count (stage);
    sale.price_cents = 1000000001;
    assert_int_equal (s_edit (stage, &sale, SALE_HAS_PRICE_CENTS, &result), 0);
    sale.ends_at_ms = 1; /* not after its beginning */
    assert_int_equal (s_edit (stage, &sale, SALE_HAS_ENDS_AT_MS, &result), 0);
    snprintf (sale.image_url, sizeof sale.image_url, "//elsewhere");
    assert_int_equal (s_edit (stage, &sale, SALE_HAS_IMAGE_URL, &result), 0);
    sale.title[0] = 0;
    assert_int_equal (s_edit (stage, &sale, SALE_HAS_TITLE, &result), 0);
    assert_int_equal (s_log_count (stage), lines);
    sale.ends_at_ms =
        20000; /* long ago: it is over now, and not archived: keys have their answers for a day */
    assert_int_equal (s_edit (stage, &sale, SALE_HAS_ENDS_AT_MS, &result), 1);
    assert_int_equal (result.version, 4);
    assert_int_equal (stage_sql_integer (stage,
                                         "SELECT count (*) FROM sale s WHERE s.sale_id = %" PRIu64
                                         " AND sale_is_over (s) AND NOT sale_is_archived (s)",
                                         sale_id),
                      1);
    sale.ends_at_ms = STAGE_FAR_US / 1000;
    assert_int_equal (s_edit (stage, &sale, SALE_HAS_ENDS_AT_MS, &result), 0);
    sale.sale_id = stage_new_sale (stage, 10);
    sale_change_t end = { .sale_id = sale.sale_id, .state = SALE_ENDED, .actor = "ann" };
    s_sql (stage->inventory_sql, CALL_SALE_CHANGE, &end, &result);
    assert_int_equal (s_edit (stage, &sale, SALE_HAS_PRICE_CENTS, &result), 0);
    sale.sale_id = 1 << 30;
    assert_int_equal (s_edit (stage, &sale, SALE_HAS_TITLE, &result), 0);
}

static void
test_log_is_cut_between_characters (void **state)
{
    /* Whatever an edit holds, the log takes it: at most 200 bytes, and whole characters. */
    stage_t *stage = *state;
    sale_t sale = s_draft (stage), result;
    const char *letters[] = { "a", "é", "€", "😀" };
    for (size_t i = 0; i < 4; i++) {
        size_t bytes = strlen (letters[i]);
        for (size_t n = 0; n < 200 / bytes; n++)
            memcpy (sale.title + n * bytes, letters[i], bytes);
        sale.title[200 / bytes * bytes] = 0;
        for (size_t n = 0; n < 64 / bytes; n++)
            memcpy (sale.product_id + n * bytes, letters[i], bytes);
        sale.product_id[64 / bytes * bytes] = 0;
        for (size_t n = 0; n < 1999 / bytes; n++)
            memcpy (sale.description + n * bytes, letters[i], bytes);
        sale.description[1999 / bytes * bytes] = 0;
        assert_int_equal (s_edit (stage, &sale,
                                  SALE_HAS_TITLE | SALE_HAS_PRODUCT_ID | SALE_HAS_DESCRIPTION,
                                  &result),
                          1);
        long long bytes_of_line = stage_sql_integer (
            stage, "SELECT octet_length (after) FROM admin_log ORDER BY place DESC LIMIT 1");
        assert_true (bytes_of_line <= 200 && bytes_of_line > (i == 0 ? 100 : 190));
    }
    assert_int_equal (
        stage_sql_integer (stage, "SELECT octet_length (log_words (repeat ('é', 500)))"), 200);
    assert_int_equal (
        stage_sql_integer (stage, "SELECT octet_length (log_words ('a' || repeat ('😀', 99)))"),
        197);
    assert_int_equal (stage_sql_integer (stage, "SELECT octet_length (log_words ('short'))"), 5);
}

static void
test_log_add (void **state)
{
    /* Lines of the supervisor are in the log with PostgreSQL's time, as they came. */
    stage_t *stage = *state;
    log_entry_t lines[2] = {
        { .who = "root", .action = "scale", .target = "edge", .before = "2", .after = "3" },
        { .action = "drain", .target = "edge/2" },
    };
    outcome_t outcome;
    assert_int_equal (sql_call (stage->inventory_sql, CALL_LOG_ADD, lines, 2, &outcome, 1), 1);
    assert_int_equal (outcome.code, ERROR_NONE);
    assert_string_equal (s_last_log (stage), "operator drain edge/2:  -> ");
    log_entry_t listed[2];
    query_t query = { .limit = 2 };
    assert_int_equal (sql_call (stage->inventory_sql, CALL_LOG_LIST, &query, 1, listed, 2), 2);
    assert_true (listed[1].at_ms > 1700000000000);
    assert_string_equal (listed[1].after, "3");
}

/* -------------------------------------------------------------------------- stock in PostgreSQL */

static stock_change_t
s_change (uint64_t sale_id, int64_t delta)
{
    static uint64_t number;
    stock_change_t change = {
        .sale_id = sale_id, .delta = delta, .reason = "found", .actor = "ann"
    };
    number++;
    memcpy (change.op_id + 8, &number, sizeof number);
    return change;
}

static stock_op_t
s_begin (stage_t *stage, const stock_change_t *change)
{
    stock_op_t row;
    s_sql (stage->inventory_sql, CALL_STOCK_BEGIN, change, &row);
    return row;
}

static stock_op_t
s_done (stage_t *stage, stock_op_t row, uint64_t code, uint64_t token)
{
    row.code = code;
    row.token = token;
    s_sql (stage->inventory_sql, CALL_STOCK_DONE, &row, &row);
    return row;
}

static sale_t
s_load (stage_t *stage, uint64_t sale_id)
{
    query_t query = { .sale_id = sale_id };
    sale_t sale;
    s_sql (stage->inventory_sql, CALL_SALE_LOAD, &query, &sale);
    return sale;
}

static void
test_stock_of_a_draft (void **state)
{
    /* A draft's stock changes at once, within its bounds, under each name once. */
    stage_t *stage = *state;
    sale_t draft = s_draft (stage);
    stock_change_t more = s_change (draft.sale_id, 5), less = s_change (draft.sale_id, -15),
                   all = s_change (draft.sale_id, 10000000);
    for (int again = 0; again < 2; again++) {
        stock_op_t row = s_begin (stage, &more);
        assert_true (row.state == STOCK_DONE && row.code == ERROR_NONE && row.units == 5 &&
                     !row.taking);
        assert_int_equal (s_load (stage, draft.sale_id).stock_total, 15);
    }
    char wanted[256];
    snprintf (wanted, sizeof wanted,
              "ann sale_stock sale %" PRIu64 ": stock_total=10 -> stock_total=15: found",
              draft.sale_id);
    assert_string_equal (s_last_log (stage), wanted);
    assert_int_equal (s_begin (stage, &all).code, ERROR_INVALID_STATE);
    assert_int_equal (s_begin (stage, &less).state, STOCK_DONE);
    assert_int_equal (s_load (stage, draft.sale_id).stock_total, 0);
    less = s_change (draft.sale_id, -1);
    assert_int_equal (s_begin (stage, &less).code, ERROR_INVALID_STATE);
    stock_change_t more_again = s_change (draft.sale_id, 10);
    s_begin (stage, &more_again);
    assert_int_equal (s_begin (stage, &less).code, ERROR_INVALID_STATE); /* refused for ever */
    assert_int_equal (s_begin (stage, &all).code, ERROR_INVALID_STATE);
    assert_int_equal (s_load (stage, draft.sale_id).version, 4);
}

static void
test_stock_begin (void **state)
{
    /* Every row of the table above stock_begin for a published sale. */
    stage_t *stage = *state;
    uint64_t sale_id = stage_new_sale (stage, 10), other = stage_new_sale (stage, 10);
    stock_change_t more = s_change (sale_id, 5), less = s_change (sale_id, -3),
                   gone = s_change (1 << 30, 1);
    uint64_t version = s_load (stage, sale_id).version;
    stock_op_t row;
    for (int again = 0; again < 2; again++) {
        row = s_begin (stage, &more);
        assert_true (row.state == STOCK_BEGUN && row.code == ERROR_NONE && row.epoch == 1);
        assert_int_equal (s_load (stage, sale_id).stock_total, 15);
        assert_int_equal (s_load (stage, sale_id).version, version + 1);
        row = s_begin (stage, &less);
        assert_true (row.state == STOCK_BEGUN && row.taking && row.units == 3 && row.epoch == 1);
        assert_int_equal (s_load (stage, sale_id).stock_total, 15);
        assert_int_equal (stage_books (stage, sale_id).moving, 8);
    }
    stock_change_t mismatch = more;
    mismatch.delta = 6;
    assert_int_equal (s_begin (stage, &mismatch).code, ERROR_IDEMPOTENCY_MISMATCH);
    mismatch = more;
    mismatch.sale_id = other;
    assert_int_equal (s_begin (stage, &mismatch).code, ERROR_IDEMPOTENCY_MISMATCH);
    assert_int_equal (sql_call (stage->inventory_sql, CALL_STOCK_BEGIN, &gone, 1, &row, 1), 0);
    stock_op_t pending[CALL_ROWS_MAX];
    query_t query = { 0 };
    assert_int_equal (
        sql_call (stage->inventory_sql, CALL_STOCK_PENDING, &query, 1, pending, CALL_ROWS_MAX), 2);
    assert_memory_equal (pending[0].op_id, more.op_id, 16);
    assert_memory_equal (pending[1].op_id, less.op_id, 16);
    stage_bump (stage, sale_id, 1);
    assert_int_equal (s_begin (stage, &more).state,
                      STOCK_DONE); /* the new gate was built with it */
    row = s_begin (stage, &less);
    assert_true (row.state == STOCK_BEGUN && row.epoch == 2);
    stock_change_t too_much = s_change (sale_id, -16);
    assert_int_equal (s_begin (stage, &too_much).code, ERROR_INVALID_STATE);
    assert_int_equal (s_done (stage, row, ERROR_SOLD_OUT, 1).code, ERROR_INVALID_STATE);
    assert_int_equal (stage_books (stage, sale_id).moving, 0);
    for (int by_time = 0; by_time < 2; by_time++) {
        uint64_t over = stage_new_sale (stage, 10);
        stock_change_t begun = s_change (over, -1), added = s_change (over, 1),
                       late = s_change (over, 1);
        s_begin (stage, &begun);
        s_begin (stage, &added);
        stage_sql (stage,
                   by_time ? "UPDATE sale SET ends_at_ms = 2 WHERE sale_id = %" PRIu64
                           : "UPDATE sale SET state = 4, ended_at_ms = 3 WHERE sale_id = %" PRIu64,
                   over);
        assert_int_equal (s_begin (stage, &late).code, ERROR_INVALID_STATE);
        assert_int_equal (s_begin (stage, &begun).code, ERROR_INVALID_STATE); /* archived */
        assert_int_equal (s_begin (stage, &added).state, STOCK_DONE);
        assert_int_equal (s_load (stage, over).stock_total, 11);
    }
}

static void
test_stock_done (void **state)
{
    /* Each answer of a gate is taken over once, in its epoch only, and under the lease only; more than that is refused or as it was. */
    stage_t *stage = *state;
    uint64_t sale_id = stage_new_sale (stage, 10);
    stock_change_t less = s_change (sale_id, -4), more = s_change (sale_id, 2),
                   refused = s_change (sale_id, -2);
    stock_op_t taken = s_begin (stage, &less);
    s_set_lease (stage, 9);
    assert_int_equal (s_done (stage, taken, ERROR_NONE, 8).code, ERROR_FENCED);
    assert_int_equal (s_load (stage, sale_id).stock_total, 10);
    stage_bump (stage, sale_id, 9);
    stock_op_t stale = s_done (stage, taken, ERROR_NONE, 9);
    assert_true (stale.code == ERROR_STALE_EPOCH && stale.state == STOCK_BEGUN);
    assert_int_equal (s_load (stage, sale_id).stock_total, 10);
    /* nor may a refusal of the former gate that comes late: the present one may have given the units up already */
    stale = s_done (stage, taken, ERROR_SOLD_OUT, 9);
    assert_true (stale.code == ERROR_STALE_EPOCH && stale.state == STOCK_BEGUN);
    taken = s_begin (stage, &less);
    assert_int_equal (taken.epoch, 2);
    uint64_t version = s_load (stage, sale_id).version;
    for (int again = 0; again < 2; again++) {
        assert_int_equal (s_done (stage, taken, ERROR_NONE, 9).state, STOCK_DONE);
        assert_int_equal (s_load (stage, sale_id).stock_total, 6);
        assert_int_equal (s_load (stage, sale_id).version, version + 1);
    }
    assert_int_equal (s_done (stage, taken, ERROR_SOLD_OUT, 9).state, STOCK_DONE);
    assert_int_equal (s_done (stage, taken, ERROR_NONE, 8).code,
                      ERROR_NONE); /* decided: for everybody */
    stock_op_t added = s_begin (stage, &more);
    assert_int_equal (s_done (stage, added, ERROR_NONE, 9).state, STOCK_DONE);
    assert_int_equal (s_load (stage, sale_id).stock_total, 8);
    stock_op_t no = s_begin (stage, &refused);
    assert_int_equal (s_done (stage, no, ERROR_SOLD_OUT, 9).code, ERROR_INVALID_STATE);
    assert_int_equal (s_begin (stage, &refused).code, ERROR_INVALID_STATE);
    assert_int_equal (s_done (stage, no, ERROR_NONE, 9).code, ERROR_INVALID_STATE);
    assert_int_equal (s_load (stage, sale_id).stock_total, 8);
    s_set_lease (stage, 0);
}

/* -------------------------------------------------------------------------- stock at the gate */

static stock_op_t
s_op (uint64_t sale_id, uint8_t name, bool taking, uint64_t units)
{
    stock_op_t op = { .sale_id = sale_id, .epoch = 1, .token = STAGE_TOKEN };
    op.op_id[0] = name;
    op.taking = taking;
    op.units = units;
    return op;
}

static uint64_t
s_gate_stock (stage_t *stage, const stock_op_t *op)
{
    return stage_gate_code (stage, CALL_GATE_STOCK, op, 1);
}

static void
test_gate_stock (void **state)
{
    /* An operation changes the gate once, whatever happened since; a refusal is remembered; units that come raise the generation. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    stock_op_t more = s_op (sale, 1, false, 5), less = s_op (sale, 2, true, 12),
               much = s_op (sale, 3, true, 4), back = s_op (sale, 4, false, 9);
    gate_state_t before = stage_stat (stage, sale);
    long long generation = stage_redis_integer (stage, "HGET {s%d}:g gen", (int)sale);
    for (int again = 0; again < 2; again++) {
        assert_int_equal (s_gate_stock (stage, &more), ERROR_NONE);
        assert_int_equal (stage_stat (stage, sale).available, 15);
        assert_int_equal (stage_stat (stage, sale).changes, before.changes + 1);
        assert_int_equal (stage_redis_integer (stage, "HGET {s%d}:g gen", (int)sale),
                          generation + 1);
    }
    for (int again = 0; again < 2; again++) {
        assert_int_equal (s_gate_stock (stage, &less), ERROR_NONE);
        assert_int_equal (stage_stat (stage, sale).available, 3);
        assert_int_equal (stage_stat (stage, sale).changes, before.changes + 2);
        assert_int_equal (stage_redis_integer (stage, "HGET {s%d}:g gen", (int)sale),
                          generation + 1);
    }
    assert_int_equal (s_gate_stock (stage, &much), ERROR_SOLD_OUT);
    assert_int_equal (s_gate_stock (stage, &back), ERROR_NONE);
    assert_int_equal (s_gate_stock (stage, &much), ERROR_SOLD_OUT);
    assert_int_equal (stage_stat (stage, sale).available, 12);
    less = s_op (sale, 5, true, 12);
    assert_int_equal (s_gate_stock (stage, &less), ERROR_NONE); /* to the last unit */
    gate_purchase_t purchase = stage_purchase (sale, 1, 1, 1);
    assert_int_equal (stage_reserve_one (stage, &purchase).code, ERROR_SOLD_OUT);
    assert_int_equal (stage_stat (stage, sale).available, 0);
}

static void
test_gate_stock_refused (void **state)
{
    /* Another epoch, a closed or incomplete gate, another run, a lower token: nothing is written; a higher token is kept. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id (), never = stage_new_sale_id ();
    stage_open_gate (stage, sale, 3, 10);
    stock_op_t op = s_op (sale, 1, false, 5);
    char before[41], after[41];
    stage_digest (stage, before);
    op.epoch = 2;
    assert_int_equal (s_gate_stock (stage, &op), ERROR_STALE_EPOCH);
    op.epoch = 4;
    assert_int_equal (s_gate_stock (stage, &op), ERROR_RECOVERING);
    op.epoch = 3;
    op.token = 0;
    assert_int_equal (s_gate_stock (stage, &op), ERROR_FENCED);
    op.token = STAGE_TOKEN;
    outcome_t outcome;
    assert_int_equal (
        gate_call (stage->inventory, "another run", CALL_GATE_STOCK, &op, 1, &outcome, 1), 1);
    assert_int_equal (outcome.code, ERROR_RECOVERING);
    stock_op_t none = s_op (never, 1, false, 5);
    assert_int_equal (s_gate_stock (stage, &none), ERROR_RECOVERING);
    stage_digest (stage, after);
    assert_string_equal (before, after);
    op.units = 0;
    assert_int_equal (
        gate_call (stage->inventory, stage->run_id, CALL_GATE_STOCK, &op, 1, &outcome, 1), -1);
    op.units = 5;
    op.token = 6;
    assert_int_equal (s_gate_stock (stage, &op), ERROR_NONE);
    assert_int_equal (stage_stat (stage, sale).token, 6);
    op.token = 5;
    assert_int_equal (s_gate_stock (stage, &op), ERROR_FENCED);
    assert_int_equal (stage_redis_integer (stage, "DEL {s%d}:3:o", (int)sale), 1);
    op.token = 6;
    assert_int_equal (s_gate_stock (stage, &op), ERROR_RECOVERING);
    assert_int_equal (stage_stat (stage, sale).present, 0);
    gate_key_t key = { .sale_id = sale, .token = 6 };
    gate_state_t closed;
    gate_call (stage->inventory, stage->run_id, CALL_GATE_CLOSE, &key, 1, &closed, 1);
    assert_int_equal (s_gate_stock (stage, &op), ERROR_RECOVERING);
    assert_int_equal (stage_stat (stage, sale).available, 15);
}

static void
test_memory_full (void **state)
{
    /* With Redis' memory full an operation is refused whole, and works when there is room again. */
    stage_t *stage = *state;
    uint64_t sale_id = s_new_open_sale (stage, 10);
    gate_purchase_t purchase = stage_purchase (sale_id, 1, 1, 1);
    stage_poison (stage, &purchase);
    stage_release (stage, sale_id, 1, purchase.rid);
    stock_op_t more = s_op (sale_id, 1, false, 5), less = s_op (sale_id, 2, true, 5);
    readmission_t again = { .sale_id = sale_id, .epoch = 1, .token = STAGE_TOKEN, .mark = 1000000 };
    memcpy (again.rid, purchase.rid, 16);
    freeReplyObject (redisCommand (stage->redis, "CONFIG SET maxmemory 1"));
    char before[41], after[41];
    stage_digest (stage, before);
    outcome_t outcome;
    assert_int_equal (
        gate_call (stage->inventory, stage->run_id, CALL_GATE_STOCK, &more, 1, &outcome, 1), -1);
    assert_int_equal (
        gate_call (stage->inventory, stage->run_id, CALL_GATE_STOCK, &less, 1, &outcome, 1), -1);
    assert_int_equal (
        gate_call (stage->inventory, stage->run_id, CALL_GATE_READMIT, &again, 1, &outcome, 1), -1);
    stage_digest (stage, after);
    assert_string_equal (before, after);
    freeReplyObject (redisCommand (stage->redis, "CONFIG SET maxmemory 0"));
    assert_int_equal (s_gate_stock (stage, &more), ERROR_NONE);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_READMIT, &again, 1), ERROR_NONE);
}

static void
test_rebuilt_gate_and_stock (void **state)
{
    /* A rebuild between PostgreSQL and gate: what was added is in the new gate already, what is taken is taken from the new one, and from
     * no other; and the epoch's memory goes with its gate. */
    stage_t *stage = *state;
    uint64_t sale_id = s_new_open_sale (stage, 10);
    stock_change_t more = s_change (sale_id, 5), less = s_change (sale_id, -3);
    stock_op_t added = s_begin (stage, &more), taken = s_begin (stage, &less);
    added.token = taken.token = STAGE_TOKEN;
    assert_int_equal (s_gate_stock (stage, &taken), ERROR_NONE);
    assert_int_equal (stage_stat (stage, sale_id).available, 7);
    s_rebuild (stage, sale_id, STAGE_TOKEN);
    assert_int_equal (stage_stat (stage, sale_id).available, 15);
    assert_int_equal (s_gate_stock (stage, &added), ERROR_STALE_EPOCH);
    assert_int_equal (s_done (stage, taken, ERROR_NONE, STAGE_TOKEN).code, ERROR_STALE_EPOCH);
    assert_int_equal (s_begin (stage, &more).state, STOCK_DONE);
    taken = s_begin (stage, &less);
    taken.token = STAGE_TOKEN;
    assert_int_equal (s_gate_stock (stage, &taken), ERROR_NONE);
    assert_int_equal (s_gate_stock (stage, &taken), ERROR_NONE);
    assert_int_equal (s_done (stage, taken, ERROR_NONE, STAGE_TOKEN).state, STOCK_DONE);
    assert_int_equal (stage_stat (stage, sale_id).available, 12);
    assert_int_equal (s_load (stage, sale_id).stock_total, 12);
    assert_int_equal (stage_redis_integer (stage, "EXISTS {s%d}:1:o", (int)sale_id), 0);
}

/* -------------------------------------------------------------------------- dead letters */

static readmission_t
s_requeue (stage_t *stage, uint64_t letter, uint64_t wish)
{
    dead_change_t change = { .place = letter, .requeue = wish, .actor = "ann" };
    readmission_t row;
    s_sql (stage->inventory_sql, CALL_DEAD_BEGIN, &change, &row);
    row.token = STAGE_TOKEN;
    return row;
}

static uint64_t
s_readmit (stage_t *stage, readmission_t row, uint64_t code)
{
    row.code = code;
    s_sql (stage->inventory_sql, CALL_ORDER_READMIT, &row, &row);
    return row.code;
}

/*  Carries the release_box rows that are listed of a sale. Returns their number. */
static int
s_relay (stage_t *stage, uint64_t sale_id)
{
    release_t rows[8], results[8];
    query_t query = { .sale_id = sale_id };
    int count = sql_call (stage->inventory_sql, CALL_RELEASE_LIST, &query, 1, rows, 8);
    assert_true (count >= 0);
    for (int i = 0; i < count; i++) {
        rows[i].token = STAGE_TOKEN;
        assert_int_equal (gate_call (stage->inventory, stage->run_id, CALL_GATE_RELEASE, &rows[i],
                                     1, &results[i], 1),
                          1);
        assert_int_equal (results[i].code, ERROR_NONE);
        assert_int_equal (results[i].place, rows[i].place);
    }
    outcome_t outcome;
    if (count > 0)
        assert_int_equal (
            sql_call (stage->inventory_sql, CALL_RELEASE_DONE, results, (size_t)count, &outcome, 1),
            1);
    return count;
}

static uint64_t
s_letter_state (stage_t *stage, uint64_t letter)
{
    return (uint64_t)stage_sql_integer (
        stage, "SELECT state FROM dead_letter WHERE place = %" PRIu64, letter);
}

static void
s_assert_balanced (stage_t *stage, uint64_t sale_id)
{
    gate_state_t gate = stage_stat (stage, sale_id);
    books_t books = stage_books (stage, sale_id);
    assert_int_equal (books.returning, 0);
    assert_int_equal (books.moving, 0);
    assert_int_equal (books.sold, books.pending_payment + books.paid);
    assert_int_equal (gate.held_units, books.sold);
    assert_int_equal (gate.available + books.sold, books.stock_total);
}

static void
test_requeue (void **state)
{
    /* The whole way: the release goes through first, the gate holds the rid again, the rejected order is pending with its allocation, its
     * time to pay and its move; everything again changes nothing. */
    stage_t *stage = *state;
    uint64_t sale_id = s_new_open_sale (stage, 10);
    gate_purchase_t purchase = stage_purchase (sale_id, 1, 1, 2),
                    other = stage_purchase (sale_id, 1, 2, 1);
    uint64_t letter = stage_poison (stage, &purchase);
    readmission_t row = s_requeue (stage, letter, 1);
    assert_true (row.code == ERROR_BUSY && row.state == DEAD_REQUEUEING && row.mark == 0);
    assert_int_equal (stage_books (stage, sale_id).moving, 2);
    assert_int_equal (s_relay (stage, sale_id), 1);
    assert_int_equal (stage_stat (stage, sale_id).available, 10);
    row = s_requeue (stage, letter, 2);
    assert_true (row.code == ERROR_NONE && row.mark > 0 && row.epoch == 1);
    readmission_t pending[4];
    query_t query = { 0 };
    assert_int_equal (sql_call (stage->inventory_sql, CALL_DEAD_PENDING, &query, 1, pending, 4), 1);
    assert_int_equal (pending[0].letter, letter);
    for (int again = 0; again < 2; again++)
        assert_int_equal (stage_gate_code (stage, CALL_GATE_READMIT, &row, 1), ERROR_NONE);
    gate_state_t gate = stage_stat (stage, sale_id);
    assert_true (gate.available == 8 && gate.held_units == 2 && gate.journal_count == 0);
    assert_int_equal (stage_reserve_one (stage, &purchase).code, ERROR_NONE);
    assert_int_equal (stage_reserve_one (stage, &other).code, ERROR_ALREADY_PURCHASED);
    for (int again = 0; again < 2; again++) {
        assert_int_equal (s_readmit (stage, row, ERROR_NONE), ERROR_NONE);
        s_assert_balanced (stage, sale_id);
        assert_int_equal (stage_books (stage, sale_id).pending_payment, 2);
    }
    assert_int_equal (s_letter_state (stage, letter), DEAD_REQUEUED);
    char wanted[256];
    snprintf (wanted, sizeof wanted,
              "ann dead_requeue dead letter %" PRIu64 ": rejected -> pending_payment", letter);
    assert_string_equal (s_last_log (stage), wanted);
    assert_int_equal (
        stage_sql_integer (
            stage,
            "SELECT (o.pay_before_us - o.changed_us) / 1000000 FROM orders o WHERE sale_id = "
            "%" PRIu64 " AND status = 2 AND final_epoch = 0 AND reason = '' AND actor = 'ann'",
            sale_id),
        STAGE_PAY_WITHIN_S);
    assert_int_equal (
        stage_sql_integer (stage,
                           "SELECT count (*) FROM order_move m JOIN orders o USING (rid) WHERE "
                           "o.sale_id = %" PRIu64
                           " AND m.event = 'pending_payment' AND m.actor = 'ann'",
                           sale_id),
        1);
    row = s_requeue (stage, letter, 1);
    assert_true (row.state == DEAD_REQUEUED && row.code == ERROR_NONE);
    /* and it may be cancelled like any other */
    stage_finish_order (stage->sql, sale_id, purchase.rid, ORDER_CANCELLED);
    assert_int_equal (s_relay (stage, sale_id), 1);
    s_assert_balanced (stage, sale_id);
    assert_int_equal (stage_stat (stage, sale_id).available, 10);
    assert_int_equal (stage_reserve_one (stage, &other).code, ERROR_NONE);
}

static void
test_requeue_refused_at_the_gate (void **state)
{
    /* Units or the shopper's place are taken by others: the letter is open again, nothing is held, and the next wish is another attempt. */
    stage_t *stage = *state;
    uint64_t sale_id = s_new_open_sale (stage, 1);
    gate_purchase_t purchase = stage_purchase (sale_id, 1, 1, 1),
                    other = stage_purchase (sale_id, 2, 1, 1),
                    own = stage_purchase (sale_id, 1, 2, 1);
    uint64_t letter = stage_poison (stage, &purchase);
    s_relay (stage, sale_id);
    assert_int_equal (stage_reserve_one (stage, &other).code, ERROR_NONE);
    readmission_t row = s_requeue (stage, letter, 1);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_READMIT, &row, 1), ERROR_SOLD_OUT);
    assert_int_equal (stage_release (stage, sale_id, 1, other.rid), ERROR_NONE);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_READMIT, &row, 1),
                      ERROR_SOLD_OUT); /* remembered */
    assert_int_equal (s_readmit (stage, row, ERROR_SOLD_OUT), ERROR_SOLD_OUT);
    assert_int_equal (s_letter_state (stage, letter), DEAD_OPEN);
    assert_int_equal (stage_books (stage, sale_id).returning, 0);
    assert_int_equal (s_requeue (stage, letter, 2).code,
                      ERROR_RECOVERING); /* nothing is to be carried on */
    assert_int_equal (s_letter_state (stage, letter), DEAD_OPEN);
    assert_int_equal (s_readmit (stage, row, ERROR_NONE), ERROR_STALE_EPOCH); /* a late copy */
    assert_int_equal (stage_reserve_one (stage, &own).code, ERROR_NONE);
    row = s_requeue (stage, letter, 1);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_READMIT, &row, 1), ERROR_ALREADY_PURCHASED);
    assert_int_equal (s_readmit (stage, row, ERROR_ALREADY_PURCHASED), ERROR_ALREADY_PURCHASED);
    assert_int_equal (stage_release (stage, sale_id, 1, own.rid), ERROR_NONE);
    row = s_requeue (stage, letter, 1);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_READMIT, &row, 1), ERROR_NONE);
    memset (row.rid + 6, 0x77, 10);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_READMIT, &row, 1), ERROR_NOT_FOUND);
    assert_int_equal (s_readmit (stage, row, ERROR_NOT_FOUND), ERROR_INVALID_STATE);
    assert_int_equal (s_letter_state (stage, letter), DEAD_OPEN);
}

static void
test_requeue_refused_by_postgresql (void **state)
{
    /* The gate holds the rid, and PostgreSQL cannot have it: the hold is given back by a release, the letter is open again. */
    stage_t *stage = *state;
    static const error_code_t codes[] = { ERROR_SOLD_OUT, ERROR_ALREADY_PURCHASED };
    for (size_t i = 0; i < 2; i++) {
        uint64_t sale_id = s_new_open_sale (stage, 3);
        gate_purchase_t purchase = stage_purchase (sale_id, 1, 1, 2);
        uint64_t letter = stage_poison (stage, &purchase);
        s_relay (stage, sale_id);
        readmission_t row = s_requeue (stage, letter, 1);
        assert_int_equal (stage_gate_code (stage, CALL_GATE_READMIT, &row, 1), ERROR_NONE);
        order_event_t rival = stage_event (sale_id, 1, i == 0 ? 2 : 1, 9, i == 0 ? 2 : 1, 50);
        assert_int_equal (stage_write_one (stage, &rival), ERROR_NONE);
        assert_int_equal (s_readmit (stage, row, ERROR_NONE), codes[i]);
        assert_int_equal (s_letter_state (stage, letter), DEAD_OPEN);
        assert_int_equal (stage_stat (stage, sale_id).held_units, 2);
        assert_int_equal (s_relay (stage, sale_id), 1);
        assert_int_equal (stage_stat (stage, sale_id).held_units, 0);
        assert_int_equal (stage_gate_code (stage, CALL_GATE_READMIT, &row, 1), ERROR_LATE);
        assert_int_equal (stage_stat (stage, sale_id).held_units, 0);
    }
}

static void
test_late_copies_of_releases (void **state)
{
    /* A copy of the release that went before the readmission neither takes the unit away at the gate nor deletes the row of a later one; a
     * redelivered entry of a requeueing letter makes a row that nobody lists, and that the decision replaces. */
    stage_t *stage = *state;
    uint64_t sale_id = s_new_open_sale (stage, 10);
    gate_purchase_t purchase = stage_purchase (sale_id, 1, 1, 2);
    uint64_t letter = stage_poison (stage, &purchase);
    release_t first, result;
    query_t query = { .sale_id = sale_id };
    s_sql (stage->inventory_sql, CALL_RELEASE_LIST, &query, &first);
    first.token = STAGE_TOKEN;
    s_relay (stage, sale_id);
    readmission_t row = s_requeue (stage, letter, 1);
    assert_true (row.mark > first.place);
    order_event_t again = stage_event (sale_id, 1, 1, 1, 2, 1);
    assert_int_equal (stage_write_one (stage, &again), ERROR_NONE);
    assert_int_equal (stage_books (stage, sale_id).returning, 2);
    assert_int_equal (s_relay (stage, sale_id), 0);
    readmission_t younger = s_requeue (stage, letter, 2);
    assert_true (younger.code == ERROR_NONE && younger.mark > row.mark);
    assert_int_equal (stage_books (stage, sale_id).returning, 0);
    assert_int_equal (stage_write_one (stage, &again), ERROR_NONE);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_READMIT, &younger, 1), ERROR_NONE);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_READMIT, &row, 1), ERROR_LATE);
    assert_int_equal (s_readmit (stage, row, ERROR_NONE), ERROR_STALE_EPOCH);
    assert_int_equal (s_readmit (stage, younger, ERROR_NONE), ERROR_NONE);
    s_assert_balanced (stage, sale_id);
    assert_int_equal (
        gate_call (stage->inventory, stage->run_id, CALL_GATE_RELEASE, &first, 1, &result, 1), 1);
    assert_int_equal (result.code, ERROR_NONE);
    s_assert_balanced (stage, sale_id);
    stage_finish_order (stage->sql, sale_id, purchase.rid, ORDER_EXPIRED);
    outcome_t outcome;
    s_sql (stage->inventory_sql, CALL_RELEASE_DONE, &first, &outcome);
    assert_int_equal (stage_books (stage, sale_id).returning, 2);
    assert_int_equal (s_relay (stage, sale_id), 1);
    s_assert_balanced (stage, sale_id);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_READMIT, &younger, 1), ERROR_LATE);
    s_assert_balanced (stage, sale_id);
}

static void
test_requeue_across_a_rebuild (void **state)
{
    /* A rebuild between any two steps: the new gate has the rid released until PostgreSQL has it pending, and the attempt begins anew. */
    stage_t *stage = *state;
    for (int at = 0; at < 3; at++) {
        uint64_t sale_id = s_new_open_sale (stage, 10);
        gate_purchase_t purchase = stage_purchase (sale_id, 1, 1, 2);
        uint64_t letter = stage_poison (stage, &purchase);
        if (at == 0)
            s_rebuild (stage, sale_id, STAGE_TOKEN);
        s_relay (stage, sale_id);
        readmission_t row = s_requeue (stage, letter, 1);
        if (at == 1)
            s_rebuild (stage, sale_id, STAGE_TOKEN);
        uint64_t code = stage_gate_code (stage, CALL_GATE_READMIT, &row, 1);
        assert_int_equal (code, at == 1 ? ERROR_STALE_EPOCH : ERROR_NONE);
        if (at == 2)
            s_rebuild (stage, sale_id, STAGE_TOKEN);
        if (at > 0) {
            assert_int_equal (stage_stat (stage, sale_id).held_units, 0);
            assert_int_equal (s_readmit (stage, row, ERROR_NONE), ERROR_STALE_EPOCH);
            row = s_requeue (stage, letter, 2);
            assert_int_equal (row.epoch, 2);
            assert_int_equal (stage_gate_code (stage, CALL_GATE_READMIT, &row, 1), ERROR_NONE);
        }
        assert_int_equal (s_readmit (stage, row, ERROR_NONE), ERROR_NONE);
        s_assert_balanced (stage, sale_id);
        s_rebuild (stage, sale_id, STAGE_TOKEN);
        s_assert_balanced (stage, sale_id);
        assert_int_equal (stage_stat (stage, sale_id).held_units, 2);
    }
}

static void
test_dead_letters (void **state)
{
    /* Lists, discards, and every reason not to begin. */
    stage_t *stage = *state;
    uint64_t sale_id = s_new_open_sale (stage, 10);
    uint64_t places[4];
    for (uint64_t i = 0; i < 4; i++) {
        gate_purchase_t purchase = stage_purchase (sale_id, i + 1, 1, 1);
        places[i] = stage_poison (stage, &purchase);
    }
    s_relay (stage, sale_id);
    s_requeue (stage, places[2], 1);
    dead_letter_t letters[8];
    query_t query = { .limit = 2 };
    assert_int_equal (sql_call (stage->inventory_sql, CALL_DEAD_LIST, &query, 1, letters, 8), 2);
    assert_true (letters[0].place == places[3] && letters[1].place == places[2]);
    assert_true (letters[0].state == DEAD_OPEN && letters[1].state == DEAD_REQUEUEING);
    assert_string_equal (letters[0].reason, "poison");
    assert_true (letters[0].user_id == 4 && letters[0].attempts == 5 &&
                 letters[0].body_hash == 7001);
    query.after = places[2];
    assert_int_equal (sql_call (stage->inventory_sql, CALL_DEAD_LIST, &query, 1, letters, 8), 2);
    assert_int_equal (letters[1].place, places[0]);
    dead_change_t discard = { .place = places[0], .actor = "ann" };
    outcome_t outcome;
    uint64_t lines = s_log_count (stage);
    for (int again = 0; again < 2; again++) {
        s_sql (stage->inventory_sql, CALL_DEAD_DISCARD, &discard, &outcome);
        assert_int_equal (outcome.code, ERROR_NONE);
        assert_int_equal (s_letter_state (stage, places[0]), DEAD_DISCARDED);
        assert_int_equal (s_log_count (stage), lines + 1);
    }
    assert_int_equal (s_requeue (stage, places[0], 1).code, ERROR_INVALID_STATE);
    discard.place = places[2];
    s_sql (stage->inventory_sql, CALL_DEAD_DISCARD, &discard, &outcome);
    assert_int_equal (outcome.code, ERROR_INVALID_STATE);
    discard.place = 1 << 30;
    s_sql (stage->inventory_sql, CALL_DEAD_DISCARD, &discard, &outcome);
    assert_int_equal (outcome.code, ERROR_NOT_FOUND);
    readmission_t row;
    discard.requeue = 1;
    assert_int_equal (sql_call (stage->inventory_sql, CALL_DEAD_BEGIN, &discard, 1, &row, 1), 0);
    /* unreadable, and one whose order was never rejected */
    stage_sql (
        stage,
        "UPDATE dead_letter SET rid = decode (repeat ('00', 16), 'hex') WHERE place = %" PRIu64,
        places[1]);
    assert_int_equal (s_requeue (stage, places[1], 1).code, ERROR_INVALID_STATE);
    stage_sql (
        stage,
        "UPDATE orders SET status = 5 WHERE rid = (SELECT rid FROM dead_letter WHERE place = "
        "%" PRIu64 ")",
        places[3]);
    assert_int_equal (s_requeue (stage, places[3], 1).code, ERROR_INVALID_STATE);
    assert_int_equal (s_letter_state (stage, places[3]), DEAD_OPEN);
    /* archived: what is requeueing is open again, and nothing begins */
    stage_sql (stage, "UPDATE sale SET ends_at_ms = 2 WHERE sale_id = %" PRIu64, sale_id);
    assert_int_equal (s_requeue (stage, places[2], 2).code, ERROR_INVALID_STATE);
    assert_int_equal (s_letter_state (stage, places[2]), DEAD_OPEN);
}

static void
test_fencing (void **state)
{
    /* What a former leader still sends is refused: at the gate by the highest token there, in PostgreSQL by the lease's. */
    stage_t *stage = *state;
    uint64_t sale_id = s_new_open_sale (stage, 10);
    gate_purchase_t purchase = stage_purchase (sale_id, 1, 1, 2),
                    held = stage_purchase (sale_id, 2, 1, 1);
    uint64_t letter = stage_poison (stage, &purchase);
    s_relay (stage, sale_id);
    readmission_t row = s_requeue (stage, letter, 1);
    assert_int_equal (stage_reserve_one (stage, &held).code, ERROR_NONE);
    gate_config_t config = stage_config (sale_id, 1, 0); /* the new leader makes itself known */
    config.token = 5;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_UPDATE, &config, 1), ERROR_NONE);
    assert_int_equal (stage_stat (stage, sale_id).token, 5);
    assert_int_equal (stage_stat (stage, sale_id).version, 1);
    s_set_lease (stage, 5);
    char before[41], after[41];
    stage_digest (stage, before);
    stock_op_t op = s_op (sale_id, 1, false, 1);
    release_t release = { .sale_id = sale_id, .epoch = 1, .token = 4 }, result;
    gate_key_t key = { .sale_id = sale_id, .epoch = 1, .token = 4 };
    memcpy (release.rid, held.rid, 16);
    op.token = row.token = 4;
    assert_int_equal (s_gate_stock (stage, &op), ERROR_FENCED);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_READMIT, &row, 1), ERROR_FENCED);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_DROP, &key, 1), ERROR_FENCED);
    assert_int_equal (
        gate_call (stage->inventory, stage->run_id, CALL_GATE_RELEASE, &release, 1, &result, 1), 1);
    assert_int_equal (result.code, ERROR_FENCED);
    stage_digest (stage, after);
    assert_string_equal (before, after);
    assert_int_equal (s_readmit (stage, row, ERROR_NONE), ERROR_FENCED);
    assert_int_equal (s_letter_state (stage, letter), DEAD_REQUEUEING);
    stage_sql (stage,
               "INSERT INTO release_box (sale_id, rid, units) VALUES (%" PRIu64
               ", '0123456789abcdef', 1)",
               sale_id);
    outcome_t outcome;
    release.code = 0;
    memcpy (release.rid, "0123456789abcdef", 16);
    s_sql (stage->inventory_sql, CALL_RELEASE_DONE, &release, &outcome);
    assert_int_equal (outcome.code, ERROR_FENCED);
    s_sql (stage->inventory_sql, CALL_ARCHIVE_DONE, &key, &outcome);
    assert_int_equal (outcome.code, ERROR_FENCED);
    assert_int_equal (stage_books (stage, sale_id).returning, 1);
    release.token = 5;
    s_sql (stage->inventory_sql, CALL_RELEASE_DONE, &release, &outcome);
    assert_int_equal (outcome.code, ERROR_NONE);
    assert_int_equal (stage_books (stage, sale_id).returning, 0);
    row.token = 6; /* a higher one is kept */
    assert_int_equal (stage_gate_code (stage, CALL_GATE_READMIT, &row, 1), ERROR_NONE);
    assert_int_equal (stage_stat (stage, sale_id).token, 6);
    memcpy (release.rid, held.rid, 16);
    release.token = 7;
    assert_int_equal (
        gate_call (stage->inventory, stage->run_id, CALL_GATE_RELEASE, &release, 1, &result, 1), 1);
    assert_int_equal (stage_stat (stage, sale_id).token, 7);
    s_set_lease (stage, 0);
}

/* -------------------------------------------------------------------------- rebuilds */

/*  A cancel before the row: written as ordering will, after what the gate shows. */
static void
s_plant_tombstone (stage_t *stage, uint64_t sale_id, const uint8_t rid[16])
{
    order_event_t event;
    char hex[33];
    assert_int_equal (stage_journal (stage, sale_id, stage_stat (stage, sale_id).epoch, &event, 1),
                      1);
    assert_memory_equal (event.rid, rid, 16);
    for (unsigned i = 0; i < 16; i++)
        snprintf (hex + 2 * i, 3, "%02x", rid[i]);
    stage_sql (
        stage,
        "INSERT INTO orders (sale_id, rid, user_id, quantity, price_cents, status, sequence, "
        "reserved_us, gate_pay_before_us, pay_before_us, committed_us, changed_us, body_hash, "
        "trace_id, "
        "epoch, final_epoch, reason, actor) SELECT %1$" PRIu64 ", '\\x%2$s', %3$" PRIu64
        ", %4$" PRIu64 ", 5, 4, %5$" PRIu64
        ", 1, 1, 1, 1, 1, 7, decode (repeat ('ab', 16), 'hex'), epoch, epoch, '', "
        "'shopper' FROM sale WHERE sale_id = %1$" PRIu64 "; INSERT INTO ledger SELECT %1$" PRIu64
        ", '\\x%2$s', k, %4$" PRIu64 ", 1 FROM unnest (ARRAY['ALLOC', 'RETURN']) k; INSERT INTO "
        "release_box (sale_id, rid, units) VALUES (%1$" PRIu64 ", '\\x%2$s', %4$" PRIu64 ")",
        sale_id, hex, event.user_id, event.quantity, event.sequence);
    journal_position_t entry = { .sale_id = sale_id,
                                 .epoch = event.epoch,
                                 .entry_ms = event.entry_ms,
                                 .entry_seq = event.entry_seq };
    journal_state_t outcome;
    assert_int_equal (
        gate_call (stage->broker, stage->run_id, CALL_JOURNAL_DELETE, &entry, 1, &outcome, 1), 1);
}

/*  Rid of a new order of this shopper, reserved and written. */
static gate_purchase_t
s_buy (stage_t *stage, uint64_t sale_id, uint64_t user_id)
{
    gate_purchase_t purchase = stage_purchase (sale_id, user_id, 1, 1);
    order_event_t event;
    journal_state_t outcome;
    purchase.version = stage_stat (stage, sale_id).version;
    assert_int_equal (stage_reserve_one (stage, &purchase).code, ERROR_NONE);
    assert_int_equal (stage_journal (stage, sale_id, stage_stat (stage, sale_id).epoch, &event, 1),
                      1);
    assert_int_equal (stage_write_one (stage, &event), ERROR_NONE);
    journal_position_t entry = { .sale_id = sale_id,
                                 .epoch = event.epoch,
                                 .entry_ms = event.entry_ms,
                                 .entry_seq = event.entry_seq };
    assert_int_equal (
        gate_call (stage->broker, stage->run_id, CALL_JOURNAL_DELETE, &entry, 1, &outcome, 1), 1);
    return purchase;
}

static uint64_t
s_is_held (stage_t *stage, uint64_t sale_id, const uint8_t rid[16])
{
    gate_key_t key = { .sale_id = sale_id };
    holding_t holding;
    memcpy (key.rid, rid, 16);
    assert_int_equal (
        gate_call (stage->seckill, stage->run_id, CALL_GATE_LOOKUP, &key, 1, &holding, 1), 1);
    assert_int_equal (holding.code, ERROR_NONE);
    return holding.held;
}

static void
test_snapshots_of_every_move (void **state)
{
    /* After each move of an order that a lifecycle knows, also with its release still on the way, a rebuilt gate has the rid as PostgreSQL
     * has it, its user may buy or not accordingly, and the books balance; the rid is never unknown. */
    stage_t *stage = *state;
    uint64_t sale_id = s_new_open_sale (stage, 100);
    gate_purchase_t paid = s_buy (stage, sale_id, 1), refunded = s_buy (stage, sale_id, 2),
                    cancelled = s_buy (stage, sale_id, 3), expired = s_buy (stage, sale_id, 4),
                    tombstone = stage_purchase (sale_id, 5, 1, 2),
                    poison = stage_purchase (sale_id, 6, 1, 1),
                    readmitted = stage_purchase (sale_id, 7, 1, 1),
                    gone = stage_purchase (sale_id, 8, 1, 1);
    stage_sql (stage,
               "UPDATE orders SET status = 3 WHERE sale_id = %" PRIu64 " AND user_id IN (1, 2)",
               sale_id);
    stage_finish_order (stage->sql, sale_id, cancelled.rid, ORDER_CANCELLED);
    stage_finish_order (stage->sql, sale_id, expired.rid, ORDER_EXPIRED);
    assert_int_equal (stage_reserve_one (stage, &tombstone).code, ERROR_NONE);
    s_plant_tombstone (stage, sale_id, tombstone.rid);
    stage_poison (stage, &poison);
    uint64_t letter = stage_poison (stage, &readmitted), gone_letter = stage_poison (stage, &gone);
    for (int relayed = 0; relayed < 2; relayed++) {
        if (relayed)
            s_relay (stage, sale_id);
        s_rebuild (stage, sale_id, STAGE_TOKEN);
        assert_int_equal (s_is_held (stage, sale_id, paid.rid), 1);
        assert_int_equal (s_is_held (stage, sale_id, refunded.rid), 1);
        const gate_purchase_t *finals[] = { &cancelled, &expired,    &tombstone,
                                            &poison,    &readmitted, &gone };
        for (size_t i = 0; i < 6; i++)
            assert_int_equal (s_is_held (stage, sale_id, finals[i]->rid), 0);
        assert_int_equal (stage_stat (stage, sale_id).available, 98);
    }
    s_assert_balanced (stage, sale_id);
    readmission_t row = s_requeue (stage, letter, 1);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_READMIT, &row, 1), ERROR_NONE);
    assert_int_equal (s_readmit (stage, row, ERROR_NONE), ERROR_NONE);
    row = s_requeue (stage, gone_letter, 1);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_READMIT, &row, 1), ERROR_NONE);
    assert_int_equal (s_readmit (stage, row, ERROR_NONE), ERROR_NONE);
    s_rebuild (stage, sale_id, STAGE_TOKEN);
    assert_int_equal (s_is_held (stage, sale_id, readmitted.rid), 1);
    assert_int_equal (s_is_held (stage, sale_id, gone.rid), 1);
    s_assert_balanced (stage, sale_id);
    /* a readmitted one that is cancelled before its release, and a paid one that is refunded */
    stage_finish_order (stage->sql, sale_id, gone.rid, ORDER_CANCELLED);
    stage_sql (stage, "UPDATE orders SET status = 2 WHERE sale_id = %" PRIu64 " AND user_id = 2",
               sale_id);
    stage_finish_order (stage->sql, sale_id, refunded.rid, ORDER_REFUNDED);
    for (int relayed = 0; relayed < 2; relayed++) {
        s_rebuild (stage, sale_id, STAGE_TOKEN);
        assert_int_equal (s_is_held (stage, sale_id, gone.rid), 0);
        assert_int_equal (s_is_held (stage, sale_id, refunded.rid), 0);
        assert_int_equal (s_is_held (stage, sale_id, readmitted.rid), 1);
        s_relay (stage, sale_id);
        s_assert_balanced (stage, sale_id);
    }
    assert_int_equal (stage_stat (stage, sale_id).available, 98);
    gate_purchase_t more = stage_purchase (sale_id, 2, 9, 1),
                    no = stage_purchase (sale_id, 7, 9, 1);
    more.version = no.version = stage_stat (stage, sale_id).version;
    assert_int_equal (stage_reserve_one (stage, &more).code, ERROR_NONE);
    assert_int_equal (stage_reserve_one (stage, &no).code, ERROR_ALREADY_PURCHASED);
}

/* -------------------------------------------------------------------------- clean-up */

static long long
s_key_count (stage_t *stage, uint64_t sale_id)
{
    char pattern[64];
    snprintf (pattern, sizeof pattern, "{s%" PRIu64 "}:*", sale_id);
    redisReply *reply = redisCommand (stage->redis, "KEYS %s", pattern);
    assert_non_null (reply);
    long long count = (long long)reply->elements;
    freeReplyObject (reply);
    return count;
}

static void
test_drop (void **state)
{
    /* Every key of the sale goes, of its epoch, of a loading, of PostgreSQL's epoch, the broker's too; not while a journal has an entry; of
     * no other sale. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id (), other = stage_new_sale_id ();
    stage_open_gate (stage, sale, 3, 10);
    stage_open_gate (stage, other, 3, 10);
    long long kept = s_key_count (stage, other);
    gate_purchase_t purchase = stage_purchase (sale, 1, 1, 1);
    assert_int_equal (stage_reserve_one (stage, &purchase).code, ERROR_NONE);
    gate_key_t key = { .sale_id = sale, .epoch = 5, .token = STAGE_TOKEN };
    assert_int_equal (stage_gate_code (stage, CALL_GATE_DROP, &key, 1), ERROR_BUSY);
    assert_int_equal (stage_redis_integer (stage, "XTRIM {s%d}:3:x MAXLEN 0", (int)sale), 1);
    const char *extra[] = { "3:dc", "4:a", "4:r", "4:u", "4:o", "5:a", "5:dc", "due" };
    for (size_t i = 0; i < sizeof extra / sizeof extra[0]; i++)
        stage_redis_integer (stage, "HSET {s%d}:%s a 1", (int)sale, extra[i]);
    stage_redis_integer (stage, "HSET {s%d}:g lep 4", (int)sale);
    stage_redis_integer (stage, "XLEN {s%d}:5:x", (int)sale);
    freeReplyObject (redisCommand (stage->redis, "XADD {s%d}:5:x * a b", (int)sale));
    assert_int_equal (stage_gate_code (stage, CALL_GATE_DROP, &key, 1), ERROR_BUSY);
    assert_int_equal (stage_redis_integer (stage, "DEL {s%d}:5:x", (int)sale), 1);
    for (int again = 0; again < 2; again++) {
        assert_int_equal (stage_gate_code (stage, CALL_GATE_DROP, &key, 1), ERROR_NONE);
        assert_int_equal (s_key_count (stage, sale), 0);
    }
    assert_int_equal (s_key_count (stage, other), kept);
}

static void
test_archive (void **state)
{
    /* Archived sales that ever had a gate are listed until it is told that this gate went; one that was built since is another. */
    stage_t *stage = *state;
    uint64_t old = stage_new_sale (stage, 1), young = stage_new_sale (stage, 1),
             live = stage_new_sale (stage, 1);
    sale_t draft = s_draft (stage);
    long long now_ms = stage_sql_integer (stage, "SELECT clock_us () / 1000");
    stage_sql (stage, "UPDATE sale SET ends_at_ms = %lld WHERE sale_id = %" PRIu64,
               now_ms - DAY_MS - 1000, old);
    stage_sql (stage, "UPDATE sale SET ends_at_ms = %lld WHERE sale_id = %" PRIu64,
               now_ms - DAY_MS + 60000, young);
    stage_sql (stage, "UPDATE sale SET ends_at_ms = %lld WHERE sale_id = %" PRIu64,
               now_ms - DAY_MS - 1000, draft.sale_id);
    gate_key_t rows[CALL_ROWS_MAX];
    query_t query = { .after = old - 1 };
    assert_int_equal (
        sql_call (stage->inventory_sql, CALL_ARCHIVE_LIST, &query, 1, rows, CALL_ROWS_MAX), 1);
    assert_true (rows[0].sale_id == old && rows[0].epoch == 1);
    outcome_t outcome;
    s_sql (stage->inventory_sql, CALL_ARCHIVE_DONE, &rows[0], &outcome);
    assert_int_equal (
        sql_call (stage->inventory_sql, CALL_ARCHIVE_LIST, &query, 1, rows, CALL_ROWS_MAX), 0);
    stage_bump (stage, old, STAGE_TOKEN);
    assert_int_equal (
        sql_call (stage->inventory_sql, CALL_ARCHIVE_LIST, &query, 1, rows, CALL_ROWS_MAX), 1);
    assert_int_equal (rows[0].epoch, 2);
    query.after = old;
    assert_int_equal (
        sql_call (stage->inventory_sql, CALL_ARCHIVE_LIST, &query, 1, rows, CALL_ROWS_MAX), 0);
    assert_true (live > young);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_edit_of_a_draft),
        cmocka_unit_test (test_edit_of_a_published_sale),
        cmocka_unit_test (test_log_is_cut_between_characters),
        cmocka_unit_test (test_log_add),
        cmocka_unit_test (test_stock_of_a_draft),
        cmocka_unit_test (test_stock_begin),
        cmocka_unit_test (test_stock_done),
        cmocka_unit_test (test_gate_stock),
        cmocka_unit_test (test_gate_stock_refused),
        cmocka_unit_test (test_memory_full),
        cmocka_unit_test (test_rebuilt_gate_and_stock),
        cmocka_unit_test (test_requeue),
        cmocka_unit_test (test_requeue_refused_at_the_gate),
        cmocka_unit_test (test_requeue_refused_by_postgresql),
        cmocka_unit_test (test_late_copies_of_releases),
        cmocka_unit_test (test_requeue_across_a_rebuild),
        cmocka_unit_test (test_dead_letters),
        cmocka_unit_test (test_fencing),
        cmocka_unit_test (test_snapshots_of_every_move),
        cmocka_unit_test (test_drop),
        cmocka_unit_test (test_archive),
    };
    return cmocka_run_group_tests (tests, stage_set_up, stage_tear_down);
}
