#include "http_client.h"

#include "clock.h"
#include "params_load.h"

#include <curl/curl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES_MAX (4u * 1024u * 1024u)
/*  Nobody's account: the log shows `console`. */
#define CONSOLE_USER 1u

typedef struct collected_t {
    char *text;
    size_t count;
} collected_t;

static size_t
s_collect (char *bytes, size_t size, size_t count, void *context)
{
    collected_t *answer = context;
    size_t more = size * count;
    if (answer->count + more > ANSWER_BYTES_MAX)
        return 0;
    char *text = realloc (answer->text, answer->count + more + 1);
    if (!text)
        return 0;
    memcpy (text + answer->count, bytes, more);
    answer->text = text;
    answer->count += more;
    text[answer->count] = 0;
    return more;
}

static void
s_perform (CURL *curl, http_answer_t *answer)
{
    collected_t collected = { 0 };
    curl_easy_setopt (curl, CURLOPT_WRITEFUNCTION, s_collect);
    curl_easy_setopt (curl, CURLOPT_WRITEDATA, &collected);
    CURLcode code = curl_easy_perform (curl);
    if (code == CURLE_OK) {
        curl_easy_getinfo (curl, CURLINFO_RESPONSE_CODE, &answer->status);
        answer->body =
            collected.text ? json_loadb (collected.text, collected.count, 0, NULL) : NULL;
    } else
        snprintf (answer->reason, sizeof answer->reason, "the instance does not answer: %s",
                  curl_easy_strerror (code));
    free (collected.text);
}

http_answer_t
http_client_call (const char *url, const char *method, const char *path, const char *token,
                  const char *key, const json_t *body, long patience_ms)
{
    http_answer_t answer = { 0 };
    char whole[512], bearer[640], key_field[128];
    CURL *curl = curl_easy_init ();
    struct curl_slist *fields = NULL;
    char *text = body ? json_dumps (body, JSON_COMPACT) : NULL;
    snprintf (whole, sizeof whole, "%s%s", url, path);
    if (token) {
        snprintf (bearer, sizeof bearer, "Authorization: Bearer %s", token);
        fields = curl_slist_append (fields, bearer);
    }
    if (key) {
        snprintf (key_field, sizeof key_field, "Idempotency-Key: %s", key);
        fields = curl_slist_append (fields, key_field);
    }
    if (text)
        fields = curl_slist_append (fields, "Content-Type: application/json");
    if (curl) {
        curl_easy_setopt (curl, CURLOPT_URL, whole);
        curl_easy_setopt (curl, CURLOPT_NOPROXY, "*");
        curl_easy_setopt (curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt (curl, CURLOPT_TIMEOUT_MS, patience_ms);
        curl_easy_setopt (curl, CURLOPT_HTTPHEADER, fields);
        if (strcmp (method, "GET") != 0) {
            curl_easy_setopt (curl, CURLOPT_CUSTOMREQUEST, method);
            curl_easy_setopt (curl, CURLOPT_POSTFIELDS, text ? text : "");
        }
        s_perform (curl, &answer);
        curl_easy_cleanup (curl);
    }
    curl_slist_free_all (fields);
    free (text);
    return answer;
}

void
http_client_free (http_answer_t *answer)
{
    json_decref (answer->body);
    answer->body = NULL;
}

void
http_client_reason (const http_answer_t *answer, char *reason)
{
    const char *code = json_string_value (json_object_get (answer->body, "code"));
    const char *detail = json_string_value (json_object_get (answer->body, "detail"));
    const char *title = json_string_value (json_object_get (answer->body, "title"));
    if (answer->status == 0)
        snprintf (reason, REASON_BYTES, "%s", answer->reason);
    else
        snprintf (reason, REASON_BYTES, "%.300s (%.60s, %ld)",
                  detail  ? detail
                  : title ? title
                          : "refused",
                  code ? code : "no code", answer->status);
}

bool
http_client_operator (const instance_t *instance, char *token, char *reason)
{
    char hex[128];
    uint8_t key[SIGNING_KEY_BYTES];
    if (!instance_secret (&instance->params, "secrets/token-key", hex, sizeof hex) ||
        !token_sign_key (hex, key)) {
        snprintf (reason, REASON_BYTES,
                  "there is no instance in %s, or you may not read its secrets", instance->asked);
        return false;
    }
    token_sign (key, CONSOLE_USER, "console", "operator", clock_wall_ms () / 1000, 300, token);
    sodium_memzero (key, sizeof key);
    sodium_memzero (hex, sizeof hex);
    return true;
}
