/*  Payments on a real PostgreSQL: made, told to providers, and what those say of them, in any order. */

#include "order_stage.h"

#include "unit/dice.h"

/* -------------------------------------------------------------------------- payments */

static void
test_payment_create (void **state)
{
    /* Each rule of payment_create, in order; the same key gives the same payment in every state. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 100);
    order_event_t event = orders_pending (stage, sale, 1, 3),
                  missing = stage_event (sale, 1, 2, 1, 1, 2);
    payment_order_t ask = orders_payment_order (&event, 1),
                    other = orders_payment_order (&missing, 1);
    assert_int_equal (orders_pay (stage, &other).code, ERROR_NOT_FOUND);
    other = ask;
    other.user_id = 2;
    assert_int_equal (orders_pay (stage, &other).code, ERROR_NOT_FOUND);
    payment_t first = orders_pay (stage, &ask), again = orders_pay (stage, &ask);
    assert_true (first.code == ERROR_NONE && first.status == PAYMENT_PENDING &&
                 first.amount_cents == 3 * STAGE_PRICE_CENTS &&
                 first.created_us == first.changed_us && first.created_us > 0);
    assert_string_equal (first.outcome, "succeed");
    assert_memory_equal (&first, &again, sizeof first);
    assert_int_equal (orders_pay (stage, &other).code, ERROR_NOT_FOUND);
    other = ask;
    snprintf (other.outcome, sizeof other.outcome, "decline");
    assert_int_equal (orders_pay (stage, &other).code, ERROR_IDEMPOTENCY_MISMATCH);
    other = orders_payment_order (&event, 2); /* another key, the payment_id of the first */
    memcpy (other.payment_id, ask.payment_id, 16);
    assert_int_equal (orders_pay (stage, &other).code, ERROR_IDEMPOTENCY_MISMATCH);
    other = orders_payment_order (&event, 3);
    other.sale_id = 0;
    assert_true (orders_pay (stage, &other).code == ERROR_NONE);
    other.key[0] = 0;
    assert_int_equal (orders_pay (stage, &other).code, ERROR_INVALID_FIELD);
    for (uint64_t i = 4; i < 54; i++) {
        other = orders_payment_order (&event, i);
        assert_int_equal (orders_pay (stage, &other).code,
                          i < 52 ? ERROR_NONE : ERROR_LIMIT_EXCEEDED);
    }
    assert_int_equal (orders_say (stage, &ask, PAYMENT_CAPTURED).order_status, ORDER_PAID);
    assert_int_equal (orders_pay (stage, &ask).status, PAYMENT_CAPTURED);
    other = orders_payment_order (&event, 99);
    assert_int_equal (orders_pay (stage, &other).code, ERROR_INVALID_STATE);
    order_event_t cancelled = orders_order_in (stage, sale, 3, ORDER_CANCELLED);
    other = orders_payment_order (&cancelled, 1);
    assert_int_equal (orders_pay (stage, &other).code, ERROR_INVALID_STATE);
    payment_order_t batch[3] = { orders_payment_order (&missing, 1), ask, ask };
    payment_t rows[3];
    orders_call (stage->ordering_sql, CALL_PAYMENT_CREATE, batch, 3, rows, 3);
    assert_true (rows[0].code == ERROR_NOT_FOUND && rows[1].code == ERROR_NONE);
    assert_memory_equal (&rows[1], &rows[2], sizeof rows[1]);
    assert_int_equal (orders_rows (stage, "order_move", event.rid, "event = 'payment_created'"),
                      50);
}

