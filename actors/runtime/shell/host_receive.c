#include "host_parts.h"

#include "check.h"
#include "clock.h"
#include "codec.h"
#include "failpoint.h"
#include "foreign.h"
#include "log.h"
#include "metrics.h"

#include <inttypes.h>
#include <string.h>
#include <zmq.h>

/*  Messages taken from the inbox before the stores and the clock get their turn. */
#define INBOX_TURN 64

/* -------------------------------------------------------------------------- receiving */

/*  The runtime's own messages. Returns true if the core need not see it. */
static bool
s_handle_runtime (host_t *self, const header_t *header, const void *entries, size_t count)
{
    if (header->type == MSG_TOPOLOGY) {
        host_on_topology (self, header, entries, count);
        return true;
    }
    if (header->type == MSG_PONG) {
        links_trust (self->links, header->from_kind, header->from_number);
        return true;
    }
    if (header->type == MSG_HEARTBEAT && self->self.kind == KIND_BROKER && count == 1) {
        process_t process = *(const process_t *)entries;
        host_learn (self, &process);
        return false;
    }
    if (header->type != MSG_PING)
        return false;
    header_t answer = { .type = MSG_PONG,
                        .to_kind = header->from_kind,
                        .to_number = header->from_number,
                        .to_incarnation = header->from_incarnation,
                        .batch_id = header->batch_id,
                        .cause_id = header->message_id };
    pong_t pong = { *host_topology_version (self, 1), self->self.state, self->self.leader,
                    self->self.in_flight };
    host_send (self, &answer, &record_pong, &pong, 1);
    return true;
}

static void
s_take (host_t *self, const header_t *header, const void *entries, size_t count)
{
    metrics_add (METRIC_MESSAGES_RECEIVED, header->type, 1);
    metrics_add (METRIC_ENTRIES_RECEIVED, header->type, (int64_t)count);
    FAILPOINT (FAILPOINT_RECEIVE, header->type);
    if (!s_handle_runtime (self, header, entries, count)) {
        event_t event = {
            .type = EVENT_MESSAGE, .header = header, .entries = entries, .count = count
        };
        host_step (self, &event);
    }
    FAILPOINT (FAILPOINT_STEP, header->type);
}

static void
s_refuse (const char *why, const header_t *header)
{
    metrics_add (METRIC_FRAMES_REFUSED, 0, 1);
    log_write (LOG_LEVEL_DEBUG, "frame_refused", "%s, type %" PRIu64, why,
               header ? header->type : 0);
}

static void
s_receive (host_t *self, const void *head, size_t head_bytes, const void *body, size_t body_bytes)
{
    header_t header;
    size_t count;
    codec_status_t status = codec_read_header (head, head_bytes, &header);
    if (status) {
        s_refuse (codec_status_name (status), NULL);
        return;
    }
    const message_t *message = schema_message (header.type);
    if (header.protocol != PROTOCOL_VERSION || !message || header.from_kind >= KIND_COUNT ||
        header.from_kind == KIND_CLIENT || header.from_kind == KIND_NONE) {
        s_refuse ("protocol, type or sender", &header);
        return;
    }
    /* one that was frozen long enough to be given up comes back by its heartbeat; the directory knows who has really left */
    bool is_return = (self->self.kind == KIND_BROKER && header.type == MSG_HEARTBEAT) ||
                     host_is_awaited (self, &header);
    if ((header.to_incarnation && header.to_incarnation != self->self.incarnation) ||
        (host_is_departed (self, header.from_incarnation) && !is_return)) {
        metrics_add (METRIC_WRONG_INCARNATION, 0, 1);
        return;
    }
    size_t room = ENTRIES_BYTES / message->record->size_bytes;
    status = codec_read (message->record, body, body_bytes, self->entries,
                         room < BATCH_ENTRIES_MAX ? room : BATCH_ENTRIES_MAX, &count);
    if (status || count != header.count) {
        s_refuse (status ? codec_status_name (status) : "count", &header);
        return;
    }
    s_take (self, &header, self->entries, count);
}

/*  Takes one frame. Returns its length, which may be more than fitted; −1 if there is none. */
static int
s_receive_frame (host_t *self, uint8_t *bytes, size_t bytes_max, bool *has_more)
{
    int more = 0;
    size_t size = sizeof more;
    FOREIGN_BEGIN ();
    int count = zmq_recv (self->inbox, bytes, bytes_max, ZMQ_DONTWAIT);
    if (count >= 0)
        zmq_getsockopt (self->inbox, ZMQ_RCVMORE, &more, &size);
    FOREIGN_END ();
    *has_more = more;
    return count;
}

/*  Takes one message of any number of frames; only two make sense. Returns false if there is none. */
static bool
s_receive_next (host_t *self)
{
    bool has_more;
    int head_count = s_receive_frame (self, self->header_bytes, HEADER_BYTES_MAX, &has_more);
    if (head_count < 0)
        return false;
    int body_count =
        has_more ? s_receive_frame (self, self->body_bytes, BODY_BYTES_MAX, &has_more) : -1;
    bool is_pair = body_count >= 0 && !has_more;
    while (has_more)
        s_receive_frame (self, self->body_bytes, BODY_BYTES_MAX, &has_more);
    if (is_pair && head_count <= (int)HEADER_BYTES_MAX && body_count <= (int)BODY_BYTES_MAX)
        s_receive (self, self->header_bytes, (size_t)head_count, self->body_bytes,
                   (size_t)body_count);
    else
        s_refuse ("frames", NULL);
    return true;
}

void
host_receive_turn (host_t *self)
{
    self->inbox_has_more = false;
    for (int i = 0; i < INBOX_TURN; i++)
        if (!s_receive_next (self))
            return;
    self->inbox_has_more = true;
}

void
host_take_loopback (host_t *self)
{
    while (self->loopback_count) {
        loopback_t message = self->loopback[0];
        memmove (&self->loopback[0], &self->loopback[1], --self->loopback_count * sizeof message);
        s_take (self, &message.header, message.entries, message.count);
        free (message.entries);
    }
}

void
host_inject (host_t *self, uint64_t number, message_type_t type, const header_t *extras,
             const void *entries, size_t count)
{
    header_t header = extras ? *extras : (header_t){ 0 };
    header.type = type;
    header.from_kind = KIND_CLIENT;
    header.from_number = number;
    header.count = count;
    event_t event = {
        .type = EVENT_MESSAGE, .header = &header, .entries = entries, .count = count
    };
    FAILPOINT (FAILPOINT_RECEIVE, type);
    host_step (self, &event);
    FAILPOINT (FAILPOINT_STEP, type);
}
