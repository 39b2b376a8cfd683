/*  What becomes of orders and sales after their making, as whole requests with scripted actors: payments, webhooks, cancels, edits, stock,
    dead letters. */

#include "http_bench.h"

#define ORDER "/api/v1/orders/00000000-0007-8000-8000-000000000001"
#define RID "00000000000780008000000000000001"
#define PAY ORDER "/payments"
#define TEST "{\"method\":\"test\"}"

static outcome_t s_outcomes[16];
static size_t s_outcome_count;

/*  The refusal that is answered after what was scripted last. */
static void
s_refusal_then (message_type_t question, error_code_t code, const char *detail)
{
    outcome_t *outcome = &s_outcomes[s_outcome_count++ % 16];
    *outcome = (outcome_t){ .code = code };
    snprintf (outcome->detail, sizeof outcome->detail, "%s", detail);
    s_script_then (question, MSG_OUTCOME, outcome, 1);
}

static void
s_forget (message_type_t question)
{
    memset (&s_answers[question], 0, sizeof s_answers[question]);
}

static holding_t s_holding;
static order_t s_order;
static payment_t s_payments[BATCH_ENTRIES_MAX];
static moment_t s_moments[BATCH_ENTRIES_MAX];

static void
s_holds (error_code_t code, uint64_t held, uint64_t user_id)
{
    s_holding = (holding_t){ .code = code,
                             .held = held,
                             .user_id = user_id,
                             .quantity = 2,
                             .price_cents = 10,
                             .sequence = 4,
                             .pay_before_us = 9000000,
                             .reserved_us = 8000000,
                             .epoch = 3,
                             .body_hash = 99 };
    s_script (MSG_HOLDING_GET, MSG_HOLDING, &s_holding, 1);
}

static void
s_has_order (order_status_t status)
{
    s_order = (order_t){ .rid = { 0, 0, 0, 0, 0, 7, 0x80, 0, 0x80, [15] = 1 },
                         .sale_id = 7,
                         .user_id = 42,
                         .quantity = 2,
                         .price_cents = 10,
                         .currency = "EUR",
                         .status = status,
                         .sequence = 4,
                         .reserved_us = 8000000,
                         .committed_us = 8100000,
                         .pay_before_us = 9000000,
                         .changed_us = 8500000,
                         .place = 70 };
    s_script (MSG_ORDER_GET, MSG_ORDERS, &s_order, 1);
}

static size_t
s_times_asked (const char *question)
{
    size_t count = 0;
    for (const char *at = s_asked; (at = strstr (at, question)); at++)
        count += at == s_asked || at[-1] == '\n';
    return count;
}

/* -------------------------------------------------------------------------- payments */

static void
test_payment_is_asked_of_ordering (void **state)
{
    /* The key names the payment, the outcome is succeed unless said; the answer is the payment as it is now. */
    (void)state;
    static payment_t payment = { .payment_id = { 0xab, [15] = 1 }, .status = PAYMENT_PENDING };
    s_script (MSG_PAYMENT_CREATE, MSG_PAYMENTS, &payment, 1);
    const char *answer = s_call ("POST", PAY, AUTH JSON KEY, TEST);
    s_check (answer, 201, "");
    HAS (answer, "\r\n\r\n{\"payment_id\":\"ab000000000000000000000000000001\","
                 "\"status\":\"pending\"}");
    HAS (s_asked, "\"rid\":\"" RID "\",\"sale_id\":7,\"user_id\":42,\"key\":\"k1\","
                  "\"method\":\"test\",\"outcome\":\"succeed\"}\n");
    assert_int_equal (s_times_asked ("PAYMENT_CREATE {\"payment_id\":\""), 1);
    payment.status = PAYMENT_CAPTURED;
    HAS (s_call ("POST", PAY, AUTH JSON KEY, TEST), "\"status\":\"captured\"}");
    s_call ("POST", PAY, AUTH JSON KEY, "{\"outcome\":\"hang\",\"method\":\"test\"}");
    HAS (s_asked, "\"outcome\":\"hang\"}\n");
}

static void
test_payment_ids_follow_order_and_key (void **state)
{
    /* The same order and key is the same payment, from whatever body; another key or order is another. */
    (void)state;
    char first[128];
    size_t count = strlen ("PAYMENT_CREATE {\"payment_id\":\"") + 32;
    s_call ("POST", PAY, AUTH JSON KEY, TEST);
    memcpy (first, s_asked, count);
    first[count] = 0;
    s_call ("POST", PAY, AUTH JSON KEY, "{\"method\":\"test\",\"outcome\":\"decline\"}");
    assert_memory_equal (first, s_asked, count);
    s_call ("POST", PAY, AUTH JSON "Idempotency-Key: k2\n", TEST);
    assert_memory_not_equal (first, s_asked, count);
    s_call ("POST", "/api/v1/orders/00000000-0007-8000-8000-000000000002/payments", AUTH JSON KEY,
            TEST);
    assert_memory_not_equal (first, s_asked, count);
}

static void
test_payment_of_a_reserved_order_waits (void **state)
{
    /* No row yet and held by this shopper: asked again with waits. Whoever else holds it, or nobody: once more without, then 404. */
    (void)state;
    static payment_t payment = { .status = PAYMENT_PENDING };
    s_refusal_then (MSG_PAYMENT_CREATE, ERROR_NOT_FOUND, "");
    s_script_then (MSG_PAYMENT_CREATE, MSG_PAYMENTS, &payment, 1);
    s_holds (ERROR_NONE, 1, 42);
    s_check (s_call ("POST", PAY, AUTH JSON KEY, TEST), 201, "");
    assert_int_equal (s_times_asked ("PAYMENT_CREATE"), 2);
    HAS (s_asked, "\"outcome\":\"succeed\"}\nHOLDING_GET {\"sale_id\":7,\"rid\":\"" RID "\"");
    HAS (s_asked, "\"outcome\":\"succeed\",\"waits\":1}\n");
    static const struct {
        error_code_t code;
        uint64_t held, user_id;
    } others[] = { { ERROR_NONE, 1, 43 }, { ERROR_NONE, 0, 42 }, { ERROR_NOT_FOUND, 0, 0 } };
    for (size_t i = 0; i < 3; i++) {
        s_forget (MSG_PAYMENT_CREATE);
        s_refusal_then (MSG_PAYMENT_CREATE, ERROR_NOT_FOUND, "");
        s_holds (others[i].code, others[i].held, others[i].user_id);
        s_check (s_call ("POST", PAY, AUTH JSON KEY, TEST), 404, "not_found");
        assert_int_equal (s_times_asked ("PAYMENT_CREATE"), 2);
        assert_null (strstr (s_asked, "waits"));
        /* it came, and was final, between the two questions */
        s_forget (MSG_PAYMENT_CREATE);
        s_refusal_then (MSG_PAYMENT_CREATE, ERROR_NOT_FOUND, "");
        s_refusal_then (MSG_PAYMENT_CREATE, ERROR_INVALID_STATE, "");
        const char *answer = s_call ("POST", PAY, AUTH JSON KEY, TEST);
        s_check (answer, 409, "invalid_state");
        HAS (answer, "\"detail\":\"The order does not wait for a payment");
    }
}

