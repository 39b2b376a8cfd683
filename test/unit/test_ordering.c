/*  Ordering: events in, effects out as text. delivery_window is 2: two writes at once, four deliveries behind them. */

#include "dice.h"
#include "ordering_bench.h"

static order_event_t
s_entry (uint8_t rid)
{
    return (order_event_t){
        .sale_id = 5, .epoch = 1, .entry_ms = rid, .rid = { rid }, .user_id = 7, .quantity = 1
    };
}

/*  A delivery of entries with rids first … last. */
static const char *
s_deliver (rig_t *rig, uint64_t batch_id, uint8_t first, uint8_t last)
{
    order_event_t entries[BATCH_ENTRIES_MAX];
    size_t count = 0;
    for (unsigned rid = first; rid <= last; rid++)
        entries[count++] = s_entry ((uint8_t)rid);
    header_t extras = { .batch_id = batch_id, .attempt = 1 };
    return rig_message (rig, KIND_BROKER, 1, MSG_DELIVER, &extras, entries, count);
}

/*  Result of the write in place `place`, of rids first … last; the last one has `code`. */
static const char *
s_written (rig_t *rig, uint64_t place, uint8_t first, uint8_t last, error_code_t code)
{
    order_outcome_t outcomes[BATCH_ENTRIES_MAX] = { 0 };
    size_t count = 0;
    for (unsigned rid = first; rid <= last; rid++)
        outcomes[count++].rid[0] = (uint8_t)rid;
    outcomes[count - 1].code = code;
    return rig_result (rig, CALL_ORDER_WRITE, TAG_PLACE + place, RESULT_OK, outcomes, count);
}

static const char *
s_failed (rig_t *rig, uint64_t place, result_status_t status)
{
    return rig_result (rig, CALL_ORDER_WRITE, TAG_PLACE + place, status, NULL, 0);
}

static const char *
s_ask (rig_t *rig, message_type_t type, uint64_t qid, uint64_t limit)
{
    query_t query = { .user_id = 7, .rid = { 1 }, .limit = limit };
    header_t extras = { .batch_id = qid };
    return rig_message (rig, KIND_EDGE, 1, type, &extras, &query, 1);
}

/* -------------------------------------------------------------------------- deliveries */

/*  A delivery is one order_write; its ACK comes after the answer and renews the credit. */
static void
test_writes_then_acknowledges (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    assert_string_equal (
        s_deliver (rig, 9, 1, 2),
        "call order_write tag=65536 [{\"sale_id\":5,\"epoch\":1,\"entry_ms\":1,"
        "\"rid\":\"01000000000000000000000000000000\",\"user_id\":7,\"quantity\":1},"
        "{\"sale_id\":5,\"epoch\":1,\"entry_ms\":2,"
        "\"rid\":\"02000000000000000000000000000000\",\"user_id\":7,\"quantity\":1}]\n");
    assert_int_equal (rig_status (rig).in_flight, 1);
    assert_string_equal (s_written (rig, 0, 1, 2, ERROR_NONE),
                         "send broker/1 ACK batch=9 attempt=1 [{\"credit\":2}]\n");
    assert_int_equal (rig_added (rig, METRIC_ORDERS_WRITTEN, ERROR_NONE), 2);
    assert_int_equal (rig_status (rig).in_flight, 0);
    assert_int_equal (rig_status (rig).handled, 2);
    rig_destroy (&rig);
}

/*  An entry of another epoch and a rejected one are final too: acknowledged, counted by code, the rejected one logged. */
static void
test_final_outcomes_are_acknowledged (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    s_deliver (rig, 9, 1, 2);
    assert_string_equal (s_written (rig, 0, 1, 2, ERROR_STALE_EPOCH),
                         "send broker/1 ACK batch=9 attempt=1 [{\"credit\":2}]\n");
    assert_int_equal (rig_added (rig, METRIC_ORDERS_WRITTEN, ERROR_STALE_EPOCH), 1);
    assert_int_equal (rig_added (rig, METRIC_ORDERS_WRITTEN, ERROR_NONE), 1);
    s_deliver (rig, 10, 3, 4);
    assert_string_equal (
        s_written (rig, 0, 3, 4, ERROR_REJECTED),
        "log warning order_rejected rid 04000000000000000000000000000000 sale 5 user 7\n"
        "send broker/1 ACK batch=10 attempt=1 [{\"credit\":2}]\n");
    assert_int_equal (rig_added (rig, METRIC_ORDERS_WRITTEN, ERROR_REJECTED), 1);
    rig_destroy (&rig);
}

