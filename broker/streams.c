/*  Reading and emptying the journals. Invariants R4 to R6 of router.c are kept here; where the entries are, in backlog.h.

    A stream

    state  | SALES, higher epoch        | SALES, ended         | a read finds nothing, a minute after the end | last entry deleted
    -------+----------------------------+----------------------+----------------------------------------------+-------------------
    absent | open, position 0           | open, position 0     | -                                            | -
    open   | closed; open for the new   | the minute begins    | closed, unless delayed messages are left     | -
    closed | -                          | -                    | -                                            | absent, when no call
           |                            |                      |                                              | about them is out  */

#include "streams.h"

#include "check.h"
#include "hash.h"

#include <inttypes.h>
#include <string.h>

/*  journal_delete calls that are out at once. */
#define DELETES_MAX 64u
/*  A read answers at most so many rows, however many streams it asks for. */
#define READ_ROWS_MAX CALL_ROWS_MAX
/*  After a sale was seen ended its gate may take reservations a little longer: the end reaches the gate and us on two ways. */
#define ENDED_QUIET_US 60000000u
/*  Before a store call that failed is made again. */
#define RETRY_US 100000u

void
streams_init (streams_t *self, backlog_t *backlog)
{
    self->backlog = backlog;
    self->dirty_retry_us = UINT64_MAX;
    self->delay_soonest_us = UINT64_MAX;
    self->open = map_new (SALES_MAX, sizeof (uint64_t), 3);
}

void
streams_close (streams_t *self)
{
    map_destroy (&self->open);
}

void
streams_begin_term (streams_t *self, uint64_t term)
{
    self->term = term;
    self->kept_count = self->deletes_out = 0;
    self->dirty_first = self->dirty_count = 0;
    self->dirty_retry_us = UINT64_MAX;
    self->delay_calls_out = 0;
    self->delay_soonest_us = self->open_count ? 0 : UINT64_MAX;
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        stream_t *stream = &self->streams[i];
        stream_t fresh = { .sale_id = stream->sale_id,
                           .epoch = stream->epoch,
                           .ended_us = stream->ended_us,
                           .is_open = stream->is_open };
        memset (stream, 0, sizeof *stream);
        if (fresh.is_open)
            *stream = fresh;
    }
}

/* -------------------------------------------------------------------------- learning */

void
streams_free_if_done (stream_t *stream)
{
    bool is_idle = stream->delay_state < DELAY_ASKING;
    if (!stream->is_open && stream->entry_count == 0 && !stream->is_delete_out &&
        !stream->is_dirty && is_idle)
        memset (stream, 0, sizeof *stream);
}

static void
s_close_stream (streams_t *self, stream_t *stream)
{
    map_remove (self->open, stream->sale_id);
    self->open_count--;
    stream->is_open = false;
    streams_free_if_done (stream);
}

/*  A read that was sent at `read_us` found nothing: sales that had ended long before have nothing more to come. Those whose orders
    can still expire stay. A new inventory leader tells of them again; then they are read for another while. */
static void
s_close_ended (streams_t *self, uint64_t read_us)
{
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        stream_t *stream = &self->streams[i];
        if (stream->is_open && stream->ended_us && stream->entry_count == 0 &&
            stream->ended_us + ENDED_QUIET_US < read_us && stream->delay_state == DELAY_NONE)
            s_close_stream (self, stream);
    }
}

static stream_t *
s_free_slot (streams_t *self)
{
    for (size_t i = 0; i < STREAMS_MAX; i++)
        if (self->streams[i].sale_id == 0)
            return &self->streams[i];
    return NULL;
}

