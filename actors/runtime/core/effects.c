#include "effects.h"

#include "check.h"
#include "json_dump.h"

#include <inttypes.h>
#include <string.h>

struct effects_t {
    effect_t effects[EFFECTS_MAX];
    size_t count;
    uint8_t *arena;
    size_t arena_used;
    bool is_open; /* the last effect takes entries */
};

effects_t *
effects_new (void)
{
    effects_t *self = calloc (1, sizeof *self);
    CHECK (self);
    /* untouched pages cost nothing: the arena grows with the largest step there ever was */
    self->arena = malloc (EFFECTS_ARENA_BYTES);
    CHECK (self->arena);
    return self;
}

void
effects_destroy (effects_t **self_p)
{
    if (*self_p) {
        free ((*self_p)->arena);
        free (*self_p);
        *self_p = NULL;
    }
}

void
effects_clear (effects_t *self)
{
    self->count = 0;
    self->arena_used = 0;
    self->is_open = false;
}

size_t
effects_count (const effects_t *self)
{
    return self->count;
}

const effect_t *
effects_at (const effects_t *self, size_t index)
{
    CHECK (index < self->count);
    return &self->effects[index];
}

static void *
s_arena_take (effects_t *self, size_t bytes)
{
    size_t aligned = (bytes + 15) & ~(size_t)15;
    CHECK (aligned <= EFFECTS_ARENA_BYTES - self->arena_used);
    void *memory = self->arena + self->arena_used;
    self->arena_used += aligned;
    return memory;
}

static effect_t *
s_push (effects_t *self, effect_type_t type)
{
    CHECK (self->count < EFFECTS_MAX);
    effect_t *effect = &self->effects[self->count++];
    memset (effect, 0, sizeof *effect);
    effect->type = type;
    self->is_open = type == EFFECT_SEND || type == EFFECT_CALL;
    /* a message without entries has a place for them too: nobody need ask whether it is NULL */
    effect->entries = self->is_open ? s_arena_take (self, 0) : NULL;
    return effect;
}

header_t *
effects_send (effects_t *self, address_t to, message_type_t type)
{
    const message_t *message = schema_message (type);
    CHECK (message);
    effect_t *effect = s_push (self, EFFECT_SEND);
    effect->record = message->record;
    effect->header.type = type;
    effect->header.to_kind = to.kind;
    effect->header.to_number = to.number;
    effect->header.to_incarnation = to.incarnation;
    return &effect->header;
}

header_t *
effects_reply (effects_t *self, const header_t *to, message_type_t type)
{
    address_t sender = { to->from_kind, to->from_number, to->from_incarnation };
    header_t *header = effects_send (self, sender, type);
    header->batch_id = to->batch_id;
    header->cause_id = to->message_id;
    memcpy (header->trace_id, to->trace_id, sizeof header->trace_id);
    memcpy (header->span_id, to->span_id, sizeof header->span_id);
    return header;
}

void
effects_reply_outcome (effects_t *self, const header_t *to, error_code_t code, const char *detail,
                       uint64_t retry_after_ms)
{
    effects_reply (self, to, MSG_OUTCOME);
    outcome_t *outcome = effects_entry (self, &record_outcome);
    outcome->code = code;
    outcome->retry_after_ms = retry_after_ms;
    if (detail)
        snprintf (outcome->detail, sizeof outcome->detail, "%s", detail);
}

void
effects_call (effects_t *self, call_name_t call, uint64_t tag)
{
    const call_t *row = schema_call (call);
    CHECK (row);
    effect_t *effect = s_push (self, EFFECT_CALL);
    effect->call = call;
    effect->tag = tag;
    effect->record = row->arguments;
}

void *
effects_entry (effects_t *self, const record_t *record)
{
    CHECK (self->is_open);
    effect_t *effect = &self->effects[self->count - 1];
    CHECK (effect->record == record);
    CHECK (effect->count < (effect->type == EFFECT_SEND ? BATCH_ENTRIES_MAX : CALL_ROWS_MAX));
    /* Entries of one effect stand side by side: only the first is aligned, sizes of records are
     * multiples of 8. */
    CHECK (record->size_bytes % 8 == 0);
    uint8_t *entry = (uint8_t *)effect->entries + effect->count * record->size_bytes;
    size_t end = (size_t)(entry - self->arena) + record->size_bytes;
    CHECK (end <= EFFECTS_ARENA_BYTES - 16);
    self->arena_used = (end + 15) & ~(size_t)15;
    memset (entry, 0, record->size_bytes);
    effect->count++;
    return entry;
}

