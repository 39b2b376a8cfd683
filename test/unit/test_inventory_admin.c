/*  Operators' questions: create, list, publish, pause, resume, end, limits, log; every stage and every way it may fail. */

#include "inventory_bench.h"

/*  A leader with sale 1 open and edges 1 and 2 ready, everything acknowledged. */
static bench_t *
s_ready (void)
{
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    for (uint64_t number = 1; number <= 2; number++) {
        bench_peer (bench, EVENT_PEER_UP, KIND_EDGE, number, STATE_READY);
        bench_ack (bench, KIND_EDGE, number,
                   bench_core (bench)->snapshot.receivers[number - 1].sales.sent);
        bench_ack (bench, KIND_EDGE, number,
                   bench_core (bench)->snapshot.receivers[number - 1].limits.sent);
    }
    bench_take (bench);
    return bench;
}

static void
s_ask_change (bench_t *bench, sale_state_t state, bool from_draft)
{
    sale_change_t change = {
        .sale_id = 1, .state = state, .from_draft = from_draft, .actor = "admin"
    };
    bench_ask (bench, MSG_SALE_CHANGE, &change);
}

static void
s_changed (bench_t *bench, uint64_t version, sale_state_t state)
{
    sale_t sale = bench_sale (1);
    sale.version = version;
    sale.state = state;
    bench_answer (bench, CALL_SALE_CHANGE, PURPOSE_QUESTION, &sale, 1);
}

static void
s_ack_all (bench_t *bench)
{
    uint64_t version = bench_core (bench)->snapshot.sales_version;
    bench_ack (bench, KIND_EDGE, 1, version);
    bench_ack (bench, KIND_EDGE, 2, version);
}

static bool
s_is_answered (bench_t *bench, const char *words)
{
    return strstr (bench_take (bench), words) != NULL;
}

/*  Pause, resume and end: PostgreSQL, then the gate, then every ready edge, then the answer; each step waits for the one before. */
static void
test_changes_of_an_open_sale (void **state)
{
    (void)state;
    static const sale_state_t moves[] = { SALE_PAUSED, SALE_OPEN, SALE_ENDED };
    bench_t *bench = s_ready ();
    for (uint64_t i = 0; i < 3; i++) {
        char wanted[64];
        s_ask_change (bench, moves[i], false);
        assert_true (s_is_answered (bench, "call sale_change [{\"sale_id\":1,\"state\":"));
        s_changed (bench, 4 + i, moves[i]);
        snprintf (wanted, sizeof wanted, "\"version\":%d,\"want\":%d", (int)(4 + i), (int)moves[i]);
        const char *text = bench_take (bench);
        assert_non_null (strstr (text, "call gate_update"));
        assert_non_null (strstr (text, wanted));
        assert_null (strstr (text, "send"));
        bench_code (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE, ERROR_NONE);
        text = bench_take (bench);
        assert_non_null (strstr (text, "send edge/1 SALES"));
        assert_non_null (strstr (text, "send edge/2 SALES"));
        assert_null (strstr (text, "SALE_REPLY"));
        uint64_t version = bench_core (bench)->snapshot.sales_version;
        bench_ack (bench, KIND_EDGE, 1, version);
        assert_false (s_is_answered (bench, "SALE_REPLY"));
        bench_ack (bench, KIND_EDGE, 2, version);
        assert_true (s_is_answered (bench, "send edge/1 SALE_REPLY batch=900 [{\"sale_id\":1,"));
        assert_int_equal (rig_status (bench->rig).in_flight, 0);
    }
    bench_destroy (bench);
}

/*  Already so: answered at once, without touching gate or edges. */
static void
test_already_so (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    s_ask_change (bench, SALE_OPEN, true);
    bench_take (bench);
    s_changed (bench, 3, SALE_OPEN);
    const char *text = bench_take (bench);
    assert_non_null (strstr (text, "SALE_REPLY batch=900"));
    assert_null (strstr (text, "call"));
    assert_null (strstr (text, "SALES "));
    bench_destroy (bench);
}

