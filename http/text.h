/*  A text that grows up to a bound, with what JSON needs. Passing the bound cuts it and is remembered, never a crash. */

#ifndef MS_TEXT_H
#define MS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct text_t {
    char *bytes; /* not NUL-terminated */
    size_t count, room, max;
    bool is_cut;
} text_t;

void text_open (text_t *self, size_t max);
void text_close (text_t *self);
void text_clear (text_t *self);

void text_add (text_t *self, const char *bytes, size_t count);
void text_puts (text_t *self, const char *text);
void text_number (text_t *self, uint64_t number);
void text_printf (text_t *self, const char *format, ...) __attribute__ ((format (printf, 2, 3)));
/*  A JSON string with its quotes. */
void text_json (text_t *self, const char *value);

/*  Members of a JSON object; each puts a comma before itself where one belongs. */
void text_name (text_t *self, const char *name);
void text_field (text_t *self, const char *name, const char *value);
void text_field_number (text_t *self, const char *name, uint64_t value);
void text_field_bool (text_t *self, const char *name, bool value);
void text_field_null (text_t *self, const char *name);
/*  An id: a number as a string. */
void text_field_id (text_t *self, const char *name, uint64_t id);
/*  A comma unless it is the first in its object or array. */
void text_comma (text_t *self);

#endif
