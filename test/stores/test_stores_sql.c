/*  The SQL functions on a real PostgreSQL, each run as the role that will run it. */

#include "stage.h"

#include "embedded.h"

#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BIGINT_OID 20
#define BYTEA_OID 17
#define TEXT_OID 25
#define BIGINTS_OID 1016
#define BYTEAS_OID 1001
#define TEXTS_OID 1009

static void
s_write (PGconn *sql, const order_event_t *events, size_t count, order_outcome_t *outcomes)
{
    if (sql_call (sql, CALL_ORDER_WRITE, events, count, outcomes, count) != (int)count)
        fail_msg ("%s", store_error ());
}

static order_t
s_order (stage_t *stage, const uint8_t rid[16])
{
    query_t query = { .operator= 1 };
    memcpy (query.rid, rid, 16);
    order_t order;
    if (sql_call (stage->ordering_sql, CALL_ORDER_GET, &query, 1, &order, 1) != 1)
        fail_msg ("no order: %s", store_error ());
    return order;
}

static size_t
s_releases (stage_t *stage, uint64_t sale_id, release_t *releases, size_t releases_max)
{
    query_t query = { .sale_id = sale_id };
    int count =
        sql_call (stage->inventory_sql, CALL_RELEASE_LIST, &query, 1, releases, releases_max);
    if (count < 0)
        fail_msg ("%s", store_error ());
    return (size_t)count;
}

/* -------------------------------------------------------------------------- the contract */

static void
s_assert_signature (PGconn *sql, const call_t *call)
{
    char statement[256];
    int at = snprintf (statement, sizeof statement, "SELECT * FROM %s (", call->name);
    for (size_t i = 0; i < call->arguments->field_count; i++)
        at +=
            snprintf (statement + at, sizeof statement - (size_t)at, i ? ", $%zu" : "$%zu", i + 1);
    snprintf (statement + at, sizeof statement - (size_t)at, ")");
    PQclear (PQprepare (sql, call->name, statement, 0, NULL));
    PGresult *result = PQdescribePrepared (sql, call->name);
    if (PQresultStatus (result) != PGRES_COMMAND_OK)
        fail_msg ("%s: %s", call->name, PQerrorMessage (sql));
    assert_int_equal (PQnparams (result), call->arguments->field_count);
    for (int i = 0; i < PQnparams (result); i++) {
        field_kind_t kind = call->arguments->fields[i].kind;
        Oid wanted = kind == FIELD_BYTES                      ? BYTEAS_OID
                     : kind == FIELD_U64 || kind == FIELD_I64 ? BIGINTS_OID
                                                              : TEXTS_OID;
        if (PQparamtype (result, i) != wanted)
            fail_msg ("%s: type of argument %d", call->name, i + 1);
    }
    assert_int_equal (PQnfields (result), call->results->field_count);
    for (int i = 0; i < PQnfields (result); i++) {
        const field_t *field = &call->results->fields[i];
        Oid wanted = field->kind == FIELD_BYTES                             ? BYTEA_OID
                     : field->kind == FIELD_U64 || field->kind == FIELD_I64 ? BIGINT_OID
                                                                            : TEXT_OID;
        if (PQftype (result, i) != wanted || strcmp (PQfname (result, i), field->name) != 0)
            fail_msg ("%s: column %s instead of %s", call->name, PQfname (result, i), field->name);
    }
    PQclear (result);
}

static void
test_signatures (void **state)
{
    /* Every STORE_SQL row of calls.def has its function, with the arguments and columns of its records; every STORE_GATE row its
     * script. */
    stage_t *stage = *state;
    for (uint64_t i = 0; i < CALL_COUNT; i++) {
        const call_t *call = schema_call (i);
        if (call->store == STORE_SQL)
            s_assert_signature (stage->sql, call);
        bool is_embedded = false;
        for (const embedded_t *script = embedded_scripts; script->name; script++)
            is_embedded = is_embedded || !strcmp (script->name, call->name);
        assert_int_equal (is_embedded, call->store == STORE_GATE);
    }
}

static const char *
s_role_of (const char *function)
{
    static const char *const ordering[] = {
        "order_write",  "order_get",    "order_list",     "order_cancel",
        "order_expire", "order_reject", "payment_create", "payment_event_take",
        "payment_due",  "payment_list", "moment_list",    "order_counts"
    };
    for (size_t i = 0; i < sizeof ordering / sizeof *ordering; i++)
        if (!strcmp (function, ordering[i]))
            return "minishop_ordering";
    if (!strncmp (function, "account_", 8) || !strncmp (function, "denial_", 7))
        return "minishop_account";
    return "minishop_inventory";
}

static void
test_roles_execute_only_their_functions (void **state)
{
    /* Each role may execute the functions of its calls and no other function of ours; no role reads or writes a table, makes one, or is
     * without time limits; the public may nothing. */
    stage_t *stage = *state;
    const char *roles[] = { "minishop_ordering", "minishop_inventory", "minishop_account",
                            "minishop_broker" };
    long long expected[4] = { 0 };
    for (size_t role = 0; role < 4; role++) {
        for (uint64_t i = 0; i < CALL_COUNT; i++) {
            const call_t *call = schema_call (i);
            if (call->store != STORE_SQL)
                continue;
            bool is_lease = !strcmp (call->name, "lease_take");
            bool may = is_lease ? role != 2 : !strcmp (s_role_of (call->name), roles[role]);
            expected[role] += may;
            assert_int_equal (
                stage_sql_integer (
                    stage,
                    "SELECT has_function_privilege ('%s', oid, 'EXECUTE')::int FROM pg_proc "
                    "WHERE proname = '%s'",
                    roles[role], call->name),
                may);
        }
        assert_int_equal (
            stage_sql_integer (
                stage,
                "SELECT count (*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND "
                "has_function_privilege ('%s', oid, 'EXECUTE')",
                roles[role]),
            expected[role]);
        assert_int_equal (
            stage_sql_integer (
                stage,
                "SELECT count (*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND "
                "relkind "
                "IN ('r', 'v', 'S') AND (CASE relkind WHEN 'S' THEN has_sequence_privilege ('%s', "
                "oid, "
                "'USAGE,SELECT,UPDATE') ELSE has_table_privilege ('%s', oid, 'SELECT,INSERT,UPDATE,"
                "DELETE,TRUNCATE,REFERENCES,TRIGGER') END)",
                roles[role], roles[role]),
            0);
        assert_int_equal (
            stage_sql_integer (stage, "SELECT has_schema_privilege ('%s', 'public', 'CREATE')::int",
                               roles[role]),
            0);
        assert_int_equal (
            stage_sql_integer (
                stage, "SELECT has_database_privilege ('%s', 'minishop', 'CREATE,TEMP')::int",
                roles[role]),
            0);
        assert_int_equal (
            stage_sql_integer (
                stage,
                "SELECT count (*) FROM pg_roles r, unnest (r.rolconfig) c WHERE rolname = '%s' AND "
                "(c LIKE 'statement_timeout=%%' OR c LIKE 'lock_timeout=%%' OR c LIKE "
                "'idle_in_transaction_session_timeout=%%')",
                roles[role]),
            3);
    }
    PGresult *result = PQexec (stage->ordering_sql, "UPDATE orders SET status = 3");
    assert_string_equal (PQresultErrorField (result, PG_DIAG_SQLSTATE), "42501");
    PQclear (result);
    result = PQexec (stage->ordering_sql, "SHOW statement_timeout");
    assert_string_equal (PQgetvalue (result, 0, 0), "4s");
    PQclear (result);
    sale_change_t change = { .sale_id = 1, .state = SALE_OPEN };
    sale_t sale;
    assert_int_equal (sql_call (stage->ordering_sql, CALL_SALE_CHANGE, &change, 1, &sale, 1), -1);
    assert_true (!strncmp (store_error (), "42501", 5));
}

