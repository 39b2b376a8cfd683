/*  The inventory core on a real Redis and a real PostgreSQL. One sale lives through all tests, in their order. */

#include "inventory_play.h"

static play_t s_play;

/* -------------------------------------------------------------------------- the tests */

/*  A sale is created and published: its gate sells, the edge has clock and stock. */
static void
test_publish (void **state)
{
    play_t *self = &s_play;
    self->stage = *state;
    self->effects = effects_new ();
    self->pumps = true;
    params_set_defaults (&self->params);
    play_start (self, 1);
    WAIT (self, self->gate_us > 0);
    sale_t draft = {
        .title = "T", .currency = "EUR", .price_cents = 500, .stock_total = 100, .per_user_limit = 2
    };
    draft.starts_at_ms = self->gate_us / 1000 - 1000;
    draft.ends_at_ms = self->gate_us / 1000 + 3600000;
    draft.pay_within_s = 900;
    assert_int_equal (play_ask (self, MSG_SALE_CREATE, &draft), MSG_SALE_REPLY);
    self->sale_id = self->sale.sale_id;
    assert_int_equal (self->sale.state, SALE_DRAFT);
    assert_true (play_audit (self).balanced);
    play_change (self, SALE_OPEN, true);
    assert_int_equal (self->sale.epoch, 1);
    assert_int_equal (self->sale.stock_left, 100);
    assert_int_equal (play_reserve (self, 1).code, ERROR_NONE);
    WAIT (self, self->pumped_count == 1);
    play_turn_for (self, 50000);
    audit_t audit = play_audit (self);
    assert_true (audit.balanced && audit.at_rest);
    assert_int_equal (audit.pending_payment, 2);
    play_change (self, SALE_OPEN, true); /* already so */
}

/*  Reserved and not yet written is in flight. */
static void
test_in_flight (void **state)
{
    (void)state;
    play_t *self = &s_play;
    self->pumps = false;
    assert_int_equal (play_reserve (self, 2).code, ERROR_NONE);
    audit_t audit = play_audit (self);
    assert_true (audit.balanced && !audit.at_rest);
    assert_int_equal (audit.in_flight, 2);
    assert_int_equal (audit.reserved, 2);
    self->pumps = true;
    WAIT (self, self->pumped_count == 2);
}

/*  Pause, resume: the gate follows before the answer. */
static void
test_pause (void **state)
{
    (void)state;
    play_t *self = &s_play;
    play_change (self, SALE_PAUSED, false);
    assert_int_equal (play_reserve (self, 3).code, ERROR_SALE_PAUSED);
    play_change (self, SALE_OPEN, false);
    assert_int_equal (play_reserve (self, 3).code, ERROR_NONE);
    WAIT (self, self->pumped_count == 3);
}

/*  A cancelled order's units are back at the gate. */
static void
test_release (void **state)
{
    (void)state;
    play_t *self = &s_play;
    gate_purchase_t purchase = stage_purchase (self->sale_id, 3, 1, 2);
    stage_finish_order (self->stage->sql, self->sale_id, purchase.rid, ORDER_CANCELLED);
    WAIT (self, stage_stat (self->stage, self->sale_id).available == 96);
    WAIT (self, stage_books (self->stage, self->sale_id).returning == 0);
    play_turn_for (self, 50000);
    audit_t audit = play_audit (self);
    assert_true (audit.balanced && audit.at_rest);
    assert_int_equal (audit.cancelled_returned, 2);
}

/*  Redis is killed with a reservation in the journal, and comes back: closed, drained, rebuilt under a new epoch, nothing lost. */
static void
test_redis_restarts (void **state)
{
    (void)state;
    play_t *self = &s_play;
    self->pumps = false;
    assert_int_equal (play_reserve (self, 4).code, ERROR_NONE);
    play_turn_for (self, 300000);
    servers_kill_redis (self->stage->servers);
    play_turn_for (self, 300000);
    assert_true (servers_start_redis (self->stage->servers));
    stage_reconnect_redis (self->stage);
    assert_int_equal (play_reserve (self, 5).code, ERROR_RECOVERING);
    uint64_t recoveries = self->recoveries;
    play_turn_for (self, 1500000);
    assert_int_equal (self->recoveries, recoveries); /* the journal waits for broker and ordering */
    assert_int_equal (play_reserve (self, 5).code, ERROR_RECOVERING);
    self->pumps = true;
    WAIT (self, self->recoveries == recoveries + 1);
    gate_verdict_t again = play_reserve (self, 4), fresh = play_reserve (self, 5);
    assert_int_equal (again.code, ERROR_NONE);
    assert_int_equal (fresh.code, ERROR_NONE);
    assert_int_equal (fresh.sequence, again.sequence + 1);
    WAIT (self, self->pumped_count == 5);
    play_turn_for (self, 200000);
    audit_t audit = play_audit (self);
    assert_true (audit.balanced && audit.at_rest);
    assert_int_equal (audit.pending_payment, 8);
    assert_int_equal (audit.lost_with_disk, 0);
    assert_int_equal (stage_stat (self->stage, self->sale_id).epoch, 2);
}

