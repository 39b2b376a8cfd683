/*  Pushes and acknowledgements: see the table in snapshot.c. And the table of sales behind them. */

#include "inventory_bench.h"

static const receiver_t *
s_receiver (const bench_t *bench)
{
    return &bench_core (bench)->snapshot.receivers[0];
}

/*  Everything goes to a new edge in messages that fit, one after the other's acknowledgement, under rising versions; none is empty
    and none is missing, and each says how many sales are still to come. */
static void
test_everything_in_pieces (void **state)
{
    (void)state;
    static sale_t sales[100];
    bool seen[101] = { 0 };
    bench_t *bench = bench_new ();
    for (size_t i = 0; i < 100; i++)
        sales[i] = bench_sale (i + 1);
    bench_lead (bench, sales, 100);
    bench_peer (bench, EVENT_PEER_UP, KIND_EDGE, 1, STATE_STARTING);
    uint64_t version = 0, messages = 0, left = 100;
    for (const effect_t *sent; (sent = rig_sent (bench->rig, MSG_SALES, 0)); messages++) {
        assert_in_range (sent->count, 1, SALES_PER_MESSAGE_MAX);
        assert_true (sent->header.batch_id > version);
        assert_null (rig_sent (bench->rig, MSG_SALES, 1));
        version = sent->header.batch_id;
        left -= sent->count;
        assert_int_equal (sent->header.following_count, left);
        for (size_t i = 0; i < sent->count; i++)
            seen[((const sale_t *)sent->entries)[i].sale_id] = true;
        bench_ack (bench, KIND_EDGE, 1, version);
    }
    assert_int_equal (messages, 4);
    for (size_t i = 1; i <= 100; i++)
        assert_true (seen[i]);
    assert_int_equal (s_receiver (bench)->sales.acked, bench_core (bench)->snapshot.sales_version);
    bench_destroy (bench);
}

/*  Exactly as many sales as fit one message: one message, and no empty one behind it. */
static void
test_exactly_one_message (void **state)
{
    (void)state;
    static sale_t sales[SALES_PER_MESSAGE_MAX];
    bench_t *bench = bench_new ();
    for (size_t i = 0; i < SALES_PER_MESSAGE_MAX; i++)
        sales[i] = bench_sale (i + 1);
    bench_lead (bench, sales, SALES_PER_MESSAGE_MAX);
    bench_peer (bench, EVENT_PEER_UP, KIND_BROKER, 1, STATE_READY);
    assert_int_equal (rig_sent (bench->rig, MSG_SALES, 0)->header.following_count, 0);
    bench_ack (bench, KIND_BROKER, 1, rig_sent (bench->rig, MSG_SALES, 0)->header.batch_id);
    assert_null (rig_sent (bench->rig, MSG_SALES, 0));
    bench_destroy (bench);
}

/*  Without sales an empty message says so. Before the table is loaded nothing does. */
static void
test_empty (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_event (bench, EVENT_START);
    bench_peer (bench, EVENT_PEER_UP, KIND_EDGE, 1, STATE_STARTING);
    bench_lease (bench, 7, true);
    assert_string_equal (bench_take (bench), "");
    bench_answer (bench, CALL_SALE_LIVE, PURPOSE_RELOAD, NULL, 0);
    const effect_t *sent = rig_sent (bench->rig, MSG_SALES, 0);
    assert_int_equal (sent->count, 0);
    assert_true (sent->header.batch_id > 0);
    bench_destroy (bench);
}

/*  Edges get sales and limits, brokers sales, limiters limits; others nothing. */
static void
test_who_gets_what (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    for (kind_t kind = KIND_EDGE; kind <= KIND_SUPERVISOR; kind++) {
        bench_peer (bench, EVENT_PEER_UP, kind, 1, STATE_READY);
        const char *text = bench_take (bench);
        assert_int_equal (strstr (text, " SALES ") != NULL,
                          kind == KIND_EDGE || kind == KIND_BROKER);
        assert_int_equal (strstr (text, " LIMITS ") != NULL,
                          kind == KIND_EDGE || kind == KIND_LIMITER);
    }
    bench_destroy (bench);
}

/*  A push without an acknowledgement is made again, with what holds then; a wrong or late acknowledgement counts for nothing; changes
    meanwhile go with the next. */