/*  An archived sale that is ended once more stays out of the table: its gate is gone, and is not built again. */
static void
test_archived_stays_archived (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    sale_change_t change = { .sale_id = 9, .state = SALE_ENDED, .actor = "admin" };
    bench_ask (bench, MSG_SALE_CHANGE, &change);
    bench_take (bench);
    sale_t sale = bench_sale (9);
    sale.state = SALE_ENDED;
    sale.ends_at_ms = BENCH_GATE_US / 1000 - 100000000;
    bench_answer (bench, CALL_SALE_CHANGE, PURPOSE_QUESTION, &sale, 1);
    const char *text = bench_take (bench);
    assert_non_null (strstr (text, "SALE_REPLY batch=900"));
    assert_null (strstr (text, "SALES "));
    assert_int_equal (bench_core (bench)->sale_count, 1);
    bench_destroy (bench);
}

/*  Publish: the new sale comes into the table, its gate is installed by a recovery, the edges are told, then the answer. */
static void
test_publish (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead (bench, NULL, 0);
    bench_peer (bench, EVENT_PEER_UP, KIND_EDGE, 1, STATE_READY);
    bench_ack (bench, KIND_EDGE, 1, bench_core (bench)->snapshot.receivers[0].sales.sent);
    bench_take (bench);
    s_ask_change (bench, SALE_OPEN, true);
    sale_t sale = bench_sale (1);
    sale.version = 2;
    sale.epoch = 0;
    bench_answer (bench, CALL_SALE_CHANGE, PURPOSE_QUESTION, &sale, 1);
    gate_state_t gone = { .gate_us = bench_gate_us (bench) };
    bench_poll (bench, &gone);
    bench_answer (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY, &gone, 1);
    epoch_row_t row = { .epoch = 1, .stock_total = 100 };
    bench_answer (bench, CALL_EPOCH_BUMP, PURPOSE_RECOVERY, &row, 1);
    bench_answer (bench, CALL_EPOCH_PAGE, PURPOSE_RECOVERY, NULL, 0);
    assert_null (strstr (bench_take (bench), "send"));
    bench_code (bench, CALL_GATE_OPEN, PURPOSE_RECOVERY, ERROR_NONE);
    assert_true (s_is_answered (bench, "send edge/1 SALES"));
    bench_ack (bench, KIND_EDGE, 1, bench_core (bench)->snapshot.sales_version);
    assert_true (s_is_answered (
        bench, "SALE_REPLY batch=900 [{\"sale_id\":1,\"version\":2,\"state\":2,\"title\":\"T\","));
    bench_destroy (bench);
}

/*  An edge that does not acknowledge is dropped from the wait after snapshot_deadline_ms; one that goes down at once; one that is
    not ready is not waited for. */
static void
test_late_edge (void **state)
{
    (void)state;
    for (int variant = 0; variant < 3; variant++) {
        bench_t *bench = s_ready ();
        if (variant == 2)
            bench_peer (bench, EVENT_PEER_UP, KIND_EDGE, 2, STATE_DRAINING);
        s_ask_change (bench, SALE_PAUSED, false);
        s_changed (bench, 4, SALE_PAUSED);
        bench_code (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE, ERROR_NONE);
        bench_take (bench);
        bench_ack (bench, KIND_EDGE, 1, bench_core (bench)->snapshot.sales_version);
        if (variant == 0) {
            bench_pass (bench, 1999 * MS);
            assert_false (s_is_answered (bench, "SALE_REPLY"));
            bench_pass (bench, 1 * MS);
        } else if (variant == 1) {
            assert_false (s_is_answered (bench, "SALE_REPLY"));
            bench_peer (bench, EVENT_PEER_DOWN, KIND_EDGE, 2, STATE_READY);
        }
        assert_true (s_is_answered (bench, "SALE_REPLY"));
        bench_destroy (bench);
    }
}

