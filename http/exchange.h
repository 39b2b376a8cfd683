/*  One request and its answer: the order of the checks, and what handlers work with. Knows no sockets: the server gives it the head and
    a way to read the body, and gets bytes to send. */

#ifndef MS_EXCHANGE_H
#define MS_EXCHANGE_H

#include "edge.h"
#include "json_body.h"
#include "order_view.h"
#include "response.h"

/*  Reads the whole body of request->content_length bytes. Returns false if it did not come whole and in time. */
typedef bool (*exchange_read_fn) (void *connection, char *bytes, size_t count);

typedef struct route_t route_t;

typedef enum listener_t {
    LISTENER_PUBLIC = 1,
    LISTENER_OPERATIONS = 2,
    LISTENER_BOTH = 3
} listener_t;

/*  What the path of a request names. */
typedef struct subject_t {
    uint64_t sale_id;
    uint8_t rid[RID_BYTES];
    kind_t kind;
    const char *key;  /* idempotency key in the path */
    const char *last; /* last segment: publish, pause … */
    uint64_t place;   /* of a dead letter */
} subject_t;

/*  Belongs to one worker; about 60 KiB, made once. */
typedef struct exchange_t {
    edge_t *edge;
    void *worker; /* for edge_ask */
    listener_t listener;
    request_t request;
    response_t response;
    const route_t *route;
    subject_t subject;
    token_t token;   /* of an authenticated request */
    const char *key; /* Idempotency-Key of the head */
    fields_t fields; /* of the body */
    json_body_t json;
    order_page_t page; /* orders of an answer in the making */
    char body[HTTP_BODY_BYTES_MAX];
} exchange_t;

exchange_t *exchange_new (edge_t *edge, void *worker, listener_t listener);
void exchange_destroy (exchange_t **self_p);

/*  The whole of it: request_open and request_add_header were done, the answer is in self->response (to be finished by the caller). */
void exchange_run (exchange_t *self, exchange_read_fn read, void *connection);
/*  An answer to a head that the server itself refused. */
void exchange_refuse_head (exchange_t *self, error_code_t code);

/* -------------------------------------------------------------------------- for handlers */

/*  After the handler has read its fields: nothing unknown was there, and the client's address is within its limit (a signed request has
    none: it is no stranger's). False: refused. */
bool exchange_is_valid (exchange_t *self);
void exchange_refuse (exchange_t *self, error_code_t code, const char *detail);
void exchange_refuse_later (exchange_t *self, error_code_t code, const char *detail,
                            uint64_t retry_after_ms);

/*  Asks; the entries of an answer of type `wanted`, NULL if it was another: then the request is refused with the outcome's code. For
    MSG_OUTCOME the outcome is "done". */
const void *exchange_ask (exchange_t *self, message_type_t question, const void *entry,
                          message_type_t wanted, size_t *count);
/*  The same for an answer of exactly one entry. */
const void *exchange_ask_one (exchange_t *self, message_type_t question, const void *entry,
                              message_type_t wanted);
/*  Asks; false if there was no answer at all. Refuses nothing. */
bool exchange_ask_raw (exchange_t *self, message_type_t question, const void *entry,
                       answer_t *answer);

/*  The Idempotency-Key of the head, NULL if there is none; marks the fields as wrong if it is no key. Routes that need one have it read
    already, in self->key. */
const char *exchange_read_key (exchange_t *self);
/*  Position of a page from the query's cursor, 0 = the first page; marks the fields as wrong if it is no cursor. */
uint64_t exchange_cursor (exchange_t *self);
/*  "next_cursor": the position, or null for 0. */
void exchange_put_cursor (exchange_t *self, uint64_t position);
/*  True if the request carries credentials, right or wrong. */
bool exchange_has_credentials (const exchange_t *self);

#endif
