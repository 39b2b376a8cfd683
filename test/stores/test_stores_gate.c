/*  The gate's scripts on a real Redis: every rule at the top of the scripts in schema/lua that can be seen from outside. */

#include "stage.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HUGE_NUMBER 9223372036854775807u /* 63 bits: a double does not hold it */
#define POLLS_MAX 100000

static const uint8_t s_nobody[16];

static void
s_reserve (stage_t *stage, const gate_purchase_t *purchases, size_t count, gate_verdict_t *verdicts)
{
    if (gate_call (stage->seckill, stage->run_id, CALL_GATE_RESERVE, purchases, count, verdicts,
                   count) != (int)count)
        fail_msg ("%s", store_error ());
}

static uint64_t
s_code (stage_t *stage, const gate_purchase_t *purchase)
{
    return stage_reserve_one (stage, purchase).code;
}

static holding_t
s_lookup (stage_t *stage, uint64_t sale_id, const uint8_t rid[16])
{
    gate_key_t key = { .sale_id = sale_id };
    memcpy (key.rid, rid, 16);
    holding_t holding;
    if (gate_call (stage->seckill, stage->run_id, CALL_GATE_LOOKUP, &key, 1, &holding, 1) != 1)
        fail_msg ("%s", store_error ());
    return holding;
}

static gate_state_t
s_close (stage_t *stage, uint64_t sale_id, uint64_t token)
{
    gate_key_t key = { .sale_id = sale_id, .token = token };
    gate_state_t before;
    if (gate_call (stage->inventory, stage->run_id, CALL_GATE_CLOSE, &key, 1, &before, 1) != 1)
        fail_msg ("%s", store_error ());
    return before;
}

/*  Two verdicts of the same reservation agree in all but the moment. */
static void
s_assert_same_answer (gate_verdict_t a, gate_verdict_t b)
{
    a.gate_us = b.gate_us = 0;
    assert_memory_equal (&a, &b, sizeof a);
}

/* -------------------------------------------------------------------------- reserving */

