#include "sql_port.h"

#include "check.h"
#include "clock.h"
#include "failpoint.h"
#include "log.h"
#include "metrics.h"
#include "params_load.h"

#include <endian.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>

#define RECONNECT_US 100000u
#define QUEUE_MAX 2048u
#define FIELDS_MAX 24u
#define CONNECTIONS_MAX 16u

/*  Types of the catalogue, fixed for ever (pg_type.dat). */
#define OID_BYTEA 17
#define OID_INT8 20
#define OID_TEXT 25
#define OID_BYTEA_ARRAY 1001
#define OID_TEXT_ARRAY 1009
#define OID_INT8_ARRAY 1016

typedef struct job_t {
    struct job_t *next;
    const call_t *call;
    uint64_t tag;
    uint64_t asked_us;
    size_t parameter_bytes[FIELDS_MAX];
    uint8_t *parameters[FIELDS_MAX]; /* arrays in PostgreSQL's binary form, one per field */
} job_t;

typedef enum connection_state_t { DISCONNECTED, CONNECTING, IDLE, BUSY } connection_state_t;

typedef struct connection_t {
    PGconn *pg;
    connection_state_t state;
    uint64_t since_us;
    uint32_t watched;
    int watched_fd;
    job_t *job;
    bool is_written;  /* all of the job is on its way */
    PGresult *answer; /* of the job; it is complete when NULL follows */
} connection_t;

struct sql_port_t {
    const params_t *params;
    const char *role;
    int epoll_fd;
    uint64_t epoll_data;
    port_result_fn result;
    void *context;
    connection_t connections[CONNECTIONS_MAX];
    size_t connection_count;
    breaker_state_t breaker;
    job_t *first, *last;
    size_t queued;
    port_failures_t failures;
    uint8_t *rows;
    size_t rows_bytes;
};

sql_port_t *
sql_port_new (const params_t *params, const char *role, int epoll_fd, uint64_t epoll_data,
              port_result_fn result, void *context)
{
    sql_port_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->params = params;
    self->role = role;
    self->epoll_fd = epoll_fd;
    self->epoll_data = epoll_data;
    self->result = result;
    self->context = context;
    self->connection_count = params->sql_connections;
    self->breaker = BREAKER_OPEN;
    return self;
}

/* -------------------------------------------------------------------------- parameters */

static uint8_t *
s_put_u32 (uint8_t *at, uint32_t number)
{
    uint32_t big = htobe32 (number);
    memcpy (at, &big, sizeof big);
    return at + sizeof big;
}

static size_t
s_element_bytes (const field_t *field, const void *entry)
{
    if (field->kind == FIELD_TEXT || field->kind == FIELD_SECRET)
        return strlen ((const char *)entry + field->offset);
    return field->size_bytes;
}

static uint8_t *
s_put_element (uint8_t *at, const field_t *field, const void *entry)
{
    size_t bytes = s_element_bytes (field, entry);
    at = s_put_u32 (at, (uint32_t)bytes);
    if (field->kind == FIELD_U64 || field->kind == FIELD_I64) {
        uint64_t big = htobe64 (field_number (field, entry));
        memcpy (at, &big, sizeof big);
    } else
        memcpy (at, (const uint8_t *)entry + field->offset, bytes);
    return at + bytes;
}

static uint32_t
s_element_oid (const field_t *field)
{
    return field->kind == FIELD_BYTES ? OID_BYTEA : field->kind <= FIELD_I64 ? OID_INT8 : OID_TEXT;
}

/*  A one-dimensional array: dimensions, flags, element type, length, lower bound, then each element
   with its length. Source: PostgreSQL 15, array_recv in src/backend/utils/adt/arrayfuncs.c. */
