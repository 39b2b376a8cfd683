#include "tally.h"
#include "latency.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NOBODY UINT32_MAX

typedef struct kind_count_t {
    unsigned status;
    char code[TALLY_CODE_BYTES_MAX];
    uint64_t count; /* all answers */
    uint64_t final; /* those after which the client stopped trying */
} kind_count_t;

typedef struct owned_id_t {
    uint64_t high, low; /* the id's hexadecimal digits */
    uint32_t user;      /* NOBODY = free slot */
} owned_id_t;

struct tally_t {
    kind_count_t kinds[TALLY_KINDS_MAX];
    size_t kind_count;
    uint64_t answers;
    latency_t latency;
    owned_id_t *ids; /* open addressing; capacity is a power of two */
    size_t id_capacity;
    size_t id_count;
    uint64_t malformed_ids;
    uint64_t shared_ids;    /* one order confirmed to two shoppers */
    uint64_t second_orders; /* a shopper with two orders */
    uint32_t users;
    owned_id_t *first_of; /* by user: the first order that was confirmed */
};

static owned_id_t *
s_table_new (size_t count)
{
    owned_id_t *table = malloc (count * sizeof *table);
    for (size_t i = 0; table && i < count; i++)
        table[i] = (owned_id_t){ 0, 0, NOBODY };
    return table;
}

tally_t *
tally_new (uint32_t users)
{
    tally_t *self = calloc (1, sizeof *self);
    if (!self)
        return NULL;
    self->users = users;
    self->id_capacity = 1024;
    self->ids = s_table_new (self->id_capacity);
    self->first_of = s_table_new ((size_t)users + 1);
    if (!self->ids || !self->first_of)
        tally_destroy (&self);
    return self;
}

void
tally_destroy (tally_t **self_p)
{
    if (*self_p) {
        free ((*self_p)->ids);
        free ((*self_p)->first_of);
        free (*self_p);
        *self_p = NULL;
    }
}

static kind_count_t *
s_kind (tally_t *self, unsigned status, const char *code)
{
    for (size_t i = 0; i < self->kind_count; i++)
        if (self->kinds[i].status == status && strcmp (self->kinds[i].code, code) == 0)
            return &self->kinds[i];
    if (self->kind_count == TALLY_KINDS_MAX)
        return &self->kinds[TALLY_KINDS_MAX - 1];
    kind_count_t *kind = &self->kinds[self->kind_count++];
    kind->status = status;
    snprintf (kind->code, sizeof kind->code, "%s", code);
    return kind;
}

void
tally_answer (tally_t *self, unsigned status, const char *code, bool is_final, uint64_t latency_us)
{
    kind_count_t *kind = s_kind (self, status, code);
    kind->count++;
    self->answers++;
    if (is_final) {
        kind->final++;
        latency_add (&self->latency, latency_us);
    }
}

/*  Digits of an id into 128 bits; false unless there are exactly 32 of them. */
static bool
s_parse_id (const char *text, uint64_t *high, uint64_t *low)
{
    unsigned digits = 0;
    *high = *low = 0;
    for (; *text; text++) {
        uint64_t digit;
        if (*text == '-')
            continue;
        if (*text >= '0' && *text <= '9')
            digit = (uint64_t)(*text - '0');
        else if (*text >= 'a' && *text <= 'f')
            digit = (uint64_t)(*text - 'a') + 10;
        else
            return false;
        *high = *high << 4 | *low >> 60;
        *low = *low << 4 | digit;
        digits++;
    }
    return digits == 32;
}

static owned_id_t *
s_slot (owned_id_t *ids, size_t capacity, uint64_t high, uint64_t low)
{
    size_t i = (size_t)((low ^ high) * 0x9e3779b97f4a7c15ull >> 20) & (capacity - 1);
    while (ids[i].user != NOBODY && (ids[i].high != high || ids[i].low != low))
        i = (i + 1) & (capacity - 1);
    return &ids[i];
}

static void
s_grow (tally_t *self)
{
    size_t capacity = self->id_capacity * 2;
    owned_id_t *ids = s_table_new (capacity);
    if (!ids) {
        fprintf (stderr, "minishop-load: out of memory\n");
        exit (1);
    }
    for (size_t i = 0; i < self->id_capacity; i++)
        if (self->ids[i].user != NOBODY)
            *s_slot (ids, capacity, self->ids[i].high, self->ids[i].low) = self->ids[i];
    free (self->ids);
    self->ids = ids;
    self->id_capacity = capacity;
}

