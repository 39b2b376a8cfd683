/*  The broker's scripts on a real Redis, as its own user: every rule at the top of journal_delete, delivery_count, delay_due and
    delay_done that can be seen from outside. */

#include "stage.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define QUARTER_US 250000u

static void
s_reserve (stage_t *stage, const gate_purchase_t *purchases, size_t count, gate_verdict_t *verdicts)
{
    if (gate_call (stage->seckill, stage->run_id, CALL_GATE_RESERVE, purchases, count, verdicts,
                   count) != (int)count)
        fail_msg ("%s", store_error ());
}

static void
s_close (stage_t *stage, uint64_t sale_id, uint64_t token)
{
    gate_key_t key = { .sale_id = sale_id, .token = token };
    gate_state_t before;
    if (gate_call (stage->inventory, stage->run_id, CALL_GATE_CLOSE, &key, 1, &before, 1) != 1)
        fail_msg ("%s", store_error ());
}

/*  A sale with this many reservations of one unit in the journal of epoch 1: their positions, as a broker without a lease. */
static uint64_t
s_sale_with (stage_t *stage, size_t count, journal_position_t *positions)
{
    order_event_t events[64];
    gate_purchase_t purchases[64];
    gate_verdict_t verdicts[64];
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 100);
    for (uint64_t i = 0; i < count; i++)
        purchases[i] = stage_purchase (sale, 1 + i, 1, 1);
    s_reserve (stage, purchases, count, verdicts);
    assert_int_equal (stage_journal (stage, sale, 1, events, 64), count);
    for (size_t i = 0; i < count; i++)
        positions[i] = (journal_position_t){ .sale_id = sale,
                                             .epoch = 1,
                                             .entry_ms = events[i].entry_ms,
                                             .entry_seq = events[i].entry_seq };
    return sale;
}

static journal_state_t
s_call (stage_t *stage, call_name_t call, const void *arguments, size_t count)
{
    journal_state_t state;
    if (gate_call (stage->broker, stage->run_id, call, arguments, count, &state, 1) != 1)
        fail_msg ("%s", store_error ());
    return state;
}

static delivery_failure_t
s_failure (const journal_position_t *entry, uint64_t token, uint64_t attempt, bool has_died)
{
    return (delivery_failure_t){ .sale_id = entry->sale_id,
                                 .epoch = entry->epoch,
                                 .entry_ms = entry->entry_ms,
                                 .entry_seq = entry->entry_seq,
                                 .token = token,
                                 .batch_id = 7,
                                 .attempt = attempt,
                                 .died = has_died };
}

static journal_state_t
s_count (stage_t *stage, const journal_position_t *entry, uint64_t token, uint64_t attempt,
         bool has_died)
{
    delivery_failure_t failure = s_failure (entry, token, attempt, has_died);
    return s_call (stage, CALL_DELIVERY_COUNT, &failure, 1);
}

static journal_state_t
s_delay (stage_t *stage, call_name_t call, uint64_t sale_id, uint64_t token, uint64_t until_us,
         uint64_t again_us)
{
    delay_t delay = {
        .sale_id = sale_id, .token = token, .until_us = until_us, .again_us = again_us
    };
    return s_call (stage, call, &delay, 1);
}

static long long
s_dues (stage_t *stage, uint64_t sale_id)
{
    return stage_redis_integer (stage, "ZCARD {s%d}:due", (int)sale_id);
}

static uint64_t
s_gate_us (stage_t *stage, uint64_t sale_id)
{
    return s_delay (stage, CALL_DELAY_DUE, sale_id, 0, 0, 0).gate_us;
}

/* -------------------------------------------------------------------------- deleting */

