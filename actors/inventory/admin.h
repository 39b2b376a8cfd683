/*  Operators' questions: sales, limits, log, audit. */

#ifndef MS_ADMIN_H
#define MS_ADMIN_H

#include "state.h"

/*  A question came. It is answered exactly once, at the latest at its deadline. */
void admin_message (inventory_t *self, const event_t *event, effects_t *effects);
void admin_result (inventory_t *self, const event_t *event, effects_t *effects);
/*  The stock change or requeue of this slot is decided, or can be said nothing more of: those who wait for it are answered. */
void admin_operation_ended (inventory_t *self, uint64_t slot, error_code_t code,
                            effects_t *effects);
/*  Lines for the log that no operator waits for. */
void admin_log_add (inventory_t *self, const event_t *event, effects_t *effects);
void admin_log_result (inventory_t *self, const event_t *event, effects_t *effects);
/*  Goes on with those that wait for gates, acknowledgements or time. */
void admin_advance (inventory_t *self, effects_t *effects);
/*  Another leads: every waiting question is answered so. */
void admin_end_term (inventory_t *self, effects_t *effects);
uint64_t admin_wake_us (const inventory_t *self);

#endif
