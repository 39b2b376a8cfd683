#include "codec.h"

#include <msgpack.h>
#include <string.h>

/* -------------------------------------------------------------------------- writing */

typedef struct sink_t {
    uint8_t *bytes;
    size_t count;
    size_t max;
} sink_t;

static int
s_sink_write (void *data, const char *bytes, size_t count)
{
    sink_t *sink = data;
    if (count > sink->max - sink->count)
        return -1;
    memcpy (sink->bytes + sink->count, bytes, count);
    sink->count += count;
    return 0;
}

static int
s_pack_field (msgpack_packer *packer, const field_t *field, const void *entry)
{
    const uint8_t *value = (const uint8_t *)entry + field->offset;
    size_t size;
    if (msgpack_pack_uint8 (packer, field->tag))
        return -1;
    switch (field->kind) {
    case FIELD_U64:
        return msgpack_pack_uint64 (packer, field_number (field, entry));
    case FIELD_I64:
        return msgpack_pack_int64 (packer, (int64_t)field_number (field, entry));
    case FIELD_BYTES:
        return msgpack_pack_bin (packer, field->size_bytes) ||
               msgpack_pack_bin_body (packer, value, field->size_bytes);
    case FIELD_TEXT:
    case FIELD_SECRET:
        size = strnlen ((const char *)value, field->size_bytes);
        return msgpack_pack_str (packer, size) || msgpack_pack_str_body (packer, value, size);
    }
    return -1;
}

static int
s_pack_entry (msgpack_packer *packer, const record_t *record, const void *entry)
{
    size_t present = 0;
    for (size_t i = 0; i < record->field_count; i++)
        present += !field_is_absent (&record->fields[i], entry);
    if (msgpack_pack_map (packer, present))
        return -1;
    for (size_t i = 0; i < record->field_count; i++)
        if (!field_is_absent (&record->fields[i], entry) &&
            s_pack_field (packer, &record->fields[i], entry))
            return -1;
    return 0;
}

size_t
codec_write (const record_t *record, const void *entries, size_t count, uint8_t *bytes,
             size_t bytes_max)
{
    sink_t sink = { bytes, 0, bytes_max };
    msgpack_packer packer;
    msgpack_packer_init (&packer, &sink, s_sink_write);
    if (count > CALL_ROWS_MAX || msgpack_pack_array (&packer, count))
        return 0;
    for (size_t i = 0; i < count; i++)
        if (s_pack_entry (&packer, record, (const uint8_t *)entries + i * record->size_bytes))
            return 0;
    return sink.count;
}

size_t
codec_write_header (const header_t *header, uint8_t *bytes, size_t bytes_max)
{
    sink_t sink = { bytes, 0, bytes_max };
    msgpack_packer packer;
    msgpack_packer_init (&packer, &sink, s_sink_write);
    return s_pack_entry (&packer, &record_header, header) ? 0 : sink.count;
}

/* -------------------------------------------------------------------------- reading */

#define SKIP_DEPTH_MAX 4

typedef struct source_t {
    const uint8_t *bytes;
    size_t left;
} source_t;

static codec_status_t
s_take (source_t *source, size_t count, const uint8_t **bytes)
{
    if (count > source->left)
        return CODEC_TRUNCATED;
    *bytes = source->bytes;
    source->bytes += count;
    source->left -= count;
    return CODEC_OK;
}

/*  Reads `width` (1, 2, 4, 8) bytes, most significant first. */
static codec_status_t
s_take_big_endian (source_t *source, size_t width, uint64_t *number)
{
    const uint8_t *bytes;
    codec_status_t status = s_take (source, width, &bytes);
    if (status)
        return status;
    *number = 0;
    for (size_t i = 0; i < width; i++)
        *number = *number << 8 | bytes[i];
    return CODEC_OK;
}

/*  A number in a form of `width` bytes is canonical only if it needs them. */
static codec_status_t
s_take_unsigned (source_t *source, size_t width, uint64_t *number)
{
    static const uint64_t needs_above[] = {
        [1] = 0x7f, [2] = 0xff, [4] = 0xffff, [8] = 0xffffffff
    };
    codec_status_t status = s_take_big_endian (source, width, number);
    if (status)
        return status;
    return *number > needs_above[width] ? CODEC_OK : CODEC_NOT_CANONICAL;
}

static codec_status_t
s_take_negative (source_t *source, size_t width, int64_t *number)
{
    static const int64_t needs_below[] = {
        [1] = -32, [2] = INT8_MIN, [4] = INT16_MIN, [8] = INT32_MIN
    };
    uint64_t raw;
    codec_status_t status = s_take_big_endian (source, width, &raw);
    if (status)
        return status;
    unsigned shift = (unsigned)(64 - 8 * width);
    *number = (int64_t)(raw << shift) >> shift;
    return *number < needs_below[width] ? CODEC_OK : CODEC_NOT_CANONICAL;
}

