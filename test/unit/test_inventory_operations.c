/*  Stock changes and requeues: every row of the state table in operations.c, and what operators are told. */

#include "inventory_bench.h"

#include "sales.h"

#define OP_ID "\"op_id\":\"09000000000000000000000000000000\""
#define ACTOR "\"reason\":\"r\",\"actor\":\"ann\""
#define RID "\"rid\":\"55000000000000000000000000000000\""

/*  A leader with sale 1 open, one edge that has everything, and nothing begun. */
static bench_t *
s_ready (void)
{
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    bench_answer (bench, CALL_STOCK_PENDING, PURPOSE_PENDING, NULL, 0);
    bench_answer (bench, CALL_DEAD_PENDING, PURPOSE_PENDING, NULL, 0);
    bench_peer (bench, EVENT_PEER_UP, KIND_EDGE, 1, STATE_READY);
    bench_ack (bench, KIND_EDGE, 1, bench_core (bench)->snapshot.receivers[0].sales.sent);
    bench_ack (bench, KIND_EDGE, 1, bench_core (bench)->snapshot.receivers[0].limits.sent);
    bench_take (bench);
    return bench;
}

static bool
s_is_answered (bench_t *bench, const char *words)
{
    return strstr (bench_take (bench), words) != NULL;
}

static const operation_t *
s_operation (const bench_t *bench)
{
    return &bench_core (bench)->operations.slots[0];
}

static void
s_ask_stock (bench_t *bench, int64_t delta)
{
    stock_change_t change = {
        .sale_id = 1, .op_id = { 9 }, .delta = delta, .reason = "r", .actor = "ann"
    };
    bench_ask (bench, MSG_SALE_STOCK, &change);
}

/*  STOCK_BEGIN or STOCK_DONE answers this. */
static void
s_stock (bench_t *bench, call_name_t call, bool taking, stock_state_t state, error_code_t code)
{
    stock_op_t row = { .sale_id = 1, .epoch = 2, .op_id = { 9 }, .units = 5 };
    row.taking = taking;
    row.state = state;
    row.code = code;
    bench_answer (bench, call, PURPOSE_OPERATION, &row, 1);
}

static void
s_ask_requeue (bench_t *bench)
{
    dead_change_t wish = { .place = 12, .requeue = 1, .actor = "ann" };
    bench_ask (bench, MSG_DEAD_CHANGE, &wish);
}

/*  DEAD_BEGIN or ORDER_READMIT answers this. */
static void
s_letter (bench_t *bench, call_name_t call, dead_state_t state, error_code_t code)
{
    readmission_t row = { .sale_id = 1, .epoch = 2, .rid = { 0x55 }, .mark = 70, .letter = 12 };
    row.state = state;
    row.code = code;
    bench_answer (bench, call, PURPOSE_OPERATION, &row, 1);
}

/* -------------------------------------------------------------------------- whole ways */

/*  More stock: PostgreSQL, gate, PostgreSQL, then the version as every change; one answer at the end. */
static void
test_add (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    s_ask_stock (bench, 5);
    assert_string_equal (bench_take (bench),
                         "call stock_begin [{\"sale_id\":1," OP_ID ",\"delta\":5," ACTOR "}]\n");
    s_stock (bench, CALL_STOCK_BEGIN, false, STOCK_BEGUN, ERROR_NONE);
    assert_string_equal (bench_take (bench),
                         "call gate_stock [{\"sale_id\":1,\"epoch\":2,\"token\":7," OP_ID
                         ",\"units\":5,\"state\":1}]\n");
    bench_code (bench, CALL_GATE_STOCK, PURPOSE_OPERATION, ERROR_NONE);
    assert_string_equal (bench_take (bench),
                         "call stock_done [{\"sale_id\":1,\"epoch\":2,\"token\":7," OP_ID
                         ",\"units\":5,\"state\":1}]\n");
    s_stock (bench, CALL_STOCK_DONE, false, STOCK_DONE, ERROR_NONE);
    assert_string_equal (bench_take (bench), "call sale_load [{\"sale_id\":1,\"limit\":1}]\n");
    sale_t sale = bench_sale (1);
    sale.version = 4;
    sale.stock_total = 105;
    bench_answer (bench, CALL_SALE_LOAD, PURPOSE_QUESTION, &sale, 1);
    assert_non_null (strstr (bench_take (bench), "call gate_update [{\"sale_id\":1,\"epoch\":2,"));
    bench_code (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE, ERROR_NONE);
    assert_null (strstr (bench_take (bench), "SALE_REPLY"));
    bench_ack (bench, KIND_EDGE, 1, bench_core (bench)->snapshot.sales_version);
    assert_true (
        s_is_answered (bench, "send edge/1 SALE_REPLY batch=900 [{\"sale_id\":1,\"version\":4,"));
    assert_int_equal (rig_status (bench->rig).in_flight, 0);
    assert_int_equal (s_operation (bench)->state, OPERATION_FREE);
    bench_destroy (bench);
}

