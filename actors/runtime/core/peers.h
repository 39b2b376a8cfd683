/*  The live peers of one kind, as a core sees them: a sorted array that PEER_UP and PEER_DOWN keep. Two
    incarnations of one number never stand in it together: the newer replaces the older. */

#ifndef MS_PEERS_H
#define MS_PEERS_H

#include "effects.h"

typedef struct peer_t {
    address_t address;
    bool is_ready; /* takes new work: neither starting nor draining */
    bool is_leader;
} peer_t;

typedef struct peers_t {
    peer_t peers[PEERS_MAX]; /* ascending by number */
    size_t count;
} peers_t;

/*  Adds or updates. Returns true if this incarnation was not there before. Beyond PEERS_MAX it is ignored. */
bool peers_up (peers_t *self, const process_t *process);
/*  Removes that incarnation; false if it was not there. */
bool peers_down (peers_t *self, const process_t *process);
/*  NULL if that number (and incarnation, unless 0) is not there. */
const peer_t *peers_find (const peers_t *self, uint64_t number, uint64_t incarnation);
/*  Ready peers. */
size_t peers_ready_count (const peers_t *self);
/*  The ready peer of a key by rendezvous hashing: a key moves only when its own peer comes or goes. NULL if
    none is ready. */
const peer_t *peers_of_key (const peers_t *self, uint64_t key);
/*  Ready peers in turn: `*turn` is the caller's counter. NULL if none is ready. Never `avoid_number` while
    there is another. */
const peer_t *peers_in_turn (const peers_t *self, uint64_t *turn, uint64_t avoid_number);
/*  The leader, NULL if none is known. */
const peer_t *peers_leader (const peers_t *self);

#endif
