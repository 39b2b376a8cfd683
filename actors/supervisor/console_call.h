/*  What the verbs share that call the HTTP interface as an operator: the instance, a token that is signed here, pages, printing. */

#ifndef MS_CONSOLE_CALL_H
#define MS_CONSOLE_CALL_H

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*  Finds the running instance and signs a token. False with a reason on stderr. */
bool console_open (void);
/*  `path` below /api/v1/admin/, `key` (Idempotency-Key) and `body` may be NULL; the body stays the caller's. Returns the answer's JSON
    (an empty object if a success has none), to be released by the caller; NULL with a reason on stderr. */
json_t *console_call (const char *method, const char *path, const char *key, const json_t *body);
/*  All rows of a list, over its pages: the answers' arrays `member` in one. NULL with a reason on stderr. */
json_t *console_call_list (const char *path, const char *member);

/*  One line; returns EXIT_DONE. */
int console_print_json (const json_t *value);
/*  "2026-11-25 17:40:32.123", UTC; room for 32 bytes. */
const char *console_time (int64_t at_ms, char *text);
/*  Member of an object; "" or 0 if there is none. */
const char *console_text (const json_t *object, const char *name);
json_int_t console_number (const json_t *object, const char *name);

#endif
