/*  Hashes for tables and digests. Not for secrets: keyed hashes of what users choose are made at the edge
    (http/identity.h). */

#ifndef MS_HASH_H
#define MS_HASH_H

#define XXH_INLINE_ALL
#include <stddef.h>
#include <stdint.h>
#include <xxhash.h>

static inline uint64_t
hash_bytes (uint64_t seed, const void *bytes, size_t count)
{
    return XXH3_64bits_withSeed (bytes, count, seed);
}

static inline uint64_t
hash_pair (uint64_t a, uint64_t b)
{
    uint64_t pair[2] = { a, b };
    return XXH3_64bits (pair, sizeof pair);
}

#endif
