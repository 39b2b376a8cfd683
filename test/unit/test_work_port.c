/*  The worker threads: every call is told once, in the order of asking with one thread, side by side with several. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "check.h"
#include "work_port.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>

#define CALLS 1000u
#define THREADS 4u

typedef struct bench_t {
    work_port_t *port;
    pthread_barrier_t barrier; /* passed only when THREADS calls run at once */
    uint64_t told[CALLS];      /* tags, in the order of telling */
    size_t told_count;
    bool waits_for_others;
} bench_t;

/*  Doubles a number; refuses 13. */
static bool
s_work (void *context, call_name_t call, const void *argument, void *result)
{
    bench_t *bench = context;
    uint64_t number = ((const payment_event_t *)argument)->amount_cents;
    CHECK (call == CALL_WEBHOOK_POST);
    if (bench->waits_for_others)
        pthread_barrier_wait (&bench->barrier);
    ((outcome_t *)result)->code = 2 * number;
    return number != 13;
}

static void
s_result (void *context, const port_result_t *result)
{
    bench_t *bench = context;
    bool is_refused = result->tag == 13;
    assert_int_equal (result->status, is_refused ? RESULT_REFUSED : RESULT_OK);
    assert_int_equal (result->count, is_refused ? 0 : 1);
    assert_int_equal (((const outcome_t *)result->rows)->code, 2 * result->tag);
    assert_true (bench->told_count < CALLS);
    bench->told[bench->told_count++] = result->tag;
}

static void
s_ask (bench_t *bench, uint64_t number)
{
    payment_event_t event = { .amount_cents = number };
    work_port_call (bench->port, schema_call (CALL_WEBHOOK_POST), &event, number);
}

static void
s_await (bench_t *bench, size_t count)
{
    struct pollfd poll_fd = { .fd = work_port_fd (bench->port), .events = POLLIN };
    while (bench->told_count < count) {
        assert_int_equal (poll (&poll_fd, 1, 30000), 1);
        work_port_process (bench->port);
    }
    work_port_process (bench->port);
    assert_int_equal (bench->told_count, count);
}

/*  One thread, by default: more calls than the queue holds at once, told in the order of asking. */
static void
test_one_thread (void **state)
{
    (void)state;
    static bench_t bench;
    bench.port = work_port_new (s_work, &bench, 0, s_result, &bench);
    for (uint64_t i = 0; i < CALLS; i++) {
        s_ask (&bench, i);
        if (i == CALLS / 2)
            s_await (&bench, i + 1);
    }
    s_await (&bench, CALLS);
    for (uint64_t i = 0; i < CALLS; i++)
        assert_int_equal (bench.told[i], i);
    work_port_destroy (&bench.port);
    assert_null (bench.port);
}

/*  Several threads: so many calls run at once (each waits for the others), and each is told once. */
static void
test_several_threads (void **state)
{
    (void)state;
    static bench_t bench;
    uint8_t seen[CALLS] = { 0 };
    CHECK (pthread_barrier_init (&bench.barrier, NULL, THREADS) == 0);
    bench.waits_for_others = true;
    bench.port = work_port_new (s_work, &bench, THREADS, s_result, &bench);
    for (uint64_t i = 0; i < CALLS; i++)
        s_ask (&bench, i);
    s_await (&bench, CALLS);
    for (uint64_t i = 0; i < CALLS; i++)
        seen[bench.told[i]]++;
    for (uint64_t i = 0; i < CALLS; i++)
        assert_int_equal (seen[i], 1);
    work_port_destroy (&bench.port);
    pthread_barrier_destroy (&bench.barrier);
}

/*  Destroyed with calls waiting: the one that runs is finished, the others are dropped, no thread is left. */
static void
test_destroyed_early (void **state)
{
    (void)state;
    static bench_t bench;
    bench.port = work_port_new (s_work, &bench, THREADS, s_result, &bench);
    for (uint64_t i = 0; i < CALLS; i++)
        s_ask (&bench, i);
    work_port_destroy (&bench.port);
    assert_int_equal (bench.told_count, 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_one_thread),
        cmocka_unit_test (test_several_threads),
        cmocka_unit_test (test_destroyed_early),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
