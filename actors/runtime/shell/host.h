/*  The shell of an actor: one thread that turns messages, store results and time into events, and
   carries out the effects.

    A process binds one PULL socket (its inbox) and keeps one PUSH socket per peer, so that a batch
   can be addressed and a dead peer's pipe dropped alone. It registers with every broker and learns
   the others from their topologies.

        standard program:   int main (int argc, char **argv) { return host_main (&limiter_class,
   &options, argc, argv); } with more threads:  host_new, host_set_local, host_run (the edge, the
   supervisor)                                           */

#ifndef MS_HOST_H
#define MS_HOST_H

#include "actor.h"

typedef struct host_t host_t;

/*  Runs one STORE_WORK call on a worker thread (nice 10). Returns false if it could not be done
 * (RESULT_REFUSED). */
typedef bool (*host_work_fn) (void *context, call_name_t call, const void *argument, void *result);

typedef struct host_options_t {
    const char *gate_user; /* Redis user; its password is in DIR/secrets/redis-<gate_user>; NULL =
                              no Redis */
    const char *sql_role;  /* role minishop_<sql_role>; password in DIR/secrets/postgres-<sql_role>;
                              NULL = no PostgreSQL */
    size_t
        sql_connections;   /* to PostgreSQL at least, whatever the parameter says; 0 = as it says */
    bool is_script_loader; /* this process loads the Lua scripts at every connect and after NOSCRIPT
                            */
    bool reads_journals;   /* a second Redis connection for STORE_JOURNAL */
    host_work_fn work;     /* NULL = no worker thread */
    unsigned work_threads; /* that run `work`; 0 = one, which ends the calls in their order */
    void *(*work_context) (const params_t *params); /* makes the context of `work` at start; NULL
                                                       result ends the process */
} host_options_t;

/*  Parses `--number N` and `--help`, loads the parameters, runs until SIGTERM and drained. Returns
 * the exit code. */
int host_main (const actor_class_t *class_, const host_options_t *options, int argc, char **argv);

/*  Binds the inbox; exits with a sentence on stderr if another process has this kind and number in
   DIR (a lock on DIR/run/lock/<kind>-<number>). */
host_t *host_new (const actor_class_t *class_, const host_options_t *options,
                  const params_t *params, uint64_t number);
void host_destroy (host_t **self_p);

/*  What the process says of itself in the directory, before host_run: the edge's listeners, or "".
 */
void host_set_http (host_t *self, const char *http_endpoint, const char *operations_endpoint);
address_t host_address (const host_t *self);

/*  A local source and sink of messages, in this process, under KIND_CLIENT.
    drain    called on the host's thread when `fd` is readable: it clears the fd and calls
   host_inject. deliver  called on the host's thread for every SEND to KIND_CLIENT
   (header->to_number is the core's own number for it). */
typedef void (*host_drain_fn) (void *context, host_t *host);
typedef void (*host_deliver_fn) (void *context, const header_t *header, const void *entries,
                                 size_t count);
void host_set_local (host_t *self, int fd, host_drain_fn drain, host_deliver_fn deliver,
                     void *context);
/*  Steps the core with a MESSAGE of `type` from KIND_CLIENT/`number`. On the host's thread only. */
void host_inject (host_t *self, uint64_t number, message_type_t type, const header_t *extras,
                  const void *entries, size_t count);

/*  Runs until SIGTERM or SIGINT and then until drained or drain_ms is over. Returns the exit code.
 */
int host_run (host_t *self);
/*  As if SIGTERM had come; from any thread. */
void host_stop (host_t *self);

#endif
