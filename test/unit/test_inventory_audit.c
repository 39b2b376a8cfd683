/*  The audit: the sum in every case, and the reading of gate, books, gate. */

#include "inventory_bench.h"

#include "audit.h"
#include "json_dump.h"

typedef struct case_t {
    const char *name;
    uint64_t left, held, journal, changes_after; /* of the gate; changes before: 10 */
    uint64_t pending, paid, returning, duplicated, lost_with_disk;
    const char *audit; /* of 100 units */
} case_t;

static const case_t s_cases[] = {
    { "untouched", 100, 0, 0, 10, 0, 0, 0, 0, 0,
      "{\"stock_total\":100,\"gate_left\":100,\"balanced\":1,\"at_rest\":1}" },
    { "at rest, sold", 90, 10, 0, 10, 4, 6, 0, 0, 0,
      "{\"stock_total\":100,\"gate_left\":90,\"pending_payment\":4,\"paid\":6,\"balanced\":1,\"at_"
      "rest\":1}" },
    { "sold out", 0, 100, 0, 10, 0, 100, 0, 0, 0,
      "{\"stock_total\":100,\"paid\":100,\"balanced\":1,\"at_rest\":1}" },
    { "journal not empty", 90, 10, 3, 10, 4, 3, 0, 0, 0,
      "{\"stock_total\":100,\"gate_left\":90,\"in_flight\":3,\"reserved\":3,\"pending_payment\":4,"
      "\"paid\":3,\"balanced\":1}" },
    { "units on their way back", 90, 10, 0, 10, 7, 0, 3, 0, 0,
      "{\"stock_total\":100,\"gate_left\":90,\"in_flight\":3,\"pending_payment\":7,\"balanced\":"
      "1}" },
    { "both", 88, 12, 2, 10, 7, 0, 3, 0, 0,
      "{\"stock_total\":100,\"gate_left\":88,\"in_flight\":5,\"reserved\":2,\"pending_payment\":7,"
      "\"balanced\":1}" },
    { "moved while reading", 90, 10, 0, 11, 9, 0, 0, 0, 0,
      "{\"stock_total\":100,\"gate_left\":90,\"in_flight\":1,\"reserved\":1,\"pending_payment\":9,"
      "\"balanced\":1}" },
    { "moved, sum too high", 95, 5, 0, 11, 9, 0, 0, 0, 0,
      "{\"stock_total\":100,\"gate_left\":95,\"pending_payment\":9}" },
    { "leaked", 90, 10, 0, 10, 8, 0, 0, 0, 0,
      "{\"stock_total\":100,\"gate_left\":90,\"pending_payment\":8,\"lost\":2,\"leaked\":2,\"at_"
      "rest\":1}" },
    { "leaked without a hold", 90, 8, 0, 10, 8, 0, 0, 0, 0,
      "{\"stock_total\":100,\"gate_left\":90,\"pending_payment\":8,\"leaked\":2,\"at_rest\":1}" },
    { "lost: held, with no order", 92, 10, 0, 10, 8, 0, 0, 0, 0,
      "{\"stock_total\":100,\"gate_left\":92,\"pending_payment\":8,\"lost\":2,\"at_rest\":1}" },
    { "oversold: gate and orders above the total", 95, 10, 0, 10, 8, 2, 0, 0, 0,
      "{\"stock_total\":100,\"gate_left\":95,\"pending_payment\":8,\"paid\":2,\"oversold\":5,\"at_"
      "rest\":1}" },
    { "oversold: orders above the total, also while moving", 0, 100, 4, 10, 103, 0, 0, 0, 0,
      "{\"stock_total\":100,\"pending_payment\":103,\"oversold\":3}" },
    { "duplicated", 90, 10, 0, 10, 10, 0, 0, 2, 0,
      "{\"stock_total\":100,\"gate_left\":90,\"pending_payment\":10,\"duplicated\":2,\"at_rest\":"
      "1}" },
    { "lost with a disk is told and balances", 95, 5, 0, 10, 5, 0, 0, 0, 7,
      "{\"stock_total\":100,\"gate_left\":95,\"pending_payment\":5,\"lost_with_disk\":7,"
      "\"balanced\":1,\"at_rest\":1}" },
};

