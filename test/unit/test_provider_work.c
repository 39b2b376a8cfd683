/*  The provider's webhook as an HTTP server gets it: a listener in this process stands for the shop. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "check.h"
#include "params_load.h"
#include "provider.h"
#include "provider_work.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECRET "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define REQUEST_BYTES 4096u

static const char *s_secret = SECRET;

/*  The shell's function, with the test's own key. */
bool
instance_secret (const params_t *params, const char *name, char *text, size_t text_bytes)
{
    (void)params;
    assert_string_equal (name, "webhook-secret");
    assert_true (text_bytes > strlen (SECRET) + 1); /* room for the line end of the file */
    if (!s_secret)
        return false;
    snprintf (text, text_bytes, "%s", s_secret);
    return true;
}

/* -------------------------------------------------------------------------- the listener */

#define SILENT 0  /* status: takes the request and never answers */
#define HUNG_UP 1 /* status: closes the connection instead of an answer */
#define ENDLESS 2 /* status: a body that does not end */

typedef struct listener_t {
    int fd;
    uint16_t port;
    pthread_t thread;
    atomic_int status;      /* of the answers from now on */
    atomic_int connections; /* ever */
    atomic_int requests;
    pthread_mutex_t mutex;
    char last[REQUEST_BYTES]; /* head and body */
} listener_t;

/*  One whole request into `text`; false if the client is gone. */
static bool
s_receive (int fd, char *text)
{
    size_t used = 0;
    for (;;) {
        ssize_t more = recv (fd, text + used, REQUEST_BYTES - 1 - used, 0);
        if (more <= 0)
            return false;
        used += (size_t)more;
        text[used] = 0;
        const char *body = strstr (text, "\r\n\r\n");
        const char *length = strcasestr (text, "\r\ncontent-length: ");
        if (body && length && used >= (size_t)(body + 4 - text) + strtoul (length + 18, NULL, 10))
            return true;
    }
}

/*  False: the connection is to be closed. */
static bool
s_respond (int fd, int status)
{
    char text[200], filler[8192];
    if (status == SILENT)
        return true;
    if (status == HUNG_UP)
        return false;
    if (status == ENDLESS) {
        static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";
        memset (filler, 'x', sizeof filler);
        send (fd, head, strlen (head), MSG_NOSIGNAL);
        while (send (fd, filler, sizeof filler, MSG_NOSIGNAL) > 0)
            ;
        return false;
    }
    int length = snprintf (text, sizeof text,
                           "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
                           "Content-Length: 2\r\n\r\n{}",
                           status);
    return send (fd, text, (size_t)length, MSG_NOSIGNAL) == length;
}

typedef struct connection_t {
    listener_t *listener;
    int fd;
} connection_t;

static void *
s_serve (void *data)
{
    connection_t connection = *(connection_t *)data;
    listener_t *listener = connection.listener;
    char text[REQUEST_BYTES];
    free (data);
    while (s_receive (connection.fd, text)) {
        pthread_mutex_lock (&listener->mutex);
        memcpy (listener->last, text, sizeof text);
        pthread_mutex_unlock (&listener->mutex);
        listener->requests++;
        if (!s_respond (connection.fd, listener->status))
            break;
    }
    close (connection.fd);
    return NULL;
}

/*  Listeners stay for the threads of their connections. */
static listener_t s_listeners[8];
static size_t s_listener_count;

static void *
s_accept (void *data)
{
    listener_t *listener = data;
    int fd;
    while ((fd = accept (listener->fd, NULL, NULL)) >= 0) {
        pthread_t thread;
        connection_t *connection = malloc (sizeof *connection);
        CHECK (connection);
        *connection = (connection_t){ listener, fd };
        listener->connections++;
        CHECK (pthread_create (&thread, NULL, s_serve, connection) == 0);
        pthread_detach (thread);
    }
    return NULL;
}

static listener_t *
s_listener (void)
{
    listener_t *listener = &s_listeners[s_listener_count++];
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
    socklen_t address_bytes = sizeof address;
    CHECK (s_listener_count <= sizeof s_listeners / sizeof s_listeners[0] &&
           pthread_mutex_init (&listener->mutex, NULL) == 0);
    listener->status = 200;
    listener->fd = socket (AF_INET, SOCK_STREAM, 0);
    CHECK (bind (listener->fd, (struct sockaddr *)&address, sizeof address) == 0 &&
           listen (listener->fd, 64) == 0 &&
           getsockname (listener->fd, (struct sockaddr *)&address, &address_bytes) == 0);
    listener->port = ntohs (address.sin_port);
    CHECK (pthread_create (&listener->thread, NULL, s_accept, listener) == 0);
    return listener;
}

