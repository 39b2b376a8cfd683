/*  Request bodies: what is one, and what its fields are. */

#include "json_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static json_body_t s_body;

/*  Parses from a copy that ends where the bytes end, so that a sanitizer sees any byte read beyond. */
static bool
s_parse_bytes (const char *bytes, size_t count)
{
    char *copy = malloc (count ? count : 1);
    memcpy (copy, bytes, count);
    bool is_parsed = json_body_parse (&s_body, copy, count);
    free (copy);
    return is_parsed;
}

static bool
s_parse (const char *text)
{
    return s_parse_bytes (text, strlen (text));
}

static void
test_one_object_is_a_body (void **state)
{
    /* Nothing at all and any RFC 8259 object of at most 8 levels, with any white space around, are bodies. */
    (void)state;
    static const char *const bodies[] = {
        "",
        "{}",
        " \t\r\n{ } ",
        "{\"a\":1}",
        "{\"a\":-0.5e+10,\"b\":[1,2,{}],\"c\":null,\"d\":true,\"e\":false}",
        "{\"a\":\"\\u00e4\\ud83d\\ude00\\n\\\\\\\"\\/\"}",
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}",
        "{\"\":0}",
        "{\"a\":99999999999999999999999999999999}",
        "{\"a\":1e999}",
        "{\"\xc3\xa4\":\"\xf0\x9f\x98\x80\"}",
        "{\"a\":\"\\u0000\"}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_true (s_parse (bodies[i]));
}

static void
test_everything_else_is_malformed (void **state)
{
    /* Not an object, not JSON, not UTF-8, a name twice (also written differently), deeper than 8, or anything behind it. */
    (void)state;
    static const char *const bodies[] = {
        " ",
        "[]",
        "1",
        "null",
        "\"a\"",
        "{",
        "}",
        "{}}",
        "{} {}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":+1}",
        "{\"a\":-}",
        "{\"a\":1e}",
        "{\"a\":1e+}",
        "{\"a\":0x1}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":tru}",
        "{\"a\":nullx}",
        "{\"a\":\"",
        "{\"a\":\"\\",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\u123g\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\\ud800\\u0041\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\x01\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xc0\x80\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "{\"b\":{\"a\":1,\"a\":1}}",
        "{\"a\":[1,]}",
        "{\"a\":[,1]}",
        "{\"a\":[1 2]}",
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}",
        "\xef\xbb\xbf{}",
        "{/**/}",
        "{\"a\":1}//",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        if (s_parse (bodies[i]))
            fail_msg ("accepted: %s", bodies[i]);
    }
    assert_false (s_parse_bytes ("{}\0", 3));
    assert_false (s_parse_bytes ("{\"a\0\":1}", 8));
}

static void
test_depth_is_no_danger (void **state)
{
    /* A body of nothing but brackets is refused at the ninth, not followed. */
    (void)state;
    static char body[HTTP_BODY_BYTES_MAX];
    memset (body, '[', sizeof body);
    assert_false (s_parse_bytes (body, sizeof body));
    for (size_t i = 0; i + 5 <= sizeof body; i += 5)
        memcpy (body + i, "{\"a\":", 5);
    assert_false (s_parse_bytes (body, sizeof body));
}

static void
test_largest_bodies_fit (void **state)
{
    /* The most values that 4,096 bytes can hold are held; one byte more is no body. */
    (void)state;
    static char body[HTTP_BODY_BYTES_MAX + 1];
    size_t used = (size_t)snprintf (body, sizeof body, "{\"a\":[1");
    while (used + 4 <= HTTP_BODY_BYTES_MAX) {
        body[used++] = ',';
        body[used++] = '1';
    }
    body[used++] = ']';
    body[used++] = '}';
    assert_true (s_parse_bytes (body, used));
    memset (body, ' ', sizeof body);
    memcpy (body, "{}", 2);
    assert_true (s_parse_bytes (body, HTTP_BODY_BYTES_MAX));
    assert_false (s_parse_bytes (body, HTTP_BODY_BYTES_MAX + 1));
}

/* -------------------------------------------------------------------------- against jansson */

static uint32_t s_seed;

static uint32_t
s_random (uint32_t below)
{
    s_seed = s_seed * 1664525u + 1013904223u;
    return (s_seed >> 8) % below;
}

