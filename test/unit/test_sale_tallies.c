/*  What edges count of each sale's purchases, how long answers took, and how the edges add it up. */

#include "dice.h"
#include "gateway.h"
#include "rig.h"
#include "sale_tallies.h"
#include "tally_rounds.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SECOND_US 1000000u
#define MS_US 1000u

/* -------------------------------------------------------------------------- times */

static void
test_every_time_is_in_its_bucket (void **state)
{
    /* Buckets follow each other without gap or overlap; a bucket's top is above the time by an eighth at most, or by 64 µs; what takes
     * longer than the last one is in it. */
    (void)state;
    for (uint32_t i = 0; i < ANSWER_TIMES_BUCKETS; i++) {
        uint64_t top_us = answer_times_top_us (i);
        uint64_t first_us = i ? answer_times_top_us (i - 1) + 1 : 0;
        assert_int_equal (answer_times_bucket (first_us), i);
        assert_int_equal (answer_times_bucket (top_us), i);
        assert_true (top_us - first_us < 64 || (top_us - first_us) * 8 <= top_us);
    }
    uint64_t longest_us = answer_times_top_us (ANSWER_TIMES_BUCKETS - 1);
    assert_in_range (longest_us, 30 * SECOND_US, 40 * SECOND_US);
    assert_int_equal (answer_times_bucket (longest_us + 1), ANSWER_TIMES_BUCKETS - 1);
    assert_int_equal (answer_times_bucket (UINT64_MAX), ANSWER_TIMES_BUCKETS - 1);
}

