/*  What the worker threads of the provider do: one signed POST. */

#ifndef MS_PROVIDER_WORK_H
#define MS_PROVIDER_WORK_H

#include "params.h"
#include "schema.h"

/*  Reads DIR/webhook-secret. NULL, and a sentence on stderr, if it is missing or empty; its memory lives as long as the process. */
void *provider_work_context (const params_t *params);
/*  WEBHOOK_POST: 200 → none, 400 → invalid_field, 401 → unauthenticated, any other answer → busy, no answer within 2 s →
    dependency_unavailable; `detail` says it in words. May run in several threads at once. Cost: a round trip over a connection that
    is kept. */
bool provider_work (void *context, call_name_t call, const void *argument, void *result);

#endif