static void
test_journal_delete (void **state)
{
    /* Deleting is idempotent; the totals of entries and units stay exact with any quantities; the empty journal stays a key. */
    stage_t *stage = *state;
    const uint64_t units_max[] = { 1, 3 };
    for (size_t round = 0; round < 2; round++) {
        uint64_t sale = stage_new_sale_id ();
        stage_open_gate (stage, sale, 1, 1000);
        gate_purchase_t purchases[60];
        gate_verdict_t verdicts[60];
        uint64_t units = 0;
        for (uint64_t i = 0; i < 60; i++) {
            purchases[i] = stage_purchase (sale, 1 + i, 1, 1 + i % units_max[round]);
            units += purchases[i].quantity;
        }
        s_reserve (stage, purchases, 60, verdicts);
        order_event_t events[60];
        assert_int_equal (stage_journal (stage, sale, 1, events, 60), 60);
        journal_position_t ids[60];
        for (size_t i = 0; i < 60; i++)
            ids[i] = (journal_position_t){ .sale_id = sale,
                                           .epoch = 1,
                                           .entry_ms = events[i].entry_ms,
                                           .entry_seq = events[i].entry_seq };
        journal_state_t outcome;
        for (size_t from = 0; from < 60; from += 10) {
            size_t count =
                from + 15 < 60 ? 15 : 60 - from; /* overlaps: five of each are deleted twice */
            for (size_t i = from; i < from + 10; i++)
                units -= purchases[i].quantity;
            uint64_t overlap = 0;
            for (size_t i = from + 10; i < from + count; i++)
                overlap += purchases[i].quantity;
            assert_int_equal (gate_call (stage->broker, stage->run_id, CALL_JOURNAL_DELETE,
                                         ids + from, count, &outcome, 1),
                              1);
            gate_state_t stat = stage_stat (stage, sale);
            assert_int_equal (stat.journal_units, units - overlap);
            assert_int_equal (stat.journal_count, 60 - from - count);
        }
        gate_state_t stat = stage_stat (stage, sale);
        assert_true (stat.present == 1 && stat.journal_count == 0 && stat.journal_units == 0);
        assert_int_equal (gate_call (stage->broker, "", CALL_JOURNAL_DELETE, ids, 60, &outcome, 1),
                          1);
        assert_int_equal (stage_stat (stage, sale).changes, stat.changes);
    }
}

static void
test_journal_delete_in_every_state (void **state)
{
    /* The old journal can be drained while the gate is closed, and after a rebuild dropped it; a missing gate is not made. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    gate_purchase_t purchase = stage_purchase (sale, 1, 1, 1);
    assert_int_equal (stage_reserve_one (stage, &purchase).code, ERROR_NONE);
    s_close (stage, sale, STAGE_TOKEN);
    order_event_t event;
    assert_int_equal (stage_journal (stage, sale, 1, &event, 1), 1);
    journal_position_t entry = {
        .sale_id = sale, .epoch = 1, .entry_ms = event.entry_ms, .entry_seq = event.entry_seq
    };
    journal_state_t outcome;
    assert_int_equal (
        gate_call (stage->broker, stage->run_id, CALL_JOURNAL_DELETE, &entry, 1, &outcome, 1), 1);
    assert_int_equal (stage_stat (stage, sale).journal_count, 0);
    gate_config_t config = stage_config (sale, 2, 9);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_NONE);
    gate_state_t before = stage_stat (stage, sale);
    assert_int_equal (
        gate_call (stage->broker, stage->run_id, CALL_JOURNAL_DELETE, &entry, 1, &outcome, 1), 1);
    assert_int_equal (stage_stat (stage, sale).changes, before.changes);
    entry.sale_id = stage_new_sale_id ();
    assert_int_equal (
        gate_call (stage->broker, stage->run_id, CALL_JOURNAL_DELETE, &entry, 1, &outcome, 1), 1);
    assert_int_equal (stage_redis_integer (stage, "EXISTS {s%d}:g", (int)entry.sale_id), 0);
}

static void
test_planted_entry_is_poison_not_harm (void **state)
{
    /* A foreign entry in the journal does not stop reservations, is deletable, and the totals heal when the journal is empty. */
    stage_t *stage = *state;
    uint64_t sale = stage_new_sale_id ();
    stage_open_gate (stage, sale, 1, 10);
    freeReplyObject (redisCommand (stage->redis, "XADD {s%d}:1:x * rubbish 1", (int)sale));
    gate_purchase_t purchase = stage_purchase (sale, 1, 1, 2);
    assert_int_equal (stage_reserve_one (stage, &purchase).code, ERROR_NONE);
    redisReply *reply = redisCommand (stage->broker, "XRANGE {s%d}:1:x - +", (int)sale);
    assert_int_equal (reply->elements, 2);
    journal_position_t ids[2] = { { .sale_id = sale, .epoch = 1 },
                                  { .sale_id = sale, .epoch = 1 } };
    for (size_t i = 0; i < 2; i++)
        sscanf (reply->element[i]->element[0]->str, "%" SCNu64 "-%" SCNu64, &ids[i].entry_ms,
                &ids[i].entry_seq);
    freeReplyObject (reply);
    journal_state_t outcome;
    assert_int_equal (
        gate_call (stage->broker, stage->run_id, CALL_JOURNAL_DELETE, ids, 1, &outcome, 1), 1);
    assert_int_equal (stage_stat (stage, sale).journal_count, 1);
    assert_int_equal (
        gate_call (stage->broker, stage->run_id, CALL_JOURNAL_DELETE, ids, 2, &outcome, 1), 1);
    assert_int_equal (stage_stat (stage, sale).journal_units, 0);
}

