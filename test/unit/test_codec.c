#include "codec.h"
#include "dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/*  Room for 16 structs of any record: sales are the largest, below 4 KiB. */
#define ENTRIES_MAX 16u
static uint64_t s_entries[ENTRIES_MAX * 4096 / 8];
static uint64_t s_read[ENTRIES_MAX * 4096 / 8];
static uint8_t s_bytes[BODY_BYTES_MAX];
static uint8_t s_again[BODY_BYTES_MAX];

/* -------------------------------------------------------------------------- making entries */

static uint64_t
s_number (dice_t *dice, bool is_signed)
{
    static const uint64_t edges[] = { 1,   31,    32,    33,         127,        128,      255,
                                      256, 65535, 65536, 4294967295, 4294967296, INT64_MAX };
    uint64_t number = dice_roll (dice, 2) ? edges[dice_roll (dice, sizeof edges / sizeof edges[0])]
                                          : dice_next (dice) >> (1 + dice_roll (dice, 63));
    return is_signed && dice_roll (dice, 2) ? 0 - number : number;
}

/*  Appends characters of one to four bytes. */
static void
s_text (dice_t *dice, char *text, size_t bytes_max)
{
    static const char *const pieces[] = {
        "a", "\"", "\\", "\x01", "\x7f", "é", "߿", "€", "\xef\xbf\xbf", "😀", "\xf4\x8f\xbf\xbf"
    };
    size_t wanted = dice_roll (dice, bytes_max + 1), used = 0;
    while (used < wanted) {
        const char *piece = pieces[dice_roll (dice, sizeof pieces / sizeof pieces[0])];
        size_t length = strlen (piece);
        if (used + length > bytes_max)
            break;
        memcpy (text + used, piece, length);
        used += length;
    }
}

static void
s_fill (dice_t *dice, const record_t *record, void *entry, uint64_t present_of_8)
{
    memset (entry, 0, record->size_bytes);
    for (size_t i = 0; i < record->field_count; i++) {
        const field_t *field = &record->fields[i];
        uint8_t *value = (uint8_t *)entry + field->offset;
        if (dice_roll (dice, 8) >= present_of_8)
            continue;
        uint64_t number;
        switch (field->kind) {
        case FIELD_U64:
        case FIELD_I64:
            number = s_number (dice, field->kind == FIELD_I64);
            memcpy (value, &number, sizeof number);
            break;
        case FIELD_BYTES:
            for (size_t k = 0; k < field->size_bytes; k++)
                value[k] = (uint8_t)dice_next (dice);
            break;
        case FIELD_TEXT:
        case FIELD_SECRET:
            s_text (dice, (char *)value, field->size_bytes);
            break;
        }
    }
}

static size_t
s_fill_all (dice_t *dice, const record_t *record, size_t count, uint64_t present_of_8)
{
    assert_true (record->size_bytes <= 4096);
    for (size_t i = 0; i < count; i++)
        s_fill (dice, record, (uint8_t *)s_entries + i * record->size_bytes, present_of_8);
    return codec_write (record, s_entries, count, s_bytes, sizeof s_bytes);
}

static codec_status_t
s_read_bytes (const record_t *record, const uint8_t *bytes, size_t size)
{
    size_t count;
    /* an own allocation of exactly this size, so that a sanitizer sees a read beyond it */
    uint8_t *exact = malloc (size ? size : 1);
    memcpy (exact, bytes, size);
    codec_status_t status = codec_read (record, exact, size, s_read, ENTRIES_MAX, &count);
    free (exact);
    assert_true (status == CODEC_OK || count == 0);
    return status;
}

#define READ(record, ...)                                                                          \
    s_read_bytes (&record_##record, (const uint8_t[]){ __VA_ARGS__ },                              \
                  sizeof ((const uint8_t[]){ __VA_ARGS__ }))

/* -------------------------------------------------------------------------- tests */

