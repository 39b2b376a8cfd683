/*  Ordering's changes: cancels, payments, events of providers. Events in, effects out as text. */

#include "dice.h"
#include "ordering_bench.h"

#define LANE_CANCEL 0u
#define LANE_PAY 1u
#define LANE_EVENT 2u
#define DEADLINE_US (2700 * MS) /* 90 % of query_deadline_ms */

#define RID(n) "\"rid\":\"" n "000000000000000000000000000000\""

static const char *
s_cancel (rig_t *rig, uint64_t qid, uint8_t rid)
{
    order_change_t change = { .rid = { rid }, .sale_id = 5, .user_id = 7, .actor = "shopper" };
    header_t extras = { .batch_id = qid };
    return rig_message (rig, KIND_EDGE, 1, MSG_ORDER_CANCEL, &extras, &change, 1);
}

static const char *
s_pay (rig_t *rig, uint64_t qid, uint8_t rid, uint64_t waits)
{
    payment_order_t ask = { .rid = { rid },
                            .payment_id = { rid },
                            .sale_id = 5,
                            .user_id = 7,
                            .key = "k",
                            .waits = waits };
    header_t extras = { .batch_id = qid };
    return rig_message (rig, KIND_EDGE, 1, MSG_PAYMENT_CREATE, &extras, &ask, 1);
}

static const char *
s_event (rig_t *rig, uint64_t qid, uint8_t rid)
{
    payment_event_t event = {
        .event_id = "e", .rid = { rid }, .payment_id = { rid }, .outcome = PAYMENT_CAPTURED
    };
    header_t extras = { .batch_id = qid };
    return rig_message (rig, KIND_EDGE, 1, MSG_PAYMENT_EVENT, &extras, &event, 1);
}

/*  The lane's call answered: rids first … last, all with this code. */
static const char *
s_cancelled (rig_t *rig, uint8_t first, uint8_t last, uint64_t code)
{
    static order_outcome_t rows[BATCH_ENTRIES_MAX];
    size_t count = 0;
    for (unsigned rid = first; rid <= last; rid++)
        rows[count++] = (order_outcome_t){ .rid = { (uint8_t)rid }, .code = code };
    return rig_result (rig, CALL_ORDER_CANCEL, TAG_LANE + LANE_CANCEL, RESULT_OK, rows, count);
}

static const char *
s_paid (rig_t *rig, uint8_t rid, uint64_t code, uint64_t status)
{
    payment_t row = {
        .rid = { rid }, .payment_id = { rid }, .code = code, .status = status, .amount_cents = 9
    };
    return rig_result (rig, CALL_PAYMENT_CREATE, TAG_LANE + LANE_PAY, RESULT_OK, &row, 1);
}

static const char *
s_failed (rig_t *rig, size_t lane, result_status_t status)
{
    static const call_name_t calls[] = { CALL_ORDER_CANCEL, CALL_PAYMENT_CREATE,
                                         CALL_PAYMENT_EVENT_TAKE };
    return rig_result (rig, calls[lane], TAG_LANE + lane, status, NULL, 0);
}

/*  Closes the store by a write that is not answered. */
static void
s_close (rig_t *rig)
{
    order_event_t entry = { .sale_id = 5, .epoch = 1, .rid = { 1 }, .user_id = 7, .quantity = 1 };
    header_t extras = { .batch_id = 9, .attempt = 1 };
    rig_message (rig, KIND_BROKER, 1, MSG_DELIVER, &extras, &entry, 1);
    rig_result (rig, CALL_ORDER_WRITE, TAG_PLACE, RESULT_UNKNOWN, NULL, 0);
}

/* -------------------------------------------------------------------------- lanes */

