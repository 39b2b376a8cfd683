/*  Whole requests against an edge whose actors are scripted: what is answered, in which order, in which words. */

#include "http_bench.h"

/* -------------------------------------------------------------------------- precedence */

#define BUY "/api/v1/sales/7/purchases"

static void
test_first_refusal_that_applies (void **state)
{
    /* A request with everything wrong is refused for the contract's first reason; each one repaired shows the next. */
    (void)state;
    s_check (s_call ("POST", "/x%zz", "Content-Length: 5000\n", NULL), 400, "malformed_request");
    s_check (s_call ("BREW", "/x", "Content-Length: 5000\n", NULL), 501, "not_implemented");
    s_check (s_call ("POST", "/x", "", NULL), 411, "length_required");
    s_check (s_call ("POST", "/x", "Content-Length: 5000\n", NULL), 413, "content_too_large");
    s_check (s_call ("POST", "/x", "Accept: a/b\n", "{"), 404, "not_found");
    s_check (s_call ("PUT", BUY, "Accept: a/b\n", "{"), 405, "method_not_allowed");
    s_check (s_call ("POST", BUY, "Accept: a/b\n", "{"), 401, "unauthenticated");
    s_check (s_call ("POST", BUY, AUTH "Accept: a/b\n", "{"), 406, "not_acceptable");
    s_check (s_call ("POST", BUY, AUTH, "{"), 415, "unsupported_media_type");
    s_check (s_call ("POST", BUY, AUTH JSON, "{"), 400, "missing_idempotency_key");
    s_check (s_call ("POST", BUY, AUTH JSON "Idempotency-Key: a b\n", "{"), 400, "malformed_json");
    s_check (s_call ("POST", BUY, AUTH JSON "Idempotency-Key: a b\n", "{}"), 400, "invalid_field");
    HAS (s_call ("POST", BUY, AUTH JSON "Idempotency-Key: a b\n", "{}"),
         "\"detail\":\"Idempotency-Key is 1 to 64");
    s_check (s_call ("POST", BUY, AUTH JSON KEY, "{\"quantity\":0}"), 400, "invalid_field");
    assert_string_equal (s_asked, "");
    s_check (s_call ("POST", "/api/v1/sales/9/purchases", AUTH JSON KEY, "{}"), 404,
             "unknown_sale");
    s_check (s_call ("POST", BUY, AUTH KEY, ""), 503, "busy");
}

static void
test_unfinished_bodies_close_the_connection (void **state)
{
    /* A body that does not come whole is malformed, whatever else is wrong, and nothing more is read from that connection. */
    (void)state;
    const char *answer = s_call ("POST", "/x", "Content-Length: 4\n", NULL);
    s_check (answer, 400, "malformed_request");
    HAS (answer, "Connection: close\r\n");
    HAS (s_call ("POST", "/x", "", "{}"), "Connection: keep-alive\r\n");
}

static void
test_quantities (void **state)
{
    /* Integers only: 1.0, "1", 0, negative and numbers of any size are invalid; unknown fields and repeated names too. */
    (void)state;
    static const char *const invalid[] = {
        "{\"quantity\":1.0}",       "{\"quantity\":\"1\"}",
        "{\"quantity\":0}",         "{\"quantity\":-1}",
        "{\"quantity\":1e0}",       "{\"quantity\":99999999999999999999}",
        "{\"quantity\":null}",      "{\"quantity\":true}",
        "{\"quantity\":[1]}",       "{\"quantity\":10000001}",
        "{\"quantity\":1,\"x\":1}", "{\"Quantity\":1}"
    };
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++)
        s_check (s_call ("POST", BUY, AUTH JSON KEY, invalid[i]), 400, "invalid_field");
    s_check (s_call ("POST", BUY, AUTH JSON KEY, "{\"quantity\":1,\"quantity\":1}"), 400,
             "malformed_json");
    s_check (s_call ("POST", BUY, AUTH JSON KEY, "[]"), 400, "malformed_json");
}

static void
test_problems_have_their_form (void **state)
{
    /* RFC 9457 with code, ids and retry; ids stand in the head as well; every byte is counted. */
    (void)state;
    const char *answer = s_call (
        "GET", "/api/v1/orders",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\nX-Request-Id: r-1\n",
        NULL);
    s_check (answer, 401, "unauthenticated");
    HAS (answer, "Content-Type: application/problem+json\r\n");
    HAS (answer, "X-Request-Id: r-1\r\n");
    HAS (answer, "traceparent: 00-0af7651916cd43dd8448eb211c80319c-");
    HAS (answer, "WWW-Authenticate: Bearer\r\n");
    HAS (answer, "\"type\":\"urn:minishop:error:unauthenticated\"");
    HAS (answer, "\"request_id\":\"r-1\",\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\","
                 "\"retryable\":false}");
    const char *body = strstr (answer, "\r\n\r\n") + 4;
    char length[64];
    snprintf (length, sizeof length, "Content-Length: %zu\r\n", strlen (body));
    HAS (answer, length);
    answer = s_call ("POST", BUY, AUTH JSON KEY, "{}");
    HAS (answer, "Retry-After: 1\r\n");
    HAS (answer, "\"retryable\":true,\"retry_after_ms\":500}");
    HAS (s_call ("DELETE", "/api/v1/sales", "", NULL), "Allow: GET, HEAD\r\n");
}

/* -------------------------------------------------------------------------- who asks */

