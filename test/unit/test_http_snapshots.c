/*  What HTTP threads share: catalogue, deny-list, addresses, metrics, and the slots in which they wait. */

#include "catalogue.h"
#include "denials.h"
#include "ip_limit.h"
#include "metrics_page.h"
#include "slots.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static sale_t
s_sale (uint64_t sale_id, uint64_t version)
{
    sale_t sale = { .sale_id = sale_id,
                    .version = version,
                    .state = SALE_OPEN,
                    .starts_at_ms = 1000,
                    .ends_at_ms = 2000,
                    .stock_left = 5 };
    snprintf (sale.title, sizeof sale.title, "Sale %llu", (unsigned long long)sale_id);
    return sale;
}

static void
test_phase_follows_want_time_and_stock (void **state)
{
    /* ended > paused > scheduled > sold_out > live; a sale opens and closes by itself at its times. */
    (void)state;
    sale_t sale = s_sale (1, 1);
    assert_int_equal (sale_phase (&sale, 999), PHASE_SCHEDULED);
    assert_int_equal (sale_phase (&sale, 1000), PHASE_LIVE);
    assert_int_equal (sale_phase (&sale, 1999), PHASE_LIVE);
    assert_int_equal (sale_phase (&sale, 2000), PHASE_ENDED);
    sale.stock_left = 0;
    assert_int_equal (sale_phase (&sale, 1500), PHASE_SOLD_OUT);
    assert_int_equal (sale_phase (&sale, 500), PHASE_SCHEDULED);
    sale.state = SALE_PAUSED;
    assert_int_equal (sale_phase (&sale, 1500), PHASE_PAUSED);
    assert_int_equal (sale_phase (&sale, 2000), PHASE_ENDED);
    sale.state = SALE_ENDED;
    assert_int_equal (sale_phase (&sale, 1500), PHASE_ENDED);
    sale.state = SALE_DRAFT;
    assert_int_equal (sale_phase (&sale, 1500), PHASE_DRAFT);
}

/*  Room for what s_note writes. */
#define NOTES_BYTES 256u

static void
s_note (void *context, const sale_t *sale)
{
    char *text = context;
    size_t used = strlen (text);
    snprintf (text + used, NOTES_BYTES - used, "%llu ", (unsigned long long)sale->sale_id);
}

static void
test_catalogue_keeps_the_newest_and_pages (void **state)
{
    /* An older snapshot or stock of an older epoch changes nothing; pages go from new to old without gap or overlap. */
    (void)state;
    catalogue_t *self = catalogue_new ();
    sale_t sale = s_sale (3, 2), found;
    catalogue_put (self, &sale, 1);
    sale = s_sale (3, 1);
    sale.price_cents = 77;
    catalogue_put (self, &sale, 1);
    assert_true (catalogue_get (self, 3, &found));
    assert_int_equal (found.price_cents, 0);
    for (uint64_t id = 1; id <= 9; id++) {
        sale = s_sale (id * 7 % 10, 3);
        sale.epoch = 2;
        catalogue_put (self, &sale, 1);
    }
    stock_t stocks[] = { { .sale_id = 3, .epoch = 1, .stock_left = 1 },
                         { .sale_id = 4, .epoch = 2, .stock_left = 0 },
                         { .sale_id = 99 } };
    catalogue_put_stock (self, stocks, 3);
    char text[NOTES_BYTES] = "";
    sale_filter_t filter = { .words = "", .limit = 4, .gate_ms = 1500 };
    filter.after = catalogue_visit (self, &filter, s_note, text);
    assert_string_equal (text, "9 8 7 6 ");
    assert_int_equal (filter.after, 6);
    filter.after = catalogue_visit (self, &filter, s_note, text);
    filter.after = catalogue_visit (self, &filter, s_note, text);
    assert_string_equal (text, "9 8 7 6 5 4 3 2 1 ");
    assert_int_equal (filter.after, 0);
    text[0] = 0;
    filter =
        (sale_filter_t){ .words = "SALE 4", .limit = 4, .gate_ms = 1500, .phase = PHASE_SOLD_OUT };
    assert_int_equal (catalogue_visit (self, &filter, s_note, text), 0);
    assert_string_equal (text, "4 ");
    text[0] = 0;
    filter.phase = PHASE_LIVE;
    catalogue_visit (self, &filter, s_note, text);
    assert_string_equal (text, "");
    catalogue_destroy (&self);
}

