/*  Recovery of a gate: every row of the state table at the top of recovery.c. */

#include "inventory_bench.h"

#include "sales.h"

static const recovery_t *
s_recovery (const bench_t *bench, size_t slot)
{
    return &bench_core (bench)->sales[slot].recovery;
}

static void
s_assert_state (const bench_t *bench, recovery_state_t state)
{
    assert_int_equal (s_recovery (bench, 0)->state, state);
}

/*  A leader that finds the gate of a restarted Redis, whole, with this many journal entries. */
static bench_t *
s_restarted (uint64_t journal_count)
{
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    bench_pass (bench, 1100 * MS);
    gate_state_t gate = bench_gate (bench);
    gate.same_run = 0;
    gate.journal_count = gate.journal_units = journal_count;
    bench_poll (bench, &gate);
    return bench;
}

static void
s_close (bench_t *bench, uint64_t journal_count)
{
    gate_state_t gate = bench_gate (bench);
    gate.journal_count = gate.journal_units = journal_count;
    gate.sequence = 41;
    bench_answer (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY, &gate, 1);
}

static void
s_drain (bench_t *bench, uint64_t journal_count)
{
    gate_state_t gate = bench_gate (bench);
    gate.recovering = 1;
    gate.journal_count = gate.journal_units = journal_count;
    bench_answer (bench, CALL_GATE_STAT, PURPOSE_RECOVERY, &gate, 1);
}

static void
s_bump (bench_t *bench, uint64_t epoch)
{
    epoch_row_t row = {
        .sale_id = 1, .token = 7, .epoch = epoch, .sold = 4, .stock_total = 100, .sequence = 40
    };
    bench_answer (bench, CALL_EPOCH_BUMP, PURPOSE_RECOVERY, &row, 1);
}

static void
s_page (bench_t *bench, uint64_t first_place, size_t count)
{
    gate_entry_t rows[3] = { 0 };
    for (size_t i = 0; i < count; i++) {
        rows[i] =
            (gate_entry_t){ .sale_id = 1, .rid = { 1, 2 }, .held = 1, .user_id = 8, .quantity = 2 };
        rows[i].place = first_place + i;
    }
    bench_answer (bench, CALL_EPOCH_PAGE, PURPOSE_RECOVERY, rows, count);
}

static void
s_load (bench_t *bench, error_code_t code)
{
    bench_code (bench, CALL_GATE_LOAD, PURPOSE_RECOVERY, code);
}

static void
s_open (bench_t *bench, error_code_t code)
{
    bench_code (bench, CALL_GATE_OPEN, PURPOSE_RECOVERY, code);
}

static const char s_open_text[] =
    "call gate_open "
    "[{\"sale_id\":1,\"epoch\":3,\"token\":7,\"version\":3,\"want\":2,\"starts_us\":"
    "4999999999000000,"
    "\"ends_us\":5000003600000000,\"per_user_limit\":2,\"price_cents\":500,\"pay_within_us\":"
    "900000000,"
    "\"queue_bound\":1000000,\"available\":96,\"held_units\":4,\"sequence\":41}]\n";

