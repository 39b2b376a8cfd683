#include "services.h"

#include "clock.h"
#include "leftovers.h"
#include "log.h"
#include "nginx.h"
#include "postgres_server.h"
#include "redis_server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUICK_US 2000000u
#define BACKOFF_MIN_US 50000u
#define BACKOFF_MAX_US 5000000u

static const struct {
    const char *name;
    const char *program; /* as leftovers_end knows it */
    int end_signal;
    pid_t (*start) (const instance_t *instance, char *reason);
} s_kinds[SERVICE_COUNT] = {
    [SERVICE_REDIS] = { "redis", "redis-", SIGTERM, redis_server_start },
    [SERVICE_POSTGRES] = { "postgres", "postgres", SIGINT, postgres_server_start },
    [SERVICE_NGINX] = { "nginx", "nginx", SIGQUIT, nginx_start },
};

void
services_init (services_t *self, const instance_t *instance)
{
    memset (self, 0, sizeof *self);
    self->instance = instance;
    for (size_t i = 0; i < SERVICE_COUNT; i++)
        self->list[i].due_us = UINT64_MAX;
}

static void
s_write_pid (const services_t *self, service_name_t name)
{
    char text[32], reason[REASON_BYTES];
    snprintf (text, sizeof text, "%ld\n", (long)self->list[name].pid);
    if (!file_write (instance_file (self->instance, "run/%s.pid", s_kinds[name].name), 0644,
                     (uid_t)-1, (gid_t)-1, text, reason))
        log_write (LOG_LEVEL_ERROR, "pid_file", "%s", reason);
}

bool
services_start (services_t *self, service_name_t name, char *reason)
{
    service_t *service = &self->list[name];
    reason[0] = 0;
    leftovers_end (s_kinds[name].program, instance_file (self->instance, "%s", s_kinds[name].name),
                   0, reason);
    pid_t pid = reason[0] ? -1 : s_kinds[name].start (self->instance, reason);
    if (pid < 0)
        return false;
    service->pid = pid;
    service->started_us = clock_now_us ();
    service->due_us = UINT64_MAX;
    if (name != SERVICE_NGINX) /* nginx writes its own, and removes it */
        s_write_pid (self, name);
    return true;
}

static void
s_plan (service_t *service, uint64_t now_us)
{
    service->quick_deaths = now_us - service->started_us < QUICK_US ? service->quick_deaths + 1 : 0;
    uint64_t delay_us = service->quick_deaths <= 1 ? 0 : BACKOFF_MIN_US;
    for (uint64_t i = 2; i < service->quick_deaths && delay_us < BACKOFF_MAX_US; i++)
        delay_us *= 2;
    service->due_us = now_us + (delay_us > BACKOFF_MAX_US ? BACKOFF_MAX_US : delay_us);
}

bool
services_ended (services_t *self, pid_t pid)
{
    for (size_t i = 0; i < SERVICE_COUNT; i++) {
        service_t *service = &self->list[i];
        if (service->pid != pid)
            continue;
        service->pid = 0;
        if (service->leaves)
            return true;
        s_plan (service, clock_now_us ());
        log_write (LOG_LEVEL_WARNING, "service_ended", "%s pid %ld: starts again", s_kinds[i].name,
                   (long)pid);
        return true;
    }
    return false;
}

uint64_t
services_tick (services_t *self, uint64_t now_us)
{
    uint64_t next_us = UINT64_MAX;
    char reason[REASON_BYTES];
    for (size_t i = 0; i < SERVICE_COUNT; i++) {
        service_t *service = &self->list[i];
        if (service->pid == 0 && service->due_us <= now_us &&
            !services_start (self, (service_name_t)i, reason)) {
            log_write (LOG_LEVEL_ERROR, "service_not_started", "%s: %s", s_kinds[i].name, reason);
            service->started_us = now_us;
            s_plan (service, now_us + 1);
        }
        if (service->due_us < next_us)
            next_us = service->due_us;
    }
    return next_us;
}

void
services_signal (const services_t *self, service_name_t name, int number)
{
    if (self->list[name].pid > 0)
        kill (self->list[name].pid, number);
}

void
services_leave (services_t *self, service_name_t name)
{
    services_signal (self, name, s_kinds[name].end_signal);
    self->list[name].due_us = UINT64_MAX;
    self->list[name].leaves = true;
}

void
services_stop (services_t *self, service_name_t name, int patience_ms)
{
    service_t *service = &self->list[name];
    char reason[REASON_BYTES];
    services_leave (self, name);
    if (service->pid > 0) {
        int pidfd = (int)syscall (SYS_pidfd_open, service->pid, 0);
        struct pollfd item = { .fd = pidfd, .events = POLLIN };
        if (pidfd >= 0 && poll (&item, 1, patience_ms) <= 0)
            services_signal (self, name, SIGKILL);
        waitpid (service->pid, NULL, 0);
        if (pidfd >= 0)
            close (pidfd);
        service->pid = 0;
    }
    leftovers_end (s_kinds[name].program, instance_file (self->instance, "%s", s_kinds[name].name),
                   0, reason);
    unlink (instance_file (self->instance, "run/%s.pid", s_kinds[name].name));
}
