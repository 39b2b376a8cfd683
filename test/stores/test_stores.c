/*  Both stores together: a sale from its first gate through purchases, delivery, cancellation, a restarted and a wiped Redis. After
    every step the units are counted: available + held at the gate and total − sold in PostgreSQL. */

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 12
#define SHOPPERS 400u
#define QUEUE_BOUND 100000u

/* -------------------------------------------------------------------------- what the actors do */

static outcome_t
s_gate (stage_t *stage, call_name_t call, const void *arguments, size_t count)
{
    outcome_t outcome;
    if (gate_call (stage->inventory, stage->run_id, call, arguments, count, &outcome, 1) != 1)
        fail_msg ("%s", store_error ());
    assert_int_equal (outcome.code, ERROR_NONE);
    return outcome;
}

/*  Broker and ordering: at most `batches` batches of the journal become orders and are deleted. Every second one twice, as after a
    lost acknowledgement. Returns the entries. */
static size_t
s_deliver (stage_t *stage, uint64_t sale_id, uint64_t epoch, size_t batches)
{
    static order_event_t events[BATCH_ENTRIES_MAX];
    static order_outcome_t outcomes[BATCH_ENTRIES_MAX];
    static journal_position_t ids[BATCH_ENTRIES_MAX];
    size_t total = 0;
    for (size_t batch = 0; batch < batches; batch++) {
        size_t count = stage_journal (stage, sale_id, epoch, events, 64);
        if (count == 0)
            break;
        for (size_t round = 0; round <= batch % 2; round++) {
            assert_int_equal (
                sql_call (stage->ordering_sql, CALL_ORDER_WRITE, events, count, outcomes, count),
                count);
            for (size_t i = 0; i < count; i++)
                assert_int_equal (outcomes[i].code, ERROR_NONE);
        }
        for (size_t i = 0; i < count; i++)
            ids[i] = (journal_position_t){ .sale_id = sale_id,
                                           .epoch = epoch,
                                           .entry_ms = events[i].entry_ms,
                                           .entry_seq = events[i].entry_seq };
        journal_state_t outcome;
        assert_int_equal (
            gate_call (stage->broker, stage->run_id, CALL_JOURNAL_DELETE, ids, count, &outcome, 1),
            1);
        total += count;
    }
    return total;
}

/*  Inventory's relay: release box → gate → done. */
static void
s_relay (stage_t *stage, uint64_t sale_id)
{
    static release_t releases[CALL_ROWS_MAX];
    query_t query = { .sale_id = sale_id };
    int count =
        sql_call (stage->inventory_sql, CALL_RELEASE_LIST, &query, 1, releases, CALL_ROWS_MAX);
    if (count == 0)
        return;
    for (int i = 0; i < count; i++)
        releases[i].token = stage_stat (stage, sale_id).token;
    assert_int_equal (gate_call (stage->inventory, stage->run_id, CALL_GATE_RELEASE, releases,
                                 (size_t)count, releases, CALL_ROWS_MAX),
                      count);
    outcome_t outcome;
    assert_int_equal (
        sql_call (stage->inventory_sql, CALL_RELEASE_DONE, releases, (size_t)count, &outcome, 1),
        1);
}

