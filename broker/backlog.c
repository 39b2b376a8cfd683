/*  Entries and deliveries in two pools. A delivery has at least one entry, or is that of a stream's delayed message: so there is always
    one for it.

    Invariants
    L1  Free + fresh + in deliveries + kept by the router = all entries.
    L2  `known` holds exactly the entries that are not free; `by_id` exactly the deliveries that are not free.
    L3  Entries of a delivery never change while its id lives: an acknowledgement of the id covers just them. */

#include "backlog.h"

#include "check.h"
#include "hash.h"
#include "map.h"

#include <string.h>

#define NOWHERE UINT32_MAX
#define DELIVERIES_MAX (BACKLOG_ENTRIES_MAX + BACKLOG_DUES_MAX)

typedef struct entry_t {
    order_event_t event;
    uint32_t stream;
    uint32_t next;
} entry_t;

typedef struct list_t {
    uint32_t first;
    uint32_t last;
    uint32_t count;
} list_t;

struct backlog_t {
    entry_t entries[BACKLOG_ENTRIES_MAX];
    delivery_t deliveries[DELIVERIES_MAX];
    chain_t free;
    chain_t fresh;
    size_t delivered_count; /* entries in deliveries */
    list_t lists[DELIVERY_STATES];
    uint64_t soonest_us[DELIVERY_STATES];
    uint64_t next_id;
    map_t *known; /* hash of (sale, epoch, id) → index of the entry */
    map_t *by_id; /* id of the delivery → its index */
};

/* -------------------------------------------------------------------------- chains and lists */

static void
s_push (backlog_t *self, chain_t *chain, uint32_t index)
{
    self->entries[index].next = NOWHERE;
    if (chain->count == 0)
        chain->first = index;
    else
        self->entries[chain->last].next = index;
    chain->last = index;
    chain->count++;
}

static uint32_t
s_pop (const backlog_t *self, chain_t *chain)
{
    CHECK (chain->count > 0);
    uint32_t index = chain->first;
    chain->first = self->entries[index].next;
    chain->count--;
    return index;
}

static uint32_t
s_index (const backlog_t *self, const delivery_t *delivery)
{
    return (uint32_t)(delivery - self->deliveries);
}

static void
s_link (backlog_t *self, delivery_t *delivery, delivery_state_t state)
{
    list_t *list = &self->lists[state];
    uint32_t index = s_index (self, delivery);
    delivery->state = state;
    delivery->next = NOWHERE;
    delivery->previous = list->count ? list->last : NOWHERE;
    if (list->count)
        self->deliveries[list->last].next = index;
    else
        list->first = index;
    list->last = index;
    list->count++;
}

static void
s_unlink (backlog_t *self, delivery_t *delivery)
{
    list_t *list = &self->lists[delivery->state];
    if (delivery->previous == NOWHERE)
        list->first = delivery->next;
    else
        self->deliveries[delivery->previous].next = delivery->next;
    if (delivery->next == NOWHERE)
        list->last = delivery->previous;
    else
        self->deliveries[delivery->next].previous = delivery->previous;
    list->count--;
}

/* -------------------------------------------------------------------------- the table */

static void
s_map_clear (map_t *map)
{
    size_t cursor = 0;
    uint64_t key;
    while (map_next (map, &cursor, &key))
        map_remove_at (map, &cursor);
}

void
backlog_clear (backlog_t *self)
{
    memset (self->lists, 0, sizeof self->lists);
    self->free = self->fresh = (chain_t){ 0 };
    self->delivered_count = 0;
    for (uint32_t i = 0; i < BACKLOG_ENTRIES_MAX; i++)
        s_push (self, &self->free, i);
    for (uint32_t i = 0; i < DELIVERIES_MAX; i++) {
        memset (&self->deliveries[i], 0, sizeof self->deliveries[i]);
        s_link (self, &self->deliveries[i], DELIVERY_FREE);
    }
    for (size_t state = 0; state < DELIVERY_STATES; state++)
        self->soonest_us[state] = UINT64_MAX;
    /* twice: a walk that removes may pass over an entry that wrapped round the end of the table */
    while (map_count (self->known))
        s_map_clear (self->known);
    while (map_count (self->by_id))
        s_map_clear (self->by_id);
}

backlog_t *
backlog_new (void)
{
    backlog_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->known = map_new (BACKLOG_ENTRIES_MAX, sizeof (uint64_t), 1);
    self->by_id = map_new (DELIVERIES_MAX, sizeof (uint64_t), 2);
    self->next_id = 1;
    backlog_clear (self);
    return self;
}

void
backlog_destroy (backlog_t **self_p)
{
    if (*self_p) {
        map_destroy (&(*self_p)->known);
        map_destroy (&(*self_p)->by_id);
        free (*self_p);
        *self_p = NULL;
    }
}

