/*  One HTTP request: as the server handed it over, and as this program understands it. No I/O. */

#ifndef MS_REQUEST_H
#define MS_REQUEST_H

#include "schema.h"

/*  RFC 9110 asks for at least 8,000 bytes of URI. */
#define URI_BYTES_MAX 8000u
#define HEADER_FIELDS_MAX 63u
#define HEADER_FIELDS_BYTES_MAX 16384u
#define PATH_SEGMENTS_MAX 8u
#define PATH_BYTES_MAX 512u

typedef enum method_t {
    METHOD_GET = 1,
    METHOD_HEAD = 2,
    METHOD_POST = 4,
    METHOD_PUT = 8,
    METHOD_PATCH = 16,
    METHOD_DELETE = 32,
    METHOD_OTHER = 64, /* known to HTTP, used by no route */
    METHOD_UNKNOWN = 128
} method_t;

typedef enum known_header_t {
    HEADER_ACCEPT,
    HEADER_AUTHORIZATION,
    HEADER_CONNECTION,
    HEADER_CONTENT_LENGTH,
    HEADER_CONTENT_TYPE,
    HEADER_COOKIE,
    HEADER_EXPECT,
    HEADER_HOST,
    HEADER_IDEMPOTENCY_KEY,
    HEADER_IF_NONE_MATCH,
    HEADER_ORIGIN,
    HEADER_TRACEPARENT,
    HEADER_TRANSFER_ENCODING,
    HEADER_X_FORWARDED_PROTO,
    HEADER_X_REAL_IP,
    HEADER_X_REQUEST_ID,
    HEADER_X_SIGNATURE,
    HEADER_COUNT
} known_header_t;

typedef struct request_t {
    /* as it came */
    const char *method_text;
    const char *target; /* path, percent-encoded, without the query */
    const char *query;  /* NULL = none */
    bool is_http_1_0;
    const char *remote_address;
    const char *headers[HEADER_COUNT]; /* first of each name, NULL = none */
    uint8_t header_counts[HEADER_COUNT];
    size_t header_total, header_bytes;
    bool is_misframed; /* the server saw a head that is not one */
    uint64_t now_us;   /* CLOCK_BOOTTIME at its arrival */
    uint64_t wall_ms;  /* wall clock at its arrival: tokens expire by it */
    /* as understood */
    method_t method;
    uint64_t content_length;
    char path[PATH_BYTES_MAX + 1]; /* decoded segments, each with a NUL */
    const char *segments[PATH_SEGMENTS_MAX];
    size_t segment_count;             /* above PATH_SEGMENTS_MAX: no route has so many */
    uint8_t trace_id[16], span_id[8]; /* span_id is our own */
    char request_id[65];
    const char *body;
    size_t body_count;
} request_t;

void request_open (request_t *self, const char *method, const char *target, const char *query);
/*  Notes one header field; the value stays the caller's. */
void request_add_header (request_t *self, const char *name, const char *value);

/*  Judges the head and fills what is understood. Returns the first refusal in the contract's order: malformed_request, uri_too_long,
    header_fields_too_large, not_implemented, length_required, content_too_large. */
error_code_t request_read_head (request_t *self);

/*  True if the connection may stay open after the answer, as far as the client is concerned. */
bool request_keeps_alive (const request_t *self);

/*  A parameter of the query, decoded, into `text`. Returns false if it is malformed, given twice or longer than bytes_max; "" if
    it is missing. */
bool request_query (const request_t *self, const char *name, char *text, size_t bytes_max);

/*  True if the Accept field admits application/json. */
bool request_accepts_json (const request_t *self);
/*  True if the Content-Type is application/json, in UTF-8 if it says so. */
bool request_is_json (const request_t *self);
/*  A cookie's value within the Cookie field, not NUL-terminated; NULL if there is none. */
const char *request_cookie (const request_t *self, const char *name, size_t *count);
/*  True if the Origin is that of this very server, as the client addressed it. */
bool request_is_same_origin (const request_t *self);
bool request_is_https (const request_t *self);

/*  1–64 of [A-Za-z0-9_-]. */
bool is_idempotency_key (const char *text);

#endif