/*  The gate cannot take the change in time: recovering, and when asked again it goes on where it was. */
static void
test_gate_away (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    s_ask_change (bench, SALE_PAUSED, false);
    s_changed (bench, 4, SALE_PAUSED);
    for (int i = 0; i < 27; i++) {
        bench_pass (bench, 100 * MS);
        bench_renew (bench);
        if (bench_find (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE))
            bench_fail (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE, RESULT_UNAVAILABLE);
    }
    assert_true (s_is_answered (bench, "send edge/1 OUTCOME batch=900 [{\"code\":52,"));
    s_ask_change (bench, SALE_PAUSED, false);
    s_changed (bench, 4, SALE_PAUSED);
    bench_pass (bench, 100 * MS);
    bench_code (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE, ERROR_NONE);
    s_ack_all (bench);
    assert_true (s_is_answered (bench, "SALE_REPLY"));
    bench_destroy (bench);
}

/*  No row from SALE_CHANGE: invalid_state if there is such a sale, unknown_sale if not. */
static void
test_not_allowed (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    sale_t sale = bench_sale (1);
    for (size_t found = 0; found < 2; found++) {
        s_ask_change (bench, SALE_PAUSED, false);
        bench_take (bench);
        bench_answer (bench, CALL_SALE_CHANGE, PURPOSE_QUESTION, NULL, 0);
        assert_string_equal (bench_take (bench), "call sale_load [{\"sale_id\":1,\"limit\":1}]\n");
        bench_answer (bench, CALL_SALE_LOAD, PURPOSE_QUESTION, &sale, found);
        assert_string_equal (bench_take (bench),
                             found ? "send edge/1 OUTCOME batch=900 [{\"code\":35}]\n"
                                   : "send edge/1 OUTCOME batch=900 [{\"code\":30}]\n");
    }
    bench_destroy (bench);
}

/*  PostgreSQL away, in doubt, refusing, silent: each question has its one answer; doubt loads the table anew. */
static void
test_store_failures (void **state)
{
    (void)state;
    static const struct {
        message_type_t type;
        call_name_t call;
    } rows[] = {
        { MSG_SALE_CREATE, CALL_SALE_CREATE }, { MSG_SALE_GET, CALL_SALE_LOAD },
        { MSG_SALE_LIST, CALL_SALE_LOAD },     { MSG_SALE_CHANGE, CALL_SALE_CHANGE },
        { MSG_LIMITS_SET, CALL_LIMITS_SAVE },  { MSG_LOG_LIST, CALL_LOG_LIST },
    };
    static const uint8_t zeroes[8192];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int status = RESULT_REFUSED; status <= RESULT_UNKNOWN + 1; status++) {
            bench_t *bench = s_ready ();
            bench_ask (bench, rows[i].type, zeroes);
            bench_take (bench);
            if (status <= RESULT_UNKNOWN) {
                bench_fail (bench, rows[i].call, PURPOSE_QUESTION, (result_status_t)status);
            } else {
                waiting_call_t *call = bench_find (bench, rows[i].call, PURPOSE_QUESTION);
                bench_live (bench, 2700 * MS);
                assert_non_null (call);
            }
            assert_non_null (strstr (bench_take (bench),
                                     status == RESULT_REFUSED
                                         ? "send edge/1 OUTCOME batch=900 [{\"code\":18}]\n"
                                         : "send edge/1 OUTCOME batch=900 [{\"code\":51}]\n"));
            assert_int_equal (rig_status (bench->rig).in_flight, 0);
            if (status == RESULT_UNKNOWN) {
                bench_pass (bench, 200 * MS);
                assert_non_null (bench_find (bench, CALL_SALE_LIVE, PURPOSE_RELOAD));
            }
            bench_destroy (bench);
        }
    }
}

