/*  The release relay: every row of the state table in relay.c. */

#include "inventory_bench.h"

static release_t
s_row (uint64_t sale_id, uint8_t rid)
{
    release_t row = { .sale_id = sale_id, .epoch = 2, .rid = { rid }, .place = rid };
    return row;
}

/*  A leader with sales 1 and 2 open whose relay has just asked for its list. */
static bench_t *
s_listing (void)
{
    bench_t *bench = bench_new ();
    sale_t sales[2] = { bench_sale (1), bench_sale (2) };
    bench_lead_two (bench, sales);
    bench_pass (bench, 500 * MS);
    bench_take (bench);
    assert_non_null (bench_find (bench, CALL_RELEASE_LIST, PURPOSE_RELAY));
    return bench;
}

/*  Rows go to their gates sale by sale in the order of the box, with the gate's epoch; only final ones are deleted. */
static void
test_round (void **state)
{
    (void)state;
    bench_t *bench = s_listing ();
    release_t rows[4] = { s_row (1, 0xa1), s_row (2, 0xb1), s_row (1, 0xa2), s_row (2, 0xb2) };
    bench_answer (bench, CALL_RELEASE_LIST, PURPOSE_RELAY, rows, 4);
    assert_string_equal (bench_take (bench),
                         "call gate_release "
                         "[{\"sale_id\":1,\"epoch\":2,\"rid\":\"a1000000000000000000000000000000\","
                         "\"token\":7,\"place\":161},"
                         "{\"sale_id\":1,\"epoch\":2,\"rid\":\"a2000000000000000000000000000000\","
                         "\"token\":7,\"place\":162}]\n"
                         "call gate_release "
                         "[{\"sale_id\":2,\"epoch\":2,\"rid\":\"b1000000000000000000000000000000\","
                         "\"token\":7,\"place\":177},"
                         "{\"sale_id\":2,\"epoch\":2,\"rid\":\"b2000000000000000000000000000000\","
                         "\"token\":7,\"place\":178}]\n");
    release_t first[2] = { rows[0], rows[2] };
    first[1].code = ERROR_RECOVERING;
    bench_answer (bench, CALL_GATE_RELEASE, PURPOSE_RELAY, first, 2);
    assert_string_equal (bench_take (bench), "");
    release_t second[2] = { rows[1], rows[3] };
    bench_answer (bench, CALL_GATE_RELEASE, PURPOSE_RELAY, second, 2);
    assert_int_equal (rig_added (bench->rig, METRIC_RELEASED, 0), 3);
    assert_string_equal (bench_take (bench),
                         "call release_done "
                         "[{\"sale_id\":1,\"epoch\":2,\"rid\":\"a1000000000000000000000000000000\","
                         "\"token\":7,\"place\":161},"
                         "{\"sale_id\":2,\"epoch\":2,\"rid\":\"b1000000000000000000000000000000\","
                         "\"token\":7,\"place\":177},"
                         "{\"sale_id\":2,\"epoch\":2,\"rid\":\"b2000000000000000000000000000000\","
                         "\"token\":7,\"place\":178}]\n");
    bench_code (bench, CALL_RELEASE_DONE, PURPOSE_RELAY, ERROR_NONE);
    assert_null (bench_find (bench, CALL_RELEASE_LIST, PURPOSE_RELAY));
    bench_pass (bench, 500 * MS);
    assert_non_null (bench_find (bench, CALL_RELEASE_LIST, PURPOSE_RELAY));
    bench_destroy (bench);
}

