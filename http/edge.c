#include "edge.h"

#include "check.h"
#include "trace.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/*  Samples come once in samples_ms; a process that misses three is not shown. */
#define STALE_SAMPLES 3u

struct edge_t {
    catalogue_t *catalogue;
    denials_t *denials;
    ip_limit_t *ip_limit;
    metrics_page_t *metrics;
    token_key_t token_key;
    id_key_t id_key;
    signature_key_t webhook_key;
    edge_ask_fn ask;
    /* each read alone, so each atomic alone */
    _Atomic bool has_sales, has_limits, has_denials, has_clock, has_limiter, has_seckill,
        is_draining;
    _Atomic int64_t gate_offset_us;
};

static bool
s_read_keys (edge_t *self, const edge_secrets_t *secrets)
{
    uint8_t key[TOKEN_KEY_BYTES];
    size_t webhook_count = strlen (secrets->webhook);
    if (strlen (secrets->token_key) != 2 * TOKEN_KEY_BYTES ||
        strlen (secrets->id_key) != 2 * ID_KEY_BYTES ||
        !hex_read (secrets->token_key, key, sizeof key) ||
        !hex_read (secrets->id_key, self->id_key.bytes, sizeof self->id_key.bytes) ||
        webhook_count < SIGNATURE_SECRET_MIN || webhook_count > SIGNATURE_SECRET_MAX)
        return false;
    token_key_init (&self->token_key, key);
    signature_key_init (&self->webhook_key, secrets->webhook);
    sodium_memzero (key, sizeof key);
    return true;
}

edge_t *
edge_new (const params_t *params, const edge_secrets_t *secrets, edge_ask_fn ask, char *reason,
          size_t reason_bytes)
{
    edge_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->ask = ask;
    if (!s_read_keys (self, secrets)) {
        snprintf (
            reason, reason_bytes,
            "secrets/token-key and secrets/id-key are 64 hex digits each, webhook-secret %u to "
            "%u bytes",
            SIGNATURE_SECRET_MIN, SIGNATURE_SECRET_MAX);
        edge_destroy (&self);
        return NULL;
    }
    self->ip_limit = ip_limit_new (params->unlimited_cidrs, reason, reason_bytes);
    if (!self->ip_limit) {
        edge_destroy (&self);
        return NULL;
    }
    self->catalogue = catalogue_new ();
    self->denials = denials_new ();
    self->metrics = metrics_page_new (STALE_SAMPLES * params->samples_ms * 1000);
    return self;
}

void
edge_destroy (edge_t **self_p)
{
    edge_t *self = *self_p;
    if (self) {
        catalogue_destroy (&self->catalogue);
        denials_destroy (&self->denials);
        ip_limit_destroy (&self->ip_limit);
        metrics_page_destroy (&self->metrics);
        sodium_memzero (self, sizeof *self);
        free (self);
        *self_p = NULL;
    }
}

static void
s_publish_readiness (edge_t *self, const readiness_t *readiness)
{
    atomic_store (&self->gate_offset_us, readiness->gate_offset_us);
    atomic_store (&self->has_clock, readiness->clock != 0);
    atomic_store (&self->has_sales, readiness->sales != 0);
    atomic_store (&self->has_limits, readiness->limits != 0);
    atomic_store (&self->has_denials, readiness->denials != 0);
    atomic_store (&self->has_limiter, readiness->limiter != 0);
    atomic_store (&self->has_seckill, readiness->seckill != 0);
    atomic_store (&self->is_draining, readiness->draining != 0);
}

bool
edge_publish (edge_t *self, const header_t *header, const void *entries, size_t count,
              uint64_t now_us, uint64_t wall_ms)
{
    const limits_t *limits = entries;
    switch (header->type) {
    case MSG_SALES:
        catalogue_put (self->catalogue, entries, count);
        return true;
    case MSG_STOCK:
        catalogue_put_stock (self->catalogue, entries, count);
        return true;
    case MSG_LIMITS:
        ip_limit_set (self->ip_limit, limits->ip_rate_per_s, limits->ip_burst);
        return true;
    case MSG_DENIALS:
        return denials_put (self->denials, entries, count, wall_ms);
    case MSG_READINESS:
        s_publish_readiness (self, entries);
        return true;
    case MSG_SAMPLES:
        metrics_page_put (self->metrics, header->attempt, header->origin_number,
                          header->origin_incarnation, entries, count, now_us);
        return true;
    default:
        return false;
    }
}

catalogue_t *
edge_catalogue (const edge_t *self)
{
    return self->catalogue;
}

denials_t *
edge_denials (const edge_t *self)
{
    return self->denials;
}

ip_limit_t *
edge_ip_limit (const edge_t *self)
{
    return self->ip_limit;
}

metrics_page_t *
edge_metrics (const edge_t *self)
{
    return self->metrics;
}

const token_key_t *
edge_token_key (const edge_t *self)
{
    return &self->token_key;
}

const id_key_t *
edge_id_key (const edge_t *self)
{
    return &self->id_key;
}

const signature_key_t *
edge_webhook_key (const edge_t *self)
{
    return &self->webhook_key;
}

edge_ask_fn
edge_ask (const edge_t *self)
{
    return self->ask;
}

void
edge_readiness (edge_t *self, readiness_t *readiness)
{
    *readiness = (readiness_t){ .sales = atomic_load (&self->has_sales),
                                .limits = atomic_load (&self->has_limits),
                                .denials = atomic_load (&self->has_denials),
                                .clock = atomic_load (&self->has_clock),
                                .limiter = atomic_load (&self->has_limiter),
                                .seckill = atomic_load (&self->has_seckill),
                                .draining = atomic_load (&self->is_draining),
                                .gate_offset_us = atomic_load (&self->gate_offset_us) };
}

bool
edge_has_sales (edge_t *self)
{
    return atomic_load (&self->has_sales);
}

bool
edge_has_denials (edge_t *self)
{
    return atomic_load (&self->has_denials);
}

uint64_t
edge_gate_ms (edge_t *self, uint64_t now_us)
{
    if (!atomic_load (&self->has_clock))
        return 0;
    return (uint64_t)((int64_t)now_us + atomic_load (&self->gate_offset_us)) / 1000;
}
