/*  The router of the broker: events in, effects out as text. Leases, fencing and delayed messages: test_broker_terms.c. */

#include "broker_bench.h"

/* -------------------------------------------------------------------------- the good path */

/*  Lease, sale, consumer, credit: only when all four are there is the journal read; an entry is deleted after its ACK. */
static void
test_delivers_and_deletes (void **state)
{
    (void)state;
    rig_t *rig = s_new ();
    rig_event (rig, EVENT_START);
    assert_string_equal (rig_text (rig, false),
                         "call lease_take tag=0 [{\"name\":\"broker\",\"holder\":\"broker/1\","
                         "\"incarnation\":77,\"ttl_ms\":3000}]\n");
    assert_string_equal (s_lease (rig, 1), "log info lease_held token 4\n");
    assert_string_equal (s_sale (rig, 5, 1, SALE_OPEN),
                         "log info stream_opened sale 5 epoch 1\n"
                         "send inventory/1 SNAPSHOT_ACK batch=9 [{\"version\":9}]\n"
                         "call delay_due tag=65536 [{\"sale_id\":5,\"token\":4}]\n");
    rig_peer (rig, EVENT_PEER_UP, KIND_ORDERING, 1, STATE_READY);
    assert_string_equal (rig_text (rig, false), "");
    assert_string_equal (s_credit (rig, 1, 2),
                         "call journal_read tag=65536 [{\"sale_id\":5,\"epoch\":1}]\n");
    read_tag = 65536;
    assert_string_equal (
        s_entries (rig, 5, 1, 1, 2),
        "send ordering/1 DELIVER batch=1 attempt=1 [{\"sale_id\":5,\"epoch\":1,\"entry_ms\":1," REST
        ",{\"sale_id\":5,\"epoch\":1,\"entry_ms\":2," REST "]\n"
        "call journal_read tag=65536 [{\"sale_id\":5,\"epoch\":1,\"entry_ms\":2}]\n");
    assert_int_equal (rig_added (rig, METRIC_DELIVERIES, 0), 1);
    assert_string_equal (
        s_ack (rig, 1, 1, ERROR_NONE, 2),
        "call journal_delete tag=65536 [{\"sale_id\":5,\"epoch\":1,\"entry_ms\":1," TOLD
        ",{\"sale_id\":5,\"epoch\":1,\"entry_ms\":2," TOLD "]\n");
    assert_int_equal (rig_added (rig, METRIC_ACKNOWLEDGED, 0), 2);
    assert_int_equal (rig_status (rig).in_flight, 2);
    assert_string_equal (s_deleted (rig, 65536, RESULT_OK, ERROR_NONE), "");
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

/*  A read with no rows is made again; nothing is delivered. */
static void
test_empty_read_is_repeated (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    assert_string_equal (s_entries (rig, 5, 1, 1, 0),
                         "call journal_read tag=65536 [{\"sale_id\":5,\"epoch\":1}]\n");
    rig_destroy (&rig);
}

/*  More than a batch is split at 256; what finds no credit waits and needs no second reading. */
static void
test_batches_are_bounded (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_entries (rig, 5, 1, 1, 600);
    assert_int_equal (s_delivered (rig), 2);
    assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->count, 256);
    assert_int_equal (rig_sent (rig, MSG_DELIVER, 1)->count, 256);
    assert_false (s_has_call (rig, CALL_JOURNAL_READ));
    s_ack (rig, 1, 1, ERROR_NONE, 2);
    assert_int_equal (s_delivered (rig), 1);
    assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->count, 600 - 512);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- credit */

/*  Without credit nothing is read; a consumer never has more outstanding than its credit, nor than delivery_window. */
static void
test_credit_bounds_deliveries (void **state)
{
    (void)state;
    rig_t *rig = s_active (0);
    assert_false (s_has_call (rig, CALL_JOURNAL_READ));
    s_credit (rig, 1, 100);
    read_tag = s_tag (rig, CALL_JOURNAL_READ);
    s_entries (rig, 5, 1, 1, 1);
    s_entries (rig, 5, 1, 2, 2);
    assert_int_equal (s_delivered (rig), 1);
    assert_false (s_has_call (rig, CALL_JOURNAL_READ));
    s_ack (rig, 1, 1, ERROR_NONE, 1);
    assert_false (s_has_call (rig, CALL_JOURNAL_READ));
    s_ack (rig, 1, 2, ERROR_NONE, 1);
    assert_true (s_has_call (rig, CALL_JOURNAL_READ));
    rig_destroy (&rig);
}

/*  A process that starts, drains or left gets nothing, whatever its credit. */
static void
test_only_ready_consumers_are_served (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    rig_peer (rig, EVENT_PEER_UP, KIND_ORDERING, 1, STATE_DRAINING);
    s_entries (rig, 5, 1, 1, 1);
    assert_int_equal (s_delivered (rig), 0);
    rig_peer (rig, EVENT_PEER_UP, KIND_ORDERING, 1, STATE_READY);
    assert_int_equal (s_delivered (rig), 1);
    rig_destroy (&rig);
}

