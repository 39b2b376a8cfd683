/*  minishop-edge: the host runs the core in this thread; CivetWeb's workers ask through slots; a second listener is for machines. */

#include "clock.h"
#include "edge.h"
#include "gateway.h"
#include "host.h"
#include "log.h"
#include "params_load.h"
#include "server.h"

#include <civetweb.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPERATIONS_THREADS 8u
/*  Workers outlast the core's deadlines by far: only a core that stands still makes one give up. */
#define PATIENCE_MORE_US 2000000u

typedef struct program_t {
    params_t params;
    uint64_t number;
    edge_t *edge;
    slots_t *slots;
    host_t *host;
    server_t *public_server, *operations_server;
} program_t;

/* -------------------------------------------------------------------------- between threads and core */

static void
s_inject (void *context, uint64_t slot, message_type_t type, const header_t *extras,
          const void *entry)
{
    host_inject (context, slot, type, extras, entry, 1);
}

static void
s_drain (void *context, host_t *host)
{
    program_t *self = context;
    slots_take (self->slots, s_inject, host);
}

static bool
s_has_all (const edge_t *edge)
{
    readiness_t readiness;
    edge_readiness ((edge_t *)edge, &readiness);
    return readiness.sales && readiness.limits && readiness.denials && readiness.clock &&
           readiness.limiter && readiness.seckill;
}

/*  The public listener opens when the edge can serve for the first time: until then a connection is refused, and nginx asks another edge
    instead of passing on a 503. In the same step the core becomes ready, so the directory learns both together. */
static void
s_open_public (program_t *self)
{
    const params_t *params = &self->params;
    server_options_t options = { .listener = LISTENER_PUBLIC,
                                 .port = params->edge_port,
                                 .threads = params->edge_threads,
                                 .connections = params->edge_connections,
                                 .body_deadline_ms = params->body_deadline_ms,
                                 .slots = self->slots };
    self->public_server = server_new (self->edge, &options);
    if (!self->public_server)
        _exit (1); /* server_new has said why; the supervisor tries again */
    host_set_http (self->host, server_endpoint (self->public_server),
                   server_endpoint (self->operations_server));
    log_write (LOG_LEVEL_INFO, "listening", "%s", server_endpoint (self->public_server));
}

static void
s_deliver (void *context, const header_t *header, const void *entries, size_t count)
{
    program_t *self = context;
    if (header->to_number)
        slots_deliver (self->slots, header, entries, count);
    else if (!edge_publish (self->edge, header, entries, count, clock_now_us (), clock_wall_ms ()))
        log_write (LOG_LEVEL_ERROR, "not_published", "message %" PRIu64 " of %zu entries",
                   header->type, count);
    else if (header->type == MSG_READINESS && !self->public_server && s_has_all (self->edge))
        s_open_public (self);
}

static bool
s_ask (void *worker, message_type_t type, const header_t *extras, const void *entry,
       answer_t *answer)
{
    return slot_ask (worker, type, extras, entry, answer);
}

/* -------------------------------------------------------------------------- start and end */

static bool
s_open_edge (program_t *self)
{
    /* with their line ends */
    char token_key[2 * TOKEN_KEY_BYTES + 3], id_key[2 * ID_KEY_BYTES + 3],
        webhook[SIGNATURE_SECRET_MAX + 3];
    char reason[256];
    if (!instance_secret (&self->params, "secrets/token-key", token_key, sizeof token_key) ||
        !instance_secret (&self->params, "secrets/id-key", id_key, sizeof id_key) ||
        !instance_secret (&self->params, "webhook-secret", webhook, sizeof webhook)) {
        fprintf (stderr,
                 "minishop-edge: %s has no secrets/token-key, secrets/id-key or webhook-secret, or "
                 "others may read them: `minishop up` makes them\n",
                 self->params.dir);
        return false;
    }
    const edge_secrets_t secrets = { token_key, id_key, webhook };
    self->edge = edge_new (&self->params, &secrets, s_ask, reason, sizeof reason);
    sodium_memzero (token_key, sizeof token_key);
    sodium_memzero (id_key, sizeof id_key);
    sodium_memzero (webhook, sizeof webhook);
    if (!self->edge)
        fprintf (stderr, "minishop-edge: %s\n", reason);
    return self->edge != NULL;
}

static bool
s_open_operations (program_t *self)
{
    const params_t *params = &self->params;
    uint64_t deadline_ms = params->purchase_deadline_ms > params->query_deadline_ms
                               ? params->purchase_deadline_ms
                               : params->query_deadline_ms;
    self->slots = slots_new ((uint32_t)params->edge_threads, deadline_ms * 1000 + PATIENCE_MORE_US);
    server_options_t operations = { .listener = LISTENER_OPERATIONS,
                                    .threads = OPERATIONS_THREADS,
                                    .connections = OPERATIONS_THREADS - 1,
                                    .body_deadline_ms = params->body_deadline_ms };
    mg_init_library (0);
    self->operations_server = server_new (self->edge, &operations);
    return self->operations_server != NULL;
}

static void
s_close (program_t *self)
{
    if (self->slots)
        slots_close (self->slots);
    server_destroy (&self->public_server);
    server_destroy (&self->operations_server);
    host_destroy (&self->host);
    slots_destroy (&self->slots);
    edge_destroy (&self->edge);
}

static int
s_run (program_t *self)
{
    static const host_options_t options = { 0 };
    char name[32];
    snprintf (name, sizeof name, "edge/%" PRIu64, self->number);
    log_open (name, self->params.log_level);
    /* first of all: it blocks the signals that no other thread may take */
    self->host = host_new (&gateway_class, &options, &self->params, self->number);
    int status = 1;
    if (s_open_edge (self) && s_open_operations (self)) {
        host_set_http (self->host, "", server_endpoint (self->operations_server));
        host_set_local (self->host, slots_fd (self->slots), s_drain, s_deliver, self);
        log_write (LOG_LEVEL_INFO, "operations_listening", "%s",
                   server_endpoint (self->operations_server));
        status = host_run (self->host);
        /* Everything is answered and no work comes. The listeners' threads wait for the next request of idle connections, up to
           two seconds each time: the end of the process closes them, and nginx asks another edge. */
        host_destroy (&self->host);
        fflush (NULL);
        _exit (status); /* other threads still run: nothing of theirs may be torn down under them */
    }
    s_close (self);
    return status;
}

int
main (int argc, char **argv)
{
    static const struct option choices[] = { { "number", required_argument, NULL, 'n' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    static program_t program = { .number = 1 };
    char reason[512];
    int choice;
    while ((choice = getopt_long (argc, argv, "n:h", choices, NULL)) != -1) {
        if (choice == 'h') {
            printf ("minishop-edge --number N\n\nOne edge of a MiniShop instance. It is started by "
                    "`minishop up`.\n\n");
            params_print ();
            return 0;
        }
        if (choice != 'n' || (program.number = strtoull (optarg, NULL, 10)) == 0 ||
            program.number > PROCESSES_MAX) {
            fprintf (stderr, "minishop-edge: --number is from 1 to %u; see --help\n",
                     PROCESSES_MAX);
            return 2;
        }
    }
    if (!params_load (&program.params, reason, sizeof reason)) {
        fprintf (stderr, "minishop-edge: %s\n", reason);
        return 2;
    }
    return s_run (&program);
}