/*  The whole way after a restart of Redis: close, drain, bump, load page by page, open; each call exactly once and in this order. */
static void
test_whole_way (void **state)
{
    (void)state;
    bench_t *bench = s_restarted (2);
    assert_string_equal (bench_take (bench),
                         "call gate_close [{\"sale_id\":1,\"epoch\":2,\"token\":7}]\n");
    s_close (bench, 2);
    assert_string_equal (bench_take (bench),
                         "call gate_stat [{\"sale_id\":1,\"epoch\":2,\"token\":7}]\n");
    s_drain (bench, 1);
    s_assert_state (bench, RECOVERY_DRAINING);
    assert_string_equal (bench_take (bench), "");
    bench_pass (bench, 20 * MS);
    assert_string_equal (bench_take (bench),
                         "call gate_stat [{\"sale_id\":1,\"epoch\":2,\"token\":7}]\n");
    s_drain (bench, 0);
    assert_string_equal (bench_take (bench),
                         "call epoch_bump [{\"sale_id\":1,\"token\":7,\"epoch\":2}]\n");
    s_bump (bench, 3);
    assert_string_equal (bench_take (bench),
                         "call epoch_page [{\"sale_id\":1,\"epoch\":3,\"token\":7}]\n");
    s_page (bench, 11, 2);
    assert_string_equal (
        bench_take (bench),
        "call gate_load "
        "[{\"sale_id\":1,\"epoch\":3,\"token\":7,\"rid\":\"01020000000000000000000000000000\","
        "\"held\":1,"
        "\"user_id\":8,\"quantity\":2,\"place\":11},{\"sale_id\":1,\"epoch\":3,\"token\":7,"
        "\"rid\":\"01020000000000000000000000000000\",\"held\":1,\"user_id\":8,\"quantity\":2,"
        "\"place\":12}]\n"
        "call epoch_page [{\"sale_id\":1,\"epoch\":3,\"token\":7,\"place\":12}]\n");
    s_page (bench, 0, 0);
    s_assert_state (bench, RECOVERY_LOADING);
    s_load (bench, ERROR_NONE);
    assert_string_equal (bench_take (bench), s_open_text);
    s_open (bench, ERROR_NONE);
    assert_int_equal (rig_added (bench->rig, METRIC_RECOVERIES, 0), 1);
    s_assert_state (bench, RECOVERY_OPEN);
    assert_int_equal (bench_core (bench)->sales[0].epoch, 3);
    bench_destroy (bench);
}

/*  An edge and a broker are told that the sale is recovering, and again, with the new epoch, that it is open. */
static void
test_receivers_are_told (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    bench_peer (bench, EVENT_PEER_UP, KIND_BROKER, 1, STATE_READY);
    uint64_t version = bench_core (bench)->snapshot.sales_version;
    bench_ack (bench, KIND_BROKER, 1, version);
    bench_pass (bench, 1100 * MS);
    bench_take (bench);
    gate_state_t gate = bench_gate (bench);
    gate.same_run = 0;
    bench_poll (bench, &gate);
    assert_non_null (strstr (bench_take (bench), "send broker/1 SALES"));
    assert_int_equal (((const sale_t *)rig_sent (bench->rig, MSG_SALES, 0)->entries)->recovering,
                      1);
    assert_int_equal (((const sale_t *)rig_sent (bench->rig, MSG_SALES, 0)->entries)->epoch, 2);
    bench_ack (bench, KIND_BROKER, 1, bench_core (bench)->snapshot.sales_version);
    s_close (bench, 0);
    s_bump (bench, 3);
    s_page (bench, 0, 0);
    s_open (bench, ERROR_NONE);
    const sale_t *sale = rig_sent (bench->rig, MSG_SALES, 0)->entries;
    assert_int_equal (sale->recovering, 0);
    assert_int_equal (sale->epoch, 3);
    assert_int_equal (sale->stock_left, 96);
    bench_destroy (bench);
}

/*  While draining, the broker is shown the epoch of the gate that has the journal, also if PostgreSQL, restored from an old copy, has
    a lower one. */
static void
test_drain_shows_epoch_of_journal (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    sale_t sale = bench_sale (1);
    sale.epoch = 1;
    bench_lead (bench, &sale, 1);
    bench_peer (bench, EVENT_PEER_UP, KIND_BROKER, 1, STATE_READY);
    bench_ack (bench, KIND_BROKER, 1, bench_core (bench)->snapshot.sales_version);
    gate_state_t gate = bench_gate (bench);
    gate.recovering = 1;
    gate.journal_count = 3;
    bench_poll (bench, &gate);
    bench_answer (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY, &gate, 1);
    bench_ack (bench, KIND_BROKER, 1, bench_core (bench)->snapshot.receivers[0].sales.sent);
    assert_int_equal (bench_core (bench)->snapshot.receivers[0].sales.acked,
                      bench_core (bench)->snapshot.sales_version);
    s_assert_state (bench, RECOVERY_DRAINING);
    sale_t shown;
    sales_describe (&bench_core (bench)->sales[0], &shown);
    assert_int_equal (shown.epoch, 2);
    bench_destroy (bench);
}

