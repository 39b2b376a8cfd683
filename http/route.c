#include "route.h"

#include "handlers.h"

#include <stdio.h>
#include <string.h>

#define API "/api/v1"

/* clang-format off */
static const route_t s_routes[] = {
    { METHOD_GET, API "/time", ACCESS_ANYONE, false, false, LISTENER_PUBLIC, handle_time_get },
    { METHOD_POST, API "/accounts", ACCESS_ANYONE, false, false, LISTENER_PUBLIC, handle_account_create },
    { METHOD_PUT, API "/accounts/me/password", ACCESS_SHOPPER, false, false, LISTENER_PUBLIC, handle_password_put },
    { METHOD_POST, API "/sessions", ACCESS_ANYONE, false, false, LISTENER_PUBLIC, handle_session_create },
    { METHOD_GET, API "/sessions/current", ACCESS_SHOPPER, false, false, LISTENER_PUBLIC, handle_session_get },
    { METHOD_DELETE, API "/sessions/current", ACCESS_SHOPPER, false, false, LISTENER_PUBLIC, handle_session_delete },
    { METHOD_GET, API "/sales", ACCESS_ANYONE, false, false, LISTENER_PUBLIC, handle_sale_list },
    { METHOD_GET, API "/sales/{sale_id}", ACCESS_ANYONE, false, false, LISTENER_PUBLIC, handle_sale_get },
    { METHOD_POST, API "/sales/{sale_id}/purchases", ACCESS_SHOPPER, true, false, LISTENER_PUBLIC, handle_purchase_create },
    { METHOD_GET, API "/sales/{sale_id}/purchases/{idempotency_key}", ACCESS_SHOPPER, false, false, LISTENER_PUBLIC, handle_purchase_get },
    { METHOD_GET, API "/orders", ACCESS_SHOPPER, false, false, LISTENER_PUBLIC, handle_order_list },
    { METHOD_GET, API "/orders/{order_id}", ACCESS_SHOPPER, false, false, LISTENER_PUBLIC, handle_order_get },
    { METHOD_POST, API "/orders/{order_id}/payments", ACCESS_SHOPPER, true, false, LISTENER_PUBLIC, handle_payment_create },
    { METHOD_POST, API "/orders/{order_id}/cancel", ACCESS_SHOPPER, false, false, LISTENER_PUBLIC, handle_order_cancel },
    { METHOD_POST, API "/payments/webhook", ACCESS_SIGNED, false, false, LISTENER_PUBLIC, handle_payment_event },
    { METHOD_POST, API "/admin/sales", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_operator_sale_create },
    { METHOD_GET, API "/admin/sales", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_operator_sale_list },
    { METHOD_GET, API "/admin/sales/{sale_id}", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_operator_sale_get },
    { METHOD_PATCH, API "/admin/sales/{sale_id}", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_operator_sale_edit },
    { METHOD_POST, API "/admin/sales/{sale_id}/publish", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_operator_sale_move },
    { METHOD_POST, API "/admin/sales/{sale_id}/pause", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_operator_sale_move },
    { METHOD_POST, API "/admin/sales/{sale_id}/resume", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_operator_sale_move },
    { METHOD_POST, API "/admin/sales/{sale_id}/end", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_operator_sale_move },
    { METHOD_POST, API "/admin/sales/{sale_id}/stock", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_operator_sale_stock },
    { METHOD_GET, API "/admin/sales/{sale_id}/audit", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_operator_sale_audit },
    { METHOD_GET, API "/admin/sales/{sale_id}/stats", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_operator_sale_stats },
    { METHOD_GET, API "/admin/orders/{order_id}", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_operator_order_get },
    { METHOD_POST, API "/admin/orders/{order_id}/cancel", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_operator_order_cancel },
    { METHOD_GET, API "/admin/dead-letters", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_dead_letter_list },
    { METHOD_POST, API "/admin/dead-letters/{dead_letter_id}/requeue", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_dead_letter_change },
    { METHOD_POST, API "/admin/dead-letters/{dead_letter_id}/discard", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_dead_letter_change },
    { METHOD_GET, API "/admin/actors", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_actor_list },
    { METHOD_POST, API "/admin/actors/{kind}", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_actor_scale },
    { METHOD_GET, API "/admin/limits", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_limits_get },
    { METHOD_PATCH, API "/admin/limits", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_limits_patch },
    { METHOD_GET, API "/admin/log", ACCESS_OPERATOR, false, false, LISTENER_PUBLIC, handle_log_list },
    { METHOD_GET, "/healthz", ACCESS_ANYONE, false, true, LISTENER_BOTH, handle_healthz_get },
    { METHOD_GET, "/readyz", ACCESS_ANYONE, false, true, LISTENER_BOTH, handle_readyz_get },
    { METHOD_GET, "/metrics", ACCESS_ANYONE, false, true, LISTENER_OPERATIONS, handle_metrics_get },
};
/* clang-format on */

