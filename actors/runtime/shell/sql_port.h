/*  Calls to PostgreSQL: one statement per call, parameters bound as binary arrays made from the
   fields of the argument record, rows read into structs of the result record. Calls wait in one
   queue for the first free of `sql_connections`.

    The port is a circuit breaker: open while there is no connection (calls fail at once as UNAVAILABLE),
   half-open while it connects, closed while it is connected; an answer that does not come within
   sql_deadline_ms opens it.

    A statement that fails changed nothing (it is its own transaction). A connection lost under way
   leaves its call UNKNOWN: it may have been committed, and whoever asks again must be safe to
   repeat. */

#ifndef MS_SQL_PORT_H
#define MS_SQL_PORT_H

#include "port.h"

typedef struct sql_port_t sql_port_t;

sql_port_t *sql_port_new (const params_t *params, const char *role, int epoll_fd,
                          uint64_t epoll_data, port_result_fn result, void *context);
void sql_port_destroy (sql_port_t **self_p);
void sql_port_call (sql_port_t *self, const call_t *call, const void *entries, size_t count,
                    uint64_t tag);
/*  When epoll reports one of its descriptors. */
void sql_port_process (sql_port_t *self);
/*  Connects, watches deadlines, hands out waiting failures. Returns the next time to be called. */
uint64_t sql_port_tick (sql_port_t *self, uint64_t now_us);
bool sql_port_is_connected (const sql_port_t *self);

#endif
