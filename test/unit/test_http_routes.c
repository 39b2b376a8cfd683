/*  The contract on paper and the table in the program say the same. */

#include "route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CALLS_MAX 128

typedef struct call_line_t {
    char path[128];
    char method[8];
} call_line_t;

static call_line_t s_calls[CALLS_MAX];
static size_t s_call_count;
static char s_codes[16384]; /* ",code,code," */

/*  Enough YAML for our own file: paths stand two spaces in, methods four, codes of the enum at its end eight. */
static void
s_read_openapi (void)
{
    FILE *file = fopen ("schema/openapi.yaml", "r");
    char line[4096], path[128] = "", part[32] = "";
    bool is_code = false;
    assert_non_null (file);
    snprintf (s_codes, sizeof s_codes, ",");
    while (fgets (line, sizeof line, file)) {
        line[strcspn (line, "\n")] = 0;
        if (line[0] && line[0] != ' ')
            snprintf (part, sizeof part, "%.30s", line);
        if (strncmp (line, "    Code:", 9) == 0)
            is_code = true;
        if (is_code && strncmp (line, "        - ", 10) == 0)
            snprintf (s_codes + strlen (s_codes), sizeof s_codes - strlen (s_codes), "%s,",
                      line + 10);
        if (strcmp (part, "paths:") != 0)
            continue;
        if (strncmp (line, "  /", 3) == 0)
            snprintf (path, sizeof path, "%.*s", (int)strcspn (line + 2, ":"), line + 2);
        static const char *const methods[] = { "get", "post", "put", "patch", "delete" };
        for (size_t i = 0; i < 5; i++) {
            size_t count = strlen (methods[i]);
            if (strncmp (line, "    ", 4) == 0 && strncmp (line + 4, methods[i], count) == 0 &&
                line[4 + count] == ':') {
                assert_true (s_call_count < CALLS_MAX);
                snprintf (s_calls[s_call_count].path, sizeof s_calls[0].path, "%s", path);
                snprintf (s_calls[s_call_count++].method, sizeof s_calls[0].method, "%s",
                          methods[i]);
            }
        }
    }
    fclose (file);
}

static const char *
s_method_name (method_t method)
{
    switch (method) {
    case METHOD_GET:
        return "get";
    case METHOD_POST:
        return "post";
    case METHOD_PUT:
        return "put";
    case METHOD_PATCH:
        return "patch";
    default:
        return "delete";
    }
}

static void
test_every_route_is_documented (void **state)
{
    /* Each row of the route table is a call of openapi.yaml. */
    (void)state;
    for (size_t i = 0; route_at (i); i++) {
        bool is_found = false;
        for (size_t j = 0; j < s_call_count; j++)
            is_found |= strcmp (s_calls[j].path, route_at (i)->pattern) == 0 &&
                        strcmp (s_calls[j].method, s_method_name (route_at (i)->method)) == 0;
        if (!is_found)
            fail_msg ("not in openapi.yaml: %s %s", s_method_name (route_at (i)->method),
                      route_at (i)->pattern);
    }
}

static void
test_every_documented_call_is_routed (void **state)
{
    /* Each call of openapi.yaml is a row of the route table, and there are as many. */
    (void)state;
    size_t routes = 0;
    while (route_at (routes))
        routes++;
    assert_int_equal (s_call_count, routes);
    for (size_t j = 0; j < s_call_count; j++) {
        bool is_found = false;
        for (size_t i = 0; i < routes; i++)
            is_found |= strcmp (s_calls[j].path, route_at (i)->pattern) == 0 &&
                        strcmp (s_calls[j].method, s_method_name (route_at (i)->method)) == 0;
        if (!is_found)
            fail_msg ("no route: %s %s", s_calls[j].method, s_calls[j].path);
    }
}

static void
test_every_code_is_documented (void **state)
{
    /* The codes that clients can see are those of errors.def with an HTTP status, no more and no less. */
    (void)state;
    size_t codes = 0, documented = 0;
    for (uint64_t number = 1; number < ERROR_NUMBERS; number++) {
        const error_row_t *error = schema_error (number);
        char word[64];
        if (!error || error->http_status < 400)
            continue;
        codes++;
        snprintf (word, sizeof word, ",%s,", error->code);
        if (!strstr (s_codes, word))
            fail_msg ("not in openapi.yaml: %s", error->code);
    }
    for (const char *c = s_codes + 1; *c; c++)
        documented += *c == ',';
    assert_int_equal (documented, codes);
}

