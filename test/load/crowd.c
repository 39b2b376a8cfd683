#include "crowd.h"
#include "answer.h"
#include "requests.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define LOOK_US 5000u   /* between two looks at deadlines and pauses */
#define PAUSE_US 50000u /* before a retry, when the answer names no time */
#define PAUSE_US_MAX 1000000u
#define UNREACHABLE_PAUSE_US 20000u /* before the next attempt when nobody listens */

typedef enum connection_state_t {
    CONNECTION_AVAILABLE,
    CONNECTION_BUSY,
    CONNECTION_PAUSED
} connection_state_t;

typedef struct connection_t {
    connection_state_t state;
    int fd; /* -1 = closed */
    uint16_t port;
    act_t act;
    unsigned tries;
    uint64_t intended_us; /* when the attempt was due */
    uint64_t until_us;    /* BUSY: deadline; PAUSED: end of the pause */
    size_t out_count, out_sent;
    char out[REQUEST_BYTES_MAX];
    answer_t answer;
} connection_t;

typedef struct worker_t {
    const crowd_options_t *options;
    const volatile sig_atomic_t *stop;
    pthread_t thread;
    tally_t *tally;
    tally_t *act_tallies[ACT_KINDS]; /* of payments and cancels */
    acts_t *acts;
    int epoll_fd, timer_fd;
    connection_t *connections;
    unsigned connection_count;
    unsigned *available; /* stack of indices of AVAILABLE connections */
    unsigned available_count;
    uint64_t next;  /* number of this worker's next attempt; rises by the number of threads */
    uint64_t begun; /* attempts */
    uint64_t start_us, last_us;
    uint64_t looked_us;
    uint64_t not_before_us; /* closed loop: nobody listens, wait until then */
} worker_t;