/*  A gate that does not answer deletes nothing, and stops no other sale. */
static void
test_failures (void **state)
{
    (void)state;
    for (result_status_t status = RESULT_REFUSED; status <= RESULT_UNKNOWN; status++) {
        bench_t *bench = s_listing ();
        release_t rows[2] = { s_row (1, 0xa1), s_row (2, 0xb1) };
        bench_answer (bench, CALL_RELEASE_LIST, PURPOSE_RELAY, rows, 2);
        bench_take (bench);
        bench_fail (bench, CALL_GATE_RELEASE, PURPOSE_RELAY, status);
        bench_answer (bench, CALL_GATE_RELEASE, PURPOSE_RELAY, &rows[1], 1);
        assert_string_equal (bench_take (bench),
                             "call release_done "
                             "[{\"sale_id\":2,\"epoch\":2,\"rid\":"
                             "\"b1000000000000000000000000000000\",\"token\":7,\"place\":177}]\n");
        bench_fail (bench, CALL_RELEASE_DONE, PURPOSE_RELAY, status);
        bench_pass (bench, 500 * MS);
        bench_fail (bench, CALL_RELEASE_LIST, PURPOSE_RELAY, status);
        bench_pass (bench, 500 * MS);
        bench_answer (bench, CALL_RELEASE_LIST, PURPOSE_RELAY, rows, 1);
        bench_take (bench);
        bench_fail (bench, CALL_GATE_RELEASE, PURPOSE_RELAY, status);
        assert_string_equal (bench_take (bench), "");
        bench_pass (bench, 500 * MS);
        assert_non_null (bench_find (bench, CALL_RELEASE_LIST, PURPOSE_RELAY));
        bench_destroy (bench);
    }
}

/*  Rows of a gate that is being rebuilt wait; rows of an archived sale are deleted without asking a gate. */
static void
test_waiting_and_archived (void **state)
{
    (void)state;
    bench_t *bench = s_listing ();
    gate_state_t gate = bench_gate (bench);
    gate.same_run = 0;
    bench_pass (bench, 1 * SECOND_US);
    bench_poll (bench, &gate);
    bench_take (bench);
    release_t rows[2] = { s_row (1, 0xa1), s_row (9, 0xc1) };
    bench_answer (bench, CALL_RELEASE_LIST, PURPOSE_RELAY, rows, 2);
    assert_string_equal (bench_take (bench),
                         "call release_done "
                         "[{\"sale_id\":9,\"epoch\":2,\"rid\":\"c1000000000000000000000000000000\","
                         "\"token\":7,\"place\":193}]\n");
    bench_destroy (bench);
}

/*  A full list is followed by the next at once when something went; the lease is needed for each. */
static void
test_full_list (void **state)
{
    (void)state;
    static release_t rows[RELEASES_MAX];
    bench_t *bench = s_listing ();
    for (size_t i = 0; i < RELEASES_MAX; i++)
        rows[i] = s_row (1, (uint8_t)i);
    bench_answer (bench, CALL_RELEASE_LIST, PURPOSE_RELAY, rows, RELEASES_MAX);
    bench_answer (bench, CALL_GATE_RELEASE, PURPOSE_RELAY, rows, RELEASES_MAX);
    bench_code (bench, CALL_RELEASE_DONE, PURPOSE_RELAY, ERROR_NONE);
    assert_non_null (bench_find (bench, CALL_RELEASE_LIST, PURPOSE_RELAY));
    bench->rig->now_us += 4 * SECOND_US;
    bench_answer (bench, CALL_RELEASE_LIST, PURPOSE_RELAY, NULL, 0);
    bench_pass (bench, 1 * SECOND_US);
    assert_null (bench_find (bench, CALL_RELEASE_LIST, PURPOSE_RELAY));
    bench_destroy (bench);
}

/*  Sale that the list in flight is of, 0 = of all. */
static uint64_t
s_listed_sale (bench_t *bench)
{
    query_t query;
    const waiting_call_t *call = bench_find (bench, CALL_RELEASE_LIST, PURPOSE_RELAY);
    if (!call)
        return UINT64_MAX;
    memcpy (&query, call->argument, sizeof query);
    return query.sale_id;
}

/*  Rows that wait for their gate fill the list: the open sales are listed one by one, then all again after a pause; a list without an
    answer ends the round of them. */
