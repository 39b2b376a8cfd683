/*  The journals of the sales, as a router reads and empties them: what is known of each stream, the one read that is out, and
    what is acknowledged and not deleted yet. Part of the router (router.h), which says when. The delayed messages of the sales
    stand in the same table; delays.h handles them. */

#ifndef MS_STREAMS_H
#define MS_STREAMS_H

#include "actor.h"
#include "backlog.h"
#include "map.h"

/*  Open streams (SALES_MAX) and closed ones of earlier epochs that are not drained yet. */
#define STREAMS_MAX (2 * SALES_MAX)

/*  Delayed messages of a sale (delays.c has the table). */
typedef enum delay_state_t {
    DELAY_UNKNOWN,    /* to be asked for at delay_us */
    DELAY_NONE,       /* there are none */
    DELAY_WAITING,    /* the soonest is due at delay_us */
    DELAY_ASKING,     /* delay_due is out */
    DELAY_DELIVERING, /* DUE is with a consumer, or on its way there */
    DELAY_REMOVING,   /* taken: delay_done is to be called at delay_us */
    DELAY_REMOVED     /* delay_done is out */
} delay_state_t;

typedef struct stream_t {
    uint64_t sale_id; /* 0 = the slot is free */
    uint64_t epoch;
    uint64_t entry_ms, entry_seq; /* read up to here */
    uint64_t ended_us;            /* when the sale was seen ended; 0 = it is not */
    uint64_t retry_us;            /* no deletion before */
    chain_t acknowledged;         /* to be deleted */
    chain_t deleting;             /* in the call that is out or is to be repeated */
    uint32_t entry_count;         /* in the backlog, wherever there */
    uint32_t delay_state;
    uint64_t delay_us;       /* our clock */
    uint64_t delay_until_us; /* gate time at which delay_due looked */
    uint64_t delay_again_us; /* what the consumer wants to be kept; 0 = nothing */
    bool is_open;
    bool is_delete_out;
    bool is_dirty; /* stands in the queue of streams with something to delete */
    uint8_t padding[5];
} stream_t;

typedef struct streams_t {
    backlog_t *backlog; /* the router's */
    uint64_t term;      /* of the router: answers to calls of another one are ignored */
    uint64_t token;     /* of its lease */

    stream_t streams[STREAMS_MAX];
    size_t open_count;
    map_t *open; /* sale_id → index of its open stream */

    bool is_read_out;
    uint64_t read_term, read_sent_us, read_retry_us;
    size_t read_turn; /* slot whose position comes first in the next read */

    uint32_t dirty[STREAMS_MAX];
    size_t dirty_first, dirty_count;
    uint64_t dirty_retry_us; /* soonest retry_us among them */
    size_t deletes_out;
    size_t kept_count; /* entries in chains of streams */

    uint64_t delay_soonest_us; /* no delay_us is sooner; it may be too early, never too late */
    size_t delay_calls_out;
    size_t delay_turn; /* slot that is looked at first */
} streams_t;

void streams_init (streams_t *self, backlog_t *backlog);
void streams_close (streams_t *self);
/*  Another term, with an empty backlog: all positions 0; of the streams that are closed nothing is left. */
void streams_begin_term (streams_t *self, uint64_t term);
/*  One sale of SALES: opens its stream, or another one for a higher epoch. */
void streams_learn (streams_t *self, const sale_t *sale, uint64_t now_us, effects_t *effects);

/*  True if a read may be sent: none is out, there is something to read, and a full answer fits. */
bool streams_can_read (const streams_t *self);
void streams_read (streams_t *self, uint64_t now_us, effects_t *effects);
/*  RESULT of JOURNAL_READ; while the router is passive the answer is thrown away. */
void streams_handle_read (streams_t *self, const event_t *event, bool is_active,
                          effects_t *effects);

/*  Takes entries over that are to be deleted. */
void streams_acknowledge (streams_t *self, chain_t entries);
void streams_delete (streams_t *self, uint64_t now_us, effects_t *effects);
/*  RESULT of JOURNAL_DELETE. */
void streams_handle_deleted (streams_t *self, const event_t *event, effects_t *effects);

/*  Frees the slot of a closed stream that nothing belongs to any more. */
void streams_free_if_done (stream_t *stream);

uint64_t streams_digest (uint64_t digest, const streams_t *self);
void streams_check (const streams_t *self);

#endif
