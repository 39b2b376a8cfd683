#include "json_dump.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/*  Property: fields in the order of the table, absent ones left out, bytes in hex, signed numbers with their sign. */
static void
test_shape (void **state)
{
    (void)state;
    char text[400];
    query_t query = { .sale_id = 7, .rid = { 0xab, 0x01 }, .actor = "admin" };
    sample_t sample = { .metric = 3, .value = -5 };
    json_dump (&record_query, &query, text, sizeof text);
    assert_string_equal (
        text, "{\"sale_id\":7,\"rid\":\"ab010000000000000000000000000000\",\"actor\":\"admin\"}");
    json_dump (&record_sample, &sample, text, sizeof text);
    assert_string_equal (text, "{\"metric\":3,\"value\":-5}");
    json_dump (&record_ack, &(ack_t){ 0 }, text, sizeof text);
    assert_string_equal (text, "{}");
}

/*  Property: what a client chose cannot end the string or forge a line: quotes, backslashes and control characters are escaped. */
static void
test_escapes (void **state)
{
    (void)state;
    char text[200];
    outcome_t outcome = { .detail = "a\"b\\c\nd\x7f"
                                    "é" };
    json_dump (&record_outcome, &outcome, text, sizeof text);
    assert_string_equal (text, "{\"detail\":\"a\\\"b\\\\c\\u000ad\\u007f"
                               "é\"}");
    json_dump_text ("\x01\"", text, sizeof text);
    assert_string_equal (text, "\"\\u0001\\\"\"");
}

/*  Property: no SECRET field of any record shows, whatever is in it. */
static void
test_secrets (void **state)
{
    (void)state;
    static uint64_t entry[512];
    static char text[40000];
    size_t secrets = 0;
    for (size_t r = 0; schema_record (r); r++) {
        const record_t *record = schema_record (r);
        memset (entry, 0, sizeof entry);
        for (size_t i = 0; i < record->field_count; i++)
            if (record->fields[i].kind == FIELD_SECRET) {
                memcpy ((char *)entry + record->fields[i].offset, "hunter2", 7);
                secrets++;
            }
        json_dump (record, entry, text, sizeof text);
        assert_null (strstr (text, "hunter2"));
    }
    assert_true (secrets >= 5);
    json_dump (&record_credentials, &(credentials_t){ .username = "bo", .password = "hunter2" },
               text, sizeof text);
    assert_string_equal (text, "{\"username\":\"bo\",\"password\":\"***\"}");
}

/*  Property: a text that does not fit is cut and ended, nothing is written beyond the room, and the return is the whole length. */
static void
test_room (void **state)
{
    (void)state;
    char text[64], whole[64];
    ack_t ack = { .code = 5, .credit = 6 };
    size_t length = json_dump (&record_ack, &ack, whole, sizeof whole);
    assert_int_equal (length, strlen ("{\"code\":5,\"credit\":6}"));
    for (size_t room = 0; room <= length + 1; room++) {
        memset (text, '#', sizeof text);
        assert_int_equal (json_dump (&record_ack, &ack, text, room), length);
        for (size_t i = room; i < sizeof text; i++)
            assert_int_equal (text[i], '#');
        if (room) {
            assert_int_equal (strlen (text), room - 1 < length ? room - 1 : length);
            assert_memory_equal (text, whole, strlen (text));
        }
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_shape),
        cmocka_unit_test (test_escapes),
        cmocka_unit_test (test_secrets),
        cmocka_unit_test (test_room),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
