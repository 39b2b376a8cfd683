#include "json_body.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
fields_open (fields_t *self, json_body_t *body)
{
    self->body = body;
    self->object = 0;
    self->is_wrong = false;
    self->detail[0] = 0;
}

void
fields_refuse (fields_t *self, const char *format, ...)
{
    if (self->is_wrong)
        return;
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (self->detail, sizeof self->detail, format, arguments);
    va_end (arguments);
    self->is_wrong = true;
}

static json_node_t *
s_find (const fields_t *self, const char *name)
{
    size_t count = strlen (name);
    json_body_t *body = self->body;
    for (uint16_t i = body->nodes[self->object].first; i; i = body->nodes[i].next)
        if (body->nodes[i].name_count == count &&
            memcmp (body->text + body->nodes[i].name, name, count) == 0)
            return &body->nodes[i];
    return NULL;
}

bool
fields_has (const fields_t *self, const char *name)
{
    return s_find (self, name) != NULL;
}

/*  The member, marked as read; NULL if it is missing, which is wrong if it is required. */
static json_node_t *
s_read (fields_t *self, const char *name, presence_t presence)
{
    json_node_t *node = s_find (self, name);
    if (node)
        node->is_read = true;
    else if (presence == FIELD_REQUIRED)
        fields_refuse (self, "\"%s\" is missing", name);
    return node;
}

/*  Digits alone, so that what is read is what was written: 1.0 and 1e2 are someone's rounding. */
static bool
s_is_integer (const json_body_t *body, const json_node_t *node, uint64_t *number)
{
    uint64_t value = 0;
    if (node->type != JSON_NODE_NUMBER || node->value_count > 18)
        return false;
    for (uint16_t i = 0; i < node->value_count; i++) {
        char c = body->text[node->value + i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (uint64_t)(c - '0');
    }
    *number = value;
    return true;
}

uint64_t
fields_number (fields_t *self, const char *name, presence_t presence, uint64_t min, uint64_t max,
               uint64_t otherwise)
{
    uint64_t number = 0;
    const json_node_t *node = s_read (self, name, presence);
    if (!node)
        return otherwise;
    if (!s_is_integer (self->body, node, &number) || number < min || number > max) {
        fields_refuse (self, "\"%s\" is an integer from %" PRIu64 " to %" PRIu64, name, min, max);
        return otherwise;
    }
    return number;
}

/*  A minus sign, then what s_is_integer takes; 18 digits fit whatever the sign. */
static bool
s_is_signed_integer (const json_body_t *body, const json_node_t *node, int64_t *number)
{
    uint64_t size = 0;
    json_node_t digits = *node;
    bool is_negative = node->type == JSON_NODE_NUMBER && body->text[node->value] == '-';
    if (is_negative) {
        digits.value++;
        digits.value_count--;
    }
    if (!s_is_integer (body, &digits, &size) || (is_negative && size == 0))
        return false;
    *number = is_negative ? -(int64_t)size : (int64_t)size;
    return true;
}

int64_t
fields_integer (fields_t *self, const char *name, presence_t presence, int64_t min, int64_t max,
                int64_t otherwise)
{
    int64_t number = 0;
    const json_node_t *node = s_read (self, name, presence);
    if (!node)
        return otherwise;
    if (!s_is_signed_integer (self->body, node, &number) || number < min || number > max) {
        fields_refuse (self, "\"%s\" is an integer from %" PRId64 " to %" PRId64, name, min, max);
        return otherwise;
    }
    return number;
}

void
fields_text (fields_t *self, const char *name, presence_t presence, size_t bytes_min,
             size_t bytes_max, char *text)
{
    text[0] = 0;
    const json_node_t *node = s_read (self, name, presence);
    if (!node)
        return;
    if (node->type != JSON_NODE_STRING || node->has_nul || node->value_count < bytes_min ||
        node->value_count > bytes_max) {
        fields_refuse (self, "\"%s\" is a string of %zu to %zu bytes without NUL", name, bytes_min,
                       bytes_max);
        return;
    }
    memcpy (text, self->body->text + node->value, node->value_count);
    text[node->value_count] = 0;
}

bool
fields_object (fields_t *self, const char *name, fields_t *member)
{
    const json_node_t *node = s_read (self, name, FIELD_OPTIONAL);
    if (!node)
        return false;
    if (node->type != JSON_NODE_OBJECT) {
        fields_refuse (self, "\"%s\" is an object", name);
        return false;
    }
    fields_open (member, self->body);
    member->object = (uint16_t)(node - self->body->nodes);
    return true;
}

void
fields_close (fields_t *self, const fields_t *member)
{
    if (member->is_wrong)
        fields_refuse (self, "%s", member->detail);
}

/*  The name as it came, cut and with everything unprintable shown as '?': it goes into a sentence. */
static void
s_refuse_unknown (fields_t *self, const json_node_t *node)
{
    char name[33];
    size_t count = node->name_count < 32 ? node->name_count : 32;
    for (size_t i = 0; i < count; i++) {
        char c = self->body->text[node->name + i];
        name[i] = c >= 0x20 && c < 0x7f ? c : '?';
    }
    name[count] = 0;
    fields_refuse (self, "\"%s\" is not a field here", name);
}

bool
fields_end (fields_t *self)
{
    const json_node_t *nodes = self->body->nodes;
    for (uint16_t i = nodes[self->object].first; i; i = nodes[i].next)
        if (!nodes[i].is_read)
            s_refuse_unknown (self, &nodes[i]);
    return !self->is_wrong;
}
