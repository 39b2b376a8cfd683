#include "redis_port.h"

#include "check.h"
#include "clock.h"
#include "embedded.h"
#include "failpoint.h"
#include "log.h"
#include "metrics.h"
#include "params_load.h"
#include "redis_rows.h"
#include "redis_words.h"

#include <errno.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>

/*  Time between two attempts to connect: a restarted Redis is found within it. */
#define RECONNECT_US 20000u

typedef enum connection_t { DISCONNECTED, CONNECTING, PREPARING, CONNECTED } connection_t;

typedef struct pending_t {
    struct pending_t *next;
    redis_port_t *port;
    const call_t *call;
    uint64_t tag;
    uint64_t sent_us;
    bool is_written;               /* all of it is on its way */
    journal_position_t *positions; /* of a journal read */
    size_t position_count;
} pending_t;

struct redis_port_t {
    const params_t *params;
    const char *user;
    bool is_script_loader;
    int epoll_fd;
    uint64_t epoll_data;
    uint32_t watched; /* epoll events in force */
    port_result_fn result;
    void *context;

    redisAsyncContext *redis;
    connection_t state;
    uint64_t state_since_us;
    bool is_failing; /* the current connection is to be dropped at the next tick */
    char run_id[REDIS_RUN_ID_BYTES + 1];
    size_t preparing; /* answers still missing before CONNECTED */

    pending_t *oldest, *newest; /* sent, in order */
    port_failures_t failures;

    redis_words_t words; /* of the call that is being sent */
    uint8_t *rows;       /* CALL_ROWS_MAX of the largest result */
};

redis_port_t *
redis_port_new (const params_t *params, const char *user, bool is_script_loader, int epoll_fd,
                uint64_t epoll_data, port_result_fn result, void *context)
{
    redis_port_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->params = params;
    self->user = user;
    self->is_script_loader = is_script_loader;
    self->epoll_fd = epoll_fd;
    self->epoll_data = epoll_data;
    self->result = result;
    self->context = context;
    self->rows = calloc (CALL_ROWS_MAX, REDIS_ROW_BYTES_MAX);
    CHECK (self->rows);
    return self;
}

bool
redis_port_is_connected (const redis_port_t *self)
{
    return self->state == CONNECTED;
}

/* -------------------------------------------------------------------------- pending calls */

static void
s_pending_free (pending_t *pending)
{
    free (pending->positions);
    free (pending);
}

/*  Answers come in order: it is always the oldest. */
static void
s_pending_pop (redis_port_t *self, pending_t *pending)
{
    CHECK (self->oldest == pending);
    self->oldest = pending->next;
    if (!self->oldest)
        self->newest = NULL;
}

static void
s_pending_push (redis_port_t *self, pending_t *pending)
{
    if (self->newest)
        self->newest->next = pending;
    else
        self->oldest = pending;
    self->newest = pending;
}

/* -------------------------------------------------------------------------- epoll adapter of
 * hiredis */

static void
s_watch (redis_port_t *self, uint32_t wanted)
{
    if (wanted == self->watched || !self->redis)
        return;
    struct epoll_event event = { .events = wanted, .data = { .u64 = self->epoll_data } };
    int operation = self->watched == 0 ? EPOLL_CTL_ADD
                    : wanted == 0      ? EPOLL_CTL_DEL
                                       : EPOLL_CTL_MOD;
    if (epoll_ctl (self->epoll_fd, operation, self->redis->c.fd, &event) == 0 || wanted == 0)
        self->watched = wanted;
}

static void
s_add_read (void *data)
{
    redis_port_t *self = data;
    s_watch (self, self->watched | EPOLLIN);
}

static void
s_del_read (void *data)
{
    redis_port_t *self = data;
    s_watch (self, self->watched & ~(uint32_t)EPOLLIN);
}

static void
s_add_write (void *data)
{
    redis_port_t *self = data;
    s_watch (self, self->watched | EPOLLOUT);
}

static void
s_del_write (void *data)
{
    redis_port_t *self = data;
    s_watch (self, self->watched & ~(uint32_t)EPOLLOUT);
}

