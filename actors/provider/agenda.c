#include "agenda.h"

#include "check.h"

typedef struct item_t {
    uint64_t due_us, key;
} item_t;

struct agenda_t {
    size_t items_max, count;
    item_t *items;
};

agenda_t *
agenda_new (size_t items_max)
{
    agenda_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->items_max = items_max;
    self->items = calloc (items_max, sizeof *self->items);
    CHECK (self->items);
    return self;
}

void
agenda_destroy (agenda_t **self_p)
{
    agenda_t *self = *self_p;
    if (self) {
        free (self->items);
        free (self);
        *self_p = NULL;
    }
}

size_t
agenda_count (const agenda_t *self)
{
    return self->count;
}

static bool
s_is_before (item_t a, item_t b)
{
    return a.due_us != b.due_us ? a.due_us < b.due_us : a.key < b.key;
}

void
agenda_put (agenda_t *self, uint64_t due_us, uint64_t key)
{
    CHECK (self->count < self->items_max);
    item_t item = { due_us, key };
    size_t at = self->count++;
    while (at > 0 && s_is_before (item, self->items[(at - 1) / 2])) {
        self->items[at] = self->items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    self->items[at] = item;
}

uint64_t
agenda_due_us (const agenda_t *self)
{
    return self->count > 0 ? self->items[0].due_us : UINT64_MAX;
}

bool
agenda_take (agenda_t *self, uint64_t *key)
{
    if (self->count == 0)
        return false;
    *key = self->items[0].key;
    item_t last = self->items[--self->count];
    size_t at = 0;
    for (size_t child = 1; child < self->count; child = 2 * at + 1) {
        if (child + 1 < self->count && s_is_before (self->items[child + 1], self->items[child]))
            child++;
        if (!s_is_before (self->items[child], last))
            break;
        self->items[at] = self->items[child];
        at = child;
    }
    self->items[at] = last;
    return true;
}

void
agenda_clear (agenda_t *self)
{
    self->count = 0;
}

void
agenda_check (const agenda_t *self)
{
    for (size_t i = 1; i < self->count; i++)
        CHECK (!s_is_before (self->items[i], self->items[(i - 1) / 2]));
}
