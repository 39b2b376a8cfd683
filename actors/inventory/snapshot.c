/*  Pushes and acknowledgements.

    Every change of a sale or of the limits gets the next snapshot version, and stamps what changed with it. A receiver is sent what is
    stamped above its last acknowledged version, oldest first; the message carries the highest stamp in it.

    1. At most one message per receiver and stream is out. It is made anew, of what holds then, until it is acknowledged: so a message
       lost at a full pipe is repaired, and an acknowledged version means that nothing before it is missing.
    2. Versions never go down within a term and between the terms of one machine: a term begins at the present time in µs.
    3. Without a loaded table nothing is pushed: a message without following_count says "that is all", an empty one "there are no
       sales". Everything before it is acknowledged, so a receiver that gets it has the whole.

    stream            change, or new receiver     ack of what is out        RESEND_US without an ack
    all acknowledged  send                        ignored                   –
    one out           (goes with the next)        acknowledged, send next   send again */

#include "snapshot.h"

#include "gates.h"
#include "leadership.h"
#include "sales.h"

#define RESEND_US                                                                                  \
    (250u * MS) /* far above a loaded edge's answer, well below snapshot_deadline_ms */

void
snapshot_begin_term (inventory_t *self)
{
    snapshot_t *snapshot = &self->snapshot;
    if (snapshot->version < self->now_us)
        snapshot->version = self->now_us;
    snapshot->sales_version = ++snapshot->version;
    for (size_t i = 0; i < snapshot->receiver_count; i++) {
        snapshot->receivers[i].sales = (stream_t){ 0 };
        snapshot->receivers[i].limits = (stream_t){ 0 };
    }
    if (snapshot->limits_version)
        snapshot->limits_version = ++snapshot->version;
}

void
snapshot_end_term (inventory_t *self)
{
    self->snapshot.limits_version = 0;
    self->snapshot.limits = (limits_t){ 0 };
    self->snapshot.is_left = false;
}

void
snapshot_set_limits (inventory_t *self, const limits_t *limits)
{
    snapshot_t *snapshot = &self->snapshot;
    if (snapshot->limits_version && limits->version <= snapshot->limits.version)
        return;
    snapshot->limits = *limits;
    snapshot->limits_version = ++snapshot->version;
}

static bool
s_have (const inventory_t *self, uint64_t version, bool asks_limits)
{
    for (size_t i = 0; i < self->snapshot.receiver_count; i++) {
        const receiver_t *receiver = &self->snapshot.receivers[i];
        uint64_t kind = receiver->address.kind;
        bool is_asked = kind == KIND_EDGE || (asks_limits && kind == KIND_LIMITER);
        uint64_t acked = asks_limits ? receiver->limits.acked : receiver->sales.acked;
        if (is_asked && receiver->is_ready && acked < version)
            return false;
    }
    return true;
}

bool
snapshot_edges_have (const inventory_t *self, uint64_t version)
{
    return s_have (self, version, false);
}

bool
snapshot_all_have_limits (const inventory_t *self, uint64_t version)
{
    return s_have (self, version, true);
}

/* -------------------------------------------------------------------------- receivers */

static receiver_t *
s_find (inventory_t *self, uint64_t kind, uint64_t number)
{
    for (size_t i = 0; i < self->snapshot.receiver_count; i++) {
        receiver_t *receiver = &self->snapshot.receivers[i];
        if (receiver->address.kind == kind && receiver->address.number == number)
            return receiver;
    }
    return NULL;
}

void
snapshot_peer_up (inventory_t *self, const process_t *peer)
{
    snapshot_t *snapshot = &self->snapshot;
    bool receives =
        peer->kind == KIND_EDGE || peer->kind == KIND_LIMITER || peer->kind == KIND_BROKER;
    if (!receives)
        return;
    receiver_t *receiver = s_find (self, peer->kind, peer->number);
    if (!receiver && snapshot->receiver_count == RECEIVERS_MAX)
        return;
    if (!receiver)
        receiver = &snapshot->receivers[snapshot->receiver_count++];
    bool is_new = receiver->address.incarnation != peer->incarnation || receiver->address.kind == 0;
    if (is_new)
        *receiver = (receiver_t){ .address = { peer->kind, peer->number, peer->incarnation } };
    receiver->is_ready = peer->state == STATE_READY;
    if (is_new && peer->kind == KIND_EDGE)
        gates_edge_up (self);
}

void
snapshot_peer_down (inventory_t *self, const process_t *peer)
{
    snapshot_t *snapshot = &self->snapshot;
    receiver_t *receiver = s_find (self, peer->kind, peer->number);
    if (!receiver || receiver->address.incarnation != peer->incarnation)
        return;
    *receiver = snapshot->receivers[--snapshot->receiver_count];
    snapshot->receivers[snapshot->receiver_count] = (receiver_t){ 0 };
}

static bool
s_stream_ack (stream_t *stream, uint64_t version)
{
    bool is_out = stream->sent > stream->acked && stream->sent == version;
    if (is_out)
        stream->acked = version;
    return is_out;
}

