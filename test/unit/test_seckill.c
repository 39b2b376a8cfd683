#include "dice.h"
#include "rig.h"
#include "seckill.h"

static params_t s_params;
static purchase_t s_batch[BATCH_ENTRIES_MAX];
static gate_verdict_t s_rows[BATCH_ENTRIES_MAX];

/* -------------------------------------------------------------------------- steps */

/*  Fills s_batch with entries of qid first … and sales in turn from `sales`. */
static void
s_fill (uint64_t first_qid, size_t count, size_t sales)
{
    memset (s_batch, 0, sizeof s_batch);
    for (size_t i = 0; i < count; i++)
        s_batch[i] = (purchase_t){ .qid = first_qid + i,
                                   .sale_id = 1 + i % sales,
                                   .user_id = 50 + i,
                                   .quantity = 1,
                                   .attempt = 1 };
}

static const char *
s_send (rig_t *rig, uint64_t batch_id, size_t count)
{
    header_t extras = { .batch_id = batch_id, .origin_number = 2, .origin_incarnation = 222 };
    return rig_message (rig, KIND_LIMITER, 1, MSG_PURCHASE, &extras, s_batch, count);
}

static const char *
s_answer (rig_t *rig, uint64_t tag, result_status_t status, size_t count)
{
    return rig_result (rig, CALL_GATE_RESERVE, tag, status, s_rows, count);
}

/* -------------------------------------------------------------------------- purchases */

/*  Property: a batch becomes one call with every field of the contract; the script's rows go back to the edge under their qids, with
    everything that the gate said. */
static void
test_reserve (void **state)
{
    (void)state;
    rig_t *rig = rig_new (&seckill_class, &s_params);
    assert_true (rig_status (rig).is_ready);
    s_fill (10, 2, 1);
    s_batch[0].rid[0] = 0xab;
    s_batch[0].body_hash = 7;
    s_batch[0].version = 3;
    s_batch[0].before_us = 99;
    s_batch[0].trace_id[0] = 0xcd;
    s_batch[0].quantity = 4;
    s_batch[1].attempt = 2;
    assert_string_equal (
        s_send (rig, 5, 2),
        "call gate_reserve tag=0 "
        "[{\"sale_id\":1,\"rid\":\"ab000000000000000000000000000000\",\"user_id\":50,"
        "\"quantity\":4,\"body_hash\":7,\"version\":3,\"before_us\":99,"
        "\"trace_id\":\"cd000000000000000000000000000000\"},{\"sale_id\":1,\"user_id\":51,"
        "\"quantity\":1}]\n");
    assert_int_equal (rig_status (rig).in_flight, 2);
    memset (s_rows, 0, sizeof s_rows);
    s_rows[0] = (gate_verdict_t){
        .gate_us = 1000, .quantity = 4, .price_cents = 500, .sequence = 17, .pay_before_us = 2000
    };
    s_rows[1] = (gate_verdict_t){
        .code = ERROR_ALREADY_PURCHASED, .gate_us = 1000, .stock_left = 3, .other_rid = { 0xee }
    };
    assert_string_equal (
        s_answer (rig, 0, RESULT_OK, 2),
        "send edge/2 VERDICT batch=5 [{\"qid\":10,\"attempt\":1,\"gate_us\":1000,\"quantity\":4,"
        "\"price_cents\":500,\"sequence\":17,\"pay_before_us\":2000},{\"qid\":11,\"attempt\":2,"
        "\"code\":32,"
        "\"gate_us\":1000,\"stock_left\":3,\"other_rid\":\"ee000000000000000000000000000000\"}]\n");
    assert_int_equal (rig_sent (rig, MSG_VERDICT, 0)->header.to_incarnation, 222);
    assert_int_equal (rig_added (rig, METRIC_DECIDED, ERROR_NONE), 1);
    assert_int_equal (rig_added (rig, METRIC_DECIDED, ERROR_ALREADY_PURCHASED), 1);
    assert_int_equal (rig_status (rig).in_flight, 0);
    assert_int_equal (rig_status (rig).handled, 2);
    rig_destroy (&rig);
}

/*  Property: entries of several sales become one call per sale, in the order in which the sales appear; each call is answered apart,
    in any order. */
