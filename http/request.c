#include "request.h"

#include <string.h>
#include <strings.h>

/*  Of a number that 63 bits surely hold. */
#define LENGTH_DIGITS_MAX 18u

static const char *const s_header_names[HEADER_COUNT] = {
    [HEADER_ACCEPT] = "Accept",
    [HEADER_AUTHORIZATION] = "Authorization",
    [HEADER_CONNECTION] = "Connection",
    [HEADER_CONTENT_LENGTH] = "Content-Length",
    [HEADER_CONTENT_TYPE] = "Content-Type",
    [HEADER_COOKIE] = "Cookie",
    [HEADER_EXPECT] = "Expect",
    [HEADER_HOST] = "Host",
    [HEADER_IDEMPOTENCY_KEY] = "Idempotency-Key",
    [HEADER_IF_NONE_MATCH] = "If-None-Match",
    [HEADER_ORIGIN] = "Origin",
    [HEADER_TRACEPARENT] = "traceparent",
    [HEADER_TRANSFER_ENCODING] = "Transfer-Encoding",
    [HEADER_X_FORWARDED_PROTO] = "X-Forwarded-Proto",
    [HEADER_X_REAL_IP] = "X-Real-IP",
    [HEADER_X_REQUEST_ID] = "X-Request-Id",
    [HEADER_X_SIGNATURE] = "X-Signature",
};

void
request_open (request_t *self, const char *method, const char *target, const char *query)
{
    memset (self->headers, 0, sizeof self->headers);
    memset (self->header_counts, 0, sizeof self->header_counts);
    self->method_text = method;
    self->target = target;
    self->query = query;
    self->is_http_1_0 = self->is_misframed = false;
    self->remote_address = "";
    self->header_total = self->header_bytes = 0;
    self->content_length = 0;
    self->segment_count = 0;
    self->body = NULL;
    self->body_count = 0;
    self->method = METHOD_UNKNOWN;
}

void
request_add_header (request_t *self, const char *name, const char *value)
{
    self->header_total++;
    self->header_bytes += strlen (name) + strlen (value) + 4;
    for (size_t i = 0; i < HEADER_COUNT; i++)
        if (((name[0] ^ s_header_names[i][0]) & 0x5f) == 0 &&
            strcasecmp (name, s_header_names[i]) == 0) {
            if (!self->headers[i])
                self->headers[i] = value;
            if (self->header_counts[i] < UINT8_MAX)
                self->header_counts[i]++;
            return;
        }
}

/* -------------------------------------------------------------------------- the head */

static method_t
s_method (const char *text)
{
    static const struct {
        const char *name;
        method_t method;
    } methods[] = {
        { "GET", METHOD_GET },       { "POST", METHOD_POST },   { "HEAD", METHOD_HEAD },
        { "PUT", METHOD_PUT },       { "PATCH", METHOD_PATCH }, { "DELETE", METHOD_DELETE },
        { "OPTIONS", METHOD_OTHER }, { "TRACE", METHOD_OTHER }, { "CONNECT", METHOD_OTHER },
    };
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp (text, methods[i].name) == 0)
            return methods[i].method;
    return METHOD_UNKNOWN;
}