static void
test_resend (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    bench_peer (bench, EVENT_PEER_UP, KIND_BROKER, 1, STATE_READY);
    uint64_t first = s_receiver (bench)->sales.sent;
    bench_take (bench);
    bench_pass (bench, 249 * MS);
    assert_null (strstr (bench_take (bench), "SALES"));
    bench_pass (bench, 1 * MS);
    assert_non_null (strstr (bench_take (bench), "send broker/1 SALES"));
    bench_ack (bench, KIND_BROKER, 1, first + 1);
    bench_ack (bench, KIND_BROKER, 2, first);
    bench_ack (bench, KIND_EDGE, 1, first);
    assert_int_equal (s_receiver (bench)->sales.acked, 0);
    bench_ack (bench, KIND_BROKER, 1, first);
    assert_int_equal (s_receiver (bench)->sales.acked, first);
    bench_destroy (bench);
}

/*  A new incarnation is told everything again; the old one's acknowledgement and death do not touch it. */
static void
test_incarnations (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    bench_peer (bench, EVENT_PEER_UP, KIND_BROKER, 1, STATE_READY);
    bench_ack (bench, KIND_BROKER, 1, s_receiver (bench)->sales.sent);
    process_t again = {
        .kind = KIND_BROKER, .number = 1, .incarnation = 555, .state = STATE_READY
    };
    event_t event = { .type = EVENT_PEER_UP, .peer = &again };
    rig_step (bench->rig, &event);
    assert_non_null (rig_sent (bench->rig, MSG_SALES, 0));
    bench_ack (bench, KIND_BROKER, 1, s_receiver (bench)->sales.sent);
    assert_int_equal (s_receiver (bench)->sales.acked, 0);
    bench_peer (bench, EVENT_PEER_DOWN, KIND_BROKER, 1, STATE_READY);
    assert_int_equal (bench_core (bench)->snapshot.receiver_count, 1);
    event.type = EVENT_PEER_DOWN;
    rig_step (bench->rig, &event);
    assert_int_equal (bench_core (bench)->snapshot.receiver_count, 0);
    bench_destroy (bench);
}

/*  The largest table to the most receivers: each step stays within its budget, the work goes on at once, and everybody gets all. */
static void
test_largest (void **state)
{
    (void)state;
    static sale_t sales[256];
    bench_t *bench = bench_new ();
    bench_event (bench, EVENT_START);
    for (uint64_t number = 1; number <= PEERS_MAX; number++) {
        bench_peer (bench, EVENT_PEER_UP, KIND_EDGE, number, STATE_READY);
        bench_peer (bench, EVENT_PEER_UP, KIND_BROKER, number, STATE_READY);
    }
    bench_lease (bench, 7, true);
    for (size_t page = 0; page < 4; page++) {
        for (size_t i = 0; i < 256; i++) {
            sales[i] = bench_sale (page * 256 + i + 1);
            memset (sales[i].description, 'd', sizeof sales[i].description - 1);
        }
        bench_answer (bench, CALL_SALE_LIVE, PURPOSE_RELOAD, sales, 256);
    }
    bench_answer (bench, CALL_SALE_LIVE, PURPOSE_RELOAD, NULL, 0);
    assert_int_equal (inventory_class.wake_us (bench->rig->core), bench->rig->now_us);
    size_t sent_count = 0;
    while (sent_count < 128 && rig_sent (bench->rig, MSG_SALES, 0)) {
        for (size_t i = 0; rig_sent (bench->rig, MSG_SALES, i); i++)
            sent_count++;
        rig_event (bench->rig, EVENT_TIMER);
    }
    assert_int_equal (sent_count, 128);
    /* one sale more than there is room for is refused before it is published */
    assert_int_equal (bench_core (bench)->sale_count, SALES_MAX);
    sale_change_t change = { .sale_id = 5000, .state = SALE_OPEN, .from_draft = 1 };
    rig_message (bench->rig, KIND_EDGE, 1, MSG_SALE_CHANGE, NULL, &change, 1);
    assert_int_equal (((const outcome_t *)rig_sent (bench->rig, MSG_OUTCOME, 0)->entries)->code,
                      ERROR_BUSY);
    bench_destroy (bench);
}

