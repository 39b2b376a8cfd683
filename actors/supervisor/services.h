/*  Redis, PostgreSQL and nginx: started, watched, and started again when they end unasked, after what a dead master left behind has
    ended too. The first restart is at once, repeated quick deaths wait 50 ms … 5 s. Their pid files are ours: run/<name>.pid. */

#ifndef MS_SERVICES_H
#define MS_SERVICES_H

#include "instance.h"

typedef enum service_name_t {
    SERVICE_REDIS,
    SERVICE_POSTGRES,
    SERVICE_NGINX,
    SERVICE_COUNT
} service_name_t;

typedef struct service_t {
    pid_t pid; /* 0 = does not run */
    uint64_t started_us;
    uint64_t due_us; /* when it is to be started; UINT64_MAX = not */
    uint64_t quick_deaths;
    bool leaves; /* it was asked to end */
} service_t;

typedef struct services_t {
    const instance_t *instance;
    service_t list[SERVICE_COUNT];
} services_t;

void services_init (services_t *self, const instance_t *instance);
bool services_start (services_t *self, service_name_t name, char *reason);
/*  False if the pid is none of theirs. */
bool services_ended (services_t *self, pid_t pid);
/*  Starts what is due; returns when to come back, UINT64_MAX = never. */
uint64_t services_tick (services_t *self, uint64_t now_us);
/*  Asks it to end, and no longer starts it again: nginx answers what it has, PostgreSQL ends its sessions. */
void services_leave (services_t *self, service_name_t name);
/*  services_leave and waits for the end; SIGKILL after patience_ms. */
void services_stop (services_t *self, service_name_t name, int patience_ms);
void services_signal (const services_t *self, service_name_t name, int number);

#endif
