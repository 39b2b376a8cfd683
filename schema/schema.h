/*  The contracts as C: structs, tables and numbers made from the .def files. Nothing here does I/O or allocates.

    record_t   describes one flat struct: its fields with tag, offset and kind. Four codecs walk it: msgpack (codec.h), SQL arrays and
               Lua arguments (runtime/shell), JSON for people (json_dump.h).
    message_t  a number, a name and the record of its entries.
    call_t     a named store call with its argument and result records. */

#ifndef MS_SCHEMA_H
#define MS_SCHEMA_H

#include "wire_limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* -------------------------------------------------------------------------- numbers with names */

typedef enum kind_t {
    KIND_NONE,
    KIND_EDGE,
    KIND_LIMITER,
    KIND_SECKILL,
    KIND_BROKER,
    KIND_ORDERING,
    KIND_INVENTORY,
    KIND_ACCOUNT,
    KIND_SUPERVISOR,
    KIND_CONSOLE,  /* the command line: has an inbox, is not in the directory */
    KIND_CLIENT,   /* inside an edge: the HTTP request that waits; never on the wire */
    KIND_PROVIDER, /* takes payments and tells by webhook what became of them */
    KIND_COUNT
} kind_t;

typedef enum process_state_t {
    STATE_NONE,
    STATE_STARTING,
    STATE_READY,
    STATE_DRAINING
} process_state_t;

typedef enum sale_state_t {
    SALE_NONE,
    SALE_DRAFT,
    SALE_OPEN,
    SALE_PAUSED,
    SALE_ENDED
} sale_state_t;

typedef enum order_status_t {
    ORDER_NONE,
    ORDER_RESERVED, /* known to the gate only; never a row */
    ORDER_PENDING_PAYMENT,
    ORDER_PAID,
    ORDER_CANCELLED,
    ORDER_EXPIRED,
    ORDER_REJECTED,
    ORDER_REFUNDED
} order_status_t;

typedef enum payment_status_t {
    PAYMENT_NONE,
    PAYMENT_PENDING,
    PAYMENT_CAPTURED,
    PAYMENT_DECLINED,
    PAYMENT_REFUND_DUE, /* captured, and not wanted any more */
    PAYMENT_REFUNDED
} payment_status_t;

typedef enum dead_state_t {
    DEAD_NONE,
    DEAD_OPEN,
    DEAD_REQUEUEING, /* an operator wants the order: to be carried on until it is decided */
    DEAD_REQUEUED,
    DEAD_DISCARDED
} dead_state_t;

typedef enum stock_state_t {
    STOCK_NONE,
    STOCK_BEGUN, /* to be carried on until it is decided */
    STOCK_DONE,
    STOCK_REFUSED
} stock_state_t;

/*  What a record `tally` counts. */
typedef enum tally_what_t {
    TALLY_NONE,
    TALLY_ANSWERED, /* purchases, by code */
    TALLY_TOOK,     /* purchases answered in the last seconds, by their time */
    TALLY_WAITING,  /* purchases that wait for their answer */
    TALLY_P50_US,   /* of those that TOOK counts; inside an edge only */
    TALLY_P99_US
} tally_what_t;

/*  Bits of sale.mask. */
typedef enum sale_field_t {
    SALE_HAS_TITLE = 1,
    SALE_HAS_DESCRIPTION = 2,
    SALE_HAS_IMAGE_URL = 4,
    SALE_HAS_PRICE_CENTS = 8,
    SALE_HAS_ENDS_AT_MS = 16,
    SALE_HAS_LIVE = 31, /* what may be changed while a sale is live; below: drafts only */
    SALE_HAS_PRODUCT_ID = 32,
    SALE_HAS_LIST_PRICE_CENTS = 64,
    SALE_HAS_CURRENCY = 128,
    SALE_HAS_STOCK_TOTAL = 256,
    SALE_HAS_STARTS_AT_MS = 512,
    SALE_HAS_PER_USER_LIMIT = 1024,
    SALE_HAS_PAY_WITHIN_S = 2048
} sale_field_t;

/*  What a breaker guards: the kind of a stage, or a store. Labels of the breakers' metrics. */
typedef enum dependency_t { DEPENDENCY_REDIS = 32, DEPENDENCY_POSTGRES = 33 } dependency_t;

typedef enum breaker_state_t {
    BREAKER_CLOSED,
    BREAKER_HALF_OPEN, /* one request tries */
    BREAKER_OPEN       /* nothing is asked */
} breaker_state_t;

typedef enum limit_level_t {
    LIMIT_NONE,
    LIMIT_IP,
    LIMIT_USER,
    LIMIT_SALE,
    LIMIT_GLOBAL
} limit_level_t;

typedef enum error_code_t {
#define ERROR(number, NAME, code, http_status, retryable, retry_after_ms, title)                   \
    ERROR_##NAME = number,
#include "errors.def"
#undef ERROR
    ERROR_NUMBERS = 80 /* above the highest: size of tables by error */
} error_code_t;

/* -------------------------------------------------------------------------- structs of the records */

#define RECORD(record, prose) typedef struct record##_t {
#define U64(record, tag, field, prose) uint64_t field;
#define I64(record, tag, field, prose) int64_t field;
#define BYTES(record, tag, field, n, prose) uint8_t field[n];
#define TEXT(record, tag, field, n, prose) char field[(n) + 1];
#define SECRET(record, tag, field, n, prose) char field[(n) + 1];
#define END(record)                                                                                \
    }                                                                                              \
    record##_t;
