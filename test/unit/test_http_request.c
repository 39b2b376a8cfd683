/*  Heads of requests, tokens and names: what is taken, what is refused. */

#include "identity.h"
#include "request.h"
#include "token.h"
#include "trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jwt.h>

static request_t s_request;
static json_body_t s_scratch;

/*  Fields as "Name: value\n…"; Host is added unless there is "Host:". */
static error_code_t
s_head (const char *method, const char *target, const char *query, const char *fields)
{
    static char copy[32768];
    char *rest = copy, *line;
    snprintf (copy, sizeof copy, "%s", fields);
    request_open (&s_request, method, target, query);
    if (!strstr (fields, "Host:"))
        request_add_header (&s_request, "Host", "shop.test");
    while ((line = strsep (&rest, "\n"))) {
        char *colon = strchr (line, ':');
        if (!colon)
            continue;
        *colon = 0;
        request_add_header (&s_request, line, colon + 2);
    }
    return request_read_head (&s_request);
}

static void
test_lengths_are_digits_and_alone (void **state)
{
    /* Whatever could make two programs disagree where a request ends is malformed; chunked and absent lengths are 411. */
    (void)state;
    assert_int_equal (s_head ("POST", "/a", NULL, "Content-Length: 12"), ERROR_NONE);
    assert_int_equal (s_request.content_length, 12);
    assert_int_equal (s_head ("POST", "/a", NULL, "content-LENGTH: 0"), ERROR_NONE);
    assert_int_equal (s_head ("GET", "/a", NULL, ""), ERROR_NONE);
    assert_int_equal (s_head ("DELETE", "/a", NULL, ""), ERROR_NONE);
    static const char *const malformed[] = {
        "Content-Length: 5abc",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: ",
        "Content-Length: 5 ",
        "Content-Length: 5, 5",
        "Content-Length: 0x5",
        "Content-Length: 5\nContent-Length: 5",
        "Content-Length: 5\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\nTransfer-Encoding: chunked",
        "Host: a\nHost: b\nContent-Length: 0",
        "Authorization: a\nAuthorization: b\nContent-Length: 0"
    };
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        assert_int_equal (s_head ("POST", "/a", NULL, malformed[i]), ERROR_MALFORMED_REQUEST);
    assert_int_equal (s_head ("POST", "/a", NULL, ""), ERROR_LENGTH_REQUIRED);
    assert_int_equal (s_head ("PUT", "/a", NULL, ""), ERROR_LENGTH_REQUIRED);
    assert_int_equal (s_head ("PATCH", "/a", NULL, ""), ERROR_LENGTH_REQUIRED);
    assert_int_equal (s_head ("GET", "/a", NULL, "Transfer-Encoding: Chunked"),
                      ERROR_LENGTH_REQUIRED);
    assert_int_equal (s_head ("POST", "/a", NULL, "Transfer-Encoding: gzip, chunked"),
                      ERROR_NOT_IMPLEMENTED);
    assert_int_equal (s_head ("POST", "/a", NULL, "Content-Length: 4096"), ERROR_NONE);
    assert_int_equal (s_head ("POST", "/a", NULL, "Content-Length: 4097"), ERROR_CONTENT_TOO_LARGE);
    assert_int_equal (s_head ("POST", "/a", NULL, "Content-Length: 999999999999999999"),
                      ERROR_CONTENT_TOO_LARGE);
    assert_int_equal (s_head ("POST", "/a", NULL, "Content-Length: 18446744073709551616"),
                      ERROR_MALFORMED_REQUEST);
}

static void
test_refusals_have_an_order (void **state)
{
    /* Of several things wrong with a head the contract's first is answered. */
    (void)state;
    static char target[9002], field[20000];
    memset (target, 'a', sizeof target - 1);
    target[0] = '/';
    memset (field, 'a', sizeof field - 1);
    memcpy (field, "A: ", 3);
    assert_int_equal (s_head ("BREW", "/%zz", NULL, field), ERROR_MALFORMED_REQUEST);
    assert_int_equal (s_head ("BREW", target, NULL, field), ERROR_URI_TOO_LONG);
    assert_int_equal (s_head ("BREW", "/a", NULL, field), ERROR_HEADER_FIELDS_TOO_LARGE);
    assert_int_equal (s_head ("BREW", "/a", NULL, "Transfer-Encoding: chunked"),
                      ERROR_NOT_IMPLEMENTED);
    target[8000] = 0;
    assert_int_equal (s_head ("GET", target, NULL, ""), ERROR_NONE);
    assert_int_equal (s_head ("GET", target, "a", ""), ERROR_URI_TOO_LONG);
}

