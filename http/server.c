/*  What CivetWeb 1.15 does to the careless, and what is done about it here:

    - Its handlers match by prefix: only begin_request is used, which sees every request first; routes are ours.
    - Keep-alive, nodelay and timeouts are off or short by default: all are set. One mg_write per answer.
    - Connections beyond num_threads starve silently: beyond `connections`, which is less, they are told 503.
    - A trickled body holds a worker without limit: bodies are read byte by byte against a deadline, and the connection is closed
      when one did not come whole.
    - It stops reading header fields at a folded line, at a bare LF's neighbour and after the 64th without a word: s_is_misframed.
    - Workers have 100 KiB of stack: everything large is in the worker's exchange. */

#include "server.h"

#include "check.h"
#include "clock.h"
#include "log.h"
#include "metrics.h"

#include <civetweb.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/*  Larger than what is accepted, so that what is too large is seen and answered as such. */
#define HEAD_BYTES_MAX "65536"
#define KEEP_ALIVE_MS "60000"

struct server_t {
    edge_t *edge;
    server_options_t options;
    struct mg_context *context;
    _Atomic int64_t connections;
    char endpoint[64];
};

typedef struct body_t {
    const server_t *server;
    struct mg_connection *connection;
    const request_t *request;
} body_t;

/* -------------------------------------------------------------------------- reading */

/*  Bytes that are there cost no system call. */
static bool
s_read_body (void *context, char *bytes, size_t count)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    body_t *body = context;
    const char *expect = body->request->headers[HEADER_EXPECT];
    if (expect && strcasecmp (expect, "100-continue") == 0)
        mg_write (body->connection, go_on, sizeof go_on - 1);
    uint64_t until_us = body->request->now_us + body->server->options.body_deadline_ms * 1000;
    for (size_t i = 0; i < count; i++) {
        if (mg_read (body->connection, bytes + i, 1) != 1)
            return false;
        if (clock_now_us () > until_us)
            return false;
    }
    return true;
}

/*  CivetWeb writes a NUL over the CR and LF of every line that it took. So each name follows its predecessor's value by exactly two
 * bytes, and behind the last value stand these two and the CR of the empty line; anything else is a bare LF, a folded line, or
 * fields that it did not read. Blanks before a colon are NULs too: then two follow the name, before the value. */
static bool
s_is_misframed (const struct mg_request_info *info)
{
    if (info->num_headers <= 0)
        return false; /* no Host either */
    for (int i = 0; i < info->num_headers; i++) {
        const char *end = info->http_headers[i].value + strlen (info->http_headers[i].value);
        const char *name_end = info->http_headers[i].name + strlen (info->http_headers[i].name);
        bool is_last = i == info->num_headers - 1;
        if (name_end + 1 < info->http_headers[i].value && name_end[1] == 0)
            return true;
        if (!is_last && info->http_headers[i + 1].name != end + 2)
            return true;
        if (is_last && (end[1] != 0 || end[2] != '\r' || end[3] != 0))
            return true;
    }
    return false;
}

static void
s_open_request (exchange_t *exchange, const struct mg_request_info *info)
{
    request_t *request = &exchange->request;
    request_open (request, info->request_method, info->local_uri_raw, info->query_string);
    for (int i = 0; i < info->num_headers; i++)
        request_add_header (request, info->http_headers[i].name, info->http_headers[i].value);
    request->is_http_1_0 = strcmp (info->http_version, "1.0") == 0;
    request->remote_address = info->remote_addr;
    /* a head near the buffer's end is too large anyway, and there would be no byte behind it to look at */
    if (request->header_bytes <= HEADER_FIELDS_BYTES_MAX &&
        request->header_total <= HEADER_FIELDS_MAX)
        request->is_misframed = s_is_misframed (info);
    request->now_us = clock_now_us ();
    request->wall_ms = clock_wall_ms ();
}

/* -------------------------------------------------------------------------- answering */

static void
s_count (const exchange_t *exchange)
{
    const response_t *response = &exchange->response;
    metrics_add (METRIC_HTTP_REQUESTS, response->code, 1);
    if (!response->is_purchase)
        return;
    metrics_add (METRIC_PURCHASES, response->code, 1);
    metrics_observe (METRIC_PURCHASE_US, (int64_t)(clock_now_us () - exchange->request.now_us));
}

static int
s_send (exchange_t *exchange, struct mg_connection *connection)
{
    size_t count;
    response_t *response = &exchange->response;
    const char *bytes = response_finish (response, &exchange->request, &count);
    if (response->closes || !request_keeps_alive (&exchange->request))
        mg_disable_keep_alive (connection);
    s_count (exchange);
    if (response->code == ERROR_INTERNAL_ERROR)
        log_write (LOG_LEVEL_ERROR, "internal_error", "%s %s request %s",
                   exchange->request.method_text, exchange->request.target,
                   exchange->request.request_id);
    mg_write (connection, bytes, count);
    return (int)response->status;
}

static int
s_on_request (struct mg_connection *connection)
{
    const struct mg_request_info *info = mg_get_request_info (connection);
    server_t *self = info->user_data;
    exchange_t *exchange = mg_get_thread_pointer (connection);
    s_open_request (exchange, info);
    if (atomic_load (&self->connections) > (int64_t)self->options.connections)
        exchange_refuse_head (exchange, ERROR_BUSY);
    else {
        body_t body = { self, connection, &exchange->request };
        exchange_run (exchange, s_read_body, &body);
    }
    return s_send (exchange, connection);
}

