/*  minishop-load: a crowd at a flash sale, from outside. It knows the HTTP contract and nothing else of
    the system.

    purchase   attempts of many shoppers at one sale, closed loop or at a fixed rate
    get        one address over and over

    Prints a summary as JSON on stdout; with --log a line per answer:
    monotonic_us user key try status code order_id sequence quantity latency_us
    and of what a shopper does with an order
    pay|cancel monotonic_us user key try status code order_id payment_id outcome latency_us */

#include "crowd.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define TOKENS_MAX 4000000u
#define TOKEN_BYTES_MAX 1024u
#define LOG_BUFFER_BYTES (1u << 20)

static volatile sig_atomic_t s_stop;

typedef struct run_t {
    crowd_options_t crowd;
    const char *tokens_path;
    const char *log_path;
    unsigned first; /* index of the first token that takes part */
    unsigned users; /* how many, 0 = all */
    unsigned retry_per_mille, new_key_per_mille;
    uint64_t seed;
    char *token_bytes; /* the whole file; tokens point into it */
    char **tokens;
    uint32_t token_count;
    plan_t *plan;
} run_t;

static const char s_usage[] =
    "usage: minishop-load purchase --port P[,P…] --sale ID --tokens FILE [options]\n"
    "       minishop-load get --port P[,P…] --path PATH [--tokens FILE] [options]\n"
    "  --host ADDRESS         IPv4, default 127.0.0.1\n"
    "  --source ADDRESS       connect from this address\n"
    "  --connections C        default 64\n"
    "  --threads T            default 1\n"
    "  --seconds S            stop then; default: at the end of the plan\n"
    "  --attempts N           stop after N\n"
    "  --rate R               open loop: R attempts a second, latency from the intended start\n"
    "  --repeat               begin the plan again, with new keys, until another bound\n"
    "  --first I --users N    only these lines of the tokens\n"
    "  --quantity N or N-M    units, by shopper; 0 = empty body; default 1\n"
    "  --key PREFIX           of the keys, default k\n"
    "  --retry-per-mille N    shoppers who send the same key again, an eighth of them eight at "
    "once\n"
    "  --new-key-per-mille N  shoppers who come back with another key\n"
    "  --pay-per-mille N      orders that are paid, each under a key of its own\n"
    "  --cancel-per-mille N   orders that are cancelled\n"
    "  --pay-and-cancel-per-mille N  orders that are both in the same moment\n"
    "  --decline-per-mille N  payments that the provider declines; they are paid again later\n"
    "  --hang-per-mille N     payments that the provider never decides\n"
    "  --pay-twice-per-mille N  paid orders with two payments, under two keys\n"
    "  --again-per-mille N    cancelled orders whose shopper buys again with a new key\n"
    "  --later-ms T           half of the orders are paid or cancelled this much later; default 0\n"
    "  --seed S               of the plan, default 1\n"
    "  --client-retries N     after 5xx or a broken connection, same key; default 0\n"
    "  --timeout-ms T         default 10000\n"
    "  --log FILE             a line per answer\n";

static void
s_handle_signal (int number)
{
    (void)number;
    s_stop = 1;
}

static int
s_fail (const char *what, const char *which)
{
    fprintf (stderr, "minishop-load: %s%s\n", what, which);
    return 2;
}

/*  The whole file at `path`, ending in NUL, or NULL. */
static char *
s_read_file (const char *path)
{
    struct stat status;
    char *bytes = NULL;
    FILE *file = fopen (path, "r");
    if (file && fstat (fileno (file), &status) == 0) {
        bytes = malloc ((size_t)status.st_size + 1);
        size_t count = bytes ? fread (bytes, 1, (size_t)status.st_size, file) : 0;
        if (bytes)
            bytes[count] = 0;
    }
    if (file)
        fclose (file);
    return bytes;
}

static bool
s_read_tokens (run_t *self)
{
    char *rest = NULL;
    self->token_bytes = s_read_file (self->tokens_path);
    self->tokens =
        calloc (TOKENS_MAX, sizeof *self->tokens); /* pages that are not used cost nothing */
    if (!self->token_bytes || !self->tokens)
        return false;
    for (char *line = strtok_r (self->token_bytes, "\n", &rest); line;
         line = strtok_r (NULL, "\n", &rest)) {
        if (self->token_count == TOKENS_MAX || strlen (line) > TOKEN_BYTES_MAX)
            return false;
        self->tokens[self->token_count++] = line;
    }
    return self->token_count > 0;
}