/*  Create, get and list: rows of PostgreSQL, with the gate's stock where there is a gate. Pages are bounded by what fits a message. */
static void
test_reading_sales (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    sale_t draft = bench_sale (7);
    draft.state = SALE_DRAFT;
    draft.epoch = 0;
    bench_ask (bench, MSG_SALE_CREATE, &draft);
    bench_take (bench);
    bench_answer (bench, CALL_SALE_CREATE, PURPOSE_QUESTION, &draft, 1);
    assert_true (s_is_answered (
        bench, "send edge/1 SALE_REPLY batch=900 [{\"sale_id\":7,\"version\":3,\"state\":1,"));
    bench_pass (bench, 1000 * MS);
    gate_state_t gate = bench_gate (bench);
    gate.available = 61;
    bench_poll (bench, &gate);
    query_t query = { .after = 50, .limit = 1000 };
    bench_take (bench);
    bench_ask (bench, MSG_SALE_LIST, &query);
    assert_string_equal (bench_take (bench), "call sale_load [{\"after\":50,\"limit\":32}]\n");
    sale_t rows[2] = { draft, bench_sale (1) };
    bench_answer (bench, CALL_SALE_LOAD, PURPOSE_QUESTION, rows, 2);
    const effect_t *reply = rig_sent (bench->rig, MSG_SALE_REPLY, 0);
    assert_int_equal (reply->count, 2);
    assert_int_equal (((const sale_t *)reply->entries)[0].stock_left, 100);
    assert_int_equal (((const sale_t *)reply->entries)[1].stock_left, 61);
    bench_take (bench);
    query = (query_t){ .sale_id = 99 };
    bench_ask (bench, MSG_SALE_GET, &query);
    bench_answer (bench, CALL_SALE_LOAD, PURPOSE_QUESTION, NULL, 0);
    assert_true (s_is_answered (bench, "send edge/1 OUTCOME batch=900 [{\"code\":30}]\n"));
    bench_destroy (bench);
}

/*  New limits: stored, pushed to every edge and limiter, answered when all ready ones have them. */
static void
test_limits (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    bench_peer (bench, EVENT_PEER_UP, KIND_LIMITER, 1, STATE_READY);
    bench_ack (bench, KIND_LIMITER, 1, bench_core (bench)->snapshot.limits_version);
    bench_take (bench);
    bench_ask (bench, MSG_LIMITS_GET, &(query_t){ 0 });
    assert_string_equal (bench_take (bench),
                         "send edge/1 LIMITS batch=900 [{\"version\":1,\"user_count\":50,"
                         "\"user_window_ms\":1000}]\n");
    limits_t limits = { .user_count = 60, .user_window_ms = 1000, .actor = "admin" };
    bench_ask (bench, MSG_LIMITS_SET, &limits);
    limits.version = 2;
    bench_answer (bench, CALL_LIMITS_SAVE, PURPOSE_QUESTION, &limits, 1);
    const char *text = bench_take (bench);
    assert_non_null (strstr (text, "send edge/2 LIMITS"));
    assert_non_null (strstr (text, "send limiter/1 LIMITS"));
    uint64_t version = bench_core (bench)->snapshot.limits_version;
    bench_ack (bench, KIND_EDGE, 1, version);
    bench_ack (bench, KIND_LIMITER, 1, version);
    assert_false (s_is_answered (bench, "batch=900"));
    bench_ack (bench, KIND_EDGE, 2, version);
    assert_true (
        s_is_answered (bench, "send edge/1 LIMITS batch=900 [{\"version\":2,\"user_count\":60"));
    bench_destroy (bench);
}

/*  The log is passed on, newest first as the store gives it. */
static void
test_log (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    query_t query = { .after = 12, .limit = 5 };
    bench_ask (bench, MSG_LOG_LIST, &query);
    assert_string_equal (bench_take (bench), "call log_list [{\"after\":12,\"limit\":5}]\n");
    log_entry_t entry = { .place = 11, .who = "admin", .action = "sale_pause" };
    bench_answer (bench, CALL_LOG_LIST, PURPOSE_QUESTION, &entry, 1);
    assert_string_equal (
        bench_take (bench),
        "send edge/1 LOG batch=900 [{\"place\":11,\"who\":\"admin\",\"action\":\"sale_pause\"}]\n");
    bench_ask (bench, MSG_LOG_LIST, &query);
    bench_take (bench);
    bench_answer (bench, CALL_LOG_LIST, PURPOSE_QUESTION, NULL, 0);
    assert_string_equal (bench_take (bench), "send edge/1 LOG batch=900 []\n");
    bench_destroy (bench);
}

