#include "console_args.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define KEY_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

/*  Options of all verbs; each verb names the letters that it takes. */
static const struct option s_options[] = {
    { "title", required_argument, NULL, 't' },
    { "description", required_argument, NULL, 'd' },
    { "image", required_argument, NULL, 'i' },
    { "product", required_argument, NULL, 'r' },
    { "currency", required_argument, NULL, 'c' },
    { "price", required_argument, NULL, 'p' },
    { "list-price", required_argument, NULL, 'L' },
    { "stock", required_argument, NULL, 's' },
    { "per-user", required_argument, NULL, 'u' },
    { "pay-within", required_argument, NULL, 'w' },
    { "starts-in", required_argument, NULL, 'o' },
    { "lasts", required_argument, NULL, 'l' },
    { "ends-in", required_argument, NULL, 'e' },
    { "delta", required_argument, NULL, 'D' },
    { "reason", required_argument, NULL, 'R' },
    { "key", required_argument, NULL, 'K' },
    { "publish", no_argument, NULL, 'P' },
    { "json", no_argument, NULL, 'j' },
    { NULL, 0, NULL, 0 },
};

#define CREATE_LETTERS "tdircpLsuwolPj"
#define EDIT_LETTERS "tdircpLsuwoej"
#define STOCK_LETTERS "DRKj"

static const struct {
    char letter;
    const char *field;
    bool is_number;
} s_fields[] = {
    { 't', "title", false },       { 'd', "description", false },
    { 'i', "image_url", false },   { 'r', "product_id", false },
    { 'c', "currency", false },    { 'R', "reason", false },
    { 'p', "price_cents", true },  { 'L', "list_price_cents", true },
    { 's', "stock_total", true },  { 'u', "per_user_limit", true },
    { 'w', "pay_within_s", true }, { 'D', "delta", true },
};

typedef struct times_t {
    json_int_t starts_in_s, ends_in_s, lasts_s;
    bool has_start, has_end;
} times_t;

/* -------------------------------------------------------------------------- words */

bool
args_is_id (const char *text)
{
    return text[0] && strspn (text, "0123456789") == strlen (text) && strlen (text) < 20;
}

bool
args_is_order_id (const char *text)
{
    return strlen (text) == 36 && strspn (text, "0123456789abcdef-") == 36;
}

bool
args_number (const char *text, json_int_t *number)
{
    char *end;
    errno = 0;
    *number = strtoll (text, &end, 10);
    return *text && strchr ("-0123456789", *text) && *end == 0 && errno == 0;
}

bool
args_take_json (int *argc, char **argv)
{
    int kept = 1;
    for (int i = 1; i < *argc; i++)
        if (strcmp (argv[i], "--json") != 0)
            argv[kept++] = argv[i];
    bool is_there = kept < *argc;
    *argc = kept;
    return is_there;
}

static bool
s_is_key (const char *text)
{
    size_t bytes = strlen (text);
    return bytes >= 1 && bytes <= KEY_BYTES_MAX && strspn (text, KEY_CHARACTERS) == bytes;
}

/* -------------------------------------------------------------------------- options */

/*  A number of seconds that stays a number of milliseconds when it is added to a time. */
static bool
s_take_seconds (const char *text, json_int_t *seconds)
{
    return args_number (text, seconds) && *seconds > -4000000000 && *seconds < 4000000000;
}

static bool
s_take_field (sale_args_t *self, int letter, const char *value)
{
    json_int_t number;
    for (size_t i = 0; i < sizeof s_fields / sizeof s_fields[0]; i++) {
        if (s_fields[i].letter != letter)
            continue;
        if (!s_fields[i].is_number)
            return json_object_set_new (self->body, s_fields[i].field, json_string (value)) == 0;
        return args_number (value, &number) &&
               json_object_set_new (self->body, s_fields[i].field, json_integer (number)) == 0;
    }
    return false;
}

static bool
s_take_option (sale_args_t *self, times_t *times, int letter, const char *value)
{
    switch (letter) {
    case 'o':
        times->has_start = true;
        return s_take_seconds (value, &times->starts_in_s);
    case 'e':
        times->has_end = true;
        return s_take_seconds (value, &times->ends_in_s);
    case 'l':
        return s_take_seconds (value, &times->lasts_s) && times->lasts_s > 0;
    case 'K':
        self->key = value;
        return s_is_key (value);
    case 'P':
        return self->is_published = true;
    case 'j':
        return self->as_json = true;
    default:
        return s_take_field (self, letter, value);
    }
}

/*  All options of `letters`, and as many other words as `words`, the first of them the id. */
static bool
s_read (int argc, char **argv, const char *letters, int words, sale_args_t *self, times_t *times)
{
    int letter;
    opterr = 0;
    optind = 0; /* GNU: begins anew */
    while ((letter = getopt_long (argc, argv, "", s_options, NULL)) != -1)
        if (letter == '?' || !strchr (letters, letter) ||
            !s_take_option (self, times, letter, optarg))
            return false;
    if (argc - optind != words)
        return false;
    self->id = words ? argv[optind] : NULL;
    return !self->id || args_is_id (self->id);
}

static bool
s_set_time (sale_args_t *self, const char *field, uint64_t now_ms, json_int_t seconds)
{
    return json_object_set_new (self->body, field,
                                json_integer ((json_int_t)now_ms + seconds * 1000)) == 0;
}

static bool
s_has (const sale_args_t *self, const char *field)
{
    return json_object_get (self->body, field) != NULL;
}

static bool
s_end (sale_args_t *self, bool is_good)
{
    if (!is_good)
        sale_args_free (self);
    return is_good;
}

/* -------------------------------------------------------------------------- verbs */

bool
sale_args_create (int argc, char **argv, uint64_t now_ms, sale_args_t *self)
{
    times_t times = { .starts_in_s = -1, .lasts_s = 24 * 3600 };
    *self = (sale_args_t){ .body = json_object () };
    json_object_set_new (self->body, "currency", json_string ("EUR"));
    bool is_good = s_read (argc, argv, CREATE_LETTERS, 0, self, &times) && s_has (self, "title") &&
                   s_has (self, "price_cents") && s_has (self, "stock_total") &&
                   s_set_time (self, "starts_at_ms", now_ms, times.starts_in_s) &&
                   s_set_time (self, "ends_at_ms", now_ms, times.starts_in_s + times.lasts_s);
    return s_end (self, is_good);
}

bool
sale_args_edit (int argc, char **argv, uint64_t now_ms, sale_args_t *self)
{
    times_t times = { 0 };
    *self = (sale_args_t){ .body = json_object () };
    bool is_good =
        s_read (argc, argv, EDIT_LETTERS, 1, self, &times) &&
        (!times.has_start || s_set_time (self, "starts_at_ms", now_ms, times.starts_in_s)) &&
        (!times.has_end || s_set_time (self, "ends_at_ms", now_ms, times.ends_in_s)) &&
        json_object_size (self->body) > 0;
    return s_end (self, is_good);
}

bool
sale_args_stock (int argc, char **argv, sale_args_t *self)
{
    times_t times = { 0 };
    *self = (sale_args_t){ .body = json_object () };
    bool is_good = s_read (argc, argv, STOCK_LETTERS, 1, self, &times) &&
                   json_integer_value (json_object_get (self->body, "delta")) != 0 &&
                   s_has (self, "reason");
    return s_end (self, is_good);
}

void
sale_args_free (sale_args_t *self)
{
    json_decref (self->body);
    self->body = NULL;
}
