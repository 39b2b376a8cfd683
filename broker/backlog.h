/*  The journal entries that a broker has read and that are not deleted yet, and the deliveries made of them, and of delayed
    messages. Only a table: who gets what and when is the router's business. Everything is allocated once.

    An entry is, from its reading to its deletion, in exactly one chain: the fresh ones, those of one delivery, or a chain that
    the router keeps (acknowledged, being deleted). A delivery is in exactly one list, that of its state. */

#ifndef MS_BACKLOG_H
#define MS_BACKLOG_H

#include "effects.h"

/*  Entries read and not deleted: 64 full batches. Beyond it nothing is read: the back-pressure of the router. */
#define BACKLOG_ENTRIES_MAX 16384u
/*  Deliveries without entries: one for each stream. */
#define BACKLOG_DUES_MAX (2 * SALES_MAX)

typedef enum delivery_state_t {
    DELIVERY_FREE,
    DELIVERY_READY, /* to be sent as soon as a consumer has credit */
    DELIVERY_COUNTING, /* one entry, failed: not sent again before that is counted; asked (again) at due_us */
    DELIVERY_BACKOFF, /* ready at due_us */
    DELIVERY_OUT,     /* sent to `consumer`, given up at due_us */
    DELIVERY_STATES
} delivery_state_t;

/*  What a delivery is sent as. */
typedef enum delivery_kind_t {
    DELIVERY_OF_ORDERS, /* DELIVER */
    DELIVERY_OF_DEAD,   /* REJECT: its one entry is not delivered any more */
    DELIVERY_OF_DUE     /* DUE: no entries */
} delivery_kind_t;

/*  Why an entry is dead. */
typedef enum death_t { DEATH_NONE, DEATH_POISON, DEATH_CONSUMERS, DEATH_UNREADABLE } death_t;

/*  A queue of entries by their indices. */
typedef struct chain_t {
    uint32_t first;
    uint32_t last;
    uint32_t count;
} chain_t;

typedef struct delivery_t {
    uint64_t id; /* batch_id on the wire; names these very entries for ever */
    uint64_t due_us;
    uint64_t since_us;  /* when its entries were put together */
    address_t consumer; /* holder while OUT, afterwards the last holder */
    chain_t entries;
    uint32_t state, kind, death;
    uint32_t attempt; /* times it was sent, and its entry before that as a part of others */
    uint32_t losses;  /* of a batch: sent and never answered */
    uint32_t refusals, deaths; /* of one entry alone: counted failures */
    uint32_t has_died;         /* COUNTING: which of the two is being counted */
    uint32_t is_refusal_told;  /* a REJECT or DUE that was refused stands in the log */
    uint32_t stream;           /* OF_DUE: of which stream */
    uint64_t sale_id;          /* OF_DUE: of which sale */
    uint64_t message_us;       /* OF_DUE: gate time of the delayed message */
    uint32_t previous, next;   /* in the list of its state */
} delivery_t;

typedef enum take_t {
    TAKE_NEW,
    TAKE_KNOWN, /* in the table already */
    TAKE_COLLIDES /* another entry with the same hash is in the table: try again when that one is gone */
} take_t;

typedef struct backlog_t backlog_t;

backlog_t *backlog_new (void);
void backlog_destroy (backlog_t **self_p);
/*  Forgets all entries and deliveries; ids of deliveries are never used again. */
void backlog_clear (backlog_t *self);

/*  Entries that can still be taken. */
size_t backlog_room (const backlog_t *self);
/*  Entries read and not acknowledged: fresh or in a delivery. */
size_t backlog_unacknowledged (const backlog_t *self);
size_t backlog_fresh (const backlog_t *self);
/*  Adds an entry of a stream to the fresh ones. There must be room. */
take_t backlog_take (backlog_t *self, const order_event_t *event, uint32_t stream);
/*  The same for an entry that no consumer is to see: it is a READY delivery of its own at once. */
take_t backlog_take_dead (backlog_t *self, const order_event_t *event, uint32_t stream,
                          death_t death, uint64_t now_us);
const order_event_t *backlog_event (const backlog_t *self, uint32_t entry);
uint32_t backlog_stream (const backlog_t *self, uint32_t entry);
/*  The entry after this one in its chain. */
uint32_t backlog_after (const backlog_t *self, uint32_t entry);
/*  Moves the first entry of one chain to the end of another. */
uint32_t backlog_shift (backlog_t *self, chain_t *from, chain_t *to);
/*  Frees the entries of a chain and empties it. */
void backlog_drop (backlog_t *self, chain_t *chain);

/*  A READY delivery of the oldest fresh entries, at most BATCH_ENTRIES_MAX. There must be one. */
delivery_t *backlog_form (backlog_t *self, uint64_t now_us);
/*  A READY delivery of a delayed message of a stream. The caller has at most one for each. */
delivery_t *backlog_form_due (backlog_t *self, uint32_t stream, const due_t *due, uint64_t now_us);
/*  NULL if there is none of this id. */
delivery_t *backlog_find (const backlog_t *self, uint64_t id);
size_t backlog_count (const backlog_t *self, delivery_state_t state);
/*  Walks the deliveries of a state, oldest in it first; NULL at the end. */
delivery_t *backlog_first (const backlog_t *self, delivery_state_t state);
delivery_t *backlog_next (const backlog_t *self, const delivery_t *delivery);
void backlog_move (backlog_t *self, delivery_t *delivery, delivery_state_t state, uint64_t due_us);
/*  No delivery of the state is due before this time; it may be too early, never too late. UINT64_MAX = none. */
uint64_t backlog_soonest_us (const backlog_t *self, delivery_state_t state);
/*  Makes that time exact. */
void backlog_refresh_soonest (backlog_t *self, delivery_state_t state);
/*  When the oldest of what is not acknowledged was put together; UINT64_MAX = there is nothing. Walks all deliveries. */
uint64_t backlog_oldest_us (const backlog_t *self);
/*  Replaces a delivery by one BACKOFF delivery for each of its entries, with the same last holder and attempt. */
void backlog_split (backlog_t *self, delivery_t *delivery, uint64_t due_us);
/*  Ends a delivery; its entries are the caller's chain now. */
chain_t backlog_finish (backlog_t *self, delivery_t *delivery);

uint64_t backlog_digest (const backlog_t *self);
/*  CHECKs the table; `kept` = entries in chains of the caller. */
void backlog_check (const backlog_t *self, size_t kept);

#endif
