#include "host_parts.h"

#include "check.h"
#include "clock.h"
#include "failpoint.h"
#include "foreign.h"
#include "log.h"
#include "metrics.h"
#include "params_load.h"
#include "rpc.h"

#include <czmq.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

/*  After SIGTERM: time without work that shows that no peer sends any more. */
#define QUIET_US 200000u

/*  What epoll reports, in data.u64. */
typedef enum source_t {
    SOURCE_INBOX,
    SOURCE_LINKS,
    SOURCE_SIGNAL,
    SOURCE_LOCAL,
    SOURCE_GATE,
    SOURCE_JOURNAL,
    SOURCE_SQL,
    SOURCE_WORK
} source_t;

/* -------------------------------------------------------------------------- metrics */

static void
s_send_samples (host_t *self)
{
    uint64_t metric = 0, label = 0;
    static sample_t samples[BATCH_ENTRIES_MAX];
    size_t count;
    metrics_set (METRIC_IN_FLIGHT, 0, (int64_t)self->self.in_flight);
    metrics_set (METRIC_QUEUE_DEPTH, 0, (int64_t)self->self.queue_depth);
    metrics_set (METRIC_LEADER, 0, (int64_t)self->self.leader);
    while ((count = metrics_collect (&metric, &label, samples, BATCH_ENTRIES_MAX))) {
        const process_t *peer;
        for (size_t i = 0; (peer = links_at (self->links, i)); i++)
            if (peer->kind == KIND_EDGE &&
                links_is_connected (self->links, peer->kind, peer->number)) {
                header_t header = { .type = MSG_SAMPLES,
                                    .to_kind = KIND_EDGE,
                                    .to_number = peer->number,
                                    .to_incarnation = peer->incarnation };
                host_send (self, &header, &record_sample, samples, count);
            }
        if (self->self.kind == KIND_EDGE) {
            header_t header = { .type = MSG_SAMPLES,
                                .to_kind = KIND_EDGE,
                                .to_number = self->self.number };
            host_send (self, &header, &record_sample, samples, count);
        }
    }
    self->next_samples_us = clock_now_us () + self->params.samples_ms * 1000;
}

/* -------------------------------------------------------------------------- making */

/*  Path of the inbox: brokers and the supervisor are found by it; all others carry their
   incarnation, so that a reused path never delivers what was meant for a predecessor. */
static void
s_name_endpoint (host_t *self)
{
    bool is_fixed = self->self.kind == KIND_BROKER || self->self.kind == KIND_SUPERVISOR;
    char incarnation[20] = "";
    if (!is_fixed)
        snprintf (incarnation, sizeof incarnation, "-%016" PRIx64, self->self.incarnation);
    if (!instance_path (&self->params, self->inbox_path, sizeof self->inbox_path,
                        "run/ipc/%s-%" PRIu64 "%s", kind_name (self->self.kind), self->self.number,
                        incarnation)) {
        fprintf (stderr,
                 "the path of MINISHOP_DIR (%s) is too long for a socket: choose a shorter one\n",
                 self->params.dir);
        exit (1);
    }
    int length =
        snprintf (self->self.endpoint, sizeof self->self.endpoint, "ipc://%s", self->inbox_path);
    if (length >= (int)sizeof self->self.endpoint) {
        fprintf (stderr,
                 "the path of MINISHOP_DIR (%s) is too long for a socket: choose a shorter one\n",
                 self->params.dir);
        exit (1);
    }
}

static void
s_bind_inbox (host_t *self)
{
    int64_t size_max = BODY_BYTES_MAX;
    int high_water = (int)self->params.queue_messages, linger = 0, handshake_ms = 2000, fd;
    size_t size = sizeof fd;
    unlink (self->inbox_path);
    FOREIGN_BEGIN ();
    self->inbox = zmq_socket (self->zmq_context, ZMQ_PULL);
    CHECK (self->inbox);
    zmq_setsockopt (self->inbox, ZMQ_MAXMSGSIZE, &size_max, sizeof size_max);
    zmq_setsockopt (self->inbox, ZMQ_RCVHWM, &high_water, sizeof high_water);
    zmq_setsockopt (self->inbox, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt (self->inbox, ZMQ_HANDSHAKE_IVL, &handshake_ms, sizeof handshake_ms);
    if (zmq_bind (self->inbox, self->self.endpoint) != 0) {
        fprintf (stderr, "cannot bind %s: %s\n", self->self.endpoint, zmq_strerror (zmq_errno ()));
        exit (1);
    }
    chmod (self->inbox_path, 0600);
    CHECK (zmq_getsockopt (self->inbox, ZMQ_FD, &fd, &size) == 0);
    FOREIGN_END ();
    struct epoll_event watch = { .events = EPOLLIN, .data = { .u64 = SOURCE_INBOX } };
    CHECK (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &watch) == 0);
}