static void
test_payment_is_unknown_while_the_gate_is (void **state)
{
    /* A recovering or silent gate is no "no": 503, never 404; held and still no row in time is busy. */
    (void)state;
    static outcome_t away;
    s_refusal_then (MSG_PAYMENT_CREATE, ERROR_NOT_FOUND, "");
    s_holds (ERROR_RECOVERING, 0, 0);
    s_check (s_call ("POST", PAY, AUTH JSON KEY, TEST), 503, "recovering");
    s_script_refusal (MSG_HOLDING_GET, &away, ERROR_DEPENDENCY_UNAVAILABLE);
    s_check (s_call ("POST", PAY, AUTH JSON KEY, TEST), 503, "dependency_unavailable");
    s_forget (MSG_HOLDING_GET);
    s_check (s_call ("POST", PAY, AUTH JSON KEY, TEST), 503, "busy");
    s_holds (ERROR_NONE, 1, 42);
    s_check (s_call ("POST", PAY, AUTH JSON KEY, TEST), 503, "busy");
    HAS (s_asked, "\"waits\":1}\n");
    s_check (s_call ("POST", "/api/v1/orders/00000000-0009-8000-8000-000000000001/payments",
                     AUTH JSON KEY, TEST),
             404, "not_found"); /* a sale without a gate */
    assert_null (strstr (s_asked, "HOLDING_GET"));
}

static void
test_refused_payments (void **state)
{
    /* Ordering's refusals are passed on with their words; odd answers are our bug. */
    (void)state;
    static payment_t payment;
    static const struct {
        error_code_t code;
        unsigned status;
    } refusals[] = { { ERROR_INVALID_STATE, 409 },
                     { ERROR_IDEMPOTENCY_MISMATCH, 409 },
                     { ERROR_BUSY, 503 },
                     { ERROR_DEPENDENCY_UNAVAILABLE, 503 },
                     { ERROR_DRAINING, 503 } };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        s_forget (MSG_PAYMENT_CREATE);
        s_refusal_then (MSG_PAYMENT_CREATE, refusals[i].code, "Just so.");
        const char *answer = s_call ("POST", PAY, AUTH JSON KEY, TEST);
        s_check (answer, refusals[i].status, schema_error (refusals[i].code)->code);
        HAS (answer, "\"detail\":\"Just so.\"");
        assert_int_equal (s_times_asked ("PAYMENT_CREATE"), 1);
    }
    s_forget (MSG_PAYMENT_CREATE);
    s_check (s_call ("POST", PAY, AUTH JSON KEY, TEST), 503, "busy");
    s_script (MSG_PAYMENT_CREATE, MSG_PAYMENTS, &payment, 0);
    s_check (s_call ("POST", PAY, AUTH JSON KEY, TEST), 500, "internal_error");
    s_script (MSG_PAYMENT_CREATE, MSG_ORDERS, &payment, 1);
    s_check (s_call ("POST", PAY, AUTH JSON KEY, TEST), 500, "internal_error");
}

static void
test_malformed_payments (void **state)
{
    /* Each wrong field is refused by its name before anybody is asked. */
    (void)state;
    static const char *const wrong[][2] = {
        { "{}", "\\\"method\\\" is missing" },
        { "{\"method\":\"card\"}", "\\\"method\\\" is " },
        { "{\"method\":\"\"}", "\\\"method\\\" is " },
        { "{\"method\":1}", "\\\"method\\\" is " },
        { "{\"method\":null}", "\\\"method\\\" is " },
        { "{\"method\":\"test\\u0000\"}", "\\\"method\\\" is " },
        { "{\"method\":\"test\",\"outcome\":\"\"}", "\\\"outcome\\\" is " },
        { "{\"method\":\"test\",\"outcome\":\"Succeed\"}", "\\\"outcome\\\" is " },
        { "{\"method\":\"test\",\"outcome\":\"succeeded\"}", "\\\"outcome\\\" is " },
        { "{\"method\":\"test\",\"outcome\":null}", "\\\"outcome\\\" is " },
        { "{\"method\":\"test\",\"outcome\":[\"hang\"]}", "\\\"outcome\\\" is " },
        { "{\"method\":\"test\",\"amount_cents\":1}", "\\\"amount_cents\\\" is not a field here" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *answer = s_call ("POST", PAY, AUTH JSON KEY, wrong[i][0]);
        s_check (answer, 400, "invalid_field");
        HAS (answer, wrong[i][1]);
        assert_string_equal (s_asked, "");
    }
    s_check (s_call ("POST", PAY, AUTH JSON, TEST), 400, "missing_idempotency_key");
    s_check (s_call ("POST", PAY, AUTH JSON "Idempotency-Key: a b\n", TEST), 400, "invalid_field");
    s_check (s_call ("POST", PAY, AUTH JSON KEY KEY, TEST), 400, "invalid_field");
    s_check (s_call ("POST", PAY, JSON KEY, TEST), 401, "unauthenticated");
    s_check (s_call ("GET", PAY, AUTH, NULL), 405, "method_not_allowed");
    s_check (s_call ("POST", "/api/v1/orders/1/payments", AUTH JSON KEY, TEST), 404, "not_found");
    assert_string_equal (s_asked, "");
}

/* -------------------------------------------------------------------------- webhooks */

#define HOOK "/api/v1/payments/webhook"
#define EVENT                                                                                      \
    "{\"event_id\":\"e-1\",\"payment_id\":\"0123456789abcdef0123456789abcdef\",\"order_id\":"      \
    "\"00000000-0007-8000-8000-000000000001\",\"outcome\":\"captured\",\"amount_cents\":1999}"

/*  "X-Signature: …\n" of this body, made at this second. */
static const char *
s_sign (const char *body, uint64_t at_s)
{
    static char field[160];
    char message[8192], hex[65];
    uint8_t hash[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    snprintf (message, sizeof message, "%" PRIu64 ".%s", at_s, body);
    crypto_auth_hmacsha256_init (&state, (const uint8_t *)s_webhook_secret,
                                 strlen (s_webhook_secret));
    crypto_auth_hmacsha256_update (&state, (const uint8_t *)message, strlen (message));
    crypto_auth_hmacsha256_final (&state, hash);
    hex_text (hash, sizeof hash, hex);
    snprintf (field, sizeof field, "X-Signature: t=%" PRIu64 ",v1=%s\n", at_s, hex);
    return field;
}

static const char *
s_tell (const char *body)
{
    char fields[256];
    snprintf (fields, sizeof fields, JSON "%s", s_sign (body, WALL_MS / 1000));
    return s_call ("POST", HOOK, fields, body);
}

static void
test_signed_events_go_to_ordering (void **state)
{
    /* Every word for an outcome is one of three; done is 200, again and again; what ordering refuses comes again. */
    (void)state;
    static outcome_t outcome;
    static const struct {
        const char *word;
        payment_status_t status;
    } words[] = { { "captured", PAYMENT_CAPTURED }, { "succeeded", PAYMENT_CAPTURED },
                  { "succeed", PAYMENT_CAPTURED },  { "declined", PAYMENT_DECLINED },
                  { "decline", PAYMENT_DECLINED },  { "refunded", PAYMENT_REFUNDED } };
    s_script_refusal (MSG_PAYMENT_EVENT, &outcome, ERROR_NONE);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char body[512], asked[512];
        snprintf (body, sizeof body,
                  "{\"event_id\":\"a b~\",\"payment_id\":\"0123456789abcdef0123456789abcdef\","
                  "\"order_id\":\"00000000-0007-8000-8000-000000000001\",\"outcome\":\"%s\","
                  "\"amount_cents\":1000000000000000}",
                  words[i].word);
        const char *answer = s_tell (body);
        s_check (answer, 200, "");
        HAS (answer, "\r\n\r\n{\"event_id\":\"a b~\",\"status\":\"taken\"}");
        snprintf (asked, sizeof asked,
                  "PAYMENT_EVENT {\"event_id\":\"a b~\",\"payment_id\":"
                  "\"0123456789abcdef0123456789abcdef\",\"rid\":\"" RID "\",\"outcome\":%d,"
                  "\"amount_cents\":1000000000000000}\n",
                  words[i].status);
        assert_string_equal (s_asked, asked);
    }
    static const struct {
        error_code_t code;
        unsigned status;
    } refusals[] = { { ERROR_BUSY, 503 },
                     { ERROR_INVALID_FIELD, 400 },
                     { ERROR_DEPENDENCY_UNAVAILABLE, 503 } };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        s_script_refusal (MSG_PAYMENT_EVENT, &outcome, refusals[i].code);
        s_check (s_tell (EVENT), refusals[i].status, schema_error (refusals[i].code)->code);
    }
    s_script_refusal (MSG_PAYMENT_EVENT, &outcome, ERROR_INVALID_FIELD);
    HAS (s_tell (EVENT),
         "\"detail\":\"\\\"order_id\\\" or \\\"amount_cents\\\" is not the payment's\"");
    s_forget (MSG_PAYMENT_EVENT);
    s_check (s_tell (EVENT), 503, "busy");
}

