/*  The program's part of the supervisor: the hands to supervisor.c's head. One thread: the host's. What the hands have to look after
    (ended children, reports to the core, services and nginx that are due) is behind one epoll descriptor that the host watches. */

#include "up.h"

#include "check.h"
#include "clock.h"
#include "database.h"
#include "host.h"
#include "leftovers.h"
#include "log.h"
#include "nginx.h"
#include "postgres_server.h"
#include "redis_server.h"
#include "services.h"
#include "spawn.h"
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

/*  An edge that gave up sooner than this after its start does not get its old port again: another program may have it. */
#define PORT_TRIAL_US 2000000u
/*  A store that does not answer so long after its start is not going to; PostgreSQL may have to recover first. */
#define STORE_PATIENCE_US 60000000u
#define STORE_LOOK_US 10000
/*  Changes of edges within this time become one reload of nginx. */
#define RELOAD_GATHER_US 20000u
/*  nginx starts when all wanted edges are ready, so that the first clients lose no connection to a reload; after so long, with those
    that are. */
#define FIRST_EDGES_US 5000000u
#define CHILDREN_MAX (KIND_COUNT * (WANTED_MAX + 1u))
#define STORE_STOP_MS 10000

typedef struct child_t {
    pid_t pid;
    uint64_t kind;
    uint64_t number;
    uint64_t started_us;
} child_t;

typedef struct up_t {
    instance_t *instance;
    services_t services;
    wanted_t wanted;
    child_t children[CHILDREN_MAX];
    size_t child_count;
    child_t started[CHILDREN_MAX]; /* not yet reported; pid 0 = could not be started */
    size_t started_count;
    process_t edges[WANTED_MAX + 1u]; /* that nginx is to serve */
    size_t edge_count;
    char ports[WANTED_MAX + 2u][8]; /* by number: the last port of that edge, for its successor */
    uint64_t reload_us;             /* when nginx is due to hear of them; UINT64_MAX = it has */
    int watch_fd, child_fd, report_fd, timer_fd;
} up_t;

/* -------------------------------------------------------------------------- waking */

static void
s_watch (up_t *self, int fd)
{
    struct epoll_event watch = { .events = EPOLLIN, .data = { .fd = fd } };
    CHECK (fd >= 0 && epoll_ctl (self->watch_fd, EPOLL_CTL_ADD, fd, &watch) == 0);
}

