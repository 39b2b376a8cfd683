/*  Stock changes and requeues by the real core on real stores, cut off at every step: the process dies before or after a call, or the call or
    its answer is lost, with and without a rebuild of the gate at that moment. Whatever happened, the operation is decided once, gate and
    PostgreSQL agree, and at no moment the gate has more than PostgreSQL. */

#include "inventory_play.h"

#include "unit/dice.h"

#include <string.h>

#define TOTAL 10u
#define BOUGHT 2u   /* units of the first order */
#define POISONED 2u /* units of the rejected one */
#define CHANGE 5    /* units added or taken */

typedef enum saga_t { SAGA_ADD, SAGA_TAKE, SAGA_REQUEUE } saga_t;

static play_t s_play;
static uint64_t s_op_number;

/* -------------------------------------------------------------------------- the moments */

/*  At no moment an open gate of PostgreSQL's epoch has more units, free and held, than PostgreSQL allows. */
static void
s_watch (play_t *self)
{
    if (self->sale_id == 0)
        return;
    gate_state_t gate = stage_stat (self->stage, self->sale_id);
    uint64_t total = (uint64_t)stage_sql_integer (self->stage,
                                                  "SELECT CASE WHEN s.epoch = %" PRIu64
                                                  " THEN k.total ELSE 100000000 END FROM sale s "
                                                  "JOIN sale_sku k USING (sale_id) WHERE sale_id "
                                                  "= %" PRIu64,
                                                  gate.epoch, self->sale_id);
    if (gate.present && gate.same_run && !gate.recovering)
        assert_true (gate.available + gate.held_units <= total);
}

/*  The gate's run is another: the next look begins a rebuild under a new epoch. */
static void
s_lose_gate (play_t *self)
{
    stage_redis_integer (self->stage, "HSET {s%d}:g run another", (int)self->sale_id);
}

static void
s_new_sale (play_t *self)
{
    sale_t draft = { .title = "T",
                     .currency = "EUR",
                     .price_cents = 500,
                     .stock_total = TOTAL,
                     .per_user_limit = 2 };
    WAIT (self, self->gate_us > 0);
    draft.starts_at_ms = self->gate_us / 1000 - 1000;
    draft.ends_at_ms = self->gate_us / 1000 + 3600000;
    draft.pay_within_s = 900;
    assert_int_equal (play_ask (self, MSG_SALE_CREATE, &draft), MSG_SALE_REPLY);
    self->sale_id = self->sale.sale_id;
    self->epoch_shown = 0;
    play_change (self, SALE_OPEN, true);
}

static gate_purchase_t
s_purchase (const play_t *self, uint64_t user_id, uint64_t key)
{
    gate_purchase_t purchase = stage_purchase (self->sale_id, user_id, key, 2);
    purchase.version = stage_stat (self->stage, self->sale_id).version;
    return purchase;
}

static stock_change_t
s_change (uint64_t sale_id, int64_t delta)
{
    stock_change_t change = { .sale_id = sale_id, .delta = delta, .actor = "ann" };
    s_op_number++;
    memcpy (change.op_id + 1, &s_op_number, sizeof s_op_number);
    return change;
}

static bool
s_is_under_way (play_t *self)
{
    return stage_sql_integer (self->stage,
                              "SELECT (SELECT count (*) FROM stock_op WHERE state = 1) + (SELECT "
                              "count (*) FROM dead_letter WHERE state = 2)") > 0;
}

static bool
s_is_at_rest (play_t *self)
{
    query_t query = { .sale_id = self->sale_id };
    return play_ask (self, MSG_SALE_AUDIT, &query) == MSG_AUDIT && self->audit.at_rest;
}

static void
s_start_again (play_t *self)
{
    play_kill (self);
    play_start (self, 1);
}

/* -------------------------------------------------------------------------- one saga, one cut */

typedef union wish_t {
    stock_change_t change;
    dead_change_t letter;
} wish_t;

/*  Asks until there is an answer that is no "not now". */
static void
s_ask_until_decided (play_t *self, message_type_t type, const wish_t *wish)
{
    uint64_t end_us = play_now_us () + PLAY_ANSWER_US;
    do {
        play_ask (self, type, wish);
        assert_true (play_now_us () < end_us);
    } while (self->answer_type == MSG_OUTCOME &&
             (self->outcome.code == ERROR_RECOVERING ||
              self->outcome.code == ERROR_DEPENDENCY_UNAVAILABLE));
}

