#include "redis_rows.h"

#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
s_read_field (const field_t *field, const redisReply *reply, void *row)
{
    uint8_t *value = (uint8_t *)row + field->offset;
    int64_t number;
    char *end;
    switch (field->kind) {
    case FIELD_U64:
    case FIELD_I64:
        if (reply->type == REDIS_REPLY_INTEGER)
            number = reply->integer;
        else if (reply->type == REDIS_REPLY_STRING && reply->len > 0) {
            errno = 0;
            number = strtoll (reply->str, &end, 10);
            if (errno || end != reply->str + reply->len)
                return false;
        } else
            return false;
        /* what may not be is not stored: it would go on to a peer, whose codec refuses the whole message */
        if (field->kind == FIELD_U64 && number < 0)
            return false;
        memcpy (value, &number, sizeof number);
        return true;
    case FIELD_BYTES:
        if (reply->type != REDIS_REPLY_STRING || (size_t)reply->len != field->size_bytes)
            return false;
        memcpy (value, reply->str, field->size_bytes);
        return true;
    case FIELD_TEXT:
    case FIELD_SECRET:
        if (reply->type != REDIS_REPLY_STRING || (size_t)reply->len > field->size_bytes)
            return false;
        memcpy (value, reply->str, (size_t)reply->len);
        return true;
    }
    return false;
}

int64_t
redis_rows_of_script (const redisReply *reply, const record_t *record, uint8_t *rows)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements % record->field_count != 0)
        return -1;
    size_t count = reply->elements / record->field_count;
    if (count > CALL_ROWS_MAX || record->size_bytes > REDIS_ROW_BYTES_MAX)
        return -1;
    memset (rows, 0, count * record->size_bytes);
    for (size_t i = 0; i < reply->elements; i++)
        if (!s_read_field (&record->fields[i % record->field_count], reply->element[i],
                           rows + i / record->field_count * record->size_bytes))
            return -1;
    return (int64_t)count;
}

/*  Pairs of a journal's entry, in the order in which the gate writes them (schema/lua/README.md). */
static const char *const s_entry_names[] = { "rid", "user", "qty",  "price", "seq",
                                             "at",  "pay",  "hash", "trace" };
#define ENTRY_PAIRS (sizeof s_entry_names / sizeof s_entry_names[0])
#define ENTRY_FIRST_FIELD 4u /* of order_event: after sale_id, epoch, entry_ms, entry_seq */

/*  Reads what can be read. Returns false unless all of it is of the gate's shape. */
static bool
s_read_pairs (const redisReply *pairs, order_event_t *row)
{
    bool is_whole = pairs->type == REDIS_REPLY_ARRAY && pairs->elements == 2 * ENTRY_PAIRS;
    for (size_t i = 0;
         pairs->type == REDIS_REPLY_ARRAY && i + 1 < pairs->elements && i / 2 < ENTRY_PAIRS;
         i += 2) {
        const redisReply *name = pairs->element[i];
        is_whole &=
            name->type == REDIS_REPLY_STRING && strcmp (name->str, s_entry_names[i / 2]) == 0;
        is_whole &= s_read_field (&record_order_event.fields[ENTRY_FIRST_FIELD + i / 2],
                                  pairs->element[i + 1], row);
    }
    return is_whole;
}

/*  One entry of a stream: [id, [name, value, …]]. What is not of the gate's shape goes on without a rid, with what could be read of
   it for people to see: the broker makes a dead letter of it. */
static void
s_row_of_entry (const redisReply *entry, const journal_position_t *at, order_event_t *row)
{
    row->sale_id = at->sale_id;
    row->epoch = at->epoch;
    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 ||
        entry->element[0]->type != REDIS_REPLY_STRING ||
        sscanf (entry->element[0]->str, "%" SCNu64 "-%" SCNu64, &row->entry_ms, &row->entry_seq) !=
            2)
        return;
    if (s_read_pairs (entry->element[1], row))
        return;
    memset (row->rid, 0, sizeof row->rid);
    log_write (LOG_LEVEL_ERROR, "journal_entry_unreadable",
               "sale %" PRIu64 " entry %" PRIu64 "-%" PRIu64, row->sale_id, row->entry_ms,
               row->entry_seq);
}

int64_t
redis_rows_of_journals (const redisReply *reply, order_event_t *rows)
{
    size_t count = 0;
    if (reply->type == REDIS_REPLY_NIL)
        return 0;
    if (reply->type != REDIS_REPLY_ARRAY)
        return -1;
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *stream = reply->element[i];
        uint64_t sale_id, epoch;
        if (stream->type != REDIS_REPLY_ARRAY || stream->elements != 2 ||
            sscanf (stream->element[0]->str, "{s%" SCNu64 "}:%" SCNu64 ":x", &sale_id, &epoch) != 2)
            return -1;
        journal_position_t at = { .sale_id = sale_id, .epoch = epoch };
        for (size_t k = 0; k < stream->element[1]->elements && count < CALL_ROWS_MAX; k++) {
            memset (&rows[count], 0, sizeof rows[count]);
            s_row_of_entry (stream->element[1]->element[k], &at, &rows[count++]);
        }
    }
    return (int64_t)count;
}