/*  Inventory's recovery: close, drain, bump, load, open. Returns the new epoch. */
static uint64_t
s_recover (stage_t *stage, uint64_t sale_id, uint64_t token)
{
    static gate_entry_t page[CALL_ROWS_MAX];
    gate_key_t key = { .sale_id = sale_id, .token = token };
    gate_state_t before;
    assert_int_equal (
        gate_call (stage->inventory, stage->run_id, CALL_GATE_CLOSE, &key, 1, &before, 1), 1);
    assert_int_equal (before.code, ERROR_NONE);
    s_deliver (stage, sale_id, before.epoch, SIZE_MAX);
    epoch_row_t head = stage_bump (stage, sale_id, token);
    assert_int_equal (head.code, ERROR_NONE);
    gate_entry_t ask = { .sale_id = sale_id, .epoch = head.epoch, .token = token };
    uint64_t held = 0;
    for (int rows; (rows = sql_call (stage->inventory_sql, CALL_EPOCH_PAGE, &ask, 1, page,
                                     CALL_ROWS_MAX)) > 0;) {
        s_gate (stage, CALL_GATE_LOAD, page, (size_t)rows);
        s_gate (stage, CALL_GATE_LOAD, page, (size_t)(rows + 1) / 2); /* an answer was lost */
        for (int i = 0; i < rows; i++)
            held += page[i].held ? page[i].quantity : 0;
        ask.place = page[rows - 1].place;
    }
    assert_int_equal (held, head.sold);
    gate_config_t config = stage_config (sale_id, head.epoch, head.stock_total - head.sold);
    config.token = token;
    config.version = before.version ? before.version : 1;
    config.held_units = head.sold;
    config.sequence = head.sequence + (before.present ? 0 : QUEUE_BOUND);
    s_gate (stage, CALL_GATE_OPEN, &config, 1);
    return head.epoch;
}

/*  At rest the gate and PostgreSQL agree in every unit. */
static void
s_assert_balanced (stage_t *stage, uint64_t sale_id)
{
    gate_state_t gate = stage_stat (stage, sale_id);
    books_t books = stage_books (stage, sale_id);
    assert_true (gate.present && gate.same_run && !gate.recovering);
    assert_true (gate.journal_count == 0 && gate.journal_units == 0 && books.returning == 0 &&
                 books.duplicated == 0);
    assert_int_equal (gate.available + gate.held_units, books.stock_total);
    assert_int_equal (gate.held_units, books.sold);
    assert_int_equal (books.sold, books.pending_payment + books.paid);
}

/* -------------------------------------------------------------------------- the story */

typedef struct shoppers_t {
    gate_purchase_t purchases[SHOPPERS];
    gate_verdict_t verdicts[SHOPPERS]; /* the first positive ones */
} shoppers_t;

/*  Everyone asks (again); whoever was answered 201 once hears the same for ever. */
static void
s_everyone_asks (stage_t *stage, shoppers_t *self)
{
    static gate_verdict_t verdicts[SHOPPERS];
    for (size_t from = 0; from < SHOPPERS; from += 100)
        assert_int_equal (gate_call (stage->seckill, stage->run_id, CALL_GATE_RESERVE,
                                     self->purchases + from, 100, verdicts + from, 100),
                          100);
    for (size_t i = 0; i < SHOPPERS; i++) {
        gate_verdict_t *first = &self->verdicts[i];
        if (first->sequence == 0) {
            if (verdicts[i].code == ERROR_NONE)
                *first = verdicts[i];
            continue;
        }
        assert_int_equal (verdicts[i].code, ERROR_NONE);
        assert_int_equal (verdicts[i].sequence, first->sequence);
        assert_int_equal (verdicts[i].pay_before_us, first->pay_before_us);
        assert_int_equal (verdicts[i].quantity, first->quantity);
    }
}

static void
test_story (void **state)
{
    /* Twelve rounds of buying, partial delivery, cancelling and rebuilding, with a killed Redis in every third: nothing oversold, lost or
     * duplicated, every 201 repeated word for word. */
    stage_t *stage = *state;
    static shoppers_t shoppers;
    uint64_t sale = stage_new_sale (stage, 300), token = 10, epoch = s_recover (stage, sale, token);
    for (uint64_t i = 0; i < SHOPPERS; i++)
        shoppers.purchases[i] = stage_purchase (sale, 1 + i, 1, 1 + i % 3);
    uint64_t cancelled = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        s_everyone_asks (stage, &shoppers);
        s_deliver (stage, sale, epoch, 2);
        for (size_t i = round; i < SHOPPERS; i += 37)
            stage_finish_order (stage->sql, sale, shoppers.purchases[i].rid,
                                round % 2 ? ORDER_CANCELLED : ORDER_EXPIRED);
        if (round % 3 == 1) {
            servers_kill_redis (stage->servers);
            assert_true (servers_start_redis (stage->servers));
            stage_reconnect_redis (stage);
        }
        if (round % 3 != 2)
            epoch = s_recover (stage, sale, ++token);
        s_everyone_asks (stage, &shoppers);
        s_deliver (stage, sale, epoch, SIZE_MAX);
        s_relay (stage, sale);
        s_relay (stage, sale);
        s_assert_balanced (stage, sale);
        cancelled = stage_books (stage, sale).returned;
    }
    assert_true (cancelled > 10);
    for (size_t i = 0; i < SHOPPERS; i++)
        for (size_t k = i + 1; k < SHOPPERS && shoppers.verdicts[i].sequence; k++)
            assert_int_not_equal (shoppers.verdicts[i].sequence, shoppers.verdicts[k].sequence);
}

