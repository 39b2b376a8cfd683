/*  A crowd of clients: keep-alive connections that work through a plan, over epoll.

    Closed loop (rate_per_s 0): every connection sends its next attempt as soon as the last one is answered. Open loop: attempt i is
    due at start + i / rate, whether or not earlier ones were answered, and its latency counts from then; so a stalled server is
    charged for those who had to wait in front of it.

    What follows from an order (acts.h) goes out on the next available connection, before the plan's attempts.

    A connection is AVAILABLE (no attempt), BUSY (connecting, sending or waiting) or PAUSED (its attempt waits to be sent again).

    state      event                                         next
    AVAILABLE  an act or an attempt is due                   BUSY
    BUSY       answer below 500, or no retry left            AVAILABLE (counted as final)
    BUSY       5xx, broken, timeout, malformed; retry left   PAUSED for retry_after_ms
    PAUSED     the pause is over                             BUSY, same attempt and key */

#ifndef MS_CROWD_H
#define MS_CROWD_H

#include "acts.h"
#include "plan.h"
#include "tally.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CROWD_PORTS_MAX 16u
#define CROWD_THREADS_MAX 8u

typedef struct crowd_options_t {
    const char *host;                /* IPv4 address */
    const char *source;              /* IPv4 address to connect from, NULL = any */
    uint16_t ports[CROWD_PORTS_MAX]; /* connections take them in turn */
    unsigned port_count;
    const char *path;                    /* what is asked for: GET; NULL = purchases */
    const char *sale_id;                 /* of purchases */
    const char *key_prefix;              /* keys are PREFIX-USER-NUMBER */
    unsigned quantity_min, quantity_max; /* by user; 0 = an empty body */
    char *const *tokens;
    uint32_t users;
    const plan_t *plan;    /* of purchases */
    habits_t habits;       /* what shoppers do with an order */
    bool is_repeating;     /* begins the plan again, with new keys */
    uint64_t attempts_max; /* 0 = no bound */
    double seconds;        /* 0 = until the plan is done */
    double rate_per_s;     /* 0 = closed loop */
    unsigned connections;
    unsigned threads;
    unsigned retries; /* by the client, after 5xx or a broken connection */
    unsigned timeout_ms;
    FILE *log; /* one line per answer, NULL = none */
} crowd_options_t;

typedef struct crowd_result_t {
    tally_t *tally;          /* of purchases; all three are the caller's */
    tally_t *pays, *cancels; /* of what followed */
    double seconds;          /* from the start to the last answer */
    uint64_t attempts;
} crowd_result_t;

/*  Runs until the plan, the time or the attempts are over, or until *stop. Returns false if threads or
    sockets could not be made. */
bool crowd_run (const crowd_options_t *options, const volatile sig_atomic_t *stop,
                crowd_result_t *result);

#endif
