#include "identity.h"

#include "hash.h"
#include "trace.h"

#include <sodium.h>
#include <string.h>

/*  First byte of what is hashed. The subject of an order id begins with a user's number, which is below 2^63: its first byte is below 0x80. */
#define DOMAIN_PAYMENT 0xffu
#define DOMAIN_STOCK 0xfeu

static void
s_put_u64 (uint8_t *bytes, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (56 - 8 * i));
}

void
identity_rid (const id_key_t *key, uint64_t user_id, uint64_t sale_id, const char *idempotency_key,
              uint8_t rid[RID_BYTES])
{
    uint8_t subject[16 + KEY_BYTES_MAX], hash[16];
    size_t key_count = strnlen (idempotency_key, KEY_BYTES_MAX);
    s_put_u64 (subject, user_id);
    s_put_u64 (subject + 8, sale_id);
    memcpy (subject + 16, idempotency_key, key_count);
    crypto_generichash (hash, sizeof hash, subject, 16 + key_count, key->bytes, sizeof key->bytes);
    for (int i = 0; i < 6; i++)
        rid[i] = (uint8_t)(sale_id >> (40 - 8 * i));
    memcpy (rid + 6, hash, 10);
    rid[6] = (uint8_t)(0x80 | (rid[6] & 0x0f));
    rid[8] = (uint8_t)(0x80 | (rid[8] & 0x3f));
}

void
identity_payment (const id_key_t *key, const uint8_t rid[RID_BYTES], const char *idempotency_key,
                  uint8_t payment_id[PAYMENT_ID_BYTES])
{
    uint8_t subject[1 + RID_BYTES + KEY_BYTES_MAX];
    size_t key_count = strnlen (idempotency_key, KEY_BYTES_MAX);
    subject[0] = DOMAIN_PAYMENT;
    memcpy (subject + 1, rid, RID_BYTES);
    memcpy (subject + 1 + RID_BYTES, idempotency_key, key_count);
    crypto_generichash (payment_id, PAYMENT_ID_BYTES, subject, 1 + RID_BYTES + key_count,
                        key->bytes, sizeof key->bytes);
}

void
identity_stock_op (const id_key_t *key, uint64_t sale_id, const char *idempotency_key,
                   uint8_t op_id[STOCK_OP_BYTES])
{
    static const char word[] = "stock";
    uint8_t subject[1 + sizeof word + 8 + KEY_BYTES_MAX];
    size_t key_count = strnlen (idempotency_key, KEY_BYTES_MAX);
    subject[0] = DOMAIN_STOCK;
    memcpy (subject + 1, word, sizeof word);
    s_put_u64 (subject + 1 + sizeof word, sale_id);
    memcpy (subject + 1 + sizeof word + 8, idempotency_key, key_count);
    crypto_generichash (op_id, STOCK_OP_BYTES, subject, 1 + sizeof word + 8 + key_count, key->bytes,
                        sizeof key->bytes);
}

uint64_t
identity_body_hash (uint64_t sale_id, uint64_t quantity)
{
    uint8_t request[16];
    s_put_u64 (request, sale_id);
    s_put_u64 (request + 8, quantity);
    return hash_bytes (0, request, sizeof request) >> 1;
}

uint64_t
identity_sale_of (const uint8_t rid[RID_BYTES])
{
    uint64_t sale_id = 0;
    for (int i = 0; i < 6; i++)
        sale_id = sale_id << 8 | rid[i];
    return sale_id;
}

/*  Where the dashes stand: after bytes 4, 6, 8 and 10. */
static bool
s_has_dash (size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void
identity_text (const uint8_t rid[RID_BYTES], char *text)
{
    for (size_t i = 0; i < RID_BYTES; i++) {
        if (s_has_dash (i))
            *text++ = '-';
        hex_text (rid + i, 1, text);
        text += 2;
    }
}

bool
identity_read (const char *text, uint8_t rid[RID_BYTES])
{
    if (strlen (text) != ORDER_ID_TEXT_COUNT)
        return false;
    for (size_t i = 0; i < RID_BYTES; i++) {
        if (s_has_dash (i) && *text++ != '-')
            return false;
        if (!hex_read (text, rid + i, 1))
            return false;
        text += 2;
    }
    return rid[6] >> 4 == 8 && rid[8] >> 6 == 2;
}