static void
test_migrations_run_through_psql (void **state)
{
    /* `psql -1 -f` applies each file to a fresh database, though the roles are there already. */
    stage_t *stage = *state;
    stage_sql (stage, "CREATE DATABASE again");
    char command[512];
    snprintf (command, sizeof command,
              "for f in schema/sql/*.sql; do psql -q -X -v ON_ERROR_STOP=1 -h %s -U postgres -d "
              "again -1 -f $f || exit 1; done",
              servers_postgres_folder (stage->servers));
    int status =
        system (command); /* NOLINT(cert-env33-c): the loop is the shell's, the text ours */
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
    PGconn *sql = servers_sql (stage->servers, "minishop_inventory", "again");
    assert_non_null (sql);
    query_t query = { 0 };
    limits_t limits;
    assert_int_equal (sql_call (sql, CALL_LIMITS_LOAD, &query, 1, &limits, 1), 1);
    PQfinish (sql);
    stage_sql (stage, "DROP DATABASE again");
}

/* -------------------------------------------------------------------------- orders */

static void
test_order_write (void **state)
{
    /* A batch becomes pending orders, one ALLOC each, sold rises by their units; the same batch again changes nothing. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 1000);
    order_event_t events[100];
    order_outcome_t outcomes[100];
    for (uint64_t i = 0; i < 100; i++)
        events[i] = stage_event (sale, 1, 1 + i, 1, 1 + i % 3, 1 + i);
    for (int round = 0; round < 3; round++) {
        s_write (stage->ordering_sql, events, 100, outcomes);
        for (size_t i = 0; i < 100; i++) {
            assert_int_equal (outcomes[i].code, ERROR_NONE);
            assert_memory_equal (outcomes[i].rid, events[i].rid, 16);
        }
        books_t books = stage_books (stage, sale);
        assert_true (books.sold == 199 && books.pending_payment == 199 &&
                     books.active_count == 100 && books.duplicated == 0);
        assert_int_equal (
            stage_sql_integer (stage,
                               "SELECT count (*) FROM ledger WHERE sale_id = %d AND kind = 'ALLOC'",
                               (int)sale),
            100);
    }
    order_t order = s_order (stage, events[7].rid);
    assert_true (order.sale_id == sale && order.user_id == 8 && order.quantity == 2 &&
                 order.sequence == 8);
    assert_int_equal (order.status, ORDER_PENDING_PAYMENT);
    assert_int_equal (order.price_cents, STAGE_PRICE_CENTS);
    assert_string_equal (order.currency, "EUR");
    assert_memory_equal (order.trace_id, events[7].trace_id, 16);
    assert_int_equal (s_releases (stage, sale, &(release_t){ 0 }, 1), 0);
}

static void
test_pay_before (void **state)
{
    /* An order that waited for PostgreSQL stays payable for min (pay_within, 300 s) from its commit; a fresh one as long as was
     * promised. The promise itself is kept for the rebuild. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 10);
    order_event_t late = stage_event (sale, 1, 1, 1, 1, 1),
                  fresh = stage_event (sale, 1, 2, 1, 1, 2);
    fresh.pay_before_us = STAGE_FAR_US;
    assert_int_equal (stage_write_one (stage, &late), ERROR_NONE);
    assert_int_equal (stage_write_one (stage, &fresh), ERROR_NONE);
    order_t order = s_order (stage, late.rid);
    assert_int_equal (order.pay_before_us, order.committed_us + 300000000);
    assert_int_equal (s_order (stage, fresh.rid).pay_before_us, STAGE_FAR_US);
    assert_int_equal (stage_bump (stage, sale, STAGE_TOKEN).epoch, 2);
    gate_entry_t ask = { .sale_id = sale, .epoch = 2 }, page[CALL_ROWS_MAX];
    assert_int_equal (
        sql_call (stage->inventory_sql, CALL_EPOCH_PAGE, &ask, 1, page, CALL_ROWS_MAX), 2);
    assert_int_equal (page[0].pay_before_us, late.pay_before_us);
}

static void
test_guard (void **state)
{
    /* At most total − sold is granted, in order of sequence whatever the order of the entries; the rest is rejected with a release,
     * and sold never passes total. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 5);
    order_event_t events[8];
    order_outcome_t outcomes[8];
    for (uint64_t i = 0; i < 8; i++)
        events[i] = stage_event (sale, 1, 1 + i, 1, 1, 8 - i); /* the last entry came first */
    s_write (stage->ordering_sql, events, 8, outcomes);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal (outcomes[i].code, events[i].sequence <= 5 ? ERROR_NONE : ERROR_REJECTED);
    order_t order = s_order (stage, events[0].rid);
    assert_int_equal (order.status, ORDER_REJECTED);
    assert_string_equal (order.reason, "guard");
    books_t books = stage_books (stage, sale);
    assert_true (books.sold == 5 && books.active_count == 5 && books.returning == 3);
    release_t releases[8];
    assert_int_equal (s_releases (stage, sale, releases, 8), 3);
    assert_int_equal (
        stage_sql_integer (stage, "SELECT count (*) FROM ledger WHERE sale_id = %d", (int)sale), 5);
    s_write (stage->ordering_sql, events, 8, outcomes);
    assert_int_equal (s_releases (stage, sale, releases, 8), 3);
    assert_int_equal (stage_books (stage, sale).sold, 5);
}

