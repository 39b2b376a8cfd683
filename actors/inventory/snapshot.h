/*  Pushes of sales and limits to those who serve from them, and their acknowledgements. */

#ifndef MS_SNAPSHOT_H
#define MS_SNAPSHOT_H

#include "state.h"

/*  Versions of a new term are above those of the former leader; everybody is told everything. */
void snapshot_begin_term (inventory_t *self);
void snapshot_end_term (inventory_t *self);
/*  Takes limits over if they are newer, and has them pushed. */
void snapshot_set_limits (inventory_t *self, const limits_t *limits);

/*  True if every ready edge serves this version of the sales. */
bool snapshot_edges_have (const inventory_t *self, uint64_t version);
/*  True if every ready edge and limiter has this version of the limits. */
bool snapshot_all_have_limits (const inventory_t *self, uint64_t version);

void snapshot_peer_up (inventory_t *self, const process_t *peer);
void snapshot_peer_down (inventory_t *self, const process_t *peer);
void snapshot_ack (inventory_t *self, const event_t *event);
void snapshot_advance (inventory_t *self, effects_t *effects);
uint64_t snapshot_wake_us (const inventory_t *self);

#endif
