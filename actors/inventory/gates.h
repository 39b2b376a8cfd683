/*  What the gates say: looks at them, tells the edges stock and clock, finds gates that are lost or behind. */

#ifndef MS_GATES_H
#define MS_GATES_H

#include "state.h"

/*  Takes over an answer about this sale's gate. */
void gates_take (inventory_t *self, live_sale_t *live, const gate_state_t *state);
/*  The gate was opened with this snapshot just now. */
void gates_opened (inventory_t *self, live_sale_t *live, const epoch_row_t *head);
/*  The sale leaves the table. */
void gates_forget (inventory_t *self, live_sale_t *live);
/*  The sale as the gate takes it, in the present epoch. */
void gates_fill_config (const inventory_t *self, const live_sale_t *live, gate_config_t *config);
/*  True if the gate is open and has this version of the sale. */
bool gates_has_version (const live_sale_t *live, uint64_t version);
/*  A new edge: it is told everything with the next answer of Redis. */
void gates_edge_up (inventory_t *self);

void gates_poll_result (inventory_t *self, const event_t *event, effects_t *effects);
void gates_clock_result (inventory_t *self, const event_t *event, effects_t *effects);
void gates_update_result (inventory_t *self, const event_t *event, effects_t *effects);
void gates_advance (inventory_t *self, effects_t *effects);
uint64_t gates_wake_us (const inventory_t *self);

#endif
