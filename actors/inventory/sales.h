/*  The table of live sales: PostgreSQL's rows of all that are not drafts and not archived, and the limits. */

#ifndef MS_SALES_H
#define MS_SALES_H

#include "state.h"

/*  A new term: everything is asked for again; what was known of gates is not. */
void sales_begin_term (inventory_t *self);
/*  Another leads: the table is emptied. */
void sales_end_term (inventory_t *self);

/*  NULL if the sale is not live. */
live_sale_t *sales_find (inventory_t *self, uint64_t sale_id);
/*  True if PostgreSQL calls the sale archived, or a draft: it is not in a table that is complete. It has no gate, or needs it no more. */
bool sales_has_left (inventory_t *self, uint64_t sale_id);
uint64_t sales_slot (const inventory_t *self, const live_sale_t *live);
bool sales_is_full (const inventory_t *self);
/*  Takes PostgreSQL's row over, if it is newer. Returns its place, NULL for drafts and if the table is full. */
live_sale_t *sales_merge (inventory_t *self, const sale_t *row, effects_t *effects);
/*  The sale changed: every receiver is to be told. */
void sales_stamp (inventory_t *self, live_sale_t *live);
/*  The sale as clients see it: the row, with stock, epoch and recovering as the gate has them. */
void sales_describe (const live_sale_t *live, sale_t *sale);
/*  A row of a sale, with the gate's part if it is live. */
void sales_describe_row (inventory_t *self, const sale_t *row, sale_t *sale);

/*  False for a draft that was ended: it never had a gate and never gets one. */
bool sales_needs_gate (const live_sale_t *live);
/*  Gate time now, 0 if it is not known yet. */
uint64_t sales_gate_now_us (const inventory_t *self);
bool sales_is_over (const inventory_t *self, const live_sale_t *live);
/*  True while it sells: open, in its window. */
bool sales_is_selling (const inventory_t *self, const live_sale_t *live);

/*  Loads the table anew soon: something in it may be old. */
void sales_doubt (inventory_t *self);
void sales_result (inventory_t *self, const event_t *event, effects_t *effects);
void sales_limits_result (inventory_t *self, const event_t *event, effects_t *effects);
void sales_advance (inventory_t *self, effects_t *effects);
uint64_t sales_wake_us (const inventory_t *self);

#endif