/*  Less stock than is left: the gate's refusal is taken over by PostgreSQL, and then told. */
static void
test_take_refused (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    s_ask_stock (bench, -5);
    s_stock (bench, CALL_STOCK_BEGIN, true, STOCK_BEGUN, ERROR_NONE);
    bench_take (bench);
    bench_code (bench, CALL_GATE_STOCK, PURPOSE_OPERATION, ERROR_SOLD_OUT);
    assert_string_equal (bench_take (bench),
                         "call stock_done [{\"sale_id\":1,\"epoch\":2,\"token\":7," OP_ID
                         ",\"taking\":1,\"units\":5,\"state\":1,\"code\":33}]\n");
    s_stock (bench, CALL_STOCK_DONE, true, STOCK_REFUSED, ERROR_INVALID_STATE);
    assert_string_equal (bench_take (bench),
                         "send edge/1 OUTCOME batch=900 [{\"code\":35,"
                         "\"detail\":\"Fewer units are left, more than 10000000 there would be, or "
                         "the sale has ended\"}]\n");
    bench_destroy (bench);
}

/*  A requeue waits for the release of its rid, which is hurried; then gate and PostgreSQL; the answer is what PostgreSQL decided. */
static void
test_requeue (void **state)
{
    (void)state;
    static const error_code_t codes[] = { ERROR_NONE, ERROR_SOLD_OUT, ERROR_ALREADY_PURCHASED,
                                          ERROR_INVALID_STATE };
    for (size_t i = 0; i < 4; i++) {
        char wanted[128];
        bench_t *bench = s_ready ();
        s_ask_requeue (bench);
        assert_string_equal (bench_take (bench),
                             "call dead_begin [{\"place\":12,\"requeue\":1,\"actor\":\"ann\"}]\n");
        s_letter (bench, CALL_DEAD_BEGIN, DEAD_REQUEUEING, ERROR_BUSY);
        assert_non_null (bench_find (bench, CALL_RELEASE_LIST, PURPOSE_RELAY));
        bench_pass (bench, 20 * MS);
        assert_string_equal (bench_take (bench),
                             "call dead_begin [{\"place\":12,\"requeue\":2,\"actor\":\"ann\"}]\n");
        s_letter (bench, CALL_DEAD_BEGIN, DEAD_REQUEUEING, ERROR_NONE);
        assert_string_equal (bench_take (bench),
                             "call gate_readmit [{\"sale_id\":1,\"epoch\":2,\"token\":7," RID
                             ",\"mark\":70,\"letter\":12,\"state\":2}]\n");
        bench_code (bench, CALL_GATE_READMIT, PURPOSE_OPERATION, codes[i]);
        snprintf (wanted, sizeof wanted, "\"letter\":12,\"state\":2%s",
                  codes[i] ? ",\"code\":" : "}");
        assert_non_null (strstr (bench_take (bench), wanted));
        s_letter (bench, CALL_ORDER_READMIT, codes[i] ? DEAD_OPEN : DEAD_REQUEUED, codes[i]);
        if (codes[i])
            snprintf (wanted, sizeof wanted, "send edge/1 OUTCOME batch=900 [{\"code\":%d",
                      codes[i]);
        else
            snprintf (wanted, sizeof wanted, "send edge/1 OUTCOME batch=900 [{}]\n");
        const char *told = bench_take (bench);
        assert_int_equal (strncmp (told, wanted, strlen (wanted)), 0);
        bench_destroy (bench);
    }
}