static void
test_targets_are_decoded_strictly (void **state)
{
    /* Percent-encoding is two hex digits and never NUL; a slash that was encoded separates nothing. */
    (void)state;
    static const char *const malformed[] = {
        "", "a", "/%", "/%4", "/%4g", "/%00", "/a%00b", "/%%41"
    };
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        assert_int_equal (s_head ("GET", malformed[i], NULL, ""), ERROR_MALFORMED_REQUEST);
    assert_int_equal (s_head ("GET", "/a", "x=%zz", ""), ERROR_MALFORMED_REQUEST);
    assert_int_equal (s_head ("GET", "/a%2Fb/%63", NULL, ""), ERROR_NONE);
    assert_int_equal (s_request.segment_count, 2);
    assert_string_equal (s_request.segments[0], "a/b");
    assert_string_equal (s_request.segments[1], "c");
    assert_int_equal (s_head ("GET", "/", NULL, ""), ERROR_NONE);
    assert_int_equal (s_request.segment_count, 1);
    assert_int_equal (s_head ("GET", "/a", NULL, "Host:x\n"), ERROR_NONE);
}

static void
test_query_parameters (void **state)
{
    /* Parameters are found whole, decoded, once, within their length; others are ignored. */
    (void)state;
    char text[9];
    assert_int_equal (s_head ("GET", "/a", "qq=no&q=a+b%26&x", ""), ERROR_NONE);
    assert_true (request_query (&s_request, "q", text, 8));
    assert_string_equal (text, "a b&");
    assert_true (request_query (&s_request, "y", text, 8));
    assert_string_equal (text, "");
    s_head ("GET", "/a", "q=1&q=2", "");
    assert_false (request_query (&s_request, "q", text, 8));
    s_head ("GET", "/a", "q=123456789", "");
    assert_false (request_query (&s_request, "q", text, 8));
    s_head ("GET", "/a", NULL, "");
    assert_true (request_query (&s_request, "q", text, 8));
}

static bool
s_accepts (const char *value)
{
    char field[128];
    snprintf (field, sizeof field, "Accept: %s", value);
    s_head ("GET", "/a", NULL, field);
    return request_accepts_json (&s_request);
}

static bool
s_is_json (const char *value)
{
    char field[128];
    snprintf (field, sizeof field, "Content-Length: 0\nContent-Type: %s", value);
    s_head ("POST", "/a", NULL, field);
    return request_is_json (&s_request);
}

static void
test_media_types (void **state)
{
    /* JSON is what is sent and taken; wildcards and q-values are understood; only UTF-8. */
    (void)state;
    assert_true (s_accepts ("application/json"));
    assert_true (s_accepts ("text/html, application/*;q=0.1"));
    assert_true (s_accepts ("*/*"));
    assert_true (s_accepts ("text/html,APPLICATION/JSON ; q=0.5"));
    assert_false (s_accepts ("text/html"));
    assert_false (s_accepts ("application/json;q=0"));
    assert_false (s_accepts ("application/json;q=0.000, text/html"));
    assert_false (s_accepts ("application/jsonx"));
    assert_true (s_is_json ("application/json"));
    assert_true (s_is_json ("Application/JSON; charset=UTF-8"));
    assert_true (s_is_json ("application/json;charset=\"utf-8\""));
    assert_false (s_is_json ("application/json; charset=latin1"));
    assert_false (s_is_json ("application/x-www-form-urlencoded"));
    assert_false (s_is_json ("application/jsonp"));
    assert_false (s_is_json (""));
}

