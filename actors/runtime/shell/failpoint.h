/*  Named points at which a process of a test build ends as if by kill -9, or stops, as if the machine had chosen that moment.

    A build without MINISHOP_FAILPOINTS has none of this, not even the names. The points follow the tables of schema/: a new
    call or message has its points by itself. KIND.MOMENT.NAME, NAME in small letters:

        seckill.call.gate_reserve       the core asks for the call; nothing has left the process
        seckill.sent.gate_reserve       the store has all of it, or will read it from the socket; nobody waits for its answer
        seckill.result.gate_reserve     done, as the answer says; the core has not seen it
        seckill.receive.purchase        the message is here; the core has not seen it
        seckill.step.purchase           the core has seen it, and all that followed has been handed on
        seckill.send.verdict            the core sends it; nothing has left the process
        seckill.step.timer              a deadline of the core has been dealt with

    What is armed stands in DIR/run/failpoint, one line: the point, how often each process passes it before, and `kill` or
    `stop` (SIGSTOP: what goes on at SIGCONT is a process that knows nothing of the time that has passed). Whoever takes the
    file away by rename has reached the point: one process only, and once. It tells so in DIR/run/failpoint.log
    (point, process, pid, CLOCK_MONOTONIC in µs, action), and every process tells in DIR/run/failpoint.seen of each point
    that it passes for the first time. */

#ifndef MS_FAILPOINT_H
#define MS_FAILPOINT_H

#ifdef MINISHOP_FAILPOINTS

#include "params_load.h"
#include "schema.h"

typedef enum failpoint_moment_t {
    FAILPOINT_CALL,
    FAILPOINT_SENT,
    FAILPOINT_RESULT,
    FAILPOINT_RECEIVE,
    FAILPOINT_STEP,
    FAILPOINT_SEND,
    FAILPOINT_MOMENTS
} failpoint_moment_t;

/*  Message number of "timer". */
#define FAILPOINT_TIMER 0u

/*  Once, at the start of a process that has points; a process that never calls it has none. */
void failpoint_open (const params_t *params, kind_t kind, uint64_t number);
/*  On the host's thread only. Does not come back if the point is armed with `kill`. */
void failpoint_reach (failpoint_moment_t moment, uint64_t number);

#define FAILPOINT_OPEN(params, kind, number) failpoint_open (params, kind, number)
#define FAILPOINT(moment, number) failpoint_reach (moment, number)

#else

#define FAILPOINT_OPEN(params, kind, number) ((void)0)
#define FAILPOINT(moment, number) ((void)0)

#endif

#endif
