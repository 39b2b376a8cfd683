/*  Processes, limits and the log, as operators see them. */

#include "handlers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RATE_MAX 100000000u
#define WINDOW_MS_MAX 3600000u

/* -------------------------------------------------------------------------- actors */

static void
s_put_process (text_t *text, const process_t *process)
{
    char id[48];
    snprintf (id, sizeof id, "%s/%" PRIu64, kind_name (process->kind), process->number);
    text_comma (text);
    text_puts (text, "{");
    text_field (text, "kind", kind_name (process->kind));
    text_field (text, "id", id);
    text_field_number (text, "pid", process->pid);
    text_field (text, "state", process_state_name (process->state));
    text_field (text, "endpoint",
                *process->http_endpoint ? process->http_endpoint : process->endpoint);
    text_field_number (text, "in_flight", process->in_flight);
    text_field_number (text, "rate_per_s", process->rate_per_s);
    text_field_number (text, "queue_depth", process->queue_depth);
    text_field_number (text, "since_ms", process->since_ms);
    text_field (text, "version", process->version);
    text_puts (text, "}");
}

void
handle_actor_list (exchange_t *self)
{
    query_t query = { .operator= 1 };
    text_t *text = &self->response.text;
    size_t count;
    if (!exchange_is_valid (self))
        return;
    const process_t *processes =
        exchange_ask (self, MSG_DIRECTORY_GET, &query, MSG_DIRECTORY, &count);
    if (!processes)
        return;
    response_begin (&self->response, 200);
    text_name (text, "actors");
    text_puts (text, "[");
    for (size_t i = 0; i < count; i++)
        if (processes[i].kind >= KIND_EDGE && processes[i].kind <= KIND_ACCOUNT)
            s_put_process (text, &processes[i]);
    text_puts (text, "]");
}

void
handle_actor_scale (exchange_t *self)
{
    scale_t scale = { .kind = self->subject.kind };
    /* without an edge nobody could ask for one again */
    uint64_t least = scale.kind == KIND_EDGE ? 1 : 0;
    scale.count = fields_number (&self->fields, "count", FIELD_REQUIRED, least, PEERS_MAX, 0);
    memcpy (scale.actor, self->token.username, sizeof self->token.username);
    if (!exchange_is_valid (self) || !exchange_ask_one (self, MSG_SCALE, &scale, MSG_OUTCOME))
        return;
    response_begin (&self->response, 202);
    text_field (&self->response.text, "kind", kind_name (scale.kind));
    text_field_number (&self->response.text, "count", scale.count);
}

/* -------------------------------------------------------------------------- limits */

static void
s_put_level (text_t *text, limit_level_t level, const char *first_name, uint64_t first,
             const char *second_name, uint64_t second)
{
    text_name (text, limit_level_name (level));
    text_puts (text, "{");
    text_field_number (text, first_name, first);
    text_field_number (text, second_name, second);
    text_puts (text, "}");
}

static void
s_answer_limits (exchange_t *self, const limits_t *limits)
{
    text_t *text = &self->response.text;
    response_begin (&self->response, 200);
    text_name (text, "limits");
    text_puts (text, "{");
    s_put_level (text, LIMIT_IP, "rate_per_s", limits->ip_rate_per_s, "burst", limits->ip_burst);
    s_put_level (text, LIMIT_USER, "count", limits->user_count, "window_ms",
                 limits->user_window_ms);
    s_put_level (text, LIMIT_SALE, "rate_per_s", limits->sale_rate_per_s, "burst",
                 limits->sale_burst);
    s_put_level (text, LIMIT_GLOBAL, "rate_per_s", limits->global_rate_per_s, "burst",
                 limits->global_burst);
    text_puts (text, "}");
}

void
handle_limits_get (exchange_t *self)
{
    query_t query = { .operator= 1 };
    if (!exchange_is_valid (self))
        return;
    const limits_t *limits = exchange_ask_one (self, MSG_LIMITS_GET, &query, MSG_LIMITS);
    if (limits)
        s_answer_limits (self, limits);
}

