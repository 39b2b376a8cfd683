/*  Calls that are too long for the loop (argon2id takes 60–90 ms) run on one thread of low
 * priority, in order. */

#ifndef MS_WORK_PORT_H
#define MS_WORK_PORT_H

#include "host.h"
#include "port.h"

typedef struct work_port_t work_port_t;

work_port_t *work_port_new (host_work_fn work, void *work_context, port_result_fn result,
                            void *context);
void work_port_destroy (work_port_t **self_p);
/*  Readable when results wait. */
int work_port_fd (const work_port_t *self);
void work_port_call (work_port_t *self, const call_t *call, const void *entry, uint64_t tag);
/*  Hands out the results. */
void work_port_process (work_port_t *self);

#endif
