/*  Removes the gates of archived sales from Redis. */

#ifndef MS_CLEANUP_H
#define MS_CLEANUP_H

#include "state.h"

/*  A new term: from the beginning. */
void cleanup_begin_term (inventory_t *self);
void cleanup_result (inventory_t *self, const event_t *event, effects_t *effects);
void cleanup_advance (inventory_t *self, effects_t *effects);
uint64_t cleanup_wake_us (const inventory_t *self);

#endif
