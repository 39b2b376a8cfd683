/*  What stops the edge from asking what is away, and from asking too often: breaker.h, retry_budget.h, and the gateway with them. */

#include "breaker.h"
#include "gateway.h"
#include "retry_budget.h"
#include "rig.h"

#define GATE_AHEAD_US 5000000u
#define DUMP_BYTES 4096u

static effects_t *s_effects;

/*  The metrics of the last step of a breaker, as text; clears them. */
static const char *
s_told (void)
{
    static char text[DUMP_BYTES];
    effects_dump (s_effects, true, text, sizeof text);
    effects_clear (s_effects);
    return text;
}

static int
s_open_effects (void **state)
{
    (void)state;
    s_effects = effects_new ();
    return 0;
}

static int
s_close_effects (void **state)
{
    (void)state;
    effects_destroy (&s_effects);
    return 0;
}

static void
test_breaker_goes_through_its_table (void **state)
{
    /* Every move of the state table, and what the metrics say of it. */
    (void)state;
    breaker_t breaker = { .guards = DEPENDENCY_REDIS };
    for (uint64_t i = 1; i < BREAKER_FAILURES; i++)
        breaker_failed (&breaker, 1000, s_effects);
    assert_true (breaker_lets_pass (&breaker, 1, 1000, s_effects));
    breaker_succeeded (&breaker, s_effects);
    for (uint64_t i = 1; i < BREAKER_FAILURES; i++)
        breaker_failed (&breaker, 1000, s_effects);
    assert_string_equal (s_told (), "");
    breaker_failed (&breaker, 1000, s_effects);
    assert_string_equal (s_told (), "add minishop_breaker_openings_total{redis} 1\n"
                                    "gauge minishop_breaker_state{redis} 2\n");
    assert_false (breaker_lets_pass (&breaker, 2, 1000 + BREAKER_OPEN_US - 1, s_effects));
    assert_true (breaker_lets_pass (&breaker, 3, 1000 + BREAKER_OPEN_US, s_effects));
    assert_string_equal (s_told (), "gauge minishop_breaker_state{redis} 1\n");
    assert_false (breaker_lets_pass (&breaker, 4, 1000 + BREAKER_OPEN_US, s_effects));
    breaker_forget (&breaker, 4, 2000000, s_effects);
    assert_string_equal (s_told (), "");
    breaker_forget (&breaker, 3, 2000000, s_effects);
    assert_string_equal (s_told (), "gauge minishop_breaker_state{redis} 2\n");
    assert_false (breaker_lets_pass (&breaker, 5, 2000000 + BREAKER_OPEN_US - 1, s_effects));
    assert_true (breaker_lets_pass (&breaker, 5, 2000000 + BREAKER_OPEN_US, s_effects));
    breaker_succeeded (&breaker, s_effects);
    assert_true (breaker_lets_pass (&breaker, 6, 2000000 + BREAKER_OPEN_US, s_effects));
    assert_string_equal (s_told (), "gauge minishop_breaker_state{redis} 1\n"
                                    "gauge minishop_breaker_state{redis} 0\n");
}

static void
test_retry_budget_is_earned_and_spent (void **state)
{
    /* Full at first; then a fifth of the first attempts and so many a second, never more than RESENDS_MAX. */
    (void)state;
    retry_budget_t budget = { 0 };
    uint64_t now_us = 1, spent = 0;
    while (retry_budget_spend (&budget, now_us))
        spent++;
    assert_int_equal (spent, RESENDS_MAX);
    retry_budget_earn (&budget, 500);
    for (spent = 0; retry_budget_spend (&budget, now_us);)
        spent++;
    assert_int_equal (spent, 500 * RESENDS_PER_HUNDRED / 100);
    now_us += 100000;
    for (spent = 0; retry_budget_spend (&budget, now_us);)
        spent++;
    assert_int_equal (spent, RESENDS_PER_S / 10);
    now_us += 3600ull * 1000000;
    for (spent = 0; retry_budget_spend (&budget, now_us);)
        spent++;
    assert_int_equal (spent, RESENDS_MAX);
}