static void
test_life_after_the_archive (void **state)
{
    /* An order of the last second of a sale has up to a day to be paid, and its sale may be archived before: it is paid, cancelled, expired
       and refunded all the same, and its units are on a way back that the relay ends. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 10);
    order_event_t events[4];
    payment_order_t asks[4];
    for (uint64_t i = 0; i < 4; i++) {
        events[i] = orders_pending (stage, sale, i + 1, 1);
        asks[i] = orders_payment_order (&events[i], 1);
    }
    stage_sql (stage, "UPDATE sale SET ends_at_ms = 2 WHERE sale_id = %" PRIu64, sale);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal (orders_pay (stage, &asks[i]).code, ERROR_NONE);
    assert_int_equal (orders_say (stage, &asks[0], PAYMENT_CAPTURED).order_status, ORDER_PAID);
    assert_int_equal (orders_say (stage, &asks[0], PAYMENT_REFUNDED).order_status, ORDER_REFUNDED);
    orders_assert_final (stage, events[0].rid, ORDER_REFUNDED, "provider");
    order_change_t change = orders_change (&events[1]);
    assert_int_equal (orders_cancel (stage, &change), ERROR_NONE);
    orders_assert_final (stage, events[1].rid, ORDER_CANCELLED, "shopper");
    orders_set_due (stage, events[2].rid, 1);
    assert_int_equal (orders_expire (stage->ordering_sql, 0, 0, 8).expired_count, 1);
    assert_int_equal (orders_say (stage, &asks[2], PAYMENT_CAPTURED).status, PAYMENT_REFUND_DUE);
    assert_int_equal (orders_pay (stage, &asks[3]).code, ERROR_NONE);
    books_t books = stage_books (stage, sale);
    assert_true (books.sold == 1 && books.pending_payment == 1 && books.returning == 3);
    release_t releases[8];
    query_t query = { .sale_id = sale, .limit = 8 };
    assert_int_equal (sql_call (stage->inventory_sql, CALL_RELEASE_LIST, &query, 1, releases, 8),
                      3);
}

static void
test_create_waits_for_no_row (void **state)
{
    /* A payment of an order that is not there takes no lock: it is answered while the sale is being written. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 10);
    order_event_t missing = stage_event (sale, 1, 2, 1, 1, 2);
    payment_order_t ask = orders_payment_order (&missing, 1);
    stage_sql (stage, "BEGIN; SELECT 1 FROM sale WHERE sale_id = %d FOR UPDATE", (int)sale);
    PQclear (PQexec (stage->ordering_sql, "SET lock_timeout = '100ms'"));
    assert_int_equal (orders_pay (stage, &ask).code, ERROR_NOT_FOUND);
    PQclear (PQexec (stage->ordering_sql, "RESET lock_timeout"));
    stage_sql (stage, "COMMIT");
}

/*  The table at payment_event_take. `before` are the steps that lead to the state: c captured, d declined, r refunded, x the order is
    cancelled, p it is paid by another payment. Then comes `outcome`; the rest is expected. */
static const struct {
    const char *before;
    uint64_t outcome, payment, order;
} s_table[] = {
    { "", PAYMENT_CAPTURED, PAYMENT_CAPTURED, ORDER_PAID },
    { "", PAYMENT_DECLINED, PAYMENT_DECLINED, ORDER_PENDING_PAYMENT },
    { "", PAYMENT_REFUNDED, PAYMENT_REFUNDED, ORDER_PENDING_PAYMENT },
    { "d", PAYMENT_CAPTURED, PAYMENT_CAPTURED, ORDER_PAID },
    { "d", PAYMENT_DECLINED, PAYMENT_DECLINED, ORDER_PENDING_PAYMENT },
    { "d", PAYMENT_REFUNDED, PAYMENT_REFUNDED, ORDER_PENDING_PAYMENT },
    { "r", PAYMENT_CAPTURED, PAYMENT_REFUNDED, ORDER_PENDING_PAYMENT },
    { "r", PAYMENT_DECLINED, PAYMENT_REFUNDED, ORDER_PENDING_PAYMENT },
    { "c", PAYMENT_CAPTURED, PAYMENT_CAPTURED, ORDER_PAID },
    { "c", PAYMENT_DECLINED, PAYMENT_CAPTURED, ORDER_PAID },
    { "c", PAYMENT_REFUNDED, PAYMENT_REFUNDED, ORDER_REFUNDED },
    { "cr", PAYMENT_CAPTURED, PAYMENT_REFUNDED, ORDER_REFUNDED },
    { "cr", PAYMENT_REFUNDED, PAYMENT_REFUNDED, ORDER_REFUNDED },
    { "x", PAYMENT_CAPTURED, PAYMENT_REFUND_DUE, ORDER_CANCELLED },
    { "x", PAYMENT_DECLINED, PAYMENT_DECLINED, ORDER_CANCELLED },
    { "xd", PAYMENT_CAPTURED, PAYMENT_REFUND_DUE, ORDER_CANCELLED },
    { "xc", PAYMENT_CAPTURED, PAYMENT_REFUND_DUE, ORDER_CANCELLED },
    { "xc", PAYMENT_DECLINED, PAYMENT_REFUND_DUE, ORDER_CANCELLED },
    { "xc", PAYMENT_REFUNDED, PAYMENT_REFUNDED, ORDER_CANCELLED },
    { "p", PAYMENT_CAPTURED, PAYMENT_REFUND_DUE, ORDER_PAID },
    { "p", PAYMENT_DECLINED, PAYMENT_DECLINED, ORDER_PAID },
    { "pd", PAYMENT_CAPTURED, PAYMENT_REFUND_DUE, ORDER_PAID },
    { "pc", PAYMENT_REFUNDED, PAYMENT_REFUNDED, ORDER_PAID },
};

static void
test_event_table (void **state)
{
    /* Every event in every state of payment and order, as the table at payment_event_take says. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 100);
    for (size_t i = 0; i < sizeof s_table / sizeof *s_table; i++) {
        order_event_t event = orders_pending (stage, sale, 1 + i, 1);
        payment_order_t ask = orders_payment_order (&event, 1),
                        rival = orders_payment_order (&event, 2);
        order_change_t change = orders_change (&event);
        assert_int_equal (orders_pay (stage, &ask).code + orders_pay (stage, &rival).code, 0);
        for (const char *step = s_table[i].before; *step; step++) {
            if (*step == 'x')
                assert_int_equal (orders_cancel (stage, &change), ERROR_NONE);
            else if (*step == 'p')
                orders_say (stage, &rival, PAYMENT_CAPTURED);
            else
                orders_say (stage, &ask,
                            *step == 'c'   ? PAYMENT_CAPTURED
                            : *step == 'd' ? PAYMENT_DECLINED
                                           : PAYMENT_REFUNDED);
        }
        uint64_t payment = orders_payment_status (stage, &ask);
        uint64_t order = (uint64_t)orders_order_number (stage, event.rid, "status");
        payment_move_t move = orders_say (stage, &ask, s_table[i].outcome);
        if (orders_payment_status (stage, &ask) != s_table[i].payment ||
            (uint64_t)orders_order_number (stage, event.rid, "status") != s_table[i].order)
            fail_msg ("row %zu (%s, %s): payment %s", i, s_table[i].before,
                      payment_status_name (s_table[i].outcome),
                      payment_status_name (orders_payment_status (stage, &ask)));
        assert_int_equal (move.code, ERROR_NONE);
        assert_int_equal (move.status, payment == s_table[i].payment ? 0 : s_table[i].payment);
        assert_int_equal (move.order_status, order == s_table[i].order ? 0 : s_table[i].order);
        if (s_table[i].order == ORDER_REFUNDED)
            orders_assert_final (stage, event.rid, ORDER_REFUNDED, "provider");
        /* the provider is told of refunds, and of what is pending, and of nothing else */
        assert_int_equal (
            stage_sql_integer (
                stage, "SELECT count (*) FROM payment WHERE payment_id = '\\x%s' AND send_us > 0",
                orders_hex (ask.payment_id)),
            s_table[i].payment == PAYMENT_REFUND_DUE);
    }
    books_t books = stage_books (stage, sale);
    assert_int_equal (books.sold, books.pending_payment + books.paid);
}

