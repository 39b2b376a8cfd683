/*  Fuzz target: codec_read on every record. The first byte of the input chooses the record, the rest is the body.
    Property: nothing beyond the input is read (sanitizers), and what is accepted is canonical: written again it is the same bytes,
    or shorter by skipped tags; what was written is accepted again and gives the same bytes. */

#include "check.h"
#include "codec.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *input, size_t input_bytes);

#define ENTRIES_MAX 64u

static uint64_t s_entries[ENTRIES_MAX * 512];
static uint8_t s_bytes[BODY_BYTES_MAX], s_again[BODY_BYTES_MAX];

static size_t
s_record_count (void)
{
    size_t count = 0;
    while (schema_record (count))
        count++;
    return count;
}

int
LLVMFuzzerTestOneInput (const uint8_t *input, size_t input_bytes)
{
    size_t count, count_again;
    if (input_bytes == 0 || input_bytes > BODY_BYTES_MAX)
        return 0;
    size_t records = s_record_count ();
    CHECK (records > 0);
    const record_t *record = schema_record (input[0] % records);
    CHECK (record->size_bytes <= 512 * 8);
    if (codec_read (record, input + 1, input_bytes - 1, s_entries, ENTRIES_MAX, &count))
        return 0;
    size_t size = codec_write (record, s_entries, count, s_bytes, sizeof s_bytes);
    CHECK (size > 0 && size <= input_bytes - 1);
    if (size == input_bytes - 1)
        CHECK (memcmp (s_bytes, input + 1, size) == 0);
    CHECK (codec_read (record, s_bytes, size, s_entries, ENTRIES_MAX, &count_again) == CODEC_OK);
    CHECK (count_again == count);
    CHECK (codec_write (record, s_entries, count, s_again, sizeof s_again) == size);
    CHECK (memcmp (s_bytes, s_again, size) == 0);
    return 0;
}
