#include "host.h"

#include "check.h"
#include "clock.h"
#include "codec.h"
#include "failpoint.h"
#include "foreign.h"
#include "link.h"
#include "log.h"
#include "metrics.h"
#include "params_load.h"
#include "redis_port.h"
#include "rpc.h"
#include "sql_port.h"
#include "work_port.h"

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

/*  Messages taken from the inbox before the stores and the clock get their turn. */
#define INBOX_TURN 64
/*  Own messages to oneself wait here; only a broker has any, and few. */
#define LOOPBACK_MAX 64
#define BROKERS_MAX 8
/*  After SIGTERM: time without work that shows that no peer sends any more. */
#define QUIET_US 200000u
#define DEPARTED_MAX 128
/*  Before a heartbeat that found no pipe is sent again. */
#define HEARTBEAT_AGAIN_US 5000u

typedef struct loopback_t {
    header_t header;
    const record_t *record;
    void *entries;
    size_t count;
} loopback_t;

struct host_t {
    const actor_class_t *class_;
    const host_options_t *options;
    params_t params;
    process_t self; /* as it stands in heartbeats */
    void *core;
    effects_t *effects;
    bool is_stepping;

    void *zmq_context;
    void *inbox;
    char inbox_path[ENDPOINT_BYTES_MAX + 1];
    int lock_fd, epoll_fd, signal_fd, local_fd;
    bool inbox_has_more;
    bool is_doubting; /* some peer is to answer a PING */
    links_t *links;
    uint64_t message_id;
    uint64_t topology_versions[BROKERS_MAX +
                               1]; /* by broker: what this process has, told in heartbeats */

    host_drain_fn drain;
    host_deliver_fn deliver;
    void *local_context;

    redis_port_t *gate, *journal;
    sql_port_t *sql;
    work_port_t *work;

    uint64_t departed[DEPARTED_MAX]; /* incarnations whose pipes broke: a ring */
    size_t departed_count;
    loopback_t loopback[LOOPBACK_MAX];
    size_t loopback_count;

    uint64_t next_heartbeat_us, next_samples_us, handled_before, handled_since_us;
    uint64_t stop_us, last_busy_us, handled; /* busy: something was in flight or was handled */
    uint8_t header_bytes[HEADER_BYTES_MAX];
    uint8_t *
        body_bytes; /* BODY_BYTES_MAX; a received message is decoded before the next is written here */
    void *entries; /* of the message being received: ENTRIES_BYTES */
};

#define ENTRIES_BYTES (BATCH_ENTRIES_MAX * sizeof (sale_t))

static void s_step (host_t *self, event_t *event);

/* -------------------------------------------------------------------------- sending */

static bool
s_is_self (const host_t *self, const header_t *header)
{
    return header->to_kind == self->self.kind && header->to_number == self->self.number;
}

/*  A message to oneself is taken up after the step: effects are carried out in order, and a core is
 * never stepped within its step. */
static void
s_loop_back (host_t *self, const header_t *header, const record_t *record, const void *entries,
             size_t count)
{
    CHECK (self->loopback_count < LOOPBACK_MAX);
    loopback_t *message = &self->loopback[self->loopback_count++];
    message->header = *header;
    message->record = record;
    message->count = count;
    message->entries = malloc (count * record->size_bytes + 1);
    CHECK (message->entries);
    if (count)
        memcpy (message->entries, entries, count * record->size_bytes);
}

/*  The command line is in no directory: its inbox is named after what stands in its question. One
 * that has gone is not waited for. */
static void
s_learn_console (host_t *self, const header_t *header)
{
    char path[ENDPOINT_BYTES_MAX - 8];
    process_t console = { .kind = KIND_CONSOLE,
                          .number = header->to_number,
                          .incarnation = header->to_incarnation };
    if (!instance_path (&self->params, path, sizeof path, "run/ipc/console-%" PRIu64 "-%016" PRIx64,
                        console.number, console.incarnation) ||
        access (path, F_OK) != 0)
        return;
    snprintf (console.endpoint, sizeof console.endpoint, "ipc://%s", path);
    links_learn (self->links, &console);
}