static void
test_granted (void **state)
{
    /* A granted purchase is answered with all that the shopper is told, and everything that belongs to it is written. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    gate_purchase_t purchase = stage_purchase (sale, 42, 1, 2);
    gate_verdict_t verdict = stage_reserve_one (stage, &purchase);
    assert_int_equal (verdict.code, ERROR_NONE);
    assert_int_equal (verdict.quantity, 2);
    assert_int_equal (verdict.price_cents, STAGE_PRICE_CENTS);
    assert_int_equal (verdict.sequence, 1);
    assert_int_equal (verdict.pay_before_us, verdict.gate_us + STAGE_PAY_WITHIN_S * 1000000u);
    assert_memory_equal (verdict.other_rid, s_nobody, 16);

    gate_state_t stat = stage_stat (stage, sale);
    assert_int_equal (stat.present, 1);
    assert_int_equal (stat.same_run, 1);
    assert_int_equal (stat.available, 8);
    assert_int_equal (stat.held_units, 2);
    assert_int_equal (stat.journal_count, 1);
    assert_int_equal (stat.journal_units, 2);
    assert_int_equal (stat.sequence, 1);

    holding_t holding = s_lookup (stage, sale, purchase.rid);
    assert_int_equal (holding.code, ERROR_NONE);
    assert_int_equal (holding.held, 1);
    assert_int_equal (holding.user_id, 42);
    assert_int_equal (holding.quantity, 2);
    assert_int_equal (holding.sequence, 1);
    assert_int_equal (holding.reserved_us, verdict.gate_us);
    assert_int_equal (holding.pay_before_us, verdict.pay_before_us);
    assert_true (holding.gate_us >= verdict.gate_us);
    assert_int_equal (s_lookup (stage, sale, s_nobody).code, ERROR_NOT_FOUND);

    order_event_t event;
    assert_int_equal (stage_journal (stage, sale, 1, &event, 1), 1);
    assert_memory_equal (event.rid, purchase.rid, 16);
    assert_memory_equal (event.trace_id, purchase.trace_id, 16);
    assert_int_equal (event.user_id, 42);
    assert_int_equal (event.quantity, 2);
    assert_int_equal (event.price_cents, STAGE_PRICE_CENTS);
    assert_int_equal (event.sequence, 1);
    assert_int_equal (event.reserved_us, verdict.gate_us);
    assert_int_equal (event.pay_before_us, verdict.pay_before_us);
    assert_int_equal (event.body_hash, purchase.body_hash);
}

static void
test_eight_entries_of_one_shopper_get_one_unit (void **state)
{
    /* Eight entries of one shopper under eight keys in one batch get one unit; the others are told which order it is. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 100);
    gate_purchase_t purchases[8];
    gate_verdict_t verdicts[8];
    for (uint64_t i = 0; i < 8; i++)
        purchases[i] = stage_purchase (sale, 7, i, 1);
    s_reserve (stage, purchases, 8, verdicts);
    assert_int_equal (verdicts[0].code, ERROR_NONE);
    for (size_t i = 1; i < 8; i++) {
        assert_int_equal (verdicts[i].code, ERROR_ALREADY_PURCHASED);
        assert_memory_equal (verdicts[i].other_rid, purchases[0].rid, 16);
    }
    assert_int_equal (stage_stat (stage, sale).available, 99);
    assert_int_equal (stage_stat (stage, sale).journal_count, 1);
}

static void
test_same_key_eight_times_in_one_batch (void **state)
{
    /* Eight entries with one key in one batch are one reservation with one answer; one with another body is a mismatch. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 100);
    gate_purchase_t purchases[8];
    gate_verdict_t verdicts[8];
    for (size_t i = 0; i < 8; i++)
        purchases[i] = stage_purchase (sale, 7, 1, 1);
    purchases[5].body_hash++;
    s_reserve (stage, purchases, 8, verdicts);
    for (size_t i = 0; i < 8; i++) {
        if (i == 5)
            assert_int_equal (verdicts[i].code, ERROR_IDEMPOTENCY_MISMATCH);
        else
            s_assert_same_answer (verdicts[i], verdicts[0]);
    }
    assert_int_equal (verdicts[0].code, ERROR_NONE);
    assert_int_equal (stage_stat (stage, sale).available, 99);
    assert_int_equal (stage_stat (stage, sale).journal_count, 1);
}

static void
test_retry_gives_the_same_answer_in_every_state (void **state)
{
    /* The same key and request gives the first answer again: open, sold out, with a new price, paused, ended, released. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 1);
    gate_purchase_t purchase = stage_purchase (sale, 7, 1, 1),
                    other = stage_purchase (sale, 8, 1, 1);
    gate_verdict_t first = stage_reserve_one (stage, &purchase);
    assert_int_equal (first.code, ERROR_NONE);
    s_assert_same_answer (stage_reserve_one (stage, &purchase), first);
    assert_int_equal (s_code (stage, &other), ERROR_SOLD_OUT);
    s_assert_same_answer (stage_reserve_one (stage, &purchase), first);

    gate_config_t config = stage_config (sale, 1, 0);
    const uint64_t wants[] = { SALE_OPEN, SALE_PAUSED, SALE_ENDED };
    for (size_t i = 0; i < 3; i++) {
        config.version++;
        config.want = wants[i];
        config.price_cents = 5;
        config.pay_within_us = 77;
        assert_int_equal (stage_gate_code (stage, CALL_GATE_UPDATE, &config, 1), ERROR_NONE);
        s_assert_same_answer (stage_reserve_one (stage, &purchase), first);
    }
    assert_int_equal (stage_release (stage, sale, 1, purchase.rid), ERROR_NONE);
    s_assert_same_answer (stage_reserve_one (stage, &purchase), first);
    assert_int_equal (s_lookup (stage, sale, purchase.rid).held, 0);
}

static void
test_mismatch (void **state)
{
    /* A known rid with another body, or of another user, is a mismatch, also after its release; it changes nothing. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    gate_purchase_t purchase = stage_purchase (sale, 7, 1, 1);
    assert_int_equal (s_code (stage, &purchase), ERROR_NONE);
    gate_purchase_t body = purchase, user = purchase;
    body.body_hash++;
    user.user_id++;
    for (int round = 0; round < 2; round++) {
        gate_verdict_t verdict = stage_reserve_one (stage, &body);
        assert_int_equal (verdict.code, ERROR_IDEMPOTENCY_MISMATCH);
        assert_int_equal (verdict.sequence, 0);
        assert_int_equal (s_code (stage, &user), ERROR_IDEMPOTENCY_MISMATCH);
        assert_int_equal (stage_release (stage, sale, 1, purchase.rid), ERROR_NONE);
    }
    assert_int_equal (stage_stat (stage, sale).available, 10);
}

static void
test_refused_attempt_leaves_nothing (void **state)
{
    /* A refused key is unknown afterwards and may win later. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 1);
    gate_purchase_t winner = stage_purchase (sale, 1, 1, 1), loser = stage_purchase (sale, 2, 1, 1);
    assert_int_equal (s_code (stage, &winner), ERROR_NONE);
    char before[41], after[41];
    stage_digest (stage, before);
    assert_int_equal (s_code (stage, &loser), ERROR_SOLD_OUT);
    stage_digest (stage, after);
    assert_string_equal (before, after);
    assert_int_equal (s_lookup (stage, sale, loser.rid).code, ERROR_NOT_FOUND);
    assert_int_equal (stage_release (stage, sale, 1, winner.rid), ERROR_NONE);
    assert_int_equal (s_code (stage, &loser), ERROR_NONE);
}

static void
test_batch_never_oversells (void **state)
{
    /* 256 shoppers with 1–3 units each over 200 units: what is granted fits exactly into what was there, and sequences are
     * 1, 2, 3 … in the order of the entries. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 200);
    static gate_purchase_t purchases[BATCH_ENTRIES_MAX];
    static gate_verdict_t verdicts[BATCH_ENTRIES_MAX];
    for (uint64_t i = 0; i < BATCH_ENTRIES_MAX; i++)
        purchases[i] = stage_purchase (sale, 1 + i, 1, 1 + i % 3);
    s_reserve (stage, purchases, BATCH_ENTRIES_MAX, verdicts);
    uint64_t units = 0, granted = 0;
    for (size_t i = 0; i < BATCH_ENTRIES_MAX; i++) {
        if (verdicts[i].code == ERROR_NONE) {
            units += verdicts[i].quantity;
            assert_int_equal (verdicts[i].sequence, ++granted);
        } else {
            assert_int_equal (verdicts[i].code, ERROR_SOLD_OUT);
            assert_int_equal (verdicts[i].stock_left, 200 - units);
            assert_true (purchases[i].quantity > 200 - units);
        }
    }
    gate_state_t stat = stage_stat (stage, sale);
    assert_int_equal (units, 200);
    assert_int_equal (stat.available, 0);
    assert_int_equal (stat.held_units, 200);
    assert_int_equal (stat.journal_units, 200);
    assert_int_equal (stat.journal_count, granted);
    assert_int_equal (stat.sequence, granted);
}

static void
test_order_of_checks (void **state)
{
    /* When several refusals apply, the first of the documented order answers. Each row removes the reason of the row before. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 1);
    gate_purchase_t mine = stage_purchase (sale, 7, 1, 1), p = stage_purchase (sale, 7, 2, 99);
    assert_int_equal (s_code (stage, &mine),
                      ERROR_NONE); /* sold out now, and user 7 has an order */
    gate_config_t config = stage_config (sale, 1, 0);
    config.version = 2;
    config.want = SALE_PAUSED;
    config.ends_us = 2; /* over */
    config.queue_bound = 1;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_UPDATE, &config, 1), ERROR_NONE);
    memcpy (p.rid, mine.rid, 16);
    p.before_us = 1;
    assert_int_equal (s_code (stage, &p), ERROR_LATE);
    p.before_us = STAGE_FAR_US;
    assert_int_equal (s_code (stage, &p), ERROR_IDEMPOTENCY_MISMATCH);
    p = stage_purchase (sale, 7, 2, 99);
    assert_int_equal (s_code (stage, &p), ERROR_ALREADY_PURCHASED);
    p = stage_purchase (sale, 8, 2, 99);
    assert_int_equal (s_code (stage, &p), ERROR_STALE_VERSION);
    p.version = 2;
    assert_int_equal (s_code (stage, &p), ERROR_SALE_ENDED);
    config.ends_us = STAGE_FAR_US;
    config.starts_us = STAGE_FAR_US - 1;
    config.version = p.version = 3;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_UPDATE, &config, 1), ERROR_NONE);
    assert_int_equal (s_code (stage, &p), ERROR_SALE_PAUSED);
    config.want = SALE_OPEN;
    config.version = p.version = 4;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_UPDATE, &config, 1), ERROR_NONE);
    assert_int_equal (s_code (stage, &p), ERROR_SALE_NOT_STARTED);
    config.starts_us = 1;
    config.version = p.version = 5;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_UPDATE, &config, 1), ERROR_NONE);
    assert_int_equal (s_code (stage, &p), ERROR_LIMIT_EXCEEDED);
    p.quantity = 2;
    assert_int_equal (s_code (stage, &p), ERROR_BUSY);
    config.queue_bound = 2;
    config.version = p.version = 6;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_UPDATE, &config, 1), ERROR_NONE);
    gate_verdict_t verdict = stage_reserve_one (stage, &p);
    assert_int_equal (verdict.code, ERROR_SOLD_OUT);
    assert_int_equal (verdict.stock_left, 0);
}

