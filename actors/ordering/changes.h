/*  Changes that edges ask for: cancels, payments, and what providers say of them. */

#ifndef MS_CHANGES_H
#define MS_CHANGES_H

#include "ordering_state.h"

void changes_init (changes_t *self, const params_t *params);
/*  True for ORDER_CANCEL, PAYMENT_CREATE, PAYMENT_EVENT. */
bool changes_is_change (uint64_t type);
void changes_handle_message (ordering_t *self, const event_t *event, effects_t *effects);
void changes_handle_result (ordering_t *self, const event_t *event, effects_t *effects);
/*  Asks for what waits, where no call is out; called at the end of every step. */
void changes_advance (ordering_t *self, effects_t *effects);
uint64_t changes_wake_us (const ordering_t *self);
/*  Taken and not answered. */
uint64_t changes_in_flight (const changes_t *self);
uint64_t changes_digest (const changes_t *self, uint64_t digest);
void changes_check (const changes_t *self);

#endif