/*  Members of one level over what is in force: a missing one stays as it is. */
static void
s_merge_level (fields_t *fields, limit_level_t level, const char *first_name, uint64_t *first,
               uint64_t first_max, const char *second_name, uint64_t *second, uint64_t second_min,
               uint64_t second_max)
{
    fields_t member;
    if (!fields_object (fields, limit_level_name (level), &member))
        return;
    *first = fields_number (&member, first_name, FIELD_OPTIONAL, 0, first_max, *first);
    *second = fields_number (&member, second_name, FIELD_OPTIONAL, second_min, second_max, *second);
    fields_end (&member);
    fields_close (fields, &member);
}

static void
s_merge_limits (fields_t *fields, limits_t *limits)
{
    s_merge_level (fields, LIMIT_IP, "rate_per_s", &limits->ip_rate_per_s, RATE_MAX, "burst",
                   &limits->ip_burst, 0, RATE_MAX);
    s_merge_level (fields, LIMIT_USER, "count", &limits->user_count, RATE_MAX, "window_ms",
                   &limits->user_window_ms, 1, WINDOW_MS_MAX);
    s_merge_level (fields, LIMIT_SALE, "rate_per_s", &limits->sale_rate_per_s, RATE_MAX, "burst",
                   &limits->sale_burst, 0, RATE_MAX);
    s_merge_level (fields, LIMIT_GLOBAL, "rate_per_s", &limits->global_rate_per_s, RATE_MAX,
                   "burst", &limits->global_burst, 0, RATE_MAX);
}

/*  The levels stand in "limits", as in the answer, or directly in the body. */
static void
s_merge_body (exchange_t *self, limits_t *limits)
{
    fields_t member;
    if (!fields_has (&self->fields, "limits")) {
        s_merge_limits (&self->fields, limits);
        return;
    }
    if (!fields_object (&self->fields, "limits", &member))
        return;
    s_merge_limits (&member, limits);
    fields_end (&member);
    fields_close (&self->fields, &member);
}

void
handle_limits_patch (exchange_t *self)
{
    query_t query = { .operator= 1 };
    limits_t limits = { 0 };
    s_merge_body (self, &limits); /* first to see whether it is right */
    if (!exchange_is_valid (self))
        return;
    const limits_t *present = exchange_ask_one (self, MSG_LIMITS_GET, &query, MSG_LIMITS);
    if (!present)
        return;
    limits = *present;
    s_merge_body (self, &limits);
    memcpy (limits.actor, self->token.username, sizeof self->token.username);
    present = exchange_ask_one (self, MSG_LIMITS_SET, &limits, MSG_LIMITS);
    if (present)
        s_answer_limits (self, present);
}

/* -------------------------------------------------------------------------- log */

void
handle_log_list (exchange_t *self)
{
    query_t query = { .operator= 1, .after = exchange_cursor (self), .limit = PAGE_ROWS + 1 };
    text_t *text = &self->response.text;
    size_t count;
    if (!exchange_is_valid (self))
        return;
    const log_entry_t *entries = exchange_ask (self, MSG_LOG_LIST, &query, MSG_LOG, &count);
    if (!entries)
        return;
    response_begin (&self->response, 200);
    text_name (text, "entries");
    text_puts (text, "[");
    for (size_t i = 0; i < count && i < PAGE_ROWS; i++) {
        text_comma (text);
        text_puts (text, "{");
        text_field_number (text, "at_ms", entries[i].at_ms);
        text_field (text, "who", entries[i].who);
        text_field (text, "action", entries[i].action);
        text_field (text, "target", entries[i].target);
        text_field (text, "from", entries[i].before);
        text_field (text, "to", entries[i].after);
        text_puts (text, "}");
    }
    text_puts (text, "]");
    exchange_put_cursor (self, count > PAGE_ROWS ? entries[PAGE_ROWS - 1].place : 0);
}
