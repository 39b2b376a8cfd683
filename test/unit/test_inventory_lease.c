/*  The lease of the inventory leader: roles, terms, what is done without it. */

#include "inventory_bench.h"

static void
s_assert_role (const bench_t *bench, role_t role)
{
    assert_int_equal (bench_core (bench)->leadership.role, role);
    assert_int_equal (rig_status (bench->rig).is_leader, role == ROLE_LEADER);
}

/*  Asks once for the lease at the start, three times in its life afterwards, with its own name and token. */
static void
test_asks_and_renews (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_event (bench, EVENT_START);
    const lease_t *asked =
        (const void *)bench_find (bench, CALL_LEASE_TAKE, PURPOSE_LEASE)->argument;
    assert_string_equal (asked->name, "inventory");
    assert_string_equal (asked->holder, "inventory/1");
    assert_int_equal (asked->incarnation, 77);
    assert_int_equal (asked->token, 0);
    assert_int_equal (asked->ttl_ms, 3000);
    bench_lease (bench, 7, true);
    s_assert_role (bench, ROLE_LEADER);
    bench_pass (bench, 999 * MS);
    assert_null (bench_find (bench, CALL_LEASE_TAKE, PURPOSE_LEASE));
    bench_pass (bench, 1 * MS);
    asked = (const void *)bench_find (bench, CALL_LEASE_TAKE, PURPOSE_LEASE)->argument;
    assert_int_equal (asked->token, 7);
    bench_destroy (bench);
}

/*  A follower says so, asks again, and is ready; it loads and pushes nothing. */
static void
test_follower (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_event (bench, EVENT_START);
    bench_peer (bench, EVENT_PEER_UP, KIND_EDGE, 1, STATE_READY);
    bench_lease (bench, 5, false);
    s_assert_role (bench, ROLE_FOLLOWER);
    assert_true (rig_status (bench->rig).is_ready);
    query_t query = { .sale_id = 1 };
    bench_take (bench);
    bench_ask (bench, MSG_SALE_GET, &query);
    assert_string_equal (bench_take (bench), "send edge/1 OUTCOME batch=900 [{\"code\":76}]\n");
    assert_null (bench_find (bench, CALL_SALE_LIVE, PURPOSE_NONE));
    bench_pass (bench, 1 * SECOND_US);
    assert_non_null (bench_find (bench, CALL_LEASE_TAKE, PURPOSE_LEASE));
    /* the other is gone: this one leads, in a new term */
    bench_lease (bench, 8, true);
    s_assert_role (bench, ROLE_LEADER);
    assert_non_null (bench_find (bench, CALL_SALE_LIVE, PURPOSE_RELOAD));
    bench_destroy (bench);
}

/*  PostgreSQL away: leader to the end of its lease, counted from the last asking that was granted; then the table is kept, gates are
    looked at, STOCK goes on, and nothing that needs the lease is begun. The same token later is the same term. */
static void
test_lapses_and_comes_back (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    bench_peer (bench, EVENT_PEER_UP, KIND_EDGE, 1, STATE_READY);
    bench_ack (bench, KIND_EDGE, 1, bench_core (bench)->snapshot.receivers[0].sales.sent);
    bench_ack (bench, KIND_EDGE, 1, bench_core (bench)->snapshot.receivers[0].limits.sent);
    for (int i = 0; i < 40; i++) {
        bench_pass (bench, 100 * MS);
        if (bench_find (bench, CALL_LEASE_TAKE, PURPOSE_LEASE))
            bench_fail (bench, CALL_LEASE_TAKE, PURPOSE_LEASE,
                        i % 2 ? RESULT_UNKNOWN : RESULT_UNAVAILABLE);
        if (i == 27)
            s_assert_role (bench, ROLE_LEADER);
    }
    s_assert_role (bench, ROLE_LAPSED);
    assert_true (rig_status (bench->rig).is_ready);
    bench_take (bench);
    gate_state_t gate = bench_gate (bench);
    gate.same_run = 0;
    bench->shows_all = true;
    bench_poll (bench, &gate);
    assert_non_null (strstr (bench_take (bench), "send edge/1 STOCK"));
    assert_null (bench_find (bench, CALL_GATE_CLOSE, PURPOSE_NONE));
    query_t query = { .sale_id = 1 };
    bench_ask (bench, MSG_SALE_GET, &query);
    assert_string_equal (bench_take (bench), "send edge/1 OUTCOME batch=900 [{\"code\":51}]\n");
    uint64_t pass = bench_core (bench)->reload.pass;
    bench_pass (bench, 100 * MS);
    bench_lease (bench, BENCH_TOKEN, true);
    s_assert_role (bench, ROLE_LEADER);
    assert_int_equal (bench_core (bench)->reload.pass, pass);
    bench_pass (bench, 2 * SECOND_US);
    while (bench_find (bench, CALL_GATE_STAT, PURPOSE_POLL))
        bench_poll (bench, &gate);
    assert_non_null (bench_find (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY));
    bench_destroy (bench);
}

