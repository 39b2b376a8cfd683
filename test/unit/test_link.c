/*  Links to processes at fixed paths, on real sockets: whoever listens there in the end is the one that is told of, whatever was
    believed on the way. */

#include "link.h"
#include "params.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#define PATIENCE_MS 5000

typedef struct bench_t {
    void *zmq;
    void *inbox;
    int epoll_fd;
    links_t *links;
    params_t params;
    char folder[32], endpoint[64], told[512];
} bench_t;

static void
s_on_change (void *context, link_change_t change, const process_t *process)
{
    bench_t *bench = context;
    size_t used = strlen (bench->told);
    snprintf (bench->told + used, sizeof bench->told - used, "%s %" PRIu64 "\n",
              change == LINK_CONNECTED ? "connected" : "broken", process->incarnation);
}

static int
s_set_up (void **state)
{
    bench_t *bench = calloc (1, sizeof *bench);
    params_set_defaults (&bench->params);
    snprintf (bench->folder, sizeof bench->folder, "/tmp/link.XXXXXX");
    assert_non_null (mkdtemp (bench->folder));
    snprintf (bench->endpoint, sizeof bench->endpoint, "ipc://%s/broker-1", bench->folder);
    bench->zmq = zmq_ctx_new ();
    bench->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
    bench->links = links_new (bench->zmq, bench->epoll_fd, 1, &bench->params, s_on_change, bench);
    *state = bench;
    return 0;
}

static void
s_listen (bench_t *bench)
{
    int linger = 0;
    bench->inbox = zmq_socket (bench->zmq, ZMQ_PULL);
    zmq_setsockopt (bench->inbox, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal (zmq_bind (bench->inbox, bench->endpoint), 0);
}

/*  zmq_close only asks for the end; without its file the listener takes nobody in any more. */
static void
s_end (bench_t *bench)
{
    if (!bench->inbox)
        return;
    unlink (bench->endpoint + strlen ("ipc://"));
    zmq_close (bench->inbox);
    bench->inbox = NULL;
}

static int
s_tear_down (void **state)
{
    bench_t *bench = *state;
    s_end (bench);
    links_destroy (&bench->links);
    zmq_ctx_term (bench->zmq);
    close (bench->epoll_fd);
    unlink (bench->endpoint + strlen ("ipc://"));
    rmdir (bench->folder);
    free (bench);
    return 0;
}

static void
s_learn (bench_t *bench, uint64_t incarnation)
{
    process_t broker = { .kind = KIND_BROKER, .number = 1, .incarnation = incarnation };
    snprintf (broker.endpoint, sizeof broker.endpoint, "%s", bench->endpoint);
    assert_true (links_learn (bench->links, &broker));
}

static void
s_await (bench_t *bench, const char *told)
{
    struct epoll_event event;
    for (int left_ms = PATIENCE_MS; left_ms > 0 && strcmp (bench->told, told) != 0; left_ms -= 10) {
        epoll_wait (bench->epoll_fd, &event, 1, 10);
        links_process (bench->links);
    }
    assert_string_equal (bench->told, told);
    bench->told[0] = 0;
}

/*  A late topology names a broker that has gone; then the one that is there says who it is. It is told of as connected. */
static void
test_taken_for_its_predecessor (void **state)
{
    bench_t *bench = *state;
    s_listen (bench);
    s_learn (bench, 0);
    s_await (bench, "connected 0\n");
    s_learn (bench, 7);
    s_learn (bench, 8);
    s_await (bench, "broken 7\nconnected 8\n");
    s_end (bench);
    s_await (bench, "broken 8\n");
}

/*  The successor is heard of before anybody noticed that its predecessor has gone. */
static void
test_successor_is_heard_of_first (void **state)
{
    bench_t *bench = *state;
    s_listen (bench);
    s_learn (bench, 7);
    s_await (bench, "connected 7\n");
    s_end (bench);
    s_learn (bench, 8);
    s_listen (bench);
    s_await (bench, "broken 7\nconnected 8\n");
    assert_true (links_is_connected (bench->links, KIND_BROKER, 1));
}

/*  It ends and another one comes, and nobody says a word: told of without a name, until it says who it is. */
static void
test_comes_back_unnamed (void **state)
{
    bench_t *bench = *state;
    s_listen (bench);
    s_learn (bench, 7);
    s_await (bench, "connected 7\n");
    s_end (bench);
    s_await (bench, "broken 7\n");
    s_listen (bench);
    s_await (bench, "connected 0\n");
    s_learn (bench, 8);
    assert_true (links_is_connected (bench->links, KIND_BROKER, 1));
    assert_int_equal (links_find (bench->links, KIND_BROKER, 1, 0)->incarnation, 8);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (test_taken_for_its_predecessor, s_set_up, s_tear_down),
        cmocka_unit_test_setup_teardown (test_successor_is_heard_of_first, s_set_up, s_tear_down),
        cmocka_unit_test_setup_teardown (test_comes_back_unnamed, s_set_up, s_tear_down),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
