#include "dice.h"
#include "limiter.h"
#include "rig.h"
#include "token_bucket.h"
#include "user_windows.h"

#define US_PER_S UINT64_C (1000000)

static params_t s_params;
static purchase_t s_batch[BATCH_ENTRIES_MAX];

/* -------------------------------------------------------------------------- steps */

static rig_t *
s_limiter (const limits_t *limits, uint64_t seckills)
{
    rig_t *rig = rig_new (&limiter_class, &s_params);
    for (uint64_t number = 1; number <= seckills; number++)
        rig_peer (rig, EVENT_PEER_UP, KIND_SECKILL, number, STATE_READY);
    if (limits)
        rig_message (rig, KIND_INVENTORY, 1, MSG_LIMITS, &(header_t){ .batch_id = limits->version },
                     limits, 1);
    return rig;
}

/*  Sends `count` entries of s_batch from an edge. */
static const char *
s_send (rig_t *rig, uint64_t edge, uint64_t trip_us, size_t count)
{
    header_t extras = { .batch_id = 7, .trip_us = trip_us, .attempt = 1 };
    return rig_message (rig, KIND_EDGE, edge, MSG_PURCHASE, &extras, s_batch, count);
}

/*  Fills s_batch with first attempts of users user, user + 1 … in one sale. */
static void
s_fill (uint64_t user_id, uint64_t sale_id, size_t count)
{
    memset (s_batch, 0, sizeof s_batch);
    for (size_t i = 0; i < count; i++)
        s_batch[i] = (purchase_t){
            .qid = i + 1, .user_id = user_id + i, .sale_id = sale_id, .quantity = 1, .attempt = 1
        };
}

/*  One attempt of one user. Returns the level that refused it, LIMIT_NONE if it was forwarded. */
static limit_level_t
s_try (rig_t *rig, uint64_t user_id, uint64_t sale_id, uint64_t attempt, uint64_t *retry_after_ms)
{
    s_fill (user_id, sale_id, 1);
    s_batch[0].attempt = attempt;
    s_send (rig, 1, 0, 1);
    const effect_t *refused = rig_sent (rig, MSG_VERDICT, 0);
    assert_int_equal (refused == NULL, rig_sent (rig, MSG_PURCHASE, 0) != NULL);
    if (!refused)
        return LIMIT_NONE;
    const verdict_t *verdict = refused->entries;
    assert_int_equal (verdict->code, ERROR_RATE_LIMITED);
    assert_int_equal (verdict->gate_us, 0);
    assert_true (verdict->retry_after_ms > 0);
    if (retry_after_ms)
        *retry_after_ms = verdict->retry_after_ms;
    return (limit_level_t)verdict->limit;
}

/* -------------------------------------------------------------------------- messages */

/*  Property: before LIMITS, and without a ready seckill, entries are answered `draining` and the limiter is not ready; with both
    they go on, to the seckill, with the edge as their origin. */
static void
test_readiness (void **state)
{
    (void)state;
    limits_t limits = { .version = 3 };
    rig_t *rig = s_limiter (NULL, 0);
    s_fill (5, 9, 1);
    assert_string_equal (s_send (rig, 2, 0, 1),
                         "send edge/2 VERDICT batch=7 [{\"qid\":1,\"attempt\":1,\"code\":53}]\n");
    assert_int_equal (rig_added (rig, METRIC_LIMITED, ERROR_DRAINING), 1);
    /* a seckill alone is not enough: there is nothing to judge by */
    rig_peer (rig, EVENT_PEER_UP, KIND_SECKILL, 4, STATE_READY);
    assert_string_equal (s_send (rig, 2, 0, 1),
                         "send edge/2 VERDICT batch=7 [{\"qid\":1,\"attempt\":1,\"code\":53}]\n");
    assert_false (rig_status (rig).is_ready);
    rig_peer (rig, EVENT_PEER_DOWN, KIND_SECKILL, 4, STATE_READY);
    assert_string_equal (
        rig_message (rig, KIND_INVENTORY, 1, MSG_LIMITS, &(header_t){ .batch_id = 30 }, &limits, 1),
        "log info limits_taken version=3\n"
        "send inventory/1 SNAPSHOT_ACK batch=30 [{\"version\":30}]\n");
    assert_false (rig_status (rig).is_ready);
    assert_string_equal (s_send (rig, 2, 0, 1),
                         "send edge/2 VERDICT batch=7 [{\"qid\":1,\"attempt\":1,\"code\":53}]\n");
    rig_peer (rig, EVENT_PEER_UP, KIND_SECKILL, 1, STATE_STARTING);
    assert_false (rig_status (rig).is_ready);
    rig_peer (rig, EVENT_PEER_UP, KIND_SECKILL, 1, STATE_READY);
    assert_true (rig_status (rig).is_ready);
    assert_string_equal (
        s_send (rig, 2, 0, 1),
        "send seckill/1 PURCHASE batch=7 attempt=1 "
        "[{\"qid\":1,\"sale_id\":9,\"user_id\":5,\"quantity\":1,\"attempt\":1}]\n");
    const header_t *header = &rig_sent (rig, MSG_PURCHASE, 0)->header;
    assert_int_equal (header->origin_number, 2);
    assert_int_equal (header->origin_incarnation, 102);
    assert_int_equal (header->to_incarnation, 101);
    assert_int_equal (rig_added (rig, METRIC_FORWARDED, 0), 1);
    rig_peer (rig, EVENT_PEER_DOWN, KIND_SECKILL, 1, STATE_READY);
    assert_false (rig_status (rig).is_ready);
    rig_destroy (&rig);
}