static void
s_cleanup (void *data)
{
    s_watch (data, 0);
}

/* -------------------------------------------------------------------------- connecting */

static void
s_set_state (redis_port_t *self, connection_t state)
{
    if (self->state == CONNECTED && state == DISCONNECTED)
        metrics_add (METRIC_BREAKER_OPENINGS, DEPENDENCY_REDIS, 1);
    self->state = state;
    self->state_since_us = clock_now_us ();
    metrics_set (METRIC_GATE_CONNECTED, 0, state == CONNECTED);
    metrics_set (METRIC_BREAKER_STATE, DEPENDENCY_REDIS,
                 state == CONNECTED      ? BREAKER_CLOSED
                 : state == DISCONNECTED ? BREAKER_OPEN
                                         : BREAKER_HALF_OPEN);
}

static void
s_on_disconnect (const redisAsyncContext *redis, int status)
{
    redis_port_t *self = redis->data;
    (void)status;
    if (self->state == CONNECTED)
        log_write (LOG_LEVEL_WARNING, "redis_lost", "%s", redis->errstr ? redis->errstr : "closed");
    self->redis = NULL;
    self->watched = 0;
    s_set_state (self, DISCONNECTED);
}

static void
s_on_connect (const redisAsyncContext *redis, int status)
{
    redis_port_t *self = redis->data;
    if (status != REDIS_OK) {
        /* hiredis frees the context after this call */
        self->redis = NULL;
        self->watched = 0;
        s_set_state (self, DISCONNECTED);
    }
}

/*  Drops the connection; every pending call is told UNKNOWN by its callback. */
static void
s_drop (redis_port_t *self)
{
    self->is_failing = false;
    if (self->redis) {
        redisAsyncContext *redis = self->redis;
        s_watch (self, 0);
        self->redis = NULL;
        redisAsyncFree (redis);
    }
    self->watched = 0;
    s_set_state (self, DISCONNECTED);
}

static void
s_prepared (redis_port_t *self)
{
    if (--self->preparing > 0)
        return;
    s_set_state (self, CONNECTED);
    log_write (LOG_LEVEL_INFO, "redis_connected", "run id %s", self->run_id);
}

static void
s_on_prepared (redisAsyncContext *redis, void *answer, void *data)
{
    redis_port_t *self = redis->data;
    redisReply *reply = answer;
    (void)data;
    if (!reply)
        return;
    if (reply->type == REDIS_REPLY_ERROR) {
        log_write (LOG_LEVEL_ERROR, "redis_refused", "%.*s", (int)reply->len, reply->str);
        self->is_failing = true;
        return;
    }
    s_prepared (self);
}

static void
s_on_info (redisAsyncContext *redis, void *answer, void *data)
{
    redis_port_t *self = redis->data;
    redisReply *reply = answer;
    (void)data;
    if (!reply)
        return;
    const char *run_id = reply->type == REDIS_REPLY_STRING ? strstr (reply->str, "run_id:") : NULL;
    if (!run_id || strlen (run_id) < strlen ("run_id:") + REDIS_RUN_ID_BYTES) {
        self->is_failing = true;
        return;
    }
    memcpy (self->run_id, run_id + strlen ("run_id:"), REDIS_RUN_ID_BYTES);
    s_prepared (self);
}

static void
s_load_scripts (redis_port_t *self)
{
    for (const embedded_t *script = embedded_scripts; script->name; script++) {
        const char *words[] = { "SCRIPT", "LOAD", script->text };
        size_t lengths[] = { 6, 4, strlen (script->text) };
        self->preparing++;
        redisAsyncCommandArgv (self->redis, s_on_prepared, NULL, 3, words, lengths);
    }
}