static int
s_hex (char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/*  Next byte of percent-encoded text, -1 if it is malformed; %00 is. */
static int
s_decode (const char **text)
{
    unsigned char c = (unsigned char)*(*text)++;
    if (c != '%')
        return c > 0x20 && c != 0x7f ? c : -1;
    int high = s_hex ((*text)[0]);
    int low = high < 0 ? -1 : s_hex ((*text)[1]);
    if (low < 0 || high * 16 + low == 0)
        return -1;
    *text += 2;
    return high * 16 + low;
}

/*  Splits the path at its slashes and decodes each part: "%2F" is no slash. */
static bool
s_read_path (request_t *self)
{
    const char *from = self->target;
    size_t used = 0;
    if (!from || *from++ != '/')
        return false;
    self->segments[self->segment_count++] = self->path;
    while (*from) {
        if (*from == '/') {
            from++;
            if (used < PATH_BYTES_MAX)
                self->path[used++] = 0;
            if (self->segment_count < PATH_SEGMENTS_MAX)
                self->segments[self->segment_count] = self->path + used;
            self->segment_count++;
            continue;
        }
        int c = s_decode (&from);
        if (c < 0)
            return false;
        if (used < PATH_BYTES_MAX)
            self->path[used++] = (char)c;
        else
            self->segment_count = PATH_SEGMENTS_MAX + 1; /* no route is that long */
    }
    self->path[used] = 0;
    return true;
}

static bool
s_is_query_well_formed (const char *query)
{
    while (query && *query)
        if (s_decode (&query) < 0)
            return false;
    return true;
}

/*  Digits only, once, at most LENGTH_DIGITS_MAX of them as nginx has it, and nothing else that frames a body: no two programs may
    disagree where a request ends. */
static bool
s_read_length (request_t *self)
{
    const char *text = self->headers[HEADER_CONTENT_LENGTH];
    if (!text)
        return true;
    if (self->header_counts[HEADER_CONTENT_LENGTH] > 1 || self->headers[HEADER_TRANSFER_ENCODING] ||
        !*text || strlen (text) > LENGTH_DIGITS_MAX)
        return false;
    uint64_t length = 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        if (length <= HTTP_BODY_BYTES_MAX)
            length = length * 10 + (uint64_t)(*text - '0');
    }
    self->content_length = length;
    return true;
}

static bool
s_is_well_formed (request_t *self)
{
    if (self->is_misframed || self->header_counts[HEADER_HOST] > 1 ||
        self->header_counts[HEADER_AUTHORIZATION] > 1 ||
        self->header_counts[HEADER_CONTENT_TYPE] > 1 ||
        self->header_counts[HEADER_TRANSFER_ENCODING] > 1)
        return false;
    if (!self->headers[HEADER_HOST] && !self->is_http_1_0)
        return false;
    return s_read_length (self) && s_read_path (self) && s_is_query_well_formed (self->query);
}

error_code_t
request_read_head (request_t *self)
{
    self->method = s_method (self->method_text);
    const char *coding = self->headers[HEADER_TRANSFER_ENCODING];
    if (!s_is_well_formed (self))
        return ERROR_MALFORMED_REQUEST;
    if (strlen (self->target) + (self->query ? strlen (self->query) + 1 : 0) > URI_BYTES_MAX)
        return ERROR_URI_TOO_LONG;
    if (self->header_total > HEADER_FIELDS_MAX || self->header_bytes > HEADER_FIELDS_BYTES_MAX)
        return ERROR_HEADER_FIELDS_TOO_LARGE;
    if (self->method == METHOD_UNKNOWN || (coding && strcasecmp (coding, "chunked") != 0))
        return ERROR_NOT_IMPLEMENTED;
    if (coding || (!self->headers[HEADER_CONTENT_LENGTH] &&
                   self->method & (METHOD_POST | METHOD_PUT | METHOD_PATCH)))
        return ERROR_LENGTH_REQUIRED;
    if (self->content_length > HTTP_BODY_BYTES_MAX)
        return ERROR_CONTENT_TOO_LARGE;
    return ERROR_NONE;
}

/* -------------------------------------------------------------------------- fields */

/*  Next element of a comma-separated list without spaces around it; false at the end. */
static bool
s_next_element (const char **list, const char **element, size_t *count)
{
    const char *at = *list;
    at += strspn (at, ", \t");
    if (!*at)
        return false;
    size_t length = strcspn (at, ",");
    *list = at + length;
    while (length && (at[length - 1] == ' ' || at[length - 1] == '\t'))
        length--;
    *element = at;
    *count = length;
    return true;
}

static bool
s_is_word (const char *text, size_t count, const char *word)
{
    return count == strlen (word) && strncasecmp (text, word, count) == 0;
}

bool
request_keeps_alive (const request_t *self)
{
    const char *list = self->headers[HEADER_CONNECTION], *element;
    size_t count;
    if (!list)
        return !self->is_http_1_0;
    while (s_next_element (&list, &element, &count))
        if (s_is_word (element, count, "keep-alive"))
            return true;
    return false;
}

