#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_BYTES_MAX (16 * 1024 * 1024)
#define GROUPS_MAX 64

extern char **environ;

static int
s_open_log (const char *path)
{
    char old[PATH_MAX];
    struct stat about;
    if (stat (path, &about) == 0 && about.st_size > LOG_BYTES_MAX &&
        snprintf (old, sizeof old, "%s.old", path) < (int)sizeof old)
        rename (path, old);
    return open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

/*  A session of its own is a scheduling group of its own where the kernel groups by sessions (sched_autogroup_enabled): there the
    niceness of the group counts, elsewhere that of the process. A kernel without the file has no such groups. */
static void
s_be_nice (int niceness)
{
    char digit = (char)('0' + niceness);
    if (niceness > 9 || nice (niceness) == -1)
        _exit (126);
    int fd = open ("/proc/self/autogroup", O_WRONLY);
    if (fd >= 0) {
        if (write (fd, &digit, 1) != 1)
            _exit (126);
        close (fd);
    }
}

/*  Between fork and exec of a process with threads only system calls are safe. */
static void
s_become (const spawn_t *what, int log_fd, const gid_t *groups, int group_count,
          char *const *environment)
{
    sigset_t none;
    sigemptyset (&none);
    for (int number = 1; number < NSIG; number++)
        signal (number, SIG_DFL);
    sigprocmask (SIG_SETMASK, &none, NULL);
    setsid ();
    if (what->nice)
        s_be_nice (what->nice);
    umask (077);
    int null_fd = open ("/dev/null", O_RDONLY);
    if (null_fd < 0 || dup2 (null_fd, 0) < 0 || dup2 (log_fd, 1) < 0 || dup2 (log_fd, 2) < 0 ||
        close_range (3, ~0U, 0) != 0)
        _exit (126);
    if (what->user && what->user->uid != geteuid () &&
        (setgroups ((size_t)group_count, groups) != 0 || setgid (what->user->gid) != 0 ||
         setuid (what->user->uid) != 0))
        _exit (126);
    if (chdir (what->folder) != 0)
        _exit (126);
    /* execve does not change what argv points to; its prototype is older than const */
    union {
        const char *const *borrowed;
        char *const *passed;
    } argv = { .borrowed = what->argv };
    execve (what->argv[0], argv.passed, environment);
    static const char why[] = "minishop: this program cannot be started: ";
    if (write (2, why, sizeof why - 1) > 0 &&
        write (2, what->argv[0], strlen (what->argv[0])) > 0 && write (2, "\n", 1) > 0)
        _exit (127);
    _exit (126);
}

pid_t
spawn_start (const spawn_t *what, char *reason)
{
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", lang[] = "LANG=C.UTF-8";
    char *const clean[] = { path, lang, NULL };
    gid_t groups[GROUPS_MAX];
    int group_count = GROUPS_MAX;
    int log_fd = s_open_log (what->log_path);
    if (log_fd < 0) {
        snprintf (reason, REASON_BYTES, "%.300s: %s", what->log_path, strerror (errno));
        return -1;
    }
    if (what->user && getgrouplist (what->user->name, what->user->gid, groups, &group_count) < 0)
        group_count = GROUPS_MAX;
    pid_t pid = fork ();
    if (pid == 0)
        s_become (what, log_fd, groups, group_count, what->is_clean ? clean : environ);
    if (pid < 0)
        snprintf (reason, REASON_BYTES, "fork: %s", strerror (errno));
    close (log_fd);
    return pid;
}

bool
spawn_run (const spawn_t *what, char *reason)
{
    int status;
    pid_t pid = spawn_start (what, reason);
    if (pid < 0)
        return false;
    while (waitpid (pid, &status, 0) < 0)
        if (errno != EINTR) {
            snprintf (reason, REASON_BYTES, "waitpid: %s", strerror (errno));
            return false;
        }
    if (WIFEXITED (status) && WEXITSTATUS (status) == 0)
        return true;
    snprintf (reason, REASON_BYTES, "%s failed; see %s", what->argv[0], what->log_path);
    return false;
}
