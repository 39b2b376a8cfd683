/*  Looks at gates: how often, what the edges are told, what a look leads to. */

#include "inventory_bench.h"

static bench_t *
s_with_edge (void)
{
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    bench_peer (bench, EVENT_PEER_UP, KIND_EDGE, 1, STATE_READY);
    bench_ack (bench, KIND_EDGE, 1, bench_core (bench)->snapshot.receivers[0].sales.sent);
    bench_ack (bench, KIND_EDGE, 1, bench_core (bench)->snapshot.receivers[0].limits.sent);
    gate_state_t clock = { .gate_us = bench_gate_us (bench) };
    bench_answer (bench, CALL_GATE_STAT, PURPOSE_CLOCK, &clock, 1);
    bench_take (bench);
    return bench;
}

/*  A new edge is told all stock with the next, fresh clock, never an old clock. */
static void
test_new_edge (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    if (bench_find (bench, CALL_GATE_STAT, PURPOSE_CLOCK))
        bench_fail (bench, CALL_GATE_STAT, PURPOSE_CLOCK, RESULT_UNKNOWN);
    bench_pass (bench, 500 * MS);
    bench_peer (bench, EVENT_PEER_UP, KIND_EDGE, 1, STATE_STARTING);
    assert_null (rig_sent (bench->rig, MSG_STOCK, 0));
    gate_state_t clock = { .gate_us = bench_gate_us (bench) };
    bench_answer (bench, CALL_GATE_STAT, PURPOSE_CLOCK, &clock, 1);
    const effect_t *stock = rig_sent (bench->rig, MSG_STOCK, 0);
    assert_non_null (stock);
    assert_int_equal (stock->count, 2);
    const stock_t *entries = stock->entries;
    assert_int_equal (entries[0].sale_id, 0);
    assert_int_equal (entries[0].gate_us, clock.gate_us);
    assert_int_equal (entries[1].sale_id, 1);
    assert_int_equal (entries[1].stock_left, 100);
    assert_int_equal (entries[1].epoch, 2);
    assert_int_equal (entries[1].version, 3);
    bench_destroy (bench);
}

/*  Every gate_poll_ms while something moved in the last 2 s, every gate_poll_idle_ms after that. */
static void
test_pace (void **state)
{
    (void)state;
    bench_t *bench = s_with_edge ();
    gate_state_t gate = bench_gate (bench);
    uint64_t busy = 0, idle = 0;
    for (uint64_t ms = 0; ms < 6000; ms += 50) {
        bench_pass (bench, 50 * MS);
        bench_renew (bench);
        bool has_poll = bench_find (bench, CALL_GATE_STAT, PURPOSE_POLL);
        if (ms < 2000)
            gate.changes++;
        if (!has_poll)
            continue;
        gate.gate_us = bench_gate_us (bench);
        bench_poll (bench, &gate);
        busy += ms < 2000;
        idle += ms >= 4100;
    }
    assert_in_range (busy, 17, 21);
    assert_in_range (idle, 1, 3);
    bench_destroy (bench);
}

/*  Without any sale the clock is told each gate_poll_idle_ms by a look at gate 0. */
static void
test_clock_alone (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead (bench, NULL, 0);
    bench_peer (bench, EVENT_PEER_UP, KIND_EDGE, 1, STATE_STARTING);
    uint64_t clocks = 0;
    for (int i = 0; i < 50; i++) {
        gate_state_t clock = { .gate_us = bench_gate_us (bench) };
        bench_renew (bench);
        waiting_call_t *call = bench_find (bench, CALL_GATE_STAT, PURPOSE_CLOCK);
        if (call) {
            assert_int_equal (((const gate_key_t *)(const void *)call->argument)->sale_id, 0);
            bench_answer (bench, CALL_GATE_STAT, PURPOSE_CLOCK, &clock, 1);
            const stock_t *stock = rig_sent (bench->rig, MSG_STOCK, 0)->entries;
            assert_int_equal (stock->gate_us, clock.gate_us);
            clocks++;
        }
        bench_pass (bench, 100 * MS);
    }
    assert_in_range (clocks, 5, 6);
    bench_destroy (bench);
}

