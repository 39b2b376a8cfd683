/*  The rows of calls.def, called directly and one at a time: what tests ask the stores with. */

#ifndef MS_STORE_CALLS_H
#define MS_STORE_CALLS_H

#include "schema.h"

#include <hiredis/hiredis.h>
#include <libpq-fe.h>

/*  Runs a STORE_GATE call. `run_id` is what the script compares with the gate's.
    Returns the number of results, or -1 if Redis refused or the answer is not of the call's record: see store_error. */
int gate_call (redisContext *redis, const char *run_id, call_name_t call, const void *arguments,
               size_t count, void *results, size_t results_max);

/*  Runs a STORE_SQL call. Returns the number of results, or -1: see store_error. */
int sql_call (PGconn *sql, call_name_t call, const void *arguments, size_t count, void *results,
              size_t results_max);

/*  Why the last call of this thread returned -1; for SQL it begins with the SQLSTATE. */
const char *store_error (void);

/*  Run id of the server behind a connection; 41 bytes. */
bool gate_run_id (redisContext *redis, char run_id[41]);

#endif