#define ROUTE_COUNT (sizeof s_routes / sizeof *s_routes)

const route_t *
route_at (size_t index)
{
    return index < ROUTE_COUNT ? &s_routes[index] : NULL;
}

/*  Kinds that an operator may scale. */
static bool
s_read_kind (const char *name, kind_t *kind)
{
    *kind = kind_by_name (name);
    return *kind >= KIND_EDGE && *kind <= KIND_ACCOUNT;
}

static bool
s_read_parameter (const char *name, size_t count, const char *segment, subject_t *subject)
{
    static const struct {
        const char *name;
        enum {
            PARAMETER_SALE,
            PARAMETER_ORDER,
            PARAMETER_KEY,
            PARAMETER_DEAD_LETTER,
            PARAMETER_KIND
        } parameter;
    } parameters[] = { { "{sale_id}", PARAMETER_SALE },
                       { "{order_id}", PARAMETER_ORDER },
                       { "{idempotency_key}", PARAMETER_KEY },
                       { "{dead_letter_id}", PARAMETER_DEAD_LETTER },
                       { "{kind}", PARAMETER_KIND } };
    size_t i = 0;
    while (i < sizeof parameters / sizeof *parameters - 1 &&
           (strlen (parameters[i].name) != count || strncmp (parameters[i].name, name, count) != 0))
        i++;
    switch (parameters[i].parameter) {
    case PARAMETER_SALE:
        return decimal_read (segment, &subject->sale_id) && subject->sale_id > 0 &&
               subject->sale_id <= SALE_ID_MAX;
    case PARAMETER_ORDER:
        return identity_read (segment, subject->rid);
    case PARAMETER_KEY:
        subject->key = segment;
        return is_idempotency_key (segment);
    case PARAMETER_DEAD_LETTER:
        return decimal_read (segment, &subject->place) && subject->place > 0;
    case PARAMETER_KIND:
        return s_read_kind (segment, &subject->kind);
    }
    return false;
}

/*  Compares segment by segment; a parameter that cannot be what it names is no match: 404. */
static bool
s_matches (const char *pattern, const request_t *request, subject_t *subject)
{
    for (size_t i = 0; i < request->segment_count; i++) {
        const char *segment = request->segments[i];
        if (*pattern++ != '/')
            return false;
        size_t count = strcspn (pattern, "/");
        bool is_match = *pattern == '{'
                            ? s_read_parameter (pattern, count, segment, subject)
                            : strlen (segment) == count && strncmp (segment, pattern, count) == 0;
        if (!is_match)
            return false;
        pattern += count;
        subject->last = segment;
    }
    return *pattern == 0;
}

const route_t *
route_find (const request_t *request, listener_t listener, subject_t *subject, unsigned *methods)
{
    method_t method = request->method == METHOD_HEAD ? METHOD_GET : request->method;
    *methods = 0;
    if (request->segment_count > PATH_SEGMENTS_MAX)
        return NULL;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const route_t *route = &s_routes[i];
        if (!(route->listeners & listener) || !s_matches (route->pattern, request, subject))
            continue;
        if (route->method == method)
            return route;
        *methods |= route->method;
    }
    return NULL;
}

void
route_methods_text (unsigned methods, char *text, size_t text_bytes)
{
    static const struct {
        method_t method;
        const char *name;
    } names[] = { { METHOD_GET, "GET, HEAD" },
                  { METHOD_POST, "POST" },
                  { METHOD_PUT, "PUT" },
                  { METHOD_PATCH, "PATCH" },
                  { METHOD_DELETE, "DELETE" } };
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (methods & names[i].method && used < text_bytes)
            used += (size_t)snprintf (text + used, text_bytes - used, "%s%s", used ? ", " : "",
                                      names[i].name);
}
