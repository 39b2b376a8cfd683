/*  Delayed messages. The scanner of ordering looks at PostgreSQL itself, so a message that is late, comes twice or is lost with a Redis
    costs nothing but time.

    The delayed messages of one stream's sale; a call is out in ASKING and REMOVED

    state      | delay_us      | delay_due: one is due | later   | none | DUE: ACK none | delay_done, or a deletion kept one: later | no answer
    -----------+---------------+-----------------------+---------+------+---------------+------------------------------------------+----------
    UNKNOWN    | ASKING        | -                     | -       | -    | -             | -                                        | -
    NONE       | -             | -                     | -       | -    | -             | WAITING                                  | -
    WAITING    | ASKING        | -                     | -       | -    | -             | WAITING, for the sooner one              | -
    ASKING     | -             | DELIVERING            | WAITING | NONE | -             | -                                        | UNKNOWN
    DELIVERING | -             | -                     | -       | -    | REMOVING      | -                                        | -
    REMOVING   | REMOVED       | -                     | -       | -    | -             | -                                        | -
    REMOVED    | -             | -                     | -       | -    | -             | WAITING (NONE if there is none)          | REMOVING

    A new term begins with UNKNOWN everywhere. A closed stream asks no more; what it has under way it finishes, for the stream of the
    next epoch asks anew: messages belong to the sale.                                                                              */

#include "delays.h"

#include "check.h"

#include <string.h>

/*  Calls that are out at once: a new term asks for up to 1,024 sales. */
#define CALLS_MAX 16u
/*  Before a call that was not answered is made again. Nothing is in a hurry here. */
#define RETRY_US 1000000u

static void
s_set (streams_t *self, stream_t *stream, delay_state_t state, uint64_t delay_us)
{
    stream->delay_state = state;
    stream->delay_us = delay_us;
    if (delay_us < self->delay_soonest_us)
        self->delay_soonest_us = delay_us;
}

/*  The stream that a result belongs to, NULL if it is of another term. */
static stream_t *
s_stream_of (streams_t *self, const event_t *event)
{
    if (event->tag >> 16 != self->term)
        return NULL;
    uint64_t index = event->tag & 0xffff;
    CHECK (index < STREAMS_MAX);
    return &self->streams[index];
}

static bool
s_is_answer (const event_t *event)
{
    const journal_state_t *state = event->entries;
    return event->status == RESULT_OK && event->count == 1 && state->code == ERROR_NONE;
}

/*  Turns the gate's time of the soonest message into ours. */
static void
s_wait (streams_t *self, stream_t *stream, const journal_state_t *state, uint64_t now_us)
{
    uint64_t wait_us = state->due_us > state->gate_us ? state->due_us - state->gate_us : 0;
    if (!state->due_us)
        s_set (self, stream, DELAY_NONE, UINT64_MAX);
    else
        s_set (self, stream, DELAY_WAITING, now_us + wait_us);
}

static void
s_call (streams_t *self, stream_t *stream, effects_t *effects)
{
    bool is_removing = stream->delay_state == DELAY_REMOVING;
    uint64_t index = (uint64_t)(stream - self->streams);
    effects_call (effects, is_removing ? CALL_DELAY_DONE : CALL_DELAY_DUE,
                  self->term << 16 | index);
    delay_t *delay = effects_entry (effects, &record_delay);
    delay->sale_id = stream->sale_id;
    delay->token = self->token;
    if (is_removing) {
        delay->until_us = stream->delay_until_us;
        delay->again_us = stream->delay_again_us;
    }
    s_set (self, stream, is_removing ? DELAY_REMOVED : DELAY_ASKING, UINT64_MAX);
    self->delay_calls_out++;
}

static bool
s_is_wanted (const stream_t *stream)
{
    bool is_asked = stream->delay_state == DELAY_UNKNOWN || stream->delay_state == DELAY_WAITING;
    return stream->sale_id &&
           ((stream->is_open && is_asked) || stream->delay_state == DELAY_REMOVING);
}