static stream_t *
s_open_stream (streams_t *self, const sale_t *sale, effects_t *effects)
{
    stream_t *stream = self->open_count < SALES_MAX ? s_free_slot (self) : NULL;
    if (!stream) {
        effects_log (effects, LOG_LEVEL_ERROR, "streams_full",
                     "sale %" PRIu64 " is not delivered: there are %zu open streams", sale->sale_id,
                     self->open_count);
        return NULL;
    }
    memset (stream, 0, sizeof *stream);
    stream->sale_id = sale->sale_id;
    stream->epoch = sale->epoch;
    stream->is_open = true;
    uint64_t *place = map_insert (self->open, sale->sale_id);
    CHECK (place);
    *place = (uint64_t)(stream - self->streams);
    self->open_count++;
    self->delay_soonest_us = 0;
    effects_log (effects, LOG_LEVEL_INFO, "stream_opened", "sale %" PRIu64 " epoch %" PRIu64,
                 sale->sale_id, sale->epoch);
    return stream;
}

static stream_t *
s_open_stream_of (streams_t *self, uint64_t sale_id)
{
    const uint64_t *index = map_find (self->open, sale_id);
    return index ? &self->streams[*index] : NULL;
}

/*  Epochs only rise: an earlier one comes from a leader that is none any more. */
void
streams_learn (streams_t *self, const sale_t *sale, uint64_t now_us, effects_t *effects)
{
    bool has_journal = sale->sale_id && sale->epoch && sale->state > SALE_DRAFT;
    if (!has_journal)
        return;
    stream_t *stream = s_open_stream_of (self, sale->sale_id);
    if (stream && stream->epoch < sale->epoch) {
        s_close_stream (self, stream);
        stream = NULL;
    }
    if (!stream)
        stream = s_open_stream (self, sale, effects);
    if (stream && stream->epoch == sale->epoch && sale->state == SALE_ENDED && !stream->ended_us)
        stream->ended_us = now_us;
}

/* -------------------------------------------------------------------------- reading */

bool
streams_can_read (const streams_t *self)
{
    return !self->is_read_out && self->open_count &&
           backlog_room (self->backlog) >= READ_ROWS_MAX && !backlog_fresh (self->backlog);
}

void
streams_read (streams_t *self, uint64_t now_us, effects_t *effects)
{
    if (now_us < self->read_retry_us)
        return;
    /* each time another stream comes first: the rows that fit may all be of the first ones */
    size_t turn = self->read_turn;
    effects_call (effects, CALL_JOURNAL_READ, self->term << 16);
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        const stream_t *stream = &self->streams[(turn + i) % STREAMS_MAX];
        if (!stream->is_open)
            continue;
        if (effects_entry_count (effects) == 0)
            self->read_turn = (turn + i + 1) % STREAMS_MAX;
        journal_position_t *position = effects_entry (effects, &record_journal_position);
        position->sale_id = stream->sale_id;
        position->epoch = stream->epoch;
        position->entry_ms = stream->entry_ms;
        position->entry_seq = stream->entry_seq;
    }
    self->is_read_out = true;
    self->read_term = self->term;
    self->read_sent_us = now_us;
}

/*  What could not be read from the journal comes as zeros (redis_port.c); the gate never writes them. */
static bool
s_is_readable (const order_event_t *event)
{
    static const uint8_t no_rid[RID_BYTES];
    return event->user_id && event->quantity && event->sequence && event->reserved_us &&
           event->pay_before_us && memcmp (event->rid, no_rid, RID_BYTES) != 0;
}

