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
#define THREADS_MAX 16u
#define NICE 10

typedef struct job_t {
    const call_t *call;
    uint64_t tag;
    uint64_t asked_us;
    bool is_done;
    _Alignas(16) uint8_t argument[RECORD_BYTES_MAX]; /* structs of the records */
    _Alignas(16) uint8_t result[RECORD_BYTES_MAX];
} job_t;

/*  Numbers of jobs, first in, first out. There is room for all jobs in each. */
typedef struct line_t {
    uint16_t jobs[QUEUE_MAX];
    size_t first, count;
} line_t;

struct work_port_t {
    host_work_fn work;
    void *work_context;
    port_result_fn result;
    void *context;
    pthread_t threads[THREADS_MAX];
    unsigned thread_count;
    int fd;
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t asked;
    bool is_ending;
    job_t *jobs; /* QUEUE_MAX; each stands in one line, or is being worked on or told */
    line_t free, waiting, worked;
};

static void
s_put (line_t *line, size_t job)
{
    CHECK (line->count < QUEUE_MAX);
    line->jobs[(line->first + line->count++) % QUEUE_MAX] = (uint16_t)job;
}

static size_t
s_take (line_t *line)
{
    CHECK (line->count > 0); /* of the free: bounds of the cores keep the calls far below */
    size_t job = line->jobs[line->first++ % QUEUE_MAX];
    line->count--;
    return job;
}

static void *
s_thread (void *data)
{
    work_port_t *self = data;
    /* the nice value of Linux belongs to the thread */
    setpriority (PRIO_PROCESS, (id_t)syscall (SYS_gettid), NICE);
    pthread_mutex_lock (&self->mutex);
    while (!self->is_ending) {
        if (self->waiting.count == 0) {
            pthread_cond_wait (&self->asked, &self->mutex);
            continue;
        }
        size_t number = s_take (&self->waiting);
        job_t *job = &self->jobs[number];
        pthread_mutex_unlock (&self->mutex);
        job->is_done = self->work (self->work_context, job->call->call, job->argument, job->result);
        explicit_bzero (job->argument, sizeof job->argument);
        pthread_mutex_lock (&self->mutex);
        s_put (&self->worked, number);
        eventfd_write (self->fd, 1);
    }
    pthread_mutex_unlock (&self->mutex);
    return NULL;
}

work_port_t *
work_port_new (host_work_fn work, void *work_context, unsigned threads, port_result_fn result,
               void *context)
{
    work_port_t *self = calloc (1, sizeof *self);
    CHECK (self && threads <= THREADS_MAX);
    self->work = work;
    self->work_context = work_context;
    self->result = result;
    self->context = context;
    self->jobs = calloc (QUEUE_MAX, sizeof *self->jobs);
    self->fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
    CHECK (self->jobs && self->fd >= 0);
    for (size_t i = 0; i < QUEUE_MAX; i++)
        s_put (&self->free, i);
    CHECK (pthread_mutex_init (&self->mutex, NULL) == 0 &&
           pthread_cond_init (&self->asked, NULL) == 0);
    self->thread_count = threads ? threads : 1;
    for (unsigned i = 0; i < self->thread_count; i++)
        CHECK (pthread_create (&self->threads[i], NULL, s_thread, self) == 0);
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
    pthread_cond_broadcast (&self->asked);
    pthread_mutex_unlock (&self->mutex);
    for (unsigned i = 0; i < self->thread_count; i++)
        pthread_join (self->threads[i], NULL);
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
    size_t number = s_take (&self->free);
    job_t *job = &self->jobs[number];
    job->call = call;
    job->tag = tag;
    job->asked_us = clock_now_us ();
    memcpy (job->argument, entry, call->arguments->size_bytes);
    memset (job->result, 0, sizeof job->result);
    s_put (&self->waiting, number);
    pthread_cond_signal (&self->asked);
    pthread_mutex_unlock (&self->mutex);
    FAILPOINT (FAILPOINT_SENT, call->call);
}

/*  False if none is left. */
static bool
s_next_worked (work_port_t *self, size_t *number)
{
    pthread_mutex_lock (&self->mutex);
    bool is_any = self->worked.count > 0;
    if (is_any)
        *number = s_take (&self->worked);
    pthread_mutex_unlock (&self->mutex);
    return is_any;
}

void
work_port_process (work_port_t *self)
{
    eventfd_t ignored;
    size_t number;
    eventfd_read (self->fd, &ignored);
    /* QUEUE_MAX: results may ask for more, and the loop has others to serve */
    for (size_t turn = 0; turn < QUEUE_MAX && s_next_worked (self, &number); turn++) {
        job_t *job = &self->jobs[number];
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
        s_put (&self->free, number);
        pthread_mutex_unlock (&self->mutex);
    }
}