size_t
effects_entry_count (const effects_t *self)
{
    return self->is_open ? self->effects[self->count - 1].count : 0;
}

void
effects_log (effects_t *self, log_level_t level, const char *event, const char *format, ...)
{
    char detail[512];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (detail, sizeof detail, format, arguments);
    va_end (arguments);
    effect_t *effect = s_push (self, EFFECT_LOG);
    effect->level = level;
    effect->event = event;
    size_t bytes = strlen (detail) + 1;
    effect->detail = memcpy (s_arena_take (self, bytes), detail, bytes);
}

static void
s_push_metric (effects_t *self, effect_type_t type, metric_name_t metric, uint64_t label,
               int64_t value)
{
    CHECK (metric < METRIC_COUNT && label < METRIC_LABELS_MAX);
    effect_t *effect = s_push (self, type);
    effect->metric = metric;
    effect->label = label;
    effect->value = value;
}

void
effects_add (effects_t *self, metric_name_t metric, uint64_t label, int64_t delta)
{
    s_push_metric (self, EFFECT_COUNT, metric, label, delta);
}

void
effects_gauge (effects_t *self, metric_name_t metric, uint64_t label, int64_t value)
{
    s_push_metric (self, EFFECT_GAUGE, metric, label, value);
}

void
effects_observe (effects_t *self, metric_name_t metric, int64_t value)
{
    s_push_metric (self, EFFECT_OBSERVE, metric, 0, value);
}

/* -------------------------------------------------------------------------- as text */

typedef struct text_t {
    char *text;
    size_t max;
    size_t count;
} text_t;

static void __attribute__ ((format (printf, 2, 3))) s_print (text_t *out, const char *format, ...)
{
    va_list arguments;
    size_t room = out->count < out->max ? out->max - out->count : 0;
    va_start (arguments, format);
    int written = vsnprintf (room ? out->text + out->count : NULL, room, format, arguments);
    va_end (arguments);
    out->count += written > 0 ? (size_t)written : 0;
}

static void
s_print_entries (text_t *out, const effect_t *effect)
{
    s_print (out, " [");
    for (size_t i = 0; i < effect->count; i++) {
        const uint8_t *entry = (const uint8_t *)effect->entries + i * effect->record->size_bytes;
        s_print (out, i ? "," : "");
        size_t room = out->count < out->max ? out->max - out->count : 0;
        out->count += json_dump (effect->record, entry, room ? out->text + out->count : NULL, room);
    }
    s_print (out, "]\n");
}

static void
s_print_effect (text_t *out, const effect_t *effect)
{
    static const char *const levels[] = { "error", "warning", "info", "debug" };
    static const char *const verbs[] = {
        [EFFECT_COUNT] = "add", [EFFECT_GAUGE] = "gauge", [EFFECT_OBSERVE] = "observe"
    };
    const metric_t *metric;
    switch (effect->type) {
    case EFFECT_SEND:
        s_print (out, "send %s/%" PRIu64 " %s", kind_name (effect->header.to_kind),
                 effect->header.to_number, schema_message (effect->header.type)->name);
        if (effect->header.batch_id)
            s_print (out, " batch=%" PRIu64, effect->header.batch_id);
        if (effect->header.attempt)
            s_print (out, " attempt=%" PRIu64, effect->header.attempt);
        s_print_entries (out, effect);
        break;
    case EFFECT_CALL:
        s_print (out, "call %s tag=%" PRIu64, schema_call (effect->call)->name, effect->tag);
        s_print_entries (out, effect);
        break;
    case EFFECT_LOG:
        s_print (out, "log %s %s %s\n", levels[effect->level], effect->event, effect->detail);
        break;
    case EFFECT_COUNT:
    case EFFECT_GAUGE:
    case EFFECT_OBSERVE:
        metric = schema_metric (effect->metric);
        s_print (out, "%s %s{%s} %" PRId64 "\n", verbs[effect->type], metric->name,
                 metric_label_value (metric, effect->label), effect->value);
        break;
    }
}

size_t
effects_dump (const effects_t *self, bool with_metrics, char *text, size_t text_bytes)
{
    text_t out = { text, text_bytes, 0 };
    if (text_bytes)
        text[0] = 0;
    for (size_t i = 0; i < self->count; i++)
        if (with_metrics || self->effects[i].type < EFFECT_COUNT)
            s_print_effect (&out, &self->effects[i]);
    return out.count;
}