/*  False: this entry and those after it must be read again. */
static bool
s_take_entry (streams_t *self, const order_event_t *event, uint64_t now_us, effects_t *effects)
{
    stream_t *stream = s_open_stream_of (self, event->sale_id);
    if (!stream || stream->epoch != event->epoch)
        return true; /* the epoch moved while the read was out */
    uint32_t index = (uint32_t)(stream - self->streams);
    bool is_readable = s_is_readable (event);
    take_t take = is_readable
                      ? backlog_take (self->backlog, event, index)
                      : backlog_take_dead (self->backlog, event, index, DEATH_UNREADABLE, now_us);
    if (take == TAKE_COLLIDES)
        return false;
    if (take == TAKE_NEW && !is_readable)
        effects_log (effects, LOG_LEVEL_ERROR, "entry_dead",
                     "sale %" PRIu64 " epoch %" PRIu64 " entry %" PRIu64 "-%" PRIu64
                     ": it is not of the gate's shape; it becomes a dead letter",
                     event->sale_id, event->epoch, event->entry_ms, event->entry_seq);
    stream->entry_count += take == TAKE_NEW;
    stream->entry_ms = event->entry_ms;
    stream->entry_seq = event->entry_seq;
    return true;
}

/*  After a failure everything is read again from its beginning: what the backlog holds is skipped, and what a restarted
    Redis may have lost is not waited for. */
static void
s_reset_positions (streams_t *self)
{
    for (size_t i = 0; i < STREAMS_MAX; i++)
        self->streams[i].entry_ms = self->streams[i].entry_seq = 0;
}

void
streams_handle_read (streams_t *self, const event_t *event, bool is_active, effects_t *effects)
{
    self->is_read_out = false;
    if (self->read_term != self->term || !is_active)
        return;
    if (event->status != RESULT_OK) {
        if (event->status == RESULT_REFUSED)
            effects_log (effects, LOG_LEVEL_WARNING, "journal_unreadable", "%s", event->detail);
        self->read_retry_us = event->now_us + RETRY_US;
        s_reset_positions (self);
        return;
    }
    const order_event_t *events = event->entries;
    size_t taken = 0;
    while (taken < event->count && backlog_room (self->backlog) &&
           s_take_entry (self, &events[taken], event->now_us, effects))
        taken++;
    if (taken < event->count)
        self->read_retry_us = event->now_us + RETRY_US;
    if (event->count == 0)
        s_close_ended (self, self->read_sent_us);
}

/* -------------------------------------------------------------------------- deleting */

static void
s_mark_dirty (streams_t *self, stream_t *stream)
{
    if (stream->is_dirty)
        return;
    stream->is_dirty = true;
    self->dirty[(self->dirty_first + self->dirty_count) % STREAMS_MAX] =
        (uint32_t)(stream - self->streams);
    self->dirty_count++;
}

void
streams_acknowledge (streams_t *self, chain_t entries)
{
    while (entries.count) {
        stream_t *stream = &self->streams[backlog_stream (self->backlog, entries.first)];
        backlog_shift (self->backlog, &entries, &stream->acknowledged);
        self->kept_count++;
        s_mark_dirty (self, stream);
    }
}

static void
s_call_delete (streams_t *self, stream_t *stream, effects_t *effects)
{
    while (!stream->is_delete_out && stream->acknowledged.count &&
           stream->deleting.count < BATCH_ENTRIES_MAX)
        backlog_shift (self->backlog, &stream->acknowledged, &stream->deleting);
    uint64_t index = (uint64_t)(stream - self->streams);
    effects_call (effects, CALL_JOURNAL_DELETE, self->term << 16 | index);
    uint32_t entry = stream->deleting.first;
    for (size_t i = 0; i < stream->deleting.count; i++) {
        const order_event_t *event = backlog_event (self->backlog, entry);
        journal_position_t *position = effects_entry (effects, &record_journal_position);
        position->sale_id = event->sale_id;
        position->epoch = event->epoch;
        position->entry_ms = event->entry_ms;
        position->entry_seq = event->entry_seq;
        position->pay_before_us = event->pay_before_us;
        position->token = self->token;
        entry = backlog_after (self->backlog, entry);
    }
    stream->is_delete_out = true;
    self->deletes_out++;
}

