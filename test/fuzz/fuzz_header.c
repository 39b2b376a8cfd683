/*  Fuzz target: codec_read_header. Property: as fuzz_body.c has it, for the frame that a broker reads from anybody. */

#include "check.h"
#include "codec.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *input, size_t input_bytes);

int
LLVMFuzzerTestOneInput (const uint8_t *input, size_t input_bytes)
{
    header_t header, again;
    uint8_t bytes[HEADER_BYTES_MAX], bytes_again[HEADER_BYTES_MAX];
    if (codec_read_header (input, input_bytes, &header))
        return 0;
    size_t size = codec_write_header (&header, bytes, sizeof bytes);
    CHECK (size > 0 && size <= input_bytes);
    if (size == input_bytes)
        CHECK (memcmp (bytes, input, size) == 0);
    CHECK (codec_read_header (bytes, size, &again) == CODEC_OK);
    CHECK (codec_write_header (&again, bytes_again, sizeof bytes_again) == size);
    CHECK (memcmp (bytes, bytes_again, size) == 0);
    return 0;
}
