/*  Names that every edge computes alike: the order id of (user, sale, key), and the hash of what was asked for. */

#ifndef MS_IDENTITY_H
#define MS_IDENTITY_H

#include "schema.h"

#define ID_KEY_BYTES 32u
/*  The sale's number takes 48 bits of the order id. */
#define SALE_ID_MAX 0xffffffffffffu
#define ORDER_ID_TEXT_COUNT 36u
#define PAYMENT_ID_BYTES 16u
#define STOCK_OP_BYTES 16u

typedef struct id_key_t {
    uint8_t bytes[ID_KEY_BYTES];
} id_key_t;

/*  UUIDv8: 48 bits of the sale, 74 bits of BLAKE2b over (user, sale, idempotency key), keyed with the instance's secret: nobody can
    guess another's order id, and a key used again means the same order. Source: RFC 9562, 5.8. */
void identity_rid (const id_key_t *key, uint64_t user_id, uint64_t sale_id,
                   const char *idempotency_key, uint8_t rid[RID_BYTES]);
/*  Names the payment of an order under one key, here and at its provider: the same from every edge. What is hashed begins with a byte that
    no subject of an order id begins with, so the two never are one hash. */
void identity_payment (const id_key_t *key, const uint8_t rid[RID_BYTES],
                       const char *idempotency_key, uint8_t payment_id[PAYMENT_ID_BYTES]);
/*  Names a change of a sale's stock under one key, likewise. */
void identity_stock_op (const id_key_t *key, uint64_t sale_id, const char *idempotency_key,
                        uint8_t op_id[STOCK_OP_BYTES]);
/*  63 bits of the parsed, defaulted request: two bodies that mean the same are the same request. */
uint64_t identity_body_hash (uint64_t sale_id, uint64_t quantity);

uint64_t identity_sale_of (const uint8_t rid[RID_BYTES]);
/*  36 characters and a NUL. */
void identity_text (const uint8_t rid[RID_BYTES], char *text);
/*  Returns false if it is not the text of an order id of ours: lower case, version 8, variant 10. */
bool identity_read (const char *text, uint8_t rid[RID_BYTES]);

#endif
