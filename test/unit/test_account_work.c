/*  The account program's worker: argon2id and JWT, against libsodium and the exact bytes that edges check. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "account_work.h"
#include "params_load.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

static const char *s_key_hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/*  The shell's function, with the test's own key. */
bool
instance_secret (const params_t *params, const char *name, char *text, size_t text_bytes)
{
    (void)params;
    assert_string_equal (name, "secrets/token-key");
    assert_true (text_bytes > 65); /* room for the line end of the file */
    if (!s_key_hex)
        return false;
    snprintf (text, text_bytes, "%s", s_key_hex);
    return true;
}

static void *
s_context (void)
{
    params_t params;
    params_set_defaults (&params);
    return account_work_context (&params);
}

/*  A missing, short or malformed key is no context: the program does not start with it. */
static void
test_key (void **state)
{
    (void)state;
    static const char *const bad[] = {
        NULL, "00", "zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    };
    const char *good = s_key_hex;
    for (size_t i = 0; i < 3; i++) {
        s_key_hex = bad[i];
        assert_null (s_context ());
    }
    s_key_hex = good;
    assert_non_null (s_context ());
}

/*  A hash matches its own password only; two hashes of one password differ; a check that is no hash does not match. */
static void
test_passwords (void **state)
{
    (void)state;
    void *context = s_context ();
    password_check_t asked = { .password = "correct horse" }, first, second, result;
    assert_true (account_work (context, CALL_PASSWORD_HASH, &asked, &first));
    assert_true (account_work (context, CALL_PASSWORD_HASH, &asked, &second));
    assert_int_equal (strncmp (first.password_hash, "$argon2id$", 10), 0);
    assert_string_not_equal (first.password_hash, second.password_hash);
    memcpy (asked.password_hash, first.password_hash, sizeof asked.password_hash);
    assert_true (account_work (context, CALL_PASSWORD_HASH, &asked, &result));
    assert_int_equal (result.matches, 1);
    snprintf (asked.password, sizeof asked.password, "correct horsf");
    assert_true (account_work (context, CALL_PASSWORD_HASH, &asked, &result));
    assert_int_equal (result.matches, 0);
    snprintf (asked.password_hash, sizeof asked.password_hash, "not a hash");
    assert_true (account_work (context, CALL_PASSWORD_HASH, &asked, &result));
    assert_int_equal (result.matches, 0);
}

static void
s_decode (const char *segment, size_t bytes, char *text, size_t text_bytes)
{
    size_t count;
    assert_int_equal (sodium_base642bin ((unsigned char *)text, text_bytes - 1, segment, bytes,
                                         NULL, &count, NULL,
                                         sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                      0);
    text[count] = 0;
}

/*  A token: the one header that edges accept, signed with the instance's key, claims with the right names, forms and times, and a
    token id that is never the same. */
static void
test_token (void **state)
{
    (void)state;
    void *context = s_context ();
    account_t account = { .user_id = 9223372036854775807u, .username = "ada", .role = "shopper" };
    session_t session, again;
    uint64_t before_s = (uint64_t)time (NULL);
    assert_true (account_work (context, CALL_TOKEN_ISSUE, &account, &session));
    assert_true (account_work (context, CALL_TOKEN_ISSUE, &account, &again));
    assert_string_not_equal (session.access_token, again.access_token);
    const char *first = strchr (session.access_token, '.'),
               *last = strrchr (session.access_token, '.');
    char text[1024], wanted[200];
    s_decode (session.access_token, (size_t)(first - session.access_token), text, sizeof text);
    assert_string_equal (text, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
    s_decode (first + 1, (size_t)(last - first - 1), text, sizeof text);
    assert_non_null (strstr (text, "\"sub\":\"9223372036854775807\""));
    assert_non_null (strstr (text, "\"name\":\"ada\""));
    assert_non_null (strstr (text, "\"role\":\"shopper\""));
    uint64_t issued_s = session.expires_at_ms / 1000 - 24 * 3600;
    assert_in_range (issued_s, before_s, before_s + 2);
    snprintf (wanted, sizeof wanted, "\"iat\":%llu", (unsigned long long)issued_s);
    assert_non_null (strstr (text, wanted));
    snprintf (wanted, sizeof wanted, "\"exp\":%llu",
              (unsigned long long)session.expires_at_ms / 1000);
    assert_non_null (strstr (text, wanted));
    const char *token_id = strstr (text, "\"jti\":\"");
    assert_non_null (token_id);
    assert_int_equal (strspn (token_id + 7, "0123456789abcdef"), 32);
    unsigned char key[32], signature[32], mac[crypto_auth_hmacsha256_BYTES];
    for (size_t i = 0; i < 32; i++)
        key[i] = (unsigned char)i;
    s_decode (last + 1, strlen (last + 1), text, sizeof text);
    memcpy (signature, text, sizeof signature);
    crypto_auth_hmacsha256 (mac, (const unsigned char *)session.access_token,
                            (size_t)(last - session.access_token), key);
    assert_memory_equal (mac, signature, sizeof mac);
}

/*  The longest names fit; what the worker does not know is refused. */
static void
test_limits (void **state)
{
    (void)state;
    void *context = s_context ();
    account_t account = { .user_id = 1 };
    session_t session;
    memset (account.username, '"', sizeof account.username - 1);
    memset (account.role, 'r', sizeof account.role - 1);
    assert_true (account_work (context, CALL_TOKEN_ISSUE, &account, &session));
    assert_true (strlen (session.access_token) < 512);
    assert_false (account_work (context, CALL_GATE_STAT, &account, &session));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_key),
        cmocka_unit_test (test_passwords),
        cmocka_unit_test (test_token),
        cmocka_unit_test (test_limits),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
