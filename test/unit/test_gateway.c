/*  The edge's core: requests of workers in, batches and answers out. */

#include "gateway.h"
#include "rig.h"

#include <inttypes.h>
#include <stdio.h>

/*  Gate time is this much ahead of local time in all tests. */
#define GATE_AHEAD_US 5000000000u
/*  What purchases_deadline_ms and before_floor_ms are in these tests. */
#define DEADLINE_US 3000000u
#define FLOOR_US 100000u
#define QIDS_START ((uint64_t)77 << 16 | (uint64_t)1 << 46)

static char s_shown[1 << 20];

/*  qids are huge; as text the n-th request of all, from slot s, is Qn/s. */
static uint64_t
s_qid (uint64_t n, uint64_t slot)
{
    return (QIDS_START + n) << 16 | slot;
}

static const char *
s_show (rig_t *rig)
{
    const char *from = rig_text (rig, false);
    char *to = s_shown;
    while (*from) {
        char *end = NULL;
        uint64_t number = *from >= '0' && *from <= '9' ? strtoull (from, &end, 10) : 0;
        if (number >= (uint64_t)1 << 62) {
            to += snprintf (to, sizeof s_shown - (size_t)(to - s_shown), "Q%" PRIu64 "/%" PRIu64,
                            (number >> 16) - QIDS_START, number & 0xffff);
            from = end;
        } else if (end) {
            while (from < end)
                *to++ = *from++;
        } else
            *to++ = *from++;
    }
    *to = 0;
    return s_shown;
}

static uint64_t
s_gate (const rig_t *rig)
{
    return rig->now_us + GATE_AHEAD_US;
}

static const char *
s_timer (rig_t *rig)
{
    rig_event (rig, EVENT_TIMER);
    return s_show (rig);
}

static void
s_clock (rig_t *rig)
{
    stock_t stock = { .gate_us = s_gate (rig) };
    rig_message (rig, KIND_INVENTORY, 1, MSG_STOCK, NULL, &stock, 1);
}

static void
s_sales (rig_t *rig, uint64_t version)
{
    static sale_t sale;
    sale = (sale_t){ .sale_id = 7, .version = version, .state = SALE_OPEN };
    header_t extras = { .batch_id = version };
    rig_message (rig, KIND_INVENTORY, 1, MSG_SALES, &extras, &sale, 1);
}

/*  An edge with `limiters` limiters and a seckill, a clock, and sale 7 in version 1. */
static rig_t *
s_rig (uint64_t limiters)
{
    params_t params;
    params_set_defaults (&params);
    params.edge_threads = 64;
    params.batch_entries = 4;
    rig_t *rig = rig_new (&gateway_class, &params);
    s_clock (rig);
    s_sales (rig, 1);
    for (uint64_t n = 1; n <= limiters; n++)
        rig_peer (rig, EVENT_PEER_UP, KIND_LIMITER, n, STATE_READY);
    rig_peer (rig, EVENT_PEER_UP, KIND_SECKILL, 1, STATE_READY);
    s_timer (rig);
    return rig;
}

/*  A purchase by worker `slot` for user 100 + slot; its ticket is 1000 + slot. */
static const char *
s_purchase (rig_t *rig, uint64_t slot)
{
    header_t extras = { .batch_id = 1000 + slot };
    purchase_t purchase = { .sale_id = 7, .user_id = 100 + slot, .quantity = 1, .body_hash = 9 };
    rig_message (rig, KIND_CLIENT, slot, MSG_PURCHASE, &extras, &purchase, 1);
    return s_show (rig);
}

static const char *
s_verdict_at (rig_t *rig, kind_t from, uint64_t qid, uint64_t attempt, error_code_t code,
              uint64_t gate_us)
{
    verdict_t verdict = { .qid = qid, .attempt = attempt, .code = code, .gate_us = gate_us };
    rig_message (rig, from, 1, MSG_VERDICT, NULL, &verdict, 1);
    return s_show (rig);
}

static const char *
s_verdict (rig_t *rig, uint64_t qid, uint64_t attempt, error_code_t code)
{
    return s_verdict_at (rig, KIND_SECKILL, qid, attempt, code, s_gate (rig));
}

/*  Attempts of the entries in the index-th batch sent by the last step, as "slot:attempt …". */
static const char *
s_batch (rig_t *rig, size_t index)
{
    static char text[2048];
    size_t used = 0;
    text[0] = 0;
    const effect_t *sent = rig_sent (rig, MSG_PURCHASE, index);
    for (size_t i = 0; sent && i < sent->count; i++) {
        const purchase_t *purchase = (const purchase_t *)sent->entries + i;
        used += (size_t)snprintf (text + used, sizeof text - used, "%s%" PRIu64 ":%" PRIu64,
                                  i ? " " : "", purchase->qid & 0xffff, purchase->attempt);
    }
    return text;
}

static uint64_t
s_before (rig_t *rig)
{
    const effect_t *sent = rig_sent (rig, MSG_PURCHASE, 0);
    assert_non_null (sent);
    return ((const purchase_t *)sent->entries)->before_us;
}

/* -------------------------------------------------------------------------- the window of one */

static void
test_purchase_goes_out_and_its_verdict_comes_back (void **state)
{
    /* A purchase leaves at the end of the turn with qid, attempt, version and `before`; its verdict answers the worker's ticket. */
    (void)state;
    rig_t *rig = s_rig (1);
    assert_string_equal (s_purchase (rig, 3), "");
    assert_true (gateway_class.wake_us (rig->core) <= rig->now_us);
    char expected[512];
    snprintf (expected, sizeof expected,
              "send limiter/1 PURCHASE batch=1 "
              "[{\"qid\":Q1/3,\"sale_id\":7,\"user_id\":103,\"quantity\":1,\"body_hash\":9,"
              "\"version\":1,\"before_us\":%" PRIu64 ",\"attempt\":1}]\n",
              s_gate (rig) + FLOOR_US);
    assert_string_equal (s_timer (rig), expected);
    assert_int_equal (rig_status (rig).in_flight, 1);
    rig->now_us += 2000;
    const char *answer = s_verdict (rig, s_qid (1, 3), 1, ERROR_NONE);
    assert_non_null (
        strstr (answer, "/3 VERDICT batch=1003 [{\"qid\":Q1/3,\"attempt\":1,\"gate_us\":"));
    assert_int_equal (rig_status (rig).in_flight, 0);
    assert_int_equal (rig_status (rig).handled, 1);
    assert_string_equal (s_timer (rig), "");
    rig_destroy (&rig);
}