static void
test_second_active_order (void **state)
{
    /* A shopper's second active order, in the same batch or a later one, is rejected with a release and takes nobody's unit. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 4);
    order_event_t events[4] = { stage_event (sale, 1, 1, 1, 1, 1),
                                stage_event (sale, 1, 1, 2, 1, 2),
                                stage_event (sale, 1, 2, 1, 1, 3),
                                stage_event (sale, 1, 3, 1, 1, 4) };
    const uint64_t codes[] = { ERROR_NONE, ERROR_REJECTED, ERROR_NONE, ERROR_NONE };
    order_outcome_t outcomes[4];
    s_write (stage->ordering_sql, events, 4, outcomes);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal (outcomes[i].code, codes[i]);
    assert_string_equal (s_order (stage, events[1].rid).reason, "duplicate");
    order_event_t third = stage_event (sale, 1, 1, 3, 1, 5);
    assert_int_equal (stage_write_one (stage, &third), ERROR_REJECTED);
    assert_string_equal (s_order (stage, third.rid).reason, "duplicate");
    stage_finish_order (stage->sql, sale, events[0].rid, ORDER_CANCELLED);
    order_event_t fourth = stage_event (sale, 1, 1, 4, 1, 6);
    assert_int_equal (stage_write_one (stage, &fourth), ERROR_NONE);
    books_t books = stage_books (stage, sale);
    assert_true (books.sold == 3 && books.returning == 3 && books.returned == 1 &&
                 books.duplicated == 0);
}

static void
test_same_rid_twice_in_a_batch (void **state)
{
    /* A rid that comes twice in one batch is one order. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 3);
    order_event_t events[3] = { stage_event (sale, 1, 1, 1, 1, 1),
                                stage_event (sale, 1, 1, 1, 1, 1),
                                stage_event (sale, 1, 2, 1, 1, 2) };
    order_outcome_t outcomes[3];
    s_write (stage->ordering_sql, events, 3, outcomes);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal (outcomes[i].code, ERROR_NONE);
    assert_int_equal (stage_books (stage, sale).sold, 2);
}

static void
test_stale_epoch (void **state)
{
    /* An unknown rid of another epoch, earlier or later, leaves no row; a known one is known in every epoch. Unknown sales likewise. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 10);
    order_event_t known = stage_event (sale, 1, 1, 1, 1, 1),
                  stale = stage_event (sale, 1, 2, 1, 1, 2);
    assert_int_equal (stage_write_one (stage, &known), ERROR_NONE);
    assert_int_equal (stage_bump (stage, sale, STAGE_TOKEN).epoch, 2);
    order_event_t early = stage_event (sale, 3, 3, 1, 1, 3),
                  now = stage_event (sale, 2, 4, 1, 1, 4),
                  nowhere = stage_event (sale + 1000000, 1, 5, 1, 1, 5);
    order_event_t events[5] = { known, stale, early, now, nowhere };
    const uint64_t codes[] = { ERROR_NONE, ERROR_STALE_EPOCH, ERROR_STALE_EPOCH, ERROR_NONE,
                               ERROR_STALE_EPOCH };
    for (int round = 0; round < 2; round++) {
        order_outcome_t outcomes[5];
        s_write (stage->ordering_sql, events, 5, outcomes);
        for (size_t i = 0; i < 5; i++)
            assert_int_equal (outcomes[i].code, codes[i]);
        assert_int_equal (stage_sql_integer (
                              stage, "SELECT count (*) FROM orders WHERE sale_id >= %d", (int)sale),
                          2);
    }
}

static void
test_release_of_final (void **state)
{
    /* An entry of the present epoch whose order is final writes a release (again); one of an earlier epoch does not. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 10);
    order_event_t event = stage_event (sale, 1, 1, 1, 2, 1);
    release_t releases[2];
    assert_int_equal (stage_write_one (stage, &event), ERROR_NONE);
    stage_finish_order (stage->sql, sale, event.rid, ORDER_CANCELLED);
    assert_int_equal (s_releases (stage, sale, releases, 2), 1);
    outcome_t outcome;
    assert_int_equal (sql_call (stage->inventory_sql, CALL_RELEASE_DONE, releases, 1, &outcome, 1),
                      1);
    assert_int_equal (s_releases (stage, sale, releases, 2), 0);
    for (int round = 0; round < 2; round++) {
        assert_int_equal (stage_write_one (stage, &event), ERROR_NONE);
        assert_int_equal (s_releases (stage, sale, releases, 2), 1);
        assert_memory_equal (releases[0].rid, event.rid, 16);
        assert_int_equal (releases[0].epoch, 1);
    }
    releases[0].code = ERROR_RECOVERING; /* not final: stays */
    assert_int_equal (sql_call (stage->inventory_sql, CALL_RELEASE_DONE, releases, 1, &outcome, 1),
                      1);
    assert_int_equal (s_releases (stage, sale, releases, 2), 1);
    releases[0].code = ERROR_NONE;
    for (int round = 0; round < 2; round++)
        assert_int_equal (
            sql_call (stage->inventory_sql, CALL_RELEASE_DONE, releases, 1, &outcome, 1), 1);
    stage_bump (stage, sale, STAGE_TOKEN);
    assert_int_equal (stage_write_one (stage, &event), ERROR_NONE);
    assert_int_equal (s_releases (stage, sale, releases, 2), 0);
}

typedef struct writer_t {
    PGconn *sql;
    order_event_t events[64];
    bool is_backwards;
    int failures;
} writer_t;

static void *
s_write_all (void *argument)
{
    writer_t *self = argument;
    order_event_t batch[16];
    order_outcome_t outcomes[16];
    for (int round = 0; round < 40; round++) {
        for (size_t i = 0; i < 16; i++) {
            size_t at = ((size_t)round * 8 + i) % 64;
            batch[self->is_backwards ? 15 - i : i] =
                self->events[self->is_backwards ? 63 - at : at];
        }
        self->failures += sql_call (self->sql, CALL_ORDER_WRITE, batch, 16, outcomes, 16) != 16;
    }
    return NULL;
}

