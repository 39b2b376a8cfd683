#include "ip_limit.h"

#include "check.h"
#include "hash.h"
#include "params.h"
#include "trace.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define SETS 8192u
#define WAYS 8u
#define LOCKS 64u
#define CIDRS_MAX 32u

typedef struct bucket_t {
    uint64_t client; /* hash of the address; 0 = unused */
    uint64_t
        full_us; /* time at which the bucket is full again: all that a bucket has to remember */
} bucket_t;

typedef struct cidr_t {
    uint8_t bytes[16];
    unsigned bits;
} cidr_t;

struct ip_limit_t {
    cidr_t spared[CIDRS_MAX];
    size_t spared_count;
    _Atomic uint64_t rate_per_s, burst;
    uint64_t seed;
    pthread_mutex_t locks[LOCKS]; /* of the sets with the same remainder */
    bucket_t buckets[SETS][WAYS];
};

/*  As IPv6; IPv4 mapped. */
static bool
s_read_address (const char *text, uint8_t bytes[16])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    if (inet_pton (AF_INET6, text, bytes) == 1)
        return true;
    memcpy (bytes, mapped, sizeof mapped);
    return inet_pton (AF_INET, text, bytes + 12) == 1;
}

static bool
s_read_cidr (char *text, cidr_t *cidr)
{
    char *slash = strchr (text, '/'), *end = NULL;
    unsigned long bits = 128;
    bool is_ipv4 = strchr (text, ':') == NULL;
    if (slash) {
        *slash = 0;
        bits = strtoul (slash + 1, &end, 10) + (is_ipv4 ? 96 : 0);
        if (end == slash + 1 || *end)
            return false;
    }
    cidr->bits = (unsigned)bits;
    return bits <= 128 && s_read_address (text, cidr->bytes);
}

ip_limit_t *
ip_limit_new (const char *cidrs, char *reason, size_t reason_bytes)
{
    ip_limit_t *self = calloc (1, sizeof *self);
    char list[PARAM_TEXT_BYTES_MAX + 1], *rest = list, *one;
    CHECK (self);
    self->seed = trace_random ();
    snprintf (list, sizeof list, "%s", cidrs);
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_init (&self->locks[i], NULL);
    while ((one = strsep (&rest, ", "))) {
        if (!*one)
            continue;
        char name[64];
        snprintf (name, sizeof name, "%s", one);
        if (self->spared_count == CIDRS_MAX ||
            !s_read_cidr (one, &self->spared[self->spared_count++])) {
            snprintf (reason, reason_bytes,
                      "MINISHOP_UNLIMITED_CIDRS: \"%s\" is no network such as 127.0.0.0/8", name);
            ip_limit_destroy (&self);
            return NULL;
        }
    }
    return self;
}

void
ip_limit_destroy (ip_limit_t **self_p)
{
    if (*self_p) {
        for (size_t i = 0; i < LOCKS; i++)
            pthread_mutex_destroy (&(*self_p)->locks[i]);
        free (*self_p);
        *self_p = NULL;
    }
}

void
ip_limit_set (ip_limit_t *self, uint64_t rate_per_s, uint64_t burst)
{
    atomic_store (&self->rate_per_s, rate_per_s);
    atomic_store (&self->burst, burst ? burst : 1);
}

static bool
s_is_spared (const ip_limit_t *self, const uint8_t address[16])
{
    for (size_t i = 0; i < self->spared_count; i++) {
        const cidr_t *cidr = &self->spared[i];
        unsigned whole = cidr->bits / 8, rest = cidr->bits % 8;
        if (memcmp (address, cidr->bytes, whole) == 0 &&
            (rest == 0 || (address[whole] ^ cidr->bytes[whole]) >> (8 - rest) == 0))
            return true;
    }
    return false;
}

static bucket_t *
s_bucket (bucket_t *ways, uint64_t client)
{
    bucket_t *idlest = &ways[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (ways[i].client == client)
            return &ways[i];
        if (ways[i].full_us < idlest->full_us)
            idlest = &ways[i];
    }
    *idlest = (bucket_t){ .client = client };
    return idlest;
}

/*  Generic cell rate: the bucket is known by the time at which it will be full again. */
static uint64_t
s_take (bucket_t *bucket, uint64_t rate_per_s, uint64_t burst, uint64_t now_us)
{
    uint64_t cost_us = 1000000 / rate_per_s ? 1000000 / rate_per_s : 1;
    uint64_t full_us = bucket->full_us > now_us ? bucket->full_us : now_us;
    if (full_us + cost_us > now_us + burst * cost_us)
        return (full_us + cost_us - now_us - burst * cost_us + 999) / 1000;
    bucket->full_us = full_us + cost_us;
    return 0;
}

uint64_t
ip_limit_take (ip_limit_t *self, const char *text, uint64_t now_us)
{
    uint64_t rate_per_s = atomic_load_explicit (&self->rate_per_s, memory_order_relaxed);
    uint64_t burst = atomic_load_explicit (&self->burst, memory_order_relaxed);
    uint8_t address[16] = { 0 };
    if (rate_per_s == 0)
        return 0;
    bool is_address = s_read_address (text, address);
    if (is_address && s_is_spared (self, address))
        return 0;
    bool is_ipv4 = is_address && address[10] == 0xff && address[11] == 0xff && address[0] == 0;
    uint64_t client = hash_bytes (self->seed, is_address ? (const void *)address : text,
                                  is_address ? (is_ipv4 ? 16 : 8) : strlen (text)) |
                      1;
    uint64_t set = client / 2 % SETS;
    pthread_mutex_lock (&self->locks[set % LOCKS]);
    uint64_t wait_ms = s_take (s_bucket (self->buckets[set], client), rate_per_s, burst, now_us);
    pthread_mutex_unlock (&self->locks[set % LOCKS]);
    return wait_ms;
}