static void
s_put_array (job_t *job, size_t index, const field_t *field, const record_t *record,
             const void *entries, size_t count)
{
    size_t bytes = 5 * 4;
    for (size_t i = 0; i < count; i++)
        bytes += 4 + s_element_bytes (field, (const uint8_t *)entries + i * record->size_bytes);
    uint8_t *at = malloc (bytes);
    CHECK (at);
    job->parameters[index] = at;
    job->parameter_bytes[index] = bytes;
    at = s_put_u32 (at, 1);
    at = s_put_u32 (at, 0);
    at = s_put_u32 (at, s_element_oid (field));
    at = s_put_u32 (at, (uint32_t)count);
    at = s_put_u32 (at, 1);
    for (size_t i = 0; i < count; i++)
        at = s_put_element (at, field, (const uint8_t *)entries + i * record->size_bytes);
}

static job_t *
s_job_new (const call_t *call, const void *entries, size_t count, uint64_t tag)
{
    job_t *job = calloc (1, sizeof *job);
    CHECK (job && call->arguments->field_count <= FIELDS_MAX);
    job->call = call;
    job->tag = tag;
    job->asked_us = clock_now_us ();
    for (size_t i = 0; i < call->arguments->field_count; i++)
        s_put_array (job, i, &call->arguments->fields[i], call->arguments, entries, count);
    return job;
}

static void
s_job_destroy (job_t **job_p)
{
    job_t *job = *job_p;
    for (size_t i = 0; i < FIELDS_MAX; i++)
        free (job->parameters[i]);
    free (job);
    *job_p = NULL;
}

/* -------------------------------------------------------------------------- connections */

static void
s_watch (sql_port_t *self, connection_t *connection, uint32_t wanted)
{
    int fd = PQsocket (connection->pg);
    if (fd < 0 || (fd == connection->watched_fd && wanted == connection->watched))
        return;
    struct epoll_event event = { .events = wanted, .data = { .u64 = self->epoll_data } };
    bool is_same = fd == connection->watched_fd && connection->watched;
    if (epoll_ctl (self->epoll_fd, is_same ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) == 0) {
        connection->watched = wanted;
        connection->watched_fd = fd;
    }
}

/*  The best of all connections. */
static connection_state_t
s_best_state (const sql_port_t *self)
{
    connection_state_t best = DISCONNECTED;
    for (size_t i = 0; i < self->connection_count; i++)
        if (self->connections[i].state > best)
            best = self->connections[i].state;
    return best;
}

bool
sql_port_is_connected (const sql_port_t *self)
{
    return s_best_state (self) >= IDLE;
}

static void
s_tell_breaker (sql_port_t *self)
{
    connection_state_t best = s_best_state (self);
    breaker_state_t breaker = best >= IDLE         ? BREAKER_CLOSED
                              : best == CONNECTING ? BREAKER_HALF_OPEN
                                                   : BREAKER_OPEN;
    if (breaker == BREAKER_OPEN && self->breaker == BREAKER_CLOSED)
        metrics_add (METRIC_BREAKER_OPENINGS, DEPENDENCY_POSTGRES, 1);
    self->breaker = breaker;
    metrics_set (METRIC_BREAKER_STATE, DEPENDENCY_POSTGRES, breaker);
}

static void
s_set_state (sql_port_t *self, connection_t *connection, connection_state_t state)
{
    connection->state = state;
    connection->since_us = clock_now_us ();
    metrics_set (METRIC_SQL_CONNECTED, 0, sql_port_is_connected (self));
    s_tell_breaker (self);
}

static void
s_fail_job (sql_port_t *self, job_t **job_p, result_status_t status, const char *detail)
{
    port_fail (&self->failures, (*job_p)->call->call, (*job_p)->tag, status, detail);
    s_job_destroy (job_p);
}

static void
s_disconnect (sql_port_t *self, connection_t *connection, const char *why)
{
    if (connection->state >= IDLE)
        log_write (LOG_LEVEL_WARNING, "postgres_lost", "%s", why);
    if (connection->job)
        s_fail_job (self, &connection->job, RESULT_UNKNOWN, "connection to PostgreSQL lost");
    PQclear (connection->answer);
    connection->answer = NULL;
    PQfinish (connection->pg); /* closes the descriptor, which takes it out of epoll */
    connection->pg = NULL;
    connection->watched = 0;
    connection->watched_fd = -1;
    s_set_state (self, connection, DISCONNECTED);
}

