/*  What becomes of an order, on a real PostgreSQL: cancel, expiry, poison, and what is read about it. */

#include "order_stage.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define US_PER_S 1000000u

/* -------------------------------------------------------------------------- cancel */

static void
test_cancel (void **state)
{
    /* A pending order becomes cancelled with everything that belongs to it, once, however often it is asked; by a stranger it is not
     * found, and the shopper may buy again. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 10);
    order_event_t event = orders_pending (stage, sale, 1, 3);
    order_change_t change = orders_change (&event), stranger = change;
    stranger.user_id = 2;
    assert_int_equal (orders_cancel (stage, &stranger), ERROR_NOT_FOUND);
    assert_int_equal (orders_order_number (stage, event.rid, "status"), ORDER_PENDING_PAYMENT);
    for (int round = 0; round < 3; round++) {
        assert_int_equal (orders_cancel (stage, &change), ERROR_NONE);
        orders_assert_final (stage, event.rid, ORDER_CANCELLED, "shopper");
        books_t books = stage_books (stage, sale);
        assert_true (books.sold == 0 && books.returned == 3 && books.returning == 3 &&
                     books.active_count == 0);
        change.held = 1; /* what the gate says does not count where there is a row */
        change.epoch = 77;
    }
    assert_int_equal (orders_cancel (stage, &stranger), ERROR_NOT_FOUND);
    assert_int_equal (orders_rows (stage, "orders", event.rid, "reason = 'changed my mind'"), 1);
    assert_int_equal (stage_sql_integer (stage,
                                         "SELECT count (*) FROM admin_log WHERE target = "
                                         "'order ' || rid_text ('\\x%s')",
                                         orders_hex (event.rid)),
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
        order_event_t event = orders_order_in (stage, sale, 1 + i, states[i]);
        order_change_t change = orders_held (&event);
        assert_int_equal (orders_cancel (stage, &change), ERROR_INVALID_STATE);
        assert_int_equal (orders_order_number (stage, event.rid, "status"), states[i]);
    }
    uint64_t small = stage_new_sale (stage, 0);
    order_event_t rejected = stage_event (small, 1, 1, 1, 1, 1);
    assert_int_equal (stage_write_one (stage, &rejected), ERROR_REJECTED);
    order_change_t change = orders_change (&rejected);
    assert_int_equal (orders_cancel (stage, &change), ERROR_INVALID_STATE);
    order_event_t nothing = stage_event (sale, 1, 99, 1, 1, 99);
    change = orders_change (&nothing);
    assert_int_equal (orders_cancel (stage, &change), ERROR_NOT_FOUND);
    change.sale_id = 0; /* then it is in the rid */
    assert_int_equal (orders_cancel (stage, &change), ERROR_NOT_FOUND);
    change = orders_held (&nothing);
    change.sale_id += 1000000;
    assert_int_equal (orders_cancel (stage, &change), ERROR_NOT_FOUND);
}

