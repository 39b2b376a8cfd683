#include "trace.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static _Thread_local uint64_t s_state[2];

/*  Source: Blackman and Vigna, xoroshiro128+, 2016. */
uint64_t
trace_random (void)
{
    while (s_state[0] == 0 && s_state[1] == 0)
        randombytes_buf (s_state, sizeof s_state);
    uint64_t a = s_state[0], b = s_state[1], result = a + b;
    b ^= a;
    s_state[0] = (a << 24 | a >> 40) ^ b ^ b << 16;
    s_state[1] = b << 37 | b >> 27;
    return result;
}

void
hex_text (const uint8_t *bytes, size_t count, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * count] = 0;
}

static int
s_digit (char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
hex_read (const char *text, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int high = s_digit (text[2 * i]);
        int low = high < 0 ? -1 : s_digit (text[2 * i + 1]);
        if (low < 0)
            return false;
        bytes[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static bool
s_is_zero (const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i])
            return false;
    return true;
}

/*  version 00: 2-32-16-2 digits. A later version may say more behind another dash; what we know of it is the same. */
static bool
s_continue (request_t *request)
{
    const char *parent = request->headers[HEADER_TRACEPARENT];
    uint8_t version, flags, span[8];
    if (!parent || request->header_counts[HEADER_TRACEPARENT] != 1 || strlen (parent) < 55)
        return false;
    if (parent[2] != '-' || parent[35] != '-' || parent[52] != '-')
        return false;
    if (!hex_read (parent, &version, 1) || version == 0xff ||
        !hex_read (parent + 3, request->trace_id, 16) || !hex_read (parent + 36, span, 8) ||
        !hex_read (parent + 53, &flags, 1))
        return false;
    if (version == 0 ? parent[55] != 0 : parent[55] != 0 && parent[55] != '-')
        return false;
    return !s_is_zero (request->trace_id, 16) && !s_is_zero (span, 8);
}

void
trace_begin (request_t *request)
{
    uint64_t random[2] = { trace_random () | 1, trace_random () };
    if (!s_continue (request))
        memcpy (request->trace_id, random, sizeof request->trace_id);
    random[0] = trace_random () | 1;
    memcpy (request->span_id, random, sizeof request->span_id);
    const char *given = request->headers[HEADER_X_REQUEST_ID];
    if (given && is_idempotency_key (given)) {
        snprintf (request->request_id, sizeof request->request_id, "%s", given);
        return;
    }
    random[0] = trace_random ();
    random[1] = trace_random ();
    hex_text ((const uint8_t *)random, sizeof random, request->request_id);
}

void
trace_parent (const request_t *request, char *text)
{
    memcpy (text, "00-", 3);
    hex_text (request->trace_id, 16, text + 3);
    text[35] = '-';
    hex_text (request->span_id, 8, text + 36);
    memcpy (text + 52, "-01", 4);
}