static void
test_concurrent_batches (void **state)
{
    /* Two consumers get the same entries of three sales in opposite orders, again and again: no deadlock, every entry once. */
    stage_t *stage = *state;
    static writer_t writers[2];
    uint64_t sales[3];
    for (size_t i = 0; i < 3; i++)
        sales[i] = stage_new_sale (stage, 1000);
    for (size_t w = 0; w < 2; w++) {
        writers[w] =
            (writer_t){ .is_backwards = w == 1,
                        .sql = servers_sql (stage->servers, "minishop_ordering", "minishop") };
        for (uint64_t i = 0; i < 64; i++)
            writers[w].events[i] = stage_event (sales[i % 3], 1, 1 + i, 1, 1, 1 + i);
    }
    pthread_t threads[2];
    for (size_t w = 0; w < 2; w++)
        assert_int_equal (pthread_create (&threads[w], NULL, s_write_all, &writers[w]), 0);
    for (size_t w = 0; w < 2; w++) {
        pthread_join (threads[w], NULL);
        PQfinish (writers[w].sql);
        assert_int_equal (writers[w].failures, 0);
    }
    uint64_t sold = 0;
    for (size_t i = 0; i < 3; i++) {
        books_t books = stage_books (stage, sales[i]);
        assert_true (books.sold == books.pending_payment && books.returning == 0);
        sold += books.sold;
    }
    assert_int_equal (sold, 64);
}

static void
test_plan_of_a_cold_table (void **state)
{
    /* Regression: a connection that wrote its first batches into an empty table kept a plan that read an index from end to end for
     * every entry (817 rows/s). What the indexes are read for stays a small multiple of what is written. */
    stage_t *stage = *state;
    stage_sql (stage, "CREATE DATABASE cold");
    PGconn *sql = servers_sql (stage->servers, NULL, "cold");
    for (const embedded_t *migration = embedded_migrations; migration->name; migration++)
        PQclear (PQexec (sql, migration->text));
    PQclear (PQexec (sql, "INSERT INTO sale (product_id, title, description, image_url, "
                          "price_cents, list_price_cents, currency,"
                          " starts_at_ms, ends_at_ms, per_user_limit, pay_within_s, epoch)"
                          " VALUES ('', 't', '', '', 1, 0, 'EUR', 0, 9, 1, 1, 1); INSERT INTO "
                          "sale_sku VALUES (1, 1000000)"));
    static order_event_t events[BATCH_ENTRIES_MAX];
    static order_outcome_t outcomes[BATCH_ENTRIES_MAX];
    const uint64_t batches = 24;
    for (uint64_t batch = 0; batch < batches; batch++) {
        for (uint64_t i = 0; i < BATCH_ENTRIES_MAX; i++)
            events[i] = stage_event (1, 1, 1 + batch * BATCH_ENTRIES_MAX + i, 1, 1, 1);
        s_write (sql, events, BATCH_ENTRIES_MAX, outcomes);
        assert_int_equal (outcomes[0].code, ERROR_NONE);
    }
    PQclear (PQexec (sql, "SELECT pg_stat_force_next_flush ()"));
    PGresult *result = PQexec (
        sql, "SELECT sum (idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'orders'");
    uint64_t read = strtoull (PQgetvalue (result, 0, 0), NULL, 10);
    PQclear (result);
    PQfinish (sql);
    assert_in_range (read, 0, 2 * batches * BATCH_ENTRIES_MAX);
    stage_sql (stage, "DROP DATABASE cold");
}

static void
test_order_get_and_list (void **state)
{
    /* An order is found by its owner and by operators, not by others; lists are the asker's own, newest first, by pages. */
    stage_t *stage = *state;
    uint64_t sales[5], user = 4242;
    for (uint64_t i = 0; i < 5; i++) {
        sales[i] = stage_new_sale (stage, 10);
        order_event_t event = stage_event (sales[i], 1, user, 1, 1, 1),
                      other = stage_event (sales[i], 1, user + 1, 1, 1, 2);
        assert_int_equal (stage_write_one (stage, &event), ERROR_NONE);
        assert_int_equal (stage_write_one (stage, &other), ERROR_NONE);
    }
    order_event_t event = stage_event (sales[2], 1, user, 1, 1, 1);
    query_t query = { .user_id = user };
    memcpy (query.rid, event.rid, 16);
    order_t orders[5];
    assert_int_equal (sql_call (stage->ordering_sql, CALL_ORDER_GET, &query, 1, orders, 5), 1);
    assert_memory_equal (orders[0].rid, event.rid, 16);
    query.user_id = user + 1;
    assert_int_equal (sql_call (stage->ordering_sql, CALL_ORDER_GET, &query, 1, orders, 5), 0);
    query.operator= 1;
    assert_int_equal (sql_call (stage->ordering_sql, CALL_ORDER_GET, &query, 1, orders, 5), 1);
    query = (query_t){ .user_id = user, .limit = 2 };
    uint64_t expected = 5;
    for (int rows;
         (rows = sql_call (stage->ordering_sql, CALL_ORDER_LIST, &query, 1, orders, 5)) > 0;) {
        for (int i = 0; i < rows; i++) {
            assert_int_equal (orders[i].user_id, user);
            assert_int_equal (orders[i].sale_id, sales[--expected]);
        }
        query.after = orders[rows - 1].place;
    }
    assert_int_equal (expected, 0);
}

/* -------------------------------------------------------------------------- sales */

static int
s_change (stage_t *stage, uint64_t sale_id, uint64_t to, uint64_t from_draft, sale_t *sale)
{
    sale_change_t change = {
        .sale_id = sale_id, .state = to, .from_draft = from_draft, .actor = "olga"
    };
    int rows = sql_call (stage->inventory_sql, CALL_SALE_CHANGE, &change, 1, sale, 1);
    if (rows < 0)
        fail_msg ("%s", store_error ());
    return rows;
}

