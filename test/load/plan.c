#include "plan.h"

#include <stdlib.h>

/*  Attempts are sorted by place; a shopper's first one stands at user × PLACES, so later ones fall between
    the others. */
#define PLACES 16u

typedef struct entry_t {
    uint64_t place;
    attempt_t attempt;
} entry_t;

struct plan_t {
    entry_t *entries;
    size_t count;
    uint64_t random;
};

/*  Source: Vigna, xorshift64*. */
static uint64_t
s_random (plan_t *self)
{
    self->random ^= self->random >> 12;
    self->random ^= self->random << 25;
    self->random ^= self->random >> 27;
    return self->random * 0x2545f4914f6cdd1dull;
}

static void
s_add (plan_t *self, uint64_t place, uint32_t user, uint32_t key)
{
    self->entries[self->count++] = (entry_t){ place, { user, key } };
}

static void
s_add_user (plan_t *self, uint32_t user, uint32_t users, unsigned retry_per_mille,
            unsigned new_key_per_mille)
{
    uint64_t place = (uint64_t)user * PLACES;
    uint64_t span = (uint64_t)users * PLACES;
    s_add (self, place, user, 0);
    if (s_random (self) % 1000 < retry_per_mille) {
        if (s_random (self) % 8 == 0)
            for (unsigned i = 1; i < PLAN_TOGETHER; i++)
                s_add (self, place + 1, user, 0);
        else
            s_add (self, place + 1 + s_random (self) % span, user, 0);
    }
    if (s_random (self) % 1000 < new_key_per_mille)
        s_add (self, place + 1 + s_random (self) % span, user, 1);
}

static int
s_compare (const void *left_p, const void *right_p)
{
    const entry_t *left = left_p;
    const entry_t *right = right_p;
    if (left->place != right->place)
        return left->place < right->place ? -1 : 1;
    return left->attempt.user < right->attempt.user ? -1 : left->attempt.user > right->attempt.user;
}

plan_t *
plan_new (uint32_t users, unsigned retry_per_mille, unsigned new_key_per_mille, uint64_t seed)
{
    plan_t *self = calloc (1, sizeof *self);
    if (!self)
        return NULL;
    self->random = seed * 2 + 1; /* never 0 */
    self->entries = calloc ((size_t)users * (PLAN_TOGETHER + 1) + 1, sizeof *self->entries);
    if (!self->entries) {
        plan_destroy (&self);
        return NULL;
    }
    for (uint32_t user = 0; user < users; user++)
        s_add_user (self, user, users, retry_per_mille, new_key_per_mille);
    qsort (self->entries, self->count, sizeof *self->entries, s_compare);
    return self;
}

void
plan_destroy (plan_t **self_p)
{
    if (*self_p) {
        free ((*self_p)->entries);
        free (*self_p);
        *self_p = NULL;
    }
}

size_t
plan_count (const plan_t *self)
{
    return self->count;
}

attempt_t
plan_attempt (const plan_t *self, size_t index)
{
    return self->entries[index].attempt;
}