/*  A body from pieces that are likely to make sense, and then some damage. */
static size_t
s_generate (char *body)
{
    static const char *const pieces[] = {
        "{",       "}",         "[",           "]",       ",",        ":",
        "\"a\"",   "\"b\"",     "\"\\u0061\"", "1",       "-1",       "0",
        "1.5",     "2e3",       "true",        "null",    " ",        "\"\xc3\xa4\"",
        "\"\\n\"", "{\"a\":1}", "[1,2]",       "\"a\":1", "\"c\":{}", "\"d\":[]"
    };
    size_t used = 0, wanted = s_random (12);
    body[used++] = '{';
    for (size_t i = 0; i < wanted; i++) {
        const char *piece = pieces[s_random (sizeof pieces / sizeof *pieces)];
        memcpy (body + used, piece, strlen (piece));
        used += strlen (piece);
        if (s_random (2) && used < 200)
            body[used++] = i % 2 ? ',' : ':';
    }
    if (used > 1 && (body[used - 1] == ',' || body[used - 1] == ':'))
        used--;
    body[used++] = '}';
    if (s_random (3) == 0)
        body[s_random ((uint32_t)used)] = (char)s_random (256);
    return used;
}

static void
test_agrees_with_jansson (void **state)
{
    /* Over a million generated bodies, what is accepted is what jansson accepts (with duplicates refused). */
    (void)state;
    char body[512];
    size_t accepted = 0;
    s_seed = 42;
    for (int i = 0; i < 1000000; i++) {
        size_t count = s_generate (body);
        json_error_t error;
        json_t *oracle = json_loadb (body, count, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
        bool is_expected = json_is_object (oracle);
        bool is_parsed = s_parse_bytes (body, count);
        json_decref (oracle);
        accepted += is_parsed;
        if (is_parsed != is_expected)
            fail_msg ("%.*s: jansson %d, we %d (%s)", (int)count, body, is_expected, is_parsed,
                      error.text);
    }
    assert_true (accepted > 10000);
}

static void
test_strings_mean_what_jansson_says (void **state)
{
    /* Unescaped strings are byte for byte jansson's. */
    (void)state;
    const char *body =
        "{\"a\":\"x\\u00e4\\u20ac\\ud83d\\ude00\\b\\f\\n\\r\\t\\/\\\\\\\"y\",\"b\":\"\xc3\xa4\"}";
    char text[64];
    fields_t fields;
    json_t *oracle = json_loads (body, 0, NULL);
    assert_true (s_parse (body));
    fields_open (&fields, &s_body);
    fields_text (&fields, "a", FIELD_REQUIRED, 0, 60, text);
    assert_string_equal (text, json_string_value (json_object_get (oracle, "a")));
    fields_text (&fields, "b", FIELD_REQUIRED, 0, 60, text);
    assert_string_equal (text, json_string_value (json_object_get (oracle, "b")));
    assert_true (fields_end (&fields));
    json_decref (oracle);
}

/* -------------------------------------------------------------------------- fields */

static const char *
s_number_detail (const char *value, uint64_t *number)
{
    static char body[256];
    static fields_t fields;
    snprintf (body, sizeof body, "{\"n\":%s}", value);
    assert_true (s_parse (body));
    fields_open (&fields, &s_body);
    *number = fields_number (&fields, "n", FIELD_REQUIRED, 1, 1000, 7);
    fields_end (&fields);
    return fields.detail;
}

static void
test_numbers_are_plain_integers (void **state)
{
    /* Digits alone within the range; 1.0, "1", 1e2, -0, null and numbers of any size are refused, and the sentence names the field. */
    (void)state;
    static const char *const wrong[] = { "1.0",
                                         "\"1\"",
                                         "1e2",
                                         "-0",
                                         "-1",
                                         "0",
                                         "1001",
                                         "null",
                                         "true",
                                         "[]",
                                         "{}",
                                         "1E0",
                                         "99999999999999999999",
                                         "18446744073709551617",
                                         "1e999" };
    uint64_t number;
    assert_string_equal (s_number_detail ("1", &number), "");
    assert_int_equal (number, 1);
    assert_string_equal (s_number_detail ("1000", &number), "");
    assert_int_equal (number, 1000);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_string_equal (s_number_detail (wrong[i], &number),
                             "\"n\" is an integer from 1 to 1000");
}

static void
test_texts_have_bounds (void **state)
{
    /* Length is in bytes; other types and NUL are refused; a missing optional text is empty. */
    (void)state;
    char text[5];
    fields_t fields;
    static const char *const wrong[] = { "{\"t\":\"a\"}",
                                         "{\"t\":\"aaaaa\"}",
                                         "{\"t\":\"\\u20ac\\u20ac\"}",
                                         "{\"t\":1}",
                                         "{\"t\":null}",
                                         "{\"t\":\"a\\u0000b\"}",
                                         "{}" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_true (s_parse (wrong[i]));
        fields_open (&fields, &s_body);
        fields_text (&fields, "t", FIELD_REQUIRED, 2, 4, text);
        assert_false (fields_end (&fields));
        assert_non_null (strstr (fields.detail, "\"t\""));
    }
    assert_true (s_parse ("{}"));
    fields_open (&fields, &s_body);
    fields_text (&fields, "t", FIELD_OPTIONAL, 2, 4, text);
    assert_true (fields_end (&fields));
    assert_string_equal (text, "");
}

static bool
s_reads_integer (const char *value, int64_t *number)
{
    char body[256];
    fields_t fields;
    snprintf (body, sizeof body, "{\"n\":%s}", value);
    assert_true (s_parse (body));
    fields_open (&fields, &s_body);
    *number = fields_integer (&fields, "n", FIELD_REQUIRED, -100, 1000, 7);
    assert_true (fields.is_wrong == (*fields.detail != 0));
    return fields_end (&fields);
}

static void
test_integers_may_have_a_minus_sign (void **state)
{
    /* As numbers are, with at most a minus sign; zero has none; as strict at both ends of the range. */
    (void)state;
    static const struct {
        const char *text;
        int64_t number;
    } right[] = { { "0", 0 }, { "-1", -1 }, { "-100", -100 }, { "1000", 1000 }, { "42", 42 } };
    static const char *const wrong[] = { "-0",
                                         "-101",
                                         "1001",
                                         "-1.0",
                                         "-1e1",
                                         "1e0",
                                         "\"-1\"",
                                         "null",
                                         "[-1]",
                                         "{}",
                                         "true",
                                         "-9223372036854775808",
                                         "-99999999999999999999",
                                         "99999999999999999999",
                                         "\"-\"",
                                         "\"\"" };
    int64_t number;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_true (s_reads_integer (right[i].text, &number));
        assert_true (number == right[i].number);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false (s_reads_integer (wrong[i], &number));
        assert_true (number == 7);
    }
    fields_t fields;
    assert_true (s_parse ("{}"));
    fields_open (&fields, &s_body);
    assert_true (fields_integer (&fields, "n", FIELD_OPTIONAL, -1, 1, -5) == -5);
    assert_true (fields_end (&fields));
    fields_integer (&fields, "n", FIELD_REQUIRED, -1, 1, 0);
    assert_string_equal (fields.detail, "\"n\" is missing");
}

