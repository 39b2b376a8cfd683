/*  All state of the inventory actor in one struct of plain bytes, allocated once. The files of this folder share it; each changes
    only its own part (named below) and asks the others by their functions. */

#ifndef MS_INVENTORY_STATE_H
#define MS_INVENTORY_STATE_H

#include "actor.h"
#include "check.h"
#include "tag.h"

#include <inttypes.h>
#include <string.h>

#define MS 1000u /* µs in a millisecond */

#define POLLS_MAX 32u     /* looks at gates in flight: a slow Redis must not gather more */
#define RECOVERIES_MAX 8u /* gates rebuilt at once: the others wait, live sales first */
#define LOADS_MAX 2u /* pages of one rebuild on their way to the gate, while the next is read */
#define QUESTIONS_MAX 256u             /* operators' questions at once; beyond it busy */
#define RELEASES_MAX 256u              /* rows of release_box carried in one round */
#define RECEIVERS_MAX (3u * PEERS_MAX) /* edges, limiters, brokers */
#define OPERATIONS_MAX 64u             /* stock changes and requeues under way at once */
#define DROPS_MAX 64u                  /* gates of archived sales removed in one round */
#define PUSHES_PER_STEP                                                                            \
    32u /* SALES messages of one step: each may hold 110 KiB of the effects' arena */

/*  Who an answer is for: lowest byte of every CALL's tag. */
typedef enum purpose_t {
    PURPOSE_NONE,
    PURPOSE_LEASE,
    PURPOSE_RELOAD,
    PURPOSE_LIMITS,
    PURPOSE_POLL,
    PURPOSE_CLOCK,
    PURPOSE_UPDATE,
    PURPOSE_RECOVERY,
    PURPOSE_RELAY,
    PURPOSE_QUESTION,
    PURPOSE_OPERATION,
    PURPOSE_PENDING,
    PURPOSE_CLEANUP,
    PURPOSE_LOG
} purpose_t;

/* -------------------------------------------------------------------------- leadership.c */

typedef enum role_t {
    ROLE_NONE,     /* no answer to LEASE_TAKE yet */
    ROLE_FOLLOWER, /* another holds the lease */
    ROLE_LEADER,
    ROLE_LAPSED /* was the leader, could not renew in time: PostgreSQL is away */
} role_t;

typedef struct leadership_t {
    role_t role;
    uint64_t token;     /* fencing token of the term, 0 = never led */
    uint64_t met_token; /* highest that a gate or its sale has shown */
    uint64_t until_us;  /* end of the lease: lease_ms after the last granted asking */
    uint64_t asked_us;  /* when the call in flight was made */
    uint64_t due_us;    /* when to ask again */
    uint64_t tag;       /* call in flight, 0 = none */
} leadership_t;

/* -------------------------------------------------------------------------- recovery.c */

typedef enum recovery_state_t {
    RECOVERY_OPEN, /* nothing to do */
    RECOVERY_WANTED,
    RECOVERY_CLOSED,
    RECOVERY_DRAINING,
    RECOVERY_BUMPING,
    RECOVERY_LOADING,
    RECOVERY_OPENING
} recovery_state_t;

typedef enum recovery_cause_t {
    CAUSE_FIRST,   /* published, never installed */
    CAUSE_MISSING, /* keys of the gate are not there */
    CAUSE_RUN,     /* Redis was started anew */
    CAUSE_CLOSED,  /* a recovery that someone began and did not end */
    CAUSE_EPOCH    /* another epoch than PostgreSQL's */
} recovery_cause_t;

typedef struct recovery_t {
    recovery_state_t state;
    recovery_cause_t cause;
    uint64_t began_us, phase_us; /* of the whole, of the present state */
    uint64_t tag;                /* awaited answer of the state's call, 0 = none */
    uint64_t retry_us;           /* when a failed call is made again, 0 = none */
    uint64_t backoff_us;         /* that the next failure waits */
    bool gate_is_lost;      /* keys were missing when it was closed, or it was older than before */
    bool is_slow;           /* drains for long: it does not count, others go first */
    uint64_t lost_units;    /* to be told to PostgreSQL with the bump */
    uint64_t gate_sequence; /* last one that the closed gate gave out */
    epoch_row_t head;       /* head of the snapshot that this process bumped */
    uint64_t asked_place;   /* pages after this one are still to be asked for */
    uint64_t loaded_place;  /* everything up to here is installed */
    bool pages_are_done;
    struct {
        uint64_t tag, place;
    } loads[LOADS_MAX]; /* in the order of sending */
    uint64_t load_count;
    uint64_t start_count;  /* times that it began anew */
    uint64_t loaded_count; /* rids installed, for the log */
} recovery_t;

