/*  Stops asking what is known to be away: one for the gate, one for the way to it, one for each kind of process that is asked.

    state     | ask                          | answered         | failed                   | probe given up
    closed    | yes                          | failures = 0     | failures + 1; at 5: open | –
    open      | no; after 500 ms half-open   | closed           | open for another 500 ms  | –
    half-open | the probe alone              | closed           | open                     | open

    Its state and its openings are metrics, by what it guards. */

#ifndef MS_BREAKER_H
#define MS_BREAKER_H

#include "effects.h"

#define BREAKER_FAILURES 5u
#define BREAKER_OPEN_US 500000u

typedef struct breaker_t {
    uint64_t guards;        /* dependency_t, or the kind of a stage: label of the metrics */
    uint64_t failures;      /* in a row */
    uint64_t open_until_us; /* 0 = closed */
    uint64_t probe_qid;     /* the one request that may ask while it is open */
} breaker_t;

/*  True if the request may ask; makes it the probe if it is time for one. */
bool breaker_lets_pass (breaker_t *self, uint64_t qid, uint64_t now_us, effects_t *effects);
void breaker_succeeded (breaker_t *self, effects_t *effects);
void breaker_failed (breaker_t *self, uint64_t now_us, effects_t *effects);
/*  A request ended, however: if it was the probe and nothing came of it, the breaker stays open for another turn. */
void breaker_forget (breaker_t *self, uint64_t qid, uint64_t now_us, effects_t *effects);

#endif