static void
test_cancel_by_operator (void **state)
{
    /* An operator cancels anybody's order, is named in it, and stands once in the log with the reason. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 10);
    order_event_t event = orders_pending (stage, sale, 1, 1),
                  unwritten = stage_event (sale, 1, 2, 1, 1, 2);
    order_change_t change = orders_change (&event);
    change.user_id = 0;
    change.operator= 1;
    snprintf (change.actor, sizeof change.actor, "olga");
    order_change_t batch[2] = { change, change };
    order_outcome_t outcomes[2];
    for (int round = 0; round < 2; round++) {
        orders_call (stage->ordering_sql, CALL_ORDER_CANCEL, batch, 2, outcomes, 2);
        assert_true (outcomes[0].code == ERROR_NONE && outcomes[1].code == ERROR_NONE);
    }
    orders_assert_final (stage, event.rid, ORDER_CANCELLED, "olga");
    order_change_t held = orders_held (&unwritten);
    held.operator= 1;
    snprintf (held.actor, sizeof held.actor, "olga");
    assert_int_equal (orders_cancel (stage, &held), ERROR_NONE);
    const order_event_t *events[] = { &event, &unwritten };
    const char *before[] = { "pending_payment", "reserved" };
    for (size_t i = 0; i < 2; i++)
        assert_int_equal (
            stage_sql_integer (stage,
                               "SELECT count (*) FROM admin_log WHERE who = 'olga' AND action = "
                               "'order_cancel' AND before = '%s' AND after = 'cancelled: changed "
                               "my mind' AND target = 'order ' || rid_text ('\\x%s')",
                               before[i], orders_hex (events[i]->rid)),
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
    order_change_t change = orders_held (&event);
    order_change_t batch[3] = { change, orders_held (&stale), change };
    order_outcome_t outcomes[3];
    for (int round = 0; round < 2; round++) {
        orders_call (stage->ordering_sql, CALL_ORDER_CANCEL, batch, 3, outcomes, 3);
        assert_int_equal (outcomes[0].code, ERROR_NONE);
        assert_int_equal (outcomes[1].code, ERROR_RECOVERING);
        assert_int_equal (outcomes[2].code, ERROR_NONE);
        orders_assert_final (stage, event.rid, ORDER_CANCELLED, "shopper");
    }
    assert_int_equal (orders_rows (stage, "orders", stale.rid, "true"), 0);
    assert_int_equal (stage_write_one (stage, &event), ERROR_NONE);
    orders_assert_final (stage, event.rid, ORDER_CANCELLED, "shopper");
    books_t books = stage_books (stage, sale);
    assert_true (books.sold == 0 && books.returned == 4 && books.returning == 4 &&
                 books.pending_payment == 0 && books.duplicated == 0);
    assert_int_equal (
        stage_sql_integer (stage, "SELECT sequence FROM sale_sku WHERE sale_id = %d", (int)sale),
        17);
    order_change_t wrong = orders_held (&stale);
    wrong.epoch = 1;
    wrong.quantity = 0;
    assert_int_equal (orders_cancel (stage, &wrong), ERROR_INVALID_FIELD);
    /* in the snapshot of the next epoch it is released */
    assert_int_equal (stage_bump (stage, sale, STAGE_TOKEN).epoch, 2);
    gate_entry_t ask = { .sale_id = sale, .epoch = 2 }, page[2];
    assert_int_equal (sql_call (stage->inventory_sql, CALL_EPOCH_PAGE, &ask, 1, page, 2), 1);
    assert_true (page[0].held == 0 && page[0].quantity == 4 &&
                 page[0].body_hash == event.body_hash);
    assert_int_equal (orders_cancel (stage, &change), ERROR_NONE);
}

/* -------------------------------------------------------------------------- expiry */

