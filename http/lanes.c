#include "lanes.h"

#include "check.h"

#include <string.h>

static bool
s_is_same (address_t a, address_t b)
{
    return a.number == b.number && a.incarnation == b.incarnation;
}

uint32_t
lanes_of (lanes_t *self, const peer_t *limiter)
{
    uint32_t unused = LANE_NOWHERE;
    if (!limiter)
        return LANE_NOWHERE;
    for (uint32_t i = 0; i < LANE_NOWHERE; i++) {
        if (s_is_same (self->lanes[i].limiter, limiter->address))
            return i;
        if (self->lanes[i].limiter.number == 0 && unused == LANE_NOWHERE)
            unused = i;
    }
    /* peers.h keeps at most PEERS_MAX, and a lane is closed with its peer */
    CHECK (unused != LANE_NOWHERE);
    self->lanes[unused] = (lane_t){ .limiter = limiter->address };
    if (unused >= self->in_use)
        self->in_use = unused + 1;
    return unused;
}

void
lanes_append (lanes_t *self, const pendings_t *pendings, uint32_t lane, pending_t *pending)
{
    lane_t *to = &self->lanes[lane];
    pending->state = PENDING_WAITING;
    pending->lane = lane;
    pending->next = 0;
    pending->previous = to->tail;
    if (to->tail)
        pendings_at (pendings, to->tail)->next = pending->slot;
    else
        to->head = pending->slot;
    to->tail = pending->slot;
    to->queued++;
}

static void
s_unlink (lane_t *from, const pendings_t *pendings, pending_t *pending)
{
    CHECK (from->queued > 0);
    if (pending->previous)
        pendings_at (pendings, pending->previous)->next = pending->next;
    else
        from->head = pending->next;
    if (pending->next)
        pendings_at (pendings, pending->next)->previous = pending->previous;
    else
        from->tail = pending->previous;
    pending->next = pending->previous = 0;
    from->queued--;
}

void
lanes_leave (lanes_t *self, const pendings_t *pendings, pending_t *pending, uint64_t now_us)
{
    lane_t *lane = &self->lanes[pending->lane];
    if (pending->state == PENDING_WAITING)
        s_unlink (lane, pendings, pending);
    if (pending->state == PENDING_OUT) {
        CHECK (lane->out_count > 0);
        if (--lane->out_count == 0)
            lane->trip_us = now_us - lane->sent_us;
    }
}

pending_t *
lanes_dispatch (lanes_t *self, const pendings_t *pendings, uint32_t lane)
{
    lane_t *from = &self->lanes[lane];
    if (from->head == 0)
        return NULL;
    pending_t *pending = pendings_at (pendings, from->head);
    s_unlink (from, pendings, pending);
    pending->state = PENDING_OUT;
    from->out_count++;
    return pending;
}

void
lanes_close (lanes_t *self, uint32_t lane)
{
    CHECK (self->lanes[lane].out_count == 0 && self->lanes[lane].queued == 0);
    memset (&self->lanes[lane], 0, sizeof self->lanes[lane]);
}