static void
test_catalogue_is_bounded (void **state)
{
    /* With SALES_MAX sales, a new one takes the place of the oldest that is over; if none is, it is not taken. */
    (void)state;
    catalogue_t *self = catalogue_new ();
    sale_t sale, found;
    for (uint64_t id = 1; id <= SALES_MAX; id++) {
        sale = s_sale (id, 1);
        sale.state = id == 5 ? SALE_ENDED : SALE_OPEN;
        catalogue_put (self, &sale, 1);
    }
    sale = s_sale (5000, 1);
    catalogue_put (self, &sale, 1);
    assert_true (catalogue_get (self, 5000, &found));
    assert_false (catalogue_get (self, 5, &found));
    sale = s_sale (5001, 1);
    catalogue_put (self, &sale, 1);
    assert_false (catalogue_get (self, 5001, &found));
    catalogue_destroy (&self);
}

static void
test_denials_deny_tokens_and_users (void **state)
{
    /* A token id denies that token; a user's not-before denies what was issued earlier; both are forgotten when of no use. */
    (void)state;
    denials_t *self = denials_new ();
    token_t token = { .user_id = 7, .token_id = { 1 }, .issued_s = 100 };
    denial_t denials[] = { { .token_id = { 2 }, .user_id = 7, .until_ms = 5000 },
                           { .user_id = 8, .not_before_ms = 101000, .until_ms = 9000 } };
    assert_false (denials_has (self, &token));
    assert_true (denials_put (self, denials, 2, 1000));
    assert_false (denials_has (self, &token));
    token.token_id[0] = 2;
    assert_true (denials_has (self, &token));
    token.token_id[0] = 3;
    token.user_id = 8;
    assert_true (denials_has (self, &token));
    token.issued_s = 101;
    assert_false (denials_has (self, &token));
    assert_true (denials_put (self, NULL, 0, 6000));
    token.token_id[0] = 2;
    assert_false (denials_has (self, &token));
    denials_destroy (&self);
}