static void
s_assert_end (play_t *self, saga_t saga)
{
    static const uint64_t totals[] = { TOTAL + CHANGE, TOTAL - CHANGE, TOTAL };
    uint64_t active = saga == SAGA_REQUEUE ? BOUGHT + POISONED : BOUGHT;
    WAIT (self, s_is_at_rest (self));
    assert_true (self->audit.balanced);
    assert_int_equal (self->audit.stock_total, totals[saga]);
    assert_int_equal (self->audit.gate_left, totals[saga] - active);
    assert_int_equal (self->audit.pending_payment, active);
    assert_int_equal (stage_stat (self->stage, self->sale_id).held_units, active);
    assert_int_equal (self->violation_count, 0);
}

static void
s_run_cut (play_t *self, saga_t saga, call_name_t call, cut_t cut, bool rebuilds)
{
    message_type_t type = saga == SAGA_REQUEUE ? MSG_DEAD_CHANGE : MSG_SALE_STOCK;
    wish_t wish = { 0 };
    s_new_sale (self);
    uint64_t pumped_count = self->pumped_count;
    assert_int_equal (play_reserve (self, 1).code, ERROR_NONE);
    WAIT (self, self->pumped_count == pumped_count + 1);
    if (saga == SAGA_REQUEUE) {
        gate_purchase_t purchase = s_purchase (self, 2, 1);
        wish.letter = (dead_change_t){ .requeue = 1, .actor = "ann" };
        wish.letter.place = stage_poison (self->stage, &purchase);
    } else {
        wish.change = s_change (self->sale_id, saga == SAGA_ADD ? CHANGE : -CHANGE);
    }
    self->cut_count = 0;
    self->cut_call = call;
    self->cut = cut;
    play_send (self, type, &wish);
    WAIT (self, self->cut_count == 1);
    if (rebuilds)
        s_lose_gate (self);
    if (self->is_dead)
        s_start_again (self);
    else
        WAIT (self, self->answer_type);
    bool was_never_begun = cut == CUT_BEFORE || cut == CUT_LOST_CALL;
    WAIT (self, !s_is_under_way (self));
    if (!was_never_begun || (call != CALL_STOCK_BEGIN && call != CALL_DEAD_BEGIN))
        s_assert_end (self, saga);
    s_ask_until_decided (self, type, &wish);
    if (saga == SAGA_REQUEUE)
        assert_int_equal (self->outcome.code, ERROR_NONE);
    else
        assert_int_equal (self->sale.stock_total,
                          saga == SAGA_ADD ? TOTAL + CHANGE : TOTAL - CHANGE);
    s_assert_end (self, saga);
    play_change (self, SALE_ENDED, false);
}

static void
s_run_all (play_t *self, saga_t saga, const call_name_t *calls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (cut_t cut = CUT_BEFORE; cut <= CUT_LOST_ANSWER; cut++)
            for (int rebuilds = 0; rebuilds <= 1; rebuilds++)
                s_run_cut (self, saga, calls[i], cut, rebuilds);
}

static const call_name_t s_stock_calls[] = { CALL_STOCK_BEGIN, CALL_GATE_STOCK, CALL_STOCK_DONE,
                                             CALL_SALE_LOAD, CALL_GATE_UPDATE };
static const call_name_t s_requeue_calls[] = { CALL_DEAD_BEGIN, CALL_GATE_RELEASE,
                                               CALL_RELEASE_DONE, CALL_GATE_READMIT,
                                               CALL_ORDER_READMIT };

static int
s_set_up (void **state)
{
    int failed = stage_set_up (state);
    if (failed)
        return failed;
    s_play.stage = *state;
    s_play.effects = effects_new ();
    s_play.pumps = true;
    s_play.watch = s_watch;
    params_set_defaults (&s_play.params);
    s_play.params.gate_poll_idle_ms = 50;
    play_start (&s_play, 1);
    return 0;
}

