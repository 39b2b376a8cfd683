/*  Ordering's lease and what its holder looks for; and the deliveries that are no entries to write: REJECT and DUE. */

#include "dice.h"
#include "ordering_bench.h"

#define LEASE_US (3000 * MS)

/*  The holder of the lease with token 4; broker/1 and provider/1 are there. No scan was made yet. */
static rig_t *
s_leader (void)
{
    rig_t *rig = bench_open ();
    rig_peer (rig, EVENT_PEER_UP, KIND_PROVIDER, 1, STATE_READY);
    bench_lease (rig, 1, 4);
    return rig;
}

static const char *
s_expired (rig_t *rig, uint64_t count, uint64_t next_us, uint64_t now_us)
{
    expiry_t row = { .expired_count = count, .next_us = next_us, .now_us = now_us };
    return rig_result (rig, CALL_ORDER_EXPIRE, TAG_EXPIRY, RESULT_OK, &row, 1);
}

static const char *
s_due (rig_t *rig, size_t count)
{
    static charge_t rows[BATCH_ENTRIES_MAX];
    for (size_t i = 0; i < count; i++)
        rows[i] =
            (charge_t){ .payment_id = { (uint8_t)(1 + i) }, .amount_cents = 5, .refund = i & 1 };
    return rig_result (rig, CALL_PAYMENT_DUE, TAG_CHARGES, RESULT_OK, rows, count);
}

/*  When the core wants its next step, from now on. */
static uint64_t
s_wake (const rig_t *rig)
{
    uint64_t wake_us = ordering_class.wake_us (rig->core);
    return wake_us > rig->now_us ? wake_us - rig->now_us : 0;
}

/* -------------------------------------------------------------------------- lease */

/*  The lease is asked for as soon as the store is open and three times in its life; only its holder scans. */
static void
test_lease (void **state)
{
    (void)state;
    rig_t *rig = bench_new ();
    rig_event (rig, EVENT_START);
    assert_null (strstr (bench_advance (rig, 0), "lease_take"));
    bench_probed (rig, RESULT_OK);
    assert_int_equal (s_wake (rig), 0);
    assert_string_equal (bench_advance (rig, 0),
                         "call lease_take tag=2 [{\"name\":\"scheduler\",\"holder\":\"ordering/1\","
                         "\"incarnation\":77,\"ttl_ms\":3000}]\n");
    assert_string_equal (bench_lease (rig, 0, 3), "");
    assert_false (rig_status (rig).is_leader);
    assert_null (strstr (bench_advance (rig, LEASE_US / 3 - 1), "call"));
    assert_non_null (strstr (bench_advance (rig, 1), "call lease_take"));
    assert_string_equal (bench_lease (rig, 1, 4), "log info lease_held token 4\n");
    assert_true (rig_status (rig).is_leader);
    assert_string_equal (bench_advance (rig, 0),
                         "call order_expire tag=3 [{\"token\":4,\"limit\":512}]\n");
    rig_destroy (&rig);
}

/*  No answer is no loss until the lease is over by our clock, which counts from the asking; then nothing is scanned. */
static void
test_lease_ends (void **state)
{
    (void)state;
    rig_t *rig = s_leader ();
    bench_advance (rig, 0);
    uint64_t end_us = rig->now_us + LEASE_US;
    s_expired (rig, 0, 0, 1);
    s_due (rig, 0);
    while (rig->now_us < end_us) {
        assert_true (rig_status (rig).is_leader);
        bench_advance (rig, 100 * MS);
        if (strstr (rig->text, "call lease_take"))
            rig_result (rig, CALL_LEASE_TAKE, TAG_LEASE, RESULT_UNAVAILABLE, NULL, 0);
        if (strstr (rig->text, "call order_expire"))
            s_expired (rig, 0, 0, 1);
        if (strstr (rig->text, "call payment_due"))
            s_due (rig, 0);
    }
    assert_false (rig_status (rig).is_leader);
    for (int i = 0; i < 20; i++)
        assert_null (strstr (bench_advance (rig, SCAN_US), "order_expire"));
    rig_destroy (&rig);
}