static void
test_event_once (void **state)
{
    /* An event is taken once, by its name, in a batch too; one that names another order or amount is refused and leaves nothing; an
     * unknown payment's is kept, comes again, and is taken when the payment is there. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 100);
    order_event_t order = orders_pending (stage, sale, 1, 1),
                  other = orders_pending (stage, sale, 2, 1);
    payment_order_t ask = orders_payment_order (&order, 1);
    payment_event_t captured = orders_event (&ask, PAYMENT_CAPTURED, STAGE_PRICE_CENTS, "one"),
                    wrong = captured;
    for (int round = 0; round < 2; round++) {
        assert_int_equal (orders_take (stage, &captured).code, ERROR_BUSY);
        assert_int_equal (orders_rows (stage, "payment_unmatched", order.rid, "true"), 1);
    }
    assert_int_equal (orders_pay (stage, &ask).code, ERROR_NONE);
    wrong.amount_cents++;
    assert_int_equal (orders_take (stage, &wrong).code, ERROR_INVALID_FIELD);
    wrong = captured;
    memcpy (wrong.rid, other.rid, 16);
    assert_int_equal (orders_take (stage, &wrong).code, ERROR_INVALID_FIELD);
    wrong = captured;
    wrong.outcome = PAYMENT_PENDING;
    assert_int_equal (orders_take (stage, &wrong).code, ERROR_INVALID_FIELD);
    wrong = captured;
    wrong.event_id[0] = 0;
    assert_int_equal (orders_take (stage, &wrong).code, ERROR_INVALID_FIELD);
    assert_int_equal (orders_payment_status (stage, &ask), PAYMENT_PENDING);
    payment_event_t batch[4] = { captured, captured, wrong, captured };
    payment_move_t moves[4];
    orders_call (stage->ordering_sql, CALL_PAYMENT_EVENT_TAKE, batch, 4, moves, 4);
    assert_true (moves[0].code == ERROR_NONE && moves[0].status == PAYMENT_CAPTURED &&
                 moves[0].order_status == ORDER_PAID);
    assert_true (moves[1].code == ERROR_NONE && moves[1].status == 0 && moves[1].order_status == 0);
    assert_true (moves[2].code == ERROR_INVALID_FIELD && moves[3].code == ERROR_NONE);
    assert_int_equal (orders_rows (stage, "payment_unmatched", order.rid, "true"), 0);
    assert_int_equal (
        orders_rows (stage, "order_move", order.rid, "event IN ('paid', 'payment_captured')"), 2);
    /* of unmatched ones at most 10,000 are kept */
    stage_sql (stage, "INSERT INTO payment_unmatched SELECT 'x' || n, '', '', 2, 1, 1 FROM "
                      "generate_series (1, 9999) n");
    for (uint64_t i = 0; i < 3; i++) {
        payment_order_t nobody = orders_payment_order (&order, 100 + i);
        payment_event_t stray = orders_event (&nobody, PAYMENT_CAPTURED, 1, "stray");
        assert_int_equal (orders_take (stage, &stray).code, ERROR_BUSY);
    }
    assert_int_equal (stage_sql_integer (stage, "SELECT count (*) FROM payment_unmatched"), 10000);
    stage_sql (stage, "DELETE FROM payment_unmatched");
}

