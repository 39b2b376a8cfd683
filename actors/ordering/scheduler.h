/*  What time does to orders and payments: one of all ordering processes looks for orders that are to expire, and for charges and refunds
    that a provider is to be told. */

#ifndef MS_SCHEDULER_H
#define MS_SCHEDULER_H

#include "ordering_state.h"

void scheduler_init (scheduler_t *self, const params_t *params);
void scheduler_handle_start (ordering_t *self);
/*  LEASE_TAKE, ORDER_EXPIRE and PAYMENT_DUE under this file's tags. */
void scheduler_handle_result (ordering_t *self, const event_t *event, effects_t *effects);
void scheduler_handle_provider_up (ordering_t *self, const process_t *provider);
void scheduler_handle_provider_down (ordering_t *self, const process_t *provider);
/*  Tells a provider the payments that have just been made and are pending. A lost message is repaired by payment_due. */
void scheduler_charge (ordering_t *self, const payment_t *payments, size_t count,
                       effects_t *effects);
void scheduler_handle_time (ordering_t *self, effects_t *effects);
/*  Hands the lease on when the process leaves. */
void scheduler_stop (ordering_t *self, effects_t *effects);
bool scheduler_is_leader (const ordering_t *self);
uint64_t scheduler_wake_us (const ordering_t *self);
uint64_t scheduler_digest (const scheduler_t *self, uint64_t digest);

#endif
