#include "port.h"

#include "check.h"

void
port_fail (port_failures_t *self, call_name_t call, uint64_t tag, result_status_t status,
           const char *detail)
{
    CHECK (self->count < PORT_FAILED_MAX); /* cores bound their calls in flight far below */
    port_failed_t *failed = &self->failed[(self->first + self->count++) % PORT_FAILED_MAX];
    failed->call = call;
    failed->tag = tag;
    failed->status = status;
    snprintf (failed->detail, sizeof failed->detail, "%s", detail);
}

void
port_tell_failures (port_failures_t *self, port_result_fn result, void *context)
{
    for (size_t left = self->count; left > 0; left--) {
        port_failed_t failed = self->failed[self->first];
        self->first = (self->first + 1) % PORT_FAILED_MAX;
        self->count--;
        port_result_t told = {
            .call = failed.call, .tag = failed.tag, .status = failed.status, .detail = failed.detail
        };
        result (context, &told);
    }
}