/*  What PostgreSQL says at once: of a stock change, of a requeue, and of a discard. */
static void
test_answered_by_the_beginning (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    s_ask_stock (bench, 5);
    bench_answer (bench, CALL_STOCK_BEGIN, PURPOSE_OPERATION, NULL, 0);
    assert_true (s_is_answered (bench, "OUTCOME batch=900 [{\"code\":30}]"));
    s_ask_stock (bench, 5);
    s_stock (bench, CALL_STOCK_BEGIN, false, STOCK_BEGUN, ERROR_IDEMPOTENCY_MISMATCH);
    assert_true (s_is_answered (bench, "OUTCOME batch=900 [{\"code\":31}]"));
    s_ask_stock (bench, 5);
    s_stock (bench, CALL_STOCK_BEGIN, false, STOCK_REFUSED, ERROR_INVALID_STATE);
    assert_true (s_is_answered (bench, "OUTCOME batch=900 [{\"code\":35,\"detail\":"));
    s_ask_stock (bench, 5);
    s_stock (bench, CALL_STOCK_BEGIN, false, STOCK_DONE, ERROR_NONE);
    sale_t draft = bench_sale (5);
    draft.state = SALE_DRAFT;
    bench_answer (bench, CALL_SALE_LOAD, PURPOSE_QUESTION, &draft, 1);
    assert_true (
        s_is_answered (bench, "SALE_REPLY batch=900 [{\"sale_id\":5,\"version\":3,\"state\":1,"));
    s_ask_requeue (bench);
    bench_answer (bench, CALL_DEAD_BEGIN, PURPOSE_OPERATION, NULL, 0);
    assert_true (s_is_answered (bench, "OUTCOME batch=900 [{\"code\":8}]"));
    s_ask_requeue (bench);
    s_letter (bench, CALL_DEAD_BEGIN, DEAD_OPEN, ERROR_INVALID_STATE);
    assert_true (s_is_answered (bench, "OUTCOME batch=900 [{\"code\":35,\"detail\":"));
    s_ask_requeue (bench);
    s_letter (bench, CALL_DEAD_BEGIN, DEAD_REQUEUED, ERROR_NONE);
    assert_true (s_is_answered (bench, "OUTCOME batch=900 [{}]"));
    dead_change_t discard = { .place = 12, .actor = "ann" };
    bench_ask (bench, MSG_DEAD_CHANGE, &discard);
    assert_string_equal (bench_take (bench),
                         "call dead_discard [{\"place\":12,\"actor\":\"ann\"}]\n");
    bench_code (bench, CALL_DEAD_DISCARD, PURPOSE_QUESTION, ERROR_INVALID_STATE);
    assert_true (s_is_answered (bench, "OUTCOME batch=900 [{\"code\":35}]"));
    assert_int_equal (rig_status (bench->rig).in_flight, 0);
    bench_destroy (bench);
}

/*  Nonsense is refused before anything is asked: no units, too many, no name. */
static void
test_unsound_changes (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    static const int64_t deltas[] = { 0, 10000001, -10000001, INT64_MIN };
    for (size_t i = 0; i < 4; i++) {
        s_ask_stock (bench, deltas[i]);
        assert_string_equal (bench_take (bench), "send edge/1 OUTCOME batch=900 [{\"code\":17}]\n");
    }
    stock_change_t nameless = { .sale_id = 1, .delta = 1 };
    bench_ask (bench, MSG_SALE_STOCK, &nameless);
    assert_string_equal (bench_take (bench), "send edge/1 OUTCOME batch=900 [{\"code\":17}]\n");
    bench_destroy (bench);
}

/*  Dead letters are listed as the store gives them, at most a message's worth. */
static void
test_dead_list (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    query_t query = { .after = 12, .limit = 5000 };
    bench_ask (bench, MSG_DEAD_LIST, &query);
    assert_string_equal (bench_take (bench), "call dead_list [{\"after\":12,\"limit\":256}]\n");
    dead_letter_t letter = { .place = 11, .sale_id = 1, .reason = "poison", .state = DEAD_OPEN };
    bench_answer (bench, CALL_DEAD_LIST, PURPOSE_QUESTION, &letter, 1);
    assert_string_equal (bench_take (bench),
                         "send edge/1 DEAD_LETTERS batch=900 [{\"place\":11,\"sale_id\":1,"
                         "\"reason\":\"poison\",\"state\":1}]\n");
    bench_destroy (bench);
}

/* -------------------------------------------------------------------------- what goes wrong */

