/*  The load program's own parts: a client that misreads answers would prove nothing. */

#include "acts.h"
#include "answer.h"
#include "latency.h"
#include "plan.h"
#include "requests.h"
#include "tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char s_reserved[] =
    "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 67\r\n\r\n"
    "{\"order_id\":\"00000000-0001-8000-8000-0000000000ff\", \"sequence\": 17}";

/* An answer is read the same, however its bytes are cut. */
static void
test_answer_cut_anywhere (void **state)
{
    (void)state;
    char value[64];
    size_t count = sizeof s_reserved - 1;
    for (size_t first = 0; first < count; first++) {
        answer_t answer;
        answer_reset (&answer);
        assert_true (answer_feed (&answer, s_reserved, first) < ANSWER_DONE);
        assert_int_equal (answer_feed (&answer, s_reserved + first, count - first), ANSWER_DONE);
        assert_int_equal (answer.status, 201);
        assert_false (answer.is_last);
        answer_member (&answer, "order_id", value, sizeof value);
        assert_string_equal (value, "00000000-0001-8000-8000-0000000000ff");
        answer_member (&answer, "sequence", value, sizeof value);
        assert_string_equal (value, "17");
        answer_member (&answer, "code", value, sizeof value);
        assert_string_equal (value, "");
    }
}

static answer_state_t
s_state_of (const char *text, answer_t *answer)
{
    answer_reset (answer);
    return answer_feed (answer, text, strlen (text));
}

/*  Anything that is not one whole answer with a length is refused, and bytes behind an answer are noticed. */
static void
test_answer_refuses (void **state)
{
    (void)state;
    answer_t answer;
    assert_int_equal (s_state_of ("HTTP/1.1 200 OK\r\n\r\n", &answer), ANSWER_BAD);
    assert_int_equal (s_state_of ("ICY 200 OK\r\nContent-Length: 0\r\n\r\n", &answer), ANSWER_BAD);
    assert_int_equal (s_state_of ("HTTP/1.1 200 OK\r\nContent-Length: 5abc\r\n\r\n", &answer),
                      ANSWER_BAD);
    assert_int_equal (s_state_of ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nX", &answer),
                      ANSWER_BAD);
    assert_int_equal (s_state_of ("HTTP/1.1 204 No Content\r\n\r\n", &answer), ANSWER_DONE);
    assert_int_equal (
        s_state_of ("HTTP/1.1 503 Busy\r\nConnection: close\r\ncontent-length:  2\r\n\r\n{}",
                    &answer),
        ANSWER_DONE);
    assert_true (answer.is_last);
}

/* A body longer than what is kept is counted to its end. */
static void
test_answer_long_body (void **state)
{
    (void)state;
    static char body[100000];
    answer_t answer;
    memset (body, 'x', sizeof body);
    assert_int_equal (s_state_of ("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n", &answer),
                      ANSWER_BODY);
    assert_int_equal (answer_feed (&answer, body, sizeof body), ANSWER_BODY);
    assert_int_equal (answer_feed (&answer, body, sizeof body), ANSWER_DONE);
}

/* A quantile is at most 1.6 % above the true one. */
static void
test_latency_width (void **state)
{
    (void)state;
    latency_t *latency = calloc (1, sizeof *latency);
    for (uint64_t us = 1; us <= 100000; us++)
        latency_add (latency, us);
    assert_in_range (latency_at (latency, 500), 50000, 50800);
    assert_in_range (latency_at (latency, 990), 99000, 100000);
    assert_int_equal (latency_at (latency, 1000), 100000);
    free (latency);
}

/* Every shopper attempts under key 0; a plan of the same seed is the same plan. */
static void
test_plan (void **state)
{
    (void)state;
    enum { USERS = 1000 };
    unsigned firsts = 0, seconds = 0, repeated = 0;
    unsigned seen[USERS] = { 0 };
    plan_t *plan = plan_new (USERS, 300, 50, 7);
    plan_t *again = plan_new (USERS, 300, 50, 7);
    assert_int_equal (plan_count (plan), plan_count (again));
    for (size_t i = 0; i < plan_count (plan); i++) {
        attempt_t attempt = plan_attempt (plan, i);
        assert_int_equal (attempt.user, plan_attempt (again, i).user);
        assert_int_equal (attempt.key, plan_attempt (again, i).key);
        if (attempt.key == 0)
            firsts += seen[attempt.user]++ == 0;
        else
            seconds++;
    }
    for (unsigned user = 0; user < USERS; user++)
        repeated += seen[user] > 1;
    assert_int_equal (firsts, USERS);
    assert_in_range (repeated, 230, 370);
    assert_in_range (seconds, 20, 90);
    plan_destroy (&plan);
    plan_destroy (&again);
    assert_null (plan);
}