/*  A gate that is gone is not drained; its last journal is told as lost, and no sequence of it can come again. */
static void
test_lost_gate (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    bench_pass (bench, 1100 * MS);
    gate_state_t gate = bench_gate (bench);
    gate.journal_count = 5;
    gate.journal_units = 9;
    gate.changes = 20;
    bench_poll (bench, &gate);
    bench_pass (bench, 200 * MS);
    gate_state_t gone = { .same_run = 1, .gate_us = bench_gate_us (bench) };
    bench_poll (bench, &gone);
    bench_take (bench);
    bench_answer (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY, &gone, 1);
    assert_string_equal (
        bench_take (bench),
        "call epoch_bump [{\"sale_id\":1,\"token\":7,\"epoch\":2,\"lost_units\":9}]\n");
    s_bump (bench, 3);
    s_page (bench, 0, 0);
    const gate_config_t *config =
        (const void *)bench_find (bench, CALL_GATE_OPEN, PURPOSE_RECOVERY)->argument;
    assert_int_equal (config->sequence, 40 + bench->params.queue_bound);
    bench_destroy (bench);
}

/*  A Redis that came up with an older state lost what the journal had since: told as lost, and sequences leave a gap. */
static void
test_gate_went_back (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    bench_lead_one (bench);
    bench_pass (bench, 1100 * MS);
    gate_state_t gate = bench_gate (bench);
    gate.journal_units = gate.journal_count = 9;
    gate.changes = 30;
    bench_poll (bench, &gate);
    bench_pass (bench, 200 * MS);
    gate.same_run = 0;
    gate.changes = 12;
    gate.journal_units = gate.journal_count = 2;
    bench_poll (bench, &gate);
    bench_answer (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY, &gate, 1);
    s_drain (bench, 0);
    const epoch_row_t *row =
        (const void *)bench_find (bench, CALL_EPOCH_BUMP, PURPOSE_RECOVERY)->argument;
    assert_int_equal (row->lost_units, 7);
    assert_int_equal (row->epoch, 2);
    s_bump (bench, 3);
    s_page (bench, 0, 0);
    const gate_config_t *config =
        (const void *)bench_find (bench, CALL_GATE_OPEN, PURPOSE_RECOVERY)->argument;
    assert_int_equal (config->sequence, 40 + bench->params.queue_bound);
    bench_destroy (bench);
}

/*  A Redis that came up with the file of an earlier epoch: nothing in that journal can become an order, so it is not waited for, and
    no sequence of the epoch that is lost can come again. */
static void
test_journal_of_past_epoch (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    sale_t sale = bench_sale (1);
    sale.epoch = 5;
    bench_lead (bench, &sale, 1);
    gate_state_t gate = bench_gate (bench);
    gate.same_run = 0;
    gate.journal_count = gate.journal_units = 3;
    bench_poll (bench, &gate);
    bench_take (bench);
    bench_answer (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY, &gate, 1);
    assert_non_null (
        strstr (bench_take (bench), "call epoch_bump [{\"sale_id\":1,\"token\":7,\"epoch\":5}]\n"));
    s_bump (bench, 6);
    s_page (bench, 0, 0);
    const gate_config_t *config =
        (const void *)bench_find (bench, CALL_GATE_OPEN, PURPOSE_RECOVERY)->argument;
    assert_int_equal (config->epoch, 6);
    assert_int_equal (config->sequence, 40 + bench->params.queue_bound);
    bench_destroy (bench);
}

/*  A surviving journal is drained even if other keys of the gate are gone. */
static void
test_surviving_journal_is_drained (void **state)
{
    (void)state;
    bench_t *bench = s_restarted (0);
    gate_state_t gate = bench_gate (bench);
    gate.present = 0;
    gate.journal_count = 2;
    bench_answer (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY, &gate, 1);
    s_assert_state (bench, RECOVERY_DRAINING);
    bench_destroy (bench);
}