/*  Beyond QUESTIONS_MAX: busy; all that were taken are answered in the end. A question without its one entry is refused. */
static void
test_bounded (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    query_t query = { .sale_id = 1 };
    for (size_t i = 0; i < QUESTIONS_MAX; i++)
        bench_ask (bench, MSG_SALE_GET, &query);
    bench_take (bench);
    bench_ask (bench, MSG_SALE_GET, &query);
    assert_string_equal (bench_take (bench), "send edge/1 OUTCOME batch=900 [{\"code\":50}]\n");
    sale_t sale = bench_sale (1);
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        bench_answer (bench, CALL_SALE_LOAD, PURPOSE_QUESTION, &sale, 1);
        assert_true (s_is_answered (bench, "SALE_REPLY"));
    }
    assert_int_equal (rig_status (bench->rig).in_flight, 0);
    header_t extras = { .batch_id = 900 };
    rig_message (bench->rig, KIND_EDGE, 1, MSG_SALE_GET, &extras, NULL, 0);
    assert_non_null (strstr (rig_text (bench->rig, false), "OUTCOME batch=900 [{\"code\":17}]"));
    bench_destroy (bench);
}

/*  Two sales at once: changes of one do not wait for the other. */
static void
test_two_sales (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    sale_t sales[2] = { bench_sale (1), bench_sale (2) };
    bench_lead_two (bench, sales);
    for (uint64_t id = 1; id <= 2; id++) {
        sale_change_t change = { .sale_id = id, .state = SALE_PAUSED };
        bench_ask (bench, MSG_SALE_CHANGE, &change);
    }
    for (size_t i = 0; i < 2; i++) {
        sales[i].version = 4;
        sales[i].state = SALE_PAUSED;
        bench_answer (bench, CALL_SALE_CHANGE, PURPOSE_QUESTION, &sales[i], 1);
    }
    bench_take (bench);
    bench_fail (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE, RESULT_UNKNOWN);
    assert_string_equal (bench_take (bench), "");
    bench_code (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE, ERROR_NONE);
    assert_true (s_is_answered (bench, "SALE_REPLY batch=900 [{\"sale_id\":2,"));
    bench_pass (bench, 50 * MS);
    bench_code (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE, ERROR_NONE);
    assert_true (s_is_answered (bench, "SALE_REPLY batch=900 [{\"sale_id\":1,"));
    bench_destroy (bench);
}

/*  A sale that is ended as a draft has no gate: it is answered when the edges have it. */
static void
test_end_a_draft (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    sale_change_t change = { .sale_id = 5, .state = SALE_ENDED };
    sale_t sale = bench_sale (5);
    sale.state = SALE_ENDED;
    sale.epoch = 0;
    bench_ask (bench, MSG_SALE_CHANGE, &change);
    bench_take (bench);
    bench_answer (bench, CALL_SALE_CHANGE, PURPOSE_QUESTION, &sale, 1);
    assert_null (strstr (bench_take (bench), "call gate"));
    s_ack_all (bench);
    assert_true (s_is_answered (bench, "SALE_REPLY"));
    bench_destroy (bench);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_changes_of_an_open_sale),
        cmocka_unit_test (test_already_so),
        cmocka_unit_test (test_archived_stays_archived),
        cmocka_unit_test (test_publish),
        cmocka_unit_test (test_late_edge),
        cmocka_unit_test (test_gate_away),
        cmocka_unit_test (test_not_allowed),
        cmocka_unit_test (test_store_failures),
        cmocka_unit_test (test_reading_sales),
        cmocka_unit_test (test_limits),
        cmocka_unit_test (test_log),
        cmocka_unit_test (test_bounded),
        cmocka_unit_test (test_two_sales),
        cmocka_unit_test (test_end_a_draft),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
