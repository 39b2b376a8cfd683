/*  Calls to Redis: the gate's scripts by EVALSHA, pipelined, and blocking reads of the journals.
   One connection.

    The port is a circuit breaker: open while there is no connection (calls fail at once as UNAVAILABLE),
   half-open while it connects and prepares, closed while it is connected; an answer that does not
   come within gate_deadline_ms opens it.

    One place connects: socket, deadline, AUTH, run id, and, for the process that loads them, the
   scripts. Every script gets the run id of its connection, so a gate that another run of Redis
   wrote is seen as lost. A connection that breaks or is late is dropped with all its calls UNKNOWN;
   nothing is ever sent twice. */

#ifndef MS_REDIS_PORT_H
#define MS_REDIS_PORT_H

#include "port.h"

typedef struct redis_port_t redis_port_t;

redis_port_t *redis_port_new (const params_t *params, const char *user, bool is_script_loader,
                              int epoll_fd, uint64_t epoll_data, port_result_fn result,
                              void *context);
void redis_port_destroy (redis_port_t **self_p);
void redis_port_call (redis_port_t *self, const call_t *call, const void *entries, size_t count,
                      uint64_t tag);
/*  When epoll reports its descriptor: `events` as epoll gave them. */
void redis_port_process (redis_port_t *self, uint32_t events);
/*  Connects, watches deadlines, hands out waiting failures. Returns the next time to be called. */
uint64_t redis_port_tick (redis_port_t *self, uint64_t now_us);
bool redis_port_is_connected (const redis_port_t *self);

#endif