/*  A gate that was opened, or whose Redis restarted, while it was being drained is closed again. */
static void
test_drain_starts_over (void **state)
{
    (void)state;
    bench_t *bench = s_restarted (2);
    s_close (bench, 2);
    bench_take (bench);
    gate_state_t gate = bench_gate (bench);
    gate.journal_count = 2;
    bench_answer (bench, CALL_GATE_STAT, PURPOSE_RECOVERY, &gate, 1);
    s_assert_state (bench, RECOVERY_CLOSED);
    bench_pass (bench, 20 * MS);
    assert_string_equal (bench_take (bench),
                         "call gate_close [{\"sale_id\":1,\"epoch\":2,\"token\":7}]\n");
    s_close (bench, 2);
    gate.recovering = 1;
    gate.same_run = 0;
    bench_answer (bench, CALL_GATE_STAT, PURPOSE_RECOVERY, &gate, 1);
    s_assert_state (bench, RECOVERY_CLOSED);
    bench_destroy (bench);
}

/*  Brings a recovery to each of its states, in order. */
static bench_t *
s_at (recovery_state_t state)
{
    bench_t *bench = s_restarted (1);
    if (state == RECOVERY_CLOSED)
        return bench;
    s_close (bench, state == RECOVERY_DRAINING);
    if (state <= RECOVERY_BUMPING)
        return bench;
    s_bump (bench, 3);
    if (state == RECOVERY_LOADING)
        return bench;
    s_page (bench, 0, 0);
    return bench;
}

static const call_name_t s_calls[] = {
    [RECOVERY_CLOSED] = CALL_GATE_CLOSE,  [RECOVERY_DRAINING] = CALL_GATE_STAT,
    [RECOVERY_BUMPING] = CALL_EPOCH_BUMP, [RECOVERY_LOADING] = CALL_EPOCH_PAGE,
    [RECOVERY_OPENING] = CALL_GATE_OPEN,
};

/*  In every state: a call that is unavailable, unknown or refused is made again after a growing pause, with the same words. */
static void
test_each_step_is_made_again (void **state)
{
    (void)state;
    for (recovery_state_t at = RECOVERY_CLOSED; at <= RECOVERY_OPENING; at++) {
        for (result_status_t status = RESULT_REFUSED; status <= RESULT_UNKNOWN; status++) {
            bench_t *bench = s_at (at);
            waiting_call_t first = *bench_find (bench, s_calls[at], PURPOSE_RECOVERY);
            bench_fail (bench, s_calls[at], PURPOSE_RECOVERY, status);
            s_assert_state (bench, at);
            assert_null (bench_find (bench, s_calls[at], PURPOSE_RECOVERY));
            bench_pass (bench, 20 * MS);
            waiting_call_t *second = bench_find (bench, s_calls[at], PURPOSE_RECOVERY);
            assert_non_null (second);
            assert_memory_equal (second->argument, first.argument, sizeof first.argument);
            assert_int_not_equal (second->tag, first.tag);
            bench_fail (bench, s_calls[at], PURPOSE_RECOVERY, status);
            bench_pass (bench, 39 * MS);
            assert_null (bench_find (bench, s_calls[at], PURPOSE_RECOVERY));
            bench_pass (bench, 1 * MS);
            assert_non_null (bench_find (bench, s_calls[at], PURPOSE_RECOVERY));
            bench_destroy (bench);
        }
    }
}

/*  In every state: an answer that comes after the lease ended moves nothing; the sale waits, and starts from the beginning when the
    lease is back. */
