#include "peers.h"

#include "hash.h"

#include <string.h>

static size_t
s_position (const peers_t *self, uint64_t number)
{
    size_t i = 0;
    while (i < self->count && self->peers[i].address.number < number)
        i++;
    return i;
}

bool
peers_up (peers_t *self, const process_t *process)
{
    size_t i = s_position (self, process->number);
    bool is_known = i < self->count && self->peers[i].address.number == process->number;
    if (!is_known) {
        if (self->count == PEERS_MAX)
            return false;
        memmove (&self->peers[i + 1], &self->peers[i], (self->count - i) * sizeof (peer_t));
        self->count++;
        self->peers[i].address.incarnation = 0;
    }
    peer_t *peer = &self->peers[i];
    bool is_new = peer->address.incarnation != process->incarnation;
    peer->address = (address_t){ process->kind, process->number, process->incarnation };
    peer->is_ready = process->state == STATE_READY;
    peer->is_leader = process->leader != 0;
    return is_new;
}

bool
peers_down (peers_t *self, const process_t *process)
{
    const peer_t *peer = peers_find (self, process->number, process->incarnation);
    if (!peer)
        return false;
    size_t i = (size_t)(peer - self->peers);
    self->count--;
    memmove (&self->peers[i], &self->peers[i + 1], (self->count - i) * sizeof (peer_t));
    return true;
}

const peer_t *
peers_find (const peers_t *self, uint64_t number, uint64_t incarnation)
{
    size_t i = s_position (self, number);
    if (i == self->count || self->peers[i].address.number != number)
        return NULL;
    return incarnation == 0 || self->peers[i].address.incarnation == incarnation ? &self->peers[i]
                                                                                 : NULL;
}

size_t
peers_ready_count (const peers_t *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->count; i++)
        count += self->peers[i].is_ready;
    return count;
}

/*  Source: Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998. */
const peer_t *
peers_of_key (const peers_t *self, uint64_t key)
{
    const peer_t *best = NULL;
    uint64_t best_weight = 0;
    for (size_t i = 0; i < self->count; i++) {
        const peer_t *peer = &self->peers[i];
        uint64_t weight = hash_pair (key, peer->address.number);
        if (peer->is_ready && (!best || weight > best_weight)) {
            best = peer;
            best_weight = weight;
        }
    }
    return best;
}

const peer_t *
peers_in_turn (const peers_t *self, uint64_t *turn, uint64_t avoid_number)
{
    const peer_t *avoided = NULL;
    for (size_t i = 0; i < self->count; i++) {
        const peer_t *peer = &self->peers[(*turn)++ % self->count];
        if (!peer->is_ready)
            continue;
        if (peer->address.number != avoid_number)
            return peer;
        avoided = peer;
    }
    return avoided;
}

const peer_t *
peers_leader (const peers_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->peers[i].is_leader)
            return &self->peers[i];
    return NULL;
}