/*  Property: of a mixed batch the refused entries are in the verdict and all others in the one forwarded message, untouched. */
static void
test_mixed_batch (void **state)
{
    (void)state;
    limits_t limits = { .version = 1, .user_count = 2, .user_window_ms = 1000 };
    rig_t *rig = s_limiter (&limits, 1);
    s_fill (5, 9, 4);
    for (size_t i = 0; i < 3; i++)
        s_batch[i].user_id = 5;
    s_batch[3].user_id = 6;
    s_batch[3].rid[0] = 0xaa;
    s_batch[3].before_us = 123;
    s_batch[3].body_hash = 99;
    s_batch[3].version = 4;
    const char *text = s_send (rig, 1, 0, 4);
    assert_string_equal (
        text, "send edge/1 VERDICT batch=7 "
              "[{\"qid\":3,\"attempt\":1,\"code\":40,\"limit\":2,\"retry_after_ms\":1001}]\n"
              "send seckill/1 PURCHASE batch=7 attempt=1 "
              "[{\"qid\":1,\"sale_id\":9,\"user_id\":5,\"quantity\":1,\"attempt\":1},"
              "{\"qid\":2,\"sale_id\":9,\"user_id\":5,\"quantity\":1,\"attempt\":1},{\"qid\":4,"
              "\"rid\":\"aa000000000000000000000000000000\",\"sale_id\":9,\"user_id\":6,"
              "\"quantity\":1,\"body_hash\":99,"
              "\"version\":4,\"before_us\":123,\"attempt\":1}]\n");
    assert_int_equal (rig_added (rig, METRIC_LIMITED, ERROR_RATE_LIMITED), 1);
    assert_int_equal (rig_added (rig, METRIC_FORWARDED, 0), 3);
    rig_destroy (&rig);
}

/*  Property: only a higher or equal version of LIMITS is taken, and every push is acknowledged. */
static void
test_limits_versions (void **state)
{
    (void)state;
    limits_t strict = { .version = 5, .user_count = 1, .user_window_ms = 1000 },
             stale = { .version = 4 }, loose = { .version = 6 };
    rig_t *rig = s_limiter (&strict, 1);
    assert_int_equal (s_try (rig, 1, 1, 1, NULL), LIMIT_NONE);
    assert_string_equal (
        rig_message (rig, KIND_INVENTORY, 2, MSG_LIMITS, &(header_t){ .batch_id = 8 }, &stale, 1),
        "send inventory/2 SNAPSHOT_ACK batch=8 [{\"version\":8}]\n");
    assert_int_equal (s_try (rig, 1, 1, 1, NULL), LIMIT_USER);
    /* the same again changes nothing: budgets go on */
    rig_message (rig, KIND_INVENTORY, 2, MSG_LIMITS, &(header_t){ .batch_id = 9 }, &strict, 1);
    assert_int_equal (s_try (rig, 1, 1, 1, NULL), LIMIT_USER);
    rig_message (rig, KIND_INVENTORY, 2, MSG_LIMITS, &(header_t){ .batch_id = 10 }, &loose, 1);
    assert_int_equal (s_try (rig, 1, 1, 1, NULL), LIMIT_NONE);
    rig_destroy (&rig);
}