static void
test_unsigned_events_are_unauthenticated (void **state)
{
    /* Missing, wrong, old, future, of other bytes, doubled, or a token instead: 401, and nobody is asked. */
    (void)state;
    char fields[600], good[160];
    const uint64_t now_s = WALL_MS / 1000;
    static outcome_t outcome;
    s_script_refusal (MSG_PAYMENT_EVENT, &outcome, ERROR_NONE);
    s_check (s_call ("POST", HOOK, JSON, EVENT), 401, "unauthenticated");
    HAS (s_call ("POST", HOOK, JSON, EVENT), "\"detail\":\"X-Signature is missing");
    s_check (s_call ("POST", HOOK, JSON AUTH, EVENT), 401, "unauthenticated");
    s_check (s_call ("POST", HOOK, JSON "X-Signature: t=1000,v1=00\n", EVENT), 401,
             "unauthenticated");
    snprintf (fields, sizeof fields, JSON "%s", s_sign (EVENT " ", now_s));
    s_check (s_call ("POST", HOOK, fields, EVENT), 401, "unauthenticated");
    s_check (s_call ("POST", HOOK, fields, EVENT " "), 200, "");
    for (uint64_t seconds = 300; seconds <= 301; seconds++) {
        snprintf (fields, sizeof fields, JSON "%s", s_sign (EVENT, now_s - seconds));
        s_check (s_call ("POST", HOOK, fields, EVENT), seconds == 300 ? 200 : 401, "");
        snprintf (fields, sizeof fields, JSON "%s", s_sign (EVENT, now_s + seconds));
        s_check (s_call ("POST", HOOK, fields, EVENT), seconds == 300 ? 200 : 401, "");
    }
    snprintf (good, sizeof good, "%s", s_sign (EVENT, now_s));
    snprintf (fields, sizeof fields, JSON "%s%s", good, good);
    s_check (s_call ("POST", HOOK, fields, EVENT), 401, "unauthenticated");
    snprintf (fields, sizeof fields, JSON "%sX-Signature: x\n", good);
    s_check (s_call ("POST", HOOK, fields, EVENT), 401, "unauthenticated");
    assert_string_equal (s_asked, "");
    snprintf (fields, sizeof fields, JSON "x-signature%s", good + strlen ("X-Signature"));
    s_check (s_call ("POST", HOOK, fields, EVENT), 200, "");
}

static void
test_signatures_stand_where_tokens_do (void **state)
{
    /* After length, size, path and method; before Accept, media type and what is in the body. */
    (void)state;
    char fields[256];
    s_check (s_call ("POST", HOOK, "", NULL), 411, "length_required");
    s_check (s_call ("POST", HOOK, "Content-Length: 4097\n", NULL), 413, "content_too_large");
    s_check (s_call ("PUT", HOOK, "", "{"), 405, "method_not_allowed");
    s_check (s_call ("POST", HOOK, "Accept: a/b\n", "{"), 401, "unauthenticated");
    snprintf (fields, sizeof fields, "Accept: a/b\n%s", s_sign ("{", WALL_MS / 1000));
    s_check (s_call ("POST", HOOK, fields, "{"), 406, "not_acceptable");
    s_check (s_call ("POST", HOOK, fields + strlen ("Accept: a/b\n"), "{"), 415,
             "unsupported_media_type");
    s_check (s_tell ("{"), 400, "malformed_json");
    s_check (s_tell ("{}"), 400, "invalid_field");
    s_check (s_tell (""), 400, "invalid_field");
    assert_string_equal (s_asked, "");
}

static void
test_malformed_events (void **state)
{
    /* A good signature does not excuse a wrong field. */
    (void)state;
    static const struct {
        const char *field, *value;
    } wrong[] = {
        { "event_id", "\"\"" },
        { "event_id", "7" },
        { "event_id", "\"0123456789012345678901234567890123456789012345678901234567890123x\"" },
        { "event_id", "\"caf\303\251\"" },
        { "event_id", "\"a\\n\"" },
        { "event_id", "\"\\u007f\"" },
        { "payment_id", "\"0123456789abcdef0123456789abcde\"" },
        { "payment_id", "\"0123456789abcdef0123456789abcdef0\"" },
        { "payment_id", "\"0123456789ABCDEF0123456789abcdef\"" },
        { "payment_id", "\"0123456789abcdeg0123456789abcdef\"" },
        { "payment_id", "null" },
        { "order_id", "\"00000000-0007-4000-8000-000000000001\"" },
        { "order_id", "\"00000000000780008000000000000001\"" },
        { "order_id", "\"00000000-0007-8000-8000-00000000000A\"" },
        { "order_id", "7" },
        { "outcome", "\"Captured\"" },
        { "outcome", "\"pending\"" },
        { "outcome", "\"\"" },
        { "outcome", "2" },
        { "amount_cents", "-1" },
        { "amount_cents", "1000000000000001" },
        { "amount_cents", "1.0" },
        { "amount_cents", "\"1\"" },
        { "more", "1" },
    };
    static const char *const names[] = { "event_id", "payment_id", "order_id", "outcome",
                                         "amount_cents" };
    static const char *const values[] = { "\"e\"", "\"0123456789abcdef0123456789abcdef\"",
                                          "\"00000000-0007-8000-8000-000000000001\"",
                                          "\"declined\"", "0" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong + 5; i++) {
        char body[1024] = "{", name[64];
        bool is_missing = i >= sizeof wrong / sizeof *wrong;
        const char *field = is_missing ? names[i - sizeof wrong / sizeof *wrong] : wrong[i].field;
        for (size_t j = 0; j < 5; j++) {
            bool is_it = strcmp (names[j], field) == 0;
            if (!(is_it && is_missing))
                snprintf (body + strlen (body), sizeof body - strlen (body), "%s\"%s\":%s",
                          body[1] ? "," : "", names[j], is_it ? wrong[i].value : values[j]);
        }
        if (strcmp (field, "more") == 0)
            snprintf (body + strlen (body), sizeof body - strlen (body), ",\"more\":1");
        snprintf (body + strlen (body), sizeof body - strlen (body), "}");
        const char *answer = s_tell (body);
        s_check (answer, 400, "invalid_field");
        snprintf (name, sizeof name, "\"detail\":\"\\\"%s\\\" is ", field);
        HAS (answer, name);
        assert_string_equal (s_asked, "");
    }
}

