/*  Stops asking a gate that is known to be away.

    state  | ask                         | answered by the gate | said to be away          | probe given up
    closed | yes                         | count = 0            | count + 1; at 5: open    | –
    open   | no; after 500 ms one: probe | closed               | –                        | –
    probe  | no, but the probe itself    | closed               | open                     | open          */

#ifndef MS_BREAKER_H
#define MS_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_FAILURES 5u
#define BREAKER_OPEN_US 500000u

typedef struct breaker_t {
    uint32_t failures;      /* in a row */
    uint64_t open_until_us; /* 0 = closed */
    uint64_t probe_qid;     /* the one request that may ask while it is open */
} breaker_t;

/*  True if the request may ask; makes it the probe if it is time for one. */
bool breaker_lets_pass (breaker_t *self, uint64_t qid, uint64_t now_us);
void breaker_succeeded (breaker_t *self);
void breaker_failed (breaker_t *self, uint64_t now_us);
/*  A request ended, however: if it was the probe and nothing came of it, the breaker stays open for another turn. */
void breaker_forget (breaker_t *self, uint64_t qid, uint64_t now_us);

#endif
