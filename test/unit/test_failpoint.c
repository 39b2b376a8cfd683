/*  Failpoints: one process ends at an armed point, and only one, after it passed the point as often as it was told to. */

#include "failpoint.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define RIVALS 8
#define PASSES_MAX 20

typedef struct bench_t {
    params_t params;
    char armed[64], log[64], seen[64], run[64];
} bench_t;

static int
s_set_up (void **state)
{
    bench_t *bench = calloc (1, sizeof *bench);
    params_set_defaults (&bench->params);
    snprintf (bench->params.dir, sizeof bench->params.dir, "/tmp/failpoint.XXXXXX");
    assert_non_null (mkdtemp (bench->params.dir));
    snprintf (bench->run, sizeof bench->run, "%.32s/run", bench->params.dir);
    snprintf (bench->armed, sizeof bench->armed, "%.32s/run/failpoint", bench->params.dir);
    snprintf (bench->log, sizeof bench->log, "%.32s/run/failpoint.log", bench->params.dir);
    snprintf (bench->seen, sizeof bench->seen, "%.32s/run/failpoint.seen", bench->params.dir);
    assert_int_equal (mkdir (bench->run, 0700), 0);
    *state = bench;
    return 0;
}

static int
s_tear_down (void **state)
{
    bench_t *bench = *state;
    unlink (bench->armed);
    unlink (bench->log);
    unlink (bench->seen);
    rmdir (bench->run);
    rmdir (bench->params.dir);
    free (bench);
    return 0;
}

static void
s_write (const char *path, const char *text)
{
    FILE *file = fopen (path, "w");
    assert_non_null (file);
    fputs (text, file);
    assert_int_equal (fclose (file), 0);
}

static size_t
s_lines_of (const char *path)
{
    size_t count = 0;
    FILE *file = fopen (path, "r");
    for (int byte; file && (byte = fgetc (file)) != EOF;)
        count += byte == '\n';
    if (file)
        fclose (file);
    return count;
}

/*  A process that passes before and after COMMIT, again and again. Its exit code is how often it got through. */
static pid_t
s_start (const bench_t *bench, kind_t kind, int passes)
{
    fflush (NULL);
    pid_t pid = fork ();
    if (pid)
        return pid;
    failpoint_open (&bench->params, kind, 1);
    for (int i = 0; i < passes; i++) {
        failpoint_reach (FAILPOINT_CALL, CALL_ORDER_WRITE);
        failpoint_reach (FAILPOINT_RESULT, CALL_ORDER_WRITE);
    }
    _exit (passes);
}

/*  Of eight processes at one point one ends; the others get through, and nothing is armed any more. */
static void
test_one_of_many (void **state)
{
    bench_t *bench = *state;
    pid_t rivals[RIVALS];
    int status, killed = 0;
    s_write (bench->armed, "ordering.result.order_write 2 kill\n");
    for (int i = 0; i < RIVALS; i++)
        rivals[i] = s_start (bench, KIND_ORDERING, PASSES_MAX);
    for (int i = 0; i < RIVALS; i++) {
        assert_int_equal (waitpid (rivals[i], &status, 0), rivals[i]);
        killed += WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL;
    }
    assert_int_equal (killed, 1);
    assert_int_equal (s_lines_of (bench->log), 1);
    assert_int_not_equal (access (bench->armed, F_OK), 0);
}

/*  It passes as often as it was told to, and then not once more. */
static void
test_passes (void **state)
{
    bench_t *bench = *state;
    int status;
    s_write (bench->armed, "ordering.call.order_write 3 kill\n");
    pid_t pid = s_start (bench, KIND_ORDERING, 3);
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 3);
    pid = s_start (bench, KIND_ORDERING, 4);
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_true (WIFSIGNALED (status));
}

/*  Points of another kind, of another moment, or of no table are nobody's. */
static void
test_nobody_is_meant (void **state)
{
    bench_t *bench = *state;
    static const char *const orders[] = { "inventory.call.order_write 0 kill\n",
                                          "ordering.sent.order_write 0 kill\n",
                                          "ordering.call.nothing 0 kill\n",
                                          "ordering.call.order_write", "" };
    int status;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        s_write (bench->armed, orders[i]);
        pid_t pid = s_start (bench, KIND_ORDERING, 2);
        assert_int_equal (waitpid (pid, &status, 0), pid);
        assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 2);
        assert_int_equal (access (bench->armed, F_OK), 0);
    }
}

/*  One that stops goes on at SIGCONT, and passes the point from then on. */
static void
test_stop (void **state)
{
    bench_t *bench = *state;
    int status;
    s_write (bench->armed, "ordering.call.order_write 0 stop\n");
    pid_t pid = s_start (bench, KIND_ORDERING, 2);
    assert_int_equal (waitpid (pid, &status, WUNTRACED), pid);
    assert_true (WIFSTOPPED (status));
    assert_int_equal (s_lines_of (bench->log), 1);
    kill (pid, SIGCONT);
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 2);
    assert_int_equal (s_lines_of (bench->seen), 2);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (test_one_of_many, s_set_up, s_tear_down),
        cmocka_unit_test_setup_teardown (test_passes, s_set_up, s_tear_down),
        cmocka_unit_test_setup_teardown (test_nobody_is_meant, s_set_up, s_tear_down),
        cmocka_unit_test_setup_teardown (test_stop, s_set_up, s_tear_down),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
