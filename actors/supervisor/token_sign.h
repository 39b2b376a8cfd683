/*  Tokens made here with the instance's key: for load tests and for the command line's own calls. The same bytes as libjwt makes
    (the account actor): header {"alg":"HS256","typ":"JWT"}, claims sorted by name, no spaces. */

#ifndef MS_TOKEN_SIGN_H
#define MS_TOKEN_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIGNING_KEY_BYTES 32u
#define SIGNED_TOKEN_BYTES_MAX 512u

/*  64 hex characters to the key. */
bool token_sign_key (const char *hex, uint8_t *key);
/*  `username` and `role` are plain ASCII without quotes. Valid from now_s on for life_s. */
void token_sign (const uint8_t *key, uint64_t user_id, const char *username, const char *role,
                 uint64_t now_s, uint64_t life_s, char *token);

#endif
