/*  What the worker thread of the account program does: argon2id and JWT. */

#ifndef MS_ACCOUNT_WORK_H
#define MS_ACCOUNT_WORK_H

#include "params.h"
#include "schema.h"

/*  Reads DIR/secrets/token-key. NULL if it is missing or not 64 hex digits; its memory lives as long as the process. */
void *account_work_context (const params_t *params);
/*  PASSWORD_HASH and TOKEN_ISSUE. Cost: about 0.1 s and 64 MiB for a hash, some µs for a token. */
bool account_work (void *context, call_name_t call, const void *argument, void *result);

#endif
