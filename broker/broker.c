/*  The broker as one actor: every event goes to the directory, to the router, or to both; the two share no state.

    Invariants
    B1  The directory serves whether or not this broker holds the lease, and without any store.
    B2  A message that the table in README.md does not name is counted and changes nothing.           */

#include "broker.h"

#include "check.h"
#include "directory.h"
#include "hash.h"
#include "router.h"

typedef struct broker_t {
    directory_t *directory;
    router_t *router;
    bool is_stopping;
} broker_t;

static void *
s_new (const params_t *params, address_t address)
{
    broker_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->directory = directory_new (params);
    self->router = router_new (params, address);
    return self;
}

static void
s_destroy (void **self_p)
{
    broker_t *self = *self_p;
    if (self) {
        directory_destroy (&self->directory);
        router_destroy (&self->router);
        free (self);
        *self_p = NULL;
    }
}

static pong_t
s_pong (const broker_t *self)
{
    actor_status_t status = { 0 };
    router_status (self->router, &status);
    return (pong_t){ .state = self->is_stopping ? STATE_DRAINING : STATE_READY,
                     .leader = status.is_leader,
                     .in_flight = status.in_flight };
}

static void
s_handle_message (broker_t *self, const event_t *event, effects_t *effects)
{
    pong_t pong;
    switch (event->header->type) {
    case MSG_HEARTBEAT:
        pong = s_pong (self);
        directory_handle_heartbeat (self->directory, event, &pong, effects);
        break;
    case MSG_LEAVE:
        directory_handle_leave (self->directory, event, effects);
        break;
    case MSG_DIRECTORY_GET:
        directory_handle_get (self->directory, event, effects);
        break;
    case MSG_SALES:
        router_handle_sales (self->router, event, effects);
        break;
    case MSG_ACK:
        router_handle_ack (self->router, event, effects);
        break;
    case MSG_CREDIT:
        router_handle_credit (self->router, event, effects);
        break;
    default:
        effects_add (effects, METRIC_FRAMES_REFUSED, 0, 1);
    }
}

static void
s_step (void *self_, const event_t *event, effects_t *effects)
{
    broker_t *self = self_;
    directory_begin (self->directory, event->now_us);
    switch (event->type) {
    case EVENT_START:
        router_handle_start (self->router, event);
        break;
    case EVENT_MESSAGE:
        s_handle_message (self, event, effects);
        break;
    case EVENT_RESULT:
        router_handle_result (self->router, event, effects);
        break;
    case EVENT_PEER_UP:
        router_handle_peer_up (self->router, event->peer, event->now_us, effects);
        break;
    case EVENT_PEER_DOWN:
        directory_handle_peer_down (self->directory, event->peer, effects);
        router_handle_peer_down (self->router, event->peer, event->now_us, effects);
        break;
    case EVENT_TIMER:
        break;
    case EVENT_STOP:
        self->is_stopping = true;
        router_handle_stop (self->router, effects);
        break;
    }
    directory_end (self->directory, effects);
    router_end (self->router, event->now_us, effects);
}

static uint64_t
s_wake_us (const void *self_)
{
    const broker_t *self = self_;
    return earlier (directory_wake_us (self->directory), router_wake_us (self->router));
}

static void
s_status (const void *self_, actor_status_t *status)
{
    const broker_t *self = self_;
    router_status (self->router, status);
    status->is_ready = true; /* B1 */
}

static uint64_t
s_digest (const void *self_)
{
    const broker_t *self = self_;
    uint64_t digest = hash_pair (directory_digest (self->directory), router_digest (self->router));
    return hash_pair (digest, self->is_stopping);
}

static void
s_check (const void *self_)
{
    const broker_t *self = self_;
    directory_check (self->directory);
    router_check (self->router);
}

const actor_class_t broker_class = { .kind = KIND_BROKER,
                                     .new_ = s_new,
                                     .destroy = s_destroy,
                                     .step = s_step,
                                     .wake_us = s_wake_us,
                                     .status = s_status,
                                     .digest = s_digest,
                                     .check = s_check };