/* -------------------------------------------------------------------------- entries */

static uint64_t
s_key (const order_event_t *event)
{
    return hash_pair (hash_pair (event->sale_id, event->epoch),
                      hash_pair (event->entry_ms, event->entry_seq));
}

static bool
s_is_same_entry (const order_event_t *a, const order_event_t *b)
{
    return a->sale_id == b->sale_id && a->epoch == b->epoch && a->entry_ms == b->entry_ms &&
           a->entry_seq == b->entry_seq;
}

/*  On TAKE_NEW the entry is at the end of `chain`. */
static take_t
s_take (backlog_t *self, const order_event_t *event, uint32_t stream, chain_t *chain)
{
    const uint64_t *known = map_find (self->known, s_key (event));
    if (known)
        return s_is_same_entry (&self->entries[*known].event, event) ? TAKE_KNOWN : TAKE_COLLIDES;
    uint32_t index = s_pop (self, &self->free);
    uint64_t *place = map_insert (self->known, s_key (event));
    CHECK (place);
    *place = index;
    self->entries[index].event = *event;
    self->entries[index].stream = stream;
    s_push (self, chain, index);
    return TAKE_NEW;
}

take_t
backlog_take (backlog_t *self, const order_event_t *event, uint32_t stream)
{
    return s_take (self, event, stream, &self->fresh);
}

size_t
backlog_room (const backlog_t *self)
{
    return self->free.count;
}

size_t
backlog_unacknowledged (const backlog_t *self)
{
    return self->fresh.count + self->delivered_count;
}

size_t
backlog_fresh (const backlog_t *self)
{
    return self->fresh.count;
}

const order_event_t *
backlog_event (const backlog_t *self, uint32_t entry)
{
    return &self->entries[entry].event;
}

uint32_t
backlog_stream (const backlog_t *self, uint32_t entry)
{
    return self->entries[entry].stream;
}

uint32_t
backlog_after (const backlog_t *self, uint32_t entry)
{
    return self->entries[entry].next;
}

uint32_t
backlog_shift (backlog_t *self, chain_t *from, chain_t *to)
{
    uint32_t index = s_pop (self, from);
    s_push (self, to, index);
    return index;
}

void
backlog_drop (backlog_t *self, chain_t *chain)
{
    while (chain->count) {
        bool was_known = map_remove (self->known, s_key (&self->entries[chain->first].event));
        CHECK (was_known);
        backlog_shift (self, chain, &self->free);
    }
}

/* -------------------------------------------------------------------------- deliveries */

/*  An empty READY delivery with a new id. */
static delivery_t *
s_new_delivery (backlog_t *self, uint64_t now_us)
{
    list_t *unused = &self->lists[DELIVERY_FREE];
    CHECK (unused->count > 0);
    delivery_t *delivery = &self->deliveries[unused->first];
    s_unlink (self, delivery);
    memset (delivery, 0, sizeof *delivery);
    delivery->id = self->next_id++;
    delivery->since_us = now_us;
    uint64_t *place = map_insert (self->by_id, delivery->id);
    CHECK (place);
    *place = s_index (self, delivery);
    s_link (self, delivery, DELIVERY_READY);
    backlog_move (self, delivery, DELIVERY_READY, now_us);
    return delivery;
}

take_t
backlog_take_dead (backlog_t *self, const order_event_t *event, uint32_t stream, death_t death,
                   uint64_t now_us)
{
    chain_t entry = { 0 };
    take_t take = s_take (self, event, stream, &entry);
    if (take != TAKE_NEW)
        return take;
    delivery_t *delivery = s_new_delivery (self, now_us);
    delivery->kind = DELIVERY_OF_DEAD;
    delivery->death = death;
    delivery->entries = entry;
    self->delivered_count++;
    return take;
}

delivery_t *
backlog_form_due (backlog_t *self, uint32_t stream, const due_t *due, uint64_t now_us)
{
    delivery_t *delivery = s_new_delivery (self, now_us);
    delivery->kind = DELIVERY_OF_DUE;
    delivery->stream = stream;
    delivery->sale_id = due->sale_id;
    delivery->message_us = due->due_us;
    return delivery;
}

delivery_t *
backlog_form (backlog_t *self, uint64_t now_us)
{
    CHECK (self->fresh.count > 0);
    delivery_t *delivery = s_new_delivery (self, now_us);
    while (self->fresh.count && delivery->entries.count < BATCH_ENTRIES_MAX)
        backlog_shift (self, &self->fresh, &delivery->entries);
    self->delivered_count += delivery->entries.count;
    return delivery;
}

delivery_t *
backlog_find (const backlog_t *self, uint64_t id)
{
    const uint64_t *index = map_find (self->by_id, id);
    return index ? (delivery_t *)&self->deliveries[*index] : NULL;
}

