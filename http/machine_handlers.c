/*  The clock, and what machines ask: alive, ready, metrics. */

#include "handlers.h"

void
handle_time_get (exchange_t *self)
{
    if (!exchange_is_valid (self))
        return;
    uint64_t now_ms = edge_gate_ms (self->edge, self->request.now_us);
    if (now_ms == 0) {
        exchange_refuse (self, ERROR_DEPENDENCY_UNAVAILABLE, "The gate's clock is not known yet.");
        return;
    }
    response_begin (&self->response, 200);
    text_field_number (&self->response.text, "now_ms", now_ms);
}

void
handle_healthz_get (exchange_t *self)
{
    response_begin (&self->response, 200);
    text_field (&self->response.text, "status", "alive");
}

void
handle_readyz_get (exchange_t *self)
{
    readiness_t has;
    edge_readiness (self->edge, &has);
    uint64_t gate_ms = edge_gate_ms (self->edge, self->request.now_us);
    bool is_recovering = catalogue_is_recovering (edge_catalogue (self->edge), gate_ms);
    bool has_all =
        has.sales && has.limits && has.denials && has.clock && has.limiter && has.seckill;
    bool is_ready = has_all && !is_recovering && !has.draining;
    if (is_ready)
        response_begin (&self->response, 200);
    else
        exchange_refuse (self,
                         has.draining    ? ERROR_DRAINING
                         : is_recovering ? ERROR_RECOVERING
                                         : ERROR_DEPENDENCY_UNAVAILABLE,
                         "A check is not passed; see checks.");
    text_t *text = &self->response.text;
    text_field_bool (text, "ready", is_ready);
    text_name (text, "checks");
    text_puts (text, "{");
    text_field_bool (text, "sales", has.sales);
    text_field_bool (text, "limits", has.limits);
    text_field_bool (text, "denials", has.denials);
    text_field_bool (text, "clock", has.clock);
    text_field_bool (text, "limiter", has.limiter);
    text_field_bool (text, "seckill", has.seckill);
    text_field_bool (text, "not_recovering", !is_recovering);
    text_field_bool (text, "not_draining", !has.draining);
    text_puts (text, "}");
}

void
handle_metrics_get (exchange_t *self)
{
    self->response.status = 200;
    self->response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_page_write (edge_metrics (self->edge), self->request.now_us, &self->response.text);
}
