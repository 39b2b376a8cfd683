/*  Signatures of webhooks: `X-Signature: t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA256 of "SECONDS.body" under the instance's
    webhook secret. Who knows the secret may speak; what was said long ago may not be said again. */

#ifndef MS_SIGNATURE_H
#define MS_SIGNATURE_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*  The clocks of a provider and of this machine may differ by this much. */
#define SIGNATURE_WINDOW_S 300u
#define SIGNATURE_SECRET_MIN 16u
#define SIGNATURE_SECRET_MAX 256u

/*  The secret, already mixed into the state of the hash. */
typedef struct signature_key_t {
    crypto_auth_hmacsha256_state keyed;
} signature_key_t;

/*  The key is the secret's text as it stands in the file. */
void signature_key_init (signature_key_t *self, const char *secret);

/*  True if `text` is a signature of just these bytes, made within SIGNATURE_WINDOW_S of now. `text` NULL = none was given. The comparison
    takes the same time whatever differs. Cost: one hash of the body. */
bool signature_is_good (const signature_key_t *key, const char *text, const char *body,
                        size_t body_count, uint64_t now_s);

#endif
