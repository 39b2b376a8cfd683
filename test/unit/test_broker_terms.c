/*  Terms of a router: what fencing does to an active broker that is none any more, and the delayed messages that a term takes over
    and delivers. Events in, effects out as text. */

#include "broker_bench.h"

#define QUARTER_US (250 * MS)

static const char *
s_fenced (rig_t *rig, call_name_t call, uint64_t tag, uint64_t token)
{
    journal_state_t state = { .code = ERROR_FENCED, .token = token };
    return rig_result (rig, call, tag, RESULT_OK, &state, 1);
}

static const char *
s_lease_of (rig_t *rig, uint64_t held, uint64_t token)
{
    lease_t lease = { .held = held, .token = token };
    return rig_result (rig, CALL_LEASE_TAKE, 0, RESULT_OK, &lease, 1);
}

static const char *
s_ack_due (rig_t *rig, uint64_t batch_id, error_code_t code, uint64_t again_us)
{
    ack_t ack = { .code = code, .credit = 2, .again_us = again_us };
    header_t extras = { .batch_id = batch_id };
    return rig_message (rig, KIND_ORDERING, 1, MSG_ACK, &extras, &ack, 1);
}

/*  A new term, begun while the answer of its first delay_due is missing: its tag. */
static uint64_t
s_begin_term (rig_t *rig, uint64_t token)
{
    s_lease_of (rig, 0, token);
    s_lease_of (rig, 1, token);
    return s_tag (rig, CALL_DELAY_DUE);
}

/* -------------------------------------------------------------------------- fencing */

/*  A gate that has seen a higher token ends the term at once: all is forgotten, the lease is asked for with the token that was refused
    us, and until it is held with a token not below that, nothing is read, delivered or deleted, and no call is made but for the lease. Refused at each of the four calls. */
static void
test_fenced_by_each_call (void **state)
{
    (void)state;
    const call_name_t calls[] = { CALL_JOURNAL_DELETE, CALL_DELIVERY_COUNT, CALL_DELAY_DUE,
                                  CALL_DELAY_DONE };
    for (size_t i = 0; i < 4; i++) {
        rig_t *rig = s_active (2);
        uint64_t tag = 0;
        if (calls[i] == CALL_JOURNAL_DELETE || calls[i] == CALL_DELIVERY_COUNT) {
            s_entries (rig, 5, 1, 1, 1);
            s_ack (rig, 1, 1, i ? ERROR_POISON : ERROR_NONE, 2);
        } else {
            tag = s_begin_term (rig, 4);
            if (calls[i] == CALL_DELAY_DONE) {
                s_delay_answer (rig, CALL_DELAY_DUE, tag, 10, 10);
                s_ack_due (rig, 1, ERROR_NONE, 0);
            }
        }
        assert_non_null (strstr (s_fenced (rig, calls[i], s_tag (rig, calls[i]), 9),
                                 "log warning fenced token 4 is refused for 9"));
        assert_int_equal (rig_added (rig, METRIC_BROKER_FENCED, calls[i]), 1);
        assert_non_null (strstr (rig->text, "call lease_take"));
        assert_non_null (strstr (rig->text, "\"token\":9,"));
        assert_false (rig_status (rig).is_leader);
        assert_int_equal (rig_status (rig).in_flight + rig_status (rig).queue_depth, 0);
        /* somebody else has it: nothing but one asking for the lease every third of its life */
        size_t askings = 0;
        s_lease_of (rig, 0, 9);
        for (size_t k = 0; k < 100; k++) {
            s_advance (rig, 100 * MS);
            assert_true (effects_count (rig->effects) <= 1);
            if (s_has_call (rig, CALL_LEASE_TAKE)) {
                askings++;
                s_lease_of (rig, 0, 9);
            }
        }
        assert_int_equal (askings, 10);
        s_advance (rig, 1000 * MS);
        s_lease_of (rig, 1, 10);
        assert_true (rig_status (rig).is_leader);
        assert_non_null (strstr (rig->text, "call delay_due"));
        assert_non_null (strstr (rig->text, "\"token\":10}"));
        rig_destroy (&rig);
    }
}