static bool
s_send (host_t *self, header_t *header, const record_t *record, const void *entries, size_t count)
{
    FAILPOINT (FAILPOINT_SEND, header->type);
    header->protocol = PROTOCOL_VERSION;
    header->message_id = ++self->message_id;
    header->from_kind = self->self.kind;
    header->from_number = self->self.number;
    header->from_incarnation = self->self.incarnation;
    header->sent_us = clock_now_us ();
    header->count = count;
    if (header->to_kind == KIND_CLIENT) {
        if (self->deliver)
            self->deliver (self->local_context, header, entries, count);
        return true;
    }
    if (s_is_self (self, header)) {
        s_loop_back (self, header, record, entries, count);
        return true;
    }
    if (header->to_kind == KIND_CONSOLE)
        s_learn_console (self, header);
    size_t header_count =
        codec_write_header (header, self->header_bytes, sizeof self->header_bytes);
    size_t body_count = codec_write (record, entries, count, self->body_bytes, BODY_BYTES_MAX);
    CHECK (header_count && body_count);
    bool is_sent =
        links_send (self->links, header->to_kind, header->to_number, header->to_incarnation,
                    self->header_bytes, header_count, self->body_bytes, body_count);
    metrics_add (is_sent ? METRIC_MESSAGES_SENT : METRIC_MESSAGES_DROPPED, header->type, 1);
    return is_sent;
}

/* -------------------------------------------------------------------------- effects */

static void
s_call (host_t *self, const effect_t *effect)
{
    const call_t *call = schema_call (effect->call);
    FAILPOINT (FAILPOINT_CALL, effect->call);
    switch (call->store) {
    case STORE_GATE:
        CHECK (self->gate);
        redis_port_call (self->gate, call, effect->entries, effect->count, effect->tag);
        break;
    case STORE_JOURNAL:
        CHECK (self->journal);
        redis_port_call (self->journal, call, effect->entries, effect->count, effect->tag);
        break;
    case STORE_SQL:
        CHECK (self->sql);
        sql_port_call (self->sql, call, effect->entries, effect->count, effect->tag);
        break;
    case STORE_WORK:
        CHECK (self->work && effect->count == 1);
        work_port_call (self->work, call, effect->entries, effect->tag);
        break;
    }
}

static void
s_apply (host_t *self, const effect_t *effect)
{
    header_t header;
    switch (effect->type) {
    case EFFECT_SEND:
        header = effect->header;
        s_send (self, &header, effect->record, effect->entries, effect->count);
        break;
    case EFFECT_CALL:
        s_call (self, effect);
        break;
    case EFFECT_LOG:
        log_write (effect->level, effect->event, "%s", effect->detail);
        break;
    case EFFECT_COUNT:
        metrics_add (effect->metric, effect->label, effect->value);
        break;
    case EFFECT_GAUGE:
        metrics_set (effect->metric, effect->label, effect->value);
        break;
    case EFFECT_OBSERVE:
        metrics_observe (effect->metric, effect->value);
        break;
    }
}

static void
s_step (host_t *self, event_t *event)
{
    CHECK (!self->is_stepping);
    self->is_stepping = true;
    event->now_us = clock_now_us ();
    effects_clear (self->effects);
    self->class_->step (self->core, event, self->effects);
    for (size_t i = 0; i < effects_count (self->effects); i++)
        s_apply (self, effects_at (self->effects, i));
    metrics_observe (METRIC_STEP_US, (int64_t)(clock_now_us () - event->now_us));
    self->is_stepping = false;
}

static void
s_on_result (void *context, const port_result_t *result)
{
    host_t *self = context;
    const call_t *call = schema_call (result->call);
    if (result->status == RESULT_OK)
        FAILPOINT (FAILPOINT_RESULT, result->call);
    metrics_add (result->status == RESULT_OK ? METRIC_CALLS : METRIC_CALLS_FAILED, result->call, 1);
    if (result->status == RESULT_OK && call->store == STORE_GATE)
        metrics_observe (METRIC_GATE_US, (int64_t)result->took_us);
    if (result->status == RESULT_OK && call->store == STORE_SQL)
        metrics_observe (METRIC_SQL_US, (int64_t)result->took_us);
    event_t event = { .type = EVENT_RESULT,
                      .call = result->call,
                      .tag = result->tag,
                      .status = result->status,
                      .entries = result->rows,
                      .count = result->count,
                      .detail = result->detail };
    s_step (self, &event);
}

