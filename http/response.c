#include "response.h"

#include "check.h"
#include "hash.h"
#include "trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*  Hundreds of workers: one long list must not stay in each of them. */
#define KEPT_BYTES (64u * 1024u)

void
response_init (response_t *self)
{
    memset (self, 0, sizeof *self);
    text_open (&self->text, RESPONSE_BYTES_MAX);
    response_clear (self);
}

void
response_close (response_t *self)
{
    text_close (&self->text);
}

void
response_clear (response_t *self)
{
    static const char room[RESPONSE_HEAD_MAX];
    self->status = 0;
    self->code = ERROR_NONE;
    self->is_purchase = self->closes = self->is_object = false;
    self->content_type = NULL;
    self->cache_control = "no-store";
    self->retry_after_ms = 0;
    self->etag[0] = self->location[0] = self->allow[0] = self->cookie[0] = 0;
    text_clear (&self->text);
    if (self->text.room > KEPT_BYTES) {
        text_close (&self->text);
        text_open (&self->text, RESPONSE_BYTES_MAX);
    }
    if (self->text.room < RESPONSE_HEAD_MAX)
        text_add (&self->text, room, sizeof room);
    self->text.count = RESPONSE_HEAD_MAX;
}

void
response_begin (response_t *self, unsigned status)
{
    self->status = status;
    self->content_type = "application/json; charset=utf-8";
    self->is_object = true;
    text_puts (&self->text, "{");
}

void
response_refuse (response_t *self, const request_t *request, error_code_t code, const char *detail,
                 uint64_t retry_after_ms)
{
    const error_row_t *error = schema_error (code);
    /* an actor's internal word is no answer for a client */
    if (!error || error->http_status < 400)
        error = schema_error (ERROR_INTERNAL_ERROR);
    char trace_id[33];
    bool closes = self->closes, is_purchase = self->is_purchase;
    response_clear (self);
    self->closes = closes;
    self->is_purchase = is_purchase;
    response_begin (self, error->http_status);
    self->content_type = "application/problem+json";
    self->code = error->number;
    hex_text (request->trace_id, sizeof request->trace_id, trace_id);
    text_t *text = &self->text;
    text_printf (text, "\"type\":\"urn:minishop:error:%s\"", error->code);
    text_field (text, "title", error->title);
    text_field_number (text, "status", error->http_status);
    text_field (text, "detail", detail && *detail ? detail : error->title);
    text_field (text, "code", error->code);
    text_field (text, "request_id", request->request_id);
    text_field (text, "trace_id", trace_id);
    text_field_bool (text, "retryable", error->retryable);
    self->retry_after_ms = retry_after_ms ? retry_after_ms : error->retry_after_ms;
    if (!error->retryable)
        self->retry_after_ms = 0;
    if (self->retry_after_ms)
        text_field_number (text, "retry_after_ms", self->retry_after_ms);
}

/* -------------------------------------------------------------------------- caching */

void
response_make_etag (response_t *self)
{
    uint64_t hash =
        hash_bytes (0, self->text.bytes + RESPONSE_HEAD_MAX, self->text.count - RESPONSE_HEAD_MAX);
    snprintf (self->etag, sizeof self->etag, "W/\"%016" PRIx64 "\"", hash);
}

bool
response_is_not_modified (response_t *self, const request_t *request)
{
    const char *known = request->headers[HEADER_IF_NONE_MATCH];
    /* weak comparison: what stands in the quotes is the version */
    if (!known || (strcmp (known, "*") != 0 && !strstr (known, self->etag + 2)))
        return false;
    self->status = 304;
    self->content_type = NULL;
    self->is_object = false;
    self->text.count = RESPONSE_HEAD_MAX;
    return true;
}

/* -------------------------------------------------------------------------- the head */

const char *
status_phrase (unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } phrases[] = {
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 304, "Not Modified" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 411, "Length Required" },
        { 413, "Content Too Large" },
        { 414, "URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 423, "Locked" },
        { 425, "Too Early" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 503, "Service Unavailable" },
        { 505, "HTTP Version Not Supported" },
    };
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Unknown";
}

typedef struct head_t {
    char bytes[RESPONSE_HEAD_MAX];
    size_t count;
} head_t;

static void __attribute__ ((format (printf, 2, 3))) s_print (head_t *head, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    int written =
        vsnprintf (head->bytes + head->count, sizeof head->bytes - head->count, format, arguments);
    va_end (arguments);
    CHECK (written >= 0 && (size_t)written < sizeof head->bytes - head->count);
    head->count += (size_t)written;
}

static void
s_print_optional (const response_t *self, head_t *head)
{
    if (self->retry_after_ms)
        s_print (head, "Retry-After: %" PRIu64 "\r\n", (self->retry_after_ms + 999) / 1000);
    if (*self->etag)
        s_print (head, "ETag: %s\r\n", self->etag);
    if (*self->location)
        s_print (head, "Location: %s\r\n", self->location);
    if (*self->allow)
        s_print (head, "Allow: %s\r\n", self->allow);
    if (*self->cookie)
        s_print (head, "Set-Cookie: %s\r\n", self->cookie);
    if (self->status == 401)
        s_print (head, "WWW-Authenticate: Bearer\r\n");
    if (self->status == 200 && self->cache_control[0] == 'p')
        s_print (head, "Vary: Authorization, Cookie\r\n");
}

static void
s_print_head (const response_t *self, const request_t *request, size_t body_count, head_t *head)
{
    char parent[56];
    trace_parent (request, parent);
    bool closes = self->closes || !request_keeps_alive (request);
    s_print (head,
             "HTTP/1.1 %u %s\r\nX-Request-Id: %s\r\ntraceparent: %s\r\nCache-Control: %s\r\n"
             "Connection: %s\r\n",
             self->status, status_phrase (self->status), request->request_id, parent,
             self->cache_control, closes ? "close" : "keep-alive");
    if (self->content_type)
        s_print (head, "Content-Type: %s\r\nContent-Length: %zu\r\n", self->content_type,
                 body_count);
    s_print_optional (self, head);
    s_print (head, "\r\n");
}

const char *
response_finish (response_t *self, const request_t *request, size_t *count)
{
    head_t head;
    head.count = 0;
    if (self->is_object)
        text_puts (&self->text, "}");
    if (self->text.is_cut) {
        response_clear (self);
        response_refuse (self, request, ERROR_INTERNAL_ERROR, "The answer is too large.", 0);
        text_puts (&self->text, "}");
    }
    size_t body_count = self->text.count - RESPONSE_HEAD_MAX;
    s_print_head (self, request, body_count, &head);
    char *start = self->text.bytes + RESPONSE_HEAD_MAX - head.count;
    memcpy (start, head.bytes, head.count);
    *count = head.count + (request->method == METHOD_HEAD ? 0 : body_count);
    return start;
}
