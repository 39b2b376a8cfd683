/*  Deliveries of brokers: entries to write, entries to reject, sales to look at for orders whose time is over. */

#ifndef MS_DELIVERIES_H
#define MS_DELIVERIES_H

#include "ordering_state.h"

void deliveries_init (deliveries_t *self, const params_t *params);
/*  DELIVER, REJECT, DUE. */
void deliveries_handle_message (ordering_t *self, const event_t *event, effects_t *effects);
void deliveries_handle_result (ordering_t *self, const event_t *event, effects_t *effects);
void deliveries_handle_broker_up (ordering_t *self, const process_t *broker, effects_t *effects);
void deliveries_handle_broker_down (ordering_t *self, const process_t *broker);
void deliveries_handle_time (ordering_t *self, effects_t *effects);
/*  Answers what waits for a store that is closed. */
void deliveries_give_back (ordering_t *self, effects_t *effects);
/*  Tells all brokers how many deliveries may be outstanding. */
void deliveries_send_credits (ordering_t *self, effects_t *effects);
uint64_t deliveries_digest (const deliveries_t *self, uint64_t digest);
void deliveries_check (const ordering_t *self);

#endif
