/*  What becomes of an order, on a real PostgreSQL: cancel, expiry, payments, poison, and all of them at once. */

#include "stage.h"

#include "unit/dice.h"

#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define US_PER_S 1000000u

/* -------------------------------------------------------------------------- calls */

static void
s_call (PGconn *sql, call_name_t call, const void *arguments, size_t count, void *results,
        size_t results_count)
{
    if (sql_call (sql, call, arguments, count, results, results_count) != (int)results_count)
        fail_msg ("%s: %s", schema_call (call)->name, store_error ());
}

static const char *
s_hex (const uint8_t rid[16])
{
    static _Thread_local char text[4][33];
    static _Thread_local unsigned turn;
    char *hex = text[turn++ % 4];
    for (unsigned i = 0; i < 16; i++)
        snprintf (hex + 2 * i, 3, "%02x", rid[i]);
    return hex;
}

/*  A pending order of this shopper. */
static order_event_t
s_pending (stage_t *stage, uint64_t sale, uint64_t user, uint64_t quantity)
{
    order_event_t event = stage_event (sale, 1, user, 1, quantity, user);
    assert_int_equal (stage_write_one (stage, &event), ERROR_NONE);
    return event;
}

static order_change_t
s_change (const order_event_t *event)
{
    order_change_t change = { .sale_id = event->sale_id,
                              .user_id = event->user_id,
                              .actor = "shopper",
                              .reason = "changed my mind" };
    memcpy (change.rid, event->rid, 16);
    return change;
}

/*  The same with what the gate says of it. */
static order_change_t
s_held (const order_event_t *event)
{
    order_change_t change = s_change (event);
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

static uint64_t
s_cancel (stage_t *stage, const order_change_t *change)
{
    order_outcome_t outcome;
    s_call (stage->ordering_sql, CALL_ORDER_CANCEL, change, 1, &outcome, 1);
    assert_memory_equal (outcome.rid, change->rid, 16);
    return outcome.code;
}

static expiry_t
s_expire (PGconn *sql, uint64_t sale, uint64_t token, uint64_t limit)
{
    scan_t scan = { .sale_id = sale, .token = token, .limit = limit };
    expiry_t expiry;
    s_call (sql, CALL_ORDER_EXPIRE, &scan, 1, &expiry, 1);
    return expiry;
}

static payment_order_t
s_payment_order (const order_event_t *event, uint64_t number)
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

static payment_t
s_pay (stage_t *stage, const payment_order_t *ask)
{
    payment_t payment;
    s_call (stage->ordering_sql, CALL_PAYMENT_CREATE, ask, 1, &payment, 1);
    assert_memory_equal (payment.payment_id, ask->payment_id, 16);
    return payment;
}

static payment_event_t
s_event (const payment_order_t *ask, uint64_t outcome, uint64_t amount_cents, const char *name)
{
    payment_event_t event = { .outcome = outcome, .amount_cents = amount_cents };
    memcpy (event.payment_id, ask->payment_id, 16);
    memcpy (event.rid, ask->rid, 16);
    snprintf (event.event_id, sizeof event.event_id, "%s-%s", name, s_hex (ask->payment_id));
    return event;
}

static payment_move_t
s_take (stage_t *stage, const payment_event_t *event)
{
    payment_move_t move;
    s_call (stage->ordering_sql, CALL_PAYMENT_EVENT_TAKE, event, 1, &move, 1);
    return move;
}

/*  An event of a name of its own. */
static payment_move_t
s_say (stage_t *stage, const payment_order_t *ask, uint64_t outcome)
{
    static unsigned number;
    char name[32];
    long long amount =
        stage_sql_integer (stage, "SELECT amount_cents FROM payment WHERE payment_id = '\\x%s'",
                           s_hex (ask->payment_id));
    snprintf (name, sizeof name, "e%u", ++number);
    payment_event_t event = s_event (ask, outcome, (uint64_t)amount, name);
    return s_take (stage, &event);
}

/* -------------------------------------------------------------------------- looks */

static long long
s_order_number (stage_t *stage, const uint8_t rid[16], const char *column)
{
    return stage_sql_integer (stage, "SELECT %s FROM orders WHERE rid = '\\x%s'", column,
                              s_hex (rid));
}

static uint64_t
s_payment_status (stage_t *stage, const payment_order_t *ask)
{
    return (uint64_t)stage_sql_integer (
        stage, "SELECT status FROM payment WHERE payment_id = '\\x%s'", s_hex (ask->payment_id));
}

static long long
s_rows (stage_t *stage, const char *table, const uint8_t rid[16], const char *condition)
{
    return stage_sql_integer (stage, "SELECT count (*) FROM %s WHERE rid = '\\x%s' AND %s", table,
                              s_hex (rid), condition);
}

/*  The order is final, as this state by this actor, and its units are on their way back, once. */
static void
s_assert_final (stage_t *stage, const uint8_t rid[16], uint64_t status, const char *actor)
{
    char condition[128];
    snprintf (condition, sizeof condition,
              "status = %" PRIu64 " AND actor = '%s' AND final_epoch = (SELECT epoch FROM sale s "
              "WHERE s.sale_id = orders.sale_id)",
              status, actor);
    assert_int_equal (s_rows (stage, "orders", rid, condition), 1);
    assert_int_equal (s_rows (stage, "ledger", rid, "kind = 'ALLOC'"), 1);
    assert_int_equal (s_rows (stage, "ledger", rid, "kind = 'RETURN'"), 1);
    assert_int_equal (s_rows (stage, "release_box", rid, "true"), 1);
    snprintf (condition, sizeof condition, "event = '%s'", order_status_name (status));
    assert_int_equal (s_rows (stage, "order_move", rid, condition), 1);
}

static void
s_set_due (stage_t *stage, const uint8_t rid[16], long long ago_ms)
{
    stage_sql (stage, "UPDATE orders SET pay_before_us = clock_us () - %lld WHERE rid = '\\x%s'",
               ago_ms * 1000, s_hex (rid));
}

/*  An order in this state, by the functions themselves. */
static order_event_t
s_order_in (stage_t *stage, uint64_t sale, uint64_t user, uint64_t status)
{
    order_event_t event = s_pending (stage, sale, user, 1);
    payment_order_t ask = s_payment_order (&event, 1);
    order_change_t change = s_change (&event);
    if (status == ORDER_PAID || status == ORDER_REFUNDED) {
        assert_int_equal (s_pay (stage, &ask).code, ERROR_NONE);
        assert_int_equal (s_say (stage, &ask, PAYMENT_CAPTURED).order_status, ORDER_PAID);
    }
    if (status == ORDER_REFUNDED)
        assert_int_equal (s_say (stage, &ask, PAYMENT_REFUNDED).order_status, ORDER_REFUNDED);
    if (status == ORDER_CANCELLED)
        assert_int_equal (s_cancel (stage, &change), ERROR_NONE);
    if (status == ORDER_EXPIRED) {
        s_set_due (stage, event.rid, 1);
        assert_int_equal (s_expire (stage->ordering_sql, sale, 0, 1).expired_count, 1);
    }
    assert_int_equal (s_order_number (stage, event.rid, "status"), status);
    return event;
}

/* -------------------------------------------------------------------------- cancel */

static void
test_cancel (void **state)
{
    /* A pending order becomes cancelled with everything that belongs to it, once, however often it is asked; by a stranger it is not
     * found, and the shopper may buy again. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 10);
    order_event_t event = s_pending (stage, sale, 1, 3);
    order_change_t change = s_change (&event), stranger = change;
    stranger.user_id = 2;
    assert_int_equal (s_cancel (stage, &stranger), ERROR_NOT_FOUND);
    assert_int_equal (s_order_number (stage, event.rid, "status"), ORDER_PENDING_PAYMENT);
    for (int round = 0; round < 3; round++) {
        assert_int_equal (s_cancel (stage, &change), ERROR_NONE);
        s_assert_final (stage, event.rid, ORDER_CANCELLED, "shopper");
        books_t books = stage_books (stage, sale);
        assert_true (books.sold == 0 && books.returned == 3 && books.returning == 3 &&
                     books.active_count == 0);
        change.held = 1; /* what the gate says does not count where there is a row */
        change.epoch = 77;
    }
    assert_int_equal (s_cancel (stage, &stranger), ERROR_NOT_FOUND);
    assert_int_equal (s_rows (stage, "orders", event.rid, "reason = 'changed my mind'"), 1);
    assert_int_equal (stage_sql_integer (stage,
                                         "SELECT count (*) FROM admin_log WHERE target = "
                                         "'order ' || rid_text ('\\x%s')",
                                         s_hex (event.rid)),
                      0);
    order_event_t again = stage_event (sale, 1, 1, 2, 1, 9);
    assert_int_equal (stage_write_one (stage, &again), ERROR_NONE);
}