static void
test_several_sales (void **state)
{
    (void)state;
    rig_t *rig = rig_new (&seckill_class, &s_params);
    s_fill (10, 5, 2);
    s_batch[4].sale_id = 9;
    assert_string_equal (
        s_send (rig, 5, 5),
        "call gate_reserve tag=0 "
        "[{\"sale_id\":1,\"user_id\":50,\"quantity\":1},{\"sale_id\":1,\"user_id\":52,"
        "\"quantity\":1}]\n"
        "call gate_reserve tag=2 "
        "[{\"sale_id\":2,\"user_id\":51,\"quantity\":1},{\"sale_id\":2,\"user_id\":53,"
        "\"quantity\":1}]\n"
        "call gate_reserve tag=4 [{\"sale_id\":9,\"user_id\":54,\"quantity\":1}]\n");
    memset (s_rows, 0, sizeof s_rows);
    for (size_t i = 0; i < 5; i++)
        s_rows[i].gate_us = 7;
    assert_string_equal (
        s_answer (rig, 4, RESULT_OK, 1),
        "send edge/2 VERDICT batch=5 [{\"qid\":14,\"attempt\":1,\"gate_us\":7}]\n");
    assert_string_equal (
        s_answer (rig, 2, RESULT_OK, 2),
        "send edge/2 VERDICT batch=5 "
        "[{\"qid\":11,\"attempt\":1,\"gate_us\":7},{\"qid\":13,\"attempt\":1,\"gate_us\":7}]\n");
    assert_int_equal (rig_status (rig).in_flight, 2);
    assert_string_equal (
        s_answer (rig, 0, RESULT_OK, 2),
        "send edge/2 VERDICT batch=5 "
        "[{\"qid\":10,\"attempt\":1,\"gate_us\":7},{\"qid\":12,\"attempt\":1,\"gate_us\":7}]\n");
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

/*  Property: a result that is not known becomes no verdict at all, never a refusal; it is counted, and the slot is free again. */
static void
test_unknown (void **state)
{
    (void)state;
    rig_t *rig = rig_new (&seckill_class, &s_params);
    s_fill (10, 3, 1);
    s_send (rig, 5, 3);
    assert_string_equal (s_answer (rig, 0, RESULT_UNKNOWN, 0),
                         "log warning verdicts_withheld entries=3: the connection to the gate "
                         "ended before its answer\n");
    assert_int_equal (rig_added (rig, METRIC_VERDICTS_WITHHELD, 0), 3);
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

/*  Property: what certainly did not run is told at once as dependency_unavailable, without a gate time. */
static void
test_unavailable_and_refused (void **state)
{
    (void)state;
    rig_t *rig = rig_new (&seckill_class, &s_params);
    s_fill (10, 2, 1);
    s_send (rig, 5, 2);
    assert_string_equal (
        s_answer (rig, 0, RESULT_UNAVAILABLE, 0),
        "send edge/2 VERDICT batch=5 "
        "[{\"qid\":10,\"attempt\":1,\"code\":51},{\"qid\":11,\"attempt\":1,\"code\":51}]\n");
    assert_int_equal (rig_added (rig, METRIC_LIMITED, ERROR_DEPENDENCY_UNAVAILABLE), 2);
    s_send (rig, 6, 2);
    assert_string_equal (
        s_answer (rig, 0, RESULT_REFUSED, 0),
        "log warning gate_refused entries=2: NOSCRIPT\n"
        "send edge/2 VERDICT batch=6 "
        "[{\"qid\":10,\"attempt\":1,\"code\":51},{\"qid\":11,\"attempt\":1,\"code\":51}]\n");
    rig_destroy (&rig);
}

/*  Property: rows that cannot be the answer (another number of them, a code that does not exist) tell nothing about what was
    written: no verdict. */
static void
test_strange_answers (void **state)
{
    (void)state;
    rig_t *rig = rig_new (&seckill_class, &s_params);
    static const uint64_t codes[] = { 19, ERROR_NUMBERS, UINT64_MAX };
    memset (s_rows, 0, sizeof s_rows);
    for (size_t rows = 0; rows < 5; rows++) {
        s_fill (10, 3, 1);
        s_send (rig, 5, 3);
        s_answer (rig, 0, RESULT_OK, rows);
        assert_int_equal (rig_sent (rig, MSG_VERDICT, 0) == NULL, rows != 3);
        assert_int_equal (rig_added (rig, METRIC_VERDICTS_WITHHELD, 0), rows == 3 ? 0 : 3);
    }
    for (size_t i = 0; i < 3; i++) {
        s_send (rig, 5, 3);
        s_rows[1].code = codes[i];
        s_answer (rig, 0, RESULT_OK, 3);
        assert_null (rig_sent (rig, MSG_VERDICT, 0));
        assert_int_equal (rig_added (rig, METRIC_VERDICTS_WITHHELD, 0), 3);
    }
    rig_destroy (&rig);
}

/*  Property: every row of errors.def that a gate may answer passes as it is. */
static void
test_codes_pass (void **state)
{
    (void)state;
    rig_t *rig = rig_new (&seckill_class, &s_params);
    memset (s_rows, 0, sizeof s_rows);
    for (uint64_t code = 0; code < ERROR_NUMBERS; code++) {
        if (!schema_error (code))
            continue;
        s_fill (10, 1, 1);
        s_send (rig, 5, 1);
        s_rows[0] = (gate_verdict_t){ .code = code, .gate_us = 3 };
        s_answer (rig, 0, RESULT_OK, 1);
        const verdict_t *verdict = rig_sent (rig, MSG_VERDICT, 0)->entries;
        assert_int_equal (verdict->code, code);
        assert_int_equal (verdict->gate_us, 3);
        assert_int_equal (rig_added (rig, METRIC_DECIDED, code), 1);
    }
    rig_destroy (&rig);
}

/*  Property: the batches in flight are bounded: the next one is answered `busy` with a time to wait, whole; a slot that is free
    again is used again. */
static void
test_bounded (void **state)
{
    (void)state;
    rig_t *rig = rig_new (&seckill_class, &s_params);
    s_fill (10, BATCH_ENTRIES_MAX, BATCH_ENTRIES_MAX); /* the worst: each entry of another sale */
    for (uint64_t batch = 0; batch < SECKILL_BATCHES_MAX; batch++) {
        s_send (rig, batch + 1, BATCH_ENTRIES_MAX);
        assert_null (rig_sent (rig, MSG_VERDICT, 0));
    }
    assert_int_equal (rig_status (rig).in_flight, SECKILL_BATCHES_MAX * BATCH_ENTRIES_MAX);
    s_fill (10, 2, 1);
    assert_string_equal (s_send (rig, 99, 2),
                         "send edge/2 VERDICT batch=99 "
                         "[{\"qid\":10,\"attempt\":1,\"code\":50,\"retry_after_ms\":100},"
                         "{\"qid\":11,\"attempt\":1,\"code\":50,\"retry_after_ms\":100}]\n");
    for (uint64_t i = 0; i < BATCH_ENTRIES_MAX; i++)
        s_answer (rig, 7 * BATCH_ENTRIES_MAX + i, RESULT_UNKNOWN, 0);
    assert_string_equal (
        s_send (rig, 99, 2),
        "call gate_reserve tag=1792 [{\"sale_id\":1,\"user_id\":50,\"quantity\":1},"
        "{\"sale_id\":1,\"user_id\":51,\"quantity\":1}]\n");
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- lookups */

/*  Property: a question for a rid becomes one read; what the gate knows goes back to the asker, a gate that is away as an outcome. */
static void
test_lookup (void **state)
{
    (void)state;
    rig_t *rig = rig_new (&seckill_class, &s_params);
    query_t query = { .sale_id = 4, .rid = { 0xab }, .user_id = 50 };
    holding_t holding = { .held = 1, .user_id = 50, .quantity = 2, .gate_us = 8 };
    header_t extras = { .batch_id = 31 };
    static const result_status_t away[] = { RESULT_REFUSED, RESULT_UNAVAILABLE, RESULT_UNKNOWN };
    const char *text = rig_message (rig, KIND_EDGE, 3, MSG_HOLDING_GET, &extras, &query, 1);
    assert_string_equal (
        text,
        "call gate_lookup tag=0 [{\"sale_id\":4,\"rid\":\"ab000000000000000000000000000000\"}]\n");
    assert_int_equal (rig_status (rig).in_flight, 1);
    text = rig_result (rig, CALL_GATE_LOOKUP, 0, RESULT_OK, &holding, 1);
    assert_string_equal (text, "send edge/3 HOLDING batch=31 "
                               "[{\"held\":1,\"user_id\":50,\"quantity\":2,\"gate_us\":8}]\n");
    for (uint64_t i = 0; i < 3; i++) {
        rig_message (rig, KIND_EDGE, 3, MSG_HOLDING_GET, &extras, &query, 1);
        rig_result (rig, CALL_GATE_LOOKUP, i + 1, away[i], NULL, 0);
        assert_int_equal (rig_sent (rig, MSG_OUTCOME, 0)->header.batch_id, 31);
        assert_int_equal (((const outcome_t *)rig_sent (rig, MSG_OUTCOME, 0)->entries)->code,
                          ERROR_DEPENDENCY_UNAVAILABLE);
    }
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

/*  Property: questions in flight are bounded; beyond it `busy`; slots are used again whatever the order of the answers. */
static void
test_lookups_bounded (void **state)
{
    (void)state;
    dice_t dice = dice_seeded (41);
    rig_t *rig = rig_new (&seckill_class, &s_params);
    query_t query = { .sale_id = 4 };
    holding_t holding = { 0 };
    bool is_out[SECKILL_LOOKUPS_MAX] = { false };
    size_t out = 0, busy = 0;
    for (size_t i = 0; i < 20000; i++) {
        size_t tag = dice_roll (&dice, SECKILL_LOOKUPS_MAX);
        bool is_question = dice_roll (&dice, i / 4000 % 2 ? 8 : 2) == 0;
        if (is_question) {
            rig_message (rig, KIND_EDGE, 1, MSG_HOLDING_GET, NULL, &query, 1);
            bool is_busy = rig_sent (rig, MSG_OUTCOME, 0) != NULL;
            assert_int_equal (is_busy, out == SECKILL_LOOKUPS_MAX);
            busy += is_busy;
            if (is_busy)
                continue;
            tag = effects_at (rig->effects, 0)->tag;
            assert_false (is_out[tag]);
            is_out[tag] = true;
            out++;
        } else if (i / 4000 % 2 && is_out[tag]) {
            rig_result (rig, CALL_GATE_LOOKUP, tag, RESULT_OK, &holding, 1);
            is_out[tag] = false;
            out--;
        }
    }
    assert_true (busy > 100);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- the whole */

/*  Property: messages that are not for it are counted and otherwise ignored. */
static void
test_invalid_messages (void **state)
{
    (void)state;
    rig_t *rig = rig_new (&seckill_class, &s_params);
    s_fill (1, 1, 1);
    rig_message (rig, KIND_LIMITER, 1, MSG_PURCHASE, NULL, s_batch,
                 1); /* no origin: nobody to answer */
    assert_string_equal (rig_text (rig, true), "add minishop_frames_refused_total{} 1\n");
    rig_message (rig, KIND_EDGE, 1, MSG_PURCHASE, &(header_t){ .origin_number = 1 }, s_batch, 1);
    assert_string_equal (rig_text (rig, true), "add minishop_frames_refused_total{} 1\n");
    s_send (rig, 1, 0);
    assert_string_equal (rig_text (rig, true), "add minishop_frames_refused_total{} 1\n");
    rig_message (rig, KIND_EDGE, 1, MSG_HOLDING_GET, NULL, NULL, 0);
    assert_string_equal (rig_text (rig, true), "add minishop_frames_refused_total{} 1\n");
    rig_destroy (&rig);
}

/*  Property: after STOP it is not ready, decides what still arrives, and has nothing in flight only when all calls are answered. */
static void
test_stop (void **state)
{
    (void)state;
    rig_t *rig = rig_new (&seckill_class, &s_params);
    s_fill (1, 2, 1);
    rig_event (rig, EVENT_STOP);
    assert_false (rig_status (rig).is_ready);
    s_send (rig, 1, 2);
    assert_int_equal (rig_status (rig).in_flight, 2);
    s_answer (rig, 0, RESULT_OK, 2);
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

#define QIDS_MAX 400000u
#define CALLS_MAX (SECKILL_BATCHES_MAX * 8u)

/*  The other side of a seckill: what it was asked, which calls wait, what it told. */
typedef struct gate_t {
    uint64_t next_qid;
    unsigned asked[QIDS_MAX]; /* arguments and busy verdicts, by qid */
    unsigned ended[QIDS_MAX]; /* verdicts, and results that allow none */
    struct {
        uint64_t tag;
        size_t count;
        uint64_t qids[BATCH_ENTRIES_MAX];
    } calls[CALLS_MAX];
    size_t call_count;
    unsigned long withheld, busy;
} gate_t;

/*  Notes what one PURCHASE led to: busy verdicts at once, or calls. */
static void
s_note (gate_t *gate, const effect_t *effect)
{
    for (size_t e = 0; effect->type == EFFECT_SEND && e < effect->count; e++, gate->busy++) {
        const verdict_t *verdict = (const verdict_t *)effect->entries + e;
        gate->asked[verdict->qid]++;
        gate->ended[verdict->qid]++;
    }
    if (effect->type != EFFECT_CALL)
        return;
    assert_true (gate->call_count < CALLS_MAX);
    gate->calls[gate->call_count].tag = effect->tag;
    gate->calls[gate->call_count].count = effect->count;
    for (size_t e = 0; e < effect->count; e++) {
        uint64_t qid = ((const gate_purchase_t *)effect->entries)[e].user_id;
        gate->calls[gate->call_count].qids[e] = qid;
        gate->asked[qid]++;
    }
    gate->call_count++;
}

static void
s_ask (gate_t *gate, rig_t *rig, dice_t *dice)
{
    size_t count = 1 + dice_roll (dice, 64);
    s_fill (gate->next_qid, count, 1 + dice_roll (dice, 4));
    for (size_t k = 0; k < count; k++)
        s_batch[k].user_id =
            s_batch[k].qid; /* carried into the argument: tells which entry it is */
    gate->next_qid += count;
    s_send (rig, gate->next_qid, count);
    for (size_t k = 0; k < effects_count (rig->effects); k++)
        s_note (gate, effects_at (rig->effects, k));
}

/*  Answers one of the waiting calls, and compares the verdicts with its entries. */
static void
s_end_call (gate_t *gate, rig_t *rig, size_t which, result_status_t status)
{
    size_t count = gate->calls[which].count;
    const uint64_t *qids = gate->calls[which].qids;
    for (size_t e = 0; e < count; e++)
        s_rows[e] = (gate_verdict_t){ .gate_us = 1, .sequence = qids[e] };
    s_answer (rig, gate->calls[which].tag, status, count);
    const effect_t *sent = rig_sent (rig, MSG_VERDICT, 0);
    assert_int_equal (sent == NULL, status == RESULT_UNKNOWN);
    for (size_t e = 0; e < count; e++) {
        const verdict_t *verdict = sent ? (const verdict_t *)sent->entries + e : NULL;
        assert_true (!verdict || verdict->qid == qids[e]);
        assert_true (status != RESULT_OK || (verdict && verdict->sequence == qids[e]));
        gate->withheld += !verdict;
        gate->ended[qids[e]]++;
    }
    gate->calls[which] = gate->calls[--gate->call_count];
}

/*  One run of 6,000 steps. Returns the digest before the last calls are answered. */
static uint64_t
s_run (gate_t *gate, uint64_t seed)
{
    dice_t dice = { seed };
    rig_t *rig = rig_new (&seckill_class, &s_params);
    rig->is_quick = true;
    memset (gate, 0, sizeof *gate);
    gate->next_qid = 1;
    for (size_t i = 0; i < 6000; i++)
        if (gate->call_count < SECKILL_BATCHES_MAX * 7 && dice_roll (&dice, 3) > 0)
            s_ask (gate, rig, &dice);
        else if (gate->call_count > 0)
            s_end_call (gate, rig, dice_roll (&dice, gate->call_count),
                        (result_status_t)dice_roll (&dice, 4));
    seckill_class.check (rig->core);
    uint64_t digest = seckill_class.digest (rig->core);
    while (gate->call_count > 0)
        s_end_call (gate, rig, 0, RESULT_OK);
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
    return digest;
}

/*  Property: whatever the batches and the order of the answers, each entry is argument of one call, and each answered call gives each
    of its entries exactly one verdict (or, unknown, none); equal runs give equal digests. */
static void
test_every_entry_once (void **state)
{
    (void)state;
    static gate_t gate;
    uint64_t seed = dice_seeded (42).state, digest = s_run (&gate, seed);
    for (uint64_t qid = 1; qid < gate.next_qid; qid++)
        assert_true (gate.asked[qid] == 1 && gate.ended[qid] == 1);
    printf ("# %" PRIu64 " entries, %lu withheld, %lu busy\n", gate.next_qid - 1, gate.withheld,
            gate.busy);
    assert_true (gate.next_qid > 100000 && gate.withheld > 1000 && gate.busy > 1000);
    assert_int_equal (s_run (&gate, seed), digest);
    assert_int_not_equal (s_run (&gate, seed + 1), digest);
    printf ("# %lu steps without an allocation\n", allocation_trap_steps);
    assert_true (allocation_trap_steps > 10000);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_reserve),
        cmocka_unit_test (test_several_sales),
        cmocka_unit_test (test_unknown),
        cmocka_unit_test (test_unavailable_and_refused),
        cmocka_unit_test (test_strange_answers),
        cmocka_unit_test (test_codes_pass),
        cmocka_unit_test (test_bounded),
        cmocka_unit_test (test_lookup),
        cmocka_unit_test (test_lookups_bounded),
        cmocka_unit_test (test_invalid_messages),
        cmocka_unit_test (test_stop),
        cmocka_unit_test (test_every_entry_once),
    };
    params_set_defaults (&s_params);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
