/*  How often a delivery of one entry alone may fail before the entry is dead, and the counting of that. Part of the router
    (router.h); consumers.c says when a delivery failed. */

#ifndef MS_DELIVERY_LIMIT_H
#define MS_DELIVERY_LIMIT_H

#include "actor.h"
#include "backlog.h"

typedef struct delivery_limit_t {
    backlog_t *backlog; /* the router's */
    uint64_t backoff_us;
    uint64_t token; /* of the router's lease */
} delivery_limit_t;

void delivery_limit_init (delivery_limit_t *self, const params_t *params, backlog_t *backlog);

/*  Pause before a delivery that was sent so often is sent again. */
uint64_t delivery_limit_backoff_us (const delivery_limit_t *self, uint32_t attempt);
/*  A delivery of one entry failed, and nobody holds it: `has_died`, its consumer is dead; otherwise it was refused as poison. */
void delivery_limit_fail (delivery_limit_t *self, delivery_t *delivery, bool has_died,
                          effects_t *effects);
/*  RESULT of DELIVERY_COUNT. */
void delivery_limit_handle_counted (delivery_limit_t *self, const event_t *event,
                                    effects_t *effects);
/*  Asks again what was not answered. */
void delivery_limit_handle_time (delivery_limit_t *self, uint64_t now_us, effects_t *effects);

/*  Names the entry of a delivery for the log. Returns `text`. */
const char *delivery_limit_name (const delivery_limit_t *self, const delivery_t *delivery,
                                 char *text, size_t text_bytes);
/*  Word for a dead letter. */
const char *delivery_limit_reason (death_t death);

#endif