static uint64_t
s_now_us (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/*  The attempt with this number, or false if there is none. */
static bool
s_attempt (const worker_t *self, uint64_t number, attempt_t *attempt)
{
    const crowd_options_t *options = self->options;
    if (options->attempts_max > 0 && number >= options->attempts_max)
        return false;
    if (options->path) {
        attempt->user = options->users > 0 ? (uint32_t)(number % options->users) : 0;
        attempt->key = 0;
        return true;
    }
    size_t plan = plan_count (options->plan);
    if (number >= plan && !options->is_repeating)
        return false;
    *attempt = plan_attempt (options->plan, (size_t)(number % plan));
    attempt->key += (uint32_t)(number / plan) * PLAN_TOGETHER;
    return true;
}

/* -------------------------------------------------------------------------- one connection */

static void
s_close (connection_t *connection)
{
    if (connection->fd >= 0)
        close (connection->fd);
    connection->fd = -1;
}

static bool
s_connect (worker_t *self, connection_t *connection)
{
    const int on = 1;
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons (connection->port) };
    struct sockaddr_in from = { .sin_family = AF_INET };
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data.u32 = (uint32_t)(connection - self->connections) };
    inet_pton (AF_INET, self->options->host, &to.sin_addr);
    connection->fd = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        return false;
    setsockopt (connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (self->options->source) {
        inet_pton (AF_INET, self->options->source, &from.sin_addr);
        setsockopt (connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind (connection->fd, (struct sockaddr *)&from, sizeof from) != 0)
            return false;
    }
    if (connect (connection->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
        return false;
    return epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) == 0;
}

/*  One line: of a purchase `monotonic_us user key try status code order_id sequence quantity latency_us`, of what follows
    `pay|cancel monotonic_us user key try status code order_id payment_id asked_or_status latency_us`. */
static void
s_write_log (const worker_t *self, const connection_t *connection, unsigned status,
             const char *code, const char *order_id, uint64_t now_us)
{
    char key[REQUEST_KEY_BYTES_MAX + 1], first[TALLY_ID_BYTES_MAX], second[TALLY_ID_BYTES_MAX];
    const act_t *act = &connection->act;
    bool is_buying = act->kind == ACT_BUY;
    bool is_done = status == 200 || status == 201;
    answer_member (&connection->answer, is_buying ? "sequence" : "payment_id", first, sizeof first);
    answer_member (&connection->answer, is_buying ? "quantity" : "status", second, sizeof second);
    if (act->kind == ACT_PAY)
        snprintf (second, sizeof second, "%s", act_outcome_word (act->outcome));
    request_key (self->options, act, key);
    fprintf (self->options->log, "%s%s%" PRIu64 " %u %s %u %u %s %s %s %s %" PRIu64 "\n",
             is_buying ? "" : act_word (act->kind), is_buying ? "" : " ", now_us, act->attempt.user,
             key, connection->tries, status, code,
             is_buying ? (*order_id ? order_id : "-") : act->order_id,
             is_done && *first ? first : "-",
             *second && (is_done || act->kind == ACT_PAY) ? second : "-",
             now_us - connection->intended_us);
}

static void
s_release (worker_t *self, connection_t *connection)
{
    connection->state = CONNECTION_AVAILABLE;
    self->available[self->available_count++] = (unsigned)(connection - self->connections);
}

/*  Time that a client who was told `retry_after_ms` waits. */
static uint64_t
s_pause_us (const connection_t *connection, unsigned status)
{
    char text[24] = "";
    if (status != 0)
        answer_member (&connection->answer, "retry_after_ms", text, sizeof text);
    uint64_t pause_us = strtoull (text, NULL, 10) * 1000u;
    if (pause_us == 0)
        return PAUSE_US;
    return pause_us < PAUSE_US_MAX ? pause_us : PAUSE_US_MAX;
}

/*  Counts an answer where its kind belongs, and queues what follows from it. */
static void
s_count (worker_t *self, const connection_t *connection, unsigned status, const char *code,
         bool is_final, uint64_t now_us)
{
    char order_id[TALLY_ID_BYTES_MAX] = "";
    const act_t *act = &connection->act;
    if (status != 0 && !self->options->path)
        answer_member (&connection->answer, "order_id", order_id, sizeof order_id);
    tally_answer (act->kind == ACT_BUY ? self->tally : self->act_tallies[act->kind], status, code,
                  is_final, now_us - connection->intended_us);
    if (status == 201 && act->kind == ACT_BUY && !self->options->path)
        tally_order (self->tally, act->attempt.user, order_id);
    if (self->options->log)
        s_write_log (self, connection, status, code, order_id, now_us);
    if (is_final && !self->options->path)
        acts_follow (self->acts, act, status, order_id, now_us);
}

/*  The end of one try: an answer, or `status` 0 with the word for what came instead. */
static void
s_finish (worker_t *self, connection_t *connection, unsigned status, const char *why)
{
    char code[TALLY_CODE_BYTES_MAX] = "none";
    uint64_t now_us = s_now_us ();
    if (status == 0)
        snprintf (code, sizeof code, "%s", why);
    else if (status >= 400) {
        answer_member (&connection->answer, "code", code, sizeof code);
        if (!*code)
            snprintf (code, sizeof code, "none");
    }
    bool is_final = (status > 0 && status < 500) || connection->tries > self->options->retries;
    s_count (self, connection, status, code, is_final, now_us);
    self->last_us = now_us;
    if (status == 0 || connection->answer.is_last)
        s_close (connection);
    if (is_final)
        s_release (self, connection);
    else {
        connection->until_us = now_us + s_pause_us (connection, status);
        connection->state = CONNECTION_PAUSED;
    }
}

static void
s_send_rest (worker_t *self, connection_t *connection)
{
    while (connection->out_sent < connection->out_count) {
        ssize_t sent = send (connection->fd, connection->out + connection->out_sent,
                             connection->out_count - connection->out_sent, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN && errno != ENOTCONN)
                s_finish (self, connection, 0, "broken");
            return;
        }
        connection->out_sent += (size_t)sent;
    }
}

static void
s_try (worker_t *self, connection_t *connection)
{
    connection->state = CONNECTION_BUSY;
    connection->tries++;
    connection->out_sent = 0;
    connection->until_us = s_now_us () + self->options->timeout_ms * 1000ull;
    answer_reset (&connection->answer);
    if (connection->fd < 0) {
        if (!s_connect (self, connection)) {
            self->not_before_us = s_now_us () + UNREACHABLE_PAUSE_US;
            s_finish (self, connection, 0, "unreachable");
        }
        return; /* sent when the connection is there */
    }
    s_send_rest (self, connection);
}

