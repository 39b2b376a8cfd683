#include "schema_markdown.h"

#include "params.h"
#include "schema.h"

#include <inttypes.h>
#include <string.h>

/*  A cell of a table: `|` would end it. */
static void
s_cell (FILE *out, const char *text)
{
    for (const char *c = text; *c; c++)
        fprintf (out, *c == '|' ? "\\%c" : "%c", *c);
    fprintf (out, " |");
}

static void
s_preface (FILE *out)
{
    fprintf (out, "# The protocol of MiniShop, version %u\n\n", PROTOCOL_VERSION);
    fprintf (out, "Printed from the tables of `schema/` (`ninja -C build/dev protocol`); a test "
                  "compares. How to "
                  "change them: README.md here.\n\n");
    fprintf (
        out,
        "    message  = header body            ; two ZeroMQ frames\n"
        "    header   = entry                  ; of the record `header`, at most %u bytes\n"
        "    body     = array *entry           ; of the message's record, at most %u entries and "
        "%u bytes\n"
        "    entry    = map *( tag value )     ; tags ascending, zero and empty fields left out\n"
        "    tag      = unsigned               ; of the field; readers skip tags that they do not "
        "know\n"
        "    value    = unsigned / signed / bin / str   ; msgpack, each in its shortest form, no "
        "floats\n\n",
        HEADER_BYTES_MAX, BATCH_ENTRIES_MAX, BODY_BYTES_MAX);
    fprintf (
        out,
        "A message that is not of this form, of another protocol, of an unknown type or to another "
        "incarnation is counted and\ndropped. A message that its receiver has no row for below is "
        "invalid: counted and dropped likewise.\n\n");
    fprintf (out, "Kinds:");
    for (uint64_t kind = 1; kind < KIND_COUNT; kind++)
        fprintf (out, " %s = %" PRIu64 "%s", kind_name (kind), kind,
                 kind + 1 < KIND_COUNT ? "," : ".\n\n");
}

static void
s_messages (FILE *out)
{
    fprintf (out, "## Messages\n\n| number | message | record | from → to | what it says "
                  "|\n|---|---|---|---|---|\n");
    for (size_t i = 0; schema_message_at (i); i++) {
        const message_t *message = schema_message_at (i);
        fprintf (out, "| %d | %s | [%s](#%s) | ", message->type, message->name,
                 message->record->name, message->record->name);
        s_cell (out, message->from_to);
        fprintf (out, " ");
        s_cell (out, message->prose);
        fprintf (out, "\n");
    }
}

static void
s_field (FILE *out, const field_t *field)
{
    fprintf (out, "| %u | %s | ", field->tag, field->name);
    switch (field->kind) {
    case FIELD_U64:
        fprintf (out, "u64 | ");
        break;
    case FIELD_I64:
        fprintf (out, "i64 | ");
        break;
    case FIELD_BYTES:
        fprintf (out, "%zu bytes | ", field->size_bytes);
        break;
    case FIELD_TEXT:
        fprintf (out, "text ≤ %zu | ", field->size_bytes);
        break;
    case FIELD_SECRET:
        fprintf (out, "secret text ≤ %zu | ", field->size_bytes);
        break;
    }
    s_cell (out, field->prose);
    fprintf (out, "\n");
}

static void
s_records (FILE *out)
{
    fprintf (out, "\n## Records\n");
    for (size_t r = 0; schema_record (r); r++) {
        const record_t *record = schema_record (r);
        fprintf (out, "\n### %s\n\n%s.\n\n| tag | field | type | meaning |\n|---|---|---|---|\n",
                 record->name, record->prose);
        for (size_t i = 0; i < record->field_count; i++)
            s_field (out, &record->fields[i]);
    }
}

static void
s_calls (FILE *out)
{
    static const char *const stores[] = { [STORE_SQL] = "PostgreSQL",
                                          [STORE_GATE] = "Redis script",
                                          [STORE_JOURNAL] = "Redis streams",
                                          [STORE_WORK] = "worker thread" };
    fprintf (out, "\n## Store calls\n\n| call | store | argument | result | what it does "
                  "|\n|---|---|---|---|---|\n");
    for (uint64_t c = 0; c < CALL_COUNT; c++) {
        const call_t *call = schema_call (c);
        fprintf (out, "| %s | %s | [%s](#%s) | [%s](#%s) | ", call->name, stores[call->store],
                 call->arguments->name, call->arguments->name, call->results->name,
                 call->results->name);
        s_cell (out, call->prose);
        fprintf (out, "\n");
    }
}

static void
s_errors (FILE *out)
{
    fprintf (out, "\n## Errors\n\nHTTP 0: between actors only.\n\n| number | code | HTTP | retry "
                  "after | title "
                  "|\n|---|---|---|---|---|\n");
    for (uint64_t number = 0; number < ERROR_NUMBERS; number++) {
        const error_row_t *error = schema_error (number);
        if (!error)
            continue;
        fprintf (out, "| %" PRIu64 " | %s | %u | ", number, error->code, error->http_status);
        if (error->retryable)
            fprintf (out, "%u ms | ", error->retry_after_ms);
        else
            fprintf (out, "– | ");
        s_cell (out, error->title);
        fprintf (out, "\n");
    }
}

static void
s_params (FILE *out)
{
    fprintf (out, "\n## Parameters\n\nEnvironment `MINISHOP_<NAME>`, over `minishop.conf`, over "
                  "the default.\n\n"
                  "| name | default | range | unit | what it sets |\n|---|---|---|---|---|\n");
    for (size_t i = 0; param_at (i); i++) {
        const param_t *param = param_at (i);
        if (param->is_number)
            fprintf (out, "| %s | %" PRIu64 " | %" PRIu64 "–%" PRIu64 " | %s | ", param->name,
                     param->default_number, param->min, param->max, param->unit);
        else
            fprintf (out, "| %s | `\"%s\"` | ≤ %u bytes | text | ", param->name,
                     param->default_text, PARAM_TEXT_BYTES_MAX);
        s_cell (out, param->prose);
        fprintf (out, "\n");
    }
}

static void
s_metrics (FILE *out)
{
    static const char *const types[] = { "counter", "gauge", "histogram" };
    static const char *const labels[] = { "–", "code", "kind", "message", "call", "bucket" };
    fprintf (out, "\n## Metrics\n\nEach also has the labels `process` and `instance`.\n\n| name | "
                  "type | label | "
                  "what it counts |\n|---|---|---|---|\n");
    for (uint64_t m = 0; m < METRIC_COUNT; m++) {
        const metric_t *metric = schema_metric (m);
        fprintf (out, "| %s | %s | %s | ", metric->name, types[metric->type],
                 labels[metric->label]);
        s_cell (out, metric->help);
        fprintf (out, "\n");
    }
}

void
schema_markdown (FILE *out)
{
    s_preface (out);
    s_messages (out);
    s_records (out);
    s_calls (out);
    s_errors (out);
    s_params (out);
    s_metrics (out);
}
