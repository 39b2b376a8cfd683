/*  Sales as shoppers see them, from the snapshot alone: no actor is asked. */

#include "handlers.h"
#include "sale_view.h"

#define WORDS_BYTES_MAX 100u

typedef struct list_t {
    text_t *text;
    uint64_t gate_ms;
} list_t;

static void
s_put_sale (void *context, const sale_t *sale)
{
    list_t *list = context;
    text_comma (list->text);
    text_puts (list->text, "{");
    sale_view_put (list->text, sale, list->gate_ms);
    text_puts (list->text, "}");
}

/*  Until the first snapshot and the clock nobody can say what is on sale. */
static bool
s_has_snapshot (exchange_t *self, uint64_t *gate_ms)
{
    *gate_ms = edge_gate_ms (self->edge, self->request.now_us);
    if (*gate_ms && edge_has_sales (self->edge))
        return true;
    exchange_refuse (self, ERROR_DEPENDENCY_UNAVAILABLE, "The sales are not known here yet.");
    return false;
}

/*  Versions ignore now_ms, which is different in every answer. */
static void
s_finish (exchange_t *self, uint64_t gate_ms)
{
    response_make_etag (&self->response);
    self->response.cache_control =
        exchange_has_credentials (self) ? "no-store" : "public, max-age=1";
    if (!response_is_not_modified (&self->response, &self->request))
        text_field_number (&self->response.text, "now_ms", gate_ms);
}

static void
s_read_filter (exchange_t *self, sale_filter_t *filter, char *words)
{
    char state[16];
    bool is_known = request_query (&self->request, "state", state, sizeof state - 1);
    filter->phase = sale_phase_by_name (state);
    if (!is_known || (*state && filter->phase == PHASE_NONE))
        fields_refuse (&self->fields, "state is scheduled, live, paused, sold_out or ended");
    if (!request_query (&self->request, "q", words, WORDS_BYTES_MAX))
        fields_refuse (&self->fields, "q is a text of at most %u bytes", WORDS_BYTES_MAX);
    filter->words = words;
    filter->after = exchange_cursor (self);
    filter->limit = PAGE_ROWS;
}

void
handle_sale_list (exchange_t *self)
{
    sale_filter_t filter;
    char words[WORDS_BYTES_MAX + 1];
    s_read_filter (self, &filter, words);
    if (!exchange_is_valid (self) || !s_has_snapshot (self, &filter.gate_ms))
        return;
    list_t list = { &self->response.text, filter.gate_ms };
    response_begin (&self->response, 200);
    text_name (list.text, "sales");
    text_puts (list.text, "[");
    uint64_t next = catalogue_visit (edge_catalogue (self->edge), &filter, s_put_sale, &list);
    text_puts (list.text, "]");
    exchange_put_cursor (self, next);
    s_finish (self, filter.gate_ms);
}

void
handle_sale_get (exchange_t *self)
{
    sale_t sale;
    uint64_t gate_ms;
    if (!exchange_is_valid (self) || !s_has_snapshot (self, &gate_ms))
        return;
    if (!catalogue_get (edge_catalogue (self->edge), self->subject.sale_id, &sale)) {
        exchange_refuse (self, ERROR_UNKNOWN_SALE, NULL);
        return;
    }
    response_begin (&self->response, 200);
    sale_view_put (&self->response.text, &sale, gate_ms);
    s_finish (self, gate_ms);
}
