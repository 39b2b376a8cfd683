#include "codec.h"
#include "json_dump.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*  wire.txt holds, for every message (and for every record that only store calls and traces use):

        message PURCHASE          or    record gate_purchase
        header a601…                    (messages only)
        header {"protocol":1,…}
        body 92…
        entry {"qid":1,…}               one line per entry

    What stands there was sent by some release: lines are never changed, only added to. `test_wire --write` adds what the tables
    have and the file has not. */
#define VECTORS "test/golden/wire.txt"

#define LINE_BYTES 65536
#define FILE_BYTES_MAX (1u << 22)
#define ENTRIES_MAX 4

static uint64_t s_entries[ENTRIES_MAX * 512];
static uint8_t s_bytes[BODY_BYTES_MAX];
static char s_json[LINE_BYTES];

/* -------------------------------------------------------------------------- writing */

/*  A value that tells its field, with every width of number among them. */
static void
s_fill_field (const field_t *field, void *entry)
{
    static const uint64_t numbers[] = { 1,     127,   128,        255,        256,
                                        65535, 65536, 4294967295, 4294967296, INT64_MAX };
    uint8_t *value = (uint8_t *)entry + field->offset;
    uint64_t number = numbers[field->tag % (sizeof numbers / sizeof numbers[0])];
    char text[64];
    switch (field->kind) {
    case FIELD_U64:
        memcpy (value, &number, sizeof number);
        break;
    case FIELD_I64:
        number = 0 - number;
        memcpy (value, &number, sizeof number);
        break;
    case FIELD_BYTES:
        for (size_t i = 0; i < field->size_bytes; i++)
            value[i] = (uint8_t)(16 * field->tag + i);
        break;
    case FIELD_TEXT:
    case FIELD_SECRET:
        snprintf (text, sizeof text, "é %s", field->name);
        snprintf ((char *)value, field->size_bytes + 1, "%s", text);
        break;
    }
}

static void
s_fill (const record_t *record, void *entry, size_t field_count)
{
    memset (entry, 0, record->size_bytes);
    for (size_t i = 0; i < field_count; i++)
        s_fill_field (&record->fields[i], entry);
}

static void
s_write_hex (FILE *out, const char *word, size_t bytes_count)
{
    fprintf (out, "%s ", word);
    for (size_t i = 0; i < bytes_count; i++)
        fprintf (out, "%02x", s_bytes[i]);
    fprintf (out, "\n");
}

/*  One full entry, and one that has only its first field. */
static void
s_write_body (FILE *out, const record_t *record)
{
    uint8_t *second = (uint8_t *)s_entries + record->size_bytes;
    s_fill (record, s_entries, record->field_count);
    s_fill (record, second, 1);
    s_write_hex (out, "body", codec_write (record, s_entries, 2, s_bytes, sizeof s_bytes));
    json_dump (record, s_entries, s_json, sizeof s_json);
    fprintf (out, "entry %s\n", s_json);
    json_dump (record, second, s_json, sizeof s_json);
    fprintf (out, "entry %s\n\n", s_json);
}

static bool
s_is_in_a_message (const record_t *record)
{
    if (record == &record_header)
        return true;
    for (size_t i = 0; schema_message_at (i); i++)
        if (schema_message_at (i)->record == record)
            return true;
    return false;
}

static void
s_write_all (FILE *out)
{
    header_t header;
    fprintf (out, "# Golden wire vectors: see test_wire.c. Never change a line; test_wire --write "
                  "adds new ones.\n\n");
    for (size_t i = 0; schema_message_at (i); i++) {
        const message_t *message = schema_message_at (i);
        fprintf (out, "message %s\n", message->name);
        s_fill (&record_header, &header, record_header.field_count);
        header.protocol = PROTOCOL_VERSION;
        header.type = message->type;
        header.count = 2;
        s_write_hex (out, "header", codec_write_header (&header, s_bytes, sizeof s_bytes));
        json_dump (&record_header, &header, s_json, sizeof s_json);
        fprintf (out, "header %s\n", s_json);
        s_write_body (out, message->record);
    }
    for (size_t r = 0; schema_record (r); r++)
        if (!s_is_in_a_message (schema_record (r))) {
            fprintf (out, "record %s\n", schema_record (r)->name);
            s_write_body (out, schema_record (r));
        }
}

/*  The whole of a file as text, "" if there is none. */
static char *
s_load (const char *path)
{
    char *text = calloc (1, FILE_BYTES_MAX);
    FILE *file = fopen (path, "r");
    if (file) {
        assert_true (fread (text, 1, FILE_BYTES_MAX, file) < FILE_BYTES_MAX);
        fclose (file);
    }
    return text;
}

static char *
s_wanted (void)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *memory = open_memstream (&text, &bytes);
    assert_non_null (memory);
    s_write_all (memory);
    fclose (memory);
    return text;
}

/*  Appends the vectors of today that are not there yet. */
static int
s_append_missing (void)
{
    char *found = s_load (VECTORS), *wanted = s_wanted (), *end;
    FILE *out = fopen (VECTORS, "a");
    if (!out)
        perror (VECTORS);
    for (char *vector = wanted; out && *vector; vector = end + 2) {
        end = strstr (vector, "\n\n");
        *end = 0;
        if (!strstr (found, vector))
            fprintf (out, "%s\n\n", vector);
    }
    free (found);
    free (wanted);
    return out && fclose (out) == 0 ? 0 : 1;
}

