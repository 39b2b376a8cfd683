#include "signature.h"

#include <string.h>

/*  Until the year 33658: a number that nothing overflows with. */
#define SECONDS_DIGITS_MAX 12u

typedef struct signature_t {
    const char *seconds; /* as it was written: that is what was signed */
    size_t seconds_count;
    uint64_t made_s;
    uint8_t hash[crypto_auth_hmacsha256_BYTES];
} signature_t;

void
signature_key_init (signature_key_t *self, const char *secret)
{
    crypto_auth_hmacsha256_init (&self->keyed, (const uint8_t *)secret, strlen (secret));
}

/*  Exactly "t=" digits ",v1=" 64 hex digits. Nothing else: a reader that skips what it does not know can be shown two
    signatures, and then it matters which of them it means. */
static bool
s_read (const char *text, signature_t *self)
{
    static const char first[] = "t=", second[] = ",v1=";
    if (strncmp (text, first, sizeof first - 1) != 0)
        return false;
    self->seconds = text + sizeof first - 1;
    self->seconds_count = strspn (self->seconds, "0123456789");
    if (self->seconds_count == 0 || self->seconds_count > SECONDS_DIGITS_MAX)
        return false;
    self->made_s = 0;
    for (size_t i = 0; i < self->seconds_count; i++)
        self->made_s = self->made_s * 10 + (uint64_t)(self->seconds[i] - '0');
    const char *rest = self->seconds + self->seconds_count;
    if (strncmp (rest, second, sizeof second - 1) != 0)
        return false;
    rest += sizeof second - 1;
    size_t count = strlen (rest), bytes = 0;
    return count == 2 * sizeof self->hash &&
           sodium_hex2bin (self->hash, sizeof self->hash, rest, count, NULL, &bytes, NULL) == 0;
}

bool
signature_is_good (const signature_key_t *key, const char *text, const char *body,
                   size_t body_count, uint64_t now_s)
{
    uint8_t made[crypto_auth_hmacsha256_BYTES];
    signature_t given;
    if (!text || !s_read (text, &given))
        return false;
    crypto_auth_hmacsha256_state state = key->keyed;
    crypto_auth_hmacsha256_update (&state, (const uint8_t *)given.seconds, given.seconds_count);
    crypto_auth_hmacsha256_update (&state, (const uint8_t *)".", 1);
    crypto_auth_hmacsha256_update (&state, (const uint8_t *)body, body_count);
    crypto_auth_hmacsha256_final (&state, made);
    if (sodium_memcmp (given.hash, made, sizeof made) != 0)
        return false;
    uint64_t apart_s = given.made_s > now_s ? given.made_s - now_s : now_s - given.made_s;
    return apart_s <= SIGNATURE_WINDOW_S;
}