static void
test_signed_events_cost_no_address (void **state)
{
    /* A provider sends from one address what thousands paid: its signed events are never refused for their number. */
    (void)state;
    static outcome_t outcome;
    limits_t limits = { .ip_rate_per_s = 1, .ip_burst = 1 };
    s_script_refusal (MSG_PAYMENT_EVENT, &outcome, ERROR_NONE);
    s_publish (MSG_LIMITS, &limits, 1);
    for (size_t i = 0; i < 10; i++)
        s_check (s_tell (EVENT), 200, "");
    s_check (s_call ("GET", "/api/v1/time", "", NULL), 200, "");
    s_check (s_call ("GET", "/api/v1/time", "", NULL), 429, "rate_limited");
    s_check (s_tell (EVENT), 200, "");
}

/* -------------------------------------------------------------------------- the view */

static void
test_orders_show_what_happened (void **state)
{
    /* Payments and moments of this order, oldest first, behind the reservation and the row; asked after the order. */
    (void)state;
    s_holds (ERROR_NONE, 1, 42);
    s_has_order (ORDER_PAID);
    s_payments[0] = (payment_t){ .payment_id = { 1 }, .status = PAYMENT_DECLINED };
    s_payments[1] = (payment_t){ .payment_id = { 2 }, .status = PAYMENT_CAPTURED };
    s_payments[2] = (payment_t){ .payment_id = { 3 }, .status = PAYMENT_REFUND_DUE };
    s_moments[0] = (moment_t){ .at_us = 8200000, .event = "payment_declined", .actor = "provider" };
    s_moments[1] = (moment_t){ .at_us = 8300000, .event = "paid", .actor = "provider" };
    s_moments[2] = (moment_t){ .at_us = 8300000, .event = "other", .actor = "provider" };
    for (size_t i = 0; i < 3; i++) {
        memcpy (s_payments[i].rid, s_order.rid, 16);
        memcpy (s_moments[i].rid, s_order.rid, 16);
    }
    s_moments[2].rid[15] = 2; /* another's */
    s_script (MSG_PAYMENT_LIST, MSG_PAYMENTS, s_payments, 3);
    s_script (MSG_MOMENT_LIST, MSG_MOMENTS, s_moments, 3);
    const char *answer = s_call ("GET", ORDER, AUTH, NULL);
    s_check (answer, 200, "");
    HAS (answer, "\"status\":\"paid\",\"sequence\":4,\"pay_before_ms\":9000,\"payments\":["
                 "{\"payment_id\":\"01000000000000000000000000000000\",\"status\":\"declined\"},"
                 "{\"payment_id\":\"02000000000000000000000000000000\",\"status\":\"captured\"},"
                 "{\"payment_id\":\"03000000000000000000000000000000\",\"status\":\"refund_due\"}],"
                 "\"timeline\":[{\"at_ms\":8000,\"event\":\"reserved\",\"actor\":\"seckill\"},"
                 "{\"at_ms\":8100,\"event\":\"pending_payment\",\"actor\":\"ordering\"},"
                 "{\"at_ms\":8200,\"event\":\"payment_declined\",\"actor\":\"provider\"},"
                 "{\"at_ms\":8300,\"event\":\"paid\",\"actor\":\"provider\"}]}");
    HAS (s_asked, "\"limit\":1}\nPAYMENT_LIST {\"sale_id\":7,\"rid\":\"" RID
                  "\",\"user_id\":42,\"limit\":256}\nMOMENT_LIST {\"sale_id\":7,\"rid\":\"" RID
                  "\",\"user_id\":42,\"limit\":256}\n");
    s_check (
        s_call ("GET", "/api/v1/admin/orders/00000000-0007-8000-8000-000000000001", OPERATOR, NULL),
        200, "");
    HAS (s_asked, "\"user_id\":1,\"operator\":1,\"limit\":256}\nMOMENT_LIST");
}

static void
test_orders_without_their_history_are_not_shown (void **state)
{
    /* No half truths: without payments or moments the whole answer is refused with the reason; a reservation has neither. */
    (void)state;
    static outcome_t outcome;
    static payment_t payment;
    s_holds (ERROR_NONE, 1, 42);
    s_has_order (ORDER_PENDING_PAYMENT);
    s_script_refusal (MSG_PAYMENT_LIST, &outcome, ERROR_DEPENDENCY_UNAVAILABLE);
    s_check (s_call ("GET", ORDER, AUTH, NULL), 503, "dependency_unavailable");
    s_script (MSG_ORDER_LIST, MSG_ORDERS, &s_order, 1);
    s_check (s_call ("GET", "/api/v1/orders", AUTH, NULL), 503, "dependency_unavailable");
    s_script (MSG_PAYMENT_LIST, MSG_PAYMENTS, &payment, 0);
    s_script_refusal (MSG_MOMENT_LIST, &outcome, ERROR_BUSY);
    s_check (s_call ("GET", ORDER, AUTH, NULL), 503, "busy");
    s_check (s_call ("GET", "/api/v1/orders", AUTH, NULL), 503, "busy");
    s_forget (MSG_ORDER_GET);
    s_refusal_then (MSG_ORDER_GET, ERROR_NOT_FOUND, "");
    const char *answer = s_call ("GET", ORDER, AUTH, NULL);
    HAS (answer, "\"status\":\"reserved\"");
    HAS (answer, "\"payments\":[],\"timeline\":[{\"at_ms\":8000,\"event\":\"reserved\",\"actor\":"
                 "\"seckill\"}]}");
    assert_null (strstr (s_asked, "PAYMENT_LIST"));
}

static void
test_timelines_of_orders_that_never_waited (void **state)
{
    /* A row written as cancelled or rejected was never pending; a move without a moment is told by the order itself. */
    (void)state;
    s_holds (ERROR_NONE, 0, 42);
    s_has_order (ORDER_CANCELLED);
    snprintf (s_order.reason, sizeof s_order.reason, "before its row");
    s_moments[0] = (moment_t){ .at_us = 8100000, .event = "cancelled", .actor = "shopper" };
    memcpy (s_moments[0].rid, s_order.rid, 16);
    s_script (MSG_MOMENT_LIST, MSG_MOMENTS, s_moments, 1);
    HAS (s_call ("GET", ORDER, AUTH, NULL),
         "\"reason\":\"before its row\",\"payments\":[],\"timeline\":[{\"at_ms\":8000,\"event\":"
         "\"reserved\",\"actor\":\"seckill\"},{\"at_ms\":8100,\"event\":\"cancelled\",\"actor\":"
         "\"shopper\"}]}");
    s_has_order (ORDER_REJECTED);
    s_script (MSG_MOMENT_LIST, MSG_MOMENTS, s_moments, 0);
    HAS (s_call ("GET", ORDER, AUTH, NULL),
         "\"timeline\":[{\"at_ms\":8000,\"event\":\"reserved\",\"actor\":\"seckill\"},"
         "{\"at_ms\":8500,\"event\":\"rejected\",\"actor\":\"ordering\"}]}");
    s_has_order (ORDER_REFUNDED);
    HAS (s_call ("GET", ORDER, AUTH, NULL),
         "\"pending_payment\",\"actor\":\"ordering\"},{\"at_ms\":8500,\"event\":\"refunded\"");
}