/*  CREDIT may come before the pipe to its sender is there: it counts from PEER_UP on. */
static void
test_credit_before_peer_up_counts (void **state)
{
    (void)state;
    rig_t *rig = s_active (0);
    s_credit (rig, 2, 2);
    assert_false (s_has_call (rig, CALL_JOURNAL_READ));
    rig_peer (rig, EVENT_PEER_UP, KIND_ORDERING, 2, STATE_READY);
    assert_true (s_has_call (rig, CALL_JOURNAL_READ));
    rig_destroy (&rig);
}

/*  A slow consumer holds up what it has, not the rest: the other one gets everything that comes. */
static void
test_slow_consumer_does_not_hold_up_others (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_up (rig, 2, 2);
    for (uint64_t id = 1; id <= 4; id++)
        s_entries (rig, 5, 1, id, id);
    /* two each; ordering/1 never answers, ordering/2 always */
    for (uint64_t id = 5, batch = 2; id <= 100; id++) {
        while (rig_sent (rig, MSG_DELIVER, 0) == NULL || !s_has_call (rig, CALL_JOURNAL_READ)) {
            s_ack (rig, 2, batch, ERROR_NONE, 2);
            batch++;
            if (s_has_call (rig, CALL_JOURNAL_READ))
                break;
        }
        s_entries (rig, 5, 1, id, id);
        assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->header.to_number, 2);
    }
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- failures of consumers */

/*  Dependency: nothing more until CREDIT, then the same delivery again, as attempt 2; it is never counted as poison. */
static void
test_dependency_waits_for_credit (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_entries (rig, 5, 1, 1, 2);
    for (uint64_t attempt = 2; attempt < 12; attempt++) {
        s_ack (rig, 1, 1, ERROR_DEPENDENCY_UNAVAILABLE, 0);
        assert_int_equal (s_delivered (rig), 0);
        s_advance (rig, 10 * BACKOFF_US);
        assert_int_equal (s_delivered (rig), 0);
        s_credit (rig, 1, 2);
        assert_int_equal (s_delivered (rig), 1);
        assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->header.batch_id, 1);
        assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->header.attempt, attempt);
        assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->count, 2);
        assert_int_equal (rig_added (rig, METRIC_REDELIVERIES, 0), 1);
    }
    rig_destroy (&rig);
}

/*  A consumer that dies: its deliveries go to another after the backoff. */
static void
test_death_redelivers_to_another (void **state)
{
    (void)state;
    rig_t *rig = s_active (1);
    s_entries (rig, 5, 1, 1, 2);
    s_up (rig, 2, 1);
    rig_peer (rig, EVENT_PEER_DOWN, KIND_ORDERING, 1, STATE_READY);
    assert_int_equal (s_delivered (rig), 0);
    s_advance (rig, BACKOFF_US - 1);
    assert_int_equal (s_delivered (rig), 0);
    assert_string_equal (
        s_advance (rig, 1),
        "send ordering/2 DELIVER batch=1 attempt=2 [{\"sale_id\":5,\"epoch\":1,\"entry_ms\":1," REST
        ",{\"sale_id\":5,\"epoch\":1,\"entry_ms\":2," REST "]\n");
    rig_destroy (&rig);
}

/*  A new incarnation under the same name means that the old one is dead, PEER_DOWN or not. */
static void
test_new_incarnation_takes_over (void **state)
{
    (void)state;
    rig_t *rig = s_active (1);
    s_entries (rig, 5, 1, 1, 2);
    process_t successor = {
        .kind = KIND_ORDERING, .number = 1, .incarnation = 999, .state = STATE_READY
    };
    event_t event = { .type = EVENT_PEER_UP, .peer = &successor };
    rig_step (rig, &event);
    ack_t credit = { .credit = 1 };
    header_t header = {
        .type = MSG_CREDIT, .from_kind = KIND_ORDERING, .from_number = 1, .from_incarnation = 999
    };
    event_t message = { .type = EVENT_MESSAGE, .header = &header, .entries = &credit, .count = 1 };
    rig_step (rig, &message);
    s_advance (rig, BACKOFF_US);
    assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->header.to_incarnation, 999);
    assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->header.attempt, 2);
    rig_destroy (&rig);
}

/*  No answer in time: the delivery goes to another, and the silent one gets nothing until it speaks. */
static void
test_deadline_redelivers (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_entries (rig, 5, 1, 1, 2);
    s_up (rig, 2, 2);
    assert_non_null (strstr (s_advance (rig, DEADLINE_US), "log warning delivery_expired batch 1"));
    s_advance (rig, BACKOFF_US);
    assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->header.to_number, 2);
    /* ordering/1 has no credit: the next goes to ordering/2 as well */
    s_entries (rig, 5, 1, 3, 3);
    assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->header.to_number, 2);
    rig_destroy (&rig);
}

/*  A late ACK none of a former holder ends a delivery that waits to be repeated; other late answers mean nothing, and none
    of them frees credit that belongs to the present holder. */