static void
test_cancel_of_other_states (void **state)
{
    /* Paid, expired, rejected, refunded: invalid_state, and nothing changes. Without a row and without the gate: not_found. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 10);
    const uint64_t states[] = { ORDER_PAID, ORDER_EXPIRED, ORDER_REFUNDED };
    for (size_t i = 0; i < 3; i++) {
        order_event_t event = s_order_in (stage, sale, 1 + i, states[i]);
        order_change_t change = s_held (&event);
        assert_int_equal (s_cancel (stage, &change), ERROR_INVALID_STATE);
        assert_int_equal (s_order_number (stage, event.rid, "status"), states[i]);
    }
    uint64_t small = stage_new_sale (stage, 0);
    order_event_t rejected = stage_event (small, 1, 1, 1, 1, 1);
    assert_int_equal (stage_write_one (stage, &rejected), ERROR_REJECTED);
    order_change_t change = s_change (&rejected);
    assert_int_equal (s_cancel (stage, &change), ERROR_INVALID_STATE);
    order_event_t nothing = stage_event (sale, 1, 99, 1, 1, 99);
    change = s_change (&nothing);
    assert_int_equal (s_cancel (stage, &change), ERROR_NOT_FOUND);
    change.sale_id = 0; /* then it is in the rid */
    assert_int_equal (s_cancel (stage, &change), ERROR_NOT_FOUND);
    change = s_held (&nothing);
    change.sale_id += 1000000;
    assert_int_equal (s_cancel (stage, &change), ERROR_NOT_FOUND);
}

static void
test_cancel_by_operator (void **state)
{
    /* An operator cancels anybody's order, is named in it, and stands once in the log with the reason. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 10);
    order_event_t event = s_pending (stage, sale, 1, 1),
                  unwritten = stage_event (sale, 1, 2, 1, 1, 2);
    order_change_t change = s_change (&event);
    change.user_id = 0;
    change.operator= 1;
    snprintf (change.actor, sizeof change.actor, "olga");
    order_change_t batch[2] = { change, change };
    order_outcome_t outcomes[2];
    for (int round = 0; round < 2; round++) {
        s_call (stage->ordering_sql, CALL_ORDER_CANCEL, batch, 2, outcomes, 2);
        assert_true (outcomes[0].code == ERROR_NONE && outcomes[1].code == ERROR_NONE);
    }
    s_assert_final (stage, event.rid, ORDER_CANCELLED, "olga");
    order_change_t held = s_held (&unwritten);
    held.operator= 1;
    snprintf (held.actor, sizeof held.actor, "olga");
    assert_int_equal (s_cancel (stage, &held), ERROR_NONE);
    const order_event_t *events[] = { &event, &unwritten };
    const char *before[] = { "pending_payment", "reserved" };
    for (size_t i = 0; i < 2; i++)
        assert_int_equal (
            stage_sql_integer (stage,
                               "SELECT count (*) FROM admin_log WHERE who = 'olga' AND action = "
                               "'order_cancel' AND before = '%s' AND after = 'cancelled: changed "
                               "my mind' AND target = 'order ' || rid_text ('\\x%s')",
                               before[i], s_hex (events[i]->rid)),
            1);
}

static void
test_cancel_before_the_row (void **state)
{
    /* Held at the gate of the present epoch and without a row: cancelled from the start, twice in a batch too. `sold` has nothing of it,
     * the books stay uniform, and the journal's entry, which comes later, changes nothing. Of another epoch: recovering. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 10);
    order_event_t event = stage_event (sale, 1, 1, 1, 4, 17),
                  stale = stage_event (sale, 2, 2, 1, 1, 18);
    order_change_t change = s_held (&event);
    order_change_t batch[3] = { change, s_held (&stale), change };
    order_outcome_t outcomes[3];
    for (int round = 0; round < 2; round++) {
        s_call (stage->ordering_sql, CALL_ORDER_CANCEL, batch, 3, outcomes, 3);
        assert_int_equal (outcomes[0].code, ERROR_NONE);
        assert_int_equal (outcomes[1].code, ERROR_RECOVERING);
        assert_int_equal (outcomes[2].code, ERROR_NONE);
        s_assert_final (stage, event.rid, ORDER_CANCELLED, "shopper");
    }
    assert_int_equal (s_rows (stage, "orders", stale.rid, "true"), 0);
    assert_int_equal (stage_write_one (stage, &event), ERROR_NONE);
    s_assert_final (stage, event.rid, ORDER_CANCELLED, "shopper");
    books_t books = stage_books (stage, sale);
    assert_true (books.sold == 0 && books.returned == 4 && books.returning == 4 &&
                 books.pending_payment == 0 && books.duplicated == 0);
    assert_int_equal (
        stage_sql_integer (stage, "SELECT sequence FROM sale_sku WHERE sale_id = %d", (int)sale),
        17);
    order_change_t wrong = s_held (&stale);
    wrong.epoch = 1;
    wrong.quantity = 0;
    assert_int_equal (s_cancel (stage, &wrong), ERROR_INVALID_FIELD);
    /* in the snapshot of the next epoch it is released */
    assert_int_equal (stage_bump (stage, sale, STAGE_TOKEN).epoch, 2);
    gate_entry_t ask = { .sale_id = sale, .epoch = 2 }, page[2];
    assert_int_equal (sql_call (stage->inventory_sql, CALL_EPOCH_PAGE, &ask, 1, page, 2), 1);
    assert_true (page[0].held == 0 && page[0].quantity == 4 &&
                 page[0].body_hash == event.body_hash);
    assert_int_equal (s_cancel (stage, &change), ERROR_NONE);
}

/* -------------------------------------------------------------------------- expiry */