static void
test_sale_change (void **state)
{
    /* Every move from every state: allowed ones raise the version by one and are logged, repeated ones change nothing, others give no
     * row. */
    stage_t *stage = *state;
    static const struct {
        uint64_t to, from_draft;
        const char *action;
        uint64_t allowed_from; /* bit per state */
    } moves[] = { { SALE_OPEN, 1, "sale_publish", 1u << SALE_DRAFT },
                  { SALE_OPEN, 0, "sale_resume", 1u << SALE_PAUSED },
                  { SALE_PAUSED, 0, "sale_pause", 1u << SALE_OPEN },
                  { SALE_ENDED, 0, "sale_end",
                    1u << SALE_DRAFT | 1u << SALE_OPEN | 1u << SALE_PAUSED } };
    for (uint64_t from = SALE_DRAFT; from <= SALE_ENDED; from++)
        for (size_t m = 0; m < sizeof moves / sizeof *moves; m++) {
            uint64_t id = stage_new_sale (stage, 10);
            stage_sql (stage, "UPDATE sale SET state = %d, version = 7 WHERE sale_id = %d",
                       (int)from, (int)id);
            sale_t sale;
            int rows = s_change (stage, id, moves[m].to, moves[m].from_draft, &sale);
            bool is_same = from == moves[m].to, is_allowed = moves[m].allowed_from >> from & 1;
            assert_int_equal (rows, is_same || is_allowed);
            long long logged = stage_sql_integer (
                stage,
                "SELECT count (*) FROM admin_log WHERE target = 'sale %d' AND action = '%s' "
                "AND who = 'olga'",
                (int)id, moves[m].action);
            assert_int_equal (logged, is_allowed);
            if (rows) {
                assert_int_equal (sale.state, moves[m].to);
                assert_int_equal (sale.version, is_allowed ? 8 : 7);
                assert_int_equal (s_change (stage, id, moves[m].to, moves[m].from_draft, &sale), 1);
                assert_int_equal (sale.version, is_allowed ? 8 : 7);
            }
        }
    sale_t sale;
    assert_int_equal (s_change (stage, 99999999, SALE_OPEN, 1, &sale), 0);
}

static sale_t
s_valid_sale (void)
{
    return (sale_t){ .title = "T",
                     .product_id = "p\"{}\\,",
                     .description = "NULL",
                     .image_url = "/img/x.png",
                     .price_cents = 5,
                     .list_price_cents = 9,
                     .currency = "USD",
                     .stock_total = 7,
                     .starts_at_ms = 10,
                     .ends_at_ms = STAGE_FAR_US / 1000,
                     .per_user_limit = 2,
                     .pay_within_s = 60 };
}

static void
test_sale_create (void **state)
{
    /* A draft comes back as it was given; wrong fields are refused by the tables themselves. */
    stage_t *stage = *state;
    sale_t given = s_valid_sale (), made, wrong;
    assert_int_equal (sql_call (stage->inventory_sql, CALL_SALE_CREATE, &given, 1, &made, 1), 1);
    sale_t expected = given;
    expected.sale_id = made.sale_id;
    expected.version = 1;
    expected.state = SALE_DRAFT;
    expected.stock_left = 7;
    assert_memory_equal (&made, &expected, sizeof made);
#define REFUSED(change)                                                                            \
    wrong = s_valid_sale ();                                                                       \
    change;                                                                                        \
    assert_int_equal (sql_call (stage->inventory_sql, CALL_SALE_CREATE, &wrong, 1, &made, 1), -1); \
    assert_true (!strncmp (store_error (), "23514", 5))
    REFUSED (wrong.title[0] = 0);
    REFUSED (snprintf (wrong.currency, sizeof wrong.currency, "%s", "usd"));
    REFUSED (wrong.price_cents = 1000000001);
    REFUSED (wrong.stock_total = 10000001);
    REFUSED (wrong.per_user_limit = 0);
    REFUSED (wrong.per_user_limit = 101);
    REFUSED (wrong.pay_within_s = 86401);
    REFUSED (wrong.ends_at_ms = wrong.starts_at_ms);
    REFUSED (snprintf (wrong.image_url, sizeof wrong.image_url, "%s", "//evil.example/x"));
    REFUSED (snprintf (wrong.image_url, sizeof wrong.image_url, "%s", "http://evil.example/x"));
#undef REFUSED
}

static void
test_sale_load_and_live (void **state)
{
    /* One sale, pages of all newest first, pages of the live ones ascending; drafts and sales that ended over 24 h ago are not live. */
    stage_t *stage = *state;
    uint64_t a = stage_new_sale (stage, 1), b = stage_new_sale (stage, 2),
             c = stage_new_sale (stage, 3), d = stage_new_sale (stage, 4);
    static sale_t sales[CALL_ROWS_MAX];
    query_t query = { .sale_id = b, .limit = 1 };
    assert_int_equal (sql_call (stage->inventory_sql, CALL_SALE_LOAD, &query, 1, sales, 1), 1);
    assert_true (sales[0].sale_id == b && sales[0].stock_total == 2 && sales[0].epoch == 1);
    query = (query_t){ .limit = 2 };
    assert_int_equal (sql_call (stage->inventory_sql, CALL_SALE_LOAD, &query, 1, sales, 2), 2);
    assert_true (sales[0].sale_id == d && sales[1].sale_id == c);
    query.after = c;
    assert_int_equal (sql_call (stage->inventory_sql, CALL_SALE_LOAD, &query, 1, sales, 2), 2);
    assert_true (sales[0].sale_id == b && sales[1].sale_id == a);

    stage_sql (stage, "UPDATE sale SET state = 1 WHERE sale_id = %d", (int)b);
    stage_sql (
        stage,
        "UPDATE sale SET ends_at_ms = clock_us () / 1000 - 86400000 - 1000 WHERE sale_id = %d",
        (int)c);
    stage_sql (stage,
               "UPDATE sale SET state = 4, ended_at_ms = clock_us () / 1000 - 86400000 + 60000 "
               "WHERE sale_id = %d",
               (int)d);
    query = (query_t){ .after = a - 1, .limit = 10 };
    assert_int_equal (sql_call (stage->inventory_sql, CALL_SALE_LIVE, &query, 1, sales, 10), 2);
    assert_true (sales[0].sale_id == a && sales[1].sale_id == d);
}