/*  Another took the lease: the table goes, waiting questions are answered not_leader, late answers move nothing. */
static void
test_deposed (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    query_t query = { .sale_id = 1 };
    bench_ask (bench, MSG_SALE_GET, &query);
    bench_pass (bench, 1 * SECOND_US);
    bench_take (bench);
    bench_lease (bench, 9, false);
    assert_string_equal (bench_take (bench), "send edge/1 OUTCOME batch=900 [{\"code\":76}]\n");
    s_assert_role (bench, ROLE_FOLLOWER);
    sale_t sale = bench_sale (1);
    gate_state_t gate = bench_gate (bench);
    gate.same_run = 0;
    bench_answer (bench, CALL_SALE_LOAD, PURPOSE_QUESTION, &sale, 1);
    while (bench_find (bench, CALL_GATE_STAT, PURPOSE_POLL))
        bench_poll (bench, &gate);
    while (bench_find (bench, CALL_GATE_STAT, PURPOSE_CLOCK))
        bench_answer (bench, CALL_GATE_STAT, PURPOSE_CLOCK, &gate, 1);
    assert_string_equal (bench_take (bench), "");
    assert_int_equal (bench_core (bench)->sale_count, 0);
    bench_destroy (bench);
}

/*  Another token is another term: everything is loaded and looked at anew, and every receiver is told everything again, under
    higher versions. */
static void
test_new_term (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    bench_peer (bench, EVENT_PEER_UP, KIND_BROKER, 1, STATE_READY);
    uint64_t version = bench_core (bench)->snapshot.receivers[0].sales.sent;
    bench_ack (bench, KIND_BROKER, 1, version);
    bench_pass (bench, 1 * SECOND_US);
    bench_take (bench);
    bench_lease (bench, 9, true);
    assert_string_equal (bench_take (bench), "");
    sale_t sale = bench_sale (1);
    bench_answer (bench, CALL_SALE_LIVE, PURPOSE_RELOAD, &sale, 1);
    bench_answer (bench, CALL_SALE_LIVE, PURPOSE_RELOAD, NULL, 0);
    assert_non_null (rig_sent (bench->rig, MSG_SALES, 0));
    assert_true (bench_core (bench)->snapshot.receivers[0].sales.sent > version);
    bench_destroy (bench);
}

/*  A gate has seen a higher token than the lease table gives (PostgreSQL was restored from a backup, everybody started anew): the lease is
    asked for with that token, so that it rises above it, and the gate is served again. */
static void
test_lease_table_of_the_past (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    sale_t sale = bench_sale (1);
    bench_lead (bench, &sale, 1);
    gate_state_t gate = bench_gate (bench);
    gate.token = BENCH_TOKEN + 40;
    gate.same_run = 0;
    bench_poll (bench, &gate);
    assert_null (bench_find (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY));
    const lease_t *asked =
        (const void *)bench_find (bench, CALL_LEASE_TAKE, PURPOSE_LEASE)->argument;
    assert_int_equal (asked->token, BENCH_TOKEN + 40);
    bench_lease (bench, BENCH_TOKEN, false); /* no renewal: it has to end first */
    s_assert_role (bench, ROLE_FOLLOWER);
    bench_pass (bench, 1 * SECOND_US);
    asked = (const void *)bench_find (bench, CALL_LEASE_TAKE, PURPOSE_LEASE)->argument;
    assert_int_equal (asked->token, BENCH_TOKEN + 40);
    bench_lease (bench, BENCH_TOKEN + 41, true);
    bench_answer (bench, CALL_SALE_LIVE, PURPOSE_RELOAD, &sale, 1);
    bench_poll (bench, &gate);
    const gate_key_t *closing =
        (const void *)bench_find (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY)->argument;
    assert_int_equal (closing->token, BENCH_TOKEN + 41);
    bench_destroy (bench);
}

/*  A process that leaves gives its lease away, is leader no more, takes no new question and finishes the old. */
static void
test_stop (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    query_t query = { .sale_id = 1 };
    bench_ask (bench, MSG_SALE_GET, &query);
    bench_event (bench, EVENT_STOP);
    const lease_t *asked =
        (const void *)bench_find (bench, CALL_LEASE_TAKE, PURPOSE_LEASE)->argument;
    assert_int_equal (asked->ttl_ms, 1);
    assert_false (rig_status (bench->rig).is_leader);
    assert_int_equal (rig_status (bench->rig).in_flight, 1);
    bench_take (bench);
    bench_ask (bench, MSG_SALE_GET, &query);
    assert_string_equal (bench_take (bench), "send edge/1 OUTCOME batch=900 [{\"code\":53}]\n");
    sale_t sale = bench_sale (1);
    bench_answer (bench, CALL_SALE_LOAD, PURPOSE_QUESTION, &sale, 1);
    assert_non_null (strstr (bench_take (bench), "send edge/1 SALE_REPLY batch=900"));
    assert_int_equal (rig_status (bench->rig).in_flight, 0);
    bench_lease (bench, BENCH_TOKEN, true);
    bench_pass (bench, 10 * SECOND_US);
    assert_null (bench_find (bench, CALL_LEASE_TAKE, PURPOSE_LEASE));
    bench_destroy (bench);
}

/*  The same events give the same effects and the same digest. */
static void
test_deterministic (void **state)
{
    (void)state;
    uint64_t digests[2];
    for (int i = 0; i < 2; i++) {
        bench_t *bench = bench_new ();
        bench_lead_one (bench);
        bench_pass (bench, 2 * SECOND_US);
        digests[i] = inventory_class.digest (bench->rig->core);
        bench_destroy (bench);
    }
    assert_int_equal (digests[0], digests[1]);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_asks_and_renews),
        cmocka_unit_test (test_follower),
        cmocka_unit_test (test_lapses_and_comes_back),
        cmocka_unit_test (test_deposed),
        cmocka_unit_test (test_new_term),
        cmocka_unit_test (test_lease_table_of_the_past),
        cmocka_unit_test (test_stop),
        cmocka_unit_test (test_deterministic),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
