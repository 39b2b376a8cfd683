#include "params.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/*  Property: every default lies in its own range, and every row has a unit and prose. */
static void
test_defaults (void **state)
{
    (void)state;
    static params_t params;
    size_t numbers = 0;
    params_set_defaults (&params);
    for (size_t i = 0; param_at (i); i++) {
        const param_t *param = param_at (i);
        assert_true (strlen (param->prose) > 0);
        if (!param->is_number) {
            assert_string_equal ((char *)&params + param->offset, param->default_text);
            continue;
        }
        numbers++;
        assert_true (param->min <= param->default_number && param->default_number <= param->max);
        assert_true (strlen (param->unit) > 0);
        assert_memory_equal ((char *)&params + param->offset, &param->default_number, 8);
    }
    assert_true (numbers > 20);
    assert_int_equal (params.port, 8080);
    assert_string_equal (params.bind, "127.0.0.1");
}

/*  Property: a number is set if and only if it is decimal and in range; otherwise nothing changes and the reason names the
    parameter and its range. */
static void
test_numbers (void **state)
{
    (void)state;
    static const char *const bad[] = { "",    "0",   "65536", "-1",   "+1",
                                       " 80", "80 ", "8x",    "0x50", "99999999999999999999999" };
    static params_t params;
    char reason[200];
    params_set_defaults (&params);
    assert_true (params_set (&params, "port", "1", reason, sizeof reason));
    assert_int_equal (params.port, 1);
    assert_true (params_set (&params, "port", "65535", reason, sizeof reason));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false (params_set (&params, "port", bad[i], reason, sizeof reason));
        assert_non_null (strstr (reason, "port is a number of port from 1 to 65535"));
        assert_int_equal (params.port, 65535);
    }
}

/*  Property: the ends of every range are taken, what lies beyond them is not. */
static void
test_ranges (void **state)
{
    (void)state;
    static params_t params;
    char text[32], reason[200];
    for (size_t i = 0; param_at (i); i++) {
        const param_t *param = param_at (i);
        if (!param->is_number)
            continue;
        snprintf (text, sizeof text, "%" PRIu64, param->min);
        assert_true (params_set (&params, param->name, text, reason, sizeof reason));
        snprintf (text, sizeof text, "%" PRIu64, param->max);
        assert_true (params_set (&params, param->name, text, reason, sizeof reason));
        snprintf (text, sizeof text, "%" PRIu64, param->max + 1);
        assert_false (params_set (&params, param->name, text, reason, sizeof reason));
    }
}

/*  Property: texts up to their limit are taken, longer ones refused whole; an empty one is a value. */
static void
test_texts (void **state)
{
    (void)state;
    static params_t params;
    char text[PARAM_TEXT_BYTES_MAX + 2] = "", reason[200];
    params_set_defaults (&params);
    memset (text, 'x', PARAM_TEXT_BYTES_MAX);
    assert_true (params_set (&params, "dir", text, reason, sizeof reason));
    assert_string_equal (params.dir, text);
    text[PARAM_TEXT_BYTES_MAX] = 'y';
    assert_false (params_set (&params, "dir", text, reason, sizeof reason));
    assert_int_equal (strlen (params.dir), PARAM_TEXT_BYTES_MAX);
    assert_true (params_set (&params, "unlimited_cidrs", "", reason, sizeof reason));
    assert_string_equal (params.unlimited_cidrs, "");
    assert_false (params_set (&params, "no_such", "1", reason, sizeof reason));
    assert_non_null (strstr (reason, "no_such"));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_defaults),
        cmocka_unit_test (test_numbers),
        cmocka_unit_test (test_ranges),
        cmocka_unit_test (test_texts),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