static void
test_pages_have_the_history_of_their_orders (void **state)
{
    /* One question each for the whole page, of just its orders; every order shows its own. An answer longer than any is no danger. */
    (void)state;
    static order_t orders[2];
    s_has_order (ORDER_PENDING_PAYMENT);
    orders[0] = orders[1] = s_order;
    orders[1].rid[15] = 2;
    orders[1].place = 30;
    memset (s_payments, 0, sizeof s_payments);
    for (size_t i = 0; i < BATCH_ENTRIES_MAX; i++) {
        memcpy (s_payments[i].rid, orders[i % 2].rid, RID_BYTES);
        s_payments[i].payment_id[0] = (uint8_t)(1 + i % 2);
        s_payments[i].status = PAYMENT_DECLINED;
    }
    memset (s_moments, 0, sizeof s_moments);
    memcpy (s_moments[0].rid, orders[1].rid, RID_BYTES);
    s_moments[0].at_us = 8100000;
    snprintf (s_moments[0].event, sizeof s_moments[0].event, "pending_payment");
    snprintf (s_moments[0].actor, sizeof s_moments[0].actor, "ordering");
    s_script (MSG_ORDER_LIST, MSG_ORDERS, orders, 2);
    s_script (MSG_PAYMENT_LIST, MSG_PAYMENTS, s_payments, BATCH_ENTRIES_MAX);
    s_script (MSG_MOMENT_LIST, MSG_MOMENTS, s_moments, 1);
    const char *answer = s_call ("GET", "/api/v1/orders?cursor=99", AUTH, NULL);
    assert_string_equal (s_asked, "ORDER_LIST {\"user_id\":42,\"after\":99,\"limit\":21}\n"
                                  "PAYMENT_LIST {\"user_id\":42,\"after\":71,\"limit\":2}\n"
                                  "MOMENT_LIST {\"user_id\":42,\"after\":71,\"limit\":2}\n");
    HAS (answer, "\"order_id\":\"00000000-0007-8000-8000-000000000002\"");
    size_t payments = 0, pending = 0;
    for (const char *at = answer; (at = strstr (at, "\"payment_id\":\"0")); at++)
        payments++;
    for (const char *at = answer; (at = strstr (at, "\"event\":\"pending_payment\"")); at++)
        pending++;
    assert_int_equal (payments, BATCH_ENTRIES_MAX);
    assert_int_equal (pending, 2); /* once each: told by ordering, or from the row */
    HAS (answer, "}]}],\"next_cursor\":null}");
    s_script (MSG_ORDER_LIST, MSG_ORDERS, orders, 0);
    HAS (s_call ("GET", "/api/v1/orders", AUTH, NULL), "{\"orders\":[],\"next_cursor\":null}");
    assert_int_equal (s_times_asked ("PAYMENT_LIST"), 0);
}

/* -------------------------------------------------------------------------- cancel */

#define CANCEL ORDER "/cancel"
#define OPERATOR_CANCEL "/api/v1/admin/orders/00000000-0007-8000-8000-000000000001/cancel"

static void
test_cancel_answers_the_order (void **state)
{
    /* One question, then the order as it is; the same again. An operator's carries name and reason. */
    (void)state;
    s_refusal_then (MSG_ORDER_CANCEL, ERROR_NONE, "");
    s_has_order (ORDER_CANCELLED);
    const char *answer = s_call ("POST", CANCEL, AUTH, "");
    s_check (answer, 200, "");
    HAS (answer, "\"status\":\"cancelled\"");
    HAS (answer, "\"payments\":[],\"timeline\":[");
    HAS (s_asked, "ORDER_CANCEL {\"rid\":\"" RID "\",\"sale_id\":7,\"user_id\":42,\"actor\":"
                  "\"shopper\"}\nORDER_GET {\"sale_id\":7,\"rid\":\"" RID
                  "\",\"user_id\":42,\"limit\":1}\nPAYMENT_LIST");
    s_check (s_call ("POST", CANCEL, AUTH JSON, "{}"), 200, "");
    s_check (s_call ("POST", OPERATOR_CANCEL, OPERATOR JSON, "{\"reason\":\"a fraud\"}"), 200, "");
    HAS (s_asked, "ORDER_CANCEL {\"rid\":\"" RID "\",\"sale_id\":7,\"user_id\":1,\"operator\":1,"
                  "\"actor\":\"alice\",\"reason\":\"a fraud\"}\nORDER_GET {\"sale_id\":7,\"rid\":"
                  "\"" RID "\",\"user_id\":1,\"operator\":1,\"limit\":1}\n");
}

static void
test_cancel_before_the_row (void **state)
{
    /* No row yet: what the gate holds goes along, with its epoch; for an operator the owner. */
    (void)state;
    static const char *const paths[] = { CANCEL, OPERATOR_CANCEL };
    for (size_t i = 0; i < 2; i++) {
        s_forget (MSG_ORDER_CANCEL);
        s_refusal_then (MSG_ORDER_CANCEL, ERROR_NOT_FOUND, "");
        s_refusal_then (MSG_ORDER_CANCEL, ERROR_NONE, "");
        s_holds (ERROR_NONE, 1, 42);
        s_has_order (ORDER_CANCELLED);
        s_check (s_call ("POST", paths[i], i ? OPERATOR JSON : AUTH JSON,
                         i ? "{\"reason\":\"x\"}" : "{}"),
                 200, "");
        HAS (s_asked,
             i ? "\"user_id\":42,\"operator\":1,\"actor\":\"alice\",\"reason\":\"x\","
                 "\"held\":1,\"epoch\":3,\"quantity\":2,\"price_cents\":10,\"sequence\":4,"
                 "\"reserved_us\":8000000,\"pay_before_us\":9000000,\"body_hash\":99}\n"
               : "\"user_id\":42,\"actor\":\"shopper\",\"held\":1,\"epoch\":3,"
                 "\"quantity\":2,\"price_cents\":10,\"sequence\":4,\"reserved_us\":8000000,"
                 "\"pay_before_us\":9000000,\"body_hash\":99}\n");
        assert_int_equal (s_times_asked ("ORDER_CANCEL"), 2);
        assert_int_equal (s_times_asked ("HOLDING_GET"), 1);
    }
    s_holds (ERROR_NONE, 1, 43); /* an operator may cancel anybody's, a shopper only his own */
    s_forget (MSG_ORDER_CANCEL);
    s_refusal_then (MSG_ORDER_CANCEL, ERROR_NOT_FOUND, "");
    s_refusal_then (MSG_ORDER_CANCEL, ERROR_NONE, "");
    s_check (s_call ("POST", OPERATOR_CANCEL, OPERATOR JSON, "{\"reason\":\"x\"}"), 200, "");
    HAS (s_asked, "\"user_id\":43,\"operator\":1,");
    s_forget (MSG_ORDER_CANCEL);
    s_refusal_then (MSG_ORDER_CANCEL, ERROR_NOT_FOUND, "");
    s_check (s_call ("POST", CANCEL, AUTH, ""), 404, "not_found");
    assert_null (strstr (s_asked, "\"held\""));
}

