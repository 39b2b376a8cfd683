#include "leftovers.h"

#include "clock.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*  More than one instance can have; further ones are found in the next round. */
#define ROUND_MAX 256
#define KILL_PATIENCE_MS 5000

static bool
s_read_link (long pid, const char *name, char *target, size_t target_bytes)
{
    char path[64];
    snprintf (path, sizeof path, "/proc/%ld/%s", pid, name);
    ssize_t count = readlink (path, target, target_bytes - 1);
    if (count < 0)
        return false;
    target[count] = 0;
    return true;
}

static bool
s_is_meant (long pid, const char *program, const char *folder)
{
    char target[PATH_MAX];
    if (!s_read_link (pid, "cwd", target, sizeof target) || strcmp (target, folder) != 0)
        return false;
    if (!s_read_link (pid, "exe", target, sizeof target))
        return false;
    const char *name = strrchr (target, '/');
    return name && strncmp (name + 1, program, strlen (program)) == 0;
}

/*  Opens a pidfd of every process that is meant. */
static size_t
s_find (const char *program, const char *folder, int *pidfds)
{
    size_t count = 0;
    DIR *processes = opendir ("/proc");
    struct dirent *entry;
    while (processes && count < ROUND_MAX && (entry = readdir (processes))) {
        long pid = strtol (entry->d_name, NULL, 10);
        if (pid <= 1 || pid == getpid () || !s_is_meant (pid, program, folder))
            continue;
        int pidfd = (int)syscall (SYS_pidfd_open, (pid_t)pid, 0);
        if (pidfd >= 0 && s_is_meant (pid, program, folder))
            pidfds[count++] = pidfd;
        else if (pidfd >= 0)
            close (pidfd);
    }
    if (processes)
        closedir (processes);
    return count;
}

/*  Waits until all have ended; true if they have. */
static bool
s_await (const int *pidfds, size_t count, int patience_ms)
{
    uint64_t deadline_us = clock_now_us () + (uint64_t)patience_ms * 1000;
    for (size_t i = 0; i < count; i++) {
        struct pollfd item = { .fd = pidfds[i], .events = POLLIN };
        uint64_t now_us = clock_now_us ();
        int left_ms = now_us < deadline_us ? (int)((deadline_us - now_us) / 1000) : 0;
        if (poll (&item, 1, left_ms) <= 0)
            return false;
    }
    return true;
}

static void
s_signal (const int *pidfds, size_t count, int number)
{
    for (size_t i = 0; i < count; i++)
        syscall (SYS_pidfd_send_signal, pidfds[i], number, NULL, 0);
}

size_t
leftovers_end (const char *program, const char *folder, int grace_ms, char *reason)
{
    int pidfds[ROUND_MAX];
    char real[PATH_MAX];
    size_t total = 0, count;
    if (!realpath (folder, real))
        return 0;
    while ((count = s_find (program, real, pidfds)) > 0) {
        s_signal (pidfds, count, grace_ms ? SIGTERM : SIGKILL);
        bool is_done = grace_ms && s_await (pidfds, count, grace_ms);
        if (!is_done) {
            s_signal (pidfds, count, SIGKILL);
            is_done = s_await (pidfds, count, KILL_PATIENCE_MS);
        }
        for (size_t i = 0; i < count; i++) {
            waitid (P_PIDFD, (id_t)pidfds[i], &(siginfo_t){ 0 },
                    WEXITED | WNOHANG); /* an orphan may be our child by now */
            close (pidfds[i]);
        }
        total += count;
        if (!is_done) {
            snprintf (reason, REASON_BYTES, "a %s in %s does not end", program, folder);
            break;
        }
    }
    return total;
}

bool
leftovers_end_all (const instance_t *instance, char *reason)
{
    int drain_ms = (int)instance->params.drain_ms;
    reason[0] = 0;
    size_t count = leftovers_end ("minishop-", instance_file (instance, "run"), drain_ms, reason);
    count += leftovers_end ("nginx", instance_file (instance, "nginx"), drain_ms, reason);
    count += leftovers_end ("postgres", instance_file (instance, "postgres"), drain_ms, reason);
    count += leftovers_end ("redis-", instance_file (instance, "redis"), drain_ms, reason);
    if (count > 0)
        printf ("ended %zu processes that an earlier supervisor left\n", count);
    return reason[0] == 0;
}