static void
test_expire (void **state)
{
    /* Exactly the pending orders whose time is over expire, the soonest first and no more than asked for; the answer says when to look
     * again; what is paid or cancelled stays. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 20), other = stage_new_sale (stage, 20);
    order_event_t due[4], later = s_pending (stage, sale, 9, 1),
                          paid = s_order_in (stage, sale, 10, ORDER_PAID);
    order_event_t elsewhere = s_pending (stage, other, 1, 2);
    for (uint64_t i = 0; i < 4; i++) {
        due[i] = s_pending (stage, sale, 1 + i, 1 + i);
        s_set_due (stage, due[i].rid, 100 - (long long)i);
    }
    s_set_due (stage, paid.rid, 100);
    s_set_due (stage, elsewhere.rid, 50);
    expiry_t expiry = s_expire (stage->ordering_sql, sale, 0, 3);
    assert_true (expiry.code == ERROR_NONE && expiry.expired_count == 3 && expiry.next_us > 0 &&
                 expiry.next_us < expiry.now_us);
    for (size_t i = 0; i < 3; i++)
        s_assert_final (stage, due[i].rid, ORDER_EXPIRED, "timeout");
    assert_int_equal (s_order_number (stage, due[3].rid, "status"), ORDER_PENDING_PAYMENT);
    expiry = s_expire (stage->ordering_sql, sale, 0, 3);
    assert_int_equal (expiry.expired_count, 1);
    assert_int_equal (expiry.next_us, s_order_number (stage, later.rid, "pay_before_us"));
    assert_int_equal (s_expire (stage->ordering_sql, sale, 0, 3).expired_count, 0);
    assert_int_equal (s_order_number (stage, elsewhere.rid, "status"), ORDER_PENDING_PAYMENT);
    assert_int_equal (s_expire (stage->ordering_sql, 0, 0, 1000).expired_count, 1);
    s_assert_final (stage, elsewhere.rid, ORDER_EXPIRED, "timeout");
    assert_int_equal (s_order_number (stage, paid.rid, "status"), ORDER_PAID);
    books_t books = stage_books (stage, sale);
    assert_true (books.sold == 2 && books.returned == 10 && books.returning == 10);
    assert_int_equal (s_expire (stage->ordering_sql, other, 0, 3).next_us, 0);
}

static void
test_expire_is_fenced (void **state)
{
    /* A token below the lease's does nothing; its own does, and 0 stands for no lease. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 20);
    order_event_t event = s_pending (stage, sale, 1, 1);
    s_set_due (stage, event.rid, 1);
    lease_t ask = { .name = "scheduler", .holder = "ordering/1", .incarnation = 5, .ttl_ms = 0 },
            lease;
    s_call (stage->ordering_sql, CALL_LEASE_TAKE, &ask, 1, &lease, 1);
    uint64_t old = lease.token;
    snprintf (ask.holder, sizeof ask.holder, "ordering/2");
    ask.incarnation = 6;
    s_call (stage->ordering_sql, CALL_LEASE_TAKE, &ask, 1, &lease, 1);
    assert_true (lease.held && lease.token == old + 1);
    expiry_t expiry = s_expire (stage->ordering_sql, 0, old, 100);
    assert_true (expiry.code == ERROR_FENCED && expiry.expired_count == 0);
    assert_int_equal (s_order_number (stage, event.rid, "status"), ORDER_PENDING_PAYMENT);
    assert_int_equal (s_expire (stage->ordering_sql, sale, lease.token, 100).expired_count, 1);
}

typedef struct expirer_t {
    PGconn *sql;
    uint64_t sale;
    expiry_t expiry;
    atomic_bool is_done;
} expirer_t;

static void *
s_expire_there (void *argument)
{
    expirer_t *self = argument;
    self->expiry = s_expire (self->sql, self->sale, 0, 100);
    self->is_done = true;
    return NULL;
}

static void
test_expire_passes_locked_sales (void **state)
{
    /* A sale that is being written is passed over, and the answer says when to try again; once its order has waited for 400 ms it is
     * waited for, but not for ever: the orders of others expire all the same. */
    stage_t *stage = *state;
    uint64_t locked = stage_new_sale (stage, 20), free_ = stage_new_sale (stage, 20);
    order_event_t a = s_pending (stage, locked, 1, 1), b = s_pending (stage, free_, 1, 1),
                  c = s_pending (stage, free_, 2, 1);
    PGconn *writer = servers_sql (stage->servers, NULL, "minishop");
    char lock[128];
    snprintf (lock, sizeof lock, "BEGIN; SELECT 1 FROM sale WHERE sale_id = %" PRIu64 " FOR UPDATE",
              locked);
    PQclear (PQexec (writer, lock));
    s_set_due (stage, a.rid, 100);
    s_set_due (stage, b.rid, 50);
    expiry_t expiry = s_expire (stage->ordering_sql, 0, 0, 100);
    assert_int_equal (expiry.expired_count, 1);
    assert_int_equal (expiry.next_us, expiry.now_us + 50000);
    s_assert_final (stage, b.rid, ORDER_EXPIRED, "timeout");
    assert_int_equal (s_order_number (stage, a.rid, "status"), ORDER_PENDING_PAYMENT);
    /* over 400 ms, and the lock stays: given up after a second, and c does not wait for another call */
    s_set_due (stage, a.rid, 500);
    s_set_due (stage, c.rid, 1);
    expiry = s_expire (stage->ordering_sql, 0, 0, 1);
    assert_int_equal (expiry.expired_count, 1);
    s_assert_final (stage, c.rid, ORDER_EXPIRED, "timeout");
    /* the lock goes while it waits */
    expirer_t expirer = { .sql = servers_sql (stage->servers, "minishop_ordering", "minishop"),
                          .sale = 0 };
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_expire_there, &expirer), 0);
    while (stage_sql_integer (stage,
                              "SELECT count (*) FROM pg_stat_activity WHERE wait_event_type = "
                              "'Lock' AND query LIKE '%%order_expire%%'") == 0)
        assert_false (expirer.is_done);
    PQclear (PQexec (writer, "COMMIT"));
    pthread_join (thread, NULL);
    assert_int_equal (expirer.expiry.expired_count, 1);
    s_assert_final (stage, a.rid, ORDER_EXPIRED, "timeout");
    PQfinish (expirer.sql);
    PQfinish (writer);
}

typedef struct steady_writer_t {
    PGconn *sql;
    uint64_t sale, first_user;
    atomic_bool *is_over;
    uint64_t batches;
    int failures;
} steady_writer_t;

static void *
s_write_steadily (void *argument)
{
    steady_writer_t *self = argument;
    static _Thread_local order_event_t events[BATCH_ENTRIES_MAX];
    static _Thread_local order_outcome_t outcomes[BATCH_ENTRIES_MAX];
    while (!*self->is_over) {
        for (uint64_t i = 0; i < BATCH_ENTRIES_MAX; i++)
            events[i] = stage_event (
                self->sale, 1, self->first_user + self->batches * BATCH_ENTRIES_MAX + i, 1, 1, 1);
        self->failures += sql_call (self->sql, CALL_ORDER_WRITE, events, BATCH_ENTRIES_MAX,
                                    outcomes, BATCH_ENTRIES_MAX) != BATCH_ENTRIES_MAX;
        self->batches++;
    }
    return NULL;
}

static void
test_expire_under_steady_writing (void **state)
{
    /* While two connections write into a sale without a pause, its orders expire within a second of their time (here with ten times
     * the patience), asked for as the scanner asks. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 10000000);
    atomic_bool is_over = false;
    steady_writer_t writers[2];
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++) {
        writers[i] =
            (steady_writer_t){ .sql = servers_sql (stage->servers, "minishop_ordering", "minishop"),
                               .sale = sale,
                               .first_user = 1000000 * (1 + i),
                               .is_over = &is_over };
        assert_int_equal (pthread_create (&threads[i], NULL, s_write_steadily, &writers[i]), 0);
    }
    uint64_t worst_us = 0;
    for (uint64_t round = 0; round < 5; round++) {
        order_event_t event = s_pending (stage, sale, 1 + round, 1);
        s_set_due (stage, event.rid, 0);
        for (;;) {
            expiry_t expiry = s_expire (stage->ordering_sql, 0, 0, 512);
            if (expiry.expired_count) {
                assert_int_equal (expiry.expired_count, 1);
                break;
            }
            usleep (20000); /* the scanner's own pause */
        }
        uint64_t late_us =
            (uint64_t)s_order_number (stage, event.rid, "changed_us - pay_before_us");
        worst_us = late_us > worst_us ? late_us : worst_us;
    }
    is_over = true;
    for (size_t i = 0; i < 2; i++) {
        pthread_join (threads[i], NULL);
        PQfinish (writers[i].sql);
        assert_true (writers[i].batches > 5 && writers[i].failures == 0);
    }
    printf ("# %" PRIu64 " batches meanwhile, the latest expiry %" PRIu64 " ms after its time\n",
            writers[0].batches + writers[1].batches, worst_us / 1000);
    assert_in_range (worst_us, 0, 10 * US_PER_S);
}

/* -------------------------------------------------------------------------- poison */

static dead_letter_t
s_letter (const order_event_t *event)
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

static uint64_t
s_reject (stage_t *stage, const dead_letter_t *letter)
{
    order_outcome_t outcome;
    s_call (stage->ordering_sql, CALL_ORDER_REJECT, letter, 1, &outcome, 1);
    assert_memory_equal (outcome.rid, letter->rid, 16);
    return outcome.code;
}

static long long
s_letters (stage_t *stage, uint64_t sale)
{
    return stage_sql_integer (stage, "SELECT count (*) FROM dead_letter WHERE sale_id = %d",
                              (int)sale);
}

