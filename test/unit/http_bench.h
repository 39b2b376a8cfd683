/*  The bench of the edge's tests: an edge whose actors are scripted, and whole requests as text. */

#ifndef HTTP_BENCH_H
#define HTTP_BENCH_H

#include "exchange.h"
#include "json_dump.h"
#include "trace.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jwt.h>

#define STEPS_MAX 8
#define WALL_MS 1000000u
#define NOW_US 50000000u
#define GATE_AHEAD_US 7000000

/*  The actors: answers by question, and what was asked, as text. */
static struct {
    struct {
        uint64_t type; /* 0 = none comes */
        const void *entries;
        size_t count;
    } steps[STEPS_MAX]; /* one after the other; the last one again and again */
    size_t count, next;
} s_answers[MSG_NUMBERS];
static char s_asked[8192];
static edge_t *s_edge;
static exchange_t *s_exchange;
static char s_token[1024], s_operator[1024];

static bool
s_ask (void *worker, message_type_t type, const header_t *extras, const void *entry,
       answer_t *answer)
{
    (void)worker, (void)extras;
    size_t used = strlen (s_asked);
    used += (size_t)snprintf (s_asked + used, sizeof s_asked - used, "%s ",
                              schema_message (type)->name);
    used += json_dump (schema_message (type)->record, entry, s_asked + used, sizeof s_asked - used);
    snprintf (s_asked + used, sizeof s_asked - used, "\n");
    size_t step = s_answers[type].next;
    if (step + 1 < s_answers[type].count)
        s_answers[type].next++;
    *answer = (answer_t){ s_answers[type].steps[step].type, s_answers[type].steps[step].entries,
                          s_answers[type].steps[step].count };
    return answer->type != 0;
}

/*  What comes after what was scripted last. */
static inline void
s_script_then (message_type_t question, message_type_t type, const void *entries, size_t count)
{
    size_t step = s_answers[question].count++;
    assert_true (step < STEPS_MAX);
    s_answers[question].steps[step].type = type;
    s_answers[question].steps[step].entries = entries;
    s_answers[question].steps[step].count = count;
}

static void
s_script (message_type_t question, message_type_t type, const void *entries, size_t count)
{
    memset (&s_answers[question], 0, sizeof s_answers[question]);
    s_script_then (question, type, entries, count);
}

static void
s_script_refusal (message_type_t question, outcome_t *outcome, error_code_t code)
{
    *outcome = (outcome_t){ .code = code };
    s_script (question, MSG_OUTCOME, outcome, 1);
}

static bool
s_read_body (void *context, char *bytes, size_t count)
{
    const char *body = context;
    size_t there = strlen (body);
    memcpy (bytes, body, there < count ? there : count);
    return there >= count;
}

/*  Runs one request. Fields are "Name: value\n…"; {T} is a shopper's token, {O} an operator's. Returns head and body as text. */
static const char *
s_call (const char *method, const char *target, const char *fields, const char *body)
{
    static char copy[16384], text[1 << 20], path[16384];
    char *query, *rest = copy, *line, length[64];
    size_t count, used = 0;
    for (const char *c = fields; *c; c++)
        if (c[0] == '{' && c[2] == '}')
            used += (size_t)snprintf (copy + used, sizeof copy - used, "%s",
                                      c[1] == 'T' ? s_token : s_operator),
                c += 2;
        else
            copy[used++] = *c;
    copy[used] = 0;
    snprintf (path, sizeof path, "%s", target);
    query = strchr (path, '?');
    if (query)
        *query++ = 0;
    request_t *request = &s_exchange->request;
    request_open (request, method, path, query);
    request->remote_address = "192.0.2.7";
    request->now_us = NOW_US;
    request->wall_ms = WALL_MS;
    if (!strstr (fields, "Host: "))
        request_add_header (request, "Host", "shop");
    if (body) {
        snprintf (length, sizeof length, "%zu", strlen (body));
        request_add_header (request, "Content-Length", length);
    }
    while ((line = strsep (&rest, "\n"))) {
        char *colon = strchr (line, ':');
        if (!colon)
            continue;
        *colon = 0;
        request_add_header (request, line, colon + 2);
    }
    s_asked[0] = 0;
    char *given = strdup (body ? body : "");
    exchange_run (s_exchange, s_read_body, given);
    free (given);
    const char *bytes = response_finish (&s_exchange->response, request, &count);
    memcpy (text, bytes, count);
    text[count] = 0;
    return text;
}