static void
test_connections_and_cookies (void **state)
{
    /* Keep-alive is 1.1's default and the client's word; a cookie is found by its whole name. */
    (void)state;
    size_t count;
    s_head ("GET", "/a", NULL, "Cookie: xminishop_session=no; minishop_session=abc.d; b=c");
    assert_true (request_keeps_alive (&s_request));
    const char *cookie = request_cookie (&s_request, "minishop_session", &count);
    assert_non_null (cookie);
    assert_int_equal (count, 5);
    assert_memory_equal (cookie, "abc.d", 5);
    assert_null (request_cookie (&s_request, "session", &count));
    s_head ("GET", "/a", NULL, "Connection: close");
    assert_false (request_keeps_alive (&s_request));
    s_head ("GET", "/a", NULL, "Connection: Upgrade, Keep-Alive");
    assert_true (request_keeps_alive (&s_request));
    s_request.is_http_1_0 = true;
    s_request.headers[HEADER_CONNECTION] = NULL;
    assert_false (request_keeps_alive (&s_request));
}

static void
test_same_origin (void **state)
{
    /* The Origin's scheme, host and port are those that the client addressed; nothing else, "null" neither, passes. */
    (void)state;
    s_head ("GET", "/a", NULL, "Host: shop:8080\nOrigin: http://shop:8080");
    assert_true (request_is_same_origin (&s_request));
    static const char *const others[] = { "Host: shop\nOrigin: https://shop",
                                          "Host: shop\nOrigin: http://shop.evil",
                                          "Host: shop\nOrigin: http://evil",
                                          "Host: shop\nOrigin: null",
                                          "Host: shop\nOrigin: http://shop:80",
                                          "Host: shop",
                                          "Host: shop\nOrigin: http://shop\nOrigin: http://evil" };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        s_head ("GET", "/a", NULL, others[i]);
        assert_false (request_is_same_origin (&s_request));
    }
    s_head ("GET", "/a", NULL, "Host: shop\nX-Forwarded-Proto: https\nOrigin: https://shop");
    assert_true (request_is_same_origin (&s_request));
}

static void
test_trace_context_is_continued (void **state)
{
    /* A well-formed traceparent keeps its trace id under a new span; anything else starts a new trace. */
    (void)state;
    char parent[56];
    s_head ("GET", "/a", NULL,
            "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\nX-Request-Id: "
            "abc-1");
    trace_begin (&s_request);
    trace_parent (&s_request, parent);
    assert_int_equal (strlen (parent), 55);
    assert_memory_equal (parent, "00-0af7651916cd43dd8448eb211c80319c-", 36);
    assert_memory_not_equal (parent + 36, "b7ad6b7169203331", 16);
    assert_string_equal (s_request.request_id, "abc-1");
    static const char *const wrong[] = {
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        ""
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char field[128];
        snprintf (field, sizeof field, "traceparent: %s\nX-Request-Id: a b", wrong[i]);
        s_head ("GET", "/a", NULL, field);
        trace_begin (&s_request);
        trace_parent (&s_request, parent);
        assert_memory_not_equal (parent + 3, "0af7651916cd43dd8448eb211c80319c", 32);
        assert_int_equal (strlen (s_request.request_id), 32);
    }
}

/* -------------------------------------------------------------------------- tokens */

static const uint8_t s_key_bytes[TOKEN_KEY_BYTES] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

/*  A token as account makes it, with libjwt. Owns: the caller frees. */
static char *
s_issue (jwt_alg_t algorithm, const uint8_t *key, const char *subject, long expires_s)
{
    jwt_t *jwt = NULL;
    assert_int_equal (jwt_new (&jwt), 0);
    jwt_set_alg (jwt, algorithm, algorithm == JWT_ALG_NONE ? NULL : key,
                 algorithm == JWT_ALG_NONE ? 0 : TOKEN_KEY_BYTES);
    jwt_add_grant (jwt, "sub", subject);
    jwt_add_grant (jwt, "name", "alice");
    jwt_add_grant (jwt, "role", "shopper");
    jwt_add_grant (jwt, "jti", "000102030405060708090a0b0c0d0e0f");
    jwt_add_grant_int (jwt, "iat", 1000);
    jwt_add_grant_int (jwt, "exp", expires_s);
    char *text = jwt_encode_str (jwt);
    jwt_free (jwt);
    return text;
}