/*  Every case of the table in audit.c, as one line of text. */
static void
test_cases (void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof s_cases / sizeof s_cases[0]; i++) {
        const case_t *row = &s_cases[i];
        gate_state_t before = { .changes = 10 };
        gate_state_t after = { .changes = row->changes_after,
                               .available = row->left,
                               .held_units = row->held,
                               .journal_count = row->journal };
        books_t books = { .stock_total = 100,
                          .pending_payment = row->pending,
                          .paid = row->paid,
                          .returning = row->returning,
                          .duplicated = row->duplicated,
                          .lost_with_disk = row->lost_with_disk };
        audit_t audit;
        char text[512], expected[600];
        audit_compute (&before, &after, &books, &audit);
        json_dump (&record_audit, &audit, text, sizeof text - 1);
        snprintf (expected, sizeof expected, "%s", row->audit);
        if (strcmp (text, expected) != 0)
            print_error ("case: %s\n", row->name);
        assert_string_equal (text, expected);
    }
}

/*  Units of a stock change or requeue that is begun are on their way, wherever it stands: nothing is leaked, and the sum holds. When it is
    decided, what is missing is leaked. */
static void
test_under_way (void **state)
{
    (void)state;
    static const struct {
        uint64_t total, left, held, pending;
    } moments[] = {
        { 105, 90, 10, 10 }, /* added in PostgreSQL, not at the gate */
        { 100, 85, 10, 10 }, /* taken from the gate, not in PostgreSQL */
        { 100, 85, 15, 10 }, /* held again at the gate, not pending in PostgreSQL */
    };
    for (size_t i = 0; i < 3; i++) {
        for (uint64_t moving = 0; moving <= 5; moving += 5) {
            gate_state_t gate = { .changes = 10,
                                  .available = moments[i].left,
                                  .held_units = moments[i].held };
            books_t books = { .stock_total = moments[i].total,
                              .sold = 10,
                              .pending_payment = moments[i].pending,
                              .moving = moving };
            audit_t audit;
            audit_compute (&gate, &gate, &books, &audit);
            assert_int_equal (audit.balanced, moving > 0);
            assert_int_equal (audit.at_rest, moving == 0);
            assert_int_equal (audit.in_flight, moving);
            assert_int_equal (audit.reserved, 0);
            assert_int_equal (audit.leaked, moving ? 0 : 5);
        }
    }
}

/*  No numbers make an audit balanced that has a unit too many or too few at rest, and the sum always holds when it says so. */
static void
test_balanced_means_the_sum (void **state)
{
    (void)state;
    uint64_t balanced_count = 0;
    for (uint64_t n = 0; n < 200000; n++) {
        uint64_t bits = n * 0x9e3779b97f4a7c15u;
        gate_state_t before = { .changes = 1 };
        gate_state_t after = { .available = bits >> 8 & 15,
                               .held_units = bits >> 12 & 15,
                               .journal_count = bits >> 16 & 1,
                               .changes = 1 + (bits >> 17 & 1) };
        books_t books = { .stock_total = bits >> 24 & 15,
                          .pending_payment = bits >> 28 & 7,
                          .paid = bits >> 31 & 7,
                          .returning = bits >> 34 & 1 };
        audit_t audit;
        audit_compute (&before, &after, &books, &audit);
        uint64_t active = books.pending_payment + books.paid;
        balanced_count += audit.balanced;
        if (audit.balanced) {
            assert_int_equal (audit.gate_left + audit.in_flight + active, books.stock_total);
            assert_true (active <= books.stock_total);
        }
        if (audit.at_rest)
            assert_int_equal (audit.balanced, after.available + active == books.stock_total &&
                                                  after.held_units <= active);
    }
    assert_true (balanced_count > 1000);
}

static void
s_ask (bench_t *bench, uint64_t sale_id)
{
    query_t query = { .sale_id = sale_id };
    bench_ask (bench, MSG_SALE_AUDIT, &query);
}

static void
s_look (bench_t *bench, uint64_t changes)
{
    gate_state_t gate = bench_gate (bench);
    gate.changes = changes;
    gate.available = 94;
    gate.held_units = 6;
    bench_answer (bench, CALL_GATE_STAT, PURPOSE_QUESTION, &gate, 1);
}

