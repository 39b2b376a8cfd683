#include "console_call.h"

#include "console.h"
#include "http_client.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define CALL_PATIENCE_MS 15000
#define PAGES_MAX 1000
#define CURSOR_BYTES_MAX 120u
#define PATH_BYTES_MAX 320u

typedef struct call_place_t {
    instance_t instance;
    char url[160];
    char token[SIGNED_TOKEN_BYTES_MAX];
} call_place_t;

static call_place_t s_place;

bool
console_open (void)
{
    char reason[REASON_BYTES];
    bool is_open = instance_find (&s_place.instance, reason);
    if (is_open && !instance_is_running (&s_place.instance)) {
        snprintf (reason, REASON_BYTES, "no instance runs in %s", s_place.instance.asked);
        is_open = false;
    }
    if (is_open) {
        instance_url (&s_place.instance, s_place.url, sizeof s_place.url);
        is_open = http_client_operator (&s_place.instance, s_place.token, reason);
    }
    if (!is_open)
        console_fail ("%s", reason);
    return is_open;
}

json_t *
console_call (const char *method, const char *path, const char *key, const json_t *body)
{
    char reason[REASON_BYTES], whole[PATH_BYTES_MAX];
    snprintf (whole, sizeof whole, "/api/v1/admin/%s", path);
    http_answer_t answer =
        http_client_call (s_place.url, method, whole, s_place.token, key, body, CALL_PATIENCE_MS);
    if (answer.status >= 200 && answer.status < 300)
        return answer.body ? answer.body : json_object ();
    http_client_reason (&answer, reason);
    http_client_free (&answer);
    console_fail ("%s", reason);
    return NULL;
}

json_t *
console_call_list (const char *path, const char *member)
{
    char page[PATH_BYTES_MAX];
    json_t *all = json_array ();
    snprintf (page, sizeof page, "%s", path);
    for (int i = 0; i < PAGES_MAX; i++) {
        json_t *answer = console_call ("GET", page, NULL, NULL);
        if (!answer) {
            json_decref (all);
            return NULL;
        }
        json_array_extend (all, json_object_get (answer, member));
        const char *next = console_text (answer, "next_cursor");
        bool is_last = !next[0] || strlen (next) > CURSOR_BYTES_MAX;
        if (!is_last)
            snprintf (page, sizeof page, "%.100s?cursor=%s", path, next);
        json_decref (answer);
        if (is_last)
            break;
    }
    return all;
}

/* -------------------------------------------------------------------------- printing */

int
console_print_json (const json_t *value)
{
    json_dumpf (value, stdout, JSON_COMPACT);
    putchar ('\n');
    return EXIT_DONE;
}

const char *
console_time (int64_t at_ms, char *text)
{
    struct tm parts;
    time_t seconds = (time_t)(at_ms / 1000);
    size_t used =
        gmtime_r (&seconds, &parts) ? strftime (text, 28, "%Y-%m-%d %H:%M:%S", &parts) : 0;
    snprintf (text + used, 32 - used, ".%03d", (int)(at_ms % 1000));
    return text;
}

const char *
console_text (const json_t *object, const char *name)
{
    const char *text = json_string_value (json_object_get (object, name));
    return text ? text : "";
}

json_int_t
console_number (const json_t *object, const char *name)
{
    return json_integer_value (json_object_get (object, name));
}