/*  Begun, and at each step everything that is no decision: PostgreSQL is asked again after a growing pause, and nothing is answered. */
static void
test_each_step_goes_back_to_asking (void **state)
{
    (void)state;
    static const error_code_t gate_codes[] = { ERROR_RECOVERING, ERROR_STALE_EPOCH, ERROR_LATE };
    for (int variant = 0; variant < 10; variant++) {
        bench_t *bench = s_ready ();
        s_ask_stock (bench, -5);
        s_stock (bench, CALL_STOCK_BEGIN, true, STOCK_BEGUN, ERROR_NONE);
        if (variant >= 6)
            bench_code (bench, CALL_GATE_STOCK, PURPOSE_OPERATION, ERROR_NONE);
        bench_take (bench);
        if (variant < 3)
            bench_fail (bench, CALL_GATE_STOCK, PURPOSE_OPERATION, RESULT_REFUSED + variant);
        else if (variant < 6)
            bench_code (bench, CALL_GATE_STOCK, PURPOSE_OPERATION, gate_codes[variant - 3]);
        else if (variant < 9)
            bench_fail (bench, CALL_STOCK_DONE, PURPOSE_OPERATION, RESULT_REFUSED + variant - 6);
        else
            s_stock (bench, CALL_STOCK_DONE, true, STOCK_BEGUN, ERROR_STALE_EPOCH);
        bench_pass (bench, 19 * MS);
        assert_string_equal (bench_take (bench), "");
        bench_pass (bench, 1 * MS);
        assert_string_equal (bench_take (bench), "call stock_begin [{\"sale_id\":1," OP_ID
                                                 ",\"delta\":-5," ACTOR "}]\n");
        bench_fail (bench, CALL_STOCK_BEGIN, PURPOSE_OPERATION, RESULT_UNKNOWN);
        bench_pass (bench, 39 * MS);
        assert_string_equal (bench_take (bench), "");
        bench_pass (bench, 1 * MS);
        s_stock (bench, CALL_STOCK_BEGIN, true, STOCK_BEGUN, ERROR_NONE);
        bench_code (bench, CALL_GATE_STOCK, PURPOSE_OPERATION, ERROR_NONE);
        s_stock (bench, CALL_STOCK_DONE, true, STOCK_DONE, ERROR_NONE);
        assert_true (s_is_answered (bench, "call sale_load"));
        bench_destroy (bench);
    }
}

/*  A beginning without an answer: the asker is told at once. If it may have happened, what is begun is listed soon. */
static void
test_beginning_fails (void **state)
{
    (void)state;
    for (result_status_t status = RESULT_REFUSED; status <= RESULT_UNKNOWN; status++) {
        bench_t *bench = s_ready ();
        s_ask_stock (bench, 5);
        bench_take (bench);
        bench_fail (bench, CALL_STOCK_BEGIN, PURPOSE_OPERATION, status);
        assert_string_equal (bench_take (bench),
                             status == RESULT_REFUSED
                                 ? "send edge/1 OUTCOME batch=900 [{\"code\":18}]\n"
                                 : "send edge/1 OUTCOME batch=900 [{\"code\":51}]\n");
        assert_int_equal (s_operation (bench)->state, OPERATION_FREE);
        bench_pass (bench, 500 * MS);
        assert_int_equal (bench_find (bench, CALL_STOCK_PENDING, PURPOSE_PENDING) != NULL,
                          status == RESULT_UNKNOWN);
        bench_destroy (bench);
    }
}

/*  A higher token at the gate, or another's lease in PostgreSQL: the asker is to ask the leader, the lease is asked for at once, and nothing
    more is done for it in this term. */
static void
test_fenced (void **state)
{
    (void)state;
    for (int at_gate = 0; at_gate <= 1; at_gate++) {
        bench_t *bench = s_ready ();
        s_ask_stock (bench, 5);
        s_stock (bench, CALL_STOCK_BEGIN, false, STOCK_BEGUN, ERROR_NONE);
        if (!at_gate)
            bench_code (bench, CALL_GATE_STOCK, PURPOSE_OPERATION, ERROR_NONE);
        while (bench_find (bench, CALL_LEASE_TAKE, PURPOSE_NONE))
            bench_lease (bench, BENCH_TOKEN, true);
        bench_take (bench);
        if (at_gate)
            bench_code (bench, CALL_GATE_STOCK, PURPOSE_OPERATION, ERROR_FENCED);
        else
            s_stock (bench, CALL_STOCK_DONE, false, STOCK_BEGUN, ERROR_FENCED);
        assert_string_equal (bench_take (bench), "send edge/1 OUTCOME batch=900 [{\"code\":76}]\n");
        assert_int_equal (bench_count (bench, CALL_LEASE_TAKE, PURPOSE_LEASE), 1);
        assert_int_equal (bench_core (bench)->sales[0].fenced_token, at_gate ? BENCH_TOKEN : 0);
        bench_destroy (bench);
    }
}

