/*  One question from a program that is not in the directory (the command line) to one process, and
 * its answer. */

#ifndef MS_RPC_H
#define MS_RPC_H

#include "params.h"
#include "schema.h"

/*  Fixed endpoint of a broker or the supervisor: ipc://DIR/run/ipc/<kind>-<number>. */
bool rpc_endpoint (const params_t *params, kind_t kind, uint64_t number, char *endpoint,
                   size_t endpoint_bytes);

/*  Sends one entry (NULL: none) and waits for the answer. Returns the answer's type, with up to
   `entries_max` structs of its record in `entries` (which must have room for the largest record
   expected) and their number in `count`; MSG_NONE (0) if none came in time. */
uint64_t rpc_call (const params_t *params, const char *endpoint, message_type_t type,
                   const void *entry, void *entries, size_t entries_bytes, size_t *count,
                   uint64_t deadline_ms);

#endif
