#include "schema.h"

#include <string.h>

/* -------------------------------------------------------------------------- fields of each record */

#define RECORD(record, prose) static const field_t s_fields_##record[] = {
#define U64(record, tag, field, prose)                                                             \
    { tag, FIELD_U64, offsetof (record##_t, field), 8, #field, prose },
#define I64(record, tag, field, prose)                                                             \
    { tag, FIELD_I64, offsetof (record##_t, field), 8, #field, prose },
#define BYTES(record, tag, field, n, prose)                                                        \
    { tag, FIELD_BYTES, offsetof (record##_t, field), n, #field, prose },
#define TEXT(record, tag, field, n, prose)                                                         \
    { tag, FIELD_TEXT, offsetof (record##_t, field), n, #field, prose },
#define SECRET(record, tag, field, n, prose)                                                       \
    { tag, FIELD_SECRET, offsetof (record##_t, field), n, #field, prose },
#define END(record)                                                                                \
    }                                                                                              \
    ;
#define MESSAGE(number, NAME, record, from_to, prose)
#include "messages.def"
#undef RECORD
#undef U64
#undef I64
#undef BYTES
#undef TEXT
#undef SECRET
#undef END
#undef MESSAGE

#define U64(record, tag, field, prose)
#define I64(record, tag, field, prose)
#define BYTES(record, tag, field, n, prose)
#define TEXT(record, tag, field, n, prose)
#define SECRET(record, tag, field, n, prose)
#define END(record)

#define RECORD(record, prose)                                                                      \
    const record_t record_##record = { #record, prose, sizeof (record##_t), s_fields_##record,     \
                                       sizeof s_fields_##record / sizeof (field_t) };
#define MESSAGE(number, NAME, record, from_to, prose)
#include "messages.def"
#undef RECORD
#undef MESSAGE

static const record_t *const s_records[] = {
#define RECORD(record, prose) &record_##record,
#define MESSAGE(number, NAME, record, from_to, prose)
#include "messages.def"
#undef RECORD
#undef MESSAGE
};

static const message_t s_messages[] = {
#define RECORD(record, prose)
#define MESSAGE(number, NAME, record, from_to, prose)                                              \
    { MSG_##NAME, #NAME, &record_##record, from_to, prose },
#include "messages.def"
#undef RECORD
#undef MESSAGE
};

static const call_t s_calls[] = {
#define CALL(NAME, store, name, arguments, results, prose)                                         \
    { CALL_##NAME, store, #name, &record_##arguments, &record_##results, prose },
#include "calls.def"
#undef CALL
};

static const error_row_t s_errors[] = {
#define ERROR(number, NAME, code, http_status, retryable, retry_after_ms, title)                   \
    { ERROR_##NAME, code, http_status, retryable, retry_after_ms, title },
#include "errors.def"
#undef ERROR
};

static const metric_t s_metrics[] = {
#define METRIC(NAME, type, label, name, help) { METRIC_##NAME, METRIC_##type, label, name, help },
#include "metrics.def"
#undef METRIC
};

#define COUNT_OF(array) (sizeof (array) / sizeof (array)[0])

/* -------------------------------------------------------------------------- fields and lookups */

uint64_t
field_number (const field_t *field, const void *entry)
{
    uint64_t number;
    memcpy (&number, (const uint8_t *)entry + field->offset, sizeof number);
    return number;
}

bool
field_is_absent (const field_t *field, const void *entry)
{
    const uint8_t *value = (const uint8_t *)entry + field->offset;
    bool is_text = field->kind == FIELD_TEXT || field->kind == FIELD_SECRET;
    size_t significant_bytes = is_text ? 1 : field->size_bytes;
    for (size_t i = 0; i < significant_bytes; i++)
        if (value[i])
            return false;
    return true;
}

const message_t *
schema_message (uint64_t type)
{
    for (size_t i = 0; i < COUNT_OF (s_messages); i++)
        if ((uint64_t)s_messages[i].type == type)
            return &s_messages[i];
    return NULL;
}

const message_t *
schema_message_at (size_t index)
{
    return index < COUNT_OF (s_messages) ? &s_messages[index] : NULL;
}

const call_t *
schema_call (uint64_t call)
{
    return call < CALL_COUNT ? &s_calls[call] : NULL;
}

const error_row_t *
schema_error (uint64_t number)
{
    for (size_t i = 0; i < COUNT_OF (s_errors); i++)
        if ((uint64_t)s_errors[i].number == number)
            return &s_errors[i];
    return NULL;
}

const metric_t *
schema_metric (uint64_t metric)
{
    return metric < METRIC_COUNT ? &s_metrics[metric] : NULL;
}

const record_t *
schema_record (size_t index)
{
    return index < COUNT_OF (s_records) ? s_records[index] : NULL;
}

/* -------------------------------------------------------------------------- words */

static const char *
s_word (const char *const *words, size_t count, uint64_t number)
{
    return number < count && words[number] ? words[number] : "none";
}

static const char *const s_kinds[KIND_COUNT] = {
    [KIND_NONE] = "none",           [KIND_EDGE] = "edge",       [KIND_LIMITER] = "limiter",
    [KIND_SECKILL] = "seckill",     [KIND_BROKER] = "broker",   [KIND_ORDERING] = "ordering",
    [KIND_INVENTORY] = "inventory", [KIND_ACCOUNT] = "account", [KIND_SUPERVISOR] = "supervisor",
    [KIND_CONSOLE] = "console",     [KIND_CLIENT] = "client",   [KIND_PROVIDER] = "provider",
};

bool
kind_is_actor (uint64_t kind)
{
    return (kind >= KIND_EDGE && kind <= KIND_ACCOUNT) || kind == KIND_PROVIDER;
}

const char *
kind_name (uint64_t kind)
{
    return s_word (s_kinds, COUNT_OF (s_kinds), kind);
}

const char *
dependency_name (uint64_t dependency)
{
    if (dependency == DEPENDENCY_REDIS)
        return "redis";
    return dependency == DEPENDENCY_POSTGRES ? "postgres" : kind_name (dependency);
}

kind_t
kind_by_name (const char *name)
{
    for (size_t i = 1; i < COUNT_OF (s_kinds); i++)
        if (strcmp (s_kinds[i], name) == 0)
            return (kind_t)i;
    return KIND_NONE;
}

const char *
order_status_name (uint64_t status)
{
    static const char *const words[] = { "none",      "reserved", "pending_payment", "paid",
                                         "cancelled", "expired",  "rejected",        "refunded" };
    return s_word (words, COUNT_OF (words), status);
}

const char *
payment_status_name (uint64_t status)
{
    static const char *const words[] = { "none",     "pending",    "captured",
                                         "declined", "refund_due", "refunded" };
    return s_word (words, COUNT_OF (words), status);
}

const char *
sale_state_name (uint64_t state)
{
    static const char *const words[] = { "none", "draft", "open", "paused", "ended" };
    return s_word (words, COUNT_OF (words), state);
}

const char *
process_state_name (uint64_t state)
{
    static const char *const words[] = { "none", "starting", "ready", "draining" };
    return s_word (words, COUNT_OF (words), state);
}

const char *
limit_level_name (uint64_t level)
{
    static const char *const words[] = { "none", "ip", "user", "sale", "global" };
    return s_word (words, COUNT_OF (words), level);
}

const char *
metric_label_value (const metric_t *metric, uint64_t label)
{
    switch (metric->label) {
    case LABEL_CODE:
        return schema_error (label) ? schema_error (label)->code : "none";
    case LABEL_KIND:
        return kind_name (label);
    case LABEL_MESSAGE:
        return schema_message (label) ? schema_message (label)->name : "none";
    case LABEL_CALL:
        return schema_call (label) ? schema_call (label)->name : "none";
    case LABEL_DEPENDENCY:
        return dependency_name (label);
    case LABEL_PAYMENT:
        return payment_status_name (label);
    case LABEL_NONE:
    case LABEL_BUCKET:
        break;
    }
    return "";
}
