/*  Who is alive: the part of a broker that answers heartbeats and tells every process of the others.
    Pure, as an actor's core (runtime/core/actor.h); broker.c calls it. */

#ifndef MS_DIRECTORY_H
#define MS_DIRECTORY_H

#include "actor.h"

typedef struct directory_t directory_t;

directory_t *directory_new (const params_t *params);
void directory_destroy (directory_t **self_p);

/*  First in every step: tells the directory the time. After a pause of this process (SIGSTOP) everybody is given one full
    miss period, for the heartbeats of that time are still in the inbox. */
void directory_begin (directory_t *self, uint64_t now_us);
/*  HEARTBEAT. `own` goes into the PONG. */
void directory_handle_heartbeat (directory_t *self, const event_t *event, const pong_t *own,
                                 effects_t *effects);
void directory_handle_leave (directory_t *self, const event_t *event, effects_t *effects);
void directory_handle_get (const directory_t *self, const event_t *event, effects_t *effects);
/*  The shell saw the process's socket close: it is gone now, without waiting for silence. */
void directory_handle_peer_down (directory_t *self, const process_t *process, effects_t *effects);
/*  Last in every step: removes the silent, sends TOPOLOGY to whoever lacks the present version. */
void directory_end (directory_t *self, effects_t *effects);

uint64_t directory_wake_us (const directory_t *self);
uint64_t directory_digest (const directory_t *self);
void directory_check (const directory_t *self);

#endif