static void
test_cancel_of_nothing (void **state)
{
    /* Not found needs a no of both, and ordering's again after the gate's; a gate that does not know is no "no". */
    (void)state;
    static outcome_t away;
    s_refusal_then (MSG_ORDER_CANCEL, ERROR_NOT_FOUND, "");
    s_holds (ERROR_NOT_FOUND, 0, 0);
    s_check (s_call ("POST", CANCEL, AUTH, ""), 404, "not_found");
    assert_int_equal (s_times_asked ("ORDER_CANCEL"), 2);
    s_holds (ERROR_NONE, 0, 42);
    s_check (s_call ("POST", CANCEL, AUTH, ""), 404, "not_found");
    s_holds (ERROR_RECOVERING, 0, 0);
    s_check (s_call ("POST", CANCEL, AUTH, ""), 503, "recovering");
    s_script_refusal (MSG_HOLDING_GET, &away, ERROR_DEPENDENCY_UNAVAILABLE);
    s_check (s_call ("POST", CANCEL, AUTH, ""), 503, "dependency_unavailable");
    s_holds (ERROR_NONE, 1, 42); /* held, and ordering says no again: nobody knows why */
    s_check (s_call ("POST", CANCEL, AUTH, ""), 503, "busy");
    s_forget (MSG_ORDER_CANCEL); /* it came in between, paid or cancelled */
    s_holds (ERROR_NOT_FOUND, 0, 0);
    s_refusal_then (MSG_ORDER_CANCEL, ERROR_NOT_FOUND, "");
    s_refusal_then (MSG_ORDER_CANCEL, ERROR_INVALID_STATE, "The order is paid.");
    const char *answer = s_call ("POST", CANCEL, AUTH, "");
    s_check (answer, 409, "invalid_state");
    HAS (answer, "\"detail\":\"The order is paid.\"");
}

static void
test_cancel_while_the_gate_is_rebuilt (void **state)
{
    /* Another epoch than the gate's: gate and ordering are asked anew, twice; then 503. Recovering by itself is not repeated. */
    (void)state;
    s_holds (ERROR_NONE, 1, 42);
    s_has_order (ORDER_CANCELLED);
    s_refusal_then (MSG_ORDER_CANCEL, ERROR_NOT_FOUND, "");
    s_refusal_then (MSG_ORDER_CANCEL, ERROR_RECOVERING, "");
    s_refusal_then (MSG_ORDER_CANCEL, ERROR_RECOVERING, "");
    s_refusal_then (MSG_ORDER_CANCEL, ERROR_NONE, "");
    s_check (s_call ("POST", CANCEL, AUTH, ""), 200, "");
    assert_int_equal (s_times_asked ("ORDER_CANCEL"), 4);
    assert_int_equal (s_times_asked ("HOLDING_GET"), 3);
    s_forget (MSG_ORDER_CANCEL);
    s_refusal_then (MSG_ORDER_CANCEL, ERROR_NOT_FOUND, "");
    s_refusal_then (MSG_ORDER_CANCEL, ERROR_RECOVERING, "");
    const char *answer = s_call ("POST", CANCEL, AUTH, "");
    s_check (answer, 503, "recovering");
    HAS (answer, "Retry-After: 1\r\n");
    assert_int_equal (s_times_asked ("ORDER_CANCEL"), 4);
    s_forget (MSG_ORDER_CANCEL);
    s_refusal_then (MSG_ORDER_CANCEL, ERROR_RECOVERING, "");
    s_check (s_call ("POST", CANCEL, AUTH, ""), 503, "recovering");
    assert_int_equal (s_times_asked ("ORDER_CANCEL"), 1);
    assert_int_equal (s_times_asked ("HOLDING_GET"), 0);
}

static void
test_refused_cancels (void **state)
{
    /* Paid and expired are 409; failures are passed on; done without an order that can be shown is 503, for it may be asked again. */
    (void)state;
    static outcome_t books;
    static const struct {
        error_code_t code;
        unsigned status;
    } refusals[] = { { ERROR_INVALID_STATE, 409 },
                     { ERROR_BUSY, 503 },
                     { ERROR_DEPENDENCY_UNAVAILABLE, 503 },
                     { ERROR_DRAINING, 503 } };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        s_forget (MSG_ORDER_CANCEL);
        s_refusal_then (MSG_ORDER_CANCEL, refusals[i].code, "");
        const char *answer = s_call ("POST", CANCEL, AUTH, "");
        s_check (answer, refusals[i].status, schema_error (refusals[i].code)->code);
        if (refusals[i].code == ERROR_INVALID_STATE)
            HAS (answer, "\"detail\":\"The order is paid, or over: see its status.\"");
        assert_int_equal (s_times_asked ("ORDER_GET"), 0);
    }
    s_forget (MSG_ORDER_CANCEL);
    s_check (s_call ("POST", CANCEL, AUTH, ""), 503, "busy");
    s_refusal_then (MSG_ORDER_CANCEL, ERROR_NONE, "");
    s_script_refusal (MSG_ORDER_GET, &books, ERROR_DEPENDENCY_UNAVAILABLE);
    s_check (s_call ("POST", CANCEL, AUTH, ""), 503, "dependency_unavailable");
    s_script (MSG_ORDER_CANCEL, MSG_ORDERS, &s_order, 1);
    s_check (s_call ("POST", CANCEL, AUTH, ""), 500, "internal_error");
}

static void
test_malformed_cancels (void **state)
{
    /* A shopper says nothing, an operator a reason of 1 to 64 bytes. */
    (void)state;
    static const char *const wrong[] = { "{}", "{\"reason\":\"\"}", "{\"reason\":7}",
                                         "{\"reason\":\"a\\u0000b\"}",
                                         "{\"reason\":\"x\",\"order_id\":1}" };
    char longest[128];
    s_refusal_then (MSG_ORDER_CANCEL, ERROR_BUSY, "");
    snprintf (longest, sizeof longest, "{\"reason\":\"%064d\"}", 0);
    s_check (s_call ("POST", OPERATOR_CANCEL, OPERATOR JSON, longest), 503, "busy");
    snprintf (longest, sizeof longest, "{\"reason\":\"%065d\"}", 0);
    s_check (s_call ("POST", OPERATOR_CANCEL, OPERATOR JSON, longest), 400, "invalid_field");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        s_check (s_call ("POST", OPERATOR_CANCEL, OPERATOR JSON, wrong[i]), 400, "invalid_field");
    s_check (s_call ("POST", CANCEL, AUTH JSON, "{\"reason\":\"x\"}"), 400, "invalid_field");
    s_check (s_call ("POST", CANCEL, JSON, "{}"), 401, "unauthenticated");
    s_check (s_call ("POST", OPERATOR_CANCEL, AUTH JSON, "{\"reason\":\"x\"}"), 403, "forbidden");
    s_check (s_call ("GET", CANCEL, AUTH, NULL), 405, "method_not_allowed");
    assert_string_equal (s_asked, "");
}

/* -------------------------------------------------------------------------- sales */

#define SALE "/api/v1/admin/sales/7"

static void
test_edits_name_their_fields (void **state)
{
    /* The mask has a bit for each field that is given, also for empty and zero ones; what is not given is not sent. */
    (void)state;
    static sale_t sale = { .sale_id = 7, .state = SALE_OPEN, .title = "T", .currency = "EUR" };
    static const struct {
        const char *body, *asked;
    } edits[] = {
        { "{\"title\":\"T\"}", "\"title\":\"T\",\"mask\":1," },
        { "{\"description\":\"\"}", "\"mask\":2," },
        { "{\"image_url\":\"/a\"}", "\"image_url\":\"/a\",\"mask\":4," },
        { "{\"price_cents\":0}", "\"mask\":8," },
        { "{\"ends_at_ms\":5}", "\"ends_at_ms\":5,\"mask\":16," },
        { "{\"product_id\":\"p\"}", "\"product_id\":\"p\",\"mask\":32," },
        { "{\"list_price_cents\":9}", "\"list_price_cents\":9,\"mask\":64," },
        { "{\"currency\":\"USD\"}", "\"currency\":\"USD\",\"mask\":128," },
        { "{\"stock_total\":10}", "\"stock_total\":10,\"mask\":256," },
        { "{\"starts_at_ms\":1}", "\"starts_at_ms\":1,\"mask\":512," },
        { "{\"per_user_limit\":2}", "\"per_user_limit\":2,\"mask\":1024," },
        { "{\"pay_within_s\":60}", "\"pay_within_s\":60,\"mask\":2048," },
        { "{\"ends_at_ms\":5,\"starts_at_ms\":4}",
          "\"starts_at_ms\":4,\"ends_at_ms\":5,\"mask\":528," },
    };
    s_script (MSG_SALE_EDIT, MSG_SALE_REPLY, &sale, 1);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        char asked[256];
        const char *answer = s_call ("PATCH", SALE, OPERATOR JSON, edits[i].body);
        s_check (answer, 200, "");
        HAS (answer, "\"title\":\"T\"");
        snprintf (asked, sizeof asked, "SALE_EDIT {\"sale_id\":7,%s\"actor\":\"alice\"}\n",
                  edits[i].asked);
        assert_string_equal (s_asked, asked);
    }
}