/*  Redis loses its disk with a reservation in the journal: rebuilt from PostgreSQL, the loss is counted, nothing is oversold, and no
    sequence comes twice. */
static void
test_redis_wiped (void **state)
{
    (void)state;
    play_t *self = &s_play;
    self->pumps = false;
    uint64_t sequence = play_reserve (self, 6).sequence;
    play_turn_for (self, 1200000);
    servers_kill_redis (self->stage->servers);
    servers_wipe_redis (self->stage->servers);
    assert_true (servers_start_redis (self->stage->servers));
    stage_reconnect_redis (self->stage);
    uint64_t recoveries = self->recoveries;
    self->pumps = true;
    WAIT (self, self->recoveries == recoveries + 1);
    play_turn_for (self, 200000);
    audit_t audit = play_audit (self);
    assert_true (audit.balanced && audit.at_rest);
    assert_int_equal (audit.lost_with_disk, 2);
    assert_int_equal (audit.gate_left, 92);
    assert_int_equal (play_reserve (self, 1).code, ERROR_NONE); /* the same answer as ever */
    assert_true (play_reserve (self, 7).sequence > sequence + self->params.queue_bound - 10);
    WAIT (self, self->pumped_count == 6);
}

/*  The leader leaves, another process takes over at once; a gate that the first left closed is opened by the second. */
static void
test_take_over (void **state)
{
    (void)state;
    play_t *self = &s_play;
    play_end (self);
    gate_key_t key = { .sale_id = self->sale_id, .token = 1 };
    gate_state_t before;
    gate_call (self->stage->inventory, self->stage->run_id, CALL_GATE_CLOSE, &key, 1, &before, 1);
    uint64_t recoveries = self->recoveries;
    play_start (self, 2);
    WAIT (self, self->recoveries == recoveries + 1);
    assert_true (stage_stat (self->stage, self->sale_id).token > 1);
    assert_int_equal (play_reserve (self, 8).code, ERROR_NONE);
    WAIT (self, self->pumped_count == 7);
    play_turn_for (self, 200000);
    assert_true (play_audit (self).balanced);
}

/*  PostgreSQL's lease table is older than the gate's token, as after a restore from a backup, every process starts anew, and Redis too: the
    gate is opened again, and what the last leader of before may still send is refused. */
static void
test_lease_table_restored (void **state)
{
    (void)state;
    play_t *self = &s_play;
    play_kill (self);
    stage_sql (self->stage, "UPDATE lease SET token = 40, expires_us = 0, holder = 'nobody'");
    play_start (self, 3);
    WAIT (self, stage_stat (self->stage, self->sale_id).token == 41);
    play_kill (self);
    stage_sql (self->stage, "UPDATE lease SET token = 1, expires_us = 0, holder = 'nobody'");
    servers_kill_redis (self->stage->servers);
    assert_true (servers_start_redis (self->stage->servers));
    stage_reconnect_redis (self->stage);
    uint64_t recoveries = self->recoveries;
    uint64_t token = stage_stat (self->stage, self->sale_id).token;
    play_start (self, 4);
    WAIT (self, self->recoveries == recoveries + 1);
    assert_true (stage_stat (self->stage, self->sale_id).token > token);
    assert_int_equal (play_reserve (self, 10).code, ERROR_NONE);
    WAIT (self, self->pumped_count == 8);
    play_turn_for (self, 200000);
    assert_true (play_audit (self).balanced);
}

/*  Ended: the gate refuses, the same key keeps its answer, the audit balances. */
static void
test_end (void **state)
{
    (void)state;
    play_t *self = &s_play;
    play_change (self, SALE_ENDED, false);
    assert_int_equal (play_reserve (self, 9).code, ERROR_SALE_ENDED);
    assert_int_equal (play_reserve (self, 1).code, ERROR_NONE);
    audit_t audit = play_audit (self);
    assert_true (audit.balanced && audit.at_rest);
    play_end (self);
    effects_destroy (&self->effects);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_publish),
        cmocka_unit_test (test_in_flight),
        cmocka_unit_test (test_pause),
        cmocka_unit_test (test_release),
        cmocka_unit_test (test_redis_restarts),
        cmocka_unit_test (test_redis_wiped),
        cmocka_unit_test (test_take_over),
        cmocka_unit_test (test_lease_table_restored),
        cmocka_unit_test (test_end),
    };
    return cmocka_run_group_tests (tests, stage_set_up, stage_tear_down);
}