static void
test_window_edges_by_time (void **state)
{
    /* A window that opens and closes while shoppers try: granted exactly when the script's own TIME lies in [from, until). */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 100000);
    gate_config_t config = stage_config (sale, 1, 0);
    config.version = 2;
    config.starts_us = stage_stat (stage, sale).gate_us + 20000;
    config.ends_us = config.starts_us + 20000;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_UPDATE, &config, 1), ERROR_NONE);
    size_t seen[ERROR_NUMBERS] = { 0 };
    for (uint64_t user = 1; user < POLLS_MAX && seen[ERROR_SALE_ENDED] < 3; user++) {
        gate_purchase_t purchase = stage_purchase (sale, user, 1, 1);
        purchase.version = 2;
        gate_verdict_t verdict = stage_reserve_one (stage, &purchase);
        seen[verdict.code]++;
        uint64_t expected = verdict.gate_us < config.starts_us ? ERROR_SALE_NOT_STARTED
                            : verdict.gate_us < config.ends_us ? ERROR_NONE
                                                               : ERROR_SALE_ENDED;
        assert_int_equal (verdict.code, expected);
    }
    assert_true (seen[ERROR_SALE_NOT_STARTED] > 0 && seen[ERROR_NONE] > 0 &&
                 seen[ERROR_SALE_ENDED] == 3);
}