static void
test_tokens_roles_and_cookies (void **state)
{
    /* Bearer wins over the cookie; a shopper is no operator; expired, denied and foreign tokens are told apart; cookies write only
     * from the same origin. */
    (void)state;
    char expired[1024], fields[3000];
    s_issue ("42", "shopper", 1000, expired);
    s_check (s_call ("GET", "/api/v1/sessions/current", AUTH, NULL), 200, "");
    s_check (s_call ("GET", "/api/v1/sessions/current", "Cookie: minishop_session={T}\n", NULL),
             200, "");
    s_check (s_call ("GET", "/api/v1/sessions/current",
                     "Authorization: Bearer x\nCookie: minishop_session={T}\n", NULL),
             401, "unauthenticated");
    snprintf (fields, sizeof fields, "Authorization: Bearer %s\n", expired);
    s_check (s_call ("GET", "/api/v1/sessions/current", fields, NULL), 401, "token_expired");
    s_check (s_call ("GET", "/api/v1/admin/sales", AUTH, NULL), 403, "forbidden");
    s_check (s_call ("POST", BUY, "Cookie: minishop_session={T}\n" JSON KEY, "{}"), 403,
             "forbidden");
    s_check (
        s_call ("POST", BUY, "Cookie: minishop_session={T}\nOrigin: http://evil\n" JSON KEY, "{}"),
        403, "forbidden");
    s_check (
        s_call ("POST", BUY, "Cookie: minishop_session={T}\nOrigin: http://shop\n" JSON KEY, "{}"),
        503, "busy");
    denial_t denial = { .user_id = 42, .not_before_ms = 901000, .until_ms = 9000000 };
    s_publish (MSG_DENIALS, &denial, 1);
    s_check (s_call ("GET", "/api/v1/sessions/current", AUTH, NULL), 401, "unauthenticated");
    s_check (s_call ("GET", "/api/v1/sessions/current", "Authorization: Bearer {O}\n", NULL), 200,
             "");
}

static void
test_without_the_deny_list_nobody_is_believed (void **state)
{
    /* An edge that does not hold the list cannot tell a revoked token: 503, not 200. */
    (void)state;
    readiness_t readiness = { .sales = 1, .clock = 1 };
    s_publish (MSG_READINESS, &readiness, 1);
    s_check (s_call ("GET", "/api/v1/sessions/current", AUTH, NULL), 503, "dependency_unavailable");
    s_check (s_call ("GET", "/api/v1/sessions/current", "Authorization: Bearer x\n", NULL), 401,
             "unauthenticated");
}

static void
test_accounts_and_sessions (void **state)
{
    /* Names and passwords have bounds; answers are passed on; the cookie is set and cleared with all its attributes. */
    (void)state;
    static account_t account = { .user_id = 5, .username = "bob" };
    static session_t session = { .user_id = 5,
                                 .username = "bob",
                                 .role = "shopper",
                                 .access_token = "a.b.c",
                                 .expires_at_ms = WALL_MS + 60000 };
    static outcome_t outcome;
    s_check (s_call ("POST", "/api/v1/accounts", JSON,
                     "{\"username\":\"bo\",\"password\":\"12345678\"}"),
             400, "invalid_field");
    s_check (s_call ("POST", "/api/v1/accounts", JSON,
                     "{\"username\":\"b b\",\"password\":\"12345678\"}"),
             400, "invalid_field");
    s_check (s_call ("POST", "/api/v1/accounts", JSON,
                     "{\"username\":\"bob\",\"password\":\"1234567\"}"),
             400, "invalid_field");
    s_check (s_call ("POST", "/api/v1/accounts", JSON, "{\"username\":\"bob\"}"), 400,
             "invalid_field");
    assert_string_equal (s_asked, "");
    s_script (MSG_ACCOUNT_CREATE, MSG_ACCOUNT, &account, 1);
    const char *answer =
        s_call ("POST", "/api/v1/accounts", JSON,
                "{\"username\":\"bob\",\"password\":\"12345678\",\"display_name\":\"B\"}");
    s_check (answer, 201, "");
    HAS (answer, "\r\n\r\n{\"user_id\":\"5\",\"username\":\"bob\"}");
    assert_string_equal (
        s_asked,
        "ACCOUNT_CREATE {\"username\":\"bob\",\"password\":\"***\",\"display_name\":\"B\"}\n");
    s_script_refusal (MSG_ACCOUNT_CREATE, &outcome, ERROR_USERNAME_TAKEN);
    s_check (s_call ("POST", "/api/v1/accounts", JSON,
                     "{\"username\":\"bob\",\"password\":\"12345678\"}"),
             409, "username_taken");
    s_script (MSG_SESSION_CREATE, MSG_SESSION, &session, 1);
    answer = s_call ("POST", "/api/v1/sessions", JSON "X-Forwarded-Proto: https\n",
                     "{\"username\":\"bob\",\"password\":\"x\"}");
    HAS (answer, "Set-Cookie: minishop_session=a.b.c; Path=/; Max-Age=60; HttpOnly; "
                 "SameSite=Strict; Secure\r\n");
    HAS (answer, "{\"access_token\":\"a.b.c\",\"expires_at_ms\":1060000,\"user\":{\"user_id\":"
                 "\"5\",\"username\":\"bob\",\"role\":\"shopper\"}}");
    s_script_refusal (MSG_SESSION_CREATE, &outcome, ERROR_UNAUTHENTICATED);
    s_check (s_call ("POST", "/api/v1/sessions", JSON, "{\"username\":\"bob\",\"password\":\"x\"}"),
             401, "unauthenticated");
    s_script_refusal (MSG_SESSION_END, &outcome, ERROR_NONE);
    answer = s_call ("DELETE", "/api/v1/sessions/current", AUTH, NULL);
    s_check (answer, 204, "");
    HAS (answer, "Set-Cookie: minishop_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict\r\n");
    assert_null (strstr (answer, "Content-Length"));
    HAS (s_asked,
         "SESSION_END "
         "{\"token_id\":\"000102030405060708090a0b0c0d0e0f\",\"user_id\":42,\"until_ms\":2000000}");
    s_script_refusal (MSG_PASSWORD_CHANGE, &outcome, ERROR_NONE);
    s_check (s_call ("PUT", "/api/v1/accounts/me/password", AUTH JSON,
                     "{\"current_password\":\"x\",\"new_password\":\"12345678\"}"),
             204, "");
}