static int
s_tear_down (void **state)
{
    play_kill (&s_play);
    effects_destroy (&s_play.effects);
    return stage_tear_down (state);
}

static void
test_add_cut_at_every_step (void **state)
{
    /* More stock: every call of the way cut in each of the four ways, with and without a rebuild. */
    (void)state;
    s_run_all (&s_play, SAGA_ADD, s_stock_calls, sizeof s_stock_calls / sizeof s_stock_calls[0]);
    assert_true (s_play.resumed_count > 0);
}

static void
test_take_cut_at_every_step (void **state)
{
    /* Less stock, likewise. */
    (void)state;
    s_run_all (&s_play, SAGA_TAKE, s_stock_calls, sizeof s_stock_calls / sizeof s_stock_calls[0]);
}

static void
test_requeue_cut_at_every_step (void **state)
{
    /* A rejected order that is to be after all, likewise, with the release that goes first. */
    (void)state;
    s_run_all (&s_play, SAGA_REQUEUE, s_requeue_calls,
               sizeof s_requeue_calls / sizeof s_requeue_calls[0]);
}

/* -------------------------------------------------------------------------- all at once */

typedef struct storm_t {
    dice_t dice;
    uint64_t users, letters[64], letter_count;
    uint64_t rids[256][2], rid_count; /* of orders that may be cancelled */
    uint64_t kills, rebuilds, cuts, stocks, requeues, cancels;
} storm_t;

static void
s_storm_reserve (play_t *self, storm_t *storm)
{
    gate_purchase_t purchase = s_purchase (self, 100 + ++storm->users, 1);
    gate_state_t gate = stage_stat (self->stage, self->sale_id);
    bool is_open = gate.present && gate.same_run && !gate.recovering;
    if (is_open && gate.available >= 2 && gate.journal_count == 0 && storm->letter_count < 64 &&
        dice_roll (&storm->dice, 3) == 0) {
        storm->letters[storm->letter_count++] = stage_poison (self->stage, &purchase);
    } else if (stage_reserve_one (self->stage, &purchase).code == ERROR_NONE &&
               storm->rid_count < 256) {
        memcpy (storm->rids[storm->rid_count++], purchase.rid, 16);
    }
}

static void
s_storm_operation (play_t *self, storm_t *storm)
{
    if (storm->letter_count > 0 && dice_roll (&storm->dice, 2) == 0) {
        dead_change_t wish = { .place =
                                   storm->letters[dice_roll (&storm->dice, storm->letter_count)],
                               .requeue = dice_roll (&storm->dice, 8) > 0,
                               .actor = "ann" };
        play_send (self, MSG_DEAD_CHANGE, &wish);
        storm->requeues++;
        return;
    }
    stock_change_t change = s_change (self->sale_id, (int64_t)dice_roll (&storm->dice, 9) - 4);
    change.delta += change.delta == 0;
    play_send (self, MSG_SALE_STOCK, &change);
    if (dice_roll (&storm->dice, 4) == 0)
        play_send (self, MSG_SALE_STOCK, &change);
    storm->stocks++;
}

static void
s_storm_fault (play_t *self, storm_t *storm)
{
    static const call_name_t calls[] = { CALL_STOCK_BEGIN,   CALL_GATE_STOCK,   CALL_STOCK_DONE,
                                         CALL_DEAD_BEGIN,    CALL_GATE_READMIT, CALL_ORDER_READMIT,
                                         CALL_GATE_UPDATE,   CALL_GATE_RELEASE, CALL_RELEASE_DONE,
                                         CALL_EPOCH_BUMP,    CALL_GATE_OPEN,    CALL_GATE_CLOSE,
                                         CALL_STOCK_PENDING, CALL_DEAD_PENDING };
    if (dice_roll (&storm->dice, 4) == 0) {
        s_lose_gate (self);
        storm->rebuilds++;
        return;
    }
    self->cut_call = calls[dice_roll (&storm->dice, sizeof calls / sizeof calls[0])];
    self->cut = (cut_t)(CUT_BEFORE + dice_roll (&storm->dice, 4));
    storm->cuts++;
}