static void
test_refused_edits (void **state)
{
    /* Nothing to change, wrong values and unknown names are refused here; states by inventory. */
    (void)state;
    static outcome_t outcome;
    static const char *const wrong[] = { "{}",
                                         "",
                                         "{\"title\":\"\"}",
                                         "{\"title\":null}",
                                         "{\"currency\":\"eur\"}",
                                         "{\"currency\":\"EU\"}",
                                         "{\"image_url\":\"//evil\"}",
                                         "{\"price_cents\":-1}",
                                         "{\"price_cents\":1000000001}",
                                         "{\"list_price_cents\":null}",
                                         "{\"stock_total\":10000001}",
                                         "{\"starts_at_ms\":5,\"ends_at_ms\":5}",
                                         "{\"per_user_limit\":0}",
                                         "{\"pay_within_s\":86401}",
                                         "{\"state\":\"ended\"}",
                                         "{\"title\":\"T\",\"version\":4}" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        s_check (s_call ("PATCH", SALE, OPERATOR JSON, wrong[i]), 400, "invalid_field");
        assert_string_equal (s_asked, "");
    }
    HAS (s_call ("PATCH", SALE, OPERATOR JSON, "{\"state\":1}"), "\\\"state\\\" is not a field");
    HAS (s_call ("PATCH", SALE, OPERATOR, ""), "\"detail\":\"Give at least one field");
    s_check (s_call ("PATCH", SALE, AUTH JSON, "{\"title\":\"T\"}"), 403, "forbidden");
    static const struct {
        error_code_t code;
        unsigned status;
    } refusals[] = { { ERROR_UNKNOWN_SALE, 404 },
                     { ERROR_INVALID_STATE, 409 },
                     { ERROR_INVALID_FIELD, 400 },
                     { ERROR_DEPENDENCY_UNAVAILABLE, 503 } };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        s_script_refusal (MSG_SALE_EDIT, &outcome, refusals[i].code);
        s_script_refusal (MSG_SALE_STOCK, &outcome, refusals[i].code);
        s_check (s_call ("PATCH", SALE, OPERATOR JSON, "{\"title\":\"T\"}"), refusals[i].status,
                 schema_error (refusals[i].code)->code);
        s_check (s_call ("POST", SALE "/stock", OPERATOR JSON, "{\"delta\":1,\"reason\":\"x\"}"),
                 refusals[i].status, schema_error (refusals[i].code)->code);
    }
}

/*  The op_id of the SALE_STOCK that was asked. */
static const char *
s_op_id (char op_id[33])
{
    const char *at = strstr (s_asked, "\"op_id\":\"");
    assert_non_null (at);
    snprintf (op_id, 33, "%s", at + strlen ("\"op_id\":\""));
    return op_id;
}

static void
test_stock_changes_are_named (void **state)
{
    /* The key names the change within its sale; without one each request is a change of its own; deltas have a sign. */
    (void)state;
    static sale_t sale = { .sale_id = 7, .state = SALE_OPEN, .title = "T", .stock_total = 15 };
    static const char body[] = "{\"delta\":-5,\"reason\":\"broken\"}";
    char a[33], b[33];
    s_script (MSG_SALE_STOCK, MSG_SALE_REPLY, &sale, 1);
    const char *answer = s_call ("POST", SALE "/stock", OPERATOR JSON KEY, body);
    s_check (answer, 200, "");
    HAS (answer, "\"stock_total\":15");
    HAS (s_asked, "SALE_STOCK {\"sale_id\":7,\"op_id\":\"");
    HAS (s_asked, "\",\"delta\":-5,\"reason\":\"broken\",\"actor\":\"alice\"}\n");
    s_op_id (a);
    s_call ("POST", SALE "/stock", OPERATOR JSON KEY, "{\"delta\":10000000,\"reason\":\"y\"}");
    HAS (s_asked, "\"delta\":10000000,");
    assert_string_equal (s_op_id (b), a);
    s_call ("POST", SALE "/stock", OPERATOR JSON "Idempotency-Key: k2\n", body);
    assert_string_not_equal (s_op_id (b), a);
    s_call ("POST", "/api/v1/admin/sales/8/stock", OPERATOR JSON KEY, body);
    assert_string_not_equal (s_op_id (b), a);
    s_call ("POST", SALE "/stock", OPERATOR JSON, body);
    s_op_id (a);
    s_call ("POST", SALE "/stock", OPERATOR JSON, body);
    assert_string_not_equal (s_op_id (b), a);
    s_call ("POST", SALE "/stock", OPERATOR JSON, "{\"delta\":-10000000,\"reason\":\"y\"}");
    HAS (s_asked, "\"delta\":-10000000,");
}

static void
test_malformed_stock_changes (void **state)
{
    /* Integers with at most a minus sign, not 0, within bounds; a reason; a key that is one, if there is any. */
    (void)state;
    static const char *const deltas[] = { "0",
                                          "-0",
                                          "1.0",
                                          "-1.0",
                                          "1e2",
                                          "\"1\"",
                                          "null",
                                          "true",
                                          "[1]",
                                          "10000001",
                                          "-10000001",
                                          "99999999999999999999",
                                          "-9223372036854775808",
                                          "-99999999999999999999" };
    for (size_t i = 0; i < sizeof deltas / sizeof *deltas; i++) {
        char body[128];
        snprintf (body, sizeof body, "{\"delta\":%s,\"reason\":\"x\"}", deltas[i]);
        const char *answer = s_call ("POST", SALE "/stock", OPERATOR JSON, body);
        s_check (answer, 400, "invalid_field");
        HAS (answer, "\"detail\":\"\\\"delta\\\" is ");
    }
    static const char *const bodies[] = { "{\"reason\":\"x\"}", "{\"delta\":1}",
                                          "{\"delta\":1,\"reason\":\"\"}",
                                          "{\"delta\":1,\"reason\":1}",
                                          "{\"delta\":1,\"reason\":\"x\",\"op_id\":\"a\"}" };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        s_check (s_call ("POST", SALE "/stock", OPERATOR JSON, bodies[i]), 400, "invalid_field");
    char body[300];
    snprintf (body, sizeof body, "{\"delta\":1,\"reason\":\"%0201d\"}", 0);
    s_check (s_call ("POST", SALE "/stock", OPERATOR JSON, body), 400, "invalid_field");
    static const char good[] = "{\"delta\":1,\"reason\":\"x\"}";
    s_check (s_call ("POST", SALE "/stock", OPERATOR JSON "Idempotency-Key: a b\n", good), 400,
             "invalid_field");
    s_check (s_call ("POST", SALE "/stock", OPERATOR JSON "Idempotency-Key: \n", good), 400,
             "invalid_field");
    s_check (s_call ("POST", SALE "/stock", OPERATOR JSON KEY KEY, good), 400, "invalid_field");
    s_check (s_call ("POST", SALE "/stock", AUTH JSON, good), 403, "forbidden");
    assert_string_equal (s_asked, "");
    s_check (s_call ("POST", SALE "/stock", OPERATOR JSON, "{\"delta\":+1,\"reason\":\"x\"}"), 400,
             "malformed_json");
}