/* -------------------------------------------------------------------------- sales */

static void
test_sales_are_served_from_the_snapshot (void **state)
{
    /* Lists and sales need no actor; state and now_ms follow the gate's clock; unknown filters are named. */
    (void)state;
    const char *answer = s_call ("GET", "/api/v1/sales/7", "", NULL);
    s_check (answer, 200, "");
    HAS (answer, "{\"sale_id\":\"7\",\"product_id\":\"\",\"title\":\"A "
                 "\\\"sale\\\"\",\"description\":\"\",\"image_url\":\"\",\"price_cents\":1999,"
                 "\"list_price_cents\":null,\"currency\":\"EUR\",\"stock_total\":10,\"stock_left\":"
                 "4,\"starts_at_ms\":100,\"ends_at_ms\":99999999,"
                 "\"state\":\"live\",\"per_user_limit\":2,\"pay_within_s\":900,\"now_ms\":57000}");
    answer = s_call ("GET", "/api/v1/sales?state=scheduled&q=SALE", "", NULL);
    HAS (answer, "{\"sales\":[{\"sale_id\":\"8\"");
    HAS (answer, "}],\"next_cursor\":null,\"now_ms\":57000}");
    s_check (s_call ("GET", "/api/v1/sales?state=draft", "", NULL), 400, "invalid_field");
    s_check (s_call ("GET", "/api/v1/sales?cursor=x", "", NULL), 400, "invalid_field");
    s_check (s_call ("GET", "/api/v1/sales?cursor=0", "", NULL), 400, "invalid_field");
    HAS (s_call ("GET", "/api/v1/sales?cursor=8", "", NULL), "{\"sales\":[{\"sale_id\":\"7\"");
    s_check (s_call ("GET", "/api/v1/sales/9", "", NULL), 404, "unknown_sale");
    HAS (s_call ("GET", "/api/v1/time", "", NULL), "Cache-Control: no-store\r\n");
    HAS (s_call ("GET", "/api/v1/time", "", NULL), "\r\n\r\n{\"now_ms\":57000}");
    assert_string_equal (s_asked, "");
}

static void
test_sales_are_cached_only_for_strangers (void **state)
{
    /* The weak ETag ignores now_ms and answers 304; with credentials nothing may be stored. */
    (void)state;
    char etag[32], fields[64];
    const char *answer = s_call ("GET", "/api/v1/sales", "", NULL);
    HAS (answer, "Cache-Control: public, max-age=1\r\n");
    const char *found = strstr (answer, "ETag: W/\"");
    assert_non_null (found);
    snprintf (etag, sizeof etag, "%.20s", found + 6);
    readiness_t readiness = {
        .sales = 1, .clock = 1, .denials = 1, .gate_offset_us = GATE_AHEAD_US + 1000000
    };
    s_publish (MSG_READINESS, &readiness, 1);
    snprintf (fields, sizeof fields, "If-None-Match: %s\n", etag);
    answer = s_call ("GET", "/api/v1/sales", fields, NULL);
    s_check (answer, 304, "");
    HAS (answer, etag);
    assert_string_equal (strstr (answer, "\r\n\r\n"), "\r\n\r\n");
    readiness.gate_offset_us += 60000000; /* sale 8 opens: another page */
    s_publish (MSG_READINESS, &readiness, 1);
    s_check (s_call ("GET", "/api/v1/sales", fields, NULL), 200, "");
    HAS (s_call ("GET", "/api/v1/sales", AUTH, NULL), "Cache-Control: no-store\r\n");
    answer = s_call ("HEAD", "/api/v1/sales", "", NULL);
    s_check (answer, 200, "");
    assert_string_equal (strstr (answer, "\r\n\r\n"), "\r\n\r\n");
}

static void
test_nothing_is_known_before_the_first_snapshot (void **state)
{
    /* Without a clock or sales: 503 everywhere, never an empty list or a wrong time. */
    (void)state;
    readiness_t readiness = { 0 };
    s_publish (MSG_READINESS, &readiness, 1);
    s_check (s_call ("GET", "/api/v1/sales", "", NULL), 503, "dependency_unavailable");
    s_check (s_call ("GET", "/api/v1/sales/7", "", NULL), 503, "dependency_unavailable");
    s_check (s_call ("GET", "/api/v1/time", "", NULL), 503, "dependency_unavailable");
    s_check (s_call ("GET", "/readyz", "", NULL), 503, "dependency_unavailable");
    s_check (s_call ("GET", "/healthz", "", NULL), 200, "");
}

/* -------------------------------------------------------------------------- purchases, orders */

