/*  A port carries the CALLs of a core to one store and brings back RESULTs. Redis, PostgreSQL and
 * the worker thread have one each. */

#ifndef MS_PORT_H
#define MS_PORT_H

#include "actor.h"

typedef struct port_result_t {
    call_name_t call;
    uint64_t tag;
    result_status_t status;
    const void
        *rows; /* structs of the call's result record; valid during the call of port_result_fn */
    size_t count;
    const char *detail;
    uint64_t took_us;
} port_result_t;

typedef void (*port_result_fn) (void *context, const port_result_t *result);

/*  Results that are known at once (nothing was sent) wait here: a core is never stepped from within
 * its own step. */
#define PORT_FAILED_MAX 4096u

typedef struct port_failed_t {
    call_name_t call;
    uint64_t tag;
    result_status_t status;
    char detail[96];
} port_failed_t;

typedef struct port_failures_t {
    port_failed_t failed[PORT_FAILED_MAX];
    size_t first, count;
} port_failures_t;

void port_fail (port_failures_t *self, call_name_t call, uint64_t tag, result_status_t status,
                const char *detail);
/*  Hands out all that wait, those that come in the meantime left for the next time. */
void port_tell_failures (port_failures_t *self, port_result_fn result, void *context);

#endif
