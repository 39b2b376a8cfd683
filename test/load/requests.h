/*  The requests of a crowd, as bytes. Pure. */

#ifndef MS_REQUESTS_H
#define MS_REQUESTS_H

#include "acts.h"
#include "crowd.h"

#include <stddef.h>

#define REQUEST_BYTES_MAX 2048u
#define REQUEST_KEY_BYTES_MAX 64u

/*  The Idempotency-Key of an act: PREFIX-USER-NUMBER, of a payment with -p and its number behind it, "-" for a cancel, which has none. */
void request_key (const crowd_options_t *options, const act_t *act,
                  char key[REQUEST_KEY_BYTES_MAX + 1]);
/*  Writes the request of an act, or the GET of a crowd that only looks. Returns its length. */
size_t request_print (const crowd_options_t *options, const act_t *act,
                      char out[REQUEST_BYTES_MAX]);

#endif
