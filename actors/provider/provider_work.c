#include "provider_work.h"

#include "params_load.h"
#include "provider.h"

#include <curl/curl.h>
#include <pthread.h>
#include <sodium.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PATH "/api/v1/payments/webhook"
#define PATIENCE_MS 2000L /* to connect and to be answered */
#define ANSWER_BYTES_MAX (64u * 1024u)
#define SECRET_BYTES_MAX 128u
#define BODY_BYTES 512u
#define SIGNATURE_BYTES 128u

typedef struct provider_work_t {
    char secret[SECRET_BYTES_MAX + 2]; /* a line end may follow */
    char url[PARAM_TEXT_BYTES_MAX + sizeof PATH + 32];
    pthread_mutex_t mutex; /* guards all below */
    CURL *idle[POSTS_MAX]; /* each with a connection that is kept */
    size_t idle_count;
} provider_work_t;

/* -------------------------------------------------------------------------- the context */

/*  The shop's own address, unless another is given. */
static void
s_choose_url (provider_work_t *self, const params_t *params)
{
    bool is_any = strcmp (params->bind, "0.0.0.0") == 0 || strcmp (params->bind, "::") == 0;
    const char *host = is_any ? "127.0.0.1" : params->bind;
    bool is_v6 = strchr (host, ':') != NULL;
    if (params->webhook_url[0])
        snprintf (self->url, sizeof self->url, "%s", params->webhook_url);
    else
        snprintf (self->url, sizeof self->url, "http://%s%s%s:%" PRIu64 PATH, is_v6 ? "[" : "",
                  host, is_v6 ? "]" : "", params->port);
}

void *
provider_work_context (const params_t *params)
{
    static provider_work_t context = { .mutex = PTHREAD_MUTEX_INITIALIZER };
    if (sodium_init () < 0 || curl_global_init (CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        !instance_secret (params, "webhook-secret", context.secret, sizeof context.secret) ||
        context.secret[0] == 0) {
        fprintf (stderr,
                 "the key of webhooks, %s/webhook-secret, is missing: `minishop up` makes it\n",
                 params->dir);
        return NULL;
    }
    s_choose_url (&context, params);
    return &context;
}

/* -------------------------------------------------------------------------- what is said */

static size_t
s_write_body (const payment_event_t *event, char *body)
{
    char payment_id[33], order_id[37], hex[33];
    sodium_bin2hex (payment_id, sizeof payment_id, event->payment_id, sizeof event->payment_id);
    sodium_bin2hex (hex, sizeof hex, event->rid, sizeof event->rid);
    snprintf (order_id, sizeof order_id, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
              hex + 16, hex + 20);
    int length = snprintf (body, BODY_BYTES,
                           "{\"event_id\":\"%s\",\"payment_id\":\"%s\",\"order_id\":\"%s\","
                           "\"outcome\":\"%s\",\"amount_cents\":%" PRIu64 "}",
                           event->event_id, payment_id, order_id,
                           payment_status_name (event->outcome), event->amount_cents);
    return (size_t)length;
}

/*  `X-Signature: t=SECONDS,v1=HEX`: HMAC-SHA256 over `t.body`. */
static void
s_sign (const provider_work_t *self, const char *body, size_t body_bytes, char *field)
{
    crypto_auth_hmacsha256_state state;
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    char hex[2 * sizeof mac + 1], seconds[24];
    snprintf (seconds, sizeof seconds, "%" PRIu64, (uint64_t)time (NULL));
    crypto_auth_hmacsha256_init (&state, (const uint8_t *)self->secret, strlen (self->secret));
    crypto_auth_hmacsha256_update (&state, (const uint8_t *)seconds, strlen (seconds));
    crypto_auth_hmacsha256_update (&state, (const uint8_t *)".", 1);
    crypto_auth_hmacsha256_update (&state, (const uint8_t *)body, body_bytes);
    crypto_auth_hmacsha256_final (&state, mac);
    sodium_bin2hex (hex, sizeof hex, mac, sizeof mac);
    snprintf (field, SIGNATURE_BYTES, "X-Signature: t=%s,v1=%s", seconds, hex);
}

/* -------------------------------------------------------------------------- saying it */

static size_t
s_ignore (char *bytes, size_t size, size_t count, void *context)
{
    size_t *seen = context;
    (void)bytes;
    *seen += size * count;
    return *seen <= ANSWER_BYTES_MAX ? size * count : 0;
}

/*  A handle that nobody uses, with its connection, or a new one. */
static CURL *
s_borrow (provider_work_t *self)
{
    pthread_mutex_lock (&self->mutex);
    CURL *curl = self->idle_count > 0 ? self->idle[--self->idle_count] : NULL;
    pthread_mutex_unlock (&self->mutex);
    if (curl || !(curl = curl_easy_init ()))
        return curl;
    curl_easy_setopt (curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt (curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt (curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt (curl, CURLOPT_TIMEOUT_MS, PATIENCE_MS);
    curl_easy_setopt (curl, CURLOPT_WRITEFUNCTION, s_ignore);
    return curl;
}

static void
s_give_back (provider_work_t *self, CURL *curl)
{
    pthread_mutex_lock (&self->mutex);
    bool is_kept = self->idle_count < POSTS_MAX;
    if (is_kept)
        self->idle[self->idle_count++] = curl;
    pthread_mutex_unlock (&self->mutex);
    if (!is_kept)
        curl_easy_cleanup (curl);
}

static error_code_t
s_meaning (long status)
{
    switch (status) {
    case 200:
        return ERROR_NONE;
    case 400:
        return ERROR_INVALID_FIELD;
    case 401:
        return ERROR_UNAUTHENTICATED;
    default:
        return ERROR_BUSY;
    }
}

static void
s_perform (CURL *curl, const char *url, const char *body, size_t body_bytes,
           struct curl_slist *fields, outcome_t *outcome)
{
    size_t seen = 0;
    long status = 0;
    curl_easy_setopt (curl, CURLOPT_URL, url);
    curl_easy_setopt (curl, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt (curl, CURLOPT_POSTFIELDSIZE, (long)body_bytes);
    curl_easy_setopt (curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt (curl, CURLOPT_WRITEDATA, &seen);
    CURLcode code = curl_easy_perform (curl);
    if (code == CURLE_OK) {
        curl_easy_getinfo (curl, CURLINFO_RESPONSE_CODE, &status);
        outcome->code = s_meaning (status);
        snprintf (outcome->detail, sizeof outcome->detail, "answered %ld", status);
    } else {
        outcome->code = ERROR_DEPENDENCY_UNAVAILABLE;
        snprintf (outcome->detail, sizeof outcome->detail, "%s", curl_easy_strerror (code));
    }
    curl_easy_setopt (curl, CURLOPT_HTTPHEADER, NULL);
}

bool
provider_work (void *context, call_name_t call, const void *argument, void *result)
{
    provider_work_t *self = context;
    char body[BODY_BYTES], signature[SIGNATURE_BYTES];
    if (call != CALL_WEBHOOK_POST)
        return false;
    size_t body_bytes = s_write_body (argument, body);
    s_sign (self, body, body_bytes, signature);
    CURL *curl = s_borrow (self);
    struct curl_slist *fields = curl_slist_append (NULL, "Content-Type: application/json");
    struct curl_slist *all = fields ? curl_slist_append (fields, signature) : NULL;
    memset (result, 0, sizeof (outcome_t));
    if (curl && all)
        s_perform (curl, self->url, body, body_bytes, all, result);
    curl_slist_free_all (fields);
    if (curl)
        s_give_back (self, curl);
    return curl && all;
}