static const route_t *
s_find (const char *method, const char *target, listener_t listener, subject_t *subject,
        unsigned *methods)
{
    static request_t request;
    request_open (&request, method, target, NULL);
    request_add_header (&request, "Host", "x");
    request_add_header (&request, "Content-Length", "0");
    assert_int_equal (request_read_head (&request), ERROR_NONE);
    return route_find (&request, listener, subject, methods);
}

static void
test_paths_match_exactly (void **state)
{
    /* Neither prefixes nor trailing slashes, other letter cases, dots or malformed ids are the path. */
    (void)state;
    static const char *const strangers[] = {
        "/",
        "/api/v1",
        "/api/v1/",
        "/api/v1/sales/",
        "/api/v1/Sales",
        "/api/v1//sales",
        "/api/v1/sales/0",
        "/api/v1/sales/01",
        "/api/v1/sales/-1",
        "/api/v1/sales/1x",
        "/api/v1/sales/281474976710656",
        "/api/v1/sales/1/purchases/",
        "/api/v1/sales/1/purchases/a%20b",
        "/api/v1/sales/1/purchases/a/b",
        "/api/v1/x/../sales",
        "/api/v1/sales%2F1",
        "/healthz/",
        "/api/v1/orders/1",
        "/metrics",
        "/api/v1/orders/00000000-0007-8000-C000-000000000000",
        "/api/v1/orders/00000000-0007-4000-8000-000000000000",
        "/api/v1/admin/actors/supervisor",
        "/api/v1/admin/actors/x",
        "/a/b/c/d/e/f/g/h/i/j/k",
    };
    subject_t subject;
    unsigned methods;
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        if (s_find ("GET", strangers[i], LISTENER_PUBLIC, &subject, &methods) || methods)
            fail_msg ("matched: %s", strangers[i]);
    }
    assert_non_null (s_find ("GET", "/api/v1/%73ales/%31", LISTENER_PUBLIC, &subject, &methods));
    assert_int_equal (subject.sale_id, 1);
    assert_non_null (s_find ("GET", "/api/v1/sales/281474976710655/purchases/a-_Z9",
                             LISTENER_PUBLIC, &subject, &methods));
    assert_string_equal (subject.key, "a-_Z9");
    assert_non_null (s_find ("GET", "/api/v1/orders/00000000-0007-8000-8000-000000000001",
                             LISTENER_PUBLIC, &subject, &methods));
    assert_int_equal (identity_sale_of (subject.rid), 7);
    assert_non_null (
        s_find ("POST", "/api/v1/admin/actors/ordering", LISTENER_PUBLIC, &subject, &methods));
    assert_int_equal (subject.kind, KIND_ORDERING);
}

static void
test_listeners_have_their_own_paths (void **state)
{
    /* Metrics exist only for operations, the API only for the public; probes for both; HEAD goes where GET does. */
    (void)state;
    subject_t subject;
    unsigned methods;
    assert_non_null (s_find ("GET", "/metrics", LISTENER_OPERATIONS, &subject, &methods));
    assert_null (s_find ("GET", "/api/v1/sales", LISTENER_OPERATIONS, &subject, &methods));
    assert_non_null (s_find ("HEAD", "/readyz", LISTENER_OPERATIONS, &subject, &methods));
    assert_non_null (s_find ("GET", "/healthz", LISTENER_PUBLIC, &subject, &methods));
}

static void
test_other_methods_are_told_what_is_allowed (void **state)
{
    /* A known path answers with all methods that it has. */
    (void)state;
    subject_t subject;
    unsigned methods;
    char text[48];
    assert_null (s_find ("DELETE", "/api/v1/admin/sales", LISTENER_PUBLIC, &subject, &methods));
    route_methods_text (methods, text, sizeof text);
    assert_string_equal (text, "GET, HEAD, POST");
    assert_null (s_find ("OPTIONS", "/api/v1/admin/limits", LISTENER_PUBLIC, &subject, &methods));
    route_methods_text (methods, text, sizeof text);
    assert_string_equal (text, "GET, HEAD, PATCH");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_every_route_is_documented),
        cmocka_unit_test (test_every_documented_call_is_routed),
        cmocka_unit_test (test_every_code_is_documented),
        cmocka_unit_test (test_paths_match_exactly),
        cmocka_unit_test (test_listeners_have_their_own_paths),
        cmocka_unit_test (test_other_methods_are_told_what_is_allowed),
    };
    s_read_openapi ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
