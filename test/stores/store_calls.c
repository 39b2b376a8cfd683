/*  The rows of calls.def, called directly and one at a time. */

#include "store_calls.h"

#include "embedded.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 24
#define NUMBER_BYTES 24

static _Thread_local char s_error[512];

const char *
store_error (void)
{
    return s_error;
}

static int
s_refuse (const char *why)
{
    snprintf (s_error, sizeof s_error, "%s", why);
    return -1;
}

/*  Writes a decimal number or a text into a field; false if it does not fit. */
static bool
s_set_text (const field_t *field, void *entry, const char *text, size_t bytes)
{
    char *target = (char *)entry + field->offset;
    if (field->kind == FIELD_TEXT || field->kind == FIELD_SECRET) {
        if (bytes > field->size_bytes)
            return false;
        memcpy (target, text, bytes);
        target[bytes] = 0;
        return true;
    }
    if (field->kind == FIELD_BYTES)
        return bytes == field->size_bytes && memcpy (target, text, bytes);
    char *end = NULL;
    uint64_t value = strtoull (text, &end, 10);
    memcpy (target, &value, sizeof value);
    return bytes > 0 && *end == 0 && text[0] != '-';
}

/* -------------------------------------------------------------------------- Redis */

bool
gate_run_id (redisContext *redis, char run_id[41])
{
    redisReply *reply = redisCommand (redis, "INFO server");
    const char *at =
        reply && reply->type == REDIS_REPLY_STRING ? strstr (reply->str, "run_id:") : NULL;
    if (at)
        snprintf (run_id, 41, "%.40s", at + 7);
    if (reply)
        freeReplyObject (reply);
    return at != NULL;
}

static const char *
s_sha1 (const char *name)
{
    for (const embedded_t *script = embedded_scripts; script->name; script++)
        if (!strcmp (script->name, name))
            return script->sha1;
    return "none";
}

static bool
s_set_reply (const field_t *field, void *entry, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_STRING)
        return s_set_text (field, entry, reply->str, reply->len);
    if (reply->type != REDIS_REPLY_INTEGER || reply->integer < 0 || field->kind != FIELD_U64)
        return false;
    uint64_t value = (uint64_t)reply->integer;
    memcpy ((char *)entry + field->offset, &value, sizeof value);
    return true;
}

static int
s_gate_results (const record_t *record, const redisReply *reply, void *results, size_t results_max)
{
    if (reply->type == REDIS_REPLY_ERROR)
        return s_refuse (reply->str);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements % record->field_count)
        return s_refuse ("not a flat array of results");
    size_t rows = reply->elements / record->field_count;
    if (rows > results_max)
        return s_refuse ("more results than expected");
    memset (results, 0, results_max * record->size_bytes);
    for (size_t i = 0; i < reply->elements; i++) {
        void *entry = (char *)results + i / record->field_count * record->size_bytes;
        const field_t *field = &record->fields[i % record->field_count];
        if (!s_set_reply (field, entry, reply->element[i]))
            return s_refuse (field->name);
    }
    return (int)rows;
}

/*  Appends the field as an argument; numbers are printed into `digits`. */
static void
s_gate_argument (const field_t *field, const void *entry, char *digits, const char **text,
                 size_t *bytes)
{
    const char *source = (const char *)entry + field->offset;
    if (field->kind == FIELD_BYTES) {
        *text = source;
        *bytes = field->size_bytes;
    } else if (field->kind == FIELD_TEXT || field->kind == FIELD_SECRET) {
        *text = source;
        *bytes = strlen (source);
    } else {
        *bytes = (size_t)snprintf (digits, NUMBER_BYTES, "%" PRIu64, field_number (field, entry));
        *text = digits;
    }
}

/*  Number in a field called sale_id of the first entry: every record of a gate call has one. */
static uint64_t
s_sale_id (const record_t *record, const void *entry)
{
    for (size_t i = 0; i < record->field_count; i++)
        if (!strcmp (record->fields[i].name, "sale_id"))
            return field_number (&record->fields[i], entry);
    return 0;
}

int
gate_call (redisContext *redis, const char *run_id, call_name_t call, const void *arguments,
           size_t count, void *results, size_t results_max)
{
    const call_t *row = schema_call (call);
    const record_t *record = row->arguments;
    char key[64], entries[NUMBER_BYTES];
    snprintf (key, sizeof key, "{s%" PRIu64 "}:g", s_sale_id (record, arguments));
    snprintf (entries, sizeof entries, "%zu", count);
    const char *head[] = { "EVALSHA", s_sha1 (row->name), "1", key, run_id, entries };
    size_t head_count = sizeof head / sizeof *head;
    size_t field_count = count * record->field_count;
    const char **argv = calloc (head_count + field_count, sizeof *argv);
    size_t *bytes = calloc (head_count + field_count, sizeof *bytes);
    char (*digits)[NUMBER_BYTES] = calloc (field_count + 1, NUMBER_BYTES);
    for (size_t i = 0; i < head_count; i++) {
        argv[i] = head[i];
        bytes[i] = strlen (head[i]);
    }
    for (size_t i = 0; i < field_count; i++) {
        const char *entry = (const char *)arguments + i / record->field_count * record->size_bytes;
        s_gate_argument (&record->fields[i % record->field_count], entry, digits[i],
                         &argv[head_count + i], &bytes[head_count + i]);
    }
    redisReply *reply = redisCommandArgv (redis, (int)(head_count + field_count), argv, bytes);
    int rows = reply ? s_gate_results (row->results, reply, results, results_max)
                     : s_refuse (redis->errstr);
    if (reply)
        freeReplyObject (reply);
    free (argv);
    free (bytes);
    free (digits);
    return rows;
}

