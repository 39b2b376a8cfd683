/*  The inventory core on real stores: this is its shell, and plays the edge (acknowledges pushes), the seckill (reserves) and broker with
    ordering (drains the journal of one sale). Calls can be cut off: an answer is lost, or the process dies before or after a call. */

#ifndef MS_INVENTORY_PLAY_H
#define MS_INVENTORY_PLAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "inventory.h"
#include "stage.h"

#define PLAY_CALLS_MAX 512u
#define PLAY_ANSWER_US 15000000u /* ten times what any of this may take */

typedef struct made_call_t {
    call_name_t call;
    uint64_t tag;
    size_t count;
    uint8_t *arguments; /* freed when the call is run */
} made_call_t;

/*  What happens to the next call of one name. */
typedef enum cut_t {
    CUT_NONE,
    CUT_BEFORE,     /* it is not made, and the process is dead */
    CUT_AFTER,      /* it is made, and the process is dead before it hears of it */
    CUT_LOST_CALL,  /* it is not made, and its answer is "unknown" */
    CUT_LOST_ANSWER /* it is made, and its answer is "unknown" */
} cut_t;

typedef struct play_t {
    stage_t *stage;
    void *core;
    effects_t *effects;
    params_t params;
    made_call_t calls[PLAY_CALLS_MAX];
    size_t call_count;
    uint64_t sale_id;     /* the one that is drained and audited */
    bool pumps;           /* broker and ordering are there */
    uint64_t epoch_shown; /* to the broker, by SALES */
    uint64_t pumped_count;
    uint64_t answer_type; /* of the question asked last, 0 = none yet */
    sale_t sale;          /* SALE_REPLY */
    audit_t audit;
    outcome_t outcome;
    uint64_t stock_count, gate_us;
    uint64_t recoveries, resumed_count, violation_count;
    cut_t cut;
    call_name_t cut_call;
    uint64_t cut_count; /* that happened */
    bool is_dead;
    /*  Called after every call of a store, if not NULL. */
    void (*watch) (struct play_t *self);
} play_t;

uint64_t play_now_us (void);
/*  Starts a process of this number, in a new incarnation, and waits until it leads. */
void play_start (play_t *self, uint64_t number);
/*  It leaves in order. */
void play_end (play_t *self);
/*  It is killed: what it has asked and not heard of is forgotten. */
void play_kill (play_t *self);
/*  Runs the process for a moment: one call of a store, or a timer. */
void play_turn (play_t *self);
void play_turn_for (play_t *self, uint64_t us);
/*  Asks a question without waiting for its answer. */
void play_send (play_t *self, message_type_t type, const void *entry);
/*  Asks, and waits. Returns the type of the answer. */
uint64_t play_ask (play_t *self, message_type_t type, const void *entry);
void play_change (play_t *self, sale_state_t state, bool from_draft);
audit_t play_audit (play_t *self);
gate_verdict_t play_reserve (play_t *self, uint64_t user_id);

#define WAIT(play, condition)                                                                      \
    do {                                                                                           \
        uint64_t end_us = play_now_us () + PLAY_ANSWER_US;                                         \
        while (!(condition)) {                                                                     \
            play_turn (play);                                                                      \
            assert_true (play_now_us () < end_us);                                                 \
        }                                                                                          \
    } while (0)

#endif
