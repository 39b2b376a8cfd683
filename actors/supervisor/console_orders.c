/*  order, dlq: single orders, and the entries that could not become one. */

#include "console.h"
#include "console_args.h"
#include "console_call.h"

#include <stdio.h>
#include <string.h>

/* -------------------------------------------------------------------------- order */

/*  Plain members as lines; payments and moves of the order as tables. */
static void
s_print_order (json_t *order)
{
    char at[32];
    const char *name;
    size_t index;
    json_t *value, *row;
    json_object_foreach (order, name, value)
    {
        size_t bytes = strlen (name);
        bool is_time = bytes > 3 && strcmp (name + bytes - 3, "_ms") == 0;
        if (json_is_integer (value) && is_time)
            printf ("%-16s %s\n", name, console_time (json_integer_value (value), at));
        else if (json_is_integer (value))
            printf ("%-16s %" JSON_INTEGER_FORMAT "\n", name, json_integer_value (value));
        else if (json_is_string (value))
            printf ("%-16s %s\n", name, json_string_value (value));
    }
    json_array_foreach (json_object_get (order, "payments"), index, row)
    {
        printf ("payment          %s %s\n", console_text (row, "payment_id"),
                console_text (row, "status"));
    }
    json_array_foreach (json_object_get (order, "timeline"), index, row)
    {
        printf ("%s  %-20s %s\n", console_time (console_number (row, "at_ms"), at),
                console_text (row, "event"), console_text (row, "actor"));
    }
}

static int
s_finish_order (json_t *order, bool as_json)
{
    if (!order)
        return EXIT_NOT_DONE;
    if (as_json)
        console_print_json (order);
    else
        s_print_order (order);
    json_decref (order);
    return EXIT_DONE;
}

int
console_order (int argc, char **argv)
{
    char path[120];
    json_t *order = NULL;
    bool as_json = args_take_json (&argc, argv);
    bool is_show = argc == 3 && strcmp (argv[1], "show") == 0;
    bool is_cancel = argc == 5 && strcmp (argv[1], "cancel") == 0 &&
                     strcmp (argv[3], "--reason") == 0 && argv[4][0];
    if (!(is_show || is_cancel) || !args_is_order_id (argv[2]))
        return console_usage ("order");
    if (!console_open ())
        return EXIT_NOT_DONE;
    snprintf (path, sizeof path, "orders/%s%s", argv[2], is_cancel ? "/cancel" : "");
    if (is_show)
        order = console_call ("GET", path, NULL, NULL);
    else {
        json_t *body = json_pack ("{s:s}", "reason", argv[4]);
        order = body ? console_call ("POST", path, NULL, body)
                     : (console_fail ("the reason is not UTF-8"), NULL);
        json_decref (body);
    }
    return s_finish_order (order, as_json);
}

/* -------------------------------------------------------------------------- dlq */

static void
s_print_letters (json_t *letters)
{
    char at[32];
    size_t index;
    json_t *letter;
    printf ("%-8s %-23s %8s  %s\n", "LETTER", "AT", "ATTEMPTS", "REASON");
    json_array_foreach (letters, index, letter)
    {
        printf ("%-8s %-23s %8" JSON_INTEGER_FORMAT "  %s\n", console_text (letter, "id"),
                console_time (console_number (letter, "at_ms"), at),
                console_number (letter, "attempts"), console_text (letter, "reason"));
    }
}

static int
s_list_letters (bool as_json)
{
    json_t *all = console_call_list ("dead-letters", "dead_letters");
    if (!all)
        return EXIT_NOT_DONE;
    if (as_json) {
        json_t *whole = json_pack ("{s:O}", "dead_letters", all);
        console_print_json (whole);
        json_decref (whole);
    } else
        s_print_letters (all);
    json_decref (all);
    return EXIT_DONE;
}

/*  The message as JSON; with --json the whole letter, in one line. */
static int
s_show_letter (const char *id, bool as_json)
{
    size_t index;
    json_t *letter, *found = NULL, *all = console_call_list ("dead-letters", "dead_letters");
    if (!all)
        return EXIT_NOT_DONE;
    json_array_foreach (all, index, letter)
    {
        if (strcmp (console_text (letter, "id"), id) == 0)
            found = letter;
    }
    int code = EXIT_DONE;
    if (!found)
        code = console_fail ("there is no open dead letter %s", id);
    else if (as_json)
        console_print_json (found);
    else {
        json_dumpf (json_object_get (found, "message"), stdout, JSON_INDENT (2) | JSON_ENCODE_ANY);
        putchar ('\n');
    }
    json_decref (all);
    return code;
}

static int
s_decide_letter (const char *id, const char *verb, bool as_json)
{
    char path[120];
    snprintf (path, sizeof path, "dead-letters/%s/%s", id, verb);
    json_t *nothing = json_object ();
    json_t *answer = console_call ("POST", path, NULL, nothing);
    json_decref (nothing);
    if (!answer)
        return EXIT_NOT_DONE;
    if (as_json)
        console_print_json (answer);
    else
        printf ("dead letter %s: %sed\n", id, strcmp (verb, "requeue") == 0 ? "requeu" : verb);
    json_decref (answer);
    return EXIT_DONE;
}

int
console_dlq (int argc, char **argv)
{
    bool as_json = args_take_json (&argc, argv);
    const char *verb = argc > 1 ? argv[1] : "";
    bool is_list = argc == 2 && strcmp (verb, "list") == 0;
    bool is_one = argc == 3 && args_is_id (argv[2]);
    bool is_show = is_one && strcmp (verb, "show") == 0;
    bool is_decision = is_one && (strcmp (verb, "requeue") == 0 || strcmp (verb, "discard") == 0);
    if (!is_list && !is_show && !is_decision)
        return console_usage ("dlq");
    if (!console_open ())
        return EXIT_NOT_DONE;
    if (is_list)
        return s_list_letters (as_json);
    return is_show ? s_show_letter (argv[2], as_json) : s_decide_letter (argv[2], verb, as_json);
}