/*  One call per stream at a time: what is acknowledged meanwhile goes together in the next. */
void
streams_delete (streams_t *self, uint64_t now_us, effects_t *effects)
{
    self->dirty_retry_us = UINT64_MAX;
    for (size_t left = self->dirty_count; left && self->deletes_out < DELETES_MAX; left--) {
        stream_t *stream = &self->streams[self->dirty[self->dirty_first]];
        self->dirty_first = (self->dirty_first + 1) % STREAMS_MAX;
        self->dirty_count--;
        stream->is_dirty = false;
        if (stream->is_delete_out)
            continue; /* its answer brings it back */
        if (stream->retry_us <= now_us) {
            s_call_delete (self, stream, effects);
            continue;
        }
        s_mark_dirty (self, stream);
        if (stream->retry_us < self->dirty_retry_us)
            self->dirty_retry_us = stream->retry_us;
    }
}

void
streams_handle_deleted (streams_t *self, const event_t *event, effects_t *effects)
{
    if (event->tag >> 16 != self->term)
        return;
    uint64_t index = event->tag & 0xffff;
    CHECK (index < STREAMS_MAX && self->streams[index].is_delete_out);
    stream_t *stream = &self->streams[index];
    const journal_state_t *state = event->entries;
    bool is_done = event->status == RESULT_OK && event->count == 1 && state->code == ERROR_NONE;
    stream->is_delete_out = false;
    self->deletes_out--;
    if (is_done) {
        self->kept_count -= stream->deleting.count;
        stream->entry_count -= stream->deleting.count;
        backlog_drop (self->backlog, &stream->deleting);
    } else {
        stream->retry_us = event->now_us + RETRY_US;
        if (event->status == RESULT_REFUSED)
            effects_log (effects, LOG_LEVEL_WARNING, "journal_not_deleted", "sale %" PRIu64 ": %s",
                         stream->sale_id, event->detail);
    }
    if (stream->deleting.count || stream->acknowledged.count)
        s_mark_dirty (self, stream);
    else
        streams_free_if_done (stream);
}

/* -------------------------------------------------------------------------- for the router and tests */

uint64_t
streams_digest (uint64_t digest, const streams_t *self)
{
    uint64_t numbers[] = { self->term,         self->is_read_out,   self->read_term,
                           self->read_sent_us, self->read_retry_us, self->read_turn,
                           self->dirty_first,  self->dirty_count,   self->deletes_out,
                           self->token,        self->delay_turn,    self->delay_soonest_us };
    digest = hash_bytes (digest, numbers, sizeof numbers);
    digest = hash_bytes (digest, self->streams, sizeof self->streams);
    for (size_t i = 0; i < self->dirty_count; i++)
        digest = hash_pair (digest, self->dirty[(self->dirty_first + i) % STREAMS_MAX]);
    return digest;
}

void
streams_check (const streams_t *self)
{
    size_t open = 0, kept = 0, entries = 0, deletes = 0, dirty = 0, delays = 0;
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        const stream_t *stream = &self->streams[i];
        CHECK (stream->sale_id || (!stream->is_open && !stream->entry_count));
        CHECK (stream->deleting.count <= BATCH_ENTRIES_MAX);
        open += stream->is_open;
        kept += stream->acknowledged.count + stream->deleting.count;
        entries += stream->entry_count;
        deletes += stream->is_delete_out;
        dirty += stream->is_dirty;
        delays += stream->delay_state == DELAY_ASKING || stream->delay_state == DELAY_REMOVED;
        CHECK (stream->delay_us >= self->delay_soonest_us || !stream->is_open ||
               (stream->delay_state != DELAY_UNKNOWN && stream->delay_state != DELAY_WAITING &&
                stream->delay_state != DELAY_REMOVING));
    }
    CHECK (delays == self->delay_calls_out);
    CHECK (open == self->open_count && open == map_count (self->open));
    CHECK (kept == self->kept_count && deletes == self->deletes_out);
    CHECK (dirty == self->dirty_count && deletes <= DELETES_MAX);
    CHECK (entries == backlog_unacknowledged (self->backlog) + kept);
}
