#include "redis_words.h"

#include "check.h"
#include "embedded.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void
s_word (redis_words_t *self, const char *bytes, size_t count)
{
    CHECK (self->count < REDIS_WORDS_MAX);
    self->words[self->count] = bytes;
    self->lengths[self->count++] = count;
}

static void
s_word_number (redis_words_t *self, uint64_t number)
{
    char *digits = self->digits[self->count];
    s_word (self, digits, (size_t)snprintf (digits, sizeof self->digits[0], "%" PRIu64, number));
}

static void
s_word_field (redis_words_t *self, const field_t *field, const void *entry)
{
    const char *value = (const char *)entry + field->offset;
    switch (field->kind) {
    case FIELD_U64:
    case FIELD_I64:
        s_word_number (self, field_number (field, entry));
        break;
    case FIELD_BYTES:
        s_word (self, value, field->size_bytes);
        break;
    case FIELD_TEXT:
    case FIELD_SECRET:
        s_word (self, value, strlen (value));
        break;
    }
}

static const embedded_t *
s_script (const char *name)
{
    for (const embedded_t *script = embedded_scripts; script->name; script++)
        if (strcmp (script->name, name) == 0)
            return script;
    return NULL;
}

/*  Every argument record of a gate call begins with sale_id (a CHECK in the tests of the schema).
 */
static uint64_t
s_sale_id (const call_t *call, const void *entries)
{
    CHECK (strcmp (call->arguments->fields[0].name, "sale_id") == 0);
    return field_number (&call->arguments->fields[0], entries);
}

void
redis_words_of_script (redis_words_t *self, const call_t *call, const void *entries, size_t count,
                       const char *run_id, char *key, size_t key_bytes)
{
    const embedded_t *script = s_script (call->name);
    CHECK (script);
    snprintf (key, key_bytes, "{s%" PRIu64 "}:g", s_sale_id (call, entries));
    s_word (self, "EVALSHA", 7);
    s_word (self, script->sha1, strlen (script->sha1));
    s_word (self, "1", 1);
    s_word (self, key, strlen (key));
    s_word (self, run_id, REDIS_RUN_ID_BYTES);
    s_word_number (self, count);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < call->arguments->field_count; k++)
            s_word_field (self, &call->arguments->fields[k],
                          (const uint8_t *)entries + i * call->arguments->size_bytes);
}

void
redis_words_of_journal_read (redis_words_t *self, const journal_position_t *positions, size_t count,
                             redis_journal_name_t *names, redis_journal_id_t *ids)
{
    s_word (self, "XREAD", 5);
    s_word (self, "BLOCK", 5);
    s_word_number (self, REDIS_JOURNAL_WAIT_MS);
    s_word (self, "COUNT", 5);
    s_word_number (self, BATCH_ENTRIES_MAX);
    s_word (self, "STREAMS", 7);
    for (size_t i = 0; i < count; i++) {
        const journal_position_t *at = &positions[i];
        int length = snprintf (names[i], sizeof names[i], "{s%" PRIu64 "}:%" PRIu64 ":x",
                               at->sale_id, at->epoch);
        s_word (self, names[i], (size_t)length);
    }
    for (size_t i = 0; i < count; i++) {
        const journal_position_t *at = &positions[i];
        int length =
            snprintf (ids[i], sizeof ids[i], "%" PRIu64 "-%" PRIu64, at->entry_ms, at->entry_seq);
        s_word (self, ids[i], (size_t)length);
    }
}