static void
test_events_in_any_order (void **state)
{
    /* Two payments of one order, events of both with duplicates and a cancel, in random orders: money is exact in each. A payment whose
     * refund was said ends refunded; the other, whose capture was said, is what the order is paid by, or is to be refunded. */
    stage_t *stage = *state;
    dice_t dice = dice_seeded (11);
    uint64_t sale = stage_new_sale (stage, 1000), paid = 0, refunded = 0;
    for (uint64_t round = 0; round < 200; round++) {
        order_event_t event = orders_pending (stage, sale, 1 + round, 1);
        payment_order_t asks[2] = { orders_payment_order (&event, 1),
                                    orders_payment_order (&event, 2) };
        order_change_t change = orders_change (&event);
        assert_int_equal (orders_pay (stage, &asks[0]).code + orders_pay (stage, &asks[1]).code, 0);
        payment_event_t events[] = {
            orders_event (&asks[0], PAYMENT_CAPTURED, STAGE_PRICE_CENTS, "c"),
            orders_event (&asks[0], PAYMENT_CAPTURED, STAGE_PRICE_CENTS, "c2"),
            orders_event (&asks[0], PAYMENT_DECLINED, STAGE_PRICE_CENTS, "d"),
            orders_event (&asks[0], PAYMENT_REFUNDED, STAGE_PRICE_CENTS, "r"),
            orders_event (&asks[1], PAYMENT_CAPTURED, STAGE_PRICE_CENTS, "c"),
            orders_event (&asks[1], PAYMENT_DECLINED, STAGE_PRICE_CENTS, "d")
        };
        for (size_t left = 12; left > 0; left--) {
            uint64_t which = dice_roll (&dice, 7);
            if (which == 6 && dice_roll (&dice, 4) == 0)
                orders_cancel (stage, &change);
            else if (which < 6)
                assert_int_equal (orders_take (stage, &events[which]).code, ERROR_NONE);
        }
        for (size_t i = 0; i < 6; i++)
            assert_int_equal (orders_take (stage, &events[i]).code, ERROR_NONE);
        uint64_t order = (uint64_t)orders_order_number (stage, event.rid, "status");
        uint64_t second = orders_payment_status (stage, &asks[1]);
        assert_int_equal (orders_payment_status (stage, &asks[0]), PAYMENT_REFUNDED);
        assert_int_equal (second, order == ORDER_PAID ? PAYMENT_CAPTURED : PAYMENT_REFUND_DUE);
        paid += order == ORDER_PAID;
        refunded += order == ORDER_REFUNDED;
    }
    orders_assert_money (stage, "true");
    books_t books = stage_books (stage, sale);
    assert_true (books.sold == books.paid && books.paid == paid);
    printf ("# paid %" PRIu64 ", refunded %" PRIu64 ", cancelled %" PRIu64 "\n", paid, refunded,
            200 - paid - refunded);
    assert_true (paid > 0 && refunded > 0 && paid + refunded < 200);
}

static size_t
s_due (PGconn *sql, uint64_t token, charge_t *charges)
{
    scan_t scan = { .token = token, .limit = 256 };
    int rows = sql_call (sql, CALL_PAYMENT_DUE, &scan, 1, charges, 256);
    if (rows < 0)
        fail_msg ("%s", store_error ());
    return (size_t)rows;
}