static void
test_books (void **state)
{
    /* Every unit is where it belongs through all states, and sold is always what the active orders sum up to. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 20);
    order_event_t events[5];
    order_outcome_t outcomes[5];
    for (uint64_t i = 0; i < 5; i++)
        events[i] = stage_event (sale, 1, 1 + i, 1, 1 + i, 1 + i);
    s_write (stage->ordering_sql, events, 5, outcomes);
    stage_sql (stage, "UPDATE orders SET status = 3 WHERE sale_id = %d AND user_id = 2", (int)sale);
    stage_finish_order (stage->sql, sale, events[2].rid, ORDER_CANCELLED);
    stage_finish_order (stage->sql, sale, events[4].rid, ORDER_EXPIRED);
    epoch_row_t lost = { .sale_id = sale, .token = STAGE_TOKEN, .epoch = 1, .lost_units = 3 };
    assert_int_equal (sql_call (stage->inventory_sql, CALL_EPOCH_BUMP, &lost, 1, &lost, 1), 1);
    books_t books = stage_books (stage, sale);
    assert_int_equal (books.stock_total, 20);
    assert_int_equal (books.sold, 7);
    assert_int_equal (books.pending_payment, 5);
    assert_int_equal (books.paid, 2);
    assert_int_equal (books.returned, 8);
    assert_int_equal (books.returning, 8);
    assert_int_equal (books.duplicated, 0);
    assert_int_equal (books.lost_with_disk, 3);
    assert_int_equal (books.active_count, 3);
}

static void
test_books_see_duplicates (void **state)
{
    /* The auditor is no echo of the constraints: with the guarding indexes gone, planted duplicates are counted. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 20);
    order_event_t event = stage_event (sale, 1, 1, 1, 2, 1);
    assert_int_equal (stage_write_one (stage, &event), ERROR_NONE);
    stage_sql (stage,
               "BEGIN; DROP INDEX orders_active; ALTER TABLE ledger DROP CONSTRAINT ledger_pkey;"
               "INSERT INTO orders (sale_id, rid, user_id, quantity, price_cents, status, "
               "sequence, reserved_us,"
               " gate_pay_before_us, pay_before_us, committed_us, changed_us, body_hash, trace_id, "
               "epoch, actor)"
               " SELECT sale_id, decode (md5 ('planted'), 'hex'), user_id, 1, 1, 2, 9, 1, 1, 1, 1, "
               "1, 1, trace_id, 1, ''"
               " FROM orders WHERE sale_id = %d; INSERT INTO ledger SELECT * FROM ledger WHERE "
               "sale_id = %d",
               (int)sale, (int)sale);
    query_t query = { .sale_id = sale };
    books_t books;
    int rows = sql_call (stage->sql, CALL_SALE_BOOKS, &query, 1, &books, 1);
    stage_sql (stage, "ROLLBACK");
    assert_int_equal (rows, 1);
    assert_int_equal (books.duplicated, 1 + 2);
    assert_int_equal (stage_books (stage, sale).duplicated, 0);
}

/* -------------------------------------------------------------------------- epochs */

static void
test_epoch_bump (void **state)
{
    /* A bump answers the head of its snapshot; a lower token is fenced, an unknown sale not found; a copy of it that comes late changes
     * nothing and counts no lost units. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 50);
    order_event_t event = stage_event (sale, 1, 1, 1, 3, 17);
    assert_int_equal (stage_write_one (stage, &event), ERROR_NONE);
    epoch_row_t ask = { .sale_id = sale, .token = 9, .epoch = 1, .lost_units = 4 }, row;
    for (uint64_t epoch = 2; epoch <= 3; epoch++) {
        assert_int_equal (sql_call (stage->inventory_sql, CALL_EPOCH_BUMP, &ask, 1, &row, 1), 1);
        assert_true (row.code == ERROR_NONE && row.epoch == epoch && row.sold == 3 &&
                     row.stock_total == 50 && row.sequence == 17);
        assert_int_equal (row.lost_units, 4);
        assert_int_equal (sql_call (stage->inventory_sql, CALL_EPOCH_BUMP, &ask, 1, &row, 1), 1);
        assert_true (row.code == ERROR_STALE_EPOCH && row.epoch == epoch);
        ask.epoch = epoch;
        ask.lost_units = 0;
    }
    assert_int_equal (stage_books (stage, sale).lost_with_disk, 4);
    assert_int_equal (stage_bump (stage, sale, 8).code, ERROR_FENCED);
    assert_int_equal (stage_bump (stage, 99999999, 9).code, ERROR_NOT_FOUND);
    assert_int_equal (stage_bump (stage, sale, 9).epoch, 4);
}

typedef struct finisher_t {
    PGconn *sql;
    uint64_t sale_id;
    uint64_t count;
} finisher_t;

static void *
s_finish_all (void *argument)
{
    finisher_t *self = argument;
    for (uint64_t i = 0; i < self->count; i++) {
        gate_purchase_t purchase = stage_purchase (self->sale_id, 1 + i * 7 % self->count, 1, 1);
        stage_finish_order (self->sql, self->sale_id, purchase.rid, ORDER_CANCELLED);
    }
    return NULL;
}

/*  Pages through the snapshot; returns its held units and counts its rids. */
static uint64_t
s_read_snapshot (stage_t *stage, const epoch_row_t *head, uint64_t *rids)
{
    static gate_entry_t page[CALL_ROWS_MAX];
    gate_entry_t ask = { .sale_id = head->sale_id, .epoch = head->epoch, .token = head->token };
    uint64_t held = 0, place = 0;
    *rids = 0;
    for (;;) {
        ask.place = place;
        int rows = sql_call (stage->inventory_sql, CALL_EPOCH_PAGE, &ask, 1, page, CALL_ROWS_MAX);
        if (rows <= 0)
            return held;
        for (int i = 0; i < rows; i++) {
            assert_true (page[i].place > place && page[i].epoch == head->epoch &&
                         page[i].token == head->token);
            place = page[i].place;
            held += page[i].held ? page[i].quantity : 0;
            (*rids)++;
        }
    }
}

static void
test_snapshot_under_concurrent_cancellation (void **state)
{
    /* While orders become final all the time, every bump's pages show exactly the units that its head says were sold, each rid once,
     * and show the same again afterwards; entries written after the bump are not in it. */
    stage_t *stage = *state;
    enum { ORDERS = 3000 };
    uint64_t sale = stage_new_sale (stage, 100000);
    static order_event_t events[BATCH_ENTRIES_MAX];
    static order_outcome_t outcomes[BATCH_ENTRIES_MAX];
    for (uint64_t done = 0; done < ORDERS;) {
        uint64_t count = 0;
        for (; count < BATCH_ENTRIES_MAX && done < ORDERS; count++, done++)
            events[count] = stage_event (sale, 1, 1 + done, 1, 1, 1 + done);
        s_write (stage->ordering_sql, events, count, outcomes);
    }
    finisher_t finisher = { .sql = servers_sql (stage->servers, NULL, "minishop"),
                            .sale_id = sale,
                            .count = ORDERS };
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_finish_all, &finisher), 0);
    epoch_row_t heads[8];
    uint64_t expected_rids = ORDERS, rids, moved = 0;
    for (size_t i = 0; i < 8; i++) {
        heads[i] = stage_bump (stage, sale, STAGE_TOKEN);
        order_event_t late = stage_event (sale, heads[i].epoch, 1000000 + i, 1, 1, 1000000 + i);
        assert_int_equal (stage_write_one (stage, &late), ERROR_NONE);
        assert_int_equal (s_read_snapshot (stage, &heads[i], &rids), heads[i].sold);
        assert_int_equal (rids, expected_rids + i);
        moved += i > 0 && heads[i].sold < heads[i - 1].sold + 1;
    }
    pthread_join (thread, NULL);
    PQfinish (finisher.sql);
    assert_true (moved > 0);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal (s_read_snapshot (stage, &heads[i], &rids), heads[i].sold);
        assert_int_equal (rids, expected_rids + i);
    }
    assert_int_equal (stage_books (stage, sale).sold, 8);
}