static void
s_script_verdict (verdict_t *verdict, error_code_t code)
{
    verdict->code = code;
    s_script (MSG_PURCHASE, MSG_VERDICT, verdict, 1);
}

static void
test_purchase_is_answered_by_its_verdict (void **state)
{
    /* 201 with what was reserved and where the order is; every refusal with its status and what belongs to it. */
    (void)state;
    static verdict_t verdict;
    verdict = (verdict_t){ .quantity = 2,
                           .price_cents = 1999,
                           .sequence = 3,
                           .pay_before_us = 5000999,
                           .stock_left = 1,
                           .limit = LIMIT_SALE,
                           .other_rid = { 0, 0, 0, 0, 0, 7, 0x80, 0, 0x80 } };
    s_script_verdict (&verdict, ERROR_NONE);
    const char *answer = s_call ("POST", BUY, AUTH JSON KEY, "{\"quantity\":2}");
    s_check (answer, 201, "");
    HAS (answer, "Location: /api/v1/orders/00000000-0007-8");
    HAS (answer, "{\"order_id\":\"00000000-0007-8");
    HAS (answer, "\"sale_id\":\"7\",\"quantity\":2,\"price_cents\":1999,\"total_cents\":3998,"
                 "\"currency\":\"EUR\",\"status\":\"reserved\",\"sequence\":3,"
                 "\"pay_before_ms\":5000}");
    HAS (s_asked, "\"sale_id\":7,\"user_id\":42,\"quantity\":2,\"body_hash\":");
    HAS (s_asked, "\"version\":3");
    static const struct {
        error_code_t code;
        unsigned status;
        const char *words;
    } refusals[] = { { ERROR_ALREADY_PURCHASED, 409,
                       "\"order_id\":\"00000000-0007-8000-8000-000000000000\"}" },
                     { ERROR_SOLD_OUT, 409, "\"stock_left\":1}" },
                     { ERROR_IDEMPOTENCY_MISMATCH, 409, "idempotency_mismatch" },
                     { ERROR_LIMIT_EXCEEDED, 409, "limit_exceeded" },
                     { ERROR_SALE_ENDED, 410, "sale_ended" },
                     { ERROR_SALE_PAUSED, 423, "Retry-After: 2\r\n" },
                     { ERROR_RATE_LIMITED, 429, "\"limit\":\"sale\"}" },
                     { ERROR_RECOVERING, 503, "Retry-After: 1\r\n" },
                     { ERROR_DRAINING, 503, "Retry-After: 1\r\n" } };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        s_script_verdict (&verdict, refusals[i].code);
        answer = s_call ("POST", BUY, AUTH JSON KEY, "{}");
        s_check (answer, refusals[i].status, schema_error (refusals[i].code)->code);
        HAS (answer, refusals[i].words);
        assert_true (s_exchange->response.is_purchase);
    }
    s_script_verdict (&verdict, ERROR_SALE_NOT_STARTED);
    answer = s_call ("POST", "/api/v1/sales/8/purchases", AUTH JSON KEY, "{}");
    s_check (answer, 425, "sale_not_started");
    HAS (answer, "\"retry_after_ms\":3000,\"starts_at_ms\":60000}");
    s_script_verdict (&verdict, ERROR_STALE_VERSION);
    s_check (s_call ("POST", BUY, AUTH JSON KEY, "{}"), 500, "internal_error");
}

static void
test_archived_sales_have_no_gate (void **state)
{
    /* A day after its end the gate of a sale may be gone: nobody waits for it then, and what is not in the books is nowhere. An hour
       before that it is asked, and what it cannot say is not known. */
    (void)state;
    static verdict_t verdict;
    static holding_t holding = { .code = ERROR_RECOVERING };
    sale_t sale = {
        .sale_id = 7, .version = 4, .state = SALE_ENDED, .currency = "EUR", .epoch = 1
    };
    s_script_verdict (&verdict, ERROR_RECOVERING);
    s_script (MSG_HOLDING_GET, MSG_HOLDING, &holding, 1);
    s_script (MSG_ORDER_GET, MSG_ORDERS, &verdict, 0);
    for (int is_archived = 0; is_archived < 2; is_archived++) {
        readiness_t readiness = { .sales = 1, .denials = 1, .clock = 1 };
        uint64_t gate_ms = (is_archived ? 25 : 23) * 3600000u;
        sale.ends_at_ms = 1;
        s_publish (MSG_SALES, &sale, 1);
        readiness.gate_offset_us = (int64_t)(gate_ms * 1000) - NOW_US;
        s_publish (MSG_READINESS, &readiness, 1);
        s_check (s_call ("POST", BUY, AUTH JSON KEY, "{}"), is_archived ? 410 : 503,
                 is_archived ? "sale_ended" : "recovering");
        assert_true (is_archived == !strstr (s_asked, "PURCHASE"));
        s_check (s_call ("GET", "/api/v1/orders/00000000-0007-8000-8000-000000000001", AUTH, NULL),
                 is_archived ? 404 : 503, is_archived ? "not_found" : "recovering");
    }
}