static void
s_books (bench_t *bench)
{
    books_t books = {
        .sale_id = 1, .stock_total = 100, .sold = 6, .pending_payment = 6, .active_count = 3
    };
    bench_answer (bench, CALL_SALE_BOOKS, PURPOSE_QUESTION, &books, 1);
}

/*  Gate, books, gate; and again while the gate moves, at most five times. */
static void
test_reading (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    s_ask (bench, 1);
    assert_string_equal (bench_take (bench), "call gate_stat [{\"sale_id\":1}]\n");
    s_look (bench, 20);
    assert_string_equal (bench_take (bench), "call sale_books [{\"sale_id\":1}]\n");
    s_books (bench);
    assert_string_equal (bench_take (bench), "call gate_stat [{\"sale_id\":1}]\n");
    s_look (bench, 21);
    assert_string_equal (bench_take (bench), "call sale_books [{\"sale_id\":1}]\n");
    s_books (bench);
    s_look (bench, 21);
    assert_non_null (
        strstr (bench_take (bench),
                "send edge/1 AUDIT batch=900 [{\"sale_id\":1,\"stock_total\":100,\"gate_left\":94,"
                "\"pending_payment\":6,\"balanced\":1,\"at_rest\":1}]\n"));
    s_ask (bench, 1);
    s_look (bench, 30);
    for (uint64_t i = 1; i <= 5; i++) {
        s_books (bench);
        bench_take (bench);
        s_look (bench, 30 + i);
    }
    assert_string_equal (bench_take (bench),
                         "send edge/1 AUDIT batch=900 [{\"sale_id\":1,\"stock_total\":100,"
                         "\"gate_left\":94,\"pending_payment\":6,\"balanced\":1}]\n");
    bench_destroy (bench);
}

/*  A draft and an archived sale need no gate; a sale whose gate is closed cannot be audited now; a sale that is not there. */
static void
test_without_open_gate (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    s_ask (bench, 5);
    assert_string_equal (bench_take (bench), "call sale_books [{\"sale_id\":5}]\n");
    books_t books = {
        .sale_id = 5, .stock_total = 30, .sold = 9, .pending_payment = 2, .paid = 7, .returned = 4
    };
    bench_answer (bench, CALL_SALE_BOOKS, PURPOSE_QUESTION, &books, 1);
    assert_string_equal (
        bench_take (bench),
        "send edge/1 AUDIT batch=900 [{\"sale_id\":5,\"stock_total\":30,\"gate_left\":21,"
        "\"pending_payment\":2,\"paid\":7,\"cancelled_returned\":4,\"balanced\":1,\"at_rest\":1}]"
        "\n");
    s_ask (bench, 6);
    bench_answer (bench, CALL_SALE_BOOKS, PURPOSE_QUESTION, NULL, 0);
    assert_string_equal (bench_take (bench) + strlen ("call sale_books [{\"sale_id\":6}]\n"),
                         "send edge/1 OUTCOME batch=900 [{\"code\":30}]\n");
    bench_pass (bench, 1000 * MS);
    gate_state_t gate = bench_gate (bench);
    gate.same_run = 0;
    bench_poll (bench, &gate);
    bench_take (bench);
    s_ask (bench, 1);
    assert_non_null (strstr (bench_take (bench), "send edge/1 OUTCOME batch=900 [{\"code\":52"));
    bench_destroy (bench);
}

