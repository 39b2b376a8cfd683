/*  Questions that only read: orders, how many there are, payments, timelines. */

#ifndef MS_READS_H
#define MS_READS_H

#include "ordering_state.h"

/*  True for ORDER_GET, ORDER_LIST, ORDER_COUNTS_GET, PAYMENT_LIST, MOMENT_LIST. */
bool reads_is_read (uint64_t type);
void reads_handle_message (ordering_t *self, const event_t *event, effects_t *effects);
void reads_handle_result (ordering_t *self, const event_t *event, effects_t *effects);
uint64_t reads_digest (const reads_t *self, uint64_t digest);
void reads_check (const reads_t *self);

#endif