static void
test_delete_drops_the_count (void **state)
{
    /* What was counted of an entry goes with it, and only that; the key goes with the last. */
    stage_t *stage = *state;
    journal_position_t entries[3];
    uint64_t sale = s_sale_with (stage, 3, entries);
    s_count (stage, &entries[0], 0, 1, false);
    s_count (stage, &entries[2], 0, 1, false);
    s_call (stage, CALL_JOURNAL_DELETE, entries, 2);
    assert_int_equal (stage_redis_integer (stage, "HLEN {s%d}:1:dc", (int)sale), 1);
    s_call (stage, CALL_JOURNAL_DELETE, entries, 3);
    assert_int_equal (stage_redis_integer (stage, "EXISTS {s%d}:1:dc", (int)sale), 0);
}

static void
test_malformed_arguments_write_nothing (void **state)
{
    /* Wrong shape, a second sale, a second token, a number that is none, another key: an error, and nothing is written. */
    stage_t *stage = *state;
    journal_position_t entries[2];
    uint64_t sale = s_sale_with (stage, 2, entries);
    journal_position_t strange[2];
    journal_state_t out;
    char before[41], after[41];
    stage_digest (stage, before);
    memcpy (strange, entries, sizeof strange);
    strange[1].sale_id++;
    assert_int_equal (gate_call (stage->broker, "", CALL_JOURNAL_DELETE, strange, 2, &out, 1), -1);
    memcpy (strange, entries, sizeof strange);
    strange[1].token = 3;
    assert_int_equal (gate_call (stage->broker, "", CALL_JOURNAL_DELETE, strange, 2, &out, 1), -1);
    delay_t delays[2] = { { .sale_id = sale }, { .sale_id = sale } };
    assert_int_equal (gate_call (stage->broker, "", CALL_DELAY_DUE, delays, 2, &out, 1), -1);
    assert_int_equal (gate_call (stage->broker, "", CALL_DELAY_DONE, delays, 2, &out, 1), -1);
    delivery_failure_t failures[2] = { s_failure (entries, 0, 1, false),
                                       s_failure (entries, 0, 1, false) };
    assert_int_equal (gate_call (stage->broker, "", CALL_DELIVERY_COUNT, failures, 2, &out, 1), -1);
    stage_digest (stage, after);
    assert_string_equal (before, after);
}

/* -------------------------------------------------------------------------- delayed messages */

static void
test_delete_keeps_delayed_messages (void **state)
{
    /* One message for each quarter of a second, for entries that were really deleted; pay_before 0 keeps none; again adds none. */
    stage_t *stage = *state;
    journal_position_t entries[10];
    uint64_t sale = s_sale_with (stage, 10, entries);
    uint64_t base = (s_gate_us (stage, sale) / QUARTER_US + 1000) * QUARTER_US;
    const uint64_t pays[] = { base,     base - 1, base - QUARTER_US + 1, base + 1,
                              base + 2, base + 3, base + QUARTER_US,     0,
                              0,        base };
    for (size_t i = 0; i < 10; i++)
        entries[i].pay_before_us = pays[i];
    journal_state_t done = s_call (stage, CALL_JOURNAL_DELETE, entries, 9);
    assert_int_equal (done.kept, 2);
    assert_int_equal (done.due_us, base);
    assert_true (done.gate_us < base);
    assert_int_equal (s_dues (stage, sale), 2);
    assert_int_equal (stage_redis_integer (stage, "ZCOUNT {s%d}:due %lld %lld", (int)sale,
                                           (long long)(base + QUARTER_US),
                                           (long long)(base + QUARTER_US)),
                      1);
    stage_redis_integer (stage, "DEL {s%d}:due", (int)sale);
    assert_int_equal (s_call (stage, CALL_JOURNAL_DELETE, entries, 9).kept, 0);
    done = s_call (stage, CALL_JOURNAL_DELETE, entries, 10);
    assert_true (done.kept >= 1 && done.due_us == base);
}

