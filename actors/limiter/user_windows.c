/*  Sliding windows by user. Time is cut into sub-windows of a seventh of the window (rounded up); a
    user has the counts of the newest eight. Invariants:
    1. Two attempts less than one window apart are at most seven sub-windows apart, so the eight
    counts hold both: no window of time, wherever it begins, ever holds more than `count` attempts.
    The price: an attempt weighs for up to 8/7 of a window.
    2. Only a charge writes. Asking and being refused change nothing.
    3. A slot, once used, is never empty again, only taken over: a search may stop at the first
    empty slot.
    4. A user's slot is among the PROBE_SLOTS after its home. If all of them are live, the one that
    was charged longest ago is forgotten and the caller told.

    Source: the sub-window approximation of a sliding log; the exact log would take 8 bytes per
    attempt instead of 2 per sub-window. */

#include "user_windows.h"

#include "check.h"
#include "hash.h"

#include <string.h>

#define SUB_WINDOWS 8u
/*  Slots that one search may touch: ten cache lines at 40 bytes each. */
#define PROBE_SLOTS 16u

typedef struct window_t {
    uint64_t user_id;
    uint64_t newest;     /* number of the sub-window charged last */
    uint64_t generation; /* 0 = never used; another than the table's = before the window changed */
    uint16_t counts[SUB_WINDOWS]; /* of sub-window i at i % SUB_WINDOWS, for newest − 7 … newest */
} window_t;

struct user_windows_t {
    window_t *windows;
    size_t slot_count; /* power of two */
    uint64_t seed;
    uint64_t generation;
    uint64_t count_max; /* 0 = unlimited */
    uint64_t window_us;
    uint64_t sub_us;
};

user_windows_t *
user_windows_new (size_t users_max, uint64_t seed)
{
    user_windows_t *self = calloc (1, sizeof *self);
    CHECK (self && users_max > 0);
    self->slot_count = PROBE_SLOTS;
    while (self->slot_count < users_max)
        self->slot_count *= 2;
    self->windows = calloc (self->slot_count, sizeof *self->windows);
    CHECK (self->windows);
    self->seed = seed;
    self->generation = 1;
    self->sub_us = 1;
    return self;
}

void
user_windows_destroy (user_windows_t **self_p)
{
    if (*self_p) {
        free ((*self_p)->windows);
        free (*self_p);
        *self_p = NULL;
    }
}

void
user_windows_limit (user_windows_t *self, uint64_t count, uint64_t window_us)
{
    self->count_max = window_us == 0 ? 0 : count < USER_COUNT_MAX ? count : USER_COUNT_MAX;
    if (window_us == self->window_us)
        return;
    self->window_us = window_us;
    self->sub_us = window_us / (SUB_WINDOWS - 1) + 1;
    self->generation++;
}

static window_t *
s_slot (const user_windows_t *self, uint64_t user_id, size_t i)
{
    return &self->windows[(hash_pair (self->seed, user_id) + i) & (self->slot_count - 1)];
}

static window_t *
s_find (const user_windows_t *self, uint64_t user_id)
{
    for (size_t i = 0; i < PROBE_SLOTS; i++) {
        window_t *window = s_slot (self, user_id, i);
        if (window->generation == 0)
            return NULL;
        if (window->user_id == user_id)
            return window;
    }
    return NULL;
}

/*  True if anything in the window still weighs in sub-window `present`. */
static bool
s_is_live (const user_windows_t *self, const window_t *window, uint64_t present)
{
    return window->generation == self->generation && present < window->newest + SUB_WINDOWS;
}

/*  Attempts that weigh in sub-window `present`, and the oldest sub-window that holds one. */
static uint64_t
s_spent (const window_t *window, uint64_t present, uint64_t *oldest)
{
    uint64_t spent = 0;
    for (uint64_t age = 0; age < SUB_WINDOWS && age <= window->newest; age++) {
        uint64_t number = window->newest - age;
        uint16_t count = window->counts[number % SUB_WINDOWS];
        if (number + SUB_WINDOWS <= present || count == 0)
            continue;
        spent += count;
        *oldest = number;
    }
    return spent;
}

uint64_t
user_windows_wait_us (const user_windows_t *self, uint64_t user_id, uint64_t now_us)
{
    uint64_t present = now_us / self->sub_us, oldest = 0;
    if (self->count_max == 0)
        return 0;
    const window_t *window = s_find (self, user_id);
    if (!window || !s_is_live (self, window, present) ||
        s_spent (window, present, &oldest) < self->count_max)
        return 0;
    return (oldest + SUB_WINDOWS) * self->sub_us - now_us;
}

/*  The slot for a user who has none: an empty or expired one, else the one charged longest ago. */
static window_t *
s_claim (const user_windows_t *self, uint64_t user_id, uint64_t present, bool *forgets)
{
    window_t *stalest = NULL;
    *forgets = false;
    for (size_t i = 0; i < PROBE_SLOTS; i++) {
        window_t *window = s_slot (self, user_id, i);
        if (!s_is_live (self, window, present))
            return window;
        if (!stalest || window->newest < stalest->newest)
            stalest = window;
    }
    *forgets = true;
    return stalest;
}

/*  Brings the window to sub-window `present`: counts of the skipped ones are zero. */
static void
s_advance (window_t *window, uint64_t present)
{
    while (window->newest < present)
        window->counts[++window->newest % SUB_WINDOWS] = 0;
}

bool
user_windows_charge (user_windows_t *self, uint64_t user_id, uint64_t now_us)
{
    uint64_t present = now_us / self->sub_us;
    bool forgets = false;
    if (self->count_max == 0)
        return false;
    CHECK (user_windows_wait_us (self, user_id, now_us) == 0);
    window_t *window = s_find (self, user_id);
    if (!window)
        window = s_claim (self, user_id, present, &forgets);
    if (forgets || window->user_id != user_id || !s_is_live (self, window, present)) {
        memset (window, 0, sizeof *window);
        window->user_id = user_id;
        window->newest = present;
        window->generation = self->generation;
    }
    s_advance (window, present);
    window->counts[window->newest % SUB_WINDOWS]++;
    return forgets;
}

uint64_t
user_windows_digest (const user_windows_t *self)
{
    uint64_t limit = hash_pair (self->count_max, self->window_us);
    return hash_bytes (limit ^ self->generation, self->windows,
                       self->slot_count * sizeof *self->windows);
}

void
user_windows_check (const user_windows_t *self)
{
    for (size_t i = 0; i < self->slot_count; i++) {
        const window_t *window = &self->windows[i];
        uint64_t oldest;
        CHECK (window->generation <= self->generation);
        CHECK (s_spent (window, window->newest, &oldest) <= USER_COUNT_MAX);
    }
}
