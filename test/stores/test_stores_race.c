/*  Everything that becomes of orders at once, on a real PostgreSQL. */

#include "order_stage.h"

#include "unit/dice.h"

#include <pthread.h>

/* -------------------------------------------------------------------------- everything at once */

#define RACE_ORDERS 4000u
#define RACE_THREADS 6u
#define RACE_TURNS 120u

typedef struct racer_t {
    PGconn *sql;
    uint64_t sale;
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
        asks[i] = orders_payment_order (&events[i], dice_roll (dice, 2));
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
        said[events_count] = orders_event (&asks[i], outcome, STAGE_PRICE_CENTS, name);
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
        changes[i] = orders_held (&events[i]);
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
            self->expired += orders_expire (self->sql, dice_roll (&dice, 2) ? self->sale : 0, 0, 64)
                                 .expired_count;
    }
    return NULL;
}

/*  Six racers, and what they saw, summed. */
static racer_t
s_run_race (stage_t *stage, uint64_t sale, dice_t *dice)
{
    static racer_t racers[RACE_THREADS];
    pthread_t threads[RACE_THREADS];
    for (uint64_t i = 0; i < RACE_THREADS; i++) {
        racers[i] = (racer_t){ .sql = servers_sql (stage->servers, "minishop_ordering", "minishop"),
                               .sale = sale,
                               .seed = dice_next (dice) };
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
    return all;
}

/*  No order of the sale is in contradiction with its ledger, its release or its moves. */
static void
s_assert_units (stage_t *stage, uint64_t sale)
{
    static const char *const contradictions[] = {
        "(SELECT count (*) FROM ledger l WHERE l.rid = o.rid AND kind = 'ALLOC') <> 1",
        "(SELECT count (*) FROM ledger l WHERE l.rid = o.rid AND kind = 'RETURN') <> (status NOT "
        "IN (2, 3))::int",
        "(SELECT count (*) FROM release_box b WHERE b.rid = o.rid) <> (status NOT IN (2, 3))::int",
        "(SELECT count (*) FROM order_move m WHERE m.rid = o.rid AND m.event IN ('cancelled', "
        "'expired', 'refunded')) <> "
        "(status NOT IN (2, 3))::int",
        "EXISTS (SELECT FROM order_move m WHERE m.rid = o.rid AND m.event = 'paid') <> (status IN "
        "(3, 7))",
        "status = 6",
    };
    for (size_t i = 0; i < sizeof contradictions / sizeof *contradictions; i++)
        if (stage_sql_integer (stage, "SELECT count (*) FROM orders o WHERE o.sale_id = %d AND %s",
                               (int)sale, contradictions[i]))
            fail_msg ("%s", contradictions[i]);
    books_t books = stage_books (stage, sale);
    assert_int_equal (books.sold, books.pending_payment + books.paid);
    assert_int_equal (books.duplicated, 0);
}

static void
test_race (void **state)
{
    /* Six connections write, pay, cancel, expire and take duplicated events of the same few thousand orders at once. Afterwards no
     * statement had failed, and money, units and ledger are exact: captured = paid, `sold` = active, one ALLOC and at most one RETURN,
     * a release for every final order, every move counted is a row, and the counters of the sale are those of the rows. */
    stage_t *stage = *state;
    dice_t dice = dice_seeded (2026);
    uint64_t sale = stage_new_sale (stage, RACE_ORDERS);
    /* a tenth of the orders is due from the beginning */
    stage_sql (stage,
               "CREATE FUNCTION due_at_once () RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
               "IF NEW.user_id %% 10 = 0 THEN NEW.pay_before_us := 1; END IF; RETURN NEW; END $$; "
               "CREATE TRIGGER due_at_once BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION "
               "due_at_once ()");
    racer_t all = s_run_race (stage, sale, &dice);
    stage_sql (stage, "DROP TRIGGER due_at_once ON orders; DROP FUNCTION due_at_once");
    assert_int_equal (all.failures, 0);
    s_assert_units (stage, sale);
    char of_sale[64];
    snprintf (of_sale, sizeof of_sale, "o.sale_id = %" PRIu64, sale);
    orders_assert_money (stage, of_sale);

    long long counts[8];
    for (int status = 0; status < 8; status++)
        counts[status] = stage_sql_integer (
            stage, "SELECT count (*) FROM orders WHERE sale_id = %d AND status = %d", (int)sale,
            status);
    printf (
        "# pending %lld paid %lld cancelled %lld expired %lld refunded %lld; refunds due %" PRIu64
        ", not_found %" PRIu64 ", invalid_state %" PRIu64 ", unmatched %" PRIu64 "\n",
        counts[2], counts[3], counts[4], counts[5], counts[7], all.moves[PAYMENT_REFUND_DUE],
        all.codes[ERROR_NOT_FOUND], all.codes[ERROR_INVALID_STATE], all.codes[ERROR_BUSY]);
    query_t query = { .sale_id = sale };
    order_counts_t kept;
    orders_call (stage->ordering_sql, CALL_ORDER_COUNTS, &query, 1, &kept, 1);
    assert_true (kept.pending_payment == (uint64_t)counts[ORDER_PENDING_PAYMENT] &&
                 kept.paid == (uint64_t)counts[ORDER_PAID] &&
                 kept.cancelled == (uint64_t)counts[ORDER_CANCELLED] &&
                 kept.expired == (uint64_t)counts[ORDER_EXPIRED] && kept.rejected == 0 &&
                 kept.refunded == (uint64_t)counts[ORDER_REFUNDED]);
    assert_int_equal (all.expired, counts[ORDER_EXPIRED]);
    assert_int_equal (all.order_moves[ORDER_REFUNDED], counts[ORDER_REFUNDED]);
    assert_int_equal (all.order_moves[ORDER_PAID], counts[ORDER_PAID] + counts[ORDER_REFUNDED]);
    assert_int_equal (
        all.moves[PAYMENT_REFUND_DUE],
        stage_sql_integer (
            stage,
            "SELECT count (*) FROM order_move m JOIN orders o USING (rid) WHERE o.sale_id = %d AND "
            "m.event = 'payment_refund_due'",
            (int)sale));
    for (int status = ORDER_PENDING_PAYMENT; status <= ORDER_REFUNDED; status++)
        assert_true (counts[status] > 0 || status == ORDER_REJECTED);
    assert_true (all.moves[PAYMENT_REFUND_DUE] > 0 && all.codes[ERROR_INVALID_STATE] > 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_race),
    };
    return cmocka_run_group_tests (tests, stage_set_up, stage_tear_down);
}