static void
test_message_is_never_kept_in_the_past (void **state)
{
    /* An order that was committed after its time to pay gets the next quarter of a second: what delay_due saw as due cannot grow. */
    stage_t *stage = *state;
    journal_position_t entry;
    uint64_t sale = s_sale_with (stage, 1, &entry);
    entry.pay_before_us = 1000000;
    journal_state_t done = s_call (stage, CALL_JOURNAL_DELETE, &entry, 1);
    assert_int_equal (done.kept, 1);
    assert_true (done.due_us > done.gate_us && done.due_us <= done.gate_us + QUARTER_US);
    assert_int_equal (done.due_us % QUARTER_US, 0);
    uint64_t looked_us = done.gate_us;
    /* the same for what a consumer wants to be kept */
    done = s_delay (stage, CALL_DELAY_DONE, sale, 0, looked_us, 5);
    assert_true (done.due_us > looked_us && s_dues (stage, sale) >= 1);
}

static void
test_messages_stay_until_done (void **state)
{
    /* A due message is told until delay_done; that takes what was due then, and no more, however often. */
    stage_t *stage = *state;
    journal_position_t entries[2];
    uint64_t sale = s_sale_with (stage, 2, entries);
    entries[0].pay_before_us = 1;
    entries[1].pay_before_us = s_gate_us (stage, sale) + 100000000;
    uint64_t later_us = (entries[1].pay_before_us + QUARTER_US - 1) / QUARTER_US * QUARTER_US;
    s_call (stage, CALL_JOURNAL_DELETE, entries, 2);
    journal_state_t due;
    size_t polls = 0;
    do {
        due = s_delay (stage, CALL_DELAY_DUE, sale, 0, 0, 0);
        polls++;
    } while (due.due_us > due.gate_us && polls < 1000000);
    assert_true (due.due_us && due.due_us <= due.gate_us);
    assert_int_equal (s_delay (stage, CALL_DELAY_DUE, sale, 0, 0, 0).due_us, due.due_us);
    for (int i = 0; i < 2; i++) {
        journal_state_t done = s_delay (stage, CALL_DELAY_DONE, sale, 0, due.gate_us, 0);
        assert_int_equal (done.kept, 0);
        assert_int_equal (done.due_us, later_us);
    }
    journal_state_t again =
        s_delay (stage, CALL_DELAY_DONE, sale, 0, due.gate_us, due.gate_us + 50000000);
    assert_int_equal (again.kept, 1);
    assert_true (again.due_us >= due.gate_us + 50000000 && again.due_us < later_us);
    assert_int_equal (s_delay (stage, CALL_DELAY_DONE, sale, 0, STAGE_FAR_US, 0).due_us, 0);
}

static void
test_messages_outlive_redis_and_epoch (void **state)
{
    /* Kept messages are on the disk with the deletion, and belong to the sale: a new epoch does not drop them. */
    stage_t *stage = *state;
    journal_position_t entry;
    uint64_t sale = s_sale_with (stage, 1, &entry);
    entry.pay_before_us = s_gate_us (stage, sale) + 1000000000;
    uint64_t due_us = s_call (stage, CALL_JOURNAL_DELETE, &entry, 1).due_us;
    servers_kill_redis (stage->servers);
    assert_true (servers_start_redis (stage->servers));
    stage_reconnect_redis (stage);
    assert_int_equal (s_delay (stage, CALL_DELAY_DUE, sale, 0, 0, 0).due_us, due_us);
    s_close (stage, sale, STAGE_TOKEN);
    gate_config_t config = stage_config (sale, 2, 9);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_NONE);
    assert_int_equal (s_delay (stage, CALL_DELAY_DUE, sale, 0, 0, 0).due_us, due_us);
}

static void
test_missing_gate_is_not_made (void **state)
{
    /* At a gate that is gone nothing is counted or kept, and what is left of its messages can be taken away. */
    stage_t *stage = *state;
    journal_position_t entry;
    uint64_t sale = s_sale_with (stage, 1, &entry);
    entry.pay_before_us = STAGE_FAR_US;
    entry.token = 3;
    stage_redis_integer (stage, "DEL {s%d}:g", (int)sale);
    assert_int_equal (s_count (stage, &entry, 3, 1, false).code, ERROR_NOT_FOUND);
    assert_int_equal (s_call (stage, CALL_JOURNAL_DELETE, &entry, 1).kept, 0);
    assert_int_equal (s_delay (stage, CALL_DELAY_DUE, sale, 3, 0, 0).due_us, 0);
    assert_int_equal (s_delay (stage, CALL_DELAY_DONE, sale, 3, 0, 77).kept, 0);
    assert_int_equal (stage_redis_integer (stage, "EXISTS {s%d}:g {s%d}:due {s%d}:1:dc", (int)sale,
                                           (int)sale, (int)sale),
                      0);
}