static void
s_storm_step (play_t *self, storm_t *storm)
{
    switch (dice_roll (&storm->dice, 5)) {
    case 0:
    case 1:
        s_storm_reserve (self, storm);
        break;
    case 2:
        s_storm_operation (self, storm);
        break;
    case 3:
        if (storm->rid_count > 0) {
            uint64_t at = dice_roll (&storm->dice, storm->rid_count);
            stage_finish_order (self->stage->sql, self->sale_id, (const uint8_t *)storm->rids[at],
                                ORDER_CANCELLED);
            storm->cancels++;
        }
        break;
    default:
        s_storm_fault (self, storm);
    }
    for (uint64_t turns = dice_roll (&storm->dice, 60); turns > 0 && !self->is_dead; turns--)
        play_turn (self);
    if (self->is_dead) {
        s_start_again (self);
        storm->kills++;
    }
}

static void
test_storm (void **state)
{
    /* Sales, cancels, stock changes, requeues, discards, lost answers, deaths and rebuilds in any order: when all is quiet every operation is
     * decided, the books balance, and the total is what the decided changes make it. */
    (void)state;
    play_t *self = &s_play;
    static storm_t storm;
    storm.dice = dice_seeded (20261125);
    s_new_sale (self);
    for (int i = 0; i < 400; i++)
        s_storm_step (self, &storm);
    self->cut = CUT_NONE;
    WAIT (self, !s_is_under_way (self));
    WAIT (self, s_is_at_rest (self));
    print_message ("# kills %" PRIu64 " rebuilds %" PRIu64 " cuts %" PRIu64 " stock %" PRIu64
                   " requeues %" PRIu64 " (done %lld) cancels %" PRIu64 " resumed %" PRIu64 "\n",
                   storm.kills, storm.rebuilds, storm.cuts, storm.stocks, storm.requeues,
                   stage_sql_integer (self->stage,
                                      "SELECT count (*) FROM dead_letter WHERE state = 3 AND "
                                      "sale_id = %" PRIu64,
                                      self->sale_id),
                   storm.cancels, self->resumed_count);
    assert_true (self->audit.balanced);
    assert_int_equal (self->violation_count, 0);
    assert_int_equal (
        self->audit.stock_total,
        TOTAL + (uint64_t)stage_sql_integer (self->stage,
                                             "SELECT coalesce (sum (delta), 0) FROM stock_op WHERE "
                                             "state = 2 AND sale_id = %" PRIu64,
                                             self->sale_id));
    assert_int_equal (stage_stat (self->stage, self->sale_id).held_units,
                      self->audit.pending_payment);
    assert_true (storm.kills > 0 && storm.rebuilds > 0 && storm.stocks > 0 && storm.cancels > 0);
}

/* -------------------------------------------------------------------------- two leaders */

/*  Turns until the next call would be this one. */
static void
s_turn_up_to (play_t *self, call_name_t call)
{
    WAIT (self, self->call_count > 0 && self->calls[0].call == call);
}

static void
s_pause_before (play_t *paused, play_t *next, saga_t saga, call_name_t call)
{
    wish_t wish = { 0 };
    s_new_sale (paused);
    uint64_t pumped_count = paused->pumped_count;
    assert_int_equal (play_reserve (paused, 1).code, ERROR_NONE);
    WAIT (paused, paused->pumped_count == pumped_count + 1);
    if (saga == SAGA_REQUEUE) {
        gate_purchase_t purchase = s_purchase (paused, 2, 1);
        wish.letter = (dead_change_t){ .requeue = 1, .actor = "ann" };
        wish.letter.place = stage_poison (paused->stage, &purchase);
    } else {
        wish.change = s_change (paused->sale_id, saga == SAGA_ADD ? CHANGE : -CHANGE);
    }
    play_send (paused, saga == SAGA_REQUEUE ? MSG_DEAD_CHANGE : MSG_SALE_STOCK, &wish);
    s_turn_up_to (paused, call);

    next->sale_id = paused->sale_id;
    next->epoch_shown = 0;
    play_start (next, 2);
    WAIT (next, !s_is_under_way (next));
    s_assert_end (next, saga);
    uint64_t token = (uint64_t)stage_sql_integer (next->stage, "SELECT token FROM lease");
    assert_int_equal (stage_stat (next->stage, next->sale_id).token, token);
    char before[41], after[41];
    stage_digest (next->stage, before);
    while (paused->call_count > 0 && paused->calls[0].call != CALL_LEASE_TAKE)
        play_turn (paused);
    stage_digest (next->stage, after);
    assert_string_equal (before, after);
    play_turn_for (paused, 100000);
    WAIT (paused, paused->answer_type);
    /* another leads, or, where PostgreSQL knows it, what became of it */
    assert_int_equal (paused->answer_type, MSG_OUTCOME);
    assert_true (paused->outcome.code == ERROR_NOT_LEADER ||
                 (call == CALL_ORDER_READMIT && paused->outcome.code == ERROR_NONE));
    actor_status_t status;
    inventory_class.status (paused->core, &status);
    assert_false (status.is_leader);
    stage_digest (next->stage, after);
    assert_string_equal (before, after);
    s_assert_end (next, saga);
    play_end (next);
}

