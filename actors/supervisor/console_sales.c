/*  sale, limits: the operators' part of the HTTP interface. */

#include "clock.h"
#include "console.h"
#include "console_args.h"
#include "console_call.h"

#include <stdio.h>
#include <string.h>

static void
s_print_sale (const json_t *sale)
{
    printf ("%-8s %-10s %9" JSON_INTEGER_FORMAT " %9" JSON_INTEGER_FORMAT " %7" JSON_INTEGER_FORMAT
            ".%02d %-3s  %s\n",
            console_text (sale, "sale_id"), console_text (sale, "state"),
            console_number (sale, "stock_left"), console_number (sale, "stock_total"),
            console_number (sale, "price_cents") / 100,
            (int)(console_number (sale, "price_cents") % 100), console_text (sale, "currency"),
            console_text (sale, "title"));
}

static void
s_print_sale_head (void)
{
    printf ("%-8s %-10s %9s %9s %10s %-3s  %s\n", "SALE", "STATE", "LEFT", "TOTAL", "PRICE", "",
            "TITLE");
}

static int
s_list (bool as_json)
{
    size_t index;
    json_t *sale, *all = console_call_list ("sales", "sales");
    if (!all)
        return EXIT_NOT_DONE;
    if (as_json) {
        json_t *whole = json_pack ("{s:O}", "sales", all);
        console_print_json (whole);
        json_decref (whole);
    } else {
        s_print_sale_head ();
        json_array_foreach (all, index, sale)
        {
            s_print_sale (sale);
        }
    }
    json_decref (all);
    return EXIT_DONE;
}

/* -------------------------------------------------------------------------- one sale */

static json_t *
s_move (const char *id, const char *verb)
{
    char path[120];
    snprintf (path, sizeof path, "sales/%s/%s", id, verb);
    json_t *nothing = json_object ();
    json_t *answer = console_call ("POST", path, NULL, nothing);
    json_decref (nothing);
    return answer;
}

static int
s_print_and_release (json_t *sale, bool as_json)
{
    if (!sale)
        return EXIT_NOT_DONE;
    if (as_json)
        console_print_json (sale);
    else {
        s_print_sale_head ();
        s_print_sale (sale);
    }
    json_decref (sale);
    return EXIT_DONE;
}

static void
s_print_audit (json_t *audit)
{
    const char *name;
    json_t *value;
    json_object_foreach (audit, name, value)
    {
        if (json_is_integer (value))
            printf ("%-20s %" JSON_INTEGER_FORMAT "\n", name, json_integer_value (value));
        else
            printf ("%-20s %s\n", name, json_is_true (value) ? "yes" : "no");
    }
}

static int
s_audit (const char *id, bool as_json)
{
    char path[120];
    snprintf (path, sizeof path, "sales/%s/audit", id);
    json_t *audit = console_call ("GET", path, NULL, NULL);
    if (!audit)
        return EXIT_NOT_DONE;
    bool is_balanced = json_is_true (json_object_get (audit, "balanced"));
    if (as_json)
        console_print_json (audit);
    else
        s_print_audit (audit);
    json_decref (audit);
    return is_balanced ? EXIT_DONE : console_fail ("sale %s is not balanced", id);
}

/* -------------------------------------------------------------------------- create, edit, stock */

static int
s_create (int argc, char **argv)
{
    sale_args_t args;
    if (!sale_args_create (argc, argv, clock_wall_ms (), &args))
        return console_usage ("sale");
    json_t *made = console_open () ? console_call ("POST", "sales", NULL, args.body) : NULL;
    sale_args_free (&args);
    if (made && args.is_published) {
        json_t *published = s_move (console_text (made, "sale_id"), "publish");
        json_decref (made);
        made = published;
    }
    return s_print_and_release (made, args.as_json);
}

static int
s_edit (int argc, char **argv)
{
    char path[120];
    sale_args_t args;
    if (!sale_args_edit (argc, argv, clock_wall_ms (), &args))
        return console_usage ("sale");
    snprintf (path, sizeof path, "sales/%s", args.id);
    json_t *sale = console_open () ? console_call ("PATCH", path, NULL, args.body) : NULL;
    sale_args_free (&args);
    return s_print_and_release (sale, args.as_json);
}

static int
s_stock (int argc, char **argv)
{
    char path[120];
    sale_args_t args;
    if (!sale_args_stock (argc, argv, &args))
        return console_usage ("sale");
    snprintf (path, sizeof path, "sales/%s/stock", args.id);
    json_t *sale = console_open () ? console_call ("POST", path, args.key, args.body) : NULL;
    sale_args_free (&args);
    return s_print_and_release (sale, args.as_json);
}

int
console_sale (int argc, char **argv)
{
    if (argc < 2)
        return console_usage ("sale");
    const char *verb = argv[1];
    if (strcmp (verb, "create") == 0)
        return s_create (argc - 1, argv + 1);
    if (strcmp (verb, "edit") == 0)
        return s_edit (argc - 1, argv + 1);
    if (strcmp (verb, "stock") == 0)
        return s_stock (argc - 1, argv + 1);
    bool as_json = args_take_json (&argc, argv);
    bool is_list = strcmp (verb, "list") == 0 && argc == 2;
    bool is_audit = strcmp (verb, "audit") == 0;
    bool is_move = strcmp (verb, "publish") == 0 || strcmp (verb, "pause") == 0 ||
                   strcmp (verb, "resume") == 0 || strcmp (verb, "end") == 0;
    if (!is_list && (!(is_audit || is_move) || argc != 3 || !args_is_id (argv[2])))
        return console_usage ("sale");
    if (!console_open ())
        return EXIT_NOT_DONE;
    if (is_list)
        return s_list (as_json);
    return is_audit ? s_audit (argv[2], as_json)
                    : s_print_and_release (s_move (argv[2], verb), as_json);
}

/* -------------------------------------------------------------------------- limits */

/*  LEVEL.FIELD=N into {"limits": {"LEVEL": {"FIELD": N}}} */
static bool
s_take_limit (json_t *limits, const char *word)
{
    char level[32], field[32];
    json_int_t number;
    int used = 0;
    if (sscanf (word, "%31[a-z_].%31[a-z_]=%n", level, field, &used) != 2 || used == 0 ||
        !args_number (word + used, &number))
        return false;
    json_t *fields = json_object_get (limits, level);
    if (!fields) {
        fields = json_object ();
        json_object_set_new (limits, level, fields);
    }
    return json_object_set_new (fields, field, json_integer (number)) == 0;
}

static void
s_print_limits (json_t *limits)
{
    const char *level, *field;
    json_t *fields, *value;
    json_object_foreach (limits, level, fields)
    {
        json_object_foreach (fields, field, value)
        {
            printf ("%s.%s=%" JSON_INTEGER_FORMAT "\n", level, field, json_integer_value (value));
        }
    }
}

int
console_limits (int argc, char **argv)
{
    bool as_json = args_take_json (&argc, argv);
    json_t *limits = json_object (), *answer = NULL;
    for (int i = 1; i < argc; i++)
        if (!s_take_limit (limits, argv[i])) {
            json_decref (limits);
            return console_usage ("limits");
        }
    json_t *body = json_pack ("{s:o}", "limits", limits);
    if (console_open ())
        answer = argc > 1 ? console_call ("PATCH", "limits", NULL, body)
                          : console_call ("GET", "limits", NULL, NULL);
    json_decref (body);
    if (!answer)
        return EXIT_NOT_DONE;
    if (as_json)
        console_print_json (answer);
    else
        s_print_limits (json_object_get (answer, "limits"));
    json_decref (answer);
    return EXIT_DONE;
}