/*  The deadline: the asker is told why, and the operation goes on to its end. */
static void
test_late (void **state)
{
    (void)state;
    for (int at_gate = 0; at_gate <= 1; at_gate++) {
        bench_t *bench = s_ready ();
        s_ask_stock (bench, 5);
        s_stock (bench, CALL_STOCK_BEGIN, false, STOCK_BEGUN, ERROR_NONE);
        if (!at_gate)
            bench_code (bench, CALL_GATE_STOCK, PURPOSE_OPERATION, ERROR_NONE);
        bench_take (bench);
        bench_live (bench, 2700 * MS);
        assert_true (
            s_is_answered (bench, at_gate ? "OUTCOME batch=900 [{\"code\":52,\"detail\":\"If it was"
                                          : "OUTCOME batch=900 [{\"code\":51,"));
        if (at_gate)
            bench_code (bench, CALL_GATE_STOCK, PURPOSE_OPERATION, ERROR_NONE);
        s_stock (bench, CALL_STOCK_DONE, false, STOCK_DONE, ERROR_NONE);
        assert_int_equal (s_operation (bench)->state, OPERATION_FREE);
        assert_null (strstr (bench_take (bench), "OUTCOME"));
        /* nobody asked for the sale's new row: the table is loaded anew */
        bench_pass (bench, 200 * MS);
        assert_non_null (bench_find (bench, CALL_SALE_LIVE, PURPOSE_RELOAD));
        bench_destroy (bench);
    }
}

/*  The same change asked for twice is one operation with two answers; another change of the same name has its own. */
static void
test_shared (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    s_ask_stock (bench, 5);
    s_ask_stock (bench, 5);
    assert_int_equal (bench_count (bench, CALL_STOCK_BEGIN, PURPOSE_OPERATION), 1);
    s_ask_stock (bench, 6);
    assert_int_equal (bench_count (bench, CALL_STOCK_BEGIN, PURPOSE_OPERATION), 2);
    s_stock (bench, CALL_STOCK_BEGIN, false, STOCK_REFUSED, ERROR_INVALID_STATE);
    s_stock (bench, CALL_STOCK_BEGIN, false, STOCK_BEGUN, ERROR_IDEMPOTENCY_MISMATCH);
    const char *text = bench_take (bench);
    size_t refused = 0, mismatched = 0;
    for (const char *at = text; (at = strstr (at, "\"code\":35")); at++)
        refused++;
    for (const char *at = text; (at = strstr (at, "\"code\":31")); at++)
        mismatched++;
    assert_true (refused == 2 && mismatched == 1);
    s_ask_requeue (bench);
    s_ask_requeue (bench);
    assert_int_equal (bench_count (bench, CALL_DEAD_BEGIN, PURPOSE_OPERATION), 1);
    bench_destroy (bench);
}

/*  At most OPERATIONS_MAX at once: the next is refused as busy. */
static void
test_bounded (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    stock_change_t change = { .sale_id = 1, .delta = 1 };
    for (size_t i = 0; i <= OPERATIONS_MAX; i++) {
        change.op_id[0] = (uint8_t)(i + 1);
        bench_take (bench);
        bench_ask (bench, MSG_SALE_STOCK, &change);
    }
    assert_non_null (strstr (bench_take (bench), "OUTCOME batch=900 [{\"code\":50,"));
    assert_int_equal (bench_count (bench, CALL_STOCK_BEGIN, PURPOSE_OPERATION), OPERATIONS_MAX);
    bench_destroy (bench);
}

/* -------------------------------------------------------------------------- resuming */

static void
s_pending (bench_t *bench, uint64_t sale_id)
{
    stock_op_t row = { .sale_id = sale_id,
                       .epoch = 2,
                       .op_id = { 9 },
                       .taking = 1,
                       .units = 5,
                       .state = STOCK_BEGUN };
    readmission_t letter = {
        .sale_id = sale_id, .epoch = 2, .rid = { 0x55 }, .letter = 12, .state = DEAD_REQUEUEING
    };
    bench_answer (bench, CALL_STOCK_PENDING, PURPOSE_PENDING, &row, 1);
    bench_answer (bench, CALL_DEAD_PENDING, PURPOSE_PENDING, &letter, 1);
}