/*  Property: for every record and any values, extreme ones included, read (write (x)) written again gives the same bytes. */
static void
test_round_trip (void **state)
{
    (void)state;
    dice_t dice = dice_seeded (1);
    unsigned long messages = 0;
    for (size_t r = 0; schema_record (r); r++) {
        const record_t *record = schema_record (r);
        for (size_t round = 0; round < 400; round++) {
            size_t wanted = dice_roll (&dice, ENTRIES_MAX + 1), count;
            size_t size = s_fill_all (&dice, record, wanted, 1 + dice_roll (&dice, 8));
            assert_int_not_equal (size, 0);
            assert_int_equal (codec_read (record, s_bytes, size, s_read, ENTRIES_MAX, &count),
                              CODEC_OK);
            assert_int_equal (count, wanted);
            assert_int_equal (codec_write (record, s_read, count, s_again, sizeof s_again), size);
            assert_memory_equal (s_bytes, s_again, size);
            messages++;
        }
    }
    printf ("# %lu messages\n", messages);
}

/*  Property: a body cut short anywhere, or with one byte more, is refused, never read beyond its end. */
static void
test_truncation (void **state)
{
    (void)state;
    dice_t dice = dice_seeded (2);
    unsigned long cuts = 0;
    for (size_t r = 0; schema_record (r); r++) {
        const record_t *record = schema_record (r);
        size_t size = s_fill_all (&dice, record, 3, 7);
        for (size_t cut = 0; cut < size; cut++, cuts++) {
            codec_status_t status = s_read_bytes (record, s_bytes, cut);
            if (status != CODEC_TRUNCATED)
                fail_msg ("%s cut at %zu of %zu: %s", record->name, cut, size,
                          codec_status_name (status));
        }
        s_bytes[size] = 0;
        assert_int_equal (s_read_bytes (record, s_bytes, size + 1), CODEC_TRAILING);
    }
    printf ("# %lu cuts\n", cuts);
}

/*  Property: whatever bytes are accepted, writing gives the same bytes back, unless unknown tags were skipped. Random changes of
    good bodies come nearest to what a broken or hostile peer sends. */
static void
test_changed_bytes_stay_canonical (void **state)
{
    (void)state;
    dice_t dice = dice_seeded (3);
    unsigned long accepted = 0, refused = 0;
    for (size_t r = 0; schema_record (r); r++) {
        const record_t *record = schema_record (r);
        for (size_t round = 0; round < 2000; round++) {
            size_t size = s_fill_all (&dice, record, 1 + dice_roll (&dice, 2), 4), count;
            s_bytes[dice_roll (&dice, size)] ^= (uint8_t)(1u << dice_roll (&dice, 8));
            if (codec_read (record, s_bytes, size, s_read, ENTRIES_MAX, &count)) {
                refused++;
                continue;
            }
            accepted++;
            size_t again = codec_write (record, s_read, count, s_again, sizeof s_again);
            assert_true (again <= size);
            if (again == size)
                assert_memory_equal (s_bytes, s_again, size);
        }
    }
    printf ("# %lu accepted, %lu refused\n", accepted, refused);
    assert_true (accepted > 1000 && refused > 1000);
}

/*  Property: a lying count is refused before anything is reserved for it (msgpack-c reserved 6.4 GB for five bytes). */
static void
test_bombs (void **state)
{
    (void)state;
    assert_int_equal (READ (ack, 0xdd, 0xff, 0xff, 0xff, 0xff), CODEC_TOO_MANY);
    assert_int_equal (READ (ack, 0xdc, 0xff, 0xff), CODEC_TOO_MANY);
    assert_int_equal (READ (ack, 0x91, 0xdf, 0xff, 0xff, 0xff, 0xff), CODEC_MALFORMED);
    assert_int_equal (READ (ack, 0x91, 0xde, 0xff, 0xff), CODEC_TRUNCATED);
    assert_int_equal (READ (outcome, 0x91, 0x81, 0x02, 0xdb, 0xff, 0xff, 0xff, 0xff),
                      CODEC_TOO_LONG);
    assert_int_equal (READ (query, 0x91, 0x81, 0x02, 0xc6, 0xff, 0xff, 0xff, 0xff), CODEC_TOO_LONG);
    /* the same under a tag that we would skip: 0x7f */
    assert_int_equal (READ (ack, 0x91, 0x81, 0x7f, 0xdd, 0xff, 0xff, 0xff, 0xff), CODEC_TRUNCATED);
    assert_int_equal (READ (ack, 0x91, 0x81, 0x7f, 0xdf, 0xff, 0xff, 0xff, 0xff), CODEC_TRUNCATED);
    assert_int_equal (READ (ack, 0x91, 0x81, 0x7f, 0xdb, 0xff, 0xff, 0xff, 0xff), CODEC_TRUNCATED);
    assert_int_equal (READ (ack, 0x91, 0x81, 0x7f, 0xc6, 0xff, 0xff, 0xff, 0xff), CODEC_TRUNCATED);
}

