/*  All state of the account actor. The files of this folder share it; each changes only its own part. */

#ifndef MS_ACCOUNT_STATE_H
#define MS_ACCOUNT_STATE_H

#include "actor.h"
#include "check.h"
#include "map.h"
#include "tag.h"

#include <inttypes.h>
#include <string.h>

#define MS 1000u /* µs in a millisecond */

#define DENIALS_MAX 65536u  /* log-outs of one token life; beyond it a log-out is refused as busy */
#define QUESTIONS_MAX 2048u /* more than hash_queue may ever be */

/*  Who an answer is for: lowest byte of every CALL's tag. */
typedef enum purpose_t { PURPOSE_NONE, PURPOSE_LIST, PURPOSE_QUESTION } purpose_t;

/* -------------------------------------------------------------------------- deny_list.c */

typedef struct kept_denial_t {
    denial_t denial;
    uint64_t stamp; /* snapshot version under which the edges learn it */
    uint64_t pass;  /* reload that saw it last */
} kept_denial_t;

typedef struct edge_t {
    address_t address;
    bool is_ready;
    bool is_told;         /* a first message is acknowledged: it may have been empty */
    uint64_t acked, sent; /* versions; `out_since_us` set: `sent` is out */
    uint64_t out_since_us;
} edge_t;

typedef struct deny_list_t {
    kept_denial_t *kept; /* DENIALS_MAX, ascending by stamp */
    map_t *stamps;       /* hash of (user, token) → stamp */
    uint64_t count;
    uint64_t version; /* last stamp */
    bool is_loaded;
    bool is_running;             /* a pass over DENIAL_LIST is not at its end */
    uint64_t pass, pass_version; /* its number, and the last stamp when it began */
    uint64_t tag, due_us;
    uint64_t after_user_id;
    uint8_t after_token_id[16];
    edge_t edges[PEERS_MAX];
    uint64_t edge_count;
} deny_list_t;

/* -------------------------------------------------------------------------- flow.c */

typedef enum stage_t {
    STAGE_FREE,
    STAGE_FIND,
    STAGE_CHECK,
    STAGE_DECOY, /* hashing for nobody: an unknown username takes as long as a wrong password */
    STAGE_HASH,
    STAGE_ADD,
    STAGE_REHASH,
    STAGE_ISSUE,
    STAGE_DENY,
    STAGE_ACKS
} stage_t;

typedef struct question_t {
    stage_t stage;
    header_t header; /* of the asker */
    uint64_t tag;
    uint64_t deadline_us;
    uint64_t retry_us;      /* DENY: when it is tried again, 0 = a call is in flight */
    uint64_t not_before_us; /* ACKS: not answered earlier, see rule 4 of flow.c */
    uint64_t stamp;         /* ACKS: version that every ready edge must have */
    credentials_t credentials;
    account_row_t account;
    denial_t denial;
} question_t;

typedef struct accounts_t {
    params_t params;
    uint64_t now_us; /* of the event being handled */
    uint64_t turn;   /* last number of a call */
    uint64_t handled;
    bool is_stopping;
    uint64_t hash_count; /* PASSWORD_HASH calls in flight, also those whose question is over */
    uint64_t question_count;
    deny_list_t deny_list;
    question_t *questions; /* QUESTIONS_MAX */
} accounts_t;

/*  Opens a call. Returns its tag, never used twice: an answer to a call that nobody awaits any more finds no owner. */
uint64_t account_call (accounts_t *self, effects_t *effects, call_name_t call, purpose_t purpose,
                       uint64_t slot);

#endif
