/*  An order as JSON. */

#ifndef MS_ORDER_VIEW_H
#define MS_ORDER_VIEW_H

#include "schema.h"
#include "text.h"

/*  Members of the answer to a purchase, without braces. */
void order_view_put_purchase (text_t *text, const order_t *order);
/*  Those, and payments and timeline. */
void order_view_put (text_t *text, const order_t *order);

#endif
