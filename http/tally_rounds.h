/*  What all edges together have counted of a sale: one question of a worker, asked of every other edge in view, and one answer. Part of
    the edge's core: pure. The rules stand in tally_rounds.c. */

#ifndef MS_TALLY_ROUNDS_H
#define MS_TALLY_ROUNDS_H

#include "actor.h"
#include "peers.h"
#include "pending.h"
#include "purchases.h"

/*  Questions at once: boards of operators ask once a second and are answered in a millisecond. */
#define TALLY_ROUNDS_MAX 16u

typedef struct tally_round_t {
    uint64_t qid; /* of the question; 0 = free */
    address_t awaited[PEERS_MAX];
    uint64_t awaited_count;
    uint64_t answered[ERROR_NUMBERS];
    uint64_t took[ANSWER_TIMES_BUCKETS];
    uint64_t waiting;
} tally_round_t;

typedef struct tally_rounds_t {
    pendings_t *pendings;    /* the gateway's */
    const peers_t *edges;    /* the gateway's */
    sale_tallies_t *tallies; /* the gateway's */
    purchases_t *purchases;  /* the gateway's */
    tally_round_t rounds[TALLY_ROUNDS_MAX];
    uint64_t answered;
} tally_rounds_t;

/*  A worker's TALLY_GET, in a place just taken. */
void tally_rounds_accept (tally_rounds_t *self, pending_t *pending, const event_t *event,
                          effects_t *effects);
/*  TALLY_GET and TALLY of another edge. Returns false if the message is something else. */
bool tally_rounds_handle_message (tally_rounds_t *self, const event_t *event, effects_t *effects);
void tally_rounds_handle_peer_down (tally_rounds_t *self, const process_t *peer,
                                    effects_t *effects);
/*  Returns true if the deadline is over, and the question is answered with what is there. */
bool tally_rounds_handle_time (tally_rounds_t *self, pending_t *pending, uint64_t now_us,
                               effects_t *effects);
/*  Ends a question without an answer: its worker gave up waiting. */
void tally_rounds_drop (tally_rounds_t *self, pending_t *pending);
void tally_rounds_check (const tally_rounds_t *self);

#endif