void
delays_call (streams_t *self, uint64_t now_us, effects_t *effects)
{
    if (now_us < self->delay_soonest_us || self->delay_calls_out >= CALLS_MAX)
        return;
    self->delay_soonest_us = UINT64_MAX;
    size_t turn = self->delay_turn;
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        stream_t *stream = &self->streams[(turn + i) % STREAMS_MAX];
        if (!s_is_wanted (stream))
            continue;
        if (stream->delay_us <= now_us && self->delay_calls_out < CALLS_MAX) {
            s_call (self, stream, effects);
            self->delay_turn = (turn + i + 1) % STREAMS_MAX;
        } else if (stream->delay_us < self->delay_soonest_us) {
            self->delay_soonest_us = stream->delay_us;
        }
    }
}

void
delays_handle_due (streams_t *self, const event_t *event, effects_t *effects)
{
    stream_t *stream = s_stream_of (self, event);
    if (!stream)
        return;
    CHECK (stream->delay_state == DELAY_ASKING);
    self->delay_calls_out--;
    const journal_state_t *state = event->entries;
    if (!s_is_answer (event)) {
        if (event->status == RESULT_REFUSED)
            effects_log (effects, LOG_LEVEL_WARNING, "delays_unreadable", "%s", event->detail);
        s_set (self, stream, DELAY_UNKNOWN, event->now_us + RETRY_US);
    } else if (!stream->is_open || !state->due_us || state->due_us > state->gate_us) {
        s_wait (self, stream, state, event->now_us);
    } else {
        due_t due = { .sale_id = stream->sale_id, .due_us = state->due_us };
        s_set (self, stream, DELAY_DELIVERING, UINT64_MAX);
        stream->delay_until_us = state->gate_us;
        backlog_form_due (self->backlog, (uint32_t)(stream - self->streams), &due, event->now_us);
    }
    streams_free_if_done (stream);
}

void
delays_handle_delivered (streams_t *self, uint32_t index, uint64_t again_us, uint64_t now_us)
{
    stream_t *stream = &self->streams[index];
    CHECK (index < STREAMS_MAX && stream->delay_state == DELAY_DELIVERING);
    stream->delay_again_us = again_us;
    s_set (self, stream, DELAY_REMOVING, now_us);
}

void
delays_handle_done (streams_t *self, const event_t *event, effects_t *effects)
{
    stream_t *stream = s_stream_of (self, event);
    if (!stream)
        return;
    CHECK (stream->delay_state == DELAY_REMOVED);
    self->delay_calls_out--;
    if (!s_is_answer (event)) {
        if (event->status == RESULT_REFUSED)
            effects_log (effects, LOG_LEVEL_WARNING, "delays_not_removed", "%s", event->detail);
        s_set (self, stream, DELAY_REMOVING, event->now_us + RETRY_US);
        return;
    }
    const journal_state_t *state = event->entries;
    if (state->kept)
        effects_add (effects, METRIC_DELAYS_KEPT, 0, (int64_t)state->kept);
    s_wait (self, stream, state, event->now_us);
    streams_free_if_done (stream);
}

void
delays_handle_deleted (streams_t *self, const event_t *event, effects_t *effects)
{
    stream_t *stream = s_stream_of (self, event);
    if (!stream || !s_is_answer (event))
        return;
    const journal_state_t *state = event->entries;
    if (state->kept)
        effects_add (effects, METRIC_DELAYS_KEPT, 0, (int64_t)state->kept);
    bool is_idle = stream->delay_state == DELAY_NONE || stream->delay_state == DELAY_WAITING;
    if (state->due_us && is_idle)
        s_wait (self, stream, state, event->now_us);
}

uint64_t
delays_wake_us (const streams_t *self)
{
    return self->delay_calls_out < CALLS_MAX ? self->delay_soonest_us : UINT64_MAX;
}
