/*  A strict reader of small JSON bodies. One pass; each s_read_… starts at the first byte of its value and leaves `at` behind its
    last. Source: RFC 8259; compared with jansson over generated bodies in test_http_json.c. */

#include "json_body.h"

#include "codec.h"

#include <string.h>

typedef struct reader_t {
    json_body_t *body;
    size_t at, end;
} reader_t;

static bool s_read_value (reader_t *self, uint16_t node, unsigned depth);

static char
s_peek (const reader_t *self)
{
    return self->at < self->end ? self->body->text[self->at] : 0;
}

static void
s_skip_space (reader_t *self)
{
    char c;
    while ((c = s_peek (self)) == ' ' || c == '\t' || c == '\n' || c == '\r')
        self->at++;
}

static bool
s_take (reader_t *self, char wanted)
{
    if (s_peek (self) != wanted)
        return false;
    self->at++;
    return true;
}

static uint16_t
s_new_node (reader_t *self)
{
    if (self->body->count == JSON_NODES_MAX)
        return 0;
    memset (&self->body->nodes[self->body->count], 0, sizeof (json_node_t));
    return self->body->count++;
}

/* -------------------------------------------------------------------------- strings */

static int
s_hex4 (const reader_t *self, size_t at)
{
    int value = 0;
    for (size_t i = at; i < at + 4; i++) {
        char c = i < self->end ? self->body->text[i] : 0;
        if (c >= '0' && c <= '9')
            value = value * 16 + (c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            value = value * 16 + ((c | 0x20) - 'a' + 10);
        else
            return -1;
    }
    return value;
}

static size_t
s_put_utf8 (char *to, uint32_t code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xe0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3f));
        to[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3f));
    to[2] = (char)(0x80 | (code >> 6 & 0x3f));
    to[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/*  `at` stands behind the "\u". Surrogates only in pairs: a lone one cannot be written as UTF-8. */
static bool
s_read_unicode (reader_t *self, char *to, size_t *used, bool *has_nul)
{
    int unit = s_hex4 (self, self->at);
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return false;
    self->at += 4;
    uint32_t code = (uint32_t)unit;
    if (unit >= 0xd800 && unit <= 0xdbff) {
        if (self->at + 6 > self->end || memcmp (self->body->text + self->at, "\\u", 2) != 0)
            return false;
        int low = s_hex4 (self, self->at + 2);
        if (low < 0xdc00 || low > 0xdfff)
            return false;
        self->at += 6;
        code = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
    }
    *has_nul |= code == 0;
    *used = s_put_utf8 (to, code);
    return true;
}

static bool
s_read_escape (reader_t *self, char *to, size_t *used, bool *has_nul)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    char c = s_peek (self);
    self->at++;
    if (c == 'u')
        return s_read_unicode (self, to, used, has_nul);
    const char *found = c ? strchr (from, c) : NULL;
    if (!found)
        return false;
    *to = into[found - from];
    *used = 1;
    return true;
}

/*  Unescapes in place: what is written never passes what is read, since every escape is longer than what it means. */
static bool
s_read_string (reader_t *self, uint16_t *start, uint16_t *count, bool *has_nul)
{
    char *text = self->body->text;
    if (!s_take (self, '"'))
        return false;
    size_t to = self->at;
    *start = (uint16_t)to;
    while (self->at < self->end) {
        unsigned char c = (unsigned char)text[self->at++];
        if (c == '"') {
            *count = (uint16_t)(to - *start);
            return true;
        }
        if (c < 0x20)
            return false;
        size_t used = 1;
        if (c != '\\')
            text[to] = (char)c;
        else {
            char escaped[4];
            if (!s_read_escape (self, escaped, &used, has_nul))
                return false;
            memcpy (text + to, escaped, used);
        }
        to += used;
    }
    return false;
}

/* -------------------------------------------------------------------------- numbers, words */

static size_t
s_read_digits (reader_t *self)
{
    size_t start = self->at;
    while (s_peek (self) >= '0' && s_peek (self) <= '9')
        self->at++;
    return self->at - start;
}

