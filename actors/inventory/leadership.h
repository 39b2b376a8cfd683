/*  The lease "inventory": who may change gates, and with which fencing token. */

#ifndef MS_LEADERSHIP_H
#define MS_LEADERSHIP_H

#include "state.h"

/*  True while the lease is ours by our own clock. */
bool leadership_is_held (const inventory_t *self);
/*  True if this process has the table of sales: the leader, also one that waits for PostgreSQL to renew. */
bool leadership_has_table (const inventory_t *self);
/*  Asks again at once: somebody met a higher token. */
void leadership_doubt (inventory_t *self);
/*  A gate has seen this token. */
void leadership_meet (inventory_t *self, uint64_t token);
void leadership_result (inventory_t *self, const event_t *event, effects_t *effects);
void leadership_advance (inventory_t *self, effects_t *effects);
/*  Hands the lease on when the process leaves. */
void leadership_stop (inventory_t *self, effects_t *effects);
uint64_t leadership_wake_us (const inventory_t *self);
const char *leadership_role_name (role_t role);

#endif