static error_code_t
s_read (const char *text, uint64_t now_ms, token_t *token)
{
    token_key_t key;
    token_key_init (&key, s_key_bytes);
    return token_read (&key, text, strlen (text), now_ms, &s_scratch, token);
}

static void
test_tokens_of_libjwt_are_read (void **state)
{
    /* What libjwt issues with our key is a token until the second of its exp. */
    (void)state;
    token_t token;
    char *text = s_issue (JWT_ALG_HS256, s_key_bytes, "9223372036854775807", 2000);
    assert_int_equal (s_read (text, 1999999, &token), ERROR_NONE);
    assert_true (token.user_id == INT64_MAX);
    assert_string_equal (token.username, "alice");
    assert_string_equal (token.role, "shopper");
    assert_int_equal (token.token_id[15], 15);
    assert_int_equal (token.issued_s, 1000);
    assert_int_equal (token.expires_s, 2000);
    assert_int_equal (s_read (text, 2000000, &token), ERROR_TOKEN_EXPIRED);
    free (text);
}

static void
test_every_changed_byte_is_noticed (void **state)
{
    /* No token with any one character changed, cut or added is accepted. */
    (void)state;
    token_t token;
    char *text = s_issue (JWT_ALG_HS256, s_key_bytes, "7", 2000);
    size_t count = strlen (text);
    char copy[TOKEN_BYTES_MAX];
    for (size_t i = 0; i < count; i++) {
        memcpy (copy, text, count + 1);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        assert_int_equal (s_read (copy, 0, &token), ERROR_UNAUTHENTICATED);
        memcpy (copy, text, count + 1);
        copy[i] = 0;
        assert_int_equal (s_read (copy, 0, &token), ERROR_UNAUTHENTICATED);
    }
    snprintf (copy, sizeof copy, "%s=", text);
    assert_int_equal (s_read (copy, 0, &token), ERROR_UNAUTHENTICATED);
    free (text);
}

static void
test_other_algorithms_and_keys_are_refused (void **state)
{
    /* "none", another algorithm, another key, and an expired token that is not ours are all just unauthenticated. */
    (void)state;
    token_t token;
    uint8_t other[TOKEN_KEY_BYTES] = { 9 };
    char *texts[] = { s_issue (JWT_ALG_NONE, NULL, "7", 2000),
                      s_issue (JWT_ALG_HS512, s_key_bytes, "7", 2000),
                      s_issue (JWT_ALG_HS256, other, "7", 1) };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal (s_read (texts[i], 5000, &token), ERROR_UNAUTHENTICATED);
        free (texts[i]);
    }
    static const char *const wrong[] = { "0", "01", "-1", "a", "", "9223372036854775808", "7 " };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *text = s_issue (JWT_ALG_HS256, s_key_bytes, wrong[i], 2000);
        assert_int_equal (s_read (text, 0, &token), ERROR_UNAUTHENTICATED);
        free (text);
    }
}