static void
s_read (worker_t *self, connection_t *connection, bool is_closing)
{
    static _Thread_local char bytes[65536];
    ssize_t count = recv (connection->fd, bytes, sizeof bytes, 0);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0) {
        s_close (connection);
        if (connection->state == CONNECTION_BUSY)
            s_finish (self, connection, 0, "broken");
        return;
    }
    answer_state_t state = answer_feed (&connection->answer, bytes, (size_t)count);
    if (connection->state != CONNECTION_BUSY || state == ANSWER_BAD) {
        s_close (connection);
        if (connection->state == CONNECTION_BUSY)
            s_finish (self, connection, 0, "malformed");
    } else if (state == ANSWER_DONE) {
        /* Edge-triggered: an end of stream that came with the bytes is not told again. */
        connection->answer.is_last |= is_closing;
        s_finish (self, connection, connection->answer.status, "");
    } else if (is_closing)
        s_read (self, connection, (size_t)count == sizeof bytes);
}

static void
s_handle (worker_t *self, connection_t *connection, uint32_t events)
{
    int error = 0;
    socklen_t error_size = sizeof error;
    if (connection->fd < 0)
        return;
    if (events & EPOLLERR) {
        getsockopt (connection->fd, SOL_SOCKET, SO_ERROR, &error, &error_size);
        s_close (connection);
        if (error == ECONNREFUSED)
            self->not_before_us = s_now_us () + UNREACHABLE_PAUSE_US;
        if (connection->state == CONNECTION_BUSY)
            s_finish (self, connection, 0, error == ECONNREFUSED ? "unreachable" : "broken");
        return;
    }
    if ((events & EPOLLOUT) && connection->state == CONNECTION_BUSY &&
        connection->out_sent < connection->out_count)
        s_send_rest (self, connection);
    if (connection->fd >= 0 && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)))
        s_read (self, connection, (events & (EPOLLRDHUP | EPOLLHUP)) != 0);
}

/* -------------------------------------------------------------------------- one thread */

static bool
s_is_closing_time (const worker_t *self, uint64_t now_us)
{
    double seconds = self->options->seconds;
    return *self->stop || (seconds > 0 && (double)(now_us - self->start_us) >= seconds * 1e6);
}

/*  When the worker's next attempt is due. */
static uint64_t
s_due_us (const worker_t *self)
{
    if (self->options->rate_per_s <= 0)
        return self->not_before_us;
    return self->start_us + (uint64_t)((double)self->next * 1e6 / self->options->rate_per_s);
}

/*  Puts an available connection to work. */
static void
s_begin (worker_t *self, const act_t *act, uint64_t intended_us)
{
    connection_t *connection = &self->connections[self->available[--self->available_count]];
    connection->act = *act;
    connection->tries = 0;
    connection->intended_us = intended_us;
    connection->out_count = request_print (self->options, act, connection->out);
    s_try (self, connection);
}

/*  Gives available connections what is due: first what shoppers do with their orders, then the plan's
    attempts. Returns false when nothing is left. */
static bool
s_begin_due (worker_t *self)
{
    uint64_t now_us = s_now_us ();
    act_t act = { .kind = ACT_BUY };
    if (s_is_closing_time (self, now_us))
        return false;
    while (self->available_count > 0 && self->not_before_us <= now_us &&
           acts_take (self->acts, now_us, &act))
        s_begin (self, &act, act.due_us);
    act = (act_t){ .kind = ACT_BUY };
    while (self->available_count > 0 && s_due_us (self) <= now_us) {
        if (!s_attempt (self, self->next, &act.attempt))
            return acts_count (self->acts) > 0;
        uint64_t intended_us = self->options->rate_per_s > 0 ? s_due_us (self) : now_us;
        self->next += self->options->threads;
        self->begun++;
        s_begin (self, &act, intended_us);
    }
    return acts_count (self->acts) > 0 || s_attempt (self, self->next, &act.attempt);
}

/*  Ends what waited too long and sends again what was paused. */
static void
s_look (worker_t *self)
{
    uint64_t now_us = s_now_us ();
    if (now_us - self->looked_us < LOOK_US)
        return;
    self->looked_us = now_us;
    for (unsigned i = 0; i < self->connection_count; i++) {
        connection_t *connection = &self->connections[i];
        if (connection->state == CONNECTION_AVAILABLE || connection->until_us > now_us)
            continue;
        if (connection->state == CONNECTION_PAUSED)
            s_try (self, connection);
        else {
            s_close (connection);
            s_finish (self, connection, 0, "timeout");
        }
    }
}