/*  Property: other messages, and these from the wrong kind of sender, are counted and otherwise ignored. */
static void
test_invalid_messages (void **state)
{
    (void)state;
    limits_t limits = { .version = 1 };
    rig_t *rig = s_limiter (NULL, 1);
    s_fill (1, 1, 1);
    rig_message (rig, KIND_EDGE, 1, MSG_LIMITS, NULL, &limits, 1);
    assert_string_equal (rig_text (rig, true), "add minishop_frames_refused_total{} 1\n");
    rig_message (rig, KIND_SECKILL, 1, MSG_PURCHASE, NULL, s_batch, 1);
    assert_string_equal (rig_text (rig, true), "add minishop_frames_refused_total{} 1\n");
    rig_message (rig, KIND_EDGE, 1, MSG_PURCHASE, NULL, s_batch, 0);
    assert_string_equal (rig_text (rig, true), "add minishop_frames_refused_total{} 1\n");
    rig_message (rig, KIND_EDGE, 1, MSG_SALE_GET, NULL, &(query_t){ 0 }, 1);
    assert_string_equal (rig_text (rig, true), "add minishop_frames_refused_total{} 1\n");
    assert_false (rig_status (rig).is_ready);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- levels */

/*  Property: levels refuse in the order user, sale, global, and a refusal at one costs nothing at the others: after ten refusals
    by the sale, user and global budgets are whole. */
static void
test_precedence (void **state)
{
    (void)state;
    limits_t limits = { .version = 1,
                        .user_count = 3,
                        .user_window_ms = 60000,
                        .sale_rate_per_s = 1,
                        .sale_burst = 2,
                        .global_rate_per_s = 1,
                        .global_burst = 3 };
    rig_t *rig = s_limiter (&limits, 1);
    assert_int_equal (s_try (rig, 1, 1, 1, NULL), LIMIT_NONE);
    assert_int_equal (s_try (rig, 1, 1, 1, NULL), LIMIT_NONE);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal (s_try (rig, 1, 1, 1, NULL), LIMIT_SALE);
    assert_int_equal (s_try (rig, 1, 2, 1, NULL),
                      LIMIT_NONE); /* the third of the user, the third of all */
    assert_int_equal (s_try (rig, 1, 1, 1, NULL),
                      LIMIT_USER); /* though the sale would refuse too */
    assert_int_equal (s_try (rig, 2, 1, 1, NULL),
                      LIMIT_SALE); /* though the global level would too */
    for (size_t i = 0; i < 10; i++)
        assert_int_equal (s_try (rig, 2, 3, 1, NULL), LIMIT_GLOBAL);
    rig->now_us += US_PER_S;
    assert_int_equal (s_try (rig, 2, 3, 1, NULL), LIMIT_NONE);
    assert_int_equal (s_try (rig, 2, 3, 1, NULL), LIMIT_GLOBAL);
    rig_destroy (&rig);
}

/*  Property: the named wait is true: one millisecond before it is over the attempt is refused, after it the attempt passes. */
static void
test_retry_after (void **state)
{
    (void)state;
    static const limits_t limits[] = {
        { .version = 1, .user_count = 2, .user_window_ms = 700 },
        { .version = 1, .sale_rate_per_s = 3, .sale_burst = 2 },
        { .version = 1, .global_rate_per_s = 3, .global_burst = 2 },
    };
    for (size_t i = 0; i < 3; i++) {
        rig_t *rig = s_limiter (&limits[i], 1);
        uint64_t wait_ms = 0, ignored;
        assert_int_equal (s_try (rig, 1, 1, 1, NULL), LIMIT_NONE);
        rig->now_us += 50000;
        assert_int_equal (s_try (rig, 1, 1, 1, NULL), LIMIT_NONE);
        assert_int_equal (s_try (rig, 1, 1, 1, &wait_ms), LIMIT_USER + i);
        rig->now_us += (wait_ms - 1) * 1000;
        assert_int_equal (s_try (rig, 1, 1, 1, &ignored), LIMIT_USER + i);
        rig->now_us += 1000;
        assert_int_equal (s_try (rig, 1, 1, 1, NULL), LIMIT_NONE);
        rig_destroy (&rig);
    }
}

/*  Property: a resend is neither charged nor refused, on any level. */
static void
test_resend_is_free (void **state)
{
    (void)state;
    limits_t limits = {
        .version = 1, .user_count = 2, .user_window_ms = 1000, .sale_rate_per_s = 1, .sale_burst = 2
    };
    rig_t *rig = s_limiter (&limits, 2);
    for (uint64_t attempt = 2; attempt < 50; attempt++)
        assert_int_equal (s_try (rig, 1, 1, attempt, NULL), LIMIT_NONE);
    assert_int_equal (s_try (rig, 1, 1, 1, NULL), LIMIT_NONE);
    assert_int_equal (s_try (rig, 1, 1, 1, NULL), LIMIT_NONE);
    assert_int_equal (s_try (rig, 1, 1, 1, NULL), LIMIT_USER);
    assert_int_equal (s_try (rig, 1, 1, 2, NULL), LIMIT_NONE);
    rig_destroy (&rig);
}

/*  Property: an attempt that found no seckill is charged then, once: its resend is free. */
static void
test_draining_is_charged_once (void **state)
{
    (void)state;
    limits_t limits = { .version = 1, .user_count = 1, .user_window_ms = 60000 };
    rig_t *rig = s_limiter (&limits, 0);
    s_fill (1, 1, 1);
    assert_string_equal (s_send (rig, 1, 0, 1),
                         "send edge/1 VERDICT batch=7 [{\"qid\":1,\"attempt\":1,\"code\":53}]\n");
    rig_peer (rig, EVENT_PEER_UP, KIND_SECKILL, 1, STATE_READY);
    assert_int_equal (s_try (rig, 1, 1, 2, NULL), LIMIT_NONE);
    assert_int_equal (s_try (rig, 1, 1, 1, NULL), LIMIT_USER);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- user windows against an exact log */

#define LOG_MAX 400000u

typedef struct log_t {
    uint64_t at_us[LOG_MAX];
    size_t count;
} log_t;

/*  Entries of the log in (now − window, now]. */
static size_t
s_count_since (const log_t *log, uint64_t now_us, uint64_t window_us)
{
    size_t count = 0;
    while (count < log->count && now_us - log->at_us[log->count - 1 - count] < window_us)
        count++;
    return count;
}

/*  Property: against an exact log of what passed: never more than `count` in any window, wherever it begins; and an attempt is
    refused only if `count` passed within the last 8/7 of a window (refused ones do not count). */
static void
test_window_against_log (void **state)
{
    (void)state;
    static log_t logs[4];
    dice_t dice = dice_seeded (21);
    unsigned long passed = 0, refused = 0;
    for (size_t round = 0; round < 60; round++) {
        uint64_t count_max = 1 + dice_roll (&dice, 60),
                 window_us = 1000 * (1 + dice_roll (&dice, 3000)), now_us = dice_roll (&dice, 1000);
        user_windows_t *windows = user_windows_new (1024, dice_next (&dice));
        user_windows_limit (windows, count_max, window_us);
        memset (logs, 0, sizeof logs);
        for (size_t i = 0; i < 20000; i++) {
            uint64_t user = dice_roll (&dice, 4);
            now_us += dice_roll (&dice, 50) ? dice_roll (&dice, 1 + window_us / count_max / 4)
                                            : dice_roll (&dice, 2 * window_us);
            log_t *log = &logs[user];
            uint64_t wait_us = user_windows_wait_us (windows, user, now_us);
            if (wait_us) {
                refused++;
                assert_true (wait_us <= window_us / 7 * 8 + 16);
                assert_true (s_count_since (log, now_us, (window_us / 7 + 1) * 8) >= count_max);
                continue;
            }
            assert_true (s_count_since (log, now_us, window_us) < count_max);
            assert_false (user_windows_charge (windows, user, now_us));
            log->at_us[log->count++] = now_us;
            passed++;
        }
        user_windows_check (windows);
        user_windows_destroy (&windows);
    }
    printf ("# %lu passed, %lu refused\n", passed, refused);
    assert_true (passed > 100000 && refused > 100000);
}

/*  Property: the table is bounded. Expired windows are taken over silently; only when everything near is live, somebody is
    forgotten, and the caller told: the one who was charged longest ago among those near. */
static void
test_users_reclaimed (void **state)
{
    (void)state;
    user_windows_t *windows = user_windows_new (1024, 5);
    unsigned forgotten = 0;
    uint64_t now_us = 10 * US_PER_S;
    user_windows_limit (windows, 5, 1000000);
    for (uint64_t user = 0; user < 100000; user++, now_us += 10000)
        forgotten += user_windows_charge (windows, user, now_us); /* about 115 live at any time */
    assert_int_equal (forgotten, 0);
    for (uint64_t user = 0; user < 5000; user++)
        forgotten += user_windows_charge (windows, user, now_us);
    assert_in_range (forgotten, 5000 - 1024, 5000);
    user_windows_destroy (&windows);

    rig_t *rig = rig_new (&limiter_class, &(params_t){ .users_max = 1024,
                                                       .limiter_in_flight_min = 65536,
                                                       .limiter_in_flight_max = 65536,
                                                       .limiter_target_ms = 100,
                                                       .purchase_deadline_ms = 1000 });
    limits_t limits = { .version = 1, .user_count = 5, .user_window_ms = 60000 };
    rig_peer (rig, EVENT_PEER_UP, KIND_SECKILL, 1, STATE_READY);
    rig_message (rig, KIND_INVENTORY, 1, MSG_LIMITS, NULL, &limits, 1);
    int64_t told = 0;
    for (uint64_t user = 1; user < 20 * 256; user += 256) {
        s_fill (user, 1, 256);
        s_send (rig, 1, 0, 256);
        told += rig_added (rig, METRIC_USERS_FORGOTTEN, 0);
    }
    assert_in_range (told, 20 * 256 - 1024, 20 * 256);
    rig_destroy (&rig);
}

/*  Property: extreme limits neither overflow nor divide by zero: 0 is unlimited, counts beyond 16 bits are taken as 65535. */
static void
test_extreme_limits (void **state)
{
    (void)state;
    user_windows_t *windows = user_windows_new (1024, 5);
    user_windows_limit (windows, UINT64_MAX >> 1, 1);
    size_t passed = 0;
    while (user_windows_wait_us (windows, 1, 100) == 0) {
        user_windows_charge (windows, 1, 100);
        passed++;
    }
    assert_int_equal (passed, USER_COUNT_MAX);
    user_windows_limit (windows, 1, 0);
    assert_int_equal (user_windows_wait_us (windows, 1, 100), 0);
    user_windows_destroy (&windows);
    static const uint64_t numbers[] = { 0, 1, 1000, UINT32_MAX, INT64_MAX };
    for (size_t i = 0; i < 5 * 5 * 5; i++) {
        token_rate_t rate = { numbers[i % 5], numbers[i / 5 % 5], 1 + i / 25 * 16 };
        token_bucket_t bucket = { 0 };
        uint64_t now_us = 1;
        token_bucket_fill (&bucket, rate, now_us);
        for (size_t k = 0; k < 100; k++) {
            now_us += token_bucket_wait_us (&bucket, rate, now_us);
            assert_int_equal (token_bucket_wait_us (&bucket, rate, now_us), 0);
            token_bucket_take (&bucket, rate, now_us);
        }
        assert_true (token_bucket_is_full (&bucket, rate, INT64_MAX));
    }
}

/* -------------------------------------------------------------------------- shares */

/*  Property: N limiters together let through the whole rate and burst, no more: each holds 1/N, exactly. */
static void
test_shares (void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 5; n++) {
        limits_t limits = { .version = 1, .global_rate_per_s = 1000, .global_burst = 120 };
        rig_t *rigs[5];
        size_t passed = 0;
        for (uint64_t i = 0; i < n; i++) {
            rigs[i] = s_limiter (NULL, 1);
            rigs[i]->is_quick = true;
            for (uint64_t other = 2; other <= n; other++)
                rig_peer (rigs[i], EVENT_PEER_UP, KIND_LIMITER, other, STATE_READY);
            rig_peer (rigs[i], EVENT_PEER_UP, KIND_LIMITER, 60,
                      STATE_DRAINING); /* holds nothing any more */
            rig_message (rigs[i], KIND_INVENTORY, 1, MSG_LIMITS, NULL, &limits, 1);
        }
        for (uint64_t tick = 0; tick < 1000; tick++)
            for (uint64_t i = 0; i < n; i++) {
                rigs[i]->now_us += 1000;
                s_fill (1, 1, 4);
                s_send (rigs[i], 1, 0, 4);
                const effect_t *forwarded = rig_sent (rigs[i], MSG_PURCHASE, 0);
                passed += forwarded ? forwarded->count : 0;
            }
        assert_in_range (passed, 1120 - n, 1120);
        for (uint64_t i = 0; i < n; i++)
            rig_destroy (&rigs[i]);
    }
}

/*  Property: a burst that was lowered holds at once, one that was raised fills at the rate, and a rate set where there was none begins
    with a full bucket. */
static void
test_changed_rates (void **state)
{
    (void)state;
    static const struct {
        uint64_t rate, burst, passes;
    } changes[] = { { 10, 100, 100 }, { 10, 100, 0 }, { 0, 0, 256 },   { 10, 50, 50 },
                    { 10, 50, 0 },    { 0, 0, 256 },  { 10, 200, 200 } };
    rig_t *rig = s_limiter (NULL, 1);
    limits_t limits = { 0 };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        limits.version++;
        limits.global_rate_per_s = changes[i].rate;
        limits.global_burst = changes[i].burst;
        rig_message (rig, KIND_INVENTORY, 1, MSG_LIMITS, NULL, &limits, 1);
        s_fill (1, 1, 256);
        s_send (rig, 1, 0, 256);
        assert_int_equal (rig_added (rig, METRIC_FORWARDED, 0), changes[i].passes);
    }
    rig->now_us += 3600 * US_PER_S; /* full again, then lowered */
    limits.version++;
    limits.global_burst = 5;
    rig_message (rig, KIND_INVENTORY, 1, MSG_LIMITS, NULL, &limits, 1);
    s_send (rig, 1, 0, 256);
    assert_int_equal (rig_added (rig, METRIC_FORWARDED, 0), 5);
    limits.version++;
    limits.global_burst = 200;
    rig_message (rig, KIND_INVENTORY, 1, MSG_LIMITS, NULL, &limits, 1);
    rig->now_us += US_PER_S;
    s_send (rig, 1, 0, 256);
    assert_int_equal (rig_added (rig, METRIC_FORWARDED, 0), 10);
    /* a full share, never asked in between, and then a lower burst */
    token_bucket_t bucket;
    token_bucket_fill (&bucket, (token_rate_t){ 10, 100, 1 }, 1);
    token_rate_t lowered = { 10, 1, 1 };
    token_bucket_take (&bucket, lowered, 1);
    assert_int_not_equal (token_bucket_wait_us (&bucket, lowered, 1), 0);
    rig_destroy (&rig);
}

