/*  Both stores with one connection per user and role, and the steps that most tests begin with. */

#ifndef MS_STAGE_H
#define MS_STAGE_H

#include "servers.h"
#include "store_calls.h"

typedef struct stage_t {
    servers_t *servers;
    redisContext *redis; /* administrator */
    redisContext *seckill;
    redisContext *inventory;
    redisContext *broker;
    char run_id[41];
    PGconn *sql; /* superuser */
    PGconn *ordering_sql;
    PGconn *inventory_sql;
    PGconn *account_sql;
    PGconn *broker_sql;
} stage_t;

/*  Prices, times and limits of every sale here. */
#define STAGE_PRICE_CENTS 1999u
#define STAGE_PAY_WITHIN_S 900u
#define STAGE_LIMIT 5u
#define STAGE_FAR_US 9000000000000000u /* gate time that no test sees */
#define STAGE_TOKEN 1u

/*  cmocka's group set-up and tear-down: *state is the stage. */
int stage_set_up (void **state);
int stage_tear_down (void **state);

/*  Connects to Redis again, after it was started again. */
void stage_reconnect_redis (stage_t *self);
/*  A sale number that no other test has, for those that need no row in PostgreSQL. */
uint64_t stage_new_sale_id (void);

/* ---- the gate alone */

/*  Closes, and opens `epoch` with these units, window always, version 1. Fails the test if the gate refuses. */
void stage_open_gate (stage_t *self, uint64_t sale_id, uint64_t epoch, uint64_t available);
gate_config_t stage_config (uint64_t sale_id, uint64_t epoch, uint64_t available);
gate_state_t stage_stat (stage_t *self, uint64_t sale_id);
/*  A purchase of this shopper under this key (any number): the rid follows from the three. */
gate_purchase_t stage_purchase (uint64_t sale_id, uint64_t user_id, uint64_t key,
                                uint64_t quantity);
gate_verdict_t stage_reserve_one (stage_t *self, const gate_purchase_t *purchase);
/*  Outcome's code of a gate call that answers one. */
uint64_t stage_gate_code (stage_t *self, call_name_t call, const void *arguments, size_t count);
/*  Releases one rid, under the token that the gate knows, and answers the code. */
uint64_t stage_release (stage_t *self, uint64_t sale_id, uint64_t epoch, const uint8_t rid[16]);
/*  An integer that Redis answers to a plain command of the administrator; fails the test if it is none. */
long long stage_redis_integer (stage_t *self, const char *format, ...);
/*  Digest of everything in Redis. */
void stage_digest (stage_t *self, char digest[41]);

/* ---- the rows */

/*  A published sale with its first epoch bumped: its number. */
uint64_t stage_new_sale (stage_t *self, uint64_t stock_total);
/*  Entry of the journal as the gate of `epoch` would write it for that purchase. */
order_event_t stage_event (uint64_t sale_id, uint64_t epoch, uint64_t user_id, uint64_t key,
                           uint64_t quantity, uint64_t sequence);
/*  Writes one entry; its code. */
uint64_t stage_write_one (stage_t *self, const order_event_t *event);
epoch_row_t stage_bump (stage_t *self, uint64_t sale_id, uint64_t token);
books_t stage_books (stage_t *self, uint64_t sale_id);
/*  An integer that a statement of the superuser answers. */
long long stage_sql_integer (stage_t *self, const char *format, ...);
/*  Runs a statement as the superuser; fails the test if it fails. */
void stage_sql (stage_t *self, const char *format, ...);
/*  Makes an active order final, as a cancellation will: sale row, state, ledger, sold, release_box. Any connection of the superuser. */
void stage_finish_order (PGconn *sql, uint64_t sale_id, const uint8_t rid[16], uint64_t status);
/*  Reserves at the open gate, and rejects it as a poisonous entry is: rejected order, release_box row, dead letter, no journal entry. Returns
    the letter's place. */
uint64_t stage_poison (stage_t *self, const gate_purchase_t *purchase);
/*  Journal of a gate's epoch as JOURNAL_READ gives it: by position. Returns the number. */
size_t stage_journal (stage_t *self, uint64_t sale_id, uint64_t epoch, order_event_t *events,
                      size_t events_max);

#endif
