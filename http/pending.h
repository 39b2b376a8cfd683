/*  The requests that wait for an answer: one place per HTTP worker, allocated once. Places are named by the worker's slot, and a
    request in a place by its qid, which is never used again: whatever comes for an earlier request of the same place matches
    nothing. */

#ifndef MS_PENDING_H
#define MS_PENDING_H

#include "effects.h"

typedef enum pending_state_t {
    PENDING_FREE,
    PENDING_WAITING, /* a purchase in the queue of a lane */
    PENDING_OUT,     /* a purchase in the batch that is out on a lane */
    PENDING_RESTING, /* a purchase that is to be sent again at until_us */
    PENDING_ASKED,   /* a question */
    PENDING_TALLYING /* a question to all edges */
} pending_state_t;

typedef struct pending_t {
    pending_state_t state;
    uint32_t slot;
    uint64_t qid;
    uint64_t
        ticket; /* the worker's own number for the request: batch_id of its message and of the answer */
    uint64_t deadline_us;
    /* a purchase */
    purchase_t
        purchase; /* attempt and before_us are those of the newest that was sent; 0 = none yet */
    uint64_t older_before_us; /* latest before_us of all attempts but the newest */
    uint64_t until_us;        /* OUT: silence until then means a resend; RESTING: the time of it */
    uint64_t sent_us;
    bool saw_recovering; /* the last verdict said so */
    bool saw_verdict;    /* of any attempt */
    uint32_t lane;
    uint32_t next, previous; /* slots in the lane's queue, 0 = none */
    /* a question */
    message_type_t answer;
    address_t asked;
} pending_t;

typedef struct pendings_t {
    pending_t *places; /* by slot, from 1 */
    uint32_t slot_max;
    uint64_t counter;
    size_t count;
    uint64_t due_us; /* nothing is due before it: never later than the earliest time asked for */
} pendings_t;

#define PENDING_SLOT_BITS 16u

/*  `start` sets where qids begin: another one for every incarnation. */
void pendings_init (pendings_t *self, uint32_t slot_max, uint64_t start);
void pendings_close (pendings_t *self);
/*  The place of a slot with a fresh qid, whatever was in it; NULL if there is no such slot. The caller has ended the old one. */
pending_t *pendings_take (pendings_t *self, uint64_t slot);
/*  The request of that qid, NULL if it is not waiting. */
pending_t *pendings_match (const pendings_t *self, uint64_t qid);
pending_t *pendings_at (const pendings_t *self, uint32_t slot);
void pendings_release (pendings_t *self, pending_t *pending);
/*  Asks for time to be looked at, not later than that. */
void pendings_due_by (pendings_t *self, uint64_t at_us);

#endif