static void
s_connect (sql_port_t *self, connection_t *connection)
{
    char name[64], password[128], sockets[PATH_MAX], user[64];
    snprintf (name, sizeof name, "secrets/postgres-%s", self->role);
    snprintf (user, sizeof user, "minishop_%s", self->role);
    s_set_state (self, connection, DISCONNECTED);
    if (!instance_secret (self->params, name, password, sizeof password)) {
        log_write (LOG_LEVEL_ERROR, "secret_missing", "%s is not a private file of one line", name);
        return;
    }
    CHECK (instance_path (self->params, sockets, sizeof sockets, "run"));
    const char *keys[] = {
        "host", "port", "dbname", "user", "password", "application_name", "client_encoding", NULL
    };
    const char *values[] = {
        sockets, "5432", "minishop", user, password, self->role, "UTF8", NULL
    };
    connection->pg = PQconnectStartParams (keys, values, 0);
    explicit_bzero (password, sizeof password);
    connection->watched_fd = -1;
    if (!connection->pg || PQstatus (connection->pg) == CONNECTION_BAD) {
        PQfinish (connection->pg);
        connection->pg = NULL;
        return;
    }
    s_set_state (self, connection, CONNECTING);
    s_watch (self, connection, EPOLLOUT);
}

static void
s_go_on_connecting (sql_port_t *self, connection_t *connection)
{
    switch (PQconnectPoll (connection->pg)) {
    case PGRES_POLLING_READING:
        s_watch (self, connection, EPOLLIN);
        break;
    case PGRES_POLLING_WRITING:
        s_watch (self, connection, EPOLLOUT);
        break;
    case PGRES_POLLING_OK:
        PQsetnonblocking (connection->pg, 1);
        s_watch (self, connection, EPOLLIN);
        s_set_state (self, connection, IDLE);
        log_write (LOG_LEVEL_INFO, "postgres_connected", "as minishop_%s", self->role);
        break;
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE:
        log_write (LOG_LEVEL_DEBUG, "postgres_refused", "%s", PQerrorMessage (connection->pg));
        s_disconnect (self, connection, "");
        break;
    }
}

/* -------------------------------------------------------------------------- sending */

static int
s_send (PGconn *pg, const job_t *job)
{
    char statement[256];
    Oid types[FIELDS_MAX];
    int lengths[FIELDS_MAX], formats[FIELDS_MAX];
    const record_t *record = job->call->arguments;
    int used = snprintf (statement, sizeof statement, "SELECT * FROM %s (", job->call->name);
    for (size_t i = 0; i < record->field_count; i++) {
        uint32_t oid = s_element_oid (&record->fields[i]);
        types[i] = oid == OID_INT8    ? OID_INT8_ARRAY
                   : oid == OID_BYTEA ? OID_BYTEA_ARRAY
                                      : OID_TEXT_ARRAY;
        lengths[i] = (int)job->parameter_bytes[i];
        formats[i] = 1;
        used += snprintf (statement + used, sizeof statement - (size_t)used, "%s$%zu",
                          i ? ", " : "", i + 1);
    }
    snprintf (statement + used, sizeof statement - (size_t)used, ")");
    return PQsendQueryParams (pg, statement, (int)record->field_count, types,
                              (const char *const *)job->parameters, lengths, formats, 1);
}

static void
s_flush (sql_port_t *self, connection_t *connection)
{
    int left = PQflush (connection->pg);
    if (left < 0)
        s_disconnect (self, connection, PQerrorMessage (connection->pg));
    else
        s_watch (self, connection, left ? EPOLLIN | EPOLLOUT : EPOLLIN);
    if (left == 0 && connection->job && !connection->is_written) {
        connection->is_written = true;
        FAILPOINT (FAILPOINT_SENT, connection->job->call->call);
    }
}