/* -------------------------------------------------------------------------- sales.c, gates.c */

typedef struct live_sale_t {
    bool is_used;
    bool is_archived;      /* gone from SALE_LIVE; its end is being told */
    sale_t sale;           /* PostgreSQL's row; sales_describe adds what the gate says */
    uint64_t epoch;        /* highest that PostgreSQL is known to have given */
    uint64_t stamp;        /* snapshot version of the last change; 0 = not to be shown yet */
    uint64_t told_version; /* of the sale at its last stamp */
    uint64_t pass;         /* reload that saw it last */
    uint64_t
        fenced_token; /* our token when a higher one was met: leave this sale alone in this term */
    /* gates.c */
    bool is_known; /* `gate` is an answer of this term */
    gate_state_t gate;
    uint64_t journal_units; /* of the last answer in which the gate was whole */
    bool went_back;         /* `changes` fell within one epoch: Redis came up with an older state */
    uint64_t moved_us;      /* when `changes` was last another */
    uint64_t poll_due_us, poll_tag;
    bool stock_is_dirty;
    uint64_t update_due_us, update_tag, update_version;
    /* audit.c */
    uint64_t drift_units;
    /* recovery.c */
    recovery_t recovery;
} live_sale_t;

typedef struct reload_t {
    uint64_t pass;  /* number of the pass over SALE_LIVE, from 1 */
    uint64_t after; /* last sale_id of the pages so far */
    uint64_t tag, limits_tag;
    uint64_t due_us, limits_due_us;
    bool is_running;   /* a pass is not at its end */
    bool is_loaded;    /* one pass of this term is complete */
    bool is_full;      /* a live sale found no room: nothing may be taken for archived */
    bool pass_is_full; /* so it was in this pass; is_full is cleared by a whole pass only */
} reload_t;

typedef struct gates_t {
    uint64_t in_flight;
    uint64_t gate_us, gate_local_us; /* a gate time and our time when it came; 0 = none yet */
    uint64_t clock_due_us, clock_tag;
    bool clock_is_dirty; /* to be told without a sale */
    bool edge_is_new;    /* tell everything with the next clock */
    bool was_away;       /* the last look failed */
    uint64_t flushed_us; /* last STOCK */
} gates_t;

/* -------------------------------------------------------------------------- snapshot.c */

/*  What one receiver has of one kind of snapshot. At most one message is out; it is sent again until it is acknowledged. */
typedef struct stream_t {
    uint64_t acked, sent; /* sent > acked: out since sent_us */
    uint64_t sent_us;
} stream_t;

typedef struct receiver_t {
    address_t address;
    bool is_ready;
    stream_t sales, limits;
} receiver_t;

typedef struct snapshot_t {
    uint64_t version;        /* last number given to any change */
    uint64_t sales_version;  /* newest of the sales */
    uint64_t limits_version; /* of the limits, 0 = none loaded */
    limits_t limits;
    receiver_t receivers[RECEIVERS_MAX];
    uint64_t receiver_count;
    bool is_left; /* the step's budget ended before the work */
} snapshot_t;

/* -------------------------------------------------------------------------- relay.c */

typedef struct relay_t {
    uint64_t due_us;
    uint64_t list_tag, done_tag;
    release_t rows[RELEASES_MAX];
    bool is_final[RELEASES_MAX];
    uint64_t row_tags[RELEASES_MAX]; /* GATE_RELEASE in flight that carries the row, 0 = none */
    uint64_t row_count;
    uint64_t in_flight;  /* GATE_RELEASE calls */
    uint64_t sweep_slot; /* of the sale that is listed next while sweeping */
    bool was_full;       /* there may be more rows at once */
    bool is_sweeping;    /* sale by sale, for rows that wait fill a list of all */
} relay_t;