static void
test_rows_that_wait_hold_up_no_others (void **state)
{
    (void)state;
    static release_t rows[RELEASES_MAX];
    for (int fails = 0; fails <= 1; fails++) {
        bench_t *bench = s_listing ();
        gate_state_t gate = bench_gate (bench);
        gate.same_run = 0;
        bench_pass (bench, 1 * SECOND_US);
        bench_poll (bench, &gate); /* sale 1 is rebuilt, sale 2 is open */
        for (size_t i = 0; i < RELEASES_MAX; i++)
            rows[i] = s_row (1, (uint8_t)i);
        assert_int_equal (s_listed_sale (bench), 0);
        bench_answer (bench, CALL_RELEASE_LIST, PURPOSE_RELAY, rows, RELEASES_MAX);
        bench_event (bench, EVENT_TIMER);
        assert_int_equal (s_listed_sale (bench), 2);
        if (fails) {
            bench_fail (bench, CALL_RELEASE_LIST, PURPOSE_RELAY, RESULT_UNAVAILABLE);
            bench_event (bench, EVENT_TIMER);
            assert_int_equal (s_listed_sale (bench), UINT64_MAX);
        } else {
            rows[0] = s_row (2, 0xb1);
            bench_answer (bench, CALL_RELEASE_LIST, PURPOSE_RELAY, rows, 1);
            bench_answer (bench, CALL_GATE_RELEASE, PURPOSE_RELAY, rows, 1);
            bench_code (bench, CALL_RELEASE_DONE, PURPOSE_RELAY, ERROR_NONE);
            bench_event (bench, EVENT_TIMER);
            assert_int_equal (s_listed_sale (bench), UINT64_MAX);
        }
        bench_pass (bench, 500 * MS);
        assert_int_equal (s_listed_sale (bench), 0);
        bench_destroy (bench);
    }
}

/*  A gate that a higher token has met, or PostgreSQL after another took the lease: nothing is deleted, the lease is asked for at once, and
    that gate is left alone. */
static void
test_fenced (void **state)
{
    (void)state;
    for (int at_gate = 0; at_gate <= 1; at_gate++) {
        bench_t *bench = s_listing ();
        release_t rows[2] = { s_row (1, 0xa1), s_row (2, 0xb1) };
        bench_answer (bench, CALL_RELEASE_LIST, PURPOSE_RELAY, rows, 2);
        while (bench_find (bench, CALL_LEASE_TAKE, PURPOSE_NONE))
            bench_lease (bench, BENCH_TOKEN, true);
        rows[0].code = at_gate ? ERROR_FENCED : ERROR_NONE;
        bench_answer (bench, CALL_GATE_RELEASE, PURPOSE_RELAY, &rows[0], 1);
        assert_int_equal (bench_count (bench, CALL_LEASE_TAKE, PURPOSE_LEASE), at_gate);
        bench_answer (bench, CALL_GATE_RELEASE, PURPOSE_RELAY, &rows[1], 1);
        bench_code (bench, CALL_RELEASE_DONE, PURPOSE_RELAY, at_gate ? ERROR_NONE : ERROR_FENCED);
        assert_int_equal (bench_count (bench, CALL_LEASE_TAKE, PURPOSE_LEASE), 1);
        bench_pass (bench, 500 * MS);
        rows[0].code = ERROR_NONE;
        bench_take (bench);
        bench_answer (bench, CALL_RELEASE_LIST, PURPOSE_RELAY, rows, 2);
        const char *text = bench_take (bench);
        assert_int_equal (strstr (text, "gate_release [{\"sale_id\":1,") != NULL, !at_gate);
        assert_non_null (strstr (text, "gate_release [{\"sale_id\":2,"));
        bench_destroy (bench);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_round),
        cmocka_unit_test (test_failures),
        cmocka_unit_test (test_waiting_and_archived),
        cmocka_unit_test (test_full_list),
        cmocka_unit_test (test_rows_that_wait_hold_up_no_others),
        cmocka_unit_test (test_fenced),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