static void
test_same_request_is_the_same_purchase (void **state)
{
    /* rid and hash follow user, sale, key and meaning: {} and {"quantity":1} are one; another key, quantity or sale is not. */
    (void)state;
    char first[8192];
    s_call (
        "POST", BUY,
        AUTH KEY
        "X-Request-Id: a\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n",
        "");
    snprintf (first, sizeof first, "%.*s", (int)(strstr (s_asked, ",\"span_id\"") - s_asked),
              s_asked);
    s_call ("POST", BUY,
            AUTH KEY JSON "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n",
            " { \"quantity\" : 1 } ");
    assert_memory_equal (first, s_asked, strlen (first));
    static const char *const others[][3] = { { BUY, "Idempotency-Key: k2\n", "{}" },
                                             { "/api/v1/sales/8/purchases", KEY, "{}" },
                                             { BUY, KEY, "{\"quantity\":2}" } };
    for (size_t i = 0; i < 3; i++) {
        char fields[256];
        snprintf (fields, sizeof fields,
                  AUTH JSON
                  "%straceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n",
                  others[i][1]);
        s_call ("POST", others[i][0], fields, others[i][2]);
        assert_memory_not_equal (first, s_asked, strlen (first));
    }
}

static void
test_orders_are_looked_for_at_the_gate_and_in_the_books (void **state)
{
    /* Found in the books: that. Held at the gate alone: reserved. A no of both: 404. Anything unknown: 503, never 404. */
    (void)state;
    static holding_t holding;
    static order_t order;
    static outcome_t gate, books;
    static const char *const paths[] = { BUY "/k1",
                                         "/api/v1/orders/00000000-0007-8000-8000-000000000001" };
    for (size_t i = 0; i < 2; i++) {
        holding = (holding_t){ .code = ERROR_NOT_FOUND };
        s_script (MSG_HOLDING_GET, MSG_HOLDING, &holding, 1);
        s_script_refusal (MSG_ORDER_GET, &books, ERROR_NOT_FOUND);
        s_check (s_call ("GET", paths[i], AUTH, NULL), 404, "not_found");
        HAS (s_asked, "HOLDING_GET {\"sale_id\":7,\"rid\":\"0000000000078");
        HAS (s_asked, "\nORDER_GET {\"sale_id\":7,");
        s_script (MSG_ORDER_GET, MSG_ORDERS, &order, 0);
        s_check (s_call ("GET", paths[i], AUTH, NULL), 404, "not_found");
        holding = (holding_t){ .held = 1,
                               .user_id = 42,
                               .quantity = 2,
                               .price_cents = 10,
                               .sequence = 4,
                               .pay_before_us = 9000000,
                               .reserved_us = 8000000 };
        const char *answer = s_call ("GET", paths[i], AUTH, NULL);
        s_check (answer, 200, "");
        HAS (answer, "\"quantity\":2,\"price_cents\":10,\"total_cents\":20,\"currency\":\"EUR\","
                     "\"status\":\"reserved\",\"sequence\":4,\"pay_before_ms\":9000");
        holding.user_id = 43;
        s_check (s_call ("GET", paths[i], AUTH, NULL), 404, "not_found");
        holding.user_id = 42;
        holding.held = 0;
        s_check (s_call ("GET", paths[i], AUTH, NULL), 404, "not_found");
        holding.code = ERROR_RECOVERING;
        s_check (s_call ("GET", paths[i], AUTH, NULL), 503, "recovering");
        order = (order_t){ .rid = { 0, 0, 0, 0, 0, 7, 0x80, 0, 0x80 },
                           .sale_id = 7,
                           .user_id = 42,
                           .quantity = 1,
                           .price_cents = 5,
                           .currency = "EUR",
                           .status = ORDER_PENDING_PAYMENT,
                           .sequence = 9,
                           .reserved_us = 8000000,
                           .committed_us = 8100000,
                           .pay_before_us = 9000000 };
        s_script (MSG_ORDER_GET, MSG_ORDERS, &order, 1);
        HAS (s_call ("GET", paths[i], AUTH, NULL), "\"status\":\"pending_payment\"");
        s_script_refusal (MSG_ORDER_GET, &books, ERROR_NOT_FOUND);
        s_script_refusal (MSG_HOLDING_GET, &gate, ERROR_DEPENDENCY_UNAVAILABLE);
        s_check (s_call ("GET", paths[i], AUTH, NULL), 503, "dependency_unavailable");
        s_script (MSG_HOLDING_GET, MSG_HOLDING, &holding, 1);
        holding = (holding_t){ .held = 1, .user_id = 42 };
        s_script_refusal (MSG_ORDER_GET, &books, ERROR_DEPENDENCY_UNAVAILABLE);
        s_check (s_call ("GET", paths[i], AUTH, NULL), 503, "dependency_unavailable");
    }
}

static void
test_orders_have_timelines (void **state)
{
    /* Without moments the timeline is made of the order's own times; lists page by place, and ask for what happened to just the orders
     * of the page, also when newer ones have come. */
    (void)state;
    static order_t orders[21];
    for (size_t i = 0; i < 21; i++)
        orders[i] = (order_t){ .rid = { 0, 0, 0, 0, 0, 7, 0x80, 0, 0x80 },
                               .status = ORDER_CANCELLED,
                               .reserved_us = 1000,
                               .committed_us = 2000,
                               .changed_us = 3000,
                               .actor = "shopper",
                               .reason = "asked",
                               .place = 50 - i };
    s_script (MSG_ORDER_LIST, MSG_ORDERS, orders, 21);
    const char *answer = s_call ("GET", "/api/v1/orders?cursor=77", AUTH, NULL);
    s_check (answer, 200, "");
    HAS (answer, "\"reason\":\"asked\",\"payments\":[],\"timeline\":[{\"at_ms\":1,\"event\":"
                 "\"reserved\",\"actor\":\"seckill\"},{\"at_ms\":2,"
                 "\"event\":\"pending_payment\",\"actor\":\"ordering\"},{\"at_ms\":3,\"event\":"
                 "\"cancelled\",\"actor\":\"shopper\"}]}");
    HAS (answer, "],\"next_cursor\":\"31\"}");
    assert_string_equal (s_asked, "ORDER_LIST {\"user_id\":42,\"after\":77,\"limit\":21}\n"
                                  "PAYMENT_LIST {\"user_id\":42,\"after\":51,\"limit\":20}\n"
                                  "MOMENT_LIST {\"user_id\":42,\"after\":51,\"limit\":20}\n");
    s_script (MSG_ORDER_LIST, MSG_ORDERS, orders, 20);
    HAS (s_call ("GET", "/api/v1/orders", AUTH, NULL), "],\"next_cursor\":null}");
    s_script (MSG_ORDER_LIST, MSG_ORDERS, orders, 0);
    HAS (s_call ("GET", "/api/v1/orders", AUTH, NULL), "{\"orders\":[],\"next_cursor\":null}");
}