/*  Another pass over PostgreSQL that shows these two. */
static void
s_pass_over (bench_t *bench, const sale_t *second, const sale_t *third)
{
    while (!bench_find (bench, CALL_SALE_LIVE, PURPOSE_RELOAD))
        bench_live (bench, 100 * MS);
    sale_t page[2] = { *second, *third };
    bench_answer (bench, CALL_SALE_LIVE, PURPOSE_RELOAD, page, 2);
    bench_answer (bench, CALL_SALE_LIVE, PURPOSE_RELOAD, NULL, 0);
}

/*  The table is loaded anew: a newer version goes to gate and edges, one that came in during the pass stays; a sale that is not there
    any more is told as ended, so that its receivers can give it up, and leaves after another pass. */
static void
test_reload (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    sale_t sales[2] = { bench_sale (1), bench_sale (2) };
    bench_lead_two (bench, sales);
    gate_state_t gate = bench_gate (bench);
    for (int i = 0; i < 100; i++) {
        bench_pass (bench, 100 * MS);
        bench_renew (bench);
        while (bench_find (bench, CALL_GATE_STAT, PURPOSE_POLL))
            bench_poll (bench, &gate);
    }
    bench_take (bench);
    sale_change_t change = { .sale_id = 3, .state = SALE_OPEN, .from_draft = 1 };
    sale_t third = bench_sale (3);
    bench_ask (bench, MSG_SALE_CHANGE, &change);
    bench_answer (bench, CALL_SALE_CHANGE, PURPOSE_QUESTION, &third, 1);
    sales[1].version = 4;
    bench_answer (bench, CALL_SALE_LIVE, PURPOSE_RELOAD, &sales[1], 1);
    assert_non_null (bench_find (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE));
    bench_peer (bench, EVENT_PEER_UP, KIND_BROKER, 1, STATE_READY);
    bench_ack (bench, KIND_BROKER, 1, bench_core (bench)->snapshot.sales_version);
    bench_answer (bench, CALL_SALE_LIVE, PURPOSE_RELOAD, NULL, 0);
    const effect_t *told = rig_sent (bench->rig, MSG_SALES, 0);
    assert_non_null (told);
    assert_int_equal (((const sale_t *)told->entries)->sale_id, 1);
    assert_int_equal (((const sale_t *)told->entries)->state, SALE_ENDED);
    /* an operator ended it before its time: its end is told as a day ago, so that edges know that its gate may go */
    assert_true (((const sale_t *)told->entries)->ends_at_ms + 86400000 <=
                 bench_gate_us (bench) / 1000);
    s_pass_over (bench, &sales[1], &third);
    assert_false (bench_core (bench)->sales[0].is_used);
    assert_true (bench_core (bench)->sales[1].is_used);
    assert_int_equal (bench_core (bench)->sales[2].sale.sale_id, 3);
    assert_true (bench_core (bench)->sales[2].is_used);
    bench_destroy (bench);
}

/*  A page that does not come is asked for again; meanwhile nothing is pushed, and the process is not ready. */
static void
test_page_fails (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_event (bench, EVENT_START);
    bench_peer (bench, EVENT_PEER_UP, KIND_EDGE, 1, STATE_STARTING);
    bench_lease (bench, 7, true);
    for (result_status_t status = RESULT_REFUSED; status <= RESULT_UNKNOWN; status++) {
        bench_fail (bench, CALL_SALE_LIVE, PURPOSE_RELOAD, status);
        bench_fail (bench, CALL_LIMITS_LOAD, PURPOSE_LIMITS, status);
        assert_false (rig_status (bench->rig).is_ready);
        bench_pass (bench, 100 * MS);
        bench_renew (bench);
    }
    assert_string_equal (bench_take (bench), "");
    limits_t limits = { .version = 1 };
    bench_answer (bench, CALL_LIMITS_LOAD, PURPOSE_LIMITS, &limits, 1);
    bench_answer (bench, CALL_SALE_LIVE, PURPOSE_RELOAD, NULL, 0);
    assert_true (rig_status (bench->rig).is_ready);
    bench_destroy (bench);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_everything_in_pieces),
        cmocka_unit_test (test_exactly_one_message),
        cmocka_unit_test (test_empty),
        cmocka_unit_test (test_who_gets_what),
        cmocka_unit_test (test_resend),
        cmocka_unit_test (test_incarnations),
        cmocka_unit_test (test_largest),
        cmocka_unit_test (test_reload),
        cmocka_unit_test (test_page_fails),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