/*  Planted: a second order of one shopper and one order of two shoppers are both reported, also across
    threads. */
static void
test_tally_finds_doubles (void **state)
{
    (void)state;
    char *text = NULL;
    size_t count = 0;
    tally_t *left = tally_new (10);
    tally_t *right = tally_new (10);
    tally_order (left, 1, "00000000-0001-8000-8000-000000000001");
    tally_order (left, 1, "00000000-0001-8000-8000-000000000001");
    tally_order (left, 2, "00000000-0001-8000-8000-000000000002");
    tally_order (right, 1, "00000000-0001-8000-8000-000000000003");
    tally_order (right, 4, "00000000-0001-8000-8000-000000000002");
    tally_order (right, 5, "none");
    tally_merge (left, right);
    FILE *out = open_memstream (&text, &count);
    tally_print (left, 1.0, out);
    fclose (out);
    assert_non_null (strstr (text, "\"orders\": 3,"));
    assert_non_null (strstr (text, "\"second_orders\": 1,"));
    assert_non_null (strstr (text, "\"shared_ids\": 1,"));
    assert_non_null (strstr (text, "\"malformed_ids\": 1,"));
    free (text);
    tally_destroy (&left);
    tally_destroy (&right);
}

/*  The words of what follows from one answer, in the order in which it is due up to `now_us`. */
static void
s_take_all (acts_t *acts, uint64_t now_us, char *text, size_t text_size)
{
    act_t act;
    text[0] = 0;
    while (acts_take (acts, now_us, &act)) {
        size_t count = strlen (text);
        snprintf (text + count, text_size - count, "%s %u-%u%s%s; ", act_word (act.kind),
                  act.attempt.user, act.attempt.key, act.kind == ACT_PAY ? " " : "",
                  act.kind == ACT_PAY ? act_outcome_word (act.outcome) : "");
    }
}

/*  Each answer leads to what the table in acts.h says and to nothing else; what waits comes when it is due. */
static void
test_acts_follow (void **state)
{
    (void)state;
    char text[256];
    const habits_t both = { .pay_and_cancel_per_mille = 1000,
                            .twice_per_mille = 1000,
                            .decline_per_mille = 1000,
                            .again_per_mille = 1000,
                            .later_us = 0 };
    const char *order_id = "00000000-0001-8000-8000-000000000001";
    acts_t *acts = acts_new (&both);
    act_t buy = { .kind = ACT_BUY, .attempt = { 7, 1 } };
    acts_follow (acts, &buy, 409, order_id, 10);
    acts_follow (acts, &buy, 0, "", 10);
    assert_int_equal (acts_count (acts), 0);
    acts_follow (acts, &buy, 201, order_id, 10);
    s_take_all (acts, 10, text, sizeof text);
    assert_string_equal (text, "pay 7-1 decline; pay 7-1 decline; cancel 7-1; ");
    act_t pay = { .kind = ACT_PAY, .attempt = { 7, 1 }, .outcome = ACT_DECLINE };
    acts_follow (acts, &pay, 409, "", 10);
    assert_int_equal (acts_count (acts), 0);
    acts_follow (acts, &pay, 201, "", 10);
    act_t cancel = { .kind = ACT_CANCEL, .attempt = { 7, 1 } };
    acts_follow (acts, &cancel, 200, "", 10);
    s_take_all (acts, 10, text, sizeof text);
    assert_string_equal (text, "pay 7-1 succeed; buy 7-5; ");
    /* The second order is the last one. */
    cancel.attempt.key = 5;
    acts_follow (acts, &cancel, 200, "", 10);
    assert_int_equal (acts_count (acts), 0);
    acts_destroy (&acts);
    assert_null (acts);
}