static void
test_late (void **state)
{
    /* After its `before` an attempt is refused, whether it would have won, repeated or lost; the very microsecond is still in time. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    gate_purchase_t purchase = stage_purchase (sale, 7, 1, 1);
    uint64_t now_us = stage_stat (stage, sale).gate_us;
    purchase.before_us = now_us - 1;
    assert_int_equal (s_code (stage, &purchase), ERROR_LATE);
    assert_int_equal (s_lookup (stage, sale, purchase.rid).code, ERROR_NOT_FOUND);
    purchase.before_us = now_us + 60000000;
    assert_int_equal (s_code (stage, &purchase), ERROR_NONE);
    purchase.before_us = now_us;
    assert_int_equal (s_code (stage, &purchase), ERROR_LATE);
    purchase.before_us = 0;
    assert_int_equal (s_code (stage, &purchase), ERROR_LATE);
}

static void
test_limits (void **state)
{
    /* Quantities are 1 … per_user_limit. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 100);
    const uint64_t wrong[] = { 0, STAGE_LIMIT + 1, HUGE_NUMBER };
    for (size_t i = 0; i < 3; i++) {
        gate_purchase_t purchase = stage_purchase (sale, 7, 1, wrong[i]);
        assert_int_equal (s_code (stage, &purchase), ERROR_LIMIT_EXCEEDED);
    }
    gate_purchase_t most = stage_purchase (sale, 7, 1, STAGE_LIMIT);
    assert_int_equal (s_code (stage, &most), ERROR_NONE);
}

static void
test_ten_attempts (void **state)
{
    /* One shopper may hold ten times in one sale, in this epoch and all later ones; the eleventh is limit_exceeded. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 100);
    gate_entry_t entries[ATTEMPTS_PER_SHOPPER_MAX];
    for (uint64_t key = 0; key < ATTEMPTS_PER_SHOPPER_MAX; key++) {
        gate_purchase_t purchase = stage_purchase (sale, 7, key, 1);
        assert_int_equal (s_code (stage, &purchase), ERROR_NONE);
        assert_int_equal (stage_release (stage, sale, 1, purchase.rid), ERROR_NONE);
        entries[key] = (gate_entry_t){ .sale_id = sale,
                                       .epoch = 2,
                                       .token = STAGE_TOKEN,
                                       .user_id = 7,
                                       .quantity = 1,
                                       .body_hash = purchase.body_hash,
                                       .sequence = key + 1 };
        memcpy (entries[key].rid, purchase.rid, 16);
    }
    gate_purchase_t eleventh = stage_purchase (sale, 7, ATTEMPTS_PER_SHOPPER_MAX, 1);
    assert_int_equal (s_code (stage, &eleventh), ERROR_LIMIT_EXCEEDED);
    s_close (stage, sale, STAGE_TOKEN);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_LOAD, entries, ATTEMPTS_PER_SHOPPER_MAX),
                      ERROR_NONE);
    gate_config_t config = stage_config (sale, 2, 100);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_NONE);
    assert_int_equal (s_code (stage, &eleventh), ERROR_LIMIT_EXCEEDED);
    eleventh.user_id = 8;
    assert_int_equal (s_code (stage, &eleventh), ERROR_NONE);
}

static void
test_stale_version (void **state)
{
    /* An edge with an older or a newer snapshot than the gate's is not served. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    gate_config_t config = stage_config (sale, 1, 0);
    config.version = 5;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_UPDATE, &config, 1), ERROR_NONE);
    gate_purchase_t purchase = stage_purchase (sale, 7, 1, 1);
    const uint64_t versions[] = { 0, 4, 6 };
    for (size_t i = 0; i < 3; i++) {
        purchase.version = versions[i];
        assert_int_equal (s_code (stage, &purchase), ERROR_STALE_VERSION);
    }
    purchase.version = 5;
    assert_int_equal (s_code (stage, &purchase), ERROR_NONE);
}

static void
test_queue_bound (void **state)
{
    /* The journal never has more entries than the bound, whatever a batch brings; deletion makes room again. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    gate_config_t config = stage_config (sale, 1, 100);
    config.queue_bound = 3;
    s_close (stage, sale, STAGE_TOKEN);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_NONE);
    gate_purchase_t purchases[5];
    gate_verdict_t verdicts[5];
    for (uint64_t i = 0; i < 5; i++)
        purchases[i] = stage_purchase (sale, 1 + i, 1, 1);
    s_reserve (stage, purchases, 5, verdicts);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal (verdicts[i].code, i < 3 ? ERROR_NONE : ERROR_BUSY);
    order_event_t event;
    assert_int_equal (stage_journal (stage, sale, 1, &event, 1), 1);
    journal_position_t entry = {
        .sale_id = sale, .epoch = 1, .entry_ms = event.entry_ms, .entry_seq = event.entry_seq
    };
    journal_state_t deleted;
    assert_int_equal (
        gate_call (stage->broker, stage->run_id, CALL_JOURNAL_DELETE, &entry, 1, &deleted, 1), 1);
    s_reserve (stage, purchases, 5, verdicts);
    assert_int_equal (verdicts[3].code, ERROR_NONE);
    assert_int_equal (verdicts[4].code, ERROR_BUSY);
    assert_int_equal (stage_stat (stage, sale).journal_count, 3);
}

static void
test_numbers_of_63_bits (void **state)
{
    /* user_id and body_hash keep all their bits through gate, journal, look-up and rebuild: neighbours that are one double stay
     * two users and two bodies. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    gate_purchase_t purchase = stage_purchase (sale, HUGE_NUMBER, 1, 1);
    purchase.body_hash = HUGE_NUMBER - 1;
    assert_int_equal (s_code (stage, &purchase), ERROR_NONE);
    gate_purchase_t neighbour = purchase;
    neighbour.body_hash = HUGE_NUMBER;
    assert_int_equal (s_code (stage, &neighbour), ERROR_IDEMPOTENCY_MISMATCH);
    neighbour = stage_purchase (sale, HUGE_NUMBER - 1, 1, 1);
    assert_int_equal (s_code (stage, &neighbour), ERROR_NONE);
    order_event_t events[2];
    assert_int_equal (stage_journal (stage, sale, 1, events, 2), 2);
    assert_true (events[0].user_id == HUGE_NUMBER && events[0].body_hash == HUGE_NUMBER - 1);
    assert_true (s_lookup (stage, sale, purchase.rid).user_id == HUGE_NUMBER);
    gate_entry_t entry = { .sale_id = sale,
                           .epoch = 2,
                           .token = STAGE_TOKEN,
                           .held = 1,
                           .user_id = HUGE_NUMBER,
                           .quantity = 1,
                           .body_hash = HUGE_NUMBER - 1 };
    memcpy (entry.rid, purchase.rid, 16);
    s_close (stage, sale, STAGE_TOKEN);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_LOAD, &entry, 1), ERROR_NONE);
    gate_config_t config = stage_config (sale, 2, 9);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_NONE);
    assert_int_equal (s_code (stage, &purchase), ERROR_NONE);
    assert_true (s_lookup (stage, sale, purchase.rid).user_id == HUGE_NUMBER);
    purchase.body_hash = HUGE_NUMBER;
    assert_int_equal (s_code (stage, &purchase), ERROR_IDEMPOTENCY_MISMATCH);
}

static void
test_malformed_arguments_write_nothing (void **state)
{
    /* A call of the wrong shape is an error reply and leaves every key as it was, also when its first entries are in order. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    char before[41], after[41];
    stage_digest (stage, before);
    static gate_purchase_t many[BATCH_ENTRIES_MAX + 1];
    static gate_verdict_t verdicts[BATCH_ENTRIES_MAX + 1];
    for (uint64_t i = 0; i <= BATCH_ENTRIES_MAX; i++)
        many[i] = stage_purchase (sale, 1 + i, 1, 1);
    assert_int_equal (gate_call (stage->seckill, stage->run_id, CALL_GATE_RESERVE, many,
                                 BATCH_ENTRIES_MAX + 1, verdicts, BATCH_ENTRIES_MAX + 1),
                      -1);
    assert_non_null (strstr (store_error (), "wrong number"));
    many[3].sale_id++;
    assert_int_equal (
        gate_call (stage->seckill, stage->run_id, CALL_GATE_RESERVE, many, 4, verdicts, 4), -1);
    assert_non_null (strstr (store_error (), "malformed entry 4"));
    gate_entry_t entries[2] = { { .sale_id = sale, .epoch = 2, .token = 1 },
                                { .sale_id = sale, .epoch = 3, .token = 1 } };
    outcome_t outcome;
    assert_int_equal (
        gate_call (stage->inventory, stage->run_id, CALL_GATE_LOAD, entries, 2, &outcome, 1), -1);
    release_t releases[2] = { { .sale_id = sale, .epoch = 1, .token = 1 },
                              { .sale_id = sale + 1, .epoch = 1, .token = 1 } };
    assert_int_equal (
        gate_call (stage->inventory, stage->run_id, CALL_GATE_RELEASE, releases, 2, releases, 2),
        -1);
    stage_digest (stage, after);
    assert_string_equal (before, after);
}

/* -------------------------------------------------------------------------- closed, lost, other run */

/*  Every call that needs an open gate answers recovering and writes nothing. */
static void
s_assert_recovering (stage_t *stage, uint64_t sale, const gate_purchase_t *known)
{
    char before[41], after[41];
    stage_digest (stage, before);
    gate_purchase_t purchases[2] = { *known, stage_purchase (sale, 99, 1, 1) };
    purchases[1].before_us = 1; /* recovering goes before late */
    gate_verdict_t verdicts[2];
    s_reserve (stage, purchases, 2, verdicts);
    assert_int_equal (verdicts[0].code, ERROR_RECOVERING);
    assert_int_equal (verdicts[1].code, ERROR_RECOVERING);
    assert_true (verdicts[0].gate_us > 0);
    assert_int_equal (s_lookup (stage, sale, known->rid).code, ERROR_RECOVERING);
    assert_int_equal (stage_release (stage, sale, 1, known->rid), ERROR_RECOVERING);
    stage_digest (stage, after);
    assert_string_equal (before, after);
}

static void
test_other_run (void **state)
{
    /* A gate that another run of Redis opened is not used, and gate_stat says so; nor is it updated. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    gate_purchase_t known = stage_purchase (sale, 7, 1, 1);
    assert_int_equal (s_code (stage, &known), ERROR_NONE);
    char run_id[41];
    memcpy (run_id, stage->run_id, sizeof run_id);
    stage->run_id[0] = run_id[0] == 'a' ? 'b' : 'a';
    s_assert_recovering (stage, sale, &known);
    assert_int_equal (stage_stat (stage, sale).same_run, 0);
    gate_config_t config = stage_config (sale, 1, 0);
    config.version = 2;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_UPDATE, &config, 1), ERROR_RECOVERING);
    memcpy (stage->run_id, run_id, sizeof run_id);
    assert_int_equal (s_code (stage, &known), ERROR_NONE);
}

static void
test_missing_key (void **state)
{
    /* Whichever key of a gate is lost, or a field of its hash, the gate is closed for all and not present. */
    stage_t *stage = *state;
    const char *keys[] = { "g", "1:a", "1:r", "1:u", "1:x" };
    for (size_t i = 0; i < 5; i++) {
        uint64_t sale = stage_new_sale_id ();
        stage_open_gate (stage, sale, 1, 10);
        gate_purchase_t known = stage_purchase (sale, 7, 1, 1);
        assert_int_equal (s_code (stage, &known), ERROR_NONE);
        assert_int_equal (stage_stat (stage, sale).present, 1);
        assert_int_equal (stage_redis_integer (stage, "DEL {s%d}:%s", (int)sale, keys[i]), 1);
        s_assert_recovering (stage, sale, &known);
        assert_int_equal (stage_stat (stage, sale).present, 0);
    }
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    gate_purchase_t unknown = stage_purchase (sale, 7, 1, 1);
    assert_int_equal (stage_redis_integer (stage, "HDEL {s%d}:g qmax", (int)sale), 1);
    assert_int_equal (s_code (stage, &unknown), ERROR_RECOVERING);
    assert_int_equal (stage_stat (stage, sale).present, 0);
}

static void
test_never_opened (void **state)
{
    /* A sale without a gate is recovering, not unknown; closing makes a hash that is no gate. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    gate_purchase_t purchase = stage_purchase (sale, 7, 1, 1);
    s_assert_recovering (stage, sale, &purchase);
    gate_state_t stat = stage_stat (stage, sale);
    assert_true (stat.present == 0 && stat.same_run == 0 && stat.epoch == 0 && stat.gate_us > 0);
    assert_int_equal (s_close (stage, sale, 5).present, 0);
    s_assert_recovering (stage, sale, &purchase);
    stat = stage_stat (stage, sale);
    assert_true (stat.present == 0 && stat.recovering == 1 && stat.token == 5);
}

static void
test_restart_with_its_file (void **state)
{
    /* Redis is killed and comes back with its file: everything acknowledged is there, NOSCRIPT or recovering is all that anybody
     * hears, until the sale is rebuilt; then the old answers hold and the sequence goes on. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    gate_purchase_t known = stage_purchase (sale, 7, 1, 2);
    gate_verdict_t first = stage_reserve_one (stage, &known);
    assert_int_equal (first.code, ERROR_NONE);
    servers_kill_redis (stage->servers);
    assert_true (servers_start_redis (stage->servers));
    stage_reconnect_redis (stage);
    gate_state_t stat = stage_stat (stage, sale);
    assert_true (stat.present == 1 && stat.same_run == 0 && stat.available == 8 &&
                 stat.journal_count == 1);
    s_assert_recovering (stage, sale, &known);
    order_event_t event;
    assert_int_equal (stage_journal (stage, sale, 1, &event, 1), 1);
    assert_memory_equal (event.rid, known.rid, 16);

    assert_int_equal (s_close (stage, sale, STAGE_TOKEN).same_run, 0);
    gate_entry_t entry = { .sale_id = sale,
                           .epoch = 2,
                           .token = STAGE_TOKEN,
                           .held = 1,
                           .user_id = 7,
                           .quantity = 2,
                           .body_hash = known.body_hash,
                           .price_cents = first.price_cents,
                           .sequence = first.sequence,
                           .reserved_us = first.gate_us,
                           .pay_before_us = first.pay_before_us };
    memcpy (entry.rid, known.rid, 16);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_LOAD, &entry, 1), ERROR_NONE);
    gate_config_t config = stage_config (sale, 2, 8);
    config.held_units = 2;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_NONE);
    s_assert_same_answer (stage_reserve_one (stage, &known), first);
    gate_purchase_t next = stage_purchase (sale, 8, 1, 1);
    assert_int_equal (stage_reserve_one (stage, &next).sequence, 2);
    stat = stage_stat (stage, sale);
    assert_true (stat.same_run == 1 && stat.available == 7 && stat.held_units == 3 &&
                 stat.journal_units == 1);
}

static void
test_script_flush (void **state)
{
    /* After SCRIPT FLUSH a call is refused as NOSCRIPT and nothing ran; only inventory may load them again, and then all goes on. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    freeReplyObject (redisCommand (stage->redis, "SCRIPT FLUSH"));
    gate_purchase_t purchase = stage_purchase (sale, 7, 1, 1);
    gate_verdict_t verdict;
    assert_int_equal (
        gate_call (stage->seckill, stage->run_id, CALL_GATE_RESERVE, &purchase, 1, &verdict, 1),
        -1);
    assert_non_null (strstr (store_error (), "NOSCRIPT"));
    assert_true (servers_load_scripts (stage->inventory));
    assert_int_equal (stage_stat (stage, sale).available, 10);
    assert_int_equal (s_code (stage, &purchase), ERROR_NONE);
}

static void
test_memory_full (void **state)
{
    /* With maxmemory reached a batch is refused whole and writes nothing, refusals and retries are still answered, and the journal can
     * be drained. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    gate_purchase_t known = stage_purchase (sale, 7, 1, 1), fresh = stage_purchase (sale, 8, 1, 1);
    assert_int_equal (s_code (stage, &known), ERROR_NONE);
    freeReplyObject (redisCommand (stage->redis, "CONFIG SET maxmemory 1"));
    char before[41], after[41];
    stage_digest (stage, before);
    gate_verdict_t verdict;
    assert_int_equal (
        gate_call (stage->seckill, stage->run_id, CALL_GATE_RESERVE, &fresh, 1, &verdict, 1), -1);
    assert_non_null (strstr (store_error (), "OOM"));
    release_t release = { .sale_id = sale, .epoch = 1, .token = STAGE_TOKEN };
    memcpy (release.rid, known.rid, 16);
    assert_int_equal (
        gate_call (stage->inventory, stage->run_id, CALL_GATE_RELEASE, &release, 1, &release, 1),
        -1);
    stage_digest (stage, after);
    assert_string_equal (before, after);
    assert_int_equal (s_code (stage, &known), ERROR_NONE);
    order_event_t event;
    assert_int_equal (stage_journal (stage, sale, 1, &event, 1), 1);
    journal_position_t entry = {
        .sale_id = sale, .epoch = 1, .entry_ms = event.entry_ms, .entry_seq = event.entry_seq
    };
    journal_state_t deleted;
    assert_int_equal (
        gate_call (stage->broker, stage->run_id, CALL_JOURNAL_DELETE, &entry, 1, &deleted, 1), 1);
    assert_int_equal (stage_stat (stage, sale).journal_units, 0);
    freeReplyObject (redisCommand (stage->redis, "CONFIG SET maxmemory 0"));
    assert_int_equal (s_code (stage, &fresh), ERROR_NONE);
}

/* -------------------------------------------------------------------------- recovery: close, load, open, update */

static gate_entry_t
s_entry (uint64_t sale, uint64_t epoch, uint64_t token, uint64_t user, uint64_t held)
{
    gate_purchase_t purchase = stage_purchase (sale, user, 1, 1);
    gate_entry_t entry = { .sale_id = sale,
                           .epoch = epoch,
                           .token = token,
                           .held = held,
                           .user_id = user,
                           .quantity = 1,
                           .body_hash = purchase.body_hash,
                           .price_cents = 3,
                           .sequence = user,
                           .reserved_us = 5,
                           .pay_before_us = 6 };
    memcpy (entry.rid, purchase.rid, 16);
    return entry;
}

static void
test_close_stops_everything (void **state)
{
    /* A closed gate reserves, releases and updates nothing, not even by an operator who wants it open; closing again shows it. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    gate_purchase_t known = stage_purchase (sale, 7, 1, 1);
    assert_int_equal (s_code (stage, &known), ERROR_NONE);
    gate_state_t before = s_close (stage, sale, 3);
    assert_true (before.code == ERROR_NONE && before.present == 1 && before.recovering == 0 &&
                 before.token == STAGE_TOKEN);
    assert_true (before.held_units == 1 && before.journal_count == 1 && before.sequence == 1);
    s_assert_recovering (stage, sale, &known);
    gate_config_t config = stage_config (sale, 1, 0);
    config.version = 2;
    config.token = 3;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_UPDATE, &config, 1), ERROR_RECOVERING);
    before = s_close (stage, sale, 3);
    assert_true (before.code == ERROR_NONE && before.recovering == 1 && before.token == 3);
}

static void
test_fencing (void **state)
{
    /* Once a higher token was here, a deposed leader can neither close, load, open, update nor release; everything stays as it is. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    assert_int_equal (s_close (stage, sale, 8).code, ERROR_NONE);
    char before[41], after[41];
    stage_digest (stage, before);
    gate_entry_t entry = s_entry (sale, 2, 7, 1, 1);
    gate_config_t config = stage_config (sale, 2, 10);
    config.token = 7;
    config.version = 9;
    assert_int_equal (s_close (stage, sale, 7).code, ERROR_FENCED);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_LOAD, &entry, 1), ERROR_FENCED);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_FENCED);
    config.epoch = 1;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_UPDATE, &config, 1), ERROR_FENCED);
    release_t release = { .sale_id = sale, .epoch = 1, .token = 7 };
    assert_int_equal (
        gate_call (stage->inventory, stage->run_id, CALL_GATE_RELEASE, &release, 1, &release, 1),
        1);
    assert_int_equal (release.code, ERROR_FENCED);
    stage_digest (stage, after);
    assert_string_equal (before, after);
    assert_int_equal (stage_stat (stage, sale).token, 8);
}

static void
test_load_and_open_need_their_own_close (void **state)
{
    /* Loading and opening are refused into an open gate, under a token that did not close it, of an epoch that is not above the
     * gate's, of a lower version, and into a gate that another run of Redis closed. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 4, 10);
    gate_entry_t entry = s_entry (sale, 5, STAGE_TOKEN, 1, 1);
    gate_config_t config = stage_config (sale, 5, 10);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_LOAD, &entry, 1), ERROR_RECOVERING);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_RECOVERING);
    s_close (stage, sale, STAGE_TOKEN);
    entry.token = config.token = STAGE_TOKEN + 1;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_LOAD, &entry, 1), ERROR_RECOVERING);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_RECOVERING);
    entry.token = config.token = STAGE_TOKEN;
    entry.epoch = config.epoch = 4;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_LOAD, &entry, 1), ERROR_STALE_EPOCH);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_STALE_EPOCH);
    entry.epoch = config.epoch = 5;
    config.version = 0;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_STALE_VERSION);
    config.version = 1;
    char first = stage->run_id[0];
    stage->run_id[0] = first == 'a' ? 'b' : 'a';
    assert_int_equal (stage_gate_code (stage, CALL_GATE_LOAD, &entry, 1), ERROR_RECOVERING);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_RECOVERING);
    stage->run_id[0] = first;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_LOAD, &entry, 1), ERROR_NONE);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_NONE);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_LOAD, &entry, 1), ERROR_RECOVERING);
}

static void
test_open_again_is_done (void **state)
{
    /* A repeated opening changes nothing, even after the gate went on. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    gate_purchase_t purchase = stage_purchase (sale, 7, 1, 1);
    assert_int_equal (s_code (stage, &purchase), ERROR_NONE);
    char before[41], after[41];
    stage_digest (stage, before);
    gate_config_t config = stage_config (sale, 1, 10);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_NONE);
    stage_digest (stage, after);
    assert_string_equal (before, after);
}

static void
test_load_again_is_done (void **state)
{
    /* A page that is loaded twice, or has a rid twice, counts each rid once; held and released are what the snapshot says. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    s_close (stage, sale, STAGE_TOKEN);
    gate_entry_t entries[3] = { s_entry (sale, 1, STAGE_TOKEN, 1, 1),
                                s_entry (sale, 1, STAGE_TOKEN, 2, 0),
                                s_entry (sale, 1, STAGE_TOKEN, 3, 1) };
    assert_int_equal (stage_gate_code (stage, CALL_GATE_LOAD, entries, 2), ERROR_NONE);
    char before[41], after[41];
    stage_digest (stage, before);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_LOAD, entries, 2), ERROR_NONE);
    stage_digest (stage, after);
    assert_string_equal (before, after);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_LOAD, entries, 3), ERROR_NONE);
    gate_config_t config = stage_config (sale, 1, 10);
    config.held_units = 2;
    config.sequence = 77;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_NONE);
    for (uint64_t user = 1; user <= 3; user++) {
        gate_purchase_t known = stage_purchase (sale, user, 1, 1),
                        fresh = stage_purchase (sale, user, 2, 1);
        gate_verdict_t verdict = stage_reserve_one (stage, &known);
        assert_true (verdict.code == ERROR_NONE && verdict.sequence == user &&
                     verdict.pay_before_us == 6);
        assert_int_equal (s_lookup (stage, sale, known.rid).held, user == 2 ? 0 : 1);
        assert_int_equal (s_code (stage, &fresh), user == 2 ? ERROR_NONE : ERROR_ALREADY_PURCHASED);
    }
    assert_int_equal (stage_stat (stage, sale).sequence, 78);
    assert_int_equal (stage_stat (stage, sale).held_units, 3);
}

static void
test_abandoned_loading_is_swept (void **state)
{
    /* A leader loads epoch 2 and dies; its successor loads and opens 3: nothing of 1 and 2 is left, in memory or in the answers. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    s_close (stage, sale, 2);
    gate_entry_t orphan = s_entry (sale, 2, 2, 1, 1), entry = s_entry (sale, 3, 3, 2, 1);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_LOAD, &orphan, 1), ERROR_NONE);
    s_close (stage, sale, 3);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_LOAD, &entry, 1), ERROR_NONE);
    gate_config_t config = stage_config (sale, 3, 9);
    config.token = 3;
    config.held_units = 1;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_NONE);
    assert_int_equal (s_lookup (stage, sale, orphan.rid).code, ERROR_NOT_FOUND);
    assert_int_equal (s_lookup (stage, sale, entry.rid).code, ERROR_NONE);
    for (int epoch = 1; epoch <= 2; epoch++)
        assert_int_equal (stage_redis_integer (stage,
                                               "EXISTS {s%d}:%d:a {s%d}:%d:r {s%d}:%d:u {s%d}:%d:x",
                                               (int)sale, epoch, (int)sale, epoch, (int)sale, epoch,
                                               (int)sale, epoch),
                          0);
    /* The next opening has nothing to load and drops epoch 3 and what was given up as 4. */
    s_close (stage, sale, 4);
    gate_entry_t given_up = s_entry (sale, 4, 4, 5, 1);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_LOAD, &given_up, 1), ERROR_NONE);
    config.epoch = 5;
    config.token = 4;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_NONE);
    assert_int_equal (s_lookup (stage, sale, given_up.rid).code, ERROR_NOT_FOUND);
    for (int epoch = 3; epoch <= 4; epoch++)
        assert_int_equal (stage_redis_integer (stage, "EXISTS {s%d}:%d:a {s%d}:%d:r", (int)sale,
                                               epoch, (int)sale, epoch),
                          0);
}