/*  A scan that PostgreSQL fenced ends the leadership at once, and the lease is asked for again. */
static void
test_fenced (void **state)
{
    (void)state;
    rig_t *rig = s_leader ();
    bench_advance (rig, 0);
    expiry_t row = { .code = ERROR_FENCED, .now_us = 1 };
    assert_string_equal (rig_result (rig, CALL_ORDER_EXPIRE, TAG_EXPIRY, RESULT_OK, &row, 1),
                         "log info lease_lost token 4\n");
    assert_int_equal (s_wake (rig), 0);
    assert_non_null (strstr (bench_advance (rig, 0),
                             "call lease_take tag=2 [{\"name\":\"scheduler\","
                             "\"holder\":\"ordering/1\",\"incarnation\":77,\"token\":4,"));
    bench_lease (rig, 0, 5);
    assert_null (strstr (bench_advance (rig, SCAN_US), "order_expire"));
    rig_destroy (&rig);
}

/*  At the end the lease is handed on: one millisecond. What is out is not waited for. */
static void
test_stop (void **state)
{
    (void)state;
    rig_t *rig = s_leader ();
    rig_event (rig, EVENT_STOP);
    assert_non_null (strstr (bench_text (rig), "call lease_take"));
    assert_non_null (strstr (bench_text (rig), "\"token\":4,\"ttl_ms\":1}"));
    assert_int_equal (rig_status (rig).in_flight, 0);
    bench_lease (rig, 1, 4);
    assert_false (rig_status (rig).is_leader);
    assert_null (strstr (bench_advance (rig, LEASE_US), "order_expire"));
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- expiry */

/*  The next look: after order_scan_ms; when the next order ends, if that is sooner; at once, if the scan was full. A look that failed, or
    is out, is no other. */
static void
test_scans (void **state)
{
    (void)state;
    rig_t *rig = s_leader ();
    bench_advance (rig, 0);
    assert_string_equal (s_due (rig, 0), "");
    assert_string_equal (s_expired (rig, 3, 0, 7000000), "");
    assert_int_equal (rig_added (rig, METRIC_ORDERS_EXPIRED, 0), 3);
    assert_int_equal (rig_status (rig).handled, 3);
    assert_int_equal (s_wake (rig), SCAN_US);
    assert_non_null (strstr (bench_advance (rig, SCAN_US), "call order_expire"));
    assert_int_equal (rig_added (rig, METRIC_SCANS, CALL_ORDER_EXPIRE), 1);
    assert_null (strstr (bench_advance (rig, SCAN_US), "call order_expire"));
    s_expired (rig, 0, 7000000 + 123 * MS, 7000000);
    assert_null (strstr (bench_advance (rig, 123 * MS - 1), "call order_expire"));
    assert_non_null (strstr (bench_advance (rig, 1), "call order_expire"));
    s_expired (rig, 512, 6000000, 7000000);
    assert_non_null (strstr (bench_advance (rig, 0), "call order_expire"));
    s_expired (rig, 0, 7000000 + 60000 * MS, 7000000);
    assert_null (strstr (bench_advance (rig, SCAN_US - 1), "call order_expire"));
    bench_advance (rig, 1);
    rig_result (rig, CALL_ORDER_EXPIRE, TAG_EXPIRY, RESULT_UNAVAILABLE, NULL, 0);
    assert_true (rig_status (rig).is_ready);
    assert_null (strstr (bench_advance (rig, SCAN_US - 1), "call order_expire"));
    assert_non_null (strstr (bench_advance (rig, 1), "call order_expire"));
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- charges */

/*  What is due is told to a ready provider in one message; a full look is followed by another at once. Without a provider nobody looks, for
    looking counts as telling. */
static void
test_charges (void **state)
{
    (void)state;
    rig_t *rig = s_leader ();
    assert_non_null (
        strstr (bench_advance (rig, 0), "call payment_due tag=4 [{\"token\":4,\"limit\":256}]\n"));
    s_expired (rig, 0, 0, 1);
    assert_string_equal (
        s_due (rig, 2),
        "send provider/1 CHARGE batch=1 "
        "[{\"payment_id\":\"01000000000000000000000000000000\",\"amount_cents\":5},"
        "{\"payment_id\":\"02000000000000000000000000000000\",\"amount_cents\":5,\"refund\":1}]\n");
    assert_int_equal (rig_added (rig, METRIC_CHARGES_TOLD, 0), 2);
    assert_null (strstr (bench_advance (rig, SCAN_US - 1), "payment_due"));
    assert_non_null (strstr (bench_advance (rig, 1), "payment_due"));
    s_due (rig, BATCH_ENTRIES_MAX);
    assert_int_equal (rig_sent (rig, MSG_CHARGE, 0)->count, BATCH_ENTRIES_MAX);
    assert_non_null (strstr (bench_advance (rig, 0), "payment_due"));
    rig_peer (rig, EVENT_PEER_DOWN, KIND_PROVIDER, 1, STATE_READY);
    assert_string_equal (s_due (rig, 1), "");
    for (int i = 0; i < 5; i++)
        assert_null (strstr (bench_advance (rig, SCAN_US), "payment_due"));
    bench_lease (rig, 1, 4); /* of the meantime */
    rig_peer (rig, EVENT_PEER_UP, KIND_PROVIDER, 1, STATE_STARTING);
    assert_null (strstr (bench_advance (rig, SCAN_US), "payment_due"));
    rig_peer (rig, EVENT_PEER_UP, KIND_PROVIDER, 1, STATE_READY);
    assert_non_null (strstr (bench_advance (rig, 0), "payment_due"));
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- REJECT and DUE */

static const char *
s_reject (rig_t *rig, uint64_t batch_id, uint8_t rid)
{
    dead_letter_t letter = {
        .sale_id = 5, .epoch = 1, .entry_ms = 9, .rid = { rid }, .reason = "poison"
    };
    header_t extras = { .batch_id = batch_id, .attempt = 1 };
    return rig_message (rig, KIND_BROKER, 1, MSG_REJECT, &extras, &letter, 1);
}

static const char *
s_look (rig_t *rig, uint64_t batch_id)
{
    due_t due = { .sale_id = 5, .due_us = 12 };
    header_t extras = { .batch_id = batch_id, .attempt = 1 };
    return rig_message (rig, KIND_BROKER, 1, MSG_DUE, &extras, &due, 1);
}

static const char *
s_rejected (rig_t *rig, uint64_t place, uint8_t rid, uint64_t code)
{
    order_outcome_t row = { .rid = { rid }, .code = code };
    return rig_result (rig, CALL_ORDER_REJECT, TAG_PLACE + place, RESULT_OK, &row, 1);
}

/*  A rejection is one order_reject; any final outcome ends it, an entry that could not be read too. */
static void
test_reject (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    static const uint64_t codes[] = { ERROR_REJECTED, ERROR_NONE, ERROR_STALE_EPOCH };
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal (s_reject (rig, 9, 0),
                             "call order_reject tag=65536 [{\"sale_id\":5,\"epoch\":1,"
                             "\"entry_ms\":9,\"reason\":\"poison\"}]\n");
        assert_string_equal (s_reject (rig, 9, 0), ""); /* the same again while it is here */
        assert_string_equal (
            s_rejected (rig, 0, 0, codes[i]),
            "log warning entry_dead rid 00000000000000000000000000000000 sale 5 user 0\n"
            "send broker/1 ACK batch=9 attempt=1 [{\"credit\":2}]\n");
        assert_int_equal (rig_added (rig, METRIC_ORDERS_WRITTEN, codes[i]), 1);
    }
    s_reject (rig, 10, 1);
    assert_non_null (
        strstr (s_rejected (rig, 0, 2, ERROR_NONE), "ACK batch=10 attempt=1 [{\"code\":75"));
    s_reject (rig, 11, 1);
    assert_non_null (
        strstr (s_rejected (rig, 0, 1, ERROR_BUSY), "ACK batch=11 attempt=1 [{\"code\":75"));
    s_reject (rig, 12, 1);
    assert_non_null (
        strstr (rig_result (rig, CALL_ORDER_REJECT, TAG_PLACE, RESULT_REFUSED, NULL, 0),
                "ACK batch=12 attempt=1 [{\"code\":75,\"credit\":2}]"));
    rig_destroy (&rig);
}

/*  A delayed message is one look at its sale, without a token; the answer says when to look again. */
static void
test_due (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    assert_string_equal (s_look (rig, 9),
                         "call order_expire tag=65536 [{\"sale_id\":5,\"limit\":512}]\n");
    expiry_t row = { .expired_count = 2, .next_us = 777, .now_us = 5 };
    assert_string_equal (rig_result (rig, CALL_ORDER_EXPIRE, TAG_PLACE, RESULT_OK, &row, 1),
                         "send broker/1 ACK batch=9 attempt=1 [{\"credit\":2,\"again_us\":777}]\n");
    assert_int_equal (rig_added (rig, METRIC_ORDERS_EXPIRED, 0), 2);
    s_look (rig, 10);
    assert_non_null (
        strstr (rig_result (rig, CALL_ORDER_EXPIRE, TAG_PLACE, RESULT_OK, NULL, 0), "\"code\":51"));
    rig_destroy (&rig);
}

/*  Both share the places of DELIVER: bounded, given back when the store closes, refused when it is closed or from strangers. */
static void
test_places_are_shared (void **state)
{
    (void)state;
    rig_t *rig = bench_open ();
    s_reject (rig, 1, 1);
    s_look (rig, 1); /* the same number, another message: another delivery */
    assert_int_equal (rig_status (rig).in_flight, 2);
    for (uint64_t i = 3; i <= 6; i++)
        assert_string_equal (i & 1 ? s_reject (rig, i, 1) : s_look (rig, i), "");
    assert_string_equal (s_look (rig, 7), "send broker/1 ACK batch=7 attempt=1 [{\"code\":51}]\n");
    rig_result (rig, CALL_ORDER_EXPIRE, TAG_PLACE + 1, RESULT_UNKNOWN, NULL, 0);
    size_t acks = 0;
    while (rig_sent (rig, MSG_ACK, acks))
        acks++;
    assert_int_equal (acks, 5);
    assert_string_equal (s_reject (rig, 8, 1),
                         "send broker/1 ACK batch=8 attempt=1 [{\"code\":51}]\n");
    assert_string_equal (s_look (rig, 9), "send broker/1 ACK batch=9 attempt=1 [{\"code\":51}]\n");
    due_t two[2] = { { .sale_id = 1 }, { .sale_id = 2 } };
    rig_message (rig, KIND_BROKER, 1, MSG_DUE, NULL, two, 2);
    assert_int_equal (rig_added (rig, METRIC_FRAMES_REFUSED, 0), 1);
    rig_message (rig, KIND_EDGE, 1, MSG_DUE, NULL, two, 1);
    assert_int_equal (rig_added (rig, METRIC_FRAMES_REFUSED, 0), 1);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- random */

#define RANDOM_STEPS 100000u
#define CALLS_MAX 64u

static struct {
    struct {
        call_name_t call;
        uint64_t tag;
    } calls[CALLS_MAX];
    size_t call_count;
    uint64_t scans[2], held, lost, charged;
} run;

static void
s_take_effects (const rig_t *rig)
{
    for (size_t i = 0; i < effects_count (rig->effects); i++) {
        const effect_t *effect = effects_at (rig->effects, i);
        run.charged += effect->type == EFFECT_SEND && effect->header.type == MSG_CHARGE;
        if (effect->type == EFFECT_LOG) {
            run.held += !strcmp (effect->event, "lease_held");
            run.lost += !strcmp (effect->event, "lease_lost");
        }
        if (effect->type != EFFECT_CALL)
            continue;
        for (size_t k = 0; k < run.call_count; k++) /* one of each is out at most */
            assert_true (run.calls[k].tag != effect->tag);
        assert_true (run.call_count < CALLS_MAX);
        run.calls[run.call_count].call = effect->call;
        run.calls[run.call_count++].tag = effect->tag;
        if (effect->tag == TAG_EXPIRY || effect->tag == TAG_CHARGES) {
            assert_true (rig_status (rig).is_leader && rig_status (rig).is_ready);
            assert_true (((const scan_t *)effect->entries)->token > 0);
            run.scans[effect->tag == TAG_CHARGES]++;
        }
    }
}

static void
s_answer (rig_t *rig, dice_t *dice)
{
    if (!run.call_count)
        return;
    size_t which = dice_roll (dice, run.call_count);
    call_name_t call = run.calls[which].call;
    uint64_t tag = run.calls[which].tag;
    run.calls[which] = run.calls[--run.call_count];
    if (dice_roll (dice, 100) < 5)
        rig_result (rig, call, tag, (result_status_t)(1 + dice_roll (dice, 3)), NULL, 0);
    else if (tag == TAG_LEASE)
        bench_lease (rig, dice_roll (dice, 10) > 0, 1 + dice_roll (dice, 9));
    else if (tag == TAG_CHARGES)
        s_due (rig, dice_roll (dice, 4) ? 0 : dice_roll (dice, 257));
    else if (call == CALL_ORDER_EXPIRE) {
        expiry_t row = { .expired_count = dice_roll (dice, 3),
                         .next_us = dice_roll (dice, 3000 * MS),
                         .now_us = 1500 * MS,
                         .code = dice_roll (dice, 50) ? ERROR_NONE : ERROR_FENCED };
        rig_result (rig, call, tag, RESULT_OK, &row, 1);
    } else
        rig_result (rig, call, tag, RESULT_OK, NULL, 0);
    s_take_effects (rig);
}

/*  Whatever is answered and however long it takes: scans are made by the holder alone, one of each at a time; and the core never asks to be
    woken in the past without doing something then. */
static void
test_random (void **state)
{
    (void)state;
    rig_t *rig = s_leader ();
    dice_t dice = dice_seeded (5);
    s_take_effects (rig);
    for (uint64_t i = 0; i < RANDOM_STEPS; i++) {
        uint64_t roll = dice_roll (&dice, 100);
        if (roll < 50) {
            s_answer (rig, &dice);
        } else if (roll < 52) {
            rig_peer (rig, roll & 1 ? EVENT_PEER_UP : EVENT_PEER_DOWN, KIND_PROVIDER,
                      1 + dice_roll (&dice, 2), STATE_READY);
            s_take_effects (rig);
        } else if (roll < 55) {
            s_look (rig, i);
            s_take_effects (rig);
        } else {
            uint64_t wake_us = ordering_class.wake_us (rig->core), now_us = rig->now_us;
            rig->now_us = wake_us > now_us && wake_us < now_us + 100 * MS
                              ? wake_us
                              : now_us + dice_roll (&dice, 50 * MS);
            bench_advance (rig, 0);
            s_take_effects (rig);
            for (int k = 0; k < 8 && ordering_class.wake_us (rig->core) <= rig->now_us; k++) {
                bench_advance (rig, 0);
                s_take_effects (rig);
            }
            assert_true (ordering_class.wake_us (rig->core) > rig->now_us);
        }
    }
    printf ("# looks for orders %" PRIu64 ", for charges %" PRIu64 "; lease held %" PRIu64
            ", lost %" PRIu64 "; charges sent %" PRIu64 "\n",
            run.scans[0], run.scans[1], run.held, run.lost, run.charged);
    assert_true (run.scans[0] > 0 && run.scans[1] > 0 && run.held > 0 && run.lost > 0 &&
                 run.charged > 0);
    rig_destroy (&rig);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_lease),
        cmocka_unit_test (test_lease_ends),
        cmocka_unit_test (test_fenced),
        cmocka_unit_test (test_stop),
        cmocka_unit_test (test_scans),
        cmocka_unit_test (test_charges),
        cmocka_unit_test (test_reject),
        cmocka_unit_test (test_due),
        cmocka_unit_test (test_places_are_shared),
        cmocka_unit_test (test_random),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
