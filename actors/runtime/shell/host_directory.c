#include "host_parts.h"

#include "clock.h"
#include "log.h"
#include "metrics.h"

#include <inttypes.h>

/*  Before a heartbeat that found no pipe is sent again. */
#define HEARTBEAT_AGAIN_US 5000u

/* -------------------------------------------------------------------------- directory */

uint64_t *
host_topology_version (host_t *self, uint64_t broker_number)
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
                        .batch_id = *host_topology_version (self, broker->number) };
    return host_send (self, &header, &record_process, &self->self, 1) ||
           !links_is_connected (self->links, KIND_BROKER, broker->number);
}

void
host_heartbeat (host_t *self)
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
void
host_refresh_status (host_t *self)
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
        host_heartbeat (self);
}

static void
s_tell_peer (host_t *self, event_type_t type, const process_t *process)
{
    if (process->kind == KIND_CONSOLE)
        return;
    event_t event = { .type = type, .peer = process };
    host_step (self, &event);
    size_t count = 0;
    const process_t *peer;
    for (size_t i = 0; (peer = links_at (self->links, i)); i++)
        count += peer->kind == process->kind;
    metrics_set (METRIC_PEERS, process->kind, (int64_t)count);
}

bool
host_is_departed (const host_t *self, uint64_t incarnation)
{
    for (size_t i = 0; i < DEPARTED_MAX; i++)
        if (self->departed[i] == incarnation)
            return incarnation != 0;
    return false;
}

void
host_on_link_change (void *context, link_change_t change, const process_t *process)
{
    host_t *self = context;
    if (change == LINK_CONNECTED) {
        if (process->kind == KIND_BROKER) {
            /* whoever is there now is to tell all, itself first of all */
            *host_topology_version (self, process->number) = 0;
            host_heartbeat (self);
        }
        if (process->incarnation)
            s_tell_peer (self, EVENT_PEER_UP, process);
        return;
    }
    if (process->kind == KIND_BROKER)
        *host_topology_version (self, process->number) = 0; /* its successor is to tell all again */
    if (process->incarnation) {
        self->departed[self->departed_count++ % DEPARTED_MAX] = process->incarnation;
        s_tell_peer (self, EVENT_PEER_DOWN, process);
    }
}

/*  A process that a broker names: opens the pipe, or tells the core what has changed. */
void
host_learn (host_t *self, const process_t *process)
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
bool
host_is_awaited (const host_t *self, const header_t *header)
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
            host_send (self, &header, &record_query, NULL, 0);
            self->is_doubting = true;
        }
}

void
host_on_topology (host_t *self, const header_t *header, const process_t *processes, size_t count)
{
    *host_topology_version (self, header->from_number) = header->batch_id;
    for (size_t i = 0; i < count; i++) {
        process_t process = processes[i];
        host_learn (self, &process);
        links_trust (self->links, process.kind, process.number);
    }
    s_doubt_unnamed (self, processes, count);
}

void
host_leave (host_t *self)
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
            host_send (self, &header, &record_leave, &leave, 1);
        }
}