/* -------------------------------------------------------------------------- directory */

static uint64_t *
s_topology_version (host_t *self, uint64_t broker_number)
{
    return &self->topology_versions[broker_number <= BROKERS_MAX ? broker_number : 0];
}

/*  Returns false if it was not sent though there is a connection: the pipe is not quite there yet. */
static bool
s_heartbeat_to (host_t *self, const process_t *broker)
{
    header_t header = { .type = MSG_HEARTBEAT,
                        .to_kind = KIND_BROKER,
                        .to_number = broker->number,
                        .batch_id = *s_topology_version (self, broker->number) };
    return s_send (self, &header, &record_process, &self->self, 1) ||
           !links_is_connected (self->links, KIND_BROKER, broker->number);
}

static void
s_heartbeat (host_t *self)
{
    const process_t *peer;
    bool is_told = true;
    for (size_t i = 0; (peer = links_at (self->links, i)); i++)
        if (peer->kind == KIND_BROKER)
            is_told &= s_heartbeat_to (self, peer);
    if (self->self.kind == KIND_BROKER)
        s_heartbeat_to (self, &self->self);
    self->next_heartbeat_us =
        clock_now_us () + (is_told ? self->params.heartbeat_ms * 1000 : HEARTBEAT_AGAIN_US);
}

/*  Refreshes what the process says of itself; a change that others act on is told at once. */
static void
s_refresh_status (host_t *self)
{
    actor_status_t status = { 0 };
    self->class_->status (self->core, &status);
    uint64_t state = self->stop_us     ? STATE_DRAINING
                     : status.is_ready ? STATE_READY
                                       : STATE_STARTING;
    bool is_changed = state != self->self.state || status.is_leader != self->self.leader;
    if (state != self->self.state)
        log_write (LOG_LEVEL_INFO, "state", "%s", process_state_name (state));
    self->self.state = state;
    self->self.leader = status.is_leader;
    self->self.in_flight = status.in_flight;
    self->self.queue_depth = status.queue_depth;
    uint64_t now_us = clock_now_us ();
    if (status.in_flight || status.handled != self->handled)
        self->last_busy_us = now_us;
    self->handled = status.handled;
    if (now_us >= self->handled_since_us + 1000000) {
        self->self.rate_per_s =
            (status.handled - self->handled_before) * 1000000 / (now_us - self->handled_since_us);
        self->handled_before = status.handled;
        self->handled_since_us = now_us;
    }
    if (is_changed)
        s_heartbeat (self);
}

static void
s_tell_peer (host_t *self, event_type_t type, const process_t *process)
{
    if (process->kind == KIND_CONSOLE)
        return;
    event_t event = { .type = type, .peer = process };
    s_step (self, &event);
    size_t count = 0;
    const process_t *peer;
    for (size_t i = 0; (peer = links_at (self->links, i)); i++)
        count += peer->kind == process->kind;
    metrics_set (METRIC_PEERS, process->kind, (int64_t)count);
}

static bool
s_is_departed (const host_t *self, uint64_t incarnation)
{
    for (size_t i = 0; i < DEPARTED_MAX; i++)
        if (self->departed[i] == incarnation)
            return incarnation != 0;
    return false;
}

static void
s_on_link_change (void *context, link_change_t change, const process_t *process)
{
    host_t *self = context;
    if (change == LINK_CONNECTED) {
        if (process->kind == KIND_BROKER) {
            /* whoever is there now is to tell all, itself first of all */
            *s_topology_version (self, process->number) = 0;
            s_heartbeat (self);
        }
        if (process->incarnation)
            s_tell_peer (self, EVENT_PEER_UP, process);
        return;
    }
    if (process->kind == KIND_BROKER)
        *s_topology_version (self, process->number) = 0; /* its successor is to tell all again */
    if (process->incarnation) {
        self->departed[self->departed_count++ % DEPARTED_MAX] = process->incarnation;
        s_tell_peer (self, EVENT_PEER_DOWN, process);
    }
}

