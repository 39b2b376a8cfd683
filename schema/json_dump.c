#include "json_dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct out_t {
    char *text;
    size_t max;
    size_t count; /* what there would be without the limit */
} out_t;

static void
s_put (out_t *out, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++, out->count++)
        if (out->count + 1 < out->max)
            out->text[out->count] = bytes[i];
}

static void
s_put_text (out_t *out, const char *text)
{
    s_put (out, text, strlen (text));
}

static void
s_put_quoted (out_t *out, const char *value)
{
    char escape[8];
    s_put (out, "\"", 1);
    for (const char *c = value; *c; c++) {
        uint8_t byte = (uint8_t)*c;
        if (byte == '"' || byte == '\\') {
            s_put (out, "\\", 1);
            s_put (out, c, 1);
        } else if (byte < 0x20 || byte == 0x7f) {
            snprintf (escape, sizeof escape, "\\u%04x", byte);
            s_put_text (out, escape);
        } else
            s_put (out, c, 1);
    }
    s_put (out, "\"", 1);
}

static void
s_put_value (out_t *out, const field_t *field, const void *entry)
{
    const uint8_t *value = (const uint8_t *)entry + field->offset;
    char text[32];
    switch (field->kind) {
    case FIELD_U64:
    case FIELD_I64:
        snprintf (text, sizeof text, "%" PRId64, (int64_t)field_number (field, entry));
        s_put_text (out, text);
        break;
    case FIELD_BYTES:
        s_put (out, "\"", 1);
        for (size_t i = 0; i < field->size_bytes; i++) {
            snprintf (text, sizeof text, "%02x", value[i]);
            s_put (out, text, 2);
        }
        s_put (out, "\"", 1);
        break;
    case FIELD_TEXT:
        s_put_quoted (out, (const char *)value);
        break;
    case FIELD_SECRET:
        s_put_text (out, "\"***\"");
        break;
    }
}

static size_t
s_end (out_t *out)
{
    if (out->max)
        out->text[out->count < out->max ? out->count : out->max - 1] = 0;
    return out->count;
}

size_t
json_dump (const record_t *record, const void *entry, char *text, size_t text_bytes)
{
    out_t out = { text, text_bytes, 0 };
    const char *separator = "{";
    for (size_t i = 0; i < record->field_count; i++) {
        const field_t *field = &record->fields[i];
        if (field_is_absent (field, entry))
            continue;
        s_put_text (&out, separator);
        s_put_text (&out, "\"");
        s_put_text (&out, field->name);
        s_put_text (&out, "\":");
        s_put_value (&out, field, entry);
        separator = ",";
    }
    s_put_text (&out, *separator == '{' ? "{}" : "}");
    return s_end (&out);
}

size_t
json_dump_text (const char *value, char *text, size_t text_bytes)
{
    out_t out = { text, text_bytes, 0 };
    s_put_quoted (&out, value);
    return s_end (&out);
}