static codec_status_t
s_read_number (source_t *source, bool is_signed, int64_t *number)
{
    const uint8_t *lead;
    uint64_t raw = 0;
    codec_status_t status = s_take (source, 1, &lead);
    if (status)
        return status;
    if (*lead <= 0x7f)
        raw = *lead;
    else if (*lead >= 0xcc && *lead <= 0xcf)
        status = s_take_unsigned (source, (size_t)1 << (*lead - 0xcc), &raw);
    else if (is_signed && *lead >= 0xe0) {
        *number = (int64_t)*lead - 0x100;
        return CODEC_OK;
    } else if (is_signed && *lead >= 0xd0 && *lead <= 0xd3)
        return s_take_negative (source, (size_t)1 << (*lead - 0xd0), number);
    else
        return CODEC_MALFORMED;
    if (status)
        return status;
    /* PostgreSQL and Lua carry these numbers too: neither has an unsigned of 64 bits. */
    if (raw > INT64_MAX)
        return CODEC_MALFORMED;
    *number = (int64_t)raw;
    return CODEC_OK;
}

/*  Length of a str (lead 0xa0…, 0xd9…) or bin (0xc4…) value, in its shortest form. */
static codec_status_t
s_read_length (source_t *source, bool is_text, size_t *length)
{
    const uint8_t *lead;
    uint64_t number = 0;
    codec_status_t status = s_take (source, 1, &lead);
    if (status)
        return status;
    uint8_t first = is_text ? 0xd9 : 0xc4;
    if (is_text && *lead >= 0xa0 && *lead <= 0xbf)
        number = *lead & 0x1f;
    else if (*lead >= first && *lead <= first + 2) {
        size_t width = (size_t)1 << (*lead - first);
        status = s_take_big_endian (source, width, &number);
        uint64_t least = width == 1 ? (is_text ? 32 : 0) : width == 2 ? 256 : 65536;
        if (!status && number < least)
            status = CODEC_NOT_CANONICAL;
    } else
        return CODEC_MALFORMED;
    *length = (size_t)number;
    return status;
}

static codec_status_t
s_read_value (source_t *source, const field_t *field, void *entry)
{
    uint8_t *value = (uint8_t *)entry + field->offset;
    const uint8_t *bytes;
    size_t length;
    int64_t number;
    bool is_text = field->kind == FIELD_TEXT || field->kind == FIELD_SECRET;
    codec_status_t status;
    if (field->kind == FIELD_U64 || field->kind == FIELD_I64) {
        status = s_read_number (source, field->kind == FIELD_I64, &number);
        if (!status)
            memcpy (value, &number, sizeof number);
        return status;
    }
    if ((status = s_read_length (source, is_text, &length)))
        return status;
    if (length > field->size_bytes)
        return CODEC_TOO_LONG;
    if (!is_text && length != field->size_bytes)
        return CODEC_MALFORMED;
    if ((status = s_take (source, length, &bytes)))
        return status;
    if (is_text && !codec_is_utf8 (bytes, length))
        return CODEC_NOT_UTF8;
    memcpy (value, bytes, length);
    return CODEC_OK;
}

/*  Skips one value of any type: what a newer sender may have put under a tag that we do not know. */
static codec_status_t
s_skip (source_t *source, unsigned depth)
{
    const uint8_t *lead, *bytes;
    uint64_t count = 0;
    codec_status_t status = s_take (source, 1, &lead);
    if (status)
        return status;
    uint8_t c = *lead;
    if (c <= 0x7f || c >= 0xe0 || c == 0xc0 || c == 0xc2 || c == 0xc3)
        return CODEC_OK;
    if (c >= 0xcc && c <= 0xd3)
        return s_take (source, (size_t)1 << ((c - 0xcc) & 3), &bytes);
    if (c == 0xca || c == 0xcb || c == 0xc1 || (c >= 0xc7 && c <= 0xc9) || (c >= 0xd4 && c <= 0xd8))
        return CODEC_MALFORMED; /* floats and extensions are not part of the protocol */
    if ((c >= 0xa0 && c <= 0xbf) || (c >= 0xc4 && c <= 0xc6) || (c >= 0xd9 && c <= 0xdb)) {
        if (c >= 0xa0 && c <= 0xbf)
            count = c & 0x1f;
        else if ((status = s_take_big_endian (source, (size_t)1 << (c < 0xd9 ? c - 0xc4 : c - 0xd9),
                                              &count)))
            return status;
        return s_take (source, (size_t)count, &bytes);
    }
    if (depth == SKIP_DEPTH_MAX)
        return CODEC_TOO_DEEP;
    if (c >= 0x80 && c <= 0x9f)
        count = c & 0x0f;
    else if ((status = s_take_big_endian (source, c & 1 ? 4 : 2, &count)))
        return status;
    if ((c >= 0x80 && c <= 0x8f) || c >= 0xde)
        count *= 2;
    if (count > source->left)
        return CODEC_TRUNCATED;
    for (uint64_t i = 0; i < count; i++)
        if ((status = s_skip (source, depth + 1)))
            return status;
    return CODEC_OK;
}

