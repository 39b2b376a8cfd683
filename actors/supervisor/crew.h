/*  The processes of an instance as the supervisor's core sees them: a slot per kind and number, and what becomes of it.

    state     pid  started   ended                        due                       leave
    EMPTY      –   –         –                            –                         –
    WAITING    –   –         –                            → STARTING, start         → EMPTY
    STARTING   –   → UP      → WAITING                    –                         kept until UP
    UP         x   –         → WAITING                    unseen: → KILLED, kill    → OUT if nginx knows it, else LEAVING
    OUT        x   –         → EMPTY, or WAITING          → LEAVING, terminate      –
    LEAVING    x   –           if it returns,             → KILLED, kill            –
    KILLED     x   –           due at once                –                         –
    Any other pair is ignored: a message about a pid that is not the slot's is of a process long gone.

    Invariants
    1. A number is started again only after the end of its process was confirmed: start happens in WAITING and EMPTY alone,
       and both have no pid.
    2. SIGKILL follows SIGTERM by no less than drain_ms + KILL_AFTER_US, or an absence from the directory of UNSEEN_US.
    3. Only an edge that was ready since its start, and is not leaving, is given to nginx; one that crashed stays for EDGE_GRACE_US:
       nginx passes over it meanwhile, and needs no reload (which costs idle clients their connection) when it comes back on its port.
*/

#ifndef MS_CREW_H
#define MS_CREW_H

#include "actor.h"
#include "wanted.h"

/*  One above the most that can be wanted: a replacement runs beside the one that it replaces. */
#define SLOTS_MAX (WANTED_MAX + 1u)

typedef enum slot_state_t {
    SLOT_EMPTY,
    SLOT_WAITING,
    SLOT_STARTING,
    SLOT_UP,
    SLOT_OUT,
    SLOT_LEAVING,
    SLOT_KILLED
} slot_state_t;

typedef struct slot_t {
    slot_state_t state;
    uint64_t pid;
    uint64_t started_us;   /* when its present process was started */
    uint64_t due_us;       /* WAITING, OUT, LEAVING: when the next step is due */
    uint64_t unseen_us;    /* since when it is not in the directory; 0 = it is */
    uint64_t quick_deaths; /* in a row */
    uint64_t is_ready;
    uint64_t was_ready; /* since its start */
    uint64_t returns;   /* it is started again when it has left */
    uint64_t leaves;    /* to leave as soon as it has a pid */
    char http_endpoint[65];
    char served[65]; /* edge: what nginx was told; kept over a crash, see below */
    uint64_t
        crashed_us; /* edge: since when what nginx was told is not there; 0 = it is, or nginx was told nothing */
} slot_t;

typedef struct crew_t {
    slot_t slots[KIND_COUNT][SLOTS_MAX + 1]; /* by number, from 1 */
    wanted_t wanted;
    uint64_t extra[KIND_COUNT]; /* replacements that run beside */
    uint64_t drain_us;
    uint64_t brokers_us;   /* since when a broker is in view; 0 = none is */
    uint64_t edges_digest; /* of the edges that nginx was told last */
    uint64_t is_stopping;
    uint64_t is_door_closed; /* nginx was told to take no more connections */
} crew_t;

/*  Starts and ends processes until each kind has its count; says the edges to nginx if they changed. After every event. */
void crew_settle (crew_t *self, uint64_t now_us, effects_t *effects);
/*  When crew_tick is due; UINT64_MAX = never. */
uint64_t crew_wake_us (const crew_t *self);
void crew_tick (crew_t *self, uint64_t now_us, effects_t *effects);

void crew_started (crew_t *self, uint64_t kind, uint64_t number, uint64_t pid, uint64_t now_us,
                   effects_t *effects);
/*  Returns true if that was the process of a slot. */
bool crew_ended (crew_t *self, uint64_t kind, uint64_t number, uint64_t pid, uint64_t now_us,
                 effects_t *effects);
void crew_seen (crew_t *self, const process_t *process);
void crew_unseen (crew_t *self, const process_t *process, uint64_t now_us);

/*  Ends one process; `returns` = and starts it again under the same number. */
void crew_leave (crew_t *self, uint64_t kind, uint64_t number, bool returns, uint64_t now_us,
                 effects_t *effects);
/*  Everything is to end, in the reverse order of starting. */
void crew_stop (crew_t *self, uint64_t now_us, effects_t *effects);

/*  A slot that counts towards the wanted number. */
bool slot_is_wanted (const slot_t *slot);
/*  Its process is ready and not about to leave. */
bool slot_is_ready (const slot_t *slot);
/*  Slots that hold, or are about to hold, a process. */
size_t crew_occupied (const crew_t *self);
bool crew_is_complete (const crew_t *self);
void crew_check (const crew_t *self);

#endif
