/*  Signatures of webhooks: only what was signed with the secret, lately, and written in the one form, is good. */

#include "signature.h"

#include "dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char s_secret[] = "a secret of any text";
static const char s_body[] = "{\"event_id\":\"e1\"}";
/*  Of Python: hmac.new (secret, b'1000.{"event_id":"e1"}', hashlib.sha256) */
#define HASH "9325d67c165900db4a82a9d219c1f2317ae910e60033989190ebb1e853bc337a"
#define GOOD "t=1000,v1=" HASH

static bool
s_is_good_of (const char *text, const char *body, size_t count, uint64_t now_s)
{
    signature_key_t key;
    signature_key_init (&key, s_secret);
    return signature_is_good (&key, text, body, count, now_s);
}

static bool
s_is_good (const char *text, uint64_t now_s)
{
    return s_is_good_of (text, s_body, sizeof s_body - 1, now_s);
}

static void
test_signatures_of_another_program_are_good (void **state)
{
    /* What Python signs is taken: text, nothing at all, and every byte from 1 to 255; digits in either case. */
    (void)state;
    char bytes[255], upper[sizeof GOOD];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i + 1);
    assert_true (s_is_good (GOOD, 1000));
    assert_true (s_is_good_of (
        "t=0,v1=8360bf4dfd43c07c7362644a07d52ed9d7fc71e44caf78435fed9084aca4d5eb", "", 0, 0));
    assert_true (s_is_good_of (
        "t=1700000000,v1=da41358a2fc87a43cf3c1a77cd16eb80e9c943b058ee2f125f02653fd6f2fd3f", bytes,
        sizeof bytes, 1700000000));
    memcpy (upper, GOOD, sizeof upper);
    for (char *c = upper + strlen ("t=1000,v1="); *c; c++)
        if (*c >= 'a')
            *c = (char)(*c - 32);
    assert_true (s_is_good (upper, 1000));
}

static void
test_signatures_hold_for_a_while (void **state)
{
    /* 300 seconds to either side of now, and not one more; whatever numbers are compared. */
    (void)state;
    assert_true (s_is_good (GOOD, 1300));
    assert_true (s_is_good (GOOD, 700));
    assert_false (s_is_good (GOOD, 1301));
    assert_false (s_is_good (GOOD, 699));
    assert_false (s_is_good (GOOD, 0));
    assert_false (s_is_good (GOOD, UINT64_MAX));
}

static void
test_every_changed_byte_is_noticed (void **state)
{
    /* No body, secret or signature with any one bit changed, cut or added is good. */
    (void)state;
    char body[sizeof s_body], text[sizeof GOOD + 1];
    for (size_t i = 0; i < sizeof s_body - 1; i++)
        for (int bit = 0; bit < 8; bit++) {
            memcpy (body, s_body, sizeof body);
            body[i] = (char)(body[i] ^ 1 << bit);
            assert_false (s_is_good_of (GOOD, body, sizeof s_body - 1, 1000));
        }
    assert_false (s_is_good_of (GOOD, s_body, sizeof s_body - 2, 1000));
    assert_false (s_is_good_of (GOOD, s_body, sizeof s_body, 1000));
    for (size_t i = 0; i < sizeof GOOD - 1; i++) {
        memcpy (text, GOOD, sizeof GOOD);
        text[i] = text[i] == '1' ? '2' : '1';
        assert_false (s_is_good (text, 1000));
        memcpy (text, GOOD, sizeof GOOD);
        text[i] = 0;
        assert_false (s_is_good (text, 1000));
    }
    signature_key_t other;
    signature_key_init (&other, "a secret of any tex");
    assert_false (signature_is_good (&other, GOOD, s_body, sizeof s_body - 1, 1000));
}

static void
test_there_is_one_form (void **state)
{
    /* Other orders, blanks, signs, more members and more versions are no signature, even if there is a good one among them. */
    (void)state;
    static const char *const wrong[] = { "",
                                         "t=",
                                         "t=1000",
                                         "t=1000,",
                                         "t=1000,v1=",
                                         "v1=" HASH,
                                         "v1=" HASH ",t=1000",
                                         HASH,
                                         " " GOOD,
                                         GOOD " ",
                                         GOOD ",",
                                         GOOD ",v1=" HASH,
                                         GOOD "," GOOD,
                                         "t=1000, v1=" HASH,
                                         "t=1000;v1=" HASH,
                                         "T=1000,v1=" HASH,
                                         "t=1000,V1=" HASH,
                                         "t=1000,v0=" HASH,
                                         "t=+1000,v1=" HASH,
                                         "t=-1000,v1=" HASH,
                                         "t=1000.0,v1=" HASH,
                                         "t=0x3e8,v1=" HASH,
                                         "t=1e3,v1=" HASH,
                                         "t=01000,v1=" HASH,
                                         "t=1000000000000,v1=" HASH,
                                         "t=18446744073709552616,v1=" HASH,
                                         "t=1000,v1=0x" HASH,
                                         "t=1000,v1=" HASH "00",
                                         "sha256=" HASH };
    assert_false (s_is_good (NULL, 1000));
    assert_false (
        s_is_good ("t=,v1=f026451d9e33a0dbc365017057e37d63a46f77dafd41755a6def2215c954e9d9", 0));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (s_is_good (wrong[i], 1000))
            fail_msg ("good: %s", wrong[i]);
}

/*  A good header with some of its letters changed, doubled or left out; seldom none. */
static size_t
s_mutate (dice_t *dice, char *text)
{
    static const char letters[] = "t=,v10123456789abcdefABCDEF -+.;\t\x80\xff";
    size_t count = 0, changes = dice_roll (dice, 4);
    for (const char *c = GOOD; *c; c++) {
        bool is_changed = changes > 0 && dice_roll (dice, 20) == 0;
        changes -= is_changed;
        switch (is_changed ? dice_roll (dice, 3) : 3) {
        case 0:
            text[count++] = letters[dice_roll (dice, sizeof letters - 1)];
            break;
        case 1:
            text[count++] = *c;
            text[count++] = *c;
            break;
        case 2:
            break;
        default:
            text[count++] = *c;
        }
    }
    text[count] = 0;
    return count;
}

static void
test_no_garbage_is_a_signature (void **state)
{
    /* Of 300,000 headers, each in memory of just its size, good are those and only those that differ in nothing but the case of hex digits. */
    (void)state;
    char text[2 * sizeof GOOD];
    size_t good = 0, bad = 0;
    dice_t dice = dice_seeded (20);
    for (size_t i = 0; i < 300000; i++) {
        size_t count = s_mutate (&dice, text);
        char *exact = malloc (count + 1);
        assert_non_null (exact);
        memcpy (exact, text, count + 1);
        bool is_same = strncmp (exact, GOOD, strlen ("t=1000,v1=")) == 0;
        for (size_t j = 0; is_same && j <= count; j++)
            is_same = exact[j] == GOOD[j] ||
                      (exact[j] >= 'A' && exact[j] <= 'F' && exact[j] + 32 == GOOD[j]);
        assert_int_equal (s_is_good (exact, 1000), is_same);
        good += is_same;
        bad += !is_same;
        free (exact);
    }
    assert_true (good > 10000 && bad > 100000);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_signatures_of_another_program_are_good),
        cmocka_unit_test (test_signatures_hold_for_a_while),
        cmocka_unit_test (test_every_changed_byte_is_noticed),
        cmocka_unit_test (test_there_is_one_form),
        cmocka_unit_test (test_no_garbage_is_a_signature),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
