#include "work_port.h"

#include "check.h"
#include "clock.h"
#include "failpoint.h"

#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define QUEUE_MAX 1024u
#define RECORD_BYTES_MAX 2048u
#define NICE 10

typedef struct job_t {
    const call_t *call;
    uint64_t tag;
    uint64_t asked_us;
    bool is_done;
    _Alignas(16) uint8_t argument[RECORD_BYTES_MAX]; /* structs of the records */
    _Alignas(16) uint8_t result[RECORD_BYTES_MAX];
} job_t;

struct work_port_t {
    host_work_fn work;
    void *work_context;
    port_result_fn result;
    void *context;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t asked;
    int fd;
    bool is_ending;
    job_t
        *jobs; /* ring: [told, worked) wait to be told, [worked, asked_count) wait for the thread */
    uint64_t told, worked, asked_count;
};

static void *
s_thread (void *data)
{
    work_port_t *self = data;
    /* the nice value of Linux belongs to the thread */
    setpriority (PRIO_PROCESS, (id_t)syscall (SYS_gettid), NICE);
    pthread_mutex_lock (&self->mutex);
    while (!self->is_ending) {
        if (self->worked == self->asked_count) {
            pthread_cond_wait (&self->asked, &self->mutex);
            continue;
        }
        job_t *job = &self->jobs[self->worked % QUEUE_MAX];
        pthread_mutex_unlock (&self->mutex);
        job->is_done = self->work (self->work_context, job->call->call, job->argument, job->result);
        explicit_bzero (job->argument, sizeof job->argument);
        pthread_mutex_lock (&self->mutex);
        self->worked++;
        eventfd_write (self->fd, 1);
    }
    pthread_mutex_unlock (&self->mutex);
    return NULL;
}

work_port_t *
work_port_new (host_work_fn work, void *work_context, port_result_fn result, void *context)
{
    work_port_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->work = work;
    self->work_context = work_context;
    self->result = result;
    self->context = context;
    self->jobs = calloc (QUEUE_MAX, sizeof *self->jobs);
    self->fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
    CHECK (self->jobs && self->fd >= 0);
    CHECK (pthread_mutex_init (&self->mutex, NULL) == 0 &&
           pthread_cond_init (&self->asked, NULL) == 0);
    CHECK (pthread_create (&self->thread, NULL, s_thread, self) == 0);
    return self;
}

void
work_port_destroy (work_port_t **self_p)
{
    work_port_t *self = *self_p;
    if (!self)
        return;
    pthread_mutex_lock (&self->mutex);
    self->is_ending = true;
    pthread_cond_signal (&self->asked);
    pthread_mutex_unlock (&self->mutex);
    pthread_join (self->thread, NULL);
    pthread_cond_destroy (&self->asked);
    pthread_mutex_destroy (&self->mutex);
    close (self->fd);
    free (self->jobs);
    free (self);
    *self_p = NULL;
}

int
work_port_fd (const work_port_t *self)
{
    return self->fd;
}

void
work_port_call (work_port_t *self, const call_t *call, const void *entry, uint64_t tag)
{
    CHECK (call->arguments->size_bytes <= RECORD_BYTES_MAX &&
           call->results->size_bytes <= RECORD_BYTES_MAX);
    pthread_mutex_lock (&self->mutex);
    CHECK (self->asked_count - self->told < QUEUE_MAX); /* hash_queue keeps it far below */
    job_t *job = &self->jobs[self->asked_count % QUEUE_MAX];
    job->call = call;
    job->tag = tag;
    job->asked_us = clock_now_us ();
    memcpy (job->argument, entry, call->arguments->size_bytes);
    memset (job->result, 0, sizeof job->result);
    self->asked_count++;
    pthread_cond_signal (&self->asked);
    pthread_mutex_unlock (&self->mutex);
    FAILPOINT (FAILPOINT_SENT, call->call);
}

void
work_port_process (work_port_t *self)
{
    eventfd_t ignored;
    eventfd_read (self->fd, &ignored);
    pthread_mutex_lock (&self->mutex);
    uint64_t worked = self->worked;
    pthread_mutex_unlock (&self->mutex);
    while (self->told < worked) {
        job_t *job = &self->jobs[self->told % QUEUE_MAX];
        port_result_t result = { .call = job->call->call,
                                 .tag = job->tag,
                                 .rows = job->result,
                                 .detail = "",
                                 .status = job->is_done ? RESULT_OK : RESULT_REFUSED,
                                 .count = job->is_done ? 1 : 0,
                                 .took_us = clock_now_us () - job->asked_us };
        self->result (self->context, &result);
        explicit_bzero (job->result, sizeof job->result);
        pthread_mutex_lock (&self->mutex);
        self->told++;
        pthread_mutex_unlock (&self->mutex);
    }
}
