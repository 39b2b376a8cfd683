/*  A sale as JSON. */

#ifndef MS_SALE_VIEW_H
#define MS_SALE_VIEW_H

#include "catalogue.h"
#include "text.h"

/*  Members of a sale at a gate time, without braces and without now_ms. */
void sale_view_put (text_t *text, const sale_t *sale, uint64_t gate_ms);
/*  Those and what only operators see. */
void sale_view_put_operator (text_t *text, const sale_t *sale, uint64_t gate_ms);

#endif