/* -------------------------------------------------------------------------- operators */

#define SALE                                                                                       \
    "\"title\":\"T\",\"price_cents\":1,\"currency\":\"EUR\",\"stock_total\":5,\"starts_at_ms\":1," \
    "\"ends_at_ms\":2"

static void
test_operators_make_and_move_sales (void **state)
{
    /* Drafts with defaults; each move is one change with its actor; refusals are inventory's. */
    (void)state;
    static sale_t sale = {
        .sale_id = 12, .state = SALE_DRAFT, .title = "T", .currency = "EUR", .stock_total = 5
    };
    static outcome_t outcome;
    s_script (MSG_SALE_CREATE, MSG_SALE_REPLY, &sale, 1);
    const char *answer = s_call ("POST", "/api/v1/admin/sales", OPERATOR JSON, "{" SALE "}");
    s_check (answer, 201, "");
    HAS (answer, "\"state\":\"draft\"");
    assert_string_equal (s_asked, "SALE_CREATE "
                                  "{\"state\":1,\"title\":\"T\",\"price_cents\":1,\"currency\":"
                                  "\"EUR\",\"stock_total\":5,\"starts_at_ms\":1,"
                                  "\"ends_at_ms\":2,\"per_user_limit\":1,\"pay_within_s\":900,"
                                  "\"actor\":\"alice\"}\n");
    static const char *const wrong[] = { "\"image_url\":\"//evil/a\"",
                                         "\"image_url\":\"http://a\"",
                                         "\"image_url\":\"/a\\\\b\"",
                                         "\"per_user_limit\":0",
                                         "\"per_user_limit\":101",
                                         "\"pay_within_s\":86401",
                                         "\"list_price_cents\":1000000001",
                                         "\"stock_left\":1",
                                         "\"sale_id\":1" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char body[512];
        snprintf (body, sizeof body, "{" SALE ",%s}", wrong[i]);
        s_check (s_call ("POST", "/api/v1/admin/sales", OPERATOR JSON, body), 400, "invalid_field");
    }
    s_check (s_call ("POST", "/api/v1/admin/sales", OPERATOR JSON, "{}"), 400, "invalid_field");
    s_script (MSG_SALE_CHANGE, MSG_SALE_REPLY, &sale, 1);
    s_check (s_call ("POST", "/api/v1/admin/sales/12/publish", OPERATOR JSON, "{}"), 200, "");
    assert_string_equal (
        s_asked, "SALE_CHANGE {\"sale_id\":12,\"state\":2,\"from_draft\":1,\"actor\":\"alice\"}\n");
    s_call ("POST", "/api/v1/admin/sales/12/pause", OPERATOR, "");
    assert_string_equal (s_asked, "SALE_CHANGE {\"sale_id\":12,\"state\":3,\"actor\":\"alice\"}\n");
    s_call ("POST", "/api/v1/admin/sales/12/resume", OPERATOR, "");
    assert_string_equal (s_asked, "SALE_CHANGE {\"sale_id\":12,\"state\":2,\"actor\":\"alice\"}\n");
    s_call ("POST", "/api/v1/admin/sales/12/end", OPERATOR, "");
    assert_string_equal (s_asked, "SALE_CHANGE {\"sale_id\":12,\"state\":4,\"actor\":\"alice\"}\n");
    s_check (s_call ("POST", "/api/v1/admin/sales/12/end", OPERATOR JSON, "{\"x\":1}"), 400,
             "invalid_field");
    s_script_refusal (MSG_SALE_CHANGE, &outcome, ERROR_INVALID_STATE);
    s_check (s_call ("POST", "/api/v1/admin/sales/12/end", OPERATOR, ""), 409, "invalid_state");
    s_script (MSG_SALE_LIST, MSG_SALE_REPLY, &sale, 1);
    HAS (s_call ("GET", "/api/v1/admin/sales", OPERATOR, NULL),
         "\"sold\":0}],\"next_cursor\":null,\"now_ms\":57000}");
    s_script_refusal (MSG_SALE_GET, &outcome, ERROR_NOT_FOUND);
    s_check (s_call ("GET", "/api/v1/admin/sales/12", OPERATOR, NULL), 404, "not_found");
    static audit_t audit = { .stock_total = 5, .gate_left = 3, .paid = 2, .balanced = 1 };
    s_script (MSG_SALE_AUDIT, MSG_AUDIT, &audit, 1);
    HAS (s_call ("GET", "/api/v1/admin/sales/12/audit", OPERATOR, NULL),
         "{\"stock_total\":5,\"gate_left\":3,\"in_flight\":0,\"reserved\":0,\"pending_payment\":0,"
         "\"paid\":2,\"cancelled_returned\":0,\"oversold\":0,"
         "\"lost\":0,\"duplicated\":0,\"leaked\":0,\"lost_with_disk\":0,\"balanced\":true}");
}

