/*  Clean-up of archived gates: every row of the state table in cleanup.c. */

#include "inventory_bench.h"

static gate_key_t
s_row (uint64_t sale_id)
{
    gate_key_t row = { .sale_id = sale_id, .epoch = 4 };
    return row;
}

/*  A leader with sale 1 live whose first list of archived gates is under way. */
static bench_t *
s_listing (void)
{
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    assert_non_null (bench_find (bench, CALL_ARCHIVE_LIST, PURPOSE_CLEANUP));
    return bench;
}

static void
s_list (bench_t *bench, const gate_key_t *rows, size_t count)
{
    bench_take (bench);
    bench_answer (bench, CALL_ARCHIVE_LIST, PURPOSE_CLEANUP, rows, count);
}

/*  One gate after the other, PostgreSQL is told of each; then a minute's rest. A sale that is still in the table is left alone. */
static void
test_round (void **state)
{
    (void)state;
    bench_t *bench = s_listing ();
    gate_key_t rows[3] = { s_row (1), s_row (8), s_row (9) };
    s_list (bench, rows, 3);
    for (int sale_id = 8; sale_id <= 9; sale_id++) {
        char wanted[128];
        snprintf (wanted, sizeof wanted,
                  "call gate_drop [{\"sale_id\":%d,\"epoch\":4,\"token\":7}]\n", sale_id);
        assert_string_equal (bench_take (bench), wanted);
        bench_code (bench, CALL_GATE_DROP, PURPOSE_CLEANUP, ERROR_NONE);
        assert_int_equal (rig_added (bench->rig, METRIC_GATES_DROPPED, 0), 1);
        snprintf (wanted, sizeof wanted,
                  "call archive_done [{\"sale_id\":%d,\"epoch\":4,\"token\":7}]\n", sale_id);
        assert_string_equal (bench_take (bench), wanted);
        if (sale_id == 8)
            bench_fail (bench, CALL_ARCHIVE_DONE, PURPOSE_CLEANUP, RESULT_UNKNOWN);
        else
            bench_code (bench, CALL_ARCHIVE_DONE, PURPOSE_CLEANUP, ERROR_NONE);
    }
    assert_string_equal (bench_take (bench), "");
    bench_live (bench, 59000 * MS);
    assert_null (bench_find (bench, CALL_ARCHIVE_LIST, PURPOSE_CLEANUP));
    bench_live (bench, 1100 * MS);
    assert_non_null (bench_find (bench, CALL_ARCHIVE_LIST, PURPOSE_CLEANUP));
    bench_destroy (bench);
}

/*  A gate whose journal is not empty, or that does not answer, stays, and stops no other. */
static void
test_kept (void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        bench_t *bench = s_listing ();
        gate_key_t rows[2] = { s_row (8), s_row (9) };
        s_list (bench, rows, 2);
        if (variant == 3)
            bench_code (bench, CALL_GATE_DROP, PURPOSE_CLEANUP, ERROR_BUSY);
        else
            bench_fail (bench, CALL_GATE_DROP, PURPOSE_CLEANUP, RESULT_REFUSED + variant);
        assert_non_null (strstr (rig_text (bench->rig, false), "log warning gate_kept sale=8"));
        assert_null (bench_find (bench, CALL_ARCHIVE_DONE, PURPOSE_CLEANUP));
        assert_non_null (bench_find (bench, CALL_GATE_DROP, PURPOSE_CLEANUP));
        bench_destroy (bench);
    }
}

/*  Fenced, at the gate or in PostgreSQL: the lease is asked for at once; at the gate the round ends. */
static void
test_fenced (void **state)
{
    (void)state;
    for (int at_gate = 0; at_gate <= 1; at_gate++) {
        bench_t *bench = s_listing ();
        gate_key_t rows[2] = { s_row (8), s_row (9) };
        s_list (bench, rows, 2);
        if (!at_gate)
            bench_code (bench, CALL_GATE_DROP, PURPOSE_CLEANUP, ERROR_NONE);
        bench_code (bench, at_gate ? CALL_GATE_DROP : CALL_ARCHIVE_DONE, PURPOSE_CLEANUP,
                    ERROR_FENCED);
        assert_non_null (bench_find (bench, CALL_LEASE_TAKE, PURPOSE_LEASE));
        assert_int_equal (bench_count (bench, CALL_GATE_DROP, PURPOSE_CLEANUP), !at_gate);
        bench_destroy (bench);
    }
}

/*  A full list is followed by the page after it; without the lease the round ends; a list without an answer waits. */
static void
test_pages (void **state)
{
    (void)state;
    static gate_key_t rows[DROPS_MAX];
    bench_t *bench = s_listing ();
    for (size_t i = 0; i < DROPS_MAX; i++)
        rows[i] = s_row (100 + i);
    s_list (bench, rows, DROPS_MAX);
    for (size_t i = 0; i < DROPS_MAX; i++) {
        bench_code (bench, CALL_GATE_DROP, PURPOSE_CLEANUP, ERROR_NONE);
        bench_code (bench, CALL_ARCHIVE_DONE, PURPOSE_CLEANUP, ERROR_NONE);
    }
    query_t query;
    waiting_call_t *call = bench_find (bench, CALL_ARCHIVE_LIST, PURPOSE_CLEANUP);
    assert_non_null (call);
    memcpy (&query, call->argument, sizeof query);
    assert_int_equal (query.after, 100 + DROPS_MAX - 1);
    s_list (bench, rows, 2);
    bench->rig->now_us += 4 * SECOND_US;
    bench_code (bench, CALL_GATE_DROP, PURPOSE_CLEANUP, ERROR_NONE);
    assert_int_equal (bench_count (bench, CALL_GATE_DROP, PURPOSE_CLEANUP), 0);
    assert_int_equal (bench_count (bench, CALL_ARCHIVE_DONE, PURPOSE_CLEANUP), 0);
    bench_destroy (bench);
    bench = s_listing ();
    bench_fail (bench, CALL_ARCHIVE_LIST, PURPOSE_CLEANUP, RESULT_UNAVAILABLE);
    bench_live (bench, 1000 * MS);
    assert_null (bench_find (bench, CALL_ARCHIVE_LIST, PURPOSE_CLEANUP));
    bench_destroy (bench);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_round),
        cmocka_unit_test (test_kept),
        cmocka_unit_test (test_fenced),
        cmocka_unit_test (test_pages),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
