/*  The ordering processes and the deliveries that they hold: who gets what, under which credit, and what becomes of a delivery that
    is not acknowledged. Part of the router (router.h), which says when. */

#ifndef MS_CONSUMERS_H
#define MS_CONSUMERS_H

#include "actor.h"
#include "backlog.h"
#include "delivery_limit.h"

/*  Ordering processes, and room for those whose CREDIT comes before their PEER_UP. */
#define CONSUMERS_MAX (2 * PEERS_MAX)

typedef struct consumer_t {
    address_t address; /* number 0 = the slot is free */
    uint64_t credit;
    uint64_t outstanding;
    bool is_up;
    bool is_ready;
    uint8_t padding[6];
} consumer_t;

typedef struct consumers_t {
    backlog_t *backlog; /* the router's */
    delivery_limit_t limit;
    uint64_t window, deadline_us;
    consumer_t consumers[CONSUMERS_MAX];
    size_t turn;
    bool is_fresh_turn;
} consumers_t;

/*  What an ACK has ended. */
typedef struct ending_t {
    chain_t entries; /* to be deleted now; none if the delivery goes on */
    bool is_due;     /* a delayed message was taken: that of `stream` */
    uint8_t padding[3];
    uint32_t stream;
    uint64_t again_us; /* gate time of the next one; 0 = none */
} ending_t;

void consumers_init (consumers_t *self, const params_t *params, backlog_t *backlog);
/*  Another term, with an empty backlog: nobody holds anything. */
void consumers_begin_term (consumers_t *self);

ending_t consumers_handle_ack (consumers_t *self, const event_t *event, effects_t *effects);
void consumers_handle_credit (consumers_t *self, const event_t *event, effects_t *effects);
void consumers_handle_peer_up (consumers_t *self, const process_t *peer, uint64_t now_us,
                               effects_t *effects);
void consumers_handle_peer_down (consumers_t *self, const process_t *peer, uint64_t now_us,
                                 effects_t *effects);

/*  Deadlines of deliveries that are out, countings that were not answered, and backoffs that are over. */
void consumers_handle_time (consumers_t *self, uint64_t now_us, effects_t *effects);
/*  Hands out what is ready and what is fresh, as far as the credit goes. */
void consumers_deliver (consumers_t *self, uint64_t now_us, effects_t *effects);

/*  Deliveries that could be sent now. */
size_t consumers_credits (const consumers_t *self);
/*  True if somebody would take more, were his window not full. */
bool consumers_are_open (const consumers_t *self);

uint64_t consumers_digest (uint64_t digest, const consumers_t *self);
void consumers_check (const consumers_t *self);

#endif
