/*  What came back: counts by status and code, distinct orders and whose they are, latencies. One per thread,
    merged at the end. */

#ifndef MS_TALLY_H
#define MS_TALLY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TALLY_CODE_BYTES_MAX 40u
#define TALLY_ID_BYTES_MAX 64u
#define TALLY_KINDS_MAX                                                                            \
    64u /* pairs of status and code; further ones are counted under the last   \
                             */

typedef struct tally_t tally_t;

tally_t *tally_new (uint32_t users);
void tally_destroy (tally_t **self_p);
/*  One answer. `code` is "none" for a success, "broken" or "timeout" (status 0) where no answer came.
    `is_final` = the client does not try again; only final answers have a latency, from the attempt's intended
    start. */
void tally_answer (tally_t *self, unsigned status, const char *code, bool is_final,
                   uint64_t latency_us);
/*  A confirmed order of a user: 201 with its id. */
void tally_order (tally_t *self, uint32_t user, const char *order_id);
void tally_merge (tally_t *self, const tally_t *other);
/*  The members of the summary that this object knows, as lines of a JSON object without its braces. */
void tally_print (const tally_t *self, double seconds, FILE *out);

/*  One member of the summary: NAME and an object of the counts by status and code, and the times. */
void tally_print_short (const tally_t *self, const char *name, FILE *out);

#endif
