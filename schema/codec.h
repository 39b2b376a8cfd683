/*  Canonical msgpack for every record, made by walking its fields.

    A body is an array of maps {tag: value}, tags ascending, zero and empty fields left out, every number in
    its shortest form. So the same entries are always the same bytes, and codec_read accepts nothing else:
    whatever it accepts, codec_write gives back byte for byte (unknown tags, which are skipped, excepted).
    Writing uses msgpack-c; reading is our own and bounded, because msgpack-c reserves what a header announces
    (5 bytes → 6.4 GB). */

#ifndef MS_CODEC_H
#define MS_CODEC_H

#include "schema.h"

typedef enum codec_status_t {
    CODEC_OK,
    CODEC_TRUNCATED,     /* the bytes end within a value */
    CODEC_TRAILING,      /* bytes after the last value */
    CODEC_MALFORMED,     /* not the shape of a body, or not msgpack */
    CODEC_NOT_CANONICAL, /* longer form of a number, zero field, tags not ascending */
    CODEC_TOO_MANY,      /* more entries than the caller has room for */
    CODEC_TOO_LONG,      /* a text or bytes longer than its field */
    CODEC_NOT_UTF8,      /* a text that is not UTF-8 or holds NUL */
    CODEC_TOO_DEEP       /* an unknown field nests deeper than 4 */
} codec_status_t;

/*  Writes `count` structs of `record` as a body into `bytes`. Returns its length, 0 if it does not fit (or
    the count is above CALL_ROWS_MAX). */
size_t codec_write (const record_t *record, const void *entries, size_t count, uint8_t *bytes,
                    size_t bytes_max);

/*  Reads a body into at most `entries_max` structs at `entries`, and their number into `count`. On any error
    `count` is 0 and the structs are unspecified. Allocates nothing. */
codec_status_t codec_read (const record_t *record, const uint8_t *bytes, size_t bytes_count,
                           void *entries, size_t entries_max, size_t *count);

/*  The header frame: one map, not an array. Same rules. */
size_t codec_write_header (const header_t *header, uint8_t *bytes, size_t bytes_max);
codec_status_t codec_read_header (const uint8_t *bytes, size_t bytes_count, header_t *header);

/*  A word for logs and tests: "truncated". */
const char *codec_status_name (codec_status_t status);

/*  True if the text is UTF-8 (RFC 3629: no surrogates, no overlong forms) without NUL. */
bool codec_is_utf8 (const uint8_t *bytes, size_t count);

#endif