/* -------------------------------------------------------------------------- dead letters */

#define DEAD "/api/v1/admin/dead-letters"

static void
test_dead_letters_are_listed (void **state)
{
    /* The entry as far as it could be read; pages by place. */
    (void)state;
    static dead_letter_t letters[PAGE_ROWS + 1];
    for (size_t i = 0; i <= PAGE_ROWS; i++)
        letters[i] = (dead_letter_t){ .place = 90 - i,
                                      .sale_id = 7,
                                      .epoch = 3,
                                      .entry_ms = 1700000000000,
                                      .entry_seq = 2,
                                      .rid = { 0, 0, 0, 0, 0, 7, 0x80, 0, 0x80, [15] = 1 },
                                      .user_id = 42,
                                      .quantity = 1,
                                      .price_cents = 1999,
                                      .sequence = 4,
                                      .reserved_us = 8000000,
                                      .pay_before_us = 9000000,
                                      .reason = "po\"ison",
                                      .attempts = 6,
                                      .at_us = 8500999 };
    s_script (MSG_DEAD_LIST, MSG_DEAD_LETTERS, letters, PAGE_ROWS + 1);
    const char *answer = s_call ("GET", DEAD "?cursor=91", OPERATOR, NULL);
    s_check (answer, 200, "");
    HAS (
        answer,
        "{\"dead_letters\":[{\"id\":\"90\",\"reason\":\"po\\\"ison\",\"attempts\":6,\"at_ms\":8500,"
        "\"message\":{\"sale_id\":\"7\",\"epoch\":3,\"entry\":\"1700000000000-2\",\"order_id\":"
        "\"00000000-0007-8000-8000-000000000001\",\"user_id\":\"42\",\"quantity\":1,"
        "\"price_cents\":1999,\"sequence\":4,\"reserved_us\":8000000,\"pay_before_us\":9000000}},"
        "{\"id\":\"89\"");
    HAS (answer, "],\"next_cursor\":\"71\"}");
    assert_null (strstr (answer, "\"id\":\"70\""));
    assert_string_equal (
        s_asked, "DEAD_LIST {\"operator\":1,\"after\":91,\"limit\":21,\"actor\":\"alice\"}\n");
    memset (letters[0].rid, 0, sizeof letters[0].rid);
    s_script (MSG_DEAD_LIST, MSG_DEAD_LETTERS, letters, PAGE_ROWS);
    HAS (s_call ("GET", DEAD, OPERATOR, NULL), "],\"next_cursor\":null}");
    s_script (MSG_DEAD_LIST, MSG_DEAD_LETTERS, letters, 1);
    answer = s_call ("GET", DEAD, OPERATOR, NULL);
    HAS (answer, "-2\",\"user_id\":\"42\"");
    HAS (answer, "}}],\"next_cursor\":null}");
    s_script (MSG_DEAD_LIST, MSG_DEAD_LETTERS, letters, 0);
    HAS (s_call ("GET", DEAD, OPERATOR, NULL), "{\"dead_letters\":[],\"next_cursor\":null}");
    s_check (s_call ("GET", DEAD, AUTH, NULL), 403, "forbidden");
    s_check (s_call ("GET", DEAD "?cursor=x", OPERATOR, NULL), 400, "invalid_field");
}

static void
test_dead_letters_are_decided (void **state)
{
    /* Requeue and discard are one question each, with the same answer again; refusals are inventory's. */
    (void)state;
    static outcome_t outcome;
    s_script_refusal (MSG_DEAD_CHANGE, &outcome, ERROR_NONE);
    HAS (s_call ("POST", DEAD "/90/requeue", OPERATOR, ""),
         "\r\n\r\n{\"id\":\"90\",\"status\":\"requeued\"}");
    assert_string_equal (s_asked, "DEAD_CHANGE {\"place\":90,\"requeue\":1,\"actor\":\"alice\"}\n");
    HAS (s_call ("POST", DEAD "/90/discard", OPERATOR JSON, "{}"),
         "\r\n\r\n{\"id\":\"90\",\"status\":\"discarded\"}");
    assert_string_equal (s_asked, "DEAD_CHANGE {\"place\":90,\"actor\":\"alice\"}\n");
    static const struct {
        error_code_t code;
        unsigned status;
    } refusals[] = { { ERROR_NOT_FOUND, 404 },
                     { ERROR_INVALID_STATE, 409 },
                     { ERROR_SOLD_OUT, 409 },
                     { ERROR_ALREADY_PURCHASED, 409 },
                     { ERROR_RECOVERING, 503 },
                     { ERROR_BUSY, 503 },
                     { ERROR_DEPENDENCY_UNAVAILABLE, 503 } };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        s_script_refusal (MSG_DEAD_CHANGE, &outcome, refusals[i].code);
        s_check (s_call ("POST", DEAD "/90/requeue", OPERATOR, ""), refusals[i].status,
                 schema_error (refusals[i].code)->code);
    }
    static const char *const strangers[] = { DEAD "/0/requeue", DEAD "/01/requeue",
                                             DEAD "/x/discard", DEAD "/-1/discard",
                                             DEAD "/1/retry",   DEAD "/9999999999999999999/discard",
                                             DEAD "/1" };
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        s_check (s_call ("POST", strangers[i], OPERATOR, ""), 404, "not_found");
    s_check (s_call ("POST", DEAD "/90/requeue", OPERATOR JSON, "{\"x\":1}"), 400, "invalid_field");
    s_check (s_call ("POST", DEAD "/90/requeue", AUTH, ""), 403, "forbidden");
    assert_string_equal (s_asked, "");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        CASE (test_payment_is_asked_of_ordering),
        CASE (test_payment_ids_follow_order_and_key),
        CASE (test_payment_of_a_reserved_order_waits),
        CASE (test_payment_is_unknown_while_the_gate_is),
        CASE (test_refused_payments),
        CASE (test_malformed_payments),
        CASE (test_signed_events_go_to_ordering),
        CASE (test_unsigned_events_are_unauthenticated),
        CASE (test_signatures_stand_where_tokens_do),
        CASE (test_malformed_events),
        CASE (test_signed_events_cost_no_address),
        CASE (test_orders_show_what_happened),
        CASE (test_orders_without_their_history_are_not_shown),
        CASE (test_timelines_of_orders_that_never_waited),
        CASE (test_pages_have_the_history_of_their_orders),
        CASE (test_cancel_answers_the_order),
        CASE (test_cancel_before_the_row),
        CASE (test_cancel_of_nothing),
        CASE (test_cancel_while_the_gate_is_rebuilt),
        CASE (test_refused_cancels),
        CASE (test_malformed_cancels),
        CASE (test_edits_name_their_fields),
        CASE (test_refused_edits),
        CASE (test_stock_changes_are_named),
        CASE (test_malformed_stock_changes),
        CASE (test_dead_letters_are_listed),
        CASE (test_dead_letters_are_decided),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
