/*  The first step of every operators' question. */

#ifndef MS_ASKS_H
#define MS_ASKS_H

#include "state.h"

/*  True if the message is a question that this actor answers. */
bool asks_is_question (uint64_t type);
/*  Makes the first call of an open question, or answers it at once. */
void asks_begin (inventory_t *self, question_t *question, const void *entry, effects_t *effects);
/*  Answers it with the limits in force, and closes it. */
void asks_answer_limits (inventory_t *self, question_t *question, effects_t *effects);
/*  Begins the audit of a sale; refused while its gate is closed. */
void asks_audit (inventory_t *self, question_t *question, uint64_t sale_id, effects_t *effects);

#endif
