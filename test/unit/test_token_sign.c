/*  Tokens that the command line signs: libjwt is the oracle. */

#include "token_sign.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jwt.h>
#include <sodium.h>

#include <cmocka.h>

static const char s_hex[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/*  libjwt, given the same claims, makes the same bytes. */
static void
test_same_bytes_as_libjwt (void **state)
{
    (void)state;
    uint8_t key[SIGNING_KEY_BYTES];
    char token[SIGNED_TOKEN_BYTES_MAX];
    assert_true (token_sign_key (s_hex, key));
    uint64_t now_s = (uint64_t)time (NULL);
    for (uint64_t user_id = 1; user_id < UINT64_MAX / 4; user_id = user_id * 3 + 1) {
        char name[40];
        jwt_t *jwt = NULL;
        snprintf (name, sizeof name, "shopper-%" PRIu64, user_id);
        token_sign (key, user_id, name, "shopper", now_s, 3600, token);
        assert_int_equal (jwt_decode (&jwt, token, key, sizeof key), 0);
        assert_int_equal (jwt_get_alg (jwt), JWT_ALG_HS256);
        assert_int_equal (strtoull (jwt_get_grant (jwt, "sub"), NULL, 10), user_id);
        assert_string_equal (jwt_get_grant (jwt, "name"), name);
        assert_string_equal (jwt_get_grant (jwt, "role"), "shopper");
        assert_int_equal (strlen (jwt_get_grant (jwt, "jti")), 32);
        assert_int_equal (jwt_get_grant_int (jwt, "exp"), (long)now_s + 3600);
        assert_int_equal (jwt_get_grant_int (jwt, "iat"), (long)now_s);
        char *same = jwt_encode_str (jwt);
        assert_string_equal (same, token);
        free (same);
        jwt_free (jwt);
    }
}

/*  Another key, or one changed character, and libjwt refuses it. */
static void
test_signature_counts (void **state)
{
    (void)state;
    uint8_t key[SIGNING_KEY_BYTES], other[SIGNING_KEY_BYTES];
    char token[SIGNED_TOKEN_BYTES_MAX];
    jwt_t *jwt = NULL;
    assert_true (token_sign_key (s_hex, key));
    token_sign (key, 7, "console", "operator", (uint64_t)time (NULL), 60, token);
    memcpy (other, key, sizeof other);
    other[31] ^= 1;
    assert_int_not_equal (jwt_decode (&jwt, token, other, sizeof other), 0);
    char *claims = strchr (token, '.') + 1;
    claims[5] = claims[5] == 'a' ? 'b' : 'a';
    assert_int_not_equal (jwt_decode (&jwt, token, key, sizeof key), 0);
}

/*  A key is 64 hex characters and nothing else. */
static void
test_key_text (void **state)
{
    (void)state;
    uint8_t key[SIGNING_KEY_BYTES];
    char shorter[sizeof s_hex], wrong[sizeof s_hex];
    memcpy (shorter, s_hex, sizeof s_hex);
    memcpy (wrong, s_hex, sizeof s_hex);
    shorter[62] = 0;
    wrong[10] = 'x';
    assert_false (token_sign_key ("", key));
    assert_false (token_sign_key (shorter, key));
    assert_false (token_sign_key (wrong, key));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_same_bytes_as_libjwt),
        cmocka_unit_test (test_signature_counts),
        cmocka_unit_test (test_key_text),
    };
    return sodium_init () < 0 ? 1 : cmocka_run_group_tests (tests, NULL, NULL);
}