static void
test_expire (void **state)
{
    /* Exactly the pending orders whose time is over expire, the soonest first and no more than asked for; the answer says when to look
     * again; what is paid or cancelled stays. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 20), other = stage_new_sale (stage, 20);
    order_event_t due[4], later = orders_pending (stage, sale, 9, 1),
                          paid = orders_order_in (stage, sale, 10, ORDER_PAID);
    order_event_t elsewhere = orders_pending (stage, other, 1, 2);
    for (uint64_t i = 0; i < 4; i++) {
        due[i] = orders_pending (stage, sale, 1 + i, 1 + i);
        orders_set_due (stage, due[i].rid, 100 - (long long)i);
    }
    orders_set_due (stage, paid.rid, 100);
    orders_set_due (stage, elsewhere.rid, 50);
    expiry_t expiry = orders_expire (stage->ordering_sql, sale, 0, 3);
    assert_true (expiry.code == ERROR_NONE && expiry.expired_count == 3 && expiry.next_us > 0 &&
                 expiry.next_us < expiry.now_us);
    for (size_t i = 0; i < 3; i++)
        orders_assert_final (stage, due[i].rid, ORDER_EXPIRED, "timeout");
    assert_int_equal (orders_order_number (stage, due[3].rid, "status"), ORDER_PENDING_PAYMENT);
    expiry = orders_expire (stage->ordering_sql, sale, 0, 3);
    assert_int_equal (expiry.expired_count, 1);
    assert_int_equal (expiry.next_us, orders_order_number (stage, later.rid, "pay_before_us"));
    assert_int_equal (orders_expire (stage->ordering_sql, sale, 0, 3).expired_count, 0);
    assert_int_equal (orders_order_number (stage, elsewhere.rid, "status"), ORDER_PENDING_PAYMENT);
    assert_int_equal (orders_expire (stage->ordering_sql, 0, 0, 1000).expired_count, 1);
    orders_assert_final (stage, elsewhere.rid, ORDER_EXPIRED, "timeout");
    assert_int_equal (orders_order_number (stage, paid.rid, "status"), ORDER_PAID);
    books_t books = stage_books (stage, sale);
    assert_true (books.sold == 2 && books.returned == 10 && books.returning == 10);
    assert_int_equal (orders_expire (stage->ordering_sql, other, 0, 3).next_us, 0);
}

static void
test_expire_is_fenced (void **state)
{
    /* A token below the lease's does nothing; its own does, and 0 stands for no lease. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 20);
    order_event_t event = orders_pending (stage, sale, 1, 1);
    orders_set_due (stage, event.rid, 1);
    lease_t ask = { .name = "scheduler", .holder = "ordering/1", .incarnation = 5, .ttl_ms = 0 },
            lease;
    orders_call (stage->ordering_sql, CALL_LEASE_TAKE, &ask, 1, &lease, 1);
    uint64_t old = lease.token;
    snprintf (ask.holder, sizeof ask.holder, "ordering/2");
    ask.incarnation = 6;
    orders_call (stage->ordering_sql, CALL_LEASE_TAKE, &ask, 1, &lease, 1);
    assert_true (lease.held && lease.token == old + 1);
    expiry_t expiry = orders_expire (stage->ordering_sql, 0, old, 100);
    assert_true (expiry.code == ERROR_FENCED && expiry.expired_count == 0);
    assert_int_equal (orders_order_number (stage, event.rid, "status"), ORDER_PENDING_PAYMENT);
    assert_int_equal (orders_expire (stage->ordering_sql, sale, lease.token, 100).expired_count, 1);
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
    self->expiry = orders_expire (self->sql, self->sale, 0, 100);
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
    order_event_t a = orders_pending (stage, locked, 1, 1), b = orders_pending (stage, free_, 1, 1),
                  c = orders_pending (stage, free_, 2, 1);
    PGconn *writer = servers_sql (stage->servers, NULL, "minishop");
    char lock[128];
    snprintf (lock, sizeof lock, "BEGIN; SELECT 1 FROM sale WHERE sale_id = %" PRIu64 " FOR UPDATE",
              locked);
    PQclear (PQexec (writer, lock));
    orders_set_due (stage, a.rid, 100);
    orders_set_due (stage, b.rid, 50);
    expiry_t expiry = orders_expire (stage->ordering_sql, 0, 0, 100);
    assert_int_equal (expiry.expired_count, 1);
    assert_int_equal (expiry.next_us, expiry.now_us + 50000);
    orders_assert_final (stage, b.rid, ORDER_EXPIRED, "timeout");
    assert_int_equal (orders_order_number (stage, a.rid, "status"), ORDER_PENDING_PAYMENT);
    /* over 400 ms, and the lock stays: given up after a second, and c does not wait for another call */
    orders_set_due (stage, a.rid, 500);
    orders_set_due (stage, c.rid, 1);
    expiry = orders_expire (stage->ordering_sql, 0, 0, 1);
    assert_int_equal (expiry.expired_count, 1);
    orders_assert_final (stage, c.rid, ORDER_EXPIRED, "timeout");
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
    orders_assert_final (stage, a.rid, ORDER_EXPIRED, "timeout");
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
        order_event_t event = orders_pending (stage, sale, 1 + round, 1);
        orders_set_due (stage, event.rid, 0);
        for (;;) {
            expiry_t expiry = orders_expire (stage->ordering_sql, 0, 0, 512);
            if (expiry.expired_count) {
                assert_int_equal (expiry.expired_count, 1);
                break;
            }
            usleep (20000); /* the scanner's own pause */
        }
        uint64_t late_us =
            (uint64_t)orders_order_number (stage, event.rid, "changed_us - pay_before_us");
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
    dead_letter_t letter = orders_letter (&event);
    assert_int_equal (orders_reject (stage, &letter), ERROR_REJECTED);
    for (int round = 0; round < 2; round++) {
        assert_int_equal (orders_reject (stage, &letter), ERROR_NONE);
        assert_int_equal (stage_write_one (stage, &event), ERROR_NONE);
        assert_int_equal (
            orders_rows (stage, "orders", event.rid,
                         "status = 6 AND reason = 'poison' AND final_epoch = 1 AND quantity = 2"),
            1);
        assert_int_equal (orders_rows (stage, "ledger", event.rid, "true"), 0);
        assert_int_equal (orders_rows (stage, "release_box", event.rid, "units = 2"), 1);
        assert_int_equal (orders_rows (stage, "order_move", event.rid, "event = 'rejected'"), 1);
        assert_int_equal (
            orders_rows (stage, "dead_letter", event.rid,
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
    dead_letter_t letter = orders_letter (&unreadable);
    for (int round = 0; round < 2; round++)
        assert_int_equal (orders_reject (stage, &letter), ERROR_NONE);
    assert_int_equal (s_letters (stage, sale), 1);

    order_event_t pending = orders_pending (stage, sale, 2, 1),
                  final = orders_order_in (stage, sale, 3, ORDER_CANCELLED);
    letter = orders_letter (&pending);
    assert_int_equal (orders_reject (stage, &letter), ERROR_NONE);
    assert_int_equal (orders_order_number (stage, pending.rid, "status"), ORDER_PENDING_PAYMENT);
    assert_int_equal (orders_rows (stage, "release_box", pending.rid, "true"), 0);
    stage_sql (stage, "DELETE FROM release_box WHERE sale_id = %d", (int)sale);
    letter = orders_letter (&final);
    letter.epoch = 2;
    assert_int_equal (orders_reject (stage, &letter), ERROR_NONE);
    assert_int_equal (orders_rows (stage, "release_box", final.rid, "true"), 0);
    letter.epoch = 1;
    assert_int_equal (orders_reject (stage, &letter), ERROR_NONE);
    assert_int_equal (orders_rows (stage, "release_box", final.rid, "true"), 1);
    long long letters = s_letters (stage, sale);
    assert_int_equal (letters, 4);

    order_event_t stale = stage_event (sale, 2, 4, 1, 1, 1),
                  nowhere = stage_event (sale + 1000000, 1, 4, 1, 1, 1);
    letter = orders_letter (&stale);
    assert_int_equal (orders_reject (stage, &letter), ERROR_STALE_EPOCH);
    letter = orders_letter (&nowhere);
    assert_int_equal (orders_reject (stage, &letter), ERROR_STALE_EPOCH);
    assert_int_equal (s_letters (stage, sale), letters);
    assert_int_equal (s_letters (stage, sale + 1000000), 0);

    order_event_t empty = stage_event (sale, 1, 5, 1, 1, 7);
    letter = orders_letter (&empty);
    letter.quantity = 0;
    letter.sequence = 1000000000000000000;
    assert_int_equal (orders_reject (stage, &letter), ERROR_REJECTED);
    assert_int_equal (orders_rows (stage, "dead_letter", empty.rid, "quantity = 0"), 1);
    assert_int_equal (orders_rows (stage, "release_box", empty.rid, "units = 1"), 1);
    assert_in_range (
        stage_sql_integer (stage, "SELECT sequence FROM sale_sku WHERE sale_id = %d", (int)sale), 1,
        100);
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
    order_event_t order = orders_pending (stage, sale, user, 1);
    payment_order_t asks[2] = { orders_payment_order (&order, 1),
                                orders_payment_order (&order, 2) };
    for (size_t i = 0; i < 2; i++)
        assert_int_equal (orders_pay (stage, &asks[i]).code, ERROR_NONE);
    orders_say (stage, &asks[0], PAYMENT_DECLINED);
    orders_say (stage, &asks[1], PAYMENT_CAPTURED);
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
    order_change_t held = orders_held (&unwritten);
    dead_letter_t letter = orders_letter (&poison);
    assert_int_equal (orders_cancel (stage, &held), ERROR_NONE);
    assert_int_equal (orders_reject (stage, &letter), ERROR_REJECTED);
    assert_int_equal (stage_write_one (stage, &guarded), ERROR_REJECTED);
    const order_event_t *finals[] = { &unwritten, &poison, &guarded };
    for (size_t i = 0; i < 3; i++) {
        memcpy (query.rid, finals[i]->rid, 16);
        assert_int_equal (s_ask (stage, CALL_MOMENT_LIST, &query, moments), 1);
        assert_string_equal (moments[0].event, i == 0 ? "cancelled" : "rejected");
    }
    /* a page of orders: at most 256 rows in all, the newest of each */
    for (uint64_t i = 0; i < 30; i++) {
        order_event_t more = orders_pending (stage, stage_new_sale (stage, 10), user, 1);
        for (uint64_t k = 0; k < 10; k++) {
            payment_order_t ask = orders_payment_order (&more, k);
            assert_int_equal (orders_pay (stage, &ask).code, ERROR_NONE);
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
        orders_call (stage->ordering_sql, CALL_ORDER_WRITE, events, BATCH_ENTRIES_MAX, outcomes,
                     BATCH_ENTRIES_MAX);
    }
    PGconn *sql = servers_sql (stage->servers, "minishop_ordering", "minishop");
    order_event_t due = orders_pending (stage, small, 1, 1);
    const char *read = "SELECT sum (idx_tup_read) FROM pg_stat_user_indexes WHERE relname IN "
                       "('orders', 'payment')";
    long long spent[3] = { 0 };
    for (size_t i = 0; i < 3; i++) {
        if (i > 0)
            orders_set_due (stage, due.rid, 10);
        stage_sql (stage, "SELECT pg_stat_force_next_flush ()");
        long long before = stage_sql_integer (stage, "%s", read);
        if (i == 0)
            assert_int_equal (orders_expire (sql, 0, 0, 512).expired_count, 0);
        else if (i == 1)
            assert_int_equal (orders_expire (sql, 0, 0, 512).expired_count, 1);
        else
            for (int k = 0; k < 10; k++) {
                order_change_t change = orders_change (&events[k]);
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
        cmocka_unit_test (test_lists),
    };
    return cmocka_run_group_tests (tests, stage_set_up, stage_tear_down);
}
