/*  How many orders a sale has in each status, on a real PostgreSQL: the counters that the statistics read. */

#include "embedded.h"
#include "order_stage.h"

/* -------------------------------------------------------------------------- looks */

static order_counts_t
s_counts (stage_t *stage, uint64_t sale)
{
    query_t query = { .sale_id = sale, .operator= 1 };
    order_counts_t counts;
    orders_call (stage->ordering_sql, CALL_ORDER_COUNTS, &query, 1, &counts, 1);
    assert_int_equal (counts.sale_id, sale);
    return counts;
}

static void
s_assert_counts (stage_t *stage, uint64_t sale, const uint64_t wanted[8])
{
    order_counts_t counts = s_counts (stage, sale);
    const uint64_t found[8] = { 0,
                                0,
                                counts.pending_payment,
                                counts.paid,
                                counts.cancelled,
                                counts.expired,
                                counts.rejected,
                                counts.refunded };
    for (int status = ORDER_PENDING_PAYMENT; status <= ORDER_REFUNDED; status++) {
        assert_int_equal (
            stage_sql_integer (stage,
                               "SELECT count (*) FROM orders WHERE sale_id = %d AND status = %d",
                               (int)sale, status),
            wanted[status]);
        assert_int_equal (found[status], wanted[status]);
    }
}

/* -------------------------------------------------------------------------- tests */

static void
test_counts_follow_every_move (void **state)
{
    /* Orders are counted in the status in which they are, in every status, by the functions that move them; a call that comes again, moves
     * nothing, or is undone, counts nothing. A sale without orders has zeros, and one that does not exist too. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 100), user = 1;
    uint64_t wanted[8] = { 0 };
    s_assert_counts (stage, sale, wanted);
    s_assert_counts (stage, sale + 1000000, wanted);
    for (uint64_t status = ORDER_PENDING_PAYMENT; status <= ORDER_REFUNDED; status++)
        for (uint64_t i = 0; i < status; i++) {
            if (status == ORDER_REJECTED) {
                order_event_t event = stage_event (sale, 1, user, 1, 1, user);
                dead_letter_t letter = orders_letter (&event);
                assert_int_equal (orders_reject (stage, &letter), ERROR_REJECTED);
                assert_int_equal (orders_reject (stage, &letter), ERROR_NONE);
            } else {
                order_event_t event = orders_order_in (stage, sale, user, status);
                order_change_t change = orders_change (&event);
                assert_int_equal (stage_write_one (stage, &event), ERROR_NONE);
                if (status == ORDER_CANCELLED)
                    assert_int_equal (orders_cancel (stage, &change), ERROR_NONE);
            }
            wanted[status]++;
            user++;
            s_assert_counts (stage, sale, wanted);
        }
    order_event_t unwritten = stage_event (sale, 1, user, 1, 1, user);
    order_change_t tombstone = orders_held (&unwritten); /* cancelled from the start */
    assert_int_equal (orders_cancel (stage, &tombstone), ERROR_NONE);
    wanted[ORDER_CANCELLED]++;
    stage_sql (stage, "UPDATE orders SET pay_before_us = pay_before_us + 1 WHERE sale_id = %d",
               (int)sale);
    PQclear (PQexec (stage->sql, "BEGIN"));
    stage_sql (stage, "UPDATE orders SET status = 3 WHERE sale_id = %d AND status = 2", (int)sale);
    PQclear (PQexec (stage->sql, "ROLLBACK"));
    s_assert_counts (stage, sale, wanted);
}

static void
test_one_batch_of_several_sales (void **state)
{
    /* One call that writes orders of two sales, some of them twice and some not granted, counts each where it belongs. */
    stage_t *stage = *state;
    uint64_t large = stage_new_sale (stage, 100), small = stage_new_sale (stage, 3);
    static order_event_t events[BATCH_ENTRIES_MAX];
    static order_outcome_t outcomes[BATCH_ENTRIES_MAX];
    for (uint64_t i = 0; i < 30; i++)
        events[i] = stage_event (i % 3 ? large : small, 1, 500 + i, 1, 1, 1 + i);
    memcpy (&events[30], &events[0], 10 * sizeof *events);
    for (int round = 0; round < 2; round++)
        orders_call (stage->ordering_sql, CALL_ORDER_WRITE, events, 40, outcomes, 40);
    s_assert_counts (stage, large, (const uint64_t[8]){ [ORDER_PENDING_PAYMENT] = 20 });
    s_assert_counts (stage, small,
                     (const uint64_t[8]){ [ORDER_PENDING_PAYMENT] = 3, [ORDER_REJECTED] = 7 });
}

static void
test_orders_that_are_there_already (void **state)
{
    /* The migration counts the orders of a database that has some. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 10);
    orders_order_in (stage, sale, 801, ORDER_PAID);
    orders_order_in (stage, sale, 802, ORDER_EXPIRED);
    orders_order_in (stage, sale, 803, ORDER_PENDING_PAYMENT);
    stage_sql (stage, "DROP FUNCTION orders_count_new, orders_count_moved, order_counts CASCADE; "
                      "DROP TABLE order_count");
    orders_order_in (stage, sale, 804, ORDER_PENDING_PAYMENT); /* counted by nobody */
    for (const embedded_t *file = embedded_migrations; file->name; file++)
        if (strcmp (file->name, "009_sale_stats") == 0) {
            PGresult *result = PQexec (stage->sql, file->text);
            assert_int_equal (PQresultStatus (result), PGRES_COMMAND_OK);
            PQclear (result);
        }
    uint64_t wanted[8] = { [ORDER_PENDING_PAYMENT] = 2, [ORDER_PAID] = 1, [ORDER_EXPIRED] = 1 };
    s_assert_counts (stage, sale, wanted);
    orders_order_in (stage, sale, 805, ORDER_CANCELLED);
    wanted[ORDER_CANCELLED]++;
    s_assert_counts (stage, sale, wanted);
}

static void
test_counting_reads_no_order (void **state)
{
    /* While nobody may even read the table of orders, and the sale's row is locked, the counts are answered: so they cost the same however
     * many orders there are, and hold nobody up. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 10);
    orders_pending (stage, sale, 901, 1);
    PQclear (PQexec (stage->sql, "BEGIN"));
    stage_sql (stage, "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE");
    stage_sql (stage, "UPDATE sale SET token = token WHERE sale_id = %d", (int)sale);
    assert_int_equal (s_counts (stage, sale).pending_payment, 1);
    PQclear (PQexec (stage->sql, "ROLLBACK"));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_counts_follow_every_move),
        cmocka_unit_test (test_one_batch_of_several_sales),
        cmocka_unit_test (test_orders_that_are_there_already),
        cmocka_unit_test (test_counting_reads_no_order),
    };
    return cmocka_run_group_tests (tests, stage_set_up, stage_tear_down);
}
