/*  The release relay: carries rows of release_box to the gates, and deletes them when the gate has given its final answer. */

#ifndef MS_RELAY_H
#define MS_RELAY_H

#include "state.h"

/*  Somebody waits for a release: the next list is made at once, unless a round is under way. */
void relay_hurry (inventory_t *self);
void relay_result (inventory_t *self, const event_t *event, effects_t *effects);
void relay_advance (inventory_t *self, effects_t *effects);
uint64_t relay_wake_us (const inventory_t *self);

#endif