void
snapshot_ack (inventory_t *self, const event_t *event)
{
    const header_t *header = event->header;
    const snapshot_ack_t *ack = event->entries;
    receiver_t *receiver = s_find (self, header->from_kind, header->from_number);
    if (!receiver || receiver->address.incarnation != header->from_incarnation || event->count != 1)
        return;
    /* a version belongs to one stream only */
    if (!s_stream_ack (&receiver->sales, ack->version))
        s_stream_ack (&receiver->limits, ack->version);
}

/* -------------------------------------------------------------------------- pushes */

static bool
s_is_due (const inventory_t *self, const stream_t *stream, uint64_t newest)
{
    if (stream->sent > stream->acked)
        return self->now_us - stream->sent_us >= RESEND_US;
    return stream->acked < newest;
}

/*  Places of the sales with the lowest stamps above `acked`, ascending by stamp. */
static size_t
s_changed (const inventory_t *self, uint64_t acked, uint64_t slots[SALES_PER_MESSAGE_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < self->sale_count; i++) {
        const live_sale_t *live = &self->sales[i];
        if (!live->is_used || live->stamp <= acked)
            continue;
        size_t at = count;
        while (at > 0 && self->sales[slots[at - 1]].stamp > live->stamp)
            at--;
        if (at == SALES_PER_MESSAGE_MAX)
            continue;
        size_t end = count < SALES_PER_MESSAGE_MAX ? count : SALES_PER_MESSAGE_MAX - 1;
        memmove (&slots[at + 1], &slots[at], (end - at) * sizeof slots[0]);
        slots[at] = i;
        count = end + 1;
    }
    return count;
}

/*  Sales that changed after those of this stamp. */
static uint64_t
s_newer_count (const inventory_t *self, uint64_t stamp)
{
    uint64_t count = 0;
    for (size_t i = 0; i < self->sale_count; i++)
        count += self->sales[i].is_used && self->sales[i].stamp > stamp;
    return count;
}

static void
s_push_sales (inventory_t *self, receiver_t *receiver, effects_t *effects)
{
    uint64_t slots[SALES_PER_MESSAGE_MAX];
    size_t count = s_changed (self, receiver->sales.acked, slots);
    header_t *header = effects_send (effects, receiver->address, MSG_SALES);
    /* nothing above it: what changed has left the table since */
    uint64_t stamp = count ? self->sales[slots[count - 1]].stamp : receiver->sales.acked;
    header->following_count = s_newer_count (self, stamp);
    header->batch_id = header->following_count ? stamp : self->snapshot.sales_version;
    receiver->sales.sent = header->batch_id;
    receiver->sales.sent_us = self->now_us;
    for (size_t i = 0; i < count; i++)
        sales_describe (&self->sales[slots[i]], effects_entry (effects, &record_sale));
}

static void
s_push_limits (inventory_t *self, receiver_t *receiver, effects_t *effects)
{
    header_t *header = effects_send (effects, receiver->address, MSG_LIMITS);
    header->batch_id = self->snapshot.limits_version;
    receiver->limits.sent = header->batch_id;
    receiver->limits.sent_us = self->now_us;
    limits_t *limits = effects_entry (effects, &record_limits);
    *limits = self->snapshot.limits;
}

static bool
s_wants_sales (const inventory_t *self, const receiver_t *receiver)
{
    return receiver->address.kind != KIND_LIMITER && self->reload.is_loaded &&
           s_is_due (self, &receiver->sales, self->snapshot.sales_version);
}

static bool
s_wants_limits (const inventory_t *self, const receiver_t *receiver)
{
    return receiver->address.kind != KIND_BROKER && self->snapshot.limits_version &&
           s_is_due (self, &receiver->limits, self->snapshot.limits_version);
}

void
snapshot_advance (inventory_t *self, effects_t *effects)
{
    snapshot_t *snapshot = &self->snapshot;
    uint64_t budget = PUSHES_PER_STEP;
    snapshot->is_left = false;
    if (!leadership_has_table (self))
        return;
    for (size_t i = 0; i < snapshot->receiver_count; i++) {
        receiver_t *receiver = &snapshot->receivers[i];
        if (s_wants_limits (self, receiver))
            s_push_limits (self, receiver, effects);
        if (!s_wants_sales (self, receiver))
            continue;
        if (budget == 0) {
            snapshot->is_left = true;
            return;
        }
        s_push_sales (self, receiver, effects);
        budget--;
    }
}

static uint64_t
s_stream_wake_us (const stream_t *stream)
{
    return stream->sent > stream->acked ? stream->sent_us + RESEND_US : UINT64_MAX;
}

uint64_t
snapshot_wake_us (const inventory_t *self)
{
    uint64_t wake_us = UINT64_MAX;
    if (!leadership_has_table (self))
        return wake_us;
    if (self->snapshot.is_left)
        return self->now_us;
    for (size_t i = 0; i < self->snapshot.receiver_count; i++) {
        const receiver_t *receiver = &self->snapshot.receivers[i];
        wake_us = earlier (wake_us, s_stream_wake_us (&receiver->sales));
        wake_us = earlier (wake_us, s_stream_wake_us (&receiver->limits));
    }
    return wake_us;
}
