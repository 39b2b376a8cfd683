/*  Words of the command line as bodies of calls: `sale create`, `edit`, `stock`, and the small words. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "console_args.h"

#include <stdlib.h>
#include <string.h>

#define NOW_MS 1700000000000u
#define WORDS_MAX 32

typedef struct words_t {
    char text[512];
    char *argv[WORDS_MAX + 1];
    int argc;
} words_t;

/*  Words are split at blanks; "_" stands for a blank in one. */
static words_t *
s_words (const char *line)
{
    words_t *words = calloc (1, sizeof *words);
    char *rest = words->text, *word;
    snprintf (words->text, sizeof words->text, "%s", line);
    while ((word = strsep (&rest, " ")) && words->argc < WORDS_MAX) {
        for (char *at = word; (at = strchr (at, '_'));)
            *at = ' ';
        words->argv[words->argc++] = word;
    }
    return words;
}

typedef enum verb_t { CREATE, EDIT, STOCK } verb_t;

static bool
s_read (verb_t verb, words_t *words, sale_args_t *args)
{
    switch (verb) {
    case CREATE:
        return sale_args_create (words->argc, words->argv, NOW_MS, args);
    case EDIT:
        return sale_args_edit (words->argc, words->argv, NOW_MS, args);
    case STOCK:
        return sale_args_stock (words->argc, words->argv, args);
    }
    return false;
}

/*  Good words: id, key, flags and body are as said. */
static void
test_good (void **state)
{
    (void)state;
    static const struct {
        verb_t verb;
        const char *line, *id, *key;
        bool is_published, as_json;
        const char *body;
    } rows[] = {
        { CREATE, "create --title Winter_coat --price 7900 --stock 10", NULL, NULL, false, false,
          "{\"currency\":\"EUR\",\"ends_at_ms\":1700086399000,\"price_cents\":7900,"
          "\"starts_at_ms\":1699999999000,\"stock_total\":10,\"title\":\"Winter coat\"}" },
        { CREATE,
          "create --json --publish --title a --price 0 --stock 1 --currency USD --starts-in 60 "
          "--lasts 30 --per-user 2 --pay-within 5 --product p --image /x --list-price 9 "
          "--description d",
          NULL, NULL, true, true,
          "{\"currency\":\"USD\",\"description\":\"d\",\"ends_at_ms\":1700000090000,"
          "\"image_url\":\"/x\",\"list_price_cents\":9,\"pay_within_s\":5,\"per_user_limit\":2,"
          "\"price_cents\":0,\"product_id\":\"p\",\"starts_at_ms\":1700000060000,\"stock_total\":1,"
          "\"title\":\"a\"}" },
        { EDIT, "edit 12 --title b --ends-in 3600 --json", "12", NULL, false, true,
          "{\"ends_at_ms\":1700003600000,\"title\":\"b\"}" },
        { EDIT, "edit --ends-in -5 --starts-in 0 7", "7", NULL, false, false,
          "{\"ends_at_ms\":1699999995000,\"starts_at_ms\":1700000000000}" },
        { EDIT, "edit 7 --image=", "7", NULL, false, false, "{\"image_url\":\"\"}" },
        { STOCK, "stock 3 --delta -5 --reason broken_in_store --key fix-1", "3", "fix-1", false,
          false, "{\"delta\":-5,\"reason\":\"broken in store\"}" },
        { STOCK, "stock --delta=100 3 --reason r --json", "3", NULL, false, true,
          "{\"delta\":100,\"reason\":\"r\"}" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        words_t *words = s_words (rows[i].line);
        sale_args_t args;
        if (!s_read (rows[i].verb, words, &args))
            fail_msg ("refused: %s", rows[i].line);
        char *body = json_dumps (args.body, JSON_COMPACT | JSON_SORT_KEYS);
        assert_string_equal (body, rows[i].body);
        assert_string_equal (args.id ? args.id : "-", rows[i].id ? rows[i].id : "-");
        assert_string_equal (args.key ? args.key : "-", rows[i].key ? rows[i].key : "-");
        assert_int_equal (args.is_published, rows[i].is_published);
        assert_int_equal (args.as_json, rows[i].as_json);
        free (body);
        sale_args_free (&args);
        free (words);
    }
}

/*  Wrong words are refused, and nothing of them is kept. */
static void
test_bad (void **state)
{
    (void)state;
    static const struct {
        verb_t verb;
        const char *line;
    } rows[] = {
        { CREATE, "create" },
        { CREATE, "create --title t --price 1" },
        { CREATE, "create --title t --price 1 --stock x" },
        { CREATE, "create --title t --price 1 --stock 1 --ends-in 5" },
        { CREATE, "create --title t --price 1 --stock 1 --lasts 0" },
        { CREATE, "create --title t --price 1 --stock 1 --starts-in 99999999999" },
        { CREATE, "create --title t --price 1 --stock 1 more" },
        { CREATE, "create --title t --price 1.5 --stock 1" },
        { EDIT, "edit 12" },
        { EDIT, "edit 12 --json" },
        { EDIT, "edit --title t" },
        { EDIT, "edit x --title t" },
        { EDIT, "edit 1 2 --title t" },
        { EDIT, "edit 1 --publish --title t" },
        { EDIT, "edit 1 --colour red" },
        { EDIT, "edit 1 --price" },
        { STOCK, "stock 1 --delta 5" },
        { STOCK, "stock 1 --reason r" },
        { STOCK, "stock 1 --delta 0 --reason r" },
        { STOCK, "stock 1 --delta 1e3 --reason r" },
        { STOCK, "stock 1 --delta 99999999999999999999 --reason r" },
        { STOCK, "stock 1 --delta 1 --reason r --key a.b" },
        { STOCK, "stock 1 --delta 1 --reason r --title t" },
        { STOCK, "stock --delta 1 --reason r" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        words_t *words = s_words (rows[i].line);
        sale_args_t args;
        if (s_read (rows[i].verb, words, &args))
            fail_msg ("taken: %s", rows[i].line);
        assert_null (args.body);
        free (words);
    }
}

/*  Ids, numbers, and --json anywhere among the words. */
static void
test_small_words (void **state)
{
    (void)state;
    json_int_t number;
    assert_true (args_is_id ("12") && args_is_id ("9223372036854775807"));
    assert_false (args_is_id ("") || args_is_id ("-1") || args_is_id ("1 ") || args_is_id ("1/x") ||
                  args_is_id ("99999999999999999999"));
    assert_true (args_is_order_id ("00000000-0001-8000-8000-0123456789ab"));
    assert_false (args_is_order_id ("00000000-0001-8000-8000-0123456789AB") ||
                  args_is_order_id ("00000000-0001-8000-8000-0123456789a") ||
                  args_is_order_id ("../../../../../../../../../../limits"));
    assert_true (args_number ("-17", &number) && number == -17);
    assert_false (args_number ("", &number) || args_number (" 1", &number) ||
                  args_number ("1x", &number) || args_number ("+1", &number));
    words_t *words = s_words ("dlq --json show 3");
    assert_true (args_take_json (&words->argc, words->argv));
    assert_int_equal (words->argc, 3);
    assert_string_equal (words->argv[1], "show");
    assert_string_equal (words->argv[2], "3");
    assert_false (args_take_json (&words->argc, words->argv));
    free (words);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_good),
        cmocka_unit_test (test_bad),
        cmocka_unit_test (test_small_words),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
