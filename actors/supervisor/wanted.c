#include "wanted.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t
wanted_max (uint64_t kind)
{
    return kind == KIND_PROVIDER ? 1 : WANTED_MAX;
}

static bool
s_parse_word (wanted_t *self, const char *word, size_t word_bytes, char *reason,
              size_t reason_bytes)
{
    char text[40] = "";
    if (word_bytes < sizeof text)
        memcpy (text, word, word_bytes);
    char *equals = strchr (text, '=');
    if (!equals || equals[1] < '0' || equals[1] > '9') {
        snprintf (reason, reason_bytes, "'%.*s' is not KIND=N", (int)word_bytes, word);
        return false;
    }
    *equals = 0;
    kind_t kind = kind_by_name (text);
    if (!kind_is_actor (kind)) {
        snprintf (reason, reason_bytes,
                  "there is no kind '%s': edge limiter seckill broker ordering inventory account "
                  "provider",
                  text);
        return false;
    }
    char *end;
    unsigned long count = strtoul (equals + 1, &end, 10);
    if (*end || count > wanted_max (kind)) {
        snprintf (reason, reason_bytes, "%s=%s: the count of %s is a number from 0 to %" PRIu64,
                  text, equals + 1, text, wanted_max (kind));
        return false;
    }
    self->counts[kind] = count;
    return true;
}

bool
wanted_parse (wanted_t *self, const char *text, char *reason, size_t reason_bytes)
{
    static const char separators[] = " \t\r\n";
    wanted_t parsed = *self;
    for (;;) {
        text += strspn (text, separators);
        size_t word_bytes = strcspn (text, separators);
        if (word_bytes == 0)
            break;
        if (!s_parse_word (&parsed, text, word_bytes, reason, reason_bytes))
            return false;
        text += word_bytes;
    }
    *self = parsed;
    return true;
}

size_t
wanted_print (const wanted_t *self, char *text, size_t text_bytes)
{
    size_t used = 0;
    for (uint64_t kind = 0; kind < KIND_COUNT; kind++) {
        if (!kind_is_actor (kind))
            continue;
        int n = snprintf (used < text_bytes ? text + used : NULL,
                          used < text_bytes ? text_bytes - used : 0, "%s%s=%" PRIu64,
                          used ? " " : "", kind_name (kind), self->counts[kind]);
        used += (size_t)n;
    }
    return used;
}