/*  What each look leads to; see the table in gates.c. */
static void
test_judgement (void **state)
{
    (void)state;
    for (int variant = 0; variant < 7; variant++) {
        bench_t *bench = s_with_edge ();
        bench_pass (bench, 1000 * MS);
        gate_state_t gate = bench_gate (bench);
        gate.present = variant != 0;
        gate.same_run = variant != 1;
        gate.recovering = variant == 2;
        gate.epoch = variant == 3 ? 1 : 2;
        gate.token = variant == 4 ? 8 : 7;
        gate.version = variant == 5 ? 2 : variant == 6 ? 4 : 3;
        bench_poll (bench, &gate);
        bool recovers = bench_find (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY);
        bool updates = bench_find (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE);
        assert_int_equal (recovers, variant <= 3);
        assert_int_equal (updates, variant == 5);
        assert_int_equal (bench_core (bench)->sales[0].fenced_token, variant == 4 ? 7 : 0);
        bench_pass (bench, 250 * MS);
        size_t reloads = bench_count (bench, CALL_SALE_LIVE, PURPOSE_RELOAD);
        assert_int_equal (reloads, variant == 6);
        bench_destroy (bench);
    }
}

/*  GATE_UPDATE that fails is made again until the gate has the version; receivers are told only then. */
static void
test_update_again (void **state)
{
    (void)state;
    bench_t *bench = s_with_edge ();
    bench_pass (bench, 1000 * MS);
    gate_state_t gate = bench_gate (bench);
    gate.version = 2;
    bench_poll (bench, &gate);
    for (result_status_t status = RESULT_REFUSED; status <= RESULT_UNKNOWN; status++) {
        bench_fail (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE, status);
        assert_null (bench_find (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE));
        bench_pass (bench, 50 * MS);
        assert_int_equal (bench_count (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE), 1);
    }
    bench_take (bench);
    bench_code (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE, ERROR_RECOVERING);
    bench_pass (bench, 50 * MS);
    assert_string_equal (
        bench_take (bench),
        "call gate_update [{\"sale_id\":1,\"epoch\":2,\"token\":7,\"version\":3,\"want\":2,"
        "\"starts_us\":4999999999000000,\"ends_us\":5000003600000000,\"per_user_limit\":2,"
        "\"price_cents\":500,\"pay_within_us\":900000000,\"queue_bound\":1000000}]\n");
    bench_code (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE, ERROR_NONE);
    assert_non_null (strstr (bench_take (bench), "send edge/1 SALES"));
    bench_destroy (bench);
}

/*  The answer to an update is lost though the gate took it: the next look shows the version, and the receivers are told all the same. */
static void
test_update_whose_answer_was_lost (void **state)
{
    (void)state;
    bench_t *bench = s_with_edge ();
    sale_t edited = bench_sale (1);
    edited.mask = SALE_HAS_PRICE_CENTS;
    bench_ask (bench, MSG_SALE_EDIT, &edited);
    edited.version = 4;
    edited.price_cents = 700;
    bench_answer (bench, CALL_SALE_EDIT, PURPOSE_QUESTION, &edited, 1);
    bench_fail (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE, RESULT_UNKNOWN);
    bench_take (bench);
    gate_state_t gate = bench_gate (bench);
    gate.version = 4;
    bench_event (bench, EVENT_TIMER);
    bench_poll (bench, &gate);
    const char *text = bench_take (bench);
    assert_non_null (strstr (text, "send edge/1 SALES"));
    assert_null (strstr (text, "SALE_REPLY"));
    bench_ack (bench, KIND_EDGE, 1, bench_core (bench)->snapshot.sales_version);
    assert_non_null (strstr (bench_take (bench), "send edge/1 SALE_REPLY batch=900"));
    assert_null (bench_find (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE));
    bench_destroy (bench);
}

