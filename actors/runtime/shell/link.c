#include "link.h"

#include "check.h"
#include "foreign.h"

#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <zmq.h>

#define RECONNECT_MS 20
#define RECONNECT_MS_MAX 500
#define HANDSHAKE_MS 2000

typedef struct link_t {
    process_t process;
    void *socket;
    void *monitor;
    bool is_connected;
    uint64_t doubted_us; /* 0 = in good standing */
} link_t;

struct links_t {
    void *zmq_context;
    int epoll_fd;
    uint64_t epoll_data;
    const params_t *params;
    link_change_fn change;
    void *context;
    uint64_t monitor_counter; /* names the monitors' inproc endpoints */
    link_t links[PROCESSES_MAX];
    size_t count;
};

links_t *
links_new (void *zmq_context, int epoll_fd, uint64_t epoll_data, const params_t *params,
           link_change_fn change, void *context)
{
    links_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->zmq_context = zmq_context;
    self->epoll_fd = epoll_fd;
    self->epoll_data = epoll_data;
    self->params = params;
    self->change = change;
    self->context = context;
    return self;
}

static void
s_close (links_t *self, link_t *link)
{
    int fd;
    size_t size = sizeof fd;
    FOREIGN_BEGIN ();
    if (zmq_getsockopt (link->monitor, ZMQ_FD, &fd, &size) == 0)
        epoll_ctl (self->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    zmq_socket_monitor (link->socket, NULL, 0);
    zmq_close (link->monitor);
    zmq_close (link->socket);
    FOREIGN_END ();
}

void
links_destroy (links_t **self_p)
{
    links_t *self = *self_p;
    if (self) {
        for (size_t i = 0; i < self->count; i++)
            s_close (self, &self->links[i]);
        free (self);
        *self_p = NULL;
    }
}

static link_t *
s_find (const links_t *self, uint64_t kind, uint64_t number)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->links[i].process.kind == kind && self->links[i].process.number == number)
            return (link_t *)&self->links[i];
    return NULL;
}

static void
s_set (void *socket, int option, int value)
{
    CHECK (zmq_setsockopt (socket, option, &value, sizeof value) == 0);
}

/*  Fixed paths outlive their process: nothing may wait in the pipe for whoever comes next. */
static bool
s_has_fixed_endpoint (const process_t *process)
{
    return process->kind == KIND_BROKER || process->kind == KIND_SUPERVISOR;
}

static void
s_watch (links_t *self, link_t *link)
{
    char endpoint[64];
    int fd;
    size_t size = sizeof fd;
    snprintf (endpoint, sizeof endpoint, "inproc://monitor-%p-%" PRIu64, (void *)self,
              ++self->monitor_counter);
    CHECK (zmq_socket_monitor (link->socket, endpoint,
                               ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) == 0);
    link->monitor = zmq_socket (self->zmq_context, ZMQ_PAIR);
    CHECK (link->monitor && zmq_connect (link->monitor, endpoint) == 0);
    CHECK (zmq_getsockopt (link->monitor, ZMQ_FD, &fd, &size) == 0);
    struct epoll_event watch = { .events = EPOLLIN, .data = { .u64 = self->epoll_data } };
    CHECK (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &watch) == 0);
}

