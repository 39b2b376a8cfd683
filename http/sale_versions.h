/*  The versions of the sales that this edge shows: purchases carry them, so that the gate refuses what was bought from an old page. */

#ifndef MS_SALE_VERSIONS_H
#define MS_SALE_VERSIONS_H

#include "map.h"
#include "schema.h"

typedef struct sale_versions_t {
    map_t *versions; /* sale_id → version_t */
} sale_versions_t;

void sale_versions_init (sale_versions_t *self, uint64_t seed);
void sale_versions_close (sale_versions_t *self);
/*  Takes a snapshot; an older one changes nothing. Sales that are over make room. Returns false if SALES_MAX others are live. */
bool sale_versions_note (sale_versions_t *self, const sale_t *sale);
/*  The newest version, `otherwise` for a sale that is not there. */
uint64_t sale_versions_of (const sale_versions_t *self, uint64_t sale_id, uint64_t otherwise);
uint64_t sale_versions_digest (const sale_versions_t *self);

#endif