/*  Property: nesting is bounded, so the reader's stack is. */
static void
test_depth (void **state)
{
    (void)state;
    uint8_t bytes[2003] = { 0x91, 0x81, 0x7f };
    memset (bytes + 3, 0x91, 2000);
    assert_int_equal (s_read_bytes (&record_ack, bytes, sizeof bytes), CODEC_TOO_DEEP);
    assert_int_equal (READ (ack, 0x91, 0x81, 0x7f, 0x91, 0x91, 0x91, 0x01), CODEC_OK);
    assert_int_equal (READ (ack, 0x91, 0x81, 0x7f, 0x91, 0x91, 0x91, 0x91, 0x01), CODEC_TOO_DEEP);
}

/*  Property: every number and length has one accepted form, the shortest; zero and empty fields are never sent. */
static void
test_not_canonical (void **state)
{
    (void)state;
    assert_int_equal (READ (ack, 0x91, 0x81, 0x01, 0x05), CODEC_OK);
    assert_int_equal (READ (ack, 0x91, 0x81, 0x01, 0xcc, 0x05), CODEC_NOT_CANONICAL);
    assert_int_equal (READ (ack, 0x91, 0x81, 0x01, 0xcd, 0x00, 0x80), CODEC_NOT_CANONICAL);
    assert_int_equal (READ (ack, 0x91, 0x81, 0x01, 0xce, 0x00, 0x00, 0x80, 0x00),
                      CODEC_NOT_CANONICAL);
    assert_int_equal (READ (ack, 0x91, 0x81, 0x01, 0xcf, 0, 0, 0, 0, 0x80, 0, 0, 0),
                      CODEC_NOT_CANONICAL);
    assert_int_equal (READ (ack, 0x91, 0x81, 0xcc, 0x01, 0x05), CODEC_NOT_CANONICAL);
    assert_int_equal (READ (ack, 0x91, 0x81, 0x01, 0x00), CODEC_NOT_CANONICAL);
    assert_int_equal (READ (ack, 0x91, 0xde, 0x00, 0x01, 0x01, 0x05), CODEC_NOT_CANONICAL);
    assert_int_equal (READ (ack, 0xdc, 0x00, 0x01, 0x81, 0x01, 0x05), CODEC_NOT_CANONICAL);
    assert_int_equal (READ (ack, 0x91, 0x82, 0x02, 0x05, 0x01, 0x05), CODEC_NOT_CANONICAL);
    assert_int_equal (READ (ack, 0x91, 0x82, 0x01, 0x05, 0x01, 0x05), CODEC_NOT_CANONICAL);
    assert_int_equal (READ (outcome, 0x91, 0x81, 0x02, 0xa0), CODEC_NOT_CANONICAL);
    assert_int_equal (READ (outcome, 0x91, 0x81, 0x02, 0xd9, 0x01, 'a'), CODEC_NOT_CANONICAL);
    assert_int_equal (READ (sample, 0x91, 0x81, 0x03, 0xe0), CODEC_OK);
    assert_int_equal (READ (sample, 0x91, 0x81, 0x03, 0xd0, 0xe0), CODEC_NOT_CANONICAL);
    assert_int_equal (READ (sample, 0x91, 0x81, 0x03, 0xd0, 0xdf), CODEC_OK);
    assert_int_equal (READ (sample, 0x91, 0x81, 0x03, 0xd0, 0x05), CODEC_NOT_CANONICAL);
    assert_int_equal (READ (sample, 0x91, 0x81, 0x03, 0xd1, 0xff, 0x80), CODEC_NOT_CANONICAL);
    assert_int_equal (READ (sample, 0x91, 0x81, 0x03, 0xd3, 0xff, 0xff, 0xff, 0xff, 0x80, 0, 0, 0),
                      CODEC_NOT_CANONICAL);
}