/*  "q=0", "q=0.0" …: expressly not. */
static bool
s_is_refused (const char *parameters, size_t count)
{
    for (size_t i = 0; i + 2 < count; i++)
        if ((parameters[i] | 0x20) == 'q' && parameters[i + 1] == '=' && parameters[i + 2] == '0')
            return strspn (parameters + i + 2, "0.") == strcspn (parameters + i + 2, ",; \t");
    return false;
}

bool
request_accepts_json (const request_t *self)
{
    static const char *const ranges[] = { "application/json", "*/*", "application/*" };
    const char *list = self->headers[HEADER_ACCEPT], *element;
    size_t count;
    if (!list)
        return true;
    while (s_next_element (&list, &element, &count)) {
        size_t type = 0;
        while (type < count && element[type] != ';' && element[type] != ' ')
            type++;
        for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
            if (s_is_word (element, type, ranges[i]) &&
                !s_is_refused (element + type, count - type))
                return true;
    }
    return false;
}

bool
request_is_json (const request_t *self)
{
    const char *type = self->headers[HEADER_CONTENT_TYPE];
    if (!type)
        return false;
    size_t count = strcspn (type, "; \t");
    if (!s_is_word (type, count, "application/json"))
        return false;
    const char *rest = type + count + strspn (type + count, "; \t");
    if (!*rest)
        return true;
    static const char *const charsets[] = { "charset=utf-8", "charset=\"utf-8\"" };
    size_t length = strcspn (rest, "; \t");
    for (size_t i = 0; i < 2; i++)
        if (s_is_word (rest, length, charsets[i]))
            return rest[length + strspn (rest + length, "; \t")] == 0;
    return false;
}

const char *
request_cookie (const request_t *self, const char *name, size_t *count)
{
    const char *at = self->headers[HEADER_COOKIE];
    size_t name_count = strlen (name);
    while (at && *at) {
        at += strspn (at, "; ");
        size_t length = strcspn (at, ";");
        if (length > name_count && strncmp (at, name, name_count) == 0 && at[name_count] == '=') {
            *count = length - name_count - 1;
            return at + name_count + 1;
        }
        at += length;
    }
    return NULL;
}

bool
request_is_https (const request_t *self)
{
    const char *protocol = self->headers[HEADER_X_FORWARDED_PROTO];
    return protocol && strcasecmp (protocol, "https") == 0;
}

bool
request_is_same_origin (const request_t *self)
{
    const char *origin = self->headers[HEADER_ORIGIN], *host = self->headers[HEADER_HOST];
    const char *scheme = request_is_https (self) ? "https://" : "http://";
    return origin && host && self->header_counts[HEADER_ORIGIN] == 1 &&
           strncasecmp (origin, scheme, strlen (scheme)) == 0 &&
           strcasecmp (origin + strlen (scheme), host) == 0;
}

/* -------------------------------------------------------------------------- query */

/*  Decodes one value up to '&' or the end. */
static bool
s_read_value (const char *from, char *text, size_t bytes_max)
{
    size_t used = 0;
    while (*from && *from != '&') {
        int c = *from == '+' ? (from++, ' ') : s_decode (&from);
        if (c < 0 || used == bytes_max)
            return false;
        text[used++] = (char)c;
    }
    text[used] = 0;
    return true;
}

bool
request_query (const request_t *self, const char *name, char *text, size_t bytes_max)
{
    size_t name_count = strlen (name);
    bool is_found = false;
    text[0] = 0;
    for (const char *at = self->query; at && *at;) {
        if (strncmp (at, name, name_count) == 0 && at[name_count] == '=') {
            if (is_found || !s_read_value (at + name_count + 1, text, bytes_max))
                return false;
            is_found = true;
        }
        at += strcspn (at, "&");
        at += *at == '&';
    }
    return true;
}

bool
is_idempotency_key (const char *text)
{
    size_t count =
        strspn (text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    return count > 0 && count <= KEY_BYTES_MAX && text[count] == 0;
}
