/*  Bounds what resends for silence may add to the load: when a stage is slow, every attempt that is sent again makes it slower. A
    hundred first attempts earn RESENDS_PER_HUNDRED resends, a second earns RESENDS_PER_S, and savings end at RESENDS_MAX: four times
    what one edge can have out, so that the death of a limiter or seckill is repaired at once.
    Source: "Addressing Cascading Failures", Site Reliability Engineering, O'Reilly 2016, ch. 22 (per-client retry budget). */

#ifndef MS_RETRY_BUDGET_H
#define MS_RETRY_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#define RESENDS_PER_HUNDRED 20u
#define RESENDS_PER_S 1000u
#define RESENDS_MAX 1280u

typedef struct retry_budget_t {
    uint64_t saved; /* in millionths of a resend */
    uint64_t at_us; /* when time was last counted; 0 = never: full */
} retry_budget_t;

void retry_budget_earn (retry_budget_t *self, uint64_t first_attempts);
/*  True if one resend may be made now. */
bool retry_budget_spend (retry_budget_t *self, uint64_t now_us);

#endif