/*  Its port refuses from now on. */
static void
s_close (listener_t *listener)
{
    shutdown (listener->fd, SHUT_RDWR);
    pthread_join (listener->thread, NULL);
    close (listener->fd);
}

/* -------------------------------------------------------------------------- the client under test */

static void *
s_context (uint16_t port, const char *url)
{
    params_t params;
    params_set_defaults (&params);
    params.port = port;
    snprintf (params.webhook_url, sizeof params.webhook_url, "%s", url);
    return provider_work_context (&params);
}

static payment_event_t
s_event (void)
{
    payment_event_t event = { .outcome = PAYMENT_CAPTURED, .amount_cents = 5900 };
    snprintf (event.event_id, sizeof event.event_id, "%s",
              "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff-charge");
    for (unsigned i = 0; i < 16; i++) {
        event.payment_id[i] = (uint8_t)(0xf0 + i);
        event.rid[i] = (uint8_t)(0x10 * i + i);
    }
    return event;
}

static outcome_t
s_post (void *context)
{
    payment_event_t event = s_event ();
    outcome_t outcome = { .code = 99 };
    assert_true (provider_work (context, CALL_WEBHOOK_POST, &event, &outcome));
    return outcome;
}

static uint64_t
s_now_ms (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* -------------------------------------------------------------------------- tests */

/*  RFC 2104 by its definition, over SHA-256: not the function that the provider uses. */
static void
s_hmac_hex (const char *key, const char *text, char *hex)
{
    uint8_t block[64] = { 0 }, inner[32], outer[32];
    crypto_hash_sha256_state hash;
    assert_true (strlen (key) <= sizeof block);
    memcpy (block, key, strlen (key));
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36;
    crypto_hash_sha256_init (&hash);
    crypto_hash_sha256_update (&hash, block, sizeof block);
    crypto_hash_sha256_update (&hash, (const uint8_t *)text, strlen (text));
    crypto_hash_sha256_final (&hash, inner);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36 ^ 0x5c;
    crypto_hash_sha256_init (&hash);
    crypto_hash_sha256_update (&hash, block, sizeof block);
    crypto_hash_sha256_update (&hash, inner, sizeof inner);
    crypto_hash_sha256_final (&hash, outer);
    sodium_bin2hex (hex, 65, outer, sizeof outer);
}

/*  The webhook is one POST of JSON to the contract's path; its signature is HMAC-SHA256 over "t.body" under the secret's text, and t is
    now. */
static void
test_request (void **state)
{
    (void)state;
    char hex[65], signed_text[REQUEST_BYTES];
    s_hmac_hex ("key", "The quick brown fox jumps over the lazy dog", hex);
    assert_string_equal (hex, "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
    listener_t *listener = s_listener ();
    assert_int_equal (s_post (s_context (listener->port, "")).code, ERROR_NONE);
    const char *line = "POST /api/v1/payments/webhook HTTP/1.1\r\n";
    assert_memory_equal (listener->last, line, strlen (line));
    assert_non_null (strstr (listener->last, "\r\nContent-Type: application/json\r\n"));
    const char *body = strstr (listener->last, "\r\n\r\n") + 4;
    assert_string_equal (body, "{\"event_id\":\"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff-charge\","
                               "\"payment_id\":\"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff\","
                               "\"order_id\":\"00112233-4455-6677-8899-aabbccddeeff\","
                               "\"outcome\":\"captured\",\"amount_cents\":5900}");
    json_t *parsed = json_loads (body, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal (json_object_size (parsed), 5);
    json_decref (parsed);
    const char *field = strstr (listener->last, "\r\nX-Signature: t=");
    assert_non_null (field);
    uint64_t seconds = strtoull (field + 17, NULL, 10), now_s = (uint64_t)time (NULL);
    assert_true (seconds <= now_s && seconds + 10 > now_s);
    snprintf (signed_text, sizeof signed_text, "%" PRIu64 ".%s", seconds, body);
    s_hmac_hex (SECRET, signed_text, hex);
    assert_memory_equal (strstr (field, ",v1=") + 4, hex, 64);
    assert_memory_equal (strstr (field, ",v1=") + 68, "\r\n", 2);
    s_close (listener);
}

/*  What each answer means; many of them go over one connection. */
static void
test_answers (void **state)
{
    (void)state;
    static const struct {
        int status;
        error_code_t code;
        const char *detail;
    } rows[] = { { 200, ERROR_NONE, "answered 200" },
                 { 400, ERROR_INVALID_FIELD, "answered 400" },
                 { 401, ERROR_UNAUTHENTICATED, "answered 401" },
                 { 503, ERROR_BUSY, "answered 503" },
                 { 404, ERROR_BUSY, "answered 404" },
                 { 500, ERROR_BUSY, "answered 500" },
                 { 301, ERROR_BUSY, "answered 301" } };
    listener_t *listener = s_listener ();
    void *context = s_context (listener->port, "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        listener->status = rows[i].status;
        outcome_t outcome = s_post (context);
        assert_int_equal (outcome.code, rows[i].code);
        assert_string_equal (outcome.detail, rows[i].detail);
    }
    assert_int_equal (listener->connections, 1);
    s_close (listener);
}

/*  Nobody listens: said at once. Somebody listens and does not answer: given up after 2 s. Closed, or an answer without an end: no
    answer. Afterwards the next one gets through. */
static void
test_no_answer (void **state)
{
    (void)state;
    listener_t *gone = s_listener ();
    s_close (gone);
    uint64_t begin_ms = s_now_ms ();
    outcome_t outcome = s_post (s_context (gone->port, ""));
    assert_int_equal (outcome.code, ERROR_DEPENDENCY_UNAVAILABLE);
    assert_true (outcome.detail[0] && s_now_ms () - begin_ms < 1000);
    listener_t *listener = s_listener ();
    void *context = s_context (listener->port, "");
    listener->status = SILENT;
    begin_ms = s_now_ms ();
    assert_int_equal (s_post (context).code, ERROR_DEPENDENCY_UNAVAILABLE);
    assert_in_range (s_now_ms () - begin_ms, 1900, 10000);
    listener->status = HUNG_UP;
    assert_int_equal (s_post (context).code, ERROR_DEPENDENCY_UNAVAILABLE);
    listener->status = ENDLESS;
    assert_int_equal (s_post (context).code, ERROR_DEPENDENCY_UNAVAILABLE);
    listener->status = 200;
    assert_int_equal (s_post (context).code, ERROR_NONE);
    s_close (listener);
}

/*  webhook_url is taken as it stands. */
static void
test_other_url (void **state)
{
    (void)state;
    char url[80];
    listener_t *listener = s_listener ();
    snprintf (url, sizeof url, "http://127.0.0.1:%u/elsewhere?x=1", listener->port);
    assert_int_equal (s_post (s_context (1, url)).code, ERROR_NONE);
    assert_memory_equal (listener->last, "POST /elsewhere?x=1 HTTP/1.1\r\n", 30);
    s_close (listener);
}

/*  A missing or empty secret is no context: the program does not start with it. */
static void
test_secret (void **state)
{
    (void)state;
    s_secret = NULL;
    assert_null (s_context (1, ""));
    s_secret = "";
    assert_null (s_context (1, ""));
    s_secret = SECRET;
    assert_non_null (s_context (1, ""));
}

typedef struct crowd_t {
    void *context;
    atomic_int good;
} crowd_t;

#define POSTS_PER_THREAD 200

static void *
s_post_many (void *data)
{
    crowd_t *crowd = data;
    for (int i = 0; i < POSTS_PER_THREAD; i++) {
        payment_event_t event = s_event ();
        outcome_t outcome = { 0 };
        crowd->good += provider_work (crowd->context, CALL_WEBHOOK_POST, &event, &outcome) &&
                       outcome.code == ERROR_NONE;
    }
    return NULL;
}

/*  POSTS_MAX threads at once: every POST is answered, over no more than one connection for each. */
static void
test_threads (void **state)
{
    (void)state;
    pthread_t threads[POSTS_MAX];
    listener_t *listener = s_listener ();
    crowd_t crowd = { .context = s_context (listener->port, "") };
    for (size_t i = 0; i < POSTS_MAX; i++)
        CHECK (pthread_create (&threads[i], NULL, s_post_many, &crowd) == 0);
    for (size_t i = 0; i < POSTS_MAX; i++)
        pthread_join (threads[i], NULL);
    assert_int_equal (crowd.good, POSTS_MAX * POSTS_PER_THREAD);
    assert_int_equal (listener->requests, POSTS_MAX * POSTS_PER_THREAD);
    assert_in_range (listener->connections, 1, POSTS_MAX);
    s_close (listener);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_request),   cmocka_unit_test (test_answers),
        cmocka_unit_test (test_no_answer), cmocka_unit_test (test_other_url),
        cmocka_unit_test (test_secret),    cmocka_unit_test (test_threads),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
