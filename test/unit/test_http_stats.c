/*  Statistics of a sale: whole requests against an edge whose actors are scripted. */

#include "http_bench.h"

#define STATS "/api/v1/admin/sales/7/stats"

static order_counts_t s_orders;
static tally_t s_tallies[16];

static void
s_script_all (size_t tallies)
{
    s_orders = (order_counts_t){ .sale_id = 7,
                                 .pending_payment = 5,
                                 .paid = 4,
                                 .cancelled = 3,
                                 .expired = 2,
                                 .rejected = 1,
                                 .refunded = 6 };
    s_script (MSG_ORDER_COUNTS_GET, MSG_ORDER_COUNTS, &s_orders, 1);
    s_script (MSG_TALLY_GET, MSG_TALLY, s_tallies, tallies);
}

static void
test_numbers_come_from_where_they_are (void **state)
{
    /* Counts of the edges, orders of PostgreSQL, stock and journal of the snapshot; attempts are the sum of what was answered, times are
     * rounded up to milliseconds, and what no client can see has no name. */
    (void)state;
    stock_t stock = { .sale_id = 7, .epoch = 1, .stock_left = 3, .journal_count = 40 };
    s_publish (MSG_STOCK, &stock, 1);
    const tally_t tallies[] = { { TALLY_ANSWERED, ERROR_NONE, 20 },
                                { TALLY_ANSWERED, ERROR_SOLD_OUT, 300 },
                                { TALLY_ANSWERED, ERROR_BUSY, 1 },
                                { TALLY_ANSWERED, 79, 9 },
                                { TALLY_ANSWERED, 8000, 9 },
                                { TALLY_WAITING, 0, 2 },
                                { TALLY_P50_US, 0, 1000 },
                                { TALLY_P99_US, 0, 41001 },
                                { 77, 0, 5 } };
    memcpy (s_tallies, tallies, sizeof tallies);
    s_script_all (sizeof tallies / sizeof *tallies);
    const char *answer = s_call ("GET", STATS, OPERATOR, NULL);
    s_check (answer, 200, "");
    HAS (answer,
         "\r\n\r\n{\"attempts\":330,\"accepted\":20,\"refused\":{\"sold_out\":300,\"busy\":1},"
         "\"stock_left\":3,\"orders\":{\"pending_payment\":5,\"paid\":4,\"cancelled\":3,"
         "\"expired\":2,\"rejected\":1,\"refunded\":6},\"p50_ms\":1,\"p99_ms\":42,"
         "\"queue_depth\":42}");
    assert_string_equal (s_asked,
                         "ORDER_COUNTS_GET {\"sale_id\":7,\"operator\":1,\"actor\":\"alice\"}\n"
                         "TALLY_GET {\"sale_id\":7,\"operator\":1,\"actor\":\"alice\"}\n");
}

static void
test_nothing_happened_yet (void **state)
{
    /* A sale without a purchase: all zero, no refusals. */
    (void)state;
    s_script_all (0);
    HAS (s_call ("GET", STATS, OPERATOR, NULL),
         "{\"attempts\":0,\"accepted\":0,\"refused\":{},\"stock_left\":4,");
    HAS (s_call ("GET", STATS, OPERATOR, NULL), "\"p50_ms\":0,\"p99_ms\":0,\"queue_depth\":0}");
}

static void
test_sales_that_edges_do_not_show (void **state)
{
    /* A draft, or a sale long over, is inventory's; one that nobody knows is 404, and nobody else is asked. */
    (void)state;
    static sale_t draft = {
        .sale_id = 9, .state = SALE_DRAFT, .stock_total = 11, .stock_left = 11
    };
    outcome_t outcome;
    s_script_all (0);
    s_script (MSG_SALE_GET, MSG_SALE_REPLY, &draft, 1);
    HAS (s_call ("GET", "/api/v1/admin/sales/9/stats", OPERATOR, NULL), "\"stock_left\":11,");
    s_script (MSG_SALE_GET, MSG_SALE_REPLY, &draft, 0);
    s_check (s_call ("GET", "/api/v1/admin/sales/9/stats", OPERATOR, NULL), 404, "unknown_sale");
    s_script_refusal (MSG_SALE_GET, &outcome, ERROR_UNKNOWN_SALE);
    s_check (s_call ("GET", "/api/v1/admin/sales/9/stats", OPERATOR, NULL), 404, "unknown_sale");
    assert_null (strstr (s_asked, "COUNTS"));
}

static void
test_who_may_ask (void **state)
{
    /* Operators only, by GET only, and a sale is named by its number. */
    (void)state;
    s_script_all (0);
    s_check (s_call ("GET", STATS, "", NULL), 401, "unauthenticated");
    s_check (s_call ("GET", STATS, AUTH, NULL), 403, "forbidden");
    s_check (s_call ("POST", STATS, OPERATOR JSON, "{}"), 405, "method_not_allowed");
    s_check (s_call ("GET", "/api/v1/admin/sales/x/stats", OPERATOR, NULL), 404, "not_found");
    assert_string_equal (s_asked, "");
}

static void
test_without_postgresql (void **state)
{
    /* While PostgreSQL is away the answer is 503 at once, and no edge is asked; a round too many is busy. */
    (void)state;
    outcome_t away, busy;
    s_script_all (0);
    s_script_refusal (MSG_ORDER_COUNTS_GET, &away, ERROR_DEPENDENCY_UNAVAILABLE);
    s_check (s_call ("GET", STATS, OPERATOR, NULL), 503, "dependency_unavailable");
    assert_null (strstr (s_asked, "TALLY"));
    s_script_all (0);
    s_script_refusal (MSG_TALLY_GET, &busy, ERROR_BUSY);
    s_check (s_call ("GET", STATS, OPERATOR, NULL), 503, "busy");
    s_script (MSG_ORDER_COUNTS_GET, MSG_ORDER_COUNTS, &s_orders, 0);
    s_check (s_call ("GET", STATS, OPERATOR, NULL), 500, "internal_error");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        CASE (test_numbers_come_from_where_they_are),
        CASE (test_nothing_happened_yet),
        CASE (test_sales_that_edges_do_not_show),
        CASE (test_who_may_ask),
        CASE (test_without_postgresql),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
