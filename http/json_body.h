/*  A request body as JSON, read strictly and within bounds: RFC 8259, UTF-8, one object, at most JSON_DEPTH_MAX deep, no name twice in
    one object. No allocation and no recursion deeper than JSON_DEPTH_MAX (CivetWeb's workers have 100 KiB of stack; a library that
    recurses 2,048 levels would crash on them). Well-formed numbers of any size are accepted here and judged by fields_number. */

#ifndef MS_JSON_BODY_H
#define MS_JSON_BODY_H

#include "wire_limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum json_type_t {
    JSON_NODE_OBJECT,
    JSON_NODE_ARRAY,
    JSON_NODE_STRING,
    JSON_NODE_NUMBER,
    JSON_NODE_TRUE,
    JSON_NODE_FALSE,
    JSON_NODE_NULL
} json_type_t;

/*  The shortest value with its comma takes two bytes. */
#define JSON_NODES_MAX (HTTP_BODY_BYTES_MAX / 2u + 2u)

typedef struct json_node_t {
    uint8_t type;
    bool is_read;                /* by fields_…: what is left at fields_end is unknown */
    bool has_nul;                /* a string with \u0000 */
    uint16_t next;               /* sibling, 0 = none; node 0 is the whole */
    uint16_t first;              /* child of an object or array, 0 = none */
    uint16_t name, name_count;   /* member of an object: in `text` */
    uint16_t value, value_count; /* string: unescaped; number: its digits */
} json_node_t;

typedef struct json_body_t {
    char text[HTTP_BODY_BYTES_MAX + 1]; /* copy of the body; strings are unescaped in place */
    json_node_t nodes[JSON_NODES_MAX];
    uint16_t count;
} json_body_t;

/*  Returns false if it is not such a body. No bytes at all are {}. */
bool json_body_parse (json_body_t *self, const char *bytes, size_t count);

/*  Reads the members of one object by name, and remembers what was wrong first. */
typedef struct fields_t {
    json_body_t *body;
    uint16_t object;
    bool is_wrong;
    char detail[160]; /* names the field */
} fields_t;

typedef enum presence_t { FIELD_REQUIRED, FIELD_OPTIONAL } presence_t;

void fields_open (fields_t *self, json_body_t *body);
bool fields_has (const fields_t *self, const char *name);
/*  An integer from min to max; `otherwise` if it is optional and missing. 1.0, "1", -0 and 1e2 are not integers here. */
uint64_t fields_number (fields_t *self, const char *name, presence_t presence, uint64_t min,
                        uint64_t max, uint64_t otherwise);
/*  The same with a sign: "-1" is one, "-0" and "+1" are not. */
int64_t fields_integer (fields_t *self, const char *name, presence_t presence, int64_t min,
                        int64_t max, int64_t otherwise);
/*  A string of bytes_min to bytes_max bytes of UTF-8 without NUL, copied to `text` (room for bytes_max + 1); "" if missing. */
void fields_text (fields_t *self, const char *name, presence_t presence, size_t bytes_min,
                  size_t bytes_max, char *text);
/*  Opens a member that is an object. Returns false if it is missing or wrong. Its own errors are handed up by fields_close. */
bool fields_object (fields_t *self, const char *name, fields_t *member);
void fields_close (fields_t *self, const fields_t *member);
/*  Marks the whole as wrong for a reason of the caller's. */
void fields_refuse (fields_t *self, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));
/*  Last: any member not read is unknown. Returns true if all was right. */
bool fields_end (fields_t *self);

#endif
