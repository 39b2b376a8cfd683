/*  One lane per limiter: a queue of purchases, and a window of one batch. While a batch is out, requests gather in the queue; when
    every entry of it is answered or given up, the next batch may leave. This batching without a timer is where the throughput of
    the whole chain comes from (measured: it doubled it). */

#ifndef MS_LANES_H
#define MS_LANES_H

#include "peers.h"
#include "pending.h"

/*  The lane of those for whom no limiter is ready: a queue that never leaves. */
#define LANE_NOWHERE                                                                               \
    (PEERS_MAX +                                                                                   \
     1u) /* one more than peers: a new incarnation comes before its predecessor is cleared */
#define LANES_MAX (PEERS_MAX + 2u)

typedef struct lane_t {
    address_t limiter; /* number 0 = lane not in use */
    uint64_t batch_id;
    uint64_t sent_us;
    uint64_t trip_us;    /* of the batch before */
    uint32_t out_count;  /* entries of the batch that are neither answered nor given up */
    uint32_t head, tail; /* slots, 0 = none */
    uint32_t queued;
} lane_t;

typedef struct lanes_t {
    lane_t lanes[LANES_MAX];
    uint32_t in_use; /* lanes at and above it were never used */
} lanes_t;

/*  Index of the limiter's lane, opened if there is none. LANE_NOWHERE for NULL. */
uint32_t lanes_of (lanes_t *self, const peer_t *limiter);
/*  Appends to a lane's queue; the state becomes WAITING. */
void lanes_append (lanes_t *self, const pendings_t *pendings, uint32_t lane, pending_t *pending);
/*  Takes it out of the queue or out of the batch in which it is; trip_us is set when the batch is over. Its state is the caller's. */
void lanes_leave (lanes_t *self, const pendings_t *pendings, pending_t *pending, uint64_t now_us);
/*  First of the queue, moved into the batch that goes out; NULL if the queue is empty. */
pending_t *lanes_dispatch (lanes_t *self, const pendings_t *pendings, uint32_t lane);
/*  Forgets a lane without entries. */
void lanes_close (lanes_t *self, uint32_t lane);

#endif