/* -------------------------------------------------------------------------- the gateway */

static rig_t *
s_rig (void)
{
    params_t params;
    params_set_defaults (&params);
    params.edge_threads = 320;
    rig_t *rig = rig_new (&gateway_class, &params);
    stock_t stock = { .gate_us = rig->now_us + GATE_AHEAD_US };
    rig_message (rig, KIND_INVENTORY, 1, MSG_STOCK, NULL, &stock, 1);
    rig_peer (rig, EVENT_PEER_UP, KIND_LIMITER, 1, STATE_READY);
    rig_peer (rig, EVENT_PEER_UP, KIND_SECKILL, 1, STATE_READY);
    rig_peer (rig, EVENT_PEER_UP, KIND_ORDERING, 1, STATE_READY);
    rig_event (rig, EVENT_TIMER);
    return rig;
}

static const char *
s_purchase (rig_t *rig, uint64_t slot)
{
    header_t extras = { .batch_id = 1000 + slot };
    purchase_t purchase = { .sale_id = 7, .user_id = 100 + slot, .quantity = 1, .body_hash = 9 };
    return rig_message (rig, KIND_CLIENT, slot, MSG_PURCHASE, &extras, &purchase, 1);
}

/*  Steps the rig by its own timers for so long; returns the resends that went out. */
static uint64_t
s_wait (rig_t *rig, uint64_t for_us)
{
    uint64_t end_us = rig->now_us + for_us, resends = 0;
    for (;;) {
        uint64_t wake_us = gateway_class.wake_us (rig->core);
        if (wake_us > end_us)
            break;
        rig->now_us = wake_us > rig->now_us ? wake_us : rig->now_us;
        rig_event (rig, EVENT_TIMER);
        for (size_t i = 0; rig_sent (rig, MSG_PURCHASE, i); i++) {
            const effect_t *sent = rig_sent (rig, MSG_PURCHASE, i);
            for (size_t k = 0; k < sent->count; k++)
                resends += ((const purchase_t *)sent->entries)[k].attempt > 1;
        }
    }
    rig->now_us = end_us;
    return resends;
}

static void
test_silent_stage_opens_its_breaker (void **state)
{
    /* Five requests end without a verdict of anybody: the next are 503 at once, until one probe gets a verdict. */
    (void)state;
    rig_t *rig = s_rig ();
    for (uint64_t slot = 1; slot <= BREAKER_FAILURES; slot++)
        s_purchase (rig, slot);
    s_wait (rig, 3000000);
    assert_int_equal (rig_status (rig).in_flight, 0);
    assert_non_null (strstr (s_purchase (rig, 9), "\"code\":51}]"));
    s_wait (rig, BREAKER_OPEN_US);
    assert_null (strstr (s_purchase (rig, 10), "VERDICT"));
    assert_non_null (strstr (s_purchase (rig, 11), "\"code\":51}]"));
    rig_event (rig, EVENT_TIMER);
    const effect_t *probe = rig_sent (rig, MSG_PURCHASE, 0);
    assert_non_null (probe);
    const purchase_t *purchase = probe->entries;
    verdict_t verdict = { .qid = purchase->qid, .attempt = 1, .code = ERROR_RATE_LIMITED };
    rig_message (rig, KIND_LIMITER, 1, MSG_VERDICT, NULL, &verdict, 1);
    assert_null (strstr (s_purchase (rig, 12), "VERDICT"));
    assert_null (strstr (s_purchase (rig, 13), "VERDICT"));
    rig_destroy (&rig);
}