/*  A cancel is one call at once; its answer is the code of its row, counted by code. */
static void
test_cancel (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    assert_string_equal (s_cancel (rig, 33, 1), "call order_cancel tag=196608 [{" RID (
                                                    "01") ",\"sale_id\":5,\"user_id\":7,"
                                                          "\"actor\":\"shopper\"}]\n");
    assert_int_equal (rig_status (rig).in_flight, 1);
    assert_string_equal (s_cancelled (rig, 1, 1, ERROR_NONE),
                         "send edge/1 OUTCOME batch=33 [{}]\n");
    assert_int_equal (rig_added (rig, METRIC_CANCELS, ERROR_NONE), 1);
    assert_int_equal (rig_status (rig).in_flight, 0);
    static const error_code_t codes[] = { ERROR_NOT_FOUND, ERROR_INVALID_STATE, ERROR_RECOVERING };
    for (size_t i = 0; i < 3; i++) {
        char expected[64];
        s_cancel (rig, 34, 1);
        snprintf (expected, sizeof expected, "send edge/1 OUTCOME batch=34 [{\"code\":%u}]\n",
                  codes[i]);
        assert_string_equal (s_cancelled (rig, 1, 1, codes[i]), expected);
        assert_int_equal (rig_added (rig, METRIC_CANCELS, codes[i]), 1);
    }
    rig_destroy (&rig);
}

/*  While a call is out questions gather; then up to 256 of them, in the order of their coming, are the next call. Lanes do not wait for
    each other. */
static void
test_window_of_one (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    s_cancel (rig, 1, 1);
    for (uint64_t i = 0; i < 300; i++)
        assert_string_equal (s_cancel (rig, 100 + i, 2), "");
    assert_non_null (strstr (s_pay (rig, 2, 1, 0), "call payment_create"));
    assert_non_null (strstr (s_event (rig, 3, 1), "call payment_event_take"));
    assert_non_null (
        strstr (s_cancelled (rig, 1, 1, ERROR_NONE), "OUTCOME batch=1 [{}]\ncall order_cancel"));
    const effect_t *call = effects_at (rig->effects, effects_count (rig->effects) - 1);
    assert_int_equal (call->count, BATCH_ENTRIES_MAX);
    static order_outcome_t rows[BATCH_ENTRIES_MAX];
    for (size_t i = 0; i < BATCH_ENTRIES_MAX; i++)
        rows[i].rid[0] = 2;
    rig_result (rig, CALL_ORDER_CANCEL, TAG_LANE, RESULT_OK, rows, BATCH_ENTRIES_MAX);
    for (size_t i = 0; i < BATCH_ENTRIES_MAX; i++)
        assert_int_equal (rig_sent (rig, MSG_OUTCOME, i)->header.batch_id, 100 + i);
    assert_int_equal (rig_added (rig, METRIC_CANCELS, ERROR_NONE), BATCH_ENTRIES_MAX);
    call = effects_at (rig->effects, effects_count (rig->effects) - 1);
    assert_int_equal (call->count, 300 - BATCH_ENTRIES_MAX);
    rig_destroy (&rig);
}

/*  Of each kind 1,024 are taken; the next is busy. More than one in a message, and a stopping or closed process: refused at once. */
static void
test_refusals (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    for (uint64_t i = 0; i < ORDERING_CHANGES_MAX; i++)
        s_cancel (rig, 100 + i, 1);
    assert_string_equal (s_cancel (rig, 33, 1), "send edge/1 OUTCOME batch=33 [{\"code\":50}]\n");
    assert_non_null (strstr (s_event (rig, 34, 1), "call payment_event_take"));
    payment_event_t two[2] = { { .event_id = "a" }, { .event_id = "b" } };
    header_t extras = { .batch_id = 35 };
    assert_string_equal (rig_message (rig, KIND_EDGE, 1, MSG_PAYMENT_EVENT, &extras, two, 2),
                         "send edge/1 OUTCOME batch=35 [{\"code\":17}]\n");
    s_close (rig);
    assert_string_equal (s_pay (rig, 36, 1, 0), "send edge/1 OUTCOME batch=36 [{\"code\":51}]\n");
    rig_event (rig, EVENT_STOP);
    assert_string_equal (s_pay (rig, 37, 1, 0), "send edge/1 OUTCOME batch=37 [{\"code\":53}]\n");
    rig_destroy (&rig);
}

