/*  Orders on the stage, and each call that changes them made for one of them: what the tests of those calls are written with. */

#ifndef MS_ORDER_STAGE_H
#define MS_ORDER_STAGE_H

#include "stage.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* -------------------------------------------------------------------------- calls */

static inline void
orders_call (PGconn *sql, call_name_t call, const void *arguments, size_t count, void *results,
             size_t results_count)
{
    if (sql_call (sql, call, arguments, count, results, results_count) != (int)results_count)
        fail_msg ("%s: %s", schema_call (call)->name, store_error ());
}

static inline const char *
orders_hex (const uint8_t rid[16])
{
    static _Thread_local char text[4][33];
    static _Thread_local unsigned turn;
    char *hex = text[turn++ % 4];
    for (unsigned i = 0; i < 16; i++)
        snprintf (hex + 2 * i, 3, "%02x", rid[i]);
    return hex;
}

/*  A pending order of this shopper. */
static inline order_event_t
orders_pending (stage_t *stage, uint64_t sale, uint64_t user, uint64_t quantity)
{
    order_event_t event = stage_event (sale, 1, user, 1, quantity, user);
    assert_int_equal (stage_write_one (stage, &event), ERROR_NONE);
    return event;
}

static inline order_change_t
orders_change (const order_event_t *event)
{
    order_change_t change = { .sale_id = event->sale_id,
                              .user_id = event->user_id,
                              .actor = "shopper",
                              .reason = "changed my mind" };
    memcpy (change.rid, event->rid, 16);
    return change;
}

/*  The same with what the gate says of it. */
static inline order_change_t
orders_held (const order_event_t *event)
{
    order_change_t change = orders_change (event);
    change.held = 1;
    change.epoch = event->epoch;
    change.quantity = event->quantity;
    change.price_cents = event->price_cents;
    change.sequence = event->sequence;
    change.reserved_us = event->reserved_us;
    change.pay_before_us = event->pay_before_us;
    change.body_hash = event->body_hash;
    return change;
}

static inline uint64_t
orders_cancel (stage_t *stage, const order_change_t *change)
{
    order_outcome_t outcome;
    orders_call (stage->ordering_sql, CALL_ORDER_CANCEL, change, 1, &outcome, 1);
    assert_memory_equal (outcome.rid, change->rid, 16);
    return outcome.code;
}

static inline expiry_t
orders_expire (PGconn *sql, uint64_t sale, uint64_t token, uint64_t limit)
{
    scan_t scan = { .sale_id = sale, .token = token, .limit = limit };
    expiry_t expiry;
    orders_call (sql, CALL_ORDER_EXPIRE, &scan, 1, &expiry, 1);
    return expiry;
}

static inline payment_order_t
orders_payment_order (const order_event_t *event, uint64_t number)
{
    payment_order_t ask = {
        .sale_id = event->sale_id, .user_id = event->user_id, .method = "test", .outcome = "succeed"
    };
    memcpy (ask.rid, event->rid, 16);
    memcpy (ask.payment_id, event->rid, 8);
    memcpy (ask.payment_id + 8, &number, sizeof number);
    snprintf (ask.key, sizeof ask.key, "key-%" PRIu64, number);
    return ask;
}

static inline payment_t
orders_pay (stage_t *stage, const payment_order_t *ask)
{
    payment_t payment;
    orders_call (stage->ordering_sql, CALL_PAYMENT_CREATE, ask, 1, &payment, 1);
    assert_memory_equal (payment.payment_id, ask->payment_id, 16);
    return payment;
}

static inline payment_event_t
orders_event (const payment_order_t *ask, uint64_t outcome, uint64_t amount_cents, const char *name)
{
    payment_event_t event = { .outcome = outcome, .amount_cents = amount_cents };
    memcpy (event.payment_id, ask->payment_id, 16);
    memcpy (event.rid, ask->rid, 16);
    snprintf (event.event_id, sizeof event.event_id, "%s-%s", name, orders_hex (ask->payment_id));
    return event;
}

static inline payment_move_t
orders_take (stage_t *stage, const payment_event_t *event)
{
    payment_move_t move;
    orders_call (stage->ordering_sql, CALL_PAYMENT_EVENT_TAKE, event, 1, &move, 1);
    return move;
}

/*  An event of a name of its own. */
static inline payment_move_t
orders_say (stage_t *stage, const payment_order_t *ask, uint64_t outcome)
{
    static unsigned number;
    char name[32];
    long long amount =
        stage_sql_integer (stage, "SELECT amount_cents FROM payment WHERE payment_id = '\\x%s'",
                           orders_hex (ask->payment_id));
    snprintf (name, sizeof name, "e%u", ++number);
    payment_event_t event = orders_event (ask, outcome, (uint64_t)amount, name);
    return orders_take (stage, &event);
}

