/*  Everything that an edge asks but purchases: one question to one process, one answer. Part of the edge's core: pure. */

#ifndef MS_QUESTIONS_H
#define MS_QUESTIONS_H

#include "actor.h"
#include "breaker.h"
#include "peers.h"
#include "pending.h"

typedef struct questions_t {
    pendings_t *pendings; /* the gateway's */
    const peers_t *peers; /* the gateway's, by kind */
    uint64_t deadline_us;
    breaker_t breakers[KIND_COUNT]; /* failed: no answer in time, or dependency_unavailable */
    uint64_t turn;
    uint64_t answered;
} questions_t;

void questions_init (questions_t *self, const params_t *params);
/*  True if workers may ask this. */
bool questions_is_question (uint64_t type);
/*  A worker's question, in a place just taken. Answers dependency_unavailable at once if there is nobody to ask. */
void questions_accept (questions_t *self, pending_t *pending, const event_t *event,
                       effects_t *effects);
/*  Passes an answer on. Returns false if the message answers no question that waits. */
bool questions_handle_answer (questions_t *self, const event_t *event, effects_t *effects);
/*  Ends a question without an answer: its worker gave up waiting. */
void questions_drop (questions_t *self, pending_t *pending, uint64_t now_us, effects_t *effects);
/*  The answer of all who asked a process that is gone. */
void questions_handle_peer_down (questions_t *self, const process_t *peer, uint64_t now_us,
                                 effects_t *effects);
/*  Returns true if the deadline is over, and with it the question. */
bool questions_handle_time (questions_t *self, pending_t *pending, uint64_t now_us,
                            effects_t *effects);

#endif