/*  A new leader carries on what it finds begun, as if it was asked for, and answers nobody; twice listed it is one. */
static void
test_resumed (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    bench_take (bench);
    s_pending (bench, 1);
    bench_event (bench, EVENT_TIMER);
    assert_string_equal (bench_take (bench),
                         "call stock_begin [{\"sale_id\":1," OP_ID ",\"delta\":-5}]\n"
                         "call dead_begin [{\"place\":12,\"requeue\":2}]\n");
    s_stock (bench, CALL_STOCK_BEGIN, true, STOCK_BEGUN, ERROR_NONE);
    s_letter (bench, CALL_DEAD_BEGIN, DEAD_REQUEUEING, ERROR_NONE);
    bench_live (bench, 10000 * MS);
    bench_take (bench);
    s_pending (bench, 1);
    bench_event (bench, EVENT_TIMER);
    assert_null (strstr (bench_take (bench), "_begin"));
    bench_code (bench, CALL_GATE_STOCK, PURPOSE_OPERATION, ERROR_NONE);
    s_stock (bench, CALL_STOCK_DONE, true, STOCK_DONE, ERROR_NONE);
    assert_int_equal (rig_added (bench->rig, METRIC_OPERATIONS_RESUMED, 0), 1);
    bench_code (bench, CALL_GATE_READMIT, PURPOSE_OPERATION, ERROR_NONE);
    s_letter (bench, CALL_ORDER_READMIT, DEAD_REQUEUED, ERROR_NONE);
    assert_null (strstr (bench_take (bench), "send"));
    bench_destroy (bench);
}

/*  What waits for a gate takes no place: it is listed again soon, and taken when the gate is open. An archived sale has no gate to wait for;
    a table that is not whole archives nothing. */
static void
test_resumed_when_open (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    sale_t sale = bench_sale (1);
    bench_lead (bench, &sale, 1);
    bench_take (bench);
    s_pending (bench, 1);
    bench_pass (bench, 100 * MS);
    assert_null (strstr (bench_take (bench), "_begin"));
    gate_state_t gate = bench_gate (bench);
    bench_poll (bench, &gate);
    s_pending (bench, 1);
    bench_event (bench, EVENT_TIMER);
    assert_non_null (strstr (bench_take (bench), "call stock_begin"));
    /* its gate is closed meanwhile, and nobody waits for the answer: the place is free again */
    s_stock (bench, CALL_STOCK_BEGIN, true, STOCK_BEGUN, ERROR_NONE);
    gate = bench_gate (bench);
    gate.same_run = 0;
    bench_pass (bench, 1000 * MS);
    bench_poll (bench, &gate);
    bench_code (bench, CALL_GATE_STOCK, PURPOSE_OPERATION, ERROR_RECOVERING);
    assert_int_equal (s_operation (bench)->state, OPERATION_FREE);
    bench_destroy (bench);

    bench = bench_new ();
    bench_lead_one (bench);
    s_pending (bench, 5);
    bench_event (bench, EVENT_TIMER);
    assert_non_null (strstr (bench_take (bench), "call stock_begin [{\"sale_id\":5,"));
    s_stock (bench, CALL_STOCK_BEGIN, true, STOCK_REFUSED, ERROR_INVALID_STATE);
    assert_int_equal (s_operation (bench)->state, OPERATION_FREE);
    bench_destroy (bench);
}

/*  One that is asked for while its gate is closed waits for it, as long as the asker does. */
static void
test_closed_gate (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    gate_state_t gate = bench_gate (bench);
    gate.same_run = 0;
    bench_pass (bench, 1000 * MS);
    bench_poll (bench, &gate);
    bench_take (bench);
    s_ask_stock (bench, 5);
    s_stock (bench, CALL_STOCK_BEGIN, false, STOCK_BEGUN, ERROR_NONE);
    assert_null (bench_find (bench, CALL_GATE_STOCK, PURPOSE_OPERATION));
    for (int i = 0; i < 26; i++) {
        bench_live (bench, 100 * MS);
        if (bench_find (bench, CALL_STOCK_BEGIN, PURPOSE_OPERATION))
            s_stock (bench, CALL_STOCK_BEGIN, false, STOCK_BEGUN, ERROR_NONE);
    }
    assert_int_equal (s_operation (bench)->state, OPERATION_ASKING);
    bench_take (bench);
    bench_live (bench, 100 * MS);
    assert_true (s_is_answered (bench, "OUTCOME batch=900 [{\"code\":52,"));
    bench_live (bench, 600 * MS);
    if (bench_find (bench, CALL_STOCK_BEGIN, PURPOSE_OPERATION))
        s_stock (bench, CALL_STOCK_BEGIN, false, STOCK_BEGUN, ERROR_NONE);
    assert_int_equal (s_operation (bench)->state, OPERATION_FREE);
    bench_destroy (bench);
}