static inline dead_letter_t
orders_letter (const order_event_t *event)
{
    dead_letter_t letter = { .sale_id = event->sale_id,
                             .epoch = event->epoch,
                             .entry_ms = event->entry_ms,
                             .entry_seq = event->entry_seq,
                             .user_id = event->user_id,
                             .quantity = event->quantity,
                             .price_cents = event->price_cents,
                             .sequence = event->sequence,
                             .reserved_us = event->reserved_us,
                             .pay_before_us = event->pay_before_us,
                             .body_hash = event->body_hash,
                             .reason = "poison",
                             .attempts = 6 };
    memcpy (letter.rid, event->rid, 16);
    memcpy (letter.trace_id, event->trace_id, 16);
    return letter;
}

static inline uint64_t
orders_reject (stage_t *stage, const dead_letter_t *letter)
{
    order_outcome_t outcome;
    orders_call (stage->ordering_sql, CALL_ORDER_REJECT, letter, 1, &outcome, 1);
    assert_memory_equal (outcome.rid, letter->rid, 16);
    return outcome.code;
}

/* -------------------------------------------------------------------------- looks */

static inline long long
orders_order_number (stage_t *stage, const uint8_t rid[16], const char *column)
{
    return stage_sql_integer (stage, "SELECT %s FROM orders WHERE rid = '\\x%s'", column,
                              orders_hex (rid));
}

static inline uint64_t
orders_payment_status (stage_t *stage, const payment_order_t *ask)
{
    return (uint64_t)stage_sql_integer (stage,
                                        "SELECT status FROM payment WHERE payment_id = '\\x%s'",
                                        orders_hex (ask->payment_id));
}

static inline long long
orders_rows (stage_t *stage, const char *table, const uint8_t rid[16], const char *condition)
{
    return stage_sql_integer (stage, "SELECT count (*) FROM %s WHERE rid = '\\x%s' AND %s", table,
                              orders_hex (rid), condition);
}

/*  The order is final, as this state by this actor, and its units are on their way back, once. */
static inline void
orders_assert_final (stage_t *stage, const uint8_t rid[16], uint64_t status, const char *actor)
{
    char condition[128];
    snprintf (condition, sizeof condition,
              "status = %" PRIu64 " AND actor = '%s' AND final_epoch = (SELECT epoch FROM sale s "
              "WHERE s.sale_id = orders.sale_id)",
              status, actor);
    assert_int_equal (orders_rows (stage, "orders", rid, condition), 1);
    assert_int_equal (orders_rows (stage, "ledger", rid, "kind = 'ALLOC'"), 1);
    assert_int_equal (orders_rows (stage, "ledger", rid, "kind = 'RETURN'"), 1);
    assert_int_equal (orders_rows (stage, "release_box", rid, "true"), 1);
    snprintf (condition, sizeof condition, "event = '%s'", order_status_name (status));
    assert_int_equal (orders_rows (stage, "order_move", rid, condition), 1);
}

static inline void
orders_set_due (stage_t *stage, const uint8_t rid[16], long long ago_ms)
{
    stage_sql (stage, "UPDATE orders SET pay_before_us = clock_us () - %lld WHERE rid = '\\x%s'",
               ago_ms * 1000, orders_hex (rid));
}

/*  An order in this state, by the functions themselves. */
static inline order_event_t
orders_order_in (stage_t *stage, uint64_t sale, uint64_t user, uint64_t status)
{
    order_event_t event = orders_pending (stage, sale, user, 1);
    payment_order_t ask = orders_payment_order (&event, 1);
    order_change_t change = orders_change (&event);
    if (status == ORDER_PAID || status == ORDER_REFUNDED) {
        assert_int_equal (orders_pay (stage, &ask).code, ERROR_NONE);
        assert_int_equal (orders_say (stage, &ask, PAYMENT_CAPTURED).order_status, ORDER_PAID);
    }
    if (status == ORDER_REFUNDED)
        assert_int_equal (orders_say (stage, &ask, PAYMENT_REFUNDED).order_status, ORDER_REFUNDED);
    if (status == ORDER_CANCELLED)
        assert_int_equal (orders_cancel (stage, &change), ERROR_NONE);
    if (status == ORDER_EXPIRED) {
        orders_set_due (stage, event.rid, 1);
        assert_int_equal (orders_expire (stage->ordering_sql, sale, 0, 1).expired_count, 1);
    }
    assert_int_equal (orders_order_number (stage, event.rid, "status"), status);
    return event;
}

/*  What PostgreSQL says of the money of one order is consistent: captured = paid, nothing captured is left otherwise. */
static inline void
orders_assert_money (stage_t *stage, const char *where)
{
    assert_int_equal (
        stage_sql_integer (
            stage,
            "SELECT count (*) FROM orders o WHERE %s AND (status = 3) <> "
            "(SELECT count (*) = 1 FROM payment p WHERE p.rid = o.rid AND p.status = 2)",
            where),
        0);
    assert_int_equal (
        stage_sql_integer (
            stage,
            "SELECT count (*) FROM payment p JOIN orders o USING (rid, sale_id) WHERE %s AND "
            "(p.status = 4) <> (p.send_us > 0) AND p.status <> 1",
            where),
        0);
}

#endif