size_t
backlog_count (const backlog_t *self, delivery_state_t state)
{
    return self->lists[state].count;
}

delivery_t *
backlog_first (const backlog_t *self, delivery_state_t state)
{
    const list_t *list = &self->lists[state];
    return list->count ? (delivery_t *)&self->deliveries[list->first] : NULL;
}

delivery_t *
backlog_next (const backlog_t *self, const delivery_t *delivery)
{
    return delivery->next == NOWHERE ? NULL : (delivery_t *)&self->deliveries[delivery->next];
}

void
backlog_move (backlog_t *self, delivery_t *delivery, delivery_state_t state, uint64_t due_us)
{
    s_unlink (self, delivery);
    s_link (self, delivery, state);
    delivery->due_us = due_us;
    if (due_us < self->soonest_us[state])
        self->soonest_us[state] = due_us;
}

uint64_t
backlog_soonest_us (const backlog_t *self, delivery_state_t state)
{
    return self->soonest_us[state];
}

void
backlog_refresh_soonest (backlog_t *self, delivery_state_t state)
{
    self->soonest_us[state] = UINT64_MAX;
    const delivery_t *delivery = backlog_first (self, state);
    for (; delivery; delivery = backlog_next (self, delivery))
        if (delivery->due_us < self->soonest_us[state])
            self->soonest_us[state] = delivery->due_us;
}

chain_t
backlog_finish (backlog_t *self, delivery_t *delivery)
{
    chain_t entries = delivery->entries;
    bool was_known = map_remove (self->by_id, delivery->id);
    CHECK (was_known);
    self->delivered_count -= entries.count;
    s_unlink (self, delivery);
    memset (delivery, 0, sizeof *delivery);
    s_link (self, delivery, DELIVERY_FREE);
    return entries;
}

uint64_t
backlog_oldest_us (const backlog_t *self)
{
    uint64_t oldest_us = UINT64_MAX;
    for (size_t state = DELIVERY_READY; state < DELIVERY_STATES; state++) {
        const delivery_t *delivery = backlog_first (self, (delivery_state_t)state);
        for (; delivery; delivery = backlog_next (self, delivery))
            if (delivery->kind != DELIVERY_OF_DUE && delivery->since_us < oldest_us)
                oldest_us = delivery->since_us;
    }
    return oldest_us;
}

void
backlog_split (backlog_t *self, delivery_t *delivery, uint64_t due_us)
{
    const delivery_t whole = *delivery;
    chain_t entries = backlog_finish (self, delivery);
    while (entries.count) {
        delivery_t *single = s_new_delivery (self, whole.since_us);
        backlog_shift (self, &entries, &single->entries);
        single->consumer = whole.consumer;
        single->attempt = whole.attempt;
        self->delivered_count++;
        backlog_move (self, single, DELIVERY_BACKOFF, due_us);
    }
}

/* -------------------------------------------------------------------------- for tests */

uint64_t
backlog_digest (const backlog_t *self)
{
    uint64_t digest = hash_bytes (self->next_id, self->deliveries, sizeof self->deliveries);
    digest = hash_bytes (digest, self->lists, sizeof self->lists);
    digest = hash_bytes (digest, self->soonest_us, sizeof self->soonest_us);
    digest = hash_bytes (digest, self->entries, sizeof self->entries);
    return hash_bytes (digest, &self->fresh, sizeof self->fresh);
}

void
backlog_check (const backlog_t *self, size_t kept)
{
    size_t delivered = 0, deliveries = 0;
    for (size_t state = DELIVERY_READY; state < DELIVERY_STATES; state++) {
        size_t count = 0;
        const delivery_t *delivery = backlog_first (self, (delivery_state_t)state);
        for (; delivery; delivery = backlog_next (self, delivery)) {
            bool is_due = delivery->kind == DELIVERY_OF_DUE;
            bool is_lone = delivery->kind == DELIVERY_OF_DEAD || state == DELIVERY_COUNTING;
            CHECK (delivery->state == state && (delivery->entries.count > 0) == !is_due);
            CHECK (!is_lone || delivery->entries.count == 1);
            CHECK (delivery->due_us >= self->soonest_us[state]);
            CHECK (backlog_find (self, delivery->id) == delivery);
            delivered += delivery->entries.count;
            count++;
        }
        CHECK (count == self->lists[state].count);
        deliveries += count;
    }
    CHECK (delivered == self->delivered_count);
    CHECK (self->free.count + self->fresh.count + delivered + kept == BACKLOG_ENTRIES_MAX);
    CHECK (map_count (self->known) == BACKLOG_ENTRIES_MAX - self->free.count);
    CHECK (map_count (self->by_id) == deliveries);
}
