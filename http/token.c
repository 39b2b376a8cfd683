#include "token.h"

#include "trace.h"

#include <string.h>

/*  {"alg":"HS256","typ":"JWT"} as libjwt writes it. Any other header is refused unread: there is no algorithm to choose. */
static const char s_header[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";
#define HEADER_COUNT_BYTES (sizeof s_header - 1)
#define SIGNATURE_COUNT 43u /* 32 bytes in base64url without padding */

void
token_key_init (token_key_t *self, const uint8_t key[TOKEN_KEY_BYTES])
{
    crypto_auth_hmacsha256_init (&self->keyed, key, TOKEN_KEY_BYTES);
}

static bool
s_decode (const char *text, size_t count, uint8_t *bytes, size_t bytes_max, size_t *bytes_count)
{
    return sodium_base642bin (bytes, bytes_max, text, count, NULL, bytes_count, NULL,
                              sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0;
}

static bool
s_is_signed (const token_key_t *key, const char *text, size_t signed_count)
{
    uint8_t given[crypto_auth_hmacsha256_BYTES], made[crypto_auth_hmacsha256_BYTES];
    size_t count;
    if (!s_decode (text + signed_count + 1, SIGNATURE_COUNT, given, sizeof given, &count) ||
        count != sizeof given)
        return false;
    crypto_auth_hmacsha256_state state = key->keyed;
    crypto_auth_hmacsha256_update (&state, (const uint8_t *)text, signed_count);
    crypto_auth_hmacsha256_final (&state, made);
    return sodium_memcmp (given, made, sizeof made) == 0;
}

bool
decimal_read (const char *text, uint64_t *number)
{
    uint64_t value = 0;
    size_t count = strspn (text, "0123456789");
    if (count == 0 || count > 18 || text[count] || (text[0] == '0' && count > 1))
        return false;
    for (; *text; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    *number = value;
    return true;
}

/*  A user_id may have 19 digits: random, below 2^63. */
static bool
s_read_user_id (const char *text, uint64_t *user_id)
{
    uint64_t value = 0;
    size_t count = strspn (text, "0123456789");
    if (count == 0 || count > 19 || text[count] || text[0] == '0')
        return false;
    for (; *text; text++) {
        value = value * 10 + (uint64_t)(*text - '0');
        if (value > INT64_MAX)
            return false;
    }
    *user_id = value;
    return true;
}

/*  Only claims that we signed ourselves come here. Claims of later releases are skipped. */
static bool
s_read_claims (const uint8_t *bytes, size_t count, json_body_t *scratch, token_t *token)
{
    char user_id[21], token_id[33];
    fields_t fields;
    if (!json_body_parse (scratch, (const char *)bytes, count))
        return false;
    fields_open (&fields, scratch);
    fields_text (&fields, "sub", FIELD_REQUIRED, 1, 20, user_id);
    fields_text (&fields, "name", FIELD_REQUIRED, 0, 32, token->username);
    fields_text (&fields, "role", FIELD_REQUIRED, 1, 16, token->role);
    fields_text (&fields, "jti", FIELD_REQUIRED, 32, 32, token_id);
    token->issued_s = fields_number (&fields, "iat", FIELD_REQUIRED, 0, INT64_MAX, 0);
    token->expires_s = fields_number (&fields, "exp", FIELD_REQUIRED, 0, INT64_MAX, 0);
    return !fields.is_wrong && s_read_user_id (user_id, &token->user_id) &&
           hex_read (token_id, token->token_id, sizeof token->token_id);
}

error_code_t
token_read (const token_key_t *key, const char *text, size_t count, uint64_t now_ms,
            json_body_t *scratch, token_t *token)
{
    uint8_t claims[TOKEN_BYTES_MAX];
    size_t claims_count;
    if (count > TOKEN_BYTES_MAX || count < HEADER_COUNT_BYTES + 1 + SIGNATURE_COUNT ||
        memcmp (text, s_header, HEADER_COUNT_BYTES) != 0)
        return ERROR_UNAUTHENTICATED;
    size_t signed_count = count - SIGNATURE_COUNT - 1;
    if (text[signed_count] != '.' || !s_is_signed (key, text, signed_count))
        return ERROR_UNAUTHENTICATED;
    if (!s_decode (text + HEADER_COUNT_BYTES, signed_count - HEADER_COUNT_BYTES, claims,
                   sizeof claims, &claims_count) ||
        !s_read_claims (claims, claims_count, scratch, token))
        return ERROR_UNAUTHENTICATED;
    return now_ms / 1000 >= token->expires_s ? ERROR_TOKEN_EXPIRED : ERROR_NONE;
}