/*  A call that was refused as a whole is taken apart: each stands for itself, and only the one that cannot be is an error. */
static void
test_refused_batch_is_taken_apart (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    s_cancel (rig, 1, 1);
    for (uint8_t rid = 2; rid <= 4; rid++)
        s_cancel (rig, rid, rid);
    s_cancelled (rig, 1, 1, ERROR_NONE);
    assert_non_null (strstr (s_failed (rig, LANE_CANCEL, RESULT_REFUSED),
                             "log error change_refused order_cancel of 3"));
    assert_int_equal (effects_at (rig->effects, effects_count (rig->effects) - 1)->count, 1);
    s_cancel (rig, 5, 5);
    assert_non_null (strstr (s_cancelled (rig, 2, 2, ERROR_NONE), "OUTCOME batch=2 [{}]\n"));
    assert_non_null (
        strstr (s_failed (rig, LANE_CANCEL, RESULT_REFUSED), "OUTCOME batch=3 [{\"code\":18}]\n"));
    assert_non_null (strstr (s_cancelled (rig, 4, 4, ERROR_NONE), "OUTCOME batch=4 [{}]\n"));
    assert_non_null (strstr (s_cancelled (rig, 5, 5, ERROR_NONE), "OUTCOME batch=5 [{}]\n"));
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

/*  Certainly not done: once more at once, then dependency_unavailable. Of unknown fate: dependency_unavailable, for asking again is
    harmless. Rows that are missing or of another order: internal_error. */
static void
test_failures (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    s_cancel (rig, 1, 1);
    assert_non_null (strstr (s_failed (rig, LANE_CANCEL, RESULT_UNAVAILABLE), "call order_cancel"));
    assert_string_equal (s_failed (rig, LANE_CANCEL, RESULT_UNAVAILABLE),
                         "send edge/1 OUTCOME batch=1 [{\"code\":51}]\n");
    s_event (rig, 2, 1);
    assert_string_equal (s_failed (rig, LANE_EVENT, RESULT_UNKNOWN),
                         "send edge/1 OUTCOME batch=2 [{\"code\":51}]\n");
    s_cancel (rig, 3, 1);
    assert_non_null (
        strstr (s_cancelled (rig, 2, 2, ERROR_NONE), "OUTCOME batch=3 [{\"code\":18}]\n"));
    s_cancel (rig, 4, 1);
    assert_non_null (
        strstr (s_cancelled (rig, 1, 2, ERROR_NONE), "OUTCOME batch=4 [{\"code\":18}]\n"));
    s_cancel (rig, 5, 1);
    assert_non_null (strstr (s_cancelled (rig, 1, 1, 79), "OUTCOME batch=5 [{\"code\":18}]\n"));
    assert_true (rig_status (rig).is_ready); /* deliveries alone close the store */
    rig_destroy (&rig);
}

/*  What waits when the store closes is given back, at most 256 of each lane in one step, the rest in the next ones. */
static void
test_store_closes (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    for (uint64_t i = 0; i < 600; i++)
        s_cancel (rig, 100 + i, 1);
    s_close (rig);
    s_failed (rig, LANE_CANCEL, RESULT_UNAVAILABLE);
    size_t answered = 0, steps = 0;
    for (;; steps++) {
        size_t now = 0;
        while (rig_sent (rig, MSG_OUTCOME, now))
            now++;
        answered += now;
        assert_in_range (now, 1, BATCH_ENTRIES_MAX + 1);
        if (answered == 600)
            break;
        assert_int_equal (ordering_class.wake_us (rig->core), rig->now_us);
        bench_advance (rig, 0);
    }
    assert_true (steps >= 2);
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- payments */

/*  A new payment is answered, and a ready provider is told at once. Without a provider, or when it is no longer pending: only answered. */
static void
test_pay (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    s_pay (rig, 33, 1, 0);
    assert_string_equal (
        s_paid (rig, 1, ERROR_NONE, PAYMENT_PENDING),
        "send edge/1 PAYMENTS batch=33 [{\"payment_id\":\"01000000000000000000000000000000\"," RID (
            "01") ",\"status\":1,\"amount_cents\":9}]\n");
    rig_peer (rig, EVENT_PEER_UP, KIND_PROVIDER, 1, STATE_READY);
    s_pay (rig, 34, 1, 0);
    assert_non_null (strstr (s_paid (rig, 1, ERROR_NONE, PAYMENT_PENDING),
                             "send provider/1 CHARGE batch=1 "
                             "[{\"payment_id\":\"01000000000000000000000000000000\"," RID (
                                 "01") ",\"amount_cents\":9}]\n"));
    assert_int_equal (rig_added (rig, METRIC_CHARGES_TOLD, 0), 1);
    assert_int_equal (rig_added (rig, METRIC_PAYMENTS_ASKED, ERROR_NONE), 1);
    ack_t ack = { 0 };
    header_t extras = { .batch_id = 1 };
    assert_string_equal (rig_message (rig, KIND_PROVIDER, 1, MSG_CHARGE_ACK, &extras, &ack, 1), "");
    assert_int_equal (rig_added (rig, METRIC_FRAMES_REFUSED, 0), 0);
    rig_message (rig, KIND_EDGE, 1, MSG_CHARGE_ACK, &extras, &ack, 1);
    assert_int_equal (rig_added (rig, METRIC_FRAMES_REFUSED, 0), 1);
    s_pay (rig, 35, 1, 0);
    assert_null (strstr (s_paid (rig, 1, ERROR_NONE, PAYMENT_CAPTURED), "CHARGE"));
    s_pay (rig, 36, 1, 0);
    assert_string_equal (s_paid (rig, 1, ERROR_IDEMPOTENCY_MISMATCH, 0),
                         "send edge/1 OUTCOME batch=36 [{\"code\":31}]\n");
    rig_peer (rig, EVENT_PEER_DOWN, KIND_PROVIDER, 1, STATE_READY);
    s_pay (rig, 37, 1, 0);
    assert_null (strstr (s_paid (rig, 1, ERROR_NONE, PAYMENT_PENDING), "CHARGE"));
    rig_destroy (&rig);
}

/*  A payment of an order that the gate holds waits for its row: it is asked again every 50 ms, and answered as soon as it is there. One
    that does not wait is not found. */
static void
test_pay_waits_for_the_row (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    s_pay (rig, 33, 1, 0);
    assert_string_equal (s_paid (rig, 1, ERROR_NOT_FOUND, 0),
                         "send edge/1 OUTCOME batch=33 [{\"code\":8}]\n");
    s_pay (rig, 34, 1, 1);
    for (int i = 0; i < 5; i++) {
        assert_string_equal (s_paid (rig, 1, ERROR_NOT_FOUND, 0), "");
        assert_string_equal (rig_text (rig, true), "gauge minishop_payments_waiting{} 1\n");
        assert_int_equal (ordering_class.wake_us (rig->core), rig->now_us + PARK_US);
        assert_null (strstr (bench_advance (rig, PARK_US - 1), "payment_create"));
        assert_non_null (strstr (bench_advance (rig, 1), "call payment_create"));
        assert_non_null (strstr (rig_text (rig, true), "gauge minishop_payments_waiting{} 0\n"));
    }
    assert_int_equal (rig_status (rig).in_flight, 1);
    assert_non_null (strstr (s_paid (rig, 1, ERROR_NONE, PAYMENT_PENDING), "PAYMENTS batch=34"));
    rig_destroy (&rig);
}

/*  It waits until 90 % of the edge's patience, then it is busy; at a stop it is asked once more and the edge is sent elsewhere. */
static void
test_pay_waits_no_longer (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    uint64_t asked_us = rig->now_us;
    s_pay (rig, 33, 1, 1);
    while (!*s_paid (rig, 1, ERROR_NOT_FOUND, 0))
        bench_advance (rig, PARK_US);
    assert_string_equal (bench_text (rig), "send edge/1 OUTCOME batch=33 [{\"code\":50}]\n");
    assert_in_range (rig->now_us - asked_us, DEADLINE_US - PARK_US, DEADLINE_US);
    assert_int_equal (rig_added (rig, METRIC_PAYMENTS_ASKED, ERROR_BUSY), 1);
    s_pay (rig, 34, 1, 1);
    assert_string_equal (s_paid (rig, 1, ERROR_NOT_FOUND, 0), "");
    assert_non_null (strstr (rig_event (rig, EVENT_STOP), "call payment_create"));
    assert_string_equal (s_paid (rig, 1, ERROR_NOT_FOUND, 0),
                         "send edge/1 OUTCOME batch=34 [{\"code\":53}]\n");
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

/*  Events are answered by code, and the moves of payments are counted by what they became. */
static void
test_events (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    s_event (rig, 33, 1);
    payment_move_t row = { .status = PAYMENT_CAPTURED, .order_status = ORDER_PAID };
    assert_string_equal (
        rig_result (rig, CALL_PAYMENT_EVENT_TAKE, TAG_LANE + LANE_EVENT, RESULT_OK, &row, 1),
        "send edge/1 OUTCOME batch=33 [{}]\n");
    assert_int_equal (rig_added (rig, METRIC_PAYMENTS, PAYMENT_CAPTURED), 1);
    assert_int_equal (rig_added (rig, METRIC_PAYMENT_EVENTS, ERROR_NONE), 1);
    s_event (rig, 34, 1);
    row = (payment_move_t){ .code = ERROR_BUSY };
    assert_string_equal (
        rig_result (rig, CALL_PAYMENT_EVENT_TAKE, TAG_LANE + LANE_EVENT, RESULT_OK, &row, 1),
        "send edge/1 OUTCOME batch=34 [{\"code\":50}]\n");
    assert_int_equal (rig_added (rig, METRIC_PAYMENT_EVENTS, ERROR_BUSY), 1);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- random */

#define RANDOM_STEPS 60000u
#define CALLS_MAX 64u

static struct {
    struct {
        call_name_t call;
        uint64_t tag;
        size_t count;
        uint8_t rids[BATCH_ENTRIES_MAX];
    } calls[CALLS_MAX];
    size_t call_count;
    uint8_t waiting[RANDOM_STEPS + 1]; /* by question: 1 = asked, 2 = answered */
    uint64_t asked, answered, charged, refused, apart, busy, closed;
} run;

static uint8_t
s_rid_of (const effect_t *effect, size_t i)
{
    switch (effect->call) {
    case CALL_ORDER_CANCEL:
        return ((const order_change_t *)effect->entries)[i].rid[0];
    case CALL_PAYMENT_CREATE:
        return ((const payment_order_t *)effect->entries)[i].rid[0];
    default:
        return 0;
    }
}

static void
s_take_effects (const rig_t *rig)
{
    for (size_t i = 0; i < effects_count (rig->effects); i++) {
        const effect_t *effect = effects_at (rig->effects, i);
        if (effect->type == EFFECT_CALL) {
            assert_true (run.call_count < CALLS_MAX);
            run.calls[run.call_count].call = effect->call;
            run.calls[run.call_count].tag = effect->tag;
            run.calls[run.call_count].count = effect->count;
            for (size_t k = 0; k < effect->count; k++)
                run.calls[run.call_count].rids[k] = s_rid_of (effect, k);
            run.call_count++;
        }
        run.closed += effect->type == EFFECT_LOG && !strcmp (effect->event, "store_closed");
        run.charged +=
            effect->type == EFFECT_SEND && effect->header.type == MSG_CHARGE ? effect->count : 0;
        if (effect->type != EFFECT_SEND || effect->header.to_kind != KIND_EDGE)
            continue;
        assert_int_equal (run.waiting[effect->header.batch_id], 1); /* once, and asked */
        run.waiting[effect->header.batch_id] = 2;
        run.answered++;
        if (effect->header.type == MSG_OUTCOME)
            run.busy += ((const outcome_t *)effect->entries)->code == ERROR_BUSY;
    }
}

static void
s_answer_rows (rig_t *rig, dice_t *dice, size_t which)
{
    static uint8_t rows[BATCH_ENTRIES_MAX * sizeof (payment_t)];
    static const uint64_t codes[] = { ERROR_NONE, ERROR_NOT_FOUND, ERROR_NOT_FOUND,
                                      ERROR_INVALID_STATE };
    call_name_t call = run.calls[which].call;
    size_t count = run.calls[which].count;
    memset (rows, 0, sizeof rows);
    for (size_t i = 0; i < count; i++) {
        uint64_t code = codes[dice_roll (dice, 4)];
        uint8_t rid = run.calls[which].rids[i];
        if (call == CALL_PAYMENT_CREATE)
            ((payment_t *)(void *)rows)[i] =
                (payment_t){ .rid = { rid }, .code = code, .status = PAYMENT_PENDING };
        else if (call == CALL_PAYMENT_EVENT_TAKE)
            ((payment_move_t *)(void *)rows)[i] =
                (payment_move_t){ .code = code == ERROR_NONE ? code : ERROR_BUSY };
        else if (call == CALL_ORDER_CANCEL)
            ((order_outcome_t *)(void *)rows)[i] =
                (order_outcome_t){ .rid = { rid }, .code = code };
    }
    uint64_t tag = run.calls[which].tag;
    run.calls[which] = run.calls[--run.call_count];
    rig_result (rig, call, tag, RESULT_OK, rows, call == CALL_ORDER_LIST ? 0 : count);
}

static void
s_answer (rig_t *rig, dice_t *dice, uint64_t failures_of_100)
{
    if (!run.call_count)
        return;
    size_t which = dice_roll (dice, run.call_count);
    call_name_t call = run.calls[which].call;
    if (dice_roll (dice, 100) < failures_of_100) {
        uint64_t tag = run.calls[which].tag;
        result_status_t status = (result_status_t)(1 + dice_roll (dice, 3));
        run.refused += status == RESULT_REFUSED;
        run.apart += status == RESULT_REFUSED && run.calls[which].count > 1;
        run.calls[which] = run.calls[--run.call_count];
        rig_result (rig, call, tag, status, NULL, 0);
    } else {
        s_answer_rows (rig, dice, which);
    }
    s_take_effects (rig);
}

/*  In any order of changes, answers, failures, pauses and closings every change is answered exactly once, at the latest when its calls are
    answered and its time is over; and the same trace gives the same digest. */
static void
test_random (void **state)
{
    (void)state;
    uint64_t digests[2];
    for (size_t pass = 0; pass < 2; pass++) {
        memset (&run, 0, sizeof run);
        rig_t *rig = bench_open ();
        s_take_effects (rig);
        dice_t dice = dice_seeded (7);
        rig_peer (rig, EVENT_PEER_UP, KIND_PROVIDER, 1, STATE_READY);
        for (uint64_t i = 0; i < RANDOM_STEPS; i++) {
            uint64_t roll = dice_roll (&dice, 1000);
            uint8_t rid = (uint8_t)(1 + dice_roll (&dice, 200));
            if (roll < 600) {
                run.waiting[i] = 1;
                run.asked++;
                roll % 3 == 0   ? s_cancel (rig, i, rid)
                : roll % 3 == 1 ? s_pay (rig, i, rid, roll & 1)
                                : s_event (rig, i, rid);
                s_take_effects (rig);
            } else if (roll < 800) {
                s_answer (rig, &dice, 4);
            } else if (roll < 802 && rig_status (rig).is_ready) {
                s_close (rig); /* answers its own write */
                s_take_effects (rig);
            } else {
                bench_advance (rig, dice_roll (&dice, 20 * MS));
                s_take_effects (rig);
            }
        }
        while (rig_status (rig).in_flight > 0) {
            s_answer (rig, &dice, 0);
            bench_advance (rig, PARK_US);
            s_take_effects (rig);
        }
        assert_int_equal (run.answered, run.asked);
        digests[pass] = ordering_class.digest (rig->core);
        rig_destroy (&rig);
    }
    assert_int_equal (digests[0], digests[1]);
    printf ("# asked %" PRIu64 ", charged %" PRIu64 ", busy %" PRIu64 ", calls refused %" PRIu64
            " of them taken apart %" PRIu64 ", store closed %" PRIu64 "\n",
            run.asked, run.charged, run.busy, run.refused, run.apart, run.closed);
    assert_true (run.charged > 0 && run.busy > 0 && run.apart > 0 && run.closed > 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_cancel),
        cmocka_unit_test (test_window_of_one),
        cmocka_unit_test (test_refusals),
        cmocka_unit_test (test_refused_batch_is_taken_apart),
        cmocka_unit_test (test_failures),
        cmocka_unit_test (test_store_closes),
        cmocka_unit_test (test_pay),
        cmocka_unit_test (test_pay_waits_for_the_row),
        cmocka_unit_test (test_pay_waits_no_longer),
        cmocka_unit_test (test_events),
        cmocka_unit_test (test_random),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
