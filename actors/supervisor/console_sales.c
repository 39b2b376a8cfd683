/*  sale, limits: the operators' part of the HTTP interface, called with a token that is signed here. */

#include "clock.h"
#include "console.h"
#include "http_client.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_PATIENCE_MS 15000
#define PAGES_MAX 100

typedef struct call_place_t {
    instance_t instance;
    char url[160];
    char token[SIGNED_TOKEN_BYTES_MAX];
} call_place_t;

static call_place_t s_place;

static bool
s_open (char *reason)
{
    if (!instance_find (&s_place.instance, reason))
        return false;
    if (!instance_is_running (&s_place.instance)) {
        snprintf (reason, REASON_BYTES, "no instance runs in %s", s_place.instance.asked);
        return false;
    }
    instance_url (&s_place.instance, s_place.url, sizeof s_place.url);
    return http_client_operator (&s_place.instance, s_place.token, reason);
}

/*  The answer's JSON, to be released by the caller; NULL with a reason on stderr. */
static json_t *
s_call (const char *method, const char *path, const json_t *body)
{
    char reason[REASON_BYTES];
    http_answer_t answer =
        http_client_call (s_place.url, method, path, s_place.token, body, CALL_PATIENCE_MS);
    if (answer.status >= 200 && answer.status < 300 && answer.body)
        return answer.body;
    http_client_reason (&answer, reason);
    http_client_free (&answer);
    console_fail ("%s", reason);
    return NULL;
}

static int
s_print_json (json_t *value)
{
    json_dumpf (value, stdout, JSON_COMPACT);
    putchar ('\n');
    return EXIT_DONE;
}

static const char *
s_text (const json_t *object, const char *name)
{
    const char *text = json_string_value (json_object_get (object, name));
    return text ? text : "";
}

static json_int_t
s_number (const json_t *object, const char *name)
{
    return json_integer_value (json_object_get (object, name));
}

static void
s_print_sale (const json_t *sale)
{
    printf ("%-8s %-10s %9" JSON_INTEGER_FORMAT " %9" JSON_INTEGER_FORMAT " %7" JSON_INTEGER_FORMAT
            ".%02d %-3s  %s\n",
            s_text (sale, "sale_id"), s_text (sale, "state"), s_number (sale, "stock_left"),
            s_number (sale, "stock_total"), s_number (sale, "price_cents") / 100,
            (int)(s_number (sale, "price_cents") % 100), s_text (sale, "currency"),
            s_text (sale, "title"));
}

static void
s_print_sale_head (void)
{
    printf ("%-8s %-10s %9s %9s %10s %-3s  %s\n", "SALE", "STATE", "LEFT", "TOTAL", "PRICE", "",
            "TITLE");
}

/* -------------------------------------------------------------------------- list */