/*  Habits are shares of the orders, the same from the same seed; half of the acts come later, none is lost
    when many wait. */
static void
test_acts_habits (void **state)
{
    (void)state;
    enum { USERS = 20000 };
    const habits_t habits = { .pay_per_mille = 300,
                              .cancel_per_mille = 200,
                              .pay_and_cancel_per_mille = 100,
                              .hang_per_mille = 250,
                              .later_us = 1000,
                              .seed = 5 };
    unsigned kinds[ACT_KINDS] = { 0 }, hanging = 0, at_once = 0;
    acts_t *acts = acts_new (&habits);
    acts_t *again = acts_new (&habits);
    act_t act, same;
    for (uint32_t user = 0; user < USERS; user++) {
        act_t buy = { .kind = ACT_BUY, .attempt = { user, 0 } };
        acts_follow (acts, &buy, 201, "00000000-0001-8000-8000-000000000001", 100);
        acts_follow (again, &buy, 201, "00000000-0001-8000-8000-000000000001", 100);
    }
    for (uint64_t now_us = 100; now_us <= 1100; now_us += 1000)
        while (acts_take (acts, now_us, &act)) {
            assert_true (acts_take (again, now_us, &same));
            assert_true (act.attempt.user == same.attempt.user && act.kind == same.kind);
            assert_true (act.due_us == now_us);
            kinds[act.kind]++;
            hanging += act.kind == ACT_PAY && act.outcome == ACT_HANG;
            at_once += now_us == 100;
        }
    assert_int_equal (acts_count (acts), 0);
    assert_in_range (kinds[ACT_PAY], 7600, 8400);
    assert_in_range (kinds[ACT_CANCEL], 5600, 6400);
    assert_in_range (hanging, 1800, 2200);
    assert_in_range (at_once, 6500, 7500);
    acts_destroy (&acts);
    acts_destroy (&again);
}

/* A payment has a key and a body of its own; a cancel has neither. */
static void
test_requests (void **state)
{
    (void)state;
    char out[REQUEST_BYTES_MAX];
    char *const tokens[] = { "T0", "T1" };
    const crowd_options_t options = { .sale_id = "9",
                                      .key_prefix = "k",
                                      .tokens = tokens,
                                      .users = 2,
                                      .quantity_min = 2,
                                      .quantity_max = 2 };
    act_t act = { .kind = ACT_BUY, .attempt = { 1, 4 }, .order_id = "ID" };
    size_t count = request_print (&options, &act, out);
    assert_int_equal (count, strlen (out));
    assert_string_equal (out, "POST /api/v1/sales/9/purchases HTTP/1.1\r\nHost: localhost\r\n"
                              "Authorization: Bearer T1\r\nIdempotency-Key: k-1-4\r\n"
                              "Content-Type: application/json\r\nContent-Length: 14\r\n\r\n"
                              "{\"quantity\":2}");
    act.kind = ACT_PAY;
    act.number = 1;
    act.outcome = ACT_HANG;
    request_print (&options, &act, out);
    assert_non_null (strstr (out, "POST /api/v1/orders/ID/payments HTTP/1.1\r\n"));
    assert_non_null (strstr (out, "Idempotency-Key: k-1-4-p1\r\n"));
    assert_non_null (strstr (out, "\r\n\r\n{\"method\":\"test\",\"outcome\":\"hang\"}"));
    act.kind = ACT_CANCEL;
    request_print (&options, &act, out);
    assert_non_null (strstr (out, "POST /api/v1/orders/ID/cancel HTTP/1.1\r\n"));
    assert_null (strstr (out, "Idempotency-Key"));
    assert_non_null (strstr (out, "Content-Length: 0\r\n\r\n"));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_answer_cut_anywhere),
        cmocka_unit_test (test_answer_refuses),
        cmocka_unit_test (test_answer_long_body),
        cmocka_unit_test (test_latency_width),
        cmocka_unit_test (test_plan),
        cmocka_unit_test (test_tally_finds_doubles),
        cmocka_unit_test (test_acts_follow),
        cmocka_unit_test (test_acts_habits),
        cmocka_unit_test (test_requests),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