static void
test_sequence_never_falls (void **state)
{
    /* A gate that survived goes on from its own sequence, even if PostgreSQL knows less; a lost one from what the leader says. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    gate_purchase_t a = stage_purchase (sale, 1, 1, 1), b = stage_purchase (sale, 2, 1, 1),
                    c = stage_purchase (sale, 3, 1, 1);
    assert_int_equal (stage_reserve_one (stage, &a).sequence, 1);
    assert_int_equal (stage_reserve_one (stage, &b).sequence, 2);
    stage_open_gate (stage, sale, 2, 10);
    assert_int_equal (stage_reserve_one (stage, &a).sequence, 3);
    s_close (stage, sale, STAGE_TOKEN);
    gate_config_t config = stage_config (sale, 3, 10);
    config.sequence = 1000;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_NONE);
    assert_int_equal (stage_reserve_one (stage, &c).sequence, 1001);
}

static void
test_update_by_rising_version (void **state)
{
    /* A higher version is written, the same is done already, a lower one and another epoch are refused; stock and holds stay. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 2, 10);
    gate_config_t config = stage_config (sale, 2, 999);
    config.version = 5;
    config.price_cents = 7;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_UPDATE, &config, 1), ERROR_NONE);
    config.price_cents = 8;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_UPDATE, &config, 1), ERROR_NONE);
    config.version = 4;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_UPDATE, &config, 1), ERROR_STALE_VERSION);
    config.version = 6;
    config.epoch = 1;
    assert_int_equal (stage_gate_code (stage, CALL_GATE_UPDATE, &config, 1), ERROR_STALE_EPOCH);
    gate_purchase_t purchase = stage_purchase (sale, 7, 1, 1);
    purchase.version = 5;
    assert_int_equal (stage_reserve_one (stage, &purchase).price_cents, 7);
    gate_state_t stat = stage_stat (stage, sale);
    assert_true (stat.version == 5 && stat.available == 9 && stat.epoch == 2);
}

/* -------------------------------------------------------------------------- release, journal */

static void
test_release_is_compare_and_set (void **state)
{
    /* However often and in whatever company a rid is released, its units come back once; its user may buy again. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    gate_purchase_t a = stage_purchase (sale, 1, 1, 3), b = stage_purchase (sale, 2, 1, 1),
                    again = stage_purchase (sale, 1, 2, 1);
    assert_int_equal (s_code (stage, &a), ERROR_NONE);
    assert_int_equal (s_code (stage, &b), ERROR_NONE);
    assert_int_equal (s_code (stage, &again), ERROR_ALREADY_PURCHASED);
    gate_state_t before = stage_stat (stage, sale);
    release_t releases[4];
    for (size_t i = 0; i < 4; i++)
        releases[i] = (release_t){ .sale_id = sale, .epoch = 1, .token = STAGE_TOKEN };
    memcpy (releases[0].rid, a.rid, 16);
    memcpy (releases[1].rid, again.rid, 16); /* unknown */
    memcpy (releases[2].rid, a.rid, 16);
    memcpy (releases[3].rid, b.rid, 16);
    for (int round = 0; round < 3; round++) {
        release_t results[4];
        assert_int_equal (
            gate_call (stage->inventory, stage->run_id, CALL_GATE_RELEASE, releases, 4, results, 4),
            4);
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal (results[i].code, ERROR_NONE);
            assert_memory_equal (results[i].rid, releases[i].rid, 16);
        }
    }
    gate_state_t after = stage_stat (stage, sale);
    assert_true (after.available == 10 && after.held_units == 0 && after.changes > before.changes);
    assert_int_equal (s_code (stage, &again), ERROR_NONE);
    assert_int_equal (stage_release (stage, sale, 1, a.rid),
                      ERROR_NONE); /* does not touch the slot of the newer one */
    gate_purchase_t third = stage_purchase (sale, 1, 3, 1);
    assert_int_equal (s_code (stage, &third), ERROR_ALREADY_PURCHASED);
    assert_int_equal (stage_stat (stage, sale).available, 9);
}