/* -------------------------------------------------------------------------- leases */

static lease_t
s_take (PGconn *sql, const char *name, const char *holder, uint64_t incarnation, uint64_t token,
        uint64_t ttl_ms)
{
    lease_t ask = { .incarnation = incarnation, .token = token, .ttl_ms = ttl_ms }, row;
    snprintf (ask.name, sizeof ask.name, "%s", name);
    snprintf (ask.holder, sizeof ask.holder, "%s", holder);
    if (sql_call (sql, CALL_LEASE_TAKE, &ask, 1, &row, 1) != 1)
        fail_msg ("%s", store_error ());
    return row;
}

static void
s_assert_lease (lease_t row, uint64_t held, uint64_t token)
{
    assert_int_equal (row.held, held);
    assert_int_equal (row.token, token);
}

static void
test_lease (void **state)
{
    /* One holder at a time; renewals keep the token, every change of holder raises it; each rule of lease_take, in order. */
    stage_t *stage = *state;
    PGconn *sql = stage->inventory_sql;
    const char *a = "inventory/1", *b = "inventory/2";
    s_assert_lease (s_take (sql, "t", a, 11, 0, 60000), 1, 1);
    s_assert_lease (s_take (sql, "t", a, 11, 0, 60000), 1, 1); /* its answer was lost */
    s_assert_lease (s_take (sql, "t", a, 11, 1, 60000), 1, 1);
    lease_t refused = s_take (sql, "t", b, 22, 0, 60000);
    s_assert_lease (refused, 0, 1);
    assert_string_equal (refused.holder, a);
    s_assert_lease (s_take (sql, "t", a, 12, 0, 60000), 1, 2); /* the same name, started again */
    s_assert_lease (s_take (sql, "t", a, 11, 1, 60000), 0, 2); /* what the dead one left behind */
    s_assert_lease (s_take (sql, "t", a, 12, 2, 0), 1, 2);     /* gives it up */
    s_assert_lease (s_take (sql, "t", a, 12, 2, 0), 1, 2); /* expired, and nobody took it since */
    s_assert_lease (s_take (sql, "t", b, 22, 0, 60000), 1, 3);
    s_assert_lease (s_take (sql, "t", a, 12, 2, 60000), 0, 3);
    s_assert_lease (s_take (stage->broker_sql, "other", "broker/1", 5, 0, 60000), 1, 1);
    stage_sql (
        stage,
        "UPDATE lease SET token = 1, expires_us = 0 WHERE name = 't'"); /* restored from an old copy */
    s_assert_lease (s_take (sql, "t", a, 12, 7, 60000), 1, 8);
}

typedef struct taker_t {
    PGconn *sql;
    uint64_t number;
    uint64_t tokens[200];
    size_t count;
} taker_t;

static void *
s_take_often (void *argument)
{
    taker_t *self = argument;
    char holder[32];
    snprintf (holder, sizeof holder, "inventory/%" PRIu64, self->number);
    for (int i = 0; i < 200; i++) {
        lease_t row = s_take (self->sql, "race", holder, self->number, 0, 0);
        if (row.held)
            self->tokens[self->count++] = row.token;
    }
    return NULL;
}

static void
test_lease_race (void **state)
{
    /* Two takers of an ever expiring lease: no token is ever given to both. */
    stage_t *stage = *state;
    static taker_t takers[2];
    pthread_t threads[2];
    for (uint64_t i = 0; i < 2; i++)
        takers[i] =
            (taker_t){ .number = i + 1,
                       .sql = servers_sql (stage->servers, "minishop_inventory", "minishop") };
    for (size_t i = 0; i < 2; i++)
        assert_int_equal (pthread_create (&threads[i], NULL, s_take_often, &takers[i]), 0);
    for (size_t i = 0; i < 2; i++) {
        pthread_join (threads[i], NULL);
        PQfinish (takers[i].sql);
    }
    for (size_t i = 0, k = 0; i < takers[0].count && k < takers[1].count;) {
        assert_int_not_equal (takers[0].tokens[i], takers[1].tokens[k]);
        if (takers[0].tokens[i] < takers[1].tokens[k])
            i++;
        else
            k++;
    }
    assert_true (takers[0].count == 200 && takers[1].count == 200);
}

/* -------------------------------------------------------------------------- limits, log, accounts */

