/*  Tokens that are signed and no longer accepted: single ones, and all of a user's issued before a time. Few, and short-lived: a denial
    is forgotten when the token would have expired anyway. Written by the I/O thread, read by all HTTP threads. */

#ifndef MS_DENIALS_H
#define MS_DENIALS_H

#include "token.h"

/*  Denials at once; far above what account keeps. */
#define DENIALS_MAX 65536u

typedef struct denials_t denials_t;

denials_t *denials_new (void);
void denials_destroy (denials_t **self_p);
/*  Adds. Returns false if there was no room: then the edge must not say that it holds them. */
bool denials_put (denials_t *self, const denial_t *denials, size_t count, uint64_t now_ms);
bool denials_has (denials_t *self, const token_t *token);

#endif