static void
test_release_of_another_epoch (void **state)
{
    /* A release that names another epoch than the gate's, older or newer, is asked again later and changes nothing. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 2, 10);
    gate_purchase_t purchase = stage_purchase (sale, 1, 1, 1);
    assert_int_equal (s_code (stage, &purchase), ERROR_NONE);
    assert_int_equal (stage_release (stage, sale, 1, purchase.rid), ERROR_RECOVERING);
    assert_int_equal (stage_release (stage, sale, 3, purchase.rid), ERROR_RECOVERING);
    assert_int_equal (stage_stat (stage, sale).available, 9);
    assert_int_equal (stage_release (stage, sale, 2, purchase.rid), ERROR_NONE);
    assert_int_equal (stage_stat (stage, sale).available, 10);
}

/* -------------------------------------------------------------------------- users */

static void
s_assert_allowed (redisContext *redis, bool is_allowed, const char *command)
{
    redisReply *reply = redisCommand (redis, command);
    assert_non_null (reply);
    bool is_denied = reply->type == REDIS_REPLY_ERROR && !strncmp (reply->str, "NOPERM", 6);
    if (is_denied == is_allowed)
        fail_msg ("%s: %s", command, reply->type == REDIS_REPLY_ERROR ? reply->str : "allowed");
    freeReplyObject (reply);
}

static void
test_users (void **state)
{
    /* The three users can do what their work needs and nothing that undoes others' (all tests above ran as them). */
    stage_t *stage = *state;
    redisContext *all[] = { stage->seckill, stage->inventory, stage->broker };
    const char *allowed[] = { "PING", "TIME", "INFO server", "CLIENT SETNAME x" };
    const char *denied[] = { "INFO",
                             "INFO keyspace",
                             "EVAL return(1) 0",
                             "CONFIG GET *",
                             "SCRIPT FLUSH",
                             "FLUSHALL",
                             "FLUSHDB",
                             "KEYS *",
                             "SCAN 0",
                             "DEL {s1}:g",
                             "DEBUG DIGEST",
                             "ACL LIST",
                             "SHUTDOWN",
                             "SAVE",
                             "BGREWRITEAOF",
                             "CLIENT KILL TYPE normal",
                             "MONITOR",
                             "SUBSCRIBE x",
                             "FCALL f 0",
                             "FUNCTION FLUSH",
                             "SWAPDB 0 1",
                             "HGET other x",
                             "HMGET {s1}y x",
                             "XADD {s1}:1:xx * a b",
                             "REPLICAOF NO ONE",
                             "SELECT 1" };
    for (size_t user = 0; user < 3; user++) {
        for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
            s_assert_allowed (all[user], true, allowed[i]);
        for (size_t i = 0; i < sizeof denied / sizeof *denied; i++)
            s_assert_allowed (all[user], false, denied[i]);
    }
    s_assert_allowed (stage->seckill, false, "SCRIPT LOAD return(1)");
    s_assert_allowed (stage->broker, false, "SCRIPT LOAD return(1)");
    s_assert_allowed (stage->inventory, true, "SCRIPT LOAD return(1)");
    s_assert_allowed (stage->seckill, false, "XDEL {s1}:1:x 1-1");
    s_assert_allowed (stage->seckill, false, "UNLINK {s1}:1:a");
    s_assert_allowed (stage->seckill, false, "SET {s1}:1:a 1");
    s_assert_allowed (stage->broker, true, "XREAD COUNT 1 STREAMS {s1}:1:x {s2}:1:x 0 0");
    s_assert_allowed (stage->broker, false, "XREAD COUNT 1 STREAMS {s1}:1:x {s2}:1:r 0 0");
    s_assert_allowed (stage->broker, false, "HSET {s1}:1:r a b");
    s_assert_allowed (stage->broker, false, "HSET {s1}:1:u a b");
    s_assert_allowed (stage->broker, false, "INCRBY {s1}:1:a 1");
    s_assert_allowed (stage->inventory, false, "XREAD COUNT 1 STREAMS {s1}:1:x 0");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_granted),
        cmocka_unit_test (test_eight_entries_of_one_shopper_get_one_unit),
        cmocka_unit_test (test_same_key_eight_times_in_one_batch),
        cmocka_unit_test (test_retry_gives_the_same_answer_in_every_state),
        cmocka_unit_test (test_mismatch),
        cmocka_unit_test (test_refused_attempt_leaves_nothing),
        cmocka_unit_test (test_batch_never_oversells),
        cmocka_unit_test (test_order_of_checks),
        cmocka_unit_test (test_window_edges_by_time),
        cmocka_unit_test (test_late),
        cmocka_unit_test (test_limits),
        cmocka_unit_test (test_ten_attempts),
        cmocka_unit_test (test_stale_version),
        cmocka_unit_test (test_queue_bound),
        cmocka_unit_test (test_numbers_of_63_bits),
        cmocka_unit_test (test_malformed_arguments_write_nothing),
        cmocka_unit_test (test_other_run),
        cmocka_unit_test (test_missing_key),
        cmocka_unit_test (test_never_opened),
        cmocka_unit_test (test_restart_with_its_file),
        cmocka_unit_test (test_script_flush),
        cmocka_unit_test (test_memory_full),
        cmocka_unit_test (test_close_stops_everything),
        cmocka_unit_test (test_fencing),
        cmocka_unit_test (test_load_and_open_need_their_own_close),
        cmocka_unit_test (test_open_again_is_done),
        cmocka_unit_test (test_load_again_is_done),
        cmocka_unit_test (test_abandoned_loading_is_swept),
        cmocka_unit_test (test_sequence_never_falls),
        cmocka_unit_test (test_update_by_rising_version),
        cmocka_unit_test (test_release_is_compare_and_set),
        cmocka_unit_test (test_release_of_another_epoch),
        cmocka_unit_test (test_users),
    };
    return cmocka_run_group_tests (tests, stage_set_up, stage_tear_down);
}