static void
test_lease_ends_in_each_state (void **state)
{
    (void)state;
    for (recovery_state_t at = RECOVERY_CLOSED; at <= RECOVERY_OPENING; at++) {
        bench_t *bench = s_at (at);
        bench->rig->now_us += 4 * SECOND_US;
        bench_take (bench);
        bench_fail (bench, s_calls[at], PURPOSE_RECOVERY, RESULT_UNKNOWN);
        s_assert_state (bench, RECOVERY_WANTED);
        bench_pass (bench, 1 * SECOND_US);
        assert_string_equal (bench_take (bench), "");
        bench_lease (bench, BENCH_TOKEN,
                     true); /* of an asking over 3 s ago: worth nothing any more */
        assert_string_equal (bench_take (bench), "");
        bench_lease (bench, BENCH_TOKEN, true);
        assert_string_equal (bench_take (bench),
                             at >= RECOVERY_LOADING
                                 ? "call gate_close [{\"sale_id\":1,\"epoch\":3,\"token\":7}]\n"
                                 : "call gate_close [{\"sale_id\":1,\"epoch\":2,\"token\":7}]\n");
        bench_destroy (bench);
    }
}

/*  After a bump without an answer the leader bumps again, and installs only the epoch that was answered to it. Lost units are told
    with the epoch they were lost in: PostgreSQL counts them once. */
static void
test_unknown_bump_is_made_again (void **state)
{
    (void)state;
    bench_t *bench = s_at (RECOVERY_BUMPING);
    bench_fail (bench, CALL_EPOCH_BUMP, PURPOSE_RECOVERY, RESULT_UNKNOWN);
    bench_pass (bench, 20 * MS);
    bench_take (bench);
    s_bump (bench, 4);
    assert_string_equal (bench_take (bench),
                         "call epoch_page [{\"sale_id\":1,\"epoch\":4,\"token\":7}]\n");
    bench_destroy (bench);
}

/*  A bump that finds another epoch than it was to end changed nothing: the present one is ended instead, and what was lost is not
    told a second time. */
static void
test_bump_of_another_epoch (void **state)
{
    (void)state;
    bench_t *bench = s_at (RECOVERY_BUMPING);
    epoch_row_t row = { .sale_id = 1, .token = 7, .code = ERROR_STALE_EPOCH, .epoch = 3 };
    bench_take (bench);
    bench_answer (bench, CALL_EPOCH_BUMP, PURPOSE_RECOVERY, &row, 1);
    assert_string_equal (bench_take (bench),
                         "call epoch_bump [{\"sale_id\":1,\"token\":7,\"epoch\":3}]\n");
    s_bump (bench, 4);
    s_assert_state (bench, RECOVERY_LOADING);
    assert_int_equal (bench_core (bench)->sales[0].epoch, 4);
    bench_destroy (bench);
}

/*  Codes that end the sale's recovery for this term: fenced at the gate, by a higher token, and in PostgreSQL. The lease is asked
    again at once, and nothing is done for the sale until there is a new token. */
static void
test_fenced (void **state)
{
    (void)state;
    for (int variant = 0; variant < 5; variant++) {
        static const recovery_state_t at[] = { RECOVERY_CLOSED, RECOVERY_DRAINING, RECOVERY_BUMPING,
                                               RECOVERY_OPENING, RECOVERY_CLOSED };
        bench_t *bench = s_at (at[variant]);
        gate_state_t gate = bench_gate (bench);
        epoch_row_t row = { .code = ERROR_FENCED };
        gate.code = variant == 0 ? ERROR_FENCED : ERROR_NONE;
        gate.token = 9;
        bench_take (bench);
        if (variant == 0 || variant == 4)
            bench_answer (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY, &gate, 1);
        else if (variant == 1)
            bench_answer (bench, CALL_GATE_STAT, PURPOSE_RECOVERY, &gate, 1);
        else if (variant == 2)
            bench_answer (bench, CALL_EPOCH_BUMP, PURPOSE_RECOVERY, &row, 1);
        else
            s_open (bench, ERROR_FENCED);
        s_assert_state (bench, RECOVERY_OPEN);
        assert_non_null (bench_find (bench, CALL_LEASE_TAKE, PURPOSE_LEASE));
        gate = bench_gate (bench);
        gate.recovering = 1;
        bench_pass (bench, 200 * MS);
        bench_poll (bench, &gate);
        assert_string_equal (bench_take (bench), "");
        /* another term: the gate is looked at again, and recovered */
        bench_lease (bench, 12, true);
        bench_pass (bench, 1200 * MS);
        bench_poll (bench, &gate);
        assert_non_null (strstr (bench_take (bench), "call gate_close [{\"sale_id\":1,\"epoch\":"));
        bench_destroy (bench);
    }
}

