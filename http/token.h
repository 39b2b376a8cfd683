/*  Session tokens: JWT, HS256, issued by account (libjwt) and checked here without any other process. The signature is checked
    before a single byte of the claims is parsed: libjwt does it the other way round, and crashes on a worker's stack for it. */

#ifndef MS_TOKEN_H
#define MS_TOKEN_H

#include "json_body.h"
#include "schema.h"

#include <sodium.h>

#define TOKEN_KEY_BYTES 32u
#define TOKEN_BYTES_MAX 1024u

/*  The key, already mixed into the state of the hash: saves two blocks of SHA-256 for every request. */
typedef struct token_key_t {
    crypto_auth_hmacsha256_state keyed;
} token_key_t;

typedef struct token_t {
    uint64_t user_id;
    char username[33];
    char role[17]; /* shopper, operator */
    uint8_t token_id[16];
    uint64_t issued_s, expires_s; /* since 1970 */
} token_t;

void token_key_init (token_key_t *self, const uint8_t key[TOKEN_KEY_BYTES]);
/*  Returns ERROR_NONE, ERROR_UNAUTHENTICATED or ERROR_TOKEN_EXPIRED. `text` needs no NUL; `scratch` is for the claims (too much for a
    worker's stack). Cost: about 3 µs. */
error_code_t token_read (const token_key_t *key, const char *text, size_t count, uint64_t now_ms,
                         json_body_t *scratch, token_t *token);

/*  A decimal number without sign or leading zero, below 2^63. */
bool decimal_read (const char *text, uint64_t *number);

#endif
