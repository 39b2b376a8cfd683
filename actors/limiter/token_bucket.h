/*  A token bucket of which this process holds one of N equal shares, in whole numbers: no drift,
    however many small refills. */

#ifndef MS_TOKEN_BUCKET_H
#define MS_TOKEN_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/*  Limit in force for a bucket. rate_per_s 0 = unlimited. */
typedef struct token_rate_t {
    uint64_t rate_per_s; /* of all shares together */
    uint64_t burst;      /* of all shares together */
    uint64_t shares;     /* N, at least 1 */
} token_rate_t;

typedef struct token_bucket_t {
    uint64_t
        level; /* millionths of a token of all shares together; one of our tokens costs N of them */
    uint64_t at_us; /* when the level was so */
} token_bucket_t;

/*  Beyond this a rate or a burst is taken as this: its millionths still fit in 64 bits. */
#define TOKEN_RATE_MAX UINT64_C (1000000000000)

/*  Fills the bucket. */
void token_bucket_fill (token_bucket_t *self, token_rate_t rate, uint64_t now_us);
/*  Time until one token is there; 0 = now. Changes nothing. */
uint64_t token_bucket_wait_us (const token_bucket_t *self, token_rate_t rate, uint64_t now_us);
/*  Takes one token, which must be there. */
void token_bucket_take (token_bucket_t *self, token_rate_t rate, uint64_t now_us);
/*  True if it has refilled: forgetting it then changes nothing. */
bool token_bucket_is_full (const token_bucket_t *self, token_rate_t rate, uint64_t now_us);

#endif
