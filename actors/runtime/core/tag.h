/*  Tags of calls that are never used twice: an answer to a call that nobody awaits any more finds no owner. A tag says which part of a
    core asked (`purpose`) and for which of its slots. */

#ifndef MS_TAG_H
#define MS_TAG_H

#include "check.h"

#include <stdint.h>

#define TAG_PURPOSE_BITS 8u
#define TAG_SLOT_BITS 16u

/*  The next tag; `*turn` is the core's own counter, from 0. */
static inline uint64_t
tag_next (uint64_t *turn, uint64_t slot, uint64_t purpose)
{
    CHECK (slot < (1u << TAG_SLOT_BITS) && purpose < (1u << TAG_PURPOSE_BITS));
    return ++*turn << (TAG_PURPOSE_BITS + TAG_SLOT_BITS) | slot << TAG_PURPOSE_BITS | purpose;
}

static inline uint64_t
tag_slot (uint64_t tag)
{
    return tag >> TAG_PURPOSE_BITS & ((1u << TAG_SLOT_BITS) - 1);
}

static inline uint64_t
tag_purpose (uint64_t tag)
{
    return tag & ((1u << TAG_PURPOSE_BITS) - 1);
}

#endif