/*  A process that a broker names: opens the pipe, or tells the core what has changed. */
static void
s_learn (host_t *self, const process_t *process)
{
    if (process->incarnation == self->self.incarnation || process->kind == KIND_CONSOLE ||
        process->kind == KIND_CLIENT)
        return;
    const process_t *known = links_find (self->links, process->kind, process->number, 0);
    /* Two brokers may disagree for a moment: the process that started later is the living one. */
    if (known && known->incarnation && known->incarnation != process->incarnation &&
        known->since_ms > process->since_ms)
        return;
    for (size_t i = 0; i < DEPARTED_MAX; i++)
        if (self->departed[i] == process->incarnation)
            self->departed[i] = 0;
    bool is_changed = !known || known->incarnation != process->incarnation ||
                      known->state != process->state || known->leader != process->leader;
    if (!links_learn (self->links, process)) {
        log_write (LOG_LEVEL_ERROR, "peer_refused", "%s/%" PRIu64 " at %s",
                   kind_name (process->kind), process->number, process->endpoint);
        return;
    }
    if (is_changed && links_is_connected (self->links, process->kind, process->number))
        s_tell_peer (self, EVENT_PEER_UP, process);
}

static bool
s_is_named (const process_t *processes, size_t count, const process_t *peer)
{
    for (size_t i = 0; i < count; i++)
        if (processes[i].incarnation == peer->incarnation)
            return true;
    return false;
}

/*  Nobody knows yet who is at the other end of the pipe to this broker: what was taken for the end of this incarnation may have been that
 * of the one before. */
static bool
s_is_awaited (const host_t *self, const header_t *header)
{
    const process_t *broker = links_find (self->links, KIND_BROKER, header->from_number, 0);
    return header->from_kind == KIND_BROKER && header->type == MSG_TOPOLOGY && broker &&
           broker->incarnation == 0;
}

/*  A broker that has just started, or is wrong, must not tear down what works: a peer that it does
 * not name is asked itself. */
static void
s_doubt_unnamed (host_t *self, const process_t *processes, size_t count)
{
    const process_t *peer;
    uint64_t now_us = clock_now_us ();
    for (size_t i = 0; (peer = links_at (self->links, i)); i++)
        if (!s_is_named (processes, count, peer) &&
            links_doubt (self->links, peer->kind, peer->number, now_us)) {
            header_t header = { .type = MSG_PING,
                                .to_kind = peer->kind,
                                .to_number = peer->number,
                                .to_incarnation = peer->incarnation };
            s_send (self, &header, &record_query, NULL, 0);
            self->is_doubting = true;
        }
}

static void
s_on_topology (host_t *self, const header_t *header, const process_t *processes, size_t count)
{
    *s_topology_version (self, header->from_number) = header->batch_id;
    for (size_t i = 0; i < count; i++) {
        process_t process = processes[i];
        s_learn (self, &process);
        links_trust (self->links, process.kind, process.number);
    }
    s_doubt_unnamed (self, processes, count);
}

static void
s_send_leave (host_t *self)
{
    const process_t *peer;
    leave_t leave = { .kind = self->self.kind,
                      .number = self->self.number,
                      .incarnation = self->self.incarnation };
    for (size_t i = 0; (peer = links_at (self->links, i)); i++)
        if (peer->kind == KIND_BROKER) {
            header_t header = { .type = MSG_LEAVE,
                                .to_kind = KIND_BROKER,
                                .to_number = peer->number };
            s_send (self, &header, &record_leave, &leave, 1);
        }
}

/* -------------------------------------------------------------------------- receiving */