static void
test_unknown_fields_are_named (void **state)
{
    /* What nobody read is refused by name, also within an object, and nothing of the name can spoil the sentence. */
    (void)state;
    fields_t fields, member;
    assert_true (s_parse ("{\"a\":1,\"b\\n\\u00e4\":2}"));
    fields_open (&fields, &s_body);
    fields_number (&fields, "a", FIELD_REQUIRED, 0, 9, 0);
    assert_false (fields_end (&fields));
    assert_string_equal (fields.detail, "\"b???\" is not a field here");
    assert_true (s_parse ("{\"o\":{\"x\":1,\"y\":2}}"));
    fields_open (&fields, &s_body);
    assert_true (fields_object (&fields, "o", &member));
    assert_int_equal (fields_number (&member, "x", FIELD_REQUIRED, 0, 9, 0), 1);
    fields_end (&member);
    fields_close (&fields, &member);
    assert_false (fields_end (&fields));
    assert_string_equal (fields.detail, "\"y\" is not a field here");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_one_object_is_a_body),
        cmocka_unit_test (test_everything_else_is_malformed),
        cmocka_unit_test (test_depth_is_no_danger),
        cmocka_unit_test (test_largest_bodies_fit),
        cmocka_unit_test (test_agrees_with_jansson),
        cmocka_unit_test (test_strings_mean_what_jansson_says),
        cmocka_unit_test (test_numbers_are_plain_integers),
        cmocka_unit_test (test_texts_have_bounds),
        cmocka_unit_test (test_integers_may_have_a_minus_sign),
        cmocka_unit_test (test_unknown_fields_are_named),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
