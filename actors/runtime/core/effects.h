/*  What a step wants done, collected in memory that was allocated once. The shell carries it out after the
    step, in order.

    A core opens a SEND or a CALL and then appends entries to it; the entries are zeroed structs of the
    message's (or call's) record. Pointers that these functions return are valid until the next effects_… call
    that opens or appends. */

#ifndef MS_EFFECTS_H
#define MS_EFFECTS_H

#include "schema.h"

#include <stdarg.h>

typedef struct address_t {
    uint64_t kind;        /* kind_t */
    uint64_t number;      /* from 1 */
    uint64_t incarnation; /* 0 = whoever is there */
} address_t;

typedef enum effect_type_t {
    EFFECT_SEND,
    EFFECT_CALL,
    EFFECT_LOG,
    EFFECT_COUNT,   /* adds `value` to a counter */
    EFFECT_GAUGE,   /* sets a gauge */
    EFFECT_OBSERVE, /* puts `value` (µs, or what the metric counts) in a histogram */
} effect_type_t;

typedef enum log_level_t {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
} log_level_t;

typedef struct effect_t {
    effect_type_t type;
    /*  SEND: the receiver is header.to_*; the shell fills protocol, message_id, from_*, sent_us, count */
    header_t header;
    /* SEND, CALL */
    const record_t *record; /* of the entries */
    void *entries;          /* in the arena */
    size_t count;
    /* CALL */
    call_name_t call;
    uint64_t tag; /* the core's own number; its RESULT brings it back */
    /* LOG */
    log_level_t level;
    const char *event;  /* snake_case, a literal */
    const char *detail; /* in the arena */
    /* COUNT, GAUGE, OBSERVE */
    metric_name_t metric;
    uint64_t label;
    int64_t value;
} effect_t;

typedef struct effects_t effects_t;

/*  Room for what one step may want. Both limits are checked: a core that passes them is wrong. */
#define EFFECTS_MAX 2048u
#define EFFECTS_ARENA_BYTES (8u * 1024u * 1024u)

effects_t *effects_new (void);
void effects_destroy (effects_t **self_p);
void effects_clear (effects_t *self);

size_t effects_count (const effects_t *self);
const effect_t *effects_at (const effects_t *self, size_t index);

/*  Opens a message to one process. Returns the header, for batch_id, attempt, cause, trace and the like. */
header_t *effects_send (effects_t *self, address_t to, message_type_t type);
/*  Opens the answer to a message: to its sender, with its batch_id and trace, and its message_id as cause. */
header_t *effects_reply (effects_t *self, const header_t *to, message_type_t type);
/*  The whole answer to a question by an OUTCOME. `detail` may be NULL; retry_after_ms 0 = the error's
    default. */
void effects_reply_outcome (effects_t *self, const header_t *to, error_code_t code,
                            const char *detail, uint64_t retry_after_ms);
/*  Opens a store call. */
void effects_call (effects_t *self, call_name_t call, uint64_t tag);
/*  Appends a zeroed entry to the SEND or CALL opened last; `record` must be its record. */
void *effects_entry (effects_t *self, const record_t *record);
/*  Entries of the SEND or CALL opened last. */
size_t effects_entry_count (const effects_t *self);

void effects_log (effects_t *self, log_level_t level, const char *event, const char *format, ...)
    __attribute__ ((format (printf, 4, 5)));
void effects_add (effects_t *self, metric_name_t metric, uint64_t label, int64_t delta);
void effects_gauge (effects_t *self, metric_name_t metric, uint64_t label, int64_t value);
void effects_observe (effects_t *self, metric_name_t metric, int64_t value);

/*  One line per effect, for tests and traces: `send edge/1 VERDICT batch=7 [{"qid":1,"code":33}]`, `call
    gate_reserve tag=3 [{…}]`, `log info gate_opened sale=1`, `add minishop_limited_total{sold_out} 1`. COUNT,
    GAUGE and OBSERVE lines only if `with_metrics`. Returns the length, as snprintf. */
size_t effects_dump (const effects_t *self, bool with_metrics, char *text, size_t text_bytes);

#endif
