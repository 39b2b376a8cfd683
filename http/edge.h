/*  What all HTTP threads of an edge share: the snapshots that the core had published, the keys, and the way to ask. */

#ifndef MS_EDGE_H
#define MS_EDGE_H

#include "catalogue.h"
#include "denials.h"
#include "identity.h"
#include "ip_limit.h"
#include "metrics_page.h"
#include "params.h"
#include "signature.h"
#include "slots.h"
#include "token.h"

/*  Asks the core on behalf of one worker; slot_ask, but in tests. */
typedef bool (*edge_ask_fn) (void *worker, message_type_t type, const header_t *extras,
                             const void *entry, answer_t *answer);

typedef struct edge_t edge_t;

/*  Secrets of the instance, as texts. */
typedef struct edge_secrets_t {
    const char *token_key, *id_key; /* 64 hex digits each */
    const char *webhook;            /* SIGNATURE_SECRET_MIN to _MAX bytes of any text */
} edge_secrets_t;

/*  Returns NULL with a sentence in `reason`. The secrets stay the caller's. */
edge_t *edge_new (const params_t *params, const edge_secrets_t *secrets, edge_ask_fn ask,
                  char *reason, size_t reason_bytes);
void edge_destroy (edge_t **self_p);

/*  Takes what the core sends to KIND_CLIENT/0: from now on it is what is served. False if it could not be kept. */
bool edge_publish (edge_t *self, const header_t *header, const void *entries, size_t count,
                   uint64_t now_us, uint64_t wall_ms);

catalogue_t *edge_catalogue (const edge_t *self);
denials_t *edge_denials (const edge_t *self);
ip_limit_t *edge_ip_limit (const edge_t *self);
metrics_page_t *edge_metrics (const edge_t *self);
const token_key_t *edge_token_key (const edge_t *self);
const id_key_t *edge_id_key (const edge_t *self);
const signature_key_t *edge_webhook_key (const edge_t *self);
edge_ask_fn edge_ask (const edge_t *self);

/*  The core's readiness as it was told last. */
void edge_readiness (edge_t *self, readiness_t *readiness);
bool edge_has_sales (edge_t *self);
bool edge_has_denials (edge_t *self);
/*  Gate time, 0 before it is known. */
uint64_t edge_gate_ms (edge_t *self, uint64_t now_us);

#endif
