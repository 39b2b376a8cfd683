/*  Adaptive concurrency: how many entries may be between this limiter and their verdicts at once. */

#ifndef MS_ADMISSION_H
#define MS_ADMISSION_H

#include "params.h"
#include "wire_limits.h"

/*  The batch of one edge that is out. Edges keep a window of one: the next batch proves that this
    one is over. */
typedef struct flight_t {
    uint64_t edge_number;
    uint64_t edge_incarnation;
    uint64_t entries;   /* forwarded and not known to be over */
    uint64_t forwarded; /* with the last batch, over or not */
    uint64_t since_us;
    uint64_t seckill_number; /* where the edge's last batch went; 0 = nowhere yet */
} flight_t;

typedef struct admission_t {
    uint64_t bound; /* entries in flight beyond which first attempts are refused */
    uint64_t bound_min;
    uint64_t bound_max;
    uint64_t target_us; /* trips above it shrink the bound, others raise it */
    uint64_t expiry_us; /* a flight is over after this: its edge has given up */
    uint64_t shrunk_us; /* when the bound shrank last */
    uint64_t in_flight; /* sum of the flights' entries */
    uint64_t flight_count;
    flight_t flights[PEERS_MAX];
} admission_t;

void admission_init (admission_t *self, const params_t *params);
/*  A batch of this edge has come: its former one is over, and took trip_us (0 = not known). Returns
    the edge's flight, valid until the next arrival, or until its edge is forgotten. */
flight_t *admission_arrive (admission_t *self, uint64_t edge_number, uint64_t edge_incarnation,
                            uint64_t trip_us, uint64_t now_us);
/*  Entries that may still go out. */
uint64_t admission_room (const admission_t *self);
/*  `entries` of the edge's batch go to that seckill. */
void admission_depart (admission_t *self, flight_t *flight, uint64_t entries,
                       uint64_t seckill_number, uint64_t now_us);
/*  The edge is gone, with its flight. */
void admission_forget (admission_t *self, uint64_t edge_number, uint64_t edge_incarnation);
/*  Ends flights whose edges must have given up. */
void admission_expire (admission_t *self, uint64_t now_us);
/*  When the next flight expires; UINT64_MAX = never. */
uint64_t admission_wake_us (const admission_t *self);
void admission_check (const admission_t *self);

#endif
