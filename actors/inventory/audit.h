/*  The audit: where every unit of one sale is, by gate and PostgreSQL together. */

#ifndef MS_AUDIT_H
#define MS_AUDIT_H

#include "state.h"

/*  The sum for a sale with a gate, from PostgreSQL's books and two looks at the gate around them. */
void audit_compute (const gate_state_t *before, const gate_state_t *after, const books_t *books,
                    audit_t *audit);
/*  The same for a draft or an archived sale: without a gate nothing can be on its way. */
void audit_compute_without_gate (const books_t *books, audit_t *audit);

/*  False while as many are under way as may be. */
bool audit_has_room (const inventory_t *self);
/*  First call of an audit; the question is open and names the sale. False if its gate is not open, or it may have one
    that is not in the table yet: nothing is known then. */
bool audit_begin (inventory_t *self, question_t *question, effects_t *effects);
/*  An answer to one of its calls. True when `audit` is made; until then the question waits for the next answer. */
bool audit_step (inventory_t *self, question_t *question, const event_t *event, audit_t *audit,
                 effects_t *effects);
/*  True if the answer says that the gate is lost, of another run of Redis, or closed: nothing is known of its units then. */
bool audit_finds_no_gate (const question_t *question, const event_t *event);
/*  Keeps the drift that an audit found, for the metric. */
void audit_note (inventory_t *self, const audit_t *audit, effects_t *effects);

/*  Audits the next sale, one after the other; when it is due says audit_wake_us (UINT64_MAX = not now). */
void audit_begin_own (inventory_t *self, effects_t *effects);
uint64_t audit_wake_us (const inventory_t *self);
/*  An own audit that began then is over. */
void audit_rest (inventory_t *self, uint64_t began_us);

#endif