static void
s_open_watch (up_t *self)
{
    sigset_t ended;
    sigemptyset (&ended);
    sigaddset (&ended, SIGCHLD);
    self->watch_fd = epoll_create1 (EPOLL_CLOEXEC);
    self->child_fd = signalfd (-1, &ended, SFD_CLOEXEC | SFD_NONBLOCK);
    self->report_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->timer_fd = timerfd_create (CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    s_watch (self, self->child_fd);
    s_watch (self, self->report_fd);
    s_watch (self, self->timer_fd);
}

static void
s_wake_at (const up_t *self, uint64_t due_us)
{
    struct itimerspec when = { 0 };
    if (due_us != UINT64_MAX) {
        when.it_value.tv_sec = (time_t)(due_us / 1000000);
        when.it_value.tv_nsec = (long)(due_us % 1000000 * 1000) + 1;
    }
    CHECK (timerfd_settime (self->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0);
}

/* -------------------------------------------------------------------------- orders of the core */

static pid_t
s_spawn_actor (const up_t *self, uint64_t kind, uint64_t number, char *reason)
{
    char program[PATH_MAX + 32], text[24];
    snprintf (program, sizeof program, "%s/minishop-%s", self->instance->programs,
              kind_name (kind));
    snprintf (text, sizeof text, "%" PRIu64, number);
    const char *argv[] = { program, "--number", text, NULL };
    spawn_t what = { .argv = argv,
                     .folder = instance_file (self->instance, "run"),
                     .log_path =
                         instance_file (self->instance, "log/%s-%s.log", kind_name (kind), text) };
    bool has_port =
        kind == KIND_EDGE && self->instance->params.edge_port == 0 && self->ports[number][0];
    if (has_port)
        setenv ("MINISHOP_EDGE_PORT", self->ports[number], 1);
    pid_t pid = spawn_start (&what, reason);
    if (has_port)
        unsetenv ("MINISHOP_EDGE_PORT");
    return pid;
}

static void
s_start_actor (up_t *self, uint64_t kind, uint64_t number)
{
    char reason[REASON_BYTES];
    pid_t pid = s_spawn_actor (self, kind, number, reason);
    if (pid < 0)
        log_write (LOG_LEVEL_ERROR, "process_not_started", "%s/%" PRIu64 ": %s", kind_name (kind),
                   number, reason);
    child_t child = {
        .pid = pid > 0 ? pid : 0, .kind = kind, .number = number, .started_us = clock_now_us ()
    };
    CHECK (self->started_count < CHILDREN_MAX && self->child_count < CHILDREN_MAX);
    self->started[self->started_count++] = child;
    if (child.pid)
        self->children[self->child_count++] = child;
    CHECK (eventfd_write (self->report_fd, 1) == 0);
}

static void
s_signal_actor (const up_t *self, uint64_t kind, uint64_t number, int signal_number)
{
    for (size_t i = 0; i < self->child_count; i++)
        if (self->children[i].kind == kind && self->children[i].number == number)
            kill (self->children[i].pid,
                  signal_number); /* not reaped yet: the pid is still its own */
}

static void
s_keep_count (up_t *self, uint64_t kind, uint64_t count)
{
    char text[PARAM_TEXT_BYTES_MAX + 1], reason[REASON_BYTES];
    self->wanted.counts[kind] = count;
    size_t used = wanted_print (&self->wanted, text, sizeof text - 1);
    snprintf (text + used, sizeof text - used, "\n");
    if (!file_write (instance_file (self->instance, "scale"), 0644, (uid_t)-1, (gid_t)-1, text,
                     reason))
        log_write (LOG_LEVEL_ERROR, "scale_not_kept", "%s", reason);
}

static void
s_take_edges (up_t *self, const process_t *edges, size_t count)
{
    self->edge_count = count < WANTED_MAX + 1u ? count : WANTED_MAX + 1u;
    memcpy (self->edges, edges, self->edge_count * sizeof *edges);
    for (size_t i = 0; i < self->edge_count; i++) {
        const char *colon = strrchr (edges[i].http_endpoint, ':');
        if (colon && edges[i].number <= WANTED_MAX + 1u)
            snprintf (self->ports[edges[i].number], sizeof self->ports[0], "%.5s", colon + 1);
    }
    bool is_first = self->services.list[SERVICE_NGINX].started_us == 0;
    if (is_first && self->edge_count < self->wanted.counts[KIND_EDGE])
        return;
    self->reload_us = clock_now_us () + RELOAD_GATHER_US;
    s_wake_at (self, self->reload_us);
}

static void
s_tell_nginx (up_t *self, uint64_t now_us)
{
    char reason[REASON_BYTES];
    service_t *nginx = &self->services.list[SERVICE_NGINX];
    self->reload_us = UINT64_MAX;
    if (!nginx_write (self->instance, self->edges, self->edge_count, reason))
        log_write (LOG_LEVEL_ERROR, "nginx_settings", "%s", reason);
    if (nginx->started_us > 0)
        services_signal (&self->services, SERVICE_NGINX, SIGHUP);
    else if (!nginx->leaves)
        nginx->due_us = now_us;
}

static void
s_deliver (void *context, const header_t *header, const void *entries, size_t count)
{
    up_t *self = context;
    const scale_t *order = entries;
    const leave_t *leave = entries;
    switch (header->type) {
    case MSG_RESTART:
        s_start_actor (self, order->kind, order->count);
        break;
    case MSG_DRAIN:
        if (order->kind == KIND_SUPERVISOR)
            services_leave (&self->services, SERVICE_NGINX);
        else
            s_signal_actor (self, order->kind, order->count, SIGTERM);
        break;
    case MSG_LEAVE:
        s_signal_actor (self, leave->kind, leave->number, SIGKILL);
        break;
    case MSG_SCALE:
        s_keep_count (self, order->kind, order->count);
        break;
    case MSG_TOPOLOGY:
        s_take_edges (self, entries, count);
        break;
    default:
        CHECK (!"a message that supervisor.h does not name");
    }
}

/* -------------------------------------------------------------------------- reports to the core */

static void
s_report_started (up_t *self, host_t *host)
{
    eventfd_t ignored;
    eventfd_read (self->report_fd, &ignored);
    for (size_t i = 0; i < self->started_count; i++) {
        child_t child = self->started[i];
        process_t process = { .kind = child.kind,
                              .number = child.number,
                              .pid = (uint64_t)child.pid };
        leave_t failed = { .kind = child.kind, .number = child.number };
        if (child.pid)
            host_inject (host, SUPERVISOR_LOCAL, MSG_HEARTBEAT, NULL, &process, 1);
        else
            host_inject (host, SUPERVISOR_LOCAL, MSG_LEAVE, NULL, &failed, 1);
    }
    self->started_count = 0;
}

/*  A process that was killed leaves the socket of its inbox, which carries its incarnation: nobody would ever bind it again. Its number
    has no other process yet. */
static void
s_remove_inbox (const up_t *self, const child_t *child)
{
    glob_t found;
    const char *pattern = instance_file (self->instance, "run/ipc/%s-%" PRIu64 "-*",
                                         kind_name (child->kind), child->number);
    if (glob (pattern, GLOB_NOSORT, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        unlink (found.gl_pathv[i]);
    globfree (&found);
}

static void
s_report_ended (up_t *self, host_t *host, pid_t pid, int status)
{
    for (size_t i = 0; i < self->child_count; i++) {
        child_t child = self->children[i];
        if (child.pid != pid)
            continue;
        self->children[i] = self->children[--self->child_count];
        if (child.kind == KIND_EDGE && WIFEXITED (status) &&
            clock_now_us () - child.started_us < PORT_TRIAL_US)
            self->ports[child.number][0] = 0;
        log_write (LOG_LEVEL_INFO, "exit", "%s/%" PRIu64 " pid %ld, %s %d", kind_name (child.kind),
                   child.number, (long)pid, WIFSIGNALED (status) ? "signal" : "code",
                   WIFSIGNALED (status) ? WTERMSIG (status) : WEXITSTATUS (status));
        s_remove_inbox (self, &child);
        leave_t ended = { .kind = child.kind, .number = child.number, .pid = (uint64_t)pid };
        host_inject (host, SUPERVISOR_LOCAL, MSG_LEAVE, NULL, &ended, 1);
        return;
    }
}

/*  Reports of starts go first: a process may have ended before anybody said that it began. A report may make the core start another
    one, so both lists are read until nothing is new. */
static void
s_drain (void *context, host_t *host)
{
    up_t *self = context;
    struct signalfd_siginfo ignored;
    uint64_t expirations;
    int status;
    pid_t pid;
    while (read (self->child_fd, &ignored, sizeof ignored) > 0)
        ;
    while (read (self->timer_fd, &expirations, sizeof expirations) > 0)
        ;
    s_report_started (self, host);
    while ((pid = waitpid (-1, &status, WNOHANG)) > 0)
        if (!services_ended (&self->services, pid)) {
            s_report_started (self, host);
            s_report_ended (self, host, pid, status);
        }
    uint64_t now_us = clock_now_us ();
    if (now_us >= self->reload_us)
        s_tell_nginx (self, now_us);
    uint64_t due_us = services_tick (&self->services, now_us);
    s_wake_at (self, due_us < self->reload_us ? due_us : self->reload_us);
}

/* -------------------------------------------------------------------------- boot */

static bool
s_is_cancelled (char *reason)
{
    sigset_t pending;
    sigpending (&pending);
    if (!sigismember (&pending, SIGINT) && !sigismember (&pending, SIGTERM))
        return false;
    snprintf (reason, REASON_BYTES, "stopped by a signal");
    return true;
}

static bool
s_postgres_is_ready (const instance_t *instance)
{
    char reason[REASON_BYTES];
    PGconn *connection = postgres_server_connect (instance, "postgres", reason);
    if (connection)
        PQfinish (connection);
    return connection != NULL;
}

static bool
s_await_store (up_t *self, service_name_t name, const char *title,
               bool (*is_ready) (const instance_t *), char *reason)
{
    service_t *service = &self->services.list[name];
    uint64_t deadline_us = clock_now_us () + STORE_PATIENCE_US;
    while (!is_ready (self->instance)) {
        if (waitpid (service->pid, NULL, WNOHANG) != 0) {
            service->pid = 0;
            snprintf (reason, REASON_BYTES, "%s ended at once; see %s/log", title,
                      self->instance->params.dir);
            return false;
        }
        if (clock_now_us () > deadline_us) {
            snprintf (reason, REASON_BYTES, "%s did not answer in time; see %s/log", title,
                      self->instance->params.dir);
            return false;
        }
        if (s_is_cancelled (reason))
            return false;
        usleep (STORE_LOOK_US); /* neither server tells anybody when it is ready */
    }
    printf ("%s is up (%.1f s)\n", title, (double)(clock_now_us () - service->started_us) / 1e6);
    return true;
}

bool
up_load_wanted (const instance_t *instance, wanted_t *wanted, char *reason)
{
    char text[PARAM_TEXT_BYTES_MAX + 1];
    static params_t defaults; /* kinds that MINISHOP_SCALE does not name */
    params_set_defaults (&defaults);
    return wanted_parse (wanted, defaults.scale, reason, REASON_BYTES) &&
           wanted_parse (wanted, instance->params.scale, reason, REASON_BYTES) &&
           (!file_read (instance_file (instance, "scale"), text, sizeof text) ||
            wanted_parse (wanted, text, reason, REASON_BYTES));
}

static bool
s_load_wanted (up_t *self, char *reason)
{
    params_t *params = &self->instance->params;
    if (!up_load_wanted (self->instance, &self->wanted, reason))
        return false;
    wanted_print (&self->wanted, params->scale, sizeof params->scale);
    if (self->wanted.counts[KIND_BROKER] == 0)
        snprintf (reason, REASON_BYTES, "an instance needs a broker: MINISHOP_SCALE has broker=0");
    return self->wanted.counts[KIND_BROKER] > 0;
}

static bool
s_write_marks (const instance_t *instance, bool is_first, char *reason)
{
    char url[160];
    instance_url (instance, url, sizeof url);
    return file_write (instance_file (instance, "run/url"), 0644, (uid_t)-1, (gid_t)-1, url,
                       reason) &&
           (!is_first || file_write (instance_file (instance, "run/first-start"), 0600, (uid_t)-1,
                                     (gid_t)-1, "", reason));
}

static bool
s_boot_stores (up_t *self, char *reason)
{
    bool is_new = false;
    if (!services_start (&self->services, SERVICE_REDIS, reason) ||
        !postgres_server_init (self->instance, reason) || s_is_cancelled (reason) ||
        !services_start (&self->services, SERVICE_POSTGRES, reason))
        return false;
    return s_await_store (self, SERVICE_REDIS, "Redis", redis_server_is_ready, reason) &&
           s_await_store (self, SERVICE_POSTGRES, "PostgreSQL", s_postgres_is_ready, reason) &&
           database_prepare (self->instance, &is_new, reason) &&
           s_write_marks (self->instance, is_new, reason);
}

static bool
s_boot (up_t *self, char *reason)
{
    instance_t *instance = self->instance;
    return s_load_wanted (self, reason) && leftovers_end_all (instance, reason) &&
           nginx_reserve_port (instance, reason) && s_boot_stores (self, reason) &&
           !s_is_cancelled (reason) && nginx_write_pages (instance, reason) &&
           nginx_write (instance, NULL, 0, reason);
}

/*  Also ends what did not end when the core asked: its own patience is drain_ms for all kinds together. False if something is left. */
static bool
s_stop_services (up_t *self)
{
    char reason[REASON_BYTES] = "";
    leftovers_end ("minishop-", instance_file (self->instance, "run"),
                   (int)self->instance->params.drain_ms, reason);
    services_leave (&self->services, SERVICE_POSTGRES);
    services_leave (&self->services, SERVICE_REDIS);
    services_stop (&self->services, SERVICE_NGINX, STORE_STOP_MS);
    services_stop (&self->services, SERVICE_POSTGRES, STORE_STOP_MS);
    services_stop (&self->services, SERVICE_REDIS, STORE_STOP_MS);
    if (leftovers_end_all (self->instance, reason))
        return true;
    fprintf (stderr, "minishop: %s\n", reason);
    return false;
}

/* -------------------------------------------------------------------------- running */

/*  The terminal is gone: everything stops, as by Ctrl-C. The host waits for SIGTERM. */
static void
s_hang_up (int number)
{
    (void)number;
    kill (getpid (), SIGTERM);
}

static void
s_block_signals (void)
{
    sigset_t signals;
    struct rlimit files;
    sigemptyset (&signals);
    sigaddset (&signals, SIGCHLD);
    sigaddset (&signals, SIGTERM);
    sigaddset (&signals, SIGINT);
    CHECK (sigprocmask (SIG_BLOCK, &signals, NULL) == 0);
    if (signal (SIGHUP, s_hang_up) == SIG_IGN)
        signal (SIGHUP, SIG_IGN); /* nohup */
    /* orphans of a killed master become ours, so that their end can be waited for */
    CHECK (prctl (PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
    if (getrlimit (RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit (RLIMIT_NOFILE, &files);
    }
}

/*  The terminal keeps the progress; log lines go to the log. */
static void
s_redirect (const instance_t *instance, bool is_detached)
{
    int log_fd = open (instance_file (instance, "log/supervisor-1.log"),
                       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    int null_fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
    fflush (NULL);
    if (log_fd >= 0)
        dup2 (log_fd, STDERR_FILENO);
    if (is_detached && log_fd >= 0 && null_fd >= 0) {
        dup2 (log_fd, STDOUT_FILENO);
        dup2 (null_fd, STDIN_FILENO);
    }
    close (log_fd);
    close (null_fd);
}

static void
s_run_core (up_t *self, bool is_detached)
{
    static const host_options_t options = { 0 };
    params_t params = self->instance->params;
    setenv ("MINISHOP_DIR", params.dir, 1);
    unsetenv ("MINISHOP_ADMIN_PASSWORD");
    s_redirect (self->instance, is_detached);
    log_open ("supervisor/1", params.log_level);
    host_t *host = host_new (&supervisor_class, &options, &params, 1);
    s_open_watch (self);
    self->reload_us = clock_now_us () + FIRST_EDGES_US;
    s_wake_at (self, self->reload_us);
    host_set_local (host, self->watch_fd, s_drain, s_deliver, self);
    host_run (host);
    host_destroy (&host);
}

int
up_run (instance_t *instance, bool is_detached)
{
    static up_t self;
    char reason[REASON_BYTES] = "";
    setvbuf (stdout, NULL, _IOLBF, 0);
    s_block_signals ();
    if (!instance_settle (instance, reason)) {
        fprintf (stderr, "minishop: %s\n", reason);
        return 1;
    }
    self.instance = instance;
    self.reload_us = UINT64_MAX;
    services_init (&self.services, instance);
    bool is_booted = s_boot (&self, reason);
    if (is_booted)
        s_run_core (&self, is_detached);
    else
        fprintf (stderr, "minishop: %s\n", reason);
    bool is_stopped = s_stop_services (&self);
    unlink (instance_file (instance, "run/url"));
    unlink (instance_file (instance, "run/supervisor.pid"));
    if (is_booted && is_stopped && !is_detached)
        printf ("stopped\n");
    return is_booted && is_stopped ? 0 : 1;
}
