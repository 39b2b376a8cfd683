#include "test_method.h"

#include "hash.h"

#include <stdio.h>
#include <string.h>

#define MS 1000u /* µs in a millisecond */

/*  Each habit has dice of its own: who is late is not also who tells twice. */
typedef enum habit_t { HABIT_TWICE = 1, HABIT_LATE = 2 } habit_t;

static bool
s_has_habit (const charge_t *charge, habit_t habit, uint64_t per_mille)
{
    uint64_t seed = hash_pair (habit, charge->refund);
    return hash_bytes (seed, charge->payment_id, sizeof charge->payment_id) % 1000 < per_mille;
}

/*  A word that the edge should not have let through is declined: money is moved only for a clear wish. */
static uint64_t
s_outcome (const charge_t *charge)
{
    if (charge->refund)
        return PAYMENT_REFUNDED;
    if (strcmp (charge->outcome, "hang") == 0)
        return PAYMENT_NONE;
    bool is_wanted = charge->outcome[0] == 0 || strcmp (charge->outcome, "succeed") == 0;
    return is_wanted ? PAYMENT_CAPTURED : PAYMENT_DECLINED;
}

decision_t
test_method_decide (const params_t *params, const charge_t *charge)
{
    decision_t decision = { .outcome = s_outcome (charge),
                            .delay_us = params->provider_delay_ms * MS,
                            .tellings = 1 };
    if (s_has_habit (charge, HABIT_LATE, params->provider_late_per_mille))
        decision.delay_us += params->provider_late_ms * MS;
    if (s_has_habit (charge, HABIT_TWICE, params->provider_twice_per_mille))
        decision.tellings = 2;
    return decision;
}

void
test_method_event_id (const uint8_t payment_id[16], bool is_refund, char event_id[65])
{
    size_t used = 0;
    for (size_t i = 0; i < 16; i++)
        used += (size_t)snprintf (event_id + used, 65 - used, "%02x", payment_id[i]);
    snprintf (event_id + used, 65 - used, "%s", is_refund ? "-refund" : "-charge");
}