static void *
s_work (void *self_p)
{
    worker_t *self = self_p;
    struct epoll_event events[EVENTS_MAX];
    while (s_begin_due (self) || self->available_count < self->connection_count) {
        int count = epoll_wait (self->epoll_fd, events, EVENTS_MAX, (int)(LOOK_US / 1000));
        for (int i = 0; i < count; i++) {
            if (events[i].data.u32 < self->connection_count)
                s_handle (self, &self->connections[events[i].data.u32], events[i].events);
            else {
                uint64_t ticks;
                (void)!read (self->timer_fd, &ticks, sizeof ticks);
            }
        }
        s_look (self);
    }
    return NULL;
}

/*  Open loop: wakes the thread for every attempt, at most 10,000 times a second. */
static bool
s_start_timer (worker_t *self)
{
    double rate_per_s = self->options->rate_per_s / self->options->threads;
    struct epoll_event event = { .events = EPOLLIN, .data.u32 = self->connection_count };
    self->timer_fd = timerfd_create (CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (self->timer_fd < 0 || rate_per_s <= 0)
        return self->timer_fd >= 0;
    long interval_ns = rate_per_s > 10000  ? 100000
                       : rate_per_s < 1000 ? 1000000
                                           : (long)(1e9 / rate_per_s);
    struct itimerspec spec = { { 0, interval_ns }, { 0, interval_ns } };
    return timerfd_settime (self->timer_fd, 0, &spec, NULL) == 0 &&
           epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, self->timer_fd, &event) == 0;
}

static bool
s_worker_init (worker_t *self, const crowd_options_t *options, unsigned index,
               const volatile sig_atomic_t *stop)
{
    self->options = options;
    self->stop = stop;
    self->next = index;
    self->connection_count = options->connections / options->threads +
                             (index < options->connections % options->threads ? 1u : 0u);
    self->tally = tally_new (options->users);
    self->acts = acts_new (&options->habits);
    for (unsigned kind = 0; kind < ACT_KINDS; kind++)
        self->act_tallies[kind] = tally_new (0);
    self->connections = calloc (self->connection_count + 1, sizeof *self->connections);
    self->available = calloc (self->connection_count + 1, sizeof *self->available);
    self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
    if (!self->tally || !self->acts || !self->act_tallies[ACT_PAY] ||
        !self->act_tallies[ACT_CANCEL] || !self->connections || !self->available ||
        self->epoll_fd < 0)
        return false;
    for (unsigned i = 0; i < self->connection_count; i++) {
        self->connections[i].fd = -1;
        self->connections[i].port =
            options->ports[(i * options->threads + index) % options->port_count];
        s_release (self, &self->connections[i]);
    }
    self->start_us = self->last_us = s_now_us ();
    return s_start_timer (self);
}

static void
s_worker_end (worker_t *self)
{
    for (unsigned i = 0; self->connections && i < self->connection_count; i++)
        s_close (&self->connections[i]);
    if (self->epoll_fd > 0)
        close (self->epoll_fd);
    if (self->timer_fd > 0)
        close (self->timer_fd);
    free (self->connections);
    free (self->available);
    tally_destroy (&self->tally);
    acts_destroy (&self->acts);
    for (unsigned kind = 0; kind < ACT_KINDS; kind++)
        tally_destroy (&self->act_tallies[kind]);
}

bool
crowd_run (const crowd_options_t *options, const volatile sig_atomic_t *stop,
           crowd_result_t *result)
{
    worker_t workers[CROWD_THREADS_MAX] = { 0 };
    uint64_t start_us = s_now_us ();
    uint64_t last_us = start_us + 1;
    bool is_good = true;
    unsigned running = 0;
    result->attempts = 0;
    result->tally = tally_new (options->users);
    result->pays = tally_new (0);
    result->cancels = tally_new (0);
    for (unsigned i = 0; i < options->threads && is_good; i++)
        is_good = s_worker_init (&workers[i], options, i, stop);
    for (; running < options->threads && is_good; running++)
        if (pthread_create (&workers[running].thread, NULL, s_work, &workers[running]) != 0)
            break;
    for (unsigned i = 0; i < running; i++) {
        pthread_join (workers[i].thread, NULL);
        result->attempts += workers[i].begun;
        tally_merge (result->tally, workers[i].tally);
        tally_merge (result->pays, workers[i].act_tallies[ACT_PAY]);
        tally_merge (result->cancels, workers[i].act_tallies[ACT_CANCEL]);
        last_us = workers[i].last_us > last_us ? workers[i].last_us : last_us;
    }
    for (unsigned i = 0; i < options->threads; i++)
        s_worker_end (&workers[i]);
    result->seconds = (double)(last_us - start_us) / 1e6;
    return is_good && running == options->threads;
}
