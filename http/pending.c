#include "pending.h"

#include "check.h"

#include <string.h>

void
pendings_init (pendings_t *self, uint32_t slot_max, uint64_t start)
{
    CHECK (slot_max > 0 && slot_max < 1u << PENDING_SLOT_BITS);
    *self = (pendings_t){ .slot_max = slot_max, .counter = start, .due_us = UINT64_MAX };
    self->places = calloc (slot_max + 1u, sizeof *self->places);
    CHECK (self->places);
    for (uint32_t slot = 0; slot <= slot_max; slot++)
        self->places[slot].slot = slot;
}

void
pendings_close (pendings_t *self)
{
    free (self->places);
    self->places = NULL;
}

pending_t *
pendings_at (const pendings_t *self, uint32_t slot)
{
    CHECK (slot <= self->slot_max);
    return &self->places[slot];
}

pending_t *
pendings_take (pendings_t *self, uint64_t slot)
{
    if (slot == 0 || slot > self->slot_max)
        return NULL;
    pending_t *pending = &self->places[slot];
    CHECK (pending->state == PENDING_FREE);
    memset (pending, 0, sizeof *pending);
    pending->slot = (uint32_t)slot;
    pending->qid = ++self->counter << PENDING_SLOT_BITS | slot;
    self->count++;
    return pending;
}

pending_t *
pendings_match (const pendings_t *self, uint64_t qid)
{
    uint64_t slot = qid & ((1u << PENDING_SLOT_BITS) - 1);
    if (slot == 0 || slot > self->slot_max)
        return NULL;
    pending_t *pending = &self->places[slot];
    return pending->state != PENDING_FREE && pending->qid == qid ? pending : NULL;
}

void
pendings_release (pendings_t *self, pending_t *pending)
{
    CHECK (pending->state != PENDING_FREE && self->count > 0);
    pending->state = PENDING_FREE;
    self->count--;
}

void
pendings_due_by (pendings_t *self, uint64_t at_us)
{
    if (at_us < self->due_us)
        self->due_us = at_us;
}
