/*  What the stores cost: µs per entry of each gate script, rows per second of order_write and of what changes orders. Real durability, private servers.

        bench_stores [entries per measurement, 102400 by default]

    "script" is Redis' own time in EVALSHA; "process" is its CPU with protocol and append-only file; "wall" includes this client
    and the fsync. One connection, one call at a time: nothing overlaps. */

#include "servers.h"
#include "store_calls.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DISTINCT_FIRST 1000000000u

static redisContext *s_redis;
static char s_run_id[41];
static uint64_t s_next_user = DISTINCT_FIRST;

static double
s_now_us (void)
{
    struct timespec at;
    clock_gettime (CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static double
s_info (const char *section, const char *name)
{
    redisReply *reply = redisCommand (s_redis, "INFO %s", section);
    const char *at = reply ? strstr (reply->str, name) : NULL;
    double value = at ? strtod (at + strlen (name), NULL) : 0;
    freeReplyObject (reply);
    return value;
}

static void
s_must (int rows)
{
    if (rows < 0) {
        fprintf (stderr, "bench_stores: %s\n", store_error ());
        exit (1);
    }
}

typedef void (*batch_fn) (void *context, size_t size);

static void
s_measure (const char *what, batch_fn run, void *context, size_t size, size_t entries)
{
    freeReplyObject (redisCommand (s_redis, "CONFIG RESETSTAT"));
    double cpu =
        s_info ("cpu", "used_cpu_user_main_thread:") + s_info ("cpu", "used_cpu_sys_main_thread:");
    double wall_us = s_now_us ();
    for (size_t done = 0; done < entries; done += size)
        run (context, size);
    wall_us = s_now_us () - wall_us;
    cpu = s_info ("cpu", "used_cpu_user_main_thread:") +
          s_info ("cpu", "used_cpu_sys_main_thread:") - cpu;
    redisReply *reply = redisCommand (s_redis, "INFO commandstats");
    const char *at = strstr (reply->str, "cmdstat_evalsha:");
    at = at ? strstr (at, "usec=") : NULL;
    double script_us = at ? strtod (at + 5, NULL) : 0;
    freeReplyObject (reply);
    double n = (double)entries;
    printf ("%-44s %4zu  script %5.2f  process %5.2f  wall %5.2f us/entry\n", what, size,
            script_us / n, cpu * 1e6 / n, wall_us / n);
}

/* -------------------------------------------------------------------------- gate */

static void
s_open (uint64_t sale_id, uint64_t epoch, uint64_t available)
{
    gate_key_t key = { .sale_id = sale_id, .token = 1 };
    gate_state_t state;
    outcome_t outcome;
    gate_config_t config = { .sale_id = sale_id,
                             .epoch = epoch,
                             .token = 1,
                             .version = 1,
                             .want = SALE_OPEN,
                             .ends_us = 9000000000000000,
                             .per_user_limit = 5,
                             .price_cents = 100,
                             .pay_within_us = 900000000,
                             .queue_bound = 10000000,
                             .available = available };
    s_must (gate_call (s_redis, s_run_id, CALL_GATE_CLOSE, &key, 1, &state, 1));
    s_must (gate_call (s_redis, s_run_id, CALL_GATE_OPEN, &config, 1, &outcome, 1));
    if (outcome.code)
        exit (2);
}

typedef struct shoppers_t {
    uint64_t sale_id;
    uint64_t quantity;
    uint64_t first; /* user of the next batch; 0 = new ones */
    uint64_t salt;  /* another salt = other rids of the same users */
    uint64_t expected;
} shoppers_t;

static void
s_reserve (void *context, size_t size)
{
    shoppers_t *self = context;
    static gate_purchase_t purchases[BATCH_ENTRIES_MAX];
    static gate_verdict_t verdicts[BATCH_ENTRIES_MAX];
    uint64_t *user = self->first ? &self->first : &s_next_user;
    for (size_t i = 0; i < size; i++) {
        gate_purchase_t *p = &purchases[i];
        *p = (gate_purchase_t){ .sale_id = self->sale_id,
                                .user_id = *user,
                                .quantity = self->quantity,
                                .version = 1,
                                .body_hash = *user * 2654435761u,
                                .before_us = 9000000000000000 };
        memcpy (p->rid, user, sizeof *user);
        memcpy (p->rid + 8, &self->salt, sizeof self->salt);
        memcpy (p->trace_id, user, sizeof *user);
        (*user)++;
    }
    s_must (gate_call (s_redis, s_run_id, CALL_GATE_RESERVE, purchases, size, verdicts, size));
    if (verdicts[0].code != self->expected || verdicts[size - 1].code != self->expected) {
        fprintf (stderr, "bench_stores: code %" PRIu64 "\n", verdicts[0].code);
        exit (3);
    }
}

/*  Reads and deletes the oldest entries, as the broker does. */
static void
s_drain (void *context, size_t size)
{
    uint64_t sale_id = ((shoppers_t *)context)->sale_id;
    static journal_position_t ids[BATCH_ENTRIES_MAX];
    redisReply *reply =
        redisCommand (s_redis, "XREAD COUNT %d STREAMS {s%d}:1:x 0", (int)size, (int)sale_id);
    redisReply *entries = reply->element[0]->element[1];
    for (size_t i = 0; i < entries->elements; i++) {
        ids[i] = (journal_position_t){ .sale_id = sale_id, .epoch = 1 };
        sscanf (entries->element[i]->element[0]->str, "%" SCNu64 "-%" SCNu64, &ids[i].entry_ms,
                &ids[i].entry_seq);
    }
    journal_state_t outcome;
    s_must (
        gate_call (s_redis, s_run_id, CALL_JOURNAL_DELETE, ids, entries->elements, &outcome, 1));
    freeReplyObject (reply);
}

static void
s_load (void *context, size_t size)
{
    uint64_t *place = context;
    static gate_entry_t entries[CALL_ROWS_MAX];
    for (size_t i = 0; i < size; i++) {
        (*place)++;
        entries[i] = (gate_entry_t){ .sale_id = 9,
                                     .epoch = 2,
                                     .token = 1,
                                     .held = 1,
                                     .user_id = *place,
                                     .quantity = 1,
                                     .sequence = *place,
                                     .body_hash = *place };
        memcpy (entries[i].rid, place, sizeof *place);
    }
    outcome_t outcome;
    s_must (gate_call (s_redis, s_run_id, CALL_GATE_LOAD, entries, size, &outcome, 1));
    if (outcome.code)
        exit (4);
}

static void
s_stat (void *context, size_t size)
{
    (void)size;
    gate_key_t key = { .sale_id = ((shoppers_t *)context)->sale_id };
    gate_state_t state;
    s_must (gate_call (s_redis, s_run_id, CALL_GATE_STAT, &key, 1, &state, 1));
}

static void
s_bench_gate (size_t entries)
{
    static const size_t sizes[] = { 1, 64, 256 };
    for (size_t i = 0; i < 3; i++) {
        shoppers_t one = { .sale_id = 1 + i, .quantity = 1 };
        size_t count = sizes[i] == 1 ? entries / 16 : entries;
        s_open (one.sale_id, 1, 10000000);
        uint64_t first = s_next_user;
        s_measure ("gate_reserve, granted", s_reserve, &one, sizes[i], count);
        one.first = first;
        s_measure ("gate_reserve, the same again", s_reserve, &one, sizes[i], count);
        one.first = first;
        one.salt = 1;
        one.expected = ERROR_ALREADY_PURCHASED;
        s_measure ("gate_reserve, already_purchased", s_reserve, &one, sizes[i], count);
        if (sizes[i] > 1)
            s_measure ("XREAD + journal_delete, all of one unit", s_drain, &one, sizes[i], count);
        shoppers_t none = { .sale_id = 10 + i, .quantity = 1, .expected = ERROR_SOLD_OUT };
        s_open (none.sale_id, 1, 0);
        s_measure ("gate_reserve, sold_out", s_reserve, &none, sizes[i], count);
    }
    shoppers_t many = { .sale_id = 5, .quantity = 2 };
    s_open (many.sale_id, 1, 10000000);
    s_measure ("gate_reserve, granted two units", s_reserve, &many, 256, entries);
    s_measure ("gate_stat with a full journal (per call)", s_stat, &many, 1, 1000);
    s_measure ("XREAD + journal_delete, of several units", s_drain, &many, 256, entries);
    s_open (9, 1, 10000000);
    gate_key_t key = { .sale_id = 9, .token = 1 };
    gate_state_t state;
    uint64_t place = 0;
    s_must (gate_call (s_redis, s_run_id, CALL_GATE_CLOSE, &key, 1, &state, 1));
    s_measure ("gate_load", s_load, &place, CALL_ROWS_MAX, entries);
}

/* -------------------------------------------------------------------------- orders */

static void
s_bench_orders (PGconn *admin, PGconn *ordering, size_t size, size_t entries)
{
    static order_event_t events[BATCH_ENTRIES_MAX];
    static order_outcome_t outcomes[BATCH_ENTRIES_MAX];
    PQclear (PQexec (admin, "UPDATE sale SET epoch = 1"));
    double wall_us = 0;
    for (size_t done = 0; done < entries; done += size) {
        for (size_t i = 0; i < size; i++) {
            uint64_t user = s_next_user++ * 0x9e3779b97f4a7c15u >> 1;
            events[i] = (order_event_t){ .sale_id = 1,
                                         .epoch = 1,
                                         .user_id = user,
                                         .quantity = 1,
                                         .price_cents = 100,
                                         .sequence = s_next_user,
                                         .body_hash = user,
                                         .reserved_us = 1700000000000000,
                                         .pay_before_us = 1700000900000000 };
            events[i].rid[5] = 1; /* sale 1, then random bits */
            memcpy (events[i].rid + 8, &user, sizeof user);
        }
        double at_us = s_now_us ();
        s_must (sql_call (ordering, CALL_ORDER_WRITE, events, size, outcomes, size));
        wall_us += s_now_us () - at_us;
        if (outcomes[0].code || outcomes[size - 1].code)
            exit (5);
    }
    printf ("%-44s %4zu  %.0f rows/s, one connection, text arrays, durable\n", "order_write", size,
            (double)entries / wall_us * 1e6);
}

/* -------------------------------------------------------------------------- changes of orders */

#define CHANGED_MAX 20480u

/*  The order_event of the n-th order of sale 2. */
static order_event_t
s_nth_order (uint64_t n)
{
    uint64_t user = (n + 1) * 0x9e3779b97f4a7c15u >> 1;
    order_event_t event = { .sale_id = 2,
                            .epoch = 1,
                            .user_id = user,
                            .quantity = 1,
                            .price_cents = 100,
                            .sequence = n + 1,
                            .reserved_us = 1700000000000000,
                            .pay_before_us = 1700000900000000 };
    event.rid[5] = 2;
    memcpy (event.rid + 8, &user, sizeof user);
    return event;
}

static void
s_tell (const char *what, double wall_us, size_t entries)
{
    printf ("%-44s %4d  %.0f rows/s\n", what, BATCH_ENTRIES_MAX, (double)entries / wall_us * 1e6);
}

/*  A third of the orders is paid for, a third cancelled, a third expires: what a sale may meet at its worst. */
static void
s_bench_changes (PGconn *admin, PGconn *ordering, size_t entries)
{
    static order_event_t events[BATCH_ENTRIES_MAX];
    static order_outcome_t outcomes[BATCH_ENTRIES_MAX];
    static payment_order_t asks[BATCH_ENTRIES_MAX];
    static payment_t payments[BATCH_ENTRIES_MAX];
    static payment_event_t said[BATCH_ENTRIES_MAX];
    static payment_move_t moves[BATCH_ENTRIES_MAX];
    static order_change_t changes[BATCH_ENTRIES_MAX];
    double create_us = 0, take_us = 0, cancel_us = 0, expire_us = 0;
    size_t each =
        (entries < CHANGED_MAX ? entries : CHANGED_MAX) / BATCH_ENTRIES_MAX * BATCH_ENTRIES_MAX;
    for (size_t n = 0; n < 3 * each; n += BATCH_ENTRIES_MAX) {
        for (size_t i = 0; i < BATCH_ENTRIES_MAX; i++)
            events[i] = s_nth_order (n + i);
        s_must (sql_call (ordering, CALL_ORDER_WRITE, events, BATCH_ENTRIES_MAX, outcomes,
                          BATCH_ENTRIES_MAX));
    }
    for (size_t n = 0; n < each; n += BATCH_ENTRIES_MAX) {
        for (size_t i = 0; i < BATCH_ENTRIES_MAX; i++) {
            order_event_t paid = s_nth_order (n + i), left = s_nth_order (each + n + i);
            asks[i] = (payment_order_t){
                .sale_id = 2, .user_id = paid.user_id, .key = "k", .method = "test"
            };
            memcpy (asks[i].rid, paid.rid, 16);
            memcpy (asks[i].payment_id, paid.rid, 16);
            said[i] = (payment_event_t){ .outcome = PAYMENT_CAPTURED, .amount_cents = 100 };
            snprintf (said[i].event_id, sizeof said[i].event_id, "e%zu", n + i);
            memcpy (said[i].rid, paid.rid, 16);
            memcpy (said[i].payment_id, paid.rid, 16);
            changes[i] =
                (order_change_t){ .sale_id = 2, .user_id = left.user_id, .actor = "shopper" };
            memcpy (changes[i].rid, left.rid, 16);
        }
        double at_us = s_now_us ();
        s_must (sql_call (ordering, CALL_PAYMENT_CREATE, asks, BATCH_ENTRIES_MAX, payments,
                          BATCH_ENTRIES_MAX));
        create_us += s_now_us () - at_us;
        at_us = s_now_us ();
        s_must (sql_call (ordering, CALL_PAYMENT_EVENT_TAKE, said, BATCH_ENTRIES_MAX, moves,
                          BATCH_ENTRIES_MAX));
        take_us += s_now_us () - at_us;
        at_us = s_now_us ();
        s_must (sql_call (ordering, CALL_ORDER_CANCEL, changes, BATCH_ENTRIES_MAX, outcomes,
                          BATCH_ENTRIES_MAX));
        cancel_us += s_now_us () - at_us;
        if (payments[0].code || moves[0].order_status != ORDER_PAID || outcomes[0].code)
            exit (6);
    }
    PQclear (
        PQexec (admin, "UPDATE orders SET pay_before_us = 1 WHERE sale_id = 2 AND status = 2"));
    scan_t scan = { .limit = 512 };
    expiry_t expiry;
    size_t expired = 0;
    double at_us = s_now_us ();
    do {
        s_must (sql_call (ordering, CALL_ORDER_EXPIRE, &scan, 1, &expiry, 1));
        expired += expiry.expired_count;
    } while (expiry.expired_count);
    expire_us = s_now_us () - at_us;
    s_tell ("payment_create", create_us, each);
    s_tell ("payment_event_take, captured", take_us, each);
    s_tell ("order_cancel", cancel_us, each);
    s_tell ("order_expire (512 at once)", expire_us, expired);
}

int
main (int argc, char **argv)
{
    size_t entries = argc > 1 ? strtoul (argv[1], NULL, 10) / 1024 * 1024 : 102400;
    servers_t *servers = servers_new ();
    s_redis = servers ? servers_redis (servers, NULL) : NULL;
    PGconn *admin = servers ? servers_sql (servers, NULL, "minishop") : NULL;
    PGconn *ordering = servers ? servers_sql (servers, "minishop_ordering", "minishop") : NULL;
    if (!s_redis || !admin || !ordering || !entries || !gate_run_id (s_redis, s_run_id))
        return 1;
    s_bench_gate (entries);
    sale_t sale = { .title = "bench",
                    .currency = "EUR",
                    .stock_total = 10000000,
                    .ends_at_ms = 9000000000000,
                    .per_user_limit = 1,
                    .pay_within_s = 900 };
    s_must (sql_call (admin, CALL_SALE_CREATE, &sale, 1, &sale, 1));
    s_must (sql_call (admin, CALL_SALE_CREATE, &sale, 1, &sale, 1)); /* 2: for s_bench_changes */
    s_bench_orders (admin, ordering, 256, entries);
    s_bench_orders (admin, ordering, 64, entries);
    s_bench_orders (admin, ordering, 256, entries);
    s_bench_changes (admin, ordering, entries);
    PQfinish (admin);
    PQfinish (ordering);
    redisFree (s_redis);
    servers_destroy (&servers);
    return 0;
}
