/*  Seckill: the only caller of the gate. Turns batches of attempts into one script call per sale,
    and the script's rows into verdicts. README.md tells what it may and may not say. */

#ifndef MS_SECKILL_H
#define MS_SECKILL_H

#include "actor.h"

extern const actor_class_t seckill_class;

/*  Batches that may wait for the gate at once; beyond it the next is answered `busy`. Redis runs
    one script at a time: 64 batches of 256 are about what it decides in 100 ms. */
#define SECKILL_BATCHES_MAX 64u
/*  Likewise for questions about one rid. */
#define SECKILL_LOOKUPS_MAX 1024u
/*  What a `busy` verdict or outcome of this actor names as the time to wait. */
#define SECKILL_BUSY_MS 100u

#endif
