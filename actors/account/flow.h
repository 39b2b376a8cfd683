/*  The flows of the account actor: from an edge's question over store calls to its one answer. */

#ifndef MS_FLOW_H
#define MS_FLOW_H

#include "account_state.h"

bool flow_is_question (uint64_t type);
/*  A question came. It is answered exactly once, at the latest at its deadline. */
void flow_message (accounts_t *self, const event_t *event, effects_t *effects);
void flow_result (accounts_t *self, const event_t *event, effects_t *effects);
/*  Goes on with those that wait for acknowledgements or time. */
void flow_advance (accounts_t *self, effects_t *effects);
uint64_t flow_wake_us (const accounts_t *self);

#endif