static void
s_own (tally_t *self, uint32_t user, uint64_t high, uint64_t low)
{
    owned_id_t *slot = s_slot (self->ids, self->id_capacity, high, low);
    if (slot->user == NOBODY) {
        *slot = (owned_id_t){ high, low, user };
        if (++self->id_count * 2 > self->id_capacity)
            s_grow (self);
    } else if (slot->user != user)
        self->shared_ids++;
    owned_id_t *first = &self->first_of[user];
    if (first->user == NOBODY)
        *first = (owned_id_t){ high, low, user };
    else if (first->high != high || first->low != low)
        self->second_orders++;
}

void
tally_order (tally_t *self, uint32_t user, const char *order_id)
{
    uint64_t high, low;
    if (user < self->users && s_parse_id (order_id, &high, &low))
        s_own (self, user, high, low);
    else
        self->malformed_ids++;
}

void
tally_merge (tally_t *self, const tally_t *other)
{
    for (size_t i = 0; i < other->kind_count; i++) {
        kind_count_t *kind = s_kind (self, other->kinds[i].status, other->kinds[i].code);
        kind->count += other->kinds[i].count;
        kind->final += other->kinds[i].final;
    }
    self->answers += other->answers;
    self->malformed_ids += other->malformed_ids;
    self->shared_ids += other->shared_ids;
    self->second_orders += other->second_orders;
    latency_merge (&self->latency, &other->latency);
    for (size_t i = 0; i < other->id_capacity; i++)
        if (other->ids[i].user != NOBODY)
            s_own (self, other->ids[i].user, other->ids[i].high, other->ids[i].low);
}

static void
s_print_kinds (const tally_t *self, const char *name, bool only_final, FILE *out)
{
    const char *separator = "";
    fprintf (out, "  \"%s\": {", name);
    for (size_t i = 0; i < self->kind_count; i++) {
        const kind_count_t *kind = &self->kinds[i];
        uint64_t count = only_final ? kind->final : kind->count;
        if (count == 0)
            continue;
        fprintf (out, "%s\"%u %s\": %" PRIu64, separator, kind->status, kind->code, count);
        separator = ", ";
    }
    fprintf (out, "},\n");
}

static void
s_print_latency (const tally_t *self, FILE *out)
{
    fprintf (out,
             "  \"latency_ms\": {\"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, \"p999\": %.3f, "
             "\"max\": %.3f}",
             (double)latency_at (&self->latency, 500) / 1000.0,
             (double)latency_at (&self->latency, 900) / 1000.0,
             (double)latency_at (&self->latency, 990) / 1000.0,
             (double)latency_at (&self->latency, 999) / 1000.0,
             (double)self->latency.max_us / 1000.0);
}

void
tally_print (const tally_t *self, double seconds, FILE *out)
{
    s_print_kinds (self, "answers_by", false, out);
    s_print_kinds (self, "final_by", true, out);
    fprintf (out, "  \"answers\": %" PRIu64 ",\n", self->answers);
    fprintf (out, "  \"finished\": %" PRIu64 ",\n", self->latency.count);
    fprintf (out, "  \"per_s\": %.1f,\n", (double)self->latency.count / seconds);
    fprintf (out, "  \"orders\": %zu,\n", self->id_count);
    fprintf (out, "  \"malformed_ids\": %" PRIu64 ",\n", self->malformed_ids);
    fprintf (out, "  \"shared_ids\": %" PRIu64 ",\n", self->shared_ids);
    fprintf (out, "  \"second_orders\": %" PRIu64 ",\n", self->second_orders);
    s_print_latency (self, out);
}

void
tally_print_short (const tally_t *self, const char *name, FILE *out)
{
    fprintf (out, "  \"%s\": {\n", name);
    s_print_kinds (self, "answers_by", false, out);
    s_print_kinds (self, "final_by", true, out);
    fprintf (out, "  \"answers\": %" PRIu64 ",\n", self->answers);
    fprintf (out, "  \"finished\": %" PRIu64 ",\n", self->latency.count);
    s_print_latency (self, out);
    fprintf (out, "}");
}