/*  One process of a kind and number per folder: the lock tells that a predecessor is really gone.
 */
static void
s_lock (host_t *self)
{
    char path[PATH_MAX];
    CHECK (instance_path (&self->params, path, sizeof path, "run/lock/%s-%" PRIu64,
                          kind_name (self->self.kind), self->self.number));
    self->lock_fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (self->lock_fd < 0 || flock (self->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        fprintf (stderr,
                 "%s/%" PRIu64 " already runs in %s, or %s cannot be made: see `minishop status`\n",
                 kind_name (self->self.kind), self->self.number, self->params.dir, path);
        exit (1);
    }
}

static void
s_watch_signals (host_t *self)
{
    sigset_t signals;
    sigemptyset (&signals);
    sigaddset (&signals, SIGTERM);
    sigaddset (&signals, SIGINT);
    CHECK (pthread_sigmask (SIG_BLOCK, &signals, NULL) == 0);
    signal (SIGPIPE, SIG_IGN); /* hiredis writes without MSG_NOSIGNAL */
    self->signal_fd = signalfd (-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    struct epoll_event watch = { .events = EPOLLIN, .data = { .u64 = SOURCE_SIGNAL } };
    CHECK (self->signal_fd >= 0 &&
           epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, self->signal_fd, &watch) == 0);
}

static void
s_open_stores (host_t *self)
{
    const host_options_t *options = self->options;
    if (options->gate_user)
        self->gate = redis_port_new (&self->params, options->gate_user, options->is_script_loader,
                                     self->epoll_fd, SOURCE_GATE, host_on_result, self);
    if (options->reads_journals)
        self->journal = redis_port_new (&self->params, options->gate_user, false, self->epoll_fd,
                                        SOURCE_JOURNAL, host_on_result, self);
    if (self->params.sql_connections < options->sql_connections)
        self->params.sql_connections = options->sql_connections;
    if (options->sql_role)
        self->sql = sql_port_new (&self->params, options->sql_role, self->epoll_fd, SOURCE_SQL,
                                  host_on_result, self);
    if (options->work) {
        void *context = options->work_context ? options->work_context (&self->params) : NULL;
        if (options->work_context && !context)
            exit (1);
        self->work =
            work_port_new (options->work, context, options->work_threads, host_on_result, self);
        struct epoll_event watch = { .events = EPOLLIN, .data = { .u64 = SOURCE_WORK } };
        CHECK (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, work_port_fd (self->work), &watch) == 0);
    }
}

static void
s_open_broker (host_t *self, uint64_t number, const char *endpoint)
{
    process_t broker = { .kind = KIND_BROKER, .number = number };
    snprintf (broker.endpoint, sizeof broker.endpoint, "%s", endpoint);
    if (strcmp (broker.endpoint, self->self.endpoint) != 0)
        links_learn (self->links, &broker);
}

/*  Links to the brokers are there from the start; everything else is learned from them. Of brokers that nobody named those count
    whose inboxes are there, so that a process can start while one of several is away; the first counts in any case, for it may come
    later. */
static void
s_open_brokers (host_t *self)
{
    char list[PARAM_TEXT_BYTES_MAX + 1], *rest = list, *endpoint;
    uint64_t number = 0;
    snprintf (list, sizeof list, "%s", self->params.brokers);
    while (*self->params.brokers && (endpoint = strsep (&rest, ",")) && number < BROKERS_MAX)
        s_open_broker (self, ++number, endpoint);
    while (!*self->params.brokers && ++number <= BROKERS_MAX) {
        char own[ENDPOINT_BYTES_MAX + 16];
        CHECK (rpc_endpoint (&self->params, KIND_BROKER, number, own, sizeof own));
        if (number == 1 || access (own + strlen ("ipc://"), F_OK) == 0)
            s_open_broker (self, number, own);
    }
}

