/*  Questions that only read: one call each, answered by its rows or by an OUTCOME. */

#include "reads.h"

static const struct {
    message_type_t question;
    call_name_t call;
    message_type_t answer;
} s_reads[] = {
    { MSG_ORDER_GET, CALL_ORDER_GET, MSG_ORDERS },
    { MSG_ORDER_LIST, CALL_ORDER_LIST, MSG_ORDERS },
    { MSG_ORDER_COUNTS_GET, CALL_ORDER_COUNTS, MSG_ORDER_COUNTS },
    { MSG_PAYMENT_LIST, CALL_PAYMENT_LIST, MSG_PAYMENTS },
    { MSG_MOMENT_LIST, CALL_MOMENT_LIST, MSG_MOMENTS },
};
#define READ_KINDS (sizeof s_reads / sizeof s_reads[0])

static size_t
s_kind (uint64_t type)
{
    size_t i = 0;
    while (i < READ_KINDS && s_reads[i].question != type)
        i++;
    return i;
}

bool
reads_is_read (uint64_t type)
{
    return s_kind (type) < READ_KINDS;
}

static read_t *
s_free_read (reads_t *self)
{
    if (self->open_count == ORDERING_QUESTIONS_MAX)
        return NULL;
    while (self->reads[self->turn].is_open)
        self->turn = (self->turn + 1) % ORDERING_QUESTIONS_MAX;
    return &self->reads[self->turn];
}

void
reads_handle_message (ordering_t *self, const event_t *event, effects_t *effects)
{
    const header_t *header = event->header;
    error_code_t refusal = ordering_refusal (self, event);
    read_t *read = refusal == ERROR_NONE ? s_free_read (&self->reads) : NULL;
    if (!read) {
        effects_reply_outcome (effects, header, refusal == ERROR_NONE ? ERROR_BUSY : refusal, NULL,
                               0);
        return;
    }
    read->is_open = true;
    read->header = *header;
    self->reads.open_count++;
    effects_call (effects, s_reads[s_kind (header->type)].call,
                  TAG_READ + (uint64_t)(read - self->reads.reads));
    query_t *query = effects_entry (effects, &record_query);
    *query = *(const query_t *)event->entries;
    if (query->limit > BATCH_ENTRIES_MAX)
        query->limit = BATCH_ENTRIES_MAX;
}

static void
s_reply_rows (const header_t *to, const event_t *event, effects_t *effects)
{
    message_type_t answer = s_reads[s_kind (to->type)].answer;
    const record_t *record = schema_message (answer)->record;
    effects_reply (effects, to, answer);
    for (size_t i = 0; i < event->count && i < BATCH_ENTRIES_MAX; i++)
        memcpy (effects_entry (effects, record),
                (const uint8_t *)event->entries + i * record->size_bytes, record->size_bytes);
}

void
reads_handle_result (ordering_t *self, const event_t *event, effects_t *effects)
{
    size_t index = (size_t)(event->tag - TAG_READ);
    CHECK (index < ORDERING_QUESTIONS_MAX && self->reads.reads[index].is_open);
    read_t *read = &self->reads.reads[index];
    read->is_open = false;
    self->reads.open_count--;
    if (event->status == RESULT_OK && event->count == 0 && event->call == CALL_ORDER_GET) {
        effects_reply_outcome (effects, &read->header, ERROR_NOT_FOUND, NULL, 0);
    } else if (event->status == RESULT_OK) {
        s_reply_rows (&read->header, event, effects);
    } else if (event->status == RESULT_REFUSED) {
        effects_log (effects, LOG_LEVEL_ERROR, "question_refused", "%s",
                     event->detail ? event->detail : "");
        effects_reply_outcome (effects, &read->header, ERROR_INTERNAL_ERROR, NULL, 0);
    } else {
        effects_reply_outcome (effects, &read->header, ERROR_DEPENDENCY_UNAVAILABLE, NULL, 0);
    }
}

uint64_t
reads_digest (const reads_t *self, uint64_t digest)
{
    for (size_t i = 0; i < ORDERING_QUESTIONS_MAX; i++)
        if (self->reads[i].is_open)
            digest = hash_bytes (hash_pair (digest, i), &self->reads[i].header, sizeof (header_t));
    return digest;
}

void
reads_check (const reads_t *self)
{
    size_t open = 0;
    for (size_t i = 0; i < ORDERING_QUESTIONS_MAX; i++)
        open += self->reads[i].is_open;
    CHECK (open == self->open_count);
}