static const field_t *
s_field_by_tag (const record_t *record, int64_t tag)
{
    for (size_t i = 0; i < record->field_count; i++)
        if (record->fields[i].tag == tag)
            return &record->fields[i];
    return NULL;
}

static codec_status_t
s_read_entry (source_t *source, const record_t *record, void *entry)
{
    const uint8_t *lead;
    uint64_t count;
    codec_status_t status = s_take (source, 1, &lead);
    if (status)
        return status;
    if (*lead >= 0x80 && *lead <= 0x8f)
        count = *lead & 0x0f;
    else if (*lead == 0xde) {
        if ((status = s_take_big_endian (source, 2, &count)))
            return status;
        if (count < 16)
            return CODEC_NOT_CANONICAL;
    } else
        return CODEC_MALFORMED;
    memset (entry, 0, record->size_bytes);
    int64_t previous = -1;
    for (uint64_t i = 0; i < count; i++) {
        int64_t tag;
        if ((status = s_read_number (source, false, &tag)))
            return status;
        if (tag <= previous)
            return CODEC_NOT_CANONICAL;
        previous = tag;
        const field_t *field = s_field_by_tag (record, tag);
        status = field ? s_read_value (source, field, entry) : s_skip (source, 1);
        if (status)
            return status;
        if (field && field_is_absent (field, entry))
            return CODEC_NOT_CANONICAL;
    }
    return CODEC_OK;
}

static codec_status_t
s_read_array (source_t *source, uint64_t *count)
{
    const uint8_t *lead;
    codec_status_t status = s_take (source, 1, &lead);
    if (status)
        return status;
    if (*lead >= 0x90 && *lead <= 0x9f) {
        *count = *lead & 0x0f;
        return CODEC_OK;
    }
    if (*lead != 0xdc)
        return *lead == 0xdd ? CODEC_TOO_MANY : CODEC_MALFORMED;
    if ((status = s_take_big_endian (source, 2, count)))
        return status;
    return *count >= 16 ? CODEC_OK : CODEC_NOT_CANONICAL;
}

codec_status_t
codec_read (const record_t *record, const uint8_t *bytes, size_t bytes_count, void *entries,
            size_t entries_max, size_t *count)
{
    source_t source = { bytes, bytes_count };
    uint64_t announced;
    *count = 0;
    codec_status_t status = s_read_array (&source, &announced);
    if (status)
        return status;
    if (announced > entries_max)
        return CODEC_TOO_MANY;
    if (announced > source.left)
        return CODEC_TRUNCATED;
    for (uint64_t i = 0; i < announced; i++)
        if ((status = s_read_entry (&source, record, (uint8_t *)entries + i * record->size_bytes)))
            return status;
    if (source.left)
        return CODEC_TRAILING;
    *count = (size_t)announced;
    return CODEC_OK;
}

codec_status_t
codec_read_header (const uint8_t *bytes, size_t bytes_count, header_t *header)
{
    source_t source = { bytes, bytes_count };
    if (bytes_count > HEADER_BYTES_MAX)
        return CODEC_TOO_LONG;
    codec_status_t status = s_read_entry (&source, &record_header, header);
    if (!status && source.left)
        status = CODEC_TRAILING;
    return status;
}

/* -------------------------------------------------------------------------- words and texts */

const char *
codec_status_name (codec_status_t status)
{
    static const char *const names[] = { "ok",        "truncated",     "trailing",
                                         "malformed", "not_canonical", "too_many",
                                         "too_long",  "not_utf8",      "too_deep" };
    return names[status];
}

bool
codec_is_utf8 (const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count;) {
        uint8_t c = bytes[i];
        if (c == 0)
            return false;
        if (c < 0x80) {
            i++;
            continue;
        }
        size_t length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
        if (c < 0xc2 || c > 0xf4 || length > count - i)
            return false;
        for (size_t k = 1; k < length; k++)
            if ((bytes[i + k] & 0xc0) != 0x80)
                return false;
        uint8_t second = bytes[i + 1];
        if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) ||
            (c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f))
            return false;
        i += length;
    }
    return true;
}
