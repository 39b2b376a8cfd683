/*  up, down */

#include "announce.h"
#include "clock.h"
#include "console.h"
#include "leftovers.h"
#include "up.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*  Every process has drain_ms and 2 s, kind after kind, and the stores 10 s. */
#define DOWN_PATIENCE_MS 120000

static pid_t s_starting;

static void
s_forward (int number)
{
    (void)number;
    if (s_starting > 0)
        kill (s_starting, SIGTERM);
    _exit (130);
}

/*  The child becomes the supervisor, with none of our descriptors; we wait until it serves. */
static int
s_up_detached (instance_t *instance, bool with_demo)
{
    fflush (NULL);
    pid_t pid = fork ();
    if (pid < 0)
        return console_fail ("fork failed");
    if (pid == 0) {
        close_range (3, ~0U, 0);
        setsid ();
        _exit (up_run (instance, true));
    }
    s_starting = pid;
    signal (SIGINT, s_forward);
    signal (SIGTERM, s_forward);
    int code = announce_run (with_demo, pid, true);
    if (code != EXIT_DONE)
        kill (pid, SIGTERM);
    return code;
}

static int
s_up_foreground (instance_t *instance, bool with_demo)
{
    pid_t supervisor = getpid ();
    fflush (NULL);
    pid_t pid = fork ();
    if (pid == 0) {
        prctl (PR_SET_PDEATHSIG, SIGTERM);
        signal (SIGINT, SIG_DFL);
        _exit (getppid () == supervisor ? announce_run (with_demo, supervisor, false) : 1);
    }
    return up_run (instance, false);
}

int
console_up (int argc, char **argv)
{
    static instance_t instance;
    char reason[REASON_BYTES];
    bool is_detached = false, with_demo = true;
    for (int i = 1; i < argc; i++)
        if (strcmp (argv[i], "--detach") == 0)
            is_detached = true;
        else if (strcmp (argv[i], "--no-demo") == 0)
            with_demo = false;
        else
            return console_usage ("up");
    if (!instance_find (&instance, reason))
        return console_fail ("%s", reason);
    if (instance_is_running (&instance))
        return console_fail ("the instance in %s is running already", instance.asked);
    return is_detached ? s_up_detached (&instance, with_demo)
                       : s_up_foreground (&instance, with_demo);
}

/*  Its pid file was written under the lock that is held: the pid is the supervisor's, and the pidfd keeps it so. */
static int
s_stop_supervisor (const instance_t *instance)
{
    long pid = file_read_number (instance_file (instance, "run/supervisor.pid"));
    int pidfd = pid > 0 ? (int)syscall (SYS_pidfd_open, (pid_t)pid, 0) : -1;
    if (pidfd < 0 || !instance_is_running (instance))
        return instance_is_running (instance) ? console_fail ("the supervisor's pid is not known")
                                              : EXIT_DONE;
    if (syscall (SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0) != 0)
        return console_fail ("process %ld may not be signalled by you", pid);
    struct pollfd item = { .fd = pidfd, .events = POLLIN };
    int count = poll (&item, 1, DOWN_PATIENCE_MS);
    close (pidfd);
    return count == 1
               ? EXIT_DONE
               : console_fail ("process %ld has not ended in %d s", pid, DOWN_PATIENCE_MS / 1000);
}

int
console_down (int argc, char **argv)
{
    static instance_t instance;
    char reason[REASON_BYTES] = "";
    (void)argv;
    if (argc != 1)
        return console_usage ("down");
    if (!instance_find (&instance, reason))
        return console_fail ("%s", reason);
    if (access (instance_file (&instance, "run/lock"), F_OK) != 0)
        return EXIT_DONE; /* never started */
    if (instance_is_running (&instance) && s_stop_supervisor (&instance) != EXIT_DONE)
        return EXIT_NOT_DONE;
    if (!instance_lock (&instance, reason) || !leftovers_end_all (&instance, reason))
        return console_fail ("%s", reason);
    return EXIT_DONE;
}