static void
test_reject (void **state)
{
    /* A readable entry of the present epoch becomes a rejected order without ledger, a release and one dead letter with all its fields,
     * once; the entry, delivered late, finds it. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 10);
    order_event_t event = stage_event (sale, 1, 1, 1, 2, 5);
    dead_letter_t letter = s_letter (&event);
    assert_int_equal (s_reject (stage, &letter), ERROR_REJECTED);
    for (int round = 0; round < 2; round++) {
        assert_int_equal (s_reject (stage, &letter), ERROR_NONE);
        assert_int_equal (stage_write_one (stage, &event), ERROR_NONE);
        assert_int_equal (
            s_rows (stage, "orders", event.rid,
                    "status = 6 AND reason = 'poison' AND final_epoch = 1 AND quantity = 2"),
            1);
        assert_int_equal (s_rows (stage, "ledger", event.rid, "true"), 0);
        assert_int_equal (s_rows (stage, "release_box", event.rid, "units = 2"), 1);
        assert_int_equal (s_rows (stage, "order_move", event.rid, "event = 'rejected'"), 1);
        assert_int_equal (
            s_rows (stage, "dead_letter", event.rid,
                    "state = 1 AND reason = 'poison' AND attempts = 6 AND user_id = 1 "
                    "AND quantity = 2 AND sequence = 5 AND body_hash = 7002 AND at_us > 0"),
            1);
    }
    assert_int_equal (stage_books (stage, sale).sold, 0);
    order_event_t again = stage_event (sale, 1, 1, 2, 1, 6);
    assert_int_equal (stage_write_one (stage, &again), ERROR_NONE);
}

static void
test_reject_of_others (void **state)
{
    /* Unreadable: only a letter. Known: only a letter, and a release if it is final and of this epoch. Of another epoch, or of no sale:
     * nothing at all. A quantity that cannot be stays in the letter. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 10);
    order_event_t unreadable = stage_event (sale, 1, 1, 1, 1, 1);
    memset (unreadable.rid, 0, 16);
    dead_letter_t letter = s_letter (&unreadable);
    for (int round = 0; round < 2; round++)
        assert_int_equal (s_reject (stage, &letter), ERROR_NONE);
    assert_int_equal (s_letters (stage, sale), 1);

    order_event_t pending = s_pending (stage, sale, 2, 1),
                  final = s_order_in (stage, sale, 3, ORDER_CANCELLED);
    letter = s_letter (&pending);
    assert_int_equal (s_reject (stage, &letter), ERROR_NONE);
    assert_int_equal (s_order_number (stage, pending.rid, "status"), ORDER_PENDING_PAYMENT);
    assert_int_equal (s_rows (stage, "release_box", pending.rid, "true"), 0);
    stage_sql (stage, "DELETE FROM release_box WHERE sale_id = %d", (int)sale);
    letter = s_letter (&final);
    letter.epoch = 2;
    assert_int_equal (s_reject (stage, &letter), ERROR_NONE);
    assert_int_equal (s_rows (stage, "release_box", final.rid, "true"), 0);
    letter.epoch = 1;
    assert_int_equal (s_reject (stage, &letter), ERROR_NONE);
    assert_int_equal (s_rows (stage, "release_box", final.rid, "true"), 1);
    long long letters = s_letters (stage, sale);
    assert_int_equal (letters, 4);

    order_event_t stale = stage_event (sale, 2, 4, 1, 1, 1),
                  nowhere = stage_event (sale + 1000000, 1, 4, 1, 1, 1);
    letter = s_letter (&stale);
    assert_int_equal (s_reject (stage, &letter), ERROR_STALE_EPOCH);
    letter = s_letter (&nowhere);
    assert_int_equal (s_reject (stage, &letter), ERROR_STALE_EPOCH);
    assert_int_equal (s_letters (stage, sale), letters);
    assert_int_equal (s_letters (stage, sale + 1000000), 0);

    order_event_t empty = stage_event (sale, 1, 5, 1, 1, 7);
    letter = s_letter (&empty);
    letter.quantity = 0;
    letter.sequence = 1000000000000000000;
    assert_int_equal (s_reject (stage, &letter), ERROR_REJECTED);
    assert_int_equal (s_rows (stage, "dead_letter", empty.rid, "quantity = 0"), 1);
    assert_int_equal (s_rows (stage, "release_box", empty.rid, "units = 1"), 1);
    assert_in_range (
        stage_sql_integer (stage, "SELECT sequence FROM sale_sku WHERE sale_id = %d", (int)sale), 1,
        100);
}

/* -------------------------------------------------------------------------- payments */

static void
test_payment_create (void **state)
{
    /* Each rule of payment_create, in order; the same key gives the same payment in every state. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 100);
    order_event_t event = s_pending (stage, sale, 1, 3),
                  missing = stage_event (sale, 1, 2, 1, 1, 2);
    payment_order_t ask = s_payment_order (&event, 1), other = s_payment_order (&missing, 1);
    assert_int_equal (s_pay (stage, &other).code, ERROR_NOT_FOUND);
    other = ask;
    other.user_id = 2;
    assert_int_equal (s_pay (stage, &other).code, ERROR_NOT_FOUND);
    payment_t first = s_pay (stage, &ask), again = s_pay (stage, &ask);
    assert_true (first.code == ERROR_NONE && first.status == PAYMENT_PENDING &&
                 first.amount_cents == 3 * STAGE_PRICE_CENTS &&
                 first.created_us == first.changed_us && first.created_us > 0);
    assert_string_equal (first.outcome, "succeed");
    assert_memory_equal (&first, &again, sizeof first);
    assert_int_equal (s_pay (stage, &other).code, ERROR_NOT_FOUND);
    other = ask;
    snprintf (other.outcome, sizeof other.outcome, "decline");
    assert_int_equal (s_pay (stage, &other).code, ERROR_IDEMPOTENCY_MISMATCH);
    other = s_payment_order (&event, 2); /* another key, the payment_id of the first */
    memcpy (other.payment_id, ask.payment_id, 16);
    assert_int_equal (s_pay (stage, &other).code, ERROR_IDEMPOTENCY_MISMATCH);
    other = s_payment_order (&event, 3);
    other.sale_id = 0;
    assert_true (s_pay (stage, &other).code == ERROR_NONE);
    other.key[0] = 0;
    assert_int_equal (s_pay (stage, &other).code, ERROR_INVALID_FIELD);
    for (uint64_t i = 4; i < 54; i++) {
        other = s_payment_order (&event, i);
        assert_int_equal (s_pay (stage, &other).code, i < 52 ? ERROR_NONE : ERROR_LIMIT_EXCEEDED);
    }
    assert_int_equal (s_say (stage, &ask, PAYMENT_CAPTURED).order_status, ORDER_PAID);
    assert_int_equal (s_pay (stage, &ask).status, PAYMENT_CAPTURED);
    other = s_payment_order (&event, 99);
    assert_int_equal (s_pay (stage, &other).code, ERROR_INVALID_STATE);
    order_event_t cancelled = s_order_in (stage, sale, 3, ORDER_CANCELLED);
    other = s_payment_order (&cancelled, 1);
    assert_int_equal (s_pay (stage, &other).code, ERROR_INVALID_STATE);
    payment_order_t batch[3] = { s_payment_order (&missing, 1), ask, ask };
    payment_t rows[3];
    s_call (stage->ordering_sql, CALL_PAYMENT_CREATE, batch, 3, rows, 3);
    assert_true (rows[0].code == ERROR_NOT_FOUND && rows[1].code == ERROR_NONE);
    assert_memory_equal (&rows[1], &rows[2], sizeof rows[1]);
    assert_int_equal (s_rows (stage, "order_move", event.rid, "event = 'payment_created'"), 50);
}

static void
test_create_waits_for_no_row (void **state)
{
    /* A payment of an order that is not there takes no lock: it is answered while the sale is being written. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 10);
    order_event_t missing = stage_event (sale, 1, 2, 1, 1, 2);
    payment_order_t ask = s_payment_order (&missing, 1);
    stage_sql (stage, "BEGIN; SELECT 1 FROM sale WHERE sale_id = %d FOR UPDATE", (int)sale);
    PQclear (PQexec (stage->ordering_sql, "SET lock_timeout = '100ms'"));
    assert_int_equal (s_pay (stage, &ask).code, ERROR_NOT_FOUND);
    PQclear (PQexec (stage->ordering_sql, "RESET lock_timeout"));
    stage_sql (stage, "COMMIT");
}

static void
test_event_table (void **state)
{
    /* Every event in every state of payment and order, as the table at payment_event_take says. */
    stage_t *stage = *state;
    static const struct {
        const char *
            before; /* events that lead to the state: c captured, d declined, r refunded, x the order is cancelled, p paid by another */
        uint64_t outcome, payment, order; /* expected states afterwards */
    } rows[] = {
        { "", PAYMENT_CAPTURED, PAYMENT_CAPTURED, ORDER_PAID },
        { "", PAYMENT_DECLINED, PAYMENT_DECLINED, ORDER_PENDING_PAYMENT },
        { "", PAYMENT_REFUNDED, PAYMENT_REFUNDED, ORDER_PENDING_PAYMENT },
        { "d", PAYMENT_CAPTURED, PAYMENT_CAPTURED, ORDER_PAID },
        { "d", PAYMENT_DECLINED, PAYMENT_DECLINED, ORDER_PENDING_PAYMENT },
        { "d", PAYMENT_REFUNDED, PAYMENT_REFUNDED, ORDER_PENDING_PAYMENT },
        { "r", PAYMENT_CAPTURED, PAYMENT_REFUNDED, ORDER_PENDING_PAYMENT },
        { "r", PAYMENT_DECLINED, PAYMENT_REFUNDED, ORDER_PENDING_PAYMENT },
        { "c", PAYMENT_CAPTURED, PAYMENT_CAPTURED, ORDER_PAID },
        { "c", PAYMENT_DECLINED, PAYMENT_CAPTURED, ORDER_PAID },
        { "c", PAYMENT_REFUNDED, PAYMENT_REFUNDED, ORDER_REFUNDED },
        { "cr", PAYMENT_CAPTURED, PAYMENT_REFUNDED, ORDER_REFUNDED },
        { "cr", PAYMENT_REFUNDED, PAYMENT_REFUNDED, ORDER_REFUNDED },
        { "x", PAYMENT_CAPTURED, PAYMENT_REFUND_DUE, ORDER_CANCELLED },
        { "x", PAYMENT_DECLINED, PAYMENT_DECLINED, ORDER_CANCELLED },
        { "xd", PAYMENT_CAPTURED, PAYMENT_REFUND_DUE, ORDER_CANCELLED },
        { "xc", PAYMENT_CAPTURED, PAYMENT_REFUND_DUE, ORDER_CANCELLED },
        { "xc", PAYMENT_DECLINED, PAYMENT_REFUND_DUE, ORDER_CANCELLED },
        { "xc", PAYMENT_REFUNDED, PAYMENT_REFUNDED, ORDER_CANCELLED },
        { "p", PAYMENT_CAPTURED, PAYMENT_REFUND_DUE, ORDER_PAID },
        { "p", PAYMENT_DECLINED, PAYMENT_DECLINED, ORDER_PAID },
        { "pd", PAYMENT_CAPTURED, PAYMENT_REFUND_DUE, ORDER_PAID },
        { "pc", PAYMENT_REFUNDED, PAYMENT_REFUNDED, ORDER_PAID },
    };
    uint64_t sale = stage_new_sale (stage, 100);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        order_event_t event = s_pending (stage, sale, 1 + i, 1);
        payment_order_t ask = s_payment_order (&event, 1), rival = s_payment_order (&event, 2);
        order_change_t change = s_change (&event);
        assert_int_equal (s_pay (stage, &ask).code + s_pay (stage, &rival).code, 0);
        for (const char *step = rows[i].before; *step; step++) {
            if (*step == 'x')
                assert_int_equal (s_cancel (stage, &change), ERROR_NONE);
            else if (*step == 'p')
                s_say (stage, &rival, PAYMENT_CAPTURED);
            else
                s_say (stage, &ask,
                       *step == 'c'   ? PAYMENT_CAPTURED
                       : *step == 'd' ? PAYMENT_DECLINED
                                      : PAYMENT_REFUNDED);
        }
        uint64_t payment = s_payment_status (stage, &ask);
        uint64_t order = (uint64_t)s_order_number (stage, event.rid, "status");
        payment_move_t move = s_say (stage, &ask, rows[i].outcome);
        if (s_payment_status (stage, &ask) != rows[i].payment ||
            (uint64_t)s_order_number (stage, event.rid, "status") != rows[i].order)
            fail_msg ("row %zu (%s, %s): payment %s", i, rows[i].before,
                      payment_status_name (rows[i].outcome),
                      payment_status_name (s_payment_status (stage, &ask)));
        assert_int_equal (move.code, ERROR_NONE);
        assert_int_equal (move.status, payment == rows[i].payment ? 0 : rows[i].payment);
        assert_int_equal (move.order_status, order == rows[i].order ? 0 : rows[i].order);
        if (rows[i].order == ORDER_REFUNDED)
            s_assert_final (stage, event.rid, ORDER_REFUNDED, "provider");
        /* the provider is told of refunds, and of what is pending, and of nothing else */
        assert_int_equal (
            stage_sql_integer (
                stage, "SELECT count (*) FROM payment WHERE payment_id = '\\x%s' AND send_us > 0",
                s_hex (ask.payment_id)),
            rows[i].payment == PAYMENT_REFUND_DUE);
    }
    books_t books = stage_books (stage, sale);
    assert_int_equal (books.sold, books.pending_payment + books.paid);
}