static void
test_addresses_have_buckets (void **state)
{
    /* Burst, then rate, per address; an IPv6 client is its /64; spared networks and rate 0 are unlimited. */
    (void)state;
    char reason[200] = "";
    ip_limit_t *self = ip_limit_new ("127.0.0.0/8,::1/128, 10.1.2.128/25", reason, sizeof reason);
    assert_non_null (self);
    assert_int_equal (ip_limit_take (self, "192.0.2.1", 0), 0);
    ip_limit_set (self, 10, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal (ip_limit_take (self, "192.0.2.1", 1000000), 0);
    assert_int_equal (ip_limit_take (self, "192.0.2.1", 1000000), 100);
    assert_int_equal (ip_limit_take (self, "192.0.2.1", 1050000), 50);
    assert_int_equal (ip_limit_take (self, "192.0.2.2", 1050000), 0);
    assert_int_equal (ip_limit_take (self, "192.0.2.1", 1100000), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal (
            ip_limit_take (self, i == 1 ? "2001:db8::1" : "2001:db8::ffff:2", 1000000), 0);
    assert_int_not_equal (ip_limit_take (self, "2001:db8::3", 1000000), 0);
    assert_int_equal (ip_limit_take (self, "2001:db8:0:1::3", 1000000), 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal (ip_limit_take (self, "127.3.4.5", 1000000), 0);
        assert_int_equal (ip_limit_take (self, "::1", 1000000), 0);
        assert_int_equal (ip_limit_take (self, "10.1.2.200", 1000000), 0);
    }
    for (int i = 0; i < 3; i++)
        ip_limit_take (self, "10.1.2.1", 1000000);
    assert_int_not_equal (ip_limit_take (self, "10.1.2.1", 1000000), 0);
    ip_limit_destroy (&self);
    assert_null (ip_limit_new ("10.0.0.0/33", reason, sizeof reason));
    assert_non_null (strstr (reason, "10.0.0.0/33"));
    assert_null (ip_limit_new ("banana", reason, sizeof reason));
    self = ip_limit_new ("", reason, sizeof reason);
    ip_limit_set (self, 1, 1);
    ip_limit_take (self, "127.0.0.1", 0);
    assert_int_not_equal (ip_limit_take (self, "127.0.0.1", 0), 0);
    ip_limit_destroy (&self);
}

static void
test_metrics_page (void **state)
{
    /* Every live process with its labels; histograms cumulative and in seconds; a gauge no longer told is 0; the silent vanish. */
    (void)state;
    metrics_page_t *self = metrics_page_new (3000000);
    text_t text;
    sample_t samples[] = { { METRIC_PURCHASES, ERROR_SOLD_OUT, 12 },
                           { METRIC_PURCHASE_US, 10, 2 },
                           { METRIC_PURCHASE_US, 11, 1 },
                           { METRIC_PURCHASE_US, METRIC_BUCKET_SUM, 3000 },
                           { METRIC_PURCHASE_US, METRIC_BUCKET_COUNT, 3 },
                           { METRIC_IN_FLIGHT, 0, 4 },
                           { METRIC_COUNT, 0, 1 },
                           { 1, METRIC_LABELS_MAX, 1 } };
    text_open (&text, 1 << 22);
    metrics_page_put (self, KIND_EDGE, 2, 9, samples, 8, 1000000);
    metrics_page_put (self, KIND_SECKILL, 1, 8, samples, 1, 1000000);
    metrics_page_write (self, 1500000, &text);
    text_add (&text, "", 1);
    assert_non_null (strstr (
        text.bytes,
        "minishop_purchases_total{process=\"edge\",instance=\"edge/2\",code=\"sold_out\"} 12\n"));
    assert_non_null (strstr (text.bytes, "minishop_purchases_total{process=\"seckill\",instance="
                                         "\"seckill/1\",code=\"sold_out\"} 12\n"));
    assert_non_null (strstr (text.bytes, "minishop_purchase_seconds_bucket{process=\"edge\","
                                         "instance=\"edge/2\",le=\"0.001024\"} 2\n"));
    assert_non_null (strstr (text.bytes, "minishop_purchase_seconds_bucket{process=\"edge\","
                                         "instance=\"edge/2\",le=\"0.002048\"} 3\n"));
    assert_non_null (strstr (
        text.bytes, "minishop_purchase_seconds_sum{process=\"edge\",instance=\"edge/2\"} 0.003\n"));
    assert_non_null (
        strstr (text.bytes, "minishop_in_flight{process=\"edge\",instance=\"edge/2\"} 4\n"));
    assert_non_null (strstr (text.bytes, "# TYPE minishop_purchase_seconds histogram\n"));
    metrics_page_put (self, KIND_EDGE, 2, 9, samples, 1, 5000000);
    text_clear (&text);
    metrics_page_write (self, 5000000, &text);
    text_add (&text, "", 1);
    assert_non_null (
        strstr (text.bytes, "minishop_in_flight{process=\"edge\",instance=\"edge/2\"} 0\n"));
    assert_non_null (strstr (text.bytes, "minishop_purchase_seconds_sum"));
    assert_null (strstr (text.bytes, "seckill/1"));
    metrics_page_put (self, KIND_EDGE, 2, 10, samples, 1, 5000000);
    text_clear (&text);
    metrics_page_write (self, 5000000, &text);
    text_add (&text, "", 1);
    assert_null (strstr (text.bytes, "minishop_purchase_seconds_sum"));
    text_close (&text);
    metrics_page_destroy (&self);
}

/* -------------------------------------------------------------------------- slots */

#define WORKERS 16
#define QUESTIONS 3000

static slots_t *s_slots;
static _Atomic int s_working;
static _Atomic uint64_t s_wrong;

static void *
s_work (void *context)
{
    (void)context;
    slot_t *slot = slots_claim (s_slots);
    header_t extras = { 0 };
    for (uint64_t i = 0; i < QUESTIONS; i++) {
        query_t query = { .sale_id = i, .user_id = (uint64_t)(uintptr_t)slot };
        answer_t answer;
        if (!slot_ask (slot, MSG_SALE_GET, &extras, &query, &answer) || answer.type != MSG_ORDERS ||
            answer.count != i % 20 ||
            (answer.count && ((const order_t *)answer.entries)[answer.count - 1].place != i))
            atomic_fetch_add (&s_wrong, 1);
    }
    atomic_fetch_sub (&s_working, 1);
    return NULL;
}

/*  Answers most questions at once and the rest later, as a core does; the answer's size and last entry tell the question. */
static void
s_inject (void *context, uint64_t number, message_type_t type, const header_t *extras,
          const void *entry)
{
    static order_t orders[20];
    const query_t *query = entry;
    size_t *asked = context;
    (*asked)++;
    assert_int_equal (type, MSG_SALE_GET);
    header_t header = { .type = MSG_ORDERS, .to_number = number, .batch_id = extras->batch_id };
    orders[query->sale_id % 20 ? query->sale_id % 20 - 1 : 0].place = query->sale_id;
    header_t stale = header;
    stale.batch_id--;
    slots_deliver (s_slots, &stale, orders, 1);
    slots_deliver (s_slots, &header, orders, query->sale_id % 20);
    slots_deliver (s_slots, &header, orders, 1);
}

static void
test_slots_carry_every_answer_to_its_worker (void **state)
{
    /* Of tens of thousands of questions from many threads each gets its own answer, short or long; stale ones touch nothing. */
    (void)state;
    pthread_t threads[WORKERS];
    size_t asked = 0;
    s_slots = slots_new (WORKERS, 10000000);
    s_working = WORKERS;
    for (int i = 0; i < WORKERS; i++)
        pthread_create (&threads[i], NULL, s_work, NULL);
    while (atomic_load (&s_working)) {
        struct pollfd ready = { .fd = slots_fd (s_slots), .events = POLLIN };
        poll (&ready, 1, 20);
        slots_take (s_slots, s_inject, &asked);
    }
    for (int i = 0; i < WORKERS; i++)
        pthread_join (threads[i], NULL);
    assert_int_equal (s_wrong, 0);
    assert_int_equal (asked, WORKERS * QUESTIONS);
    assert_null (slots_claim (s_slots));
    slots_destroy (&s_slots);
}

static void
s_ignore (void *context, uint64_t number, message_type_t type, const header_t *extras,
          const void *entry)
{
    (void)number, (void)type, (void)extras, (void)entry;
    ++*(int *)context;
}

static void
test_a_worker_is_never_held_for_ever (void **state)
{
    /* A question that is not even taken ends after the patience, refuses the next until it is out of the list, then works again. */
    (void)state;
    slots_t *slots = slots_new (1, 20000);
    slot_t *slot = slots_claim (slots);
    header_t extras = { 0 };
    query_t query = { 0 };
    answer_t answer;
    int taken = 0;
    assert_false (slot_ask (slot, MSG_SALE_GET, &extras, &query, &answer));
    assert_false (slot_ask (slot, MSG_SALE_GET, &extras, &query, &answer));
    slots_take (slots, s_ignore, &taken);
    assert_int_equal (taken, 0);
    assert_false (slot_ask (slot, MSG_SALE_GET, &extras, &query, &answer));
    slots_close (slots);
    assert_false (slot_ask (slot, MSG_SALE_GET, &extras, &query, &answer));
    assert_false (slot_ask (NULL, MSG_SALE_GET, &extras, &query, &answer));
    slots_destroy (&slots);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_phase_follows_want_time_and_stock),
        cmocka_unit_test (test_catalogue_keeps_the_newest_and_pages),
        cmocka_unit_test (test_catalogue_is_bounded),
        cmocka_unit_test (test_denials_deny_tokens_and_users),
        cmocka_unit_test (test_addresses_have_buckets),
        cmocka_unit_test (test_metrics_page),
        cmocka_unit_test (test_slots_carry_every_answer_to_its_worker),
        cmocka_unit_test (test_a_worker_is_never_held_for_ever),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