/* -------------------------------------------------------------------------- heads that CivetWeb refuses */

/*  Why it says 400: it parses method, target and version, then looks the method up in its list, then reads the fields. */
static error_code_t
s_refusal (const struct mg_request_info *info, const char *reason)
{
    const char *version = info->http_version, *method = info->request_method;
    if (strcmp (reason, "Bad request") != 0 || !method || !version || version[-1] != '/')
        return ERROR_MALFORMED_REQUEST;
    if (!*method || method[strspn (method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-")])
        return ERROR_MALFORMED_REQUEST;
    for (int i = 0; i < info->num_headers; i++)
        if (strcasecmp (info->http_headers[i].name, "Transfer-Encoding") == 0)
            return ERROR_NOT_IMPLEMENTED;
    return info->num_headers == 0 ? ERROR_NOT_IMPLEMENTED : ERROR_MALFORMED_REQUEST;
}

static int
s_on_error (struct mg_connection *connection, int status, const char *reason)
{
    exchange_t *exchange = mg_get_thread_pointer (connection);
    const struct mg_request_info *info = mg_get_request_info (connection);
    error_code_t code = ERROR_MALFORMED_REQUEST;
    if (!exchange || !info)
        return 1;
    if (status == 505)
        code = ERROR_HTTP_VERSION_NOT_SUPPORTED;
    else if (status == 413)
        code = ERROR_HEADER_FIELDS_TOO_LARGE;
    else if (status == 400)
        code = s_refusal (info, reason);
    request_open (&exchange->request, "", "", NULL);
    exchange->request.now_us = clock_now_us ();
    exchange_refuse_head (exchange, code);
    s_send (exchange, connection);
    return 0;
}

/* -------------------------------------------------------------------------- threads, connections */

static void *
s_on_thread (const struct mg_context *context, int type)
{
    server_t *self = mg_get_user_data (context);
    if (type != 1)
        return NULL;
    return exchange_new (self->edge, self->options.slots ? slots_claim (self->options.slots) : NULL,
                         self->options.listener);
}

static void
s_on_thread_end (const struct mg_context *context, int type, void *pointer)
{
    exchange_t *exchange = pointer;
    (void)context;
    if (type == 1)
        exchange_destroy (&exchange);
}

static int
s_on_connection (const struct mg_connection *connection, void **data)
{
    server_t *self = mg_get_user_data (mg_get_context (connection));
    atomic_fetch_add (&self->connections, 1);
    metrics_add (METRIC_HTTP_CONNECTIONS, 0, 1);
    *data = NULL;
    return 0;
}

static void
s_on_connection_end (const struct mg_connection *connection)
{
    server_t *self = mg_get_user_data (mg_get_context (connection));
    atomic_fetch_sub (&self->connections, 1);
    metrics_add (METRIC_HTTP_CONNECTIONS, 0, -1);
}

static int
s_on_message (const struct mg_connection *connection, const char *message)
{
    (void)connection;
    log_write (LOG_LEVEL_DEBUG, "civetweb", "%s", message);
    return 1;
}

/* -------------------------------------------------------------------------- life */

static bool
s_listen (server_t *self)
{
    char address[32], threads[24], timeout[24];
    snprintf (address, sizeof address, "127.0.0.1:%" PRIu64, self->options.port);
    snprintf (threads, sizeof threads, "%" PRIu64, self->options.threads);
    snprintf (timeout, sizeof timeout, "%" PRIu64, self->options.body_deadline_ms);
    const char *options[] = { "listening_ports",
                              address,
                              "num_threads",
                              threads,
                              "enable_keep_alive",
                              "yes",
                              "keep_alive_timeout_ms",
                              KEEP_ALIVE_MS,
                              "tcp_nodelay",
                              "1",
                              "request_timeout_ms",
                              timeout,
                              "max_request_size",
                              HEAD_BYTES_MAX,
                              "listen_backlog",
                              "1024",
                              "connection_queue",
                              "64",
                              "decode_url",
                              "no",
                              NULL };
    const struct mg_callbacks callbacks = { .begin_request = s_on_request,
                                            .http_error = s_on_error,
                                            .log_message = s_on_message,
                                            .init_thread = s_on_thread,
                                            .exit_thread = s_on_thread_end,
                                            .init_connection = s_on_connection,
                                            .connection_close = s_on_connection_end };
    struct mg_server_port port;
    self->context = mg_start (&callbacks, self, options);
    if (!self->context || mg_get_server_ports (self->context, 1, &port) != 1)
        return false;
    snprintf (self->endpoint, sizeof self->endpoint, "http://127.0.0.1:%d", port.port);
    return true;
}

server_t *
server_new (edge_t *edge, const server_options_t *options)
{
    server_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->edge = edge;
    self->options = *options;
    if (s_listen (self))
        return self;
    fprintf (stderr, "cannot listen on 127.0.0.1:%" PRIu64 " with %" PRIu64 " threads\n",
             options->port, options->threads);
    server_destroy (&self);
    return NULL;
}

void
server_destroy (server_t **self_p)
{
    if (*self_p) {
        if ((*self_p)->context)
            mg_stop ((*self_p)->context);
        free (*self_p);
        *self_p = NULL;
    }
}

const char *
server_endpoint (const server_t *self)
{
    return self->endpoint;
}