static void
test_limits_are_merged (void **state)
{
    /* PATCH changes what it names and keeps the rest, in either form; unknown levels and members are refused before anyone is asked. */
    (void)state;
    static limits_t limits = { .version = 4,
                               .ip_rate_per_s = 1,
                               .ip_burst = 2,
                               .user_count = 50,
                               .user_window_ms = 1000,
                               .sale_burst = 1,
                               .global_burst = 1 };
    s_script (MSG_LIMITS_GET, MSG_LIMITS, &limits, 1);
    s_script (MSG_LIMITS_SET, MSG_LIMITS, &limits, 1);
    HAS (s_call ("GET", "/api/v1/admin/limits", OPERATOR, NULL),
         "{\"limits\":{\"ip\":{\"rate_per_s\":1,\"burst\":2},\"user\":{\"count\":50,\"window_ms\":"
         "1000},\"sale\":{\"rate_per_s\":0,\"burst\":1},"
         "\"global\":{\"rate_per_s\":0,\"burst\":1}}}");
    s_check (s_call ("PATCH", "/api/v1/admin/limits", OPERATOR JSON,
                     "{\"limits\":{\"user\":{\"count\":60},\"ip\":{\"burst\":9}}}"),
             200, "");
    HAS (s_asked, "LIMITS_SET "
                  "{\"version\":4,\"ip_rate_per_s\":1,\"ip_burst\":9,\"user_count\":60,\"user_"
                  "window_ms\":1000,\"sale_burst\":1,\"global_burst\":1,"
                  "\"actor\":\"alice\"}\n");
    s_check (
        s_call ("PATCH", "/api/v1/admin/limits", OPERATOR JSON, "{\"sale\":{\"rate_per_s\":7}}"),
        200, "");
    HAS (s_asked, "\"sale_rate_per_s\":7,");
    static const char *const wrong[] = { "{\"limits\":{\"x\":{}}}",
                                         "{\"limits\":{\"ip\":{\"x\":1}}}",
                                         "{\"limits\":{\"ip\":{\"burst\":-1}}}",
                                         "{\"limits\":1}",
                                         "{\"limits\":{},\"ip\":{}}",
                                         "{\"user\":{\"burst\":1}}",
                                         "{\"user\":[]}" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        s_check (s_call ("PATCH", "/api/v1/admin/limits", OPERATOR JSON, wrong[i]), 400,
                 "invalid_field");
        assert_string_equal (s_asked, "");
    }
}

static void
test_actors_and_log (void **state)
{
    /* The directory without supervisor and console; scaling is the supervisor's; the log pages. */
    (void)state;
    static process_t processes[] = {
        { .kind = KIND_EDGE,
          .number = 2,
          .pid = 11,
          .state = STATE_READY,
          .endpoint = "ipc://x",
          .http_endpoint = "http://127.0.0.1:5",
          .version = "0.1.0",
          .since_ms = 9 },
        { .kind = KIND_SUPERVISOR, .number = 1 },
        { .kind = KIND_BROKER, .number = 1, .state = STATE_DRAINING, .endpoint = "ipc://b" }
    };
    static outcome_t outcome;
    static log_entry_t entry = { .place = 3,
                                 .at_ms = 5,
                                 .who = "admin",
                                 .action = "sale_publish",
                                 .target = "sale 12",
                                 .before = "draft",
                                 .after = "open" };
    s_script (MSG_DIRECTORY_GET, MSG_DIRECTORY, processes, 3);
    const char *answer = s_call ("GET", "/api/v1/admin/actors", OPERATOR, NULL);
    HAS (answer,
         "{\"actors\":[{\"kind\":\"edge\",\"id\":\"edge/"
         "2\",\"pid\":11,\"state\":\"ready\",\"endpoint\":\"http://127.0.0.1:5\",\"in_flight\":0,"
         "\"rate_per_s\":0,\"queue_depth\":0,\"since_ms\":9,\"version\":\"0.1.0\"},{\"kind\":"
         "\"broker\",\"id\":\"broker/1\"");
    assert_null (strstr (answer, "supervisor"));
    s_script_refusal (MSG_SCALE, &outcome, ERROR_NONE);
    HAS (s_call ("POST", "/api/v1/admin/actors/seckill", OPERATOR JSON, "{\"count\":3}"),
         "{\"kind\":\"seckill\",\"count\":3}");
    s_check (s_call ("POST", "/api/v1/admin/actors/seckill", OPERATOR JSON, "{\"count\":3}"), 202,
             "");
    assert_string_equal (s_asked, "SCALE {\"kind\":3,\"count\":3,\"actor\":\"alice\"}\n");
    s_check (s_call ("POST", "/api/v1/admin/actors/seckill", OPERATOR JSON, "{}"), 400,
             "invalid_field");
    /* the last edge is what answers this call */
    s_check (s_call ("POST", "/api/v1/admin/actors/edge", OPERATOR JSON, "{\"count\":0}"), 400,
             "invalid_field");
    s_check (s_call ("POST", "/api/v1/admin/actors/supervisor", OPERATOR JSON, "{\"count\":3}"),
             404, "not_found");
    s_script (MSG_LOG_LIST, MSG_LOG, &entry, 1);
    HAS (s_call ("GET", "/api/v1/admin/log", OPERATOR, NULL),
         "{\"entries\":[{\"at_ms\":5,\"who\":\"admin\",\"action\":\"sale_publish\",\"target\":"
         "\"sale 12\",\"from\":\"draft\",\"to\":\"open\"}],\"next_cursor\":null}");
}