/*  Property: other types than the field's are refused, and so are floats, extensions and numbers that a bigint cannot hold. */
static void
test_wrong_types (void **state)
{
    (void)state;
    assert_int_equal (READ (ack, 0x80), CODEC_MALFORMED);
    assert_int_equal (READ (ack, 0x91, 0x90), CODEC_MALFORMED);
    assert_int_equal (READ (ack, 0x91, 0x81, 0x01, 0xc0), CODEC_MALFORMED);
    assert_int_equal (READ (ack, 0x91, 0x81, 0x01, 0xc3), CODEC_MALFORMED);
    assert_int_equal (READ (ack, 0x91, 0x81, 0x01, 0xff), CODEC_MALFORMED);
    assert_int_equal (READ (ack, 0x91, 0x81, 0xff, 0x01), CODEC_MALFORMED);
    assert_int_equal (READ (ack, 0x91, 0x81, 0xa1, 'a', 0x01), CODEC_MALFORMED);
    assert_int_equal (READ (ack, 0x91, 0x81, 0x01, 0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0),
                      CODEC_MALFORMED);
    assert_int_equal (READ (ack, 0x91, 0x81, 0x01, 0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0),
                      CODEC_MALFORMED);
    assert_int_equal (READ (outcome, 0x91, 0x81, 0x02, 0xc4, 0x01, 'a'), CODEC_MALFORMED);
    assert_int_equal (READ (query, 0x91, 0x81, 0x02, 0xa1, 'a'), CODEC_MALFORMED);
    assert_int_equal (READ (query, 0x91, 0x81, 0x02, 0xc4, 0x01, 0x07), CODEC_MALFORMED);
    /* skipped tags: floats and extensions are not part of the protocol */
    assert_int_equal (READ (ack, 0x91, 0x81, 0x7f, 0xca, 0, 0, 0, 0), CODEC_MALFORMED);
    assert_int_equal (READ (ack, 0x91, 0x81, 0x7f, 0xd4, 0, 0), CODEC_MALFORMED);
    assert_int_equal (READ (ack, 0x91, 0x81, 0x7f, 0xc1), CODEC_MALFORMED);
}

