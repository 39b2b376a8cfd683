/*  Orders as JSON. */

#ifndef MS_ORDER_VIEW_H
#define MS_ORDER_VIEW_H

#include "schema.h"
#include "text.h"

/*  What a list shows. One more is asked for, to know whether there is a next page. */
#define PAGE_ROWS 20u

/*  What is shown of a payment. */
typedef struct payment_line_t {
    uint8_t rid[RID_BYTES];
    uint8_t payment_id[16];
    uint64_t status;
} payment_line_t;

/*  Some orders with what happened to them. Payments and moments are of any of these orders, each order's own oldest first. */
typedef struct order_page_t {
    order_t orders[PAGE_ROWS];
    size_t count;
    bool has_more;
    payment_line_t payments[BATCH_ENTRIES_MAX];
    size_t payment_count;
    const moment_t *moments; /* the answer's: until the next question */
    size_t moment_count;
} order_page_t;

/*  The fields of a purchase: members of the object that is open. */
void order_view_put_purchase (text_t *text, const order_t *order);
/*  The same with payments and timeline, of the page's order `index`. */
void order_view_put (text_t *text, const order_page_t *page, size_t index);

#endif