/* -------------------------------------------------------------------------- machines, limits */

static void
test_readiness_shows_each_check (void **state)
{
    /* 200 only with every check passed, no recovery of a live sale, not draining; 503 shows the same checks as a problem. */
    (void)state;
    HAS (s_call ("GET", "/readyz", "", NULL),
         "{\"ready\":true,\"checks\":{\"sales\":true,\"limits\":true,\"denials\":true,\"clock\":"
         "true,\"limiter\":true,"
         "\"seckill\":true,\"not_recovering\":true,\"not_draining\":true}}");
    stock_t stock = { .sale_id = 7, .epoch = 1, .recovering = 1 };
    s_publish (MSG_STOCK, &stock, 1);
    const char *answer = s_call ("GET", "/readyz", "Accept: text/html\n", NULL);
    s_check (answer, 503, "recovering");
    HAS (answer, "\"ready\":false,\"checks\":{\"sales\":true");
    HAS (answer, "\"not_recovering\":false");
    readiness_t readiness = { .sales = 1,
                              .limits = 1,
                              .denials = 1,
                              .clock = 1,
                              .limiter = 1,
                              .seckill = 1,
                              .draining = 1,
                              .gate_offset_us = GATE_AHEAD_US };
    s_publish (MSG_READINESS, &readiness, 1);
    s_check (s_call ("GET", "/readyz", "", NULL), 503, "draining");
    s_check (s_call ("GET", "/metrics", "", NULL), 404, "not_found");
}

static void
test_addresses_are_limited_last (void **state)
{
    /* Over its limit an address hears 429 with the level, but what is wrong with its request is said first; probes are free. */
    (void)state;
    limits_t limits = { .ip_rate_per_s = 1, .ip_burst = 1 };
    s_publish (MSG_LIMITS, &limits, 1);
    s_check (s_call ("GET", "/api/v1/time", "", NULL), 200, "");
    const char *answer = s_call ("GET", "/api/v1/time", "", NULL);
    s_check (answer, 429, "rate_limited");
    HAS (answer, "Retry-After: 1\r\n");
    HAS (answer, "\"limit\":\"ip\"}");
    s_check (s_call ("POST", "/api/v1/sessions", JSON, "{\"x\":1}"), 400, "invalid_field");
    s_check (s_call ("GET", "/api/v1/time", "X-Real-IP: 192.0.2.8\n", NULL), 200, "");
    s_check (s_call ("GET", "/api/v1/time", "X-Real-IP: 127.0.0.1\n", NULL), 200, "");
    s_check (s_call ("GET", "/api/v1/time", "X-Real-IP: 127.0.0.1\n", NULL), 200, "");
    s_check (s_call ("GET", "/healthz", "", NULL), 200, "");
}

static void
test_odd_answers_are_our_bug (void **state)
{
    /* An answer of another type, an empty one where one entry is due, and internal codes become internal_error, never a 200. */
    (void)state;
    static outcome_t outcome;
    static order_t order;
    s_script (MSG_LIMITS_GET, MSG_ORDERS, &order, 1);
    s_check (s_call ("GET", "/api/v1/admin/limits", OPERATOR, NULL), 500, "internal_error");
    s_script (MSG_LIMITS_GET, MSG_LIMITS, &order, 0);
    s_check (s_call ("GET", "/api/v1/admin/limits", OPERATOR, NULL), 500, "internal_error");
    s_script_refusal (MSG_LIMITS_GET, &outcome, ERROR_FENCED);
    s_check (s_call ("GET", "/api/v1/admin/limits", OPERATOR, NULL), 500, "internal_error");
    s_script_refusal (MSG_LIMITS_GET, &outcome, ERROR_NONE);
    s_check (s_call ("GET", "/api/v1/admin/limits", OPERATOR, NULL), 500, "internal_error");
    s_script (MSG_PURCHASE, MSG_OUTCOME, &outcome, 1);
    s_check (s_call ("POST", BUY, AUTH KEY, ""), 503, "busy");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        CASE (test_first_refusal_that_applies),
        CASE (test_unfinished_bodies_close_the_connection),
        CASE (test_quantities),
        CASE (test_problems_have_their_form),
        CASE (test_tokens_roles_and_cookies),
        CASE (test_without_the_deny_list_nobody_is_believed),
        CASE (test_accounts_and_sessions),
        CASE (test_sales_are_served_from_the_snapshot),
        CASE (test_sales_are_cached_only_for_strangers),
        CASE (test_nothing_is_known_before_the_first_snapshot),
        CASE (test_purchase_is_answered_by_its_verdict),
        CASE (test_archived_sales_have_no_gate),
        CASE (test_same_request_is_the_same_purchase),
        CASE (test_orders_are_looked_for_at_the_gate_and_in_the_books),
        CASE (test_orders_have_timelines),
        CASE (test_operators_make_and_move_sales),
        CASE (test_limits_are_merged),
        CASE (test_actors_and_log),
        CASE (test_readiness_shows_each_check),
        CASE (test_addresses_are_limited_last),
        CASE (test_odd_answers_are_our_bug),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