/*  A gate that is lost, of another run of Redis or closed when it is read says nothing of units: no drift, and the operator is told. */
static void
test_gate_lost_while_reading (void **state)
{
    (void)state;
    gate_state_t lost[4] = { 0 };
    for (int i = 0; i < 6; i++) {
        bench_t *bench = bench_new ();
        bench_lead_one (bench);
        bench_live (bench, 5100 * MS);
        lost[0] = (gate_state_t){ .gate_us = bench_gate_us (bench) }; /* wiped */
        lost[1] = lost[2] = bench_gate (bench);
        lost[1].same_run = 0;
        lost[2].recovering = 1;
        if (i % 2)
            s_look (bench, 10);
        else
            bench_answer (bench, CALL_GATE_STAT, PURPOSE_QUESTION, &lost[i / 2], 1);
        for (int n = 0; n < 8 && bench_find (bench, CALL_SALE_BOOKS, PURPOSE_QUESTION); n++) {
            s_books (bench);
            bench_answer (bench, CALL_GATE_STAT, PURPOSE_QUESTION, &lost[i / 2], 1);
        }
        assert_int_equal (bench_core (bench)->admin.question_count, 0);
        assert_null (strstr (rig_text (bench->rig, true), "stock_drift"));
        assert_int_equal (rig_added (bench->rig, METRIC_VIOLATIONS, 0), 0);
        bench_destroy (bench);
    }
}

/*  Two audits at once, whoever asks; one that was given up counts while PostgreSQL still sums for it. */
static void
test_bounded (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    s_ask (bench, 1);
    s_ask (bench, 1);
    bench_take (bench);
    s_ask (bench, 1);
    assert_non_null (strstr (bench_take (bench), "send edge/1 OUTCOME batch=900 [{\"code\":50"));
    s_look (bench, 10);
    s_look (bench, 10);
    bench_live (bench, 3000 * MS); /* both are answered that PostgreSQL is away */
    assert_int_equal (bench_core (bench)->admin.question_count, 0);
    bench_take (bench);
    s_ask (bench, 1);
    assert_non_null (strstr (bench_take (bench), "\"code\":50"));
    s_books (bench);
    s_ask (bench, 1);
    assert_string_equal (bench_take (bench), "call gate_stat [{\"sale_id\":1}]\n");
    bench_destroy (bench);
}

/*  Before all live sales are loaded one that is not in the table may have a gate: it is not summed without. */
static void
test_before_all_is_loaded (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_event (bench, EVENT_START);
    bench_lease (bench, BENCH_TOKEN, true);
    bench_take (bench);
    s_ask (bench, 1);
    assert_non_null (strstr (bench_take (bench), "send edge/1 OUTCOME batch=900 [{\"code\":52"));
    bench_destroy (bench);
}

/*  A store that does not answer ends the audit as dependency_unavailable, at each of its readings. */
static void
test_failures (void **state)
{
    (void)state;
    for (int stage = 0; stage < 3; stage++) {
        bench_t *bench = bench_new ();
        bench_lead_one (bench);
        s_ask (bench, 1);
        if (stage >= 1)
            s_look (bench, 10);
        if (stage >= 2)
            s_books (bench);
        bench_take (bench);
        bench_fail (bench, stage == 1 ? CALL_SALE_BOOKS : CALL_GATE_STAT, PURPOSE_QUESTION,
                    RESULT_UNAVAILABLE);
        assert_string_equal (bench_take (bench), "send edge/1 OUTCOME batch=900 [{\"code\":51}]\n");
        bench_destroy (bench);
    }
}

/*  Without being asked, one sale after the other is audited; drift found at rest is a metric and a line in the log. */
static void
test_drift (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    bench_live (bench, 5100 * MS);
    s_look (bench, 10);
    books_t books = { .sale_id = 1, .stock_total = 100, .sold = 4, .pending_payment = 4 };
    bench_answer (bench, CALL_SALE_BOOKS, PURPOSE_QUESTION, &books, 1);
    gate_state_t gate = bench_gate (bench);
    gate.available = 94;
    gate.held_units = 4;
    bench_answer (bench, CALL_GATE_STAT, PURPOSE_QUESTION, &gate, 1);
    const char *text = rig_text (bench->rig, true);
    assert_non_null (
        strstr (text, "log error stock_drift sale=1 leaked=2 oversold=0 lost=0 duplicated=0"));
    assert_non_null (strstr (text, "gauge minishop_stock_drift_units{} 2"));
    assert_null (strstr (text, "AUDIT"));
    bench_destroy (bench);
}