static void
test_limits_and_log (void **state)
{
    /* Defaults spare a healthy machine; a change raises the version once and is logged with before and after; the log pages backwards. */
    stage_t *stage = *state;
    stage_new_sale (stage, 1); /* writes lines of its own */
    query_t query = { 0 };
    limits_t limits;
    assert_int_equal (sql_call (stage->inventory_sql, CALL_LIMITS_LOAD, &query, 1, &limits, 1), 1);
    assert_true (limits.version == 1 && limits.ip_rate_per_s == 200 && limits.ip_burst == 400 &&
                 limits.user_count == 50 && limits.user_window_ms == 1000 &&
                 limits.sale_rate_per_s == 0 && limits.global_rate_per_s == 0);
    limits.user_count = 60;
    snprintf (limits.actor, sizeof limits.actor, "%s", "olga");
    for (int round = 0; round < 2; round++) {
        limits_t saved;
        assert_int_equal (sql_call (stage->inventory_sql, CALL_LIMITS_SAVE, &limits, 1, &saved, 1),
                          1);
        assert_true (saved.version == 2 && saved.user_count == 60);
        assert_string_equal (saved.actor, "olga");
    }
    log_entry_t entries[2];
    query.limit = 2;
    assert_int_equal (sql_call (stage->inventory_sql, CALL_LOG_LIST, &query, 1, entries, 2), 2);
    assert_string_equal (entries[0].action, "limits_save");
    assert_string_equal (entries[0].who, "olga");
    assert_non_null (strstr (entries[0].before, "user 50 in"));
    assert_non_null (strstr (entries[0].after, "user 60 in"));
    assert_string_not_equal (entries[1].action, "limits_save");
    assert_true (entries[0].at_ms > 1600000000000 && entries[0].place > entries[1].place);
    query.after = entries[0].place;
    log_entry_t older;
    query.limit = 1;
    assert_int_equal (sql_call (stage->inventory_sql, CALL_LOG_LIST, &query, 1, &older, 1), 1);
    assert_int_equal (older.place, entries[1].place);
}

static void
test_accounts (void **state)
{
    /* Adding is idempotent for the same account and refuses a taken name; finding is by name or number; the hash is changed and given
     * only to who asks for the account. */
    stage_t *stage = *state;
    PGconn *sql = stage->account_sql;
    account_row_t ada = { .user_id = 1234567890123456789,
                          .username = "ada.l",
                          .role = "shopper",
                          .display_name = "Ada \"L\"",
                          .password_hash = "$argon2id$x" },
                  row;
    for (int round = 0; round < 2; round++) {
        assert_int_equal (sql_call (sql, CALL_ACCOUNT_ADD, &ada, 1, &row, 1), 1);
        assert_int_equal (row.code, ERROR_NONE);
        assert_string_equal (row.password_hash, "");
    }
    account_row_t thief = ada;
    thief.user_id = 5;
    assert_int_equal (sql_call (sql, CALL_ACCOUNT_ADD, &thief, 1, &row, 1), 1);
    assert_int_equal (row.code, ERROR_USERNAME_TAKEN);
    account_row_t by_name = { .username = "ada.l" }, by_number = { .user_id = ada.user_id },
                  nobody = { .username = "nobody" };
    assert_int_equal (sql_call (sql, CALL_ACCOUNT_FIND, &by_name, 1, &row, 1), 1);
    assert_memory_equal (&row, &ada, sizeof row);
    assert_int_equal (sql_call (sql, CALL_ACCOUNT_FIND, &nobody, 1, &row, 1), 1);
    assert_int_equal (row.code, ERROR_NOT_FOUND);
    snprintf (by_number.password_hash, sizeof by_number.password_hash, "%s", "$argon2id$y");
    assert_int_equal (sql_call (sql, CALL_ACCOUNT_REHASH, &by_number, 1, &row, 1), 1);
    assert_true (row.code == ERROR_NONE && !strcmp (row.password_hash, "$argon2id$y") &&
                 !strcmp (row.username, "ada.l"));
    by_number.user_id = 77;
    assert_int_equal (sql_call (sql, CALL_ACCOUNT_REHASH, &by_number, 1, &row, 1), 1);
    assert_int_equal (row.code, ERROR_NOT_FOUND);
}

static void
test_denials (void **state)
{
    /* Of two denials of the same tokens the stricter counts; expired ones are not listed; full pages lead to the next. */
    stage_t *stage = *state;
    PGconn *sql = stage->account_sql;
    denial_t first = { .user_id = 1, .not_before_ms = 50, .until_ms = STAGE_FAR_US / 1000 },
             weaker = first, row;
    weaker.not_before_ms = 40;
    weaker.until_ms = 1;
    assert_int_equal (sql_call (sql, CALL_DENIAL_ADD, &first, 1, &row, 1), 1);
    assert_int_equal (sql_call (sql, CALL_DENIAL_ADD, &weaker, 1, &row, 1), 1);
    assert_memory_equal (&row, &first, sizeof row);
    denial_t expired = { .user_id = 2, .token_id = { 9 }, .until_ms = 1 };
    assert_int_equal (sql_call (sql, CALL_DENIAL_ADD, &expired, 1, &row, 1), 1);
    for (uint64_t i = 0; i < 4; i++) {
        denial_t token = { .user_id = 3 + i / 2,
                           .token_id = { (uint8_t)(1 + i) },
                           .until_ms = STAGE_FAR_US / 1000 };
        assert_int_equal (sql_call (sql, CALL_DENIAL_ADD, &token, 1, &row, 1), 1);
    }
    query_t query = { .limit = 2 };
    denial_t page[2];
    int seen = 0;
    for (int rows; (rows = sql_call (sql, CALL_DENIAL_LIST, &query, 1, page, 2)) > 0;
         seen += rows) {
        query.user_id = page[rows - 1].user_id;
        memcpy (query.rid, page[rows - 1].token_id, 16);
    }
    assert_int_equal (seen, 5);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_signatures),
        cmocka_unit_test (test_roles_execute_only_their_functions),
        cmocka_unit_test (test_migrations_run_through_psql),
        cmocka_unit_test (test_limits_and_log),
        cmocka_unit_test (test_order_write),
        cmocka_unit_test (test_pay_before),
        cmocka_unit_test (test_guard),
        cmocka_unit_test (test_second_active_order),
        cmocka_unit_test (test_same_rid_twice_in_a_batch),
        cmocka_unit_test (test_stale_epoch),
        cmocka_unit_test (test_release_of_final),
        cmocka_unit_test (test_concurrent_batches),
        cmocka_unit_test (test_plan_of_a_cold_table),
        cmocka_unit_test (test_order_get_and_list),
        cmocka_unit_test (test_sale_change),
        cmocka_unit_test (test_sale_create),
        cmocka_unit_test (test_sale_load_and_live),
        cmocka_unit_test (test_books),
        cmocka_unit_test (test_books_see_duplicates),
        cmocka_unit_test (test_epoch_bump),
        cmocka_unit_test (test_snapshot_under_concurrent_cancellation),
        cmocka_unit_test (test_lease),
        cmocka_unit_test (test_lease_race),
        cmocka_unit_test (test_accounts),
        cmocka_unit_test (test_denials),
    };
    return cmocka_run_group_tests (tests, stage_set_up, stage_tear_down);
}
