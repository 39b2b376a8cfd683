/*  What the payment method "test" makes of a charge: its outcome is what the shopper asked for, its manners are the parameters
    provider_…. A provider of real money has another file in this place. */

#ifndef MS_TEST_METHOD_H
#define MS_TEST_METHOD_H

#include "params.h"
#include "schema.h"

typedef struct decision_t {
    uint64_t
        outcome; /* PAYMENT_CAPTURED, PAYMENT_DECLINED, PAYMENT_REFUNDED; PAYMENT_NONE = nothing is ever told */
    uint64_t delay_us; /* until it is told */
    uint64_t tellings; /* how often: 1, or 2 as real ones do now and then */
} decision_t;

/*  The same charge is always decided alike, by every incarnation. */
decision_t test_method_decide (const params_t *params, const charge_t *charge);
/*  Name of the event that a charge or refund ends in: "<payment_id in hex>-charge" or "-refund", the same whenever it is told. */
void test_method_event_id (const uint8_t payment_id[16], bool is_refund, char event_id[65]);

#endif