#define MESSAGE(number, NAME, record, from_to, prose)
#include "messages.def"
#undef RECORD
#undef U64
#undef I64
#undef BYTES
#undef TEXT
#undef SECRET
#undef END
#undef MESSAGE

/* -------------------------------------------------------------------------- tables */

typedef enum field_kind_t {
    FIELD_U64,
    FIELD_I64,
    FIELD_BYTES,
    FIELD_TEXT,
    FIELD_SECRET
} field_kind_t;

typedef struct field_t {
    uint8_t tag;
    field_kind_t kind;
    size_t offset;     /* in the struct */
    size_t size_bytes; /* BYTES: exactly; TEXT and SECRET: at most, without the NUL; numbers: 8 */
    const char *name;
    const char *prose;
} field_t;

typedef struct record_t {
    const char *name;
    const char *prose;
    size_t size_bytes; /* of the struct */
    const field_t *fields;
    size_t field_count;
} record_t;

#define RECORD(record, prose) extern const record_t record_##record;
#define U64(record, tag, field, prose)
#define I64(record, tag, field, prose)
#define BYTES(record, tag, field, n, prose)
#define TEXT(record, tag, field, n, prose)
#define SECRET(record, tag, field, n, prose)
#define END(record)
#define MESSAGE(number, NAME, record, from_to, prose)
#include "messages.def"
#undef RECORD
#undef U64
#undef I64
#undef BYTES
#undef TEXT
#undef SECRET
#undef END
#undef MESSAGE

typedef enum message_type_t {
#define RECORD(record, prose)
#define U64(record, tag, field, prose)
#define I64(record, tag, field, prose)
#define BYTES(record, tag, field, n, prose)
#define TEXT(record, tag, field, n, prose)
#define SECRET(record, tag, field, n, prose)
#define END(record)
#define MESSAGE(number, NAME, record, from_to, prose) MSG_##NAME = number,
#include "messages.def"
#undef RECORD
#undef U64
#undef I64
#undef BYTES
#undef TEXT
#undef SECRET
#undef END
#undef MESSAGE
    MSG_NUMBERS = 80 /* above the highest: size of tables by message */
} message_type_t;

typedef struct message_t {
    message_type_t type;
    const char *name;
    const record_t *record;
    const char *from_to;
    const char *prose;
} message_t;

typedef enum call_store_t { STORE_SQL, STORE_GATE, STORE_JOURNAL, STORE_WORK } call_store_t;

typedef enum call_name_t {
#define CALL(NAME, store, name, arguments, results, prose) CALL_##NAME,
#include "calls.def"
#undef CALL
    CALL_COUNT
} call_name_t;

typedef struct call_t {
    call_name_t call;
    call_store_t store;
    const char *name;
    const record_t *arguments;
    const record_t *results;
    const char *prose;
} call_t;

typedef struct error_row_t {
    error_code_t number;
    const char *code;
    unsigned http_status;
    bool retryable;
    unsigned retry_after_ms;
    const char *title;
} error_row_t;

typedef enum metric_type_t { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM } metric_type_t;

typedef enum metric_label_t {
    LABEL_NONE,
    LABEL_CODE,
    LABEL_KIND,
    LABEL_MESSAGE,
    LABEL_CALL,
    LABEL_PAYMENT, /* payment_status_t */
    LABEL_BUCKET,
    LABEL_DEPENDENCY
} metric_label_t;

/*  Values of one metric: enough for the largest label (messages, errors, calls, kinds, 32 buckets + sum +
    count). */
#define METRIC_LABELS_MAX 80u
#define METRIC_BUCKETS 32u
#define METRIC_BUCKET_SUM 32u   /* label of a histogram's sum */
#define METRIC_BUCKET_COUNT 33u /* label of a histogram's count */

typedef enum metric_name_t {
#define METRIC(NAME, type, label, name, help) METRIC_##NAME,
#include "metrics.def"
#undef METRIC
    METRIC_COUNT
} metric_name_t;

typedef struct metric_t {
    metric_name_t metric;
    metric_type_t type;
    metric_label_t label;
    const char *name;
    const char *help;
} metric_t;

/*  Value of a number's field in a struct of its record. */
uint64_t field_number (const field_t *field, const void *entry);
/*  True if the field is zero or empty: not sent, not shown. */
bool field_is_absent (const field_t *field, const void *entry);

/*  Each returns the row, or NULL if there is none with this number. */
const message_t *schema_message (uint64_t type);
const call_t *schema_call (uint64_t call);
const error_row_t *schema_error (uint64_t number);
const metric_t *schema_metric (uint64_t metric);

/*  All records, for printing and for tests that walk everything. NULL beyond the last. */
const record_t *schema_record (size_t index);
/*  All messages in the order of the table, likewise. */
const message_t *schema_message_at (size_t index);

/*  True for the kinds that a supervisor starts and watches. */
bool kind_is_actor (uint64_t kind);
/*  Lower-case name of a kind ("edge"), or "none". */
const char *kind_name (uint64_t kind);
/*  "redis", "postgres", or the name of a stage's kind. */
const char *dependency_name (uint64_t dependency);
/*  Kind of a name, KIND_NONE if there is none. */
kind_t kind_by_name (const char *name);
/*  Contract's words: "pending_payment", "draft", "ready"; "none" for numbers without a word. */
const char *order_status_name (uint64_t status);
const char *payment_status_name (uint64_t status);
const char *sale_state_name (uint64_t state);
const char *process_state_name (uint64_t state);
const char *limit_level_name (uint64_t level);

/*  Value of a metric's label as Prometheus prints it: "sold_out", "edge", "PURCHASE", "gate_reserve". */
const char *metric_label_value (const metric_t *metric, uint64_t label);

#endif