static bool
s_read_number (reader_t *self, json_node_t *node)
{
    node->type = JSON_NODE_NUMBER;
    node->value = (uint16_t)self->at;
    s_take (self, '-');
    bool is_zero = s_peek (self) == '0';
    size_t digits = s_read_digits (self);
    if (digits == 0 || (is_zero && digits > 1))
        return false;
    if (s_take (self, '.') && s_read_digits (self) == 0)
        return false;
    if (s_take (self, 'e') || s_take (self, 'E')) {
        if (!s_take (self, '+'))
            s_take (self, '-');
        if (s_read_digits (self) == 0)
            return false;
    }
    node->value_count = (uint16_t)(self->at - node->value);
    return true;
}

static bool
s_read_word (reader_t *self, json_node_t *node)
{
    static const struct {
        const char *word;
        json_type_t type;
    } words[] = { { "true", JSON_NODE_TRUE },
                  { "false", JSON_NODE_FALSE },
                  { "null", JSON_NODE_NULL } };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t count = strlen (words[i].word);
        if (self->end - self->at >= count &&
            memcmp (self->body->text + self->at, words[i].word, count) == 0) {
            node->type = (uint8_t)words[i].type;
            self->at += count;
            return true;
        }
    }
    return false;
}

/* -------------------------------------------------------------------------- objects, arrays */

static bool
s_is_repeated (const json_body_t *body, uint16_t object, uint16_t member)
{
    const json_node_t *new_ = &body->nodes[member];
    for (uint16_t i = body->nodes[object].first; i && i != member; i = body->nodes[i].next)
        if (body->nodes[i].name_count == new_->name_count &&
            memcmp (body->text + body->nodes[i].name, body->text + new_->name, new_->name_count) ==
                0)
            return true;
    return false;
}

static bool
s_read_name (reader_t *self, uint16_t object, uint16_t member)
{
    json_node_t *node = &self->body->nodes[member];
    bool has_nul = false;
    if (!s_read_string (self, &node->name, &node->name_count, &has_nul))
        return false;
    s_skip_space (self);
    if (!s_take (self, ':'))
        return false;
    s_skip_space (self);
    return !s_is_repeated (self->body, object, member);
}

static bool
s_read_members (reader_t *self, uint16_t parent, unsigned depth)
{
    bool is_object = self->body->nodes[parent].type == JSON_NODE_OBJECT;
    char closing = is_object ? '}' : ']';
    uint16_t *link = &self->body->nodes[parent].first;
    self->at++;
    s_skip_space (self);
    if (s_take (self, closing))
        return true;
    for (;;) {
        uint16_t member = s_new_node (self);
        if (member == 0)
            return false;
        *link = member;
        link = &self->body->nodes[member].next;
        if (is_object && !s_read_name (self, parent, member))
            return false;
        if (!s_read_value (self, member, depth + 1))
            return false;
        s_skip_space (self);
        if (s_take (self, closing))
            return true;
        if (!s_take (self, ','))
            return false;
        s_skip_space (self);
    }
}

static bool
s_read_value (reader_t *self, uint16_t node_index, unsigned depth)
{
    json_node_t *node = &self->body->nodes[node_index];
    if (depth > JSON_DEPTH_MAX)
        return false;
    switch (s_peek (self)) {
    case '{':
        node->type = JSON_NODE_OBJECT;
        return s_read_members (self, node_index, depth);
    case '[':
        node->type = JSON_NODE_ARRAY;
        return s_read_members (self, node_index, depth);
    case '"':
        node->type = JSON_NODE_STRING;
        return s_read_string (self, &node->value, &node->value_count, &node->has_nul);
    case 't':
    case 'f':
    case 'n':
        return s_read_word (self, node);
    default:
        return s_read_number (self, node);
    }
}

bool
json_body_parse (json_body_t *self, const char *bytes, size_t count)
{
    self->count = 1;
    memset (&self->nodes[0], 0, sizeof self->nodes[0]);
    if (count == 0) {
        self->nodes[0].type = JSON_NODE_OBJECT;
        return true;
    }
    if (count > HTTP_BODY_BYTES_MAX || !codec_is_utf8 ((const uint8_t *)bytes, count))
        return false;
    memcpy (self->text, bytes, count);
    self->text[count] = 0;
    reader_t reader = { self, 0, count };
    s_skip_space (&reader);
    if (s_peek (&reader) != '{' || !s_read_value (&reader, 0, 1))
        return false;
    s_skip_space (&reader);
    return reader.at == reader.end;
}
