/*  Random numbers for tests, reproducible from a printed seed (MINISHOP_SEED=N repeats a run).
    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014 (splitmix64). */

#ifndef MS_DICE_H
#define MS_DICE_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct dice_t {
    uint64_t state;
} dice_t;

static inline uint64_t
dice_next (dice_t *self)
{
    uint64_t x = self->state += UINT64_C (0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C (0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C (0x94d049bb133111eb);
    return x ^ x >> 31;
}

/*  0 … below − 1 */
static inline uint64_t
dice_roll (dice_t *self, uint64_t below)
{
    return dice_next (self) % below;
}

static inline dice_t
dice_seeded (uint64_t default_seed)
{
    const char *given = getenv ("MINISHOP_SEED");
    dice_t dice = { given ? strtoull (given, NULL, 10) : default_seed };
    printf ("# seed %" PRIu64 "\n", dice.state);
    return dice;
}

#endif