static long long
s_wait_ms (stage_t *stage, const payment_order_t *ask)
{
    return stage_sql_integer (
        stage, "SELECT (send_us - clock_us ()) / 1000 FROM payment WHERE payment_id = '\\x%s'",
        orders_hex (ask->payment_id));
}

static void
test_payment_due (void **state)
{
    /* Nothing before its time; then each time twice as far away up to a minute. Charges end after 20 times, and with the order; refunds
     * go on. A token below the lease's gets nothing. */
    stage_t *stage = *state;
    static charge_t charges[256];
    stage_sql (stage, "UPDATE payment SET send_us = 0");
    uint64_t sale = stage_new_sale (stage, 10);
    order_event_t order = orders_pending (stage, sale, 1, 2);
    payment_order_t charge = orders_payment_order (&order, 1),
                    refund = orders_payment_order (&order, 2);
    assert_int_equal (orders_pay (stage, &charge).code + orders_pay (stage, &refund).code, 0);
    assert_int_equal (s_due (stage->ordering_sql, 0, charges), 0);
    assert_in_range (s_wait_ms (stage, &charge), 1000, 3000);
    for (int i = 0; i < 25; i++) {
        stage_sql (stage,
                   "UPDATE payment SET send_us = 1 WHERE send_us > 0 AND payment_id = '\\x%s'",
                   orders_hex (charge.payment_id));
        size_t count = s_due (stage->ordering_sql, 0, charges);
        assert_int_equal (count, i < 20);
        if (count) {
            assert_true (charges[0].amount_cents == 2 * STAGE_PRICE_CENTS &&
                         charges[0].refund == 0);
            assert_string_equal (charges[0].outcome, "succeed");
            assert_memory_equal (charges[0].payment_id, charge.payment_id, 16);
            long long wait_ms = i < 5 ? 2000LL << i : 60000;
            assert_in_range (s_wait_ms (stage, &charge), wait_ms - 1000, wait_ms);
        }
    }
    /* a final order's charge is not sent any more; its capture is refunded for ever */
    stage_sql (stage, "UPDATE payment SET send_us = 1, sent_count = 0 WHERE rid = '\\x%s'",
               orders_hex (order.rid));
    order_change_t change = orders_change (&order);
    assert_int_equal (orders_cancel (stage, &change), ERROR_NONE);
    assert_int_equal (orders_say (stage, &refund, PAYMENT_CAPTURED).status, PAYMENT_REFUND_DUE);
    assert_in_range (s_wait_ms (stage, &refund) + 1000, 0, 1000);
    lease_t lease = { .name = "scheduler", .holder = "ordering/7", .incarnation = 7, .ttl_ms = 0 };
    orders_call (stage->ordering_sql, CALL_LEASE_TAKE, &lease, 1, &lease, 1);
    assert_int_equal (lease.held, 1);
    if (lease.token > 1)
        assert_int_equal (s_due (stage->ordering_sql, lease.token - 1, charges), 0);
    for (int i = 0; i < 30; i++) {
        assert_int_equal (s_due (stage->ordering_sql, lease.token, charges), 1);
        assert_true (charges[0].refund == 1 &&
                     !memcmp (charges[0].payment_id, refund.payment_id, 16));
        stage_sql (stage,
                   "UPDATE payment SET send_us = 1 WHERE send_us > 0 AND payment_id = '\\x%s'",
                   orders_hex (refund.payment_id));
    }
    /* two callers take different rows, and neither waits */
    stage_sql (stage, "BEGIN; SELECT 1 FROM payment WHERE payment_id = '\\x%s' FOR UPDATE",
               orders_hex (refund.payment_id));
    assert_int_equal (s_due (stage->ordering_sql, 0, charges), 0);
    stage_sql (stage, "COMMIT");
    assert_int_equal (s_due (stage->ordering_sql, 0, charges), 1);
    assert_int_equal (orders_say (stage, &refund, PAYMENT_REFUNDED).status, PAYMENT_REFUNDED);
    stage_sql (stage, "UPDATE payment SET send_us = 1 WHERE send_us > 0");
    assert_int_equal (s_due (stage->ordering_sql, 0, charges), 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_payment_create),
        cmocka_unit_test (test_create_waits_for_no_row),
        cmocka_unit_test (test_event_table),
        cmocka_unit_test (test_event_once),
        cmocka_unit_test (test_events_in_any_order),
        cmocka_unit_test (test_life_after_the_archive),
        cmocka_unit_test (test_payment_due),
    };
    return cmocka_run_group_tests (tests, stage_set_up, stage_tear_down);
}