/*  The runtime's own messages. Returns true if the core need not see it. */
static bool
s_handle_runtime (host_t *self, const header_t *header, const void *entries, size_t count)
{
    if (header->type == MSG_TOPOLOGY) {
        s_on_topology (self, header, entries, count);
        return true;
    }
    if (header->type == MSG_PONG) {
        links_trust (self->links, header->from_kind, header->from_number);
        return true;
    }
    if (header->type == MSG_HEARTBEAT && self->self.kind == KIND_BROKER && count == 1) {
        process_t process = *(const process_t *)entries;
        s_learn (self, &process);
        return false;
    }
    if (header->type != MSG_PING)
        return false;
    header_t answer = { .type = MSG_PONG,
                        .to_kind = header->from_kind,
                        .to_number = header->from_number,
                        .to_incarnation = header->from_incarnation,
                        .batch_id = header->batch_id,
                        .cause_id = header->message_id };
    pong_t pong = { *s_topology_version (self, 1), self->self.state, self->self.leader,
                    self->self.in_flight };
    s_send (self, &answer, &record_pong, &pong, 1);
    return true;
}

static void
s_take (host_t *self, const header_t *header, const void *entries, size_t count)
{
    metrics_add (METRIC_MESSAGES_RECEIVED, header->type, 1);
    metrics_add (METRIC_ENTRIES_RECEIVED, header->type, (int64_t)count);
    FAILPOINT (FAILPOINT_RECEIVE, header->type);
    if (!s_handle_runtime (self, header, entries, count)) {
        event_t event = {
            .type = EVENT_MESSAGE, .header = header, .entries = entries, .count = count
        };
        s_step (self, &event);
    }
    FAILPOINT (FAILPOINT_STEP, header->type);
}

static void
s_refuse (const char *why, const header_t *header)
{
    metrics_add (METRIC_FRAMES_REFUSED, 0, 1);
    log_write (LOG_LEVEL_DEBUG, "frame_refused", "%s, type %" PRIu64, why,
               header ? header->type : 0);
}

static void
s_receive (host_t *self, const void *head, size_t head_bytes, const void *body, size_t body_bytes)
{
    header_t header;
    size_t count;
    codec_status_t status = codec_read_header (head, head_bytes, &header);
    if (status) {
        s_refuse (codec_status_name (status), NULL);
        return;
    }
    const message_t *message = schema_message (header.type);
    if (header.protocol != PROTOCOL_VERSION || !message || header.from_kind >= KIND_COUNT ||
        header.from_kind == KIND_CLIENT || header.from_kind == KIND_NONE) {
        s_refuse ("protocol, type or sender", &header);
        return;
    }
    /* one that was frozen long enough to be given up comes back by its heartbeat; the directory knows who has really left */
    bool is_return = (self->self.kind == KIND_BROKER && header.type == MSG_HEARTBEAT) ||
                     s_is_awaited (self, &header);
    if ((header.to_incarnation && header.to_incarnation != self->self.incarnation) ||
        (s_is_departed (self, header.from_incarnation) && !is_return)) {
        metrics_add (METRIC_WRONG_INCARNATION, 0, 1);
        return;
    }
    size_t room = ENTRIES_BYTES / message->record->size_bytes;
    status = codec_read (message->record, body, body_bytes, self->entries,
                         room < BATCH_ENTRIES_MAX ? room : BATCH_ENTRIES_MAX, &count);
    if (status || count != header.count) {
        s_refuse (status ? codec_status_name (status) : "count", &header);
        return;
    }
    s_take (self, &header, self->entries, count);
}

/*  Takes one frame. Returns its length, which may be more than fitted; −1 if there is none. */
static int
s_receive_frame (host_t *self, uint8_t *bytes, size_t bytes_max, bool *has_more)
{
    int more = 0;
    size_t size = sizeof more;
    FOREIGN_BEGIN ();
    int count = zmq_recv (self->inbox, bytes, bytes_max, ZMQ_DONTWAIT);
    if (count >= 0)
        zmq_getsockopt (self->inbox, ZMQ_RCVMORE, &more, &size);
    FOREIGN_END ();
    *has_more = more;
    return count;
}

