/*  A call as the words of a Redis command. Nothing is copied but numbers: keys, fields and positions have to stay until it is sent. */

#ifndef MS_REDIS_WORDS_H
#define MS_REDIS_WORDS_H

#include "schema.h"

/*  Room for the longest call: rows of a rebuild page with all their fields, and a few words before them. */
#define REDIS_WORDS_MAX (CALL_ROWS_MAX * 16 + 16)
#define REDIS_RUN_ID_BYTES 40u
/*  A read of journals waits so long for the first entry. */
#define REDIS_JOURNAL_WAIT_MS 250u

typedef struct redis_words_t {
    const char *words[REDIS_WORDS_MAX];
    size_t lengths[REDIS_WORDS_MAX];
    size_t count;
    char digits[REDIS_WORDS_MAX][24]; /* the texts of numbers */
} redis_words_t;

typedef char redis_journal_name_t[64];
typedef char redis_journal_id_t[48];

/*  EVALSHA of the call's script on the gate of the sale that the first entry names, after the words that are there. `key` receives the
    gate's key; `run_id` has REDIS_RUN_ID_BYTES: the script compares it with the run of Redis that installed the gate. */
void redis_words_of_script (redis_words_t *self, const call_t *call, const void *entries,
                            size_t count, const char *run_id, char *key, size_t key_bytes);
/*  XREAD of several journals, from their positions on; waits a moment when nothing is there. `names` and `ids` have room for `count`. */
void redis_words_of_journal_read (redis_words_t *self, const journal_position_t *positions,
                                  size_t count, redis_journal_name_t *names,
                                  redis_journal_id_t *ids);

#endif