/* -------------------------------------------------------------------------- reading */

typedef struct reader_t {
    FILE *file;
    char line[LINE_BYTES];
    char *word;  /* first of the line */
    char *value; /* rest of the line */
    size_t number;
} reader_t;

/*  Next line that is neither empty nor a remark; false at the end. */
static bool
s_next (reader_t *reader)
{
    while (fgets (reader->line, sizeof reader->line, reader->file)) {
        reader->number++;
        reader->line[strcspn (reader->line, "\n")] = 0;
        if (reader->line[0] == 0 || reader->line[0] == '#')
            continue;
        reader->word = reader->line;
        reader->value = strchr (reader->line, ' ');
        assert_non_null (reader->value);
        *reader->value++ = 0;
        return true;
    }
    return false;
}

static void
s_expect (reader_t *reader, const char *word)
{
    if (!s_next (reader) || strcmp (reader->word, word) != 0)
        fail_msg ("line %zu of %s: expected %s", reader->number, VECTORS, word);
}

static size_t
s_from_hex (const char *hex, uint8_t *bytes)
{
    size_t count = strlen (hex) / 2;
    for (size_t i = 0; i < count; i++) {
        unsigned byte;
        assert_int_equal (sscanf (hex + 2 * i, "%2x", &byte), 1);
        bytes[i] = (uint8_t)byte;
    }
    return count;
}

/*  Decodes, encodes and compares the header of a message. */
static void
s_check_header (reader_t *reader, const message_t *message)
{
    header_t header;
    uint8_t wanted[HEADER_BYTES_MAX];
    s_expect (reader, "header");
    size_t size = s_from_hex (reader->value, wanted);
    assert_int_equal (codec_read_header (wanted, size, &header), CODEC_OK);
    assert_int_equal (codec_write_header (&header, s_bytes, sizeof s_bytes), size);
    assert_memory_equal (s_bytes, wanted, size);
    assert_int_equal (header.type, message->type);
    s_expect (reader, "header");
    json_dump (&record_header, &header, s_json, sizeof s_json);
    assert_string_equal (s_json, reader->value);
}

static void
s_check_body (reader_t *reader, const record_t *record)
{
    static uint8_t wanted[LINE_BYTES];
    size_t count;
    s_expect (reader, "body");
    size_t size = s_from_hex (reader->value, wanted);
    assert_int_equal (codec_read (record, wanted, size, s_entries, ENTRIES_MAX, &count), CODEC_OK);
    assert_int_equal (codec_write (record, s_entries, count, s_bytes, sizeof s_bytes), size);
    assert_memory_equal (s_bytes, wanted, size);
    for (size_t i = 0; i < count; i++) {
        s_expect (reader, "entry");
        json_dump (record, (uint8_t *)s_entries + i * record->size_bytes, s_json, sizeof s_json);
        assert_string_equal (s_json, reader->value);
    }
}

static const message_t *
s_message_by_name (const char *name)
{
    for (size_t i = 0; schema_message_at (i); i++)
        if (strcmp (schema_message_at (i)->name, name) == 0)
            return schema_message_at (i);
    fail_msg ("there is no message %s any more", name);
    return NULL;
}

static const record_t *
s_record_by_name (const char *name)
{
    for (size_t r = 0; schema_record (r); r++)
        if (strcmp (schema_record (r)->name, name) == 0)
            return schema_record (r);
    fail_msg ("there is no record %s any more", name);
    return NULL;
}

/*  Property: every vector that was ever written is read as it was meant, and written again byte for byte. */
static void
test_vectors (void **state)
{
    (void)state;
    static reader_t reader;
    size_t vectors = 0;
    reader = (reader_t){ .file = fopen (VECTORS, "r") };
    assert_non_null (reader.file);
    while (s_next (&reader)) {
        if (strcmp (reader.word, "message") == 0) {
            const message_t *message = s_message_by_name (reader.value);
            s_check_header (&reader, message);
            s_check_body (&reader, message->record);
        } else {
            assert_string_equal (reader.word, "record");
            s_check_body (&reader, s_record_by_name (reader.value));
        }
        vectors++;
    }
    fclose (reader.file);
    printf ("# %zu vectors\n", vectors);
}

/*  Property: the file covers the tables: every message and every field of today is in it. (It may hold more: older vectors stay.) */
static void
test_vectors_cover_tables (void **state)
{
    (void)state;
    char *wanted = s_wanted (), *found = s_load (VECTORS), *line, *rest;
    size_t missing = 0;
    for (line = strtok_r (wanted, "\n", &rest); line; line = strtok_r (NULL, "\n", &rest))
        if (!strstr (found, line)) {
            printf ("# missing: %.100s\n", line);
            missing++;
        }
    if (missing)
        fail_msg ("%s lacks %zu lines: test_wire --write adds them", VECTORS, missing);
    free (found);
    free (wanted);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_vectors),
        cmocka_unit_test (test_vectors_cover_tables),
    };
    if (argc == 2 && strcmp (argv[1], "--write") == 0)
        return s_append_missing ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