/*  Answers the own audit that is under way: what the gate has, and the books. Returns its sale. */
static uint64_t
s_own_audit (bench_t *bench, uint64_t changes_after, uint64_t pending)
{
    waiting_call_t *call = bench_find (bench, CALL_GATE_STAT, PURPOSE_QUESTION);
    gate_key_t key;
    assert_non_null (call);
    memcpy (&key, call->argument, sizeof key);
    gate_state_t gate = bench_gate (bench);
    books_t books = {
        .sale_id = key.sale_id, .stock_total = 100, .sold = pending, .pending_payment = pending
    };
    gate.available = 96;
    gate.held_units = 4;
    bench_answer (bench, CALL_GATE_STAT, PURPOSE_QUESTION, &gate, 1);
    for (uint64_t reading = 0; bench_core (bench)->admin.question_count > 0; reading++) {
        bench_answer (bench, CALL_SALE_BOOKS, PURPOSE_QUESTION, &books, 1);
        gate.changes += changes_after;
        bench_answer (bench, CALL_GATE_STAT, PURPOSE_QUESTION, &gate, 1);
    }
    return key.sale_id;
}

/*  Every live sale is audited in turn, one each AUDIT_US, those that come and go in between too; none is left out for long. */
static void
test_every_sale_in_turn (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    sale_t sales[5];
    for (uint64_t i = 0; i < 5; i++)
        sales[i] = bench_sale (i + 1);
    sales[2].state = SALE_ENDED;
    sales[2].epoch = 0; /* ended as a draft: there is no gate to compare with */
    bench_lead (bench, sales, 5);
    gate_state_t gate = bench_gate (bench);
    for (size_t i = 0; i < 4; i++)
        bench_poll (bench, &gate);
    uint64_t counts[6] = { 0 };
    for (int turn = 0; turn < 12; turn++) {
        for (int i = 0; i < 60 && !bench_find (bench, CALL_GATE_STAT, PURPOSE_QUESTION); i++) {
            bench_live (bench, 100 * MS);
            while (bench_find (bench, CALL_GATE_STAT, PURPOSE_POLL))
                bench_poll (bench, &gate);
        }
        counts[s_own_audit (bench, 0, 4)]++;
        assert_int_equal (rig_added (bench->rig, METRIC_AUDITS, 0), 1);
        assert_int_equal (rig_added (bench->rig, METRIC_VIOLATIONS, 0), 0);
    }
    assert_true (counts[1] == 3 && counts[2] == 3 && counts[3] == 0 && counts[4] == 3 &&
                 counts[5] == 3);
    bench_destroy (bench);
}

/*  More sold than there is, or twice to one, is loud at once, also while the gate moves; what only moves is not; and the drift of a sale
    stands until an audit at rest finds none. */
static void
test_first_violation_is_loud (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    bench_live (bench, 5100 * MS);
    s_own_audit (bench, 1, 104);
    const char *text = rig_text (bench->rig, true);
    assert_non_null (
        strstr (text, "log error stock_drift sale=1 leaked=0 oversold=4 lost=0 duplicated=0"));
    assert_non_null (strstr (text, "gauge minishop_stock_drift_units{} 4"));
    assert_int_equal (rig_added (bench->rig, METRIC_VIOLATIONS, 0), 1);
    bench_live (bench, 5100 * MS);
    s_own_audit (bench, 1, 3); /* it moves: nothing can be said */
    text = rig_text (bench->rig, true);
    assert_null (strstr (text, "stock_drift"));
    assert_int_equal (rig_added (bench->rig, METRIC_VIOLATIONS, 0), 0);
    bench_live (bench, 5100 * MS);
    s_own_audit (bench, 0, 4);
    text = rig_text (bench->rig, true);
    assert_non_null (strstr (text, "gauge minishop_stock_drift_units{} 0"));
    bench_destroy (bench);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_cases),
        cmocka_unit_test (test_balanced_means_the_sum),
        cmocka_unit_test (test_reading),
        cmocka_unit_test (test_without_open_gate),
        cmocka_unit_test (test_gate_lost_while_reading),
        cmocka_unit_test (test_before_all_is_loaded),
        cmocka_unit_test (test_bounded),
        cmocka_unit_test (test_failures),
        cmocka_unit_test (test_drift),
        cmocka_unit_test (test_under_way),
        cmocka_unit_test (test_every_sale_in_turn),
        cmocka_unit_test (test_first_violation_is_loud),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