/*  Two writes at once, four deliveries behind them in the order of their coming; one more is sent back, and its broker hears
    when there is room again. */
static void
test_writes_are_bounded (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    for (uint8_t i = 1; i <= 6; i++)
        assert_int_equal (strlen (s_deliver (rig, i, i, i)) > 0, i <= 2);
    assert_int_equal (rig_status (rig).queue_depth, 4);
    assert_string_equal (s_deliver (rig, 7, 7, 7),
                         "send broker/1 ACK batch=7 attempt=1 [{\"code\":51}]\n");
    s_written (rig, 1, 2, 2, ERROR_NONE);
    assert_string_equal (
        rig->text, "send broker/1 ACK batch=2 attempt=1 [{\"credit\":2}]\n"
                   "send broker/1 CREDIT [{\"credit\":2}]\n"
                   "call order_write tag=65538 [{\"sale_id\":5,\"epoch\":1,\"entry_ms\":3,"
                   "\"rid\":\"03000000000000000000000000000000\",\"user_id\":7,\"quantity\":1}]\n");
    rig_destroy (&rig);
}

/*  A broker repeats what we still have: it is written once and answered once. */
static void
test_repeated_delivery_is_written_once (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    s_deliver (rig, 9, 1, 1);
    assert_string_equal (s_deliver (rig, 9, 1, 1), "");
    s_written (rig, 0, 1, 1, ERROR_NONE);
    assert_int_equal (rig_status (rig).in_flight, 0);
    /* after the answer it is a new one */
    assert_non_null (strstr (s_deliver (rig, 9, 1, 1), "call order_write"));
    rig_destroy (&rig);
}

/*  What the store refuses is poison, whether one entry or many: the broker takes it apart. */
static void
test_refused_write_is_poison (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    for (uint8_t last = 1; last <= 2; last++) {
        s_deliver (rig, 9, 1, last);
        assert_non_null (
            strstr (s_failed (rig, 0, RESULT_REFUSED),
                    "send broker/1 ACK batch=9 attempt=1 [{\"code\":75,\"credit\":2}]"));
    }
    rig_destroy (&rig);
}

/*  An entry that could not be read from the journal (its fields are zero) is poison without asking the store. */
static void
test_unreadable_entry_is_poison (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    for (int field = 0; field < 4; field++) {
        order_event_t entries[2] = { s_entry (1), s_entry (2) };
        if (field == 0)
            entries[1].sale_id = 0;
        if (field == 1)
            entries[1].user_id = 0;
        if (field == 2)
            entries[1].quantity = 0;
        if (field == 3)
            memset (entries[1].rid, 0, RID_BYTES);
        header_t extras = { .batch_id = 9 };
        assert_string_equal (rig_message (rig, KIND_BROKER, 1, MSG_DELIVER, &extras, entries, 2),
                             "send broker/1 ACK batch=9 [{\"code\":75,\"credit\":2}]\n");
    }
    rig_destroy (&rig);
}