/*  Narrows the tokens to --first and --users. */
static bool
s_choose_users (run_t *self)
{
    if (self->first >= self->token_count)
        return false;
    uint32_t left = self->token_count - self->first;
    self->crowd.tokens = self->tokens + self->first;
    self->crowd.users = self->users > 0 ? self->users : left;
    return self->crowd.users <= left;
}

static bool
s_read_ports (crowd_options_t *crowd, char *text)
{
    char *rest = NULL;
    for (char *port = strtok_r (text, ",", &rest); port; port = strtok_r (NULL, ",", &rest)) {
        unsigned long number = strtoul (port, NULL, 10);
        if (number == 0 || number > 65535 || crowd->port_count == CROWD_PORTS_MAX)
            return false;
        crowd->ports[crowd->port_count++] = (uint16_t)number;
    }
    return crowd->port_count > 0;
}

static unsigned
s_number (const char *text)
{
    return (unsigned)strtoul (text, NULL, 10);
}

static void
s_read_quantity (crowd_options_t *crowd, const char *text)
{
    const char *dash = strchr (text, '-');
    crowd->quantity_min = s_number (text);
    crowd->quantity_max = dash ? s_number (dash + 1) : crowd->quantity_min;
}

/*  One option of the command line. Returns false if it is not known or wrong. */
static bool
s_read_option (run_t *self, const char *name, char *value)
{
    crowd_options_t *crowd = &self->crowd;
    const struct {
        const char *name;
        const char **text;
        unsigned *number;
        double *real;
    } options[] = {
        { "host", &crowd->host, NULL, NULL },
        { "source", &crowd->source, NULL, NULL },
        { "sale", &crowd->sale_id, NULL, NULL },
        { "path", &crowd->path, NULL, NULL },
        { "key", &crowd->key_prefix, NULL, NULL },
        { "tokens", &self->tokens_path, NULL, NULL },
        { "log", &self->log_path, NULL, NULL },
        { "connections", NULL, &crowd->connections, NULL },
        { "threads", NULL, &crowd->threads, NULL },
        { "first", NULL, &self->first, NULL },
        { "users", NULL, &self->users, NULL },
        { "retry-per-mille", NULL, &self->retry_per_mille, NULL },
        { "new-key-per-mille", NULL, &self->new_key_per_mille, NULL },
        { "pay-per-mille", NULL, &crowd->habits.pay_per_mille, NULL },
        { "cancel-per-mille", NULL, &crowd->habits.cancel_per_mille, NULL },
        { "pay-and-cancel-per-mille", NULL, &crowd->habits.pay_and_cancel_per_mille, NULL },
        { "decline-per-mille", NULL, &crowd->habits.decline_per_mille, NULL },
        { "hang-per-mille", NULL, &crowd->habits.hang_per_mille, NULL },
        { "pay-twice-per-mille", NULL, &crowd->habits.twice_per_mille, NULL },
        { "again-per-mille", NULL, &crowd->habits.again_per_mille, NULL },
        { "client-retries", NULL, &crowd->retries, NULL },
        { "timeout-ms", NULL, &crowd->timeout_ms, NULL },
        { "seconds", NULL, NULL, &crowd->seconds },
        { "rate", NULL, NULL, &crowd->rate_per_s },
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (strcmp (options[i].name, name) != 0)
            continue;
        if (options[i].text)
            *options[i].text = value;
        else if (options[i].number)
            *options[i].number = s_number (value);
        else
            *options[i].real = strtod (value, NULL);
        return true;
    }
    if (strcmp (name, "port") == 0)
        return s_read_ports (crowd, value);
    if (strcmp (name, "attempts") == 0)
        crowd->attempts_max = strtoull (value, NULL, 10);
    else if (strcmp (name, "seed") == 0)
        self->seed = strtoull (value, NULL, 10);
    else if (strcmp (name, "later-ms") == 0)
        crowd->habits.later_us = strtoull (value, NULL, 10) * 1000u;
    else if (strcmp (name, "quantity") == 0)
        s_read_quantity (crowd, value);
    else
        return false;
    return true;
}

