#include "requests.h"

#include <stdio.h>
#include <string.h>

void
request_key (const crowd_options_t *options, const act_t *act, char key[REQUEST_KEY_BYTES_MAX + 1])
{
    const size_t size = REQUEST_KEY_BYTES_MAX + 1;
    if (act->kind == ACT_CANCEL)
        snprintf (key, size, "-");
    else if (act->kind == ACT_PAY)
        snprintf (key, size, "%.24s-%u-%u-p%u", options->key_prefix, act->attempt.user,
                  act->attempt.key, act->number);
    else
        snprintf (key, size, "%.32s-%u-%u", options->key_prefix, act->attempt.user,
                  act->attempt.key);
}

static size_t
s_print_get (const crowd_options_t *options, const act_t *act, char *out)
{
    const char *token = options->users > 0 ? options->tokens[act->attempt.user] : "";
    int count = snprintf (out, REQUEST_BYTES_MAX,
                          "GET %s HTTP/1.1\r\nHost: localhost\r\n%s%s%s\r\n", options->path,
                          *token ? "Authorization: Bearer " : "", token, *token ? "\r\n" : "");
    return (size_t)count;
}

/*  `key` "" = no such header. */
static size_t
s_print_post (const crowd_options_t *options, const act_t *act, const char *path, const char *key,
              const char *body, char *out)
{
    int count = snprintf (out, REQUEST_BYTES_MAX,
                          "POST /api/v1%s HTTP/1.1\r\nHost: localhost\r\n"
                          "Authorization: Bearer %s\r\n%s%s%s"
                          "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                          path, options->tokens[act->attempt.user], *key ? "Idempotency-Key: " : "",
                          key, *key ? "\r\n" : "", strlen (body), body);
    return (size_t)count;
}

size_t
request_print (const crowd_options_t *options, const act_t *act, char out[REQUEST_BYTES_MAX])
{
    char path[128], body[64] = "", key[REQUEST_KEY_BYTES_MAX + 1];
    unsigned spread = options->quantity_max - options->quantity_min + 1;
    if (options->path)
        return s_print_get (options, act, out);
    request_key (options, act, key);
    switch (act->kind) {
    case ACT_PAY:
        snprintf (path, sizeof path, "/orders/%s/payments", act->order_id);
        snprintf (body, sizeof body, "{\"method\":\"test\",\"outcome\":\"%s\"}",
                  act_outcome_word (act->outcome));
        break;
    case ACT_CANCEL:
        snprintf (path, sizeof path, "/orders/%s/cancel", act->order_id);
        return s_print_post (options, act, path, "", "", out);
    default:
        snprintf (path, sizeof path, "/sales/%.32s/purchases", options->sale_id);
        if (options->quantity_max > 0)
            snprintf (body, sizeof body, "{\"quantity\":%u}",
                      options->quantity_min + act->attempt.user % spread);
    }
    return s_print_post (options, act, path, key, body, out);
}
