/*  Where an order is. It is at the gate from the 201 on, and in PostgreSQL a little later; "not found" needs a no of both. */

#ifndef MS_ORDER_LOOKUP_H
#define MS_ORDER_LOOKUP_H

#include "exchange.h"

/*  What the gate holds of the rid. Returns ERROR_NONE if the asker holds it or is an operator, else ERROR_NOT_FOUND, or why nobody knows. */
error_code_t order_lookup_at_gate (exchange_t *self, const uint8_t rid[RID_BYTES], bool is_operator,
                                   holding_t *holding);
/*  The row in PostgreSQL. Returns ERROR_NONE, ERROR_NOT_FOUND, or why nobody knows. */
error_code_t order_lookup_in_books (exchange_t *self, const uint8_t rid[RID_BYTES],
                                    bool is_operator, order_t *order);
/*  Both, the gate first: an order that leaves it in between is in the books by then. True with the order; false with the refusal
    written. */
bool order_lookup (exchange_t *self, const uint8_t rid[RID_BYTES], bool is_operator,
                   order_t *order);

/*  Payments and moments of the orders in self->page, which `query` asks for in the same way; asked after the orders, so that whatever
    an order's status tells of is there. False with the refusal written. */
bool order_lookup_history (exchange_t *self, const query_t *query);
/*  The same for the one order that is in self->page. */
bool order_lookup_history_of_one (exchange_t *self, bool is_operator);

/*  Asks what is answered by `wanted` or a refusal: ERROR_NONE with the answer, or the refusal as it came, with its words. */
outcome_t order_lookup_ask (exchange_t *self, message_type_t question, const void *entry,
                            message_type_t wanted, answer_t *answer);
/*  With the words that came, or else, of an order in the wrong state, `invalid_state`. */
void order_lookup_refuse (exchange_t *self, const outcome_t *outcome, const char *invalid_state);

#endif