static void
test_any_verdict_keeps_the_stage_closed (void **state)
{
    /* Requests that end at their deadline after a verdict ("recovering") say nothing against the stage. */
    (void)state;
    rig_t *rig = s_rig ();
    for (uint64_t slot = 1; slot <= 2 * BREAKER_FAILURES; slot++)
        s_purchase (rig, slot);
    rig_event (rig, EVENT_TIMER);
    const effect_t *sent = rig_sent (rig, MSG_PURCHASE, 0);
    assert_int_equal (sent->count, 2 * BREAKER_FAILURES);
    static verdict_t verdicts[2 * BREAKER_FAILURES];
    for (size_t i = 0; i < sent->count; i++)
        verdicts[i] = (verdict_t){ .qid = ((const purchase_t *)sent->entries)[i].qid,
                                   .attempt = 1,
                                   .code = ERROR_RECOVERING,
                                   .gate_us = rig->now_us + GATE_AHEAD_US };
    rig_message (rig, KIND_SECKILL, 1, MSG_VERDICT, NULL, verdicts, 2 * BREAKER_FAILURES);
    s_wait (rig, 3000000);
    assert_int_equal (rig_status (rig).in_flight, 0);
    assert_null (strstr (s_purchase (rig, 20), "VERDICT"));
    rig_destroy (&rig);
}

static void
test_resends_stay_within_the_budget (void **state)
{
    /* 320 requests that nobody answers are sent again as often as the budget pays for, no more. */
    (void)state;
    rig_t *rig = s_rig ();
    for (uint64_t slot = 1; slot <= 320; slot++)
        s_purchase (rig, slot);
    uint64_t resends = s_wait (rig, 2900000);
    uint64_t earned = RESENDS_MAX + 29 * RESENDS_PER_S / 10 + 320 * RESENDS_PER_HUNDRED / 100;
    assert_true (resends > RESENDS_MAX / 2);
    assert_true (resends <= earned + 1);
    rig_destroy (&rig);
}

static const char *
s_ask (rig_t *rig, uint64_t slot)
{
    header_t extras = { .batch_id = 1000 + slot };
    query_t query = { .limit = 20 };
    return rig_message (rig, KIND_CLIENT, slot, MSG_ORDER_LIST, &extras, &query, 1);
}

static void
test_kind_that_cannot_answer_is_not_asked (void **state)
{
    /* Five answers "dependency unavailable" of one kind: its questions are 503 at once, others' are asked; a good answer closes. */
    (void)state;
    rig_t *rig = s_rig ();
    outcome_t away = { .code = ERROR_DEPENDENCY_UNAVAILABLE };
    for (uint64_t n = 1; n <= BREAKER_FAILURES; n++) {
        assert_non_null (strstr (s_ask (rig, 1), "send ordering/1 ORDER_LIST"));
        header_t extras = { .batch_id = rig_sent (rig, MSG_ORDER_LIST, 0)->header.batch_id };
        rig_message (rig, KIND_ORDERING, 1, MSG_OUTCOME, &extras, &away, 1);
    }
    assert_non_null (strstr (s_ask (rig, 1), "OUTCOME"));
    header_t extras = { .batch_id = 7 };
    query_t query = { .sale_id = 7 };
    assert_non_null (strstr (rig_message (rig, KIND_CLIENT, 2, MSG_HOLDING_GET, &extras, &query, 1),
                             "send seckill/1 HOLDING_GET"));
    s_wait (rig, BREAKER_OPEN_US);
    assert_non_null (strstr (s_ask (rig, 3), "send ordering/1 ORDER_LIST"));
    extras.batch_id = rig_sent (rig, MSG_ORDER_LIST, 0)->header.batch_id;
    assert_non_null (strstr (s_ask (rig, 4), "OUTCOME"));
    rig_message (rig, KIND_ORDERING, 1, MSG_ORDERS, &extras, NULL, 0);
    assert_non_null (strstr (s_ask (rig, 5), "send ordering/1 ORDER_LIST"));
    rig_destroy (&rig);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (test_breaker_goes_through_its_table, s_open_effects,
                                         s_close_effects),
        cmocka_unit_test (test_retry_budget_is_earned_and_spent),
        cmocka_unit_test (test_silent_stage_opens_its_breaker),
        cmocka_unit_test (test_any_verdict_keeps_the_stage_closed),
        cmocka_unit_test (test_resends_stay_within_the_budget),
        cmocka_unit_test (test_kind_that_cannot_answer_is_not_asked),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
