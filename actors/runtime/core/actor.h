/*  An actor is a pure core in a thin shell. The core is one function, `step`: an event in, effects out. It
    reads no clock, no socket and no randomness, and allocates only in `new`. So a recorded trace replays
    exactly, a simulator can drive every actor in one process, and a test needs no server.

    The shell (runtime/shell/host.h) makes events out of messages, store results and time, and carries out the
    effects. */

#ifndef MS_ACTOR_H
#define MS_ACTOR_H

#include "effects.h"
#include "params.h"

typedef enum event_type_t {
    EVENT_START,   /* once, first */
    EVENT_MESSAGE, /* header, entries, count: decoded and checked by the shell */
    EVENT_RESULT,  /* of an earlier CALL: call, tag, status, entries, count */
    EVENT_PEER_UP, /* peer: connected (a message sent now will reach its inbox), or changed (state,
                      leader) */
    EVENT_PEER_DOWN, /* peer: gone; messages on the way to it may be lost */
    EVENT_TIMER,     /* now_us has reached wake_us() */
    EVENT_STOP /* once: take no new work, finish what there is; the shell ends the process when
                  in_flight is 0 */
} event_type_t;

typedef enum result_status_t {
    RESULT_OK,      /* entries hold the rows */
    RESULT_REFUSED, /* the store understood and said no; nothing was changed; `detail` says why */
    RESULT_UNAVAILABLE, /* not sent: no connection; nothing was changed */
    RESULT_UNKNOWN      /* sent, and the connection or the patience ended: it may have happened */
} result_status_t;

typedef struct event_t {
    event_type_t type;
    uint64_t now_us; /* CLOCK_BOOTTIME; the only time a core knows */
    /* MESSAGE */
    const header_t *header; /* header->type is the message */
    /* MESSAGE, RESULT; owned by the shell, valid during the step */
    const void *entries; /* structs of the message's record, or of the call's result record */
    size_t count;
    /* RESULT */
    call_name_t call;
    uint64_t tag;
    result_status_t status;
    const char *detail; /* REFUSED: the store's words, for the log; else "" */
    /* PEER_UP, PEER_DOWN */
    const process_t *peer;
} event_t;

/*  What the process tells about itself in heartbeats. */
typedef struct actor_status_t {
    bool is_ready;  /* it can do its work; false while it waits for a snapshot or a store that it
                       cannot do without */
    bool is_leader; /* it holds the lease of its kind */
    uint64_t in_flight;
    uint64_t queue_depth;
    uint64_t handled; /* entries since the start; the shell makes the rate */
} actor_status_t;

typedef struct actor_class_t {
    kind_t kind;
    /*  `self` is the process's own address. Allocates all that the core will ever need. */
    void *(*new_) (const params_t *params, address_t self);
    void (*destroy) (void **self_p);
    void (*step) (void *self, const event_t *event, effects_t *effects);
    /*  When the core wants a TIMER event at the latest; UINT64_MAX = never. Asked after every step. */
    uint64_t (*wake_us) (const void *self);
    void (*status) (const void *self, actor_status_t *status);
    /*  Hash of all state that decides what happens next: equal traces give equal digests. */
    uint64_t (*digest) (const void *self);
    /*  CHECKs the invariants at the top of the core's file. */
    void (*check) (const void *self);
} actor_class_t;

/*  Of two times the one that comes first: what wake_us is made of. */
static inline uint64_t
earlier (uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

#endif
