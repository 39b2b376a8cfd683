/*  The order of the refusals is the contract's: whichever applies first. See precedence in test_http_exchange.c. */

#include "exchange.h"

#include "check.h"
#include "route.h"
#include "trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

exchange_t *
exchange_new (edge_t *edge, void *worker, listener_t listener)
{
    exchange_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->edge = edge;
    self->worker = worker;
    self->listener = listener;
    response_init (&self->response);
    return self;
}

void
exchange_destroy (exchange_t **self_p)
{
    if (*self_p) {
        response_close (&(*self_p)->response);
        free (*self_p);
        *self_p = NULL;
    }
}

void
exchange_refuse_later (exchange_t *self, error_code_t code, const char *detail,
                       uint64_t retry_after_ms)
{
    response_refuse (&self->response, &self->request, code, detail, retry_after_ms);
}

void
exchange_refuse (exchange_t *self, error_code_t code, const char *detail)
{
    exchange_refuse_later (self, code, detail, 0);
}

void
exchange_refuse_head (exchange_t *self, error_code_t code)
{
    response_clear (&self->response);
    trace_begin (&self->request);
    self->response.closes = true;
    exchange_refuse (self, code, NULL);
}

/* -------------------------------------------------------------------------- who asks */

static const char *
s_bearer (const request_t *request, size_t *count)
{
    const char *authorization = request->headers[HEADER_AUTHORIZATION];
    if (!authorization || strncasecmp (authorization, "Bearer ", 7) != 0)
        return NULL;
    authorization += 7 + strspn (authorization + 7, " ");
    *count = strcspn (authorization, " ");
    return authorization;
}

bool
exchange_has_credentials (const exchange_t *self)
{
    size_t count;
    return self->request.headers[HEADER_AUTHORIZATION] ||
           request_cookie (&self->request, "minishop_session", &count);
}

/*  A token that is denied is no token; without the list nobody can know. */
static error_code_t
s_authenticate (exchange_t *self, bool *by_cookie)
{
    size_t count;
    const char *text = s_bearer (&self->request, &count);
    *by_cookie = !text;
    if (!text)
        text = request_cookie (&self->request, "minishop_session", &count);
    if (!text)
        return ERROR_UNAUTHENTICATED;
    error_code_t code = token_read (edge_token_key (self->edge), text, count, self->request.wall_ms,
                                    &self->json, &self->token);
    if (code)
        return code;
    if (!edge_has_denials (self->edge))
        return ERROR_DEPENDENCY_UNAVAILABLE;
    return denials_has (edge_denials (self->edge), &self->token) ? ERROR_UNAUTHENTICATED
                                                                 : ERROR_NONE;
}

static bool
s_is_write (const request_t *request)
{
    return !(request->method & (METHOD_GET | METHOD_HEAD));
}

/*  Two signatures could be one for each of two readers: only one may be there. */
static bool
s_is_signed (const exchange_t *self)
{
    const request_t *request = &self->request;
    return request->header_counts[HEADER_X_SIGNATURE] == 1 &&
           signature_is_good (edge_webhook_key (self->edge), request->headers[HEADER_X_SIGNATURE],
                              request->body, request->body_count, request->wall_ms / 1000);
}

static error_code_t
s_admit (exchange_t *self)
{
    bool by_cookie;
    if (self->route->access == ACCESS_ANYONE)
        return ERROR_NONE;
    if (self->route->access == ACCESS_SIGNED)
        return s_is_signed (self) ? ERROR_NONE : ERROR_UNAUTHENTICATED;
    error_code_t code = s_authenticate (self, &by_cookie);
    if (code)
        return code;
    if (self->route->access == ACCESS_OPERATOR && strcmp (self->token.role, "operator") != 0)
        return ERROR_FORBIDDEN;
    /* a browser sends the cookie along with what another site's page made it ask */
    if (by_cookie && s_is_write (&self->request) && !request_is_same_origin (&self->request))
        return ERROR_FORBIDDEN;
    return ERROR_NONE;
}

/* -------------------------------------------------------------------------- what is asked */

/*  What a handler has to read out: members of the body, or nothing. */
static error_code_t
s_read_json (exchange_t *self)
{
    const request_t *request = &self->request;
    size_t count =
        s_is_write (request) && request->method != METHOD_DELETE ? request->body_count : 0;
    if (!json_body_parse (&self->json, request->body, count))
        return ERROR_MALFORMED_JSON;
    fields_open (&self->fields, &self->json);
    return ERROR_NONE;
}

static error_code_t
s_check_form (exchange_t *self)
{
    const request_t *request = &self->request;
    if (!request_accepts_json (request))
        return ERROR_NOT_ACCEPTABLE;
    if (request->body_count && s_is_write (request) && request->method != METHOD_DELETE &&
        !request_is_json (request))
        return ERROR_UNSUPPORTED_MEDIA_TYPE;
    if (self->route->needs_key && !request->headers[HEADER_IDEMPOTENCY_KEY])
        return ERROR_MISSING_IDEMPOTENCY_KEY;
    return s_read_json (self);
}

static error_code_t
s_find_route (exchange_t *self)
{
    unsigned methods = 0;
    self->route = route_find (&self->request, self->listener, &self->subject, &methods);
    if (self->route)
        return ERROR_NONE;
    if (!methods)
        return ERROR_NOT_FOUND;
    route_methods_text (methods, self->response.allow, sizeof self->response.allow);
    return ERROR_METHOD_NOT_ALLOWED;
}

