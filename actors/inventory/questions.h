/*  The table of operators' questions: opening, answering by a refusal, closing. */

#ifndef MS_QUESTIONS_H
#define MS_QUESTIONS_H

#include "state.h"

/*  NULL if the table is full. Its stage is STORE, its deadline a little before the edge's. */
question_t *questions_open (inventory_t *self);
/*  It is answered. */
void questions_close (inventory_t *self, question_t *question);
/*  Answers it by a refusal, unless nobody asked it, and closes it. */
void questions_refuse (inventory_t *self, question_t *question, error_code_t code,
                       const char *detail, effects_t *effects);
/*  The question with the call of this tag in flight, or NULL. */
question_t *questions_find (inventory_t *self, uint64_t tag);
/*  Opens the question's next call. */
void questions_call (inventory_t *self, question_t *question, call_name_t call, effects_t *effects);

#endif
