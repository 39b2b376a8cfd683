/*  tokens */

#include "clock.h"
#include "console.h"
#include "instance.h"
#include "params_load.h"
#include "token_sign.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define TOKENS_MAX 10000000ul

int
console_tokens (int argc, char **argv)
{
    static instance_t instance;
    char reason[REASON_BYTES], hex[128], token[SIGNED_TOKEN_BYTES_MAX], name[40], *end = NULL;
    uint8_t key[SIGNING_KEY_BYTES];
    unsigned long count =
        argc == 2 && argv[1][0] >= '0' && argv[1][0] <= '9' ? strtoul (argv[1], &end, 10) : 0;
    if (!end || *end || count == 0 || count > TOKENS_MAX)
        return console_usage ("tokens");
    if (!instance_find (&instance, reason))
        return console_fail ("%s", reason);
    if (!instance_secret (&instance.params, "secrets/token-key", hex, sizeof hex) ||
        !token_sign_key (hex, key))
        return console_fail ("there is no instance in %s, or you may not read its secrets",
                             instance.asked);
    uint64_t now_s = clock_wall_ms () / 1000;
    for (unsigned long i = 0; i < count; i++) {
        uint64_t user_id;
        randombytes_buf (&user_id, sizeof user_id);
        user_id = (user_id >> 1) | 1;
        snprintf (name, sizeof name, "shopper-%" PRIu64, user_id);
        token_sign (key, user_id, name, "shopper", now_s, instance.params.token_hours * 3600,
                    token);
        puts (token);
    }
    sodium_memzero (key, sizeof key);
    return EXIT_DONE;
}
