/*  Stock changes and requeued dead letters: what needs PostgreSQL and a gate, and is carried on until it is decided. */

#ifndef MS_OPERATIONS_H
#define MS_OPERATIONS_H

#include "state.h"

/*  A new token: all go on under it. */
void operations_begin_term (inventory_t *self);
/*  Another leads, and carries on what is begun. */
void operations_end_term (inventory_t *self);

/*  Begins it, or finds it under way. Returns its slot, OPERATIONS_MAX if there is no room. */
uint64_t operations_change_stock (inventory_t *self, const stock_change_t *change,
                                  effects_t *effects);
uint64_t operations_requeue (inventory_t *self, const dead_change_t *wish, effects_t *effects);
/*  Why a question about it gets no answer in time. */
error_code_t operations_late_code (const inventory_t *self, uint64_t slot);

void operations_result (inventory_t *self, const event_t *event, effects_t *effects);
void operations_pending_result (inventory_t *self, const event_t *event, effects_t *effects);
void operations_advance (inventory_t *self, effects_t *effects);
uint64_t operations_wake_us (const inventory_t *self);
/*  CHECKs that no operation waits for nothing. */
void operations_check (const inventory_t *self);

#endif
