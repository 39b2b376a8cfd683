/*  Rebuilds the gate of one sale from PostgreSQL: after a restart or loss of Redis, after a leader that did not finish, and for the
    first time when the sale is published. */

#ifndef MS_RECOVERY_H
#define MS_RECOVERY_H

#include "state.h"

/*  The gate is not what it should be. Begins as soon as the bound allows; nothing if it is under way, or fenced in this term. */
void recovery_want (inventory_t *self, live_sale_t *live, recovery_cause_t cause,
                    effects_t *effects);
/*  A higher token was met at this sale: nothing of it is touched again in this term. */
void recovery_fence (inventory_t *self, live_sale_t *live, effects_t *effects);
void recovery_result (inventory_t *self, const event_t *event, effects_t *effects);
void recovery_advance (inventory_t *self, effects_t *effects);
uint64_t recovery_wake_us (const inventory_t *self);
const char *recovery_state_name (recovery_state_t state);
const char *recovery_cause_name (recovery_cause_t cause);

#endif