/*  The lease ends in each state: no step is made; with the lease, or under another token, it goes on from PostgreSQL; another leader's
    table is empty and its askers are told. */
static void
test_lease (void **state)
{
    (void)state;
    static const call_name_t calls[] = { CALL_STOCK_BEGIN, CALL_GATE_STOCK, CALL_STOCK_DONE };
    for (int at = 0; at < 3; at++) {
        for (int after = 0; after < 3; after++) { /* the same token, a new one, another leader */
            bench_t *bench = s_ready ();
            bench->rig->now_us += 2900 * MS;
            s_ask_stock (bench, -5);
            if (at > 0)
                s_stock (bench, CALL_STOCK_BEGIN, true, STOCK_BEGUN, ERROR_NONE);
            if (at > 1)
                bench_code (bench, CALL_GATE_STOCK, PURPOSE_OPERATION, ERROR_NONE);
            bench->rig->now_us += 200 * MS;
            bench_take (bench);
            if (at == 1)
                bench_code (bench, calls[at], PURPOSE_OPERATION, ERROR_NONE);
            else
                s_stock (bench, calls[at], true, STOCK_BEGUN, at ? ERROR_STALE_EPOCH : ERROR_NONE);
            assert_null (strstr (bench_take (bench), "stock"));
            bench_pass (bench, 100 * MS);
            assert_null (strstr (bench_take (bench), "stock"));
            while (bench_find (bench, CALL_LEASE_TAKE, PURPOSE_NONE) &&
                   bench_core (bench)->leadership.role == ROLE_LAPSED)
                bench_lease (bench, after == 0 ? BENCH_TOKEN : BENCH_TOKEN + 1, after < 2);
            bench_event (bench, EVENT_TIMER);
            const char *text = bench_take (bench);
            assert_int_equal (strstr (text, "call stock_begin") != NULL, after < 2);
            assert_int_equal (strstr (text, "OUTCOME batch=900 [{\"code\":76}]") != NULL,
                              after == 2);
            bench_destroy (bench);
        }
    }
}

/* -------------------------------------------------------------------------- edits, lines of the log */