static void
test_paused_leader (void **state)
{
    /* A leader stands still before a call; another takes over and ends the operation. When the first goes on, nothing that it sends changes
     * anything, and it leads no more. */
    (void)state;
    static play_t paused, next;
    static const struct {
        saga_t saga;
        call_name_t call;
    } rows[] = { { SAGA_ADD, CALL_GATE_STOCK },       { SAGA_TAKE, CALL_GATE_STOCK },
                 { SAGA_TAKE, CALL_STOCK_DONE },      { SAGA_REQUEUE, CALL_GATE_RELEASE },
                 { SAGA_REQUEUE, CALL_RELEASE_DONE }, { SAGA_REQUEUE, CALL_GATE_READMIT },
                 { SAGA_REQUEUE, CALL_ORDER_READMIT } };
    play_end (&s_play);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        play_t *both[] = { &paused, &next };
        for (size_t n = 0; n < 2; n++) {
            *both[n] = (play_t){ .stage = s_play.stage, .pumps = true, .params = s_play.params };
            both[n]->params.lease_ms = 600;
            both[n]->effects = effects_new ();
        }
        play_start (&paused, 1);
        s_pause_before (&paused, &next, rows[i].saga, rows[i].call);
        play_kill (&paused);
        effects_destroy (&paused.effects);
        effects_destroy (&next.effects);
    }
    play_start (&s_play, 1);
}

static void
test_archived_gate_goes (void **state)
{
    /* A day after its end a sale's keys are gone from Redis, and no recovery builds them again. */
    (void)state;
    play_t *self = &s_play;
    s_new_sale (self);
    uint64_t pumped_count = self->pumped_count;
    assert_int_equal (play_reserve (self, 1).code, ERROR_NONE);
    WAIT (self, self->pumped_count == pumped_count + 1);
    stage_sql (self->stage,
               "UPDATE sale SET state = 4, ended_at_ms = clock_us () / 1000 - 90000000 WHERE "
               "sale_id = %" PRIu64,
               self->sale_id);
    s_start_again (self);
    WAIT (self, stage_redis_integer (self->stage, "EXISTS {s%d}:g {s%d}:1:r {s%d}:1:x {s%d}:1:o",
                                     (int)self->sale_id, (int)self->sale_id, (int)self->sale_id,
                                     (int)self->sale_id) == 0);
    WAIT (self,
          stage_sql_integer (self->stage, "SELECT dropped_epoch FROM sale WHERE sale_id = %" PRIu64,
                             self->sale_id) == 1);
    play_turn_for (self, 300000);
    assert_int_equal (stage_redis_integer (self->stage, "EXISTS {s%d}:g", (int)self->sale_id), 0);
    query_t query = { .sale_id = self->sale_id };
    assert_int_equal (play_ask (self, MSG_SALE_AUDIT, &query), MSG_AUDIT);
    assert_true (self->audit.balanced);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_add_cut_at_every_step),
        cmocka_unit_test (test_take_cut_at_every_step),
        cmocka_unit_test (test_requeue_cut_at_every_step),
        cmocka_unit_test (test_storm),
        cmocka_unit_test (test_paused_leader),
        cmocka_unit_test (test_archived_gate_goes),
    };
    return cmocka_run_group_tests (tests, s_set_up, s_tear_down);
}