host_t *
host_new (const actor_class_t *class_, const host_options_t *options, const params_t *params,
          uint64_t number)
{
    host_t *self = calloc (1, sizeof *self);
    CHECK (self && sodium_init () >= 0);
    zsys_handler_set (NULL);
    self->class_ = class_;
    self->options = options;
    self->params = *params;
    self->self.kind = class_->kind;
    self->self.number = number;
    randombytes_buf (&self->self.incarnation, sizeof self->self.incarnation);
    self->self.incarnation = (self->self.incarnation >> 1) | 1;
    self->self.pid = (uint64_t)getpid ();
    self->self.state = STATE_STARTING;
    self->self.since_ms = clock_wall_ms ();
    snprintf (self->self.version, sizeof self->self.version, "%s", MINISHOP_VERSION);
    self->handled_since_us = clock_now_us ();
    self->body_bytes = malloc (BODY_BYTES_MAX);
    self->entries = calloc (BATCH_ENTRIES_MAX, sizeof (sale_t));
    CHECK (self->body_bytes && self->entries);
    if (class_->kind != KIND_SUPERVISOR) /* it is what starts the others again */
        FAILPOINT_OPEN (params, class_->kind, number);
    s_lock (self);
    s_name_endpoint (self);
    self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
    self->zmq_context = zmq_ctx_new ();
    CHECK (self->epoll_fd >= 0 && self->zmq_context);
    s_watch_signals (self);
    s_bind_inbox (self);
    self->links = links_new (self->zmq_context, self->epoll_fd, SOURCE_LINKS, &self->params,
                             host_on_link_change, self);
    self->effects = effects_new ();
    self->core = class_->new_ (&self->params, host_address (self));
    CHECK (self->core);
    s_open_stores (self);
    return self;
}

void
host_destroy (host_t **self_p)
{
    host_t *self = *self_p;
    if (!self)
        return;
    work_port_destroy (&self->work);
    sql_port_destroy (&self->sql);
    redis_port_destroy (&self->journal);
    redis_port_destroy (&self->gate);
    links_destroy (&self->links);
    FOREIGN_BEGIN ();
    zmq_close (self->inbox);
    zmq_ctx_term (self->zmq_context);
    FOREIGN_END ();
    unlink (self->inbox_path);
    self->class_->destroy (&self->core);
    effects_destroy (&self->effects);
    close (self->signal_fd);
    close (self->epoll_fd);
    close (self->lock_fd);
    free (self->body_bytes);
    free (self->entries);
    free (self);
    *self_p = NULL;
}

void
host_set_http (host_t *self, const char *http_endpoint, const char *operations_endpoint)
{
    snprintf (self->self.http_endpoint, sizeof self->self.http_endpoint, "%s", http_endpoint);
    snprintf (self->self.operations_endpoint, sizeof self->self.operations_endpoint, "%s",
              operations_endpoint);
}

address_t
host_address (const host_t *self)
{
    return (address_t){ self->self.kind, self->self.number, self->self.incarnation };
}

void
host_set_local (host_t *self, int fd, host_drain_fn drain, host_deliver_fn deliver, void *context)
{
    self->local_fd = fd;
    self->drain = drain;
    self->deliver = deliver;
    self->local_context = context;
    struct epoll_event watch = { .events = EPOLLIN, .data = { .u64 = SOURCE_LOCAL } };
    CHECK (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &watch) == 0);
}

/* -------------------------------------------------------------------------- running */

static void
s_on_signal (host_t *self)
{
    struct signalfd_siginfo info;
    if (read (self->signal_fd, &info, sizeof info) != (ssize_t)sizeof info || self->stop_us)
        return;
    self->stop_us = clock_now_us ();
    self->last_busy_us = self->stop_us;
    log_write (LOG_LEVEL_INFO, "stopping", "signal %u from process %u", info.ssi_signo,
               info.ssi_pid);
    event_t event = { .type = EVENT_STOP };
    host_step (self, &event);
}

void
host_stop (host_t *self)
{
    kill ((pid_t)self->self.pid, SIGTERM);
}

static void
s_on_ready (host_t *self, const struct epoll_event *event)
{
    switch ((source_t)event->data.u64) {
    case SOURCE_INBOX:
        self->inbox_has_more = true;
        break;
    case SOURCE_LINKS:
        links_process (self->links);
        break;
    case SOURCE_SIGNAL:
        s_on_signal (self);
        break;
    case SOURCE_LOCAL:
        self->drain (self->local_context, self);
        break;
    case SOURCE_GATE:
        redis_port_process (self->gate, event->events);
        break;
    case SOURCE_JOURNAL:
        redis_port_process (self->journal, event->events);
        break;
    case SOURCE_SQL:
        sql_port_process (self->sql);
        break;
    case SOURCE_WORK:
        work_port_process (self->work);
        break;
    }
}