/* -------------------------------------------------------------------------- counting */

static void
test_count (void **state)
{
    /* Refusals and deaths of an entry alone are counted apart, each failure once however often it is told, and survive a kill -9. */
    stage_t *stage = *state;
    journal_position_t entries[2];
    s_sale_with (stage, 2, entries);
    for (uint64_t attempt = 1; attempt <= 3; attempt++)
        for (int i = 0; i < 3; i++) {
            journal_state_t counted = s_count (stage, &entries[0], 0, attempt, false);
            assert_int_equal (counted.code, ERROR_NONE);
            assert_int_equal (counted.refusals, attempt);
            assert_int_equal (counted.deaths, 0);
        }
    journal_state_t died = s_count (stage, &entries[0], 0, 4, true);
    assert_true (died.refusals == 3 && died.deaths == 1);
    servers_kill_redis (stage->servers);
    assert_true (servers_start_redis (stage->servers));
    stage_reconnect_redis (stage);
    assert_int_equal (s_count (stage, &entries[0], 0, 4, true).deaths, 1);
    /* the same numbers under another token are another broker's failure */
    assert_int_equal (s_count (stage, &entries[0], 1, 4, true).deaths, 2);
    assert_int_equal (s_count (stage, &entries[1], 1, 1, false).refusals, 1);
}

static void
test_count_of_a_gone_entry (void **state)
{
    /* An entry that is not in the journal is not counted, so that nothing stays behind. */
    stage_t *stage = *state;
    journal_position_t entry;
    uint64_t sale = s_sale_with (stage, 1, &entry);
    s_call (stage, CALL_JOURNAL_DELETE, &entry, 1);
    assert_int_equal (s_count (stage, &entry, 0, 1, false).code, ERROR_NOT_FOUND);
    assert_int_equal (stage_redis_integer (stage, "EXISTS {s%d}:1:dc", (int)sale), 0);
}

static void
test_epoch_drops_counts (void **state)
{
    /* With the journal of an epoch go its counts. */
    stage_t *stage = *state;
    journal_position_t entry;
    uint64_t sale = s_sale_with (stage, 1, &entry);
    s_count (stage, &entry, 0, 1, false);
    s_close (stage, sale, STAGE_TOKEN);
    gate_config_t config = stage_config (sale, 2, 9);
    assert_int_equal (stage_gate_code (stage, CALL_GATE_OPEN, &config, 1), ERROR_NONE);
    assert_int_equal (stage_redis_integer (stage, "EXISTS {s%d}:1:dc", (int)sale), 0);
}

static void
test_memory_full (void **state)
{
    /* With maxmemory reached a count is refused and nothing written; deletions go on, and keep their messages. */
    stage_t *stage = *state;
    journal_position_t entries[2];
    uint64_t sale = s_sale_with (stage, 2, entries);
    for (size_t i = 0; i < 2; i++) {
        entries[i].pay_before_us = STAGE_FAR_US;
        entries[i].token = 2;
    }
    freeReplyObject (redisCommand (stage->redis, "CONFIG SET maxmemory 1"));
    delivery_failure_t failure = s_failure (&entries[0], 2, 1, false);
    journal_state_t out;
    assert_int_equal (
        gate_call (stage->broker, stage->run_id, CALL_DELIVERY_COUNT, &failure, 1, &out, 1), -1);
    assert_non_null (strstr (store_error (), "OOM"));
    assert_int_equal (s_call (stage, CALL_JOURNAL_DELETE, entries, 2).kept, 1);
    assert_int_equal (s_call (stage, CALL_JOURNAL_DELETE, entries, 2).code, ERROR_NONE);
    assert_int_equal (s_delay (stage, CALL_DELAY_DONE, sale, 2, 0, 5).code, ERROR_NONE);
    freeReplyObject (redisCommand (stage->redis, "CONFIG SET maxmemory 0"));
    assert_int_equal (stage_stat (stage, sale).journal_count, 0);
}

/* -------------------------------------------------------------------------- fencing */

