/*  The load program's own parts: a client that misreads answers would prove nothing. */

#include "answer.h"
#include "latency.h"
#include "plan.h"
#include "tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
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
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