static uint64_t
s_min (uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/*  Everything that depends on time. Returns when to come back. */
static uint64_t
s_tick (host_t *self)
{
    uint64_t now_us = clock_now_us (), next_us = UINT64_MAX;
    if (self->gate)
        next_us = s_min (next_us, redis_port_tick (self->gate, now_us));
    if (self->journal)
        next_us = s_min (next_us, redis_port_tick (self->journal, now_us));
    if (self->sql)
        next_us = s_min (next_us, sql_port_tick (self->sql, now_us));
    if (now_us >= self->class_->wake_us (self->core)) {
        event_t event = { .type = EVENT_TIMER };
        host_step (self, &event);
        FAILPOINT (FAILPOINT_STEP, FAILPOINT_TIMER);
    }
    host_take_loopback (self);
    host_refresh_status (self);
    host_take_loopback (self);
    if (self->is_doubting && now_us > self->params.heartbeat_miss_ms * 1000)
        self->is_doubting =
            links_drop_doubted (self->links, now_us - self->params.heartbeat_miss_ms * 1000);
    if (now_us >= self->next_heartbeat_us)
        host_heartbeat (self);
    if (now_us >= self->next_samples_us)
        s_send_samples (self);
    host_take_loopback (self);
    next_us = s_min (next_us, self->class_->wake_us (self->core));
    next_us = s_min (next_us, self->next_heartbeat_us);
    return s_min (next_us, self->next_samples_us);
}

/*  After SIGTERM: done when nothing is in flight and no work has come for a while, or when
 * the time for it is over. */
static bool
s_is_drained (const host_t *self, uint64_t now_us)
{
    if (now_us >= self->stop_us + self->params.drain_ms * 1000)
        return true;
    return self->self.in_flight == 0 && now_us >= self->last_busy_us + QUIET_US;
}

static int
s_wait_ms (uint64_t now_us, uint64_t next_us)
{
    if (next_us <= now_us)
        return 0;
    uint64_t wait_ms = (next_us - now_us + 999) / 1000;
    return wait_ms > 60000 ? 60000 : (int)wait_ms;
}

int
host_run (host_t *self)
{
    struct epoll_event events[32];
    event_t start = { .type = EVENT_START };
    s_open_brokers (self);
    host_step (self, &start);
    /* an event that came before epoll watched it would never be reported again */
    self->inbox_has_more = true;
    links_process (self->links);
    for (;;) {
        uint64_t next_us = s_tick (self);
        uint64_t now_us = clock_now_us ();
        if (self->stop_us && s_is_drained (self, now_us))
            break;
        if (self->stop_us)
            next_us = s_min (next_us, now_us + QUIET_US / 4);
        int count = epoll_wait (self->epoll_fd, events, 32,
                                self->inbox_has_more ? 0 : s_wait_ms (now_us, next_us));
        for (int i = 0; i < count; i++)
            s_on_ready (self, &events[i]);
        if (self->inbox_has_more)
            host_receive_turn (self);
        /* sending may have taken in what a monitor has to say, and its descriptor will not tell
         * again */
        links_process (self->links);
    }
    host_leave (self);
    log_write (LOG_LEVEL_INFO, "stopped", "%" PRIu64 " in flight", self->self.in_flight);
    return self->self.in_flight == 0 ? 0 : 1;
}

/* -------------------------------------------------------------------------- programs */

static void
s_print_help (const actor_class_t *class_)
{
    printf ("minishop-%s --number N\n\nOne %s process of a MiniShop instance. It is started by "
            "`minishop up`.\n\n",
            kind_name (class_->kind), kind_name (class_->kind));
    params_print ();
}

int
host_main (const actor_class_t *class_, const host_options_t *options, int argc, char **argv)
{
    static const struct option choices[] = { { "number", required_argument, NULL, 'n' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    static params_t params;
    char reason[512], name[64];
    uint64_t number = 1;
    int choice;
    while ((choice = getopt_long (argc, argv, "n:h", choices, NULL)) != -1) {
        if (choice == 'h') {
            s_print_help (class_);
            return 0;
        }
        if (choice != 'n' || (number = strtoull (optarg, NULL, 10)) == 0 ||
            number > PROCESSES_MAX) {
            fprintf (stderr, "minishop-%s: --number is from 1 to %u; see --help\n",
                     kind_name (class_->kind), PROCESSES_MAX);
            return 2;
        }
    }
    if (!params_load (&params, reason, sizeof reason)) {
        fprintf (stderr, "minishop-%s: %s\n", kind_name (class_->kind), reason);
        return 2;
    }
    snprintf (name, sizeof name, "%s/%" PRIu64, kind_name (class_->kind), number);
    log_open (name, params.log_level);
    host_t *host = host_new (class_, options, &params, number);
    int status = host_run (host);
    host_destroy (&host);
    return status;
}