/*  A gate that knows only the token of a former term is told ours, once, and nobody else is. */
static void
test_token_is_told (void **state)
{
    (void)state;
    bench_t *bench = s_with_edge ();
    bench_pass (bench, 1000 * MS);
    gate_state_t gate = bench_gate (bench);
    gate.token = BENCH_TOKEN - 1;
    bench_take (bench);
    bench_poll (bench, &gate);
    assert_non_null (strstr (bench_take (bench), "call gate_update [{\"sale_id\":1,\"epoch\":2,"
                                                 "\"token\":7,\"version\":3,"));
    bench_code (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE, ERROR_NONE);
    assert_string_equal (bench_take (bench), "");
    bench_event (bench, EVENT_TIMER);
    assert_null (bench_find (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE));
    bench_destroy (bench);
}

/*  Redis away: looks go on; the first answer brings a look at every gate at once. */
static void
test_redis_back (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    sale_t sales[3] = { bench_sale (1), bench_sale (2), bench_sale (3) };
    bench_lead (bench, sales, 3);
    gate_state_t gate = bench_gate (bench);
    for (int i = 0; i < 3; i++)
        bench_poll (bench, &gate);
    for (int i = 0; i < 10; i++) {
        bench_pass (bench, 100 * MS);
        bench_renew (bench);
        while (bench_find (bench, CALL_GATE_STAT, PURPOSE_POLL))
            bench_fail (bench, CALL_GATE_STAT, PURPOSE_POLL, RESULT_UNAVAILABLE);
    }
    bench_pass (bench, 100 * MS);
    gate.gate_us = bench_gate_us (bench);
    size_t waiting = bench_count (bench, CALL_GATE_STAT, PURPOSE_POLL);
    assert_true (waiting >= 1);
    bench_poll (bench, &gate);
    /* the two others; this one has just been looked at */
    assert_int_equal (bench_count (bench, CALL_GATE_STAT, PURPOSE_POLL), 2);
    bench_destroy (bench);
}

/*  At most POLLS_MAX looks are in flight, however many sales there are, and all get their turn. */
static void
test_bounded (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    static sale_t sales[200];
    for (size_t i = 0; i < 200; i++)
        sales[i] = bench_sale (i + 1);
    bench_lead (bench, sales, 200);
    assert_int_equal (bench_count (bench, CALL_GATE_STAT, PURPOSE_POLL), POLLS_MAX);
    gate_state_t gate = bench_gate (bench);
    for (int i = 0; i < 200; i++)
        bench_poll (bench, &gate);
    for (size_t i = 0; i < 200; i++)
        assert_true (bench_core (bench)->sales[i].is_known);
    bench_destroy (bench);
}

/*  An ended sale with nothing left to move is looked at ten times less often; a draft that was ended has no gate at all. */
static void
test_ended (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    sale_t sales[2] = { bench_sale (1), bench_sale (2) };
    sales[0].state = SALE_ENDED;
    sales[1].state = SALE_ENDED;
    sales[1].epoch = 0;
    bench_lead (bench, sales, 2);
    gate_state_t gate = bench_gate (bench);
    gate.want = SALE_ENDED;
    assert_int_equal (bench_count (bench, CALL_GATE_STAT, PURPOSE_POLL), 1);
    bench_poll (bench, &gate);
    bench_pass (bench, 100 * MS); /* it may have moved just now */
    for (int i = 0; i < 25; i++) {
        bench_renew (bench);
        if (bench_find (bench, CALL_GATE_STAT, PURPOSE_POLL))
            bench_poll (bench, &gate);
        bench_pass (bench, 100 * MS);
    }
    uint64_t due_us = bench_core (bench)->sales[0].poll_due_us;
    assert_true (due_us > bench->rig->now_us + 5 * SECOND_US);
    bench_destroy (bench);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_new_edge),      cmocka_unit_test (test_pace),
        cmocka_unit_test (test_clock_alone),   cmocka_unit_test (test_judgement),
        cmocka_unit_test (test_update_again),  cmocka_unit_test (test_update_whose_answer_was_lost),
        cmocka_unit_test (test_token_is_told), cmocka_unit_test (test_redis_back),
        cmocka_unit_test (test_bounded),       cmocka_unit_test (test_ended),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