static int
s_list (bool as_json)
{
    char path[200] = "/api/v1/admin/sales";
    json_t *all = json_array ();
    for (int page = 0; page < PAGES_MAX; page++) {
        json_t *answer = s_call ("GET", path, NULL);
        if (!answer) {
            json_decref (all);
            return EXIT_NOT_DONE;
        }
        json_array_extend (all, json_object_get (answer, "sales"));
        const char *next = json_string_value (json_object_get (answer, "next_cursor"));
        bool is_last = !next || !next[0] || strlen (next) > 120;
        if (!is_last)
            snprintf (path, sizeof path, "/api/v1/admin/sales?cursor=%s", next);
        json_decref (answer);
        if (is_last)
            break;
    }
    if (as_json) {
        json_t *whole = json_pack ("{s:O}", "sales", all);
        s_print_json (whole);
        json_decref (whole);
    } else {
        size_t index;
        json_t *sale;
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

static bool
s_is_id (const char *text)
{
    return text[0] && strspn (text, "0123456789") == strlen (text) && strlen (text) < 20;
}

static json_t *
s_move (const char *id, const char *verb)
{
    char path[120];
    snprintf (path, sizeof path, "/api/v1/admin/sales/%s/%s", id, verb);
    json_t *nothing = json_object ();
    json_t *answer = s_call ("POST", path, nothing);
    json_decref (nothing);
    return answer;
}

static int
s_print_and_release (json_t *sale, bool as_json)
{
    if (!sale)
        return EXIT_NOT_DONE;
    if (as_json)
        s_print_json (sale);
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
    snprintf (path, sizeof path, "/api/v1/admin/sales/%s/audit", id);
    json_t *audit = s_call ("GET", path, NULL);
    if (!audit)
        return EXIT_NOT_DONE;
    bool is_balanced = json_is_true (json_object_get (audit, "balanced"));
    if (as_json)
        s_print_json (audit);
    else
        s_print_audit (audit);
    json_decref (audit);
    return is_balanced ? EXIT_DONE : console_fail ("sale %s is not balanced", id);
}

/* -------------------------------------------------------------------------- create */

static const struct option s_create_options[] = {
    { "title", required_argument, NULL, 't' },
    { "price", required_argument, NULL, 'p' },
    { "stock", required_argument, NULL, 's' },
    { "currency", required_argument, NULL, 'c' },
    { "starts-in", required_argument, NULL, 'o' },
    { "lasts", required_argument, NULL, 'l' },
    { "description", required_argument, NULL, 'd' },
    { "image", required_argument, NULL, 'i' },
    { "product", required_argument, NULL, 'r' },
    { "list-price", required_argument, NULL, 'L' },
    { "per-user", required_argument, NULL, 'u' },
    { "pay-within", required_argument, NULL, 'w' },
    { "publish", no_argument, NULL, 'P' },
    { "json", no_argument, NULL, 'j' },
    { NULL, 0, NULL, 0 },
};

typedef struct new_sale_t {
    json_t *body;
    json_int_t starts_in_s, lasts_s;
    bool is_published, as_json;
} new_sale_t;

static bool
s_take_number (const char *text, json_int_t *number)
{
    char *end;
    errno = 0;
    *number = strtoll (text, &end, 10);
    return *text && *end == 0 && errno == 0;
}

/*  Name of the field that an option sets, and whether it is a number. NULL: the option is no field. */
static const char *
s_field (int option, bool *is_number)
{
    *is_number = strchr ("psLuw", option) != NULL;
    switch (option) {
    case 't':
        return "title";
    case 'p':
        return "price_cents";
    case 's':
        return "stock_total";
    case 'c':
        return "currency";
    case 'd':
        return "description";
    case 'i':
        return "image_url";
    case 'r':
        return "product_id";
    case 'L':
        return "list_price_cents";
    case 'u':
        return "per_user_limit";
    case 'w':
        return "pay_within_s";
    default:
        return NULL;
    }
}

static bool
s_take_option (new_sale_t *sale, int option, const char *value)
{
    bool is_number;
    json_int_t number;
    const char *field = s_field (option, &is_number);
    if (field && !is_number)
        return json_object_set_new (sale->body, field, json_string (value)) == 0;
    if (field)
        return s_take_number (value, &number) &&
               json_object_set_new (sale->body, field, json_integer (number)) == 0;
    switch (option) {
    case 'o':
        return s_take_number (value, &sale->starts_in_s);
    case 'l':
        return s_take_number (value, &sale->lasts_s) && sale->lasts_s > 0;
    case 'P':
        return sale->is_published = true;
    case 'j':
        return sale->as_json = true;
    default:
        return false;
    }
}

static int
s_create (int argc, char **argv)
{
    new_sale_t sale = { .body = json_object (), .starts_in_s = -1, .lasts_s = 24 * 3600 };
    char reason[REASON_BYTES];
    int option;
    bool is_good = true;
    opterr = 0;
    json_object_set_new (sale.body, "currency", json_string ("EUR"));
    while (is_good && (option = getopt_long (argc, argv, "", s_create_options, NULL)) != -1)
        is_good = s_take_option (&sale, option, optarg);
    is_good = is_good && optind == argc && json_object_get (sale.body, "title") &&
              json_object_get (sale.body, "price_cents") &&
              json_object_get (sale.body, "stock_total");
    if (!is_good) {
        json_decref (sale.body);
        return console_usage ("sale");
    }
    if (!s_open (reason)) {
        json_decref (sale.body);
        return console_fail ("%s", reason);
    }
    json_int_t starts_at_ms = (json_int_t)clock_wall_ms () + sale.starts_in_s * 1000;
    json_object_set_new (sale.body, "starts_at_ms", json_integer (starts_at_ms));
    json_object_set_new (sale.body, "ends_at_ms",
                         json_integer (starts_at_ms + sale.lasts_s * 1000));
    json_t *made = s_call ("POST", "/api/v1/admin/sales", sale.body);
    json_decref (sale.body);
    if (made && sale.is_published) {
        json_t *published = s_move (s_text (made, "sale_id"), "publish");
        json_decref (made);
        made = published;
    }
    return s_print_and_release (made, sale.as_json);
}

int
console_sale (int argc, char **argv)
{
    char reason[REASON_BYTES];
    if (argc < 2)
        return console_usage ("sale");
    const char *verb = argv[1];
    if (strcmp (verb, "create") == 0)
        return s_create (argc - 1, argv + 1);
    bool as_json = strcmp (argv[argc - 1], "--json") == 0;
    int count = argc - as_json;
    bool is_list = strcmp (verb, "list") == 0 && count == 2;
    bool is_audit = strcmp (verb, "audit") == 0;
    bool is_move = strcmp (verb, "publish") == 0 || strcmp (verb, "pause") == 0 ||
                   strcmp (verb, "resume") == 0 || strcmp (verb, "end") == 0;
    if (!is_list && (!(is_audit || is_move) || count != 3 || !s_is_id (argv[2])))
        return console_usage ("sale");
    if (!s_open (reason))
        return console_fail ("%s", reason);
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
        !s_take_number (word + used, &number))
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
    char reason[REASON_BYTES];
    bool as_json = argc > 1 && strcmp (argv[argc - 1], "--json") == 0;
    int count = argc - as_json;
    json_t *limits = json_object ();
    for (int i = 1; i < count; i++)
        if (!s_take_limit (limits, argv[i])) {
            json_decref (limits);
            return console_usage ("limits");
        }
    json_t *body = json_pack ("{s:o}", "limits", limits);
    if (!s_open (reason)) {
        json_decref (body);
        return console_fail ("%s", reason);
    }
    json_t *answer =
        s_call (count > 1 ? "PATCH" : "GET", "/api/v1/admin/limits", count > 1 ? body : NULL);
    json_decref (body);
    if (!answer)
        return EXIT_NOT_DONE;
    if (as_json)
        s_print_json (answer);
    else
        s_print_limits (json_object_get (answer, "limits"));
    json_decref (answer);
    return EXIT_DONE;
}