/* -------------------------------------------------------------------------- PostgreSQL */

static size_t
s_put_hex (char *text, const uint8_t *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef", open[] = "\"\\\\x";
    size_t at = sizeof open - 1;
    memcpy (text, open, at);
    for (size_t i = 0; i < count; i++) {
        text[at++] = digits[bytes[i] >> 4];
        text[at++] = digits[bytes[i] & 15];
    }
    text[at++] = '"';
    return at;
}

static size_t
s_put_quoted (char *text, const char *value)
{
    size_t at = 0;
    text[at++] = '"';
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            text[at++] = '\\';
        text[at++] = *value;
    }
    text[at++] = '"';
    return at;
}

/*  One field of all entries as an array literal. The caller frees it. */
static char *
s_array (const record_t *record, const field_t *field, const void *entries, size_t count)
{
    size_t text_bytes = count * (2 * field->size_bytes + 32) + 3, at = 0;
    char *text = malloc (text_bytes);
    text[at++] = '{';
    for (size_t i = 0; i < count; i++) {
        const char *entry = (const char *)entries + i * record->size_bytes;
        if (i)
            text[at++] = ',';
        if (field->kind == FIELD_BYTES)
            at += s_put_hex (text + at, (const uint8_t *)entry + field->offset, field->size_bytes);
        else if (field->kind == FIELD_TEXT || field->kind == FIELD_SECRET)
            at += s_put_quoted (text + at, entry + field->offset);
        else
            at += (size_t)snprintf (text + at, text_bytes - at, "%" PRId64,
                                    (int64_t)field_number (field, entry));
    }
    text[at++] = '}';
    text[at] = 0;
    return text;
}

static bool
s_set_column (const field_t *field, void *entry, const char *text)
{
    if (field->kind != FIELD_BYTES)
        return s_set_text (field, entry, text, strlen (text));
    size_t bytes = 0;
    unsigned char *raw = PQunescapeBytea ((const unsigned char *)text, &bytes);
    bool is_set = raw && s_set_text (field, entry, (const char *)raw, bytes);
    PQfreemem (raw);
    return is_set;
}

static int
s_sql_results (const record_t *record, const PGresult *result, void *results, size_t results_max)
{
    if (PQresultStatus (result) != PGRES_TUPLES_OK) {
        const char *state = PQresultErrorField (result, PG_DIAG_SQLSTATE);
        snprintf (s_error, sizeof s_error, "%s %s", state ? state : "?",
                  PQresultErrorMessage (result));
        return -1;
    }
    if ((size_t)PQntuples (result) > results_max ||
        (size_t)PQnfields (result) != record->field_count)
        return s_refuse ("more results or columns than expected");
    memset (results, 0, results_max * record->size_bytes);
    for (int row = 0; row < PQntuples (result); row++)
        for (int column = 0; column < PQnfields (result); column++) {
            void *entry = (char *)results + (size_t)row * record->size_bytes;
            if (PQgetisnull (result, row, column) ||
                !s_set_column (&record->fields[column], entry, PQgetvalue (result, row, column)))
                return s_refuse (record->fields[column].name);
        }
    return PQntuples (result);
}

int
sql_call (PGconn *sql, call_name_t call, const void *arguments, size_t count, void *results,
          size_t results_max)
{
    const call_t *row = schema_call (call);
    const record_t *record = row->arguments;
    char *values[FIELDS_MAX] = { NULL };
    char statement[256];
    int at = snprintf (statement, sizeof statement, "SELECT * FROM %s (", row->name);
    for (size_t i = 0; i < record->field_count; i++) {
        at +=
            snprintf (statement + at, sizeof statement - (size_t)at, i ? ", $%zu" : "$%zu", i + 1);
        values[i] = s_array (record, &record->fields[i], arguments, count);
    }
    snprintf (statement + at, sizeof statement - (size_t)at, ")");
    PGresult *result = PQexecParams (sql, statement, (int)record->field_count, NULL,
                                     (const char *const *)values, NULL, NULL, 0);
    int rows = s_sql_results (row->results, result, results, results_max);
    PQclear (result);
    for (size_t i = 0; i < record->field_count; i++)
        free (values[i]);
    return rows;
}
