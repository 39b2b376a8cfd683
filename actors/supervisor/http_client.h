/*  One HTTP call of the command line to its own instance. */

#ifndef MS_HTTP_CLIENT_H
#define MS_HTTP_CLIENT_H

#include "instance.h"
#include "token_sign.h"

#include <jansson.h>

typedef struct http_answer_t {
    long status;  /* 0 = no answer */
    json_t *body; /* NULL if there is none or it is no JSON */
    char reason[REASON_BYTES];
} http_answer_t;

/*  `path` from the root. `token`, `key` (Idempotency-Key) and `body` may be NULL; the body stays the caller's. */
http_answer_t http_client_call (const char *url, const char *method, const char *path,
                                const char *token, const char *key, const json_t *body,
                                long patience_ms);
void http_client_free (http_answer_t *answer);
/*  The sentence of a problem: its detail, code and status. */
void http_client_reason (const http_answer_t *answer, char *reason);
/*  A token of an operator, for calls of the command line. */
bool http_client_operator (const instance_t *instance, char *token, char *reason);

#endif