static void
s_prepare (redis_port_t *self)
{
    char name[64], password[128];
    snprintf (name, sizeof name, "secrets/redis-%s", self->user);
    if (!instance_secret (self->params, name, password, sizeof password)) {
        log_write (LOG_LEVEL_ERROR, "secret_missing", "%s is not a private file of one line", name);
        self->is_failing = true;
        return;
    }
    const char *auth[] = { "AUTH", self->user, password };
    size_t auth_lengths[] = { 4, strlen (self->user), strlen (password) };
    const char *info[] = { "INFO", "server" };
    size_t info_lengths[] = { 4, 6 };
    self->preparing = 2;
    redisAsyncCommandArgv (self->redis, s_on_prepared, NULL, 3, auth, auth_lengths);
    redisAsyncCommandArgv (self->redis, s_on_info, NULL, 2, info, info_lengths);
    if (self->is_script_loader)
        s_load_scripts (self);
    if (self->state == CONNECTING)
        s_set_state (self, PREPARING);
    explicit_bzero (password, sizeof password);
}

static void
s_connect (redis_port_t *self)
{
    char path[PATH_MAX];
    CHECK (instance_path (self->params, path, sizeof path, "run/redis.sock"));
    s_set_state (self, CONNECTING);
    redisAsyncContext *redis = redisAsyncConnectUnix (path);
    if (!redis || redis->err) {
        if (redis)
            redisAsyncFree (redis);
        s_set_state (self, DISCONNECTED);
        return;
    }
    self->redis = redis;
    redis->data = self;
    redis->ev.addRead = s_add_read;
    redis->ev.delRead = s_del_read;
    redis->ev.addWrite = s_add_write;
    redis->ev.delWrite = s_del_write;
    redis->ev.cleanup = s_cleanup;
    redis->ev.data = self;
    redisAsyncSetConnectCallback (redis, s_on_connect);
    redisAsyncSetDisconnectCallback (redis, s_on_disconnect);
    s_prepare (self);
}

/* -------------------------------------------------------------------------- sending and receiving
 */

static void
s_refused (redis_port_t *self, const pending_t *pending, const redisReply *reply)
{
    bool is_error = reply->type == REDIS_REPLY_ERROR;
    const char *detail = is_error ? reply->str : "answer of another shape";
    log_write (LOG_LEVEL_WARNING, "gate_call_refused", "%s: %.200s", pending->call->name, detail);
    /* an error comes before the script wrote anything; an answer that cannot be read says that it ran */
    port_fail (&self->failures, pending->call->call, pending->tag,
               is_error ? RESULT_REFUSED : RESULT_UNKNOWN, detail);
    /* after SCRIPT FLUSH; calls go on being refused until the scripts are there again */
    if (self->is_script_loader && self->state == CONNECTED &&
        strncmp (detail, "NOSCRIPT", 8) == 0 && self->preparing == 0)
        s_load_scripts (self);
}

static void
s_on_answer (redisAsyncContext *redis, void *answer, void *data)
{
    pending_t *pending = data;
    redis_port_t *self = pending->port;
    const redisReply *reply = answer;
    (void)redis;
    s_pending_pop (self, pending);
    if (!reply) {
        port_fail (&self->failures, pending->call->call, pending->tag, RESULT_UNKNOWN,
                   "connection to Redis lost");
        s_pending_free (pending);
        return;
    }
    int64_t count = -1;
    if (reply->type != REDIS_REPLY_ERROR)
        count = pending->call->store == STORE_JOURNAL
                    ? redis_rows_of_journals (reply, (order_event_t *)self->rows)
                    : redis_rows_of_script (reply, pending->call->results, self->rows);
    if (count < 0)
        s_refused (self, pending, reply);
    else {
        port_result_t result = { .call = pending->call->call,
                                 .tag = pending->tag,
                                 .status = RESULT_OK,
                                 .rows = self->rows,
                                 .count = (size_t)count,
                                 .detail = "",
                                 .took_us = clock_now_us () - pending->sent_us };
        s_pending_free (pending);
        self->result (self->context, &result);
        return;
    }
    s_pending_free (pending);
}