/*  An edit goes to PostgreSQL as it is; without a row it is not allowed, a time that does not fit, or no such sale; a draft is answered at once. */
static void
test_edit (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    sale_t edited = {
        .sale_id = 1, .price_cents = 700, .mask = SALE_HAS_PRICE_CENTS, .actor = "ann"
    };
    bench_ask (bench, MSG_SALE_EDIT, &edited);
    assert_string_equal (bench_take (bench),
                         "call sale_edit [{\"sale_id\":1,\"price_cents\":700,\"mask\":8,"
                         "\"actor\":\"ann\"}]\n");
    sale_t sale = bench_sale (1);
    sale.version = 4;
    sale.price_cents = 700;
    bench_answer (bench, CALL_SALE_EDIT, PURPOSE_QUESTION, &sale, 1);
    assert_non_null (strstr (bench_take (bench), "\"version\":4,\"want\":2,"));
    bench_code (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE, ERROR_NONE);
    bench_ack (bench, KIND_EDGE, 1, bench_core (bench)->snapshot.sales_version);
    assert_true (s_is_answered (bench, "SALE_REPLY batch=900 [{\"sale_id\":1,\"version\":4,"));
    edited.mask = SALE_HAS_PER_USER_LIMIT;
    bench_ask (bench, MSG_SALE_EDIT, &edited);
    bench_answer (bench, CALL_SALE_EDIT, PURPOSE_QUESTION, NULL, 0);
    bench_answer (bench, CALL_SALE_LOAD, PURPOSE_QUESTION, &sale, 1);
    assert_true (s_is_answered (bench, "OUTCOME batch=900 [{\"code\":35}]"));
    /* its state allows it, so it is the value: an end before the start */
    edited.mask = SALE_HAS_ENDS_AT_MS;
    bench_ask (bench, MSG_SALE_EDIT, &edited);
    bench_answer (bench, CALL_SALE_EDIT, PURPOSE_QUESTION, NULL, 0);
    bench_answer (bench, CALL_SALE_LOAD, PURPOSE_QUESTION, &sale, 1);
    assert_true (s_is_answered (bench, "OUTCOME batch=900 [{\"code\":17,"));
    sale.state = SALE_ENDED;
    bench_ask (bench, MSG_SALE_EDIT, &edited);
    bench_answer (bench, CALL_SALE_EDIT, PURPOSE_QUESTION, NULL, 0);
    bench_answer (bench, CALL_SALE_LOAD, PURPOSE_QUESTION, &sale, 1);
    assert_true (s_is_answered (bench, "OUTCOME batch=900 [{\"code\":35}]"));
    bench_ask (bench, MSG_SALE_EDIT, &edited);
    bench_answer (bench, CALL_SALE_EDIT, PURPOSE_QUESTION, NULL, 0);
    bench_answer (bench, CALL_SALE_LOAD, PURPOSE_QUESTION, NULL, 0);
    assert_true (s_is_answered (bench, "OUTCOME batch=900 [{\"code\":30}]"));
    sale.sale_id = 5;
    sale.state = SALE_DRAFT;
    sale.epoch = 0;
    bench_ask (bench, MSG_SALE_EDIT, &edited);
    bench_answer (bench, CALL_SALE_EDIT, PURPOSE_QUESTION, &sale, 1);
    assert_true (s_is_answered (bench, "SALE_REPLY batch=900 [{\"sale_id\":5,"));
    bench_destroy (bench);
}

/*  A line of the supervisor is kept by the leader and answered by nobody; anybody else's is refused; one that cannot be kept is told. */
static void
test_log_add (void **state)
{
    (void)state;
    bench_t *bench = s_ready ();
    log_entry_t line = {
        .who = "ann", .action = "scale", .target = "edge", .before = "2", .after = "3"
    };
    rig_message (bench->rig, KIND_EDGE, 1, MSG_LOG_ADD, NULL, &line, 1);
    assert_int_equal (rig_added (bench->rig, METRIC_FRAMES_REFUSED, 0), 1);
    rig_message (bench->rig, KIND_SUPERVISOR, 1, MSG_LOG_ADD, NULL, &line, 1);
    s_keep (bench);
    assert_string_equal (bench_take (bench),
                         "call log_add [{\"who\":\"ann\",\"action\":\"scale\",\"target\":"
                         "\"edge\",\"before\":\"2\",\"after\":\"3\"}]\n");
    bench_code (bench, CALL_LOG_ADD, PURPOSE_LOG, ERROR_NONE);
    assert_string_equal (bench_take (bench), "");
    rig_message (bench->rig, KIND_SUPERVISOR, 1, MSG_LOG_ADD, NULL, &line, 1);
    s_keep (bench);
    bench_fail (bench, CALL_LOG_ADD, PURPOSE_LOG, RESULT_UNKNOWN);
    assert_non_null (strstr (rig_text (bench->rig, false), "log warning log_not_kept"));
    bench->rig->now_us += 4 * SECOND_US;
    const char *text = rig_message (bench->rig, KIND_SUPERVISOR, 1, MSG_LOG_ADD, NULL, &line, 1);
    assert_non_null (strstr (text, "log warning log_not_kept who=ann action=scale target=edge"));
    bench_destroy (bench);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_add),
        cmocka_unit_test (test_take_refused),
        cmocka_unit_test (test_requeue),
        cmocka_unit_test (test_answered_by_the_beginning),
        cmocka_unit_test (test_unsound_changes),
        cmocka_unit_test (test_dead_list),
        cmocka_unit_test (test_each_step_goes_back_to_asking),
        cmocka_unit_test (test_beginning_fails),
        cmocka_unit_test (test_fenced),
        cmocka_unit_test (test_late),
        cmocka_unit_test (test_shared),
        cmocka_unit_test (test_bounded),
        cmocka_unit_test (test_resumed),
        cmocka_unit_test (test_resumed_when_open),
        cmocka_unit_test (test_closed_gate),
        cmocka_unit_test (test_lease),
        cmocka_unit_test (test_edit),
        cmocka_unit_test (test_log_add),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