static void
test_event_once (void **state)
{
    /* An event is taken once, by its name, in a batch too; one that names another order or amount is refused and leaves nothing; an
     * unknown payment's is kept, comes again, and is taken when the payment is there. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 100);
    order_event_t order = s_pending (stage, sale, 1, 1), other = s_pending (stage, sale, 2, 1);
    payment_order_t ask = s_payment_order (&order, 1);
    payment_event_t captured = s_event (&ask, PAYMENT_CAPTURED, STAGE_PRICE_CENTS, "one"),
                    wrong = captured;
    for (int round = 0; round < 2; round++) {
        assert_int_equal (s_take (stage, &captured).code, ERROR_BUSY);
        assert_int_equal (s_rows (stage, "payment_unmatched", order.rid, "true"), 1);
    }
    assert_int_equal (s_pay (stage, &ask).code, ERROR_NONE);
    wrong.amount_cents++;
    assert_int_equal (s_take (stage, &wrong).code, ERROR_INVALID_FIELD);
    wrong = captured;
    memcpy (wrong.rid, other.rid, 16);
    assert_int_equal (s_take (stage, &wrong).code, ERROR_INVALID_FIELD);
    wrong = captured;
    wrong.outcome = PAYMENT_PENDING;
    assert_int_equal (s_take (stage, &wrong).code, ERROR_INVALID_FIELD);
    wrong = captured;
    wrong.event_id[0] = 0;
    assert_int_equal (s_take (stage, &wrong).code, ERROR_INVALID_FIELD);
    assert_int_equal (s_payment_status (stage, &ask), PAYMENT_PENDING);
    payment_event_t batch[4] = { captured, captured, wrong, captured };
    payment_move_t moves[4];
    s_call (stage->ordering_sql, CALL_PAYMENT_EVENT_TAKE, batch, 4, moves, 4);
    assert_true (moves[0].code == ERROR_NONE && moves[0].status == PAYMENT_CAPTURED &&
                 moves[0].order_status == ORDER_PAID);
    assert_true (moves[1].code == ERROR_NONE && moves[1].status == 0 && moves[1].order_status == 0);
    assert_true (moves[2].code == ERROR_INVALID_FIELD && moves[3].code == ERROR_NONE);
    assert_int_equal (s_rows (stage, "payment_unmatched", order.rid, "true"), 0);
    assert_int_equal (
        s_rows (stage, "order_move", order.rid, "event IN ('paid', 'payment_captured')"), 2);
    /* of unmatched ones at most 10,000 are kept */
    stage_sql (stage, "INSERT INTO payment_unmatched SELECT 'x' || n, '', '', 2, 1, 1 FROM "
                      "generate_series (1, 9999) n");
    for (uint64_t i = 0; i < 3; i++) {
        payment_order_t nobody = s_payment_order (&order, 100 + i);
        payment_event_t stray = s_event (&nobody, PAYMENT_CAPTURED, 1, "stray");
        assert_int_equal (s_take (stage, &stray).code, ERROR_BUSY);
    }
    assert_int_equal (stage_sql_integer (stage, "SELECT count (*) FROM payment_unmatched"), 10000);
    stage_sql (stage, "DELETE FROM payment_unmatched");
}