static void
s_check (const char *answer, unsigned status, const char *code)
{
    char line[64], member[64];
    snprintf (line, sizeof line, "HTTP/1.1 %u ", status);
    snprintf (member, sizeof member, "\"code\":\"%s\"", code);
    if (strncmp (answer, line, strlen (line)) != 0 || (*code && !strstr (answer, member)))
        fail_msg ("wanted %u %s, got: %s", status, code, answer);
}

#define HAS(answer, words)                                                                         \
    do {                                                                                           \
        if (!strstr (answer, words))                                                               \
            fail_msg ("wanted %s in: %s", words, answer);                                          \
    } while (0)

/* -------------------------------------------------------------------------- the edge on the bench */

static const char s_webhook_secret[] = "a secret of any text";
static const char s_key_text[] = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";

static void
s_issue (const char *user_id, const char *role, long expires_s, char *text)
{
    jwt_t *jwt = NULL;
    uint8_t key[32];
    assert_true (hex_read (s_key_text, key, sizeof key));
    assert_int_equal (jwt_new (&jwt), 0);
    jwt_set_alg (jwt, JWT_ALG_HS256, key, sizeof key);
    jwt_add_grant (jwt, "sub", user_id);
    jwt_add_grant (jwt, "name", "alice");
    jwt_add_grant (jwt, "role", role);
    jwt_add_grant (jwt, "jti", "000102030405060708090a0b0c0d0e0f");
    jwt_add_grant_int (jwt, "iat", 900);
    jwt_add_grant_int (jwt, "exp", expires_s);
    char *issued = jwt_encode_str (jwt);
    snprintf (text, 1024, "%s", issued);
    free (issued);
    jwt_free (jwt);
}

static void
s_publish (message_type_t type, const void *entries, size_t count)
{
    header_t header = { .type = type };
    assert_true (edge_publish (s_edge, &header, entries, count, NOW_US, WALL_MS));
}

static void
s_publish_sales (void)
{
    static sale_t sale;
    sale = (sale_t){ .sale_id = 7,
                     .version = 3,
                     .state = SALE_OPEN,
                     .title = "A \"sale\"",
                     .currency = "EUR",
                     .price_cents = 1999,
                     .stock_total = 10,
                     .stock_left = 4,
                     .starts_at_ms = 100,
                     .ends_at_ms = 99999999,
                     .per_user_limit = 2,
                     .pay_within_s = 900,
                     .epoch = 1 };
    s_publish (MSG_SALES, &sale, 1);
    sale.sale_id = 8;
    sale.starts_at_ms = 60000;
    s_publish (MSG_SALES, &sale, 1);
}

static void
s_publish_readiness (void)
{
    readiness_t readiness = { .sales = 1,
                              .limits = 1,
                              .denials = 1,
                              .clock = 1,
                              .limiter = 1,
                              .seckill = 1,
                              .gate_offset_us = GATE_AHEAD_US };
    s_publish (MSG_READINESS, &readiness, 1);
}

static int
s_setup (void **state)
{
    params_t params;
    char reason[200];
    (void)state;
    params_set_defaults (&params);
    const edge_secrets_t secrets = { s_key_text, s_key_text, s_webhook_secret };
    s_edge = edge_new (&params, &secrets, s_ask, reason, sizeof reason);
    assert_non_null (s_edge);
    s_exchange = exchange_new (s_edge, NULL, LISTENER_PUBLIC);
    s_issue ("42", "shopper", 2000, s_token);
    s_issue ("1", "operator", 2000, s_operator);
    memset (s_answers, 0, sizeof s_answers);
    static payment_t no_payment;
    static moment_t no_moment;
    s_script (MSG_PAYMENT_LIST, MSG_PAYMENTS, &no_payment, 0);
    s_script (MSG_MOMENT_LIST, MSG_MOMENTS, &no_moment, 0);
    s_publish_sales ();
    s_publish_readiness ();
    return 0;
}

static int
s_teardown (void **state)
{
    (void)state;
    exchange_destroy (&s_exchange);
    edge_destroy (&s_edge);
    return 0;
}

/* -------------------------------------------------------------------------- words of requests */

#define AUTH "Authorization: Bearer {T}\n"
#define JSON "Content-Type: application/json\n"
#define KEY "Idempotency-Key: k1\n"
#define OPERATOR "Authorization: Bearer {O}\n"

#define CASE(test) cmocka_unit_test_setup_teardown (test, s_setup, s_teardown)

#endif
