/*  status, scale, restart, drain, probe: questions to the broker, the supervisor and the processes themselves. */

#include "announce.h"
#include "clock.h"
#include "console.h"
#include "instance.h"
#include "rpc.h"
#include "wanted.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ASK_PATIENCE_MS 2000u
#define JOB_PATIENCE_MS 130000u /* longer than the supervisor's own (JOB_US) */
#define PROBE_PATIENCE_MS 1000u
#define SETTLE_PATIENCE_US 60000000u
#define SETTLE_LOOK_US 50000

static process_t s_processes[PROCESSES_MAX];

static bool
s_find_running (instance_t *instance, char *reason)
{
    if (!instance_find (instance, reason))
        return false;
    if (instance_is_running (instance))
        return true;
    snprintf (reason, REASON_BYTES, "no instance runs in %s", instance->asked);
    return false;
}

static int
s_compare (const void *a_, const void *b_)
{
    const process_t *a = a_, *b = b_;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

/*  All live processes of the kinds that are actors, in order. False if no broker answers. */
static bool
s_load_directory (const instance_t *instance, size_t *count, char *reason)
{
    char endpoint[ENDPOINT_BYTES_MAX + 16];
    size_t found = 0;
    *count = 0;
    for (uint64_t broker = 1; broker <= 2; broker++) {
        query_t query = { .limit = PROCESSES_MAX };
        if (rpc_endpoint (&instance->params, KIND_BROKER, broker, endpoint, sizeof endpoint) &&
            access (endpoint + strlen ("ipc://"), F_OK) == 0 &&
            rpc_call (&instance->params, endpoint, MSG_DIRECTORY_GET, &query, s_processes,
                      sizeof s_processes, &found, ASK_PATIENCE_MS) == MSG_DIRECTORY)
            break;
        if (broker == 2) {
            snprintf (reason, REASON_BYTES, "no broker answers");
            return false;
        }
    }
    for (size_t i = 0; i < found; i++)
        if (kind_is_actor (s_processes[i].kind))
            s_processes[(*count)++] = s_processes[i];
    qsort (s_processes, *count, sizeof s_processes[0], s_compare);
    return true;
}

/*  Asks the supervisor; its refusal becomes the reason. */
static bool
s_ask_supervisor (const instance_t *instance, message_type_t type, const scale_t *asked,
                  uint64_t patience_ms, char *reason)
{
    char endpoint[ENDPOINT_BYTES_MAX + 16];
    outcome_t outcome;
    size_t count;
    if (!rpc_endpoint (&instance->params, KIND_SUPERVISOR, 1, endpoint, sizeof endpoint) ||
        rpc_call (&instance->params, endpoint, type, asked, &outcome, sizeof outcome, &count,
                  patience_ms) != MSG_OUTCOME ||
        count != 1) {
        snprintf (reason, REASON_BYTES, "the supervisor does not answer");
        return false;
    }
    if (outcome.code == ERROR_NONE)
        return true;
    const error_row_t *row = schema_error (outcome.code);
    snprintf (reason, REASON_BYTES, "%s",
              outcome.detail[0] ? outcome.detail
              : row             ? row->title
                                : "refused");
    return false;
}

/* -------------------------------------------------------------------------- status */

static const char *
s_endpoint (const process_t *process)
{
    return process->http_endpoint[0] ? process->http_endpoint : process->endpoint;
}

/*  The JSON is GET /admin/actors, whose kinds are fixed: the provider stands for a stranger and is not among them. */
static bool
s_is_public (uint64_t kind)
{
    return kind_is_actor (kind) && kind != KIND_PROVIDER;
}

static json_t *
s_status_json (const instance_t *instance, size_t count)
{
    char url[160], id[48];
    const char *operations = "";
    json_t *actors = json_array ();
    instance_url (instance, url, sizeof url);
    for (size_t i = 0; i < count; i++) {
        const process_t *process = &s_processes[i];
        if (!s_is_public (process->kind))
            continue;
        if (process->kind == KIND_EDGE && !operations[0])
            operations = process->operations_endpoint;
        snprintf (id, sizeof id, "%s/%" PRIu64, kind_name (process->kind), process->number);
        json_array_append_new (
            actors, json_pack ("{s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:s}", "kind",
                               kind_name (process->kind), "id", id, "pid", (json_int_t)process->pid,
                               "state", process_state_name (process->state), "endpoint",
                               s_endpoint (process), "in_flight", (json_int_t)process->in_flight,
                               "rate_per_s", (json_int_t)process->rate_per_s, "queue_depth",
                               (json_int_t)process->queue_depth, "since_ms",
                               (json_int_t)process->since_ms, "version", process->version));
    }
    return json_pack ("{s:s, s:s, s:o}", "url", url, "operations_url", operations, "actors",
                      actors);
}

static void
s_print_status (const instance_t *instance, size_t count)
{
    char url[160];
    uint64_t now_ms = clock_wall_ms ();
    instance_url (instance, url, sizeof url);
    printf ("%s\n\n%-14s %-9s %8s %9s %9s %9s %8s  %s\n", url, "PROCESS", "STATE", "PID",
            "IN FLIGHT", "RATE/S", "QUEUED", "UP S", "ENDPOINT");
    for (size_t i = 0; i < count; i++) {
        const process_t *process = &s_processes[i];
        char id[48], state[16];
        snprintf (id, sizeof id, "%s/%" PRIu64, kind_name (process->kind), process->number);
        snprintf (state, sizeof state, "%s%s", process_state_name (process->state),
                  process->leader ? "*" : "");
        printf ("%-14s %-9s %8" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %8" PRIu64 "  %s\n",
                id, state, process->pid, process->in_flight, process->rate_per_s,
                process->queue_depth,
                now_ms > process->since_ms ? (now_ms - process->since_ms) / 1000 : 0,
                s_endpoint (process));
    }
    printf ("\n* holds the lease of its kind\n");
}

int
console_status (int argc, char **argv)
{
    static instance_t instance;
    char reason[REASON_BYTES];
    size_t count;
    bool as_json = argc == 2 && strcmp (argv[1], "--json") == 0;
    if (argc > 2 || (argc == 2 && !as_json))
        return console_usage ("status");
    if (!s_find_running (&instance, reason) || !s_load_directory (&instance, &count, reason))
        return console_fail ("%s", reason);
    if (as_json) {
        json_t *status = s_status_json (&instance, count);
        json_dumpf (status, stdout, JSON_COMPACT);
        putchar ('\n');
        json_decref (status);
    } else
        s_print_status (&instance, count);
    return EXIT_DONE;
}

/* -------------------------------------------------------------------------- scale */

/*  As many live ones as wanted, and all of them ready. */
static bool
s_is_settled (uint64_t kind, uint64_t wanted, size_t count, uint64_t *ready)
{
    uint64_t live = 0;
    *ready = 0;
    for (size_t i = 0; i < count; i++)
        if (s_processes[i].kind == kind) {
            live++;
            *ready += s_processes[i].state == STATE_READY;
        }
    return live == wanted && *ready == wanted;
}

static bool
s_await_count (const instance_t *instance, uint64_t kind, uint64_t wanted, char *reason)
{
    uint64_t start_us = clock_now_us (), ready = 0;
    size_t count;
    while (clock_now_us () - start_us < SETTLE_PATIENCE_US) {
        if (s_load_directory (instance, &count, reason) &&
            s_is_settled (kind, wanted, count, &ready) &&
            (kind != KIND_EDGE || announce_is_public (instance, wanted))) {
            printf ("%s: %" PRIu64 " ready (%.1f s)\n", kind_name (kind), ready,
                    (double)(clock_now_us () - start_us) / 1e6);
            return true;
        }
        usleep (SETTLE_LOOK_US);
    }
    snprintf (reason, REASON_BYTES,
              "%s: %" PRIu64 " of %" PRIu64 " ready after %u s; `minishop status` shows them",
              kind_name (kind), ready, wanted, SETTLE_PATIENCE_US / 1000000);
    return false;
}

int
console_scale (int argc, char **argv)
{
    static instance_t instance;
    char reason[REASON_BYTES];
    wanted_t wanted;
    if (argc < 2)
        return console_usage ("scale");
    memset (&wanted, 0xff, sizeof wanted);
    for (int i = 1; i < argc; i++)
        if (!wanted_parse (&wanted, argv[i], reason, sizeof reason)) {
            fprintf (stderr, "minishop: %s\n", reason);
            return console_usage ("scale");
        }
    if (!s_find_running (&instance, reason))
        return console_fail ("%s", reason);
    for (uint64_t kind = 0; kind < KIND_COUNT; kind++) {
        scale_t asked = { .kind = kind, .count = wanted.counts[kind], .actor = "console" };
        if (wanted.counts[kind] != UINT64_MAX &&
            !s_ask_supervisor (&instance, MSG_SCALE, &asked, ASK_PATIENCE_MS, reason))
            return console_fail ("%s: %s", kind_name (kind), reason);
    }
    for (uint64_t kind = 0; kind < KIND_COUNT; kind++)
        if (wanted.counts[kind] != UINT64_MAX &&
            !s_await_count (&instance, kind, wanted.counts[kind], reason))
            return console_fail ("%s", reason);
    return EXIT_DONE;
}

/* -------------------------------------------------------------------------- restart, drain */

/*  KIND or KIND/N; number 0 = all. */
static bool
s_parse_process (const char *text, uint64_t *kind, uint64_t *number)
{
    char name[32];
    const char *slash = strchr (text, '/');
    size_t name_bytes = slash ? (size_t)(slash - text) : strlen (text);
    char *end = NULL;
    if (name_bytes >= sizeof name)
        return false;
    memcpy (name, text, name_bytes);
    name[name_bytes] = 0;
    *kind = kind_by_name (name);
    *number = 0;
    if (!kind_is_actor (*kind))
        return false;
    if (!slash)
        return true;
    *number = slash[1] >= '1' && slash[1] <= '9' ? strtoul (slash + 1, &end, 10) : 0;
    return *number > 0 && *number <= PROCESSES_MAX && *end == 0;
}

static int
s_order (message_type_t type, const char *verb, const char *process, bool is_rolling,
         const char *done)
{
    static instance_t instance;
    char reason[REASON_BYTES];
    scale_t asked = { .rolling = is_rolling, .actor = "console" };
    if (!s_parse_process (process, &asked.kind, &asked.count))
        return console_usage (verb);
    if (!s_find_running (&instance, reason))
        return console_fail ("%s", reason);
    uint64_t start_us = clock_now_us ();
    if (!s_ask_supervisor (&instance, type, &asked, JOB_PATIENCE_MS, reason))
        return console_fail ("%s: %s", process, reason);
    printf ("%s: %s (%.1f s)\n", process, done, (double)(clock_now_us () - start_us) / 1e6);
    return EXIT_DONE;
}

int
console_restart (int argc, char **argv)
{
    bool is_rolling = false;
    const char *process = NULL;
    for (int i = 1; i < argc; i++)
        if (strcmp (argv[i], "--rolling") == 0)
            is_rolling = true;
        else if (!process && argv[i][0] != '-')
            process = argv[i];
        else
            return console_usage ("restart");
    return process ? s_order (MSG_RESTART, "restart", process, is_rolling, "restarted, all ready")
                   : console_usage ("restart");
}

int
console_drain (int argc, char **argv)
{
    if (argc != 2 || argv[1][0] == '-')
        return console_usage ("drain");
    return s_order (MSG_DRAIN, "drain", argv[1], true, "left, another took its place");
}

/* -------------------------------------------------------------------------- probe */

static bool
s_probe (const instance_t *instance, const process_t *process)
{
    pong_t pong;
    size_t count;
    uint64_t start_us = clock_now_us ();
    uint64_t answer = rpc_call (&instance->params, process->endpoint, MSG_PING, NULL, &pong,
                                sizeof pong, &count, PROBE_PATIENCE_MS);
    bool is_ready = answer == MSG_PONG && count == 1 && pong.state == STATE_READY;
    printf ("%s/%" PRIu64 " %s", kind_name (process->kind), process->number,
            answer == MSG_PONG && count == 1 ? process_state_name (pong.state) : "does not answer");
    if (answer == MSG_PONG && count == 1)
        printf (" in_flight %" PRIu64 " (%.1f ms)", pong.in_flight,
                (double)(clock_now_us () - start_us) / 1e3);
    putchar ('\n');
    return is_ready;
}

int
console_probe (int argc, char **argv)
{
    static instance_t instance;
    char reason[REASON_BYTES];
    uint64_t kind, number;
    size_t count, probed = 0, ready = 0;
    if (argc != 2 || !s_parse_process (argv[1], &kind, &number))
        return console_usage ("probe");
    if (!s_find_running (&instance, reason) || !s_load_directory (&instance, &count, reason))
        return console_fail ("%s", reason);
    for (size_t i = 0; i < count; i++)
        if (s_processes[i].kind == kind && (number == 0 || s_processes[i].number == number)) {
            probed++;
            ready += s_probe (&instance, &s_processes[i]);
        }
    if (probed == 0)
        return console_fail ("no such process runs");
    return ready == probed ? EXIT_DONE : console_fail ("%zu of %zu ready", ready, probed);
}