/*  What PostgreSQL says of the money of one order is consistent: captured = paid, nothing captured is left otherwise. */
static void
s_assert_money (stage_t *stage, const char *where)
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

static void
test_events_in_any_order (void **state)
{
    /* Two payments of one order, events of both with duplicates and a cancel, in random orders: money is exact in each. A payment whose
     * refund was said ends refunded; the other, whose capture was said, is what the order is paid by, or is to be refunded. */
    stage_t *stage = *state;
    dice_t dice = dice_seeded (11);
    uint64_t sale = stage_new_sale (stage, 1000), paid = 0, refunded = 0;
    for (uint64_t round = 0; round < 200; round++) {
        order_event_t event = s_pending (stage, sale, 1 + round, 1);
        payment_order_t asks[2] = { s_payment_order (&event, 1), s_payment_order (&event, 2) };
        order_change_t change = s_change (&event);
        assert_int_equal (s_pay (stage, &asks[0]).code + s_pay (stage, &asks[1]).code, 0);
        payment_event_t events[] = { s_event (&asks[0], PAYMENT_CAPTURED, STAGE_PRICE_CENTS, "c"),
                                     s_event (&asks[0], PAYMENT_CAPTURED, STAGE_PRICE_CENTS, "c2"),
                                     s_event (&asks[0], PAYMENT_DECLINED, STAGE_PRICE_CENTS, "d"),
                                     s_event (&asks[0], PAYMENT_REFUNDED, STAGE_PRICE_CENTS, "r"),
                                     s_event (&asks[1], PAYMENT_CAPTURED, STAGE_PRICE_CENTS, "c"),
                                     s_event (&asks[1], PAYMENT_DECLINED, STAGE_PRICE_CENTS, "d") };
        for (size_t left = 12; left > 0; left--) {
            uint64_t which = dice_roll (&dice, 7);
            if (which == 6 && dice_roll (&dice, 4) == 0)
                s_cancel (stage, &change);
            else if (which < 6)
                assert_int_equal (s_take (stage, &events[which]).code, ERROR_NONE);
        }
        for (size_t i = 0; i < 6; i++)
            assert_int_equal (s_take (stage, &events[i]).code, ERROR_NONE);
        uint64_t order = (uint64_t)s_order_number (stage, event.rid, "status");
        uint64_t second = s_payment_status (stage, &asks[1]);
        assert_int_equal (s_payment_status (stage, &asks[0]), PAYMENT_REFUNDED);
        assert_int_equal (second, order == ORDER_PAID ? PAYMENT_CAPTURED : PAYMENT_REFUND_DUE);
        paid += order == ORDER_PAID;
        refunded += order == ORDER_REFUNDED;
    }
    s_assert_money (stage, "true");
    books_t books = stage_books (stage, sale);
    assert_true (books.sold == books.paid && books.paid == paid);
    printf ("# paid %" PRIu64 ", refunded %" PRIu64 ", cancelled %" PRIu64 "\n", paid, refunded,
            200 - paid - refunded);
    assert_true (paid > 0 && refunded > 0 && paid + refunded < 200);
}

static size_t
s_due (PGconn *sql, uint64_t token, charge_t *charges)
{
    scan_t scan = { .token = token, .limit = 256 };
    int rows = sql_call (sql, CALL_PAYMENT_DUE, &scan, 1, charges, 256);
    if (rows < 0)
        fail_msg ("%s", store_error ());
    return (size_t)rows;
}

static long long
s_wait_ms (stage_t *stage, const payment_order_t *ask)
{
    return stage_sql_integer (
        stage, "SELECT (send_us - clock_us ()) / 1000 FROM payment WHERE payment_id = '\\x%s'",
        s_hex (ask->payment_id));
}

static void
test_payment_due (void **state)
{
    /* Nothing before its time; then each time twice as far away up to a minute. Charges end after 20 times, and with the order; refunds
     * go on. A token below the lease's gets nothing. */
    stage_t *stage = *state;
    static charge_t charges[256];
    stage_sql (stage, "UPDATE payment SET send_us = 0");
    uint64_t sale = stage_new_sale (stage, 10);
    order_event_t order = s_pending (stage, sale, 1, 2);
    payment_order_t charge = s_payment_order (&order, 1), refund = s_payment_order (&order, 2);
    assert_int_equal (s_pay (stage, &charge).code + s_pay (stage, &refund).code, 0);
    assert_int_equal (s_due (stage->ordering_sql, 0, charges), 0);
    assert_in_range (s_wait_ms (stage, &charge), 1000, 3000);
    for (int i = 0; i < 25; i++) {
        stage_sql (stage,
                   "UPDATE payment SET send_us = 1 WHERE send_us > 0 AND payment_id = '\\x%s'",
                   s_hex (charge.payment_id));
        size_t count = s_due (stage->ordering_sql, 0, charges);
        assert_int_equal (count, i < 20);
        if (count) {
            assert_true (charges[0].amount_cents == 2 * STAGE_PRICE_CENTS &&
                         charges[0].refund == 0);
            assert_string_equal (charges[0].outcome, "succeed");
            assert_memory_equal (charges[0].payment_id, charge.payment_id, 16);
            long long wait_ms = i < 5 ? 2000LL << i : 60000;
            assert_in_range (s_wait_ms (stage, &charge), wait_ms - 1000, wait_ms);
        }
    }
    /* a final order's charge is not sent any more; its capture is refunded for ever */
    stage_sql (stage, "UPDATE payment SET send_us = 1, sent_count = 0 WHERE rid = '\\x%s'",
               s_hex (order.rid));
    order_change_t change = s_change (&order);
    assert_int_equal (s_cancel (stage, &change), ERROR_NONE);
    assert_int_equal (s_say (stage, &refund, PAYMENT_CAPTURED).status, PAYMENT_REFUND_DUE);
    assert_in_range (s_wait_ms (stage, &refund) + 1000, 0, 1000);
    lease_t lease = { .name = "scheduler", .holder = "ordering/7", .incarnation = 7, .ttl_ms = 0 };
    s_call (stage->ordering_sql, CALL_LEASE_TAKE, &lease, 1, &lease, 1);
    assert_int_equal (lease.held, 1);
    if (lease.token > 1)
        assert_int_equal (s_due (stage->ordering_sql, lease.token - 1, charges), 0);
    for (int i = 0; i < 30; i++) {
        assert_int_equal (s_due (stage->ordering_sql, lease.token, charges), 1);
        assert_true (charges[0].refund == 1 &&
                     !memcmp (charges[0].payment_id, refund.payment_id, 16));
        stage_sql (stage,
                   "UPDATE payment SET send_us = 1 WHERE send_us > 0 AND payment_id = '\\x%s'",
                   s_hex (refund.payment_id));
    }
    /* two callers take different rows, and neither waits */
    stage_sql (stage, "BEGIN; SELECT 1 FROM payment WHERE payment_id = '\\x%s' FOR UPDATE",
               s_hex (refund.payment_id));
    assert_int_equal (s_due (stage->ordering_sql, 0, charges), 0);
    stage_sql (stage, "COMMIT");
    assert_int_equal (s_due (stage->ordering_sql, 0, charges), 1);
    assert_int_equal (s_say (stage, &refund, PAYMENT_REFUNDED).status, PAYMENT_REFUNDED);
    stage_sql (stage, "UPDATE payment SET send_us = 1 WHERE send_us > 0");
    assert_int_equal (s_due (stage->ordering_sql, 0, charges), 0);
}

/* -------------------------------------------------------------------------- questions */

static int
s_ask (stage_t *stage, call_name_t call, const query_t *query, void *rows)
{
    int count = sql_call (stage->ordering_sql, call, query, 1, rows, 256);
    if (count < 0)
        fail_msg ("%s", store_error ());
    return count;
}

