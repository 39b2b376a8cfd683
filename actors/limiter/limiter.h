/*  The limiter: stands between edges and seckill and refuses what would be too much, cheaply and at
    once. README.md tells the whole story; token_bucket.h, sale_buckets.h, user_windows.h and
    admission.h are its levels. */

#ifndef MS_LIMITER_H
#define MS_LIMITER_H

#include "actor.h"

extern const actor_class_t limiter_class;

#endif
