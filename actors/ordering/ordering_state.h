/*  All state of the ordering actor in one struct of plain bytes, allocated once. The files of this folder share it; each changes only
    its own part (named below) and asks the others by their functions. */

#ifndef MS_ORDERING_STATE_H
#define MS_ORDERING_STATE_H

#include "check.h"
#include "hash.h"
#include "ordering.h"
#include "peers.h"

#include <inttypes.h>
#include <string.h>

#define MS 1000u /* µs in a millisecond */

/*  Tags of calls: what a result belongs to. */
#define TAG_PROBE 1u
#define TAG_LEASE 2u
#define TAG_EXPIRY 3u
#define TAG_CHARGES 4u
#define TAG_PLACE 0x10000u /* + index of the place */
#define TAG_READ 0x20000u  /* + index of the read */
#define TAG_LANE 0x30000u  /* + index of the lane */

/* -------------------------------------------------------------------------- deliveries.c */

#define WINDOW_MAX 16u /* largest delivery_window (params.def) */
#define PLACES_MAX (3 * WINDOW_MAX)

typedef enum place_state_t { PLACE_FREE, PLACE_WAITING, PLACE_WRITING } place_state_t;

typedef struct place_t {
    place_state_t state;
    uint64_t arrival; /* order in which the waiting are written */
    header_t header;  /* of the delivery, for the answer; its type says what the entries are */
    union {
        order_event_t events[BATCH_ENTRIES_MAX]; /* DELIVER */
        dead_letter_t letter;                    /* REJECT */
        due_t due;                               /* DUE */
    } body;
    size_t count;
    bool is_repeated; /* the call was made a second time */
} place_t;

typedef struct deliveries_t {
    size_t window;
    peers_t brokers;
    place_t places[PLACES_MAX];
    size_t place_count; /* in use: 3 × window */
    size_t writing_count, waiting_count;
    uint64_t arrivals;
    bool is_credit_owed; /* a delivery found no place: its broker must hear when there is one */
    uint64_t credit_due_us;
} deliveries_t;

/* -------------------------------------------------------------------------- reads.c */

typedef struct read_t {
    bool is_open;
    header_t header;
} read_t;

typedef struct reads_t {
    read_t reads[ORDERING_QUESTIONS_MAX];
    size_t open_count, turn;
} reads_t;

/* -------------------------------------------------------------------------- changes.c */

typedef enum lane_name_t { LANE_CANCEL, LANE_PAY, LANE_EVENT, LANE_COUNT } lane_name_t;

typedef enum change_state_t {
    CHANGE_FREE,
    CHANGE_WAITING,
    CHANGE_ASKED,
    CHANGE_PARKED
} change_state_t;

typedef struct change_t {
    change_state_t state;
    uint64_t next; /* in its queue: index, CHANGE_NONE at its end */
    header_t header;
    uint64_t deadline_us; /* a payment is parked no longer than this */
    uint64_t retry_us;    /* PARKED: when it is asked again */
    union {
        order_change_t cancel;
        payment_order_t pay;
        payment_event_t event;
    } body;
} change_t;

typedef struct queue_t {
    uint64_t first, last, count;
} queue_t;

/*  One kind of change: at most one call is out, and what comes meanwhile gathers. */
typedef struct lane_t {
    change_t changes[ORDERING_CHANGES_MAX];
    queue_t free, waiting, parked;
    uint64_t asked[BATCH_ENTRIES_MAX]; /* of the call that is out, in its order */
    uint64_t asked_count;
    uint64_t alone_count; /* so many of the waiting are asked one by one: their batch was refused */
    bool is_repeated;     /* the call was made a second time */
} lane_t;

typedef struct changes_t {
    lane_t lanes[LANE_COUNT];
    uint64_t patience_us; /* that a payment waits for the row of its order */
} changes_t;

/* -------------------------------------------------------------------------- scheduler.c */

typedef struct scheduler_t {
    peers_t providers;
    uint64_t provider_turn, charge_batch;
    uint64_t lease_us, scan_us;
    uint64_t token;    /* highest that was ours, 0 = never led */
    uint64_t until_us; /* end of the lease by our clock; 0 = not held */
    uint64_t asked_us; /* when the lease was asked for last */
    uint64_t lease_due_us, expiry_due_us, charges_due_us;
    bool is_leader_told; /* the gauge */
    bool is_lease_out, is_expiry_out, is_charges_out;
} scheduler_t;

/* -------------------------------------------------------------------------- ordering.c */

typedef struct ordering_t {
    address_t address;
    uint64_t now_us; /* of the event being handled */
    bool is_store_open, is_probe_out, is_stopping;
    uint64_t probe_due_us;
    uint64_t handled;
    deliveries_t deliveries;
    reads_t reads;
    changes_t changes;
    scheduler_t scheduler;
} ordering_t;

/*  A write or a probe had no answer: gives back what waits for the store, and asks every PROBE_US whether it is there again. */
void ordering_close_store (ordering_t *self, effects_t *effects);
/*  ERROR_NONE if a question of one entry can be asked now, otherwise how it is to be answered. */
error_code_t ordering_refusal (const ordering_t *self, const event_t *event);
void ordering_refuse_frame (effects_t *effects);

#endif