static void
test_late_answers (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_entries (rig, 5, 1, 1, 1);
    s_advance (rig, DEADLINE_US);
    assert_false (s_has_call (rig, CALL_JOURNAL_DELETE));
    s_ack (rig, 1, 1, ERROR_POISON, 0);
    s_ack (rig, 1, 1, ERROR_NONE, 0);
    assert_true (s_has_call (rig, CALL_JOURNAL_DELETE));
    s_advance (rig, 100 * BACKOFF_US);
    assert_int_equal (s_delivered (rig), 0);
    /* held by ordering/2, answered by ordering/1 */
    s_credit (rig, 1, 1);
    s_entries (rig, 5, 1, 2, 2);
    s_up (rig, 2, 1);
    s_advance (rig, DEADLINE_US);
    s_advance (rig, BACKOFF_US);
    assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->header.to_number, 2);
    s_ack (rig, 1, 2, ERROR_POISON, 1);
    s_ack (rig, 1, 2, ERROR_NONE, 1);
    assert_false (s_has_call (rig, CALL_JOURNAL_DELETE));
    /* the first deletion is still out: this one joins the next call */
    s_ack (rig, 2, 2, ERROR_NONE, 1);
    assert_int_equal (rig_added (rig, METRIC_ACKNOWLEDGED, 0), 1);
    assert_int_equal (rig_status (rig).queue_depth, 0);
    rig_destroy (&rig);
}

/*  The second ACK of one delivery changes nothing. */
static void
test_duplicate_ack (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_entries (rig, 5, 1, 1, 1);
    s_ack (rig, 1, 1, ERROR_NONE, 2);
    assert_string_equal (s_ack (rig, 1, 1, ERROR_NONE, 2), "");
    assert_string_equal (s_ack (rig, 1, 4711, ERROR_POISON, 2), "");
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- poison */

/*  A batch that was lost twice goes on entry by entry, for one of them may be what kills. */
static void
test_lost_batch_is_split (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_entries (rig, 5, 1, 1, 2);
    rig_peer (rig, EVENT_PEER_DOWN, KIND_ORDERING, 1, STATE_READY);
    s_advance (rig, BACKOFF_US);
    s_up (rig, 1, 2);
    assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->count, 2);
    rig_peer (rig, EVENT_PEER_DOWN, KIND_ORDERING, 1, STATE_READY);
    s_advance (rig, 2 * BACKOFF_US);
    s_up (rig, 1, 2);
    assert_int_equal (s_delivered (rig), 2);
    assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->count, 1);
    assert_int_equal (rig_sent (rig, MSG_DELIVER, 1)->count, 1);
    rig_destroy (&rig);
}

/*  Of a refused batch the good entries are acknowledged and deleted. The bad one is counted before it is sent again, with a rising
    attempt, and after its sixth refusal goes as REJECT; when that is acknowledged, its entry is deleted like any other. */
static void
test_poison_becomes_a_dead_letter (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_entries (rig, 5, 1, 1, 3);
    assert_non_null (strstr (s_ack (rig, 1, 1, ERROR_POISON, 2),
                             "log warning delivery_split batch 1 of 3 entries"));
    assert_int_equal (s_delivered (rig), 2);
    assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->header.attempt, 2); /* redelivered */
    s_ack (rig, 1, 2, ERROR_NONE, 2); /* entry 1; entry 3 is sent */
    s_ack (rig, 1, 4, ERROR_NONE, 2);
    for (uint64_t i = 1; i <= 6; i++) {
        s_ack (rig, 1, 3, ERROR_POISON, 2);
        assert_true (s_has_call (rig, CALL_DELIVERY_COUNT));
        s_advance (rig, 1000 * BACKOFF_US); /* not before it is counted */
        assert_int_equal (s_delivered (rig), 0);
        s_counted (rig, 3, i, 0);
        assert_int_equal (rig_added (rig, METRIC_FAILURES_COUNTED, 0), 1);
        assert_true ((i == 6) == (strstr (rig->text, "log error entry_dead sale 5 epoch 1 entry "
                                                     "2-0 user 7: refused 6 times") != NULL));
        if (i < 6) {
            s_advance (rig, (BACKOFF_US << (i - 1)) - 1);
            assert_int_equal (s_delivered (rig), 0);
            s_advance (rig, 1);
            assert_int_equal (s_delivered (rig), 1);
            assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->header.attempt, i + 2);
        }
    }
    assert_non_null (strstr (rig->text,
                             "send ordering/1 REJECT batch=3 attempt=8 [{\"sale_id\":5,\"epoch\":1,"
                             "\"entry_ms\":2,\"rid\":\"aa000000000000000000000000000000\","
                             "\"user_id\":7,\"quantity\":1,\"sequence\":1,\"reserved_us\":1,"
                             "\"pay_before_us\":2,\"reason\":\"poison\",\"attempts\":6}]\n"));
    s_deleted (rig, 65536, RESULT_OK, ERROR_NONE);
    s_deleted (rig, 65536, RESULT_OK, ERROR_NONE);
    s_ack (rig, 1, 3, ERROR_NONE, 2);
    assert_int_equal (rig_added (rig, METRIC_DEAD_LETTERS, 0), 1);
    assert_non_null (strstr (rig->text, "\"entry_ms\":2," TOLD "]"));
    s_deleted (rig, 65536, RESULT_OK, ERROR_NONE);
    assert_int_equal (rig_status (rig).in_flight + rig_status (rig).queue_depth, 0);
    rig_destroy (&rig);
}