static void
s_start_jobs (sql_port_t *self)
{
    for (size_t i = 0; i < self->connection_count && self->first; i++) {
        connection_t *connection = &self->connections[i];
        if (connection->state != IDLE)
            continue;
        job_t *job = self->first;
        self->first = job->next;
        self->last = self->first ? self->last : NULL;
        self->queued--;
        connection->job = job;
        connection->is_written = false;
        s_set_state (self, connection, BUSY);
        if (!s_send (connection->pg, job))
            s_disconnect (self, connection, PQerrorMessage (connection->pg));
        else
            s_flush (self, connection);
    }
}

void
sql_port_call (sql_port_t *self, const call_t *call, const void *entries, size_t count,
               uint64_t tag)
{
    if (!sql_port_is_connected (self) || self->queued == QUEUE_MAX) {
        port_fail (&self->failures, call->call, tag, RESULT_UNAVAILABLE,
                   self->queued == QUEUE_MAX ? "queue to PostgreSQL is full"
                                             : "not connected to PostgreSQL");
        return;
    }
    job_t *job = s_job_new (call, entries, count, tag);
    if (self->last)
        self->last->next = job;
    else
        self->first = job;
    self->last = job;
    self->queued++;
    s_start_jobs (self);
}

/* -------------------------------------------------------------------------- receiving */

static bool
s_read_field (const field_t *field, const PGresult *answer, int row, int column, void *entry)
{
    uint8_t *value = (uint8_t *)entry + field->offset;
    size_t bytes = (size_t)PQgetlength (answer, row, column);
    const char *raw = PQgetvalue (answer, row, column);
    if (PQgetisnull (answer, row, column) || PQftype (answer, column) != s_element_oid (field))
        return false;
    if (field->kind == FIELD_U64 || field->kind == FIELD_I64) {
        uint64_t big;
        if (bytes != sizeof big)
            return false;
        memcpy (&big, raw, sizeof big);
        big = be64toh (big);
        memcpy (value, &big, sizeof big);
        return true;
    }
    if (field->kind == FIELD_BYTES ? bytes != field->size_bytes : bytes > field->size_bytes)
        return false;
    memcpy (value, raw, bytes);
    return true;
}

/*  Rows into self->rows. Returns their number, -1 if they are not of the record's shape. */
static int64_t
s_read_rows (sql_port_t *self, const record_t *record, const PGresult *answer)
{
    size_t count = (size_t)PQntuples (answer);
    if ((size_t)PQnfields (answer) != record->field_count || count > CALL_ROWS_MAX)
        return -1;
    if (count * record->size_bytes > self->rows_bytes) {
        self->rows_bytes = count * record->size_bytes;
        self->rows = realloc (self->rows, self->rows_bytes);
        CHECK (self->rows);
    }
    if (count)
        memset (self->rows, 0, count * record->size_bytes);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < record->field_count; k++)
            if (!s_read_field (&record->fields[k], answer, (int)i, (int)k,
                               self->rows + i * record->size_bytes))
                return -1;
    return (int64_t)count;
}

/*  What an error of the server says about the call. Only what is wrong with the arguments themselves (data exceptions, constraints, an error
    raised by the function) is a refusal; the rest was rolled back for lack of resources, rights, time or luck, and may succeed later.
    Source: PostgreSQL 15, appendix A. */
static result_status_t
s_status_of_error (const char *sqlstate)
{
    if (!sqlstate || strncmp (sqlstate, "08", 2) == 0 || strncmp (sqlstate, "57P", 3) == 0)
        return RESULT_UNKNOWN;
    if (strncmp (sqlstate, "22", 2) == 0 || strncmp (sqlstate, "23", 2) == 0 ||
        strncmp (sqlstate, "P0", 2) == 0)
        return RESULT_REFUSED;
    return RESULT_UNAVAILABLE;
}