static bool
s_open (links_t *self, const process_t *process)
{
    if (self->count == PROCESSES_MAX)
        return false;
    link_t *link = &self->links[self->count];
    memset (link, 0, sizeof *link);
    link->process = *process;
    FOREIGN_BEGIN ();
    link->socket = zmq_socket (self->zmq_context, ZMQ_PUSH);
    CHECK (link->socket);
    s_set (link->socket, ZMQ_LINGER, 200);
    s_set (link->socket, ZMQ_SNDHWM, (int)self->params->queue_messages);
    s_set (link->socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    s_set (link->socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MS_MAX);
    s_set (link->socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    s_set (link->socket, ZMQ_IMMEDIATE, s_has_fixed_endpoint (process));
    s_watch (self, link);
    bool is_connecting = zmq_connect (link->socket, process->endpoint) == 0;
    FOREIGN_END ();
    if (!is_connecting) {
        s_close (self, link);
        return false;
    }
    self->count++;
    return true;
}

void
links_drop (links_t *self, uint64_t kind, uint64_t number)
{
    link_t *link = s_find (self, kind, number);
    if (!link)
        return;
    process_t process = link->process;
    bool was_connected = link->is_connected;
    s_close (self, link);
    *link = self->links[--self->count];
    if (was_connected)
        self->change (self->context, LINK_BROKEN, &process);
}

bool
links_learn (links_t *self, const process_t *process)
{
    link_t *link = s_find (self, process->kind, process->number);
    if (!link)
        return s_open (self, process);
    if (link->process.incarnation == process->incarnation || link->process.incarnation == 0) {
        link->process = *process;
        return true;
    }
    /* Also at the same fixed path: what the old monitor has told, or has not told yet, may be of either of them. The pipe may even
       lead to the successor already, taken for its predecessor because of a late topology; then no event would ever come again. */
    links_drop (self, process->kind, process->number);
    return s_open (self, process);
}

const process_t *
links_find (const links_t *self, uint64_t kind, uint64_t number, uint64_t incarnation)
{
    const link_t *link = s_find (self, kind, number);
    return link && (incarnation == 0 || link->process.incarnation == incarnation) ? &link->process
                                                                                  : NULL;
}

bool
links_is_connected (const links_t *self, uint64_t kind, uint64_t number)
{
    const link_t *link = s_find (self, kind, number);
    return link && link->is_connected;
}

bool
links_doubt (links_t *self, uint64_t kind, uint64_t number, uint64_t now_us)
{
    link_t *link = s_find (self, kind, number);
    if (!link || s_has_fixed_endpoint (&link->process) || link->process.kind == KIND_CONSOLE ||
        link->doubted_us)
        return false;
    link->doubted_us = now_us;
    return true;
}

void
links_trust (links_t *self, uint64_t kind, uint64_t number)
{
    link_t *link = s_find (self, kind, number);
    if (link)
        link->doubted_us = 0;
}

bool
links_drop_doubted (links_t *self, uint64_t since_us)
{
    bool is_any_left = false;
    for (size_t i = 0; i < self->count;) {
        link_t *link = &self->links[i];
        if (link->doubted_us && link->doubted_us <= since_us) {
            links_drop (self, link->process.kind, link->process.number);
            continue;
        }
        is_any_left |= link->doubted_us != 0;
        i++;
    }
    return is_any_left;
}

const process_t *
links_at (const links_t *self, size_t index)
{
    return index < self->count ? &self->links[index].process : NULL;
}

bool
links_send (links_t *self, uint64_t kind, uint64_t number, uint64_t incarnation, const void *header,
            size_t header_bytes, const void *body, size_t body_bytes)
{
    link_t *link = s_find (self, kind, number);
    if (!link ||
        (incarnation && link->process.incarnation && link->process.incarnation != incarnation))
        return false;
    /* The pipe takes whole messages: once the first frame is in, the second is never refused. */
    FOREIGN_BEGIN ();
    bool is_sent = zmq_send (link->socket, header, header_bytes, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
                   zmq_send (link->socket, body, body_bytes, ZMQ_DONTWAIT) >= 0;
    FOREIGN_END ();
    return is_sent;
}

/*  One event of one monitor: 16 bits event, 32 bits value; then a frame with the endpoint. Returns
 * 0 if there is none. */
static uint16_t
s_next_event (link_t *link)
{
    uint8_t frame[6];
    char endpoint[256];
    uint16_t event = 0;
    FOREIGN_BEGIN ();
    bool is_there =
        zmq_recv (link->monitor, frame, sizeof frame, ZMQ_DONTWAIT) == (int)sizeof frame &&
        zmq_recv (link->monitor, endpoint, sizeof endpoint, ZMQ_DONTWAIT) >= 0;
    FOREIGN_END ();
    if (is_there)
        memcpy (&event, frame, sizeof event);
    return event;
}

/*  Returns false if the link is gone, so that the walk looks at the same place again. */
static bool
s_process_link (links_t *self, link_t *link)
{
    uint16_t event;
    while ((event = s_next_event (link))) {
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED && !link->is_connected) {
            link->is_connected = true;
            /* the socket takes in the new pipe now; a send would look for it only once in a while */
            int ignored;
            size_t size = sizeof ignored;
            FOREIGN_BEGIN ();
            zmq_getsockopt (link->socket, ZMQ_EVENTS, &ignored, &size);
            FOREIGN_END ();
            process_t process = link->process;
            self->change (self->context, LINK_CONNECTED, &process);
            return false; /* the listener may have changed the table */
        }
        if (event == ZMQ_EVENT_DISCONNECTED && s_has_fixed_endpoint (&link->process)) {
            if (!link->is_connected)
                continue; /* a pipe that never was: says nothing of whom we know to be there */
            process_t process = link->process;
            link->is_connected = false;
            link->process.incarnation = 0; /* whoever comes next says who it is */
            self->change (self->context, LINK_BROKEN, &process);
            return false;
        }
        if (event == ZMQ_EVENT_DISCONNECTED) {
            links_drop (self, link->process.kind, link->process.number);
            return false;
        }
    }
    return true;
}

void
links_process (links_t *self)
{
    for (size_t i = 0; i < self->count;)
        if (s_process_link (self, &self->links[i]))
            i++;
}