/*  Codes that say the gate is not as this recovery left it: it begins anew, each time after a longer pause. */
static void
test_refused_by_code_starts_over (void **state)
{
    (void)state;
    static const error_code_t codes[] = { ERROR_RECOVERING, ERROR_STALE_EPOCH,
                                          ERROR_STALE_VERSION };
    for (size_t i = 0; i < 3; i++) {
        bench_t *bench = s_at (RECOVERY_OPENING);
        s_open (bench, codes[i]);
        s_assert_state (bench, RECOVERY_CLOSED);
        bench_pass (bench, 20 * MS);
        s_close (bench, 0);
        s_bump (bench, 4);
        s_page (bench, 5, 1);
        s_load (bench, codes[i]);
        s_assert_state (bench, RECOVERY_CLOSED);
        bench_pass (bench, 39 * MS);
        assert_null (bench_find (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY));
        bench_pass (bench, 1 * MS);
        s_close (bench, 0);
        s_bump (bench, 5);
        s_page (bench, 0, 0);
        s_page (bench, 0, 0);
        s_open (bench, ERROR_NONE);
        s_assert_state (bench, RECOVERY_OPEN);
        bench_destroy (bench);
    }
}

/*  At most LOADS_MAX pages are on the way; a lost load is made again from the last one that is surely in. */
static void
test_loads_are_bounded_and_resumed (void **state)
{
    (void)state;
    bench_t *bench = s_at (RECOVERY_LOADING);
    s_page (bench, 1, 3);
    s_page (bench, 4, 3);
    assert_int_equal (bench_count (bench, CALL_GATE_LOAD, PURPOSE_RECOVERY), LOADS_MAX);
    assert_null (bench_find (bench, CALL_EPOCH_PAGE, PURPOSE_RECOVERY));
    bench_take (bench);
    s_load (bench, ERROR_NONE);
    assert_string_equal (bench_take (bench),
                         "call epoch_page [{\"sale_id\":1,\"epoch\":3,\"token\":7,\"place\":6}]\n");
    bench_fail (bench, CALL_GATE_LOAD, PURPOSE_RECOVERY, RESULT_UNKNOWN);
    s_page (bench, 7, 1); /* its answer is of the former try: ignored */
    assert_string_equal (bench_take (bench), "");
    bench_pass (bench, 20 * MS);
    assert_string_equal (bench_take (bench),
                         "call epoch_page [{\"sale_id\":1,\"epoch\":3,\"token\":7,\"place\":3}]\n");
    bench_destroy (bench);
}

/*  First publish: the gate was never there. No gap in the sequence, nothing lost, and nobody was told before it is open. */
static void
test_first_install (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    sale_t sale = bench_sale (1);
    sale.epoch = 0;
    bench_lead (bench, &sale, 1);
    bench_peer (bench, EVENT_PEER_UP, KIND_EDGE, 1, STATE_READY);
    assert_int_equal (rig_sent (bench->rig, MSG_SALES, 0)->count, 0);
    bench_ack (bench, KIND_EDGE, 1, bench_core (bench)->snapshot.receivers[0].sales.sent);
    gate_state_t gone = { .gate_us = bench_gate_us (bench) };
    bench_poll (bench, &gone);
    bench_take (bench);
    bench_answer (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY, &gone, 1);
    epoch_row_t row = { .epoch = 1, .stock_total = 100 };
    bench_answer (bench, CALL_EPOCH_BUMP, PURPOSE_RECOVERY, &row, 1);
    s_page (bench, 0, 0);
    const gate_config_t *config =
        (const void *)bench_find (bench, CALL_GATE_OPEN, PURPOSE_RECOVERY)->argument;
    assert_int_equal (config->sequence, 0);
    assert_int_equal (config->available, 100);
    assert_null (strstr (bench_take (bench), "SALES"));
    s_open (bench, ERROR_NONE);
    assert_int_equal (rig_sent (bench->rig, MSG_SALES, 0)->count, 1);
    bench_destroy (bench);
}