/*  Ordering may be unable to store a dead letter, or never answer: it is sent again until it is stored, and the log says so once. */
static void
test_reject_is_sent_until_it_is_answered (void **state)
{
    (void)state;
    rig_t *rig = s_active (1);
    s_entries (rig, 5, 1, 1, 1);
    s_ack (rig, 1, 1, ERROR_POISON, 1);
    s_counted (rig, 1, 6, 0); /* five times by an earlier broker */
    assert_non_null (rig_sent (rig, MSG_REJECT, 0));
    assert_non_null (strstr (s_ack (rig, 1, 1, ERROR_POISON, 1), "dead_letter_refused sale 5"));
    assert_false (s_has_call (rig, CALL_DELIVERY_COUNT));
    s_advance (rig, 64 * BACKOFF_US);
    assert_non_null (rig_sent (rig, MSG_REJECT, 0));
    assert_null (strstr (s_ack (rig, 1, 1, ERROR_POISON, 1), "dead_letter_refused"));
    s_advance (rig, 64 * BACKOFF_US);
    s_advance (rig, DEADLINE_US); /* never */
    s_credit (rig, 1, 1);
    s_advance (rig, 64 * BACKOFF_US);
    assert_non_null (rig_sent (rig, MSG_REJECT, 0));
    s_ack (rig, 1, 1, ERROR_DEPENDENCY_UNAVAILABLE, 1);
    s_advance (rig, BACKOFF_US);
    assert_non_null (rig_sent (rig, MSG_REJECT, 0));
    rig_peer (rig, EVENT_PEER_DOWN, KIND_ORDERING, 1, STATE_READY);
    assert_false (s_has_call (rig, CALL_DELIVERY_COUNT));
    s_up (rig, 1, 1);
    s_advance (rig, 64 * BACKOFF_US);
    assert_non_null (rig_sent (rig, MSG_REJECT, 0));
    s_ack (rig, 1, 1, ERROR_NONE, 1);
    assert_true (s_has_call (rig, CALL_JOURNAL_DELETE));
    rig_destroy (&rig);
}

/*  What is not of the gate's shape (zeros) never reaches a consumer as an order: it is a dead letter at once, and takes nothing along. */
static void
test_unreadable_entry_is_rejected (void **state)
{
    (void)state;
    rig_t *rig = s_active (3);
    order_event_t events[] = { s_event (5, 1, 1),
                               { .sale_id = 5, .epoch = 1, .entry_ms = 2 },
                               s_event (5, 1, 3) };
    rig_result (rig, CALL_JOURNAL_READ, read_tag, RESULT_OK, events, 3);
    assert_int_equal (s_delivered (rig), 1);
    assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->count, 2);
    const dead_letter_t *dead = rig_sent (rig, MSG_REJECT, 0)->entries;
    assert_int_equal (dead->entry_ms, 2);
    assert_string_equal (dead->reason, "unreadable");
    assert_int_equal (dead->attempts, 0);
    rig_destroy (&rig);
}

/*  A counting that got no answer is asked again as the same failure; one that Redis refuses is not waited for; an entry that is gone
    from the journal is judged by what this broker saw; an answer that comes too late means nothing. */
static void
test_counting_is_repeated (void **state)
{
    (void)state;
    rig_t *rig = s_active (1);
    s_entries (rig, 5, 1, 1, 1);
    s_credit (rig, 1, 0);
    const char *call = "call delivery_count tag=1 [{\"sale_id\":5,\"epoch\":1,\"entry_ms\":1,"
                       "\"token\":4,\"batch_id\":1,\"attempt\":1}]\n";
    assert_string_equal (s_ack (rig, 1, 1, ERROR_POISON, 0), call);
    rig_result (rig, CALL_DELIVERY_COUNT, 1, RESULT_UNKNOWN, NULL, 0);
    assert_string_equal (s_advance (rig, RETRY_US - 1), "");
    assert_string_equal (s_advance (rig, 1), call);
    rig_result (rig, CALL_DELIVERY_COUNT, 1, RESULT_REFUSED, NULL, 0);
    assert_non_null (strstr (rig->text, "failure_not_counted"));
    s_credit (rig, 1, 1);
    s_advance (rig, BACKOFF_US);
    assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->header.attempt, 2);
    s_ack (rig, 1, 1, ERROR_POISON, 1);
    assert_non_null (strstr (rig->text, "\"batch_id\":1,\"attempt\":2}]")); /* another failure */
    journal_state_t gone = { .code = ERROR_NOT_FOUND };
    rig_result (rig, CALL_DELIVERY_COUNT, 1, RESULT_OK, &gone, 1);
    assert_int_equal (rig_added (rig, METRIC_FAILURES_COUNTED, 0), 0);
    s_advance (rig, 2 * BACKOFF_US); /* two failures in memory */
    assert_int_equal (s_delivered (rig), 1);
    s_ack (rig, 1, 1, ERROR_POISON, 1);
    s_lease (rig, 0);
    assert_string_equal (s_counted (rig, 1, 99, 0), "");
    rig_destroy (&rig);
}

