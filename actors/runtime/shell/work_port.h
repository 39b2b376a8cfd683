/*  Calls that are too long for the loop (argon2id takes 60–90 ms, a webhook waits for its answer) run on
    threads of low priority: begun in the order of asking, told in the order of their ends, which with
    one thread is the same. */

#ifndef MS_WORK_PORT_H
#define MS_WORK_PORT_H

#include "host.h"
#include "port.h"

typedef struct work_port_t work_port_t;

/*  `threads` of `work`, at most 16; 0 = one. */
work_port_t *work_port_new (host_work_fn work, void *work_context, unsigned threads,
                            port_result_fn result, void *context);
void work_port_destroy (work_port_t **self_p);
/*  Readable when results wait. */
int work_port_fd (const work_port_t *self);
void work_port_call (work_port_t *self, const call_t *call, const void *entry, uint64_t tag);
/*  Hands out the results. */
void work_port_process (work_port_t *self);

#endif
