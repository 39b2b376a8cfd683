#include "text.h"

#include "check.h"

#include <stdarg.h>
#include <string.h>

#define FIRST_ROOM 2048u

void
text_open (text_t *self, size_t max)
{
    *self = (text_t){ .room = FIRST_ROOM < max ? FIRST_ROOM : max, .max = max };
    self->bytes = malloc (self->room);
    CHECK (self->bytes);
}

void
text_close (text_t *self)
{
    free (self->bytes);
    *self = (text_t){ 0 };
}

void
text_clear (text_t *self)
{
    self->count = 0;
    self->is_cut = false;
}

static bool
s_make_room (text_t *self, size_t count)
{
    if (count <= self->room - self->count)
        return true;
    if (count > self->max - self->count) {
        self->is_cut = true;
        return false;
    }
    size_t room = self->room;
    while (room - self->count < count)
        room = room * 2 < self->max ? room * 2 : self->max;
    char *bytes = realloc (self->bytes, room);
    CHECK (bytes);
    self->bytes = bytes;
    self->room = room;
    return true;
}

void
text_add (text_t *self, const char *bytes, size_t count)
{
    if (!s_make_room (self, count))
        return;
    memcpy (self->bytes + self->count, bytes, count);
    self->count += count;
}

void
text_puts (text_t *self, const char *text)
{
    text_add (self, text, strlen (text));
}

void
text_number (text_t *self, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    text_add (self, digits + at, sizeof digits - at);
}

void
text_printf (text_t *self, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start (arguments, format);
    int written = vsnprintf (line, sizeof line, format, arguments);
    va_end (arguments);
    CHECK (written >= 0);
    if ((size_t)written >= sizeof line) {
        self->is_cut = true;
        return;
    }
    text_add (self, line, (size_t)written);
}

static bool
s_is_plain (char c)
{
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

void
text_json (text_t *self, const char *value)
{
    text_add (self, "\"", 1);
    while (*value) {
        size_t plain = 0;
        while (value[plain] && s_is_plain (value[plain]))
            plain++;
        text_add (self, value, plain);
        value += plain;
        if (!*value)
            break;
        if (*value == '"' || *value == '\\') {
            text_add (self, "\\", 1);
            text_add (self, value, 1);
        } else
            text_printf (self, "\\u%04x", (unsigned)(unsigned char)*value);
        value++;
    }
    text_add (self, "\"", 1);
}

void
text_comma (text_t *self)
{
    char last = self->count ? self->bytes[self->count - 1] : '{';
    if (last != '{' && last != '[' && last != ':')
        text_add (self, ",", 1);
}

void
text_name (text_t *self, const char *name)
{
    text_comma (self);
    text_add (self, "\"", 1);
    text_puts (self, name);
    text_add (self, "\":", 2);
}

void
text_field (text_t *self, const char *name, const char *value)
{
    text_name (self, name);
    text_json (self, value);
}

void
text_field_number (text_t *self, const char *name, uint64_t value)
{
    text_name (self, name);
    text_number (self, value);
}

void
text_field_bool (text_t *self, const char *name, bool value)
{
    text_name (self, name);
    text_puts (self, value ? "true" : "false");
}

void
text_field_null (text_t *self, const char *name)
{
    text_name (self, name);
    text_puts (self, "null");
}

void
text_field_id (text_t *self, const char *name, uint64_t id)
{
    text_name (self, name);
    text_add (self, "\"", 1);
    text_number (self, id);
    text_add (self, "\"", 1);
}
