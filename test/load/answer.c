#include "answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void
answer_reset (answer_t *self)
{
    /* The bytes need no clearing: `count` says how many are valid. */
    self->state = ANSWER_HEAD;
    self->status = 0;
    self->is_last = false;
    self->has_length = false;
    self->body_count = 0;
    self->body_seen = 0;
    self->head_count = 0;
    self->count = 0;
    self->bytes[0] = 0;
}

static bool
s_read_length (answer_t *self, const char *text)
{
    char *end = NULL;
    if (*text < '0' || *text > '9')
        return false;
    self->body_count = strtoull (text, &end, 10);
    self->has_length = true;
    return *end == '\r' || *end == ' ';
}

/*  One header line; `text` is the rest of the head, so it ends in CR LF. */
static bool
s_read_field (answer_t *self, const char *text)
{
    static const char length[] = "content-length:";
    static const char connection[] = "connection:";
    if (strncasecmp (text, length, sizeof length - 1) == 0) {
        text += sizeof length - 1;
        return s_read_length (self, text + strspn (text, " \t"));
    }
    if (strncasecmp (text, connection, sizeof connection - 1) == 0) {
        text += sizeof connection - 1;
        self->is_last = strncasecmp (text + strspn (text, " \t"), "close", 5) == 0;
    }
    return true;
}

static bool
s_read_head (answer_t *self)
{
    if (strncmp (self->bytes, "HTTP/1.", 7) != 0 || self->head_count < 12)
        return false;
    self->status = (unsigned)strtoul (self->bytes + 9, NULL, 10);
    if (self->status < 100 || self->status > 599)
        return false;
    const char *end = self->bytes + self->head_count - 2;
    for (const char *line = strstr (self->bytes, "\r\n"); line && line < end - 2;
         line = strstr (line + 2, "\r\n"))
        if (!s_read_field (self, line + 2))
            return false;
    return self->has_length || self->status == 204 || self->status == 304;
}

/*  Takes bytes until the head is complete. Returns how many of them belong to it. */
static size_t
s_feed_head (answer_t *self, const char *bytes, size_t count)
{
    size_t before = self->count;
    size_t taken = count < ANSWER_BYTES_MAX - before ? count : ANSWER_BYTES_MAX - before;
    memcpy (self->bytes + before, bytes, taken);
    self->count = before + taken;
    self->bytes[self->count] = 0;
    char *end = strstr (self->bytes + (before > 3 ? before - 3 : 0), "\r\n\r\n");
    if (!end) {
        if (self->count == ANSWER_BYTES_MAX)
            self->state = ANSWER_BAD;
        return taken;
    }
    self->head_count = (size_t)(end - self->bytes) + 4;
    self->count = self->head_count;
    self->state = s_read_head (self) ? ANSWER_BODY : ANSWER_BAD;
    return self->head_count - before;
}

static void
s_feed_body (answer_t *self, const char *bytes, size_t count)
{
    size_t room = ANSWER_BYTES_MAX - self->count;
    size_t kept = count < room ? count : room;
    memcpy (self->bytes + self->count, bytes, kept);
    self->count += kept;
    self->bytes[self->count] = 0;
    self->body_seen += count;
}

answer_state_t
answer_feed (answer_t *self, const char *bytes, size_t count)
{
    if (self->state == ANSWER_HEAD) {
        size_t taken = s_feed_head (self, bytes, count);
        bytes += taken;
        count -= taken;
    }
    if (self->state == ANSWER_BODY) {
        s_feed_body (self, bytes, count);
        if (self->body_seen > self->body_count)
            self->state = ANSWER_BAD;
        else if (self->body_seen == self->body_count)
            self->state = ANSWER_DONE;
    } else if (self->state == ANSWER_DONE && count > 0)
        self->state = ANSWER_BAD;
    return self->state;
}

void
answer_member (const answer_t *self, const char *name, char *value, size_t value_max)
{
    char quoted[48];
    snprintf (quoted, sizeof quoted, "\"%s\"", name);
    value[0] = 0;
    const char *found = strstr (self->bytes + self->head_count, quoted);
    if (!found)
        return;
    found += strlen (quoted);
    found += strspn (found, " \t\r\n:");
    bool is_text = *found == '"';
    found += is_text;
    size_t count = strcspn (found, is_text ? "\"" : ",} \r\n\t");
    if (count < value_max) {
        memcpy (value, found, count);
        value[count] = 0;
    }
}
