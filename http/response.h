/*  One HTTP answer in the making, and its bytes: head and body in one buffer, for one write. */

#ifndef MS_RESPONSE_H
#define MS_RESPONSE_H

#include "request.h"
#include "text.h"

/*  Room kept in front of the body: the longest head is one with a cookie. */
#define RESPONSE_HEAD_MAX 3072u
#define RESPONSE_BYTES_MAX (16u * 1024u * 1024u)

typedef struct response_t {
    unsigned status;
    error_code_t code;        /* for the metrics; ERROR_NONE = no problem */
    bool is_purchase;         /* counted as one */
    bool closes;              /* the connection is in no state to go on */
    bool is_object;           /* the body is an open JSON object: response_finish closes it */
    const char *content_type; /* NULL = no body */
    const char *cache_control;
    uint64_t retry_after_ms; /* 0 = none */
    char etag[24];
    char location[96];
    char allow[48];
    char cookie[1280];
    text_t text; /* RESPONSE_HEAD_MAX bytes, then the body */
} response_t;

/*  Once per worker. */
void response_init (response_t *self);
void response_close (response_t *self);

/*  Starts over. */
void response_clear (response_t *self);
/*  Starts a JSON object as the body; members are written to self->text. */
void response_begin (response_t *self, unsigned status);
/*  Starts a problem (RFC 9457); further members may follow. `detail` NULL = the error's title; retry_after_ms 0 = the error's default. */
void response_refuse (response_t *self, const request_t *request, error_code_t code,
                      const char *detail, uint64_t retry_after_ms);
/*  Members and everything written so far as a weak ETag. */
void response_make_etag (response_t *self);
/*  True if the client has just this version; the answer is a 304 then. */
bool response_is_not_modified (response_t *self, const request_t *request);
/*  Closes the body and puts the head before it. Returns the bytes to send; they are the response's until response_clear. */
const char *response_finish (response_t *self, const request_t *request, size_t *count);
const char *status_phrase (unsigned status);

#endif
