/*  Operators' questions: sales, limits, log, audit. */

#ifndef MS_ADMIN_H
#define MS_ADMIN_H

#include "state.h"

/*  A question came. It is answered exactly once, at the latest at its deadline. */
void admin_message (inventory_t *self, const event_t *event, effects_t *effects);
/*  True if the message is a question that this actor answers. */
bool admin_is_question (uint64_t type);
void admin_result (inventory_t *self, const event_t *event, effects_t *effects);
/*  Goes on with those that wait for gates, acknowledgements or time. */
void admin_advance (inventory_t *self, effects_t *effects);
/*  Another leads: every waiting question is answered so. */
void admin_end_term (inventory_t *self, effects_t *effects);
uint64_t admin_wake_us (const inventory_t *self);

#endif