/* -------------------------------------------------------------------------- operations.c */

typedef enum operation_state_t {
    OPERATION_FREE,
    OPERATION_ASKING, /* PostgreSQL, how far it is */
    OPERATION_GATE,
    OPERATION_STORING /* the gate's answer */
} operation_state_t;

/*  A stock change, or a dead letter that is requeued. */
typedef struct operation_t {
    operation_state_t state;
    bool is_requeue;
    bool is_begun;   /* PostgreSQL knows it: carried on until it is decided, whoever asked for it */
    bool is_resumed; /* found there, asked for by nobody */
    uint64_t tag;    /* call in flight, 0 = none: ASKING waits for retry_us */
    uint64_t retry_us;
    uint64_t backoff_us;
    stock_change_t change;     /* as it was asked for */
    stock_op_t stock;          /* as PostgreSQL has it */
    dead_change_t wish;        /* as it was asked for */
    readmission_t readmission; /* the attempt under way */
} operation_t;

typedef struct operations_t {
    operation_t slots[OPERATIONS_MAX];
    uint64_t stock_tag, dead_tag; /* lists of what is begun, in flight */
    uint64_t scan_due_us;
} operations_t;

/* -------------------------------------------------------------------------- cleanup.c */

typedef struct cleanup_t {
    uint64_t due_us;
    uint64_t tag;   /* the one call in flight */
    uint64_t after; /* sale_id of the last row of the pages so far */
    gate_key_t rows[DROPS_MAX];
    uint64_t row_count, next_row; /* the one that is dropped now, or next */
} cleanup_t;

/* -------------------------------------------------------------------------- questions.c, admin.c, audit.c */

typedef enum stage_t {
    STAGE_FREE,
    STAGE_STORE,     /* its one call to PostgreSQL; after a stock change the row of its sale */
    STAGE_LOOK,      /* SALE_CHANGE or SALE_EDIT gave no row: is there such a sale? */
    STAGE_OPERATION, /* a stock change or requeue has to be decided */
    STAGE_GATE,      /* the gate has to take the change */
    STAGE_ACKS,      /* the receivers have to */
    STAGE_BEFORE,    /* audit: gate */
    STAGE_BOOKS,     /* audit: PostgreSQL */
    STAGE_AFTER      /* audit: gate again */
} stage_t;

typedef struct question_t {
    stage_t stage;
    header_t header; /* of the asker */
    bool is_own;     /* asked by nobody: the audit that runs by itself */
    uint64_t tag;
    uint64_t opened_us;
    uint64_t deadline_us;
    uint64_t sale_id;
    uint64_t operation; /* slot of the one it waits for */
    uint64_t mask;      /* of an edit: its fields */
    uint64_t version;   /* of the sale that the gate must have */
    uint64_t stamp;     /* of the snapshot that the receivers must have */
    uint64_t tries;
    bool has_gate;
    gate_state_t before;
    books_t books;
} question_t;

typedef struct admin_t {
    question_t questions[QUESTIONS_MAX];
    uint64_t question_count;
    uint64_t books_out; /* SALE_BOOKS in flight, also of questions that are closed */
    uint64_t audit_due_us;
    uint64_t audit_turn; /* slot of the last own audit */
} admin_t;

typedef struct inventory_t {
    params_t params;
    address_t address;
    uint64_t now_us; /* of the event being handled */
    uint64_t turn;   /* last number of a call */
    uint64_t handled;
    bool is_stopping;
    leadership_t leadership;
    reload_t reload;
    gates_t gates;
    snapshot_t snapshot;
    relay_t relay;
    operations_t operations;
    cleanup_t cleanup;
    admin_t admin;
    uint64_t sale_count; /* slots in use end before this one */
    live_sale_t sales[SALES_MAX];
} inventory_t;

/*  Opens a call. Returns its tag, never used twice: an answer to a call that nobody awaits any more finds no owner. */
uint64_t inventory_call (inventory_t *self, effects_t *effects, call_name_t call, purpose_t purpose,
                         uint64_t slot);

#endif