/*  Several gates at once: at most RECOVERIES_MAX, those that sell now first, and one that stands still stops no other. */
static void
test_many_gates (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    sale_t sales[12];
    for (size_t i = 0; i < 12; i++)
        sales[i] = bench_sale (i + 1);
    for (size_t i = 0; i < 4; i++)
        sales[i].starts_at_ms = BENCH_GATE_US / 1000 + 100000;
    bench_lead (bench, sales, 12);
    gate_state_t gate = bench_gate (bench);
    for (size_t i = 0; i < 12; i++)
        bench_poll (bench, &gate);
    bench_take (bench);
    bench_pass (bench, 1100 * MS);
    gate = bench_gate (bench);
    gate.same_run = 0;
    while (bench_find (bench, CALL_GATE_STAT, PURPOSE_POLL))
        bench_poll (bench, &gate);
    assert_int_equal (bench_count (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY), RECOVERIES_MAX);
    /* one is finished while the others stand still: a waiting one that sells takes its place */
    gate = bench_gate (bench);
    bench_answer (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY, &gate, 1);
    s_bump (bench, 3);
    s_page (bench, 0, 0);
    s_open (bench, ERROR_NONE);
    assert_int_equal (bench_count (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY), RECOVERIES_MAX);
    const waiting_call_t *last = &bench->calls[bench->call_count - 1];
    for (size_t i = 0; i < bench->call_count; i++)
        if (bench->calls[i].call == CALL_GATE_CLOSE)
            last = &bench->calls[i];
    assert_true (((const gate_key_t *)(const void *)last->argument)->sale_id > 4);
    bench_destroy (bench);
}

/*  Journals that do not become empty keep their own sales closed: after a while the others are rebuilt all the same; and when one is
    empty at last its sale goes on. */
static void
test_slow_drains_leave_their_places (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    sale_t sales[RECOVERIES_MAX + 1];
    for (size_t i = 0; i <= RECOVERIES_MAX; i++)
        sales[i] = bench_sale (i + 1);
    bench_lead (bench, sales, RECOVERIES_MAX + 1);
    gate_state_t gate = bench_gate (bench);
    gate.same_run = 0;
    gate.journal_count = gate.journal_units = 1;
    while (bench_find (bench, CALL_GATE_STAT, PURPOSE_POLL))
        bench_poll (bench, &gate);
    while (bench_find (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY))
        bench_answer (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY, &gate, 1);
    assert_int_equal (s_recovery (bench, RECOVERIES_MAX)->state, RECOVERY_WANTED);
    gate.same_run = gate.recovering = 1;
    for (int i = 0; i < 60; i++) {
        while (bench_find (bench, CALL_GATE_STAT, PURPOSE_RECOVERY))
            bench_answer (bench, CALL_GATE_STAT, PURPOSE_RECOVERY, &gate, 1);
        bench_pass (bench, 100 * MS);
        bench_renew (bench);
    }
    assert_int_equal (s_recovery (bench, RECOVERIES_MAX)->state, RECOVERY_CLOSED);
    bench_answer (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY, &gate, 1);
    gate.journal_count = gate.journal_units = 0;
    for (size_t i = 0; i < 3; i++) {
        while (bench_find (bench, CALL_GATE_STAT, PURPOSE_RECOVERY))
            bench_answer (bench, CALL_GATE_STAT, PURPOSE_RECOVERY, &gate, 1);
        bench_pass (bench, 200 * MS);
    }
    /* all are drained: as many go on as there are places, and the last waits for one */
    assert_int_equal (bench_count (bench, CALL_EPOCH_BUMP, PURPOSE_RECOVERY), RECOVERIES_MAX);
    size_t wanted = 0;
    for (size_t i = 0; i <= RECOVERIES_MAX; i++)
        wanted += s_recovery (bench, i)->state == RECOVERY_WANTED;
    assert_int_equal (wanted, 1);
    bench_destroy (bench);
}