/*  Property: a sale's bucket is its own; more sales than there are buckets for are bounded, and a busy one keeps its state. */
static void
test_many_sales (void **state)
{
    (void)state;
    limits_t limits = { .version = 1, .sale_rate_per_s = 1, .sale_burst = 1 };
    rig_t *rig = s_limiter (&limits, 1);
    rig->is_quick = true;
    for (uint64_t sale = 1; sale <= 3 * SALES_MAX; sale++) {
        assert_int_equal (s_try (rig, sale, sale, 1, NULL), LIMIT_NONE);
        assert_int_equal (s_try (rig, sale, sale, 1, NULL), LIMIT_SALE);
        rig->now_us += 500;
    }
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- forwarding */

/*  Property: batches go to the ready seckills in turn; a batch with a resend goes to another than the edge's last one, if there
    is another. */
static void
test_turns (void **state)
{
    (void)state;
    limits_t limits = { .version = 1 };
    rig_t *rig = s_limiter (&limits, 3);
    size_t taken[4] = { 0 };
    for (size_t i = 0; i < 30; i++) {
        s_fill (1, 1, 1);
        s_send (rig, 1, 0, 1);
        taken[rig_sent (rig, MSG_PURCHASE, 0)->header.to_number]++;
    }
    assert_true (taken[1] == 10 && taken[2] == 10 && taken[3] == 10);
    /* two seckills and two edges in turn: without avoiding, each edge would always get the same */
    rig_peer (rig, EVENT_PEER_DOWN, KIND_SECKILL, 3, STATE_READY);
    uint64_t last[3] = { 0 };
    for (size_t i = 0; i < 60; i++) {
        uint64_t edge = 1 + i % 2;
        s_fill (1, 1, 5);
        s_batch[3].attempt = 2;
        s_send (rig, edge, 0, 5);
        uint64_t now = rig_sent (rig, MSG_PURCHASE, 0)->header.to_number;
        assert_true (i < 2 || now != last[edge]);
        last[edge] = now;
    }
    rig_peer (rig, EVENT_PEER_UP, KIND_SECKILL, 2, STATE_DRAINING);
    for (size_t i = 0; i < 3; i++) {
        s_fill (1, 1, 1);
        s_batch[0].attempt = 2;
        s_send (rig, 1, 0, 1);
        assert_int_equal (rig_sent (rig, MSG_PURCHASE, 0)->header.to_number, 1);
    }
    rig_destroy (&rig);
}

/*  Property: after STOP what still arrives goes on as before; the limiter says that it is not ready and has nothing in flight,
    however many verdicts are out: they do not come back to it. */
static void
test_stop (void **state)
{
    (void)state;
    limits_t limits = { .version = 1 };
    rig_t *rig = s_limiter (&limits, 1);
    s_fill (1, 1, 100);
    s_send (rig, 1, 0, 100);
    assert_int_equal (rig_status (rig).in_flight, 100);
    rig_event (rig, EVENT_STOP);
    assert_false (rig_status (rig).is_ready);
    assert_int_equal (rig_status (rig).in_flight, 0);
    assert_int_equal (s_try (rig, 1, 1, 1, NULL), LIMIT_NONE);
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- adaptive concurrency */

static int64_t
s_bound (const rig_t *rig, int64_t before)
{
    for (size_t i = 0; i < effects_count (rig->effects); i++) {
        const effect_t *effect = effects_at (rig->effects, i);
        if (effect->type == EFFECT_GAUGE && effect->metric == METRIC_IN_FLIGHT_LIMIT)
            before = effect->value;
    }
    return before;
}

/*  Sends a batch of `count` from an edge that had a trip of trip_us. Returns the bound afterwards. */
static int64_t
s_trip (rig_t *rig, uint64_t edge, uint64_t trip_us, size_t count, int64_t bound)
{
    s_fill (1, 1, count);
    s_send (rig, edge, trip_us, count);
    return s_bound (rig, bound);
}

/*  Property: a trip above the target takes a quarter of the bound, once per trip however many edges report it; one within it adds its
    part of 128; a trip of refusals alone says nothing; the bound stays between its ends. */
static void
test_aimd (void **state)
{
    (void)state;
    limits_t limits = { .version = 1 };
    rig_t *rig = s_limiter (&limits, 1);
    uint64_t slow_us = s_params.limiter_target_ms * 1000 + 1, fast_us = 1000;
    rig_event (rig, EVENT_START);
    int64_t bound = s_bound (rig, 0);
    assert_int_equal (bound, 8192);
    for (uint64_t edge = 1; edge <= 5; edge++)
        assert_int_equal (bound = s_trip (rig, edge, slow_us, 100, bound),
                          8192); /* no batch before */
    for (uint64_t edge = 1; edge <= 5; edge++)
        assert_int_equal (bound = s_trip (rig, edge, slow_us, 100, bound), 6144);
    rig->now_us += slow_us;
    assert_int_equal (bound = s_trip (rig, 1, slow_us, 100, bound), 4608);
    assert_int_equal (bound = s_trip (rig, 1, fast_us, 100, bound), 4608 + 1 + 128 * 100 / 4608);
    for (size_t i = 0; i < 40; i++) {
        rig->now_us += slow_us;
        bound = s_trip (rig, 1, slow_us, 1, bound);
    }
    assert_int_equal (bound, s_params.limiter_in_flight_min);
    rig_peer (rig, EVENT_PEER_DOWN, KIND_SECKILL, 1, STATE_READY);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal (bound = s_trip (rig, 1, i ? fast_us : 0, 100, bound),
                          s_params.limiter_in_flight_min);
    rig_peer (rig, EVENT_PEER_UP, KIND_SECKILL, 1, STATE_READY);
    for (size_t i = 0; i < 2000; i++)
        bound = s_trip (rig, 1, fast_us, 256, bound);
    assert_int_equal (bound, s_params.limiter_in_flight_max);
    rig_destroy (&rig);
}

/*  Property: beyond the bound first attempts are answered `busy` with a time to wait and cost nothing; an edge's next batch, its
    end, and time end its flight; bound_min is always admitted. */
static void
test_in_flight (void **state)
{
    (void)state;
    limits_t limits = { .version = 1, .user_count = 1, .user_window_ms = 60000 };
    rig_t *rig = s_limiter (&limits, 1);
    uint64_t slow_us = s_params.limiter_target_ms * 1000 + 1;
    for (size_t i = 0; i < 40; i++, rig->now_us += slow_us) {
        s_fill (1000 + i, 1, 1);
        s_send (rig, 9, slow_us, 1);
    }
    rig_peer (rig, EVENT_PEER_DOWN, KIND_EDGE, 9, STATE_READY);
    assert_int_equal (rig_status (rig).in_flight, 0);
    s_fill (2000, 1, 200);
    s_send (rig, 1, 0, 200);
    s_fill (3000, 1, 200);
    s_send (rig, 2, 0, 200); /* 256 in all: 56 pass */
    assert_int_equal (rig_sent (rig, MSG_PURCHASE, 0)->count, 56);
    assert_int_equal (rig_added (rig, METRIC_LIMITED, ERROR_BUSY), 144);
    const verdict_t *busy = rig_sent (rig, MSG_VERDICT, 0)->entries;
    assert_int_equal (busy->code, ERROR_BUSY);
    assert_int_equal (busy->qid, 57);
    assert_int_equal (busy->retry_after_ms, s_params.limiter_target_ms);
    assert_int_equal (rig_status (rig).in_flight, 256);
    /* a resend passes all the same */
    s_fill (5000, 1, 2);
    s_batch[1].attempt = 2;
    s_send (rig, 3, 0, 2);
    assert_int_equal (rig_sent (rig, MSG_PURCHASE, 0)->count, 1);
    /* edge 1 sends its next batch: its 200 are over; the refused users were not charged */
    s_fill (3056, 1, 144);
    s_send (rig, 1, 0, 144);
    assert_int_equal (rig_sent (rig, MSG_PURCHASE, 0)->count, 144);
    assert_int_equal (rig_status (rig).in_flight, 56 + 1 + 144);
    rig->now_us = limiter_class.wake_us (rig->core);
    rig_event (rig, EVENT_TIMER);
    assert_int_equal (rig_status (rig).in_flight, 0);
    assert_int_equal (limiter_class.wake_us (rig->core), UINT64_MAX);
    rig_destroy (&rig);
}

/*  A server that decides `per_s` entries in a second, first come, first served, and 40 edges with a window of one before it. */
typedef struct crowd_t {
    uint64_t next_us[40]; /* when the edge's batch is answered */
    uint64_t trip_us[40];
    uint64_t server_free_us;
    uint64_t offered, passed, busy, worst_trip_us;
} crowd_t;

static void
s_crowd_batch (crowd_t *crowd, rig_t *rig, size_t edge, size_t entries, uint64_t per_s)
{
    s_fill (1 + dice_roll (&(dice_t){ rig->now_us }, 1u << 20), 1, entries);
    s_send (rig, edge + 1, crowd->trip_us[edge], entries);
    const effect_t *forwarded = rig_sent (rig, MSG_PURCHASE, 0);
    size_t passed = forwarded ? forwarded->count : 0;
    uint64_t begin_us = crowd->server_free_us > rig->now_us ? crowd->server_free_us : rig->now_us;
    if (passed)
        crowd->server_free_us = begin_us + passed * US_PER_S / per_s;
    crowd->trip_us[edge] = passed ? crowd->server_free_us - rig->now_us + 2000 : 2000;
    crowd->next_us[edge] = rig->now_us + crowd->trip_us[edge];
    if (crowd->trip_us[edge] > crowd->worst_trip_us)
        crowd->worst_trip_us = crowd->trip_us[edge];
    crowd->offered += entries;
    crowd->passed += passed;
    crowd->busy += entries - passed;
}

/*  Lets the edges send batches of `entries`, each as soon as its last one is answered but not before `pause_us`. */
static void
s_crowd_run (crowd_t *crowd, rig_t *rig, uint64_t seconds, size_t entries, uint64_t pause_us,
             uint64_t per_s)
{
    uint64_t end_us = rig->now_us + seconds * US_PER_S;
    crowd->offered = crowd->passed = crowd->busy = crowd->worst_trip_us = 0;
    for (;;) {
        size_t edge = 0;
        for (size_t i = 1; i < 40; i++)
            if (crowd->next_us[i] < crowd->next_us[edge])
                edge = i;
        if (crowd->next_us[edge] >= end_us)
            break;
        rig->now_us = crowd->next_us[edge] > rig->now_us ? crowd->next_us[edge] : rig->now_us;
        s_crowd_batch (crowd, rig, edge, entries, per_s);
        if (crowd->next_us[edge] < rig->now_us + pause_us)
            crowd->next_us[edge] = rig->now_us + pause_us;
    }
    rig->now_us = end_us;
}

/*  Property: under ten times what the server can do, it stays busy, trips settle near the target instead of growing, and the rest is
    told at once; in the calm afterwards nothing is refused. */
static void
test_overload_and_calm (void **state)
{
    (void)state;
    limits_t limits = { .version = 1 };
    static crowd_t crowd;
    const uint64_t per_s = 5000;
    rig_t *rig = s_limiter (&limits, 1);
    rig->is_quick = true;
    /* 40 × 256 at most every 0.15 s; those that are told busy come again */
    s_crowd_run (&crowd, rig, 5, 256, 150000, per_s);
    s_crowd_run (&crowd, rig, 20, 256, 150000, per_s);
    printf ("# overload: offered %" PRIu64 " passed %" PRIu64 " busy %" PRIu64
            " worst trip %" PRIu64 " ms\n",
            crowd.offered, crowd.passed, crowd.busy, crowd.worst_trip_us / 1000);
    assert_true (crowd.offered > 8 * per_s * 20);
    assert_in_range (crowd.passed, per_s * 20 * 9 / 10, per_s * 20 * 11 / 10);
    assert_true (crowd.worst_trip_us < 2 * s_params.limiter_target_ms * 1000);
    s_crowd_run (&crowd, rig, 1, 4, 200000, per_s);
    s_crowd_run (&crowd, rig, 10, 15, 200000, per_s);
    printf ("# calm: passed %" PRIu64 " busy %" PRIu64 " worst trip %" PRIu64 " ms\n", crowd.passed,
            crowd.busy, crowd.worst_trip_us / 1000);
    assert_int_equal (crowd.busy, 0);
    assert_true (crowd.passed > 29000 && crowd.worst_trip_us < 250000);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- the whole */

/*  Property: the same events give the same effects and the same digest, and different ones another digest; every entry of a batch
    leaves exactly once. */
static void
test_replay (void **state)
{
    (void)state;
    limits_t limits = { .version = 1,
                        .user_count = 20,
                        .user_window_ms = 500,
                        .sale_rate_per_s = 20000,
                        .sale_burst = 1000,
                        .global_rate_per_s = 50000,
                        .global_burst = 2000 };
    params_t params = s_params;
    params.users_max = 1024;
    uint64_t digests[2], texts[2] = { 0 };
    for (size_t run = 0; run < 2; run++) {
        dice_t dice = dice_seeded (33);
        rig_t *rig = rig_new (&limiter_class, &params);
        rig_message (rig, KIND_INVENTORY, 1, MSG_LIMITS, NULL, &limits, 1);
        for (size_t i = 0; i < 3000; i++) {
            size_t count = 1 + dice_roll (&dice, 60);
            rig->now_us += dice_roll (&dice, 3000);
            if (dice_roll (&dice, 20) == 0)
                rig_peer (rig, dice_roll (&dice, 3) ? EVENT_PEER_UP : EVENT_PEER_DOWN,
                          KIND_LIMITER + dice_roll (&dice, 2), 1 + dice_roll (&dice, 3),
                          STATE_READY);
            s_fill (dice_roll (&dice, 500), 1 + dice_roll (&dice, 3), count);
            s_batch[0].attempt = 1 + dice_roll (&dice, 2);
            const char *text =
                s_send (rig, 1 + dice_roll (&dice, 5), dice_roll (&dice, 400000), count);
            texts[run] = texts[run] * 31 + strlen (text);
            const effect_t *forwarded = rig_sent (rig, MSG_PURCHASE, 0),
                           *refused = rig_sent (rig, MSG_VERDICT, 0);
            assert_int_equal ((forwarded ? forwarded->count : 0) + (refused ? refused->count : 0),
                              count);
        }
        digests[run] = limiter_class.digest (rig->core);
        s_try (rig, 1, 1, 2, NULL);
        assert_int_not_equal (limiter_class.digest (rig->core), digests[run]);
        rig_destroy (&rig);
    }
    assert_int_equal (digests[0], digests[1]);
    assert_int_equal (texts[0], texts[1]);
    printf ("# %lu steps without an allocation\n", allocation_trap_steps);
    assert_true (allocation_trap_steps > 6000);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_readiness),
        cmocka_unit_test (test_mixed_batch),
        cmocka_unit_test (test_limits_versions),
        cmocka_unit_test (test_invalid_messages),
        cmocka_unit_test (test_precedence),
        cmocka_unit_test (test_retry_after),
        cmocka_unit_test (test_resend_is_free),
        cmocka_unit_test (test_draining_is_charged_once),
        cmocka_unit_test (test_window_against_log),
        cmocka_unit_test (test_users_reclaimed),
        cmocka_unit_test (test_extreme_limits),
        cmocka_unit_test (test_shares),
        cmocka_unit_test (test_changed_rates),
        cmocka_unit_test (test_many_sales),
        cmocka_unit_test (test_turns),
        cmocka_unit_test (test_stop),
        cmocka_unit_test (test_aimd),
        cmocka_unit_test (test_in_flight),
        cmocka_unit_test (test_overload_and_calm),
        cmocka_unit_test (test_replay),
    };
    params_set_defaults (&s_params);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
