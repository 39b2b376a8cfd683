#include "effects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char s_text[1 << 16];

static int
s_setup (void **state)
{
    *state = effects_new ();
    return 0;
}

static int
s_teardown (void **state)
{
    effects_t *effects = *state;
    effects_destroy (&effects);
    effects_destroy (&effects);
    assert_null (effects);
    return 0;
}

static const char *
s_dump (const effects_t *effects, bool with_metrics)
{
    effects_dump (effects, with_metrics, s_text, sizeof s_text);
    return s_text;
}

/*  Property: effects come out in the order in which the core asked for them, as the header's example lines show. */
static void
test_order_and_text (void **state)
{
    effects_t *effects = *state;
    address_t edge = { KIND_EDGE, 1, 9 };
    effects_send (effects, edge, MSG_VERDICT)->batch_id = 7;
    verdict_t *verdict = effects_entry (effects, &record_verdict);
    verdict->qid = 1;
    verdict->code = ERROR_SOLD_OUT;
    effects_log (effects, LOG_LEVEL_INFO, "gate_opened", "sale=%d", 1);
    effects_add (effects, METRIC_LIMITED, ERROR_SOLD_OUT, 1);
    effects_call (effects, CALL_GATE_LOOKUP, 3);
    ((gate_key_t *)effects_entry (effects, &record_gate_key))->sale_id = 5;
    effects_gauge (effects, METRIC_IN_FLIGHT, 0, 12);
    effects_observe (effects, METRIC_STEP_US, 100);
    assert_string_equal (s_dump (effects, true),
                         "send edge/1 VERDICT batch=7 [{\"qid\":1,\"code\":33}]\n"
                         "log info gate_opened sale=1\n"
                         "add minishop_limited_total{sold_out} 1\n"
                         "call gate_lookup tag=3 [{\"sale_id\":5}]\n"
                         "gauge minishop_in_flight{} 12\n"
                         "observe minishop_step_seconds{} 100\n");
    assert_string_equal (s_dump (effects, false),
                         "send edge/1 VERDICT batch=7 [{\"qid\":1,\"code\":33}]\n"
                         "log info gate_opened sale=1\n"
                         "call gate_lookup tag=3 [{\"sale_id\":5}]\n");
    effects_clear (effects);
    assert_int_equal (effects_count (effects), 0);
    assert_string_equal (s_dump (effects, true), "");
}

/*  Property: an answer goes to the asker's incarnation, with its batch and trace, and names the question as its cause. */
static void
test_reply (void **state)
{
    effects_t *effects = *state;
    header_t question = { .type = MSG_SALE_GET,
                          .message_id = 41,
                          .from_kind = KIND_EDGE,
                          .from_number = 2,
                          .from_incarnation = 99,
                          .batch_id = 5,
                          .trace_id = { 1, 2 },
                          .span_id = { 3 } };
    const header_t *answer = effects_reply (effects, &question, MSG_SALE_REPLY);
    assert_int_equal (answer->to_kind, KIND_EDGE);
    assert_int_equal (answer->to_number, 2);
    assert_int_equal (answer->to_incarnation, 99);
    assert_int_equal (answer->cause_id, 41);
    assert_int_equal (answer->batch_id, 5);
    assert_memory_equal (answer->trace_id, question.trace_id, 16);
    assert_memory_equal (answer->span_id, question.span_id, 8);
    effects_clear (effects);
    effects_reply_outcome (effects, &question, ERROR_BUSY, "later", 250);
    assert_string_equal (s_dump (effects, true),
                         "send edge/2 OUTCOME batch=5 "
                         "[{\"code\":50,\"detail\":\"later\",\"retry_after_ms\":250}]\n");
}

/*  Property: entries are zeroed, stand side by side, and the fullest batch and call fit; memory of a cleared step does not shine
    through. */
static void
test_entries (void **state)
{
    effects_t *effects = *state;
    address_t edge = { KIND_EDGE, 1, 0 };
    for (size_t round = 0; round < 3; round++) {
        effects_clear (effects);
        effects_send (effects, edge, MSG_PURCHASE);
        assert_int_equal (effects_entry_count (effects), 0);
        for (size_t i = 0; i < BATCH_ENTRIES_MAX; i++) {
            purchase_t *purchase = effects_entry (effects, &record_purchase);
            assert_memory_equal (purchase, &(purchase_t){ 0 }, sizeof *purchase);
            memset (purchase, 0xff, sizeof *purchase);
            purchase->qid = i;
        }
        assert_int_equal (effects_entry_count (effects), BATCH_ENTRIES_MAX);
        effects_call (effects, CALL_GATE_LOAD, 1);
        for (size_t i = 0; i < CALL_ROWS_MAX; i++) {
            gate_entry_t *entry = effects_entry (effects, &record_gate_entry);
            assert_memory_equal (entry, &(gate_entry_t){ 0 }, sizeof *entry);
            memset (entry, 0xff, sizeof *entry);
        }
        const effect_t *sent = effects_at (effects, 0);
        assert_int_equal (sent->count, BATCH_ENTRIES_MAX);
        assert_int_equal (effects_at (effects, 1)->count, CALL_ROWS_MAX);
        for (size_t i = 0; i < BATCH_ENTRIES_MAX; i++)
            assert_int_equal (((const purchase_t *)sent->entries)[i].qid, i);
    }
}

/*  Property: SENDs and CALLs may be empty; other effects between them do not disturb the ones before. */
static void
test_empty_messages (void **state)
{
    effects_t *effects = *state;
    address_t account = { KIND_ACCOUNT, 1, 0 };
    effects_send (effects, account, MSG_DENIALS);
    effects_send (effects, account, MSG_DENIALS);
    ((denial_t *)effects_entry (effects, &record_denial))->user_id = 3;
    assert_string_equal (s_dump (effects, true),
                         "send account/1 DENIALS []\nsend account/1 DENIALS [{\"user_id\":3}]\n");
}

/*  Property: a dump that does not fit is cut and ended within its room; the return is the whole length. */
static void
test_dump_room (void **state)
{
    effects_t *effects = *state;
    address_t edge = { KIND_EDGE, 1, 0 };
    char text[128], whole[128];
    effects_send (effects, edge, MSG_VERDICT);
    ((verdict_t *)effects_entry (effects, &record_verdict))->qid = 12345;
    effects_log (effects, LOG_LEVEL_ERROR, "event", "%s", "words");
    size_t length = effects_dump (effects, true, whole, sizeof whole);
    assert_int_equal (length, strlen (whole));
    for (size_t room = 0; room <= length + 1; room++) {
        memset (text, '#', sizeof text);
        assert_int_equal (effects_dump (effects, true, text, room), length);
        for (size_t i = room; i < sizeof text; i++)
            assert_int_equal (text[i], '#');
        if (room) {
            assert_int_equal (strlen (text), room - 1 < length ? room - 1 : length);
            assert_memory_equal (text, whole, strlen (text));
        }
    }
}

/*  Property: a log line longer than its room is cut, not overrun. */
static void
test_long_log (void **state)
{
    effects_t *effects = *state;
    char words[2000];
    memset (words, 'w', sizeof words - 1);
    words[sizeof words - 1] = 0;
    effects_log (effects, LOG_LEVEL_WARNING, "long", "%s", words);
    assert_true (strlen (effects_at (effects, 0)->detail) < 600);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (test_order_and_text, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (test_reply, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (test_entries, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (test_empty_messages, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (test_dump_room, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (test_long_log, s_setup, s_teardown),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