/*  Outcomes that are missing, of another rid or not final are no reason to acknowledge. */
static void
test_incomplete_outcomes_are_not_acknowledged (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    s_deliver (rig, 9, 1, 2);
    assert_non_null (strstr (s_written (rig, 0, 1, 1, ERROR_NONE), "\"code\":75"));
    s_deliver (rig, 9, 1, 2);
    assert_non_null (strstr (s_written (rig, 0, 2, 3, ERROR_NONE), "\"code\":75"));
    s_deliver (rig, 9, 1, 2);
    assert_non_null (strstr (s_written (rig, 0, 1, 2, ERROR_BUSY), "\"code\":75"));
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- PostgreSQL away */

/*  A write of unknown fate closes the store: it and what waits are given back, credit is 0, the process is not ready; a probe
    every 250 ms opens it again, and the brokers hear it. */
static void
test_unknown_write_closes_the_store (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    for (uint8_t i = 1; i <= 3; i++)
        s_deliver (rig, i, i, i);
    assert_string_equal (s_failed (rig, 0, RESULT_UNKNOWN),
                         "send broker/1 ACK batch=3 attempt=1 [{\"code\":51}]\n"
                         "send broker/1 CREDIT [{}]\n"
                         "log warning store_closed PostgreSQL does not answer\n"
                         "send broker/1 ACK batch=1 attempt=1 [{\"code\":51}]\n");
    assert_false (rig_status (rig).is_ready);
    assert_string_equal (s_failed (rig, 1, RESULT_UNKNOWN),
                         "send broker/1 ACK batch=2 attempt=1 [{\"code\":51}]\n");
    assert_string_equal (s_deliver (rig, 4, 4, 4),
                         "send broker/1 ACK batch=4 attempt=1 [{\"code\":51}]\n");
    assert_string_equal (bench_advance (rig, PROBE_US - 1), "");
    for (int i = 0; i < 3; i++) {
        assert_non_null (strstr (bench_advance (rig, i ? PROBE_US : 1),
                                 "call order_list tag=1 [{\"limit\":1}]\n"));
        bench_probed (rig, RESULT_UNAVAILABLE);
        assert_false (rig_status (rig).is_ready);
    }
    bench_advance (rig, PROBE_US);
    assert_string_equal (bench_probed (rig, RESULT_OK), "send broker/1 CREDIT [{\"credit\":2}]\n"
                                                        "log info store_open PostgreSQL answers\n");
    assert_true (rig_status (rig).is_ready);
    rig_destroy (&rig);
}

/*  A write that certainly did not happen (deadlock, lost connection before sending) is made once more at once; a second
    failure closes the store. */
static void
test_unavailable_write_is_repeated_once (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    s_deliver (rig, 9, 1, 1);
    assert_non_null (strstr (s_failed (rig, 0, RESULT_UNAVAILABLE), "call order_write tag=65536"));
    s_written (rig, 0, 1, 1, ERROR_NONE);
    assert_true (rig_status (rig).is_ready);
    s_deliver (rig, 10, 1, 1);
    s_failed (rig, 0, RESULT_UNAVAILABLE);
    assert_non_null (strstr (s_failed (rig, 0, RESULT_UNAVAILABLE), "store_closed"));
    rig_destroy (&rig);
}

/*  Before PostgreSQL answered for the first time nothing is ready and brokers get no credit. */
static void
test_starts_closed (void **state)
{
    (void)state;
    rig_t *rig = bench_new ();
    rig_event (rig, EVENT_START);
    assert_string_equal (bench_text (rig), "call order_list tag=1 [{\"limit\":1}]\n");
    rig_peer (rig, EVENT_PEER_UP, KIND_BROKER, 1, STATE_READY);
    assert_string_equal (bench_text (rig), "send broker/1 CREDIT [{}]\n");
    assert_false (rig_status (rig).is_ready);
    bench_probed (rig, RESULT_UNAVAILABLE);
    rig->now_us = ordering_class.wake_us (rig->core);
    assert_non_null (strstr (bench_advance (rig, 0), "call order_list tag=1"));
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- brokers */

/*  CREDIT goes to a broker at every PEER_UP, and to all of them once a second: a lost one would stop deliveries. */
static void
test_credit_is_repeated (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    assert_string_equal (bench_text (rig), "send broker/1 CREDIT [{\"credit\":2}]\n");
    rig_peer (rig, EVENT_PEER_UP, KIND_BROKER, 2, STATE_READY);
    assert_string_equal (bench_text (rig), "send broker/2 CREDIT [{\"credit\":2}]\n");
    assert_string_equal (bench_advance (rig, CREDIT_US), "send broker/1 CREDIT [{\"credit\":2}]\n"
                                                         "send broker/2 CREDIT [{\"credit\":2}]\n");
    rig_peer (rig, EVENT_PEER_DOWN, KIND_BROKER, 1, STATE_READY);
    assert_string_equal (bench_advance (rig, CREDIT_US), "send broker/2 CREDIT [{\"credit\":2}]\n");
    rig_destroy (&rig);
}

/*  What waits for a broker that is gone is forgotten; what is being written is finished. */
static void
test_lost_broker (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    for (uint8_t i = 1; i <= 4; i++)
        s_deliver (rig, i, i, i);
    rig_peer (rig, EVENT_PEER_DOWN, KIND_BROKER, 1, STATE_READY);
    assert_int_equal (rig_status (rig).in_flight, 2);
    s_written (rig, 0, 1, 1, ERROR_NONE);
    s_written (rig, 1, 2, 2, ERROR_NONE);
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- questions */

/*  ORDER_GET: the order, or not_found; the question's number comes back. */
static void
test_order_get (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    assert_string_equal (s_ask (rig, MSG_ORDER_GET, 33, 0),
                         "call order_get tag=131072 "
                         "[{\"rid\":\"01000000000000000000000000000000\",\"user_id\":7}]\n");
    order_t order = { .rid = { 1 }, .status = ORDER_PENDING_PAYMENT };
    assert_string_equal (rig_result (rig, CALL_ORDER_GET, TAG_READ, RESULT_OK, &order, 1),
                         "send edge/1 ORDERS batch=33 "
                         "[{\"rid\":\"01000000000000000000000000000000\",\"status\":2}]\n");
    s_ask (rig, MSG_ORDER_GET, 34, 0);
    assert_string_equal (rig_result (rig, CALL_ORDER_GET, TAG_READ, RESULT_OK, NULL, 0),
                         "send edge/1 OUTCOME batch=34 [{\"code\":8}]\n");
    rig_destroy (&rig);
}

/*  ORDER_COUNTS_GET: one row, asked for by the sale. */
static void
test_order_counts (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    order_counts_t counts = { .sale_id = 7, .paid = 3 };
    assert_non_null (strstr (s_ask (rig, MSG_ORDER_COUNTS_GET, 33, 0), "call order_counts tag="));
    assert_string_equal (rig_result (rig, CALL_ORDER_COUNTS, TAG_READ, RESULT_OK, &counts, 1),
                         "send edge/1 ORDER_COUNTS batch=33 [{\"sale_id\":7,\"paid\":3}]\n");
    s_ask (rig, MSG_ORDER_COUNTS_GET, 34, 0);
    assert_string_equal (rig_result (rig, CALL_ORDER_COUNTS, TAG_READ, RESULT_UNKNOWN, NULL, 0),
                         "send edge/1 OUTCOME batch=34 [{\"code\":51}]\n");
    rig_destroy (&rig);
}

/*  ORDER_LIST: a page, perhaps an empty one, never of more than a message holds. */
static void
test_order_list (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    assert_non_null (strstr (s_ask (rig, MSG_ORDER_LIST, 33, 100000), "\"limit\":256}]"));
    assert_string_equal (rig_result (rig, CALL_ORDER_LIST, TAG_READ, RESULT_OK, NULL, 0),
                         "send edge/1 ORDERS batch=33 []\n");
    s_ask (rig, MSG_ORDER_LIST, 34, 20);
    static order_t orders[300];
    rig_result (rig, CALL_ORDER_LIST, TAG_READ, RESULT_OK, orders, 300);
    assert_int_equal (rig_sent (rig, MSG_ORDERS, 0)->count, 256);
    rig_destroy (&rig);
}

/*  Every failure is an answer: dependency_unavailable, internal_error, busy beyond 1024 open ones, draining. */
static void
test_questions_are_always_answered (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    s_ask (rig, MSG_ORDER_GET, 33, 0);
    assert_string_equal (rig_result (rig, CALL_ORDER_GET, TAG_READ, RESULT_UNKNOWN, NULL, 0),
                         "send edge/1 OUTCOME batch=33 [{\"code\":51}]\n");
    s_ask (rig, MSG_ORDER_GET, 34, 0);
    assert_non_null (strstr (rig_result (rig, CALL_ORDER_GET, TAG_READ, RESULT_REFUSED, NULL, 0),
                             "send edge/1 OUTCOME batch=34 [{\"code\":18}]\n"));
    for (uint64_t i = 0; i < ORDERING_QUESTIONS_MAX; i++)
        assert_non_null (strstr (s_ask (rig, MSG_ORDER_GET, 100 + i, 0), "call order_get"));
    assert_string_equal (s_ask (rig, MSG_ORDER_GET, 35, 0),
                         "send edge/1 OUTCOME batch=35 [{\"code\":50}]\n");
    rig_result (rig, CALL_ORDER_GET, TAG_READ + 500, RESULT_OK, NULL, 0);
    assert_non_null (strstr (s_ask (rig, MSG_ORDER_GET, 36, 0), "call order_get tag=131572"));
    rig_event (rig, EVENT_STOP);
    assert_string_equal (s_ask (rig, MSG_ORDER_GET, 37, 0),
                         "send edge/1 OUTCOME batch=37 [{\"code\":53}]\n");
    rig_destroy (&rig);
}

/*  While the store is closed questions are refused at once. */
static void
test_questions_while_closed (void **state)
{
    (void)state;
    rig_t *rig = bench_new ();
    rig_event (rig, EVENT_START);
    assert_string_equal (s_ask (rig, MSG_ORDER_LIST, 33, 20),
                         "send edge/1 OUTCOME batch=33 [{\"code\":51}]\n");
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- the end, and the rest */

/*  STOP: brokers get credit 0, new deliveries go back, what was taken is written, waiting ones too. */
static void
test_stop_finishes_writes (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    for (uint8_t i = 1; i <= 3; i++)
        s_deliver (rig, i, i, i);
    rig_event (rig, EVENT_STOP);
    assert_string_equal (bench_text (rig), "send broker/1 CREDIT [{}]\n");
    assert_string_equal (s_deliver (rig, 4, 4, 4),
                         "send broker/1 ACK batch=4 attempt=1 [{\"code\":51}]\n");
    assert_int_equal (rig_status (rig).in_flight, 3);
    assert_non_null (strstr (s_written (rig, 0, 1, 1, ERROR_NONE), "ACK batch=1 attempt=1 [{}]"));
    s_written (rig, 1, 2, 2, ERROR_NONE);
    assert_non_null (strstr (s_written (rig, 2, 3, 3, ERROR_NONE), "ACK batch=3"));
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

/*  Messages that no state knows are counted and change nothing. */
static void
test_refuses_other_messages (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    order_event_t entry = s_entry (1);
    uint64_t digest = ordering_class.digest (rig->core);
    rig_message (rig, KIND_EDGE, 1, MSG_DELIVER, NULL, &entry, 1);
    assert_int_equal (rig_added (rig, METRIC_FRAMES_REFUSED, 0), 1);
    rig_message (rig, KIND_BROKER, 1, MSG_DELIVER, NULL, NULL, 0);
    assert_int_equal (rig_added (rig, METRIC_FRAMES_REFUSED, 0), 1);
    rig_message (rig, KIND_BROKER, 1, MSG_ACK, NULL, NULL, 0);
    assert_int_equal (rig_added (rig, METRIC_FRAMES_REFUSED, 0), 1);
    assert_int_equal (ordering_class.digest (rig->core), digest);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- random */

#define RANDOM_STEPS 200000u
#define PENDING_MAX 2048u

static struct {
    uint64_t tags[PENDING_MAX]; /* calls that are out */
    call_name_t calls[PENDING_MAX];
    size_t counts[PENDING_MAX];
    uint8_t rids[PENDING_MAX];
    size_t pending;
    uint64_t deliveries, acks, questions, answers, written, closed;
} run;

static void
s_take_effects (const rig_t *rig)
{
    for (size_t i = 0; i < effects_count (rig->effects); i++) {
        const effect_t *effect = effects_at (rig->effects, i);
        if (effect->type == EFFECT_CALL) {
            assert_true (run.pending < PENDING_MAX);
            run.tags[run.pending] = effect->tag;
            run.calls[run.pending] = effect->call;
            run.counts[run.pending] = effect->count;
            run.rids[run.pending++] = effect->call == CALL_ORDER_WRITE
                                          ? ((const order_event_t *)effect->entries)->rid[0]
                                          : 0;
        }
        run.acks += effect->type == EFFECT_SEND && effect->header.type == MSG_ACK;
        run.answers += effect->type == EFFECT_SEND &&
                       (effect->header.type == MSG_ORDERS || effect->header.type == MSG_OUTCOME);
        run.closed += effect->type == EFFECT_LOG && !strcmp (effect->event, "store_closed");
    }
}

static void
s_answer_call (rig_t *rig, dice_t *dice, uint64_t failures_of_100)
{
    if (!run.pending)
        return;
    size_t which = dice_roll (dice, run.pending);
    uint64_t tag = run.tags[which];
    call_name_t call = run.calls[which];
    size_t count = run.counts[which];
    uint8_t rid = run.rids[which];
    run.pending--;
    run.tags[which] = run.tags[run.pending];
    run.calls[which] = run.calls[run.pending];
    run.counts[which] = run.counts[run.pending];
    run.rids[which] = run.rids[run.pending];
    result_status_t status = RESULT_OK;
    if (dice_roll (dice, 100) < failures_of_100)
        status = (result_status_t)(1 + dice_roll (dice, 3));
    if (status != RESULT_OK)
        rig_result (rig, call, tag, status, NULL, 0);
    else if (call == CALL_ORDER_WRITE) {
        run.written += count;
        s_written (rig, tag - TAG_PLACE, rid, (uint8_t)(rid + count - 1), ERROR_NONE);
    } else
        rig_result (rig, call, tag, RESULT_OK, NULL, 0);
    s_take_effects (rig);
}

/*  In any order of deliveries, questions, answers and failures: every delivery gets exactly one ACK, every question exactly
    one answer, and nothing stays behind. */
static void
test_random (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    dice_t dice = dice_seeded (7);
    for (uint64_t i = 0; i < RANDOM_STEPS; i++) {
        uint64_t roll = dice_roll (&dice, 100);
        if (roll < 30) {
            uint8_t first = (uint8_t)(1 + dice_roll (&dice, 200));
            s_deliver (rig, 1000 + i, first, (uint8_t)(first + dice_roll (&dice, 40)));
            run.deliveries++;
            s_take_effects (rig);
        } else if (roll < 45) {
            s_ask (rig, roll & 1 ? MSG_ORDER_GET : MSG_ORDER_LIST, i, 20);
            run.questions++;
            s_take_effects (rig);
        } else if (roll < 95) {
            s_answer_call (rig, &dice, 2);
        } else {
            bench_advance (rig, dice_roll (&dice, 300 * MS));
            s_take_effects (rig);
        }
    }
    while (run.pending)
        s_answer_call (rig, &dice, 0);
    assert_int_equal (rig_status (rig).in_flight, 0);
    assert_int_equal (run.acks, run.deliveries);
    assert_int_equal (run.answers, run.questions);
    assert_true (run.written > 0 && run.closed > 0);
    printf ("# deliveries %" PRIu64 ", questions %" PRIu64 ", entries written %" PRIu64
            ", store closed %" PRIu64 "\n",
            run.deliveries, run.questions, run.written, run.closed);
    rig_destroy (&rig);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_writes_then_acknowledges),
        cmocka_unit_test (test_final_outcomes_are_acknowledged),
        cmocka_unit_test (test_writes_are_bounded),
        cmocka_unit_test (test_repeated_delivery_is_written_once),
        cmocka_unit_test (test_refused_write_is_poison),
        cmocka_unit_test (test_unreadable_entry_is_poison),
        cmocka_unit_test (test_incomplete_outcomes_are_not_acknowledged),
        cmocka_unit_test (test_unknown_write_closes_the_store),
        cmocka_unit_test (test_unavailable_write_is_repeated_once),
        cmocka_unit_test (test_starts_closed),
        cmocka_unit_test (test_credit_is_repeated),
        cmocka_unit_test (test_lost_broker),
        cmocka_unit_test (test_order_get),
        cmocka_unit_test (test_order_counts),
        cmocka_unit_test (test_order_list),
        cmocka_unit_test (test_questions_are_always_answered),
        cmocka_unit_test (test_questions_while_closed),
        cmocka_unit_test (test_stop_finishes_writes),
        cmocka_unit_test (test_refuses_other_messages),
        cmocka_unit_test (test_random),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