static void
test_lists (void **state)
{
    /* Payments and timeline of one order, for its owner and for operators; without a rid those of the orders that order_list answers.
     * Oldest first, and never more than one message holds. */
    stage_t *stage = *state;
    static payment_t payments[256];
    static moment_t moments[256];
    uint64_t sale = stage_new_sale (stage, 100), user = 555;
    order_event_t order = s_pending (stage, sale, user, 1);
    payment_order_t asks[2] = { s_payment_order (&order, 1), s_payment_order (&order, 2) };
    for (size_t i = 0; i < 2; i++)
        assert_int_equal (s_pay (stage, &asks[i]).code, ERROR_NONE);
    s_say (stage, &asks[0], PAYMENT_DECLINED);
    s_say (stage, &asks[1], PAYMENT_CAPTURED);
    query_t query = { .user_id = user };
    memcpy (query.rid, order.rid, 16);
    assert_int_equal (s_ask (stage, CALL_PAYMENT_LIST, &query, payments), 2);
    assert_true (payments[0].status == PAYMENT_DECLINED && payments[1].status == PAYMENT_CAPTURED);
    assert_memory_equal (payments[0].payment_id, asks[0].payment_id, 16);
    const char *expected[] = { "pending_payment ordering",  "payment_created shopper",
                               "payment_created shopper",   "payment_declined provider",
                               "payment_captured provider", "paid provider" };
    assert_int_equal (s_ask (stage, CALL_MOMENT_LIST, &query, moments), 6);
    for (int i = 0; i < 6; i++) {
        char text[80];
        snprintf (text, sizeof text, "%s %s", moments[i].event, moments[i].actor);
        assert_string_equal (text, expected[i]);
        assert_memory_equal (moments[i].rid, order.rid, 16);
        assert_true (i == 0 || moments[i].at_us >= moments[i - 1].at_us);
    }
    query.user_id = user + 1;
    assert_int_equal (s_ask (stage, CALL_PAYMENT_LIST, &query, payments), 0);
    assert_int_equal (s_ask (stage, CALL_MOMENT_LIST, &query, moments), 0);
    query.operator= 1;
    assert_int_equal (s_ask (stage, CALL_PAYMENT_LIST, &query, payments), 2);
    /* a cancelled row that never was pending, and rejected ones of both kinds, begin with what they are */
    order_event_t unwritten = stage_event (sale, 1, user + 1, 1, 1, 50),
                  poison = stage_event (sale, 1, user + 2, 1, 1, 51),
                  guarded = stage_event (stage_new_sale (stage, 0), 1, 1, 1, 1, 1);
    order_change_t held = s_held (&unwritten);
    dead_letter_t letter = s_letter (&poison);
    assert_int_equal (s_cancel (stage, &held), ERROR_NONE);
    assert_int_equal (s_reject (stage, &letter), ERROR_REJECTED);
    assert_int_equal (stage_write_one (stage, &guarded), ERROR_REJECTED);
    const order_event_t *finals[] = { &unwritten, &poison, &guarded };
    for (size_t i = 0; i < 3; i++) {
        memcpy (query.rid, finals[i]->rid, 16);
        assert_int_equal (s_ask (stage, CALL_MOMENT_LIST, &query, moments), 1);
        assert_string_equal (moments[0].event, i == 0 ? "cancelled" : "rejected");
    }
    /* a page of orders: at most 256 rows in all, the newest of each */
    for (uint64_t i = 0; i < 30; i++) {
        order_event_t more = s_pending (stage, stage_new_sale (stage, 10), user, 1);
        for (uint64_t k = 0; k < 10; k++) {
            payment_order_t ask = s_payment_order (&more, k);
            assert_int_equal (s_pay (stage, &ask).code, ERROR_NONE);
        }
    }
    query = (query_t){ .user_id = user, .limit = 30 };
    assert_int_equal (s_ask (stage, CALL_PAYMENT_LIST, &query, payments), 240);
    assert_int_equal (s_ask (stage, CALL_MOMENT_LIST, &query, moments), 240);
    assert_true (payments[0].payment_id[8] == 2 && payments[7].payment_id[8] == 9);
    query.limit = 256;
    assert_true (s_ask (stage, CALL_MOMENT_LIST, &query, moments) <= 256);
}

static void
test_plans_of_cold_tables (void **state)
{
    /* Regression: on tables without statistics, and with other sales' orders in plenty, the scans read little more than they change. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 100000), small = stage_new_sale (stage, 10);
    static order_event_t events[BATCH_ENTRIES_MAX];
    static order_outcome_t outcomes[BATCH_ENTRIES_MAX];
    for (uint64_t batch = 0; batch < 40; batch++) {
        for (uint64_t i = 0; i < BATCH_ENTRIES_MAX; i++)
            events[i] = stage_event (sale, 1, 1 + batch * BATCH_ENTRIES_MAX + i, 1, 1, 1);
        s_call (stage->ordering_sql, CALL_ORDER_WRITE, events, BATCH_ENTRIES_MAX, outcomes,
                BATCH_ENTRIES_MAX);
    }
    PGconn *sql = servers_sql (stage->servers, "minishop_ordering", "minishop");
    order_event_t due = s_pending (stage, small, 1, 1);
    const char *read = "SELECT sum (idx_tup_read) FROM pg_stat_user_indexes WHERE relname IN "
                       "('orders', 'payment')";
    long long spent[3] = { 0 };
    for (size_t i = 0; i < 3; i++) {
        if (i > 0)
            s_set_due (stage, due.rid, 10);
        stage_sql (stage, "SELECT pg_stat_force_next_flush ()");
        long long before = stage_sql_integer (stage, "%s", read);
        if (i == 0)
            assert_int_equal (s_expire (sql, 0, 0, 512).expired_count, 0);
        else if (i == 1)
            assert_int_equal (s_expire (sql, 0, 0, 512).expired_count, 1);
        else
            for (int k = 0; k < 10; k++) {
                order_change_t change = s_change (&events[k]);
                assert_int_equal (sql_call (sql, CALL_ORDER_CANCEL, &change, 1, outcomes, 1), 1);
            }
        PQclear (PQexec (sql, "SELECT 1"));
        PQfinish (sql); /* its counts are told when it ends */
        sql = servers_sql (stage->servers, "minishop_ordering", "minishop");
        stage_sql (stage, "SELECT pg_stat_force_next_flush ()");
        while (stage_sql_integer (
                   stage,
                   "SELECT count (*) FROM pg_stat_activity WHERE usename = 'minishop_ordering'") >
               2)
            ;
        spent[i] = stage_sql_integer (stage, "%s", read) - before;
        assert_in_range (spent[i], 0, 300);
    }
    PQfinish (sql);
    stage_sql (stage, "DELETE FROM orders WHERE sale_id = %d", (int)sale);
    printf ("# index entries read: nothing due %lld, one due %lld, ten cancels %lld\n", spent[0],
            spent[1], spent[2]);
}

/* -------------------------------------------------------------------------- everything at once */

#define RACE_ORDERS 4000u
#define RACE_THREADS 6u
#define RACE_TURNS 120u

typedef struct racer_t {
    PGconn *sql;
    uint64_t number, sale;
    uint64_t seed;
    uint64_t codes[ERROR_NUMBERS], moves[8], order_moves[8], expired, calls;
    int failures;
} racer_t;

static void
s_race_payments (racer_t *self, const order_event_t *events, size_t count, dice_t *dice)
{
    payment_order_t asks[64];
    payment_t payments[64];
    payment_event_t said[128];
    payment_move_t moves[128];
    for (size_t i = 0; i < count; i++)
        asks[i] = s_payment_order (&events[i], dice_roll (dice, 2));
    self->failures +=
        sql_call (self->sql, CALL_PAYMENT_CREATE, asks, count, payments, count) != (int)count;
    for (size_t i = 0; i < count; i++)
        self->codes[payments[i].code]++;
    size_t events_count = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t roll = dice_roll (dice, 10);
        uint64_t outcome = roll < 7   ? PAYMENT_CAPTURED
                           : roll < 9 ? PAYMENT_DECLINED
                                      : PAYMENT_REFUNDED;
        const char *name = outcome == PAYMENT_CAPTURED   ? "c"
                           : outcome == PAYMENT_DECLINED ? "d"
                                                         : "r";
        said[events_count] = s_event (&asks[i], outcome, STAGE_PRICE_CENTS, name);
        said[events_count + 1] = said[events_count];
        events_count += 1 + (roll & 1);
    }
    self->failures += sql_call (self->sql, CALL_PAYMENT_EVENT_TAKE, said, events_count, moves,
                                events_count) != (int)events_count;
    for (size_t i = 0; i < events_count; i++) {
        self->codes[moves[i].code]++;
        self->moves[moves[i].status & 7]++;
        self->order_moves[moves[i].order_status & 7]++;
    }
}

