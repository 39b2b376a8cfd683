/*  The purchases of one edge, from the worker's request to its answer: batches, deadlines, resends, and when a refusal may be passed
    on. Part of the edge's core (gateway.h): pure. The rules and the state table stand in purchases.c. */

#ifndef MS_PURCHASES_H
#define MS_PURCHASES_H

#include "actor.h"
#include "breaker.h"
#include "gate_clock.h"
#include "lanes.h"
#include "retry_budget.h"
#include "sale_tallies.h"
#include "sale_versions.h"
#include "trip_time.h"

typedef struct purchases_t {
    pendings_t *pendings;                 /* the gateway's */
    const peers_t *limiters;              /* the gateway's */
    const gate_clock_t *clock;            /* the gateway's */
    const sale_versions_t *sale_versions; /* the gateway's */
    sale_tallies_t *tallies;              /* the gateway's */
    uint64_t deadline_us, before_floor_us, batch_entries;
    lanes_t lanes;
    trip_time_t trips;
    breaker_t gate;  /* failed: seckill says that Redis is away */
    breaker_t stage; /* failed: a request ended without a verdict of anybody */
    retry_budget_t resends;
    uint64_t batch_id;
    uint64_t answered;
} purchases_t;

void purchases_init (purchases_t *self, const params_t *params);
/*  A worker's request, in a place just taken. Answers at once if there is nobody to ask. */
void purchases_accept (purchases_t *self, pending_t *pending, const purchase_t *purchase,
                       uint64_t now_us, effects_t *effects);
void purchases_handle_verdicts (purchases_t *self, const verdict_t *verdicts, size_t count,
                                uint64_t now_us, effects_t *effects);
/*  After every change of the limiters in view: entries out at one that is gone are sent again, the queues are dealt anew. */
void purchases_deal_anew (purchases_t *self, uint64_t now_us, effects_t *effects);
/*  What time asks of one purchase. Returns true if it was answered. */
bool purchases_handle_time (purchases_t *self, pending_t *pending, uint64_t now_us,
                            effects_t *effects);
/*  Sends the next batch of every lane whose window is open. */
void purchases_send_batches (purchases_t *self, uint64_t now_us, effects_t *effects);
/*  Ends a purchase without an answer: its worker gave up waiting. */
void purchases_drop (purchases_t *self, pending_t *pending, uint64_t now_us, effects_t *effects);
uint64_t purchases_queued (const purchases_t *self);
/*  Purchases in one sale that wait for their answer, wherever they are. */
uint64_t purchases_waiting (const purchases_t *self, uint64_t sale_id);
void purchases_check (const purchases_t *self);

#endif