/*  Property: tags of a newer sender are skipped, whatever they carry, and the known ones around them are read. */
static void
test_unknown_tags (void **state)
{
    (void)state;
    static const uint8_t bytes[] = { 0x91, 0x85, 0x01, 0x05, 0x02, 0x06, 0x64, 0xa3, 'n',  'e',
                                     'w',  0x65, 0x82, 0x01, 0x92, 0x02, 0xc0, 0xa1, 'k',  0xc3,
                                     0x66, 0xd3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    size_t count;
    ack_t ack;
    assert_int_equal (codec_read (&record_ack, bytes, sizeof bytes, &ack, 1, &count), CODEC_OK);
    assert_int_equal (count, 1);
    assert_int_equal (ack.code, 5);
    assert_int_equal (ack.credit, 6);
    for (size_t cut = 0; cut < sizeof bytes; cut++)
        assert_int_equal (s_read_bytes (&record_ack, bytes, cut), CODEC_TRUNCATED);
}

/*  Property: texts are UTF-8 as RFC 3629 has it: no overlong forms, surrogates, code points beyond U+10FFFF, cut characters, NUL. */
static void
test_utf8 (void **state)
{
    (void)state;
    static const char *const good[] = {
        "", "a", "é", "€", "😀", "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf"
    };
    static const char *const bad[] = { "\x80",
                                       "\xc0\x80",
                                       "\xc1\xbf",
                                       "\xe0\x80\x80",
                                       "\xe0\x9f\xbf",
                                       "\xed\xa0\x80",
                                       "\xed\xbf\xbf",
                                       "\xf0\x80\x80\x80",
                                       "\xf0\x8f\xbf\xbf",
                                       "\xf4\x90\x80\x80",
                                       "\xf5\x80\x80\x80",
                                       "\xff",
                                       "\xc3",
                                       "\xe2\x82",
                                       "\xf0\x9f\x98",
                                       "\xc3(",
                                       "\xe2(\xa1",
                                       "\xe2\x82(",
                                       "a\xff" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true (codec_is_utf8 ((const uint8_t *)good[i], strlen (good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (codec_is_utf8 ((const uint8_t *)bad[i], strlen (bad[i])))
            fail_msg ("bad text %zu taken", i);
    assert_false (codec_is_utf8 ((const uint8_t *)"a\0b", 3));
    assert_int_equal (READ (outcome, 0x91, 0x81, 0x02, 0xa1, 0xff), CODEC_NOT_UTF8);
    assert_int_equal (READ (outcome, 0x91, 0x81, 0x02, 0xa2, 'a', 0x00), CODEC_NOT_UTF8);
}

/*  Property: a text one byte longer than its field is refused, the longest is taken with its NUL. */
static void
test_text_length (void **state)
{
    (void)state;
    uint8_t bytes[206] = { 0x91, 0x81, 0x02, 0xd9, 200 };
    memset (bytes + 5, 'x', 201);
    assert_int_equal (s_read_bytes (&record_outcome, bytes, 205), CODEC_OK);
    assert_int_equal (strlen (((outcome_t *)s_read)->detail), 200);
    bytes[4] = 201;
    assert_int_equal (s_read_bytes (&record_outcome, bytes, 206), CODEC_TOO_LONG);
}

/*  Property: more entries than there is room for are refused; no more than CALL_ROWS_MAX are written, and nothing beyond the room
    for bytes. */
static void
test_room (void **state)
{
    (void)state;
    static ack_t acks[CALL_ROWS_MAX + 1];
    size_t count;
    size_t size = codec_write (&record_ack, acks, 17, s_bytes, sizeof s_bytes);
    assert_int_equal (codec_read (&record_ack, s_bytes, size, s_read, 16, &count), CODEC_TOO_MANY);
    assert_int_equal (codec_read (&record_ack, s_bytes, size, s_read, 17, &count), CODEC_OK);
    assert_int_not_equal (codec_write (&record_ack, acks, CALL_ROWS_MAX, s_bytes, sizeof s_bytes),
                          0);
    assert_int_equal (codec_write (&record_ack, acks, CALL_ROWS_MAX + 1, s_bytes, sizeof s_bytes),
                      0);
    for (size_t room = 0; room < size; room++)
        assert_int_equal (codec_write (&record_ack, acks, 17, s_bytes, room), 0);
}

/*  Property: the largest batch of every message fits in one body, so that no sender has to look. */
static void
test_largest_bodies (void **state)
{
    (void)state;
    static uint8_t entries[BATCH_ENTRIES_MAX * sizeof (purchase_t)];
    static uint8_t sales[SALES_PER_MESSAGE_MAX * sizeof (sale_t)];
    memset (entries, 0x7f, sizeof entries);
    assert_int_not_equal (
        codec_write (&record_purchase, entries, BATCH_ENTRIES_MAX, s_bytes, BODY_BYTES_MAX), 0);
    memset (sales, 0x7f, sizeof sales);
    assert_int_not_equal (
        codec_write (&record_sale, sales, SALES_PER_MESSAGE_MAX, s_bytes, BODY_BYTES_MAX), 0);
}

/*  Property: headers follow the same rules; the largest possible one fits in HEADER_BYTES_MAX. */
static void
test_header (void **state)
{
    (void)state;
    dice_t dice = dice_seeded (4);
    header_t header, read;
    for (size_t round = 0; round < 20000; round++) {
        s_fill (&dice, &record_header, &header, 1 + dice_roll (&dice, 8));
        size_t size = codec_write_header (&header, s_bytes, HEADER_BYTES_MAX);
        assert_int_not_equal (size, 0);
        assert_int_equal (codec_read_header (s_bytes, size, &read), CODEC_OK);
        assert_int_equal (codec_write_header (&read, s_again, HEADER_BYTES_MAX), size);
        assert_memory_equal (s_bytes, s_again, size);
        size_t cut = dice_roll (&dice, size);
        assert_int_equal (codec_read_header (s_bytes, cut, &read), CODEC_TRUNCATED);
    }
    memset (&header, 0x7f, sizeof header);
    assert_int_not_equal (codec_write_header (&header, s_bytes, HEADER_BYTES_MAX), 0);
    assert_int_equal (codec_read_header (s_bytes, HEADER_BYTES_MAX + 1, &read), CODEC_TOO_LONG);
    assert_int_equal (codec_read_header ((const uint8_t[]){ 0x91, 0x80 }, 2, &read),
                      CODEC_MALFORMED);
    assert_int_equal (codec_read_header ((const uint8_t[]){ 0x80, 0x80 }, 2, &read),
                      CODEC_TRAILING);
}

/*  Property: the tables keep the rules at the top of messages.def and schema.h: tags ascend, numbers are unique and within the
    sizes of the tables made from them, sizes of structs are multiples of 8. */
static void
test_tables (void **state)
{
    (void)state;
    for (size_t r = 0; schema_record (r); r++) {
        const record_t *record = schema_record (r);
        assert_int_equal (record->size_bytes % 8, 0);
        for (size_t i = 1; i < record->field_count; i++)
            assert_true (record->fields[i - 1].tag < record->fields[i].tag);
        assert_true (record->field_count > 0 &&
                     record->fields[record->field_count - 1].tag <= 0x7f);
    }
    for (size_t i = 0; schema_message_at (i); i++) {
        assert_true (schema_message_at (i)->type < MSG_NUMBERS);
        assert_ptr_equal (schema_message (schema_message_at (i)->type), schema_message_at (i));
    }
    for (size_t c = 0; c < CALL_COUNT; c++)
        assert_int_equal (schema_call (c)->call, c);
    assert_null (schema_call (CALL_COUNT));
    for (uint64_t e = 0, last = 0; e < 200; e++) {
        const error_row_t *row = schema_error (e);
        assert_true (!row || (row->number == e && e < ERROR_NUMBERS && (e == 0 || e > last)));
        last = row ? e : last;
    }
    for (size_t m = 0; m < METRIC_COUNT; m++)
        assert_int_equal (schema_metric (m)->metric, m);
    for (uint64_t kind = 1; kind < KIND_COUNT; kind++)
        assert_int_equal (kind_by_name (kind_name (kind)), kind);
    assert_string_equal (kind_name (KIND_COUNT), "none");
    assert_true (MSG_NUMBERS <= METRIC_LABELS_MAX && ERROR_NUMBERS <= METRIC_LABELS_MAX);
    assert_true (CALL_COUNT <= METRIC_LABELS_MAX && KIND_COUNT <= METRIC_LABELS_MAX);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_round_trip),
        cmocka_unit_test (test_truncation),
        cmocka_unit_test (test_changed_bytes_stay_canonical),
        cmocka_unit_test (test_bombs),
        cmocka_unit_test (test_depth),
        cmocka_unit_test (test_not_canonical),
        cmocka_unit_test (test_wrong_types),
        cmocka_unit_test (test_unknown_tags),
        cmocka_unit_test (test_utf8),
        cmocka_unit_test (test_text_length),
        cmocka_unit_test (test_room),
        cmocka_unit_test (test_largest_bodies),
        cmocka_unit_test (test_header),
        cmocka_unit_test (test_tables),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
