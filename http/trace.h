/*  Names of requests: W3C trace context and request ids. Random, but no secrets: each thread has a generator of its own, seeded once
    from the system. Source: https://www.w3.org/TR/trace-context/ */

#ifndef MS_TRACE_H
#define MS_TRACE_H

#include "request.h"

/*  Fills trace_id (continued from the traceparent, or new), span_id (always new) and request_id (X-Request-Id if that is usable). */
void trace_begin (request_t *request);
/*  Random number of the calling thread's generator. */
uint64_t trace_random (void);
/*  "00-<trace>-<span>-01" and its NUL: 56 bytes. */
void trace_parent (const request_t *request, char *text);
/*  2 × count digits and a NUL. */
void hex_text (const uint8_t *bytes, size_t count, char *text);
/*  The opposite, lower case only. Returns false if it is not exactly that. */
bool hex_read (const char *text, uint8_t *bytes, size_t count);

#endif
