#include "sale_versions.h"

typedef struct version_t {
    uint64_t version;
    uint64_t is_ended;
} version_t;

void
sale_versions_init (sale_versions_t *self, uint64_t seed)
{
    self->versions = map_new (SALES_MAX, sizeof (version_t), seed);
}

void
sale_versions_close (sale_versions_t *self)
{
    map_destroy (&self->versions);
}

static void
s_forget_ended (map_t *versions)
{
    size_t cursor = 0;
    uint64_t sale_id;
    const version_t *version;
    while ((version = map_next (versions, &cursor, &sale_id)))
        if (version->is_ended)
            map_remove_at (versions, &cursor);
}

bool
sale_versions_note (sale_versions_t *self, const sale_t *sale)
{
    if (map_count (self->versions) == SALES_MAX && !map_find (self->versions, sale->sale_id))
        s_forget_ended (self->versions);
    version_t *known = map_insert (self->versions, sale->sale_id);
    if (!known)
        return false;
    if (sale->version >= known->version) {
        known->version = sale->version;
        known->is_ended = sale->state == SALE_ENDED;
    }
    return true;
}

uint64_t
sale_versions_of (const sale_versions_t *self, uint64_t sale_id, uint64_t otherwise)
{
    const version_t *known = map_find (self->versions, sale_id);
    return known ? known->version : otherwise;
}

uint64_t
sale_versions_digest (const sale_versions_t *self)
{
    return map_digest (self->versions);
}
