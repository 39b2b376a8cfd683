/*  A table from 64-bit keys to fixed-size values: open addressing with linear probes and backward-shift
    deletion, allocated once. Keys are mixed, so keys that users can choose cannot be made to collide without
    knowing `seed`. */

#ifndef MS_MAP_H
#define MS_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct map_t map_t;

/*  Room for `entries_max` entries of `value_bytes` each. */
map_t *map_new (size_t entries_max, size_t value_bytes, uint64_t seed);
void map_destroy (map_t **self_p);
size_t map_count (const map_t *self);
/*  The value of a key, NULL if there is none. Valid until the next map_insert or map_remove. */
void *map_find (const map_t *self, uint64_t key);
/*  The value of a key, new and zeroed if there was none; NULL if the table is full. */
void *map_insert (map_t *self, uint64_t key);
bool map_remove (map_t *self, uint64_t key);
/*  Walks all entries: start with *cursor = 0; returns NULL at the end. map_remove of another key during a
    walk may show an entry twice or not at all; map_remove_at misses none, and may show one twice. */
void *map_next (const map_t *self, size_t *cursor, uint64_t *key);
/*  Removes the entry that map_next returned last; the walk goes on with the one that moved into its place. */
void map_remove_at (map_t *self, size_t *cursor);
/*  Hash of all entries, whatever their order in memory. */
uint64_t map_digest (const map_t *self);

#endif
