/*  CivetWeb around exchanges: one listener on the loopback address with its worker threads. */

#ifndef MS_SERVER_H
#define MS_SERVER_H

#include "exchange.h"

typedef struct server_t server_t;

typedef struct server_options_t {
    listener_t listener;
    uint64_t port;        /* 0 = a free one */
    uint64_t threads;     /* one per connection */
    uint64_t connections; /* that are served at once; beyond it 503 and close */
    uint64_t body_deadline_ms;
    slots_t *slots; /* one for each worker; NULL: its routes ask nobody */
} server_options_t;

/*  Returns NULL, with a sentence on stderr, if it cannot listen. */
server_t *server_new (edge_t *edge, const server_options_t *options);
/*  Ends all its threads; takes up to two seconds. */
void server_destroy (server_t **self_p);
/*  "http://127.0.0.1:PORT" */
const char *server_endpoint (const server_t *self);

#endif
