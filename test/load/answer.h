/*  Reader of one HTTP/1.1 answer, fed with whatever bytes came. Pure: no I/O, no allocation.

    state    event                               next
    HEAD     bytes without the empty line        HEAD, or BAD beyond ANSWER_BYTES_MAX
    HEAD     the empty line, length given        BODY, or DONE when nothing follows
    HEAD     the empty line, no length, no body  DONE (204, 304, 1xx) or BAD: every answer of ours carries a length
    BODY     the last byte                       DONE
    any      bytes after the last one            BAD: nothing was asked, so nothing may come */

#ifndef MS_ANSWER_H
#define MS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*  Head and beginning of the body that are kept; a longer body is counted and dropped. */
#define ANSWER_BYTES_MAX 4096u

typedef enum answer_state_t { ANSWER_HEAD, ANSWER_BODY, ANSWER_DONE, ANSWER_BAD } answer_state_t;

typedef struct answer_t {
    answer_state_t state;
    unsigned status;
    bool is_last;        /* the server closes after it */
    bool has_length;     /* Content-Length was there */
    uint64_t body_count; /* announced */
    uint64_t body_seen;  /* arrived */
    size_t head_count;   /* bytes of the head with its empty line */
    size_t count;        /* bytes kept */
    char bytes[ANSWER_BYTES_MAX + 1];
} answer_t;

void answer_reset (answer_t *self);
answer_state_t answer_feed (answer_t *self, const char *bytes, size_t count);
/*  Copies the value of the body's member `name` (text without its quotes, or number) into `value`; empty if
    there is none. Good for flat answers of our own contract, not for JSON at large. */
void answer_member (const answer_t *self, const char *name, char *value, size_t value_max);

#endif