/*  An answer of PostgreSQL that was on its way when the gate refused us names the old token: it is no lease. */
static void
test_lease_below_the_gates_token_is_none (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_entries (rig, 5, 1, 1, 1);
    s_advance (rig, 1000 * MS);
    assert_true (s_has_call (rig, CALL_LEASE_TAKE));
    s_ack (rig, 1, 1, ERROR_NONE, 2);
    s_fenced (rig, CALL_JOURNAL_DELETE, s_tag (rig, CALL_JOURNAL_DELETE), 5);
    assert_false (s_has_call (rig, CALL_LEASE_TAKE)); /* one is out */
    s_lease_of (rig, 1, 4);
    assert_false (rig_status (rig).is_leader);
    assert_non_null (strstr (rig->text, "\"token\":5,")); /* asked again at once */
    s_lease_of (rig, 1, 6);
    assert_true (rig_status (rig).is_leader);
    rig_destroy (&rig);
}

/*  A refusal that was meant for an earlier token of ours does not end the present term. */
static void
test_late_refusal_means_nothing (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_entries (rig, 5, 1, 1, 1);
    s_ack (rig, 1, 1, ERROR_NONE, 2);
    uint64_t tag = s_tag (rig, CALL_JOURNAL_DELETE);
    s_lease_of (rig, 0, 5);
    s_lease_of (rig, 1, 6);
    s_fenced (rig, CALL_JOURNAL_DELETE, tag, 5);
    assert_true (rig_status (rig).is_leader);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- delayed messages */

/*  A message that a deletion kept is asked for when it is due, not before; it is delivered once, and then taken away; what the consumer
    wants to be kept goes along. */
static void
test_message_is_delivered_when_due (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_entries (rig, 5, 1, 1, 1);
    s_ack (rig, 1, 1, ERROR_NONE, 2);
    journal_state_t kept = { .gate_us = 1000000, .due_us = 1250000, .kept = 1 };
    rig_result (rig, CALL_JOURNAL_DELETE, 65536, RESULT_OK, &kept, 1);
    assert_int_equal (rig_added (rig, METRIC_DELAYS_KEPT, 0), 1);
    s_advance (rig, QUARTER_US - 1);
    assert_false (s_has_call (rig, CALL_DELAY_DUE));
    assert_string_equal (s_advance (rig, 1),
                         "call delay_due tag=65536 [{\"sale_id\":5,\"token\":4}]\n");
    assert_string_equal (
        s_delay_answer (rig, CALL_DELAY_DUE, 65536, 1250000, 1260000),
        "send ordering/1 DUE batch=2 attempt=1 [{\"sale_id\":5,\"due_us\":1250000}]\n");
    assert_string_equal (
        s_ack_due (rig, 2, ERROR_NONE, 3000000),
        "call delay_done tag=65536 [{\"sale_id\":5,\"token\":4,\"until_us\":1260000,"
        "\"again_us\":3000000}]\n");
    assert_int_equal (rig_added (rig, METRIC_DELAYS_DUE, 0), 1);
    s_delay_answer (rig, CALL_DELAY_DONE, 65536, 3000000, 2000000);
    s_advance (rig, 1000 * MS - 1);
    assert_false (s_has_call (rig, CALL_DELAY_DUE));
    s_advance (rig, 1);
    assert_true (s_has_call (rig, CALL_DELAY_DUE));
    assert_string_equal (s_delay_answer (rig, CALL_DELAY_DUE, 65536, 0, 3000000), "");
    rig_destroy (&rig);
}

/*  One DUE of a sale at a time; it waits for credit, and goes again after every end but ACK none. */
static void
test_due_is_repeated_until_taken (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    uint64_t tag = s_begin_term (rig, 4);
    s_credit (rig, 1, 0);
    assert_string_equal (s_delay_answer (rig, CALL_DELAY_DUE, tag, 10, 20), "");
    s_credit (rig, 1, 2);
    assert_int_equal (rig_sent (rig, MSG_DUE, 0)->header.attempt, 1);
    s_ack_due (rig, 1, ERROR_DEPENDENCY_UNAVAILABLE, 0);
    s_advance (rig, 64 * BACKOFF_US);
    assert_int_equal (rig_sent (rig, MSG_DUE, 0)->header.attempt, 2);
    assert_non_null (strstr (s_ack_due (rig, 1, ERROR_POISON, 0), "log error due_refused"));
    s_advance (rig, 64 * BACKOFF_US);
    s_advance (rig, DEADLINE_US);
    s_credit (rig, 1, 2);
    s_advance (rig, 64 * BACKOFF_US);
    assert_int_equal (rig_sent (rig, MSG_DUE, 0)->header.attempt, 4);
    assert_null (rig_sent (rig, MSG_DUE, 1));
    rig_peer (rig, EVENT_PEER_DOWN, KIND_ORDERING, 1, STATE_READY);
    assert_false (s_has_call (rig, CALL_DELIVERY_COUNT));
    s_up (rig, 1, 2);
    s_advance (rig, 64 * BACKOFF_US);
    assert_int_equal (rig_sent (rig, MSG_DUE, 0)->header.attempt, 5);
    assert_false (s_has_call (rig, CALL_DELAY_DUE));
    s_ack_due (rig, 1, ERROR_NONE, 0);
    /* the end is told to the gate until it says so */
    rig_result (rig, CALL_DELAY_DONE, tag, RESULT_UNKNOWN, NULL, 0);
    s_advance (rig, 1000 * MS);
    assert_true (s_has_call (rig, CALL_DELAY_DONE));
    s_delay_answer (rig, CALL_DELAY_DONE, tag, 0, 30);
    s_advance (rig, 100000 * MS);
    assert_false (s_has_call (rig, CALL_DELAY_DUE));
    rig_destroy (&rig);
}

/*  A new term asks every open sale once, 16 at a time; those that have nothing are not asked again, whatever time passes. */
static void
test_idle_sales_are_not_polled (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    rig->is_quick = true;
    for (uint64_t id = 6; id < 106; id++)
        s_sale (rig, id, 1, SALE_OPEN);
    s_lease_of (rig, 0, 4);
    s_lease_of (rig, 1, 5);
    uint64_t tags[256];
    size_t first = 0, count = 0, most = 0;
    bool is_asked[106] = { 0 };
    do {
        for (size_t i = 0; i < effects_count (rig->effects); i++) {
            const effect_t *effect = effects_at (rig->effects, i);
            if (effect->type != EFFECT_CALL || effect->call != CALL_DELAY_DUE)
                continue;
            const delay_t *delay = effect->entries;
            assert_false (is_asked[delay->sale_id]);
            is_asked[delay->sale_id] = true;
            tags[count++] = effect->tag;
        }
        most = count - first > most ? count - first : most;
        if (first < count)
            s_delay_answer (rig, CALL_DELAY_DUE, tags[first++], 0, 1);
    } while (first < count);
    assert_int_equal (count, 101);
    assert_int_equal (most, 16);
    for (size_t i = 0; i < 1000; i++) {
        s_advance (rig, 100 * MS);
        assert_false (s_has_call (rig, CALL_DELAY_DUE));
    }
    broker_class.check (rig->core);
    rig_destroy (&rig);
}

/*  The sale of an ended one whose orders can still expire stays in view; without delayed messages it goes (test_broker_router.c). A
    stream that is closed by a higher epoch finishes what it has under way, and the new one asks anew. */
static void
test_messages_outlive_end_and_epoch (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    uint64_t tag = s_begin_term (rig, 5);
    s_entries (rig, 5, 1, 1, 0); /* of the former term */
    s_delay_answer (rig, CALL_DELAY_DUE, tag, 900000 * MS, 1);
    s_sale (rig, 5, 1, SALE_ENDED);
    read_tag = tag;
    for (int i = 0; i < 3; i++) {
        rig->now_us += 61 * 1000 * MS;
        s_entries (rig, 5, 1, 1, 0);
        assert_non_null (strstr (rig->text, "call journal_read"));
    }
    rig->now_us += 900000 * MS;
    s_advance (rig, 0);
    assert_true (s_has_call (rig, CALL_DELAY_DUE));
    s_delay_answer (rig, CALL_DELAY_DUE, tag, 900000 * MS, 900001 * MS);
    assert_non_null (rig_sent (rig, MSG_DUE, 0));
    s_sale (rig, 5, 2, SALE_ENDED);
    assert_int_equal (s_tag (rig, CALL_DELAY_DUE), tag + 1);
    s_ack_due (rig, 1, ERROR_NONE, 0);
    assert_int_equal (s_tag (rig, CALL_DELAY_DONE), tag);
    s_delay_answer (rig, CALL_DELAY_DONE, tag, 0, 2);
    s_delay_answer (rig, CALL_DELAY_DUE, tag + 1, 0, 2);
    s_sale (rig, 6, 1, SALE_OPEN); /* takes the freed slot */
    assert_int_equal (s_tag (rig, CALL_DELAY_DUE), tag);
    rig_destroy (&rig);
}

/*  Answers of a former term change nothing, and a lost lease forgets a DUE that is out. */
static void
test_messages_of_a_former_term (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    uint64_t tag = s_begin_term (rig, 4);
    uint64_t next = s_begin_term (rig, 4);
    assert_int_not_equal (tag, next);
    s_delay_answer (rig, CALL_DELAY_DUE, tag, 1, 2);
    assert_null (rig_sent (rig, MSG_DUE, 0));
    s_delay_answer (rig, CALL_DELAY_DUE, next, 1, 2);
    uint64_t batch_id = rig_sent (rig, MSG_DUE, 0)->header.batch_id;
    s_lease_of (rig, 0, 5);
    s_ack_due (rig, batch_id, ERROR_NONE, 0);
    assert_false (s_has_call (rig, CALL_DELAY_DONE));
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- what operators see */

/*  The age of the oldest entry that is not acknowledged is told once a second, and 0 when there is none. */
static void
test_age_of_the_oldest (void **state)
{
    (void)state;
    rig_t *rig = s_active (2);
    s_entries (rig, 5, 1, 1, 1);
    s_advance (rig, 400 * MS);
    s_entries (rig, 5, 1, 2, 2);
    s_advance (rig, 600 * MS);
    const char *gauge = "gauge minishop_oldest_unacknowledged_milliseconds{} ";
    const char *told = strstr (rig_text (rig, true), gauge);
    assert_non_null (told);
    assert_int_equal (strtol (told + strlen (gauge), NULL, 10), 1000);
    s_ack (rig, 1, 1, ERROR_NONE, 2);
    s_advance (rig, 1000 * MS);
    told = strstr (rig_text (rig, true), gauge);
    assert_int_equal (strtol (told + strlen (gauge), NULL, 10), 1600);
    s_ack (rig, 1, 2, ERROR_NONE, 2);
    told = strstr (rig_text (rig, true), gauge);
    assert_int_equal (strtol (told + strlen (gauge), NULL, 10), 0);
    rig_destroy (&rig);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_fenced_by_each_call),
        cmocka_unit_test (test_lease_below_the_gates_token_is_none),
        cmocka_unit_test (test_late_refusal_means_nothing),
        cmocka_unit_test (test_message_is_delivered_when_due),
        cmocka_unit_test (test_due_is_repeated_until_taken),
        cmocka_unit_test (test_idle_sales_are_not_polled),
        cmocka_unit_test (test_messages_outlive_end_and_epoch),
        cmocka_unit_test (test_messages_of_a_former_term),
        cmocka_unit_test (test_age_of_the_oldest),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