static void
s_tell_answer (sql_port_t *self, connection_t *connection, const PGresult *answer)
{
    job_t *job = connection->job;
    connection->job = NULL;
    s_set_state (self, connection, IDLE);
    if (PQresultStatus (answer) != PGRES_TUPLES_OK) {
        result_status_t status = s_status_of_error (PQresultErrorField (answer, PG_DIAG_SQLSTATE));
        const char *detail = PQresultErrorField (answer, PG_DIAG_MESSAGE_PRIMARY);
        log_write (LOG_LEVEL_WARNING, "sql_call_failed", "%s: %s", job->call->name,
                   PQresultErrorMessage (answer));
        s_fail_job (self, &job, status, detail ? detail : "");
        return;
    }
    int64_t count = s_read_rows (self, job->call->results, answer);
    if (count < 0) {
        log_write (LOG_LEVEL_ERROR, "sql_call_shape", "%s answered columns of another shape",
                   job->call->name);
        s_fail_job (self, &job, RESULT_UNKNOWN, "answer of another shape");
        return;
    }
    port_result_t result = { .call = job->call->call,
                             .tag = job->tag,
                             .status = RESULT_OK,
                             .rows = self->rows,
                             .count = (size_t)count,
                             .detail = "",
                             .took_us = clock_now_us () - job->asked_us };
    s_job_destroy (&job);
    self->result (self->context, &result);
}

/*  A statement gives one result, then NULL. The next job starts only after the NULL. */
static void
s_receive (sql_port_t *self, connection_t *connection)
{
    if (!PQconsumeInput (connection->pg)) {
        s_disconnect (self, connection, PQerrorMessage (connection->pg));
        return;
    }
    s_flush (self, connection);
    while (connection->state == BUSY && !PQisBusy (connection->pg)) {
        PGresult *answer = PQgetResult (connection->pg);
        PGresult *complete = connection->answer;
        connection->answer = answer;
        if (!answer) {
            if (complete)
                s_tell_answer (self, connection, complete);
            PQclear (complete);
            return;
        }
        PQclear (complete);
    }
}

void
sql_port_process (sql_port_t *self)
{
    for (size_t i = 0; i < self->connection_count; i++) {
        connection_t *connection = &self->connections[i];
        if (connection->state == CONNECTING)
            s_go_on_connecting (self, connection);
        else if (connection->state != DISCONNECTED)
            s_receive (self, connection);
    }
    s_start_jobs (self);
}

static uint64_t
s_deadline_us (const sql_port_t *self, const connection_t *connection)
{
    if (connection->state == DISCONNECTED)
        return connection->since_us + RECONNECT_US;
    if (connection->state == CONNECTING)
        return connection->since_us + self->params->store_connect_ms * 1000;
    return connection->state == BUSY ? connection->since_us + self->params->sql_deadline_ms * 1000
                                     : UINT64_MAX;
}

static void
s_fail_queue (sql_port_t *self)
{
    while (self->first) {
        job_t *job = self->first;
        self->first = job->next;
        s_fail_job (self, &job, RESULT_UNAVAILABLE, "not connected to PostgreSQL");
    }
    self->last = NULL;
    self->queued = 0;
}

uint64_t
sql_port_tick (sql_port_t *self, uint64_t now_us)
{
    uint64_t next_us = UINT64_MAX;
    for (size_t i = 0; i < self->connection_count; i++) {
        connection_t *connection = &self->connections[i];
        bool is_due = now_us >= s_deadline_us (self, connection);
        if (is_due && connection->state == DISCONNECTED)
            s_connect (self, connection);
        else if (is_due)
            s_disconnect (self, connection, "no answer in time");
        uint64_t deadline_us = s_deadline_us (self, connection);
        next_us = deadline_us < next_us ? deadline_us : next_us;
    }
    if (self->first && !sql_port_is_connected (self))
        s_fail_queue (self);
    s_start_jobs (self);
    port_tell_failures (&self->failures, self->result, self->context);
    return self->failures.count ? now_us : next_us;
}

void
sql_port_destroy (sql_port_t **self_p)
{
    sql_port_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->connection_count; i++)
        if (self->connections[i].pg) {
            self->connections[i].state = CONNECTING; /* an end of our own is no loss */
            s_disconnect (self, &self->connections[i], "");
        }
    s_fail_queue (self);
    free (self->rows);
    free (self);
    *self_p = NULL;
}