static void
test_deep_claims_are_never_parsed (void **state)
{
    /* A token of nothing but brackets under our header costs one hash, no recursion. */
    (void)state;
    token_t token;
    char text[TOKEN_BYTES_MAX + 1];
    memset (text, 'W', sizeof text - 1);
    text[sizeof text - 1] = 0;
    memcpy (text, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.", 37);
    text[TOKEN_BYTES_MAX - 44] = '.';
    assert_int_equal (s_read (text, 0, &token), ERROR_UNAUTHENTICATED);
}

/* -------------------------------------------------------------------------- identities */

static void
test_order_ids (void **state)
{
    /* The same (user, sale, key) is the same UUIDv8 with the sale in front; any other is another; the text reads back. */
    (void)state;
    id_key_t key = { { 5 } }, other = { { 6 } };
    uint8_t a[16], b[16];
    char text[ORDER_ID_TEXT_COUNT + 1];
    identity_rid (&key, 10, 0x123456789abc, "k", a);
    identity_rid (&key, 10, 0x123456789abc, "k", b);
    assert_memory_equal (a, b, 16);
    assert_true (identity_sale_of (a) == 0x123456789abc);
    identity_text (a, text);
    assert_int_equal (strlen (text), 36);
    assert_memory_equal (text, "12345678-9abc-8", 15);
    assert_true (identity_read (text, b));
    assert_memory_equal (a, b, 16);
    identity_rid (&key, 11, 0x123456789abc, "k", b);
    assert_memory_not_equal (a, b, 16);
    identity_rid (&key, 10, 0x123456789abc, "l", b);
    assert_memory_not_equal (a, b, 16);
    identity_rid (&other, 10, 0x123456789abc, "k", b);
    assert_memory_not_equal (a, b, 16);
    text[14] = '4';
    assert_false (identity_read (text, b));
    assert_false (identity_read ("", b));
    assert_true (identity_body_hash (1, 2) != identity_body_hash (2, 1));
    assert_true (identity_body_hash (1, 2) <= INT64_MAX);
}

static void
test_ids_of_payments_and_stock_changes (void **state)
{
    /* Named by order and key, or sale and key, under the instance's secret; never as another kind of name would be. */
    (void)state;
    id_key_t key = { { 5 } }, other = { { 6 } };
    uint8_t rid[RID_BYTES] = { 0, 0, 0, 0, 0, 7, 0x80, 0, 0x80 };
    uint8_t a[PAYMENT_ID_BYTES], b[PAYMENT_ID_BYTES], c[STOCK_OP_BYTES];
    identity_payment (&key, rid, "k", a);
    identity_payment (&key, rid, "k", b);
    assert_memory_equal (a, b, sizeof a);
    identity_payment (&key, rid, "k2", b);
    assert_memory_not_equal (a, b, sizeof a);
    identity_payment (&other, rid, "k", b);
    assert_memory_not_equal (a, b, sizeof a);
    rid[15] = 1;
    identity_payment (&key, rid, "k", b);
    assert_memory_not_equal (a, b, sizeof a);
    identity_stock_op (&key, 7, "k", a);
    identity_stock_op (&key, 7, "k", c);
    assert_memory_equal (a, c, sizeof a);
    identity_stock_op (&key, 8, "k", c);
    assert_memory_not_equal (a, c, sizeof a);
    identity_stock_op (&key, 7, "l", c);
    assert_memory_not_equal (a, c, sizeof a);
    assert_memory_not_equal (a, b, sizeof a);
    static const uint8_t stock[RID_BYTES] = "stock\0\0\0\0\0\0\0\0\7kx";
    identity_payment (&key, stock, "", a);
    identity_stock_op (&key, 7, "kx", c);
    assert_memory_not_equal (a, c, sizeof a);
    /* why a byte above 0x7f goes first: only the order id of a user's number that nobody has would be the same hash */
    uint8_t order[RID_BYTES], looks_alike[RID_BYTES] = { [15] = 'k' };
    identity_rid (&key, UINT64_C (0xff) << 56, 0, "k", order);
    identity_payment (&key, looks_alike, "", a);
    assert_memory_equal (order + 9, a + 3, 7);
    identity_rid (&key, UINT64_C (0x7f) << 56, 0, "k", order);
    assert_memory_not_equal (order + 9, a + 3, 7);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_lengths_are_digits_and_alone),
        cmocka_unit_test (test_refusals_have_an_order),
        cmocka_unit_test (test_targets_are_decoded_strictly),
        cmocka_unit_test (test_query_parameters),
        cmocka_unit_test (test_media_types),
        cmocka_unit_test (test_connections_and_cookies),
        cmocka_unit_test (test_same_origin),
        cmocka_unit_test (test_trace_context_is_continued),
        cmocka_unit_test (test_tokens_of_libjwt_are_read),
        cmocka_unit_test (test_every_changed_byte_is_noticed),
        cmocka_unit_test (test_other_algorithms_and_keys_are_refused),
        cmocka_unit_test (test_deep_claims_are_never_parsed),
        cmocka_unit_test (test_order_ids),
        cmocka_unit_test (test_ids_of_payments_and_stock_changes),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
