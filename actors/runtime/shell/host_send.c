#include "host_parts.h"

#include "check.h"
#include "clock.h"
#include "codec.h"
#include "failpoint.h"
#include "log.h"
#include "metrics.h"
#include "params_load.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* -------------------------------------------------------------------------- sending */

static bool
s_is_self (const host_t *self, const header_t *header)
{
    return header->to_kind == self->self.kind && header->to_number == self->self.number;
}

/*  A message to oneself is taken up after the step: effects are carried out in order, and a core is
 * never stepped within its step. */
static void
s_loop_back (host_t *self, const header_t *header, const record_t *record, const void *entries,
             size_t count)
{
    CHECK (self->loopback_count < LOOPBACK_MAX);
    loopback_t *message = &self->loopback[self->loopback_count++];
    message->header = *header;
    message->record = record;
    message->count = count;
    message->entries = malloc (count * record->size_bytes + 1);
    CHECK (message->entries);
    if (count)
        memcpy (message->entries, entries, count * record->size_bytes);
}

/*  The command line is in no directory: its inbox is named after what stands in its question. One
 * that has gone is not waited for. */
static void
s_learn_console (host_t *self, const header_t *header)
{
    char path[ENDPOINT_BYTES_MAX - 8];
    process_t console = { .kind = KIND_CONSOLE,
                          .number = header->to_number,
                          .incarnation = header->to_incarnation };
    if (!instance_path (&self->params, path, sizeof path, "run/ipc/console-%" PRIu64 "-%016" PRIx64,
                        console.number, console.incarnation) ||
        access (path, F_OK) != 0)
        return;
    snprintf (console.endpoint, sizeof console.endpoint, "ipc://%s", path);
    links_learn (self->links, &console);
}

bool
host_send (host_t *self, header_t *header, const record_t *record, const void *entries,
           size_t count)
{
    FAILPOINT (FAILPOINT_SEND, header->type);
    header->protocol = PROTOCOL_VERSION;
    header->message_id = ++self->message_id;
    header->from_kind = self->self.kind;
    header->from_number = self->self.number;
    header->from_incarnation = self->self.incarnation;
    header->sent_us = clock_now_us ();
    header->count = count;
    if (header->to_kind == KIND_CLIENT) {
        if (self->deliver)
            self->deliver (self->local_context, header, entries, count);
        return true;
    }
    if (s_is_self (self, header)) {
        s_loop_back (self, header, record, entries, count);
        return true;
    }
    if (header->to_kind == KIND_CONSOLE)
        s_learn_console (self, header);
    size_t header_count =
        codec_write_header (header, self->header_bytes, sizeof self->header_bytes);
    size_t body_count = codec_write (record, entries, count, self->body_bytes, BODY_BYTES_MAX);
    CHECK (header_count && body_count);
    bool is_sent =
        links_send (self->links, header->to_kind, header->to_number, header->to_incarnation,
                    self->header_bytes, header_count, self->body_bytes, body_count);
    metrics_add (is_sent ? METRIC_MESSAGES_SENT : METRIC_MESSAGES_DROPPED, header->type, 1);
    return is_sent;
}

/* -------------------------------------------------------------------------- effects */

static void
s_call (host_t *self, const effect_t *effect)
{
    const call_t *call = schema_call (effect->call);
    FAILPOINT (FAILPOINT_CALL, effect->call);
    switch (call->store) {
    case STORE_GATE:
        CHECK (self->gate);
        redis_port_call (self->gate, call, effect->entries, effect->count, effect->tag);
        break;
    case STORE_JOURNAL:
        CHECK (self->journal);
        redis_port_call (self->journal, call, effect->entries, effect->count, effect->tag);
        break;
    case STORE_SQL:
        CHECK (self->sql);
        sql_port_call (self->sql, call, effect->entries, effect->count, effect->tag);
        break;
    case STORE_WORK:
        CHECK (self->work && effect->count == 1);
        work_port_call (self->work, call, effect->entries, effect->tag);
        break;
    }
}

static void
s_apply (host_t *self, const effect_t *effect)
{
    header_t header;
    switch (effect->type) {
    case EFFECT_SEND:
        header = effect->header;
        host_send (self, &header, effect->record, effect->entries, effect->count);
        break;
    case EFFECT_CALL:
        s_call (self, effect);
        break;
    case EFFECT_LOG:
        log_write (effect->level, effect->event, "%s", effect->detail);
        break;
    case EFFECT_COUNT:
        metrics_add (effect->metric, effect->label, effect->value);
        break;
    case EFFECT_GAUGE:
        metrics_set (effect->metric, effect->label, effect->value);
        break;
    case EFFECT_OBSERVE:
        metrics_observe (effect->metric, effect->value);
        break;
    }
}

void
host_step (host_t *self, event_t *event)
{
    CHECK (!self->is_stepping);
    self->is_stepping = true;
    event->now_us = clock_now_us ();
    effects_clear (self->effects);
    self->class_->step (self->core, event, self->effects);
    for (size_t i = 0; i < effects_count (self->effects); i++)
        s_apply (self, effects_at (self->effects, i));
    metrics_observe (METRIC_STEP_US, (int64_t)(clock_now_us () - event->now_us));
    self->is_stepping = false;
}

void
host_on_result (void *context, const port_result_t *result)
{
    host_t *self = context;
    const call_t *call = schema_call (result->call);
    if (result->status == RESULT_OK)
        FAILPOINT (FAILPOINT_RESULT, result->call);
    metrics_add (result->status == RESULT_OK ? METRIC_CALLS : METRIC_CALLS_FAILED, result->call, 1);
    if (result->status == RESULT_OK && call->store == STORE_GATE)
        metrics_observe (METRIC_GATE_US, (int64_t)result->took_us);
    if (result->status == RESULT_OK && call->store == STORE_SQL)
        metrics_observe (METRIC_SQL_US, (int64_t)result->took_us);
    event_t event = { .type = EVENT_RESULT,
                      .call = result->call,
                      .tag = result->tag,
                      .status = result->status,
                      .entries = result->rows,
                      .count = result->count,
                      .detail = result->detail };
    host_step (self, &event);
}
