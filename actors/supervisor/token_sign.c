#include "token_sign.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/*  base64url of {"alg":"HS256","typ":"JWT"} */
#define TOKEN_HEADER "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
#define BASE64URL sodium_base64_VARIANT_URLSAFE_NO_PADDING

bool
token_sign_key (const char *hex, uint8_t *key)
{
    size_t count;
    return sodium_hex2bin (key, SIGNING_KEY_BYTES, hex, strlen (hex), NULL, &count, NULL) == 0 &&
           count == SIGNING_KEY_BYTES;
}

void
token_sign (const uint8_t *key, uint64_t user_id, const char *username, const char *role,
            uint64_t now_s, uint64_t life_s, char *token)
{
    uint8_t id[16], mac[crypto_auth_hmacsha256_BYTES];
    char id_hex[sizeof id * 2 + 1], claims[300];
    randombytes_buf (id, sizeof id);
    sodium_bin2hex (id_hex, sizeof id_hex, id, sizeof id);
    int claim_count = snprintf (claims, sizeof claims,
                                "{\"exp\":%" PRIu64 ",\"iat\":%" PRIu64
                                ",\"jti\":\"%s\",\"name\":\"%.32s\",\"role\":\"%.16s\","
                                "\"sub\":\"%" PRIu64 "\"}",
                                now_s + life_s, now_s, id_hex, username, role, user_id);
    size_t used = strlen (TOKEN_HEADER);
    memcpy (token, TOKEN_HEADER ".", used + 1);
    sodium_bin2base64 (token + used + 1, SIGNED_TOKEN_BYTES_MAX - used - 1, (const uint8_t *)claims,
                       (size_t)claim_count, BASE64URL);
    used += 1 + strlen (token + used + 1);
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init (&state, key, SIGNING_KEY_BYTES);
    crypto_auth_hmacsha256_update (&state, (const uint8_t *)token, used);
    crypto_auth_hmacsha256_final (&state, mac);
    token[used] = '.';
    sodium_bin2base64 (token + used + 1, SIGNED_TOKEN_BYTES_MAX - used - 1, mac, sizeof mac,
                       BASE64URL);
}