static int
s_compare (const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void
test_percentiles_are_those_of_the_sorted_times (void **state)
{
    /* For random sets of times of any size each percentile is the top of the bucket in which the sorted list has it; of none it is 0. */
    (void)state;
    static uint64_t times[2000];
    dice_t dice = dice_seeded (7);
    for (int round = 0; round < 500; round++) {
        uint64_t counts[ANSWER_TIMES_BUCKETS] = { 0 };
        size_t count = dice_roll (&dice, 2000);
        for (size_t i = 0; i < count; i++) {
            times[i] = dice_next (&dice) >> (38 + dice_roll (&dice, 26));
            counts[answer_times_bucket (times[i])]++;
        }
        qsort (times, count, sizeof *times, s_compare);
        for (uint64_t percent = 1; percent <= 100; percent++) {
            uint64_t found_us = answer_times_percentile_us (counts, percent);
            if (count == 0) {
                assert_int_equal (found_us, 0);
                continue;
            }
            uint64_t exact_us = times[(count * percent + 99) / 100 - 1];
            assert_int_equal (found_us, answer_times_top_us (answer_times_bucket (exact_us)));
        }
    }
}

static uint64_t
s_kept (answer_times_t *times, uint64_t now_us)
{
    uint64_t sum = 0;
    answer_times_turn (times, now_us);
    for (uint32_t i = 0; i < ANSWER_TIMES_BUCKETS; i++)
        sum += answer_times_count (times, i);
    return sum;
}

static void
test_times_are_forgotten_after_two_halves (void **state)
{
    /* An answer is counted for one half at least and two at most, whenever it came and however seldom anybody looks. */
    (void)state;
    dice_t dice = dice_seeded (11);
    for (int round = 0; round < 2000; round++) {
        answer_times_t times = { .began_us = dice_roll (&dice, 1000000000) };
        uint64_t now_us = times.began_us;
        for (uint64_t before = dice_roll (&dice, 4); before > 0; before--) {
            now_us += dice_roll (&dice, 3 * ANSWER_TIMES_HALF_US);
            answer_times_turn (&times, now_us);
        }
        answer_times_add (&times, 5, now_us);
        uint64_t later_us = now_us + dice_roll (&dice, ANSWER_TIMES_HALF_US);
        assert_int_equal (s_kept (&times, later_us), 1);
        if (dice_roll (&dice, 2))
            answer_times_add (&times, 5, later_us);
        /* looked at in between or not */
        if (dice_roll (&dice, 2))
            answer_times_turn (&times, now_us + ANSWER_TIMES_HALF_US);
        assert_int_equal (s_kept (&times, later_us + 2 * ANSWER_TIMES_HALF_US), 0);
    }
}

/* -------------------------------------------------------------------------- the table */

static void
test_sales_are_counted_apart (void **state)
{
    /* Random answers in random sales: every count is that of a plain table, and a code that is none is an internal error. */
    (void)state;
    static uint64_t wanted[50][ERROR_NUMBERS];
    sale_tallies_t tallies = { 0 };
    effects_t *effects = effects_new ();
    dice_t dice = dice_seeded (3);
    memset (wanted, 0, sizeof wanted);
    sale_tallies_init (&tallies, 1);
    for (int i = 0; i < 100000; i++) {
        uint64_t sale = dice_roll (&dice, 50), code = dice_roll (&dice, ERROR_NUMBERS + 5);
        sale_tallies_add (&tallies, sale + 1, code, 9, 1000, effects);
        wanted[sale][code < ERROR_NUMBERS ? code : ERROR_INTERNAL_ERROR]++;
    }
    for (uint64_t sale = 0; sale < 50; sale++)
        assert_memory_equal (sale_tallies_find (&tallies, sale + 1, 1000)->answered, wanted[sale],
                             sizeof wanted[sale]);
    assert_null (sale_tallies_find (&tallies, 51, 1000));
    assert_int_equal (effects_count (effects), 0);
    effects_destroy (&effects);
    sale_tallies_close (&tallies);
}

static void
test_the_longest_silent_sale_makes_room (void **state)
{
    /* A full table gives up the sale whose last answer is oldest, and counts that; the newcomer begins at 0. */
    (void)state;
    sale_tallies_t tallies = { 0 };
    effects_t *effects = effects_new ();
    sale_tallies_init (&tallies, 1);
    for (uint64_t sale = 1; sale <= SALE_TALLIES_MAX; sale++)
        sale_tallies_add (&tallies, sale, 0, 9, 1000 + sale, effects);
    sale_tallies_add (&tallies, 1, 0, 9, 9000, effects); /* so sale 2 is the oldest */
    assert_int_equal (effects_count (effects), 0);
    sale_tallies_add (&tallies, 5000, ERROR_SOLD_OUT, 9, 9001, effects);
    assert_int_equal (effects_count (effects), 1);
    assert_int_equal (effects_at (effects, 0)->metric, METRIC_TALLIES_FORGOTTEN);
    assert_null (sale_tallies_find (&tallies, 2, 9001));
    assert_int_equal (sale_tallies_find (&tallies, 1, 9001)->answered[0], 2);
    const sale_tally_t *fresh = sale_tallies_find (&tallies, 5000, 9001);
    assert_int_equal (fresh->answered[0], 0);
    assert_int_equal (fresh->answered[ERROR_SOLD_OUT], 1);
    effects_destroy (&effects);
    sale_tallies_close (&tallies);
}

/* -------------------------------------------------------------------------- rounds */

#define SALE 7u

static rig_t *
s_rig (uint64_t other_edges)
{
    params_t params;
    params_set_defaults (&params);
    params.edge_threads = 64;
    rig_t *rig = rig_new (&gateway_class, &params);
    stock_t stock = { .gate_us = rig->now_us };
    rig_message (rig, KIND_INVENTORY, 1, MSG_STOCK, NULL, &stock, 1);
    rig_peer (rig, EVENT_PEER_UP, KIND_LIMITER, 1, STATE_READY);
    rig_peer (rig, EVENT_PEER_UP, KIND_SECKILL, 1, STATE_READY);
    for (uint64_t number = 2; number < 2 + other_edges; number++)
        rig_peer (rig, EVENT_PEER_UP, KIND_EDGE, number, STATE_READY);
    return rig;
}

/*  A purchase by worker `slot`, sent; its qid. */
static uint64_t
s_send (rig_t *rig, uint64_t slot, uint64_t sale_id)
{
    header_t extras = { .batch_id = 1000 + slot };
    purchase_t purchase = { .sale_id = sale_id, .user_id = slot, .quantity = 1 };
    rig_message (rig, KIND_CLIENT, slot, MSG_PURCHASE, &extras, &purchase, 1);
    rig_event (rig, EVENT_TIMER);
    const effect_t *sent = rig_sent (rig, MSG_PURCHASE, 0);
    return sent ? ((const purchase_t *)sent->entries)->qid : 0;
}

static void
s_buy (rig_t *rig, uint64_t slot, uint64_t sale_id, error_code_t code, uint64_t took_us)
{
    verdict_t verdict = { .qid = s_send (rig, slot, sale_id), .attempt = 1, .code = code };
    assert_true (verdict.qid != 0);
    rig->now_us += took_us;
    verdict.gate_us = rig->now_us;
    rig_message (rig, KIND_SECKILL, 1, MSG_VERDICT, NULL, &verdict, 1);
    assert_non_null (rig_sent (rig, MSG_VERDICT, 0));
}

/*  Worker `slot` asks; the batch_id of what the other edges are asked, 0 if nobody is. */
static uint64_t
s_ask (rig_t *rig, uint64_t slot)
{
    header_t extras = { .batch_id = 1000 + slot };
    query_t query = { .sale_id = SALE };
    rig_message (rig, KIND_CLIENT, slot, MSG_TALLY_GET, &extras, &query, 1);
    const effect_t *sent = rig_sent (rig, MSG_TALLY_GET, 0);
    return sent ? sent->header.batch_id : 0;
}

static void
s_tell (rig_t *rig, uint64_t edge, uint64_t batch_id, const tally_t *tallies, size_t count)
{
    header_t extras = { .batch_id = batch_id };
    rig_message (rig, KIND_EDGE, edge, MSG_TALLY, &extras, tallies, count);
}

/*  What the worker of this slot is told, as text; "" if nothing. */
static const char *
s_told (rig_t *rig, uint64_t slot)
{
    static char text[4096];
    size_t used = 0;
    const effect_t *sent = rig_sent (rig, MSG_TALLY, 0);
    text[0] = 0;
    if (!sent || sent->header.to_kind != KIND_CLIENT)
        return text;
    assert_int_equal (sent->header.to_number, slot);
    assert_int_equal (sent->header.batch_id, 1000 + slot);
    used += (size_t)snprintf (text, sizeof text, "told");
    for (size_t i = 0; i < sent->count; i++) {
        const tally_t *tally = (const tally_t *)sent->entries + i;
        used +=
            (size_t)snprintf (text + used, sizeof text - used, " %" PRIu64 ":%" PRIu64 "=%" PRIu64,
                              tally->what, tally->label, tally->value);
    }
    return text;
}

static void
test_an_edge_alone_answers_at_once (void **state)
{
    /* Counts by code, what waits, and the times, of this sale and no other; without any purchase the answer is empty. */
    (void)state;
    rig_t *rig = s_rig (0);
    assert_int_equal (s_ask (rig, 5), 0);
    assert_string_equal (s_told (rig, 5), "told");
    for (uint64_t i = 0; i < 99; i++)
        s_buy (rig, 1, SALE, i % 3 ? ERROR_SOLD_OUT : ERROR_NONE, 500);
    s_buy (rig, 1, SALE, ERROR_NONE, 40000);
    s_buy (rig, 2, 8, ERROR_NONE, 2 * SECOND_US);
    char wanted[256];
    snprintf (wanted, sizeof wanted, "told 1:0=34 1:33=66 4:0=%" PRIu64 " 5:0=%" PRIu64,
              answer_times_top_us (answer_times_bucket (500)),
              answer_times_top_us (answer_times_bucket (500)));
    s_ask (rig, 5);
    assert_string_equal (s_told (rig, 5), wanted);
    s_buy (rig, 1, SALE, ERROR_NONE, 40000); /* two of 101: now p99 is theirs */
    s_ask (rig, 5);
    snprintf (wanted, sizeof wanted, "5:0=%" PRIu64,
              answer_times_top_us (answer_times_bucket (40000)));
    assert_non_null (strstr (s_told (rig, 5), wanted));
    s_send (rig, 3, SALE); /* out */
    s_send (rig, 4, 8);
    s_send (rig, 6, SALE); /* in the queue behind it */
    s_ask (rig, 5);
    assert_non_null (strstr (s_told (rig, 5), "told 1:0=35 1:33=66 3:0=2 4:0="));
    rig->now_us += 2 * ANSWER_TIMES_HALF_US; /* the times are old, the counts stay */
    s_ask (rig, 5);
    assert_string_equal (s_told (rig, 5), "told 1:0=35 1:33=66 3:0=2");
    rig_event (rig, EVENT_TIMER); /* and what waited is answered */
    s_ask (rig, 5);
    assert_non_null (strstr (s_told (rig, 5), "told 1:0=35 1:33=66 1:50=2 4:0="));
    rig->now_us += 2 * ANSWER_TIMES_HALF_US;
    s_ask (rig, 5);
    assert_string_equal (s_told (rig, 5), "told 1:0=35 1:33=66 1:50=2");
    rig_destroy (&rig);
}

static void
test_edges_are_added_up (void **state)
{
    /* Every other edge in view is asked; the worker hears the sum when the last has answered. Nobody counts twice, strangers and entries of
     * unknown kinds not at all. */
    (void)state;
    rig_t *rig = s_rig (2);
    s_buy (rig, 1, SALE, ERROR_NONE, 500);
    uint64_t batch_id = s_ask (rig, 5);
    const effect_t *second = rig_sent (rig, MSG_TALLY_GET, 1);
    assert_int_equal (rig_sent (rig, MSG_TALLY_GET, 0)->header.to_number, 2);
    assert_int_equal (second->header.to_number, 3);
    assert_int_equal (second->header.batch_id, batch_id);
    assert_int_equal (((const query_t *)second->entries)->sale_id, SALE);
    assert_string_equal (s_told (rig, 5), "");
    tally_t tallies[] = {
        { TALLY_ANSWERED, 0, 10 },   { TALLY_ANSWERED, ERROR_SOLD_OUT, 5 },
        { TALLY_WAITING, 0, 3 },     { TALLY_TOOK, answer_times_bucket (9000), 98 },
        { TALLY_ANSWERED, 900, 1 },  { TALLY_TOOK, 900, 1 },
        { TALLY_P50_US, 0, 777777 }, { 99, 0, 1 }
    };
    s_tell (rig, 2, batch_id, tallies, 8);
    assert_string_equal (s_told (rig, 5), "");
    s_tell (rig, 2, batch_id, tallies, 8);     /* again */
    s_tell (rig, 4, batch_id, tallies, 8);     /* nobody asked it */
    s_tell (rig, 3, batch_id + 1, tallies, 8); /* of another round */
    s_tell (rig, 3, 0, tallies, 8);
    assert_string_equal (s_told (rig, 5), "");
    tally_t more[] = { { TALLY_ANSWERED, 0, 1 }, { TALLY_TOOK, answer_times_bucket (90000), 2 } };
    s_tell (rig, 3, batch_id, more, 2);
    char wanted[256];
    snprintf (wanted, sizeof wanted, "told 1:0=12 1:33=5 3:0=3 4:0=%" PRIu64 " 5:0=%" PRIu64,
              answer_times_top_us (answer_times_bucket (9000)),
              answer_times_top_us (answer_times_bucket (90000)));
    assert_string_equal (s_told (rig, 5), wanted);
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

static void
test_an_edge_tells_what_it_counted (void **state)
{
    /* TALLY_GET of another edge: counts, buckets and what waits, in one message; nothing known is an empty one. What came back fits what an
     * asking edge adds up. */
    (void)state;
    rig_t *rig = s_rig (1);
    header_t extras = { .batch_id = 44 };
    query_t query = { .sale_id = SALE };
    assert_string_equal (rig_message (rig, KIND_EDGE, 2, MSG_TALLY_GET, &extras, &query, 1),
                         "send edge/2 TALLY batch=44 []\n");
    s_buy (rig, 1, SALE, ERROR_NONE, 500);
    s_buy (rig, 1, SALE, ERROR_NONE, 500);
    s_send (rig, 2, SALE);
    assert_string_equal (rig_message (rig, KIND_EDGE, 2, MSG_TALLY_GET, &extras, &query, 1),
                         "send edge/2 TALLY batch=44 [{\"what\":1,\"value\":2},"
                         "{\"what\":2,\"label\":7,\"value\":2},{\"what\":3,\"value\":1}]\n");
    assert_string_equal (rig_message (rig, KIND_LIMITER, 1, MSG_TALLY_GET, &extras, &query, 1), "");
    assert_string_equal (rig_message (rig, KIND_EDGE, 2, MSG_TALLY_GET, &extras, &query, 0), "");
    rig_destroy (&rig);
}

static void
test_a_silent_edge_is_left_out (void **state)
{
    /* After a quarter of a second the answer is what has come until then, and that is counted; what comes later is dropped. */
    (void)state;
    rig_t *rig = s_rig (2);
    uint64_t batch_id = s_ask (rig, 5);
    tally_t tally = { TALLY_ANSWERED, 0, 4 };
    s_tell (rig, 3, batch_id, &tally, 1);
    rig->now_us += 250 * MS_US - 1;
    rig_event (rig, EVENT_TIMER);
    assert_string_equal (s_told (rig, 5), "");
    assert_true (gateway_class.wake_us (rig->core) == rig->now_us + 1);
    rig->now_us++;
    rig_event (rig, EVENT_TIMER);
    assert_string_equal (s_told (rig, 5), "told 1:0=4");
    assert_int_equal (rig_added (rig, METRIC_TALLIES_SHORT, 0), 1);
    s_tell (rig, 2, batch_id, &tally, 1);
    assert_string_equal (rig_text (rig, true), "");
    rig_destroy (&rig);
}

static void
test_an_edge_that_goes_is_not_awaited (void **state)
{
    /* Whoever was asked and has gone is left out at once; its successor was not asked, and its answer is not this one's. */
    (void)state;
    rig_t *rig = s_rig (2);
    uint64_t batch_id = s_ask (rig, 5);
    tally_t tally = { TALLY_ANSWERED, 0, 4 };
    rig_peer (rig, EVENT_PEER_DOWN, KIND_LIMITER, 2, STATE_READY);
    rig_peer (rig, EVENT_PEER_DOWN, KIND_EDGE, 2, STATE_READY);
    assert_string_equal (s_told (rig, 5), "");
    s_tell (rig, 3, batch_id, &tally, 1);
    assert_string_equal (s_told (rig, 5), "told 1:0=4");
    s_ask (rig, 5);
    rig_peer (rig, EVENT_PEER_DOWN, KIND_EDGE, 3, STATE_READY);
    assert_string_equal (s_told (rig, 5), "told");
    rig_destroy (&rig);
}

static void
test_rounds_are_bounded (void **state)
{
    /* One more than there are rounds is busy at once; a worker that asks anew ends its former round and takes its place. */
    (void)state;
    rig_t *rig = s_rig (1);
    for (uint64_t slot = 1; slot <= TALLY_ROUNDS_MAX; slot++)
        assert_true (s_ask (rig, slot) != 0);
    assert_int_equal (s_ask (rig, 60), 0);
    assert_non_null (strstr (rig_text (rig, false), "/60 OUTCOME batch=1060 [{\"code\":50}]\n"));
    uint64_t batch_id = s_ask (rig, 1);
    assert_true (batch_id != 0);
    assert_int_equal (rig_status (rig).in_flight, TALLY_ROUNDS_MAX);
    s_tell (rig, 2, batch_id, NULL, 0);
    assert_string_equal (s_told (rig, 1), "told");
    s_send (rig, 2, SALE); /* a purchase ends it as well */
    assert_true (s_ask (rig, 60) != 0 && s_ask (rig, 61) != 0);
    rig->now_us += SECOND_US;
    rig_event (rig, EVENT_TIMER);
    assert_int_equal (rig_added (rig, METRIC_TALLIES_SHORT, 0), TALLY_ROUNDS_MAX);
    assert_int_equal (rig_status (rig).in_flight, 1);
    rig_destroy (&rig);
}

static void
test_a_verdict_is_no_answer_to_a_round (void **state)
{
    /* A verdict under the qid of a round matches nothing. */
    (void)state;
    rig_t *rig = s_rig (1);
    uint64_t batch_id = s_ask (rig, 5);
    verdict_t verdict = { .qid = batch_id, .attempt = 1, .gate_us = 1 };
    rig_message (rig, KIND_SECKILL, 1, MSG_VERDICT, NULL, &verdict, 1);
    assert_int_equal (rig_added (rig, METRIC_VERDICTS_UNMATCHED, 0), 1);
    assert_int_equal (rig_status (rig).in_flight, 1);
    rig_destroy (&rig);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_every_time_is_in_its_bucket),
        cmocka_unit_test (test_percentiles_are_those_of_the_sorted_times),
        cmocka_unit_test (test_times_are_forgotten_after_two_halves),
        cmocka_unit_test (test_sales_are_counted_apart),
        cmocka_unit_test (test_the_longest_silent_sale_makes_room),
        cmocka_unit_test (test_an_edge_alone_answers_at_once),
        cmocka_unit_test (test_edges_are_added_up),
        cmocka_unit_test (test_an_edge_tells_what_it_counted),
        cmocka_unit_test (test_a_silent_edge_is_left_out),
        cmocka_unit_test (test_an_edge_that_goes_is_not_awaited),
        cmocka_unit_test (test_rounds_are_bounded),
        cmocka_unit_test (test_a_verdict_is_no_answer_to_a_round),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
