/*  Durable delivery: the part of a broker that reads the gates' journals and hands their entries to ordering processes.
    Pure, as an actor's core (runtime/core/actor.h); broker.c calls it. */

#ifndef MS_ROUTER_H
#define MS_ROUTER_H

#include "actor.h"

typedef struct router_t router_t;

router_t *router_new (const params_t *params, address_t address);
void router_destroy (router_t **self_p);

/*  START: asks for the lease. */
void router_handle_start (router_t *self, const event_t *event);
void router_handle_sales (router_t *self, const event_t *event, effects_t *effects);
void router_handle_ack (router_t *self, const event_t *event, effects_t *effects);
void router_handle_credit (router_t *self, const event_t *event, effects_t *effects);
void router_handle_result (router_t *self, const event_t *event, effects_t *effects);
void router_handle_peer_up (router_t *self, const process_t *peer, uint64_t now_us,
                            effects_t *effects);
void router_handle_peer_down (router_t *self, const process_t *peer, uint64_t now_us,
                              effects_t *effects);
/*  STOP: nothing is read or delivered any more, the lease is given back; what is out is waited for. */
void router_handle_stop (router_t *self, effects_t *effects);
/*  Last in every step: deadlines, deliveries, deletions, the next read, the lease. */
void router_end (router_t *self, uint64_t now_us, effects_t *effects);

uint64_t router_wake_us (const router_t *self);
void router_status (const router_t *self, actor_status_t *status);
uint64_t router_digest (const router_t *self);
void router_check (const router_t *self);

#endif