static void
test_requests_of_one_turn_share_a_batch (void **state)
{
    /* Whatever comes before the end of the turn leaves together, up to batch_entries; the rest waits for the window. */
    (void)state;
    rig_t *rig = s_rig (1);
    for (uint64_t slot = 1; slot <= 6; slot++)
        assert_string_equal (s_purchase (rig, slot), "");
    s_timer (rig);
    assert_string_equal (s_batch (rig, 0), "1:1 2:1 3:1 4:1");
    assert_null (rig_sent (rig, MSG_PURCHASE, 1));
    assert_int_equal (rig_status (rig).queue_depth, 2);
    rig_destroy (&rig);
}

static void
test_window_is_one_batch (void **state)
{
    /* While one entry of a batch is unanswered nothing follows; with the last answer the next batch leaves. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_purchase (rig, 1);
    s_purchase (rig, 2);
    s_timer (rig);
    assert_string_equal (s_batch (rig, 0), "1:1 2:1");
    s_purchase (rig, 3);
    assert_string_equal (s_timer (rig), "");
    s_verdict (rig, s_qid (1, 1), 1, ERROR_NONE);
    assert_string_equal (s_timer (rig), "");
    rig->now_us += 700;
    s_verdict (rig, s_qid (2, 2), 1, ERROR_SOLD_OUT);
    s_timer (rig);
    assert_string_equal (s_batch (rig, 0), "3:1");
    assert_int_equal (rig_sent (rig, MSG_PURCHASE, 0)->header.trip_us, 700);
    assert_int_equal (rig_sent (rig, MSG_PURCHASE, 0)->header.batch_id, 2);
    rig_destroy (&rig);
}

static void
test_each_limiter_has_its_own_window (void **state)
{
    /* A shopper always goes to the same limiter, and a batch out at one limiter holds back no other's. */
    (void)state;
    rig_t *rig = s_rig (3);
    uint64_t limiter_of[41] = { 0 };
    size_t batches = 0;
    for (uint64_t slot = 1; slot <= 12; slot++) {
        s_purchase (rig, slot);
        s_timer (rig);
        const effect_t *sent = rig_sent (rig, MSG_PURCHASE, 0);
        if (sent) {
            limiter_of[slot] = sent->header.to_number;
            batches++;
        }
    }
    assert_int_equal (batches, 3);
    assert_int_equal (rig_status (rig).queue_depth, 9);
    for (uint64_t slot = 1; slot <= 12; slot++)
        if (limiter_of[slot]) {
            s_verdict (rig, s_qid (slot, slot), 1, ERROR_NONE);
            s_purchase (rig, slot);
        }
    s_timer (rig);
    size_t queued = 0;
    for (size_t i = 0; i < 3; i++) {
        const effect_t *sent = rig_sent (rig, MSG_PURCHASE, i);
        assert_non_null (sent);
        for (size_t j = 0; j < sent->count; j++) {
            uint64_t slot = ((const purchase_t *)sent->entries)[j].qid & 0xffff;
            queued++;
            if (limiter_of[slot])
                assert_int_equal (limiter_of[slot], sent->header.to_number);
        }
    }
    assert_int_equal (queued + rig_status (rig).queue_depth, 12);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- resends */

static void
test_silence_until_before_means_a_resend (void **state)
{
    /* No verdict by `before`: the entry is given up, its window opens, and attempt 2 leaves with a later `before`. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_purchase (rig, 1);
    s_timer (rig);
    uint64_t first = s_before (rig);
    assert_int_equal (gateway_class.wake_us (rig->core), rig->now_us + FLOOR_US);
    rig->now_us += FLOOR_US - 1;
    assert_string_equal (s_timer (rig), "");
    rig->now_us += 1;
    s_timer (rig);
    assert_string_equal (s_batch (rig, 0), "1:2");
    assert_int_equal (rig_added (rig, METRIC_RESENDS, 0), 1);
    assert_int_equal (s_before (rig), first + FLOOR_US);
    rig_destroy (&rig);
}

static void
test_late_is_sent_again_at_once (void **state)
{
    /* "late" proves that the attempt was not executed: attempt 2 leaves in the same turn. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_purchase (rig, 1);
    s_timer (rig);
    assert_string_equal (s_verdict (rig, s_qid (1, 1), 1, ERROR_LATE), "");
    s_timer (rig);
    assert_string_equal (s_batch (rig, 0), "1:2");
    rig_destroy (&rig);
}

static void
test_stale_version_is_sent_again_with_the_newest (void **state)
{
    /* A resend after stale_version comes 20 ms later and carries the version that the snapshots have by then. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_purchase (rig, 1);
    s_timer (rig);
    s_verdict (rig, s_qid (1, 1), 1, ERROR_STALE_VERSION);
    assert_string_equal (s_timer (rig), "");
    s_sales (rig, 5);
    rig->now_us += 20000;
    s_timer (rig);
    assert_string_equal (s_batch (rig, 0), "1:2");
    assert_int_equal (((const purchase_t *)rig_sent (rig, MSG_PURCHASE, 0)->entries)->version, 5);
    rig_destroy (&rig);
}

static void
test_old_snapshot_does_not_bring_back_a_version (void **state)
{
    /* The version never goes back, whatever order leaders' snapshots come in. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_sales (rig, 5);
    s_sales (rig, 4);
    s_purchase (rig, 1);
    s_timer (rig);
    assert_int_equal (((const purchase_t *)rig_sent (rig, MSG_PURCHASE, 0)->entries)->version, 5);
    rig_destroy (&rig);
}

static void
test_recovering_is_asked_until_the_deadline (void **state)
{
    /* "recovering" is asked again every 100 ms and becomes the answer only when the deadline is over. */
    (void)state;
    rig_t *rig = s_rig (1);
    uint64_t start_us = rig->now_us, attempts = 0;
    s_purchase (rig, 1);
    while (rig_sent (rig, MSG_VERDICT, 0) == NULL) {
        s_timer (rig);
        if (rig_sent (rig, MSG_PURCHASE, 0)) {
            attempts++;
            rig->now_us += 1000;
            s_verdict (rig, s_qid (1, 1), attempts, ERROR_RECOVERING);
        } else if (!rig_sent (rig, MSG_VERDICT, 0))
            rig->now_us = gateway_class.wake_us (rig->core);
    }
    assert_int_equal (rig->now_us - start_us, DEADLINE_US);
    assert_int_equal (((const verdict_t *)rig_sent (rig, MSG_VERDICT, 0)->entries)->code,
                      ERROR_RECOVERING);
    assert_int_equal (attempts, 30);
    rig_destroy (&rig);
}

static void
test_deadline_answers_busy (void **state)
{
    /* Without any verdict the shopper hears "busy" exactly at the deadline, and no attempt may be executed after it. */
    (void)state;
    rig_t *rig = s_rig (1);
    uint64_t start_us = rig->now_us, deadline_gate_us = s_gate (rig) + DEADLINE_US;
    s_purchase (rig, 1);
    s_timer (rig);
    while (rig_sent (rig, MSG_VERDICT, 0) == NULL) {
        if (rig_sent (rig, MSG_PURCHASE, 0))
            assert_true (s_before (rig) <= deadline_gate_us);
        rig->now_us = gateway_class.wake_us (rig->core);
        s_timer (rig);
    }
    assert_int_equal (rig->now_us - start_us, DEADLINE_US);
    assert_int_equal (((const verdict_t *)rig_sent (rig, MSG_VERDICT, 0)->entries)->code,
                      ERROR_BUSY);
    assert_int_equal (rig_status (rig).in_flight, 0);
    assert_int_equal (gateway_class.wake_us (rig->core), UINT64_MAX);
    rig_destroy (&rig);
}

static void
test_limiter_gone_means_a_resend_at_once (void **state)
{
    /* When a limiter goes, what is out at it and what waits for it goes to the new owner in the same turn. */
    (void)state;
    rig_t *rig = s_rig (1);
    for (uint64_t slot = 1; slot <= 6; slot++)
        s_purchase (rig, slot);
    s_timer (rig);
    rig_peer (rig, EVENT_PEER_UP, KIND_LIMITER, 2, STATE_READY);
    s_timer (rig);
    rig_peer (rig, EVENT_PEER_DOWN, KIND_LIMITER, 1, STATE_READY);
    s_timer (rig);
    const effect_t *sent = rig_sent (rig, MSG_PURCHASE, 0);
    for (size_t i = 0; sent && i < sent->count; i++)
        assert_int_equal (sent->header.to_number, 2);
    assert_int_equal (rig_status (rig).in_flight, 6);
    assert_int_equal (gateway_class.wake_us (rig->core) <= rig->now_us + FLOOR_US, 1);
    rig_destroy (&rig);
}

static void
test_without_limiter_requests_are_held (void **state)
{
    /* While no limiter is ready a purchase waits within its deadline and leaves as soon as there is one. */
    (void)state;
    rig_t *rig = s_rig (1);
    rig_peer (rig, EVENT_PEER_DOWN, KIND_LIMITER, 1, STATE_READY);
    s_purchase (rig, 1);
    assert_string_equal (s_timer (rig), "");
    rig_peer (rig, EVENT_PEER_UP, KIND_LIMITER, 4, STATE_STARTING);
    assert_string_equal (s_timer (rig), "");
    rig_peer (rig, EVENT_PEER_UP, KIND_LIMITER, 4, STATE_READY);
    s_timer (rig);
    assert_string_equal (s_batch (rig, 0), "1:1");
    rig_destroy (&rig);
}

static void
test_draining_limiter_keeps_what_is_out (void **state)
{
    /* A limiter that leaves finishes its batch; only the queue moves to another. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_purchase (rig, 1);
    s_timer (rig);
    s_purchase (rig, 2);
    rig_peer (rig, EVENT_PEER_UP, KIND_LIMITER, 2, STATE_READY);
    rig_peer (rig, EVENT_PEER_UP, KIND_LIMITER, 1, STATE_DRAINING);
    s_timer (rig);
    assert_string_equal (s_batch (rig, 0), "2:1");
    assert_int_equal (rig_sent (rig, MSG_PURCHASE, 0)->header.to_number, 2);
    const char *answer = s_verdict (rig, s_qid (1, 1), 1, ERROR_NONE);
    assert_non_null (strstr (answer, "/1 VERDICT batch=1001"));
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- what may be answered */

static void
test_positive_of_an_old_attempt_answers_at_once (void **state)
{
    /* A reservation is the shopper's, whichever attempt won it. The window of the newest attempt opens with it. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_purchase (rig, 1);
    s_timer (rig);
    rig->now_us += FLOOR_US;
    s_timer (rig);
    assert_string_equal (s_batch (rig, 0), "1:2");
    const char *answer = s_verdict (rig, s_qid (1, 1), 1, ERROR_NONE);
    assert_non_null (strstr (answer, "/1 VERDICT batch=1001 [{\"qid\":Q1/1,\"attempt\":1"));
    s_purchase (rig, 2);
    s_timer (rig);
    assert_string_equal (s_batch (rig, 0), "2:1");
    rig_destroy (&rig);
}

static void
test_refusal_of_an_old_attempt_says_nothing (void **state)
{
    /* While a newer attempt is under way, an older one's refusal is not passed on. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_purchase (rig, 1);
    s_timer (rig);
    rig->now_us += FLOOR_US;
    s_timer (rig);
    rig->now_us += 1000;
    assert_string_equal (s_verdict (rig, s_qid (1, 1), 1, ERROR_SOLD_OUT), "");
    assert_int_equal (rig_status (rig).in_flight, 1);
    rig_destroy (&rig);
}

static void
test_refusal_waits_until_older_attempts_are_over (void **state)
{
    /* A refusal of attempt 2 decided before the end of attempt 1, of which nothing is known, is held,
     * and asked again right after that end; then it answers. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_purchase (rig, 1);
    s_timer (rig);
    uint64_t first_before = s_before (rig);
    rig_peer (rig, EVENT_PEER_UP, KIND_LIMITER, 2, STATE_READY);
    rig_peer (rig, EVENT_PEER_DOWN, KIND_LIMITER, 1, STATE_READY);
    s_timer (rig);
    assert_string_equal (s_batch (rig, 0), "1:2");
    rig->now_us += 1000;
    assert_string_equal (s_verdict (rig, s_qid (1, 1), 2, ERROR_SOLD_OUT), "");
    assert_int_equal (rig_added (rig, METRIC_VERDICTS_HELD, 0), 1);
    s_timer (rig);
    assert_null (rig_sent (rig, MSG_PURCHASE, 0));
    while (!rig_sent (rig, MSG_PURCHASE, 0)) {
        rig->now_us = gateway_class.wake_us (rig->core);
        s_timer (rig);
    }
    assert_true (s_gate (rig) > first_before);
    assert_true (s_gate (rig) <= first_before + 2000);
    assert_string_equal (s_batch (rig, 0), "1:3");
    rig->now_us += 1000;
    const char *answer = s_verdict (rig, s_qid (1, 1), 3, ERROR_SOLD_OUT);
    assert_non_null (strstr (answer, "/1 VERDICT batch=1001"));
    rig_destroy (&rig);
}

static void
test_attempt_with_a_verdict_bars_no_refusal (void **state)
{
    /* An attempt is executed at most once: after its verdict (stale) it cannot win, so the next refusal answers at once. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_purchase (rig, 1);
    s_timer (rig);
    s_verdict (rig, s_qid (1, 1), 1, ERROR_STALE_VERSION);
    rig->now_us += 20000;
    s_timer (rig);
    assert_string_equal (s_batch (rig, 0), "1:2");
    const char *answer = s_verdict (rig, s_qid (1, 1), 2, ERROR_SOLD_OUT);
    assert_non_null (strstr (answer, "/1 VERDICT batch=1001"));
    rig_destroy (&rig);
}

static void
test_refusal_after_all_older_attempts_answers (void **state)
{
    /* Resent after silence until `before`, the next refusal is decided after it: it answers at once. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_purchase (rig, 1);
    s_timer (rig);
    rig->now_us += FLOOR_US;
    s_timer (rig);
    rig->now_us += 500;
    const char *answer = s_verdict (rig, s_qid (1, 1), 2, ERROR_ALREADY_PURCHASED);
    assert_non_null (
        strstr (answer, "/1 VERDICT batch=1001 [{\"qid\":Q1/1,\"attempt\":2,\"code\":32"));
    rig_destroy (&rig);
}

static void
test_refusal_of_a_given_up_newest_attempt_answers (void **state)
{
    /* An attempt that was given up is still the newest until the next one leaves: its refusal may answer. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_purchase (rig, 1);
    s_timer (rig);
    uint64_t decided_us = s_gate (rig) + 10;
    s_verdict (rig, s_qid (1, 1), 1, ERROR_STALE_VERSION);
    s_timer (rig);
    rig->now_us += 1000;
    const char *answer =
        s_verdict_at (rig, KIND_SECKILL, s_qid (1, 1), 1, ERROR_SALE_ENDED, decided_us);
    assert_non_null (strstr (answer, "/1 VERDICT batch=1001"));
    rig_destroy (&rig);
}

static void
test_limiter_refusal_of_the_first_attempt_answers (void **state)
{
    /* A refusal without gate time is the limiter's; of attempt 1 nothing else can have happened. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_purchase (rig, 1);
    s_timer (rig);
    const char *answer = s_verdict_at (rig, KIND_LIMITER, s_qid (1, 1), 1, ERROR_RATE_LIMITED, 0);
    assert_non_null (
        strstr (answer, "/1 VERDICT batch=1001 [{\"qid\":Q1/1,\"attempt\":1,\"code\":40}]"));
    rig_destroy (&rig);
}

static void
test_not_now_answers_any_attempt (void **state)
{
    /* 503 hides nothing: the shopper may come again with the key. So it answers attempt 2 at once. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_purchase (rig, 1);
    s_timer (rig);
    s_verdict (rig, s_qid (1, 1), 1, ERROR_LATE);
    s_timer (rig);
    const char *answer = s_verdict_at (rig, KIND_SECKILL, s_qid (1, 1), 2, ERROR_BUSY, 0);
    assert_non_null (
        strstr (answer, "/1 VERDICT batch=1001 [{\"qid\":Q1/1,\"attempt\":2,\"code\":50}]"));
    rig_destroy (&rig);
}

static void
test_draining_actor_is_asked_again_soon (void **state)
{
    /* "draining" was not executed: the entry is sent again after 20 ms, to whoever is there then. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_purchase (rig, 1);
    s_timer (rig);
    assert_string_equal (s_verdict_at (rig, KIND_LIMITER, s_qid (1, 1), 1, ERROR_DRAINING, 0), "");
    s_timer (rig);
    assert_null (rig_sent (rig, MSG_PURCHASE, 0));
    rig->now_us += 20000;
    s_timer (rig);
    assert_string_equal (s_batch (rig, 0), "1:2");
    rig_destroy (&rig);
}

static void
test_unmatched_verdicts_are_counted (void **state)
{
    /* Verdicts of answered requests, of earlier requests of the slot and of nonsense qids change nothing. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_purchase (rig, 1);
    s_timer (rig);
    s_verdict (rig, s_qid (1, 1), 1, ERROR_NONE);
    s_purchase (rig, 1);
    s_timer (rig);
    const uint64_t strangers[] = {
        s_qid (1, 1), s_qid (2, 2), s_qid (2, 99), 0, 1, UINT64_MAX >> 1
    };
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        assert_string_equal (s_verdict (rig, strangers[i], 1, ERROR_NONE), "");
        assert_int_equal (rig_added (rig, METRIC_VERDICTS_UNMATCHED, 0), 1);
    }
    assert_int_equal (rig_status (rig).in_flight, 1);
    rig_destroy (&rig);
}

static void
test_verdicts_from_strangers_are_dropped (void **state)
{
    /* Only limiters and seckills judge purchases, and a code that is in no table says nothing. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_purchase (rig, 1);
    s_timer (rig);
    assert_string_equal (s_verdict_at (rig, KIND_ACCOUNT, s_qid (1, 1), 1, ERROR_NONE, 5), "");
    assert_string_equal (s_verdict (rig, s_qid (1, 1), 1, (error_code_t)29), "");
    assert_int_equal (rig_status (rig).in_flight, 1);
    rig_destroy (&rig);
}

static void
test_before_grows_with_slow_trips (void **state)
{
    /* `before` is 4 × the recent 99th percentile once that is above the floor, and never past the deadline. */
    (void)state;
    rig_t *rig = s_rig (1);
    for (uint64_t n = 1; n <= 20; n++) {
        s_purchase (rig, 1);
        s_timer (rig);
        rig->now_us += 90000;
        s_verdict (rig, s_qid (n, 1), 1, ERROR_NONE);
    }
    s_purchase (rig, 1);
    s_timer (rig);
    uint64_t patience_us = s_before (rig) - s_gate (rig);
    assert_in_range (patience_us, 4 * 90000, 4 * 135000);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- breaker, clock */

static void
test_breaker_opens_probes_and_closes (void **state)
{
    /* After five "away" in a row nothing is asked for 500 ms; then one probe alone; its success opens the way for all. */
    (void)state;
    rig_t *rig = s_rig (1);
    for (uint64_t n = 1; n <= 5; n++) {
        s_purchase (rig, 1);
        s_timer (rig);
        assert_string_equal (s_batch (rig, 0), "1:1");
        assert_non_null (strstr (
            s_verdict_at (rig, KIND_SECKILL, s_qid (n, 1), 1, ERROR_DEPENDENCY_UNAVAILABLE, 0),
            "\"code\":51"));
    }
    assert_non_null (
        strstr (s_purchase (rig, 1), "/1 VERDICT batch=1001 [{\"qid\":Q6/1,\"code\":51}]"));
    rig->now_us += 500000;
    assert_string_equal (s_purchase (rig, 1), "");
    assert_non_null (strstr (s_purchase (rig, 2), "\"code\":51"));
    s_timer (rig);
    s_verdict_at (rig, KIND_SECKILL, s_qid (7, 1), 1, ERROR_DEPENDENCY_UNAVAILABLE, 0);
    assert_non_null (strstr (s_purchase (rig, 1), "\"code\":51"));
    rig->now_us += 500000;
    assert_string_equal (s_purchase (rig, 1), "");
    s_timer (rig);
    s_verdict (rig, s_qid (10, 1), 1, ERROR_SOLD_OUT);
    assert_string_equal (s_purchase (rig, 1), "");
    assert_string_equal (s_purchase (rig, 2), "");
    rig_destroy (&rig);
}

static void
test_without_a_clock_nothing_is_asked (void **state)
{
    /* An attempt needs a `before`; before the gate's clock is known it is refused, not held. */
    (void)state;
    params_t params;
    params_set_defaults (&params);
    rig_t *rig = rig_new (&gateway_class, &params);
    rig_peer (rig, EVENT_PEER_UP, KIND_LIMITER, 1, STATE_READY);
    assert_non_null (
        strstr (s_purchase (rig, 1), "/1 VERDICT batch=1001 [{\"qid\":Q1/1,\"code\":51}]"));
    rig_destroy (&rig);
}

static int64_t
s_offset (rig_t *rig, uint64_t gate_us)
{
    stock_t stock = { .gate_us = gate_us };
    rig_message (rig, KIND_INVENTORY, 1, MSG_STOCK, NULL, &stock, 1);
    const effect_t *sent = rig_sent (rig, MSG_READINESS, 0);
    return sent ? ((const readiness_t *)sent->entries)->gate_offset_us : -1;
}

static void
test_clock_takes_the_least_delayed_of_ten_seconds (void **state)
{
    /* The offset is the largest of the last ten seconds; a gate that was set back wins after that; silence changes nothing. */
    (void)state;
    params_t params;
    params_set_defaults (&params);
    rig_t *rig = rig_new (&gateway_class, &params);
    assert_int_equal (s_offset (rig, rig->now_us + 5000), 5000);
    assert_int_equal (s_offset (rig, rig->now_us + 4000), -1);
    assert_int_equal (s_offset (rig, rig->now_us + 6000), 6000);
    rig->now_us += 9000000;
    assert_int_equal (s_offset (rig, rig->now_us + 1000), -1);
    rig->now_us += 2000000;
    assert_int_equal (s_offset (rig, rig->now_us + 900), 1000);
    rig->now_us += 60000000;
    rig_event (rig, EVENT_TIMER);
    assert_null (rig_sent (rig, MSG_READINESS, 0));
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- bounds */

static void
test_table_is_bounded_by_its_slots (void **state)
{
    /* All slots at once are accepted and answered; a slot beyond the table, slot 0 and odd counts are not. */
    (void)state;
    rig_t *rig = s_rig (2);
    for (uint64_t slot = 1; slot <= 64; slot++)
        s_purchase (rig, slot);
    assert_int_equal (rig_status (rig).in_flight, 64);
    assert_string_equal (s_purchase (rig, 65), "");
    assert_string_equal (s_purchase (rig, 0), "");
    assert_int_equal (rig_status (rig).in_flight, 64);
    rig->now_us += DEADLINE_US;
    s_timer (rig);
    size_t answers = 0;
    while (rig_sent (rig, MSG_VERDICT, answers))
        answers++;
    assert_int_equal (answers, 64);
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

static void
test_deadlines_of_a_full_table_fit_in_steps (void **state)
{
    /* With 2,048 workers timing out at once, every step stays within EFFECTS_MAX and the rest follows at once. */
    (void)state;
    params_t params;
    params_set_defaults (&params);
    params.edge_threads = 2048;
    rig_t *rig = rig_new (&gateway_class, &params);
    s_clock (rig);
    for (uint64_t slot = 1; slot <= 2048; slot++)
        s_purchase (rig, slot);
    s_timer (rig);
    rig->now_us += DEADLINE_US;
    size_t steps = 0;
    while (rig_status (rig).in_flight) {
        assert_true (gateway_class.wake_us (rig->core) <= rig->now_us);
        s_timer (rig);
        steps++;
    }
    assert_int_equal (steps, 2);
    rig_destroy (&rig);
}

static void
test_new_request_of_a_slot_ends_the_old_one (void **state)
{
    /* A worker that asks again had given up: the former request is gone from queue and batch, its verdict matches nothing. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_purchase (rig, 1);
    s_timer (rig);
    s_purchase (rig, 1);
    assert_int_equal (rig_status (rig).in_flight, 1);
    s_timer (rig);
    assert_string_equal (s_batch (rig, 0), "1:1");
    s_verdict (rig, s_qid (1, 1), 1, ERROR_NONE);
    assert_int_equal (rig_added (rig, METRIC_VERDICTS_UNMATCHED, 0), 1);
    rig_destroy (&rig);
}

static void
test_stop_refuses_new_and_finishes_old (void **state)
{
    /* After STOP workers hear "draining"; what was accepted before is still answered. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_purchase (rig, 1);
    s_timer (rig);
    rig_event (rig, EVENT_STOP);
    assert_non_null (rig_sent (rig, MSG_READINESS, 0));
    assert_non_null (strstr (s_purchase (rig, 2), "/2 VERDICT batch=1002 [{\"code\":53}]"));
    query_t query = { .sale_id = 7 };
    header_t extras = { .batch_id = 5 };
    assert_non_null (strstr (rig_message (rig, KIND_CLIENT, 3, MSG_SALE_GET, &extras, &query, 1),
                             "/3 OUTCOME batch=5 [{\"code\":53}]"));
    assert_non_null (
        strstr (s_verdict (rig, s_qid (1, 1), 1, ERROR_NONE), "/1 VERDICT batch=1001"));
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- questions */

static void
s_leader (rig_t *rig)
{
    process_t leader = {
        .kind = KIND_INVENTORY, .number = 2, .incarnation = 102, .state = STATE_READY, .leader = 1
    };
    event_t event = { .type = EVENT_PEER_UP, .peer = &leader };
    rig_step (rig, &event);
}

static const char *
s_ask (rig_t *rig, uint64_t slot, message_type_t type)
{
    header_t extras = { .batch_id = 1000 + slot };
    query_t query = { .sale_id = 7, .limit = 20 };
    rig_message (rig, KIND_CLIENT, slot, type, &extras, &query, 1);
    return s_show (rig);
}

static void
test_question_goes_to_the_leader_and_back (void **state)
{
    /* Operators' questions go to the inventory leader under the qid; its answer comes back under the ticket, entries untouched. */
    (void)state;
    rig_t *rig = s_rig (1);
    rig_peer (rig, EVENT_PEER_UP, KIND_INVENTORY, 1, STATE_READY);
    s_leader (rig);
    assert_string_equal (s_ask (rig, 5, MSG_SALE_LIST),
                         "send inventory/2 SALE_LIST batch=Q1/5 [{\"sale_id\":7,\"limit\":20}]\n");
    static sale_t sales[2];
    sales[0] = (sale_t){ .sale_id = 8, .title = "A" };
    sales[1] = (sale_t){ .sale_id = 7 };
    header_t extras = { .batch_id = s_qid (1, 5) };
    assert_non_null (
        strstr (rig_message (rig, KIND_INVENTORY, 2, MSG_SALE_REPLY, &extras, sales, 2),
                "/5 SALE_REPLY batch=1005 [{\"sale_id\":8,\"title\":\"A\"},{\"sale_id\":7}]\n"));
    assert_string_equal (rig_message (rig, KIND_INVENTORY, 2, MSG_SALE_REPLY, &extras, sales, 2),
                         "");
    rig_destroy (&rig);
}

static void
test_question_without_anyone_is_refused (void **state)
{
    /* No leader, no ready peer: dependency_unavailable at once. */
    (void)state;
    rig_t *rig = s_rig (1);
    rig_peer (rig, EVENT_PEER_UP, KIND_INVENTORY, 1, STATE_READY);
    assert_non_null (strstr (s_ask (rig, 5, MSG_SALE_GET), "/5 OUTCOME batch=1005 [{\"code\":51,"));
    assert_non_null (
        strstr (s_ask (rig, 5, MSG_ORDER_GET), "/5 OUTCOME batch=1005 [{\"code\":51,"));
    rig_peer (rig, EVENT_PEER_UP, KIND_ORDERING, 1, STATE_DRAINING);
    assert_non_null (
        strstr (s_ask (rig, 5, MSG_ORDER_GET), "/5 OUTCOME batch=1005 [{\"code\":51,"));
    rig_destroy (&rig);
}

static void
test_question_ends_at_its_deadline (void **state)
{
    /* A question that nobody answers ends as dependency_unavailable after query_deadline_ms; a late answer matches nothing. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_leader (rig);
    s_ask (rig, 5, MSG_SALE_GET);
    rig->now_us += 2999999;
    assert_string_equal (s_timer (rig), "");
    rig->now_us = gateway_class.wake_us (rig->core);
    assert_non_null (strstr (s_timer (rig), "/5 OUTCOME batch=1005 [{\"code\":51,"));
    outcome_t outcome = { 0 };
    header_t extras = { .batch_id = s_qid (1, 5) };
    assert_string_equal (rig_message (rig, KIND_INVENTORY, 2, MSG_OUTCOME, &extras, &outcome, 1),
                         "");
    rig_destroy (&rig);
}

static void
test_question_ends_when_the_asked_goes (void **state)
{
    /* The process that was asked has gone: the answer is "away" at once; another's end is nobody's business. */
    (void)state;
    rig_t *rig = s_rig (1);
    rig_peer (rig, EVENT_PEER_UP, KIND_ORDERING, 1, STATE_READY);
    assert_string_equal (s_ask (rig, 5, MSG_ORDER_GET),
                         "send ordering/1 ORDER_GET batch=Q1/5 [{\"sale_id\":7,\"limit\":20}]\n");
    rig_peer (rig, EVENT_PEER_DOWN, KIND_SECKILL, 1, STATE_READY);
    assert_int_equal (rig_status (rig).in_flight, 1);
    rig_peer (rig, EVENT_PEER_DOWN, KIND_ORDERING, 1, STATE_READY);
    assert_non_null (strstr (s_show (rig), "/5 OUTCOME batch=1005 [{\"code\":51,"));
    rig_destroy (&rig);
}

static void
test_not_leader_becomes_unavailable (void **state)
{
    /* Clients never see not_leader: it means that the leader is just changing. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_leader (rig);
    s_ask (rig, 5, MSG_SALE_CHANGE);
    outcome_t outcome = { .code = ERROR_NOT_LEADER };
    header_t extras = { .batch_id = s_qid (1, 5) };
    assert_non_null (
        strstr (rig_message (rig, KIND_INVENTORY, 2, MSG_OUTCOME, &extras, &outcome, 1),
                "/5 OUTCOME batch=1005 [{\"code\":51,"));
    rig_destroy (&rig);
}

static void
test_answer_of_another_kind_or_type_is_dropped (void **state)
{
    /* Only the kind that was asked may answer, and only by the message that answers this question. */
    (void)state;
    rig_t *rig = s_rig (1);
    s_leader (rig);
    s_ask (rig, 5, MSG_SALE_AUDIT);
    header_t extras = { .batch_id = s_qid (1, 5) };
    audit_t audit = { .sale_id = 7 };
    static sale_t sale;
    assert_string_equal (rig_message (rig, KIND_ORDERING, 2, MSG_AUDIT, &extras, &audit, 1), "");
    assert_string_equal (rig_message (rig, KIND_INVENTORY, 2, MSG_SALE_REPLY, &extras, &sale, 1),
                         "");
    assert_non_null (strstr (rig_message (rig, KIND_INVENTORY, 2, MSG_AUDIT, &extras, &audit, 1),
                             "/5 AUDIT batch=1005"));
    rig_destroy (&rig);
}

static void
test_every_question_has_its_process_and_its_answer (void **state)
{
    /* Orders and payments are ordering's, sales and dead letters the inventory leader's; each is answered by its one message or a refusal. */
    (void)state;
    static const struct {
        message_type_t question, answer;
        kind_t kind;
    } questions[] = { { MSG_ORDER_COUNTS_GET, MSG_ORDER_COUNTS, KIND_ORDERING },
                      { MSG_ORDER_CANCEL, MSG_OUTCOME, KIND_ORDERING },
                      { MSG_PAYMENT_CREATE, MSG_PAYMENTS, KIND_ORDERING },
                      { MSG_PAYMENT_LIST, MSG_PAYMENTS, KIND_ORDERING },
                      { MSG_PAYMENT_EVENT, MSG_OUTCOME, KIND_ORDERING },
                      { MSG_MOMENT_LIST, MSG_MOMENTS, KIND_ORDERING },
                      { MSG_SALE_EDIT, MSG_SALE_REPLY, KIND_INVENTORY },
                      { MSG_SALE_STOCK, MSG_SALE_REPLY, KIND_INVENTORY },
                      { MSG_DEAD_LIST, MSG_DEAD_LETTERS, KIND_INVENTORY },
                      { MSG_DEAD_CHANGE, MSG_OUTCOME, KIND_INVENTORY } };
    static sale_t nothing; /* the largest record: as large as any entry */
    rig_t *rig = s_rig (1);
    rig_peer (rig, EVENT_PEER_UP, KIND_ORDERING, 2, STATE_READY);
    rig_peer (rig, EVENT_PEER_UP, KIND_INVENTORY, 1, STATE_READY);
    s_leader (rig);
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        char wanted[96];
        header_t extras = { .batch_id = 1005 };
        rig_message (rig, KIND_CLIENT, 5, questions[i].question, &extras, &nothing, 1);
        snprintf (wanted, sizeof wanted, "send %s/2 %s batch=Q%zu/5 [{}]\n",
                  kind_name (questions[i].kind), schema_message (questions[i].question)->name,
                  i + 1);
        assert_string_equal (s_show (rig), wanted);
        extras.batch_id = s_qid ((uint32_t)i + 1, 5);
        for (size_t j = 0; j < sizeof questions / sizeof *questions; j++)
            if (questions[j].answer != questions[i].answer && questions[j].answer != MSG_OUTCOME)
                assert_string_equal (rig_message (rig, questions[i].kind, 2, questions[j].answer,
                                                  &extras, &nothing, 1),
                                     "");
        snprintf (wanted, sizeof wanted, "/5 %s batch=1005 [{}]\n",
                  schema_message (questions[i].answer)->name);
        assert_non_null (strstr (
            rig_message (rig, questions[i].kind, 2, questions[i].answer, &extras, &nothing, 1),
            wanted));
    }
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- snapshots, readiness */

static void
test_snapshot_is_published_before_it_is_acknowledged (void **state)
{
    /* SALES, LIMITS and DENIALS go to the workers first, then the ACK with the snapshot's version. */
    (void)state;
    rig_t *rig = s_rig (1);
    header_t extras = { .batch_id = 12 };
    static sale_t sale;
    sale = (sale_t){ .sale_id = 7, .version = 2 };
    assert_string_equal (rig_message (rig, KIND_INVENTORY, 1, MSG_SALES, &extras, &sale, 1),
                         "send client/0 SALES batch=12 attempt=6 [{\"sale_id\":7,\"version\":2}]\n"
                         "send inventory/1 SNAPSHOT_ACK batch=12 [{\"version\":12}]\n");
    assert_non_null (strstr (rig_message (rig, KIND_ACCOUNT, 1, MSG_DENIALS, &extras, NULL, 0),
                             "send client/0 DENIALS batch=12 attempt=7 []\n"
                             "send account/1 SNAPSHOT_ACK batch=12 [{\"version\":12}]\n"));
    limits_t limits = { .version = 3 };
    assert_non_null (strstr (rig_message (rig, KIND_INVENTORY, 1, MSG_LIMITS, &extras, &limits, 1),
                             "send inventory/1 SNAPSHOT_ACK batch=12 [{\"version\":12}]\n"));
    assert_string_equal (rig_message (rig, KIND_ORDERING, 1, MSG_SALES, &extras, &sale, 1), "");
    rig_destroy (&rig);
}

static void
test_ready_when_everything_is_there (void **state)
{
    /* Ready needs all of: sales, limits, deny-list, clock, limiter, seckill; the workers are told at every change. */
    (void)state;
    params_t params;
    params_set_defaults (&params);
    rig_t *rig = rig_new (&gateway_class, &params);
    assert_string_equal (rig_event (rig, EVENT_START), "send client/0 READINESS [{}]\n");
    limits_t limits = { .version = 1 };
    rig_message (rig, KIND_INVENTORY, 1, MSG_SALES, NULL, NULL, 0);
    rig_message (rig, KIND_INVENTORY, 1, MSG_LIMITS, NULL, &limits, 1);
    rig_message (rig, KIND_ACCOUNT, 1, MSG_DENIALS, NULL, NULL, 0);
    s_clock (rig);
    rig_peer (rig, EVENT_PEER_UP, KIND_LIMITER, 1, STATE_READY);
    assert_false (rig_status (rig).is_ready);
    rig_peer (rig, EVENT_PEER_UP, KIND_SECKILL, 1, STATE_READY);
    assert_true (rig_status (rig).is_ready);
    assert_non_null (strstr (rig_text (rig, false),
                             "\"sales\":1,\"limits\":1,\"denials\":1,\"clock\":1,\"limiter\":1,"
                             "\"seckill\":1,\"gate_offset_us\":5000000000}]\n"));
    rig_peer (rig, EVENT_PEER_UP, KIND_SECKILL, 1, STATE_DRAINING);
    assert_false (rig_status (rig).is_ready);
    rig_destroy (&rig);
}

static void
test_half_a_snapshot_is_not_ready (void **state)
{
    /* While more of the sales or of the deny-list is to come the edge publishes and acknowledges what it has, and is not ready; a part that
     * comes later, as with every change of many sales, does not undo that. */
    (void)state;
    params_t params;
    params_set_defaults (&params);
    rig_t *rig = rig_new (&gateway_class, &params);
    limits_t limits = { .version = 1 };
    header_t part = { .batch_id = 12, .following_count = 33 };
    header_t last = { .batch_id = 13 };
    rig_message (rig, KIND_INVENTORY, 1, MSG_LIMITS, NULL, &limits, 1);
    s_clock (rig);
    rig_peer (rig, EVENT_PEER_UP, KIND_LIMITER, 1, STATE_READY);
    rig_peer (rig, EVENT_PEER_UP, KIND_SECKILL, 1, STATE_READY);
    assert_string_equal (rig_message (rig, KIND_INVENTORY, 1, MSG_SALES, &part, NULL, 0),
                         "send client/0 SALES batch=12 attempt=6 []\n"
                         "send inventory/1 SNAPSHOT_ACK batch=12 [{\"version\":12}]\n");
    assert_string_equal (rig_message (rig, KIND_ACCOUNT, 1, MSG_DENIALS, &last, NULL, 0),
                         "send client/0 DENIALS batch=13 attempt=7 []\n"
                         "send account/1 SNAPSHOT_ACK batch=13 [{\"version\":13}]\n"
                         "send client/0 READINESS [{\"limits\":1,\"denials\":1,\"clock\":1,"
                         "\"limiter\":1,\"seckill\":1,\"gate_offset_us\":5000000000}]\n");
    assert_false (rig_status (rig).is_ready);
    rig_message (rig, KIND_INVENTORY, 1, MSG_SALES, &last, NULL, 0);
    assert_true (rig_status (rig).is_ready);
    rig_message (rig, KIND_INVENTORY, 1, MSG_SALES, &part, NULL, 0);
    rig_message (rig, KIND_ACCOUNT, 1, MSG_DENIALS, &part, NULL, 0);
    assert_true (rig_status (rig).is_ready);
    rig_destroy (&rig);
    rig = rig_new (&gateway_class, &params);
    rig_message (rig, KIND_ACCOUNT, 1, MSG_DENIALS, &part, NULL, 0);
    assert_null (strstr (rig_text (rig, false), "denials"));
    rig_destroy (&rig);
}

static void
test_samples_are_passed_on_with_their_origin (void **state)
{
    /* SAMPLES reach the workers with number, incarnation and kind of the process that they are of. */
    (void)state;
    rig_t *rig = s_rig (1);
    sample_t sample = { .metric = 3, .label = 1, .value = 8 };
    rig_message (rig, KIND_BROKER, 4, MSG_SAMPLES, NULL, &sample, 1);
    const effect_t *sent = rig_sent (rig, MSG_SAMPLES, 0);
    assert_non_null (sent);
    assert_int_equal (sent->header.to_kind, KIND_CLIENT);
    assert_int_equal (sent->header.to_number, 0);
    assert_int_equal (sent->header.attempt, KIND_BROKER);
    assert_int_equal (sent->header.origin_number, 4);
    assert_int_equal (sent->header.origin_incarnation, 104);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- all together */

static uint64_t
s_random (uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static void
test_random_traces_keep_the_invariants (void **state)
{
    /* Under random requests, verdicts, peers and time every request is answered once and never after its deadline; the same trace
     * gives the same digest. */
    (void)state;
    for (uint64_t start = 1; start <= 20; start++) {
        uint64_t digests[2];
        for (int run = 0; run < 2; run++) {
            uint64_t seed = start, asked[65] = { 0 };
            rig_t *rig = s_rig (2);
            for (int i = 0; i < 3000; i++) {
                uint64_t slot = s_random (&seed) % 64 + 1, what = s_random (&seed) % 10;
                uint64_t before_us = rig->now_us;
                rig->now_us +=
                    s_random (&seed) % 3 ? s_random (&seed) % 2000 : s_random (&seed) % 60000;
                if (gateway_class.wake_us (rig->core) < rig->now_us &&
                    gateway_class.wake_us (rig->core) >= before_us)
                    rig->now_us = gateway_class.wake_us (rig->core);
                if (what < 3 && !asked[slot]) {
                    s_purchase (rig, slot);
                    asked[slot] = rig->now_us;
                } else if (what < 7) {
                    uint64_t n = s_random (&seed) % 400 + (uint64_t)i / 6;
                    s_verdict (rig, s_qid (n > 200 ? n - 200 : 1, slot), s_random (&seed) % 3 + 1,
                               (error_code_t[]){ ERROR_NONE, ERROR_SOLD_OUT, ERROR_LATE,
                                                 ERROR_RECOVERING, ERROR_STALE_VERSION,
                                                 ERROR_BUSY }[s_random (&seed) % 6]);
                } else if (what == 7) {
                    bool up = s_random (&seed) % 2;
                    rig_peer (rig, up ? EVENT_PEER_UP : EVENT_PEER_DOWN, KIND_LIMITER,
                              s_random (&seed) % 3 + 1,
                              s_random (&seed) % 3 ? STATE_READY : STATE_DRAINING);
                } else
                    s_timer (rig);
                for (size_t j = 0; j < effects_count (rig->effects); j++) {
                    const effect_t *effect = effects_at (rig->effects, j);
                    if (effect->type != EFFECT_SEND || effect->header.to_kind != KIND_CLIENT ||
                        !effect->header.to_number)
                        continue;
                    assert_true (asked[effect->header.to_number]);
                    asked[effect->header.to_number] = 0;
                }
                if (gateway_class.wake_us (rig->core) <= rig->now_us) {
                    s_timer (rig);
                    for (size_t j = 0; rig_sent (rig, MSG_VERDICT, j); j++)
                        asked[rig_sent (rig, MSG_VERDICT, j)->header.to_number] = 0;
                }
                for (uint64_t k = 1; k <= 64; k++)
                    assert_true (!asked[k] || rig->now_us < asked[k] + DEADLINE_US);
            }
            digests[run] = gateway_class.digest (rig->core);
            rig_destroy (&rig);
        }
        assert_true (digests[0] == digests[1]);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_purchase_goes_out_and_its_verdict_comes_back),
        cmocka_unit_test (test_requests_of_one_turn_share_a_batch),
        cmocka_unit_test (test_window_is_one_batch),
        cmocka_unit_test (test_each_limiter_has_its_own_window),
        cmocka_unit_test (test_silence_until_before_means_a_resend),
        cmocka_unit_test (test_late_is_sent_again_at_once),
        cmocka_unit_test (test_stale_version_is_sent_again_with_the_newest),
        cmocka_unit_test (test_old_snapshot_does_not_bring_back_a_version),
        cmocka_unit_test (test_recovering_is_asked_until_the_deadline),
        cmocka_unit_test (test_deadline_answers_busy),
        cmocka_unit_test (test_limiter_gone_means_a_resend_at_once),
        cmocka_unit_test (test_without_limiter_requests_are_held),
        cmocka_unit_test (test_draining_limiter_keeps_what_is_out),
        cmocka_unit_test (test_positive_of_an_old_attempt_answers_at_once),
        cmocka_unit_test (test_refusal_of_an_old_attempt_says_nothing),
        cmocka_unit_test (test_refusal_waits_until_older_attempts_are_over),
        cmocka_unit_test (test_attempt_with_a_verdict_bars_no_refusal),
        cmocka_unit_test (test_refusal_after_all_older_attempts_answers),
        cmocka_unit_test (test_refusal_of_a_given_up_newest_attempt_answers),
        cmocka_unit_test (test_limiter_refusal_of_the_first_attempt_answers),
        cmocka_unit_test (test_not_now_answers_any_attempt),
        cmocka_unit_test (test_draining_actor_is_asked_again_soon),
        cmocka_unit_test (test_unmatched_verdicts_are_counted),
        cmocka_unit_test (test_verdicts_from_strangers_are_dropped),
        cmocka_unit_test (test_before_grows_with_slow_trips),
        cmocka_unit_test (test_breaker_opens_probes_and_closes),
        cmocka_unit_test (test_without_a_clock_nothing_is_asked),
        cmocka_unit_test (test_clock_takes_the_least_delayed_of_ten_seconds),
        cmocka_unit_test (test_table_is_bounded_by_its_slots),
        cmocka_unit_test (test_deadlines_of_a_full_table_fit_in_steps),
        cmocka_unit_test (test_new_request_of_a_slot_ends_the_old_one),
        cmocka_unit_test (test_stop_refuses_new_and_finishes_old),
        cmocka_unit_test (test_question_goes_to_the_leader_and_back),
        cmocka_unit_test (test_question_without_anyone_is_refused),
        cmocka_unit_test (test_question_ends_at_its_deadline),
        cmocka_unit_test (test_question_ends_when_the_asked_goes),
        cmocka_unit_test (test_not_leader_becomes_unavailable),
        cmocka_unit_test (test_answer_of_another_kind_or_type_is_dropped),
        cmocka_unit_test (test_every_question_has_its_process_and_its_answer),
        cmocka_unit_test (test_snapshot_is_published_before_it_is_acknowledged),
        cmocka_unit_test (test_ready_when_everything_is_there),
        cmocka_unit_test (test_half_a_snapshot_is_not_ready),
        cmocka_unit_test (test_samples_are_passed_on_with_their_origin),
        cmocka_unit_test (test_random_traces_keep_the_invariants),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