/*  An entry that is alone at 21 deaths of its consumers is dead; a deadline is no death, nor is an answer that the store is away. */
static void
test_deadly_entry_is_rejected (void **state)
{
    (void)state;
    rig_t *rig = s_active (1);
    s_entries (rig, 5, 1, 1, 1);
    for (int i = 0; i < 30; i++) {
        s_advance (rig, DEADLINE_US);
        s_credit (rig, 1, 1);
        s_advance (rig, 64 * BACKOFF_US);
        assert_int_equal (s_delivered (rig), 1);
        s_ack (rig, 1, 1, ERROR_DEPENDENCY_UNAVAILABLE, 1);
        assert_false (s_has_call (rig, CALL_DELIVERY_COUNT));
        s_advance (rig, 64 * BACKOFF_US);
        assert_int_equal (s_delivered (rig), 1);
    }
    for (uint64_t i = 1; i <= 21; i++) {
        rig_peer (rig, EVENT_PEER_DOWN, KIND_ORDERING, 1, STATE_READY);
        assert_non_null (strstr (rig_text (rig, false), ",\"died\":1}]"));
        s_counted (rig, 1, 0, i);
        assert_true ((i == 21) == (strstr (rig->text, "entry_dead") != NULL));
        s_up (rig, 1, 1);
        if (i < 21) {
            s_advance (rig, 64 * BACKOFF_US);
            assert_int_equal (s_delivered (rig), 1);
        }
    }
    const dead_letter_t *dead = rig_sent (rig, MSG_REJECT, 0)->entries;
    assert_string_equal (dead->reason, "its consumers died");
    assert_int_equal (dead->attempts, 21);
    rig_destroy (&rig);
}

/*  Brokers that end again and again with a healthy entry alone on its way count nothing against it. */
static void
test_crash_loop_counts_nothing (void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        rig_t *rig = s_active (2);
        s_entries (rig, 5, 1, 1, 2);
        s_ack (rig, 1, 1, ERROR_POISON, 2);
        assert_int_equal (s_delivered (rig), 2);
        assert_false (s_has_call (rig, CALL_DELIVERY_COUNT));
        rig_destroy (&rig);
    }
}

/*  While redeliveries use all the credit, fresh entries are read ahead and take every other turn. */
static void
test_redeliveries_do_not_starve_fresh_entries (void **state)
{
    (void)state;
    rig_t *rig = s_active (1);
    s_entries (rig, 5, 1, 1, 100);
    s_ack (rig, 1, 1, ERROR_POISON, 1);
    read_tag = s_tag (rig, CALL_JOURNAL_READ);
    s_entries (rig, 5, 1, 101, 110);
    s_ack (rig, 1, 2, ERROR_NONE, 1);
    assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->count, 10);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- lease */

/*  Without the lease nothing is read. An answer that says nothing changes nothing: delivering goes on while PostgreSQL is
    away, and the lease is asked for three times in its life. */
static void
test_lease_is_renewed (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_advance (rig, 1000 * MS);
    assert_non_null (strstr (rig_text (rig, false), "call lease_take tag=65536 "
                                                    "[{\"name\":\"broker\",\"holder\":\"broker/1\","
                                                    "\"incarnation\":77,\"token\":4,"));
    rig_result (rig, CALL_LEASE_TAKE, 0, RESULT_UNAVAILABLE, NULL, 0);
    s_entries (rig, 5, 1, 1, 1);
    assert_int_equal (s_delivered (rig), 1);
    s_advance (rig, 1000 * MS);
    assert_true (s_has_call (rig, CALL_LEASE_TAKE));
    rig_result (rig, CALL_LEASE_TAKE, 0, RESULT_UNKNOWN, NULL, 0);
    assert_true (rig_status (rig).is_leader);
    rig_destroy (&rig);
}

/*  A lost lease: everything is forgotten, a late ACK deletes nothing, a late answer of the journal is ignored; with the lease
    back, the journal is read from its beginning. */
static void
test_lost_lease_forgets (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_entries (rig, 5, 1, 1, 2);
    assert_string_equal (s_lease (rig, 0), "log info lease_lost token 4\n");
    assert_false (rig_status (rig).is_leader);
    assert_int_equal (rig_status (rig).in_flight, 0);
    assert_string_equal (s_ack (rig, 1, 1, ERROR_NONE, 2), "");
    s_advance (rig, DEADLINE_US);
    assert_int_equal (s_delivered (rig), 0);
    s_lease (rig, 1);
    assert_false (s_has_call (rig, CALL_JOURNAL_READ)); /* one read is still out */
    s_entries (rig, 5, 1, 3, 3);
    assert_int_equal (s_delivered (rig), 0);
    assert_string_equal (rig->text, "call journal_read tag=196608 [{\"sale_id\":5,\"epoch\":1}]\n");
    rig_destroy (&rig);
}