static bool
s_read_arguments (run_t *self, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        if (strncmp (argv[i], "--", 2) != 0)
            return false;
        if (strcmp (argv[i], "--repeat") == 0)
            self->crowd.is_repeating = true;
        else if (i + 1 == argc || !s_read_option (self, argv[i] + 2, argv[i + 1]))
            return false;
        else
            i++;
    }
    return self->crowd.port_count > 0 && self->crowd.connections > 0 && self->crowd.threads > 0 &&
           self->crowd.threads <= CROWD_THREADS_MAX &&
           self->crowd.threads <= self->crowd.connections &&
           self->crowd.quantity_min <= self->crowd.quantity_max;
}

static void
s_print_summary (const run_t *self, const crowd_result_t *result)
{
    struct rusage usage;
    getrusage (RUSAGE_SELF, &usage);
    double cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf ("{\n  \"mode\": \"%s\",\n", self->crowd.path ? "get" : "purchase");
    printf ("  \"connections\": %u,\n  \"rate_per_s\": %.1f,\n", self->crowd.connections,
            self->crowd.rate_per_s);
    printf ("  \"seconds\": %.4f,\n  \"cpu_s\": %.3f,\n", result->seconds, cpu_s);
    printf ("  \"attempts\": %" PRIu64 ",\n", result->attempts);
    tally_print (result->tally, result->seconds, stdout);
    if (!self->crowd.path) {
        printf (",\n");
        tally_print_short (result->pays, "pay", stdout);
        printf (",\n");
        tally_print_short (result->cancels, "cancel", stdout);
    }
    printf ("\n}\n");
}

static int
s_run (run_t *self)
{
    crowd_result_t result = { 0 };
    if (self->tokens_path && (!s_read_tokens (self) || !s_choose_users (self)))
        return s_fail ("cannot take tokens from ", self->tokens_path);
    if (!self->crowd.path) {
        if (!self->tokens_path || !self->crowd.sale_id)
            return s_fail ("a purchase needs --tokens and --sale", "");
        self->plan = plan_new (self->crowd.users, self->retry_per_mille, self->new_key_per_mille,
                               self->seed);
        self->crowd.plan = self->plan;
        self->crowd.habits.seed = self->seed;
        if (!self->plan)
            return s_fail ("out of memory", "");
    }
    if (self->log_path) {
        self->crowd.log = fopen (self->log_path, "w");
        if (!self->crowd.log)
            return s_fail ("cannot write ", self->log_path);
        setvbuf (self->crowd.log, NULL, _IOFBF, LOG_BUFFER_BYTES);
    }
    bool is_good = crowd_run (&self->crowd, &s_stop, &result);
    if (is_good)
        s_print_summary (self, &result);
    if (self->crowd.log && fclose (self->crowd.log) != 0)
        is_good = false;
    tally_destroy (&result.tally);
    tally_destroy (&result.pays);
    tally_destroy (&result.cancels);
    return is_good ? 0 : 1;
}

int
main (int argc, char **argv)
{
    run_t run = { .seed = 1,
                  .crowd = { .host = "127.0.0.1",
                             .key_prefix = "k",
                             .quantity_min = 1,
                             .quantity_max = 1,
                             .connections = 64,
                             .threads = 1,
                             .timeout_ms = 10000 } };
    bool is_purchase = argc > 1 && strcmp (argv[1], "purchase") == 0;
    bool is_get = argc > 1 && strcmp (argv[1], "get") == 0;
    if (!(is_purchase || is_get) || !s_read_arguments (&run, argc, argv) ||
        is_get != (run.crowd.path != NULL)) {
        fputs (s_usage, stderr);
        return 2;
    }
    signal (SIGINT, s_handle_signal);
    signal (SIGTERM, s_handle_signal);
    signal (SIGPIPE, SIG_IGN);
    int code = s_run (&run);
    plan_destroy (&run.plan);
    free (run.tokens);
    free (run.token_bytes);
    return code;
}