/*  Takes one message of any number of frames; only two make sense. Returns false if there is none. */
static bool
s_receive_next (host_t *self)
{
    bool has_more;
    int head_count = s_receive_frame (self, self->header_bytes, HEADER_BYTES_MAX, &has_more);
    if (head_count < 0)
        return false;
    int body_count =
        has_more ? s_receive_frame (self, self->body_bytes, BODY_BYTES_MAX, &has_more) : -1;
    bool is_pair = body_count >= 0 && !has_more;
    while (has_more)
        s_receive_frame (self, self->body_bytes, BODY_BYTES_MAX, &has_more);
    if (is_pair && head_count <= (int)HEADER_BYTES_MAX && body_count <= (int)BODY_BYTES_MAX)
        s_receive (self, self->header_bytes, (size_t)head_count, self->body_bytes,
                   (size_t)body_count);
    else
        s_refuse ("frames", NULL);
    return true;
}

static void
s_receive_turn (host_t *self)
{
    self->inbox_has_more = false;
    for (int i = 0; i < INBOX_TURN; i++)
        if (!s_receive_next (self))
            return;
    self->inbox_has_more = true;
}

static void
s_take_loopback (host_t *self)
{
    while (self->loopback_count) {
        loopback_t message = self->loopback[0];
        memmove (&self->loopback[0], &self->loopback[1], --self->loopback_count * sizeof message);
        s_take (self, &message.header, message.entries, message.count);
        free (message.entries);
    }
}

void
host_inject (host_t *self, uint64_t number, message_type_t type, const header_t *extras,
             const void *entries, size_t count)
{
    header_t header = extras ? *extras : (header_t){ 0 };
    header.type = type;
    header.from_kind = KIND_CLIENT;
    header.from_number = number;
    header.count = count;
    event_t event = {
        .type = EVENT_MESSAGE, .header = &header, .entries = entries, .count = count
    };
    FAILPOINT (FAILPOINT_RECEIVE, type);
    s_step (self, &event);
    FAILPOINT (FAILPOINT_STEP, type);
}

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
                s_send (self, &header, &record_sample, samples, count);
            }
        if (self->self.kind == KIND_EDGE) {
            header_t header = { .type = MSG_SAMPLES,
                                .to_kind = KIND_EDGE,
                                .to_number = self->self.number };
            s_send (self, &header, &record_sample, samples, count);
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
                                     self->epoll_fd, SOURCE_GATE, s_on_result, self);
    if (options->reads_journals)
        self->journal = redis_port_new (&self->params, options->gate_user, false, self->epoll_fd,
                                        SOURCE_JOURNAL, s_on_result, self);
    if (self->params.sql_connections < options->sql_connections)
        self->params.sql_connections = options->sql_connections;
    if (options->sql_role)
        self->sql = sql_port_new (&self->params, options->sql_role, self->epoll_fd, SOURCE_SQL,
                                  s_on_result, self);
    if (options->work) {
        void *context = options->work_context ? options->work_context (&self->params) : NULL;
        if (options->work_context && !context)
            exit (1);
        self->work =
            work_port_new (options->work, context, options->work_threads, s_on_result, self);
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
                             s_on_link_change, self);
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
    s_step (self, &event);
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
        s_step (self, &event);
        FAILPOINT (FAILPOINT_STEP, FAILPOINT_TIMER);
    }
    s_take_loopback (self);
    s_refresh_status (self);
    s_take_loopback (self);
    if (self->is_doubting && now_us > self->params.heartbeat_miss_ms * 1000)
        self->is_doubting =
            links_drop_doubted (self->links, now_us - self->params.heartbeat_miss_ms * 1000);
    if (now_us >= self->next_heartbeat_us)
        s_heartbeat (self);
    if (now_us >= self->next_samples_us)
        s_send_samples (self);
    s_take_loopback (self);
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
    s_step (self, &start);
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
            s_receive_turn (self);
        /* sending may have taken in what a monitor has to say, and its descriptor will not tell
         * again */
        links_process (self->links);
    }
    s_send_leave (self);
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