/*  Take-over: a new leader finds a gate that its predecessor closed, bumps the epoch itself and opens it under its own token. */
static void
test_take_over (void **state)
{
    (void)state;
    bench_t *bench = bench_new ();
    sale_t sale = bench_sale (1);
    sale.epoch = 3; /* bumped by the dead leader, never installed */
    bench_lead (bench, &sale, 1);
    gate_state_t gate = bench_gate (bench);
    gate.recovering = 1;
    gate.token = 6;
    bench_poll (bench, &gate);
    bench_take (bench);
    bench_answer (bench, CALL_GATE_CLOSE, PURPOSE_RECOVERY, &gate, 1);
    assert_string_equal (bench_take (bench),
                         "call epoch_bump [{\"sale_id\":1,\"token\":7,\"epoch\":3}]\n");
    s_bump (bench, 4);
    s_page (bench, 0, 0);
    const gate_config_t *config =
        (const void *)bench_find (bench, CALL_GATE_OPEN, PURPOSE_RECOVERY)->argument;
    assert_int_equal (config->epoch, 4);
    assert_int_equal (config->token, 7);
    bench_destroy (bench);
}

/*  An operator's change in the middle of a recovery reaches the gate: with the opening if it came before, by an update if after. */
static void
test_change_during_recovery (void **state)
{
    (void)state;
    bench_t *bench = s_at (RECOVERY_OPENING);
    sale_t paused = bench_sale (1);
    sale_change_t change = { .sale_id = 1, .state = SALE_PAUSED, .actor = "admin" };
    paused.version = 4;
    paused.state = SALE_PAUSED;
    bench_ask (bench, MSG_SALE_CHANGE, &change);
    bench_answer (bench, CALL_SALE_CHANGE, PURPOSE_QUESTION, &paused, 1);
    bench_take (bench);
    s_open (bench, ERROR_NONE);
    assert_null (strstr (bench_take (bench), "SALE_REPLY"));
    bench_event (bench, EVENT_TIMER);
    gate_config_t config = { 0 };
    const waiting_call_t *update = bench_find (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE);
    if (!update) {
        fail_msg ("no gate_update");
        return;
    }
    memcpy (&config, update->argument, sizeof config);
    assert_int_equal (config.version, 4);
    assert_int_equal (config.want, SALE_PAUSED);
    assert_int_equal (config.epoch, 3);
    bench_code (bench, CALL_GATE_UPDATE, PURPOSE_UPDATE, ERROR_NONE);
    assert_non_null (strstr (bench_take (bench), "SALE_REPLY"));
    bench_destroy (bench);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_whole_way),
        cmocka_unit_test (test_receivers_are_told),
        cmocka_unit_test (test_drain_shows_epoch_of_journal),
        cmocka_unit_test (test_lost_gate),
        cmocka_unit_test (test_gate_went_back),
        cmocka_unit_test (test_journal_of_past_epoch),
        cmocka_unit_test (test_surviving_journal_is_drained),
        cmocka_unit_test (test_drain_starts_over),
        cmocka_unit_test (test_each_step_is_made_again),
        cmocka_unit_test (test_lease_ends_in_each_state),
        cmocka_unit_test (test_unknown_bump_is_made_again),
        cmocka_unit_test (test_bump_of_another_epoch),
        cmocka_unit_test (test_fenced),
        cmocka_unit_test (test_refused_by_code_starts_over),
        cmocka_unit_test (test_loads_are_bounded_and_resumed),
        cmocka_unit_test (test_first_install),
        cmocka_unit_test (test_many_gates),
        cmocka_unit_test (test_slow_drains_leave_their_places),
        cmocka_unit_test (test_take_over),
        cmocka_unit_test (test_change_during_recovery),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