static void
test_lower_token_is_fenced (void **state)
{
    /* Once a gate has seen a token, through whichever call, all four refuse lower ones, say what they saw, and write nothing. */
    stage_t *stage = *state;
    for (int by = 0; by < 4; by++) {
        journal_position_t entries[2];
        uint64_t sale = s_sale_with (stage, 2, entries);
        entries[0].token = entries[1].token = 8;
        if (by == 0)
            s_call (stage, CALL_JOURNAL_DELETE, entries, 1);
        else if (by == 1)
            s_count (stage, &entries[0], 8, 1, false);
        else
            s_delay (stage, by == 2 ? CALL_DELAY_DUE : CALL_DELAY_DONE, sale, 8, 0, STAGE_FAR_US);
        char before[41], after[41];
        stage_digest (stage, before);
        entries[1].token = 7;
        entries[1].pay_before_us = STAGE_FAR_US;
        journal_state_t refused[] = {
            s_call (stage, CALL_JOURNAL_DELETE, &entries[1], 1),
            s_count (stage, &entries[1], 7, 1, false),
            s_delay (stage, CALL_DELAY_DUE, sale, 7, 0, 0),
            s_delay (stage, CALL_DELAY_DONE, sale, 7, STAGE_FAR_US, STAGE_FAR_US),
        };
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal (refused[i].code, ERROR_FENCED);
            assert_int_equal (refused[i].token, 8);
        }
        stage_digest (stage, after);
        assert_string_equal (before, after);
        entries[1].token = 8;
        assert_int_equal (s_call (stage, CALL_JOURNAL_DELETE, &entries[1], 1).code, ERROR_NONE);
        assert_int_equal (s_delay (stage, CALL_DELAY_DUE, sale, 9, 0, 0).token, 9);
    }
}

static void
test_paused_ex_leaders (void **state)
{
    /* 200 brokers that were paused, each with a deletion and a count in hand while the next token came: none of them is accepted. */
    stage_t *stage = *state;
    size_t accepted = 0;
    for (uint64_t round = 0; round < 200; round++) {
        journal_position_t entry;
        uint64_t sale = s_sale_with (stage, 1, &entry);
        entry.token = 2 + round;
        s_delay (stage, CALL_DELAY_DUE, sale, 3 + round, 0, 0); /* how a term begins */
        accepted += s_call (stage, CALL_JOURNAL_DELETE, &entry, 1).code != ERROR_FENCED;
        accepted += s_count (stage, &entry, 2 + round, 1, true).code != ERROR_FENCED;
        accepted += stage_stat (stage, sale).journal_count != 1;
    }
    assert_int_equal (accepted, 0);
}

/* -------------------------------------------------------------------------- the user */

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
test_user (void **state)
{
    /* The broker reaches counts and delayed messages, and still neither stock nor records; seckill reaches neither of the two. */
    stage_t *stage = *state;
    s_assert_allowed (stage->broker, true, "ZRANGE {s1}:due 0 0");
    s_assert_allowed (stage->broker, true, "HGET {s1}:1:dc 1-1");
    s_assert_allowed (stage->broker, false, "HGET {s1}:1:r x");
    s_assert_allowed (stage->broker, false, "HDEL {s1}:1:u x");
    s_assert_allowed (stage->broker, false, "EXISTS {s1}:1:a");
    s_assert_allowed (stage->broker, false, "UNLINK {s1}:due");
    s_assert_allowed (stage->broker, false, "ZADD other 1 1");
    s_assert_allowed (stage->seckill, false, "HGET {s1}:1:dc 1-1");
    s_assert_allowed (stage->seckill, false, "EXISTS {s1}:due");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_journal_delete),
        cmocka_unit_test (test_journal_delete_in_every_state),
        cmocka_unit_test (test_planted_entry_is_poison_not_harm),
        cmocka_unit_test (test_delete_drops_the_count),
        cmocka_unit_test (test_malformed_arguments_write_nothing),
        cmocka_unit_test (test_delete_keeps_delayed_messages),
        cmocka_unit_test (test_message_is_never_kept_in_the_past),
        cmocka_unit_test (test_messages_stay_until_done),
        cmocka_unit_test (test_messages_outlive_redis_and_epoch),
        cmocka_unit_test (test_missing_gate_is_not_made),
        cmocka_unit_test (test_count),
        cmocka_unit_test (test_count_of_a_gone_entry),
        cmocka_unit_test (test_epoch_drops_counts),
        cmocka_unit_test (test_memory_full),
        cmocka_unit_test (test_lower_token_is_fenced),
        cmocka_unit_test (test_paused_ex_leaders),
        cmocka_unit_test (test_user),
    };
    return cmocka_run_group_tests (tests, stage_set_up, stage_tear_down);
}