static void
s_race_cancels (racer_t *self, const order_event_t *events, size_t count)
{
    order_change_t changes[64];
    order_outcome_t outcomes[64];
    for (size_t i = 0; i < count; i++)
        changes[i] = s_held (&events[i]);
    self->failures +=
        sql_call (self->sql, CALL_ORDER_CANCEL, changes, count, outcomes, count) != (int)count;
    for (size_t i = 0; i < count; i++)
        self->codes[outcomes[i].code]++;
}

static void *
s_race (void *argument)
{
    racer_t *self = argument;
    dice_t dice = { self->seed };
    for (uint64_t turn = 0; turn < RACE_TURNS; turn++) {
        order_event_t events[64];
        order_outcome_t outcomes[64];
        size_t count = 1 + dice_roll (&dice, 64);
        for (size_t i = 0; i < count; i++) { /* mostly around one moving place, so that they meet */
            uint64_t user =
                1 + (turn * RACE_ORDERS / RACE_TURNS + dice_roll (&dice, 128)) % RACE_ORDERS;
            events[i] = stage_event (self->sale, 1, user, 1, 1, user);
        }
        uint64_t what = dice_roll (&dice, 10);
        self->calls++;
        if (what < 3)
            self->failures += sql_call (self->sql, CALL_ORDER_WRITE, events, count, outcomes,
                                        count) != (int)count;
        else if (what < 7)
            s_race_payments (self, events, count, &dice);
        else if (what < 9)
            s_race_cancels (self, events, count / 4 + 1);
        else
            self->expired +=
                s_expire (self->sql, dice_roll (&dice, 2) ? self->sale : 0, 0, 64).expired_count;
    }
    return NULL;
}

static void
test_race (void **state)
{
    /* Six connections write, pay, cancel, expire and take duplicated events of the same few thousand orders at once. Afterwards no
     * statement had failed, and money, units and ledger are exact: captured = paid, `sold` = active, one ALLOC and at most one RETURN,
     * a release for every final order, and every move counted is a row. */
    stage_t *stage = *state;
    dice_t dice = dice_seeded (2026);
    uint64_t sale = stage_new_sale (stage, RACE_ORDERS);
    /* a tenth of the orders is due from the beginning */
    stage_sql (stage, "CREATE FUNCTION due_at_once () RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                      "IF NEW.user_id %% 10 = 0 THEN "
                      "NEW.pay_before_us := 1; END IF; RETURN NEW; END $$; CREATE TRIGGER "
                      "due_at_once BEFORE INSERT ON orders "
                      "FOR EACH ROW EXECUTE FUNCTION due_at_once ()");
    static racer_t racers[RACE_THREADS];
    pthread_t threads[RACE_THREADS];
    for (uint64_t i = 0; i < RACE_THREADS; i++) {
        racers[i] = (racer_t){ .sql = servers_sql (stage->servers, "minishop_ordering", "minishop"),
                               .number = i,
                               .sale = sale,
                               .seed = dice_next (&dice) };
        assert_int_equal (pthread_create (&threads[i], NULL, s_race, &racers[i]), 0);
    }
    racer_t all = { 0 };
    for (size_t i = 0; i < RACE_THREADS; i++) {
        pthread_join (threads[i], NULL);
        PQfinish (racers[i].sql);
        for (size_t k = 0; k < ERROR_NUMBERS; k++)
            all.codes[k] += racers[i].codes[k];
        for (size_t k = 0; k < 8; k++) {
            all.moves[k] += racers[i].moves[k];
            all.order_moves[k] += racers[i].order_moves[k];
        }
        all.expired += racers[i].expired;
        all.failures += racers[i].failures;
    }
    stage_sql (stage, "DROP TRIGGER due_at_once ON orders; DROP FUNCTION due_at_once");
    assert_int_equal (all.failures, 0);

    char of_sale[64];
    snprintf (of_sale, sizeof of_sale, "o.sale_id = %" PRIu64, sale);
    s_assert_money (stage, of_sale);
    books_t books = stage_books (stage, sale);
    assert_int_equal (books.sold, books.pending_payment + books.paid);
    assert_int_equal (books.duplicated, 0);
#define COUNT(text)                                                                                \
    stage_sql_integer (stage, "SELECT count (*) FROM orders o WHERE o.sale_id = %d AND " text,     \
                       (int)sale)
    long long counts[8];
    for (int status = 0; status < 8; status++)
        counts[status] = stage_sql_integer (
            stage, "SELECT count (*) FROM orders WHERE sale_id = %d AND status = %d", (int)sale,
            status);
    assert_int_equal (
        COUNT ("(SELECT count (*) FROM ledger l WHERE l.rid = o.rid AND kind = 'ALLOC') <> 1"), 0);
    assert_int_equal (COUNT ("(SELECT count (*) FROM ledger l WHERE l.rid = o.rid AND kind = "
                             "'RETURN') <> (status NOT IN (2, 3))::int"),
                      0);
    assert_int_equal (COUNT ("(SELECT count (*) FROM release_box b WHERE b.rid = o.rid) <> (status "
                             "NOT IN (2, 3))::int"),
                      0);
    assert_int_equal (
        COUNT ("(SELECT count (*) FROM order_move m WHERE m.rid = o.rid AND m.event IN "
               "('cancelled', 'expired', 'refunded')) <> (status NOT IN (2, 3))::int"),
        0);
    assert_int_equal (COUNT ("EXISTS (SELECT FROM order_move m WHERE m.rid = o.rid AND m.event = "
                             "'paid') <> (status IN (3, 7))"),
                      0);
    assert_int_equal (COUNT ("status = 6"), 0);
    assert_int_equal (all.expired, counts[ORDER_EXPIRED]);
    assert_int_equal (all.order_moves[ORDER_REFUNDED], counts[ORDER_REFUNDED]);
    assert_int_equal (all.order_moves[ORDER_PAID], counts[ORDER_PAID] + counts[ORDER_REFUNDED]);
    assert_int_equal (
        all.moves[PAYMENT_REFUND_DUE],
        stage_sql_integer (stage,
                           "SELECT count (*) FROM order_move m JOIN orders o USING (rid) WHERE "
                           "o.sale_id = %d AND m.event = 'payment_refund_due'",
                           (int)sale));
    printf (
        "# pending %lld paid %lld cancelled %lld expired %lld refunded %lld; refunds due %" PRIu64
        ", not_found %" PRIu64 ", invalid_state %" PRIu64 ", unmatched %" PRIu64 "\n",
        counts[2], counts[3], counts[4], counts[5], counts[7], all.moves[PAYMENT_REFUND_DUE],
        all.codes[ERROR_NOT_FOUND], all.codes[ERROR_INVALID_STATE], all.codes[ERROR_BUSY]);
    for (int status = ORDER_PENDING_PAYMENT; status <= ORDER_REFUNDED; status++)
        assert_true (counts[status] > 0 || status == ORDER_REJECTED);
    assert_true (all.moves[PAYMENT_REFUND_DUE] > 0 && all.codes[ERROR_INVALID_STATE] > 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_plans_of_cold_tables),
        cmocka_unit_test (test_cancel),
        cmocka_unit_test (test_cancel_of_other_states),
        cmocka_unit_test (test_cancel_by_operator),
        cmocka_unit_test (test_cancel_before_the_row),
        cmocka_unit_test (test_expire),
        cmocka_unit_test (test_expire_is_fenced),
        cmocka_unit_test (test_expire_passes_locked_sales),
        cmocka_unit_test (test_expire_under_steady_writing),
        cmocka_unit_test (test_reject),
        cmocka_unit_test (test_reject_of_others),
        cmocka_unit_test (test_payment_create),
        cmocka_unit_test (test_create_waits_for_no_row),
        cmocka_unit_test (test_event_table),
        cmocka_unit_test (test_event_once),
        cmocka_unit_test (test_events_in_any_order),
        cmocka_unit_test (test_payment_due),
        cmocka_unit_test (test_lists),
        cmocka_unit_test (test_race),
    };
    return cmocka_run_group_tests (tests, stage_set_up, stage_tear_down);
}