/*  A broker that starts again reads from the beginning and delivers again what its predecessor had out. */
static void
test_restart_reads_from_the_beginning (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_entries (rig, 5, 1, 1, 2);
    rig_destroy (&rig);
    rig = s_active (2);
    assert_string_equal (rig->text, "call journal_read tag=65536 [{\"sale_id\":5,\"epoch\":1}]\n");
    s_entries (rig, 5, 1, 1, 2);
    assert_int_equal (s_delivered (rig), 1);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- the journal */

/*  A failed read is repeated after a pause from the beginning; entries that are known are not delivered twice. */
static void
test_failed_read_starts_over (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_entries (rig, 5, 1, 1, 2);
    rig_result (rig, CALL_JOURNAL_READ, read_tag, RESULT_UNKNOWN, NULL, 0);
    assert_string_equal (rig->text, "");
    assert_string_equal (s_advance (rig, RETRY_US - 1), "");
    assert_string_equal (s_advance (rig, 1),
                         "call journal_read tag=65536 [{\"sale_id\":5,\"epoch\":1}]\n");
    s_entries (rig, 5, 1, 1, 3);
    assert_int_equal (s_delivered (rig), 1);
    assert_int_equal (rig_sent (rig, MSG_DELIVER, 0)->count, 1);
    const order_event_t *event = rig_sent (rig, MSG_DELIVER, 0)->entries;
    assert_int_equal (event->entry_ms, 3);
    rig_destroy (&rig);
}

/*  A deletion is repeated until it succeeded; meanwhile what is acknowledged gathers for the next call of at most 256. */
static void
test_deletions_are_repeated (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_entries (rig, 5, 1, 1, 1);
    s_ack (rig, 1, 1, ERROR_NONE, 2);
    uint64_t tag = s_tag (rig, CALL_JOURNAL_DELETE);
    s_entries (rig, 5, 1, 2, 301);
    s_ack (rig, 1, 2, ERROR_NONE, 2);
    s_ack (rig, 1, 3, ERROR_NONE, 2);
    assert_false (s_has_call (rig, CALL_JOURNAL_DELETE));
    result_status_t failures[] = { RESULT_UNAVAILABLE, RESULT_UNKNOWN, RESULT_REFUSED };
    for (size_t i = 0; i < 3; i++) {
        s_deleted (rig, tag, failures[i], ERROR_NONE);
        assert_false (s_has_call (rig, CALL_JOURNAL_DELETE));
        s_advance (rig, RETRY_US);
        tag = s_tag (rig, CALL_JOURNAL_DELETE);
    }
    /* the repeated call takes along what fits */
    assert_non_null (strstr (rig->text, "[{\"sale_id\":5,\"epoch\":1,\"entry_ms\":1," TOLD ","));
    s_deleted (rig, tag, RESULT_OK, ERROR_RECOVERING);
    s_advance (rig, RETRY_US);
    tag = s_tag (rig, CALL_JOURNAL_DELETE);
    assert_int_equal (rig_status (rig).in_flight, 301);
    s_deleted (rig, tag, RESULT_OK, ERROR_NONE);
    assert_int_equal (rig_status (rig).in_flight, 45);
    s_deleted (rig, s_tag (rig, CALL_JOURNAL_DELETE), RESULT_OK, ERROR_NONE);
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

/*  Entries of two sales come in one delivery and are deleted by one call for each sale. */
static void
test_deletions_go_by_sale (void **state)
{
    (void)state;
    rig_t *rig = s_active (1);
    s_entries (rig, 5, 1, 1, 1);
    s_sale (rig, 6, 3, SALE_PAUSED);
    s_ack (rig, 1, 1, ERROR_NONE, 1);
    assert_non_null (strstr (rig->text, "{\"sale_id\":6,\"epoch\":3}"));
    order_event_t events[] = { s_event (5, 1, 2), s_event (6, 3, 1) };
    s_deleted (rig, s_tag (rig, CALL_JOURNAL_DELETE), RESULT_OK, ERROR_NONE);
    rig_result (rig, CALL_JOURNAL_READ, read_tag, RESULT_OK, events, 2);
    assert_string_equal (
        s_ack (rig, 1, 2, ERROR_NONE, 0),
        "call journal_delete tag=65536 [{\"sale_id\":5,\"epoch\":1,\"entry_ms\":2," TOLD "]\n"
        "call journal_delete tag=65537 [{\"sale_id\":6,\"epoch\":3,\"entry_ms\":1," TOLD "]\n");
    rig_destroy (&rig);
}

/*  The table of entries is bounded: while Redis refuses deletions, reading stops before it is full, and goes on after. */
static void
test_backlog_is_bounded (void **state)
{
    (void)state;
    rig_t *rig = s_active (1);
    rig->is_quick = true;
    uint64_t id = 1, batch = 1, tag = 0;
    while (s_has_call (rig, CALL_JOURNAL_READ)) {
        s_entries (rig, 5, 1, id, id + 255);
        id += 256;
        s_ack (rig, 1, batch++, ERROR_NONE, 1);
        if (batch == 2)
            tag = s_tag (rig, CALL_JOURNAL_DELETE);
        assert_true (id < 20000);
    }
    assert_int_equal (rig_status (rig).in_flight, 16384 - 1024 + 256);
    s_deleted (rig, tag, RESULT_OK, ERROR_NONE);
    assert_true (s_has_call (rig, CALL_JOURNAL_READ));
    broker_class.check (rig->core);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- sales */

/*  A new epoch is another journal: it is read from its beginning, what comes late from the old one is not taken, and what is
    out of the old one stays until it is acknowledged, and is deleted there. */
static void
test_epoch_moves (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_entries (rig, 5, 1, 1, 1);
    s_sale (rig, 5, 2, SALE_OPEN);
    s_entries (rig, 5, 1, 2, 2);
    assert_string_equal (rig->text, "call journal_read tag=65536 [{\"sale_id\":5,\"epoch\":2}]\n");
    s_entries (rig, 5, 2, 1, 1);
    assert_int_equal (s_delivered (rig), 1);
    s_ack (rig, 1, 1, ERROR_NONE, 2);
    assert_non_null (strstr (
        rig->text,
        "call journal_delete tag=65536 [{\"sale_id\":5,\"epoch\":1,\"entry_ms\":1," TOLD "]"));
    s_deleted (rig, 65536, RESULT_OK, ERROR_NONE);
    s_ack (rig, 1, 2, ERROR_NONE, 2);
    assert_non_null (strstr (
        rig->text,
        "call journal_delete tag=65537 [{\"sale_id\":5,\"epoch\":2,\"entry_ms\":1," TOLD "]"));
    rig_destroy (&rig);
}

/*  Drafts and sales without a gate have no journal; an earlier epoch is not believed; every SALES is acknowledged, even an
    empty one; only inventory may tell of sales. */
static void
test_sales_that_change_nothing (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    const char *only_ack = "send inventory/1 SNAPSHOT_ACK batch=9 [{\"version\":9}]\n";
    assert_string_equal (s_sale (rig, 7, 1, SALE_DRAFT), only_ack);
    assert_string_equal (s_sale (rig, 7, 0, SALE_OPEN), only_ack);
    assert_string_equal (s_sale (rig, 5, 1, SALE_PAUSED), only_ack);
    s_sale (rig, 5, 3, SALE_OPEN);
    assert_string_equal (s_sale (rig, 5, 2, SALE_OPEN), only_ack);
    header_t extras = { .batch_id = 9 };
    assert_string_equal (rig_message (rig, KIND_INVENTORY, 1, MSG_SALES, &extras, NULL, 0),
                         only_ack);
    sale_t sale = { .sale_id = 8, .epoch = 1, .state = SALE_OPEN };
    assert_string_equal (rig_message (rig, KIND_EDGE, 1, MSG_SALES, &extras, &sale, 1), "");
    assert_int_equal (rig_added (rig, METRIC_FRAMES_REFUSED, 0), 1);
    rig_destroy (&rig);
}

/*  An ended sale is read for another minute, and then until a read finds nothing; after that no more. */
static void
test_ended_sale_is_closed (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_sale (rig, 6, 1, SALE_OPEN);
    s_sale (rig, 5, 1, SALE_ENDED);
    s_entries (rig, 5, 1, 1, 0);
    assert_non_null (strstr (rig->text, "\"sale_id\":5"));
    rig->now_us += 61 * 1000 * MS;
    s_entries (rig, 5, 1, 1, 0); /* sent a minute ago */
    assert_non_null (strstr (rig->text, "\"sale_id\":5"));
    s_entries (rig, 5, 1, 1, 0);
    assert_string_equal (rig->text, "call journal_read tag=65536 [{\"sale_id\":6,\"epoch\":1}]\n");
    rig_destroy (&rig);
}

/*  In each read another stream comes first, so that a busy one cannot take all rows for ever. */
static void
test_streams_take_turns (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_sale (rig, 6, 1, SALE_OPEN);
    const char *first[] = { "{\"sale_id\":6", "{\"sale_id\":5", "{\"sale_id\":6" };
    for (size_t i = 0; i < 3; i++) {
        s_entries (rig, 5, 1, 1, 0);
        assert_non_null (strstr (rig->text, first[i]));
        assert_ptr_equal (strstr (rig->text, "{"), strstr (rig->text, first[i]));
    }
    rig_destroy (&rig);
}

/*  1024 sales are read; one more is told in the log. */
static void
test_streams_are_bounded (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    rig->is_quick = true;
    for (uint64_t id = 6; id < 5 + SALES_MAX; id++)
        s_sale (rig, id, 1, SALE_OPEN);
    assert_non_null (strstr (s_sale (rig, 4000, 1, SALE_OPEN), "log error streams_full sale 4000"));
    s_entries (rig, 5, 1, 1, 0);
    for (size_t i = 0; i < effects_count (rig->effects); i++)
        if (effects_at (rig->effects, i)->type == EFFECT_CALL)
            assert_int_equal (effects_at (rig->effects, i)->count, SALES_MAX);
    broker_class.check (rig->core);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- the end, and the rest */

/*  STOP: nothing is read or delivered any more, and the lease is given back; what is out may end, and its entries are deleted, before
    in_flight is 0. */
static void
test_stop_finishes_what_is_out (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_entries (rig, 5, 1, 1, 2);
    assert_non_null (strstr (rig_event (rig, EVENT_STOP), "\"token\":4,\"ttl_ms\":1}"));
    s_lease (rig, 1);
    assert_int_equal (rig_status (rig).in_flight, 1);
    s_entries (rig, 5, 1, 3, 4);
    assert_int_equal (s_delivered (rig), 0);
    assert_false (s_has_call (rig, CALL_JOURNAL_READ));
    s_ack (rig, 1, 1, ERROR_NONE, 2);
    assert_int_equal (rig_status (rig).in_flight, 2);
    s_deleted (rig, s_tag (rig, CALL_JOURNAL_DELETE), RESULT_OK, ERROR_NONE);
    assert_int_equal (rig_status (rig).in_flight, 0);
    s_advance (rig, 10000 * MS);
    assert_false (s_has_call (rig, CALL_LEASE_TAKE));
    rig_destroy (&rig);
}

/*  Messages that no state knows are counted and change nothing. */
static void
test_refuses_other_messages (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    ack_t ack = { .credit = 2 };
    uint64_t digest = broker_class.digest (rig->core);
    rig_message (rig, KIND_EDGE, 1, MSG_CREDIT, NULL, &ack, 1);
    assert_int_equal (rig_added (rig, METRIC_FRAMES_REFUSED, 0), 1);
    rig_message (rig, KIND_ORDERING, 1, MSG_ACK, NULL, &ack, 0);
    assert_int_equal (rig_added (rig, METRIC_FRAMES_REFUSED, 0), 1);
    rig_message (rig, KIND_EDGE, 1, MSG_PURCHASE, NULL, NULL, 0);
    assert_int_equal (rig_added (rig, METRIC_FRAMES_REFUSED, 0), 1);
    assert_int_equal (broker_class.digest (rig->core), digest);
    rig_destroy (&rig);
}

/*  Gauges tell the credits that are free and the entries that nobody has acknowledged, when they change. */
static void
test_gauges (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    assert_non_null (strstr (rig_text (rig, true), "gauge minishop_credits{} 2\n"));
    s_entries (rig, 5, 1, 1, 3);
    assert_non_null (strstr (rig_text (rig, true), "gauge minishop_credits{} 1\n"));
    assert_non_null (strstr (rig_text (rig, true), "gauge minishop_unacknowledged_entries{} 3\n"));
    s_ack (rig, 1, 1, ERROR_NONE, 2);
    assert_non_null (strstr (rig_text (rig, true), "gauge minishop_unacknowledged_entries{} 0\n"));
    rig_destroy (&rig);
}

/*  Equal events give equal states. */
static void
test_digest (void **state)
{
    (void)state;
    uint64_t digests[3];
    for (size_t i = 0; i < 3; i++) {
        rig_t *rig = s_active (2);
        s_entries (rig, 5, 1, 1, 300 + (i == 2));
        s_ack (rig, 1, 1, ERROR_POISON, 2);
        s_advance (rig, BACKOFF_US);
        digests[i] = broker_class.digest (rig->core);
        rig_destroy (&rig);
    }
    assert_int_equal (digests[0], digests[1]);
    assert_int_not_equal (digests[0], digests[2]);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_delivers_and_deletes),
        cmocka_unit_test (test_empty_read_is_repeated),
        cmocka_unit_test (test_batches_are_bounded),
        cmocka_unit_test (test_credit_bounds_deliveries),
        cmocka_unit_test (test_only_ready_consumers_are_served),
        cmocka_unit_test (test_credit_before_peer_up_counts),
        cmocka_unit_test (test_slow_consumer_does_not_hold_up_others),
        cmocka_unit_test (test_dependency_waits_for_credit),
        cmocka_unit_test (test_death_redelivers_to_another),
        cmocka_unit_test (test_new_incarnation_takes_over),
        cmocka_unit_test (test_deadline_redelivers),
        cmocka_unit_test (test_late_answers),
        cmocka_unit_test (test_duplicate_ack),
        cmocka_unit_test (test_lost_batch_is_split),
        cmocka_unit_test (test_poison_becomes_a_dead_letter),
        cmocka_unit_test (test_reject_is_sent_until_it_is_answered),
        cmocka_unit_test (test_unreadable_entry_is_rejected),
        cmocka_unit_test (test_counting_is_repeated),
        cmocka_unit_test (test_deadly_entry_is_rejected),
        cmocka_unit_test (test_crash_loop_counts_nothing),
        cmocka_unit_test (test_redeliveries_do_not_starve_fresh_entries),
        cmocka_unit_test (test_lease_is_renewed),
        cmocka_unit_test (test_lost_lease_forgets),
        cmocka_unit_test (test_restart_reads_from_the_beginning),
        cmocka_unit_test (test_failed_read_starts_over),
        cmocka_unit_test (test_deletions_are_repeated),
        cmocka_unit_test (test_deletions_go_by_sale),
        cmocka_unit_test (test_backlog_is_bounded),
        cmocka_unit_test (test_epoch_moves),
        cmocka_unit_test (test_sales_that_change_nothing),
        cmocka_unit_test (test_ended_sale_is_closed),
        cmocka_unit_test (test_streams_take_turns),
        cmocka_unit_test (test_streams_are_bounded),
        cmocka_unit_test (test_stop_finishes_what_is_out),
        cmocka_unit_test (test_refuses_other_messages),
        cmocka_unit_test (test_gauges),
        cmocka_unit_test (test_digest),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
