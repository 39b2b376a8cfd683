/*  The table of routes: the one place that says which calls exist. openapi.yaml lists the same ones; a test compares them. */

#ifndef MS_ROUTE_H
#define MS_ROUTE_H

#include "exchange.h"

typedef enum access_t {
    ACCESS_ANYONE,
    ACCESS_SHOPPER,
    ACCESS_OPERATOR,
    ACCESS_SIGNED /* no token: whoever signs the body with the webhook secret */
} access_t;

struct route_t {
    method_t method;
    const char *
        pattern; /* a segment in braces is a parameter: sale_id, order_id, idempotency_key, kind, dead_letter_id */
    access_t access;
    bool needs_key;  /* Idempotency-Key; where it may be missing, the handler reads it */
    bool is_machine; /* probes and metrics: no Accept, no limits */
    listener_t listeners;
    void (*handle) (exchange_t *exchange);
};

/*  The route of a request; fills what its path names. NULL: `methods` has those that the path knows, 0 = there is no such path. */
const route_t *route_find (const request_t *request, listener_t listener, subject_t *subject,
                           unsigned *methods);
/*  "GET, HEAD, POST" */
void route_methods_text (unsigned methods, char *text, size_t text_bytes);
/*  Row of the table, NULL beyond the last. */
const route_t *route_at (size_t index);

#endif
