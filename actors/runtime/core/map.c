#include "map.h"

#include "check.h"
#include "hash.h"

#include <string.h>

struct map_t {
    size_t slot_count; /* power of two, at least 4/3 of entries_max */
    size_t entries_max;
    size_t count;
    size_t value_bytes; /* multiple of 8 */
    uint64_t seed;
    uint8_t *used; /* one byte per slot */
    uint64_t *keys;
    uint8_t *values;
};

map_t *
map_new (size_t entries_max, size_t value_bytes, uint64_t seed)
{
    map_t *self = calloc (1, sizeof *self);
    CHECK (self && entries_max > 0);
    self->slot_count = 8;
    while (self->slot_count * 3 / 4 < entries_max)
        self->slot_count *= 2;
    self->entries_max = entries_max;
    self->value_bytes = (value_bytes + 7) & ~(size_t)7;
    self->seed = seed;
    self->used = calloc (self->slot_count, 1);
    self->keys = calloc (self->slot_count, sizeof *self->keys);
    self->values = calloc (self->slot_count, self->value_bytes ? self->value_bytes : 1);
    CHECK (self->used && self->keys && self->values);
    return self;
}

void
map_destroy (map_t **self_p)
{
    map_t *self = *self_p;
    if (self) {
        free (self->used);
        free (self->keys);
        free (self->values);
        free (self);
        *self_p = NULL;
    }
}

size_t
map_count (const map_t *self)
{
    return self->count;
}

static size_t
s_home (const map_t *self, uint64_t key)
{
    return hash_pair (self->seed, key) & (self->slot_count - 1);
}

static uint8_t *
s_value (const map_t *self, size_t slot)
{
    return self->values + slot * self->value_bytes;
}

/*  Slot of the key, or the free slot where it would stand. There is always a free one: at most 3/4 are used. */
static size_t
s_slot (const map_t *self, uint64_t key)
{
    size_t slot = s_home (self, key);
    while (self->used[slot] && self->keys[slot] != key)
        slot = (slot + 1) & (self->slot_count - 1);
    return slot;
}

void *
map_find (const map_t *self, uint64_t key)
{
    size_t slot = s_slot (self, key);
    return self->used[slot] ? s_value (self, slot) : NULL;
}

void *
map_insert (map_t *self, uint64_t key)
{
    size_t slot = s_slot (self, key);
    if (!self->used[slot]) {
        if (self->count == self->entries_max)
            return NULL;
        self->used[slot] = 1;
        self->keys[slot] = key;
        memset (s_value (self, slot), 0, self->value_bytes);
        self->count++;
    }
    return s_value (self, slot);
}

/*  Source: Knuth, TAOCP 3, 6.4, algorithm R: entries behind the gap move up, so that no tombstones gather. */
static void
s_remove_slot (map_t *self, size_t gap)
{
    size_t mask = self->slot_count - 1;
    for (size_t slot = (gap + 1) & mask; self->used[slot]; slot = (slot + 1) & mask) {
        size_t home = s_home (self, self->keys[slot]);
        if (((slot - home) & mask) < ((slot - gap) & mask))
            continue;
        self->keys[gap] = self->keys[slot];
        memcpy (s_value (self, gap), s_value (self, slot), self->value_bytes);
        gap = slot;
    }
    self->used[gap] = 0;
    self->count--;
}

bool
map_remove (map_t *self, uint64_t key)
{
    size_t slot = s_slot (self, key);
    if (!self->used[slot])
        return false;
    s_remove_slot (self, slot);
    return true;
}

void *
map_next (const map_t *self, size_t *cursor, uint64_t *key)
{
    while (*cursor < self->slot_count) {
        size_t slot = (*cursor)++;
        if (self->used[slot]) {
            *key = self->keys[slot];
            return s_value (self, slot);
        }
    }
    return NULL;
}

void
map_remove_at (map_t *self, size_t *cursor)
{
    CHECK (*cursor > 0 && self->used[*cursor - 1]);
    (*cursor)--;
    s_remove_slot (self, *cursor);
}

uint64_t
map_digest (const map_t *self)
{
    uint64_t digest = self->count;
    for (size_t slot = 0; slot < self->slot_count; slot++)
        if (self->used[slot])
            digest += hash_bytes (self->keys[slot], s_value (self, slot), self->value_bytes);
    return digest;
}
