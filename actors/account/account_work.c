#include "account_work.h"

#include "params_load.h"

#include <jwt.h>
#include <sodium.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOKEN_KEY_BYTES 32u
#define TOKEN_ID_BYTES 16u

typedef struct account_work_t {
    unsigned char token_key[TOKEN_KEY_BYTES];
    uint64_t token_life_s;
} account_work_t;

void *
account_work_context (const params_t *params)
{
    char hex[2 * TOKEN_KEY_BYTES + 4]; /* a line end may follow */
    static account_work_t context;
    if (sodium_init () < 0 || !instance_secret (params, "secrets/token-key", hex, sizeof hex))
        return NULL;
    size_t bytes = 0;
    int status = sodium_hex2bin (context.token_key, sizeof context.token_key, hex, strlen (hex),
                                 NULL, &bytes, NULL);
    sodium_memzero (hex, sizeof hex);
    if (status != 0 || bytes != TOKEN_KEY_BYTES)
        return NULL;
    context.token_life_s = params->token_hours * 3600;
    return &context;
}

static bool
s_hash (const password_check_t *asked, password_check_t *result)
{
    size_t bytes = strlen (asked->password);
    *result = (password_check_t){ 0 };
    if (asked->password_hash[0]) {
        result->matches =
            crypto_pwhash_str_verify (asked->password_hash, asked->password, bytes) == 0;
        return true;
    }
    _Static_assert(crypto_pwhash_STRBYTES <= sizeof result->password_hash,
                   "a hash fits in its field");
    return crypto_pwhash_str (result->password_hash, asked->password, bytes,
                              crypto_pwhash_OPSLIMIT_INTERACTIVE,
                              crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0;
}

/*  0 if all grants could be set. */
static int
s_add_grants (jwt_t *jwt, const account_t *account, time_t now_s, time_t end_s)
{
    char subject[24], token_id[2 * TOKEN_ID_BYTES + 1];
    unsigned char random[TOKEN_ID_BYTES];
    randombytes_buf (random, sizeof random);
    sodium_bin2hex (token_id, sizeof token_id, random, sizeof random);
    snprintf (subject, sizeof subject, "%" PRIu64, account->user_id);
    int failed = jwt_add_grant (jwt, "sub", subject);
    failed |= jwt_add_grant (jwt, "name", account->username);
    failed |= jwt_add_grant (jwt, "role", account->role);
    failed |= jwt_add_grant (jwt, "jti", token_id);
    failed |= jwt_add_grant_int (jwt, "iat", now_s);
    return failed | jwt_add_grant_int (jwt, "exp", end_s);
}

static bool
s_encode (const account_work_t *self, jwt_t *jwt, session_t *session)
{
    if (jwt_set_alg (jwt, JWT_ALG_HS256, self->token_key, TOKEN_KEY_BYTES) != 0)
        return false;
    char *text = jwt_encode_str (jwt);
    if (!text)
        return false;
    size_t bytes = strlen (text);
    bool fits = bytes < sizeof session->access_token;
    if (fits)
        memcpy (session->access_token, text, bytes + 1);
    free (text);
    return fits;
}

static bool
s_issue (const account_work_t *self, const account_t *account, session_t *session)
{
    jwt_t *jwt = NULL;
    time_t now_s = time (NULL);
    time_t end_s = now_s + (time_t)self->token_life_s;
    if (jwt_new (&jwt) != 0)
        return false;
    *session = (session_t){ .user_id = account->user_id, .expires_at_ms = (uint64_t)end_s * 1000 };
    memcpy (session->username, account->username, sizeof session->username);
    memcpy (session->role, account->role, sizeof session->role);
    bool is_made = s_add_grants (jwt, account, now_s, end_s) == 0 && s_encode (self, jwt, session);
    jwt_free (jwt);
    return is_made;
}

bool
account_work (void *context, call_name_t call, const void *argument, void *result)
{
    if (call == CALL_PASSWORD_HASH)
        return s_hash (argument, result);
    if (call == CALL_TOKEN_ISSUE)
        return s_issue (context, argument, result);
    return false;
}