static error_code_t
s_check (exchange_t *self, exchange_read_fn read, void *connection)
{
    request_t *request = &self->request;
    error_code_t code = request_read_head (request);
    if (code) {
        self->response.closes = true;
        return code;
    }
    /* whatever the route says of it: what was announced is taken off the connection, or the next request starts within it */
    if (request->content_length && !read (connection, self->body, request->content_length)) {
        self->response.closes = true;
        return ERROR_MALFORMED_REQUEST;
    }
    request->body = self->body;
    request->body_count = request->content_length;
    if ((code = s_find_route (self)) || (code = s_admit (self)))
        return code;
    return self->route->is_machine ? ERROR_NONE : s_check_form (self);
}

/*  What a refusal says beyond its title. */
static const char *
s_detail (const exchange_t *self, error_code_t code)
{
    if (code == ERROR_UNAUTHENTICATED && self->route->access == ACCESS_SIGNED)
        return "X-Signature is missing, malformed, too old or not of this body.";
    return NULL;
}

void
exchange_run (exchange_t *self, exchange_read_fn read, void *connection)
{
    char allow[sizeof self->response.allow];
    response_clear (&self->response);
    trace_begin (&self->request);
    error_code_t code = s_check (self, read, connection);
    if (!code) {
        self->key = self->route->needs_key ? exchange_read_key (self) : NULL;
        self->route->handle (self);
        return;
    }
    memcpy (allow, self->response.allow, sizeof allow);
    exchange_refuse (self, code, s_detail (self, code));
    memcpy (self->response.allow, allow, sizeof allow);
}

/* -------------------------------------------------------------------------- for handlers */

static const char *
s_client (const request_t *request)
{
    /* the listener is on the loopback address: who sets this field is nginx, or somebody who could as well be nginx */
    const char *forwarded = request->headers[HEADER_X_REAL_IP];
    return forwarded ? forwarded : request->remote_address;
}

bool
exchange_is_valid (exchange_t *self)
{
    if (!fields_end (&self->fields)) {
        exchange_refuse (self, ERROR_INVALID_FIELD, self->fields.detail);
        return false;
    }
    if (self->route->access == ACCESS_SIGNED)
        return true;
    uint64_t wait_ms =
        ip_limit_take (edge_ip_limit (self->edge), s_client (&self->request), self->request.now_us);
    if (wait_ms == 0)
        return true;
    exchange_refuse_later (self, ERROR_RATE_LIMITED, "Too many requests from this address.",
                           wait_ms);
    text_field (&self->response.text, "limit", limit_level_name (LIMIT_IP));
    return false;
}

bool
exchange_ask_raw (exchange_t *self, message_type_t question, const void *entry, answer_t *answer)
{
    header_t extras = { 0 };
    memcpy (extras.trace_id, self->request.trace_id, sizeof extras.trace_id);
    memcpy (extras.span_id, self->request.span_id, sizeof extras.span_id);
    return edge_ask (self->edge) (self->worker, question, &extras, entry, answer);
}

const void *
exchange_ask (exchange_t *self, message_type_t question, const void *entry, message_type_t wanted,
              size_t *count)
{
    answer_t answer;
    if (!exchange_ask_raw (self, question, entry, &answer)) {
        exchange_refuse (self, ERROR_BUSY, NULL);
        return NULL;
    }
    const outcome_t *outcome =
        answer.type == MSG_OUTCOME && answer.count == 1 ? answer.entries : NULL;
    if (answer.type == wanted && (!outcome || outcome->code == ERROR_NONE)) {
        *count = answer.count;
        return answer.entries;
    }
    if (outcome && outcome->code != ERROR_NONE)
        exchange_refuse_later (self, (error_code_t)outcome->code, outcome->detail,
                               outcome->retry_after_ms);
    else
        exchange_refuse (self, ERROR_INTERNAL_ERROR, NULL);
    return NULL;
}

const void *
exchange_ask_one (exchange_t *self, message_type_t question, const void *entry,
                  message_type_t wanted)
{
    size_t count = 0;
    const void *answer = exchange_ask (self, question, entry, wanted, &count);
    if (!answer || count == 1)
        return answer;
    exchange_refuse (self, ERROR_INTERNAL_ERROR, NULL);
    return NULL;
}

const char *
exchange_read_key (exchange_t *self)
{
    const char *key = self->request.headers[HEADER_IDEMPOTENCY_KEY];
    if (key &&
        (self->request.header_counts[HEADER_IDEMPOTENCY_KEY] > 1 || !is_idempotency_key (key)))
        fields_refuse (&self->fields, "Idempotency-Key is 1 to 64 of A-Z a-z 0-9 _ -");
    return key;
}

uint64_t
exchange_cursor (exchange_t *self)
{
    char cursor[24];
    uint64_t position = 0;
    if (!request_query (&self->request, "cursor", cursor, sizeof cursor - 1) ||
        (*cursor && (!decimal_read (cursor, &position) || position == 0)))
        fields_refuse (&self->fields, "cursor is a next_cursor of this list");
    return position;
}

void
exchange_put_cursor (exchange_t *self, uint64_t position)
{
    if (position)
        text_field_id (&self->response.text, "next_cursor", position);
    else
        text_field_null (&self->response.text, "next_cursor");
}
