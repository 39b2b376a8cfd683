/*  The payment provider of the instance itself: takes charges and refunds from ordering, and tells what became of them by webhook,
    as a provider elsewhere would. */

#ifndef MS_PROVIDER_H
#define MS_PROVIDER_H

#include "actor.h"

/*  Charges and refunds under way. Beyond it a batch is not acknowledged: ordering sends it again. */
#define NOTICES_MAX 65536u
/*  Webhooks out at once: threads of the worker. With answers in 3 ms that is about 5,000/s. */
#define POSTS_MAX 16u

extern const actor_class_t provider_class;

#endif