static void
test_wiped_redis (void **state)
{
    /* Redis loses its disk: what PostgreSQL had is answered as before, what only Redis had is gone and may be bought again, no sequence
     * comes twice, nothing is oversold. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 2), epoch = s_recover (stage, sale, 20);
    gate_purchase_t kept = stage_purchase (sale, 1, 1, 1), lost = stage_purchase (sale, 2, 1, 1),
                    other = stage_purchase (sale, 3, 1, 1);
    gate_verdict_t first = stage_reserve_one (stage, &kept);
    assert_int_equal (s_deliver (stage, sale, epoch, 1), 1);
    assert_int_equal (stage_reserve_one (stage, &lost).sequence, first.sequence + 1);
    servers_kill_redis (stage->servers);
    servers_wipe_redis (stage->servers);
    assert_true (servers_start_redis (stage->servers));
    stage_reconnect_redis (stage);
    assert_int_equal (stage_reserve_one (stage, &kept).code, ERROR_RECOVERING);
    assert_int_equal (stage_stat (stage, sale).present, 0);
    epoch = s_recover (stage, sale, 21);
    gate_verdict_t again = stage_reserve_one (stage, &kept);
    assert_true (again.code == ERROR_NONE && again.sequence == first.sequence &&
                 again.pay_before_us == first.pay_before_us);
    gate_verdict_t fresh = stage_reserve_one (stage, &other);
    assert_true (fresh.code == ERROR_NONE && fresh.sequence > first.sequence + QUEUE_BOUND);
    assert_int_equal (stage_reserve_one (stage, &lost).code, ERROR_SOLD_OUT);
    assert_int_equal (s_deliver (stage, sale, epoch, SIZE_MAX), 1);
    s_assert_balanced (stage, sale);
}

static void
test_late_delivery_across_a_rebuild (void **state)
{
    /* Entries that a paused consumer still holds when the gate is rebuilt: known ones change nothing, unknown ones leave no row, and a
     * release that was listed before the rebuild is not lost. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale (stage, 5), epoch = s_recover (stage, sale, 30);
    gate_purchase_t purchase = stage_purchase (sale, 1, 1, 2);
    assert_int_equal (stage_reserve_one (stage, &purchase).code, ERROR_NONE);
    order_event_t held_back;
    assert_int_equal (stage_journal (stage, sale, epoch, &held_back, 1), 1);
    order_event_t never_written = stage_event (sale, epoch, 9, 1, 1, 99);
    s_deliver (stage, sale, epoch, 1);
    stage_finish_order (stage->sql, sale, purchase.rid, ORDER_CANCELLED);
    query_t query = { .sale_id = sale };
    release_t listed;
    assert_int_equal (sql_call (stage->inventory_sql, CALL_RELEASE_LIST, &query, 1, &listed, 1), 1);
    s_recover (stage, sale, 31);
    assert_int_equal (stage_release (stage, sale, listed.epoch, listed.rid), ERROR_RECOVERING);
    assert_int_equal (stage_write_one (stage, &held_back), ERROR_NONE);
    assert_int_equal (stage_write_one (stage, &never_written), ERROR_STALE_EPOCH);
    s_relay (stage, sale);
    s_assert_balanced (stage, sale);
    assert_int_equal (stage_stat (stage, sale).available, 5);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_story),
        cmocka_unit_test (test_wiped_redis),
        cmocka_unit_test (test_late_delivery_across_a_rebuild),
    };
    return cmocka_run_group_tests (tests, stage_set_up, stage_tear_down);
}