static int
s_send_journal_read (redis_port_t *self, pending_t *pending, const void *entries, size_t count)
{
    pending->positions = calloc (count, sizeof (journal_position_t));
    redis_journal_name_t *names = calloc (count, sizeof *names);
    redis_journal_id_t *ids = calloc (count, sizeof *ids);
    CHECK (pending->positions && names && ids);
    memcpy (pending->positions, entries, count * sizeof (journal_position_t));
    pending->position_count = count;
    redis_words_of_journal_read (&self->words, pending->positions, pending->position_count, names,
                                 ids);
    int status = redisAsyncCommandArgv (self->redis, s_on_answer, pending, (int)self->words.count,
                                        self->words.words, self->words.lengths);
    free (names);
    free (ids);
    return status;
}

void
redis_port_call (redis_port_t *self, const call_t *call, const void *entries, size_t count,
                 uint64_t tag)
{
    if (self->state != CONNECTED || self->is_failing) {
        port_fail (&self->failures, call->call, tag, RESULT_UNAVAILABLE, "not connected to Redis");
        return;
    }
    CHECK (count > 0);
    pending_t *pending = calloc (1, sizeof *pending);
    CHECK (pending);
    pending->port = self;
    pending->call = call;
    pending->tag = tag;
    pending->sent_us = clock_now_us ();
    self->words.count = 0;
    int status;
    if (call->store == STORE_JOURNAL)
        status = s_send_journal_read (self, pending, entries, count);
    else {
        char key[64];
        redis_words_of_script (&self->words, call, entries, count, self->run_id, key, sizeof key);
        status = redisAsyncCommandArgv (self->redis, s_on_answer, pending, (int)self->words.count,
                                        self->words.words, self->words.lengths);
    }
    if (status != REDIS_OK) {
        port_fail (&self->failures, call->call, tag, RESULT_UNAVAILABLE,
                   "connection to Redis is closing");
        s_pending_free (pending);
        return;
    }
    s_pending_push (self, pending);
}

/*  For failpoints only. Calls leave in order: when nothing is left to be written, all have left. */
static void
s_note_written (redis_port_t *self)
{
#ifdef MINISHOP_FAILPOINTS
    if (!self->redis || sdslen (self->redis->c.obuf) > 0)
        return;
    for (pending_t *pending = self->oldest; pending; pending = pending->next)
        if (!pending->is_written) {
            pending->is_written = true;
            FAILPOINT (FAILPOINT_SENT, pending->call->call);
        }
#else
    (void)self;
#endif
}

void
redis_port_process (redis_port_t *self, uint32_t events)
{
    if (self->redis && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        redisAsyncHandleRead (self->redis);
    if (self->redis && events & EPOLLOUT) {
        redisAsyncHandleWrite (self->redis);
        s_note_written (self);
    }
}

static uint64_t
s_deadline_us (const redis_port_t *self)
{
    uint64_t patience_us = self->params->gate_deadline_ms * 1000;
    if (self->state == CONNECTING || self->state == PREPARING)
        return self->state_since_us + self->params->store_connect_ms * 1000;
    if (self->state == CONNECTED && self->oldest)
        return self->oldest->sent_us + patience_us +
               (self->oldest->call->store == STORE_JOURNAL ? REDIS_JOURNAL_WAIT_MS * 1000u : 0);
    return UINT64_MAX;
}

uint64_t
redis_port_tick (redis_port_t *self, uint64_t now_us)
{
    if (self->is_failing || now_us >= s_deadline_us (self)) {
        if (!self->is_failing)
            log_write (LOG_LEVEL_WARNING, "redis_late",
                       "no answer in time; the connection is dropped");
        s_drop (self);
    }
    if (self->state == DISCONNECTED && now_us >= self->state_since_us + RECONNECT_US)
        s_connect (self);
    port_tell_failures (&self->failures, self->result, self->context);
    if (self->failures.count || self->is_failing)
        return now_us;
    return self->state == DISCONNECTED ? self->state_since_us + RECONNECT_US : s_deadline_us (self);
}

void
redis_port_destroy (redis_port_t **self_p)
{
    redis_port_t *self = *self_p;
    if (self) {
        self->state = DISCONNECTED; /* an end of our own is no loss */
        s_drop (self);
        free (self->rows);
        free (self);
        *self_p = NULL;
    }
}
